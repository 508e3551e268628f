/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the target asks the fault engine, and what rules then do to it. A server without faults has
 * server.faults NULL: every hook is behind that one branch.
 */
#ifndef ISCSIFS_TARGET_FAULT_HOOKS_H
#define ISCSIFS_TARGET_FAULT_HOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "iscsifs/loop.h"
#include "target/fault.h"
#include "target/fault_pace.h"
#include "target/fault_spoil.h"
#include "target/journal.h"

struct connection;
struct lun;
struct pdu;
struct server;
struct task;

/* What rules did to a connection. */
struct fault_conn {
	bool hole;			/* nothing is read, nothing is sent */
	bool forgotten;			/* and nothing is known of its session */
	bool stalled;			/* nothing is sent */
	bool held;			/* the next PDU waits */
	bool passed;			/* and was asked about already */
	struct fault_rule *rule;	/* of the PDU that is held; a reference */
	struct loop_timer timer;	/* ends hole, stalled or held */
	struct fault_spoil spoil;
	struct fault_pace pace;
	struct fault_window window;
	struct list late;		/* task management that is carried out later */
	unsigned late_count;
};

/* What a rule does to a command. */
struct fault_task {
	struct fault_rule *rule;	/* still to be carried out; a reference */
	struct task *task;
	bool waiting_to_begin;		/* for the timer: the command did not run yet */
	bool was_late;			/* the rule's delay is over */
	uint8_t bhs[48];		/* the command's header */
	struct loop_timer timer;
};

/* Everything of a server that may misbehave. */
struct faults {
	struct server *server;
	struct fault engine;
	struct journal journal;
	struct list timers;		/* of rules on time */
	struct list zombies;		/* writes that come late */
	struct list waiters;		/* who waits for hits: fault_control.h */
	struct loop_call hit;		/* tells them */
	struct loop_call settle;	/* ends tasks of LUNs that were removed or shrank */
	struct loop_timer deaf;		/* until it listens again */
	unsigned depth;			/* marks set by rules on marks */
	uint64_t crashes;
	uint64_t flips;			/* of random bits: the index of the next draw */
};

enum fault_verdict {
	FAULT_PASS = 0,			/* as if nothing had been asked */
	FAULT_SKIP,			/* the PDU is not to be acted on */
	FAULT_HOLD,			/* nor to be taken off the buffer yet */
};

/* @s outlives the result. Returns 0 or -ENOMEM. */
int faults_new(struct faults **out, struct server *s);
void faults_free(struct faults *f);

/* A rule from the operator; one on time begins to count now, or when the server starts. */
int faults_add(struct faults *f, const struct script_rule *r, struct err *e);
void faults_del(struct faults *f, struct fault_rule *r);

/* The server runs: rules on time begin to count. Returns 0 or -code: a rule does not fit it. */
int faults_start(struct faults *f, struct err *e);

/* Set a mark: written down, counted, and what rules on it do is done. */
void faults_mark(struct faults *f, const char *name);

/* Every connection is reset, everything that a power cut would take is lost; see script_lose. */
void faults_crash(struct faults *f, enum script_lose lose, uint64_t seed, span_ms down);

/* --- hooks --- */

/* @l is about to be freed. */
void fault_lun_gone(struct faults *f, const struct lun *l);

void fault_conn_init(struct connection *c);
void fault_conn_accepted(struct connection *c);
void fault_conn_closed(struct connection *c);

/* A PDU lies in the buffer, whole or, when its data is streamed, its header. */
enum fault_verdict fault_pdu(struct connection *c, const struct pdu *p);

/* A PDU is queued. */
void fault_sent(struct connection *c, const uint8_t *bhs);

/* A command was admitted. Returns true when it is not to begin (now). */
bool fault_command(struct task *t, const struct pdu *p);

/* It began. */
void fault_begun(struct task *t);

/* It is about to be answered. Returns true when it is not (now). */
bool fault_answer(struct task *t);

/* A Data-In, the @last with the status, is about to be made. Returns true when it is not to be (now). */
bool fault_data_in(struct task *t, bool last);

/* A response (SCRIPT_EV_ANSWER) or an R2T is about to be made. Returns true when it is not to be. */
bool fault_outgoing(struct task *t, enum script_event what);

/* The task ends. */
void fault_task_gone(struct task *t);

#endif
