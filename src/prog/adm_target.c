/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iscsifsadm target. A target program has one control socket, which must be named: what is done to
 * it, crashing among other things, is never done to one that just happened to be found.
 */
#include "prog/adm_target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "iscsifs/check.h"
#include "iscsifs/control.h"
#include "iscsifs/num.h"
#include "prog/show_target.h"

enum { ADM_TARGET_PATIENCE = 5000, ADM_TARGET_RULE_MAX = 1024, ADM_TARGET_SECRET_MAX = 255,
       ADM_TARGET_COLUMN = 36, ADM_TARGET_OPTIONS_MAX = 8192 };

/* One question. */
struct adm_question {
	const struct adm_target_options *options;
	struct control_record request;
	struct show_list answer;
	span_ms timeout;
	struct err err;
};

/* Words of the command line, and the question that they are. */
struct adm_form {
	const char *words;
	const char *arguments;
	const char *help;
	const char *cmd;
	const char *op;
	int (*put)(struct adm_question *q, char **args, int count);
	void (*print)(FILE *f, const struct show_list *answer);	/* as text; NULL: as pairs */
};

static void question_put(struct adm_question *q, const char *key, const char *value)
{
	if (control_record_add(&q->request, key, value))
		err_set(&q->err, ERR_NOMEM, "no memory");
}

static int put_nothing(struct adm_question *q, char **args, int count)
{
	return count ? err_set(&q->err, ERR_INVALID, "\"%s\" is one argument too many", args[0]) : 0;
}

static int put_name(struct adm_question *q, char **args, int count)
{
	if (count != 1)
		return err_set(&q->err, ERR_INVALID, "want one name");
	question_put(q, "name", args[0]);
	return 0;
}

static int put_pairs(struct adm_question *q, char **args, int count)
{
	for (int i = 0; i < count; i++) {
		char *equals = strchr(args[i], '=');

		if (!equals || equals == args[i])
			return err_set(&q->err, ERR_INVALID, "\"%s\": want KEY=VALUE", args[i]);
		*equals = 0;
		question_put(q, args[i], equals + 1);
	}
	return 0;
}

/* LUN [target=IQN]..., the one that the word is about first. */
static int put_one(struct adm_question *q, const char *key, const char *what, char **args,
		   int count)
{
	if (!count)
		return err_set(&q->err, ERR_INVALID, "want %s", what);
	question_put(q, key, args[0]);
	return put_pairs(q, args + 1, count - 1);
}

static int put_lun(struct adm_question *q, char **args, int count)
{
	return put_one(q, "lun", "the number of a LUN", args, count);
}

/* LUN SIZE */
static int put_lun_size(struct adm_question *q, char **args, int count)
{
	if (count < 2)
		return err_set(&q->err, ERR_INVALID, "want a LUN and a size, or auto");
	question_put(q, "size", args[1]);
	args[1] = args[0];
	return put_one(q, "lun", "the number of a LUN", args + 1, count - 1);
}

/* LUN [on|off] */
static int put_lun_flag(struct adm_question *q, char **args, int count)
{
	if (count < 2 || strchr(args[1], '='))
		return put_one(q, "lun", "the number of a LUN", args, count);
	question_put(q, "value", args[1]);
	args[1] = args[0];
	return put_one(q, "lun", "the number of a LUN", args + 1, count - 1);
}

static int put_session(struct adm_question *q, char **args, int count)
{
	return put_one(q, "tsih", "TSIH: which session?", args, count);
}

/* The rest as lines of one value. */
static int put_options(struct adm_question *q, char **args, int count)
{
	char options[ADM_TARGET_OPTIONS_MAX] = "";
	size_t len = 0;

	for (int i = 0; i < count; i++) {
		if (!strncmp(args[i], "target=", 7) || !strncmp(args[i], "lun=", 4)) {
			if (put_pairs(q, args + i, 1))
				return -1;
			continue;
		}
		len += (size_t)snprintf(options + len, sizeof(options) - len, "%s\n", args[i]);
		if (len >= sizeof(options))
			return err_set(&q->err, ERR_INVALID, "that is too much at once");
	}
	question_put(q, "options", options);
	return 0;
}

/* A path that means the same to the daemon, which is elsewhere. */
static int put_path(struct adm_question *q, const char *key, const char *path)
{
	char *whole = realpath(path, NULL);

	if (!whole)
		return err_set(&q->err, ERR_INVALID, "%s: %s", path, strerror(errno));
	question_put(q, key, whole);
	free(whole);
	return 0;
}

