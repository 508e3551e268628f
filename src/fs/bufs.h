/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory for what the kernel sends: full buffers that a request is received into, small blocks,
 * and memory of a request's own size for when a full buffer is not to be tied up.
 */
#ifndef ISCSIFS_FS_BUFS_H
#define ISCSIFS_FS_BUFS_H

#include <stddef.h>
#include <stdint.h>

enum {
	BUFS_WRITE_MAX = 1 << 20,	/* data of the largest WRITE */
	BUFS_HEAD = 80,			/* what stands before it */
	BUFS_SMALL = 16 << 10,		/* a small block */
	BUFS_FULL_MAX = 64,		/* full buffers, the one that receives included */
};

enum buf_kind {
	BUF_NONE = 0,
	BUF_FULL,			/* mem: BUFS_HEAD + BUFS_WRITE_MAX bytes, data on a page */
	BUF_SMALL,			/* mem: BUFS_SMALL bytes on a page */
	BUF_OWN,			/* mem: as many as were asked for */
};

struct buf {
	enum buf_kind kind;
	void *mem;
};

struct bufs {
	void *full;			/* free ones, each holds the next */
	void *small;
	unsigned full_made;
	void *areas;			/* everything that was mapped, for bufs_fini() */
};

void bufs_init(struct bufs *b);
/* All buffers but BUF_OWN ones go. */
void bufs_fini(struct bufs *b);

/* Returns 0, or -ENOMEM: none is free and BUFS_FULL_MAX are made (or no memory). */
int bufs_get_full(struct bufs *b, struct buf *out);
/* Returns 0 or -ENOMEM. */
int bufs_get_small(struct bufs *b, struct buf *out);
int bufs_get_own(size_t bytes, struct buf *out);

/* Give @buf, of any kind, back; it is BUF_NONE then. */
void bufs_put(struct bufs *b, struct buf *buf);

#endif
