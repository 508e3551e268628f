/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A session with one target: kept alive, dialled again when it is lost, its LUNs found and asked.
 */
#ifndef ISCSIFS_SESSION_H
#define ISCSIFS_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "iscsifs/clock.h"
#include "iscsifs/err.h"
#include "iscsifs/events.h"
#include "iscsifs/loop.h"
#include "iscsifs/lun.h"
#include "iscsifs/node_settings.h"

struct session;

/* Called from the loop, never inside a call of the owner's. session_free() is not legal in them. */
struct session_events {
	/*
	 * The first login is decided: @err NULL, every LUN that was found is READY (or known not to
	 * become so for now); or one sentence why the session cannot be had.
	 */
	void (*on_first_login)(void *arg, struct session *s, const struct err *err);
	void (*on_lun_added)(void *arg, struct session *s, struct lun *lun);
	/* Size, write protection or state changed. */
	void (*on_lun_changed)(void *arg, struct session *s, struct lun *lun);
	/* The LUN is GONE; its requests have been answered. It stays valid until session_free(). */
	void (*on_lun_gone)(void *arg, struct session *s, struct lun *lun);
	/* session_close() is done: flushed and logged out, or not possible. May run inside it. */
	void (*on_closed)(void *arg, struct session *s);
};

struct session_param {
	const char *target;		/* iqn; copied */
	const char *const *portals;	/* NULL-terminated "host:port", tried in turn; copied */
	int only_lun;			/* this LUN number and no other; -1: all */
	const char *alias;		/* NULL or a name for its files; copied */
	const struct node_settings *settings;	/* copied */
	bool background;		/* first login failures are not final: keep trying */
	struct events *history;		/* what happens is posted there; the caller's; NULL: nowhere */
};

int session_new(struct session **out, struct loop *loop, const struct session_param *param,
		const struct session_events *events, void *arg, struct err *err);

/* More places where the target is said to be: NULL-terminated, copied, those it has are left out. */
void session_add_portals(struct session *s, const char *const *portals);

/* Begin. on_first_login answers. */
void session_start(struct session *s);

/*
 * End in good order: flush every LUN with unflushed writes, log out, bounded by logout_timeout;
 * during an outage at once. Requests not answered by then fail with -EIO. on_closed answers.
 */
void session_close(struct session *s);

/* session_free(NULL) is legal; in any state; what is unanswered fails first with -EIO. */
void session_free(struct session *s);

const char *session_target(const struct session *s);
/* The portal that it is at, or last tried: numeric once the name is resolved. */
const char *session_portal(const struct session *s);

/* The LUNs that were ever found, in ascending order of number; @i from 0; NULL past the end. */
struct lun *session_lun(const struct session *s, unsigned i);

/* Change a setting of a live session; a running outage sees it. As settings_set(). */
int session_set(struct session *s, const char *name, const char *value, struct err *err);
const struct node_settings *session_settings(const struct session *s);

/* Ask the target for its LUNs and their sizes again. */
void session_rescan(struct session *s);

/*
 * Take the disk that answers under LUN @number, which is BARRED, as the one that it is now. Returns
 * 0: it is being asked, on_lun_changed tells when it is READY, or BARRED again when the link was
 * lost meanwhile. Returns -code with a sentence in @err: ERR_NOT_FOUND, ERR_INVALID (not BARRED),
 * ERR_AGAIN (not now).
 */
int session_accept_lun(struct session *s, unsigned number, struct err *err);

/* What a person or a program asks about: one record of key=value pairs, see iscsifs-control(7). */
typedef void session_emit(void *out, const char *key, const char *value);
void session_describe(const struct session *s, session_emit *emit, void *out);
void session_describe_lun(const struct session *s, const struct lun *lun, session_emit *emit,
			  void *out);

#endif
