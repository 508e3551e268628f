/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that are late, and requests that end the link: who is held, for how long, what is sent. */
#include "sim_unit.h"

static const char *const eager[] = { "time2wait=eager", NULL };

/* What task management meets: the functions of @refused and @lost are bits. */
struct tmf_trap {
	struct sim_trap tasks;
	unsigned refused, lost;
};

static void trap_tmf(struct sim *s, struct sim_tmf *m)
{
	const struct tmf_trap *t = s->user;

	if (t->refused & 1u << m->function)
		m->fate = SIM_TMF_REFUSED;
	else if (t->lost & 1u << m->function)
		m->fate = SIM_TMF_LOST;
}

static void trap_both(struct sim *s, struct tmf_trap *t)
{
	trap(s, &t->tasks);
	s->net.on_tmf = trap_tmf;
}

enum {
	ABORT = 1u << TRANSPORT_ABORT_TASK,
	LUN_RESET = 1u << TRANSPORT_LUN_RESET,
	TARGET_RESET = 1u << TRANSPORT_TARGET_WARM_RESET,
};

static bool is_on_lun_0(const struct sim_task *t)
{
	return is_io(t) && t->lun == 0;
}

static enum ladder_state ladder_of(const struct sim *s)
{
	return s->session->ladder.state;
}

static void until(struct sim *s, enum ladder_state state)
{
	for (unsigned i = 0; ladder_of(s) != state; i++) {
		assert_true(i < 100000);
		sim_run(s, 1);
	}
}

static void a_late_command_is_aborted_and_sent_again(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_trap t = { .matches = is_read, .fate = SIM_FATE_HUNG, .count = 1 };
	struct sim_io *r;

	trap(s, &t);
	r = sim_read(s, 0, 0, 512);
	sim_run(s, 3900);
	assert_int_equal(s->aborts, 0);
	released(s);
	assert_int_equal(r->err, 0);
	assert_int_equal(s->aborts, 1);
	assert_int_equal(s->reads, 2);
	assert_int_equal(s->lun_resets, 0);
	assert_int_equal(s->losses, 0);
	assert_int_equal(gate_of(s, 0), GATE_OPEN);
}

static void all_late_commands_of_a_lun_are_aborted_before_any_is_sent_again(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_trap t = { .matches = is_write, .fate = SIM_FATE_HUNG, .count = 4 };

	trap(s, &t);
	for (unsigned i = 0; i < 4; i++)
		sim_write(s, 0, i * 512, 512);
	while (s->aborts < 4) {
		assert_int_equal(s->writes, 4);
		sim_run(s, 1);
	}
	released(s);
	assert_int_equal(s->aborts, 4);
	assert_int_equal(s->writes, 8);
	assert_int_equal(sim_lun(s, 0)->outages, 1);
}

static void a_refused_abort_leads_to_a_reset_of_the_lun(void **state)
{
	struct sim *s = world(state, 2, NULL);
	struct tmf_trap t = { .tasks = { is_on_lun_0, SIM_FATE_HUNG, .count = 3 }, .refused = ABORT };
	struct sim_io *io[3];

	trap_both(s, &t);
	io[0] = sim_write(s, 0, 0, 512);
	io[1] = sim_read(s, 0, 4096, 512);
	io[2] = sim_write(s, 0, 8192, 512);
	released(s);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(io[i]->err, 0);
	assert_int_equal(s->aborts, 1);
	assert_int_equal(s->lun_resets, 1);
	assert_int_equal(s->target_resets, 0);
	assert_int_equal(s->losses, 0);
}

static void an_unanswered_abort_leads_to_a_reset_of_the_lun(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "abort_timeout=3", NULL });
	struct tmf_trap t = { .tasks = { is_on_lun_0, SIM_FATE_HUNG, .count = 1 }, .lost = ABORT };
	mono_ms began;

	trap_both(s, &t);
	sim_read(s, 0, 0, 512);
	until(s, LADDER_ABORT);
	began = sim_now();
	until(s, LADDER_LUN_RESET);
	assert_in_range(sim_now() - began, 2990, 3010);
	released(s);
	assert_int_equal(s->lun_resets, 1);
	assert_int_equal(s->losses, 0);
}

