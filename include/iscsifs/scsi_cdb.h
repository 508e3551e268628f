/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SCSI commands as bytes: operation codes, status codes, LUN addresses, and CDBs built.
 * Sources: SAM-5 (status, LUN addressing), SPC-4, SBC-3/SBC-4.
 */
#ifndef ISCSIFS_SCSI_CDB_H
#define ISCSIFS_SCSI_CDB_H

#include <stdbool.h>
#include <stdint.h>

enum { CDB_MAX = 16 };		/* the longest CDB we send or take */

enum scsi_opcode {
	SCSI_TEST_UNIT_READY = 0x00,
	SCSI_REQUEST_SENSE = 0x03,
	SCSI_READ_6 = 0x08,
	SCSI_WRITE_6 = 0x0a,
	SCSI_INQUIRY = 0x12,
	SCSI_MODE_SELECT_6 = 0x15,
	SCSI_RESERVE_6 = 0x16,
	SCSI_RELEASE_6 = 0x17,
	SCSI_MODE_SENSE_6 = 0x1a,
	SCSI_START_STOP_UNIT = 0x1b,
	SCSI_PREVENT_ALLOW = 0x1e,
	SCSI_READ_CAPACITY_10 = 0x25,
	SCSI_READ_10 = 0x28,
	SCSI_WRITE_10 = 0x2a,
	SCSI_WRITE_VERIFY_10 = 0x2e,
	SCSI_VERIFY_10 = 0x2f,
	SCSI_PREFETCH_10 = 0x34,
	SCSI_SYNCHRONIZE_CACHE_10 = 0x35,
	SCSI_WRITE_SAME_10 = 0x41,
	SCSI_UNMAP = 0x42,
	SCSI_MODE_SELECT_10 = 0x55,
	SCSI_MODE_SENSE_10 = 0x5a,
	SCSI_PERSISTENT_RESERVE_IN = 0x5e,
	SCSI_PERSISTENT_RESERVE_OUT = 0x5f,
	SCSI_EXTENDED_COPY = 0x83,
	SCSI_RECEIVE_COPY_RESULTS = 0x84,
	SCSI_READ_16 = 0x88,
	SCSI_COMPARE_AND_WRITE = 0x89,
	SCSI_WRITE_16 = 0x8a,
	SCSI_ORWRITE_16 = 0x8b,
	SCSI_WRITE_VERIFY_16 = 0x8e,
	SCSI_VERIFY_16 = 0x8f,
	SCSI_PREFETCH_16 = 0x90,
	SCSI_SYNCHRONIZE_CACHE_16 = 0x91,
	SCSI_WRITE_SAME_16 = 0x93,
	SCSI_SERVICE_ACTION_IN_16 = 0x9e,
	SCSI_REPORT_LUNS = 0xa0,
	SCSI_MAINTENANCE_IN = 0xa3,
	SCSI_READ_12 = 0xa8,
	SCSI_WRITE_12 = 0xaa,
	SCSI_WRITE_VERIFY_12 = 0xae,
	SCSI_VERIFY_12 = 0xaf,
};

enum scsi_service_action {
	SCSI_SA_READ_CAPACITY_16 = 0x10,	/* of SERVICE ACTION IN(16) */
	SCSI_SA_GET_LBA_STATUS = 0x12,		/* of SERVICE ACTION IN(16) */
	SCSI_SA_REPORT_OPCODES = 0x0c,		/* of MAINTENANCE IN */
	SCSI_SA_EXTENDED_COPY_LID1 = 0x00,	/* of EXTENDED COPY */
	SCSI_SA_COPY_STATUS_LID1 = 0x00,	/* of RECEIVE COPY RESULTS */
	SCSI_SA_COPY_OPERATING_PARAMETERS = 0x03,	/* likewise */
	SCSI_SA_COPY_FAILURE_DETAILS_LID1 = 0x04,	/* likewise */
};

/* SAM-5 5.3.1, table 31. */
enum scsi_status {
	SCSI_GOOD = 0x00,
	SCSI_CHECK_CONDITION = 0x02,
	SCSI_CONDITION_MET = 0x04,
	SCSI_BUSY = 0x08,
	SCSI_RESERVATION_CONFLICT = 0x18,
	SCSI_TASK_SET_FULL = 0x28,
	SCSI_ACA_ACTIVE = 0x30,
	SCSI_TASK_ABORTED = 0x40,
};

/*
 * A LUN as REPORT LUNS gives it: the first two bytes of its eight, big-endian. Peripheral device
 * addressing (00b) below 256, flat space (01b) up to 16383; others are refused (SAM-5 4.6).
 */
struct lun_addr {
	uint16_t raw;
};

/* @number in 0..16383. */
static inline struct lun_addr lun_addr_of(unsigned number)
{
	return (struct lun_addr){ (uint16_t)(number < 256 ? number : 0x4000u | number) };
}

static inline unsigned lun_addr_number(struct lun_addr a)
{
	return a.raw & 0x3fffu;
}

/*
 * The address in the eight bytes at @entry. Returns false when it is of a kind that we do not
 * speak: another method than 00b (bus 0) or 01b, or a second level that is not zero.
 */
bool lun_addr_parse(const uint8_t entry[8], struct lun_addr *out);

/* Builders: @cdb gets 16 bytes, unused ones zero; the CDB's length is returned. */
unsigned cdb_test_unit_ready(uint8_t cdb[CDB_MAX]);
unsigned cdb_inquiry(uint8_t cdb[CDB_MAX], int vpd_page, uint16_t alloc_bytes); /* <0: standard */
unsigned cdb_report_luns(uint8_t cdb[CDB_MAX], uint32_t alloc_bytes);
unsigned cdb_read_capacity_10(uint8_t cdb[CDB_MAX]);
unsigned cdb_read_capacity_16(uint8_t cdb[CDB_MAX], uint32_t alloc_bytes);
unsigned cdb_mode_sense_6(uint8_t cdb[CDB_MAX], uint8_t page, uint8_t alloc_bytes);
/* @lba, @blocks in blocks; @fua asks for data on the medium before GOOD. */
unsigned cdb_read_16(uint8_t cdb[CDB_MAX], uint64_t lba, uint32_t blocks);
unsigned cdb_write_16(uint8_t cdb[CDB_MAX], uint64_t lba, uint32_t blocks, bool fua);
/* The whole medium, IMMED=0. */
unsigned cdb_synchronize_cache_16(uint8_t cdb[CDB_MAX]);
unsigned cdb_synchronize_cache_10(uint8_t cdb[CDB_MAX]);
unsigned cdb_unmap(uint8_t cdb[CDB_MAX], uint16_t param_bytes);
unsigned cdb_get_lba_status(uint8_t cdb[CDB_MAX], uint64_t lba, uint32_t alloc_bytes);

/* "READ(16)", "WRITE(10)", …; "opcode 0x%02x" is the caller's job when this gives NULL. */
const char *scsi_opcode_name(uint8_t opcode);
const char *scsi_status_name(uint8_t status);

#endif
