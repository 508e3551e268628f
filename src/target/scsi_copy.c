/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies. The one hard thing: a copy takes long, and meanwhile anything may happen to its units. So
 * nothing is kept between two pieces but the list as it came: each piece finds its units anew,
 * and asks again whether it may.
 */
#include "target/scsi_copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/cursor.h"
#include "target/chore.h"
#include "target/copy_list.h"
#include "target/scsi_cmd.h"
#include "target/scsi_inquiry.h"
#include "target/scsi_reserve.h"

enum {
	COPY_AT_ONCE = 32,		/* copies of everybody */
	COPY_SELF = 0xffff,		/* CSCD descriptor ID: the unit that was asked */
	COPY_BLOCKS_MAX = 0xffff,	/* of one segment */
	COPY_BLOCK_MAX = 4096,		/* bytes of the largest block */
	COPY_GRANULE_LOG2 = 9,		/* of the smallest block */
	COPY_AT_CDB = 0x100,		/* no byte of a segment is meant */
};

struct copy {
	struct copy_list list;
	unsigned segment;		/* that is being copied */
	uint64_t done;			/* bytes of it */
	bool flushed;			/* it, where the destination must be */
	uint64_t bytes;			/* of all segments */
	struct copy_result *result;	/* NULL: the copy has no identifier */
};

static unsigned copy_running;

/* --- results --- */

static struct copy_result *copy_result_of(struct scsi_cmd *c, uint8_t id)
{
	for (unsigned i = 0; i < NEXUS_COPIES_MAX; i++) {
		struct copy_result *r = &c->nexus->copies[i];

		if (r->kept && r->list_id == id && r->lun == c->lun_number)
			return r;
	}
	return NULL;
}

/* A place for the result of @id, the oldest finished one's. Returns NULL: all of them run. */
static struct copy_result *copy_result_take(struct scsi_cmd *c, uint8_t id)
{
	struct nexus *n = c->nexus;
	struct copy_result *r = copy_result_of(c, id);

	for (unsigned i = 0; !r && i < NEXUS_COPIES_MAX; i++) {
		n->last_copy = (n->last_copy + 1) % NEXUS_COPIES_MAX;
		if (!n->copies[n->last_copy].running)
			r = &n->copies[n->last_copy];
	}
	if (r)
		*r = (struct copy_result){
			.kept = true, .running = true, .list_id = id, .lun = c->lun_number
		};
	return r;
}

/* --- failures --- */

/*
 * SPC-4 6.4.4: COPY ABORTED, with the number of the segment, and, when the segment is to blame, a
 * pointer to its byte @at.
 */
static void copy_abort(struct scsi_cmd *c, uint16_t code, unsigned at)
{
	scsi_fail(c, SENSE_COPY_ABORTED, code);
	c->sense.has_command_info = true;
	c->sense.command_info = c->copy->segment;
	if (at == COPY_AT_CDB)
		return;
	c->sense.sks[0] = 0xa0;	/* SKSV, SD: relative to the segment */
	be16_store(c->sense.sks + 1, (uint16_t)at);
}

/* As copy_abort(), because of descriptor @id itself: a pointer to byte @at of it. */
static void copy_abort_cscd(struct scsi_cmd *c, uint16_t code, unsigned id, unsigned at)
{
	copy_abort(c, code, 0);
	c->sense.sks[0] = 0x80;	/* relative to the list */
	be16_store(c->sense.sks + 1, (uint16_t)(copy_list_cscd_at(id) + at));
}

/* --- the next piece --- */

/* Its unit, which must be the only one of this name: a copy to the wrong disk is worse than none.
 */
static struct lun *copy_find(const struct target *t, const struct copy_cscd *d)
{
	struct lun *found = NULL;

	for (unsigned i = 0; i < t->luns; i++) {
		struct lun *l = t->lun[i];

		if (target_lun(t, l->number) != l ||
		    !scsi_is_designated(l, d->code_set, d->kind, d->designator, d->len))
			continue;
		if (found)
			return NULL;
		found = l;
	}
	return found;
}

/* The unit of CSCD descriptor @id, which stands at byte @at of the segment; NULL: failed. */
static struct lun *copy_unit(struct scsi_cmd *c, uint16_t id, unsigned at)
{
	struct copy_cscd d;
	struct lun *l;

	if (id == COPY_SELF)
		return c->lun;
	if (id >= c->copy->list.cscds) {
		copy_abort(c, SENSE_UNREACHABLE_COPY_TARGET, at);
		return NULL;
	}
	d = copy_list_cscd(&c->copy->list, id);
	if (d.peripheral) {
		copy_abort_cscd(c, SENSE_COPY_TARGET_TYPE, id, 1);
		return NULL;
	}
	l = d.association ? NULL : copy_find(c->target, &d);
	if (!l)
		copy_abort_cscd(c, SENSE_COPY_TARGET_NOT_REACHABLE, id, 8);
	else if (d.block_bytes && d.block_bytes != l->block_bytes)
		copy_abort_cscd(c, SENSE_INVALID_FIELD_IN_PARAMETER_LIST, id, 29);
	else
		return l;
	return NULL;
}

