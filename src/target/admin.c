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
#include "target/login.h"
#include "target/session.h"
#include "target/task.h"

enum { ADMIN_LOGOUT_MS = 5000 };

/* Does a thread work on it, or a connection send from its memory? */
static bool admin_uses_lun(const struct server *s, const struct lun *l)
{
	const uint8_t *mem = l->disk->mapped ? disk_map(l->disk, 0, 1, false) : NULL;
	struct connection *c;

	if (l->flusher.running || l->busy)
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

/* Is it being copied from or to, by a command that may be another unit's? */
static bool admin_task_copies(const struct task *t, const struct lun *l)
{
	return t->state == TASK_WORKING &&
	       (t->cmd.chore->to.lun == l || t->cmd.chore->from.lun == l);
}

static bool admin_task_is_stuck(const struct task *t, const struct lun *l)
{
	uint64_t end = l->blocks * l->block_bytes;

	if (t->cmd.lun != l)
		return false;
	return l->absent || t->cmd.off + t->cmd.blocks * l->block_bytes > end;
}

static void admin_end_task(struct task *t, const struct lun *l)
{
	if (l->absent)
		t->cmd.lun = NULL;
	task_fail(t, SENSE_ILLEGAL_REQUEST,
		  l->absent ? SENSE_LUN_NOT_SUPPORTED : SENSE_LBA_OUT_OF_RANGE);
}

static void admin_settle_session(struct session *se, const struct lun *l)
{
	struct task *t, *tmp;

	list_each_safe(t, tmp, &se->active, link) {
		if (admin_task_is_stuck(t, l))
			admin_end_task(t, l);
		else if (l->absent && admin_task_copies(t, l))
			task_fail(t, SENSE_COPY_ABORTED, SENSE_COPY_TARGET_NOT_REACHABLE);
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

/* May it get @bytes while threads are at it? Memory would move, and who writes would undo a cut. */
static bool admin_must_rest(const struct lun *l, uint64_t bytes)
{
	return l->disk->mapped || (bytes && bytes < l->blocks * l->block_bytes);
}

int admin_resize_lun(struct server *s, struct lun *l, uint64_t bytes, bool cut, struct err *e)
{
	const uint8_t *before = l->disk->mapped ? disk_map(l->disk, 0, 1, false) : NULL, *after;
	uint64_t mapped = l->disk->mapped;
	struct connection *c;
	int rc;

	if (l->busy && admin_must_rest(l, bytes))
		return err_set(e, ERR_AGAIN, "LUN %u of %s has commands at work; try again when they "
			       "are done", l->number, l->target->name);
	rc = lun_resize(l, bytes, cut, e);
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

void admin_set_target_offline(struct server *s, struct target *t, bool offline)
{
	struct session *se, *tmp;

	if (t->offline == offline)
		return;
	log_info("target is %s | target=%s", offline ? "offline" : "ready", t->name);
	t->offline = offline;
	list_each_safe(se, tmp, &s->sessions, link) {
		if (offline && se->start.target == t)
			session_ask_logout(se, ADMIN_LOGOUT_MS);
	}
}

static bool admin_uses_target(const struct connection *c, const struct target *t)
{
	return c->session ? c->session->start.target == t : c->login && login_target(c->login) == t;
}

void admin_remove_target(struct server *s, struct target *t)
{
	struct connection *c, *tmp;

	log_info("target removed | target=%s", t->name);
	list_each_safe(c, tmp, &s->connections, link) {
		if (admin_uses_target(c, t))
			conn_close(c, "its target was removed");
	}
	while (t->luns)
		admin_remove_lun(s, t->lun[t->luns - 1]);
	target_free(t);
}
