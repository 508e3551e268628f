/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * INQUIRY: who a unit is. The one hard thing: it must say the same after every restart, and claim
 * nothing that the unit does not do. Sources: SPC-4 6.6 and 7.8, SBC-3 6.5.
 */
#include <stdio.h>
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/cursor.h"
#include "target/scsi_cmd.h"
#include "target/scsi_copy.h"
#include "target/scsi_inquiry.h"

enum {
	INQUIRY_STANDARD_BYTES = 74,
	INQUIRY_NO_LUN = 0x7f,		/* peripheral qualifier 3, type 1Fh: cannot be there */
	INQUIRY_EMPTY_LUN = 0x3f,	/* qualifier 1: could be, is not */
};

/* Code sets and kinds of designators, SPC-4 7.8.6. */
enum { INQUIRY_BINARY = 1, INQUIRY_ASCII = 2, INQUIRY_T10 = 1, INQUIRY_NAA = 3 };

static const char inquiry_vendor[] = "ISCSIFS ";
static const char inquiry_product[] = "VIRTUAL-DISK    ";
static const char inquiry_revision[] = "0001";

/* @text into @n bytes, padded with spaces. */
static void inquiry_pad(uint8_t *to, const char *text, size_t n)
{
	size_t len = strlen(text);

	memset(to, ' ', n);
	memcpy(to, text, MIN(len, n));
}

static uint8_t inquiry_peripheral(const struct scsi_cmd *c)
{
	if (c->lun)
		return 0;
	return c->lun_number ? INQUIRY_NO_LUN : INQUIRY_EMPTY_LUN;
}

static void inquiry_standard(struct scsi_cmd *c)
{
	/* SAM-5, iSCSI, SPC-4, SBC-3: no version of each claimed. */
	static const uint16_t versions[] = { 0x00a0, 0x0960, 0x0460, 0x04c0 };
	uint8_t *d = scsi_param(c);

	d[0] = inquiry_peripheral(c);
	d[2] = 0x06;			/* SPC-4 */
	d[3] = 0x12;			/* HiSup, response data format 2 */
	d[4] = INQUIRY_STANDARD_BYTES - 5;
	d[5] = 0x08;			/* 3PC: copies for others */
	d[7] = 0x02;			/* CmdQue */
	inquiry_pad(d + 8, inquiry_vendor, 8);
	inquiry_pad(d + 16, inquiry_product, 16);
	inquiry_pad(d + 32, inquiry_revision, 4);
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++)
		be16_store(d + 58 + 2 * i, versions[i]);
	scsi_answer(c, INQUIRY_STANDARD_BYTES, be16_load(c->cdb + 3));
}

static uint32_t inquiry_serial(struct scsi_cmd *c, uint8_t *d)
{
	size_t len = strlen(c->lun->serial);

	memcpy(d, c->lun->serial, len);
	return (uint32_t)len;
}

/* One designation descriptor (SPC-4 7.8.6.1). Returns its bytes. */
static uint32_t inquiry_designator(uint8_t *d, uint8_t protocol_and_set, uint8_t kind,
				   const void *id, uint32_t len)
{
	d[0] = protocol_and_set;
	d[1] = kind;
	d[3] = (uint8_t)len;
	memcpy(d + 4, id, len);
	return 4 + len;
}

/* The unit's own designators: NAA, locally assigned, and T10 vendor id. Return their bytes. */
static uint32_t inquiry_naa(const struct lun *l, uint8_t id[8])
{
	be64_store(id, 3ull << 60 | l->identity);
	return 8;
}

static uint32_t inquiry_t10(const struct lun *l, char *id, size_t size)
{
	return (uint32_t)snprintf(id, size, "%s%s", inquiry_vendor, l->serial);
}

bool scsi_is_designated(const struct lun *l, uint8_t code_set, uint8_t kind, const uint8_t *id,
			uint32_t len)
{
	uint8_t naa[8];
	char t10[64];

	if (code_set == INQUIRY_BINARY && kind == INQUIRY_NAA)
		return len == inquiry_naa(l, naa) && !memcmp(id, naa, len);
	if (code_set == INQUIRY_ASCII && kind == INQUIRY_T10)
		return len == inquiry_t10(l, t10, sizeof(t10)) && !memcmp(id, t10, len);
	return false;
}

