/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where control sockets are. The one hard thing: under /tmp anybody may make our directory before
 * us, so it is looked at, not believed.
 */
#include "config.h"

#include "iscsifs/control.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "iscsifs/cleanup.h"

static const char *env_dir(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] == '/' ? value : NULL;
}

/* The name alone. Returns false: it does not fit. */
static bool where_name(char *buf, size_t len)
{
	const char *given = env_dir("ISCSIFS_RUNTIME_DIR");
	const char *xdg = env_dir("XDG_RUNTIME_DIR");
	int n;

	if (given)
		n = snprintf(buf, len, "%s", given);
	else if (geteuid() == 0)
		n = snprintf(buf, len, "/run/iscsifs");
	else if (xdg)
		n = snprintf(buf, len, "%s/iscsifs", xdg);
	else
		n = snprintf(buf, len, "/tmp/iscsifs-%u", (unsigned)geteuid());
	return n >= 0 && (size_t)n < len;
}

static int where_check(const char *dir, struct err *err)
{
	struct stat st;

	if (lstat(dir, &st) < 0 && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "%s is not there", dir);
	if (lstat(dir, &st) < 0)
		return err_set(err, ERR_ACCESS, "%s: %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_ACCESS, "%s is no directory", dir);
	if (st.st_uid != geteuid())
		return err_set(err, ERR_ACCESS, "%s belongs to uid %u, not to us", dir,
			       (unsigned)st.st_uid);
	if (st.st_mode & 022)
		return err_set(err, ERR_ACCESS, "others may write to %s: chmod 700 %s", dir, dir);
	return 0;
}

int control_runtime_dir(bool create, char *buf, size_t len, struct err *err)
{
	if (!where_name(buf, len))
		return err_set(err, ERR_INVALID, "the name of the runtime directory is too long");
	if (create && mkdir(buf, 0700) < 0 && errno != EEXIST)
		return err_set(err, ERR_ACCESS, "cannot make %s: %s", buf, strerror(errno));
	return where_check(buf, err);
}

static void where_ignore(const char *path, void *arg)
{
	(void)path;
	(void)arg;
}

int control_default_path(char *buf, size_t len, struct err *err)
{
	char dir[CONTROL_PATH_BYTES];
	int rc = control_runtime_dir(true, dir, sizeof(dir), err);
	int n;

	if (rc)
		return rc;
	(void)control_each_socket(where_ignore, NULL, NULL);
	n = snprintf(buf, len, "%s/%ld.sock", dir, (long)getpid());
	if (n < 0 || (size_t)n >= len || n >= CONTROL_PATH_BYTES)
		return err_set(err, ERR_INVALID, "%s is too long for the path of a socket", dir);
	return 0;
}

static int where_is_socket(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return len > 5 && !strcmp(d->d_name + len - 5, ".sock");
}

/* `<pid>.sock`, and that process is gone. A name of another kind is not ours to judge. */
static bool where_is_orphan(const char *name)
{
	char *end;
	long pid = strtol(name, &end, 10);

	return pid > 0 && pid <= INT_MAX && !strcmp(end, ".sock") && kill((pid_t)pid, 0) < 0 &&
	       errno == ESRCH;
}

/* Another process namespace may have the process: only what refuses as well is dead. */
static bool where_is_dead(const char *path)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (fd < 0 || strlen(path) >= sizeof(sun.sun_path))
		return false;
	memcpy(sun.sun_path, path, strlen(path) + 1);
	return connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0 && errno == ECONNREFUSED;
}

int control_each_socket(void (*found)(const char *path, void *arg), void *arg, struct err *err)
{
	struct err missing = ERR_INIT;
	char dir[CONTROL_PATH_BYTES];
	struct dirent **names;
	int rc = control_runtime_dir(false, dir, sizeof(dir), &missing);
	int n;

	if (rc == -ERR_NOT_FOUND)
		return 0;
	if (rc)
		return err_set(err, missing.code, "%s", missing.text);
	n = scandir(dir, &names, where_is_socket, alphasort);
	if (n < 0)
		return err_set(err, ERR_ACCESS, "%s: %s", dir, strerror(errno));
	for (int i = 0; i < n; i++) {
		cleanup_free char *path = NULL;

		if (asprintf(&path, "%s/%s", dir, names[i]->d_name) < 0)
			path = NULL;
		if (path && where_is_orphan(names[i]->d_name) && where_is_dead(path))
			(void)unlink(path);
		else if (path)
			found(path, arg);
		free(names[i]);
	}
	free(names);
	return 0;
}
