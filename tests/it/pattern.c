/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks that know who they are: written to a file, and checked.
 *
 *	pattern write FILE [seed=N] [gen=N] [blocks=A..B] [block=BYTES] [shift=BYTES] [io=BLOCKS]
 *			   [order=up|down|mixed] [direct=yes] [dsync=yes] [sync=each|end]
 *	pattern check FILE …the same…
 *
 * Block I stands at byte shift + I * block. It begins with the seed, its offset and the generation;
 * the rest follows from these, so that a block that is old, torn or at the wrong place is told
 * apart from one that is damaged.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iscsifs/check.h"
#include "iscsifs/num.h"

#define MAGIC 0x4e52455454415021ull
#define HEAD_WORDS 4
#define HEAD_BYTES (HEAD_WORDS * 8)
#define BLOCK_BYTES_MAX 65536
#define BUFFER_ALIGN 4096

enum pattern_order {
	ORDER_UP = 0,
	ORDER_DOWN,
	ORDER_MIXED,
};

struct pattern {
	const char *path;
	bool write, direct, dsync, sync_each, sync_end;
	enum pattern_order order;
	int64_t seed, gen, first, last, block_bytes, shift_bytes, io_blocks;
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "pattern: %s: %s\n", what, why);
	exit(2);
}

static uint64_t next_word(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static void fill_block(const struct pattern *p, int64_t off, uint8_t *dst)
{
	uint64_t head[HEAD_WORDS] = { MAGIC, p->seed, off, p->gen };
	uint64_t state = p->seed * 31 + off * 7 + p->gen, word;

	memcpy(dst, head, HEAD_BYTES);
	for (int64_t at = HEAD_BYTES; at < p->block_bytes; at += 8) {
		int64_t left = p->block_bytes - at;

		word = next_word(&state);
		memcpy(dst + at, &word, left < 8 ? left : 8);
	}
}

/* Say what stands where the block of @off should be. */
static void tell_difference(const struct pattern *p, int64_t off, const uint8_t *want,
			    const uint8_t *got)
{
	uint64_t head[HEAD_WORDS];
	int64_t at = 0, differ = 0;

	memcpy(head, got, HEAD_BYTES);
	while (want[at] == got[at])
		at++;
	for (int64_t i = at; i < p->block_bytes; i++)
		differ += want[i] != got[i];
	printf("%s: byte %" PRId64 ": block is wrong from its byte %" PRId64 ", %" PRId64
	       " bytes differ; ",
	       p->path, off, at, differ);
	if (head[0] != MAGIC)
		printf("no pattern there (%016" PRIx64 ")\n", head[0]);
	else if (head[1] != (uint64_t)p->seed || head[2] != (uint64_t)off)
		printf("it is the block of seed %" PRIu64 ", byte %" PRIu64 ", generation %" PRIu64
		       "\n", head[1], head[2], head[3]);
	else if (head[3] != (uint64_t)p->gen)
		printf("it is of generation %" PRIu64 ", not %" PRId64 "\n", head[3], p->gen);
	else
		printf("its head is right: torn\n");
}

/* Which run of io_blocks comes at step @i of @n. */
static int64_t run_at(const struct pattern *p, int64_t i, int64_t n)
{
	static const int64_t stride[] = { 7919, 104729, 1299709 };

	switch (p->order) {
	case ORDER_UP:
		return i;
	case ORDER_DOWN:
		return n - 1 - i;
	case ORDER_MIXED:
		for (size_t k = 0; k < ARRAY_SIZE(stride); k++) {
			if (n % stride[k] != 0)
				return i * stride[k] % n;
		}
		return i;
	}
	return i;
}

static void write_run(const struct pattern *p, int fd, uint8_t *buf, int64_t off, int64_t blocks)
{
	ssize_t len = blocks * p->block_bytes;
	ssize_t done;

	for (int64_t i = 0; i < blocks; i++)
		fill_block(p, off + i * p->block_bytes, buf + i * p->block_bytes);
	done = pwrite(fd, buf, len, off);
	if (done != len)
		die(p->path, done < 0 ? strerror(errno) : "short write");
	if (p->sync_each && fsync(fd) != 0)
		die(p->path, strerror(errno));
}

static int64_t check_run(const struct pattern *p, int fd, uint8_t *buf, int64_t off, int64_t blocks)
{
	static uint8_t want[BLOCK_BYTES_MAX];
	ssize_t len = blocks * p->block_bytes;
	ssize_t done = pread(fd, buf, len, off);
	int64_t wrong = 0;

	if (done != len)
		die(p->path, done < 0 ? strerror(errno) : "short read");
	for (int64_t i = 0; i < blocks; i++) {
		int64_t at = i * p->block_bytes;

		fill_block(p, off + at, want);
		if (memcmp(want, buf + at, p->block_bytes) == 0)
			continue;
		if (wrong++ < 5)
			tell_difference(p, off + at, want, buf + at);
	}
	return wrong;
}

static bool flag(const char *arg, const char *name, bool *out)
{
	if (strcmp(arg, name) != 0)
		return false;
	*out = true;
	return true;
}

static bool number(const char *arg, const char *name, int64_t min, int64_t max, int64_t *out)
{
	size_t len = strlen(name);

	if (strncmp(arg, name, len) != 0)
		return false;
	if (num_parse_i64(arg + len, min, max, out) != 0)
		die(arg, "not in range");
	return true;
}

static bool range(const char *arg, struct pattern *p)
{
	char text[64];
	char *dots;

	if (strncmp(arg, "blocks=", 7) != 0)
		return false;
	snprintf(text, sizeof(text), "%s", arg + 7);
	dots = strstr(text, "..");
	if (!dots)
		die(arg, "want A..B");
	*dots = '\0';
	if (num_parse_i64(text, 0, INT64_MAX >> 20, &p->first) != 0 ||
	    num_parse_i64(dots + 2, p->first, INT64_MAX >> 20, &p->last) != 0)
		die(arg, "want A..B");
	return true;
}

static bool order(const char *arg, struct pattern *p)
{
	static const char *const words[] = { "order=up", "order=down", "order=mixed" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(arg, words[i]) == 0) {
			p->order = i;
			return true;
		}
	}
	return false;
}

