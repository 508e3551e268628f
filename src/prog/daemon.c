/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon. The one hard thing is the order at both ends: the mount comes before the logins, so
 * that a bad mountpoint is told at once; at the end sessions flush and log out while the kernel can
 * still be answered, then the mount goes.
 */
#include "daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/discovery.h"
#include "iscsifs/log.h"

struct daemon_discovery {
	struct list link;
	struct daemon *d;
	const struct daemon_target *config;
	const char *portal;
	struct discovery *discovery;
	struct loop_timer again;
	bool decided;
	struct err err;
};

enum { DAEMON_DISCOVER_AGAIN_MS = 3000 };

static const char *daemon_text(const char *s)
{
	return *s ? s : NULL;
}

/* --- the beginning is decided ------------------------------------------------------------- */

static bool daemon_all_decided(const struct daemon *d)
{
	const struct daemon_discovery *dd;
	const struct daemon_session *ds;

	list_each(dd, &d->discoveries, link) {
		if (!dd->decided)
			return false;
	}
	list_each(ds, &d->sessions, link) {
		if (!ds->decided)
			return false;
	}
	return true;
}

static void daemon_serve(struct daemon *d)
{
	void (*serving)(void *) = d->serving;

	d->serving = NULL;
	if (serving)
		serving(d->serving_arg);
}

/* One target that cannot be had is a warning; when none can be had there is nothing to serve. */
static void daemon_settle(struct loop_call *c)
{
	struct daemon *d = container_of(c, struct daemon, settle_call);
	const struct daemon_discovery *dd;
	struct daemon_session *ds;
	const struct err *first = NULL;
	unsigned good = 0;

	if (!d->serving || d->stopping || !daemon_all_decided(d))
		return;
	list_each(dd, &d->discoveries, link) {
		if (err_is_set(&dd->err) && !first)
			first = &dd->err;
	}
	list_each(ds, &d->sessions, link) {
		good += !err_is_set(&ds->err);
		if (err_is_set(&ds->err) && !first)
			first = &ds->err;
	}
	if (good || d->config->background) {
		if (first)
			log_error("%s", first->text);
		daemon_serve(d);
		return;
	}
	if (first)
		d->err = *first;
	else
		err_set(&d->err, ERR_NOT_FOUND, "no target was found");
	daemon_stop(d);
}

/* --- sessions ----------------------------------------------------------------------------- */

static void daemon_on_first_login(void *arg, struct session *s, const struct err *err)
{
	struct daemon_session *ds = arg;

	ds->decided = true;
	if (err) {
		ds->err = *err;
		err_prefix(&ds->err, "cannot log in to %s at %s", session_target(s),
			   session_portal(s));
	}
	loop_defer(ds->d->loop, &ds->d->settle_call);
}

/* The same disk under two targets: each file works, and neither knows of the other's writes. */
static void daemon_warn_of_twin(const struct daemon *d, const struct lun *lun)
{
	const char *wwid = lun_facts(lun)->wwid;
	const struct daemon_session *ds;
	const struct lun *other;

	list_each(ds, &d->sessions, link) {
		for (unsigned i = 0; *wwid && (other = session_lun(ds->s, i)); i++) {
			if (other != lun && lun_state(other) != LUN_GONE &&
			    !strcmp(wwid, lun_facts(other)->wwid))
				log_warn("one disk is shown as two files, write to one of them only | "
					 "wwid=%s target=%s lun=%u target=%s lun=%u", wwid,
					 lun_target(lun), lun_facts(lun)->number,
					 lun_target(other), lun_facts(other)->number);
		}
	}
}

static void daemon_on_lun_added(void *arg, struct session *s, struct lun *lun)
{
	struct daemon_session *ds = arg;
	struct daemon *d = ds->d;
	int rc;

	if (!d->mount)
		return;
	daemon_warn_of_twin(d, lun);
	rc = mount_add_lun(d->mount, d->config->flat ? NULL : session_target(s), NULL, lun);
	if (rc < 0)
		log_error("LUN cannot be shown: %s | target=%s lun=%u", strerror(-rc),
			  session_target(s), lun_facts(lun)->number);
}

static void daemon_on_lun_changed(void *arg, struct session *s, struct lun *lun)
{
	struct daemon_session *ds = arg;

	(void)s;
	if (ds->d->mount)
		mount_lun_changed(ds->d->mount, lun);
	daemon_accept_changed(ds->d, lun);
}

static void daemon_on_lun_gone(void *arg, struct session *s, struct lun *lun)
{
	struct daemon_session *ds = arg;

	(void)s;
	if (ds->d->mount)
		mount_remove_lun(ds->d->mount, lun);
	daemon_accept_changed(ds->d, lun);
}

