/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd=target, account, acl: targets and who may log in to them. */
#include "target/control_conf.h"
#include "target/control_impl.h"
#include "target/target_apply.h"

#include <string.h>

#include "target/admin.h"

/* --- targets --- */

static void control_target_list(struct control_request *rq, struct server *sv)
{
	struct target *t;

	list_each(t, &sv->targets, link) {
		if (!control_wants(rq, t))
			continue;
		control_put(rq, "target", t->name);
		control_put_u64(rq, "tid", t->tid);
		control_put(rq, "state", t->offline ? "offline" : "ready");
		control_put_u64(rq, "sessions", control_sessions(sv, t));
		control_put_u64(rq, "luns", t->luns);
		control_put_bool(rq, "open", access_is_open(&t->access));
		control_record_end(rq);
	}
	control_done(rq, NULL);
}

/* A target must be named to be taken away, also when it is the only one. */
static void control_target_remove(struct control_request *rq, struct server *sv)
{
	struct target *t = control_need(rq, "target") ? control_target(rq, sv) : NULL;
	unsigned n;
	bool force;

	if (!t || control_flag(rq, "force", false, &force))
		return;
	n = control_sessions(sv, t);
	if (n && !force) {
		control_fail(rq, ERR_BUSY, "target %s has %u session%s; to end %s, force it", t->name,
			     n, n == 1 ? "" : "s", n == 1 ? "it" : "them");
		return;
	}
	admin_remove_target(sv, t);
	control_done(rq, NULL);
}

static void control_target_offline(struct control_request *rq, struct server *sv)
{
	struct target *t = control_target(rq, sv);

	if (!t)
		return;
	admin_set_target_offline(sv, t, true);
	control_done(rq, NULL);
}

static void control_target_ready(struct control_request *rq, struct server *sv)
{
	struct target *t = control_target(rq, sv);

	if (!t)
		return;
	admin_set_target_offline(sv, t, false);
	control_done(rq, NULL);
}

void control_target_command(struct control_request *rq, void *arg)
{
	static const struct control_verb verbs[] = {
		{ "list", control_target_list },
		{ "add", control_target_add },
		{ "remove", control_target_remove },
		{ "offline", control_target_offline },
		{ "ready", control_target_ready },
	};

	control_run_verb(rq, arg, verbs, ARRAY_SIZE(verbs));
}

/* --- accounts --- */

/*
 * The rules that a request is about: a target's, or with discovery=on those of discovery sessions.
 * NULL: @rq is answered.
 */
static struct access *control_access(struct control_request *rq, struct server *sv)
{
	struct target *t;
	bool discovery;

	if (control_flag(rq, "discovery", false, &discovery))
		return NULL;
	if (discovery)
		return &sv->discovery;
	t = control_target(rq, sv);
	return t ? &t->access : NULL;
}

static int control_direction(struct control_request *rq, enum access_direction *way)
{
	bool outgoing;

	if (control_flag(rq, "outgoing", false, &outgoing))
		return -ERR_INVALID;
	*way = outgoing ? ACCESS_OUTGOING : ACCESS_INCOMING;
	return 0;
}

static void control_put_accounts(struct control_request *rq, const char *target,
				 const struct access *a)
{
	const struct account *ac;

	for (int outgoing = 0; outgoing < 2; outgoing++) {
		list_each(ac, outgoing ? &a->outgoing : &a->incoming, link) {
			control_put(rq, "target", target);
			control_put(rq, "user", ac->user);
			control_put(rq, "direction", outgoing ? "outgoing" : "incoming");
			control_record_end(rq);
		}
	}
}

static void control_account_list(struct control_request *rq, struct server *sv)
{
	struct target *t;

	if (!control_get(rq, "target"))
		control_put_accounts(rq, "", &sv->discovery);
	list_each(t, &sv->targets, link) {
		if (control_wants(rq, t))
			control_put_accounts(rq, t->name, &t->access);
	}
	control_done(rq, NULL);
}

static void control_account_add(struct control_request *rq, struct server *sv)
{
	struct access *a = control_access(rq, sv);
	const char *user = a ? control_need(rq, "user") : NULL;
	const char *password = user ? control_need(rq, "password") : NULL;
	enum access_direction way;
	struct err e = ERR_INIT;

	if (!password || control_direction(rq, &way))
		return;
	control_end(rq, access_add_account(a, way, user, password, &e), &e);
}

/* Would @a, a target's, let everybody in where other machines reach it, who were kept out so far? */
static bool control_opens(const struct server *sv, const struct access *a)
{
	return a != &sv->discovery && !sv->open && access_is_open(a) && target_apply_is_exposed(sv);
}

