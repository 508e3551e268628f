/* SPDX-License-Identifier: BSD-2-Clause */
/* Here or away. The one hard thing is that a piece that ends may be the cause of the next one. */
#include "target/scsi_work.h"

#include "target/chore.h"
#include "target/scsi_cmd.h"

bool scsi_leaves(const struct scsi_cmd *c, uint64_t off, uint64_t len)
{
	if (!c->chores)
		return false;
	return c->lun->disk->sleeps || len > SCSI_WORK_HERE ||
	       chores_meet(c->chores, c->lun, off, len, true);
}

void scsi_work(struct scsi_cmd *c)
{
	c->next = SCSI_NEXT_CHORE;
	if (c->away || c->at_work)
		return;
	c->at_work = true;
	while (c->next == SCSI_NEXT_CHORE) {
		c->chore->moved = 0;
		c->chore->failed_reading = false;
		scsi_chore_done(c, c->chore->run(c->chore));
	}
	c->at_work = false;
}

bool scsi_new_chore(struct scsi_cmd *c, uint32_t bytes)
{
	c->chore = chore_new(bytes);
	if (c->chore)
		return true;
	c->status = SCSI_TASK_SET_FULL;
	c->next = SCSI_NEXT_DONE;
	return false;
}
