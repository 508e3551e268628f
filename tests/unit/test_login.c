/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <string.h>

#include "initiator/transport_login.h"
#include "iscsifs/cursor.h"

enum { SECURITY = 0, OPERATIONAL = 1, FULL = 3, TRANSIT = 0x80 };

#define CHAP_GIVEN	"AuthMethod=CHAP\0"
#define CHAP_ASKED	"CHAP_A=5\0CHAP_I=7\0CHAP_C=0x0011aa\0"
#define CHAP_PROOF	"CHAP_N=target\0CHAP_R=0x00112233445566778899aabbccddeeff\0"
#define PLAIN		"MaxRecvDataSegmentLength=8192\0"

static struct transport_loss loss;

static struct login login_with(bool chap, bool mutual)
{
	const struct transport_param param = {
		.user = chap ? "user" : NULL,
		.user_in = mutual ? "target" : NULL,
		.immediate_data = true,
	};
	struct login lg;

	login_init(&lg, &param);
	return lg;
}

/* A login response as it is on the wire; @text with its NULs. */
static int judge(struct login *lg, unsigned stage, unsigned next, uint16_t status,
		 const char *text, size_t len)
{
	static uint8_t pdu[LOGIN_PDU_MAX];
	size_t bytes;

	memset(pdu, 0, sizeof(pdu));
	pdu[0] = 0x23;
	pdu[1] = (uint8_t)(stage << 2 | next);
	be24_store(pdu + 5, (uint32_t)len);
	be16_store(pdu + 36, status);
	memcpy(pdu + LOGIN_HEADER_BYTES, text, len);
	memset(&loss, 0, sizeof(loss));
	bytes = login_pdu_bytes(pdu, sizeof(pdu), &loss);
	assert_int_equal(bytes, LOGIN_HEADER_BYTES + ((len + 3) & ~3ul));
	return login_judge(lg, pdu, bytes, &loss);
}

#define JUDGE(lg, stage, next, text)	judge(lg, stage, next, 0, text, sizeof(text) - 1)

static void a_login_without_credentials_is_one_reply(void **state)
{
	struct login lg = login_with(false, false);

	(void)state;
	assert_int_equal(JUDGE(&lg, OPERATIONAL, TRANSIT | FULL,
			       "TargetPortalGroupTag=3\0TargetAlias=a\033b\0HeaderDigest=None\0"
			       "MaxRecvDataSegmentLength=1024\0MaxBurstLength=4096\0"
			       "FirstBurstLength=512\0InitialR2T=No\0ImmediateData=No\0"
			       "DefaultTime2Wait=5\0X-unknown=1\0"), 0);
	assert_true(lg.done);
	assert_int_equal(lg.limits.tpgt, 3);
	assert_string_equal(lg.limits.target_alias, "a?b");
	assert_int_equal(lg.limits.max_send_bytes, 1024);
	assert_int_equal(lg.limits.max_burst_bytes, 4096);
	assert_int_equal(lg.limits.first_burst_bytes, 512);
	assert_int_equal(lg.limits.time2wait, 5000);
	assert_false(lg.limits.initial_r2t);
	assert_false(lg.limits.immediate_data);
	assert_false(lg.limits.chap);
}

static void what_is_not_said_is_the_default(void **state)
{
	struct login lg = login_with(false, false);

	(void)state;
	assert_int_equal(JUDGE(&lg, OPERATIONAL, TRANSIT | FULL, ""), 0);
	assert_true(lg.done);
	assert_int_equal(lg.limits.max_send_bytes, 8192);
	assert_int_equal(lg.limits.max_burst_bytes, 262144);
	assert_int_equal(lg.limits.first_burst_bytes, 65536);
	assert_true(lg.limits.initial_r2t);
	assert_true(lg.limits.immediate_data);
	assert_int_equal(lg.limits.time2wait, 2000);
}

static void chap_is_three_replies(void **state)
{
	struct login lg = login_with(true, false);

	(void)state;
	assert_int_equal(JUDGE(&lg, SECURITY, 0, CHAP_GIVEN), 0);
	assert_int_equal(JUDGE(&lg, SECURITY, 0, CHAP_ASKED), 0);
	assert_int_equal(JUDGE(&lg, SECURITY, TRANSIT | OPERATIONAL, ""), 0);
	assert_false(lg.done);
	assert_int_equal(JUDGE(&lg, OPERATIONAL, TRANSIT | FULL, PLAIN), 0);
	assert_true(lg.done);
	assert_true(lg.limits.chap);
	assert_false(lg.limits.chap_mutual);
}

