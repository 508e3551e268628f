/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text of tgt's targets.conf as a tree: keys, targets, stores. The grammar is that of Perl's
 * Config::General as tgt-admin uses it; what the keys mean is tgt_conf.h's.
 */
#ifndef ISCSIFS_TARGET_TGT_TREE_H
#define ISCSIFS_TARGET_TGT_TREE_H

#include <stdbool.h>

#include "iscsifs/err.h"
#include "iscsifs/list.h"

enum {
	TGT_TREE_DEPTH = 8,		/* of includes */
	TGT_TREE_FILES = 1024,		/* read at most */
	TGT_TREE_LINE = 4096,		/* bytes of a line, with its continuations */
	TGT_TREE_STORES = 1024,		/* of a target */
	TGT_TREE_TARGETS = 1024,
};

struct tgt_pair {
	struct list link;
	char *key;
	char *value;			/* without its quotes; empty: none was said */
	char *where;			/* "FILE:LINE" */
	bool shared;			/* others may read the file */
};

enum tgt_store_kind {			/* in the order in which tgt-admin numbers them */
	TGT_BACKING_STORE,
	TGT_DIRECT_STORE,
};

struct tgt_store {
	struct list link;
	enum tgt_store_kind kind;
	char *path;
	char *where;
	bool repeated;			/* it was named more than once */
	struct list pairs;		/* of its block */
};

struct tgt_target {
	struct list link;
	char *name;
	char *where;
	struct list pairs;		/* a name that comes twice is one target */
	struct list stores;		/* by kind, then by path, as tgt-admin takes them */
	unsigned store_count;
};

struct tgt_tree {
	struct list pairs;		/* outside of targets */
	struct list targets;		/* in the order of the file */
	unsigned target_count;
	unsigned files;
};

/*
 * Read @path and what it includes. Returns 0, or -code with `PATH:LINE: …` in @e; @tree is the
 * caller's to tgt_tree_fini() in either case.
 */
int tgt_tree_read(struct tgt_tree *tree, const char *path, struct err *e);
/* Values are overwritten, for there may be secrets. */
void tgt_tree_fini(struct tgt_tree *tree);

#endif
