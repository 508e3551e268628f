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

# qemu-img map, one line for each range: start, length, what it is
_map() {
	qemu-img map --output=json -f raw "$1" | python3 -c '
import json, sys
for e in json.load(sys.stdin):
    print(e["start"], e["length"], "data" if e["data"] else "hole" if e["zero"] else "unknown")'
}

qemu_img_maps_what_is_written() {
	local disk
	_need_qemu_iscsi
	need python3
	for disk in "$CASE_DIR/disk.img" ram:64M ram:64M,block=4096; do
		truncate -s 64M disk.img
		target_start "lun=$disk"
		qemu-io -f raw -t none -d unmap -c 'write 1M 64k' -c 'write 3M 4k' -c 'write 40M 1M' \
			-c 'discard 40M 512k' -c 'write -z -u 3M 4k' "$(target_url t 0)" >io.txt 2>&1 ||
			fail "qemu-io: $(cat io.txt)"
		_map "$(target_url t 0)" >map.txt
		expect_equal "the map of $disk" "$(cat map.txt)" "0 1048576 hole
1048576 65536 data
1114112 41353216 hole
42467328 524288 data
42991616 24117248 hole"
		target_stop
		rm disk.img
	done
}

qemu_img_converts_a_sparse_image_and_keeps_it_sparse() {
	_need_qemu_iscsi
	truncate -s 256M source.img disk.img
	pattern_write source.img seed=9 block=4096 blocks=100..200
	pattern_write source.img seed=8 block=4096 blocks=60000..60100
	target_start "lun=$CASE_DIR/disk.img"
	expect "to it" qemu-img convert -n -f raw -O raw --target-is-zero source.img "$(target_url t 0)"
	expect "from it" qemu-img convert -f raw -O qcow2 "$(target_url t 0)" copy.qcow2
	expect "the same" qemu-img compare -f raw -F qcow2 source.img copy.qcow2
	[ "$(stat -c '%b' disk.img)" -lt 4096 ] || fail "the disk takes $(stat -c '%b' disk.img) sectors"
	[ "$(stat -c '%b' copy.qcow2)" -lt 8192 ] || fail "so holes were not seen"
}

# _private_target: one that wants CHAP, with a control socket
_private_target() {
	echo sesame-open-now >secret
	chmod 600 secret
	target_start "$@" -- --user joe --password-file "$CASE_DIR/secret" \
		--control "$CASE_DIR/target.sock"
}

_digest_in_use() {
	iscsifsadm --socket "$CASE_DIR/target.sock" target session 2>/dev/null |
		grep -qx 'HeaderDigest=CRC32C'
}

# _summing TOOL…: libiscsi's, which asks for header digests then
_summing() {
	LD_PRELOAD=$BUILD/tests/peers/ask.so ASK_HEADER_DIGEST=CRC32C "$@"
}

libiscsi_tools_log_in_by_chap_and_sum_headers() {
	local url bare tool
	need iscsi-inq iscsi-ls iscsi-perf iscsi-readcapacity16 iscsi-swp
	_private_target lun=ram:64M
	bare=$(target_url t 0)
	url="iscsi://joe%sesame-open-now@${bare#iscsi://}"
	for tool in iscsi-inq iscsi-readcapacity16; do
		expect "$tool" _summing $tool "$url" >out.txt
		expect_not "$tool without a name" _summing $tool "$bare" >out.txt 2>&1
		expect_not "$tool with another password" \
			_summing $tool "${url/sesame-open-now/sesame-open-new}" >out.txt 2>&1
	done
	_summing iscsi-ls -s "iscsi://joe%sesame-open-now@127.0.0.1:${TARGET_PORT[t]}" >ls.txt
	expect "the disk" grep -q DIRECT_ACCESS ls.txt
	expect "protected" _summing iscsi-swp -s on "$url" >out.txt
	iscsifsadm --socket "$CASE_DIR/target.sock" target lun >lun.txt
	expect "as it is told" grep -qx write_protected=yes lun.txt
	expect "and no more" _summing iscsi-swp -s off "$url" >out.txt
	spawn perf _summing iscsi-perf -r -b 8 -m 8 -t 2 "$url"
	wait_for 10 "a session with header digests" _digest_in_use
	finish "${PID[perf]}"
	tr '\r' '\n' <perf.out | grep -qE '^iops average [1-9]' || fail "perf: $(cat perf.log)"
}

qemu_logs_in_by_chap_and_sums_headers() {
	local node commands
	_need_qemu_iscsi
	_private_target lun=ram:64M
	node="driver=iscsi,transport=tcp,portal=127.0.0.1:${TARGET_PORT[t]},target=$IQN,lun=0"
	node="$node,header-digest=crc32c,user=joe,password-secret=s"
	mkfifo commands
	spawn qemu sh -c "qemu-io --object secret,id=s,data=sesame-open-now --image-opts '$node' \
		<commands >io.txt 2>&1"
	exec {commands}>commands
	echo 'write -P 7 0 1M' >&"$commands"
	wait_for 10 "a session with header digests" _digest_in_use
	printf 'read -P 7 0 1M\nread -P 0 1M 1M\nquit\n' >&"$commands"
	exec {commands}>&-
	finish "${PID[qemu]}"
	expect_equal "reads" "$(grep -c ' read 1048576/1048576' io.txt)" 2
	expect_not "a pattern that differs" grep -qiE 'verification failed|error|failed' io.txt
	expect_not "another password" qemu-io --object secret,id=s,data=sesame-open-new \
		--image-opts "$node" -c 'read 0 512' >out.txt 2>&1
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

run_cases "$@"
