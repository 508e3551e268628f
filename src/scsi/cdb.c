/* SPDX-License-Identifier: BSD-2-Clause */
/* CDBs built. The hard thing is only to look each layout up: SPC-4 6, SBC-3 5. */
#include "iscsifs/scsi_cdb.h"

#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/cursor.h"

bool lun_addr_parse(const uint8_t entry[8], struct lun_addr *out)
{
	static const uint8_t zero[6];
	unsigned method = entry[0] >> 6;

	if (memcmp(entry + 2, zero, sizeof(zero)) || method > 1 || (method == 0 && entry[0]))
		return false;
	/* One LUN, one address: a flat address below 256 is kept as the target wrote it. */
	out->raw = be16_load(entry);
	return true;
}

static uint8_t *cdb_start(uint8_t cdb[CDB_MAX], enum scsi_opcode op)
{
	memset(cdb, 0, CDB_MAX);
	cdb[0] = (uint8_t)op;
	return cdb;
}

unsigned cdb_test_unit_ready(uint8_t cdb[CDB_MAX])
{
	cdb_start(cdb, SCSI_TEST_UNIT_READY);
	return 6;
}

unsigned cdb_inquiry(uint8_t cdb[CDB_MAX], int vpd_page, uint16_t alloc_bytes)
{
	cdb_start(cdb, SCSI_INQUIRY);
	if (vpd_page >= 0) {
		cdb[1] = 1;	/* EVPD */
		cdb[2] = (uint8_t)vpd_page;
	}
	be16_store(cdb + 3, alloc_bytes);
	return 6;
}

unsigned cdb_report_luns(uint8_t cdb[CDB_MAX], uint32_t alloc_bytes)
{
	cdb_start(cdb, SCSI_REPORT_LUNS);
	be32_store(cdb + 6, alloc_bytes);
	return 12;
}

unsigned cdb_read_capacity_10(uint8_t cdb[CDB_MAX])
{
	cdb_start(cdb, SCSI_READ_CAPACITY_10);
	return 10;
}

unsigned cdb_read_capacity_16(uint8_t cdb[CDB_MAX], uint32_t alloc_bytes)
{
	cdb_start(cdb, SCSI_SERVICE_ACTION_IN_16);
	cdb[1] = SCSI_SA_READ_CAPACITY_16;
	be32_store(cdb + 10, alloc_bytes);
	return 16;
}

unsigned cdb_mode_sense_6(uint8_t cdb[CDB_MAX], uint8_t page, uint8_t alloc_bytes)
{
	cdb_start(cdb, SCSI_MODE_SENSE_6);
	cdb[2] = page;
	cdb[4] = alloc_bytes;
	return 6;
}

static unsigned cdb_rw_16(uint8_t cdb[CDB_MAX], enum scsi_opcode op, uint64_t lba, uint32_t blocks)
{
	cdb_start(cdb, op);
	be64_store(cdb + 2, lba);
	be32_store(cdb + 10, blocks);
	return 16;
}

unsigned cdb_read_16(uint8_t cdb[CDB_MAX], uint64_t lba, uint32_t blocks)
{
	return cdb_rw_16(cdb, SCSI_READ_16, lba, blocks);
}

unsigned cdb_write_16(uint8_t cdb[CDB_MAX], uint64_t lba, uint32_t blocks, bool fua)
{
	unsigned len = cdb_rw_16(cdb, SCSI_WRITE_16, lba, blocks);

	if (fua)
		cdb[1] |= 0x08;
	return len;
}

unsigned cdb_synchronize_cache_16(uint8_t cdb[CDB_MAX])
{
	cdb_start(cdb, SCSI_SYNCHRONIZE_CACHE_16);
	return 16;
}

unsigned cdb_synchronize_cache_10(uint8_t cdb[CDB_MAX])
{
	cdb_start(cdb, SCSI_SYNCHRONIZE_CACHE_10);
	return 10;
}

unsigned cdb_unmap(uint8_t cdb[CDB_MAX], uint16_t param_bytes)
{
	cdb_start(cdb, SCSI_UNMAP);
	be16_store(cdb + 7, param_bytes);
	return 10;
}

unsigned cdb_get_lba_status(uint8_t cdb[CDB_MAX], uint64_t lba, uint32_t alloc_bytes)
{
	cdb_start(cdb, SCSI_SERVICE_ACTION_IN_16);
	cdb[1] = SCSI_SA_GET_LBA_STATUS;
	be64_store(cdb + 2, lba);
	be32_store(cdb + 10, alloc_bytes);
	return 16;
}