static void mutual_chap_is_proved_after_our_challenge(void **state)
{
	struct login lg = login_with(true, true);

	(void)state;
	assert_int_equal(JUDGE(&lg, SECURITY, 0, CHAP_GIVEN CHAP_ASKED), 0);
	assert_int_equal(JUDGE(&lg, SECURITY, TRANSIT | FULL, CHAP_PROOF), 0);
	assert_true(lg.done);
	assert_true(lg.limits.chap_mutual);
}

static void refused(bool mutual, enum transport_loss_kind kind, const char *why,
		    const char *first, size_t first_len, unsigned next, const char *second,
		    size_t second_len)
{
	struct login lg = login_with(true, mutual);
	int rc = judge(&lg, SECURITY, second ? 0 : next, 0, first, first_len);

	if (!rc && second)
		rc = judge(&lg, SECURITY, next, 0, second, second_len);
	assert_int_equal(rc, -1);
	assert_int_equal(loss.kind, kind);
	if (!strstr(loss.text, why))
		fail_msg("\"%s\", want \"%s\"", loss.text, why);
}

#define REFUSED(mutual, why, first, next) \
	refused(mutual, TRANSPORT_LOSS_AUTH, why, first, sizeof(first) - 1, next, NULL, 0)
#define REFUSED_AFTER(mutual, why, first, next, second) \
	refused(mutual, TRANSPORT_LOSS_AUTH, why, first, sizeof(first) - 1, next, second, \
		sizeof(second) - 1)

static void a_downgrade_is_refused(void **state)
{
	(void)state;
	REFUSED(false, "answered AuthMethod=None", "AuthMethod=None\0", TRANSIT | OPERATIONAL);
	REFUSED(false, "answered AuthMethod=Reject", "AuthMethod=Reject\0", 0);
	REFUSED(false, "let us in without it", "", TRANSIT | FULL);
	REFUSED(false, "let us in without it", "", TRANSIT | OPERATIONAL);
	REFUSED(false, "let us in without it", CHAP_GIVEN, TRANSIT | FULL);
	REFUSED(false, "let us in without it", CHAP_GIVEN CHAP_ASKED, TRANSIT | FULL);
	REFUSED_AFTER(false, "let us in without it", CHAP_GIVEN, TRANSIT | FULL, "CHAP_A=5\0");
	REFUSED_AFTER(false, "let us in without it", CHAP_ASKED, TRANSIT | FULL, "");
	REFUSED_AFTER(false, "AuthMethod=None", CHAP_GIVEN CHAP_ASKED, TRANSIT | FULL,
		      "AuthMethod=None\0");
	REFUSED(false, "algorithm that we did not offer", CHAP_GIVEN "CHAP_A=6\0", 0);
}

static void an_unproved_target_is_refused(void **state)
{
	(void)state;
	REFUSED(true, "before it was sent one", CHAP_GIVEN CHAP_ASKED CHAP_PROOF, TRANSIT | FULL);
	REFUSED(true, "before it was sent one", CHAP_GIVEN CHAP_PROOF, 0);
	REFUSED_AFTER(true, "did not prove itself", CHAP_GIVEN CHAP_ASKED, TRANSIT | OPERATIONAL,
		      "");
	REFUSED_AFTER(true, "did not prove itself", CHAP_GIVEN CHAP_ASKED, TRANSIT | FULL,
		      "CHAP_N=target\0");
	REFUSED_AFTER(true, "did not prove itself", CHAP_GIVEN CHAP_ASKED, TRANSIT | FULL,
		      "CHAP_R=0x00112233445566778899aabbccddeeff\0");
	REFUSED_AFTER(true, "another name", CHAP_GIVEN CHAP_ASKED, TRANSIT | FULL,
		      "CHAP_N=somebody\0CHAP_R=0x00112233445566778899aabbccddeeff\0");
	REFUSED_AFTER(true, "not 0x and 16 bytes", CHAP_GIVEN CHAP_ASKED, TRANSIT | FULL,
		      "CHAP_N=target\0CHAP_R=0x0011\0");
	REFUSED_AFTER(true, "not 0x and 16 bytes", CHAP_GIVEN CHAP_ASKED, TRANSIT | FULL,
		      "CHAP_N=target\0CHAP_R=0bABEiM0RVZneImaq7zN3u/w==\0");
	REFUSED_AFTER(false, "did not ask for", CHAP_GIVEN CHAP_ASKED, 0, CHAP_PROOF);
}

