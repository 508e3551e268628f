/* SPDX-License-Identifier: BSD-2-Clause */
/* Reservations as commands meet them: PERSISTENT RESERVE IN and OUT, the table, RESERVE(6). */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "iscsifs/cursor.h"
#include "target/scsi_cmd.h"
#include "target/scsi_reserve.h"
#include "target/transport_id.h"

enum { REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_AND_ABORT, REGISTER_AND_IGNORE, MOVE };
enum { SPEC_I_PT = 8, ALL_TG_PT = 4, APTPL = 1 };

static const uint8_t types_of_any[8] = { 1, 3, 5, 6, 7, 8, 0, 0x13 };

struct bench {
	struct target *t;
	struct nexus n[3];
	struct scsi_cmd c;
};

static const char *const names[3] = {
	"iqn.2026-11.example:a", "iqn.2026-11.example:b", "iqn.2026-11.example:b",
};

static int set_up(void **state)
{
	struct lun_options o = { .backing = "ram:1M", .block_bytes = 512, .physical_bytes = 512,
				 .write_cache = true, .thin = true };
	struct bench *b = calloc(1, sizeof(*b));
	struct err e = ERR_INIT;

	assert_int_equal(target_new(&b->t, "iqn.2026-11.example:t", &e), 0);
	assert_int_equal(target_add_lun(b->t, &o, &e), 0);
	for (unsigned i = 0; i < 3; i++) {
		nexus_begin(&b->n[i], b->t, names[i], (uint8_t[6]){ 0x80, 0, 0, 0, 0, (uint8_t)i });
		memset(b->n[i].ua, 0, sizeof(b->n[i].ua));
	}
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	scsi_end(&b->c);
	for (unsigned i = 0; i < 3; i++)
		nexus_end(&b->n[i]);
	target_free(b->t);
	free(b);
	return 0;
}

static struct lun *disk_of(struct bench *b)
{
	return target_lun(b->t, 0);
}

static uint8_t run(struct bench *b, unsigned who, const uint8_t *cdb, const void *out, uint32_t len)
{
	struct scsi_cmd *c = &b->c;

	scsi_end(c);
	memset(c, 0, sizeof(*c));
	memcpy(c->cdb, cdb, CDB_MAX);
	c->target = b->t;
	c->nexus = &b->n[who];
	c->lun = disk_of(b);
	c->out_bytes = len;
	scsi_begin(c);
	if (c->next == SCSI_NEXT_DATA_OUT) {
		if (len)
			scsi_data(c, 0, out, (uint32_t)MIN(c->want, (uint64_t)len));
		scsi_finish(c, len);
	}
	return c->status;
}

/* PERSISTENT RESERVE OUT with a list of @len bytes. */
static uint8_t out_list(struct bench *b, unsigned who, unsigned action, unsigned type,
			const uint8_t *list, uint32_t len)
{
	uint8_t cdb[CDB_MAX] = { SCSI_PERSISTENT_RESERVE_OUT, (uint8_t)action, (uint8_t)type };

	be32_store(cdb + 5, len);
	return run(b, who, cdb, list, len);
}

static uint8_t out(struct bench *b, unsigned who, unsigned action, unsigned type, uint64_t key,
		   uint64_t other, unsigned flags)
{
	uint8_t list[24] = { 0 };

	be64_store(list, key);
	be64_store(list + 8, other);
	list[20] = (uint8_t)flags;
	return out_list(b, who, action, type, list, sizeof(list));
}

static const uint8_t *in(struct bench *b, unsigned action, uint16_t alloc)
{
	uint8_t cdb[CDB_MAX] = { SCSI_PERSISTENT_RESERVE_IN, (uint8_t)action };

	be16_store(cdb + 7, alloc);
	assert_int_equal(run(b, 0, cdb, NULL, 0), SCSI_GOOD);
	return b->c.param;
}

static void expect_sense(const struct bench *b, uint8_t key, uint16_t code)
{
	assert_int_equal(b->c.status, SCSI_CHECK_CONDITION);
	assert_int_equal(b->c.sense.key, key);
	assert_int_equal(b->c.sense.code, code);
}

