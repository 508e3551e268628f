/* SPDX-License-Identifier: BSD-2-Clause */
/* From what is wanted (target_conf.h) to what is there (server.h), and back. */
#ifndef ISCSIFS_TARGET_TARGET_APPLY_H
#define ISCSIFS_TARGET_TARGET_APPLY_H

#include "iscsifs/err.h"
#include "target/server.h"
#include "target/target_conf.h"

/*
 * Add to @s what @c says: targets with their units, whose disks are opened now, rules for
 * discovery, limits. @c was checked; where to listen is not looked at. All or nothing.
 *
 * @note  hears of what was left out because of c->ignore_errors.
 *
 * Returns 0, or -code with a sentence and its place in @e: a name that @s has already (ERR_EXISTS),
 * a disk that cannot be opened. Accounts and rules move from @c to @s.
 */
int target_apply(struct target_conf *c, struct server *s, target_note_fn *note, void *arg,
		 struct err *e);

/* One target as @ct says, on no list. Returns 0 or -code. */
int target_apply_target(struct target **out, struct target_conf_target *ct, bool ignore_errors,
			target_note_fn *note, void *arg, struct err *e);

/* @to becomes @from, which is empty then. */
void target_apply_access(struct access *to, struct access *from);

/*
 * @t is to initiators what @k says of targets; but it never offers a FirstBurstLength above
 * MaxBurstLength (RFC 7143 13.14).
 */
void target_apply_keys(struct target *t, const struct target_keys *k);

/* One more unit as @cl says. Returns 0 or -code. */
int target_apply_lun(struct target *t, const struct target_conf_lun *cl, struct err *e);

/*
 * @c, which target_conf_init() has made, becomes what @s is now; target_conf_print() makes text of
 * it. Returns 0 or -code; @c is the caller's to target_conf_fini() in either case.
 */
int target_apply_capture(struct target_conf *c, const struct server *s, struct err *e);

/*
 * Set one key of a target that is there, by its name in iscsifs-target.conf: what it negotiates with
 * who logs in from now on. Returns 0, or -code with a sentence in @e: ERR_INVALID, ERR_UNSUPPORTED.
 */
int target_apply_key(struct target *t, const char *key, const char *value,
		     struct setting_note *note, struct err *e);

/* Does @s listen where other machines reach it? */
bool target_apply_is_exposed(const struct server *s);

/*
 * Refuse a target for everybody on a portal that other machines reach, unless @open; then @note
 * hears of it. Returns 0 or -ERR_ACCESS.
 */
int target_apply_check_open(const struct server *s, bool open, target_note_fn *note, void *arg,
			    struct err *e);

#endif
