/* SPDX-License-Identifier: BSD-2-Clause */
/* The target's SCSI side, without a wire: commands on a disk in memory. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "iscsifs/cursor.h"
#include "target/scsi_cmd.h"
#include "target/target.h"

enum { BLOCK = 512, BLOCKS = 2048 };

struct bench {
	struct target *t;
	struct nexus a, b;
	struct scsi_cmd c;
};

static const uint8_t bench_isid_a[6] = { 1 }, bench_isid_b[6] = { 2 };

static void bench_forget(struct nexus *n)
{
	memset(n->ua, 0, sizeof(n->ua));
}

static int bench_set_up(void **state)
{
	struct lun_options o = { .backing = "ram:1M", .block_bytes = BLOCK, .physical_bytes = 4096,
				 .write_cache = true, .thin = true };
	struct bench *b = calloc(1, sizeof(*b));
	struct err e = ERR_INIT;

	assert_int_equal(target_new(&b->t, "iqn.2026-11.example:t", &e), 0);
	assert_int_equal(target_add_lun(b->t, &o, &e), 0);
	o.number = 300;
	o.write_protected = true;
	o.thin = false;
	assert_int_equal(target_add_lun(b->t, &o, &e), 0);
	nexus_begin(&b->a, b->t, "iqn.2026-11.example:a", bench_isid_a);
	nexus_begin(&b->b, b->t, "iqn.2026-11.example:b", bench_isid_b);
	bench_forget(&b->a);
	bench_forget(&b->b);
	*state = b;
	return 0;
}

static int bench_tear_down(void **state)
{
	struct bench *b = *state;

	nexus_end(&b->a);
	nexus_end(&b->b);
	target_free(b->t);
	free(b);
	return 0;
}

/* Run @cdb with @out bytes of data; the answer is in b->c until the next. */
static void bench_run(struct bench *b, struct nexus *n, unsigned lun, const uint8_t *cdb,
		      const void *out, uint32_t out_bytes)
{
	struct scsi_cmd *c = &b->c;

	scsi_end(c);
	memset(c, 0, sizeof(*c));
	memcpy(c->cdb, cdb, CDB_MAX);
	c->target = b->t;
	c->nexus = n;
	c->lun_number = lun;
	c->lun = target_lun(b->t, lun);
	c->out_bytes = out_bytes;
	scsi_begin(c);
	if (c->next == SCSI_NEXT_DATA_OUT) {
		uint32_t len = (uint32_t)MIN(c->want, (uint64_t)out_bytes);

		for (uint32_t at = 0; at < len; at += 256)	/* in pieces */
			scsi_data(c, at, (const uint8_t *)out + at, MIN(256u, len - at));
		scsi_finish(c, len);
		scsi_end(c);
	}
}

static void expect_sense(const struct bench *b, uint8_t key, uint16_t code)
{
	assert_int_equal(b->c.status, SCSI_CHECK_CONDITION);
	assert_int_equal(b->c.sense.key, key);
	assert_int_equal(b->c.sense.code, code);
}

static void ready_is_answered_after_the_attention(void **state)
{
	struct bench *b = *state;
	uint8_t cdb[CDB_MAX];

	cdb_test_unit_ready(cdb);
	b->a.ua[0] = NEXUS_UA_POWER_ON | NEXUS_UA_CAPACITY_CHANGED;
	bench_run(b, &b->a, 0, cdb, NULL, 0);
	expect_sense(b, SENSE_UNIT_ATTENTION, SENSE_POWER_ON);
	bench_run(b, &b->a, 0, cdb, NULL, 0);
	expect_sense(b, SENSE_UNIT_ATTENTION, SENSE_CAPACITY_CHANGED);
	bench_run(b, &b->a, 0, cdb, NULL, 0);
	assert_int_equal(b->c.status, SCSI_GOOD);
}

static void inquiry_keeps_the_attention(void **state)
{
	struct bench *b = *state;
	uint8_t cdb[CDB_MAX];

	b->a.ua[0] = NEXUS_UA_POWER_ON;
	cdb_inquiry(cdb, -1, 96);
	bench_run(b, &b->a, 0, cdb, NULL, 0);
	assert_int_equal(b->c.status, SCSI_GOOD);
	assert_int_equal(b->a.ua[0], NEXUS_UA_POWER_ON);
}

