#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The main job with real programs: a remote LUN is a file, also while its target comes and goes.
# shellcheck source=tests/it/functions.sh
. "$(dirname "$0")/functions.sh"

_daemon_of() {	# MOUNTPOINT: the process that serves it
	local p
	for p in /proc/[0-9]*; do
		tr '\0' '\n' <"$p/cmdline" 2>/dev/null | grep -qxF -- "$1" &&
			[ "$(cat "$p/comm" 2>/dev/null)" = iscsifs ] && echo "${p#/proc/}"
	done
	return 0
}

a_lun_is_a_file_of_its_size() {
	target_start
	mount_start
	expect_equal "size" "$(stat -c %s "$(lun_file)")" $((64 << 20))
	expect_equal "mode" "$(stat -c %a "$(lun_file)")" 600
	expect "listed" grep -q lun0 <<<"$(ls -l "$MNT")"
}

bytes_at_odd_offsets_arrive() {
	target_start
	mount_start
	pattern_write "$(lun_file)" seed=3 block=700 shift=333 blocks=0..2000 io=7 order=mixed
	pattern_check "$(lun_file)" seed=3 block=700 shift=333 blocks=0..2000 io=13
	pattern_write "$(lun_file)" seed=4 block=4096 shift=2097152 blocks=0..63 io=64 direct=yes
	mount_stop
	pattern_check disk.img seed=3 block=700 shift=333 blocks=0..2000
	pattern_check disk.img seed=4 block=4096 shift=2097152 blocks=0..63
	expect_equal "bytes before" "$(head -c 333 disk.img | tr -d '\0' | wc -c)" 0
}

a_neighbour_of_an_odd_write_keeps_its_bytes() {
	target_start
	pattern_write disk.img seed=1 blocks=0..63
	mount_start
	printf 'eleven byte' | dd "of=$(lun_file)" bs=11 seek=511 oflag=seek_bytes conv=notrunc,fsync \
		status=none
	mount_stop
	truncate -s 64M same.img
	pattern_write same.img seed=1 blocks=0..63
	printf 'eleven byte' | dd of=same.img bs=11 seek=511 oflag=seek_bytes conv=notrunc status=none
	expect "the disk" cmp disk.img same.img
}

a_whole_disk_is_copied_out_and_in() {
	head -c 24M /dev/urandom >disk.img
	target_start "lun=$CASE_DIR/disk.img"
	mount_start
	dd if="$(lun_file)" of=out.img bs=1M status=none
	expect "copied out" cmp disk.img out.img
	cp --sparse=always "$(lun_file)" sparse.img
	expect "copied sparsely" cmp disk.img sparse.img
	head -c 24M /dev/urandom >in.img
	dd if=in.img of="$(lun_file)" bs=64k conv=notrunc,fsync status=none
	expect "read again" cmp in.img "$(lun_file)"
	mount_stop
	expect "copied in" cmp in.img disk.img
}

what_was_synced_is_in_the_backing_file() {
	target_start
	mount_start
	pattern_write "$(lun_file)" seed=9 blocks=0..255 sync=end
	target_kill9
	pattern_check disk.img seed=9 blocks=0..255
	target_restart
	pattern_check "$(lun_file)" seed=9 blocks=0..255
	expect_outage
}

every_fsync_asks_the_target_to_flush() {
	target_start
	mount_start
	pattern_write "$(lun_file)" blocks=0..9 sync=each
	session_expect "flushes>=10" writes=10
	pattern_write "$(lun_file)" blocks=0..9 block=4096 dsync=yes gen=2
	pattern_check "$(lun_file)" blocks=0..9 block=4096 gen=2
}

a_file_of_fixed_size_refuses_another() {
	target_start
	mount_start
	printf 'kept' | dd of="$(lun_file)" conv=notrunc status=none
	: >"$(lun_file)"
	expect_equal "after > lun0" "$(head -c 4 "$(lun_file)")" kept
	truncate -s $((64 << 20)) "$(lun_file)"
	expect_not "growing" truncate -s 65M "$(lun_file)"
	expect_not "shrinking" truncate -s 1M "$(lun_file)"
	LC_ALL=C dd if=/dev/zero of="$(lun_file)" bs=1 count=1 seek=64M oflag=seek_bytes \
		conv=notrunc 2>dd.txt && fail "a write past the end succeeded"
	expect "the reason" grep -q 'No space left' dd.txt
	expect_equal "read at the end" "$(dd if="$(lun_file)" bs=1M skip=64 status=none | wc -c)" 0
	expect_not "unlink" rm -f "$(lun_file)"
}

