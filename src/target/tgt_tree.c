/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The grammar of targets.conf. The one hard thing: it is nobody's standard but what Config::General
 * does, so the odd parts are its: # begins a comment even within quotes, a backslash hides what
 * follows it, the first blank or = parts key and value. Where it guesses (a quote or a block without
 * its end), we refuse.
 */
#include "target/tgt_tree.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "iscsifs/check.h"
#include "iscsifs/cleanup.h"
#include "iscsifs/conf_text.h"

/* Where the reading is. */
struct tgt_reader {
	struct tgt_tree *tree;
	struct tgt_target *target;	/* the open block, or NULL */
	struct tgt_store *store;	/* likewise, in it */
	unsigned depth;
	const char *path;
	int line;
	bool shared;
};

static int tgt_nomem(struct err *e)
{
	return err_set(e, ERR_NOMEM, "out of memory");
}

static char *tgt_where(const struct tgt_reader *r)
{
	char *where;

	return asprintf(&where, "%s:%d", r->path, r->line) < 0 ? NULL : where;
}

/* --- the tree --- */

static void tgt_free_pairs(struct list *pairs)
{
	struct tgt_pair *p, *tmp;

	list_each_safe(p, tmp, pairs, link) {
		if (p->value)
			explicit_bzero(p->value, strlen(p->value));
		free(p->key);
		free(p->value);
		free(p->where);
		free(p);
	}
}

static void tgt_free_store(struct tgt_store *s)
{
	tgt_free_pairs(&s->pairs);
	free(s->path);
	free(s->where);
	free(s);
}

static void tgt_free_target(struct tgt_target *t)
{
	struct tgt_store *s, *tmp;

	list_each_safe(s, tmp, &t->stores, link)
		tgt_free_store(s);
	tgt_free_pairs(&t->pairs);
	free(t->name);
	free(t->where);
	free(t);
}

void tgt_tree_fini(struct tgt_tree *tree)
{
	struct tgt_target *t, *tmp;

	list_each_safe(t, tmp, &tree->targets, link)
		tgt_free_target(t);
	tgt_free_pairs(&tree->pairs);
}

static int tgt_add_pair(struct tgt_reader *r, const char *key, const char *value, struct err *e)
{
	struct list *to = r->store ? &r->store->pairs : r->target ? &r->target->pairs :
			  &r->tree->pairs;
	struct tgt_pair *p = calloc(1, sizeof(*p));

	if (!p)
		return tgt_nomem(e);
	list_init(&p->link);
	list_append(to, &p->link);
	p->key = strdup(key);
	p->value = strdup(value);
	p->where = tgt_where(r);
	p->shared = r->shared;
	return p->key && p->value && p->where ? 0 : tgt_nomem(e);
}

static bool tgt_goes_before(const struct tgt_store *a, const struct tgt_store *b)
{
	return a->kind < b->kind || (a->kind == b->kind && strcmp(a->path, b->path) < 0);
}

static void tgt_insert_store(struct tgt_target *t, struct tgt_store *s)
{
	struct tgt_store *before;

	list_each(before, &t->stores, link) {
		if (tgt_goes_before(s, before))
			break;
	}
	list_append(&before->link, &s->link);
}

/* Named again: it stays one, and as tgt-admin meets it first. */
static struct tgt_store *tgt_repeat_store(struct tgt_target *t, enum tgt_store_kind kind,
					  const char *path)
{
	struct tgt_store *s;

	list_each(s, &t->stores, link) {
		if (strcmp(s->path, path))
			continue;
		s->repeated = true;
		if (kind < s->kind) {
			s->kind = kind;
			list_del(&s->link);
			tgt_insert_store(t, s);
		}
		return s;
	}
	return NULL;
}

static int tgt_add_store(struct tgt_reader *r, enum tgt_store_kind kind, const char *path,
			 struct tgt_store **out, struct err *e)
{
	struct tgt_store *s;

	if (!*path)
		return err_set(e, ERR_INVALID, "a store wants a path");
	*out = tgt_repeat_store(r->target, kind, path);
	if (*out)
		return 0;
	if (r->target->store_count == TGT_TREE_STORES)
		return err_set(e, ERR_INVALID, "a target has %d stores at most", TGT_TREE_STORES);
	s = calloc(1, sizeof(*s));
	if (!s)
		return tgt_nomem(e);
	list_init(&s->pairs);
	list_init(&s->link);
	s->kind = kind;
	s->path = strdup(path);
	s->where = tgt_where(r);
	if (!s->path || !s->where) {
		tgt_free_store(s);
		return tgt_nomem(e);
	}
	tgt_insert_store(r->target, s);
	r->target->store_count++;
	*out = s;
	return 0;
}

