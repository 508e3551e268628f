/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Can we mount there? Everything that can be said in a clear sentence before it is tried.
 */
#ifndef ISCSIFS_FS_MOUNTPOINT_H
#define ISCSIFS_FS_MOUNTPOINT_H

#include <limits.h>
#include <stdbool.h>

#include "iscsifs/err.h"
#include "iscsifs/mount.h"

#define MOUNTPOINT_SUBTYPE	"iscsifs"	/* mount(8) shows type fuse.iscsifs */

enum { MOUNTPOINT_DEV_MAX = 24 };

/*
 * Look at the mountpoint and at /dev/fuse. @path becomes the canonical mountpoint, which still is
 * the right one after chdir(). A mountpoint "/dev/fd/N" is a descriptor that somebody has mounted
 * for us: nothing to look at. Returns 0 or -@err->code.
 */
int mountpoint_check(const struct mount_param *p, char path[PATH_MAX], struct err *err);

/*
 * Is @line, of /proc/self/mountinfo, a mount of ours at @path, which is canonical? Then @dev is
 * its device as "MAJOR:MINOR".
 */
bool mountpoint_parse_line(const char *line, const char *path, char dev[MOUNTPOINT_DEV_MAX]);

/*
 * After mounting at @path: @dev is the mount's device, "" when it is not to be found. Nothing in
 * the mount is touched, we serve it ourselves.
 */
void mountpoint_find(const char *path, char dev[MOUNTPOINT_DEV_MAX]);

/*
 * Have the kernel read ahead as far as one of our requests goes, where we may set that (root);
 * it is 128 KiB otherwise.
 */
void mountpoint_set_read_ahead(const char *dev);

/* Take the mount @dev off @path if it is still there: libfuse leaves one that was aborted. */
void mountpoint_clear(const char *path, const char *dev);

/* The list of options for libfuse, the caller's to free; NULL: no memory. */
char *mountpoint_options(const struct mount_param *p);

/* After mounting failed with @said (libfuse's and fusermount3's words, may be ""): the error. */
int mountpoint_explain(const char *mountpoint, const char *said, struct err *err);

#endif
