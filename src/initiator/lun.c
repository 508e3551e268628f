/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A LUN. The one hard thing: three clocks of its life are independent of each other: the link comes
 * and goes, the LUN is ready or not behind a link that is up, and the outage that its users see
 * begins and ends with their requests.
 */
#include "lun_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/events.h"
#include "iscsifs/log.h"

enum { LUN_ASK_AGAIN_MS = 500, LUN_PROBE_TURN_MS = 20, LUN_TRIAL_MS = 1000, LUN_LOOK_MS = 3000 };

static void lun_gate(struct lun *lun, enum gate_event ev);

/* --- what is told ------------------------------------------------------------------------- */

struct lun_text {
	char s[24];
};

static struct lun_text lun_text(uint64_t number)
{
	struct lun_text t;

	snprintf(t.s, sizeof(t.s), "%" PRIu64, number);
	return t;
}

/* Post an event of this LUN: a type, keys and values. */
#define lun_post(lun, type, ...)                                                              \
	events_post((lun)->history, (type), "target", (lun)->target, "lun",                   \
		    lun_text(lun_addr_number((lun)->addr)).s, __VA_ARGS__, NULL)

/* --- the outage --------------------------------------------------------------------------- */

/* On trial, and no budget whose end would end it. */
static bool lun_trial_has_no_end(const struct lun *lun)
{
	return lun->gate.state == GATE_TRIAL &&
	       (lun->given_up || lun->settings->replacement_timeout < 0);
}

static void lun_outage_tell(struct lun *lun)
{
	if (lun->outage_began == MONO_NEVER || lun->outage_told)
		return;
	lun->outage_told = true;
	lun_post(lun, "outage-begin", "why", lun->why);
}

/*
 * Run the clock of the outage. On trial without a budget, or after it was spent, it is another
 * clock: a link that stays up that long with nothing asked of it is as good as a completed command.
 */
static void lun_outage_arm(struct lun *lun)
{
	span_ms limit = lun->settings->replacement_timeout;

	if (!lun->looking)
		lun_outage_tell(lun);

	/* A look at a LUN that answers is no reason to fail, however short the patience. */
	if (lun->looking && limit >= 0)
		limit = MAX(limit, LUN_LOOK_MS);
	if (lun_trial_has_no_end(lun))
		loop_timer_set(&lun->outage_timer, loop_now(lun->loop) + LUN_TRIAL_MS);
	else if (lun->outage_began == MONO_NEVER || lun->gate.state == GATE_FAIL || limit < 0)
		loop_timer_stop(&lun->outage_timer);
	else
		loop_timer_set(&lun->outage_timer, lun->outage_began + limit +
						   loop_pauses(lun->loop) - lun->outage_pauses);
}

static void lun_outage_begin(struct lun *lun)
{
	if (lun->outage_began == MONO_NEVER) {
		lun->outage_began = loop_now(lun->loop);
		lun->outage_pauses = loop_pauses(lun->loop);
		lun->outages++;
	}
	lun_outage_arm(lun);
}

static void lun_outage_end(struct lun *lun)
{
	if (lun->outage_began != MONO_NEVER && gate_passes(&lun->gate))
		log_info("LUN works again | target=%s lun=%u outage_ms=%lld", lun->target,
			 lun->facts.number, (long long)(loop_now(lun->loop) - lun->outage_began));
	if (lun->outage_told && gate_passes(&lun->gate))
		lun_post(lun, "outage-end", "outage_ms",
			 lun_text((uint64_t)(loop_now(lun->loop) - lun->outage_began)).s);
	lun->outage_began = MONO_NEVER;
	lun->given_up = lun->looking = lun->outage_told = false;
	loop_timer_stop(&lun->outage_timer);
}

static void lun_outage_over(struct loop_timer *t)
{
	struct lun *lun = container_of(t, struct lun, outage_timer);

	/* On trial with nothing asked of it: the LUN is there, nobody has lost anything. */
	if (lun->gate.state == GATE_TRIAL && !lun->q.requests) {
		lun_gate(lun, GATE_EV_PROGRESS);
		return;
	}
	lun_outage_arm(lun);
	if (lun_trial_has_no_end(lun) || t->when > loop_now(lun->loop))
		return;
	loop_timer_stop(t);
	lun->given_up = true;
	log_error("replacement_timeout is over: requests fail until the LUN is back | target=%s lun=%u "
		  "requests=%u", lun->target, lun->facts.number, lun->q.requests);
	lun_post(lun, "outage-expired", "requests", lun_text(lun->q.requests).s);
	lun_gate(lun, GATE_EV_EXPIRED);
	/* It was on trial, or is: nobody asks it any more, so we do. */
	if (lun->q.wire->tp && lun->state == LUN_READY && !lun->probing && !lun->held)
		loop_timer_set(&lun->probe_timer, loop_now(lun->loop) + LUN_ASK_AGAIN_MS);
}

