/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iscsi://[user[%password]@]host[:port][/target[/lun]]
 *
 * The form that libiscsi's tools and QEMU take, strictly: what is wrong is said in one sentence, and
 * a sentence never quotes a password. IPv6 addresses stand in brackets; the port is 3260 when left
 * out; %41 stands for a byte in the target name only (in the user part % begins the password).
 */
#ifndef ISCSIFS_URL_H
#define ISCSIFS_URL_H

#include <stdint.h>

#include "iscsifs/err.h"

enum {
	URL_PORT = 3260,
	URL_HOST_MAX = 256,	/* with the NUL, as all of these */
	URL_PORTAL_MAX = 272,
	URL_NAME_MAX = 224,	/* RFC 7143 4.2.7.1: 223 bytes */
	URL_SECRET_MAX = 256,
	URL_LUN_MAX = 16383,
};

struct url {
	char host[URL_HOST_MAX];	/* without brackets */
	uint16_t port;
	char portal[URL_PORTAL_MAX];	/* "host:port", "[v6]:port" */
	char user[URL_SECRET_MAX];	/* "": none given */
	char password[URL_SECRET_MAX];	/* "": none given */
	char target[URL_NAME_MAX];	/* "": none given */
	int lun;			/* -1: none given */
};

/* Returns 0, or -ERR_INVALID with *err set and *out without secrets. */
int url_parse(struct url *out, const char *text, struct err *err);

/* Overwrite the secrets. */
void url_wipe(struct url *url);

/*
 * "host", "host:port", "v4:port", "[v6]", "[v6]:port": an optional ",tag" at the end is dropped.
 * Returns 0, or -ERR_INVALID with *err set.
 */
int url_parse_portal(const char *text, char host[URL_HOST_MAX], uint16_t *port, struct err *err);

/*
 * An iSCSI name: iqn.YYYY-MM.authority[:string], eui. and 16 hex digits, naa. and 16 or 32 hex
 * digits; at most 223 bytes, none of them blank, control, '/' or ','.
 * Returns 0, or -ERR_INVALID with *err set. Source: RFC 7143 4.2.7.
 */
int url_check_name(const char *name, struct err *err);

#endif
