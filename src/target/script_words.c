/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of the fault language: what words there are, and which of them go together. */
#include "target/script_words.h"

#include <stddef.h>

#include "iscsifs/scsi_cdb.h"

const struct script_word script_events[] = {
	{ "connect", SCRIPT_EV_CONNECT },
	{ "login", SCRIPT_EV_LOGIN },
	{ "nop", SCRIPT_EV_NOP },
	{ "command", SCRIPT_EV_COMMAND },
	{ "read", SCRIPT_EV_COMMAND },
	{ "write", SCRIPT_EV_COMMAND },
	{ "flush", SCRIPT_EV_COMMAND },
	{ "unmap", SCRIPT_EV_COMMAND },
	{ "data-out", SCRIPT_EV_DATA_OUT },
	{ "data-in", SCRIPT_EV_DATA_IN },
	{ "r2t", SCRIPT_EV_R2T },
	{ "answer", SCRIPT_EV_ANSWER },
	{ "tmf", SCRIPT_EV_TMF },
	{ "logout", SCRIPT_EV_LOGOUT },
	{ "text", SCRIPT_EV_TEXT },
	{ "mark", SCRIPT_EV_MARK },
	{ "time", SCRIPT_EV_TIME },
	{ NULL, 0 },
};

const char *script_event_name(enum script_event ev)
{
	for (const struct script_word *row = script_events; row->name; row++) {
		if (row->value == (uint32_t)ev)
			return row->name;
	}
	return NULL;
}

/* Kinds of commands; a kind with several opcodes has several rows. */
const struct script_word script_ops[] = {
	{ "read", SCSI_READ_6 },
	{ "read", SCSI_READ_10 },
	{ "read", SCSI_READ_12 },
	{ "read", SCSI_READ_16 },
	{ "write", SCSI_WRITE_6 },
	{ "write", SCSI_WRITE_10 },
	{ "write", SCSI_WRITE_12 },
	{ "write", SCSI_WRITE_16 },
	{ "write", SCSI_WRITE_VERIFY_10 },
	{ "write", SCSI_WRITE_VERIFY_12 },
	{ "write", SCSI_WRITE_VERIFY_16 },
	{ "flush", SCSI_SYNCHRONIZE_CACHE_10 },
	{ "flush", SCSI_SYNCHRONIZE_CACHE_16 },
	{ "unmap", SCSI_UNMAP },
	{ "write-same", SCSI_WRITE_SAME_10 },
	{ "write-same", SCSI_WRITE_SAME_16 },
	{ "compare-and-write", SCSI_COMPARE_AND_WRITE },
	{ "verify", SCSI_VERIFY_10 },
	{ "verify", SCSI_VERIFY_12 },
	{ "verify", SCSI_VERIFY_16 },
	{ "test-unit-ready", SCSI_TEST_UNIT_READY },
	{ "inquiry", SCSI_INQUIRY },
	{ "mode-sense", SCSI_MODE_SENSE_6 },
	{ "mode-sense", SCSI_MODE_SENSE_10 },
	{ "mode-select", SCSI_MODE_SELECT_6 },
	{ "mode-select", SCSI_MODE_SELECT_10 },
	{ "report-luns", SCSI_REPORT_LUNS },
	{ "read-capacity", SCSI_READ_CAPACITY_10 },
	{ "service-action-in", SCSI_SERVICE_ACTION_IN_16 },
	{ "reserve", SCSI_RESERVE_6 },
	{ "release", SCSI_RELEASE_6 },
	{ "persistent-reserve-in", SCSI_PERSISTENT_RESERVE_IN },
	{ "persistent-reserve-out", SCSI_PERSISTENT_RESERVE_OUT },
	{ "start-stop", SCSI_START_STOP_UNIT },
	{ NULL, 0 },
};

const struct script_word script_stages[] = {
	{ "security", SCRIPT_STAGE_SECURITY },
	{ "operational", SCRIPT_STAGE_OPERATIONAL },
	{ "full", SCRIPT_STAGE_FULL },
	{ NULL, 0 },
};

