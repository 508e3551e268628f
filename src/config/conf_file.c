/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration files by libconfuse; the only file that knows it. The one hard thing: libconfuse
 * keeps no line numbers and gives its callbacks no argument. So each value is taken when it is
 * parsed, while the line is known, into the file that is being read, of which there is only one at a
 * time.
 *
 * Every key is text to libconfuse: its own numbers would read 010 as 8.
 */
#include "iscsifs/conf_file.h"

#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iscsifs/check.h"
#include "iscsifs/cleanup.h"

enum { CONF_NAMES_EXTRA = 3 };

/* The file being read; what libconfuse's callbacks work on. */
static struct {
	struct conf_file *file;
	const struct conf_grammar *grammar;
	struct err *err;
	const char **words;	/* every key and section word, for suggestions; ends with NULL */
	bool nomem;
} reading;

/* --- text --- */

/* Everything in @fd, ended by a NUL. Returns 0 or -code. */
static int text_read(int fd, const char *path, char **out, size_t *len, struct err *err)
{
	char *text = malloc(CONF_FILE_MAX + 2);
	size_t at = 0;
	ssize_t n = 1;

	if (!text)
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	*out = text;
	while (at <= CONF_FILE_MAX && n) {
		n = read(fd, text + at, CONF_FILE_MAX + 1 - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, errno == EISDIR ? ERR_INVALID : ERR_GENERIC, "%s: %s",
				       path, strerror(errno));
		at += (size_t)n;
	}
	if (at > CONF_FILE_MAX)
		return err_set(err, ERR_INVALID, "%s: more than 1 MiB, that is no configuration",
			       path);
	text[at] = '\0';
	*len = at;
	return 0;
}

static int text_line(const char *text, const char *at)
{
	int line = 1;

	for (; text < at; text++)
		line += *text == '\n';
	return line;
}

/* The end of the string that begins with the quote at @p, or NULL: it has none. */
static char *text_string_end(char *p)
{
	char quote = *p++;

	for (; *p && *p != quote; p++) {
		if (*p == '\\' && p[1])
			p++;
	}
	return *p ? p : NULL;
}

static bool text_is_comment(const char *text, const char *p)
{
	if (*p == '#')
		return true;
	return (!strncmp(p, "//", 2) || !strncmp(p, "/*", 2)) &&
	       (p == text || strchr(" \t\r\n{},=", p[-1]));
}

/* The last byte of the comment at @p, or NULL: it has no end. */
static char *text_comment_end(char *p)
{
	char *end;

	if (*p == '#' || p[1] == '/')
		return p + strcspn(p, "\n") - 1;
	end = strstr(p + 2, "*/");
	return end ? end + 1 : NULL;
}

/* Blank out @p up to @end but for newlines. */
static void text_blank(char *p, const char *end)
{
	for (; p <= end; p++)
		*p = *p == '\n' ? '\n' : ' ';
}

static int text_open_end(const char *text, const char *begin, const char *path, struct err *err)
{
	return err_set(err, ERR_INVALID, "%s:%d: the %s that begins here has no end", path,
		       text_line(text, begin), *begin == '/' ? "comment" :
		       *begin == '{' ? "section or list" : "string");
}

/*
 * What libconfuse gets wrong or says too late: it loses count of lines in comments, reads on after a
 * NUL, takes a section without its closing brace, and says of an open string only that the file
 * ends. So comments are blanked out here, and the rest refused.
 */
static int text_prepare(char *text, size_t len, const char *path, struct err *err)
{
	const char *open_brace = NULL;
	unsigned depth = 0;

	if (memchr(text, '\0', len))
		return err_set(err, ERR_INVALID, "%s:%d: a NUL byte, that is no configuration",
			       path, text_line(text, text + strlen(text)));
	for (char *p = text; *p; p++) {
		char *begin = p;

		if (*p == '"' || *p == '\'') {
			p = text_string_end(p);
		} else if (text_is_comment(text, p)) {
			p = text_comment_end(p);
			text_blank(begin, p ? p : begin - 1);
		} else if (*p == '{' && !depth++) {
			open_brace = p;
		} else if (*p == '}' && depth) {
			depth--;
		}
		if (!p)
			return text_open_end(text, begin, path, err);
	}
	return depth ? text_open_end(text, open_brace, path, err) : 0;
}

