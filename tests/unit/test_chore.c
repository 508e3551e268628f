/* SPDX-License-Identifier: BSD-2-Clause */
/* Chores on real threads, over a disk whose calls stand still until they are let go. */
#include "unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "target/chore.h"

enum { BLOCK = 512, SIZE = 1 << 16, BYTE_CALLS = 32 };

/* A disk that counts who is in it, and keeps them until the gate is opened. */
struct gate {
	struct disk d;
	uint8_t bytes[SIZE];
	pthread_mutex_t lock;
	pthread_cond_t moved;
	bool open;
	unsigned inside;
};

static struct gate *gate_of(struct disk *d)
{
	return container_of(d, struct gate, d);
}

static void gate_pass(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->inside++;
	pthread_cond_broadcast(&g->moved);
	while (!g->open)
		pthread_cond_wait(&g->moved, &g->lock);
	g->inside--;
	pthread_cond_broadcast(&g->moved);
	pthread_mutex_unlock(&g->lock);
}

static int gate_read(struct disk *d, uint64_t off, void *buf, size_t len)
{
	gate_pass(gate_of(d));
	memcpy(buf, gate_of(d)->bytes + off, len);
	return 0;
}

static int gate_write(struct disk *d, uint64_t off, const void *buf, size_t len)
{
	gate_pass(gate_of(d));
	memcpy(gate_of(d)->bytes + off, buf, len);
	return 0;
}

static const struct disk_ops gate_ops = { .name = "gate", .read = gate_read, .write = gate_write };

