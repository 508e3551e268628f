/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks. The one hard thing: three lengths that need not agree, the CDB's, the initiator's
 * (EDTL), and what has come; `total` is the smaller of the first two, and the response's residual
 * says how they differ (RFC 7143 11.4.5.1).
 */
#include "target/task.h"

#include <errno.h>
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/log.h"
#include "target/chore.h"
#include "target/session.h"

enum {
	TASK_TTT_INDEX_BITS = 12,
	TASK_TTT_INDEX = (1 << TASK_TTT_INDEX_BITS) - 1,
	TASK_READ_AWAY = 262144,	/* bytes that a thread reads at once */
	TASK_TTT_STEP = 64,		/* past every tag that the slot's last task may have out */
};

/* --- the pool --- */

/* As new, but for the transfer tag, whose counter goes on. */
static void task_reset(struct task *t)
{
	t->unsolicited = false;
	t->total = 0;
	t->moved = 0;
	t->datasn = 0;
	t->r2t_end = 0;
	t->sequence_end = 0;
	t->r2t_sent = 0;
	t->r2t_done = 0;
	t->asked_faults = false;
	memset(&t->cmd, 0, sizeof(t->cmd));
}

/* Back to the pool: most recently used first, it is in the cache. */
static void task_release(struct task *t)
{
	struct session *s = t->session;

	if (s->c->sink.task == t)
		s->c->sink.task = NULL;
	if (t->fault)
		fault_task_gone(t);
	scsi_end(&t->cmd);
	list_del(&t->reading);
	list_del(&t->link);
	t->state = TASK_IDLE;
	list_prepend(&s->idle, &t->link);
	if (!t->immediate)
		session_release_cmdsn(s);
}

struct task *task_find(struct session *s, uint32_t itt)
{
	struct task *t;

	list_each(t, &s->active, link) {
		if (t->itt == itt)
			return t;
	}
	return NULL;
}

static void task_activate(struct task *t, enum task_state state)
{
	t->state = state;
	list_move(&t->session->active, &t->link);
}

/* It waits for no thread any more. */
static void task_forget_work(struct task *t)
{
	if (t->state == TASK_FLUSHING)
		flusher_forget(&t->flush);
	if (t->state == TASK_WORKING) {
		chore_forget(t->cmd.chore);
		t->cmd.chore = NULL;
	}
}

void task_abort(struct task *t)
{
	task_forget_work(t);
	task_release(t);
}

/* --- response --- */

/* What the initiator expected in the direction in which this command moves data. */
static uint64_t task_expected(const struct task *t)
{
	bool out = t->cmd.op && t->cmd.op->data;

	if (!t->cmd.want)
		return t->edtl;
	return (out ? t->writes : t->reads) ? t->edtl : 0;
}

static void task_set_residual(const struct task *t, uint8_t *bhs)
{
	uint64_t expected = task_expected(t);
	uint64_t moved = t->cmd.status == SCSI_GOOD ? t->cmd.want : t->moved;

	if (moved > expected) {
		bhs[1] |= PDU_RESIDUAL_O;
		be32_store(bhs + 44, (uint32_t)MIN(moved - expected, (uint64_t)UINT32_MAX));
	} else if (moved < expected) {
		bhs[1] |= PDU_RESIDUAL_U;
		be32_store(bhs + 44, (uint32_t)(expected - moved));
	}
}

static bool task_wants_descriptor(const struct task *t)
{
	return t->cmd.lun && t->cmd.lun->descriptor_sense;
}

static void task_respond(struct task *t)
{
	struct session *s = t->session;
	uint32_t len = 0;
	bool immediate = t->immediate;
	uint8_t *bhs, *data;

	if (t->fault && fault_answer(t))
		return;
	if (s->c->server->faults && fault_outgoing(t, SCRIPT_EV_ANSWER))
		return;
	bhs = conn_pdu(s->c, 2 + SENSE_DESCRIPTOR_MAX);
	data = conn_pdu_data(s->c, bhs);
	/* The place in the window is free with this response: let it say so. */
	t->immediate = true;
	if (!immediate)
		session_release_cmdsn(s);
	pdu_init(bhs, PDU_SCSI_RESPONSE, PDU_F, t->itt);
	bhs[3] = t->cmd.status;
	session_number(s, bhs);
	be32_store(bhs + 36, t->cmd.op && !t->cmd.op->data ? t->datasn : t->r2t_sent);
	task_set_residual(t, bhs);
	if (t->cmd.status == SCSI_CHECK_CONDITION) {
		if (t->cmd.lun && t->cmd.sense.key != SENSE_UNIT_ATTENTION)
			t->cmd.lun->stats.errors++;
		len = (uint32_t)sense_encode(&t->cmd.sense, task_wants_descriptor(t), data + 2);
		be16_store(data, (uint16_t)len);
		len += 2;
	}
	conn_pdu_send(s->c, bhs, len);
	task_release(t);
}