/* @len bytes from @lba on, which stands at byte @at of the segment, are there, and ours to use. */
static bool copy_range(struct scsi_cmd *c, struct chore_range *out, struct lun *l, uint64_t lba,
		       uint64_t len, unsigned at, bool writes)
{
	uint64_t blocks = len / l->block_bytes;

	if (scsi_reserve_keeps_out(l, c->nexus, writes ? PR_NEED_ALL : PR_NEED_READ)) {
		copy_abort(c, SENSE_THIRD_PARTY_FAILURE, COPY_AT_CDB);
		return false;
	}
	if (writes && lun_is_protected(l)) {
		copy_abort(c, SENSE_WRITE_PROTECTED, COPY_AT_CDB);
		return false;
	}
	if (len % l->block_bytes) {
		copy_abort(c, SENSE_INEXACT_SEGMENT, at);
		return false;
	}
	if (lba > l->blocks || blocks > l->blocks - lba) {
		copy_abort(c, SENSE_CODE_NONE, at);
		return false;
	}
	*out = (struct chore_range){ l, lba * l->block_bytes, len };
	return true;
}

/* The whole of the current segment as ranges. Returns false: failed. */
static bool copy_segment_ranges(struct scsi_cmd *c, struct chore_range *from,
				struct chore_range *to)
{
	struct copy_segment s = copy_list_segment(&c->copy->list, c->copy->segment);
	struct lun *src = copy_unit(c, s.source, 4);
	struct lun *dst = src ? copy_unit(c, s.destination, 6) : NULL;
	uint64_t len;

	if (!dst)
		return false;
	len = (uint64_t)s.blocks * (s.in_destination_blocks ? dst : src)->block_bytes;
	return copy_range(c, from, src, s.source_lba, len, 12, false) &&
	       copy_range(c, to, dst, s.destination_lba, len, 20, true);
}

/* What is left of a segment, or as much of it as can be done at once without copying onto itself.
 */
static void copy_piece(const struct copy *k, struct chore *ch, struct chore_range from,
		       struct chore_range to)
{
	uint64_t left = from.len - k->done, at = k->done;

	if (from.lun == to.lun && from.off < to.off && to.off < from.off + from.len) {
		uint64_t n = MIN(left, (uint64_t)CHORE_BUFFER);	/* from the end, backwards */

		at = left - n;
		left = n;
	}
	ch->run = chore_copy;
	ch->from = (struct chore_range){ from.lun, from.off + at, left };
	ch->to = (struct chore_range){ to.lun, to.off + at, left };
	ch->deallocate = to.lun->thin;
}

static bool copy_wants_flush(const struct lun *l)
{
	return l->disk->volatile_cache && !lun_caches_writes(l);
}

/* The chore that comes next, or the end. */
static void copy_next(struct scsi_cmd *c)
{
	struct copy *k = c->copy;
	struct chore_range from, to;

	while (k->segment < k->list.segments) {
		if (!copy_segment_ranges(c, &from, &to))
			return;
		if (k->done < from.len) {
			copy_piece(k, c->chore, from, to);
			c->next = SCSI_NEXT_CHORE;
			return;
		}
		if (from.len && copy_wants_flush(to.lun) && !k->flushed) {
			c->chore->run = chore_flush;
			c->chore->to = to;
			c->chore->from = (struct chore_range){ 0 };
			c->next = SCSI_NEXT_CHORE;
			return;
		}
		k->segment++;
		k->done = 0;
		k->flushed = false;
	}
	scsi_good(c);
}

/* The chore said @rc: what a read or a write would have ended with, as a copy's failure. */
static void copy_failed(struct scsi_cmd *c, int rc)
{
	if (c->chore->failed_reading)
		scsi_read_failed(c, rc, 0);
	else
		scsi_write_failed(c, rc, 0);
	copy_abort(c, c->sense.code, COPY_AT_CDB);
}

static void copy_settle(struct scsi_cmd *c)
{
	struct copy_result *r = c->copy->result;

	if (!r)
		return;
	r->segments = (uint16_t)c->copy->segment;
	r->bytes = c->copy->bytes;
	if (c->next != SCSI_NEXT_DONE)
		return;
	r->running = false;
	r->status = c->status;
	r->sense = c->sense;
}

