/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SCSI commands on small disks in memory: an input is a list of commands, each of a unit, an
 * initiator, a CDB, and data. Chores are carried out at once; unit 1 has chores for everything.
 */
#include "fuzz.h"

#include <string.h>

#include "target/chore.h"
#include "target/scsi_cmd.h"
#include "target/target.h"

enum { FUZZ_COMMANDS = 64, FUZZ_CHORES = 4096, FUZZ_READ = 65536 };

static struct target *fuzz_target;
static struct nexus fuzz_nexus[2];
static struct chores fuzz_chores;

static void fuzz_add(unsigned number, const char *backing, uint32_t block, bool thin,
		     bool protected)
{
	struct lun_options o = { .backing = backing,
				 .number = number,
				 .block_bytes = block,
				 .physical_bytes = 4096,
				 .write_cache = true,
				 .thin = thin,
				 .write_protected = protected };
	struct err e = ERR_INIT;

	FUZZ_CHECK(!target_add_lun(fuzz_target, &o, &e));
}

static void fuzz_set_up(void)
{
	struct err e = ERR_INIT;

	log_set_level(LOG_LEVEL_ERROR);
	FUZZ_CHECK(!target_new(&fuzz_target, "iqn.2026-11.example:fuzz", &e));
	fuzz_add(0, "ram:256K", 512, true, false);
	fuzz_add(1, "ram:256K", 4096, true, false);
	fuzz_add(2, "ram:64K", 512, false, false);
	fuzz_add(3, "ram:64K", 512, true, true);
	chores_init(&fuzz_chores);
	fuzz_target->lun[1]->disk->sleeps = true;
	fuzz_target->lun[1]->disk->slow_until_us = UINT64_MAX;
}

/* As after a power cut, so that every input finds the same. */
static void fuzz_begin(void)
{
	for (unsigned i = 0; i < fuzz_target->luns; i++) {
		struct disk *d = fuzz_target->lun[i]->disk;

		FUZZ_CHECK(!disk_zero(d, 0, d->size, true));
	}
	target_power_cycle(fuzz_target);
	for (unsigned i = 0; i < ARRAY_SIZE(fuzz_nexus); i++) {
		uint8_t isid[6] = { (uint8_t)i };

		nexus_begin(&fuzz_nexus[i], fuzz_target, "iqn.2026-11.example:me", isid);
		memset(fuzz_nexus[i].ua, 0, sizeof(fuzz_nexus[i].ua));
	}
}

static void fuzz_end(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(fuzz_nexus); i++) {
		FUZZ_CHECK(!fuzz_nexus[i].collected_bytes);
		nexus_end(&fuzz_nexus[i]);
	}
}

static void fuzz_chore(struct scsi_cmd *c)
{
	c->chore->moved = 0;
	scsi_chore_done(c, c->chore->run(c->chore));
}

/* The data that a command asked for: what is there of it, then zeros. */
static void fuzz_send(struct scsi_cmd *c, struct cursor *in)
{
	static uint8_t piece[4096];
	uint64_t len = MIN(c->want, c->out_bytes), at = 0;

	while (at < len) {
		uint32_t n = (uint32_t)MIN(len - at, (uint64_t)sizeof(piece));
		size_t got;
		const uint8_t *p = fuzz_take(in, n, &got);

		memset(piece, 0, sizeof(piece));
		memcpy(piece, p, got);
		scsi_data(c, at, piece, n);
		at += n;
		if (at < len && scsi_drain(c, at)) {
			fuzz_chore(c);
			if (c->next != SCSI_NEXT_DATA_OUT)
				return;
		}
	}
	scsi_finish(c, at);
}

/* What it answers with must be memory that is there. */
static void fuzz_receive(struct scsi_cmd *c)
{
	static uint8_t seen[FUZZ_READ];

	if (c->next == SCSI_NEXT_PARAM_IN) {
		FUZZ_CHECK(c->want <= sizeof(seen));
		memcpy(seen, c->param, c->want);
		return;
	}
	FUZZ_CHECK(c->off + c->want <= c->lun->disk->size);
	for (uint64_t at = 0; at < c->want; at += sizeof(seen))
		FUZZ_CHECK(!disk_read(c->lun->disk, c->off + at, seen,
				      MIN(c->want - at, (uint64_t)sizeof(seen))));
}

static void fuzz_carry_out(struct scsi_cmd *c, struct cursor *in)
{
	unsigned chores = 0;

	scsi_begin(c);
	if (c->next == SCSI_NEXT_DATA_OUT)
		fuzz_send(c, in);
	while (c->next == SCSI_NEXT_CHORE) {
		FUZZ_CHECK(chores++ < FUZZ_CHORES);
		if (chores == 3 && c->cdb[15])	/* aborted */
			return;
		fuzz_chore(c);
	}
	if (c->next == SCSI_NEXT_READ || c->next == SCSI_NEXT_PARAM_IN)
		fuzz_receive(c);
	else if (c->next == SCSI_NEXT_FLUSH)
		scsi_flushed(c, disk_flush(c->lun->disk));
	else
		FUZZ_CHECK(c->next == SCSI_NEXT_DONE);
}

static void fuzz_command(struct cursor *in)
{
	struct scsi_cmd c = { 0 };
	uint8_t who = cursor_u8(in), sense[SENSE_DESCRIPTOR_MAX];
	size_t n;
	const uint8_t *cdb;

	c.out_bytes = cursor_be16(in);
	cdb = fuzz_take(in, CDB_MAX, &n);
	memcpy(c.cdb, cdb, n);
	c.target = fuzz_target;
	c.nexus = &fuzz_nexus[who >> 7];
	c.lun_number = who & 0x7f;
	c.lun = target_lun(fuzz_target, c.lun_number);
	c.chores = &fuzz_chores;
	fuzz_carry_out(&c, in);
	FUZZ_CHECK(sense_encode(&c.sense, who & 0x40, sense) <= sizeof(sense));
	scsi_end(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct cursor in = cursor_of(data, len);

	if (!fuzz_target)
		fuzz_set_up();
	fuzz_begin();
	for (int i = 0; i < FUZZ_COMMANDS && cursor_left(&in); i++)
		fuzz_command(&in);
	fuzz_end();
	return 0;
}
