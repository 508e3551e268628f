/* SPDX-License-Identifier: BSD-2-Clause */
/* resolve.h in memory: every name is one address, later, unless the world has no names today. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

struct resolve {
	struct loop_timer timer;
	char portal[TRANSPORT_PORTAL_MAX];
	void (*done)(void *arg, const struct resolve_result *result);
	void *arg;
};

/* "two.example:3260" has two addresses, so that the second one is tried as well. */
static void resolve_answer(const struct resolve *r, struct resolve_result *out)
{
	*out = (struct resolve_result){ .count = 1, .err = ERR_INIT };
	if (sim_world->net.no_names || strncmp(r->portal, "no.", 3) == 0) {
		out->count = 0;
		err_set(&out->err, ERR_HOST, "no names today");
		return;
	}
	snprintf(out->portals[0], sizeof(out->portals[0]), "%s", r->portal);
	if (strncmp(r->portal, "two.", 4) == 0) {
		out->count = 2;
		snprintf(out->portals[0], sizeof(out->portals[0]), "192.0.2.1:3260");
		snprintf(out->portals[1], sizeof(out->portals[1]), "192.0.2.2:3260");
	}
}

static void resolve_due(struct loop_timer *t)
{
	struct resolve *r = container_of(t, struct resolve, timer);
	struct resolve_result result;

	resolve_answer(r, &result);
	r->done(r->arg, &result);
	free(r);
}

int resolve_start(struct resolve **out, struct loop *loop, const char *portal,
		  void (*done)(void *arg, const struct resolve_result *result), void *arg)
{
	struct resolve *r = calloc(1, sizeof(*r));

	BUG_ON(!r);
	r->done = done;
	r->arg = arg;
	snprintf(r->portal, sizeof(r->portal), "%s", portal);
	loop_timer_init(loop, &r->timer, resolve_due);
	loop_timer_set(&r->timer, loop_now(loop));
	*out = r;
	return 0;
}

void resolve_cancel(struct resolve *r)
{
	if (!r)
		return;
	loop_timer_stop(&r->timer);
	free(r);
}
