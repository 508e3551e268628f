/* SPDX-License-Identifier: BSD-2-Clause */
/* The small pure files of the initiator: alive, backoff, extent, verdict; and base's bufpool. */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "initiator/alive.h"
#include "initiator/backoff.h"
#include "initiator/extent.h"
#include "initiator/verdict.h"
#include "iscsifs/bufpool.h"
#include "iscsifs/scsi_cdb.h"

/* --- alive -------------------------------------------------------------------------------- */

/* A link that last said something at @heard, looked at whenever alive asks; the instant of death. */
static mono_ms alive_death(struct alive_input in, mono_ms heard, mono_ms until, unsigned *pings)
{
	struct alive a;
	mono_ms next = heard;

	alive_init(&a);
	*pings = 0;
	while (next <= until) {
		enum alive_verdict v;

		in.now = next;
		in.silence = next - heard;
		v = alive_check(&a, &in, &next);
		if (v == ALIVE_DEAD)
			return in.now;
		*pings += v == ALIVE_PING;
		assert_true(next > in.now);
	}
	return MONO_NEVER;
}

static void silence_is_death_at_interval_plus_timeout(void **state)
{
	unsigned pings;

	(void)state;
	for (span_ms interval = 1; interval < 30000; interval = interval * 3 + 1) {
		for (span_ms timeout = 1; timeout < 30000; timeout = timeout * 3 + 1) {
			struct alive_input in = { .interval = interval, .timeout = timeout };

			assert_int_equal(alive_death(in, 100, 200000, &pings),
					 100 + interval + timeout);
			assert_int_equal(pings, 1);
		}
	}
}

static void an_interval_of_zero_is_no_pings(void **state)
{
	struct alive_input in = { .interval = 0, .timeout = 5000 };
	unsigned pings;

	(void)state;
	assert_true(alive_death(in, 0, 1000000, &pings) == MONO_NEVER);
	assert_int_equal(pings, 0);
}

/* A big read trickles in: a byte now and then, never a pause of a whole interval. */
static void a_slow_big_read_is_life_and_never_pinged(void **state)
{
	struct alive_input in = { .interval = 5000, .timeout = 5000, .oldest = 1 };
	struct alive a;
	mono_ms next;

	(void)state;
	alive_init(&a);
	for (in.now = 0; in.now < 1000000; in.now += 100) {
		in.silence = in.now % 4900;
		in.oldest = in.now;
		assert_int_equal(alive_check(&a, &in, &next), ALIVE_OK);
	}
}

static void any_byte_after_a_ping_is_its_answer(void **state)
{
	struct alive_input in = { .interval = 5000, .timeout = 5000 };
	struct alive a;
	mono_ms next;

	(void)state;
	alive_init(&a);
	in.now = in.silence = 5000;
	assert_int_equal(alive_check(&a, &in, &next), ALIVE_PING);
	assert_int_equal(next, 10000);
	in.now = 10000;
	in.silence = 4000;		/* something came at 6000 */
	assert_int_equal(alive_check(&a, &in, &next), ALIVE_OK);
	assert_int_equal(next, 11000);
	in.now = 11000;
	in.silence = 5000;
	assert_int_equal(alive_check(&a, &in, &next), ALIVE_PING);
}

static void a_blocked_link_is_not_pinged_and_patience_bounds_it(void **state)
{
	struct alive_input in = { .interval = 5000, .timeout = 5000, .patience = 30000,
				  .blocked = true };
	struct alive a;
	mono_ms next;

	(void)state;
	alive_init(&a);
	for (in.now = 5000; in.now < 30000; in.now = next) {
		in.silence = in.oldest = in.now;
		assert_int_equal(alive_check(&a, &in, &next), ALIVE_OK);
		assert_true(next > in.now);
		next = MIN(next, in.now + 1000);
	}
	in.silence = in.oldest = in.now;
	assert_int_equal(alive_check(&a, &in, &next), ALIVE_DEAD);
	in.patience = 0;
	assert_int_equal(alive_check(&a, &in, &next), ALIVE_OK);
}

/* --- backoff ------------------------------------------------------------------------------ */

