/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iscsifs/conf_file.h"
#include "iscsifs/iscsid_conf.h"
#include "iscsifs/node_settings.h"

static const struct conf_key top_keys[] = { { "portal", .list = true }, { 0 } };
static const struct conf_key section_keys[] = {
	{ "portal", .list = true }, { .name = "alias" }, { "chap", .secret = true }, { 0 },
};
static const struct conf_grammar grammar = {
	.settings = &node_settings_table,
	.top = top_keys,
	.section = "target",
	.in_section = section_keys,
};

struct world {
	char dir[64];
	char path[96];
	struct conf_file *file;
	struct err err;
	char notes[4096];
};

static int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	snprintf(w->dir, sizeof(w->dir), "%s/iscsifs.XXXXXX", getenv("TMPDIR") ?: "/tmp");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/x.conf", w->dir);
	assert_int_equal(chdir(w->dir), 0);
	*state = w;
	return 0;
}

static int world_teardown(void **state)
{
	struct world *w = *state;
	char command[128];

	conf_file_free(w->file);
	assert_int_equal(chdir("/"), 0);
	snprintf(command, sizeof(command), "rm -r %s", w->dir);
	assert_int_equal(system(command), 0);
	free(w);
	return 0;
}

static void write_bytes(const char *text, size_t len, mode_t mode)
{
	FILE *f = fopen("x.conf", "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
	assert_int_equal(chmod("x.conf", mode), 0);
}

static int read_text(struct world *w, const char *text)
{
	write_bytes(text, strlen(text), 0600);
	conf_file_free(w->file);
	w->file = NULL;
	w->err = (struct err)ERR_INIT;
	return conf_file_read(&w->file, "x.conf", &grammar, &w->err);
}

static void take_note(const char *text, void *arg)
{
	struct world *w = arg;

	strncat(w->notes, text, sizeof(w->notes) - strlen(w->notes) - 2);
	strcat(w->notes, "\n");
}

static int apply(struct world *w, size_t section, struct node_settings *s)
{
	w->err = (struct err)ERR_INIT;
	w->notes[0] = '\0';
	return conf_apply(w->file, &w->file->sections[section], &node_settings_table, s, take_note,
			  w, &w->err);
}

static const char good[] =
	"# defaults for all\n"
	"node.session.timeo.replacement_timeout = 20\n"
	"node.conn[0].timeo.noop_out_interval = 5\n"
	"node.conn.timeo.noop_out_timeout = 250ms /* a\n"
	"   comment */\n"
	"portal = {\"10.0.0.1:3260\", \"[::1]:3260\"}\n"
	"\n"
	"target \"iqn.2026-11.example:disk\" {\n"
	"	portal = 10.0.0.2\n"
	"	node.session.cmds_max = 010\n"
	"	alias = 'a b'\n"
	"}\n"
	"target iqn.2026-11.example:empty { }\n";

static void defaults_and_sections_are_read_with_their_lines(void **state)
{
	struct world *w = *state;
	const struct conf_entry *e;

	assert_int_equal(read_text(w, good), 0);
	assert_int_equal(w->file->count, 3);
	assert_null(w->file->sections[0].title);
	assert_string_equal(w->file->sections[1].title, "iqn.2026-11.example:disk");
	assert_string_equal(w->file->sections[2].title, "iqn.2026-11.example:empty");
	e = conf_find(&w->file->sections[0], "portal");
	assert_int_equal(e->count, 2);
	assert_string_equal(e->values[0], "10.0.0.1:3260");
	assert_string_equal(e->values[1], "[::1]:3260");
	assert_int_equal(e->line, 6);
	e = conf_find(&w->file->sections[1], "portal");
	assert_int_equal(e->count, 1);
	assert_int_equal(e->line, 9);
	assert_string_equal(conf_find(&w->file->sections[1], "alias")->values[0], "a b");
	assert_null(conf_find(&w->file->sections[2], "alias"));
}

static void settings_go_to_their_fields(void **state)
{
	struct world *w = *state;
	struct node_settings s;

	assert_int_equal(read_text(w, good), 0);
	node_settings_init(&s);
	assert_int_equal(apply(w, 0, &s), 0);
	assert_int_equal(apply(w, 1, &s), 0);
	assert_int_equal(s.replacement_timeout, 20000);
	assert_int_equal(s.noop_out_interval, 5000);
	assert_int_equal(s.noop_out_timeout, 250);
	assert_int_equal(s.cmds_max, 10);
}

static void a_bad_value_names_file_line_key_and_range(void **state)
{
	struct world *w = *state;
	struct node_settings s;

	assert_int_equal(read_text(w, "\n\nnode.session.timeo.replacement_timeout = \"5 parsecs\""),
			 0);
	node_settings_init(&s);
	assert_int_equal(apply(w, 0, &s), -ERR_INVALID);
	assert_string_equal(w->err.text, "x.conf:3: replacement_timeout \"5 parsecs\": want "
			    "seconds, -1 or more");
}

static void what_is_not_applied_is_noted_with_its_line(void **state)
{
	struct world *w = *state;
	struct node_settings s;

	assert_int_equal(read_text(w, "node.startup = manual\n"
				   "node.session.iscsi.MaxBurstLength = 16776192\n"
				   "node.session.iscsi.FirstBurstLength = 262144\n"), 0);
	node_settings_init(&s);
	assert_int_equal(apply(w, 0, &s), 0);
	assert_string_equal(w->notes, "x.conf:1: node.startup is ignored: what is configured is "
			    "logged into when iscsifs starts\n"
			    "x.conf:2: MaxBurstLength \"16776192\" is not applied: libiscsi 1.19 "
			    "has no setter for it; \"262144\" is in force\n");
}

static void mistakes_are_one_sentence_with_their_line(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "\nreplacement_timeout = 5", "x.conf:2: unknown key \"replacement_timeout\", in "
		  "a file its full name is wanted: node.session.timeo.replacement_timeout" },
		{ "node.session.timeo.replacment_timeout = 5", "x.conf:1: unknown key "
		  "\"node.session.timeo.replacment_timeout\", did you mean "
		  "node.session.timeo.replacement_timeout?" },
		{ "xyzzy = 5", "x.conf:1: unknown key \"xyzzy\" (a value with blanks wants "
		  "quotes)" },
		{ "node.session.cmds_max = 5 parsecs", "x.conf:1: unknown key \"parsecs\" (a value "
		  "with blanks wants quotes)" },
		{ "node.conn[0].iscsi.HeaderDigest = CRC32C,None", "x.conf:1: unexpected token ',' "
		  "(a value with blanks, commas, = or braces wants quotes)" },
		{ "alias = x", "x.conf:1: alias belongs into a target section" },
		{ "target x {\ntarget y { } }", "x.conf:2: target does not belong into a target "
		  "section" },
		{ "/* one\ntwo */\nnode.session.cmds_max = 5\nnode.session.cmds_max = 5",
		  "x.conf:4: node.session.cmds_max is given twice, first in line 3" },
		{ "node.conn[0].timeo.login_timeout = 5\nnode.conn.timeo.login_timeout = 6",
		  "x.conf:2: node.conn[0].timeo.login_timeout is given twice, first in line 1" },
		{ "portal = a\nportal = b", "x.conf:2: portal is given twice, first in line 1" },
		{ "portal = {a, b}\nportal = {a}", "x.conf:2: portal is given twice, first in "
		  "line 1" },
		{ "target x { }\ntarget x { }", "x.conf:2: found duplicate title 'x'" },
		{ "target { }", "x.conf:1: missing title for section 'target'" },
		{ "\ntarget x {\n", "x.conf:2: the section or list that begins here has no end" },
		{ "target x {}\nportal = {a", "x.conf:2: the section or list that begins here has "
		  "no end" },
		{ "node.session.cmds_max =", "x.conf:1: the file ends where a value should stand" },
		{ "node.session.cmds_max 5", "x.conf:1: missing equal sign after option "
		  "'node.session.cmds_max'" },
		{ "}", "x.conf:1: unexpected closing brace" },
		{ "\nportal = \"x\n\n", "x.conf:2: the string that begins here has no end" },
		{ "# it's\nportal = 'x\\'", "x.conf:2: the string that begins here has no end" },
		{ "\n\n/* x", "x.conf:3: the comment that begins here has no end" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (read_text(w, cases[i].text) != -ERR_INVALID)
			fail_msg("not refused: %s", cases[i].text);
		assert_string_equal(w->err.text, cases[i].error);
		assert_null(w->file);
	}
}

