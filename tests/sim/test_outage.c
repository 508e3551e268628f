/* SPDX-License-Identifier: BSD-2-Clause */
/* Outages: what is held, for how long, what is sent again, and when it is over. */
#include "sim_unit.h"

static const char *const eager[] = { "time2wait=eager", NULL };

static void swap_and_drop(struct sim *s)
{
	s->errors_are_fine = true;
	sim_target_swap(s, 0);
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
}

static void slow(struct sim *s)
{
	s->net.delay_min = s->net.delay_max = 100;
}

static void hold_runs_out(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "replacement_timeout=5", NULL });
	struct sim_io *r, *late;

	net_down(s);
	sim_run(s, 1);
	r = sim_read(s, 0, 0, 512);
	sim_run(s, 4990);
	assert_false(r->answered);
	assert_int_equal(gate_of(s, 0), GATE_HOLD);
	sim_run(s, 20);
	assert_int_equal(r->err, -EIO);
	late = sim_read(s, 0, 0, 512);
	sim_run(s, 1);
	assert_int_equal(late->err, -EIO);
}

static void what_was_failed_is_never_sent_again_and_the_link_comes_back(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "replacement_timeout=2", NULL });
	struct sim_io *w, *r;

	slow(s);
	w = sim_write(s, 0, 0, 512);
	sim_run(s, 1);
	net_down(s);
	sim_run(s, 10000);
	assert_int_equal(w->err, -EIO);
	s->writes = 0;
	net_up(s);
	assert_true(sim_run_until(s, sim_is_open, 10000));
	assert_int_equal(s->writes, 0);
	r = sim_read(s, 0, 0, 512);
	released(s);
	assert_int_equal(r->err, 0);
}

static void replacement_timeout_zero_fails_at_once(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "replacement_timeout=0", NULL });
	struct sim_io *w;

	slow(s);
	w = sim_write(s, 0, 0, 512);
	sim_run(s, 1);
	net_down(s);
	sim_run(s, 1);
	assert_int_equal(w->err, -EIO);
	w = sim_write(s, 0, 0, 512);
	sim_run(s, 1);
	assert_int_equal(w->err, -EIO);
}

static void negative_holds_for_ever(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "replacement_timeout=-1", NULL });
	struct sim_io *r;

	net_down(s);
	sim_run(s, 1);
	r = sim_read(s, 0, 0, 512);
	sim_run(s, 3600 * 1000);
	assert_false(r->answered);
	net_up(s);
	released(s);
	assert_int_equal(r->err, 0);
}

static void a_trial_that_nobody_waits_for_ends_by_itself(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "replacement_timeout=-1",
							  "time2wait=eager", NULL });
	struct sim_trap t = { .matches = is_read, .fate = SIM_FATE_SILENT, .count = 2 };
	struct sim_io *r;

	trap(s, &t);
	r = sim_read(s, 0, 0, 512);
	sim_run(s, 1);
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	while (gate_of(s, 0) != GATE_TRIAL)
		sim_run(s, 1);
	sim_cancel(r);
	sim_run(s, 2000);
	assert_int_equal(gate_of(s, 0), GATE_OPEN);
}

/* It is answered without a command; nothing else would say that the LUN works. */
static void a_held_flush_of_nothing_ends_the_trial(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "replacement_timeout=20",
							  "time2wait=eager", NULL });

	sim_flush(s, 0);
	sim_run(s, 100);
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	sim_run(s, 1);
	sim_flush(s, 0);
	while (gate_of(s, 0) == GATE_HOLD)
		sim_run(s, 1);
	sim_run(s, 1);
	assert_int_equal(gate_of(s, 0), GATE_OPEN);
}

/* --- settings changed while they count ------------------------------------------------------- */

static void never_answered(struct sim *s, struct sim_trap *t)
{
	*t = (struct sim_trap){ .matches = is_read, .fate = SIM_FATE_SILENT, .count = 1 };
	trap(s, t);
	sim_read(s, 0, 0, 512);
}

static void scsi_cmd_timeout_counts_for_commands_that_wait(void **state)
{
	struct sim *s = world(state, 1, eager);
	struct sim_trap t;
	mono_ms began = sim_now();

	never_answered(s, &t);
	sim_run(s, 2000);
	set(s, "scsi_cmd_timeout", "10");
	sim_run(s, 7000);
	assert_int_equal(s->session->aborts, 0);
	set(s, "scsi_cmd_timeout", "500ms");
	released(s);
	assert_int_equal(s->session->aborts, 1);
	assert_in_range(sim_now() - began, 9000, 9500);
}

static void pings_turned_on_find_a_silence_that_is_there(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "noop_out_interval=0", NULL });

	s->net.black = true;
	sim_run(s, 60000);
	assert_int_equal(s->session->losses, 0);
	set(s, "noop_out_interval", "2");
	sim_run(s, 1500);
	assert_int_equal(s->session->losses, 1);
}

static void noop_out_timeout_counts_for_a_ping_that_waits(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "noop_out_timeout=20", NULL });

	sim_run(s, 10);
	s->net.black = true;
	sim_run(s, 10000);
	assert_int_equal(s->pings > 0, 1);
	assert_int_equal(s->session->losses, 0);
	set(s, "noop_out_timeout", "1");
	sim_run(s, 10);
	assert_int_equal(s->session->losses, 1);
}

