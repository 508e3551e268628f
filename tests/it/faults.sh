#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The target's faults, seen by our own mount: each does what its rule says, and the disk is right.
# shellcheck source=tests/it/fault_functions.sh
. "$(dirname "$0")/fault_functions.sh"

faults_are_refused_unless_enabled() {
	expect_exit 7 'only with --enable-faults' iscsifs-target -f -t "$IQN" -L ram:1M \
		--fault 'rule a on write do close'
	target_start -- --control "$CASE_DIR/target.sock"
	expect_exit 27 'without --enable-faults' "${ADM[@]}" target fault list
	expect_exit 27 'without --enable-faults' "${ADM[@]}" target crash
}

a_connection_that_closes_on_a_write_is_survived() {
	_survives "$_RESENT" 'rule bad on write nth 3 do close'
}

a_reset_on_a_write_is_survived() {
	_survives "$_RESENT" 'rule bad on write nth 3 do reset'
}

a_reset_amid_data_out_is_survived() {
	MOUNT_WITH=(ImmediateData=No)
	_survives "$_RESENT" 'rule bad on data-out nth 3 do reset'
}

data_out_that_is_lost_is_sent_again() {
	MOUNT_WITH=(ImmediateData=No)
	_survives "$_RESENT" 'rule bad on data-out nth 3 do drop'
}

a_reset_between_execution_and_status_is_survived() {
	_survives "$_RESENT" 'rule bad on write nth 3 do execute, reset'
}

a_close_amid_a_read_is_survived() {
	_survives "$_LOGIN_AGAIN" 'rule bad on data-in where op=read nth 2 do close'
}

every_write_closed_once_arrives() {
	_survives "$_RESENT" 'rule bad on write per lba nth 1 chance 30% seed 3 do close'
}

a_write_without_an_answer_is_sent_again() {
	_survives "$_UNANSWERED" 'rule bad on write nth 2 do drop'
	expect_log 'took longer|aborted'
}

an_answer_withheld_is_sent_again() {
	_survives "$_UNANSWERED" 'rule bad on write nth 2 do withhold'
}

a_dropped_write_is_not_carried_out() {
	expect_outage
	_faulty_target 'rule bad on write nth 1 do drop, refuse for 2s'
	_quick_mount
	_write_one
	_wait_hits bad 1
	expect_equal "bytes there" "$(tr -d '\0' <disk.img | wc -c)" 0
	finish $!
	expect_equal "bytes there" "$(tr -d '\0' <disk.img | wc -c)" 4096
}

a_withheld_write_is_carried_out() {
	expect_outage
	_faulty_target 'rule bad on write nth 1 do withhold, mark ran'
	mount_start
	_write_one
	_target --timeout=20s target mark wait ran >wait.out
	expect_equal "bytes there" "$(tr -d '\0' <disk.img | wc -c)" 4096
	expect "the writer waits" _alive $!
	_target target fault clear
	_target target fault add 'rule off on time 0 do reset'
	finish $!
}

a_storm_of_busy_is_survived() {
	_survives "$_RESENT" 'rule bad on write count 20 do status BUSY'
}

a_storm_of_task_set_full_is_survived() {
	_survives "$_RESENT" 'rule bad on write for 500ms do status TASK-SET-FULL'
}

a_storm_of_unit_attentions_is_survived() {
	_survives "$_RESENT" 'rule bad on write every 2 count 10 do sense 6/2a/01'
}

an_aborted_command_is_sent_again() {
	_survives "$_RESENT" 'rule bad on write nth 2 do sense b/4b/00'
}

a_late_answer_is_waited_for() {
	_survives "$_LATE" 'rule bad on write nth 2 do delay 300ms'
}

a_late_flush_is_waited_for() {
	_survives "$_LATE" 'rule bad on flush do delay 300ms'
}

a_black_hole_is_noticed_and_left() {
	_survives "$_SILENT" 'rule bad on write nth 2 do blackhole'
}

a_black_hole_that_ends_is_survived() {
	_survives "$_SAME_SESSION" 'rule bad on write nth 2 do blackhole for 300ms'
}

