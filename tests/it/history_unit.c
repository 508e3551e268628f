/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes of a unit. The one hard thing: half of one write beside half of another must not look
 * like either, so every word depends on all that the unit says of itself.
 */
#include "history_unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "iscsifs/check.h"

#define HISTORY_MAGIC UINT64_C(0x59524f5453494821)

/* The words at the head of a unit. */
enum { WORD_MAGIC = 0, WORD_SEED, WORD_UNIT, WORD_ID, WORDS };

void history_unit_fill(uint8_t *dst, uint32_t bytes, uint64_t seed, uint64_t unit, uint64_t id)
{
	uint64_t head[WORDS] = { HISTORY_MAGIC, seed, unit, id };
	uint64_t state = seed ^ unit << 20 ^ id << 40 ^ id >> 24, word;

	BUG_ON(bytes < HISTORY_UNIT_MIN || bytes % sizeof(word));
	memcpy(dst, head, sizeof(head));
	for (uint32_t at = sizeof(head); at < bytes; at += sizeof(word)) {
		word = history_chance(&state);
		memcpy(dst + at, &word, sizeof(word));
	}
}

static bool is_zero(const uint8_t *src, uint32_t bytes)
{
	return src[0] == 0 && memcmp(src, src + 1, bytes - 1) == 0;
}

/* Where @src differs from what its head says it is, or @bytes. */
static uint32_t first_difference(const uint8_t *src, uint32_t bytes, const uint64_t *head)
{
	uint8_t want[sizeof(uint64_t)];
	uint64_t state =
	    head[WORD_SEED] ^ head[WORD_UNIT] << 20 ^ head[WORD_ID] << 40 ^ head[WORD_ID] >> 24;

	for (uint32_t at = WORDS * sizeof(*head); at < bytes; at += sizeof(want)) {
		uint64_t word = history_chance(&state);

		memcpy(want, &word, sizeof(want));
		if (memcmp(src + at, want, sizeof(want)) != 0)
			return at;
	}
	return bytes;
}

bool history_unit_parse(const uint8_t *src, uint32_t bytes, uint64_t seed, uint64_t unit,
			uint64_t *id, char *why, uint32_t len)
{
	uint64_t head[WORDS];
	uint32_t at;

	*id = 0;
	if (is_zero(src, bytes))
		return true;
	memcpy(head, src, sizeof(head));
	*id = head[WORD_ID];
	at = first_difference(src, bytes, head);
	if (head[WORD_MAGIC] != HISTORY_MAGIC)
		snprintf(why, len, "foreign data: it begins with %016" PRIx64, head[WORD_MAGIC]);
	else if (at != bytes)
		snprintf(why, len, "torn: write %" PRIu64 " up to its byte %u", *id, at);
	else if (head[WORD_SEED] != seed)
		snprintf(why, len, "of another history, seed %" PRIu64, head[WORD_SEED]);
	else if (head[WORD_UNIT] != unit)
		snprintf(why, len, "in the wrong place: unit %" PRIu64 " of write %" PRIu64,
			 head[WORD_UNIT], *id);
	else
		return true;
	return false;
}
