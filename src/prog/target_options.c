/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line of iscsifs-target. The one hard thing: options of targets belong to the target
 * before them, and begin with the settings of the program wherever those stand.
 */
#include "target_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "iscsifs/check.h"
#include "iscsifs/cleanup.h"
#include "iscsifs/num.h"
#include "target/target_conf_file.h"
#include "target/tgt_conf.h"

enum option_code {
	OPT_HELP = 256,
	OPT_VERSION,
	OPT_PID_FILE,
	OPT_CONTROL,
	OPT_LOG_FILE,
	OPT_USER,
	OPT_OPEN,
	OPT_TGT_CONF,
	OPT_PRINT_CONF,
	OPT_INITIATOR_NAME,
	OPT_INITIATOR_ADDRESS,
	OPT_CHAP_USER,
	OPT_CHAP_PASSWORD_FILE,
	OPT_MUTUAL_USER,
	OPT_MUTUAL_PASSWORD_FILE,
	OPT_PING_INTERVAL,
	OPT_PING_TIMEOUT,
	OPT_LOGIN_TIMEOUT,
	OPT_MAX_CONNECTIONS,
	OPT_QUEUE_DEPTH,
	OPT_ENABLE_FAULTS,
	OPT_FAULT,
	OPT_FAULT_FILE,
};

