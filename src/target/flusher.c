/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flushes. The one hard thing: one that already runs may have begun before the asker's write, so it
 * never counts for him.
 */
#include "target/flusher.h"

#include "iscsifs/check.h"

static int flusher_run(struct worker_job *j)
{
	struct flusher *f = container_of(j, struct flusher, job);

	return disk_flush(f->disk);
}

static void flusher_start(struct flusher *f)
{
	struct flush_wait *w;

	while ((w = list_first(&f->waiting, struct flush_wait, link)))
		list_move(&f->served, &w->link);
	f->running = true;
	worker_submit(f->worker, &f->job);
}

static void flusher_done(struct worker_job *j)
{
	struct flusher *f = container_of(j, struct flusher, job);
	struct flush_wait *w;

	/* Who asks from within done waits for the flush after this one. */
	while ((w = list_first(&f->served, struct flush_wait, link))) {
		list_del(&w->link);
		w->done(w, j->rc);
	}
	f->running = false;
	if (!list_empty(&f->waiting))
		flusher_start(f);
}

void flusher_init(struct flusher *f, struct disk *d)
{
	*f = (struct flusher){ .disk = d, .job = { .run = flusher_run, .done = flusher_done } };
	list_init(&f->served);
	list_init(&f->waiting);
	list_init(&f->job.link);
}

void flusher_ask(struct flusher *f, struct worker *worker, struct flush_wait *w)
{
	f->worker = worker;
	list_append(&f->waiting, &w->link);
	if (!f->running)
		flusher_start(f);
}