static void mute_dial(struct sim *s, const char *portal, struct sim_dial *dial)
{
	(void)s;
	(void)portal;
	dial->answer = SIM_DIAL_MUTE;
}

static void login_timeout_counts_for_an_attempt_that_waits(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "login_timeout=60", "time2wait=eager",
							  "replacement_timeout=-1", NULL });

	s->net.on_dial = mute_dial;
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	sim_run(s, 20000);
	assert_int_equal(s->dials, 2);
	net_up(s);
	set(s, "login_timeout", "1");
	assert_true(sim_run_until(s, sim_is_open, 2000));
}

static void logout_timeout_counts_for_a_logout_that_waits(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "logout_timeout=60", NULL });

	s->net.deaf_logout = true;
	session_close(s->session);
	sim_run(s, 10000);
	assert_int_equal(s->closed, 0);
	set(s, "logout_timeout", "1");
	sim_run(s, 10);
	assert_int_equal(s->closed, 1);
}

static void reopen_max_counts_for_an_outage_that_has_begun(void **state)
{
	struct sim *s = world(state, 1, eager);

	s->errors_are_fine = true;
	net_down(s);
	sim_run(s, 10000);
	assert_true(s->dials > 3);
	set(s, "reopen_max", "2");
	sim_run(s, 5000);
	assert_int_equal(link_of(s), LINK_REFUSED);
	assert_int_equal(sim_told(s, "session-refused"), 1);
}

static void queue_depth_counts_for_requests_that_wait(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "queue_depth=1", NULL });

	slow(s);
	for (unsigned i = 0; i < 6; i++)
		sim_read(s, 0, i * 512, 512);
	sim_run(s, 10);
	assert_int_equal(sim_tasks_on_wire(s), 1);
	set(s, "queue_depth", "4");
	sim_run(s, 10);
	assert_int_equal(sim_tasks_on_wire(s), 4);
	released(s);
}

static bool has_8_on_wire(struct sim *s)
{
	return sim_tasks_on_wire(s) == 8;
}

static void cmds_max_counts_for_requests_that_wait(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "cmds_max=4", "queue_depth=8",
							  "time2wait=eager", NULL });

	slow(s);
	set(s, "cmds_max", "2");
	for (unsigned i = 0; i < 20; i++)
		sim_read(s, 0, i * 512, 512);
	sim_run(s, 10);
	assert_int_equal(sim_tasks_on_wire(s), 2);
	set(s, "cmds_max", "4");
	sim_run(s, 10);
	assert_int_equal(sim_tasks_on_wire(s), 4);
	set(s, "cmds_max", "8");		/* the link was made for 4 */
	sim_run(s, 10);
	assert_int_equal(sim_tasks_on_wire(s), 4);
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	assert_true(sim_run_until(s, has_8_on_wire, 20000));
	released(s);
}

static void the_first_failure_of_an_outage_is_told_after_a_brief_link_too(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "time2wait=eager", NULL });

	sim_read(s, 0, 0, 512);
	sim_run(s, 100);			/* used, and up for less than a second */
	net_down(s);
	sim_run(s, 3000);
	assert_true(s->dials > 2);
	assert_int_equal(sim_told(s, "login-failed"), 1);
}

static void a_change_is_an_event(void **state)
{
	struct sim *s = world(state, 1, NULL);

	set(s, "replacement_timeout", "5");
	assert_int_equal(sim_told(s, "setting-changed"), 1);
}

static void a_pause_of_ours_is_no_silence_of_the_target(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_io *r;

	s->net.delay_min = s->net.delay_max = 1500;	/* there and back: 3 s of the 4 that it has */
	r = sim_read(s, 0, 0, 512);
	sim_run(s, 100);
	sim_pause(s, 60000);
	released(s);
	assert_int_equal(r->err, 0);
	assert_int_equal(s->session->losses, 0);
	s->net.black = true;
	sim_run(s, 5000);
	assert_true(s->session->losses > 0);
}

/* A machine that is always too busy. */
static void short_pauses_hide_no_silence(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "scsi_cmd_timeout=8", "noop_out_interval=2",
							  "noop_out_timeout=2",
							  "replacement_timeout=60", NULL });

	sim_read(s, 0, 0, 512);
	s->net.black = true;
	for (unsigned i = 0; i < 10; i++) {
		sim_run(s, 400);
		sim_pause(s, 400);
	}
	assert_true(s->session->losses > 0);
	s->net.black = false;
	released(s);
}

static void short_pauses_hide_no_late_command(void **state)
{
	struct sim_trap t = { .matches = is_read, .fate = SIM_FATE_SILENT, .count = 1 };
	struct sim *s = world(state, 1, (const char *[]){ "scsi_cmd_timeout=8", NULL });

	trap(s, &t);
	sim_read(s, 0, 0, 512);
	for (unsigned i = 0; i < 14; i++) {
		sim_run(s, 300);
		sim_pause(s, 500);
	}
	assert_true(s->session->aborts > 0);
	released(s);
}

