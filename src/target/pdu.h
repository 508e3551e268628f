/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iSCSI PDUs as bytes: the basic header segment, read where it lies and written in place.
 * Source: RFC 7143 section 11; the offsets of each PDU stand beside its accessor.
 */
#ifndef ISCSIFS_TARGET_PDU_H
#define ISCSIFS_TARGET_PDU_H

#include <stdbool.h>
#include <stdint.h>

#include "iscsifs/cursor.h"

enum {
	PDU_BHS = 48,			/* bytes of a basic header segment */
	PDU_DATA_MAX = 0xffffff,	/* DataSegmentLength has 24 bits */
	PDU_DIGEST = 4,
};

#define PDU_TAG_NONE	0xffffffffu	/* an initiator or target task tag that tags nothing */

enum pdu_opcode {
	PDU_NOP_OUT = 0x00,
	PDU_SCSI_COMMAND = 0x01,
	PDU_TMF_REQUEST = 0x02,
	PDU_LOGIN_REQUEST = 0x03,
	PDU_TEXT_REQUEST = 0x04,
	PDU_DATA_OUT = 0x05,
	PDU_LOGOUT_REQUEST = 0x06,
	PDU_SNACK_REQUEST = 0x10,
	PDU_NOP_IN = 0x20,
	PDU_SCSI_RESPONSE = 0x21,
	PDU_TMF_RESPONSE = 0x22,
	PDU_LOGIN_RESPONSE = 0x23,
	PDU_TEXT_RESPONSE = 0x24,
	PDU_DATA_IN = 0x25,
	PDU_LOGOUT_RESPONSE = 0x26,
	PDU_R2T = 0x31,
	PDU_ASYNC = 0x32,
	PDU_REJECT = 0x3f,
};

enum pdu_flag {
	PDU_F = 0x80,			/* final; in login: T, transit */
	PDU_C = 0x40,			/* text continues in the next PDU */
	PDU_CMD_R = 0x40,		/* SCSI Command: data goes to the initiator */
	PDU_CMD_W = 0x20,		/* SCSI Command: data comes from the initiator */
	PDU_CMD_ATTR = 0x07,
	PDU_RESIDUAL_O = 0x04,
	PDU_RESIDUAL_U = 0x02,
	PDU_DATA_IN_S = 0x01,		/* Data-In carries the status */
};

/* RFC 7143 11.17.1 */
enum pdu_reject {
	PDU_REJECT_DATA_DIGEST = 0x02,
	PDU_REJECT_SNACK = 0x03,
	PDU_REJECT_PROTOCOL = 0x04,
	PDU_REJECT_UNSUPPORTED = 0x05,
	PDU_REJECT_IMMEDIATE = 0x06,	/* too many immediate commands */
	PDU_REJECT_TASK_IN_PROGRESS = 0x07,
	PDU_REJECT_INVALID_FIELD = 0x09,
	PDU_REJECT_RESOURCES = 0x0a,
};

/* RFC 7143 11.5.1 and 11.6.1 */
enum pdu_tmf {
	PDU_TMF_ABORT_TASK = 1,
	PDU_TMF_ABORT_TASK_SET = 2,
	PDU_TMF_CLEAR_ACA = 3,
	PDU_TMF_CLEAR_TASK_SET = 4,
	PDU_TMF_LUN_RESET = 5,
	PDU_TMF_TARGET_WARM_RESET = 6,
	PDU_TMF_TARGET_COLD_RESET = 7,
	PDU_TMF_TASK_REASSIGN = 8,
};

enum pdu_tmf_response {
	PDU_TMF_COMPLETE = 0,
	PDU_TMF_NO_TASK = 1,
	PDU_TMF_NO_LUN = 2,
	PDU_TMF_NO_REASSIGN = 4,
	PDU_TMF_UNSUPPORTED = 5,
	PDU_TMF_REJECTED = 255,
};

/* RFC 7143 11.13.5: class << 8 | detail */
enum pdu_login_status {
	PDU_LOGIN_OK = 0x0000,
	PDU_LOGIN_MOVED = 0x0101,
	PDU_LOGIN_MOVED_PERMANENTLY = 0x0102,
	PDU_LOGIN_INITIATOR_ERROR = 0x0200,
	PDU_LOGIN_AUTH_FAILED = 0x0201,
	PDU_LOGIN_FORBIDDEN = 0x0202,
	PDU_LOGIN_NOT_FOUND = 0x0203,
	PDU_LOGIN_BAD_VERSION = 0x0205,
	PDU_LOGIN_TOO_MANY_CONNECTIONS = 0x0206,
	PDU_LOGIN_MISSING_PARAMETER = 0x0207,
	PDU_LOGIN_CANT_INCLUDE = 0x0208,
	PDU_LOGIN_BAD_SESSION_TYPE = 0x0209,
	PDU_LOGIN_NO_SESSION = 0x020a,
	PDU_LOGIN_INVALID_REQUEST = 0x020b,
	PDU_LOGIN_TARGET_ERROR = 0x0300,
	PDU_LOGIN_UNAVAILABLE = 0x0301,
	PDU_LOGIN_NO_RESOURCES = 0x0302,
};

