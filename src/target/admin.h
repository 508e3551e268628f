/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes to a target that is in use: what the operator's commands and the fault rules do. */
#ifndef ISCSIFS_TARGET_ADMIN_H
#define ISCSIFS_TARGET_ADMIN_H

#include "target/server.h"

/*
 * @l leaves its target for good: its tasks are answered, who is logged in is told, and it is freed
 * as soon as may be. Not from within a PDU's processing.
 */
void admin_remove_lun(struct server *s, struct lun *l);

/*
 * As lun_resize(), for a unit from whose memory connections may be sending. Also -ERR_AGAIN: threads
 * are at work on it, and it is to be cut, or its memory may have to move.
 */
int admin_resize_lun(struct server *s, struct lun *l, uint64_t bytes, bool cut, struct err *e);

/*
 * Answer the tasks that cannot go on: all of a unit that is absent (LOGICAL UNIT NOT SUPPORTED),
 * else those that reach over its end (LOGICAL BLOCK ADDRESS OUT OF RANGE). Not from within a PDU's
 * processing.
 */
void admin_settle_lun(struct server *s, struct lun *l);

/* Nobody logs in any more; who is logged in is asked to log out, and put out when he does not. */
void admin_set_target_offline(struct server *s, struct target *t, bool offline);

/* @t and its units go, with the sessions and logins that it has. @t is freed. */
void admin_remove_target(struct server *s, struct target *t);

/* Free the removed units that nothing refers to any more. */
void admin_free_retired(struct server *s);

#endif