static void a_pause_of_ours_costs_no_outage_its_time(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "replacement_timeout=20", NULL });
	struct sim_io *r;
	mono_ms began;

	net_down(s);
	sim_run(s, 1);
	began = sim_now();
	r = sim_read(s, 0, 0, 512);
	sim_run(s, 5000);
	sim_pause(s, 60000);
	sim_run(s, 14000);
	assert_false(r->answered);
	sim_run(s, 2000);
	assert_int_equal(r->err, -EIO);
	assert_in_range(r->answered_at - began, 79900, 80100);
}

static void a_pause_in_a_login_does_not_end_it(void **state)
{
	struct sim *s = world(state, 1, eager);

	s->net.delay_min = s->net.delay_max = 400;
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	while (link_of(s) != LINK_PROBE)
		sim_run(s, 1);
	sim_pause(s, 30000);
	assert_true(sim_run_until(s, sim_is_open, 20000));
	assert_int_equal(s->losses, 1);
	assert_int_equal(s->dials, 2);
}

static void a_lun_without_a_link_is_not_ready(void **state)
{
	struct sim *s = world(state, 2, (const char *[]){ "time2wait=eager", NULL });

	swap_and_drop(s);
	sim_run(s, 3000);
	assert_int_equal(lun_state(sim_lun(s, 0)), LUN_BARRED);
	assert_int_equal(lun_state(sim_lun(s, 1)), LUN_READY);
	net_down(s);
	sim_run(s, 10);
	assert_int_equal(lun_state(sim_lun(s, 0)), LUN_BARRED);
	assert_int_equal(lun_state(sim_lun(s, 1)), LUN_DOWN);
	s->disks[1].present = false;
	net_up(s);
	while (link_of(s) != LINK_UP)
		sim_run(s, 10);
	sim_run(s, 100);
	assert_int_equal(lun_state(sim_lun(s, 1)), LUN_NOT_READY);
	s->disks[1].present = true;
	sim_run(s, 3000);
	assert_int_equal(lun_state(sim_lun(s, 1)), LUN_READY);
}

static void longer_replacement_timeout_takes_effect_on_the_running_outage(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "replacement_timeout=2", NULL });
	struct sim_io *r;

	net_down(s);
	sim_run(s, 1);
	r = sim_read(s, 0, 0, 512);
	sim_run(s, 1500);
	set(s, "replacement_timeout", "10");
	sim_run(s, 8000);
	assert_false(r->answered);
	sim_run(s, 600);
	assert_int_equal(r->err, -EIO);
}

static void shorter_replacement_timeout_ends_the_running_outage(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "replacement_timeout=-1", NULL });
	struct sim_io *r;

	net_down(s);
	sim_run(s, 1);
	r = sim_read(s, 0, 0, 512);
	sim_run(s, 5000);
	set(s, "replacement_timeout", "3");
	sim_run(s, 1);
	assert_int_equal(r->err, -EIO);
}

static void drop_after_login(struct sim *s, const char *portal, struct sim_dial *dial)
{
	(void)s;
	(void)portal;
	dial->answer = SIM_DIAL_BRIEF;
	dial->delay = 60;		/* long enough for the probe, too short for an answer */
	dial->asked = true;		/* or the request would be taken for the reason */
}

static void a_target_that_drops_us_after_each_login_has_not_come_back(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "replacement_timeout=6",
							  "time2wait=eager", NULL });
	struct sim_trap t = { .matches = is_read, .fate = SIM_FATE_SILENT, .count = 1000 };
	struct sim_io *r;
	mono_ms began;

	s->errors_are_fine = true;
	trap(s, &t);
	r = sim_read(s, 0, 0, 512);
	sim_run(s, 1);
	s->net.on_dial = drop_after_login;
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	began = sim_now();
	answered(s);
	assert_int_equal(r->err, -EIO);
	assert_true(t.met > 2);
	assert_in_range(r->answered_at - began, 5900, 6100);
}

static void an_idle_lun_that_came_back_late_has_a_whole_budget_again(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "replacement_timeout=2", NULL });
	struct sim_io *r;

	sim_read(s, 0, 0, 512);
	net_down(s);
	sim_run(s, 5000);
	assert_int_equal(gate_of(s, 0), GATE_FAIL);
	net_up(s);
	assert_true(sim_run_until(s, sim_is_open, 20000));
	net_down(s);
	sim_run(s, 1);
	r = sim_read(s, 0, 0, 512);
	sim_run(s, 1000);
	assert_false(r->answered);
}

static void time2wait_is_honoured(void **state)
{
	struct sim *s = blank(state, 1, NULL);
	mono_ms lost;

	s->net.time2wait = 3000;
	sim_begin(s);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	sim_run(s, 5000);
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	lost = sim_now();
	sim_run(s, 5000);
	assert_int_equal(s->dials, 2);
	assert_int_equal(s->last_dial, lost);
	assert_int_equal(s->last_login_sent - lost, 3000);
}

static void refuse_early(struct sim *s, const char *portal, struct sim_dial *dial)
{
	(void)portal;
	if (sim_now() - s->last_loss < 2500)
		dial->answer = SIM_DIAL_REFUSED;
}

