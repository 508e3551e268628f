# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The frame of the rules. A rule is a function rule_NAME that looks at the tree in the directory it
# stands in and prints a line "FILE:LINE: why" for each violation. Beside it stands a function
# breaks_NAME that makes a small tree in which the rule must find something: a rule that cannot
# fail is no rule. run_rules runs both, for every rule of the file.

set -u
SUITE=$(realpath "$0")
TREE=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
export LC_ALL=C

# ours EXTENSION…: the files of the tree that people write, relative, without build products; all
# of them for an empty extension
ours() {
	local names=() e
	for e; do
		names+=(-o -name "*.$e")
	done
	[ -n "$1" ] || names=(-o -true)
	find . \( -name .git -o -name autom4te.cache -o -name build-aux -o -path './build*' \
		-o -name '_build' -o -path './iscsifs-[0-9]*' \) -prune -o -type f \
		! -name configure ! -name 'config.h.in' ! -name aclocal.m4 ! -name Makefile.in \
		! -name '*~' ! -name '.dirstamp' \( -false "${names[@]}" \) -printf '%P\n' | sort
}

# scripts: the files that a shell runs or sources
scripts() {
	ours "" | while read -r f; do
		case $f in
		*.sh) echo "$f" ;;
		*)
			read -r -n 20 first <"$f" 2>/dev/null
			case ${first-} in '#!'*sh) echo "$f" ;; esac
			;;
		esac
	done
}

# put FILE <<text: a file of a small tree
put() {
	mkdir -p "$(dirname "$1")"
	cat >"$1"
}

# in_makefile VARIABLE-REGEX: the words that Makefile.am assigns or adds to matching variables, as
# "variable word"
in_makefile() {
	awk -v want="$1" '
	/\\$/ { sub(/\\$/, ""); held = held $0 " "; next }
	{
		line = held $0
		held = ""
		if (line !~ /^[A-Za-z_][A-Za-z0-9_]*[ \t]*\+?=/)
			next
		name = line
		sub(/[ \t]*\+?=.*/, "", name)
		sub(/^[^=]*=/, "", line)
		n = split(line, word, /[ \t]+/)
		if (name ~ want)
			for (i = 1; i <= n; i++)
				if (word[i] != "")
					print name, word[i]
	}' Makefile.am
}

run_rules() {
	local name n=0 failed=0 found small names
	names=$(sed -nE 's/^rule_([a-z0-9_]*)\(\) \{$/\1/p' "$SUITE")
	if [ "${1-}" = --list ]; then
		echo "$names"
		exit
	fi
	names=$(for name in $names; do
		echo "${SUITE#"$TREE/"}: $name"
	done | grep -E -- "${ISCSIFS_ONLY:-.}" | sed 's/.*: //')
	for name in $names; do
		n=$((n + 1))
		small=$(mktemp -d)
		(cd "$small" && "breaks_$name") || exit 99
		found=$(cd "$small" && "rule_$name" 2>&1)
		rm -rf "$small"
		if [ -z "$found" ]; then
			echo "not ok $n - $name"
			echo "#   the rule does not find the violation that is made for it"
			failed=1
			continue
		fi
		found=$(cd "$TREE" && "rule_$name" 2>&1)
		case $found in
		'') echo "ok $n - $name" ;;
		SKIP:*) echo "ok $n - $name # SKIP ${found#SKIP: }" ;;
		*)
			echo "not ok $n - $name"
			echo "$found" | sed 's/^/#   /'
			failed=1
			;;
		esac
	done
	echo "1..$n"
	exit $failed
}
