/* SPDX-License-Identifier: BSD-2-Clause */
/* A few threads for calls that sleep, so that the loop's thread never does. */
#ifndef ISCSIFS_TARGET_WORKER_H
#define ISCSIFS_TARGET_WORKER_H

#include "iscsifs/list.h"
#include "iscsifs/loop.h"

struct worker;

/* The caller's memory, untouched by it from worker_submit() until done runs. */
struct worker_job {
	int (*run)(struct worker_job *j);	/* on a thread of the worker's */
	void (*done)(struct worker_job *j);	/* on the loop's, j->rc is what run returned */
	int rc;
	struct list link;
};

/* Returns 0 or -errno. Signals must be blocked already: the threads take none. */
int worker_new(struct worker **out, struct loop *l);

void worker_submit(struct worker *w, struct worker_job *j);

/* Waits for what runs; what waits is dropped, and no done runs any more. NULL is legal. */
void worker_free(struct worker *w);

#endif
