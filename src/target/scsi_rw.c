/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands that read, write and compare blocks. The one hard thing: data is written as it comes,
 * so a command of any size needs no memory of its own; but where the disk would wait, or a chore is
 * at the same bytes, it is gathered in a chore's buffer and put away by a thread, a buffer at a
 * time. The first error stands and the rest of the data is then ignored. Source: SBC-3 section 5.
 */
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/cursor.h"
#include "target/chore.h"
#include "target/scsi_cmd.h"
#include "target/scsi_inquiry.h"
#include "target/scsi_range.h"
#include "target/scsi_work.h"

enum { RW_PROTECT = 0xe0, RW_DPO = 0x10, RW_FUA = 0x08 };

void scsi_range_of(const uint8_t *cdb, uint64_t *lba, uint64_t *blocks)
{
	switch (cdb[0] >> 5) {
	case 0:
		*lba = be24_load(cdb + 1) & 0x1fffff;
		*blocks = cdb[4] ? cdb[4] : 256;
		return;
	case 1:
	case 2:
		*lba = be32_load(cdb + 2);
		*blocks = be16_load(cdb + 7);
		return;
	case 5:
		*lba = be32_load(cdb + 2);
		*blocks = be32_load(cdb + 6);
		return;
	default:
		*lba = be64_load(cdb + 2);
		*blocks = be32_load(cdb + 10);
		return;
	}
}

bool scsi_range_ok(struct scsi_cmd *c, uint64_t lba, uint64_t blocks)
{
	if (lba >= c->lun->blocks || blocks > c->lun->blocks - lba) {
		scsi_fail(c, SENSE_ILLEGAL_REQUEST, SENSE_LBA_OUT_OF_RANGE);
		return false;
	}
	c->off = lba * c->lun->block_bytes;
	c->blocks = blocks;
	return true;
}

/* Judge protection bits and range. Returns false when the command has failed. */
static bool rw_begin(struct scsi_cmd *c)
{
	uint64_t lba, blocks;

	scsi_range_of(c->cdb, &lba, &blocks);
	if (scsi_cdb_len(c->cdb[0]) > 6) {
		if (c->cdb[1] & RW_PROTECT) {
			scsi_fail_field(c, 1);
			return false;
		}
		c->fua = c->cdb[1] & RW_FUA;
	}
	if (!scsi_range_ok(c, lba, blocks))
		return false;
	c->want = blocks * c->lun->block_bytes;
	return true;
}

static void scsi_read(struct scsi_cmd *c)
{
	if (!rw_begin(c))
		return;
	c->next = c->want ? SCSI_NEXT_READ : SCSI_NEXT_DONE;
}

/* --- data from the initiator --- */

static void rw_failed(struct scsi_cmd *c, const struct chore *ch, uint64_t at, int rc)
{
	if (rc == CHORE_DIFFERS) {
		scsi_fail(c, SENSE_MISCOMPARE, SENSE_MISCOMPARE_DURING_VERIFY);
		c->sense.has_info = true;
		c->sense.info = at + ch->moved;
	} else if (ch->failed_reading) {
		scsi_read_failed(c, rc, c->off + at);
	} else {
		scsi_write_failed(c, rc, c->off + at);
	}
}

/* A chore on @len bytes at @at of the command's. */
static void rw_aim(const struct scsi_cmd *c, struct chore *ch, uint64_t at, uint64_t len)
{
	bool looks = c->out.run == chore_compare || c->out.run == chore_compare_same;
	struct chore_range r = { c->lun, c->off + at, len };

	ch->run = c->out.run;
	ch->to = looks ? (struct chore_range){ 0 } : r;
	ch->from = looks ? r : (struct chore_range){ 0 };
}