static void parse(struct pattern *p, int argc, char **argv)
{
	if (argc < 3)
		die("usage", "pattern write|check FILE [key=value]...");
	p->path = argv[2];
	p->write = strcmp(argv[1], "write") == 0;
	if (!p->write && strcmp(argv[1], "check") != 0)
		die(argv[1], "want write or check");
	for (int i = 3; i < argc; i++) {
		if (!(number(argv[i], "seed=", 0, INT64_MAX, &p->seed) ||
		      number(argv[i], "gen=", 0, INT64_MAX, &p->gen) ||
		      number(argv[i], "block=", HEAD_BYTES, BLOCK_BYTES_MAX, &p->block_bytes) ||
		      number(argv[i], "shift=", 0, INT64_MAX >> 1, &p->shift_bytes) ||
		      number(argv[i], "io=", 1, 16384, &p->io_blocks) || range(argv[i], p) ||
		      order(argv[i], p) || flag(argv[i], "direct=yes", &p->direct) ||
		      flag(argv[i], "dsync=yes", &p->dsync) ||
		      flag(argv[i], "sync=each", &p->sync_each) ||
		      flag(argv[i], "sync=end", &p->sync_end)))
			die(argv[i], "unknown");
	}
}

/* Returns how many blocks are wrong. */
static int64_t run(const struct pattern *p, int fd, uint8_t *buf)
{
	int64_t blocks = p->last - p->first + 1;
	int64_t runs = (blocks + p->io_blocks - 1) / p->io_blocks;
	int64_t wrong = 0;

	for (int64_t i = 0; i < runs; i++) {
		int64_t at = run_at(p, i, runs) * p->io_blocks;
		int64_t n = MIN(p->io_blocks, blocks - at);
		int64_t off = p->shift_bytes + (p->first + at) * p->block_bytes;

		if (p->write)
			write_run(p, fd, buf, off, n);
		else
			wrong += check_run(p, fd, buf, off, n);
	}
	if (p->write && p->sync_end && fsync(fd) != 0)
		die(p->path, strerror(errno));
	if (wrong)
		printf("%s: %" PRId64 " of %" PRId64 " blocks are wrong\n", p->path, wrong, blocks);
	return wrong;
}

int main(int argc, char **argv)
{
	struct pattern p = { .seed = 1, .gen = 1, .last = 1023, .block_bytes = 512, .io_blocks = 1 };
	int64_t wrong;
	int fd, flags;
	void *buf;

	parse(&p, argc, argv);
	flags = O_CLOEXEC | (p.write ? O_WRONLY : O_RDONLY);
	flags |= (p.direct ? O_DIRECT : 0) | (p.dsync ? O_DSYNC : 0);
	fd = open(p.path, flags);
	if (fd < 0)
		die(p.path, strerror(errno));
	if (posix_memalign(&buf, BUFFER_ALIGN, p.io_blocks * p.block_bytes) != 0)
		die(p.path, strerror(ENOMEM));
	wrong = run(&p, fd, buf);
	if (close(fd) != 0)
		die(p.path, strerror(errno));
	free(buf);
	return wrong != 0;
}
