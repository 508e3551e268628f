/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asking a LUN who it is. The one hard thing: every answer but the capacity is optional, and a unit
 * attention may come before any of them; so the questions are rows of a table, and a row says
 * whether a refusal matters.
 */
#include "probe.h"

#include <stdio.h>
#include <string.h>

#include "iscsifs/check.h"
#include "verdict.h"

enum { PROBE_ATTENTIONS = 32, PROBE_RETRIES = 5 };

struct probe_step {
	const char *name;
	uint8_t page;			/* of a VPD question */
	bool required;
	/* Build the CDB and return its length, or 0 to leave the question out. */
	unsigned (*ask)(const struct probe *p, uint8_t page, uint8_t cdb[CDB_MAX]);
	/* Take @bytes of p->buf; false: they make no sense. */
	bool (*learn)(struct probe *p, uint32_t bytes);
};

static unsigned probe_ask_ready(const struct probe *p, uint8_t page, uint8_t cdb[CDB_MAX])
{
	(void)p;
	(void)page;
	return cdb_test_unit_ready(cdb);
}

static bool probe_learn_nothing(struct probe *p, uint32_t bytes)
{
	(void)p;
	(void)bytes;
	return true;
}

static unsigned probe_ask_inquiry(const struct probe *p, uint8_t page, uint8_t cdb[CDB_MAX])
{
	(void)p;
	(void)page;
	return cdb_inquiry(cdb, -1, 96);
}

static bool probe_learn_inquiry(struct probe *p, uint32_t bytes)
{
	struct scsi_inquiry inq;

	if (!scsi_inquiry_decode(p->buf, bytes, &inq))
		return false;
	memcpy(p->facts.vendor, inq.vendor, sizeof(inq.vendor));
	memcpy(p->facts.product, inq.product, sizeof(inq.product));
	memcpy(p->facts.revision, inq.revision, sizeof(inq.revision));
	return true;
}

static unsigned probe_ask_page(const struct probe *p, uint8_t page, uint8_t cdb[CDB_MAX])
{
	if (page != VPD_SUPPORTED_PAGES && !vpd_has_page(p->pages, p->pages_bytes, page))
		return 0;
	return cdb_inquiry(cdb, page, 255);
}

static bool probe_learn_pages(struct probe *p, uint32_t bytes)
{
	p->pages_bytes = MIN(bytes, (uint32_t)sizeof(p->pages));
	memcpy(p->pages, p->buf, p->pages_bytes);
	return true;
}

static bool probe_learn_serial(struct probe *p, uint32_t bytes)
{
	(void)vpd_serial_decode(p->buf, bytes, p->facts.serial, sizeof(p->facts.serial));
	return true;
}

static bool probe_learn_device_id(struct probe *p, uint32_t bytes)
{
	(void)vpd_device_id_decode(p->buf, bytes, p->facts.wwid, sizeof(p->facts.wwid));
	return true;
}

static bool probe_learn_limits(struct probe *p, uint32_t bytes)
{
	(void)vpd_limits_decode(p->buf, bytes, &p->limits);
	return true;
}

static bool probe_learn_medium(struct probe *p, uint32_t bytes)
{
	p->facts.rotational = vpd_is_rotational(p->buf, bytes);
	return true;
}

static unsigned probe_ask_capacity_16(const struct probe *p, uint8_t page, uint8_t cdb[CDB_MAX])
{
	(void)p;
	(void)page;
	return cdb_read_capacity_16(cdb, 32);
}

static bool probe_take_capacity(struct probe *p, const struct scsi_capacity *c)
{
	p->facts.blocks = c->blocks;
	p->facts.block_bytes = c->block_bytes;
	p->facts.physical_block_bytes = c->physical_block_bytes;
	p->facts.thin = c->thin;
	p->facts.zeroes_unmapped = c->zeroes_unmapped;
	return true;
}

static bool probe_learn_capacity_16(struct probe *p, uint32_t bytes)
{
	struct scsi_capacity c;

	return scsi_capacity_16_decode(p->buf, bytes, &c) && probe_take_capacity(p, &c);
}

/* Only where READ CAPACITY(16) was refused: a disk of before SBC-2. */
static unsigned probe_ask_capacity_10(const struct probe *p, uint8_t page, uint8_t cdb[CDB_MAX])
{
	(void)page;
	return p->facts.blocks ? 0 : cdb_read_capacity_10(cdb);
}

