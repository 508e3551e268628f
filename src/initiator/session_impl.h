/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a session, for the files session*.c only. */
#ifndef ISCSIFS_SESSION_IMPL_H
#define ISCSIFS_SESSION_IMPL_H

#include "alive.h"
#include "iscsifs/session.h"
#include "link.h"
#include "lun_impl.h"
#include "portals.h"
#include "resolve.h"

enum {
	SESSION_LUNS_BYTES = 16384,	/* REPORT LUNS: 2047 of them */
	SESSION_EXTRA_SLOTS = 64,	/* for REPORT LUNS and probes beside cmds_max */
};

struct session {
	struct loop *loop;
	const struct session_events *events;
	void *arg;
	struct events *history;
	char target[TRANSPORT_NAME_MAX];
	char alias[64];
	int only_lun;
	bool background;
	struct node_settings settings;
	uint64_t isid;

	struct link link;
	mono_ms state_since;
	struct transport *tp;
	struct transport_limits limits;
	struct alive alive;
	struct loop_timer attempt_timer;	/* login_timeout, logout_timeout */
	struct loop_timer wait_timer;		/* the next dial */
	struct loop_timer alive_timer;
	struct loop_timer luns_timer;		/* ask for the LUNs again */
	struct loop_call lose_call;		/* a loss found inside a callback */

	/* Where to dial. */
	struct portals portals;
	struct resolve *resolving;
	struct resolve_result addresses;	/* of the portal in turn; used from the front */
	unsigned address_next;
	bool redirected;			/* the attempt that just failed was */
	unsigned redirects;			/* since the link was up */
	char portal[TRANSPORT_PORTAL_MAX];	/* the one that is dialled or up */

	/* How it goes. */
	bool ever_up;
	bool decided;				/* on_first_login ran */
	unsigned failures;			/* dials in a row that came to nothing */
	mono_ms lost_at;			/* of the last login that was lost; MONO_NEVER: none */
	span_ms time2wait;
	mono_ms login_time;			/* of the last one */
	bool closed_by_target;			/* the loss that is being dealt with */
	unsigned thefts;			/* in a row: closed by the target right after the login */
	mono_ms attempt_began;			/* of the dial, or of the logout */
	bool too_early;				/* the attempt failed before it could log in */
	uint64_t answered_before;		/* requests, when the link came up */
	struct err last_err;
	uint64_t dials, logins, losses;

	/* LUNs. */
	struct ioq_wire wire;
	struct list luns;			/* struct lun, by number */
	struct transport_cmd luns_cmd;
	bool luns_asking;
	mono_ms luns_asked;
	bool luns_again;			/* they changed while we asked */
	bool luns_rescan;			/* asked on a live session: what is missing is gone */
	unsigned luns_attentions;
	uint8_t *luns_buf;

	/* The end. */
	bool closing;
	struct loop_call drained_call;		/* a LUN was drained: are all of them? */
};

/* Post an event of this session: a type, keys and values. */
#define session_post(s, type, ...) \
	events_post((s)->history, (type), "target", (s)->target, __VA_ARGS__, NULL)

/* session.c: take the step and carry it out. Not inside a callback of a command: session_lose(). */
void session_step(struct session *s, enum link_event ev);
/* The link is lost for this reason: step when the loop has it again. */
void session_lose(struct session *s, enum err_code code, const char *text);
/* Is it probable that another initiator uses our name and ISID? */
bool session_has_rival(const struct session *s);
/* A LUN has nothing left to do. */
void session_lun_drained(void *arg, struct lun *lun);
/* on_first_login, once. */
void session_decide(struct session *s, const struct err *err);

/* session_luns.c */
void session_luns_init(struct session *s);
/* After a login: ask; LINK_EV_PROBED when answered. */
void session_luns_probe(struct session *s);

#endif
