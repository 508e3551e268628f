/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/agenda.h"
#include "iscsifs/cursor.h"
#include "iscsifs/err.h"
#include "iscsifs/list.h"
#include "iscsifs/loop.h"
#include "iscsifs/num.h"

static void a_leading_zero_is_decimal(void **state)
{
	int64_t v = 0;

	(void)state;
	assert_int_equal(num_parse_i64("010", 0, 100, &v), 0);
	assert_int_equal(v, 10);
}

static void numbers_with_anything_else_are_refused(void **state)
{
	static const char *const bad[] = { "", "-", " 1", "1 ", "1x", "0x", "+1", "one", "--1" };
	int64_t v;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(num_parse_i64(bad[i], -100, 100, &v), -EINVAL);
	assert_int_equal(num_parse_i64("101", -100, 100, &v), -ERANGE);
	assert_int_equal(num_parse_i64("99999999999999999999", -100, 100, &v), -ERANGE);
}

static void sizes_take_binary_units(void **state)
{
	uint64_t v = 0;

	(void)state;
	assert_int_equal(num_parse_size("64M", &v), 0);
	assert_int_equal(v, 64u << 20);
	assert_int_equal(num_parse_size("3TiB", &v), 0);
	assert_int_equal(v, 3ull << 40);
	assert_int_equal(num_parse_size("16777216T", &v), -ERANGE);
	assert_int_equal(num_parse_size("1Q", &v), -EINVAL);
}

static void a_bare_span_is_seconds(void **state)
{
	char text[32];
	span_ms v = 0;

	(void)state;
	assert_int_equal(num_parse_span("5", &v), 0);
	assert_int_equal(v, 5000);
	assert_int_equal(num_parse_span("250ms", &v), 0);
	assert_int_equal(v, 250);
	assert_string_equal(num_print_span(v, text, sizeof(text)), "250ms");
	assert_int_equal(num_parse_span("-1", &v), 0);
	assert_int_equal(v, -1000);
	assert_int_equal(num_parse_span("5 parsecs", &v), -EINVAL);
}

