#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# libiscsi's tools and QEMU against iscsifs-target.
# shellcheck source=tests/it/functions.sh
. "$(dirname "$0")/../it/functions.sh"

iscsi_ls_lists_targets_and_luns() {
	need iscsi-ls
	truncate -s 3T big.img
	target_start iqn=iqn.2026-11.example:a lun=ram:64M "lun=$CASE_DIR/big.img" \
		iqn=iqn.2026-11.example:b lun=ram:1M
	iscsi-ls -s "$(target_url t -)" >ls.txt
	expect "a" grep -q '^Target:iqn.2026-11.example:a ' ls.txt
	expect "b" grep -q '^Target:iqn.2026-11.example:b ' ls.txt
	expect_equal "disks" "$(grep -c 'DIRECT_ACCESS' ls.txt)" 3
	# it asks with READ CAPACITY(10), which tells two tebibytes less a block of anything larger
	expect "the large one" grep -qE '^Lun:1 .*DIRECT_ACCESS \(Size:1T\)' ls.txt
}

iscsi_inq_reads_every_page_that_is_listed() {
	local page
	need iscsi-inq
	target_start
	iscsi-inq "$(target_url t 0)" >inq.txt
	expect "a disk" grep -q 'DIRECT_ACCESS' inq.txt
	iscsi-inq -e 1 -c 0x00 "$(target_url t 0)" >pages.txt
	for page in 0x80 0x83 0xb0 0xb1 0xb2; do
		expect "page $page" iscsi-inq -e 1 -c $page "$(target_url t 0)" >"page$page.txt"
	done
}

iscsi_readcapacity16_tells_size_and_block() {
	need iscsi-readcapacity16
	truncate -s 3T big.img
	target_start "lun=$CASE_DIR/big.img"
	iscsi-readcapacity16 "$(target_url t 0)" >cap.txt
	cat cap.txt
	expect "last block" grep -qE 'RETURNED LOGICAL BLOCK ADDRESS: *6442450943' cap.txt
	expect "block" grep -qE 'LOGICAL BLOCK LENGTH IN BYTES: *512' cap.txt
}

iscsi_perf_reads_at_every_depth() {
	local depth
	need iscsi-perf
	target_start
	for depth in 1 32; do
		iscsi-perf -r -b 8 -m $depth -t 1 "$(target_url t 0)" | tr '\r' '\n' >perf.txt
		expect "an average" grep -qE '^iops average [1-9][0-9]+' perf.txt
	done
	iscsi-perf -b 2048 -m 4 -t 1 "$(target_url t 0)" | tr '\r' '\n' >perf.txt
	expect "an average" grep -qE '^iops average [1-9][0-9]*' perf.txt
}

_need_qemu_iscsi() {
	need qemu-img qemu-io
	qemu-img info iscsi://127.0.0.1:1/x/0 2>&1 | grep -qi 'unknown protocol' &&
		skip "this qemu has no iscsi driver (package qemu-block-extra)"
	return 0
}

qemu_img_converts_and_compares() {
	_need_qemu_iscsi
	target_start
	truncate -s 64M source.img
	pattern_write source.img seed=4 block=4096 blocks=100..3000
	pattern_write source.img seed=5 block=4096 blocks=9000..9100
	expect "convert" qemu-img convert -n -f raw -O raw source.img "$(target_url t 0)"
	expect "compare" qemu-img compare -f raw -F raw source.img "$(target_url t 0)"
	target_stop
	expect "the backing file" cmp source.img disk.img
	printf 'not the same' | dd of=disk.img bs=1 seek=5000000 conv=notrunc status=none
	target_restart
	expect_not "twelve bytes of difference" qemu-img compare -f raw -F raw source.img "$(target_url t 0)"
}

qemu_io_writes_zeroes_discards_and_verifies() {
	_need_qemu_iscsi
	target_start
	qemu-io -f raw -t none \
		-c 'write -P 0x11 0 1M' -c 'write -P 0x22 512k 4k' -c 'write -P 0x33 1000k 3000k' \
		-c 'write -z 600k 64k' -c 'flush' \
		-c 'read -P 0x11 0 512k' -c 'read -P 0x22 512k 4k' -c 'read -P 0 600k 64k' \
		-c 'read -P 0x11 664k 300k' -c 'read -P 0x33 1000k 3000k' \
		"$(target_url t 0)" >io.txt 2>&1 || fail "qemu-io: $(cat io.txt)"
	expect_not "a pattern that differs" grep -qiE 'verification failed|error|failed' io.txt
	qemu-io -f raw -t none -d unmap -c 'discard 2M 1M' -c 'read 2M 1M' "$(target_url t 0)" >io.txt 2>&1 ||
		fail "qemu-io: $(cat io.txt)"
	expect_not "an error" grep -qiE 'error|failed' io.txt
}

qemu_storage_daemon_exports_it() {
	need qemu-storage-daemon
	need_fuse
	target_start
	touch export
	undo _undo_mount "$CASE_DIR/export"
	spawn qsd qemu-storage-daemon --blockdev "driver=iscsi,node-name=d,transport=tcp,\
portal=127.0.0.1:${TARGET_PORT[t]},target=$IQN,lun=0,cache.direct=on" \
		--export "type=fuse,id=e,node-name=d,mountpoint=$CASE_DIR/export,writable=on"
	wait_for 10 "the export" _is_mounted "$CASE_DIR/export"
	pattern_write export seed=2 block=4096 blocks=0..999 io=16 order=mixed direct=yes
	pattern_check export seed=2 block=4096 blocks=0..999 io=3
	kill "${PID[qsd]}"
	finish "${PID[qsd]}"
	pattern_check disk.img seed=2 block=4096 blocks=0..999
}

# What iscsi-test-cu is known to find, by its source files, and how often it says [SKIPPED], which it
# counts as passed. A change in either direction has to be looked at.
#
# test_get_lba_status_unmap_single asks for the block after the one that follows a hole and wants the
# answer to begin a block earlier.
CU_KNOWN='test_get_lba_status_unmap_single'
CU_SKIPPED=129

iscsi_test_cu_finds_only_what_is_known() {
	need iscsi-test-cu
	target_start
	expect_log '.'
	timeout 100 iscsi-test-cu -d -t ALL "$(target_url t 0)" >cu.txt 2>&1 || :
	expect "all of it ran" grep -qE '^ +tests +230 +230 ' cu.txt
	sed -nE 's/^ +[0-9]+\. (test_[a-z0-9_]+)\.c:.*/\1/p' cu.txt | sort -u >failed
	printf '%s\n' "$CU_KNOWN" >known
	diff known failed || fail "other failures than the known ones"
	expect_equal "skipped" "$(grep -c 'SKIPPED' cu.txt)" $CU_SKIPPED
}

CASE_LIMIT[iscsi_test_cu_finds_only_what_is_known]=120
run_cases "$@"
