/* SPDX-License-Identifier: BSD-2-Clause */
/* EXTENDED COPY and what it is made of, on disks in memory, without threads. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "iscsifs/cursor.h"
#include "target/chore.h"
#include "target/copy_list.h"
#include "target/scsi_cmd.h"
#include "target/target.h"

enum { BLOCK = 512, BLOCKS = 4 << 11, LARGE = 2, LIST_MAX = COPY_LIST_HEADER + COPY_LIST_MAX };

struct bench {
	struct target *t;
	struct nexus a, b;
	struct scsi_cmd c;
	uint8_t list[LIST_MAX + 64];
	unsigned cscds, segments;
	unsigned chores;
};

static void bench_add(struct target *t, unsigned number, uint32_t block, bool write_protected)
{
	struct lun_options o = { .backing = "ram:4M",
				 .block_bytes = block,
				 .physical_bytes = 4096,
				 .write_cache = true,
				 .thin = true,
				 .number = number,
				 .write_protected = write_protected };
	struct err e = ERR_INIT;

	assert_int_equal(target_add_lun(t, &o, &e), 0);
}

/* LUN 0, 1: alike; 2: large blocks; 3: write-protected. */
static int bench_set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct err e = ERR_INIT;

	assert_int_equal(target_new(&b->t, "iqn.2026-11.example:t", &e), 0);
	bench_add(b->t, 0, BLOCK, false);
	bench_add(b->t, 1, BLOCK, false);
	bench_add(b->t, LARGE, 4096, false);
	bench_add(b->t, 3, BLOCK, true);
	nexus_begin(&b->a, b->t, "iqn.2026-11.example:a", (uint8_t[6]){ 1 });
	nexus_begin(&b->b, b->t, "iqn.2026-11.example:b", (uint8_t[6]){ 2 });
	memset(b->a.ua, 0, sizeof(b->a.ua));
	memset(b->b.ua, 0, sizeof(b->b.ua));
	*state = b;
	return 0;
}

static int bench_tear_down(void **state)
{
	struct bench *b = *state;

	scsi_end(&b->c);
	nexus_end(&b->a);
	nexus_end(&b->b);
	target_free(b->t);
	free(b);
	return 0;
}

static struct disk *disk_of(const struct bench *b, unsigned lun)
{
	return target_lun(b->t, lun)->disk;
}

/* Each block of @blocks from @lba on begins with its number and @seed. */
static void fill(const struct bench *b, unsigned lun, uint64_t lba, uint64_t blocks, uint32_t seed)
{
	for (uint64_t i = lba; i < lba + blocks; i++) {
		uint8_t block[BLOCK] = { 0 };

		be64_store(block, i);
		be32_store(block + 8, seed);
		assert_int_equal(disk_write(disk_of(b, lun), i * BLOCK, block, BLOCK), 0);
	}
}

/* The block at @lba is the one that fill() made for @from. */
static void expect_block(const struct bench *b, unsigned lun, uint64_t lba, uint64_t from,
			 uint32_t seed)
{
	uint8_t block[BLOCK];

	assert_int_equal(disk_read(disk_of(b, lun), lba * BLOCK, block, BLOCK), 0);
	assert_int_equal(be64_load(block), from);
	assert_int_equal(be32_load(block + 8), seed);
}

static bool is_hole(const struct bench *b, unsigned lun, uint64_t lba)
{
	uint64_t len;
	bool mapped;

	assert_int_equal(disk_extent(disk_of(b, lun), lba * BLOCK, &len, &mapped), 0);
	return !mapped;
}

/* --- lists --- */

static void list_begin(struct bench *b, uint8_t id, enum copy_list_usage usage)
{
	memset(b->list, 0, sizeof(b->list));
	b->list[0] = id;
	b->list[1] = (uint8_t)(usage << 3);
	b->cscds = b->segments = 0;
}