static void daemon_on_closed(void *arg, struct session *s)
{
	struct daemon_session *ds = arg;
	const struct daemon_session *other;

	(void)s;
	ds->closed = true;
	list_each(other, &ds->d->sessions, link) {
		if (!other->closed)
			return;
	}
	loop_stop(ds->d->loop);
}

static const struct session_events daemon_session_events = {
	.on_first_login = daemon_on_first_login,
	.on_lun_added = daemon_on_lun_added,
	.on_lun_changed = daemon_on_lun_changed,
	.on_lun_gone = daemon_on_lun_gone,
	.on_closed = daemon_on_closed,
};

static int daemon_add_session(struct daemon *d, const struct daemon_target *t, const char *name,
			      const char *const *portals, struct err *err)
{
	struct session_param param = {
		.target = name,
		.portals = portals,
		.only_lun = t->lun,
		.alias = t->alias,
		.settings = &t->settings,
		.background = d->config->background,
		.history = d->events,
	};
	struct daemon_session *ds = calloc(1, sizeof(*ds));

	if (!ds)
		return err_set(err, ERR_NOMEM, "no memory for a session");
	ds->d = d;
	ds->sid = ++d->next_sid;
	if (session_new(&ds->s, d->loop, &param, &daemon_session_events, ds, err) < 0) {
		free(ds);
		return -(int)err->code;
	}
	list_append(&d->sessions, &ds->link);
	session_start(ds->s);
	return 0;
}

/* --- discovery ---------------------------------------------------------------------------- */

static struct daemon_session *daemon_find_session(const struct daemon *d, const char *target)
{
	struct daemon_session *ds;

	list_each(ds, &d->sessions, link) {
		if (!strcmp(session_target(ds->s), target))
			return ds;
	}
	return NULL;
}

/*
 * One session a target, however often it is told of, and the settings of its own section win: two
 * sessions would be two files for one disk, whose writes know nothing of each other.
 */
static void daemon_discovered_target(struct daemon_discovery *dd, const struct discovery_target *t)
{
	struct daemon_session *ds = daemon_find_session(dd->d, t->name);
	struct err failed = ERR_INIT;

	if (ds) {
		session_add_portals(ds->s, t->portals);
		return;
	}
	if (daemon_add_session(dd->d, dd->config, t->name, t->portals, &failed) < 0)
		log_error("%s", failed.text);
}

static void daemon_on_discovered(void *arg, const struct discovery_result *result)
{
	struct daemon_discovery *dd = arg;
	struct daemon *d = dd->d;

	dd->discovery = NULL;
	dd->decided = true;
	dd->err = result->err;
	for (unsigned i = 0; i < result->count; i++)
		daemon_discovered_target(dd, &result->targets[i]);
	if (err_is_set(&dd->err) && d->config->background)
		loop_timer_set(&dd->again, loop_now(d->loop) + DAEMON_DISCOVER_AGAIN_MS);
	loop_defer(d->loop, &d->settle_call);
}

static void daemon_discover(struct daemon_discovery *dd)
{
	const struct node_settings *n = &dd->config->settings;
	bool own = *n->discovery_username;
	struct discovery_param param = {
		.portal = dd->portal,
		.initiator = n->initiator_name,
		.user = daemon_text(own ? n->discovery_username : n->username),
		.password = daemon_text(own ? n->discovery_password : n->password),
		.user_in = daemon_text(own ? n->discovery_username_in : n->username_in),
		.password_in = daemon_text(own ? n->discovery_password_in : n->password_in),
		.timeout = n->discovery_login_timeout,
	};
	int rc = discovery_start(&dd->discovery, dd->d->loop, &param, daemon_on_discovered, dd);

	if (rc < 0) {
		dd->decided = true;
		err_set(&dd->err, ERR_INTERNAL, "%s: discovery: %s", dd->portal, strerror(-rc));
		loop_defer(dd->d->loop, &dd->d->settle_call);
	}
}

static void daemon_discover_again(struct loop_timer *t)
{
	daemon_discover(container_of(t, struct daemon_discovery, again));
}

static int daemon_add_discovery(struct daemon *d, const struct daemon_target *t, const char *portal,
				struct err *err)
{
	struct daemon_discovery *dd = calloc(1, sizeof(*dd));

	if (!dd)
		return err_set(err, ERR_NOMEM, "no memory for a discovery");
	dd->d = d;
	dd->config = t;
	dd->portal = portal;
	loop_timer_init(d->loop, &dd->again, daemon_discover_again);
	list_append(&d->discoveries, &dd->link);
	daemon_discover(dd);
	return 0;
}