static int tgt_open_target(struct tgt_reader *r, const char *name, struct err *e)
{
	struct tgt_target *t;

	list_each(t, &r->tree->targets, link) {
		if (!strcmp(t->name, name)) {
			r->target = t;
			return 0;
		}
	}
	if (r->tree->target_count++ == TGT_TREE_TARGETS)
		return err_set(e, ERR_INVALID, "more than %d targets", TGT_TREE_TARGETS);
	t = calloc(1, sizeof(*t));
	if (!t)
		return tgt_nomem(e);
	list_init(&t->pairs);
	list_init(&t->stores);
	list_init(&t->link);
	list_append(&r->tree->targets, &t->link);
	t->name = strdup(name);
	t->where = tgt_where(r);
	r->target = t;
	return t->name && t->where ? 0 : tgt_nomem(e);
}

/* --- lines --- */

static char *tgt_trim(char *s)
{
	size_t len;

	while (isspace((unsigned char)*s))
		s++;
	len = strlen(s);
	while (len && isspace((unsigned char)s[len - 1]))
		s[--len] = 0;
	return s;
}

/* Cut a comment off. */
static void tgt_uncomment(char *s)
{
	for (char *p = s; *p; p++) {
		if (*p == '#' && (p == s || p[-1] != '\\')) {
			*p = 0;
			return;
		}
	}
}

/* A backslash hides the next character. */
static void tgt_unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s == '\\' && s[1])
			s++;
		*to++ = *s;
	}
	*to = 0;
}

/* Take the quotes off. Returns NULL when there is one only. */
static char *tgt_unquote(char *s)
{
	size_t len = strlen(s);

	if (*s != '"')
		return s;
	if (len < 2 || s[len - 1] != '"')
		return NULL;
	s[len - 1] = 0;
	return s + 1;
}

/* The value of @s, which is cut to its key: after the first blanks or =. */
static char *tgt_split(char *s)
{
	size_t len = strcspn(s, " \t=");
	char *value = s + len + strspn(s + len, " \t");

	if (*value == '=')
		value += 1 + strspn(value + 1, " \t");
	if (s[len])
		s[len] = 0;
	return value;
}

static bool tgt_store_kind(const char *word, enum tgt_store_kind *kind)
{
	*kind = strcmp(word, "direct-store") ? TGT_BACKING_STORE : TGT_DIRECT_STORE;
	return !strcmp(word, "backing-store") || !strcmp(word, "direct-store");
}

static int tgt_open_block(struct tgt_reader *r, const char *word, const char *argument,
			  struct err *e)
{
	enum tgt_store_kind kind;

	if (!strcmp(word, "target") && !r->target)
		return tgt_open_target(r, argument, e);
	if (tgt_store_kind(word, &kind) && r->target && !r->store)
		return tgt_add_store(r, kind, argument, &r->store, e);
	return err_set(e, ERR_INVALID, "a <%.40s> block has no place here", word);
}

static int tgt_close_block(struct tgt_reader *r, const char *word, struct err *e)
{
	const char *open = r->store ? r->store->kind == TGT_DIRECT_STORE ? "direct-store" :
			   "backing-store" : r->target ? "target" : NULL;

	if (!open)
		return err_set(e, ERR_INVALID, "</%.40s> ends nothing", word);
	if (strcasecmp(open, word))
		return err_set(e, ERR_INVALID, "</%.40s> where </%s> is due", word, open);
	if (r->store)
		r->store = NULL;
	else
		r->target = NULL;
	return 0;
}

/* "<word argument>" or "</word>", the brackets around it taken off. */
static int tgt_block(struct tgt_reader *r, char *s, struct err *e)
{
	size_t len;
	char *argument;

	if (*s == '/')
		return tgt_close_block(r, tgt_trim(s + 1), e);
	s = tgt_trim(s);
	len = strcspn(s, " \t");
	argument = s + len + strspn(s + len, " \t");
	s[len] = 0;
	argument = tgt_unquote(argument);
	if (!argument)
		return err_set(e, ERR_INVALID, "a quote has no end");
	return tgt_open_block(r, s, argument, e);
}

static int tgt_file(struct tgt_reader *r, const char *path, struct err *e);