static uint8_t *list_cscd(struct bench *b, unsigned lun)
{
	uint8_t *d = b->list + copy_list_cscd_at(b->cscds++);

	d[0] = COPY_CSCD_IDENTIFICATION;
	d[4] = 1;
	d[5] = 3;
	d[7] = 8;
	be64_store(d + 8, 3ull << 60 | target_lun(b->t, lun)->identity);
	be24_store(d + 29, target_lun(b->t, lun)->block_bytes);
	be16_store(b->list + 2, (uint16_t)(b->cscds * COPY_CSCD_BYTES));
	return d;
}

static uint8_t *list_segment(struct bench *b, uint16_t src, uint64_t src_lba, uint16_t dst,
			     uint64_t dst_lba, uint16_t blocks)
{
	uint8_t *d =
	    b->list + copy_list_cscd_at(b->cscds) + (size_t)b->segments++ * COPY_SEGMENT_BYTES;

	d[0] = COPY_SEGMENT_BLOCKS;
	be16_store(d + 2, COPY_SEGMENT_BYTES - 4);
	be16_store(d + 4, src);
	be16_store(d + 6, dst);
	be16_store(d + 10, blocks);
	be64_store(d + 12, src_lba);
	be64_store(d + 20, dst_lba);
	be32_store(b->list + 8, b->segments * COPY_SEGMENT_BYTES);
	return d;
}

static uint32_t list_bytes(const struct bench *b)
{
	return copy_list_cscd_at(b->cscds) + b->segments * COPY_SEGMENT_BYTES;
}

/* --- commands --- */

static void bench_begin(struct bench *b, struct nexus *n, unsigned lun, const uint8_t *cdb,
			uint32_t out_bytes)
{
	scsi_end(&b->c);
	memset(&b->c, 0, sizeof(b->c));
	memcpy(b->c.cdb, cdb, CDB_MAX);
	b->c.target = b->t;
	b->c.nexus = n;
	b->c.lun_number = lun;
	b->c.lun = target_lun(b->t, lun);
	b->c.out_bytes = out_bytes;
	scsi_begin(&b->c);
}

/* Up to the first chore. */
static void copy_begin(struct bench *b, struct nexus *n, unsigned lun, uint32_t len)
{
	uint8_t cdb[CDB_MAX] = { SCSI_EXTENDED_COPY };

	be32_store(cdb + 10, len);
	bench_begin(b, n, lun, cdb, len);
	b->chores = 0;
	if (b->c.next != SCSI_NEXT_DATA_OUT)
		return;
	scsi_data(&b->c, 0, b->list, len);
	scsi_finish(&b->c, len);
}

static void copy_step(struct bench *b)
{
	b->chores++;
	scsi_chore_done(&b->c, b->c.chore->run(b->c.chore));
}

static void copy_len(struct bench *b, struct nexus *n, unsigned lun, uint32_t len)
{
	copy_begin(b, n, lun, len);
	while (b->c.next == SCSI_NEXT_CHORE)
		copy_step(b);
}

static void copy(struct bench *b, unsigned lun)
{
	copy_len(b, &b->a, lun, list_bytes(b));
}

static void results(struct bench *b, struct nexus *n, uint8_t action, uint8_t id)
{
	uint8_t cdb[CDB_MAX] = { SCSI_RECEIVE_COPY_RESULTS, action, id };

	be32_store(cdb + 10, 1024);
	bench_begin(b, n, 0, cdb, 0);
}

static void expect_sense(const struct bench *b, uint8_t key, uint16_t code)
{
	assert_int_equal(b->c.status, SCSI_CHECK_CONDITION);
	assert_int_equal(b->c.sense.key, key);
	assert_int_equal(b->c.sense.code, code);
}

static void expect_pointer(const struct bench *b, uint8_t flags, uint16_t at)
{
	assert_int_equal(b->c.sense.sks[0], flags);
	assert_int_equal(be16_load(b->c.sense.sks + 1), at);
}

/* --- the list --- */