static void rw_now(struct scsi_cmd *c, uint64_t at, const uint8_t *p, uint32_t len)
{
	struct chore ch = { .buf = (uint8_t *)(uintptr_t)p, .buf_bytes = len };
	int rc;

	rw_aim(c, &ch, at, len);
	if (c->out.run == chore_write)
		rc = disk_write_now(c->lun->disk, c->off + at, p, len);
	else
		rc = c->out.run(&ch);
	if (rc)
		rw_failed(c, &ch, at, rc);
}

/* From byte @from of the data on. */
static bool rw_gather(struct scsi_cmd *c, uint64_t from)
{
	c->out.gathers = scsi_new_chore(c, (uint32_t)MIN(c->want - from, (uint64_t)CHORE_BUFFER));
	c->out.from = from;
	return c->out.gathers;
}

/* A write to a page cache seldom waits, so it stays where it did not wait lately. */
static bool rw_leaves(const struct scsi_cmd *c)
{
	if (!c->chores)
		return false;
	if (c->out.run == chore_write ? disk_is_slow(c->lun->disk) : c->lun->disk->sleeps)
		return true;
	return chores_meet(c->chores, c->lun, c->off, c->want, true);
}

static void rw_begin_out(struct scsi_cmd *c, int (*run)(struct chore *))
{
	c->out.run = run;
	c->next = c->want ? SCSI_NEXT_DATA_OUT : SCSI_NEXT_DONE;
	if (c->want && rw_leaves(c))
		c->out.paced = rw_gather(c, 0);
}

/* Where byte @at of the data belongs in the buffer, and how many fit from there on. */
static uint8_t *rw_place(const struct scsi_cmd *c, uint64_t at, uint64_t *room)
{
	uint64_t in = at - c->out.from;

	*room = in < c->chore->buf_bytes ? c->chore->buf_bytes - in : 0;
	return c->chore->buf + in;
}

static void rw_data(struct scsi_cmd *c, uint64_t at, const uint8_t *p, uint32_t len)
{
	uint64_t room = 0;
	uint8_t *place;

	if (!c->out.gathers && c->lun->busy && c->chores &&
	    chores_meet(c->chores, c->lun, c->off + at, len, true) && !rw_gather(c, at)) {
		c->status = SCSI_GOOD;		/* without memory it cannot be put off */
		c->next = SCSI_NEXT_DATA_OUT;
	}
	if (c->out.gathers) {
		place = rw_place(c, at, &room);
		room = MIN(room, (uint64_t)len);
		memcpy(place, p, room);
	}
	if (room < len)
		rw_now(c, at + room, p + room, len - (uint32_t)room);
}

void *scsi_data_map(struct scsi_cmd *c, uint64_t at, uint32_t len)
{
	uint64_t room;
	void *place;

	if (c->op->data != rw_data || scsi_failed(c))
		return NULL;
	if (c->out.gathers) {
		place = rw_place(c, at, &room);
		return room >= len ? place : NULL;
	}
	if (c->out.run != chore_write || c->lun->busy)
		return NULL;
	return disk_map(c->lun->disk, c->off + at, len, true);
}

/* The buffer, which holds the data up to byte @to, is put away. */
static void rw_put_away(struct scsi_cmd *c, uint64_t to)
{
	rw_aim(c, c->chore, c->out.from, MIN(to - c->out.from, (uint64_t)c->chore->buf_bytes));
	c->out.to = to;
	c->away = true;
	scsi_work(c);
}

uint64_t scsi_room(const struct scsi_cmd *c)
{
	return c->out.paced ? c->out.from + c->chore->buf_bytes : UINT64_MAX;
}

bool scsi_drain(struct scsi_cmd *c, uint64_t got)
{
	if (scsi_failed(c) || got < scsi_room(c))
		return false;
	rw_put_away(c, got);
	return true;
}

static void rw_good(struct scsi_cmd *c)
{
	if (c->out.run == chore_compare)
		scsi_good(c);
	else
		scsi_good_written(c, c->fua);
}

