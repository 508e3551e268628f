/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operator accepts another disk. The one hard thing: the answer is not known at once, the disk
 * is asked first; so the request waits, and ends with the first that happens to the LUN.
 */
#include <stdlib.h>

#include "daemon.h"
#include "iscsifs/num.h"

enum { ACCEPT_PATIENCE_MS = 4000, ACCEPT_LUN_MAX = 16383 };

struct daemon_accept {
	struct list link;
	const struct daemon_session *ds;
	const struct lun *lun;
	struct control_request *rq;
	struct loop_timer late;
};

static void accept_free(struct daemon_accept *a)
{
	loop_timer_stop(&a->late);
	list_del(&a->link);
	free(a);
}

static void accept_gone(struct control_request *rq, void *arg)
{
	control_done(rq, NULL);
	accept_free(arg);
}

static void accept_late(struct loop_timer *t)
{
	struct daemon_accept *a = container_of(t, struct daemon_accept, late);

	control_fail(a->rq, ERR_TIMEOUT, "LUN %u is not ready yet; it is accepted when it is",
		     lun_facts(a->lun)->number);
	accept_free(a);
}

/* Returns whether it is over. */
static bool accept_ends(struct daemon_accept *a)
{
	switch (lun_state(a->lun)) {
	case LUN_READY:
		daemon_put_lun(a->rq, a->ds, a->lun);
		control_done(a->rq, NULL);
		return true;
	case LUN_BARRED:
		control_fail(a->rq, ERR_AGAIN, "LUN %u is not accepted, it did not answer or is no disk: "
			     "try again", lun_facts(a->lun)->number);
		return true;
	case LUN_GONE:
		control_fail(a->rq, ERR_NOT_FOUND, "the target no longer has LUN %u",
			     lun_facts(a->lun)->number);
		return true;
	case LUN_NONE:
	case LUN_PROBE:
	case LUN_NOT_READY:
	case LUN_DOWN:
		break;
	}
	return false;
}

void daemon_accept_changed(struct daemon *d, const struct lun *lun)
{
	struct daemon_accept *a, *tmp;

	list_each_safe(a, tmp, &d->accepts, link) {
		if (a->lun == lun && accept_ends(a))
			accept_free(a);
	}
}

static const struct lun *accept_find(const struct daemon_session *ds, unsigned number)
{
	const struct lun *lun;

	for (unsigned i = 0; (lun = session_lun(ds->s, i)); i++) {
		if (lun_facts(lun)->number == number && lun_state(lun) != LUN_GONE)
			return lun;
	}
	return NULL;
}

/* The one session that is meant and has the LUN; else *err. */
static struct daemon_session *accept_session(const struct daemon *d,
					     const struct control_request *rq, unsigned number,
					     struct err *err)
{
	struct daemon_session *ds, *found = NULL;
	unsigned count = 0;

	list_each(ds, &d->sessions, link) {
		if (!daemon_is_wanted(rq, ds) || !accept_find(ds, number))
			continue;
		found = ds;
		count++;
	}
	if (!count)
		err_set(err, ERR_NOT_FOUND, "there is no LUN %u", number);
	else if (count > 1)
		err_set(err, ERR_INVALID, "%u sessions have a LUN %u: say target= or sid=", count, number);
	return count == 1 ? found : NULL;
}

static void accept_wait(struct daemon *d, struct control_request *rq,
			const struct daemon_session *ds, const struct lun *lun)
{
	struct daemon_accept *a = calloc(1, sizeof(*a));

	if (!a) {
		control_fail(rq, ERR_NOMEM, "no memory to wait for LUN %u; it is being accepted",
			     lun_facts(lun)->number);
		return;
	}
	*a = (struct daemon_accept){ .ds = ds, .lun = lun, .rq = rq };
	list_init(&a->link);
	list_append(&d->accepts, &a->link);
	loop_timer_init(d->loop, &a->late, accept_late);
	loop_timer_set(&a->late, loop_now(d->loop) + ACCEPT_PATIENCE_MS);
	control_on_gone(rq, accept_gone, a);
}

void daemon_command_accept(struct control_request *rq, void *arg)
{
	const char *text = control_get(rq, "lun");
	struct daemon *d = arg;
	struct daemon_session *ds;
	struct err err = ERR_INIT;
	uint64_t number;

	if (!text || num_parse_u64(text, 0, ACCEPT_LUN_MAX, &number)) {
		control_fail(rq, ERR_INVALID, "accept wants lun=, 0 to %d", ACCEPT_LUN_MAX);
		return;
	}
	ds = accept_session(d, rq, (unsigned)number, &err);
	if (!ds || session_accept_lun(ds->s, (unsigned)number, &err) < 0)
		control_done(rq, &err);
	else
		accept_wait(d, rq, ds, accept_find(ds, (unsigned)number));
}
