/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The requests of a queue, from their first command to their answer. The one hard thing: a request
 * may be answered (cancelled, given up) while its commands are still on the wire. Then it lives on
 * as an answered one: its commands keep their slots, its buffer and its range stay taken, and only
 * when the last command has come back or was lost does the caller get his memory back.
 */
#include "ioq_impl.h"

#include <errno.h>
#include <string.h>

enum {
	IOQ_SUSPECT_LOSSES = 2,		/* of the link, with a request on the wire */
	IOQ_POISON_LOSSES = 3,		/* with nothing else there */
};

/* --- answers ------------------------------------------------------------------------------ */

static void ioq_count(struct ioq *q, const struct lun_io *io, int err)
{
	q->requests--;
	if (err) {
		q->stats.errors += err != -EINTR;
		q->stats.interrupted += err == -EINTR;
		return;
	}
	switch (io->op) {
	case LUN_READ:
		q->stats.reads++;
		q->stats.read_bytes += io->len;
		break;
	case LUN_WRITE:
		q->stats.writes++;
		q->stats.write_bytes += io->len;
		break;
	case LUN_FLUSH:
		q->stats.flushes++;
		break;
	}
}

void ioq_io_done(struct ioq *q, struct lun_io *io, int err, const void *data)
{
	ioq_count(q, io, err);
	io->answered = true;
	io->done(io, err, data);
	if (q->wants_idle && !q->requests) {
		q->wants_idle = false;
		loop_defer(q->wire->loop, &q->idle);
	}
}

void ioq_idle(struct loop_call *c)
{
	struct ioq *q = container_of(c, struct ioq, idle);

	q->events->on_idle(q->arg);
}

/*
 * The memory of a request that is done goes back, unless its commands still need it. What is asked
 * for in done or release, and refused, waits for the next turn.
 */
void ioq_run_answers(struct loop_call *c)
{
	struct ioq *q = container_of(c, struct ioq, answer);
	struct list batch = LIST_INIT(batch);
	struct lun_io *io;

	while ((io = list_first(&q->due, struct lun_io, link)))
		list_move(&batch, &io->link);
	while ((io = list_first(&batch, struct lun_io, link))) {
		bool kept = io->req != NULL;

		list_del(&io->link);
		ioq_io_done(q, io, io->answer, NULL);
		if (!kept)
			io->release(io);
	}
}

void ioq_answer_later(struct ioq *q, struct lun_io *io, int err)
{
	io->answer = err;
	io->answered = true;
	list_append(&q->due, &io->link);
	loop_defer(q->wire->loop, &q->answer);
}

void ioq_refuse(struct ioq *q, struct lun_io *io, int err)
{
	q->requests++;
	list_init(&io->link);
	io->req = NULL;
	ioq_answer_later(q, io, err);
}

/* --- requests ----------------------------------------------------------------------------- */

bool ioq_req_writes(const struct ioq_req *r)
{
	return r->io->op == LUN_WRITE;
}

bool ioq_req_is_suspect(const struct ioq_req *r)
{
	return r->losses >= IOQ_SUSPECT_LOSSES;
}

bool ioq_req_is_poison(const struct ioq_req *r)
{
	return r->alone >= IOQ_POISON_LOSSES;
}

static void *ioq_req_result(const struct ioq_req *r)
{
	return r->io->op == LUN_READ && r->buf ? r->buf + r->x.head : NULL;
}

void ioq_req_answer_joined(struct ioq_req *r, int err)
{
	struct lun_io *io;

	while ((io = list_first(&r->joined, struct lun_io, link))) {
		list_del(&io->link);
		ioq_io_done(r->q, io, err, NULL);
		io->release(io);
	}
}

/* Nothing of it is on the wire: its buffer, its range and itself are free again. */
void ioq_req_free(struct ioq_req *r)
{
	struct ioq *q = r->q;

	BUG_ON(r->cmds);
	list_del(&r->link);
	list_del(&r->carve);
	if (r->buf)
		bufpool_put(&q->wire->bufs, r->buf, r->buf_bytes);
	list_append(&q->free_reqs, &r->link);
	if (ioq_req_is_suspect(r))
		ioq_wire_unclaim(q);
}

