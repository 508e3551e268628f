/* SPDX-License-Identifier: BSD-2-Clause */
/* Logins: the first one and later ones, refused, redirected, lost in every phase; and the end. */
#include "sim_unit.h"

static const char *const eager[] = { "time2wait=eager", NULL };

static struct sim_dial script[16];

static void play_script(struct sim *s, const char *portal, struct sim_dial *dial)
{
	unsigned i = s->dials - 1;

	(void)portal;
	if (i < ARRAY_SIZE(script))
		*dial = script[i];
}

/* Each dial from the first on meets the next of these; then all is well. */
static void scripted(struct sim *s, const struct sim_dial *dials, unsigned count)
{
	memset(script, 0, sizeof(script));
	for (unsigned i = 0; i < count; i++)
		script[s->dials + i] = dials[i];
	for (unsigned i = 0; i < ARRAY_SIZE(script); i++)
		script[i].delay = script[i].delay ? script[i].delay : 1;
	s->net.on_dial = play_script;
}

static void first_login_gives_up_after_its_retries(void **state)
{
	struct sim *s = blank(state, 1, NULL);
	struct sim_dial d[4] = { { .answer = SIM_DIAL_REFUSED }, { .answer = SIM_DIAL_DROP },
				 { .answer = SIM_DIAL_MUTE }, { .answer = SIM_DIAL_REFUSED } };

	scripted(s, d, 4);
	sim_begin(s);
	assert_true(sim_run_until(s, sim_is_decided, 60000));
	assert_int_equal(s->first_err.code, ERR_CONNECT);
	assert_int_equal(s->dials, 4);
	sim_run(s, 60000);
	assert_int_equal(s->dials, 4);
}

static void first_login_succeeds_with_its_last_retry(void **state)
{
	struct sim *s = blank(state, 1, NULL);
	struct sim_dial d[3] = { { .answer = SIM_DIAL_REFUSED }, { .answer = SIM_DIAL_NOMEM },
				 { .answer = SIM_DIAL_LOGIN, .status = 0x0301 } };

	scripted(s, d, 3);
	sim_begin(s);
	assert_true(sim_run_until(s, sim_is_decided, 60000));
	assert_int_equal(s->first_err.code, ERR_OK);
	assert_int_equal(s->dials, 4);
}

static void bad_credentials_are_final_at_first_login_and_retried_later(void **state)
{
	struct sim *s = blank(state, 1, eager);
	struct sim_dial d[3] = { { .answer = SIM_DIAL_LOGIN, .status = 0x0201 },
				 { .answer = SIM_DIAL_AUTH },
				 { .answer = SIM_DIAL_LOGIN, .status = 0x0203 } };
	struct sim_io *r;

	sim_begin(s);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	scripted(s, d, 3);
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	r = sim_read(s, 0, 0, 512);
	released(s);
	assert_int_equal(r->err, 0);
	assert_int_equal(s->dials, 5);
}

static void login_refused(void **state, uint16_t status, enum err_code code)
{
	struct sim *s = blank(state, 1, NULL);
	struct sim_dial d = { .answer = SIM_DIAL_LOGIN, .status = status };

	scripted(s, &d, 1);
	sim_begin(s);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	assert_int_equal(s->first_err.code, code);
	assert_int_equal(s->dials, 1);
}

static void wrong_credentials_end_the_first_login(void **state)
{
	login_refused(state, 0x0201, ERR_AUTH);
}

static void an_unknown_target_ends_the_first_login(void **state)
{
	login_refused(state, 0x0203, ERR_FATAL_LOGIN);
}

static void an_unknown_host_ends_the_first_login(void **state)
{
	struct sim *s = blank(state, 1, NULL);

	s->net.no_names = true;
	sim_begin(s);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	assert_int_equal(s->first_err.code, ERR_HOST);
}

static void an_unknown_host_among_others_is_passed_over(void **state)
{
	static const char *const portals[] = { "no.example:3260", "192.0.2.1:3260", NULL };
	struct sim *s = blank(state, 1, NULL);

	sim_begin_with(s, portals, false);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	assert_int_equal(s->first_err.code, ERR_OK);
}

