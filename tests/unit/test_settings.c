/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "iscsifs/node_settings.h"
#include "iscsifs/settings.h"

/* A table of our own: one row of each type and class. */
struct sample {
	span_ms patience;
	int depth;
	uint64_t limit_bytes;
	bool eager;
	int colour;
	char algs[SETTING_STRING_BYTES];
	char name[SETTING_STRING_BYTES];
	char secret[SETTING_STRING_BYTES];
	int burst;
};

static const char *const colours[] = { "Red", "Red,Green", NULL };
static const char *const algs[] = { "MD5", "SHA1", NULL };

#define FIELD(f) .off = offsetof(struct sample, f)

static const struct setting sample_rows[] = {
	{ "node.a.patience", SETTING_SPAN, SETTING_HONOURED, .min = -1000, .max = INT64_MAX,
	  .deflt = "120", FIELD(patience) },
	{ "node.conn[0].depth", SETTING_INT, SETTING_HONOURED, .min = 2, .max = 2048,
	  .deflt = "128", FIELD(depth) },
	{ "node.limit", SETTING_SIZE, SETTING_HONOURED, .min = 4096, .max = 1 << 30,
	  .deflt = "256M", FIELD(limit_bytes) },
	{ "node.eager", SETTING_BOOL, SETTING_HONOURED, .deflt = "No", FIELD(eager) },
	{ "node.colour", SETTING_ENUM, SETTING_HONOURED, .choices = colours, .deflt = "Red",
	  FIELD(colour) },
	{ "node.algs", SETTING_LIST, SETTING_FIXED_STRICT, .choices = algs, .deflt = "MD5",
	  FIELD(algs), .note = "no other is known" },
	{ "node.name", SETTING_STRING, SETTING_HONOURED, .deflt = "", FIELD(name) },
	{ "node.secret", SETTING_SECRET, SETTING_HONOURED, .deflt = "", FIELD(secret) },
	{ "node.burst", SETTING_INT, SETTING_FIXED, .min = 512, .max = 65536, .deflt = "4096",
	  FIELD(burst), .note = "the library says so" },
	{ "node.startup", .class = SETTING_IGNORED, .note = "it starts by itself" },
	{ "other.startup", .class = SETTING_IGNORED, .note = "it starts by itself" },
	{ "node.b.startup", .class = SETTING_IGNORED, .note = "it starts by itself" },
	{ "other.depth", .class = SETTING_IGNORED, .note = "there is only one" },
};

static const struct settings sample_table = { sample_rows, ARRAY_SIZE(sample_rows), "node." };

struct given {
	struct sample s;
	struct setting_note note;
	struct err err;
};

static int give(struct given *g, const char *name, const char *text)
{
	g->err = (struct err)ERR_INIT;
	return settings_set_by_name(&sample_table, &g->s, name, text, &g->note, &g->err);
}

static struct given given_defaults(void)
{
	struct given g;

	memset(&g, 0xff, sizeof(g));
	settings_defaults(&sample_table, &g.s);
	return g;
}

static void defaults_fill_every_field(void **state)
{
	struct given g = given_defaults();

	(void)state;
	assert_int_equal(g.s.patience, 120000);
	assert_int_equal(g.s.depth, 128);
	assert_int_equal(g.s.limit_bytes, 256 << 20);
	assert_false(g.s.eager);
	assert_int_equal(g.s.colour, 0);
	assert_string_equal(g.s.algs, "MD5");
	assert_string_equal(g.s.name, "");
	assert_int_equal(g.s.burst, 4096);
}

static void every_type_is_read_and_printed(void **state)
{
	static const struct {
		const char *name, *text, *printed;
	} cases[] = {
		{ "patience", "250ms", "250ms" }, { "patience", "-1", "-1" },
		{ "patience", "2m", "120" }, { "node.conn.depth", "010", "10" },
		{ "limit", "64K", "65536" }, { "eager", "YES", "Yes" }, { "eager", "no", "No" },
		{ "colour", "red, green", "Red,Green" }, { "name", "a b", "a b" },
		{ "secret", "hunter2", "********" }, { "algs", "md5", "MD5" },
	};
	struct given g = given_defaults();
	char text[SETTING_STRING_BYTES];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct setting *row;

		assert_int_equal(give(&g, cases[i].name, cases[i].text), 0);
		assert_string_equal(g.note.text, "");
		row = settings_lookup(&sample_table, cases[i].name, &g.err);
		assert_string_equal(settings_print(row, &g.s, text, sizeof(text)),
				    cases[i].printed);
	}
}

