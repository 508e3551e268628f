/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Thin provisioning: UNMAP, WRITE SAME. The one hard thing: a range that is given back must read as
 * zeros from then on (we claim LBPRZ), whatever the backing store can do. SBC-3 4.7, 5.
 */
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/cursor.h"
#include "target/chore.h"
#include "target/scsi_cmd.h"
#include "target/scsi_inquiry.h"
#include "target/scsi_range.h"
#include "target/scsi_work.h"

enum { UNMAP_HEAD = 8, UNMAP_DESCRIPTOR = 16, LBA_STATUS_MAX = 256 };
enum { SAME_UNMAP = 0x08, SAME_ANCHOR = 0x10, SAME_NDOB = 0x01, SAME_OBSOLETE = 0x06 };

static void scsi_unmap(struct scsi_cmd *c)
{
	uint16_t len = be16_load(c->cdb + 7);

	if (c->cdb[1] & 1)		/* ANCHOR */
		scsi_fail_field(c, 1);
	else if (!len)
		scsi_good(c);
	else if (len < UNMAP_HEAD)
		scsi_fail(c, SENSE_ILLEGAL_REQUEST, SENSE_PARAMETER_LIST_LENGTH_ERROR);
	else
		scsi_collect(c, len, 7);
}

/* Every descriptor is judged before the first is carried out. */
static bool unmap_is_ok(struct scsi_cmd *c, unsigned descriptors)
{
	if (descriptors > SCSI_UNMAP_DESCRIPTORS) {
		scsi_fail_param(c, 2);
		return false;
	}
	for (unsigned i = 0; i < descriptors; i++) {
		const uint8_t *d = c->param + UNMAP_HEAD + i * UNMAP_DESCRIPTOR;
		uint64_t lba = be64_load(d);

		if (be32_load(d + 8) && !scsi_range_ok(c, lba, be32_load(d + 8)))
			return false;
	}
	return true;
}

/* The next blocks of a range of @len bytes at c->off, of which c->done are finished. */
static void space_next(struct scsi_cmd *c, uint64_t len)
{
	c->chore->to = (struct chore_range){ c->lun, c->off + c->done, len - c->done };
	scsi_work(c);
}

/* The next descriptor that has blocks, or the rest of it. */
static void unmap_next(struct scsi_cmd *c)
{
	uint32_t bs = c->lun->block_bytes;

	for (; c->descriptor < c->descriptors; c->descriptor++) {
		const uint8_t *d = c->param + UNMAP_HEAD + c->descriptor * UNMAP_DESCRIPTOR;
		uint64_t len = (uint64_t)be32_load(d + 8) * bs;

		c->off = be64_load(d) * bs;
		if (c->done < len) {
			space_next(c, len);
			return;
		}
		c->done = 0;
	}
	scsi_good_written(c, false);
}

static void scsi_unmap_finish(struct scsi_cmd *c)
{
	unsigned listed = be16_load(c->param + 2) / UNMAP_DESCRIPTOR;
	unsigned there = (c->param_cap - UNMAP_HEAD) / UNMAP_DESCRIPTOR;

	c->descriptors = MIN(listed, there);
	if (!unmap_is_ok(c, c->descriptors))
		return;
	c->away = scsi_leaves(c, 0, c->lun->disk->size);
	if (!scsi_new_chore(c, 0))
		return;
	c->chore->run = chore_zero;
	c->chore->deallocate = true;
	unmap_next(c);
}

static void scsi_unmap_chore_done(struct scsi_cmd *c, int rc)
{
	if (rc) {
		scsi_write_failed(c, rc, c->off + c->done);
		return;
	}
	c->done += c->chore->moved;
	unmap_next(c);
}

/* --- WRITE SAME --- */

static void same_next(struct scsi_cmd *c)
{
	uint64_t len = c->blocks * c->lun->block_bytes;

	if (c->done < len)
		space_next(c, len);
	else
		scsi_good_written(c, false);
}

/* The block at c->param over and over, or zeros. */
static void same_begin(struct scsi_cmd *c, uint32_t pattern_bytes)
{
	c->away = scsi_leaves(c, c->off, c->blocks * c->lun->block_bytes);
	if (!scsi_new_chore(c, pattern_bytes))
		return;
	c->chore->run = pattern_bytes ? chore_write_same : chore_zero;
	c->chore->deallocate = c->cdb[1] & SAME_UNMAP;
	if (pattern_bytes)
		memcpy(c->chore->buf, c->param, pattern_bytes);
	same_next(c);
}

