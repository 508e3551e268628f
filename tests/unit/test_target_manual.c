/* SPDX-License-Identifier: BSD-2-Clause */
/* iscsifs-target.conf(5) and the example file say what the tables say. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target/target_conf_file.h"
#include "target/tgt_rules.h"

enum { FILE_BYTES = 256 * 1024 };

#define MANUAL	"man/iscsifs-target.conf.5"
#define EXAMPLE	"conf/iscsifs-target.conf"

/* A file of the source tree; the caller frees it. */
static char *source_text(const char *name)
{
	char *text = calloc(1, FILE_BYTES);
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", SRCDIR, name);
	f = fopen(path, "r");
	if (!f)
		fail_msg("%s cannot be opened", path);
	assert_true(fread(text, 1, FILE_BYTES - 1, f) < FILE_BYTES - 1);
	fclose(f);
	return text;
}

/* Without fonts and escapes. */
static char *manual_text(void)
{
	char *text = source_text(MANUAL), *to = text;

	for (const char *p = text; *p; p++) {
		if (p[0] == '\\' && p[1] == 'f')
			p += 2;
		else if (p[0] == '\\' && p[1] == '-')
			*to++ = *++p;
		else
			*to++ = *p;
	}
	*to = '\0';
	return text;
}

static void default_of(const struct setting *row, char *buf, size_t len)
{
	bool quote = !row->deflt[0] || strpbrk(row->deflt, ", ");

	snprintf(buf, len, "%s = %s%s%s", row->name, quote ? "\"" : "", row->deflt,
		 quote ? "\"" : "");
}

static void the_manual_names_each_key_with_default_unit_and_range(void **state)
{
	char *text = manual_text();

	(void)state;
	for (size_t i = 0; i < target_keys_all.count; i++) {
		const struct setting *row = &target_keys_all.rows[i];
		char want[256], deflt[512], line[1024];

		if (row->class == SETTING_IGNORED) {
			snprintf(line, sizeof(line), "\n.B %s\n", row->name);
		} else {
			default_of(row, deflt, sizeof(deflt));
			snprintf(line, sizeof(line), "\n%s (%s)\n", deflt,
				 settings_want(row, want, sizeof(want)));
		}
		if (!strstr(text, line))
			fail_msg(MANUAL " lacks a line:%s", line);
	}
	free(text);
}

static void manual_has_keys(const char *text, const struct conf_key *keys)
{
	for (; keys->name; keys++) {
		char line[256];

		snprintf(line, sizeof(line), "\n%s = ", keys->name);
		if (!strstr(text, line))
			fail_msg(MANUAL " lacks %s", keys->name);
	}
}

static void the_manual_names_the_keys_that_are_no_settings(void **state)
{
	char *text = manual_text();

	(void)state;
	manual_has_keys(text, target_conf_grammar.top);
	manual_has_keys(text, target_conf_grammar.in_section);
	manual_has_keys(text, target_conf_grammar.in_inner);
	free(text);
}

/* Is there a row for one value of @key? */
static bool has_values(const char *key)
{
	for (const struct tgt_rule *r = tgt_rules; r->key; r++) {
		if (r->value && !strcmp(r->key, key))
			return true;
	}
	return false;
}

static void the_manual_says_what_becomes_of_each_key_of_tgt(void **state)
{
	char *text = manual_text();
	size_t rows = 0, said = 0;

	(void)state;
	for (const struct tgt_rule *r = tgt_rules; r->key; r++, rows++) {
		char line[256];

		snprintf(line, sizeof(line), "\n%s%s%s%s (%s)\n", r->key, r->value ? " " : "",
			 r->value ? r->value : "",
			 !r->value && has_values(r->key) ? ", another value" : "",
			 tgt_class_name(r->class));
		if (!strstr(text, line))
			fail_msg(MANUAL " lacks a line:%s", line);
	}
	for (const char *p = text; (p = strpbrk(p, "(")); p++)
		said += !strncmp(p, "(honoured)\n", 11) || !strncmp(p, "(warned about)\n", 15) ||
			!strncmp(p, "(refused)\n", 10);
	assert_int_equal(said, rows);
	free(text);
}

static void the_example_shows_each_key_with_its_default(void **state)
{
	char *text = source_text(EXAMPLE);

	(void)state;
	for (size_t i = 0; i < target_keys_all.count; i++) {
		const struct setting *row = &target_keys_all.rows[i];
		char deflt[512], line[1024];

		if (row->class != SETTING_HONOURED)
			continue;
		default_of(row, deflt, sizeof(deflt));
		snprintf(line, sizeof(line), "\n#%s\n", deflt);
		if (!strstr(text, line))
			fail_msg(EXAMPLE " lacks a line:%s", line);
	}
	free(text);
}

static void example_has_keys(const char *text, const struct conf_key *keys)
{
	for (; keys->name; keys++) {
		char word[256];

		snprintf(word, sizeof(word), "%s = ", keys->name);
		if (!strstr(text, word))
			fail_msg(EXAMPLE " lacks %s", keys->name);
	}
}

/* A comment sign before what looks like a key or a section goes, others stay. */
static void uncomment(char *text)
{
	char *to = text;
	bool begins = true;

	for (const char *p = text; *p; p++) {
		bool sign = begins && p[0] == '#' && p[1] != ' ' && p[1] != '\n';

		begins = *p == '\n';
		if (!sign)
			*to++ = *p;
	}
	*to = '\0';
}

static void no_note(const char *text, void *arg)
{
	(void)arg;
	fail_msg("%s", text);
}

/* @text without the line that begins with @begin. */
static void drop_line(char *text, const char *begin)
{
	char *at = strstr(text, begin), *end = at ? strchr(at, '\n') : NULL;

	assert_non_null(end);
	memmove(at, end, strlen(end) + 1);
}

static void the_example_uncommented_is_legal_and_says_the_defaults(void **state)
{
	char *text = source_text(EXAMPLE);
	struct target_conf said, fresh;
	struct err err = ERR_INIT;
	char path[256];
	int fd;

	(void)state;
	example_has_keys(text, target_conf_grammar.top);
	example_has_keys(text, target_conf_grammar.in_section);
	example_has_keys(text, target_conf_grammar.in_inner);
	uncomment(text);
	drop_line(text, "password_file = ");	/* it is not there */
	snprintf(path, sizeof(path), "%s/iscsifs.XXXXXX", getenv("TMPDIR") ?: "/tmp");
	fd = mkstemp(path);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	target_conf_init(&said);
	target_conf_init(&fresh);
	if (target_conf_read(&said, path, no_note, NULL, &err) ||
	    target_conf_check(&said, no_note, NULL, &err))
		fail_msg("%s", err.text);
	unlink(path);
	for (size_t i = 0; i < target_keys_all.count; i++) {
		const struct setting *row = &target_keys_all.rows[i];

		if (row->class == SETTING_HONOURED && !settings_equal(row, &said.keys, &fresh.keys))
			fail_msg("%s", row->name);
	}
	assert_int_equal(said.target_count, 1);
	target_conf_fini(&said);
	target_conf_fini(&fresh);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_manual_names_each_key_with_default_unit_and_range),
		cmocka_unit_test(the_manual_names_the_keys_that_are_no_settings),
		cmocka_unit_test(the_manual_says_what_becomes_of_each_key_of_tgt),
		cmocka_unit_test(the_example_shows_each_key_with_its_default),
		cmocka_unit_test(the_example_uncommented_is_legal_and_says_the_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