/* Until @n calls stand at the gate; others would have come by then, were they let. */
static void gate_wait(struct gate *g, unsigned n)
{
	pthread_mutex_lock(&g->lock);
	while (g->inside < n)
		pthread_cond_wait(&g->moved, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

static void gate_set(struct gate *g, bool open)
{
	pthread_mutex_lock(&g->lock);
	g->open = open;
	pthread_cond_broadcast(&g->moved);
	pthread_mutex_unlock(&g->lock);
}

struct bench {
	struct loop *loop;
	struct worker *worker;
	struct chores all;
	struct gate gate;
	struct lun lun, other;
	char order[BYTE_CALLS];		/* names of chores, as they ended */
	unsigned ended;
};

static int bench_set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_int_equal(loop_new(&b->loop), 0);
	assert_int_equal(worker_new(&b->worker, b->loop), 0);
	chores_init(&b->all);
	b->all.worker = b->worker;
	b->gate.d.ops = &gate_ops;
	b->gate.d.size = SIZE;
	pthread_mutex_init(&b->gate.lock, NULL);
	pthread_cond_init(&b->gate.moved, NULL);
	b->lun.disk = b->other.disk = &b->gate.d;
	*state = b;
	return 0;
}

static int bench_tear_down(void **state)
{
	struct bench *b = *state;

	gate_set(&b->gate, true);
	worker_free(b->worker);
	chores_fini(&b->all);
	loop_free(b->loop);
	free(b);
	return 0;
}

struct named {
	struct bench *b;
	char name;
};

static void chore_ended(struct chore *c, void *owner, int rc)
{
	struct named *n = owner;

	assert_int_equal(rc, 0);
	n->b->order[n->b->ended++] = n->name;
	free(n);
	chore_free(c);
}

static struct chore *chore_at(struct bench *b, char name, int (*run)(struct chore *),
			      struct lun *lun, uint64_t off, uint32_t len)
{
	struct chore *c = chore_new(len);
	struct named *n = malloc(sizeof(*n));
	struct chore_range r = { lun, off, len };

	*n = (struct named){ b, name };
	memset(c->buf, name, len);
	c->run = run;
	if (run == chore_read)
		c->from = r;
	else
		c->to = r;
	chore_start(&b->all, c, chore_ended, n);
	return c;
}

static void bench_run(struct bench *b, unsigned ended)
{
	gate_set(&b->gate, true);
	while (b->ended < ended)
		assert_int_equal(loop_turn(b->loop, 1000), 0);
}

static void two_that_meet_go_one_after_the_other(void **state)
{
	struct bench *b = *state;

	chore_at(b, 'a', chore_write, &b->lun, 0, 1024);
	chore_at(b, 'b', chore_write, &b->lun, 512, 1024);	/* waits for a */
	chore_at(b, 'c', chore_read, &b->lun, 1024, 1024);	/* for b, though not for a */
	chore_at(b, 'd', chore_write, &b->lun, 8192, 512);
	chore_at(b, 'e', chore_read, &b->other, 0, 1024);	/* another unit */
	gate_wait(&b->gate, 4);
	assert_int_equal(b->gate.inside, 4);		/* a, c, d, e: b is the one that waits */
	assert_int_equal(b->lun.busy, 3);
	assert_int_equal(b->other.busy, 1);
	bench_run(b, 5);
	assert_non_null(strchr(b->order, 'b'));
	assert_true(strchr(b->order, 'a') < strchr(b->order, 'b'));
	assert_int_equal(b->gate.bytes[512], 'b');
	assert_int_equal(b->lun.busy, 0);
}

static void readers_meet_without_waiting(void **state)
{
	struct bench *b = *state;

	chore_at(b, 'a', chore_read, &b->lun, 0, 1024);
	chore_at(b, 'b', chore_read, &b->lun, 0, 1024);
	gate_wait(&b->gate, 2);
	chore_at(b, 'w', chore_write, &b->lun, 1023, 1);
	assert_true(chores_meet(&b->all, &b->lun, 0, 512, true));
	assert_false(chores_meet(&b->all, &b->lun, 0, 512, false));
	assert_false(chores_meet(&b->all, &b->lun, 1024, 512, true));
	assert_false(chores_meet(&b->all, &b->other, 0, 512, true));
	bench_run(b, 3);
	assert_int_equal(b->order[2], 'w');
}

/* What was aborted runs on; who comes after it waits for it all the same. */
static void one_that_nobody_waits_for_keeps_its_bytes(void **state)
{
	struct bench *b = *state;
	struct chore *old = chore_at(b, 'o', chore_write, &b->lun, 0, 1024);
	struct named *who = old->owner;

	gate_wait(&b->gate, 1);
	chore_forget(old);
	free(who);
	assert_true(chores_meet(&b->all, &b->lun, 0, 512, false));
	chore_at(b, 'n', chore_write, &b->lun, 0, 1024);
	assert_int_equal(b->gate.inside, 1);
	bench_run(b, 1);
	assert_int_equal(b->gate.bytes[0], 'n');
	assert_int_equal(b->lun.busy, 0);
}

static void one_that_waits_can_be_taken_back(void **state)
{
	struct bench *b = *state;
	struct chore *second;
	struct named *who;

	chore_at(b, 'a', chore_write, &b->lun, 0, 1024);
	gate_wait(&b->gate, 1);
	second = chore_at(b, 'b', chore_write, &b->lun, 0, 1024);
	who = second->owner;
	chore_forget(second);
	free(who);
	bench_run(b, 1);
	assert_int_equal(b->gate.bytes[0], 'a');
	assert_true(list_empty(&b->all.waiting));
}

static void all_together_hold_so_much_and_no_more(void **state)
{
	struct chore *c[100];
	unsigned n = 0;

	(void)state;
	while (n < ARRAY_SIZE(c) && (c[n] = chore_new(CHORE_BUFFER)))
		n++;
	assert_int_equal(n, 64);
	chore_free(c[--n]);
	c[n] = chore_new(CHORE_BUFFER);
	assert_non_null(c[n++]);
	while (n)
		chore_free(c[--n]);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, bench_set_up, bench_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(two_that_meet_go_one_after_the_other),
		CASE(readers_meet_without_waiting),
		CASE(one_that_nobody_waits_for_keeps_its_bytes),
		CASE(one_that_waits_can_be_taken_back),
		CASE(all_together_hold_so_much_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
