/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a loop has to do and when, apart from descriptors: timers, deferred calls, hooks. The real
 * loop and the one of simulations share it, so that both run things in the same order.
 *
 * It implements loop_timer_*(), loop_call_*(), loop_defer() and loop_hook_*() of loop.h.
 */
#ifndef ISCSIFS_BASE_AGENDA_H
#define ISCSIFS_BASE_AGENDA_H

#include "iscsifs/loop.h"

enum { AGENDA_PAUSES = 20 };

struct agenda {
	mono_ms now;
	mono_ms awake_since[AGENDA_PAUSES];	/* since a pause of LOOP_PAUSE_MS << i at least */
	span_ms pauses;
	struct list timers;		/* by when, soonest first */
	struct list calls;
	struct list hooks;
};

/* Each implementation of loop.h has one. */
struct agenda *loop_agenda(struct loop *l);

void agenda_init(struct agenda *a, mono_ms now);
bool agenda_is_empty(const struct agenda *a);

/* It is @now, and should have been @due at the latest: is that a pause? */
void agenda_wake(struct agenda *a, mono_ms now, mono_ms due);

/* How long a loop may sleep that wants to sleep for @wait (< 0: for ever). < 0: for ever. */
span_ms agenda_sleep(const struct agenda *a, span_ms wait);

/* The rest of a turn: timers that are due at a->now, calls, hooks, calls. */
void agenda_run(struct agenda *a);

#endif
