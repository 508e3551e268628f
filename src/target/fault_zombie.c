/* SPDX-License-Identifier: BSD-2-Clause */
/* Zombie writes: each owns a copy of its data and outlives task, session and connection. */
#include "target/fault_zombie.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/log.h"
#include "target/server.h"
#include "target/task.h"

enum { ZOMBIE_MAX = 16 << 20 };	/* bytes of one */

struct fault_zombie {
	struct faults *faults;
	struct lun *lun;
	uint64_t off;
	uint32_t len;
	uint8_t *data;
	char rule[SCRIPT_NAME_MAX + 1];
	struct loop_timer timer;
	struct list link;
};

static void zombie_begin(struct scsi_cmd *c)
{
	(void)c;
}

static const struct scsi_op zombie_op = {
	.name = "WRITE, late",
	.service_action = -1,
	.begin = zombie_begin,
	.data = scsi_collect_data,
	.finish = scsi_good,
};

static bool zombie_is_write(uint8_t op)
{
	return op == SCSI_WRITE_6 || op == SCSI_WRITE_10 || op == SCSI_WRITE_12 ||
	       op == SCSI_WRITE_16;
}

void fault_zombie_divert(struct task *t)
{
	struct scsi_cmd *c = &t->cmd;

	if (!zombie_is_write(c->cdb[0]) || c->want > ZOMBIE_MAX)
		return;
	c->param = malloc(c->want);
	if (!c->param)
		return;
	c->param_cap = (uint32_t)c->want;
	c->op = &zombie_op;
}

static void zombie_free(struct fault_zombie *z)
{
	loop_timer_stop(&z->timer);
	list_del(&z->link);
	free(z->data);
	free(z);
}

static void zombie_fire(struct loop_timer *t)
{
	struct fault_zombie *z = container_of(t, struct fault_zombie, timer);
	struct lun *l = z->lun;
	struct journal_record *j = journal_add(&z->faults->journal);
	bool fits = z->off + z->len <= l->blocks * l->block_bytes;
	int rc = fits ? disk_write(l->disk, z->off, z->data, z->len) : -ENXIO;

	j->at = loop_now(z->faults->server->loop);
	j->kind = JOURNAL_LATE_WRITE;
	j->has_op = j->has_lba = true;
	j->op = SCSI_WRITE_16;
	j->lun = l->number;
	j->lba = z->off / l->block_bytes;
	j->blocks = z->len / l->block_bytes;
	memcpy(j->rule, z->rule, sizeof(j->rule));
	log_info("late write | lun=%u lba=%llu blocks=%u rc=%d", l->number,
		 (unsigned long long)j->lba, j->blocks, rc);
	zombie_free(z);
}

void fault_zombie_add(struct faults *f, struct task *t, const char *rule, span_ms span)
{
	struct fault_zombie *z;

	if (t->cmd.op != &zombie_op || !t->cmd.param || t->cmd.status != SCSI_GOOD)
		return;
	z = calloc(1, sizeof(*z));
	if (!z)
		return;
	z->faults = f;
	z->lun = t->cmd.lun;
	z->off = t->cmd.off;
	z->len = (uint32_t)t->moved;
	z->data = t->cmd.param;
	memcpy(z->rule, rule, strlen(rule) + 1);
	t->cmd.param = NULL;
	t->cmd.param_cap = 0;
	list_init(&z->link);
	list_append(&f->zombies, &z->link);
	loop_timer_init(f->server->loop, &z->timer, zombie_fire);
	loop_timer_set(&z->timer, loop_now(f->server->loop) + span);
}

void fault_zombies_forget(struct faults *f, const struct lun *l)
{
	struct fault_zombie *z, *tmp;

	list_each_safe(z, tmp, &f->zombies, link) {
		if (z->lun == l)
			zombie_free(z);
	}
}

void fault_zombies_end(struct faults *f)
{
	struct fault_zombie *z, *tmp;

	list_each_safe(z, tmp, &f->zombies, link)
		zombie_free(z);
}