/* --- data in --- */

/* Header of a Data-In of @len bytes at t->moved; the last one carries GOOD. */
static void task_data_in_header(struct task *t, uint8_t *bhs, uint32_t len)
{
	struct session *s = t->session;
	uint32_t burst = s->start.params.max_burst_bytes;
	uint64_t end = t->moved + len;
	bool last = end == t->total;

	pdu_init(bhs, PDU_DATA_IN, 0, t->itt);
	be32_store(bhs + 20, PDU_TAG_NONE);
	be32_store(bhs + 36, t->datasn++);
	be32_store(bhs + 40, (uint32_t)t->moved);
	if (last || end % burst == 0)
		bhs[1] |= PDU_F;
	if (!last) {
		session_number_same(s, bhs);
		return;
	}
	if (!t->immediate)
		session_release_cmdsn(s);
	t->immediate = true;
	bhs[1] |= PDU_DATA_IN_S;
	bhs[3] = SCSI_GOOD;
	session_number(s, bhs);
	task_set_residual(t, bhs);
}

/* Bytes of the next Data-In PDU: what the initiator takes, within the burst. */
static uint32_t task_data_in_bytes(const struct task *t)
{
	const struct session *s = t->session;
	uint32_t burst = s->start.params.max_burst_bytes;
	uint64_t left = MIN(t->total - t->moved, (uint64_t)(burst - t->moved % burst));

	return (uint32_t)MIN(left, (uint64_t)s->c->max_send);
}

static void task_read_failed(struct task *t, int rc)
{
	scsi_read_failed(&t->cmd, rc, t->cmd.off + t->moved);
	task_respond(t);
}

/* A thread has read what comes next: it is in the chore's buffer. */
static void task_was_read(struct chore *ch, void *owner, int rc)
{
	struct task *t = owner;

	t->state = TASK_IN;
	if (rc) {
		chore_free(ch);
		t->cmd.chore = NULL;
		task_read_failed(t, rc);
		return;
	}
	list_prepend(&t->session->reading, &t->reading);
	conn_mark_dirty(t->session->c);
}

/* What comes next, from a thread. Returns false: there is no memory for that now. */
static bool task_read_away(struct task *t)
{
	uint32_t len = (uint32_t)MIN(t->total - t->moved, (uint64_t)TASK_READ_AWAY);
	struct chore *ch = chore_new(len);

	if (!ch)
		return false;
	ch->run = chore_read;
	ch->from = (struct chore_range){ t->cmd.lun, t->cmd.off + t->moved, len };
	t->cmd.chore = ch;
	list_del(&t->reading);
	t->state = TASK_WORKING;
	chore_start(&t->session->c->server->chores, ch, task_was_read, t);
	return true;
}

/* @len bytes at @off of what a thread has read, to @to; the last of them give it back. */
static void task_read_rest(struct task *t, uint64_t off, void *to, uint32_t len)
{
	struct chore *ch = t->cmd.chore;
	uint64_t at = off - ch->from.off;

	memcpy(to, ch->buf + at, len);
	if (at + len < ch->from.len)
		return;
	chore_free(ch);
	t->cmd.chore = NULL;
}

/* The next @len bytes to @to: 0, -errno, or -EAGAIN and the task waits for a thread. */
static int task_read(struct task *t, uint64_t off, void *to, uint32_t len)
{
	struct lun *l = t->cmd.lun;
	int rc;

	if (t->cmd.chore) {
		task_read_rest(t, off, to, len);
		return 0;
	}
	rc = chores_meet(t->cmd.chores, l, off, len, false) ? -EAGAIN
							     : disk_read_now(l->disk, off, to, len);
	if (rc == -EAGAIN && !task_read_away(t))
		rc = disk_read(l->disk, off, to, len);
	return rc;
}

