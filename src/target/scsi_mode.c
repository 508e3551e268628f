/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mode pages. The one hard thing: the two forms of the header, and the four kinds of values
 * (current, changeable, default, saved) that one request may ask for; what is set must differ from
 * what is there in changeable bits only. SPC-4 6.9-6.12, 7.5; SBC-3 6.4.
 */
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/cursor.h"
#include "target/scsi_cmd.h"
#include "target/scsi_inquiry.h"

enum mode_values { MODE_CURRENT = 0, MODE_CHANGEABLE = 1, MODE_DEFAULT = 2, MODE_SAVED = 3 };
enum { MODE_ALL_PAGES = 0x3f, MODE_ALL_SUBPAGES = 0xff };

/* Values and, for each, the bits that MODE SELECT may change; both without the page's header. */
static void mode_caching(const struct lun *l, uint8_t *page)
{
	page[2] = lun_caches_writes(l) ? 0x04 : 0;		/* WCE */
}

static void mode_caching_mask(const struct lun *l, uint8_t *page)
{
	page[2] = l->disk->volatile_cache ? 0x04 : 0;
}

static void mode_caching_set(struct lun *l, const uint8_t *page)
{
	l->write_cache = page[2] & 0x04;
}

static void mode_control(const struct lun *l, uint8_t *page)
{
	page[2] = l->descriptor_sense ? 0x04 : 0;		/* D_SENSE */
	page[3] = 0x10;						/* commands may be reordered */
	page[4] = l->software_protected ? 0x08 : 0;		/* SWP */
}

static void mode_control_mask(const struct lun *l, uint8_t *page)
{
	(void)l;
	page[2] = 0x04;
	page[4] = 0x08;
}

static void mode_control_set(struct lun *l, const uint8_t *page)
{
	l->descriptor_sense = page[2] & 0x04;
	l->software_protected = page[4] & 0x08;
}

static void mode_exceptions(const struct lun *l, uint8_t *page)
{
	(void)l;
	page[2] = 0x08;						/* DEXCPT: none are reported */
}

static const struct mode_page {
	uint8_t code;
	uint8_t bytes;			/* with the two of its header */
	void (*fill)(const struct lun *l, uint8_t *page);
	void (*mask)(const struct lun *l, uint8_t *page);
	void (*set)(struct lun *l, const uint8_t *page);
} mode_page_table[] = {
	{ 0x08, 20, mode_caching, mode_caching_mask, mode_caching_set },
	{ 0x0a, 12, mode_control, mode_control_mask, mode_control_set },
	{ 0x1c, 12, mode_exceptions, NULL, NULL },
};

static void mode_fill(const struct mode_page *p, const struct lun *l, enum mode_values values,
		      uint8_t *d)
{
	struct lun fresh = *l;

	memset(d, 0, p->bytes);
	fresh.write_cache = l->write_cache_default;
	fresh.software_protected = false;
	fresh.descriptor_sense = false;
	if (values == MODE_CHANGEABLE && p->mask)
		p->mask(l, d);
	else if (values != MODE_CHANGEABLE)
		p->fill(values == MODE_DEFAULT ? &fresh : l, d);
	d[0] = p->code;
	d[1] = p->bytes - 2;
}

/* Append the pages asked for at @d. Returns their bytes, 0 when there is no such page. */
static uint32_t mode_pages(const struct scsi_cmd *c, enum mode_values values, uint8_t *d)
{
	uint8_t want = c->cdb[2] & 0x3f;
	uint32_t len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(mode_page_table); i++) {
		const struct mode_page *p = &mode_page_table[i];

		if (want != p->code && want != MODE_ALL_PAGES)
			continue;
		mode_fill(p, c->lun, values, d + len);
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
	uint8_t specific = 0x10 | (lun_is_protected(c->lun) ? 0x80 : 0);	/* DPOFUA, WP */

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

/* --- MODE SELECT --- */

static bool mode_is_ten(const struct scsi_cmd *c)
{
	return c->cdb[0] == SCSI_MODE_SELECT_10;
}

void scsi_mode_select(struct scsi_cmd *c)
{
	uint32_t len = mode_is_ten(c) ? be16_load(c->cdb + 7) : c->cdb[4];

	if ((c->cdb[1] & 0x11) != 0x10)		/* PF must be set, SP must not */
		scsi_fail_field(c, 1);
	else
		scsi_collect(c, len, mode_is_ten(c) ? 7 : 4);
}

/* A page of the list: the same as now, but for bits that may change? Takes it off @list. */
static const struct mode_page *mode_take_page(struct scsi_cmd *c, struct cursor *list,
					      const uint8_t **value)
{
	unsigned at = (unsigned)(list->p - c->param);
	const struct mode_page *p = NULL;
	uint8_t now[32], mask[32];

	for (size_t i = 0; i < ARRAY_SIZE(mode_page_table); i++) {
		if (mode_page_table[i].code == list->p[0])
			p = &mode_page_table[i];
	}
	if (!p || !(*value = cursor_take(list, p->bytes)) || (*value)[1] != p->bytes - 2) {
		scsi_fail_param(c, at);
		return NULL;
	}
	mode_fill(p, c->lun, MODE_CURRENT, now);
	mode_fill(p, c->lun, MODE_CHANGEABLE, mask);
	for (unsigned i = 2; i < p->bytes; i++) {
		if (((*value)[i] ^ now[i]) & ~mask[i]) {
			scsi_fail_param(c, at + i);
			return NULL;
		}
	}
	return p;
}

/* Header and block descriptor, which may only say what is so. Leaves @list at the first page. */
static bool mode_take_head(struct scsi_cmd *c, struct cursor *list)
{
	bool ten = mode_is_ten(c);
	const uint8_t *head = cursor_take(list, ten ? 8 : 4);
	uint32_t bytes = !head ? 0 : ten ? be16_load(head + 6) : head[3];
	bool is_long = head && ten && head[4] & 1;
	const uint8_t *d = cursor_take(list, bytes);

	if (!head || !d) {
		scsi_fail(c, SENSE_ILLEGAL_REQUEST, SENSE_PARAMETER_LIST_LENGTH_ERROR);
		return false;
	}
	if (bytes && (bytes != (is_long ? 16u : 8u) ||
		      (is_long ? be32_load(d + 12) : be24_load(d + 5)) != c->lun->block_bytes)) {
		scsi_fail_param(c, (unsigned)(d - c->param));
		return false;
	}
	return true;
}

void scsi_mode_select_finish(struct scsi_cmd *c)
{
	struct cursor list = cursor_of(c->param, c->param_cap);
	struct cursor first;
	const struct mode_page *p;
	const uint8_t *value;

	if (!mode_take_head(c, &list))
		return;
	first = list;
	while (cursor_left(&list)) {	/* all are judged before one is set */
		if (!mode_take_page(c, &list, &value))
			return;
	}
	while (cursor_left(&first)) {
		p = mode_take_page(c, &first, &value);
		if (p && p->set)
			p->set(c->lun, value);
	}
	lun_attention(c->lun, NEXUS_UA_MODE_CHANGED, c->nexus);
	/* A cache that is switched off must not keep anything back. */
	scsi_good_written(c, !lun_caches_writes(c->lun));
}