static void in_tells_what_out_did(void **state)
{
	struct bench *b = *state;
	const uint8_t *d;

	assert_int_equal(out(b, 0, REGISTER, 0, 0, 0x1122334455667788, 0), SCSI_GOOD);
	assert_int_equal(out(b, 1, REGISTER_AND_IGNORE, 0, 5, 0x99, ALL_TG_PT), SCSI_GOOD);
	d = in(b, 0, 1024);
	assert_int_equal(b->c.want, 24);
	assert_memory_equal(d, "\0\0\0\2\0\0\0\x10\x11\x22\x33\x44\x55\x66\x77\x88\0\0\0\0\0\0\0\x99", 24);
	d = in(b, 0, 12);
	assert_int_equal(b->c.want, 12);
	assert_int_equal(be32_load(d + 4), 16);
	d = in(b, 1, 1024);
	assert_int_equal(b->c.want, 8);
	assert_memory_equal(d, "\0\0\0\2\0\0\0\0", 8);
	assert_int_equal(out(b, 0, RESERVE, 5, 0x1122334455667788, 0, 0), SCSI_GOOD);
	d = in(b, 1, 1024);
	assert_int_equal(b->c.want, 24);
	assert_memory_equal(d, "\0\0\0\2\0\0\0\x10\x11\x22\x33\x44\x55\x66\x77\x88\0\0\0\0\0\5\0\0", 24);
	d = in(b, 3, 1024);
	assert_int_equal(b->c.want, 8 + 2 * (24 + 44));
	assert_int_equal(be32_load(d + 4), 2 * (24 + 44));
	assert_memory_equal(d + 8 + 8, "\0\0\0\0\1\5\0\0\0\0\0\1\0\0\0\x2c\x45\0\0\x28", 20);
	assert_string_equal(d + 8 + 28, "iqn.2026-11.example:a,i,0x800000000000");
	d += 8 + 24 + 44;
	assert_memory_equal(d + 8, "\0\0\0\0\2\0\0\0\0\0\0\1\0\0\0\x2c", 16);
	assert_string_equal(d + 28, "iqn.2026-11.example:b,i,0x800000000001");
	d = in(b, 2, 1024);
	assert_int_equal(b->c.want, 8);
	assert_memory_equal(d, "\0\10\x1c\xb0\xea\1\0\0", 8);
}

static void all_registrants_hold_under_no_key(void **state)
{
	struct bench *b = *state;
	const uint8_t *d;

	out(b, 0, REGISTER, 0, 0, 1, 0);
	out(b, 1, REGISTER, 0, 0, 2, 0);
	assert_int_equal(out(b, 0, RESERVE, 8, 1, 0, 0), SCSI_GOOD);
	d = in(b, 1, 24);
	assert_int_equal(be64_load(d + 8), 0);
	assert_int_equal(d[21], 8);
	d = in(b, 3, 1024);
	assert_int_equal(d[8 + 12], 1);
	assert_int_equal(d[8 + 24 + 44 + 12], 1);
}