/* DISK [lun=N] [KEY=VALUE]... */
static int put_disk(struct adm_question *q, char **args, int count)
{
	if (!count)
		return err_set(&q->err, ERR_INVALID, "want a path, ram:SIZE or null:SIZE");
	if (!strncmp(args[0], "ram:", 4) || !strncmp(args[0], "null:", 5))
		question_put(q, "disk", args[0]);
	else if (put_path(q, "disk", args[0]))
		return -1;
	return put_options(q, args + 1, count - 1);
}

static int put_new_target(struct adm_question *q, char **args, int count)
{
	if (!count)
		return err_set(&q->err, ERR_INVALID, "want IQN: what is it called?");
	question_put(q, "target", args[0]);
	return put_options(q, args + 1, count - 1);
}

static int put_file(struct adm_question *q, char **args, int count)
{
	if (!count)
		return err_set(&q->err, ERR_INVALID, "want a configuration file");
	return put_path(q, "file", args[0]) ? -1 : put_pairs(q, args + 1, count - 1);
}

static int put_name_value(struct adm_question *q, char **args, int count)
{
	if (count < 2)
		return err_set(&q->err, ERR_INVALID, "want NAME VALUE");
	question_put(q, "name", args[0]);
	question_put(q, "value", args[1]);
	return put_pairs(q, args + 2, count - 2);
}

static int put_secrets(struct adm_question *q, char **args, int count)
{
	if (q->options->secrets)
		question_put(q, "secrets", "on");
	return put_pairs(q, args, count);
}

static int put_target(struct adm_question *q, char **args, int count)
{
	return put_one(q, "target", "IQN: which target?", args, count);
}

static int put_value(struct adm_question *q, char **args, int count)
{
	return put_one(q, "value", "an initiator's name or address", args, count);
}

static int put_user(struct adm_question *q, char **args, int count)
{
	return put_one(q, "user", "USER: whose account?", args, count);
}