static void scsi_copy_chore_done(struct scsi_cmd *c, int rc)
{
	struct copy *k = c->copy;

	if (rc) {
		copy_failed(c, rc);
	} else {
		k->flushed = c->chore->run == chore_flush;
		k->done += c->chore->moved;
		k->bytes += c->chore->moved;
		copy_next(c);
	}
	copy_settle(c);
}

/* --- EXTENDED COPY --- */

static void scsi_extended_copy(struct scsi_cmd *c)
{
	uint32_t len = be32_load(c->cdb + 10);

	if (!len)
		scsi_good(c);
	else if (len < COPY_LIST_HEADER || len > COPY_LIST_HEADER + COPY_LIST_MAX)
		scsi_fail(c, SENSE_ILLEGAL_REQUEST, SENSE_PARAMETER_LIST_LENGTH_ERROR);
	else
		scsi_collect(c, len, 10);
}

static bool copy_begin(struct scsi_cmd *c, const struct copy_list *list)
{
	bool named = list->usage != COPY_USAGE_NONE;
	struct copy_result *r = named ? copy_result_of(c, list->id) : NULL;

	if (r && r->running) {
		scsi_fail(c, SENSE_ILLEGAL_REQUEST, SENSE_OPERATION_IN_PROGRESS);
		return false;
	}
	if (copy_running < COPY_AT_ONCE)
		c->copy = calloc(1, sizeof(*c->copy));
	if (c->copy) {
		copy_running++;
		c->copy->list = *list;
		c->chore = chore_new(CHORE_BUFFER);
		if (named)
			c->copy->result = copy_result_take(c, list->id);
	}
	if (c->chore && (c->copy->result || !named))
		return true;
	c->status = SCSI_TASK_SET_FULL;
	c->next = SCSI_NEXT_DONE;
	return false;
}

static void scsi_extended_copy_finish(struct scsi_cmd *c)
{
	struct copy_list list;
	struct sense s;

	if (!copy_list_parse(&list, c->param, c->param_cap, &s)) {
		scsi_fail(c, SENSE_ILLEGAL_REQUEST, s.code);
		c->sense = s;
		return;
	}
	if (!copy_begin(c, &list))
		return;
	copy_next(c);
	copy_settle(c);
}

void scsi_copy_end(struct scsi_cmd *c)
{
	if (!c->copy)
		return;
	if (c->copy->result && c->copy->result->running) /* aborted: nothing is known of it */
		*c->copy->result = (struct copy_result){ 0 };
	copy_running--;
	free(c->copy);
	c->copy = NULL;
}

/* --- RECEIVE COPY RESULTS --- */

enum { COPY_STATUS_RUNNING = 0, COPY_STATUS_GOOD = 1, COPY_STATUS_FAILED = 2 };

/* SPC-4 6.20. */
static void scsi_copy_status(struct scsi_cmd *c)
{
	const struct copy_result *r = copy_result_of(c, c->cdb[2]);
	uint64_t count;
	uint8_t *d, units = 0;

	if (!r) {
		scsi_fail_field(c, 2);
		return;
	}
	d = scsi_param(c);
	be32_store(d, 8);
	d[4] = 0x80;	/* HDD: no data is held */
	if (!r->running)
		d[4] |= r->status == SCSI_GOOD ? COPY_STATUS_GOOD : COPY_STATUS_FAILED;
	be16_store(d + 5, r->segments);
	for (count = r->bytes; count > UINT32_MAX; count /= 1024)
		units++;	/* bytes, KiB, MiB, ... */
	d[7] = units;
	be32_store(d + 8, (uint32_t)count);
	scsi_answer(c, 12, be32_load(c->cdb + 10));
}

/* The descriptors that we understand. */
static const uint8_t copy_descriptors[] = { COPY_SEGMENT_BLOCKS, COPY_CSCD_IDENTIFICATION };

/* SPC-4 6.22. */
static void scsi_copy_parameters(struct scsi_cmd *c)
{
	uint8_t *d = scsi_param(c);

	d[4] = 0x01;	/* SNLID: LIST ID USAGE 11b */
	be16_store(d + 8, COPY_CSCD_MAX);
	be16_store(d + 10, COPY_SEGMENTS_MAX);
	be32_store(d + 12, COPY_LIST_MAX);
	be32_store(d + 16, COPY_BLOCKS_MAX * COPY_BLOCK_MAX);
	be16_store(d + 34, COPY_AT_ONCE);
	d[36] = NEXUS_COPIES_MAX;
	d[37] = COPY_GRANULE_LOG2;
	d[43] = sizeof(copy_descriptors);
	memcpy(d + 44, copy_descriptors, sizeof(copy_descriptors));
	be32_store(d, 40 + sizeof(copy_descriptors));
	scsi_answer(c, 44 + sizeof(copy_descriptors), be32_load(c->cdb + 10));
}

