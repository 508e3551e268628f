/* SPDX-License-Identifier: BSD-2-Clause */
/* What a unit says of itself, and the limits that it promises there and keeps elsewhere. */
#ifndef ISCSIFS_TARGET_SCSI_INQUIRY_H
#define ISCSIFS_TARGET_SCSI_INQUIRY_H

#include <stdbool.h>
#include <stdint.h>

struct lun;
struct scsi_cmd;

enum {
	SCSI_CAW_MAX_BLOCKS = 32,		/* of one COMPARE AND WRITE */
	SCSI_UNMAP_DESCRIPTORS = 256,		/* of one UNMAP */
	SCSI_WRITE_SAME_MAX_BYTES = 1 << 28,	/* of one WRITE SAME */
};

void scsi_inquiry(struct scsi_cmd *c);

/* Is this one of the designators of @l itself that VPD page 83h has? */
bool scsi_is_designated(const struct lun *l, uint8_t code_set, uint8_t kind, const uint8_t *id,
			uint32_t len);

/* MODE SENSE(6) and (10). */
void scsi_mode_sense(struct scsi_cmd *c);
/* MODE SELECT(6) and (10). */
void scsi_mode_select(struct scsi_cmd *c);
void scsi_mode_select_finish(struct scsi_cmd *c);

#endif
