/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of a rule: cut apart, looked up, and told apart when one is wrong. */
#include "target/script_lex.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "iscsifs/num.h"
#include "iscsifs/settings.h"

int script_fail(const struct script_words *w, const char *fmt, ...)
{
	char why[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return err_set(w->e, ERR_INVALID, "%s: %s", w->place, why);
}

int script_split(struct script_words *w, const char *line)
{
	char *to = w->memory;

	if (strlen(line) > SCRIPT_LINE_MAX)
		return script_fail(w, "the rule is longer than %d characters", SCRIPT_LINE_MAX);
	for (const char *p = line;;) {
		while (isspace((unsigned char)*p))
			p++;
		if (!*p || *p == '#')
			return 0;
		if (w->count == SCRIPT_WORDS_MAX)
			return script_fail(w, "more than %d words", SCRIPT_WORDS_MAX);
		w->word[w->count++] = to;
		if (*p == ',') {
			*to++ = *p++;
		} else {
			while (*p && *p != ',' && !isspace((unsigned char)*p)) {
				if (!isprint((unsigned char)*p))
					return script_fail(w, "byte 0x%02x: want printable characters",
							   (unsigned char)*p);
				*to++ = *p++;
			}
		}
		*to++ = 0;
	}
}

const char *script_peek(const struct script_words *w)
{
	return w->at < w->count ? w->word[w->at] : "";
}

const char *script_next(struct script_words *w)
{
	const char *word = script_peek(w);

	w->at += w->at < w->count;
	return word;
}

bool script_take(struct script_words *w, const char *word)
{
	bool is = !strcmp(script_peek(w), word);

	w->at += is;
	return is;
}

int script_want(struct script_words *w, const char *word, const char *where)
{
	if (script_take(w, word))
		return 0;
	return script_fail(w, "\"%s\": want \"%s\" %s", script_peek(w), word, where);
}

/* All names of @table, and the one that was probably meant, into one sentence. */
static int script_fail_word(const struct script_words *w, const char *word, const char *what,
			    const struct script_word *table)
{
	const char *names[64], *near;
	char list[320] = "";
	size_t len = 0;
	unsigned n = 0;

	for (; table[n].name; n++) {
		names[n] = table[n].name;
		if (len < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", n ? ", " : "",
						table[n].name);
	}
	names[n] = NULL;
	near = *word ? settings_nearest(word, names) : NULL;
	if (near)
		return script_fail(w, "\"%s\": no such %s; did you mean \"%s\"?", word, what, near);
	return script_fail(w, "\"%s\": want %s: %s", word, what, list);
}

int script_lookup(const struct script_words *w, const char *word, const char *what,
		  const struct script_word *table, uint32_t *out)
{
	*out = 0;
	for (const struct script_word *row = table; row->name; row++) {
		if (!strcmp(row->name, word)) {
			*out = row->value;
			return 0;
		}
	}
	return script_fail_word(w, word, what, table);
}

int script_number(const struct script_words *w, const char *word, const char *what, uint64_t min,
		  uint64_t max, uint64_t *out)
{
	if (!num_parse_u64(word, min, max, out))
		return 0;
	return script_fail(w, "%s \"%s\": want a number from %llu to %llu", what, word,
			   (unsigned long long)min, (unsigned long long)max);
}

int script_span(const struct script_words *w, const char *word, const char *what, span_ms *out)
{
	if (!num_parse_span(word, out) && *out >= 0 && *out <= 24 * 3600 * 1000)
		return 0;
	return script_fail(w, "%s \"%s\": want a time such as 500ms or 5s, a day at most", what, word);
}

bool script_name_ok(const char *name)
{
	size_t len = strlen(name);

	for (const char *p = name; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("-_.", *p))
			return false;
	}
	return len && len <= SCRIPT_NAME_MAX;
}

int script_name(const struct script_words *w, const char *word, const char *what,
		char out[SCRIPT_NAME_MAX + 1])
{
	if (!script_name_ok(word))
		return script_fail(w, "%s \"%s\": want 1 to %d letters, digits, - _ .", what, word,
				   SCRIPT_NAME_MAX);
	memcpy(out, word, strlen(word) + 1);
	return 0;
}

void script_join(const struct script_words *w, char *out)
{
	size_t at = 0;

	for (unsigned i = 0; i < w->count; i++) {
		if (i && strcmp(w->word[i], ",") && at < SCRIPT_LINE_MAX)
			out[at++] = ' ';
		for (const char *p = w->word[i]; *p && at < SCRIPT_LINE_MAX; p++)
			out[at++] = *p;
	}
	out[at] = 0;
}