static void a_port_that_comes_back_lost_its_nexus_only(void **state)
{
	struct bench *b = *state;
	struct nexus n;

	nexus_end(&b->a);
	nexus_begin(&n, b->t, "iqn.2026-11.example:a", bench_isid_a);
	assert_int_equal(n.ua[0], NEXUS_UA_LOSS);
	nexus_end(&n);
	nexus_begin(&n, b->t, "iqn.2026-11.example:new", bench_isid_a);
	assert_int_equal(n.ua[0], NEXUS_UA_POWER_ON);
	nexus_end(&n);
}

static void a_missing_unit_says_so(void **state)
{
	struct bench *b = *state;
	uint8_t cdb[CDB_MAX];

	cdb_test_unit_ready(cdb);
	bench_run(b, &b->a, 7, cdb, NULL, 0);
	expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_LUN_NOT_SUPPORTED);
	cdb_inquiry(cdb, -1, 96);
	bench_run(b, &b->a, 7, cdb, NULL, 0);
	assert_int_equal(b->c.status, SCSI_GOOD);
	assert_int_equal(b->c.param[0], 0x7f);
	cdb_report_luns(cdb, 1024);
	bench_run(b, &b->a, 7, cdb, NULL, 0);
	assert_int_equal(b->c.want, 24);
	assert_memory_equal(b->c.param, "\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\x41\x2c", 18);
}

static void what_is_not_there_is_20_00(void **state)
{
	struct bench *b = *state;
	const struct scsi_op *op;
	uint8_t cdb[CDB_MAX] = { 0 };

	for (unsigned opcode = 0; opcode < 256; opcode++) {
		cdb[0] = (uint8_t)opcode;
		op = scsi_op_find((uint8_t)opcode, 0);
		if (op || scsi_op_has_actions((uint8_t)opcode))
			continue;
		bench_run(b, &b->a, 0, cdb, NULL, 0);
		expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_OPCODE);
	}
	cdb_unmap(cdb, 24);
	bench_run(b, &b->a, 300, cdb, NULL, 0);	/* not a thin unit */
	expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_OPCODE);
}

/* Any CDB whatever is answered, and the answer is one that the rest can act on. */
static void any_cdb_is_judged(void **state)
{
	struct bench *b = *state;
	static uint8_t data[1 << 16];

	srand(1);
	for (unsigned i = 0; i < 200000; i++) {
		uint8_t cdb[CDB_MAX];
		const struct scsi_op *op = scsi_op_at((unsigned)rand() % 64);

		for (unsigned k = 0; k < CDB_MAX; k++)
			cdb[k] = rand() % 3 ? 0 : (uint8_t)rand();
		if (op)
			cdb[0] = op->opcode;
		bench_run(b, &b->a, rand() % 8 ? 0 : 300, cdb, data,
			  (uint32_t)(rand() % 2 ? 0 : 1 << rand() % 17));
		assert_in_range(b->c.next, SCSI_NEXT_DONE, SCSI_NEXT_FLUSH);
		if (b->c.next == SCSI_NEXT_PARAM_IN)
			assert_in_range(b->c.want, 1, SCSI_PARAM_MAX);
		if (b->c.next == SCSI_NEXT_READ)
			assert_true(b->c.off + b->c.want <= BLOCK * BLOCKS);
	}
}

static void the_range_is_on_the_unit(void **state)
{
	static const struct {
		uint64_t lba;
		uint32_t blocks;
		bool ok;
	} table[] = {
		{ 0, BLOCKS, true }, { BLOCKS - 1, 1, true }, { BLOCKS - 1, 2, false },
		{ BLOCKS, 0, false }, { BLOCKS, 1, false }, { UINT64_MAX, 1, false },
		{ UINT64_MAX, UINT32_MAX, false }, { 1, BLOCKS, false }, { 0, 0, true },
	};
	struct bench *b = *state;
	uint8_t cdb[CDB_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		cdb_read_16(cdb, table[i].lba, table[i].blocks);
		bench_run(b, &b->a, 0, cdb, NULL, 0);
		if (table[i].ok) {
			assert_int_equal(b->c.status, SCSI_GOOD);
			assert_int_equal(b->c.want, (uint64_t)table[i].blocks * BLOCK);
		} else {
			expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_LBA_OUT_OF_RANGE);
		}
	}
}

static void read_6_of_zero_blocks_is_256(void **state)
{
	static const uint8_t cdb[CDB_MAX] = { SCSI_READ_6, 0, 0, 1, 0 };
	struct bench *b = *state;

	bench_run(b, &b->a, 0, cdb, NULL, 0);
	assert_int_equal(b->c.next, SCSI_NEXT_READ);
	assert_int_equal(b->c.want, 256 * BLOCK);
	assert_int_equal(b->c.off, BLOCK);
}

