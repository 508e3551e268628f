/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random histories: sim_random [SEED [COUNT [verbose]]]. Without a seed, fresh ones; the one that
 * fails is printed and replays alone.
 *
 * The one hard thing: a history must be rich and still have a fixed end: faults stop, everything is
 * answered, and what the disks hold is what the model says.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "iscsifs/check.h"
#include "sim.h"

enum { STEPS = 250, OUTSTANDING = 24, SECONDS = 20 };

/* How likely each misfortune is in this history, in percent of the tasks, dials and steps. */
struct odds {
	unsigned drop, late, silent, busy, unit_attention, aborted, reject, shorts, medium;
	unsigned dial_refused, dial_mute, dial_login, dial_brief, dial_nomem;
	unsigned black, crash, not_ready, vanish, swap, resize, set, cancel, names, oom, close;
	unsigned probe_faults;
	unsigned hung, slow, poison, tmf_refused, tmf_lost, tmf_silent, tmf_drop, tmf_late, queued;
};

struct history {
	struct sim s;
	struct odds odds;
	mono_ms black_until, ready_at, back_at;
	unsigned resubmits;
	bool resizes;
	uint64_t poison_lba;		/* I/O that begins here ends the link, each time */
};

static struct history *history_of(struct sim *s)
{
	return container_of(s, struct history, s);
}

static bool luck(struct history *h, unsigned percent)
{
	return sim_percent(&h->s.chance, percent);
}

static unsigned below(struct history *h, unsigned n)
{
	return sim_below(&h->s.chance, n);
}

/* --- what the network does ---------------------------------------------------------------- */

static void history_on_dial(struct sim *s, const char *portal, struct sim_dial *dial)
{
	static const uint16_t statuses[] = { 0x0201, 0x0203, 0x0207, 0x0300, 0x0301, 0x0302, 0x0200 };
	struct history *h = history_of(s);

	(void)portal;
	dial->delay = 1 + (span_ms)below(h, 50);
	if (luck(h, h->odds.dial_refused)) {
		dial->answer = luck(h, 50) ? SIM_DIAL_REFUSED : SIM_DIAL_DROP;
	} else if (luck(h, h->odds.dial_mute)) {
		dial->answer = SIM_DIAL_MUTE;
	} else if (luck(h, h->odds.dial_login)) {
		dial->answer = luck(h, 80) ? SIM_DIAL_LOGIN : SIM_DIAL_AUTH;
		dial->status = statuses[below(h, ARRAY_SIZE(statuses))];
	} else if (luck(h, h->odds.dial_brief)) {
		dial->answer = SIM_DIAL_BRIEF;
		dial->delay = (span_ms)below(h, luck(h, 50) ? 8 : 200);
	} else if (luck(h, h->odds.dial_nomem)) {
		dial->answer = SIM_DIAL_NOMEM;
	}
}

static void fate_status(struct sim_task *t, enum scsi_status status, enum sense_key key,
			uint16_t code)
{
	t->fate = SIM_FATE_STATUS;
	t->status = (uint8_t)status;
	t->sense = (struct sense){ .key = (uint8_t)key, .code = code };
}

