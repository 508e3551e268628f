/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Persistent reservations. The one hard thing is who is told what when registrations go: the one
 * who asked never, the others by three different attentions (SPC-4 5.7.11).
 */
#include "target/pr.h"

#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"

void pr_forget(struct pr *pr)
{
	free(pr->reg);
	*pr = (struct pr){ 0 };
}

void pr_fini(struct pr *pr)
{
	pr_forget(pr);
}

static bool pr_type_ok(uint8_t scope_type)
{
	return scope_type == PR_WRITE_EXCLUSIVE || scope_type == PR_EXCLUSIVE_ACCESS ||
	       (scope_type >= PR_WRITE_EXCLUSIVE_RO && scope_type <= PR_EXCLUSIVE_ACCESS_AR);
}

static bool pr_is_for_all(enum pr_type type)
{
	return type == PR_WRITE_EXCLUSIVE_AR || type == PR_EXCLUSIVE_ACCESS_AR;
}

static bool pr_is_for_registrants(enum pr_type type)
{
	return type >= PR_WRITE_EXCLUSIVE_RO;
}

static bool pr_lets_read(enum pr_type type)
{
	return type == PR_WRITE_EXCLUSIVE || type == PR_WRITE_EXCLUSIVE_RO ||
	       type == PR_WRITE_EXCLUSIVE_AR;
}

static struct pr_registration *pr_locate(const struct pr *pr, const struct pr_port *who)
{
	for (unsigned i = 0; i < pr->count; i++) {
		if (!memcmp(pr->reg[i].isid, who->isid, 6) && !strcmp(pr->reg[i].name, who->name))
			return &pr->reg[i];
	}
	return NULL;
}

const struct pr_registration *pr_find(const struct pr *pr, const struct pr_port *who)
{
	return pr_locate(pr, who);
}

bool pr_is_holder(const struct pr *pr, const struct pr_registration *r)
{
	return pr_is_for_all(pr->type) || (pr->type && r->holder);
}

const struct pr_registration *pr_holder(const struct pr *pr)
{
	for (unsigned i = 0; i < pr->count && pr->type; i++) {
		if (pr->reg[i].holder)
			return &pr->reg[i];
	}
	return NULL;
}

bool pr_allows(const struct pr *pr, const struct pr_port *who, enum pr_need need)
{
	const struct pr_registration *r;

	if (!pr->type || need == PR_NEED_NOTHING)
		return true;
	if (need == PR_NEED_READ && pr_lets_read(pr->type))
		return true;
	r = pr_find(pr, who);
	return r && (pr_is_for_registrants(pr->type) || r->holder);
}

/* --- changes --- */

static void pr_tell(struct pr_watch *w, const struct pr_registration *r, enum pr_event what)
{
	struct pr_port port = { r->name, r->isid };

	w->tell(w, &port, what);
}

/* Every registrant but @except. */
static void pr_tell_others(const struct pr *pr, const struct pr_registration *except,
			   struct pr_watch *w, enum pr_event what)
{
	for (unsigned i = 0; i < pr->count; i++) {
		if (&pr->reg[i] != except)
			pr_tell(w, &pr->reg[i], what);
	}
}

/* Memory for @more. Returns false when there is none, or they would be too many. */
static bool pr_make_room(struct pr *pr, unsigned more)
{
	if (more > PR_REGISTRATIONS_MAX - pr->count)
		return false;
	if (!pr->reg)
		pr->reg = calloc(PR_REGISTRATIONS_MAX, sizeof(*pr->reg));
	return pr->reg != NULL;
}

static struct pr_registration *pr_add(struct pr *pr, const struct pr_port *who, uint64_t key,
				      bool all_target_ports)
{
	struct pr_registration *r = &pr->reg[pr->count++];

	BUG_ON(strlen(who->name) > PR_NAME_MAX);
	*r = (struct pr_registration){ .key = key, .all_target_ports = all_target_ports };
	memcpy(r->name, who->name, strlen(who->name));
	memcpy(r->isid, who->isid, 6);
	return r;
}

