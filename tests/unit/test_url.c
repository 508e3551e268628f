/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "iscsifs/url.h"

#define IQN "iqn.2026-11.example:disk"

static void good_urls_are_taken_apart(void **state)
{
	static const struct {
		const char *text, *user, *password, *portal, *target;
		int lun;
	} good[] = {
		{ "iscsi://host", "", "", "host:3260", "", -1 },
		{ "iscsi://host/", "", "", "host:3260", "", -1 },
		{ "iscsi://host:860", "", "", "host:860", "", -1 },
		{ "iscsi://127.0.0.1:65535/" IQN, "", "", "127.0.0.1:65535", IQN, -1 },
		{ "iscsi://h/" IQN "/", "", "", "h:3260", IQN, -1 },
		{ "iscsi://h/" IQN "/0", "", "", "h:3260", IQN, 0 },
		{ "iscsi://h/" IQN "/010", "", "", "h:3260", IQN, 10 },
		{ "iscsi://h/" IQN "/16383", "", "", "h:3260", IQN, 16383 },
		{ "iscsi://[::1]/" IQN "/1", "", "", "[::1]:3260", IQN, 1 },
		{ "iscsi://[2001:db8::2]:1/" IQN, "", "", "[2001:db8::2]:1", IQN, -1 },
		{ "iscsi://[::ffff:192.0.2.1]:1", "", "", "[::ffff:192.0.2.1]:1", "", -1 },
		{ "iscsi://[fe80::1%eth0]", "", "", "[fe80::1%eth0]:3260", "", -1 },
		{ "iscsi://me@host", "me", "", "host:3260", "", -1 },
		{ "iscsi://me%secret@host", "me", "secret", "host:3260", "", -1 },
		{ "iscsi://me%se@cr%41et@host", "me", "se@cr%41et", "host:3260", "", -1 },
		{ "iscsi://iqn.2026-11.example:me%s@[::1]:5", "iqn.2026-11.example:me", "s",
		  "[::1]:5", "", -1 },
		{ "iscsi://h/iqn.2026-11.example%3adisk%2D1", "", "", "h:3260",
		  "iqn.2026-11.example:disk-1", -1 },
		{ "iscsi://h/eui.02004567A425678D", "", "", "h:3260", "eui.02004567A425678D", -1 },
		{ "iscsi://h/naa.52004567BA64678D/7", "", "", "h:3260", "naa.52004567BA64678D", 7 },
		{ "iscsi://my_host-1.example/" IQN, "", "", "my_host-1.example:3260", IQN, -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct err e = ERR_INIT;
		struct url u;

		if (url_parse(&u, good[i].text, &e))
			fail_msg("%s: %s", good[i].text, e.text);
		assert_string_equal(u.user, good[i].user);
		assert_string_equal(u.password, good[i].password);
		assert_string_equal(u.portal, good[i].portal);
		assert_string_equal(u.target, good[i].target);
		assert_int_equal(u.lun, good[i].lun);
	}
}

static void bad_urls_are_refused_with_the_reason(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "", "not an iSCSI URL: want iscsi://[user[%password]@]host[:port][/target[/lun]]" },
		{ "host", "not an iSCSI URL" },
		{ "http://host", "not an iSCSI URL" },
		{ "iscsi:/host", "not an iSCSI URL" },
		{ "ISCSI://host", "not an iSCSI URL" },
		{ "iser://host", "iser:// is not supported" },
		{ "iscsi://", "the host is missing" },
		{ "iscsi:///" IQN, "the host is missing" },
		{ "iscsi://:3260", "the host is missing" },
		{ "iscsi://me@", "the host is missing" },
		{ "iscsi://@host", "the user name before the @ is missing" },
		{ "iscsi://%pw@host", "the user name before the % is missing" },
		{ "iscsi://me%pw", "the @host after user%password is missing" },
		{ "iscsi://me%@host", "the password between % and @ is missing" },
		{ "iscsi://host:", "port \"\": want a number from 1 to 65535" },
		{ "iscsi://host:0", "port \"0\": want" },
		{ "iscsi://host:65536", "port \"65536\": want" },
		{ "iscsi://host:0x10", "port \"0x10\": want" },
		{ "iscsi://host:-1", "port \"-1\": want" },
		{ "iscsi://host:iscsi", "port \"iscsi\": want" },
		{ "iscsi://::1", "host \"::1\": an IPv6 address must stand in brackets" },
		{ "iscsi://[::1", "host \"[::1\": the ] after the address is missing" },
		{ "iscsi://[]", "host \"[]\": want an IPv6 address between the brackets" },
		{ "iscsi://[host]", "host \"[host]\": want an IPv6 address" },
		{ "iscsi://[::1]3260", "\"3260\" after the ]: want nothing or :port" },
		{ "iscsi://[::1]:x", "port \"x\": want" },
		{ "iscsi://ho$t", "host \"ho$t\": want letters, digits, '-' and '.' only" },
		{ "iscsi://h,1/" IQN, "host \"h,1\": want one portal" },
		{ "iscsi://h /" IQN, "the URL has a blank or a control character in it" },
		{ "iscsi://h/" IQN "\n", "the URL has a blank or a control character in it" },
		{ "iscsi://h//1", "the target name between the slashes is missing" },
		{ "iscsi://h/disk", "iSCSI name \"disk\": want one that begins iqn., eui. or naa." },
		{ "iscsi://h/iqn.disk", "iSCSI name \"iqn.disk\": want iqn.YYYY-MM.domain[:name]" },
		{ "iscsi://h/iqn.2026-13.a", "iSCSI name \"iqn.2026-13.a\": want iqn.YYYY-MM" },
		{ "iscsi://h/iqn.2026-00.a", "iSCSI name \"iqn.2026-00.a\": want iqn.YYYY-MM" },
		{ "iscsi://h/iqn.2026-01.", "iSCSI name \"iqn.2026-01.\": want iqn.YYYY-MM" },
		{ "iscsi://h/eui.12", "iSCSI name \"eui.12\": want eui. and 16 hex digits" },
		{ "iscsi://h/naa.5g", "iSCSI name \"naa.5g\": want naa. and 16 or 32 hex digits" },
		{ "iscsi://h/iqn.2026-11.a%2", "target \"iqn.2026-11.a%2\": want two hex digits" },
		{ "iscsi://h/iqn.2026-11.a%zz", "target \"iqn.2026-11.a%zz\": want two hex digits" },
		{ "iscsi://h/iqn.2026-11.a%00b", "target \"iqn.2026-11.a%00b\": want two hex" },
		{ "iscsi://h/iqn.2026-11.a%20b", "iSCSI name: blanks, control characters" },
		{ "iscsi://h/iqn.2026-11.a%2fb", "iSCSI name: blanks, control characters" },
		{ "iscsi://h/" IQN "/x", "LUN \"x\": want a number from 0 to 16383" },
		{ "iscsi://h/" IQN "/-1", "LUN \"-1\": want" },
		{ "iscsi://h/" IQN "/16384", "LUN \"16384\": want" },
		{ "iscsi://h/" IQN "/0x1", "LUN \"0x1\": want" },
		{ "iscsi://h/" IQN "/1/2", "\"/1/2\" after the target: want one LUN number" },
		{ "iscsi://h/" IQN "/1?target_user=x", "\"?\" and what follows is not supported" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err e = ERR_INIT;
		struct url u;

		if (url_parse(&u, bad[i].text, &e) != -ERR_INVALID)
			fail_msg("%s was taken", bad[i].text);
		if (strncmp(e.text, bad[i].why, strlen(bad[i].why)))
			fail_msg("%s: \"%s\", want \"%s\"", bad[i].text, e.text, bad[i].why);
	}
}

