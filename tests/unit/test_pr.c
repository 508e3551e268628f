/* SPDX-License-Identifier: BSD-2-Clause */
/* Persistent reservations as pure state: the table of who may, who is told what, and a model. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/pr.h"

enum { PORTS = 6 };

static char names[PORTS][32];
static uint8_t isids[PORTS][6];
static struct pr_port ports[PORTS];

/* What each port was told since the last look: a bit for each event. */
static unsigned told[PORTS];

static void note(struct pr_watch *w, const struct pr_port *port, enum pr_event what)
{
	(void)w;
	for (unsigned i = 0; i < PORTS; i++) {
		if (!strcmp(names[i], port->name) && !memcmp(isids[i], port->isid, 6))
			told[i] |= 1u << what;
	}
}

static struct pr_watch watch = { note };

static int set_up(void **state)
{
	struct pr *pr = calloc(1, sizeof(*pr));

	for (unsigned i = 0; i < PORTS; i++) {
		/* two ports of each initiator */
		snprintf(names[i], sizeof(names[i]), "iqn.2026-11.example:%u", i / 2);
		isids[i][5] = (uint8_t)(i % 2);
		ports[i] = (struct pr_port){ names[i], isids[i] };
	}
	memset(told, 0, sizeof(told));
	*state = pr;
	return 0;
}

static int tear_down(void **state)
{
	pr_fini(*state);
	free(*state);
	return 0;
}

static enum pr_result join(struct pr *pr, unsigned who, uint64_t key, uint64_t new_key)
{
	struct pr_register how = { .key = key, .new_key = new_key };

	return pr_register(pr, &ports[who], &how, &watch);
}

static void expect_told(unsigned who, unsigned what)
{
	assert_int_equal(told[who], what);
	told[who] = 0;
}

static const enum pr_type types[] = {
	PR_WRITE_EXCLUSIVE, PR_EXCLUSIVE_ACCESS, PR_WRITE_EXCLUSIVE_RO,
	PR_EXCLUSIVE_ACCESS_RO, PR_WRITE_EXCLUSIVE_AR, PR_EXCLUSIVE_ACCESS_AR,
};

/* Each type, for the one who reserved, one who is registered, one who is not: n, r, a may pass. */
static void every_type_lets_in_whom_the_table_says(void **state)
{
	static const struct {
		enum pr_type type;
		const char *may[3];
	} table[] = {
		{ PR_NONE,		  { "nra", "nra", "nra" } },
		{ PR_WRITE_EXCLUSIVE,	  { "nra", "nr",  "nr" } },
		{ PR_EXCLUSIVE_ACCESS,	  { "nra", "n",   "n" } },
		{ PR_WRITE_EXCLUSIVE_RO,  { "nra", "nra", "nr" } },
		{ PR_EXCLUSIVE_ACCESS_RO, { "nra", "nra", "n" } },
		{ PR_WRITE_EXCLUSIVE_AR,  { "nra", "nra", "nr" } },
		{ PR_EXCLUSIVE_ACCESS_AR, { "nra", "nra", "n" } },
	};
	struct pr *pr = *state;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		pr_forget(pr);
		join(pr, 0, 0, 7);
		join(pr, 1, 0, 8);
		if (table[i].type)
			assert_int_equal(pr_reserve(pr, &ports[0], 7, table[i].type), PR_OK);
		for (unsigned who = 0; who < 3; who++) {
			const char *may = table[i].may[who];

			assert_int_equal(pr_allows(pr, &ports[who], PR_NEED_NOTHING), !!strchr(may, 'n'));
			assert_int_equal(pr_allows(pr, &ports[who], PR_NEED_READ), !!strchr(may, 'r'));
			assert_int_equal(pr_allows(pr, &ports[who], PR_NEED_ALL), !!strchr(may, 'a'));
		}
	}
}