/* --- what was read --- */

static void entry_fini(struct conf_entry *e)
{
	for (size_t i = 0; i < e->count; i++)
		free(e->values[i]);
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

static struct conf_entry *section_entry(struct conf_section *s, const char *key)
{
	for (size_t i = 0; i < s->count; i++) {
		if (key_equal(s->entries[i].key, key))
			return &s->entries[i];
	}
	return NULL;
}

const struct conf_entry *conf_find(const struct conf_section *s, const char *key)
{
	return section_entry((struct conf_section *)s, key);
}

static struct conf_section *file_add_section(struct conf_file *f, const char *title, int line)
{
	struct conf_section *more = realloc(f->sections, (f->count + 1) * sizeof(*more));

	if (!more)
		return NULL;
	f->sections = more;
	more += f->count;
	*more = (struct conf_section){ .title = title ? strdup(title) : NULL,
					 .line = line };
	if (title && !more->title)
		return NULL;
	f->count++;
	return more;
}

/* The section with @title (NULL: outside of sections), made where it is not there. */
static struct conf_section *file_section(struct conf_file *f, const char *title, int line)
{
	if (!title)
		return &f->sections[0];
	for (size_t i = 1; i < f->count; i++) {
		if (!strcmp(f->sections[i].title, title))
			return &f->sections[i];
	}
	return file_add_section(f, title, line);
}

static struct conf_entry *section_add(struct conf_section *s, const char *key, int line)
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

static int entry_add_value(struct conf_entry *e, const char *value)
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

/* --- libconfuse's callbacks --- */

static int entry_twice(const struct conf_entry *e, int line)
{
	return err_set(reading.err, ERR_INVALID, "%s:%d: %s is given twice, first in line %d",
		       reading.file->path, line, e->key, e->line);
}

/*
 * A value of @opt was parsed: the last one of @opt's. For a list in braces libconfuse calls once
 * more at the end; a list that is assigned anew starts over with one value.
 */
static int conf_take(cfg_t *cfg, cfg_opt_t *opt)
{
	struct conf_section *s = file_section(reading.file, cfg_title(cfg), cfg->line);
	struct conf_entry *e = s ? section_entry(s, opt->name) : NULL;
	bool list = opt->flags & CFGF_LIST;
	size_t n = cfg_opt_size(opt);
	const char *value = n ? cfg_opt_getnstr(opt, (unsigned)n - 1) : NULL;

	if (!value)
		return 0;
	if (e && (!list || n < e->count || (n == e->count && strcmp(value, e->values[n - 1]))))
		return entry_twice(e, cfg->line);
	if (e && n == e->count)
		return 0;
	if (s && !e)
		e = section_add(s, opt->name, cfg->line);
	if (!e || entry_add_value(e, value))
		reading.nomem = true;
	return reading.nomem ? -1 : 0;
}

/* A section ended: also one without a key in it is there. */
static int conf_take_section(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *section = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);

	if (!file_section(reading.file, cfg_title(section), cfg->line))
		reading.nomem = true;
	return reading.nomem ? -1 : 0;
}

static const struct conf_key *key_find(const struct conf_key *keys, const char *name)
{
	for (; keys && keys->name; keys++) {
		if (!strcmp(keys->name, name))
			return keys;
	}
	return NULL;
}

static void conf_unknown(const char *name, bool in_section, char *why, size_t len)
{
	const struct conf_grammar *g = reading.grammar;
	struct err err = ERR_INIT;
	const struct setting *row;
	const char *near = settings_nearest(name, reading.words);

	row = g->settings && !near ? settings_lookup(g->settings, name, &err) : NULL;
	if (!in_section && key_find(g->in_section, name))
		snprintf(why, len, "%s belongs into a %s section", name, g->section);
	else if (in_section && (key_find(g->top, name) || !strcmp(name, g->section)))
		snprintf(why, len, "%s does not belong into a %s section", name, g->section);
	else if (row)
		snprintf(why, len, "unknown key \"%.80s\", in a file its full name is wanted: %s",
			 name, row->name);
	else if (near)
		snprintf(why, len, "unknown key \"%.80s\", did you mean %s?", name, near);
	else
		snprintf(why, len, "unknown key \"%.80s\" (a value with blanks wants quotes)",
			 name);
}

