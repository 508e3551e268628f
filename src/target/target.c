/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Targets, logical units and nexuses. The one hard thing: an initiator that comes back must learn
 * whether what it wrote may be lost (power on, 29/00) or only its session was (nexus loss, 29/07);
 * so a bounded list of the ports seen in this life is kept.
 */
#include "target/target.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "iscsifs/check.h"
#include "iscsifs/log.h"
#include "target/disk_cache.h"

enum { TARGET_KNOWN_MAX = 1024 };

/* An initiator port of old: a 64-bit digest of its name and ISID. */
struct known_port {
	uint64_t digest;
	struct list link;
};

/* FNV-1a, 64 bits. */
static uint64_t target_digest(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return h;
}

static uint64_t target_digest_start(const char *text)
{
	return target_digest(0xcbf29ce484222325ull, text, strlen(text) + 1);
}

bool target_name_ok(const char *name)
{
	size_t len = strlen(name);

	if (len < 5 || len > TARGET_NAME_MAX)
		return false;
	if (strncmp(name, "iqn.", 4) && strncmp(name, "eui.", 4) && strncmp(name, "naa.", 4))
		return false;
	for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
		if (*p <= ' ' || *p == 0x7f || strchr(",/\\\"", *p))
			return false;
	}
	return true;
}

int target_new(struct target **out, const char *name, struct err *e)
{
	struct target *t;

	if (!target_name_ok(name))
		return err_set(e, ERR_INVALID,
			       "target \"%s\": want a name such as iqn.2026-11.com.example:disk", name);
	t = calloc(1, sizeof(*t));
	if (!t)
		return err_set(e, ERR_NOMEM, "target %s: out of memory", name);
	snprintf(t->name, sizeof(t->name), "%s", name);
	access_init(&t->access);
	params_offer(&t->offer);
	list_init(&t->nexuses);
	list_init(&t->known);
	list_init(&t->link);
	*out = t;
	return 0;
}

void lun_free(struct lun *l)
{
	if (!l)
		return;
	disk_free(l->disk);
	pr_fini(&l->pr);
	free(l->backing);
	free(l);
}

void target_free(struct target *t)
{
	struct known_port *k, *tmp;

	if (!t)
		return;
	list_each_safe(k, tmp, &t->known, link)
		free(k);
	for (unsigned i = 0; i < t->luns; i++)
		lun_free(t->lun[i]);
	access_fini(&t->access);
	list_del(&t->link);
	free(t->by_number);
	free(t);
}

struct lun *target_find_lun(const struct target *t, unsigned number)
{
	for (unsigned i = 0; i < t->luns; i++) {
		if (t->lun[i]->number == number)
			return t->lun[i];
	}
	return NULL;
}

static int target_number_ok(const struct target *t, const struct lun_options *o, struct err *e)
{
	if (o->number > TARGET_LUN_NUMBER_MAX)
		return err_set(e, ERR_INVALID, "LUN %s: lun=%u: want 0 to %d", o->backing, o->number,
			       TARGET_LUN_NUMBER_MAX);
	if (target_find_lun(t, o->number))
		return err_set(e, ERR_EXISTS, "LUN %s: target %s has a LUN %u already", o->backing,
			       t->name, o->number);
	if (t->luns == TARGET_LUNS_MAX)
		return err_set(e, ERR_INVALID, "LUN %s: a target has %d LUNs at most", o->backing,
			       TARGET_LUNS_MAX);
	return 0;
}

static int target_grow(struct target *t, unsigned numbers)
{
	struct lun **wider;

	if (numbers <= t->lun_numbers)
		return 0;
	wider = realloc(t->by_number, numbers * sizeof(*wider));
	if (!wider)
		return -ENOMEM;
	memset(wider + t->lun_numbers, 0, (numbers - t->lun_numbers) * sizeof(*wider));
	t->by_number = wider;
	t->lun_numbers = numbers;
	return 0;
}

/* A number of this process, for what does not outlive it. */
static uint64_t target_life(void)
{
	static uint64_t life;

	while (!life && getrandom(&life, sizeof(life), 0) < 0 && errno == EINTR)
		;
	return life;
}

/*
 * A restart must show the same disk, also when its file was copied or moved meanwhile: everything
 * comes from names, nothing from inodes or paths. A disk that forgets is another one each time.
 */
