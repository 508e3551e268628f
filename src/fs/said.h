/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What libraries and helper programs say on stderr while we try something, for our one sentence.
 */
#ifndef ISCSIFS_FS_SAID_H
#define ISCSIFS_FS_SAID_H

#include <stdarg.h>
#include <stdbool.h>

enum { SAID_MAX = 256 };

struct said {
	int saved;		/* what stderr was, or -1 */
	char text[SAID_MAX];
};

/* From now on stderr is ours. One at a time. */
void said_begin(struct said *s);
/* What a library says through a function instead. */
void said_add(struct said *s, const char *fmt, va_list ap);
/* stderr is what it was; s->text is one line, "; " between several. */
void said_end(struct said *s);

#endif
