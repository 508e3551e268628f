/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * targets.conf. The one hard thing: keys of a target hold for all of its stores wherever they stand,
 * and those outside of targets for all targets, so levels are walked from the outside in, over a
 * tree that is read whole before.
 */
#include "target/tgt_conf.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/cleanup.h"
#include "iscsifs/num.h"
#include "target/connection.h"
#include "target/tgt_rules.h"
#include "target/tgt_tree.h"

enum { TGT_FIRST_LUN = 1 };		/* LUN 0 is tgt's controller */

#define TGT_NULL_STORE	"null:1T"	/* what bs-type null serves in tgt */

/* Of a level, what its keys say apart from settings. */
struct tgt_level {
	struct target_keys keys;
	int lun;			/* TARGET_CONF_ANY: not said */
	bool null;			/* the store holds nothing */
	bool left_out;			/* it cannot be served, and ignore-errors was said */
};

/* A reading, and the place where it is. */
struct tgt_reading {
	struct target_conf *c;
	target_note_fn *note;
	void *arg;
	enum tgt_scope scope;
	struct tgt_level *level;
	struct access *access;		/* of the target, or of discovery */
	struct target_conf_target *target;
	const struct tgt_pair *pair;
	bool warned_shared;
};

static void tgt_note(const struct tgt_reading *r, const char *where, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void tgt_note(const struct tgt_reading *r, const char *where, const char *fmt, ...)
{
	char text[512];
	int at;
	va_list ap;

	if (!r->note)
		return;
	at = snprintf(text, sizeof(text), "%.200s: ", where);
	va_start(ap, fmt);
	vsnprintf(text + at, sizeof(text) - (size_t)at, fmt, ap);
	va_end(ap);
	r->note(text, r->arg);
}

/* --- single keys --- */

/* tgt cuts what INQUIRY has no room for. */
static size_t tgt_text_max(const char *key)
{
	static const struct {
		const char *key;
		size_t max;
	} rows[] = {
		{ "vendor_id", LUN_VENDOR_MAX },
		{ "product_id", LUN_PRODUCT_MAX },
		{ "product_rev", LUN_REVISION_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!strcmp(key, rows[i].key))
			return rows[i].max;
	}
	return SIZE_MAX;
}

/* RFC 7143 allows more in a PDU than we take: then it is as much as we take. */
static const char *tgt_segment(const struct tgt_reading *r, const char *key, const char *value)
{
	uint64_t n;

	if ((strcmp(key, "MaxRecvDataSegmentLength") && strcmp(key, "MaxXmitDataSegmentLength")) ||
	    num_parse_u64(value, CONN_PDU_DATA + 1, (1 << 24) - 1, &n))
		return value;
	tgt_note(r, r->pair->where, "%s %s: %d is the most here", key, value, CONN_PDU_DATA);
	return "262144";
}

static int tgt_set(const struct tgt_reading *r, const char *key, const char *value, struct err *e)
{
	const struct setting *row = settings_find(&target_keys_all, key);
	size_t max = tgt_text_max(key);
	cleanup_free char *cut = strlen(value) > max ? strndup(value, max) : NULL;
	struct setting_note note;

	if (strlen(value) > max && !cut)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (cut)
		tgt_note(r, r->pair->where, "%s \"%s\" is cut to \"%s\", as tgt does", key, value,
			 cut);
	if (!strcmp(value, "None,CRC32C"))
		value = "CRC32C,None";	/* the initiator's order counts */
	value = tgt_segment(r, key, cut ? cut : value);
	BUG_ON(!row);
	if (settings_set(row, &r->level->keys, value, &note, e))
		return -(int)e->code;
	if (*note.text)
		tgt_note(r, r->pair->where, "%s", note.text);
	return 0;
}

/* "k=v,k=v", as for tgtadm --params. */
static int tgt_params(const struct tgt_reading *r, const char *value, struct err *e)
{
	cleanup_free char *copy = strdup(value);
	char *next = copy, *word;

	if (!copy)
		return err_set(e, ERR_NOMEM, "out of memory");
	while ((word = strsep(&next, ","))) {
		char *equals = strchr(word, '=');

		if (!equals)
			return err_set(e, ERR_INVALID, "params %s: want key=value", word);
		*equals = 0;
		if (!settings_find(&target_keys_of_lun, word))
			return err_set(e, ERR_UNSUPPORTED, "params %s=%s: a disk has no %s", word,
				       equals + 1, word);
		if (tgt_set(r, word, equals + 1, e))
			return -(int)e->code;
	}
	return 0;
}

/* "USER PASSWORD": tgt-admin takes no blanks in either. */
static int tgt_account(struct tgt_reading *r, enum access_direction way, struct err *e)
{
	const char *value = r->pair->value;
	size_t len = strcspn(value, " \t");
	const char *secret = value + len + strspn(value + len, " \t");
	cleanup_free char *user = strndup(value, len);

	if (!user)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (!*secret || strpbrk(secret, " \t"))
		return err_set(e, ERR_INVALID, "%s: want a user and a password, without blanks in them",
			       r->pair->key);
	if (way == ACCESS_OUTGOING && !list_empty(&r->access->outgoing)) {
		tgt_note(r, r->pair->where, "%s %s is not applied: only the first one is",
			 r->pair->key, user);
		return 0;
	}
	if (r->pair->shared && !r->warned_shared) {
		r->warned_shared = true;
		tgt_note(r, r->pair->where, "there is a password in it, and others may read the file");
	}
	return access_add_account(r->access, way, user, secret, e);
}

static int tgt_number(const struct tgt_reading *r, uint64_t min, uint64_t max, int *out,
		      struct err *e)
{
	uint64_t n;

	if (num_parse_u64(r->pair->value, min, max, &n))
		return err_set(e, ERR_INVALID, "%s \"%s\": want a number from %d to %d",
			       r->pair->key, r->pair->value, (int)min, (int)max);
	*out = (int)n;
	return 0;
}

static int tgt_tid(const struct tgt_reading *r, struct err *e)
{
	int tid = 0;
	int rc = tgt_number(r, 1, INT32_MAX, &tid, e);

	if (!rc)
		r->target->tid = (unsigned)tid;
	return rc;
}

static int tgt_honour(struct tgt_reading *r, const struct tgt_rule *rule, struct err *e)
{
	const char *key = rule->setting ? rule->setting : rule->key, *value = r->pair->value;

	switch (rule->action) {
	case TGT_DO_NOTHING:
		return 0;
	case TGT_DO_SETTING:
		return tgt_set(r, key, value, e);
	case TGT_DO_INCOMING:
		return tgt_account(r, ACCESS_INCOMING, e);
	case TGT_DO_OUTGOING:
		return tgt_account(r, ACCESS_OUTGOING, e);
	case TGT_DO_NAME:
		return access_add(r->access, ACCESS_NAME, value, e);
	case TGT_DO_ADDRESS:
		return access_add(r->access, ACCESS_ADDRESS, value, e);
	case TGT_DO_TID:
		return tgt_tid(r, e);
	case TGT_DO_LUN:
		return tgt_number(r, 0, TARGET_LUN_NUMBER_MAX, &r->level->lun, e);
	case TGT_DO_NULL:
		r->level->null = true;
		return 0;
	case TGT_DO_SYNC:
		return tgt_set(r, "write-cache", "off", e);
	case TGT_DO_PARAMS:
		return tgt_params(r, value, e);
	}
	return 0;
}

/* --- levels --- */

/* Does a key that we do not know look like one that keeps people out? */
static bool tgt_is_about_access(const char *near)
{
	return near && (!strncmp(near, "initiator-", 10) || strstr(near, "user"));
}

static int tgt_unknown(struct tgt_reading *r, struct err *e)
{
	const char *key = r->pair->key, *near = tgt_rule_nearest(key);
	char text[256];

	if (near && !strcmp(near, key))
		snprintf(text, sizeof(text), "%s does not belong here", near);
	else
		snprintf(text, sizeof(text), "unknown key \"%.80s\"%s%s%s", key,
			 near ? ", did you mean " : "", near ? near : "", near ? "?" : "");
	if (!r->c->ignore_errors || tgt_is_about_access(near))
		return err_set(e, ERR_INVALID, "%s", text);
	tgt_note(r, r->pair->where, "%s", text);
	return 0;
}

static int tgt_refuse(struct tgt_reading *r, const struct tgt_rule *rule, struct err *e)
{
	if (!r->c->ignore_errors || !(rule->scope & TGT_LUN))
		return err_set(e, ERR_UNSUPPORTED, "%s %s: %s", r->pair->key, r->pair->value,
			       rule->note);
	r->level->left_out = true;
	tgt_note(r, r->pair->where, "%s %s: %s", r->pair->key, r->pair->value, rule->note);
	return 0;
}

static int tgt_take(struct tgt_reading *r, struct err *e)
{
	const struct tgt_rule *rule = tgt_rule_find(r->pair->key, r->pair->value, r->scope);

	if (!rule)
		return tgt_unknown(r, e);
	switch (rule->class) {
	case TGT_HONOURED:
		return tgt_honour(r, rule, e);
	case TGT_WARNED:
		tgt_note(r, r->pair->where, "%s is ignored: %s", r->pair->key, rule->note);
		return 0;
	case TGT_REFUSED:
		break;
	}
	return tgt_refuse(r, rule, e);
}

/* May @key come more than once? */
static bool tgt_is_list(const char *key)
{
	static const char *const lists[] = {
		"initiator-address", "initiator-name", "incominguser", "outgoinguser",
		"mode_page", "params", "include",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		if (!strcmp(lists[i], key))
			return true;
	}
	return false;
}

static int tgt_once(const struct list *pairs, const struct tgt_pair *p, struct err *e)
{
	const struct tgt_pair *other;

	list_each(other, pairs, link) {
		if (other == p || tgt_is_list(p->key))
			break;
		if (!strcmp(other->key, p->key))
			return err_set(e, ERR_INVALID, "%s is given twice, first at %s", p->key,
				       other->where);
	}
	return 0;
}

static int tgt_pairs(struct tgt_reading *r, const struct list *pairs, enum tgt_scope scope,
		     struct tgt_level *level, struct err *e)
{
	const struct tgt_pair *p;

	list_each(p, pairs, link) {
		r->scope = scope;
		r->level = level;
		r->pair = p;
		if (tgt_once(pairs, p, e) || tgt_take(r, e))
			return err_prefix(e, "%s", p->where);
	}
	return 0;
}

/* What a store says of its number: that one is not for others. */
static bool tgt_is_reserved(const struct tgt_target *t, int number)
{
	const struct tgt_store *s;
	const struct tgt_pair *p;
	uint64_t n;

	list_each(s, &t->stores, link) {
		list_each(p, &s->pairs, link) {
			if (!strcmp(p->key, "lun") &&
			    !num_parse_u64(p->value, 0, TARGET_LUN_NUMBER_MAX, &n) &&
			    n == (uint64_t)number)
				return true;
		}
	}
	return false;
}

static int tgt_free_number(const struct tgt_target *t, const struct target_conf_target *ct)
{
	int n = TGT_FIRST_LUN;

	while (target_conf_lun(ct, (unsigned)n) || tgt_is_reserved(t, n))
		n++;
	return n;
}

static int tgt_store(struct tgt_reading *r, const struct tgt_target *t, const struct tgt_store *s,
		     const struct tgt_level *outer, struct err *e)
{
	struct tgt_level level = *outer;
	struct target_conf_lun *l;
	int rc = tgt_pairs(r, &s->pairs, TGT_LUN, &level, e);

	if (rc)
		return rc;
	if (level.left_out) {
		tgt_note(r, s->where, "%s is left out", s->path);
		return 0;
	}
	if (s->repeated)
		tgt_note(r, s->where, "%s is named more than once: it is one LUN", s->path);
	if (s->kind == TGT_DIRECT_STORE)
		tgt_note(r, s->where,
			 "direct-store %s is served as a backing-store: vendor, product and serial "
			 "number of the device are not copied",
			 s->path);
	if (level.lun == TARGET_CONF_ANY)
		level.lun = tgt_free_number(t, r->target);
	if (target_conf_add_lun(&l, r->target, level.lun, TGT_FIRST_LUN,
				level.null ? TGT_NULL_STORE : s->path, s->where, e))
		return err_prefix(e, "%s", s->where);
	l->keys = level.keys;
	return 0;
}

static int tgt_target(struct tgt_reading *r, const struct tgt_target *t, struct err *e)
{
	struct tgt_level level = { .keys = r->c->keys, .lun = TARGET_CONF_ANY };
	const struct tgt_store *s;
	int rc;

	if (target_conf_add_target(&r->target, r->c, t->name, t->where, e))
		return err_prefix(e, "%s", t->where);
	r->access = &r->target->access;
	rc = tgt_pairs(r, &t->pairs, TGT_TARGET, &level, e);
	if (!rc && level.lun != TARGET_CONF_ANY && t->store_count > 1) {
		err_set(e, ERR_INVALID, "lun outside of a store, and there are %u stores",
			t->store_count);
		rc = err_prefix(e, "%s", t->where);
	}
	r->target->keys = level.keys;
	list_each(s, &t->stores, link)
		rc = rc ? rc : tgt_store(r, t, s, &level, e);
	if (!rc && !list_empty(&r->access->names) && list_empty(&r->access->addresses))
		tgt_note(r, t->where, "initiator-name restricts target %s; tgt would let everybody in",
			 t->name);
	return rc;
}

/* --- the whole --- */

static void tgt_read_ignore_errors(struct target_conf *c, const struct tgt_tree *tree)
{
	const struct tgt_pair *p;

	list_each(p, &tree->pairs, link) {
		if (!strcmp(p->key, "ignore-errors") && !strcmp(p->value, "yes"))
			c->ignore_errors = true;
	}
}

/* Settings outside of targets do nothing in tgt, whatever their author meant. */
static void tgt_note_defaults(const struct tgt_reading *r, const struct tgt_tree *tree)
{
	const struct tgt_pair *p;

	list_each(p, &tree->pairs, link) {
		const struct tgt_rule *rule = tgt_rule_find(p->key, p->value, TGT_GLOBAL);

		if (rule && rule->scope & TGT_TARGET && rule->class == TGT_HONOURED &&
		    rule->action == TGT_DO_SETTING) {
			tgt_note(r, p->where,
				 "%s stands outside of targets: it is the default of all of them",
				 p->key);
			return;
		}
	}
}

/* tgt-admin takes targets by name, and numbers them so. */
static void tgt_number_targets(struct target_conf *c)
{
	const struct target_conf_target *last = NULL;
	struct target_conf_target *t, *next;
	unsigned tid = 0;

	for (;;) {
		next = NULL;
		list_each(t, &c->targets, link) {
			if (last && strcmp(t->name, last->name) <= 0)
				continue;
			if (!next || strcmp(t->name, next->name) < 0)
				next = t;
		}
		if (!next)
			return;
		tid = next->tid ? next->tid : tid + 1;
		next->tid = tid;
		last = next;
	}
}

static int tgt_tree_apply(struct tgt_reading *r, const struct tgt_tree *tree, struct err *e)
{
	struct tgt_level level = { .lun = TARGET_CONF_ANY };
	const struct tgt_target *t;
	int rc;

	tgt_read_ignore_errors(r->c, tree);
	r->c->keys.thin = 0;		/* params thin_provisioning=1 says it */
	level.keys = r->c->keys;
	r->access = &r->c->discovery;
	rc = tgt_pairs(r, &tree->pairs, TGT_GLOBAL, &level, e);
	r->c->keys = level.keys;
	tgt_note_defaults(r, tree);
	list_each(t, &tree->targets, link)
		rc = rc ? rc : tgt_target(r, t, e);
	if (!rc)
		tgt_number_targets(r->c);
	return rc;
}

int tgt_conf_read(struct target_conf *c, const char *path, target_note_fn *note, void *arg,
		  struct err *e)
{
	struct tgt_reading r = { .c = c, .note = note, .arg = arg };
	struct tgt_tree tree;
	int rc = tgt_tree_read(&tree, path, e);

	rc = rc ? rc : tgt_tree_apply(&r, &tree, e);
	tgt_tree_fini(&tree);
	return rc;
}
