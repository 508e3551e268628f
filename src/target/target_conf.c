/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration as a whole. The one hard thing: what is wrong must be told with its place before
 * anything has changed, so everything that needs no opening is checked here.
 */
#include "target/target_conf.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"
#include "target/server.h"

void target_conf_init(struct target_conf *c)
{
	memset(c, 0, sizeof(*c));
	list_init(&c->listen);
	list_init(&c->targets);
	access_init(&c->discovery);
	params_offer(&c->keys.offer);
	settings_defaults(&target_keys_all, &c->keys);
}

static void target_conf_free_lun(struct target_conf_lun *l)
{
	list_del(&l->link);
	free(l->where);
	free(l->backing);
	free(l);
}

static void target_conf_free_target(struct target_conf_target *t)
{
	struct target_conf_lun *l, *tmp;

	list_each_safe(l, tmp, &t->luns, link)
		target_conf_free_lun(l);
	access_fini(&t->access);
	list_del(&t->link);
	free(t->where);
	free(t);
}

void target_conf_fini(struct target_conf *c)
{
	struct target_conf_target *t, *tmp;

	target_conf_forget_listen(c);
	list_each_safe(t, tmp, &c->targets, link)
		target_conf_free_target(t);
	access_fini(&c->discovery);
}

/* --- building --- */

static unsigned target_conf_count(const struct list *of)
{
	unsigned n = 0;

	for (const struct list *l = of->next; l != of; l = l->next)
		n++;
	return n;
}

int target_conf_add_listen(struct target_conf *c, const char *address, struct err *e)
{
	struct target_conf_listen *l;
	int rc = server_check_address(address, e);

	if (rc)
		return rc;
	if (target_conf_count(&c->listen) == TARGET_CONF_LISTEN_MAX)
		return err_set(e, ERR_INVALID, "listen: %d addresses at most",
			       TARGET_CONF_LISTEN_MAX);
	l = malloc(sizeof(*l) + strlen(address) + 1);
	if (!l)
		return err_set(e, ERR_NOMEM, "out of memory");
	memcpy(l->address, address, strlen(address) + 1);
	list_init(&l->link);
	list_append(&c->listen, &l->link);
	return 0;
}

void target_conf_forget_listen(struct target_conf *c)
{
	struct target_conf_listen *l, *tmp;

	list_each_safe(l, tmp, &c->listen, link) {
		list_del(&l->link);
		free(l);
	}
}

struct target_conf_target *target_conf_target(const struct target_conf *c, const char *name)
{
	struct target_conf_target *t;

	list_each(t, &c->targets, link) {
		if (!strcmp(t->name, name))
			return t;
	}
	return NULL;
}

int target_conf_add_target(struct target_conf_target **out, struct target_conf *c,
			   const char *name, const char *where, struct err *e)
{
	struct target_conf_target *t;

	if (!target_name_ok(name))
		return err_set(e, ERR_INVALID,
			       "target \"%.100s\": want a name such as iqn.2026-11.com.example:disk",
			       name);
	if (target_conf_target(c, name))
		return err_set(e, ERR_EXISTS, "target %s: named twice", name);
	if (c->target_count == TARGET_CONF_TARGETS_MAX)
		return err_set(e, ERR_INVALID, "target %s: %d targets at most", name,
			       TARGET_CONF_TARGETS_MAX);
	t = calloc(1, sizeof(*t));
	if (!t || (where && !(t->where = strdup(where)))) {
		free(t);
		return err_set(e, ERR_NOMEM, "target %s: out of memory", name);
	}
	memcpy(t->name, name, strlen(name) + 1);
	t->keys = c->keys;
	access_init(&t->access);
	list_init(&t->luns);
	list_init(&t->link);
	list_append(&c->targets, &t->link);
	c->target_count++;
	*out = t;
	return 0;
}

struct target_conf_lun *target_conf_lun(const struct target_conf_target *t, unsigned number)
{
	struct target_conf_lun *l;