static void our_own_reset_is_no_power_loss(void **state)
{
	struct sim *s = world(state, 2, NULL);
	struct tmf_trap t = { .tasks = { is_on_lun_0, SIM_FATE_HUNG, .count = 0 },
			      .refused = ABORT | LUN_RESET };

	trap_both(s, &t);
	sim_write(s, 0, 0, 512);
	sim_write(s, 1, 0, 512);
	released(s);
	t.tasks.count = 1;
	sim_read(s, 0, 0, 512);
	released(s);
	assert_true(sim_run_until(s, sim_is_open, 1000));
	assert_int_equal(s->target_resets, 1);
	assert_int_equal(sim_lun(s, 0)->power_losses + sim_lun(s, 1)->power_losses, 0);
	/* And then it is one again. */
	sim_target_ua(&s->disks[1], SENSE_POWER_ON);
	sim_read(s, 1, 0, 512);
	released(s);
	assert_int_equal(sim_lun(s, 1)->power_losses, 1);
}

static void a_power_on_that_is_said_beside_our_reset_is_one(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct tmf_trap t = { .tasks = { is_on_lun_0, SIM_FATE_HUNG, .count = 0 }, .refused = ABORT };

	trap_both(s, &t);
	sim_write(s, 0, 0, 512);
	released(s);
	t.tasks.count = 1;
	sim_read(s, 0, 0, 512);
	until(s, LADDER_LUN_RESET);
	sim_target_ua(&s->disks[0], SENSE_POWER_ON + 1);
	released(s);
	assert_int_equal(sim_lun(s, 0)->power_losses, 1);
}

static void a_stuck_lun_holds_no_other_before_the_target_is_reset(void **state)
{
	struct sim *s = world(state, 2, NULL);
	struct tmf_trap t = { .tasks = { is_on_lun_0, SIM_FATE_HUNG, .count = 1 },
			      .lost = ABORT | LUN_RESET | TARGET_RESET };
	struct sim_io *r;

	trap_both(s, &t);
	sim_read(s, 0, 0, 512);
	for (enum ladder_state rung = LADDER_ABORT; rung <= LADDER_LUN_RESET; rung++) {
		until(s, rung);
		assert_int_equal(gate_of(s, 0), GATE_HOLD);
		assert_int_equal(gate_of(s, 1), GATE_OPEN);
		r = sim_read(s, 1, 0, 512);
		sim_run(s, 10);
		assert_true(r->answered && !r->err);
	}
	until(s, LADDER_TARGET_RESET);
	assert_int_equal(gate_of(s, 1), GATE_HOLD);
	r = sim_read(s, 1, 0, 512);
	sim_run(s, 10);
	assert_false(r->answered);
	released(s);
	assert_int_equal(r->err, 0);
	assert_int_equal(s->losses, 0);		/* ours, not the network's */
	assert_int_equal(s->session->losses, 1);
	assert_int_equal(s->session->ladder_cuts, 1);
}

static void a_reset_of_the_target_takes_back_what_every_lun_had_sent(void **state)
{
	struct sim *s = world(state, 3, NULL);
	struct tmf_trap t = { .tasks = { is_io, SIM_FATE_HUNG, .count = 6 },
			      .refused = ABORT | LUN_RESET };

	trap_both(s, &t);
	for (unsigned i = 0; i < 3; i++) {
		sim_write(s, i, 0, 512);
		sim_read(s, i, 4096, 512);
	}
	released(s);
	assert_int_equal(s->aborts, 1);
	assert_int_equal(s->lun_resets, 1);
	assert_int_equal(s->target_resets, 1);
	assert_int_equal(s->session->losses, 0);
}

static void what_is_refused_on_every_rung_cuts_the_link(void **state)
{
	struct sim *s = world(state, 1, eager);
	struct tmf_trap t = { .tasks = { is_on_lun_0, SIM_FATE_HUNG, .count = 1 },
			      .refused = ABORT | LUN_RESET | TARGET_RESET };
	struct sim_io *w;

	trap_both(s, &t);
	w = sim_write(s, 0, 0, 512);
	released(s);
	assert_int_equal(w->err, 0);
	assert_int_equal(s->session->losses, 1);
	assert_int_equal(s->dials, 2);
}

