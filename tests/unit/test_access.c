/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "target/access.h"
#include "target/target.h"

#define HOST "iqn.2026-11.com.example:host"

static int begin(void **state)
{
	static struct access a;

	access_init(&a);
	*state = &a;
	return 0;
}

static int end(void **state)
{
	access_fini(*state);
	return 0;
}

static struct sockaddr_storage peer(const char *text)
{
	struct sockaddr_storage sa = { .ss_family = strchr(text, ':') ? AF_INET6 : AF_INET };
	void *at = sa.ss_family == AF_INET ?
		   (void *)&((struct sockaddr_in *)(void *)&sa)->sin_addr :
		   (void *)&((struct sockaddr_in6 *)(void *)&sa)->sin6_addr;

	assert_int_equal(inet_pton(sa.ss_family, text, at), 1);
	return sa;
}

static bool allows(const struct access *a, const char *name, const char *from)
{
	struct sockaddr_storage sa = peer(from);

	return access_allows(a, name, &sa);
}

static void add(struct access *a, enum access_class class, const char *text)
{
	struct err e = ERR_INIT;

	if (access_add(a, class, text, &e))
		fail_msg("%s: %s", text, e.text);
}

static void nothing_said_lets_everybody_in(void **state)
{
	struct access *a = *state;

	assert_true(allows(a, HOST, "192.0.2.7"));
	assert_true(allows(a, HOST, "fd00::1"));
	assert_true(access_is_open(a));
}

static void a_name_alone_restricts(void **state)
{
	struct access *a = *state;

	add(a, ACCESS_NAME, HOST);
	assert_true(allows(a, HOST, "192.0.2.7"));
	assert_false(allows(a, HOST "2", "192.0.2.7"));
	assert_false(allows(a, "iqn.2026-11.com.example:hos", "192.0.2.7"));
	assert_false(access_is_open(a));
}

static void an_address_alone_restricts(void **state)
{
	struct access *a = *state;

	add(a, ACCESS_ADDRESS, "192.0.2.7");
	assert_true(allows(a, HOST, "192.0.2.7"));
	assert_false(allows(a, HOST, "192.0.2.8"));
	assert_false(allows(a, HOST, "c000:207::"));	/* the same bytes, another family */
	assert_false(access_is_open(a));
}

static void both_classes_must_match(void **state)
{
	struct access *a = *state;

	add(a, ACCESS_NAME, HOST);
	add(a, ACCESS_ADDRESS, "192.0.2.0/24");
	assert_true(allows(a, HOST, "192.0.2.255"));
	assert_false(allows(a, HOST, "192.0.3.1"));
	assert_false(allows(a, HOST "2", "192.0.2.1"));
	add(a, ACCESS_ADDRESS, "ALL");
	assert_false(allows(a, HOST "2", "192.0.2.1"));	/* tgt lets this one pass */
	assert_true(allows(a, HOST, "192.0.3.1"));
}

