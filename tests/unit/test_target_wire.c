/* SPDX-License-Identifier: BSD-2-Clause */
/* The target's bytes: digests, headers, text, negotiation, CHAP, the output queue. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "target/chap.h"
#include "target/digest.h"
#include "target/outq.h"
#include "target/params.h"
#include "target/pdu.h"
#include "target/text.h"

/* --- digest: RFC 7143 A.4 --- */

static const uint8_t digest_read_10[48] = {
	0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0,
	0, 0, 0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0,
};

static void digests_are_those_of_the_standard(void **state)
{
	uint8_t b[32];

	(void)state;
	memset(b, 0, sizeof(b));
	assert_int_equal(digest_crc32c(0, b, 32), 0x8a9136aa);
	memset(b, 0xff, sizeof(b));
	assert_int_equal(digest_crc32c(0, b, 32), 0x62a8ab43);
	for (unsigned i = 0; i < 32; i++)
		b[i] = (uint8_t)i;
	assert_int_equal(digest_crc32c(0, b, 32), 0x46dd794e);
	for (unsigned i = 0; i < 32; i++)
		b[i] = (uint8_t)(31 - i);
	assert_int_equal(digest_crc32c(0, b, 32), 0x113fdb5c);
	assert_int_equal(digest_crc32c(0, digest_read_10, 48), 0xd9963a56);
}