static void backoff_grows_to_its_cap_within_a_quarter(void **state)
{
	static const span_ms base[] = { 0, 200, 400, 800, 1600, 3000, 3000 };
	uint32_t random = 1;

	(void)state;
	for (unsigned failures = 0; failures < ARRAY_SIZE(base); failures++) {
		for (unsigned i = 0; i < 1000; i++) {
			random = random * 1664525u + 1013904223u;
			assert_in_range(backoff_dial(failures, random),
					base[failures] - base[failures] / 4,
					base[failures] + base[failures] / 4);
		}
	}
}

static void backoff_does_not_overflow(void **state)
{
	static const unsigned many[] = { 16, 17, 18, 31, 32, 33, 63, 64, 65, 1000, UINT32_MAX };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(many); i++) {
		assert_in_range(backoff_dial(many[i], UINT32_MAX), 2250, 3750);
		assert_in_range(backoff_busy(many[i], UINT32_MAX), 150, 250);
	}
	assert_in_range(backoff_busy(0, 0), 7, 13);
	assert_in_range(backoff_busy(1, 0), 7, 13);
}

/* --- extent ------------------------------------------------------------------------------- */

/* Byte by byte: what blocks hold the row, and what of them is not of it. */
static void extent_check(uint64_t off, uint32_t len, uint32_t block_bytes)
{
	struct extent x = extent_of(off, len, block_bytes);

	assert_true(x.blocks >= 1);
	assert_true(x.head < block_bytes && x.tail < block_bytes);
	assert_true(x.lba == off / block_bytes);
	assert_true(x.lba + x.blocks - 1 == (off + len - 1) / block_bytes);
	assert_true(x.lba * block_bytes + x.head == off);
	assert_true((uint64_t)x.blocks * block_bytes == (uint64_t)x.head + len + x.tail);
	assert_int_equal(extent_is_whole(&x), off % block_bytes == 0 && len % block_bytes == 0);
}

static void extents_cover_what_they_should_at_every_alignment(void **state)
{
	(void)state;
	for (uint32_t b = 8; b <= 64; b *= 2) {
		for (uint64_t off = 0; off < 3 * b; off++) {
			for (uint32_t len = 1; len < 4 * b; len++)
				extent_check(off, len, b);
		}
	}
}

static void extents_near_the_end_of_all_offsets_do_not_wrap(void **state)
{
	static const uint32_t sizes[] = { 512, 4096, 65536 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t b = sizes[i];

		for (uint32_t len = 1; len < 3 * b; len += 97)
			extent_check((uint64_t)INT64_MAX - len, len, b);
		extent_check((uint64_t)INT64_MAX - UINT32_MAX, UINT32_MAX, b);
		extent_check(0, UINT32_MAX, b);
	}
}

static void pieces_cover_an_extent_once_and_in_order(void **state)
{
	(void)state;
	for (uint32_t blocks = 1; blocks < 40; blocks++) {
		for (uint32_t max = 1; max < 45; max++) {
			struct extent x = { .lba = 1000, .blocks = blocks };
			uint64_t lba, want = 1000;
			uint32_t n, i;

			for (i = 0; extent_piece(&x, i, max, &lba, &n); i++) {
				assert_true(lba == want && n >= 1 && n <= max);
				want += n;
			}
			assert_true(want == 1000 + blocks);
			assert_int_equal(i, extent_pieces(&x, max));
		}
	}
}

static void extents_overlap_when_they_share_a_block(void **state)
{
	(void)state;
	for (uint64_t a = 0; a < 6; a++) {
		for (uint64_t b = 0; b < 6; b++) {
			struct extent x = { .lba = 2, .blocks = 2 };
			struct extent y = { .lba = a, .blocks = (uint32_t)b + 1 };

			assert_int_equal(extent_overlaps(&x, &y), a < 4 && a + b >= 2);
			assert_int_equal(extent_overlaps(&x, &y), extent_overlaps(&y, &x));
		}
	}
}

/* --- verdict ------------------------------------------------------------------------------ */

