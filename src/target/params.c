/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Negotiation. The one hard thing: an answer is a function of the offer and ours alone, so a key
 * is a row, and nothing here knows the order in which keys come.
 */
#include "target/params.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/num.h"

enum params_kind {
	PARAMS_DIGEST,		/* list of None, CRC32C: the initiator's first that we accept */
	PARAMS_OR,		/* Yes when either says Yes */
	PARAMS_AND,
	PARAMS_MIN,
	PARAMS_MAX,
	PARAMS_DECLARE,		/* each side states its own, no answer */
	PARAMS_TASK_REPORTING,	/* list, of which we do RFC3720 */
	PARAMS_MARKER,		/* obsolete: No */
	PARAMS_MARKER_INTERVAL,	/* obsolete: Irrelevant, for markers are never on */
};

struct params_row {
	const char *key;
	enum params_kind kind;
	size_t at;		/* of the uint32_t in struct params */
	uint32_t min, max;	/* admissible */
	uint32_t offer;
	uint32_t fallback;	/* the RFC's default */
	bool normal_only;	/* irrelevant in a discovery session */
};

#define AT(field) offsetof(struct params, field)

static const struct params_row params_table[] = {
	/* key                       kind            field              min max   offer default */
	{ "HeaderDigest", PARAMS_DIGEST, AT(header_digest), 0, 1, 1, 0, false },
	{ "DataDigest", PARAMS_DIGEST, AT(data_digest), 0, 1, 1, 0, false },
	{ "InitialR2T", PARAMS_OR, AT(initial_r2t), 0, 1, 0, 1, true },
	{ "ImmediateData", PARAMS_AND, AT(immediate_data), 0, 1, 1, 1, true },
	{ "MaxRecvDataSegmentLength", PARAMS_DECLARE, AT(max_send_bytes), 512, 0xffffff, 0xffffff,
	  8192, false },
	{ "MaxBurstLength", PARAMS_MIN, AT(max_burst_bytes), 512, 0xffffff, 1048576, 262144, true },
	{ "FirstBurstLength", PARAMS_MIN, AT(first_burst_bytes), 512, 0xffffff, 262144, 65536,
	  true },
	{ "MaxOutstandingR2T", PARAMS_MIN, AT(max_outstanding_r2t), 1, 65535, 8, 1, true },
	{ "MaxConnections", PARAMS_MIN, AT(max_connections), 1, 65535, 1, 1, true },
	{ "ErrorRecoveryLevel", PARAMS_MIN, AT(error_recovery_level), 0, 2, 0, 0, false },
	{ "DefaultTime2Wait", PARAMS_MAX, AT(time2wait_s), 0, 3600, 2, 2, false },
	{ "DefaultTime2Retain", PARAMS_MIN, AT(time2retain_s), 0, 3600, 0, 20, false },
	{ "DataPDUInOrder", PARAMS_OR, AT(pdu_in_order), 0, 1, 1, 1, true },
	{ "DataSequenceInOrder", PARAMS_OR, AT(sequence_in_order), 0, 1, 1, 1, true },
	{ "TaskReporting", PARAMS_TASK_REPORTING, AT(task_reporting), 0, 0, 0, 0, true },
	{ "iSCSIProtocolLevel", PARAMS_MIN, AT(protocol_level), 0, 31, 1, 1, true },
	{ "IFMarker", PARAMS_MARKER, 0, 0, 0, 0, 0, false },
	{ "OFMarker", PARAMS_MARKER, 0, 0, 0, 0, 0, false },
	{ "IFMarkInt", PARAMS_MARKER_INTERVAL, 0, 0, 0, 0, 0, false },
	{ "OFMarkInt", PARAMS_MARKER_INTERVAL, 0, 0, 0, 0, 0, false },
};

static uint32_t *params_at(struct params *p, const struct params_row *row)
{
	return (uint32_t *)(void *)((char *)p + row->at);
}

static uint32_t params_get(const struct params *p, const struct params_row *row)
{
	return *(const uint32_t *)(const void *)((const char *)p + row->at);
}

static bool params_has_value(const struct params_row *row)
{
	return row->kind != PARAMS_MARKER && row->kind != PARAMS_MARKER_INTERVAL;
}

void params_offer(struct params *p)
{
	memset(p, 0, sizeof(*p));
	for (size_t i = 0; i < ARRAY_SIZE(params_table); i++) {
		if (params_has_value(&params_table[i]))
			*params_at(p, &params_table[i]) = params_table[i].offer;
	}
	p->max_recv_bytes = 262144;
}

void params_default(struct params *p)
{
	memset(p, 0, sizeof(*p));
	for (size_t i = 0; i < ARRAY_SIZE(params_table); i++) {
		if (params_has_value(&params_table[i]))
			*params_at(p, &params_table[i]) = params_table[i].fallback;
	}
	p->max_recv_bytes = 8192;
}