static void replacement_timeout_is_not_extended_by_the_ladder(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "replacement_timeout=2",
							  "abort_timeout=5", NULL });
	struct tmf_trap t = { .tasks = { is_on_lun_0, SIM_FATE_HUNG, .count = 1 }, .lost = ABORT };
	struct sim_io *r;

	s->errors_are_fine = true;
	trap_both(s, &t);
	r = sim_read(s, 0, 0, 512);
	until(s, LADDER_ABORT);
	sim_run(s, 1990);
	assert_false(r->answered);
	sim_run(s, 20);
	assert_int_equal(r->err, -EIO);
	/* The ladder goes on, and the LUN works again. */
	assert_int_equal(ladder_of(s), LADDER_ABORT);
	assert_false(r->released);
	assert_int_equal(gate_of(s, 0), GATE_FAIL);
	assert_true(sim_run_until(s, sim_is_open, 20000));
	assert_int_equal(s->lun_resets, 1);
	r = sim_read(s, 0, 0, 512);
	released(s);
	assert_int_equal(r->err, 0);
	assert_int_equal(s->session->losses, 0);
}

static struct sim_task *task_of(struct sim *s, unsigned nth)
{
	struct sim_task *t;

	list_each(t, &s->tasks, link) {
		if (t->tp && is_io(t) && nth-- == 0)
			return t;
	}
	return NULL;
}

static void an_answer_that_crosses_the_abort_counts(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_trap t = { .matches = is_write, .fate = SIM_FATE_HUNG, .count = 1 };
	struct sim_io *w;
	struct sim_task *task;

	trap(s, &t);
	w = sim_write(s, 0, 0, 512);
	until(s, LADDER_ABORT);
	task = task_of(s, 0);
	task->fate = SIM_FATE_NORMAL;
	loop_timer_set(&task->timer, loop_now(s->loop));
	released(s);
	assert_int_equal(w->err, 0);
	assert_int_equal(s->writes, 1);
	assert_int_equal(ladder_of(s), LADDER_IDLE);
	sim_run(s, 2000);
	assert_int_equal(s->lun_resets, 0);
	assert_int_equal(gate_of(s, 0), GATE_OPEN);
}

/* The answer to an abort that came too late is not the answer to the reset. */
static void delay_abort(struct sim *s, struct sim_tmf *m)
{
	(void)s;
	if (m->function == TRANSPORT_ABORT_TASK)
		m->delay = 1200;
	else
		m->fate = SIM_TMF_LOST;
}

static void an_answer_to_the_rung_below_is_none_to_this_one(void **state)
{
	struct sim *s = world(state, 1, eager);
	struct sim_trap t = { .matches = is_write, .fate = SIM_FATE_HUNG, .count = 1 };

	trap(s, &t);
	s->net.on_tmf = delay_abort;
	sim_write(s, 0, 0, 512);
	until(s, LADDER_LUN_RESET);
	sim_run(s, 500);
	assert_int_equal(ladder_of(s), LADDER_LUN_RESET);
	released(s);
	assert_int_equal(s->session->losses, 1);
}

/* It comes while the reset waits to be sent: other commands of the LUN still run. */
static void an_answer_to_the_rung_below_is_none_to_one_that_waits(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "noop_out_interval=0",
							  "noop_out_timeout=0", NULL });
	struct sim_trap t = { .matches = is_write, .fate = SIM_FATE_HUNG, .count = 2 };

	trap(s, &t);
	s->net.on_tmf = delay_abort;
	sim_write(s, 0, 0, 512);
	sim_run(s, 1000);
	sim_write(s, 0, 4096, 512);
	until(s, LADDER_ABORT);
	s->net.queued = 1;
	until(s, LADDER_LUN_RESET);
	sim_run(s, 400);
	assert_int_equal(ladder_of(s), LADDER_LUN_RESET);
	s->net.on_tmf = NULL;
	s->net.queued = 0;
	released(s);
	assert_int_equal(s->lun_resets, 1);
	assert_int_equal(s->session->losses, 0);
}

static void what_cannot_be_asked_for_is_cut(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "time2wait=eager", "noop_out_interval=0",
							  "noop_out_timeout=0", NULL });
	struct sim_trap t = { .matches = is_write, .fate = SIM_FATE_HUNG, .count = 1 };
	mono_ms began;

	trap(s, &t);
	sim_write(s, 0, 0, 512);
	s->net.queued = 1;
	until(s, LADDER_ABORT);
	began = sim_now();
	until(s, LADDER_IDLE);
	assert_in_range(sim_now() - began, 1, 520);
	s->net.queued = 0;
	released(s);
	assert_int_equal(s->aborts, 0);
	assert_int_equal(s->session->losses, 1);
}