static void every_cut_of_a_list_is_refused(void **state)
{
	struct bench *b = *state;
	uint32_t whole;

	list_begin(b, 1, COPY_USAGE_HOLD);
	list_cscd(b, 0);
	list_cscd(b, 1);
	list_segment(b, 0, 0, 1, 0, 8);
	list_segment(b, 1, 0, 0, 0, 8);
	whole = list_bytes(b);
	for (uint32_t len = 0; len <= whole; len++) {
		uint8_t *exact = malloc(len ? len : 1);	/* a sanitizer sees a byte too far */
		struct copy_list l;
		struct sense s;

		memcpy(exact, b->list, len);
		assert_int_equal(copy_list_parse(&l, exact, len, &s), len == whole);
		if (len < whole)
			assert_int_equal(s.code, SENSE_PARAMETER_LIST_LENGTH_ERROR);
		free(exact);
	}
}

static void expect_refused(struct bench *b, uint32_t len, uint16_t code, int at)
{
	struct copy_list l;
	struct sense s;

	assert_false(copy_list_parse(&l, b->list, len, &s));
	assert_int_equal(s.key, SENSE_ILLEGAL_REQUEST);
	assert_int_equal(s.code, code);
	assert_int_equal(s.sks[0], at < 0 ? 0 : 0x80);
	if (at >= 0)
		assert_int_equal(be16_load(s.sks + 1), at);
}

static void what_a_list_must_not_be_is_pointed_at(void **state)
{
	struct bench *b = *state;

	list_begin(b, 1, COPY_USAGE_RESERVED);
	expect_refused(b, 16, SENSE_INVALID_FIELD_IN_PARAMETER_LIST, 1);
	list_begin(b, 1, COPY_USAGE_NONE);
	expect_refused(b, 16, SENSE_INVALID_FIELD_IN_PARAMETER_LIST, 0);
	list_begin(b, 1, COPY_USAGE_HOLD);
	be32_store(b->list + 12, 1);
	expect_refused(b, 17, SENSE_INLINE_DATA_TOO_LONG, 12);
	list_begin(b, 1, COPY_USAGE_HOLD);
	be16_store(b->list + 2, 31);
	expect_refused(b, 16 + 31, SENSE_INVALID_FIELD_IN_PARAMETER_LIST, 2);
	list_begin(b, 1, COPY_USAGE_HOLD);
	list_cscd(b, 0);
	list_cscd(b, 0)[0] = 0xe0;
	expect_refused(b, list_bytes(b), SENSE_UNSUPPORTED_CSCD_TYPE, 48);
	list_begin(b, 1, COPY_USAGE_HOLD);
	list_cscd(b, 0)[7] = COPY_DESIGNATOR_MAX + 1;
	expect_refused(b, list_bytes(b), SENSE_INVALID_FIELD_IN_PARAMETER_LIST, 23);
	list_begin(b, 1, COPY_USAGE_HOLD);
	list_segment(b, 0, 0, 0, 0, 1)[0] = 0x03;
	expect_refused(b, list_bytes(b), SENSE_UNSUPPORTED_SEGMENT_TYPE, 16);
	list_begin(b, 1, COPY_USAGE_HOLD);
	list_segment(b, 0, 0, 0, 0, 1)[3]++;
	expect_refused(b, list_bytes(b), SENSE_INVALID_FIELD_IN_PARAMETER_LIST, 18);
}