a_silent_nop_ends_the_session() {
	expect_outage
	_faulty_target 'rule bad on nop count 2 do drop'
	_quick_mount
	_wait_hits bad 2
	pattern_write "$(lun_file)" seed=5 blocks=0..63 sync=end
	session_expect link=UP gate=OPEN
}

a_write_executed_and_answered_busy_is_sent_again() {
	_survives "$_RESENT" 'rule bad on write nth 2 do execute, status BUSY'
}

a_flush_cut_short_is_sent_again() {
	_survives "$_RESENT" 'rule bad on flush nth 1 do reset'
}

a_flush_whose_answer_is_lost_is_sent_again() {
	_survives "$_RESENT" 'rule bad on flush nth 1 do execute, reset'
}

_logs_in_despite() {	# RULE…: the first login or a later one
	expect_outage
	_faulty_target "$@"
	_quick_mount
	pattern_write "$(lun_file)" seed=5 blocks=0..63 sync=end
	_wait_hits bad 1
	_target target fault add "rule again on time 0 do reset"
	session_expect link=UP gate=OPEN 'logins>=2'
	pattern_check "$(lun_file)" seed=5 blocks=0..63
}

a_connection_closed_as_it_is_made_is_tried_again() {
	_logs_in_despite 'rule bad on connect nth 1 do reset'
}

a_connection_that_says_nothing_is_given_up() {
	_logs_in_despite 'rule bad on connect nth 1 do blackhole'
}

a_login_closed_in_the_security_stage_is_tried_again() {
	(umask 077 && echo twelve-letters >password)
	TARGET_WITH=(--chap-user joe --chap-password-file "$CASE_DIR/password")
	MOUNT_WITH=(authmethod=CHAP username=joe password=twelve-letters)
	expect_log 'password on the command line'
	_logs_in_despite 'rule bad on login where stage=security nth 1 do close'
}

a_login_closed_in_the_operational_stage_is_tried_again() {
	_logs_in_despite 'rule bad on login where stage=operational nth 1 do reset'
}

a_login_without_an_answer_is_given_up() {
	_logs_in_despite 'rule bad on login where stage=operational nth 1 do drop'
}

a_late_login_is_waited_for() {
	_logs_in_despite 'rule bad on login nth 1 do delay 500ms'
}

a_login_answered_by_half_is_tried_again() {
	_logs_in_despite 'rule bad on login nth 1 do truncate 30'
}

a_login_met_by_garbage_is_tried_again() {
	_logs_in_despite 'rule bad on login nth 1 do garbage 48'
}

a_logout_without_an_answer_is_not_waited_for_long() {
	expect_outage
	_faulty_target 'rule bad on logout do drop'
	MOUNT_WITH=(logout_timeout=500ms)
	_quick_mount
	pattern_write "$(lun_file)" seed=5 blocks=0..63 sync=end
	mount_stop
	expect_equal "logouts" "$(_hits bad)" 1
	pattern_check disk.img seed=5 blocks=0..63
}

a_lun_goes_and_comes_back() {
	expect_outage
	expect_log 'gone|not there|removed|not ready|barred'
	_faulty_target -- lun=ram:8M lun=ram:16M
	_quick_mount
	pattern_write "$(lun_file 1)" seed=5 blocks=0..63 sync=end
	_target target fault add 'rule off on mark off do remove lun 1'
	_target target fault add 'rule on on mark on do add lun 1'
	_target target mark off >mark.out
	expect "the other" dd if="$(lun_file 0)" of=other.out bs=4096 count=1 iflag=direct status=none
	expect_not "the one that went" dd if="$(lun_file 1)" of=other.out bs=4096 count=1 iflag=direct \
		status=none
	_target target mark on >mark.out
	wait_for 20 "LUN 1" _lun_is_back
}

_lun_is_back() {	# LUN 1, which nobody misses until a command to LUN 0 is told of it
	dd if="$(lun_file 0)" of=other.out bs=4096 count=1 iflag=direct status=none
	pattern_check "$(lun_file 1)" seed=5 blocks=0..63 2>check.err
}