static void a_bad_value_says_what_is_wanted_and_changes_nothing(void **state)
{
	static const struct {
		const char *name, *text, *error;
	} cases[] = {
		{ "patience", "5 parsecs", "patience \"5 parsecs\": want seconds, -1 or more" },
		{ "patience", "-2", "patience \"-2\": want seconds, -1 or more" },
		{ "depth", "1", "depth \"1\": want 2 to 2048" },
		{ "depth", "", "depth \"\": want 2 to 2048" },
		{ "limit", "2G", "limit \"2G\": want bytes (or 64K, 256M), 4096 to 1073741824" },
		{ "eager", "maybe", "eager \"maybe\": want yes or no" },
		{ "colour", "Blue", "colour \"Blue\": want Red or \"Red,Green\"" },
		{ "algs", "MD5,ROT13", "algs \"MD5,ROT13\": want a list of MD5 and SHA1" },
		{ "name", "a\nb", "name \"a?b\": want at most 255 characters, no control "
				  "characters" },
	};
	struct given g = given_defaults();
	const struct sample before = g.s;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(give(&g, cases[i].name, cases[i].text), -ERR_INVALID);
		assert_string_equal(g.err.text, cases[i].error);
		assert_memory_equal(&g.s, &before, sizeof(before));
	}
}

static void a_string_that_does_not_fit_is_refused(void **state)
{
	struct given g = given_defaults();
	char text[SETTING_STRING_BYTES + 1];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[SETTING_STRING_BYTES] = '\0';
	assert_int_equal(give(&g, "name", text), -ERR_INVALID);
	text[SETTING_STRING_BYTES - 1] = '\0';
	assert_int_equal(give(&g, "name", text), 0);
	assert_string_equal(g.s.name, text);
}

static void a_secret_is_in_no_error(void **state)
{
	struct given g = given_defaults();

	(void)state;
	assert_int_equal(give(&g, "secret", "hunter2\n"), -ERR_INVALID);
	assert_null(strstr(g.err.text, "hunter2"));
}

static void a_fixed_value_is_noted_and_not_applied(void **state)
{
	struct given g = given_defaults();

	(void)state;
	assert_int_equal(give(&g, "burst", "8192"), 0);
	assert_string_equal(g.note.text, "burst \"8192\" is not applied: the library says so; "
			    "\"4096\" is in force");
	assert_int_equal(g.s.burst, 4096);
	assert_int_equal(give(&g, "burst", "4096"), 0);
	assert_string_equal(g.note.text, "");
	assert_int_equal(give(&g, "burst", "lots"), -ERR_INVALID);
}

static void a_strict_value_is_refused_unless_the_list_allows_ours(void **state)
{
	struct given g = given_defaults();

	(void)state;
	assert_int_equal(give(&g, "algs", "SHA1"), -ERR_UNSUPPORTED);
	assert_string_equal(g.err.text,
			    "algs \"SHA1\": no other is known, only \"MD5\" can be had");
	assert_int_equal(give(&g, "algs", "SHA1,MD5"), 0);
	assert_string_equal(g.s.algs, "MD5");
	assert_non_null(strstr(g.note.text, "not applied"));
}

static void an_ignored_setting_is_noted_whatever_it_says(void **state)
{
	struct given g = given_defaults();

	(void)state;
	assert_int_equal(give(&g, "node.startup", "automatic"), 0);
	assert_string_equal(g.note.text, "node.startup is ignored: it starts by itself");
}

static void a_short_name_means_the_only_row_or_the_preferred_one(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_ptr_equal(settings_lookup(&sample_table, "depth", &err), &sample_rows[1]);
	assert_ptr_equal(settings_lookup(&sample_table, "other.depth", &err), &sample_rows[12]);
	assert_null(settings_lookup(&sample_table, "startup", &err));
	assert_string_equal(err.text, "\"startup\" could be node.startup or node.b.startup: give "
			    "the full name");
}

static void the_index_zero_is_optional_and_case_does_not_matter(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_ptr_equal(settings_lookup(&sample_table, "node.conn.depth", &err), &sample_rows[1]);
	assert_ptr_equal(settings_lookup(&sample_table, "NODE.CONN[0].Depth", &err),
			 &sample_rows[1]);
	assert_null(settings_lookup(&sample_table, "node.conn[1].depth", &err));
}

