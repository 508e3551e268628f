/* SPDX-License-Identifier: BSD-2-Clause */
/* The ring of events: numbers, what is lost, how a line looks, who is told. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "iscsifs/events.h"

static struct loop *loop;
static struct events *events;

static int setup(void **state)
{
	(void)state;
	return loop_new(&loop) || events_new(&events, loop) ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	events_free(events);
	loop_free(loop);
	return 0;
}

static void numbers_have_no_gaps_and_a_reader_goes_on_behind_his(void **state)
{
	const struct event *ev;

	(void)state;
	assert_null(events_next(events, 0));
	events_post(events, "a", NULL);
	events_post(events, "b", NULL);
	ev = events_next(events, 0);
	assert_string_equal(ev->type, "a");
	ev = events_next(events, ev->seq);
	assert_string_equal(ev->type, "b");
	assert_int_equal(ev->seq, 2);
	assert_null(events_next(events, 2));
	assert_null(events_next(events, UINT64_MAX));
	assert_int_equal(events_missed(events, UINT64_MAX), 0);
}

static void the_oldest_make_room_and_a_reader_learns_how_many(void **state)
{
	(void)state;
	for (unsigned i = 0; i < EVENTS_KEPT + 10; i++)
		events_post(events, "a", "n", "1", NULL);
	assert_int_equal(events_next(events, 0)->seq, 11);
	assert_int_equal(events_missed(events, 0), 10);
	assert_int_equal(events_missed(events, 4), 6);
	assert_int_equal(events_missed(events, 10), 0);
	assert_int_equal(events_last(events), EVENTS_KEPT + 10);
}

static void a_line_can_be_taken_apart_whatever_a_target_says(void **state)
{
	char line[EVENT_LINE_BYTES];
	size_t len;

	(void)state;
	events_post(events, "session-lost", "target", "iqn.x:y", "why", "closed \"it\"\n\\", "none", "",
		    NULL);
	len = event_line(events_next(events, 0), line);
	assert_int_equal(len, strlen(line));
	assert_int_equal(strncmp(line, "seq=1 time=20", 13), 0);
	assert_non_null(strstr(line, "Z ms="));
	assert_non_null(strstr(line, " event=session-lost target=iqn.x:y "
				     "why=\"closed \\\"it\\\"\\x0a\\\\\" none=\"\"\n"));
}

static void the_longest_line_has_room(void **state)
{
	char line[EVENT_LINE_BYTES], value[EVENT_TEXT_BYTES - 4];

	(void)state;
	memset(value, 1, sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	events_post(events, "a", "why", value, NULL);
	assert_true(event_line(events_next(events, 0), line) > 4 * sizeof(value) - 4);
	assert_non_null(strstr(line, "\\x01\"\n"));
}

static void the_text_is_all_lines_from_any_byte_on(void **state)
{
	char line[EVENT_LINE_BYTES], text[3 * EVENT_LINE_BYTES];
	size_t one, all;

	(void)state;
	events_post(events, "a", "key", "value", NULL);
	events_post(events, "b", "key", "value", NULL);
	one = event_line(events_next(events, 0), line);
	all = events_text(events, 0, text, sizeof(text));
	assert_int_equal(all, events_text_end(events));
	assert_memory_equal(text, line, one);
	assert_memory_equal(text + one, "seq=2 ", 6);
	assert_int_equal(events_text(events, one - 2, text, 4), 4);
	assert_memory_equal(text, "e\nse", 4);
	assert_int_equal(events_text(events, all, text, 4), 0);
}

static void a_pair_that_does_not_fit_is_left_out(void **state)
{
	char lengthy[EVENT_TEXT_BYTES];
	const char *value;
	const struct event *ev;

	(void)state;
	memset(lengthy, 'x', sizeof(lengthy) - 1);
	lengthy[sizeof(lengthy) - 1] = '\0';
	events_post(events, "a", "why", lengthy, "lun", "3", NULL);
	ev = events_next(events, 0);
	assert_string_equal(event_pair(ev, 0, &value), "lun");
	assert_string_equal(value, "3");
	assert_null(event_pair(ev, 1, &value));
}

static unsigned told;

static void count_told(struct events_watch *w)
{
	(void)w;
	told++;
}

static void who_watches_is_told_from_the_loop_once_for_many(void **state)
{
	struct events_watch w;

	(void)state;
	told = 0;
	events_watch_add(events, &w, count_told);
	events_post(events, "a", NULL);
	events_post(events, "b", NULL);
	assert_int_equal(told, 0);
	loop_turn(loop, 0);
	assert_int_equal(told, 1);
	events_watch_del(&w);
	events_post(events, "c", NULL);
	loop_turn(loop, 0);
	assert_int_equal(told, 1);
}

static void nobody_who_keeps_them_is_fine(void **state)
{
	(void)state;
	events_post(NULL, "a", "key", "value", NULL);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(numbers_have_no_gaps_and_a_reader_goes_on_behind_his),
		CASE(the_oldest_make_room_and_a_reader_learns_how_many),
		CASE(a_line_can_be_taken_apart_whatever_a_target_says),
		CASE(the_longest_line_has_room),
		CASE(the_text_is_all_lines_from_any_byte_on),
		CASE(a_pair_that_does_not_fit_is_left_out),
		CASE(who_watches_is_told_from_the_loop_once_for_many),
		CASE(nobody_who_keeps_them_is_fine),
	};

	return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
