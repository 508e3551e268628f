/* SPDX-License-Identifier: BSD-2-Clause */
/* CHAP. The one hard thing: to compare in constant time, and to take nothing malformed for data. */
#include "target/chap.h"

#include <errno.h>
#include <nettle/base64.h>
#include <nettle/md5.h>
#include <nettle/memops.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

int chap_challenge(struct chap *c)
{
	if (getrandom(c, sizeof(*c), 0) != (ssize_t)sizeof(*c))
		return -errno;
	return 0;
}

void chap_answer(uint8_t id, const char *secret, const uint8_t *challenge, size_t len,
		 uint8_t answer[CHAP_DIGEST_BYTES])
{
	struct md5_ctx md5;

	md5_init(&md5);
	md5_update(&md5, 1, &id);
	md5_update(&md5, strlen(secret), (const uint8_t *)secret);
	md5_update(&md5, len, challenge);
	md5_digest(&md5, CHAP_DIGEST_BYTES, answer);
}

bool chap_is_right(const struct chap *c, const char *secret, const uint8_t *answer, size_t len)
{
	uint8_t want[CHAP_DIGEST_BYTES];

	chap_answer(c->id, secret, c->challenge, sizeof(c->challenge), want);
	return len == sizeof(want) && memeql_sec(want, answer, sizeof(want));
}

bool chap_is_reflected(const struct chap *c, const uint8_t *challenge, size_t len)
{
	return len == sizeof(c->challenge) && !memcmp(c->challenge, challenge, len);
}

static int chap_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int chap_decode_hex(const char *text, uint8_t *out, size_t cap)
{
	size_t digits = strlen(text), len = (digits + 1) / 2, at = 0;

	if (!digits || len > cap)
		return -EINVAL;
	memset(out, 0, len);
	for (at = 0; at < digits; at++) {
		int v = chap_hex_digit(text[at]);
		size_t nibble = at + (digits & 1);	/* an odd one lacks its leading zero */

		if (v < 0)
			return -EINVAL;
		out[nibble / 2] |= (uint8_t)(nibble & 1 ? v : v << 4);
	}
	return (int)len;
}

static int chap_decode_base64(const char *text, uint8_t *out, size_t cap)
{
	uint8_t wide[CHAP_CHALLENGE_MAX + 8];
	struct base64_decode_ctx ctx;
	size_t chars = strlen(text), len = sizeof(wide);

	if (BASE64_DECODE_LENGTH(chars) > sizeof(wide))
		return -EINVAL;
	base64_decode_init(&ctx);
	if (!base64_decode_update(&ctx, &len, wide, chars, text) || !base64_decode_final(&ctx) ||
	    !len || len > cap)
		return -EINVAL;
	memcpy(out, wide, len);
	return (int)len;
}

int chap_decode(const char *text, uint8_t *out, size_t cap)
{
	if (!strncmp(text, "0x", 2) || !strncmp(text, "0X", 2))
		return chap_decode_hex(text + 2, out, cap);
	if (!strncmp(text, "0b", 2) || !strncmp(text, "0B", 2))
		return chap_decode_base64(text + 2, out, cap);
	return -EINVAL;
}

void chap_encode(const uint8_t *data, size_t len, char *text)
{
	text += sprintf(text, "0x");
	for (size_t i = 0; i < len; i++)
		text += sprintf(text, "%02x", data[i]);
}