/* RFC 7143 11.5.1 */
const struct script_word script_functions[] = {
	{ "abort-task", 1 },
	{ "abort-task-set", 2 },
	{ "clear-task-set", 4 },
	{ "lun-reset", 5 },
	{ "target-warm-reset", 6 },
	{ "target-cold-reset", 7 },
	{ NULL, 0 },
};

const struct script_word script_keys[] = {
	{ "op", SCRIPT_KEY_OP },
	{ "lun", SCRIPT_KEY_LUN },
	{ "lba", SCRIPT_KEY_LBA },
	{ "stage", SCRIPT_KEY_STAGE },
	{ "function", SCRIPT_KEY_FUNCTION },
	{ "initiator", SCRIPT_KEY_INITIATOR },
	{ "target", SCRIPT_KEY_TARGET },
	{ NULL, 0 },
};

const unsigned script_key_events[] = {
	[SCRIPT_KEY_OP] = SCRIPT_WITH_DATA,
	[SCRIPT_KEY_LUN] = SCRIPT_WITH_DATA | SCRIPT_EV_TMF,
	[SCRIPT_KEY_LBA] = SCRIPT_WITH_DATA,
	[SCRIPT_KEY_STAGE] = SCRIPT_EV_LOGIN,
	[SCRIPT_KEY_FUNCTION] = SCRIPT_EV_TMF,
	[SCRIPT_KEY_INITIATOR] = SCRIPT_IN_SESSION,
	[SCRIPT_KEY_TARGET] = SCRIPT_IN_SESSION,
};

const struct script_word script_limit_words[] = {
	{ "nth", SCRIPT_LIMIT_NTH },
	{ "every", SCRIPT_LIMIT_EVERY },
	{ "count", SCRIPT_LIMIT_COUNT },
	{ "per", SCRIPT_LIMIT_PER },
	{ "for", SCRIPT_LIMIT_FOR },
	{ "chance", SCRIPT_LIMIT_CHANCE },
	{ "do", SCRIPT_LIMIT_END },
	{ NULL, 0 },
};

const struct script_word script_pers[] = {
	{ "session", SCRIPT_PER_SESSION },
	{ "lba", SCRIPT_PER_LBA },
	{ NULL, 0 },
};

const struct script_word script_statuses[] = {
	{ "BUSY", SCSI_BUSY },
	{ "TASK-SET-FULL", SCSI_TASK_SET_FULL },
	{ "RESERVATION-CONFLICT", SCSI_RESERVATION_CONFLICT },
	{ "CONDITION-MET", SCSI_CONDITION_MET },
	{ "ACA-ACTIVE", SCSI_ACA_ACTIVE },
	{ "TASK-ABORTED", SCSI_TASK_ABORTED },
	{ NULL, 0 },
};

/* RFC 7143 11.17.1 */
const struct script_word script_rejects[] = {
	{ "data-digest", 0x02 },
	{ "snack", 0x03 },
	{ "protocol-error", 0x04 },
	{ "unsupported", 0x05 },
	{ "immediate", 0x06 },
	{ "task-in-progress", 0x07 },
	{ "invalid-field", 0x09 },
	{ "resources", 0x0a },
	{ NULL, 0 },
};

/* RFC 7143 11.13.5 */
const struct script_word script_login_statuses[] = {
	{ "initiator-error", 0x0200 },
	{ "auth-failed", 0x0201 },
	{ "forbidden", 0x0202 },
	{ "not-found", 0x0203 },
	{ "removed", 0x0204 },
	{ "target-error", 0x0300 },
	{ "unavailable", 0x0301 },
	{ "no-resources", 0x0302 },
	{ NULL, 0 },
};

/* RFC 7143 11.9.1 */
const struct script_word script_asyncs[] = {
	{ "scsi", 0 },
	{ "logout", 1 },
	{ "drop-connection", 2 },
	{ "drop-session", 3 },
	{ "renegotiate", 4 },
	{ "vendor", 255 },
	{ NULL, 0 },
};

const struct script_word script_corrupts[] = {
	{ "header-digest", SCRIPT_CORRUPT_HEADER_DIGEST },
	{ "data-digest", SCRIPT_CORRUPT_DATA_DIGEST },
	{ "opcode", SCRIPT_CORRUPT_OPCODE },
	{ NULL, 0 },
};

