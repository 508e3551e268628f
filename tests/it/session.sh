#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The session side of recovery, and what a person sees of it.
# shellcheck source=tests/it/functions.sh
. "$(dirname "$0")/functions.sh"

ADM=(iscsifsadm "--socket=${CASE_DIR-}/target.sock")	# an array, so that timeout can run it

_target() {
	"${ADM[@]}" target "$@"
}

_faulty_target() {
	target_start -- --control "$CASE_DIR/target.sock" --enable-faults
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

_adm() {
	iscsifsadm "--socket=$ISCSIFS_RUNTIME_DIR/${PID[mount.m]}.sock" "$@"
}

# Types of events so far, a line each
_event_types() {
	sed -n 's/^seq=.* event=\([^ ]*\).*/\1/p' "$MNT/.iscsifs/events"
}

an_outage_is_told_as_events() {
	expect_outage
	_faulty_target
	mount_start time2wait=eager
	spawn tail tail -f "$MNT/.iscsifs/events"
	spawn follow iscsifsadm "--socket=$ISCSIFS_RUNTIME_DIR/${PID[mount.m]}.sock" events --follow
	wait_line 10 follow.out 'event=lun-added'
	_fault 'rule off on time 0 do reset'
	session_expect link=UP logins=2 gate=OPEN
	_read_one "$(lun_file)"
	wait_line 10 follow.out 'event=outage-end .* outage_ms=[0-9]'
	wait_line 10 tail.out 'event=outage-end'
	_event_types >types.txt
	expect_equal "events" "$(tr '\n' ' ' <types.txt)" \
		"session-up lun-added session-lost outage-begin session-up outage-end "
	expect "the same by both ways" diff <(cat "$MNT/.iscsifs/events") <(_adm events)
	expect_equal "behind number 5" "$(_adm events --since 5 | wc -l)" 1
	expect_equal "of another target" "$(_adm -T iqn.x events | wc -l)" 0
	_adm --json events | python3 -c 'import json, sys
for line in sys.stdin: json.loads(line)' || fail "no JSON"
	kill "${PID[tail]}"
	mount_stop
	finish "${PID[follow]}" 9	# the daemon hung up
}

one_who_follows_and_does_not_read_costs_nothing() {
	local i
	target_start
	mount_start
	spawn follow iscsifsadm "--socket=$ISCSIFS_RUNTIME_DIR/${PID[mount.m]}.sock" events --follow
	wait_line 10 follow.out 'event=lun-added'
	kill -STOP "${PID[follow]}"
	for i in 1 2 3 4 5 6; do
		_adm set queue_depth "$i" >set.out
	done
	kill -KILL "${PID[follow]}"
	finish "${PID[follow]}" 137
	expect "it goes on" grep -q 'name=node.session.queue_depth value=6' "$MNT/.iscsifs/events"
	expect_exit 7 'want the number of an event' iscsifsadm events --since x
}

a_lun_that_shrank_is_warned_about() {
	expect_log 'LUN shrank'
	_faulty_target
	mount_start
	_fault 'rule small on mark now do resize lun 0 to 32M'
	_target mark now >mark.out
	wait_for 20 "the event" _has_shrunk
}

_has_shrunk() {
	_read_one "$(lun_file)"
	grep -q 'event=lun-shrunk .* was=67108864 size_bytes=33554432' "$MNT/.iscsifs/events"
}

_attr() {	# NAME: an attribute of the LUN's file
	python3 -c 'import os, sys
print(os.getxattr(sys.argv[1], "user.iscsi." + sys.argv[2]).decode())' "$(lun_file)" "$1"
}

_by_id() {
	basename "$(ls "$MNT"/by-id/*)"
}

a_barred_lun_is_taken_on_the_operators_word() {
	local before after
	expect_outage
	expect_log 'another disk answers'
	expect_log 'LUN shrank'
	_faulty_target
	mount_start time2wait=eager
	expect_exit 7 'LUN 0 is READY, only one that is BARRED can be accepted' iscsifsadm lun accept 0
	expect_exit 21 'there is no LUN 3' iscsifsadm lun accept 3
	expect_exit 7 'want lun' iscsifsadm lun accept x
	before=$(_by_id)
	expect_equal "its wwid" "$(_attr wwid)" "$before"
	pattern_write "$(lun_file)" seed=5 blocks=0..63 sync=end
	_fault 'rule swap on mark now do identity lun 0, resize lun 0 to 32M, reset'
	_target mark now >mark.out
	expect_not "read" _read_one "$(lun_file)" 2>read.err
	session_expect link=UP
	expect_equal "its state" "$(_attr state)" BARRED
	expect "accepted" iscsifsadm lun accept 0 >accept.out
	expect "its state" grep -q 'lun 0 READY 32' accept.out
	after=$(_by_id)
	expect "another name" [ "$after" != "$before" ]
	expect_equal "its wwid" "$(_attr wwid)" "$after"
	expect_equal "its size" "$(stat -c %s "$(lun_file)")" $((32 << 20))
	expect "where it leads" [ "$MNT/by-id/$after" -ef "$(lun_file)" ]
	pattern_write "$(lun_file)" seed=6 blocks=0..63 sync=end
	pattern_check "$MNT/by-id/$after" seed=6 blocks=0..63
	expect "as an event" grep -q "event=lun-accepted .* was=$before is=$after size_bytes=33554432" \
		"$MNT/.iscsifs/events"
}

# _redirected [permanently]: the first login is sent on to the target other, whose link is then lost
_redirected() {
	local how=$1
	expect_outage
	_faulty_target
	target_start name=other "lun=$CASE_DIR/disk.img" -- --control "$CASE_DIR/other.sock" \
		--enable-faults
	_fault "rule bad on login count 1 do redirect $how 127.0.0.1:${TARGET_PORT[other]}"
	mount_start time2wait=eager
	session_expect "portal=127.0.0.1:${TARGET_PORT[other]}"
	_read_one "$(lun_file)"
	iscsifsadm "--socket=$CASE_DIR/other.sock" target fault add 'rule off on time 0 do reset'
	session_expect link=UP logins=2
	_read_one "$(lun_file)"
}

a_temporary_redirect_is_forgotten_at_the_next_outage() {
	_redirected ''
	session_expect "portal=127.0.0.1:${TARGET_PORT[t]}"
	expect "as an event" grep -q 'event=redirect .* for_good=No' "$MNT/.iscsifs/events"
}

a_permanent_redirect_is_kept_until_it_is_dead() {
	_redirected permanently
	session_expect "portal=127.0.0.1:${TARGET_PORT[other]}"
	expect "as an event" grep -q 'event=redirect .* for_good=Yes' "$MNT/.iscsifs/events"
	target_kill9 other
	_read_one "$(lun_file)"
	session_expect "portal=127.0.0.1:${TARGET_PORT[t]}" gate=OPEN
}

# Logs in with our name and ISID whenever we have, until it has been thrown out often enough.
_rival() {	# PORT ISID NAME
	PYTHONPATH=$SRCDIR/tests/it PYTHONDONTWRITEBYTECODE=1 exec python3 -c '
import sys, types
import target_wire as wire
port, isid, name = sys.argv[1:]
target = types.SimpleNamespace(address=("127.0.0.1", int(port)))
for turn in range(3):
    rival = wire.Initiator(target, bytes.fromhex(isid), name)
    rival.sock.settimeout(20)
    assert rival.login().login_status == 0
    print("in", flush=True)
    assert rival.closes()' "$@"
}

another_initiator_with_our_name_is_told() {
	expect_log 'session lost, dialling again'
	expect_log 'perhaps another initiator uses our name'
	need python3
	target_start
	mount_start
	spawn rival _rival "${TARGET_PORT[t]}" "$(session_get isid)" "$(session_get initiator)"
	session_expect 'why=perhaps another initiator uses our name'
	expect_equal "told" "$(grep -c 'event=other-initiator' "$MNT/.iscsifs/events")" 1
	finish "${PID[rival]}"
	session_expect link=UP gate=OPEN
	_read_one "$(lun_file)"
	expect_equal "in the log" "$(grep -c 'warn: perhaps another' mount.m.log)" 1
}

# The daemon is stopped for longer than every time limit of its own, with more on its way to it than
# sockets hold.
a_daemon_that_was_stopped_ends_no_session() {
	local i readers
	target_start
	mount_start noop_out_interval=200ms noop_out_timeout=200ms scsi_cmd_timeout=400ms \
		replacement_timeout=500ms
	for _ in 1 2 3; do
		readers=
		for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
			spawn "reader$i" dd if="$(lun_file)" of=/dev/null bs=1M count=64 iflag=direct
			readers+=" ${PID[reader$i]}"
		done
		wait_for 10 "the readers" _reads
		kill -STOP "${PID[mount.m]}"
		expect_not "anything to happen" poll 2 false
		kill -CONT "${PID[mount.m]}"
		for i in $readers; do
			finish "$i"
		done
	done
	expect_equal "losses" "$(session_get losses)" 0
	expect_equal "errors" "$(session_get errors)" 0
}

READS=0
_reads() {	# more than when it was asked last
	local before=$READS
	READS=$(session_get reads)
	[ "$READS" -gt "$before" ]
}

metrics_tell_an_outage() {
	local file=$CASE_DIR/mnt/.iscsifs/metrics name='iscsifs_[a-z_]+\{target="'$IQN'"(,lun="0")?\}'
	expect_outage
	target_start
	mount_start time2wait=eager
	expect "up" grep -qxF "iscsifs_session_up{target=\"$IQN\"} 1" "$file"
	target_kill9
	session_expect link=WAIT
	expect "down" grep -qxF "iscsifs_session_up{target=\"$IQN\"} 0" "$file"
	target_restart
	session_expect link=UP
	expect "a loss" grep -qxF "iscsifs_losses_total{target=\"$IQN\"} 1" "$file"
	expect "two logins" grep -qxF "iscsifs_logins_total{target=\"$IQN\"} 2" "$file"
	expect_equal "other lines" \
		"$(grep -vcE "^(# (HELP|TYPE) iscsifs_[a-z_]+ .*|$name -?[0-9]+)\$" "$file")" 0
}

run_cases "$@"