span_ms lun_outage_left(const struct lun *lun)
{
	if (!loop_timer_is_set(&lun->outage_timer) || lun->given_up || lun_trial_has_no_end(lun))
		return -1;
	return MAX(lun->outage_timer.when - loop_now(lun->loop), 0);
}

/* --- the gate ----------------------------------------------------------------------------- */

static void lun_gate(struct lun *lun, enum gate_event ev)
{
	enum gate_state before = lun->gate.state;
	unsigned actions = gate_step(&lun->gate, ev);

	if (lun->gate.state != before)
		log_debug("gate %s -> %s | target=%s lun=%u event=%s", gate_state_name(before),
			  gate_state_name(lun->gate.state), lun->target, lun->facts.number,
			  gate_event_name(ev));
	ioq_set_open(&lun->q, gate_passes(&lun->gate));
	lun->q.on_trial = lun->gate.state == GATE_TRIAL || lun->gate.state == GATE_FAIL;
	lun->q.wants_idle |= lun->gate.state == GATE_TRIAL;
	if (actions & GATE_DO_HOLD)
		ioq_wire_lost(&lun->q);
	if (actions & GATE_DO_TIMER)
		lun_outage_begin(lun);
	if (actions & GATE_DO_STOP)
		lun_outage_end(lun);
	if (actions & GATE_DO_FAIL) {
		ioq_wire_lost(&lun->q);
		ioq_fail(&lun->q, -EIO);
		lun_outage_arm(lun);
	}
	if (actions & GATE_DO_PUMP)
		ioq_pump(&lun->q);
}

/* --- the probe ---------------------------------------------------------------------------- */

static void lun_set_state(struct lun *lun, enum lun_state state)
{
	if (lun->state == state)
		return;
	log_info("LUN is %s | target=%s lun=%u was=%s%s%s", lun_state_name(state), lun->target,
		 lun_addr_number(lun->addr), lun_state_name(lun->state), *lun->why ? " why=" : "",
		 lun->why);
	lun->state = state;
	if (lun->added)
		lun->events->on_changed(lun->arg, lun);
}

static void lun_settle(struct lun *lun)
{
	if (lun->settled)
		return;
	lun->settled = true;
	lun->events->on_settled(lun->arg, lun);
}

static void lun_wait_for_ready(struct lun *lun, const char *why)
{
	snprintf(lun->why, sizeof(lun->why), "%s", why);
	lun_outage_tell(lun);
	lun_set_state(lun, LUN_NOT_READY);
	loop_timer_set(&lun->probe_timer, loop_now(lun->loop) + LUN_ASK_AGAIN_MS);
	lun_settle(lun);
}

/* 29/00 POWER ON, RESET, OR BUS DEVICE RESET OCCURRED to 29/03 BUS DEVICE RESET FUNCTION OCCURRED. */
static bool is_power_on(uint16_t code)
{
	return code >= SENSE_POWER_ON && code <= 0x2903;
}

/*
 * Is it our own reset that it speaks of? 29/02 and 29/03 are about resets alone; 29/00, which may be
 * about either, is believed to be ours only while the link has lived through it.
 */
static bool lun_explains(const struct lun *lun, uint16_t code)
{
	if (!lun->reset)
		return false;
	return code == 0x2902 || code == 0x2903 || (code == SENSE_POWER_ON && !lun->reset_lost);
}

/* Acknowledged, unflushed writes and then a power-on: the target may have lost them. */
static void lun_note_power_on(struct lun *lun)
{
	if (!lun->added || !lun->facts.write_cache || !ioq_has_unflushed(&lun->q))
		return;
	lun->power_losses++;
	log_warn("the target was restarted while it held writes that were not flushed; its cache may "
		 "have been lost | target=%s lun=%u", lun->target, lun->facts.number);
	lun_post(lun, "power-loss", "power_losses", lun_text(lun->power_losses).s);
}

