/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A chore: a piece of a command's work on disks that may take long or sleep, and so is done by a
 * worker's thread. Commands decide it on the loop's thread, piece after piece; between two pieces
 * others get at the disk, and the command can be ended.
 *
 * Chores that would meet each other's bytes run one after the other, also when the command of the
 * first is gone: what was aborted cannot overwrite what was written after it.
 */
#ifndef ISCSIFS_TARGET_CHORE_H
#define ISCSIFS_TARGET_CHORE_H

#include <stdbool.h>
#include <stdint.h>

#include "target/target.h"
#include "target/worker.h"

enum {
	CHORE_BUFFER = 1 << 20,		/* bytes that one piece moves at most */
	CHORE_ZERO_MAX = 64 << 20,	/* bytes that one piece zeroes at most */
	CHORE_DIFFERS = 1,		/* run(): what was compared is not the same; no error */
};

/* Bytes of a unit. */
struct chore_range {
	struct lun *lun;	/* NULL: none */
	uint64_t off;
	uint64_t len;
};

struct chore {
	/* set by the owner; left alone by him while it runs */
	int (*run)(struct chore *c);	/* one of those below: 0, -errno, or CHORE_DIFFERS */
	struct chore_range to;		/* it reads and writes this, */
	struct chore_range from;	/* and only reads this */
	bool deallocate;		/* zeroed blocks need hold no space */
	uint8_t *buf;			/* freed with it */
	uint32_t buf_bytes;
	/* what came of it */
	uint64_t moved;		/* bytes that are done; with CHORE_DIFFERS, where */
	bool failed_reading;	/* the error is @from's */
	/* chore.c's */
	struct chores *all;
	void (*done)(struct chore *c, void *owner, int rc);
	void *owner;
	bool running;
	uint64_t took_us;
	struct worker_job job;
	struct list link;
};

/* All that run or wait. */
struct chores {
	struct worker *worker;
	struct list running;
	struct list waiting;
};

void chores_init(struct chores *all);
/* The worker is gone, and with it all its jobs. */
void chores_fini(struct chores *all);

/* Would reading (@writes: writing) these bytes now meet a chore that runs? */
bool chores_meet(const struct chores *all, const struct lun *l, uint64_t off, uint64_t len,
		 bool writes);

/*
 * A chore with a buffer of @buf_bytes; zero otherwise. Returns NULL: out of memory, or all chores
 * together hold too much.
 */
struct chore *chore_new(uint32_t buf_bytes);
/* One that does not run or wait. chore_free(NULL) is legal. */
void chore_free(struct chore *c);

/* Carry it out; then @done, later on the loop, with @owner and what run() returned. */
void chore_start(struct chores *all, struct chore *c,
		 void (*done)(struct chore *c, void *owner, int rc), void *owner);

/* Nobody waits for it any more: it is freed, once it is off its thread. */
void chore_forget(struct chore *c);

/*
 * What run may be. Those that use the buffer begin at its first byte; the range is as long as what
 * is in it, but where it says otherwise.
 */
/* @from into the buffer. */
int chore_read(struct chore *c);
/* The buffer to @to. */
int chore_write(struct chore *c);
/* And it is read back. */
int chore_write_verify(struct chore *c);
/* What is there, or'ed with the buffer. */
int chore_or(struct chore *c);
/* Is @from what the buffer has? */
int chore_compare(struct chore *c);
/* Is @from, which is longer, the buffer's whole content over and over? CHORE_BUFFER at a time. */
int chore_compare_same(struct chore *c);
/* @to, which is longer, becomes that. Likewise. */
int chore_write_same(struct chore *c);
/* Is @to what the first half of the buffer has? Then it becomes the second half. */
int chore_compare_write(struct chore *c);
/* @from to @to, as much as the buffer holds; a hole becomes one. */
int chore_copy(struct chore *c);
/* @to reads as zeros. */
int chore_zero(struct chore *c);
/* The disk of @to is flushed. */
int chore_flush(struct chore *c);

#endif
