/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mode pages. The one hard thing: the two forms of the header, and the four kinds of values
 * (current, changeable, default, saved) that one request may ask for. SPC-4 6.11, 7.5; SBC-3 6.4.
 */
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/cursor.h"
#include "target/scsi_cmd.h"
#include "target/scsi_inquiry.h"

enum mode_values { MODE_CURRENT = 0, MODE_CHANGEABLE = 1, MODE_DEFAULT = 2, MODE_SAVED = 3 };
enum { MODE_ALL_PAGES = 0x3f, MODE_ALL_SUBPAGES = 0xff };

static void mode_caching(const struct lun *l, uint8_t *page)
{
	if (l->write_cache && l->disk->volatile_cache)
		page[2] = 0x04;		/* WCE */
}

static void mode_control(const struct lun *l, uint8_t *page)
{
	(void)l;
	page[3] = 0x10;			/* commands may be reordered freely */
}

static void mode_exceptions(const struct lun *l, uint8_t *page)
{
	(void)l;
	page[2] = 0x08;			/* DEXCPT: none are reported */
}

static const struct mode_page {
	uint8_t code;
	uint8_t bytes;			/* with the two of its header */
	void (*fill)(const struct lun *l, uint8_t *page);
} mode_page_table[] = {
	{ 0x08, 20, mode_caching },
	{ 0x0a, 12, mode_control },
	{ 0x1c, 12, mode_exceptions },
};

/* Append the pages asked for at @d. Returns their bytes, 0 when there is no such page. */
static uint32_t mode_pages(const struct scsi_cmd *c, enum mode_values values, uint8_t *d)
{
	uint8_t want = c->cdb[2] & 0x3f;
	uint32_t len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(mode_page_table); i++) {
		const struct mode_page *p = &mode_page_table[i];

		if (want != p->code && want != MODE_ALL_PAGES)
			continue;
		d[len] = p->code;
		d[len + 1] = p->bytes - 2;
		if (values != MODE_CHANGEABLE)
			p->fill(c->lun, d + len);
		len += p->bytes;
	}
	return len;
}

/* A block descriptor, short or (LLBAA) long: SBC-3 6.4.2. Returns its bytes. */
static uint32_t mode_block_descriptor(const struct lun *l, bool is_long, uint8_t *d)
{
	if (is_long) {
		be64_store(d, l->blocks);
		be32_store(d + 12, l->block_bytes);
		return 16;
	}
	be32_store(d, (uint32_t)MIN(l->blocks, (uint64_t)UINT32_MAX));
	be24_store(d + 5, l->block_bytes);
	return 8;
}

void scsi_mode_sense(struct scsi_cmd *c)
{
	bool ten = c->cdb[0] == SCSI_MODE_SENSE_10;
	bool is_long = ten && c->cdb[1] & 0x10;
	enum mode_values values = c->cdb[2] >> 6;
	uint32_t head = ten ? 8 : 4, descriptor = 0, pages;
	uint8_t *d = scsi_param(c);
	uint8_t specific = 0x10 | (c->lun->disk->write_protected ? 0x80 : 0);	/* DPOFUA, WP */

	if (values == MODE_SAVED) {
		scsi_fail(c, SENSE_ILLEGAL_REQUEST, SENSE_SAVING_NOT_SUPPORTED);
		return;
	}
	if (c->cdb[3] && c->cdb[3] != MODE_ALL_SUBPAGES) {
		scsi_fail_field(c, 3);
		return;
	}
	if (!(c->cdb[1] & 0x08))	/* DBD */
		descriptor = mode_block_descriptor(c->lun, is_long, d + head);
	pages = mode_pages(c, values, d + head + descriptor);
	if (!pages) {
		scsi_fail_field(c, 2);
		return;
	}
	if (ten) {
		be16_store(d, (uint16_t)(head + descriptor + pages - 2));
		d[3] = specific;
		d[4] = is_long;
		be16_store(d + 6, (uint16_t)descriptor);
	} else {
		d[0] = (uint8_t)(head + descriptor + pages - 1);
		d[2] = specific;
		d[3] = (uint8_t)descriptor;
	}
	scsi_answer(c, head + descriptor + pages, ten ? be16_load(c->cdb + 7) : c->cdb[4]);
}