const struct script_word script_forgets[] = {
	{ "cache", SCRIPT_DO_FORGET_CACHE },
	{ "reservations", SCRIPT_DO_FORGET_RESERVATIONS },
	{ "session", SCRIPT_DO_FORGET_SESSION },
	{ NULL, 0 },
};

const struct script_word script_loses[] = {
	{ "keep-cache", SCRIPT_KEEP_CACHE },
	{ "lose-cache", SCRIPT_LOSE_CACHE },
	{ "lose-part", SCRIPT_LOSE_PART },
	{ NULL, 0 },
};

const struct script_word script_flips[] = {
	{ "header", SCRIPT_FLIP_HEADER },
	{ "data", SCRIPT_FLIP_DATA },
	{ "bit", SCRIPT_FLIP_BIT },
	{ NULL, 0 },
};

const struct script_word script_residuals[] = {
	{ "none", SCRIPT_RESIDUAL_NONE },
	{ "over", SCRIPT_RESIDUAL_OVER },
	{ "under", SCRIPT_RESIDUAL_UNDER },
	{ NULL, 0 },
};

const struct script_word script_tmf_responses[] = {
	{ "no-task", 1 },
	{ "no-lun", 2 },
	{ "task-allegiant", 3 },
	{ "unsupported", 5 },
	{ "not-authorized", 6 },
	{ "rejected", 255 },
	{ NULL, 0 },
};

/* Answers to these requests are the next PDU that goes. */
enum {
	SCRIPT_SIMPLE = SCRIPT_EV_NOP | SCRIPT_EV_TMF | SCRIPT_EV_LOGOUT | SCRIPT_EV_TEXT,
	SCRIPT_ALL = SCRIPT_SIMPLE | SCRIPT_OUTGOING | SCRIPT_EV_LOGIN,
};

const struct script_field script_fields[] = {
	{ "flags", 1, 1, SCRIPT_ALL },
	{ "response", 2, 1, SCRIPT_EV_ANSWER | SCRIPT_EV_TMF | SCRIPT_EV_LOGOUT },
	{ "status", 3, 1, SCRIPT_EV_ANSWER },
	{ "data-length", 5, 3, SCRIPT_ALL },
	{ "itt", 16, 4, SCRIPT_ALL },
	{ "ttt", 20, 4, SCRIPT_EV_R2T | SCRIPT_EV_DATA_IN | SCRIPT_EV_NOP | SCRIPT_EV_TEXT },
	{ "statsn", 24, 4, SCRIPT_ALL },
	{ "expcmdsn", 28, 4, SCRIPT_ALL },
	{ "maxcmdsn", 32, 4, SCRIPT_ALL },
	{ "datasn", 36, 4, SCRIPT_EV_DATA_IN | SCRIPT_EV_ANSWER },
	{ "r2tsn", 36, 4, SCRIPT_EV_R2T },
	{ "login-status", 36, 2, SCRIPT_EV_LOGIN },
	{ "offset", 40, 4, SCRIPT_EV_R2T | SCRIPT_EV_DATA_IN },
	{ "time2wait", 40, 2, SCRIPT_EV_LOGOUT },
	{ "length", 44, 4, SCRIPT_EV_R2T },
	{ NULL, 0, 0, 0 },
};

