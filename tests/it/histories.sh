#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Histories of real programs: that the checker finds a target which loses, pretends or comes late, and
# what the matrix of faults has no place for.
# shellcheck source=tests/it/fault_functions.sh
. "$(dirname "$0")/fault_functions.sh"

_fault() {	# RULE
	_at_target fault add "rule bad on $1" >rules.out
}

_wait_struck() {
	_at_target fault wait bad 'hits>=1' >wait.out || fail "the rule did not strike"
}

_stage() {	# [SETTING=VALUE]…: a disk of which a cache can be lost, and a mount
	expect_outage
	expect_log 'aborted|took longer|no answer'
	expect_log 'perhaps another initiator uses our name'	# it is a link that comes and goes
	truncate -s 64M disk.img
	target_start "lun=$CASE_DIR/disk.img,write-cache=volatile" -- \
		--control "$CASE_DIR/target.sock" --enable-faults
	mount_start replacement_timeout=60 noop_out_interval=1 noop_out_timeout=2 \
		login_timeout=1 time2wait=eager "$@"
}

_history() {	# KEY=VALUE…
	history_start history "$(lun_file)" "seed=${ISCSIFS_SEED:-$RANDOM}" threads=6 pause=2 "$@"
}

# It finds what is wrong, says what, and how to do it again.
_expect_caught() {	# REGEX
	wait_for 30 "the history to find it" _gone "${PID[history]}"
	wait "${PID[history]}" && fail "nothing was found"
	unset "PID[history]"
	expect "what" grep -qE "$1" history.log
	expect "how again" grep -q 'again: .*history .* seed=' history.log
}

# ---- the checker can fail -------------------------------------------------------------------

a_cache_that_is_lost_in_secret_is_caught() {
	_stage
	_history flush=0 dsync=no
	wait_for 20 "something to lose" _has_written 50
	_fault 'time 50ms count 20 do forget cache'
	_expect_caught 'lun0 holds what it must not hold'
}

_has_written() {	# N
	[ "$(session_get writes)" -ge "$1" ]
}

# Without O_DSYNC: a write with FUA is in the cache until it is flushed, and nobody hears of a cache
# that is forgotten just then.
a_cache_that_is_lost_and_announced_is_no_fault() {
	_stage
	_history
	wait_for 20 "something to lose" _has_written 50
	history_losing history
	_fault 'time 0 do forget cache'
	_wait_struck
	history_lost history
	history_end history
}

a_write_that_was_only_pretended_is_caught() {
	_stage
	_history
	wait_for 20 "something to overwrite" _has_written 50
	_fault 'write every 10 do pretend'
	_expect_caught 'holds what it must not hold'
}

a_write_that_comes_late_from_a_session_that_is_gone_is_caught() {
	_stage
	_history units=256 read=75
	session_expect 'link_for_ms>=1000'
	_fault 'write every 100 count 20 do zombie 1s, reset'
	_expect_caught 'holds what it must not hold'
}

# ---- what may fail --------------------------------------------------------------------------

# Old or new, and nothing else, and whichever it is it stays; the others are not touched.
a_write_that_failed_is_there_or_not() {
	_stage replacement_timeout=300ms
	_history errors=yes units=256
	wait_for 20 "some of it" _has_written 50
	history_losing history
	target_kill9
	session_expect gate=FAIL 'errors>=1'
	target_restart
	session_expect link=UP gate=OPEN
	history_lost history
	history_end history
	expect "errors" grep -qE 'errors=[1-9]' history.out
}

a_write_that_failed_and_was_on_its_way_is_not_sent_again() {
	_stage replacement_timeout=300ms scsi_cmd_timeout=0
	_history errors=yes units=256
	_fault 'write nth 20 do execute, refuse for 1500ms, reset'
	session_expect gate=FAIL 'errors>=1'
	session_expect link=UP gate=OPEN
	history_end history
	expect "errors" grep -qE 'errors=[1-9]' history.out
}

# ---- how a connection ends ------------------------------------------------------------------

a_goodbye_and_a_reset_are_told_apart() {
	_stage
	_history
	_fault 'write nth 3 do close'
	_wait_struck
	session_expect outages=1 link=UP gate=OPEN
	wait_line 5 mount.m.log 'session lost, dialling again: .* closed the connection'
	_at_target fault clear
	_fault 'write nth 3 do reset'
	_wait_struck
	session_expect outages=2 link=UP gate=OPEN
	wait_line 5 mount.m.log 'session lost, dialling again: .*Connection reset by peer'
	history_end history
}

a_session_that_is_dropped_with_notice_comes_back() {
	_stage
	_history
	_fault 'write nth 3 do async drop-session'
	_wait_struck
	session_expect outages=1 link=UP gate=OPEN logins=2
	history_end history
	session_expect outages=1 errors=0
}

a_session_that_the_target_forgets_is_left_and_made_anew() {
	_stage
	_history
	_fault 'write nth 3 do forget session'
	_wait_struck
	session_expect outages=1 link=UP gate=OPEN logins=2
	history_end history
	session_expect outages=1 errors=0
}

no_bad_digest_lets_bad_data_through() {
	local what n=0
	_stage HeaderDigest=CRC32C
	_history
	for what in 'read nth 2 do corrupt header-digest' 'write nth 2 do corrupt header-digest' \
		'flush nth 1 do corrupt header-digest' 'data-in nth 2 do corrupt header-digest' \
		'data-in nth 3 do flip bit 160 digest broken'; do
		session_expect 'link_for_ms>=1000'
		_fault "$what"
		_wait_struck
		n=$((n + 1))
		session_expect outages=$n link=UP gate=OPEN
		_at_target fault clear
	done
	history_end history
	session_expect outages=$n errors=0
}

run_cases "$@"