static void a_mistyped_name_gets_a_suggestion_where_one_is_near(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_null(settings_lookup(&sample_table, "pateince", &err));
	assert_string_equal(err.text,
			    "unknown setting \"pateince\", did you mean node.a.patience?");
	err = (struct err)ERR_INIT;
	assert_null(settings_lookup(&sample_table, "node.a.patiences", &err));
	assert_non_null(strstr(err.text, "did you mean node.a.patience?"));
	err = (struct err)ERR_INIT;
	assert_null(settings_lookup(&sample_table, "egaer", &err));
	assert_string_equal(err.text, "unknown setting \"egaer\", did you mean node.eager?");
	err = (struct err)ERR_INIT;
	assert_null(settings_lookup(&sample_table, "xyzzy", &err));
	assert_string_equal(err.text, "unknown setting \"xyzzy\"");
	err = (struct err)ERR_INIT;
	assert_null(settings_lookup(&sample_table, "", &err));
}

/* --- the initiator's table --- */

static void every_row_of_the_node_table_is_sound(void **state)
{
	const struct settings *t = &node_settings_table;
	struct node_settings s;

	(void)state;
	node_settings_init(&s);
	for (size_t i = 0; i < t->count; i++) {
		const struct setting *row = &t->rows[i];
		char text[SETTING_STRING_BYTES];
		struct setting_note note;
		struct err err = ERR_INIT;

		assert_ptr_equal(settings_find(t, row->name), row);
		if (row->class != SETTING_HONOURED)
			assert_non_null(row->note);
		if (row->class == SETTING_IGNORED)
			continue;
		assert_non_null(row->help);
		assert_int_not_equal(row->help[strlen(row->help) - 1], '.');
		settings_print(row, &s, text, sizeof(text));
		assert_int_equal(settings_set(row, &s, text, &note, &err), 0);
		assert_string_equal(note.text, "");
	}
}

static void no_two_fields_overlap(void **state)
{
	const struct settings *t = &node_settings_table;

	(void)state;
	for (size_t i = 0; i < t->count; i++) {
		for (size_t j = i + 1; j < t->count; j++) {
			if (t->rows[i].class != SETTING_IGNORED &&
			    t->rows[j].class != SETTING_IGNORED)
				assert_int_not_equal(t->rows[i].off, t->rows[j].off);
		}
	}
}

static void node_defaults_are_those_of_the_shipped_file(void **state)
{
	struct node_settings s;

	(void)state;
	node_settings_init(&s);
	assert_int_equal(s.replacement_timeout, 120000);
	assert_int_equal(s.login_timeout, 15000);
	assert_int_equal(s.initial_login_retry_max, 8);
	assert_int_equal(s.noop_out_interval, 5000);
	assert_int_equal(s.cmds_max, 128);
	assert_int_equal(s.queue_depth, 32);
	assert_int_equal(s.header_digest, NODE_DIGEST_NONE);
	assert_false(s.initial_r2t);
	assert_true(s.immediate_data);
	assert_int_equal(s.max_burst_bytes, 262144);
	assert_int_equal(s.time2wait, NODE_TIME2WAIT_WAIT);
}

static void choices_are_their_enumerators(void **state)
{
	static const struct {
		const char *text;
		int digest;
	} cases[] = {
		{ "None", NODE_DIGEST_NONE }, { "CRC32C", NODE_DIGEST_CRC32C },
		{ "CRC32C,None", NODE_DIGEST_CRC32C_NONE },
		{ "None,CRC32C", NODE_DIGEST_NONE_CRC32C },
	};
	struct node_settings s;
	struct err err = ERR_INIT;

	(void)state;
	node_settings_init(&s);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(node_settings_set(&s, "HeaderDigest", cases[i].text, NULL, &err),
				 0);
		assert_int_equal(s.header_digest, cases[i].digest);
	}
	assert_int_equal(node_settings_set(&s, "time2wait", "eager", NULL, &err), 0);
	assert_int_equal(s.time2wait, NODE_TIME2WAIT_EAGER);
	assert_int_equal(node_settings_set(&s, "node.session.auth.authmethod", "CHAP", NULL, &err),
			 0);
	assert_int_equal(s.authmethod, NODE_AUTH_CHAP);
}

static void a_data_digest_is_refused_and_not_lost(void **state)
{
	struct node_settings s;
	struct err err = ERR_INIT;

	(void)state;
	node_settings_init(&s);
	assert_int_equal(node_settings_set(&s, "DataDigest", "CRC32C", NULL, &err),
			 -ERR_UNSUPPORTED);
	assert_non_null(strstr(err.text, "DataDigest \"CRC32C\""));
}

/* Names and values, then what node_settings_check() says of them. */
struct check_case {
	const char *set[8];
	const char *error;
};

