/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Settings: text to fields and back by a table. The one hard thing: a value that we cannot honour
 * must neither be lost in silence nor stop somebody who pastes a stock iscsid.conf.
 */
#include "iscsifs/settings.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "iscsifs/check.h"
#include "iscsifs/clock.h"
#include "iscsifs/num.h"

enum {
	SETTINGS_NAME_MAX = 96,		/* longest name that is worth a suggestion */
	SETTINGS_SHOWN = 80,		/* bytes of a wrong value that an error repeats */
};

#define SETTINGS_MASK "********"

/* A value of any type, before it goes to its field. */
union setting_value {
	span_ms span;
	int number;
	uint64_t bytes;
	bool on;
	char text[SETTING_STRING_BYTES];
};

/* --- names --- */

/* As much of a wrong value as an error repeats, on one line. Returns @buf. */
static const char *text_shown(const char *text, char buf[SETTINGS_SHOWN + 1])
{
	snprintf(buf, SETTINGS_SHOWN + 1, "%s", text);
	for (char *p = buf; *p; p++) {
		if (iscntrl((unsigned char)*p))
			*p = '?';
	}
	return buf;
}

/* The next character of a name that counts, lower case; "[0]" does not. */
static int name_next(const char **p)
{
	while (!strncmp(*p, "[0]", 3))
		*p += 3;
	return **p ? tolower((unsigned char)*(*p)++) : 0;
}

static bool name_equal(const char *a, const char *b)
{
	int ca, cb;

	do {
		ca = name_next(&a);
		cb = name_next(&b);
	} while (ca == cb && ca);
	return ca == cb;
}

const char *setting_short(const struct setting *row)
{
	const char *dot = strrchr(row->name, '.');

	return dot ? dot + 1 : row->name;
}

const char *setting_class_name(const struct setting *row)
{
	switch (row->class) {
	case SETTING_HONOURED:
		return "honoured";
	case SETTING_FIXED:
	case SETTING_FIXED_STRICT:
		return "fixed";
	case SETTING_IGNORED:
		break;
	}
	return "ignored";
}

const struct setting *settings_find(const struct settings *t, const char *name)
{
	for (size_t i = 0; i < t->count; i++) {
		if (name_equal(t->rows[i].name, name))
			return &t->rows[i];
	}
	return NULL;
}

/* The rows whose last component is @name, under @prefix (or anywhere): how many, and the first two. */
static size_t settings_short(const struct settings *t, const char *prefix, const char *name,
			     const struct setting *found[2])
{
	size_t n = 0;

	for (size_t i = 0; i < t->count; i++) {
		const struct setting *row = &t->rows[i];

		if (prefix && strncmp(row->name, prefix, strlen(prefix)))
			continue;
		if (!name_equal(setting_short(row), name))
			continue;
		if (n < 2)
			found[n] = row;
		n++;
	}
	return n;
}

/*
 * How many letters to add, drop, change or swap to get from @a to @b (optimal string alignment).
 * SETTINGS_NAME_MAX when one of them is too long to bother.
 */
static unsigned name_distance(const char *a, const char *b)
{
	unsigned d[3][SETTINGS_NAME_MAX + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la >= SETTINGS_NAME_MAX || lb >= SETTINGS_NAME_MAX)
		return SETTINGS_NAME_MAX;
	for (size_t j = 0; j <= lb; j++)
		d[0][j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned *now = d[i % 3], *up = d[(i + 2) % 3], *upup = d[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned other = tolower((unsigned char)a[i - 1]) !=
					 tolower((unsigned char)b[j - 1]);

			now[j] = MIN(MIN(up[j], now[j - 1]) + 1, up[j - 1] + other);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = MIN(now[j], upup[j - 2] + 1);
		}
	}
	return d[la % 3][lb];
}

/* @word is near @typed: at most a third of it is wrong, and it is nearer than @best. */
static bool name_nearer(const char *typed, const char *word, unsigned *best)
{
	unsigned d = name_distance(typed, word);

	if (d * 3 > strlen(typed) || d >= *best)
		return false;
	*best = d;
	return true;
}

