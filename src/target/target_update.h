/* SPDX-License-Identifier: BSD-2-Clause */
/* A running server becomes what a configuration says, as tgt-admin --update does it. */
#ifndef ISCSIFS_TARGET_TARGET_UPDATE_H
#define ISCSIFS_TARGET_TARGET_UPDATE_H

#include "target/target_apply.h"

/*
 * Targets and units that @c does not have go, those that are new come, those that are other ones are
 * replaced; what may change in use does: size of a file, write protection, online, what is
 * negotiated, accounts, rules, limits. @c was checked, and its accounts and rules move to @s.
 *
 * @force  end sessions and commands of what goes or is replaced; else nothing is done at all while
 *         there are some. Also: take all targets away, because @c has none.
 * @note   hears what will only change at the next start.
 *
 * Returns 0; or -code with a sentence in @e, and everything is as it was: ERR_BUSY, a disk that
 * cannot be opened.
 */
int target_update(struct server *s, struct target_conf *c, bool force, target_note_fn *note,
		  void *arg, struct err *e);

#endif
