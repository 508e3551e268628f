/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who waits and has to die. The one hard thing: looking must not make us wait for ourselves.
 * Reading /proc/PID/status takes a reference to the memory of the process, and whoever drops the
 * last one waits for the process's AIO, which we are to answer. So status is read only of a thread
 * that sleeps in a request of ours: it cannot exit before we answer. Of others we look at the list
 * of threads, the exe link and the name, which take none.
 */
#include "fs/interrupt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iscsifs/cleanup.h"

static uint64_t interrupt_bit(int signo)
{
	return UINT64_C(1) << (signo - 1);
}

/* The signal set on the line "@name:\t%016x" of @status, 0 when there is none. */
static uint64_t interrupt_set(const char *status, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = status; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, len) && line[len] == ':')
			return strtoull(line + len + 1, NULL, 16);
	}
	return 0;
}

bool interrupt_is_pending(const char *status)
{
	uint64_t ends = interrupt_bit(SIGKILL) | interrupt_bit(SIGINT) | interrupt_bit(SIGTERM) |
			interrupt_bit(SIGHUP) | interrupt_bit(SIGQUIT);
	uint64_t pending = interrupt_set(status, "SigPnd") | interrupt_set(status, "ShdPnd");

	return pending & ~interrupt_set(status, "SigBlk") & ends;
}

/* The text of /proc/@pid/@file, or -errno. */
static int interrupt_read(uint32_t pid, const char *file, char *buf, size_t len)
{
	cleanup_close int fd = -1;
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, len - 1);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return 0;
}

bool interrupt_ends_waiter(uint32_t pid)
{
	char text[8192];

	if (!pid)
		return true;
	return !interrupt_read(pid, "status", text, sizeof(text)) && interrupt_is_pending(text);
}

/* The directory of the threads of @pid's process, the first of them first; NULL: gone. */
static DIR *interrupt_threads(uint32_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/task", pid);
	return opendir(path);
}

/* The next thread in @d, 0 after the last. */
static uint32_t interrupt_next(DIR *d)
{
	const struct dirent *e;

	while ((e = readdir(d))) {
		if (e->d_name[0] != '.')
			return (uint32_t)strtoul(e->d_name, NULL, 10);
	}
	return 0;
}

uint32_t interrupt_process_of(uint32_t pid)
{
	DIR *d = pid ? interrupt_threads(pid) : NULL;
	uint32_t first;

	if (!d)
		return 0;
	first = interrupt_next(d);
	closedir(d);
	return first;
}

/* A thread without memory is exiting, or is the kernel's own (a loop device's). */
static bool interrupt_has_memory(uint32_t pid)
{
	char path[64], text[64];

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/exe", pid);
	if (readlink(path, text, sizeof(text)) >= 0 || errno != ENOENT)
		return true;
	return !interrupt_read(pid, "comm", text, sizeof(text)) &&
	       (!strncmp(text, "kworker/", 8) || !strncmp(text, "loop", 4));
}

bool interrupt_is_exiting(uint32_t process)
{
	DIR *d = process ? interrupt_threads(process) : NULL;
	bool exiting;
	uint32_t pid;

	if (!d)
		return false;
	pid = interrupt_next(d);
	exiting = pid != 0;
	for (; pid && exiting; pid = interrupt_next(d))
		exiting = !interrupt_has_memory(pid);
	closedir(d);
	return exiting;
}
