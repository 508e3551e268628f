/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iscsifsadm target. A target program has one control socket, which must be named: what is done to
 * it, crashing among other things, is never done to one that just happened to be found.
 */
#include "prog/adm_target.h"

#include <stdio.h>
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/control.h"
#include "iscsifs/num.h"

enum { ADM_TARGET_PATIENCE = 5000, ADM_TARGET_RULE_MAX = 1024 };

/* One question. */
struct adm_question {
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

static const struct adm_form adm_forms[] = {
	{ "fault list", "", "the fault rules and how often they struck", "fault", "list", put_nothing },
	{ "fault add", "RULE", "add a rule", "fault", "add", put_rule },
	{ "fault del", "NAME", "take a rule away", "fault", "del", put_name },
	{ "fault clear", "", "take all rules away", "fault", "clear", put_nothing },
	{ "fault wait", "NAME [hits>=N]", "until the rule struck N times", "fault-wait", NULL,
	  put_wait_rule },
	{ "mark wait", "NAME [hits>=N]", "until the mark was set N times", "fault-wait", NULL,
	  put_wait_mark },
	{ "mark", "NAME", "set a mark, for rules that strike on it", "mark", NULL, put_name },
	{ "journal", "[since=N] [limit=N]", "what happened on the wire", "journal", NULL, put_pairs },
	{ "crash", "[cache=lose|keep|part] [seed=N] [restart_after=T]", "as if the power failed",
	  "crash", NULL, put_pairs },
	{ "session", "[target=IQN]", "its sessions", "session", NULL, put_pairs },
	{ "lun", "[target=IQN]", "its LUNs", "lun", NULL, put_pairs },
	{ "stats", "", "its counters", "stats", NULL, put_nothing },
	{ "stop", "", "end it", "stop", NULL, put_nothing },
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
		printf("  %-36s %s\n", usage, adm_forms[i].help);
	}
	return 0;
}

static void question_got(const struct control_record *r, void *arg)
{
	struct adm_question *q = arg;

	if (show_list_add(&q->answer, r))
		err_set(&q->err, ERR_NOMEM, "no memory for the answer");
}

static int question_ask(struct adm_question *q, const char *socket, enum show_format format)
{
	int rc = err_is_set(&q->err) ? -1 : control_call(socket, &q->request, q->timeout, question_got,
							  q, &q->err);

	if (!rc && format == SHOW_JSON)
		show_json(stdout, &q->answer);
	else if (!rc)
		show_pairs(stdout, &q->answer);
	return err_is_set(&q->err) ? complain(&q->err) : 0;
}

int adm_target(const char *socket, span_ms timeout, enum show_format format, char **words, int count)
{
	struct adm_question q = { .timeout = timeout };
	const struct adm_form *f = NULL;
	int used = 0, rc;

	for (size_t i = 0; i < ARRAY_SIZE(adm_forms) && !used; i++) {
		f = &adm_forms[i];
		used = form_fits(f, words, count);
	}
	if (!count || !strcmp(words[0], "help"))
		return print_forms();
	if (!used)
		err_set(&q.err, ERR_INVALID, "\"target %s\": no such words, see iscsifsadm target help",
			words[0]);
	else if (!socket)
		err_set(&q.err, ERR_INVALID, "which target? name its control socket by --socket");
	else
		question_put(&q, "cmd", f->cmd);
	if (used && f->op)
		question_put(&q, "op", f->op);
	if (!err_is_set(&q.err))
		(void)f->put(&q, words + used, count - used);
	rc = question_ask(&q, socket, format);
	control_record_fini(&q.request);
	show_list_fini(&q.answer);
	return rc;
}
