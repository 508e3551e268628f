/* SPDX-License-Identifier: BSD-2-Clause */
/* Where to dial next, after losses, failures and redirects. */
#include "unit.h"

#include <string.h>

#include "initiator/portals.h"

static struct portals two(void)
{
	struct portals p = { 0 };

	portals_add(&p, "a:3260");
	portals_add(&p, "b:3260");
	portals_add(&p, "a:3260");
	assert_int_equal(p.count, 2);
	return p;
}

static void portals_take_turns(void **state)
{
	struct portals p = two();

	(void)state;
	assert_string_equal(portals_pick(&p), "a:3260");
	portals_failed(&p);
	assert_string_equal(portals_pick(&p), "b:3260");
	portals_failed(&p);
	assert_string_equal(portals_pick(&p), "a:3260");
}

static void the_one_that_was_lost_comes_first(void **state)
{
	struct portals p = two();

	(void)state;
	portals_pick(&p);
	portals_up(&p);
	portals_lost(&p);
	assert_string_equal(portals_pick(&p), "a:3260");
	portals_failed(&p);
	assert_string_equal(portals_pick(&p), "b:3260");
}

static void a_temporary_redirect_is_for_one_outage(void **state)
{
	struct portals p = two();

	(void)state;
	portals_pick(&p);
	portals_redirect(&p, "t:3260", false);
	assert_string_equal(portals_pick(&p), "t:3260");
	assert_string_equal(portals_pick(&p), "t:3260");
	portals_up(&p);
	portals_lost(&p);
	assert_string_equal(portals_pick(&p), "b:3260");
}

static void a_temporary_redirect_to_nowhere_leads_back(void **state)
{
	struct portals p = two();

	(void)state;
	portals_pick(&p);
	portals_redirect(&p, "t:3260", false);
	portals_pick(&p);
	portals_failed(&p);
	assert_string_equal(portals_pick(&p), "b:3260");
}

static void a_permanent_redirect_comes_first_for_good(void **state)
{
	struct portals p = two();

	(void)state;
	portals_pick(&p);
	portals_redirect(&p, "p:3260", true);
	assert_string_equal(portals_pick(&p), "p:3260");
	portals_up(&p);
	portals_lost(&p);
	assert_string_equal(portals_pick(&p), "p:3260");
	portals_redirect(&p, "q:3260", true);
	assert_string_equal(portals_pick(&p), "q:3260");
}

static void a_permanent_redirect_to_a_dead_place_gives_the_others_their_turn(void **state)
{
	struct portals p = two();

	(void)state;
	portals_pick(&p);
	portals_redirect(&p, "p:3260", true);
	portals_pick(&p);
	portals_failed(&p);
	assert_string_equal(portals_pick(&p), "b:3260");
	portals_failed(&p);
	assert_string_equal(portals_pick(&p), "p:3260");	/* a:3260 had its turn before */
	portals_failed(&p);
	assert_string_equal(portals_pick(&p), "a:3260");
	portals_up(&p);
	portals_lost(&p);
	assert_string_equal(portals_pick(&p), "p:3260");
}

static void from_a_permanent_place_one_can_be_sent_on_for_a_while(void **state)
{
	struct portals p = two();

	(void)state;
	portals_pick(&p);
	portals_redirect(&p, "p:3260", true);
	portals_pick(&p);
	portals_redirect(&p, "t:3260", false);
	assert_string_equal(portals_pick(&p), "t:3260");
	portals_failed(&p);
	assert_string_equal(portals_pick(&p), "p:3260");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(portals_take_turns),
		cmocka_unit_test(the_one_that_was_lost_comes_first),
		cmocka_unit_test(a_temporary_redirect_is_for_one_outage),
		cmocka_unit_test(a_temporary_redirect_to_nowhere_leads_back),
		cmocka_unit_test(a_permanent_redirect_comes_first_for_good),
		cmocka_unit_test(a_permanent_redirect_to_a_dead_place_gives_the_others_their_turn),
		cmocka_unit_test(from_a_permanent_place_one_can_be_sent_on_for_a_while),
	};

	return cmocka_run_group_tests_name("portals", tests, NULL, NULL);
}
