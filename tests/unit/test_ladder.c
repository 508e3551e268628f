/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of the ladder, walked whole, and what each rung may do and must not. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "initiator/ladder.h"

enum {
	SENDS = LADDER_DO_ABORT | LADDER_DO_LUN_RESET | LADDER_DO_TARGET_RESET,
	TAKES = LADDER_DO_TAKE_TASK | LADDER_DO_TAKE_LUN | LADDER_DO_TAKE_ALL,
	HOLDS = LADDER_DO_HOLD_LUN | LADDER_DO_HOLD_ALL,
};

static unsigned step(enum ladder_state from, enum ladder_event ev, enum ladder_state *to)
{
	struct ladder l;
	unsigned actions;

	ladder_init(&l);
	l.state = from;
	actions = ladder_step(&l, ev);
	*to = l.state;
	return actions;
}

#define each_pair(s, ev) \
	for (enum ladder_state s = LADDER_IDLE; s < LADDER_STATES; s++) \
		for (enum ladder_event ev = 0; ev < LADDER_EVENTS; ev++)

static void every_pair_leads_to_a_state(void **state)
{
	(void)state;
	each_pair(s, ev) {
		enum ladder_state to;

		step(s, ev, &to);
		assert_in_range(to, LADDER_IDLE, LADDER_TARGET_RESET);
	}
}

static void each_rung_is_climbed_from_the_one_below(void **state)
{
	(void)state;
	each_pair(s, ev) {
		enum ladder_state to;

		step(s, ev, &to);
		assert_true(to <= s + 1);
		assert_true(to >= s || to == LADDER_IDLE);
	}
}

static void a_rung_sends_its_own_function_and_no_other(void **state)
{
	static const unsigned own[LADDER_STATES] = {
		[LADDER_ABORT] = LADDER_DO_ABORT, [LADDER_LUN_RESET] = LADDER_DO_LUN_RESET,
		[LADDER_TARGET_RESET] = LADDER_DO_TARGET_RESET,
	};

	(void)state;
	each_pair(s, ev) {
		enum ladder_state to;
		unsigned actions = step(s, ev, &to);

		assert_int_equal(actions & SENDS & ~own[to], 0);
		if (to != s)
			assert_int_equal(actions & SENDS, own[to]);
	}
}

/* What may still run is not sent again: only the target's word that it does not is one. */
static void commands_are_taken_back_only_when_the_target_says_done(void **state)
{
	(void)state;
	each_pair(s, ev) {
		enum ladder_state to;

		if (step(s, ev, &to) & TAKES)
			assert_true(ev == LADDER_EV_DONE || ev == LADDER_EV_NEXT);
	}
}

static void what_was_held_is_released_or_the_link_is_cut(void **state)
{
	(void)state;
	each_pair(s, ev) {
		enum ladder_state to;
		unsigned actions = step(s, ev, &to);

		if (s != LADDER_IDLE && to == LADDER_IDLE)
			assert_true(!(actions & LADDER_DO_RELEASE) != !(actions & LADDER_DO_CUT));
		else if (s != LADDER_IDLE)
			assert_false(actions & (LADDER_DO_RELEASE | LADDER_DO_CUT));
		if (s != LADDER_IDLE && actions)
			assert_true(actions & LADDER_DO_STOP);
	}
}

static void other_luns_are_held_by_the_reset_of_the_target_alone(void **state)
{
	(void)state;
	each_pair(s, ev) {
		enum ladder_state to;
		unsigned actions = step(s, ev, &to);

		assert_int_equal(!!(actions & LADDER_DO_HOLD_ALL),
				 s != to && to == LADDER_TARGET_RESET);
		assert_int_equal(!!(actions & LADDER_DO_HOLD_LUN),
				 s == LADDER_IDLE && to == LADDER_ABORT);
	}
}

static void every_rung_ends_by_its_timer_and_by_a_loss(void **state)
{
	(void)state;
	for (enum ladder_state s = LADDER_ABORT; s < LADDER_STATES; s++) {
		enum ladder_state to;

		step(s, LADDER_EV_EXPIRED, &to);
		assert_int_not_equal(to, s);
		assert_true(step(s, LADDER_EV_LOST, &to) & LADDER_DO_RELEASE);
		assert_int_equal(to, LADDER_IDLE);
	}
}

/* A reset that is on its way ends other commands as well: its own answer is awaited. */
static void an_answer_of_the_late_command_ends_nothing_but_the_abort(void **state)
{
	enum ladder_state to;

	(void)state;
	step(LADDER_ABORT, LADDER_EV_ANSWERED, &to);
	assert_int_equal(to, LADDER_IDLE);
	assert_int_equal(step(LADDER_LUN_RESET, LADDER_EV_ANSWERED, &to), 0);
	assert_int_equal(to, LADDER_LUN_RESET);
	assert_int_equal(step(LADDER_TARGET_RESET, LADDER_EV_ANSWERED, &to), 0);
	assert_int_equal(to, LADDER_TARGET_RESET);
}

static void the_cut_comes_after_every_rung(void **state)
{
	struct ladder l;
	unsigned actions = 0;

	(void)state;
	ladder_init(&l);
	ladder_step(&l, LADDER_EV_LATE);
	for (int rungs = 1; rungs <= 3; rungs++) {
		assert_int_equal(l.state, LADDER_IDLE + rungs);
		actions = ladder_step(&l, LADDER_EV_REFUSED);
	}
	assert_true(actions & LADDER_DO_CUT);
	assert_int_equal(l.state, LADDER_IDLE);
}

static void the_diagram_has_a_line_for_each_row(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	assert_non_null(f);
	ladder_print(f);
	fclose(f);
	assert_non_null(strstr(text, "ABORT        refused  -> LUN_RESET    stop lun-reset\n"));
	assert_null(strstr(text, "(null)"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_leads_to_a_state),
		cmocka_unit_test(each_rung_is_climbed_from_the_one_below),
		cmocka_unit_test(a_rung_sends_its_own_function_and_no_other),
		cmocka_unit_test(commands_are_taken_back_only_when_the_target_says_done),
		cmocka_unit_test(what_was_held_is_released_or_the_link_is_cut),
		cmocka_unit_test(other_luns_are_held_by_the_reset_of_the_target_alone),
		cmocka_unit_test(every_rung_ends_by_its_timer_and_by_a_loss),
		cmocka_unit_test(an_answer_of_the_late_command_ends_nothing_but_the_abort),
		cmocka_unit_test(the_cut_comes_after_every_rung),
		cmocka_unit_test(the_diagram_has_a_line_for_each_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
