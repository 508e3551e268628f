/* SPDX-License-Identifier: BSD-2-Clause */
/* Sense data. The one hard thing: two formats, and a peer may send less than it says. */
#include "iscsifs/scsi_sense.h"

#include <stdio.h>
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/cursor.h"

static void sense_decode_fixed(struct cursor c, struct sense *out)
{
	const uint8_t *sks;

	out->has_info = cursor_u8(&c) & 0x80;
	cursor_skip(&c, 1);		/* obsolete */
	out->key = cursor_u8(&c) & 0x0f;
	out->info = cursor_be32(&c);
	cursor_skip(&c, 1);		/* additional length */
	out->command_info = cursor_be32(&c);
	out->has_command_info = out->command_info != 0;	/* no bit says so */
	out->code = cursor_be16(&c);
	cursor_skip(&c, 1);		/* field replaceable unit */
	sks = cursor_take(&c, 3);
	if (sks)
		memcpy(out->sks, sks, 3);
}

static void sense_decode_descriptors(struct cursor c, struct sense *out)
{
	cursor_skip(&c, 1);
	out->key = cursor_u8(&c) & 0x0f;
	out->code = cursor_be16(&c);
	cursor_skip(&c, 4);
	while (cursor_left(&c) >= 2 && !c.bad) {
		uint8_t type = cursor_u8(&c);
		uint8_t len = cursor_u8(&c);
		const uint8_t *d = cursor_take(&c, len);

		if (!d)
			break;
		if (type == 0x00 && len >= 10) {		/* information */
			out->has_info = d[0] & 0x80;
			out->info = be64_load(d + 2);
		} else if (type == 0x01 && len >= 10) {	/* command-specific information */
			out->has_command_info = true;
			out->command_info = be64_load(d + 2);
		} else if (type == 0x02 && len >= 6) {	/* sense key specific */
			memcpy(out->sks, d + 2, 3);
		}
	}
}

bool sense_decode(const uint8_t *data, size_t len, struct sense *out)
{
	uint8_t format = len ? data[0] & 0x7f : 0;

	*out = (struct sense){ 0 };
	if (format < 0x70 || format > 0x73 || len < 4) {
		out->key = SENSE_HARDWARE_ERROR;
		out->code = SENSE_INTERNAL_TARGET_FAILURE;
		return false;
	}
	out->deferred = format & 1;
	if (format >= 0x72)
		sense_decode_descriptors(cursor_of(data, len), out);
	else
		sense_decode_fixed(cursor_of(data, len), out);
	return true;
}

static size_t sense_encode_fixed(const struct sense *s, uint8_t *data)
{
	memset(data, 0, SENSE_FIXED_BYTES);
	data[0] = s->deferred ? 0x71 : 0x70;
	if (s->has_info && s->info <= UINT32_MAX) {
		data[0] |= 0x80;
		be32_store(data + 3, (uint32_t)s->info);
	}
	data[2] = s->key;
	data[7] = SENSE_FIXED_BYTES - 8;
	if (s->has_command_info && s->command_info <= UINT32_MAX)
		be32_store(data + 8, (uint32_t)s->command_info);
	be16_store(data + 12, s->code);
	memcpy(data + 15, s->sks, 3);
	return SENSE_FIXED_BYTES;
}

static size_t sense_encode_descriptors(const struct sense *s, uint8_t *data)
{
	size_t len = 8;

	memset(data, 0, SENSE_DESCRIPTOR_MAX);
	data[0] = s->deferred ? 0x73 : 0x72;
	data[1] = s->key;
	be16_store(data + 2, s->code);
	if (s->has_info) {
		data[len] = 0x00;
		data[len + 1] = 0x0a;
		data[len + 2] = 0x80;
		be64_store(data + len + 4, s->info);
		len += 12;
	}
	if (s->has_command_info) {
		data[len] = 0x01;
		data[len + 1] = 0x0a;
		be64_store(data + len + 4, s->command_info);
		len += 12;
	}
	if (s->sks[0] & 0x80) {
		data[len] = 0x02;
		data[len + 1] = 0x06;
		memcpy(data + len + 4, s->sks, 3);
		len += 8;
	}
	data[7] = (uint8_t)(len - 8);
	return len;
}

size_t sense_encode(const struct sense *s, bool descriptor, uint8_t data[SENSE_DESCRIPTOR_MAX])
{
	return descriptor ? sense_encode_descriptors(s, data) : sense_encode_fixed(s, data);
}

static const char *sense_key_name(uint8_t key)
{
	static const char *const names[16] = {
		"NO SENSE", "RECOVERED ERROR", "NOT READY", "MEDIUM ERROR", "HARDWARE ERROR",
		"ILLEGAL REQUEST", "UNIT ATTENTION", "DATA PROTECT", "BLANK CHECK",
		"VENDOR SPECIFIC", "COPY ABORTED", "ABORTED COMMAND", "RESERVED",
		"VOLUME OVERFLOW", "MISCOMPARE", "COMPLETED",
	};

	return names[key & 0x0f];
}

static const char *sense_code_name(uint16_t code)
{
	static const struct {
		uint16_t code;
		const char *name;
	} names[] = {
		{ SENSE_LUN_NOT_READY, "logical unit not ready" },
		{ SENSE_LUN_BECOMING_READY, "logical unit is becoming ready" },
		{ SENSE_WRITE_ERROR, "write error" },
		{ SENSE_COPY_TARGET_NOT_REACHABLE, "copy target device not reachable" },
		{ SENSE_UNRECOVERED_READ_ERROR, "unrecovered read error" },
		{ SENSE_INVALID_OPCODE, "invalid command operation code" },
		{ SENSE_LBA_OUT_OF_RANGE, "logical block address out of range" },
		{ SENSE_INVALID_FIELD_IN_CDB, "invalid field in CDB" },
		{ SENSE_LUN_NOT_SUPPORTED, "logical unit not supported" },
		{ SENSE_INVALID_RELEASE, "invalid release of persistent reservation" },
		{ SENSE_WRITE_PROTECTED, "write protected" },
		{ SENSE_SPACE_ALLOCATION_FAILED, "space allocation failed write protect" },
		{ SENSE_BECAME_READY, "not ready to ready change" },
		{ SENSE_POWER_ON, "power on, reset, or bus device reset occurred" },
		{ SENSE_NEXUS_LOSS, "I_T nexus loss occurred" },
		{ SENSE_MODE_PARAMETERS_CHANGED, "mode parameters changed" },
		{ SENSE_RESERVATIONS_PREEMPTED, "reservations preempted" },
		{ SENSE_RESERVATIONS_RELEASED, "reservations released" },
		{ SENSE_REGISTRATIONS_PREEMPTED, "registrations preempted" },
		{ SENSE_CAPACITY_CHANGED, "capacity data has changed" },
		{ SENSE_INQUIRY_DATA_CHANGED, "inquiry data has changed" },
		{ SENSE_REPORTED_LUNS_CHANGED, "reported LUNs data has changed" },
		{ SENSE_INTERNAL_TARGET_FAILURE, "internal target failure" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (names[i].code == code)
			return names[i].name;
	}
	return "";
}

const char *sense_print(const struct sense *s, char *buf, size_t len)
{
	const char *name = sense_code_name(s->code);

	snprintf(buf, len, "%s %02x/%02x%s%s", sense_key_name(s->key), s->code >> 8,
		 s->code & 0xff, *name ? " " : "", name);
	return buf;
}