static void a_list_is_judged_before_anything_changes(void **state)
{
	uint8_t list[24 + 4 + 2 * TRANSPORT_ID_MAX] = { [15] = 7, [20] = SPEC_I_PT };
	uint8_t cdb[CDB_MAX] = { SCSI_PERSISTENT_RESERVE_OUT, REGISTER };
	struct bench *b = *state;
	uint32_t id, len;

	be32_store(cdb + 5, 20);
	run(b, 0, cdb, list, 20);
	expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_PARAMETER_LIST_LENGTH_ERROR);
	cdb[1] = 8;
	run(b, 0, cdb, list, 20);
	expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
	out(b, 0, REGISTER, 0, 0, 7, APTPL);
	expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_PARAMETER_LIST);
	assert_int_equal(b->c.sense.sks[2], 20);
	out(b, 0, REGISTER_AND_IGNORE, 0, 0, 7, SPEC_I_PT);
	expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_PARAMETER_LIST);
	out_list(b, 0, REGISTER, 0, list, 24);	/* SPEC_I_PT, and no list */
	expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_PARAMETER_LIST_LENGTH_ERROR);

	id = transport_id_encode("iqn.2026-11.example:far", (uint8_t[6]){ 9 }, list + 28);
	len = 28 + id;
	len += transport_id_encode("iqn.2026-11.example:b", (uint8_t[6]){ 9 }, list + len);
	be32_store(list + 24, len - 28);
	list[28 + id] = 0x46;			/* another protocol's */
	out_list(b, 0, REGISTER, 0, list, len);
	expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_PARAMETER_LIST);
	assert_int_equal(be16_load(b->c.sense.sks + 1), 28 + id);
	assert_int_equal(disk_of(b)->pr.count, 0);
	list[28 + id] = 0x45;
	assert_int_equal(out_list(b, 0, REGISTER, 0, list, len), SCSI_GOOD);
	assert_int_equal(disk_of(b)->pr.count, 3);
	out_list(b, 0, REGISTER, 0, list, len);	/* of one that is not registered, key 0 */
	assert_int_equal(b->c.status, SCSI_RESERVATION_CONFLICT);
}

static void a_device_stands_for_the_ports_that_we_know(void **state)
{
	uint8_t list[28 + TRANSPORT_ID_MAX] = { [15] = 7, [20] = SPEC_I_PT };
	struct bench *b = *state;
	const struct pr *pr;

	list[28] = 0x05;
	be16_store(list + 30, 24);
	memcpy(list + 32, names[1], strlen(names[1]));
	be32_store(list + 24, 28);
	assert_int_equal(out_list(b, 0, REGISTER, 0, list, 28 + 28), SCSI_GOOD);
	pr = &disk_of(b)->pr;
	assert_int_equal(pr->count, 3);
	for (unsigned i = 0; i < 3; i++) {
		struct pr_port p = nexus_port(&b->n[i]);

		assert_int_equal(pr_find(pr, &p)->key, 7);
	}
}

/* Lists that are nearly right, cut and bent anywhere: judged, and the state stays whole. */
static void any_list_is_survived(void **state)
{
	static uint8_t list[28 + 140 * 64];
	struct bench *b = *state;
	struct pr *pr = &disk_of(b)->pr;
	unsigned most = 0, reserved = 0;

	srand(7);
	for (unsigned n = 0; n < 30000; n++) {
		unsigned action = (unsigned)rand() % 8, ids = (unsigned)rand() % (rand() % 50 ? 3 : 140);
		uint32_t head = action == MOVE ? 24 : 28, len = head;

		memset(list, 0, sizeof(list));
		for (unsigned i = 0; i < ids; i++)
			len += transport_id_encode(names[rand() % 3], (uint8_t[6]){ (uint8_t)rand() },
						   list + len);
		list[7] = (uint8_t)(rand() % 3);
		list[15] = (uint8_t)(rand() % 3);
		list[19] = 1;
		be32_store(list + head - 4, len - head);
		if (action != MOVE && ids)
			list[20] = SPEC_I_PT;
		for (unsigned k = (unsigned)rand() % 4; k; k--)
			list[(unsigned)rand() % len] ^= (uint8_t)(1u << rand() % 8);
		if (!(rand() % 4))
			len = 24 + (uint32_t)rand() % (len - 23);
		out_list(b, (unsigned)rand() % 3, action, types_of_any[rand() % 8], list, ids ? len : 24);
		assert_in_range(pr->count, 0, PR_REGISTRATIONS_MAX);
		assert_true(pr->count || !pr->type);
		most = MAX(most, pr->count);
		reserved += pr->type != PR_NONE;
		memset(b->n[0].ua, 0, sizeof(b->n[0].ua));
		memset(b->n[1].ua, 0, sizeof(b->n[1].ua));
		memset(b->n[2].ua, 0, sizeof(b->n[2].ua));
		if (!(n % 64))
			in(b, 3, 0xffff);
	}
	assert_in_range(most, PR_REGISTRATIONS_MAX / 2, PR_REGISTRATIONS_MAX);	/* it got somewhere */
	assert_in_range(reserved, 1000, 30000);
}

