/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line of iscsifs-target. The one hard thing: options belong to the target before them,
 * and a disk is opened where it stands, so that the first mistake is the one that is told.
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
#include "iscsifs/cleanup.h"
#include "iscsifs/num.h"

enum option_code {
	OPT_HELP = 256,
	OPT_VERSION,
	OPT_PID_FILE,
	OPT_CONTROL,
	OPT_LOG_FILE,
	OPT_USER,
	OPT_PASSWORD_FILE,
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
	OPT_PARAM,
};

static const struct option options_options[] = {
	{ "listen", required_argument, NULL, 'l' },
	{ "target", required_argument, NULL, 't' },
	{ "lun", required_argument, NULL, 'L' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "debug", no_argument, NULL, 'd' },
	{ "control", required_argument, NULL, OPT_CONTROL },
	{ "pid-file", required_argument, NULL, OPT_PID_FILE },
	{ "log-file", required_argument, NULL, OPT_LOG_FILE },
	{ "user", required_argument, NULL, OPT_USER },
	{ "password-file", required_argument, NULL, OPT_PASSWORD_FILE },
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
	"\n"
	"Serve files, block devices and memory as iSCSI disks.\n"
	"\n"
	"  -l, --listen ADDRESS:PORT  where to listen; [::1]:3260 for IPv6, port 0 for a free one,\n"
	"                             may be repeated (default 127.0.0.1:3260)\n"
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
	"        serial=TEXT          serial number, up to 32 characters (default: made from the\n"
	"                             target's name and the LUN's number)\n"
	"      --user NAME            the initiator must know the password of NAME (CHAP);\n"
	"      --password-file FILE   which is the first line of FILE. Both belong to the target\n"
	"                             before them\n"
	"      --mutual-user NAME     and the target proves to it that it knows this one's\n"
	"      --mutual-password-file FILE\n"
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
	"Prints \"listening ADDRESS:PORT\" for each address when it is ready. SIGTERM and SIGINT end it.\n";

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
		       unsigned *out, struct err *e)
{
	uint64_t v;

	if (num_parse_u64(value, min, max, &v))
		return err_set(e, ERR_INVALID, "%s %s: want a number from %llu to %llu", what,
			       value, (unsigned long long)min, (unsigned long long)max);
	*out = (unsigned)v;
	return 0;
}

static bool options_is_serial(const char *s)
{
	size_t len = strlen(s);

	for (const char *p = s; *p; p++) {
		if (*p <= ' ' || *p > '~')
			return false;
	}
	return len && len <= 32;
}

