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

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "backoff.h"
#include "iscsifs/check.h"
#include "iscsifs/log.h"

enum {
	SESSION_PING_AGAIN_MS = 100,
	SESSION_LOOKS = 4,		/* at the oldest command, within scsi_cmd_timeout */
	SESSION_REDIRECTS = 8,		/* in a row; more are a circle */
	SESSION_BRIEF_MS = 1000,	/* a link that was up for less, for nothing, has not been up */
	SESSION_THEFTS = 2,		/* so many in a row are told */
	SESSION_THEFT_MS = 3000,	/* a rival waits for Time2Wait as we do, and so long at most */
	SESSION_EARLY_MS = 5000,	/* so long a target may wait for the login of a connection */
};

static uint32_t session_random(void)
{
	uint32_t r = 0;

	(void)!getrandom(&r, sizeof(r), 0);
	return r;
}

/* --- losing the link ---------------------------------------------------------------------- */

static void session_set_error(struct session *s, enum err_code code, const char *text)
{
	s->last_err = (struct err)ERR_INIT;
	err_set(&s->last_err, code, "%s", text);
}

void session_lose(struct session *s, enum err_code code, const char *text)
{
	session_set_error(s, code, text);
	loop_defer(s->loop, &s->lose_call);
}

/* RFC 7143 11.13.5: what a login status means for somebody who asks for the first time. */
static enum err_code session_login_code(uint16_t status)
{
	switch (status) {
	case 0x0201:		/* authentication failure */
	case 0x0202:		/* authorization failure */
		return ERR_AUTH;
	default:
		/* Class 2: our fault, it stays. Class 3: the target's, it may pass. */
		return status >> 8 == 2 ? ERR_FATAL_LOGIN : ERR_LOGIN;
	}
}

static enum err_code session_loss_code(const struct transport_loss *loss)
{
	switch (loss->kind) {
	case TRANSPORT_LOSS_LOGIN:
		return loss->login_status ? session_login_code(loss->login_status) : ERR_LOGIN;
	case TRANSPORT_LOSS_AUTH:
		return ERR_AUTH;
	case TRANSPORT_LOSS_CONNECT:
	case TRANSPORT_LOSS_DROPPED:
	case TRANSPORT_LOSS_LOGGED_OUT:
	case TRANSPORT_LOSS_ASKED:
		break;
	}
	return ERR_CONNECT;
}

/* The first login is over for good: nothing more will be tried. */
static bool session_gives_up(const struct session *s)
{
	if (s->ever_up)
		return s->settings.reopen_max > 0 &&
		       s->failures > (unsigned)s->settings.reopen_max;
	if (s->background)
		return false;
	return s->last_err.code == ERR_AUTH || s->last_err.code == ERR_FATAL_LOGIN ||
	       (s->last_err.code == ERR_HOST && s->portals.count == 1) ||
	       s->failures > (unsigned)s->settings.initial_login_retry_max;
}

static void session_log_failure(const struct session *s)
{
	if (s->ever_up)
		log_info("cannot log in again, still trying: %s | target=%s portal=%s attempt=%u",
			 s->last_err.text, s->target, s->portal, s->failures);
	else
		log_warn("cannot log in yet: %s | target=%s portal=%s attempt=%u",
			 s->last_err.text, s->target, s->portal, s->failures);
}

/* No login before this instant; in the past when there is nothing to wait for. */
static mono_ms session_login_at(const struct session *s)
{
	if (s->lost_at == MONO_NEVER || s->settings.time2wait != NODE_TIME2WAIT_WAIT)
		return 0;
	return s->lost_at + s->time2wait;
}

/* Requests of its LUNs that were answered well. */
static uint64_t session_answered(const struct session *s)
{
	const struct lun *lun;
	uint64_t sum = 0;

	list_each(lun, &s->luns, link) {
		const struct ioq_stats *st = &lun->q.stats;

		sum += st->reads + st->writes + st->flushes;
	}
	return sum;
}