static void a_list_may_be_appended_to(void **state)
{
	struct world *w = *state;
	const struct conf_entry *e;

	assert_int_equal(read_text(w, "portal = {a}\nportal += {b, c}\n"), 0);
	e = conf_find(&w->file->sections[0], "portal");
	assert_int_equal(e->count, 3);
	assert_string_equal(e->values[2], "c");
}

static void variables_expand_in_double_quotes_and_not_in_single_ones(void **state)
{
	struct world *w = *state;

	setenv("ISCSIFS_TEST", "sesame", 1);
	assert_int_equal(read_text(w, "portal = {\"a${ISCSIFS_TEST}\", 'a${ISCSIFS_TEST}'}"), 0);
	unsetenv("ISCSIFS_TEST");
	assert_string_equal(w->file->sections[0].entries[0].values[0], "asesame");
	assert_string_equal(w->file->sections[0].entries[0].values[1], "a${ISCSIFS_TEST}");
}

static void comment_signs_within_strings_are_text(void **state)
{
	struct world *w = *state;

	assert_int_equal(read_text(w, "portal = {'a#b', \"c/*d\", 'e//f', \"g\\\"#h\"} # 'x\n"), 0);
	assert_string_equal(w->file->sections[0].entries[0].values[1], "c/*d");
	assert_string_equal(w->file->sections[0].entries[0].values[3], "g\"#h");
}

