/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of a target's control commands share; each command is a row of server_control.c. */
#ifndef ISCSIFS_TARGET_CONTROL_IMPL_H
#define ISCSIFS_TARGET_CONTROL_IMPL_H

#include "iscsifs/check.h"
#include "iscsifs/control.h"
#include "target/server.h"

struct session;

/* One value of op=. */
struct control_verb {
	const char *op;
	void (*run)(struct control_request *rq, struct server *sv);
};

/* Run the verb that op= names, the first one without; an unknown one is refused. */
void control_run_verb(struct control_request *rq, struct server *sv,
		      const struct control_verb *verbs, size_t count);

/* `target` in a request narrows it to one. */
bool control_wants(const struct control_request *rq, const struct target *t);

/* The target= of a request, or the only one. NULL: there is none, and @rq is answered. */
struct target *control_target(struct control_request *rq, const struct server *sv);
/* The unit lun= of that target; NULL likewise. */
struct lun *control_lun_of(struct control_request *rq, const struct server *sv);

/*
 * key=on|off (yes|no, 1|0 too), or @otherwise. Returns 0, or -code and @rq is answered.
 */
int control_flag(struct control_request *rq, const char *key, bool otherwise, bool *out);

/* key= must be there. NULL: it is not, and @rq is answered. */
const char *control_need(struct control_request *rq, const char *key);

/* Answer @rq: @rc is 0, or -code with its sentence in @e. */
static inline void control_end(struct control_request *rq, int rc, const struct err *e)
{
	control_done(rq, rc ? e : NULL);
}

/* How many sessions @t has. */
unsigned control_sessions(const struct server *sv, const struct target *t);

/* The commands. */
void control_lun(struct control_request *rq, void *arg);
void control_session(struct control_request *rq, void *arg);
void control_target_command(struct control_request *rq, void *arg);
void control_account(struct control_request *rq, void *arg);
void control_acl(struct control_request *rq, void *arg);
void control_show(struct control_request *rq, void *arg);

#endif
