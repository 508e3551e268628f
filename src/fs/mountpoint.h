/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Can we mount there? Everything that can be said in a clear sentence before it is tried.
 */
#ifndef ISCSIFS_FS_MOUNTPOINT_H
#define ISCSIFS_FS_MOUNTPOINT_H

#include <stdbool.h>

#include "iscsifs/err.h"
#include "iscsifs/mount.h"

#define MOUNTPOINT_SUBTYPE	"iscsifs"	/* mount(8) shows type fuse.iscsifs */

/*
 * Look at the mountpoint and at /dev/fuse. A mountpoint "/dev/fd/N" is a descriptor that somebody
 * has mounted for us: nothing to look at. Returns 0 or -@err->code.
 */
int mountpoint_check(const struct mount_param *p, struct err *err);

/* Is @line, of /proc/self/mountinfo, a mount of ours at @path, which is canonical? */
bool mountpoint_line_is_ours(const char *line, const char *path);

/* After mounting failed with @said (libfuse's and fusermount3's words, may be ""): the error. */
int mountpoint_explain(const char *mountpoint, const char *said, struct err *err);

#endif
