/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A text file whose text is made when it is opened, so that each reader sees one moment.
 */
#ifndef ISCSIFS_FS_STATUS_H
#define ISCSIFS_FS_STATUS_H

#include <stddef.h>
#include <stdint.h>

#include "iscsifs/mount.h"

/* A kind of text: what a file in .iscsifs/ is made from. */
struct status {
	mount_text *text;
	void *arg;
};

/* One open file's text. */
struct status_shot {
	char *text;
	size_t len;
};

/* Returns 0 or -ENOMEM. */
int status_take(const struct status *s, struct status_shot *out);
void status_drop(struct status_shot *shot);

/* Up to @len bytes at @off: returns where they are, *out how many; 0 at the end. */
const char *status_read(const struct status_shot *shot, uint64_t off, size_t len, size_t *out);

#endif
