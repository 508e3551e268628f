/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A LUN as its users see it: a row of bytes that can be read, written and flushed at any offset,
 * with any length and alignment, whatever happens to the session below.
 *
 * I/O is asynchronous. A request is the caller's memory until its release() runs. Requests that
 * meet an outage are held and sent again; they fail when the outage outlasts replacement_timeout.
 */
#ifndef ISCSIFS_LUN_H
#define ISCSIFS_LUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "iscsifs/list.h"

struct lun;

enum lun_op {
	LUN_READ,
	LUN_WRITE,
	LUN_FLUSH,		/* SYNCHRONIZE CACHE, the whole LUN */
};

struct lun_io {
	/* Set by the caller, all of it; the rest zero. */
	enum lun_op op;
	bool fua;		/* LUN_WRITE: on stable storage before done (O_DSYNC) */
	uint64_t off;		/* bytes; off + len <= lun_size() */
	/*
	 * bytes; 0 is legal and done at once; 0 for LUN_FLUSH. A read, or a write that does not meet
	 * block boundaries, of more than 2 MiB of whole blocks is answered with -EINVAL.
	 */
	uint32_t len;
	const void *src;	/* LUN_WRITE: len bytes, the caller's, unchanged until release */
	/*
	 * The answer, exactly once, never inside lun_submit(): @err 0 or -errno. For a LUN_READ that
	 * succeeded, @data is the len bytes, good until this returns; else NULL.
	 */
	void (*done)(struct lun_io *io, int err, const void *data);
	/* After done (often at once, later when the request was cancelled on the wire): yours again. */
	void (*release)(struct lun_io *io);

	/* lun.c's and ioq.c's. */
	struct list link;
	struct lun *lun;
	void *req;
	bool answered;
	int answer;
};

enum lun_state {
	LUN_NONE = 0,
	LUN_PROBE,		/* being asked who and how large it is */
	LUN_READY,
	LUN_NOT_READY,		/* answers, but not ready; asked again */
	LUN_BARRED,		/* another disk answers under its address: never written to */
	LUN_GONE,		/* the target no longer reports it */
	LUN_DOWN,		/* its link is lost; BARRED stays BARRED then */
};

/* What the LUN said of itself; strings are printable ASCII, trimmed. */
struct lun_facts {
	unsigned number;		/* 0..16383 */
	uint64_t blocks;
	uint32_t block_bytes;		/* 512..65536, a power of two */
	uint32_t physical_block_bytes;
	char vendor[9];			/* INQUIRY */
	char product[17];
	char revision[5];
	char serial[256];		/* VPD 80 */
	char wwid[128];			/* VPD 83: "naa.6…", "eui.…", "t10.…"; "" when there is none */
	bool write_protected;
	bool write_cache;		/* caching mode page WCE */
	bool fua;			/* DPOFUA */
	bool thin;			/* LBPME */
	bool zeroes_unmapped;		/* LBPRZ */
	bool rotational;
};

const struct lun_facts *lun_facts(const struct lun *lun);
uint64_t lun_size(const struct lun *lun);		/* bytes */
enum lun_state lun_state(const struct lun *lun);
const char *lun_state_name(enum lun_state state);
const char *lun_target(const struct lun *lun);		/* the target's iqn */
const char *lun_alias(const struct lun *lun);		/* from the configuration, or "" */

/*
 * Hand a request over. It may be answered from the loop only, never inside this call.
 * A LUN that is GONE or BARRED answers -EIO.
 */
void lun_submit(struct lun *lun, struct lun_io *io);

/*
 * The caller does not want to wait any more: answer @io with -EINTR (done runs from the loop).
 * Held: dropped. On the wire: answered now; its memory comes back by release() when the target is
 * done with it. Without effect when done has run.
 */
void lun_cancel(struct lun_io *io);

/* True while requests to it are held: what a caller sees is an outage. */
bool lun_is_down(const struct lun *lun);

/* A place for the file system to hang its own object on; NULL at first. */
void lun_set_user(struct lun *lun, void *user);
void *lun_user(const struct lun *lun);

#endif
