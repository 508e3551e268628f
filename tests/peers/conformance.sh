#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# libiscsi's conformance tests against iscsifs-target. The tool counts a test that it skips as
# passed, so the skipped lines are counted here, and may only become fewer. It waits more than it
# works, so it runs for every kind of disk at once, each with a target program of its own.
# shellcheck source=tests/it/functions.sh
. "$(dirname "$0")/../it/functions.sh"

# Wrong in iscsi-test-cu 1.19 itself: GetLBAStatus.UnmapSingle, with more than one block to a physical
# one, asks for the status from one block and wants a descriptor that begins at another.
_known() {
	[ "$1" = "Suite GetLBAStatus, Test UnmapSingle" ]
}

# _begin NAME DISK [PATHS]: all tests of the tool, over one path or two
_begin() {
	local url
	target_start "name=$1" "lun=$2"
	url=$(target_url "$1" 0)
	[ "${3:-1}" = 1 ] || url="$url $url"
	# its exit code is 1 for a known failure, too
	spawn "cu-$1" sh -c "iscsi-test-cu -d -S -n --test=ALL $url >$1.txt 2>&1; :"
}

# _end NAME SKIPS-AT-MOST KNOWN-FAILURES
_end() {
	local suite found=0
	finish "${PID[cu-$1]}"
	expect "$1: it ran" grep -q '^ *tests  *230 ' "$1.txt"
	sed -nE 's/^(Suite .*) had failures:.*/\1/p' "$1.txt" >failed.txt
	while read -r suite; do
		_known "$suite" || fail "$1: $suite: $(grep -A4 -F "$suite" "$1.txt")"
		found=$((found + 1))
	done <failed.txt
	expect_equal "$1: known failures" "$found" "$3"
	found=$(grep -c 'SKIPPED' "$1.txt")
	[ "$found" -le "$2" ] || fail "$1: $found lines skipped, there were $2"
}

every_kind_of_disk_conforms() {
	need iscsi-test-cu
	truncate -s 256M cached.img uncached.img
	_begin memory ram:256M
	_begin file "$CASE_DIR/cached.img"
	_begin uncached "$CASE_DIR/uncached.img,write-cache=off"
	_begin small ram:256M,physical=512
	_begin large ram:256M,block=4096
	_begin thick ram:256M,thin=off
	_begin paths ram:256M 2
	_end memory 121 1
	_end file 121 1
	_end uncached 121 1
	_end small 126 0
	_end large 126 0
	_end thick 135 0
	_end paths 168 1
}

run_cases "$@"
