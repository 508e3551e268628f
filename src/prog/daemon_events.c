/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events over the control socket. The one hard thing: one who follows is there for as long as he
 * likes, and may not read; the server closes him then and says so, and nothing of him stays.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "iscsifs/events.h"
#include "iscsifs/num.h"

struct daemon_follower {
	struct daemon *d;
	struct control_request *rq;
	struct events_watch watch;
	uint64_t since;
};

static void events_put_one(struct control_request *rq, const struct event *ev)
{
	char at[EVENT_TIME_BYTES];
	const char *key, *value;

	control_put_u64(rq, "seq", ev->seq);
	control_put(rq, "time", event_time(ev, at));
	control_put_i64(rq, "ms", ev->mono);
	control_put(rq, "event", ev->type);
	for (unsigned i = 0; (key = event_pair(ev, i, &value)); i++)
		control_put(rq, key, value);
	control_record_end(rq);
}

/* Those behind number @since. Returns the number of the last one. */
static uint64_t events_put(struct control_request *rq, const struct events *e, uint64_t since)
{
	const struct event *ev;

	if (events_missed(e, since)) {
		control_put(rq, "event", "missed");
		control_put_u64(rq, "count", events_missed(e, since));
		control_record_end(rq);
	}
	for (; (ev = events_next(e, since)); since = ev->seq)
		events_put_one(rq, ev);
	return since;
}

static void follower_posted(struct events_watch *w)
{
	struct daemon_follower *f = container_of(w, struct daemon_follower, watch);

	f->since = events_put(f->rq, f->d->events, f->since);
}

static void follower_gone(struct control_request *rq, void *arg)
{
	struct daemon_follower *f = arg;

	control_done(rq, NULL);
	events_watch_del(&f->watch);
	free(f);
}

static void events_follow(struct daemon *d, struct control_request *rq, uint64_t since)
{
	struct daemon_follower *f = calloc(1, sizeof(*f));

	if (!f) {
		control_fail(rq, ERR_NOMEM, "no memory");
		return;
	}
	*f = (struct daemon_follower){ .d = d, .rq = rq };
	events_watch_add(d->events, &f->watch, follower_posted);
	control_on_gone(rq, follower_gone, f);
	f->since = events_put(rq, d->events, since);
}

void daemon_command_events(struct control_request *rq, void *arg)
{
	const char *since_text = control_get(rq, "since");
	const char *follow = control_get(rq, "follow");
	struct daemon *d = arg;
	uint64_t since = 0;

	if (since_text && num_parse_u64(since_text, 0, UINT64_MAX - 1, &since)) {
		control_fail(rq, ERR_INVALID, "since=\"%s\": want the number of an event", since_text);
		return;
	}
	if (follow && !strcmp(follow, "yes")) {
		events_follow(d, rq, since);
		return;
	}
	events_put(rq, d->events, since);
	control_done(rq, NULL);
}
