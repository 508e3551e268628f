/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration applied. The one hard thing: a mistake must leave everything as it was, so
 * targets are made on a list of their own and joined to the server when nothing can fail any more.
 */
#include "target/target_apply.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "iscsifs/check.h"

/* The text, or NULL when it is empty. */
static const char *apply_text(const char *s)
{
	return *s ? s : NULL;
}

static uint32_t apply_physical(const struct target_keys *k)
{
	uint32_t block = target_keys_block_bytes(k);

	return k->lbppbe < 0 ? 4096 : block << k->lbppbe;
}

int target_apply_lun(struct target *t, const struct target_conf_lun *cl, struct err *e)
{
	const struct target_keys *k = &cl->keys;
	struct lun_options o = {
		.backing = cl->backing,
		.number = cl->number,
		.block_bytes = target_keys_block_bytes(k),
		.physical_bytes = apply_physical(k),
		.write_protected = k->readonly,
		.write_cache = k->write_cache != TARGET_CACHE_OFF,
		.volatile_cache = k->write_cache == TARGET_CACHE_VOLATILE,
		.thin = k->thin,
		.serial = apply_text(k->scsi_sn),
		.scsi_id = apply_text(k->scsi_id),
		.shared_id = cl->shared_id,
		.vendor = k->vendor_id,
		.product = k->product_id,
		.revision = k->product_rev,
		.lowest_aligned = (uint32_t)k->la_lba,
		.optimal_gran = (uint32_t)k->optimal_xfer_gran,
		.optimal_len = (uint32_t)k->optimal_xfer_len,
		.rotation_rate = (uint32_t)k->rotation_rate,
	};
	int rc = target_add_lun(t, &o, e);

	if (rc)
		return cl->where ? err_prefix(e, "%s", cl->where) : rc;
	if (!k->online)
		lun_set_offline(target_lun(t, cl->number), true);
	return 0;
}

/* The rules go over to the target; the configuration has none afterwards. */
static void apply_move_access(struct access *to, struct access *from)
{
	struct list *pairs[][2] = {
		{ &to->names, &from->names },
		{ &to->addresses, &from->addresses },
		{ &to->incoming, &from->incoming },
		{ &to->outgoing, &from->outgoing },
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		while (!list_empty(pairs[i][1]))
			list_move(pairs[i][0], pairs[i][1]->next);
	}
}

void target_apply_keys(struct target *t, const struct target_keys *k)
{
	t->offer = k->offer;
	t->offer.first_burst_bytes = MIN(k->offer.first_burst_bytes, k->offer.max_burst_bytes);
	t->window = (unsigned)k->max_commands;
	snprintf(t->redirect.address, sizeof(t->redirect.address), "%s", k->redirect_address);
	t->redirect.port = (unsigned)k->redirect_port;
	t->redirect.permanent = k->redirect_reason;
}

/* The same way back. A target without a window of its own has @tasks. */
static void apply_capture_target_keys(struct target_keys *k, const struct target *t, unsigned tasks)
{
	k->offer = t->offer;
	k->max_commands = (int)(t->window ? t->window : tasks);
	snprintf(k->redirect_address, sizeof(k->redirect_address), "%s", t->redirect.address);
	k->redirect_port = (int)t->redirect.port;
	k->redirect_reason = t->redirect.permanent;
}

void target_apply_access(struct access *to, struct access *from)
{
	access_fini(to);
	access_init(to);
	apply_move_access(to, from);
}

int target_apply_target(struct target **out, struct target_conf_target *ct, bool ignore_errors,
			target_note_fn *note, void *arg, struct err *e)
{
	const struct target_conf_lun *cl;
	struct target *t;
	int rc = target_new(&t, ct->name, e);

	if (rc)
		return rc;
	t->tid = ct->tid;
	target_apply_keys(t, &ct->keys);
	list_each(cl, &ct->luns, link) {
		struct err why = ERR_INIT;

		rc = target_apply_lun(t, cl, &why);
		if (rc && ignore_errors && note)
			note(why.text, arg);
		if (rc && !ignore_errors) {
			target_free(t);
			return err_set(e, why.code, "%s", why.text);
		}
	}
	apply_move_access(&t->access, &ct->access);
	*out = t;
	return 0;
}

