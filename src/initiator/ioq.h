/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The queue of a LUN: requests become SCSI commands, commands become answers.
 *
 * Each LUN has a queue, with commands of its own, so that one which holds many starves no other;
 * the LUNs of a session share its wire: the transport, with a fixed number of slots. A request is
 * cut into commands of at most TRANSPORT_BURST_BYTES that travel in parallel; one that does not meet
 * block boundaries goes through a buffer of whole blocks, a write after reading what it does not
 * cover. Writes that overlap are never on the wire together.
 *
 * The queue does not decide when it may send: its owner opens and closes it (gate.h), tells it of
 * lost links and of outages that lasted too long.
 */
#ifndef ISCSIFS_IOQ_H
#define ISCSIFS_IOQ_H

#include <stdbool.h>
#include <stdint.h>

#include "extent.h"
#include "iscsifs/bufpool.h"
#include "iscsifs/lun.h"
#include "transport.h"
#include "verdict.h"

struct ioq_slab;

/* What the LUNs of a session share. */
struct ioq_wire {
	struct loop *loop;
	struct transport *tp;		/* NULL: no link, nothing is sent */
	struct list sent;		/* commands on the wire, oldest first */
	struct list hungry;		/* queues that found no free slot */
	struct ioq *claim;		/* one that wants the wire for a suspect, or NULL */
	struct loop_call feed;		/* what stood in the way of the hungry is gone */
	unsigned slots;			/* commands on the wire, at most */
	unsigned on_wire;
	bool lone;			/* a suspect is on the wire: nothing else goes */
	uint64_t next_seq;
	uint64_t losses;		/* that were counted: ioq_wire_note_loss() */
	struct bufpool bufs;
};

struct ioq_stats {
	uint64_t reads, writes, flushes;	/* requests answered */
	uint64_t read_bytes, write_bytes;
	uint64_t errors;			/* requests answered with an error */
	uint64_t retries;			/* commands sent again after an answer */
	uint64_t replayed;			/* commands sent again after a lost link */
	uint64_t aborted;			/* commands taken back by the ladder */
	uint64_t poisoned;			/* requests given up: they end the link */
	uint64_t interrupted;
};

/* What the queue tells its owner, from the loop. */
struct ioq_events {
	/* A command was answered while `on_trial` was set. */
	void (*on_progress)(void *arg);
	/* NOT READY, or no such LUN at the moment: the command is back in the queue. */
	void (*on_not_ready)(void *arg, const struct sense *sense);
	/* UNIT ATTENTION: the command is back in the queue and will be sent again. */
	void (*on_attention)(void *arg, const struct sense *sense);
	/* @io was alone on the wire each time that the link was lost: it is about to fail. */
	void (*on_poison)(void *arg, const struct lun_io *io);
	/* The last request was answered and `wants_idle` was set; it is cleared before. */
	void (*on_idle)(void *arg);
};

struct ioq {
	struct ioq_wire *wire;
	const struct ioq_events *events;
	void *arg;

	bool open;			/* commands may be sent: ioq_set_open() */

	/* Set by the owner. */
	bool on_trial;			/* the next answer is wanted as on_progress */
	bool wants_idle;		/* on_idle is wanted, once */
	struct lun_addr addr;
	uint32_t block_bytes;
	uint32_t max_blocks;		/* of one command */
	bool fua;			/* the LUN knows FUA */
	span_ms patience;		/* BUSY for longer than this is an error; < 0: never */

	unsigned depth;			/* queue_depth: on the wire at most */
	unsigned room;			/* commands and requests that there are */
	struct ioq_slab *slabs;
	struct list free_cmds;
	struct list free_reqs;
	struct list waiting;		/* struct lun_io, not begun */
	struct list blocked;		/* struct lun_io, a write behind an overlapping one */
	struct list active;		/* struct ioq_req */
	struct list carving;		/* struct ioq_req with commands still to be made */
	struct list resend;		/* struct ioq_cmd to be sent again, by seq */
	struct list due;		/* struct lun_io to be answered from the loop */
	struct list hungry_link;
	struct loop_call answer;
	struct loop_call idle;
	struct loop_timer pause;
	unsigned on_wire;		/* commands */
	unsigned requests;		/* not answered */
	unsigned busy_times;		/* BUSY answers in a row */
	bool look_at_blocked;
	bool sync_10;			/* SYNCHRONIZE CACHE(16) is unknown to it */
	bool sync_none;			/* and so is (10): it has no cache */
	uint64_t writes_done;		/* write-type commands that may have changed the medium */
	uint64_t writes_flushed;	/* writes_done when the last good flush was issued */
	uint64_t writes_good;		/* write-type commands that were answered GOOD */
	uint64_t good_flushed;		/* writes_good when the last good flush was issued */
	struct ioq_stats stats;
};

