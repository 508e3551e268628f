/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults at work: what happens is written down and shown to the engine, and what its rule says is
 * done. The one hard thing: most deeds end the connection or the task that they are done to, so
 * after each of them it is asked what is still there.
 */
#include "target/fault_hooks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/log.h"
#include "target/connection.h"
#include "target/fault_act.h"
#include "target/fault_control.h"
#include "target/fault_tmf.h"
#include "target/fault_zombie.h"
#include "target/login.h"
#include "target/scsi_range.h"
#include "target/session.h"
#include "target/task.h"
#include "target/tmf.h"

/* A rule on time. */
struct fault_alarm {
	struct faults *faults;
	struct fault_rule *rule;	/* a reference */
	struct loop_timer timer;
	struct list link;
};

/* --- life --- */

static void faults_tell(struct loop_call *call)
{
	fault_control_hit(container_of(call, struct faults, hit));
}

int faults_new(struct faults **out, struct server *s)
{
	struct faults *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->server = s;
	fault_init(&f->engine);
	list_init(&f->timers);
	list_init(&f->zombies);
	list_init(&f->waiters);
	loop_call_init(&f->hit, faults_tell);
	loop_call_init(&f->settle, fault_act_settle);
	f->deaf.when = MONO_NEVER;
	*out = f;
	return 0;
}

static void fault_alarm_free(struct fault_alarm *a)
{
	loop_timer_stop(&a->timer);
	list_del(&a->link);
	fault_rule_put(a->rule);
	free(a);
}

void faults_free(struct faults *f)
{
	struct fault_alarm *a, *tmp;

	if (!f)
		return;
	list_each_safe(a, tmp, &f->timers, link)
		fault_alarm_free(a);
	fault_zombies_end(f);
	if (f->deaf.fire)
		loop_timer_stop(&f->deaf);
	loop_call_cancel(&f->hit);
	loop_call_cancel(&f->settle);
	fault_fini(&f->engine);
	free(f);
}

/* The rule struck: whoever waits for it is told, and the journal says it beside what it struck. */
static void fault_struck(struct faults *f, const struct fault_rule *r)
{
	struct journal_record *j = journal_newest(&f->journal);

	if (j)
		memcpy(j->rule, r->script.name, sizeof(j->rule));
	log_debug("fault | rule=%s hits=%llu", r->script.name, (unsigned long long)r->all.hits);
	loop_defer(f->server->loop, &f->hit);
}

static struct fault_rule *fault_ask(struct faults *f, const struct fault_event *ev)
{
	struct fault_rule *r;

	if (list_empty(&f->engine.rules))
		return NULL;
	r = fault_check(&f->engine, ev, loop_now(f->server->loop));
	if (r)
		fault_struck(f, r);
	return r;
}

static void fault_alarm_fire(struct loop_timer *t)
{
	struct fault_alarm *a = container_of(t, struct fault_alarm, timer);
	struct faults *f = a->faults;
	struct fault_rule *r = a->rule;
	uint64_t count = r->script.limits.count ? r->script.limits.count : 1;

	if (r->deleted || r->all.hits >= count) {
		fault_alarm_free(a);
		return;
	}
	r->all.seen++;
	r->all.hits++;
	loop_timer_set(t, loop_now(f->server->loop) + MAX(r->script.after, 1));
	loop_defer(f->server->loop, &f->hit);
	for (unsigned i = 0; i < r->script.actions; i++)
		fault_act(f, NULL, &r->script, &r->script.action[i]);
}

static int fault_alarm_add(struct faults *f, struct fault_rule *r)
{
	struct fault_alarm *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->faults = f;
	a->rule = fault_rule_ref(r);
	loop_timer_init(f->server->loop, &a->timer, fault_alarm_fire);
	loop_timer_set(&a->timer, loop_now(f->server->loop) + r->script.after);
	list_init(&a->link);
	list_append(&f->timers, &a->link);
	return 0;
}

