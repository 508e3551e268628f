/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The negotiated keys of a session: one table says type, range and result function of each.
 * Source: RFC 7143 section 13; what is obsolete there is answered as its 13.25 says.
 */
#ifndef ISCSIFS_TARGET_PARAMS_H
#define ISCSIFS_TARGET_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "target/text.h"

enum params_digest {
	PARAMS_DIGEST_NONE = 0,		/* never */
	PARAMS_DIGEST_PREFERRED,	/* as the initiator prefers */
	PARAMS_DIGEST_REQUIRED,		/* no session without */
};

/* Before a negotiation: what we are willing to do. After it: what holds. All sizes in bytes. */
struct params {
	uint32_t header_digest;		/* enum params_digest / 0: None, 1: CRC32C */
	uint32_t data_digest;
	uint32_t initial_r2t;
	uint32_t immediate_data;
	uint32_t max_send_bytes;	/* at most / the initiator's MaxRecvDataSegmentLength */
	uint32_t max_recv_bytes;	/* ours */
	uint32_t max_burst_bytes;
	uint32_t first_burst_bytes;
	uint32_t max_outstanding_r2t;
	uint32_t max_connections;
	uint32_t error_recovery_level;
	uint32_t time2wait_s;
	uint32_t time2retain_s;
	uint32_t pdu_in_order;
	uint32_t sequence_in_order;
	uint32_t task_reporting;	/* unused but answered */
	uint32_t protocol_level;
};

/* What we offer unless told otherwise. */
void params_offer(struct params *p);

/* What holds where no key was ever said: RFC 7143 section 13, "Default is". */
void params_default(struct params *p);

/*
 * Negotiate @key=@value: @now changes to the outcome given our @offer, and the answer, where the
 * key wants one, is appended to @out. @discovery: keys of normal sessions are Irrelevant.
 *
 * Returns 1 when the key is no negotiated one (the caller's to answer), 0, or -EPROTO when the
 * value of a declarative key is inadmissible and the login must fail.
 */
int params_negotiate(struct params *now, const struct params *offer, const char *key,
		     const char *value, bool discovery, struct text_out *out);

/*
 * The negotiation is over: what the initiator takes becomes what we will send. Returns NULL, or why
 * there can be no session.
 */
const char *params_settle(struct params *now, const struct params *offer);

/* A key of ours? In full feature phase all but MaxRecvDataSegmentLength come too late. */
bool params_is_key(const char *key);

#endif