static bool history_answers(struct history *h, struct sim_task *t)
{
	static const uint16_t codes[] = { 0x2900, 0x2901, 0x2907, 0x2a01, 0x2a09, 0x3f03, 0x3f0e, 0x2f00 };

	if (luck(h, h->odds.busy)) {
		fate_status(t, luck(h, 50) ? SCSI_BUSY : SCSI_TASK_SET_FULL, SENSE_NO_SENSE, 0);
	} else if (luck(h, h->odds.unit_attention)) {
		fate_status(t, SCSI_CHECK_CONDITION, SENSE_UNIT_ATTENTION,
			    codes[below(h, ARRAY_SIZE(codes))]);
	} else if (luck(h, h->odds.aborted)) {
		if (luck(h, 50))
			fate_status(t, SCSI_CHECK_CONDITION, SENSE_ABORTED_COMMAND, 0x4704);
		else
			fate_status(t, SCSI_TASK_ABORTED, SENSE_NO_SENSE, 0);
		if (luck(h, 50))
			t->fate = SIM_FATE_STATUS_DONE;
	} else if (luck(h, h->odds.reject)) {
		t->fate = SIM_FATE_REJECT;
	} else if (t->is_read && luck(h, h->odds.shorts)) {
		/* Not of a list of pages: of a disk without a name nobody can say that it is another. */
		t->fate = SIM_FATE_SHORT;
	} else if (luck(h, h->odds.medium)) {
		fate_status(t, SCSI_CHECK_CONDITION, SENSE_MEDIUM_ERROR, SENSE_UNRECOVERED_READ_ERROR);
	} else {
		return false;
	}
	return true;
}

static void history_on_task(struct sim *s, struct sim_task *t)
{
	struct history *h = history_of(s);
	bool io = t->is_read || t->is_write || t->is_sync;

	if (!io && !luck(h, h->odds.probe_faults))
		return;
	if (io && !t->is_sync && h->odds.poison && t->lba == h->poison_lba) {
		t->fate = SIM_FATE_DROP_BEFORE;
		return;
	}
	if (luck(h, h->odds.hung)) {
		t->fate = SIM_FATE_HUNG;
		return;
	}
	if (luck(h, h->odds.slow)) {
		t->fate = SIM_FATE_SLOW;
		t->slow = (span_ms)below(h, 9000);
		return;
	}
	if (luck(h, h->odds.drop))
		t->fate = luck(h, 50) ? SIM_FATE_DROP_AFTER : SIM_FATE_DROP_BEFORE;
	else if (luck(h, h->odds.late))
		t->fate = SIM_FATE_DROP_LATE;
	else if (luck(h, h->odds.silent))
		t->fate = SIM_FATE_SILENT;
	else
		(void)history_answers(h, t);
}

static void history_on_tmf(struct sim *s, struct sim_tmf *m)
{
	static const uint8_t responses[] = { 1, 2, 5, 6, 255 };
	struct history *h = history_of(s);

	m->delay = luck(h, h->odds.tmf_late) ? (span_ms)below(h, 3000) : 0;
	if (luck(h, h->odds.tmf_refused)) {
		m->fate = SIM_TMF_REFUSED;
		/* "Does not exist" of a task that does is no fault that a target may have. */
		m->response = responses[m->function == TRANSPORT_ABORT_TASK
						? 1 + below(h, ARRAY_SIZE(responses) - 1)
						: below(h, ARRAY_SIZE(responses))];
	} else if (luck(h, h->odds.tmf_lost)) {
		m->fate = SIM_TMF_LOST;
	} else if (luck(h, h->odds.tmf_silent)) {
		m->fate = SIM_TMF_SILENT;
	} else if (luck(h, h->odds.tmf_drop)) {
		m->fate = SIM_TMF_DROP;
	}
}

/* --- what the users do -------------------------------------------------------------------- */

static unsigned history_outstanding(const struct history *h)
{
	return h->s.unreleased;
}

static void history_resubmit(struct sim_io *io);

static struct sim_io *history_submit(struct history *h)
{
	struct sim *s = &h->s;
	unsigned n = below(h, s->luns);
	struct lun *lun = sim_lun(s, n);
	unsigned units, most, first, len, what = below(h, 100);
	struct sim_io *io;