static void an_empty_file_has_no_sections(void **state)
{
	struct world *w = *state;

	assert_int_equal(read_text(w, ""), 0);
	assert_int_equal(w->file->count, 1);
	assert_int_equal(w->file->sections[0].count, 0);
}

static void a_secret_that_others_may_read_is_refused(void **state)
{
	static const char *const texts[] = {
		"\nnode.session.auth.password = sesame",
		"\ntarget x { chap = sesame }",
		"\ntarget x { discovery.sendtargets.auth.password_in = sesame }",
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(read_text(w, texts[i]), 0);
		assert_int_equal(chmod("x.conf", 0640), 0);
		conf_file_free(w->file);
		w->file = NULL;
		assert_int_equal(conf_file_read(&w->file, "x.conf", &grammar, &w->err),
				 -ERR_ACCESS);
		assert_non_null(strstr(w->err.text, "x.conf:2: "));
		assert_non_null(strstr(w->err.text, "chmod 600 x.conf"));
		assert_null(strstr(w->err.text, "sesame"));
	}
	assert_int_equal(read_text(w, good), 0);
	assert_int_equal(chmod("x.conf", 0644), 0);
	conf_file_free(w->file);
	assert_int_equal(conf_file_read(&w->file, "x.conf", &grammar, &w->err), 0);
}

static void what_is_no_file_is_refused(void **state)
{
	struct world *w = *state;

	assert_int_equal(conf_file_read(&w->file, "missing.conf", &grammar, &w->err),
			 -ERR_INVALID);
	assert_string_equal(w->err.text, "missing.conf: No such file or directory");
	w->err = (struct err)ERR_INIT;
	assert_int_equal(conf_file_read(&w->file, ".", &grammar, &w->err), -ERR_INVALID);
	assert_string_equal(w->err.text, ". is a directory");
	if (geteuid() == 0)
		return;
	write_bytes("", 0, 0);
	w->err = (struct err)ERR_INIT;
	assert_int_equal(conf_file_read(&w->file, "x.conf", &grammar, &w->err), -ERR_ACCESS);
}

static void nul_bytes_and_heaps_of_garbage_are_refused(void **state)
{
	struct world *w = *state;
	size_t len = 10u << 20;
	char *text = malloc(len);
	uint32_t x = 1;

	write_bytes("\nportal = a\0b\n", 14, 0600);
	assert_int_equal(conf_file_read(&w->file, "x.conf", &grammar, &w->err), -ERR_INVALID);
	assert_string_equal(w->err.text, "x.conf:2: a NUL byte, that is no configuration");

	for (size_t i = 0; i < len; i++)
		text[i] = (char)((x = x * 1664525 + 1013904223) >> 24);
	write_bytes(text, len, 0600);
	w->err = (struct err)ERR_INIT;
	assert_int_equal(conf_file_read(&w->file, "x.conf", &grammar, &w->err), -ERR_INVALID);
	assert_string_equal(w->err.text, "x.conf: more than 1 MiB, that is no configuration");

	/* The same, small enough to be parsed: never a crash, always a sentence or a file. */
	for (size_t i = 0; i + 300 < 300000; i += 300) {
		for (size_t j = 0; j < 300; j++)
			text[i + j] = text[i + j] ? text[i + j] : ' ';
		write_bytes(text + i, 300, 0600);
		w->err = (struct err)ERR_INIT;
		if (!conf_file_read(&w->file, "x.conf", &grammar, &w->err)) {
			conf_file_free(w->file);
			w->file = NULL;
		} else {
			assert_true(err_is_set(&w->err));
		}
	}
	free(text);
}

static void a_file_cut_at_any_byte_is_read_or_refused(void **state)
{
	struct world *w = *state;

	for (size_t len = 0; len < sizeof(good); len++) {
		write_bytes(good, len, 0600);
		w->err = (struct err)ERR_INIT;
		if (conf_file_read(&w->file, "x.conf", &grammar, &w->err))
			assert_int_equal(w->err.code, ERR_INVALID);
		conf_file_free(w->file);
		w->file = NULL;
	}
}

