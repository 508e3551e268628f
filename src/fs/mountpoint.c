/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Can we mount there? The one hard thing: a mountpoint with a dead mount on it can hardly be looked
 * at, so the error of looking is an answer too.
 */
#include "config.h"

#include "fs/mountpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "iscsifs/cleanup.h"

enum { MOUNTPOINT_READ_AHEAD_KB = 1024 };

/* Undo the \ooo of mountinfo in place. */
static void mountpoint_unescape(char *s)
{
	char *to = s;

	for (; *s; s++, to++) {
		*to = *s;
		if (*s == '\\' && strspn(s + 1, "01234567") >= 3) {
			*to = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		}
	}
	*to = '\0';
}

bool mountpoint_parse_line(const char *line, const char *path, char dev[MOUNTPOINT_DEV_MAX])
{
	cleanup_free char *copy = strdup(line);
	char *save = NULL, *number = NULL, *at = NULL, *type = NULL, *word;
	bool past_dash = false;
	unsigned i = 0;

	if (!copy)
		return false;
	for (word = strtok_r(copy, " \n", &save); word && !type;
	     word = strtok_r(NULL, " \n", &save), i++) {
		if (i == 2)
			number = word;
		if (i == 4)
			at = word;
		if (past_dash)
			type = word;
		past_dash |= i > 5 && !strcmp(word, "-");
	}
	if (!type)
		return false;
	mountpoint_unescape(at);
	snprintf(dev, MOUNTPOINT_DEV_MAX, "%s", number);
	return !strcmp(at, path) && !strcmp(type, "fuse." MOUNTPOINT_SUBTYPE);
}

static bool mountpoint_is_ours(const char *path, char dev[MOUNTPOINT_DEV_MAX])
{
	cleanup_fclose FILE *f = fopen("/proc/self/mountinfo", "re");
	cleanup_free char *line = NULL;
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0) {
		if (mountpoint_parse_line(line, path, dev))
			return true;
	}
	return false;
}

void mountpoint_find(const char *path, char dev[MOUNTPOINT_DEV_MAX])
{
	if (!mountpoint_is_ours(path, dev))
		dev[0] = '\0';
}

void mountpoint_set_read_ahead(const char *dev)
{
	cleanup_fclose FILE *f = NULL;
	char file[64];

	if (!*dev)
		return;
	snprintf(file, sizeof(file), "/sys/class/bdi/%s/read_ahead_kb", dev);
	f = fopen(file, "we");
	if (f)
		fprintf(f, "%d\n", MOUNTPOINT_READ_AHEAD_KB);
}

void mountpoint_clear(const char *path, const char *dev)
{
	char program[] = "fusermount3", options[] = "-uqz", end[] = "--", at[PATH_MAX];
	char *argv[] = { program, options, end, at, NULL };
	char now[MOUNTPOINT_DEV_MAX];
	pid_t pid;

	mountpoint_find(path, now);
	if (!*dev || strcmp(now, dev) || !umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW))
		return;
	snprintf(at, sizeof(at), "%s", path);
	if (!posix_spawnp(&pid, program, NULL, NULL, argv, environ))
		waitpid(pid, NULL, 0);
}

/* 1 empty, 0 not, or -errno. */
static int mountpoint_is_empty(const char *path)
{
	const struct dirent *e;
	int entries = 0;
	DIR *d = opendir(path);

	if (!d)
		return -errno;
	while ((e = readdir(d)) && entries < 3)
		entries++;
	closedir(d);
	return entries < 3;
}

