/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What somebody wants the target to be: where to listen, targets, units, accounts, rules. The
 * command line, iscsifs-target.conf and tgt's targets.conf fill it; target_conf_check() looks at it
 * whole; target_apply.h makes it so. Nothing here opens a disk or a socket.
 */
#ifndef ISCSIFS_TARGET_TARGET_CONF_H
#define ISCSIFS_TARGET_TARGET_CONF_H

#include <stdbool.h>
#include <stdio.h>

#include "iscsifs/err.h"
#include "iscsifs/list.h"
#include "target/access.h"
#include "target/target.h"
#include "target/target_keys.h"

enum {
	TARGET_CONF_LISTEN_MAX = 64,
	TARGET_CONF_TARGETS_MAX = 1024,
	TARGET_CONF_ANY = -1,		/* as a number of a unit: the next free one */
};

struct target_conf_listen {
	struct list link;
	char address[];			/* server_listen()'s words */
};

struct target_conf_lun {
	struct list link;
	char *where;			/* "FILE:LINE", or NULL: the command line */
	char *backing;			/* disk_open()'s words */
	unsigned number;
	bool shared_id;			/* another unit of the target has the same scsi_id or scsi_sn */
	struct target_keys keys;
};

struct target_conf_target {
	struct list link;
	char *where;
	char name[TARGET_NAME_MAX + 1];
	unsigned tid;			/* tgt's controller_tid; 0: none was said */
	struct target_keys keys;
	struct access access;
	struct list luns;		/* struct target_conf_lun, by number */
	unsigned lun_count;
};

struct target_conf {
	struct list listen;		/* struct target_conf_listen; empty: the default */
	struct target_keys keys;	/* of the program, and what targets begin with */
	struct access discovery;	/* its names and addresses are empty */
	struct list targets;		/* struct target_conf_target */
	unsigned target_count;
	bool ignore_errors;		/* a unit that cannot be opened is left out with a warning */
};

/* A sentence for the operator about what was accepted and is not quite as he said. */
typedef void target_note_fn(const char *text, void *arg);

/* Everything has its default. */
void target_conf_init(struct target_conf *c);
/* Frees everything; secrets are overwritten. */
void target_conf_fini(struct target_conf *c);

/* Returns 0 or -code. */
int target_conf_add_listen(struct target_conf *c, const char *address, struct err *e);
void target_conf_forget_listen(struct target_conf *c);

/*
 * A target called @name, with the keys that @c has now; @where is copied, may be NULL. Returns 0,
 * or -code: ERR_INVALID, ERR_EXISTS, ERR_NOMEM.
 */
int target_conf_add_target(struct target_conf_target **out, struct target_conf *c,
			   const char *name, const char *where, struct err *e);
/* NULL: there is none of that name. */
struct target_conf_target *target_conf_target(const struct target_conf *c, const char *name);

/*
 * A unit over @backing, with the keys that @t has now; @number may be TARGET_CONF_ANY: the next
 * free one from @first on. Returns 0, or -code: ERR_INVALID, ERR_EXISTS, ERR_NOMEM.
 */
int target_conf_add_lun(struct target_conf_lun **out, struct target_conf_target *t, int number,
			unsigned first, const char *backing, const char *where, struct err *e);
/* NULL: there is none of that number. */
struct target_conf_lun *target_conf_lun(const struct target_conf_target *t, unsigned number);

/*
 * Is the whole of it sound, as far as that can be said without opening anything? What is legal and
 * looks like a mistake goes to @note (may be NULL). Returns 0 or -code with a sentence, and its
 * place, in @e.
 */
int target_conf_check(struct target_conf *c, target_note_fn *note, void *arg, struct err *e);

/* Can RedirectAddress be a TargetAddress (RFC 7143 13.8)? Returns 0 or -ERR_INVALID. */
int target_conf_check_redirect(const struct target_keys *k, struct err *e);

/*
 * Print @c as an iscsifs-target.conf that gives the same again; what has its default is left out.
 * @secrets: with passwords, for a file that is its owner's alone; without, users stand alone and a
 * password_file must be added.
 */
void target_conf_print(const struct target_conf *c, bool secrets, FILE *f);

/* One target of it: the section of the file. */
void target_conf_print_target(const struct target_conf *c, const struct target_conf_target *t,
			      bool secrets, FILE *f);

#endif