static void what_leaves_in_time_is_no_reason_to_cut(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "noop_out_interval=0",
							  "noop_out_timeout=0", NULL });
	struct sim_trap t = { .matches = is_write, .fate = SIM_FATE_HUNG, .count = 1 };

	trap(s, &t);
	sim_write(s, 0, 0, 512);
	s->net.queued = 1;
	until(s, LADDER_ABORT);
	sim_run(s, 200);
	s->net.queued = 0;
	released(s);
	assert_int_equal(s->aborts, 1);
	assert_int_equal(s->session->losses, 0);
}

static void a_request_that_is_late_six_times_fails(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "replacement_timeout=-1", NULL });
	struct sim_trap t = { .matches = is_read, .fate = SIM_FATE_HUNG, .count = 100 };
	struct sim_io *r;

	s->errors_are_fine = true;
	trap(s, &t);
	r = sim_read(s, 0, 0, 512);
	released(s);
	assert_int_equal(r->err, -EIO);
	assert_int_equal(s->aborts, 6);
	assert_int_equal(s->reads, 6);
	t.count = 0;
	r = sim_read(s, 0, 0, 512);
	released(s);
	assert_int_equal(r->err, 0);
}

static void an_aborted_write_is_written_before_the_one_behind_it(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_trap t = { .matches = is_write, .fate = SIM_FATE_HUNG, .count = 1 };

	trap(s, &t);
	sim_write(s, 0, 0, 1024);
	sim_write(s, 0, 512, 1024);
	released(s);
	assert_int_equal(s->aborts, 1);
	sim_read(s, 0, 0, 2048);
	released(s);
}

static void nobody_waits_for_a_late_command_that_was_cancelled(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_trap t = { .matches = is_write, .fate = SIM_FATE_HUNG, .count = 1 };
	struct sim_io *w;

	trap(s, &t);
	w = sim_write(s, 0, 0, 512);
	sim_run(s, 10);
	sim_cancel(w);
	released(s);
	assert_int_equal(w->err, -EINTR);
	assert_int_equal(s->writes, 1);
	assert_int_equal(s->aborts, 1);
	assert_int_equal(s->session->losses, 0);
}

static void a_late_question_is_aborted_and_asked_again(void **state)
{
	struct sim *s = blank(state, 2, NULL);
	struct sim_trap t = { .matches = is_probe, .fate = SIM_FATE_HUNG, .count = 1 };

	trap(s, &t);
	sim_begin(s);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	assert_true(sim_run_until(s, sim_is_open, 10000));
	assert_int_equal(s->aborts, 1);
	assert_int_equal(s->session->losses, 0);
}

static void a_late_list_of_luns_is_aborted_and_asked_for_again(void **state)
{
	struct sim *s = world(state, 2, NULL);
	struct sim_trap t = { .matches = is_report_luns, .fate = SIM_FATE_HUNG, .count = 1 };

	trap(s, &t);
	s->disks[2].present = true;
	session_rescan(s->session);
	sim_run(s, 6000);
	assert_int_equal(s->aborts, 1);
	assert_int_equal(s->session->losses, 0);
	assert_int_equal(s->added[2], 1);
}

static void the_end_does_not_wait_for_the_ladder(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct tmf_trap t = { .tasks = { is_on_lun_0, SIM_FATE_HUNG, .count = 1 },
			      .lost = ABORT | LUN_RESET | TARGET_RESET };

	s->errors_are_fine = true;
	trap_both(s, &t);
	sim_write(s, 0, 0, 512);
	until(s, LADDER_LUN_RESET);
	session_close(s->session);
	assert_true(sim_run_until(s, sim_is_closed, 5000));
	assert_int_equal(ladder_of(s), LADDER_IDLE);
}

/* --- what is late ------------------------------------------------------------------------- */

static void creep(struct sim *s, struct sim_task *t)
{
	if (!is_read(t) || s->reads > 4)
		return;
	t->fate = SIM_FATE_SLOW;
	t->slow = 3000 * s->reads;
}

/* Four reads, answered after 3, 6, 9 and 12 s: the link is slow, none of them is late. */
static void what_moves_is_not_late(void **state)
{
	struct sim *s = world(state, 1, NULL);

	s->net.on_task = creep;
	for (unsigned i = 0; i < 4; i++)
		sim_read(s, 0, i * 4096, 512);
	released(s);
	assert_int_equal(s->aborts, 0);
	assert_int_equal(s->reads, 4);
}