	if (!lun || !lun->added || history_outstanding(h) >= OUTSTANDING)
		return NULL;
	if (what < 10)
		return sim_flush(s, n);
	units = (unsigned)(lun_size(lun) / SIM_UNIT_BYTES);
	/* Most requests meet in a small corner, so that they overlap. */
	most = luck(h, 70) ? 64 : units;
	first = below(h, MIN(units, most));
	most = luck(h, 80) ? 24 : 128;
	len = 1 + below(h, MIN(most, units - first));
	if (luck(h, 50)) {
		first &= ~7u;
		len = MIN((len + 7) & ~7u, units - first);
	}
	io = sim_submit(s, n, what < 50 ? LUN_READ : LUN_WRITE, (uint64_t)first * SIM_UNIT_BYTES,
			luck(h, 98) ? len * SIM_UNIT_BYTES : 0, what >= 90);
	if (luck(h, 5))
		io->then = history_resubmit;
	else if (luck(h, 5))
		io->after = history_resubmit;
	return io;
}

static void history_cancel_some(struct history *h);

/* A callback that asks for more at once, or gives up another. */
static void history_resubmit(struct sim_io *io)
{
	struct history *h = history_of(io->sim);

	if (!io->sim->session || io->sim->closed || h->resubmits++ > 200)
		return;
	if (luck(h, 70))
		(void)history_submit(h);
	else
		history_cancel_some(h);
}

static void history_cancel_some(struct history *h)
{
	struct sim_io *io;

	list_each(io, &h->s.ios, link) {
		if (!io->answered && luck(h, 20)) {
			sim_cancel(io);
			if (luck(h, 20) && !io->answered)
				sim_cancel(io);
			return;
		}
	}
}

static void history_reap(struct history *h)
{
	struct sim_io *io, *tmp;

	list_each_safe(io, tmp, &h->s.ios, link) {
		if (!io->answered || !io->released)
			continue;
		list_del(&io->link);
		free(io->got);
		free(io);
	}
}

/* --- what the world does ------------------------------------------------------------------ */

static void history_set(struct history *h)
{
	static const char *const what[][2] = {
		{ "replacement_timeout", "0" }, { "replacement_timeout", "-1" },
		{ "replacement_timeout", "500ms" }, { "replacement_timeout", "5" },
		{ "replacement_timeout", "20" }, { "queue_depth", "1" }, { "queue_depth", "8" },
		{ "scsi_cmd_timeout", "1" }, { "scsi_cmd_timeout", "4" },
		{ "time2wait", "eager" }, { "time2wait", "wait" },
		{ "noop_out_interval", "0" }, { "noop_out_interval", "1" },
	};
	struct sim *s = &h->s;
	unsigned i = below(h, ARRAY_SIZE(what));
	struct err err = ERR_INIT;

	sim_trace(s, "set %s=%s", what[i][0], what[i][1]);
	s->settings_changed = loop_now(s->loop);
	if (session_set(s->session, what[i][0], what[i][1], &err) < 0)
		sim_broken(s, "%s", err.text);
}

static void history_resize(struct history *h, struct sim_disk *d)
{
	uint64_t most = SIM_DISK_BYTES / d->block_bytes;

	d->blocks = most / 2 + below(h, (unsigned)(most / 2) + 1);
	sim_trace(&h->s, "lun %u has %" PRIu64 " blocks", d->number, d->blocks);
	sim_target_ua(d, SENSE_CAPACITY_CHANGED);
}

static void history_vanish(struct history *h, struct sim_disk *d)
{
	sim_trace(&h->s, "lun %u %s", d->number, d->present ? "vanishes" : "returns");
	d->present = !d->present;
	for (unsigned i = 0; i < SIM_LUNS; i++)
		sim_target_ua(&h->s.disks[i], SENSE_REPORTED_LUNS_CHANGED);
	if (luck(h, 50) && h->s.session)
		session_rescan(h->s.session);
}

static bool is_swapped(const struct sim_disk *d)
{
	return d->identity != d->first_identity;
}

static void history_swap(struct history *h, struct sim_disk *d)
{
	if (is_swapped(d))
		return;
	sim_target_swap(&h->s, d->number);
	if (luck(h, 50))
		sim_drop(&h->s, TRANSPORT_LOSS_DROPPED, -1, "the target changes its disks");
}

