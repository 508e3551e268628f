/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * transport.h in memory, with the network between it and the simulated target.
 *
 * The one hard thing: what outlives a lost link. A task that was sent may reach the target long
 * after; it is applied, unless a new login with the same ISID came first: that ends the old
 * session's tasks (RFC 7143 6.3.5), and everything the initiator sends again counts on it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/cursor.h"
#include "sim.h"

enum tp_state {
	TP_DIALLING = 1,
	TP_LOGIN,		/* connected; the login has left */
	TP_READY,
	TP_LOGGING_OUT,
	TP_LOST,		/* on_lost is due, or ran */
};

struct transport {
	struct sim *sim;
	enum tp_state state;
	const struct transport_events *events;
	void *arg;
	struct sim_dial dial;
	mono_ms login_at;
	char redirect[TRANSPORT_PORTAL_MAX];
	struct transport_loss loss;
	unsigned login;
	unsigned group;			/* of portals */
	unsigned commands;
	unsigned abandoned;		/* slots that were not answered since */
	struct sim_tmf *tmf;		/* whose answer is waited for */
	mono_ms last_rx;
	bool in_callback;
	bool lost_told;
	struct loop_timer timer;	/* the dial's answer; then the loss */
	struct loop_timer brief;
	struct loop_timer pong;
	struct loop_timer out;		/* the logout's answer */
};

/* --- losing it ---------------------------------------------------------------------------- */

static void tp_fire_lost(struct loop_timer *t)
{
	struct transport *tp = container_of(t, struct transport, timer);

	tp->lost_told = true;
	sim_trace(tp->sim, "on_lost: %s", tp->loss.text);
	tp->events->on_lost(tp->arg, &tp->loss);	/* cuts us */
}

static void tp_lose(struct transport *tp, enum transport_loss_kind kind, span_ms time2wait,
		    const char *text)
{
	bool logged_in = tp->state == TP_READY || tp->state == TP_LOGGING_OUT;
	struct sim *s = tp->sim;
	struct sim_task *t;
	struct sim_tmf *m;

	if (tp->state == TP_LOST)
		return;
	if (logged_in) {
		s->losses++;
		s->last_loss = loop_now(s->loop);
		s->named_wait = time2wait < 0 ? s->net.time2wait : time2wait;
	}
	tp->state = TP_LOST;
	tp->loss.kind = kind;
	tp->loss.time2wait = time2wait;
	tp->loss.closed = logged_in && kind != TRANSPORT_LOSS_LOGGED_OUT;
	snprintf(tp->loss.text, sizeof(tp->loss.text), "%s", text);
	snprintf(tp->loss.redirect, sizeof(tp->loss.redirect), "%s", tp->redirect);
	loop_timer_stop(&tp->pong);
	loop_timer_stop(&tp->out);
	loop_timer_stop(&tp->brief);
	loop_timer_set(&tp->timer, loop_now(s->loop));
	list_each(t, &s->tasks, link) {
		if (t->tp == tp && t->executed)
			loop_timer_stop(&t->timer);
	}
	list_each(m, &s->tmfs, link) {
		if (m->tp == tp)
			loop_timer_stop(&m->timer);
	}
}

void sim_drop(struct sim *s, enum transport_loss_kind kind, span_ms time2wait, const char *text)
{
	if (s->tp)
		tp_lose(s->tp, kind, time2wait, text);
}

bool sim_is_up(const struct sim *s)
{
	return s->tp && s->tp->state == TP_READY;
}

unsigned sim_tasks_on_wire(const struct sim *s)
{
	const struct sim_task *t;
	unsigned n = 0;

	list_each(t, &s->tasks, link)
		n += t->tp != NULL;
	return n;
}

/* --- tasks -------------------------------------------------------------------------------- */

static uint64_t sim_sum(const uint8_t *data, uint32_t bytes)
{
	uint64_t sum = 1469598103934665603u;

	for (uint32_t i = 0; i < bytes; i++)
		sum = (sum ^ data[i]) * 1099511628211u;
	return sum;
}

