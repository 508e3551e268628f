/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guard. The one hard thing: libiscsi has no hook between a header and what it does with it. But
 * it reads a header, then its data, and never past the end of either; so whoever sees its reads can
 * keep pace. A program's own recv() and readv() are found before the C library's by every library it
 * loads: these two do what those do, and show the guard what came.
 */
#undef _FORTIFY_SOURCE	/* it would define recv() inline */

#include "initiator/transport_guard.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include "iscsifs/check.h"
#include "iscsifs/cursor.h"

/* So many PDUs in one turn, then others have theirs. */
enum { GUARD_TURN_PDUS = 512 };

static _Thread_local struct guard *guard_on_duty;

void guard_init(struct guard *g, int fd, bool digest,
		bool (*pass)(struct guard *g, const uint8_t *header))
{
	*g = (struct guard){
		.fd = fd,
		.pass = pass,
		.header_bytes = GUARD_HEADER_BYTES + (digest ? GUARD_DIGEST_BYTES : 0),
	};
}

struct guard *guard_post(struct guard *g)
{
	struct guard *before = guard_on_duty;

	guard_on_duty = g;
	if (g)
		g->turn = 0;
	return before;
}

/* @len bytes at @buf belong to a header. Returns whether libiscsi may have them. */
static bool guard_see_header(struct guard *g, const void *buf, size_t len)
{
	BUG_ON(len > g->header_bytes - g->have);
	memcpy(g->header + g->have, buf, len);
	g->have += (unsigned)len;
	if (g->have < g->header_bytes)
		return true;
	g->left = (be24_load(g->header + 5) + 3) & ~3u;
	g->turn++;
	g->pdus++;
	if (!g->left)
		g->have = 0;
	return g->pass(g, g->header);
}

static void guard_see_data(struct guard *g, size_t len)
{
	BUG_ON(len > g->left);
	g->left -= (uint32_t)len;
	if (!g->left)
		g->have = 0;
}

static bool guard_in_data(const struct guard *g)
{
	return g->have == g->header_bytes;
}

ssize_t recv(int fd, void *buf, size_t len, int flags)
{
	struct guard *g = guard_on_duty;
	ssize_t got;

	if (!g || g->fd != fd)
		return recvfrom(fd, buf, len, flags, NULL, NULL);
	if (!g->have && g->turn >= GUARD_TURN_PDUS) {
		errno = EAGAIN;
		return -1;
	}
	got = recvfrom(fd, buf, len, flags, NULL, NULL);
	if (got > 0 && guard_in_data(g)) {
		guard_see_data(g, (size_t)got);
	} else if (got > 0 && !guard_see_header(g, buf, (size_t)got)) {
		errno = EPROTO;
		return -1;
	}
	return got;
}

ssize_t readv(int fd, const struct iovec *iov, int count)
{
	struct guard *g = guard_on_duty;
	ssize_t got = syscall(SYS_readv, fd, iov, count);

	if (got > 0 && g && g->fd == fd)
		guard_see_data(g, (size_t)got);
	return got;
}
