#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What a target sends wrong, rather than not at all, seen by our own mount: it never takes a wrong
# answer for a good one where it can know, and always gets over it.
# shellcheck source=tests/it/fault_functions.sh
. "$(dirname "$0")/fault_functions.sh"

# ---- answers -----------------------------------------------------------------------------------

a_write_that_was_answered_short_is_sent_again() {
	_survives "$_RESENT" 'rule bad on answer where op=write nth 2 do residual under 512'
}

a_read_that_was_answered_short_is_sent_again() {
	_survives "$_RESENT" 'rule bad on answer where op=read, lba=64-9999 nth 2 do residual under 512'
}

a_residual_over_what_was_asked_for_harms_nobody() {
	_survives "$_SAME_SESSION" 'rule bad on answer where op=read, op=write count 9 do residual over 7'
}

a_residual_of_everything_is_no_success() {
	_survives "$_RESENT" 'rule bad on answer where op=write nth 3 do residual under 4294967295'
}

a_response_that_is_no_success_is_none() {
	_survives "$_RESENT" 'rule bad on answer where op=write nth 2 do set response 1'
}

an_answer_to_nobody_is_no_answer() {
	_survives "$_RESENT" 'rule bad on answer where op=write nth 2 do set itt 0x7ffffff0'
	expect_log 'took longer|aborted|scsi_cmd_timeout'
}

an_answer_that_does_not_come_is_not_waited_for() {
	_survives "$_RESENT" 'rule bad on answer where op=read, lba=64-9999 nth 2 do drop'
	expect_log 'took longer|aborted|scsi_cmd_timeout'
}

# ---- R2Ts --------------------------------------------------------------------------------------

_r2t() {	# PROGRAM ACTIONS
	MOUNT_WITH=(ImmediateData=No InitialR2T=Yes)
	_survives "$1" "rule bad on r2t nth 3 do $2"
}

an_r2t_beyond_the_data_ends_the_session() { _r2t "$_LOGIN_AGAIN" 'set offset +1048576'; }
an_r2t_for_too_much_ends_the_session() { _r2t "$_LOGIN_AGAIN" 'set length +65536'; }
an_r2t_for_four_gigabytes_ends_the_session() { _r2t "$_LOGIN_AGAIN" 'set length 4294967295'; }
an_r2t_for_nothing_ends_the_session() { _r2t "$_LOGIN_AGAIN" 'set length 0'; }
an_r2t_for_nobody_ends_the_session() { _r2t "$_LOGIN_AGAIN" 'set itt 0x7ffffff0'; }
an_r2t_that_leaves_data_out_is_survived() { _r2t "$_RESENT" 'set offset +4096, set length -4096'; }
an_r2t_that_comes_twice_ends_the_session() { _r2t "$_LOGIN_AGAIN" 'duplicate'; }
an_r2t_for_a_part_is_survived() { _r2t "$_RESENT" 'set length 512'; }
an_r2t_with_another_number_harms_nobody() { _r2t "$_SAME_SESSION" 'set r2tsn +5'; }

an_r2t_that_does_not_come_is_not_waited_for() {
	_r2t "$_RESENT" drop
	expect_log 'took longer|aborted|scsi_cmd_timeout'
}

# ---- numbers -----------------------------------------------------------------------------------

a_statsn_that_jumps_harms_nobody() {
	_survives "$_SAME_SESSION" 'rule bad on answer where op=write nth 2 do set statsn +5'
}

a_datasn_that_jumps_harms_nobody() {
	_survives "$_SAME_SESSION" 'rule bad on data-in where op=read nth 2 do set datasn +5'
}

a_maxcmdsn_that_goes_back_is_not_believed() {
	_survives "$_SAME_SESSION" 'rule bad on answer where op=write nth 2 do set maxcmdsn -300'
}

a_maxcmdsn_that_promises_too_much_harms_nobody() {
	_survives "$_SAME_SESSION" 'rule bad on answer where op=write nth 2 do set maxcmdsn +100000'
}

an_expcmdsn_of_the_future_is_survived() {
	_survives "$_RULE_STRUCK" 'rule bad on answer where op=write nth 2 do set expcmdsn +1000'
}
_RULE_STRUCK='$10 == "bad" { struck = 1 } END { exit !struck }'

data_at_another_place_ends_the_session() {
	_survives "$_LOGIN_AGAIN" 'rule bad on data-in where op=read nth 2 do set offset +512'
}

data_of_nobody_ends_the_session() {
	_survives "$_LOGIN_AGAIN" 'rule bad on data-in where op=read nth 2 do set itt 0x7ffffff0'
}

data_that_comes_twice_ends_the_session() {
	_survives "$_LOGIN_AGAIN" 'rule bad on data-in where op=read nth 2 do duplicate'
}

