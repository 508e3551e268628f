/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SCSI commands judged and led to their rows. The one hard thing is the order in which a command
 * is judged: LUN, opcode, unit attention, reservation, then the command itself (SAM-5 5.14, SPC-4
 * 5.9).
 */
#include "target/scsi_cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/cursor.h"
#include "target/chore.h"
#include "target/scsi_copy.h"
#include "target/scsi_reserve.h"

enum { SCSI_COLLECT_MAX = 4 << 20 };	/* bytes for one initiator port */

static uint8_t scsi_param_memory[SCSI_PARAM_MAX];

void scsi_good(struct scsi_cmd *c)
{
	c->status = SCSI_GOOD;
	c->next = SCSI_NEXT_DONE;
}

void scsi_fail(struct scsi_cmd *c, enum sense_key key, uint16_t code)
{
	c->status = SCSI_CHECK_CONDITION;
	c->sense = (struct sense){ .key = (uint8_t)key, .code = code };
	c->next = SCSI_NEXT_DONE;
}

void scsi_fail_field(struct scsi_cmd *c, unsigned byte)
{
	scsi_fail(c, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
	c->sense.sks[0] = 0xc0;		/* SKSV, in the CDB */
	c->sense.sks[2] = (uint8_t)byte;
}

void scsi_fail_param(struct scsi_cmd *c, unsigned byte)
{
	scsi_fail(c, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_PARAMETER_LIST);
	c->sense.sks[0] = 0x80;
	be16_store(c->sense.sks + 1, (uint16_t)byte);
}

static void scsi_fail_medium(struct scsi_cmd *c, uint16_t code, uint64_t off)
{
	scsi_fail(c, SENSE_MEDIUM_ERROR, code);
	c->sense.has_info = true;
	c->sense.info = off / c->lun->block_bytes;
}

void scsi_read_failed(struct scsi_cmd *c, int rc, uint64_t off)
{
	lun_note_error(c->lun, "read", rc);
	scsi_fail_medium(c, SENSE_UNRECOVERED_READ_ERROR, off);
}

void scsi_write_failed(struct scsi_cmd *c, int rc, uint64_t off)
{
	lun_note_error(c->lun, "write", rc);
	if (rc == -ENOSPC || rc == -EDQUOT || rc == -EFBIG)
		scsi_fail(c, SENSE_DATA_PROTECT, SENSE_SPACE_ALLOCATION_FAILED);
	else if (rc == -EROFS || rc == -EBADF || rc == -EPERM)
		scsi_fail(c, SENSE_DATA_PROTECT, SENSE_WRITE_PROTECTED);
	else
		scsi_fail_medium(c, SENSE_WRITE_ERROR, off);
}

uint8_t *scsi_param(struct scsi_cmd *c)
{
	memset(scsi_param_memory, 0, sizeof(scsi_param_memory));
	c->param = scsi_param_memory;
	return c->param;
}

void scsi_answer(struct scsi_cmd *c, uint32_t len, uint64_t alloc)
{
	scsi_good(c);
	c->want = MIN((uint64_t)len, alloc);
	c->next = c->want ? SCSI_NEXT_PARAM_IN : SCSI_NEXT_DONE;
}

void scsi_collect(struct scsi_cmd *c, uint32_t len, unsigned byte)
{
	if (c->out_bytes != len) {
		scsi_fail_field(c, byte);
		return;
	}
	if (!len) {
		scsi_good(c);
		return;
	}
	if (c->nexus->collected_bytes + len <= SCSI_COLLECT_MAX)
		c->param = malloc(len);
	if (!c->param) {
		c->status = SCSI_TASK_SET_FULL;
		c->next = SCSI_NEXT_DONE;
		return;
	}
	c->param_cap = len;
	c->nexus->collected_bytes += len;
	c->want = len;
	c->next = SCSI_NEXT_DATA_OUT;
}

void scsi_collect_data(struct scsi_cmd *c, uint64_t at, const uint8_t *p, uint32_t len)
{
	BUG_ON(at + len > c->param_cap);
	memcpy(c->param + at, p, len);
}

void scsi_good_written(struct scsi_cmd *c, bool durable)
{
	scsi_good(c);
	if (c->lun->disk->volatile_cache && (durable || !lun_caches_writes(c->lun)))
		c->next = SCSI_NEXT_FLUSH;
}

void scsi_data(struct scsi_cmd *c, uint64_t at, const uint8_t *p, uint32_t len)
{
	if (!scsi_failed(c))
		c->op->data(c, at, p, len);
}

void scsi_finish(struct scsi_cmd *c, uint64_t got)
{
	c->next = SCSI_NEXT_DONE;
	c->got = got;
	if (scsi_failed(c))
		return;
	if (got < c->want && c->param_cap) {
		scsi_fail(c, SENSE_ILLEGAL_REQUEST, SENSE_PARAMETER_LIST_LENGTH_ERROR);
		return;
	}
	c->op->finish(c);
}

void scsi_flushed(struct scsi_cmd *c, int rc)
{
	scsi_good(c);
	if (rc)
		scsi_write_failed(c, rc, c->off);
	else if (c->lun->disk->losses != c->losses)
		scsi_fail(c, SENSE_ABORTED_COMMAND, 0);	/* what it wrote may not be there any more */
}

void scsi_chore_done(struct scsi_cmd *c, int rc)
{
	c->next = SCSI_NEXT_DONE;
	c->op->chore_done(c, rc);
}

void scsi_end(struct scsi_cmd *c)
{
	scsi_copy_end(c);
	chore_free(c->chore);
	c->chore = NULL;
	if (c->param_cap) {
		c->nexus->collected_bytes -= c->param_cap;
		free(c->param);
	}
	c->param = NULL;
	c->param_cap = 0;
}

const struct scsi_op *scsi_op_at(unsigned i)
{
	if (i < scsi_primary_op_count)
		return &scsi_primary_ops[i];
	i -= scsi_primary_op_count;
	if (i < scsi_rw_op_count)
		return &scsi_rw_ops[i];
	i -= scsi_rw_op_count;
	if (i < scsi_space_op_count)
		return &scsi_space_ops[i];
	i -= scsi_space_op_count;
	if (i < scsi_pr_op_count)
		return &scsi_pr_ops[i];
	i -= scsi_pr_op_count;
	return i < scsi_copy_op_count ? &scsi_copy_ops[i] : NULL;
}

/* The first row of each opcode; those with service actions follow each other. */
static const struct scsi_op *scsi_op_index[256];

__attribute__((constructor)) static void scsi_op_build_index(void)
{
	const struct scsi_op *op;

	for (unsigned i = 0; (op = scsi_op_at(i)); i++) {
		if (!scsi_op_index[op->opcode])
			scsi_op_index[op->opcode] = op;
	}
}

const struct scsi_op *scsi_op_find(uint8_t opcode, unsigned service_action)
{
	const struct scsi_op *op = scsi_op_index[opcode];

	if (!op || op->service_action < 0)
		return op;
	for (; op->name && op->opcode == opcode; op++) {
		if ((unsigned)op->service_action == service_action)
			return op;
	}
	return NULL;
}

bool scsi_op_has_actions(uint8_t opcode)
{
	return scsi_op_index[opcode] && scsi_op_index[opcode]->service_action >= 0;
}

unsigned scsi_cdb_len(uint8_t opcode)
{
	static const uint8_t by_group[8] = { 6, 10, 10, 0, 16, 12, 0, 0 };

	return by_group[opcode >> 5];
}

static uint16_t scsi_ua_code(unsigned bit)
{
	switch ((enum nexus_ua)bit) {
	case NEXUS_UA_POWER_ON:
		return SENSE_POWER_ON;
	case NEXUS_UA_LUN_RESET:
		return SENSE_DEVICE_RESET;
	case NEXUS_UA_LOSS:
		return SENSE_NEXUS_LOSS;
	case NEXUS_UA_MODE_CHANGED:
		return SENSE_MODE_PARAMETERS_CHANGED;
	case NEXUS_UA_CAPACITY_CHANGED:
		return SENSE_CAPACITY_CHANGED;
	case NEXUS_UA_CLEARED:
		return SENSE_COMMANDS_CLEARED;
	case NEXUS_UA_LUNS_CHANGED:
		return SENSE_REPORTED_LUNS_CHANGED;
	case NEXUS_UA_IDENTITY_CHANGED:
		return SENSE_INQUIRY_DATA_CHANGED;
	case NEXUS_UA_BECAME_READY:
		return SENSE_BECAME_READY;
	case NEXUS_UA_RESERVATION_PREEMPTED:
		return SENSE_RESERVATIONS_PREEMPTED;
	case NEXUS_UA_RESERVATION_RELEASED:
		return SENSE_RESERVATIONS_RELEASED;
	case NEXUS_UA_REGISTRATION_PREEMPTED:
		return SENSE_REGISTRATIONS_PREEMPTED;
	}
	return SENSE_CODE_NONE;
}

uint16_t scsi_take_ua(struct scsi_cmd *c)
{
	uint32_t *ua = &c->nexus->ua[c->lun->index];
	uint32_t bit = *ua & -*ua;

	*ua &= ~bit;
	return bit ? scsi_ua_code(bit) : 0;
}

/* Everything that can end a command before its own row is asked. Returns true when it did. */
static bool scsi_is_stopped(struct scsi_cmd *c)
{
	const struct scsi_op *op = c->op;
	uint16_t ua;

	if (!c->lun && !(op && op->flags & SCSI_OP_ANY_LUN)) {
		scsi_fail(c, SENSE_ILLEGAL_REQUEST, SENSE_LUN_NOT_SUPPORTED);
		return true;
	}
	if (!op && scsi_op_index[c->cdb[0]]) {	/* opcode known, service action not */
		scsi_fail_field(c, 1);
		return true;
	}
	if (!op || (op->flags & SCSI_OP_THIN && !c->lun->thin)) {
		scsi_fail(c, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_OPCODE);
		return true;
	}
	if (!c->lun)
		return false;
	if (!(op->flags & SCSI_OP_KEEPS_UA) && (ua = scsi_take_ua(c))) {
		scsi_fail(c, SENSE_UNIT_ATTENTION, ua);
		return true;
	}
	if (scsi_reserve_conflicts(c)) {
		c->status = SCSI_RESERVATION_CONFLICT;
		c->next = SCSI_NEXT_DONE;
		return true;
	}
	if (!(op->flags & SCSI_OP_ANY_NEXUS) && c->lun->offline) {
		scsi_fail(c, SENSE_NOT_READY, SENSE_LUN_BECOMING_READY);
		return true;
	}
	if (op->flags & SCSI_OP_WRITES && lun_is_protected(c->lun)) {
		scsi_fail(c, SENSE_DATA_PROTECT, SENSE_WRITE_PROTECTED);
		return true;
	}
	return false;
}

void scsi_begin(struct scsi_cmd *c)
{
	c->op = scsi_op_find(c->cdb[0], c->cdb[1] & 0x1f);
	if (scsi_is_stopped(c))
		return;
	c->losses = c->lun ? c->lun->disk->losses : 0;
	c->op->begin(c);
	BUG_ON(c->next == SCSI_NEXT_NONE);
}
