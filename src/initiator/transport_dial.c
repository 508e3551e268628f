/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From parameters to a login that we accept. The one hard thing: what we judge must be what libiscsi
 * acts on. So a login response is peeked at whole, and libiscsi gets it only when it has asked, when
 * its question has left, and one at a time.
 */
#include "initiator/transport_libiscsi.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "iscsifs/num.h"

enum { TRANSPORT_STRING_MAX = 255, TRANSPORT_ISCSI_NAME_MAX = 223, TRANSPORT_COMMANDS_MAX = 4096 };

static void transport_note_local(struct transport *tp)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	char host[INET6_ADDRSTRLEN + 16], port[8];

	if (getsockname(tp->watch.fd, (struct sockaddr *)&sa, &len) < 0 ||
	    getnameinfo((struct sockaddr *)&sa, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		return;
	snprintf(tp->local, sizeof(tp->local), sa.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
		 port);
}

/* libiscsi has ended its part of the login. */
static void transport_logged_in(struct iscsi_context *ctx, int status, void *data, void *arg)
{
	struct transport *tp = arg;

	(void)ctx;
	(void)data;
	if (tp->cutting)
		return;
	tp->login_ended = true;
	if (status == SCSI_STATUS_GOOD)
		return;
	/* A reply that we let through and libiscsi did not take: it compared the CHAP response. */
	if (tp->login.response_at && tp->login.response_at == tp->login.replies)
		transport_lose(tp, TRANSPORT_LOSS_AUTH,
			       "the target's CHAP response is wrong: it does not know password_in");
	else
		transport_lose(tp, TRANSPORT_LOSS_LOGIN, "login failed: %s", tp->error);
}

static void transport_connected(struct iscsi_context *ctx, int status, void *data, void *arg)
{
	struct transport *tp = arg;

	(void)ctx;
	(void)data;
	if (tp->cutting)
		return;
	if (status == SCSI_STATUS_GOOD)
		tp->phase = TRANSPORT_PHASE_HELD;
	else
		tp->cancelled = true;
}

/* Connected: log in, now or when it is allowed. */
static void transport_begin_login(struct transport *tp)
{
	struct transport *before;
	int rc;

	if (loop_now(tp->loop) < tp->login_at) {
		loop_fd_mod(tp->loop, &tp->watch, LOOP_IN);
		loop_timer_set(&tp->login_timer, tp->login_at);
		return;
	}
	before = transport_enter(tp);
	rc = iscsi_login_async(tp->ctx, transport_logged_in, tp);
	transport_leave(before);
	if (rc) {
		transport_lose(tp, TRANSPORT_LOSS_LOGIN, "no memory for the login");
		return;
	}
	tp->phase = TRANSPORT_PHASE_LOGIN;
	if (tp->login.want_chap && tp->auth_timeout > 0)
		loop_timer_set(&tp->login_timer, loop_now(tp->loop) + tp->auth_timeout);
	transport_write_out(tp);
}

void transport_login_due(struct loop_timer *t)
{
	struct transport *tp = container_of(t, struct transport, login_timer);

	if (tp->phase == TRANSPORT_PHASE_HELD)
		transport_begin_login(tp);
	else if (tp->phase == TRANSPORT_PHASE_LOGIN)
		transport_lose(tp, TRANSPORT_LOSS_LOGIN,
			       "the authentication was not over within auth_timeout");
}

void transport_login_at(struct transport *tp, mono_ms when)
{
	tp->login_at = when;
	if (tp->phase == TRANSPORT_PHASE_HELD)
		loop_timer_set(&tp->login_timer, when);
}

/* Nothing was said yet, so nothing but the end can come. */
static void transport_held_ready(struct transport *tp)
{
	char byte;
	ssize_t got = recv(tp->watch.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got > 0) {
		transport_lose(tp, TRANSPORT_LOSS_CONNECT,
			       "%s spoke before the login: is this an iSCSI target?", tp->portal);
		return;
	}
	tp->said_errno = got ? errno : 0;
	transport_lose_connection(tp);
}

static void transport_connect_ready(struct transport *tp, unsigned events)
{
	int error = transport_socket_error(tp);

	if (error) {
		transport_lose(tp, TRANSPORT_LOSS_CONNECT, "cannot connect to %s: %s", tp->portal,
			       strerror(error));
		return;
	}
	if (!(events & LOOP_OUT))
		return;
	transport_service(tp, POLLOUT);
	if (tp->phase != TRANSPORT_PHASE_HELD)
		return;
	transport_note_local(tp);
	transport_begin_login(tp);
}

/* Be woken for @bytes, the end of the stream, or an error: not for part of a PDU. */
static void transport_await(struct transport *tp, size_t bytes)
{
	int low = (int)bytes;

	if (tp->login_awaits == bytes)
		return;
	tp->login_awaits = bytes;
	(void)setsockopt(tp->watch.fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low));
}

