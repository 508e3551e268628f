/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dropping root. The one hard thing is the order: further groups, then the group, then the user, for
 * after each step the next but one is forbidden; and at the end it is tried to go back.
 */
#include "prog/target_user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "iscsifs/num.h"

static int user_find(struct target_user *u, const char *name, struct err *e)
{
	const struct passwd *pw = getpwnam(name);
	uint64_t id;

	if (!pw && !num_parse_u64(name, 0, UINT32_MAX - 1, &id)) {
		u->uid = (uid_t)id;
		pw = getpwuid(u->uid);
		if (!pw) {
			u->gid = (gid_t)id;
			return 0;
		}
	}
	if (!pw)
		return err_set(e, ERR_NOT_FOUND, "--user %s: there is no such user", name);
	u->uid = pw->pw_uid;
	u->gid = pw->pw_gid;
	snprintf(u->name, sizeof(u->name), "%s", pw->pw_name);
	return 0;
}

static int user_find_group(struct target_user *u, const char *name, struct err *e)
{
	const struct group *gr = getgrnam(name);
	uint64_t id;

	if (!gr && num_parse_u64(name, 0, UINT32_MAX - 1, &id))
		return err_set(e, ERR_NOT_FOUND, "--user: there is no group %s", name);
	u->gid = gr ? gr->gr_gid : (gid_t)id;
	return 0;
}

int target_user_find(struct target_user *u, const char *words, struct err *e)
{
	char user[256];
	const char *colon = strchr(words, ':');
	int rc;

	memset(u, 0, sizeof(*u));
	if (!*words)
		return 0;
	snprintf(user, sizeof(user), "%.*s", colon ? (int)(colon - words) : (int)sizeof(user) - 1,
		 words);
	rc = user_find(u, user, e);
	if (!rc && colon)
		rc = user_find_group(u, colon + 1, e);
	if (rc)
		return rc;
	if (geteuid() && (u->uid != geteuid() || u->gid != getegid()))
		return err_set(e, ERR_ACCESS, "--user %s: only root can become another user", words);
	u->wanted = !geteuid() && u->uid;
	return 0;
}

int target_user_give(const struct target_user *u, const char *path, struct err *e)
{
	if (!u->wanted || !path || !lchown(path, u->uid, u->gid))
		return 0;
	return err_set(e, ERR_ACCESS, "--user: cannot give %s away: %s", path, strerror(errno));
}

int target_user_become(const struct target_user *u, struct err *e)
{
	int rc;

	if (!u->wanted)
		return 0;
	rc = *u->name ? initgroups(u->name, u->gid) : setgroups(0, NULL);
	if (rc || setresgid(u->gid, u->gid, u->gid) || setresuid(u->uid, u->uid, u->uid))
		return err_set(e, ERR_ACCESS, "--user: cannot become user %u, group %u: %s",
			       (unsigned)u->uid, (unsigned)u->gid, strerror(errno));
	if (!setuid(0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return err_set(e, ERR_INTERNAL, "--user: there is a way back to root");
	return 0;
}
