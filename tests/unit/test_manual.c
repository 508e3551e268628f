/* SPDX-License-Identifier: BSD-2-Clause */
/* The manual and the example file say what the tables say. */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iscsifs/conf_file.h"
#include "iscsifs/node_settings.h"

enum { FILE_BYTES = 256 * 1024 };

/* A file of the source tree, NUL-terminated; the caller frees it. */
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

/* Without fonts and escapes: "\fBname\fR \-1" is "name -1". */
static void unroff(char *text)
{
	char *to = text;

	for (const char *p = text; *p; p++) {
		if (p[0] == '\\' && p[1] == 'f')
			p += 2;
		else if (p[0] == '\\' && p[1] == '-')
			*to++ = *++p;
		else
			*to++ = *p;
	}
	*to = '\0';
}

/* The default as a file has it. */
static void default_of(const struct setting *row, char *buf, size_t len)
{
	bool quote = !row->deflt[0] || strpbrk(row->deflt, ", ");

	snprintf(buf, len, "%s = %s%s%s", row->name, quote ? "\"" : "", row->deflt,
		 quote ? "\"" : "");
}

static void the_manual_names_each_setting_with_default_unit_and_range(void **state)
{
	char *text = source_text("man/iscsifs.conf.5");

	(void)state;
	unroff(text);
	for (size_t i = 0; i < node_settings_table.count; i++) {
		const struct setting *row = &node_settings_table.rows[i];
		char want[256], deflt[512], line[1024];

		if (row->class == SETTING_IGNORED)
			continue;
		default_of(row, deflt, sizeof(deflt));
		snprintf(line, sizeof(line), "\n%s (%s%s)\n", deflt,
			 settings_want(row, want, sizeof(want)), row->live ? "; live" : "");
		if (!strstr(text, line))
			fail_msg("man/iscsifs.conf.5 lacks a line:%s", line);
	}
	free(text);
}

static void the_manual_names_what_is_ignored(void **state)
{
	char *text = source_text("man/iscsifs.conf.5");

	(void)state;
	unroff(text);
	for (size_t i = 0; i < node_settings_table.count; i++) {
		const struct setting *row = &node_settings_table.rows[i];
		char line[512];

		snprintf(line, sizeof(line), "\n%s\n", row->name);
		if (row->class == SETTING_IGNORED && !strstr(text, line))
			fail_msg("man/iscsifs.conf.5 lacks a line:%s", line);
	}
	free(text);
}

static void the_example_file_shows_each_setting_with_its_default(void **state)
{
	char *text = source_text("conf/iscsifs.conf");

	(void)state;
	for (size_t i = 0; i < node_settings_table.count; i++) {
		const struct setting *row = &node_settings_table.rows[i];
		char deflt[512], line[1024];

		if (row->class != SETTING_HONOURED)
			continue;
		default_of(row, deflt, sizeof(deflt));
		snprintf(line, sizeof(line), "\n#%s\n", deflt);
		if (!strstr(text, line))
			fail_msg("conf/iscsifs.conf lacks a line:%s", line);
	}
	free(text);
}

/* A comment sign before what looks like a setting or a section goes, others stay. */
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

static const struct conf_key top_keys[] = { { .name = "portal", .list = true },
					    { .name = NULL } };
static const struct conf_key target_keys[] = { { .name = "portal", .list = true },
					       { .name = "lun" },
					       { .name = "alias" },
					       { .name = NULL } };

static void the_example_file_uncommented_is_legal_and_says_the_defaults(void **state)
{
	static const struct conf_grammar grammar = {
		.settings = &node_settings_table,
		.top = top_keys,
		.section = "target",
		.in_section = target_keys,
	};
	char path[256];
	char *text = source_text("conf/iscsifs.conf");
	struct conf_file *f = NULL;
	struct node_settings defaults, said;
	struct err err = ERR_INIT;
	int fd;

	(void)state;
	uncomment(text);
	snprintf(path, sizeof(path), "%s/iscsifs.XXXXXX", getenv("TMPDIR") ?: "/tmp");
	fd = mkstemp(path);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	if (conf_file_read(&f, path, &grammar, &err))
		fail_msg("%s", err.text);
	unlink(path);
	assert_int_equal(f->count, 2);
	node_settings_init(&defaults);
	said = defaults;
	assert_int_equal(conf_apply(f, &f->sections[0], &node_settings_table, &said, no_note, NULL,
				    &err), 0);
	assert_memory_equal(&said, &defaults, sizeof(said));
	conf_file_free(f);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_manual_names_each_setting_with_default_unit_and_range),
		cmocka_unit_test(the_manual_names_what_is_ignored),
		cmocka_unit_test(the_example_file_shows_each_setting_with_its_default),
		cmocka_unit_test(the_example_file_uncommented_is_legal_and_says_the_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