static void what_is_persistent_outlives_sessions_and_resets(void **state)
{
	struct bench *b = *state;
	uint8_t cdb[CDB_MAX], data[512] = { 0 };

	cdb_write_16(cdb, 0, 1, false);
	out(b, 0, REGISTER, 0, 0, 1, 0);
	out(b, 0, RESERVE, 1, 1, 0, 0);
	nexus_end(&b->n[0]);
	lun_reset(disk_of(b));
	memset(b->n[1].ua, 0, sizeof(b->n[1].ua));
	assert_int_equal(run(b, 1, cdb, data, 512), SCSI_RESERVATION_CONFLICT);
	nexus_begin(&b->n[0], b->t, names[0], (uint8_t[6]){ 0x80 });
	memset(b->n[0].ua, 0, sizeof(b->n[0].ua));
	assert_int_equal(run(b, 0, cdb, data, 512), SCSI_GOOD);
	target_power_cycle(b->t);
	for (unsigned i = 0; i < 2; i++)
		memset(b->n[i].ua, 0, sizeof(b->n[i].ua));
	assert_int_equal(run(b, 1, cdb, data, 512), SCSI_GOOD);
	in(b, 0, 8);
	assert_int_equal(disk_of(b)->pr.generation, 0);
}

static unsigned aborted_of[3];
static struct bench *aborting;

static unsigned note_abort(struct nexus *n, const struct lun *l, const struct scsi_cmd *except)
{
	assert_ptr_equal(l, disk_of(aborting));
	assert_ptr_equal(except, &aborting->c);
	return ++aborted_of[n - aborting->n];
}

static void the_preempted_are_told_and_their_commands_end(void **state)
{
	struct bench *b = aborting = *state;

	memset(aborted_of, 0, sizeof(aborted_of));
	for (unsigned i = 0; i < 3; i++) {
		b->n[i].abort_tasks = note_abort;
		out(b, i, REGISTER, 0, 0, i + 1, 0);
	}
	out(b, 0, RESERVE, 6, 1, 0, 0);
	assert_int_equal(out(b, 1, PREEMPT, 6, 2, 1, 0), SCSI_GOOD);
	assert_int_equal(b->n[0].ua[0], NEXUS_UA_REGISTRATION_PREEMPTED);
	assert_int_equal(b->n[2].ua[0], 0);
	assert_int_equal(aborted_of[0], 0);
	assert_int_equal(out(b, 1, PREEMPT_AND_ABORT, 5, 2, 3, 0), SCSI_GOOD);
	assert_int_equal(b->n[2].ua[0], NEXUS_UA_REGISTRATION_PREEMPTED | NEXUS_UA_CLEARED);
	assert_int_equal(aborted_of[2], 1);
	assert_int_equal(aborted_of[1], 0);
	assert_int_equal(out(b, 1, PREEMPT_AND_ABORT, 5, 2, 2, 0), SCSI_GOOD);
	assert_int_equal(aborted_of[1], 1);
	assert_int_equal(b->n[1].ua[0], 0);
	b->n[0].ua[0] = 0;
	out(b, 0, REGISTER, 0, 0, 1, 0);
	out(b, 1, CLEAR, 0, 2, 0, 0);
	assert_int_equal(b->n[0].ua[0], NEXUS_UA_RESERVATION_PREEMPTED);
}

