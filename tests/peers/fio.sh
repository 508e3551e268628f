#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# fio reads back what it wrote, block by block, on our mount: over tgtd and over iscsifs-target,
# while all is well and while the target is killed and started again and again.
# shellcheck source=tests/peers/fio_functions.sh
. "$(dirname "$0")/fio_functions.sh"

_direct() {	# KIND
	local depth
	_start "$1"
	for depth in 1 13 64; do
		_depth $depth
	done
}

_buffered() {	# KIND
	_start "$1"
	_verify --ioengine=psync --rw=randwrite --bssplit=512/20:4k/50:60k/30
	_verify --ioengine=psync --rw=randwrite --bs=4k --fsync=16
}

_unaligned() {	# KIND: no write meets a block; neighbours share blocks
	_start "$1"
	_verify --ioengine=psync --rw=write --bs=1777 --offset=333 --size=4000027
	_verify --ioengine=libaio --direct=1 --rw=write --bs=5001 --offset=77 --size=20000001 \
		--iodepth=13
	_verify --ioengine=libaio --direct=1 --rw=randwrite --bs=700 --size=1400000 --iodepth=13
}

direct_io_verifies_over_tgtd() { _direct tgtd; }
direct_io_verifies_over_iscsifs_target() { _direct ours; }
buffered_io_verifies_over_tgtd() { _buffered tgtd; }
buffered_io_verifies_over_iscsifs_target() { _buffered ours; }
unaligned_io_verifies_over_tgtd() { _unaligned tgtd; }
unaligned_io_verifies_over_iscsifs_target() { _unaligned ours; }

_under_kills() {	# KIND: each time something was written since the target came back, it is killed
	local writer kills=0
	_start "$1" replacement_timeout=60
	expect_outage
	_pass_after_pass >writer.txt 2>&1 &
	writer=$!
	until [ $kills -ge 8 ]; do
		wait_for 20 "writes" _written_since "$(session_get writes)" $writer
		_alive $writer || fail "the writer ended after $kills kills: $(tail -n 5 writer.txt)"
		target_kill9
		target_restart
		kills=$((kills + 1))
		session_expect link=UP
	done
	touch enough
	FINISH_LIMIT=120 finish $writer
	cat writer.txt
	session_expect link=UP gate=OPEN
}

no_write_is_lost_while_tgtd_is_killed_again_and_again() { _under_kills tgtd; }
no_write_is_lost_while_iscsifs_target_is_killed_again_and_again() { _under_kills ours; }

CASE_LIMIT[direct_io_verifies_over_tgtd]=120
CASE_LIMIT[direct_io_verifies_over_iscsifs_target]=120
CASE_LIMIT[no_write_is_lost_while_tgtd_is_killed_again_and_again]=180
CASE_LIMIT[no_write_is_lost_while_iscsifs_target_is_killed_again_and_again]=180
run_cases "$@"