data_longer_than_it_says_is_survived() {
	_survives "$_LOGIN_AGAIN" 'rule bad on data-in where op=read nth 2 do set data-length -4096'
}

# ---- bits --------------------------------------------------------------------------------------

CASE_LIMIT[no_flipped_bit_of_a_header_gets_past_a_digest]=120
no_flipped_bit_of_a_header_gets_past_a_digest() {
	expect_outage
	MOUNT_WITH=(HeaderDigest=CRC32C)
	_faulty_target "rule a on answer where op=write every 9 count 4 do flip header seed 1 digest broken" \
		"rule d on data-in where op=read every 9 count 4 do flip header seed 2 digest broken"
	_quick_mount
	pattern_write "$(lun_file)" seed=5 blocks=0..1023 io=16 sync=end
	pattern_check "$(lun_file)" seed=5 blocks=0..1023 io=16 direct=yes
	expect_equal "strikes" "$(_hits a) $(_hits d)" "4 4"
	session_expect link=UP gate=OPEN 'logins>=9'
	mount_stop
	pattern_check disk.img seed=5 blocks=0..1023
}

# Without a digest a header can say anything. What it says may be an error, and may be believed; but
# it ends, and when the bits are right again so is everything.
CASE_LIMIT[any_flipped_bit_of_a_header_is_survived]=120
any_flipped_bit_of_a_header_is_survived() {
	local seed=${ISCSIFS_SEED:-$((RANDOM * 32768 + RANDOM))}
	note "ISCSIFS_SEED=$seed"
	expect_outage
	expect_log 'took longer|aborted|barred|not ready|capacity|gone|another'
	_faulty_target "rule a on answer chance 3% seed $seed do flip header seed $((seed + 1))" \
		"rule d on data-in chance 3% seed $((seed + 2)) do flip header seed $((seed + 3))" \
		"rule l on login chance 10% seed $((seed + 4)) do flip header seed $((seed + 5))" \
		"rule r on r2t chance 3% seed $((seed + 6)) do flip header seed $((seed + 7))"
	MOUNT_WITH=(replacement_timeout=5 ImmediateData=No InitialR2T=Yes initial_login_retry_max=30)
	_quick_mount
	pattern_write "$(lun_file)" seed=3 blocks=0..1023 io=32 2>first.err || note "an error: $?"
	pattern_check "$(lun_file)" seed=3 blocks=0..1023 io=32 >first.out 2>&1 || note "wrong: $?"
	_target target fault clear
	_target target fault add 'rule off on time 0 do reset'
	session_expect link=UP gate=OPEN
	pattern_write "$(lun_file)" seed=4 blocks=0..1023 io=32 sync=end
	pattern_check "$(lun_file)" seed=4 blocks=0..1023 io=32
}

# SECURITY.md says so: libiscsi 1.19 has no data digest.
a_flipped_bit_of_data_is_not_noticed() {
	_faulty_target 'rule bad on data-in where op=read, lba=0-63 nth 1 do flip data seed 1'
	_quick_mount
	pattern_write "$(lun_file)" seed=5 blocks=0..63 io=64 sync=end
	expect_not "as it was written" pattern_check "$(lun_file)" seed=5 blocks=0..63 >check.out 2>&1
	expect_equal "strikes" "$(_hits bad)" 1
}

# ---- pace --------------------------------------------------------------------------------------

# A slow target is not a dead one: 2 s of a megabyte at a rate at which pings would be late.
a_slow_connection_is_not_a_dead_one() {
	local begin
	MOUNT_WITH=(scsi_cmd_timeout=20s)
	_faulty_target
	_quick_mount
	_target target fault add 'rule slow on mark now do rate 1M'
	_target target mark now >mark.out
	begin=$(_now_ms)
	pattern_write "$(lun_file)" seed=5 blocks=0..4095 io=512 sync=end
	expect "2 MiB at 1 MiB a second" [ $(($(_now_ms) - begin)) -ge 1500 ]
	pattern_check "$(lun_file)" seed=5 blocks=0..4095
	session_expect logins=1 link=UP
}

answers_in_small_pieces_are_put_together() {
	MOUNT_WITH=(scsi_cmd_timeout=20s)
	_survives "$_SAME_SESSION" 'rule bad on write nth 1 do slice 1000'
}

a_login_in_small_pieces_succeeds() {
	_faulty_target 'rule bad on connect do slice 7'
	_quick_mount
	session_expect logins=1 link=UP
}

a_stall_that_ends_is_survived() {
	_survives "$_SAME_SESSION" 'rule bad on write nth 2 do stall for 300ms'
}

a_stall_without_end_is_left() {
	_survives "$_LOGIN_AGAIN" 'rule bad on write nth 2 do stall'
}

a_session_that_the_target_forgot_is_left() {
	_survives "$_RESENT" 'rule bad on write nth 2 do forget session'
}

