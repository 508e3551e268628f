/* SPDX-License-Identifier: BSD-2-Clause */
/* Reservations of both kinds, as commands meet them. */
#ifndef ISCSIFS_TARGET_SCSI_RESERVE_H
#define ISCSIFS_TARGET_SCSI_RESERVE_H

#include <stdbool.h>

#include "target/pr.h"
#include "target/target.h"

struct scsi_cmd;

/*
 * What the command at @cdb needs where a persistent reservation is.
 * Sources: SPC-4 (spc4r17) table 45, SBC-3 and SPC-2 tables of the same name.
 */
enum pr_need scsi_reserve_need(const uint8_t *cdb);

/* Does a reservation on @c->lun keep @c->nexus from this command? */
bool scsi_reserve_conflicts(const struct scsi_cmd *c);

/* The same for a command that has @need of another unit of the same target. */
bool scsi_reserve_keeps_out(const struct lun *l, const struct nexus *n, enum pr_need need);

void scsi_reserve(struct scsi_cmd *c);
void scsi_release(struct scsi_cmd *c);

static inline struct pr_port nexus_port(const struct nexus *n)
{
	return (struct pr_port){ n->initiator, n->isid };
}

#endif
