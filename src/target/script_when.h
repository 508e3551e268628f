/* SPDX-License-Identifier: BSD-2-Clause */
/* The first half of a rule, behind "on": EVENT [where MATCH[, MATCH]...] [LIMIT]... do */
#ifndef ISCSIFS_TARGET_SCRIPT_WHEN_H
#define ISCSIFS_TARGET_SCRIPT_WHEN_H

#include "target/script_lex.h"

/* Returns 0, "do" being passed, or -ERR_INVALID. */
int script_when(struct script_words *w, struct script_rule *r);

#endif