/* What libconfuse has to say, in words of ours. The formats are its own, untranslated. */
static void conf_complain(cfg_t *cfg, const char *fmt, va_list ap)
{
	char said[200], why[300];

	vsnprintf(said, sizeof(said), fmt, ap);
	snprintf(why, sizeof(why), "%s", said);
	if (!strcmp(fmt, "no such option '%s'")) {
		said[strlen(said) - 1] = '\0';
		conf_unknown(said + strlen("no such option '"), cfg_title(cfg), why, sizeof(why));
	} else if (!strcmp(fmt, "premature end of file")) {
		snprintf(why, sizeof(why), "the file ends where a value should stand");
	} else if (!strncmp(fmt, "unexpected token", 16)) {
		snprintf(why, sizeof(why), "%s (a value with blanks, commas, = or braces wants "
			 "quotes)", said);
	}
	err_set(reading.err, ERR_INVALID, "%s:%d: %s", reading.file->path, cfg->line, why);
}

/* --- the grammar, for libconfuse --- */

/* A table of options that grows; names are copied, for libconfuse copies them again later. */
struct options {
	cfg_opt_t *opts;
	char **names;
	size_t count;
};

static void options_add(struct options *o, const char *name, bool list)
{
	char *copy = strdup(name);
	cfg_opt_t one = CFG_STR(copy, NULL, CFGF_NODEFAULT);
	cfg_opt_t many = CFG_STR_LIST(copy, NULL, CFGF_NODEFAULT);

	if (!copy) {
		reading.nomem = true;
		return;
	}
	o->names[o->count] = copy;
	o->opts[o->count] = list ? many : one;
	o->opts[o->count++].validcb = conf_take;
}

static void options_add_setting(struct options *o, const char *name)
{
	char *index = strstr(name, "[0]");
	char without[SETTING_STRING_BYTES];

	options_add(o, name, false);
	if (!index)
		return;
	snprintf(without, sizeof(without), "%.*s%s", (int)(index - name), name, index + 3);
	options_add(o, without, false);
}

static size_t keys_count(const struct conf_key *keys)
{
	size_t n = 0;

	for (; keys && keys->name; keys++)
		n++;
	return n;
}

/* Every setting, then @keys; room for a section and the end. Returns 0 or -ENOMEM. */
static int options_init(struct options *o, const struct conf_key *keys)
{
	const struct settings *t = reading.grammar->settings;
	size_t room = (t ? 2 * t->count : 0) + keys_count(keys) + 2;

	*o = (struct options){
		.opts = calloc(room, sizeof(*o->opts)),
		.names = calloc(room, sizeof(*o->names)),
	};
	if (!o->opts || !o->names)
		return -ENOMEM;
	for (size_t i = 0; t && i < t->count; i++)
		options_add_setting(o, t->rows[i].name);
	for (; keys && keys->name; keys++)
		options_add(o, keys->name, keys->list);
	return reading.nomem ? -ENOMEM : 0;
}

static void options_end(struct options *o)
{
	cfg_opt_t end = CFG_END();

	if (o->opts)
		o->opts[o->count] = end;
}

static void options_add_section(struct options *o, const char *word, const struct options *inner)
{
	cfg_opt_t section = CFG_SEC(word, inner->opts,
				    CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);

	o->opts[o->count] = section;
	o->opts[o->count].validcb = conf_take_section;
	o->names[o->count++] = NULL;
}

static void options_fini(struct options *o)
{
	for (size_t i = 0; i < o->count; i++)
		free(o->names[i]);
	free(o->names);
	free(o->opts);
}