static void task_free(struct sim_task *t)
{
	list_del(&t->link);
	loop_timer_stop(&t->timer);
	free(t->data);
	free(t);
}

/* What was sent must still be what the owner's memory holds, as long as it is lent to us. */
static void task_check_src(struct sim_task *t)
{
	if (t->tp && t->is_write && !t->executed &&
	    sim_sum(t->src, t->data_bytes) != sim_sum(t->data, t->data_bytes))
		sim_broken(t->sim, "the buffer of a write changed on the wire: lun %u lba %llu",
			   t->lun, (unsigned long long)t->lba);
}

static void task_deliver(struct sim_task *t)
{
	struct sim *s = t->sim;
	struct transport *tp = t->tp;
	struct transport_cmd *tc = t->tc;

	tp->last_rx = loop_now(s->loop);
	tc->rejected = t->fate == SIM_FATE_REJECT;
	tc->status = t->status;
	tc->sense = t->sense;
	tc->in_bytes = t->in_bytes;
	if (t->fate == SIM_FATE_SHORT && t->in_bytes)
		tc->in_bytes = t->in_bytes / 2;
	if (t->in && t->data && !t->is_write)
		memcpy(t->in, t->data, tc->in_bytes);
	sim_trace(s, "  answer #%llu status=%02x sense=%x/%04x%s", (unsigned long long)t->seq,
		  tc->status, tc->sense.key, tc->sense.code, tc->rejected ? " rejected" : "");
	if (!tc->rejected && t->lun < SIM_LUNS &&
	    (t->is_read || t->is_write || t->is_sync) &&
	    (tc->status == SCSI_GOOD || tc->sense.key == SENSE_MEDIUM_ERROR ||
	     tc->sense.key == SENSE_ILLEGAL_REQUEST))
		s->progress[t->lun] = loop_now(s->loop);
	if (tc->rejected || tc->status != SCSI_GOOD || t->fate == SIM_FATE_SHORT)
		sim_note_lost(s, t, true);
	if (t->fate != SIM_FATE_STATUS && tc->sense.key == SENSE_UNIT_ATTENTION &&
	    tc->sense.code == SENSE_POWER_ON)
		s->disks[t->lun].lost_in_secret = false;
	if (t->fate != SIM_FATE_STATUS && tc->sense.key == SENSE_UNIT_ATTENTION &&
	    tc->sense.code == SENSE_INQUIRY_DATA_CHANGED)
		s->disks[t->lun].swap_fence = s->next_seq + 1;
	task_free(t);
	tp->in_callback = true;
	tc->done(tc);
	tp->in_callback = false;
}

/* Bytes of it are on their way. */
static bool task_creeps(struct sim_task *t)
{
	struct sim *s = t->sim;
	span_ms step = MIN(t->slow, 100);

	if (!t->tp || !step || s->net.black)
		return false;
	t->slow -= step;
	t->moved = t->tp->last_rx = s->progress[t->lun] = loop_now(s->loop);
	loop_timer_set(&t->timer, t->moved + step);
	return true;
}

static span_ms sim_delay(struct sim *s)
{
	span_ms spread = s->net.delay_max - s->net.delay_min;

	return s->net.delay_min + (span_ms)sim_below(&s->chance, (unsigned)spread + 1);
}

static void task_execute(struct sim_task *t)
{
	struct sim *s = t->sim;
	uint8_t status = t->status;
	struct sense sense = t->sense;

	task_check_src(t);
	if (t->fate == SIM_FATE_STATUS || t->fate == SIM_FATE_REJECT) {
		t->executed = true;
		return;
	}
	sim_target_execute(s, t);
	if (t->fate == SIM_FATE_STATUS_DONE && t->status == SCSI_GOOD) {
		t->status = status;
		t->sense = sense;
	}
}

