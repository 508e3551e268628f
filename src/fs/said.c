/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Words caught on stderr. The one hard thing: a helper program (fusermount3) inherits the
 * descriptor, not our FILE, so it is the descriptor that leads to memory for a while.
 */
#include "config.h"

#include "fs/said.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "iscsifs/cleanup.h"

void said_begin(struct said *s)
{
	cleanup_close int mem = memfd_create("said", MFD_CLOEXEC);

	s->text[0] = '\0';
	s->saved = mem < 0 ? -1 : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (s->saved >= 0)
		dup2(mem, STDERR_FILENO);
}

void said_add(struct said *s, const char *fmt, va_list ap)
{
	size_t used = strlen(s->text);

	vsnprintf(s->text + used, sizeof(s->text) - used, fmt, ap);
}

/* Lines to one, "fuse: " before it taken away. */
static void said_join(const char *in, char *out, size_t len)
{
	size_t i = 0;

	in += strncmp(in, "fuse: ", 6) ? 0 : 6;
	for (; *in && i + 3 < len; in++) {
		if (*in != '\n') {
			out[i++] = *in;
		} else if (in[1]) {
			out[i++] = ';';
			out[i++] = ' ';
		}
	}
	out[i] = '\0';
}

void said_end(struct said *s)
{
	size_t used = strlen(s->text);
	char lines[SAID_MAX];
	ssize_t n = 0;

	if (s->saved >= 0) {
		n = pread(STDERR_FILENO, s->text + used, sizeof(s->text) - 1 - used, 0);
		dup2(s->saved, STDERR_FILENO);
		close(s->saved);
		s->saved = -1;
	}
	s->text[used + (size_t)(n > 0 ? n : 0)] = '\0';
	memcpy(lines, s->text, sizeof(lines));
	said_join(lines, s->text, sizeof(s->text));
}
