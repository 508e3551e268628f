/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Settings: tables that say for each one its name, type, unit, range, default, meaning, and whether
 * we can honour it. Files, command lines, control sockets and manuals all go through such a table,
 * so that a value is read, checked and printed in one way only.
 *
 * Every function here is pure: no file, no log, no clock.
 */
#ifndef ISCSIFS_SETTINGS_H
#define ISCSIFS_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iscsifs/err.h"

enum { SETTING_STRING_BYTES = 256 };	/* field of a string or a secret, with its NUL */

/* What the text looks like, and the C type of the field that holds the value. */
enum setting_type {
	SETTING_NONE = 0,
	SETTING_SPAN,		/* span_ms; a bare number is seconds, "250ms" */
	SETTING_INT,		/* int */
	SETTING_SIZE,		/* uint64_t, bytes; "64K", "256M" */
	SETTING_BOOL,		/* bool; yes or no */
	SETTING_ENUM,		/* int: index into `choices` */
	SETTING_LIST,		/* char[SETTING_STRING_BYTES]: words of `choices`, "A,B" */
	SETTING_STRING,		/* char[SETTING_STRING_BYTES] */
	SETTING_SECRET,		/* the same, and never printed */
};

enum setting_class {
	SETTING_HONOURED = 1,	/* does what it says */
	SETTING_FIXED,		/* cannot be changed: another value is noted, not applied */
	SETTING_FIXED_STRICT,	/* cannot be changed, security or integrity: refused */
	SETTING_IGNORED,	/* makes no sense here: any value is noted, there is no field */
};

struct setting {
	const char *name;	/* in full; "[0]" in it is optional when read */
	enum setting_type type;
	enum setting_class class;
	bool live;		/* may be changed while a session runs */
	int64_t min, max;	/* SPAN: ms, INT, SIZE: bytes; both ends allowed */
	const char *deflt;	/* as text, legal for `type`; of a FIXED one: what is in force */
	const char *const *choices;	/* ENUM, LIST: NULL-terminated */
	size_t off;		/* of the field in the struct; not for IGNORED */
	const char *help;	/* one sentence without a full stop */
	const char *note;	/* FIXED, IGNORED: why */
};

struct settings {
	const struct setting *rows;
	size_t count;
	const char *prefer;	/* a short name means the one row under this prefix, or NULL */
};

/* What the caller should tell the user although the value was accepted. Empty: nothing. */
struct setting_note {
	char text[256];
};

/* Every field that has a row gets its default. @base is the struct that the rows point into. */
void settings_defaults(const struct settings *t, void *base);

/* The row called @name, "[0]" left out or not, any case. NULL when there is none. */
const struct setting *settings_find(const struct settings *t, const char *name);

/*
 * As settings_find(), and the last component ("replacement_timeout") will do where it is unique: the
 * only one under t->prefer, or else the only one. On failure NULL, and @err says ERR_INVALID with
 * the nearest name there is.
 */
const struct setting *settings_lookup(const struct settings *t, const char *name, struct err *err);

/*
 * Read @text into the field of @row in @base.
 *
 * @note (may be NULL) is emptied first, and filled when the value is accepted and not applied
 * (FIXED, IGNORED), with the value in force.
 *
 * Returns 0, or -ERR_INVALID / -ERR_UNSUPPORTED with `replacement_timeout "5 parsecs": want …` in
 * @err and the field as it was. A secret's text is never in @err.
 */
int settings_set(const struct setting *row, void *base, const char *text,
		 struct setting_note *note, struct err *err);

/* settings_lookup() and settings_set() in one. */
int settings_set_by_name(const struct settings *t, void *base, const char *name, const char *text,
			 struct setting_note *note, struct err *err);

/*
 * The value in force, the way settings_set() reads it; a secret is "********", or empty when it is
 * not set; an IGNORED one is empty. SETTING_STRING_BYTES are always enough. Returns @buf.
 */
const char *settings_print(const struct setting *row, const void *base, char *buf, size_t len);

/* "seconds, -1 or more", "yes or no", "2 to 2048": what @row wants. Returns @buf. */
const char *settings_want(const struct setting *row, char *buf, size_t len);

/* The field of @row in @a and in @b holds the same value. Not for IGNORED. */
bool settings_equal(const struct setting *row, const void *a, const void *b);

/* The field of @row in @to becomes that of @from. Not for IGNORED. */
void settings_copy(const struct setting *row, void *to, const void *from);

/* The last component of a row's name: "replacement_timeout". Points into the name. */
const char *setting_short(const struct setting *row);

/* "honoured", "fixed", "ignored". */
const char *setting_class_name(const struct setting *row);

/* Of the NULL-terminated @words the one nearest to the mistyped @word, or NULL: none is near. */
const char *settings_nearest(const char *word, const char *const *words);

#endif
