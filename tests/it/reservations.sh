#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What our mount sees of persistent reservations that another host has taken.
# shellcheck source=tests/it/functions.sh
. "$(dirname "$0")/functions.sh"

# _other_host ACTION…: as reserve.py has them
_other_host() {
	python3 "$SRCDIR/tests/it/reserve.py" "127.0.0.1:${TARGET_PORT[t]}" "$IQN" "$@" ||
		fail "the other host: $*"
}

_read() {
	dd if="$(lun_file)" of=/dev/null bs=4k count=16 iflag=direct status=none 2>err.txt
}

_write() {
	dd if=/dev/zero of="$(lun_file)" bs=4k count=16 oflag=direct conv=notrunc status=none 2>err.txt
}

_fails_with_a_conflict() {
	expect_not "$1" "$1"
	expect "EBADE" grep -q 'Invalid exchange' err.txt
}

another_host_fences_us_off_and_lets_us_in_again() {
	need python3
	target_start lun=ram:64M
	mount_start
	expect "a write before" _write
	_other_host register:0:0:7 reserve:1:7
	expect "reads of a disk reserved against writes" _read
	_fails_with_a_conflict _write
	_other_host release:1:7 reserve:3:7
	_fails_with_a_conflict _read
	_fails_with_a_conflict _write
	session_expect link=UP gate=OPEN
	_other_host clear:0:7
	expect "a read after" _read
	expect "a write after" _write
}

the_fence_stands_when_we_come_back() {
	need python3
	target_start lun=ram:64M
	mount_start
	_other_host register:0:0:7 reserve:6:7
	mount_stop
	mount_start
	session_expect link=UP gate=OPEN
	_fails_with_a_conflict _write
	_other_host release:6:7
	expect "a write after" _write
}

run_cases "$@"