static void connections_that_fail_before_time2wait_is_over_cost_no_patience(void **state)
{
	struct sim *s = blank(state, 1, (const char *[]){ "reopen_max=1", NULL });
	mono_ms lost;

	s->net.time2wait = 3000;
	sim_begin(s);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	s->net.on_dial = refuse_early;
	sim_run(s, 5000);
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "the target restarts");
	lost = sim_now();
	sim_run(s, 5000);
	assert_in_range(s->dials, 10, 20);
	assert_int_equal(s->last_login_sent - lost, 3000);
	assert_true(sim_is_open(s));
}

static void a_login_lost_before_the_luns_answered_waits_as_well(void **state)
{
	struct sim *s = blank(state, 1, NULL);
	struct sim_trap t = { .matches = is_report_luns, .fate = SIM_FATE_DROP_AFTER, .count = 1 };
	mono_ms lost;

	s->net.time2wait = 1000;
	trap(s, &t);
	sim_begin(s);
	while (!s->losses)
		sim_run(s, 1);
	lost = s->last_loss;
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	assert_int_equal(s->last_login_sent - lost, 1000);
}

static void eager_in_the_middle_of_the_wait_logs_in_at_once(void **state)
{
	struct sim *s = blank(state, 1, NULL);

	s->net.time2wait = 3000;
	sim_begin(s);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	sim_run(s, 5000);
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	sim_run(s, 1000);
	assert_false(sim_is_open(s));
	set(s, "time2wait", "eager");
	sim_run(s, 50);
	assert_true(sim_is_open(s));
}

/* Faults in one of a few commands: each login is good for some, and the next must not be far. */
static void a_link_that_was_used_has_been_up_however_briefly(void **state)
{
	struct sim *s = world(state, 1, eager);
	struct sim_trap t = { .matches = is_read, .fate = SIM_FATE_DROP_BEFORE };
	mono_ms began = sim_now();

	trap(s, &t);
	for (unsigned i = 0; i < 20; i++) {
		struct sim_io *r = sim_read(s, 0, 0, 512);

		released(s);
		assert_int_equal(r->err, 0);
		t.count = 1;
		r = sim_read(s, 0, 0, 512);
		released(s);
		assert_int_equal(r->err, 0);
	}
	assert_int_equal(s->session->losses, 20);
	assert_in_range(sim_now() - began, 2000, 8000);
}

static void a_target_that_names_a_time2wait_gets_it(void **state)
{
	struct sim *s = world(state, 1, NULL);
	mono_ms lost;

	sim_run(s, 5000);
	sim_drop(s, TRANSPORT_LOSS_ASKED, 7000, "the target asks us to log out");
	lost = sim_now();
	sim_run(s, 10000);
	assert_int_equal(s->last_login_sent - lost, 7000);
	assert_in_range(s->last_dial - lost, 1900, 2300);	/* no target waits 7 s for a login */
}

static void eager_time2wait_dials_at_once(void **state)
{
	struct sim *s = blank(state, 1, eager);
	mono_ms lost;

	s->net.time2wait = 3000;
	sim_begin(s);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	sim_run(s, 5000);
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	lost = sim_now();
	sim_run(s, 1000);
	assert_int_equal(s->last_dial, lost);
}

/* sim_check_dial() breaks when the ISID changes or a second transport is dialled. */
static void second_dial_keeps_isid(void **state)
{
	struct sim *s = world(state, 1, eager);
	uint64_t isid = s->isid;

	for (unsigned i = 0; i < 5; i++) {
		sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
		sim_run(s, 5000);
		assert_true(sim_is_open(s));
	}
	assert_int_equal(s->dials, 6);
	assert_true(s->isid == isid);
	assert_int_equal(isid >> 46, 2);	/* type 10b: random */
}

/* sim_check_send() breaks when it is not so; here the tasks of the old session arrive late. */
static void unanswered_requests_are_sent_again_in_their_old_order(void **state)
{
	struct sim *s = world(state, 1, eager);
	struct sim_io *w[4], *held;

	slow(s);
	for (unsigned i = 0; i < 4; i++)
		w[i] = sim_write(s, 0, i * 512, 512);
	sim_run(s, 1);
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	sim_run(s, 1);
	held = sim_write(s, 0, 0, 512);
	s->writes = 0;
	released(s);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(w[i]->err, 0);
	assert_int_equal(held->err, 0);
	assert_int_equal(s->writes, 5);
	assert_true(held->answered_at > w[0]->answered_at);
}

static void a_write_cancelled_on_a_lost_wire_is_not_sent_again(void **state)
{
	struct sim *s = world(state, 1, eager);
	struct sim_io *w;

	slow(s);
	w = sim_write(s, 0, 0, 512);
	sim_run(s, 1);
	sim_cancel(w);
	sim_run(s, 1);
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	sim_run(s, 1);
	assert_true(w->released);
	s->writes = 0;
	sim_run(s, 5000);
	assert_int_equal(s->writes, 0);
}

static void cancelled_in_an_outage_is_answered_from_the_loop(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_io *sent, *held;

	slow(s);
	sent = sim_write(s, 0, 0, 512);
	sim_run(s, 1);
	net_down(s);
	sim_run(s, 1);
	held = sim_read(s, 0, 0, 512);
	sim_cancel(sent);
	sim_cancel(held);
	sim_run(s, 1);
	assert_int_equal(sent->err, -EINTR);
	assert_int_equal(held->err, -EINTR);
	assert_true(sent->released && held->released);
}

