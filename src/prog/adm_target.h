/* SPDX-License-Identifier: BSD-2-Clause */
/* iscsifsadm target: words for the control socket of an iscsifs-target. */
#ifndef ISCSIFS_PROG_ADM_TARGET_H
#define ISCSIFS_PROG_ADM_TARGET_H

#include <stdbool.h>

#include "iscsifs/clock.h"
#include "prog/show.h"

/* Options of the command line. */
struct adm_target_options {
	const char *socket;
	const char *target;		/* -T, or NULL */
	span_ms timeout;		/* < 0: as long as it takes */
	enum show_format format;
	bool force;
	bool secrets;
};

/*
 * @words, @count of them, behind "target"; they may be cut up. Prints the answer, or a sentence on
 * stderr. Returns an exit code.
 */
int adm_target(const struct adm_target_options *o, char **words, int count);

#endif