/* One Data-In from the disk. Returns false when the task is answered, or waits. */
static bool task_data_in_disk(struct task *t)
{
	struct connection *c = t->session->c;
	struct lun *l = t->cmd.lun;
	uint32_t len = task_data_in_bytes(t);
	uint64_t off = t->cmd.off + t->moved;
	uint8_t *lent = NULL, *bhs;
	int rc;

	if (c->server->faults && !t->asked_faults &&
	    fault_data_in(t, t->moved + len == t->total))
		return false;
	t->asked_faults = true;
	if (t->cmd.chore) {
		uint64_t end = t->cmd.chore->from.off + t->cmd.chore->from.len;

		len = (uint32_t)MIN((uint64_t)len, end - off);
	} else if (!c->data_digest && !c->fault.spoil.armed && !l->busy) {
		lent = disk_map(l->disk, off, len, false);
	}
	bhs = conn_pdu(c, lent ? 0 : len);
	rc = lent ? 0 : task_read(t, off, conn_pdu_data(c, bhs), len);
	if (rc) {
		if (rc != -EAGAIN)
			task_read_failed(t, rc);
		return false;
	}
	task_data_in_header(t, bhs, len);
	if (lent)
		conn_pdu_lend(c, bhs, lent, len);
	else
		conn_pdu_send(c, bhs, len);
	t->asked_faults = false;
	t->moved += len;
	return true;
}

void task_produce(struct task *t)
{
	struct session *s = t->session;

	while (t->moved < t->total) {
		if (!conn_has_room(s->c) || s->c->dead)
			return;
		if (!task_data_in_disk(t))
			return;
	}
	s->stats.read_bytes += t->total;
	t->cmd.lun->stats.read_bytes += t->total;
	t->cmd.lun->stats.reads++;
	task_release(t);
}

static void task_start_read(struct task *t)
{
	t->total = MIN(t->cmd.want, (uint64_t)(t->reads ? t->edtl : 0));
	if (!t->total) {
		task_respond(t);
		return;
	}
	task_activate(t, TASK_IN);
	if (list_empty(&t->session->reading) && conn_has_room(t->session->c)) {
		list_append(&t->session->reading, &t->reading);
		task_produce(t);
	} else {
		list_append(&t->session->reading, &t->reading);
	}
}

static void task_send_param(struct task *t)
{
	struct connection *c = t->session->c;

	t->total = MIN(t->cmd.want, (uint64_t)(t->reads ? t->edtl : 0));
	if (!t->total) {
		task_respond(t);
		return;
	}
	while (t->moved < t->total) {
		uint32_t len = task_data_in_bytes(t);
		uint8_t *bhs;

		if (c->server->faults && fault_data_in(t, t->moved + len == t->total))
			return;
		bhs = conn_pdu(c, len);
		task_data_in_header(t, bhs, len);
		memcpy(conn_pdu_data(c, bhs), t->cmd.param + t->moved, len);
		conn_pdu_send(c, bhs, len);
		t->moved += len;
	}
	task_release(t);
}

/* --- what next --- */

static void task_flushed(struct flush_wait *w, int rc)
{
	struct task *t = container_of(w, struct task, flush);

	scsi_flushed(&t->cmd, rc);
	task_respond(t);
}

static void task_flush(struct task *t)
{
	task_activate(t, TASK_FLUSHING);
	t->cmd.lun->stats.flushes++;
	flusher_ask(&t->cmd.lun->flusher, t->session->c->server->worker, &t->flush);
}

static void task_advance(struct task *t);

static void task_worked(struct chore *c, void *owner, int rc)
{
	struct task *t = owner;

	(void)c;
	t->state = TASK_IDLE;		/* no chore is on its way */
	scsi_chore_done(&t->cmd, rc);
	if (t->cmd.next == SCSI_NEXT_DATA_OUT) {
		task_activate(t, TASK_OUT);
		task_advance(t);
	} else {
		task_answer(t);
	}
}