/* One line, and where a person types it nobody reads along. */
static void read_secret(char *secret, int room, FILE *f)
{
	struct termios before, quiet;
	bool asks = isatty(fileno(f)) && !tcgetattr(fileno(f), &before);

	if (asks) {
		quiet = before;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		fputs("password: ", stderr);
		(void)tcsetattr(fileno(f), TCSAFLUSH, &quiet);
	}
	if (!fgets(secret, room, f))
		*secret = 0;
	if (asks) {
		(void)tcsetattr(fileno(f), TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	secret[strcspn(secret, "\r\n")] = 0;
}

/* USER [password_file=FILE]: its first line, or standard input's; never a word of the command line. */
static int put_account(struct adm_question *q, char **args, int count)
{
	char secret[ADM_TARGET_SECRET_MAX + 2];
	FILE *f = stdin;

	if (count > 1 && !strncmp(args[1], "password_file=", 14)) {
		f = fopen(args[1] + 14, "re");
		if (!f)
			return err_set(&q->err, ERR_ACCESS, "%s: %s", args[1] + 14, strerror(errno));
		args[1] = args[0];
		args++;
		count--;
	}
	read_secret(secret, sizeof(secret), f);
	if (f != stdin)
		fclose(f);
	if (!*secret || strlen(secret) > ADM_TARGET_SECRET_MAX)
		return err_set(&q->err, ERR_INVALID, "want a password of 1 to %d characters, in a file or on "
			       "standard input", ADM_TARGET_SECRET_MAX);
	question_put(q, "password", secret);
	explicit_bzero(secret, sizeof(secret));
	return put_one(q, "user", "USER: whose account?", args, count);
}

/* A rule may come as one word or, unquoted, as many. */
static int put_rule(struct adm_question *q, char **args, int count)
{
	char rule[ADM_TARGET_RULE_MAX] = "";
	size_t len = 0;

	for (int i = 0; i < count; i++) {
		len += (size_t)snprintf(rule + len, sizeof(rule) - len, "%s%s", i ? " " : "", args[i]);
		if (len >= sizeof(rule))
			return err_set(&q->err, ERR_INVALID, "the rule is too long");
	}
	question_put(q, "rule", rule);
	return 0;
}

/* NAME [hits>=N]: the wait bounds itself, the answer may take that long. */
static int put_wait(struct adm_question *q, const char *key, char **args, int count)
{
	char ms[32];

	if (count < 1 || count > 2 || (count == 2 && strncmp(args[1], "hits>=", 6)))
		return err_set(&q->err, ERR_INVALID, "want NAME [hits>=N]");
	question_put(q, key, args[0]);
	if (count == 2)
		question_put(q, "hits", args[1] + 6);
	if (q->timeout >= 0) {
		question_put(q, "timeout", num_print_span(q->timeout, ms, sizeof(ms)));
		q->timeout += ADM_TARGET_PATIENCE;
	}
	return 0;
}

static int put_wait_rule(struct adm_question *q, char **args, int count)
{
	return put_wait(q, "name", args, count);
}

static int put_wait_mark(struct adm_question *q, char **args, int count)
{
	return put_wait(q, "mark", args, count);
}

static void print_lines(FILE *f, const struct show_list *answer)
{
	for (size_t i = 0; i < answer->count; i++) {
		const char *line = control_record_get(&answer->records[i], "line");

		fprintf(f, "%s\n", line ? line : "");
	}
}

static const struct adm_form adm_forms[] = {
	{ "fault list", "", "the fault rules and how often they struck", "fault", "list", put_nothing, NULL },
	{ "fault add", "RULE", "add a rule", "fault", "add", put_rule, NULL },
	{ "fault del", "NAME", "take a rule away", "fault", "del", put_name, NULL },
	{ "fault clear", "", "take all rules away", "fault", "clear", put_nothing, NULL },
	{ "fault wait", "NAME [hits>=N]", "until the rule struck N times", "fault-wait", NULL,
	  put_wait_rule, NULL },
	{ "mark wait", "NAME [hits>=N]", "until the mark was set N times", "fault-wait", NULL,
	  put_wait_mark, NULL },
	{ "mark", "NAME", "set a mark, for rules that strike on it", "mark", NULL, put_name, NULL },
	{ "journal", "[since=N] [limit=N]", "what happened on the wire", "journal", NULL, put_pairs, NULL },
	{ "crash", "[cache=lose|keep|part] [seed=N] [restart_after=T]", "as if the power failed",
	  "crash", NULL, put_pairs, NULL },
	{ "show", "[target=IQN]", "everything, as tgt-admin -s shows it", "show", NULL, put_pairs,
	  show_targets },
	{ "dump", "[--secrets]", "what runs, as an iscsifs-target.conf", "dump", NULL, put_secrets,
	  print_lines },
	{ "update", "FILE [--force] [tgt=on]", "become what the file says; tgt: tgt's targets.conf",
	  "update", NULL, put_file, NULL },
	{ "param set", "NAME VALUE", "a key of a target, for logins from now on", "param", NULL,
	  put_name_value, NULL },
	{ "add", "IQN [initiator-address=A] [KEY=VALUE]...", "one more target", "target", "add",
	  put_new_target, NULL },
	{ "list", "", "its targets", "target", "list", put_pairs, NULL },
	{ "remove", "IQN", "take a target away", "target", "remove", put_target, NULL },
	{ "offline", "IQN", "nobody may log in, who has is asked to log out", "target", "offline",
	  put_target, NULL },
	{ "ready", "IQN", "the end of that", "target", "ready", put_target, NULL },
	{ "account", "[target=IQN]", "accounts, without passwords", "account", "list", put_pairs,
	  NULL },
	{ "account list", "[target=IQN]", "the same", "account", "list", put_pairs, NULL },
	{ "account add", "USER [password_file=FILE] [outgoing=on] [discovery=on]",
	  "one more; the password from the file or standard input", "account", "add", put_account,
	  NULL },
	{ "account remove", "USER [outgoing=on] [discovery=on]", "one less", "account", "remove",
	  put_user, NULL },
	{ "acl", "[target=IQN]", "which initiators may log in", "acl", "list", put_pairs, NULL },
	{ "acl list", "[target=IQN]", "the same", "acl", "list", put_pairs, NULL },
	{ "acl add", "NAME|ADDRESS[/BITS]|ALL", "one more", "acl", "add", put_value, NULL },
	{ "acl remove", "NAME|ADDRESS[/BITS]|ALL", "one less", "acl", "remove", put_value, NULL },
	{ "session", "[target=IQN]", "its sessions", "session", NULL, put_pairs, NULL },
	{ "session list", "[target=IQN]", "the same", "session", NULL, put_pairs, NULL },
	{ "session kill", "TSIH [cid=N]", "close a session's connection", "session", "kill",
	  put_session, NULL },
	{ "lun", "[target=IQN]", "its LUNs", "lun", NULL, put_pairs, NULL },
	{ "lun list", "[target=IQN]", "the same", "lun", NULL, put_pairs, NULL },
	{ "lun add", "DISK [lun=N] [KEY=VALUE]...", "one more LUN, with keys of iscsifs-target.conf",
	  "lun", "add", put_disk, NULL },
	{ "lun remove", "LUN", "take a LUN away", "lun", "remove", put_lun, NULL },
	{ "lun resize", "LUN SIZE|auto", "give it a size, or that of its file now", "lun", "resize",
	  put_lun_size, NULL },
	{ "lun offline", "LUN", "it is not ready from now on", "lun", "offline", put_lun, NULL },
	{ "lun online", "LUN", "until this; errors are forgiven, too", "lun", "online", put_lun, NULL },
	{ "lun readonly", "LUN [on|off]", "write protect it, or no more", "lun", "readonly",
	  put_lun_flag, NULL },
	{ "stats", "", "its counters", "stats", NULL, put_nothing, NULL },
	{ "stop", "", "end it", "stop", NULL, put_nothing, NULL },
};

/* How many of @words the form takes up; 0: it is another one. */
static int form_fits(const struct adm_form *f, char **words, int count)
{
	const char *space = strchr(f->words, ' ');
	size_t first = space ? (size_t)(space - f->words) : strlen(f->words);

	if (!count || strlen(words[0]) != first || strncmp(words[0], f->words, first))
		return 0;
	if (!space)
		return 1;
	return count > 1 && !strcmp(words[1], space + 1) ? 2 : 0;
}

static int complain(const struct err *e)
{
	fprintf(stderr, "iscsifsadm: %s\n", e->text);
	return (int)e->code;
}

static int print_forms(void)
{
	puts("Usage: iscsifsadm --socket=PATH target WORD...\n");
	for (size_t i = 0; i < ARRAY_SIZE(adm_forms); i++) {
		char usage[96];

		snprintf(usage, sizeof(usage), "%s %s", adm_forms[i].words, adm_forms[i].arguments);
		if (strlen(usage) > ADM_TARGET_COLUMN)
			printf("  %s\n  %*s %s\n", usage, ADM_TARGET_COLUMN, "", adm_forms[i].help);
		else
			printf("  %-*s %s\n", ADM_TARGET_COLUMN, usage, adm_forms[i].help);
	}
	return 0;
}

static void question_got(const struct control_record *r, void *arg)
{
	struct adm_question *q = arg;

	if (show_list_add(&q->answer, r))
		err_set(&q->err, ERR_NOMEM, "no memory for the answer");
}

static int question_ask(struct adm_question *q, const struct adm_form *f)
{
	int rc = err_is_set(&q->err) ? -1 : control_call(q->options->socket, &q->request, q->timeout,
							  question_got, q, &q->err);

	if (!rc && q->options->format == SHOW_JSON)
		show_json(stdout, &q->answer);
	else if (!rc && q->options->format == SHOW_TEXT && f->print)
		f->print(stdout, &q->answer);
	else if (!rc)
		show_pairs(stdout, &q->answer);
	return err_is_set(&q->err) ? complain(&q->err) : 0;
}

/* The form that takes up most of @words, and how many; NULL: there is none. */
static const struct adm_form *form_find(char **words, int count, int *used)
{
	const struct adm_form *best = NULL;

	*used = 0;
	for (size_t i = 0; i < ARRAY_SIZE(adm_forms); i++) {
		int n = form_fits(&adm_forms[i], words, count);

		if (n > *used) {
			*used = n;
			best = &adm_forms[i];
		}
	}
	return best;
}

static void question_make(struct adm_question *q, const struct adm_form *f, char **args, int count)
{
	question_put(q, "cmd", f->cmd);
	if (f->op)
		question_put(q, "op", f->op);
	if (q->options->target)
		question_put(q, "target", q->options->target);
	if (q->options->force)
		question_put(q, "force", "on");
	(void)f->put(q, args, count);
}

int adm_target(const struct adm_target_options *o, char **words, int count)
{
	struct adm_question q = { .options = o, .timeout = o->timeout };
	const struct adm_form *f;
	int used, rc;

	if (!count || !strcmp(words[0], "help"))
		return print_forms();
	f = form_find(words, count, &used);
	if (!f)
		err_set(&q.err, ERR_INVALID, "\"target %s\": no such words, see iscsifsadm target help",
			words[0]);
	else if (!o->socket)
		err_set(&q.err, ERR_INVALID, "which target? name its control socket by --socket");
	else
		question_make(&q, f, words + used, count - used);
	rc = question_ask(&q, f);
	control_record_fini(&q.request);
	show_list_fini(&q.answer);
	return rc;
}