static void silence_is_found_by_a_ping_and_ends_the_link(void **state)
{
	struct sim *s = world(state, 1, NULL);
	mono_ms black;

	sim_run(s, 10);
	s->net.black = true;
	black = sim_now();
	sim_run(s, 3000);
	assert_true(link_of(s) != LINK_UP);
	assert_in_range(s->session->lost_at - black, 900, 2100);
	assert_true(s->pings >= 1);
}

static void pings_off_means_no_pings(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "noop_out_interval=0", NULL });

	s->net.black = true;
	sim_run(s, 60000);
	assert_int_equal(s->pings, 0);
	assert_int_equal(link_of(s), LINK_UP);
}

static void a_ping_that_cannot_be_sent_proves_nothing(void **state)
{
	struct sim *s = world(state, 1, NULL);

	s->net.ping_fails = true;
	sim_run(s, 10000);
	assert_int_equal(link_of(s), LINK_UP);
	assert_int_equal(s->session->losses, 0);
}

static void a_command_whose_answer_never_comes_is_sent_again(void **state)
{
	struct sim *s = world(state, 1, eager);
	struct sim_trap t = { .matches = is_read, .fate = SIM_FATE_SILENT, .count = 1 };
	struct sim_io *r;

	trap(s, &t);
	r = sim_read(s, 0, 0, 512);
	released(s);
	assert_int_equal(r->err, 0);
	assert_int_equal(s->aborts, 1);
	assert_int_equal(s->session->losses, 0);
	assert_in_range(r->answered_at - r->when, 4000, 4200);
}

static void a_probe_that_is_never_answered_is_asked_again(void **state)
{
	struct sim *s = world(state, 1, eager);
	struct sim_trap t = { .matches = is_probe, .fate = SIM_FATE_SILENT, .count = 1 };
	struct sim_io *r;

	trap(s, &t);
	sim_target_ua(&s->disks[0], SENSE_CAPACITY_CHANGED);
	r = sim_read(s, 0, 0, 512);
	released(s);
	assert_int_equal(r->err, 0);
	assert_int_equal(s->aborts, 1);
	assert_int_equal(s->session->losses, 0);
}

static void a_power_on_that_a_question_hears_too_late_counts(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_trap t = { .matches = is_read, .fate = SIM_FATE_STATUS, .count = 1,
			      .status = SCSI_CHECK_CONDITION,
			      .sense = { .key = SENSE_UNIT_ATTENTION, .code = SENSE_CAPACITY_CHANGED } };

	sim_write(s, 0, 0, 512);
	released(s);
	trap(s, &t);
	s->net.delay_min = s->net.delay_max = 50;
	session_rescan(s->session);
	sim_run(s, 95);
	sim_read(s, 0, 4096, 512);	/* its answer ends the question that is on its way */
	sim_target_ua(&s->disks[0], SENSE_POWER_ON);
	released(s);
	assert_int_equal(sim_lun(s, 0)->power_losses, 1);
}

/* --- LUNs --------------------------------------------------------------------------------- */

static void a_lun_that_is_not_ready_holds_no_other(void **state)
{
	struct sim *s = world(state, 3, (const char *[]){ "cmds_max=4", "queue_depth=4", NULL });
	struct sim_io *held[8], *other;

	s->disks[0].ready = s->disks[1].ready = false;
	for (unsigned i = 0; i < 8; i++)
		held[i] = sim_read(s, i / 4, i * 512, 512);
	sim_run(s, 50);
	other = sim_read(s, 2, 0, 512);
	sim_run(s, 50);
	assert_int_equal(other->err, 0);
	assert_true(other->answered);
	assert_false(held[0]->answered);
	s->disks[0].ready = s->disks[1].ready = true;
	released(s);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(held[i]->err, 0);
}

static void a_lun_that_is_not_ready_for_too_long_fails_its_requests(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "replacement_timeout=3", NULL });
	struct sim_io *r;

	s->errors_are_fine = true;
	s->disks[0].ready = false;
	r = sim_read(s, 0, 0, 512);
	answered(s);
	assert_int_equal(r->err, -EIO);
	assert_in_range(r->answered_at - r->when, 3000, 3100);
	s->disks[0].ready = true;
	assert_true(sim_run_until(s, sim_is_open, 5000));
}

static void a_late_answer_does_not_open_a_lun_that_is_not_ready(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "replacement_timeout=1", NULL });
	struct sim_io *r;

	s->errors_are_fine = true;
	s->net.delay_max = s->net.delay_min = 1500;
	sim_read(s, 0, 0, 512);
	sim_run(s, 1400);
	s->net.delay_max = s->net.delay_min = 10;
	s->disks[0].ready = false;
	sim_read(s, 0, 512, 512);	/* finds it not ready; the first is answered good later */
	sim_run(s, 4000);
	assert_int_equal(gate_of(s, 0), GATE_FAIL);
	r = sim_write(s, 0, 0, 512);
	sim_run(s, 1);
	assert_int_equal(r->err, -EIO);
}

