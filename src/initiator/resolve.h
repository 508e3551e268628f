/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names to addresses. DNS is the one call that blocks, so it has a thread of its own; a numeric
 * address needs none.
 */
#ifndef ISCSIFS_RESOLVE_H
#define ISCSIFS_RESOLVE_H

#include "iscsifs/err.h"
#include "iscsifs/loop.h"
#include "transport.h"

struct resolve;

enum { RESOLVE_MAX = 8 };

struct resolve_result {
	unsigned count;
	char portals[RESOLVE_MAX][TRANSPORT_PORTAL_MAX];	/* numeric, as transport_param wants */
	struct err err;						/* when count is 0 */
};

/*
 * Resolve @portal ("host:port", "[v6]:port"; port 3260 when left out). @done runs once, from the
 * loop, unless resolve_cancel() comes first; the result is on loan during the call, and the resolve
 * is gone after it. Returns 0 or -errno.
 */
int resolve_start(struct resolve **out, struct loop *loop, const char *portal,
		  void (*done)(void *arg, const struct resolve_result *result), void *arg);

/* Forget it. NULL is legal. A thread that is in DNS ends by itself. */
void resolve_cancel(struct resolve *r);

#endif