static int mountpoint_check_device(struct err *err)
{
	cleanup_close int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return 0;
	switch (errno) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return err_set(err, ERR_UNSUPPORTED, "there is no FUSE device /dev/fuse: load the "
			       "module (modprobe fuse), in a container add --device /dev/fuse");
	case EPERM:
		return err_set(err, ERR_ACCESS, "/dev/fuse may not be opened here: start the "
			       "container with --device /dev/fuse");
	case EACCES:
		return err_set(err, ERR_ACCESS, "/dev/fuse may not be opened by this user: its "
			       "mode should be 0666 (chmod 0666 /dev/fuse as root)");
	default:
		return err_set(err, ERR_GENERIC, "cannot open /dev/fuse: %s", strerror(errno));
	}
}

static int mountpoint_check_kind(const struct mount_param *p, const char *path, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_set(err, ERR_INVALID, "mountpoint %s: %s", p->mountpoint,
			       strerror(errno));
	if (p->single && !S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, "mountpoint %s is not a regular file, which one "
			       "LUN as a file wants", p->mountpoint);
	if (!p->single && !S_ISDIR(st.st_mode))
		return err_set(err, ERR_INVALID, "mountpoint %s is not a directory", p->mountpoint);
	if (p->single || p->nonempty)
		return 0;
	switch (mountpoint_is_empty(path)) {
	case 1:
		return 0;
	case 0:
		return err_set(err, ERR_INVALID, "mountpoint %s is not empty: mount elsewhere, or "
			       "with -o nonempty to hide what is in it", p->mountpoint);
	default:
		return err_set(err, ERR_ACCESS, "mountpoint %s cannot be read: %s", p->mountpoint,
			       strerror(errno));
	}
}

int mountpoint_check(const struct mount_param *p, char path[PATH_MAX], struct err *err)
{
	char dev[MOUNTPOINT_DEV_MAX];

	if (!strncmp(p->mountpoint, "/dev/fd/", 8)) {
		snprintf(path, PATH_MAX, "%s", p->mountpoint);
		return 0;
	}
	if (!realpath(p->mountpoint, path)) {
		if (errno == ENOTCONN)
			return err_set(err, ERR_EXISTS, "mountpoint %s has a dead mount on it: "
				       "fusermount3 -u %s takes it away", p->mountpoint,
				       p->mountpoint);
		return err_set(err, ERR_INVALID, "mountpoint %s: %s", p->mountpoint,
			       errno == ENOENT ? "it does not exist" : strerror(errno));
	}
	if (mountpoint_is_ours(path, dev))
		return err_set(err, ERR_EXISTS, "iscsifs is mounted on %s already", p->mountpoint);
	if (mountpoint_check_kind(p, path, err))
		return -err->code;
	return mountpoint_check_device(err);
}

/* "fsname=…" with what has a meaning in option lists escaped. */
static void mountpoint_print_source(FILE *f, const char *source)
{
	fputs("fsname=", f);
	for (; *source; source++) {
		if (*source == ',' || *source == '\\')
			fputc('\\', f);
		fputc(*source, f);
	}
}

char *mountpoint_options(const struct mount_param *p)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	mountpoint_print_source(f, p->source ? p->source : "iscsifs");
	fputs(",subtype=" MOUNTPOINT_SUBTYPE ",default_permissions", f);
	if (p->allow_other)
		fputs(",allow_other", f);
	if (p->read_only)
		fputs(",ro", f);
	if (p->options && *p->options)
		fprintf(f, ",%s", p->options);
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

int mountpoint_explain(const char *mountpoint, const char *said, struct err *err)
{
	enum err_code code = ERR_GENERIC;

	if (strstr(said, "not permitted") || strstr(said, "denied") || strstr(said, "only allowed"))
		code = ERR_ACCESS;
	if (strstr(said, "unknown option") || strstr(said, "nvalid option"))
		code = ERR_INVALID;
	if (strstr(said, "failed to exec"))
		return err_set(err, ERR_UNSUPPORTED, "cannot mount on %s: this user may not mount, "
			       "and there is no fusermount3 to do it (install fuse3)", mountpoint);
	return err_set(err, code, "cannot mount on %s: %s", mountpoint,
		       *said ? said : "no reason was given");
}
