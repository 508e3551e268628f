/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a disk says of itself. The one hard thing: lengths inside the data are the target's claims;
 * every step is checked against the bytes that arrived.
 */
#include "iscsifs/scsi_vpd.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/cursor.h"

/* Copy @len bytes as text: unprintable to '?', blanks at both ends dropped, cut to @size. */
static void scsi_text(char *out, size_t size, const uint8_t *data, size_t len)
{
	size_t n = 0;

	while (len && (data[len - 1] == ' ' || data[len - 1] == 0))
		len--;
	while (len && *data == ' ') {
		data++;
		len--;
	}
	for (; n < len && n + 1 < size; n++)
		out[n] = isprint(data[n]) ? (char)data[n] : '?';
	out[n] = '\0';
}

bool scsi_inquiry_decode(const uint8_t *data, size_t len, struct scsi_inquiry *out)
{
	*out = (struct scsi_inquiry){ 0 };
	if (len < 36)
		return false;
	out->qualifier = data[0] >> 5;
	out->type = data[0] & 0x1f;
	scsi_text(out->vendor, sizeof(out->vendor), data + 8, 8);
	scsi_text(out->product, sizeof(out->product), data + 16, 16);
	scsi_text(out->revision, sizeof(out->revision), data + 32, 4);
	return true;
}

/* The body of VPD page @page, cut to what arrived. */
static bool vpd_body(const uint8_t *data, size_t len, uint8_t page, struct cursor *body)
{
	if (len < 4 || data[1] != page)
		return false;
	*body = cursor_of(data + 4, MIN(len - 4, (size_t)be16_load(data + 2)));
	return true;
}

bool vpd_has_page(const uint8_t *data, size_t len, uint8_t page)
{
	struct cursor body;

	return vpd_body(data, len, VPD_SUPPORTED_PAGES, &body) &&
	       memchr(body.p, page, cursor_left(&body)) != NULL;
}

bool vpd_serial_decode(const uint8_t *data, size_t len, char *out, size_t size)
{
	struct cursor body;

	*out = '\0';
	if (!vpd_body(data, len, VPD_UNIT_SERIAL, &body))
		return false;
	scsi_text(out, size, body.p, cursor_left(&body));
	return *out != '\0';
}

static void vpd_hex(char *out, size_t size, const char *prefix, const uint8_t *data, size_t len)
{
	size_t n = (size_t)snprintf(out, size, "%s", prefix);

	for (size_t i = 0; i < len && n + 2 < size; i++)
		n += (size_t)snprintf(out + n, size - n, "%02x", data[i]);
}

/* How much we like a designator: association LUN only; 0 means not at all. */
static int vpd_designator_rank(uint8_t code_set, uint8_t assoc_type, const uint8_t *d, size_t len)
{
	if ((assoc_type >> 4 & 3) != 0 || !len)
		return 0;
	switch (assoc_type & 0x0f) {
	case 3:		/* NAA */
		if (code_set != 1)
			return 0;
		return d[0] >> 4 == 6 && len == 16 ? 5 : 4;
	case 2:		/* EUI-64 */
		return code_set == 1 ? 3 : 0;
	case 1:		/* T10 vendor ID */
		return 2;
	case 0:		/* vendor specific */
		return 1;
	default:
		return 0;
	}
}

static void vpd_designator_print(int rank, const uint8_t *d, size_t len, char *out, size_t size)
{
	if (rank >= 4) {
		vpd_hex(out, size, "naa.", d, len);
	} else if (rank == 3) {
		vpd_hex(out, size, "eui.", d, len);
	} else {
		int n = snprintf(out, size, rank == 2 ? "t10." : "vendor.");

		scsi_text(out + n, size - (size_t)n, d, len);
	}
}

bool vpd_device_id_decode(const uint8_t *data, size_t len, char *out, size_t size)
{
	struct cursor body;
	int best = 0;

	*out = '\0';
	if (!vpd_body(data, len, VPD_DEVICE_ID, &body))
		return false;
	while (cursor_left(&body) >= 4) {
		uint8_t code_set = cursor_u8(&body) & 0x0f;
		uint8_t assoc_type = cursor_u8(&body);
		const uint8_t *d;
		size_t n;
		int rank;

		cursor_skip(&body, 1);
		n = cursor_u8(&body);
		d = cursor_take(&body, n);
		if (!d)
			break;
		rank = vpd_designator_rank(code_set, assoc_type, d, n);
		if (rank > best) {
			best = rank;
			vpd_designator_print(rank, d, n, out, size);
		}
	}
	return best > 0;
}