/* It arrives at the target; later, at us. */
static void task_due(struct loop_timer *timer)
{
	struct sim_task *t = container_of(timer, struct sim_task, timer);
	struct sim *s = t->sim;

	if (t->executed) {
		if (s->net.black)
			loop_timer_stop(&t->timer);	/* its answer is lost on the way */
		else
			task_deliver(t);
		return;
	}
	if (s->net.black && t->tp)
		return;
	if (t->fate == SIM_FATE_HUNG && t->tp)
		return;
	if (task_creeps(t))
		return;
	if (t->login != s->group_login[t->group]) {
		sim_trace(s, "  late #%llu: its session was replaced", (unsigned long long)t->seq);
		task_free(t);
		return;
	}
	task_execute(t);
	if (!t->tp) {
		sim_trace(s, "  late #%llu: executed all the same", (unsigned long long)t->seq);
		task_free(t);
	} else if (t->fate == SIM_FATE_DROP_AFTER) {
		tp_lose(t->tp, TRANSPORT_LOSS_DROPPED, -1, "dropped instead of an answer");
	} else if (t->fate != SIM_FATE_SILENT && t->tp->state != TP_LOST) {
		loop_timer_set(&t->timer, loop_now(s->loop) + sim_delay(s));
	}
}

static void task_start(struct sim_task *t)
{
	struct sim *s = t->sim;
	mono_ms now = loop_now(s->loop);
	span_ms delay = s->net.immediate ? 0 : sim_delay(s);

	switch (t->fate) {
	case SIM_FATE_DROP_BEFORE:
		tp_lose(t->tp, TRANSPORT_LOSS_DROPPED, -1, "dropped before it arrived");
		break;
	case SIM_FATE_DROP_LATE:
		tp_lose(t->tp, TRANSPORT_LOSS_DROPPED, -1, "dropped, and late");
		loop_timer_set(&t->timer,
			       now + 1 + (span_ms)sim_below(&s->chance, (unsigned)s->net.late_max + 1));
		break;
	case SIM_FATE_NORMAL:
	case SIM_FATE_DROP_AFTER:
	case SIM_FATE_SILENT:
	case SIM_FATE_STATUS:
	case SIM_FATE_STATUS_DONE:
	case SIM_FATE_REJECT:
	case SIM_FATE_SHORT:
	case SIM_FATE_HUNG:
	case SIM_FATE_SLOW:
		loop_timer_set(&t->timer, now + delay);
		break;
	}
}

/* --- task management ---------------------------------------------------------------------- */

/*
 * It ends what was sent before it, and nothing else (RFC 7143 11.5.1); the reset of a LUN what came
 * over other nexuses too, here also what is on its way over them.
 */
static bool tmf_ends(const struct sim_tmf *m, const struct sim_task *t)
{
	if ((t->tp != m->tp && (t->tp || m->function != TRANSPORT_LUN_RESET)) || t->aborted)
		return false;
	switch (m->function) {
	case TRANSPORT_ABORT_TASK:
		return t->seq == m->seq;
	case TRANSPORT_LUN_RESET:
		return t->seq < m->seq && t->lun == m->lun;
	default:
		return t->seq < m->seq;
	}
}

/* An answer that is on its way still comes, before that of the function. */
static mono_ms tmf_end_tasks(struct sim_tmf *m)
{
	mono_ms last = 0;
	struct sim_task *t;

	if (m->function == TRANSPORT_ABORT_TASK)
		m->response = TRANSPORT_TMF_NO_TASK;
	list_each(t, &m->sim->tasks, link) {
		if (!tmf_ends(m, t))
			continue;
		if (!t->executed)
			m->response = TRANSPORT_TMF_COMPLETE;
		if (t->executed && loop_timer_is_set(&t->timer)) {
			last = MAX(last, t->timer.when);
			continue;
		}
		task_check_src(t);
		t->aborted = true;
		loop_timer_stop(&t->timer);
	}
	return last;
}

