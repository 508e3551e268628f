/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a request meets. The one hard thing: the end of an outage. A login proves nothing; only a
 * completed command does, so TRIAL stands between HOLD and OPEN and a loss on TRIAL goes back to
 * HOLD with the timer of the first loss.
 */
#include "gate.h"

#include "iscsifs/check.h"
#include "table.h"

struct gate_row {
	enum gate_state next;		/* GATE_NONE: no row */
	unsigned actions;
};

static const struct gate_row gate_table[GATE_STATES][GATE_EVENTS] = {
	[GATE_SHUT] = {
		[GATE_EV_READY]    = { GATE_OPEN, GATE_DO_PUMP },
		[GATE_EV_CLOSE]    = { GATE_SHUT, GATE_DO_FAIL },
	},
	[GATE_OPEN] = {
		[GATE_EV_READY]    = { GATE_OPEN, GATE_DO_PUMP },
		[GATE_EV_LOST]     = { GATE_HOLD, GATE_DO_HOLD | GATE_DO_TIMER },
		[GATE_EV_PROGRESS] = { GATE_OPEN, 0 },
		[GATE_EV_CLOSE]    = { GATE_SHUT, GATE_DO_STOP | GATE_DO_FAIL },
	},
	[GATE_HOLD] = {
		[GATE_EV_READY]    = { GATE_TRIAL, GATE_DO_PUMP },
		[GATE_EV_LOST]     = { GATE_HOLD, GATE_DO_HOLD },
		[GATE_EV_EXPIRED]  = { GATE_FAIL, GATE_DO_FAIL },
		[GATE_EV_CLOSE]    = { GATE_SHUT, GATE_DO_STOP | GATE_DO_FAIL },
	},
	[GATE_TRIAL] = {
		[GATE_EV_READY]    = { GATE_TRIAL, GATE_DO_PUMP },
		[GATE_EV_LOST]     = { GATE_HOLD, GATE_DO_HOLD | GATE_DO_TIMER },
		[GATE_EV_PROGRESS] = { GATE_OPEN, GATE_DO_STOP },
		[GATE_EV_EXPIRED]  = { GATE_FAIL, GATE_DO_FAIL },
		[GATE_EV_CLOSE]    = { GATE_SHUT, GATE_DO_STOP | GATE_DO_FAIL },
	},
	[GATE_FAIL] = {
		[GATE_EV_READY]    = { GATE_TRIAL, GATE_DO_PUMP },
		[GATE_EV_LOST]     = { GATE_FAIL, GATE_DO_FAIL },
		/* What we had given up was answered after all: the LUN works. */
		[GATE_EV_PROGRESS] = { GATE_OPEN, GATE_DO_STOP },
		[GATE_EV_CLOSE]    = { GATE_SHUT, GATE_DO_STOP | GATE_DO_FAIL },
	},
};

void gate_init(struct gate *g)
{
	*g = (struct gate){ .state = GATE_SHUT };
}

unsigned gate_step(struct gate *g, enum gate_event ev)
{
	const struct gate_row *row = &gate_table[g->state][ev];

	BUG_ON(g->state == GATE_NONE || ev >= GATE_EVENTS);
	g->counts[g->state][ev]++;
	if (row->next == GATE_NONE)
		return 0;
	g->state = row->next;
	return row->actions;
}

const char *gate_state_name(enum gate_state s)
{
	static const char *const names[GATE_STATES] = {
		[GATE_NONE] = "NONE", [GATE_SHUT] = "SHUT", [GATE_OPEN] = "OPEN",
		[GATE_HOLD] = "HOLD", [GATE_TRIAL] = "TRIAL", [GATE_FAIL] = "FAIL",
	};

	return names[s];
}

const char *gate_event_name(enum gate_event ev)
{
	static const char *const names[GATE_EVENTS] = {
		[GATE_EV_READY] = "ready", [GATE_EV_LOST] = "lost",
		[GATE_EV_PROGRESS] = "progress", [GATE_EV_EXPIRED] = "expired",
		[GATE_EV_CLOSE] = "close",
	};

	return names[ev];
}

void gate_print(FILE *f)
{
	static const char *const actions[] = {
		"hold", "timer", "stop", "fail", "pump", NULL,
	};
	static const struct table_style style = { 6, 9, actions };

	for (enum gate_state s = GATE_SHUT; s < GATE_STATES; s++) {
		for (enum gate_event ev = 0; ev < GATE_EVENTS; ev++) {
			const struct gate_row *row = &gate_table[s][ev];

			if (row->next != GATE_NONE)
				table_print_row(&style, f, gate_state_name(s), gate_event_name(ev),
						gate_state_name(row->next), row->actions);
		}
	}
}