/* All its commands are back: answer it if that was not done before, and let go of everything. */
void ioq_req_finish(struct ioq_req *r)
{
	struct ioq *q = r->q;
	struct lun_io *io = r->io;

	list_del(&r->link);
	q->look_at_blocked |= ioq_req_writes(r);
	if (r->answered && !list_empty(&io->link)) {
		list_del(&io->link);
		ioq_io_done(q, io, io->answer, NULL);
	} else if (!r->answered) {
		ioq_io_done(q, io, r->err, r->err ? NULL : ioq_req_result(r));
	}
	ioq_req_answer_joined(r, r->err);
	io->release(io);
	ioq_req_free(r);
}

void ioq_req_begin(struct ioq_req *r, enum ioq_phase phase, uint32_t pieces)
{
	struct list *head = &r->q->carving;
	struct list *at = head->prev;

	r->phase = phase;
	r->piece = 0;
	r->pieces = pieces;
	list_del(&r->carve);
	while (at != head && container_of(at, struct ioq_req, carve)->seq > r->seq)
		at = at->prev;
	list_prepend(at, &r->carve);
}

/* An unaligned write reads its first block, its last, or both when they differ. */
static uint32_t ioq_fill_pieces(const struct ioq_req *r)
{
	return r->x.blocks == 1 ? 1 : (r->x.head > 0) + (r->x.tail > 0);
}

static void ioq_req_begin_write(struct ioq_req *r)
{
	r->landed = false;
	ioq_req_begin(r, IOQ_WRITE, extent_pieces(&r->x, r->max_blocks));
}

/* From its first command on: also what an unaligned write has read may be what it was. */
void ioq_req_begin_anew(struct ioq_req *r)
{
	r->landed = r->doubted = false;
	if (r->buf)
		ioq_req_begin(r, IOQ_FILL, ioq_fill_pieces(r));
	else
		ioq_req_begin_write(r);
}

void ioq_req_begin_sync(struct ioq_req *r)
{
	r->flush_mark = r->q->writes_done;
	r->good_mark = r->q->writes_good;
	ioq_req_begin(r, IOQ_SYNC, 1);
}

static void ioq_req_merge(struct ioq_req *r)
{
	memcpy(r->buf + r->x.head, r->io->src, r->io->len);
}

/* The commands of this phase are back and good. */
static void ioq_req_next(struct ioq_req *r)
{
	if (r->doubted) {
		ioq_req_begin_anew(r);
		return;
	}
	switch (r->phase) {
	case IOQ_FILL:
		ioq_req_merge(r);
		ioq_req_begin_write(r);
		return;
	case IOQ_WRITE:
		if (r->io->fua && !r->q->fua && !r->q->sync_none) {
			ioq_req_begin_sync(r);
			return;
		}
		break;
	case IOQ_SYNC:
		r->q->writes_flushed = MAX(r->q->writes_flushed, r->flush_mark);
		r->q->good_flushed = MAX(r->q->good_flushed, r->good_mark);
		break;
	case IOQ_READ:
		break;
	}
	ioq_req_finish(r);
}

/* Forget the commands of @r that are not on the wire. */
void ioq_req_drop_unsent(struct ioq_req *r)
{
	struct ioq_cmd *cmd, *tmp;

	list_del(&r->carve);
	list_each_safe(cmd, tmp, &r->q->resend, link) {
		if (cmd->req == r)
			ioq_cmd_free(cmd);
	}
}

/* A command came back: perhaps the phase is over, perhaps the request. */
void ioq_req_step(struct ioq_req *r)
{
	bool stopped = r->err || r->answered;

	if (stopped)
		ioq_req_drop_unsent(r);
	if (r->cmds || (!stopped && r->piece < r->pieces))
		return;
	if (stopped)
		ioq_req_finish(r);
	else
		ioq_req_next(r);
}

/* Those of its commands that are on the wire still are the last of this go. */
void ioq_new_disk(struct ioq *q)
{
	q->sync_10 = q->sync_none = false;
	q->good_flushed = q->writes_good;
}

void ioq_doubt(struct ioq *q)
{
	struct ioq_req *r;

	list_each(r, &q->active, link) {
		if (r->answered || !ioq_req_writes(r))
			continue;
		r->doubted = true;
		ioq_req_drop_unsent(r);
		r->pieces = r->piece;
		if (!r->cmds)
			ioq_req_begin_anew(r);
	}
}
