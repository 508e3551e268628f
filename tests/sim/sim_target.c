/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated target's disks. The one hard thing: to be as unkind as a real one may be and no
 * more; a fault that no target can have would only find faults of the simulation.
 */
#include <stdlib.h>
#include <string.h>

#include "iscsifs/cursor.h"
#include "sim.h"

void sim_target_init(struct sim *s)
{
	for (unsigned i = 0; i < SIM_LUNS; i++) {
		struct sim_disk *d = &s->disks[i];

		d->number = i;
		d->present = i < s->luns;
		d->ready = true;
		d->identity = d->first_identity = 100 + i;
		d->block_bytes = 512;
		d->blocks = SIM_DISK_BYTES / 512;
		d->write_cache = true;
		d->dpofua = true;
	}
}

void sim_target_ua(struct sim_disk *d, uint16_t code)
{
	for (unsigned i = 0; i < d->ua_count; i++) {
		if (d->uas[i] == code)
			return;
	}
	if (d->ua_count < SIM_UAS)
		d->uas[d->ua_count++] = code;
}

void sim_target_crash(struct sim *s, bool lose_cache)
{
	sim_trace(s, "target restarts%s", lose_cache ? ", its caches lost" : "");
	if (lose_cache)
		sim_model_crash(s);
	for (unsigned i = 0; i < SIM_LUNS; i++) {
		struct sim_disk *d = &s->disks[i];

		if (lose_cache) {
			memcpy(d->now, d->stable, sizeof(d->now));
			d->lost_in_secret = true;
		}
		d->ua_count = 0;
		if (d->identity != d->first_identity)
			sim_target_ua(d, SENSE_INQUIRY_DATA_CHANGED);
		sim_target_ua(d, SENSE_POWER_ON);
	}
}

void sim_target_swap(struct sim *s, unsigned lun)
{
	struct sim_disk *d = &s->disks[lun];

	sim_trace(s, "lun %u is another disk now", lun);
	d->identity += 1000;
	memset(d->now, 0xdd, sizeof(d->now));
	memset(d->stable, 0xdd, sizeof(d->stable));
	sim_target_ua(d, SENSE_INQUIRY_DATA_CHANGED);
}

void sim_target_is_known(struct sim *s, unsigned lun)
{
	struct sim_disk *d = &s->disks[lun];

	if (d->identity == d->first_identity)
		return;
	d->first_identity = d->identity;
	memset(d->now, 0, sizeof(d->now));
	memset(d->stable, 0, sizeof(d->stable));
	s->event++;
	for (unsigned u = 0; u < SIM_UNITS; u++)
		sim_model_set(s, &s->models[lun], u, 0, NULL, 0);
}

/* --- answers ------------------------------------------------------------------------------ */

static void sim_sense(struct sim_task *t, enum sense_key key, uint16_t code)
{
	t->status = SCSI_CHECK_CONDITION;
	t->sense = (struct sense){ .key = (uint8_t)key, .code = code };
}

/* @bytes at @data arrive, as far as there is room. */
static void sim_data_in(struct sim_task *t, const void *data, uint32_t bytes)
{
	t->data_bytes = MIN(bytes, t->in_room);
	t->data = malloc(t->data_bytes ? t->data_bytes : 1);
	BUG_ON(!t->data);
	memcpy(t->data, data, t->data_bytes);
	t->in_bytes = t->data_bytes;
}

static void sim_inquiry_standard(struct sim_task *t)
{
	uint8_t data[96] = { 0x00, 0, 0x06, 0x02, 91 };

	memcpy(data + 8, "SIM     DISK            0001", 28);
	sim_data_in(t, data, sizeof(data));
}