int faults_add(struct faults *f, const struct script_rule *script, struct err *e)
{
	int rc = f->server->loop ? fault_act_check(f, script, e) : 0;
	struct fault_rule *r;

	rc = rc ? rc : fault_add(&f->engine, script, e);
	if (rc || script->event != SCRIPT_EV_TIME || !f->server->loop)
		return rc;
	r = fault_find(&f->engine, script->name);
	if (!fault_alarm_add(f, r))
		return 0;
	fault_del(&f->engine, r);
	return err_set(e, ERR_NOMEM, "rule %s: out of memory", script->name);
}

void faults_del(struct faults *f, struct fault_rule *r)
{
	fault_del(&f->engine, r);
	loop_defer(f->server->loop, &f->hit);
}

int faults_start(struct faults *f, struct err *e)
{
	struct fault_rule *r;
	int rc = 0;

	list_each(r, &f->engine.rules, link) {
		rc = rc ? rc : fault_act_check(f, &r->script, e);
		if (!rc && r->script.event == SCRIPT_EV_TIME && fault_alarm_add(f, r))
			rc = err_set(e, ERR_NOMEM, "rule %s: out of memory", r->script.name);
	}
	return rc;
}

void fault_lun_gone(struct faults *f, const struct lun *l)
{
	fault_zombies_forget(f, l);
}

/* --- the journal --- */

static struct journal_record *fault_write(struct connection *c, enum journal_kind kind)
{
	struct journal_record *j = journal_add(&c->server->faults->journal);

	j->at = loop_now(c->server->loop);
	j->conn = c->id;
	j->kind = kind;
	return j;
}

/* Does this opcode have an LBA where scsi_range_of() looks for it? */
static bool fault_has_lba(uint8_t op)
{
	switch (op) {
	case SCSI_READ_6: case SCSI_READ_10: case SCSI_READ_12: case SCSI_READ_16:
	case SCSI_WRITE_6: case SCSI_WRITE_10: case SCSI_WRITE_12: case SCSI_WRITE_16:
	case SCSI_WRITE_VERIFY_10: case SCSI_WRITE_VERIFY_12: case SCSI_WRITE_VERIFY_16:
	case SCSI_VERIFY_10: case SCSI_VERIFY_12: case SCSI_VERIFY_16:
	case SCSI_SYNCHRONIZE_CACHE_10: case SCSI_SYNCHRONIZE_CACHE_16:
	case SCSI_PREFETCH_10: case SCSI_PREFETCH_16: case SCSI_ORWRITE_16:
	case SCSI_WRITE_SAME_10: case SCSI_WRITE_SAME_16: case SCSI_COMPARE_AND_WRITE:
		return true;
	default:
		return false;
	}
}

static void fault_write_command(struct journal_record *j, const uint8_t *lun, const uint8_t *cdb)
{
	struct lun_addr a;
	uint64_t blocks = 0;

	j->has_op = true;
	j->op = cdb[0];
	if (lun_addr_parse(lun, &a))
		j->lun = lun_addr_number(a);
	j->has_lba = fault_has_lba(j->op);
	if (!j->has_lba)
		return;
	scsi_range_of(cdb, &j->lba, &blocks);
	j->blocks = j->op == SCSI_COMPARE_AND_WRITE ? cdb[13] : (uint32_t)blocks;
}

static void fault_received(struct connection *c, const uint8_t *bhs)
{
	struct journal_record *j = fault_write(c, JOURNAL_RECEIVED);
	const struct task *t;

	j->pdu = pdu_opcode(bhs);
	j->itt = pdu_itt(bhs);
	if (j->pdu == PDU_SCSI_COMMAND)
		fault_write_command(j, pdu_lun(bhs), pdu_cdb(bhs));
	else if (j->pdu == PDU_DATA_OUT && c->session && (t = task_find(c->session, j->itt)))
		fault_write_command(j, t->lun, t->cmd.cdb);
}

void fault_sent(struct connection *c, const uint8_t *bhs)
{
	struct journal_record *j = fault_write(c, JOURNAL_SENT);

	j->pdu = pdu_opcode(bhs);
	j->itt = pdu_itt(bhs);
	j->has_status = j->pdu == PDU_SCSI_RESPONSE || j->pdu == PDU_LOGIN_RESPONSE ||
			(j->pdu == PDU_DATA_IN && bhs[1] & PDU_DATA_IN_S);
	if (j->has_status)
		j->status = j->pdu == PDU_LOGIN_RESPONSE ? bhs[36] : bhs[3];
}

