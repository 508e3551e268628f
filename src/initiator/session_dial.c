/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A session's attempts: when, where and with what it dials. The one hard thing is how many clocks an
 * attempt has: Time2Wait holds back the login but not the connection, login_timeout counts from when
 * the login may begin, and the time in which we did not run counts for nobody.
 */
#include "session_impl.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "backoff.h"
#include "iscsifs/check.h"
#include "iscsifs/log.h"

enum {
	SESSION_EARLY_MS = 5000,	/* so long a target may wait for the login of a connection */
};

static uint32_t session_random(void)
{
	uint32_t r = 0;

	(void)!getrandom(&r, sizeof(r), 0);
	return r;
}

/* RFC 7143 11.12.5: type 10b, 22 bits random (A, B, C), then D: 40 random bits in all. */
static uint64_t session_make_isid(void)
{
	return (uint64_t)0x80 << 40 | (uint64_t)(session_random() & 0xff) << 32 | session_random();
}

mono_ms session_login_at(const struct session *s)
{
	if (s->lost_at == MONO_NEVER || s->settings.time2wait != NODE_TIME2WAIT_WAIT)
		return 0;
	return s->lost_at + s->time2wait;
}

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
	if (loss->kind == TRANSPORT_LOSS_LOGIN && *loss->redirect)
		session_take_redirect(s, loss);
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
		.commands = (unsigned)n->cmds_max + SESSION_EXTRA_SLOTS,
		.login_at = session_login_at(s),
		.auth_timeout = n->auth_timeout,
	};
	int rc;

	snprintf(s->portal, sizeof(s->portal), "%s", s->addresses.portals[s->address_next++]);
	s->dials++;
	s->slots = s->wire.slots = (unsigned)n->cmds_max;
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
void session_time_attempt(struct session *s)
{
	span_ms limit = s->closing ? s->settings.logout_timeout : s->settings.login_timeout;
	mono_ms from = MAX(s->attempt_began, loop_awake_since(s->loop, limit));

	if (!s->closing)
		from = MAX(from, session_login_at(s));
	loop_timer_set(&s->attempt_timer, from + limit);
}

void session_dial(struct session *s)
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
mono_ms session_dial_at(const struct session *s)
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

void session_dial_init(struct session *s)
{
	loop_timer_init(s->loop, &s->attempt_timer, session_attempt_over);
	loop_timer_init(s->loop, &s->wait_timer, session_wait_over);
	s->lost_at = MONO_NEVER;
	s->isid = session_make_isid();
}
