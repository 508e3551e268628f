/* SPDX-License-Identifier: BSD-2-Clause */
/* A configuration file as text, whatever its grammar. */
#ifndef ISCSIFS_CONF_TEXT_H
#define ISCSIFS_CONF_TEXT_H

#include <stdbool.h>
#include <sys/stat.h>

#include "iscsifs/err.h"

/*
 * All of the file at @path (or a pipe), at most CONF_FILE_MAX bytes, ended by a NUL and with no
 * other in it; @st is its state. Returns 0 or -code; *text, which is NULL before, is the caller's to
 * free() in either case.
 */
int conf_text_read(const char *path, char **text, struct stat *st, struct err *err);

/* May others read the file that @st is of? */
static inline bool conf_text_is_shared(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_mode & 077;
}

#endif