const char *settings_nearest(const char *word, const char *const *words)
{
	unsigned best = SETTINGS_NAME_MAX;
	const char *nearest = NULL;

	for (; *words; words++) {
		if (name_nearer(word, *words, &best))
			nearest = *words;
	}
	return nearest;
}

static const struct setting *settings_nearest_row(const struct settings *t, const char *name)
{
	unsigned best = SETTINGS_NAME_MAX;
	const struct setting *nearest = NULL;

	for (size_t i = 0; i < t->count; i++) {
		const struct setting *row = &t->rows[i];

		if (name_nearer(name, row->name, &best) ||
		    name_nearer(name, setting_short(row), &best))
			nearest = row;
	}
	return nearest;
}

const struct setting *settings_lookup(const struct settings *t, const char *name, struct err *err)
{
	const struct setting *row = settings_find(t, name);
	const struct setting *found[2] = { NULL, NULL };
	char shown[SETTINGS_SHOWN + 1];
	size_t n = 0;

	if (row)
		return row;
	if (t->prefer)
		n = settings_short(t, t->prefer, name, found);
	if (!n)
		n = settings_short(t, NULL, name, found);
	if (n == 1)
		return found[0];
	if (n > 1) {
		err_set(err, ERR_INVALID, "\"%s\" could be %s or %s: give the full name", name,
			found[0]->name, found[1]->name);
		return NULL;
	}
	row = settings_nearest_row(t, name);
	text_shown(name, shown);
	if (row)
		err_set(err, ERR_INVALID, "unknown setting \"%s\", did you mean %s?", shown,
			row->name);
	else
		err_set(err, ERR_INVALID, "unknown setting \"%s\"", shown);
	return NULL;
}

/* --- what a row wants --- */

static const char *want_words(const struct setting *row, const char *before, const char *between,
			      char *buf, size_t len)
{
	size_t at = 0;

	buf[0] = '\0';
	for (size_t i = 0; row->choices[i] && at < len; i++) {
		const char *sep = !i ? before : row->choices[i + 1] ? ", " : between;
		const char *quote = strchr(row->choices[i], ',') ? "\"" : "";

		at += (size_t)snprintf(buf + at, len - at, "%s%s%s%s", sep, quote, row->choices[i],
				       quote);
	}
	return buf;
}

static const char *want_range(const struct setting *row, const char *unit, char *buf, size_t len)
{
	char min[32], max[32];
	bool span = row->type == SETTING_SPAN;

	snprintf(min, sizeof(min), "%" PRId64, row->min);
	snprintf(max, sizeof(max), "%" PRId64, row->max);
	if (span) {
		num_print_span(row->min, min, sizeof(min));
		num_print_span(row->max, max, sizeof(max));
	}
	if (row->max == INT64_MAX || (row->type == SETTING_INT && row->max == INT32_MAX))
		snprintf(buf, len, "%s%s or more", unit, min);
	else
		snprintf(buf, len, "%s%s to %s", unit, min, max);
	return buf;
}

const char *settings_want(const struct setting *row, char *buf, size_t len)
{
	switch (row->type) {
	case SETTING_SPAN:
		return want_range(row, "seconds, ", buf, len);
	case SETTING_INT:
		return want_range(row, "", buf, len);
	case SETTING_SIZE:
		return want_range(row, "bytes (or 64K, 256M), ", buf, len);
	case SETTING_BOOL:
		snprintf(buf, len, "yes or no");
		return buf;
	case SETTING_ENUM:
		return want_words(row, "", " or ", buf, len);
	case SETTING_LIST:
		return want_words(row, "a list of ", " and ", buf, len);
	case SETTING_STRING:
	case SETTING_SECRET:
	case SETTING_NONE:
		break;
	}
	snprintf(buf, len, "at most %d characters, no control characters",
		 SETTING_STRING_BYTES - 1);
	return buf;
}

/* --- text to value --- */

/* Equal but for case and blanks: "crc32c, none" is "CRC32C,None". */
static bool word_equal(const char *a, const char *b)
{
	for (;; a++, b++) {
		while (isblank((unsigned char)*a))
			a++;
		while (isblank((unsigned char)*b))
			b++;
		if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
		if (!*a)
			return true;
	}
}

