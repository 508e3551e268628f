/* SPDX-License-Identifier: BSD-2-Clause */
/* What a target tells of itself on its control socket: one record per session, LUN, target. */
#include "target/server_control.h"

#include <string.h>

#include "target/connection.h"
#include "target/fault_control.h"
#include "target/session.h"

/* `target` in a request narrows it. */
static bool control_wants(const struct control_request *rq, const struct target *t)
{
	const char *name = control_get(rq, "target");

	return !name || (t && !strcmp(name, t->name));
}

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
	control_put(rq, "target", s->start.target ? s->start.target->name : "");
	control_put(rq, "initiator", s->start.initiator);
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

static void control_session(struct control_request *rq, void *arg)
{
	struct server *sv = arg;
	struct session *s;

	list_each(s, &sv->sessions, link) {
		if (!control_wants(rq, s->start.target))
			continue;
		control_put_session(rq, s);
		control_record_end(rq);
	}
	control_done(rq, NULL);
}

/* The holder as SCSI names it: NAME,i,0xISID; nobody where all registrants are. */
static void control_put_pr(struct control_request *rq, const struct pr *pr)
{
	const struct pr_registration *h = pr_holder(pr);

	control_put(rq, "pr_type", pr_type_name(pr->type));
	if (h)
		control_putf(rq, "pr_holder", "%s,i,0x%02x%02x%02x%02x%02x%02x", h->name,
			     h->isid[0], h->isid[1], h->isid[2], h->isid[3], h->isid[4], h->isid[5]);
	else
		control_put(rq, "pr_holder", "");
	control_put_u64(rq, "pr_keys", pr->count);
	control_put_u64(rq, "pr_generation", pr->generation);
}

static void control_put_lun(struct control_request *rq, const struct lun *l)
{
	control_put(rq, "target", l->target->name);
	control_put_u64(rq, "lun", l->number);
	control_put(rq, "backing", l->backing);
	control_put_u64(rq, "size_bytes", l->blocks * l->block_bytes);
	control_put_u64(rq, "block_bytes", l->block_bytes);
	control_put(rq, "serial", l->serial);
	control_put_bool(rq, "write_protected", lun_is_protected(l));
	control_put_bool(rq, "write_cache", lun_caches_writes(l));
	control_put_bool(rq, "thin", l->thin);
	control_put(rq, "reserved_by", l->reserved_by ? l->reserved_by->initiator : "");
	control_put_pr(rq, &l->pr);
	control_put_u64(rq, "reads", l->stats.reads);
	control_put_u64(rq, "writes", l->stats.writes);
	control_put_u64(rq, "flushes", l->stats.flushes);
	control_put_u64(rq, "read_bytes", l->stats.read_bytes);
	control_put_u64(rq, "write_bytes", l->stats.written_bytes);
	control_put_u64(rq, "errors", l->stats.errors);
}

static void control_lun(struct control_request *rq, void *arg)
{
	struct server *sv = arg;
	struct target *t;

	list_each(t, &sv->targets, link) {
		if (!control_wants(rq, t))
			continue;
		for (unsigned i = 0; i < t->luns; i++) {
			control_put_lun(rq, t->lun[i]);
			control_record_end(rq);
		}
	}
	control_done(rq, NULL);
}

static void control_stats(struct control_request *rq, void *arg)
{
	struct server *sv = arg;
	const struct server_stats *n = &sv->stats;

	control_put_u64(rq, "connections", sv->connection_count);
	control_put_u64(rq, "accepted", n->accepted);
	control_put_u64(rq, "turned_away", n->turned_away);
	control_put_u64(rq, "logins", n->logins);
	control_put_u64(rq, "logins_refused", n->logins_refused);
	control_put_u64(rq, "reinstated", n->reinstated);
	control_put_u64(rq, "logouts", n->logouts);
	control_put_u64(rq, "rejects", n->rejects);
	control_put_u64(rq, "silent", n->silent);
	control_done(rq, NULL);
}

static void control_stop(struct control_request *rq, void *arg)
{
	struct server *sv = arg;

	control_done(rq, NULL);
	loop_stop(sv->loop);
}

const struct control_command server_commands[] = {
	{ "session", "a record for each session; `target` narrows", control_session },
	{ "lun", "a record for each LUN; `target` narrows", control_lun },
	{ "stats", "counters of the whole target program", control_stats },
	{ "fault", "op=list, add (rule=), del (name=), clear: the fault rules", fault_control },
	{ "fault-wait", "answer when rule name= or mark= has hits=; timeout=", fault_control_wait },
	{ "journal", "what happened on the wire since= a number; limit=", fault_control_journal },
	{ "mark", "set the mark name=", fault_control_mark },
	{ "crash", "cache=lose, keep or part (seed=); restart_after=", fault_control_crash },
	{ "stop", "end the target program", control_stop },
	{ NULL, NULL, NULL },
};
