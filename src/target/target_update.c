/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration against what runs. The one hard thing: it is all or nothing, and yet a number must
 * be free before another disk gets it; so everything that may fail is tried before the first
 * change, disks are opened for that and closed again.
 */
#include "target/target_update.h"

#include <string.h>

#include "iscsifs/check.h"
#include "target/admin.h"
#include "target/former.h"
#include "target/session.h"

/* What is to be done, and who hears of it. */
struct update {
	struct server *s;
	struct target_conf *c;		/* as it should be */
	struct target_conf now;		/* as it is */
	bool force;
	target_note_fn *note;
	void *arg;
};

static unsigned update_sessions(const struct update *u, const struct target *t)
{
	const struct session *se;
	unsigned n = 0;

	list_each(se, &u->s->sessions, link)
		n += se->start.target == t;
	return n;
}

/* These change without a new disk. */
static bool update_is_live_key(const struct setting *row)
{
	return !strcmp(row->name, "readonly") || !strcmp(row->name, "online");
}

/* Is @cl another disk than the one that runs under its number? */
static bool update_is_other(const struct target_conf_lun *now, const struct target_conf_lun *cl)
{
	if (strcmp(now->backing, cl->backing))
		return true;
	for (size_t i = 0; i < target_keys_of_lun.count; i++) {
		const struct setting *row = &target_keys_of_lun.rows[i];

		if (row->class != SETTING_IGNORED && !update_is_live_key(row) &&
		    !settings_equal(row, &now->keys, &cl->keys))
			return true;
	}
	return false;
}

/* What @ct says of @l, if that is the disk that it is; NULL: it goes. */
static const struct target_conf_lun *update_same(const struct update *u,
						 const struct target_conf_target *ct,
						 const struct lun *l)
{
	const struct target_conf_target *nt = target_conf_target(&u->now, l->target->name);
	const struct target_conf_lun *now = nt ? target_conf_lun(nt, l->number) : NULL;
	const struct target_conf_lun *cl = ct ? target_conf_lun(ct, l->number) : NULL;

	return now && cl && !update_is_other(now, cl) ? cl : NULL;
}

/* --- may it be done? --- */

static int update_refuse(const struct update *u, const struct target *t, const char *what,
			 struct err *e)
{
	unsigned n = update_sessions(u, t);

	if (!n || u->force)
		return 0;
	return err_set(e, ERR_BUSY, "target %s has %u session%s and %s; force it", t->name, n,
		       n == 1 ? "" : "s", what);
}

static int update_check_target(const struct update *u, const struct target *t, struct err *e)
{
	const struct target_conf_target *ct = target_conf_target(u->c, t->name);
	char what[64];
	int rc = 0;

	if (!ct)
		return update_refuse(u, t, "would go", e);
	for (unsigned i = 0; i < t->luns && !rc; i++) {
		if (update_same(u, ct, t->lun[i]))
			continue;
		snprintf(what, sizeof(what), "its LUN %u would go or be replaced", t->lun[i]->number);
		rc = update_refuse(u, t, what, e);
	}
	return rc;
}

/* Can the disk of @cl, which does not run yet, be opened? */
static int update_try_lun(const struct target_conf_lun *cl, struct err *e)
{
	struct disk *d;
	int rc = disk_open(&d, cl->backing, cl->keys.readonly, e);

	if (rc)
		return cl->where ? err_prefix(e, "%s", cl->where) : rc;
	if (d->size < target_keys_block_bytes(&cl->keys))
		rc = err_set(e, ERR_INVALID, "LUN %s: smaller than one block", cl->backing);
	disk_free(d);
	return rc;
}

static int update_try_target(const struct update *u, const struct target_conf_target *ct,
			     struct err *e)
{
	const struct target *t = server_target(u->s, ct->name);
	const struct target_conf_lun *cl;
	int rc = 0;

	list_each(cl, &ct->luns, link) {
		const struct lun *l = t ? target_find_lun(t, cl->number) : NULL;

		if (rc || (l && update_same(u, ct, l)))
			continue;
		if (t && !u->force)
			rc = former_check(t, cl->number, cl->backing,
					       *cl->keys.scsi_sn ? cl->keys.scsi_sn : NULL, e);
		rc = rc ? rc : update_try_lun(cl, e);
	}
	return rc;
}

/* As target_apply_check_open(), of what is wanted. */
static int update_check_open(const struct update *u, struct err *e)
{
	const struct target_conf_target *ct;

	if (u->c->keys.open || !target_apply_is_exposed(u->s))
		return 0;
	list_each(ct, &u->c->targets, link) {
		if (access_is_open(&ct->access))
			return err_set(e, ERR_ACCESS, "target %s: everybody could use it; give it an "
				       "initiator-address, an initiator-name or an incominguser, or "
				       "say open = yes", ct->name);
	}
	return 0;
}