/* spc4r17 tables 49 and 50. */
static void register_needs_the_key_that_is_there(void **state)
{
	struct pr_register ignore = { .key = 99, .new_key = 3, .ignore_key = true };
	struct pr *pr = *state;

	assert_int_equal(join(pr, 0, 5, 1), PR_CONFLICT);
	assert_int_equal(join(pr, 0, 0, 0), PR_OK);
	assert_int_equal(pr->count, 0);
	assert_int_equal(join(pr, 0, 0, 1), PR_OK);
	assert_int_equal(join(pr, 0, 0, 2), PR_CONFLICT);
	assert_int_equal(join(pr, 0, 1, 2), PR_OK);
	assert_int_equal(pr_find(pr, &ports[0])->key, 2);
	assert_int_equal(pr_register(pr, &ports[0], &ignore, &watch), PR_OK);
	assert_int_equal(pr_find(pr, &ports[0])->key, 3);
	ignore.new_key = 0;
	assert_int_equal(pr_register(pr, &ports[0], &ignore, &watch), PR_OK);
	assert_null(pr_find(pr, &ports[0]));
	assert_int_equal(pr->generation, 5);
}

static void registering_others_is_all_or_nothing(void **state)
{
	struct pr_port more[PR_REGISTRATIONS_MAX];
	struct pr_register how = { .new_key = 4, .more = more, .more_count = 3 };
	struct pr *pr = *state;

	join(pr, 1, 0, 9);
	for (unsigned i = 0; i < PR_REGISTRATIONS_MAX; i++)
		more[i] = ports[1 + i % 3];
	assert_int_equal(pr_register(pr, &ports[0], &how, &watch), PR_OK);
	assert_int_equal(pr->count, 4);
	assert_int_equal(pr_find(pr, &ports[1])->key, 9);	/* kept */
	assert_int_equal(pr_find(pr, &ports[3])->key, 4);
	how.key = 4;
	assert_int_equal(pr_register(pr, &ports[0], &how, &watch), PR_REGISTERED);
}

static void registrations_are_limited(void **state)
{
	static uint8_t isid[PR_REGISTRATIONS_MAX][6];
	struct pr_port more[2] = { ports[0], ports[1] };
	struct pr_register how = { .new_key = 1 };
	struct pr *pr = *state;

	for (unsigned i = 0; i < PR_REGISTRATIONS_MAX - 2; i++) {
		struct pr_port p = { "iqn.2026-11.example:many", isid[i] };

		isid[i][0] = (uint8_t)i;
		assert_int_equal(pr_register(pr, &p, &how, &watch), PR_OK);
	}
	how.more = more;
	how.more_count = 2;
	assert_int_equal(pr_register(pr, &ports[2], &how, &watch), PR_NO_ROOM);
	assert_int_equal(pr->count, PR_REGISTRATIONS_MAX - 2);
	how.more_count = 1;
	assert_int_equal(pr_register(pr, &ports[2], &how, &watch), PR_OK);
	assert_int_equal(join(pr, 3, 0, 1), PR_NO_ROOM);
	assert_int_equal(join(pr, 2, 1, 0), PR_OK);
	assert_int_equal(join(pr, 3, 0, 1), PR_OK);
}

static void one_reservation_at_a_time(void **state)
{
	struct pr *pr = *state;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		bool all = types[i] >= PR_WRITE_EXCLUSIVE_AR;

		pr_forget(pr);
		assert_int_equal(pr_reserve(pr, &ports[0], 0, types[i]), PR_CONFLICT);
		join(pr, 0, 0, 1);
		join(pr, 1, 0, 2);
		assert_int_equal(pr_reserve(pr, &ports[0], 2, types[i]), PR_CONFLICT);
		assert_int_equal(pr_reserve(pr, &ports[0], 1, 2), PR_BAD_TYPE);
		assert_int_equal(pr_reserve(pr, &ports[0], 1, 0x10 | types[i]), PR_BAD_TYPE);
		assert_int_equal(pr_reserve(pr, &ports[0], 1, types[i]), PR_OK);
		assert_int_equal(pr_reserve(pr, &ports[0], 1, types[i]), PR_OK);
		assert_int_equal(pr_reserve(pr, &ports[0], 1, types[(i + 1) % 6]), PR_CONFLICT);
		assert_int_equal(pr_reserve(pr, &ports[1], 2, types[i]), all ? PR_OK : PR_CONFLICT);
		assert_int_equal(pr->type, types[i]);
	}
}