static void in_the_background_nothing_is_final(void **state)
{
	static const char *const portals[] = { "192.0.2.1:3260", NULL };
	struct sim *s = blank(state, 1, NULL);
	struct sim_dial d[6] = { { .answer = SIM_DIAL_LOGIN, .status = 0x0201 },
				 { .answer = SIM_DIAL_REFUSED }, { .answer = SIM_DIAL_REFUSED },
				 { .answer = SIM_DIAL_REFUSED }, { .answer = SIM_DIAL_REFUSED },
				 { .answer = SIM_DIAL_REFUSED } };

	scripted(s, d, 6);
	sim_begin_with(s, portals, true);
	assert_true(sim_run_until(s, sim_is_open, 60000));
	sim_run(s, 100);
	assert_int_equal(s->added[0], 1);
}

static void a_name_with_two_addresses_has_both_tried(void **state)
{
	static const char *const portals[] = { "two.example:3260", NULL };
	struct sim *s = blank(state, 1, NULL);
	struct sim_dial d = { .answer = SIM_DIAL_REFUSED };

	scripted(s, &d, 1);
	sim_begin_with(s, portals, false);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	assert_int_equal(s->first_err.code, ERR_OK);
	assert_string_equal(s->last_portal, "192.0.2.2:3260");
}

static void portals_are_tried_in_turn(void **state)
{
	static const char *const portals[] = { "192.0.2.1:3260", "192.0.2.9:3260", NULL };
	struct sim *s = blank(state, 1, NULL);
	struct sim_dial d = { .answer = SIM_DIAL_REFUSED };

	scripted(s, &d, 1);
	sim_begin_with(s, portals, false);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	assert_string_equal(s->last_portal, "192.0.2.9:3260");
}

static void an_attempt_ends_with_login_timeout_in_every_phase(void **state)
{
	struct sim *s = blank(state, 1, NULL);
	struct sim_dial d = { .answer = SIM_DIAL_MUTE };
	struct sim_trap t = { .matches = is_report_luns, .fate = SIM_FATE_SILENT, .count = 1 };

	scripted(s, &d, 1);
	trap(s, &t);
	sim_begin(s);
	sim_run(s, 1999);
	assert_int_equal(link_of(s), LINK_DIAL);
	sim_run(s, 1);
	assert_int_equal(link_of(s), LINK_WAIT);
	assert_true(sim_run_until(s, sim_is_decided, 20000));
	assert_int_equal(s->first_err.code, ERR_OK);
	assert_int_equal(s->dials, 3);
}

/* --- redirect ----------------------------------------------------------------------------- */

static void a_redirect_is_followed_at_once_and_is_no_failure(void **state)
{
	struct sim *s = blank(state, 1, (const char *[]){ "initial_login_retry_max=0", NULL });
	struct sim_dial d = { .answer = SIM_DIAL_LOGIN, .status = 0x0101,
			      .redirect = "192.0.2.50:3260" };

	scripted(s, &d, 1);
	sim_begin(s);
	assert_true(sim_run_until(s, sim_is_decided, 200));
	assert_int_equal(s->first_err.code, ERR_OK);
	assert_string_equal(s->last_portal, "192.0.2.50:3260");
}

static void a_redirect_is_followed_before_the_other_addresses_of_a_name(void **state)
{
	static const char *const portals[] = { "two.example:3260", NULL };
	struct sim *s = blank(state, 1, NULL);
	struct sim_dial d = { .answer = SIM_DIAL_LOGIN, .status = 0x0101,
			      .redirect = "192.0.2.50:3260" };

	scripted(s, &d, 1);
	sim_begin_with(s, portals, false);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	assert_string_equal(s->last_portal, "192.0.2.50:3260");
	assert_int_equal(s->dials, 2);
}

static void a_redirect_to_nowhere_leads_back_to_the_portal(void **state)
{
	struct sim *s = blank(state, 1, NULL);
	struct sim_dial d[2] = { { .answer = SIM_DIAL_LOGIN, .status = 0x0101,
				   .redirect = "192.0.2.50:3260" },
				 { .answer = SIM_DIAL_REFUSED } };

	scripted(s, d, 2);
	sim_begin(s);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	assert_int_equal(s->first_err.code, ERR_OK);
	assert_string_equal(s->last_portal, "192.0.2.1:3260");
}