static void rw_finish(struct scsi_cmd *c)
{
	c->out.complete = true;
	if (c->out.gathers && c->got > c->out.from)
		rw_put_away(c, c->got);
	else
		rw_good(c);
}

static void rw_chore_done(struct scsi_cmd *c, int rc)
{
	if (rc) {
		rw_failed(c, c->chore, c->out.from, rc);
		return;
	}
	c->out.from = c->out.to;
	if (c->out.complete)
		rw_good(c);
	else
		c->next = SCSI_NEXT_DATA_OUT;
}

static void scsi_write(struct scsi_cmd *c)
{
	if (rw_begin(c))
		rw_begin_out(c, chore_write);
}

/* SBC-3 5.13: read, or, write. */
static void scsi_orwrite(struct scsi_cmd *c)
{
	if (rw_begin(c))
		rw_begin_out(c, chore_or);
}

/* SBC-3 5.40. BYTCHK 0 verifies the medium, 1 compares as well: we do as much for both. */
static void scsi_write_verify(struct scsi_cmd *c)
{
	if ((c->cdb[1] >> 1 & 3) > 1) {
		scsi_fail_field(c, 1);
		return;
	}
	if (!rw_begin(c))
		return;
	c->fua = true;
	rw_begin_out(c, chore_write_verify);
}

/* --- VERIFY --- */

/*
 * SBC-3 5.29. BYTCHK 0: nothing comes, and a medium that is a file's cache has nothing to verify
 * but its range; 1: all blocks come; 3: one block comes, all are compared with it.
 */
static void scsi_verify(struct scsi_cmd *c)
{
	unsigned bytchk = c->cdb[1] >> 1 & 3;

	if (!rw_begin(c))
		return;
	c->fua = false;
	if (bytchk == 2) {
		scsi_fail_field(c, 1);
	} else if (bytchk == 0 || !c->blocks) {
		c->want = 0;
		scsi_good(c);
	} else if (bytchk == 1) {
		rw_begin_out(c, chore_compare);
	} else {
		c->out.run = chore_compare_same;
		scsi_collect(c, c->lun->block_bytes, 1);
	}
}

static void scsi_verify_data(struct scsi_cmd *c, uint64_t at, const uint8_t *p, uint32_t len)
{
	if (c->param_cap)
		scsi_collect_data(c, at, p, len);
	else
		rw_data(c, at, p, len);
}

/* The next blocks that are to be like the one that came. */
static void verify_next(struct scsi_cmd *c)
{
	uint64_t len = c->blocks * c->lun->block_bytes;

	if (c->done == len) {
		scsi_good(c);
		return;
	}
	rw_aim(c, c->chore, c->done, len - c->done);
	scsi_work(c);
}

static void scsi_verify_finish(struct scsi_cmd *c)
{
	if (!c->param_cap) {
		rw_finish(c);
		return;
	}
	c->away = scsi_leaves(c, c->off, c->blocks * c->lun->block_bytes);
	if (!scsi_new_chore(c, c->param_cap))
		return;
	memcpy(c->chore->buf, c->param, c->param_cap);
	verify_next(c);
}

static void scsi_verify_chore_done(struct scsi_cmd *c, int rc)
{
	if (!c->param_cap) {
		rw_chore_done(c, rc);
		return;
	}
	if (rc) {
		rw_failed(c, c->chore, 0, rc);
		return;
	}
	c->done += c->chore->moved;
	verify_next(c);
}

/* --- COMPARE AND WRITE --- */

/* SBC-3 5.2: the blocks to compare with, then the blocks to write. */
static void scsi_compare_and_write(struct scsi_cmd *c)
{
	uint64_t lba = be64_load(c->cdb + 2);
	uint32_t blocks = c->cdb[13];

	if (c->cdb[1] & RW_PROTECT) {
		scsi_fail_field(c, 1);
		return;
	}
	if (blocks > SCSI_CAW_MAX_BLOCKS) {
		scsi_fail_field(c, 13);
		return;
	}
	if (!scsi_range_ok(c, lba, blocks))
		return;
	c->fua = c->cdb[1] & RW_FUA;
	scsi_collect(c, 2 * blocks * c->lun->block_bytes, 13);
}

