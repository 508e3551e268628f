/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <string.h>

#include "initiator/resolve.h"

struct waiter {
	struct loop *loop;
	struct resolve *r;
	struct resolve_result result;
	unsigned done;
};

static void waiter_done(void *arg, const struct resolve_result *result)
{
	struct waiter *w = arg;

	w->result = *result;
	w->done++;
	resolve_cancel(w->r);	/* legal, and nothing to cancel any more */
	w->r = NULL;
}

static void ask(struct waiter *w, const char *portal)
{
	memset(w, 0, sizeof(*w));
	assert_int_equal(loop_new(&w->loop), 0);
	assert_int_equal(resolve_start(&w->r, w->loop, portal, waiter_done, w), 0);
	assert_int_equal(w->done, 0);
	for (int i = 0; i < 100 && !w->done; i++)
		loop_turn(w->loop, 100);
	assert_int_equal(w->done, 1);
	loop_free(w->loop);
}

static void a_number_needs_no_look_up(void **state)
{
	static const struct {
		const char *text, *portal;
	} numeric[] = {
		{ "192.0.2.7", "192.0.2.7:3260" },
		{ "192.0.2.7:860", "192.0.2.7:860" },
		{ "192.0.2.7:860,3", "192.0.2.7:860" },
		{ "[2001:DB8:0::1]", "[2001:db8::1]:3260" },
		{ "[::1]:1", "[::1]:1" },
	};
	struct waiter w;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numeric); i++) {
		ask(&w, numeric[i].text);
		assert_int_equal(w.result.count, 1);
		assert_string_equal(w.result.portals[0], numeric[i].portal);
	}
}

static void a_name_is_looked_up(void **state)
{
	struct waiter w;

	(void)state;
	ask(&w, "localhost:77");
	assert_in_range(w.result.count, 1, RESOLVE_MAX);
	for (unsigned i = 0; i < w.result.count; i++)
		assert_true(!strcmp(w.result.portals[i], "127.0.0.1:77") ||
			    !strcmp(w.result.portals[i], "[::1]:77"));
}

static void a_malformed_portal_has_a_reason(void **state)
{
	struct waiter w;

	(void)state;
	ask(&w, "host:port");
	assert_int_equal(w.result.count, 0);
	assert_int_equal(w.result.err.code, ERR_INVALID);
}

static void a_forgotten_look_up_says_nothing(void **state)
{
	struct waiter w = { 0 };

	(void)state;
	assert_int_equal(loop_new(&w.loop), 0);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(resolve_start(&w.r, w.loop, i % 2 ? "localhost" : "127.0.0.1",
					       waiter_done, &w), 0);
		resolve_cancel(w.r);
	}
	resolve_cancel(NULL);
	for (int i = 0; i < 3; i++)
		loop_turn(w.loop, 10);
	assert_int_equal(w.done, 0);
	loop_free(w.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_needs_no_look_up),
		cmocka_unit_test(a_name_is_looked_up),
		cmocka_unit_test(a_malformed_portal_has_a_reason),
		cmocka_unit_test(a_forgotten_look_up_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
