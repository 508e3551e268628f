/* SPDX-License-Identifier: BSD-2-Clause */
/* What a target program says of itself, for people who know tgt-admin. */
#ifndef ISCSIFS_PROG_SHOW_TARGET_H
#define ISCSIFS_PROG_SHOW_TARGET_H

#include "prog/show.h"

/* The answer to cmd=show, in the shape of tgt-admin --show. */
void show_targets(FILE *f, const struct show_list *l);

#endif
