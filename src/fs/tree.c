/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names and inodes. The one hard thing: a node may leave the tree while the kernel still knows its
 * number or has it open, so a node that is gone stays in the table of numbers until both counts
 * are zero, and its number is not given to another meanwhile.
 */
#include "fs/tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TREE_BUCKETS = 256, TREE_SUFFIX_MAX = 12 };

struct tree {
	struct tree_node *root;
	struct list buckets[TREE_BUCKETS];
};

void tree_safe_name(const char *name, char out[TREE_NAME_MAX + 1])
{
	size_t i = 0;

	for (; name[i] && i < TREE_NAME_MAX - TREE_SUFFIX_MAX; i++) {
		unsigned char c = (unsigned char)name[i];

		out[i] = (char)(c <= ' ' || c >= 0x7f || c == '/' || (c == '.' && !i) ? '_' : c);
	}
	if (!i)
		out[i++] = '_';
	out[i] = '\0';
}

/* FNV-1a over the path, from the root down. */
static uint64_t tree_hash(const struct tree_node *dir, const char *name)
{
	uint64_t h = dir->parent ? tree_hash(dir->parent, dir->name) : 0xcbf29ce484222325u;

	h = (h ^ '/') * 0x100000001b3u;
	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 0x100000001b3u;
	return h;
}

static struct list *tree_bucket(const struct tree *t, uint64_t ino)
{
	return (struct list *)&t->buckets[ino % TREE_BUCKETS];
}

struct tree_node *tree_find(const struct tree *t, uint64_t ino)
{
	struct list *bucket = tree_bucket(t, ino);
	struct tree_node *n;

	list_each(n, bucket, hash) {
		if (n->ino == ino)
			return n;
	}
	return NULL;
}

/* 48 bits, above the numbers that file systems keep for themselves. */
static uint64_t tree_number(const struct tree *t, const struct tree_node *dir, const char *name)
{
	uint64_t h = tree_hash(dir, name);
	uint64_t ino = (h ^ h >> 48) & 0xffffffffffffu;

	while (ino < 16 || tree_find(t, ino))
		ino = (ino + 1) & 0xffffffffffffu;
	return ino;
}

static struct tree_node *tree_node_new(enum tree_kind kind, const char *name)
{
	struct tree_node *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->name = strdup(name);
	if (!n->name) {
		free(n);
		return NULL;
	}
	n->kind = kind;
	n->next_pos = 3;	/* 1 and 2 are "." and ".." */
	list_init(&n->children);
	list_init(&n->sibling);
	list_init(&n->hash);
	return n;
}

static void tree_node_free(struct tree_node *n)
{
	list_del(&n->hash);
	list_del(&n->sibling);
	list_del(&n->children);		/* tree_free() may free a directory before what is in it */
	free(n->target);
	free(n->name);
	free(n);
}

int tree_new(struct tree **out, enum tree_kind root)
{
	struct tree *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	for (unsigned i = 0; i < TREE_BUCKETS; i++)
		list_init(&t->buckets[i]);
	t->root = tree_node_new(root, "");
	if (!t->root) {
		free(t);
		return -ENOMEM;
	}
	t->root->ino = TREE_ROOT_INO;
	list_append(tree_bucket(t, TREE_ROOT_INO), &t->root->hash);
	*out = t;
	return 0;
}

void tree_free(struct tree *t)
{
	struct tree_node *n, *tmp;

	if (!t)
		return;
	for (unsigned i = 0; i < TREE_BUCKETS; i++) {
		list_each_safe(n, tmp, &t->buckets[i], hash)
			tree_node_free(n);
	}
	free(t);
}

struct tree_node *tree_root(struct tree *t)
{
	return t->root;
}

struct tree_node *tree_child(const struct tree_node *dir, const char *name)
{
	struct tree_node *n;

	list_each(n, (struct list *)&dir->children, sibling) {
		if (!strcmp(n->name, name))
			return n;
	}
	return NULL;
}

struct tree_node *tree_next(const struct tree_node *dir, uint64_t pos)
{
	struct tree_node *n;

