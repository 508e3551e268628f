/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page-aligned buffers by size class (4 KiB to 2 MiB, powers of two), kept for reuse, so that the
 * data path allocates nothing once it has warmed up. One thread.
 */
#ifndef ISCSIFS_BUFPOOL_H
#define ISCSIFS_BUFPOOL_H

#include <stddef.h>
#include <stdint.h>

enum {
	BUFPOOL_CLASSES = 10,
	BUFPOOL_SMALLEST = 4096,
	BUFPOOL_LARGEST = BUFPOOL_SMALLEST << (BUFPOOL_CLASSES - 1),
};

struct bufpool {
	void *free[BUFPOOL_CLASSES];	/* linked through their first bytes */
	size_t idle_bytes;		/* in free[] */
	size_t used_bytes;		/* handed out */
	size_t keep_bytes;		/* more than this is given back to the system */
};

/* Keep at most @keep_bytes of idle buffers. */
void bufpool_init(struct bufpool *p, size_t keep_bytes);
void bufpool_fini(struct bufpool *p);

/* A buffer of at least @bytes (1 to 2 MiB), contents undefined; NULL when there is no memory. */
void *bufpool_get(struct bufpool *p, size_t bytes);
/* Give it back; @bytes as it was asked for. NULL is legal. */
void bufpool_put(struct bufpool *p, void *buf, size_t bytes);

#endif