const struct script_word script_acts[] = {
	{ "close", SCRIPT_DO_CLOSE },
	{ "reset", SCRIPT_DO_RESET },
	{ "refuse", SCRIPT_DO_REFUSE_FOR },
	{ "redirect", SCRIPT_DO_REDIRECT },
	{ "blackhole", SCRIPT_DO_BLACKHOLE },
	{ "stall", SCRIPT_DO_STALL },
	{ "rate", SCRIPT_DO_RATE },
	{ "slice", SCRIPT_DO_SLICE },
	{ "window", SCRIPT_DO_WINDOW },
	{ "ping", SCRIPT_DO_PING },
	{ "late", SCRIPT_DO_LATE },
	{ "delay", SCRIPT_DO_DELAY },
	{ "drop", SCRIPT_DO_DROP },
	{ "withhold", SCRIPT_DO_WITHHOLD },
	{ "execute", SCRIPT_DO_EXECUTE },
	{ "duplicate", SCRIPT_DO_DUPLICATE },
	{ "zombie", SCRIPT_DO_ZOMBIE },
	{ "pretend", SCRIPT_DO_PRETEND },
	{ "status", SCRIPT_DO_STATUS },
	{ "sense", SCRIPT_DO_SENSE },
	{ "reject", SCRIPT_DO_REJECT },
	{ "async", SCRIPT_DO_ASYNC },
	{ "truncate", SCRIPT_DO_TRUNCATE },
	{ "corrupt", SCRIPT_DO_CORRUPT },
	{ "set", SCRIPT_DO_SET },
	{ "flip", SCRIPT_DO_FLIP },
	{ "residual", SCRIPT_DO_RESIDUAL },
	{ "garbage", SCRIPT_DO_GARBAGE },
	{ "forget", SCRIPT_DO_FORGET_CACHE },
	{ "crash", SCRIPT_DO_CRASH },
	{ "resize", SCRIPT_DO_RESIZE },
	{ "remove", SCRIPT_DO_REMOVE },
	{ "add", SCRIPT_DO_ADD },
	{ "identity", SCRIPT_DO_IDENTITY },
	{ "mark", SCRIPT_DO_MARK },
	{ NULL, 0 },
};

unsigned script_act_events(enum script_act act)
{
	const unsigned requests = SCRIPT_IN_SESSION & ~(unsigned)SCRIPT_OUTGOING;

	switch (act) {
	case SCRIPT_DO_REFUSE_WITH:
	case SCRIPT_DO_REDIRECT:
		return SCRIPT_EV_LOGIN;
	case SCRIPT_DO_DELAY:
		return requests | SCRIPT_EV_LOGIN;
	case SCRIPT_DO_DROP:
		return SCRIPT_IN_SESSION | SCRIPT_EV_LOGIN;
	case SCRIPT_DO_REFUSE_TMF:
	case SCRIPT_DO_LATE:
		return SCRIPT_EV_TMF;
	case SCRIPT_DO_WITHHOLD:
		return SCRIPT_EV_COMMAND | SCRIPT_EV_TMF;
	case SCRIPT_DO_DUPLICATE:
		return SCRIPT_EV_COMMAND | SCRIPT_OUTGOING;
	case SCRIPT_DO_SET:
		return SCRIPT_ALL;
	case SCRIPT_DO_RESIDUAL:
		return SCRIPT_EV_ANSWER;
	case SCRIPT_DO_EXECUTE:
	case SCRIPT_DO_ZOMBIE:
	case SCRIPT_DO_PRETEND:
	case SCRIPT_DO_STATUS:
	case SCRIPT_DO_SENSE:
		return SCRIPT_EV_COMMAND;
	case SCRIPT_DO_REJECT:
		return requests & ~(unsigned)SCRIPT_EV_DATA_OUT;
	case SCRIPT_DO_ASYNC:
	case SCRIPT_DO_WINDOW:
	case SCRIPT_DO_PING:
	case SCRIPT_DO_FORGET_SESSION:
		return SCRIPT_IN_SESSION | SCRIPT_NOBODY;
	case SCRIPT_DO_TRUNCATE:
	case SCRIPT_DO_CORRUPT:
	case SCRIPT_DO_FLIP:
		return SCRIPT_IN_SESSION | SCRIPT_EV_LOGIN;
	case SCRIPT_DO_NONE:
		return 0;
	case SCRIPT_DO_CLOSE:
	case SCRIPT_DO_RESET:
	case SCRIPT_DO_REFUSE_FOR:
	case SCRIPT_DO_BLACKHOLE:
	case SCRIPT_DO_STALL:
	case SCRIPT_DO_RATE:
	case SCRIPT_DO_SLICE:
	case SCRIPT_DO_GARBAGE:
	case SCRIPT_DO_FORGET_CACHE:
	case SCRIPT_DO_FORGET_RESERVATIONS:
	case SCRIPT_DO_CRASH:
	case SCRIPT_DO_RESIZE:
	case SCRIPT_DO_REMOVE:
	case SCRIPT_DO_ADD:
	case SCRIPT_DO_IDENTITY:
	case SCRIPT_DO_MARK:
		return SCRIPT_ANYWHERE;
	}
	return 0;
}
