/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a session says of itself, as key=value pairs: iscsifs-control(7) documents each.
 * The one hard thing: several LUNs, one word for the gate: the worst one is what a person wants.
 */
#include "session_impl.h"

#include <inttypes.h>
#include <stdio.h>

#include "iscsifs/check.h"

static void show_u64(session_emit *emit, void *out, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	emit(out, key, text);
}

static void show_i64(session_emit *emit, void *out, const char *key, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	emit(out, key, text);
}

static void show_bool(session_emit *emit, void *out, const char *key, bool value)
{
	emit(out, key, value ? "Yes" : "No");
}

struct show_sum {
	enum gate_state gate;
	span_ms outage, left;
	uint64_t waiting, on_wire, outages, power_losses;
	struct ioq_stats stats;
};

static int show_gate_rank(enum gate_state g)
{
	static const int rank[GATE_STATES] = {
		[GATE_SHUT] = 0, [GATE_OPEN] = 1, [GATE_TRIAL] = 2, [GATE_HOLD] = 3, [GATE_FAIL] = 4,
	};

	return rank[g];
}

static void show_add_stats(struct ioq_stats *sum, const struct ioq_stats *one)
{
	sum->reads += one->reads;
	sum->writes += one->writes;
	sum->flushes += one->flushes;
	sum->read_bytes += one->read_bytes;
	sum->write_bytes += one->write_bytes;
	sum->errors += one->errors;
	sum->retries += one->retries;
	sum->replayed += one->replayed;
	sum->aborted += one->aborted;
	sum->poisoned += one->poisoned;
	sum->interrupted += one->interrupted;
}

static span_ms show_outage(const struct lun *lun)
{
	return lun->outage_began == MONO_NEVER ? 0 : loop_now(lun->loop) - lun->outage_began;
}

static void show_add_lun(struct show_sum *sum, const struct lun *lun)
{
	span_ms left = lun_outage_left(lun);

	if (lun->state == LUN_GONE)
		return;
	if (show_gate_rank(lun->gate.state) > show_gate_rank(sum->gate))
		sum->gate = lun->gate.state;
	sum->outage = MAX(sum->outage, show_outage(lun));
	if (left >= 0 && (sum->left < 0 || left < sum->left))
		sum->left = left;
	sum->waiting += lun->q.requests;
	sum->on_wire += lun->q.on_wire;
	sum->outages = MAX(sum->outages, lun->outages);
	sum->power_losses = MAX(sum->power_losses, lun->power_losses);
	show_add_stats(&sum->stats, &lun->q.stats);
}

static void show_stats(const struct ioq_stats *st, session_emit *emit, void *out)
{
	show_u64(emit, out, "reads", st->reads);
	show_u64(emit, out, "writes", st->writes);
	show_u64(emit, out, "flushes", st->flushes);
	show_u64(emit, out, "read_bytes", st->read_bytes);
	show_u64(emit, out, "write_bytes", st->write_bytes);
	show_u64(emit, out, "errors", st->errors);
	show_u64(emit, out, "retries", st->retries);
	show_u64(emit, out, "replayed", st->replayed);
	show_u64(emit, out, "aborted", st->aborted);
	show_u64(emit, out, "poisoned", st->poisoned);
	show_u64(emit, out, "interrupted", st->interrupted);
}

static void show_negotiated(const struct session *s, session_emit *emit, void *out)
{
	const struct transport_limits *l = &s->limits;

	if (!s->logins)
		return;
	emit(out, "HeaderDigest", l->header_digest ? "CRC32C" : "None");
	emit(out, "DataDigest", "None");
	show_u64(emit, out, "MaxXmitDataSegmentLength", l->max_send_bytes);
	show_u64(emit, out, "MaxRecvDataSegmentLength", TRANSPORT_BURST_BYTES);
	show_u64(emit, out, "FirstBurstLength", l->first_burst_bytes);
	show_u64(emit, out, "MaxBurstLength", l->max_burst_bytes);
	show_bool(emit, out, "ImmediateData", l->immediate_data);
	show_bool(emit, out, "InitialR2T", l->initial_r2t);
	show_u64(emit, out, "MaxOutstandingR2T", 1);
	emit(out, "AuthMethod", l->chap_mutual ? "CHAP mutual" : l->chap ? "CHAP" : "None");
	emit(out, "TargetAlias", l->target_alias);
}

