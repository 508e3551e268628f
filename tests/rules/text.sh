#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What the text of a file must have and must not have.
# shellcheck source=tests/rules/rules.sh
. "$(dirname "$0")/rules.sh"

rule_every_source_and_script_names_its_licence() {
	{
		ours c h am ac
		scripts
	} | sort -u | while read -r f; do
		head -n 3 "$f" | grep -q 'SPDX-License-Identifier: BSD-2-Clause' ||
			echo "$f:1: no SPDX line in the first three"
	done
}

breaks_every_source_and_script_names_its_licence() {
	put src/base/x.c <<-'END'
	int x;
	END
}

rule_what_is_to_do_names_its_issue() {
	ours c h sh am ac | grep -v '^tests/rules/' |
		xargs -r grep -nE '\b(TODO|FIXME|XXX)\b' /dev/null | grep -vE '(TODO|FIXME) \(#[0-9]+\)'
}

breaks_what_is_to_do_names_its_issue() {
	put src/base/x.c <<-'END'
	/* TODO: later */
	END
}

rule_a_struct_has_no_second_name() {
	ours c h | xargs -r grep -nE '^[[:space:]]*typedef[[:space:]]+(struct|union|enum)\b' /dev/null
}

breaks_a_struct_has_no_second_name() {
	put src/base/x.h <<-'END'
	typedef struct x {
	END
}

# Nobody's home or mount point is a file's business; a test has a temporary directory of its own.
rule_no_path_of_one_machine() {
	ours "" | grep -v '^tests/rules/' | xargs -r grep -nIE \
		'(^|[^A-Za-z0-9_.~/-])/(work|home|root|Users)/' /dev/null
	ours "" | grep -E '^(tests|bench|run-)' | grep -v '^tests/rules/' |
		xargs -r grep -nI '[^-]/tmp/' /dev/null | grep -v 'XXXXXX'
}

breaks_no_path_of_one_machine() {
	put bench/x.sh <<-'END'
	cd /home/me/iscsifs
	END
}

rule_tests_wait_for_names_not_for_seconds() {
	ours sh c | grep '^tests/' | grep -v '^tests/rules/' |
		xargs -r grep -nE '(^|[^_a-z-])sleep[ (]' /dev/null
}

breaks_tests_wait_for_names_not_for_seconds() {
	put tests/it/x.sh <<-'END'
		sleep 1
	END
}

# Lines of a hundred columns, ten more where a break would read worse; tabs of eight; no blanks at
# the end of a line, a newline at the end of the file.
rule_lines_have_their_length_and_end() {
	{
		ours c h sh
		scripts
	} | sort -u | while read -r f; do
		expand -t 8 "$f" | awk -v f="$f" '
		length($0) > 110 { print f ":" NR ": longer than 110 columns" }'
		grep -nE '[[:blank:]]$' "$f" |
			sed "s|^\([0-9]*\):.*|$f:\1: blanks at the end|"
		[ -z "$(tail -c 1 "$f")" ] || echo "$f: no newline at the end"
	done
}

breaks_lines_have_their_length_and_end() {
	printf 'int x; \n' | put src/base/x.c
}

rule_the_shell_is_clean() {
	command -v shellcheck >/dev/null || {
		echo "SKIP: shellcheck is not installed"
		return
	}
	scripts | xargs -r -n 12 -P 2 shellcheck -x -S warning -f gcc
}

breaks_the_shell_is_clean() {
	put x.sh <<-'END'
	#!/bin/sh
	cd $1
	END
}

run_rules "$@"
