/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PDUs that go, spoilt: a rule arms the connection, and the next PDU is changed, cut short, sent
 * twice or not at all.
 */
#ifndef ISCSIFS_TARGET_FAULT_SPOIL_H
#define ISCSIFS_TARGET_FAULT_SPOIL_H

#include <stdbool.h>
#include <stdint.h>

#include "target/fault_edit.h"

struct connection;

enum { FAULT_EDITS_MAX = SCRIPT_ACTIONS_MAX };

struct fault_spoil {
	bool armed;			/* the next PDU that goes is spoilt, as follows */
	enum script_corrupt corrupt;
	uint32_t truncate;		/* bytes of it that go; 0: all */
	bool repeat;			/* it goes twice */
	bool drop;			/* it does not go */
	struct fault_edit edit[FAULT_EDITS_MAX];
	unsigned edits;
	uint32_t again;			/* bytes of the one that was just spoilt, to go once more */
	bool muted;			/* nothing follows what was cut off */
};

/* The next PDU: @a is SCRIPT_DO_TRUNCATE, _DUPLICATE, _CORRUPT, _DROP, _WITHHOLD or an edit. */
void fault_spoil_arm(struct connection *c, const struct script_action *a);

/*
 * A PDU of @len bytes, with its digests, is about to be queued: spoil it. Returns how many bytes
 * of it are to be queued; 0: none.
 */
uint32_t fault_spoil(struct connection *c, uint8_t *bhs, uint32_t len);

/* It is queued, and to be queued once more. */
void fault_repeat(struct connection *c, const uint8_t *bhs);

#endif