/* Every target has a number of its own, as tgt's have. */
static void apply_number(struct list *targets, const struct server *s)
{
	struct target *t, *other;
	unsigned next = 1;

	list_each(t, &s->targets, link)
		next = MAX(next, t->tid + 1);
	list_each(t, targets, link)
		next = MAX(next, t->tid + 1);
	list_each(t, targets, link) {
		list_each(other, &s->targets, link)
			t->tid = t->tid == other->tid ? 0 : t->tid;
		t->tid = t->tid ? t->tid : next++;
	}
}

static void apply_limits(const struct target_keys *k, struct server *s)
{
	_Static_assert(sizeof(s->user) == sizeof(k->user), "it is copied");

	s->limits.login_timeout = k->login_timeout;
	s->limits.ping_interval = k->nop_interval;
	s->limits.ping_timeout = target_keys_nop_timeout(k);
	s->limits.connections = (unsigned)k->max_connections;
	s->limits.connections_per_address = (unsigned)k->max_connections_per_address;
	s->limits.tasks = (unsigned)k->max_commands;
	s->offer = k->offer;
	/* Who only asks for the list may do without a digest. */
	s->offer.header_digest = MIN(k->offer.header_digest, (uint32_t)PARAMS_DIGEST_PREFERRED);
	s->offer.data_digest = MIN(k->offer.data_digest, (uint32_t)PARAMS_DIGEST_PREFERRED);
	s->open = k->open;
	memcpy(s->user, k->user, sizeof(s->user));
}

int target_apply(struct target_conf *c, struct server *s, target_note_fn *note, void *arg,
		 struct err *e)
{
	struct list made = LIST_INIT(made);
	struct target_conf_target *ct;
	struct target *t, *tmp;
	int rc = 0;

	list_each(ct, &c->targets, link) {
		if (server_target(s, ct->name))
			rc = err_set(e, ERR_EXISTS, "target %s: it is there already", ct->name);
		rc = rc ? rc : target_apply_target(&t, ct, c->ignore_errors, note, arg, e);
		if (rc)
			break;
		list_append(&made, &t->link);
	}
	if (rc) {
		list_each_safe(t, tmp, &made, link)
			target_free(t);
		return rc;
	}
	apply_number(&made, s);
	while ((t = list_first(&made, struct target, link)))
		list_move(&s->targets, &t->link);
	target_apply_access(&s->discovery, &c->discovery);
	apply_limits(&c->keys, s);
	return 0;
}

/* --- back --- */

static int apply_copy_access(struct access *to, const struct access *from, struct err *e)
{
	const struct access_entry *en;
	const struct account *ac;
	int rc = 0;

	list_each(en, &from->names, link)
		rc = rc ? rc : access_add(to, ACCESS_NAME, en->text, e);
	list_each(en, &from->addresses, link)
		rc = rc ? rc : access_add(to, ACCESS_ADDRESS, en->text, e);
	list_each(ac, &from->incoming, link)
		rc = rc ? rc : access_add_account(to, ACCESS_INCOMING, ac->user, ac->secret, e);
	list_each(ac, &from->outgoing, link)
		rc = rc ? rc : access_add_account(to, ACCESS_OUTGOING, ac->user, ac->secret, e);
	return rc;
}

static void apply_capture_keys(struct target_keys *k, const struct lun *l)
{
	k->block_size = l->block_bytes == 4096;
	k->lbppbe = l->physical_bytes == 4096 ? -1 :
		    __builtin_ctz(l->physical_bytes / l->block_bytes);
	k->la_lba = (int)l->lowest_aligned;
	k->optimal_xfer_gran = l->optimal_gran == 4096 / l->block_bytes ? 0 : (int)l->optimal_gran;
	k->optimal_xfer_len = l->optimal_len == (1u << 20) / l->block_bytes ? 0 :
			      (int)l->optimal_len;
	k->rotation_rate = (int)l->rotation_rate;
	k->readonly = l->write_protected || l->disk->write_protected;
	k->online = !l->offline;
	k->thin = l->thin;
	k->write_cache = !l->write_cache_default ? TARGET_CACHE_OFF :
			 l->volatile_cache ? TARGET_CACHE_VOLATILE : TARGET_CACHE_ON;
	snprintf(k->vendor_id, sizeof(k->vendor_id), "%s", l->vendor);
	snprintf(k->product_id, sizeof(k->product_id), "%s", l->product);
	snprintf(k->product_rev, sizeof(k->product_rev), "%s", l->revision);
	snprintf(k->scsi_id, sizeof(k->scsi_id), "%s", l->scsi_id);
	snprintf(k->scsi_sn, sizeof(k->scsi_sn), "%s", l->serial_given ? l->serial : "");
}