static void a_reservation_moves(void **state)
{
	uint8_t list[24 + TRANSPORT_ID_MAX] = { [7] = 1, [15] = 9, [17] = 2, [19] = 1 };
	struct bench *b = *state;
	struct pr_port to = nexus_port(&b->n[1]);
	uint32_t id = transport_id_encode(to.name, to.isid, list + 24);

	be32_store(list + 20, id);
	out(b, 0, REGISTER, 0, 0, 1, 0);
	out_list(b, 0, MOVE, 0, list, 24 + id);
	expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);	/* nothing reserved */
	out(b, 0, RESERVE, 3, 1, 0, 0);
	list[19] = 2;				/* no such target port */
	out_list(b, 0, MOVE, 0, list, 24 + id);
	expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_PARAMETER_LIST);
	list[19] = 1;
	out_list(b, 0, MOVE, 0, list, 24 + id - 4);
	expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_PARAMETER_LIST_LENGTH_ERROR);
	assert_int_equal(out_list(b, 0, MOVE, 0, list, 24 + id), SCSI_GOOD);
	assert_ptr_equal(pr_holder(&disk_of(b)->pr), pr_find(&disk_of(b)->pr, &to));
	assert_int_equal(disk_of(b)->pr.count, 1);
}

static void errors_have_their_sense(void **state)
{
	struct bench *b = *state;

	out(b, 0, REGISTER, 0, 0, 1, 0);
	out(b, 0, RESERVE, 2, 1, 0, 0);
	expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
	assert_int_equal(out(b, 0, RESERVE, 1, 1, 0, 0), SCSI_GOOD);
	out(b, 0, RELEASE, 3, 1, 0, 0);
	expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_RELEASE);
	out(b, 0, PREEMPT, 1, 1, 0, 0);
	expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_PARAMETER_LIST);
	for (unsigned i = 0; i < PR_REGISTRATIONS_MAX - 1; i++) {
		b->n[1].isid[2] = (uint8_t)i;
		assert_int_equal(out(b, 1, REGISTER, 0, 0, 2, 0), SCSI_GOOD);
	}
	out(b, 2, REGISTER, 0, 0, 2, 0);
	expect_sense(b, SENSE_ILLEGAL_REQUEST, SENSE_NO_REGISTRATION_RESOURCES);
	in(b, 3, 0xffff);			/* all of them fit */
	assert_int_equal(b->c.want, 8 + PR_REGISTRATIONS_MAX * (24 + 44));
}

/* --- the table: each command of each column, spc4r17 table 45, SBC-3, SPC-2 --- */

/*
 * Columns: write exclusive, exclusive access (from any but the holder); registrants only or all
 * registrants, from one who is registered; the two kinds of those from one who is not.
 * RESERVE(6) of another comes last. A is allowed, C is a conflict.
 */
