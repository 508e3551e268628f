/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world: it makes the session, plays its users and turns the loop. The one hard thing: what is
 * found must be found again; so a failure names its seed, and time and chance come from it alone.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/log.h"
#include "sim.h"

struct sim *sim_world;

/* --- telling ------------------------------------------------------------------------------ */

void sim_broken(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "\n%s: seed %llu, at %lld ms: ", s->name ? s->name : "simulation",
		(unsigned long long)s->seed, (long long)sim_now() - 1000000);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nagain, with all that happens: tests/sim/sim_random %llu 1 verbose\n",
		(unsigned long long)s->seed);
	abort();
}

void sim_trace(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	if (!s->verbose)
		return;
	fprintf(stderr, "%8lld ", (long long)sim_now() - 1000000);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* --- what the session tells --------------------------------------------------------------- */

static void sim_on_first_login(void *arg, struct session *session, const struct err *err)
{
	struct sim *s = arg;

	(void)session;
	if (s->decided)
		sim_broken(s, "the first login was decided twice");
	s->decided = true;
	s->first_err = err ? *err : (struct err)ERR_INIT;
	sim_trace(s, "first login: %s", err ? err->text : "good");
}

static void sim_on_lun_added(void *arg, struct session *session, struct lun *lun)
{
	struct sim *s = arg;

	(void)session;
	sim_trace(s, "lun %u added", lun_addr_number(lun->addr));
	s->added[lun_addr_number(lun->addr)]++;
	sim_target_is_known(s, lun_addr_number(lun->addr));
}

static void sim_on_lun_changed(void *arg, struct session *session, struct lun *lun)
{
	struct sim *s = arg;

	(void)session;
	sim_trace(s, "lun %u changed: %s", lun_addr_number(lun->addr),
		  lun_state_name(lun_state(lun)));
	s->changed[lun_addr_number(lun->addr)]++;
}

static void sim_on_lun_gone(void *arg, struct session *session, struct lun *lun)
{
	struct sim *s = arg;

	(void)session;
	sim_trace(s, "lun %u gone", lun_addr_number(lun->addr));
	s->gone[lun_addr_number(lun->addr)]++;
}

static void sim_on_closed(void *arg, struct session *session)
{
	struct sim *s = arg;

	(void)session;
	sim_trace(s, "closed");
	if (s->closed++)
		sim_broken(s, "closed twice");
	s->closed_at = loop_now(s->loop);
}

static const struct session_events sim_session_events = {
	.on_first_login = sim_on_first_login,
	.on_lun_added = sim_on_lun_added,
	.on_lun_changed = sim_on_lun_changed,
	.on_lun_gone = sim_on_lun_gone,
	.on_closed = sim_on_closed,
};

/* --- life --------------------------------------------------------------------------------- */

static const char *const sim_defaults[] = {
	"replacement_timeout=20", "scsi_cmd_timeout=4", "login_timeout=2", "logout_timeout=2",
	"abort_timeout=1", "lu_reset_timeout=1", "tgt_reset_timeout=1", "noop_out_interval=1",
	"noop_out_timeout=1", "cmds_max=8", "queue_depth=4",
	"initial_login_retry_max=3", "iface.initiatorname=iqn.2026-11.example:sim", NULL,
};

static void sim_set(struct sim *s, const char *const *settings)
{
	for (; settings && *settings; settings++) {
		struct setting_note note;
		struct err err = ERR_INIT;
		const char *value = strchr(*settings, '=') + 1;
		char name[128];

		snprintf(name, sizeof(name), "%.*s", (int)(value - *settings - 1), *settings);
		if (node_settings_set(&s->settings, name, value, &note, &err) < 0)
			sim_broken(s, "%s", err.text);
	}
}

void sim_new(struct sim *s, uint64_t seed, unsigned luns, const char *const *settings)
{
	bool verbose = s->verbose;
	const char *name = s->name;

	*s = (struct sim){ .seed = seed, .chance = seed, .luns = luns, .verbose = verbose,
			   .name = name };
	sim_world = s;
	sim_clock_set(1000000);
	sim_entropy_set(seed);
	srandom((unsigned)seed);
	log_set_level(verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
	BUG_ON(log_open(verbose ? LOG_SINK_STDERR : LOG_SINK_FILE, "sim", "/dev/null") < 0);
	BUG_ON(loop_new(&s->loop) < 0 || events_new(&s->events, s->loop) < 0);
	list_init(&s->tasks);
	list_init(&s->tmfs);
	list_init(&s->ios);
	s->net.delay_min = 1;
	s->net.delay_max = 3;
	node_settings_init(&s->settings);
	sim_set(s, sim_defaults);
	sim_set(s, settings);
	sim_target_init(s);
	for (unsigned i = 0; i < SIM_LUNS; i++)
		sim_model_init(&s->models[i]);
}

void sim_begin_with(struct sim *s, const char *const *portals, bool background)
{
	const struct session_param param = {
		.target = "iqn.2026-11.example:target",
		.portals = portals,
		.only_lun = -1,
		.settings = &s->settings,
		.background = background,
		.history = s->events,
	};
	struct err err = ERR_INIT;

	if (session_new(&s->session, s->loop, &param, &sim_session_events, s, &err) < 0)
		sim_broken(s, "%s", err.text);
	session_start(s->session);
}

void sim_begin(struct sim *s)
{
	static const char *const portals[] = { "192.0.2.1:3260", NULL };

	sim_begin_with(s, portals, false);
}

static void sim_io_free(struct sim_io *io)
{
	list_del(&io->link);
	free(io->got);
	free(io->buf);
	free(io);
}

void sim_free(struct sim *s)
{
	struct sim_task *t, *tt;
	struct sim_io *io, *tmp;

	session_free(s->session);
	s->session = NULL;
	if (s->tp)
		sim_broken(s, "the session is gone, its transport is not");
	list_each_safe(io, tmp, &s->ios, link) {
		if (!io->answered || !io->released)
			sim_broken(s, "request %llu was never %s", (unsigned long long)io->id,
				   io->answered ? "released" : "answered");
		sim_io_free(io);
	}
	list_each_safe(t, tt, &s->tasks, link) {
		list_del(&t->link);
		loop_timer_stop(&t->timer);
		free(t->data);
		free(t);
	}
	for (unsigned i = 0; i < SIM_LUNS; i++)
		sim_model_fini(&s->models[i]);
	events_free(s->events);
	loop_free(s->loop);
}

unsigned sim_told(const struct sim *s, const char *type)
{
	const struct event *ev;
	unsigned n = 0;

	for (uint64_t seq = 0; (ev = events_next(s->events, seq)); seq = ev->seq)
		n += !strcmp(ev->type, type);
	return n;
}

struct lun *sim_lun(struct sim *s, unsigned number)
{
	struct lun *lun;

	list_each(lun, &s->session->luns, link) {
		if (lun_addr_number(lun->addr) == number)
			return lun;
	}
	return NULL;
}

/* --- requests ----------------------------------------------------------------------------- */

static uint64_t sim_io_sum(const struct sim_io *io)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < io->io.len; i++)
		sum = sum * 31 + io->buf[i];
	return sum;
}

