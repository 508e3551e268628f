/* SPDX-License-Identifier: BSD-2-Clause */
/* A private tgtd. The one hard thing: it daemonises nothing with -f, but forgets nothing either. */
#include "tgtd.h"

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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

const char *tgtd_missing(void)
{
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

static int tgtd_admin(const struct tgtd *t, const char *args)
{
	char cmd[512];

	snprintf(cmd, sizeof(cmd), "TGT_IPC_SOCKET=%s/ipc tgtadm -C 1 --lld iscsi %s >>%s/log 2>&1",
		 t->dir, args, t->dir);
	return system(cmd);
}

static void tgtd_exec(const struct tgtd *t)
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

static bool tgtd_wait_up(const struct tgtd *t)
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

static int tgtd_add_target(const struct tgtd *t, int tid, const char *name)
{
	char args[256], path[80];
	int fd, rc;

	snprintf(path, sizeof(path), "%s/disk%d", t->dir, tid);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	rc = ftruncate(fd, TGTD_DISK_BYTES);
	close(fd);
	snprintf(args, sizeof(args), "--op new --mode target --tid %d -T %s", tid, name);
	rc |= tgtd_admin(t, args);
	snprintf(args, sizeof(args), "--op new --mode logicalunit --tid %d --lun %d -b %s", tid,
		 TGTD_LUN, path);
	rc |= tgtd_admin(t, args);
	snprintf(args, sizeof(args), "--op bind --mode target --tid %d -I ALL", tid);
	return rc | tgtd_admin(t, args);
}

static int tgtd_add_accounts(const struct tgtd *t)
{
	return tgtd_admin(t, "--op new --mode account --user user --password password-of-user") |
	       tgtd_admin(t, "--op new --mode account --user target --password password-of-target") |
	       tgtd_admin(t, "--op bind --mode account --tid 2 --user user") |
	       tgtd_admin(t, "--op bind --mode account --tid 3 --user user") |
	       tgtd_admin(t, "--op bind --mode account --tid 3 --user target --outgoing");
}

bool tgtd_start(struct tgtd *t)
{
	snprintf(t->dir, sizeof(t->dir), "/tmp/iscsifs-tgtd.XXXXXX");
	if (!mkdtemp(t->dir))
		return false;
	snprintf(t->portal, sizeof(t->portal), "127.0.0.1:%d", free_port());
	t->pid = fork();
	if (!t->pid)
		tgtd_exec(t);
	if (!tgtd_wait_up(t) || tgtd_add_target(t, 1, TGTD_TARGET) ||
	    tgtd_add_target(t, 2, TGTD_SECRET) || tgtd_add_target(t, 3, TGTD_MUTUAL) ||
	    tgtd_add_accounts(t) ||
	    tgtd_admin(t, "--op update --mode target --tid 1 -n HeaderDigest -v CRC32C,None")) {
		fprintf(stderr, "tgtd did not come up, see %s/log\n", t->dir);
		return false;
	}
	return true;
}

void tgtd_kill(struct tgtd *t)
{
	if (t->pid > 0) {
		kill(t->pid, SIGKILL);
		waitpid(t->pid, NULL, 0);
	}
	t->pid = 0;
}

void tgtd_stop(struct tgtd *t)
{
	char cmd[96];

	tgtd_kill(t);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", t->dir);
	if (t->dir[0] && system(cmd))
		fprintf(stderr, "cannot remove %s\n", t->dir);
}
