#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Commands that are late, over the wire: each rung of the ladder, who waits and who does not; and
# requests that end the link. The target's faults make them.
# shellcheck source=tests/it/functions.sh
. "$(dirname "$0")/functions.sh"

ADM=(iscsifsadm "--socket=${CASE_DIR-}/target.sock")

_target() {
	"${ADM[@]}" "$@"
}

# _two_luns RULE…: a target with two disks and these rules
_two_luns() {
	local rules=()
	for rule; do
		rules+=(--fault "$rule")
	done
	target_start lun=ram:8M lun=ram:8M -- --control "$CASE_DIR/target.sock" --enable-faults \
		"${rules[@]}"
}

_quick_mount() {	# SETTING=VALUE…
	expect_outage
	mount_start replacement_timeout=60 login_timeout=5s scsi_cmd_timeout=1s abort_timeout=2s \
		lu_reset_timeout=2s tgt_reset_timeout=2s time2wait=eager "$@"
}

_wait_hits() {	# RULE N
	_target --timeout=30s target fault wait "$1" "hits>=$2" >wait.out ||
		fail "rule $1 did not strike $2 times"
}

_read_one() {	# LUN [BLOCK]: in the background, and not waited for
	dd if="$(lun_file "$1")" of=/dev/null bs=4096 count=1 skip="${2-0}" iflag=direct status=none &
}

_reads_at_once() {	# LUN
	timeout $((10 * SLOW)) dd if="$(lun_file "$1")" of=/dev/null bs=4096 count=1 iflag=direct status=none
}

a_late_command_is_aborted_and_sent_again() {
	_two_luns 'rule stuck on read where lun=0 count 1 do drop'
	_quick_mount
	_read_one 0
	finish $!
	session_expect aborts=1 aborted=1 lun_resets=0 losses=0 ladder=IDLE gate=OPEN
	expect_equal "reads that were dropped" \
		"$(_target target fault list | sed -n 's/^hits=//p')" 1
}

an_answer_withheld_is_asked_for_again() {
	_two_luns 'rule stuck on write where lun=0 count 1 do withhold'
	_quick_mount
	pattern_write "$(lun_file 0)" seed=5 blocks=0..255 io=16 sync=end
	pattern_check "$(lun_file 0)" seed=5 blocks=0..255
	session_expect aborts=1 lun_resets=0 losses=0 gate=OPEN
}

an_abort_that_is_rejected_leads_to_a_reset_of_the_lun() {
	local readers=() pid
	_two_luns 'rule stuck on read where lun=0 count 3 do drop' \
		'rule no on tmf where function=abort-task do reject unsupported'
	_quick_mount scsi_cmd_timeout=4s
	pattern_write "$(lun_file 1)" seed=4 blocks=0..15
	pattern_write "$(lun_file 0)" seed=5 blocks=0..255
	for block in 0 100 200; do
		_read_one 0 $block
		readers+=($!)
	done
	for pid in "${readers[@]}"; do
		finish "$pid"
	done
	pattern_check "$(lun_file 0)" seed=5 blocks=0..255
	session_expect aborts=1 lun_resets=1 aborted=3 target_resets=0 losses=0 gate=OPEN \
		power_losses=0
}

an_abort_without_an_answer_leads_to_a_reset_of_the_lun() {
	_two_luns 'rule stuck on write where lun=0 count 1 do drop' \
		'rule no on tmf where function=abort-task do drop'
	_quick_mount
	pattern_write "$(lun_file 0)" seed=5 blocks=0..255 io=16 sync=end
	pattern_check "$(lun_file 0)" seed=5 blocks=0..255
	session_expect aborts=1 lun_resets=1 target_resets=0 losses=0 gate=OPEN
}

two_rungs_without_an_answer_lead_to_a_reset_of_the_target() {
	_two_luns 'rule stuck on write where lun=0 count 1 do drop' \
		'rule no on tmf where function=abort-task do drop' \
		'rule nono on tmf where function=lun-reset do drop'
	_quick_mount
	pattern_write "$(lun_file 0)" seed=5 blocks=0..255 io=16
	pattern_check "$(lun_file 0)" seed=5 blocks=0..255
	session_expect aborts=1 lun_resets=1 target_resets=1 losses=0 gate=OPEN power_losses=0
}