/* SPC-4 6.21. */
static void scsi_copy_failure(struct scsi_cmd *c)
{
	const struct copy_result *r = copy_result_of(c, c->cdb[2]);
	uint32_t sense_bytes;
	uint8_t *d;

	if (!r || r->running || r->status == SCSI_GOOD) {
		scsi_fail_field(c, 2);
		return;
	}
	d = scsi_param(c);
	d[56] = r->status;
	sense_bytes = (uint32_t)sense_encode(&r->sense, c->lun->descriptor_sense, d + 60);
	be16_store(d + 58, (uint16_t)sense_bytes);
	be32_store(d, 56 + sense_bytes);
	scsi_answer(c, 60 + sense_bytes, be32_load(c->cdb + 10));
}

/* --- VPD 8Fh --- */

enum {
	COPY_PAGE_COMMANDS = 0x0001,
	COPY_PAGE_PARAMETERS = 0x0004,
	COPY_PAGE_DESCRIPTORS = 0x0008,
	COPY_PAGE_CSCD_IDS = 0x000c,
	COPY_PAGE_OPERATIONS = 0x8001,
};

/* One third-party copy descriptor of @len bytes after its head. Returns its end. */
static uint8_t *copy_page_part(uint8_t *d, uint16_t type, uint16_t len)
{
	be16_store(d, type);
	be16_store(d + 2, len);
	return d + 4 + len;
}

uint32_t scsi_copy_page(struct scsi_cmd *c, uint8_t *d)
{
	static const uint8_t commands[] = {
		8,	/* bytes of the list: an opcode, how many service actions, which */
		SCSI_EXTENDED_COPY,
		1,
		SCSI_SA_EXTENDED_COPY_LID1,
		SCSI_RECEIVE_COPY_RESULTS,
		3,
		SCSI_SA_COPY_STATUS_LID1,
		SCSI_SA_COPY_OPERATING_PARAMETERS,
		SCSI_SA_COPY_FAILURE_DETAILS_LID1,
	};
	uint8_t *p = d;

	(void)c;
	memcpy(p + 4, commands, sizeof(commands));
	p = copy_page_part(p, COPY_PAGE_COMMANDS, 12);
	be16_store(p + 8, COPY_CSCD_MAX);
	be16_store(p + 10, COPY_SEGMENTS_MAX);
	be32_store(p + 12, COPY_LIST_MAX);
	p = copy_page_part(p, COPY_PAGE_PARAMETERS, 0x1c);
	p[4] = sizeof(copy_descriptors);
	memcpy(p + 5, copy_descriptors, sizeof(copy_descriptors));
	p = copy_page_part(p, COPY_PAGE_DESCRIPTORS, 4);
	be16_store(p + 4, 2);
	be16_store(p + 6, COPY_SELF);
	p = copy_page_part(p, COPY_PAGE_CSCD_IDS, 4);
	be32_store(p + 4, COPY_AT_ONCE);
	be32_store(p + 8, NEXUS_COPIES_MAX);
	be32_store(p + 12, COPY_BLOCKS_MAX * COPY_BLOCK_MAX);
	p[16] = COPY_GRANULE_LOG2;
	p = copy_page_part(p, COPY_PAGE_OPERATIONS, 0x20);
	return (uint32_t)(p - d);
}

#define USAGE(action, id)                                                                          \
	.usage = { 0, action, id, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0 }

const struct scsi_op scsi_copy_ops[] = {
	{ "EXTENDED COPY(LID1)", SCSI_EXTENDED_COPY, SCSI_SA_EXTENDED_COPY_LID1, 0, USAGE(0x1f, 0),
	  scsi_extended_copy, scsi_collect_data, scsi_extended_copy_finish, scsi_copy_chore_done },
	{ "RECEIVE COPY STATUS(LID1)", SCSI_RECEIVE_COPY_RESULTS, SCSI_SA_COPY_STATUS_LID1, 0,
	  USAGE(0x1f, 0xff), scsi_copy_status, 0, 0, 0 },
	{ "RECEIVE COPY OPERATING PARAMETERS", SCSI_RECEIVE_COPY_RESULTS,
	  SCSI_SA_COPY_OPERATING_PARAMETERS, 0, USAGE(0x1f, 0), scsi_copy_parameters, 0, 0, 0 },
	{ "RECEIVE COPY FAILURE DETAILS(LID1)", SCSI_RECEIVE_COPY_RESULTS,
	  SCSI_SA_COPY_FAILURE_DETAILS_LID1, 0, USAGE(0x1f, 0xff), scsi_copy_failure, 0, 0, 0 },
	{ .name = NULL },
};
const unsigned scsi_copy_op_count = ARRAY_SIZE(scsi_copy_ops) - 1;
