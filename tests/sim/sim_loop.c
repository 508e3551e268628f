/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loop.h in virtual time, without descriptors. The one hard thing: the order of a turn must be that
 * of the real loop, because who runs first decides what a callback finds.
 */
#include <stdlib.h>

#include "iscsifs/check.h"
#include "sim.h"

struct loop {
	mono_ms now;
	struct list timers;		/* by when, soonest first */
	struct list calls;
	struct list hooks;
};

int loop_new(struct loop **out)
{
	struct loop *l = calloc(1, sizeof(*l));

	BUG_ON(!l);
	list_init(&l->timers);
	list_init(&l->calls);
	list_init(&l->hooks);
	l->now = sim_now();
	*out = l;
	return 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	BUG_ON(!list_empty(&l->timers) || !list_empty(&l->calls) || !list_empty(&l->hooks));
	free(l);
}

mono_ms loop_now(const struct loop *l)
{
	return l->now;
}

void loop_timer_init(struct loop *l, struct loop_timer *t, void (*fire)(struct loop_timer *))
{
	*t = (struct loop_timer){ .loop = l, .when = MONO_NEVER, .fire = fire };
	list_init(&t->link);
}

void loop_timer_set(struct loop_timer *t, mono_ms when)
{
	struct loop_timer *other;

	list_del(&t->link);
	t->when = when;
	if (when == MONO_NEVER)
		return;
	list_each(other, &t->loop->timers, link) {
		if (other->when > when)
			break;
	}
	list_append(&other->link, &t->link);
}

void loop_timer_stop(struct loop_timer *t)
{
	loop_timer_set(t, MONO_NEVER);
}

void loop_call_init(struct loop_call *c, void (*run)(struct loop_call *))
{
	c->run = run;
	list_init(&c->link);
}

void loop_defer(struct loop *l, struct loop_call *c)
{
	if (list_empty(&c->link))
		list_append(&l->calls, &c->link);
}

void loop_call_cancel(struct loop_call *c)
{
	list_del(&c->link);
}

void loop_hook_add(struct loop *l, struct loop_hook *h, void (*run)(struct loop_hook *))
{
	h->run = run;
	list_init(&h->link);
	list_append(&l->hooks, &h->link);
}

void loop_hook_del(struct loop_hook *h)
{
	list_del(&h->link);
}

static void loop_run_timers(struct loop *l)
{
	struct loop_timer *t;

	while ((t = list_first(&l->timers, struct loop_timer, link)) && t->when <= l->now) {
		loop_timer_stop(t);
		t->fire(t);
	}
}

static void loop_run_calls(struct loop *l)
{
	struct list batch = LIST_INIT(batch);
	struct loop_call *c;

	while ((c = list_first(&l->calls, struct loop_call, link)))
		list_move(&batch, &c->link);
	while ((c = list_first(&batch, struct loop_call, link))) {
		list_del(&c->link);
		c->run(c);
	}
}

int loop_turn(struct loop *l, span_ms wait)
{
	const struct loop_timer *t = list_first(&l->timers, struct loop_timer, link);
	struct loop_hook *h, *tmp;
	mono_ms to = l->now + wait;

	if (!list_empty(&l->calls))
		to = l->now;
	else if (t && t->when < to)
		to = MAX(t->when, l->now);
	l->now = to;
	sim_clock_set(to);
	loop_run_timers(l);
	loop_run_calls(l);
	list_each_safe(h, tmp, &l->hooks, link)
		h->run(h);
	loop_run_calls(l);
	return 0;
}