static bool probe_learn_capacity_10(struct probe *p, uint32_t bytes)
{
	struct scsi_capacity c;

	return scsi_capacity_10_decode(p->buf, bytes, &c) && probe_take_capacity(p, &c);
}

static unsigned probe_ask_mode(const struct probe *p, uint8_t page, uint8_t cdb[CDB_MAX])
{
	(void)p;
	return cdb_mode_sense_6(cdb, page, 252);
}

static bool probe_learn_mode(struct probe *p, uint32_t bytes)
{
	struct scsi_mode m;

	if (scsi_mode_6_decode(p->buf, bytes, &m)) {
		p->facts.write_protected = m.write_protected;
		p->facts.fua = m.fua;
		p->facts.write_cache = m.write_cache;
	}
	return true;
}

static const struct probe_step probe_steps[] = {
	{ "TEST UNIT READY", 0, true, probe_ask_ready, probe_learn_nothing },
	{ "INQUIRY", 0, true, probe_ask_inquiry, probe_learn_inquiry },
	{ "INQUIRY page 00", VPD_SUPPORTED_PAGES, false, probe_ask_page, probe_learn_pages },
	{ "INQUIRY page 80", VPD_UNIT_SERIAL, false, probe_ask_page, probe_learn_serial },
	{ "INQUIRY page 83", VPD_DEVICE_ID, false, probe_ask_page, probe_learn_device_id },
	{ "INQUIRY page b0", VPD_BLOCK_LIMITS, false, probe_ask_page, probe_learn_limits },
	{ "INQUIRY page b1", VPD_BLOCK_CHARACTERISTICS, false, probe_ask_page, probe_learn_medium },
	{ "READ CAPACITY(16)", 0, false, probe_ask_capacity_16, probe_learn_capacity_16 },
	{ "READ CAPACITY(10)", 0, true, probe_ask_capacity_10, probe_learn_capacity_10 },
	{ "MODE SENSE(6)", 0x3f, false, probe_ask_mode, probe_learn_mode },
};

static void probe_cmd_done(struct transport_cmd *cmd);

/* Ask the next question that applies. 1: there is none left; 0: asked; -errno: cannot be sent. */
static int probe_ask(struct probe *p)
{
	for (; p->step < ARRAY_SIZE(probe_steps); p->step++) {
		const struct probe_step *s = &probe_steps[p->step];
		uint8_t cdb[CDB_MAX];
		unsigned len = s->ask(p, s->page, cdb);

		if (!len)
			continue;
		memset(p->buf, 0, sizeof(p->buf));
		p->cmd.done = probe_cmd_done;
		p->asked = p->cmd.older_moved = loop_now(p->loop);
		return transport_command(p->tp, &p->cmd, p->addr, cdb, len,
					 p->step ? p->buf : NULL, p->step ? sizeof(p->buf) : 0,
					 NULL, 0);
	}
	return 1;
}

static void probe_next(struct probe *p)
{
	int rc = probe_ask(p);

	if (rc > 0) {
		p->done(p, PROBE_READY);
	} else if (rc < 0) {
		snprintf(p->text, sizeof(p->text), "%s could not be sent",
			 probe_steps[p->step].name);
		p->done(p, PROBE_FAILED);
	}
}

static void probe_note_attention(struct probe *p)
{
	p->nexus_loss |= p->cmd.sense.code == SENSE_NEXUS_LOSS;
}

/* The answer made no sense, or was a refusal. */
static void probe_refused(struct probe *p)
{
	const struct probe_step *s = &probe_steps[p->step];
	char sense[64];

	if (!s->required) {
		p->step++;
		probe_next(p);
		return;
	}
	snprintf(p->text, sizeof(p->text), "%s: %s", s->name,
		 p->cmd.status == SCSI_CHECK_CONDITION
			 ? sense_print(&p->cmd.sense, sense, sizeof(sense))
			 : "an answer that makes no sense");
	p->done(p, PROBE_FAILED);
}

static void probe_not_ready(struct probe *p)
{
	p->sense = p->cmd.sense;
	p->done(p, PROBE_NOT_READY);
}