static void both_digests_agree_at_every_length_and_cut(void **state)
{
	uint8_t b[100];

	(void)state;
	for (unsigned i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(i * 37 + 11);
	for (size_t len = 0; len < sizeof(b); len++) {
		uint32_t whole = digest_crc32c(0, b, len);

		assert_int_equal(digest_crc32c_table(0, b, len), whole);
		assert_int_equal(digest_crc32c(digest_crc32c(0, b, len / 3), b + len / 3,
					       len - len / 3), whole);
	}
}

/* --- headers --- */

static void serial_numbers_wrap(void **state)
{
	(void)state;
	assert_true(serial_before(1, 2));
	assert_false(serial_before(2, 2));
	assert_true(serial_before(0xffffffff, 0));
	assert_true(serial_before(0xfffffff0, 0x10));
	assert_false(serial_before(0x10, 0xfffffff0));
}

static void a_header_has_its_fields_where_the_standard_puts_them(void **state)
{
	uint8_t b[PDU_BHS];

	(void)state;
	for (unsigned i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)i;
	b[0] = 0x40 | PDU_SCSI_COMMAND;
	assert_true(pdu_immediate(b));
	assert_int_equal(pdu_opcode(b), PDU_SCSI_COMMAND);
	assert_int_equal(pdu_ahs_bytes(b), 16);
	assert_int_equal(pdu_data_bytes(b), 0x050607);
	assert_int_equal(pdu_itt(b), 0x10111213);
	assert_int_equal(pdu_edtl(b), 0x14151617);
	assert_int_equal(pdu_cmdsn(b), 0x18191a1b);
	assert_int_equal(pdu_expstatsn(b), 0x1c1d1e1f);
	assert_int_equal(pdu_datasn(b), 0x24252627);
	assert_int_equal(pdu_offset(b), 0x28292a2b);
	assert_ptr_equal(pdu_lun(b), b + 8);
	assert_ptr_equal(pdu_cdb(b), b + 32);
	pdu_init(b, PDU_R2T, PDU_F, 0xa1a2a3a4);
	pdu_set_data_bytes(b, 0x123456);
	pdu_set_numbers(b, 1, 2, 3);
	assert_int_equal(b[0], 0x31);
	assert_int_equal(b[1], 0x80);
	assert_int_equal(pdu_data_bytes(b), 0x123456);
	assert_int_equal(pdu_itt(b), 0xa1a2a3a4);
	assert_int_equal(be32_load(b + 24), 1);
	assert_int_equal(be32_load(b + 28), 2);
	assert_int_equal(be32_load(b + 32), 3);
}

static void additional_headers_are_read_no_further_than_they_are(void **state)
{
	static const uint8_t other[8] = { 0, 5, 0x3f, 0 };
	static const uint8_t bidirectional[8] = { 0, 5, 2, 0, 0, 0, 2, 0 };
	static const uint8_t too_long[8] = { 0, 99, 0x3f, 0 };

	(void)state;
	assert_true(pdu_ahs_is_plain(NULL, 0));
	assert_true(pdu_ahs_is_plain(other, 8));
	assert_false(pdu_ahs_is_plain(bidirectional, 8));
	assert_false(pdu_ahs_is_plain(too_long, 8));
}

/* --- text --- */

static int text_of(struct text *t, char *buf, const char *data, size_t len)
{
	memcpy(buf, data, len);
	return text_split(t, buf, len);
}

#define TEXT_OF(t, buf, literal) text_of(t, buf, literal, sizeof(literal) - 1)

static void text_is_split_at_nuls(void **state)
{
	struct text t;
	char b[64];

	(void)state;
	assert_int_equal(TEXT_OF(&t, b, "A=1\0\0B=x=y\0C=\0"), 0);
	assert_int_equal(t.pairs, 3);
	assert_string_equal(text_get(&t, "A"), "1");
	assert_string_equal(text_get(&t, "B"), "x=y");
	assert_string_equal(text_get(&t, "C"), "");
	assert_null(text_get(&t, "D"));
}

static void malformed_text_is_refused(void **state)
{
	char *big = malloc(4096);
	struct text t;
	char b[128];

	(void)state;
	assert_int_equal(TEXT_OF(&t, b, "A=1"), -EPROTO);
	assert_int_equal(TEXT_OF(&t, b, "A\0"), -EPROTO);
	assert_int_equal(TEXT_OF(&t, b, "=1\0"), -EPROTO);
	assert_int_equal(TEXT_OF(&t, b, "A=1\0A=1\0"), -EPROTO);
	memset(b, 'k', sizeof(b));
	memcpy(b + 64, "=v", 3);
	assert_int_equal(text_split(&t, b, 67), -EPROTO);
	memset(big, 'v', 4096);
	memcpy(big, "K=", 2);
	big[2 + TEXT_VALUE_MAX] = 0;
	assert_int_equal(text_split(&t, big, 3 + TEXT_VALUE_MAX), 0);
	memset(big, 'v', 4096);
	memcpy(big, "K=", 2);
	big[3 + TEXT_VALUE_MAX] = 0;
	assert_int_equal(text_split(&t, big, 4 + TEXT_VALUE_MAX), -EPROTO);
	free(big);
}

static void an_answer_that_does_not_fit_is_left_out_whole(void **state)
{
	char b[8];
	struct text_out o = { .data = b, .cap = sizeof(b) };

	(void)state;
	text_add(&o, "A", "1");
	assert_false(o.full);
	text_add(&o, "B", "22");
	assert_true(o.full);
	assert_int_equal(o.len, 4);
	assert_memory_equal(b, "A=1", 4);
}

/* --- negotiation --- */

struct offered {
	const char *key, *value;
	const char *answer;		/* NULL: none */
	int rc;
};

static void each_key_is_answered_as_its_function_says(void **state)
{
	static const struct offered table[] = {
		{ "HeaderDigest", "CRC32C,None", "CRC32C", 0 },
		{ "HeaderDigest", "None,CRC32C", "None", 0 },
		{ "DataDigest", "X,CRC32C", "CRC32C", 0 },
		{ "DataDigest", "X", "Reject", 0 },
		{ "DataDigest", "", "Reject", 0 },
		{ "InitialR2T", "Yes", "Yes", 0 },
		{ "InitialR2T", "No", "No", 0 },
		{ "InitialR2T", "yes", "Reject", 0 },
		{ "ImmediateData", "No", "No", 0 },
		{ "MaxBurstLength", "262144", "262144", 0 },
		{ "MaxBurstLength", "16776192", "1048576", 0 },
		{ "MaxBurstLength", "511", "Reject", 0 },
		{ "MaxBurstLength", "0x10000", "65536", 0 },
		{ "MaxBurstLength", "-1", "Reject", 0 },
		{ "FirstBurstLength", "16777215", "262144", 0 },
		{ "FirstBurstLength", "16777216", "Reject", 0 },
		{ "MaxRecvDataSegmentLength", "8192", NULL, 0 },
		{ "MaxRecvDataSegmentLength", "511", NULL, -EPROTO },
		{ "MaxRecvDataSegmentLength", "16777216", NULL, -EPROTO },
		{ "MaxOutstandingR2T", "65535", "8", 0 },
		{ "MaxOutstandingR2T", "1", "1", 0 },
		{ "MaxConnections", "8", "1", 0 },
		{ "DefaultTime2Wait", "0", "2", 0 },
		{ "DefaultTime2Wait", "7", "7", 0 },
		{ "DefaultTime2Retain", "20", "0", 0 },
		{ "ErrorRecoveryLevel", "2", "0", 0 },
		{ "ErrorRecoveryLevel", "3", "Reject", 0 },
		{ "DataPDUInOrder", "No", "Yes", 0 },
		{ "DataSequenceInOrder", "No", "Yes", 0 },
		{ "TaskReporting", "FastAbort,RFC3720", "RFC3720", 0 },
		{ "iSCSIProtocolLevel", "2", "1", 0 },
		{ "IFMarker", "Yes", "No", 0 },
		{ "OFMarkInt", "2048", "Irrelevant", 0 },
		{ "X-com.example.odd", "1", NULL, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char b[256] = "", want[256] = "";
		struct text_out o = { .data = b, .cap = sizeof(b) };
		struct params now, offer;

		params_default(&now);
		params_offer(&offer);
		assert_int_equal(params_negotiate(&now, &offer, table[i].key, table[i].value,
						  false, &o), table[i].rc);
		if (table[i].answer)
			snprintf(want, sizeof(want), "%s=%s", table[i].key, table[i].answer);
		assert_string_equal(b, want);
	}
}

static void what_is_rejected_keeps_its_default(void **state)
{
	char b[256];
	struct text_out o = { .data = b, .cap = sizeof(b) };
	struct params now, offer;

	(void)state;
	params_default(&now);
	params_offer(&offer);
	params_negotiate(&now, &offer, "MaxBurstLength", "7", false, &o);
	params_negotiate(&now, &offer, "ImmediateData", "Maybe", false, &o);
	assert_int_equal(now.max_burst_bytes, 262144);
	assert_int_equal(now.immediate_data, 1);
	params_negotiate(&now, &offer, "MaxRecvDataSegmentLength", "4096", false, &o);
	assert_int_equal(now.max_send_bytes, 4096);
}

static void keys_of_normal_sessions_are_irrelevant_to_discovery(void **state)
{
	char b[256];
	struct text_out o = { .data = b, .cap = sizeof(b) };
	struct params now, offer;

	(void)state;
	params_default(&now);
	params_offer(&offer);
	params_negotiate(&now, &offer, "InitialR2T", "No", true, &o);
	assert_string_equal(b, "InitialR2T=Irrelevant");
	assert_int_equal(now.initial_r2t, 1);
}

/* --- chap --- */

static void chap_answers_are_digests_of_id_secret_challenge(void **state)
{
	/* Of 42, "sesame open now", 0 to 31; made with Python's hashlib. */
	static const struct {
		enum chap_algorithm algorithm;
		const char *want;
	} rows[] = {
		{ CHAP_MD5, "0x8a7341308c4710e9c1ace6ed8d555598" },
		{ CHAP_SHA1, "0xddc59718aace0da3d7fabb59f0fe76cf896bd356" },
		{ CHAP_SHA256,
		  "0x6a550eb062d6f11d3c13d5d31f716c39bd5eca6010a706ce8b970b9d74aa62a4" },
		{ CHAP_SHA3_256,
		  "0xaa82fff39d5f984dd2f99e0011dfd387e425df532aa6b079aec4973cb9466c7e" },
	};
	uint8_t answer[CHAP_DIGEST_MAX];
	char text[2 * CHAP_DIGEST_MAX + 3];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct chap c = { .algorithm = rows[i].algorithm, .id = 42 };
		size_t n;

		for (unsigned j = 0; j < sizeof(c.challenge); j++)
			c.challenge[j] = (uint8_t)j;
		n = chap_answer(c.algorithm, 42, "sesame open now", c.challenge,
				sizeof(c.challenge), answer);
		assert_int_equal(n, chap_digest_bytes(c.algorithm));
		chap_encode(answer, n, text);
		assert_string_equal(text, rows[i].want);
		assert_true(chap_is_right(&c, "sesame open now", answer, n));
		assert_false(chap_is_right(&c, "sesame open no", answer, n));
		assert_false(chap_is_right(&c, "sesame open now", answer, n - 1));
		answer[n - 1] ^= 1;
		assert_false(chap_is_right(&c, "sesame open now", answer, n));
		assert_true(chap_is_reflected(&c, c.challenge, sizeof(c.challenge)));
	}
}

static void the_strongest_algorithm_is_chosen(void **state)
{
	(void)state;
	assert_int_equal(chap_choose("5"), CHAP_MD5);
	assert_int_equal(chap_choose("5,6,7,8"), CHAP_SHA3_256);
	assert_int_equal(chap_choose("7,5"), CHAP_SHA256);
	assert_int_equal(chap_choose("5,6"), CHAP_SHA1);
	assert_int_equal(chap_choose("128,55,85,4"), CHAP_NONE);
	assert_int_equal(chap_choose(""), CHAP_NONE);
}

static void two_challenges_differ(void **state)
{
	struct chap a, b;

	(void)state;
	assert_int_equal(chap_challenge(&a, CHAP_MD5), 0);
	assert_int_equal(chap_challenge(&b, CHAP_MD5), 0);
	assert_memory_not_equal(a.challenge, b.challenge, sizeof(a.challenge));
}

static void binary_values_are_read_in_both_encodings(void **state)
{
	static const char *const wrong[] = {
		"", "0x", "0b", "00", "0xg0", "0x112233445566", "0b!!!!", "0bAAECAwQF", "0bAAEC=", "x",
	};
	char text[16];
	uint8_t b[4];

	(void)state;
	assert_int_equal(chap_decode("0x00fF10", b, sizeof(b)), 3);
	assert_memory_equal(b, "\x00\xff\x10", 3);
	assert_int_equal(chap_decode("0X123", b, sizeof(b)), 2);
	assert_memory_equal(b, "\x01\x23", 2);
	assert_int_equal(chap_decode("0bAAECAw==", b, sizeof(b)), 4);
	assert_memory_equal(b, "\x00\x01\x02\x03", 4);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(chap_decode(wrong[i], b, sizeof(b)), -EINVAL);
	chap_encode((const uint8_t *)"\x00\xab\x7f", 3, text);
	assert_string_equal(text, "0x00ab7f");
}

/* --- output --- */

/* Put random PDUs in, take random amounts out: the bytes come in their order, whole. */
static void what_goes_into_the_queue_comes_out(void **state)
{
	static const uint8_t lent[64] = "bytes of a disk, which stay where they lie";
	static struct outq q;
	static uint8_t ring[7000], want[400000], got[400000];
	size_t wanted = 0, taken = 0;
	int fd[2], size = 2048;
	ssize_t n;

	(void)state;
	srand(1);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	outq_init(&q, ring, sizeof(ring));
	while (wanted < sizeof(want) - 4000 || taken < wanted) {
		uint32_t len = (uint32_t)rand() % 2500 + 1;
		bool more = wanted < sizeof(want) - 4000;
		uint8_t *at = more ? outq_reserve(&q, len) : NULL;

		assert_true(at || !more || len > outq_room(&q));
		for (uint32_t i = 0; at && i < len; i++)
			at[i] = want[wanted++] = (uint8_t)rand();
		if (at)
			outq_commit(&q, at, len);
		if (at && rand() % 4 == 0) {
			outq_lend(&q, lent, sizeof(lent));
			memcpy(want + wanted, lent, sizeof(lent));
			wanted += sizeof(lent);
		}
		assert_int_equal(outq_send(&q, fd[0], (uint64_t)rand() % 3000 + 1), 0);
		n = recv(fd[1], got + taken, (size_t)rand() % 2000 + 1, 0);
		taken += n > 0 ? (size_t)n : 0;
		assert_int_equal(outq_empty(&q), q.bytes == 0);
	}
	assert_memory_equal(got, want, taken);
	close(fd[0]);
	close(fd[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_are_those_of_the_standard),
		cmocka_unit_test(both_digests_agree_at_every_length_and_cut),
		cmocka_unit_test(serial_numbers_wrap),
		cmocka_unit_test(a_header_has_its_fields_where_the_standard_puts_them),
		cmocka_unit_test(additional_headers_are_read_no_further_than_they_are),
		cmocka_unit_test(text_is_split_at_nuls),
		cmocka_unit_test(malformed_text_is_refused),
		cmocka_unit_test(an_answer_that_does_not_fit_is_left_out_whole),
		cmocka_unit_test(each_key_is_answered_as_its_function_says),
		cmocka_unit_test(what_is_rejected_keeps_its_default),
		cmocka_unit_test(keys_of_normal_sessions_are_irrelevant_to_discovery),
		cmocka_unit_test(chap_answers_are_digests_of_id_secret_challenge),
		cmocka_unit_test(the_strongest_algorithm_is_chosen),
		cmocka_unit_test(two_challenges_differ),
		cmocka_unit_test(binary_values_are_read_in_both_encodings),
		cmocka_unit_test(what_goes_into_the_queue_comes_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
