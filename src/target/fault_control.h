/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fault commands of a target's control socket, and those who wait there for a rule to strike.
 * Each refuses with a sentence where faults are not enabled. @arg is the struct server.
 */
#ifndef ISCSIFS_TARGET_FAULT_CONTROL_H
#define ISCSIFS_TARGET_FAULT_CONTROL_H

#include "iscsifs/control.h"
#include "target/fault_hooks.h"

void fault_control(struct control_request *rq, void *arg);
void fault_control_wait(struct control_request *rq, void *arg);
void fault_control_journal(struct control_request *rq, void *arg);
void fault_control_mark(struct control_request *rq, void *arg);
void fault_control_crash(struct control_request *rq, void *arg);

/* A rule struck, a mark was set, a rule is gone: answer those whose time has come. */
void fault_control_hit(struct faults *f);

/* The server ends: those who wait are told. */
void fault_control_end(struct faults *f);

#endif
