/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a lost link may still be doing. A login ends the tasks of the session before it only where
 * name, ISID and portal group are the same (RFC 7143 6.3.5). In another portal group it is another
 * nexus: a write that was on the old one may still run, and land after what we send now.
 *
 * The one hard thing: to know when it is over. A login to the old group ends it, so the portal that
 * was lost is dialled first; where another group takes us instead, LOGICAL UNIT RESET ends the tasks
 * of every nexus (SAM-5 LOGICAL UNIT RESET). Until one of them is done the LUN is held, and its
 * replacement timer runs.
 */
#include "session_impl.h"

#include <stdio.h>

#include "iscsifs/check.h"
#include "iscsifs/log.h"

enum {
	SESSION_FENCE_AGAIN_MS = 5000,	/* the target does not do it now */
	SESSION_FENCE_TURN_MS = 10,	/* it cannot be sent yet */
};

static bool session_fence_is_wanted(const struct lun *lun)
{
	return lun->fence_group >= 0 && lun->reported && lun->state != LUN_GONE &&
	       lun->state != LUN_BARRED;
}

void session_fence_lost(struct session *s)
{
	struct lun *lun;

	list_each(lun, &s->luns, link) {
		if (lun->fence_group < 0 && lun->q.on_wire)
			lun->fence_group = s->limits.tpgt;
	}
}

static void session_fence_event(struct session *s, const struct lun *lun, const char *type)
{
	char number[16], group[16], now[16];

	snprintf(number, sizeof(number), "%u", lun_addr_number(lun->addr));
	snprintf(group, sizeof(group), "%d", lun->fence_group);
	snprintf(now, sizeof(now), "%u", s->limits.tpgt);
	session_post(s, type, "lun", number, "lost_group", group, "group", now);
}

static void session_fence_begin(struct session *s, struct lun *lun)
{
	char why[96];

	snprintf(why, sizeof(why), "commands over portal group %d may still run, we are in %u",
		 lun->fence_group, s->limits.tpgt);
	lun->fencing = true;
	lun_miss(lun, why);
	log_warn("the login leads to another portal group, the LUN is reset before anything is sent "
		 "again | target=%s lun=%u lost=%d group=%u", s->target, lun_addr_number(lun->addr),
		 lun->fence_group, s->limits.tpgt);
	session_fence_event(s, lun, "fence-begin");
	if (!s->fenced && !loop_timer_is_set(&s->fence_timer))
		loop_timer_set(&s->fence_timer, loop_now(s->loop));
}

void session_lun_up(struct session *s, struct lun *lun)
{
	if (lun->fence_group == s->limits.tpgt)
		lun->fence_group = -1;
	if (!session_fence_is_wanted(lun))
		lun_link_up(lun);
	else if (!lun->fencing)
		session_fence_begin(s, lun);
}

static struct lun *session_fence_next(const struct session *s)
{
	struct lun *lun;

	list_each(lun, &s->luns, link) {
		if (lun->fencing && session_fence_is_wanted(lun))
			return lun;
	}
	return NULL;
}

/* One at a time, and none while the ladder asks for something. */
static void session_fence_try(struct session *s)
{
	mono_ms now = loop_now(s->loop);
	struct lun *lun = session_fence_next(s);

	if (!lun || !s->tp || s->link.state != LINK_UP)
		return;
	if (s->ladder.state != LADDER_IDLE ||
	    transport_task_management(s->tp, TRANSPORT_LUN_RESET, lun->addr, NULL) < 0) {
		loop_timer_set(&s->fence_timer, now + SESSION_FENCE_TURN_MS);
		return;
	}
	lun_note_reset(lun);
	s->lun_resets++;
	s->fenced = lun;
	loop_timer_set(&s->fence_timer, now + s->settings.lu_reset_timeout);
}

/* It was not done: the LUN stays held, and is asked for again. */
static void session_fence_failed(struct session *s, const char *why)
{
	log_error("the LUN cannot be reset, it stays held: %s | target=%s lun=%u", why, s->target,
		  lun_addr_number(s->fenced->addr));
	session_fence_event(s, s->fenced, "fence-failed");
	s->fenced = NULL;
	loop_timer_set(&s->fence_timer, loop_now(s->loop) + SESSION_FENCE_AGAIN_MS);
}

static void session_fence_due(struct loop_timer *t)
{
	struct session *s = container_of(t, struct session, fence_timer);

	if (s->fenced)
		session_fence_failed(s, "no answer within lu_reset_timeout");
	else
		session_fence_try(s);
}

bool session_fence_on_tmf(struct session *s, uint8_t response)
{
	struct lun *lun = s->fenced;

	if (!lun)
		return false;
	if (response != TRANSPORT_TMF_COMPLETE) {
		session_fence_failed(s, "the target refuses LOGICAL UNIT RESET");
		return true;
	}
	loop_timer_stop(&s->fence_timer);
	session_fence_event(s, lun, "fence-end");
	s->fenced = NULL;
	lun->fence_group = -1;
	lun->fencing = false;
	if (lun->reported && lun->state != LUN_GONE)	/* it may have gone meanwhile */
		lun_link_up(lun);
	session_fence_try(s);
	return true;
}

void session_fence_cut(struct session *s)
{
	struct lun *lun;

	s->fenced = NULL;
	loop_timer_stop(&s->fence_timer);
	list_each(lun, &s->luns, link)
		lun->fencing = false;
}

void session_fence_init(struct session *s)
{
	loop_timer_init(s->loop, &s->fence_timer, session_fence_due);
}