static void lun_identify(struct lun *l, const struct lun_options *o)
{
	uint64_t h = target_digest_start(o->serial ? o->serial : l->target->name);

	if (!o->serial)
		h = target_digest(h, &(uint32_t){ l->number }, sizeof(uint32_t));
	if (!o->serial && l->disk->forgets)
		h = target_digest(h, &(uint64_t){ target_life() }, sizeof(uint64_t));
	l->identity = h & 0x0fffffffffffffffull;
	if (o->serial)
		snprintf(l->serial, sizeof(l->serial), "%s", o->serial);
	else
		snprintf(l->serial, sizeof(l->serial), "%016" PRIx64, h);
}

static int lun_measure(struct lun *l, const struct lun_options *o, struct err *e)
{
	if (o->block_bytes != 512 && o->block_bytes != 4096)
		return err_set(e, ERR_INVALID, "LUN %s: block=%u: want 512 or 4096", o->backing,
			       o->block_bytes);
	if ((o->physical_bytes != 512 && o->physical_bytes != 4096) ||
	    o->physical_bytes < o->block_bytes)
		return err_set(e, ERR_INVALID,
			       "LUN %s: physical=%u: want 512 or 4096, and not less than block",
			       o->backing, o->physical_bytes);
	l->block_bytes = o->block_bytes;
	l->physical_bytes = o->physical_bytes;
	l->blocks = l->disk->size / l->block_bytes;
	if (!l->blocks)
		return err_set(e, ERR_INVALID, "LUN %s: smaller than one block of %u bytes",
			       o->backing, l->block_bytes);
	return 0;
}

/* The first index that nobody has: there are as many as there can be units. */
static void target_take_index(struct target *t, struct lun *l)
{
	while (t->index_taken[l->index])
		l->index++;
	t->index_taken[l->index] = true;
}

/* Keep t->lun ascending by number. */
static void target_insert(struct target *t, struct lun *l)
{
	unsigned at = t->luns++;

	for (; at && t->lun[at - 1]->number > l->number; at--)
		t->lun[at] = t->lun[at - 1];
	t->lun[at] = l;
	target_take_index(t, l);
}

/* The list of units is another one: SPC-4 5.14, REPORTED LUNS DATA HAS CHANGED on each of them. */
static void target_tell_luns_changed(struct target *t)
{
	for (unsigned i = 0; i < t->luns; i++)
		lun_attention(t->lun[i], NEXUS_UA_LUNS_CHANGED, NULL);
}

/* What waits under this index was for another unit. */
static void target_forget_attentions(struct target *t, const struct lun *l)
{
	struct nexus *n;

	list_each(n, &t->nexuses, link)
		n->ua[l->index] = 0;
}

void target_set_present(struct lun *l, bool present)
{
	struct target *t = l->target;

	l->absent = !present;
	l->reserved_by = NULL;
	t->by_number[l->number] = present ? l : NULL;
	target_tell_luns_changed(t);
	if (present)
		lun_attention(l, NEXUS_UA_POWER_ON, NULL);
}

void target_remove_lun(struct lun *l)
{
	struct target *t = l->target;
	unsigned at = 0;

	while (t->lun[at] != l)
		at++;
	t->luns--;
	for (; at < t->luns; at++)
		t->lun[at] = t->lun[at + 1];
	target_forget_attentions(t, l);
	t->index_taken[l->index] = false;
	target_set_present(l, false);
}

int target_add_lun(struct target *t, const struct lun_options *o, struct err *e)
{
	struct lun *l;
	int rc = target_number_ok(t, o, e);

	if (rc)
		return rc;
	l = calloc(1, sizeof(*l));
	if (!l || !(l->backing = strdup(o->backing)) || target_grow(t, o->number + 1)) {
		lun_free(l);
		return err_set(e, ERR_NOMEM, "LUN %s: out of memory", o->backing);
	}
	list_init(&l->link);
	l->target = t;
	l->number = o->number;
	l->write_cache = l->write_cache_default = o->write_cache;
	l->thin = o->thin;
	rc = disk_open(&l->disk, o->backing, o->write_protected, e);
	if (!rc && o->volatile_cache)
		rc = disk_cache_wrap(&l->disk, e);
	rc = rc ? rc : lun_measure(l, o, e);
	if (rc) {
		lun_free(l);
		return rc;
	}
	flusher_init(&l->flusher, l->disk);
	lun_identify(l, o);
	target_insert(t, l);
	target_forget_attentions(t, l);
	target_set_present(l, true);
	return 0;
}

/* Was this port seen before? It is from now on; the longest unseen one is forgotten for it. */
static bool target_knows(struct target *t, uint64_t digest)
{
	struct known_port *k;

	list_each(k, &t->known, link) {
		if (k->digest == digest) {
			list_move(&t->known, &k->link);
			return true;
		}
	}
	if (t->known_count == TARGET_KNOWN_MAX) {
		k = list_first(&t->known, struct known_port, link);
		list_del(&k->link);
	} else {
		k = malloc(sizeof(*k));
		if (!k)
			return false;
		list_init(&k->link);
		t->known_count++;
	}
	k->digest = digest;
	list_append(&t->known, &k->link);
	return false;
}

