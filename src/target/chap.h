/* SPDX-License-Identifier: BSD-2-Clause */
/* CHAP with MD5: RFC 1994, and RFC 7143 section 12.1.3 for its keys and their encodings. */
#ifndef ISCSIFS_TARGET_CHAP_H
#define ISCSIFS_TARGET_CHAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CHAP_MD5 = 5,			/* CHAP_A */
	CHAP_DIGEST_BYTES = 16,
	CHAP_CHALLENGE_BYTES = 16,	/* of ours */
	CHAP_CHALLENGE_MAX = 1024,	/* of theirs */
};

/* Our side's challenge. */
struct chap {
	uint8_t id;
	uint8_t challenge[CHAP_CHALLENGE_BYTES];
};

/* A fresh, unpredictable challenge. Returns 0 or -errno. */
int chap_challenge(struct chap *c);

/* The answer to a challenge: MD5 of @id, @secret, @challenge. */
void chap_answer(uint8_t id, const char *secret, const uint8_t *challenge, size_t len,
		 uint8_t answer[CHAP_DIGEST_BYTES]);

/* Is @answer the right one to our challenge? Takes the same time for any wrong one. */
bool chap_is_right(const struct chap *c, const char *secret, const uint8_t *answer, size_t len);

/* Did the peer send our own challenge back to us? */
bool chap_is_reflected(const struct chap *c, const uint8_t *challenge, size_t len);

/*
 * "0x…" (hex) or "0b…" (base64) to bytes. Returns their number, or -EINVAL: neither, malformed,
 * empty, or more than @cap bytes.
 */
int chap_decode(const char *text, uint8_t *out, size_t cap);

/* Bytes to "0x…", lower case. @text holds 2 * len + 3. */
void chap_encode(const uint8_t *data, size_t len, char *text);

#endif
