/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prog/show.h"

/* Keys and values in turn, ended by NULL. */
static void add(struct show_list *l, const char *const *words)
{
	struct control_record r = { 0 };

	for (; *words; words += 2)
		assert_int_equal(control_record_add(&r, words[0], words[1]), 0);
	assert_int_equal(show_list_add(l, &r), 0);
	control_record_fini(&r);
}

static const char *const session_up[] = {
	"sid", "1", "target", "iqn.2026-11.example:disk", "portal", "10.0.0.1:3260", "tpgt", "1",
	"initiator", "iqn.2026-11.example:us", "link", "UP", "link_for_ms", "12000", "gate", "OPEN",
	"outage_ms", "0", "left_ms", "-1", "waiting", "0", "reads", "3", "read_bytes", "1572864",
	"HeaderDigest", "None", "socket", "a", NULL,
};

static const char *const session_down[] = {
	"sid", "2", "target", "iqn.2026-11.example:other", "portal", "[::1]:3261", "tpgt", "2",
	"link", "WAIT", "gate", "HOLD", "ladder", "LUN_RESET", "outage_ms", "25100",
	"left_ms", "94900", "waiting", "1",
	"last_error", "10.0.0.1:3260 closed the connection", "socket", "a", NULL,
};

static const char *const lun_of_1[] = {
	"sid", "1", "lun", "0", "state", "READY", "gate", "OPEN", "size_bytes", "67108864",
	"block_bytes", "512", "vendor", "ISCSIFS", "product", "DISK", "serial", "0042",
	"write_protected", "Yes", "thin", "No", "socket", "a", NULL,
};

/* Session 1 of another daemon. */
static const char *const lun_of_another[] = { "sid", "1", "lun", "9", "socket", "b", NULL };

static const char *const settings_of_1[] = {
	"sid", "1", "target", "iqn.2026-11.example:disk",
	"node.session.timeo.replacement_timeout", "120",
	"discovery.sendtargets.timeo.login_timeout", "99",
	"node.session.auth.password", "********", "socket", "a", NULL,
};

/* What is printed to @f, for the body that follows. */
struct printed {
	FILE *f;
	char *text;
	size_t len;
};

static FILE *print_to(struct printed *p)
{
	p->f = open_memstream(&p->text, &p->len);
	assert_non_null(p->f);
	return p->f;
}

static void expect(struct printed *p, const char *text)
{
	fclose(p->f);
	assert_string_equal(p->text, text);
	free(p->text);
}

static void expect_parts(struct printed *p, const char *const *parts)
{
	const char *at;

	fclose(p->f);
	at = p->text;
	for (; *parts; parts++) {
		const char *found = strstr(at, *parts);

		if (!found)
			fail_msg("\"%s\" is not in, or not behind the others in:\n%s", *parts,
				 p->text);
		at = found + strlen(*parts);
	}
	free(p->text);
}

static struct show_sessions sessions(void)
{
	struct show_sessions s = { 0 };

	add(&s.sessions, session_up);
	add(&s.sessions, session_down);
	add(&s.settings, settings_of_1);
	add(&s.luns, lun_of_1);
	add(&s.luns, lun_of_another);
	return s;
}

static void sessions_fini(struct show_sessions *s)
{
	show_list_fini(&s->sessions);
	show_list_fini(&s->settings);
	show_list_fini(&s->luns);
}

static void a_line_begins_as_iscsiadms_and_ends_with_the_state(void **state)
{
	struct show_sessions s = sessions();
	struct printed p;

	(void)state;
	show_sessions(print_to(&p), &s, 0);
	expect(&p,
	       "tcp: [1] 10.0.0.1:3260,1 iqn.2026-11.example:disk (link UP, gate OPEN)\n"
	       "tcp: [2] [::1]:3261,2 iqn.2026-11.example:other (link WAIT, gate HOLD, outage for "
	       "25 s, requests fail in 94 s, 1 request waits)\n");
	sessions_fini(&s);
}

static void after_the_time_is_up_nothing_is_promised(void **state)
{
	static const char *const failed[] = {
		"sid", "1", "portal", "p", "tpgt", "1", "target", "t", "link", "WAIT",
		"gate", "FAIL", "outage_ms", "130000", "left_ms", "0", "waiting", "2", NULL,
	};
	struct show_sessions s = { 0 };
	struct printed p;

	(void)state;
	add(&s.sessions, failed);
	show_sessions(print_to(&p), &s, 0);
	expect(&p, "tcp: [1] p,1 t (link WAIT, gate FAIL, outage for 2 min 10 s, 2 requests wait)\n");
	sessions_fini(&s);
}

static void the_tree_grows_with_the_level(void **state)
{
	static const char *const level_1[] = {
		"Target: iqn.2026-11.example:disk\n", "\tCurrent Portal: 10.0.0.1:3260,1\n",
		"\tPersistent Portal: 10.0.0.1:3260,1\n", "\t\tSID: 1\n",
		"\t\tiSCSI Connection State: LOGGED IN\n", "\t\tiSCSI Session State: LOGGED_IN\n",
		"\t\tLink: UP for 12 s\n", "\t\tiSCSI Connection State: TRANSPORT WAIT\n",
		"\t\tiSCSI Session State: FAILED\n", "\t\tInternal iscsid Session State: REOPEN\n",
		"\t\tLadder: LUN_RESET\n",
		"\t\tLast Error: 10.0.0.1:3260 closed the connection\n", NULL,
	};
	static const char *const level_3[] = {
		"\t\tRecovery Timeout: 120\n", "\t\tpassword: ********\n", "\t\tHeaderDigest: None\n",
		"\t\tLun: 0\n", "Size: 64 MiB, blocks of 512 bytes, write protected\n",
		"serial 0042\n", NULL,
	};
	struct show_sessions s = sessions();
	struct printed p;

	(void)state;
	show_sessions(print_to(&p), &s, 1);
	fflush(p.f);
	assert_null(strstr(p.text, "Recovery Timeout"));
	expect_parts(&p, level_1);
	show_sessions(print_to(&p), &s, 2);
	fflush(p.f);
	assert_null(strstr(p.text, "Lun:"));
	assert_null(strstr(p.text, "Login Timeout: 99"));
	expect_parts(&p, (const char *const[]){ "Recovery Timeout", NULL });
	show_sessions(print_to(&p), &s, 3);
	fflush(p.f);
	assert_null(strstr(p.text, "Lun: 9"));
	expect_parts(&p, level_3);
	sessions_fini(&s);
}

