/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * open-iscsi's iscsid.conf, as it is: `name = value` to the end of the line, no quotes, `#` at the
 * beginning of a line for comments.
 */
#ifndef ISCSIFS_ISCSID_CONF_H
#define ISCSIFS_ISCSID_CONF_H

#include "iscsifs/conf_file.h"

/*
 * Read @path into a conf_file with one section, so that conf_apply() works on it.
 *
 * Refused with `PATH:LINE: …` in @err: a name that @t does not have, a line without `=`, a secret in
 * a file that others may read (ERR_ACCESS). A name that comes twice is as in open-iscsi: the last
 * one counts. Returns 0 or -code; *out is the caller's to conf_file_free().
 */
int iscsid_conf_read(struct conf_file **out, const char *path, const struct settings *t,
		     struct err *err);

#endif
