/* SPDX-License-Identifier: BSD-2-Clause */
/* What `set`, `flip` and `residual` do to the bytes of a PDU. Pure. */
#ifndef ISCSIFS_TARGET_FAULT_EDIT_H
#define ISCSIFS_TARGET_FAULT_EDIT_H

#include "target/script.h"

struct fault_edit {
	enum script_act act;		/* SCRIPT_DO_SET, _FLIP or _RESIDUAL */
	uint32_t field;			/* as in script_action */
	uint64_t number;		/* likewise; of a random bit: any number, drawn from its seed */
	bool relative;
	bool spoils_digest;
};

/*
 * @count changes, in their order, to the header at @bhs and @data_bytes of data at @data, without
 * its padding. A bit of data that is not there is not flipped. Digests are the caller's.
 */
void fault_edit(const struct fault_edit *edit, unsigned count, uint8_t *bhs, uint8_t *data,
		uint32_t data_bytes);

#endif
