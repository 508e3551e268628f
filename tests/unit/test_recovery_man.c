/* SPDX-License-Identifier: BSD-2-Clause */
/* iscsifs-recovery(7) shows the tables of link, gate and ladder as the program prints them. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "initiator/gate.h"
#include "initiator/ladder.h"
#include "initiator/link.h"

/* One line of @f, without what is blank at its end; false after the last. */
static bool next_line(FILE *f, char **line, size_t *size)
{
	ssize_t len = getline(line, size, f);

	while (len > 0 && strchr(" \t\n", (*line)[len - 1]))
		(*line)[--len] = '\0';
	return len >= 0;
}

static bool is_marker(const char *line, const char *name, const char *word)
{
	char want[64];

	snprintf(want, sizeof(want), ".\\\" %s() %s", name, word);
	return !strcmp(line, want);
}

/* What stands between the markers of @name, requests left out; the caller frees it. */
static char *manual_table(const char *name)
{
	FILE *man = fopen(TOP_SRCDIR "/man/iscsifs-recovery.7", "r");
	char *text = NULL, *line = NULL;
	size_t text_size, size = 0;
	FILE *out = open_memstream(&text, &text_size);
	bool begun = false, ended = false;

	assert_non_null(man);
	assert_non_null(out);
	while (!ended && next_line(man, &line, &size)) {
		ended = begun && is_marker(line, name, "ends");
		if (begun && line[0] != '.')
			fprintf(out, "%s\n", line);
		begun = begun || is_marker(line, name, "begins");
	}
	assert_true(ended);
	free(line);
	fclose(out);
	fclose(man);
	return text;
}

/* What @print prints, without blanks at the ends of lines; the caller frees it. */
static char *printed_table(void (*print)(FILE *f))
{
	char *text = NULL, *line = NULL;
	size_t text_size, size = 0;
	FILE *out = open_memstream(&text, &text_size);
	FILE *raw = tmpfile();

	assert_non_null(out);
	assert_non_null(raw);
	print(raw);
	rewind(raw);
	while (next_line(raw, &line, &size))
		fprintf(out, "%s\n", line);
	free(line);
	fclose(raw);
	fclose(out);
	return text;
}

static void compare(const char *name, void (*print)(FILE *f))
{
	char *manual = manual_table(name);
	char *printed = printed_table(print);

	assert_string_equal(manual, printed);
	free(manual);
	free(printed);
}

static void the_manual_shows_the_table_of_link(void **state)
{
	(void)state;
	compare("link_print", link_print);
}

static void the_manual_shows_the_table_of_gate(void **state)
{
	(void)state;
	compare("gate_print", gate_print);
}

static void the_manual_shows_the_table_of_ladder(void **state)
{
	(void)state;
	compare("ladder_print", ladder_print);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_manual_shows_the_table_of_link),
		cmocka_unit_test(the_manual_shows_the_table_of_gate),
		cmocka_unit_test(the_manual_shows_the_table_of_ladder),
	};

	return cmocka_run_group_tests_name("recovery_man", tests, NULL, NULL);
}
