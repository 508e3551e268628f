/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iscsifs-target.conf. The one hard thing: what stands outside of a section is the default of all of
 * them wherever it stands, so the file is read whole, then the outer levels before the inner ones.
 */
#include "target/target_conf_file.h"

#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/cleanup.h"
#include "iscsifs/num.h"
#include "target/passwords.h"

static const struct conf_key top_keys[] = {
	{ .name = "listen", .list = true },
	{ .name = "incomingdiscoveryuser", .list = true },
	{ .name = "outgoingdiscoveryuser", .list = true },
	{ .name = "password_file" },
	{ .name = NULL },
};
static const struct conf_key target_keys[] = {
	{ .name = "controller_tid" },
	{ .name = "initiator-name", .list = true },
	{ .name = "initiator-address", .list = true },
	{ .name = "incominguser", .list = true },
	{ .name = "outgoinguser", .list = true },
	{ .name = NULL },
};
static const struct conf_key lun_keys[] = { { .name = "backing-store" }, { .name = NULL } };

const struct conf_grammar target_conf_grammar = {
	.settings = &target_keys_all,
	.top = top_keys,
	.section = "target",
	.in_section = target_keys,
	.section_settings = &target_keys_of_target,
	.inner = "lun",
	.inner_settings = &target_keys_of_lun,
	.in_inner = lun_keys,
};

/* What a reading has at hand. */
struct reading {
	struct target_conf *c;
	const struct conf_file *file;
	struct passwords *passwords;	/* NULL: there is no password_file */
	target_note_fn *note;
	void *arg;
};

typedef int reading_add_fn(const struct reading *r, void *to, const char *value, struct err *e);


/* Call @add for each value of @key in @s, until one fails; the place goes before the sentence. */
static int reading_each(const struct reading *r, const struct conf_section *s, const char *key,
			reading_add_fn *add, void *to, struct err *e)
{
	const struct conf_entry *en = conf_find(s, key);

	for (size_t i = 0; en && i < en->count; i++) {
		if (add(r, to, en->values[i], e))
			return conf_entry_err(r->file, en, e);
	}
	return 0;
}

static int reading_listen(const struct reading *r, void *to, const char *value, struct err *e)
{
	(void)r;
	return target_conf_add_listen(to, value, e);
}

static int reading_name(const struct reading *r, void *to, const char *value, struct err *e)
{
	(void)r;
	return access_add(to, ACCESS_NAME, value, e);
}

static int reading_address(const struct reading *r, void *to, const char *value, struct err *e)
{
	(void)r;
	return access_add(to, ACCESS_ADDRESS, value, e);
}

/* "USER PASSWORD", or "USER" whose password is in the password_file. */
static int reading_account(const struct reading *r, struct access *to, enum access_direction way,
			   const char *value, struct err *e)
{
	size_t len = strcspn(value, " \t");
	cleanup_free char *user = strndup(value, len);
	const char *secret = value[len] ? value + len + 1 : NULL;

	if (!user)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (secret && r->file->shared)
		return err_set(e, ERR_ACCESS,
			       "user %s: others may read the password: chmod 600 %s, or put it into "
			       "a password_file",
			       user, r->file->path);
	if (!secret && !r->passwords)
		return err_set(e, ERR_INVALID,
			       "user %s has no password: want \"USER PASSWORD\", or a password_file",
			       user);
	if (!secret)
		secret = passwords_find(r->passwords, user);
	if (!secret)
		return err_set(e, ERR_NOT_FOUND, "user %s is not in the password_file", user);
	return access_add_account(to, way, user, secret, e);
}

static int reading_incoming(const struct reading *r, void *to, const char *value, struct err *e)
{
	return reading_account(r, to, ACCESS_INCOMING, value, e);
}

static int reading_outgoing(const struct reading *r, void *to, const char *value, struct err *e)
{
	return reading_account(r, to, ACCESS_OUTGOING, value, e);
}

/* --- levels --- */

