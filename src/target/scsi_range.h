/* SPDX-License-Identifier: BSD-2-Clause */
/* The blocks that a CDB names. SBC-3 section 5, by CDB length. */
#ifndef ISCSIFS_TARGET_SCSI_RANGE_H
#define ISCSIFS_TARGET_SCSI_RANGE_H

#include <stdbool.h>
#include <stdint.h>

struct scsi_cmd;

/* LBA and number of blocks of a READ- or WRITE-shaped CDB of 6, 10, 12 or 16 bytes. */
void scsi_range_of(const uint8_t *cdb, uint64_t *lba, uint64_t *blocks);

/* Sets c->off and c->blocks. Returns false, the command failed, when it is not on the unit. */
bool scsi_range_ok(struct scsi_cmd *c, uint64_t lba, uint64_t blocks);

void scsi_get_lba_status(struct scsi_cmd *c);

#endif
