/* SPDX-License-Identifier: BSD-2-Clause */
/* --user: to be somebody else, for good. */
#ifndef ISCSIFS_PROG_TARGET_USER_H
#define ISCSIFS_PROG_TARGET_USER_H

#include <stdbool.h>
#include <sys/types.h>

#include "iscsifs/err.h"

struct target_user {
	bool wanted;
	uid_t uid;
	gid_t gid;
	char name[64];		/* of whose further groups we are; empty: of nobody's */
};

/*
 * Look up @words: "USER" or "USER:GROUP", each a name or a number; empty: nobody is wanted. Refuses
 * what we could not become. Returns 0 or -code: ERR_NOT_FOUND, ERR_ACCESS.
 */
int target_user_find(struct target_user *u, const char *words, struct err *e);

/* Give the file at @path (may be NULL) to @u. Returns 0 or -code. */
int target_user_give(const struct target_user *u, const char *path, struct err *e);

/*
 * Become @u in every thread: groups, group, user, and no way back. Returns 0 or -code; after a
 * failure the process must end, for it may be half somebody.
 */
int target_user_become(const struct target_user *u, struct err *e);

#endif