static void tmf_attend(struct sim_tmf *m)
{
	for (unsigned i = 0; i < SIM_LUNS; i++) {
		if (m->function == TRANSPORT_TARGET_WARM_RESET ||
		    (m->function == TRANSPORT_LUN_RESET && m->lun == i))
			sim_target_ua(&m->sim->disks[i], 0x2903);
	}
}

static void tmf_free(struct sim_tmf *m)
{
	list_del(&m->link);
	loop_timer_stop(&m->timer);
	free(m);
}

static void tmf_deliver(struct sim_tmf *m)
{
	struct transport *tp = m->tp;
	uint8_t response = m->response;
	bool wanted = tp->tmf == m;

	if (m->sim->net.black)
		return;
	sim_trace(m->sim, "  task management answered: %u%s", response, wanted ? "" : ", too late");
	tp->last_rx = loop_now(m->sim->loop);
	tmf_free(m);
	if (!wanted)
		return;
	tp->tmf = NULL;
	tp->events->on_tmf(tp->arg, response);
}

static void tmf_due(struct loop_timer *timer)
{
	struct sim_tmf *m = container_of(timer, struct sim_tmf, timer);
	struct sim *s = m->sim;
	mono_ms now = loop_now(s->loop), last = 0;

	if (m->executed) {
		tmf_deliver(m);
		return;
	}
	m->executed = true;
	if (s->net.black || m->fate == SIM_TMF_LOST)
		return;
	if (m->fate != SIM_TMF_REFUSED) {
		m->response = TRANSPORT_TMF_COMPLETE;
		last = tmf_end_tasks(m);
		tmf_attend(m);
	}
	if (m->fate == SIM_TMF_DROP)
		tp_lose(m->tp, TRANSPORT_LOSS_DROPPED, -1, "dropped instead of a TMF's answer");
	else if (m->fate != SIM_TMF_SILENT)
		loop_timer_set(timer, MAX(now + sim_delay(s) + m->delay, last + 1));
}

static int tp_may_send(struct transport *tp);

static struct sim_task *tp_find(const struct transport *tp, const struct transport_cmd *cmd)
{
	struct sim_task *t;

	list_each(t, &tp->sim->tasks, link) {
		if (t->tp == tp && t->tc == cmd)
			return t;
	}
	return NULL;
}

static void tmf_count(struct sim *s, enum transport_tmf function)
{
	s->aborts += function == TRANSPORT_ABORT_TASK;
	s->lun_resets += function == TRANSPORT_LUN_RESET;
	s->target_resets += function == TRANSPORT_TARGET_WARM_RESET;
}

int transport_task_management(struct transport *tp, enum transport_tmf function,
			      struct lun_addr lun, struct transport_cmd *cmd)
{
	struct sim *s = tp->sim;
	const struct sim_task *t = cmd ? tp_find(tp, cmd) : NULL;
	struct sim_tmf *m;

	if (tp->state == TP_LOST)
		return 0;
	if (tp_may_send(tp) < 0)
		return -ENOMEM;
	if (s->net.queued)
		return -EBUSY;
	if (function == TRANSPORT_ABORT_TASK && !t)
		sim_broken(s, "an abort of what is not in flight");
	m = calloc(1, sizeof(*m));
	BUG_ON(!m);
	*m = (struct sim_tmf){ .sim = s, .tp = tp, .function = function,
			       .lun = lun_addr_number(lun), .seq = t ? t->seq : s->next_seq + 1,
			       .response = TRANSPORT_TMF_REJECTED };
	tmf_count(s, function);
	loop_timer_init(s->loop, &m->timer, tmf_due);
	list_append(&s->tmfs, &m->link);
	tp->tmf = m;
	if (s->net.on_tmf)
		s->net.on_tmf(s, m);
	sim_trace(s, "task management %u lun=%u fate %d", function, m->lun, m->fate);
	loop_timer_set(&m->timer, loop_now(s->loop) + sim_delay(s));
	return 0;
}

