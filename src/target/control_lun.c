/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd=lun: the units of targets, shown and changed while they are in use. */
#include "target/control_conf.h"
#include "target/control_impl.h"

#include <string.h>

#include "iscsifs/num.h"
#include "target/admin.h"

static const char *control_lun_state(const struct lun *l)
{
	if (l->absent)
		return "absent";
	return l->offline ? "offline" : "online";
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
	control_put(rq, "state", control_lun_state(l));
	control_put(rq, "backing", l->backing);
	control_put_u64(rq, "size_bytes", l->blocks * l->block_bytes);
	control_put_u64(rq, "block_bytes", l->block_bytes);
	control_put(rq, "serial", l->serial);
	control_put_bool(rq, "write_protected", lun_is_protected(l));
	control_put_bool(rq, "write_cache", lun_caches_writes(l));
	control_put_bool(rq, "thin", l->thin);
	control_put(rq, "reserved_by", l->reserved_by ? l->reserved_by->initiator : "");
	control_put_pr(rq, &l->pr);
	control_put(rq, "last_error", l->error ? strerror(-l->error) : "");
	control_put_u64(rq, "reads", l->stats.reads);
	control_put_u64(rq, "writes", l->stats.writes);
	control_put_u64(rq, "flushes", l->stats.flushes);
	control_put_u64(rq, "read_bytes", l->stats.read_bytes);
	control_put_u64(rq, "write_bytes", l->stats.written_bytes);
	control_put_u64(rq, "errors", l->stats.errors);
}

static void control_lun_list(struct control_request *rq, struct server *sv)
{
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

static void control_lun_remove(struct control_request *rq, struct server *sv)
{
	struct lun *l = control_lun_of(rq, sv);

	if (!l)
		return;
	admin_remove_lun(sv, l);
	control_done(rq, NULL);
}

/* size=auto: as large as the backing store has become. What gets smaller loses its end: force=on. */
static void control_lun_resize(struct control_request *rq, struct server *sv)
{
	struct lun *l = control_lun_of(rq, sv);
	const char *text = l ? control_need(rq, "size") : NULL;
	struct err e = ERR_INIT;
	uint64_t size = 0;
	bool force;
	int rc;

	if (!text || control_flag(rq, "force", false, &force))
		return;
	if (strcmp(text, "auto") && (num_parse_size(text, &size) || !size)) {
		control_fail(rq, ERR_INVALID, "size=%s: want a size such as 64M or 10G, or auto", text);
		return;
	}
	if (size && size < l->blocks * l->block_bytes && !force) {
		control_fail(rq, ERR_INVALID, "LUN %u of %s has %llu bytes; to cut it to %s, which "
			     "loses what is behind that, force it", l->number, l->target->name,
			     (unsigned long long)(l->blocks * l->block_bytes), text);
		return;
	}
	rc = admin_resize_lun(sv, l, size, true, &e);
	if (!rc) {
		admin_settle_lun(sv, l);
		control_put_u64(rq, "size_bytes", l->blocks * l->block_bytes);
	}
	control_end(rq, rc, &e);
}

static void control_lun_online(struct control_request *rq, struct server *sv)
{
	struct lun *l = control_lun_of(rq, sv);

	if (!l)
		return;
	lun_set_offline(l, false);
	control_done(rq, NULL);
}

static void control_lun_offline(struct control_request *rq, struct server *sv)
{
	struct lun *l = control_lun_of(rq, sv);

	if (!l)
		return;
	lun_set_offline(l, true);
	control_done(rq, NULL);
}

static void control_lun_readonly(struct control_request *rq, struct server *sv)
{
	struct lun *l = control_lun_of(rq, sv);
	struct err e = ERR_INIT;
	bool on;

	if (!l || control_flag(rq, "value", true, &on))
		return;
	control_end(rq, lun_set_protected(l, on, &e), &e);
}

void control_lun(struct control_request *rq, void *arg)
{
	static const struct control_verb verbs[] = {
		{ "list", control_lun_list },
		{ "add", control_lun_add },
		{ "remove", control_lun_remove },
		{ "resize", control_lun_resize },
		{ "online", control_lun_online },
		{ "offline", control_lun_offline },
		{ "readonly", control_lun_readonly },
	};

	control_run_verb(rq, arg, verbs, ARRAY_SIZE(verbs));
}
