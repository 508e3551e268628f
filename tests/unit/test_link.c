/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of the link, walked whole: every state meets every event. */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "initiator/link.h"

static bool has_transport(enum link_state s)
{
	return s == LINK_DIAL || s == LINK_PROBE || s == LINK_UP || s == LINK_CLOSE;
}

/* Take @ev in @from. */
static unsigned step(enum link_state from, enum link_event ev, enum link_state *to)
{
	struct link l;
	unsigned actions;

	link_init(&l);
	l.state = from;
	actions = link_step(&l, ev, NULL);
	*to = l.state;
	return actions;
}

#define each_pair(s, ev) \
	for (enum link_state s = LINK_IDLE; s < LINK_STATES; s++) \
		for (enum link_event ev = 0; ev < LINK_EVENTS; ev++)

static void every_pair_leads_to_a_state(void **state)
{
	(void)state;
	each_pair(s, ev) {
		enum link_state to;

		step(s, ev, &to);
		assert_in_range(to, LINK_IDLE, LINK_REFUSED);
	}
}

static void a_state_without_a_transport_is_entered_by_a_cut(void **state)
{
	(void)state;
	each_pair(s, ev) {
		enum link_state to;
		unsigned actions = step(s, ev, &to);

		if (has_transport(s) && !has_transport(to))
			assert_true(actions & LINK_DO_CUT);
	}
}

static void a_dial_finds_no_transport_in_its_way(void **state)
{
	(void)state;
	each_pair(s, ev) {
		enum link_state to;
		unsigned actions = step(s, ev, &to);

		if (actions & LINK_DO_DIAL) {
			assert_true(!has_transport(s) || actions & LINK_DO_CUT);
			assert_true(LINK_DO_CUT < LINK_DO_DIAL);
			assert_int_equal(to, LINK_DIAL);
		}
		assert_true(!(to == LINK_DIAL && s != LINK_DIAL) || actions & LINK_DO_DIAL);
	}
}

static void a_lost_link_waits_or_ends(void **state)
{
	(void)state;
	for (enum link_state s = LINK_IDLE; s < LINK_STATES; s++) {
		enum link_state to;

		if (!has_transport(s))
			continue;
		step(s, LINK_EV_LOST, &to);
		assert_int_equal(to, s == LINK_CLOSE ? LINK_REFUSED : LINK_WAIT);
	}
}

static void luns_are_told_when_a_link_that_was_up_is_cut(void **state)
{
	(void)state;
	each_pair(s, ev) {
		enum link_state to;
		unsigned actions = step(s, ev, &to);

		if ((s == LINK_UP || s == LINK_CLOSE) && actions & LINK_DO_CUT)
			assert_true(actions & LINK_DO_DOWN);
	}
}

static void whoever_waits_has_a_timer(void **state)
{
	(void)state;
	each_pair(s, ev) {
		enum link_state to;
		unsigned actions = step(s, ev, &to);

		assert_int_equal(to == LINK_WAIT && s != LINK_WAIT, (actions & LINK_DO_WAIT) != 0);
	}
}

static void the_end_is_told_once_and_nothing_follows_it(void **state)
{
	(void)state;
	each_pair(s, ev) {
		enum link_state to;
		unsigned actions = step(s, ev, &to);
		unsigned told = actions & (LINK_DO_CLOSED | LINK_DO_REFUSED);

		if (s == LINK_REFUSED) {
			assert_int_equal(to, LINK_REFUSED);
			assert_int_equal(actions, 0);
		} else {
			assert_int_equal(to == LINK_REFUSED, told != 0);
			assert_true(told != (LINK_DO_CLOSED | LINK_DO_REFUSED));
		}
	}
}

static void a_close_that_is_asked_for_twice_drops_nothing(void **state)
{
	enum link_state to;

	(void)state;
	assert_int_equal(step(LINK_CLOSE, LINK_EV_CLOSE, &to), 0);
	assert_int_equal(to, LINK_CLOSE);
}

static void what_has_no_row_counts_as_lost_where_there_is_a_transport(void **state)
{
	struct link l;
	int unexpected = 0;

	(void)state;
	link_init(&l);
	l.state = LINK_UP;
	assert_true(link_step(&l, LINK_EV_READY, &unexpected) & LINK_DO_CUT);
	assert_true(unexpected);
	assert_int_equal(l.state, LINK_WAIT);
	assert_int_equal(l.counts[LINK_UP][LINK_EV_READY], 1);
	assert_int_equal(link_step(&l, LINK_EV_READY, &unexpected), 0);
	assert_true(unexpected);
	assert_int_equal(l.state, LINK_WAIT);
}

static void a_whole_life_goes_by_its_rows(void **state)
{
	static const struct {
		enum link_event ev;
		enum link_state to;
		unsigned actions;
	} life[] = {
		{ LINK_EV_START, LINK_DIAL, LINK_DO_DIAL },
		{ LINK_EV_LOST, LINK_WAIT, LINK_DO_CUT | LINK_DO_WAIT },
		{ LINK_EV_DUE, LINK_DIAL, LINK_DO_DIAL },
		{ LINK_EV_READY, LINK_PROBE, LINK_DO_PROBE },
		{ LINK_EV_EXPIRED, LINK_WAIT, LINK_DO_CUT | LINK_DO_WAIT },
		{ LINK_EV_DUE, LINK_DIAL, LINK_DO_DIAL },
		{ LINK_EV_READY, LINK_PROBE, LINK_DO_PROBE },
		{ LINK_EV_PROBED, LINK_UP, LINK_DO_UP },
		{ LINK_EV_LOST, LINK_WAIT, LINK_DO_CUT | LINK_DO_DOWN | LINK_DO_WAIT },
		{ LINK_EV_DUE, LINK_DIAL, LINK_DO_DIAL },
		{ LINK_EV_READY, LINK_PROBE, LINK_DO_PROBE },
		{ LINK_EV_PROBED, LINK_UP, LINK_DO_UP },
		{ LINK_EV_CLOSE, LINK_CLOSE, LINK_DO_LOGOUT },
		{ LINK_EV_LOST, LINK_REFUSED, LINK_DO_CUT | LINK_DO_DOWN | LINK_DO_CLOSED },
	};
	struct link l;

	(void)state;
	link_init(&l);
	for (unsigned i = 0; i < ARRAY_SIZE(life); i++) {
		assert_int_equal(link_step(&l, life[i].ev, NULL), life[i].actions);
		assert_int_equal(l.state, life[i].to);
	}
}

static void the_diagram_has_a_line_for_each_row(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	assert_non_null(f);
	link_print(f);
	fclose(f);
	assert_non_null(strstr(text, "UP "));
	assert_null(strstr(text, "(null)"));
	free(text);
	each_pair(s, ev) {
		assert_non_null(link_state_name(s));
		assert_non_null(link_event_name(ev));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_leads_to_a_state),
		cmocka_unit_test(a_state_without_a_transport_is_entered_by_a_cut),
		cmocka_unit_test(a_dial_finds_no_transport_in_its_way),
		cmocka_unit_test(a_lost_link_waits_or_ends),
		cmocka_unit_test(luns_are_told_when_a_link_that_was_up_is_cut),
		cmocka_unit_test(whoever_waits_has_a_timer),
		cmocka_unit_test(the_end_is_told_once_and_nothing_follows_it),
		cmocka_unit_test(a_close_that_is_asked_for_twice_drops_nothing),
		cmocka_unit_test(what_has_no_row_counts_as_lost_where_there_is_a_transport),
		cmocka_unit_test(a_whole_life_goes_by_its_rows),
		cmocka_unit_test(the_diagram_has_a_line_for_each_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
