/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The LUNs of a session: asked for after each login, and again when the target says they changed.
 *
 * The one hard thing: what a missing LUN means. After a new login targets answer before their LUNs
 * exist, so it is waited for; on a session that was up it is gone.
 */
#include "session_impl.h"

#include <stdio.h>
#include <stdlib.h>

#include "iscsifs/check.h"
#include "iscsifs/log.h"

enum {
	SESSION_LUNS_AGAIN_MS = 1000,
	SESSION_LUNS_ATTENTIONS = 32,
};

static void session_ask_luns(struct session *s);

struct lun *session_find_lun(const struct session *s, unsigned number)
{
	struct lun *lun;

	list_each(lun, &s->luns, link) {
		if (lun_addr_number(lun->addr) == number)
			return lun;
	}
	return NULL;
}

/* The first login is a success when there is a disk to show, now or soon. */
static void session_decide_by_luns(struct session *s)
{
	struct err err = ERR_INIT;
	const struct lun *lun;
	unsigned disks = 0;

	if (s->decided || s->link.state != LINK_UP)
		return;
	list_each(lun, &s->luns, link) {
		if (!lun->settled)
			return;
		disks += lun->state != LUN_GONE;
	}
	if (disks || s->background)
		session_decide(s, NULL);
	else if (s->only_lun >= 0)
		session_decide(s, (err_set(&err, ERR_NOT_FOUND, "target %s has no disk with LUN %d",
					   s->target, s->only_lun), &err));
	else
		session_decide(s, (err_set(&err, ERR_NOT_FOUND, "target %s shows us no disks: does it "
					   "have LUNs, and may this initiator (%s) see them?",
					   s->target, s->settings.initiator_name), &err));
}

static void session_lun_settled(void *arg, struct lun *lun)
{
	(void)lun;
	session_decide_by_luns(arg);
}

static void session_lun_added(void *arg, struct lun *lun)
{
	struct session *s = arg;

	s->events->on_lun_added(s->arg, s, lun);
}

static void session_lun_changed(void *arg, struct lun *lun)
{
	struct session *s = arg;

	s->events->on_lun_changed(s->arg, s, lun);
}

static void session_lun_gone(void *arg, struct lun *lun)
{
	struct session *s = arg;

	s->events->on_lun_gone(s->arg, s, lun);
}

static void session_luns_changed(void *arg)
{
	session_rescan(arg);
}

static const struct lun_events session_lun_events = {
	.on_settled = session_lun_settled,
	.on_added = session_lun_added,
	.on_changed = session_lun_changed,
	.on_gone = session_lun_gone,
	.on_luns_changed = session_luns_changed,
	.on_drained = session_lun_drained,
};

/* A LUN's files are named by the alias; with several LUNs of a target the number is added. */
static void session_name_lun(const struct session *s, struct lun *lun)
{
	unsigned number = lun_addr_number(lun->addr);

	if (!*s->alias)
		return;
	if (s->only_lun >= 0 || number == 0)
		snprintf(lun->alias, sizeof(lun->alias), "%.50s", s->alias);
	else
		snprintf(lun->alias, sizeof(lun->alias), "%.50s-%u", s->alias, number);
}

static void session_add_lun(struct session *s, struct lun_addr addr)
{
	struct lun *lun, *other;

	if (lun_new(&lun, &s->wire, addr, &s->settings, &session_lun_events, s) < 0)
		return;
	lun->target = s->target;
	lun->history = s->history;
	lun->reported = true;
	session_name_lun(s, lun);
	list_each(other, &s->luns, link) {
		if (lun_addr_number(other->addr) > lun_addr_number(addr))
			break;
	}
	list_append(&other->link, &lun->link);
}

/* What was not reported: gone when the session is old, not there yet when it is new. */
static void session_miss_luns(struct session *s)
{
	struct lun *lun;
	bool missing = false;

	list_each(lun, &s->luns, link) {
		if (lun->reported || lun->state == LUN_GONE)
			continue;
		if (s->luns_rescan)
			lun_vanish(lun);
		else
			lun_miss(lun, "the target does not report it at the moment");
		missing = missing || !s->luns_rescan;
	}
	if (missing)
		loop_timer_set(&s->luns_timer, loop_now(s->loop) + SESSION_LUNS_AGAIN_MS);
}

static void session_take_luns(struct session *s, const struct lun_addr *addrs, int count)
{
	struct lun *lun;
	bool fresh = s->link.state == LINK_PROBE;

	list_each(lun, &s->luns, link)
		lun->reported = false;
	for (int i = 0; i < count; i++) {
		unsigned number = lun_addr_number(addrs[i]);

		if (s->only_lun >= 0 && number != (unsigned)s->only_lun)
			continue;
		lun = session_find_lun(s, number);
		if (lun)
			lun->reported = true;
		else
			session_add_lun(s, addrs[i]);
	}
	session_miss_luns(s);
	s->luns_rescan = true;
	if (fresh)
		session_step(s, LINK_EV_PROBED);
	else
		list_each(lun, &s->luns, link) {
			if (!lun->reported)
				continue;
			if (lun->state != LUN_READY || lun_is_down(lun))
				session_lun_up(s, lun);
			else
				lun_ask_again(lun);
		}
	session_decide_by_luns(s);
}

