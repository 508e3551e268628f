/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The requests of a mount that are under way: from what the kernel sent to a LUN and back. Knows
 * nothing of FUSE; owns the memory that requests and their data live in.
 */
#ifndef ISCSIFS_FS_IO_H
#define ISCSIFS_FS_IO_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/bufs.h"
#include "iscsifs/loop.h"
#include "iscsifs/lun.h"
#include "iscsifs/mount.h"

struct io;

/* Who asked, and how to answer. */
struct io_caller {
	void *ctx;		/* for reply */
	uint64_t unique;	/* the kernel's number of the request */
	uint32_t pid;		/* the thread; 0 when we cannot see it */
	/*
	 * Called once from the loop: @err 0 or -errno; @len bytes at @data were read, or @len bytes
	 * were written. NULL: nobody waits.
	 */
	void (*reply)(void *ctx, int err, const void *data, uint32_t len);
};

/* Returns 0 or -ENOMEM. @hold_limit as in mount_param, 0 for the default. */
int io_new(struct io **out, struct loop *loop, uint64_t hold_limit_bytes);

/*
 * The mount ends: answer all that wait with -ECONNABORTED, cancel their requests, and free @io when
 * the LUNs have released the last one. io_end(NULL) is legal.
 */
void io_end(struct io *io);

/* Where to receive the next message: BUFS_HEAD + BUFS_WRITE_MAX bytes; asked anew each time. */
void *io_rx(const struct io *io);

/* Submit. The caller has clipped @off and @len to the LUN. A reply may say -ENOMEM at once. */
void io_read(struct io *io, const struct io_caller *who, struct lun *lun, uint64_t off,
	     uint32_t len);
void io_flush(struct io *io, const struct io_caller *who, struct lun *lun);
/* @data lies in the buffer of io_rx(), which may be taken over by this. */
void io_write(struct io *io, const struct io_caller *who, struct lun *lun, uint64_t off,
	      uint32_t len, const void *data, bool fua);

/* The caller of request @unique got a signal. Unknown numbers were answered meanwhile. */
void io_interrupt(struct io *io, uint64_t unique);

void io_get_stats(const struct io *io, struct mount_stats *out);

#endif
