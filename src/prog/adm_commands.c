/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands of iscsifsadm but those for a target. The one hard thing: what is asked of all
 * daemons may be meant for one, and a change must then reach that one or none.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iscsifs/check.h"
#include "iscsifs/node_settings.h"
#include "iscsifs/num.h"
#include "iscsifs/settings.h"
#include "prog/adm.h"
#include "prog/adm_target.h"

enum { ADM_WAIT_STEP = 50 };		/* ms between two questions of `wait` */

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

int cmd_session(const struct adm *adm)
{
	struct ask a = ask_new(adm, "session");
	struct show_sessions s = { 0 };
	int rc;

	ask_run(&a);
	rc = ask_show(&a);
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

int cmd_stats(const struct adm *adm)
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
	return adm_fits(r, "lun", lun) && (!only_barred || adm_fits(r, "state", "BARRED"));
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
	rc = ask_show(&a);
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
		return adm_complain(ERR_INVALID, "want lun, or lun accept NUMBER");
	}
	ask_run(&all);
	r = pick_lun(&all.answer, lun, &count);
	if (r)
		rc = accept_lun(adm, r, lun);
	else if (count)
		rc = adm_complain(ERR_INVALID, "%u sessions have a LUN %s: say which by -T, -r or --socket",
				  count, lun);
	else
		rc = err_is_set(&all.err) ? ask_show(&all) :
		     adm_complain(ERR_NOT_FOUND, "there is no LUN %s", lun);
	ask_fini(&all);
	return rc;
}

int cmd_lun(const struct adm *adm)
{
	struct ask a;
	int rc;

	if (adm->arg_count)
		return cmd_lun_accept(adm);
	a = ask_new(adm, "lun");

	ask_run(&a);
	show_answer(adm, &a.answer, show_luns);
	rc = ask_show(&a);
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
		rc = ask_show(&a);
	}
	ask_fini(&a);
	return rc;
}

int cmd_settings(const struct adm *adm)
{
	const char *name = adm->arg_count ? adm->args[0] : adm->name;
	const struct setting *row = NULL;
	struct err err = ERR_INIT;

	if (name) {
		row = settings_lookup(&node_settings_table, name, &err);
		if (!row)
			return adm_complain(err.code, "%s", err.text);
	}
	if (row && row->class == SETTING_IGNORED)
		return adm_complain(ERR_UNSUPPORTED, "%s is ignored: %s", row->name, row->note);
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
		return adm_complain(err.code, "%s", err.text);
	if ((*row)->class == SETTING_HONOURED && !(*row)->live)
		return adm_complain(ERR_UNSUPPORTED, "%s is settled at login: mount anew to change it",
				    setting_short(*row));
	if (note.text[0])
		return adm_complain(ERR_UNSUPPORTED, "%s", note.text);
	return 0;
}

int cmd_set(const struct adm *adm)
{
	const char *name = adm->arg_count ? adm->args[0] : adm->name;
	const char *value = adm->arg_count > 1 ? adm->args[1] : adm->value;
	const struct setting *row;
	struct ask a;
	int rc;

	if (!name || !value)
		return adm_complain(ERR_INVALID, "want set NAME VALUE");
	rc = check_change(name, value, &row);
	if (rc)
		return rc;
	a = ask_new(adm, "set");
	ask_put(&a, "name", row->name);
	ask_put(&a, "value", value);
	ask_run(&a);
	rc = ask_outcome(&a);
	ask_fini(&a);
	return rc ? rc : show_in_force(adm, row);
}

/* A command without an answer but that it was done. */
static int tell(const struct adm *adm, const char *cmd)
{
	struct ask a = ask_new(adm, cmd);
	int rc;

	ask_run(&a);
	rc = ask_outcome(&a);
	ask_fini(&a);
	return rc;
}

int cmd_rescan(const struct adm *adm)
{
	return tell(adm, "rescan");
}

static bool states_reached(const struct adm *adm, const struct show_list *sessions)
{
	for (size_t i = 0; i < sessions->count; i++) {
		if (!adm_fits(&sessions->records[i], "link", adm->state) ||
		    !adm_fits(&sessions->records[i], "gate", adm->gate))
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

int cmd_wait(const struct adm *adm)
{
	static const char *const states[] = {
		"IDLE", "DIAL", "PROBE", "UP", "WAIT", "CLOSE", "REFUSED", NULL,
	};
	static const char *const gates[] = { "SHUT", "OPEN", "HOLD", "TRIAL", "FAIL", NULL };
	mono_ms until = adm->timeout < 0 ? MONO_NEVER : clock_mono_ms() + adm->timeout;
	struct show_sessions s = { 0 };
	bool reached, late;

	if (!adm->state && !adm->gate)
		return adm_complain(ERR_INVALID, "want wait --state STATE or --gate GATE");
	if (!is_word_of(adm->state, states) || !is_word_of(adm->gate, gates))
		return adm_complain(ERR_INVALID, "no such state: want --state IDLE, DIAL, PROBE, UP, WAIT, "
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
	return adm_complain(ERR_TIMEOUT, "the sessions did not get there in time");
}

/* Any command of the protocol: `call CMD key=value…`. */
int cmd_call(const struct adm *adm)
{
	struct ask a;
	int rc;

	if (!adm->arg_count)
		return adm_complain(ERR_INVALID, "want call COMMAND [KEY=VALUE]..., "
				    "`call help` lists the commands");
	a = ask_new(adm, adm->args[0]);
	for (int i = 1; i < adm->arg_count; i++) {
		char *equals = strchr(adm->args[i], '=');

		if (!equals) {
			ask_fini(&a);
			return adm_complain(ERR_INVALID, "\"%s\": want KEY=VALUE", adm->args[i]);
		}
		*equals = '\0';
		ask_put(&a, adm->args[i], equals + 1);
	}
	ask_run(&a);
	show_answer(adm, &a.answer, show_pairs);
	rc = ask_outcome(&a);
	ask_fini(&a);
	return rc;
}

/* A line each, as it comes: the next may be long in coming. */
static void event_got(const struct control_record *r, void *arg)
{
	const struct adm *adm = arg;

	if (!adm_fits(r, "target", adm->target))
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
			rc = count.answered ? adm_complain(ERR_INVALID, "%u daemons are running: say by "
							   "--socket whose events to follow",
							   count.answered)
							   : adm_complain_no_daemon();
			ask_fini(&count);
			return rc;
		}
		path = control_record_get(&count.answer.records[0], "socket");
	}
	rc = control_call(path, &a->request, -1, event_got, (void *)(uintptr_t)adm, &a->err);
	ask_fini(&count);
	return rc ? adm_complain(a->err.code, "%s", a->err.text) : 0;
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

int cmd_events(const struct adm *adm)
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
	rc = err_is_set(&a.err) ? adm_complain(a.err.code, "%s", a.err.text) :
	     a.answered		? 0 : adm_complain_no_daemon();
	ask_fini(&a);
	return rc;
}

int cmd_target(const struct adm *adm)
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
