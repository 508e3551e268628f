/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iscsifsadm: asks the daemons of this user and tells them, in words that users of iscsiadm have in
 * their fingers. The one hard thing: there is a daemon for each mount, so every question goes to all
 * of them, and one that died or hangs must not spoil the others' answers.
 *
 * Exit codes are iscsiadm's.
 */
#include "config.h"

#include <getopt.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iscsifs/check.h"
#include "iscsifs/control.h"
#include "iscsifs/err.h"
#include "iscsifs/node_settings.h"
#include "iscsifs/num.h"
#include "iscsifs/settings.h"
#include "prog/adm_target.h"
#include "prog/show.h"

enum {
	ADM_PATIENCE = 5 * 1000,	/* ms for a daemon to answer */
	ADM_PRINT_MAX = 3,
	ADM_WAIT_STEP = 50,		/* ms between two questions of `wait` */
};

/* Options without a letter. */
enum option_code {
	OPT_SOCKET = 256,
	OPT_JSON,
	OPT_STATE,
	OPT_GATE,
	OPT_TIMEOUT,
	OPT_FORCE,
	OPT_SECRETS,
	OPT_FOLLOW,
	OPT_SINCE,
};

/* The command line. */
struct adm {
	const char *command;
	const char *socket;
	const char *sid;
	const char *target;
	const char *op;
	const char *name;
	const char *value;
	const char *state;
	const char *gate;
	const char *since;
	span_ms timeout;
	int level;
	bool stats;
	bool force;
	bool secrets;
	bool follow;
	enum show_format format;
	char **args;		/* behind the command */
	int arg_count;
};

/* One question to every daemon. */
struct ask {
	const struct adm *adm;
	struct control_record request;
	span_ms timeout;
	struct show_list answer;
	const char *socket;	/* of the daemon that is answering */
	unsigned answered;	/* daemons that gave an answer, an error too */
	bool done;		/* one of them did what it was asked */
	struct err err;		/* the first error */
};

/* --- asking --- */

static bool record_fits(const struct control_record *r, const char *key, const char *wanted)
{
	const char *value = control_record_get(r, key);

	return !wanted || !value || !strcmp(value, wanted);
}

static void ask_got(const struct control_record *r, void *arg)
{
	struct ask *a = arg;

	if (!record_fits(r, "sid", a->adm->sid) || !record_fits(r, "target", a->adm->target))
		return;
	if (show_list_add(&a->answer, r) ||
	    control_record_add(&a->answer.records[a->answer.count - 1], "socket", a->socket))
		err_set(&a->err, ERR_NOMEM, "no memory for the answer");
}

/*
 * One daemon. A socket that nobody listens at any more is none, unless it was asked for by name; and
 * that one daemon has no such session is no error when another has.
 */
static void ask_one(const char *path, void *arg)
{
	struct ask *a = arg;
	struct err err = ERR_INIT;
	int rc;

	a->socket = path;
	rc = control_call(path, &a->request, a->timeout, ask_got, a, &err);
	if (rc == -ERR_NO_DAEMON && !a->adm->socket)
		return;
	a->answered++;
	a->done |= !rc;
	if (rc && rc != -ERR_NOT_FOUND)
		err_set(&a->err, err.code, "%s", err.text);
}

static void ask_put(struct ask *a, const char *key, const char *value)
{
	if (value && control_record_add(&a->request, key, value))
		err_set(&a->err, ERR_NOMEM, "no memory");
}

static void ask_fini(struct ask *a)
{
	control_record_fini(&a->request);
	show_list_fini(&a->answer);
}

/* @cmd with what the command line says about whom. ask_fini() is owed. */
static struct ask ask_new(const struct adm *adm, const char *cmd)
{
	struct ask a = { .adm = adm, .timeout = ADM_PATIENCE };

	ask_put(&a, "cmd", cmd);
	ask_put(&a, "sid", adm->sid);
	ask_put(&a, "target", adm->target);
	return a;
}