static int reading_lun(const struct reading *r, struct target_conf_target *t,
		       const struct conf_section *s, struct err *e)
{
	const struct conf_entry *store = conf_find(s, "backing-store");
	cleanup_free char *where = NULL;
	struct target_conf_lun *l;
	uint64_t number;
	int rc = 0;

	if (asprintf(&where, "%s:%d", r->file->path, s->line) < 0)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (num_parse_u64(s->title, 0, TARGET_LUN_NUMBER_MAX, &number))
		rc = err_set(e, ERR_INVALID, "lun \"%s\": want a number from 0 to %d", s->title,
			     TARGET_LUN_NUMBER_MAX);
	else if (!store)
		rc = err_set(e, ERR_INVALID, "lun \"%s\" has no backing-store", s->title);
	else
		rc = target_conf_add_lun(&l, t, (int)number, 0, store->values[0], where, e);
	if (rc)
		return conf_section_err(r->file, s, e);
	return conf_apply(r->file, s, &target_keys_of_lun, &l->keys, r->note, r->arg, e);
}

static int reading_tid(const struct reading *r, struct target_conf_target *t,
		       const struct conf_section *s, struct err *e)
{
	const struct conf_entry *en = conf_find(s, "controller_tid");
	uint64_t tid;

	if (!en)
		return 0;
	if (num_parse_u64(en->values[0], 1, INT32_MAX, &tid)) {
		err_set(e, ERR_INVALID, "controller_tid \"%s\": want a number from 1 on",
			en->values[0]);
		return conf_entry_err(r->file, en, e);
	}
	t->tid = (unsigned)tid;
	return 0;
}

static int reading_target(const struct reading *r, size_t index, struct err *e)
{
	const struct conf_section *s = &r->file->sections[index];
	cleanup_free char *where = NULL;
	struct target_conf_target *t;
	int rc;

	if (asprintf(&where, "%s:%d", r->file->path, s->line) < 0)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (target_conf_add_target(&t, r->c, s->title, where, e))
		return conf_section_err(r->file, s, e);
	rc = conf_apply(r->file, s, &target_keys_of_target, &t->keys, r->note, r->arg, e);
	rc = rc ? rc : reading_tid(r, t, s, e);
	rc = rc ? rc : reading_each(r, s, "initiator-name", reading_name, &t->access, e);
	rc = rc ? rc : reading_each(r, s, "initiator-address", reading_address, &t->access, e);
	rc = rc ? rc : reading_each(r, s, "incominguser", reading_incoming, &t->access, e);
	rc = rc ? rc : reading_each(r, s, "outgoinguser", reading_outgoing, &t->access, e);
	for (size_t i = 1; i < r->file->count && !rc; i++) {
		if (r->file->sections[i].parent == index)
			rc = reading_lun(r, t, &r->file->sections[i], e);
	}
	return rc;
}

static int reading_passwords(struct reading *r, const struct conf_section *s, struct err *e)
{
	const struct conf_entry *en = conf_find(s, "password_file");

	if (!en || !passwords_read(&r->passwords, en->values[0], e))
		return 0;
	return conf_entry_err(r->file, en, e);
}

static int reading_all(struct reading *r, struct err *e)
{
	const struct conf_section *s = &r->file->sections[0];
	int rc = conf_apply(r->file, s, &target_keys_all, &r->c->keys, r->note, r->arg, e);

	rc = rc ? rc : reading_passwords(r, s, e);
	rc = rc ? rc : reading_each(r, s, "listen", reading_listen, r->c, e);
	rc = rc ? rc : reading_each(r, s, "incomingdiscoveryuser", reading_incoming,
				    &r->c->discovery, e);
	rc = rc ? rc : reading_each(r, s, "outgoingdiscoveryuser", reading_outgoing,
				    &r->c->discovery, e);
	for (size_t i = 1; i < r->file->count && !rc; i++) {
		if (!r->file->sections[i].parent)
			rc = reading_target(r, i, e);
	}
	return rc;
}

int target_conf_read(struct target_conf *c, const char *path, target_note_fn *note, void *arg,
		     struct err *e)
{
	struct reading r = { .c = c, .note = note, .arg = arg };
	struct conf_file *f;
	int rc = conf_file_read(&f, path, &target_conf_grammar, e);

	if (rc)
		return rc;
	r.file = f;
	rc = reading_all(&r, e);
	passwords_free(r.passwords);
	conf_file_free(f);
	return rc;
}