static void task_work(struct task *t)
{
	task_activate(t, TASK_WORKING);
	chore_start(&t->session->c->server->chores, t->cmd.chore, task_worked, t);
}

void task_init(struct task *t, struct session *s)
{
	t->session = s;
	t->flush.done = task_flushed;
	list_init(&t->flush.link);
	list_init(&t->reading);
	list_init(&t->link);
	list_append(&s->idle, &t->link);
}

/* The command is over but for its answer, which waits for unsolicited data still on its way. */
void task_answer(struct task *t)
{
	if (t->unsolicited)
		task_activate(t, TASK_DISCARD);
	else if (t->cmd.next == SCSI_NEXT_FLUSH)
		task_flush(t);
	else if (t->cmd.next == SCSI_NEXT_CHORE)
		task_work(t);
	else
		task_respond(t);
}

void task_fail(struct task *t, enum sense_key key, uint16_t code)
{
	task_forget_work(t);
	list_del(&t->reading);
	scsi_fail(&t->cmd, key, code);
	if (t->state != TASK_HELD)
		task_answer(t);
}

void task_hold(struct task *t)
{
	list_del(&t->reading);
	task_activate(t, TASK_HELD);
}

static void task_send_r2t(struct task *t)
{
	struct session *s = t->session;
	uint64_t end = MIN(t->total, scsi_room(&t->cmd));
	uint32_t len = (uint32_t)MIN(end - t->r2t_end, (uint64_t)s->start.params.max_burst_bytes);
	uint8_t *bhs;

	if (s->c->server->faults && fault_outgoing(t, SCRIPT_EV_R2T))
		return;
	bhs = conn_pdu(s->c, 0);
	pdu_init(bhs, PDU_R2T, PDU_F, t->itt);
	memcpy(bhs + 8, t->lun, 8);
	be32_store(bhs + 20, t->ttt + ((t->r2t_sent - t->r2t_done) << TASK_TTT_INDEX_BITS));
	session_number_same(s, bhs);
	be32_store(bhs + 36, t->r2t_sent);
	be32_store(bhs + 40, (uint32_t)t->r2t_end);
	be32_store(bhs + 44, len);
	conn_pdu_send(s->c, bhs, 0);
	t->r2t_end += len;
	t->r2t_sent++;
}

/* A sequence of data has ended: ask for more, or run the command. */
static void task_advance(struct task *t)
{
	const struct params *p = &t->session->start.params;
	uint64_t end;

	if (t->moved >= t->total) {
		t->session->stats.written_bytes += t->total;
		t->cmd.lun->stats.written_bytes += t->total;
		t->cmd.lun->stats.writes++;
		scsi_finish(&t->cmd, t->moved);
		task_answer(t);
		return;
	}
	if (scsi_drain(&t->cmd, t->moved)) {
		task_work(t);
		return;
	}
	if (t->r2t_sent == t->r2t_done)
		t->r2t_end = t->moved;
	end = MIN(t->total, scsi_room(&t->cmd));
	while (t->r2t_end < end && t->r2t_sent - t->r2t_done < p->max_outstanding_r2t &&
	       !t->session->c->dead)
		task_send_r2t(t);
	t->sequence_end = MIN(t->moved + p->max_burst_bytes, end);
}

static uint32_t task_index(const struct task *t)
{
	return (uint32_t)(t - t->session->tasks);
}

/* A tag that no earlier task of this slot had for long: the counter goes on. */
static void task_new_ttt(struct task *t)
{
	t->ttt = (t->ttt & ~(uint32_t)TASK_TTT_INDEX) + (TASK_TTT_STEP << TASK_TTT_INDEX_BITS);
	t->ttt |= task_index(t);
}

static void task_start_out(struct task *t, const struct pdu *p)
{
	struct connection *c = t->session->c;

	t->total = MIN(t->cmd.want, (uint64_t)(t->writes ? t->edtl : 0));
	task_new_ttt(t);
	task_activate(t, TASK_OUT);
	if (p->data_bytes) {
		c->sink.task = t;	/* task_data_end() goes on */
		c->sink.at = 0;
	} else {
		task_data_end(t, pdu_flags(p->bhs) & PDU_F);
	}
}

/* --- the command --- */

