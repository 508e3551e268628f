/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of the gate, walked whole, and the rules of an outage that it carries. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "initiator/gate.h"

static unsigned step(enum gate_state from, enum gate_event ev, enum gate_state *to)
{
	struct gate g;
	unsigned actions;

	gate_init(&g);
	g.state = from;
	actions = gate_step(&g, ev);
	*to = g.state;
	return actions;
}

#define each_pair(s, ev) \
	for (enum gate_state s = GATE_SHUT; s < GATE_STATES; s++) \
		for (enum gate_event ev = 0; ev < GATE_EVENTS; ev++)

static bool passes(enum gate_state s)
{
	struct gate g = { .state = s };

	return gate_passes(&g);
}

static void every_pair_leads_to_a_state(void **state)
{
	(void)state;
	each_pair(s, ev) {
		enum gate_state to;

		step(s, ev, &to);
		assert_in_range(to, GATE_SHUT, GATE_FAIL);
	}
}

static void nothing_passes_after_a_loss(void **state)
{
	(void)state;
	for (enum gate_state s = GATE_SHUT; s < GATE_STATES; s++) {
		enum gate_state to;
		unsigned actions = step(s, GATE_EV_LOST, &to);

		assert_false(passes(to));
		/* What was on the wire goes back, or is failed. */
		if (passes(s))
			assert_true(actions & (GATE_DO_HOLD | GATE_DO_FAIL));
	}
}

static void what_waits_is_sent_whenever_a_lun_is_ready(void **state)
{
	(void)state;
	for (enum gate_state s = GATE_SHUT; s < GATE_STATES; s++) {
		enum gate_state to;

		assert_true(step(s, GATE_EV_READY, &to) & GATE_DO_PUMP);
		assert_true(passes(to));
	}
}

static void close_answers_everything_in_every_state(void **state)
{
	(void)state;
	for (enum gate_state s = GATE_SHUT; s < GATE_STATES; s++) {
		enum gate_state to;
		unsigned actions = step(s, GATE_EV_CLOSE, &to);

		assert_int_equal(to, GATE_SHUT);
		assert_true(actions & GATE_DO_FAIL);
		assert_true(s == GATE_SHUT || actions & GATE_DO_STOP);
	}
}

static void an_outage_begins_at_the_loss_and_ends_with_an_answer(void **state)
{
	struct gate g;

	(void)state;
	gate_init(&g);
	gate_step(&g, GATE_EV_READY);
	assert_int_equal(g.state, GATE_OPEN);
	assert_true(gate_step(&g, GATE_EV_LOST) & GATE_DO_TIMER);
	/* A login is not the end of it. */
	assert_false(gate_step(&g, GATE_EV_READY) & GATE_DO_STOP);
	assert_int_equal(g.state, GATE_TRIAL);
	assert_true(gate_step(&g, GATE_EV_PROGRESS) & GATE_DO_STOP);
	assert_int_equal(g.state, GATE_OPEN);
}

static void a_loss_on_trial_is_the_same_outage(void **state)
{
	struct gate g;

	(void)state;
	gate_init(&g);
	gate_step(&g, GATE_EV_READY);
	for (unsigned i = 0; i < 5; i++) {
		unsigned actions = gate_step(&g, GATE_EV_LOST);

		assert_int_equal(g.state, GATE_HOLD);
		assert_false(actions & GATE_DO_STOP);
		assert_false(gate_step(&g, GATE_EV_READY) & GATE_DO_STOP);
	}
	assert_true(gate_step(&g, GATE_EV_EXPIRED) & GATE_DO_FAIL);
	assert_int_equal(g.state, GATE_FAIL);
}

static void an_outage_that_lasted_too_long_fails_requests_until_the_lun_is_back(void **state)
{
	struct gate g;

	(void)state;
	gate_init(&g);
	gate_step(&g, GATE_EV_READY);
	gate_step(&g, GATE_EV_LOST);
	assert_true(gate_step(&g, GATE_EV_EXPIRED) & GATE_DO_FAIL);
	assert_false(gate_passes(&g));
	assert_false(gate_holds(&g));
	gate_step(&g, GATE_EV_LOST);
	assert_int_equal(g.state, GATE_FAIL);
	gate_step(&g, GATE_EV_READY);
	assert_int_equal(g.state, GATE_TRIAL);
}

static void a_timer_that_fires_late_changes_nothing(void **state)
{
	enum gate_state to;

	(void)state;
	assert_int_equal(step(GATE_OPEN, GATE_EV_EXPIRED, &to), 0);
	assert_int_equal(to, GATE_OPEN);
	assert_int_equal(step(GATE_SHUT, GATE_EV_EXPIRED, &to), 0);
	assert_int_equal(to, GATE_SHUT);
}

static void a_shut_gate_is_opened_by_ready_alone(void **state)
{
	(void)state;
	for (enum gate_event ev = 0; ev < GATE_EVENTS; ev++) {
		enum gate_state to;

		step(GATE_SHUT, ev, &to);
		assert_int_equal(to, ev == GATE_EV_READY ? GATE_OPEN : GATE_SHUT);
	}
}

static void the_diagram_has_a_line_for_each_row(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	assert_non_null(f);
	gate_print(f);
	fclose(f);
	assert_non_null(strstr(text, "TRIAL  progress  -> OPEN   stop\n"));
	assert_null(strstr(text, "(null)"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_leads_to_a_state),
		cmocka_unit_test(nothing_passes_after_a_loss),
		cmocka_unit_test(what_waits_is_sent_whenever_a_lun_is_ready),
		cmocka_unit_test(close_answers_everything_in_every_state),
		cmocka_unit_test(an_outage_begins_at_the_loss_and_ends_with_an_answer),
		cmocka_unit_test(a_loss_on_trial_is_the_same_outage),
		cmocka_unit_test(an_outage_that_lasted_too_long_fails_requests_until_the_lun_is_back),
		cmocka_unit_test(a_timer_that_fires_late_changes_nothing),
		cmocka_unit_test(a_shut_gate_is_opened_by_ready_alone),
		cmocka_unit_test(the_diagram_has_a_line_for_each_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