/* Those behind @r move up. */
static void pr_drop(struct pr *pr, struct pr_registration *r)
{
	struct pr_registration *end = pr->reg + pr->count--;

	memmove(r, r + 1, (size_t)((char *)end - (char *)(r + 1)));
	if (!pr->count)		/* the last of all registrants takes the reservation along */
		pr->type = PR_NONE;
}

static void pr_hold(struct pr *pr, struct pr_registration *r, enum pr_type type)
{
	for (unsigned i = 0; i < pr->count; i++)
		pr->reg[i].holder = false;
	pr->type = type;
	if (r && !pr_is_for_all(type))
		r->holder = true;
}

/* SPC-4 5.7.11.3: the reservation goes with its holder, and the others it let in are told. */
static void pr_unregister(struct pr *pr, struct pr_registration *r, struct pr_watch *w)
{
	bool ends = pr->type && r->holder;
	bool told = ends && pr_is_for_registrants(pr->type);

	if (ends)
		pr->type = PR_NONE;
	pr_drop(pr, r);
	if (told)
		pr_tell_others(pr, NULL, w, PR_RESERVATION_RELEASED);
}

static enum pr_result pr_register_new(struct pr *pr, const struct pr_port *who,
				      const struct pr_register *how)
{
	unsigned count = 1;

	if (!how->new_key)
		return PR_OK;
	for (unsigned i = 0; i < how->more_count; i++)
		count += !pr_find(pr, &how->more[i]);
	if (!pr_make_room(pr, count))
		return PR_NO_ROOM;
	pr_add(pr, who, how->new_key, how->all_target_ports);
	for (unsigned i = 0; i < how->more_count; i++) {
		if (!pr_find(pr, &how->more[i]))
			pr_add(pr, &how->more[i], how->new_key, how->all_target_ports);
	}
	return PR_OK;
}

enum pr_result pr_register(struct pr *pr, const struct pr_port *who, const struct pr_register *how,
			   struct pr_watch *w)
{
	struct pr_registration *r = pr_locate(pr, who);
	enum pr_result rc = PR_OK;

	if (!how->ignore_key && how->key != (r ? r->key : 0))
		return PR_CONFLICT;
	if (r && how->more_count)
		return PR_REGISTERED;
	if (!r) {
		rc = pr_register_new(pr, who, how);
	} else if (how->new_key) {
		r->key = how->new_key;
		r->all_target_ports = how->all_target_ports;
	} else {
		pr_unregister(pr, r, w);
	}
	pr->generation += rc == PR_OK;
	return rc;
}

/* The registration of @who under @key, or NULL: a conflict. */
static struct pr_registration *pr_prove(const struct pr *pr, const struct pr_port *who,
					uint64_t key)
{
	struct pr_registration *r = pr_locate(pr, who);

	return r && r->key == key ? r : NULL;
}

enum pr_result pr_reserve(struct pr *pr, const struct pr_port *who, uint64_t key,
			  uint8_t scope_type)
{
	struct pr_registration *r = pr_prove(pr, who, key);

	if (!r)
		return PR_CONFLICT;
	if (!pr_type_ok(scope_type))
		return PR_BAD_TYPE;
	if (pr->type)
		return pr_is_holder(pr, r) && pr->type == scope_type ? PR_OK : PR_CONFLICT;
	pr_hold(pr, r, scope_type);
	return PR_OK;
}

enum pr_result pr_release(struct pr *pr, const struct pr_port *who, uint64_t key,
			  uint8_t scope_type, struct pr_watch *w)
{
	struct pr_registration *r = pr_prove(pr, who, key);
	bool told = pr_is_for_registrants(pr->type);

	if (!r)
		return PR_CONFLICT;
	if (!pr->type || !pr_is_holder(pr, r))
		return PR_OK;
	if (pr->type != scope_type)
		return PR_BAD_RELEASE;
	pr_hold(pr, NULL, PR_NONE);
	if (told)
		pr_tell_others(pr, r, w, PR_RESERVATION_RELEASED);
	return PR_OK;
}

