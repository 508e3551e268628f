/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A session with one target. It carries out what link.h decides: dials, asks for the LUNs, listens
 * for life, waits, logs out.
 *
 * The one hard thing: the transport may be lost at any moment, also inside one of its callbacks,
 * where it must not be cut. Whoever finds a loss in a callback says session_lose(), and the loop
 * takes the step.
 */
#include "session_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/log.h"

enum {
	SESSION_PING_AGAIN_MS = 100,
	SESSION_LOOKS = 4,		/* at the oldest command, within scsi_cmd_timeout */
};

/* --- losing the link ---------------------------------------------------------------------- */

void session_lose(struct session *s, enum err_code code, const char *text)
{
	session_set_error(s, code, text);
	loop_defer(s->loop, &s->lose_call);
}

static void session_lose_now(struct loop_call *c)
{
	session_lost(container_of(c, struct session, lose_call), LINK_EV_LOST);
}

static void session_cut(struct session *s)
{
	loop_timer_stop(&s->attempt_timer);
	loop_timer_stop(&s->alive_timer);
	loop_timer_stop(&s->luns_timer);
	loop_call_cancel(&s->lose_call);
	resolve_cancel(s->resolving);
	s->resolving = NULL;
	transport_cut(s->tp);
	s->tp = NULL;
	s->wire.tp = NULL;
	s->luns_asking = false;
	session_ladder_lost(s);
	session_fence_cut(s);
}

/* --- life --------------------------------------------------------------------------------- */

/* When a command may be late, and often enough before that to see that what we send is taken. */
static span_ms session_look_again(span_ms limit, span_ms oldest)
{
	span_ms look = oldest ? MAX(limit / SESSION_LOOKS, 1) : limit;

	return oldest < limit ? MIN(limit - oldest, look) : look;
}

static void session_check_alive(struct session *s)
{
	mono_ms now = loop_now(s->loop);
	span_ms limit = s->settings.scsi_cmd_timeout;
	span_ms patience = s->settings.noop_out_interval + s->settings.noop_out_timeout;
	span_ms watched = now - loop_awake_since(s->loop, patience);	/* before that we were deaf */
	struct alive_input in = {
		.now = now,
		.silence = MIN(transport_silence(s->tp), MIN(now - s->state_since, watched)),
		.blocked = transport_queued(s->tp) > 0,
		.unheard = MIN(transport_unheard(s->tp), watched),
		.oldest = session_ladder_check(s),
		.interval = s->settings.noop_out_interval,
		.timeout = s->settings.noop_out_timeout,
		.patience = limit,
	};
	mono_ms next;

	if (in.timeout <= 0)
		in.interval = 0;
	switch (alive_check(&s->alive, &in, &next)) {
	case ALIVE_DEAD:
		session_set_error(s, ERR_PDU_TIMEOUT, limit > 0 && in.oldest >= limit
				  ? "a command was not answered within scsi_cmd_timeout, and nothing "
				    "can be asked for"
				  : "nothing was received for noop_out_interval + noop_out_timeout");
		session_lost(s, LINK_EV_LOST);
		return;
	case ALIVE_PING:
		if (transport_ping(s->tp) < 0) {	/* no memory: its silence would prove nothing */
			alive_init(&s->alive);
			next = now + SESSION_PING_AGAIN_MS;
		}
		break;
	case ALIVE_OK:
		break;
	}
	if (limit > 0)
		next = MIN(next, now + session_look_again(limit, in.oldest));
	loop_timer_set(&s->alive_timer, next);
}

static void session_alive_due(struct loop_timer *t)
{
	session_check_alive(container_of(t, struct session, alive_timer));
}

void session_decide(struct session *s, const struct err *err)
{
	if (s->decided)
		return;
	s->decided = true;
	s->events->on_first_login(s->arg, s, err);
}

/* --- carrying out what link decides ------------------------------------------------------- */

