/* SPDX-License-Identifier: BSD-2-Clause */
/* The guard, used as libiscsi uses it: headers by recv() and send(), data by readv() and writev(). */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "initiator/transport_guard.h"
#include "iscsifs/cursor.h"

enum { PDUS = 400, DATA_MAX = 70000 };

static uint32_t seed;

static uint32_t random_below(uint32_t limit)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)seed * limit >> 32);
}

/* Mostly small, sometimes nothing, sometimes more than a guard reads ahead. */
static uint32_t random_length(void)
{
	switch (random_below(4)) {
	case 0:
		return 0;
	case 1:
		return random_below(DATA_MAX) + 1;
	}
	return random_below(5000) + 1;
}

struct wire {
	struct guard guard;
	int ours, theirs;
	uint8_t *stream;	/* all that travels */
	size_t len, at;		/* and how far it got */
	uint32_t passed;	/* headers that the guard saw */
	uint32_t refuse_at;
	uint32_t left;		/* headers that it saw leave */
	uint64_t left_end;	/* and where the last of those PDUs ends */
};

static bool wire_pass(struct guard *g, const uint8_t *header)
{
	struct wire *w = container_of(g, struct wire, guard);

	if (be32_load(header + 16) != w->passed)
		return false;
	return w->passed++ != w->refuse_at;
}

static void wire_leaves(struct guard *g, const uint8_t *header)
{
	struct wire *w = container_of(g, struct wire, guard);
	uint64_t bytes = GUARD_HEADER_BYTES + ((be24_load(header + 5) + 3) & ~3u);

	assert_int_equal(be32_load(header + 16), w->left++);
	assert_int_equal(g->out_end, w->left_end + bytes);
	w->left_end = g->out_end;
}

static void wire_open(struct wire *w, bool digest)
{
	int fd[2];

	memset(w, 0, sizeof(*w));
	w->refuse_at = UINT32_MAX;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	w->ours = fd[0];
	w->theirs = fd[1];
	guard_init(&w->guard, w->ours, digest, wire_pass);
	w->stream = calloc(PDUS, GUARD_HEADER_BYTES + GUARD_DIGEST_BYTES + DATA_MAX + 4);
}

static void wire_close(struct wire *w)
{
	assert_null(guard_post(NULL));
	close(w->ours);
	close(w->theirs);
	free(w->stream);
}

/* Append a PDU of @len bytes of data to the stream. */
static void wire_add(struct wire *w, uint32_t number, uint32_t len)
{
	uint8_t *p = w->stream + w->len;

	be24_store(p + 5, len);
	be32_store(p + 16, number);
	p += w->guard.header_bytes;
	for (uint32_t i = 0; i < len; i++)
		p[i] = (uint8_t)(number * 7 + i * 13);
	w->len += w->guard.header_bytes + ((len + 3) & ~3u);
}

/* The other side writes some of the stream, which ends up in bits of any size. */
static void wire_feed(struct wire *w)
{
	size_t some = random_below(60000), len = MIN(w->len - w->at, some);
	ssize_t n = len ? write(w->theirs, w->stream + w->at, len) : 0;

	if (n > 0)
		w->at += (size_t)n;
}

/* Read @len bytes the way @vector says, feeding when there are none. */
static void wire_read(struct wire *w, uint8_t *buf, size_t len, bool vector)
{
	while (len) {
		struct iovec iov = { .iov_base = buf, .iov_len = len };
		ssize_t n;

		guard_post(&w->guard);
		n = vector ? readv(w->ours, &iov, 1) : recv(w->ours, buf, len, 0);
		guard_post(NULL);
		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			wire_feed(w);
			continue;
		}
		assert_in_range(n, 1, len);
		buf += n;
		len -= (size_t)n;
	}
}

static void read_everything(bool digest)
{
	uint8_t header[GUARD_HEADER_BYTES + GUARD_DIGEST_BYTES], *data = malloc(DATA_MAX + 4);
	const uint8_t *expect;
	struct wire w;

	wire_open(&w, digest);
	for (uint32_t i = 0; i < PDUS; i++)
		wire_add(&w, i, random_length());
	expect = w.stream;
	for (uint32_t i = 0; i < PDUS; i++) {
		uint32_t len, pad;

		wire_read(&w, header, w.guard.header_bytes, false);
		assert_memory_equal(header, expect, w.guard.header_bytes);
		assert_int_equal(w.passed, i + 1);
		expect += w.guard.header_bytes;
		len = be24_load(header + 5);
		pad = -len & 3;
		wire_read(&w, data, len, random_below(2));
		wire_read(&w, data + len, pad, false);
		assert_true(!memcmp(data, expect, len + pad));
		expect += len + pad;
	}
	assert_int_equal(expect - w.stream, w.len);
	assert_false(guard_has_more(&w.guard));
	wire_close(&w);
	free(data);
}

static void what_comes_is_read_whole_and_each_header_is_seen(void **state)
{
	(void)state;
	for (uint32_t round = 1; round <= 10; round++) {
		seed = round;
		read_everything(round % 2);
	}
}

