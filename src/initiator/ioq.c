/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The queue of a LUN: what waits, in which order, and what may go now. The one hard thing: two
 * lists are ahead of new requests, what is to be sent again and what is not all made yet, and
 * neither may let a younger command pass an older one.
 */
#include "ioq_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"

enum {
	IOQ_KEEP_BYTES = 32 << 20,	/* idle buffers of a session */
	IOQ_ABORTS = 5,			/* of a request that was late, before it is given up */
};

/* The memory of so many more commands and requests of a queue. */
struct ioq_slab {
	struct ioq_slab *next;
	struct ioq_cmd *cmds;
	struct ioq_req *reqs;
};
/* --- the wire ----------------------------------------------------------------------------- */

void ioq_wire_fini(struct ioq_wire *w)
{
	loop_call_cancel(&w->feed);
	bufpool_fini(&w->bufs);
	*w = (struct ioq_wire){ 0 };
}

struct transport_cmd *ioq_wire_oldest(const struct ioq_wire *w, const struct transport_cmd *except,
				      struct ioq **q, span_ms *quiet)
{
	struct ioq_cmd *cmd;

	list_each(cmd, &w->sent, link) {
		if (!w->tp || &cmd->tc == except)
			continue;
		*q = cmd->req->q;
		*quiet = MIN(loop_now(w->loop) - cmd->since, transport_quiet(w->tp, &cmd->tc));
		return &cmd->tc;
	}
	return NULL;
}

mono_ms ioq_wire_moved(const struct ioq_wire *w, mono_ms sent)
{
	const struct ioq_cmd *cmd = list_first(&w->sent, struct ioq_cmd, link);

	if (!cmd || !w->tp || cmd->sent > sent)
		return 0;
	return MAX(cmd->since, loop_now(w->loop) - transport_quiet(w->tp, &cmd->tc));
}

void ioq_wire_drop(struct ioq_cmd *cmd)
{
	struct ioq *q = cmd->req->q;

	list_del(&cmd->link);
	q->on_wire--;
	q->wire->on_wire--;
	q->wire->lone = false;
}

/* All that is on the wire is @r's. */
static bool ioq_wire_is_alone(const struct ioq_wire *w, const struct ioq_req *r)
{
	const struct ioq_cmd *cmd;

	list_each(cmd, &w->sent, link) {
		if (cmd->req != r)
			return false;
	}
	return true;
}

void ioq_wire_note_loss(struct ioq_wire *w)
{
	struct ioq_cmd *cmd;

	w->losses++;
	list_each(cmd, &w->sent, link) {
		struct ioq_req *r = cmd->req;

		if (r->answered || r->loss == w->losses)
			continue;
		r->loss = w->losses;
		r->losses++;
		r->alone += ioq_wire_is_alone(w, r);
	}
}

static void ioq_be_hungry(struct ioq *q)
{
	if (list_empty(&q->hungry_link))
		list_append(&q->wire->hungry, &q->hungry_link);
}

/* Each that found no slot tries again, once. */
static void ioq_wire_feed_all(struct loop_call *c)
{
	struct ioq_wire *w = container_of(c, struct ioq_wire, feed);
	struct list batch = LIST_INIT(batch);
	struct ioq *q;

	while ((q = list_first(&w->hungry, struct ioq, hungry_link)))
		list_move(&batch, &q->hungry_link);
	while (w->on_wire < w->slots && !w->lone &&
	       (q = list_first(&batch, struct ioq, hungry_link))) {
		list_del(&q->hungry_link);
		ioq_pump(q);
	}
	while ((q = list_last(&batch, struct ioq, hungry_link))) {
		list_del(&q->hungry_link);
		list_prepend(&w->hungry, &q->hungry_link);
	}
}

void ioq_wire_feed(struct ioq_wire *w, struct ioq *q)
{
	ioq_be_hungry(q);
	ioq_wire_feed_all(&w->feed);
}

void ioq_wire_unclaim(struct ioq *q)
{
	if (q->wire->claim != q)
		return;
	q->wire->claim = NULL;
	loop_defer(q->wire->loop, &q->wire->feed);
}

void ioq_wire_init(struct ioq_wire *w, struct loop *loop, unsigned slots)
{
	*w = (struct ioq_wire){ .loop = loop, .slots = slots };
	list_init(&w->sent);
	list_init(&w->hungry);
	loop_call_init(&w->feed, ioq_wire_feed_all);
	bufpool_init(&w->bufs, IOQ_KEEP_BYTES);
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

/*
 * The session's slots are taken, or somebody wants the wire for himself: another queue's turn, and
 * then ours. @r is what would be sent.
 */
static bool ioq_must_wait(struct ioq *q, const struct ioq_req *r)
{
	struct ioq_wire *w = q->wire;
	bool suspect = ioq_req_is_suspect(r);

	if (suspect && w->on_wire && !w->claim)
		w->claim = q;
	if (w->on_wire < (suspect ? 1 : w->slots) && !w->lone && (!w->claim || w->claim == q))
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
		if ((!cmd && !r) || ioq_must_wait(q, cmd ? cmd->req : r))
			return;
		if (r) {
			ioq_req_carve(r);
		} else {
			list_del(&cmd->link);
			ioq_cmd_send(cmd);
		}
	}
}

void ioq_set_open(struct ioq *q, bool open)
{
	q->open = open;
	if (!open)
		ioq_wire_unclaim(q);
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

/* Whenever it was on the wire alone the link was lost: it is not sent again. */
static void ioq_condemn(struct ioq_cmd *cmd)
{
	struct ioq_req *r = cmd->req;
	struct ioq *q = r->q;

	if (!r->err) {
		q->stats.poisoned++;
		q->events->on_poison(q->arg, r->io);
	}
	ioq_cmd_finish(cmd, -EIO);
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
		ioq_wire_drop(cmd);
		if (cmd->req->answered) {
			ioq_cmd_finish(cmd, -EIO);
		} else if (ioq_req_is_poison(cmd->req)) {
			ioq_condemn(cmd);
		} else {
			q->stats.replayed++;
			ioq_cmd_requeue(cmd);
		}
	}
	ioq_begin_anew(q);
}

int ioq_take_back(struct ioq *q, const struct transport_cmd *late)
{
	struct ioq_wire *w = q->wire;
	struct ioq_cmd *cmd, *tmp;
	int rc = 0;

	BUG_ON(q->open);
	list_each_safe(cmd, tmp, &w->sent, link) {
		if (cmd->req->q != q || (late && late != &cmd->tc))
			continue;
		rc = transport_abandon(w->tp, &cmd->tc);
		if (rc < 0)
			break;
		ioq_wire_drop(cmd);
		q->stats.aborted++;
		ioq_cmd_again(cmd, !late || cmd->req->aborts++ < IOQ_ABORTS);
	}
	ioq_wire_feed(w, q);
	return rc;
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