static void release_is_the_holders(void **state)
{
	struct pr *pr = *state;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		bool all = types[i] >= PR_WRITE_EXCLUSIVE_AR;
		unsigned news = types[i] >= PR_WRITE_EXCLUSIVE_RO ? 1 << PR_RESERVATION_RELEASED : 0;

		pr_forget(pr);
		join(pr, 0, 0, 1);
		join(pr, 1, 0, 2);
		pr_reserve(pr, &ports[0], 1, types[i]);
		assert_int_equal(pr_release(pr, &ports[2], 0, types[i], &watch), PR_CONFLICT);
		assert_int_equal(pr_release(pr, &ports[0], 2, types[i], &watch), PR_CONFLICT);
		assert_int_equal(pr_release(pr, &ports[0], 1, types[(i + 1) % 6], &watch), PR_BAD_RELEASE);
		if (!all)
			assert_int_equal(pr_release(pr, &ports[1], 2, types[i], &watch), PR_OK);
		assert_int_equal(pr->type, types[i]);
		assert_int_equal(pr_release(pr, &ports[0], 1, types[i], &watch), PR_OK);
		assert_int_equal(pr->type, PR_NONE);
		expect_told(0, 0);
		expect_told(1, news);
		assert_int_equal(pr->generation, 2);	/* RESERVE and RELEASE do not count */
	}
}

static void unregistering_the_holder_releases(void **state)
{
	struct pr *pr = *state;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		bool all = types[i] >= PR_WRITE_EXCLUSIVE_AR;
		bool only = types[i] >= PR_WRITE_EXCLUSIVE_RO && !all;

		pr_forget(pr);
		join(pr, 0, 0, 1);
		join(pr, 1, 0, 2);
		pr_reserve(pr, &ports[0], 1, types[i]);
		assert_int_equal(join(pr, 0, 1, 0), PR_OK);
		assert_int_equal(pr->type, all ? types[i] : PR_NONE);
		expect_told(0, 0);
		expect_told(1, only ? 1 << PR_RESERVATION_RELEASED : 0);
		assert_int_equal(join(pr, 1, 2, 0), PR_OK);
		assert_int_equal(pr->type, PR_NONE);
		assert_int_equal(pr->count, 0);
	}
}

static void clear_tells_everybody_else(void **state)
{
	struct pr *pr = *state;

	join(pr, 0, 0, 1);
	join(pr, 1, 0, 2);
	pr_reserve(pr, &ports[0], 1, PR_WRITE_EXCLUSIVE);
	assert_int_equal(pr_clear(pr, &ports[2], 0, &watch), PR_CONFLICT);
	assert_int_equal(pr_clear(pr, &ports[1], 1, &watch), PR_CONFLICT);
	assert_int_equal(pr_clear(pr, &ports[1], 2, &watch), PR_OK);
	assert_int_equal(pr->count, 0);
	assert_int_equal(pr->type, PR_NONE);
	expect_told(0, 1 << PR_RESERVATION_PREEMPTED);
	expect_told(1, 0);
	expect_told(2, 0);
}

