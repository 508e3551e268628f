/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration files: `key = value` outside of and within titled sections, with the line that each
 * came from. Which keys there are is the caller's to say; what the values of settings mean is the
 * settings table's. The grammar for people is in iscsifs.conf(5).
 */
#ifndef ISCSIFS_CONF_FILE_H
#define ISCSIFS_CONF_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "iscsifs/err.h"
#include "iscsifs/settings.h"

enum {
	CONF_FILE_MAX = 1024 * 1024,	/* bytes; a larger file is no configuration */
	CONF_SECTIONS_MAX = 8192,	/* libconfuse compares each with all before it */
};

/* A key that is no setting. */
struct conf_key {
	const char *name;
	bool list;		/* key = {"a", "b"}, or key = "a" */
	bool secret;		/* nobody else may read a file that has one */
};

struct conf_grammar {
	const struct settings *settings;	/* keys that may stand everywhere; or NULL */
	const struct conf_key *top;		/* further keys outside of sections; or NULL */
	const char *section;			/* the word before a title, "target"; or NULL */
	const struct conf_key *in_section;	/* further keys in a section; or NULL */
	const struct settings *section_settings;/* instead of `settings` in a section; or NULL */
	const char *inner;			/* word of a section within a section; or NULL */
	const struct settings *inner_settings;	/* that may stand in it; or NULL */
	const struct conf_key *in_inner;	/* further keys in it; or NULL */
};						/* the lists end with a NULL name */

struct conf_entry {
	char *key;		/* as in the file: with "[0]" or without */
	char **values;
	size_t count;		/* 1 but for lists, which may be empty */
	int line;
};

struct conf_section {
	char *title;		/* NULL: outside of sections */
	size_t parent;		/* index of the section that it stands in; 0: in none */
	const void *id;		/* conf_file.c's: tells sections of one title apart */
	int line;		/* of its first key; of its end where it has none */
	struct conf_entry *entries;
	size_t count;
};

struct conf_file {
	char *path;			/* as given */
	bool shared;			/* a regular file that group or others may read */
	struct conf_section *sections;	/* [0] is what stands outside; then the order of the file */
	size_t count;
};

/*
 * Read @path: a regular file, or a pipe that a shell has opened for us (see conf_text_open()).
 *
 * Refused, with `PATH:LINE: …` in @err: what is no such file, more than CONF_SECTIONS_MAX sections,
 * an unknown key (the nearest is named), a key or a title that comes twice, and a file with a secret
 * in it that group or others may read (ERR_ACCESS). The values of settings are not looked at: see
 * conf_apply().
 *
 * Returns 0 or -code; *out is the caller's to conf_file_free(). Not reentrant.
 */
int conf_file_read(struct conf_file **out, const char *path, const struct conf_grammar *g,
		   struct err *err);
void conf_file_free(struct conf_file *f);

/* The entry with this key, or NULL. */
const struct conf_entry *conf_find(const struct conf_section *s, const char *key);

/*
 * Set every setting that stands in @s in the struct @base; other keys are left alone.
 *
 * @note  called with `PATH:LINE: …` for each that was accepted and not applied; may be NULL.
 *
 * Returns 0, or -code at the first bad value: `iscsifs.conf:14: replacement_timeout "5 parsecs": …`.
 */
int conf_apply(const struct conf_file *f, const struct conf_section *s, const struct settings *t,
	       void *base, void (*note)(const char *text, void *arg), void *arg, struct err *err);

/* Put `PATH:LINE: ` of @e before the sentence of @err, which is set. Returns -err->code. */
int conf_entry_err(const struct conf_file *f, const struct conf_entry *e, struct err *err);

/* As conf_entry_err(), for @s as a whole. */
int conf_section_err(const struct conf_file *f, const struct conf_section *s, struct err *err);

#endif
