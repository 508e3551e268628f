/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk in a regular file or on a block device. The one hard thing: what a hole is. A hole reads
 * as zeros and holds no space, so deallocating punches one; where the file system cannot, zeros
 * are written, which is slower and just as true.
 */
#include "target/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "iscsifs/check.h"
#include "iscsifs/clock.h"

enum { DISK_FILE_ZEROS = 1 << 16 };

struct disk_file {
	struct disk d;
	int fd;
	bool always_waits;	/* its file system cannot read without waiting: RWF_NOWAIT */
};

static int disk_file_fd(struct disk *d)
{
	return container_of(d, struct disk_file, d)->fd;
}

static int disk_file_read(struct disk *d, uint64_t off, void *buf, size_t len)
{
	int fd = disk_file_fd(d);

	while (len) {
		ssize_t n = pread(fd, buf, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENODATA;
		buf = (char *)buf + n;
		off += (size_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* Where the kernel cannot say whether it would wait, it is tried, and seen. */
static int disk_file_read_blind(struct disk *d, uint64_t off, void *buf, size_t len)
{
	uint64_t began = clock_mono_us();
	int rc;

	if (disk_is_slow(d))
		return -EAGAIN;
	rc = disk_file_read(d, off, buf, len);
	disk_took(d, clock_mono_us() - began);
	return rc;
}

static int disk_file_read_now(struct disk *d, uint64_t off, void *buf, size_t len)
{
	struct disk_file *f = container_of(d, struct disk_file, d);
	struct iovec iov = { buf, len };
	ssize_t n;

	if (f->always_waits)
		return disk_file_read_blind(d, off, buf, len);
	n = preadv2(f->fd, &iov, 1, (off_t)off, RWF_NOWAIT);
	if (n == (ssize_t)len)
		return 0;
	if (n >= 0 || errno == EAGAIN || errno == EINTR)
		return -EAGAIN;
	if (errno != EOPNOTSUPP && errno != ENOSYS)
		return -errno;
	f->always_waits = true;
	return disk_file_read_blind(d, off, buf, len);
}

static int disk_file_write(struct disk *d, uint64_t off, const void *buf, size_t len)
{
	int fd = disk_file_fd(d);

	while (len) {
		ssize_t n = pwrite(fd, buf, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENOSPC;
		buf = (const char *)buf + n;
		off += (size_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int disk_file_flush(struct disk *d)
{
	return fdatasync(disk_file_fd(d)) ? -errno : 0;
}

static int disk_file_write_zeros(struct disk *d, uint64_t off, uint64_t len)
{
	static const uint8_t zeros[DISK_FILE_ZEROS];
	int rc = 0;

	while (len && !rc) {
		size_t n = (size_t)MIN(len, (uint64_t)sizeof(zeros));

		rc = disk_file_write(d, off, zeros, n);
		off += n;
		len -= n;
	}
	return rc;
}

static int disk_file_zero(struct disk *d, uint64_t off, uint64_t len, bool deallocate)
{
	int mode = deallocate ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;

	if (!fallocate(disk_file_fd(d), mode | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len))
		return 0;
	if (errno == EOPNOTSUPP || errno == ENOSYS || errno == ENODEV)
		return disk_file_write_zeros(d, off, len);
	return -errno;
}

static int disk_file_extent(struct disk *d, uint64_t off, uint64_t *len, bool *mapped)
{
	int fd = disk_file_fd(d);
	off_t data = lseek(fd, (off_t)off, SEEK_DATA);
	off_t end = (off_t)d->size;

	if (data < 0 && errno != ENXIO) {	/* cannot say: then it is there */
		*mapped = true;
		*len = d->size - off;
		return 0;
	}
	if (data == (off_t)off) {
		off_t hole = lseek(fd, data, SEEK_HOLE);

		*mapped = true;
		end = hole > data ? MIN(hole, end) : end;
	} else {
		*mapped = false;
		end = data < 0 ? end : MIN(data, end);
	}
	*len = (uint64_t)end - off;
	return 0;
}

static void disk_file_free(struct disk *d)
{
	struct disk_file *f = container_of(d, struct disk_file, d);

	if (f->fd >= 0)
		close(f->fd);
	free(f);
}

static const struct disk_ops disk_file_ops = {
	.name = "file",
	.read = disk_file_read,
	.read_now = disk_file_read_now,
	.write = disk_file_write,
	.flush = disk_file_flush,
	.zero = disk_file_zero,
	.extent = disk_file_extent,
	.free = disk_file_free,
};

static int disk_file_measure(int fd, uint64_t *size)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (S_ISBLK(st.st_mode))
		return ioctl(fd, BLKGETSIZE64, size) ? -errno : 0;
	if (!S_ISREG(st.st_mode))
		return -ENOTSUP;
	*size = (uint64_t)st.st_size;
	return 0;
}

int disk_file_open(struct disk **out, const char *path, bool write_protected, struct err *e)
{
	struct disk_file *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return err_set(e, ERR_NOMEM, "LUN %s: out of memory", path);
	f->d.ops = &disk_file_ops;
	f->d.volatile_cache = true;
	f->d.sleeps = true;
	f->fd = open(path, (write_protected ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (f->fd < 0) {
		rc = err_set(e, errno == EACCES || errno == EPERM ? ERR_ACCESS : ERR_INVALID,
			     "LUN %s: cannot open it: %s", path, strerror(errno));
		goto fail;
	}
	rc = disk_file_measure(f->fd, &f->d.size);
	if (rc) {
		rc = err_set(e, ERR_INVALID, "LUN %s: %s", path,
			     rc == -ENOTSUP ? "neither a regular file nor a block device"
					    : strerror(-rc));
		goto fail;
	}
	*out = &f->d;
	return 0;
fail:
	disk_file_free(&f->d);
	return rc;
}