/* The first item of @value that we know and accept. Returns false when there is none. */
static bool params_pick_digest(const char *value, uint32_t ours, uint32_t *out)
{
	for (;;) {
		size_t len = strcspn(value, ",");

		if (ours != PARAMS_DIGEST_REQUIRED && len == 4 && !memcmp(value, "None", 4)) {
			*out = 0;
			return true;
		}
		if (ours && len == 6 && !memcmp(value, "CRC32C", 6)) {
			*out = 1;
			return true;
		}
		if (!value[len])
			return false;
		value += len + 1;
	}
}

static bool params_read_bool(const char *value, uint32_t *out)
{
	*out = !strcmp(value, "Yes");
	return *out || !strcmp(value, "No");
}

static bool params_read_num(const struct params_row *row, const char *value, uint32_t *out)
{
	uint64_t v;

	if (num_parse_u64(value, row->min, row->max, &v))
		return false;
	*out = (uint32_t)v;
	return true;
}

/* The offered value as a number. Returns false when it is none that the key allows. */
static bool params_read(const struct params_row *row, const char *value, uint32_t ours, uint32_t *v)
{
	switch (row->kind) {
	case PARAMS_DIGEST:
		return params_pick_digest(value, ours, v);
	case PARAMS_OR:
	case PARAMS_AND:
		return params_read_bool(value, v);
	case PARAMS_MIN:
	case PARAMS_MAX:
	case PARAMS_DECLARE:
		return params_read_num(row, value, v);
	case PARAMS_TASK_REPORTING:
		*v = 0;
		return text_list_has(value, "RFC3720");
	case PARAMS_MARKER:
	case PARAMS_MARKER_INTERVAL:
		break;
	}
	return false;
}

static uint32_t params_result(enum params_kind kind, uint32_t theirs, uint32_t ours)
{
	switch (kind) {
	case PARAMS_OR:
		return theirs | ours;
	case PARAMS_AND:
		return theirs & ours;
	case PARAMS_MIN:
		return MIN(theirs, ours);
	case PARAMS_MAX:
		return MAX(theirs, ours);
	case PARAMS_DIGEST:
	case PARAMS_DECLARE:
	case PARAMS_TASK_REPORTING:
	case PARAMS_MARKER:
	case PARAMS_MARKER_INTERVAL:
		break;
	}
	return theirs;
}

static void params_answer(const struct params_row *row, uint32_t v, struct text_out *out)
{
	switch (row->kind) {
	case PARAMS_DIGEST:
		text_add(out, row->key, v ? "CRC32C" : "None");
		return;
	case PARAMS_OR:
	case PARAMS_AND:
		text_add(out, row->key, v ? "Yes" : "No");
		return;
	case PARAMS_MIN:
	case PARAMS_MAX:
		text_addf(out, row->key, "%u", v);
		return;
	case PARAMS_TASK_REPORTING:
		text_add(out, row->key, "RFC3720");
		return;
	case PARAMS_DECLARE:
	case PARAMS_MARKER:
	case PARAMS_MARKER_INTERVAL:
		return;
	}
}

static const struct params_row *params_find(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(params_table); i++) {
		if (!strcmp(params_table[i].key, key))
			return &params_table[i];
	}
	return NULL;
}

int params_negotiate(struct params *now, const struct params *offer, const char *key,
		     const char *value, bool discovery, struct text_out *out)
{
	const struct params_row *row = params_find(key);
	uint32_t ours, theirs, result;

	if (!row)
		return 1;
	if (discovery && row->normal_only) {
		text_add(out, key, "Irrelevant");
		return 0;
	}
	if (!params_has_value(row)) {
		text_add(out, key, row->kind == PARAMS_MARKER ? "No" : "Irrelevant");
		return 0;
	}
	ours = params_get(offer, row);
	if (!params_read(row, value, ours, &theirs)) {
		if (row->kind == PARAMS_DECLARE)
			return -EPROTO;
		text_add(out, key, "Reject");
		return 0;
	}
	result = params_result(row->kind, theirs, ours);
	*params_at(now, row) = result;
	params_answer(row, result, out);
	return 0;
}

const char *params_settle(struct params *now, const struct params *offer)
{
	if (offer->header_digest == PARAMS_DIGEST_REQUIRED && !now->header_digest)
		return "the initiator does without the header digest that is required";
	if (offer->data_digest == PARAMS_DIGEST_REQUIRED && !now->data_digest)
		return "the initiator does without the data digest that is required";
	now->max_send_bytes = MIN(now->max_send_bytes, offer->max_send_bytes);
	return NULL;
}

bool params_is_key(const char *key)
{
	return params_find(key);
}