/* Where a session with the number that was asked for is: each daemon begins with 1. */
struct ask_whose {
	const struct adm *adm;
	struct ask *a;
	unsigned count;
	char path[CONTROL_PATH_BYTES];	/* of the last one */
	char mounts[200];
};

static void whose_got(const struct control_record *r, void *arg)
{
	struct ask_whose *w = arg;
	const char *mountpoint = control_record_get(r, "mountpoint");
	size_t len = strlen(w->mounts);

	if (!record_fits(r, "sid", w->adm->sid) || !record_fits(r, "target", w->adm->target))
		return;
	w->count++;
	snprintf(w->path, sizeof(w->path), "%s", w->a->socket);
	snprintf(w->mounts + len, sizeof(w->mounts) - len, "%s%s", len ? ", " : "",
		 mountpoint ? mountpoint : "?");
}

static void whose_ask(const char *path, void *arg)
{
	struct ask_whose *w = arg;
	struct ask who = ask_new(w->adm, "session");
	struct err err = ERR_INIT;

	w->a->socket = path;
	if (!err_is_set(&who.err))
		(void)control_call(path, &who.request, ADM_PATIENCE, whose_got, w, &err);
	ask_fini(&who);
}

/* Returns false when several daemons have a session with this number: one was meant. */
static bool ask_is_plain(struct ask *a)
{
	struct ask_whose w = { .adm = a->adm, .a = a };

	if (!a->adm->sid || a->adm->socket)
		return true;
	(void)control_each_socket(whose_ask, &w, &a->err);
	if (w.count > 1)
		err_set(&a->err, ERR_INVALID, "%u mounts have a session %s: %s; say which by -T or by "
			"--socket", w.count, a->adm->sid, w.mounts);
	return w.count <= 1;
}

static void ask_run(struct ask *a)
{
	if (!ask_is_plain(a))
		return;
	if (a->adm->socket)
		ask_one(a->adm->socket, a);
	else
		(void)control_each_socket(ask_one, a, &a->err);
}