/* spc4r17 table 52. */
static void preempt_takes_registrations_or_all(void **state)
{
	struct pr *pr = *state;

	for (unsigned i = 0; i < 5; i++)
		join(pr, i, 0, i == 4 ? 30 : 10 * (i + 1));	/* 10 20 30 40 30 */
	pr_reserve(pr, &ports[0], 10, PR_WRITE_EXCLUSIVE_RO);
	assert_int_equal(pr_preempt(pr, &ports[5], 0, 30, PR_EXCLUSIVE_ACCESS, &watch), PR_CONFLICT);
	assert_int_equal(pr_preempt(pr, &ports[1], 20, 99, PR_EXCLUSIVE_ACCESS, &watch), PR_CONFLICT);
	assert_int_equal(pr_preempt(pr, &ports[1], 20, 0, PR_EXCLUSIVE_ACCESS, &watch), PR_BAD_KEY);
	/* not the holder's key: registrations only, and the type is not looked at */
	assert_int_equal(pr_preempt(pr, &ports[1], 20, 30, 0x77, &watch), PR_OK);
	expect_told(2, 1 << PR_REGISTRATION_PREEMPTED);
	expect_told(4, 1 << PR_REGISTRATION_PREEMPTED);
	expect_told(3, 0);
	assert_int_equal(pr->count, 3);
	assert_int_equal(pr->type, PR_WRITE_EXCLUSIVE_RO);
	/* the holder's: the reservation is another's and of another type, which all others learn */
	assert_int_equal(pr_preempt(pr, &ports[1], 20, 10, 2, &watch), PR_BAD_TYPE);
	assert_int_equal(pr_preempt(pr, &ports[1], 20, 10, PR_EXCLUSIVE_ACCESS, &watch), PR_OK);
	assert_ptr_equal(pr_holder(pr), pr_find(pr, &ports[1]));
	assert_int_equal(pr->type, PR_EXCLUSIVE_ACCESS);
	expect_told(0, 1 << PR_REGISTRATION_PREEMPTED);
	expect_told(1, 0);
	expect_told(3, 1 << PR_RESERVATION_RELEASED);
	/* oneself: the type changes, the registration stays */
	assert_int_equal(pr_preempt(pr, &ports[1], 20, 20, PR_WRITE_EXCLUSIVE, &watch), PR_OK);
	assert_int_equal(pr->type, PR_WRITE_EXCLUSIVE);
	assert_int_equal(pr->count, 2);
	expect_told(3, 1 << PR_RESERVATION_RELEASED);
	/* one's own registration, where another holds */
	assert_int_equal(pr_preempt(pr, &ports[3], 40, 40, PR_WRITE_EXCLUSIVE, &watch), PR_OK);
	assert_null(pr_find(pr, &ports[3]));
	expect_told(3, 0);
	assert_int_equal(pr->generation, 5 + 4);
}

static void preempting_all_registrants(void **state)
{
	struct pr *pr = *state;

	for (unsigned i = 0; i < 4; i++)
		join(pr, i, 0, i + 1);
	pr_reserve(pr, &ports[0], 1, PR_EXCLUSIVE_ACCESS_AR);
	assert_null(pr_holder(pr));
	assert_int_equal(pr_preempt(pr, &ports[1], 2, 1, PR_WRITE_EXCLUSIVE, &watch), PR_OK);
	expect_told(0, 1 << PR_REGISTRATION_PREEMPTED);
	assert_int_equal(pr->type, PR_EXCLUSIVE_ACCESS_AR);
	assert_int_equal(pr_preempt(pr, &ports[1], 2, 0, PR_WRITE_EXCLUSIVE, &watch), PR_OK);
	expect_told(2, 1 << PR_REGISTRATION_PREEMPTED);
	expect_told(3, 1 << PR_REGISTRATION_PREEMPTED);
	assert_int_equal(pr->count, 1);
	assert_int_equal(pr->type, PR_WRITE_EXCLUSIVE);
	assert_ptr_equal(pr_holder(pr), pr_find(pr, &ports[1]));
}

