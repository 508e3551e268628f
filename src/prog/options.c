/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line of `iscsifs`. The one hard thing: three places may say the same (file, URL,
 * options), and which one wins must not depend on the order of the words: defaults, then the file,
 * then -o and -P, then the URL, then the environment and password files for what is still missing.
 */
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iscsifs/check.h"
#include "iscsifs/cleanup.h"
#include "iscsifs/conf_file.h"
#include "iscsifs/num.h"
#include "iscsifs/url.h"

const char options_help[] =
"usage: iscsifs [options] URL MOUNTPOINT\n"
"       iscsifs [options] -c FILE MOUNTPOINT\n"
"\n"
"Shows the LUNs of iSCSI targets as files, without root and without kernel modules.\n"
"\n"
"  URL   iscsi://[user@]host[:port][/target-iqn[/lun]]\n"
"        without a target every target that the portal tells of; with a LUN and a\n"
"        regular file as MOUNTPOINT, that file becomes the disk\n"
"\n"
"  -c, --config FILE     targets and settings from FILE, see iscsifs.conf(5)\n"
"  -f, --foreground      stay in the foreground, log to stderr\n"
"  -d, --debug           log much more; implies -f\n"
"  -o OPT[,OPT…]         see below\n"
"  -P NAME=VALUE         a setting by open-iscsi's name, in full or its last part:\n"
"                        -P node.session.timeo.replacement_timeout=20\n"
"  -h, --help            this text\n"
"  -V, --version         the version\n"
"\n"
"options of -o:\n"
"  ro, rw                write nothing; the default is rw\n"
"  background            serve at once; LUNs appear when their targets can be reached\n"
"  password-file=FILE    the CHAP password (one line, FILE readable by you alone);\n"
"                        $ISCSIFS_PASSWORD is another way\n"
"  user=NAME             the CHAP name, as in the URL\n"
"  initiator=IQN         our name; default: /etc/iscsi/initiatorname.iscsi, or made\n"
"                        from the machine's id\n"
"  cache=auto|none       whether plain reads may use the page cache\n"
"  hold_limit=SIZE       memory for writes that wait during an outage (256M)\n"
"  control=PATH          the control socket; default: where iscsifsadm looks\n"
"  log_file=PATH         log there instead of to syslog\n"
"  uid=N, gid=N, mode=O  owner and mode of the files\n"
"  allow_other, nonempty as for any FUSE file system\n"
"  NAME=VALUE            any setting, as -P\n"
"  anything else         is given to mount.fuse3\n"
"\n"
"Unmount with `fusermount3 -u MOUNTPOINT`; written data is flushed first.\n"
"Ask with `iscsifsadm session`, or read MOUNTPOINT/.iscsifs/sessions.\n";

/* What is gathered before the pieces are put together. */
struct gather {
	struct options *o;
	struct node_settings settings;	/* of the command line, defaults below */
	struct {
		char name[128];
		char value[SETTING_STRING_BYTES];
	} sets[64];
	unsigned set_count;
	char config[4096];
	char password_file[4096];
	struct url url;
	bool has_url;
	void (*note)(const char *text, void *arg);
	void *arg;
};

/* --- secrets ------------------------------------------------------------------------------ */

static int options_read_password(const char *path, char *out, size_t size, struct err *err)
{
	cleanup_fclose FILE *f = fopen(path, "re");
	struct stat st;
	size_t len;

	if (!f || fstat(fileno(f), &st) < 0)
		return err_set(err, ERR_INVALID, "password-file %s: %s", path, strerror(errno));
	if (S_ISREG(st.st_mode) && st.st_mode & 077)
		return err_set(err, ERR_ACCESS, "password-file %s may be read by others: chmod 600 %s",
			       path, path);
	if (!fgets(out, (int)size, f))
		return err_set(err, ERR_INVALID, "password-file %s is empty", path);
	len = strcspn(out, "\r\n");
	if (len + 1 >= size)
		return err_set(err, ERR_INVALID, "password-file %s: longer than %zu bytes", path,
			       size - 2);
	out[len] = '\0';
	return 0;
}

