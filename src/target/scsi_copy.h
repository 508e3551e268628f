/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EXTENDED COPY(LID1) and RECEIVE COPY RESULTS: blocks are copied between units of one target, and
 * no byte of them goes over the wire. Source: SPC-4 6.4, 6.20 to 6.24, 7.8.17.
 */
#ifndef ISCSIFS_TARGET_SCSI_COPY_H
#define ISCSIFS_TARGET_SCSI_COPY_H

#include <stdint.h>

struct scsi_cmd;

/* The command ends, whatever became of it: of scsi_end(). */
void scsi_copy_end(struct scsi_cmd *c);

/* VPD page 8Fh, third-party copy, from its byte 4 on. Returns its bytes. */
uint32_t scsi_copy_page(struct scsi_cmd *c, uint8_t *d);

#endif
