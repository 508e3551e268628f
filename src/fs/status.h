/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A text file whose text is made when it is opened, so that each reader sees one moment. That of
 * events grows at its end while it is open, for who reads on.
 */
#ifndef ISCSIFS_FS_STATUS_H
#define ISCSIFS_FS_STATUS_H

#include <stddef.h>
#include <stdint.h>

#include "iscsifs/mount.h"

/* A kind of text: what a file in .iscsifs/ is made from; `events` or `text`. */
struct status {
	mount_text *text;
	void *arg;
	const struct events *events;
};

/* One open file's text. */
struct status_shot {
	const struct status *of;
	char *text;
	size_t len;
	uint64_t shift;			/* of events: from where in the file to where in their text */
};

/* Returns 0 or -ENOMEM. */
int status_take(const struct status *s, struct status_shot *out);
void status_drop(struct status_shot *shot);

/*
 * Up to @len bytes at @off: returns where they are, *out how many; 0 at the end. The text of events
 * is one that only grows and whose beginning is forgotten: who reads from the beginning, or is so
 * slow that what he wants is gone, goes on with the oldest that is kept.
 */
const char *status_read(struct status_shot *shot, uint64_t off, size_t len, size_t *out);

#endif