static bool read_enum(const struct setting *row, const char *text, int *out)
{
	for (int i = 0; row->choices[i]; i++) {
		if (word_equal(text, row->choices[i])) {
			*out = i;
			return true;
		}
	}
	return false;
}

/* "a, B" becomes "A,B" in the spelling of the choices. */
static bool read_list(const struct setting *row, const char *text, char *out)
{
	size_t at = 0;

	out[0] = '\0';
	for (;;) {
		const char *comma = text + strcspn(text, ",");
		char word[SETTING_STRING_BYTES];
		int i;

		if ((size_t)(comma - text) >= sizeof(word))
			return false;
		snprintf(word, sizeof(word), "%.*s", (int)(comma - text), text);
		if (!read_enum(row, word, &i))
			return false;
		at += (size_t)snprintf(out + at, SETTING_STRING_BYTES - at, "%s%s",
				       at ? "," : "", row->choices[i]);
		if (at >= SETTING_STRING_BYTES)
			return false;
		if (!*comma)
			return true;
		text = comma + 1;
	}
}

static bool read_string(const char *text, char *out)
{
	size_t len = strlen(text);

	if (len >= SETTING_STRING_BYTES)
		return false;
	for (const char *p = text; *p; p++) {
		if (iscntrl((unsigned char)*p))
			return false;
	}
	memcpy(out, text, len + 1);
	return true;
}

static bool read_bool(const char *text, bool *out)
{
	*out = !strcasecmp(text, "yes");
	return *out || !strcasecmp(text, "no");
}

static bool read_size(const struct setting *row, const char *text, uint64_t *out)
{
	return !num_parse_size(text, out) && *out >= (uint64_t)row->min &&
	       *out <= (uint64_t)row->max;
}

static bool read_int(const struct setting *row, const char *text, int *out)
{
	int64_t v;

	if (num_parse_i64(text, row->min, row->max, &v))
		return false;
	*out = (int)v;
	return true;
}

static bool setting_read(const struct setting *row, const char *text, union setting_value *v)
{
	switch (row->type) {
	case SETTING_SPAN:
		return !num_parse_span(text, &v->span) && v->span >= row->min &&
		       v->span <= row->max;
	case SETTING_INT:
		return read_int(row, text, &v->number);
	case SETTING_SIZE:
		return read_size(row, text, &v->bytes);
	case SETTING_BOOL:
		return read_bool(text, &v->on);
	case SETTING_ENUM:
		return read_enum(row, text, &v->number);
	case SETTING_LIST:
		return read_list(row, text, v->text);
	case SETTING_STRING:
	case SETTING_SECRET:
		return read_string(text, v->text);
	case SETTING_NONE:
		break;
	}
	return false;
}

/* The bytes of a value that its field has. */
static size_t setting_bytes(const struct setting *row)
{
	switch (row->type) {
	case SETTING_SPAN:
		return sizeof(span_ms);
	case SETTING_INT:
	case SETTING_ENUM:
		return sizeof(int);
	case SETTING_SIZE:
		return sizeof(uint64_t);
	case SETTING_BOOL:
		return sizeof(bool);
	case SETTING_LIST:
	case SETTING_STRING:
	case SETTING_SECRET:
		return SETTING_STRING_BYTES;
	case SETTING_NONE:
		break;
	}
	return 0;
}

static const char *value_print(const struct setting *row, const union setting_value *v, char *buf,
			       size_t len)
{
	switch (row->type) {
	case SETTING_SPAN:
		return num_print_span(v->span, buf, len);
	case SETTING_INT:
		snprintf(buf, len, "%d", v->number);
		break;
	case SETTING_SIZE:
		snprintf(buf, len, "%" PRIu64, v->bytes);
		break;
	case SETTING_BOOL:
		snprintf(buf, len, "%s", v->on ? "Yes" : "No");
		break;
	case SETTING_ENUM:
		snprintf(buf, len, "%s", row->choices[v->number]);
		break;
	case SETTING_LIST:
	case SETTING_STRING:
		snprintf(buf, len, "%s", v->text);
		break;
	case SETTING_SECRET:
		snprintf(buf, len, "%s", v->text[0] ? SETTINGS_MASK : "");
		break;
	case SETTING_NONE:
		buf[0] = '\0';
		break;
	}
	return buf;
}

