/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CRC32C. The one hard thing is to be quick: the processor's instruction where it has one, else
 * eight table look-ups for eight bytes.
 */
#include "target/digest.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>

enum { DIGEST_POLYNOMIAL_REFLECTED = (int)0x82f63b78u };

static uint32_t digest_table[8][256];

__attribute__((constructor)) static void digest_build_table(void)
{
	for (unsigned i = 0; i < 256; i++) {
		uint32_t crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? (uint32_t)DIGEST_POLYNOMIAL_REFLECTED : 0);
		digest_table[0][i] = crc;
	}
	for (unsigned i = 0; i < 256; i++) {
		for (unsigned t = 1; t < 8; t++) {
			uint32_t prev = digest_table[t - 1][i];

			digest_table[t][i] = prev >> 8 ^ digest_table[0][prev & 0xff];
		}
	}
}

uint32_t digest_crc32c_table(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	crc = ~crc;
	for (; len >= 8; len -= 8, p += 8) {
		uint64_t v;

		memcpy(&v, p, 8);
		v = le64toh(v) ^ crc;
		crc = 0;
		for (unsigned i = 0; i < 8; i++)
			crc ^= digest_table[7 - i][v >> 8 * i & 0xff];
	}
	for (; len; len--, p++)
		crc = crc >> 8 ^ digest_table[0][(crc ^ *p) & 0xff];
	return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2")))
static uint32_t digest_crc32c_sse42(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t wide = ~crc;

	for (; len >= 8; len -= 8, p += 8) {
		uint64_t v;

		memcpy(&v, p, 8);
		wide = __builtin_ia32_crc32di(wide, v);
	}
	crc = (uint32_t)wide;
	for (; len; len--, p++)
		crc = __builtin_ia32_crc32qi(crc, *p);
	return ~crc;
}

uint32_t digest_crc32c(uint32_t crc, const void *data, size_t len)
{
	if (__builtin_cpu_supports("sse4.2"))
		return digest_crc32c_sse42(crc, data, len);
	return digest_crc32c_table(crc, data, len);
}
#else
uint32_t digest_crc32c(uint32_t crc, const void *data, size_t len)
{
	return digest_crc32c_table(crc, data, len);
}
#endif