static void control_fail_open(struct control_request *rq)
{
	control_fail(rq, ERR_ACCESS, "everybody who reaches the target could use it; that must be "
		     "allowed when it is started, by --open");
}

/* The last account that an initiator had to prove goes only by force: then anybody may log in. */
static void control_account_remove(struct control_request *rq, struct server *sv)
{
	struct access *a = control_access(rq, sv);
	const char *user = a ? control_need(rq, "user") : NULL;
	const struct account *ac;
	enum access_direction way;
	struct err e = ERR_INIT;
	struct account was;
	bool force;
	int rc;

	if (!user || control_direction(rq, &way) || control_flag(rq, "force", false, &force))
		return;
	if (way == ACCESS_INCOMING && access_account(a, way, user) && !force &&
	    a->incoming.next == a->incoming.prev) {
		control_fail(rq, ERR_BUSY, "%s is the last account: without it nobody has to prove who "
			     "he is; force it", user);
		return;
	}
	ac = access_account(a, way, user);
	was = ac ? *ac : (struct account){ 0 };
	rc = access_remove_account(a, way, user, &e);
	if (!rc && control_opens(sv, a)) {
		(void)access_add_account(a, way, was.user, was.secret, NULL);
		control_fail_open(rq);
	} else {
		control_end(rq, rc, &e);
	}
	explicit_bzero(&was, sizeof(was));
}

void control_account(struct control_request *rq, void *arg)
{
	static const struct control_verb verbs[] = {
		{ "list", control_account_list },
		{ "add", control_account_add },
		{ "remove", control_account_remove },
	};

	control_run_verb(rq, arg, verbs, ARRAY_SIZE(verbs));
}

/* --- addresses and names --- */

static void control_put_entries(struct control_request *rq, const struct target *t)
{
	const struct access_entry *en;

	for (int names = 0; names < 2; names++) {
		list_each(en, names ? &t->access.names : &t->access.addresses, link) {
			control_put(rq, "target", t->name);
			control_put(rq, "class", names ? "name" : "address");
			control_put(rq, "value", en->text);
			control_record_end(rq);
		}
	}
}

static void control_acl_list(struct control_request *rq, struct server *sv)
{
	struct target *t;

	list_each(t, &sv->targets, link) {
		if (control_wants(rq, t))
			control_put_entries(rq, t);
	}
	control_done(rq, NULL);
}

/* An initiator's name looks like one; all else is an address. */
static enum access_class control_class(const char *value)
{
	return target_name_ok(value) ? ACCESS_NAME : ACCESS_ADDRESS;
}

static void control_acl_add(struct control_request *rq, struct server *sv)
{
	struct target *t = control_target(rq, sv);
	const char *value = t ? control_need(rq, "value") : NULL;
	struct err e = ERR_INIT;
	int rc;

	if (!value)
		return;
	rc = access_add(&t->access, control_class(value), value, &e);
	if (!rc && control_opens(sv, &t->access)) {
		(void)access_remove(&t->access, control_class(value), value, NULL);
		control_fail_open(rq);
		return;
	}
	control_end(rq, rc, &e);
}

/* The last entry of a class goes only by force: the class then restricts nobody. */
static void control_acl_remove(struct control_request *rq, struct server *sv)
{
	struct target *t = control_target(rq, sv);
	const char *value = t ? control_need(rq, "value") : NULL;
	enum access_class class;
	struct err e = ERR_INIT;
	const struct list *all;
	bool force;
	int rc;

	if (!value || control_flag(rq, "force", false, &force))
		return;
	class = control_class(value);
	all = class == ACCESS_NAME ? &t->access.names : &t->access.addresses;
	if (!force && !list_empty(all) && all->next == all->prev &&
	    !strcmp(list_first(all, struct access_entry, link)->text, value)) {
		control_fail(rq, ERR_BUSY, "%s is the last one: without it %s may log in; force it",
			     value, class == ACCESS_NAME ? "any name" : "any address");
		return;
	}
	rc = access_remove(&t->access, class, value, &e);
	if (!rc && control_opens(sv, &t->access)) {
		(void)access_add(&t->access, class, value, NULL);
		control_fail_open(rq);
		return;
	}
	control_end(rq, rc, &e);
}

void control_acl(struct control_request *rq, void *arg)
{
	static const struct control_verb verbs[] = {
		{ "list", control_acl_list },
		{ "add", control_acl_add },
		{ "remove", control_acl_remove },
	};

	control_run_verb(rq, arg, verbs, ARRAY_SIZE(verbs));
}
