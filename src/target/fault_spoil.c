/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PDUs that go, spoilt. The one hard thing: whoever is to be fooled by a wrong field must not be
 * warned by a digest, so digests are made anew unless the rule wants them to tell.
 */
#include "target/fault_spoil.h"

#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/log.h"
#include "target/connection.h"
#include "target/digest.h"
#include "target/fault_hooks.h"

void fault_spoil_arm(struct connection *c, const struct script_action *a)
{
	struct fault_spoil *f = &c->fault.spoil;
	struct faults *all = c->server->faults;

	f->armed = true;
	if (a->act == SCRIPT_DO_TRUNCATE) {
		f->truncate = (uint32_t)a->number;
	} else if (a->act == SCRIPT_DO_DUPLICATE) {
		f->repeat = true;
	} else if (a->act == SCRIPT_DO_DROP || a->act == SCRIPT_DO_WITHHOLD) {
		f->drop = true;
	} else if (a->act == SCRIPT_DO_CORRUPT) {
		f->corrupt = (enum script_corrupt)a->number;
	} else if (f->edits < FAULT_EDITS_MAX) {
		f->edit[f->edits] = (struct fault_edit){
			.act = a->act, .field = a->field, .number = a->number,
			.relative = a->relative, .spoils_digest = a->spoils_digest,
		};
		if (a->act == SCRIPT_DO_FLIP && a->field != SCRIPT_FLIP_BIT)
			f->edit[f->edits].number = fault_random(a->seed, all->flips++);
		f->edits++;
	}
}

static void fault_digest(uint8_t *at, const uint8_t *p, uint32_t len)
{
	uint32_t crc = htole32(digest_crc32c(0, p, len));

	memcpy(at, &crc, PDU_DIGEST);
}

static void fault_spoil_edit(struct connection *c, uint8_t *bhs)
{
	const struct fault_spoil *f = &c->fault.spoil;
	uint8_t *data = conn_pdu_data(c, bhs);
	uint32_t len = pdu_data_bytes(bhs);
	bool honest = false;

	fault_edit(f->edit, f->edits, bhs, data, len);
	for (unsigned i = 0; i < f->edits; i++)
		honest |= f->edit[i].spoils_digest;
	if (honest)
		return;
	if (c->header_digest)
		fault_digest(bhs + PDU_BHS, bhs, PDU_BHS);
	if (c->data_digest && len)
		fault_digest(data + pdu_padded(len), data, pdu_padded(len));
}

/* --- the whole PDU --- */

static void fault_spoil_digest(struct connection *c, uint8_t *bhs, uint32_t len)
{
	bool header = c->fault.spoil.corrupt == SCRIPT_CORRUPT_HEADER_DIGEST;

	if (header ? c->header_digest : c->data_digest && pdu_data_bytes(bhs))
		bhs[header ? (uint32_t)PDU_BHS : len - 1] ^= 0x5a;
	else
		log_info("no digest to corrupt | conn=%llu", (unsigned long long)c->id);
}

uint32_t fault_spoil(struct connection *c, uint8_t *bhs, uint32_t len)
{
	struct fault_spoil *f = &c->fault.spoil;
	const struct fault_spoil armed = *f;

	if (f->corrupt == SCRIPT_CORRUPT_OPCODE)
		bhs[0] = 0x3e;		/* nobody's */
	fault_spoil_edit(c, bhs);	/* makes the digests anew */
	if (f->corrupt && f->corrupt != SCRIPT_CORRUPT_OPCODE)
		fault_spoil_digest(c, bhs, len);
	*f = (struct fault_spoil){ .again = armed.repeat && !armed.drop ? len : 0 };
	if (armed.drop)
		return 0;
	if (!armed.truncate)
		return len;
	f->again = 0;
	f->muted = true;
	conn_drain(c);
	return MIN(len, armed.truncate);
}

void fault_repeat(struct connection *c, const uint8_t *bhs)
{
	uint32_t len = c->fault.spoil.again;
	uint8_t *at = outq_reserve(&c->out, len);

	c->fault.spoil.again = 0;
	if (!at)
		return;
	memcpy(at, bhs, len);
	outq_commit(&c->out, at, len);
	fault_sent(c, at);
}
