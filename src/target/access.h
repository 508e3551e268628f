/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may log in to a target, and what must be proved: initiator names, initiator addresses, and
 * CHAP accounts. Every class that is present must match: a name alone restricts, and so does an
 * address alone (tgt lets a login pass when either does).
 */
#ifndef ISCSIFS_TARGET_ACCESS_H
#define ISCSIFS_TARGET_ACCESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "iscsifs/err.h"
#include "iscsifs/list.h"

enum {
	ACCESS_TEXT_MAX = 223,		/* bytes of a name, an address or a user */
	ACCESS_SECRET_MAX = 255,	/* bytes of a secret */
	ACCESS_ENTRIES_MAX = 1024,	/* of each class */
};

/* One allowed name, or one allowed address as it was written: "192.0.2.7", "10.0.0.0/8", "ALL". */
struct access_entry {
	struct list link;
	char text[ACCESS_TEXT_MAX + 1];
	/* access.c's: an address and how many of its bits count; AF_UNSPEC: every address. */
	int family;
	unsigned bits;
	unsigned char address[16];
};

/* Credentials of one direction of CHAP. */
struct account {
	struct list link;
	char user[ACCESS_TEXT_MAX + 1];
	char secret[ACCESS_SECRET_MAX + 1];
};

struct access {
	struct list names;		/* struct access_entry; empty: any initiator */
	struct list addresses;		/* struct access_entry; empty: from anywhere */
	struct list incoming;		/* struct account: the initiator proves one; empty: no CHAP */
	struct list outgoing;		/* struct account, at most one: what we prove when asked */
};

enum access_class {
	ACCESS_NAME,
	ACCESS_ADDRESS,
};

enum access_direction {
	ACCESS_INCOMING,		/* tgt's incominguser */
	ACCESS_OUTGOING,		/* tgt's outgoinguser */
};

void access_init(struct access *a);
/* Forgets everything; secrets are overwritten. */
void access_fini(struct access *a);

/*
 * Allow one more. An address is numeric: IPv4, IPv6, either with "/bits", or "ALL".
 * Returns 0, or -code with a sentence in @e: ERR_INVALID, ERR_EXISTS, ERR_NOMEM.
 */
int access_add(struct access *a, enum access_class class, const char *text, struct err *e);
/* Returns 0, or -code: ERR_NOT_FOUND. */
int access_remove(struct access *a, enum access_class class, const char *text, struct err *e);

/*
 * One more account. A user has no blanks, so that "USER SECRET" is one text for both. The two
 * directions must not share a secret (RFC 7143 9.2.1), and there is one outgoing account at most.
 * Returns 0, or -code: ERR_INVALID, ERR_EXISTS, ERR_NOMEM.
 */
int access_add_account(struct access *a, enum access_direction way, const char *user,
		       const char *secret, struct err *e);
/* Returns 0, or -code: ERR_NOT_FOUND. */
int access_remove_account(struct access *a, enum access_direction way, const char *user,
			  struct err *e);
/* NULL: there is none of that name. */
const struct account *access_account(const struct access *a, enum access_direction way,
				     const char *user);

/* May @initiator log in from @peer? CHAP is asked apart from this. */
bool access_allows(const struct access *a, const char *initiator,
		   const struct sockaddr_storage *peer);
/* Anybody may, and nobody has to prove anything. */
bool access_is_open(const struct access *a);

#endif
