#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The session side of recovery, and what a person sees of it.
# shellcheck source=tests/it/functions.sh
. "$(dirname "$0")/functions.sh"

ADM=(iscsifsadm "--socket=${CASE_DIR-}/target.sock")	# an array, so that timeout can run it

_target() {
	"${ADM[@]}" target "$@"
}

# _faulty_target [target_start's words]
_faulty_target() {
	target_start "$@" -- --control "$CASE_DIR/target.sock" --enable-faults
}

_fault() {	# RULE
	_target fault add "$1"
}

# When, in ms, the journal first has this: KIND [PDU], behind record SINCE
_journal_ms() {
	_target journal limit=8000 "since=$1" | awk -F= -v kind="$2" -v pdu="${3-}" '
	$0 == "" {
		if (v["kind"] == kind && (pdu == "" || v["pdu"] ~ pdu)) {
			print v["ms"]
			exit
		}
		delete v
		next
	}
	{ v[$1] = $2 }'
}

_journal_end() {
	_target journal limit=8000 | sed -n 's/^seq=//p' | tail -n 1
}

_read_one() {	# FILE: a block of it from the target
	dd if="$1" of=read.out bs=4096 count=1 iflag=direct status=none
}

connected_at_once_logged_in_after_time2wait() {
	local since lost connected login
	expect_outage
	_faulty_target
	mount_start
	since=$(_journal_end)
	_fault 'rule off on time 0 do reset'
	session_expect link=DIAL
	session_expect link=UP logins=2
	lost=$(_journal_ms "$since" closed)
	connected=$(_journal_ms "$since" accepted)
	login=$(_journal_ms "$since" received Login)
	note "lost $lost, connected $connected, login $login"
	expect "connected before" [ $((connected - lost)) -lt 1900 ]
	expect "not before Time2Wait" [ $((login - lost)) -ge 1990 ]
	_read_one "$(lun_file)"
}

run_cases "$@"