static void a_move_takes_the_reservation_along(void **state)
{
	struct pr *pr = *state;

	assert_int_equal(pr_move(pr, &ports[0], 0, 5, &ports[1], false), PR_CONFLICT);
	join(pr, 0, 0, 1);
	join(pr, 2, 0, 3);
	assert_int_equal(pr_move(pr, &ports[0], 1, 5, &ports[1], false), PR_NOT_RESERVED);
	pr_reserve(pr, &ports[0], 1, PR_WRITE_EXCLUSIVE);
	assert_int_equal(pr_move(pr, &ports[2], 3, 5, &ports[1], false), PR_CONFLICT);
	assert_int_equal(pr_move(pr, &ports[0], 1, 0, &ports[1], false), PR_BAD_KEY);
	assert_int_equal(pr_move(pr, &ports[0], 1, 5, &ports[0], false), PR_BAD_PORT);
	assert_int_equal(pr_move(pr, &ports[0], 1, 5, &ports[1], false), PR_OK);
	assert_ptr_equal(pr_holder(pr), pr_find(pr, &ports[1]));
	assert_int_equal(pr_holder(pr)->key, 5);
	assert_non_null(pr_find(pr, &ports[0]));
	assert_int_equal(pr_move(pr, &ports[1], 5, 6, &ports[2], true), PR_OK);
	assert_null(pr_find(pr, &ports[1]));
	assert_ptr_equal(pr_holder(pr), pr_find(pr, &ports[2]));
	assert_int_equal(pr_holder(pr)->key, 6);
	assert_int_equal(pr->type, PR_WRITE_EXCLUSIVE);
	pr_release(pr, &ports[2], 6, PR_WRITE_EXCLUSIVE, &watch);
	pr_reserve(pr, &ports[2], 6, PR_WRITE_EXCLUSIVE_AR);
	assert_int_equal(pr_move(pr, &ports[2], 6, 7, &ports[1], false), PR_CONFLICT);
}

/* --- a model: a key for each port, and who holds what, written as the standard speaks --- */

struct model {
	uint64_t key[PORTS];		/* 0: not registered */
	int holder;			/* -1: nobody; of an all registrants type: any */
	unsigned type;
	uint32_t generation;
	unsigned told[PORTS];
};

static bool model_all(const struct model *m)
{
	return m->type == 7 || m->type == 8;
}

static bool model_holds(const struct model *m, unsigned who)
{
	return m->type && m->key[who] && (model_all(m) || m->holder == (int)who);
}

static void model_settle(struct model *m)
{
	bool any = false;

	for (unsigned i = 0; i < PORTS; i++)
		any |= m->key[i] != 0;
	if (!any || (m->type && !model_all(m) && !m->key[m->holder]))
		m->type = 0;
	if (!m->type)
		m->holder = -1;
}

static void model_tell(struct model *m, unsigned except, enum pr_event what)
{
	for (unsigned i = 0; i < PORTS; i++) {
		if (i != except && m->key[i])
			m->told[i] |= 1u << what;
	}
}

static enum pr_result model_register(struct model *m, unsigned who, uint64_t key, uint64_t new_key,
				     bool ignore)
{
	bool only = m->type == 5 || m->type == 6, held = model_holds(m, who);

	if (!ignore && m->key[who] != key)
		return PR_CONFLICT;
	m->key[who] = new_key;
	if (!new_key && held && only)
		model_tell(m, who, PR_RESERVATION_RELEASED);
	m->generation++;
	return PR_OK;
}

static enum pr_result model_preempt(struct model *m, unsigned who, uint64_t victims, unsigned type)
{
	bool takes = model_all(m) ? !victims : m->type && m->key[m->holder] == victims;
	unsigned old = m->type, n = 0;

	if (!victims && !takes)
		return PR_BAD_KEY;
	for (unsigned i = 0; i < PORTS; i++) {
		if (!m->key[i] || (victims && m->key[i] != victims) || (takes && i == who))
			continue;
		m->key[i] = 0;
		n++;
		if (i != who)
			m->told[i] |= 1u << PR_REGISTRATION_PREEMPTED;
	}
	if (!takes && !n)
		return PR_CONFLICT;
	if (takes) {
		m->holder = (int)who;
		m->type = type;
		if (old != type)
			model_tell(m, who, PR_RESERVATION_RELEASED);
	}
	m->generation++;
	return PR_OK;
}

