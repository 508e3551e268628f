#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A disk that waits holds up nobody but who asked it: an iscsifs-target on a file that is itself a
# LUN of a slow target. The other end is slow_disk.py.
# shellcheck source=tests/it/functions.sh
. "$(dirname "$0")/functions.sh"

_slow_file() {
	need python3
	target_start lun=ram:64M -- --enable-faults \
		--fault 'rule reads on read do delay 100ms' --fault 'rule writes on write do delay 100ms'
	mount_start scsi_cmd_timeout=60s replacement_timeout=60
}

_ask() {	# CASE
	expect "$1" python3 "$(dirname "$0")/slow_disk.py" "$ISCSIFS_BUILD/iscsifs-target" "$(lun_file)" "$1"
}

every_command_lets_others_pass() {
	_slow_file
	_ask every_command_lets_others_pass
}

what_was_aborted_is_not_written_later() {
	_slow_file
	_ask what_was_aborted_is_not_written_later
}

what_a_dead_session_wrote_comes_before_the_next_one() {
	_slow_file
	_ask what_a_dead_session_wrote_comes_before_the_next_one
}

large_writes_go_through_small_buffers() {
	_slow_file
	_ask large_writes_go_through_small_buffers
}

run_cases "$@"
