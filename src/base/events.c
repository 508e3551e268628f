/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ring of events. The one hard thing: whoever posts is in the middle of something, so watches are
 * called from the loop, and nothing here can fail.
 */
#include "iscsifs/events.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "iscsifs/check.h"

struct events {
	struct loop *loop;
	uint64_t last;			/* its place is last % EVENTS_KEPT */
	uint64_t gone;			/* bytes of the lines that are kept no longer */
	struct list watches;
	struct loop_call call;
	struct event ring[EVENTS_KEPT];
};

static void events_tell(struct loop_call *c)
{
	struct events *e = container_of(c, struct events, call);
	struct events_watch *w, *tmp;

	list_each_safe(w, tmp, &e->watches, link)
		w->posted(w);
}

int events_new(struct events **out, struct loop *loop)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	(*out)->loop = loop;
	list_init(&(*out)->watches);
	loop_call_init(&(*out)->call, events_tell);
	return 0;
}

void events_free(struct events *e)
{
	if (!e)
		return;
	loop_call_cancel(&e->call);
	free(e);
}

static void event_add(struct event *ev, const char *key, const char *value)
{
	size_t key_bytes = strlen(key) + 1, value_bytes = strlen(value) + 1;
	char *at = ev->text + ev->text_bytes;

	if (key_bytes + value_bytes > sizeof(ev->text) - ev->text_bytes)
		return;
	memcpy(at, key, key_bytes);
	memcpy(at + key_bytes, value, value_bytes);
	ev->text_bytes += key_bytes + value_bytes;
}

void events_post(struct events *e, const char *type, ...)
{
	char line[EVENT_LINE_BYTES];
	struct event *ev;
	const char *key;
	uint64_t end;
	va_list ap;

	if (!e)
		return;
	end = events_text_end(e);
	ev = &e->ring[++e->last % EVENTS_KEPT];
	e->gone = ev->end;		/* of the one whose place it takes */
	ev->seq = e->last;
	ev->at = clock_wall_ms();
	ev->mono = clock_mono_ms();
	ev->type = type;
	ev->text_bytes = 0;
	va_start(ap, type);
	while ((key = va_arg(ap, const char *)))
		event_add(ev, key, va_arg(ap, const char *));
	va_end(ap);
	ev->end = end + event_line(ev, line);
	if (!list_empty(&e->watches))
		loop_defer(e->loop, &e->call);
}

/* The number of the oldest one that is kept. */
static uint64_t events_first(const struct events *e)
{
	return e->last > EVENTS_KEPT ? e->last - EVENTS_KEPT + 1 : 1;
}

const struct event *events_next(const struct events *e, uint64_t since)
{
	uint64_t seq = MAX(events_first(e), since < e->last ? since + 1 : e->last + 1);

	return seq <= e->last ? &e->ring[seq % EVENTS_KEPT] : NULL;
}

uint64_t events_missed(const struct events *e, uint64_t since)
{
	return since < events_first(e) - 1 ? events_first(e) - since - 1 : 0;
}

uint64_t events_last(const struct events *e)
{
	return e->last;
}

wall_ms events_changed(const struct events *e)
{
	return e->last ? e->ring[e->last % EVENTS_KEPT].at : 0;
}

const char *event_pair(const struct event *ev, unsigned i, const char **value)
{
	const char *at = ev->text, *end = at + ev->text_bytes;

	for (; at < end; i--) {
		const char *key = at;

		*value = key + strlen(key) + 1;
		if (i == 0)
			return key;
		at = *value + strlen(*value) + 1;
	}
	return NULL;
}

const char *event_time(const struct event *ev, char buf[EVENT_TIME_BYTES])
{
	time_t s = (time_t)(ev->at / 1000);
	char day[24];
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf, EVENT_TIME_BYTES, "%s.%03dZ", day, (int)(ev->at % 1000));
	return buf;
}

/* Text that is being made: cut at the end of its room. */
struct event_out {
	char *line;
	size_t len;
};

static void event_put(struct event_out *o, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void event_put(struct event_out *o, const char *fmt, ...)
{
	size_t room = EVENT_LINE_BYTES - 1 - o->len;	/* and a newline */
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(o->line + o->len, room, fmt, ap);
	va_end(ap);
	o->len += MIN((size_t)MAX(n, 0), room - 1);
}

static bool event_is_word(const char *value)
{
	if (!*value)
		return false;
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		if (c <= ' ' || c == 0x7f || c == '"' || c == '\\')
			return false;
	}
	return true;
}

static void event_put_value(struct event_out *o, const char *value)
{
	if (event_is_word(value)) {
		event_put(o, "%s", value);
		return;
	}
	event_put(o, "\"");
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		if (c < ' ' || c == 0x7f)
			event_put(o, "\\x%02x", c);
		else
			event_put(o, c == '"' || c == '\\' ? "\\%c" : "%c", c);
	}
	event_put(o, "\"");
}

size_t event_line(const struct event *ev, char line[EVENT_LINE_BYTES])
{
	struct event_out o = { .line = line };
	char at[EVENT_TIME_BYTES];
	const char *key, *value;

	event_put(&o, "seq=%" PRIu64 " time=%s ms=%" PRId64 " event=%s", ev->seq, event_time(ev, at),
		  ev->mono, ev->type);
	for (unsigned i = 0; (key = event_pair(ev, i, &value)); i++) {
		event_put(&o, " %s=", key);
		event_put_value(&o, value);
	}
	line[o.len++] = '\n';
	line[o.len] = '\0';
	return o.len;
}

uint64_t events_text_end(const struct events *e)
{
	return e->last ? e->ring[e->last % EVENTS_KEPT].end : 0;
}

uint64_t events_text_begin(const struct events *e)
{
	return e->gone;
}

size_t events_text(const struct events *e, uint64_t at, char *buf, size_t len)
{
	const struct event *ev;
	char line[EVENT_LINE_BYTES];
	size_t done = 0;

	for (uint64_t seq = 0; done < len && (ev = events_next(e, seq)); seq = ev->seq) {
		size_t bytes, from, n;

		if (ev->end <= at)
			continue;
		bytes = event_line(ev, line);
		from = bytes - (size_t)(ev->end - at);
		n = MIN(len - done, bytes - from);
		memcpy(buf + done, line + from, n);
		done += n;
		at += n;
	}
	return done;
}

void events_watch_add(struct events *e, struct events_watch *w,
		      void (*posted)(struct events_watch *w))
{
	w->posted = posted;
	list_init(&w->link);
	list_append(&e->watches, &w->link);
}

void events_watch_del(struct events_watch *w)
{
	list_del(&w->link);
}