/* The other side takes what came and compares. */
static void wire_drain(struct wire *w)
{
	uint8_t buf[50000];
	ssize_t n;

	guard_post(NULL);
	n = read(w->theirs, buf, random_below(sizeof(buf)));
	if (n > 0) {
		assert_true(!memcmp(buf, w->stream + w->at, (size_t)n));
		w->at += (size_t)n;
	}
}

static void wire_write(struct wire *w, const uint8_t *buf, size_t len, bool vector)
{
	while (len) {
		struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };
		ssize_t n;

		guard_post(&w->guard);
		n = vector ? writev(w->ours, &iov, 1) : send(w->ours, buf, len, 0);
		guard_post(NULL);
		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			wire_drain(w);
			continue;
		}
		buf += n;
		len -= (size_t)n;
		if (!random_below(20)) {
			assert_int_equal(guard_push(&w->guard), 0);
			wire_drain(w);
		}
	}
}

static void what_is_sent_leaves_whole_and_in_order(void **state)
{
	struct wire w;
	const uint8_t *p;
	int small = 8192;

	(void)state;
	seed = 5;
	wire_open(&w, false);
	w.guard.leaves = wire_leaves;
	setsockopt(w.ours, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	for (uint32_t i = 0; i < PDUS; i++)
		wire_add(&w, i, random_length());
	for (p = w.stream; p < w.stream + w.len;) {
		uint32_t len = be24_load(p + 5);

		wire_write(&w, p, GUARD_HEADER_BYTES, false);
		p += GUARD_HEADER_BYTES;
		wire_write(&w, p, len, true);
		assert_int_equal(guard_is_amid_pdu(&w.guard), (-len & 3) != 0);
		wire_write(&w, p + len, -len & 3, false);
		p += (len + 3) & ~3u;
	}
	while (w.at < w.len) {
		assert_int_equal(guard_push(&w.guard), 0);
		wire_drain(&w);
	}
	assert_false(guard_has_unsent(&w.guard));
	assert_int_equal(w.left, PDUS);
	assert_int_equal(w.guard.out_taken, w.len);
	assert_int_equal(w.guard.sent, w.len);
	wire_close(&w);
}

static void what_is_refused_looks_like_a_broken_connection(void **state)
{
	uint8_t header[GUARD_HEADER_BYTES];
	struct wire w;

	(void)state;
	wire_open(&w, false);
	wire_add(&w, 0, 0);
	wire_add(&w, 1, 0);
	w.refuse_at = 1;
	assert_int_equal(write(w.theirs, w.stream, w.len), (ssize_t)w.len);
	guard_post(&w.guard);
	assert_int_equal(recv(w.ours, header, sizeof(header), 0), sizeof(header));
	assert_int_equal(recv(w.ours, header, sizeof(header), 0), -1);
	assert_int_equal(errno, EPROTO);
	guard_post(NULL);
	wire_close(&w);
}

static void a_turn_has_an_end_while_more_is_there(void **state)
{
	uint8_t header[GUARD_HEADER_BYTES];
	struct wire w;
	unsigned n = 0;

	(void)state;
	wire_open(&w, false);
	for (uint32_t i = 0; i < 600; i++)
		wire_add(&w, i, 0);
	assert_int_equal(write(w.theirs, w.stream, w.len), (ssize_t)w.len);
	guard_post(&w.guard);
	while (recv(w.ours, header, sizeof(header), 0) > 0)
		n++;
	assert_int_equal(errno, EAGAIN);
	assert_in_range(n, 100, 599);
	assert_true(guard_has_more(&w.guard));
	guard_post(&w.guard);
	while (recv(w.ours, header, sizeof(header), 0) > 0)
		n++;
	assert_int_equal(n, 600);
	guard_post(NULL);
	wire_close(&w);
}

static void the_end_and_other_descriptors_are_as_ever(void **state)
{
	uint8_t byte = 9;
	struct wire w;
	int fd[2];

	(void)state;
	wire_open(&w, false);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	guard_post(&w.guard);
	assert_int_equal(send(fd[0], &byte, 1, 0), 1);
	assert_int_equal(recv(fd[1], &byte, 1, 0), 1);
	close(w.theirs);
	assert_int_equal(recv(w.ours, &byte, 1, 0), 0);
	assert_int_equal(send(w.ours, &byte, 1, MSG_NOSIGNAL), 1);
	assert_int_equal(guard_push(&w.guard), -EPIPE);
	guard_post(NULL);
	w.theirs = dup(fd[0]);
	close(fd[0]);
	close(fd[1]);
	wire_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_is_read_whole_and_each_header_is_seen),
		cmocka_unit_test(what_is_sent_leaves_whole_and_in_order),
		cmocka_unit_test(what_is_refused_looks_like_a_broken_connection),
		cmocka_unit_test(a_turn_has_an_end_while_more_is_there),
		cmocka_unit_test(the_end_and_other_descriptors_are_as_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
