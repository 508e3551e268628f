/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must always hold. The one hard thing: to know it from outside, by what was asked and what
 * was sent, and not by believing the code that is under test.
 */
#include <errno.h>
#include <string.h>

#include "iscsifs/check.h"
#include "sim.h"

/* --- a command is about to be sent -------------------------------------------------------- */

static bool covers(const struct sim *s, const struct sim_io *io, const struct sim_task *t)
{
	uint32_t block_bytes = s->disks[io->lun].block_bytes;
	struct extent x;

	if (!io->io.len)
		return false;
	x = extent_of(io->io.off, io->io.len, block_bytes);
	return x.lba <= t->lba && t->lba + t->blocks <= x.lba + x.blocks;
}

/* Is this command a part of that request? */
static bool serves(const struct sim *s, const struct sim_io *io, const struct sim_task *t)
{
	if (io->answered || io->lun != t->lun)
		return false;
	switch (io->io.op) {
	case LUN_READ:
		return t->is_read && covers(s, io, t);
	case LUN_WRITE:
		return ((t->is_read || t->is_write) && covers(s, io, t)) || (t->is_sync && io->io.fua);
	case LUN_FLUSH:
		return t->is_sync;
	}
	return false;
}

static bool is_wanted(struct sim *s, const struct sim_task *t)
{
	const struct sim_io *io;

	list_each(io, &s->ios, link) {
		if (serves(s, io, t))
			return true;
	}
	return false;
}

static void check_is_wanted(struct sim *s, const struct sim_task *t)
{
	if (is_wanted(s, t) || (t->is_sync && sim_lun(s, t->lun)->draining))
		return;
	sim_broken(s, "op %02x lba %llu blocks %u was sent for no request that waits", t->cdb[0],
		   (unsigned long long)t->lba, t->blocks);
}

static void check_overlap(struct sim *s, const struct sim_task *t)
{
	const struct sim_task *o;

	if (!t->is_write)
		return;
	list_each(o, &s->tasks, link) {
		if (o->tp && o->is_write && o->lun == t->lun && o->lba < t->lba + t->blocks &&
		    t->lba < o->lba + o->blocks)
			sim_broken(s, "two writes of the same blocks are on the wire: #%llu and #%llu",
				   (unsigned long long)o->seq, (unsigned long long)t->seq);
	}
}

static void check_lun(struct sim *s, const struct sim_task *t)
{
	const struct lun *lun = sim_lun(s, t->lun);

	if (!lun)
		sim_broken(s, "I/O to a LUN that nobody knows");
	if (lun->state != LUN_READY)
		sim_broken(s, "I/O to a LUN that is %s", lun_state_name(lun->state));
	if (!gate_passes(&lun->gate))
		sim_broken(s, "I/O through a gate that is %s", gate_state_name(lun->gate.state));
}

/*
 * The request that waits and of which this write is the whole, or NULL. Of others nobody outside can
 * say what they are for; and of a write in pieces that was GOOD in part all is written again, in
 * another order.
 */
static struct sim_io *whole_of(const struct sim_task *t)
{
	struct sim_io *io;
	uint64_t word;

	if (!t->is_write)
		return NULL;
	memcpy(&word, t->data, sizeof(word));
	list_each(io, &t->sim->ios, link) {
		if (io->id == word >> 16 && io->lun == t->lun)
			return !io->answered && io->io.len == t->data_bytes ? io : NULL;
	}
	return NULL;
}

static void forget_lost(struct sim *s, unsigned i)
{
	memmove(&s->lost[i], &s->lost[i + 1], (--s->lost_count - i) * sizeof(s->lost[0]));
}

/* What was on a lost wire is sent again in its old order. */
static void check_order(struct sim *s, struct sim_task *t)
{
	struct sim_io *io = whole_of(t);

	if (io) {
		io->order = io->order ? io->order : t->seq;
		t->order = io->order;
	}
	for (unsigned i = 0; i < s->lost_count; i++) {
		const struct sim_lost *l = &s->lost[i];

		if (l->tc != t->tc)
			continue;
		if (l->lun == t->lun && l->lba == t->lba && l->blocks == t->blocks &&
		    l->is_write == t->is_write && l->is_sync == t->is_sync) {
			if (!l->retried && l->order < s->resent[t->lun])
				sim_broken(s, "sent again out of order: #%llu after #%llu",
					   (unsigned long long)l->order,
					   (unsigned long long)s->resent[t->lun]);
			if (!l->retried)
				s->resent[t->lun] = l->order;
		}
		forget_lost(s, i);
		return;
	}
}