/* Passwords in argv are seen by every user of this machine in ps. */
static void options_warn_of_secret(const struct gather *g)
{
	g->note("a password on the command line can be seen by others: use $ISCSIFS_PASSWORD or "
		"-o password-file=FILE", g->arg);
}

/* The userinfo ends at the last @ before the path, as url_parse() has it. */
static void options_wipe_url(char *arg, const struct gather *g)
{
	char *host = strstr(arg, "://");
	char *path = host ? strchr(host + 3, '/') : NULL;
	char *percent = strchr(arg, '%');
	char *at = NULL;

	for (char *p = arg; *p && p != path; p++)
		at = *p == '@' ? p : at;
	if (!*g->url.password || !at || !percent || percent > at)
		return;
	memset(percent + 1, 'x', (size_t)(at - percent - 1));
	options_warn_of_secret(g);
}

static int options_find_password(struct gather *g, struct node_settings *n, struct err *err)
{
	const char *env = getenv("ISCSIFS_PASSWORD");
	const char *env_in = getenv("ISCSIFS_PASSWORD_IN");

	if (*g->password_file &&
	    options_read_password(g->password_file, n->password, sizeof(n->password), err) < 0)
		return -(int)err->code;
	if (!*n->password && *n->username && env)
		snprintf(n->password, sizeof(n->password), "%s", env);
	if (!*n->password_in && *n->username_in && env_in)
		snprintf(n->password_in, sizeof(n->password_in), "%s", env_in);
	if (*n->username && !*n->password)
		return err_set(err, ERR_INVALID, "user %s has no password: give -o password-file=FILE "
			       "or $ISCSIFS_PASSWORD", n->username);
	return 0;
}

/* --- our own name ------------------------------------------------------------------------- */

static bool options_name_from_file(char *out, size_t size)
{
	cleanup_fclose FILE *f = fopen("/etc/iscsi/initiatorname.iscsi", "re");
	struct err ignored = ERR_INIT;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "InitiatorName=", 14))
			continue;
		line[strcspn(line, "\r\n \t")] = '\0';
		snprintf(out, size, "%.223s", line + 14);
		return url_check_name(out, &ignored) == 0;
	}
	return false;
}

/* FNV-1a: only to make a short stable name of a long one. */
static uint64_t options_hash(const char *text, uint64_t h)
{
	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 0x100000001b3;
	return h;
}

static void options_make_name(char *out, size_t size)
{
	cleanup_fclose FILE *f = fopen("/etc/machine-id", "re");
	char id[64] = "", host[65] = "";
	uint64_t h = 0xcbf29ce484222325;

	if (f)
		(void)!fgets(id, sizeof(id), f);
	gethostname(host, sizeof(host) - 1);
	h = options_hash(host, options_hash(id, h));
	h = (h ^ getuid()) * 0x100000001b3;
	snprintf(out, size, "iqn.2026-11.example.iscsifs:%012llx",
		 (unsigned long long)(h & 0xffffffffffff));
}

static int options_our_name(struct node_settings *n, struct err *err)
{
	if (*n->initiator_name)
		return url_check_name(n->initiator_name, err);
	if (!options_name_from_file(n->initiator_name, sizeof(n->initiator_name)))
		options_make_name(n->initiator_name, sizeof(n->initiator_name));
	return 0;
}

/* --- words of -o -------------------------------------------------------------------------- */

/* @value lies in argv: a secret is overwritten there once it is remembered. */
static void options_wipe_value(const struct gather *g, const char *name, char *value)
{
	struct err ignored = ERR_INIT;
	const struct setting *row = settings_lookup(&node_settings_table, name, &ignored);

	if (!row || row->type != SETTING_SECRET)
		return;
	memset(value, 'x', strlen(value));
	options_warn_of_secret(g);
}

static int options_remember_set(struct gather *g, const char *name, const char *value,
				struct err *err)
{
	struct node_settings scratch = g->settings;
	struct setting_note note;