/* --- connections --- */

static void fault_conn_fire(struct loop_timer *t)
{
	struct connection *c = container_of(t, struct connection, fault.timer);

	if (c->fault.forgotten) {
		session_end(c->session);
		return;
	}
	c->fault.hole = false;
	c->fault.stalled = false;
	c->fault.held = false;
	conn_resume(c);
}

void fault_conn_init(struct connection *c)
{
	loop_timer_init(c->server->loop, &c->fault.timer, fault_conn_fire);
	list_init(&c->fault.late);
	fault_pace_init(c);
}

static struct fault_event fault_event_of(const struct connection *c, enum script_event what)
{
	struct fault_event ev = { .event = what, .conn = c->id };

	if (c->session) {
		ev.initiator = c->session->start.initiator;
		ev.target = c->session->start.target ? c->session->start.target->name : NULL;
	}
	return ev;
}

static void fault_act_all(struct connection *c, const struct fault_rule *r)
{
	for (unsigned i = 0; i < r->script.actions; i++)
		fault_act(c->server->faults, c, &r->script, &r->script.action[i]);
}

void fault_conn_accepted(struct connection *c)
{
	struct fault_event ev = fault_event_of(c, SCRIPT_EV_CONNECT);
	struct fault_rule *r;

	(void)fault_write(c, JOURNAL_ACCEPTED);
	r = fault_ask(c->server->faults, &ev);
	if (r)
		fault_act_all(c, r);
}

void fault_conn_closed(struct connection *c)
{
	loop_timer_stop(&c->fault.timer);
	fault_pace_end(c);
	fault_tmf_end(c);
	fault_rule_put(c->fault.rule);
	c->fault.rule = NULL;
	(void)fault_write(c, JOURNAL_CLOSED);
}

/* From here on the connection says nothing, and does not do what it was about to do. */
static bool fault_is_end(const struct script_action *a)
{
	return (a->act == SCRIPT_DO_BLACKHOLE && !a->span) || a->act == SCRIPT_DO_FORGET_SESSION;
}

static const struct script_action *fault_find_act(const struct fault_rule *r, enum script_act act)
{
	for (unsigned i = 0; i < r->script.actions; i++) {
		if (r->script.action[i].act == act)
			return &r->script.action[i];
	}
	return NULL;
}

/* --- PDUs that are no commands --- */

static enum script_event fault_event_of_pdu(const struct connection *c, uint8_t op)
{
	if (c->login)
		return op == PDU_LOGIN_REQUEST ? SCRIPT_EV_LOGIN : SCRIPT_EV_NONE;
	switch (op) {
	case PDU_NOP_OUT:
		return SCRIPT_EV_NOP;
	case PDU_TMF_REQUEST:
		return SCRIPT_EV_TMF;
	case PDU_TEXT_REQUEST:
		return SCRIPT_EV_TEXT;
	case PDU_DATA_OUT:
		return SCRIPT_EV_DATA_OUT;
	case PDU_LOGOUT_REQUEST:
		return SCRIPT_EV_LOGOUT;
	default:
		return SCRIPT_EV_NONE;
	}
}

static unsigned fault_stages_of(const uint8_t *bhs)
{
	unsigned stages = pdu_csg(bhs) ? SCRIPT_STAGE_OPERATIONAL : SCRIPT_STAGE_SECURITY;

	if (pdu_flags(bhs) & PDU_F && pdu_nsg(bhs) == 3)
		stages |= SCRIPT_STAGE_FULL;
	return stages;
}

static void fault_event_task(struct fault_event *ev, const struct task *t)
{
	uint64_t blocks = 0;

	ev->has_op = true;
	ev->op = t->cmd.cdb[0];
	ev->has_lun = t->cmd.lun_number <= TARGET_LUN_NUMBER_MAX;
	ev->lun = t->cmd.lun_number;
	ev->has_lba = fault_has_lba(ev->op);
	if (ev->has_lba)
		scsi_range_of(t->cmd.cdb, &ev->lba, &blocks);
	ev->blocks = blocks;
}