	list_each(l, &t->luns, link) {
		if (l->number == number)
			return l;
	}
	return NULL;
}

static void target_conf_insert(struct target_conf_target *t, struct target_conf_lun *l)
{
	struct target_conf_lun *before;

	list_init(&l->link);
	list_each(before, &t->luns, link) {
		if (before->number > l->number)
			break;
	}
	list_append(&before->link, &l->link);
	t->lun_count++;
}

int target_conf_add_lun(struct target_conf_lun **out, struct target_conf_target *t, int number,
			unsigned first, const char *backing, const char *where, struct err *e)
{
	struct target_conf_lun *l;
	unsigned n = number < 0 ? first : (unsigned)number;

	while (number < 0 && target_conf_lun(t, n))
		n++;
	if (n > TARGET_LUN_NUMBER_MAX)
		return err_set(e, ERR_INVALID, "LUN %s: lun=%u: want 0 to %d", backing, n,
			       TARGET_LUN_NUMBER_MAX);
	if (target_conf_lun(t, n))
		return err_set(e, ERR_EXISTS, "LUN %s: target %s has a LUN %u already", backing,
			       t->name, n);
	if (t->lun_count == TARGET_LUNS_MAX)
		return err_set(e, ERR_INVALID, "LUN %s: a target has %d LUNs at most", backing,
			       TARGET_LUNS_MAX);
	l = calloc(1, sizeof(*l));
	if (!l || !(l->backing = strdup(backing)) || (where && !(l->where = strdup(where)))) {
		free(l ? l->backing : NULL);
		free(l);
		return err_set(e, ERR_NOMEM, "LUN %s: out of memory", backing);
	}
	l->number = n;
	l->keys = t->keys;
	target_conf_insert(t, l);
	*out = l;
	return 0;
}

/* --- checking --- */

static bool target_conf_is_text(const char *s, size_t max, bool blanks)
{
	size_t len = strlen(s);

	for (const char *p = s; *p; p++) {
		if (*p < (blanks ? ' ' : '!') || *p > '~')
			return false;
	}
	return len <= max;
}

static int target_conf_check_texts(const struct target_conf_lun *l, struct err *e)
{
	const struct target_keys *k = &l->keys;
	const struct {
		const char *key, *text;
		size_t max;
		bool blanks;
	} rows[] = {
		{ "vendor_id", k->vendor_id, LUN_VENDOR_MAX, true },
		{ "product_id", k->product_id, LUN_PRODUCT_MAX, true },
		{ "product_rev", k->product_rev, LUN_REVISION_MAX, true },
		{ "scsi_id", k->scsi_id, LUN_ID_MAX, true },
		{ "scsi_sn", k->scsi_sn, LUN_ID_MAX, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!target_conf_is_text(rows[i].text, rows[i].max, rows[i].blanks))
			return err_set(e, ERR_INVALID,
				       "%s \"%s\": want at most %zu characters, all of them ASCII",
				       rows[i].key, rows[i].text, rows[i].max);
	}
	return 0;
}

static int target_conf_check_lun(const struct target_conf_lun *l, struct err *e)
{
	const struct target_keys *k = &l->keys;

	if (!*l->backing)
		return err_set(e, ERR_INVALID, "LUN %u has no backing store", l->number);
	if (k->rotation_rate > 1 && k->rotation_rate <= 0x400)
		return err_set(e, ERR_INVALID,
			       "rotation_rate \"%d\": want 0, 1, or 1025 to 65534 rounds per minute",
			       k->rotation_rate);
	return target_conf_check_texts(l, e);
}

static const char *target_conf_id(const struct target_conf_lun *l)
{
	return *l->keys.scsi_id ? l->keys.scsi_id : l->keys.scsi_sn;
}