void session_describe(const struct session *s, session_emit *emit, void *out)
{
	struct show_sum sum = { .gate = GATE_SHUT, .left = -1 };
	const struct lun *lun;
	char isid[16];

	list_each(lun, &s->luns, link)
		show_add_lun(&sum, lun);
	snprintf(isid, sizeof(isid), "%012" PRIx64, s->isid);
	emit(out, "target", s->target);
	emit(out, "portal", s->portal);
	emit(out, "persistent_portal", s->portals.list[0]);
	show_u64(emit, out, "tpgt", s->limits.tpgt);
	emit(out, "local", s->tp ? transport_local(s->tp) : "");
	emit(out, "isid", isid);
	emit(out, "initiator", s->settings.initiator_name);
	emit(out, "link", link_state_name(s->link.state));
	show_i64(emit, out, "link_for_ms", loop_now(s->loop) - s->state_since);
	emit(out, "gate", gate_state_name(sum.gate));
	emit(out, "ladder", ladder_state_name(s->ladder.state));
	show_i64(emit, out, "outage_ms", sum.outage);
	show_i64(emit, out, "left_ms", sum.left);
	show_u64(emit, out, "attempts", s->failures);
	emit(out, "last_error", s->last_err.text);
	emit(out, "why", session_has_rival(s) ? "perhaps another initiator uses our name" : "");
	show_u64(emit, out, "waiting", sum.waiting - MIN(sum.on_wire, sum.waiting));
	show_u64(emit, out, "inflight", sum.on_wire);
	show_u64(emit, out, "dials", s->dials);
	show_u64(emit, out, "logins", s->logins);
	show_u64(emit, out, "losses", s->losses);
	show_u64(emit, out, "outages", sum.outages);
	show_u64(emit, out, "power_losses", sum.power_losses);
	show_u64(emit, out, "aborts", s->aborts);
	show_u64(emit, out, "lun_resets", s->lun_resets);
	show_u64(emit, out, "target_resets", s->target_resets);
	show_u64(emit, out, "ladder_cuts", s->ladder_cuts);
	show_stats(&sum.stats, emit, out);
	show_negotiated(s, emit, out);
}

void session_describe_lun(const struct session *s, const struct lun *lun, session_emit *emit,
			  void *out)
{
	const struct lun_facts *f = &lun->facts;

	emit(out, "target", s->target);
	show_u64(emit, out, "lun", lun_addr_number(lun->addr));
	emit(out, "state", lun_state_name(lun->state));
	emit(out, "why", lun->why);
	emit(out, "gate", gate_state_name(lun->gate.state));
	show_i64(emit, out, "outage_ms", show_outage(lun));
	show_i64(emit, out, "left_ms", lun_outage_left(lun));
	show_u64(emit, out, "size_bytes", lun_size(lun));
	show_u64(emit, out, "block_bytes", f->block_bytes);
	show_u64(emit, out, "physical_block_bytes", f->physical_block_bytes);
	emit(out, "vendor", f->vendor);
	emit(out, "product", f->product);
	emit(out, "revision", f->revision);
	emit(out, "serial", f->serial);
	emit(out, "wwid", f->wwid);
	show_bool(emit, out, "write_protected", f->write_protected);
	show_bool(emit, out, "write_cache", f->write_cache);
	show_bool(emit, out, "fua", f->fua);
	show_bool(emit, out, "thin", f->thin);
	show_u64(emit, out, "waiting", lun->q.requests - MIN(lun->q.on_wire, lun->q.requests));
	show_u64(emit, out, "inflight", lun->q.on_wire);
	show_stats(&lun->q.stats, emit, out);
}
