/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guard: it sees the header of every PDU of a logged-in session before libiscsi acts on it.
 *
 * libiscsi 1.19 trusts headers. Data for a ping is a null pointer to it, an R2T of four gigabytes
 * half a million allocations, and while PDUs keep coming it does not return. It reads with recv(2)
 * and readv(2), which this program defines itself (see transport_guard.c): what a guard does not
 * like ends like a connection that broke.
 */
#ifndef ISCSIFS_TRANSPORT_GUARD_H
#define ISCSIFS_TRANSPORT_GUARD_H

#include <stdbool.h>
#include <stdint.h>

enum { GUARD_HEADER_BYTES = 48, GUARD_DIGEST_BYTES = 4 };

struct guard {
	int fd;
	bool (*pass)(struct guard *g, const uint8_t *header);	/* false: libiscsi must not see it */
	unsigned header_bytes;		/* 48, or 52 with a digest */
	unsigned have;			/* bytes of the header that came */
	uint32_t left;			/* bytes of data and padding that belong to it */
	unsigned turn;			/* PDUs in this turn */
	uint64_t pdus;			/* PDUs ever */
	uint8_t header[GUARD_HEADER_BYTES + GUARD_DIGEST_BYTES];
};

/* From here on @fd, which is between two PDUs, is guarded by @g when it is on duty. */
void guard_init(struct guard *g, int fd, bool digest,
		bool (*pass)(struct guard *g, const uint8_t *header));

/* @g is on duty for this thread's reads, a new turn begins; NULL: nobody. Returns who was. */
struct guard *guard_post(struct guard *g);

#endif