static const struct {
	uint8_t cdb[6];
	const char *row;
} table[] = {
	{ { SCSI_TEST_UNIT_READY }, "AAAAA C" },
	{ { SCSI_REQUEST_SENSE }, "AAAAA A" },
	{ { SCSI_INQUIRY }, "AAAAA A" },
	{ { SCSI_REPORT_LUNS }, "AAAAA A" },
	{ { SCSI_READ_CAPACITY_10 }, "AAAAA A" },
	{ { SCSI_SERVICE_ACTION_IN_16, SCSI_SA_READ_CAPACITY_16 }, "AAAAA A" },
	{ { SCSI_SERVICE_ACTION_IN_16, SCSI_SA_GET_LBA_STATUS }, "ACAAC C" },
	{ { SCSI_MAINTENANCE_IN, SCSI_SA_REPORT_OPCODES }, "ACAAC A" },
	{ { SCSI_MODE_SENSE_6 }, "ACAAC C" },
	{ { SCSI_MODE_SENSE_10 }, "ACAAC C" },
	{ { SCSI_MODE_SELECT_6 }, "CCACC C" },
	{ { SCSI_MODE_SELECT_10 }, "CCACC C" },
	{ { SCSI_START_STOP_UNIT, 0, 0, 0, 1 }, "AAAAA A" },
	{ { SCSI_START_STOP_UNIT }, "CCACC C" },
	{ { SCSI_START_STOP_UNIT, 0, 0, 0, 0x21 }, "CCACC C" },
	{ { SCSI_PREVENT_ALLOW }, "AAAAA A" },
	{ { SCSI_PREVENT_ALLOW, 0, 0, 0, 1 }, "CCACC C" },
	{ { SCSI_READ_6 }, "ACAAC C" },
	{ { SCSI_READ_10 }, "ACAAC C" },
	{ { SCSI_READ_12 }, "ACAAC C" },
	{ { SCSI_READ_16 }, "ACAAC C" },
	{ { SCSI_VERIFY_10 }, "ACAAC C" },
	{ { SCSI_VERIFY_12 }, "ACAAC C" },
	{ { SCSI_VERIFY_16 }, "ACAAC C" },
	{ { SCSI_PREFETCH_10 }, "ACAAC C" },
	{ { SCSI_PREFETCH_16 }, "ACAAC C" },
	{ { SCSI_WRITE_6 }, "CCACC C" },
	{ { SCSI_WRITE_10 }, "CCACC C" },
	{ { SCSI_WRITE_12 }, "CCACC C" },
	{ { SCSI_WRITE_16 }, "CCACC C" },
	{ { SCSI_WRITE_VERIFY_10 }, "CCACC C" },
	{ { SCSI_WRITE_VERIFY_12 }, "CCACC C" },
	{ { SCSI_WRITE_VERIFY_16 }, "CCACC C" },
	{ { SCSI_WRITE_SAME_10 }, "CCACC C" },
	{ { SCSI_WRITE_SAME_16 }, "CCACC C" },
	{ { SCSI_COMPARE_AND_WRITE }, "CCACC C" },
	{ { SCSI_ORWRITE_16 }, "CCACC C" },
	{ { SCSI_UNMAP }, "CCACC C" },
	{ { SCSI_SYNCHRONIZE_CACHE_10 }, "CCACC C" },
	{ { SCSI_SYNCHRONIZE_CACHE_16 }, "CCACC C" },
	{ { SCSI_EXTENDED_COPY }, "CCACC C" },
	{ { SCSI_RESERVE_6 }, "CCACC C" },
	{ { SCSI_RELEASE_6 }, "CCACC A" },
	{ { SCSI_PERSISTENT_RESERVE_IN }, "AAAAA C" },
	{ { SCSI_PERSISTENT_RESERVE_OUT, REGISTER }, "AAAAA C" },
};

static bool conflicts(struct bench *b, unsigned who, const uint8_t *cdb6)
{
	uint8_t cdb[CDB_MAX] = { 0 };

	memcpy(cdb, cdb6, 6);
	if (cdb[0] == SCSI_PERSISTENT_RESERVE_OUT)
		return out(b, who, cdb[1], 0, b->n[who].isid[5] == 1 ? 2 : 0, 2, 0) ==
		       SCSI_RESERVATION_CONFLICT;
	return run(b, who, cdb, NULL, 0) == SCSI_RESERVATION_CONFLICT;
}

/* 0 holds, 1 is registered, 2 is not. */
static void expect_row(struct bench *b, size_t i)
{
	static const struct { unsigned type, who; } columns[][3] = {
		{ { 1, 1 }, { 1, 2 } }, { { 3, 1 }, { 3, 2 } },
		{ { 5, 1 }, { 6, 1 }, { 7, 1 } }, { { 5, 2 }, { 7, 2 } }, { { 6, 2 }, { 8, 2 } },
	};

	for (size_t col = 0; col < ARRAY_SIZE(columns); col++) {
		for (size_t k = 0; k < 3 && columns[col][k].type; k++) {
			pr_forget(&disk_of(b)->pr);
			out(b, 0, REGISTER, 0, 0, 1, 0);
			out(b, 1, REGISTER, 0, 0, 2, 0);
			out(b, 0, RESERVE, columns[col][k].type, 1, 0, 0);
			if (conflicts(b, columns[col][k].who, table[i].cdb) != (table[i].row[col] == 'C'))
				fail_msg("opcode %02x, byte 1 %02x, byte 4 %02x, type %u, port %u",
					 table[i].cdb[0], table[i].cdb[1], table[i].cdb[4],
					 columns[col][k].type, columns[col][k].who);
			assert_false(conflicts(b, 0, table[i].cdb) &&
				     table[i].cdb[0] != SCSI_PERSISTENT_RESERVE_OUT);
		}
	}
	pr_forget(&disk_of(b)->pr);
	disk_of(b)->reserved_by = &b->n[0];
	if (conflicts(b, 1, table[i].cdb) != (table[i].row[6] == 'C'))
		fail_msg("opcode %02x under RESERVE(6)", table[i].cdb[0]);
	disk_of(b)->reserved_by = NULL;
}