static void a_swapped_lun_is_barred(void **state)
{
	struct sim *s = world(state, 2, eager);
	struct sim_io *w, *other;

	slow(s);
	w = sim_write(s, 0, 0, 512);
	other = sim_write(s, 1, 0, 512);
	sim_run(s, 1);
	swap_and_drop(s);
	released(s);
	assert_int_equal(w->err, -EIO);
	assert_int_equal(other->err, 0);
	assert_int_equal(lun_state(sim_lun(s, 0)), LUN_BARRED);
	w = sim_write(s, 0, 0, 512);
	released(s);
	assert_int_equal(w->err, -EIO);
}

static void a_barred_lun_stays_barred_over_a_new_login(void **state)
{
	struct sim *s = world(state, 1, eager);

	swap_and_drop(s);
	sim_run(s, 3000);
	assert_int_equal(lun_state(sim_lun(s, 0)), LUN_BARRED);
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	sim_run(s, 3000);
	assert_int_equal(lun_state(sim_lun(s, 0)), LUN_BARRED);
}

static void a_barred_lun_is_taken_as_it_is_on_the_operators_word(void **state)
{
	struct sim *s = world(state, 1, eager);
	struct err err = ERR_INIT;
	struct sim_io *w;

	assert_int_equal(session_accept_lun(s->session, 7, &err), -ERR_NOT_FOUND);
	err = (struct err)ERR_INIT;
	assert_int_equal(session_accept_lun(s->session, 0, &err), -ERR_INVALID);
	assert_string_equal(err.text, "LUN 0 is READY, only one that is BARRED can be accepted");
	s->disks[0].blocks = 32;
	swap_and_drop(s);
	sim_run(s, 3000);
	assert_int_equal(lun_state(sim_lun(s, 0)), LUN_BARRED);
	sim_target_is_known(s, 0);
	err = (struct err)ERR_INIT;
	assert_int_equal(session_accept_lun(s->session, 0, &err), 0);
	assert_true(sim_run_until(s, sim_is_open, 1000));
	assert_int_equal(lun_state(sim_lun(s, 0)), LUN_READY);
	assert_int_equal(lun_size(sim_lun(s, 0)), 32 * 512);
	w = sim_write(s, 0, 0, 512);
	released(s);
	assert_int_equal(w->err, 0);
	swap_and_drop(s);
	sim_run(s, 3000);
	assert_int_equal(lun_state(sim_lun(s, 0)), LUN_BARRED);
}

static void a_link_lost_while_a_lun_is_accepted_leaves_it_barred(void **state)
{
	struct sim *s = world(state, 1, eager);
	struct err err = ERR_INIT;

	swap_and_drop(s);
	sim_run(s, 3000);
	assert_int_equal(session_accept_lun(s->session, 0, &err), 0);
	assert_int_equal(lun_state(sim_lun(s, 0)), LUN_PROBE);
	net_down(s);
	sim_run(s, 10);
	assert_int_equal(lun_state(sim_lun(s, 0)), LUN_BARRED);
	assert_int_equal(session_accept_lun(s->session, 0, &err), -ERR_AGAIN);
	net_up(s);
	sim_run(s, 5000);
	assert_int_equal(lun_state(sim_lun(s, 0)), LUN_BARRED);
}

static void a_lun_swapped_on_a_live_session_is_barred_by_its_unit_attention(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_io *w;

	s->errors_are_fine = true;
	sim_target_swap(s, 0);
	w = sim_write(s, 0, 0, 512);
	released(s);
	assert_int_equal(w->err, -EIO);
	assert_int_equal(lun_state(sim_lun(s, 0)), LUN_BARRED);
}

static void swap_in_the_probe(struct sim *s, struct sim_task *t)
{
	if (t->cdb[0] == SCSI_SERVICE_ACTION_IN_16 && s->disks[0].identity == 100)
		sim_target_swap(s, 0);
}

static void a_lun_swapped_in_the_middle_of_its_probe_is_barred(void **state)
{
	struct sim *s = world(state, 1, eager);
	struct sim_io *w;

	s->errors_are_fine = true;
	s->net.on_task = swap_in_the_probe;
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	sim_run(s, 1);
	w = sim_write(s, 0, 0, 512);
	released(s);
	assert_int_equal(w->err, -EIO);
	assert_int_equal(lun_state(sim_lun(s, 0)), LUN_BARRED);
}

static void a_rescan_that_finds_another_disk_lets_no_request_pass(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_io *w;

	s->errors_are_fine = true;
	sim_target_swap(s, 0);
	session_rescan(s->session);
	while (!s->disks[0].swap_fence)		/* its probe has met the unit attention */
		sim_run(s, 1);
	sim_run(s, 5);
	w = sim_write(s, 0, 0, 512);
	released(s);
	assert_int_equal(w->err, -EIO);
	assert_int_equal(lun_state(sim_lun(s, 0)), LUN_BARRED);
}

static void an_identity_that_cannot_be_read_today_bars_nobody(void **state)
{
	struct sim *s = world(state, 1, eager);
	struct sim_trap t = { .matches = is_probe, .fate = SIM_FATE_STATUS, .count = 0,
			      .status = SCSI_CHECK_CONDITION,
			      .sense = { .key = SENSE_HARDWARE_ERROR,
					 .code = SENSE_INTERNAL_TARGET_FAILURE } };
	struct sim_io *r;

	trap(s, &t);
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	r = sim_read(s, 0, 0, 512);
	while (s->others < 14)		/* as far as the pages */
		sim_run(s, 1);
	t.count = 3;
	released(s);
	assert_int_equal(r->err, 0);
	assert_int_equal(lun_state(sim_lun(s, 0)), LUN_READY);
}

