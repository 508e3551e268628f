/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Logical units while they are in use. The one hard thing: whatever changes, every initiator port
 * is told of it once, by a unit attention of its own.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/log.h"
#include "target/target.h"

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

/* The words of a disk in memory say its size, so that they make the same disk again. */
static void lun_rename_backing(struct lun *l)
{
	static const char units[] = "TGMK";
	const char *colon = strchr(l->backing, ':');
	uint64_t size = l->disk->size;
	char unit = 0;
	char *name;

	if (*l->backing == '/' || !colon)
		return;
	for (unsigned i = 0; i < 4 && !unit; i++) {
		unsigned shift = 40 - 10 * i;

		if (size && !(size & ((1ull << shift) - 1))) {
			size >>= shift;
			unit = units[i];
		}
	}
	if (asprintf(&name, "%.*s:%" PRIu64 "%.1s", (int)(colon - l->backing), l->backing, size,
		     unit ? &unit : "") < 0)
		return;
	free(l->backing);
	l->backing = name;
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
	if (l->blocks == before)
		return 0;
	lun_rename_backing(l);
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
