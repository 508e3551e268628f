/* SPDX-License-Identifier: BSD-2-Clause */
/* The checker of histories: what it allows, and above all what it does not. */
#include "unit.h"

#include <string.h>

#include "history_model.h"
#include "history_unit.h"

enum { U = 3 }; /* the unit that is looked at */

static struct history_model m;
static struct history_op ops[8];

static int setup(void **state)
{
	(void)state;
	memset(ops, 0, sizeof(ops));
	return history_model_init(&m, 8);
}

static int teardown(void **state)
{
	(void)state;
	history_model_fini(&m);
	return 0;
}

/* Write @id of unit U begins; ops[@id] is its. */
static void begin(uint64_t id)
{
	ops[id].id = id;
	ops[id].first = U;
	ops[id].count = 1;
	history_begin_write(&m, &ops[id]);
}

static void ended(uint64_t id, bool good)
{
	history_wrote(&m, &ops[id], good);
	history_end(&ops[id]);
}

static void wrote(uint64_t id)
{
	begin(id);
	ended(id, true);
}

static bool flush(void)
{
	struct history_op op = { 0 };
	bool counts;

	history_begin(&m, &op);
	counts = history_flushed(&m, &op);
	history_end(&op);
	return counts;
}

/* May a read that begins now find @id? */
static bool allows(uint64_t id)
{
	struct history_op op = { 0 };
	bool may;

	history_begin(&m, &op);
	may = history_allows(&m, &op, U, id);
	history_end(&op);
	return may;
}

/* A read finds @id. */
static bool reads(uint64_t id)
{
	struct history_op op = { 0 };
	bool may;

	history_begin(&m, &op);
	may = history_allows(&m, &op, U, id) && history_saw(&m, &op, U, id);
	history_end(&op);
	return may;
}

static void an_acknowledged_write_is_there(void **state)
{
	(void)state;
	assert_true(allows(0));
	wrote(1);
	assert_true(allows(1));
	assert_false(allows(0));
	wrote(2);
	assert_true(allows(2));
	assert_false(allows(1));
	assert_false(allows(7));
}

static void a_write_under_way_may_be_there(void **state)
{
	(void)state;
	wrote(1);
	begin(2);
	assert_true(allows(1));
	assert_true(allows(2));
	ended(2, true);
	assert_false(allows(1));
}

static void of_two_at_once_either_may_be_last(void **state)
{
	(void)state;
	begin(1);
	begin(2);
	ended(1, true);
	ended(2, true);
	assert_true(allows(1));
	assert_true(allows(2));
	assert_false(allows(0));
}

static void a_read_settles_which(void **state)
{
	(void)state;
	begin(1);
	begin(2);
	ended(1, true);
	ended(2, true);
	assert_true(reads(1));
	assert_false(allows(2));
}

static void a_read_amid_writes_settles_nothing(void **state)
{
	(void)state;
	wrote(1);
	begin(2);
	assert_true(reads(2));
	assert_true(reads(1));
	ended(2, true);
	assert_false(reads(1));
}

static void two_quiet_reads_at_once_agree(void **state)
{
	struct history_op one = { 0 }, two = { 0 };

	(void)state;
	begin(1);
	begin(2);
	ended(1, true);
	ended(2, true);
	history_begin(&m, &one);
	history_begin(&m, &two);
	assert_true(history_saw(&m, &one, U, 1));
	history_end(&one);
	assert_true(history_allows(&m, &two, U, 2));
	assert_false(history_saw(&m, &two, U, 2));
	history_end(&two);
}

static void who_began_to_look_before_may_find_the_old(void **state)
{
	struct history_op op = { 0 };

	(void)state;
	history_begin(&m, &op);
	wrote(1);
	assert_true(history_allows(&m, &op, U, 0));
	assert_true(history_allows(&m, &op, U, 1));
	history_end(&op);
	assert_false(allows(0));
}

static void a_failed_write_may_happen_until_the_next(void **state)
{
	(void)state;
	wrote(1);
	begin(2);
	ended(2, false);
	assert_true(reads(1));
	assert_true(reads(2));
	assert_true(reads(1) || allows(2));
	wrote(3);
	assert_false(allows(2));
	assert_false(allows(1));
}

static void what_is_not_flushed_may_be_lost(void **state)
{
	(void)state;
	wrote(1);
	assert_true(flush());
	wrote(2);
	wrote(3);
	history_losing(&m);
	history_lost(&m);
	assert_true(allows(1));
	assert_true(allows(2));
	assert_true(allows(3));
	assert_false(allows(0));
}

