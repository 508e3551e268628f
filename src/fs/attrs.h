/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a LUN's file tells in its extended attributes user.iscsi.*.
 */
#ifndef ISCSIFS_FS_ATTRS_H
#define ISCSIFS_FS_ATTRS_H

#include <stddef.h>

#include "iscsifs/lun.h"

enum { ATTRS_VALUE_MAX = 512 };

/* The value of @name as text. Returns its length, or -ENODATA: no such attribute. */
int attrs_get(const struct lun *lun, const char *name, char value[ATTRS_VALUE_MAX]);

/* All names, each with its NUL, one after the other; *len their length in all. */
const char *attrs_names(size_t *len);

#endif
