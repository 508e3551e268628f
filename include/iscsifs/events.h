/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happened, as numbered events that a person or a program can read later. The newest
 * EVENTS_KEPT are kept, in memory taken once; a reader keeps a number, so one that is slow or
 * vanishes costs nothing.
 */
#ifndef ISCSIFS_EVENTS_H
#define ISCSIFS_EVENTS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "iscsifs/clock.h"
#include "iscsifs/list.h"
#include "iscsifs/loop.h"

enum {
	EVENTS_KEPT = 512,
	EVENT_TEXT_BYTES = 384,		/* of keys and values with their NULs; more is left out */
};

struct events;

struct event {
	uint64_t seq;			/* 1, 2, 3, … without gaps */
	wall_ms at;			/* for people */
	mono_ms mono;			/* for differences */
	const char *type;		/* a word of lower case letters and dashes */
	char text[EVENT_TEXT_BYTES];	/* key NUL value NUL … */
	size_t text_bytes;
	uint64_t end;			/* bytes of its line and all before it */
};

/* Called from the loop some time after one or more events were posted. */
struct events_watch {
	void (*posted)(struct events_watch *w);
	struct list link;
};

/* Returns 0 or -ENOMEM. events_free(NULL) is legal; no watch may be left. */
int events_new(struct events **out, struct loop *loop);
void events_free(struct events *e);

/*
 * Add an event. @type is kept as a pointer. Then keys and values in turn, ended by NULL; both are
 * copied. A pair that does not fit any more is left out. @e NULL: nobody keeps them.
 */
void events_post(struct events *e, const char *type, ...) __attribute__((sentinel));

/* The first event after number @since that is still kept, on loan until the next post; or NULL. */
const struct event *events_next(const struct events *e, uint64_t since);
/* How many events after number @since are kept no longer. */
uint64_t events_missed(const struct events *e, uint64_t since);
/* The number of the newest one, 0: there was none; and when it came. */
uint64_t events_last(const struct events *e);
wall_ms events_changed(const struct events *e);

/* Pair @i from 0: returns the key, NULL past the end, and its value. */
const char *event_pair(const struct event *ev, unsigned i, const char **value);

/* "2026-11-21T15:04:05.678Z", UTC. Returns @buf. */
enum { EVENT_TIME_BYTES = 32 };
const char *event_time(const struct event *ev, char buf[EVENT_TIME_BYTES]);

/*
 * Its line, of at most EVENT_LINE_BYTES with its newline and NUL:
 * `seq=4 time=… ms=… event=session-lost target=… why="…"`. A value that is empty or has blanks,
 * quotes, backslashes or control characters stands in double quotes, with \" \\ and, for
 * control characters, \xHH. Returns its bytes without the NUL.
 */
enum { EVENT_LINE_BYTES = 256 + 4 * EVENT_TEXT_BYTES };
size_t event_line(const struct event *ev, char line[EVENT_LINE_BYTES]);

/* All lines one after the other are a text that only grows: its bytes, and those kept no longer. */
uint64_t events_text_end(const struct events *e);
uint64_t events_text_begin(const struct events *e);
/* Up to @len bytes of it from @at >= events_text_begin(). Returns how many. */
size_t events_text(const struct events *e, uint64_t at, char *buf, size_t len);

void events_watch_add(struct events *e, struct events_watch *w,
		      void (*posted)(struct events_watch *w));
void events_watch_del(struct events_watch *w);

#endif