static void sim_inquiry_page(const struct sim_disk *d, struct sim_task *t)
{
	uint8_t data[64] = { 0, t->cdb[2] };
	uint32_t len = 0;

	switch (t->cdb[2]) {
	case VPD_SUPPORTED_PAGES:
		memcpy(data + 4, "\x00\x80\x83\xb0\xb1", 5);
		len = 5;
		break;
	case VPD_UNIT_SERIAL:
		len = 8;
		be64_store(data + 4, 0x3030303030303030u + d->identity);
		break;
	case VPD_DEVICE_ID:
		if (d->no_vpd_83)
			break;
		memcpy(data + 4, "\x01\x03\x00\x10\x60", 5);
		be32_store(data + 16, d->identity);
		len = 20;
		break;
	case VPD_BLOCK_LIMITS:
		be32_store(data + 8, d->max_transfer_blocks);
		len = 0x3c;
		break;
	case VPD_BLOCK_CHARACTERISTICS:
		data[5] = 1;
		len = 0x3c;
		break;
	default:
		break;
	}
	be16_store(data + 2, (uint16_t)len);
	if (len)
		sim_data_in(t, data, len + 4);
	else
		sim_sense(t, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
}

static void sim_capacity(const struct sim_disk *d, struct sim_task *t)
{
	uint8_t data[32] = { 0 };

	be64_store(data, d->blocks - 1);
	be32_store(data + 8, d->block_bytes);
	sim_data_in(t, data, sizeof(data));
}

static void sim_mode_sense(const struct sim_disk *d, struct sim_task *t)
{
	uint8_t data[24] = { 23, 0, 0, 0, 0x08, 18 };

	data[2] = (uint8_t)((d->write_protected ? 0x80 : 0) | (d->dpofua ? 0x10 : 0));
	data[6] = d->write_cache ? 0x04 : 0;
	sim_data_in(t, data, sizeof(data));
}

static void sim_report_luns(const struct sim *s, struct sim_task *t)
{
	uint8_t data[8 + 8 * SIM_LUNS] = { 0 };
	uint32_t n = 0;

	for (unsigned i = 0; i < SIM_LUNS; i++) {
		if (s->disks[i].present)
			be16_store(data + 8 + 8 * n++, lun_addr_of(i).raw);
	}
	be32_store(data, n * 8);
	sim_data_in(t, data, 8 + 8 * n);
}

/* --- reading and writing ------------------------------------------------------------------ */

static bool sim_in_range(const struct sim_disk *d, struct sim_task *t)
{
	if (t->lba + t->blocks <= d->blocks)
		return true;
	sim_sense(t, SENSE_ILLEGAL_REQUEST, SENSE_LBA_OUT_OF_RANGE);
	return false;
}

static void sim_disk_read(const struct sim_disk *d, struct sim_task *t)
{
	if (sim_in_range(d, t))
		sim_data_in(t, d->now + t->lba * d->block_bytes, t->blocks * d->block_bytes);
}

static void sim_disk_write(struct sim *s, struct sim_disk *d, struct sim_task *t)
{
	if (d->write_protected) {
		sim_sense(t, SENSE_DATA_PROTECT, SENSE_WRITE_PROTECTED);
		return;
	}
	if (!sim_in_range(d, t))
		return;
	if (d->identity != d->first_identity && !t->tp)
		return;		/* late: it was sent before the swap, nobody's fault */
	if (d->identity != d->first_identity)
		sim_broken(s, "a write reached another disk than it was for: lun %u", d->number);
	memcpy(d->now + t->lba * d->block_bytes, t->data, t->data_bytes);
	if (t->fua || !d->write_cache)
		memcpy(d->stable + t->lba * d->block_bytes, t->data, t->data_bytes);
}

static void sim_disk_sync(struct sim_disk *d, struct sim_task *t)
{
	if (t->cdb[0] == SCSI_SYNCHRONIZE_CACHE_16 ? d->no_sync_16 : d->no_sync_10)
		sim_sense(t, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_OPCODE);
	else
		memcpy(d->stable, d->now, sizeof(d->stable));
}

/* Unit attentions and readiness; true: the task is answered. */
static bool sim_refuses(struct sim_disk *d, struct sim_task *t)
{
	bool tells = t->cdb[0] == SCSI_INQUIRY || t->cdb[0] == SCSI_REPORT_LUNS;

	if (tells)
		return false;
	if (d->absent || !d->present) {
		sim_sense(t, SENSE_ILLEGAL_REQUEST, SENSE_LUN_NOT_SUPPORTED);
	} else if (d->ua_count) {
		sim_sense(t, SENSE_UNIT_ATTENTION, d->uas[0]);
		if (d->uas[0] == SENSE_INQUIRY_DATA_CHANGED)
			d->swap_fence = UINT64_MAX;	/* until the initiator has heard it */
		memmove(d->uas, d->uas + 1, --d->ua_count * sizeof(d->uas[0]));
	} else if ((t->is_read || t->is_write || t->is_sync) && t->seq < d->swap_fence) {
		sim_sense(t, SENSE_UNIT_ATTENTION, SENSE_INQUIRY_DATA_CHANGED);
	} else if (!d->ready) {
		sim_sense(t, SENSE_NOT_READY, SENSE_LUN_BECOMING_READY);
	} else {
		return false;
	}
	return true;
}

void sim_target_execute(struct sim *s, struct sim_task *t)
{
	struct sim_disk *d = &s->disks[t->lun];

	t->executed = true;
	t->status = SCSI_GOOD;
	if (sim_refuses(d, t))
		return;
	switch (t->cdb[0]) {
	case SCSI_TEST_UNIT_READY:
		break;
	case SCSI_INQUIRY:
		if (t->cdb[1] & 1)
			sim_inquiry_page(d, t);
		else
			sim_inquiry_standard(t);
		break;
	case SCSI_REPORT_LUNS:
		sim_report_luns(s, t);
		break;
	case SCSI_SERVICE_ACTION_IN_16:
		sim_capacity(d, t);
		break;
	case SCSI_MODE_SENSE_6:
		sim_mode_sense(d, t);
		break;
	case SCSI_READ_16:
		sim_disk_read(d, t);
		break;
	case SCSI_WRITE_16:
		sim_disk_write(s, d, t);
		break;
	case SCSI_SYNCHRONIZE_CACHE_16:
	case SCSI_SYNCHRONIZE_CACHE_10:
		sim_disk_sync(d, t);
		break;
	default:
		sim_sense(t, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_OPCODE);
		break;
	}
}
