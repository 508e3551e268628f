/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fault rules read. The one hard thing: a rule that is accepted does what it says, so every word is
 * checked against the event it stands with; what cannot happen there is refused here, with a
 * sentence, and not passed over when the time comes.
 */
#include "target/script.h"

#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/cleanup.h"
#include "target/script_do.h"
#include "target/script_lex.h"
#include "target/script_when.h"

enum { SCRIPT_FILE_MAX = 256 * 1024 };

int script_parse(struct script_rule *out, const char *line, const char *place, struct err *e)
{
	struct script_words w = { .place = place, .e = e };
	struct script_rule r = { .name = "" };

	if (script_split(&w, line))
		return -ERR_INVALID;
	if (!w.count)
		return 1;
	if (script_want(&w, "rule", "and its name first") ||
	    script_name(&w, script_next(&w), "rule", r.name) ||
	    script_want(&w, "on", "and an event after the name") || script_when(&w, &r) ||
	    script_do(&w, &r))
		return -ERR_INVALID;
	script_join(&w, r.text);
	*out = r;
	return 0;
}

/* Every line of @text, which is cut up, to @got, or only looked at when that is NULL. */
static int script_pass(const char *text, size_t len, const char *name,
		       int (*got)(void *arg, const struct script_rule *r, struct err *e), void *arg,
		       struct err *e)
{
	int rc = 0;

	for (unsigned n = 1; rc >= 0 && len; n++) {
		const char *end = memchr(text, '\n', len);
		size_t line = end ? (size_t)(end - text) : len;
		char copy[SCRIPT_LINE_MAX + 2], place[160];
		struct script_rule r;

		snprintf(place, sizeof(place), "%s:%u", name, n);
		if (line > SCRIPT_LINE_MAX)
			return err_set(e, ERR_INVALID, "%s: want %d characters in a line at most", place,
				       SCRIPT_LINE_MAX);
		if (memchr(text, 0, line))
			return err_set(e, ERR_INVALID, "%s: want text, this has a zero byte", place);
		memcpy(copy, text, line);
		copy[line] = 0;
		rc = script_parse(&r, copy, place, e);
		if (!rc && got)
			rc = got(arg, &r, e);
		line += end != NULL;
		text += line;
		len -= line;
	}
	return MIN(rc, 0);
}

int script_read(FILE *f, const char *name,
		int (*got)(void *arg, const struct script_rule *r, struct err *e), void *arg,
		struct err *e)
{
	cleanup_free char *text = malloc(SCRIPT_FILE_MAX + 1);
	size_t len = text ? fread(text, 1, SCRIPT_FILE_MAX + 1, f) : 0;
	int rc;

	if (!text)
		return err_set(e, ERR_NOMEM, "%s: out of memory", name);
	if (ferror(f))
		return err_set(e, ERR_ACCESS, "%s: cannot be read", name);
	if (len > SCRIPT_FILE_MAX)
		return err_set(e, ERR_INVALID, "%s: want %d bytes at most", name, SCRIPT_FILE_MAX);
	rc = script_pass(text, len, name, NULL, NULL, e);
	return rc ? rc : script_pass(text, len, name, got, arg, e);
}