/* Is there a row? A command that is not ours needs none. */
static bool has_row(const struct scsi_op *op)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (table[i].cdb[0] == op->opcode)
			return true;
	}
	return false;
}

static void every_command_is_let_in_as_the_table_says(void **state)
{
	struct bench *b = *state;
	const struct scsi_op *op;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (scsi_op_find(table[i].cdb[0], table[i].cdb[1]))
			expect_row(b, i);
	}
	for (unsigned i = 0; (op = scsi_op_at(i)); i++) {
		uint8_t cdb[CDB_MAX] = { op->opcode, (uint8_t)MAX(op->service_action, 0) };

		if (!has_row(op) && scsi_reserve_need(cdb) != PR_NEED_ALL)
			fail_msg("%s wants a row in this table", op->name);
	}
}

/* spc4r17 table 46: service actions from one who is registered, and from one who is not. */
static void service_actions_are_let_in_as_the_table_says(void **state)
{
	static const struct {
		unsigned action;
		bool registered, stranger;
	} rows[] = {
		{ REGISTER, true, true },	{ REGISTER_AND_IGNORE, true, true },
		{ CLEAR, true, false },		{ PREEMPT, true, false },
		{ PREEMPT_AND_ABORT, true, false }, { RELEASE, true, false },
		{ RESERVE, false, false },
	};
	struct bench *b = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (unsigned who = 1; who < 3; who++) {
			bool ok = who == 1 ? rows[i].registered : rows[i].stranger;

			pr_forget(&disk_of(b)->pr);
			out(b, 0, REGISTER, 0, 0, 1, 0);
			out(b, 1, REGISTER, 0, 0, 2, 0);
			out(b, 0, RESERVE, 3, 1, 0, 0);
			assert_int_equal(out(b, who, rows[i].action, 3, who == 1 ? 2 : 0, 1, 0),
					 ok ? SCSI_GOOD : SCSI_RESERVATION_CONFLICT);
			memset(b->n[0].ua, 0, sizeof(b->n[0].ua));
		}
	}
}

static void where_keys_are_reserve_does_nothing(void **state)
{
	static const uint8_t reserve[CDB_MAX] = { SCSI_RESERVE_6 };
	struct bench *b = *state;

	out(b, 0, REGISTER, 0, 0, 1, 0);
	out(b, 2, REGISTER, 0, 0, 3, 0);
	for (unsigned i = 0; i < 3; i++)	/* keys, and nothing reserved: SPC-2 5.5.1 */
		assert_int_equal(run(b, i, reserve, NULL, 0), SCSI_RESERVATION_CONFLICT);
	for (unsigned type = 5; type; type = type == 5 ? 1 : 0) {
		out(b, 0, RESERVE, type, 1, 0, 0);
		assert_int_equal(run(b, 0, reserve, NULL, 0), SCSI_GOOD);
		assert_int_equal(run(b, 1, reserve, NULL, 0), SCSI_RESERVATION_CONFLICT);
		assert_int_equal(run(b, 2, reserve, NULL, 0),
				 type == 5 ? SCSI_GOOD : SCSI_RESERVATION_CONFLICT);
		assert_null(disk_of(b)->reserved_by);
		out(b, 0, RELEASE, type, 1, 0, 0);
		b->n[2].ua[0] = 0;
	}
	out(b, 2, REGISTER, 0, 3, 0, 0);
	out(b, 0, REGISTER, 0, 1, 0, 0);
	assert_int_equal(run(b, 1, reserve, NULL, 0), SCSI_GOOD);
	assert_int_equal(out(b, 1, REGISTER, 0, 0, 1, 0), SCSI_RESERVATION_CONFLICT);
	lun_forget_reservations(disk_of(b));
	assert_int_equal(out(b, 1, REGISTER, 0, 0, 1, 0), SCSI_GOOD);
}