static void sim_done(struct lun_io *lun_io, int err, const void *data)
{
	struct sim_io *io = container_of(lun_io, struct sim_io, io);
	struct sim *s = io->sim;

	if (io->answered)
		sim_broken(s, "request %llu was answered twice", (unsigned long long)io->id);
	if (s->in_call)
		sim_broken(s, "request %llu was answered inside a call of its owner",
			   (unsigned long long)io->id);
	io->answered = true;
	io->answered_at = sim_now();
	io->err = err;
	s->event++;
	sim_trace(s, "request %llu: %s", (unsigned long long)io->id, err ? strerror(-err) : "good");
	if (data && !err) {
		io->got = malloc(io->io.len ? io->io.len : 1);
		BUG_ON(!io->got);
		memcpy(io->got, data, io->io.len);
	}
	sim_check_answer(s, io, data);
	if (io->then)
		io->then(io);
}

static void sim_release(struct lun_io *lun_io)
{
	struct sim_io *io = container_of(lun_io, struct sim_io, io);
	struct sim *s = io->sim;
	const struct sim_task *t;

	if (!io->answered || io->released)
		sim_broken(s, "request %llu was released %s", (unsigned long long)io->id,
			   io->released ? "twice" : "before it was answered");
	if (s->in_call)
		sim_broken(s, "request %llu was released inside a call of its owner",
			   (unsigned long long)io->id);
	if (io->buf && sim_io_sum(io) != io->sum)
		sim_broken(s, "the buffer of write %llu was changed", (unsigned long long)io->id);
	list_each(t, &s->tasks, link) {
		if (t->tp && io->buf && t->src >= io->buf && t->src < io->buf + io->io.len)
			sim_broken(s, "write %llu was released while it was on the wire",
				   (unsigned long long)io->id);
	}
	io->released = true;
	sim_check_release(s, io);
	io->released_at = sim_now();
	s->unreleased--;
	/* Whoever touches it from here on is told by the sanitizer. */
	free(io->buf);
	io->buf = NULL;
	if (io->after)
		io->after(io);
}