int transport_abandon(struct transport *tp, struct transport_cmd *cmd)
{
	struct sim *s = tp->sim;
	struct sim_task *t = tp_find(tp, cmd);

	if (tp->state == TP_LOST || !t)
		return 0;
	if ((t->is_write || t->is_sync) && !t->aborted && !t->executed)
		sim_broken(s, "abandoned what may still run: #%llu", (unsigned long long)t->seq);
	if (++tp->abandoned > 64)
		return -EBUSY;
	sim_trace(s, "  abandoned #%llu", (unsigned long long)t->seq);
	task_check_src(t);
	sim_note_lost(s, t, false);
	s->resent[t->lun] = 0;		/* all are taken back before any is sent again */
	task_free(t);
	return 0;
}

span_ms transport_quiet(struct transport *tp, const struct transport_cmd *cmd)
{
	const struct sim_task *t = tp_find(tp, cmd);

	return t ? loop_now(tp->sim->loop) - t->moved : 0;
}

static unsigned tp_in_flight(const struct transport *tp)
{
	const struct sim_task *t;
	unsigned n = 0;

	list_each(t, &tp->sim->tasks, link)
		n += t->tp == tp;
	return n + tp->abandoned;
}

/* The checks of every call that sends; 0, or what the call returns. */
static int tp_may_send(struct transport *tp)
{
	struct sim *s = tp->sim;

	if (s->tp != tp)
		sim_broken(s, "sent over a transport that is cut");
	if (tp->state == TP_LOGGING_OUT)
		sim_broken(s, "sent after the logout");
	if (tp->state == TP_LOST && tp->lost_told)
		sim_broken(s, "sent after on_lost");
	if (tp->state == TP_DIALLING || tp->state == TP_LOGIN)
		sim_broken(s, "sent before the login");
	if (sim_percent(&s->chance, s->net.oom_percent))
		return sim_percent(&s->chance, 50) ? -ENOMEM : -EAGAIN;
	return tp_in_flight(tp) < tp->commands ? 0 : -EAGAIN;
}

static void task_describe(struct sim_task *t)
{
	t->is_read = t->cdb[0] == SCSI_READ_16;
	t->is_write = t->cdb[0] == SCSI_WRITE_16;
	t->is_sync = t->cdb[0] == SCSI_SYNCHRONIZE_CACHE_16 ||
		     t->cdb[0] == SCSI_SYNCHRONIZE_CACHE_10;
	if (t->is_read || t->is_write) {
		t->lba = be64_load(t->cdb + 2);
		t->blocks = be32_load(t->cdb + 10);
		t->fua = t->is_write && t->cdb[1] & 0x08;
	}
	t->sim->reads += t->is_read;
	t->sim->writes += t->is_write;
	t->sim->syncs += t->is_sync;
	t->sim->fuas += t->fua;
	t->sim->others += !t->is_read && !t->is_write && !t->is_sync;
}

static void task_take_data(struct sim_task *t, const void *out, uint32_t out_bytes)
{
	t->src = out;
	t->data_bytes = out_bytes;
	if (!out_bytes)
		return;
	t->data = malloc(out_bytes);
	BUG_ON(!t->data);
	memcpy(t->data, out, out_bytes);
}

