/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon behind `iscsifs`: a loop, a mount, sessions, a control socket, wired together.
 */
#ifndef ISCSIFS_DAEMON_H
#define ISCSIFS_DAEMON_H

#include <stdbool.h>

#include "iscsifs/control.h"
#include "iscsifs/err.h"
#include "iscsifs/mount.h"
#include "iscsifs/node_settings.h"
#include "iscsifs/session.h"
#include "iscsifs/url.h"

enum { DAEMON_PORTALS_MAX = 16 };

/* A target that is named; or, without a name, a portal that is asked for its targets. */
struct daemon_target {
	struct list link;
	char name[URL_NAME_MAX];			/* "": discover at the portals */
	char portals[DAEMON_PORTALS_MAX][URL_PORTAL_MAX];	/* "host:port" */
	unsigned portal_count;
	int lun;				/* -1: all */
	char alias[64];
	struct node_settings settings;
};

struct daemon_config {
	struct mount_param mount;
	struct list targets;		/* struct daemon_target */
	bool flat;			/* one target was named: its LUNs are at the top */
	bool background;		/* serve before, and whether or not, the logins succeed */
	char control[CONTROL_PATH_BYTES];	/* "": the default place */
};

struct daemon_session {
	struct list link;
	struct daemon *d;
	struct session *s;
	unsigned sid;
	bool decided;
	struct err err;			/* why the first login failed */
	bool closed;
};

struct daemon {
	const struct daemon_config *config;
	struct loop *loop;
	struct mount *mount;
	struct control_server *control;
	struct events *events;
	struct list accepts;		/* daemon_accept.c */
	struct list sessions;		/* struct daemon_session */
	struct list discoveries;
	unsigned next_sid;
	void (*serving)(void *arg);	/* NULL once it ran */
	void *serving_arg;
	struct err err;			/* what ends it */
	bool stopping;
	bool unmounted;			/* from outside */
	struct loop_call settle_call;
};

/*
 * Run until unmounted or told to stop. @serving is called once, when the mount serves.
 * Returns 0, or -code with a sentence in @err; nothing stays mounted.
 */
int daemon_run(const struct daemon_config *config, void (*serving)(void *arg), void *arg,
	       struct err *err);

/* daemon_status.c: the files under .iscsifs/, and the commands of the control socket. */
int daemon_status_init(struct daemon *d);
extern const struct control_command daemon_commands[];
/* daemon_events.c: cmd=events. */
void daemon_command_events(struct control_request *rq, void *arg);
/* daemon_accept.c: cmd=accept; and that @lun is another than it was, or in another state. */
void daemon_command_accept(struct control_request *rq, void *arg);
void daemon_accept_changed(struct daemon *d, const struct lun *lun);
/* daemon_status.c: does the request mean this session? `target` and `sid` narrow it. */
bool daemon_is_wanted(const struct control_request *rq, const struct daemon_session *ds);
void daemon_put_lun(struct control_request *rq, const struct daemon_session *ds,
		    const struct lun *lun);
/* Flush, log out, unmount, end. */
void daemon_stop(struct daemon *d);

#endif
