/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the readers of configuration files share: a file as text, and sections and entries that grow.
 */
#ifndef ISCSIFS_CONFIG_CONF_IMPL_H
#define ISCSIFS_CONFIG_CONF_IMPL_H

#include "iscsifs/conf_file.h"
#include "iscsifs/conf_text.h"

/* --- conf_text.c --- */

/*
 * Make @text safe for libconfuse: blank out comments, whose lines it miscounts, and refuse open
 * strings, comments and braces with the line where they begin. Returns 0 or -ERR_INVALID.
 */
int conf_text_prepare(char *text, const char *path, struct err *err);

/* --- conf_data.c --- */

/* An empty file with its first section. Returns 0 or -ENOMEM; *out is to be freed either way. */
int conf_file_new(struct conf_file **out, const char *path);

/*
 * The section @id with @title (NULL: outside of sections), made where it is not there. NULL: no
 * memory. The next call may move it.
 */
struct conf_section *conf_file_section(struct conf_file *f, const void *id, const char *title,
				       int line);

/* The entry of @key, "[0]" in it or not; NULL when there is none. */
struct conf_entry *conf_section_entry(struct conf_section *s, const char *key);

/* A new entry without a value. NULL: no memory. */
struct conf_entry *conf_section_add(struct conf_section *s, const char *key, int line);

/* Returns 0 or -ENOMEM. */
int conf_entry_add_value(struct conf_entry *e, const char *value);

/* -ERR_ACCESS when a file has a secret in it that others may read, else 0. */
int conf_check_mode(const struct conf_file *f, const struct conf_grammar *g, struct err *err);

#endif
