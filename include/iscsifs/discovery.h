/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Discovery: which targets a portal has, and at which portals they are (SendTargets=All,
 * RFC 7143 appendix C).
 */
#ifndef ISCSIFS_DISCOVERY_H
#define ISCSIFS_DISCOVERY_H

#include "iscsifs/clock.h"
#include "iscsifs/err.h"
#include "iscsifs/loop.h"

struct discovery;

/* Everything is copied; NULL where a string is not wanted. */
struct discovery_param {
	const char *portal;		/* "host:port", "[v6]:port"; port 3260 when left out */
	const char *initiator;
	const char *user, *password;	/* one-way CHAP */
	const char *user_in, *password_in;	/* mutual */
	span_ms timeout;		/* for everything, name lookup included; > 0 */
};

struct discovery_target {
	const char *name;
	const char *const *portals;	/* NULL-terminated "host:port", at least one */
};

/*
 * @err.code is ERR_OK with @count >= 1 targets in the order in which they came; else @count is 0:
 * ERR_HOST no such host · ERR_CONNECT no connection · ERR_CONNECT_TIMEOUT no answer in time ·
 * ERR_AUTH credentials refused, or the target did not prove itself · ERR_LOGIN, ERR_FATAL_LOGIN
 * login refused · ERR_NOT_FOUND no targets for us · ERR_UNSUPPORTED a list that cannot be read ·
 * ERR_INVALID a malformed portal · ERR_NOMEM.
 */
struct discovery_result {
	struct err err;
	unsigned count;
	const struct discovery_target *targets;
};

/*
 * Begin. @done runs once, from the loop, unless discovery_cancel() comes first; the result is on
 * loan during the call, and the discovery is gone after it. Returns 0 or -errno.
 */
int discovery_start(struct discovery **out, struct loop *loop, const struct discovery_param *param,
		    void (*done)(void *arg, const struct discovery_result *result), void *arg);

/* Forget it. NULL is legal. */
void discovery_cancel(struct discovery *d);

#endif
