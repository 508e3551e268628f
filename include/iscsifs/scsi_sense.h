/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sense data, decoded and encoded. Source: SPC-4 4.5 (fixed 70h/71h, descriptor 72h/73h).
 */
#ifndef ISCSIFS_SCSI_SENSE_H
#define ISCSIFS_SCSI_SENSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* SPC-4 table 48. */
enum sense_key {
	SENSE_NO_SENSE = 0x0,
	SENSE_RECOVERED_ERROR = 0x1,
	SENSE_NOT_READY = 0x2,
	SENSE_MEDIUM_ERROR = 0x3,
	SENSE_HARDWARE_ERROR = 0x4,
	SENSE_ILLEGAL_REQUEST = 0x5,
	SENSE_UNIT_ATTENTION = 0x6,
	SENSE_DATA_PROTECT = 0x7,
	SENSE_BLANK_CHECK = 0x8,
	SENSE_COPY_ABORTED = 0xa,
	SENSE_ABORTED_COMMAND = 0xb,
	SENSE_MISCOMPARE = 0xe,
};

/* ASC << 8 | ASCQ: the ones that one of us sends or acts on. SPC-4 annex F. */
enum sense_code {
	SENSE_CODE_NONE = 0x0000,
	SENSE_LUN_BECOMING_READY = 0x0401,
	SENSE_LUN_NOT_READY_INIT_REQUIRED = 0x0402,
	SENSE_LUN_NOT_READY = 0x0400,
	SENSE_OPERATION_IN_PROGRESS = 0x0016,
	SENSE_UNREACHABLE_COPY_TARGET = 0x0804,
	SENSE_WRITE_ERROR = 0x0c00,
	SENSE_UNEXPECTED_UNSOLICITED_DATA = 0x0c0c,
	SENSE_NOT_ENOUGH_UNSOLICITED_DATA = 0x0c0d,
	SENSE_THIRD_PARTY_FAILURE = 0x0d01,
	SENSE_COPY_TARGET_NOT_REACHABLE = 0x0d02,
	SENSE_COPY_TARGET_TYPE = 0x0d03,	/* incorrect copy target device type */
	SENSE_UNRECOVERED_READ_ERROR = 0x1100,
	SENSE_PARAMETER_LIST_LENGTH_ERROR = 0x1a00,
	SENSE_MISCOMPARE_DURING_VERIFY = 0x1d00,
	SENSE_INVALID_OPCODE = 0x2000,
	SENSE_LBA_OUT_OF_RANGE = 0x2100,
	SENSE_INVALID_FIELD_IN_CDB = 0x2400,
	SENSE_LUN_NOT_SUPPORTED = 0x2500,
	SENSE_INVALID_FIELD_IN_PARAMETER_LIST = 0x2600,
	SENSE_INVALID_RELEASE = 0x2604,		/* of a persistent reservation */
	SENSE_TOO_MANY_CSCD = 0x2606,
	SENSE_UNSUPPORTED_CSCD_TYPE = 0x2607,
	SENSE_TOO_MANY_SEGMENTS = 0x2608,
	SENSE_UNSUPPORTED_SEGMENT_TYPE = 0x2609,
	SENSE_INEXACT_SEGMENT = 0x260a,
	SENSE_INLINE_DATA_TOO_LONG = 0x260b,
	SENSE_WRITE_PROTECTED = 0x2700,
	SENSE_SPACE_ALLOCATION_FAILED = 0x2707,
	SENSE_BECAME_READY = 0x2800,		/* and the medium may be another one */
	SENSE_POWER_ON = 0x2900,		/* 29/00..29/03: caches may be gone */
	SENSE_DEVICE_RESET = 0x2903,		/* logical unit or target reset */
	SENSE_NEXUS_LOSS = 0x2907,
	SENSE_MODE_PARAMETERS_CHANGED = 0x2a01,
	SENSE_RESERVATIONS_PREEMPTED = 0x2a03,
	SENSE_RESERVATIONS_RELEASED = 0x2a04,
	SENSE_REGISTRATIONS_PREEMPTED = 0x2a05,
	SENSE_CAPACITY_CHANGED = 0x2a09,
	SENSE_COMMANDS_CLEARED = 0x2f00,
	SENSE_SAVING_NOT_SUPPORTED = 0x3900,
	SENSE_INQUIRY_DATA_CHANGED = 0x3f03,
	SENSE_REPORTED_LUNS_CHANGED = 0x3f0e,
	SENSE_INTERNAL_TARGET_FAILURE = 0x4400,
	SENSE_DATA_PHASE_CRC_ERROR = 0x4705,
	SENSE_DATA_PHASE_ERROR = 0x4b00,
	SENSE_NO_REGISTRATION_RESOURCES = 0x5504,
};

struct sense {
	uint8_t key;		/* enum sense_key */
	uint16_t code;		/* ASC << 8 | ASCQ */
	bool deferred;		/* 71h/73h: about an earlier command, this one did not run */
	bool has_info;
	uint64_t info;		/* INFORMATION: an LBA, or the offset of a miscompare */
	bool has_command_info;
	uint64_t command_info;	/* COMMAND-SPECIFIC INFORMATION: a copy's segment number */
	uint8_t sks[3];		/* SENSE KEY SPECIFIC; SKSV is bit 7 of sks[0] */
};

enum { SENSE_FIXED_BYTES = 18, SENSE_DESCRIPTOR_MAX = 40 };

/*
 * Decode @len bytes of sense data (without the two length bytes that iSCSI puts before it).
 * Returns false, and *out all zero but for HARDWARE ERROR 44/00, when they are no sense data.
 */
bool sense_decode(const uint8_t *data, size_t len, struct sense *out);

/* Encode, fixed (18 bytes) or descriptor format. Returns the bytes written to @data. */
size_t sense_encode(const struct sense *s, bool descriptor, uint8_t data[SENSE_DESCRIPTOR_MAX]);

/* "UNIT ATTENTION 29/00 power on, reset, or bus device reset occurred" and the like. */
const char *sense_print(const struct sense *s, char *buf, size_t len);

#endif