static enum pr_result model_step(struct model *m, unsigned op, unsigned who, uint64_t key,
				 uint64_t other, unsigned type, unsigned to)
{
	if (op <= 1)
		return model_register(m, who, key, other, op == 1);
	if (!m->key[who] || m->key[who] != key)
		return PR_CONFLICT;
	switch (op) {
	case 2:
		if (m->type)
			return model_holds(m, who) && m->type == type ? PR_OK : PR_CONFLICT;
		m->type = type;
		m->holder = (int)who;
		return PR_OK;
	case 3:
		if (!model_holds(m, who))
			return PR_OK;
		if (m->type != type)
			return PR_BAD_RELEASE;
		m->type = 0;
		if (type >= 5)
			model_tell(m, who, PR_RESERVATION_RELEASED);
		return PR_OK;
	case 4:
		model_tell(m, who, PR_RESERVATION_PREEMPTED);
		memset(m->key, 0, sizeof(m->key));
		m->generation++;
		return PR_OK;
	case 5:
		return model_preempt(m, who, other, type);
	default:
		if (!m->type)
			return PR_NOT_RESERVED;
		if (model_all(m) || m->holder != (int)who)
			return PR_CONFLICT;
		if (!other)
			return PR_BAD_KEY;
		if (to == who)
			return PR_BAD_PORT;
		m->key[to] = other;
		m->holder = (int)to;
		if (op == 7)
			m->key[who] = 0;
		m->generation++;
		return PR_OK;
	}
}

static enum pr_result real_step(struct pr *pr, unsigned op, unsigned who, uint64_t key,
				uint64_t other, unsigned type, unsigned to)
{
	struct pr_register how = { .key = key, .new_key = other, .ignore_key = op == 1 };
	const struct pr_port *p = &ports[who];

	switch (op) {
	case 0:
	case 1:
		return pr_register(pr, p, &how, &watch);
	case 2:
		return pr_reserve(pr, p, key, (uint8_t)type);
	case 3:
		return pr_release(pr, p, key, (uint8_t)type, &watch);
	case 4:
		return pr_clear(pr, p, key, &watch);
	case 5:
		return pr_preempt(pr, p, key, other, (uint8_t)type, &watch);
	default:
		return pr_move(pr, p, key, other, &ports[to], op == 7);
	}
}

static void compare(const struct pr *pr, const struct model *m)
{
	for (unsigned i = 0; i < PORTS; i++) {
		const struct pr_registration *r = pr_find(pr, &ports[i]);

		assert_int_equal(r ? r->key : 0, m->key[i]);
		assert_int_equal(r && pr_is_holder(pr, r), model_holds(m, i));
		assert_int_equal(told[i], m->told[i]);
		assert_int_equal(pr_allows(pr, &ports[i], PR_NEED_ALL),
				 !m->type || model_holds(m, i) || (m->type >= 5 && m->key[i]));
	}
	assert_int_equal(pr->type, m->type);
	assert_int_equal(pr->generation, m->generation);
}

static void any_history_ends_as_in_the_model(void **state)
{
	struct model m = { .holder = -1 };
	struct pr *pr = *state;

	srand(26);
	for (unsigned n = 0; n < 200000; n++) {
		unsigned op = (unsigned)rand() % 8, who = (unsigned)rand() % PORTS;
		unsigned type = types[rand() % 6], to = (unsigned)rand() % PORTS;
		uint64_t key = rand() % 8 ? m.key[who] : (uint64_t)rand() % 4;
		uint64_t other = (uint64_t)rand() % 4;
		enum pr_result want;

		if (op == 4 && rand() % 8)	/* it empties everything: seldom */
			continue;
		memset(told, 0, sizeof(told));
		memset(m.told, 0, sizeof(m.told));
		want = model_step(&m, op, who, key, other, type, to);
		model_settle(&m);
		assert_int_equal(real_step(pr, op, who, key, other, type, to), want);
		compare(pr, &m);
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_type_lets_in_whom_the_table_says),
		CASE(register_needs_the_key_that_is_there),
		CASE(registering_others_is_all_or_nothing),
		CASE(registrations_are_limited),
		CASE(one_reservation_at_a_time),
		CASE(release_is_the_holders),
		CASE(unregistering_the_holder_releases),
		CASE(clear_tells_everybody_else),
		CASE(preempt_takes_registrations_or_all),
		CASE(preempting_all_registrants),
		CASE(a_move_takes_the_reservation_along),
		CASE(any_history_ends_as_in_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