static void a_network_is_as_wide_as_its_bits(void **state)
{
	static const struct {
		const char *network, *in, *out;
	} rows[] = {
		{ "10.0.0.0/8", "10.255.0.1", "11.0.0.1" },
		{ "10.1.2.3/8", "10.255.0.1", "11.0.0.1" },
		{ "10.1.2.128/25", "10.1.2.200", "10.1.2.127" },
		{ "10.1.2.3/32", "10.1.2.3", "10.1.2.2" },
		{ "10.1.2.2/31", "10.1.2.3", "10.1.2.4" },
		{ "fd00::/8", "fdff::1", "fe00::1" },
		{ "2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1" },
		{ "[2001:db8::7]", "2001:db8::7", "2001:db8::8" },
		{ "[2001:db8::]/64", "2001:db8::8", "2001:db8:0:1::8" },
		{ "192.0.2.7", "::ffff:192.0.2.7", "::192.0.2.7" },
		{ "0.0.0.0/0", "1.2.3.4", "::1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct access a;

		access_init(&a);
		add(&a, ACCESS_ADDRESS, rows[i].network);
		if (!allows(&a, HOST, rows[i].in) || allows(&a, HOST, rows[i].out))
			fail_msg("%s", rows[i].network);
		access_fini(&a);
	}
}

static void an_address_for_all_is_open(void **state)
{
	struct access *a = *state;
	struct err e = ERR_INIT;

	add(a, ACCESS_ADDRESS, "10.0.0.0/8");
	assert_false(access_is_open(a));
	add(a, ACCESS_ADDRESS, "ALL");
	assert_true(access_is_open(a));
	assert_int_equal(access_remove(a, ACCESS_ADDRESS, "ALL", &e), 0);
	add(a, ACCESS_ADDRESS, "0.0.0.0/0");
	assert_true(access_is_open(a));
	assert_int_equal(access_add_account(a, ACCESS_INCOMING, "u", "s", &e), 0);
	assert_false(access_is_open(a));
}

static void nonsense_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "all", "192.0.2", "192.0.2.300", "192.0.2.7/33", "192.0.2.7/", "192.0.2.7/-1",
		"192.0.2.7/8x", "192.0.2.7/255.0.0.0", "[::1", "::1]", "[]", "[", "fe80::1%eth0",
		"localhost", "::/129", "/8", "192.0.2.7 ",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee:ffff:0000",
	};
	struct access *a = *state;
	char name[300];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err e = ERR_INIT;

		if (access_add(a, ACCESS_ADDRESS, bad[i], &e) != -ERR_INVALID)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_true(*e.text);
	}
	assert_int_equal(access_add(a, ACCESS_NAME, "host", NULL), -ERR_INVALID);
	assert_int_equal(access_add(a, ACCESS_NAME, "iqn.a b", NULL), -ERR_INVALID);
	snprintf(name, sizeof(name), "iqn.%0220d", 1);
	assert_int_equal(access_add(a, ACCESS_NAME, name, NULL), -ERR_INVALID);
	assert_int_equal(access_add(a, ACCESS_ADDRESS, name, NULL), -ERR_INVALID);
	assert_true(access_is_open(a));
}

static void what_is_there_is_not_added_twice(void **state)
{
	struct access *a = *state;

	add(a, ACCESS_NAME, HOST);
	assert_int_equal(access_add(a, ACCESS_NAME, HOST, NULL), -ERR_EXISTS);
	add(a, ACCESS_ADDRESS, "192.0.2.7");
	assert_int_equal(access_add(a, ACCESS_ADDRESS, "192.0.2.7/32", NULL), -ERR_EXISTS);
	assert_int_equal(access_remove(a, ACCESS_ADDRESS, "192.0.2.8", NULL), -ERR_NOT_FOUND);
	assert_int_equal(access_remove(a, ACCESS_ADDRESS, "nonsense", NULL), -ERR_NOT_FOUND);
	assert_int_equal(access_remove(a, ACCESS_ADDRESS, "192.0.2.7", NULL), 0);
	assert_int_equal(access_remove(a, ACCESS_NAME, HOST, NULL), 0);
	assert_true(access_is_open(a));
}

static void a_list_has_an_end(void **state)
{
	struct access *a = *state;
	char text[64];

	for (int i = 0; i < ACCESS_ENTRIES_MAX; i++) {
		snprintf(text, sizeof(text), "iqn.2026-11.com.example:host%d", i);
		add(a, ACCESS_NAME, text);
	}
	assert_int_equal(access_add(a, ACCESS_NAME, "iqn.one-more", NULL), -ERR_INVALID);
}

static void accounts_are_found_by_name(void **state)
{
	struct access *a = *state;

	assert_int_equal(access_add_account(a, ACCESS_INCOMING, "anna", "one", NULL), 0);
	assert_int_equal(access_add_account(a, ACCESS_INCOMING, "bert", "two", NULL), 0);
	assert_string_equal(access_account(a, ACCESS_INCOMING, "anna")->secret, "one");
	assert_string_equal(access_account(a, ACCESS_INCOMING, "bert")->secret, "two");
	assert_null(access_account(a, ACCESS_INCOMING, "ann"));
	assert_null(access_account(a, ACCESS_INCOMING, ""));
	assert_null(access_account(a, ACCESS_OUTGOING, "anna"));
	assert_int_equal(access_add_account(a, ACCESS_INCOMING, "anna", "x", NULL), -ERR_EXISTS);
	assert_int_equal(access_remove_account(a, ACCESS_INCOMING, "anna", NULL), 0);
	assert_null(access_account(a, ACCESS_INCOMING, "anna"));
	assert_int_equal(access_remove_account(a, ACCESS_INCOMING, "anna", NULL), -ERR_NOT_FOUND);
}