static void a_unit_attention_fails_nobody_even_without_patience(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "replacement_timeout=0", NULL });
	struct sim_io *r;

	sim_target_ua(&s->disks[0], SENSE_CAPACITY_CHANGED);
	r = sim_read(s, 0, 0, 512);
	released(s);
	assert_int_equal(r->err, 0);
}

static void a_lun_that_grows_is_seen_by_its_unit_attention(void **state)
{
	struct sim *s = blank(state, 1, NULL);

	s->disks[0].blocks = 32;
	sim_begin(s);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	assert_int_equal(lun_size(sim_lun(s, 0)), 16384);
	s->disks[0].blocks = 64;
	sim_target_ua(&s->disks[0], SENSE_CAPACITY_CHANGED);
	sim_read(s, 0, 0, 512);
	released(s);
	assert_int_equal(lun_size(sim_lun(s, 0)), 32768);
	assert_true(s->changed[0] > 0);
}

static void a_lun_that_shrank_below_a_held_request_is_out_of_space(void **state)
{
	struct sim *s = world(state, 1, eager);
	struct sim_io *w;

	net_down(s);
	sim_run(s, 1);
	w = sim_write(s, 0, 32256, 512);
	s->disks[0].blocks = 32;
	net_up(s);
	released(s);
	assert_int_equal(w->err, -ENOSPC);
}

static void a_lun_that_vanishes_is_gone_and_may_return(void **state)
{
	struct sim *s = world(state, 2, NULL);
	struct sim_io *r;

	s->errors_are_fine = true;
	s->disks[1].present = false;
	session_rescan(s->session);
	sim_run(s, 100);
	assert_int_equal(s->gone[1], 1);
	r = sim_read(s, 1, 0, 512);
	sim_run(s, 1);
	assert_int_equal(r->err, -EIO);
	s->disks[1].present = true;
	session_rescan(s->session);
	sim_run(s, 200);
	assert_int_equal(s->added[1], 2);
	r = sim_read(s, 1, 0, 512);
	released(s);
	assert_int_equal(r->err, 0);
}

static void a_lun_that_a_restarted_target_does_not_have_yet_is_waited_for(void **state)
{
	struct sim *s = world(state, 2, eager);
	struct sim_io *r;

	s->disks[1].present = false;
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "the target restarts");
	sim_run(s, 1);
	r = sim_read(s, 1, 0, 512);
	sim_run(s, 3000);
	assert_int_equal(s->gone[1], 0);
	assert_false(r->answered);
	s->disks[1].present = true;
	released(s);
	assert_int_equal(r->err, 0);
}

static void limits_that_change_over_a_login_do_not_break_a_write_in_pieces(void **state)
{
	struct sim *s = blank(state, 1, eager);
	struct sim_io *w, *r;

	s->disks[0].max_transfer_blocks = 8;
	sim_begin(s);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	set(s, "queue_depth", "1");
	slow(s);
	w = sim_write(s, 0, 0, 16384);
	sim_run(s, 1);
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	s->disks[0].max_transfer_blocks = 1;
	released(s);
	assert_int_equal(w->err, 0);
	r = sim_read(s, 0, 0, 16384);
	released(s);
	for (unsigned u = 0; u < 256; u++)
		assert_int_equal(sim_unit_id(s, r->got + u * SIM_UNIT_BYTES, u), w->id);
}

static void a_possible_power_loss_is_counted(void **state)
{
	struct sim *s = world(state, 1, eager);

	sim_write(s, 0, 0, 512);
	released(s);
	sim_target_crash(s, true);
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "the target restarts");
	assert_true(sim_run_until(s, sim_is_decided, 1));
	sim_run(s, 3000);
	assert_int_equal(sim_lun(s, 0)->power_losses, 1);
}

static void a_power_loss_told_with_report_luns_is_counted_as_well(void **state)
{
	struct sim *s = world(state, 1, eager);
	struct sim_trap t = { .matches = is_report_luns, .fate = SIM_FATE_STATUS, .count = 1,
			      .status = SCSI_CHECK_CONDITION,
			      .sense = { .key = SENSE_UNIT_ATTENTION, .code = SENSE_POWER_ON } };

	sim_write(s, 0, 0, 512);
	released(s);
	trap(s, &t);
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "the target restarts");
	sim_run(s, 3000);
	assert_int_equal(sim_lun(s, 0)->power_losses, 1);
}

static void a_power_loss_after_a_flush_is_none(void **state)
{
	struct sim *s = world(state, 1, eager);

	sim_write(s, 0, 0, 512);
	released(s);
	sim_flush(s, 0);
	released(s);
	sim_target_crash(s, true);
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "the target restarts");
	sim_run(s, 3000);
	assert_int_equal(sim_lun(s, 0)->power_losses, 0);
}

