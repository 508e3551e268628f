/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a session, for the files session*.c only. */
#ifndef ISCSIFS_SESSION_IMPL_H
#define ISCSIFS_SESSION_IMPL_H

#include "alive.h"
#include "iscsifs/session.h"
#include "ladder.h"
#include "link.h"
#include "lun_impl.h"
#include "portals.h"
#include "resolve.h"

enum {
	SESSION_LUNS_BYTES = 16384,	/* REPORT LUNS: 2047 of them */
	SESSION_EXTRA_SLOTS = 128,	/* for questions and what was aborted, beside cmds_max */
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
	unsigned untold;			/* of them since the link was up: the first is told */
	mono_ms lost_at;			/* of the last login that was lost; MONO_NEVER: none */
	span_ms time2wait;
	mono_ms login_time;			/* of the last one */
	bool closed_by_target;			/* the loss that is being dealt with */
	unsigned thefts;			/* in a row: closed by the target right after the login */
	mono_ms attempt_began;			/* of the dial, or of the logout */
	bool too_early;				/* the attempt failed before it could log in */
	uint64_t answered_before;		/* requests, when the link came up */
	struct err last_err;
	bool asked_away;			/* the link was lost because the target wanted it */
	uint64_t dials, logins, losses;

	/* The ladder: session_ladder.c. */
	struct ladder ladder;
	struct loop_timer ladder_timer;		/* of the rung, or to try again to send it */
	mono_ms ladder_stuck;			/* when that has lasted too long */
	struct lun_addr late_addr;		/* of the command that it is for */
	struct lun *late_lun;			/* NULL: one that we do not know yet */
	struct transport_cmd *late;		/* NULL: answered */
	void (*late_done)(struct transport_cmd *cmd);	/* its done; ours stands in its place */
	uint64_t aborts, lun_resets, target_resets, ladder_cuts;	/* asked for */

	/* Fencing: session_fence.c. */
	struct loop_timer fence_timer;		/* of the reset that is asked for, or to ask */
	struct lun *fenced;			/* whose reset is asked for; NULL: none */

	/* LUNs. */
	struct ioq_wire wire;
	unsigned slots;				/* of commands, that the transport was made with */
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
/* A LUN has nothing left to do. */
void session_lun_drained(void *arg, struct lun *lun);
/* on_first_login, once. */
void session_decide(struct session *s, const struct err *err);

/* session_loss.c */
void session_set_error(struct session *s, enum err_code code, const char *text);
/* What a loss means for somebody who waits for the first login. */
enum err_code session_loss_code(const struct transport_loss *loss);
/* The attempt failed, or the link was lost; last_err says why. Takes the step. */
void session_lost(struct session *s, enum link_event ev);
/* Requests of its LUNs that were answered well. */
uint64_t session_answered(const struct session *s);
/* Is it probable that another initiator uses our name and ISID? */
bool session_has_rival(const struct session *s);

/* session_dial.c */
void session_dial_init(struct session *s);
/* One attempt, at the address in turn; it is over when session_step() hears of it. */
void session_dial(struct session *s);
/* When to dial after a loss or a failure. */
mono_ms session_dial_at(const struct session *s);
/* No login before this instant; in the past when there is nothing to wait for. */
mono_ms session_login_at(const struct session *s);
/* The clock of the attempt, or of the end, by the settings of now. */
void session_time_attempt(struct session *s);

/* session_ladder.c */
void session_ladder_init(struct session *s);
/* Is a command late? Returns how old the oldest is, 0: there is none. */
span_ms session_ladder_check(struct session *s);
/* The transport's on_tmf. */
void session_on_tmf(void *arg, uint8_t response);
/* The link is lost, or about to be closed. */
void session_ladder_lost(struct session *s);

/* session_fence.c */
void session_fence_init(struct session *s);
/* A link that was up is lost: commands that were on it may still run. */
void session_fence_lost(struct session *s);
/* The link is up and the LUN is reported: probe it, when nothing of it can run over another link. */
void session_lun_up(struct session *s, struct lun *lun);
/* The transport's on_tmf; false: it is not for us. */
bool session_fence_on_tmf(struct session *s, uint8_t response);
void session_fence_cut(struct session *s);

/* session_luns.c */
/* The LUN of this number, or NULL. */
struct lun *session_find_lun(const struct session *s, unsigned number);
/* What is on its way to ask for the LUNs is not answered any more: ask again. */
void session_luns_aborted(struct session *s);
void session_luns_init(struct session *s);
/* After a login: ask; LINK_EV_PROBED when answered. */
void session_luns_probe(struct session *s);

#endif