libiscsi_sees_what_we_see() {
	local url
	need iscsi-inq iscsi-ls
	_faulty_target 'rule no on login count 1 do refuse with not-found' -- lun=ram:8M
	url=$(target_url t 0)
	expect_not "inquiry, refused" timeout 10 iscsi-inq "$url" >inq.out 2>&1
	expect "which says why" grep -qi 'not found\|0203\|Target' inq.out
	expect "inquiry" timeout 10 iscsi-inq "$url" >inq.out
	_target target fault add 'rule sense on command where op=inquiry do sense 5/24/00'
	expect_not "inquiry, failed" timeout 10 iscsi-inq "$url" >inq.out 2>&1
	expect "with our sense" grep -qi 'ILLEGAL' inq.out
}

a_login_refused_five_times_succeeds_at_last() {
	expect_outage
	_faulty_target 'rule bad on login where stage=full count 5 do refuse with unavailable'
	_quick_mount
	pattern_write "$(lun_file)" seed=5 blocks=0..63 sync=end
	expect_equal "refusals" "$(_hits bad)" 5
}

a_port_that_is_closed_for_a_while_is_waited_for() {
	_survives "$_DEAF" 'rule bad on write nth 2 do refuse for 500ms, reset'
}

a_truncated_answer_is_survived() {
	_survives "$_RESENT" 'rule bad on write nth 2 do execute, truncate 20'
}

garbage_on_the_socket_is_survived() {
	_survives "$_LOGIN_AGAIN" 'rule bad on write nth 2 do garbage 1000'
}

an_answer_of_no_kind_is_survived() {
	_survives "$_LOGIN_AGAIN" 'rule bad on write nth 2 do execute, corrupt opcode'
}

an_answer_that_comes_twice_is_survived() {
	_survives "$_TWICE" 'rule bad on write nth 2 do duplicate'
}

a_rejected_command_is_survived() {
	_survives "$_RESENT" 'rule bad on write nth 2 do reject protocol-error'
}

a_logout_on_request_is_obeyed() {
	_survives "$_LOGIN_AGAIN" 'rule bad on write nth 2 do async logout within 1s'
}

a_dropped_connection_is_dialled_again() {
	_survives "$_LOGIN_AGAIN" 'rule bad on write nth 2 do async drop-connection'
}

a_redirect_is_followed() {
	expect_outage
	_faulty_target
	target_start name=other "lun=$CASE_DIR/disk.img"
	_target target fault add "rule bad on login count 1 do redirect 127.0.0.1:${TARGET_PORT[other]}"
	_quick_mount
	pattern_write "$(lun_file)" seed=5 blocks=0..63 sync=end
	expect_equal "redirects" "$(_hits bad)" 1
	expect_equal "sessions here" "$(_target target session | grep -c tsih)" 0
}

a_crash_that_loses_the_cache_keeps_what_was_synced() {
	expect_outage
	truncate -s 64M disk.img
	_faulty_target -- "lun=$CASE_DIR/disk.img,write-cache=volatile"
	_quick_mount
	_keep_open
	pattern_write "$(lun_file)" seed=5 blocks=0..255 sync=end
	pattern_write "$(lun_file)" seed=6 blocks=1024..1279
	expect_not "on the disk" pattern_check disk.img seed=6 blocks=1024..1279 2>check.err
	_target target crash cache=lose
	pattern_check "$(lun_file)" seed=5 blocks=0..255
	session_expect link=UP gate=OPEN power_losses=1
	expect_not "lost" pattern_check "$(lun_file)" seed=6 blocks=1024..1279 2>check.err
	_let_go
	mount_stop
	pattern_check disk.img seed=5 blocks=0..255
}

a_crash_that_keeps_the_cache_loses_nothing() {
	expect_outage
	truncate -s 64M disk.img
	_faulty_target -- "lun=$CASE_DIR/disk.img,write-cache=volatile"
	_quick_mount
	_keep_open
	pattern_write "$(lun_file)" seed=6 blocks=0..255
	_target target crash cache=keep restart_after=200ms
	pattern_check "$(lun_file)" seed=6 blocks=0..255
	expect_not "on the disk" pattern_check disk.img seed=6 blocks=0..255 2>check.err
	_let_go
}