static void sim_fill(struct sim *s, struct sim_io *io)
{
	unsigned first = (unsigned)(io->io.off / SIM_UNIT_BYTES);

	io->buf = malloc(io->io.len ? io->io.len : 1);
	BUG_ON(!io->buf);
	for (unsigned i = 0; i < io->io.len / SIM_UNIT_BYTES; i++) {
		sim_unit_fill(io->buf + i * SIM_UNIT_BYTES, first + i, io->id);
		sim_model_may_hold(s, &s->models[io->lun], first + i, io->id);
	}
	io->sum = sim_io_sum(io);
}

struct sim_io *sim_submit(struct sim *s, unsigned lun, enum lun_op op, uint64_t off, uint32_t len,
			  bool fua)
{
	struct sim_io *io = calloc(1, sizeof(*io));

	BUG_ON(!io || off % SIM_UNIT_BYTES || len % SIM_UNIT_BYTES);
	io->sim = s;
	io->lun = lun;
	io->id = ++s->next_id;
	io->since = ++s->event;
	io->when = sim_now();
	io->io = (struct lun_io){ .op = op, .off = off, .len = len, .fua = fua,
				  .done = sim_done, .release = sim_release };
	if (op == LUN_WRITE)
		sim_fill(s, io);
	io->io.src = io->buf;
	list_append(&s->ios, &io->link);
	s->unreleased++;
	sim_trace(s, "request %llu: %s lun %u %llu+%u%s", (unsigned long long)io->id,
		  op == LUN_READ ? "read" : op == LUN_WRITE ? "write" : "flush", lun,
		  (unsigned long long)off, len, fua ? " fua" : "");
	s->in_call = true;
	lun_submit(sim_lun(s, lun), &io->io);
	s->in_call = false;
	return io;
}

struct sim_io *sim_read(struct sim *s, unsigned lun, uint64_t off, uint32_t len)
{
	return sim_submit(s, lun, LUN_READ, off, len, false);
}

struct sim_io *sim_write(struct sim *s, unsigned lun, uint64_t off, uint32_t len)
{
	return sim_submit(s, lun, LUN_WRITE, off, len, false);
}

struct sim_io *sim_flush(struct sim *s, unsigned lun)
{
	return sim_submit(s, lun, LUN_FLUSH, 0, 0, false);
}

void sim_cancel(struct sim_io *io)
{
	struct sim *s = io->sim;
	bool inside = s->in_call;

	io->cancelled = true;
	sim_trace(s, "request %llu: cancelled", (unsigned long long)io->id);
	s->in_call = true;
	lun_cancel(&io->io);
	s->in_call = inside;
}

/* --- turning ------------------------------------------------------------------------------ */

bool sim_turn(struct sim *s, mono_ms until)
{
	mono_ms before = loop_now(s->loop);

	loop_turn(s->loop, until - before);
	s->turns_at_once = loop_now(s->loop) == before ? s->turns_at_once + 1 : 0;
	if (s->turns_at_once > 10000)
		sim_broken(s, "time stands still");
	sim_check_turn(s);
	return loop_now(s->loop) < until;
}

void sim_run(struct sim *s, span_ms span)
{
	mono_ms until = loop_now(s->loop) + span;

	while (sim_turn(s, until))
		continue;
}

bool sim_run_until(struct sim *s, bool (*cond)(struct sim *s), span_ms span)
{
	mono_ms until = loop_now(s->loop) + span;

	while (!cond(s)) {
		if (!sim_turn(s, until))
			return cond(s);
	}
	return true;
}

bool sim_is_decided(struct sim *s)
{
	return s->decided;
}

bool sim_is_closed(struct sim *s)
{
	return s->closed > 0;
}

bool sim_is_open(struct sim *s)
{
	const struct lun *lun;

	list_each(lun, &s->session->luns, link) {
		if (lun->gate.state != GATE_OPEN && lun->state != LUN_BARRED &&
		    lun->state != LUN_GONE)
			return false;
	}
	return s->session->link.state == LINK_UP;
}

bool sim_is_answered(struct sim *s)
{
	const struct sim_io *io;

	list_each(io, &s->ios, link) {
		if (!io->answered)
			return false;
	}
	return true;
}

bool sim_is_idle(struct sim *s)
{
	return !s->unreleased;
}
