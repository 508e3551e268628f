/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a SCSI answer means. The one hard thing: to tell "not now" from "never". Not now is retried
 * within the budget of an outage; never is answered with the errno that a local disk would give.
 */
#include "verdict.h"

#include <errno.h>

#include "iscsifs/scsi_cdb.h"

static struct verdict verdict_fail(int err)
{
	return (struct verdict){ VERDICT_FAIL, -err };
}

static struct verdict verdict_plain(enum verdict_kind kind)
{
	return (struct verdict){ kind, 0 };
}

/* 04/xx: some wait for somebody (a START UNIT, a format), most pass by themselves. */
static struct verdict verdict_of_not_ready(uint16_t code)
{
	if (code == 0x3a00 || code >> 8 == 0x3a)	/* medium not present */
		return verdict_fail(ENOMEDIUM);
	return verdict_plain(VERDICT_NOT_READY);
}

static struct verdict verdict_of_illegal(uint16_t code)
{
	switch (code) {
	case SENSE_LUN_NOT_SUPPORTED:	/* targets listen before their LUNs exist */
		return verdict_plain(VERDICT_NOT_READY);
	case SENSE_LBA_OUT_OF_RANGE:
		return verdict_fail(ENOSPC);
	case SENSE_INVALID_OPCODE:
		return verdict_fail(EOPNOTSUPP);
	default:
		return verdict_fail(EREMOTEIO);
	}
}

static struct verdict verdict_of_protect(uint16_t code)
{
	return verdict_fail(code == SENSE_SPACE_ALLOCATION_FAILED ? ENOSPC : EROFS);
}

static struct verdict verdict_of_sense(const struct sense *s)
{
	/* Deferred: about an earlier command; this one did not run (SPC-4 4.5.5). */
	if (s->deferred)
		return s->key == SENSE_RECOVERED_ERROR ? verdict_plain(VERDICT_RETRY)
						       : verdict_fail(EIO);
	switch ((enum sense_key)s->key) {
	case SENSE_NO_SENSE:
	case SENSE_RECOVERED_ERROR:
		return verdict_plain(VERDICT_GOOD);
	case SENSE_NOT_READY:
		return verdict_of_not_ready(s->code);
	case SENSE_UNIT_ATTENTION:
		return verdict_plain(VERDICT_ATTENTION);
	case SENSE_ABORTED_COMMAND:
		return verdict_plain(VERDICT_RETRY);
	case SENSE_ILLEGAL_REQUEST:
		return verdict_of_illegal(s->code);
	case SENSE_DATA_PROTECT:
		return verdict_of_protect(s->code);
	case SENSE_MISCOMPARE:
		return verdict_fail(EILSEQ);
	case SENSE_MEDIUM_ERROR:
	case SENSE_HARDWARE_ERROR:
	case SENSE_BLANK_CHECK:
	case SENSE_COPY_ABORTED:
		break;
	}
	return verdict_fail(EIO);
}

struct verdict verdict_of(bool rejected, uint8_t status, const struct sense *sense)
{
	if (rejected)
		return verdict_plain(VERDICT_RETRY);
	switch (status) {
	case SCSI_GOOD:
	case SCSI_CONDITION_MET:
		return verdict_plain(VERDICT_GOOD);
	case SCSI_CHECK_CONDITION:
		return verdict_of_sense(sense);
	case SCSI_BUSY:
	case SCSI_TASK_SET_FULL:
		return verdict_plain(VERDICT_BUSY);
	case SCSI_TASK_ABORTED:
		return verdict_plain(VERDICT_RETRY);
	case SCSI_RESERVATION_CONFLICT:
		return verdict_fail(EBADE);
	default:
		return verdict_fail(EIO);
	}
}
