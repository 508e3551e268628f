/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guard. The one hard thing: libiscsi has no hook between a header and what it does with it. But
 * it reads a header, then its data, and never past the end of either; so whoever sees its reads can
 * keep pace. A program's own recv(), readv(), send() and writev() are found before the C library's by
 * every library it loads: these do what those do for any descriptor but the guarded one.
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

enum {
	GUARD_TURN_PDUS = 512,		/* so many PDUs in one turn, then others have theirs */
	GUARD_LARGE_BYTES = 16384,	/* a copy of that much costs more than a system call */
	GUARD_LARGE_AHEAD = 512,
	GUARD_IOV_MAX = 8,
};

static _Thread_local struct guard *guard_on_duty;

void guard_init(struct guard *g, int fd, bool digest,
		bool (*pass)(struct guard *g, const uint8_t *header))
{
	memset(g, 0, sizeof(*g));	/* all of it, to have its pages */
	g->fd = fd;
	g->pass = pass;
	g->header_bytes = GUARD_HEADER_BYTES + (digest ? GUARD_DIGEST_BYTES : 0);
}

struct guard *guard_post(struct guard *g)
{
	struct guard *before = guard_on_duty;

	guard_on_duty = g;
	if (g) {
		g->turn = 0;
		g->drained = false;
	}
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
	g->large = g->left >= GUARD_LARGE_BYTES;
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

/*
 * Read into @count vectors of @want bytes in all, and what comes after them ahead. Returns what is
 * for the vectors, or as read(2).
 */
static ssize_t guard_read(struct guard *g, const struct iovec *iov, int count, size_t want)
{
	struct iovec all[GUARD_IOV_MAX + 1];
	struct msghdr msg = { .msg_iov = all };
	size_t room = g->large ? GUARD_LARGE_AHEAD : GUARD_AHEAD_BYTES;
	ssize_t got;

	BUG_ON(g->ahead_len || count > GUARD_IOV_MAX);
	if (g->drained) {
		errno = EAGAIN;
		return -1;
	}
	if (count)
		memcpy(all, iov, (size_t)count * sizeof(*iov));
	all[count] = (struct iovec){ .iov_base = g->ahead, .iov_len = room };
	msg.msg_iovlen = (size_t)count + 1;
	got = recvmsg(g->fd, &msg, MSG_DONTWAIT);
	if (got <= 0)
		return got;
	g->drained = (size_t)got < want + room;
	g->ahead_at = 0;
	g->ahead_len = (size_t)got > want ? (uint32_t)((size_t)got - want) : 0;
	return MIN(got, (ssize_t)want);
}

/* Take up to @len bytes of what was read ahead. */
static size_t guard_take(struct guard *g, void *buf, size_t len)
{
	size_t n = MIN(len, (size_t)g->ahead_len);

	memcpy(buf, g->ahead + g->ahead_at, n);
	g->ahead_at += (uint32_t)n;
	g->ahead_len -= (uint32_t)n;
	return n;
}

/* As recv(2) on the guarded socket. */
static ssize_t guard_recv(struct guard *g, void *buf, size_t len)
{
	if (!g->ahead_len) {
		ssize_t got = guard_read(g, NULL, 0, 0);

		/* Nothing is for the vectors when there are none: what came lies ahead. */
		if (got < 0 || !g->ahead_len)
			return got;
	}
	return (ssize_t)guard_take(g, buf, len);
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
	got = guard_recv(g, buf, len);
	if (got > 0 && guard_is_amid_data(g)) {
		guard_see_data(g, (size_t)got);
	} else if (got > 0 && !guard_see_header(g, buf, (size_t)got)) {
		errno = EPROTO;
		return -1;
	}
	return got;
}

/* As readv(2) on the guarded socket: first what was read ahead, then straight to its place. */
static ssize_t guard_readv(struct guard *g, const struct iovec *iov, int count)
{
	struct iovec rest[GUARD_IOV_MAX];
	size_t taken = 0, want = 0;
	int left = 0;
	ssize_t got;

	for (int i = 0; i < count; i++) {
		size_t n = guard_take(g, iov[i].iov_base, iov[i].iov_len);

		taken += n;
		if (n == iov[i].iov_len)
			continue;
		BUG_ON(left == GUARD_IOV_MAX);
		rest[left].iov_base = (char *)iov[i].iov_base + n;
		rest[left].iov_len = iov[i].iov_len - n;
		want += rest[left++].iov_len;
	}
	if (!want)
		return (ssize_t)taken;
	got = guard_read(g, rest, left, want);
	if (got > 0)
		return (ssize_t)taken + got;
	/* An end or an error comes again to whoever asks again. */
	return taken ? (ssize_t)taken : got;
}

ssize_t readv(int fd, const struct iovec *iov, int count)
{
	struct guard *g = guard_on_duty;
	ssize_t got;

	if (!g || g->fd != fd)
		return syscall(SYS_readv, fd, iov, count);
	got = guard_readv(g, iov, count);
	if (got > 0)
		guard_see_data(g, (size_t)got);
	return got;
}

/* Send what was gathered and, when all of that leaves, @count vectors. Returns bytes of the latter. */
static ssize_t guard_send(struct guard *g, const struct iovec *iov, int count)
{
	struct iovec all[GUARD_IOV_MAX + 1] = {
		{ .iov_base = g->out + g->out_at, .iov_len = g->out_len },
	};
	struct msghdr msg = { .msg_iov = all, .msg_iovlen = (size_t)count + 1 };
	ssize_t sent;

	BUG_ON(count > GUARD_IOV_MAX);
	if (count)
		memcpy(all + 1, iov, (size_t)count * sizeof(*iov));
	sent = sendmsg(g->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0)
		return -1;
	g->sent += (uint64_t)sent;
	if ((size_t)sent < g->out_len) {
		g->out_at += (uint32_t)sent;
		g->out_len -= (uint32_t)sent;
		errno = EAGAIN;
		return -1;
	}
	sent -= g->out_len;
	g->out_at = g->out_len = 0;
	if (!sent && count)
		errno = EAGAIN;
	return !sent && count ? -1 : sent;
}

int guard_push(struct guard *g)
{
	if (!g->out_len || guard_send(g, NULL, 0) >= 0 || errno == EAGAIN || errno == EINTR)
		return 0;
	return -errno;
}

/* Gather @len bytes. Returns false when there is no room. */
static bool guard_gather(struct guard *g, const void *buf, size_t len)
{
	if (len > sizeof(g->out) - g->out_at - g->out_len)
		return false;
	memcpy(g->out + g->out_at + g->out_len, buf, len);
	g->out_len += (uint32_t)len;
	return true;
}

/* The header of a PDU comes first and in one piece: libiscsi has it so. */
static void guard_see_leave(struct guard *g, const void *buf, size_t len)
{
	const uint8_t *header = buf;

	if (guard_is_amid_pdu(g) || len < g->header_bytes)
		return;
	g->out_end = g->out_taken + g->header_bytes + ((be24_load(header + 5) + 3) & ~3u);
	if (g->leaves)
		g->leaves(g, header);
}

/* As writev(2) on the guarded socket. */
static ssize_t guard_write(struct guard *g, const struct iovec *iov, int count)
{
	ssize_t taken;

	if (count == 1 && iov[0].iov_len < GUARD_LARGE_BYTES &&
	    guard_gather(g, iov[0].iov_base, iov[0].iov_len))
		taken = (ssize_t)iov[0].iov_len;
	else
		taken = guard_send(g, iov, count);
	g->out_taken += taken > 0 ? (uint64_t)taken : 0;
	return taken;
}

ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	struct guard *g = guard_on_duty;
	const struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };

	if (!g || g->fd != fd)
		return sendto(fd, buf, len, flags, NULL, 0);
	guard_see_leave(g, buf, len);
	return guard_write(g, &iov, 1);
}

ssize_t writev(int fd, const struct iovec *iov, int count)
{
	struct guard *g = guard_on_duty;

	if (!g || g->fd != fd)
		return syscall(SYS_writev, fd, iov, count);
	return guard_write(g, iov, count);
}
