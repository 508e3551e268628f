/* SPDX-License-Identifier: BSD-2-Clause */
/* CHAP. The one hard thing: to compare in constant time, and to take nothing malformed for data. */
#include "target/chap.h"

#include <errno.h>
#include <nettle/base64.h>
#include <nettle/memops.h>
#include <nettle/nettle-meta.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "iscsifs/check.h"
#include "target/text.h"

enum { CHAP_CONTEXT_BYTES = 512 };	/* of any hash below */

/* The strongest first. */
static const struct chap_hash {
	enum chap_algorithm algorithm;
	const char *number;
	const struct nettle_hash *hash;
} chap_hashes[] = {
	{ CHAP_SHA3_256, "8", &nettle_sha3_256 },
	{ CHAP_SHA256, "7", &nettle_sha256 },
	{ CHAP_SHA1, "6", &nettle_sha1 },
	{ CHAP_MD5, "5", &nettle_md5 },
};

static const struct nettle_hash *chap_hash(enum chap_algorithm a)
{
	for (size_t i = 0; i < ARRAY_SIZE(chap_hashes); i++) {
		if (chap_hashes[i].algorithm == a)
			return chap_hashes[i].hash;
	}
	BUG_ON(true);
	return NULL;
}

enum chap_algorithm chap_choose(const char *offer)
{
	for (size_t i = 0; i < ARRAY_SIZE(chap_hashes); i++) {
		if (text_list_has(offer, chap_hashes[i].number))
			return chap_hashes[i].algorithm;
	}
	return CHAP_NONE;
}

size_t chap_digest_bytes(enum chap_algorithm a)
{
	return chap_hash(a)->digest_size;
}

int chap_challenge(struct chap *c, enum chap_algorithm a)
{
	c->algorithm = a;
	if (getrandom(c->challenge, sizeof(c->challenge), 0) != (ssize_t)sizeof(c->challenge) ||
	    getrandom(&c->id, 1, 0) != 1)
		return -errno;
	return 0;
}

size_t chap_answer(enum chap_algorithm a, uint8_t id, const char *secret, const uint8_t *challenge,
		   size_t len, uint8_t answer[CHAP_DIGEST_MAX])
{
	const struct nettle_hash *h = chap_hash(a);
	union {
		uint64_t align;
		uint8_t bytes[CHAP_CONTEXT_BYTES];
	} context;

	BUG_ON(h->context_size > sizeof(context) || h->digest_size > CHAP_DIGEST_MAX);
	h->init(&context);
	h->update(&context, 1, &id);
	h->update(&context, strlen(secret), (const uint8_t *)secret);
	h->update(&context, len, challenge);
	h->digest(&context, h->digest_size, answer);
	explicit_bzero(&context, sizeof(context));
	return h->digest_size;
}

bool chap_is_right(const struct chap *c, const char *secret, const uint8_t *answer, size_t len)
{
	uint8_t want[CHAP_DIGEST_MAX];
	size_t n = chap_answer(c->algorithm, c->id, secret, c->challenge, sizeof(c->challenge),
			       want);

	return len == n && memeql_sec(want, answer, n);
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
