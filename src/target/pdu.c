/* SPDX-License-Identifier: BSD-2-Clause */
/* PDU headers written, and additional header segments judged. RFC 7143 section 11. */
#include "target/pdu.h"

#include <string.h>

#include "iscsifs/check.h"

enum { PDU_AHS_EXTENDED_CDB = 1, PDU_AHS_BIDI_READ = 2 };

void pdu_init(uint8_t *bhs, enum pdu_opcode op, uint8_t flags, uint32_t itt)
{
	memset(bhs, 0, PDU_BHS);
	bhs[0] = (uint8_t)op;
	bhs[1] = flags;
	be32_store(bhs + 16, itt);
}

void pdu_set_numbers(uint8_t *bhs, uint32_t statsn, uint32_t expcmdsn, uint32_t maxcmdsn)
{
	be32_store(bhs + 24, statsn);
	be32_store(bhs + 28, expcmdsn);
	be32_store(bhs + 32, maxcmdsn);
}

bool pdu_ahs_is_plain(const uint8_t *ahs, uint32_t bytes)
{
	struct cursor c = cursor_of(ahs, bytes);

	while (cursor_left(&c) >= 4) {
		uint16_t len = cursor_be16(&c);
		uint8_t type = cursor_u8(&c) & 0x3f;

		if (type == PDU_AHS_EXTENDED_CDB || type == PDU_AHS_BIDI_READ)
			return false;
		cursor_skip(&c, pdu_padded(len + 3u) - 3u);
	}
	return !c.bad;
}

const char *pdu_opcode_name(uint8_t opcode)
{
	static const char *const names[64] = {
		[PDU_NOP_OUT] = "NOP-Out",
		[PDU_SCSI_COMMAND] = "SCSI Command",
		[PDU_TMF_REQUEST] = "Task Management Request",
		[PDU_LOGIN_REQUEST] = "Login Request",
		[PDU_TEXT_REQUEST] = "Text Request",
		[PDU_DATA_OUT] = "SCSI Data-Out",
		[PDU_LOGOUT_REQUEST] = "Logout Request",
		[PDU_SNACK_REQUEST] = "SNACK Request",
		[PDU_NOP_IN] = "NOP-In",
		[PDU_SCSI_RESPONSE] = "SCSI Response",
		[PDU_TMF_RESPONSE] = "Task Management Response",
		[PDU_LOGIN_RESPONSE] = "Login Response",
		[PDU_TEXT_RESPONSE] = "Text Response",
		[PDU_DATA_IN] = "SCSI Data-In",
		[PDU_LOGOUT_RESPONSE] = "Logout Response",
		[PDU_R2T] = "Ready To Transfer",
		[PDU_ASYNC] = "Asynchronous Message",
		[PDU_REJECT] = "Reject",
	};
	const char *name = opcode < ARRAY_SIZE(names) ? names[opcode] : NULL;

	return name ? name : "unknown PDU";
}
