/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Texts made at open time. The one hard thing: that of events begins where the oldest event that is
 * kept begins, and grows: tail seeks to its end and cat begins at 0, and both are right.
 */
#include "fs/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "iscsifs/check.h"
#include "iscsifs/events.h"

int status_take(const struct status *s, struct status_shot *out)
{
	FILE *f;

	*out = (struct status_shot){ .of = s };
	if (s->events)
		return 0;
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
	shot->text = NULL;
	shot->len = 0;
}

static const char *status_read_events(struct status_shot *shot, uint64_t off, size_t len,
				      size_t *out)
{
	const struct events *e = shot->of->events;
	uint64_t begin = events_text_begin(e);

	status_drop(shot);
	if (off + shot->shift < begin)
		shot->shift = begin - off;
	len = MIN(len, events_text_end(e) - MIN(events_text_end(e), off + shot->shift));
	shot->text = malloc(len ? len : 1);
	*out = shot->text ? events_text(e, off + shot->shift, shot->text, len) : 0;
	return shot->text;
}

const char *status_read(struct status_shot *shot, uint64_t off, size_t len, size_t *out)
{
	if (shot->of->events)
		return status_read_events(shot, off, len, out);
	if (off >= shot->len) {
		*out = 0;
		return shot->text;
	}
	*out = len < shot->len - off ? len : shot->len - (size_t)off;
	return shot->text + off;
}