int transport_command(struct transport *tp, struct transport_cmd *cmd, struct lun_addr lun,
		      const uint8_t *cdb, unsigned cdb_len, void *in, uint32_t in_bytes,
		      const void *out, uint32_t out_bytes)
{
	struct sim *s = tp->sim;
	struct sim_task *t;
	int rc = tp_may_send(tp);

	if (rc < 0)
		return rc;
	t = calloc(1, sizeof(*t));
	BUG_ON(!t || lun_addr_number(lun) >= SIM_LUNS);
	t->sim = s;
	t->tp = tp;
	t->tc = cmd;
	t->seq = t->order = ++s->next_seq;
	t->login = tp->login;
	t->group = tp->group;
	t->lun = lun_addr_number(lun);
	memcpy(t->cdb, cdb, cdb_len);
	t->moved = loop_now(s->loop);
	t->in = in;
	t->in_room = in_bytes;
	loop_timer_init(s->loop, &t->timer, task_due);
	task_take_data(t, out, out_bytes);
	task_describe(t);
	sim_trace(s, "  send #%llu lun=%u op=%02x lba=%llu blocks=%u%s", (unsigned long long)t->seq,
		  t->lun, t->cdb[0], (unsigned long long)t->lba, t->blocks, t->fua ? " fua" : "");
	sim_check_send(s, t);
	list_append(&s->tasks, &t->link);
	if (tp->state == TP_LOST)
		return 0;		/* we do not know yet; it goes nowhere */
	if (s->net.on_task)
		s->net.on_task(s, t);
	task_start(t);
	return 0;
}

int transport_read(struct transport *tp, struct transport_cmd *cmd, struct lun_addr lun,
		   uint64_t lba, uint32_t blocks, uint32_t block_bytes, void *dst)
{
	uint8_t cdb[CDB_MAX];
	unsigned len = cdb_read_16(cdb, lba, blocks);

	BUG_ON(!blocks || blocks > TRANSPORT_BURST_BYTES / block_bytes);
	return transport_command(tp, cmd, lun, cdb, len, dst, blocks * block_bytes, NULL, 0);
}

int transport_write(struct transport *tp, struct transport_cmd *cmd, struct lun_addr lun,
		    uint64_t lba, uint32_t blocks, uint32_t block_bytes, const void *src, bool fua)
{
	uint8_t cdb[CDB_MAX];
	unsigned len = cdb_write_16(cdb, lba, blocks, fua);

	BUG_ON(!blocks || blocks > TRANSPORT_BURST_BYTES / block_bytes);
	return transport_command(tp, cmd, lun, cdb, len, NULL, 0, src, blocks * block_bytes);
}

/* --- the connection ----------------------------------------------------------------------- */

static void tp_fire_brief(struct loop_timer *t)
{
	struct transport *tp = container_of(t, struct transport, brief);

	tp_lose(tp, tp->dial.asked ? TRANSPORT_LOSS_ASKED : TRANSPORT_LOSS_DROPPED, -1,
		"dropped soon after the login");
}

/* The target has a session with us now: the one before it, and its tasks, are over. */
static void tp_logged_in(struct transport *tp)
{
	struct sim *s = tp->sim;
	struct transport_limits limits = {
		.max_send_bytes = 262144,
		.max_burst_bytes = 262144,
		.first_burst_bytes = 65536,
		.immediate_data = true,
		.time2wait = s->net.time2wait,
		.tpgt = (uint16_t)tp->group,
	};

	tp->state = TP_READY;
	tp->login = s->group_login[tp->group] = ++s->logins;
	tp->last_rx = loop_now(s->loop);
	s->last_login = tp->last_rx;
	memset(s->resent, 0, sizeof(s->resent));
	if (tp->dial.answer == SIM_DIAL_BRIEF)
		loop_timer_set(&tp->brief, loop_now(s->loop) + tp->dial.delay);
	tp->in_callback = true;
	tp->events->on_ready(tp->arg, &limits);
	tp->in_callback = false;
}

/* RFC 7143 13.15, seen from the target. */
static void tp_check_time2wait(const struct transport *tp)
{
	struct sim *s = tp->sim;

	if (s->losses && s->session->settings.time2wait == NODE_TIME2WAIT_WAIT &&
	    loop_now(s->loop) < s->last_loss + s->named_wait)
		sim_broken(s, "a login before Time2Wait is over");
}