/* One file that a pattern or a directory gave. */
static int tgt_include_one(struct tgt_reader *r, const char *path, struct err *e)
{
	struct tgt_reader inner = *r;
	struct stat st;
	int rc;

	if (stat(path, &st))
		return err_set(e, ERR_INVALID, "include %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_INVALID, "include %s: it is no regular file", path);
	inner.depth++;
	rc = tgt_file(&inner, path, e);
	if (!rc && (inner.target != r->target || inner.store != r->store))
		rc = err_set(e, ERR_INVALID, "%s opens or closes a block that it does not close or open",
			     path);
	return rc;
}

/* A file, the files of a directory, or those that a pattern means: none is none. */
static int tgt_include(struct tgt_reader *r, const char *what, struct err *e)
{
	cleanup_free char *within = NULL;
	struct stat st;
	glob_t g;
	int rc;

	if (r->depth == TGT_TREE_DEPTH)
		return err_set(e, ERR_INVALID, "includes go deeper than %d files: does one include itself?",
			       TGT_TREE_DEPTH);
	if (!strpbrk(what, "*?[") && stat(what, &st))
		return err_set(e, ERR_INVALID, "include %s: %s", what, strerror(errno));
	if (!strpbrk(what, "*?[") && S_ISDIR(st.st_mode) && asprintf(&within, "%s/*", what) < 0)
		return tgt_nomem(e);
	rc = glob(within ? within : what, 0, NULL, &g);
	if (rc && rc != GLOB_NOMATCH)
		return err_set(e, ERR_ACCESS, "include %s: cannot be read", what);
	for (size_t i = 0; !rc && i < g.gl_pathc; i++)
		rc = tgt_include_one(r, g.gl_pathv[i], e);
	globfree(&g);
	return rc == GLOB_NOMATCH ? 0 : rc;
}

/* "include WHAT", "<<include WHAT>>": what, or NULL when it is another line. */
static char *tgt_is_include(char *s)
{
	size_t len = strlen(s);

	if (!strncasecmp(s, "<<include", 9) && len > 11 && !strcmp(s + len - 2, ">>")) {
		s[len - 2] = 0;
		s += 2;
	}
	if (strncasecmp(s, "include", 7) || !isblank((unsigned char)s[7]))
		return NULL;
	return tgt_unquote(tgt_trim(s + 7));
}

/* A line whole, without its comment. */
static int tgt_line(struct tgt_reader *r, char *s, struct err *e)
{
	enum tgt_store_kind kind;
	struct tgt_store *store;
	char *value, *what;
	size_t len;

	s = tgt_trim(s);
	len = strlen(s);
	if (!len)
		return 0;
	what = tgt_is_include(s);
	if (what)
		return tgt_include(r, what, e);
	if (*s == '<') {
		if (s[len - 1] != '>')
			return err_set(e, ERR_INVALID, "a block wants to be closed by >");
		s[len - 1] = 0;
		return tgt_block(r, s + 1, e);
	}
	value = tgt_split(s);
	if (!strncmp(value, "<<", 2))
		return err_set(e, ERR_UNSUPPORTED, "%.40s: here-documents are not read", s);
	value = tgt_unquote(value);
	if (!value)
		return err_set(e, ERR_INVALID,
			       "%.40s: a quote has no end; # begins a comment within quotes, too: write \\#",
			       s);
	tgt_unescape(value);
	if (!tgt_store_kind(s, &kind))
		return tgt_add_pair(r, s, value, e);
	if (!r->target || r->store)
		return err_set(e, ERR_INVALID, "a %s belongs into a target", s);
	return tgt_add_store(r, kind, value, &store, e);
}

/* Cut the next line off *@text, with those that continue it, into @line. Returns their number, or -1. */
static int tgt_next_line(char **text, char line[TGT_TREE_LINE])
{
	size_t at = 0;
	int lines = 0;

	for (;;) {
		char *part = *text, *end = strchrnul(part, '\n');
		size_t len = (size_t)(end - part);
		bool more;

		*text = *end ? end + 1 : end;
		lines++;
		if (len && part[len - 1] == '\r')
			len--;
		more = len && part[len - 1] == '\\' && **text;
		len -= more;
		while (at && len && isblank((unsigned char)*part)) {
			part++;
			len--;
		}
		if (len >= TGT_TREE_LINE - at)
			return -1;
		memcpy(line + at, part, len);
		at += len;
		line[at] = 0;
		if (!more)
			return lines;
	}
}

static int tgt_lines(struct tgt_reader *r, char *text, struct err *e)
{
	char line[TGT_TREE_LINE];
	int rc = 0;

	r->line = 1;
	while (*text && !rc) {
		int lines = tgt_next_line(&text, line);

		if (lines < 0)
			return err_set(e, ERR_INVALID, "%s:%d: a line of more than %d bytes", r->path,
				       r->line, TGT_TREE_LINE - 1);
		tgt_uncomment(line);
		if (tgt_line(r, line, e)) {
			rc = -(int)e->code;
			break;
		}
		r->line += lines;
	}
	explicit_bzero(line, sizeof(line));
	return rc ? err_prefix(e, "%s:%d", r->path, r->line) : 0;
}

static int tgt_file(struct tgt_reader *r, const char *path, struct err *e)
{
	cleanup_free char *text = NULL;
	struct stat st;
	int rc;

	if (r->tree->files++ == TGT_TREE_FILES)
		return err_set(e, ERR_INVALID, "more than %d files", TGT_TREE_FILES);
	rc = conf_text_read(path, &text, &st, e);
	if (rc)
		return rc;
	r->path = path;
	r->shared = conf_text_is_shared(&st);
	rc = tgt_lines(r, text, e);
	explicit_bzero(text, strlen(text));
	return rc;
}

int tgt_tree_read(struct tgt_tree *tree, const char *path, struct err *e)
{
	struct tgt_reader r = { .tree = tree };
	int rc;

	memset(tree, 0, sizeof(*tree));
	list_init(&tree->pairs);
	list_init(&tree->targets);
	rc = tgt_file(&r, path, e);
	if (!rc && r.target)
		rc = err_set(e, ERR_INVALID, "%s: the block that begins here has no end",
			     r.store ? r.store->where : r.target->where);
	return rc;
}
