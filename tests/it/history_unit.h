/* SPDX-License-Identifier: BSD-2-Clause */
/* The bytes of a unit: each says which write they are from, and where they belong. */
#ifndef ISCSIFS_HISTORY_UNIT_H
#define ISCSIFS_HISTORY_UNIT_H

#include <stdbool.h>
#include <stdint.h>

enum { HISTORY_UNIT_MIN = 32 }; /* bytes, and a multiple of this */

/* Splitmix: small, the same everywhere. */
static inline uint64_t history_chance(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Make @bytes bytes of unit @unit as write @id of the history @seed leaves them. */
void history_unit_fill(uint8_t *dst, uint32_t bytes, uint64_t seed, uint64_t unit, uint64_t id);

/*
 * Which write is this from? True: *id is it, 0 for all zeros. False: not one write of this unit of
 * this history, and @why (@len bytes of room) says what it is.
 */
bool history_unit_parse(const uint8_t *src, uint32_t bytes, uint64_t seed, uint64_t unit,
			uint64_t *id, char *why, uint32_t len);

#endif