static void history_world(struct history *h)
{
	struct sim *s = &h->s;
	struct sim_disk *d = &s->disks[below(h, s->luns)];

	if (luck(h, h->odds.black)) {
		s->net.black = true;
		h->black_until = loop_now(s->loop) + (span_ms)below(h, 8000);
		sim_trace(s, "nothing arrives");
	}
	if (luck(h, h->odds.crash)) {
		sim_target_crash(s, luck(h, 70));
		if (luck(h, 70))
			sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "the target restarts");
	}
	if (luck(h, h->odds.not_ready)) {
		d->ready = luck(h, 50);
		d->absent = luck(h, 30);
		h->ready_at = loop_now(s->loop) + (span_ms)below(h, 6000);
		sim_trace(s, "lun %u ready=%d absent=%d", d->number, d->ready, d->absent);
	}
	if (luck(h, h->odds.vanish)) {
		history_vanish(h, d);
		h->back_at = loop_now(s->loop) + (span_ms)below(h, 4000);
	}
	if (luck(h, h->odds.swap))
		history_swap(h, d);
	if (luck(h, h->odds.resize))
		history_resize(h, d);
	if (luck(h, h->odds.set))
		history_set(h);
	if (luck(h, h->odds.set))
		session_rescan(s->session);
	if (luck(h, h->odds.names))
		s->net.no_names = !s->net.no_names;
	if (luck(h, h->odds.names))
		s->net.ping_fails = !s->net.ping_fails;
	s->net.queued = luck(h, h->odds.queued);
	s->net.oom_percent = luck(h, h->odds.oom) ? below(h, 60) : 0;
}

static void history_mend(struct history *h, bool all)
{
	struct sim *s = &h->s;
	mono_ms now = loop_now(s->loop);

	if (all || now >= h->black_until)
		s->net.black = false;
	for (unsigned i = 0; i < s->luns; i++) {
		if (all || now >= h->ready_at) {
			s->disks[i].ready = true;
			s->disks[i].absent = false;
		}
		if (!s->disks[i].present && (all || now >= h->back_at))
			history_vanish(h, &s->disks[i]);
	}
}

/* --- one history -------------------------------------------------------------------------- */

static unsigned pick(struct history *h, unsigned most)
{
	/* Most histories have a few kinds of misfortune, some have all. */
	return luck(h, 35) ? 1 + below(h, most) : 0;
}

static void history_draw(struct history *h)
{
	h->odds = (struct odds){
		.drop = pick(h, 8), .late = pick(h, 6), .silent = pick(h, 3), .busy = pick(h, 30),
		.unit_attention = pick(h, 8), .aborted = pick(h, 10), .reject = pick(h, 5),
		.shorts = pick(h, 5), .medium = pick(h, 3),
		.dial_refused = pick(h, 60), .dial_mute = pick(h, 20), .dial_login = pick(h, 50),
		.dial_brief = pick(h, 40), .dial_nomem = pick(h, 20),
		.black = pick(h, 3), .crash = pick(h, 3), .not_ready = pick(h, 4),
		.vanish = pick(h, 2), .swap = pick(h, 2) / 2, .resize = pick(h, 3),
		.set = pick(h, 5), .cancel = pick(h, 20), .names = pick(h, 5), .oom = pick(h, 20),
		.close = pick(h, 50), .probe_faults = pick(h, 100),
		.hung = pick(h, 4), .slow = pick(h, 4), .poison = pick(h, 1),
		.tmf_refused = pick(h, 70), .tmf_lost = pick(h, 60), .tmf_silent = pick(h, 60),
		.tmf_drop = pick(h, 30), .tmf_late = pick(h, 60), .queued = pick(h, 50),
	};
}