static void what_is_flushed_is_not_lost(void **state)
{
	(void)state;
	wrote(1);
	wrote(2);
	assert_true(flush());
	history_losing(&m);
	history_lost(&m);
	assert_true(allows(2));
	assert_false(allows(1));
}

static void a_write_during_a_flush_is_not_flushed(void **state)
{
	struct history_op op = { 0 };

	(void)state;
	wrote(1);
	history_begin(&m, &op);
	wrote(2);
	assert_true(history_flushed(&m, &op));
	history_end(&op);
	history_losing(&m);
	history_lost(&m);
	assert_true(allows(1));
	assert_true(allows(2));
	assert_false(allows(0));
}

static void a_durable_write_is_not_lost(void **state)
{
	(void)state;
	wrote(1);
	ops[2].durable = true;
	wrote(2);
	history_losing(&m);
	history_lost(&m);
	assert_true(allows(2));
	assert_false(allows(1));
	assert_false(allows(0));
}

static void answers_amid_a_loss_prove_nothing(void **state)
{
	struct history_op op = { 0 };

	(void)state;
	wrote(1);
	assert_true(flush());
	begin(2);
	history_losing(&m);
	wrote(3);
	assert_false(flush());
	assert_true(reads(3));
	history_begin(&m, &op);
	history_lost(&m);
	ended(2, true);
	assert_false(history_flushed(&m, &op));
	history_end(&op);
	assert_true(allows(1));
	assert_true(allows(2));
	assert_true(allows(3));
	assert_false(allows(0));
	assert_true(reads(1));
	assert_false(allows(3));
}

static void a_loss_that_is_over_is_over(void **state)
{
	(void)state;
	wrote(1);
	history_losing(&m);
	history_lost(&m);
	wrote(2);
	assert_false(allows(1));
	assert_true(flush());
	history_losing(&m);
	history_lost(&m);
	assert_false(allows(1));
	assert_false(allows(0));
}

static void many_writes_are_forgotten_but_those_that_may_return(void **state)
{
	(void)state;
	wrote(1);
	assert_true(flush());
	for (int i = 0; i < 1000; i++) {
		wrote(2);
		wrote(3);
		assert_true(flush());
	}
	assert_true(m.units[U].room < 64);
	assert_false(allows(2));
	assert_true(allows(3));
}

static void bytes_say_which_write_they_are_from(void **state)
{
	uint8_t a[512] = { 0 }, b[512];
	char why[160];
	uint64_t id;

	(void)state;
	assert_true(history_unit_parse(a, sizeof(a), 1, 5, &id, why, sizeof(why)));
	assert_int_equal(id, 0);
	history_unit_fill(a, sizeof(a), 1, 5, 77);
	history_unit_fill(b, sizeof(b), 1, 5, 78);
	assert_true(history_unit_parse(a, sizeof(a), 1, 5, &id, why, sizeof(why)));
	assert_int_equal(id, 77);
	assert_false(history_unit_parse(a, sizeof(a), 2, 5, &id, why, sizeof(why)));
	assert_non_null(strstr(why, "another history"));
	assert_false(history_unit_parse(a, sizeof(a), 1, 6, &id, why, sizeof(why)));
	assert_non_null(strstr(why, "wrong place"));
	memcpy(a + 256, b + 256, 256);
	assert_false(history_unit_parse(a, sizeof(a), 1, 5, &id, why, sizeof(why)));
	assert_non_null(strstr(why, "torn: write 77 up to its byte 256"));
	memset(a, 0, 256);
	assert_false(history_unit_parse(a, sizeof(a), 1, 5, &id, why, sizeof(why)));
	assert_non_null(strstr(why, "foreign"));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(an_acknowledged_write_is_there),
		CASE(a_write_under_way_may_be_there),
		CASE(of_two_at_once_either_may_be_last),
		CASE(a_read_settles_which),
		CASE(a_read_amid_writes_settles_nothing),
		CASE(two_quiet_reads_at_once_agree),
		CASE(who_began_to_look_before_may_find_the_old),
		CASE(a_failed_write_may_happen_until_the_next),
		CASE(what_is_not_flushed_may_be_lost),
		CASE(what_is_flushed_is_not_lost),
		CASE(a_write_during_a_flush_is_not_flushed),
		CASE(a_durable_write_is_not_lost),
		CASE(answers_amid_a_loss_prove_nothing),
		CASE(a_loss_that_is_over_is_over),
		CASE(many_writes_are_forgotten_but_those_that_may_return),
		CASE(bytes_say_which_write_they_are_from),
	};
#undef CASE
	return cmocka_run_group_tests(tests, NULL, NULL);
}
