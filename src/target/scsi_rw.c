/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands that read, write and compare blocks. The one hard thing: data is written as it comes,
 * so a command of any size needs no memory of its own; the first error stands and the rest of the
 * data is then ignored. Source: SBC-3 section 5.
 */
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/cursor.h"
#include "target/scsi_cmd.h"
#include "target/scsi_inquiry.h"
#include "target/scsi_range.h"

enum { RW_CHUNK = 65536, RW_PROTECT = 0xe0, RW_DPO = 0x10, RW_FUA = 0x08 };

static uint8_t rw_chunk[RW_CHUNK];

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

static void scsi_write(struct scsi_cmd *c)
{
	if (!rw_begin(c))
		return;
	c->next = c->want ? SCSI_NEXT_DATA_OUT : SCSI_NEXT_DONE;
}

static void scsi_write_data(struct scsi_cmd *c, uint64_t at, const uint8_t *p, uint32_t len)
{
	int rc = disk_write(c->lun->disk, c->off + at, p, len);

	if (rc)
		scsi_write_failed(c, rc, c->off + at);
}

static void scsi_write_finish(struct scsi_cmd *c)
{
	scsi_good_written(c, c->fua);
}

void *scsi_data_map(struct scsi_cmd *c, uint64_t at, uint32_t len)
{
	if (c->op->data != scsi_write_data || scsi_failed(c))
		return NULL;
	return disk_map(c->lun->disk, c->off + at, len, true);
}

/* Compare @len bytes of the disk at @off with @p: MISCOMPARE with the offset in the data. */
static void rw_compare(struct scsi_cmd *c, uint64_t off, uint64_t at, const uint8_t *p, uint32_t len)
{
	while (len && !scsi_failed(c)) {
		uint32_t n = MIN(len, (uint32_t)RW_CHUNK);
		int rc = disk_read(c->lun->disk, off, rw_chunk, n);

		if (rc) {
			scsi_read_failed(c, rc, off);
		} else if (memcmp(rw_chunk, p, n)) {
			uint32_t i = 0;

			while (rw_chunk[i] == p[i])
				i++;
			scsi_fail(c, SENSE_MISCOMPARE, SENSE_MISCOMPARE_DURING_VERIFY);
			c->sense.has_info = true;
			c->sense.info = at + i;
		}
		off += n;
		at += n;
		p += n;
		len -= n;
	}
}

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
		c->next = SCSI_NEXT_DATA_OUT;
	} else {
		scsi_collect(c, c->lun->block_bytes, 1);
	}
}

static void scsi_verify_data(struct scsi_cmd *c, uint64_t at, const uint8_t *p, uint32_t len)
{
	if (c->param_cap)
		scsi_collect_data(c, at, p, len);
	else
		rw_compare(c, c->off + at, at, p, len);
}

static void scsi_verify_finish(struct scsi_cmd *c)
{
	uint32_t bs = c->lun->block_bytes;

	scsi_good(c);
	for (uint64_t i = 0; c->param_cap && i < c->blocks && !scsi_failed(c); i++)
		rw_compare(c, c->off + i * bs, 0, c->param, bs);
}

/* SBC-3 5.40. BYTCHK 0 verifies the medium, 1 compares as well: we do as much for both. */
static void scsi_write_verify(struct scsi_cmd *c)
{
	if ((c->cdb[1] >> 1 & 3) > 1) {
		scsi_fail_field(c, 1);
		return;
	}
	scsi_write(c);
	c->fua = true;
}

static void scsi_write_verify_data(struct scsi_cmd *c, uint64_t at, const uint8_t *p, uint32_t len)
{
	scsi_write_data(c, at, p, len);
	if (!scsi_failed(c))
		rw_compare(c, c->off + at, at, p, len);
}

/* SBC-3 5.13: read, or, write, as data comes. */
static void scsi_orwrite_data(struct scsi_cmd *c, uint64_t at, const uint8_t *p, uint32_t len)
{
	while (len && !scsi_failed(c)) {
		uint32_t n = MIN(len, (uint32_t)RW_CHUNK);
		int rc = disk_read(c->lun->disk, c->off + at, rw_chunk, n);

		if (rc) {
			scsi_read_failed(c, rc, c->off + at);
			return;
		}
		for (uint32_t i = 0; i < n; i++)
			rw_chunk[i] |= p[i];
		scsi_write_data(c, at, rw_chunk, n);
		at += n;
		p += n;
		len -= n;
	}
}

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