static void a_circle_of_redirects_ends(void **state)
{
	struct sim *s = blank(state, 1, NULL);

	memset(script, 0, sizeof(script));
	for (unsigned i = 0; i < ARRAY_SIZE(script); i++)
		script[i] = (struct sim_dial){ .answer = SIM_DIAL_LOGIN, .status = 0x0101,
					       .redirect = "192.0.2.50:3260", .delay = 1 };
	s->net.on_dial = play_script;
	sim_begin(s);
	sim_run(s, 400);
	assert_true(s->dials < 14);
}

static void a_redirect_is_forgotten_at_the_next_outage(void **state)
{
	struct sim *s = blank(state, 1, eager);
	struct sim_dial d = { .answer = SIM_DIAL_LOGIN, .status = 0x0101,
			      .redirect = "192.0.2.50:3260" };

	scripted(s, &d, 1);
	sim_begin(s);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	sim_run(s, 5000);
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	sim_run(s, 5000);
	assert_string_equal(s->last_portal, "192.0.2.1:3260");
}

static const char *dead_portal;

static void refuse_one_portal(struct sim *s, const char *portal, struct sim_dial *dial)
{
	(void)s;
	if (dead_portal && !strcmp(portal, dead_portal))
		dial->answer = SIM_DIAL_REFUSED;
}

static void a_permanent_redirect_is_kept_and_a_dead_one_passed_over(void **state)
{
	struct sim *s = blank(state, 1, eager);
	struct sim_dial d = { .answer = SIM_DIAL_LOGIN, .status = 0x0102,
			      .redirect = "192.0.2.50:3260" };

	scripted(s, &d, 1);
	sim_begin(s);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	sim_run(s, 5000);
	dead_portal = NULL;
	s->net.on_dial = refuse_one_portal;
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	sim_run(s, 5000);
	assert_string_equal(s->last_portal, "192.0.2.50:3260");
	dead_portal = "192.0.2.50:3260";
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	sim_run(s, 5000);
	assert_true(sim_is_open(s));
	assert_string_equal(s->last_portal, "192.0.2.1:3260");
	dead_portal = NULL;
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	sim_run(s, 5000);
	assert_string_equal(s->last_portal, "192.0.2.50:3260");
}

static void after_a_loss_the_same_portal_is_dialled_first(void **state)
{
	static const char *const portals[] = { "192.0.2.1:3260", "192.0.2.2:3260", NULL };
	struct sim *s = blank(state, 1, eager);

	sim_begin_with(s, portals, false);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	sim_run(s, 5000);
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	sim_run(s, 5000);
	assert_string_equal(s->last_portal, "192.0.2.1:3260");
	dead_portal = "192.0.2.1:3260";
	s->net.on_dial = refuse_one_portal;
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	sim_run(s, 5000);
	assert_string_equal(s->last_portal, "192.0.2.2:3260");
}

/* --- another initiator ----------------------------------------------------------------------- */

static void drop_soon(struct sim *s, const char *portal, struct sim_dial *dial)
{
	(void)s;
	(void)portal;
	dial->answer = SIM_DIAL_BRIEF;
	dial->delay = 800;
}

static void who_ends_our_session_again_and_again_is_told_once(void **state)
{
	struct sim *s = world(state, 1, NULL);

	sim_run(s, 20000);
	s->net.on_dial = drop_soon;
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	while (s->losses < 2)
		sim_run(s, 10);
	assert_int_equal(sim_told(s, "other-initiator"), 0);	/* once is nothing */
	assert_false(session_has_rival(s->session));
	sim_run(s, 30000);
	assert_true(s->losses > 4);
	assert_int_equal(sim_told(s, "other-initiator"), 1);
	assert_true(session_has_rival(s->session));
	s->net.on_dial = NULL;
	sim_run(s, 20000);
	assert_false(session_has_rival(s->session));
}

static void refuse_each_second(struct sim *s, const char *portal, struct sim_dial *dial)
{
	if (s->dials % 2)
		dial->answer = SIM_DIAL_REFUSED;
	else
		drop_soon(s, portal, dial);
}

static void a_target_that_crashes_is_no_other_initiator(void **state)
{
	struct sim *s = world(state, 1, eager);

	sim_run(s, 20000);
	s->net.on_dial = refuse_each_second;
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "crashed");
	sim_run(s, 30000);
	assert_true(s->losses > 4);
	assert_int_equal(sim_told(s, "other-initiator"), 0);
}

/* --- another portal group ------------------------------------------------------------------ */

static const char *const two_portals[] = { "192.0.2.1:3260", "192.0.2.2:3260", NULL };