static void a_cursor_past_its_end_gives_zeros_and_says_so(void **state)
{
	static const uint8_t bytes[3] = { 1, 2, 3 };
	struct cursor c = cursor_of(bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(cursor_be16(&c), 0x0102);
	assert_false(c.bad);
	assert_int_equal(cursor_be32(&c), 0);
	assert_true(c.bad);
	assert_int_equal(cursor_left(&c), 0);
}

static void the_first_error_wins(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(err_set(&e, ERR_AUTH, "no %s", "entry"), -24);
	err_set(&e, ERR_GENERIC, "later");
	err_prefix(&e, "file:%d", 3);
	assert_int_equal(e.code, ERR_AUTH);
	assert_string_equal(e.text, "file:3: no entry");
}

struct loop_case {
	struct loop *loop;
	struct loop_fd a, b;
	struct loop_timer t1, t2;
	struct loop_call call;
	struct loop_hook h1, h2;
	char order[8];
	unsigned calls;
};

static void loop_case_note(struct loop_case *c, char what)
{
	size_t n = strlen(c->order);

	c->order[n] = what;
}

static void timer_one(struct loop_timer *t)
{
	loop_case_note(container_of(t, struct loop_case, t1), '1');
}

static void timer_two(struct loop_timer *t)
{
	struct loop_case *c = container_of(t, struct loop_case, t2);

	loop_case_note(c, '2');
	loop_stop(c->loop);
}

static void timers_fire_by_time_not_by_order_of_setting(void **state)
{
	struct loop_case c = { 0 };

	(void)state;
	assert_int_equal(loop_new(&c.loop), 0);
	loop_timer_init(c.loop, &c.t1, timer_one);
	loop_timer_init(c.loop, &c.t2, timer_two);
	loop_timer_set(&c.t2, loop_now(c.loop) + 4);
	loop_timer_set(&c.t1, loop_now(c.loop) + 2);
	assert_int_equal(loop_run(c.loop), 0);
	assert_string_equal(c.order, "12");
	loop_free(c.loop);
}

static void fd_a_removes_b(struct loop_fd *w, unsigned events)
{
	struct loop_case *c = container_of(w, struct loop_case, a);

	assert_true(events & LOOP_IN);
	loop_case_note(c, 'a');
	loop_fd_del(c->loop, &c->b);
	loop_fd_del(c->loop, &c->a);
}

static void fd_b_removes_a(struct loop_fd *w, unsigned events)
{
	struct loop_case *c = container_of(w, struct loop_case, b);

	(void)events;
	loop_case_note(c, 'b');
	loop_fd_del(c->loop, &c->a);
	loop_fd_del(c->loop, &c->b);
}

static void a_removed_watch_is_not_called_in_the_same_turn(void **state)
{
	struct loop_case c = { 0 };
	int pa[2], pb[2];

	(void)state;
	assert_int_equal(pipe(pa), 0);
	assert_int_equal(pipe(pb), 0);
	assert_int_equal(loop_new(&c.loop), 0);
	loop_fd_init(&c.a, fd_a_removes_b);
	loop_fd_init(&c.b, fd_b_removes_a);
	assert_int_equal(loop_fd_add(c.loop, &c.a, pa[0], LOOP_IN), 0);
	assert_int_equal(loop_fd_add(c.loop, &c.b, pb[0], LOOP_IN), 0);
	assert_int_equal(write(pa[1], "x", 1), 1);
	assert_int_equal(write(pb[1], "x", 1), 1);
	assert_int_equal(loop_turn(c.loop, 0), 0);
	assert_int_equal(strlen(c.order), 1);
	loop_free(c.loop);
	for (int i = 0; i < 2; i++) {
		close(pa[i]);
		close(pb[i]);
	}
}

static void call_again(struct loop_call *call)
{
	struct loop_case *c = container_of(call, struct loop_case, call);

	if (++c->calls < 3)
		loop_defer(c->loop, call);
}

static void a_call_that_defers_itself_does_not_starve_the_loop(void **state)
{
	struct loop_case c = { 0 };

	(void)state;
	assert_int_equal(loop_new(&c.loop), 0);
	loop_call_init(&c.call, call_again);
	loop_defer(c.loop, &c.call);
	loop_defer(c.loop, &c.call);
	assert_int_equal(loop_turn(c.loop, 0), 0);
	assert_in_range(c.calls, 1, 2);
	assert_int_equal(loop_turn(c.loop, 1000), 0);
	assert_int_equal(c.calls, 3);
	loop_free(c.loop);
}

static void hook_one(struct loop_hook *h)
{
	struct loop_case *c = container_of(h, struct loop_case, h1);

	loop_case_note(c, '1');
	loop_hook_del(&c->h2);
}

static void hook_two(struct loop_hook *h)
{
	loop_case_note(container_of(h, struct loop_case, h2), '2');
}

static void a_hook_may_take_the_next_one_away(void **state)
{
	struct loop_case c = { 0 };

	(void)state;
	assert_int_equal(loop_new(&c.loop), 0);
	loop_hook_add(c.loop, &c.h1, hook_one);
	loop_hook_add(c.loop, &c.h2, hook_two);
	assert_int_equal(loop_turn(c.loop, 0), 0);
	assert_int_equal(loop_turn(c.loop, 0), 0);
	assert_string_equal(c.order, "11");
	loop_hook_del(&c.h1);
	loop_free(c.loop);
}

static void a_short_pause_counts_for_short_spans_only(void **state)
{
	struct agenda *a;
	struct loop *l;

	(void)state;
	assert_int_equal(loop_new(&l), 0);
	a = loop_agenda(l);
	agenda_wake(a, 10000, 10000 - LOOP_PAUSE_MS + 1);
	assert_int_equal(loop_awake_since(l, 0), loop_awake_since(l, 3600000));
	agenda_wake(a, 20000, 18000);
	agenda_wake(a, 30000, 29500);
	assert_int_equal(loop_awake_since(l, 1000), 30000);
	assert_int_equal(loop_awake_since(l, 2000), 30000);
	assert_int_equal(loop_awake_since(l, 4000), 20000);
	assert_int_equal(loop_awake_since(l, 8000), 20000);
	assert_true(loop_awake_since(l, 9000) != 20000);
	assert_int_equal(loop_pauses(l), 2500);
	loop_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_leading_zero_is_decimal),
		cmocka_unit_test(numbers_with_anything_else_are_refused),
		cmocka_unit_test(sizes_take_binary_units),
		cmocka_unit_test(a_bare_span_is_seconds),
		cmocka_unit_test(a_cursor_past_its_end_gives_zeros_and_says_so),
		cmocka_unit_test(the_first_error_wins),
		cmocka_unit_test(timers_fire_by_time_not_by_order_of_setting),
		cmocka_unit_test(a_removed_watch_is_not_called_in_the_same_turn),
		cmocka_unit_test(a_call_that_defers_itself_does_not_starve_the_loop),
		cmocka_unit_test(a_hook_may_take_the_next_one_away),
		cmocka_unit_test(a_short_pause_counts_for_short_spans_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