static void a_protected_unit_refuses_writes(void **state)
{
	struct bench *b = *state;
	uint8_t cdb[CDB_MAX], data[BLOCK] = { 1 };

	cdb_write_16(cdb, 0, 1, false);
	bench_run(b, &b->a, 300, cdb, data, BLOCK);
	expect_sense(b, SENSE_DATA_PROTECT, SENSE_WRITE_PROTECTED);
}

static void compare_and_write_tells_where_it_differs(void **state)
{
	uint8_t cdb[CDB_MAX] = { SCSI_COMPARE_AND_WRITE, [13] = 1 };
	uint8_t data[2 * BLOCK] = { 0 }, now[BLOCK];
	struct bench *b = *state;

	memset(data + BLOCK, 7, BLOCK);
	bench_run(b, &b->a, 0, cdb, data, sizeof(data));
	assert_int_equal(b->c.status, SCSI_GOOD);
	disk_read(target_lun(b->t, 0)->disk, 0, now, BLOCK);
	assert_memory_equal(now, data + BLOCK, BLOCK);
	memset(data, 7, BLOCK);
	data[300] = 8;
	bench_run(b, &b->a, 0, cdb, data, sizeof(data));
	expect_sense(b, SENSE_MISCOMPARE, SENSE_MISCOMPARE_DURING_VERIFY);
	assert_true(b->c.sense.has_info);
	assert_int_equal(b->c.sense.info, 300);
	bench_run(b, &b->a, 0, cdb, data, BLOCK);	/* half of what the CDB says */
	expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
}

static void one_bad_descriptor_unmaps_nothing(void **state)
{
	uint8_t cdb[CDB_MAX], list[8 + 32] = { 0, 38, 0, 32 }, data[BLOCK] = { 9 }, now[BLOCK];
	struct disk *d;
	struct bench *b = *state;

	d = target_lun(b->t, 0)->disk;
	disk_write(d, 0, data, BLOCK);
	be32_store(list + 8 + 8, 1);
	be64_store(list + 24, BLOCKS);
	be32_store(list + 24 + 8, 1);
	cdb_unmap(cdb, sizeof(list));
	bench_run(b, &b->a, 0, cdb, list, sizeof(list));
	expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_LBA_OUT_OF_RANGE);
	disk_read(d, 0, now, BLOCK);
	assert_memory_equal(now, data, BLOCK);
	be64_store(list + 24, 5);
	bench_run(b, &b->a, 0, cdb, list, sizeof(list));
	assert_int_equal(b->c.status, SCSI_GOOD);
	disk_read(d, 0, now, BLOCK);
	assert_int_equal(now[0], 0);
}

static void lba_status_follows_writes_and_unmaps(void **state)
{
	uint8_t cdb[CDB_MAX], data[4096] = { 1 };
	struct bench *b = *state;
	struct disk *d = target_lun(b->t, 0)->disk;

	disk_write(d, 8192, data, 4096);
	cdb_get_lba_status(cdb, 3, 1024);
	bench_run(b, &b->a, 0, cdb, NULL, 0);
	assert_int_equal(b->c.want, 8 + 3 * 16);
	assert_int_equal(be64_load(b->c.param + 8), 3);
	assert_int_equal(be32_load(b->c.param + 16), 13);
	assert_int_equal(b->c.param[20], 1);
	assert_int_equal(be64_load(b->c.param + 24), 16);
	assert_int_equal(be32_load(b->c.param + 32), 8);
	assert_int_equal(b->c.param[36], 0);
	disk_zero(d, 8192, 4096, true);
	bench_run(b, &b->a, 0, cdb, NULL, 0);
	assert_int_equal(b->c.want, 8 + 16);
	assert_int_equal(be32_load(b->c.param + 16), BLOCKS - 3);
}

static void another_may_not_pass_a_reservation(void **state)
{
	static const uint8_t reserve[CDB_MAX] = { SCSI_RESERVE_6 }, release[CDB_MAX] = { SCSI_RELEASE_6 };
	struct bench *b = *state;
	uint8_t cdb[CDB_MAX];

	cdb_test_unit_ready(cdb);
	bench_run(b, &b->a, 0, reserve, NULL, 0);
	bench_run(b, &b->b, 0, cdb, NULL, 0);
	assert_int_equal(b->c.status, SCSI_RESERVATION_CONFLICT);
	bench_run(b, &b->b, 0, release, NULL, 0);
	assert_int_equal(b->c.status, SCSI_GOOD);
	bench_run(b, &b->b, 0, cdb, NULL, 0);
	assert_int_equal(b->c.status, SCSI_RESERVATION_CONFLICT);
	nexus_end(&b->a);
	bench_run(b, &b->b, 0, cdb, NULL, 0);
	assert_int_equal(b->c.status, SCSI_GOOD);
}