/* One "key" or "key=value" behind the disk. */
static int options_lun_option(struct lun_options *o, char *word, struct err *e)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = 0;
	if (!strcmp(word, "ro") && !value) {
		o->write_protected = true;
		return 0;
	}
	if (!value)
		return err_set(e, ERR_INVALID, "LUN %s: unknown option \"%s\"", o->backing, word);
	if (!strcmp(word, "lun"))
		return options_number("lun", value, 0, TARGET_LUN_NUMBER_MAX, &o->number, e);
	if (!strcmp(word, "block"))
		return options_number("block", value, 512, 4096, &o->block_bytes, e);
	if (!strcmp(word, "physical"))
		return options_number("physical", value, 512, 4096, &o->physical_bytes, e);
	if (!strcmp(word, "write-cache") && !strcmp(value, "volatile")) {
		o->write_cache = o->volatile_cache = true;
		return 0;
	}
	if (!strcmp(word, "write-cache"))
		return options_yes_no(o->backing, word, value, &o->write_cache, e);
	if (!strcmp(word, "thin"))
		return options_yes_no(o->backing, word, value, &o->thin, e);
	if (!strcmp(word, "serial") && options_is_serial(value)) {
		o->serial = value;
		return 0;
	}
	return err_set(e, ERR_INVALID, "LUN %s: unknown option or bad value: %s=%s", o->backing,
		       word, value);
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
	struct lun_options o = { .block_bytes = 512, .physical_bytes = 4096, .write_cache = true,
				 .thin = true };
	char *rest, *word;
	int rc = 0;

	if (!st->target)
		return err_set(e, ERR_INVALID, "--lun %s: name its --target first", words);
	if (!copy)
		return err_set(e, ERR_NOMEM, "out of memory");
	while (target_lun(st->target, st->next_lun))
		st->next_lun++;
	o.number = st->next_lun;
	o.backing = copy;
	rest = options_cut(copy);
	while (!rc && (word = rest)) {
		rest = options_cut(word);
		rc = options_lun_option(&o, word, e);
	}
	return rc ? rc : target_add_lun(st->target, &o, e);
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
		return err_set(e, ERR_INVALID, "target %s: --user and --password-file go together",
			       st->target->name);
	if (!*out->user != !*out->text)
		return err_set(e, ERR_INVALID,
			       "target %s: --mutual-user and --mutual-password-file go together",
			       st->target->name);
	if (*out->user && !*in->user)
		return err_set(e, ERR_INVALID, "target %s: mutual CHAP needs --user as well",
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

static int options_add_target(struct target_settings *st, const char *name, struct err *e)
{
	int rc = options_end_target(st, e);

	if (rc)
		return rc;
	if (server_target(&st->server, name))
		return err_set(e, ERR_EXISTS, "target %s: named twice", name);
	rc = target_new(&st->target, name, e);
	if (rc)
		return rc;
	st->next_lun = 0;
	list_append(&st->server.targets, &st->target->link);
	return 0;
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

static int options_option(struct target_settings *st, int code, const char *arg, struct err *e)
{
	struct server_limits *l = &st->server.limits;

	switch (code) {
	case 'l':
		if (st->listens == TARGET_LISTEN_MAX)
			return err_set(e, ERR_INVALID, "--listen: %d addresses at most",
				       TARGET_LISTEN_MAX);
		st->listen[st->listens++] = arg;
		return 0;
	case 't':
		return options_add_target(st, arg, e);
	case 'L':
		return options_add_lun(st, arg, e);
	case 'f':
		st->foreground = true;
		return 0;
	case 'd':
		st->debug = true;
		return 0;
	case OPT_CONTROL:
		return options_absolute(arg, &st->control, e);
	case OPT_PID_FILE:
		return options_absolute(arg, &st->pid_file, e);
	case OPT_LOG_FILE:
		st->log_file = arg;
		return 0;
	case OPT_USER:
		return options_set_user(st, &st->incoming, arg, e);
	case OPT_PASSWORD_FILE:
		return options_set_password(st, &st->incoming, arg, e);
	case OPT_MUTUAL_USER:
		return options_set_user(st, &st->outgoing, arg, e);
	case OPT_MUTUAL_PASSWORD_FILE:
		return options_set_password(st, &st->outgoing, arg, e);
	case OPT_PING_INTERVAL:
		return options_span("--ping-interval", arg, &l->ping_interval, e);
	case OPT_PING_TIMEOUT:
		return options_span("--ping-timeout", arg, &l->ping_timeout, e);
	case OPT_LOGIN_TIMEOUT:
		return options_span("--login-timeout", arg, &l->login_timeout, e);
	case OPT_MAX_CONNECTIONS:
		return options_number("--max-connections", arg, 1, 65535, &l->connections, e);
	case OPT_QUEUE_DEPTH:
		return options_number("--queue-depth", arg, 1, 1024, &l->tasks, e);
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
	struct target *t;
	int rc = options_end_target(st, e);

	if (!rc && list_empty(&st->server.targets))
		return err_set(e, ERR_INVALID, "no --target given; try iscsifs-target --help");
	list_each(t, &st->server.targets, link) {
		if (!t->luns)
			fprintf(stderr, "iscsifs-target: warning: target %s has no --lun: it shows no disk\n",
				t->name);
	}
	if (!st->listens)
		st->listen[st->listens++] = "127.0.0.1:3260";
	return rc ? rc : target_faults_check(&st->faults, &st->server, e);
}

int target_options_parse(struct target_settings *st, int argc, char **argv, struct err *e)
{
	int code, rc = 0;

	while (!rc && (code = getopt_long(argc, argv, "l:t:L:fd", options_options, NULL)) != -1) {
		if (code == OPT_HELP) {
			fputs(options_help, stdout);
			return 1;
		}
		if (code == OPT_VERSION) {
			puts("iscsifs-target " PACKAGE_VERSION);
			return 1;
		}
		rc = options_option(st, code, optarg, e);
	}
	if (!rc && optind < argc)
		rc = err_set(e, ERR_INVALID, "\"%s\": no such argument; try iscsifs-target --help",
			     argv[optind]);
	return rc ? rc : options_check(st, e);
}

void target_options_free(struct target_settings *st)
{
	free(st->pid_file);
	free(st->control);
}