static void history_disks(struct history *h)
{
	struct sim *s = &h->s;

	for (unsigned i = 0; i < s->luns; i++) {
		struct sim_disk *d = &s->disks[i];

		if (luck(h, 30)) {
			d->block_bytes = 4096;
			d->blocks = SIM_DISK_BYTES / 4096;
		}
		d->max_transfer_blocks = luck(h, 60) ? 1 + below(h, 4) : 0;
		d->write_cache = luck(h, 80);
		d->dpofua = luck(h, 50);
		d->no_sync_16 = luck(h, 20);
		/* A cache that cannot be flushed is no promise to check. */
		d->no_sync_10 = !d->write_cache && luck(h, 50);
	}
}

static bool history_is_clean(const struct odds *o)
{
	static const struct odds none;
	struct odds x = *o;

	x.cancel = x.close = x.probe_faults = x.slow = x.queued = 0;
	x.tmf_refused = x.tmf_lost = x.tmf_silent = x.tmf_drop = x.tmf_late = 0;
	return !memcmp(&x, &none, sizeof(x));
}

/* Each portal may be in a group of its own. */
static unsigned history_group(const char *portal)
{
	const char *colon = strchr(portal, ':');

	return (unsigned)(colon[-1] - '0') % SIM_GROUPS;
}

static void history_begin(struct history *h, uint64_t seed, bool verbose)
{
	static const char *const timeouts[] = {
		"replacement_timeout=0", "replacement_timeout=1", "replacement_timeout=5",
		"replacement_timeout=20", "replacement_timeout=-1",
	};
	static const char *const portals[][2] = {
		{ "192.0.2.1:3260", NULL }, { "two.example:3260", NULL },
	};
	const char *settings[] = { NULL, NULL, NULL };
	struct sim *s = &h->s;

	s->name = "sim_random";
	s->verbose = verbose;
	s->chance = seed;
	settings[0] = timeouts[below(h, ARRAY_SIZE(timeouts))];
	settings[1] = luck(h, 30) ? "time2wait=eager" : NULL;
	sim_new(s, seed, 1 + below(h, SIM_LUNS), settings);
	history_draw(h);
	history_disks(h);
	s->net.on_dial = history_on_dial;
	s->net.on_task = history_on_task;
	s->net.on_tmf = history_on_tmf;
	h->poison_lba = below(h, 8);
	s->net.delay_max = 1 + (span_ms)below(h, luck(h, 50) ? 5 : 100);
	s->net.late_max = (span_ms)below(h, 4000);
	s->net.time2wait = (span_ms)below(h, 3000);
	s->net.group_of = luck(h, 30) ? history_group : NULL;
	h->resizes = h->odds.resize;
	s->any_order = h->odds.unit_attention || h->odds.crash;
	s->errors_are_fine = !history_is_clean(&h->odds);
	sim_begin_with(s, portals[below(h, 2)], luck(h, 50));
}

static void history_run(struct history *h)
{
	struct sim *s = &h->s;

	for (unsigned i = 0; i < STEPS; i++) {
		for (unsigned n = below(h, 4); n > 0; n--)
			(void)history_submit(h);
		if (luck(h, h->odds.cancel))
			history_cancel_some(h);
		history_world(h);
		history_mend(h, false);
		sim_run(s, (span_ms)below(h, luck(h, 10) ? 3000 : 40));
		if (luck(h, h->odds.set))
			sim_pause(s, LOOP_PAUSE_MS + (span_ms)below(h, 30000));
		history_reap(h);
	}
}

static void history_tell_luns(struct history *h)
{
	struct sim *s = &h->s;
	const struct lun *lun;

	list_each(lun, &s->session->luns, link) {
		if (lun->gate.state != GATE_OPEN)
			sim_broken(s, "the faults are over, and lun %u is %s, its gate %s, link %s",
				   lun_addr_number(lun->addr), lun_state_name(lun->state),
				   gate_state_name(lun->gate.state),
				   link_state_name(s->session->link.state));
	}
	sim_broken(s, "the faults are over, and the link is %s",
		   link_state_name(s->session->link.state));
}

