/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What fault rules do. The one hard thing: each deed must look on the wire as the misfortune would,
 * so a reset is an RST and no FIN, a port that refuses is closed, a crash forgets what the power
 * would take along and nothing else.
 */
#include "target/fault_act.h"

#include <string.h>
#include <sys/socket.h>

#include "iscsifs/check.h"
#include "iscsifs/log.h"
#include "target/admin.h"
#include "target/connection.h"
#include "target/disk_cache.h"
#include "target/fault_zombie.h"
#include "target/session.h"
#include "target/target.h"

enum { FAULT_MARK_DEPTH = 16 };

/* --- to one connection --- */

static void fault_reset(struct connection *c, const char *why)
{
	static const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (c->dead)
		return;
	setsockopt(c->watch.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	conn_close(c, "reset by %s", why);
}

void fault_act_until(struct connection *c, span_ms span)
{
	if (span)
		loop_timer_set(&c->fault.timer, loop_now(c->server->loop) + span);
	else
		loop_timer_stop(&c->fault.timer);
}

static void fault_hole(struct connection *c, span_ms span)
{
	c->fault.hole = true;
	fault_act_until(c, span);
	conn_stop(c);
}

/* RFC 7143 11.9. Who is told that he is dropped is dropped. */
static void fault_async(struct connection *c, const struct script_action *a)
{
	uint8_t event = (uint8_t)a->number;
	const struct session_start *st;

	if (!c->session || c->dead)
		return;
	st = &c->session->start;
	if (event == SESSION_ASYNC_LOGOUT) {
		session_async(c->session, event, 0, 0, (uint16_t)((a->span + 999) / 1000));
		return;
	}
	session_async(c->session, event, st->cid, (uint16_t)st->params.time2wait_s,
		      (uint16_t)st->params.time2retain_s);
	conn_drain(c);
}

static void fault_garbage(struct connection *c, uint64_t len)
{
	uint8_t *at;

	if (c->dead || c->fault.muted || !(at = outq_reserve(&c->out, (uint32_t)len)))
		return;
	for (uint64_t i = 0; i < len; i++)
		at[i] = (uint8_t)fault_random(c->id, i);
	outq_commit(&c->out, at, (uint32_t)len);
	conn_mark_dirty(c);
}

static void fault_arm(struct connection *c, const struct script_action *a)
{
	c->fault.armed = true;
	if (a->act == SCRIPT_DO_TRUNCATE)
		c->fault.truncate = (uint32_t)a->number;
	else if (a->act == SCRIPT_DO_DUPLICATE)
		c->fault.repeat = true;
	else
		c->fault.corrupt = (enum script_corrupt)a->number;
}

static void fault_act_on_one(struct connection *c, const struct script_rule *r,
			     const struct script_action *a)
{
	if (c->dead)
		return;
	if (a->act == SCRIPT_DO_CLOSE)
		conn_close(c, "by rule %s", r->name);
	else if (a->act == SCRIPT_DO_RESET)
		fault_reset(c, r->name);
	else if (a->act == SCRIPT_DO_BLACKHOLE)
		fault_hole(c, a->span);
	else if (a->act == SCRIPT_DO_ASYNC)
		fault_async(c, a);
	else if (a->act == SCRIPT_DO_GARBAGE)
		fault_garbage(c, a->number);
	else
		fault_arm(c, a);
}

static void fault_act_on_all(struct faults *f, struct connection *c, const struct script_rule *r,
			     const struct script_action *a)
{
	struct connection *tmp;

	if (c) {
		fault_act_on_one(c, r, a);
		return;
	}
	list_each_safe(c, tmp, &f->server->connections, link)
		fault_act_on_one(c, r, a);
}

/* --- to the whole target --- */

static void fault_hear(struct loop_timer *t)
{
	struct faults *f = container_of(t, struct faults, deaf);

	if (server_hear(f->server))
		loop_timer_set(t, loop_now(f->server->loop) + 50);
}

static void fault_refuse(struct faults *f, span_ms span)
{
	server_deafen(f->server);
	if (!f->deaf.fire)
		loop_timer_init(f->server->loop, &f->deaf, fault_hear);
	loop_timer_set(&f->deaf, loop_now(f->server->loop) + span);
}

static void fault_lose(struct faults *f, enum script_lose lose, uint64_t seed)
{
	struct target *t;

	list_each(t, &f->server->targets, link) {
		for (unsigned i = 0; i < t->luns; i++) {
			if (lose != SCRIPT_KEEP_CACHE)
				disk_cache_lose(t->lun[i]->disk, lose == SCRIPT_LOSE_PART, seed + i);
		}
	}
}

static void fault_forget_reservations(struct faults *f)
{
	struct target *t;

	list_each(t, &f->server->targets, link) {
		for (unsigned i = 0; i < t->luns; i++)
			lun_forget_reservations(t->lun[i]);
	}
}

void faults_crash(struct faults *f, enum script_lose lose, uint64_t seed, span_ms down)
{
	struct connection *c, *tmp;
	struct journal_record *r = journal_add(&f->journal);
	struct target *t;

	r->at = loop_now(f->server->loop);
	r->kind = JOURNAL_CRASH;
	f->crashes++;
	log_info("crash | cache=%s down_ms=%lld", lose == SCRIPT_KEEP_CACHE ? "kept" :
		 lose == SCRIPT_LOSE_CACHE ? "lost" : "partly lost", (long long)down);
	if (down)
		fault_refuse(f, down);
	list_each_safe(c, tmp, &f->server->connections, link)
		fault_reset(c, "a crash");
	fault_zombies_end(f);
	fault_lose(f, lose, seed);
	list_each(t, &f->server->targets, link)
		target_power_cycle(t);
}

void faults_mark(struct faults *f, const char *name)
{
	struct fault_event ev = { .event = SCRIPT_EV_MARK, .mark = name };
	mono_ms now = loop_now(f->server->loop);
	struct journal_record *j = journal_add(&f->journal);
	struct fault_rule *r;

	j->at = now;
	j->kind = JOURNAL_MARK;
	memcpy(j->rule, name, strlen(name) + 1);
	(void)fault_mark(&f->engine, name);
	loop_defer(f->server->loop, &f->hit);
	if (f->depth == FAULT_MARK_DEPTH)
		return;
	f->depth++;
	r = fault_check(&f->engine, &ev, now);
	for (unsigned i = 0; r && i < r->script.actions; i++)
		fault_act(f, NULL, &r->script, &r->script.action[i]);
	f->depth--;
}

/* --- to logical units --- */

void fault_act_settle(struct loop_call *call)
{
	struct faults *f = container_of(call, struct faults, settle);
	struct target *t;

	list_each(t, &f->server->targets, link) {
		for (unsigned i = 0; i < t->luns; i++)
			admin_settle_lun(f->server, t->lun[i]);
	}
}

/* Tasks are answered later: one of them may be the one that is being worked on. */
static void fault_act_on_lun(struct faults *f, struct lun *l, const struct script_action *a)
{
	struct err e = ERR_INIT;

	if (a->act == SCRIPT_DO_IDENTITY)
		lun_change_identity(l);
	else if (a->act != SCRIPT_DO_RESIZE)
		target_set_present(l, a->act == SCRIPT_DO_ADD);
	else if (admin_resize_lun(f->server, l, a->number, false, &e))
		log_warn("resize by a rule failed: %s", e.text);
	loop_defer(f->server->loop, &f->settle);
}

static void fault_act_on_luns(struct faults *f, const struct connection *c,
			      const struct script_action *a)
{
	const struct target *only = c && c->session ? c->session->start.target : NULL;
	struct target *t;

	list_each(t, &f->server->targets, link) {
		struct lun *l = target_find_lun(t, a->lun);

		if (l && (!only || t == only))
			fault_act_on_lun(f, l, a);
	}
}

static bool fault_act_has_lun(enum script_act act)
{
	return act == SCRIPT_DO_RESIZE || act == SCRIPT_DO_REMOVE || act == SCRIPT_DO_ADD ||
	       act == SCRIPT_DO_IDENTITY;
}

int fault_act_check(const struct faults *f, const struct script_rule *r, struct err *e)
{
	struct target *t;

	for (unsigned i = 0; i < r->actions; i++) {
		const struct script_action *a = &r->action[i];
		bool there = false;

		if (!fault_act_has_lun(a->act))
			continue;
		list_each(t, &f->server->targets, link) {
			const struct lun *l = target_find_lun(t, a->lun);

			there |= l != NULL;
			if (l && a->act == SCRIPT_DO_RESIZE && a->number < l->block_bytes)
				return err_set(e, ERR_INVALID, "rule %s: LUN %u of %s: want a size of one "
					       "block or more", r->name, a->lun, t->name);
		}
		if (!there)
			return err_set(e, ERR_INVALID, "rule %s: there is no LUN %u", r->name, a->lun);
	}
	return 0;
}

void fault_act(struct faults *f, struct connection *c, const struct script_rule *r,
	       const struct script_action *a)
{
	switch (a->act) {
	case SCRIPT_DO_CLOSE:
	case SCRIPT_DO_RESET:
	case SCRIPT_DO_BLACKHOLE:
	case SCRIPT_DO_ASYNC:
	case SCRIPT_DO_GARBAGE:
	case SCRIPT_DO_TRUNCATE:
	case SCRIPT_DO_CORRUPT:
	case SCRIPT_DO_DUPLICATE:
		fault_act_on_all(f, c, r, a);
		return;
	case SCRIPT_DO_REFUSE_FOR:
		fault_refuse(f, a->span);
		return;
	case SCRIPT_DO_FORGET_CACHE:
		fault_lose(f, SCRIPT_LOSE_CACHE, 0);
		return;
	case SCRIPT_DO_FORGET_RESERVATIONS:
		fault_forget_reservations(f);
		return;
	case SCRIPT_DO_CRASH:
		faults_crash(f, (enum script_lose)a->number, a->seed, a->span);
		return;
	case SCRIPT_DO_RESIZE:
	case SCRIPT_DO_REMOVE:
	case SCRIPT_DO_ADD:
	case SCRIPT_DO_IDENTITY:
		fault_act_on_luns(f, c, a);
		return;
	case SCRIPT_DO_MARK:
		faults_mark(f, a->text);
		return;
	case SCRIPT_DO_NONE:
	case SCRIPT_DO_REFUSE_WITH:
	case SCRIPT_DO_REDIRECT:
	case SCRIPT_DO_DELAY:
	case SCRIPT_DO_DROP:
	case SCRIPT_DO_WITHHOLD:
	case SCRIPT_DO_EXECUTE:
	case SCRIPT_DO_ZOMBIE:
	case SCRIPT_DO_STATUS:
	case SCRIPT_DO_SENSE:
	case SCRIPT_DO_REJECT:
		return;
	}
}
