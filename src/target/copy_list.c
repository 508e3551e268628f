/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parameter list of a copy. The one hard thing is the order in which it is judged: lengths
 * first, since nothing may be read that is not there; then how many there are; then what they are.
 */
#include "target/copy_list.h"

#include "iscsifs/cursor.h"

static bool copy_fail(struct sense *s, uint16_t code)
{
	*s = (struct sense){ .key = SENSE_ILLEGAL_REQUEST, .code = code };
	return false;
}

/* As copy_fail(), pointing at byte @at of the list. */
static bool copy_fail_at(struct sense *s, uint16_t code, size_t at)
{
	copy_fail(s, code);
	s->sks[0] = 0x80;	/* SKSV, in the data */
	be16_store(s->sks + 1, (uint16_t)at);
	return false;
}

static bool copy_header_ok(struct copy_list *out, const uint8_t *p, struct sense *s)
{
	out->bytes = p;
	out->id = p[0];
	out->usage = (enum copy_list_usage)(p[1] >> 3 & 3);
	if (out->usage == COPY_USAGE_RESERVED)
		return copy_fail_at(s, SENSE_INVALID_FIELD_IN_PARAMETER_LIST, 1);
	if (out->usage == COPY_USAGE_NONE && out->id)
		return copy_fail_at(s, SENSE_INVALID_FIELD_IN_PARAMETER_LIST, 0);
	return true;
}

static bool copy_cscds_ok(struct copy_list *out, uint16_t len, struct sense *s)
{
	if (len > COPY_CSCD_MAX * COPY_CSCD_BYTES)
		return copy_fail(s, SENSE_TOO_MANY_CSCD);
	if (len % COPY_CSCD_BYTES)
		return copy_fail_at(s, SENSE_INVALID_FIELD_IN_PARAMETER_LIST, 2);
	out->cscds = len / COPY_CSCD_BYTES;
	for (unsigned i = 0; i < out->cscds; i++) {
		unsigned at = copy_list_cscd_at(i);

		if (out->bytes[at] != COPY_CSCD_IDENTIFICATION)
			return copy_fail_at(s, SENSE_UNSUPPORTED_CSCD_TYPE, at);
		if (out->bytes[at + 7] > COPY_DESIGNATOR_MAX)
			return copy_fail_at(s, SENSE_INVALID_FIELD_IN_PARAMETER_LIST, at + 7);
	}
	return true;
}

/* Each descriptor tells its own length, and only those of one kind pass. */
static bool copy_segments_ok(struct copy_list *out, size_t at, uint32_t len, struct sense *s)
{
	size_t end = at + len;

	for (; at < end; at += COPY_SEGMENT_BYTES) {
		const uint8_t *d = out->bytes + at;

		if (d[0] != COPY_SEGMENT_BLOCKS)
			return copy_fail_at(s, SENSE_UNSUPPORTED_SEGMENT_TYPE, at);
		if (end - at < COPY_SEGMENT_BYTES)
			return copy_fail_at(s, SENSE_INVALID_FIELD_IN_PARAMETER_LIST, 8);
		if (be16_load(d + 2) != COPY_SEGMENT_BYTES - 4)
			return copy_fail_at(s, SENSE_INVALID_FIELD_IN_PARAMETER_LIST, at + 2);
		if (++out->segments > COPY_SEGMENTS_MAX)
			return copy_fail(s, SENSE_TOO_MANY_SEGMENTS);
	}
	return true;
}

bool copy_list_parse(struct copy_list *out, const uint8_t *bytes, size_t len, struct sense *sense)
{
	uint32_t cscds, segments, inline_data;

	*out = (struct copy_list){ 0 };
	if (len < COPY_LIST_HEADER || len > COPY_LIST_HEADER + COPY_LIST_MAX)
		return copy_fail(sense, SENSE_PARAMETER_LIST_LENGTH_ERROR);
	if (!copy_header_ok(out, bytes, sense))
		return false;
	cscds = be16_load(bytes + 2);
	segments = be32_load(bytes + 8);
	inline_data = be32_load(bytes + 12);
	if (inline_data)
		return copy_fail_at(sense, SENSE_INLINE_DATA_TOO_LONG, 12);
	if ((uint64_t)COPY_LIST_HEADER + cscds + segments > len)
		return copy_fail(sense, SENSE_PARAMETER_LIST_LENGTH_ERROR);
	return copy_cscds_ok(out, (uint16_t)cscds, sense) &&
	       copy_segments_ok(out, COPY_LIST_HEADER + cscds, segments, sense);
}

/* SPC-4 6.4.5.3, identification descriptor CSCD; from byte 28 on, what its device type adds. */
struct copy_cscd copy_list_cscd(const struct copy_list *l, unsigned i)
{
	const uint8_t *d = l->bytes + copy_list_cscd_at(i);

	return (struct copy_cscd){
		.peripheral = d[1] & 0x1f,
		.code_set = d[4] & 0x0f,
		.association = d[5] >> 4 & 3,
		.kind = d[5] & 0x0f,
		.len = d[7],
		.designator = d + 8,
		.block_bytes = be24_load(d + 29),
	};
}

/* SPC-4 6.4.6.2, block to block. */
struct copy_segment copy_list_segment(const struct copy_list *l, unsigned i)
{
	const uint8_t *d = l->bytes + copy_list_cscd_at(l->cscds) + (size_t)i * COPY_SEGMENT_BYTES;

	return (struct copy_segment){
		.in_destination_blocks = d[1] & 0x02,
		.source = be16_load(d + 4),
		.destination = be16_load(d + 6),
		.blocks = be16_load(d + 10),
		.source_lba = be64_load(d + 12),
		.destination_lba = be64_load(d + 20),
	};
}
