/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sessions. The one hard thing is the command window: MaxCmdSN never goes back, and never promises
 * more than there are tasks; a number outside is ignored without a word (RFC 7143 4.2.2.1).
 */
#include "target/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/log.h"
#include "target/discovery.h"
#include "target/task.h"
#include "target/tmf.h"

enum {
	SESSION_LOGOUT_OK = 0,
	SESSION_LOGOUT_NO_CID = 1,
	SESSION_LOGOUT_NO_RECOVERY = 2,
};

/* --- life --- */

static struct session *session_find_port(const struct server *sv, const struct session_start *w)
{
	struct session *s;

	list_each(s, &sv->sessions, link) {
		if (s->start.target == w->target && !memcmp(s->start.isid, w->isid, 6) &&
		    !strcmp(s->start.initiator, w->initiator))
			return s;
	}
	return NULL;
}

static bool session_tsih_taken(const struct server *sv, uint16_t tsih)
{
	struct session *s;

	list_each(s, &sv->sessions, link) {
		if (s->tsih == tsih)
			return true;
	}
	return false;
}

static uint16_t session_pick_tsih(struct server *sv)
{
	do
		sv->last_tsih++;
	while (!sv->last_tsih || session_tsih_taken(sv, sv->last_tsih));
	return sv->last_tsih;
}

/* A login with a TSIH wants to join a session; one connection is all that we do. */
static enum pdu_login_status session_join(const struct server *sv, const struct session_start *w)
{
	const struct session *s = session_find_port(sv, w);

	return s && s->tsih == w->tsih ? PDU_LOGIN_TOO_MANY_CONNECTIONS : PDU_LOGIN_NO_SESSION;
}

static int session_make_tasks(struct session *s, unsigned depth)
{
	s->task_count = depth + TASK_IMMEDIATE;
	s->tasks = calloc(s->task_count, sizeof(*s->tasks));
	if (!s->tasks)
		return -1;
	for (unsigned i = 0; i < s->task_count; i++)
		task_init(&s->tasks[i], s);
	return 0;
}

enum pdu_login_status session_new(struct session **out, struct connection *c,
				  const struct session_start *start)
{
	struct server *sv = c->server;
	unsigned window = server_window(sv, start->target);
	struct session *s, *old;

	if (start->tsih)
		return session_join(sv, start);
	s = calloc(1, sizeof(*s));
	if (!s)
		return PDU_LOGIN_NO_RESOURCES;
	list_init(&s->idle);
	list_init(&s->active);
	list_init(&s->reading);
	list_init(&s->link);
	if (session_make_tasks(s, start->discovery ? 0 : window)) {
		session_free(s);
		return PDU_LOGIN_NO_RESOURCES;
	}
	s->c = c;
	s->start = *start;
	s->start.params.first_burst_bytes = MIN(start->params.first_burst_bytes,
						start->params.max_burst_bytes);
	s->tsih = session_pick_tsih(sv);
	s->expcmdsn = start->cmdsn;
	s->maxcmdsn = start->cmdsn + window - 1;
	s->statsn = start->statsn;
	if (!start->discovery) {
		old = session_find_port(sv, start);
		if (old) {
			sv->stats.reinstated++;
			conn_close(old->c, "session reinstated by a new login");
		}
		nexus_begin(&s->nexus, start->target, start->initiator, start->isid);
		s->nexus.abort_tasks = tmf_abort_nexus;
	}
	list_append(&sv->sessions, &s->link);
	log_info("session begins | conn=%llu peer=%s initiator=%s target=%s tsih=%u",
		 (unsigned long long)c->id, c->peer, start->initiator,
		 start->target ? start->target->name : "(discovery)", s->tsih);
	*out = s;
	return PDU_LOGIN_OK;
}

void session_end(struct session *s)
{
	struct task *t, *tmp;

	list_each_safe(t, tmp, &s->active, link)
		task_abort(t);
	nexus_end(&s->nexus);
	list_del(&s->link);
}

void session_free(struct session *s)
{
	if (!s)
		return;
	nexus_end(&s->nexus);
	list_del(&s->link);
	free(s->tasks);
	free(s->answer);
	free(s);
}

/* --- numbers --- */

void session_number_same(struct session *s, uint8_t *bhs)
{
	pdu_set_numbers(bhs, s->statsn, s->expcmdsn,
			s->c->fault.window.narrow ? fault_window_told(s) : s->maxcmdsn);
}

void session_number(struct session *s, uint8_t *bhs)
{
	session_number_same(s, bhs);
	s->statsn++;
}

/* Does the request's CmdSN let it in? A gap cannot be filled on one ordered connection. */
static bool session_admit(struct session *s, const uint8_t *bhs)
{
	uint32_t cmdsn = pdu_cmdsn(bhs);

	if (pdu_immediate(bhs))
		return true;
	if (serial_before(cmdsn, s->expcmdsn) || serial_before(s->maxcmdsn, cmdsn)) {
		log_debug("command outside the window ignored | conn=%llu cmdsn=%u window=%u..%u",
			  (unsigned long long)s->c->id, cmdsn, s->expcmdsn, s->maxcmdsn);
		return false;
	}
	if (cmdsn != s->expcmdsn) {
		conn_close(s->c, "CmdSN %u came where %u was due", cmdsn, s->expcmdsn);
		return false;
	}
	s->expcmdsn++;
	return true;
}

/* A request that is answered at once keeps its place in the window no longer. */
static void session_done(struct session *s, const uint8_t *bhs)
{
	if (!pdu_immediate(bhs))
		session_release_cmdsn(s);
}