/*
 * How many failures the wait after this loss is for. A link that was used has been up, however
 * briefly: else one fault in a hundred commands would slow the dialling down more and more.
 */
static unsigned session_failures_now(const struct session *s)
{
	if (loop_now(s->loop) - s->state_since >= SESSION_BRIEF_MS)
		return 0;
	return session_answered(s) != s->answered_before ? 1 : s->failures + 1;
}

static bool session_was_used(const struct session *s)
{
	return loop_now(s->loop) - s->state_since >= SESSION_BRIEF_MS ||
	       session_answered(s) != s->answered_before;
}

/* The portal that was lost comes first: a login there ends what it may still be doing for us. */
static void session_dial_same(struct session *s)
{
	portals_lost(&s->portals);
	s->address_next = s->addresses.count = 0;
}

/* An attempt failed. It came to nothing, unless the target told us where else to go. */
static enum link_event session_attempt_failed(struct session *s, enum link_event ev)
{
	s->too_early = loop_now(s->loop) < session_login_at(s) && s->link.state == LINK_DIAL;
	if (s->too_early)
		return ev;	/* it had no chance yet */
	if (s->redirected && s->redirects++ < SESSION_REDIRECTS) {
		s->redirected = false;
		return ev;
	}
	s->redirected = false;
	if (s->link.state == LINK_DIAL)
		s->thefts = 0;		/* who is reinstated elsewhere still takes logins */
	portals_failed(&s->portals);
	s->failures++;
	if (session_gives_up(s))
		return LINK_EV_REFUSED;
	if (s->failures == 1 || s->failures % 10 == 0 || !s->ever_up)
		session_log_failure(s);
	if (s->failures == 1)
		session_post(s, "login-failed", "portal", s->portal, "why", s->last_err.text);
	return ev;
}

static bool session_is_young(const struct session *s)
{
	return loop_now(s->loop) - s->login_time < s->time2wait + SESSION_THEFT_MS;
}

/*
 * A login with our name, ISID and portal group ends our session (RFC 7143 6.3.5), and ours ends
 * theirs. All that can be seen of it is a target that takes each login and closes the connection
 * soon after it; a target that crashes does not take the next one.
 */
static void session_note_theft(struct session *s)
{
	s->thefts = s->closed_by_target && session_is_young(s) ? s->thefts + 1 : 0;
	s->closed_by_target = false;
	if (s->thefts != SESSION_THEFTS)
		return;
	log_error("perhaps another initiator uses our name: the target took our login and closed the "
		  "connection soon after it, twice in a row | target=%s initiator=%s", s->target,
		  s->settings.initiator_name);
	session_post(s, "other-initiator", "initiator", s->settings.initiator_name);
}

bool session_has_rival(const struct session *s)
{
	return s->thefts >= SESSION_THEFTS && (s->link.state != LINK_UP || session_is_young(s));
}

/* The attempt failed, or the link was lost; last_err says why. */
static void session_lost(struct session *s, enum link_event ev)
{
	mono_ms now = loop_now(s->loop);
	enum link_state state = s->link.state;

	s->too_early = false;
	if (state == LINK_UP || state == LINK_PROBE) {
		s->lost_at = now;
		session_note_theft(s);
	}
	if (state == LINK_UP) {
		if (!s->asked_away)
			ioq_wire_note_loss(&s->wire);
		s->losses++;
		s->failures = session_failures_now(s);
		s->redirects = 0;
		if (session_was_used(s))
			session_dial_same(s);
		log_warn("session lost, dialling again: %s | target=%s portal=%s",
			 s->last_err.text, s->target, s->portal);
		session_post(s, "session-lost", "portal", s->portal, "why", s->last_err.text);
	} else if (state == LINK_DIAL || state == LINK_PROBE) {
		ev = session_attempt_failed(s, ev);
	}
	session_step(s, ev);
	if (s->closing && s->link.state == LINK_WAIT)
		session_step(s, LINK_EV_CLOSE);
}

static void session_lose_now(struct loop_call *c)
{
	session_lost(container_of(c, struct session, lose_call), LINK_EV_LOST);
}

