/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of iscsifs-target that are about faults. */
#ifndef ISCSIFS_PROG_TARGET_FAULTS_H
#define ISCSIFS_PROG_TARGET_FAULTS_H

#include <stdbool.h>

#include "iscsifs/err.h"
#include "target/server.h"

struct target_faults {
	bool enabled;
	const char *first;		/* the first option that needs them; NULL: none */
};

/* --fault RULE. Returns 0 or -code. */
int target_faults_rule(struct target_faults *tf, struct server *s, const char *text, struct err *e);

/* --fault-file FILE, "-" for standard input. Returns 0 or -code. */
int target_faults_file(struct target_faults *tf, struct server *s, const char *path, struct err *e);

/* The command line is over: were faults enabled, if any are named? Returns 0 or -code. */
int target_faults_check(const struct target_faults *tf, struct server *s, struct err *e);

#endif
