/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An error that a person reads: a code and one sentence with the place.
 *
 * The codes are iscsiadm's exit codes (open-iscsi, iscsiadm(8), EXIT STATUS), because scripts and
 * CSI drivers already test for them; a program ends with the code of the error that ended it.
 */
#ifndef ISCSIFS_ERR_H
#define ISCSIFS_ERR_H

#include <stdarg.h>

enum err_code {
	ERR_OK = 0,
	ERR_GENERIC = 1,	/* anything without a code of its own */
	ERR_NO_SESSION = 2,	/* session not found */
	ERR_NOMEM = 3,
	ERR_CONNECT = 4,	/* TCP connection refused, unreachable, lost */
	ERR_LOGIN = 5,		/* login failed, may work later */
	ERR_INVALID = 7,	/* invalid argument: command line, URL, configuration */
	ERR_CONNECT_TIMEOUT = 8,/* nobody answered in time */
	ERR_INTERNAL = 9,
	ERR_LOGOUT = 10,	/* logout failed */
	ERR_PDU_TIMEOUT = 11,	/* an answer did not come in time */
	ERR_ACCESS = 13,	/* permission denied by this machine */
	ERR_EXISTS = 15,	/* already there: session, mount */
	ERR_FATAL_LOGIN = 19,	/* login failed and will not work later */
	ERR_NO_DAEMON = 20,	/* cannot connect to the daemon */
	ERR_NOT_FOUND = 21,	/* no target, LUN, portal or record found */
	ERR_HOST = 23,		/* host name not found */
	ERR_AUTH = 24,		/* login authentication failed */
	ERR_UNSUPPORTED = 27,
	ERR_BUSY = 28,
	ERR_AGAIN = 29,
	ERR_TIMEOUT = 33,	/* the daemon did not answer in time */
};

struct err {
	enum err_code code;
	char text[384];		/* one sentence, no newline, no full stop */
};

#define ERR_INIT { .code = ERR_OK }

/*
 * Set @e (may be NULL) to @code and a sentence. The first error wins: one that is already set stays.
 * Returns -@code, so that `return err_set(e, ERR_INVALID, "…")` reads well.
 */
int err_set(struct err *e, enum err_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Put "@fmt: " before the sentence of @e, which is set. Returns -e->code. */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline int err_is_set(const struct err *e)
{
	return e->code != ERR_OK;
}

#endif