static void *setting_field(const struct setting *row, void *base)
{
	return (char *)base + row->off;
}

/* --- reading --- */

void settings_defaults(const struct settings *t, void *base)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct setting *row = &t->rows[i];
		union setting_value v = { .text = "" };

		if (row->class == SETTING_IGNORED)
			continue;
		BUG_ON(!setting_read(row, row->deflt, &v));
		memcpy(setting_field(row, base), &v, setting_bytes(row));
	}
}

static int setting_bad(const struct setting *row, const char *text, struct err *err)
{
	char want[200], shown[SETTINGS_SHOWN + 1];

	settings_want(row, want, sizeof(want));
	if (row->type == SETTING_SECRET)
		return err_set(err, ERR_INVALID, "%s: want %s", setting_short(row), want);
	return err_set(err, ERR_INVALID, "%s \"%s\": want %s", setting_short(row),
		       text_shown(text, shown), want);
}

/* The words of the list @v, one of which is @word. */
static bool list_has(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (!strncmp(p, word, len) && (p[len] == ',' || !p[len]))
			return true;
	}
	return false;
}

/* @text, legal as such, for a row whose value cannot be changed. */
static int setting_fixed(const struct setting *row, const char *text, const union setting_value *v,
			 struct setting_note *note, struct err *err)
{
	char wanted[SETTING_STRING_BYTES], shown[SETTINGS_SHOWN + 1];

	text_shown(text, shown);
	value_print(row, v, wanted, sizeof(wanted));
	if (!strcasecmp(wanted, row->deflt))
		return 0;
	if (row->class == SETTING_FIXED_STRICT &&
	    !(row->type == SETTING_LIST && list_has(wanted, row->deflt)))
		return err_set(err, ERR_UNSUPPORTED, "%s \"%s\": %s, only \"%s\" can be had",
			       setting_short(row), shown, row->note, row->deflt);
	if (note)
		snprintf(note->text, sizeof(note->text),
			 "%s \"%.40s\" is not applied: %s; \"%.40s\" is in force",
			 setting_short(row), shown, row->note, row->deflt);
	return 0;
}

int settings_set(const struct setting *row, void *base, const char *text,
		 struct setting_note *note, struct err *err)
{
	union setting_value v = { .text = "" };

	if (note)
		note->text[0] = '\0';
	if (row->class == SETTING_IGNORED) {
		if (note)
			snprintf(note->text, sizeof(note->text), "%s is ignored: %s", row->name,
				 row->note);
		return 0;
	}
	if (!setting_read(row, text, &v))
		return setting_bad(row, text, err);
	if (row->class == SETTING_FIXED || row->class == SETTING_FIXED_STRICT)
		return setting_fixed(row, text, &v, note, err);
	memcpy(setting_field(row, base), &v, setting_bytes(row));
	return 0;
}

int settings_set_by_name(const struct settings *t, void *base, const char *name, const char *text,
			 struct setting_note *note, struct err *err)
{
	const struct setting *row = settings_lookup(t, name, err);

	if (note)
		note->text[0] = '\0';
	return row ? settings_set(row, base, text, note, err) : -ERR_INVALID;
}

const char *settings_print(const struct setting *row, const void *base, char *buf, size_t len)
{
	union setting_value v;

	buf[0] = '\0';
	if (row->class == SETTING_IGNORED)
		return buf;
	memcpy(&v, (const char *)base + row->off, setting_bytes(row));
	return value_print(row, &v, buf, len);
}

static bool setting_is_text(const struct setting *row)
{
	return setting_bytes(row) == SETTING_STRING_BYTES;
}

bool settings_equal(const struct setting *row, const void *a, const void *b)
{
	const char *fa = (const char *)a + row->off, *fb = (const char *)b + row->off;

	return setting_is_text(row) ? !strcmp(fa, fb) : !memcmp(fa, fb, setting_bytes(row));
}

void settings_copy(const struct setting *row, void *to, const void *from)
{
	memcpy((char *)to + row->off, (const char *)from + row->off, setting_bytes(row));
}