static uint32_t inquiry_identity(struct scsi_cmd *c, uint8_t *d)
{
	char port[TARGET_NAME_MAX + 24] = { 0 };
	uint8_t naa[8];
	char t10[64];
	uint32_t len = 0;
	int n;

	len += inquiry_designator(d + len, INQUIRY_BINARY, INQUIRY_NAA, naa,
				  inquiry_naa(c->lun, naa));
	len += inquiry_designator(d + len, INQUIRY_ASCII, INQUIRY_T10, t10,
				  inquiry_t10(c->lun, t10, sizeof(t10)));
	/* Of the target port, iSCSI: relative port, portal group, name (padded to four). */
	len += inquiry_designator(d + len, 0x51, 0x94, "\0\0\0\1", 4);
	len += inquiry_designator(d + len, 0x51, 0x95,
				  (uint8_t[]){ 0, 0, 0, TARGET_PORTAL_GROUP }, 4);
	n = snprintf(port, sizeof(port), "%s,t,0x%04x", c->target->name, TARGET_PORTAL_GROUP);
	len += inquiry_designator(d + len, 0x53, 0x98, port, ((uint32_t)n + 4) & ~3u);
	return len;
}

/* SBC-3 6.5.3. */
static uint32_t inquiry_limits(struct scsi_cmd *c, uint8_t *d)
{
	uint32_t bs = c->lun->block_bytes;

	d -= 4;			/* the standard counts from the page's start */
	d[4] = 0x01;		/* WSNZ */
	d[5] = SCSI_CAW_MAX_BLOCKS;
	be16_store(d + 6, (uint16_t)(4096 / bs));		/* optimal granularity */
	be32_store(d + 12, (1u << 20) / bs);			/* optimal length */
	if (c->lun->thin) {
		be32_store(d + 20, 0xffffffff);			/* UNMAP blocks */
		be32_store(d + 24, SCSI_UNMAP_DESCRIPTORS);
		be32_store(d + 28, 4096 / bs);			/* UNMAP granularity */
		be32_store(d + 32, 0x80000000);			/* UGAVALID, aligned to 0 */
	}
	be64_store(d + 36, SCSI_WRITE_SAME_MAX_BYTES / bs);
	return 0x3c;
}

static uint32_t inquiry_characteristics(struct scsi_cmd *c, uint8_t *d)
{
	(void)c;
	be16_store(d, 1);	/* does not rotate */
	return 0x3c;
}

/* SBC-3 6.5.4. */
static uint32_t inquiry_provisioning(struct scsi_cmd *c, uint8_t *d)
{
	if (c->lun->thin) {
		d[1] = 0xe4;	/* LBPU, LBPWS, LBPWS10, LBPRZ */
		d[2] = 2;	/* thin */
	}
	return 4;
}

static uint32_t inquiry_pages(struct scsi_cmd *c, uint8_t *d);

static const struct inquiry_page {
	uint8_t code;
	uint32_t (*fill)(struct scsi_cmd *c, uint8_t *d);
} inquiry_page_table[] = {
	{ 0x00, inquiry_pages },
	{ 0x80, inquiry_serial },
	{ 0x83, inquiry_identity },
	{ 0x8f, scsi_copy_page },
	{ 0xb0, inquiry_limits },
	{ 0xb1, inquiry_characteristics },
	{ 0xb2, inquiry_provisioning },
};

static uint32_t inquiry_pages(struct scsi_cmd *c, uint8_t *d)
{
	(void)c;
	for (size_t i = 0; i < ARRAY_SIZE(inquiry_page_table); i++)
		d[i] = inquiry_page_table[i].code;
	return ARRAY_SIZE(inquiry_page_table);
}

static void inquiry_vital(struct scsi_cmd *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(inquiry_page_table) && c->lun; i++) {
		const struct inquiry_page *page = &inquiry_page_table[i];
		uint8_t *d;
		uint32_t len;

		if (page->code != c->cdb[2])
			continue;
		d = scsi_param(c);
		len = page->fill(c, d + 4);
		d[1] = page->code;
		be16_store(d + 2, (uint16_t)len);
		scsi_answer(c, len + 4, be16_load(c->cdb + 3));
		return;
	}
	scsi_fail_field(c, 2);
}

void scsi_inquiry(struct scsi_cmd *c)
{
	if (c->cdb[1] & 0x01)
		inquiry_vital(c);
	else if (c->cdb[1] & 0x02)	/* CMDDT, obsolete */
		scsi_fail_field(c, 1);
	else if (c->cdb[2])
		scsi_fail_field(c, 2);
	else
		inquiry_standard(c);
}