static void hang_second_creep_first(struct sim *s, struct sim_task *t)
{
	if (!is_read(t))
		return;
	if (s->reads == 1) {
		t->fate = SIM_FATE_SLOW;
		t->slow = 15000;
	} else if (s->reads == 2) {
		t->fate = SIM_FATE_HUNG;
	}
}

static void what_waits_behind_others_is_late_when_they_are_done(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_io *r[2];

	s->net.on_task = hang_second_creep_first;
	r[0] = sim_read(s, 0, 0, 512);
	sim_run(s, 1);
	r[1] = sim_read(s, 0, 4096, 512);
	sim_run(s, 14000);
	assert_int_equal(s->aborts, 0);
	released(s);
	assert_int_equal(s->aborts, 1);
	assert_in_range(r[1]->answered_at - r[0]->answered_at, 3900, 4200);
}

static void hang_question_creep_read(struct sim *s, struct sim_task *t)
{
	if (is_read(t) && s->reads == 1) {
		t->fate = SIM_FATE_SLOW;
		t->slow = 15000;
	} else if (is_probe(t) && s->aborts == 0) {
		t->fate = SIM_FATE_HUNG;
	}
}

static void a_question_that_waits_behind_others_is_late_when_they_are_done(void **state)
{
	struct sim *s = world(state, 1, NULL);

	s->net.on_task = hang_question_creep_read;
	sim_read(s, 0, 0, 512);
	sim_run(s, 1);
	session_rescan(s->session);
	sim_run(s, 14000);
	assert_int_equal(s->aborts, 0);
	sim_run(s, 6000);
	assert_int_equal(s->aborts, 1);
	released(s);
	assert_int_equal(s->session->losses, 0);
}

static void again(struct sim_io *io)
{
	if (loop_now(io->sim->loop) < 1000000 + 30000)
		sim_read(io->sim, 0, 8192, 512)->then = again;
}

static void one_that_is_never_answered_is_found_among_many_that_are(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_trap t = { .matches = is_write, .fate = SIM_FATE_HUNG, .count = 1 };
	struct sim_io *w;

	trap(s, &t);
	sim_read(s, 0, 8192, 512)->then = again;
	sim_run(s, 100);
	w = sim_write(s, 0, 0, 512);
	sim_run(s, 4300);
	assert_true(w->answered && !w->err);
	assert_int_equal(s->aborts, 1);
	released(s);
}

/* --- poison ------------------------------------------------------------------------------- */

static bool is_poison(const struct sim_task *t)
{
	return is_io(t) && t->lun == 0 && t->lba == 48;
}

static void a_request_that_ends_the_link_each_time_fails_and_no_other(void **state)
{
	struct sim *s = world(state, 2, (const char *[]){ "time2wait=eager",
							  "replacement_timeout=-1", NULL });
	struct sim_trap t = { .matches = is_poison, .fate = SIM_FATE_DROP_AFTER, .count = 1000 };
	struct sim_io *io[8];

	s->errors_are_fine = true;
	trap(s, &t);
	for (unsigned i = 0; i < 8; i++)
		io[i] = sim_write(s, i & 1, i * 4096, 512);
	released(s);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(io[i]->err, i == 6 ? -EIO : 0);
	assert_int_equal(sim_lun(s, 0)->q.stats.poisoned, 1);
	assert_int_equal(sim_lun(s, 1)->q.stats.poisoned, 0);
	assert_in_range(s->losses, 3, 5);
}

static void poison_is_found_among_requests_that_go_on(void **state)
{
	struct sim *s = world(state, 2, eager);
	struct sim_trap t = { .matches = is_poison, .fate = SIM_FATE_DROP_AFTER, .count = 1000 };
	struct sim_io *w;

	s->errors_are_fine = true;
	trap(s, &t);
	for (unsigned i = 0; i < 3; i++)
		sim_read(s, 0, 8192 + i * 4096, 512)->then = again;
	sim_run(s, 100);
	w = sim_write(s, 0, 4096 * 6, 512);
	sim_run(s, 20000);
	assert_int_equal(w->err, -EIO);
	released(s);
	assert_int_equal(sim_lun(s, 0)->q.stats.poisoned, 1);
}