static struct fault_event fault_event_pdu(struct connection *c, const uint8_t *bhs)
{
	struct fault_event ev = fault_event_of(c, fault_event_of_pdu(c, pdu_opcode(bhs)));
	struct lun_addr a;
	const struct task *t;

	if (ev.event == SCRIPT_EV_LOGIN)
		ev.stages = fault_stages_of(bhs);
	if (ev.event == SCRIPT_EV_TMF) {
		ev.function = pdu_flags(bhs) & 0x7f;
		ev.has_lun = lun_addr_parse(pdu_lun(bhs), &a);
		ev.lun = ev.has_lun ? lun_addr_number(a) : 0;
	}
	if (ev.event == SCRIPT_EV_DATA_OUT && (t = task_find(c->session, pdu_itt(bhs))))
		fault_event_task(&ev, t);
	return ev;
}

/* A request is passed over: it took its number, and nothing else. */
static enum fault_verdict fault_skip(struct connection *c, const uint8_t *bhs)
{
	if (!c->dead && c->session && pdu_opcode(bhs) != PDU_DATA_OUT)
		session_skip(c->session, bhs);
	return FAULT_SKIP;
}

static enum fault_verdict fault_act_tmf(struct connection *c, const struct script_action *a,
					const uint8_t *bhs)
{
	enum fault_verdict verdict;

	if (a->act == SCRIPT_DO_WITHHOLD) {
		fault_spoil_arm(c, a);
		return FAULT_PASS;
	}
	verdict = fault_skip(c, bhs);
	if (c->dead)
		return verdict;
	if (a->act == SCRIPT_DO_LATE)
		fault_tmf_late(c, bhs, a->span);
	else
		tmf_answer(c->session, bhs, (enum pdu_tmf_response)a->number);
	return verdict;
}

static enum fault_verdict fault_act_pdu(struct connection *c, const struct fault_rule *r,
					const uint8_t *bhs)
{
	enum fault_verdict verdict = FAULT_PASS;

	for (unsigned i = 0; i < r->script.actions && !c->dead; i++) {
		const struct script_action *a = &r->script.action[i];

		fault_act(c->server->faults, c, &r->script, a);
		if (a->act == SCRIPT_DO_DROP || fault_is_end(a)) {
			verdict = fault_skip(c, bhs);
		} else if (a->act == SCRIPT_DO_REJECT && c->session && !c->dead) {
			verdict = fault_skip(c, bhs);
			session_reject(c->session, bhs, (enum pdu_reject)a->number);
		} else if (r->script.event == SCRIPT_EV_TMF && !c->dead &&
			   (a->act == SCRIPT_DO_WITHHOLD || a->act == SCRIPT_DO_LATE ||
			    a->act == SCRIPT_DO_REFUSE_TMF)) {
			verdict = fault_act_tmf(c, a, bhs);
		} else if ((a->act == SCRIPT_DO_REFUSE_WITH || a->act == SCRIPT_DO_REDIRECT) &&
			   c->login) {
			login_turn_away(c->login, bhs, (enum pdu_login_status)a->number, a->text);
			verdict = FAULT_SKIP;
		}
	}
	return c->draining ? FAULT_SKIP : verdict;
}

/* The rule's delay, before the PDU is looked at again. */
static enum fault_verdict fault_hold_pdu(struct connection *c, struct fault_rule *r, span_ms span)
{
	c->fault.rule = fault_rule_ref(r);
	c->fault.held = true;
	c->fault.passed = true;
	fault_act_until(c, MAX(span, 1));
	conn_stop(c);
	return FAULT_HOLD;
}

enum fault_verdict fault_pdu(struct connection *c, const struct pdu *p)
{
	struct fault_rule *r = c->fault.rule;
	enum fault_verdict verdict = FAULT_PASS;
	const struct script_action *delay;