static void session_up(struct session *s)
{
	struct lun *lun;

	loop_timer_stop(&s->attempt_timer);
	if (s->ever_up)
		log_info("session is up again | target=%s portal=%s attempts=%u", s->target,
			 s->portal, s->failures + 1);
	else
		log_info("session is up | target=%s portal=%s", s->target, s->portal);
	session_post(s, "session-up", "portal", s->portal);
	s->ever_up = true;
	portals_up(&s->portals);
	s->answered_before = session_answered(s);
	s->wire.tp = s->tp;
	alive_init(&s->alive);
	loop_timer_set(&s->alive_timer, loop_now(s->loop));
	list_each(lun, &s->luns, link) {
		if (lun->reported)
			session_lun_up(s, lun);
	}
}

static void session_down(struct session *s)
{
	struct lun *lun;

	session_fence_lost(s);
	list_each(lun, &s->luns, link)
		lun_link_down(lun);
}

static void session_close_luns(struct session *s)
{
	struct lun *lun;

	list_each(lun, &s->luns, link)
		lun_close(lun);
}

static void session_refused(struct session *s)
{
	if (s->ever_up)
		log_error("giving up, reopen_max is reached | target=%s", s->target);
	session_post(s, "session-refused", "portal", s->portal, "why", s->last_err.text);
	session_close_luns(s);
	session_decide(s, &s->last_err);
}

static void session_logout(struct session *s)
{
	/* Nothing may be sent after the logout: no ping, no question. */
	loop_timer_stop(&s->alive_timer);
	loop_timer_stop(&s->luns_timer);
	session_close_luns(s);
	session_ladder_lost(s);
	s->attempt_began = loop_now(s->loop);
	session_time_attempt(s);
	if (transport_logout(s->tp) < 0)
		loop_timer_set(&s->attempt_timer, loop_now(s->loop));
}

void session_step(struct session *s, enum link_event ev)
{
	enum link_state before = s->link.state;
	int unexpected;
	unsigned actions = link_step(&s->link, ev, &unexpected);

	if (unexpected)
		log_debug("link: event without a row | target=%s state=%s event=%s", s->target,
			  link_state_name(before), link_event_name(ev));
	if (s->link.state != before) {
		s->state_since = loop_now(s->loop);
		log_debug("link %s -> %s | target=%s event=%s", link_state_name(before),
			  link_state_name(s->link.state), s->target, link_event_name(ev));
	}
	if (actions & LINK_DO_CUT)
		session_cut(s);
	if (actions & LINK_DO_DOWN)
		session_down(s);
	if (actions & LINK_DO_DIAL)
		session_dial(s);
	if (actions & LINK_DO_PROBE)
		session_luns_probe(s);
	if (actions & LINK_DO_UP)
		session_up(s);
	if (actions & LINK_DO_WAIT)
		loop_timer_set(&s->wait_timer, session_dial_at(s));
	if (actions & LINK_DO_LOGOUT)
		session_logout(s);
	if (actions & LINK_DO_CLOSED) {
		session_close_luns(s);
		loop_timer_stop(&s->wait_timer);
		session_post(s, "session-closed", "portal", s->portal);
		s->events->on_closed(s->arg, s);
	}
	if (actions & LINK_DO_REFUSED)
		session_refused(s);
}

/* --- the end ------------------------------------------------------------------------------ */

static void session_drained(struct session *s)
{
	const struct lun *lun;

	if (!s->closing || s->link.state != LINK_UP)
		return;
	list_each(lun, &s->luns, link) {
		if (!lun->drained)
			return;
	}
	session_step(s, LINK_EV_CLOSE);
}

void session_lun_drained(void *arg, struct lun *lun)
{
	struct session *s = arg;

	(void)lun;
	loop_defer(s->loop, &s->drained_call);
}

static void session_drained_now(struct loop_call *c)
{
	session_drained(container_of(c, struct session, drained_call));
}

void session_close(struct session *s)
{
	struct lun *lun;

	if (s->closing)
		return;
	s->closing = true;
	if (s->link.state == LINK_REFUSED) {
		s->events->on_closed(s->arg, s);
		return;
	}
	if (s->link.state != LINK_UP) {
		session_step(s, LINK_EV_CLOSE);
		return;
	}
	s->attempt_began = loop_now(s->loop);
	session_time_attempt(s);
	list_each(lun, &s->luns, link)
		lun_drain(lun);
	loop_defer(s->loop, &s->drained_call);
}

/* --- life --------------------------------------------------------------------------------- */

