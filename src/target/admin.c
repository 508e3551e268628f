/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changes to a target that is in use. The one hard thing: whoever is logged in goes on. Tasks that
 * lose their unit are answered, and a unit that was removed lives until no thread flushes it and no
 * connection sends from its memory.
 */
#include "target/admin.h"

#include "iscsifs/check.h"
#include "iscsifs/log.h"
#include "target/connection.h"
#include "target/fault_hooks.h"
#include "target/session.h"
#include "target/task.h"

/* Does a thread flush it, or a connection send from its memory? */
static bool admin_uses_lun(const struct server *s, const struct lun *l)
{
	const uint8_t *mem = l->disk->mapped ? disk_map(l->disk, 0, 1, false) : NULL;
	struct connection *c;

	if (l->flusher.running)
		return true;
	if (!mem)
		return false;
	list_each(c, &s->connections, link) {
		if (outq_lends(&c->out, mem, l->disk->mapped))
			return true;
	}
	return false;
}

void admin_free_retired(struct server *s)
{
	struct lun *l, *tmp;

	list_each_safe(l, tmp, &s->retired, link) {
		if (admin_uses_lun(s, l))
			continue;
		list_del(&l->link);
		lun_free(l);
	}
}

static bool admin_task_is_stuck(const struct task *t, const struct lun *l)
{
	uint64_t end = l->blocks * l->block_bytes;

	if (t->cmd.lun != l)
		return false;
	return l->absent || t->cmd.off + t->cmd.blocks * l->block_bytes > end;
}

static void admin_settle_session(struct session *se, const struct lun *l)
{
	struct task *t, *tmp;

	list_each_safe(t, tmp, &se->active, link) {
		if (!admin_task_is_stuck(t, l))
			continue;
		if (l->absent)
			t->cmd.lun = NULL;
		task_fail(t, SENSE_ILLEGAL_REQUEST,
			  l->absent ? SENSE_LUN_NOT_SUPPORTED : SENSE_LBA_OUT_OF_RANGE);
		if (se->c->dead)	/* there was no room for the answer */
			return;
	}
}

void admin_settle_lun(struct server *s, struct lun *l)
{
	struct session *se, *tmp;

	list_each_safe(se, tmp, &s->sessions, link)
		admin_settle_session(se, l);
}

void admin_remove_lun(struct server *s, struct lun *l)
{
	log_info("LUN removed | target=%s lun=%u backing=%s", l->target->name, l->number, l->backing);
	target_remove_lun(l);
	admin_settle_lun(s, l);
	if (s->faults)
		fault_lun_gone(s->faults, l);
	list_append(&s->retired, &l->link);
}

int admin_resize_lun(struct server *s, struct lun *l, uint64_t bytes, bool cut, struct err *e)
{
	const uint8_t *before = l->disk->mapped ? disk_map(l->disk, 0, 1, false) : NULL, *after;
	uint64_t mapped = l->disk->mapped;
	struct connection *c;
	int rc = lun_resize(l, bytes, cut, e);

	if (rc)
		return rc;
	after = before ? disk_map(l->disk, 0, 1, false) : NULL;
	list_each(c, &s->connections, link) {
		if (after != before)
			outq_move_lent(&c->out, before, mapped, after);
	}
	log_info("LUN resized | target=%s lun=%u size_bytes=%llu", l->target->name, l->number,
		 (unsigned long long)(l->blocks * l->block_bytes));
	return 0;
}
