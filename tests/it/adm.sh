#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# iscsifsadm, on mounts that are there, that hang, and that are gone.
# shellcheck source=tests/it/functions.sh
. "$(dirname "$0")/functions.sh"

_outage_is_announced() {
	expect_log 'link lost|cannot (connect|reach|log in)|connect|no answer|login|outage|held|retry'
}

# _exits CODE COMMAND…: it ends with this code and says something on stderr when that is not 0
_exits() {
	local want=$1 got=0
	shift
	"$@" >out.txt 2>err.txt || got=$?
	[ "$got" = "$want" ] || fail "$* ended with $got and not with $want: $(cat err.txt)"
	[ "$want" = 0 ] || [ "$(wc -l <err.txt)" = 1 ] || fail "$* said: $(cat err.txt)"
}

without_a_mount_there_are_no_sessions() {
	need_ours iscsifsadm
	_exits 21 iscsifsadm session
	_exits 21 iscsifsadm -m session -P 3
	_exits 20 iscsifsadm set replacement_timeout 5
	_exits 20 iscsifsadm --socket "$CASE_DIR/nobody.sock" session
	_exits 0 iscsifsadm settings replacement_timeout
	expect "the default" grep -qxF 'node.session.timeo.replacement_timeout = 120' out.txt
}

a_wrong_command_line_ends_with_seven() {
	need_ours iscsifsadm
	_exits 7 iscsifsadm frobnicate
	_exits 7 iscsifsadm
	_exits 7 iscsifsadm session -P 4
	_exits 7 iscsifsadm session more
	_exits 7 iscsifsadm set replacement_timeout
	_exits 7 iscsifsadm set replacement_timeout '5 parsecs'
	expect "what is wanted" grep -qF 'want seconds, -1 or more' err.txt
	_exits 7 iscsifsadm set replacment_timeout 5
	expect "a suggestion" grep -qF 'did you mean node.session.timeo.replacement_timeout?' err.txt
	_exits 27 iscsifsadm set InitialR2T Yes
	_exits 27 iscsifsadm set DataDigest CRC32C
}

a_session_is_shown_at_every_level_and_in_every_format() {
	target_start
	mount_start
	session_expect gate=OPEN
	_exits 0 iscsifsadm -m session
	expect "iscsiadm's line" grep -qE \
		"^tcp: \[1\] 127.0.0.1:[0-9]+,1 $IQN \(link UP, gate OPEN\)$" out.txt
	_exits 0 iscsifsadm session -P 3
	for line in "Target: $IQN" $'\t\tiSCSI Session State: LOGGED_IN' $'\t\tRecovery Timeout: 120' \
		$'\t\tHeaderDigest: None' $'\t\tLun: 0'; do
		expect "$line" grep -qxF -- "$line" out.txt
	done
	_exits 0 iscsifsadm session -o key=value
	expect "the gate" grep -qx 'gate=OPEN' out.txt
	_exits 0 iscsifsadm session -P 3 --json
	need python3
	expect "JSON" python3 -c '
import json, sys
s = json.load(open("out.txt"))
assert s[0]["link"] == "UP" and s[0]["sid"] == 1, s
assert s[0]["luns"][0]["size_bytes"] == 64 << 20, s
assert s[0]["settings"][0]["node.session.timeo.replacement_timeout"] == "120", s'
	_exits 21 iscsifsadm session -r 2
	_exits 21 iscsifsadm session -T iqn.2026-11.example:nope
}

a_setting_is_changed_during_an_outage() {
	target_start
	mount_start replacement_timeout=-1
	session_expect gate=OPEN
	target_kill9
	head -c 4096 "$(lun_file)" >/dev/null 2>read.txt &
	_exits 0 iscsifsadm wait --gate HOLD --timeout 20
	session_expect "waiting>=1"
	_exits 0 iscsifsadm -m session -r 1 -o update -n node.session.timeo.replacement_timeout -v 0
	expect "the value in force" grep -qxF 'node.session.timeo.replacement_timeout = 0' out.txt
	finish $! 1
	expect "the reader's error" grep -q 'Input/output error' read.txt
	_exits 33 iscsifsadm wait --state UP --timeout 50ms
	expect_log 'replacement_timeout is over'
	_outage_is_announced
}

