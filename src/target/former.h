/* SPDX-License-Identifier: BSD-2-Clause */
/* Units that were removed, as initiators remember them. */
#ifndef ISCSIFS_TARGET_FORMER_H
#define ISCSIFS_TARGET_FORMER_H

#include "target/target.h"

/* @l is about to be removed. */
void former_remember(struct target *t, const struct lun *l);
void former_forget_all(struct target *t);

/*
 * Would initiators take @backing, as unit @number with the serial number @serial (NULL: derived),
 * for the disk that was or is there, which is another file? Then -ERR_EXISTS with a sentence in @e,
 * else 0. What cannot be looked at is no reason.
 */
int former_check(const struct target *t, unsigned number, const char *backing,
		 const char *serial, struct err *e);

#endif
