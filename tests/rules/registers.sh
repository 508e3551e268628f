#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What exists is listed where it has to be.
# shellcheck source=tests/rules/rules.sh
. "$(dirname "$0")/rules.sh"

rule_every_test_is_run() {
	local all
	all=" $(in_makefile . | cut -d' ' -f2- | tr '\n' ' ') "
	ours c sh | grep -E '^tests/(unit/test_|sim/test_|it/|peers/|rules/|fuzz/)' |
		grep -vE '/(functions|rules|lib)\.sh$|^tests/it/[a-z_]*\.c$' | while read -r f; do
		case $all in
		*" ${f%.c} "* | *" $f "*) ;;
		*) echo "$f: not in Makefile.am" ;;
		esac
	done
}

breaks_every_test_is_run() {
	put Makefile.am <<-'END'
	check_PROGRAMS = tests/unit/test_base
	END
	put tests/unit/test_lost.c <<-'END'
	END
}

rule_every_source_is_built() {
	local all
	all=" $(in_makefile '_SOURCES$' | cut -d' ' -f2- | tr '\n' ' ') "
	ours c h | grep -E '^(src|include)/' | while read -r f; do
		case $all in
		*" $f "*) ;;
		*) echo "$f: in no _SOURCES of Makefile.am" ;;
		esac
	done
}

breaks_every_source_is_built() {
	put Makefile.am <<-'END'
	libbase_a_SOURCES = src/base/x.c
	END
	put src/base/y.c <<-'END'
	END
}

rule_every_program_has_a_man_page() {
	in_makefile '^s?bin_PROGRAMS$' | while read -r _ p; do
		[ -f "man/$(basename "$p").8" ] || echo "Makefile.am: $p has no man/$(basename "$p").8"
	done
	for f in man/*.[1-9]; do
		[ -f "$f" ] || continue
		in_makefile 'man_MANS$' | grep -qF " $f" || echo "$f: not in dist_man_MANS"
	done
}

breaks_every_program_has_a_man_page() {
	put Makefile.am <<-'END'
	sbin_PROGRAMS = iscsifs
	END
}

# A sentence: two words or more, in lower case. In C every function that cmocka can be given as a
# test, in shell every one that does not begin with _.
rule_case_names_are_sentences() {
	{
		ours c | grep '^tests/' |
			xargs -r grep -noE '^static void [A-Za-z0-9_]+\(void \*\*state\)' /dev/null |
			sed -E 's/static void ([A-Za-z0-9_]+).*/x:\1/'
		ours sh | grep -E '^tests/(it|peers)/' | grep -v '/functions\.sh$' |
			xargs -r grep -nE '^[A-Za-z][A-Za-z0-9_]*\(\)' /dev/null |
			sed -E 's/^([^:]*:[0-9]*):([A-Za-z0-9_]*).*/\1:x:\2/'
	} | awk -F: '
	$4 !~ /^[a-z][a-z0-9]*(_[a-z0-9]+)+$/ || $4 ~ /^test_/ {
		print $1 ":" $2 ": " $4 " is not a sentence"
	}'
}

breaks_case_names_are_sentences() {
	put tests/unit/test_x.c <<-'END'
	static void test_link_1(void **state)
	END
}

# A tarball must build and test itself.
rule_what_a_tarball_needs_is_in_it() {
	local all f
	all=" $(in_makefile '^(EXTRA_DIST|dist_|.*_SOURCES$|.*_HEADERS$)' |
		cut -d' ' -f2- | tr '\n' ' ') "
	ours "" | grep -E '^(tests|bench|conf|man|src|include|\.ci)/|^[A-Za-z-]*$|\.md$' |
		while read -r f; do
			case $f in Makefile | README) continue ;; esac
			case $all in
			*" $f "*) ;;
			*) echo "$f: not distributed" ;;
			esac
		done
}

breaks_what_a_tarball_needs_is_in_it() {
	put Makefile.am <<-'END'
	EXTRA_DIST = COPYING
	END
	put bench/run <<-'END'
	END
}

run_rules "$@"