a_daemon_that_hangs_does_not_spoil_the_others() {
	target_start
	mount_start name=a "at=$CASE_DIR/a"
	mount_start name=b "at=$CASE_DIR/b"
	_exits 0 iscsifsadm wait --gate OPEN --timeout 20
	_exits 0 iscsifsadm -o key=value session
	expect_equal "sessions" "$(grep -c '^gate=OPEN$' out.txt)" 2
	kill -STOP "${PID[mount.b]}"
	_exits 33 iscsifsadm session
	kill -CONT "${PID[mount.b]}"
	expect_equal "sessions" "$(grep -c 'gate OPEN' out.txt)" 1
}

a_socket_that_a_dead_daemon_left_is_nobody() {
	target_start
	mount_start
	session_expect gate=OPEN
	kill -KILL "${PID[mount.m]}"
	finish "${PID[mount.m]}" 137
	unset "PID[mount.m]"
	expect "the socket is still there" ls "$ISCSIFS_RUNTIME_DIR"/*.sock
	_exits 21 iscsifsadm session
	expect_not "the socket is there" ls "$ISCSIFS_RUNTIME_DIR"/*.sock
}

a_daemon_clears_away_what_one_that_was_killed_left() {
	local dead
	target_start
	mount_start name=a "at=$CASE_DIR/a"
	dead=$ISCSIFS_RUNTIME_DIR/${PID[mount.a]}.sock
	kill -KILL "${PID[mount.a]}"
	finish "${PID[mount.a]}" 137
	unset "PID[mount.a]"
	expect "the socket" [ -S "$dead" ]
	python3 -c 'import socket, sys
socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$ISCSIFS_RUNTIME_DIR/mine.sock"
	mount_start name=b "at=$CASE_DIR/b"
	expect_not "the socket" [ -S "$dead" ]
	expect "a name of another kind" [ -S "$ISCSIFS_RUNTIME_DIR/mine.sock" ]
}

a_session_number_that_two_mounts_have_is_refused() {
	target_start
	target_start name=other iqn=iqn.2026-11.example:other lun=ram:8M
	mount_start name=a "at=$CASE_DIR/a"
	mount_start name=b target=other "at=$CASE_DIR/b"
	_exits 7 iscsifsadm session -r 1
	expect "which ones" grep -qE "2 mounts have a session 1: .*/[ab], .*/[ab]; say which by -T" err.txt
	_exits 7 iscsifsadm -m session -r 1 -o update -n queue_depth -v 4
	_exits 0 iscsifsadm session -r 1 -T iqn.2026-11.example:other
	expect_equal "sessions" "$(wc -l <out.txt)" 1
	_exits 0 iscsifsadm --socket "$ISCSIFS_RUNTIME_DIR/${PID[mount.a]}.sock" session -r 1
	_exits 21 iscsifsadm session -r 2
}

garbage_on_the_socket_harms_nobody() {
	target_start
	mount_start
	session_expect gate=OPEN
	need socat
	local socket=$ISCSIFS_RUNTIME_DIR/${PID[mount.m]}.sock
	head -c 100000 /dev/urandom | socat - "UNIX:$socket" >/dev/null 2>&1 || true
	printf 'version=1\ncmd=session' | socat - "UNIX:$socket" >/dev/null 2>&1 || true
	yes | head -c 1000000 | tr -d '\n' | socat - "UNIX:$socket" >/dev/null 2>&1 || true
	_exits 0 iscsifsadm session
	printf 'version=1\ncmd=session\n\n' | socat -t 5 - "UNIX:$socket" >out.txt
	expect "an answer to socat" grep -qx 'errno=0' out.txt
}

run_cases "$@"