static void transport_ids_are_read_with_care(void **state)
{
	static const struct {
		const char *text;
		uint8_t kind;
		int len;		/* <0: as it needs */
		bool ok;
	} table_of_ids[] = {
		{ "iqn.2026-11.example:a,i,0x00023d000001", 0x45, -1, true },
		{ "iqn.2026-11.example:a,i,0x00023D0000fF", 0x45, -1, true },
		{ "iqn.2026-11.example:a", 0x05, -1, true },
		{ "iqn.2026-11.example:a", 0x45, -1, false },
		{ "iqn.2026-11.example:a,i,0x00023d00000", 0x45, -1, false },
		{ "iqn.2026-11.example:a,i,0x00023d0000011", 0x45, -1, false },
		{ "iqn.2026-11.example:a,i,0x00023d00000g", 0x45, -1, false },
		{ ",i,0x00023d000001", 0x45, 20, false },
		{ "a host,i,0x00023d000001", 0x45, -1, false },
		{ "iqn.2026-11.example:a", 0x85, -1, false },
		{ "iqn.2026-11.example:a", 0x06, -1, false },
		{ "iqn.2026-11.example:a", 0x05, 16, false },
		{ "iqn.2026-11.example:a", 0x05, 23, false },
		{ "iqn.2026-11.example:abcd", 0x05, 24, false },	/* no room for the NUL */
		{ "iqn.2026-11.example:a", 0x05, 400, false },		/* more than there is */
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(table_of_ids); i++) {
		uint8_t d[64] = { table_of_ids[i].kind };
		size_t text = strlen(table_of_ids[i].text);
		int len = table_of_ids[i].len < 0 ? (int)((text + 4) & ~3ul) : table_of_ids[i].len;
		struct cursor c = cursor_of(d, MIN((size_t)len + 4, sizeof(d)));
		struct transport_id id;

		be16_store(d + 2, (uint16_t)len);
		memcpy(d + 4, table_of_ids[i].text, text);
		assert_int_equal(transport_id_decode(&c, &id), table_of_ids[i].ok);
	}
}

static void the_longest_name_goes_there_and_back(void **state)
{
	uint8_t d[TRANSPORT_ID_MAX];
	char name[TRANSPORT_ID_NAME_MAX + 1] = "iqn.";
	struct transport_id id;
	struct cursor c;
	(void)state;

	memset(name + 4, 'x', TRANSPORT_ID_NAME_MAX - 4);
	c = cursor_of(d, transport_id_encode(name, (const uint8_t *)"\x80\1\2\3\4\xff", d));
	assert_true(transport_id_decode(&c, &id));
	assert_true(id.is_port);
	assert_string_equal(id.name, name);
	assert_memory_equal(id.isid, "\x80\1\2\3\4\xff", 6);
	assert_int_equal(cursor_left(&c), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(in_tells_what_out_did),
		CASE(all_registrants_hold_under_no_key),
		CASE(a_list_is_judged_before_anything_changes),
		CASE(a_device_stands_for_the_ports_that_we_know),
		CASE(any_list_is_survived),
		CASE(what_is_persistent_outlives_sessions_and_resets),
		CASE(the_preempted_are_told_and_their_commands_end),
		CASE(a_reservation_moves),
		CASE(errors_have_their_sense),
		CASE(every_command_is_let_in_as_the_table_says),
		CASE(service_actions_are_let_in_as_the_table_says),
		CASE(where_keys_are_reserve_does_nothing),
		cmocka_unit_test(transport_ids_are_read_with_care),
		cmocka_unit_test(the_longest_name_goes_there_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