part_of_a_cache_is_lost_by_seed() {
	expect_outage
	truncate -s 64M disk.img
	_faulty_target -- "lun=$CASE_DIR/disk.img,write-cache=volatile"
	_quick_mount
	_keep_open
	tr '\0' x </dev/zero |
		dd of="$(lun_file)" bs=4096 count=256 iflag=fullblock conv=notrunc status=none
	_target target crash cache=part seed=1
	session_expect link=UP gate=OPEN
	_let_go
	mount_stop
	target_stop
	expect_equal "bytes that were kept" "$(tr -d '\0' <disk.img | wc -c)" $((134 * 4096))
}

a_mark_sets_off_a_rule() {
	expect_outage
	_faulty_target 'rule bad on mark now do reset, mark ready' \
		'rule third on write nth 3 do execute, mark now'
	_quick_mount
	pattern_write "$(lun_file)" seed=5 blocks=0..511 io=16 sync=end
	_target --timeout=20s target mark wait ready "hits>=1" >wait.out
	session_expect link=UP logins=2
	pattern_check "$(lun_file)" seed=5 blocks=0..511
}

time_sets_off_a_rule() {
	expect_outage
	_faulty_target 'rule bad on time 300ms count 3 do reset'
	_quick_mount
	_wait_hits bad 3
	pattern_write "$(lun_file)" seed=5 blocks=0..511 sync=end
	pattern_check "$(lun_file)" seed=5 blocks=0..511
}

the_journal_says_what_happened() {
	local seq
	_faulty_target 'rule bad on write nth 1 do status BUSY'
	mount_start
	seq=$(_target target journal limit=8000 | sed -n 's/^seq=//p' | tail -n 1)
	printf 'here' | dd of="$(lun_file)" bs=4096 seek=8 conv=notrunc,fsync status=none
	_target target journal "since=$seq" >journal.txt
	expect "the write" grep -A4 'op=WRITE(16)' journal.txt
	expect "its place" grep -qx 'lba=64' journal.txt
	expect "the rule" grep -qx 'rule=bad' journal.txt
	expect "its status" grep -qx 'status=08' journal.txt
	expect "the flush" grep -q 'op=SYNCHRONIZE CACHE' journal.txt
}

a_wait_for_a_rule_ends_in_time() {
	_faulty_target 'rule bad on write do close'
	expect_exit 33 'did not get to 2 in time' "${ADM[@]}" --timeout=200ms target fault wait bad 'hits>=2'
	expect_exit 21 'no rule other' "${ADM[@]}" target fault wait other
	_target target fault del bad
	expect_exit 21 'no rule bad' "${ADM[@]}" target fault del bad
	expect_exit 7 'did you mean "close"' "${ADM[@]}" target fault add rule x on write 'do' clos
}

a_shrunken_lun_is_noticed() {
	expect_log 'capacity|size'
	_faulty_target
	_quick_mount
	_target target fault add 'rule small on mark now do resize lun 0 to 32M'
	_target target mark now >mark.out
	wait_for 20 "the new size" _has_size $((32 << 20))
}

_has_size() {
	head -c 4096 "$(lun_file)" >head.out
	[ "$(stat -c %s "$(lun_file)")" = "$1" ]
}

another_identity_bars_the_lun() {
	expect_outage
	expect_log 'another disk|identity|barred'
	_faulty_target 'rule swap on mark now do identity lun 0, reset'
	_quick_mount
	pattern_write "$(lun_file)" seed=5 blocks=0..63 sync=end
	_target target mark now >mark.out
	expect_not "written" dd if=/dev/zero of="$(lun_file)" bs=4096 count=1 \
		conv=notrunc,fsync status=none
	mount_stop
	pattern_check disk.img seed=5 blocks=0..63
}