static void there_may_be_so_many_and_no_more(void **state)
{
	struct bench *b = *state;
	struct copy_list l;
	struct sense s;

	list_begin(b, 1, COPY_USAGE_HOLD);
	for (int i = 0; i < COPY_CSCD_MAX; i++)
		list_cscd(b, 0);
	for (int i = 0; i < COPY_SEGMENTS_MAX; i++)
		list_segment(b, 0, 0, 0, 0, 0);
	assert_int_equal(list_bytes(b), LIST_MAX);
	assert_true(copy_list_parse(&l, b->list, LIST_MAX, &s));
	expect_refused(b, LIST_MAX + 1, SENSE_PARAMETER_LIST_LENGTH_ERROR, -1);
	list_begin(b, 1, COPY_USAGE_HOLD);
	for (int i = 0; i <= COPY_CSCD_MAX; i++)
		list_cscd(b, 0);
	expect_refused(b, list_bytes(b), SENSE_TOO_MANY_CSCD, -1);
	list_begin(b, 1, COPY_USAGE_HOLD);
	for (int i = 0; i <= COPY_SEGMENTS_MAX; i++)
		list_segment(b, 0, 0, 0, 0, 0);
	expect_refused(b, list_bytes(b), SENSE_TOO_MANY_SEGMENTS, -1);
}

/* --- copies --- */

static void blocks_go_from_one_unit_to_another(void **state)
{
	struct bench *b = *state;

	fill(b, 0, 0, BLOCKS, 7);
	list_begin(b, 1, COPY_USAGE_HOLD);
	list_cscd(b, 0);
	list_cscd(b, 1);
	list_segment(b, 0, 10, 1, 20, 5000);
	list_segment(b, 0, 0, 1, 0, 1);
	list_segment(b, 0, 0, 1, BLOCKS, 0);
	copy(b, 0);
	assert_int_equal(b->c.status, SCSI_GOOD);
	assert_int_equal(b->chores, 4);	/* three pieces of 2.4 MiB, and one of a block */
	expect_block(b, 1, 0, 0, 7);
	expect_block(b, 1, 1, 0, 0);
	expect_block(b, 1, 20, 10, 7);
	expect_block(b, 1, 5019, 5009, 7);
	expect_block(b, 1, 5020, 0, 0);
}

static void a_unit_may_be_named_by_vendor_or_be_the_one_that_is_asked(void **state)
{
	struct bench *b = *state;
	struct lun *l = target_lun(b->t, 1);
	uint8_t *d;

	strcpy(l->serial, "short");
	fill(b, 0, 0, 8, 7);
	list_begin(b, 0, COPY_USAGE_NONE);
	d = list_cscd(b, 1);
	memset(d + 4, 0, 24);
	d[4] = 2;
	d[5] = 1;
	d[7] = 13;
	memcpy(d + 8, "ISCSIFS short", 13);
	list_segment(b, 0xffff, 0, 0, 0, 8);
	copy(b, 0);
	assert_int_equal(b->c.status, SCSI_GOOD);
	expect_block(b, 1, 7, 7, 7);
}

static void a_copy_onto_itself_is_what_was_there_before(void **state)
{
	static const struct {
		uint64_t from, to;
	} moves[] = { { 0, 100 }, { 100, 0 }, { 0, 3000 }, { 3000, 0 }, { 5, 5 } };
	struct bench *b = *state;

	for (size_t m = 0; m < ARRAY_SIZE(moves); m++) {
		fill(b, 0, 0, BLOCKS, 7);
		list_begin(b, 1, COPY_USAGE_DISCARD);
		list_cscd(b, 0);
		list_segment(b, 0, moves[m].from, 0, moves[m].to, 5000);
		copy(b, 0);
		assert_int_equal(b->c.status, SCSI_GOOD);
		for (uint64_t i = 0; i < 5000; i++)
			expect_block(b, 0, moves[m].to + i, moves[m].from + i, 7);
	}
}

static void holes_are_copied_as_holes(void **state)
{
	struct bench *b = *state;

	fill(b, 0, 0, 8, 7);
	fill(b, 1, 0, BLOCKS, 8);
	list_begin(b, 1, COPY_USAGE_HOLD);
	list_cscd(b, 0);
	list_cscd(b, 1);
	list_segment(b, 0, 0, 1, 0, BLOCKS);
	copy(b, 0);
	assert_int_equal(b->c.status, SCSI_GOOD);
	expect_block(b, 1, 7, 7, 7);
	expect_block(b, 1, BLOCKS - 1, 0, 0);
	assert_false(is_hole(b, 1, 0));
	assert_true(is_hole(b, 1, BLOCKS / 2));
	assert_true(is_hole(b, 1, BLOCKS - 1));
}

