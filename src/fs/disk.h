/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a disk answers when it is used as a file: pure decisions, no I/O.
 */
#ifndef ISCSIFS_FS_DISK_H
#define ISCSIFS_FS_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "iscsifs/mount.h"

/*
 * A file that was truncated and is being filled again. Whoever skips a part then believes that it
 * reads as zeros, as cp does with the holes of an image, but on a disk the old bytes are there.
 */
struct disk_fill {
	bool on;
	uint64_t end;		/* so far it has been written, without a gap */
};

/* The file was truncated by an open. @writers: opens for writing there are, that one included. */
void disk_fill_begin(struct disk_fill *f, unsigned writers);
/* An open for writing came or went; with more than one nobody fills a file of his own. */
void disk_fill_writers(struct disk_fill *f, unsigned writers);
/* A write. Returns 0, or -EOPNOTSUPP: it would leave a gap with old bytes in it. */
int disk_fill_write(struct disk_fill *f, uint64_t off, uint32_t len);

/* How many of @len bytes at @off there are to read in a disk of @size bytes: 0 at its end. */
uint32_t disk_read_len(uint64_t size, uint64_t off, uint32_t len);

/* As above, to write. Returns 0, or -ENOSPC at or past the end (and for any O_APPEND in @flags). */
int disk_write_len(uint64_t size, uint64_t off, uint32_t len, int flags, uint32_t *out);

/*
 * May the size be set to @want? @by_handle: by ftruncate(); else by truncate() or open(O_TRUNC),
 * which the kernel does not tell apart, so that 0 must be harmless there.
 * Returns 0 (nothing to do), -EPERM (a disk does not grow) or -EINVAL (nor shrink).
 */
int disk_truncate(uint64_t size, uint64_t want, bool by_handle);

/* Returns 0 (there already), -ENOSPC (past the end), -EOPNOTSUPP (never -ENOSYS: that sticks). */
int disk_fallocate(uint64_t size, int mode, uint64_t off, uint64_t len);

/* lseek() with SEEK_DATA or SEEK_HOLE: all is data. Returns 0, -ENXIO or -EINVAL. */
int disk_seek(uint64_t size, uint64_t off, int whence, uint64_t *out);

/*
 * May an open with @flags read through the page cache? @others: opens that there are. Only a lone
 * reader may: the kernel empties the cache at such an open, and waits for pages that others are
 * reading, in an outage for long and deaf to signals.
 */
bool disk_open_cached(enum mount_cache cache, int flags, unsigned others);

static inline bool disk_flags_write(int flags)
{
	return (flags & 3) != 0;	/* O_ACCMODE: O_WRONLY or O_RDWR */
}

#endif
