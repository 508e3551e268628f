/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The queue of a LUN. The one hard thing: a request may be answered (cancelled, given up) while its
 * commands are still on the wire. Then the request lives on as an answered one: its commands keep
 * their slots, its buffer and its range stay taken, and only when the last command has come back or
 * was lost does the caller get his memory back.
 */
#include "ioq.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backoff.h"
#include "iscsifs/check.h"

enum {
	IOQ_RETRIES = 5,		/* answers that say "again", for one command */
	IOQ_ATTENTIONS = 64,		/* unit attentions, for one command: they queue up */
	IOQ_KEEP_BYTES = 32 << 20,	/* idle buffers of a session */
	IOQ_NO_MEMORY_MS = 20,
};

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
	uint64_t flush_mark, good_mark;	/* what a flush covers */
	struct list joined;		/* struct lun_io: flushes that this one answers too */
};

struct ioq_cmd {
	struct transport_cmd tc;
	struct list link;		/* free, sent, resend */
	struct ioq_req *req;
	uint64_t seq;
	mono_ms first_sent;		/* MONO_NEVER: not yet */
	mono_ms sent;
	uint64_t lba;
	uint32_t blocks;
	uint8_t *data;
	unsigned retries, attentions;
	bool sync_10;			/* it was sent as SYNCHRONIZE CACHE(10) */
};

/* The memory of so many more commands and requests of a queue. */
struct ioq_slab {
	struct ioq_slab *next;
	struct ioq_cmd *cmds;
	struct ioq_req *reqs;
};

/* --- the wire ----------------------------------------------------------------------------- */

void ioq_wire_init(struct ioq_wire *w, struct loop *loop, unsigned slots)
{
	*w = (struct ioq_wire){ .loop = loop, .slots = slots };
	list_init(&w->sent);
	list_init(&w->hungry);
	bufpool_init(&w->bufs, IOQ_KEEP_BYTES);
}

void ioq_wire_fini(struct ioq_wire *w)
{
	bufpool_fini(&w->bufs);
	*w = (struct ioq_wire){ 0 };
}

span_ms ioq_wire_oldest(const struct ioq_wire *w)
{
	const struct ioq_cmd *cmd = list_first(&w->sent, struct ioq_cmd, link);

	return cmd ? MAX(loop_now(w->loop) - cmd->sent, 1) : 0;
}

static void ioq_be_hungry(struct ioq *q)
{
	if (list_empty(&q->hungry_link))
		list_append(&q->wire->hungry, &q->hungry_link);
}

/* A slot came free: queues that found none send again, each in turn, and @q, who had it, is last. */
static void ioq_wire_feed(struct ioq_wire *w, struct ioq *q)
{
	ioq_be_hungry(q);
	while (w->on_wire < w->slots && (q = list_first(&w->hungry, struct ioq, hungry_link))) {
		list_del(&q->hungry_link);
		ioq_pump(q);
	}
}

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

static void ioq_io_done(struct ioq *q, struct lun_io *io, int err, const void *data)
{
	ioq_count(q, io, err);
	io->answered = true;
	io->done(io, err, data);
	if (q->wants_idle && !q->requests) {
		q->wants_idle = false;
		loop_defer(q->wire->loop, &q->idle);
	}
}

static void ioq_idle(struct loop_call *c)
{
	struct ioq *q = container_of(c, struct ioq, idle);

	q->events->on_idle(q->arg);
}

/*
 * The memory of a request that is done goes back, unless its commands still need it. What is asked
 * for in done or release, and refused, waits for the next turn.
 */
static void ioq_run_answers(struct loop_call *c)
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

static void ioq_answer_later(struct ioq *q, struct lun_io *io, int err)
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

static bool ioq_req_writes(const struct ioq_req *r)
{
	return r->io->op == LUN_WRITE;
}

static void *ioq_req_result(const struct ioq_req *r)
{
	return r->io->op == LUN_READ && r->buf ? r->buf + r->x.head : NULL;
}

static void ioq_req_answer_joined(struct ioq_req *r, int err)
{
	struct lun_io *io;

	while ((io = list_first(&r->joined, struct lun_io, link))) {
		list_del(&io->link);
		ioq_io_done(r->q, io, err, NULL);
		io->release(io);
	}
}

/* Nothing of it is on the wire: its buffer, its range and itself are free again. */
static void ioq_req_free(struct ioq_req *r)
{
	struct ioq *q = r->q;

	BUG_ON(r->cmds);
	list_del(&r->link);
	list_del(&r->carve);
	if (r->buf)
		bufpool_put(&q->wire->bufs, r->buf, r->buf_bytes);
	list_append(&q->free_reqs, &r->link);
}