static void settings_that_do_not_go_together_are_refused(void **state)
{
	static const struct check_case cases[] = {
		{ { "username", "joe" }, "go together" },
		{ { "password", "sesame" }, "go together" },
		{ { "username", "joe", "password", "sesame", "username_in", "jim" },
		  "username_in and" },
		{ { "username_in", "jim", "password_in", "sesame" }, "proves itself" },
		{ { "username", "joe", "password", "sesame", "username_in", "jim",
		    "password_in", "sesame" }, "must differ" },
		{ { "authmethod", "CHAP" }, "authmethod CHAP wants" },
		{ { "discovery.sendtargets.auth.username", "joe" },
		  "discovery.sendtargets.auth.password" },
		{ { "noop_out_interval", "0" }, "both or neither" },
		{ { "noop_out_interval", "0", "noop_out_timeout", "0" }, NULL },
		{ { "username", "joe", "password", "sesame", "authmethod", "CHAP" }, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *const *set = cases[i].set;
		struct node_settings s;
		struct err err = ERR_INIT;

		node_settings_init(&s);
		for (size_t j = 0; j < 8 && set[j]; j += 2)
			assert_int_equal(node_settings_set(&s, set[j], set[j + 1], NULL, &err), 0);
		if (!cases[i].error) {
			assert_int_equal(node_settings_check(&s, &err), 0);
			continue;
		}
		assert_int_equal(node_settings_check(&s, &err), -ERR_INVALID);
		assert_non_null(strstr(err.text, cases[i].error));
		assert_null(strstr(err.text, "sesame"));
	}
}

static void only_live_settings_change_under_a_session(void **state)
{
	struct node_settings now, wanted;
	struct err err = ERR_INIT;

	(void)state;
	node_settings_init(&now);
	node_settings_init(&wanted);
	assert_int_equal(node_settings_apply_live(&now, &wanted), 0);
	node_settings_set(&wanted, "replacement_timeout", "7", NULL, &err);
	node_settings_set(&wanted, "InitialR2T", "Yes", NULL, &err);
	node_settings_set(&wanted, "username", "joe", NULL, &err);
	assert_int_equal(node_settings_apply_live(&now, &wanted), 2);
	assert_int_equal(now.replacement_timeout, 7000);
	assert_false(now.initial_r2t);
	assert_string_equal(now.username, "");
}

static void a_running_session_takes_live_settings_only(void **state)
{
	struct node_settings s;
	struct err err = ERR_INIT;

	(void)state;
	node_settings_init(&s);
	assert_int_equal(node_settings_change(&s, "replacement_timeout", "7", NULL, &err), 0);
	assert_int_equal(s.replacement_timeout, 7000);
	assert_int_equal(node_settings_change(&s, "InitialR2T", "Yes", NULL, &err),
			 -ERR_UNSUPPORTED);
	assert_non_null(strstr(err.text, "InitialR2T is settled at login"));
	err = (struct err)ERR_INIT;
	assert_int_equal(node_settings_change(&s, "noop_out_timeout", "0", NULL, &err),
			 -ERR_INVALID);
	assert_int_equal(s.noop_out_timeout, 5000);
	err = (struct err)ERR_INIT;
	assert_int_equal(node_settings_change(&s, "replacement_timeuot", "7", NULL, &err),
			 -ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_fill_every_field),
		cmocka_unit_test(every_type_is_read_and_printed),
		cmocka_unit_test(a_bad_value_says_what_is_wanted_and_changes_nothing),
		cmocka_unit_test(a_string_that_does_not_fit_is_refused),
		cmocka_unit_test(a_secret_is_in_no_error),
		cmocka_unit_test(a_fixed_value_is_noted_and_not_applied),
		cmocka_unit_test(a_strict_value_is_refused_unless_the_list_allows_ours),
		cmocka_unit_test(an_ignored_setting_is_noted_whatever_it_says),
		cmocka_unit_test(a_short_name_means_the_only_row_or_the_preferred_one),
		cmocka_unit_test(the_index_zero_is_optional_and_case_does_not_matter),
		cmocka_unit_test(a_mistyped_name_gets_a_suggestion_where_one_is_near),
		cmocka_unit_test(every_row_of_the_node_table_is_sound),
		cmocka_unit_test(no_two_fields_overlap),
		cmocka_unit_test(node_defaults_are_those_of_the_shipped_file),
		cmocka_unit_test(choices_are_their_enumerators),
		cmocka_unit_test(a_data_digest_is_refused_and_not_lost),
		cmocka_unit_test(settings_that_do_not_go_together_are_refused),
		cmocka_unit_test(a_running_session_takes_live_settings_only),
		cmocka_unit_test(only_live_settings_change_under_a_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
