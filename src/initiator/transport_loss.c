/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What libiscsi says, and the words for a loss. The one hard thing: libiscsi says why only in its log,
 * in passing, and what a target announces (a logout, a drop) nowhere else; so lines are kept, and
 * looked at when the connection is gone. A line that we do not know costs the reason, not the loss.
 */
#include "initiator/transport_libiscsi.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/log.h"

/* Whose call libiscsi is in. One thread uses libiscsi (T13). */
static struct transport *transport_speaking;

struct transport *transport_enter(struct transport *tp)
{
	struct transport *before = transport_speaking;

	transport_speaking = tp;
	return before;
}

void transport_leave(struct transport *before)
{
	transport_speaking = before;
}

static void transport_set_lost(struct transport *tp)
{
	tp->phase = TRANSPORT_PHASE_LOST;
	loop_fd_del(tp->loop, &tp->watch);	/* its descriptor stays readable: a busy loop */
	loop_call_cancel(&tp->flush);
	loop_call_cancel(&tp->reread);
	loop_timer_stop(&tp->login_timer);
	tp->ready_due = tp->tmf_due = false;
	tp->lost_due = true;
	loop_defer(tp->loop, &tp->notify);
}

void transport_lose(struct transport *tp, enum transport_loss_kind kind, const char *fmt,
			   ...)
{
	va_list ap;

	if (tp->phase == TRANSPORT_PHASE_LOST)
		return;
	tp->loss = (struct transport_loss){ .kind = kind, .time2wait = tp->asked_wait };
	if (kind == TRANSPORT_LOSS_DROPPED && tp->asked)
		tp->loss.kind = TRANSPORT_LOSS_ASKED;
	va_start(ap, fmt);
	vsnprintf(tp->loss.text, sizeof(tp->loss.text), fmt, ap);
	va_end(ap);
	transport_set_lost(tp);
}

void transport_lose_login(struct transport *tp, const struct transport_loss *loss)
{
	if (tp->phase == TRANSPORT_PHASE_LOST)
		return;
	tp->loss = *loss;
	transport_set_lost(tp);
}

/* Find words for it. */
void transport_lose_connection(struct transport *tp)
{
	bool full = tp->phase == TRANSPORT_PHASE_FULL;
	bool closed = full && !tp->refused && (tp->asked || tp->said_errno || !tp->error[0]);

	if (tp->asked)
		transport_lose(tp, TRANSPORT_LOSS_ASKED, "the target ended the session: %s",
			       tp->error);
	else if (tp->refused)
		transport_lose(tp, TRANSPORT_LOSS_DROPPED, "%s %s", tp->portal, tp->refused);
	else if (tp->said_errno)
		transport_lose(tp, full ? TRANSPORT_LOSS_DROPPED : TRANSPORT_LOSS_CONNECT,
			       "the connection to %s is lost: %s", tp->portal,
			       strerror(tp->said_errno));
	else if (!tp->error[0])
		transport_lose(tp, full ? TRANSPORT_LOSS_DROPPED : TRANSPORT_LOSS_CONNECT,
			       "%s closed the connection%s", tp->portal,
			       full ? "" : " during login");
	else
		transport_lose(tp, full ? TRANSPORT_LOSS_DROPPED : TRANSPORT_LOSS_LOGIN,
			       "%s sent something that libiscsi cannot take: %s", tp->portal,
			       tp->error);
	tp->loss.closed = closed;
}

/* What a target announces reaches us only as a line of libiscsi's log (T22). */
static const struct {
	const char *line;
	bool has_wait;
} transport_asks[] = {
	{ "target requests logout within", false },
	{ "target will drop this connection. Time2Wait is ", true },
	{ "target will drop all connections of this session. Time2Wait is ", true },
	{ "target requests parameter reno", false },
	{ "target rejects request with reason: Waiting For Logout", false },
};

static bool transport_heard_ask(struct transport *tp, const char *line)
{
	for (size_t i = 0; i < ARRAY_SIZE(transport_asks); i++) {
		size_t len = strlen(transport_asks[i].line);

		if (strncmp(line, transport_asks[i].line, len))
			continue;
		tp->asked = true;
		if (transport_asks[i].has_wait)
			tp->asked_wait = (span_ms)strtoul(line + len, NULL, 10) * 1000;
		snprintf(tp->error, sizeof(tp->error), "%s", line);
		return true;
	}
	return false;
}

/* "read from socket failed, errno:104", "Error when writing to socket :32". */
static void transport_heard_error(struct transport *tp, const char *line)
{
	static const char *const marks[] = { "errno:", "to socket :" };

	if (tp->asked || tp->cancelled || tp->error[0] ||
	    !strncmp(line, "iscsi_service_reconnect", 23))
		return;
	snprintf(tp->error, sizeof(tp->error), "%s", line);
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		const char *at = strstr(line, marks[i]);

		if (at)
			tp->said_errno = atoi(at + strlen(marks[i]));
	}
}

void transport_forget_error(struct transport *tp)
{
	tp->error[0] = '\0';
	tp->said_errno = 0;
}

void transport_heard(int level, const char *message)
{
	struct transport *tp = transport_speaking;
	char line[512];
	size_t len, tail;

	if (!tp || tp->cutting)
		return;
	snprintf(line, sizeof(line), "%s", message);
	len = strlen(line);
	tail = tp->target[0] ? strlen(tp->target) + 3 : 0;	/* " [target]" */
	if (tail && len > tail && line[len - 1] == ']')
		line[len - tail] = '\0';
	log_debug("libiscsi: %s | portal=%s", line, tp->portal);
	if (transport_heard_ask(tp, line))
		return;
	if (!strncmp(line, "reconnect deferred", 18))
		tp->cancelled = true;
	else if (level == LIBISCSI_LOG_ERROR)
		transport_heard_error(tp, line);
}
