/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a request to a LUN meets: passed, held or failed. A table, one gate for each LUN, so that a
 * LUN which is slow to come back holds no other. No clock and no I/O; the owner carries the action
 * bits out, in bit order.
 *
 * An outage begins when the gate leaves OPEN and ends when a command completes on TRIAL: a target
 * that drops us after each login has not come back, and the replacement timer of the first loss
 * runs on.
 */
#ifndef ISCSIFS_GATE_H
#define ISCSIFS_GATE_H

#include <stdbool.h>
#include <stdio.h>

enum gate_state {
	GATE_NONE = 0,
	GATE_SHUT,		/* the LUN was never ready, or is closed: requests fail */
	GATE_OPEN,		/* requests pass */
	GATE_HOLD,		/* an outage: requests wait, the replacement timer runs */
	GATE_TRIAL,		/* the LUN is back; requests pass, nothing has completed yet */
	GATE_FAIL,		/* the outage outlasted replacement_timeout: requests fail at once */
	GATE_STATES
};

enum gate_event {
	GATE_EV_READY,		/* the LUN was probed and is ready */
	GATE_EV_LOST,		/* its link is lost, or it is not ready any more */
	GATE_EV_PROGRESS,	/* a command completed, or there was none waiting */
	GATE_EV_EXPIRED,	/* the replacement timer ran out */
	GATE_EV_CLOSE,		/* gone, barred or unmounted */
	GATE_EVENTS
};

enum {
	GATE_DO_HOLD = 1 << 0,		/* commands on a lost wire go back to the queue */
	GATE_DO_TIMER = 1 << 1,		/* the outage began, unless it had: run its timer */
	GATE_DO_STOP = 1 << 2,		/* the outage is over: stop its timer */
	GATE_DO_FAIL = 1 << 3,		/* answer everything waiting or unanswered: EIO */
	GATE_DO_PUMP = 1 << 4,		/* send what waits */
};

struct gate {
	enum gate_state state;
	unsigned counts[GATE_STATES][GATE_EVENTS];
};

void gate_init(struct gate *g);

/* Take @ev. Returns the action bits; 0 for a pair without a row. */
unsigned gate_step(struct gate *g, enum gate_event ev);

static inline bool gate_passes(const struct gate *g)
{
	return g->state == GATE_OPEN || g->state == GATE_TRIAL;
}

static inline bool gate_holds(const struct gate *g)
{
	return g->state == GATE_HOLD;
}

const char *gate_state_name(enum gate_state s);
const char *gate_event_name(enum gate_event ev);
void gate_print(FILE *f);

#endif