static int daemon_add_target(struct daemon *d, const struct daemon_target *t, struct err *err)
{
	const char *portals[DAEMON_PORTALS_MAX + 1] = { NULL };
	int rc = 0;

	for (unsigned i = 0; i < t->portal_count; i++)
		portals[i] = t->portals[i];
	if (*t->name)
		return daemon_add_session(d, t, t->name, portals, err);
	for (unsigned i = 0; i < t->portal_count && !rc; i++)
		rc = daemon_add_discovery(d, t, portals[i], err);
	return rc;
}

/* --- the end ------------------------------------------------------------------------------ */

static void daemon_cancel_discoveries(struct daemon *d)
{
	struct daemon_discovery *dd, *tmp;

	list_each_safe(dd, tmp, &d->discoveries, link) {
		discovery_cancel(dd->discovery);
		loop_timer_stop(&dd->again);
		list_del(&dd->link);
		free(dd);
	}
}

void daemon_stop(struct daemon *d)
{
	struct daemon_session *ds;

	if (d->stopping)
		return;
	d->stopping = true;
	daemon_cancel_discoveries(d);
	if (list_empty(&d->sessions))
		loop_stop(d->loop);
	list_each(ds, &d->sessions, link)
		session_close(ds->s);
}

static void daemon_on_signal(void *arg, int signo)
{
	struct daemon *d = arg;

	if (d->stopping) {
		log_info("told twice, not waiting any longer | signal=%s", strsignal(signo));
		loop_stop(d->loop);
		return;
	}
	log_info("stopping | signal=%s", strsignal(signo));
	if (d->serving)
		err_set(&d->err, ERR_GENERIC, "interrupted before the mount served");
	daemon_stop(d);
}

static void daemon_on_unmounted(void *arg, struct mount *m)
{
	struct daemon *d = arg;

	(void)m;
	log_info("unmounted, stopping");
	d->unmounted = true;
	daemon_stop(d);
}

static void daemon_on_mount_error(void *arg, struct mount *m, int error)
{
	struct daemon *d = arg;

	(void)m;
	err_set(&d->err, ERR_GENERIC, "reading from the kernel failed: %s", strerror(-error));
	daemon_stop(d);
}

static void daemon_fini(struct daemon *d)
{
	struct daemon_session *ds, *tmp;

	control_server_free(d->control);
	daemon_cancel_discoveries(d);
	mount_free(d->mount);
	d->mount = NULL;
	list_each_safe(ds, tmp, &d->sessions, link) {
		list_del(&ds->link);
		session_free(ds->s);
		free(ds);
	}
	loop_call_cancel(&d->settle_call);
	events_free(d->events);
	loop_free(d->loop);
}

/* --- the beginning ------------------------------------------------------------------------ */

static int daemon_open_control(struct daemon *d, struct err *err)
{
	char path[CONTROL_PATH_BYTES];
	const char *at = d->config->control;

	if (!*at) {
		if (control_default_path(path, sizeof(path), err) < 0)
			return -(int)err->code;
		at = path;
	}
	return control_server_new(&d->control, d->loop, at, daemon_commands, d, err);
}

static int daemon_init(struct daemon *d, struct err *err)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, 0 };
	static const struct mount_events events = {
		.on_gone = daemon_on_unmounted,
		.on_error = daemon_on_mount_error,
	};
	const struct daemon_target *t;

	signal(SIGPIPE, SIG_IGN);
	if (loop_new(&d->loop) < 0 || loop_signals(d->loop, signals, daemon_on_signal, d) < 0)
		return err_set(err, ERR_INTERNAL, "cannot make an event loop: %s", strerror(errno));
	if (events_new(&d->events, d->loop) < 0)
		return err_set(err, ERR_NOMEM, "no memory");
	if (mount_new(&d->mount, d->loop, &d->config->mount, &events, d, err) < 0 ||
	    daemon_open_control(d, err) < 0)
		return -(int)err->code;
	if (!d->config->mount.single && daemon_status_init(d) < 0)
		return err_set(err, ERR_NOMEM, "no memory");
	list_each(t, &d->config->targets, link) {
		if (daemon_add_target(d, t, err) < 0)
			return -(int)err->code;
	}
	if (d->config->background)
		daemon_serve(d);
	return 0;
}

int daemon_run(const struct daemon_config *config, void (*serving)(void *arg), void *arg,
	       struct err *err)
{
	struct daemon d = { .config = config, .serving = serving, .serving_arg = arg };

	list_init(&d.sessions);
	list_init(&d.discoveries);
	list_init(&d.accepts);
	loop_call_init(&d.settle_call, daemon_settle);
	if (daemon_init(&d, err) == 0 && loop_run(d.loop) < 0)
		err_set(err, ERR_INTERNAL, "the event loop failed");
	if (err_is_set(&d.err) && !err_is_set(err))
		*err = d.err;
	daemon_fini(&d);
	return -(int)err->code;
}
