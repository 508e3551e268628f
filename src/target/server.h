/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole program: targets, portals, connections, sessions, on one loop.
 */
#ifndef ISCSIFS_TARGET_SERVER_H
#define ISCSIFS_TARGET_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "iscsifs/err.h"
#include "iscsifs/list.h"
#include "iscsifs/loop.h"
#include "target/chore.h"
#include "target/params.h"
#include "target/target.h"

struct connection;
struct faults;

struct server_limits {
	unsigned connections;		/* at once */
	unsigned tasks;			/* commands per session in flight: the CmdSN window */
	span_ms login_timeout;		/* from accept to full feature phase */
	span_ms ping_interval;		/* of silence, then a NOP-In; 0: never */
	span_ms ping_timeout;		/* of silence after it, then the peer is dead */
};

/* Counted since the start. */
struct server_stats {
	uint64_t accepted;		/* connections */
	uint64_t turned_away;		/* connections beyond the limit */
	uint64_t logins;
	uint64_t logins_refused;
	uint64_t reinstated;		/* sessions ended by a new login of their port */
	uint64_t logouts;
	uint64_t rejects;		/* PDUs */
	uint64_t silent;		/* connections given up for dead */
};

/* A socket that listens. */
struct portal {
	struct server *server;
	struct loop_fd watch;
	int fd;
	struct sockaddr_storage bound;
	socklen_t bound_len;
	bool wildcard;			/* bound to every address */
	char address[80];		/* "127.0.0.1:3260", "[::1]:3260" */
	struct list link;
};

struct server {
	struct loop *loop;
	struct worker *worker;
	struct chores chores;
	struct list targets;
	struct list retired;		/* LUNs that were removed, and something still refers to */
	struct list portals;
	int spare_fd;			/* given up to turn a connection away when there is no other */
	struct list connections;
	unsigned connection_count;
	struct list dirty;		/* connections with something to send */
	struct loop_hook flush;		/* sends it, once a turn */
	struct list sessions;
	uint16_t last_tsih;
	struct server_limits limits;
	struct params offer;		/* in discovery sessions */
	struct access discovery;	/* who may have one */
	struct server_stats stats;
	struct faults *faults;		/* NULL: it behaves */
};

void server_init(struct server *s);

/*
 * Bind and listen on @address: "HOST:PORT", "[V6]:PORT", ":PORT" (every address). Port 0 picks a
 * free one, and portal.address has it. Returns 0 or -code with a sentence in @e.
 */
int server_listen(struct server *s, const char *address, struct err *e);

/* Begin to accept on @loop, which outlives the server. Returns 0 or -errno. */
int server_start(struct server *s, struct loop *loop);

/* Listen no more: who connects is refused. */
void server_deafen(struct server *s);
/* Listen again, where it did. Returns 0 or -errno: not yet on every portal. */
int server_hear(struct server *s);

/* Close everything, free everything. */
void server_fini(struct server *s);

/* Commands that a session with @t (NULL: a discovery session) may have in flight. */
unsigned server_window(const struct server *s, const struct target *t);

struct target *server_target(const struct server *s, const char *name);

/* "HOST:PORT" of @sa into @buf. */
void server_print_address(const struct sockaddr_storage *sa, char *buf, size_t len);

#endif
