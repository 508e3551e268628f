/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is done about a late command. The one hard thing: an answer may cross each rung. The late
 * command's own answer ends the ladder only while nothing but that command is at stake; once a reset
 * is on its way, what it will have ended is known from its answer alone.
 */
#include "ladder.h"

#include "iscsifs/check.h"
#include "table.h"

struct ladder_row {
	enum ladder_state next;		/* LADDER_NONE: no row */
	unsigned actions;
};

enum {
	UP_TO_LUN = LADDER_DO_STOP | LADDER_DO_LUN_RESET,
	UP_TO_TARGET = LADDER_DO_STOP | LADDER_DO_HOLD_ALL | LADDER_DO_TARGET_RESET,
	UP_TO_CUT = LADDER_DO_STOP | LADDER_DO_CUT,
	DOWN = LADDER_DO_STOP | LADDER_DO_RELEASE,
};

static const struct ladder_row ladder_table[LADDER_STATES][LADDER_EVENTS] = {
	[LADDER_IDLE] = {
		[LADDER_EV_LATE]     = { LADDER_ABORT, LADDER_DO_HOLD_LUN | LADDER_DO_ABORT },
		[LADDER_EV_LOST]     = { LADDER_IDLE, LADDER_DO_RELEASE },
	},
	[LADDER_ABORT] = {
		[LADDER_EV_DONE]     = { LADDER_IDLE, DOWN | LADDER_DO_TAKE_TASK },
		[LADDER_EV_NEXT]     = { LADDER_ABORT,
					 LADDER_DO_STOP | LADDER_DO_TAKE_TASK | LADDER_DO_ABORT },
		[LADDER_EV_REFUSED]  = { LADDER_LUN_RESET, UP_TO_LUN },
		[LADDER_EV_EXPIRED]  = { LADDER_LUN_RESET, UP_TO_LUN },
		[LADDER_EV_STUCK]    = { LADDER_IDLE, UP_TO_CUT },
		[LADDER_EV_ANSWERED] = { LADDER_IDLE, DOWN },
		[LADDER_EV_LOST]     = { LADDER_IDLE, DOWN },
	},
	[LADDER_LUN_RESET] = {
		[LADDER_EV_DONE]     = { LADDER_IDLE, DOWN | LADDER_DO_TAKE_LUN },
		[LADDER_EV_REFUSED]  = { LADDER_TARGET_RESET, UP_TO_TARGET },
		[LADDER_EV_EXPIRED]  = { LADDER_TARGET_RESET, UP_TO_TARGET },
		[LADDER_EV_STUCK]    = { LADDER_IDLE, UP_TO_CUT },
		[LADDER_EV_LOST]     = { LADDER_IDLE, DOWN },
	},
	[LADDER_TARGET_RESET] = {
		[LADDER_EV_DONE]     = { LADDER_IDLE, DOWN | LADDER_DO_TAKE_ALL },
		[LADDER_EV_REFUSED]  = { LADDER_IDLE, UP_TO_CUT },
		[LADDER_EV_EXPIRED]  = { LADDER_IDLE, UP_TO_CUT },
		[LADDER_EV_STUCK]    = { LADDER_IDLE, UP_TO_CUT },
		[LADDER_EV_LOST]     = { LADDER_IDLE, DOWN },
	},
};

void ladder_init(struct ladder *l)
{
	*l = (struct ladder){ .state = LADDER_IDLE };
}

unsigned ladder_step(struct ladder *l, enum ladder_event ev)
{
	const struct ladder_row *row = &ladder_table[l->state][ev];

	BUG_ON(l->state == LADDER_NONE || ev >= LADDER_EVENTS);
	l->counts[l->state][ev]++;
	if (row->next == LADDER_NONE)
		return 0;
	l->state = row->next;
	return row->actions;
}

const char *ladder_state_name(enum ladder_state s)
{
	static const char *const names[LADDER_STATES] = {
		[LADDER_NONE] = "NONE", [LADDER_IDLE] = "IDLE", [LADDER_ABORT] = "ABORT",
		[LADDER_LUN_RESET] = "LUN_RESET", [LADDER_TARGET_RESET] = "TARGET_RESET",
	};

	return names[s];
}

const char *ladder_event_name(enum ladder_event ev)
{
	static const char *const names[LADDER_EVENTS] = {
		[LADDER_EV_LATE] = "late", [LADDER_EV_DONE] = "done", [LADDER_EV_NEXT] = "next",
		[LADDER_EV_REFUSED] = "refused", [LADDER_EV_EXPIRED] = "expired",
		[LADDER_EV_STUCK] = "stuck", [LADDER_EV_ANSWERED] = "answered",
		[LADDER_EV_LOST] = "lost",
	};

	return names[ev];
}

void ladder_print(FILE *f)
{
	static const char *const actions[] = {
		"stop", "take-task", "take-lun", "take-all", "hold-lun", "hold-all", "abort",
		"lun-reset", "target-reset", "release", "cut", NULL,
	};
	static const struct table_style style = { 12, 8, actions };

	for (enum ladder_state s = LADDER_IDLE; s < LADDER_STATES; s++) {
		for (enum ladder_event ev = 0; ev < LADDER_EVENTS; ev++) {
			const struct ladder_row *row = &ladder_table[s][ev];

			if (row->next != LADDER_NONE)
				table_print_row(&style, f, ladder_state_name(s), ladder_event_name(ev),
						ladder_state_name(row->next), row->actions);
		}
	}
}