	if (!c->fault.passed) {
		struct fault_event ev;

		fault_received(c, p->bhs);
		if (list_empty(&c->server->faults->engine.rules))
			return FAULT_PASS;
		ev = fault_event_pdu(c, p->bhs);
		r = ev.event ? fault_ask(c->server->faults, &ev) : NULL;
		delay = r ? fault_find_act(r, SCRIPT_DO_DELAY) : NULL;
		if (delay)
			return fault_hold_pdu(c, r, delay->span);
		if (r)
			verdict = fault_act_pdu(c, r, p->bhs);
		return verdict;
	}
	c->fault.passed = false;
	c->fault.rule = NULL;
	if (r)
		verdict = fault_act_pdu(c, r, p->bhs);
	fault_rule_put(r);
	return verdict;
}

/* --- commands --- */

/* What became of a command. */
enum fault_fate {
	FAULT_GOES_ON = 0,
	FAULT_ANSWERED_OTHERWISE,	/* cmd.status says it */
	FAULT_ENDS,
};

static void fault_set_sense(struct task *t, uint64_t n)
{
	scsi_fail(&t->cmd, (enum sense_key)(n >> 16 & 0xf), (uint16_t)n);
}

static void fault_reject(struct task *t, const uint8_t *bhs, uint64_t reason)
{
	session_reject(t->session, bhs, (enum pdu_reject)reason);
	if (t->state == TASK_HELD)
		task_abort(t);
	else if (!t->immediate)
		session_release_cmdsn(t->session);
}

/* @at_begin: the command did not run yet. */
static enum fault_fate fault_act_command(struct task *t, const struct fault_rule *r,
					 const uint8_t *bhs, bool at_begin)
{
	struct connection *c = t->session->c;
	enum fault_fate fate = FAULT_GOES_ON;

	for (unsigned i = 0; i < r->script.actions; i++) {
		const struct script_action *a = &r->script.action[i];

		fault_act(c->server->faults, c, &r->script, a);
		if (c->dead)
			return FAULT_ENDS;
		if (a->act == SCRIPT_DO_DROP || a->act == SCRIPT_DO_WITHHOLD ||
		    (fault_is_end(a) && at_begin)) {
			task_hold(t);
			fate = FAULT_ENDS;
		} else if (a->act == SCRIPT_DO_ZOMBIE) {
			fault_zombie_add(c->server->faults, t, r->script.name, a->span);
			task_hold(t);
			fate = FAULT_ENDS;
		} else if (a->act == SCRIPT_DO_REJECT) {
			fault_reject(t, bhs, a->number);
			return FAULT_ENDS;
		} else if (a->act == SCRIPT_DO_SENSE) {
			fault_set_sense(t, a->number);
			fate = FAULT_ANSWERED_OTHERWISE;
		} else if (a->act == SCRIPT_DO_STATUS) {
			t->cmd.status = (uint8_t)a->number;
			t->cmd.next = SCSI_NEXT_DONE;
			fate = FAULT_ANSWERED_OTHERWISE;
		}
	}
	return fate;
}

void fault_task_gone(struct task *t)
{
	struct fault_task *f = t->fault;

	t->fault = NULL;
	if (!f)
		return;
	loop_timer_stop(&f->timer);
	fault_rule_put(f->rule);
	free(f);
}

/* Take the rule off the task and do what it says. Returns true when the command goes no further. */
static bool fault_finish(struct task *t, bool at_begin)
{
	struct fault_task *f = t->fault;
	struct connection *c = t->session->c;
	struct fault_rule *r = f->rule;
	enum fault_fate fate;

	f->rule = NULL;
	fate = fault_act_command(t, r, f->bhs, at_begin);
	fault_rule_put(r);
	if (c->dead)
		fault_task_gone(t);
	else if (fate == FAULT_ANSWERED_OTHERWISE)
		task_answer(t);
	return fate != FAULT_GOES_ON;
}

