/* SPDX-License-Identifier: BSD-2-Clause */
/* iscsifsadm target: words for the control socket of an iscsifs-target. */
#ifndef ISCSIFS_PROG_ADM_TARGET_H
#define ISCSIFS_PROG_ADM_TARGET_H

#include "iscsifs/clock.h"
#include "prog/show.h"

/*
 * @words, @count of them, behind "target"; the last may be cut up. @timeout < 0: as long as it takes.
 * Prints the answer, or a sentence on stderr. Returns an exit code.
 */
int adm_target(const char *socket, span_ms timeout, enum show_format format, char **words,
	       int count);

#endif
