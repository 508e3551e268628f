/* SPDX-License-Identifier: BSD-2-Clause */
/* How long to wait before trying again: exponential, capped, with jitter. Pure. */
#ifndef ISCSIFS_BACKOFF_H
#define ISCSIFS_BACKOFF_H

#include <stdint.h>

#include "iscsifs/clock.h"

/*
 * The wait before a dial, @failures >= 0 in a row so far: 0 for the first, then 200 ms, 400 ms, …
 * up to 3 s (open-iscsi's ISCSI_CONN_ERR_REOPEN_DELAY), each within a quarter of that up or down
 * as the 32 random bits @random say, so that a fleet does not dial in step.
 */
span_ms backoff_dial(unsigned failures, uint32_t random);

/* The wait after BUSY or TASK SET FULL, @times >= 1 in a row: 10 ms doubling up to 200 ms, jittered. */
span_ms backoff_busy(unsigned times, uint32_t random);

#endif
