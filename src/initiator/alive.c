/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When is silence death? The one hard thing: a ping that would wait behind a closed window proves
 * nothing by its silence; then the age of the oldest command decides instead. Behind a full socket
 * our own bytes are the ping: the other side must take some.
 */
#include "alive.h"

#include "iscsifs/check.h"

void alive_init(struct alive *a)
{
	a->ping_sent = MONO_NEVER;
}

static enum alive_verdict alive_check_blocked(const struct alive_input *in, mono_ms *next)
{
	span_ms quiet = MIN(in->silence, in->oldest);
	span_ms unheard = MIN(quiet, in->unheard), limit = in->interval + in->timeout;

	if (unheard >= limit || (in->patience > 0 && quiet >= in->patience))
		return ALIVE_DEAD;
	if (in->unheard)
		*next = MIN(*next, in->now + limit - unheard);
	if (in->patience > 0)
		*next = MIN(*next, in->now + in->patience - quiet);
	return ALIVE_OK;
}

enum alive_verdict alive_check(struct alive *a, const struct alive_input *in, mono_ms *next)
{
	*next = MONO_NEVER;
	if (in->interval <= 0)
		return ALIVE_OK;
	/* An unanswered ping finds silence older than itself by an interval; clocks are coarse. */
	if (a->ping_sent != MONO_NEVER &&
	    in->silence < in->now - a->ping_sent + in->interval / 2)
		a->ping_sent = MONO_NEVER;
	if (in->silence < in->interval) {
		*next = in->now + in->interval - in->silence;
		return ALIVE_OK;
	}
	if (a->ping_sent == MONO_NEVER) {
		if (in->blocked) {
			*next = in->now + in->interval;
			return alive_check_blocked(in, next);
		}
		a->ping_sent = in->now;
		*next = in->now + in->timeout;
		return ALIVE_PING;
	}
	if (in->now - a->ping_sent >= in->timeout)
		return ALIVE_DEAD;
	*next = a->ping_sent + in->timeout;
	return ALIVE_OK;
}