void sim_check_send(struct sim *s, struct sim_task *t)
{
	if (!t->is_read && !t->is_write && !t->is_sync)
		return;
	check_lun(s, t);
	check_is_wanted(s, t);
	check_overlap(s, t);
	check_order(s, t);
}

void sim_note_lost(struct sim *s, const struct sim_task *t, bool retried)
{
	if (!t->is_read && !t->is_write && !t->is_sync)
		return;
	retried |= s->any_order || !whole_of(t);
	BUG_ON(s->lost_count == SIM_LOST_MAX);
	s->lost[s->lost_count++] = (struct sim_lost){
		.tc = t->tc, .lun = t->lun, .order = t->order, .lba = t->lba, .blocks = t->blocks,
		.is_write = t->is_write, .is_sync = t->is_sync, .retried = retried,
	};
}

/* --- a request is answered ---------------------------------------------------------------- */

/* Its commands will not be sent again. */
static void forget_lost_of(struct sim *s, const struct sim_io *io)
{
	for (unsigned i = s->lost_count; i-- > 0;) {
		struct sim_lost *l = &s->lost[i];
		struct sim_task like = { .lba = l->lba, .blocks = l->blocks };

		if (l->lun != io->lun || !io->err)
			continue;
		if (l->is_sync || covers(s, io, &like))
			l->retried = true;	/* or another's: then its place is kept, not checked */
	}
}

static void check_error(struct sim *s, const struct sim_io *io)
{
	if (io->err == 0 || (io->err == -EINTR && io->cancelled))
		return;
	if (io->err == -EINTR)
		sim_broken(s, "request %llu: EINTR, and nobody cancelled it",
			   (unsigned long long)io->id);
	if (!s->errors_are_fine)
		sim_broken(s, "request %llu failed without a reason: %s",
			   (unsigned long long)io->id, strerror(-io->err));
}

/* Writes that were submitted later may have come over this one. */
static unsigned later_writes(const struct sim *s, const struct sim_io *io, uint64_t *ids,
			     unsigned max)
{
	const struct sim_io *o;
	unsigned n = 0;

	list_each(o, &s->ios, link) {
		if (o->id > io->id && o->lun == io->lun && o->io.op == LUN_WRITE && n < max)
			ids[n++] = o->id;
	}
	return n;
}

/* The stable storage of @unit holds what it may since @since. */
static void check_stable(struct sim *s, unsigned lun, unsigned unit, uint64_t since, const char *who)
{
	const struct sim_disk *d = &s->disks[lun];
	uint64_t id;

	if (d->identity != d->first_identity)
		return;		/* swapped since, and not noticed yet */
	id = sim_unit_id(s, d->stable + unit * SIM_UNIT_BYTES, unit);
	if (!sim_model_allows(&s->models[lun], unit, id, since))
		sim_broken(s, "%s was good, and stable storage of lun %u unit %u holds write %llu",
			   who, lun, unit, (unsigned long long)id);
}

static void took_write(struct sim *s, const struct sim_io *io)
{
	unsigned first = (unsigned)(io->io.off / SIM_UNIT_BYTES);
	unsigned n = io->io.len / SIM_UNIT_BYTES;
	uint64_t also[256];
	unsigned also_count = later_writes(s, io, also, 256);

	for (unsigned u = first; u < first + n; u++) {
		if (s->disks[io->lun].lost_in_secret) {
			sim_model_may_hold(s, &s->models[io->lun], u, io->id);
			continue;
		}
		sim_model_set(s, &s->models[io->lun], u, io->id, also, also_count);
		if (io->io.fua)
			check_stable(s, io->lun, u, s->event, "a FUA write");
	}
}

static bool is_quiet(const struct sim *s, const struct sim_io *read, unsigned unit)
{
	const struct sim_io *o;
	uint64_t off = (uint64_t)unit * SIM_UNIT_BYTES;
	/* A write that covers a block in part puts the rest back as it read it. */
	uint64_t block = s->disks[read->lun].block_bytes;
	uint64_t first = off / block * block;

	if (s->models[read->lun].units[unit].changed > read->since)
		return false;
	list_each(o, &s->ios, link) {
		if (o->lun == read->lun && o->io.op == LUN_WRITE && !o->released &&
		    o->io.off < first + block && first < o->io.off + o->io.len)
			return false;
	}
	return true;
}

static void took_read(struct sim *s, const struct sim_io *io, const uint8_t *data)
{
	unsigned first = (unsigned)(io->io.off / SIM_UNIT_BYTES);
	unsigned n = io->io.len / SIM_UNIT_BYTES;

	for (unsigned i = 0; i < n; i++) {
		uint64_t id = sim_unit_id(s, data + i * SIM_UNIT_BYTES, first + i);

		if (!sim_model_allows(&s->models[io->lun], first + i, id, io->since))
			sim_broken(s, "a read of lun %u unit %u gave write %llu", io->lun, first + i,
				   (unsigned long long)id);
		if (is_quiet(s, io, first + i))
			sim_model_set(s, &s->models[io->lun], first + i, id, NULL, 0);
	}
}