no_rung_that_is_answered_leads_to_a_new_connection() {
	_two_luns 'rule stuck on write where lun=0 count 1 do drop' 'rule no on tmf do drop'
	_quick_mount
	pattern_write "$(lun_file 0)" seed=5 blocks=0..255 io=16 sync=end
	pattern_check "$(lun_file 0)" seed=5 blocks=0..255
	session_expect aborts=1 lun_resets=1 target_resets=1 ladder_cuts=1 losses=1 gate=OPEN
}

a_stuck_lun_holds_no_other() {
	local stuck
	_two_luns 'rule stuck on read where lun=0 do drop' 'rule no on tmf do drop'
	_quick_mount abort_timeout=30s lu_reset_timeout=30s
	_read_one 0
	stuck=$!
	session_expect ladder=ABORT
	expect "the other LUN" _reads_at_once 1
	expect_equal "the rung" "$(session_get ladder)" ABORT
	expect "the reader of the stuck one waits" _alive $stuck
	_target target fault clear
	iscsifsadm --socket="$ISCSIFS_RUNTIME_DIR/${PID[mount.m]}.sock" set \
		replacement_timeout 1s >set.out
	finish $stuck 1
	session_expect ladder=ABORT gate=FAIL
}

a_reset_on_its_way_holds_its_own_lun_alone() {
	local stuck
	_two_luns 'rule stuck on read where lun=0 count 1 do drop' \
		'rule no on tmf where function=abort-task do reject unsupported' \
		'rule late on tmf where function=lun-reset do drop'
	_quick_mount lu_reset_timeout=8s
	_read_one 0
	stuck=$!
	session_expect ladder=LUN_RESET
	expect "the other LUN" _reads_at_once 1
	expect "the reader of the stuck one waits" _alive $stuck
	finish $stuck
	session_expect target_resets=1 losses=0 gate=OPEN
}

a_lun_that_never_answers_fails_its_requests_and_no_others() {
	_two_luns 'rule stuck on read where lun=0 do drop'
	_quick_mount scsi_cmd_timeout=500ms
	expect_not "its reader" dd if="$(lun_file 0)" of=/dev/null bs=4096 count=1 iflag=direct \
		status=none
	session_expect 'aborts>=6' lun_resets=0 losses=0
	expect "the other LUN" _reads_at_once 1
	_target target fault clear
	expect "its reader, later" _reads_at_once 0
}

# A command of 256 KiB is 4 s on the way, and nothing else comes or goes meanwhile.
a_slow_link_is_not_cut() {
	need python3
	target_start lun=ram:8M
	spawn slow "$(dirname "$0")/slow_link.py" "${TARGET_PORT[t]}" 65536
	wait_line 10 slow.out '^listening '
	TARGET_PORT[t]=$(sed -n 's/^listening .*://p' slow.out)
	mount_start replacement_timeout=5 scsi_cmd_timeout=2s noop_out_interval=1s noop_out_timeout=1s
	expect "written" dd if=/dev/zero of="$(lun_file)" bs=320K count=1 oflag=direct conv=notrunc \
		status=none
	expect "read" dd if="$(lun_file)" of=/dev/null bs=320K count=1 iflag=direct status=none
	session_expect aborts=0 losses=0 gate=OPEN
}

a_request_that_ends_the_link_each_time_fails_alone() {
	local good bad
	_two_luns 'rule poison on read where lun=0, lba=800-807 do close'
	_quick_mount
	expect_log 'it is given up'
	pattern_write "$(lun_file 1)" seed=4 blocks=0..63
	_read_one 0 100
	bad=$!
	_read_one 1
	good=$!
	finish $good
	finish $bad 1
	session_expect poisoned=1 gate=OPEN
	expect "the LUN after that" _reads_at_once 0
	pattern_check "$(lun_file 1)" seed=4 blocks=0..63
}

run_cases "$@"
