/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many at once read, write and flush one disk. The one hard thing: the model must hear of a request
 * before it is asked and after it is answered, never the other way round; so the lock is held while
 * the model is told, and never while the disk is asked.
 */
#include "config.h"

#include "history_run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "history_unit.h"
#include "iscsifs/check.h"

enum {
	BUFFER_ALIGN = 4096,
	SHIFTS = 8,			/* of a buffer, by 512 bytes: memory need not be aligned */
	STABLE_UNITS = 64,		/* looked at in one go */
	STABLE_GOES = 32,		/* after each flush */
	STABLE_TRIES = 50,		/* while the target writes just there */
};

struct worker {
	struct history *h;
	unsigned number;		/* from 1 */
	uint64_t chance;
	int fd;
	bool durable;			/* O_DSYNC */
	uint8_t *buf;
	uint64_t *ids;			/* of what was read */
};

/* --- saying what is wrong ----------------------------------------------------------------- */

static void tell_write(const struct history *h, uint64_t id)
{
	const struct history_note *n = &h->notes[id % HISTORY_NOTES];

	if (!id || n->id != id)
		return;
	fprintf(stderr, ": units %" PRIu64 "..%" PRIu64 " by worker %u, asked at %" PRIu64,
		n->first, n->first + n->count - 1, n->worker, n->since);
	if (!n->ended)
		fprintf(stderr, ", not answered");
	else
		fprintf(stderr,
			", answered at %" PRIu64 " with %" PRIu64 " of %" PRIu64 " units good",
			n->ended, n->good, n->count);
}

static void tell_unit(const struct history *h, uint64_t unit)
{
	const struct history_unit *u = &h->model.units[unit];

	for (unsigned i = 0; i < u->count; i++) {
		const struct history_value *v = &u->values[i];

		fprintf(stderr, "  known: write %" PRIu64, v->id);
		tell_write(h, v->id);
		if (v->gone)
			fprintf(stderr, ", gone at %" PRIu64 "%s", v->gone,
				v->dead ? " for good" : "");
		fprintf(stderr, "\n");
	}
	fprintf(stderr,
		"  now %" PRIu64 ", flushed up to %" PRIu64 ", cache lost up to %" PRIu64 "%s\n",
		h->model.event, h->model.flushed, h->model.lost,
		h->model.losing ? ", being lost" : "");
}

/* The lock is held. */
static _Noreturn __attribute__((format(printf, 2, 3))) void broken(const struct history *h,
								   const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "history: FAILED: ");
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n  again: %s\n", h->again);
	_exit(1);
}

static _Noreturn void broken_unit(const struct history *h, const struct history_op *op,
				  const char *where, uint64_t unit, uint64_t id)
{
	fprintf(stderr,
		"history: unit %" PRIu64 " (byte %" PRIu64 "), a look from %" PRIu64
		" on found write %" PRIu64,
		unit, h->at_bytes + unit * h->unit_bytes, op->since, id);
	tell_write(h, id);
	fprintf(stderr, "\n");
	tell_unit(h, unit);
	broken(h, "%s holds what it must not hold", where);
}

/* --- requests ----------------------------------------------------------------------------- */

static void begin(struct history *h, struct history_op *op)
{
	pthread_mutex_lock(&h->lock);
	history_begin(&h->model, op);
	pthread_mutex_unlock(&h->lock);
}

static void end(struct history *h, struct history_op *op)
{
	pthread_mutex_lock(&h->lock);
	history_end(op);
	pthread_mutex_unlock(&h->lock);
}

/* The lock is held. */
static void count_answer(struct history *h, const char *what, ssize_t rc, int error, mono_ms since)
{
	h->slowest = MAX(h->slowest, clock_mono_ms() - since);
	if (rc >= 0)
		return;
	h->errors++;
	if (!h->errors_allowed || error != EIO)
		broken(h, "%s: %s", what, strerror(error));
}

static void do_write(struct worker *w, uint64_t first, uint64_t count)
{
	struct history *h = w->h;
	struct history_op op = { .first = first, .count = count, .durable = w->durable };
	size_t len = count * h->unit_bytes;
	uint8_t *buf = w->buf + history_chance(&w->chance) % SHIFTS * 512;
	struct history_note *note;
	mono_ms since = clock_mono_ms();
	ssize_t rc;

	pthread_mutex_lock(&h->lock);
	op.id = ++h->next_id;
	history_begin_write(&h->model, &op);
	note = &h->notes[op.id % HISTORY_NOTES];
	*note = (struct history_note){
		.id = op.id, .first = first, .count = count, .since = op.since, .worker = w->number
	};
	pthread_mutex_unlock(&h->lock);
	for (uint64_t i = 0; i < count; i++)
		history_unit_fill(buf + i * h->unit_bytes, h->unit_bytes, h->seed, first + i,
				  op.id);
	rc = pwrite(w->fd, buf, len, h->at_bytes + first * h->unit_bytes);
	pthread_mutex_lock(&h->lock);
	count_answer(h, "write", rc, errno, since);
	h->writes++;
	h->bytes += MAX(rc, 0);
	if (rc >= 0 && (size_t)rc != len && !h->errors_allowed)
		broken(h, "write: %zd bytes of %zu", rc, len);
	history_wrote(&h->model, &op, MAX(rc, 0) / h->unit_bytes);
	if (note->id == op.id) {
		note->ended = h->model.event;
		note->good = MAX(rc, 0) / h->unit_bytes;
	}
	history_end(&op);
	pthread_mutex_unlock(&h->lock);
}

