/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which backend a LUN's words name, and how fast it is. The one hard thing: the kernel does not
 * say beforehand whether a write to its page cache will sleep; so once one did, the next ones are
 * for threads, for a while.
 */
#include "target/disk.h"

#include <errno.h>
#include <string.h>

#include "iscsifs/clock.h"
#include "iscsifs/num.h"

enum { DISK_SLOW_US = 10000, DISK_SLOW_FOR_US = 2000000 };

static int disk_parse_size(const char *what, const char *size, uint64_t *out, struct err *e)
{
	if (num_parse_size(size, out) || !*out || *out > INT64_MAX)
		return err_set(e, ERR_INVALID, "LUN \"%s\": want a size such as 64M or 10G", what);
	return 0;
}

int disk_open(struct disk **out, const char *what, bool write_protected, struct err *e)
{
	uint64_t size;
	int rc;

	if (!strncmp(what, "ram:", 4)) {
		rc = disk_parse_size(what, what + 4, &size, e);
		rc = rc ? rc : disk_ram_open(out, size, e);
	} else if (!strncmp(what, "null:", 5)) {
		rc = disk_parse_size(what, what + 5, &size, e);
		rc = rc ? rc : disk_null_open(out, size, e);
	} else {
		rc = disk_file_open(out, what, write_protected, e);
	}
	if (!rc && write_protected)
		(*out)->write_protected = true;
	return rc;
}

void disk_took(struct disk *d, uint64_t us)
{
	if (d->sleeps && us >= DISK_SLOW_US)
		d->slow_until_us = clock_mono_us() + DISK_SLOW_FOR_US;
}

bool disk_is_slow(struct disk *d)
{
	if (!d->slow_until_us)
		return false;
	if (clock_mono_us() < d->slow_until_us)
		return true;
	d->slow_until_us = 0;
	return false;
}

int disk_write_now(struct disk *d, uint64_t off, const void *buf, size_t len)
{
	uint64_t began;
	int rc;

	if (!d->sleeps)
		return disk_write(d, off, buf, len);
	began = clock_mono_us();
	rc = disk_write(d, off, buf, len);
	disk_took(d, clock_mono_us() - began);
	return rc;
}

int disk_resize(struct disk *d, uint64_t size, bool cut)
{
	if (size > INT64_MAX)
		return -EFBIG;
	return d->ops->resize(d, size, cut);
}

int disk_protect(struct disk *d, bool on)
{
	int rc = d->ops->protect ? d->ops->protect(d, on) : 0;

	if (!rc)
		d->write_protected = on;
	return rc;
}

void disk_free(struct disk *d)
{
	if (d)
		d->ops->free(d);
}
