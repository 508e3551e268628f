/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes to blocks: the only place that converts. Pure. `off` is bytes, `lba` is blocks. */
#ifndef ISCSIFS_EXTENT_H
#define ISCSIFS_EXTENT_H

#include <stdbool.h>
#include <stdint.h>

/* The blocks that cover a row of bytes. */
struct extent {
	uint64_t lba;
	uint32_t blocks;	/* at least 1 */
	uint32_t head;		/* bytes of the first block before the row; < block_bytes */
	uint32_t tail;		/* bytes of the last block after the row; < block_bytes */
};

/* @len >= 1, @block_bytes a power of two; off + len must not overflow. */
static inline struct extent extent_of(uint64_t off, uint32_t len, uint32_t block_bytes)
{
	uint32_t mask = block_bytes - 1;
	uint64_t end = off + len;
	uint64_t last = (end + mask) / block_bytes;
	uint64_t first = off / block_bytes;

	return (struct extent){
		.lba = first,
		.blocks = (uint32_t)(last - first),
		.head = (uint32_t)(off & mask),
		.tail = (uint32_t)(last * block_bytes - end),
	};
}

static inline bool extent_is_whole(const struct extent *x)
{
	return !x->head && !x->tail;
}

static inline bool extent_overlaps(const struct extent *a, const struct extent *b)
{
	return a->lba < b->lba + b->blocks && b->lba < a->lba + a->blocks;
}

/*
 * The @i-th piece of at most @max_blocks blocks; pieces do not overlap and together are @x. False
 * past the last one. Pieces begin at multiples of @max_blocks after the first block of @x.
 */
static inline bool extent_piece(const struct extent *x, uint32_t i, uint32_t max_blocks,
				uint64_t *lba, uint32_t *blocks)
{
	uint64_t skip = (uint64_t)i * max_blocks;

	if (skip >= x->blocks)
		return false;
	*lba = x->lba + skip;
	*blocks = x->blocks - skip < max_blocks ? (uint32_t)(x->blocks - skip) : max_blocks;
	return true;
}

static inline uint32_t extent_pieces(const struct extent *x, uint32_t max_blocks)
{
	return (x->blocks + max_blocks - 1) / max_blocks;
}

#endif