void session_add_portals(struct session *s, const char *const *portals)
{
	for (; *portals; portals++)
		portals_add(&s->portals, *portals);
}

int session_new(struct session **out, struct loop *loop, const struct session_param *param,
		const struct session_events *events, void *arg, struct err *err)
{
	struct session *s = calloc(1, sizeof(*s));

	*out = NULL;
	if (!s)
		return err_set(err, ERR_NOMEM, "no memory for a session");
	s->loop = loop;
	s->events = events;
	s->arg = arg;
	s->history = param->history;
	s->only_lun = param->only_lun;
	s->background = param->background;
	s->settings = *param->settings;
	s->state_since = loop_now(loop);
	snprintf(s->target, sizeof(s->target), "%s", param->target);
	snprintf(s->alias, sizeof(s->alias), "%s", param->alias ? param->alias : "");
	session_add_portals(s, param->portals);
	link_init(&s->link);
	session_dial_init(s);
	loop_timer_init(loop, &s->alive_timer, session_alive_due);
	session_luns_init(s);
	session_ladder_init(s);
	session_fence_init(s);
	loop_call_init(&s->lose_call, session_lose_now);
	loop_call_init(&s->drained_call, session_drained_now);
	s->luns_buf = malloc(SESSION_LUNS_BYTES);
	s->slots = (unsigned)s->settings.cmds_max;
	ioq_wire_init(&s->wire, loop, s->slots);
	if (!s->luns_buf) {
		session_free(s);
		return err_set(err, ERR_NOMEM, "no memory for a session");
	}
	*out = s;
	return 0;
}

void session_start(struct session *s)
{
	session_step(s, LINK_EV_START);
}

void session_free(struct session *s)
{
	struct lun *lun, *tmp;

	if (!s)
		return;
	s->link.state = LINK_REFUSED;
	session_cut(s);
	loop_timer_stop(&s->wait_timer);
	list_each_safe(lun, tmp, &s->luns, link) {
		lun_link_down(lun);
		lun_close(lun);
		list_del(&lun->link);
		lun_free(lun);
	}
	loop_call_cancel(&s->drained_call);
	ioq_wire_fini(&s->wire);
	free(s->luns_buf);
	free(s);
}

/* --- asking ------------------------------------------------------------------------------- */

const char *session_target(const struct session *s)
{
	return s->target;
}

const char *session_portal(const struct session *s)
{
	return s->portal;
}

struct lun *session_lun(const struct session *s, unsigned i)
{
	struct lun *lun;

	list_each(lun, &s->luns, link) {
		if (i-- == 0)
			return lun;
	}
	return NULL;
}

const struct node_settings *session_settings(const struct session *s)
{
	return &s->settings;
}

/* Whatever runs by a setting runs by the new one. */
static void session_time_anew(struct session *s)
{
	if (loop_timer_is_set(&s->attempt_timer))
		session_time_attempt(s);
	if (loop_timer_is_set(&s->wait_timer))
		loop_timer_set(&s->wait_timer, MIN(s->wait_timer.when, session_dial_at(s)));
	if (s->link.state == LINK_DIAL && s->tp)
		transport_login_at(s->tp, session_login_at(s));
	if (s->link.state == LINK_UP && !s->closing)
		loop_timer_set(&s->alive_timer, loop_now(s->loop));
}

int session_set(struct session *s, const char *name, const char *value, struct err *err)
{
	const struct setting *row = settings_lookup(&node_settings_table, name, err);
	char shown[SETTING_STRING_BYTES];
	struct lun *lun;
	int rc;

	if (!row)
		return -(int)err->code;
	if (!row->live)
		return err_set(err, ERR_INVALID, "%s cannot be changed while the session runs",
			       row->name);
	rc = settings_set(row, &s->settings, value, NULL, err);
	if (rc < 0)
		return rc;
	s->wire.slots = MIN((unsigned)s->settings.cmds_max, s->slots);
	list_each(lun, &s->luns, link)
		lun_settings_changed(lun);
	session_time_anew(s);
	session_post(s, "setting-changed", "name", row->name, "value",
		     settings_print(row, &s->settings, shown, sizeof(shown)));
	return 0;
}
