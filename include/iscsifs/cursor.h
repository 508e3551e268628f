/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Big-endian bytes, and a bounded cursor to read them: every parser of bytes from outside goes
 * through it. Reading past the end yields zeros and sets `bad`, so that a parser checks once.
 */
#ifndef ISCSIFS_CURSOR_H
#define ISCSIFS_CURSOR_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t be16_load(const void *p)
{
	const uint8_t *b = p;

	return (uint16_t)(b[0] << 8 | b[1]);
}

static inline uint32_t be24_load(const void *p)
{
	const uint8_t *b = p;

	return (uint32_t)b[0] << 16 | (uint32_t)b[1] << 8 | b[2];
}

static inline uint32_t be32_load(const void *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return be32toh(v);
}

static inline uint64_t be64_load(const void *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return be64toh(v);
}

static inline void be16_store(void *p, uint16_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)(v >> 8);
	b[1] = (uint8_t)v;
}

static inline void be24_store(void *p, uint32_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)(v >> 16);
	b[1] = (uint8_t)(v >> 8);
	b[2] = (uint8_t)v;
}

static inline void be32_store(void *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, 4);
}

static inline void be64_store(void *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, 8);
}

struct cursor {
	const uint8_t *p;
	const uint8_t *end;
	bool bad;		/* something was read that was not there */
};

static inline struct cursor cursor_of(const void *data, size_t len)
{
	return (struct cursor){ .p = data, .end = (const uint8_t *)data + len };
}

static inline size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->p);
}

/* The next @len bytes, or NULL (and `bad`) when there are fewer. They stay the lender's. */
static inline const uint8_t *cursor_take(struct cursor *c, size_t len)
{
	const uint8_t *at = c->p;

	if (cursor_left(c) < len) {
		c->bad = true;
		c->p = c->end;
		return NULL;
	}
	c->p += len;
	return at;
}

static inline void cursor_skip(struct cursor *c, size_t len)
{
	(void)cursor_take(c, len);
}

static inline uint8_t cursor_u8(struct cursor *c)
{
	const uint8_t *b = cursor_take(c, 1);

	return b ? b[0] : 0;
}

static inline uint16_t cursor_be16(struct cursor *c)
{
	const uint8_t *b = cursor_take(c, 2);

	return b ? be16_load(b) : 0;
}

static inline uint32_t cursor_be32(struct cursor *c)
{
	const uint8_t *b = cursor_take(c, 4);

	return b ? be32_load(b) : 0;
}

static inline uint64_t cursor_be64(struct cursor *c)
{
	const uint8_t *b = cursor_take(c, 8);

	return b ? be64_load(b) : 0;
}

#endif