/* Fewer bytes than we asked to be woken for: are there more to come? */
static void transport_login_partial(struct transport *tp, size_t bytes)
{
	struct tcp_info info;

	transport_await(tp, bytes);
	if (!transport_tcp_info(tp, &info) && info.tcpi_state != TCP_ESTABLISHED)
		transport_lose(tp, TRANSPORT_LOSS_CONNECT,
			       "%s closed the connection in the middle of a login answer",
			       tp->portal);
}

/* Look at the next login response without taking it. Returns its bytes, 0 when not complete. */
static size_t transport_peek_login(struct transport *tp)
{
	ssize_t got = recv(tp->watch.fd, tp->login_pdu, LOGIN_PDU_MAX, MSG_PEEK | MSG_DONTWAIT);
	struct transport_loss loss;
	size_t bytes;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got <= 0) {
		tp->said_errno = got ? errno : 0;
		transport_lose_connection(tp);
		return 0;
	}
	bytes = login_pdu_bytes(tp->login_pdu, (size_t)got, &loss);
	if (!bytes)
		transport_lose_login(tp, &loss);
	else if ((size_t)got < bytes)
		transport_login_partial(tp, bytes);
	else
		return bytes;
	return 0;
}

static void transport_login_done(struct transport *tp)
{
	transport_await(tp, 1);
	free(tp->login_pdu);
	tp->login_pdu = NULL;
	tp->phase = TRANSPORT_PHASE_FULL;
	transport_guard(tp);
	tp->ready_due = true;
	loop_defer(tp->loop, &tp->notify);
	transport_want_events(tp);
}

/*
 * A login response has come. We judge the very bytes that libiscsi is then given: it takes one PDU
 * per call while it is not logged in. A response that it ignores (a wrong tag) has been judged in
 * vain, and the next could slip through on its merits, so that is the end too.
 */
static void transport_login_reply(struct transport *tp)
{
	struct transport_loss loss;
	size_t bytes = transport_peek_login(tp);

	if (!bytes)
		return;
	if (login_judge(&tp->login, tp->login_pdu, bytes, &loss)) {
		transport_lose_login(tp, &loss);
		return;
	}
	if (tp->login.proved)
		loop_timer_stop(&tp->login_timer);
	transport_await(tp, LOGIN_HEADER_BYTES);
	transport_service(tp, POLLIN);
	if (tp->phase == TRANSPORT_PHASE_LOST)
		return;
	if (tp->login_ended && tp->login.done)
		transport_login_done(tp);
	else if (tp->login_ended || tp->login.done || !(iscsi_which_events(tp->ctx) & POLLOUT))
		transport_lose(tp, TRANSPORT_LOSS_LOGIN,
			       "the target answered something that was not asked");
	else
		transport_write_out(tp);
}

