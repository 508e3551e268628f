/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Texts made at open time. The one hard thing: none.
 */
#include "fs/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int status_take(const struct status *s, struct status_shot *out)
{
	FILE *f;

	*out = (struct status_shot){ .text = NULL };
	f = open_memstream(&out->text, &out->len);
	if (!f)
		return -ENOMEM;
	s->text(s->arg, f);
	if (fclose(f)) {
		status_drop(out);
		return -ENOMEM;
	}
	return 0;
}

void status_drop(struct status_shot *shot)
{
	free(shot->text);
	*shot = (struct status_shot){ .text = NULL };
}

const char *status_read(const struct status_shot *shot, uint64_t off, size_t len, size_t *out)
{
	if (off >= shot->len) {
		*out = 0;
		return shot->text;
	}
	*out = len < shot->len - off ? len : shot->len - (size_t)off;
	return shot->text + off;
}