/* Connected; the login leaves when it may, and is answered after the time that a dial takes. */
static void tp_connected(struct transport *tp)
{
	struct sim *s = tp->sim;
	mono_ms now = loop_now(s->loop);

	if (now < tp->login_at) {
		loop_timer_set(&tp->timer, tp->login_at);
		return;
	}
	tp_check_time2wait(tp);
	s->last_login_sent = now;
	tp->state = TP_LOGIN;
	if (tp->dial.answer == SIM_DIAL_MUTE)
		return;
	loop_timer_set(&tp->timer, now + (tp->dial.answer == SIM_DIAL_BRIEF ? 1 : tp->dial.delay));
}

static void tp_answer(struct loop_timer *timer)
{
	struct transport *tp = container_of(timer, struct transport, timer);

	if (tp->state == TP_LOST) {
		tp_fire_lost(timer);
		return;
	}
	if (tp->sim->net.black)
		return;
	if (tp->state == TP_DIALLING && tp->dial.answer != SIM_DIAL_REFUSED) {
		tp_connected(tp);
		return;
	}
	switch (tp->dial.answer) {
	case SIM_DIAL_OK:
	case SIM_DIAL_BRIEF:
		tp_logged_in(tp);
		return;
	case SIM_DIAL_REFUSED:
	case SIM_DIAL_NOMEM:
		tp_lose(tp, TRANSPORT_LOSS_CONNECT, -1, "connection refused");
		break;
	case SIM_DIAL_LOGIN:
		tp->loss.login_status = tp->dial.status;
		tp_lose(tp, TRANSPORT_LOSS_LOGIN, -1, "login refused");
		break;
	case SIM_DIAL_AUTH:
		tp_lose(tp, TRANSPORT_LOSS_AUTH, -1, "the target did not prove itself");
		break;
	case SIM_DIAL_DROP:
		tp_lose(tp, TRANSPORT_LOSS_CONNECT, -1, "closed within the login");
		break;
	case SIM_DIAL_MUTE:
		break;
	}
}

static void tp_fire_pong(struct loop_timer *t)
{
	struct transport *tp = container_of(t, struct transport, pong);

	if (tp->sim->net.black)
		return;
	tp->last_rx = loop_now(tp->sim->loop);
	tp->in_callback = true;
	tp->events->on_pong(tp->arg);
	tp->in_callback = false;
}

static void tp_fire_out(struct loop_timer *t)
{
	struct transport *tp = container_of(t, struct transport, out);

	if (!tp->sim->net.black)
		tp_lose(tp, TRANSPORT_LOSS_LOGGED_OUT, -1, "logged out");
}

static void sim_check_dial(struct sim *s, const struct transport_param *p)
{
	if (s->tp)
		sim_broken(s, "a second transport is dialled");
	if (s->isid && s->isid != p->isid)
		sim_broken(s, "the ISID changed between dials");
	s->isid = p->isid;
	s->dials++;
	s->last_dial = loop_now(s->loop);
	snprintf(s->last_portal, sizeof(s->last_portal), "%s", p->portal);
}

int transport_dial(struct transport **out, struct loop *loop, const struct transport_param *param,
		   const struct transport_events *events, void *arg)
{
	struct sim *s = sim_world;
	struct sim_dial dial = { .delay = 1 };
	struct transport *tp;

	*out = NULL;
	sim_check_dial(s, param);
	if (s->net.on_dial)
		s->net.on_dial(s, param->portal, &dial);
	sim_trace(s, "dial %s: fate %d", param->portal, dial.answer);
	if (dial.answer == SIM_DIAL_NOMEM)
		return -ENOMEM;
	tp = calloc(1, sizeof(*tp));
	BUG_ON(!tp);
	tp->sim = s;
	tp->state = TP_DIALLING;
	tp->events = events;
	tp->arg = arg;
	tp->dial = dial;
	tp->commands = param->commands;
	tp->login_at = param->login_at;
	tp->group = s->net.group_of ? s->net.group_of(param->portal) : 0;
	tp->last_rx = loop_now(loop);
	if (dial.redirect)
		snprintf(tp->redirect, sizeof(tp->redirect), "%s", dial.redirect);
	loop_timer_init(loop, &tp->timer, tp_answer);
	loop_timer_init(loop, &tp->brief, tp_fire_brief);
	loop_timer_init(loop, &tp->pong, tp_fire_pong);
	loop_timer_init(loop, &tp->out, tp_fire_out);
	loop_timer_set(&tp->timer, loop_now(loop) +
		       (dial.answer == SIM_DIAL_REFUSED ? dial.delay : 0));
	s->tp = *out = tp;
	return 0;
}