static void mode_select_changes_what_it_may_and_tells_the_others(void **state)
{
	static const uint8_t select[CDB_MAX] = { SCSI_MODE_SELECT_6, 0x10, 0, 0, 16 };
	uint8_t list[16] = { 0, 0, 0, 0, 0x0a, 10, 0, 0x10, 0x08 };
	struct bench *b = *state;
	uint8_t cdb[CDB_MAX], data[BLOCK] = { 0 };

	bench_run(b, &b->a, 0, select, list, sizeof(list));
	assert_int_equal(b->c.status, SCSI_GOOD);
	assert_int_equal(b->a.ua[0], 0);
	assert_int_equal(b->b.ua[0], NEXUS_UA_MODE_CHANGED);
	cdb_write_16(cdb, 0, 1, false);
	bench_run(b, &b->a, 0, cdb, data, BLOCK);
	expect_sense(b, SENSE_DATA_PROTECT, SENSE_WRITE_PROTECTED);
	list[8] = 0;
	list[9] = 1;			/* a bit that may not change */
	bench_run(b, &b->a, 0, select, list, sizeof(list));
	expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_PARAMETER_LIST);
	assert_int_equal(b->c.sense.sks[2], 9);
}

/* --- REPORT SUPPORTED OPERATION CODES, SPC-4 6.35 --- */

static uint32_t bench_opcodes(struct bench *b, unsigned lun, uint8_t options, uint8_t opcode,
			      uint16_t action)
{
	uint8_t cdb[CDB_MAX] = { SCSI_MAINTENANCE_IN, SCSI_SA_REPORT_OPCODES, options, opcode };

	be16_store(cdb + 4, action);
	be32_store(cdb + 6, SCSI_PARAM_MAX);
	bench_run(b, &b->a, lun, cdb, NULL, 0);
	return b->c.status == SCSI_GOOD ? (uint32_t)b->c.want : 0;
}

static void all_opcodes_are_listed_once(void **state)
{
	struct bench *b = *state;

	for (unsigned timeouts = 0; timeouts < 2; timeouts++) {
		uint32_t step = timeouts ? 20 : 8, len = bench_opcodes(b, 0, timeouts ? 0x80 : 0, 0, 0);
		const struct scsi_op *op;
		unsigned i;

		assert_int_equal(be32_load(b->c.param), len - 4);
		for (i = 0; (op = scsi_op_at(i)); i++) {
			const uint8_t *d = b->c.param + 4 + i * step;
			bool has_action = op->service_action >= 0;

			assert_int_equal(d[0], op->opcode);
			assert_int_equal(be16_load(d + 2), has_action ? op->service_action : 0);
			assert_int_equal(d[5], has_action | timeouts << 1);
			assert_int_equal(be16_load(d + 6), scsi_cdb_len(op->opcode));
			assert_ptr_equal(scsi_op_find(op->opcode, be16_load(d + 2)), op);
			if (timeouts)
				assert_memory_equal(d + 8, "\0\12\0\0\0\0\0\0\0\0\0\0", 12);
		}
		assert_int_equal(len, 4 + i * step);
	}
}

static void expect_opcode(struct bench *b, const struct scsi_op *op, unsigned option)
{
	uint16_t action = (uint16_t)MAX(op->service_action, 0);
	unsigned cdb = scsi_cdb_len(op->opcode);

	assert_int_equal(bench_opcodes(b, 0, (uint8_t)option, op->opcode, action), 4 + cdb);
	assert_int_equal(b->c.param[1], 3);
	assert_int_equal(be16_load(b->c.param + 2), cdb);
	assert_int_equal(b->c.param[4], op->opcode);
	if (op->service_action >= 0)
		assert_int_equal(b->c.param[5] & 0x1f, op->service_action);
	assert_memory_equal(b->c.param + 6, op->usage + 2, cdb - 2);
	assert_int_equal(bench_opcodes(b, 0, (uint8_t)(0x80 | option), op->opcode, action), 4 + cdb + 12);
	assert_int_equal(b->c.param[1], 0x83);
	assert_int_equal(be16_load(b->c.param + 4 + cdb), 10);
}

