/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a mount, for mount.c and mount_ops.c only. */
#ifndef ISCSIFS_FS_MOUNT_IMPL_H
#define ISCSIFS_FS_MOUNT_IMPL_H

#include "config.h"

#include "iscsifs/mount.h"

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>
#include <linux/fuse.h>

#include "fs/io.h"
#include "fs/mountpoint.h"
#include "fs/show.h"

enum {
	MOUNT_BACKGROUND = 16384,	/* asynchronous requests under way, of all LUNs together */
	MOUNT_DIR_BYTES = 64 << 10,
};

struct mount {
	struct loop *loop;
	struct loop_fd watch;
	struct loop_call gone_call;
	struct fuse_session *se;
	struct show show;
	struct list files;			/* open ones */
	struct io *io;
	const struct fuse_in_header *in;	/* the message that is being parsed */
	uint64_t init_offered;			/* flags of the kernel's INIT */
	bool init_answered;
	int gone_err;
	enum mount_cache cache;
	struct mount_events ev;
	void *arg;
	char path[PATH_MAX];			/* canonical; "" until mounted */
	char dev[MOUNTPOINT_DEV_MAX];
	char dir_buf[MOUNT_DIR_BYTES];
};

/* An open file: what fi->fh points to. */
struct mount_file {
	struct tree_node *node;
	bool writes;
	struct status_shot shot;
	struct list link;
};

/* What the kernel may ask, answered: mount_ops.c. */
extern const struct fuse_lowlevel_ops mount_ops;

/* The open file is gone, its node with it when nobody else knows it. */
void mount_file_free(struct mount_file *f);

#endif