/* In one piece, with the range to itself: nobody comes between the comparing and the writing. */
static void scsi_compare_and_write_finish(struct scsi_cmd *c)
{
	c->away = scsi_leaves(c, c->off, c->param_cap / 2);
	if (!scsi_new_chore(c, c->param_cap))
		return;
	memcpy(c->chore->buf, c->param, c->param_cap);
	c->out.run = chore_compare_write;
	rw_aim(c, c->chore, 0, c->param_cap / 2);
	scsi_work(c);
}

static void scsi_compare_and_write_chore_done(struct scsi_cmd *c, int rc)
{
	if (rc)
		rw_failed(c, c->chore, 0, rc);
	else
		scsi_good_written(c, c->fua);
}

/* SBC-3 5.21. With IMMED the answer may come first; ours comes when it is true. */
static void scsi_synchronize_cache(struct scsi_cmd *c)
{
	uint64_t lba, blocks;

	scsi_range_of(c->cdb, &lba, &blocks);
	if (scsi_range_ok(c, lba, blocks))
		scsi_good_written(c, true);
}

/* SBC-3 5.10: nothing is fetched, and GOOD says that it may not all fit. */
static void scsi_prefetch(struct scsi_cmd *c)
{
	uint64_t lba, blocks;

	scsi_range_of(c->cdb, &lba, &blocks);
	if (scsi_range_ok(c, lba, blocks))
		scsi_good(c);
}

static void scsi_read_capacity_10(struct scsi_cmd *c)
{
	uint64_t last = c->lun->blocks - 1;
	uint8_t *d;

	if (!(c->cdb[8] & 1) && be32_load(c->cdb + 2)) {	/* an LBA without PMI */
		scsi_fail_field(c, 2);
		return;
	}
	d = scsi_param(c);
	be32_store(d, (uint32_t)MIN(last, (uint64_t)UINT32_MAX));
	be32_store(d + 4, c->lun->block_bytes);
	scsi_answer(c, 8, 8);
}

static void scsi_read_capacity_16(struct scsi_cmd *c)
{
	uint8_t *d = scsi_param(c);

	be64_store(d, c->lun->blocks - 1);
	be32_store(d + 8, c->lun->block_bytes);
	d[13] = (uint8_t)__builtin_ctz(c->lun->physical_bytes / c->lun->block_bytes);
	be16_store(d + 14, (uint16_t)c->lun->lowest_aligned);
	if (c->lun->thin)
		d[14] |= 0xc0;		/* LBPME, LBPRZ */
	scsi_answer(c, 32, be32_load(c->cdb + 10));
}

#define USAGE_10(flags) .usage = { 0, flags, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0 }
#define USAGE_12(flags) \
	.usage = { 0, flags, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0 }
#define USAGE_16(flags) \
	.usage = { 0, flags, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, \
		   0xff, 0, 0 }
#define USAGE_6 .usage = { 0, 0x1f, 0xff, 0xff, 0xff, 0 }
#define W SCSI_OP_WRITES

