/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A SCSI task on the wire: command, data both ways, response.
 * Source: RFC 7143 sections 4.2.3-4.2.5, 11.2-11.4, 11.7, 11.8.
 */
#ifndef ISCSIFS_TARGET_TASK_H
#define ISCSIFS_TARGET_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "iscsifs/list.h"
#include "target/pdu.h"
#include "target/scsi_cmd.h"

struct session;

enum {
	TASK_IMMEDIATE = 16,		/* tasks beyond the window, for immediate commands */
	TASK_MAX = 4000,		/* tasks of a session: their index is 12 bits of a TTT */
};

#define TASK_TTT_PING	0xfffffffeu	/* of our own NOP-In; no task's tag */

enum task_state {
	TASK_IDLE = 0,			/* in the pool */
	TASK_OUT,			/* data comes from the initiator */
	TASK_IN,			/* data goes to it, as there is room */
	TASK_WORKING,			/* a chore is carried out */
	TASK_FLUSHING,			/* the backing store is being flushed */
	TASK_DISCARD,			/* answered when the last unsolicited data has come */
	TASK_HELD,			/* by a fault rule, for now or for good */
};

struct task {
	struct session *session;
	enum task_state state;
	struct scsi_cmd cmd;
	uint8_t lun[8];
	uint32_t itt;
	uint32_t edtl;
	bool immediate;
	bool reads;			/* R */
	bool writes;			/* W */

	uint64_t total;			/* bytes that go over the wire: as asked for by both sides */
	uint64_t moved;			/* bytes received, or queued to be sent */
	uint32_t datasn;		/* the next in this sequence, or of this Data-In */

	bool unsolicited;		/* unsolicited Data-Out is still to come */
	uint32_t unsolicited_end;	/* and may reach this offset */
	uint64_t r2t_end;		/* asked for up to here */
	uint64_t sequence_end;		/* the current R2T's data ends here */
	uint32_t r2t_sent;		/* R2Ts sent */
	uint32_t r2t_done;		/* of those, fulfilled */
	uint32_t ttt;			/* of the R2T that is being fulfilled */

	bool asked_faults;		/* about the Data-In that comes next */
	struct fault_task *fault;	/* what a rule does to it; NULL: nothing */
	struct flush_wait flush;
	struct list link;		/* in session.idle or .active */
	struct list reading;
};

void task_init(struct task *t, struct session *s);

/* A SCSI Command came and was admitted. */
void task_command(struct session *s, const struct pdu *p);

/* A Data-Out PDU came. */
void task_data_out(struct session *s, const struct pdu *p);

/* The data segment of either, piece by piece at @at of the command's data, and its end. */
void task_data(struct task *t, uint64_t at, const uint8_t *p, uint32_t len);
void task_data_end(struct task *t, bool final);
/* Where to receive @len bytes of it in place, or NULL; then how many came. */
void *task_data_map(struct task *t, uint64_t at, uint32_t len);
void task_data_mapped(struct task *t, uint64_t at, uint32_t len);

/* Queue Data-In while there is room, then the status. */
void task_produce(struct task *t);

/* End it without a response. */
void task_abort(struct task *t);

/*
 * Answer it with CHECK CONDITION at once, or when the last unsolicited data has come; one that a
 * fault rule holds, when the rule lets go.
 */
void task_fail(struct task *t, enum sense_key key, uint16_t code);

/* It is not answered, until somebody goes on with it. */
void task_hold(struct task *t);
/* Go on with one that is held: let it begin, which had no data to come, or answer it. */
void task_begin_late(struct task *t);
void task_answer(struct task *t);

/* The task of @itt, or NULL. */
struct task *task_find(struct session *s, uint32_t itt);

#endif
