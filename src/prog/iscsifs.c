/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iscsifs: mounts iSCSI LUNs as files.
 *
 * The one hard thing is to return to the shell at the right moment with the right exit code: the
 * daemon is forked first, and the one that the shell waits for waits for a line on a pipe.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "iscsifs/log.h"
#include "options.h"

struct launch {
	const struct options *options;
	int pipe;		/* where the parent waits; -1: in the foreground */
};

static void main_note(const char *text, void *arg)
{
	(void)arg;
	fprintf(stderr, "iscsifs: warning: %s\n", text);
}

static int main_error(const struct err *err)
{
	fprintf(stderr, "iscsifs: %s\n", err->text);
	return err->code;
}

/* The mount serves: let the shell go on, and leave its terminal alone from now on. */
static void main_serving(void *arg)
{
	struct launch *l = arg;
	int null;

	if (l->pipe < 0) {
		log_info("serving | mountpoint=%s", l->options->mountpoint);
		return;
	}
	if (*l->options->log_file)
		log_open(LOG_SINK_FILE, "iscsifs", l->options->log_file);
	else
		log_open(LOG_SINK_SYSLOG, "iscsifs", NULL);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
	(void)!write(l->pipe, "", 1);
	close(l->pipe);
	l->pipe = -1;
}

static int main_run(struct launch *l)
{
	struct err err = ERR_INIT;

	if (daemon_run(&l->options->daemon, main_serving, l, &err) < 0) {
		if (l->pipe < 0 && !l->options->foreground)
			log_error("%s", err.text);
		return main_error(&err);
	}
	return 0;
}

/* Wait until the daemon serves, or ends before it does; its exit code is ours then. */
static int main_wait(pid_t child, int fd)
{
	char byte;
	int status;
	ssize_t n;

	do {
		n = read(fd, &byte, 1);
	} while (n < 0 && errno == EINTR);
	if (n == 1)
		return 0;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : ERR_INTERNAL;
}

static int main_launch(struct launch *l)
{
	int fds[2];
	pid_t child;

	if (l->options->foreground)
		return main_run(l);
	if (pipe2(fds, O_CLOEXEC) < 0 || (child = fork()) < 0) {
		fprintf(stderr, "iscsifs: cannot fork: %s\n", strerror(errno));
		return ERR_INTERNAL;
	}
	if (child) {
		close(fds[1]);
		return main_wait(child, fds[0]);
	}
	close(fds[0]);
	l->pipe = fds[1];
	setsid();
	(void)!chdir("/");
	return main_run(l);
}

/* Begin the log now, in the foreground; in the background try whether it can be. */
static int main_begin_log(const struct options *o, struct err *err)
{
	int rc = *o->log_file ? log_open(LOG_SINK_FILE, "iscsifs", o->log_file) : 0;

	if (rc < 0)
		return err_set(err, ERR_ACCESS, "log_file=%s: %s", o->log_file, strerror(-rc));
	return o->foreground ? 0 : log_open(LOG_SINK_STDERR, "iscsifs", NULL);
}

int main(int argc, char **argv)
{
	struct options options;
	struct launch launch = { .options = &options, .pipe = -1 };
	struct err err = ERR_INIT;
	int code;

	if (options_parse(&options, argc, argv, main_note, NULL, &err) < 0) {
		options_fini(&options);
		return main_error(&err);
	}
	if (options.help || options.version) {
		if (options.help)
			fputs(options_help, stdout);
		else
			puts("iscsifs " PACKAGE_VERSION);
		return 0;
	}
	if (options.debug)
		log_set_level(LOG_LEVEL_DEBUG);
	else if (!options.foreground)
		log_set_level(LOG_LEVEL_WARN);
	code = main_begin_log(&options, &err) ? main_error(&err) : main_launch(&launch);
	options_fini(&options);
	return code;
}
