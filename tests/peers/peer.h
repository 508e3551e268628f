/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Real targets as peers for tests: a private one with its own port and directory, killed and removed
 * at the end. tgtd is the independent one of many distributions; iscsifs-target is ours.
 */
#ifndef ISCSIFS_TEST_PEER_H
#define ISCSIFS_TEST_PEER_H

#include <stdbool.h>
#include <sys/types.h>

/* What each of them has: a target for everybody, one with CHAP, one with mutual CHAP. */
#define PEER_OPEN	"iqn.2026-11.example:disk"
#define PEER_SECRET	"iqn.2026-11.example:secret"	/* user, password-of-user */
#define PEER_MUTUAL	"iqn.2026-11.example:mutual"	/* and back: target, password-of-target */

enum { PEER_TARGETS = 3, PEER_DISK_BYTES = 64 << 20, PEER_LUN = 1 };

enum peer_kind {
	PEER_TGTD,
	PEER_OURS,	/* ./iscsifs-target, as make check finds it */
};

struct peer {
	enum peer_kind kind;
	char dir[64];
	char portal[32];
	pid_t pid;
};

/* NULL, or why there can be none of @kind here. */
const char *peer_missing(enum peer_kind kind);

/* Start one with the targets above. Returns false, and says why, when it does not come up. */
bool peer_start(struct peer *p, enum peer_kind kind);
void peer_kill(struct peer *p);		/* SIGKILL; the directory stays */
void peer_stop(struct peer *p);

/* A TCP port that nobody listens on now. */
int free_port(void);

#endif
