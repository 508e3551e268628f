/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When to dial. The one hard thing: every event can come in every state (a loss crosses a close, a
 * timer crosses a login), so the table is total: what has no row is a lost link or nothing at all.
 *
 * T1, T2, … are the connection transitions of RFC 7143 section 7.1.3 (initiator).
 */
#include "link.h"

#include "iscsifs/check.h"
#include "table.h"

struct link_row {
	enum link_state next;		/* LINK_NONE: no row */
	unsigned actions;
};

static const struct link_row link_table[LINK_STATES][LINK_EVENTS] = {
	[LINK_IDLE] = {
		[LINK_EV_START]   = { LINK_DIAL, LINK_DO_DIAL },			/* T1 */
		[LINK_EV_CLOSE]   = { LINK_REFUSED, LINK_DO_CLOSED },
	},
	[LINK_DIAL] = {
		[LINK_EV_READY]   = { LINK_PROBE, LINK_DO_PROBE },			/* T4, T5 */
		[LINK_EV_LOST]    = { LINK_WAIT, LINK_DO_CUT | LINK_DO_WAIT },		/* T2, T7 */
		[LINK_EV_EXPIRED] = { LINK_WAIT, LINK_DO_CUT | LINK_DO_WAIT },		/* T7 */
		[LINK_EV_REFUSED] = { LINK_REFUSED, LINK_DO_CUT | LINK_DO_REFUSED },	/* T7 */
		[LINK_EV_CLOSE]   = { LINK_REFUSED, LINK_DO_CUT | LINK_DO_CLOSED },	/* T7 */
	},
	[LINK_PROBE] = {
		[LINK_EV_PROBED]  = { LINK_UP, LINK_DO_UP },
		[LINK_EV_LOST]    = { LINK_WAIT, LINK_DO_CUT | LINK_DO_WAIT },		/* T15 */
		[LINK_EV_EXPIRED] = { LINK_WAIT, LINK_DO_CUT | LINK_DO_WAIT },		/* T15 */
		[LINK_EV_REFUSED] = { LINK_REFUSED, LINK_DO_CUT | LINK_DO_REFUSED },
		[LINK_EV_CLOSE]   = { LINK_CLOSE, LINK_DO_LOGOUT },			/* T9 */
	},
	[LINK_UP] = {
		[LINK_EV_LOST]    = { LINK_WAIT, LINK_DO_CUT | LINK_DO_DOWN | LINK_DO_WAIT }, /* T15 */
		[LINK_EV_CLOSE]   = { LINK_CLOSE, LINK_DO_LOGOUT },			/* T9 */
	},
	[LINK_WAIT] = {
		[LINK_EV_DUE]     = { LINK_DIAL, LINK_DO_DIAL },			/* T1 */
		[LINK_EV_REFUSED] = { LINK_REFUSED, LINK_DO_REFUSED },
		[LINK_EV_CLOSE]   = { LINK_REFUSED, LINK_DO_CLOSED },
	},
	[LINK_CLOSE] = {
		[LINK_EV_LOST]    = { LINK_REFUSED, LINK_DO_CUT | LINK_DO_DOWN | LINK_DO_CLOSED }, /* T13 */
		[LINK_EV_EXPIRED] = { LINK_REFUSED, LINK_DO_CUT | LINK_DO_DOWN | LINK_DO_CLOSED }, /* T18 */
	},
	/* LINK_REFUSED: the end. */
};

void link_init(struct link *l)
{
	*l = (struct link){ .state = LINK_IDLE };
}

static int link_has_transport(enum link_state s)
{
	return s == LINK_DIAL || s == LINK_PROBE || s == LINK_UP || s == LINK_CLOSE;
}

unsigned link_step(struct link *l, enum link_event ev, int *unexpected)
{
	const struct link_row *row = &link_table[l->state][ev];

	BUG_ON(l->state == LINK_NONE || ev >= LINK_EVENTS);
	l->counts[l->state][ev]++;
	if (unexpected)
		*unexpected = row->next == LINK_NONE;
	if (row->next == LINK_NONE) {
		/* A close that is asked for twice is no reason to drop the link. */
		if (!link_has_transport(l->state) || ev == LINK_EV_CLOSE || ev == LINK_EV_START)
			return 0;
		row = &link_table[l->state][LINK_EV_LOST];
	}
	l->state = row->next;
	return row->actions;
}

const char *link_state_name(enum link_state s)
{
	static const char *const names[LINK_STATES] = {
		[LINK_NONE] = "NONE", [LINK_IDLE] = "IDLE", [LINK_DIAL] = "DIAL",
		[LINK_PROBE] = "PROBE", [LINK_UP] = "UP", [LINK_WAIT] = "WAIT",
		[LINK_CLOSE] = "CLOSE", [LINK_REFUSED] = "REFUSED",
	};

	return names[s];
}

const char *link_event_name(enum link_event ev)
{
	static const char *const names[LINK_EVENTS] = {
		[LINK_EV_START] = "start", [LINK_EV_READY] = "ready", [LINK_EV_PROBED] = "probed",
		[LINK_EV_LOST] = "lost", [LINK_EV_EXPIRED] = "expired",
		[LINK_EV_REFUSED] = "refused", [LINK_EV_DUE] = "due", [LINK_EV_CLOSE] = "close",
	};

	return names[ev];
}

void link_print(FILE *f)
{
	static const char *const actions[] = {
		"cut", "down", "dial", "probe", "up", "wait", "logout", "closed", "refused", NULL,
	};
	static const struct table_style style = { 8, 8, actions };

	for (enum link_state s = LINK_IDLE; s < LINK_STATES; s++) {
		for (enum link_event ev = 0; ev < LINK_EVENTS; ev++) {
			const struct link_row *row = &link_table[s][ev];

			if (row->next != LINK_NONE)
				table_print_row(&style, f, link_state_name(s), link_event_name(ev),
						link_state_name(row->next), row->actions);
		}
	}
}