/* What a person would tell it by. */
static const char *lun_name(const struct lun_facts *f)
{
	return *f->wwid ? f->wwid : f->serial;
}

static void lun_bar(struct lun *lun)
{
	snprintf(lun->why, sizeof(lun->why), "another disk answers under its address");
	log_error("another disk answers under the address of this LUN, it is not touched | target=%s "
		  "lun=%u was=%s serial=%s block=%u is=%s serial=%s block=%u", lun->target,
		  lun->facts.number, lun->facts.wwid, lun->facts.serial, lun->facts.block_bytes,
		  lun->probe.facts.wwid, lun->probe.facts.serial, lun->probe.facts.block_bytes);
	lun->accepting = false;
	lun_post(lun, "lun-barred", "was", lun_name(&lun->facts), "is", lun_name(&lun->probe.facts));
	lun_set_state(lun, LUN_BARRED);
	lun_gate(lun, GATE_EV_CLOSE);
}

static void lun_take_limits(struct lun *lun)
{
	uint32_t blocks = TRANSPORT_BURST_BYTES / lun->facts.block_bytes;

	lun->limits = lun->probe.limits;
	if (lun->limits.max_transfer_blocks)
		blocks = MIN(blocks, lun->limits.max_transfer_blocks);
	lun->q.addr = lun->addr;
	lun->q.block_bytes = lun->facts.block_bytes;
	lun->q.max_blocks = blocks;
	lun->q.fua = lun->facts.fua;
}

/* It is another size. What was beyond the end of one that shrank is lost to whoever had it there. */
static void lun_tell_size(const struct lun *lun, uint64_t before)
{
	if (lun_size(lun) == before)
		return;
	if (lun_size(lun) < before)
		log_warn("LUN shrank in size, what was behind its end cannot be reached any more | "
			 "target=%s lun=%u was=%" PRIu64 " is=%" PRIu64, lun->target,
			 lun->facts.number, before, lun_size(lun));
	lun_post(lun, lun_size(lun) < before ? "lun-shrunk" : "lun-grown", "was", lun_text(before).s,
		 "size_bytes", lun_text(lun_size(lun)).s);
}

static void lun_announce(struct lun *lun, const struct lun_facts *before)
{
	bool changed = before->blocks != lun->facts.blocks ||
		       before->write_protected != lun->facts.write_protected;

	if (!lun->added) {
		lun->added = true;
		lun_post(lun, "lun-added", "size_bytes", lun_text(lun_size(lun)).s, "wwid",
			 lun->facts.wwid, "serial", lun->facts.serial);
		lun->events->on_added(lun->arg, lun);
	} else if (changed) {
		log_info("LUN changed | target=%s lun=%u size=%llu", lun->target, lun->facts.number,
			 (unsigned long long)lun_size(lun));
		lun_tell_size(lun, before->blocks * before->block_bytes);
		lun->events->on_changed(lun->arg, lun);
	}
}

/* A unit attention is told once: what a probe that led nowhere has heard counts all the same. */
static void lun_take_attentions(struct lun *lun)
{
	lun->power_lost |= lun->power_on && !lun->probe.nexus_loss;
	lun->power_on = false;
}

/* It is ready: requests may pass, unless the ladder is at work. */
static void lun_open(struct lun *lun)
{
	if (lun->held)
		return;
	lun_gate(lun, GATE_EV_READY);
	/* Nothing was waiting: nobody saw an outage. */
	if (lun->gate.state == GATE_TRIAL && !lun->q.requests && !lun->given_up)
		lun_gate(lun, GATE_EV_PROGRESS);
	else if (lun_trial_has_no_end(lun))
		lun_outage_arm(lun);
}

static void lun_accepted(struct lun *lun, const struct lun_facts *before)
{
	lun->accepting = false;
	lun->power_lost = lun->power_on = false;	/* the old disk's */
	ioq_new_disk(&lun->q);
	log_info("the disk that answers now is accepted | target=%s lun=%u was=%s is=%s",
		 lun->target, lun->facts.number, lun_name(before), lun_name(&lun->facts));
	lun_post(lun, "lun-accepted", "was", lun_name(before), "is", lun_name(&lun->facts),
		 "size_bytes", lun_text(lun_size(lun)).s);
}