/* @slots commands at most are on the wire of the session. */
void ioq_wire_init(struct ioq_wire *w, struct loop *loop, unsigned slots);
void ioq_wire_fini(struct ioq_wire *w);

/*
 * The oldest command on the wire, whose queue is *q; NULL: there is none. *quiet is for how long
 * nothing has moved for it (transport_quiet()) nor was one older than it answered: what waits behind
 * others that make progress is not late (open-iscsi's rule). @except, which may be NULL, is passed
 * over.
 */
struct transport_cmd *ioq_wire_oldest(const struct ioq_wire *w, const struct transport_cmd *except,
				      struct ioq **q, span_ms *quiet);

/*
 * When something moved for the oldest command on the wire, if that was sent not later than @sent;
 * 0: there is none that was.
 */
mono_ms ioq_wire_moved(const struct ioq_wire *w, mono_ms sent);

/*
 * The link is lost with what is on the wire, and nobody asked for that. A request that is on the
 * wire at two losses is suspected of causing them: from then on it is sent when nothing else is on
 * the wire, and nothing else while it is. One that was alone there at three is the cause, as far as
 * anybody can know: it fails with EIO. Call before ioq_wire_lost().
 */
void ioq_wire_note_loss(struct ioq_wire *w);

/* It can send after ioq_set_depth(). */
void ioq_init(struct ioq *q, struct ioq_wire *w, const struct ioq_events *events, void *arg);
/* At most @depth >= 1 commands on the wire. Returns 0, or -ENOMEM: the depth is what it was. */
int ioq_set_depth(struct ioq *q, unsigned depth);
/* Everything must have been answered. */
void ioq_fini(struct ioq *q);

/* Take @io. It is sent at once when the queue is open, else it waits. */
void ioq_submit(struct ioq *q, struct lun_io *io);
/* Answer @io with @err from the loop; it is on no queue. */
void ioq_refuse(struct ioq *q, struct lun_io *io, int err);
void ioq_cancel(struct ioq *q, struct lun_io *io);

/* Commands may be sent, or not; ioq_pump() sends them. */
void ioq_set_open(struct ioq *q, bool open);

/* Send what may be sent. */
void ioq_pump(struct ioq *q);

/*
 * The transport was cut: its commands go back into the queue in their old order; those whose
 * request was answered meanwhile are dropped. A no-op while there is a transport.
 */
void ioq_wire_lost(struct ioq *q);

/*
 * What the target has aborted goes back into the queue in its old order: the command @late, which
 * was the reason, or all that @q has on the wire (NULL). A request that was the reason more than 5
 * times fails with EIO. The queue is closed. Returns 0, or -errno of transport_abandon(): not all
 * could be taken back, the connection has to be cut.
 */
int ioq_take_back(struct ioq *q, const struct transport_cmd *late);

/*
 * Answer every request with @err, now. What is on the wire keeps its slot, its buffer and its place
 * in the order until it is answered or lost, and is not sent again.
 */
void ioq_fail(struct ioq *q, int err);

/*
 * The target may have lost its cache: a write that was begun and is not answered yet is written
 * once more, all of it. (What was answered before is the owner's to worry about.)
 */
void ioq_doubt(struct ioq *q);

/* The LUN is another disk from now on: what was learnt of the old one, and what it owes, is over. */
void ioq_new_disk(struct ioq *q);

/* A flush has something to do. */
static inline bool ioq_is_dirty(const struct ioq *q)
{
	return q->writes_done != q->writes_flushed;
}

/* As ioq_is_dirty(), because of what we wrote ourselves: what stands there at the start is not it. */
static inline bool ioq_has_written(const struct ioq *q)
{
	return ioq_is_dirty(q) && q->writes_done > 1;
}

/* The target has acknowledged writes that were not flushed since. */
static inline bool ioq_has_unflushed(const struct ioq *q)
{
	return q->writes_good != q->good_flushed;
}

#endif