	if (g->set_count == ARRAY_SIZE(g->sets) || strlen(name) >= sizeof(g->sets[0].name) ||
	    strlen(value) >= sizeof(g->sets[0].value))
		return err_set(err, ERR_INVALID, "too many settings, or one too long, at %.64s", name);
	if (node_settings_set(&scratch, name, value, &note, err) < 0)
		return -(int)err->code;
	if (*note.text)
		g->note(note.text, g->arg);
	snprintf(g->sets[g->set_count].name, sizeof(g->sets[0].name), "%s", name);
	snprintf(g->sets[g->set_count].value, sizeof(g->sets[0].value), "%s", value);
	g->set_count++;
	return 0;
}

static int options_copy(char *out, size_t size, const char *name, const char *value, struct err *err)
{
	if (!value || !*value || strlen(value) >= size)
		return err_set(err, ERR_INVALID, "-o %s wants a value of at most %zu bytes", name,
			       size - 1);
	snprintf(out, size, "%s", value);
	return 0;
}

/* The daemon leaves this directory: a path is made absolute. */
static int options_path(char *out, size_t size, const char *name, const char *value, struct err *err)
{
	cleanup_free char *here = NULL;
	int n;

	if (!value || *value == '/')
		return options_copy(out, size, name, value, err);
	here = getcwd(NULL, 0);
	n = here ? snprintf(out, size, "%s/%s", here, value) : -1;
	if (!*value || n < 0 || (size_t)n >= size)
		return err_set(err, ERR_INVALID, "-o %s wants a path of at most %zu bytes", name,
			       size - 1);
	return 0;
}

static int options_number(const char *name, const char *value, int base, uint64_t max, uint64_t *out,
			  struct err *err)
{
	char *end;

	errno = 0;
	*out = value ? strtoull(value, &end, base) : 0;
	if (!value || !*value || *end || errno || *out > max || *value == '-')
		return err_set(err, ERR_INVALID, "-o %s: want %s, at most %llo%s", name,
			       base == 8 ? "an octal mode" : "a number", (unsigned long long)max,
			       base == 8 ? "" : " (octal)");
	return 0;
}

static int options_cache(struct options *o, const char *value, struct err *err)
{
	if (value && !strcmp(value, "auto"))
		o->daemon.mount.cache = MOUNT_CACHE_AUTO;
	else if (value && !strcmp(value, "none"))
		o->daemon.mount.cache = MOUNT_CACHE_NONE;
	else
		return err_set(err, ERR_INVALID, "-o cache=%s: want auto or none", value ? value : "");
	return 0;
}

static int options_owner(struct options *o, const char *name, const char *value, struct err *err)
{
	bool mode = !strcmp(name, "mode");
	uint64_t n;
	int rc = options_number(name, value, mode ? 8 : 10, mode ? 0777 : UINT32_MAX - 1, &n, err);

	if (rc < 0)
		return rc;
	if (mode)
		o->daemon.mount.mode = (mode_t)n;
	else if (*name == 'u')
		o->daemon.mount.uid = (uid_t)n;
	else
		o->daemon.mount.gid = (gid_t)n;
	return 0;
}

/* For mount.fuse3: what we do not know ourselves. */
static int options_pass_on(struct options *o, const char *name, const char *value, struct err *err)
{
	size_t len = strlen(o->fuse_options);
	int n = snprintf(o->fuse_options + len, sizeof(o->fuse_options) - len, "%s%s%s%s",
			 len ? "," : "", name, value ? "=" : "", value ? value : "");

	if (n < 0 || (size_t)n >= sizeof(o->fuse_options) - len)
		return err_set(err, ERR_INVALID, "too many mount options");
	return 0;
}

static int options_take_setting(struct gather *g, const char *name, char *value, struct err *err)
{
	int rc = options_remember_set(g, name, value, err);

	options_wipe_value(g, name, value);
	return rc;
}

static bool options_is_setting(const char *name)
{
	struct err ignored = ERR_INIT;

	return settings_lookup(&node_settings_table, name, &ignored) != NULL;
}

