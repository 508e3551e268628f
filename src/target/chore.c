/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chores. The one hard thing is that a chore cannot be taken back from its thread: it outlives
 * task, session and connection, keeps its bytes to itself until it is over, and what all chores
 * hold together has a limit of its own.
 */
#include "target/chore.h"

#include <stdlib.h>

#include "iscsifs/check.h"
#include "iscsifs/clock.h"

enum { CHORE_ALL_MAX = 64 << 20 };	/* bytes in buffers, of everybody */

/* The loop's thread only. */
static uint64_t chore_bytes;

struct chore *chore_new(uint32_t buf_bytes)
{
	struct chore *c;

	if (chore_bytes + buf_bytes > CHORE_ALL_MAX)
		return NULL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	if (buf_bytes && !(c->buf = malloc(buf_bytes))) {
		free(c);
		return NULL;
	}
	c->buf_bytes = buf_bytes;
	chore_bytes += buf_bytes;
	list_init(&c->link);
	return c;
}

void chore_free(struct chore *c)
{
	if (!c)
		return;
	BUG_ON(c->running);
	chore_bytes -= c->buf_bytes;
	list_del(&c->link);
	free(c->buf);
	free(c);
}

void chores_init(struct chores *all)
{
	*all = (struct chores){ 0 };
	list_init(&all->running);
	list_init(&all->waiting);
}

void chores_fini(struct chores *all)
{
	struct chore *c;

	while ((c = list_first(&all->running, struct chore, link))) {
		c->running = false;
		chore_free(c);
	}
	while ((c = list_first(&all->waiting, struct chore, link)))
		chore_free(c);
}

static bool chore_overlaps(const struct chore_range *r, const struct chore_range *s)
{
	return r->lun && r->lun == s->lun && r->off < s->off + s->len && s->off < r->off + r->len;
}

/* Two that only read may meet. */
static bool chore_meets(const struct chore *a, const struct chore *b)
{
	return chore_overlaps(&a->to, &b->to) || chore_overlaps(&a->to, &b->from) ||
	       chore_overlaps(&a->from, &b->to);
}

bool chores_meet(const struct chores *all, const struct lun *l, uint64_t off, uint64_t len,
		 bool writes)
{
	struct chore_range r = { (struct lun *)(uintptr_t)l, off, len };
	const struct chore *c;

	if (!l->busy)
		return false;
	list_each(c, &all->running, link) {
		if (chore_overlaps(&r, &c->to) || (writes && chore_overlaps(&r, &c->from)))
			return true;
	}
	return false;
}

/* Its units are in use, or not any more. */
static void chore_keep(struct chore *c, bool keep)
{
	if (c->to.lun)
		c->to.lun->busy += keep ? 1u : -1u;
	if (c->from.lun)
		c->from.lun->busy += keep ? 1u : -1u;
}

static bool chore_must_wait(const struct chore *c)
{
	const struct chore *o;

	list_each(o, &c->all->running, link) {
		if (chore_meets(c, o))
			return true;
	}
	return false;
}

static int chore_run(struct worker_job *j)
{
	struct chore *c = container_of(j, struct chore, job);
	uint64_t began = clock_mono_us();
	int rc = c->run(c);

	c->took_us = clock_mono_us() - began;
	return rc;
}

static void chore_submit(struct chore *c)
{
	c->running = true;
	chore_keep(c, true);
	list_move(&c->all->running, &c->link);
	worker_submit(c->all->worker, &c->job);
}

static void chore_done(struct worker_job *j)
{
	struct chore *c = container_of(j, struct chore, job), *next, *tmp;
	struct chores *all = c->all;

	c->running = false;
	chore_keep(c, false);
	if (c->run == chore_write)
		disk_took(c->to.lun->disk, c->took_us);
	else if (c->run == chore_read)
		disk_took(c->from.lun->disk, c->took_us);
	list_del(&c->link);
	list_each_safe(next, tmp, &all->waiting, link) {
		if (!chore_must_wait(next))
			chore_submit(next);
	}
	if (c->owner)
		c->done(c, c->owner, j->rc);
	else
		chore_free(c);
}

void chore_start(struct chores *all, struct chore *c,
		 void (*done)(struct chore *c, void *owner, int rc), void *owner)
{
	c->all = all;
	c->done = done;
	c->owner = owner;
	c->moved = 0;
	c->failed_reading = false;
	c->job = (struct worker_job){ .run = chore_run, .done = chore_done };
	if (chore_must_wait(c))
		list_append(&all->waiting, &c->link);
	else
		chore_submit(c);
}

void chore_forget(struct chore *c)
{
	c->owner = NULL;
	if (!c->running)
		chore_free(c);
}
