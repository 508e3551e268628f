/* SPDX-License-Identifier: BSD-2-Clause */
/* Text of a login: split, negotiated key by key, and its binary values decoded. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "target/chap.h"
#include "target/params.h"
#include "target/text.h"

enum { FUZZ_ANSWER = 4096 };

static void fuzz_text_chap(const char *value)
{
	uint8_t bytes[CHAP_CHALLENGE_MAX];
	char text[2 * CHAP_CHALLENGE_MAX + 3];
	uint8_t again[CHAP_CHALLENGE_MAX];
	int n = chap_decode(value, bytes, sizeof(bytes));

	if (n < 0)
		return;
	FUZZ_CHECK(n > 0 && n <= CHAP_CHALLENGE_MAX);
	chap_encode(bytes, (size_t)n, text);
	FUZZ_CHECK(chap_decode(text, again, sizeof(again)) == n);
	FUZZ_CHECK(!memcmp(bytes, again, (size_t)n));
}

/* What is agreed on is within what we offered. */
static void fuzz_text_agreed(const struct params *now, const struct params *offer)
{
	FUZZ_CHECK(now->max_send_bytes >= 512 && now->max_send_bytes <= 0xffffff);
	FUZZ_CHECK(now->max_burst_bytes >= 512 && now->max_burst_bytes <= 0xffffff);
	FUZZ_CHECK(now->first_burst_bytes >= 512 && now->first_burst_bytes <= 0xffffff);
	FUZZ_CHECK(now->max_outstanding_r2t >= 1 &&
		   now->max_outstanding_r2t <= MAX(offer->max_outstanding_r2t, 1u));
	FUZZ_CHECK(now->max_connections == 1 && now->error_recovery_level == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct cursor c = cursor_of(data, len);
	bool discovery = cursor_u8(&c) & 1;
	size_t n = cursor_left(&c);
	char *copy = malloc(n ? n : 1), answer[FUZZ_ANSWER];
	struct text_out out = { .data = answer, .cap = sizeof(answer) };
	struct params now, offer;
	struct text t;
	int rc = 0;

	memcpy(copy, c.p, n);
	params_offer(&offer);
	params_default(&now);
	if (text_split(&t, copy, n))
		t.pairs = 0;
	FUZZ_CHECK(t.pairs <= TEXT_PAIRS_MAX);
	for (unsigned i = 0; i < t.pairs && rc >= 0; i++) {
		FUZZ_CHECK(text_get(&t, t.pair[i].key) == t.pair[i].value);
		(void)text_list_has(t.pair[i].value, "CHAP");
		fuzz_text_chap(t.pair[i].value);
		rc =
		    params_negotiate(&now, &offer, t.pair[i].key, t.pair[i].value, discovery, &out);
		FUZZ_CHECK(out.len <= out.cap);
	}
	if (rc >= 0)
		fuzz_text_agreed(&now, &offer);
	free(copy);
	return 0;
}