static void a_second_challenge_is_refused(void **state)
{
	(void)state;
	REFUSED_AFTER(false, "second CHAP challenge", CHAP_GIVEN CHAP_ASKED, 0, CHAP_ASKED);
	REFUSED(false, "second CHAP challenge", CHAP_GIVEN CHAP_ASKED "CHAP_C=0x00\0", 0);
}

static void nonsense_is_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "MaxRecvDataSegmentLength=0", "MaxRecvDataSegmentLength" },
		{ "MaxRecvDataSegmentLength=511", "MaxRecvDataSegmentLength" },
		{ "MaxRecvDataSegmentLength=16777216", "MaxRecvDataSegmentLength" },
		{ "MaxRecvDataSegmentLength=-1", "MaxRecvDataSegmentLength" },
		{ "MaxRecvDataSegmentLength=0x2000", "MaxRecvDataSegmentLength" },
		{ "MaxBurstLength=0", "MaxBurstLength" },
		{ "MaxBurstLength=1024", "FirstBurstLength 65536 is above" },
		{ "FirstBurstLength=", "FirstBurstLength" },
		{ "FirstBurstLength=16777215", "is above" },
		{ "HeaderDigest=CRC32C", "HeaderDigest" },
		{ "no equals sign", "not key=value" },
		{ "CHAP_C=0x00", "no credentials are configured" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct login lg = login_with(false, false);

		if (!judge(&lg, OPERATIONAL, TRANSIT | FULL, 0, bad[i].text,
			   strlen(bad[i].text) + 1))
			fail_msg("%s was taken", bad[i].text);
		assert_int_equal(loss.kind, TRANSPORT_LOSS_LOGIN);
		if (!strstr(loss.text, bad[i].why))
			fail_msg("%s: \"%s\"", bad[i].text, loss.text);
	}
}

static void a_text_without_end_is_refused(void **state)
{
	struct login lg = login_with(false, false);

	(void)state;
	assert_int_equal(judge(&lg, OPERATIONAL, TRANSIT | FULL, 0, "A=b", 3), -1);
	assert_non_null(strstr(loss.text, "in the middle of a text"));
}

static void irrelevant_bursts_are_no_matter(void **state)
{
	struct login lg = login_with(false, false);

	(void)state;
	assert_int_equal(JUDGE(&lg, OPERATIONAL, TRANSIT | FULL,
			       "InitialR2T=Yes\0ImmediateData=No\0FirstBurstLength=Irrelevant\0"
			       "MaxBurstLength=512\0"), 0);
}

static void an_unanswered_digest_is_refused(void **state)
{
	const struct transport_param param = { .header_digest = TRANSPORT_DIGEST_NONE_CRC32C };
	struct login lg;

	(void)state;
	login_init(&lg, &param);
	assert_int_equal(JUDGE(&lg, OPERATIONAL, TRANSIT | FULL, PLAIN), -1);
	login_init(&lg, &param);
	assert_int_equal(JUDGE(&lg, OPERATIONAL, TRANSIT | FULL, "HeaderDigest=None\0"), 0);
	assert_false(lg.limits.header_digest);
	login_init(&lg, &param);
	assert_int_equal(JUDGE(&lg, OPERATIONAL, TRANSIT | FULL, "HeaderDigest=CRC32C\0"), 0);
	assert_true(lg.limits.header_digest);
}

static void a_status_is_told_in_words(void **state)
{
	struct login lg = login_with(true, true);

	(void)state;
	assert_int_equal(judge(&lg, SECURITY, 0, 0x0201, "", 0), -1);
	assert_int_equal(loss.kind, TRANSPORT_LOSS_LOGIN);
	assert_int_equal(loss.login_status, 0x0201);
	assert_string_equal(loss.text, "authentication failed");
	assert_string_equal(login_status_text(0x03ff), "the target cannot serve us now");
	assert_string_equal(login_status_text(0x9999), "unknown login status");
}

static void a_redirect_names_the_portal(void **state)
{
	static const char text[] = "TargetAddress=192.0.2.9:3261,1";
	struct login lg = login_with(false, false);

	(void)state;
	assert_int_equal(judge(&lg, SECURITY, 0, 0x0101, text, sizeof(text)), -1);
	assert_int_equal(loss.login_status, 0x0101);
	assert_string_equal(loss.redirect, "192.0.2.9:3261");
	assert_string_equal(loss.text, "target moved temporarily: 192.0.2.9:3261");
}

