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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/conf_impl.h"
#include "iscsifs/check.h"
#include "iscsifs/cleanup.h"

enum { CONF_LEVELS = 3 };		/* outside, in a section, in a section of that */

/* The file being read; what libconfuse's callbacks work on. */
static struct {
	struct conf_file *file;
	const struct conf_grammar *grammar;
	struct err *err;
	const char **words;	/* every key and section word, for suggestions; ends with NULL */
	bool nomem;
} reading;

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
	struct conf_section *s = conf_file_section(reading.file, cfg, cfg_title(cfg), cfg->line);
	struct conf_entry *e = s ? conf_section_entry(s, opt->name) : NULL;
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
		e = conf_section_add(s, opt->name, cfg->line);
	if (!e || conf_entry_add_value(e, value))
		reading.nomem = true;
	return reading.nomem ? -1 : 0;
}

/* A section ended: also one without a key in it is there. */
static int conf_take_section(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *section = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
	struct conf_section *outer = conf_file_section(reading.file, cfg, cfg_title(cfg), cfg->line);
	size_t parent = outer ? (size_t)(outer - reading.file->sections) : 0;
	struct conf_section *s = conf_file_section(reading.file, section, cfg_title(section),
						   cfg->line);

	if (reading.file->count > CONF_SECTIONS_MAX)
		return err_set(reading.err, ERR_INVALID, "%s:%d: more than %d sections",
			       reading.file->path, cfg->line, CONF_SECTIONS_MAX);
	if (outer && s)
		s->parent = parent;
	else
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

/* What may stand in each level, outermost first. */
static const struct settings *level_settings(unsigned level)
{
	const struct conf_grammar *g = reading.grammar;

	if (level == 2)
		return g->inner_settings;
	return level && g->section_settings ? g->section_settings : g->settings;
}

static const struct conf_key *level_keys(unsigned level)
{
	const struct conf_grammar *g = reading.grammar;

	return level == 2 ? g->in_inner : level ? g->in_section : g->top;
}

/* The word that begins a section of @level. */
static const char *level_word(unsigned level)
{
	const struct conf_grammar *g = reading.grammar;

	return level == 2 ? g->inner : level ? g->section : NULL;
}

static bool level_has(unsigned level, const char *name)
{
	const struct settings *t = level_settings(level);
	const char *word = level + 1 < CONF_LEVELS ? level_word(level + 1) : NULL;

	if (level && !level_word(level))
		return false;
	return key_find(level_keys(level), name) || (t && settings_find(t, name)) ||
	       (word && !strcmp(word, name));
}

static unsigned level_of(cfg_t *cfg)
{
	const char *inner = reading.grammar->inner;

	if (!cfg_title(cfg))
		return 0;
	return inner && !strcmp(cfg_name(cfg), inner) ? 2 : 1;
}

static void conf_unknown(const char *name, unsigned level, char *why, size_t len)
{
	struct err err = ERR_INIT;
	const struct setting *row;
	const struct settings *t = level_settings(level);
	const char *near = settings_nearest(name, reading.words);

	for (unsigned other = 0; other < CONF_LEVELS; other++) {
		if (other == level || !level_has(other, name))
			continue;
		snprintf(why, len, "%s %s into a %s section", name,
			 other > level ? "belongs" : "does not belong",
			 level_word(MAX(other, level)));
		return;
	}
	row = t && !near ? settings_lookup(t, name, &err) : NULL;
	if (row)
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
		conf_unknown(said + strlen("no such option '"), level_of(cfg), why, sizeof(why));
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

/* Every setting and key of @level; room for a section and the end. Returns 0 or -ENOMEM. */
static int options_init(struct options *o, unsigned level)
{
	const struct conf_key *keys = level_keys(level);
	const struct settings *t = level_settings(level);
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

static size_t level_count(unsigned level)
{
	const struct settings *t = level_settings(level);

	return (t ? t->count : 0) + keys_count(level_keys(level)) + 1;
}

/* Every word that a line may begin with, for suggestions. */
static int words_init(void)
{
	size_t room = 1, n = 0;

	for (unsigned level = 0; level < CONF_LEVELS; level++)
		room += level_count(level);
	reading.words = calloc(room, sizeof(*reading.words));
	if (!reading.words)
		return -ENOMEM;
	for (unsigned level = 0; level < CONF_LEVELS; level++) {
		const struct settings *t = level_settings(level);
		const struct conf_key *key;

		if (level && !level_word(level))
			break;
		for (size_t i = 0; t && i < t->count; i++)
			reading.words[n++] = t->rows[i].name;
		for (key = level_keys(level); key && key->name; key++)
			reading.words[n++] = key->name;
		if (level)
			reading.words[n++] = level_word(level);
	}
	return 0;
}

/* From the innermost level outwards, for libconfuse copies what a section has. */
static cfg_t *grammar_init(void)
{
	struct options o[CONF_LEVELS] = { 0 };
	cfg_t *cfg = NULL;
	int rc = 0;

	for (unsigned level = CONF_LEVELS; level-- && !rc;) {
		if (level && !level_word(level))
			continue;
		rc = options_init(&o[level], level);
		if (!rc && level + 1 < CONF_LEVELS && level_word(level + 1))
			options_add_section(&o[level], level_word(level + 1), &o[level + 1]);
		options_end(&o[level]);
	}
	if (!rc)
		cfg = cfg_init(o[0].opts, CFGF_NONE);
	for (unsigned level = 0; level < CONF_LEVELS; level++)
		options_fini(&o[level]);
	return cfg;
}

/* --- reading --- */

/* @text through libconfuse into reading.file. */
static int conf_parse(const char *text, struct err *err)
{
	cfg_t *cfg = words_init() ? NULL : grammar_init();
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

int conf_file_read(struct conf_file **out, const char *path, const struct conf_grammar *g,
		   struct err *err)
{
	cleanup_free char *text = NULL;
	struct conf_file *f = NULL;
	struct stat st;
	int rc = conf_text_read(path, &text, &st, err);

	if (!rc)
		rc = conf_text_prepare(text, path, err);
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
	if (!rc) {
		f->shared = conf_text_is_shared(&st);
		rc = conf_check_mode(f, g, err);
	}
	if (rc) {
		conf_file_free(f);
		return rc;
	}
	*out = f;
	return 0;
}