/* --- dialling ----------------------------------------------------------------------------- */

static const char *session_text(const char *s)
{
	return *s ? s : NULL;
}

static void session_on_ready(void *arg, const struct transport_limits *limits)
{
	struct session *s = arg;

	s->limits = *limits;
	s->time2wait = limits->time2wait;
	s->login_time = loop_now(s->loop);
	s->asked_away = false;
	s->logins++;
	session_step(s, LINK_EV_READY);
}

/* RFC 7143 11.13.5: 0101 moved temporarily, 0102 moved permanently. */
static void session_take_redirect(struct session *s, const struct transport_loss *loss)
{
	bool for_good = loss->login_status == 0x0102;

	portals_redirect(&s->portals, loss->redirect, for_good);
	s->redirected = true;
	s->addresses.count = 0;		/* of the portal that sent us away */
	log_info("the target sends us to another portal%s | target=%s to=%s",
		 for_good ? ", for good" : "", s->target, loss->redirect);
	session_post(s, "redirect", "portal", s->portal, "to", loss->redirect, "for_good",
		     for_good ? "Yes" : "No");
}

static void session_on_lost(void *arg, const struct transport_loss *loss)
{
	struct session *s = arg;

	session_set_error(s, session_loss_code(loss), loss->text);
	s->closed_by_target = loss->closed;
	s->asked_away = loss->kind == TRANSPORT_LOSS_ASKED;
	if (loss->time2wait >= 0)
		s->time2wait = loss->time2wait;
	if (loss->kind == TRANSPORT_LOSS_LOGIN && *loss->redirect) {
		session_take_redirect(s, loss);
	}
	session_lost(s, LINK_EV_LOST);
}

static void session_on_pong(void *arg)
{
	(void)arg;	/* any received byte is life: alive_check() sees it */
}

static const struct transport_events session_transport_events = {
	.on_ready = session_on_ready,
	.on_lost = session_on_lost,
	.on_pong = session_on_pong,
	.on_tmf = session_on_tmf,
};

static enum transport_digest session_digest(const struct session *s)
{
	switch ((enum node_digest)s->settings.header_digest) {
	case NODE_DIGEST_CRC32C:
		return TRANSPORT_DIGEST_CRC32C;
	case NODE_DIGEST_CRC32C_NONE:
		return TRANSPORT_DIGEST_CRC32C_NONE;
	case NODE_DIGEST_NONE_CRC32C:
		return TRANSPORT_DIGEST_NONE_CRC32C;
	case NODE_DIGEST_NONE:
		break;
	}
	return TRANSPORT_DIGEST_NONE;
}

/* Dial the address in turn of the portal in turn. */
static void session_dial_address(struct session *s)
{
	const struct node_settings *n = &s->settings;
	struct transport_param p = {
		.portal = s->portal,
		.target = s->target,
		.initiator = n->initiator_name,
		.alias = session_text(n->initiator_alias),
		.isid = s->isid,
		.user = session_text(n->username),
		.password = session_text(n->password),
		.user_in = session_text(n->username_in),
		.password_in = session_text(n->password_in),
		.header_digest = session_digest(s),
		.initial_r2t = n->initial_r2t,
		.immediate_data = n->immediate_data,
		.commands = s->wire.slots + SESSION_EXTRA_SLOTS,
		.login_at = session_login_at(s),
	};
	int rc;

	snprintf(s->portal, sizeof(s->portal), "%s", s->addresses.portals[s->address_next++]);
	s->dials++;
	rc = transport_dial(&s->tp, s->loop, &p, &session_transport_events, s);
	if (rc < 0)
		session_lose(s, ERR_INTERNAL, strerror(-rc));
}

static void session_on_resolved(void *arg, const struct resolve_result *result)
{
	struct session *s = arg;

	s->resolving = NULL;
	s->addresses = *result;
	s->address_next = 0;
	if (result->count) {
		session_dial_address(s);
		return;
	}
	s->last_err = result->err;
	session_lost(s, LINK_EV_LOST);
}