	list_each(n, (struct list *)&dir->children, sibling) {
		if (n->pos > pos)
			return n;
	}
	return NULL;
}

unsigned tree_count_dirs(const struct tree_node *dir)
{
	const struct tree_node *n;
	unsigned count = 0;

	list_each(n, (struct list *)&dir->children, sibling)
		count += n->kind == TREE_DIR;
	return count;
}

/* Names that we choose ourselves may begin with '.'. */
static int tree_insert(struct tree *t, struct tree_node *dir, enum tree_kind kind,
		       const char *name, struct tree_node **out)
{
	char unique[TREE_NAME_MAX + 1];
	struct tree_node *n;

	snprintf(unique, sizeof(unique), "%s", name);
	for (unsigned i = 2; tree_child(dir, unique); i++)
		snprintf(unique, sizeof(unique), "%.*s-%u", TREE_NAME_MAX - TREE_SUFFIX_MAX, name, i);
	n = tree_node_new(kind, unique);
	if (!n)
		return -ENOMEM;
	n->ino = tree_number(t, dir, unique);
	n->parent = dir;
	n->pos = dir->next_pos++;
	list_append(&dir->children, &n->sibling);
	list_append(tree_bucket(t, n->ino), &n->hash);
	*out = n;
	return 0;
}

int tree_add(struct tree *t, struct tree_node *dir, enum tree_kind kind, const char *name,
	     struct tree_node **out)
{
	char safe[TREE_NAME_MAX + 1];

	tree_safe_name(name, safe);
	return tree_insert(t, dir, kind, safe, out);
}

static void tree_path(const struct tree_node *n, char *buf, size_t len)
{
	size_t used;

	if (n->parent)
		tree_path(n->parent, buf, len);
	else
		buf[0] = '\0';
	used = strlen(buf);
	if (n->parent)
		snprintf(buf + used, len - used, "%s%s", used ? "/" : "", n->name);
}

int tree_add_link(struct tree *t, struct tree_node *dir, const char *name,
		  const struct tree_node *to, struct tree_node **out)
{
	char target[4 * (TREE_NAME_MAX + 4)] = "";
	size_t used = 0;
	int rc;

	for (const struct tree_node *up = dir; up->parent; up = up->parent)
		used += (size_t)snprintf(target + used, sizeof(target) - used, "../");
	tree_path(to, target + used, sizeof(target) - used);
	rc = tree_add(t, dir, TREE_LINK, name, out);
	if (rc)
		return rc;
	(*out)->target = strdup(target);
	if (!(*out)->target) {
		tree_remove(t, *out);
		return -ENOMEM;
	}
	return 0;
}

int tree_dir(struct tree *t, struct tree_node *dir, const char *name, struct tree_node **out)
{
	char safe[TREE_NAME_MAX + 1];

	tree_safe_name(name, safe);
	if (name[0] == '.' && name[1])
		safe[0] = '.';
	*out = tree_child(dir, safe);
	if (*out)
		return (*out)->kind == TREE_DIR ? 0 : -ENOTDIR;
	return tree_insert(t, dir, TREE_DIR, safe, out);
}

static void tree_drop_unused(struct tree_node *n)
{
	if (n->gone && !n->lookups && !n->opens)
		tree_node_free(n);
}

void tree_remove(struct tree *t, struct tree_node *n)
{
	struct tree_node *dir = n->parent;

	BUG_ON(n == t->root || n->gone || !list_empty(&n->children));
	list_del(&n->sibling);
	n->parent = NULL;
	n->gone = true;
	tree_drop_unused(n);
	if (dir != t->root && list_empty(&dir->children))
		tree_remove(t, dir);
}

void tree_looked_up(struct tree_node *n)
{
	n->lookups++;
}

void tree_forget(struct tree *t, struct tree_node *n, uint64_t times)
{
	(void)t;
	n->lookups -= MIN(times, n->lookups);
	tree_drop_unused(n);
}

void tree_opened(struct tree_node *n)
{
	n->opens++;
}

void tree_closed(struct tree *t, struct tree_node *n)
{
	(void)t;
	BUG_ON(!n->opens);
	n->opens--;
	tree_drop_unused(n);
}
