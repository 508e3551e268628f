/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * open-iscsi's iscsid.conf. The one hard thing: its values have no quotes and may contain blanks and
 * commas, which is why libconfuse does not read it.
 */
#include "iscsifs/iscsid_conf.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config/conf_impl.h"
#include "iscsifs/cleanup.h"

/* @text without blanks at both ends, in place. */
static char *trim(char *text)
{
	size_t len;

	while (isspace((unsigned char)*text))
		text++;
	len = strlen(text);
	while (len && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	return text;
}

/* The last one counts. */
static int section_put(struct conf_section *s, const char *key, const char *value, int line)
{
	struct conf_entry *e = conf_section_entry(s, key);

	if (!e)
		e = conf_section_add(s, key, line);
	if (!e)
		return -1;
	e->line = line;
	while (e->count)
		free(e->values[--e->count]);
	return conf_entry_add_value(e, value);
}

static int line_read(struct conf_file *f, char *line, int number, const struct settings *t,
		     struct err *err)
{
	char *equals, *key = trim(line);

	if (!*key || *key == '#')
		return 0;
	equals = strchr(key, '=');
	if (!equals)
		return err_set(err, ERR_INVALID, "%s:%d: want name = value", f->path, number);
	*equals = '\0';
	key = trim(key);
	if (!settings_find(t, key)) {
		/* The sentence of the look-up has the nearest name. A short name will not do here. */
		if (settings_lookup(t, key, err))
			err_set(err, ERR_INVALID, "unknown setting \"%.80s\"", key);
		return err_prefix(err, "%s:%d", f->path, number);
	}
	if (section_put(&f->sections[0], key, trim(equals + 1), number))
		return err_set(err, ERR_NOMEM, "%s: no memory", f->path);
	return 0;
}

int iscsid_conf_read(struct conf_file **out, const char *path, const struct settings *t,
		     struct err *err)
{
	const struct conf_grammar grammar = { .settings = t };
	cleanup_free char *text = NULL;
	struct conf_file *f = NULL;
	char *next, *line;
	struct stat st;
	int number = 0;
	int rc = conf_text_read(path, &text, &st, err);

	if (!rc && conf_file_new(&f, path))
		rc = err_set(err, ERR_NOMEM, "%s: no memory", path);
	for (next = text; !rc && (line = strsep(&next, "\n"));)
		rc = line_read(f, line, ++number, t, err);
	if (!rc) {
		f->shared = conf_text_is_shared(&st);
		rc = conf_check_mode(f, &grammar, err);
	}
	if (rc) {
		conf_file_free(f);
		return rc;
	}
	*out = f;
	return 0;
}