static void the_stock_lines_of_iscsid_conf_can_be_pasted(void **state)
{
	struct world *w = *state;
	struct node_settings s;

	assert_int_equal(read_text(w,
		"iscsid.startup = /bin/systemctl\n"
		"node.startup = manual\n"
		"node.leading_login = No\n"
		"node.session.timeo.replacement_timeout = 120\n"
		"node.conn[0].timeo.login_timeout = 15\n"
		"node.conn[0].timeo.noop_out_interval = 5\n"
		"node.session.err_timeo.abort_timeout = 15\n"
		"node.session.initial_login_retry_max = 8\n"
		"node.session.cmds_max = 128\n"
		"node.session.xmit_thread_priority = -20\n"
		"node.session.iscsi.InitialR2T = No\n"
		"node.session.iscsi.MaxBurstLength = 16776192\n"
		"node.conn[0].iscsi.MaxRecvDataSegmentLength = 262144\n"
		"discovery.sendtargets.iscsi.MaxRecvDataSegmentLength = 32768\n"
		"node.session.nr_sessions = 1\n"
		"node.session.iscsi.FastAbort = Yes\n"
		"node.session.scan = auto\n"), 0);
	node_settings_init(&s);
	assert_int_equal(apply(w, 0, &s), 0);
	assert_non_null(strstr(w->notes, "x.conf:12: MaxBurstLength"));
	assert_non_null(strstr(w->notes, "x.conf:16: FastAbort"));
	assert_null(strstr(w->notes, "abort_timeout"));
}

/* --- iscsid.conf --- */

static int read_iscsid(struct world *w, const char *text)
{
	write_bytes(text, strlen(text), 0600);
	conf_file_free(w->file);
	w->file = NULL;
	w->err = (struct err)ERR_INIT;
	return iscsid_conf_read(&w->file, "x.conf", &node_settings_table, &w->err);
}

static void an_iscsid_conf_is_read_as_it_is(void **state)
{
	struct world *w = *state;
	struct node_settings s;

	assert_int_equal(read_iscsid(w,
		"# Open-iSCSI \"default\" configuration.\n"
		"\n"
		"iscsid.startup = /bin/systemctl start iscsid.socket iscsiuio.socket\n"
		"   # indented\n"
		"node.session.auth.chap_algs = SHA3-256,SHA256,SHA1,MD5\n"
		"node.session.auth.username = user name#1\n"
		"node.session.auth.password = a=b 'c\n"
		"node.conn[0].timeo.login_timeout=15\n"
		"node.session.timeo.replacement_timeout = 10\r\n"
		"node.session.timeo.replacement_timeout = 20\n"
		"node.conn[0].iscsi.HeaderDigest = CRC32C,None"), 0);
	node_settings_init(&s);
	assert_int_equal(apply(w, 0, &s), 0);
	assert_string_equal(s.username, "user name#1");
	assert_string_equal(s.password, "a=b 'c");
	assert_int_equal(s.replacement_timeout, 20000);
	assert_int_equal(s.header_digest, NODE_DIGEST_CRC32C_NONE);
	assert_string_equal(w->notes, "x.conf:3: iscsid.startup is ignored: there is no iscsid "
			    "here\nx.conf:5: chap_algs \"SHA3-256,SHA256,SHA1,MD5\" is not applied: "
			    "libiscsi 1.19 knows no other CHAP algorithm; \"MD5\" is in force\n");
}

static void mistakes_in_an_iscsid_conf_have_their_line(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "\nnode.startup\n", "x.conf:2: want name = value" },
		{ "node.startupp = x", "x.conf:1: unknown setting \"node.startupp\", did you mean "
		  "node.startup?" },
		{ "replacement_timeout = 5", "x.conf:1: unknown setting \"replacement_timeout\"" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(read_iscsid(w, cases[i].text), -ERR_INVALID);
		assert_string_equal(w->err.text, cases[i].error);
	}
	write_bytes("node.session.auth.password = sesame\n", 36, 0644);
	w->err = (struct err)ERR_INIT;
	assert_int_equal(iscsid_conf_read(&w->file, "x.conf", &node_settings_table, &w->err),
			 -ERR_ACCESS);
}

#define with_world(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_world(defaults_and_sections_are_read_with_their_lines),
		with_world(settings_go_to_their_fields),
		with_world(a_bad_value_names_file_line_key_and_range),
		with_world(what_is_not_applied_is_noted_with_its_line),
		with_world(mistakes_are_one_sentence_with_their_line),
		with_world(a_list_may_be_appended_to),
		with_world(variables_expand_in_double_quotes_and_not_in_single_ones),
		with_world(comment_signs_within_strings_are_text),
		with_world(an_empty_file_has_no_sections),
		with_world(a_secret_that_others_may_read_is_refused),
		with_world(what_is_no_file_is_refused),
		with_world(nul_bytes_and_heaps_of_garbage_are_refused),
		with_world(a_file_cut_at_any_byte_is_read_or_refused),
		with_world(the_stock_lines_of_iscsid_conf_can_be_pasted),
		with_world(an_iscsid_conf_is_read_as_it_is),
		with_world(mistakes_in_an_iscsid_conf_have_their_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
