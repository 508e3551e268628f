/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests on a session that is up: cut, merged, kept apart, flushed, cancelled. */
#include "sim_unit.h"

static void a_write_is_read_back(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_io *w = sim_write(s, 0, 1024, 2048);
	struct sim_io *r;

	answered(s);
	assert_int_equal(w->err, 0);
	r = sim_read(s, 0, 1024, 2048);
	answered(s);
	assert_int_equal(r->err, 0);
	assert_int_equal(sim_unit_id(s, r->got, 16), w->id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_CASE(a_write_is_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
