/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is done about a command that is late: a table, one ladder for each session. No clock and no
 * I/O; the owner carries the action bits out, in bit order.
 *
 * The rungs are open-iscsi's, each harder than the one before: ABORT TASK, LOGICAL UNIT RESET, TARGET
 * WARM RESET (RFC 7143 11.5.1), and the connection cut. A ladder is climbed for one command, the
 * oldest; up to the reset of the target it holds the requests of that command's LUN and no others.
 */
#ifndef ISCSIFS_LADDER_H
#define ISCSIFS_LADDER_H

#include <stdio.h>

enum ladder_state {
	LADDER_NONE = 0,
	LADDER_IDLE,		/* nothing is late */
	LADDER_ABORT,		/* ABORT TASK is asked for */
	LADDER_LUN_RESET,	/* LOGICAL UNIT RESET is */
	LADDER_TARGET_RESET,	/* TARGET WARM RESET is */
	LADDER_STATES
};

enum ladder_event {
	LADDER_EV_LATE,		/* a command is */
	LADDER_EV_DONE,		/* the function was carried out: what it ends does not run any more */
	LADDER_EV_NEXT,		/* as DONE, and another command of the same LUN is late */
	LADDER_EV_REFUSED,	/* the target does not do it */
	LADDER_EV_EXPIRED,	/* no answer within the time of this rung */
	LADDER_EV_STUCK,	/* it cannot be sent: what was queued before it does not leave */
	LADDER_EV_ANSWERED,	/* the late command was, after all */
	LADDER_EV_LOST,		/* the link is, or it is being closed */
	LADDER_EVENTS
};

/* Carried out lowest bit first. */
enum {
	LADDER_DO_STOP = 1 << 0,	/* the timer of the rung */
	LADDER_DO_TAKE_TASK = 1 << 1,	/* the late command goes back to its queue */
	LADDER_DO_TAKE_LUN = 1 << 2,	/* those of its LUN do */
	LADDER_DO_TAKE_ALL = 1 << 3,	/* those of every LUN do */
	LADDER_DO_HOLD_LUN = 1 << 4,	/* requests of its LUN wait from here on: an outage */
	LADDER_DO_HOLD_ALL = 1 << 5,	/* those of every LUN do */
	LADDER_DO_ABORT = 1 << 6,	/* send it, and time the rung */
	LADDER_DO_LUN_RESET = 1 << 7,
	LADDER_DO_TARGET_RESET = 1 << 8,
	LADDER_DO_RELEASE = 1 << 9,	/* requests pass again, as far as their LUNs are ready */
	LADDER_DO_CUT = 1 << 10,	/* the connection */
};

struct ladder {
	enum ladder_state state;
	unsigned counts[LADDER_STATES][LADDER_EVENTS];
};

void ladder_init(struct ladder *l);

/* Take @ev. Returns the action bits; 0 for a pair without a row. */
unsigned ladder_step(struct ladder *l, enum ladder_event ev);

const char *ladder_state_name(enum ladder_state s);
const char *ladder_event_name(enum ladder_event ev);

/* The table as a diagram for iscsifs-recovery(7). */
void ladder_print(FILE *f);

#endif
