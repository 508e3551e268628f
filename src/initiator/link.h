/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When to dial: the state of a session's link, as a table. No sockets, no clock, no I/O; the owner
 * feeds events in and carries the action bits out, in bit order.
 */
#ifndef ISCSIFS_LINK_H
#define ISCSIFS_LINK_H

#include <stdio.h>

enum link_state {
	LINK_NONE = 0,
	LINK_IDLE,		/* not started */
	LINK_DIAL,		/* connecting and logging in */
	LINK_PROBE,		/* logged in, asking for the LUNs */
	LINK_UP,
	LINK_WAIT,		/* lost, the next dial is timed */
	LINK_CLOSE,		/* logging out */
	LINK_REFUSED,		/* first login failed for good; or closed */
	LINK_STATES
};

enum link_event {
	LINK_EV_START,		/* the owner wants a session */
	LINK_EV_READY,		/* transport: logged in */
	LINK_EV_PROBED,		/* the target's LUNs are known */
	LINK_EV_LOST,		/* transport: gone; or cut by us: silence, a command too old */
	LINK_EV_EXPIRED,	/* login_timeout over for this attempt; logout_timeout in CLOSE */
	LINK_EV_REFUSED,	/* first login: permanent failure, or no attempts left */
	LINK_EV_DUE,		/* the wait before the next dial is over */
	LINK_EV_CLOSE,		/* the owner wants it to end */
	LINK_EVENTS
};

/* Carried out lowest bit first. */
enum {
	LINK_DO_CUT = 1 << 0,		/* end the transport */
	LINK_DO_DOWN = 1 << 1,		/* tell every LUN that its link is lost */
	LINK_DO_DIAL = 1 << 2,		/* a new transport, attempt timer on */
	LINK_DO_PROBE = 1 << 3,		/* ask for the LUNs */
	LINK_DO_UP = 1 << 4,		/* attempt timer off, pings on, LUNs probe */
	LINK_DO_WAIT = 1 << 5,		/* time the next dial */
	LINK_DO_LOGOUT = 1 << 6,	/* send a logout, logout_timeout on */
	LINK_DO_CLOSED = 1 << 7,	/* tell the owner that it is over */
	LINK_DO_REFUSED = 1 << 8,	/* tell the owner that the first login failed */
};

struct link {
	enum link_state state;
	unsigned counts[LINK_STATES][LINK_EVENTS];
};

void link_init(struct link *l);

/*
 * Take @ev in the present state. Returns the action bits. A pair without a row is counted as well
 * and handled as LINK_EV_LOST where a transport exists, else ignored: nothing that comes over the
 * network may end the daemon. *unexpected (may be NULL) says that this happened.
 */
unsigned link_step(struct link *l, enum link_event ev, int *unexpected);

const char *link_state_name(enum link_state s);
const char *link_event_name(enum link_event ev);

/* The table as a diagram for iscsifs-recovery(7): one "STATE -- event -> STATE: actions" a line. */
void link_print(FILE *f);

#endif