enum pr_result pr_clear(struct pr *pr, const struct pr_port *who, uint64_t key, struct pr_watch *w)
{
	struct pr_registration *r = pr_prove(pr, who, key);

	if (!r)
		return PR_CONFLICT;
	pr_tell_others(pr, r, w, PR_RESERVATION_PREEMPTED);
	pr->count = 0;
	pr->type = PR_NONE;
	pr->generation++;
	return PR_OK;
}

/*
 * Remove those with key @victims (0: everybody), but not @keep (may be NULL); tell all but @who.
 * Returns how many there were. Registrations move.
 */
static unsigned pr_remove(struct pr *pr, uint64_t victims, const struct pr_port *keep,
			  const struct pr_port *who, struct pr_watch *w)
{
	unsigned n = 0, i = 0;

	while (i < pr->count) {
		struct pr_registration *r = &pr->reg[i];

		if ((victims && r->key != victims) || (keep && r == pr_locate(pr, keep))) {
			i++;
			continue;
		}
		if (r != pr_locate(pr, who))
			pr_tell(w, r, PR_REGISTRATION_PREEMPTED);
		pr_drop(pr, r);
		n++;
	}
	return n;
}

/* SPC-4 5.7.11.4.3: the reservation is taken over. */
static void pr_take_over(struct pr *pr, const struct pr_port *who, uint64_t victims,
			 enum pr_type type, struct pr_watch *w)
{
	enum pr_type old = pr->type;

	pr_remove(pr, victims, who, who, w);
	pr_hold(pr, pr_locate(pr, who), type);
	if (old != type)
		pr_tell_others(pr, pr_locate(pr, who), w, PR_RESERVATION_RELEASED);
}

enum pr_result pr_preempt(struct pr *pr, const struct pr_port *who, uint64_t key, uint64_t victims,
			  uint8_t scope_type, struct pr_watch *w)
{
	const struct pr_registration *holder = pr_holder(pr);
	bool all = pr_is_for_all(pr->type);

	if (!pr_prove(pr, who, key))
		return PR_CONFLICT;
	if (!victims && !all)
		return PR_BAD_KEY;
	if (all ? !victims : holder && holder->key == victims) {
		if (!pr_type_ok(scope_type))
			return PR_BAD_TYPE;
		pr_take_over(pr, who, victims, scope_type, w);
	} else if (!pr_remove(pr, victims, NULL, who, w)) {
		return PR_CONFLICT;
	}
	pr->generation++;
	return PR_OK;
}

enum pr_result pr_move(struct pr *pr, const struct pr_port *who, uint64_t key, uint64_t new_key,
		       const struct pr_port *to, bool unregister)
{
	struct pr_registration *r = pr_prove(pr, who, key), *d;

	if (!r)
		return PR_CONFLICT;
	if (!pr->type)
		return PR_NOT_RESERVED;
	if (!r->holder)			/* nor may one of all registrants move what all hold */
		return PR_CONFLICT;
	if (!new_key)
		return PR_BAD_KEY;
	d = pr_locate(pr, to);
	if (d == r)
		return PR_BAD_PORT;
	if (!d && !pr_make_room(pr, 1))
		return PR_NO_ROOM;
	if (!d)
		d = pr_add(pr, to, new_key, false);
	d->key = new_key;
	pr_hold(pr, d, pr->type);
	if (unregister)
		pr_drop(pr, r);
	pr->generation++;
	return PR_OK;
}

const char *pr_type_name(enum pr_type type)
{
	switch (type) {
	case PR_NONE:
		return "";
	case PR_WRITE_EXCLUSIVE:
		return "write-exclusive";
	case PR_EXCLUSIVE_ACCESS:
		return "exclusive-access";
	case PR_WRITE_EXCLUSIVE_RO:
		return "write-exclusive-registrants-only";
	case PR_EXCLUSIVE_ACCESS_RO:
		return "exclusive-access-registrants-only";
	case PR_WRITE_EXCLUSIVE_AR:
		return "write-exclusive-all-registrants";
	case PR_EXCLUSIVE_ACCESS_AR:
		return "exclusive-access-all-registrants";
	}
	return "";
}