static int apply_capture_target(struct target_conf *c, const struct target *t, struct err *e)
{
	struct target_conf_target *ct;
	struct target_conf_lun *cl;
	int rc = target_conf_add_target(&ct, c, t->name, NULL, e);

	if (rc)
		return rc;
	ct->tid = t->tid;
	apply_capture_target_keys(&ct->keys, t, (unsigned)c->keys.max_commands);
	for (unsigned i = 0; i < t->luns && !rc; i++) {
		const struct lun *l = t->lun[i];

		if (l->absent)
			continue;
		rc = target_conf_add_lun(&cl, ct, (int)l->number, 0, l->backing, NULL, e);
		if (!rc)
			apply_capture_keys(&cl->keys, l);
	}
	return rc ? rc : apply_copy_access(&ct->access, &t->access, e);
}

int target_apply_capture(struct target_conf *c, const struct server *s, struct err *e)
{
	const struct server_limits *l = &s->limits;
	const struct portal *p;
	const struct target *t;
	int rc = 0;

	c->keys.login_timeout = l->login_timeout;
	c->keys.nop_interval = l->ping_interval;
	c->keys.nop_timeout = l->ping_timeout;
	c->keys.max_connections = (int)l->connections;
	c->keys.max_connections_per_address = (int)l->connections_per_address;
	c->keys.max_commands = (int)l->tasks;
	c->keys.offer = s->offer;
	c->keys.open = s->open;
	memcpy(c->keys.user, s->user, sizeof(c->keys.user));
	list_each(p, &s->portals, link)
		rc = rc ? rc : target_conf_add_listen(c, p->address, e);
	rc = rc ? rc : apply_copy_access(&c->discovery, &s->discovery, e);
	list_each(t, &s->targets, link)
		rc = rc ? rc : apply_capture_target(c, t, e);
	return rc;
}

/* --- one thing at a time --- */

int target_apply_key(struct target *t, const char *key, const char *value,
		     struct setting_note *note, struct err *e)
{
	const struct setting *row = settings_lookup(&target_keys_of_target, key, e);
	struct target_keys k;
	int rc;

	if (!row)
		return -ERR_INVALID;
	if (settings_find(&target_keys_of_lun, row->name))
		return err_set(e, ERR_INVALID, "%s is a key of a LUN", row->name);
	settings_defaults(&target_keys_all, &k);
	apply_capture_target_keys(&k, t, 0);
	rc = settings_set(row, &k, value, note, e);
	rc = rc ? rc : target_conf_check_redirect(&k, e);
	if (rc)
		return rc;
	target_apply_keys(t, &k);
	return 0;
}

static bool apply_is_loopback(const struct sockaddr_storage *sa)
{
	if (sa->ss_family == AF_INET6) {
		const struct in6_addr *a = &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;

		return IN6_IS_ADDR_LOOPBACK(a);
	}
	return ntohl(((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr) >> 24 ==
	       IN_LOOPBACKNET;
}

bool target_apply_is_exposed(const struct server *s)
{
	const struct portal *p;

	list_each(p, &s->portals, link) {
		if (!apply_is_loopback(&p->bound))
			return true;
	}
	return false;
}

int target_apply_check_open(const struct server *s, bool open, target_note_fn *note, void *arg,
			    struct err *e)
{
	const struct portal *p;
	const struct target *t;
	char text[TARGET_NAME_MAX + 256];

	list_each(p, &s->portals, link) {
		if (apply_is_loopback(&p->bound))
			continue;
		list_each(t, &s->targets, link) {
			if (!access_is_open(&t->access))
				continue;
			if (!open)
				return err_set(e, ERR_ACCESS,
					       "target %s: everybody who reaches %s could use it; give it "
					       "an initiator-address, an initiator-name or an "
					       "incominguser, or say --open",
					       t->name, p->address);
			snprintf(text, sizeof(text),
				 "target %s: everybody who reaches %s may use it", t->name,
				 p->address);
			if (note)
				note(text, arg);
		}
	}
	return 0;
}
