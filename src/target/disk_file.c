/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk in a regular file or on a block device. Two hard things. What a hole is: it reads as zeros
 * and holds no space, so deallocating punches one; where the file system cannot, zeros are written,
 * which is slower and just as true. And what a failed fdatasync() is: Linux forgets the pages that
 * it could not write and says so once, so the next one would succeed and lie; therefore the disk
 * stays broken until somebody looked.
 */
#include "target/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "iscsifs/check.h"
#include "iscsifs/clock.h"

enum { DISK_FILE_ZEROS = 1 << 16, DISK_FILE_MIN = 4096 };

struct disk_file {
	struct disk d;
	int fd;
	bool always_waits;	/* its file system cannot read without waiting: RWF_NOWAIT */
	bool is_block;
	bool read_only;			/* as it was opened */
	atomic_int broken;		/* errno of the fdatasync() that failed, in any thread */
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

static int disk_file_broken(struct disk *d)
{
	return -atomic_load_explicit(&container_of(d, struct disk_file, d)->broken,
				     memory_order_relaxed);
}

static int disk_file_write(struct disk *d, uint64_t off, const void *buf, size_t len)
{
	int fd = disk_file_fd(d), broken = disk_file_broken(d);

	if (broken)
		return broken;
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

/* Shorter than it was said to be: somebody cut it, and what was behind the cut is lost. */
static bool disk_file_is_cut(struct disk *d)
{
	struct stat st;

	return !container_of(d, struct disk_file, d)->is_block && !fstat(disk_file_fd(d), &st) &&
	       (uint64_t)st.st_size < __atomic_load_n(&d->size, __ATOMIC_RELAXED);
}

static int disk_file_flush(struct disk *d)
{
	int broken = disk_file_broken(d);

	if (broken)
		return broken;
	if (fdatasync(disk_file_fd(d))) {
		broken = errno;
		atomic_store(&container_of(d, struct disk_file, d)->broken, broken);
		return -broken;
	}
	return disk_file_is_cut(d) ? -ENODATA : 0;
}

static void disk_file_recover(struct disk *d)
{
	atomic_store(&container_of(d, struct disk_file, d)->broken, 0);
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
	int broken = disk_file_broken(d);

	if (broken)
		return broken;
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

	/* Cannot say, or it is behind the end of a file that was cut: then it is there. */
	if (data < 0 && (errno != ENXIO || disk_file_is_cut(d))) {
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

static int disk_file_measure(const struct disk_file *f, uint64_t *size)
{
	struct stat st;

	if (f->is_block)
		return ioctl(f->fd, BLKGETSIZE64, size) ? -errno : 0;
	if (fstat(f->fd, &st))
		return -errno;
	*size = (uint64_t)st.st_size;
	return 0;
}

static int disk_file_resize(struct disk *d, uint64_t size, bool cut)
{
	struct disk_file *f = container_of(d, struct disk_file, d);
	uint64_t there;
	int rc = disk_file_measure(f, &there);

	if (rc)
		return rc;
	if (!size && there < DISK_FILE_MIN)	/* no block of any size is left */
		return -ENODATA;
	size = size ? size : there;
	if (f->is_block && size > there)
		return -ENOSPC;
	if (!f->is_block && (size > there || (size < there && cut))) {
		if (f->read_only)
			return -EROFS;
		if (ftruncate(f->fd, (off_t)size))
			return -errno;
	}
	__atomic_store_n(&d->size, size, __ATOMIC_RELAXED);
	return 0;
}

/* The same file, whatever stands under its name today. */
static int disk_file_protect(struct disk *d, bool on)
{
	struct disk_file *f = container_of(d, struct disk_file, d);
	char path[64];
	int fd;

	if (on || !f->read_only)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", f->fd);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (dup3(fd, f->fd, O_CLOEXEC) < 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	close(fd);
	f->read_only = false;
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
	.resize = disk_file_resize,
	.protect = disk_file_protect,
	.recover = disk_file_recover,
	.free = disk_file_free,
};

/*
 * A file or a block device is opened, and nothing else: to open a pipe may take for ever, and to
 * open a device may already do something. Returns 0 or -errno.
 */
static int disk_file_enter(struct disk_file *f, const char *path, bool write_protected)
{
	struct stat st;

	if (stat(path, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return -ENOTSUP;
	f->fd = open(path, (write_protected ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	f->read_only = write_protected;
	return f->fd < 0 ? -errno : 0;
}

static const char *disk_file_why(int rc)
{
	return rc == -ENOTSUP ? "neither a regular file nor a block device" : strerror(-rc);
}

/* A file or a block device? Returns 0 or -errno. */
static int disk_file_judge(struct disk_file *f)
{
	struct stat st;

	if (fstat(f->fd, &st))
		return -errno;
	f->is_block = S_ISBLK(st.st_mode);
	f->d.file[0] = f->is_block ? st.st_rdev : st.st_dev;
	f->d.file[1] = f->is_block ? 0 : st.st_ino;
	return f->is_block || S_ISREG(st.st_mode) ? 0 : -ENOTSUP;
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
	f->fd = -1;
	rc = disk_file_enter(f, path, write_protected);
	if (rc) {
		rc = err_set(e, rc == -EACCES || rc == -EPERM ? ERR_ACCESS : ERR_INVALID,
			     "LUN %s: cannot open it: %s", path, disk_file_why(rc));
		goto fail;
	}
	rc = disk_file_judge(f);
	rc = rc ? rc : disk_file_measure(f, &f->d.size);
	if (rc) {
		rc = err_set(e, ERR_INVALID, "LUN %s: %s", path, disk_file_why(rc));
		goto fail;
	}
	*out = &f->d;
	return 0;
fail:
	disk_file_free(&f->d);
	return rc;
}
