/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands that any device answers. The one hard thing: some must be answered even for units that
 * are not there, and some in spite of unit attentions and reservations. Source: SPC-4 section 6;
 * RESERVE(6) and RELEASE(6), which are scsi_reserve.c's, SPC-2 7.21, 7.17.
 */
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/cursor.h"
#include "target/scsi_cmd.h"
#include "target/scsi_inquiry.h"
#include "target/scsi_reserve.h"

static void scsi_test_unit_ready(struct scsi_cmd *c)
{
	scsi_good(c);
}

static void scsi_request_sense(struct scsi_cmd *c)
{
	bool descriptor = c->cdb[1] & 1;
	struct sense s = { 0 };
	uint8_t *d = scsi_param(c);

	if (!c->lun) {
		s.key = SENSE_ILLEGAL_REQUEST;
		s.code = SENSE_LUN_NOT_SUPPORTED;
	} else {
		s.code = scsi_take_ua(c);
		s.key = s.code ? SENSE_UNIT_ATTENTION : SENSE_NO_SENSE;
		if (!s.code && c->lun->offline) {
			s.key = SENSE_NOT_READY;
			s.code = SENSE_LUN_BECOMING_READY;
		}
	}
	scsi_answer(c, (uint32_t)sense_encode(&s, descriptor, d), c->cdb[4]);
}

/* SPC-4 6.33: SELECT REPORT 1 asks for well known units, of which there are none. */
static void scsi_report_luns(struct scsi_cmd *c)
{
	uint32_t alloc = be32_load(c->cdb + 6);
	uint32_t len = 8;
	uint8_t *d;

	if (c->cdb[2] > 2) {
		scsi_fail_field(c, 2);
		return;
	}
	if (alloc < 16) {
		scsi_fail_field(c, 6);
		return;
	}
	d = scsi_param(c);
	for (unsigned i = 0; i < c->target->luns && c->cdb[2] != 1; i++) {
		const struct lun *l = c->target->lun[i];

		if (l->absent)
			continue;
		be16_store(d + len, lun_addr_of(l->number).raw);
		len += 8;
	}
	be32_store(d, len - 8);
	scsi_answer(c, len, alloc);
}

/* There is no motor. START=0 asks for the caches to be written, though (SBC-3 5.20). */
static void scsi_start_stop(struct scsi_cmd *c)
{
	if (c->cdb[4] & 0x02)		/* LOEJ: nothing to eject */
		scsi_fail_field(c, 4);
	else if (c->cdb[4] & 0xf1)
		scsi_good(c);
	else
		scsi_good_written(c, true);
}

static void scsi_prevent_allow(struct scsi_cmd *c)
{
	scsi_good(c);
}

enum { RSOC_ALL = 0, RSOC_OPCODE = 1, RSOC_SERVICE_ACTION = 2, RSOC_EITHER = 3 };
enum { RSOC_TIMEOUTS_BYTES = 12 };

static bool rsoc_is_there(const struct scsi_cmd *c, const struct scsi_op *op)
{
	return op && (!(op->flags & SCSI_OP_THIN) || c->lun->thin);
}

/* Command timeouts descriptor, SPC-4 6.35.4: nothing is promised. */
static uint32_t rsoc_timeouts(uint8_t *d)
{
	be16_store(d, RSOC_TIMEOUTS_BYTES - 2);
	return RSOC_TIMEOUTS_BYTES;
}

static void rsoc_all(struct scsi_cmd *c, bool timeouts)
{
	uint8_t *d = scsi_param(c);
	const struct scsi_op *op;
	uint32_t len = 4;

	for (unsigned i = 0; (op = scsi_op_at(i)); i++) {
		if (!rsoc_is_there(c, op))
			continue;
		d[len] = op->opcode;
		if (op->service_action >= 0) {
			be16_store(d + len + 2, (uint16_t)op->service_action);
			d[len + 5] |= 0x01;	/* SERVACTV */
		}
		d[len + 5] |= timeouts ? 0x02 : 0;	/* CTDP */
		be16_store(d + len + 6, (uint16_t)scsi_cdb_len(op->opcode));
		len += 8;
		if (timeouts)
			len += rsoc_timeouts(d + len);
	}
	be32_store(d, len - 4);
	scsi_answer(c, len, be32_load(c->cdb + 6));
}