void nexus_begin(struct nexus *n, struct target *t, const char *initiator, const uint8_t isid[6])
{
	uint64_t digest = target_digest(target_digest_start(initiator), isid, 6);
	uint32_t ua = target_knows(t, digest) ? NEXUS_UA_LOSS : NEXUS_UA_POWER_ON;

	memset(n, 0, sizeof(*n));
	n->target = t;
	snprintf(n->initiator, sizeof(n->initiator), "%s", initiator);
	memcpy(n->isid, isid, 6);
	for (unsigned i = 0; i < t->luns; i++)
		n->ua[t->lun[i]->index] = ua;
	list_append(&t->nexuses, &n->link);
}

void nexus_end(struct nexus *n)
{
	if (!n->target)
		return;
	for (unsigned i = 0; i < n->target->luns; i++) {
		if (n->target->lun[i]->reserved_by == n)
			n->target->lun[i]->reserved_by = NULL;
	}
	list_del(&n->link);
	n->target = NULL;
}

void lun_attention(struct lun *l, enum nexus_ua ua, const struct nexus *except)
{
	struct nexus *n;

	list_each(n, &l->target->nexuses, link) {
		if (n != except)
			n->ua[l->index] |= ua;
	}
}

void lun_reset(struct lun *l)
{
	l->reserved_by = NULL;
	l->software_protected = false;
	l->descriptor_sense = false;
	l->write_cache = l->write_cache_default;
	lun_attention(l, NEXUS_UA_LUN_RESET, NULL);
}

int lun_resize(struct lun *l, uint64_t bytes, bool cut, struct err *e)
{
	uint64_t before = l->blocks;
	int rc;

	if (bytes && bytes < l->block_bytes)
		return err_set(e, ERR_INVALID, "LUN %u of %s: want at least one block of %u bytes",
			       l->number, l->target->name, l->block_bytes);
	rc = disk_resize(l->disk, bytes, cut);
	if (rc)
		return err_set(e, rc == -ENOMEM ? ERR_NOMEM : ERR_INVALID,
			       "LUN %u of %s: %s cannot have %llu bytes: %s", l->number,
			       l->target->name, l->backing, (unsigned long long)bytes, strerror(-rc));
	l->blocks = l->disk->size / l->block_bytes;
	if (l->blocks != before)
		lun_attention(l, NEXUS_UA_CAPACITY_CHANGED, NULL);
	return 0;
}

int lun_set_protected(struct lun *l, bool on, struct err *e)
{
	bool before = lun_is_protected(l);
	int rc = on ? 0 : disk_protect(l->disk, false);

	if (rc)
		return err_set(e, ERR_ACCESS, "LUN %u of %s: %s cannot be written to: %s", l->number,
			       l->target->name, l->backing, strerror(-rc));
	l->write_protected = on;
	if (lun_is_protected(l) != before)
		lun_attention(l, NEXUS_UA_MODE_CHANGED, NULL);
	return 0;
}

void lun_set_offline(struct lun *l, bool offline)
{
	if (!offline) {
		disk_recover(l->disk);
		l->error = 0;
	}
	if (l->offline && !offline)
		lun_attention(l, NEXUS_UA_BECAME_READY, NULL);
	l->offline = offline;
}

void lun_note_error(struct lun *l, const char *what, int rc)
{
	if (l->error == rc)
		return;
	l->error = rc;
	log_error("the backing store of a LUN fails | target=%s lun=%u backing=%s doing=%s error=%s",
		  l->target->name, l->number, l->backing, what, strerror(-rc));
}

void lun_change_identity(struct lun *l)
{
	l->identity = target_digest(l->identity, "another", 7) & 0x0fffffffffffffffull;
	snprintf(l->serial, sizeof(l->serial), "%016" PRIx64, l->identity);
	lun_attention(l, NEXUS_UA_IDENTITY_CHANGED, NULL);
}

void target_power_cycle(struct target *t)
{
	struct known_port *k, *tmp;

	list_each_safe(k, tmp, &t->known, link) {
		list_del(&k->link);
		free(k);
	}
	t->known_count = 0;
	for (unsigned i = 0; i < t->luns; i++) {
		pr_forget(&t->lun[i]->pr);
		lun_reset(t->lun[i]);
	}
}
