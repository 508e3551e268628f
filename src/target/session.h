/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A session in full feature phase: numbering, and every PDU but those that carry SCSI tasks, which
 * are task.h's. One connection per session (MaxConnections=1), ErrorRecoveryLevel 0.
 * Source: RFC 7143 sections 4.2, 6.3.5, 11.
 */
#ifndef ISCSIFS_TARGET_SESSION_H
#define ISCSIFS_TARGET_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "iscsifs/list.h"
#include "target/connection.h"
#include "target/params.h"
#include "target/pdu.h"
#include "target/target.h"

/* What a login came to. */
struct session_start {
	char initiator[TARGET_NAME_MAX + 1];
	uint8_t isid[6];
	uint16_t tsih;			/* as the initiator sent it */
	uint16_t cid;
	bool discovery;
	struct target *target;		/* NULL for discovery */
	struct params params;
	uint32_t cmdsn;			/* of the login, and of the first command */
	uint32_t statsn;		/* of the first response */
};

struct session_stats {
	uint64_t commands;
	uint64_t read_bytes;
	uint64_t written_bytes;
};

struct session {
	struct connection *c;
	struct session_start start;
	struct nexus nexus;
	uint16_t tsih;
	uint32_t expcmdsn;
	uint32_t maxcmdsn;
	uint32_t statsn;
	struct task *tasks;		/* the pool */
	unsigned task_count;
	struct list idle;		/* tasks that are free */
	struct list active;		/* tasks that wait for something */
	struct list reading;		/* of those: tasks whose Data-In is not all queued */
	char *answer;			/* text that did not fit one PDU */
	uint32_t answer_len;
	uint32_t answer_at;
	uint32_t answer_ttt;
	struct session_stats stats;
	struct list link;
};

/*
 * Make the session that @start asks for on @c; an older one of the same initiator port and target
 * is ended first, with its tasks (session reinstatement). Returns PDU_LOGIN_OK or the status to
 * refuse with.
 */
enum pdu_login_status session_new(struct session **out, struct connection *c,
				  const struct session_start *start);

/* The connection is closed: tasks are ended, the nexus is lost. */
void session_end(struct session *s);

/* After session_end(). session_free(NULL) is legal. */
void session_free(struct session *s);

static inline uint16_t session_tsih(const struct session *s)
{
	return s->tsih;
}

/* A PDU came; a streamed one without its data, which c->sink describes. */
void session_pdu(struct session *s, const struct pdu *p);

/* Queue more Data-In as far as there is room. Returns true when something was queued. */
bool session_produce(struct session *s);

/* Ask the peer whether it is there: a NOP-In that wants an answer. */
void session_ping(struct session *s);
/* Tell it the numbers: a NOP-In that wants none. */
void session_tell_numbers(struct session *s);

/* Put StatSN (advanced, for a response that carries status), ExpCmdSN, MaxCmdSN into @bhs. */
void session_number(struct session *s, uint8_t *bhs);
/* The same without advancing StatSN: R2T, NOP-In of ours, Data-In without status. */
void session_number_same(struct session *s, uint8_t *bhs);

/* A command that took a place in the window is done with it. */
static inline void session_release_cmdsn(struct session *s)
{
	s->maxcmdsn++;
}

void session_reject(struct session *s, const uint8_t *bhs, enum pdu_reject reason);

/* A request is passed over: it takes its number, and gives its place in the window back. */
void session_skip(struct session *s, const uint8_t *bhs);

#endif
