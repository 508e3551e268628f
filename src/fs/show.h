/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a mount shows: which names there are for LUNs and texts, and what stat() says of them.
 */
#ifndef ISCSIFS_FS_SHOW_H
#define ISCSIFS_FS_SHOW_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "fs/status.h"
#include "fs/tree.h"
#include "iscsifs/list.h"
#include "iscsifs/lun.h"
#include "iscsifs/mount.h"

enum { SHOW_BLOCK = 4096 };	/* st_blksize and f_bsize */

struct show {
	struct tree *tree;
	struct list luns;
	struct list texts;
	bool single;
	uid_t uid;
	gid_t gid;
	mode_t mode;
	time_t since;		/* all times: constant, or the kernel would think that data changed */
};

/* Returns 0 or -ENOMEM. show_fini() is legal after either, and on a zeroed struct. */
int show_init(struct show *s, const struct mount_param *p);
/* Takes its mark off all LUNs. */
void show_fini(struct show *s);

/* The LUN of @n; NULL: @n is no disk, or its LUN is gone. */
struct lun *show_lun(const struct tree_node *n);
/* Of the disk @n, in bytes; 0 for others. */
uint64_t show_size(const struct tree_node *n);
bool show_is_protected(const struct tree_node *n);
/* What a TREE_TEXT is made from. */
const struct status *show_text(const struct tree_node *n);

void show_stat(const struct show *s, const struct tree_node *n, struct stat *st);
/* Bytes and number of all LUNs. */
void show_sum(const struct show *s, uint64_t *bytes, unsigned *luns);

/* Change what is not NULL, of a disk: as with a device node it holds until the mount ends. */
void show_chown(const struct show *s, struct tree_node *n, const mode_t *mode, const uid_t *uid,
		const gid_t *gid);

/* As their namesakes in mount.h; *out the node whose attributes changed, NULL: @lun is not shown. */
int show_add_lun(struct show *s, const char *dir, const char *name, struct lun *lun);
int show_changed(struct show *s, struct lun *lun, struct tree_node **out);
void show_remove_lun(struct show *s, struct lun *lun);
/* @status is copied. */
int show_add_text(struct show *s, const char *name, const struct status *status);

#endif
