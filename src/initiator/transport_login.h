/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The judge of a login: every login response is looked at here, whole, before libiscsi sees it.
 *
 * libiscsi 1.19 offers AuthMethod=CHAP,None and takes None for an answer; it takes sixteen zero
 * bytes for a CHAP response when it has not sent a challenge; it sends data in pieces of no bytes
 * when told to; and it does not say what was negotiated. Pure: bytes in, verdict out.
 */
#ifndef ISCSIFS_TRANSPORT_LOGIN_H
#define ISCSIFS_TRANSPORT_LOGIN_H

#include <stddef.h>

#include "initiator/transport.h"

/* RFC 7143 13.12: before a length is declared, no more than 8192 bytes of data come in one PDU. */
enum { LOGIN_HEADER_BYTES = 48, LOGIN_DATA_MAX = 8192,
       LOGIN_PDU_MAX = LOGIN_HEADER_BYTES + LOGIN_DATA_MAX };

struct login {
	/* What we insist on. */
	bool want_chap;
	bool want_mutual;
	enum transport_digest offered_digest;
	char name_in[256];

	/* What was said, in which reply: 0 is never, 1 the first. */
	unsigned replies;
	unsigned method_at;		/* AuthMethod=CHAP */
	unsigned algorithm_at;		/* CHAP_A=5 */
	unsigned challenge_at;		/* CHAP_C */
	unsigned name_at;		/* CHAP_N, the right one */
	unsigned response_at;		/* CHAP_R, well formed; libiscsi compares it */
	bool digest_named;
	bool proved;			/* the security stage is behind us */
	bool done;			/* this reply leads to full feature phase */
	char address[TRANSPORT_PORTAL_MAX];	/* TargetAddress, without portal group */
	struct transport_limits limits;
};

void login_init(struct login *lg, const struct transport_param *param);

/*
 * How many bytes there must be, seen from the first @have >= 1 of a PDU: 48 until its header is
 * there, then all of it. Returns 0, and why in *loss, when it is no login response or one that
 * libiscsi could not take.
 */
size_t login_pdu_bytes(const uint8_t *pdu, size_t have, struct transport_loss *loss);

/*
 * Judge a whole login response of login_pdu_bytes() bytes. Returns 0: libiscsi may have it, and
 * with lg->done set lg->limits holds what was negotiated. Returns -1: *loss says why not.
 */
int login_judge(struct login *lg, const uint8_t *pdu, size_t bytes, struct transport_loss *loss);

/* "authentication failed" and the like for Status-Class << 8 | Status-Detail (RFC 7143 11.13.5). */
const char *login_status_text(uint16_t status);

#endif
