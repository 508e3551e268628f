/* SPDX-License-Identifier: BSD-2-Clause */
/* The second half of a rule, behind "do": ACTION[, ACTION]... */
#ifndef ISCSIFS_TARGET_SCRIPT_DO_H
#define ISCSIFS_TARGET_SCRIPT_DO_H

#include "target/script_lex.h"

/* Checked against the event of @r. Returns 0, all words being read, or -ERR_INVALID. */
int script_do(struct script_words *w, struct script_rule *r);

#endif
