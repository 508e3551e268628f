/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole server in this process, and bytes that come to it over a pair of sockets. The first byte
 * of an input says how: in pieces or at once, with a login before it or not. Each input finds a
 * server as new, and must leave it without connections and sessions.
 */
#include "fuzz.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "target/chore.h"
#include "target/connection.h"
#include "target/server.h"

enum { FUZZ_TURNS = 20000, FUZZ_LOGIN = 0x80, FUZZ_PIECES = 0x7f };

static struct server fuzz_server;
static struct loop *fuzz_loop;

static struct target *fuzz_target(const char *name, const char *const *luns)
{
	struct target *t;
	struct err e = ERR_INIT;

	FUZZ_CHECK(!target_new(&t, name, &e));
	for (unsigned i = 0; luns[i]; i++) {
		struct lun_options o = { .backing = luns[i],
					 .number = i,
					 .block_bytes = 512,
					 .physical_bytes = 4096,
					 .write_cache = true,
					 .thin = true };

		FUZZ_CHECK(!target_add_lun(t, &o, &e));
	}
	list_append(&fuzz_server.targets, &t->link);
	return t;
}

static int fuzz_read_later(struct disk *d, uint64_t off, void *buf, size_t len)
{
	(void)d;
	(void)off;
	(void)buf;
	(void)len;
	return -EAGAIN;
}

/* Everything that touches it is for threads. */
static void fuzz_make_slow(struct disk *d)
{
	static struct disk_ops slow;

	slow = *d->ops;
	slow.map = NULL;
	slow.read_now = fuzz_read_later;
	d->ops = &slow;
	d->sleeps = true;
	d->slow_until_us = UINT64_MAX;
}

static void fuzz_set_up(void)
{
	static const char *const luns[] = { "ram:1M", "ram:64K", "ram:64K", NULL };
	struct target *t;
	struct err e = ERR_INIT;

	log_set_level(LOG_LEVEL_ERROR);
	server_init(&fuzz_server);
	fuzz_server.limits.tasks = 8;
	t = fuzz_target("iqn.2026-11.example:a", luns);
	fuzz_make_slow(t->lun[1]->disk);
	t = fuzz_target("iqn.2026-11.example:b", luns + 2);
	FUZZ_CHECK(!access_add_account(&t->access, ACCESS_INCOMING, "joe", "sesame-open-now", &e));
	FUZZ_CHECK(!loop_new(&fuzz_loop));
	FUZZ_CHECK(!server_start(&fuzz_server, fuzz_loop));
}

static void fuzz_begin(void)
{
	struct target *t;

	list_each(t, &fuzz_server.targets, link) {
		for (unsigned i = 0; i < t->luns; i++)
			FUZZ_CHECK(!disk_zero(t->lun[i]->disk, 0, t->lun[i]->disk->size, true));
		target_power_cycle(t);
	}
}

/* One turn of the loop; what was answered is thrown away. */
static void fuzz_turn(int fd, span_ms wait)
{
	uint8_t sink[65536];

	FUZZ_CHECK(!loop_turn(fuzz_loop, wait));
	while (recv(fd, sink, sizeof(sink), MSG_DONTWAIT) > 0)
		;
}

/* @len bytes to the server, as fast as it takes them. Returns false: it hung up. */
static bool fuzz_feed(int fd, const uint8_t *p, size_t len)
{
	for (int turns = 0; len && turns < FUZZ_TURNS; turns++) {
		ssize_t n = send(fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return false;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
		fuzz_turn(fd, 0);
	}
	return true;
}

static void fuzz_login(int fd)
{
	static const char keys[] = "InitiatorName=iqn.2026-11.example:me\0"
				   "TargetName=iqn.2026-11.example:a\0SessionType=Normal\0"
				   "InitialR2T=No\0ImmediateData=Yes";
	uint8_t pdu[48 + sizeof(keys) + 3] = { 0x43, 0x87 };

	pdu[7] = sizeof(keys);
	pdu[8] = 0x80;
	pdu[19] = 1;	/* ITT */
	pdu[27] = 1;	/* CmdSN */
	memcpy(pdu + 48, keys, sizeof(keys));
	fuzz_feed(fd, pdu, 48 + (sizeof(keys) + 3) / 4 * 4);
}

/* The peer is gone: so must be everything that was made for it. */
static void fuzz_settle(int fd)
{
	struct target *t;
	bool busy = true;

	shutdown(fd, SHUT_RDWR);
	for (int turns = 0; busy || fuzz_server.connection_count; turns++) {
		FUZZ_CHECK(turns < FUZZ_TURNS);
		fuzz_turn(fd, busy ? 1 : 0);
		busy = false;
		list_each(t, &fuzz_server.targets, link) {
			for (unsigned i = 0; i < t->luns; i++)
				busy |= t->lun[i]->busy || t->lun[i]->flusher.running;
		}
	}
	FUZZ_CHECK(list_empty(&fuzz_server.sessions));
	FUZZ_CHECK(!loop_turn(fuzz_loop, 0));	/* memory of what was closed last */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct cursor in = cursor_of(data, len);
	uint8_t how = cursor_u8(&in);
	size_t piece = how & FUZZ_PIECES ? (size_t)(how & FUZZ_PIECES) * 16 : 65536, n;
	bool open = true;
	int fd[2];

	if (!fuzz_loop)
		fuzz_set_up();
	fuzz_begin();
	FUZZ_CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd));
	FUZZ_CHECK(!conn_new(&fuzz_server, fd[0]));
	if (how & FUZZ_LOGIN)
		fuzz_login(fd[1]);
	while (open && cursor_left(&in)) {
		const uint8_t *p = fuzz_take(&in, piece, &n);

		open = fuzz_feed(fd[1], p, n);
	}
	fuzz_settle(fd[1]);
	close(fd[1]);
	return 0;
}
