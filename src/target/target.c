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
#include "target/former.h"

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

/* How many bytes the character at @p has; 0: it is no UTF-8, or a control. RFC 3629 section 4. */
static unsigned target_char_bytes(const unsigned char *p)
{
	unsigned more = *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
	uint32_t c;

	if (*p < 0x80)
		return *p > ' ' && *p != 0x7f;
	if (*p < 0xc2 || *p > 0xf4)
		return 0;
	c = *p & (0x3fu >> more);
	for (unsigned i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < 0xa0 || (more == 2 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) ||
	    (more == 3 && (c < 0x10000 || c > 0x10ffff)))
		return 0;
	return more + 1;
}

bool target_name_ok(const char *name)
{
	size_t len = strlen(name);
	unsigned n;

	if (len < 5 || len > TARGET_NAME_MAX)
		return false;
	if (strncmp(name, "iqn.", 4) && strncmp(name, "eui.", 4) && strncmp(name, "naa.", 4))
		return false;
	for (const unsigned char *p = (const unsigned char *)name; *p; p += n) {
		n = target_char_bytes(p);
		if (!n || strchr(",/\\\"", *p))
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
	list_init(&t->former);
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
	former_forget_all(t);
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

/* A number that nothing else has. */
static uint64_t target_chance(void)
{
	uint64_t n = 0;

	while (getrandom(&n, sizeof(n), 0) < 0 && errno == EINTR)
		;
	return n;
}

/*
 * A restart must show the same disk, also when its file was copied or moved meanwhile: everything
 * comes from names, nothing from inodes or paths. A disk that forgets is another one each time.
 */
static void lun_identify(struct lun *l, const struct lun_options *o)
{
	uint64_t derived = target_digest(target_digest_start(l->target->name),
					 &(uint32_t){ l->number }, sizeof(uint32_t));
	const char *id = o->scsi_id ? o->scsi_id : o->serial;
	uint64_t h;

	if (l->disk->forgets)
		derived = target_digest(derived, &(uint64_t){ target_chance() }, sizeof(uint64_t));
	h = id && !o->shared_id ? target_digest_start(id) : derived;
	l->identity = h & 0x0fffffffffffffffull;
	l->serial_given = o->serial;
	l->shared_id = o->shared_id;
	if (o->serial)
		snprintf(l->serial, sizeof(l->serial), "%s", o->serial);
	else
		snprintf(l->serial, sizeof(l->serial), "%016" PRIx64, derived);
	snprintf(l->scsi_id, sizeof(l->scsi_id), "%s", o->scsi_id ? o->scsi_id : "");
	snprintf(l->vendor, sizeof(l->vendor), "%s", o->vendor ? o->vendor : LUN_VENDOR);
	snprintf(l->product, sizeof(l->product), "%s", o->product ? o->product : LUN_PRODUCT);
	snprintf(l->revision, sizeof(l->revision), "%s", o->revision ? o->revision : LUN_REVISION);
}

static bool lun_physical_ok(const struct lun_options *o)
{
	uint32_t p = o->physical_bytes;

	return p >= o->block_bytes && !(p & (p - 1)) &&
	       p / o->block_bytes <= 1u << LUN_PHYSICAL_EXPONENT_MAX;
}

static int lun_measure(struct lun *l, const struct lun_options *o, struct err *e)
{
	if (o->block_bytes != 512 && o->block_bytes != 4096)
		return err_set(e, ERR_INVALID, "LUN %s: block=%u: want 512 or 4096", o->backing,
			       o->block_bytes);
	if (!lun_physical_ok(o))
		return err_set(e, ERR_INVALID,
			       "LUN %s: physical=%u: want a power of two, and not less than block",
			       o->backing, o->physical_bytes);
	l->lowest_aligned = o->lowest_aligned;
	l->optimal_gran = o->optimal_gran ? o->optimal_gran : 4096 / o->block_bytes;
	l->optimal_len = o->optimal_len ? o->optimal_len : (1u << 20) / o->block_bytes;
	l->rotation_rate = o->rotation_rate;
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
	lun_forget_reservations(l);
	t->by_number[l->number] = present ? l : NULL;
	target_tell_luns_changed(t);
	if (present)
		lun_attention(l, NEXUS_UA_POWER_ON, NULL);
}

void target_remove_lun(struct lun *l)
{
	struct target *t = l->target;
	unsigned at = 0;

	former_remember(t, l);

	while (t->lun[at] != l)
		at++;
	t->luns--;
	for (; at < t->luns; at++)
		t->lun[at] = t->lun[at + 1];
	t->index_taken[l->index] = false;
	target_set_present(l, false);
}

/* A path is made one from the root on: a daemon leaves its directory. In memory of its own, or NULL. */
static char *lun_backing(const char *backing)
{
	char *path = NULL;

	if (strncmp(backing, "ram:", 4) && strncmp(backing, "null:", 5) && *backing != '/')
		path = realpath(backing, NULL);
	return path ? path : strdup(backing);
}

int target_add_lun(struct target *t, const struct lun_options *o, struct err *e)
{
	struct lun *l;
	int rc = target_number_ok(t, o, e);

	if (rc)
		return rc;
	l = calloc(1, sizeof(*l));
	if (!l || !(l->backing = lun_backing(o->backing)) || target_grow(t, o->number + 1)) {
		lun_free(l);
		return err_set(e, ERR_NOMEM, "LUN %s: out of memory", o->backing);
	}
	list_init(&l->link);
	l->target = t;
	l->number = o->number;
	l->write_cache = l->write_cache_default = o->write_cache;
	l->thin = o->thin;
	l->write_protected = o->write_protected;
	l->volatile_cache = o->volatile_cache;
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
