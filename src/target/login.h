/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The login phase of a connection: RFC 7143 sections 6 and 11.12, 11.13.
 */
#ifndef ISCSIFS_TARGET_LOGIN_H
#define ISCSIFS_TARGET_LOGIN_H

#include "target/connection.h"
#include "target/pdu.h"

struct login;

/* Returns 0 or -ENOMEM. login_free(NULL) is legal. */
int login_new(struct login **out, struct connection *c);
/* The target that it is a login to, as far as that is known; or NULL. */
const struct target *login_target(const struct login *l);

void login_free(struct login *l);

/*
 * A PDU came. Answers it; a login that succeeds sets c->session and frees @l (c->login is NULL
 * then), one that fails drains the connection.
 */
void login_pdu(struct login *l, const struct pdu *p);

/* Refuse the request at @bhs with @status; @address is where to go instead, or empty. */
void login_turn_away(struct login *l, const uint8_t *bhs, enum pdu_login_status status,
		     const char *address);

#endif