/* Which writes the units at @buf are from; @where for the report. */
static void parse_units(struct history *h, const uint8_t *buf, uint64_t first, uint64_t count,
			const char *where, uint64_t *ids)
{
	char why[160];

	for (uint64_t i = 0; i < count; i++) {
		if (history_unit_parse(buf + i * h->unit_bytes, h->unit_bytes, h->seed, first + i,
				       &ids[i], why, sizeof(why)))
			continue;
		pthread_mutex_lock(&h->lock);
		tell_unit(h, first + i);
		broken(h, "%s, unit %" PRIu64 " is %s", where, first + i, why);
	}
}

static void do_read(struct worker *w, uint64_t first, uint64_t count)
{
	struct history *h = w->h;
	struct history_op op = { .first = first, .count = count };
	size_t len = count * h->unit_bytes;
	uint8_t *buf = w->buf + history_chance(&w->chance) % SHIFTS * 512;
	mono_ms since = clock_mono_ms();
	ssize_t rc;

	begin(h, &op);
	rc = pread(w->fd, buf, len, h->at_bytes + first * h->unit_bytes);
	pthread_mutex_lock(&h->lock);
	count_answer(h, "read", rc, errno, since);
	h->reads++;
	h->bytes += MAX(rc, 0);
	if (rc >= 0 && (size_t)rc != len && !h->errors_allowed)
		broken(h, "read: %zd bytes of %zu", rc, len);
	pthread_mutex_unlock(&h->lock);
	count = MAX(rc, 0) / h->unit_bytes;
	parse_units(h, buf, first, count, h->path, w->ids);
	pthread_mutex_lock(&h->lock);
	for (uint64_t i = 0; i < count; i++) {
		if (!history_allows(&h->model, &op, first + i, w->ids[i]) ||
		    !history_saw(&h->model, &op, first + i, w->ids[i]))
			broken_unit(h, &op, h->path, first + i, w->ids[i]);
	}
	history_end(&op);
	pthread_mutex_unlock(&h->lock);
}

static bool is_whole(const struct history *h, const uint8_t *buf, uint64_t first, uint64_t count)
{
	char why[160];
	uint64_t id;

	for (uint64_t i = 0; i < count; i++) {
		if (!history_unit_parse(buf + i * h->unit_bytes, h->unit_bytes, h->seed, first + i,
					&id, why, sizeof(why)))
			return false;
	}
	return true;
}

/* A flush from @op on was good: these units are on stable storage. */
static void check_stable(struct worker *w, const struct history_op *op, uint64_t first,
			 uint64_t count)
{
	struct history *h = w->h;
	size_t len = count * h->unit_bytes;

	for (int i = 0; i < STABLE_TRIES; i++) {
		if (pread(h->stable_fd, w->buf, len, h->at_bytes + first * h->unit_bytes) !=
		    (ssize_t)len) {
			pthread_mutex_lock(&h->lock);
			broken(h, "%s cannot be read", h->stable);
		}
		if (is_whole(h, w->buf, first, count))
			break;
	}
	parse_units(h, w->buf, first, count, h->stable, w->ids);
	pthread_mutex_lock(&h->lock);
	h->looks += count;
	for (uint64_t i = 0; i < count; i++) {
		if (!history_allows(&h->model, op, first + i, w->ids[i]))
			broken_unit(h, op, h->stable, first + i, w->ids[i]);
	}
	pthread_mutex_unlock(&h->lock);
}

/* As much of stable storage as is not too much, from @first on and round. */
static void check_stable_around(struct worker *w, const struct history_op *op, uint64_t first)
{
	uint64_t units = w->h->units;

	for (uint64_t n = 0; n < MIN(units, STABLE_GOES * STABLE_UNITS); n += STABLE_UNITS) {
		uint64_t at = (first + n) % units;

		check_stable(w, op, at, MIN(STABLE_UNITS, units - at));
	}
}

static void do_flush(struct worker *w, uint64_t first)
{
	struct history *h = w->h;
	struct history_op op = { 0 };
	mono_ms since = clock_mono_ms();
	bool counts;
	int rc;

	begin(h, &op);
	rc = fsync(w->fd);
	pthread_mutex_lock(&h->lock);
	count_answer(h, "fsync", rc, errno, since);
	h->flushes++;
	counts = rc == 0 && history_flushed(&h->model, &op);
	pthread_mutex_unlock(&h->lock);
	if (counts && h->stable)
		check_stable_around(w, &op, first);
	end(h, &op);
}

/* --- workers ------------------------------------------------------------------------------ */

static uint64_t below(struct worker *w, uint64_t n)
{
	return history_chance(&w->chance) % n;
}

