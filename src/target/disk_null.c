/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk that reads as zeros and forgets what is written: to measure everything but storage. */
#include "target/disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DISK_NULL_ZEROS = 1 << 20 };

static uint8_t disk_null_zeros[DISK_NULL_ZEROS];

static int disk_null_read(struct disk *d, uint64_t off, void *buf, size_t len)
{
	(void)d;
	(void)off;
	memset(buf, 0, len);
	return 0;
}

static int disk_null_write(struct disk *d, uint64_t off, const void *buf, size_t len)
{
	(void)d;
	(void)off;
	(void)buf;
	(void)len;
	return 0;
}

static int disk_null_flush(struct disk *d)
{
	(void)d;
	return 0;
}

static int disk_null_zero(struct disk *d, uint64_t off, uint64_t len, bool deallocate)
{
	(void)d;
	(void)off;
	(void)len;
	(void)deallocate;
	return 0;
}

static int disk_null_extent(struct disk *d, uint64_t off, uint64_t *len, bool *mapped)
{
	*len = d->size - off;
	*mapped = false;
	return 0;
}

static void *disk_null_map(struct disk *d, uint64_t off, size_t len, bool for_write)
{
	(void)d;
	(void)off;
	return for_write || len > DISK_NULL_ZEROS ? NULL : disk_null_zeros;
}

static int disk_null_resize(struct disk *d, uint64_t size, bool cut)
{
	(void)cut;
	d->size = size ? size : d->size;
	return 0;
}

static void disk_null_free(struct disk *d)
{
	free(d);
}

static const struct disk_ops disk_null_ops = {
	.name = "null",
	.read = disk_null_read,
	.write = disk_null_write,
	.flush = disk_null_flush,
	.zero = disk_null_zero,
	.extent = disk_null_extent,
	.map = disk_null_map,
	.resize = disk_null_resize,
	.free = disk_null_free,
};

int disk_null_open(struct disk **out, uint64_t size, struct err *e)
{
	struct disk *d = calloc(1, sizeof(*d));

	if (!d)
		return err_set(e, ERR_NOMEM, "LUN null: out of memory");
	d->ops = &disk_null_ops;
	d->size = size;
	*out = d;
	return 0;
}
