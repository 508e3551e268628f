#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# File systems on the file of a LUN: the kernel's on a loop device, fuse2fs for those without rights.
# shellcheck source=tests/it/functions.sh
. "$(dirname "$0")/../it/functions.sh"

_start() {	# KIND
	truncate -s 256M disk.img
	case $1 in
	tgtd)
		tgtd_start "lun=$CASE_DIR/disk.img"
		mount_start replacement_timeout=60
		LUN=$(lun_file 1)
		;;
	ours)
		target_start "lun=$CASE_DIR/disk.img"
		mount_start replacement_timeout=60
		LUN=$(lun_file 0)
		;;
	esac
}

# _loop_start OPTION…: a loop device over $LUN in $LOOP
_loop_start() {
	need losetup
	need_root
	LOOP=$(losetup --find --show "$@" "$LUN" 2>losetup.txt) ||
		skip "no loop device can be had: $(cat losetup.txt)"
	undo losetup -d "$LOOP"
}

_loop_stop() {
	losetup -d "$LOOP"
	wait_for 10 "$LOOP to let go" _loop_is_free
}

_loop_is_free() {
	! losetup "$LOOP" >/dev/null 2>&1
}

# A tree of files of many sizes, some with holes.
_tree() {
	mkdir -p tree/deep/er
	cp -a "$SRCDIR/src" "$SRCDIR/tests" tree/
	head -c 9M /dev/urandom >tree/large
	truncate -s 20M tree/deep/holes
	printf 'end' >>tree/deep/holes
	ln -s ../large tree/deep/er/link
}

_ext4() {	# KIND DURING
	need mkfs.ext4 e2fsck
	_start "$1"
	_loop_start
	_tree
	expect "mkfs" mkfs.ext4 -q "$LOOP"
	mkdir fs
	undo _undo_mount "$CASE_DIR/fs"
	expect "mount" mount "$LOOP" fs
	cp -a tree fs/ &
	local copy=$!
	"$2"
	finish $copy
	expect "unmount" umount fs
	expect "mount again" mount "$LOOP" fs
	expect "the tree" diff -r --no-dereference tree fs/tree
	expect "unmount" umount fs
	expect "e2fsck through the mount" e2fsck -fn "$LOOP"
	_loop_stop
	mount_stop
	target_stop
	expect "e2fsck of the backing file" e2fsck -fn disk.img
}

_restart_twice() {
	local again
	expect_outage
	for again in no yes; do
		session_expect "writes>=$(($(session_get writes) + 10))"
		target_kill9
		target_restart
		session_expect link=UP
		note "restarted; again: $again"
	done
}

ext4_on_a_loop_device_is_clean_over_tgtd() { _ext4 tgtd :; }
ext4_on_a_loop_device_is_clean_over_iscsifs_target() { _ext4 ours :; }
ext4_does_not_notice_that_the_target_was_restarted() { _ext4 ours _restart_twice; }

a_direct_loop_device_carries_ext4_too() {
	need mkfs.ext4 e2fsck
	_start ours
	_loop_start --direct-io=on
	expect "mkfs" mkfs.ext4 -q "$LOOP"
	mkdir fs
	undo _undo_mount "$CASE_DIR/fs"
	expect "mount" mount "$LOOP" fs
	_tree
	cp -a tree fs/
	expect "unmount" umount fs
	_loop_stop
	mount_stop
	expect "e2fsck of the backing file" e2fsck -fn disk.img
}

fuse2fs_as_an_ordinary_user_reads_and_writes() {
	need fuse2fs mkfs.ext4 e2fsck
	fuse_mode 666
	user_start
	truncate -s 64M disk.img
	mkfs.ext4 -q -E root_owner=$USER_UID:$USER_UID disk.img
	target_start "lun=$CASE_DIR/disk.img"
	mount_start by=user "at=$CASE_DIR/user/mnt"
	as_user mkdir user/fs
	undo _undo_mount "$CASE_DIR/user/fs"
	spawn fuse2fs "${AS_USER[@]}" fuse2fs -f -o fakeroot "$CASE_DIR/user/mnt/lun0" \
		"$CASE_DIR/user/fs"
	wait_for 10 "fuse2fs" _is_mounted "$CASE_DIR/user/fs"
	head -c 3M /dev/urandom >three
	chmod 644 three
	as_user cp three user/fs/three
	expect "the file" as_user cmp three user/fs/three
	as_user fusermount3 -u user/fs
	finish "${PID[fuse2fs]}"
	as_user fusermount3 -u user/mnt
	finish "${PID[mount.m]}"
	unset "PID[mount.m]"
	target_stop
	expect "e2fsck of the backing file" e2fsck -fn disk.img
	debugfs -R 'dump three out' disk.img 2>/dev/null
	expect "what is in it" cmp three out
}

run_cases "$@"
