/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections. The one hard thing: bytes are touched as rarely as can be. Many PDUs come in one
 * recv() and are parsed where they lie; write data goes from the receive buffer straight to the
 * disk, piece by piece where a PDU is not whole yet, and a RAM disk's is received in place. When
 * the peer does not read our answers its next commands wait in the buffer, then in its own socket.
 */
#include "target/connection.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "iscsifs/check.h"
#include "iscsifs/log.h"
#include "target/digest.h"
#include "target/login.h"
#include "target/session.h"
#include "target/task.h"

enum {
	CONN_LOGIN_DATA = 8192,		/* MaxRecvDataSegmentLength before it is negotiated */
	CONN_LOGIN_RECV = 16384,	/* bytes taken at once from a stranger */
	CONN_RECV = 262144,
	CONN_PIECE = 4096,		/* pieces of a data segment end at multiples of this */
	CONN_DIRECT_MIN = 8192,		/* receive in place from this many bytes on */
	CONN_DIRECT_BEHIND = 16384,	/* and this much of what follows into the buffer */
	CONN_ROUNDS = 8,		/* of sending and producing before others get a turn */
	CONN_DRAIN_MS = 5000,
	CONN_HOLE_MS = 1000,		/* between looks at whether a hole has ended */
};

/* Where PDUs go that a closed connection still writes. */
static uint8_t conn_void[PDU_BHS + 2 * PDU_DIGEST + CONN_PDU_DATA + 4];

static uint64_t conn_last_id;

static void conn_reap(struct loop_call *call)
{
	struct connection *c = container_of(call, struct connection, reap);

	session_free(c->session);
	munmap(c->rx, CONN_RX);
	munmap(c->ring, CONN_OUT);
	free(c);
}

void conn_close(struct connection *c, const char *fmt, ...)
{
	char why[160];
	va_list ap;

	if (c->dead)
		return;
	c->dead = true;
	if (c->server->faults)
		fault_conn_closed(c);
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	log_info("connection closed: %s | conn=%llu peer=%s", why, (unsigned long long)c->id, c->peer);
	login_free(c->login);
	c->login = NULL;
	if (c->session)
		session_end(c->session);
	loop_timer_stop(&c->timer);
	loop_fd_del(c->server->loop, &c->watch);
	close(c->watch.fd);
	list_del(&c->dirty);
	list_del(&c->link);
	c->server->connection_count--;
	c->sink = (struct conn_sink){ 0 };
	loop_defer(c->server->loop, &c->reap);
}

void conn_drain(struct connection *c)
{
	c->draining = true;
	c->deadline = loop_now(c->server->loop) + CONN_DRAIN_MS;
	loop_timer_set(&c->timer, c->deadline);
}

/* --- out --- */

void conn_mark_dirty(struct connection *c)
{
	if (list_empty(&c->dirty))
		list_append(&c->server->dirty, &c->dirty);
}

static uint32_t conn_pdu_bytes(const struct connection *c, uint32_t data_bytes)
{
	uint32_t len = PDU_BHS + pdu_padded(data_bytes);

	len += c->header_digest ? PDU_DIGEST : 0;
	len += c->data_digest && data_bytes ? PDU_DIGEST : 0;
	return len;
}

uint8_t *conn_pdu(struct connection *c, uint32_t data_bytes)
{
	uint8_t *at = c->dead ? NULL : outq_reserve(&c->out, conn_pdu_bytes(c, data_bytes));

	if (at)
		return at;
	conn_close(c, "too much waits to be sent");
	return conn_void;
}

static void conn_store_digest(uint8_t *at, const uint8_t *data, uint32_t len)
{
	uint32_t crc = htole32(digest_crc32c(0, data, len));

	memcpy(at, &crc, PDU_DIGEST);
}

/* Queue @len bytes at @bhs: a PDU, or the part of it before data that is lent. */
static void conn_commit(struct connection *c, uint8_t *bhs, uint32_t len)
{
	if (c->server->faults) {
		if (c->fault.spoil.armed)
			len = fault_spoil(c, bhs, len);
		if (!len)
			return;
		fault_sent(c, bhs);
	}
	outq_commit(&c->out, bhs, len);
	if (c->fault.spoil.again)
		fault_repeat(c, bhs);
	conn_mark_dirty(c);
}