static void lun_ready(struct lun *lun)
{
	struct lun_facts before = lun->facts;

	if (lun->added && !lun->accepting &&
	    (!probe_same_disk(&before, &lun->probe.facts) ||
	     before.block_bytes != lun->probe.facts.block_bytes)) {
		lun_bar(lun);
		return;
	}
	lun->facts = lun->probe.facts;
	if (lun->accepting)
		lun_accepted(lun, &before);
	lun_take_attentions(lun);
	if (lun->power_lost)
		lun_note_power_on(lun);
	lun->power_lost = false;
	lun_take_limits(lun);
	*lun->why = '\0';
	lun_set_state(lun, LUN_READY);
	lun->reset = false;
	lun_announce(lun, &before);
	lun_open(lun);
	lun_settle(lun);
}

static void lun_probe(struct lun *lun);

static void lun_probed(struct probe *p, enum probe_result result)
{
	struct lun *lun = container_of(p, struct lun, probe);
	char text[96];

	lun->probing = false;
	switch (result) {
	case PROBE_READY:
		lun_ready(lun);
		break;
	case PROBE_NOT_READY:
		lun_gate(lun, GATE_EV_LOST);
		lun_wait_for_ready(lun, sense_print(&p->sense, text, sizeof(text)));
		break;
	case PROBE_FAILED:
		log_warn("LUN cannot be used | target=%s lun=%u why=%s", lun->target,
			 p->facts.number, p->text);
		lun_gate(lun, GATE_EV_LOST);
		lun_wait_for_ready(lun, p->text);
		break;
	case PROBE_NOT_A_DISK:
		if (lun->added && p->absent) {
			lun_gate(lun, GATE_EV_LOST);
			lun_wait_for_ready(lun, "the target has no such LUN at the moment");
			break;
		}
		if (lun->added) {
			lun_bar(lun);
			break;
		}
		snprintf(lun->why, sizeof(lun->why), "it is no disk");
		lun_set_state(lun, LUN_GONE);
		lun_settle(lun);
		break;
	case PROBE_STOPPED:
		if (lun->reprobe)
			lun_probe(lun);
		break;
	}
}

/* It was only to be asked again, and something happened to it: no request passes until it is known. */
static void lun_probe_attention(struct probe *p)
{
	struct lun *lun = container_of(p, struct lun, probe);

	/* Told once, and perhaps only here: behind another attention that was the reason to ask. */
	if (p->cmd.sense.code == SENSE_REPORTED_LUNS_CHANGED)
		lun->events->on_luns_changed(lun->arg);
	if (is_power_on(p->cmd.sense.code)) {
		/* At once: a flush that is on its way covers nothing of what was lost before it. */
		ioq_doubt(&lun->q);
		lun->power_on |= !lun_explains(lun, p->cmd.sense.code);
	}
	if (!gate_passes(&lun->gate))
		return;
	lun->looking = lun->looking || lun->outage_began == MONO_NEVER;
	lun_gate(lun, GATE_EV_LOST);
}

static void lun_probe(struct lun *lun)
{
	loop_timer_stop(&lun->probe_timer);
	if (!lun->q.wire->tp || lun->closed || lun->state == LUN_GONE || lun->state == LUN_BARRED)
		return;
	lun->reprobe = lun->probing && lun->probe.stopped;
	if (lun->probing)
		return;
	lun_take_attentions(lun);
	lun->probing = probe_start(&lun->probe, lun->loop, lun->q.wire->tp, lun->addr,
				   lun_probe_attention, lun_probed) == 0;
	if (!lun->probing)	/* more LUNs than slots: its turn comes */
		loop_timer_set(&lun->probe_timer, loop_now(lun->loop) + LUN_PROBE_TURN_MS);
}

/* What a probe under way has found may be over: ask again from the beginning. */
static void lun_probe_anew(struct lun *lun)
{
	if (lun->probing)
		probe_stop(&lun->probe);
	lun_probe(lun);
}

static void lun_probe_due(struct loop_timer *t)
{
	lun_probe(container_of(t, struct lun, probe_timer));
}

/* --- what the queue tells ----------------------------------------------------------------- */

/* A LUN that is being asked who it is, is not ready or held is not opened by an answer. */
static bool lun_may_open(const struct lun *lun)
{
	return lun->state == LUN_READY && !lun->probing && !loop_timer_is_set(&lun->probe_timer) &&
	       !lun->held;
}

static void lun_on_progress(void *arg)
{
	struct lun *lun = arg;

	if (lun_may_open(lun))
		lun_gate(lun, GATE_EV_PROGRESS);
}

