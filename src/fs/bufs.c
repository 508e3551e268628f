/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Buffers. The one hard thing: the data of a WRITE should lie on a page, for whoever copies or
 * sends it; it comes BUFS_HEAD bytes behind the start of the message, so a full buffer starts that
 * much before the end of the first page of its mapping.
 */
#include "fs/bufs.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
	BUFS_PAGE = 4096,
	BUFS_FULL_AREA = BUFS_PAGE + BUFS_WRITE_MAX,
	BUFS_SMALL_AREA = BUFS_PAGE + 64 * BUFS_SMALL,
};

/* At the start of each mapping; the rest of its first page is unused or a head. */
struct bufs_area {
	void *next;
	size_t bytes;
};

void bufs_init(struct bufs *b)
{
	*b = (struct bufs){ .full = NULL };
}

void bufs_fini(struct bufs *b)
{
	while (b->areas) {
		struct bufs_area *a = b->areas;

		b->areas = a->next;
		munmap(a, a->bytes);
	}
	bufs_init(b);
}

static char *bufs_map(struct bufs *b, size_t bytes)
{
	struct bufs_area *a = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				   -1, 0);

	if (a == MAP_FAILED)
		return NULL;
	a->next = b->areas;
	a->bytes = bytes;
	b->areas = a;
	return (char *)a + BUFS_PAGE;
}

static void *bufs_pop(void **list)
{
	void *mem = *list;

	if (mem)
		*list = *(void **)mem;
	return mem;
}

static void bufs_push(void **list, void *mem)
{
	*(void **)mem = *list;
	*list = mem;
}

int bufs_get_full(struct bufs *b, struct buf *out)
{
	char *data;

	out->mem = bufs_pop(&b->full);
	if (!out->mem) {
		data = b->full_made < BUFS_FULL_MAX ? bufs_map(b, BUFS_FULL_AREA) : NULL;
		if (!data)
			return -ENOMEM;
		b->full_made++;
		out->mem = data - BUFS_HEAD;
	}
	out->kind = BUF_FULL;
	return 0;
}

int bufs_get_small(struct bufs *b, struct buf *out)
{
	char *area;

	if (!b->small) {
		area = bufs_map(b, BUFS_SMALL_AREA);
		if (!area)
			return -ENOMEM;
		for (unsigned i = 64; i-- > 0;)
			bufs_push(&b->small, area + (size_t)i * BUFS_SMALL);
	}
	out->mem = bufs_pop(&b->small);
	out->kind = BUF_SMALL;
	return 0;
}

int bufs_get_own(size_t bytes, struct buf *out)
{
	out->mem = malloc(bytes);
	if (!out->mem)
		return -ENOMEM;
	out->kind = BUF_OWN;
	return 0;
}

void bufs_put(struct bufs *b, struct buf *buf)
{
	switch (buf->kind) {
	case BUF_NONE:
		break;
	case BUF_FULL:
		bufs_push(&b->full, buf->mem);
		break;
	case BUF_SMALL:
		bufs_push(&b->small, buf->mem);
		break;
	case BUF_OWN:
		free(buf->mem);
		break;
	}
	*buf = (struct buf){ .kind = BUF_NONE };
}
