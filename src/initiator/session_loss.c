/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What it means that a login failed or a link was lost: whether to go on, how patiently, and whom to
 * tell. The one hard thing: failures look alike from here. A link that was used was no failure
 * however briefly it was up, an attempt that was made too early had no chance, and a session that
 * is ended soon after each login has perhaps a rival.
 */
#include "session_impl.h"

#include "iscsifs/log.h"

enum {
	SESSION_REDIRECTS = 8,		/* in a row; more are a circle */
	SESSION_BRIEF_MS = 1000,	/* a link that was up for less, for nothing, has not been up */
	SESSION_THEFTS = 2,		/* so many in a row are told */
	SESSION_THEFT_MS = 3000,	/* a rival waits for Time2Wait as we do, and so long at most */
};

void session_set_error(struct session *s, enum err_code code, const char *text)
{
	s->last_err = (struct err)ERR_INIT;
	err_set(&s->last_err, code, "%s", text);
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

enum err_code session_loss_code(const struct transport_loss *loss)
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

/* Requests of its LUNs that were answered well. */
uint64_t session_answered(const struct session *s)
{
	const struct lun *lun;
	uint64_t sum = 0;

	list_each(lun, &s->luns, link) {
		const struct ioq_stats *st = &lun->q.stats;

		sum += st->reads + st->writes + st->flushes;
	}
	return sum;
}

static bool session_was_long_up(const struct session *s)
{
	return loop_now(s->loop) - s->state_since >= SESSION_BRIEF_MS;
}

/* A link that was used has been up, however briefly. */
static bool session_was_used(const struct session *s)
{
	return session_was_long_up(s) || session_answered(s) != s->answered_before;
}

/*
 * How many failures the wait after this loss is for. What was used is none: else one fault in a
 * hundred commands would slow the dialling down more and more.
 */
static unsigned session_failures_now(const struct session *s)
{
	if (session_was_long_up(s))
		return 0;
	return session_was_used(s) ? 1 : s->failures + 1;
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
	s->untold++;
	if (session_gives_up(s))
		return LINK_EV_REFUSED;
	if (s->untold == 1 || s->untold % 10 == 0 || !s->ever_up)
		session_log_failure(s);
	if (s->untold == 1)
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
	log_warn("perhaps another initiator uses our name: the target took our login and closed the "
		 "connection soon after it, twice in a row | target=%s initiator=%s", s->target,
		 s->settings.initiator_name);
	session_post(s, "other-initiator", "initiator", s->settings.initiator_name);
}

bool session_has_rival(const struct session *s)
{
	return s->thefts >= SESSION_THEFTS && (s->link.state != LINK_UP || session_is_young(s));
}

/* The attempt failed, or the link was lost; last_err says why. */
void session_lost(struct session *s, enum link_event ev)
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
		s->untold = 0;
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