static void lun_on_poison(void *arg, const struct lun_io *io)
{
	static const char *const ops[] = {
		[LUN_READ] = "read", [LUN_WRITE] = "write", [LUN_FLUSH] = "flush",
	};
	struct lun *lun = arg;

	log_error("the link is lost each time that this request is sent alone, it is given up | "
		  "target=%s lun=%u op=%s off=%llu len=%u", lun->target, lun->facts.number,
		  ops[io->op], (unsigned long long)io->off, io->len);
	lun_post(lun, "request-poisoned", "op", ops[io->op], "off", lun_text(io->off).s, "len",
		 lun_text(io->len).s);
}

static void lun_on_not_ready(void *arg, const struct sense *sense)
{
	struct lun *lun = arg;
	char text[96];

	/* Late words about a LUN that is given up change nothing. */
	if (lun->closed || lun->state == LUN_GONE || lun->state == LUN_BARRED)
		return;
	lun->looking = false;
	sense_print(sense, text, sizeof(text));
	snprintf(lun->why, sizeof(lun->why), "%s", text);
	lun_gate(lun, GATE_EV_LOST);
	lun_outage_arm(lun);
	lun_wait_for_ready(lun, text);
}

void lun_note_attention(struct lun *lun, const struct sense *sense)
{
	if (sense->code >> 8 == 0x29)
		ioq_doubt(&lun->q);
	if (is_power_on(sense->code) && !lun_explains(lun, sense->code))
		lun_note_power_on(lun);
}

static void lun_on_attention(void *arg, const struct sense *sense)
{
	struct lun *lun = arg;
	char text[96];

	log_info("unit attention | target=%s lun=%u sense=%s", lun->target, lun->facts.number,
		 sense_print(sense, text, sizeof(text)));
	lun_note_attention(lun, sense);
	if (sense->code == SENSE_REPORTED_LUNS_CHANGED)
		lun->events->on_luns_changed(lun->arg);
	/* Who is it now, and how large? Nothing is sent to it before that is known. */
	if (sense->code == SENSE_INQUIRY_DATA_CHANGED || sense->code >> 8 == 0x29 ||
	    sense->code == SENSE_REPORTED_LUNS_CHANGED || sense->code == SENSE_CAPACITY_CHANGED ||
	    sense->code == SENSE_MODE_PARAMETERS_CHANGED) {		/* write protection */
		lun->looking = lun->looking || lun->outage_began == MONO_NEVER;
		lun_gate(lun, GATE_EV_LOST);
		lun_probe_anew(lun);
	}
}

/* --- what the ladder wants ---------------------------------------------------------------- */

void lun_hold(struct lun *lun)
{
	if (lun->held)
		return;
	lun->held = true;
	lun->looking = false;
	lun_gate(lun, GATE_EV_LOST);
	lun_outage_arm(lun);
}

static int lun_take_back_probe(struct lun *lun)
{
	int rc = transport_abandon(lun->q.wire->tp, &lun->probe.cmd);

	if (rc < 0)
		return rc;
	lun->probing = lun->reprobe = false;
	if (!lun->closed && lun->state != LUN_GONE && lun->state != LUN_BARRED)
		lun_wait_for_ready(lun, "it did not answer the question who it is");
	return 0;
}

int lun_take_back(struct lun *lun, const struct transport_cmd *late)
{
	bool probe = lun->probing && (!late || late == &lun->probe.cmd);
	int rc = probe ? lun_take_back_probe(lun) : 0;

	if (rc < 0 || (late && late == &lun->probe.cmd))
		return rc;
	return ioq_take_back(&lun->q, late);
}

void lun_note_reset(struct lun *lun)
{
	lun->reset = true;
	lun->reset_lost = false;
}

void lun_look(struct lun *lun)
{
	lun_probe_anew(lun);
}

void lun_release(struct lun *lun)
{
	if (!lun->held)
		return;
	lun->held = false;
	if (lun->q.wire->tp && !lun->closed && lun_may_open(lun))
		lun_open(lun);
}

/* --- the end ------------------------------------------------------------------------------ */

static void lun_drained(struct lun *lun)
{
	if (lun->drained)
		return;
	lun->drained = true;
	lun->events->on_drained(lun->arg, lun);
}

