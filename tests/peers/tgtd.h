/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tgtd, the independent target of many distributions, as a peer for tests: a private one with its
 * own port, control socket and directory, killed and removed at the end.
 */
#ifndef ISCSIFS_TEST_TGTD_H
#define ISCSIFS_TEST_TGTD_H

#include <stdbool.h>
#include <sys/types.h>

#define TGTD_TARGET	"iqn.2026-11.example:disk"
#define TGTD_SECRET	"iqn.2026-11.example:secret"	/* CHAP: user/password-of-user */
#define TGTD_MUTUAL	"iqn.2026-11.example:mutual"	/* and back: target/password-of-target */

enum { TGTD_DISK_BYTES = 64 << 20, TGTD_LUN = 1 };

struct tgtd {
	char dir[64];
	char portal[32];
	pid_t pid;
};

/* NULL, or why there can be none here. */
const char *tgtd_missing(void);

/* Start one with the three targets above. Returns false, and says why, when it does not come up. */
bool tgtd_start(struct tgtd *t);
void tgtd_kill(struct tgtd *t);		/* SIGKILL; the directory stays */
void tgtd_stop(struct tgtd *t);

/* A TCP port that nobody listens on now. */
int free_port(void);

#endif