static int options_word(struct gather *g, const char *name, char *value, struct err *err)
{
	struct options *o = g->o;
	struct mount_param *m = &o->daemon.mount;

	if (!strcmp(name, "ro") || !strcmp(name, "rw"))
		m->read_only = name[1] == 'o';
	else if (!strcmp(name, "background"))
		o->daemon.background = true;
	else if (!strcmp(name, "allow_other"))
		m->allow_other = true;
	else if (!strcmp(name, "nonempty"))
		m->nonempty = true;
	else if (!strcmp(name, "password-file"))
		return options_copy(g->password_file, sizeof(g->password_file), name, value, err);
	else if (!strcmp(name, "user"))
		return options_remember_set(g, "node.session.auth.username", value ? value : "", err);
	else if (!strcmp(name, "initiator"))
		return options_copy(g->settings.initiator_name, 224, name, value, err);
	else if (!strcmp(name, "cache"))
		return options_cache(o, value, err);
	else if (!strcmp(name, "hold_limit")) {
		if (!value || num_parse_size(value, &m->hold_limit_bytes) < 0)
			return err_set(err, ERR_INVALID, "-o hold_limit: want a size, as 256M");
	} else if (!strcmp(name, "control"))
		return options_path(o->daemon.control, sizeof(o->daemon.control), name, value, err);
	else if (!strcmp(name, "log_file"))
		return options_path(o->log_file, sizeof(o->log_file), name, value, err);
	else if (!strcmp(name, "uid") || !strcmp(name, "gid") || !strcmp(name, "mode"))
		return options_owner(o, name, value, err);
	else if (value && options_is_setting(name))
		return options_take_setting(g, name, value, err);
	else
		return options_pass_on(o, name, value, err);
	return 0;
}