static void fault_late(struct loop_timer *timer)
{
	struct fault_task *f = container_of(timer, struct fault_task, timer);
	struct task *t = f->task;

	f->was_late = true;
	if (!f->waiting_to_begin) {
		task_answer(t);
		return;
	}
	f->waiting_to_begin = false;
	if (f->rule->script.at_answer || !fault_finish(t, true))
		task_begin_late(t);
}

static void fault_wait(struct task *t, span_ms span)
{
	task_hold(t);
	loop_timer_set(&t->fault->timer, loop_now(t->session->c->server->loop) + span);
}

/* Keep @r for later in the command's life. Returns false when there is no memory for it. */
static bool fault_attach(struct task *t, struct fault_rule *r, const uint8_t *bhs)
{
	struct fault_task *f = calloc(1, sizeof(*f));

	if (!f)
		return false;
	f->task = t;
	f->rule = fault_rule_ref(r);
	memcpy(f->bhs, bhs, PDU_BHS);
	loop_timer_init(t->session->c->server->loop, &f->timer, fault_late);
	t->fault = f;
	return true;
}

bool fault_command(struct task *t, const struct pdu *p)
{
	struct connection *c = t->session->c;
	struct fault_event ev = fault_event_of(c, SCRIPT_EV_COMMAND);
	const struct script_action *delay;
	struct fault_rule *r;
	enum fault_fate fate;

	fault_event_task(&ev, t);
	r = fault_ask(c->server->faults, &ev);
	if (!r)
		return false;
	t->moved = t->unsolicited ? p->data_bytes : 0;	/* where the rest goes on */
	delay = fault_find_act(r, SCRIPT_DO_DELAY);
	if (r->script.at_answer || delay) {
		if (!fault_attach(t, r, p->bhs))
			return false;
		if (delay && !t->writes) {
			t->fault->waiting_to_begin = true;
			fault_wait(t, delay->span);
			return true;
		}
		t->moved = 0;
		return false;
	}
	fate = fault_act_command(t, r, p->bhs, true);
	if (fate == FAULT_ANSWERED_OTHERWISE)
		task_answer(t);
	else if (fate == FAULT_GOES_ON)
		t->moved = 0;
	return fate != FAULT_GOES_ON;
}

void fault_begun(struct task *t)
{
	const struct fault_rule *r = t->fault->rule;

	if (r && t->cmd.next == SCSI_NEXT_DATA_OUT &&
	    (fault_find_act(r, SCRIPT_DO_ZOMBIE) || fault_find_act(r, SCRIPT_DO_PRETEND)))
		fault_zombie_divert(t);
}

bool fault_answer(struct task *t)
{
	struct fault_task *f = t->fault;
	const struct script_action *delay;
	struct connection *c = t->session->c;
	struct fault_rule *r = f->rule;
	enum fault_fate fate;

	if (!r)
		return false;
	delay = fault_find_act(r, SCRIPT_DO_DELAY);
	if (delay && !f->was_late) {
		fault_wait(t, delay->span);
		return true;
	}
	f->rule = NULL;
	fate = fault_act_command(t, r, f->bhs, false);
	fault_rule_put(r);
	if (c->dead)
		fault_task_gone(t);
	return fate == FAULT_ENDS;
}

bool fault_outgoing(struct task *t, enum script_event what)
{
	struct connection *c = t->session->c;
	struct fault_event ev = fault_event_of(c, what);
	struct fault_rule *r;

	fault_event_task(&ev, t);
	r = fault_ask(c->server->faults, &ev);
	for (unsigned i = 0; r && i < r->script.actions; i++) {
		const struct script_action *a = &r->script.action[i];

		if (a->act == SCRIPT_DO_DROP)
			fault_spoil_arm(c, a);
		else
			fault_act(c->server->faults, c, &r->script, a);
	}
	return c->dead;
}

bool fault_data_in(struct task *t, bool last)
{
	const struct connection *c = t->session->c;

	if (t->fault && t->fault->rule && fault_finish(t, false))
		return true;
	if (fault_outgoing(t, SCRIPT_EV_DATA_IN) || (last && fault_outgoing(t, SCRIPT_EV_ANSWER)))
		return true;
	return t->state == TASK_IN && conn_is_stopped(c);
}