static void transport_login_ready(struct transport *tp, unsigned events)
{
	if (transport_unsent(tp))
		transport_write_out(tp);
	/* An answer to what has not left is none. */
	if (tp->phase == TRANSPORT_PHASE_LOGIN && (events & LOOP_IN) && !transport_unsent(tp))
		transport_login_reply(tp);
	if (tp->phase == TRANSPORT_PHASE_LOGIN && (events & LOOP_HUP))
		transport_lose(tp, TRANSPORT_LOSS_CONNECT, "the connection to %s is lost: %s",
			       tp->portal, strerror(transport_socket_error(tp)));
}

void transport_ready(struct loop_fd *w, unsigned events)
{
	struct transport *tp = container_of(w, struct transport, watch);

	switch (tp->phase) {
	case TRANSPORT_PHASE_CONNECT:
		transport_connect_ready(tp, events);
		break;
	case TRANSPORT_PHASE_HELD:
		transport_held_ready(tp);
		break;
	case TRANSPORT_PHASE_LOGIN:
		transport_login_ready(tp, events);
		break;
	case TRANSPORT_PHASE_FULL:
		transport_full_ready(tp, events);
		break;
	case TRANSPORT_PHASE_NONE:
	case TRANSPORT_PHASE_LOST:
		break;
	}
}

/* ---- Before the first dial ---- */

extern char **environ;

/* T27: every context reads these. T9: libiscsi writes payload with writev(), not MSG_NOSIGNAL. */
void transport_prepare_process(void)
{
	static bool prepared;
	struct sigaction act;
	char name[64];

	if (prepared)
		return;
	prepared = true;
	if (!sigaction(SIGPIPE, NULL, &act) && act.sa_handler == SIG_DFL)
		signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; environ && environ[i];) {
		size_t len = strcspn(environ[i], "=");

		if (strncmp(environ[i], "LIBISCSI_", 9) || len >= sizeof(name)) {
			i++;
			continue;
		}
		memcpy(name, environ[i], len);
		name[len] = '\0';
		unsetenv(name);
	}
}

/* libiscsi seeds rand() once per process; its CHAP challenges deserve better. */
static void transport_seed(void)
{
	unsigned seed;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) == (ssize_t)sizeof(seed))
		srand(seed);
}

/* @text fits; an empty one fits only where that is not a way to switch CHAP off. */
static bool transport_fits(const char *text, size_t max)
{
	return text && text[0] && strlen(text) <= max;
}

static bool transport_portal_fits(const char *portal)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	char host[TRANSPORT_PORTAL_MAX];
	struct addrinfo *ai = NULL;
	const char *colon;
	size_t len;
	uint64_t port;

	if (!transport_fits(portal, TRANSPORT_PORTAL_MAX - 1) || !(colon = strrchr(portal, ':')) ||
	    num_parse_u64(colon + 1, 1, 65535, &port))
		return false;
	len = (size_t)(colon - portal);
	if (portal[0] == '[' && len > 2 && portal[len - 1] == ']') {
		portal++;
		len -= 2;
	}
	memcpy(host, portal, len);
	host[len] = '\0';
	if (getaddrinfo(host, NULL, &hints, &ai))
		return false;
	freeaddrinfo(ai);
	return true;
}

bool transport_param_fits(const struct transport_param *p)
{
	if (!transport_portal_fits(p->portal) ||
	    !transport_fits(p->initiator, TRANSPORT_ISCSI_NAME_MAX) ||
	    (p->target && !transport_fits(p->target, TRANSPORT_ISCSI_NAME_MAX)) ||
	    (p->alias && strlen(p->alias) > TRANSPORT_STRING_MAX))
		return false;
	if ((p->user && !(transport_fits(p->user, TRANSPORT_STRING_MAX) &&
			  transport_fits(p->password, TRANSPORT_STRING_MAX))) ||
	    (p->user_in && !(p->user && transport_fits(p->user_in, TRANSPORT_STRING_MAX) &&
			     transport_fits(p->password_in, TRANSPORT_STRING_MAX))))
		return false;
	return p->commands >= 1 && p->commands <= TRANSPORT_COMMANDS_MAX;
}