static void scsi_same_chore_done(struct scsi_cmd *c, int rc)
{
	c->done += c->chore->moved;
	if (rc)
		scsi_write_failed(c, rc, c->off + c->done);
	else
		same_next(c);
}

/* SBC-3 5.43, 5.44. */
static void scsi_write_same(struct scsi_cmd *c)
{
	bool sixteen = c->cdb[0] == SCSI_WRITE_SAME_16;
	uint8_t refused = 0xe0 | SAME_ANCHOR | SAME_OBSOLETE | (sixteen ? 0 : SAME_NDOB) |
			  (c->lun->thin ? 0 : SAME_UNMAP);
	uint64_t lba, blocks;

	scsi_range_of(c->cdb, &lba, &blocks);
	if (c->cdb[1] & refused) {
		scsi_fail_field(c, 1);
		return;
	}
	if (!scsi_range_ok(c, lba, blocks))
		return;
	if (!blocks || blocks > SCSI_WRITE_SAME_MAX_BYTES / c->lun->block_bytes) {
		scsi_fail_field(c, sixteen ? 10 : 7);
		return;
	}
	if (sixteen && c->cdb[1] & SAME_NDOB)
		same_begin(c, 0);
	else
		scsi_collect(c, c->lun->block_bytes, sixteen ? 10 : 7);
}

static void scsi_write_same_finish(struct scsi_cmd *c)
{
	bool zero = !c->param[0] && !memcmp(c->param, c->param + 1, c->param_cap - 1);

	same_begin(c, zero ? 0 : c->param_cap);
}

/* One descriptor: from @lba on, as far as one answer holds. Returns the LBA behind it. */
static uint64_t lba_status_fill(struct scsi_cmd *c, uint64_t lba, uint8_t *d)
{
	struct disk *disk = c->lun->disk;
	uint32_t bs = c->lun->block_bytes;
	uint64_t at = lba, end = lba;
	bool mapped = false;

	/* A block is mapped when any byte of it is: extents end between blocks, on mapped ones up. */
	for (;;) {
		uint64_t off = at * bs, len;
		bool m;

		disk_extent(disk, off, &len, &m);
		if (!m && len < bs) {
			m = true;
			len = bs;
		}
		if (at != lba && m != mapped)
			break;
		mapped = m;
		end = MIN((off + len + (m ? bs - 1 : 0)) / bs, c->lun->blocks);
		at = end;
		if (at >= c->lun->blocks || end - lba >= UINT32_MAX)
			break;
	}
	end = MIN(end, lba + UINT32_MAX);
	be64_store(d, lba);
	be32_store(d + 8, (uint32_t)(end - lba));
	d[12] = mapped ? 0 : 1;
	return end;
}

void scsi_get_lba_status(struct scsi_cmd *c)
{
	uint64_t lba = be64_load(c->cdb + 2);
	uint32_t alloc = be32_load(c->cdb + 10), len = 8;
	uint8_t *d;

	if (!scsi_range_ok(c, lba, 1))
		return;
	d = scsi_param(c);
	do {
		lba = lba_status_fill(c, lba, d + len);
		len += 16;
	} while (lba < c->lun->blocks && len + 16 <= MIN(alloc, 8u + LBA_STATUS_MAX * 16));
	be32_store(d, len - 4);
	scsi_answer(c, len, alloc);
}

const struct scsi_op scsi_space_ops[] = {
	{ "WRITE SAME(10)", SCSI_WRITE_SAME_10, -1, SCSI_OP_WRITES,
	  .usage = { 0, 0xe8, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0 }, scsi_write_same,
	  scsi_collect_data, scsi_write_same_finish, scsi_same_chore_done },
	{ "UNMAP", SCSI_UNMAP, -1, SCSI_OP_WRITES | SCSI_OP_THIN,
	  .usage = { 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0 }, scsi_unmap, scsi_collect_data,
	  scsi_unmap_finish, scsi_unmap_chore_done },
	{ "WRITE SAME(16)", SCSI_WRITE_SAME_16, -1, SCSI_OP_WRITES,
	  .usage = { 0, 0xe9, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		     0xff, 0, 0 }, scsi_write_same, scsi_collect_data, scsi_write_same_finish,
	  scsi_same_chore_done },
	{ .name = NULL },
};
const unsigned scsi_space_op_count = ARRAY_SIZE(scsi_space_ops) - 1;