static void a_suspect_is_on_the_wire_alone_and_the_others_after_it(void **state)
{
	struct sim *s = world(state, 2, eager);
	unsigned twice = 0;

	s->net.delay_min = s->net.delay_max = 50;
	for (unsigned i = 0; i < 6; i++)
		sim_write(s, i & 1, i * 4096, 512);
	for (; twice < 2; twice++) {
		while (sim_tasks_on_wire(s) < 6)
			sim_run(s, 1);
		sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
		sim_run(s, 1);
	}
	s->writes = 0;
	while (!sim_is_answered(s)) {
		unsigned io = 0;
		struct sim_task *t;

		list_each(t, &s->tasks, link)
			io += t->tp && is_write(t);
		assert_in_range(io, 0, 1);
		sim_run(s, 1);
	}
	assert_int_equal(s->writes, 6);
	released(s);
}

static void a_loss_that_the_target_announced_makes_no_suspects(void **state)
{
	struct sim *s = world(state, 1, eager);
	struct sim_io *w;

	s->net.delay_min = s->net.delay_max = 50;
	w = sim_write(s, 0, 0, 512);
	for (unsigned i = 0; i < 5; i++) {
		while (!s->writes)
			sim_run(s, 1);
		s->writes = 0;
		sim_drop(s, TRANSPORT_LOSS_ASKED, -1, "maintenance");
		sim_run(s, 1);
	}
	released(s);
	assert_int_equal(w->err, 0);
}

static void a_suspect_of_a_lun_that_is_not_ready_holds_no_other(void **state)
{
	struct sim *s = world(state, 2, eager);
	struct sim_io *r;

	s->net.delay_min = s->net.delay_max = 50;
	sim_write(s, 0, 0, 512);
	for (unsigned i = 0; i < 2; i++) {
		while (!s->writes)
			sim_run(s, 1);
		s->writes = 0;
		s->disks[0].ready = i < 1;
		sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
		sim_run(s, 1);
	}
	while (gate_of(s, 1) == GATE_HOLD)
		sim_run(s, 1);
	r = sim_read(s, 1, 0, 512);
	sim_run(s, 200);
	assert_true(r->answered && !r->err);
	s->disks[0].ready = true;
	released(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_CASE(a_late_command_is_aborted_and_sent_again),
		SIM_CASE(all_late_commands_of_a_lun_are_aborted_before_any_is_sent_again),
		SIM_CASE(a_refused_abort_leads_to_a_reset_of_the_lun),
		SIM_CASE(an_unanswered_abort_leads_to_a_reset_of_the_lun),
		SIM_CASE(our_own_reset_is_no_power_loss),
		SIM_CASE(a_power_on_that_is_said_beside_our_reset_is_one),
		SIM_CASE(a_stuck_lun_holds_no_other_before_the_target_is_reset),
		SIM_CASE(a_reset_of_the_target_takes_back_what_every_lun_had_sent),
		SIM_CASE(what_is_refused_on_every_rung_cuts_the_link),
		SIM_CASE(replacement_timeout_is_not_extended_by_the_ladder),
		SIM_CASE(an_answer_that_crosses_the_abort_counts),
		SIM_CASE(an_answer_to_the_rung_below_is_none_to_this_one),
		SIM_CASE(an_answer_to_the_rung_below_is_none_to_one_that_waits),
		SIM_CASE(what_cannot_be_asked_for_is_cut),
		SIM_CASE(what_leaves_in_time_is_no_reason_to_cut),
		SIM_CASE(a_request_that_is_late_six_times_fails),
		SIM_CASE(an_aborted_write_is_written_before_the_one_behind_it),
		SIM_CASE(nobody_waits_for_a_late_command_that_was_cancelled),
		SIM_CASE(a_late_question_is_aborted_and_asked_again),
		SIM_CASE(a_late_list_of_luns_is_aborted_and_asked_for_again),
		SIM_CASE(the_end_does_not_wait_for_the_ladder),
		SIM_CASE(what_moves_is_not_late),
		SIM_CASE(what_waits_behind_others_is_late_when_they_are_done),
		SIM_CASE(a_question_that_waits_behind_others_is_late_when_they_are_done),
		SIM_CASE(one_that_is_never_answered_is_found_among_many_that_are),
		SIM_CASE(a_request_that_ends_the_link_each_time_fails_and_no_other),
		SIM_CASE(poison_is_found_among_requests_that_go_on),
		SIM_CASE(a_suspect_is_on_the_wire_alone_and_the_others_after_it),
		SIM_CASE(a_loss_that_the_target_announced_makes_no_suspects),
		SIM_CASE(a_suspect_of_a_lun_that_is_not_ready_holds_no_other),
	};

	return cmocka_run_group_tests_name("ladder", tests, NULL, NULL);
}