static void lun_last_flush_done(struct lun_io *io, int err, const void *data)
{
	struct lun *lun = container_of(io, struct lun, last_flush);

	(void)data;
	if (err)
		log_error("the last flush failed, written data may be lost | target=%s lun=%u "
			  "error=%s", lun->target, lun->facts.number, strerror(-err));
}

static void lun_last_flush_released(struct lun_io *io)
{
	lun_drained(container_of(io, struct lun, last_flush));
}

/* Every request is answered: what was written is flushed, and then nothing is left to do. */
static void lun_drain_idle(struct lun *lun)
{
	if (!lun->q.open || !lun->q.wire->tp || !ioq_has_written(&lun->q)) {
		lun_drained(lun);
		return;
	}
	lun->last_flush = (struct lun_io){
		.op = LUN_FLUSH,
		.lun = lun,
		.done = lun_last_flush_done,
		.release = lun_last_flush_released,
	};
	ioq_submit(&lun->q, &lun->last_flush);
}

/* Whoever waited has gone or was answered without a command: nobody is on trial any more. */
static void lun_on_idle(void *arg)
{
	struct lun *lun = arg;

	if (lun->draining)
		lun_drain_idle(lun);
	else if (lun->gate.state == GATE_TRIAL && !lun->given_up)
		lun_gate(lun, GATE_EV_PROGRESS);
}

void lun_drain(struct lun *lun)
{
	lun->draining = true;
	lun->drained = false;
	if (lun->q.requests)
		lun->q.wants_idle = true;
	else
		lun_drain_idle(lun);
}

static const struct ioq_events lun_ioq_events = {
	.on_progress = lun_on_progress,
	.on_not_ready = lun_on_not_ready,
	.on_attention = lun_on_attention,
	.on_poison = lun_on_poison,
	.on_idle = lun_on_idle,
};

/* --- life --------------------------------------------------------------------------------- */

int lun_new(struct lun **out, struct ioq_wire *wire, struct lun_addr addr,
	    const struct node_settings *settings, const struct lun_events *events, void *arg)
{
	struct lun *lun = calloc(1, sizeof(*lun));

	if (!lun)
		return -ENOMEM;
	list_init(&lun->link);
	lun->loop = wire->loop;
	lun->settings = settings;
	lun->events = events;
	lun->arg = arg;
	lun->addr = addr;
	lun->facts.number = lun_addr_number(addr);
	lun->facts.block_bytes = 512;
	lun->state = LUN_PROBE;
	lun->fence_group = -1;
	lun->outage_began = MONO_NEVER;
	gate_init(&lun->gate);
	ioq_init(&lun->q, wire, &lun_ioq_events, lun);
	loop_timer_init(lun->loop, &lun->outage_timer, lun_outage_over);
	loop_timer_init(lun->loop, &lun->probe_timer, lun_probe_due);
	lun_settings_changed(lun);
	if (!lun->q.depth) {
		lun_free(lun);
		return -ENOMEM;
	}
	*out = lun;
	return 0;
}

void lun_free(struct lun *lun)
{
	if (!lun)
		return;
	ioq_fini(&lun->q);
	loop_timer_stop(&lun->outage_timer);
	loop_timer_stop(&lun->probe_timer);
	free(lun);
}

void lun_link_up(struct lun *lun)
{
	lun->closed = false;
	if (lun->state == LUN_READY || lun->state == LUN_DOWN)
		lun_set_state(lun, LUN_PROBE);
	else if (lun->state == LUN_GONE)
		lun->state = LUN_PROBE;		/* reported again: perhaps it is a disk now */
	lun_probe(lun);
}

int lun_accept(struct lun *lun, struct err *err)
{
	unsigned number = lun_addr_number(lun->addr);

	if (lun->state != LUN_BARRED)
		return err_set(err, ERR_INVALID, "LUN %u is %s, only one that is BARRED can be accepted",
			       number, lun_state_name(lun->state));
	if (!lun->q.wire->tp)
		return err_set(err, ERR_AGAIN, "LUN %u cannot be asked who it is: the link is lost",
			       number);
	if (lun->q.on_wire)
		return err_set(err, ERR_AGAIN, "LUN %u has commands that the old disk has not answered "
			       "yet: try again", number);
	lun->accepting = true;
	lun->closed = false;
	*lun->why = '\0';
	lun_set_state(lun, LUN_PROBE);
	lun_probe_anew(lun);
	return 0;
}

void lun_ask_again(struct lun *lun)
{
	lun_probe(lun);
}

