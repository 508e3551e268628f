/* SPDX-License-Identifier: BSD-2-Clause */
/* loop.h in virtual time, without descriptors; in the order of the real one, whose agenda it has. */
#include <stdlib.h>

#include "base/agenda.h"
#include "iscsifs/check.h"
#include "sim.h"

struct loop {
	struct agenda agenda;
};

int loop_new(struct loop **out)
{
	struct loop *l = calloc(1, sizeof(*l));

	BUG_ON(!l);
	agenda_init(&l->agenda, sim_now());
	*out = l;
	return 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	BUG_ON(!agenda_is_empty(&l->agenda));
	free(l);
}

mono_ms loop_now(const struct loop *l)
{
	return l->agenda.now;
}

struct agenda *loop_agenda(struct loop *l)
{
	return &l->agenda;
}

void sim_pause(struct sim *s, span_ms span)
{
	struct agenda *a = &s->loop->agenda;

	agenda_wake(a, a->now + span, a->now);
	sim_clock_set(a->now);
	s->settings_changed = a->now;	/* nobody's budget counts it */
}

int loop_turn(struct loop *l, span_ms wait)
{
	struct agenda *a = &l->agenda;

	a->now += agenda_sleep(a, wait);
	sim_clock_set(a->now);
	agenda_run(a);
	return 0;
}
