/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pid files. The one hard thing: a number in a file says nothing of who has it today, so it is a
 * lock, which ends with its process, that tells a file that was left behind from one in use.
 */
#include "prog/pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Did the one before us remove it between our open() and our lock? */
static bool pid_file_is_gone(int fd, const char *path)
{
	struct stat ours, there;

	return fstat(fd, &ours) || lstat(path, &there) || ours.st_dev != there.st_dev ||
	       ours.st_ino != there.st_ino;
}

/* Open and lock it. Returns a descriptor or -errno. */
static int pid_file_lock(const char *path)
{
	for (;;) {
		int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
		int rc = fd < 0 || flock(fd, LOCK_EX | LOCK_NB) ? -errno : 0;

		if (!rc && !pid_file_is_gone(fd, path))
			return fd;
		if (fd >= 0)
			close(fd);
		if (rc)
			return rc;
	}
}

int pid_file_take(const char *path, struct err *e)
{
	int fd = pid_file_lock(path);

	if (fd == -EWOULDBLOCK)
		return err_set(e, ERR_EXISTS, "--pid-file %s: a running process has it", path);
	if (fd < 0)
		return err_set(e, ERR_ACCESS, "--pid-file %s: %s", path, strerror(-fd));
	if (ftruncate(fd, 0) || dprintf(fd, "%d\n", (int)getpid()) < 0) {
		err_set(e, ERR_ACCESS, "--pid-file %s: %s", path, strerror(errno));
		pid_file_remove(fd, path);
		return -ERR_ACCESS;
	}
	return fd;
}

void pid_file_remove(int fd, const char *path)
{
	if (fd < 0)
		return;
	unlink(path);
	close(fd);
}