/* Every word that a line may begin with, for suggestions. */
static int words_init(const struct conf_grammar *g)
{
	size_t settings = g->settings ? g->settings->count : 0, n = 0;
	size_t room = settings + keys_count(g->top) + keys_count(g->in_section) + CONF_NAMES_EXTRA;
	const struct conf_key *key;

	reading.words = calloc(room, sizeof(*reading.words));
	if (!reading.words)
		return -ENOMEM;
	for (size_t i = 0; i < settings; i++)
		reading.words[n++] = g->settings->rows[i].name;
	for (key = g->top; key && key->name; key++)
		reading.words[n++] = key->name;
	for (key = g->in_section; key && key->name; key++)
		reading.words[n++] = key->name;
	if (g->section)
		reading.words[n] = g->section;
	return 0;
}

static cfg_t *grammar_init(const struct conf_grammar *g)
{
	struct options top = { 0 }, inner = { 0 };
	cfg_t *cfg = NULL;

	if (!options_init(&top, g->top) && !options_init(&inner, g->in_section)) {
		options_end(&inner);
		if (g->section)
			options_add_section(&top, g->section, &inner);
		options_end(&top);
		cfg = cfg_init(top.opts, CFGF_NONE);
	}
	options_fini(&top);
	options_fini(&inner);
	return cfg;
}

/* --- reading --- */

static bool entry_is_secret(const struct conf_grammar *g, const struct conf_entry *e)
{
	const struct setting *row = g->settings ? settings_find(g->settings, e->key) : NULL;
	const struct conf_key *key = key_find(g->top, e->key);

	if (!key)
		key = key_find(g->in_section, e->key);
	return row ? row->type == SETTING_SECRET && e->values[0][0] : key && key->secret;
}

/* A secret in a file that others may read is no secret. */
static int check_mode(const struct conf_file *f, const struct conf_grammar *g,
		      const struct stat *st, struct err *err)
{
	if (!S_ISREG(st->st_mode) || !(st->st_mode & 077))
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

static int open_err(const char *path, struct err *err)
{
	return err_set(err, errno == EACCES ? ERR_ACCESS : ERR_INVALID, "%s: %s", path,
		       strerror(errno));
}

/* @text through libconfuse into reading.file. */
static int conf_parse(const char *text, struct err *err)
{
	cfg_t *cfg = words_init(reading.grammar) ? NULL : grammar_init(reading.grammar);
	int rc = 0;

	if (cfg) {
		cfg_set_error_function(cfg, conf_complain);
		rc = cfg_parse_buf(cfg, text);
		cfg_free(cfg);
	}
	free(reading.words);
	if (!cfg || reading.nomem)
		return err_set(err, ERR_NOMEM, "%s: no memory", reading.file->path);
	if (rc)
		return err_set(err, ERR_INVALID, "%s: not understood", reading.file->path);
	return 0;
}

static int conf_file_new(struct conf_file **out, const char *path)
{
	struct conf_file *f = calloc(1, sizeof(*f));

	*out = f;
	if (!f)
		return -ENOMEM;
	f->path = strdup(path);
	return f->path && file_add_section(f, NULL, 1) ? 0 : -ENOMEM;
}

static int conf_read_text(const char *path, char **text, struct stat *st, struct err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	int rc;

	if (fd < 0 || fstat(fd, st) < 0)
		return open_err(path, err);
	if (S_ISDIR(st->st_mode))
		return err_set(err, ERR_INVALID, "%s is a directory", path);
	rc = text_read(fd, path, text, &len, err);
	return rc ? rc : text_prepare(*text, len, path, err);
}

int conf_file_read(struct conf_file **out, const char *path, const struct conf_grammar *g,
		   struct err *err)
{
	cleanup_free char *text = NULL;
	struct conf_file *f = NULL;
	struct stat st;
	int rc = conf_read_text(path, &text, &st, err);

	if (rc)
		return rc;
	if (conf_file_new(&f, path))
		rc = err_set(err, ERR_NOMEM, "%s: no memory", path);
	reading.file = f;
	reading.grammar = g;
	reading.err = err;
	reading.nomem = false;
	if (!rc)
		rc = conf_parse(text, err);
	memset(&reading, 0, sizeof(reading));
	explicit_bzero(text, strlen(text));
	if (!rc)
		rc = check_mode(f, g, &st, err);
	if (rc) {
		conf_file_free(f);
		return rc;
	}
	*out = f;
	return 0;
}

/* --- using --- */

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