/* Small ones often, large ones sometimes; half of them in an eighth of the disk. */
static void choose_range(struct worker *w, uint64_t *first, uint64_t *count)
{
	const struct history *h = w->h;
	uint64_t room = below(w, 2) ? MAX(h->units / 8, 1) : h->units;
	uint64_t bits = 1;

	while ((UINT64_C(1) << bits) <= (uint64_t)h->max_units)
		bits++;
	*count = 1 + below(w, UINT64_C(1) << below(w, bits));
	*count = MIN(*count, MIN((uint64_t)h->max_units, room));
	*first = below(w, room - *count + 1);
}

static void do_something(struct worker *w)
{
	int64_t percent = (int64_t)below(w, 100);
	uint64_t first, count;

	choose_range(w, &first, &count);
	if (percent < w->h->flush_percent)
		do_flush(w, first);
	else if (percent < w->h->flush_percent + w->h->read_percent)
		do_read(w, first, count);
	else
		do_write(w, first, count);
}

/* Returns whether to go on. */
static bool rest(struct history *h)
{
	struct timespec until;
	bool stop;

	pthread_mutex_lock(&h->lock);
	if (h->pause_ms && !h->stop) {
		mono_ms at = clock_mono_ms() + h->pause_ms;

		until = (struct timespec){ .tv_sec = at / 1000, .tv_nsec = at % 1000 * 1000000 };
		pthread_cond_timedwait(&h->stopped, &h->lock, &until);
	}
	stop = h->stop;
	pthread_mutex_unlock(&h->lock);
	return !stop;
}

static void worker_open(struct worker *w, struct history *h, unsigned number, int flags)
{
	*w = (struct worker){ .h = h, .number = number, .chance = h->seed * 1000 + number };
	w->durable = flags & O_DSYNC;
	w->fd = open(h->path, flags | O_CLOEXEC);
	w->ids = calloc(h->max_units + STABLE_UNITS, sizeof(*w->ids));
	if (w->fd < 0 || !w->ids ||
	    posix_memalign((void **)&w->buf, BUFFER_ALIGN,
			   (h->max_units + STABLE_UNITS) * h->unit_bytes + SHIFTS * 512) != 0) {
		pthread_mutex_lock(&h->lock);
		broken(h, "%s: %s", h->path, strerror(errno));
	}
}

static void worker_close(struct worker *w)
{
	close(w->fd);
	free(w->ids);
	free(w->buf);
}

static void *work(void *arg)
{
	static const int flags[] = {
		O_RDWR,
		O_RDWR | O_DIRECT,
		O_RDWR | O_DSYNC,
		O_RDWR | O_DIRECT,
		O_RDWR,
		O_RDWR | O_DIRECT,
		O_RDWR | O_DSYNC | O_DIRECT,
		O_RDWR,
	};
	struct worker *w = arg;
	struct history *h = w->h;
	bool last;

	worker_open(w, h, w->number,
		    flags[w->number % ARRAY_SIZE(flags)] & (h->no_dsync ? ~O_DSYNC : ~0));
	for (int64_t n = 0; !h->ops || n < h->ops; n++) {
		if (!rest(h))
			break;
		do_something(w);
	}
	worker_close(w);
	free(w);
	pthread_mutex_lock(&h->lock);
	last = --h->working == 0;
	pthread_mutex_unlock(&h->lock);
	if (last)
		pthread_kill(h->main, HISTORY_DONE);
	return NULL;
}

void history_start(struct history *h, pthread_t *workers)
{
	h->working = h->threads;
	for (int64_t i = 0; i < h->threads; i++) {
		struct worker *w = calloc(1, sizeof(*w));

		BUG_ON(!w);
		w->h = h;
		w->number = (unsigned)i + 1;
		BUG_ON(pthread_create(&workers[i], NULL, work, w) != 0);
	}
}

void history_stop(struct history *h)
{
	pthread_mutex_lock(&h->lock);
	h->stop = true;
	pthread_cond_broadcast(&h->stopped);
	pthread_mutex_unlock(&h->lock);
}

static void read_all(struct history *h, int flags)
{
	struct worker w;

	worker_open(&w, h, 0, flags);
	for (uint64_t at = 0; at < (uint64_t)h->units; at += h->max_units)
		do_read(&w, at, MIN((uint64_t)h->max_units, h->units - at));
	worker_close(&w);
}

void history_check_all(struct history *h)
{
	struct history_op op = { 0 };
	struct worker w;
	bool counts;

	read_all(h, O_RDWR | O_DIRECT);
	worker_open(&w, h, 0, O_RDWR);
	begin(h, &op);
	if (fsync(w.fd) != 0)
		broken(h, "the last fsync: %s", strerror(errno));
	counts = history_flushed(&h->model, &op);
	for (uint64_t at = 0; counts && h->stable && at < (uint64_t)h->units; at += h->max_units)
		check_stable(&w, &op, at, MIN((uint64_t)h->max_units, h->units - at));
	end(h, &op);
	worker_close(&w);
	read_all(h, O_RDONLY);
}
