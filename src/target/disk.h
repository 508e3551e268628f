/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What holds a LUN's bytes: a file or block device, memory, or nothing.
 *
 * Offsets and lengths are bytes, inside the disk, which the caller has checked. Errors are
 * -errno; the caller makes sense data of them. -ENODATA: fewer bytes are there than the disk has,
 * the backing file was cut under us.
 *
 * Any thread may call what reads, writes, zeroes and flushes.
 */
#ifndef ISCSIFS_TARGET_DISK_H
#define ISCSIFS_TARGET_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iscsifs/err.h"

struct disk;

struct disk_ops {
	const char *name;
	int (*read)(struct disk *d, uint64_t off, void *buf, size_t len);
	int (*read_now)(struct disk *d, uint64_t off, void *buf, size_t len);
	int (*write)(struct disk *d, uint64_t off, const void *buf, size_t len);
	int (*flush)(struct disk *d);
	int (*zero)(struct disk *d, uint64_t off, uint64_t len, bool deallocate);
	int (*extent)(struct disk *d, uint64_t off, uint64_t *len, bool *mapped);
	void *(*map)(struct disk *d, uint64_t off, size_t len, bool for_write);
	int (*resize)(struct disk *d, uint64_t size, bool cut);
	int (*protect)(struct disk *d, bool on);
	void (*recover)(struct disk *d);
	void (*free)(struct disk *d);
};

/* A backend embeds this first. */
struct disk {
	const struct disk_ops *ops;
	uint64_t size;		/* bytes */
	uint64_t mapped;	/* bytes that disk_map() may have lent out, from its first on; 0: none */
	bool volatile_cache;	/* acknowledged writes need flush() to be safe */
	bool write_protected;
	bool sleeps;		/* its calls may wait for a device */
	uint64_t slow_until_us;	/* it was slow lately: disk_is_slow(); the loop's thread only */
	unsigned losses;	/* times that it lost what was written and not flushed */
	bool forgets;		/* what was written is gone with the process */
	uint64_t file[2];	/* device and inode of its file; 0, 0: it has none */
};

/*
 * Open @what: "ram:SIZE", "null:SIZE", or the path of a regular file or block device.
 * @write_protected opens for reading only. Returns 0 or -code with a sentence in @e.
 */
int disk_open(struct disk **out, const char *what, bool write_protected, struct err *e);

/* disk_free(NULL) is legal. */
void disk_free(struct disk *d);

static inline int disk_read(struct disk *d, uint64_t off, void *buf, size_t len)
{
	return d->ops->read(d, off, buf, len);
}

/* As disk_read(), or -EAGAIN: that would have to wait, ask a thread. */
static inline int disk_read_now(struct disk *d, uint64_t off, void *buf, size_t len)
{
	return d->ops->read_now ? d->ops->read_now(d, off, buf, len)
				: d->ops->read(d, off, buf, len);
}

static inline int disk_write(struct disk *d, uint64_t off, const void *buf, size_t len)
{
	return d->ops->write(d, off, buf, len);
}

/* As disk_write(), on the loop's thread: notes how long it took. */
int disk_write_now(struct disk *d, uint64_t off, const void *buf, size_t len);

/* A read or a write took @us: many mean that those to come are for threads. */
void disk_took(struct disk *d, uint64_t us);

/* Would a write on the loop's thread hold everybody up? */
bool disk_is_slow(struct disk *d);

/*
 * All acknowledged writes are on the backing store when this returns 0.
 * When it fails, some may be lost for good: see disk_recover().
 */
static inline int disk_flush(struct disk *d)
{
	return d->ops->flush(d);
}

/* The range reads as zeros afterwards; @deallocate: and holds no space, where that can be had. */
static inline int disk_zero(struct disk *d, uint64_t off, uint64_t len, bool deallocate)
{
	return d->ops->zero(d, off, len, deallocate);
}

/*
 * Is the byte at @off backed by space? *@len says how far the answer holds (never past the end
 * of the disk, at least 1).
 */
static inline int disk_extent(struct disk *d, uint64_t off, uint64_t *len, bool *mapped)
{
	return d->ops->extent(d, off, len, mapped);
}

/*
 * The bytes themselves where they lie in memory, to read or (@for_write) to write; NULL where
 * they do not. They stay valid until disk_resize() or disk_free().
 */
static inline void *disk_map(struct disk *d, uint64_t off, size_t len, bool for_write)
{
	return d->ops->map ? d->ops->map(d, off, len, for_write) : NULL;
}

/*
 * Another size, at once and as far as the backing store can have it.
 *
 * @size  bytes; 0: as many as the backing store has now, which somebody may have changed.
 * @cut   when it becomes smaller: what is behind the new end is given up, so that it stays so, and
 *        reads as zeros should the disk grow again. Without it the store keeps what it has.
 *
 * What is in memory may move: the same bytes, in their order, at another disk_map(d, 0, …).
 * Returns 0 or -errno, and the disk is as it was: -ENOSPC, more than a block device has.
 */
int disk_resize(struct disk *d, uint64_t size, bool cut);

/*
 * Write protection on or off. Off for a store that was opened for reading opens it once more.
 * Returns 0 or -errno: it may not be written to.
 */
int disk_protect(struct disk *d, bool on);

/*
 * A store that lost acknowledged writes fails every write and flush from then on. Somebody looked
 * at it and wants to go on.
 */
static inline void disk_recover(struct disk *d)
{
	if (d->ops->recover)
		d->ops->recover(d);
}

/* One constructor per backend, each in a file of its own. */
int disk_file_open(struct disk **out, const char *path, bool write_protected, struct err *e);
int disk_ram_open(struct disk **out, uint64_t size, struct err *e);
int disk_null_open(struct disk **out, uint64_t size, struct err *e);

#endif
