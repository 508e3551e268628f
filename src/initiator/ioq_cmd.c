/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands of a queue: sent, answered, sent again. The one hard thing: to keep the order in which
 * they were first made, whatever comes back when and in which state.
 */
#include "ioq_impl.h"

#include <errno.h>
#include <stdlib.h>

#include "backoff.h"
#include "iscsifs/check.h"

enum {
	IOQ_RETRIES = 5,		/* answers that say "again", for one command */
	IOQ_ATTENTIONS = 64,		/* unit attentions, for one command: they queue up */
	IOQ_NO_MEMORY_MS = 20,
};

void ioq_cmd_free(struct ioq_cmd *cmd)
{
	struct ioq_req *r = cmd->req;

	/* Whatever a failed or lost write did to the medium, a flush must not be skipped for it. */
	if (r->phase == IOQ_WRITE && cmd->first_sent != MONO_NEVER)
		r->q->writes_done++;
	r->cmds--;
	list_move(&r->q->free_cmds, &cmd->link);
}

void ioq_cmd_finish(struct ioq_cmd *cmd, int err)
{
	struct ioq_req *r = cmd->req;

	if (err && !r->err)
		r->err = err;
	ioq_cmd_free(cmd);
	ioq_req_step(r);
}

/* The request that began first, and its commands in the order in which they were made. */
static bool ioq_cmd_is_before(const struct ioq_cmd *a, const struct ioq_cmd *b)
{
	return a->req == b->req ? a->seq < b->seq : a->req->seq < b->req->seq;
}

/* Back into the queue, by age: what was first asked is first sent again. */
void ioq_cmd_requeue(struct ioq_cmd *cmd)
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

void ioq_cmd_again(struct ioq_cmd *cmd, bool allowed)
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

/* What was sent after it could not be answered sooner: its time begins anew. */
static void ioq_cmd_pass_on(const struct ioq_cmd *cmd)
{
	const struct list *sent = &cmd->req->q->wire->sent;

	if (cmd->link.next != sent)
		container_of(cmd->link.next, struct ioq_cmd, link)->since =
			loop_now(cmd->req->q->wire->loop);
}

static void ioq_cmd_done(struct transport_cmd *tc)
{
	struct ioq_cmd *cmd = container_of(tc, struct ioq_cmd, tc);
	struct ioq *q = cmd->req->q;
	struct verdict v = verdict_of(tc->rejected, tc->status, &tc->sense);
	struct sense sense = tc->sense;		/* @cmd may serve another request before we end */

	ioq_cmd_pass_on(cmd);
	ioq_wire_drop(cmd);
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
void ioq_cmd_send(struct ioq_cmd *cmd)
{
	struct ioq *q = cmd->req->q;
	struct ioq_wire *w = q->wire;

	if (ioq_cmd_transmit(cmd) < 0) {
		ioq_cmd_requeue(cmd);
		ioq_pause(q, IOQ_NO_MEMORY_MS);
		return;
	}
	cmd->sent = cmd->since = loop_now(w->loop);
	if (cmd->first_sent == MONO_NEVER)
		cmd->first_sent = cmd->sent;
	q->on_wire++;
	w->on_wire++;
	w->lone = ioq_req_is_suspect(cmd->req);
	if (w->claim == q)
		w->claim = NULL;
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

void ioq_req_carve(struct ioq_req *r)
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
