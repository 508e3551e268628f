/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a disk says of itself, decoded: INQUIRY and its vital product data, READ CAPACITY, MODE
 * SENSE, REPORT LUNS. Every decoder takes the bytes that arrived, however few, and says false when
 * they are too few or nonsense. Sources: SPC-4 6.4, 6.33, 7.5, 7.8; SBC-3 5.15, 5.16, 6.5.
 */
#ifndef ISCSIFS_SCSI_VPD_H
#define ISCSIFS_SCSI_VPD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iscsifs/scsi_cdb.h"

enum {
	VPD_SUPPORTED_PAGES = 0x00,
	VPD_UNIT_SERIAL = 0x80,
	VPD_DEVICE_ID = 0x83,
	VPD_BLOCK_LIMITS = 0xb0,
	VPD_BLOCK_CHARACTERISTICS = 0xb1,
	VPD_PROVISIONING = 0xb2,
};

enum { SCSI_TYPE_DISK = 0x00, SCSI_TYPE_WORM = 0x04, SCSI_TYPE_OPTICAL = 0x07, SCSI_TYPE_RBC = 0x0e };

/* Text fields are printable ASCII with blanks trimmed; other bytes become '?'. */
struct scsi_inquiry {
	uint8_t qualifier;	/* 0: a LUN is here; 1, 3: none */
	uint8_t type;		/* peripheral device type */
	char vendor[9];
	char product[17];
	char revision[5];
};

struct scsi_capacity {
	uint64_t blocks;
	uint32_t block_bytes;
	uint32_t physical_block_bytes;
	bool thin;		/* LBPME */
	bool zeroes_unmapped;	/* LBPRZ */
};

struct scsi_limits {		/* zeros: not told */
	uint32_t max_transfer_blocks;
	uint32_t optimal_transfer_blocks;
	uint32_t max_unmap_blocks;
	uint32_t max_unmap_descriptors;
	uint32_t unmap_granularity_blocks;
	uint64_t max_write_same_blocks;
};

struct scsi_mode {
	bool write_protected;
	bool fua;		/* DPOFUA */
	bool write_cache;	/* caching page, WCE */
};

bool scsi_inquiry_decode(const uint8_t *data, size_t len, struct scsi_inquiry *out);
/* Is @page in the list of supported pages? */
bool vpd_has_page(const uint8_t *data, size_t len, uint8_t page);
bool vpd_serial_decode(const uint8_t *data, size_t len, char *out, size_t size);
/*
 * The best designator of the logical unit, as text that stays the same: NAA before EUI-64 before
 * T10 vendor ID: "naa.600…", "eui.…", "t10.…". "" and false when there is none.
 */
bool vpd_device_id_decode(const uint8_t *data, size_t len, char *out, size_t size);
bool vpd_limits_decode(const uint8_t *data, size_t len, struct scsi_limits *out);
bool vpd_is_rotational(const uint8_t *data, size_t len);
bool scsi_capacity_10_decode(const uint8_t *data, size_t len, struct scsi_capacity *out);
bool scsi_capacity_16_decode(const uint8_t *data, size_t len, struct scsi_capacity *out);
bool scsi_mode_6_decode(const uint8_t *data, size_t len, struct scsi_mode *out);

/*
 * LUNs of a REPORT LUNS answer, at most @max; those of a kind that we do not speak are left out and
 * counted in *skipped. Returns how many, or -1 when the data are nonsense.
 */
int scsi_luns_decode(const uint8_t *data, size_t len, struct lun_addr *out, int max, int *skipped);

#endif