static struct task *task_take(struct session *s, const struct pdu *p)
{
	struct task *t = list_first(&s->idle, struct task, link);
	const uint8_t *bhs = p->bhs;
	uint8_t flags = pdu_flags(bhs);
	struct lun_addr a;

	if (!t)
		return NULL;
	task_reset(t);
	t->itt = pdu_itt(bhs);
	t->edtl = pdu_edtl(bhs);
	t->immediate = pdu_immediate(bhs);
	t->reads = flags & PDU_CMD_R;
	t->writes = flags & PDU_CMD_W;
	t->unsolicited = t->writes && !(flags & PDU_F);
	t->unsolicited_end = MIN(s->start.params.first_burst_bytes, t->edtl);
	memcpy(t->lun, pdu_lun(bhs), 8);
	memcpy(t->cmd.cdb, pdu_cdb(bhs), CDB_MAX);
	t->cmd.target = s->start.target;
	t->cmd.nexus = &s->nexus;
	t->cmd.chores = &s->c->server->chores;
	t->cmd.out_bytes = t->writes ? t->edtl : 0;
	t->cmd.lun_number = TARGET_LUN_NUMBER_MAX + 1;
	if (lun_addr_parse(t->lun, &a)) {
		t->cmd.lun_number = lun_addr_number(a);
		t->cmd.lun = target_lun(s->start.target, t->cmd.lun_number);
	}
	return t;
}

/* Data that must not come at all, or not as much: the sense to answer with, or 0. */
static uint16_t task_judge_unsolicited(const struct task *t, const struct pdu *p)
{
	const struct params *par = &t->session->start.params;

	if (p->data_bytes && (!t->writes || !par->immediate_data))
		return SENSE_UNEXPECTED_UNSOLICITED_DATA;
	if (p->data_bytes > MIN(par->first_burst_bytes, t->edtl))
		return SENSE_UNEXPECTED_UNSOLICITED_DATA;
	if (t->unsolicited && par->initial_r2t)
		return SENSE_UNEXPECTED_UNSOLICITED_DATA;
	return 0;
}

static void task_go(struct task *t, const struct pdu *p)
{
	switch (t->cmd.next) {
	case SCSI_NEXT_DATA_OUT:
		task_start_out(t, p);
		return;
	case SCSI_NEXT_READ:
		if (!t->unsolicited) {
			task_start_read(t);
			return;
		}
		break;
	case SCSI_NEXT_PARAM_IN:
		if (!t->unsolicited) {
			task_send_param(t);
			return;
		}
		break;
	case SCSI_NEXT_DONE:
	case SCSI_NEXT_FLUSH:
	case SCSI_NEXT_CHORE:
		task_answer(t);
		return;
	case SCSI_NEXT_NONE:
		BUG_ON(true);
	}
	if (!t->reads) {	/* nobody waits for what is read: a residual says so */
		task_answer(t);
		return;
	}
	/* Bidirectional, with data to come: too strange to serve. */
	scsi_fail(&t->cmd, SENSE_ABORTED_COMMAND, SENSE_UNEXPECTED_UNSOLICITED_DATA);
	task_answer(t);
}

void task_begin_late(struct task *t)
{
	static const uint8_t bhs[PDU_BHS] = { PDU_SCSI_COMMAND, PDU_F };
	static const struct pdu p = { .bhs = bhs };

	scsi_begin(&t->cmd);
	task_go(t, &p);
}

void task_command(struct session *s, const struct pdu *p)
{
	enum pdu_reject refused = 0;
	struct task *t;
	uint16_t code;

	if (!pdu_ahs_is_plain(p->ahs, p->ahs_bytes))
		refused = PDU_REJECT_INVALID_FIELD;
	else if (task_find(s, pdu_itt(p->bhs)) || pdu_itt(p->bhs) == PDU_TAG_NONE)
		refused = PDU_REJECT_TASK_IN_PROGRESS;
	t = refused ? NULL : task_take(s, p);
	if (!t) {
		session_reject(s, p->bhs, refused ? refused : PDU_REJECT_IMMEDIATE);
		if (!pdu_immediate(p->bhs))
			session_release_cmdsn(s);
		return;
	}
	s->stats.commands++;
	code = task_judge_unsolicited(t, p);
	if (code) {
		if (s->start.params.initial_r2t)
			t->unsolicited = false;
		scsi_fail(&t->cmd, SENSE_ABORTED_COMMAND, code);
		task_answer(t);
		return;
	}
	if (s->c->server->faults && fault_command(t, p))
		return;
	scsi_begin(&t->cmd);
	if (t->fault)
		fault_begun(t);
	if (t->unsolicited && t->cmd.next != SCSI_NEXT_DATA_OUT)
		t->moved = p->data_bytes;	/* unused, and the rest follows it */
	task_go(t, p);
}

