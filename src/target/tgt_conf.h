/* SPDX-License-Identifier: BSD-2-Clause */
/* targets.conf, tgt's configuration file, as it is: iscsifs-target.conf(5), TARGETS.CONF. */
#ifndef ISCSIFS_TARGET_TGT_CONF_H
#define ISCSIFS_TARGET_TGT_CONF_H

#include "target/target_conf.h"

/*
 * Read @path, and what it includes, into @c, which target_conf_init() has made and nothing else.
 *
 * Returns 0, or -code with `PATH:LINE: …` in @e; @c is the caller's to target_conf_fini() in either
 * case. It is not checked as a whole: target_conf_check().
 */
int tgt_conf_read(struct target_conf *c, const char *path, target_note_fn *note, void *arg,
		  struct err *e);

#endif