static void took_flush(struct sim *s, const struct sim_io *io)
{
	const struct sim_disk *d = &s->disks[io->lun];

	for (unsigned u = 0; u < d->blocks * d->block_bytes / SIM_UNIT_BYTES; u++)
		check_stable(s, io->lun, u, io->since, "a flush");
}

void sim_check_answer(struct sim *s, struct sim_io *io, const void *data)
{
	forget_lost_of(s, io);
	check_error(s, io);
	if (io->err)
		return;
	switch (io->io.op) {
	case LUN_READ:
		if (!data && io->io.len)
			sim_broken(s, "a good read without data");
		took_read(s, io, data);
		break;
	case LUN_WRITE:
		took_write(s, io);
		break;
	case LUN_FLUSH:
		took_flush(s, io);
		break;
	}
}

/* Until now it might have happened at any moment: who reads meanwhile has not seen the last of it. */
void sim_check_release(struct sim *s, const struct sim_io *io)
{
	s->event++;
	if (io->io.op != LUN_WRITE || !io->err)
		return;
	for (uint64_t off = io->io.off; off < io->io.off + io->io.len; off += SIM_UNIT_BYTES)
		s->models[io->lun].units[off / SIM_UNIT_BYTES].changed = s->event;
}

void sim_model_crash(struct sim *s)
{
	s->event++;
	for (unsigned i = 0; i < SIM_LUNS; i++) {
		const struct sim_disk *d = &s->disks[i];

		if (d->identity != d->first_identity)
			continue;
		for (unsigned u = 0; u < SIM_UNITS; u++) {
			unsigned at = u * SIM_UNIT_BYTES;

			if (memcmp(d->now + at, d->stable + at, SIM_UNIT_BYTES))
				sim_model_may_hold(s, &s->models[i], u,
						   sim_unit_id(s, d->stable + at, u));
		}
	}
}

/* --- after each turn ---------------------------------------------------------------------- */

/* No answer for longer than the budget allows. */
static void check_budget(struct sim *s, const struct sim_io *io)
{
	const struct node_settings *n = session_settings(s->session);
	mono_ms since = MAX(MAX(io->when, s->progress[io->lun]), s->settings_changed);
	/* The ladder may be at work for the other LUNs, one after the other, before it is for this. */
	span_ms ladder = SIM_LUNS * (n->abort_timeout + n->lu_reset_timeout + n->tgt_reset_timeout);
	span_ms limit = n->replacement_timeout + n->scsi_cmd_timeout + n->noop_out_interval +
			n->noop_out_timeout + n->login_timeout + ladder + 3000;

	if (n->replacement_timeout < 0 || s->held_for_good || !n->scsi_cmd_timeout)
		return;
	if (loop_now(s->loop) - since > limit)
		sim_broken(s, "request %llu waits for longer than the budget of an outage",
			   (unsigned long long)io->id);
}

static void check_gates(struct sim *s, const struct sim_io *io)
{
	const struct lun *lun = sim_lun(s, io->lun);

	if (lun->gate.state == GATE_FAIL && loop_now(s->loop) > io->when)
		sim_broken(s, "request %llu waits behind a gate that fails requests",
			   (unsigned long long)io->id);
	if (lun->gate.state == GATE_SHUT && loop_now(s->loop) > io->when)
		sim_broken(s, "request %llu waits behind a gate that is shut",
			   (unsigned long long)io->id);
}

void sim_check_turn(struct sim *s)
{
	const struct sim_io *io;

	list_each(io, &s->ios, link) {
		if (io->answered)
			continue;
		check_budget(s, io);
		check_gates(s, io);
	}
}

/* Nothing is asked for any more: nothing may be held. */
void sim_check_rest(struct sim *s)
{
	const struct ioq_wire *w = &s->session->wire;
	const struct lun *lun;

	if (w->bufs.used_bytes)
		sim_broken(s, "%zu bytes of buffers did not come back", w->bufs.used_bytes);
	list_each(lun, &s->session->luns, link) {
		if (lun->q.on_wire || lun->q.requests || !list_empty(&lun->q.active) ||
		    !list_empty(&lun->q.resend) || !list_empty(&lun->q.carving))
			sim_broken(s, "the queue of lun %u is not empty", lun_addr_number(lun->addr));
	}
}