void conn_pdu_send(struct connection *c, uint8_t *bhs, uint32_t data_bytes)
{
	uint8_t *data = conn_pdu_data(c, bhs);
	uint32_t padded = pdu_padded(data_bytes);

	if (c->dead || c->fault.spoil.muted)
		return;
	pdu_set_data_bytes(bhs, data_bytes);
	memset(data + data_bytes, 0, padded - data_bytes);
	if (c->header_digest)
		conn_store_digest(bhs + PDU_BHS, bhs, PDU_BHS);
	if (c->data_digest && data_bytes)
		conn_store_digest(data + padded, data, padded);
	conn_commit(c, bhs, conn_pdu_bytes(c, data_bytes));
}

void conn_pdu_lend(struct connection *c, uint8_t *bhs, const uint8_t *data, uint32_t data_bytes)
{
	static const uint8_t zeros[4];

	if (c->dead || c->fault.spoil.muted)
		return;
	pdu_set_data_bytes(bhs, data_bytes);
	if (c->header_digest)
		conn_store_digest(bhs + PDU_BHS, bhs, PDU_BHS);
	conn_commit(c, bhs, conn_pdu_bytes(c, 0));
	outq_lend(&c->out, data, data_bytes);
	if (data_bytes & 3)
		outq_lend(&c->out, zeros, pdu_padded(data_bytes) - data_bytes);
}

/* --- in --- */

/* Make the unread bytes begin the buffer, when what follows them would not fit behind. */
static void conn_compact(struct connection *c)
{
	if (c->rx_start == c->rx_end) {
		c->rx_start = c->rx_end = 0;
	} else if (c->rx_start && CONN_RX - c->rx_end < CONN_PDU_DATA) {
		memmove(c->rx, c->rx + c->rx_start, c->rx_end - c->rx_start);
		c->rx_end -= c->rx_start;
		c->rx_start = 0;
	}
}

/* Hand over what has come of the data segment. Returns false when more bytes must come first. */
static bool conn_feed(struct connection *c)
{
	struct conn_sink *k = &c->sink;
	uint32_t there = c->rx_end - c->rx_start;

	if (k->left) {
		uint32_t n = MIN(there, k->left);

		if (n < k->left && k->task && !k->in_place)
			n -= MIN(n, (uint32_t)((k->at + n) % CONN_PIECE));
		if (!n)
			return false;
		if (k->task)
			task_data(k->task, k->at, c->rx + c->rx_start, n);
		k->at += n;
		k->left -= n;
		c->rx_start += n;
		there -= n;
	}
	if (k->left || there < k->tail)
		return false;
	c->rx_start += k->tail;
	k->active = false;
	if (k->task)
		task_data_end(k->task, k->final);
	return true;
}

static bool conn_digest_ok(const uint8_t *data, uint32_t len)
{
	uint32_t crc;

	memcpy(&crc, data + len, PDU_DIGEST);
	return le32toh(crc) == digest_crc32c(0, data, len);
}

static void conn_dispatch(struct connection *c, struct pdu *p)
{
	if (c->login)
		login_pdu(c->login, p);
	else
		session_pdu(c->session, p);
}

/* A command with data, or Data-Out: its data may be handed over before it is whole. */
static bool conn_is_streamed(const struct connection *c, const uint8_t *bhs)
{
	uint8_t op = pdu_opcode(bhs);

	return c->session && (op == PDU_SCSI_COMMAND || op == PDU_DATA_OUT) && pdu_data_bytes(bhs);
}

/* Cut one PDU off the buffer and act on it. Returns false when it is not there yet. */
static bool conn_parse_one(struct connection *c)
{
	uint8_t *bhs = c->rx + c->rx_start;
	uint32_t there = c->rx_end - c->rx_start, head, data, tail;
	enum fault_verdict verdict;
	bool streamed;
	struct pdu p;

	if (there < PDU_BHS)
		return false;
	head = PDU_BHS + pdu_ahs_bytes(bhs);
	data = pdu_data_bytes(bhs);
	if (data > c->max_recv) {
		conn_close(c, "data segment of %u bytes, %u allowed", data, c->max_recv);
		return false;
	}
	tail = pdu_padded(data) - data + (c->data_digest && data ? PDU_DIGEST : 0);
	if (there < head + (c->header_digest ? PDU_DIGEST : 0))
		return false;
	p = (struct pdu){ .bhs = bhs, .ahs = bhs + PDU_BHS, .ahs_bytes = head - PDU_BHS,
			  .data_bytes = data };
	if (c->header_digest && !conn_digest_ok(bhs, head)) {
		conn_close(c, "header digest is wrong");
		return false;
	}
	head += c->header_digest ? PDU_DIGEST : 0;
	streamed = conn_is_streamed(c, bhs);
	if (there < head + data + tail && (!streamed || c->data_digest))
		return false;
	if (c->data_digest && data && !conn_digest_ok(bhs + head, pdu_padded(data))) {
		conn_close(c, "data digest is wrong");
		return false;
	}
	verdict = c->server->faults ? fault_pdu(c, &p) : FAULT_PASS;
	if (c->dead || verdict == FAULT_HOLD)
		return false;
	c->rx_start += head;
	if (streamed) {
		c->sink = (struct conn_sink){ .active = true, .left = data, .tail = tail,
					      .final = pdu_flags(bhs) & PDU_F };
	} else {
		p.data = bhs + head;
		c->rx_start += data + tail;
	}
	if (verdict == FAULT_PASS)
		conn_dispatch(c, &p);
	if (c->sink.task)
		c->sink.in_place = task_data_map(c->sink.task, c->sink.at, data);
	return true;
}

