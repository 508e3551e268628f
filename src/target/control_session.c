/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd=session: who is logged in, and out. */
#include "target/control_impl.h"

#include "iscsifs/num.h"
#include "target/admin.h"
#include "target/connection.h"
#include "target/session.h"

static unsigned control_active_tasks(const struct session *s)
{
	const struct list *l;
	unsigned n = 0;

	for (l = s->active.next; l != &s->active; l = l->next)
		n++;
	return n;
}

static void control_put_params(struct control_request *rq, const struct params *p)
{
	control_put(rq, "HeaderDigest", p->header_digest ? "CRC32C" : "None");
	control_put(rq, "DataDigest", p->data_digest ? "CRC32C" : "None");
	control_put(rq, "InitialR2T", p->initial_r2t ? "Yes" : "No");
	control_put(rq, "ImmediateData", p->immediate_data ? "Yes" : "No");
	control_put_u64(rq, "MaxRecvDataSegmentLength", p->max_recv_bytes);
	control_put_u64(rq, "MaxXmitDataSegmentLength", p->max_send_bytes);
	control_put_u64(rq, "FirstBurstLength", p->first_burst_bytes);
	control_put_u64(rq, "MaxBurstLength", p->max_burst_bytes);
	control_put_u64(rq, "MaxOutstandingR2T", p->max_outstanding_r2t);
}

static void control_put_session(struct control_request *rq, const struct session *s)
{
	const uint8_t *i = s->start.isid;

	control_put_u64(rq, "tsih", s->tsih);
	control_put_u64(rq, "cid", s->start.cid);
	control_put(rq, "target", s->start.target ? s->start.target->name : "");
	control_put(rq, "initiator", s->start.initiator);
	control_put(rq, "alias", s->start.alias);
	control_putf(rq, "isid", "%02x%02x%02x%02x%02x%02x", i[0], i[1], i[2], i[3], i[4], i[5]);
	control_put(rq, "type", s->start.discovery ? "discovery" : "normal");
	control_put(rq, "peer", s->c->peer);
	control_put(rq, "portal", s->c->local);
	control_put_i64(rq, "idle_ms", loop_now(s->c->server->loop) - s->c->heard);
	control_put_u64(rq, "tasks", control_active_tasks(s));
	control_put_u64(rq, "expcmdsn", s->expcmdsn);
	control_put_u64(rq, "maxcmdsn", s->maxcmdsn);
	control_put_u64(rq, "statsn", s->statsn);
	control_put_u64(rq, "commands", s->stats.commands);
	control_put_u64(rq, "read_bytes", s->stats.read_bytes);
	control_put_u64(rq, "write_bytes", s->stats.written_bytes);
	control_put_params(rq, &s->start.params);
}

static void control_session_list(struct control_request *rq, struct server *sv)
{
	struct session *s;

	list_each(s, &sv->sessions, link) {
		if (!control_wants(rq, s->start.target))
			continue;
		control_put_session(rq, s);
		control_record_end(rq);
	}
	control_done(rq, NULL);
}

/* A number of the request. Returns 0; 1: it is not there; -code, and @rq is answered. */
static int control_u16(struct control_request *rq, const char *key, uint64_t *out)
{
	const char *text = control_get(rq, key);

	if (!text)
		return 1;
	if (!num_parse_u64(text, 0, UINT16_MAX, out))
		return 0;
	control_fail(rq, ERR_INVALID, "%s=%s: want a number from 0 to 65535", key, text);
	return -ERR_INVALID;
}

/* The connection is closed, as a network would do it; the initiator may come back at once. */
static void control_session_kill(struct control_request *rq, struct server *sv)
{
	uint64_t tsih, cid = 0;
	struct session *s;
	int rc = control_u16(rq, "tsih", &tsih), with_cid;

	if (rc > 0)
		control_fail(rq, ERR_INVALID, "want tsih=: which session?");
	if (rc || (with_cid = control_u16(rq, "cid", &cid)) < 0)
		return;
	list_each(s, &sv->sessions, link) {
		if (s->tsih != tsih || !control_wants(rq, s->start.target) ||
		    (!with_cid && s->start.cid != cid))
			continue;
		conn_close(s->c, "by the operator");
		control_done(rq, NULL);
		return;
	}
	control_fail(rq, ERR_NO_SESSION, "there is no such session");
}

void control_session(struct control_request *rq, void *arg)
{
	static const struct control_verb verbs[] = {
		{ "list", control_session_list },
		{ "kill", control_session_kill },
	};

	control_run_verb(rq, arg, verbs, ARRAY_SIZE(verbs));
}