static void target_conf_note(target_note_fn *note, void *arg, const char *where, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void target_conf_note(target_note_fn *note, void *arg, const char *where, const char *fmt, ...)
{
	char text[512];
	int at = 0;
	va_list ap;

	if (!note)
		return;
	if (where)
		at = snprintf(text, sizeof(text), "%.200s: ", where);
	va_start(ap, fmt);
	vsnprintf(text + at, sizeof(text) - (size_t)at, fmt, ap);
	va_end(ap);
	note(text, arg);
}

/* Put the place of @where before the sentence of @e. Returns -code. */
static int target_conf_at(const char *where, struct err *e)
{
	return where ? err_prefix(e, "%s", where) : -(int)e->code;
}

/* Two units with one name are one disk to an initiator that counts its paths. */
static void target_conf_check_ids(const struct target_conf_target *t, struct target_conf_lun *l,
				  target_note_fn *note, void *arg)
{
	const char *key = *l->keys.scsi_id ? "scsi_id" : "scsi_sn";
	struct target_conf_lun *other;

	list_each(other, &t->luns, link) {
		if (other == l)
			break;
		if (!*target_conf_id(l) || strcmp(target_conf_id(l), target_conf_id(other)))
			continue;
		target_conf_note(note, arg, l->where,
				 "LUN %u has the %s of LUN %u: their NAA names are made from their "
				 "numbers, but who goes by the serial number takes them for one disk",
				 l->number, key, other->number);
		l->shared_id = other->shared_id = true;
		break;
	}
}

int target_conf_check_redirect(const struct target_keys *k, struct err *e)
{
	static const char host[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_";
	const char *a = k->redirect_address;
	size_t len = strlen(a);
	struct in6_addr v6;
	char inside[INET6_ADDRSTRLEN];

	if (*a != '[' && strspn(a, host) == len && len <= TARGET_REDIRECT_MAX)
		return 0;
	if (*a == '[' && a[len - 1] == ']' && len - 2 < sizeof(inside)) {
		memcpy(inside, a + 1, len - 2);
		inside[len - 2] = 0;
		if (inet_pton(AF_INET6, inside, &v6) == 1)
			return 0;
	}
	return err_set(e, ERR_INVALID, "RedirectAddress \"%s\": want a host's name, an IPv4 address, or "
		       "an IPv6 address in brackets", a);
}

static int target_conf_check_target(const struct target_conf *c, const struct target_conf_target *t,
				    struct err *e)
{
	const struct target_conf_target *other;

	if (target_conf_check_redirect(&t->keys, e))
		return -ERR_INVALID;
	if (!list_empty(&t->access.outgoing) && list_empty(&t->access.incoming))
		return err_set(e, ERR_INVALID, "target %s: mutual CHAP needs an incoming user as well",
			       t->name);
	list_each(other, &c->targets, link) {
		if (other != t && t->tid && other->tid == t->tid)
			return err_set(e, ERR_INVALID, "target %s: target %s has controller_tid %u, too",
				       t->name, other->name, t->tid);
	}
	return 0;
}

static int target_conf_check_luns(const struct target_conf_target *t, target_note_fn *note,
				  void *arg, struct err *e)
{
	struct target_conf_lun *l;

	if (!t->lun_count)
		target_conf_note(note, arg, t->where, "target %s has no LUN: it shows no disk",
				 t->name);
	list_each(l, &t->luns, link) {
		if (target_conf_check_lun(l, e))
			return target_conf_at(l->where, e);
		target_conf_check_ids(t, l, note, arg);
	}
	return 0;
}

int target_conf_check(struct target_conf *c, target_note_fn *note, void *arg, struct err *e)
{
	struct target_conf_target *t;
	int rc = 0;

	if (!list_empty(&c->discovery.outgoing) && list_empty(&c->discovery.incoming))
		return err_set(e, ERR_INVALID,
			       "mutual CHAP of discovery needs an incomingdiscoveryuser as well");
	list_each(t, &c->targets, link) {
		if (target_conf_check_target(c, t, e))
			return target_conf_at(t->where, e);
		rc = rc ? rc : target_conf_check_luns(t, note, arg, e);
	}
	return rc;
}
