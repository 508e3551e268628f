/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names and inodes of a mount: directories, disks, links and texts. Pure: no FUSE, no I/O.
 */
#ifndef ISCSIFS_FS_TREE_H
#define ISCSIFS_FS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "fs/disk.h"
#include "iscsifs/list.h"

struct tree;

enum tree_kind {
	TREE_NONE = 0,
	TREE_DIR,
	TREE_DISK,
	TREE_LINK,
	TREE_TEXT,
};

enum { TREE_ROOT_INO = 1, TREE_NAME_MAX = 255 };

struct tree_node {
	/* Set by tree.c; others read. */
	uint64_t ino;
	enum tree_kind kind;
	char *name;
	struct tree_node *parent;	/* NULL: the root, or gone */
	char *target;			/* TREE_LINK: where it points, relative */
	uint64_t pos;			/* place in the parent's listing, ascending, never used twice */
	unsigned opens;
	bool gone;			/* taken off the tree; stays until nobody refers to it */

	/* The owner's, zero at first. */
	void *obj;
	bool changed_owner;		/* mode, uid and gid below hold, not the mount's */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	unsigned writers;		/* opens for writing */
	struct disk_fill fill;

	/* tree.c's. */
	uint64_t lookups;
	uint64_t next_pos;
	struct list children;
	struct list sibling;
	struct list hash;
};

/* @root: TREE_DIR, or TREE_DISK for a mount that is one disk. Returns 0 or -ENOMEM. */
int tree_new(struct tree **out, enum tree_kind root);
/* Frees all nodes, whoever refers to them. tree_free(NULL) is legal. */
void tree_free(struct tree *t);

struct tree_node *tree_root(struct tree *t);
/* Also finds nodes that are gone but referred to. NULL when there is none. */
struct tree_node *tree_find(const struct tree *t, uint64_t ino);
struct tree_node *tree_child(const struct tree_node *dir, const char *name);
/* The first child of @dir whose pos is > @pos, or NULL. */
struct tree_node *tree_next(const struct tree_node *dir, uint64_t pos);
unsigned tree_count_dirs(const struct tree_node *dir);

/*
 * Add a node to @dir. @name is made safe (tree_safe_name) and unique: "-2", "-3", … is appended
 * when it is taken. The inode number depends on the path only, unless that number is in use.
 * Returns 0 or -ENOMEM.
 */
int tree_add(struct tree *t, struct tree_node *dir, enum tree_kind kind, const char *name,
	     struct tree_node **out);

/* As above, a TREE_LINK to @to, which is in the tree. */
int tree_add_link(struct tree *t, struct tree_node *dir, const char *name,
		  const struct tree_node *to, struct tree_node **out);

/* The child directory @name of @dir, made when it is missing. Returns 0 or -ENOMEM, -ENOTDIR. */
int tree_dir(struct tree *t, struct tree_node *dir, const char *name, struct tree_node **out);

/*
 * Take @n, which is not the root and has no children, off the tree, and its parents as far as they
 * are empty then. Whoever refers to it (lookups, opens) still finds it by number.
 */
void tree_remove(struct tree *t, struct tree_node *n);

/* The kernel was told of @n once more; it forgot @n @times; a file was opened, was closed. */
void tree_looked_up(struct tree_node *n);
void tree_forget(struct tree *t, struct tree_node *n, uint64_t times);
void tree_opened(struct tree_node *n);
void tree_closed(struct tree *t, struct tree_node *n);

/*
 * @name without what a file name cannot or should not have: '/', control characters and bytes that
 * are not ASCII become '_', a leading '.' too; "" becomes "_"; longer than fits is cut.
 */
void tree_safe_name(const char *name, char out[TREE_NAME_MAX + 1]);

#endif
