/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The output queue. The one hard thing: what is reserved must be contiguous, so the ring skips its
 * last bytes when they are too few; the segment behind the gap carries the skipped bytes, and they
 * come free with it. An empty ring starts anew at its beginning, which keeps it in the cache.
 */
#include "target/outq.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "iscsifs/check.h"

enum { OUTQ_VECTORS = 512 };

void outq_init(struct outq *q, uint8_t *ring, uint32_t cap)
{
	q->ring = ring;
	q->cap = cap;
	q->head = 0;
	q->used = 0;
	q->first = 0;
	q->count = 0;
	q->bytes = 0;
}

/* Where waiting bytes begin. */
static uint32_t outq_tail(const struct outq *q)
{
	return q->head >= q->used ? q->head - q->used : q->head + q->cap - q->used;
}

uint32_t outq_room(const struct outq *q)
{
	uint32_t tail = outq_tail(q);

	if (!q->used)
		return q->cap;
	if (q->used == q->cap)
		return 0;
	if (q->head <= tail)
		return tail - q->head;
	return MAX(q->cap - q->head, tail);
}

uint8_t *outq_reserve(struct outq *q, uint32_t len)
{
	uint32_t tail;

	if (!q->used)
		q->head = 0;
	if (q->count == OUTQ_SEGMENTS || len > outq_room(q))
		return NULL;
	tail = outq_tail(q);
	if (q->used && q->head <= tail)
		return q->ring + q->head;
	return len <= q->cap - q->head ? q->ring + q->head : q->ring;
}

static struct outq_segment *outq_at(struct outq *q, unsigned i)
{
	return &q->segment[(q->first + i) % OUTQ_SEGMENTS];
}

static bool outq_is_within(const struct outq_segment *s, const uint8_t *from, uint64_t len)
{
	return !s->ring && (uintptr_t)s->at - (uintptr_t)from < len;
}

bool outq_lends(const struct outq *q, const uint8_t *from, uint64_t len)
{
	for (unsigned i = 0; i < q->count; i++) {
		if (outq_is_within(&q->segment[(q->first + i) % OUTQ_SEGMENTS], from, len))
			return true;
	}
	return false;
}

void outq_move_lent(struct outq *q, const uint8_t *from, uint64_t len, const uint8_t *to)
{
	for (unsigned i = 0; i < q->count; i++) {
		struct outq_segment *s = outq_at(q, i);

		if (outq_is_within(s, from, len))
			s->at = to + (s->at - from);
	}
}

void outq_commit(struct outq *q, const uint8_t *at, uint32_t len)
{
	uint32_t skipped = at == q->ring + q->head ? 0 : q->cap - q->head;
	struct outq_segment *last = q->count ? outq_at(q, q->count - 1) : NULL;

	q->bytes += len;
	q->used += skipped + len;
	q->head = (uint32_t)(at - q->ring) + len;
	if (last && !skipped && last->at + last->len == at && last->ring) {
		last->len += len;
		last->ring += len;
		return;
	}
	BUG_ON(q->count == OUTQ_SEGMENTS);
	*outq_at(q, q->count++) = (struct outq_segment){ at, len, skipped + len };
}

void outq_lend(struct outq *q, const uint8_t *at, uint32_t len)
{
	BUG_ON(q->count == OUTQ_SEGMENTS);
	q->bytes += len;
	*outq_at(q, q->count++) = (struct outq_segment){ at, len, 0 };
}

static void outq_sent(struct outq *q, size_t n)
{
	q->bytes -= n;
	while (n) {
		struct outq_segment *s = outq_at(q, 0);
		uint32_t part = (uint32_t)MIN(n, (size_t)s->len);

		n -= part;
		if (part < s->len) {
			s->at += part;
			s->len -= part;
			if (s->ring) {
				q->used -= part;
				s->ring -= part;
			}
			return;
		}
		q->used -= s->ring;
		q->first = (q->first + 1) % OUTQ_SEGMENTS;
		q->count--;
	}
}

int outq_send(struct outq *q, int fd, uint64_t most)
{
	struct iovec iov[OUTQ_VECTORS];

	while (q->count && most) {
		struct msghdr m = { .msg_iov = iov };
		unsigned n = 0, all = MIN(q->count, (unsigned)OUTQ_VECTORS);
		uint64_t left = most;
		ssize_t sent;

		for (; n < all && left; n++) {
			const struct outq_segment *s = outq_at(q, n);

			iov[n].iov_base = (void *)(uintptr_t)s->at;
			iov[n].iov_len = MIN(s->len, left);
			left -= iov[n].iov_len;
		}
		m.msg_iovlen = n;
		sent = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN ? 0 : -errno;
		outq_sent(q, (size_t)sent);
		most -= (uint64_t)sent;
	}
	return 0;
}