/* All its commands are back: answer it if that was not done before, and let go of everything. */
static void ioq_req_finish(struct ioq_req *r)
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

static void ioq_req_begin(struct ioq_req *r, enum ioq_phase phase, uint32_t pieces)
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
static void ioq_req_begin_anew(struct ioq_req *r)
{
	r->landed = r->doubted = false;
	if (r->buf)
		ioq_req_begin(r, IOQ_FILL, ioq_fill_pieces(r));
	else
		ioq_req_begin_write(r);
}

static void ioq_req_begin_sync(struct ioq_req *r)
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

static void ioq_cmd_free(struct ioq_cmd *cmd)
{
	struct ioq_req *r = cmd->req;

	/* Whatever a failed or lost write did to the medium, a flush must not be skipped for it. */
	if (r->phase == IOQ_WRITE && cmd->first_sent != MONO_NEVER)
		r->q->writes_done++;
	r->cmds--;
	list_move(&r->q->free_cmds, &cmd->link);
}

/* Forget the commands of @r that are not on the wire. */
static void ioq_req_drop_unsent(struct ioq_req *r)
{
	struct ioq_cmd *cmd, *tmp;

	list_del(&r->carve);
	list_each_safe(cmd, tmp, &r->q->resend, link) {
		if (cmd->req == r)
			ioq_cmd_free(cmd);
	}
}

/* A command came back: perhaps the phase is over, perhaps the request. */
static void ioq_req_step(struct ioq_req *r)
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

/* --- commands ----------------------------------------------------------------------------- */