static void conn_parse(struct connection *c)
{
	for (;;) {
		if (conn_is_stopped(c))
			return;
		if (c->sink.active) {
			if (!conn_feed(c))
				break;
			continue;
		}
		c->blocked = !conn_has_room(c);
		if (c->blocked || !conn_parse_one(c))
			break;
	}
	if (!c->dead)
		conn_compact(c);
}

/* Receive into @iov. Returns bytes, or -1 when there are none or the connection was closed. */
static ssize_t conn_recv(struct connection *c, struct iovec *iov, int n)
{
	ssize_t got = readv(c->watch.fd, iov, n);

	if (got > 0) {
		c->heard = loop_now(c->server->loop);
		c->pinged = false;
		return got;
	}
	if (!got)
		conn_close(c, "by the peer");
	else if (errno != EAGAIN && errno != EINTR)
		conn_close(c, "%s", strerror(errno));
	return -1;
}

/* The rest of a data segment straight to where it belongs, what follows it into the buffer. */
static bool conn_receive_direct(struct connection *c)
{
	struct conn_sink *k = &c->sink;
	struct iovec iov[2];
	uint8_t *to;
	ssize_t got;

	if (!k->in_place || !k->task || k->left < CONN_DIRECT_MIN || c->rx_start != c->rx_end ||
	    c->fault.pace.bytes)
		return false;
	to = task_data_map(k->task, k->at, k->left);
	if (!to)
		return false;
	iov[0] = (struct iovec){ to, k->left };
	iov[1] = (struct iovec){ c->rx, CONN_DIRECT_BEHIND };
	got = conn_recv(c, iov, 2);
	if (got > 0) {
		uint32_t n = (uint32_t)MIN((size_t)got, (size_t)k->left);

		task_data_mapped(k->task, k->at, n);
		k->at += n;
		k->left -= n;
		c->rx_start = 0;
		c->rx_end = (uint32_t)got - n;
	}
	return true;
}

static void conn_receive(struct connection *c)
{
	uint32_t room = CONN_RX - c->rx_end;
	struct iovec iov;
	ssize_t got;

	if (!conn_receive_direct(c)) {
		iov.iov_base = c->rx + c->rx_end;
		iov.iov_len = MIN(room, (uint32_t)(c->session ? CONN_RECV : CONN_LOGIN_RECV));
		iov.iov_len = MIN(iov.iov_len, conn_may_receive(c));
		got = conn_recv(c, &iov, 1);
		if (got > 0)
			c->rx_end += (uint32_t)got;
		if (got > 0 && c->fault.pace.bytes)
			fault_pace_received(c, (uint64_t)got);
	}
	conn_parse(c);
}

static void conn_watch(struct connection *c, bool more)
{
	bool room = c->rx_end < CONN_RX && !c->blocked && !conn_is_stopped(c) &&
		    conn_may_receive(c);
	bool out = (more || !outq_empty(&c->out)) && conn_may_send(c);

	loop_fd_mod(c->server->loop, &c->watch, (room ? LOOP_IN : 0u) | (out ? LOOP_OUT : 0u));
}

void conn_stop(struct connection *c)
{
	if (!c->dead)
		loop_fd_mod(c->server->loop, &c->watch, 0);
}

void conn_resume(struct connection *c)
{
	conn_mark_dirty(c);
	conn_parse(c);
}

static int conn_send(struct connection *c)
{
	uint64_t before = c->out.bytes;
	int rc = outq_send(&c->out, c->watch.fd, conn_may_send(c));

	if (c->fault.pace.bytes)
		fault_pace_sent(c, before - c->out.bytes);
	return rc;
}

