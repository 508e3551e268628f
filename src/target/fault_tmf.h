/* SPDX-License-Identifier: BSD-2-Clause */
/* Task management that is carried out, and answered, long after it came. */
#ifndef ISCSIFS_TARGET_FAULT_TMF_H
#define ISCSIFS_TARGET_FAULT_TMF_H

#include <stdint.h>

#include "iscsifs/clock.h"

struct connection;

/*
 * The request @bhs, which was passed over, is carried out @span from now; what comes behind it does
 * not wait. Beyond 64 of a connection, and when memory is short, it is forgotten.
 */
void fault_tmf_late(struct connection *c, const uint8_t *bhs, span_ms span);

/* The connection ends: they are forgotten. */
void fault_tmf_end(struct connection *c);

#endif