# ---- the command window ------------------------------------------------------------------------

# Write by write, so that the fourth after the rule struck finds the window closed.
_through_a_window() {	# RULE SETTING…
	expect_outage
	TARGET_WITH=(--queue-depth 4)
	MOUNT_WITH=("${@:2}")
	_faulty_target "$1" 'rule dead on mark now do blackhole'
	_quick_mount
	_now_ms >begin
	pattern_write "$(lun_file)" seed=5 blocks=0..255 io=8 direct=yes &
	WRITER=$!
	wait_for 20 "a closed window" _window_is_shut
}

_window_is_shut() {	# three more commands came since, all were answered, and the writer waits
	_journal >journal.txt
	awk '$10 == "bad" { shut = 1 } shut && $3 == "received" && $7 != "-" { n++ }
		shut && $3 == "sent" && $9 != "-" { answers++ }
		END { exit !(n >= 4 && answers == n) }' journal.txt && _alive $WRITER
}

_wrote_it_all() {
	finish $WRITER
	pattern_check "$(lun_file)" seed=5 blocks=0..255
	mount_stop
	pattern_check disk.img seed=5 blocks=0..255
}

# Three seconds in which nothing comes and no ping can go, where a second of silence is death.
a_closed_window_is_not_a_dead_link() {
	_through_a_window 'rule bad on write nth 2 do window 0 for 3s' scsi_cmd_timeout=20s
	finish $WRITER
	expect "three seconds" [ $(($(_now_ms) - $(cat begin))) -ge 2800 ]
	session_expect link=UP logins=1 outages=0
	_wrote_it_all
}

# The ping would wait, too: here it is the age of the command that tells.
a_dead_link_behind_a_closed_window_is_found() {
	_through_a_window 'rule bad on write nth 2 do window 0' scsi_cmd_timeout=3s
	_target target mark now >mark.out
	_now_ms >begin
	session_expect link=UP logins=2
	expect "in time" [ $(($(_now_ms) - $(cat begin))) -le $((8000 * SLOW)) ]
	wait_line 1 mount.m.log 'session lost.*scsi_cmd_timeout'
	_wrote_it_all
}

a_window_that_does_not_open_is_left() {
	_through_a_window 'rule bad on write nth 2 do window 0' scsi_cmd_timeout=2s
	session_expect link=UP logins=2
	_wrote_it_all
}

# More waits than fits into the sockets, so no ping can go.
_fill_the_socket() {	# RULE SETTING…
	local n
	expect_outage
	MOUNT_WITH=(scsi_cmd_timeout=60s "${@:2}")
	_faulty_target "$1"
	_quick_mount
	WRITERS=()
	for n in {0..15}; do
		pattern_write "$(lun_file)" seed=5 blocks=$((n * 2048))..$((n * 2048 + 2047)) io=2048 \
			direct=yes &
		WRITERS+=($!)
	done
	_wait_hits bad 1
}

_all_of_it_is_written() {
	local writer
	for writer in "${WRITERS[@]}"; do
		finish "$writer"
	done
	_target target fault clear
	pattern_check "$(lun_file)" seed=5 blocks=0..32767
}

# The other machine lives and acknowledges, its program reads nothing more.
a_program_that_reads_nothing_more_is_found_behind_a_full_socket() {
	_fill_the_socket 'rule bad on write nth 3 do blackhole'
	session_expect link=UP logins=2
	_all_of_it_is_written
}

# Five seconds without an answer, where half of that is death; but something is taken all the time.
a_full_socket_that_is_slowly_emptied_is_alive() {
	_fill_the_socket 'rule bad on write nth 1 do rate 300K for 6s, stall for 5s' noop_out_timeout=2s
	_all_of_it_is_written
	session_expect link=UP logins=1 outages=0
}

# ---- a target that is busy ---------------------------------------------------------------------

# Thirty-two writers who all hear BUSY for a second must not ask a thousand times.
a_storm_of_busy_is_met_with_patience() {
	local n writers=()
	_faulty_target 'rule bad on write for 1s do status BUSY'
	MOUNT_WITH=(scsi_cmd_timeout=20s)
	_quick_mount
	for n in {0..31}; do
		pattern_write "$(lun_file)" seed=5 blocks=$((n * 8))..$((n * 8 + 7)) io=8 direct=yes &
		writers+=($!)
	done
	for n in "${writers[@]}"; do
		finish "$n"
	done
	note "$(_hits bad) times BUSY"
	expect "it was busy" [ "$(_hits bad)" -ge 3 ]
	expect "patience" [ "$(_hits bad)" -le 400 ]
	session_expect logins=1 errors=0
	pattern_check "$(lun_file)" seed=5 blocks=0..255
}

