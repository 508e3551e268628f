/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fault commands. The one hard thing is waiting: an answer that is owed when its client hangs up,
 * when its rule is deleted, or when the target ends.
 */
#include "target/fault_control.h"

#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/num.h"
#include "iscsifs/scsi_cdb.h"
#include "target/pdu.h"
#include "target/server.h"

enum { FAULT_WAIT_MS = 60000, FAULT_JOURNAL_LIMIT = 1000 };

/* Somebody waits for a rule, or a mark, to reach a count. */
struct fault_waiter {
	struct faults *faults;
	struct control_request *rq;
	struct loop_timer timer;
	char name[SCRIPT_NAME_MAX + 1];
	bool is_mark;
	uint64_t hits;
	struct list link;
};

/* NULL, and the request refused and gone, where faults are not enabled. */
static struct faults *fault_of(struct control_request *rq, void *arg)
{
	struct server *s = arg;

	if (!s->faults)
		control_fail(rq, ERR_UNSUPPORTED,
			     "this target was started without --enable-faults");
	return s->faults;
}

/* A number of the request, or @otherwise. Returns 0, or -code and the request is refused. */
static int fault_number(struct control_request *rq, const char *key, uint64_t otherwise,
			uint64_t *out)
{
	const char *text = control_get(rq, key);

	*out = otherwise;
	if (!text || !num_parse_u64(text, 0, UINT64_MAX, out))
		return 0;
	control_fail(rq, ERR_INVALID, "%s=%s: want a number", key, text);
	return -ERR_INVALID;
}

static int fault_span(struct control_request *rq, const char *key, span_ms otherwise, span_ms *out)
{
	const char *text = control_get(rq, key);

	*out = otherwise;
	if (!text || (!num_parse_span(text, out) && *out >= 0))
		return 0;
	control_fail(rq, ERR_INVALID, "%s=%s: want a time such as 5s or 500ms", key, text);
	return -ERR_INVALID;
}

/* --- rules --- */

static void fault_list(struct control_request *rq, const struct faults *f)
{
	const struct fault_rule *r;

	list_each(r, &f->engine.rules, link) {
		control_put(rq, "name", r->script.name);
		control_put_u64(rq, "hits", r->all.hits);
		control_put_u64(rq, "seen", r->all.seen);
		control_put(rq, "rule", r->script.text);
		control_record_end(rq);
	}
	control_done(rq, NULL);
}

static void fault_add_rule(struct control_request *rq, struct faults *f)
{
	const char *text = control_get(rq, "rule");
	struct script_rule r;
	struct err e = ERR_INIT;
	int rc;

	if (!text) {
		control_fail(rq, ERR_INVALID, "want rule=");
		return;
	}
	rc = script_parse(&r, text, "rule", &e);
	if (rc > 0)
		rc = err_set(&e, ERR_INVALID, "rule: it is empty");
	if (!rc)
		rc = faults_add(f, &r, &e);
	control_done(rq, rc ? &e : NULL);
}

static void fault_delete(struct control_request *rq, struct faults *f)
{
	const char *name = control_get(rq, "name");
	struct fault_rule *r = name ? fault_find(&f->engine, name) : NULL;

	if (!r) {
		control_fail(rq, ERR_NOT_FOUND, "there is no rule %s", name ? name : "without a name");
		return;
	}
	faults_del(f, r);
	control_done(rq, NULL);
}

static void fault_clear(struct control_request *rq, struct faults *f)
{
	struct fault_rule *r, *tmp;

	list_each_safe(r, tmp, &f->engine.rules, link)
		faults_del(f, r);
	control_done(rq, NULL);
}

void fault_control(struct control_request *rq, void *arg)
{
	struct faults *f = fault_of(rq, arg);
	const char *op;

	if (!f)
		return;
	op = control_get(rq, "op");
	if (!op || !strcmp(op, "list"))
		fault_list(rq, f);
	else if (!strcmp(op, "add"))
		fault_add_rule(rq, f);
	else if (!strcmp(op, "del"))
		fault_delete(rq, f);
	else if (!strcmp(op, "clear"))
		fault_clear(rq, f);
	else
		control_fail(rq, ERR_INVALID, "op=%s: want list, add, del or clear", op);
}

/* --- waiting --- */

static void fault_waiter_free(struct fault_waiter *w)
{
	loop_timer_stop(&w->timer);
	list_del(&w->link);
	free(w);
}

static void fault_waiter_answer(struct fault_waiter *w, const struct err *e, uint64_t hits)
{
	struct control_request *rq = w->rq;

	if (!e) {
		control_put(rq, "name", w->name);
		control_put_u64(rq, "hits", hits);
	}
	fault_waiter_free(w);
	control_done(rq, e);
}

/* Answer @w when its time has come. */
static void fault_waiter_look(struct fault_waiter *w)
{
	const struct fault_rule *r = w->is_mark ? NULL : fault_find(&w->faults->engine, w->name);
	uint64_t hits = w->is_mark ? fault_marked(&w->faults->engine, w->name) : 0;
	struct err e = ERR_INIT;

	if (!w->is_mark && !r) {
		err_set(&e, ERR_NOT_FOUND, "there is no rule %s", w->name);
		fault_waiter_answer(w, &e, 0);
		return;
	}
	hits = r ? r->all.hits : hits;
	if (hits >= w->hits)
		fault_waiter_answer(w, NULL, hits);
}

void fault_control_hit(struct faults *f)
{
	struct fault_waiter *w, *tmp;

	list_each_safe(w, tmp, &f->waiters, link)
		fault_waiter_look(w);
}

