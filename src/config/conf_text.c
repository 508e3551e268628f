/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration files as text. The one hard thing: what libconfuse gets wrong or says too late has to
 * be caught before it sees it. It loses count of lines in comments, reads on after a NUL, takes a
 * section without its closing brace, and says of an open string only that the file ends.
 */
#include "config/conf_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iscsifs/cleanup.h"

/* Everything in @fd, ended by a NUL. Returns 0 or -code. */
static int text_read(int fd, const char *path, char **out, size_t *len, struct err *err)
{
	char *text = malloc(CONF_FILE_MAX + 2);
	size_t at = 0;
	ssize_t n = 1;

	if (!text)
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	*out = text;
	while (at <= CONF_FILE_MAX && n) {
		n = read(fd, text + at, CONF_FILE_MAX + 1 - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, errno == EISDIR ? ERR_INVALID : ERR_GENERIC, "%s: %s",
				       path, strerror(errno));
		at += (size_t)n;
	}
	if (at > CONF_FILE_MAX)
		return err_set(err, ERR_INVALID, "%s: more than 1 MiB, that is no configuration",
			       path);
	text[at] = '\0';
	*len = at;
	return 0;
}

static int text_line(const char *text, const char *at)
{
	int line = 1;

	for (; text < at; text++)
		line += *text == '\n';
	return line;
}

/* Does @path name what a shell has opened for us, as <(command) does? */
static bool text_is_ours(const char *path)
{
	return !strncmp(path, "/dev/fd/", 8) || !strcmp(path, "/dev/stdin");
}

int conf_text_open(const char *path, struct stat *st, struct err *err)
{
	bool ours = text_is_ours(path);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (ours ? 0 : O_NONBLOCK));
	int rc;

	if (fd < 0 || fstat(fd, st) < 0)
		rc = err_set(err, errno == EACCES ? ERR_ACCESS : ERR_INVALID, "%s: %s", path,
			     strerror(errno));
	else if (S_ISDIR(st->st_mode))
		rc = err_set(err, ERR_INVALID, "%s is a directory", path);
	else if (S_ISFIFO(st->st_mode) && !ours)
		rc = err_set(err, ERR_INVALID, "%s is a pipe: want a file", path);
	else
		return fd;
	if (fd >= 0)
		close(fd);
	return rc;
}

int conf_text_read(const char *path, char **text, struct stat *st, struct err *err)
{
	cleanup_close int fd = conf_text_open(path, st, err);
	size_t len = 0;
	int rc;

	if (fd < 0)
		return fd;
	rc = text_read(fd, path, text, &len, err);
	if (!rc && strlen(*text) != len)
		rc = err_set(err, ERR_INVALID, "%s:%d: a NUL byte, that is no configuration", path,
			     text_line(*text, *text + strlen(*text)));
	return rc;
}

/* The end of the string that begins with the quote at @p, or NULL: it has none. */
static char *text_string_end(char *p)
{
	char quote = *p++;

	for (; *p && *p != quote; p++) {
		if (*p == '\\' && p[1])
			p++;
	}
	return *p ? p : NULL;
}

static bool text_is_comment(const char *text, const char *p)
{
	if (*p == '#')
		return true;
	return (!strncmp(p, "//", 2) || !strncmp(p, "/*", 2)) &&
	       (p == text || strchr(" \t\r\n{},=", p[-1]));
}

/* The last byte of the comment at @p, or NULL: it has no end. */
static char *text_comment_end(char *p)
{
	char *end;

	if (*p == '#' || p[1] == '/')
		return p + strcspn(p, "\n") - 1;
	end = strstr(p + 2, "*/");
	return end ? end + 1 : NULL;
}

/* Blank out @p up to @end but for newlines. */
static void text_blank(char *p, const char *end)
{
	for (; p <= end; p++)
		*p = *p == '\n' ? '\n' : ' ';
}

static int text_open_end(const char *text, const char *begin, const char *path, struct err *err)
{
	return err_set(err, ERR_INVALID, "%s:%d: the %s that begins here has no end", path,
		       text_line(text, begin), *begin == '/' ? "comment" :
		       *begin == '{' ? "section or list" : "string");
}

int conf_text_prepare(char *text, const char *path, struct err *err)
{
	const char *open_brace = NULL;
	unsigned depth = 0;

	for (char *p = text; *p; p++) {
		char *begin = p;

		if (*p == '"' || *p == '\'') {
			p = text_string_end(p);
		} else if (text_is_comment(text, p)) {
			p = text_comment_end(p);
			text_blank(begin, p ? p : begin - 1);
		} else if (*p == '{' && !depth++) {
			open_brace = p;
		} else if (*p == '}' && depth) {
			depth--;
		}
		if (!p)
			return text_open_end(text, begin, path, err);
	}
	return depth ? text_open_end(text, open_brace, path, err) : 0;
}