a_target_that_stays_busy_costs_an_error_in_time_and_works_again() {
	local begin
	_faulty_target 'rule bad on write do status TASK-SET-FULL'
	MOUNT_WITH=(scsi_cmd_timeout=20s replacement_timeout=2s)
	_quick_mount
	begin=$(_now_ms)
	expect_not "a write" pattern_write "$(lun_file)" seed=5 blocks=0..7 direct=yes 2>write.err
	expect "an error" grep -q 'Input/output' write.err
	expect "not before its time" [ $(($(_now_ms) - begin)) -ge 1900 ]
	expect "in time" [ $(($(_now_ms) - begin)) -le $((10000 * SLOW)) ]
	_target target fault del bad
	pattern_write "$(lun_file)" seed=5 blocks=0..63 direct=yes
	pattern_check "$(lun_file)" seed=5 blocks=0..63
	session_expect logins=1
}

# ---- messages ----------------------------------------------------------------------------------

pings_of_the_target_are_answered() {
	_survives "$_SAME_SESSION" 'rule bad on write every 3 do ping'
}

a_scsi_event_harms_nobody() {
	_survives "$_SAME_SESSION" 'rule bad on write nth 2 do async scsi 6/2a/01'
}

a_request_for_new_parameters_is_answered_by_a_new_login() {
	_survives "$_LOGIN_AGAIN" 'rule bad on write nth 2 do async renegotiate'
}

an_event_of_a_vendor_is_survived() {
	_survives "$_RULE_STRUCK" 'rule bad on write nth 2 do async vendor'
}

a_permanent_redirect_is_followed() {
	expect_outage
	_faulty_target
	target_start name=other "lun=$CASE_DIR/disk.img"
	_target target fault add \
		"rule bad on login count 1 do redirect permanently 127.0.0.1:${TARGET_PORT[other]}"
	_quick_mount
	pattern_write "$(lun_file)" seed=5 blocks=0..63 sync=end
	expect_equal "redirects" "$(_hits bad)" 1
}

# ---- all of it ---------------------------------------------------------------------------------

CASE_LIMIT[any_mix_of_wrong_answers_is_survived]=120
any_mix_of_wrong_answers_is_survived() {
	local seed=${ISCSIFS_SEED:-$((RANDOM * 32768 + RANDOM))} n=0 rules=() rule
	note "ISCSIFS_SEED=$seed"
	expect_outage
	expect_log 'took longer|aborted'
	MOUNT_WITH=(replacement_timeout=60)
	[ $((seed % 2)) = 0 ] || MOUNT_WITH+=(ImmediateData=No InitialR2T=Yes)
	[ $((seed % 3)) = 0 ] || MOUNT_WITH+=(HeaderDigest=CRC32C)
	while read -r rule; do
		rules+=("${rule//SEED/$((seed + n))}")
		n=$((n + 1))
	done <<-'END'
		rule s1 on answer where op=write chance 1% seed SEED do residual under 512
		rule s2 on answer where op=read chance 1% seed SEED do residual under 1
		rule s3 on answer where op=write chance 1% seed SEED do set response 1
		rule s4 on answer chance 2% seed SEED do set statsn +7, set maxcmdsn -50
		rule s5 on answer where op=write chance 1% seed SEED do duplicate
		rule s6 on answer where op=read chance 1% seed SEED do residual over 9
		rule t1 on r2t chance 2% seed SEED do set length +4096
		rule t2 on r2t chance 2% seed SEED do duplicate
		rule t3 on r2t chance 2% seed SEED do set itt 0x7ffffff1
		rule t4 on r2t chance 2% seed SEED do set offset +512, set length -512
		rule d1 on data-in where op=read chance 1% seed SEED do duplicate
		rule d2 on data-in where op=read chance 1% seed SEED do set offset +512
		rule w1 on write chance 2% seed SEED do stall for 50ms
		rule w2 on write chance 2% seed SEED do window 0 for 100ms
		rule w3 on write chance 2% seed SEED do ping, async scsi 6/2a/01
		rule w4 on write chance 1% seed SEED do slice 2000
		rule w5 on write chance 1% seed SEED do forget session
		rule w6 on write chance 1% seed SEED do async renegotiate
		rule r1 on read chance 2% seed SEED do rate 2M for 200ms
		rule n1 on nop chance 9% seed SEED do flip header seed SEED
		rule l1 on login chance 4% seed SEED do set login-status 0x0300
	END
	TARGET_WITH=(--queue-depth 16)
	_faulty_target "${rules[@]}"
	_quick_mount
	pattern_write "$(lun_file)" seed=3 blocks=0..1023 io=32 order=mixed sync=end
	pattern_check "$(lun_file)" seed=3 blocks=0..1023 io=32 direct=yes
	_target target fault clear
	_target target fault add 'rule off on time 0 do reset'
	session_expect link=UP gate=OPEN
	mount_stop
	pattern_check disk.img seed=3 blocks=0..1023
}

run_cases "$@"
