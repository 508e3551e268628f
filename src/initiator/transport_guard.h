/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guard: it sees the header of every PDU of a logged-in session before libiscsi acts on it.
 *
 * libiscsi 1.19 trusts headers. Data for a ping is a null pointer to it, an R2T of four gigabytes
 * half a million allocations, and while PDUs keep coming it does not return. It uses recv(2), readv(2),
 * send(2) and writev(2), which this program defines itself (see transport_guard.c): what a guard does
 * not like ends like a connection that broke.
 *
 * And since system calls are most of what a small read costs, it gathers: what came together is
 * taken from the kernel together, and what one turn sends leaves together. Large data goes straight
 * from and to its place.
 */
#ifndef ISCSIFS_TRANSPORT_GUARD_H
#define ISCSIFS_TRANSPORT_GUARD_H

#include <stdbool.h>
#include <stdint.h>

enum { GUARD_HEADER_BYTES = 48, GUARD_DIGEST_BYTES = 4, GUARD_AHEAD_BYTES = 32768,
       GUARD_OUT_BYTES = 32768 };

struct guard {
	int fd;
	bool (*pass)(struct guard *g, const uint8_t *header);	/* false: libiscsi must not see it */
	/* May be NULL: a PDU begins to leave libiscsi; out_end is where it will end. */
	void (*leaves)(struct guard *g, const uint8_t *header);
	unsigned header_bytes;		/* 48, or 52 with a digest */
	unsigned have;			/* bytes of the header that came */
	uint32_t left;			/* bytes of data and padding that belong to it */
	unsigned turn;			/* PDUs in this turn */
	uint64_t pdus;			/* PDUs ever */
	bool large;			/* the last data was: little is read ahead of the next */
	bool drained;			/* the socket had no more in this turn */
	uint32_t ahead_at, ahead_len;
	uint8_t header[GUARD_HEADER_BYTES + GUARD_DIGEST_BYTES];
	uint8_t ahead[GUARD_AHEAD_BYTES];
	uint64_t out_taken;		/* bytes that libiscsi has handed over */
	uint64_t out_end;		/* and will have, when the PDU that it is at is complete */
	uint64_t sent;			/* bytes that the socket took */
	uint32_t out_at, out_len;	/* gathered, not yet sent */
	uint8_t out[GUARD_OUT_BYTES];
};

/* From here on @fd, which is between two PDUs, is guarded by @g when it is on duty. */
void guard_init(struct guard *g, int fd, bool digest,
		bool (*pass)(struct guard *g, const uint8_t *header));

/* The data of the PDU whose header is there has begun to come, and has not all come. */
static inline bool guard_is_amid_data(const struct guard *g)
{
	return g->have == g->header_bytes;
}

/* Something was read ahead and not taken: libiscsi must be served again, unasked by the socket. */
static inline bool guard_has_more(const struct guard *g)
{
	return g->ahead_len > 0;
}

/* Something was gathered and has not left. */
static inline bool guard_has_unsent(const struct guard *g)
{
	return g->out_len > 0;
}

/* libiscsi is in the middle of handing over a PDU: it has to come back with the rest. */
static inline bool guard_is_amid_pdu(const struct guard *g)
{
	return g->out_taken < g->out_end;
}

/*
 * Send what was gathered. Returns 0, also when the socket did not take all of it: guard_has_unsent()
 * says so; or -errno, the connection is broken.
 */
int guard_push(struct guard *g);

/* @g is on duty for this thread's reads, a new turn begins; NULL: nobody. Returns who was. */
struct guard *guard_post(struct guard *g);

#endif