static void one_opcode_is_told_by_every_option(void **state)
{
	struct bench *b = *state;
	const struct scsi_op *op;

	for (unsigned i = 0; (op = scsi_op_at(i)); i++) {
		bool has_action = op->service_action >= 0;

		expect_opcode(b, op, has_action ? 2 : 1);
		expect_opcode(b, op, 3);
		assert_int_equal(bench_opcodes(b, 0, has_action ? 1 : 2, op->opcode, 0), 0);
		expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
		assert_int_equal(bench_opcodes(b, 0, 3, op->opcode, 0x1f1f), 4);
		assert_int_equal(b->c.param[1], 1);
	}
	assert_int_equal(bench_opcodes(b, 0, 1, 0xff, 0), 4);	/* not there: in none of the ways */
	assert_int_equal(b->c.param[1], 1);
	assert_int_equal(bench_opcodes(b, 0, 2, SCSI_SERVICE_ACTION_IN_16, 0x1f), 4);
	assert_int_equal(b->c.param[1], 1);
	assert_int_equal(bench_opcodes(b, 300, 1, SCSI_UNMAP, 0), 4);	/* not of this unit */
	assert_int_equal(b->c.param[1], 1);
	assert_int_equal(bench_opcodes(b, 0, 4, 0, 0), 0);
	expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
}

/* A bit that the usage data does not claim is ignored, or refused as reserved: it does nothing. */
static void what_usage_data_leaves_out_is_not_looked_at(void **state)
{
	struct bench *b = *state;
	const struct scsi_op *op;

	for (unsigned i = 0; (op = scsi_op_at(i)); i++) {
		unsigned bits = 8 * (scsi_cdb_len(op->opcode) - 1);
		uint8_t base[CDB_MAX] = { op->opcode, (uint8_t)MAX(op->service_action, 0) };
		struct scsi_cmd was;

		bench_run(b, &b->a, 0, base, NULL, 0);
		was = b->c;
		for (unsigned bit = 8; bit < bits; bit++) {
			uint8_t cdb[CDB_MAX], mask = (uint8_t)(1u << bit % 8);

			if (op->usage[bit / 8] & mask || (op->service_action >= 0 && bit < 13))
				continue;
			memcpy(cdb, base, sizeof(cdb));
			cdb[bit / 8] |= mask;
			bench_run(b, &b->a, 0, cdb, NULL, 0);
			if (b->c.status == SCSI_CHECK_CONDITION &&
			    b->c.sense.code == SENSE_INVALID_FIELD_IN_CDB &&
			    b->c.sense.sks[2] == bit / 8)
				continue;
			if (b->c.status != was.status || b->c.next != was.next || b->c.want != was.want ||
			    b->c.sense.code != was.sense.code)
				fail_msg("%s looks at byte %u, bit %u", op->name, bit / 8, bit % 8);
		}
	}
}

static void identity_comes_from_names(void **state)
{
	struct lun_options o = { .backing = "null:1M", .block_bytes = BLOCK, .physical_bytes = 512 };
	struct bench *b = *state;
	struct target *t[2];
	struct err e = ERR_INIT;

	for (int i = 0; i < 2; i++) {
		target_new(&t[i], "iqn.2026-11.example:t", &e);
		assert_int_equal(target_add_lun(t[i], &o, &e), 0);
	}
	assert_string_equal(target_lun(t[0], 0)->serial, target_lun(t[1], 0)->serial);
	assert_int_equal(target_lun(t[0], 0)->identity, target_lun(t[1], 0)->identity);
	/* Memory is another disk after each start: its number goes into its name. */
	assert_string_not_equal(target_lun(t[0], 0)->serial, target_lun(b->t, 0)->serial);
	assert_string_not_equal(target_lun(b->t, 0)->serial, target_lun(b->t, 300)->serial);
	target_free(t[0]);
	target_free(t[1]);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, bench_set_up, bench_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(ready_is_answered_after_the_attention),
		CASE(inquiry_keeps_the_attention),
		CASE(a_port_that_comes_back_lost_its_nexus_only),
		CASE(a_missing_unit_says_so),
		CASE(what_is_not_there_is_20_00),
		CASE(any_cdb_is_judged),
		CASE(the_range_is_on_the_unit),
		CASE(read_6_of_zero_blocks_is_256),
		CASE(a_protected_unit_refuses_writes),
		CASE(compare_and_write_tells_where_it_differs),
		CASE(one_bad_descriptor_unmaps_nothing),
		CASE(lba_status_follows_writes_and_unmaps),
		CASE(another_may_not_pass_a_reservation),
		CASE(mode_select_changes_what_it_may_and_tells_the_others),
		CASE(all_opcodes_are_listed_once),
		CASE(one_opcode_is_told_by_every_option),
		CASE(what_usage_data_leaves_out_is_not_looked_at),
		CASE(identity_comes_from_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