void fault_control_end(struct faults *f)
{
	struct fault_waiter *w, *tmp;
	struct err e = ERR_INIT;

	err_set(&e, ERR_GENERIC, "the target ends");
	list_each_safe(w, tmp, &f->waiters, link)
		fault_waiter_answer(w, &e, 0);
}

static void fault_waiter_late(struct loop_timer *t)
{
	struct fault_waiter *w = container_of(t, struct fault_waiter, timer);
	struct err e = ERR_INIT;

	err_set(&e, ERR_TIMEOUT, "%s %s did not get to %llu in time", w->is_mark ? "mark" : "rule",
		w->name, (unsigned long long)w->hits);
	fault_waiter_answer(w, &e, 0);
}

static void fault_waiter_gone(struct control_request *rq, void *arg)
{
	fault_waiter_free(arg);
	control_done(rq, NULL);
}

void fault_control_wait(struct control_request *rq, void *arg)
{
	struct faults *f = fault_of(rq, arg);
	const char *rule, *mark, *name;
	struct fault_waiter *w;
	uint64_t hits;
	span_ms timeout;

	if (!f || fault_number(rq, "hits", 1, &hits) ||
	    fault_span(rq, "timeout", FAULT_WAIT_MS, &timeout))
		return;
	rule = control_get(rq, "name");
	mark = control_get(rq, "mark");
	name = mark ? mark : rule;
	if (!name || !script_name_ok(name) || (mark && rule)) {
		control_fail(rq, ERR_INVALID, "want name=RULE or mark=NAME");
		return;
	}
	w = calloc(1, sizeof(*w));
	if (!w) {
		control_fail(rq, ERR_NOMEM, "out of memory");
		return;
	}
	w->faults = f;
	w->rq = rq;
	w->is_mark = mark != NULL;
	w->hits = hits;
	memcpy(w->name, name, strlen(name) + 1);
	list_init(&w->link);
	list_append(&f->waiters, &w->link);
	loop_timer_init(f->server->loop, &w->timer, fault_waiter_late);
	loop_timer_set(&w->timer, loop_now(f->server->loop) + timeout);
	control_on_gone(rq, fault_waiter_gone, w);
	fault_waiter_look(w);
}

/* --- the journal --- */

static void fault_put_record(struct control_request *rq, const struct journal_record *r)
{
	control_put_u64(rq, "seq", r->seq);
	control_put_i64(rq, "ms", r->at);
	control_put(rq, "kind", journal_kind_name(r->kind));
	if (r->conn)
		control_put_u64(rq, "conn", r->conn);
	if (r->kind == JOURNAL_RECEIVED || r->kind == JOURNAL_SENT) {
		control_put(rq, "pdu", pdu_opcode_name(r->pdu));
		control_putf(rq, "itt", "%08x", r->itt);
	}
	if (r->has_op) {
		const char *name = scsi_opcode_name(r->op);

		if (name)
			control_put(rq, "op", name);
		else
			control_putf(rq, "op", "0x%02x", r->op);
		control_put_u64(rq, "lun", r->lun);
	}
	if (r->has_lba) {
		control_put_u64(rq, "lba", r->lba);
		control_put_u64(rq, "blocks", r->blocks);
	}
	if (r->has_status)
		control_putf(rq, "status", "%02x", r->status);
	if (*r->rule)
		control_put(rq, r->kind == JOURNAL_MARK ? "mark" : "rule", r->rule);
	control_record_end(rq);
}

void fault_control_journal(struct control_request *rq, void *arg)
{
	struct faults *f = fault_of(rq, arg);
	uint64_t since, limit, seq;

	if (!f || fault_number(rq, "since", 0, &since) ||
	    fault_number(rq, "limit", FAULT_JOURNAL_LIMIT, &limit))
		return;
	seq = MAX(since + 1, journal_oldest(&f->journal));
	for (; seq <= f->journal.last && limit; seq++, limit--)
		fault_put_record(rq, journal_get(&f->journal, seq));
	control_done(rq, NULL);
}

/* --- deeds --- */

void fault_control_mark(struct control_request *rq, void *arg)
{
	struct faults *f = fault_of(rq, arg);
	const char *name;

	if (!f)
		return;
	name = control_get(rq, "name");
	if (!name || !script_name_ok(name)) {
		control_fail(rq, ERR_INVALID, "want name=: 1 to %d letters, digits, - _ .",
			     SCRIPT_NAME_MAX);
		return;
	}
	faults_mark(f, name);
	control_put_u64(rq, "count", fault_marked(&f->engine, name));
	control_done(rq, NULL);
}

void fault_control_crash(struct control_request *rq, void *arg)
{
	struct faults *f = fault_of(rq, arg);
	const char *cache = f ? control_get(rq, "cache") : NULL;
	enum script_lose lose = SCRIPT_LOSE_CACHE;
	uint64_t seed;
	span_ms down;

	if (!f || fault_number(rq, "seed", 0, &seed) || fault_span(rq, "restart_after", 0, &down))
		return;
	if (cache && !strcmp(cache, "keep"))
		lose = SCRIPT_KEEP_CACHE;
	else if (cache && !strcmp(cache, "part"))
		lose = SCRIPT_LOSE_PART;
	else if (cache && strcmp(cache, "lose")) {
		control_fail(rq, ERR_INVALID, "cache=%s: want lose, keep or part", cache);
		return;
	}
	faults_crash(f, lose, seed, down);
	control_done(rq, NULL);
}