static void ioq_cmd_finish(struct ioq_cmd *cmd, int err)
{
	struct ioq_req *r = cmd->req;

	if (err && !r->err)
		r->err = err;
	ioq_cmd_free(cmd);
	ioq_req_step(r);
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

/* The request that began first, and its commands in the order in which they were made. */
static bool ioq_cmd_is_before(const struct ioq_cmd *a, const struct ioq_cmd *b)
{
	return a->req == b->req ? a->seq < b->seq : a->req->seq < b->req->seq;
}

/* Back into the queue, by age: what was first asked is first sent again. */
static void ioq_cmd_requeue(struct ioq_cmd *cmd)
{
	struct list *head = &cmd->req->q->resend;
	struct list *at = head->prev;

	list_del(&cmd->link);
	while (at != head && ioq_cmd_is_before(cmd, container_of(at, struct ioq_cmd, link)))
		at = at->prev;
	list_prepend(at, &cmd->link);
}

static void ioq_pause(struct ioq *q, span_ms wait)
{
	loop_timer_set(&q->pause, loop_now(q->wire->loop) + wait);
}

static void ioq_cmd_again(struct ioq_cmd *cmd, bool allowed)
{
	if (cmd->req->answered || !allowed) {
		ioq_cmd_finish(cmd, -EIO);
		return;
	}
	if (cmd->req->doubted) {
		ioq_cmd_finish(cmd, 0);
		return;
	}
	cmd->req->q->stats.retries++;
	ioq_cmd_requeue(cmd);
}

static void ioq_cmd_busy(struct ioq_cmd *cmd)
{
	struct ioq *q = cmd->req->q;
	span_ms age = loop_now(q->wire->loop) - cmd->first_sent;

	/* A full window that comes back busy is one busy time, not thirty. */
	if (!loop_timer_is_set(&q->pause))
		q->busy_times++;
	ioq_pause(q, backoff_busy(q->busy_times, (uint32_t)random()));
	ioq_cmd_again(cmd, q->patience < 0 || age <= q->patience);
}

static uint32_t ioq_cmd_bytes(const struct ioq_cmd *cmd)
{
	return cmd->blocks * cmd->req->block_bytes;
}

static void ioq_cmd_good(struct ioq_cmd *cmd)
{
	enum ioq_phase phase = cmd->req->phase;
	bool reads = phase == IOQ_READ || phase == IOQ_FILL;

	/* A target that says GOOD and sent less has broken the protocol; never pass that on. */
	if (reads && cmd->tc.in_bytes != ioq_cmd_bytes(cmd)) {
		ioq_cmd_again(cmd, cmd->retries++ < IOQ_RETRIES);
		return;
	}
	if (phase == IOQ_WRITE) {
		cmd->req->landed = true;
		cmd->req->q->writes_good++;
	}
	ioq_cmd_finish(cmd, 0);
}

/* A LUN that has no SYNCHRONIZE CACHE of either length has no cache to synchronize. */
static bool ioq_cmd_sync_unknown(struct ioq_cmd *cmd, int err)
{
	struct ioq *q = cmd->req->q;

	if (cmd->req->phase != IOQ_SYNC || err != -EOPNOTSUPP)
		return false;
	/* Two of 16 bytes may be refused one after the other: what was refused is what was sent. */
	if (cmd->sync_10) {
		q->sync_none = true;
		ioq_cmd_finish(cmd, 0);
	} else {
		q->sync_10 = true;
		ioq_cmd_again(cmd, true);
	}
	return true;
}

static void ioq_cmd_failed(struct ioq_cmd *cmd, int err)
{
	if (ioq_cmd_sync_unknown(cmd, err))
		return;
	ioq_cmd_finish(cmd, err);
}

static void ioq_cmd_done(struct transport_cmd *tc)
{
	struct ioq_cmd *cmd = container_of(tc, struct ioq_cmd, tc);
	struct ioq *q = cmd->req->q;
	struct verdict v = verdict_of(tc->rejected, tc->status, &tc->sense);
	struct sense sense = tc->sense;		/* @cmd may serve another request before we end */

	list_del(&cmd->link);
	q->on_wire--;
	q->wire->on_wire--;
	if (v.kind != VERDICT_BUSY)
		q->busy_times = 0;
	if (q->on_trial && (v.kind == VERDICT_GOOD || v.kind == VERDICT_FAIL))
		q->events->on_progress(q->arg);
	switch (v.kind) {
	case VERDICT_GOOD:
		ioq_cmd_good(cmd);
		break;
	case VERDICT_FAIL:
		ioq_cmd_failed(cmd, v.err);
		break;
	case VERDICT_RETRY:
		ioq_cmd_again(cmd, cmd->retries++ < IOQ_RETRIES);
		break;
	case VERDICT_BUSY:
		ioq_cmd_busy(cmd);
		break;
	case VERDICT_NOT_READY:
		ioq_cmd_again(cmd, true);
		q->events->on_not_ready(q->arg, &sense);
		break;
	case VERDICT_ATTENTION:
		ioq_cmd_again(cmd, cmd->attentions++ < IOQ_ATTENTIONS);
		q->events->on_attention(q->arg, &sense);
		break;
	}
	ioq_wire_feed(q->wire, q);
}

static int ioq_cmd_transmit(struct ioq_cmd *cmd)
{
	struct ioq_req *r = cmd->req;
	struct ioq *q = r->q;
	struct transport *tp = q->wire->tp;
	uint8_t cdb[CDB_MAX];
	unsigned len;

	switch (r->phase) {
	case IOQ_READ:
	case IOQ_FILL:
		return transport_read(tp, &cmd->tc, q->addr, cmd->lba, cmd->blocks,
				      r->block_bytes, cmd->data);
	case IOQ_WRITE:
		return transport_write(tp, &cmd->tc, q->addr, cmd->lba, cmd->blocks,
				       r->block_bytes, cmd->data, r->io->fua && q->fua);
	case IOQ_SYNC:
		break;
	}
	cmd->sync_10 = q->sync_10;
	len = q->sync_10 ? cdb_synchronize_cache_10(cdb) : cdb_synchronize_cache_16(cdb);
	return transport_command(tp, &cmd->tc, q->addr, cdb, len, NULL, 0, NULL, 0);
}

/* Put a command on the wire. When that is not possible now it goes back and the queue rests. */
static void ioq_cmd_send(struct ioq_cmd *cmd)
{
	struct ioq *q = cmd->req->q;
	struct ioq_wire *w = q->wire;

	if (ioq_cmd_transmit(cmd) < 0) {
		ioq_cmd_requeue(cmd);
		ioq_pause(q, IOQ_NO_MEMORY_MS);
		return;
	}
	cmd->sent = loop_now(w->loop);
	if (cmd->first_sent == MONO_NEVER)
		cmd->first_sent = cmd->sent;
	q->on_wire++;
	w->on_wire++;
	list_move(&w->sent, &cmd->link);
}

/* Where the next piece of @r lies. */
static void ioq_cmd_aim(struct ioq_cmd *cmd, const struct ioq_req *r)
{
	uint8_t *base = r->buf ? r->buf : (uint8_t *)(uintptr_t)r->io->src;

	if (r->phase == IOQ_SYNC)
		return;
	if (r->phase == IOQ_FILL) {
		bool last = r->piece > 0 || !r->x.head;

		cmd->blocks = 1;
		cmd->lba = r->x.lba + (last ? r->x.blocks - 1 : 0);
	} else {
		BUG_ON(!extent_piece(&r->x, r->piece, r->max_blocks, &cmd->lba, &cmd->blocks));
	}
	cmd->data = base + (cmd->lba - r->x.lba) * r->block_bytes;
}

static void ioq_req_carve(struct ioq_req *r)
{
	struct ioq_cmd *cmd = list_first(&r->q->free_cmds, struct ioq_cmd, link);

	list_del(&cmd->link);
	*cmd = (struct ioq_cmd){
		.tc.done = ioq_cmd_done,
		.req = r,
		.seq = r->q->wire->next_seq++,
		.first_sent = MONO_NEVER,
	};
	list_init(&cmd->link);
	ioq_cmd_aim(cmd, r);
	r->cmds++;
	if (++r->piece == r->pieces)
		list_del(&r->carve);
	ioq_cmd_send(cmd);
}

/* --- the queue ---------------------------------------------------------------------------- */

static bool ioq_overlaps_list(const struct ioq *q, const struct extent *x, const struct list *head,
			      const struct list *end)
{
	for (const struct list *l = head->next; l != end; l = l->next) {
		const struct lun_io *io = container_of(l, struct lun_io, link);
		struct extent y = extent_of(io->off, io->len, q->block_bytes);

		if (extent_overlaps(x, &y))
			return true;
	}
	return false;
}

/* Does a write stand before @io, on the wire or before it in q->blocked, that overlaps it? */
static bool ioq_is_blocked(const struct ioq *q, const struct lun_io *io, const struct list *end)
{
	struct extent x = extent_of(io->off, io->len, q->block_bytes);
	const struct ioq_req *r;

	list_each(r, &q->active, link) {
		if (ioq_req_writes(r) && extent_overlaps(&x, &r->x))
			return true;
	}
	return ioq_overlaps_list(q, &x, &q->blocked, end);
}

/* Every flush that waits now covers no more than the one that is about to be issued. */
static void ioq_join_flushes(struct ioq *q, struct ioq_req *r)
{
	struct lun_io *io, *tmp;

	list_each_safe(io, tmp, &q->waiting, link) {
		if (io->op == LUN_FLUSH)
			list_move(&r->joined, &io->link);
	}
}

static bool ioq_req_needs_buffer(const struct ioq_req *r)
{
	return r->io->op == LUN_READ || (r->io->op == LUN_WRITE && !extent_is_whole(&r->x));
}

static int ioq_start(struct ioq *q, struct lun_io *io)
{
	struct ioq_wire *w = q->wire;
	struct ioq_req *r = list_first(&q->free_reqs, struct ioq_req, link);
	struct list keep = r->link;

	*r = (struct ioq_req){
		.link = keep,
		.seq = w->next_seq++,
		.q = q,
		.io = io,
		.block_bytes = q->block_bytes,
		.max_blocks = q->max_blocks,
	};
	list_init(&r->carve);
	list_init(&r->joined);
	if (io->len)
		r->x = extent_of(io->off, io->len, q->block_bytes);
	if (ioq_req_needs_buffer(r)) {
		r->buf_bytes = (size_t)r->x.blocks * q->block_bytes;
		if (r->buf_bytes > BUFPOOL_LARGEST)
			return -EINVAL;
		r->buf = bufpool_get(&w->bufs, r->buf_bytes);
		if (!r->buf)
			return -ENOMEM;
	}
	list_del(&io->link);
	io->req = r;
	list_move(&q->active, &r->link);
	if (io->op == LUN_FLUSH) {
		ioq_join_flushes(q, r);
		ioq_req_begin_sync(r);
	} else if (io->op == LUN_READ) {
		ioq_req_begin(r, IOQ_READ, extent_pieces(&r->x, q->max_blocks));
	} else {
		ioq_req_begin_anew(r);
	}
	return 0;
}

/* Nothing to send for it: an empty request, or a flush with nothing to flush. */
static bool ioq_is_idle_request(const struct ioq *q, const struct lun_io *io)
{
	if (io->op != LUN_FLUSH)
		return io->len == 0;
	return !ioq_is_dirty(q) || q->sync_none;
}

static struct lun_io *ioq_next_unblocked(struct ioq *q)
{
	struct lun_io *io;

	if (!q->look_at_blocked)
		return NULL;
	list_each(io, &q->blocked, link) {
		if (!ioq_is_blocked(q, io, &io->link))
			return io;
	}
	q->look_at_blocked = false;
	return NULL;
}

/* The next request that may begin, or NULL. Writes behind an overlapping one step aside. */
static struct lun_io *ioq_next(struct ioq *q)
{
	struct lun_io *io = ioq_next_unblocked(q);

	if (io)
		return io;
	while ((io = list_first(&q->waiting, struct lun_io, link))) {
		if (ioq_is_idle_request(q, io)) {
			list_del(&io->link);
			ioq_answer_later(q, io, 0);
		} else if (io->op == LUN_WRITE && ioq_is_blocked(q, io, &q->blocked)) {
			list_move(&q->blocked, &io->link);
		} else {
			return io;
		}
	}
	return NULL;
}

/* Something to cut commands from, or NULL. */
static struct ioq_req *ioq_next_req(struct ioq *q)
{
	struct ioq_req *r = list_first(&q->carving, struct ioq_req, carve);
	struct lun_io *io;
	int rc;

	if (r)
		return r;
	io = ioq_next(q);
	/* None is free while a done callback submits: its own request is about to be. */
	if (!io || list_empty(&q->free_reqs))
		return NULL;
	rc = ioq_start(q, io);
	if (rc < 0) {
		list_del(&io->link);
		ioq_answer_later(q, io, rc);
	}
	return list_first(&q->carving, struct ioq_req, carve);
}

static bool ioq_may_send(const struct ioq *q)
{
	return q->open && q->wire->tp && !loop_timer_is_set(&q->pause) && q->on_wire < q->depth;
}

/* The session's slots are taken: another queue's turn, and then ours. */
static bool ioq_must_wait(struct ioq *q)
{
	if (q->wire->on_wire < q->wire->slots)
		return false;
	ioq_be_hungry(q);
	return true;
}

/* What is to be sent again goes before what was asked later. */
static struct ioq_cmd *ioq_next_resend(const struct ioq *q)
{
	struct ioq_cmd *cmd = list_first(&q->resend, struct ioq_cmd, link);
	const struct ioq_req *r = list_first(&q->carving, struct ioq_req, carve);

	if (cmd && r && r->seq < cmd->req->seq && !list_empty(&q->free_cmds))
		return NULL;
	return cmd;
}

void ioq_pump(struct ioq *q)
{
	struct ioq_cmd *cmd;
	struct ioq_req *r;

	while (ioq_may_send(q)) {
		cmd = ioq_next_resend(q);
		r = cmd ? NULL : ioq_next_req(q);
		if ((!cmd && !r) || ioq_must_wait(q))
			return;
		if (r) {
			ioq_req_carve(r);
		} else {
			list_del(&cmd->link);
			ioq_cmd_send(cmd);
		}
	}
}

static void ioq_pause_over(struct loop_timer *t)
{
	ioq_pump(container_of(t, struct ioq, pause));
}

void ioq_init(struct ioq *q, struct ioq_wire *w, const struct ioq_events *events, void *arg)
{
	/* Who was here before us may have left something unflushed: the first flush is a real one. */
	*q = (struct ioq){ .wire = w, .events = events, .arg = arg, .writes_done = 1 };
	list_init(&q->waiting);
	list_init(&q->blocked);
	list_init(&q->active);
	list_init(&q->carving);
	list_init(&q->resend);
	list_init(&q->free_cmds);
	list_init(&q->free_reqs);
	list_init(&q->due);
	list_init(&q->hungry_link);
	loop_call_init(&q->answer, ioq_run_answers);
	loop_call_init(&q->idle, ioq_idle);
	loop_timer_init(w->loop, &q->pause, ioq_pause_over);
}

void ioq_fini(struct ioq *q)
{
	struct ioq_slab *slab;

	while (!list_empty(&q->due))
		ioq_run_answers(&q->answer);
	BUG_ON(q->requests || !list_empty(&q->active));
	list_del(&q->hungry_link);
	loop_call_cancel(&q->answer);
	loop_call_cancel(&q->idle);
	loop_timer_stop(&q->pause);
	while ((slab = q->slabs)) {
		q->slabs = slab->next;
		free(slab->cmds);
		free(slab->reqs);
		free(slab);
	}
}

static int ioq_grow(struct ioq *q, unsigned by)
{
	struct ioq_slab *slab = calloc(1, sizeof(*slab));

	if (!slab)
		return -ENOMEM;
	slab->cmds = calloc(by, sizeof(*slab->cmds));
	slab->reqs = calloc(by, sizeof(*slab->reqs));
	if (!slab->cmds || !slab->reqs) {
		free(slab->cmds);
		free(slab->reqs);
		free(slab);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < by; i++) {
		list_append(&q->free_cmds, &slab->cmds[i].link);
		list_append(&q->free_reqs, &slab->reqs[i].link);
	}
	slab->next = q->slabs;
	q->slabs = slab;
	q->room += by;
	return 0;
}

int ioq_set_depth(struct ioq *q, unsigned depth)
{
	int rc = depth > q->room ? ioq_grow(q, depth - q->room) : 0;

	if (!rc)
		q->depth = depth;
	return rc;
}

void ioq_submit(struct ioq *q, struct lun_io *io)
{
	q->requests++;
	io->req = NULL;
	io->answered = false;
	list_init(&io->link);
	if (io->op != LUN_FLUSH && !io->len) {
		ioq_answer_later(q, io, 0);
		return;
	}
	list_append(&q->waiting, &io->link);
	ioq_pump(q);
}

/* The command is another's as well: he has it now. True: @io is a flush of its own again. */
static bool ioq_flush_passes_on(struct ioq_req *r)
{
	struct lun_io *heir = list_first(&r->joined, struct lun_io, link);

	if (!heir)
		return false;
	list_del(&heir->link);
	heir->req = r;
	r->io->req = NULL;
	r->io = heir;
	return true;
}

void ioq_cancel(struct ioq *q, struct lun_io *io)
{
	struct ioq_req *r = io->req;

	if (io->answered)
		return;
	if (!r) {
		list_del(&io->link);	/* held, or joined to a flush */
	} else if (!ioq_flush_passes_on(r)) {
		r->answered = true;
		r->err = -EINTR;
		ioq_req_drop_unsent(r);
		if (!r->cmds) {
			io->req = NULL;
			q->look_at_blocked |= ioq_req_writes(r);
			ioq_req_free(r);
		}
	}
	ioq_answer_later(q, io, -EINTR);
}

/*
 * Nothing is on the wire. A write that was GOOD in part may be lost in part by now, and what an
 * unaligned one has read may have changed: they begin anew.
 */
static void ioq_begin_anew(struct ioq *q)
{
	struct ioq_req *r;

	list_each(r, &q->active, link) {
		if (r->answered || !ioq_req_writes(r) || !(r->landed || r->doubted || r->buf))
			continue;
		ioq_req_drop_unsent(r);
		ioq_req_begin_anew(r);
	}
}

void ioq_wire_lost(struct ioq *q)
{
	struct ioq_wire *w = q->wire;
	struct ioq_cmd *cmd, *tmp;

	if (w->tp)
		return;
	q->busy_times = 0;
	loop_timer_stop(&q->pause);
	list_each_safe(cmd, tmp, &w->sent, link) {
		if (cmd->req->q != q)
			continue;
		q->on_wire--;
		w->on_wire--;
		if (cmd->req->answered) {
			list_del(&cmd->link);
			ioq_cmd_finish(cmd, -EIO);
		} else {
			q->stats.replayed++;
			ioq_cmd_requeue(cmd);
		}
	}
	ioq_begin_anew(q);
}

static void ioq_fail_list(struct ioq *q, struct list *head, int err)
{
	struct lun_io *io;

	while ((io = list_first(head, struct lun_io, link))) {
		list_del(&io->link);
		ioq_io_done(q, io, err, NULL);
		io->release(io);
	}
}

static struct ioq_req *ioq_next_unanswered(const struct ioq *q)
{
	struct ioq_req *r;

	list_each(r, &q->active, link) {
		if (!r->answered)
			return r;
	}
	return NULL;
}

void ioq_fail(struct ioq *q, int err)
{
	struct ioq_req *r;

	ioq_run_answers(&q->answer);
	/* Callbacks may cancel others: look at the list anew each time. */
	while ((r = ioq_next_unanswered(q))) {
		ioq_req_drop_unsent(r);
		r->err = err;
		if (!r->cmds) {
			ioq_req_finish(r);
			continue;
		}
		r->answered = true;
		ioq_io_done(q, r->io, err, NULL);
		ioq_req_answer_joined(r, err);
	}
	ioq_fail_list(q, &q->blocked, err);
	ioq_fail_list(q, &q->waiting, err);
}