/* A received PDU. Everything points into the receive buffer and is lent for one call. */
struct pdu {
	const uint8_t *bhs;	/* PDU_BHS bytes */
	const uint8_t *ahs;
	uint32_t ahs_bytes;
	const uint8_t *data;	/* NULL where the data is handed over piece by piece */
	uint32_t data_bytes;	/* without padding */
};

static inline uint8_t pdu_opcode(const uint8_t *bhs)
{
	return bhs[0] & 0x3f;
}

static inline bool pdu_immediate(const uint8_t *bhs)
{
	return bhs[0] & 0x40;
}

static inline uint8_t pdu_flags(const uint8_t *bhs)
{
	return bhs[1];
}

static inline uint32_t pdu_ahs_bytes(const uint8_t *bhs)
{
	return bhs[4] * 4u;
}

static inline uint32_t pdu_data_bytes(const uint8_t *bhs)
{
	return be24_load(bhs + 5);
}

/* The data segment on the wire: padded to four. */
static inline uint32_t pdu_padded(uint32_t bytes)
{
	return (bytes + 3) & ~3u;
}

static inline const uint8_t *pdu_lun(const uint8_t *bhs)
{
	return bhs + 8;
}

static inline uint32_t pdu_itt(const uint8_t *bhs)
{
	return be32_load(bhs + 16);
}

/* Target transfer tag of NOP, Data-Out, Text; also Referenced Task Tag of a TMF request. */
static inline uint32_t pdu_ttt(const uint8_t *bhs)
{
	return be32_load(bhs + 20);
}

/* Expected Data Transfer Length of a SCSI Command. */
static inline uint32_t pdu_edtl(const uint8_t *bhs)
{
	return be32_load(bhs + 20);
}

static inline uint32_t pdu_cmdsn(const uint8_t *bhs)
{
	return be32_load(bhs + 24);
}

static inline uint32_t pdu_expstatsn(const uint8_t *bhs)
{
	return be32_load(bhs + 28);
}

static inline const uint8_t *pdu_cdb(const uint8_t *bhs)
{
	return bhs + 32;
}

static inline uint32_t pdu_refcmdsn(const uint8_t *bhs)
{
	return be32_load(bhs + 32);
}

static inline uint32_t pdu_datasn(const uint8_t *bhs)
{
	return be32_load(bhs + 36);
}

static inline uint32_t pdu_offset(const uint8_t *bhs)
{
	return be32_load(bhs + 40);
}

/* Login request: RFC 7143 11.12. */
static inline const uint8_t *pdu_isid(const uint8_t *bhs)
{
	return bhs + 8;
}

static inline uint16_t pdu_tsih(const uint8_t *bhs)
{
	return be16_load(bhs + 14);
}

static inline uint16_t pdu_cid(const uint8_t *bhs)
{
	return be16_load(bhs + 20);
}

static inline unsigned pdu_csg(const uint8_t *bhs)
{
	return bhs[1] >> 2 & 3;
}

static inline unsigned pdu_nsg(const uint8_t *bhs)
{
	return bhs[1] & 3;
}

/* Serial numbers, RFC 1982 with 32 bits: is @a before @b? */
static inline bool serial_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

/* Zero the header at @bhs and set opcode, flags (PDU_F is not implied) and task tag. */
void pdu_init(uint8_t *bhs, enum pdu_opcode op, uint8_t flags, uint32_t itt);

static inline void pdu_set_data_bytes(uint8_t *bhs, uint32_t bytes)
{
	be24_store(bhs + 5, bytes);
}

/* The three numbers that every PDU of a target carries at bytes 24..35. */
void pdu_set_numbers(uint8_t *bhs, uint32_t statsn, uint32_t expcmdsn, uint32_t maxcmdsn);

/*
 * The 16 bytes of a CDB, from the header and, for a longer one, its additional header segment
 * (RFC 7143 11.2.2). Returns false when the segments are malformed, or for a CDB longer than 16
 * bytes or a bidirectional command, which no command of ours is.
 */
bool pdu_ahs_is_plain(const uint8_t *ahs, uint32_t bytes);

const char *pdu_opcode_name(uint8_t opcode);

#endif