static int options_words(struct gather *g, char *text, struct err *err)
{
	char *save = NULL;

	for (char *w = strtok_r(text, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		char *value = strchr(w, '=');

		if (value)
			*value++ = '\0';
		if (options_word(g, w, value, err) < 0)
			return -(int)err->code;
	}
	return 0;
}

static int options_setting(struct gather *g, char *text, struct err *err)
{
	char *value = strchr(text, '=');

	if (!value)
		return err_set(err, ERR_INVALID, "-P %s: want NAME=VALUE", text);
	*value++ = '\0';
	return options_take_setting(g, text, value, err);
}

/* --- targets ------------------------------------------------------------------------------ */

static struct daemon_target *options_add_target(struct options *o, const struct node_settings *n)
{
	struct daemon_target *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->lun = -1;
	t->settings = *n;
	list_append(&o->daemon.targets, &t->link);
	return t;
}

static int options_apply_sets(const struct gather *g, struct node_settings *n, struct err *err)
{
	for (unsigned i = 0; i < g->set_count; i++) {
		if (node_settings_set(n, g->sets[i].name, g->sets[i].value, NULL, err) < 0)
			return -(int)err->code;
	}
	if (*g->settings.initiator_name)
		memcpy(n->initiator_name, g->settings.initiator_name, sizeof(n->initiator_name));
	return 0;
}

static int options_add_portal(struct daemon_target *t, const char *text, struct err *err)
{
	char host[URL_HOST_MAX];
	uint16_t port;

	if (t->portal_count == DAEMON_PORTALS_MAX)
		return err_set(err, ERR_INVALID, "more than %d portals", DAEMON_PORTALS_MAX);
	if (url_parse_portal(text, host, &port, err) < 0)
		return -(int)err->code;
	snprintf(t->portals[t->portal_count++], sizeof(t->portals[0]),
		 strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
	return 0;
}

static int options_add_url(struct gather *g, struct err *err)
{
	struct node_settings n;
	struct daemon_target *t;

	node_settings_init(&n);
	if (options_apply_sets(g, &n, err) < 0)
		return -(int)err->code;
	if (*g->url.user)
		snprintf(n.username, sizeof(n.username), "%s", g->url.user);
	if (*g->url.password)
		snprintf(n.password, sizeof(n.password), "%s", g->url.password);
	t = options_add_target(g->o, &n);
	if (!t)
		return err_set(err, ERR_NOMEM, "no memory");
	memcpy(t->name, g->url.target, sizeof(t->name));
	t->lun = g->url.lun;
	snprintf(t->portals[t->portal_count++], sizeof(t->portals[0]), "%s", g->url.portal);
	g->o->daemon.flat = *t->name != '\0';
	return 0;
}

/* --- the configuration file --------------------------------------------------------------- */

static const struct conf_key options_conf_top[] = {
	{ .name = "portal", .list = true },
	{ .name = NULL },
};

static const struct conf_key options_conf_target[] = {
	{ .name = "portal", .list = true },
	{ .name = "alias" },
	{ .name = "lun" },
	{ .name = NULL },
};

static const struct conf_grammar options_grammar = {
	.settings = &node_settings_table,
	.top = options_conf_top,
	.section = "target",
	.in_section = options_conf_target,
};

static int options_conf_portals(const struct conf_file *f, const struct conf_section *s,
				struct daemon_target *t, struct err *err)
{
	const struct conf_entry *e = conf_find(s, "portal");

	for (size_t i = 0; e && i < e->count; i++) {
		if (options_add_portal(t, e->values[i], err) < 0)
			return conf_entry_err(f, e, err);
	}
	return 0;
}

static int options_conf_lun(const struct conf_file *f, const struct conf_section *s,
			    struct daemon_target *t, struct err *err)
{
	const struct conf_entry *e = conf_find(s, "lun");
	int64_t n;

	if (!e)
		return 0;
	if (num_parse_i64(e->values[0], 0, 16383, &n) < 0) {
		err_set(err, ERR_INVALID, "lun \"%.40s\": want 0 to 16383", e->values[0]);
		return conf_entry_err(f, e, err);
	}
	t->lun = (int)n;
	return 0;
}

static int options_conf_section(struct gather *g, const struct conf_file *f,
				const struct conf_section *s, const struct node_settings *defaults,
				struct err *err)
{
	const struct conf_entry *alias = conf_find(s, "alias");
	struct daemon_target *t = options_add_target(g->o, defaults);

	if (!t)
		return err_set(err, ERR_NOMEM, "no memory");
	if (s->title) {
		if (url_check_name(s->title, err) < 0)
			return err_prefix(err, "%s:%d", f->path, s->line);
		snprintf(t->name, sizeof(t->name), "%s", s->title);
		if (conf_apply(f, s, &node_settings_table, &t->settings, g->note, g->arg, err) < 0)
			return -(int)err->code;
	}
	if (alias)
		snprintf(t->alias, sizeof(t->alias), "%s", alias->values[0]);
	if (options_conf_portals(f, s, t, err) < 0 || options_conf_lun(f, s, t, err) < 0 ||
	    options_apply_sets(g, &t->settings, err) < 0)
		return -(int)err->code;
	if (!t->portal_count)
		return err_set(err, ERR_INVALID, "%s:%d: target %s has no portal", f->path, s->line,
			       t->name);
	return 0;
}

static int options_conf(struct gather *g, struct err *err)
{
	struct node_settings defaults;
	struct conf_file *f;
	int rc = conf_file_read(&f, g->config, &options_grammar, err);

	if (rc < 0)
		return rc;
	node_settings_init(&defaults);
	rc = conf_apply(f, &f->sections[0], &node_settings_table, &defaults, g->note, g->arg, err);
	if (!rc && conf_find(&f->sections[0], "portal"))
		rc = options_conf_section(g, f, &f->sections[0], &defaults, err);
	for (size_t i = 1; !rc && i < f->count; i++)
		rc = options_conf_section(g, f, &f->sections[i], &defaults, err);
	if (!rc && list_empty(&g->o->daemon.targets))
		rc = err_set(err, ERR_INVALID, "%s: neither a portal nor a target \"iqn…\" { … }",
			     g->config);
	conf_file_free(f);
	return rc;
}

/* --- all together ------------------------------------------------------------------------- */

static int options_finish_targets(struct gather *g, struct err *err)
{
	struct daemon_target *t;

	list_each(t, &g->o->daemon.targets, link) {
		if (options_our_name(&t->settings, err) < 0 ||
		    options_find_password(g, &t->settings, err) < 0 ||
		    node_settings_check(&t->settings, err) < 0)
			return -(int)err->code;
	}
	return 0;
}

/* A LUN over a regular file, or a tree in a directory. What is wrong with it, mount_new() says. */
static int options_mountpoint(struct gather *g, const char *arg, struct err *err)
{
	struct options *o = g->o;
	struct stat st;

	if (!realpath(arg, o->mountpoint))
		snprintf(o->mountpoint, sizeof(o->mountpoint), "%s", arg);
	o->daemon.mount.mountpoint = o->mountpoint;
	if (stat(o->mountpoint, &st) == 0 && S_ISREG(st.st_mode)) {
		if (!g->has_url || g->url.lun < 0)
			return err_set(err, ERR_INVALID, "%s is a regular file: that needs a URL with "
				       "a LUN, iscsi://host/target/0", arg);
		o->daemon.mount.single = true;
	}
	return 0;
}

static int options_arguments(struct gather *g, int argc, char **argv, struct err *err)
{
	int want = *g->config ? 1 : 2;

	if (argc != want)
		return err_set(err, ERR_INVALID, "want %s; see iscsifs --help",
			       *g->config ? "-c FILE MOUNTPOINT" : "URL MOUNTPOINT");
	if (!*g->config) {
		if (url_parse(&g->url, argv[0], err) < 0)
			return -(int)err->code;
		g->has_url = true;
		options_wipe_url(argv[0], g);
	}
	snprintf(g->o->source, sizeof(g->o->source), "%.511s", *g->config ? g->config : argv[0]);
	g->o->daemon.mount.source = g->o->source;
	g->o->daemon.mount.options = *g->o->fuse_options ? g->o->fuse_options : NULL;
	if (options_mountpoint(g, argv[want - 1], err) < 0 ||
	    (*g->config ? options_conf(g, err) : options_add_url(g, err)) < 0)
		return -(int)err->code;
	return options_finish_targets(g, err);
}

static int options_letters(struct gather *g, int argc, char **argv, struct err *err)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "foreground", no_argument, NULL, 'f' },
		{ "debug", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c, rc = 0;

	opterr = 0;
	while (!rc && (c = getopt_long(argc, argv, ":c:fdo:P:hV", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			rc = options_copy(g->config, sizeof(g->config), "-c", optarg, err);
			break;
		case 'd':
			g->o->debug = true;
			g->o->foreground = true;
			break;
		case 'f':
			g->o->foreground = true;
			break;
		case 'o':
			rc = options_words(g, optarg, err);
			break;
		case 'P':
			rc = options_setting(g, optarg, err);
			break;
		case 'h':
			g->o->help = true;
			break;
		case 'V':
			g->o->version = true;
			break;
		case ':':
			return err_set(err, ERR_INVALID, "%s wants a value; see iscsifs --help",
				       argv[optind - 1]);
		default:
			return err_set(err, ERR_INVALID, "unknown option %s; see iscsifs --help",
				       argv[optind - 1]);
		}
	}
	return rc;
}

int options_parse(struct options *o, int argc, char **argv, void (*note)(const char *text, void *arg),
		  void *arg, struct err *err)
{
	cleanup_free struct gather *g = calloc(1, sizeof(*g));
	int rc;

	if (!g)
		return err_set(err, ERR_NOMEM, "no memory");
	memset(o, 0, sizeof(*o));
	list_init(&o->daemon.targets);
	o->daemon.mount.uid = getuid();
	o->daemon.mount.gid = getgid();
	g->o = o;
	g->note = note;
	g->arg = arg;
	node_settings_init(&g->settings);
	rc = options_letters(g, argc, argv, err);
	if (!rc && !o->help && !o->version)
		rc = options_arguments(g, argc - optind, argv + optind, err);
	explicit_bzero(g, sizeof(*g));
	return rc;
}

void options_fini(struct options *o)
{
	struct daemon_target *t, *tmp;

	list_each_safe(t, tmp, &o->daemon.targets, link) {
		list_del(&t->link);
		explicit_bzero(t, sizeof(*t));
		free(t);
	}
}