/* login_timeout counts from when the login may begin; at the end logout_timeout takes its place. */
static void session_time_attempt(struct session *s)
{
	mono_ms from = MAX(s->attempt_began, loop_awake_since(s->loop));

	if (s->closing)
		loop_timer_set(&s->attempt_timer, from + s->settings.logout_timeout);
	else
		loop_timer_set(&s->attempt_timer,
			       MAX(from, session_login_at(s)) + s->settings.login_timeout);
}

static void session_dial(struct session *s)
{
	const char *portal;
	int rc;

	s->attempt_began = loop_now(s->loop);
	session_time_attempt(s);
	if (s->address_next < s->addresses.count) {
		session_dial_address(s);
		return;
	}
	portal = portals_pick(&s->portals);
	snprintf(s->portal, sizeof(s->portal), "%s", portal);
	rc = resolve_start(&s->resolving, s->loop, portal, session_on_resolved, s);
	if (rc < 0)
		session_lose(s, ERR_INTERNAL, strerror(-rc));
}

/*
 * The connection may be there before Time2Wait is over, but not so long before that the target
 * would not wait for its login. What fails too early is tried again without growing patience.
 */
static mono_ms session_dial_at(const struct session *s)
{
	unsigned failures = s->too_early ? 1 : s->failures;
	mono_ms at = loop_now(s->loop) + backoff_dial(failures, session_random());

	return MAX(at, session_login_at(s) - SESSION_EARLY_MS);
}

static void session_wait_over(struct loop_timer *t)
{
	session_step(container_of(t, struct session, wait_timer), LINK_EV_DUE);
}

static void session_attempt_over(struct loop_timer *t)
{
	struct session *s = container_of(t, struct session, attempt_timer);

	session_time_attempt(s);
	if (t->when > loop_now(s->loop))	/* it was we who were away */
		return;
	loop_timer_stop(t);
	if (s->link.state == LINK_UP) {		/* the last flushes take too long */
		session_step(s, LINK_EV_CLOSE);
		return;
	}
	session_set_error(s, s->link.state == LINK_CLOSE ? ERR_LOGOUT : ERR_CONNECT_TIMEOUT,
			  s->link.state == LINK_PROBE ? "logged in, but REPORT LUNS was not answered "
							"within login_timeout"
						      : "no answer within login_timeout");
	session_lost(s, LINK_EV_EXPIRED);
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
	span_ms watched = now - loop_awake_since(s->loop);	/* before that we were deaf */
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

/* RFC 7143 11.12.5: type 10b, 22 bits random (A, B, C), then D: 40 random bits in all. */
static uint64_t session_make_isid(void)
{
	return (uint64_t)0x80 << 40 | (uint64_t)(session_random() & 0xff) << 32 | session_random();
}

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
	s->isid = session_make_isid();
	s->lost_at = MONO_NEVER;
	s->state_since = loop_now(loop);
	snprintf(s->target, sizeof(s->target), "%s", param->target);
	snprintf(s->alias, sizeof(s->alias), "%s", param->alias ? param->alias : "");
	session_add_portals(s, param->portals);
	link_init(&s->link);
	loop_timer_init(loop, &s->attempt_timer, session_attempt_over);
	loop_timer_init(loop, &s->wait_timer, session_wait_over);
	loop_timer_init(loop, &s->alive_timer, session_alive_due);
	session_luns_init(s);
	session_ladder_init(s);
	session_fence_init(s);
	loop_call_init(&s->lose_call, session_lose_now);
	loop_call_init(&s->drained_call, session_drained_now);
	s->luns_buf = malloc(SESSION_LUNS_BYTES);
	ioq_wire_init(&s->wire, loop, (unsigned)s->settings.cmds_max);
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
	list_each(lun, &s->luns, link)
		lun_settings_changed(lun);
	session_time_anew(s);
	session_post(s, "setting-changed", "name", row->name, "value",
		     settings_print(row, &s->settings, shown, sizeof(shown)));
	return 0;
}