static void each_answer_has_its_verdict(void **state)
{
	static const struct {
		uint8_t status, key;
		uint16_t code;
		enum verdict_kind kind;
		int err;
	} rows[] = {
		{ SCSI_GOOD, 0, 0, VERDICT_GOOD, 0 },
		{ SCSI_CONDITION_MET, 0, 0, VERDICT_GOOD, 0 },
		{ SCSI_BUSY, 0, 0, VERDICT_BUSY, 0 },
		{ SCSI_TASK_SET_FULL, 0, 0, VERDICT_BUSY, 0 },
		{ SCSI_TASK_ABORTED, 0, 0, VERDICT_RETRY, 0 },
		{ SCSI_RESERVATION_CONFLICT, 0, 0, VERDICT_FAIL, -EBADE },
		{ SCSI_ACA_ACTIVE, 0, 0, VERDICT_FAIL, -EIO },
		{ 0x77, 0, 0, VERDICT_FAIL, -EIO },
		{ SCSI_CHECK_CONDITION, SENSE_NO_SENSE, 0, VERDICT_GOOD, 0 },
		{ SCSI_CHECK_CONDITION, SENSE_RECOVERED_ERROR, 0x1700, VERDICT_GOOD, 0 },
		{ SCSI_CHECK_CONDITION, SENSE_NOT_READY, 0x0401, VERDICT_NOT_READY, 0 },
		{ SCSI_CHECK_CONDITION, SENSE_NOT_READY, 0x0400, VERDICT_NOT_READY, 0 },
		{ SCSI_CHECK_CONDITION, SENSE_NOT_READY, 0x3a00, VERDICT_FAIL, -ENOMEDIUM },
		{ SCSI_CHECK_CONDITION, SENSE_NOT_READY, 0x3a02, VERDICT_FAIL, -ENOMEDIUM },
		{ SCSI_CHECK_CONDITION, SENSE_ILLEGAL_REQUEST, 0x2500, VERDICT_NOT_READY, 0 },
		{ SCSI_CHECK_CONDITION, SENSE_ILLEGAL_REQUEST, 0x2100, VERDICT_FAIL, -ENOSPC },
		{ SCSI_CHECK_CONDITION, SENSE_ILLEGAL_REQUEST, 0x2000, VERDICT_FAIL, -EOPNOTSUPP },
		{ SCSI_CHECK_CONDITION, SENSE_ILLEGAL_REQUEST, 0x2400, VERDICT_FAIL, -EREMOTEIO },
		{ SCSI_CHECK_CONDITION, SENSE_UNIT_ATTENTION, 0x2900, VERDICT_ATTENTION, 0 },
		{ SCSI_CHECK_CONDITION, SENSE_ABORTED_COMMAND, 0x4704, VERDICT_RETRY, 0 },
		{ SCSI_CHECK_CONDITION, SENSE_DATA_PROTECT, 0x2700, VERDICT_FAIL, -EROFS },
		{ SCSI_CHECK_CONDITION, SENSE_DATA_PROTECT, 0x2707, VERDICT_FAIL, -ENOSPC },
		{ SCSI_CHECK_CONDITION, SENSE_MEDIUM_ERROR, 0x1100, VERDICT_FAIL, -EIO },
		{ SCSI_CHECK_CONDITION, SENSE_HARDWARE_ERROR, 0x4400, VERDICT_FAIL, -EIO },
		{ SCSI_CHECK_CONDITION, SENSE_MISCOMPARE, 0x1d00, VERDICT_FAIL, -EILSEQ },
		{ SCSI_CHECK_CONDITION, SENSE_COPY_ABORTED, 0, VERDICT_FAIL, -EIO },
		{ SCSI_CHECK_CONDITION, 0xd, 0, VERDICT_FAIL, -EIO },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sense sense = { .key = rows[i].key, .code = rows[i].code };
		struct verdict v = verdict_of(false, rows[i].status, &sense);

		assert_int_equal(v.kind, rows[i].kind);
		assert_int_equal(v.err, rows[i].err);
	}
}

static void every_answer_there_can_be_has_a_verdict(void **state)
{
	(void)state;
	for (unsigned status = 0; status < 256; status++) {
		for (unsigned key = 0; key < 16; key++) {
			for (unsigned deferred = 0; deferred < 2; deferred++) {
				struct sense sense = { .key = (uint8_t)key, .deferred = deferred };
				struct verdict v = verdict_of(false, (uint8_t)status, &sense);

				assert_in_range(v.kind, VERDICT_GOOD, VERDICT_ATTENTION);
				assert_int_equal(v.kind == VERDICT_FAIL, v.err < 0);
			}
		}
	}
}

