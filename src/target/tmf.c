/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task management. The one hard thing: a function may end other initiators' tasks, and then those
 * must be told (unit attention), while the answer comes after the last of them is ended.
 */
#include "target/tmf.h"

#include "iscsifs/check.h"
#include "iscsifs/log.h"
#include "target/task.h"

unsigned tmf_abort_nexus(struct nexus *nexus, const struct lun *l, const struct scsi_cmd *except)
{
	struct session *s = container_of(nexus, struct session, nexus);
	struct task *t, *tmp;
	unsigned n = 0;

	list_each_safe(t, tmp, &s->active, link) {
		if (t->cmd.lun != l || &t->cmd == except)
			continue;
		task_abort(t);
		n++;
	}
	return n;
}

static unsigned tmf_abort_tasks(struct session *s, const struct lun *l)
{
	return tmf_abort_nexus(&s->nexus, l, NULL);
}

static enum pdu_tmf_response tmf_abort_task(struct session *s, const struct pdu *p)
{
	struct task *t = task_find(s, pdu_ttt(p->bhs));

	if (!t)
		return PDU_TMF_NO_TASK;
	task_abort(t);
	return PDU_TMF_COMPLETE;
}

/* Everybody's tasks on @l; the others learn of theirs by unit attention. */
static void tmf_clear_lun(struct session *s, struct lun *l)
{
	struct session *other;

	list_each(other, &s->c->server->sessions, link) {
		if (other->start.target != l->target)
			continue;
		if (tmf_abort_tasks(other, l) && other != s)
			other->nexus.ua[l->index] |= NEXUS_UA_CLEARED;
	}
}

static void tmf_reset_lun(struct session *s, struct lun *l)
{
	tmf_clear_lun(s, l);
	lun_reset(l);
}

static void tmf_reset_target(struct session *s)
{
	for (unsigned i = 0; i < s->start.target->luns; i++)
		tmf_reset_lun(s, s->start.target->lun[i]);
}

/* Cold reset: every connection to the target ends, ours once the answer is out. */
static void tmf_drop_sessions(struct session *s)
{
	struct session *other, *tmp;

	list_each_safe(other, tmp, &s->c->server->sessions, link) {
		if (other->start.target == s->start.target && other != s)
			conn_close(other->c, "target reset");
	}
	conn_drain(s->c);
}

static enum pdu_tmf_response tmf_on_lun(struct session *s, const struct pdu *p, enum pdu_tmf what)
{
	struct lun_addr a;
	struct lun *l = NULL;

	if (lun_addr_parse(pdu_lun(p->bhs), &a))
		l = target_lun(s->start.target, lun_addr_number(a));
	if (!l)
		return PDU_TMF_NO_LUN;
	if (what == PDU_TMF_ABORT_TASK_SET)
		tmf_abort_tasks(s, l);
	else if (what == PDU_TMF_CLEAR_TASK_SET)
		tmf_clear_lun(s, l);
	else
		tmf_reset_lun(s, l);
	return PDU_TMF_COMPLETE;
}

static enum pdu_tmf_response tmf_carry_out(struct session *s, const struct pdu *p, uint8_t what)
{
	switch (what) {
	case PDU_TMF_ABORT_TASK:
		return tmf_abort_task(s, p);
	case PDU_TMF_ABORT_TASK_SET:
	case PDU_TMF_CLEAR_TASK_SET:
	case PDU_TMF_LUN_RESET:
		return tmf_on_lun(s, p, what);
	case PDU_TMF_TARGET_WARM_RESET:
	case PDU_TMF_TARGET_COLD_RESET:
		tmf_reset_target(s);
		return PDU_TMF_COMPLETE;
	case PDU_TMF_TASK_REASSIGN:
		return PDU_TMF_NO_REASSIGN;
	default:
		return PDU_TMF_UNSUPPORTED;
	}
}

void tmf_answer(struct session *s, const uint8_t *to, enum pdu_tmf_response response)
{
	uint8_t *bhs = conn_pdu(s->c, 0);

	log_info("task management | conn=%llu peer=%s function=%u response=%u",
		 (unsigned long long)s->c->id, s->c->peer, pdu_flags(to) & 0x7f, response);
	pdu_init(bhs, PDU_TMF_RESPONSE, PDU_F, pdu_itt(to));
	bhs[2] = (uint8_t)response;
	session_number(s, bhs);
	conn_pdu_send(s->c, bhs, 0);
}

void tmf_request(struct session *s, const struct pdu *p)
{
	uint8_t what = pdu_flags(p->bhs) & 0x7f;

	tmf_answer(s, p->bhs, tmf_carry_out(s, p, what));
	if (what == PDU_TMF_TARGET_COLD_RESET)
		tmf_drop_sessions(s);
}