static void the_two_directions_share_no_secret(void **state)
{
	struct access *a = *state;

	assert_int_equal(access_add_account(a, ACCESS_INCOMING, "anna", "one", NULL), 0);
	assert_int_equal(access_add_account(a, ACCESS_OUTGOING, "disk", "one", NULL), -ERR_INVALID);
	assert_int_equal(access_add_account(a, ACCESS_OUTGOING, "disk", "two", NULL), 0);
	assert_int_equal(access_add_account(a, ACCESS_INCOMING, "bert", "two", NULL), -ERR_INVALID);
	assert_int_equal(access_add_account(a, ACCESS_OUTGOING, "disk2", "x", NULL), -ERR_EXISTS);
}

static void a_bad_account_is_refused(void **state)
{
	struct access *a = *state;
	char longest[300];
	struct err e = ERR_INIT;

	memset(longest, 'x', sizeof(longest));
	longest[ACCESS_SECRET_MAX + 1] = 0;
	assert_int_equal(access_add_account(a, ACCESS_INCOMING, "", "s", NULL), -ERR_INVALID);
	assert_int_equal(access_add_account(a, ACCESS_INCOMING, "u", "", NULL), -ERR_INVALID);
	assert_int_equal(access_add_account(a, ACCESS_INCOMING, "u v", "s", NULL), -ERR_INVALID);
	assert_int_equal(access_add_account(a, ACCESS_INCOMING, "u\n", "s", NULL), -ERR_INVALID);
	assert_int_equal(access_add_account(a, ACCESS_INCOMING, longest, "s", NULL), -ERR_INVALID);
	assert_int_equal(access_add_account(a, ACCESS_INCOMING, "u", longest, &e), -ERR_INVALID);
	assert_null(strstr(e.text, "xxx"));	/* nobody reads a password in a log */
	longest[ACCESS_SECRET_MAX] = 0;
	assert_int_equal(access_add_account(a, ACCESS_INCOMING, "u", longest, NULL), 0);
	assert_string_equal(access_account(a, ACCESS_INCOMING, "u")->secret, longest);
}

static void names_are_text(void **state)
{
	static const char *const good[] = {
		"iqn.2026-11.com.example:disk", "eui.02004567A425678D",
		"iqn.2026-11.com.example:\xc3\xa9",
		"naa.52004567BA64678D", "iqn.2026-11.example:\xe2\x82\xac",
		"iqn.2026-11.example:\xf0\x9f\x90\x9f",
	};
	static const char *const bad[] = {
		"", "iqn.", "disk.2026-11.example:a", "iqn.2026-11.example:a b", "iqn.2026-11.example:a\tb",
		"iqn.2026-11.example:\x7f", "iqn.2026-11.example:\x9b", "iqn.2026-11.example:\xc2\x9b",
		"iqn.2026-11.example:\xc0\x80", "iqn.2026-11.example:\xe2\x82", "iqn.2026-11.example:\xff",
		"iqn.2026-11.example:\xed\xa0\x80", "iqn.2026-11.example:\xe0\x80\xaf",
		"iqn.2026-11.example:\xf4\x90\x80\x80", "iqn.2026-11.example:a,b",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(target_name_ok(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(target_name_ok(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_said_lets_everybody_in, begin, end),
		cmocka_unit_test_setup_teardown(a_name_alone_restricts, begin, end),
		cmocka_unit_test_setup_teardown(an_address_alone_restricts, begin, end),
		cmocka_unit_test_setup_teardown(both_classes_must_match, begin, end),
		cmocka_unit_test(names_are_text),
		cmocka_unit_test(a_network_is_as_wide_as_its_bits),
		cmocka_unit_test_setup_teardown(an_address_for_all_is_open, begin, end),
		cmocka_unit_test_setup_teardown(nonsense_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(what_is_there_is_not_added_twice, begin, end),
		cmocka_unit_test_setup_teardown(a_list_has_an_end, begin, end),
		cmocka_unit_test_setup_teardown(accounts_are_found_by_name, begin, end),
		cmocka_unit_test_setup_teardown(the_two_directions_share_no_secret, begin, end),
		cmocka_unit_test_setup_teardown(a_bad_account_is_refused, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
