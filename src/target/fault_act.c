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
#include "iscsifs/cursor.h"
#include "iscsifs/log.h"
#include "target/admin.h"
#include "iscsifs/scsi_sense.h"
#include "target/connection.h"
#include "target/disk_cache.h"
#include "target/fault_zombie.h"
#include "target/session.h"
#include "target/target.h"

/* RFC 7143 11.9.1 */
enum {
	FAULT_ASYNC_SCSI = 0,
	FAULT_ASYNC_LOGOUT = 1,
	FAULT_ASYNC_DROP_CONNECTION = 2,
	FAULT_ASYNC_DROP_SESSION = 3,
	FAULT_ASYNC_RENEGOTIATE = 4,
	FAULT_ASYNC_VENDOR = 255,
};

enum { FAULT_MARK_DEPTH = 16, FAULT_RATE_TICK_MS = 20, FAULT_SLICE_TICK_MS = 1 };

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

static void fault_stall(struct connection *c, span_ms span)
{
	c->fault.stalled = true;
	fault_act_until(c, span);
	conn_mark_dirty(c);
}

static void fault_ping(struct connection *c)
{
	if (c->session)
		session_ping(c->session);
}

static void fault_rate(struct connection *c, const struct script_action *a)
{
	fault_pace_set(c, (uint32_t)(a->number * FAULT_RATE_TICK_MS / 1000), FAULT_RATE_TICK_MS,
		       a->span);
}

/* The target knows nothing of it any more, and says nothing. Its tasks end when no hook is in one. */
static void fault_forget_session(struct connection *c)
{
	if (!c->session)
		return;
	c->fault.forgotten = true;
	fault_hole(c, 1);
}

/* SenseLength and sense, as a SCSI response has them (RFC 7143 11.9.4). */
static uint32_t fault_async_sense(uint8_t *to, uint64_t sense)
{
	struct sense s = { .key = (uint8_t)(sense >> 16), .code = (uint16_t)sense };
	uint32_t len = (uint32_t)sense_encode(&s, false, to + 2);

	be16_store(to, (uint16_t)len);
	return len + 2;
}

/* RFC 7143 11.9. Who is told that he is dropped is dropped. */
static void fault_async(struct connection *c, const struct script_action *a)
{
	const struct params *p;
	uint32_t len = 0;
	uint8_t *bhs;

	if (!c->session || c->dead)
		return;
	p = &c->session->start.params;
	bhs = conn_pdu(c, 2 + SENSE_DESCRIPTOR_MAX);
	pdu_init(bhs, PDU_ASYNC, PDU_F, PDU_TAG_NONE);
	session_number(c->session, bhs);
	bhs[36] = (uint8_t)a->number;
	if (a->number == FAULT_ASYNC_SCSI) {
		len = fault_async_sense(conn_pdu_data(c, bhs), a->seed);
	} else if (a->number == FAULT_ASYNC_LOGOUT || a->number == FAULT_ASYNC_RENEGOTIATE) {
		be16_store(bhs + 42, (uint16_t)((a->span + 999) / 1000));
	} else if (a->number != FAULT_ASYNC_VENDOR) {
		be16_store(bhs + 38, c->session->start.cid);
		be16_store(bhs + 40, (uint16_t)p->time2wait_s);
		be16_store(bhs + 42, (uint16_t)p->time2retain_s);
	}
	conn_pdu_send(c, bhs, len);
	if (a->number == FAULT_ASYNC_DROP_CONNECTION || a->number == FAULT_ASYNC_DROP_SESSION)
		conn_drain(c);
}

static void fault_garbage(struct connection *c, uint64_t len)
{
	uint8_t *at;

	if (c->dead || c->fault.spoil.muted || !(at = outq_reserve(&c->out, (uint32_t)len)))
		return;
	for (uint64_t i = 0; i < len; i++)
		at[i] = (uint8_t)fault_random(c->id, i);
	outq_commit(&c->out, at, (uint32_t)len);
	conn_mark_dirty(c);
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
	else if (a->act == SCRIPT_DO_STALL)
		fault_stall(c, a->span);
	else if (a->act == SCRIPT_DO_RATE)
		fault_rate(c, a);
	else if (a->act == SCRIPT_DO_SLICE)
		fault_pace_set(c, (uint32_t)a->number, FAULT_SLICE_TICK_MS, 0);
	else if (a->act == SCRIPT_DO_WINDOW)
		fault_window_set(c, (uint32_t)a->number, a->span);
	else if (a->act == SCRIPT_DO_PING)
		fault_ping(c);
	else if (a->act == SCRIPT_DO_FORGET_SESSION)
		fault_forget_session(c);
	else
		fault_spoil_arm(c, a);
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
	case SCRIPT_DO_STALL:
	case SCRIPT_DO_RATE:
	case SCRIPT_DO_SLICE:
	case SCRIPT_DO_WINDOW:
	case SCRIPT_DO_PING:
	case SCRIPT_DO_SET:
	case SCRIPT_DO_FLIP:
	case SCRIPT_DO_RESIDUAL:
	case SCRIPT_DO_FORGET_SESSION:
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
	case SCRIPT_DO_REFUSE_TMF:
	case SCRIPT_DO_LATE:
	case SCRIPT_DO_PRETEND:
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