/* T2: the same ISID on each dial. RFC 7143 11.12.5: the type is in the two uppermost bits. */
static int transport_set_isid(struct iscsi_context *ctx, uint64_t isid)
{
	unsigned low6 = (unsigned)(isid >> 40) & 0x3f;

	switch (isid >> 46) {
	case 0:
		return iscsi_set_isid_oui(ctx, (uint32_t)(isid >> 24), isid & 0xffffff);
	case 1:
		return low6 ? -1 : iscsi_set_isid_en(ctx, (isid >> 16) & 0xffffff, isid & 0xffff);
	case 2:
		return low6 ? -1 : iscsi_set_isid_random(ctx, (isid >> 16) & 0xffffff, isid & 0xffff);
	}
	return -1;
}

static enum iscsi_header_digest transport_digest_of(enum transport_digest digest)
{
	switch (digest) {
	case TRANSPORT_DIGEST_NONE:
		return ISCSI_HEADER_DIGEST_NONE;
	case TRANSPORT_DIGEST_CRC32C:
		return ISCSI_HEADER_DIGEST_CRC32C;
	case TRANSPORT_DIGEST_CRC32C_NONE:
		return ISCSI_HEADER_DIGEST_CRC32C_NONE;
	case TRANSPORT_DIGEST_NONE_CRC32C:
		return ISCSI_HEADER_DIGEST_NONE_CRC32C;
	}
	return ISCSI_HEADER_DIGEST_NONE;
}

int transport_configure(struct iscsi_context *ctx, const struct transport_param *p)
{
	transport_seed();
	iscsi_set_noautoreconnect(ctx, 1);	/* T1 */
	iscsi_set_log_level(ctx, LIBISCSI_LOG_EVENT);
	iscsi_set_log_fn(ctx, transport_heard);
	if (transport_set_isid(ctx, p->isid))
		return -EINVAL;
	iscsi_set_session_type(ctx, p->target ? ISCSI_SESSION_NORMAL : ISCSI_SESSION_DISCOVERY);
	if (p->target)
		iscsi_set_targetname(ctx, p->target);
	if (p->alias)
		iscsi_set_alias(ctx, p->alias);
	if (p->user)
		iscsi_set_initiator_username_pwd(ctx, p->user, p->password);
	if (p->user_in)
		iscsi_set_target_username_pwd(ctx, p->user_in, p->password_in);
	iscsi_set_header_digest(ctx, transport_digest_of(p->header_digest));
	iscsi_set_initial_r2t(ctx, p->initial_r2t ? ISCSI_INITIAL_R2T_YES : ISCSI_INITIAL_R2T_NO);
	iscsi_set_immediate_data(ctx, p->immediate_data ? ISCSI_IMMEDIATE_DATA_YES :
							  ISCSI_IMMEDIATE_DATA_NO);
	if (p->tcp_user_timeout_ms > 0)
		iscsi_set_tcp_user_timeout(ctx, p->tcp_user_timeout_ms);
	return 0;
}

void transport_connect(struct transport *tp)
{
	struct transport *before = transport_enter(tp);
	int rc = iscsi_connect_async(tp->ctx, tp->portal, transport_connected, tp);
	int error = errno, fd = iscsi_get_fd(tp->ctx);

	transport_leave(before);
	if (rc || fd < 0) {
		transport_lose(tp, TRANSPORT_LOSS_CONNECT, "cannot connect to %s: %s", tp->portal,
			       tp->error[0] ? tp->error : strerror(error));
		return;
	}
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);	/* T10 */
	tp->phase = TRANSPORT_PHASE_CONNECT;
	rc = loop_fd_add(tp->loop, &tp->watch, fd, LOOP_OUT);
	if (rc)
		transport_lose(tp, TRANSPORT_LOSS_CONNECT, "cannot watch the connection: %s",
			       strerror(-rc));
}