/* --- data out --- */

void task_data(struct task *t, uint64_t at, const uint8_t *p, uint32_t len)
{
	uint64_t wanted = at < t->total ? t->total - at : 0;

	if (t->state == TASK_OUT && wanted)
		scsi_data(&t->cmd, at, p, (uint32_t)MIN((uint64_t)len, wanted));
	t->moved = at + len;
}

void *task_data_map(struct task *t, uint64_t at, uint32_t len)
{
	if (t->state != TASK_OUT || at + len > t->total)
		return NULL;
	return scsi_data_map(&t->cmd, at, len);
}

void task_data_mapped(struct task *t, uint64_t at, uint32_t len)
{
	t->moved = at + len;
}

void task_data_end(struct task *t, bool final)
{
	if (!final)
		return;
	t->datasn = 0;
	if (t->unsolicited || !t->r2t_sent) {
		t->unsolicited = false;
	} else {
		t->r2t_done++;
		t->ttt += 1 << TASK_TTT_INDEX_BITS;
	}
	if (t->state == TASK_DISCARD)
		task_answer(t);
	else if (t->state != TASK_HELD)
		task_advance(t);
}

/* The task that a Data-Out belongs to, or NULL: nobody waits for it (any more). */
static struct task *task_of_data_out(struct session *s, const uint8_t *bhs)
{
	uint32_t ttt = pdu_ttt(bhs);
	struct task *t;

	if (ttt == PDU_TAG_NONE) {
		t = task_find(s, pdu_itt(bhs));
		return t && t->unsolicited ? t : NULL;
	}
	if ((ttt & TASK_TTT_INDEX) >= s->task_count)
		return NULL;
	t = &s->tasks[ttt & TASK_TTT_INDEX];
	if (t->state != TASK_OUT || t->itt != pdu_itt(bhs) || t->unsolicited || t->ttt != ttt)
		return NULL;
	return t;
}

/* Is this the very next piece of the sequence? Returns what is wrong, or NULL. */
static const char *task_judge_data_out(const struct task *t, const struct pdu *p)
{
	uint64_t end = (uint64_t)pdu_offset(p->bhs) + p->data_bytes;
	uint64_t limit = t->unsolicited ? t->unsolicited_end : t->sequence_end;
	bool final = pdu_flags(p->bhs) & PDU_F;

	if (pdu_datasn(p->bhs) != t->datasn)
		return "DataSN";
	if (pdu_offset(p->bhs) != t->moved)
		return "buffer offset";
	if (end > limit)
		return "length";
	if (final && !t->unsolicited && end != limit)
		return "final bit";
	if (!final && !t->unsolicited && end == limit)
		return "missing final bit";
	return NULL;
}

void task_data_out(struct session *s, const struct pdu *p)
{
	struct task *t = task_of_data_out(s, p->bhs);
	const char *wrong;

	if (!t) {
		log_debug("Data-Out for no task ignored | conn=%llu itt=%08x ttt=%08x",
			  (unsigned long long)s->c->id, pdu_itt(p->bhs), pdu_ttt(p->bhs));
		return;
	}
	wrong = task_judge_data_out(t, p);
	if (wrong) {
		log_info("Data-Out is wrong: %s | conn=%llu peer=%s itt=%08x", wrong,
			 (unsigned long long)s->c->id, s->c->peer, t->itt);
		scsi_fail(&t->cmd, SENSE_ABORTED_COMMAND, SENSE_DATA_PHASE_ERROR);
		task_respond(t);
		return;
	}
	t->datasn++;
	if (p->data_bytes) {
		s->c->sink.task = t;
		s->c->sink.at = t->moved;
	} else {
		task_data_end(t, pdu_flags(p->bhs) & PDU_F);
	}
}