CASE_LIMIT[any_mix_of_faults_is_survived]=120
any_mix_of_faults_is_survived() {
	local seed=${ISCSIFS_SEED:-$((RANDOM * 32768 + RANDOM))}
	note "ISCSIFS_SEED=$seed"
	expect_outage
	expect_log 'aborted|took longer|no answer'
	MOUNT_WITH=(replacement_timeout=60)
	[ $((seed % 2)) = 0 ] || MOUNT_WITH+=(ImmediateData=No)
	_faulty_target "rule w1 on write chance 3% seed $seed do close" \
		"rule w2 on write chance 2% seed $((seed + 1)) do execute, reset" \
		"rule w3 on write chance 1% seed $((seed + 2)) do truncate 30" \
		"rule w4 on write chance 2% seed $((seed + 3)) do status BUSY" \
		"rule w5 on write chance 1% seed $((seed + 4)) do duplicate" \
		"rule w6 on write chance 2% seed $((seed + 5)) do delay 20ms" \
		"rule w7 on write chance 1% seed $((seed + 6)) do execute, status TASK-SET-FULL" \
		"rule r1 on read chance 2% seed $((seed + 7)) do garbage 100" \
		"rule r2 on read chance 2% seed $((seed + 8)) do delay 20ms, reset" \
		"rule r3 on read chance 2% seed $((seed + 9)) do sense 6/2a/01" \
		"rule f1 on flush chance 20% seed $((seed + 10)) do execute, close" \
		"rule o1 on data-out chance 2% seed $((seed + 11)) do reset" \
		"rule o2 on data-out chance 1% seed $((seed + 12)) do delay 20ms" \
		"rule i1 on data-in chance 1% seed $((seed + 13)) do truncate 20" \
		"rule i2 on data-in chance 1% seed $((seed + 14)) do blackhole for 50ms" \
		"rule l1 on login chance 5% seed $((seed + 15)) do refuse with unavailable" \
		"rule l2 on login chance 4% seed $((seed + 16)) do truncate 20" \
		"rule l3 on login chance 4% seed $((seed + 17)) do garbage 60" \
		"rule c1 on connect chance 4% seed $((seed + 18)) do reset" \
		"rule x1 on command chance 1% seed $((seed + 19)) do reject protocol-error"
	_quick_mount
	pattern_write "$(lun_file)" seed=3 blocks=0..1023 io=32 order=mixed sync=end
	pattern_check "$(lun_file)" seed=3 blocks=0..1023 io=32
	_target target fault clear
	session_expect link=UP gate=OPEN
	mount_stop
	pattern_check disk.img seed=3 blocks=0..1023
}

# Not that an initiator could do something about it: the fault must be a real one.
a_write_of_a_session_that_is_gone_lands_late() {
	expect_outage
	_faulty_target 'rule bad on write nth 1 do zombie 1s, reset'
	_quick_mount
	tr '\0' a </dev/zero | dd of="$(lun_file)" bs=4096 count=1 iflag=fullblock conv=notrunc,fsync \
		status=none
	expect_equal "when written again" "$(head -c 1 disk.img)" a
	tr '\0' b </dev/zero | dd of="$(lun_file)" bs=4096 count=1 iflag=fullblock conv=notrunc,fsync \
		status=none
	expect_equal "when written anew" "$(head -c 1 disk.img)" b
	wait_for 20 "the late write" _journal_has late-write
	expect_equal "when it is too late" "$(head -c 1 disk.img)" a
}

_journal_has() {	# KIND
	_target target journal limit=8000 >journal.txt
	grep -qx "kind=$1" journal.txt
}

# What we ship and what the manual shows is read; the LUN they speak of is there.
canned_rules_and_those_of_the_manual_are_read() {
	local f n=0
	for f in "$SRCDIR"/conf/faults/*.fault; do
		target_start name=c lun=ram:64M -- --enable-faults --fault-file "$f"
		target_stop c
		expect "a line of what it is for" grep -q '^# For: ' "$f"
		n=$((n + 1))
	done
	expect "there are some" [ $n -ge 12 ]
	sed -n '/^.SH EXAMPLES/,/^.fi/p' "$SRCDIR/man/iscsifs-faults.5" | grep '^rule ' >manual.fault
	expect "examples" [ "$(wc -l <manual.fault)" -ge 6 ]
	target_start name=c lun=ram:64M -- --enable-faults --fault-file manual.fault
}

run_cases "$@"
