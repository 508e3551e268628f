/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd=show: everything of every target, in the order in which tgt-admin shows it. */
#include "target/control_impl.h"

#include <string.h>

#include "target/connection.h"
#include "target/session.h"

static void show_begin(struct control_request *rq, const char *record, const struct target *t)
{
	control_put(rq, "record", record);
	control_put(rq, "target", t->name);
}

static void show_target(struct control_request *rq, const struct target *t)
{
	show_begin(rq, "target", t);
	control_put_u64(rq, "tid", t->tid);
	control_put(rq, "driver", "iscsi");
	control_put(rq, "state", t->offline ? "offline" : "ready");
	control_record_end(rq);
}

static void show_sessions(struct control_request *rq, const struct server *sv,
			  const struct target *t)
{
	const struct session *s;

	list_each(s, &sv->sessions, link) {
		if (s->start.target != t)
			continue;
		show_begin(rq, "nexus", t);
		control_put_u64(rq, "tsih", s->tsih);
		control_put(rq, "initiator", s->start.initiator);
		control_put(rq, "alias", s->start.alias);
		control_put_u64(rq, "cid", s->start.cid);
		control_put(rq, "peer", s->c->peer);
		control_record_end(rq);
	}
}

static void show_lun(struct control_request *rq, const struct lun *l)
{
	show_begin(rq, "lun", l->target);
	control_put_u64(rq, "lun", l->number);
	control_put(rq, "type", "disk");
	control_putf(rq, "scsi_id", "%016llx", 3ull << 60 | (unsigned long long)l->identity);
	control_put(rq, "scsi_sn", l->serial);
	control_put_u64(rq, "size_bytes", l->blocks * l->block_bytes);
	control_put_u64(rq, "block_bytes", l->block_bytes);
	control_put_bool(rq, "online", !l->offline && !l->absent);
	control_put_bool(rq, "readonly", l->write_protected || l->disk->write_protected);
	control_put_bool(rq, "swp", l->software_protected);
	control_put_bool(rq, "thin", l->thin);
	control_put_bool(rq, "write_cache", l->write_cache);
	control_put(rq, "store", l->disk->ops->name);
	control_put(rq, "backing", l->backing);
	control_put(rq, "last_error", l->error ? strerror(-l->error) : "");
	control_record_end(rq);
}

static void show_access(struct control_request *rq, const struct target *t)
{
	const struct access *a = &t->access;
	const struct access_entry *en;
	const struct account *ac;

	for (int outgoing = 0; outgoing < 2; outgoing++) {
		list_each(ac, outgoing ? &a->outgoing : &a->incoming, link) {
			show_begin(rq, "account", t);
			control_put(rq, "user", ac->user);
			control_put(rq, "direction", outgoing ? "outgoing" : "incoming");
			control_record_end(rq);
		}
	}
	for (int names = 0; names < 2; names++) {
		list_each(en, names ? &a->names : &a->addresses, link) {
			show_begin(rq, "acl", t);
			control_put(rq, "class", names ? "name" : "address");
			control_put(rq, "value", en->text);
			control_record_end(rq);
		}
	}
}

void control_show(struct control_request *rq, void *arg)
{
	struct server *sv = arg;
	const struct target *t;

	list_each(t, &sv->targets, link) {
		if (!control_wants(rq, t))
			continue;
		show_target(rq, t);
		show_sessions(rq, sv, t);
		for (unsigned i = 0; i < t->luns; i++)
			show_lun(rq, t->lun[i]);
		show_access(rq, t);
	}
	control_done(rq, NULL);
}