const struct scsi_op scsi_rw_ops[] = {
	{ "READ(6)", SCSI_READ_6, -1, 0, USAGE_6, scsi_read, 0, 0 },
	{ "WRITE(6)", SCSI_WRITE_6, -1, W, USAGE_6, scsi_write, rw_data, rw_finish,
	  rw_chore_done },
	{ "READ CAPACITY(10)", SCSI_READ_CAPACITY_10, -1, 0,
	  .usage = { 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0x01, 0 }, scsi_read_capacity_10, 0, 0 },
	{ "READ(10)", SCSI_READ_10, -1, 0, USAGE_10(0xf8), scsi_read, 0, 0 },
	{ "WRITE(10)", SCSI_WRITE_10, -1, W, USAGE_10(0xf8), scsi_write, rw_data, rw_finish,
	  rw_chore_done },
	{ "WRITE AND VERIFY(10)", SCSI_WRITE_VERIFY_10, -1, W, USAGE_10(0xf6), scsi_write_verify, rw_data,
	  rw_finish, rw_chore_done },
	{ "VERIFY(10)", SCSI_VERIFY_10, -1, 0, USAGE_10(0xf6), scsi_verify, scsi_verify_data,
	  scsi_verify_finish, scsi_verify_chore_done },
	{ "PRE-FETCH(10)", SCSI_PREFETCH_10, -1, 0, USAGE_10(0x02), scsi_prefetch, 0, 0 },
	{ "SYNCHRONIZE CACHE(10)", SCSI_SYNCHRONIZE_CACHE_10, -1, 0, USAGE_10(0x02),
	  scsi_synchronize_cache, 0, 0 },
	{ "READ(16)", SCSI_READ_16, -1, 0, USAGE_16(0xf8), scsi_read, 0, 0 },
	{ "COMPARE AND WRITE", SCSI_COMPARE_AND_WRITE, -1, W,
	  .usage = { 0, 0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0xff },
	  scsi_compare_and_write, scsi_collect_data, scsi_compare_and_write_finish,
	  scsi_compare_and_write_chore_done },
	{ "WRITE(16)", SCSI_WRITE_16, -1, W, USAGE_16(0xf8), scsi_write, rw_data, rw_finish,
	  rw_chore_done },
	{ "ORWRITE(16)", SCSI_ORWRITE_16, -1, W, USAGE_16(0xf8), scsi_orwrite, rw_data,
	  rw_finish, rw_chore_done },
	{ "WRITE AND VERIFY(16)", SCSI_WRITE_VERIFY_16, -1, W, USAGE_16(0xf6), scsi_write_verify, rw_data,
	  rw_finish, rw_chore_done },
	{ "VERIFY(16)", SCSI_VERIFY_16, -1, 0, USAGE_16(0xf6), scsi_verify, scsi_verify_data,
	  scsi_verify_finish, scsi_verify_chore_done },
	{ "PRE-FETCH(16)", SCSI_PREFETCH_16, -1, 0, USAGE_16(0x02), scsi_prefetch, 0, 0 },
	{ "SYNCHRONIZE CACHE(16)", SCSI_SYNCHRONIZE_CACHE_16, -1, 0, USAGE_16(0x02),
	  scsi_synchronize_cache, 0, 0 },
	{ "READ CAPACITY(16)", SCSI_SERVICE_ACTION_IN_16, SCSI_SA_READ_CAPACITY_16, 0,
	  .usage = { 0, 0x1f, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0 },
	  scsi_read_capacity_16, 0, 0 },
	{ "GET LBA STATUS", SCSI_SERVICE_ACTION_IN_16, SCSI_SA_GET_LBA_STATUS, 0, USAGE_16(0x1f),
	  scsi_get_lba_status, 0, 0 },
	{ "READ(12)", SCSI_READ_12, -1, 0, USAGE_12(0xf8), scsi_read, 0, 0 },
	{ "WRITE(12)", SCSI_WRITE_12, -1, W, USAGE_12(0xf8), scsi_write, rw_data, rw_finish,
	  rw_chore_done },
	{ "WRITE AND VERIFY(12)", SCSI_WRITE_VERIFY_12, -1, W, USAGE_12(0xf6), scsi_write_verify, rw_data,
	  rw_finish, rw_chore_done },
	{ "VERIFY(12)", SCSI_VERIFY_12, -1, 0, USAGE_12(0xf6), scsi_verify, scsi_verify_data,
	  scsi_verify_finish, scsi_verify_chore_done },
	{ .name = NULL },
};
const unsigned scsi_rw_op_count = ARRAY_SIZE(scsi_rw_ops) - 1;
