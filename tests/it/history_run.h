/* SPDX-License-Identifier: BSD-2-Clause */
/* Many at once read, write and flush one disk, and what they find is held against the model. */
#ifndef ISCSIFS_HISTORY_RUN_H
#define ISCSIFS_HISTORY_RUN_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "history_model.h"
#include "iscsifs/clock.h"

enum {
	HISTORY_NOTES = 65536,
	HISTORY_DONE = SIGURG,		/* sent to h->main when all workers have ended */
};

/* What a write was: for the report. */
struct history_note {
	uint64_t id, first, count, since, ended, good;
	unsigned worker;
};

struct history {
	/* from the command line */
	const char *path;
	const char *stable;		/* the file below the disk: what is flushed must be in it */
	char again[1024];		/* the command */
	int64_t seed, units, unit_bytes, at_bytes, threads, ops, max_units, pause_ms;
	int64_t read_percent, flush_percent;
	bool errors_allowed;
	bool losing;			/* from the beginning */
	bool hold;			/* wait for SIGTERM when all is done */
	bool no_dsync;			/* nobody uses O_DSYNC */

	pthread_t main;
	int stable_fd;
	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t stopped;
	struct history_model model;
	struct history_note notes[HISTORY_NOTES];
	uint64_t next_id;
	bool stop;
	int64_t working;
	uint64_t reads, writes, flushes, errors, bytes, looks, losses;
	span_ms slowest;
};

/* Start h->threads workers into @workers; each ends after h->ops operations or history_stop(). */
void history_start(struct history *h, pthread_t *workers);
void history_stop(struct history *h);

/* Nobody works: flush, read all through the front door and look at all of stable storage. */
void history_check_all(struct history *h);

#endif