/* The faults are over: everything must be answered, and come to rest. */
static void history_settle(struct history *h)
{
	struct sim *s = &h->s;

	h->odds = (struct odds){ 0 };
	s->net.oom_percent = s->net.queued = 0;
	s->net.no_names = s->net.ping_fails = false;
	h->resubmits = 1000;
	history_mend(h, true);
	sim_trace(s, "the faults are over");
	if (!sim_run_until(s, sim_is_idle, 120000))
		sim_broken(s, "the faults are over, and a request does not come back");
	/* What was never answered is found out, and cut. */
	sim_run(s, 6000);
	if (s->session->link.state == LINK_REFUSED)
		return;
	if (!sim_run_until(s, sim_is_open, 120000))
		history_tell_luns(h);
	sim_run(s, 3000);
	sim_check_rest(s);
}

/* What do the disks hold, and what survives a power loss after a flush? */
static void history_look(struct history *h)
{
	struct sim *s = &h->s;

	for (unsigned i = 0; i < s->luns; i++) {
		struct lun *lun = sim_lun(s, i);

		if (!lun || lun->state != LUN_READY || is_swapped(&s->disks[i]))
			continue;
		(void)sim_flush(s, i);
		for (uint64_t off = 0; off < lun_size(lun); off += 4096)
			(void)sim_read(s, i, off, (uint32_t)MIN(4096u, lun_size(lun) - off));
	}
	/* A LUN may have become smaller since the last time that anybody looked. */
	s->errors_are_fine = h->resizes;
	if (!sim_run_until(s, sim_is_idle, 60000))
		sim_broken(s, "the last look is not answered");
}

/* Whoever asks another disk is told no, by the target's first word about it at the latest. */
static void history_look_at_swapped(struct history *h)
{
	struct sim *s = &h->s;

	for (unsigned i = 0; i < s->luns; i++) {
		struct lun *lun = sim_lun(s, i);
		struct sim_io *io;

		if (!is_swapped(&s->disks[i]) || !lun || !lun->added || lun->state == LUN_GONE)
			continue;
		s->errors_are_fine = true;
		io = sim_read(s, i, 0, 512);
		sim_run(s, 5000);
		if (lun->state != LUN_BARRED || io->err != -EIO)
			sim_broken(s, "lun %u is another disk, and it is %s", i,
				   lun_state_name(lun->state));
	}
}

static void history_end(struct history *h)
{
	struct sim *s = &h->s;

	if (s->session->link.state == LINK_REFUSED)
		return;
	history_look_at_swapped(h);
	session_close(s->session);
	if (!sim_run_until(s, sim_is_closed, 20000))
		sim_broken(s, "the session does not close");
}

static void history_play(uint64_t seed, bool verbose)
{
	struct history *h = calloc(1, sizeof(*h));
	bool abrupt, early;

	BUG_ON(!h);
	history_begin(h, seed, verbose);
	abrupt = luck(h, 15);
	early = luck(h, h->odds.close);
	history_run(h);
	if (early)
		session_close(h->s.session);
	if (early && !abrupt && !sim_run_until(&h->s, sim_is_closed, 60000))
		sim_broken(&h->s, "the session does not close in the middle of things");
	if (!abrupt && !early) {
		history_settle(h);
		history_look(h);
		history_end(h);
	}
	h->s.errors_are_fine = true;
	h->resubmits = 1000;
	sim_free(&h->s);
	free(h);
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 0;
	unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 0) : seed ? 1 : 200;
	bool verbose = argc > 3;
	clock_t began = clock();
	unsigned long n;

	if (!seed)
		seed = (uint64_t)time(NULL) << 16 ^ (uint64_t)getpid();
	for (n = 0; n < count; n++) {
		history_play(seed + n, verbose);
		if (argc < 3 && (clock() - began) / CLOCKS_PER_SEC >= SECONDS)
			break;
	}
	printf("1..1\nok 1 - random histories keep their promises # seeds %" PRIu64 " to %" PRIu64 "\n",
	       seed, seed + MIN(n, count - 1));
	return 0;
}
