/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes that are carried out long after anybody waits for them, whatever became of their session:
 * what a target does that does not end the tasks of a session when it is reinstated.
 */
#ifndef ISCSIFS_TARGET_FAULT_ZOMBIE_H
#define ISCSIFS_TARGET_FAULT_ZOMBIE_H

#include "target/fault_hooks.h"

/* The command of @t, which began, is to be one: its data goes to memory instead of the disk. */
void fault_zombie_divert(struct task *t);

/* Its data is here: it is written @span from now. */
void fault_zombie_add(struct faults *f, struct task *t, const char *rule, span_ms span);

/* None of them is written any more. */
/* Those on @l end unwritten: it is no longer there. */
void fault_zombies_forget(struct faults *f, const struct lun *l);

void fault_zombies_end(struct faults *f);

#endif