void transport_login_at(struct transport *tp, mono_ms when)
{
	tp->login_at = when;
	if (tp->state == TP_DIALLING && tp->dial.answer != SIM_DIAL_REFUSED)
		loop_timer_set(&tp->timer, MAX(when, loop_now(tp->sim->loop)));
}

int transport_ping(struct transport *tp)
{
	struct sim *s = tp->sim;

	if (tp->state == TP_LOST)
		return 0;
	if (s->net.ping_fails)
		return -ENOMEM;
	if (tp_may_send(tp) < 0)
		return -ENOMEM;
	s->pings++;
	sim_trace(s, "ping");
	loop_timer_set(&tp->pong, loop_now(s->loop) + sim_delay(s));
	return 0;
}

int transport_send_targets(struct transport *tp)
{
	(void)tp;
	return -ENOTSUP;
}

int transport_logout(struct transport *tp)
{
	struct sim *s = tp->sim;

	if (tp->state == TP_LOST)
		return 0;
	if (tp->state != TP_READY)
		sim_broken(s, "a logout before the login, or twice");
	tp->state = TP_LOGGING_OUT;
	s->logouts++;
	sim_trace(s, "logout");
	if (!s->net.deaf_logout)
		loop_timer_set(&tp->out, loop_now(s->loop) + sim_delay(s));
	return 0;
}

span_ms transport_silence(struct transport *tp)
{
	return loop_now(tp->sim->loop) - tp->last_rx;
}

span_ms transport_unheard(struct transport *tp)
{
	(void)tp;
	return 0;
}

unsigned transport_queued(const struct transport *tp)
{
	return tp->sim->net.queued;
}

const char *transport_local(const struct transport *tp)
{
	(void)tp;
	return "192.0.2.7:41234";
}

/* What was sent and not executed is on its way still, and may arrive. */
static void tp_orphan_tasks(struct transport *tp)
{
	struct sim *s = tp->sim;
	struct sim_task *t, *tmp;

	list_each_safe(t, tmp, &s->tasks, link) {
		if (t->tp != tp)
			continue;
		sim_note_lost(s, t, false);
		task_check_src(t);
		t->tp = NULL;
		t->tc = NULL;
		t->in = NULL;
		t->src = NULL;
		if (t->executed || t->aborted || t->fate == SIM_FATE_DROP_BEFORE ||
		    !loop_timer_is_set(&t->timer))
			task_free(t);
	}
}

static void tp_forget_tmfs(struct transport *tp)
{
	struct sim_tmf *m, *tmp;

	list_each_safe(m, tmp, &tp->sim->tmfs, link) {
		if (m->tp == tp)
			tmf_free(m);
	}
}

void transport_cut(struct transport *tp)
{
	if (!tp)
		return;
	if (tp->in_callback)
		sim_broken(tp->sim, "cut inside a callback of the transport");
	sim_trace(tp->sim, "cut");
	for (unsigned i = 0; i < SIM_LUNS; i++) {
		tp->sim->disks[i].lost_in_secret = false;
		tp->sim->disks[i].swap_fence = 0;
	}
	tp_orphan_tasks(tp);
	tp_forget_tmfs(tp);
	loop_timer_stop(&tp->timer);
	loop_timer_stop(&tp->brief);
	loop_timer_stop(&tp->pong);
	loop_timer_stop(&tp->out);
	tp->sim->tp = NULL;
	free(tp);
}
