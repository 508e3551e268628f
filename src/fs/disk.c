/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk as a file. The one hard thing: programs that write images treat the file as theirs to
 * truncate, and a disk has one size only; so what is harmless succeeds and what is not is refused
 * with the error that a program understands.
 */
#include "config.h"

#include "fs/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

void disk_fill_begin(struct disk_fill *f, unsigned writers)
{
	*f = (struct disk_fill){ .on = writers == 1 };
}

void disk_fill_writers(struct disk_fill *f, unsigned writers)
{
	f->on = f->on && writers == 1;
}

int disk_fill_write(struct disk_fill *f, uint64_t off, uint32_t len)
{
	if (!f->on)
		return 0;
	if (off > f->end)
		return -EOPNOTSUPP;
	if (off + len > f->end)
		f->end = off + len;
	return 0;
}

uint32_t disk_read_len(uint64_t size, uint64_t off, uint32_t len)
{
	if (off >= size)
		return 0;
	return len < size - off ? len : (uint32_t)(size - off);
}

int disk_write_len(uint64_t size, uint64_t off, uint32_t len, int flags, uint32_t *out)
{
	if (off >= size || flags & O_APPEND)
		return -ENOSPC;
	*out = disk_read_len(size, off, len);
	return 0;
}

int disk_truncate(uint64_t size, uint64_t want, bool by_handle)
{
	if (want == size || (want == 0 && !by_handle))
		return 0;
	return want > size ? -EPERM : -EINVAL;
}

int disk_fallocate(uint64_t size, int mode, uint64_t off, uint64_t len)
{
	if (mode & ~FALLOC_FL_KEEP_SIZE)
		return -EOPNOTSUPP;
	return off > size || len > size - off ? -ENOSPC : 0;
}

int disk_seek(uint64_t size, uint64_t off, int whence, uint64_t *out)
{
	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return -EINVAL;
	if (off >= size)
		return -ENXIO;
	*out = whence == SEEK_DATA ? off : size;
	return 0;
}

bool disk_open_cached(enum mount_cache cache, int flags, unsigned others)
{
	return cache == MOUNT_CACHE_AUTO && !disk_flags_write(flags) && !(flags & O_DIRECT) &&
	       !others;
}