static void blocks_of_another_size_are_converted(void **state)
{
	struct bench *b = *state;
	uint8_t *d;

	fill(b, 0, 0, 64, 7);
	list_begin(b, 1, COPY_USAGE_HOLD);
	list_cscd(b, 0);
	list_cscd(b, LARGE);
	list_segment(b, 0, 8, 1, 1, 16);	/* 16 small blocks */
	d = list_segment(b, 0, 16, 1, 4, 2);	/* 2 large ones */
	d[1] = 0x02;
	copy(b, 0);
	assert_int_equal(b->c.status, SCSI_GOOD);
	expect_block(b, LARGE, 8, 8, 7);
	expect_block(b, LARGE, 23, 23, 7);
	expect_block(b, LARGE, 24, 0, 0);
	expect_block(b, LARGE, 32, 16, 7);
	expect_block(b, LARGE, 47, 31, 7);
	list_segment(b, 0, 0, 1, 0, 7);
	copy(b, 0);
	expect_sense(b, SENSE_COPY_ABORTED, SENSE_INEXACT_SEGMENT);
}

static void a_copy_that_cannot_be_says_which_segment(void **state)
{
	static const struct {
		uint16_t src, dst;
		uint64_t src_lba, dst_lba;
		uint16_t code;
		uint8_t flags;
		uint16_t at;
	} wrong[] = {
		{ 9, 1, 0, 0, SENSE_UNREACHABLE_COPY_TARGET, 0xa0, 4 },
		{ 0, 9, 0, 0, SENSE_UNREACHABLE_COPY_TARGET, 0xa0, 6 },
		{ 0, 1, BLOCKS - 1, 0, SENSE_CODE_NONE, 0xa0, 12 },
		{ 0, 1, UINT64_MAX, 0, SENSE_CODE_NONE, 0xa0, 12 },
		{ 0, 1, 0, BLOCKS - 1, SENSE_CODE_NONE, 0xa0, 20 },
		{ 0, 1, 0, UINT64_MAX - 1, SENSE_CODE_NONE, 0xa0, 20 },
		{ 0, 2, 0, 0, SENSE_WRITE_PROTECTED, 0, 0 },
		{ 0, 3, 0, 0, SENSE_COPY_TARGET_NOT_REACHABLE, 0x80, 16 + 3 * 32 + 8 },
		{ 0, 4, 0, 0, SENSE_COPY_TARGET_TYPE, 0x80, 16 + 4 * 32 + 1 },
		{ 5, 1, 0, 0, SENSE_INVALID_FIELD_IN_PARAMETER_LIST, 0x80, 16 + 5 * 32 + 29 },
	};
	struct bench *b = *state;

	fill(b, 0, 0, 8, 7);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		list_begin(b, 1, COPY_USAGE_HOLD);
		list_cscd(b, 0);
		list_cscd(b, 1);
		list_cscd(b, 3);
		list_cscd(b, 1)[8] ^= 1;		/* nobody's name */
		list_cscd(b, 1)[1] = 1;			/* a tape */
		be24_store(list_cscd(b, 0) + 29, 4096);	/* other blocks than it has */
		list_segment(b, 0, 0, 1, i * 8, 8);
		list_segment(b, wrong[i].src, wrong[i].src_lba, wrong[i].dst, wrong[i].dst_lba, 2);
		copy(b, 0);
		expect_sense(b, SENSE_COPY_ABORTED, wrong[i].code);
		expect_pointer(b, wrong[i].flags, wrong[i].at);
		assert_true(b->c.sense.has_command_info);
		assert_int_equal(b->c.sense.command_info, 1);
		expect_block(b, 1, i * 8 + 7, 7, 7);	/* the first segment is done */
	}
}

