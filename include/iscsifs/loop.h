/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop: one thread, file descriptors, timers, deferred calls, and hooks that run once a
 * turn. Everything is embedded in its owner; the loop allocates nothing after loop_new().
 *
 * A turn: sleep until something is ready; callbacks of ready descriptors; timers that are due;
 * deferred calls; turn hooks; deferred calls again. A callback may add, change and remove anything,
 * itself included.
 *
 * Simulations link another implementation of this header, with virtual time and no descriptors.
 */
#ifndef ISCSIFS_LOOP_H
#define ISCSIFS_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "iscsifs/clock.h"
#include "iscsifs/list.h"

struct loop;

enum {
	LOOP_IN = 1,
	LOOP_OUT = 2,
	LOOP_HUP = 4,		/* reported always: error or hang-up */
};

/* A watched descriptor. The caller's memory and descriptor; both outlive the watch. */
struct loop_fd {
	int fd;
	unsigned events;	/* LOOP_IN | LOOP_OUT as asked for; level-triggered */
	bool added;
	void (*ready)(struct loop_fd *w, unsigned events);
	struct list link;
};

/* A timer: fires once at or after `when`. */
struct loop_timer {
	struct loop *loop;
	mono_ms when;		/* MONO_NEVER: not set */
	void (*fire)(struct loop_timer *t);
	struct list link;
};

/* A call for later: runs once, before the loop sleeps again. */
struct loop_call {
	void (*run)(struct loop_call *c);
	struct list link;
};

/* A call once in every turn, before the loop sleeps: the place to flush what the turn gathered. */
struct loop_hook {
	void (*run)(struct loop_hook *h);
	struct list link;
};

/* Returns 0 or -errno. loop_free(NULL) is legal; everything must have been removed before. */
int loop_new(struct loop **out);
void loop_free(struct loop *l);

/* The time at which this turn began. */
mono_ms loop_now(const struct loop *l);

/*
 * A pause is time in which this process did not run: it was stopped, its machine was, or too busy.
 * Nobody's silence in it says anything: what came is still to be read. LOOP_PAUSE_MS and longer ones
 * are noticed, by a turn that begins or wakes that much too late.
 */
enum { LOOP_PAUSE_MS = 250 };
/*
 * The end of the last pause that was no small part of @span, a quarter at least; 0: there was none.
 * A machine that is always too busy has short ones all the time, and still a long silence ends.
 */
mono_ms loop_awake_since(struct loop *l, span_ms span);
/* How long all of them were. */
span_ms loop_pauses(struct loop *l);

/* @w->fd is watched for @events until loop_fd_del(). Returns 0 or -errno. */
void loop_fd_init(struct loop_fd *w, void (*ready)(struct loop_fd *, unsigned));
int loop_fd_add(struct loop *l, struct loop_fd *w, int fd, unsigned events);
void loop_fd_mod(struct loop *l, struct loop_fd *w, unsigned events);
void loop_fd_del(struct loop *l, struct loop_fd *w);

void loop_timer_init(struct loop *l, struct loop_timer *t, void (*fire)(struct loop_timer *));
/* Set, or set anew. @when == MONO_NEVER stops it. An instant in the past fires in this turn. */
void loop_timer_set(struct loop_timer *t, mono_ms when);
void loop_timer_stop(struct loop_timer *t);
static inline bool loop_timer_is_set(const struct loop_timer *t)
{
	return t->when != MONO_NEVER;
}

void loop_call_init(struct loop_call *c, void (*run)(struct loop_call *));
/* Run @c before the loop sleeps again; already waiting is fine, it runs once. */
void loop_defer(struct loop *l, struct loop_call *c);
void loop_call_cancel(struct loop_call *c);

void loop_hook_add(struct loop *l, struct loop_hook *h, void (*run)(struct loop_hook *));
void loop_hook_del(struct loop_hook *h);

/* Block the signals of the NULL-terminated-by-0 list @signals and get @got called for each. */
int loop_signals(struct loop *l, const int *signals, void (*got)(void *arg, int signo), void *arg);

/* Turn until loop_stop(). Returns 0 or -errno (the loop itself failed). */
int loop_run(struct loop *l);
/* One turn that sleeps for at most @wait. Returns 0 or -errno. */
int loop_turn(struct loop *l, span_ms wait);
void loop_stop(struct loop *l);

#endif
