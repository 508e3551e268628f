/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the queue of a LUN, for the files ioq*.c only.
 *
 *   ioq.c      the wire and the queue: what waits, in which order, and what may go
 *   ioq_req.c  requests, from their first command to their answer
 *   ioq_cmd.c  commands: made, sent, answered, sent again
 */
#ifndef ISCSIFS_IOQ_IMPL_H
#define ISCSIFS_IOQ_IMPL_H

#include "ioq.h"

/* What a request is doing. */
enum ioq_phase {
	IOQ_READ = 1,
	IOQ_FILL,		/* reading the blocks that an unaligned write covers in part */
	IOQ_WRITE,
	IOQ_SYNC,		/* SYNCHRONIZE CACHE, also after a FUA write to a LUN without FUA */
};

struct ioq_req {
	struct list link;		/* q->active */
	struct list carve;		/* q->carving, by age */
	uint64_t seq;			/* its age, among those of commands */
	struct ioq *q;
	struct lun_io *io;
	enum ioq_phase phase;
	struct extent x;
	uint8_t *buf;			/* ours, x.blocks blocks; NULL: the caller's memory serves */
	size_t buf_bytes;
	uint32_t block_bytes, max_blocks;	/* as they were when it began */
	uint32_t piece, pieces;		/* of this phase: made so far, in all */
	unsigned cmds;			/* made and not finished */
	int err;
	bool answered;			/* done ran, or is about to from q->due */
	bool landed;			/* a part of what it writes was answered GOOD */
	bool doubted;			/* and may be lost: it begins anew */
	unsigned aborts;		/* it was late, and aborted */
	unsigned losses, alone;		/* of the link, while it was on the wire; and nothing else */
	uint64_t loss;			/* the last of them: w->losses */
	uint64_t flush_mark, good_mark;	/* what a flush covers */
	struct list joined;		/* struct lun_io: flushes that this one answers too */
};

struct ioq_cmd {
	struct transport_cmd tc;
	struct list link;		/* free, sent, resend */
	struct ioq_req *req;
	uint64_t seq;
	mono_ms first_sent;		/* MONO_NEVER: not yet */
	mono_ms sent;			/* last */
	mono_ms since;			/* it was sent, or one older than it answered */
	uint64_t lba;
	uint32_t blocks;
	uint8_t *data;
	unsigned retries, attentions;
	bool sync_10;			/* it was sent as SYNCHRONIZE CACHE(10) */
};

/* ioq.c */

/* A slot came free: queues that found none send again, each in turn, and @q, who had it, is last. */
void ioq_wire_feed(struct ioq_wire *w, struct ioq *q);
/* @cmd is about to be off the wire: it was answered, lost or aborted. */
void ioq_wire_drop(struct ioq_cmd *cmd);
/* @q has nothing any more that wants the wire for itself. */
void ioq_wire_unclaim(struct ioq *q);

/* ioq_req.c */

/* Answer @io, now; what done leads to may change every list. */
void ioq_io_done(struct ioq *q, struct lun_io *io, int err, const void *data);
/* As ioq_io_done(), from the loop. */
void ioq_answer_later(struct ioq *q, struct lun_io *io, int err);
void ioq_run_answers(struct loop_call *c);
void ioq_idle(struct loop_call *c);

bool ioq_req_writes(const struct ioq_req *r);
/* It was on the wire when the link was lost, again and again. */
bool ioq_req_is_suspect(const struct ioq_req *r);
bool ioq_req_is_poison(const struct ioq_req *r);
/* Begin a phase of so many commands; it is carved in its turn, by age. */
void ioq_req_begin(struct ioq_req *r, enum ioq_phase phase, uint32_t pieces);
/* From its first command on: also what an unaligned write has read may be what it was. */
void ioq_req_begin_anew(struct ioq_req *r);
void ioq_req_begin_sync(struct ioq_req *r);
/* A command of it came back: perhaps the phase is over, perhaps the request. */
void ioq_req_step(struct ioq_req *r);
/* Forget the commands of @r that are not on the wire. */
void ioq_req_drop_unsent(struct ioq_req *r);
void ioq_req_answer_joined(struct ioq_req *r, int err);
/* All its commands are back: answer it if that was not done before, and let go of everything. */
void ioq_req_finish(struct ioq_req *r);
/* Nothing of it is on the wire: its buffer, its range and itself are free again. */
void ioq_req_free(struct ioq_req *r);

/* ioq_cmd.c */

/* Make the next command of @r and send it. */
void ioq_req_carve(struct ioq_req *r);
/* Put a command on the wire. When that is not possible now it goes back and the queue rests. */
void ioq_cmd_send(struct ioq_cmd *cmd);
/* Back into the queue, by age: what was first asked is first sent again. */
void ioq_cmd_requeue(struct ioq_cmd *cmd);
/* Answered or aborted, to be sent again where that is @allowed; else its request fails. */
void ioq_cmd_again(struct ioq_cmd *cmd, bool allowed);
/* It is over, with this result, and off every list. */
void ioq_cmd_finish(struct ioq_cmd *cmd, int err);
void ioq_cmd_free(struct ioq_cmd *cmd);

#endif
