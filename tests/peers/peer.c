/* SPDX-License-Identifier: BSD-2-Clause */
/* Private targets. The hard thing is only to know when one is up, and to leave nothing behind. */
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

const char *peer_missing(enum peer_kind kind)
{
	if (kind == PEER_OURS)
		return access("./iscsifs-target", X_OK) ? "iscsifs-target is not built here" : NULL;
	if (geteuid())
		return "tgtd wants root";
	if (system("command -v tgtd >/dev/null && command -v tgtadm >/dev/null"))
		return "tgtd is not installed (package tgt)";
	return NULL;
}

int free_port(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int port = 0;

	if (!bind(fd, (struct sockaddr *)&sa, sizeof(sa)) &&
	    !getsockname(fd, (struct sockaddr *)&sa, &len))
		port = ntohs(sa.sin_port);
	close(fd);
	return port;
}

static int tgtd_admin(const struct peer *t, const char *args)
{
	char cmd[512];

	snprintf(cmd, sizeof(cmd), "TGT_IPC_SOCKET=%s/ipc tgtadm -C 1 --lld iscsi %s >>%s/log 2>&1",
		 t->dir, args, t->dir);
	return system(cmd);
}

static void tgtd_exec(const struct peer *t)
{
	char ipc[80], portal[48], log[80];
	int fd;

	snprintf(ipc, sizeof(ipc), "%s/ipc", t->dir);
	snprintf(log, sizeof(log), "%s/log", t->dir);
	snprintf(portal, sizeof(portal), "portal=%s", t->portal);
	setenv("TGT_IPC_SOCKET", ipc, 1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	execlp("tgtd", "tgtd", "-f", "--iscsi", portal, "-C", "1", (char *)NULL);
	_exit(127);
}

static bool tgtd_wait_up(const struct peer *t)
{
	const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };

	for (int i = 0; i < 500; i++) {
		if (!tgtd_admin(t, "--op show --mode target"))
			return true;
		if (waitpid(t->pid, NULL, WNOHANG) == t->pid)
			return false;
		nanosleep(&pause, NULL);
	}
	return false;
}

static int tgtd_add_target(const struct peer *t, int tid, const char *name)
{
	char args[256], path[80];
	int fd, rc;

	snprintf(path, sizeof(path), "%s/disk%d", t->dir, tid);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	rc = ftruncate(fd, PEER_DISK_BYTES);
	close(fd);
	snprintf(args, sizeof(args), "--op new --mode target --tid %d -T %s", tid, name);
	rc |= tgtd_admin(t, args);
	snprintf(args, sizeof(args), "--op new --mode logicalunit --tid %d --lun %d -b %s", tid,
		 PEER_LUN, path);
	rc |= tgtd_admin(t, args);
	snprintf(args, sizeof(args), "--op bind --mode target --tid %d -I ALL", tid);
	return rc | tgtd_admin(t, args);
}

static int tgtd_add_accounts(const struct peer *t)
{
	return tgtd_admin(t, "--op new --mode account --user user --password password-of-user") |
	       tgtd_admin(t, "--op new --mode account --user target --password password-of-target") |
	       tgtd_admin(t, "--op bind --mode account --tid 2 --user user") |
	       tgtd_admin(t, "--op bind --mode account --tid 3 --user user") |
	       tgtd_admin(t, "--op bind --mode account --tid 3 --user target --outgoing");
}

static bool tgtd_start(struct peer *t)
{
	snprintf(t->portal, sizeof(t->portal), "127.0.0.1:%d", free_port());
	t->pid = fork();
	if (!t->pid)
		tgtd_exec(t);
	return tgtd_wait_up(t) && !tgtd_add_target(t, 1, PEER_OPEN) &&
	       !tgtd_add_target(t, 2, PEER_SECRET) && !tgtd_add_target(t, 3, PEER_MUTUAL) &&
	       !tgtd_add_accounts(t) &&
	       !tgtd_admin(t, "--op update --mode target --tid 1 -n HeaderDigest -v CRC32C,None");
}

static void ours_exec(const struct peer *t, int out)
{
	char user[96], target[96], log[80];
	FILE *f;
	int fd;

	snprintf(user, sizeof(user), "%s/user", t->dir);
	snprintf(target, sizeof(target), "%s/target", t->dir);
	snprintf(log, sizeof(log), "%s/log", t->dir);
	umask(077);
	f = fopen(user, "w");
	fputs("password-of-user\n", f);
	fclose(f);
	f = fopen(target, "w");
	fputs("password-of-target\n", f);
	fclose(f);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	dup2(out, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	execl("./iscsifs-target", "iscsifs-target", "-f", "--listen", "127.0.0.1:0", "--target",
	      PEER_OPEN, "--lun", "ram:64M,lun=1", "--target", PEER_SECRET, "--lun",
	      "ram:64M,lun=1", "--chap-user", "user", "--chap-password-file", user, "--target", PEER_MUTUAL,
	      "--lun", "ram:64M,lun=1", "--chap-user", "user", "--chap-password-file", user,
	      "--mutual-user", "target", "--mutual-password-file", target, (char *)NULL);
	_exit(127);
}

/* It says where it listens when it does. */
static bool ours_start(struct peer *t)
{
	int out[2];
	FILE *f;
	bool up;

	if (pipe(out))
		return false;
	for (int i = 0; i < 2; i++)
		(void)fcntl(out[i], F_SETFD, FD_CLOEXEC);
	t->pid = fork();
	if (!t->pid)
		ours_exec(t, out[1]);
	close(out[1]);
	f = fdopen(out[0], "r");
	up = fscanf(f, "listening %31s", t->portal) == 1;
	fclose(f);
	return up;
}

bool peer_start(struct peer *t, enum peer_kind kind)
{
	*t = (struct peer){ .kind = kind };
	snprintf(t->dir, sizeof(t->dir), "/tmp/iscsifs-peer.XXXXXX");
	if (!mkdtemp(t->dir))
		return false;
	if (kind == PEER_TGTD ? tgtd_start(t) : ours_start(t))
		return true;
	fprintf(stderr, "the target did not come up, see %s/log\n", t->dir);
	return false;
}

void peer_kill(struct peer *t)
{
	if (t->pid > 0) {
		kill(t->pid, SIGKILL);
		waitpid(t->pid, NULL, 0);
	}
	t->pid = 0;
}

void peer_stop(struct peer *t)
{
	char cmd[96];

	peer_kill(t);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", t->dir);
	if (t->dir[0] && system(cmd))
		fprintf(stderr, "cannot remove %s\n", t->dir);
}
