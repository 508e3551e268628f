/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One TCP connection: bytes in, cut into PDUs where they lie; PDUs out, gathered until the turn
 * ends. What PDUs mean is the business of login.h and session.h.
 */
#ifndef ISCSIFS_TARGET_CONNECTION_H
#define ISCSIFS_TARGET_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "iscsifs/list.h"
#include "iscsifs/loop.h"
#include "target/fault_hooks.h"
#include "target/outq.h"
#include "target/params.h"
#include "target/pdu.h"
#include "target/server.h"

struct login;
struct session;
struct task;

enum {
	CONN_PDU_DATA = 262144,			/* the longest data segment, either way */
	CONN_RX = 2 * CONN_PDU_DATA + 65536,	/* receive buffer */
	CONN_OUT_RESERVE = CONN_PDU_DATA + 65536,/* ring that any one PDU's answers may need */
	CONN_OUT = 4 * CONN_OUT_RESERVE,
	CONN_OUT_SEGMENTS = 300,		/* likewise in segments */
};

/* The data segment that is being received, handed over piece by piece. */
struct conn_sink {
	bool active;
	struct task *task;	/* NULL: nobody wants it */
	uint64_t at;		/* where in the command's data the next byte belongs */
	uint32_t left;		/* bytes of data still to come */
	uint32_t tail;		/* then: padding and digest */
	bool final;		/* the PDU's F bit */
	bool in_place;		/* may be received to where it belongs */
};

struct connection {
	struct server *server;
	struct loop_fd watch;
	struct list link;
	struct list dirty;
	uint64_t id;
	struct sockaddr_storage from;	/* the peer's address */
	char peer[80];
	char local[80];

	uint8_t *rx;		/* CONN_RX bytes; [start, end) is not yet looked at */
	uint32_t rx_start;
	uint32_t rx_end;
	uint32_t max_recv;	/* data segment that the peer may send now */
	bool header_digest;
	bool data_digest;
	bool blocked;		/* parsing waits for room to answer */
	struct conn_sink sink;

	uint8_t *ring;
	struct outq out;
	uint32_t max_send;	/* data segment that we may send now */

	struct loop_timer timer;
	mono_ms deadline;	/* of the login, or of the last bytes after a logout */
	mono_ms heard;		/* when something was received last */
	bool pinged;

	struct login *login;	/* until full feature phase */
	struct session *session;/* from then on */
	bool draining;		/* send what waits, then close */
	bool dead;		/* closed; its memory goes when nothing refers to it */
	struct fault_conn fault;
	struct loop_call reap;
};

/* Serve the accepted socket @fd, which becomes the connection's. Returns 0 or -errno. */
int conn_new(struct server *s, int fd);

/* Close now, saying why (a log line at info). The memory lives until the turn ends. */
void conn_close(struct connection *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Send what waits, read nothing more, then close. */
void conn_drain(struct connection *c);

/* Send what waits and go on with what waited for room; called once a turn while on the dirty list. */
void conn_flush(struct connection *c);

/*
 * Room for a PDU with @data_bytes of data: the header, to be filled by pdu_init() and setters;
 * the data goes to conn_pdu_data(). Always succeeds: without room the connection is closed and
 * what is written goes nowhere.
 */
uint8_t *conn_pdu(struct connection *c, uint32_t data_bytes);
static inline uint8_t *conn_pdu_data(const struct connection *c, uint8_t *bhs)
{
	return bhs + PDU_BHS + (c->header_digest ? PDU_DIGEST : 0);
}

/* Queue the PDU with @data_bytes (as reserved, or fewer): lengths, padding, digests are done here. */
void conn_pdu_send(struct connection *c, uint8_t *bhs, uint32_t data_bytes);

/* As conn_pdu(c, 0) and conn_pdu_send(), the data staying where it lies. Not with data digests. */
void conn_pdu_lend(struct connection *c, uint8_t *bhs, const uint8_t *data, uint32_t data_bytes);

/* So many bytes may come, or go, now: a fault may have set a pace. */
static inline uint32_t conn_may_receive(const struct connection *c)
{
	return c->fault.pace.bytes ? c->fault.pace.in : UINT32_MAX;
}

static inline uint32_t conn_may_send(const struct connection *c)
{
	if (c->fault.stalled)
		return 0;
	return c->fault.pace.bytes ? c->fault.pace.out : UINT32_MAX;
}

/* Nothing more is taken from it, for good or for now. */
static inline bool conn_is_stopped(const struct connection *c)
{
	return c->dead || c->draining || c->fault.hole || c->fault.held;
}

/* It is stopped by a fault: watch the socket no more. */
void conn_stop(struct connection *c);
/* Not stopped any more: go on with what waits. */
void conn_resume(struct connection *c);

/* There is something to send, when the turn ends. */
void conn_mark_dirty(struct connection *c);

/* May another PDU be answered, or another Data-In be produced? */
static inline bool conn_has_room(const struct connection *c)
{
	return outq_room(&c->out) >= CONN_OUT_RESERVE &&
	       outq_segments_free(&c->out) >= CONN_OUT_SEGMENTS;
}

/* Full feature phase begins: digests and data segment lengths as negotiated. */
void conn_full_feature(struct connection *c, const struct params *p);

#endif
