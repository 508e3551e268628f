/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time. Decisions use a monotonic clock in milliseconds; the wall clock is for printing only, so a
 * clock that jumps never ends a session.
 */
#ifndef ISCSIFS_CLOCK_H
#define ISCSIFS_CLOCK_H

#include <stdint.h>

typedef int64_t mono_ms;	/* an instant, CLOCK_MONOTONIC, ms; never negative */
typedef int64_t span_ms;	/* a span, ms */
typedef int64_t wall_ms;	/* ms since 1970-01-01 UTC, for printing only */

#define MONO_NEVER	INT64_MAX	/* an instant that does not come */

mono_ms clock_mono_ms(void);
wall_ms clock_wall_ms(void);

/* Microseconds on the monotonic clock, for measuring latency. */
uint64_t clock_mono_us(void);

#endif