static int complain(enum err_code code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int complain(enum err_code code, const char *fmt, ...)
{
	va_list ap;

	fputs("iscsifsadm: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return (int)code;
}

static int complain_no_daemon(void)
{
	return complain(ERR_NO_DAEMON, "no iscsifs daemon of this user is running: mount first "
			"(iscsifs iscsi://HOST/TARGET MOUNTPOINT), or name its socket by "
			"--socket");
}

/* Nothing to show: iscsiadm's code for it. */
static int no_sessions(const struct ask *a)
{
	if (a->adm->sid || a->adm->target)
		return complain(ERR_NOT_FOUND, "no such session");
	if (a->answered)
		return complain(ERR_NOT_FOUND, "no active sessions");
	return complain(ERR_NOT_FOUND, "no active sessions: nothing is mounted by this user");
}

/* The exit code of a question that wants records, after they have been shown. */
static int show_result(const struct ask *a)
{
	if (err_is_set(&a->err))
		return complain(a->err.code, "%s", a->err.text);
	return a->answer.count ? 0 : no_sessions(a);
}

/* The exit code of a question that wants something done. */
static int do_result(const struct ask *a)
{
	if (err_is_set(&a->err))
		return complain(a->err.code, "%s", a->err.text);
	if (!a->answered)
		return complain_no_daemon();
	return a->done ? 0 : no_sessions(a);
}

/* --- commands --- */

/* What is shown beside the sessions; a daemon that does not know the question is no error. */
static void ask_more(const struct adm *adm, const char *cmd, struct show_list *into)
{
	struct ask a = ask_new(adm, cmd);

	ask_run(&a);
	*into = a.answer;
	a.answer = (struct show_list){ 0 };
	ask_fini(&a);
}

static void show_answer_sessions(const struct adm *adm, const struct show_sessions *s)
{
	if (adm->format == SHOW_JSON && s->sessions.count)
		show_sessions_json(stdout, s);
	else if (adm->format == SHOW_PAIRS)
		show_pairs(stdout, &s->sessions);
	else if (adm->stats)
		show_stats(stdout, &s->sessions);
	else
		show_sessions(stdout, s, adm->level);
}

static int cmd_session(const struct adm *adm)
{
	struct ask a = ask_new(adm, "session");
	struct show_sessions s = { 0 };
	int rc;

	ask_run(&a);
	rc = show_result(&a);
	if (a.answer.count && adm->level >= 2)
		ask_more(adm, "settings", &s.settings);
	if (a.answer.count && adm->level >= 3)
		ask_more(adm, "lun", &s.luns);
	s.sessions = a.answer;
	show_answer_sessions(adm, &s);
	show_list_fini(&s.settings);
	show_list_fini(&s.luns);
	ask_fini(&a);
	return rc;
}

static int cmd_stats(const struct adm *adm)
{
	struct adm with = *adm;

	with.stats = true;
	return cmd_session(&with);
}

/* Answers in the format that was asked for. */
static void show_answer(const struct adm *adm, const struct show_list *l,
			void (*text)(FILE *f, const struct show_list *l))
{
	if (adm->format == SHOW_JSON)
		show_json(stdout, l);
	else if (adm->format == SHOW_PAIRS)
		show_pairs(stdout, l);
	else
		text(stdout, l);
}

static bool lun_is_meant(const struct control_record *r, const char *lun, bool only_barred)
{
	return record_fits(r, "lun", lun) && (!only_barred || record_fits(r, "state", "BARRED"));
}

/* Which of the LUNs with this number: the only one, or the only one that is BARRED. NULL: *count. */
static const struct control_record *pick_lun(const struct show_list *l, const char *lun,
					     unsigned *count)
{
	const struct control_record *found = NULL;

	for (int only_barred = 0; only_barred <= 1; only_barred++) {
		unsigned fit = 0;

		for (size_t i = 0; i < l->count; i++) {
			if (!lun_is_meant(&l->records[i], lun, only_barred))
				continue;
			found = &l->records[i];
			fit++;
		}
		if (fit == 1)
			return found;
		*count = only_barred ? *count : fit;
	}
	return NULL;
}

static int accept_lun(const struct adm *adm, const struct control_record *r, const char *lun)
{
	struct adm one = *adm;
	struct ask a;
	int rc;

	one.socket = control_record_get(r, "socket");
	one.sid = control_record_get(r, "sid");
	a = ask_new(&one, "accept");
	ask_put(&a, "lun", lun);
	ask_run(&a);
	show_answer(adm, &a.answer, show_luns);
	rc = show_result(&a);
	ask_fini(&a);
	return rc;
}

static int cmd_lun_accept(const struct adm *adm)
{
	const char *lun = adm->arg_count > 1 ? adm->args[1] : "";
	struct ask all = ask_new(adm, "lun");
	const struct control_record *r;
	unsigned count = 0;
	uint64_t number;
	int rc;

	if (strcmp(adm->args[0], "accept") || num_parse_u64(lun, 0, 16383, &number)) {
		ask_fini(&all);
		return complain(ERR_INVALID, "want lun, or lun accept NUMBER");
	}
	ask_run(&all);
	r = pick_lun(&all.answer, lun, &count);
	if (r)
		rc = accept_lun(adm, r, lun);
	else if (count)
		rc = complain(ERR_INVALID, "%u sessions have a LUN %s: say which by -T, -r or --socket",
			      count, lun);
	else
		rc = err_is_set(&all.err) ? show_result(&all) :
		     complain(ERR_NOT_FOUND, "there is no LUN %s", lun);
	ask_fini(&all);
	return rc;
}

static int cmd_lun(const struct adm *adm)
{
	struct ask a;
	int rc;

	if (adm->arg_count)
		return cmd_lun_accept(adm);
	a = ask_new(adm, "lun");

	ask_run(&a);
	show_answer(adm, &a.answer, show_luns);
	rc = show_result(&a);
	ask_fini(&a);
	return rc;
}

/* The table itself, for one who has nothing mounted: names, defaults, meaning. */
static void print_table(const struct setting *only)
{
	for (size_t i = 0; i < node_settings_table.count; i++) {
		const struct setting *row = &node_settings_table.rows[i];
		char want[256];

		if (row->class == SETTING_IGNORED || (only && only != row))
			continue;
		printf("# %s\n", row->help);
		if (row->class == SETTING_HONOURED)
			printf("# want %s%s\n", settings_want(row, want, sizeof(want)),
			       row->live ? "; may be changed while mounted" : "");
		else
			printf("# fixed: %s\n", row->note);
		printf("%s = %s\n", row->name, row->deflt);
	}
}

/* Of each record only what says whose it is, and the setting @name. */
static void pick_setting(struct show_list *l, const char *name)
{
	for (size_t i = 0; i < l->count; i++) {
		struct control_record *r = &l->records[i];
		struct control_record kept = { 0 };

		for (size_t j = 0; j < r->count; j++) {
			const struct control_pair *p = &r->pairs[j];

			if (!strchr(p->key, '.') || !strcmp(p->key, name))
				(void)control_record_add(&kept, p->key, p->value);
		}
		control_record_fini(r);
		*r = kept;
	}
}

/* What is in force, of @row or of all settings. */
static int show_in_force(const struct adm *adm, const struct setting *row)
{
	struct ask a = ask_new(adm, "settings");
	int rc = 0;

	ask_run(&a);
	if (row)
		pick_setting(&a.answer, row->name);
	if (!a.answered && !err_is_set(&a.err)) {
		puts("# nothing is mounted: the defaults");
		print_table(row);
	} else {
		show_answer(adm, &a.answer, show_settings);
		rc = show_result(&a);
	}
	ask_fini(&a);
	return rc;
}

static int cmd_settings(const struct adm *adm)
{
	const char *name = adm->arg_count ? adm->args[0] : adm->name;
	const struct setting *row = NULL;
	struct err err = ERR_INIT;

	if (name) {
		row = settings_lookup(&node_settings_table, name, &err);
		if (!row)
			return complain(err.code, "%s", err.text);
	}
	if (row && row->class == SETTING_IGNORED)
		return complain(ERR_UNSUPPORTED, "%s is ignored: %s", row->name, row->note);
	return show_in_force(adm, row);
}

/* The daemon would say the same; here it is said before anything is changed anywhere. */
static int check_change(const char *name, const char *value, const struct setting **row)
{
	struct node_settings s;
	struct setting_note note = { "" };
	struct err err = ERR_INIT;

	node_settings_init(&s);
	*row = settings_lookup(&node_settings_table, name, &err);
	if (!*row || settings_set(*row, &s, value, &note, &err))
		return complain(err.code, "%s", err.text);
	if ((*row)->class == SETTING_HONOURED && !(*row)->live)
		return complain(ERR_UNSUPPORTED, "%s is settled at login: mount anew to change it",
				setting_short(*row));
	if (note.text[0])
		return complain(ERR_UNSUPPORTED, "%s", note.text);
	return 0;
}

static int cmd_set(const struct adm *adm)
{
	const char *name = adm->arg_count ? adm->args[0] : adm->name;
	const char *value = adm->arg_count > 1 ? adm->args[1] : adm->value;
	const struct setting *row;
	struct ask a;
	int rc;

	if (!name || !value)
		return complain(ERR_INVALID, "want set NAME VALUE");
	rc = check_change(name, value, &row);
	if (rc)
		return rc;
	a = ask_new(adm, "set");
	ask_put(&a, "name", row->name);
	ask_put(&a, "value", value);
	ask_run(&a);
	rc = do_result(&a);
	ask_fini(&a);
	return rc ? rc : show_in_force(adm, row);
}

/* A command without an answer but that it was done. */
static int tell(const struct adm *adm, const char *cmd)
{
	struct ask a = ask_new(adm, cmd);
	int rc;

	ask_run(&a);
	rc = do_result(&a);
	ask_fini(&a);
	return rc;
}

static int cmd_rescan(const struct adm *adm)
{
	return tell(adm, "rescan");
}

static bool states_reached(const struct adm *adm, const struct show_list *sessions)
{
	for (size_t i = 0; i < sessions->count; i++) {
		if (!record_fits(&sessions->records[i], "link", adm->state) ||
		    !record_fits(&sessions->records[i], "gate", adm->gate))
			return false;
	}
	return sessions->count > 0;
}

/* Ask until every session is where it should be; a daemon that is not there yet may still come. */
static bool is_word_of(const char *word, const char *const *words)
{
	while (word && *words && strcmp(word, *words) != 0)
		words++;
	return !word || *words;
}

static int cmd_wait(const struct adm *adm)
{
	static const char *const states[] = {
		"IDLE", "DIAL", "PROBE", "UP", "WAIT", "CLOSE", "REFUSED", NULL,
	};
	static const char *const gates[] = { "SHUT", "OPEN", "HOLD", "TRIAL", "FAIL", NULL };
	mono_ms until = adm->timeout < 0 ? MONO_NEVER : clock_mono_ms() + adm->timeout;
	struct show_sessions s = { 0 };
	bool reached, late;

	if (!adm->state && !adm->gate)
		return complain(ERR_INVALID, "want wait --state STATE or --gate GATE");
	if (!is_word_of(adm->state, states) || !is_word_of(adm->gate, gates))
		return complain(ERR_INVALID, "no such state: want --state IDLE, DIAL, PROBE, UP, WAIT, "
				"CLOSE or REFUSED, --gate SHUT, OPEN, HOLD, TRIAL or FAIL");
	do {
		late = clock_mono_ms() >= until;
		show_list_fini(&s.sessions);
		ask_more(adm, "session", &s.sessions);
		reached = states_reached(adm, &s.sessions);
		if (!reached && !late)
			poll(NULL, 0, ADM_WAIT_STEP);
	} while (!reached && !late);
	show_answer_sessions(adm, &s);
	show_list_fini(&s.sessions);
	if (reached)
		return 0;
	return complain(ERR_TIMEOUT, "the sessions did not get there in time");
}

/* Any command of the protocol: `call CMD key=value…`. */
static int cmd_call(const struct adm *adm)
{
	struct ask a;
	int rc;

	if (!adm->arg_count)
		return complain(ERR_INVALID, "want call COMMAND [KEY=VALUE]..., "
				"`call help` lists the commands");
	a = ask_new(adm, adm->args[0]);
	for (int i = 1; i < adm->arg_count; i++) {
		char *equals = strchr(adm->args[i], '=');

		if (!equals) {
			ask_fini(&a);
			return complain(ERR_INVALID, "\"%s\": want KEY=VALUE", adm->args[i]);
		}
		*equals = '\0';
		ask_put(&a, adm->args[i], equals + 1);
	}
	ask_run(&a);
	show_answer(adm, &a.answer, show_pairs);
	rc = do_result(&a);
	ask_fini(&a);
	return rc;
}

/* A line each, as it comes: the next may be long in coming. */
static void event_got(const struct control_record *r, void *arg)
{
	const struct adm *adm = arg;

	if (!record_fits(r, "target", adm->target))
		return;
	show_event(stdout, r, adm->format);
	fflush(stdout);
}

static void count_socket(const char *path, void *arg)
{
	struct ask *a = arg;
	struct err err = ERR_INIT;

	if (control_call(path, &a->request, ADM_PATIENCE, NULL, NULL, &err))
		return;
	a->answered++;
	(void)show_list_add(&a->answer, &(struct control_record){ 0 });
	(void)control_record_add(&a->answer.records[a->answer.count - 1], "socket", path);
}

/* Only one can be listened to: the one that there is. */
static int events_of_one(const struct adm *adm, struct ask *a)
{
	struct ask count = ask_new(adm, "session");
	const char *path = adm->socket;
	int rc;

	if (!path) {
		(void)control_each_socket(count_socket, &count, &a->err);
		if (count.answered != 1) {
			rc = count.answered ? complain(ERR_INVALID, "%u daemons are running: say by "
						       "--socket whose events to follow",
						       count.answered)
					    : complain_no_daemon();
			ask_fini(&count);
			return rc;
		}
		path = control_record_get(&count.answer.records[0], "socket");
	}
	rc = control_call(path, &a->request, -1, event_got, (void *)(uintptr_t)adm, &a->err);
	ask_fini(&count);
	return rc ? complain(a->err.code, "%s", a->err.text) : 0;
}

static void events_of(const char *path, void *arg)
{
	struct ask *a = arg;
	struct err err = ERR_INIT;
	int rc = control_call(path, &a->request, a->timeout, event_got, (void *)(uintptr_t)a->adm,
			      &err);

	a->answered += rc != -ERR_NO_DAEMON || a->adm->socket;
	if (rc && (rc != -ERR_NO_DAEMON || a->adm->socket))
		err_set(&a->err, err.code, "%s", err.text);
}

static int cmd_events(const struct adm *adm)
{
	struct ask a = ask_new(adm, "events");
	int rc;

	ask_put(&a, "since", adm->since);
	if (adm->follow) {
		ask_put(&a, "follow", "yes");
		rc = events_of_one(adm, &a);
		ask_fini(&a);
		return rc;
	}
	if (adm->socket)
		events_of(adm->socket, &a);
	else
		(void)control_each_socket(events_of, &a, &a.err);
	rc = err_is_set(&a.err) ? complain(a.err.code, "%s", a.err.text) :
	     a.answered		? 0 : complain_no_daemon();
	ask_fini(&a);
	return rc;
}

static int cmd_target(const struct adm *adm)
{
	static char show[] = "show";
	char *words[] = { show };
	const struct adm_target_options o = {
		.socket = adm->socket,
		.target = adm->target,
		.timeout = adm->timeout,
		.format = adm->format,
		.force = adm->force,
		.secrets = adm->secrets,
	};

	/* tgt-admin -s */
	if (adm->stats && !adm->arg_count)
		return adm_target(&o, words, 1);
	return adm_target(&o, adm->args, adm->arg_count);
}

static int cmd_help(const struct adm *adm);

static int cmd_version(const struct adm *adm)
{
	(void)adm;
	puts("iscsifsadm " PACKAGE_VERSION);
	return 0;
}

struct adm_command {
	const char *name;
	const char *args;
	const char *help;
	int arg_max;
	int (*run)(const struct adm *adm);
};

static const struct adm_command adm_commands[] = {
	{ "session", "[-P 0..3]", "show sessions and their state", 0, cmd_session },
	{ "lun", "[accept NUMBER]", "show the disks; take one that is BARRED as it is now", 2,
	  cmd_lun },
	{ "stats", "", "show counters", 0, cmd_stats },
	{ "settings", "[NAME]", "show settings; their defaults when nothing is mounted", 1,
	  cmd_settings },
	{ "set", "NAME VALUE", "change a setting of running sessions", 2, cmd_set },
	{ "wait", "--state S | --gate G [--timeout T]", "wait until all sessions are in a state", 0,
	  cmd_wait },
	{ "events", "[--follow] [--since N]", "what happened, and with --follow what happens", 0,
	  cmd_events },
	{ "rescan", "", "ask the targets for their LUNs and sizes again", 0, cmd_rescan },
	{ "call", "COMMAND [KEY=VALUE]...", "any command of iscsifs-control(7)", 64, cmd_call },
	{ "target", "WORD...", "ask and tell an iscsifs-target: `target help`", 256, cmd_target },
	{ "help", "", "show this", 0, cmd_help },
	{ "version", "", "show the version", 0, cmd_version },
};

static int cmd_help(const struct adm *adm)
{
	(void)adm;
	puts("Usage: iscsifsadm [OPTION]... COMMAND [ARGUMENT]...\n");
	for (size_t i = 0; i < ARRAY_SIZE(adm_commands); i++) {
		const struct adm_command *c = &adm_commands[i];
		char usage[64];

		snprintf(usage, sizeof(usage), "%s %s", c->name, c->args);
		printf("  %-42s %s\n", usage, c->help);
	}
	puts("\n"
	     "  -r, --sid=SID          only this session\n"
	     "  -T, --targetname=IQN   only sessions with this target\n"
	     "      --socket=PATH      ask the daemon that listens there, not all of this user\n"
	     "  -P, --print=0..3       how much of a session to show\n"
	     "  -o, --op=FORMAT        text, key=value or json (--json for short)\n"
	     "  -s, --stats            with session: counters; with target: as target show\n"
	     "  -R, --rescan           with session: as rescan\n"
	     "  -h, --help, -V, --version\n"
	     "\n"
	     "iscsiadm's way of saying it works too: -m session -P 3,\n"
	     "-m session -r SID -o update -n NAME -v VALUE\n"
	     "\n"
	     "Exit codes are iscsiadm's: 0 done, 7 wrong usage, 20 no daemon, 21 nothing found,\n"
	     "33 not in time; see iscsifsadm(8).");
	return 0;
}

/* --- the command line --- */

static int set_op(struct adm *adm, const char *text)
{
	if (!strcmp(text, "json"))
		adm->format = SHOW_JSON;
	else if (!strcmp(text, "key=value"))
		adm->format = SHOW_PAIRS;
	else if (!strcmp(text, "text"))
		adm->format = SHOW_TEXT;
	else if (!strcmp(text, "update") || !strcmp(text, "show"))
		adm->op = text;
	else
		return complain(ERR_INVALID, "-o \"%s\": want text, key=value, json, show or "
				"update", text);
	return 0;
}

static int set_number(const char *option, const char *text, int max, int *out)
{
	int64_t v;

	if (num_parse_i64(text, 0, max, &v))
		return complain(ERR_INVALID, "%s \"%s\": want 0 to %d", option, text, max);
	*out = (int)v;
	return 0;
}

static int set_timeout(struct adm *adm, const char *text)
{
	if (num_parse_span(text, &adm->timeout))
		return complain(ERR_INVALID, "--timeout \"%s\": want seconds", text);
	return 0;
}

/* One option. Returns 0 or an exit code. */
static int set_option(struct adm *adm, int c, const char *text)
{
	switch (c) {
	case 'm':
		adm->command = text;
		break;
	case 'P':
		return set_number("-P", text, ADM_PRINT_MAX, &adm->level);
	case 'r':
		adm->sid = text;
		break;
	case 'T':
		adm->target = text;
		break;
	case 'o':
		return set_op(adm, text);
	case 'n':
		adm->name = text;
		break;
	case 'v':
		adm->value = text;
		break;
	case 's':
		adm->stats = true;
		break;
	case 'R':
		adm->op = "rescan";
		break;
	case 'h':
		adm->command = "help";
		break;
	case 'V':
		adm->command = "version";
		break;
	case OPT_SOCKET:
		adm->socket = text;
		break;
	case OPT_JSON:
		adm->format = SHOW_JSON;
		break;
	case OPT_STATE:
		adm->state = text;
		break;
	case OPT_FORCE:
		adm->force = true;
		break;
	case OPT_SECRETS:
		adm->secrets = true;
		break;
	case OPT_GATE:
		adm->gate = text;
		break;
	case OPT_FOLLOW:
		adm->follow = true;
		break;
	case OPT_SINCE:
		adm->since = text;
		break;
	case OPT_TIMEOUT:
		return set_timeout(adm, text);
	default:
		return complain(ERR_INVALID, "see iscsifsadm --help");
	}
	return 0;
}

static const struct option long_options[] = {
	{ "mode", required_argument, NULL, 'm' },
	{ "print", required_argument, NULL, 'P' },
	{ "sid", required_argument, NULL, 'r' },
	{ "targetname", required_argument, NULL, 'T' },
	{ "target", required_argument, NULL, 'T' },
	{ "op", required_argument, NULL, 'o' },
	{ "name", required_argument, NULL, 'n' },
	{ "value", required_argument, NULL, 'v' },
	{ "stats", no_argument, NULL, 's' },
	{ "rescan", no_argument, NULL, 'R' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "state", required_argument, NULL, OPT_STATE },
	{ "gate", required_argument, NULL, OPT_GATE },
	{ "force", no_argument, NULL, OPT_FORCE },
	{ "secrets", no_argument, NULL, OPT_SECRETS },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "follow", no_argument, NULL, OPT_FOLLOW },
	{ "since", required_argument, NULL, OPT_SINCE },
	{ 0 },
};

static int run(struct adm *adm)
{
	if (adm->op && !strcmp(adm->command, "session") && strcmp(adm->op, "show"))
		adm->command = !strcmp(adm->op, "update") ? "set" : "rescan";
	for (size_t i = 0; i < ARRAY_SIZE(adm_commands); i++) {
		const struct adm_command *c = &adm_commands[i];

		if (strcmp(c->name, adm->command))
			continue;
		if (adm->arg_count > c->arg_max)
			return complain(ERR_INVALID, "\"%s\" is one argument too many: want %s %s",
					adm->args[c->arg_max], c->name, c->args);
		return c->run(adm);
	}
	return complain(ERR_INVALID, "unknown command \"%s\": see iscsifsadm --help", adm->command);
}

/* The first word is the command, unless -m said it; the others are its arguments. */
static void take_word(struct adm *adm, char *word)
{
	if (!adm->command)
		adm->command = word;
	else
		adm->args[adm->arg_count++] = word;
}

/* Words and options in any order; "-1" is a word: `set replacement_timeout -1`. */
static int parse(struct adm *adm, int argc, char **argv)
{
	int c, rc = 0;

	while (!rc) {
		const char *next = optind < argc ? argv[optind] : "";

		if (next[0] == '-' && next[1] >= '0' && next[1] <= '9') {
			take_word(adm, argv[optind++]);
			continue;
		}
		c = getopt_long(argc, argv, "-m:P:r:T:o:n:v:sRhV", long_options, NULL);
		if (c == -1)
			break;
		if (c == 1)
			take_word(adm, optarg);
		else
			rc = set_option(adm, c, optarg);
	}
	while (!rc && optind < argc)
		take_word(adm, argv[optind++]);
	return rc;
}

int main(int argc, char **argv)
{
	struct adm adm = { .timeout = -1, .args = calloc((size_t)argc + 1, sizeof(char *)) };
	int rc;

	if (!adm.args)
		return complain(ERR_NOMEM, "no memory");
	rc = parse(&adm, argc, argv);
	if (!rc && !adm.command)
		rc = complain(ERR_INVALID, "want a command: see iscsifsadm --help");
	if (!rc)
		rc = run(&adm);
	free(adm.args);
	return fflush(stdout) || ferror(stdout) ? complain(ERR_GENERIC, "cannot write") : rc;
}