static void a_name_that_two_units_have_is_nobodys(void **state)
{
	struct bench *b = *state;

	target_lun(b->t, 1)->identity = target_lun(b->t, 0)->identity;
	list_begin(b, 1, COPY_USAGE_HOLD);
	list_cscd(b, 0);
	list_segment(b, 0, 0, 0, 8, 8);
	copy(b, 0);
	expect_sense(b, SENSE_COPY_ABORTED, SENSE_COPY_TARGET_NOT_REACHABLE);
}

static void a_reservation_of_another_ends_a_copy_even_halfway(void **state)
{
	struct bench *b = *state;

	fill(b, 0, 0, BLOCKS, 7);
	list_begin(b, 1, COPY_USAGE_HOLD);
	list_cscd(b, 0);
	list_cscd(b, 1);
	list_segment(b, 0, 0, 1, 0, BLOCKS);
	copy_begin(b, &b->a, 0, list_bytes(b));
	assert_int_equal(b->c.next, SCSI_NEXT_CHORE);
	copy_step(b);
	assert_int_equal(b->c.next, SCSI_NEXT_CHORE);
	target_lun(b->t, 1)->reserved_by = &b->b;
	copy_step(b);
	assert_int_equal(b->c.next, SCSI_NEXT_DONE);
	expect_sense(b, SENSE_COPY_ABORTED, SENSE_THIRD_PARTY_FAILURE);
	target_lun(b->t, 0)->reserved_by = &b->b;
	copy(b, 0);
	assert_int_equal(b->c.status, SCSI_RESERVATION_CONFLICT);
	target_lun(b->t, 0)->reserved_by = &b->a;
	target_lun(b->t, 1)->reserved_by = &b->a;
	copy(b, 0);
	assert_int_equal(b->c.status, SCSI_GOOD);
}

/* --- results --- */

static void what_became_of_a_copy_is_told_to_who_asked_for_it(void **state)
{
	struct bench *b = *state;

	fill(b, 0, 0, BLOCKS, 7);
	results(b, &b->a, SCSI_SA_COPY_STATUS_LID1, 5);
	expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
	list_begin(b, 5, COPY_USAGE_HOLD);
	list_cscd(b, 0);
	list_cscd(b, 1);
	list_segment(b, 0, 0, 1, 0, 6000);
	list_segment(b, 0, 0, 1, BLOCKS, 1);
	copy(b, 0);
	expect_sense(b, SENSE_COPY_ABORTED, SENSE_CODE_NONE);
	results(b, &b->a, SCSI_SA_COPY_STATUS_LID1, 5);
	assert_int_equal(b->c.want, 12);
	assert_int_equal(be32_load(b->c.param), 8);
	assert_int_equal(b->c.param[4] & 0x7f, 2);
	assert_int_equal(be16_load(b->c.param + 5), 1);
	assert_int_equal(be32_load(b->c.param + 8), 6000 * BLOCK);
	results(b, &b->a, SCSI_SA_COPY_FAILURE_DETAILS_LID1, 5);
	assert_int_equal(b->c.want, 60 + 18);
	assert_int_equal(be32_load(b->c.param), 56 + 18);
	assert_int_equal(b->c.param[56], SCSI_CHECK_CONDITION);
	assert_int_equal(b->c.param[60 + 2], SENSE_COPY_ABORTED);
	assert_int_equal(be32_load(b->c.param + 60 + 8), 1);	/* the segment */
	results(b, &b->b, SCSI_SA_COPY_STATUS_LID1, 5);
	expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
	b->segments = 1;
	be32_store(b->list + 8, COPY_SEGMENT_BYTES);
	copy(b, 0);
	results(b, &b->a, SCSI_SA_COPY_STATUS_LID1, 5);
	assert_int_equal(b->c.param[4] & 0x7f, 1);
	results(b, &b->a, SCSI_SA_COPY_FAILURE_DETAILS_LID1, 5);
	expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
}