static void a_nexus_loss_alone_is_no_power_loss(void **state)
{
	struct sim *s = world(state, 1, eager);

	sim_write(s, 0, 0, 512);
	released(s);
	sim_target_ua(&s->disks[0], SENSE_NEXUS_LOSS);
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	sim_run(s, 3000);
	assert_int_equal(sim_lun(s, 0)->power_losses, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_CASE(hold_runs_out),
		SIM_CASE(what_was_failed_is_never_sent_again_and_the_link_comes_back),
		SIM_CASE(replacement_timeout_zero_fails_at_once),
		SIM_CASE(negative_holds_for_ever),
		SIM_CASE(a_trial_that_nobody_waits_for_ends_by_itself),
		SIM_CASE(a_held_flush_of_nothing_ends_the_trial),
		SIM_CASE(scsi_cmd_timeout_counts_for_commands_that_wait),
		SIM_CASE(pings_turned_on_find_a_silence_that_is_there),
		SIM_CASE(noop_out_timeout_counts_for_a_ping_that_waits),
		SIM_CASE(login_timeout_counts_for_an_attempt_that_waits),
		SIM_CASE(logout_timeout_counts_for_a_logout_that_waits),
		SIM_CASE(reopen_max_counts_for_an_outage_that_has_begun),
		SIM_CASE(queue_depth_counts_for_requests_that_wait),
		SIM_CASE(cmds_max_counts_for_requests_that_wait),
		SIM_CASE(the_first_failure_of_an_outage_is_told_after_a_brief_link_too),
		SIM_CASE(a_change_is_an_event),
		SIM_CASE(a_pause_of_ours_is_no_silence_of_the_target),
		SIM_CASE(short_pauses_hide_no_silence),
		SIM_CASE(short_pauses_hide_no_late_command),
		SIM_CASE(a_pause_of_ours_costs_no_outage_its_time),
		SIM_CASE(a_pause_in_a_login_does_not_end_it),
		SIM_CASE(a_lun_without_a_link_is_not_ready),
		SIM_CASE(longer_replacement_timeout_takes_effect_on_the_running_outage),
		SIM_CASE(shorter_replacement_timeout_ends_the_running_outage),
		SIM_CASE(a_target_that_drops_us_after_each_login_has_not_come_back),
		SIM_CASE(an_idle_lun_that_came_back_late_has_a_whole_budget_again),
		SIM_CASE(time2wait_is_honoured),
		SIM_CASE(connections_that_fail_before_time2wait_is_over_cost_no_patience),
		SIM_CASE(a_login_lost_before_the_luns_answered_waits_as_well),
		SIM_CASE(eager_in_the_middle_of_the_wait_logs_in_at_once),
		SIM_CASE(a_link_that_was_used_has_been_up_however_briefly),
		SIM_CASE(a_target_that_names_a_time2wait_gets_it),
		SIM_CASE(eager_time2wait_dials_at_once),
		SIM_CASE(second_dial_keeps_isid),
		SIM_CASE(unanswered_requests_are_sent_again_in_their_old_order),
		SIM_CASE(a_write_cancelled_on_a_lost_wire_is_not_sent_again),
		SIM_CASE(cancelled_in_an_outage_is_answered_from_the_loop),
		SIM_CASE(silence_is_found_by_a_ping_and_ends_the_link),
		SIM_CASE(pings_off_means_no_pings),
		SIM_CASE(a_ping_that_cannot_be_sent_proves_nothing),
		SIM_CASE(a_command_whose_answer_never_comes_is_sent_again),
		SIM_CASE(a_probe_that_is_never_answered_is_asked_again),
		SIM_CASE(a_power_on_that_a_question_hears_too_late_counts),
		SIM_CASE(a_lun_that_is_not_ready_holds_no_other),
		SIM_CASE(a_lun_that_is_not_ready_for_too_long_fails_its_requests),
		SIM_CASE(a_late_answer_does_not_open_a_lun_that_is_not_ready),
		SIM_CASE(a_swapped_lun_is_barred),
		SIM_CASE(a_barred_lun_stays_barred_over_a_new_login),
		SIM_CASE(a_barred_lun_is_taken_as_it_is_on_the_operators_word),
		SIM_CASE(a_link_lost_while_a_lun_is_accepted_leaves_it_barred),
		SIM_CASE(a_lun_swapped_on_a_live_session_is_barred_by_its_unit_attention),
		SIM_CASE(a_lun_swapped_in_the_middle_of_its_probe_is_barred),
		SIM_CASE(a_rescan_that_finds_another_disk_lets_no_request_pass),
		SIM_CASE(an_identity_that_cannot_be_read_today_bars_nobody),
		SIM_CASE(a_unit_attention_fails_nobody_even_without_patience),
		SIM_CASE(a_lun_that_grows_is_seen_by_its_unit_attention),
		SIM_CASE(a_lun_that_shrank_below_a_held_request_is_out_of_space),
		SIM_CASE(a_lun_that_vanishes_is_gone_and_may_return),
		SIM_CASE(a_lun_that_a_restarted_target_does_not_have_yet_is_waited_for),
		SIM_CASE(limits_that_change_over_a_login_do_not_break_a_write_in_pieces),
		SIM_CASE(a_possible_power_loss_is_counted),
		SIM_CASE(a_power_loss_told_with_report_luns_is_counted_as_well),
		SIM_CASE(a_power_loss_after_a_flush_is_none),
		SIM_CASE(a_nexus_loss_alone_is_no_power_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