/* Refused for good only when it says that it does not know the question. */
static void probe_failed(struct probe *p)
{
	uint8_t page = probe_steps[p->step].page;
	bool unknown = p->cmd.status == SCSI_CHECK_CONDITION &&
		       p->cmd.sense.key == SENSE_ILLEGAL_REQUEST;

	if (!unknown && p->retries++ < PROBE_RETRIES)
		probe_next(p);
	else if (!unknown && (page == VPD_UNIT_SERIAL || page == VPD_DEVICE_ID))
		probe_not_ready(p);	/* without its name it would be another disk */
	else
		probe_refused(p);
}

/* A LUN of another kind (tape, changer) may never be ready: INQUIRY is answered all the same. */
static void probe_not_ready_yet(struct probe *p)
{
	bool absent = p->cmd.sense.code == SENSE_LUN_NOT_SUPPORTED;

	if (p->step > 0 || absent) {
		probe_not_ready(p);
		return;
	}
	p->unready = true;
	p->sense = p->cmd.sense;
	p->step++;
	probe_next(p);
}

static void probe_good(struct probe *p)
{
	uint8_t type = p->buf[0] & 0x1f;

	/* INQUIRY tells at once whether there is any point in asking on. */
	if (probe_steps[p->step].ask == probe_ask_inquiry &&
	    (p->buf[0] >> 5 || (type != SCSI_TYPE_DISK && type != SCSI_TYPE_OPTICAL &&
				type != SCSI_TYPE_RBC))) {
		p->absent = p->buf[0] >> 5;
		p->done(p, PROBE_NOT_A_DISK);
		return;
	}
	if (!probe_steps[p->step].learn(p, p->cmd.in_bytes)) {
		probe_refused(p);
		return;
	}
	p->step++;
	if (p->unready && p->step > 1)
		p->done(p, PROBE_NOT_READY);
	else
		probe_next(p);
}

static void probe_forget(struct probe *p)
{
	p->step = 0;
	p->unready = false;
	p->pages_bytes = 0;
	p->limits = (struct scsi_limits){ 0 };
	p->facts = (struct lun_facts){ .number = lun_addr_number(p->addr), .rotational = true };
}

/* Something happened to the LUN: what it said before may be of another disk. */
static void probe_again(struct probe *p)
{
	probe_forget(p);
	probe_next(p);
}

static void probe_cmd_done(struct transport_cmd *cmd)
{
	struct probe *p = container_of(cmd, struct probe, cmd);
	struct verdict v = verdict_of(cmd->rejected, cmd->status, &cmd->sense);

	if (p->stopped) {
		/* A unit attention is told once. */
		if (v.kind == VERDICT_ATTENTION) {
			probe_note_attention(p);
			p->attention(p);
		}
		p->done(p, PROBE_STOPPED);
		return;
	}
	switch (v.kind) {
	case VERDICT_GOOD:
		probe_good(p);
		break;
	case VERDICT_ATTENTION:
		probe_note_attention(p);
		p->attention(p);
		if (p->attentions++ < PROBE_ATTENTIONS)
			probe_again(p);
		else
			probe_not_ready(p);
		break;
	case VERDICT_RETRY:
		if (p->retries++ < PROBE_RETRIES)
			probe_next(p);
		else
			probe_not_ready(p);
		break;
	case VERDICT_BUSY:
		probe_not_ready(p);
		break;
	case VERDICT_NOT_READY:
		probe_not_ready_yet(p);
		break;
	case VERDICT_FAIL:
		probe_failed(p);
		break;
	}
}

int probe_start(struct probe *p, struct loop *loop, struct transport *tp, struct lun_addr addr,
		void (*attention)(struct probe *),
		void (*done)(struct probe *, enum probe_result))
{
	memset(p, 0, sizeof(*p));
	p->loop = loop;
	p->tp = tp;
	p->addr = addr;
	p->attention = attention;
	p->done = done;
	probe_forget(p);
	return probe_ask(p);
}

void probe_stop(struct probe *p)
{
	p->stopped = true;
}

bool probe_same_disk(const struct lun_facts *before, const struct lun_facts *now)
{
	if (*before->wwid && *now->wwid)
		return !strcmp(before->wwid, now->wwid);
	if (*before->serial && *now->serial)
		return !strcmp(before->serial, now->serial);
	if (*before->wwid || *now->wwid || *before->serial || *now->serial)
		return false;
	return !strcmp(before->vendor, now->vendor) && !strcmp(before->product, now->product);
}