/* No REPORT LUNS at all (SPC-2 made it mandatory): there is LUN 0, or the one we were told. */
static void session_assume_lun(struct session *s)
{
	struct lun_addr addr = lun_addr_of(s->only_lun < 0 ? 0 : (unsigned)s->only_lun);

	session_take_luns(s, &addr, 1);
}

static void session_luns_good(struct session *s)
{
	enum { MAX_LUNS = SESSION_LUNS_BYTES / 8 };
	struct lun_addr *addrs = calloc(MAX_LUNS, sizeof(*addrs));
	int skipped = 0;
	int n = -1;

	if (addrs)
		n = scsi_luns_decode(s->luns_buf, s->luns_cmd.in_bytes, addrs, MAX_LUNS, &skipped);
	if (skipped)
		log_warn("LUNs with an address of a kind that is not supported are left out | "
			 "target=%s luns=%d", s->target, skipped);
	if (n < 0)
		session_lose(s, ERR_INTERNAL, "the answer to REPORT LUNS makes no sense");
	else
		session_take_luns(s, addrs, n);
	free(addrs);
}

/* Some targets tell here what was meant for LUN 0, and then not again. */
static void session_note_attention(struct session *s, const struct sense *sense)
{
	struct lun *lun = session_find_lun(s, 0);

	if (lun)
		lun_note_attention(lun, sense);
}

static void session_luns_done(struct transport_cmd *cmd)
{
	struct session *s = container_of(cmd, struct session, luns_cmd);
	struct verdict v = verdict_of(cmd->rejected, cmd->status, &cmd->sense);

	s->luns_asking = false;
	if (s->link.state == LINK_CLOSE)
		return;
	if (v.kind == VERDICT_ATTENTION)
		session_note_attention(s, &cmd->sense);
	if (v.kind == VERDICT_GOOD && !s->luns_again) {
		session_luns_good(s);
	} else if (v.kind == VERDICT_FAIL) {
		session_assume_lun(s);
	} else if ((v.kind == VERDICT_ATTENTION || v.kind == VERDICT_GOOD) &&
		   s->luns_attentions++ < SESSION_LUNS_ATTENTIONS) {
		session_ask_luns(s);
	} else {
		loop_timer_set(&s->luns_timer, loop_now(s->loop) + SESSION_LUNS_AGAIN_MS / 4);
	}
}

static void session_ask_luns(struct session *s)
{
	uint8_t cdb[CDB_MAX];
	unsigned len = cdb_report_luns(cdb, SESSION_LUNS_BYTES);

	if (!s->tp)
		return;
	s->luns_again = s->luns_asking;
	if (s->luns_asking)
		return;
	s->luns_asked = loop_now(s->loop);
	s->luns_cmd = (struct transport_cmd){ .done = session_luns_done,
					      .older_moved = s->luns_asked };
	s->luns_asking = true;
	if (transport_command(s->tp, &s->luns_cmd, lun_addr_of(0), cdb, len, s->luns_buf,
			      SESSION_LUNS_BYTES, NULL, 0) < 0) {
		s->luns_asking = false;
		loop_timer_set(&s->luns_timer, loop_now(s->loop) + SESSION_LUNS_AGAIN_MS / 4);
	}
}

void session_luns_aborted(struct session *s)
{
	s->luns_asking = false;
	loop_timer_set(&s->luns_timer, loop_now(s->loop) + SESSION_LUNS_AGAIN_MS);
}

void session_luns_probe(struct session *s)
{
	s->luns_attentions = 0;
	s->luns_rescan = false;
	session_ask_luns(s);
}

static void session_luns_due(struct loop_timer *t)
{
	struct session *s = container_of(t, struct session, luns_timer);

	s->luns_rescan = false;
	session_ask_luns(s);
}

void session_rescan(struct session *s)
{
	if (s->link.state != LINK_UP)
		return;
	s->luns_attentions = 0;
	s->luns_rescan = true;
	session_ask_luns(s);
}

int session_accept_lun(struct session *s, unsigned number, struct err *err)
{
	struct lun *lun = session_find_lun(s, number);

	if (!lun)
		return err_set(err, ERR_NOT_FOUND, "%s has no LUN %u", s->target, number);
	return lun_accept(lun, err);
}

void session_luns_init(struct session *s)
{
	list_init(&s->luns);
	loop_timer_init(s->loop, &s->luns_timer, session_luns_due);
}
