/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What waits to be sent on a connection: a ring for headers and copied data, and a list of
 * segments that may also point at memory lent by a disk. Bounded; sent by one sendmsg().
 */
#ifndef ISCSIFS_TARGET_OUTQ_H
#define ISCSIFS_TARGET_OUTQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OUTQ_SEGMENTS = 1024 };

struct outq_segment {
	const uint8_t *at;
	uint32_t len;
	uint32_t ring;		/* bytes of the ring that are free again once this is sent */
};

struct outq {
	uint8_t *ring;
	uint32_t cap;
	uint32_t head;		/* where the next byte goes */
	uint32_t used;		/* bytes before head that still wait, what was skipped included */
	struct outq_segment segment[OUTQ_SEGMENTS];
	unsigned first;
	unsigned count;
	uint64_t bytes;		/* all that waits */
};

/* @ring: the caller's memory, @cap bytes, for as long as @q lives. */
void outq_init(struct outq *q, uint8_t *ring, uint32_t cap);

/* The longest run that outq_reserve() would give now. */
uint32_t outq_room(const struct outq *q);

static inline unsigned outq_segments_free(const struct outq *q)
{
	return OUTQ_SEGMENTS - q->count;
}

static inline bool outq_empty(const struct outq *q)
{
	return !q->count;
}

/*
 * @len contiguous bytes of the ring, or NULL when there are not. They count only once committed;
 * another reserve before the commit gives the same bytes.
 */
uint8_t *outq_reserve(struct outq *q, uint32_t len);
/* Queue the @len bytes at @at, the last reservation's beginning. */
void outq_commit(struct outq *q, const uint8_t *at, uint32_t len);

/* Queue @len bytes at @at, which stay valid until the queue is gone. */
void outq_lend(struct outq *q, const uint8_t *at, uint32_t len);

/* Does anything of the @len bytes at @from, which were lent, still wait? */
bool outq_lends(const struct outq *q, const uint8_t *from, uint64_t len);
/* They lie at @to now. */
void outq_move_lent(struct outq *q, const uint8_t *from, uint64_t len, const uint8_t *to);

/* Send what the socket takes, @most bytes. Returns 0 (also when it takes no more now) or -errno. */
int outq_send(struct outq *q, int fd, uint64_t most);

#endif