void conn_flush(struct connection *c)
{
	bool more = true;
	int rc;

	list_del(&c->dirty);
	if (c->fault.hole)
		return;
	for (int round = 0; more && round < CONN_ROUNDS; round++) {
		rc = conn_send(c);
		if (rc) {
			conn_close(c, "%s", strerror(-rc));
			return;
		}
		more = conn_has_room(c) && c->session && !c->draining && session_produce(c->session);
		if (c->blocked && !c->dead) {
			conn_parse(c);
			more = more || !c->blocked;
		}
		if (c->dead)
			return;
	}
	if (c->draining && outq_empty(&c->out)) {
		conn_close(c, "logged out");
		return;
	}
	list_del(&c->dirty);
	conn_watch(c, more);
}

static void conn_ready(struct loop_fd *w, unsigned events)
{
	struct connection *c = container_of(w, struct connection, watch);

	if (events & LOOP_OUT)
		conn_mark_dirty(c);
	if (events & (LOOP_IN | LOOP_HUP)) {
		if (conn_is_stopped(c) || c->rx_end == CONN_RX || c->blocked ||
		    !conn_may_receive(c)) {
			if (events & LOOP_HUP)
				conn_close(c, "by the peer");
			return;
		}
		conn_receive(c);
	}
}

/* --- life --- */

static void conn_timer_fire(struct loop_timer *t)
{
	struct connection *c = container_of(t, struct connection, timer);
	const struct server_limits *l = &c->server->limits;
	mono_ms now = loop_now(c->server->loop), due;

	if (c->fault.hole) {		/* nobody is at home */
		loop_timer_set(t, now + CONN_HOLE_MS);
		return;
	}
	if (c->deadline != MONO_NEVER) {
		conn_close(c, c->draining ? "the peer reads nothing more" : "login took too long");
		return;
	}
	due = c->heard + l->ping_interval + (c->pinged ? l->ping_timeout : 0);
	if (now >= due && c->pinged) {
		c->server->stats.silent++;
		conn_close(c, "the peer is silent");
		return;
	}
	if (now >= due) {
		c->pinged = true;
		session_ping(c->session);
		due = now + l->ping_timeout;
	}
	loop_timer_set(&c->timer, due);
}

void conn_full_feature(struct connection *c, const struct params *p)
{
	c->header_digest = p->header_digest;
	c->data_digest = p->data_digest;
	c->max_recv = p->max_recv_bytes;
	c->max_send = MIN(p->max_send_bytes, (uint32_t)CONN_PDU_DATA);
	c->deadline = MONO_NEVER;
	c->heard = loop_now(c->server->loop);
	if (c->server->limits.ping_interval)
		loop_timer_set(&c->timer, c->heard + c->server->limits.ping_interval);
	else
		loop_timer_stop(&c->timer);
}

static uint8_t *conn_memory(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void conn_name(struct connection *c, int fd)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(c->from);

	if (!getpeername(fd, (struct sockaddr *)&c->from, &len))
		server_print_address(&c->from, c->peer, sizeof(c->peer));
	len = sizeof(sa);
	if (!getsockname(fd, (struct sockaddr *)&sa, &len))
		server_print_address(&sa, c->local, sizeof(c->local));
}

static void conn_init(struct connection *c, struct server *s)
{
	c->server = s;
	c->id = ++conn_last_id;
	c->max_recv = CONN_LOGIN_DATA;
	c->max_send = CONN_LOGIN_DATA;
	list_init(&c->link);
	list_init(&c->dirty);
	outq_init(&c->out, c->ring, CONN_OUT);
	loop_fd_init(&c->watch, conn_ready);
	loop_call_init(&c->reap, conn_reap);
	loop_timer_init(s->loop, &c->timer, conn_timer_fire);
	fault_conn_init(c);
}

int conn_new(struct server *s, int fd)
{
	struct connection *c = calloc(1, sizeof(*c));
	int rc = -ENOMEM;

	if (!c)
		return rc;
	c->rx = conn_memory(CONN_RX);
	c->ring = conn_memory(CONN_OUT);
	if (!c->rx || !c->ring)
		goto fail;
	conn_init(c, s);
	rc = login_new(&c->login, c);
	if (rc)
		goto fail;
	rc = loop_fd_add(s->loop, &c->watch, fd, LOOP_IN);
	if (rc)
		goto fail;
	conn_name(c, fd);
	c->deadline = loop_now(s->loop) + s->limits.login_timeout;
	loop_timer_set(&c->timer, c->deadline);
	list_append(&s->connections, &c->link);
	s->connection_count++;
	log_debug("connection accepted | conn=%llu peer=%s", (unsigned long long)c->id, c->peer);
	if (s->faults)
		fault_conn_accepted(c);
	return 0;
fail:
	login_free(c->login);
	if (c->rx)
		munmap(c->rx, CONN_RX);
	if (c->ring)
		munmap(c->ring, CONN_OUT);
	free(c);
	return rc;
}