const char *scsi_opcode_name(uint8_t opcode)
{
	static const char *const names[256] = {
		[SCSI_TEST_UNIT_READY] = "TEST UNIT READY",
		[SCSI_REQUEST_SENSE] = "REQUEST SENSE",
		[SCSI_READ_6] = "READ(6)",
		[SCSI_WRITE_6] = "WRITE(6)",
		[SCSI_INQUIRY] = "INQUIRY",
		[SCSI_MODE_SELECT_6] = "MODE SELECT(6)",
		[SCSI_RESERVE_6] = "RESERVE(6)",
		[SCSI_RELEASE_6] = "RELEASE(6)",
		[SCSI_MODE_SENSE_6] = "MODE SENSE(6)",
		[SCSI_START_STOP_UNIT] = "START STOP UNIT",
		[SCSI_PREVENT_ALLOW] = "PREVENT ALLOW MEDIUM REMOVAL",
		[SCSI_READ_CAPACITY_10] = "READ CAPACITY(10)",
		[SCSI_READ_10] = "READ(10)",
		[SCSI_WRITE_10] = "WRITE(10)",
		[SCSI_WRITE_VERIFY_10] = "WRITE AND VERIFY(10)",
		[SCSI_VERIFY_10] = "VERIFY(10)",
		[SCSI_PREFETCH_10] = "PRE-FETCH(10)",
		[SCSI_SYNCHRONIZE_CACHE_10] = "SYNCHRONIZE CACHE(10)",
		[SCSI_WRITE_SAME_10] = "WRITE SAME(10)",
		[SCSI_UNMAP] = "UNMAP",
		[SCSI_MODE_SELECT_10] = "MODE SELECT(10)",
		[SCSI_MODE_SENSE_10] = "MODE SENSE(10)",
		[SCSI_PERSISTENT_RESERVE_IN] = "PERSISTENT RESERVE IN",
		[SCSI_PERSISTENT_RESERVE_OUT] = "PERSISTENT RESERVE OUT",
		[SCSI_EXTENDED_COPY] = "EXTENDED COPY",
		[SCSI_RECEIVE_COPY_RESULTS] = "RECEIVE COPY RESULTS",
		[SCSI_READ_16] = "READ(16)",
		[SCSI_COMPARE_AND_WRITE] = "COMPARE AND WRITE",
		[SCSI_WRITE_16] = "WRITE(16)",
		[SCSI_ORWRITE_16] = "ORWRITE(16)",
		[SCSI_WRITE_VERIFY_16] = "WRITE AND VERIFY(16)",
		[SCSI_VERIFY_16] = "VERIFY(16)",
		[SCSI_PREFETCH_16] = "PRE-FETCH(16)",
		[SCSI_SYNCHRONIZE_CACHE_16] = "SYNCHRONIZE CACHE(16)",
		[SCSI_WRITE_SAME_16] = "WRITE SAME(16)",
		[SCSI_SERVICE_ACTION_IN_16] = "SERVICE ACTION IN(16)",
		[SCSI_REPORT_LUNS] = "REPORT LUNS",
		[SCSI_MAINTENANCE_IN] = "MAINTENANCE IN",
		[SCSI_READ_12] = "READ(12)",
		[SCSI_WRITE_12] = "WRITE(12)",
		[SCSI_WRITE_VERIFY_12] = "WRITE AND VERIFY(12)",
		[SCSI_VERIFY_12] = "VERIFY(12)",
	};

	return names[opcode];
}

const char *scsi_status_name(uint8_t status)
{
	switch (status) {
	case SCSI_GOOD:
		return "GOOD";
	case SCSI_CHECK_CONDITION:
		return "CHECK CONDITION";
	case SCSI_CONDITION_MET:
		return "CONDITION MET";
	case SCSI_BUSY:
		return "BUSY";
	case SCSI_RESERVATION_CONFLICT:
		return "RESERVATION CONFLICT";
	case SCSI_TASK_SET_FULL:
		return "TASK SET FULL";
	case SCSI_ACA_ACTIVE:
		return "ACA ACTIVE";
	case SCSI_TASK_ABORTED:
		return "TASK ABORTED";
	default:
		return "unknown status";
	}
}