/* A file that is empty is one that somebody is just writing, or the wrong one. */
static int update_check_empty(const struct update *u, struct err *e)
{
	if (u->force || !list_empty(&u->c->targets) || list_empty(&u->s->targets))
		return 0;
	return err_set(e, ERR_BUSY, "there is no target in it; to take all away, force it");
}

static int update_check(const struct update *u, struct err *e)
{
	const struct target_conf_target *ct;
	const struct target *t;
	int rc = update_check_empty(u, e);

	rc = rc ? rc : update_check_open(u, e);

	list_each(t, &u->s->targets, link)
		rc = rc ? rc : update_check_target(u, t, e);
	list_each(ct, &u->c->targets, link)
		rc = rc ? rc : update_try_target(u, ct, e);
	return rc;
}

/* --- it is done --- */

static void update_say(const struct update *u, const struct err *e)
{
	if (u->note && err_is_set(e))
		u->note(e->text, u->arg);
}

/* @l stays: what may change in use. */
static void update_lun(const struct update *u, struct lun *l, const struct target_conf_lun *cl)
{
	struct err e = ERR_INIT, e2 = ERR_INIT;

	if (admin_resize_lun(u->s, l, 0, true, &e))
		update_say(u, &e);
	else
		admin_settle_lun(u->s, l);
	if (lun_set_protected(l, cl->keys.readonly, &e2))
		update_say(u, &e2);
	if (l->offline != !cl->keys.online)
		lun_set_offline(l, !cl->keys.online);
}

static void update_luns(const struct update *u, struct target *t,
			const struct target_conf_target *ct)
{
	const struct target_conf_lun *cl;

	for (unsigned i = t->luns; i--;) {
		cl = update_same(u, ct, t->lun[i]);
		if (cl)
			update_lun(u, t->lun[i], cl);
		else
			admin_remove_lun(u->s, t->lun[i]);
	}
	list_each(cl, &ct->luns, link) {
		struct err e = ERR_INIT;

		if (!target_find_lun(t, cl->number) && target_apply_lun(t, cl, &e))
			update_say(u, &e);	/* it could be opened a moment ago */
	}
}

static void update_target(const struct update *u, struct target *t, struct target_conf_target *ct)
{
	update_luns(u, t, ct);
	target_apply_keys(t, &ct->keys);
	target_apply_access(&t->access, &ct->access);
}

/*
 * Targets that are there already leave the configuration for @old; what is left is new. Returns how
 * many targets run.
 */
static unsigned update_part(const struct update *u, struct list *old)
{
	struct target_conf_target *ct, *tmp;
	const struct target *t;
	unsigned running = 0;

	list_each_safe(ct, tmp, &u->c->targets, link) {
		if (server_target(u->s, ct->name))
			list_move(old, &ct->link);
	}
	list_each(t, &u->s->targets, link)
		running++;
	return running;
}

static struct target_conf_target *update_find(const struct list *old, const char *name)
{
	struct target_conf_target *ct;

	list_each(ct, old, link) {
		if (!strcmp(ct->name, name))
			return ct;
	}
	return NULL;
}

/* The first @running targets of the server: new ones stand behind them. */
static void update_old(const struct update *u, const struct list *old, unsigned running)
{
	struct target *t, *next;

	list_each_safe(t, next, &u->s->targets, link) {
		struct target_conf_target *ct = update_find(old, t->name);

		if (!running--)
			return;
		if (ct)
			update_target(u, t, ct);
		else
			admin_remove_target(u->s, t);
	}
}

static bool update_is_elsewhere(const struct update *u)
{
	const struct target_conf_listen *l, *other;
	size_t wanted = 0, same = 0, there = 0;

	list_each(l, &u->c->listen, link) {
		wanted++;
		list_each(other, &u->now.listen, link)
			same += !strcmp(l->address, other->address);
	}
	list_each(other, &u->now.listen, link)
		there++;
	return wanted && (same != wanted || same != there);
}

/* What a process cannot change. */
static void update_note_start(const struct update *u)
{
	if (u->note && update_is_elsewhere(u))
		u->note("where it listens changes at the next start", u->arg);
	if (u->note && strcmp(u->c->keys.user, u->now.keys.user))
		u->note("as whom it runs changes at the next start", u->arg);
}

int target_update(struct server *s, struct target_conf *c, bool force, target_note_fn *note,
		  void *arg, struct err *e)
{
	struct update u = { .s = s, .c = c, .force = force, .note = note, .arg = arg };
	struct list old = LIST_INIT(old);
	struct list *l;
	unsigned running;
	int rc;

	target_conf_init(&u.now);
	rc = target_apply_capture(&u.now, s, e);
	rc = rc ? rc : update_check(&u, e);
	if (!rc) {
		running = update_part(&u, &old);
		rc = target_apply(c, s, note, arg, e);
		if (!rc)
			update_old(&u, &old, running);
		update_note_start(&u);
		while (!list_empty(&old)) {
			l = old.next;
			list_move(&c->targets, l);
		}
	}
	target_conf_fini(&u.now);
	return rc;
}