several_luns_stand_side_by_side() {
	truncate -s 8M a.img b.img
	target_start "lun=$CASE_DIR/a.img" "lun=$CASE_DIR/b.img" lun=ram:4M lun=null:1T
	mount_start
	pattern_write "$(lun_file 0)" seed=1 blocks=0..99 &
	local first=$!
	pattern_write "$(lun_file 1)" seed=2 blocks=0..99
	finish $first
	expect_equal "size of lun2" "$(stat -c %s "$(lun_file 2)")" $((4 << 20))
	expect_equal "size of lun3" "$(stat -c %s "$(lun_file 3)")" $((1 << 40))
	mount_stop
	pattern_check a.img seed=1 blocks=0..99
	pattern_check b.img seed=2 blocks=0..99
}

discovery_finds_every_target() {
	target_start iqn=iqn.2026-11.example:a lun=ram:4M iqn=iqn.2026-11.example:b lun=ram:8M lun=ram:1M
	mount_start "url=$(target_url t -)"
	expect_equal "a" "$(stat -c %s "$MNT/iqn.2026-11.example:a/lun0")" $((4 << 20))
	expect_equal "b" "$(stat -c %s "$MNT/iqn.2026-11.example:b/lun0")" $((8 << 20))
	expect_equal "b, second" "$(stat -c %s "$MNT/iqn.2026-11.example:b/lun1")" $((1 << 20))
}

one_target_of_two_is_mounted_alone() {
	target_start iqn=iqn.2026-11.example:a lun=ram:4M iqn=iqn.2026-11.example:b lun=ram:8M
	mount_start "url=$(target_url t -)/iqn.2026-11.example:b"
	expect_equal "size" "$(stat -c %s "$(lun_file)")" $((8 << 20))
}

two_mounts_share_a_target() {
	target_start
	mount_start name=m "at=$CASE_DIR/one"
	mount_start name=n "at=$CASE_DIR/two"
	pattern_write one/lun0 seed=5 blocks=0..99 direct=yes block=4096
	pattern_check two/lun0 seed=5 blocks=0..99 direct=yes block=4096
	mount_stop n
	pattern_check one/lun0 seed=5 blocks=0..99 block=4096
}

a_lun_number_above_255_is_reached() {
	truncate -s 4M high.img
	target_start lun=ram:1M "lun=ram:2M,lun=255" "lun=ram:3M,lun=256" \
		"lun=$CASE_DIR/high.img,lun=16383"
	mount_start
	expect_equal "lun255" "$(stat -c %s "$(lun_file 255)")" $((2 << 20))
	expect_equal "lun256" "$(stat -c %s "$(lun_file 256)")" $((3 << 20))
	pattern_write "$(lun_file 16383)" seed=3 blocks=0..99
	mount_stop
	pattern_check high.img seed=3 blocks=0..99
}

a_disk_above_two_tebibytes_is_whole() {
	truncate -s 3T big.img
	target_start "lun=$CASE_DIR/big.img"
	mount_start
	expect_equal "size" "$(stat -c %s "$(lun_file)")" $((3 << 40))
	pattern_write "$(lun_file)" seed=6 block=4096 blocks=0..31 shift=$(((3 << 40) - 131072)) sync=end
	pattern_write "$(lun_file)" seed=6 block=4096 blocks=0..31 shift=$(((2 << 40) - 65536)) sync=end
	mount_stop
	pattern_check big.img seed=6 block=4096 blocks=0..31 shift=$(((3 << 40) - 131072))
	pattern_check big.img seed=6 block=4096 blocks=0..31 shift=$(((2 << 40) - 65536))
}

blocks_of_4096_bytes_take_odd_bytes_too() {
	truncate -s 8M big.img
	target_start "lun=$CASE_DIR/big.img,block=4096"
	mount_start
	pattern_write "$(lun_file)" seed=3 block=700 shift=333 blocks=0..2000 order=mixed
	pattern_check "$(lun_file)" seed=3 block=700 shift=333 blocks=0..2000 io=9
	mount_stop
	pattern_check big.img seed=3 block=700 shift=333 blocks=0..2000
}

a_lun_url_covers_a_regular_file() {
	local port
	target_start
	echo "below" >file
	mount_start lun=0 "at=$CASE_DIR/file"
	expect_equal "size" "$(stat -c %s file)" $((64 << 20))
	pattern_write file seed=8 blocks=0..99
	pattern_check file seed=8 blocks=0..99
	mount_stop
	expect_equal "the file below" "$(cat file)" below
	pattern_check disk.img seed=8 blocks=0..99
}