static void a_deferred_error_is_about_an_earlier_command(void **state)
{
	struct sense bad = { .key = SENSE_MEDIUM_ERROR, .code = 0x0c00, .deferred = true };
	struct sense recovered = { .key = SENSE_RECOVERED_ERROR, .deferred = true };

	(void)state;
	assert_int_equal(verdict_of(false, SCSI_CHECK_CONDITION, &bad).kind, VERDICT_FAIL);
	assert_int_equal(verdict_of(false, SCSI_CHECK_CONDITION, &recovered).kind, VERDICT_RETRY);
}

static void what_was_rejected_is_sent_again_whatever_its_status_bytes_hold(void **state)
{
	struct sense sense = { .key = SENSE_MEDIUM_ERROR };

	(void)state;
	assert_int_equal(verdict_of(true, SCSI_CHECK_CONDITION, &sense).kind, VERDICT_RETRY);
}

/* --- bufpool ------------------------------------------------------------------------------ */

static void buffers_are_page_aligned_and_reused(void **state)
{
	struct bufpool p;
	void *a, *b;

	(void)state;
	bufpool_init(&p, 1 << 20);
	a = bufpool_get(&p, 5000);
	assert_non_null(a);
	assert_int_equal((uintptr_t)a % 4096, 0);
	memset(a, 1, 8192);
	assert_int_equal(p.used_bytes, 8192);
	bufpool_put(&p, a, 5000);
	assert_int_equal(p.used_bytes, 0);
	assert_int_equal(p.idle_bytes, 8192);
	b = bufpool_get(&p, 8192);
	assert_ptr_equal(a, b);
	bufpool_put(&p, b, 8192);
	bufpool_fini(&p);
}

static void every_size_up_to_two_mebibytes_is_there_whole(void **state)
{
	struct bufpool p;

	(void)state;
	bufpool_init(&p, 4 << 20);
	for (size_t n = 1; n <= 2 << 20; n = n * 2 + (n % 3)) {
		uint8_t *buf = bufpool_get(&p, MIN(n, (size_t)2 << 20));

		assert_non_null(buf);
		memset(buf, 0xaa, MIN(n, (size_t)2 << 20));
		bufpool_put(&p, buf, MIN(n, (size_t)2 << 20));
	}
	bufpool_fini(&p);
}

static void no_more_is_kept_than_was_asked_for(void **state)
{
	struct bufpool p;
	void *bufs[16];

	(void)state;
	bufpool_init(&p, 16384);
	for (unsigned i = 0; i < 16; i++)
		bufs[i] = bufpool_get(&p, 4096);
	for (unsigned i = 0; i < 16; i++)
		bufpool_put(&p, bufs[i], 4096);
	assert_int_equal(p.idle_bytes, 16384);
	bufpool_put(&p, NULL, 4096);
	bufpool_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silence_is_death_at_interval_plus_timeout),
		cmocka_unit_test(an_interval_of_zero_is_no_pings),
		cmocka_unit_test(a_slow_big_read_is_life_and_never_pinged),
		cmocka_unit_test(any_byte_after_a_ping_is_its_answer),
		cmocka_unit_test(a_blocked_link_is_not_pinged_and_patience_bounds_it),
		cmocka_unit_test(backoff_grows_to_its_cap_within_a_quarter),
		cmocka_unit_test(backoff_does_not_overflow),
		cmocka_unit_test(extents_cover_what_they_should_at_every_alignment),
		cmocka_unit_test(extents_near_the_end_of_all_offsets_do_not_wrap),
		cmocka_unit_test(pieces_cover_an_extent_once_and_in_order),
		cmocka_unit_test(extents_overlap_when_they_share_a_block),
		cmocka_unit_test(each_answer_has_its_verdict),
		cmocka_unit_test(every_answer_there_can_be_has_a_verdict),
		cmocka_unit_test(a_deferred_error_is_about_an_earlier_command),
		cmocka_unit_test(what_was_rejected_is_sent_again_whatever_its_status_bytes_hold),
		cmocka_unit_test(buffers_are_page_aligned_and_reused),
		cmocka_unit_test(every_size_up_to_two_mebibytes_is_there_whole),
		cmocka_unit_test(no_more_is_kept_than_was_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
