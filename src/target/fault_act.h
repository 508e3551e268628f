/* SPDX-License-Identifier: BSD-2-Clause */
/* What an action does to a connection, to all of them, or to the whole target. */
#ifndef ISCSIFS_TARGET_FAULT_ACT_H
#define ISCSIFS_TARGET_FAULT_ACT_H

#include "target/fault_hooks.h"

/*
 * Carry out one action of @r that is about more than the PDU or command at hand; the others do
 * nothing here. @c is the connection where it happened; NULL: nowhere, all connections are meant.
 */
void fault_act(struct faults *f, struct connection *c, const struct script_rule *r,
	       const struct script_action *a);

/* faults.settle: the tasks that a deed to a LUN left without it are answered. */
void fault_act_settle(struct loop_call *c);

/* Can @r be done to this server: the LUNs it names are there? Returns 0 or -ERR_INVALID. */
int fault_act_check(const struct faults *f, const struct script_rule *r, struct err *e);

/* The connection ends its hole or its holding when @span is over; 0: never. */
void fault_act_until(struct connection *c, span_ms span);

#endif
