/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connection's pace: so many bytes each way in each tick, then it rests until the next. And a
 * command window that is told smaller than it is.
 */
#ifndef ISCSIFS_TARGET_FAULT_PACE_H
#define ISCSIFS_TARGET_FAULT_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "iscsifs/loop.h"

struct connection;
struct session;

struct fault_pace {
	uint32_t bytes;			/* each way in each tick; 0: as fast as can be */
	uint32_t in, out;		/* still left of that */
	span_ms tick;
	mono_ms until;			/* MONO_NEVER: for good */
	struct loop_timer timer;
};

struct fault_window {
	bool narrow;
	uint32_t commands;		/* told beyond ExpCmdSN */
	uint32_t told;			/* MaxCmdSN as told; it never goes back */
	struct loop_timer timer;
};

void fault_pace_init(struct connection *c);
void fault_pace_end(struct connection *c);

/* @bytes each way in each @tick, for @span; 0: for good. */
void fault_pace_set(struct connection *c, uint32_t bytes, span_ms tick, span_ms span);

/* So many bytes went, or came. */
void fault_pace_sent(struct connection *c, uint64_t bytes);
void fault_pace_received(struct connection *c, uint64_t bytes);

/* The peer is told a window of @commands at most, as far as it never shrinks, for @span; 0: for good. */
void fault_window_set(struct connection *c, uint32_t commands, span_ms span);

/* MaxCmdSN as it is told. Source: RFC 7143 4.2.2.1. */
uint32_t fault_window_told(struct session *s);

#endif
