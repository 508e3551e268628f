/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers, calls and hooks of a loop. The one hard thing: what runs may take away whatever is to run
 * next; so nothing is walked, and the first one left is looked up each time.
 */
#include "agenda.h"

#include "iscsifs/check.h"

void agenda_init(struct agenda *a, mono_ms now)
{
	a->now = now;
	list_init(&a->timers);
	list_init(&a->calls);
	list_init(&a->hooks);
}

void agenda_wake(struct agenda *a, mono_ms now, mono_ms due)
{
	a->now = now;
	if (now - due < LOOP_PAUSE_MS)
		return;
	a->pauses += now - due;
	for (unsigned i = 0; i < AGENDA_PAUSES && now - due >= (span_ms)LOOP_PAUSE_MS << i; i++)
		a->awake_since[i] = now;
}

mono_ms loop_awake_since(struct loop *l, span_ms span)
{
	unsigned i = 0;

	while (i < AGENDA_PAUSES - 1 && (span_ms)LOOP_PAUSE_MS << i < span / 4)
		i++;
	return loop_agenda(l)->awake_since[i];
}

span_ms loop_pauses(struct loop *l)
{
	return loop_agenda(l)->pauses;
}

bool agenda_is_empty(const struct agenda *a)
{
	return list_empty(&a->timers) && list_empty(&a->calls) && list_empty(&a->hooks);
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
	list_each(other, &loop_agenda(t->loop)->timers, link) {
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
		list_append(&loop_agenda(l)->calls, &c->link);
}

void loop_call_cancel(struct loop_call *c)
{
	list_del(&c->link);
}

void loop_hook_add(struct loop *l, struct loop_hook *h, void (*run)(struct loop_hook *))
{
	h->run = run;
	list_init(&h->link);
	list_append(&loop_agenda(l)->hooks, &h->link);
}

void loop_hook_del(struct loop_hook *h)
{
	list_del(&h->link);
}

span_ms agenda_sleep(const struct agenda *a, span_ms wait)
{
	const struct loop_timer *t = list_first(&a->timers, struct loop_timer, link);

	if (!list_empty(&a->calls))
		return 0;
	if (t && (wait < 0 || t->when - a->now < wait))
		wait = MAX(t->when - a->now, 0);
	return wait;
}

static void agenda_run_timers(struct agenda *a)
{
	struct loop_timer *t;

	while ((t = list_first(&a->timers, struct loop_timer, link)) && t->when <= a->now) {
		loop_timer_stop(t);
		t->fire(t);
	}
}

/* Calls that a call defers wait for the next round, so that none can starve the descriptors. */
static void agenda_run_calls(struct agenda *a)
{
	struct list batch = LIST_INIT(batch);
	struct loop_call *c;

	while ((c = list_first(&a->calls, struct loop_call, link)))
		list_move(&batch, &c->link);
	while ((c = list_first(&batch, struct loop_call, link))) {
		list_del(&c->link);
		c->run(c);
	}
}

static void agenda_run_hooks(struct agenda *a)
{
	struct list batch = LIST_INIT(batch);
	struct loop_hook *h;

	while ((h = list_first(&a->hooks, struct loop_hook, link)))
		list_move(&batch, &h->link);
	while ((h = list_first(&batch, struct loop_hook, link))) {
		list_move(&a->hooks, &h->link);
		h->run(h);
	}
}

void agenda_run(struct agenda *a)
{
	agenda_run_timers(a);
	agenda_run_calls(a);
	agenda_run_hooks(a);
	agenda_run_calls(a);
}