static void refuse_long(const char *before, size_t count, const char *after, const char *why)
{
	char text[1024];
	struct err e = ERR_INIT;
	struct url u;
	size_t n = (size_t)snprintf(text, sizeof(text), "%s", before);

	memset(text + n, 'a', count);
	snprintf(text + n + count, sizeof(text) - n - count, "%s", after);
	assert_int_equal(url_parse(&u, text, &e), -ERR_INVALID);
	if (!strstr(e.text, why))
		fail_msg("\"%s\", want \"%s\"", e.text, why);
}

static void nothing_is_cut_short(void **state)
{
	(void)state;
	refuse_long("iscsi://", 256, "", "the host name is longer than 255 bytes");
	refuse_long("iscsi://", 600, "", "the host name is longer than 255 bytes");
	refuse_long("iscsi://", 256, "@h", "the user name is longer than 255 bytes");
	refuse_long("iscsi://u%", 256, "@h", "the password is longer than 255 bytes");
	refuse_long("iscsi://h/iqn.2026-11.", 212, "/1", "longer than 223 bytes");
}

static void no_message_quotes_a_password(void **state)
{
	static const char *const bad[] = {
		"iscsi://me%hunter2", "iscsi://me%hunter2@", "iscsi://me%hunter2@h:x",
		"iscsi://me%hunter2@h/x", "http://me%hunter2@h", "iscsi://%hunter2@h",
		"iscsi://me%hunter2@h/iqn.2026-11.a/x", "iscsi://me%hunter2@[::1",
		"iscsi://me%/hunter2@h", "iscsi://me%hunter2/@h",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err e = ERR_INIT;
		struct url u;

		assert_int_not_equal(url_parse(&u, bad[i], &e), 0);
		assert_null(strstr(e.text, "hunter2"));
		assert_string_equal(u.password, "");
	}
}

static void a_portal_of_a_target_may_have_a_tag(void **state)
{
	char host[URL_HOST_MAX];
	uint16_t port;

	(void)state;
	assert_int_equal(url_parse_portal("192.0.2.1:3261,1", host, &port, NULL), 0);
	assert_string_equal(host, "192.0.2.1");
	assert_int_equal(port, 3261);
	assert_int_equal(url_parse_portal("[2001:db8::1],12", host, &port, NULL), 0);
	assert_string_equal(host, "2001:db8::1");
	assert_int_equal(port, 3260);
	assert_int_not_equal(url_parse_portal(",1", host, &port, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_urls_are_taken_apart),
		cmocka_unit_test(bad_urls_are_refused_with_the_reason),
		cmocka_unit_test(nothing_is_cut_short),
		cmocka_unit_test(no_message_quotes_a_password),
		cmocka_unit_test(a_portal_of_a_target_may_have_a_tag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
