/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flushes of one disk, away from the loop's thread and shared: all who ask while one runs wait
 * for the next, which serves them all.
 */
#ifndef ISCSIFS_TARGET_FLUSHER_H
#define ISCSIFS_TARGET_FLUSHER_H

#include "target/disk.h"
#include "target/worker.h"

/* Somebody who waits. The caller's memory until done runs or flusher_forget(). */
struct flush_wait {
	void (*done)(struct flush_wait *f, int rc);	/* rc as disk_flush() */
	struct list link;
};

struct flusher {
	struct disk *disk;
	struct worker *worker;
	struct worker_job job;
	bool running;
	struct list served;		/* by the flush that runs */
	struct list waiting;		/* for the next */
};

void flusher_init(struct flusher *f, struct disk *d);

/* Flush what was written until now, then @w->done, later in the loop. */
void flusher_ask(struct flusher *f, struct worker *worker, struct flush_wait *w);

/* @w's owner does not wait any more; the flush itself goes on. */
static inline void flusher_forget(struct flush_wait *w)
{
	list_del(&w->link);
}

#endif