static unsigned group_by_last_digit(const char *portal)
{
	return portal[8] - '0' < SIM_GROUPS ? (unsigned)(portal[8] - '0') : 0;
}

/* A world with a portal in each of two groups; the link is over the first. */
static struct sim *two_groups(void **state)
{
	struct sim *s = blank(state, 1, (const char *[]){ "time2wait=eager", "replacement_timeout=20",
							  NULL });

	s->net.group_of = group_by_last_digit;
	s->net.late_max = 3000;
	sim_begin_with(s, two_portals, false);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	sim_run(s, 5000);
	assert_string_equal(s->last_portal, "192.0.2.1:3260");
	return s;
}

static void lose_first_portal(struct sim *s)
{
	dead_portal = "192.0.2.1:3260";
	s->net.on_dial = refuse_one_portal;
}

/* The old write lands up to 3 s after the loss, unless it is ended. */
static struct sim_io *write_that_is_late(struct sim *s)
{
	static struct sim_trap t;
	struct sim_io *w;

	t = (struct sim_trap){ .matches = is_write, .fate = SIM_FATE_DROP_LATE, .count = 1 };
	trap(s, &t);
	w = sim_write(s, 0, 0, 512);
	sim_run(s, 1);
	return w;
}

static void in_another_portal_group_the_lun_is_reset_before_anything_is_sent_again(void **state)
{
	struct sim *s = two_groups(state);
	struct sim_io *w, *r;

	lose_first_portal(s);
	w = write_that_is_late(s);
	released(s);
	assert_int_equal(w->err, 0);
	assert_string_equal(s->last_portal, "192.0.2.2:3260");
	assert_int_equal(s->lun_resets, 1);
	w = sim_write(s, 0, 0, 512);
	released(s);
	sim_run(s, 4000);
	r = sim_read(s, 0, 0, 512);
	released(s);
	assert_true(sim_unit_id(s, r->got, 0) == w->id);
	assert_int_equal(sim_told(s, "fence-end"), 1);
	assert_int_equal(sim_lun(s, 0)->power_losses, 0);	/* it was our reset */
}

static void in_the_same_portal_group_nothing_is_reset(void **state)
{
	struct sim *s = two_groups(state);
	struct sim_io *w;

	w = write_that_is_late(s);	/* and the first portal takes us back */
	released(s);
	assert_int_equal(w->err, 0);
	assert_string_equal(s->last_portal, "192.0.2.1:3260");
	assert_int_equal(s->lun_resets, 0);
}

static void with_nothing_on_the_wire_nothing_is_reset(void **state)
{
	struct sim *s = two_groups(state);

	lose_first_portal(s);
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	sim_run(s, 5000);
	assert_true(sim_is_open(s));
	assert_string_equal(s->last_portal, "192.0.2.2:3260");
	assert_int_equal(s->lun_resets, 0);
}

static void refuse_tmf(struct sim *s, struct sim_tmf *m)
{
	(void)s;
	m->fate = SIM_TMF_REFUSED;
	m->response = TRANSPORT_TMF_REJECTED;
}

static void a_lun_that_cannot_be_fenced_is_held_and_its_budget_runs(void **state)
{
	struct sim *s = two_groups(state);
	struct sim_io *w;

	s->errors_are_fine = true;
	s->net.on_tmf = refuse_tmf;
	lose_first_portal(s);
	w = write_that_is_late(s);
	sim_run(s, 15000);
	assert_false(w->answered);
	assert_int_equal(gate_of(s, 0), GATE_HOLD);
	assert_int_equal(lun_state(sim_lun(s, 0)), LUN_NOT_READY);
	answered(s);
	assert_int_equal(w->err, -EIO);
	assert_in_range(w->answered_at - w->when, 19900, 20200);
	assert_true(s->lun_resets >= 3);
	dead_portal = "192.0.2.2:3260";		/* and the first is back: its login ends the old session */
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	assert_true(sim_run_until(s, sim_is_open, 10000));
	assert_string_equal(s->last_portal, "192.0.2.1:3260");
}

static void lose_tmf(struct sim *s, struct sim_tmf *m)
{
	m->fate = s->lun_resets == 1 ? SIM_TMF_DROP : s->lun_resets == 2 ? SIM_TMF_SILENT :
		  SIM_TMF_DONE;
}

