/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sections and entries of a configuration file in memory, and their way into a settings struct. The
 * one hard thing: a name with "[0]" and without is one key.
 */
#include "config/conf_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void entry_fini(struct conf_entry *e)
{
	for (size_t i = 0; i < e->count; i++) {
		explicit_bzero(e->values[i], strlen(e->values[i]));	/* it may be a secret */
		free(e->values[i]);
	}
	free(e->values);
	free(e->key);
}

void conf_file_free(struct conf_file *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->count; i++) {
		struct conf_section *s = &f->sections[i];

		for (size_t j = 0; j < s->count; j++)
			entry_fini(&s->entries[j]);
		free(s->entries);
		free(s->title);
	}
	free(f->sections);
	free(f->path);
	free(f);
}

/* A name without its "[0]": two spellings of a setting are one key. */
static bool key_equal(const char *a, const char *b)
{
	while (*a || *b) {
		if (!strncmp(a, "[0]", 3))
			a += 3;
		else if (!strncmp(b, "[0]", 3))
			b += 3;
		else if (*a++ != *b++)
			return false;
	}
	return true;
}

struct conf_entry *conf_section_entry(struct conf_section *s, const char *key)
{
	for (size_t i = 0; i < s->count; i++) {
		if (key_equal(s->entries[i].key, key))
			return &s->entries[i];
	}
	return NULL;
}

const struct conf_entry *conf_find(const struct conf_section *s, const char *key)
{
	return conf_section_entry((struct conf_section *)s, key);
}

static struct conf_section *file_add_section(struct conf_file *f, const void *id,
					     const char *title, int line)
{
	struct conf_section *more = realloc(f->sections, (f->count + 1) * sizeof(*more));

	if (!more)
		return NULL;
	f->sections = more;
	more += f->count;
	*more = (struct conf_section){ .title = title ? strdup(title) : NULL, .id = id,
				       .line = line };
	if (title && !more->title)
		return NULL;
	f->count++;
	return more;
}

struct conf_section *conf_file_section(struct conf_file *f, const void *id, const char *title,
				       int line)
{
	if (!title)
		return &f->sections[0];
	for (size_t i = 1; i < f->count; i++) {
		if (f->sections[i].id == id)
			return &f->sections[i];
	}
	return file_add_section(f, id, title, line);
}

struct conf_entry *conf_section_add(struct conf_section *s, const char *key, int line)
{
	struct conf_entry *more = realloc(s->entries, (s->count + 1) * sizeof(*more));

	if (!more)
		return NULL;
	s->entries = more;
	more += s->count;
	*more = (struct conf_entry){ .key = strdup(key), .line = line };
	if (!more->key)
		return NULL;
	s->count++;
	return more;
}

int conf_entry_add_value(struct conf_entry *e, const char *value)
{
	char **more = realloc(e->values, (e->count + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	e->values = more;
	more[e->count] = strdup(value);
	if (!more[e->count])
		return -ENOMEM;
	e->count++;
	return 0;
}

int conf_file_new(struct conf_file **out, const char *path)
{
	struct conf_file *f = calloc(1, sizeof(*f));

	*out = f;
	if (!f)
		return -ENOMEM;
	f->path = strdup(path);
	return f->path && file_add_section(f, NULL, NULL, 1) ? 0 : -ENOMEM;
}

static const struct conf_key *key_find(const struct conf_key *keys, const char *name)
{
	for (; keys && keys->name; keys++) {
		if (!strcmp(keys->name, name))
			return keys;
	}
	return NULL;
}

static bool entry_is_secret(const struct conf_grammar *g, const struct conf_entry *e)
{
	const struct setting *row = g->settings ? settings_find(g->settings, e->key) : NULL;
	const struct conf_key *key = key_find(g->top, e->key);

	if (!key)
		key = key_find(g->in_section, e->key);
	return row ? row->type == SETTING_SECRET && e->values[0][0] : key && key->secret;
}

/* A secret in a file that others may read is no secret. */
int conf_check_mode(const struct conf_file *f, const struct conf_grammar *g, struct err *err)
{
	if (!f->shared)
		return 0;
	for (size_t i = 0; i < f->count; i++) {
		for (size_t j = 0; j < f->sections[i].count; j++) {
			const struct conf_entry *e = &f->sections[i].entries[j];

			if (entry_is_secret(g, e))
				return err_set(err, ERR_ACCESS, "%s:%d: %s is a secret and others "
					       "may read the file: chmod 600 %s", f->path, e->line,
					       e->key, f->path);
		}
	}
	return 0;
}

int conf_entry_err(const struct conf_file *f, const struct conf_entry *e, struct err *err)
{
	return err_prefix(err, "%s:%d", f->path, e->line);
}

int conf_section_err(const struct conf_file *f, const struct conf_section *s, struct err *err)
{
	return err_prefix(err, "%s:%d", f->path, s->line);
}

int conf_apply(const struct conf_file *f, const struct conf_section *s, const struct settings *t,
	       void *base, void (*note)(const char *text, void *arg), void *arg, struct err *err)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct conf_entry *e = &s->entries[i];
		const struct setting *row = settings_find(t, e->key);
		struct setting_note n;
		char text[sizeof(n.text) + 256];

		if (!row)
			continue;
		if (settings_set(row, base, e->values[0], &n, err))
			return conf_entry_err(f, e, err);
		if (!n.text[0] || !note)
			continue;
		snprintf(text, sizeof(text), "%.200s:%d: %s", f->path, e->line, n.text);
		note(text, arg);
	}
	return 0;
}
