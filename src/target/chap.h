/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CHAP: RFC 1994, and RFC 7143 section 12.1.3 for its keys and their encodings. The numbers of the
 * algorithms are IANA's, "PPP Authentication Algorithms".
 */
#ifndef ISCSIFS_TARGET_CHAP_H
#define ISCSIFS_TARGET_CHAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum chap_algorithm {			/* CHAP_A */
	CHAP_NONE = 0,
	CHAP_MD5 = 5,
	CHAP_SHA1 = 6,
	CHAP_SHA256 = 7,
	CHAP_SHA3_256 = 8,
};

enum {
	CHAP_DIGEST_MAX = 32,		/* bytes of the longest digest */
	CHAP_CHALLENGE_BYTES = 32,	/* of ours */
	CHAP_CHALLENGE_MAX = 1024,	/* of theirs */
};

/* Our side's challenge. */
struct chap {
	enum chap_algorithm algorithm;
	uint8_t id;
	uint8_t challenge[CHAP_CHALLENGE_BYTES];
};

/* The strongest of @offer ("7,5"), or CHAP_NONE. */
enum chap_algorithm chap_choose(const char *offer);

/* Bytes of an answer. */
size_t chap_digest_bytes(enum chap_algorithm a);

/* A fresh, unpredictable challenge for @a. Returns 0 or -errno. */
int chap_challenge(struct chap *c, enum chap_algorithm a);

/* The answer to a challenge: the digest of @id, @secret, @challenge. Returns its bytes. */
size_t chap_answer(enum chap_algorithm a, uint8_t id, const char *secret, const uint8_t *challenge,
		   size_t len, uint8_t answer[CHAP_DIGEST_MAX]);

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