static void a_reset_that_is_lost_is_asked_for_again(void **state)
{
	struct sim *s = two_groups(state);
	struct sim_io *w;

	set(s, "lu_reset_timeout", "1");
	s->net.on_tmf = lose_tmf;
	lose_first_portal(s);
	w = write_that_is_late(s);
	released(s);
	assert_int_equal(w->err, 0);
	assert_int_equal(s->lun_resets, 3);
}

/* --- lost anywhere ------------------------------------------------------------------------ */

static unsigned drop_at;

static void drop_nth_task(struct sim *s, struct sim_task *t)
{
	if (s->next_seq == drop_at)
		t->fate = s->seed & 1 ? SIM_FATE_DROP_BEFORE : SIM_FATE_DROP_AFTER;
}

/* Each command of login, probe and I/O is the one that the link dies of, once. */
static void a_link_lost_at_any_command_of_a_story_comes_back(void **state)
{
	struct sim *s = *state;

	for (unsigned i = 0; i < 2 * 30; i++) {
		s->name = "lost at any command";
		sim_new(s, i, 2, eager);
		s->net.on_task = drop_nth_task;
		drop_at = 1 + i / 2;
		sim_begin(s);
		assert_true(sim_run_until(s, sim_is_decided, 20000));
		assert_int_equal(s->first_err.code, ERR_OK);
		sim_run(s, 2000);
		sim_write(s, 0, 64, 1000 / 64 * 64);
		sim_read(s, 1, 0, 4096);
		released(s);
		sim_flush(s, 0);
		released(s);
		session_close(s->session);
		assert_true(sim_run_until(s, sim_is_closed, 5000));
		if (i < 2 * 30 - 1)
			sim_free(s);
	}
}

static void freed_in_any_state_it_leaks_nothing(void **state)
{
	struct sim *s = *state;

	for (unsigned i = 0; i < 200; i++) {
		sim_new(s, i, 2, eager);
		s->errors_are_fine = true;
		sim_begin(s);
		sim_run(s, i / 2);
		if (sim_lun(s, 0) && sim_lun(s, 0)->added) {
			struct sim_io *w = sim_write(s, 0, 64, 512);

			sim_flush(s, 0);
			sim_run(s, i % 5);
			sim_cancel(w);
			if (i % 3 == 0)
				sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
			if (i % 7 == 0)
				session_close(s->session);
			sim_run(s, i % 4);
		}
		if (i < 199)
			sim_free(s);
	}
}

/* --- the end ------------------------------------------------------------------------------ */

static void close_flushes_then_logs_out(void **state)
{
	struct sim *s = world(state, 2, NULL);

	sim_write(s, 0, 0, 512);
	released(s);
	session_close(s->session);
	assert_true(sim_run_until(s, sim_is_closed, 1000));
	assert_int_equal(s->syncs, 1);
	assert_int_equal(s->logouts, 1);
}

static void close_answers_what_is_on_its_way_first(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_io *w;

	s->net.delay_min = s->net.delay_max = 100;
	w = sim_write(s, 0, 0, 512);
	sim_run(s, 1);
	session_close(s->session);
	assert_true(sim_run_until(s, sim_is_closed, 5000));
	assert_int_equal(w->err, 0);
	assert_int_equal(s->syncs, 1);
}

static void close_during_an_outage_ends_at_once(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_io *w;
	mono_ms began;

	net_down(s);
	sim_run(s, 1);
	w = sim_write(s, 0, 0, 512);
	sim_run(s, 1000);
	began = sim_now();
	session_close(s->session);
	assert_true(sim_run_until(s, sim_is_closed, 1000));
	assert_int_equal(s->closed_at, began);
	assert_int_equal(w->err, -EIO);
}

static void a_logout_that_is_not_answered_ends_with_logout_timeout(void **state)
{
	struct sim *s = world(state, 1, NULL);
	mono_ms began = sim_now();

	s->net.deaf_logout = true;
	session_close(s->session);
	assert_true(sim_run_until(s, sim_is_closed, 10000));
	assert_int_equal(s->closed_at - began, 2000);
}

static void a_last_flush_that_is_not_answered_does_not_hold_the_end(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_trap t = { .matches = is_sync, .fate = SIM_FATE_SILENT, .count = 1 };

	s->errors_are_fine = true;
	sim_write(s, 0, 0, 512);
	released(s);
	trap(s, &t);
	session_close(s->session);
	assert_true(sim_run_until(s, sim_is_closed, 5000));
}

