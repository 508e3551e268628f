/* SPDX-License-Identifier: BSD-2-Clause */
/* A file of passwords: "USER PASSWORD" lines, nobody's but its owner's. */
#ifndef ISCSIFS_TARGET_PASSWORDS_H
#define ISCSIFS_TARGET_PASSWORDS_H

#include "iscsifs/err.h"

struct passwords;

/*
 * Read @path. A line is a user without blanks, one blank, and the password, which is all the rest;
 * empty lines and those that begin with # are passed over.
 *
 * Returns 0 or -code with a sentence in @e: others may read the file (ERR_ACCESS), a line is
 * malformed or a user comes twice (ERR_INVALID).
 */
int passwords_read(struct passwords **out, const char *path, struct err *e);

/* The secrets are overwritten. passwords_free(NULL) is legal. */
void passwords_free(struct passwords *p);

/* NULL: there is no such user. Valid until passwords_free(). */
const char *passwords_find(const struct passwords *p, const char *user);

#endif