void session_skip(struct session *s, const uint8_t *bhs)
{
	if (session_admit(s, bhs))
		session_done(s, bhs);
}

/* --- PDUs that are no tasks --- */

void session_reject(struct session *s, const uint8_t *bhs, enum pdu_reject reason)
{
	uint8_t *out = conn_pdu(s->c, PDU_BHS);

	log_info("PDU rejected | conn=%llu peer=%s pdu=%s reason=%02x",
		 (unsigned long long)s->c->id, s->c->peer, pdu_opcode_name(pdu_opcode(bhs)), reason);
	s->c->server->stats.rejects++;
	pdu_init(out, PDU_REJECT, PDU_F, PDU_TAG_NONE);
	out[2] = (uint8_t)reason;
	session_number(s, out);
	memcpy(conn_pdu_data(s->c, out), bhs, PDU_BHS);
	conn_pdu_send(s->c, out, PDU_BHS);
}

static void session_nop_out(struct session *s, const struct pdu *p)
{
	uint32_t len = MIN(p->data_bytes, s->c->max_send);
	uint8_t *bhs;

	session_done(s, p->bhs);
	if (pdu_itt(p->bhs) == PDU_TAG_NONE)	/* the answer to a ping of ours */
		return;
	bhs = conn_pdu(s->c, len);
	pdu_init(bhs, PDU_NOP_IN, PDU_F, pdu_itt(p->bhs));
	memcpy(bhs + 8, pdu_lun(p->bhs), 8);
	be32_store(bhs + 20, PDU_TAG_NONE);
	session_number(s, bhs);
	memcpy(conn_pdu_data(s->c, bhs), p->data, len);
	conn_pdu_send(s->c, bhs, len);
}

static void session_nop_in(struct session *s, uint32_t ttt)
{
	uint8_t *bhs = conn_pdu(s->c, 0);

	pdu_init(bhs, PDU_NOP_IN, PDU_F, PDU_TAG_NONE);
	be32_store(bhs + 20, ttt);
	session_number_same(s, bhs);
	conn_pdu_send(s->c, bhs, 0);
}

void session_ping(struct session *s)
{
	session_nop_in(s, TASK_TTT_PING);
}

void session_tell_numbers(struct session *s)
{
	session_nop_in(s, PDU_TAG_NONE);
}

static void session_logout(struct session *s, const struct pdu *p)
{
	uint8_t reason = pdu_flags(p->bhs) & 0x7f;
	uint8_t response = SESSION_LOGOUT_OK;
	uint8_t *bhs = conn_pdu(s->c, 0);

	if (reason == 1 && pdu_cid(p->bhs) != s->start.cid)
		response = SESSION_LOGOUT_NO_CID;
	else if (reason > 1)
		response = SESSION_LOGOUT_NO_RECOVERY;
	session_done(s, p->bhs);
	pdu_init(bhs, PDU_LOGOUT_RESPONSE, PDU_F, pdu_itt(p->bhs));
	bhs[2] = response;
	session_number(s, bhs);
	be16_store(bhs + 40, (uint16_t)s->start.params.time2wait_s);
	be16_store(bhs + 42, (uint16_t)s->start.params.time2retain_s);
	conn_pdu_send(s->c, bhs, 0);
	if (response == SESSION_LOGOUT_OK) {
		s->c->server->stats.logouts++;
		conn_drain(s->c);
	}
}

static void session_text(struct session *s, const struct pdu *p)
{
	session_done(s, p->bhs);
	discovery_text(s, p);
}

static void session_tmf(struct session *s, const struct pdu *p)
{
	session_done(s, p->bhs);
	tmf_request(s, p);
}

/* In a discovery session only text, logout and pings make sense (RFC 7143 4.3). */
static bool session_allows(const struct session *s, uint8_t op)
{
	return !s->start.discovery || op == PDU_TEXT_REQUEST || op == PDU_LOGOUT_REQUEST ||
	       op == PDU_NOP_OUT;
}

void session_pdu(struct session *s, const struct pdu *p)
{
	uint8_t op = pdu_opcode(p->bhs);

	if (!session_allows(s, op)) {
		session_reject(s, p->bhs, PDU_REJECT_PROTOCOL);
		return;
	}
	switch (op) {
	case PDU_DATA_OUT:
		task_data_out(s, p);
		return;
	case PDU_SNACK_REQUEST:
		session_reject(s, p->bhs, PDU_REJECT_PROTOCOL);
		return;
	case PDU_LOGIN_REQUEST:
		conn_close(s->c, "login within a session");
		return;
	case PDU_SCSI_COMMAND:
	case PDU_NOP_OUT:
	case PDU_TMF_REQUEST:
	case PDU_TEXT_REQUEST:
	case PDU_LOGOUT_REQUEST:
		break;
	default:
		session_reject(s, p->bhs, PDU_REJECT_UNSUPPORTED);
		return;
	}
	if (!session_admit(s, p->bhs))
		return;
	if (op == PDU_SCSI_COMMAND)
		task_command(s, p);
	else if (op == PDU_NOP_OUT)
		session_nop_out(s, p);
	else if (op == PDU_TMF_REQUEST)
		session_tmf(s, p);
	else if (op == PDU_TEXT_REQUEST)
		session_text(s, p);
	else
		session_logout(s, p);
}

bool session_produce(struct session *s)
{
	struct task *t;
	bool any = false;

	while ((t = list_first(&s->reading, struct task, reading)) && conn_has_room(s->c) &&
	       !conn_is_stopped(s->c)) {
		task_produce(t);
		any = true;
	}
	return any;
}