static void a_link_lost_in_the_last_flush_ends_the_session(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_trap t = { .matches = is_sync, .fate = SIM_FATE_DROP_BEFORE, .count = 1 };

	s->errors_are_fine = true;
	sim_write(s, 0, 0, 512);
	released(s);
	trap(s, &t);
	session_close(s->session);
	assert_true(sim_run_until(s, sim_is_closed, 1000));
}

/* transport_*() breaks when anything is sent after the logout. */
static void nothing_is_sent_after_the_logout(void **state)
{
	struct sim *s = world(state, 2, NULL);

	s->net.deaf_logout = true;
	s->disks[1].ready = false;
	s->errors_are_fine = true;
	sim_read(s, 1, 0, 512);
	sim_run(s, 100);
	session_rescan(s->session);
	sim_target_ua(&s->disks[0], SENSE_CAPACITY_CHANGED);
	sim_read(s, 0, 0, 512);
	sim_run(s, 5);
	session_close(s->session);
	assert_true(sim_run_until(s, sim_is_closed, 10000));
}

static void reopen_max_ends_a_session_that_does_not_come_back(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "reopen_max=3", NULL });
	struct sim_io *r;

	sim_run(s, 5000);
	net_down(s);
	sim_run(s, 1);
	r = sim_read(s, 0, 0, 512);
	answered(s);
	assert_int_equal(r->err, -EIO);
	assert_int_equal(link_of(s), LINK_REFUSED);
	assert_int_equal(s->dials, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_CASE(first_login_gives_up_after_its_retries),
		SIM_CASE(first_login_succeeds_with_its_last_retry),
		SIM_CASE(bad_credentials_are_final_at_first_login_and_retried_later),
		SIM_CASE(wrong_credentials_end_the_first_login),
		SIM_CASE(an_unknown_target_ends_the_first_login),
		SIM_CASE(an_unknown_host_ends_the_first_login),
		SIM_CASE(an_unknown_host_among_others_is_passed_over),
		SIM_CASE(in_the_background_nothing_is_final),
		SIM_CASE(a_name_with_two_addresses_has_both_tried),
		SIM_CASE(portals_are_tried_in_turn),
		SIM_CASE(an_attempt_ends_with_login_timeout_in_every_phase),
		SIM_CASE(a_redirect_is_followed_at_once_and_is_no_failure),
		SIM_CASE(a_redirect_is_followed_before_the_other_addresses_of_a_name),
		SIM_CASE(a_redirect_to_nowhere_leads_back_to_the_portal),
		SIM_CASE(a_circle_of_redirects_ends),
		SIM_CASE(a_redirect_is_forgotten_at_the_next_outage),
		SIM_CASE(a_permanent_redirect_is_kept_and_a_dead_one_passed_over),
		SIM_CASE(after_a_loss_the_same_portal_is_dialled_first),
		SIM_CASE(who_ends_our_session_again_and_again_is_told_once),
		SIM_CASE(a_target_that_crashes_is_no_other_initiator),
		SIM_CASE(in_another_portal_group_the_lun_is_reset_before_anything_is_sent_again),
		SIM_CASE(in_the_same_portal_group_nothing_is_reset),
		SIM_CASE(with_nothing_on_the_wire_nothing_is_reset),
		SIM_CASE(a_lun_that_cannot_be_fenced_is_held_and_its_budget_runs),
		SIM_CASE(a_reset_that_is_lost_is_asked_for_again),
		SIM_CASE(a_link_lost_at_any_command_of_a_story_comes_back),
		SIM_CASE(freed_in_any_state_it_leaks_nothing),
		SIM_CASE(close_flushes_then_logs_out),
		SIM_CASE(close_answers_what_is_on_its_way_first),
		SIM_CASE(close_during_an_outage_ends_at_once),
		SIM_CASE(a_logout_that_is_not_answered_ends_with_logout_timeout),
		SIM_CASE(a_last_flush_that_is_not_answered_does_not_hold_the_end),
		SIM_CASE(a_link_lost_in_the_last_flush_ends_the_session),
		SIM_CASE(nothing_is_sent_after_the_logout),
		SIM_CASE(reopen_max_ends_a_session_that_does_not_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