static void a_copy_that_runs_is_seen_and_its_name_is_taken(void **state)
{
	struct bench *b = *state;
	struct scsi_cmd first;

	fill(b, 0, 0, BLOCKS, 7);
	list_begin(b, 5, COPY_USAGE_HOLD);
	list_cscd(b, 0);
	list_cscd(b, 1);
	list_segment(b, 0, 0, 1, 0, BLOCKS);
	copy_begin(b, &b->a, 0, list_bytes(b));
	first = b->c;
	memset(&b->c, 0, sizeof(b->c));
	results(b, &b->a, SCSI_SA_COPY_STATUS_LID1, 5);
	assert_int_equal(b->c.param[4] & 0x7f, 0);
	copy(b, 0);
	expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_OPERATION_IN_PROGRESS);
	for (unsigned i = 1; i < NEXUS_COPIES_MAX * 3; i++) {	/* results do not push it out */
		b->list[0] = (uint8_t)(100 + i);
		copy(b, 0);
		assert_int_equal(b->c.status, SCSI_GOOD);
	}
	results(b, &b->a, SCSI_SA_COPY_STATUS_LID1, 5);
	assert_int_equal(b->c.param[4] & 0x7f, 0);
	scsi_end(&first);	/* aborted */
	results(b, &b->a, SCSI_SA_COPY_STATUS_LID1, 5);
	expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
	b->list[0] = 5;
	copy(b, 0);
	assert_int_equal(b->c.status, SCSI_GOOD);
}

static void limits_are_told_as_they_are(void **state)
{
	struct bench *b = *state;
	uint8_t cdb[CDB_MAX];
	const uint8_t *d;

	results(b, &b->a, SCSI_SA_COPY_OPERATING_PARAMETERS, 0);
	d = b->c.param;
	assert_int_equal(be32_load(d) + 4, b->c.want);
	assert_int_equal(be16_load(d + 8), COPY_CSCD_MAX);
	assert_int_equal(be16_load(d + 10), COPY_SEGMENTS_MAX);
	assert_int_equal(be32_load(d + 12), COPY_LIST_MAX);
	assert_int_equal(d[43], 2);
	assert_memory_equal(d + 44, "\x02\xe4", 2);
	results(b, &b->a, 1, 0);
	expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
	cdb_inquiry(cdb, 0x8f, 512);
	bench_begin(b, &b->a, 0, cdb, 0);
	d = b->c.param;
	assert_int_equal(be16_load(d + 2) + 4, b->c.want);
	for (d += 4; d < b->c.param + b->c.want; d += 4 + be16_load(d + 2))
		assert_int_equal(be16_load(d + 2) % 4, 0);	/* each leads to the next */
	assert_int_equal(d - b->c.param, b->c.want);
	cdb_inquiry(cdb, -1, 96);
	bench_begin(b, &b->a, 0, cdb, 0);
	assert_int_equal(b->c.param[5], 0x08);	/* 3PC */
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, bench_set_up, bench_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_cut_of_a_list_is_refused),
		CASE(what_a_list_must_not_be_is_pointed_at),
		CASE(there_may_be_so_many_and_no_more),
		CASE(blocks_go_from_one_unit_to_another),
		CASE(a_unit_may_be_named_by_vendor_or_be_the_one_that_is_asked),
		CASE(a_copy_onto_itself_is_what_was_there_before),
		CASE(holes_are_copied_as_holes),
		CASE(blocks_of_another_size_are_converted),
		CASE(a_copy_that_cannot_be_says_which_segment),
		CASE(a_name_that_two_units_have_is_nobodys),
		CASE(a_reservation_of_another_ends_a_copy_even_halfway),
		CASE(what_became_of_a_copy_is_told_to_who_asked_for_it),
		CASE(a_copy_that_runs_is_seen_and_its_name_is_taken),
		CASE(limits_are_told_as_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
