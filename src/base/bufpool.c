/* SPDX-License-Identifier: BSD-2-Clause */
/* Buffers for reuse. The one hard thing: after a burst the memory must go back to the system. */
#include "iscsifs/bufpool.h"

#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"

void bufpool_init(struct bufpool *p, size_t keep_bytes)
{
	*p = (struct bufpool){ .keep_bytes = keep_bytes };
}

void bufpool_fini(struct bufpool *p)
{
	for (unsigned i = 0; i < BUFPOOL_CLASSES; i++) {
		while (p->free[i]) {
			void *next = *(void **)p->free[i];

			free(p->free[i]);
			p->free[i] = next;
		}
	}
}

static unsigned bufpool_class(size_t bytes)
{
	unsigned c = 0;

	while ((size_t)BUFPOOL_SMALLEST << c < bytes)
		c++;
	BUG_ON(c >= BUFPOOL_CLASSES);
	return c;
}

void *bufpool_get(struct bufpool *p, size_t bytes)
{
	unsigned c = bufpool_class(bytes);
	size_t size = (size_t)BUFPOOL_SMALLEST << c;
	void *buf = p->free[c];

	if (buf) {
		p->free[c] = *(void **)buf;
		p->idle_bytes -= size;
	} else {
		buf = aligned_alloc(BUFPOOL_SMALLEST, size);
		if (!buf)
			return NULL;
	}
	p->used_bytes += size;
	return buf;
}

void bufpool_put(struct bufpool *p, void *buf, size_t bytes)
{
	unsigned c = bufpool_class(bytes);
	size_t size = (size_t)BUFPOOL_SMALLEST << c;

	if (!buf)
		return;
	p->used_bytes -= size;
	if (p->idle_bytes + size > p->keep_bytes) {
		free(buf);
		return;
	}
	*(void **)buf = p->free[c];
	p->free[c] = buf;
	p->idle_bytes += size;
}