static void rsoc_one(struct scsi_cmd *c, unsigned option, bool timeouts)
{
	uint16_t action = be16_load(c->cdb + 4);
	const struct scsi_op *op = scsi_op_find(c->cdb[3], action);
	bool has_actions = scsi_op_has_actions(c->cdb[3]);
	uint32_t len = 4, cdb = op ? scsi_cdb_len(op->opcode) : 0;
	uint8_t *d;

	if ((option == RSOC_OPCODE && has_actions) ||
	    (option == RSOC_SERVICE_ACTION && op && !has_actions)) {
		scsi_fail_field(c, 2);
		return;
	}
	d = scsi_param(c);
	if (!rsoc_is_there(c, op) || (option == RSOC_EITHER && !has_actions && action)) {
		d[1] = 0x01;		/* not supported */
	} else {
		d[1] = 0x03 | (timeouts ? 0x80 : 0);
		be16_store(d + 2, (uint16_t)cdb);
		memcpy(d + 4, op->usage, cdb);
		d[4] = op->opcode;
		if (op->service_action >= 0)
			d[5] = (uint8_t)((d[5] & 0xe0) | op->service_action);
		len += cdb;
		if (timeouts)
			len += rsoc_timeouts(d + len);
	}
	scsi_answer(c, len, be32_load(c->cdb + 6));
}

/* SPC-4 6.35. */
static void scsi_report_opcodes(struct scsi_cmd *c)
{
	unsigned option = c->cdb[2] & 7;
	bool timeouts = c->cdb[2] & 0x80;

	if (option > RSOC_EITHER)
		scsi_fail_field(c, 2);
	else if (option == RSOC_ALL)
		rsoc_all(c, timeouts);
	else
		rsoc_one(c, option, timeouts);
}

#define USAGE(...) .usage = { 0, __VA_ARGS__ }

const struct scsi_op scsi_primary_ops[] = {
	{ "TEST UNIT READY", SCSI_TEST_UNIT_READY, -1, 0, USAGE(0), scsi_test_unit_ready, 0, 0 },
	{ "REQUEST SENSE", SCSI_REQUEST_SENSE, -1,
	  SCSI_OP_ANY_NEXUS | SCSI_OP_KEEPS_UA | SCSI_OP_ANY_LUN,
	  USAGE(0x01, 0, 0, 0xff), scsi_request_sense, 0, 0 },
	{ "INQUIRY", SCSI_INQUIRY, -1, SCSI_OP_ANY_NEXUS | SCSI_OP_KEEPS_UA | SCSI_OP_ANY_LUN,
	  USAGE(0x01, 0xff, 0xff, 0xff), scsi_inquiry, 0, 0 },
	{ "RESERVE(6)", SCSI_RESERVE_6, -1, 0, USAGE(0), scsi_reserve, 0, 0 },
	{ "RELEASE(6)", SCSI_RELEASE_6, -1, SCSI_OP_ANY_NEXUS, USAGE(0), scsi_release, 0, 0 },
	{ "MODE SENSE(6)", SCSI_MODE_SENSE_6, -1, 0, USAGE(0x08, 0xff, 0xff, 0xff),
	  scsi_mode_sense, 0, 0 },
	{ "MODE SELECT(6)", SCSI_MODE_SELECT_6, -1, 0, USAGE(0x11, 0, 0, 0xff), scsi_mode_select,
	  scsi_collect_data, scsi_mode_select_finish },
	{ "START STOP UNIT", SCSI_START_STOP_UNIT, -1, 0, USAGE(0x01, 0, 0, 0xf3), scsi_start_stop,
	  0, 0 },
	{ "PREVENT ALLOW MEDIUM REMOVAL", SCSI_PREVENT_ALLOW, -1, 0, USAGE(0, 0, 0, 0x03),
	  scsi_prevent_allow, 0, 0 },
	{ "MODE SELECT(10)", SCSI_MODE_SELECT_10, -1, 0,
	  USAGE(0x11, 0, 0, 0, 0, 0, 0xff, 0xff), scsi_mode_select, scsi_collect_data,
	  scsi_mode_select_finish },
	{ "MODE SENSE(10)", SCSI_MODE_SENSE_10, -1, 0,
	  USAGE(0x18, 0xff, 0xff, 0, 0, 0, 0xff, 0xff), scsi_mode_sense, 0, 0 },
	{ "REPORT LUNS", SCSI_REPORT_LUNS, -1,
	  SCSI_OP_ANY_NEXUS | SCSI_OP_KEEPS_UA | SCSI_OP_ANY_LUN,
	  USAGE(0, 0xff, 0, 0, 0, 0xff, 0xff, 0xff, 0xff), scsi_report_luns, 0, 0 },
	{ "REPORT SUPPORTED OPERATION CODES", SCSI_MAINTENANCE_IN, SCSI_SA_REPORT_OPCODES,
	  SCSI_OP_ANY_NEXUS,
	  USAGE(0x1f, 0x87, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), scsi_report_opcodes, 0, 0 },
	{ .name = NULL },
};
const unsigned scsi_primary_op_count = ARRAY_SIZE(scsi_primary_ops) - 1;