void lun_link_down(struct lun *lun)
{
	lun->probing = lun->reprobe = lun->looking = lun->held = false;
	lun->reset_lost = true;
	loop_timer_stop(&lun->probe_timer);
	if (lun->accepting) {
		lun->accepting = false;
		snprintf(lun->why, sizeof(lun->why), "the link was lost before it was accepted");
		lun_set_state(lun, LUN_BARRED);
	} else if (lun->state != LUN_BARRED && lun->state != LUN_GONE) {
		snprintf(lun->why, sizeof(lun->why), "the link is lost");
		lun_set_state(lun, LUN_DOWN);
	}
	lun_gate(lun, GATE_EV_LOST);
	lun_outage_arm(lun);
	/* A gate that is SHUT has no outage, and still its answered commands were on the wire. */
	ioq_wire_lost(&lun->q);
}

void lun_miss(struct lun *lun, const char *why)
{
	if (lun->state != LUN_DOWN && lun->state != LUN_NOT_READY)
		return;
	snprintf(lun->why, sizeof(lun->why), "%s", why);
	lun_set_state(lun, LUN_NOT_READY);
}

/* What the target acknowledged and nobody flushed is in its hands alone now. */
static void lun_note_unflushed(const struct lun *lun)
{
	if (lun->gate.state == GATE_SHUT || !lun->facts.write_cache || !ioq_has_unflushed(&lun->q))
		return;
	log_error("closed with writes that could not be flushed, they may be lost if the target "
		  "loses its cache | target=%s lun=%u", lun->target, lun->facts.number);
}

void lun_close(struct lun *lun)
{
	lun_note_unflushed(lun);
	lun->closed = true;
	if (lun->probing)
		probe_stop(&lun->probe);
	lun->reprobe = false;
	loop_timer_stop(&lun->probe_timer);
	lun_gate(lun, GATE_EV_CLOSE);
}

void lun_vanish(struct lun *lun)
{
	bool added = lun->added;

	lun->added = lun->accepting = false;
	snprintf(lun->why, sizeof(lun->why), "the target no longer reports it");
	lun_set_state(lun, LUN_GONE);
	lun_close(lun);
	if (added)
		lun_post(lun, "lun-gone", "why", lun->why);
	if (added)
		lun->events->on_gone(lun->arg, lun);
}

void lun_settings_changed(struct lun *lun)
{
	(void)ioq_set_depth(&lun->q, (unsigned)lun->settings->queue_depth);
	lun->q.patience = lun->settings->replacement_timeout;
	lun_outage_arm(lun);
	if (lun->q.open)
		ioq_pump(&lun->q);	/* there may be room now */
}

/* --- what its users call ------------------------------------------------------------------ */

void lun_submit(struct lun *lun, struct lun_io *io)
{
	io->lun = lun;
	if (lun->gate.state == GATE_SHUT || lun->gate.state == GATE_FAIL || lun->draining)
		ioq_refuse(&lun->q, io, -EIO);
	else if (io->op == LUN_WRITE && lun->facts.write_protected)
		ioq_refuse(&lun->q, io, -EROFS);
	else
		ioq_submit(&lun->q, io);
}

void lun_cancel(struct lun_io *io)
{
	ioq_cancel(&io->lun->q, io);
}

bool lun_is_down(const struct lun *lun)
{
	return !lun->q.open;
}

const struct lun_facts *lun_facts(const struct lun *lun)
{
	return &lun->facts;
}

uint64_t lun_size(const struct lun *lun)
{
	return lun->facts.blocks * lun->facts.block_bytes;
}

enum lun_state lun_state(const struct lun *lun)
{
	return lun->state;
}

const char *lun_state_name(enum lun_state state)
{
	static const char *const names[] = {
		[LUN_NONE] = "NONE", [LUN_PROBE] = "PROBE", [LUN_READY] = "READY",
		[LUN_NOT_READY] = "NOT_READY", [LUN_BARRED] = "BARRED", [LUN_GONE] = "GONE",
		[LUN_DOWN] = "DOWN",
	};

	return names[state];
}

const char *lun_target(const struct lun *lun)
{
	return lun->target;
}

const char *lun_alias(const struct lun *lun)
{
	return lun->alias;
}

void lun_set_user(struct lun *lun, void *user)
{
	lun->user = user;
}

void *lun_user(const struct lun *lun)
{
	return lun->user;
}
