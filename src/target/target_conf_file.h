/* SPDX-License-Identifier: BSD-2-Clause */
/* iscsifs-target.conf: the native configuration file, iscsifs-target.conf(5). */
#ifndef ISCSIFS_TARGET_TARGET_CONF_FILE_H
#define ISCSIFS_TARGET_TARGET_CONF_FILE_H

#include "iscsifs/conf_file.h"
#include "target/target_conf.h"

/* Its keys and sections; for the tests of the manual. */
extern const struct conf_grammar target_conf_grammar;

/*
 * Read @path into @c, which target_conf_init() has made and nothing else. Passwords are refused in a
 * file that others may read.
 *
 * @note  hears what was accepted and is not as it was said, with its place.
 *
 * Returns 0, or -code with `PATH:LINE: …` in @e; @c is the caller's to target_conf_fini() in either
 * case. It is not checked as a whole: target_conf_check().
 */
int target_conf_read(struct target_conf *c, const char *path, target_note_fn *note, void *arg,
		     struct err *e);

#endif