static void scsi_compare_and_write_finish(struct scsi_cmd *c)
{
	uint32_t half = c->param_cap / 2;

	rw_compare(c, c->off, 0, c->param, half);
	if (!scsi_failed(c))
		scsi_write_data(c, 0, c->param + half, half);
	if (!scsi_failed(c))
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
	{ "WRITE(6)", SCSI_WRITE_6, -1, W, USAGE_6, scsi_write, scsi_write_data,
	  scsi_write_finish },
	{ "READ CAPACITY(10)", SCSI_READ_CAPACITY_10, -1, 0,
	  .usage = { 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0x01, 0 }, scsi_read_capacity_10, 0, 0 },
	{ "READ(10)", SCSI_READ_10, -1, 0, USAGE_10(0xf8), scsi_read, 0, 0 },
	{ "WRITE(10)", SCSI_WRITE_10, -1, W, USAGE_10(0xf8), scsi_write, scsi_write_data,
	  scsi_write_finish },
	{ "WRITE AND VERIFY(10)", SCSI_WRITE_VERIFY_10, -1, W, USAGE_10(0xf6), scsi_write_verify,
	  scsi_write_verify_data, scsi_write_finish },
	{ "VERIFY(10)", SCSI_VERIFY_10, -1, 0, USAGE_10(0xf6), scsi_verify, scsi_verify_data,
	  scsi_verify_finish },
	{ "PRE-FETCH(10)", SCSI_PREFETCH_10, -1, 0, USAGE_10(0x02), scsi_prefetch, 0, 0 },
	{ "SYNCHRONIZE CACHE(10)", SCSI_SYNCHRONIZE_CACHE_10, -1, 0, USAGE_10(0x02),
	  scsi_synchronize_cache, 0, 0 },
	{ "READ(16)", SCSI_READ_16, -1, 0, USAGE_16(0xf8), scsi_read, 0, 0 },
	{ "COMPARE AND WRITE", SCSI_COMPARE_AND_WRITE, -1, W,
	  .usage = { 0, 0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0xff },
	  scsi_compare_and_write, scsi_collect_data, scsi_compare_and_write_finish },
	{ "WRITE(16)", SCSI_WRITE_16, -1, W, USAGE_16(0xf8), scsi_write, scsi_write_data,
	  scsi_write_finish },
	{ "ORWRITE(16)", SCSI_ORWRITE_16, -1, W, USAGE_16(0xf8), scsi_write, scsi_orwrite_data,
	  scsi_write_finish },
	{ "WRITE AND VERIFY(16)", SCSI_WRITE_VERIFY_16, -1, W, USAGE_16(0xf6), scsi_write_verify,
	  scsi_write_verify_data, scsi_write_finish },
	{ "VERIFY(16)", SCSI_VERIFY_16, -1, 0, USAGE_16(0xf6), scsi_verify, scsi_verify_data,
	  scsi_verify_finish },
	{ "PRE-FETCH(16)", SCSI_PREFETCH_16, -1, 0, USAGE_16(0x02), scsi_prefetch, 0, 0 },
	{ "SYNCHRONIZE CACHE(16)", SCSI_SYNCHRONIZE_CACHE_16, -1, 0, USAGE_16(0x02),
	  scsi_synchronize_cache, 0, 0 },
	{ "READ CAPACITY(16)", SCSI_SERVICE_ACTION_IN_16, SCSI_SA_READ_CAPACITY_16, 0,
	  .usage = { 0, 0x1f, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0 },
	  scsi_read_capacity_16, 0, 0 },
	{ "GET LBA STATUS", SCSI_SERVICE_ACTION_IN_16, SCSI_SA_GET_LBA_STATUS, 0, USAGE_16(0x1f),
	  scsi_get_lba_status, 0, 0 },
	{ "READ(12)", SCSI_READ_12, -1, 0, USAGE_12(0xf8), scsi_read, 0, 0 },
	{ "WRITE(12)", SCSI_WRITE_12, -1, W, USAGE_12(0xf8), scsi_write, scsi_write_data,
	  scsi_write_finish },
	{ "WRITE AND VERIFY(12)", SCSI_WRITE_VERIFY_12, -1, W, USAGE_12(0xf6), scsi_write_verify,
	  scsi_write_verify_data, scsi_write_finish },
	{ "VERIFY(12)", SCSI_VERIFY_12, -1, 0, USAGE_12(0xf6), scsi_verify, scsi_verify_data,
	  scsi_verify_finish },
	{ .name = NULL },
};
const unsigned scsi_rw_op_count = ARRAY_SIZE(scsi_rw_ops) - 1;