static const struct option options_options[] = {
	{ "conf", required_argument, NULL, 'c' },
	{ "tgt-conf", required_argument, NULL, OPT_TGT_CONF },
	{ "print-conf", no_argument, NULL, OPT_PRINT_CONF },
	{ "listen", required_argument, NULL, 'l' },
	{ "param", required_argument, NULL, 'P' },
	{ "open", no_argument, NULL, OPT_OPEN },
	{ "user", required_argument, NULL, OPT_USER },
	{ "target", required_argument, NULL, 't' },
	{ "lun", required_argument, NULL, 'L' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "debug", no_argument, NULL, 'd' },
	{ "control", required_argument, NULL, OPT_CONTROL },
	{ "pid-file", required_argument, NULL, OPT_PID_FILE },
	{ "log-file", required_argument, NULL, OPT_LOG_FILE },
	{ "initiator-name", required_argument, NULL, OPT_INITIATOR_NAME },
	{ "initiator-address", required_argument, NULL, OPT_INITIATOR_ADDRESS },
	{ "chap-user", required_argument, NULL, OPT_CHAP_USER },
	{ "chap-password-file", required_argument, NULL, OPT_CHAP_PASSWORD_FILE },
	{ "mutual-user", required_argument, NULL, OPT_MUTUAL_USER },
	{ "mutual-password-file", required_argument, NULL, OPT_MUTUAL_PASSWORD_FILE },
	{ "ping-interval", required_argument, NULL, OPT_PING_INTERVAL },
	{ "ping-timeout", required_argument, NULL, OPT_PING_TIMEOUT },
	{ "login-timeout", required_argument, NULL, OPT_LOGIN_TIMEOUT },
	{ "max-connections", required_argument, NULL, OPT_MAX_CONNECTIONS },
	{ "queue-depth", required_argument, NULL, OPT_QUEUE_DEPTH },
	{ "enable-faults", no_argument, NULL, OPT_ENABLE_FAULTS },
	{ "fault", required_argument, NULL, OPT_FAULT },
	{ "fault-file", required_argument, NULL, OPT_FAULT_FILE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static const char options_help[] =
	"usage: iscsifs-target [OPTION]... --target IQN --lun DISK [--lun DISK]... [--target ...]\n"
	"       iscsifs-target [OPTION]... -c FILE | --tgt-conf FILE\n"
	"\n"
	"Serve files, block devices and memory as iSCSI disks.\n"
	"\n"
	"  -c, --conf FILE            read targets and settings from it: iscsifs-target.conf(5); what\n"
	"                             the command line says is added, or wins\n"
	"      --tgt-conf FILE        the same for a targets.conf of tgt\n"
	"      --print-conf           print all of it as an iscsifs-target.conf, with its passwords,\n"
	"                             and end\n"
	"  -P, --param KEY=VALUE      a key that stands outside of sections in such a file\n"
	"  -l, --listen ADDRESS:PORT  where to listen; [::1]:3260 for IPv6, port 0 for a free one,\n"
	"                             may be repeated (default 127.0.0.1:3260)\n"
	"      --open                 allow a target for everybody on an address that other machines\n"
	"                             reach\n"
	"  -t, --target IQN           begin a target of this name\n"
	"  -L, --lun DISK[,OPTION]... give it a disk: the path of a file or block device, ram:SIZE,\n"
	"                             or null:SIZE (reads zeros); a comma in a path is written \\,\n"
	"        lun=N                number, 0 to 16383 (default: the next free one from 0)\n"
	"        block=512|4096       bytes of a block (default 512)\n"
	"        physical=512|4096    bytes of a block of the medium, for alignment (default 4096)\n"
	"        ro                   write protected\n"
	"        write-cache=on|off|volatile\n"
	"                             off: a write is on the disk before it is answered;\n"
	"                             volatile: it is in a memory that a crash loses (default on)\n"
	"        thin=on|off          off: no UNMAP (default on)\n"
	"        serial=TEXT          serial number, up to 36 characters (default: made from the\n"
	"                             target's name and the LUN's number)\n"
	"        KEY=VALUE            any other key of a lun in iscsifs-target.conf(5)\n"
	"      --initiator-name IQN   who may log in, may be repeated (default: everybody)\n"
	"      --initiator-address ADDRESS[/BITS]\n"
	"                             and from where, likewise (default: everywhere)\n"
	"      --chap-user NAME       the initiator must know the password of NAME (CHAP);\n"
	"      --chap-password-file FILE\n"
	"                             which is the first line of FILE. These belong to the target\n"
	"                             before them\n"
	"      --mutual-user NAME     and the target proves to it that it knows this one's\n"
	"      --mutual-password-file FILE\n"
	"      --user USER[:GROUP]    be that user once sockets and disks are open\n"
	"  -f, --foreground           stay in the foreground, log to stderr\n"
	"  -d, --debug                log more\n"
	"      --log-file FILE        log there\n"
	"      --control SOCKET       answer questions there: iscsifs-control(7)\n"
	"      --pid-file FILE        write the process id there\n"
	"      --ping-interval TIME   ask a silent initiator whether it is there (default 20s,\n"
	"                             0 for never)\n"
	"      --ping-timeout TIME    and drop it when it does not answer (default 20s)\n"
	"      --login-timeout TIME   a login may take this long (default 15s)\n"
	"      --max-connections N    at once (default 256)\n"
	"      --queue-depth N        commands per session (default 128)\n"
	"      --enable-faults        allow it to misbehave, by rules: iscsifs-faults(5)\n"
	"      --fault RULE           a rule, may be repeated\n"
	"      --fault-file FILE      a file of rules, - for standard input\n"
	"      --help, --version\n"
	"\n"
	"Prints \"listening ADDRESS:PORT\" for each address when it is ready. SIGTERM and SIGINT end it,\n"
	"SIGHUP opens its log file again.\n";

/* --- disks --- */

static int options_yes_no(const char *lun, const char *key, const char *value, bool *out,
		       struct err *e)
{
	*out = !strcmp(value, "on");
	if (*out || !strcmp(value, "off"))
		return 0;
	return err_set(e, ERR_INVALID, "LUN %s: %s=%s: want on or off", lun, key, value);
}

static int options_number(const char *what, const char *value, uint64_t min, uint64_t max,
		       int *out, struct err *e)
{
	uint64_t v;

	if (num_parse_u64(value, min, max, &v))
		return err_set(e, ERR_INVALID, "%s %s: want a number from %llu to %llu", what,
			       value, (unsigned long long)min, (unsigned long long)max);
	*out = (int)v;
	return 0;
}

static int options_physical(const char *value, int *out, struct err *e)
{
	if (strcmp(value, "512") && strcmp(value, "4096"))
		return err_set(e, ERR_INVALID, "physical %s: want 512 or 4096", value);
	return options_number("physical", value, 512, 4096, out, e);
}

/* Words of the command line that are keys under another name. */
static const char *options_key(const char *word)
{
	static const char *const names[][2] = {
		{ "block", "block-size" },
		{ "serial", "scsi_sn" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(word, names[i][0]))
			return names[i][1];
	}
	return word;
}

/* What was said of a disk, before it is one. */
struct options_lun {
	const char *backing;
	int number;
	int physical;			/* 0: not said */
	struct target_keys keys;
};

/* One "key" or "key=value" behind the disk. */
static int options_lun_option(struct options_lun *o, char *word, struct err *e)
{
	char *value = strchr(word, '=');
	bool on;
	int rc;

	if (value)
		*value++ = 0;
	if (!strcmp(word, "ro") && !value) {
		o->keys.readonly = 1;
		return 0;
	}
	if (!value)
		return err_set(e, ERR_INVALID, "LUN %s: unknown option \"%s\"", o->backing, word);
	if (!strcmp(word, "lun"))
		return options_number("lun", value, 0, TARGET_LUN_NUMBER_MAX, &o->number, e);
	if (!strcmp(word, "physical"))
		return options_physical(value, &o->physical, e);
	if (!strcmp(word, "thin")) {
		rc = options_yes_no(o->backing, word, value, &on, e);
		o->keys.thin = on;
		return rc;
	}
	rc = settings_set_by_name(&target_keys_of_lun, &o->keys, options_key(word), value, NULL, e);
	return rc ? err_prefix(e, "LUN %s", o->backing) : 0;
}

/* "physical" as the exponent that the table has. */
static int options_lun_physical(struct options_lun *o, struct err *e)
{
	int block = (int)target_keys_block_bytes(&o->keys);

	if (!o->physical)
		return 0;
	if (o->physical < block)
		return err_set(e, ERR_INVALID, "LUN %s: physical=%d: want no less than block=%d",
			       o->backing, o->physical, block);
	o->keys.lbppbe = __builtin_ctz((unsigned)(o->physical / block));
	return 0;
}

/* Cut @text at its next comma that no backslash hides, and take the backslashes off. */
static char *options_cut(char *text)
{
	char *to = text;

	for (; *text && *text != ','; text++) {
		if (text[0] == '\\' && text[1] == ',')
			text++;
		*to++ = *text;
	}
	if (*text) {
		*to = 0;
		return text + 1;
	}
	*to = 0;
	return NULL;
}

static int options_add_lun(struct target_settings *st, const char *words, struct err *e)
{
	cleanup_free char *copy = strdup(words);
	struct options_lun o = { .number = TARGET_CONF_ANY };
	struct target_conf_lun *l;
	char *rest, *word;
	int rc = 0;

	if (!st->target)
		return err_set(e, ERR_INVALID, "--lun %s: name its --target first", words);
	if (!copy)
		return err_set(e, ERR_NOMEM, "out of memory");
	o.backing = copy;
	o.keys = st->target->keys;
	rest = options_cut(copy);
	while (!rc && (word = rest)) {
		rest = options_cut(word);
		rc = options_lun_option(&o, word, e);
	}
	rc = rc ? rc : options_lun_physical(&o, e);
	rc = rc ? rc : target_conf_add_lun(&l, st->target, o.number, 0, o.backing, NULL, e);
	if (!rc)
		l->keys = o.keys;
	return rc;
}

/* --- secrets --- */

/* The first line of @path, a file that only its owner may read. */
static int options_read_secret(const char *path, char secret[ACCESS_SECRET_MAX + 1], struct err *e)
{
	cleanup_fclose FILE *f = fopen(path, "re");
	struct stat st;
	char line[ACCESS_SECRET_MAX + 3];

	if (!f || fstat(fileno(f), &st))
		return err_set(e, ERR_ACCESS, "password file %s: %s", path, strerror(errno));
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return err_set(e, ERR_ACCESS, "password file %s: others may read it; chmod 600 it",
			       path);
	if (!fgets(line, sizeof(line), f))
		return err_set(e, ERR_INVALID, "password file %s: it is empty", path);
	line[strcspn(line, "\r\n")] = 0;
	if (!*line || strlen(line) > ACCESS_SECRET_MAX)
		return err_set(e, ERR_INVALID, "password file %s: want 1 to %d characters", path,
			       ACCESS_SECRET_MAX);
	memcpy(secret, line, strlen(line) + 1);
	explicit_bzero(line, sizeof(line));
	return 0;
}

static int options_set_user(const struct target_settings *st, struct target_secret *s,
			    const char *user, struct err *e)
{
	if (!st->target)
		return err_set(e, ERR_INVALID, "user %s: name the --target first", user);
	if (!*user || strlen(user) >= sizeof(s->user))
		return err_set(e, ERR_INVALID, "user \"%s\": want 1 to %d characters", user,
			       ACCESS_TEXT_MAX);
	memcpy(s->user, user, strlen(user) + 1);
	return 0;
}

static int options_set_password(const struct target_settings *st, struct target_secret *s,
				const char *path, struct err *e)
{
	if (!st->target)
		return err_set(e, ERR_INVALID, "password file %s: name the --target first", path);
	return options_read_secret(path, s->text, e);
}

/* Both halves of each credential of the last target become its accounts. */
static int options_end_target(struct target_settings *st, struct err *e)
{
	struct target_secret *in = &st->incoming, *out = &st->outgoing;
	int rc = 0;

	if (!*in->user != !*in->text)
		return err_set(e, ERR_INVALID, "target %s: --chap-user and --chap-password-file go together",
			       st->target->name);
	if (!*out->user != !*out->text)
		return err_set(e, ERR_INVALID,
			       "target %s: --mutual-user and --mutual-password-file go together",
			       st->target->name);
	if (*out->user && !*in->user)
		return err_set(e, ERR_INVALID, "target %s: mutual CHAP needs --chap-user as well",
			       st->target->name);
	if (*in->user)
		rc = access_add_account(&st->target->access, ACCESS_INCOMING, in->user, in->text, e);
	if (!rc && *out->user)
		rc = access_add_account(&st->target->access, ACCESS_OUTGOING, out->user, out->text,
					e);
	explicit_bzero(in, sizeof(*in));
	explicit_bzero(out, sizeof(*out));
	return rc ? err_prefix(e, "target %s", st->target->name) : 0;
}

/* --- command line --- */

static void options_note(const char *text, void *arg)
{
	(void)arg;
	fprintf(stderr, "iscsifs-target: warning: %s\n", text);
}

static int options_add_target(struct target_settings *st, const char *name, struct err *e)
{
	int rc = options_end_target(st, e);

	return rc ? rc : target_conf_add_target(&st->target, &st->conf, name, NULL, e);
}

static int options_allow(struct target_settings *st, enum access_class class, const char *text,
			 struct err *e)
{
	if (!st->target)
		return err_set(e, ERR_INVALID, "initiator %s: name the --target first", text);
	return access_add(&st->target->access, class, text, e);
}

static int options_span(const char *what, const char *value, span_ms *out, struct err *e)
{
	if (num_parse_span(value, out) || *out < 0)
		return err_set(e, ERR_INVALID, "%s %s: want a time such as 20s or 500ms", what, value);
	return 0;
}

/* @path from the root on, in memory of its own. */
static int options_absolute(const char *path, char **out, struct err *e)
{
	cleanup_free char *here = *path == '/' ? strdup("") : getcwd(NULL, 0);

	free(*out);
	*out = NULL;
	if (!here || asprintf(out, "%s%s%s", here, *here ? "/" : "", path) < 0)
		return err_set(e, ERR_NOMEM, "%s: %s", path, strerror(errno));
	return 0;
}

static bool options_is_of_target(int code)
{
	return code == 't' || code == 'L' || (code >= OPT_INITIATOR_NAME &&
					      code <= OPT_MUTUAL_PASSWORD_FILE);
}

/* The options that belong to a target. */
static int options_of_target(struct target_settings *st, int code, const char *arg, struct err *e)
{
	switch (code) {
	case 't':
		return options_add_target(st, arg, e);
	case 'L':
		return options_add_lun(st, arg, e);
	case OPT_INITIATOR_NAME:
		return options_allow(st, ACCESS_NAME, arg, e);
	case OPT_INITIATOR_ADDRESS:
		return options_allow(st, ACCESS_ADDRESS, arg, e);
	case OPT_CHAP_USER:
		return options_set_user(st, &st->incoming, arg, e);
	case OPT_CHAP_PASSWORD_FILE:
		return options_set_password(st, &st->incoming, arg, e);
	case OPT_MUTUAL_USER:
		return options_set_user(st, &st->outgoing, arg, e);
	case OPT_MUTUAL_PASSWORD_FILE:
		return options_set_password(st, &st->outgoing, arg, e);
	default:
		return 0;
	}
}

/* What is said here takes the place of what the file says. */
static int options_listen(struct target_settings *st, const char *address, struct err *e)
{
	if (!st->listens++)
		target_conf_forget_listen(&st->conf);
	return target_conf_add_listen(&st->conf, address, e);
}

/* "KEY=VALUE": a setting of the program, or a default of all targets. */
static int options_param(struct target_settings *st, const char *word, struct err *e)
{
	const char *value = strchr(word, '=');
	cleanup_free char *key = strndup(word, value ? (size_t)(value - word) : 0);
	struct setting_note note;
	int rc;

	if (!key)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (!value)
		return err_set(e, ERR_INVALID, "-P %s: want KEY=VALUE", word);
	rc = settings_set_by_name(&target_keys_all, &st->conf.keys, key, value + 1, &note, e);
	if (!rc && *note.text)
		options_note(note.text, NULL);
	return rc ? err_prefix(e, "-P") : 0;
}

/* The options that are settings of the program. Returns 1 for another one. */
/* An empty word is a script's empty variable, and must not mean root. */
static int options_user(struct target_keys *k, const char *words, struct err *e)
{
	if (!*words)
		return err_set(e, ERR_INVALID, "--user: want a USER or USER:GROUP");
	return settings_set_by_name(&target_keys_all, k, "user", words, NULL, e);
}

static int options_of_settings(struct target_settings *st, int code, const char *arg, struct err *e)
{
	struct target_keys *k = &st->conf.keys;

	switch (code) {
	case 'P':
		return options_param(st, arg, e);
	case 'l':
		return options_listen(st, arg, e);
	case OPT_OPEN:
		k->open = true;
		return 0;
	case OPT_USER:
		return options_user(k, arg, e);
	case OPT_PING_INTERVAL:
		return options_span("--ping-interval", arg, &k->nop_interval, e);
	case OPT_PING_TIMEOUT:
		k->nop_count = 0;
		return options_span("--ping-timeout", arg, &k->nop_timeout, e);
	case OPT_LOGIN_TIMEOUT:
		return options_span("--login-timeout", arg, &k->login_timeout, e);
	case OPT_MAX_CONNECTIONS:
		return options_number("--max-connections", arg, 1, 65535, &k->max_connections, e);
	case OPT_QUEUE_DEPTH:
		return options_number("--queue-depth", arg, 1, 1024, &k->max_commands, e);
	default:
		return 1;
	}
}

static int options_option(struct target_settings *st, int code, const char *arg, struct err *e)
{
	int rc = options_of_settings(st, code, arg, e);

	if (rc != 1)
		return rc;
	switch (code) {
	case 'f':
		st->foreground = true;
		return 0;
	case 'd':
		st->debug = true;
		return 0;
	case OPT_PRINT_CONF:
		st->print_conf = true;
		return 0;
	case OPT_CONTROL:
		return options_absolute(arg, &st->control, e);
	case OPT_PID_FILE:
		return options_absolute(arg, &st->pid_file, e);
	case OPT_LOG_FILE:
		return options_absolute(arg, &st->log_file, e);
	case OPT_ENABLE_FAULTS:
		st->faults.enabled = true;
		return 0;
	case OPT_FAULT:
		return target_faults_rule(&st->faults, &st->server, arg, e);
	case OPT_FAULT_FILE:
		return target_faults_file(&st->faults, &st->server, arg, e);
	default:
		return err_set(e, ERR_INVALID, "try iscsifs-target --help");
	}
}

static int options_check(struct target_settings *st, struct err *e)
{
	int rc = options_end_target(st, e);

	if (!rc && list_empty(&st->conf.targets) && st->conf_file)
		options_note("there is no target", NULL);
	else if (!rc && list_empty(&st->conf.targets))
		return err_set(e, ERR_INVALID,
			       "no target: give --target and --lun, -c or --tgt-conf; "
			       "try iscsifs-target --help");
	rc = rc ? rc : target_conf_check(&st->conf, options_note, NULL, e);
	if (!rc && list_empty(&st->conf.listen))
		rc = target_conf_add_listen(&st->conf, "127.0.0.1:3260", e);
	return rc ? rc : target_faults_check(&st->faults, &st->server, e);
}

static int options_read_conf(struct target_settings *st, int code, const char *path, struct err *e)
{
	if (st->conf_file)
		return err_set(e, ERR_INVALID, "%s: there is one configuration file at most, %s",
			       path, st->conf_file);
	st->conf_file = path;
	return code == 'c' ? target_conf_read(&st->conf, path, options_note, NULL, e) :
	       tgt_conf_read(&st->conf, path, options_note, NULL, e);
}

/*
 * Settings are the defaults of targets, so what the whole program is about comes before them,
 * wherever it stands: first the file, then the settings of the command line, then its targets.
 */
enum options_pass { OPTIONS_FILE, OPTIONS_PROGRAM, OPTIONS_TARGETS, OPTIONS_PASSES };

static int options_take(struct target_settings *st, enum options_pass pass, int code,
			const char *arg, struct err *e)
{
	bool file = code == 'c' || code == OPT_TGT_CONF;

	if (code == OPT_HELP) {
		fputs(options_help, stdout);
		return 1;
	}
	if (code == OPT_VERSION) {
		puts("iscsifs-target " PACKAGE_VERSION);
		return 1;
	}
	if (code == '?')
		return err_set(e, ERR_INVALID, "try iscsifs-target --help");
	if (pass == OPTIONS_FILE)
		return file ? options_read_conf(st, code, arg, e) : 0;
	if (file)
		return 0;
	if (pass == OPTIONS_TARGETS)
		return options_of_target(st, code, arg, e);
	return options_is_of_target(code) ? 0 : options_option(st, code, arg, e);
}

int target_options_parse(struct target_settings *st, int argc, char **argv, struct err *e)
{
	int code, rc = 0;

	target_conf_init(&st->conf);
	for (enum options_pass pass = OPTIONS_FILE; pass < OPTIONS_PASSES && !rc; pass++) {
		optind = 0;		/* GNU: from the start again */
		while (!rc && (code = getopt_long(argc, argv, "c:P:l:t:L:fd", options_options,
						  NULL)) != -1)
			rc = options_take(st, pass, code, optarg, e);
	}
	if (!rc && optind < argc)
		rc = err_set(e, ERR_INVALID, "\"%s\": no such argument; try iscsifs-target --help",
			     argv[optind]);
	rc = rc ? rc : options_check(st, e);
	if (rc || !st->print_conf)
		return rc;
	target_conf_print(&st->conf, true, stdout);
	return 1;
}

void target_options_free(struct target_settings *st)
{
	target_conf_fini(&st->conf);
	free(st->pid_file);
	free(st->log_file);
	free(st->control);
}
