#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Outages of tgtd, a target that is not ours, under fio, which reads back all that it wrote: the
# session comes back as the same initiator port, and fio hears of nothing.
# shellcheck source=tests/peers/fio_functions.sh
. "$(dirname "$0")/fio_functions.sh"
# shellcheck source=tests/peers/net_functions.sh
. "$(dirname "$0")/net_functions.sh"

# shellcheck disable=SC2034	# fio_functions.sh runs so many at least
PASSES=1

# _under_fio FUNCTION [SETTING…]: fio runs while FUNCTION does what it does, and after it
_under_fio() {
	local what=$1 isid writer
	shift
	_start tgtd replacement_timeout=60 noop_out_interval=500ms noop_out_timeout=500ms \
		login_timeout=3s "$@"
	isid=$(session_get isid)
	_pass_after_pass >writer.txt 2>&1 &
	writer=$!
	wait_for 20 "writes" _written_since 0 $writer
	"$what"
	session_expect link=UP gate=OPEN
	wait_for 30 "writes again" _written_since "$(session_get writes)" $writer
	_alive $writer || fail "the writer ended: $(tail -n 5 writer.txt)"
	touch enough
	FINISH_LIMIT=120 finish $writer
	cat writer.txt
	session_expect link=UP gate=OPEN errors=0 "isid=$isid"
	wait_for 10 "one session at tgtd" _is_one_nexus
}

# The new session replaced the old one, which ends when its last task does.
_is_one_nexus() {
	[ "$(tgtadm_on t --mode target --op show | grep -c 'I_T nexus: ')" = 1 ]
}

# An outage that was noticed, counted, and is over.
_outage_under_fio() {
	expect_outage
	_under_fio "$@"
	session_expect 'outages>=1' 'losses>=1' 'logins>=2'
}

_killed_for_a_while() {
	target_kill9
	session_expect gate=HOLD link=WAIT 'attempts>=2'
	target_restart
}

a_target_that_was_killed_and_is_away_for_a_while() { _outage_under_fio _killed_for_a_while; }

_stopped_for() {	# MILLISECONDS
	local until=$(($(_now_ms) + $1))
	kill -STOP "${PID[target.t]}"
	while [ "$(_now_ms)" -lt $until ]; do
		_nap
	done
	kill -CONT "${PID[target.t]}"
}

_stopped_briefly() {
	_stopped_for 1500
}

# Three times as long as would be patient, did any ping go unanswered.
a_target_that_stands_still_for_less_than_its_patience_has_no_outage() {
	_under_fio _stopped_briefly noop_out_interval=2s noop_out_timeout=5s
	session_expect outages=0 logins=1
}

_stopped_until_it_is_missed() {
	kill -STOP "${PID[target.t]}"
	session_expect gate=HOLD
	session_expect 'attempts>=1'
	kill -CONT "${PID[target.t]}"
}

a_target_that_stands_still_for_long_is_left_and_found_again() {
	_outage_under_fio _stopped_until_it_is_missed
}

_connection_deleted() {
	local show sid cid
	show=$(tgtadm_on t --mode conn --op show --tid 1)
	note "$show"
	sid=$(sed -n 's/^Session: //p' <<<"$show")
	cid=$(sed -n 's/^ *Connection: //p' <<<"$show")
	expect "delete" tgtadm_on t --mode conn --op delete --tid 1 --sid "$sid" --cid "$cid"
	session_expect 'logins>=2'
}

a_connection_that_the_administrator_deletes_is_made_again() {
	_outage_under_fio _connection_deleted
}

_firewalled() {
	net_drop
	session_expect gate=HOLD
	session_expect 'attempts>=1'
	net_open
}

a_firewall_that_swallows_everything_is_outlasted() {
	net_start
	_outage_under_fio _firewalled
}

_refused() {
	net_reset
	session_expect gate=HOLD
	wait_line 20 mount.m.log 'Connection refused'
	session_expect 'attempts>=2'
	net_open
}

a_firewall_that_resets_is_outlasted() {
	net_start
	_outage_under_fio _refused
}

_unplugged() {
	net_far ip link set far down
	session_expect gate=HOLD
	session_expect 'attempts>=1'
	net_far ip link set far up
}

a_cable_that_was_out_is_plugged_in_again() {
	net_start
	_outage_under_fio _unplugged
}

# Where libiscsi's own reconnecting ends for good: connect(2) fails at once.
_without_an_address() {
	ip addr del "$NET_NEAR/24" dev near
	session_expect gate=HOLD
	wait_line 20 mount.m.log 'Network is unreachable'
	session_expect 'attempts>=2'
	ip addr add "$NET_NEAR/24" dev near
}

our_own_address_goes_and_comes_back() {
	net_start
	_outage_under_fio _without_an_address
}

_lun_removed() {
	wait_for 10 "LUN 1 to be removed" tgtadm_on t --mode logicalunit --op delete --tid 1 --lun 1
	session_expect gate=HOLD
	expect "add" tgtadm_on t --mode logicalunit --op new --tid 1 --lun 1 -b "$CASE_DIR/disk.img"
}

a_lun_that_is_removed_and_added_again_goes_on() {
	expect_outage
	_under_fio _lun_removed
	session_expect 'outages>=1'
}

# tgtd reads and writes a LUN that is offline, but whoever logs in then is told that it is not ready.
_lun_offline() {
	tgtadm_on t --mode logicalunit --op update --tid 1 --lun 1 --params online=0
	_connection_deleted
	session_expect link=UP gate=HOLD
	tgtadm_on t --mode logicalunit --op update --tid 1 --lun 1 --params online=1
}

a_lun_that_is_offline_for_a_while_goes_on() {
	expect_outage
	_under_fio _lun_offline
	session_expect 'outages>=1'
}

_target_offline() {
	local show sid
	tgtadm_on t --mode target --op update --tid 1 -n state -v offline
	show=$(tgtadm_on t --mode conn --op show --tid 1)
	sid=$(sed -n 's/^Session: //p' <<<"$show")
	[ -z "$sid" ] || tgtadm_on t --mode conn --op delete --tid 1 --sid "$sid" --cid 0
	session_expect gate=HOLD 'attempts>=1'
	tgtadm_on t --mode target --op update --tid 1 -n state -v ready
}

a_target_that_is_offline_for_a_while_is_waited_for() {
	_outage_under_fio _target_offline
}

for _case in $(_case_names); do
	CASE_LIMIT[$_case]=150
done
run_cases "$@"