static void what_is_no_login_response_is_refused(void **state)
{
	uint8_t header[LOGIN_HEADER_BYTES] = "HTTP/1.1 400 Bad Request\r\nServer: somebody elses";

	(void)state;
	assert_int_equal(login_pdu_bytes(header, sizeof(header), &loss), 0);
	assert_non_null(strstr(loss.text, "is this an iSCSI target?"));
	assert_int_equal(login_pdu_bytes(header, 1, &loss), 0);
	memset(header, 0, sizeof(header));
	header[0] = 0x25;	/* Data-In: libiscsi would look for its buffer */
	assert_int_equal(login_pdu_bytes(header, sizeof(header), &loss), 0);
	header[0] = 0x23;
	assert_int_equal(login_pdu_bytes(header, sizeof(header), &loss), LOGIN_HEADER_BYTES);
	header[4] = 1;
	assert_int_equal(login_pdu_bytes(header, 47, &loss), LOGIN_HEADER_BYTES);
	assert_int_equal(login_pdu_bytes(header, sizeof(header), &loss), 0);
	header[4] = 0;
	be24_store(header + 5, LOGIN_DATA_MAX);
	assert_int_equal(login_pdu_bytes(header, sizeof(header), &loss), LOGIN_PDU_MAX);
	be24_store(header + 5, LOGIN_DATA_MAX + 1);
	assert_int_equal(login_pdu_bytes(header, sizeof(header), &loss), 0);
}

/* Bits of true answers, put together at random and bent: the judge may say what it likes. */
static void no_answer_upsets_the_judge(void **state)
{
	static const char *const parts[] = {
		"AuthMethod=CHAP", "AuthMethod=", "CHAP_A=5", "CHAP_I=0", "CHAP_C=0x", "CHAP_C=0x0",
		"CHAP_C=0xab", "CHAP_N=target", "CHAP_R=0x00112233445566778899aabbccddeeff",
		"TargetAddress=:,", "TargetAddress=[::]:1,1", "TargetAlias=", "=", "MaxBurstLength",
		"FirstBurstLength=999999999999999999999", "HeaderDigest=CRC32C", "InitialR2T=\377",
		"DefaultTime2Wait=4294967295", "TargetPortalGroupTag=-1",
	};
	static uint8_t pdu[LOGIN_PDU_MAX];
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct login lg = login_with(round & 1, round & 2);

		for (int reply = 0; reply < 4; reply++) {
			size_t len = 0, bytes;

			memset(pdu, 0, sizeof(pdu));
			while (len < 500 && (seed = seed * 1664525 + 1013904223) >> 30) {
				const char *part = parts[(seed >> 8) % ARRAY_SIZE(parts)];

				strcpy((char *)pdu + LOGIN_HEADER_BYTES + len, part);
				len += strlen(part) + 1;
			}
			for (uint32_t bend = seed >> 4 & 3; bend && len; bend--)
				pdu[LOGIN_HEADER_BYTES + (seed >> bend * 5) % len] ^= 1u << bend;
			pdu[0] = 0x23;
			pdu[1] = (uint8_t)(seed >> 16);
			pdu[36] = seed & 0x400 ? (uint8_t)(seed >> 12 & 3) : 0;
			be24_store(pdu + 5, (uint32_t)(len - (len && seed & 0x800)));
			bytes = login_pdu_bytes(pdu, sizeof(pdu), &loss);
			if (!bytes || login_judge(&lg, pdu, bytes, &loss) || lg.done)
				break;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_login_without_credentials_is_one_reply),
		cmocka_unit_test(what_is_not_said_is_the_default),
		cmocka_unit_test(chap_is_three_replies),
		cmocka_unit_test(mutual_chap_is_proved_after_our_challenge),
		cmocka_unit_test(a_downgrade_is_refused),
		cmocka_unit_test(an_unproved_target_is_refused),
		cmocka_unit_test(a_second_challenge_is_refused),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(a_text_without_end_is_refused),
		cmocka_unit_test(irrelevant_bursts_are_no_matter),
		cmocka_unit_test(an_unanswered_digest_is_refused),
		cmocka_unit_test(a_status_is_told_in_words),
		cmocka_unit_test(a_redirect_names_the_portal),
		cmocka_unit_test(no_answer_upsets_the_judge),
		cmocka_unit_test(what_is_no_login_response_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
