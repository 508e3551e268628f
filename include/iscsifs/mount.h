/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A FUSE mount that shows LUNs as files, served from the event loop.
 *
 * A mount exists before its LUNs do and outlives them. Whatever the sessions below do, it is always
 * listened to: `ls`, interrupts and the other LUNs go on while one LUN waits for its target.
 */
#ifndef ISCSIFS_MOUNT_H
#define ISCSIFS_MOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "iscsifs/err.h"
#include "iscsifs/events.h"
#include "iscsifs/loop.h"
#include "iscsifs/lun.h"

struct mount;

enum mount_cache {
	/*
	 * A read-only open without O_DIRECT, while nobody else has the file open, reads ahead
	 * through the page cache, which it empties first; all else is direct. Such a reader sees
	 * what this mount writes, but not for sure what is written asynchronously to where it is
	 * just reading, nor what other initiators write before it opens the file again.
	 */
	MOUNT_CACHE_AUTO = 0,
	MOUNT_CACHE_NONE,		/* every open is direct */
};

/* What is zero or NULL has the default that is named; strings are copied. */
struct mount_param {
	const char *mountpoint;
	const char *source;		/* what mount(8) and df show first; default "iscsifs" */
	const char *options;		/* more of mount.fuse3's, "noatime,auto_unmount"; default none */
	bool single;			/* over a regular file, which then is the one LUN */
	bool nonempty;			/* the directory may have something in it */
	bool read_only;
	bool allow_other;		/* other users too, as uid, gid and mode say */
	uid_t uid;			/* owner of everything: the caller sets it, 0 is root */
	gid_t gid;
	mode_t mode;			/* of the LUNs; default 0600; directories gain x where r is */
	enum mount_cache cache;
	uint64_t hold_limit_bytes;	/* memory for writes that an outage holds; default 256 MiB */
};

/* Called from the loop, never inside a call of the owner's. Either may be NULL. */
struct mount_events {
	/*
	 * The mount ended from outside (fusermount3 -u, umount, an abort of the connection); once.
	 * mount_free() is still wanted and may be called from here.
	 */
	void (*on_gone)(void *arg, struct mount *m);
	/* The descriptor cannot be read any more for another reason; no on_gone follows. */
	void (*on_error)(void *arg, struct mount *m, int err);
};

/*
 * Check the mountpoint, mount, and answer the kernel's first message: the mount serves when this
 * returns 0. Blocks for as long as mount(2) or fusermount3 does.
 *
 * Else -@err->code, @err is one sentence, nothing is mounted and *out is NULL: ERR_INVALID
 * (mountpoint missing, of the wrong kind, not empty, unknown option), ERR_EXISTS (we are mounted
 * there already), ERR_ACCESS (/dev/fuse or the mount is not permitted), ERR_UNSUPPORTED (no
 * /dev/fuse, no fusermount3, kernel too old), ERR_NOMEM.
 */
int mount_new(struct mount **out, struct loop *loop, const struct mount_param *param,
	      const struct mount_events *events, void *arg, struct err *err);

/*
 * Unmount now, also when it is in use: who waits for an answer gets ECONNABORTED.
 * Nothing is flushed, that is for the sessions. Requests that LUNs still hold are cancelled; the
 * LUNs must stay valid until they have released them (session_free() does), the memory goes with
 * the last. No event follows. mount_free(NULL) is legal.
 */
void mount_free(struct mount *m);

/*
 * Show @lun as a file.
 *
 * @dir   NULL: at the top, else the directory (a target's name) that it is in, made when missing.
 * @name  NULL: the LUN's alias, or else "lunN".
 *
 * Names are made safe (no '/', no control characters) and a second equal one gets "-2". A link
 * by-id/<wwid or serial> is made when the LUN says one. In a single mount @dir and @name are unused
 * and the second LUN is refused with -EEXIST. Uses lun_set_user(). Returns 0 or -errno (-ENOMEM).
 */
int mount_add_lun(struct mount *m, const char *dir, const char *name, struct lun *lun);

/* Size, write protection, identity or state of @lun changed. One that was not added is ignored. */
void mount_lun_changed(struct mount *m, struct lun *lun);

/*
 * Take the file of @lun away; directories that are empty then go too. Programs that have it open
 * get EIO from now on; requests that were submitted are answered by the LUN as ever.
 */
void mount_remove_lun(struct mount *m, struct lun *lun);

/* Writes the file's text to @f; called at each open, must not block. */
typedef void mount_text(void *arg, FILE *f);

/* Make the text file .iscsifs/@name; not in a single mount (-EINVAL). Returns 0 or -errno. */
int mount_add_status(struct mount *m, const char *name, mount_text *text, void *arg);

/*
 * Make the text file .iscsifs/@name of @events, which the caller keeps until mount_free(). A reader
 * who has come to its end and reads on gets what came since; its time of change is that of the
 * newest event. As mount_add_status().
 */
int mount_add_events(struct mount *m, const char *name, const struct events *events);

/* For `metrics` and for tests. */
struct mount_stats {
	uint64_t reads, read_bytes;
	uint64_t writes, write_bytes;
	uint64_t flushes;
	uint64_t interrupted;		/* requests answered EINTR because their caller is to die */
	uint64_t refused;		/* writes answered ENOMEM because of hold_limit_bytes */
	uint64_t waiting;		/* requests that somebody waits for */
	uint64_t held_bytes;		/* of writes that were taken in while their LUN was down */
};

void mount_get_stats(const struct mount *m, struct mount_stats *out);

#endif