static void numbers_are_numbers_in_json_and_serials_are_not(void **state)
{
	static const char *const parts[] = {
		"[\n {\"sid\": 1, ", "\"left_ms\": -1, ", "\"read_bytes\": 1572864",
		"\"settings\": [{", "\"luns\": [{", "\"size_bytes\": 67108864", "\"serial\": \"0042\"",
		"}]},\n {\"sid\": 2, ", "\"luns\": []}\n]\n", NULL,
	};
	struct show_sessions s = sessions();
	struct printed p;

	(void)state;
	show_sessions_json(print_to(&p), &s);
	expect_parts(&p, parts);
	sessions_fini(&s);
}

static void what_a_target_calls_itself_forges_nothing(void **state)
{
	static const char *const evil[] = {
		"sid", "1", "target", "a\033[2J\nb\"\\\xff\xc3\xa9", "portal", "p", "link", "UP",
		"gate", "OPEN", NULL,
	};
	struct show_sessions s = { 0 };
	struct printed p;

	(void)state;
	add(&s.sessions, evil);
	show_sessions(print_to(&p), &s, 0);
	expect(&p, "tcp: [1] p,-1 a?[2J?b\"\\\xff\xc3\xa9 (link UP, gate OPEN)\n");
	show_json(print_to(&p), &s.sessions);
	expect(&p, "[\n {\"sid\": 1, \"target\": \"a\\u001b[2J\\u000ab\\\"\\\\\\ufffd\xc3\xa9\", "
	       "\"portal\": \"p\", \"link\": \"UP\", \"gate\": \"OPEN\"}\n]\n");
	show_pairs(print_to(&p), &s.sessions);
	expect(&p, "sid=1\ntarget=a\033[2J\\nb\"\\\\\xff\xc3\xa9\nportal=p\nlink=UP\ngate=OPEN\n\n");
	sessions_fini(&s);
}

static void only_whole_utf8_passes_into_json(void **state)
{
	static const struct {
		const char *text, *json;
	} cases[] = {
		{ "\xe2\x82\xac", "\xe2\x82\xac" }, { "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
		{ "\xc0\xaf", "\\ufffd\\ufffd" }, { "\xe2\x82", "\\ufffd\\ufffd" },
		{ "\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd" }, { "\x80", "\\ufffd" },
		{ "\xf0\x80\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd" },
		{ "\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd" },
		{ "\xf5\x80\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd" }, { "\x7f", "\\u007f" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct show_list l = { 0 };
		struct printed p;
		char want[128];

		add(&l, (const char *const[]){ "k", cases[i].text, NULL });
		show_json(print_to(&p), &l);
		snprintf(want, sizeof(want), "[\n {\"k\": \"%s\"}\n]\n", cases[i].json);
		expect(&p, want);
		show_list_fini(&l);
	}
}

static void no_records_are_an_empty_array(void **state)
{
	struct show_list l = { 0 };
	struct printed p;

	(void)state;
	show_json(print_to(&p), &l);
	expect(&p, "[\n]\n");
	show_pairs(print_to(&p), &l);
	fputc('.', p.f);
	expect(&p, ".");
}

static void settings_are_printed_as_a_file_has_them(void **state)
{
	struct show_list l = { 0 };
	struct printed p;

	(void)state;
	add(&l, settings_of_1);
	show_settings(print_to(&p), &l);
	expect(&p, "# [1] iqn.2026-11.example:disk\n"
	       "node.session.timeo.replacement_timeout = 120\n"
	       "discovery.sendtargets.timeo.login_timeout = 99\n"
	       "node.session.auth.password = ********\n");
	show_list_fini(&l);
}

static void counters_come_with_sizes_for_people(void **state)
{
	static const char *const parts[] = {
		"Stats for session [sid: 1, target: iqn.2026-11.example:disk, portal: "
		"10.0.0.1:3260]\n", "\treads: 3 (1.5 MiB)\n", NULL,
	};
	struct show_list l = { 0 };
	struct printed p;

	(void)state;
	add(&l, session_up);
	show_stats(print_to(&p), &l);
	expect_parts(&p, parts);
	show_list_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_begins_as_iscsiadms_and_ends_with_the_state),
		cmocka_unit_test(after_the_time_is_up_nothing_is_promised),
		cmocka_unit_test(the_tree_grows_with_the_level),
		cmocka_unit_test(numbers_are_numbers_in_json_and_serials_are_not),
		cmocka_unit_test(what_a_target_calls_itself_forges_nothing),
		cmocka_unit_test(only_whole_utf8_passes_into_json),
		cmocka_unit_test(no_records_are_an_empty_array),
		cmocka_unit_test(settings_are_printed_as_a_file_has_them),
		cmocka_unit_test(counters_come_with_sizes_for_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
