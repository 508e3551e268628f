/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a command's work on its disk is done: here, on the loop, or away, by threads. What is sure
 * not to wait stays; everything else leaves.
 */
#ifndef ISCSIFS_TARGET_SCSI_WORK_H
#define ISCSIFS_TARGET_SCSI_WORK_H

#include <stdbool.h>
#include <stdint.h>

struct scsi_cmd;

enum { SCSI_WORK_HERE = 1 << 20 };	/* bytes that one command may work on without a pause */

/* Must work on these bytes of its unit (@off in bytes) leave, because the disk sleeps or is busy? */
bool scsi_leaves(const struct scsi_cmd *c, uint64_t off, uint64_t len);

/*
 * c->chore is the next piece. With c->away it is left to whoever runs chores (`next` is CHORE);
 * else it is carried out now, and so is every piece that its end asks for.
 */
void scsi_work(struct scsi_cmd *c);

/* A chore for @c with a buffer of @bytes. Returns false: the command ends with TASK SET FULL. */
bool scsi_new_chore(struct scsi_cmd *c, uint32_t bytes);

#endif