bool vpd_limits_decode(const uint8_t *data, size_t len, struct scsi_limits *out)
{
	struct cursor c;

	*out = (struct scsi_limits){ 0 };
	if (!vpd_body(data, len, VPD_BLOCK_LIMITS, &c))
		return false;
	cursor_skip(&c, 2 + 2);			/* WSNZ, CAW length; transfer granularity */
	out->max_transfer_blocks = cursor_be32(&c);
	out->optimal_transfer_blocks = cursor_be32(&c);
	if (c.bad)
		return false;
	cursor_skip(&c, 4);			/* maximum prefetch */
	out->max_unmap_blocks = cursor_be32(&c);
	out->max_unmap_descriptors = cursor_be32(&c);
	out->unmap_granularity_blocks = cursor_be32(&c);
	cursor_skip(&c, 4);			/* unmap alignment */
	out->max_write_same_blocks = cursor_be64(&c);
	return true;
}

bool vpd_is_rotational(const uint8_t *data, size_t len)
{
	struct cursor c;

	if (!vpd_body(data, len, VPD_BLOCK_CHARACTERISTICS, &c))
		return true;
	return cursor_be16(&c) != 1;
}

static bool scsi_capacity_sane(const struct scsi_capacity *c)
{
	uint32_t b = c->block_bytes;

	return b >= 512 && b <= 65536 && !(b & (b - 1)) && c->blocks && c->blocks <= INT64_MAX / b;
}

bool scsi_capacity_10_decode(const uint8_t *data, size_t len, struct scsi_capacity *out)
{
	*out = (struct scsi_capacity){ 0 };
	if (len < 8 || be32_load(data) == UINT32_MAX)	/* more than this command can say */
		return false;
	out->blocks = (uint64_t)be32_load(data) + 1;
	out->block_bytes = be32_load(data + 4);
	out->physical_block_bytes = out->block_bytes;
	return scsi_capacity_sane(out);
}

bool scsi_capacity_16_decode(const uint8_t *data, size_t len, struct scsi_capacity *out)
{
	*out = (struct scsi_capacity){ 0 };
	if (len < 12)
		return false;
	out->blocks = be64_load(data) + 1;
	out->block_bytes = be32_load(data + 8);
	out->physical_block_bytes = out->block_bytes;
	if (len >= 15) {
		unsigned shift = data[13] & 0x0f;

		out->thin = data[14] & 0x80;
		out->zeroes_unmapped = data[14] & 0x40;
		if (out->block_bytes && out->block_bytes <= UINT32_MAX >> shift)
			out->physical_block_bytes = out->block_bytes << shift;
	}
	return scsi_capacity_sane(out);
}

bool scsi_mode_6_decode(const uint8_t *data, size_t len, struct scsi_mode *out)
{
	struct cursor c;

	*out = (struct scsi_mode){ 0 };
	if (len < 4)
		return false;
	out->write_protected = data[2] & 0x80;
	out->fua = data[2] & 0x10;
	c = cursor_of(data, MIN(len, (size_t)data[0] + 1));
	cursor_skip(&c, 4u + data[3]);		/* header, block descriptors */
	while (cursor_left(&c) >= 3) {
		uint8_t page = cursor_u8(&c);
		const uint8_t *body;

		if (page & 0x40)		/* subpage format: not the caching page */
			cursor_skip(&c, 1);
		body = page & 0x40 ? cursor_take(&c, cursor_be16(&c)) : cursor_take(&c, cursor_u8(&c));
		if (body && (page & 0x7f) == 0x08 && c.p > body)
			out->write_cache = body[0] & 0x04;
	}
	return true;
}

int scsi_luns_decode(const uint8_t *data, size_t len, struct lun_addr *out, int max, int *skipped)
{
	struct cursor c = cursor_of(data, len);
	uint32_t bytes = cursor_be32(&c);
	int n = 0;

	*skipped = 0;
	cursor_skip(&c, 4);
	if (c.bad || bytes % 8)
		return -1;
	c = cursor_of(c.p, MIN(cursor_left(&c), bytes));
	while (cursor_left(&c) >= 8 && n < max) {
		if (lun_addr_parse(cursor_take(&c, 8), &out[n]))
			n++;
		else
			++*skipped;
	}
	return n;
}
