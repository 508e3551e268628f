#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# libiscsi's conformance tests against iscsifs-target. The tool counts a test that it skips as
# passed, so the skipped lines are counted here, and may only become fewer. It waits more than it
# works, so it runs for every kind of disk at once, each with a target program of its own.
# shellcheck source=tests/it/functions.sh
. "$(dirname "$0")/../it/functions.sh"

# Wrong in iscsi-test-cu 1.19 itself: _known DISK SUITE-AND-TEST
_known() {
	case $2 in
	# With more than one block to a physical one, it asks for the status from one block, and wants a
	# descriptor that begins at another.
	"Suite GetLBAStatus, Test UnmapSingle") ! [[ $1 =~ small|large|thick ]] ;;
	# It wants one PDU in its own library's queue. When data may not come with the command, the
	# library has queued a Data-Out behind it.
	"Suite iSCSITMF, Test AbortTaskSimpleAsync") [[ $1 = *apart* ]] ;;
	*) false ;;
	esac
}

# What it may skip: what no initiator of a disk sends, or what this disk is not.
_skips='WRITEATOMIC16 is not implemented
SANITIZE is not implemented
SANITIZE [A-Z_ ]+ is not implemented according to REPORT_SUPPORTED_OPCODES
READDEFECTDATA1[02] is not implemented
Logical unit is not removable
Media is not removable
Logical unit is not write-protected
WRITESAME1[06] does not support 0-blocks
Multipath unavailable
LBPPB < 2
Logical unit is fully provisioned
UNMAP is not implemented'

# _begin NAME DISK [PATHS [IMMEDIATE-DATA]]: all tests of the tool, over one path or two
_begin() {
	local url
	target_start "name=$1" "lun=$2"
	url=$(target_url "$1" 0)
	[ "${3:-1}" = 1 ] || url="$url $url"
	# its exit code is 1 for a known failure, too
	ASK_IMMEDIATE_DATA=${4:-} ASK=$BUILD/tests/peers/ask.so spawn "cu-$1" sh -c \
		"LD_PRELOAD=\$ASK iscsi-test-cu -d -S -n --test=ALL $url >$1.txt 2>&1; :"
}

# _end NAME SKIPS-AT-MOST KNOWN-FAILURES
_end() {
	local suite found=0
	FINISH_LIMIT=150 finish "${PID[cu-$1]}"
	expect "$1: it ran" grep -q '^ *tests  *230  *230 ' "$1.txt"
	sed -nE 's/^(Suite .*) had failures:.*/\1/p' "$1.txt" >failed.txt
	while read -r suite; do
		_known "$1" "$suite" || fail "$1: $suite: $(grep -A4 -F "$suite" "$1.txt")"
		found=$((found + 1))
	done <failed.txt
	expect_equal "$1: known failures" "$found" "$3"
	found=$(grep -c 'SKIPPED' "$1.txt")
	note "$1: $found lines skipped"
	[ "$found" -le "$2" ] || fail "$1: $found lines skipped, there were $2"
	grep 'SKIPPED' "$1.txt" | grep -vE "$_skips" >odd.txt && fail "$1: $(sort -u odd.txt)"
	return 0
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
	_end memory 50 1
	_end file 50 1
	_end uncached 50 1
	_end small 55 0
	_end large 55 0
	_end thick 64 0
	_end paths 46 1
}

# The same where data never comes with its command, and where two paths meet the other disks.
every_way_to_send_data_conforms() {
	need iscsi-test-cu
	truncate -s 256M disk.img
	_begin apart "$CASE_DIR/disk.img" 1 No
	_begin apart-large ram:256M,block=4096 1 No
	_begin apart-thick-large-paths ram:256M,block=4096,thin=off 2 No
	_begin apart-paths ram:256M 2 No
	_begin thick-paths ram:256M,thin=off 2
	_begin large-paths ram:256M,block=4096 2
	_end apart 50 2
	_end apart-large 55 1
	_end apart-thick-large-paths 60 1
	_end apart-paths 46 2
	_end thick-paths 60 0
	_end large-paths 51 0
}

a_protected_disk_refuses_every_write() {
	need iscsi-test-cu
	target_start lun=ram:64M,ro
	iscsi-test-cu -d -S -n --test=ALL.ReadOnly "$(target_url t 0)" >ro.txt 2>&1 || fail "$(cat ro.txt)"
	expect "it ran" grep -qE '^ *tests +1 +1 +1 +0 ' ro.txt
	expect_not "skipped" grep -q SKIPPED ro.txt
}

CASE_LIMIT[every_kind_of_disk_conforms]=180
CASE_LIMIT[every_way_to_send_data_conforms]=180
run_cases "$@"