it_returns_to_the_shell_when_the_mount_serves() {
	local pid
	need_fuse
	target_start
	mkdir mnt
	undo _undo_mount "$CASE_DIR/mnt"
	expect_exit 0 - iscsifs "$(target_url)" "$CASE_DIR/mnt"
	expect_equal "size at once" "$(stat -c %s mnt/lun0)" $((64 << 20))
	pid=$(_daemon_of "$CASE_DIR/mnt")
	[ -n "$pid" ] || fail "no daemon"
	pattern_write mnt/lun0 seed=1 blocks=0..99
	fusermount3 -u mnt
	wait_for 10 "the daemon to end" _gone "$pid"
	pattern_check disk.img seed=1 blocks=0..99
}

a_signal_unmounts_and_ends_with_0() {
	local signal pid
	target_start
	for signal in TERM INT; do
		mount_start
		pid=${PID[mount.m]}
		pattern_write "$(lun_file)" seed=1 blocks=0..99
		kill -$signal "$pid"
		unset "PID[mount.m]"
		finish "$pid"
		_is_mounted "$MNT" && fail "still mounted after SIG$signal"
	done
	pattern_check disk.img seed=1 blocks=0..99
}

state_is_told_on_demand() {
	target_start
	mount_start
	cat "$(lun_file)" >/dev/null
	session_expect "target=$IQN" "portal=127.0.0.1:${TARGET_PORT[t]}" link=UP gate=OPEN \
		waiting=0 logins=1 "reads>=1"
	expect "the status file" grep -q UP "$MNT/.iscsifs/sessions"
}

# Ends the target while the writer has written something since, and starts it again, N times.
_kill_under_a_write() {	# N WRITER
	local i writes
	for ((i = 0; i < $1; i++)); do
		writes=$(session_get writes)
		session_expect "writes>=$((writes + 20))"
		_alive "$2" || fail "the writer was done after $i outages: make it write more"
		target_kill9
		session_expect gate=HOLD
		target_restart
	done
}

a_restart_of_the_target_under_a_write_loses_nothing() {
	local writer
	truncate -s 192M disk.img
	target_start "lun=$CASE_DIR/disk.img"
	mount_start replacement_timeout=60
	pattern_write "$(lun_file)" seed=7 block=4096 blocks=0..47999 order=mixed >writer.txt 2>&1 &
	writer=$!
	_kill_under_a_write 3 $writer
	finish $writer
	pattern_check "$(lun_file)" seed=7 block=4096 blocks=0..47999 io=16
	session_expect link=UP gate=OPEN logins=4
	mount_stop
	pattern_check disk.img seed=7 block=4096 blocks=0..47999 io=16
	expect_outage
}

when_the_time_is_up_requests_fail_and_later_ones_work_again() {
	target_start
	mount_start replacement_timeout=1
	pattern_write "$(lun_file)" seed=1 blocks=0..9
	target_kill9
	dd if="$(lun_file)" of=/dev/null bs=512 count=1 iflag=direct 2>dd.txt &&
		fail "a read without a target succeeded"
	expect "the reason" grep -q 'Input/output error' dd.txt
	session_expect gate=FAIL
	dd if="$(lun_file)" of=/dev/null bs=512 count=1 iflag=direct 2>dd.txt &&
		fail "a second read without a target succeeded"
	target_restart
	session_expect link=UP
	pattern_check "$(lun_file)" seed=1 blocks=0..9
	pattern_write "$(lun_file)" seed=2 blocks=0..9
	session_expect gate=OPEN
	expect_outage
}

a_waiting_reader_can_be_killed() {
	local reader
	target_start
	mount_start replacement_timeout=-1
	target_kill9
	session_expect gate=HOLD
	dd if="$(lun_file)" of=/dev/null bs=4096 count=1 iflag=direct 2>/dev/null &
	reader=$!
	session_expect "waiting>=1"
	kill -KILL $reader
	finish $reader 137
	expect "ls works meanwhile" ls "$MNT"
	target_restart
	expect "read" head -c 512 "$(lun_file)"
	expect_outage
}

an_ordinary_user_mounts_and_writes() {
	fuse_mode 666
	user_start
	target_start
	mount_start by=user "at=$CASE_DIR/user/mnt"
	as_user pattern write user/mnt/lun0 seed=2 blocks=0..99
	as_user pattern check user/mnt/lun0 seed=2 blocks=0..99
	expect_equal "owner" "$(as_user stat -c %u user/mnt/lun0)" $USER_UID
	as_user fusermount3 -u user/mnt
	finish "${PID[mount.m]}"
	unset "PID[mount.m]"
	pattern_check disk.img seed=2 blocks=0..99
}

run_cases "$@"
