#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The mount by itself, over LUNs in memory that are held and let go on command.
# shellcheck source=tests/it/functions.sh
. "$(dirname "$0")/functions.sh"

FAKE=$BUILD/tests/it/fake_mount

# _fake OPTION…: mounted on mnt (or on the last word, when it is a path), LUN 0 is $LUN
_fake() {
	need_fuse
	[ -x "$FAKE" ] || skip "fake_mount is not built"
	MNT=$PWD/mnt
	[ -e mnt ] || mkdir mnt
	LUN=$MNT/lun0
	mkfifo ctl
	exec {CTL}<>ctl
	undo _undo_mount "$MNT"
	export CTL
	spawn fake bash -c 'exec "$@" <&$CTL' - "${RUN_BY[@]}" "$FAKE" "$@" "$MNT"
	wait_for 10 "the mount" _fake_settled
	_is_mounted "$MNT" || fail "fake_mount ended: $(tail -n 3 fake.log)"
}
RUN_BY=()

_fake_settled() {
	grep -q '^serving$' fake.out || _gone "${PID[fake]}"
}

# _tell COMMAND…: and wait until it was obeyed
_tell() {
	local n
	n=$(grep -c '^ok$' fake.out || :)
	echo "$*" >&"$CTL"
	wait_for 10 "an answer to $*" _told $((n + 1))
}

_told() {
	[ "$(grep -c '^ok$' fake.out)" -ge "$1" ]
}

# _count KEY: of fake_mount's own counters
_count() {
	_tell stats
	sed -n "s/^$1=//p" fake.out | tail -n 1
}

_counts() {	# KEY VALUE
	[ "$(_count "$1")" = "$2" ]
}

# The daemon ends in good order, and nothing is left under way.
_fake_end() {
	local pid=${PID[fake]}
	expect_equal "requests still waiting" "$(_count waiting)" 0
	umount "$MNT" 2>/dev/null || fusermount3 -u "$MNT"
	finish "$pid"
	grep -q '^ended$' fake.out || fail "fake_mount did not end in good order"
}

_py() {
	need python3
	python3 - "$@"
}

# dd's own words are of no interest, those of an error are
_dd() {
	dd "$@" status=none
}

_fio() {
	need fio
	fio --name=job --filename="$LUN" --size=24M --verify=crc32c --verify_fatal=1 \
		--verify_state_save=0 --output=fio.txt "$@" || {
		tail -n 20 fio.txt
		fail "fio $*"
	}
}

# ---- data -----------------------------------------------------------------------------------

asynchronous_direct_io_of_many_sizes_verifies() {
	_fake -z 32M
	for depth in 1 13 64; do
		_fio --ioengine=libaio --direct=1 --rw=randrw --iodepth=$depth \
			--bssplit=512/30:4k/30:20k/20:128k/10:1m/10 --bsrange=512-1m
	done
	_fake_end
}

buffered_io_that_meets_no_boundary_verifies() {
	_fake -b 4096 -z 32M
	_fio --ioengine=psync --rw=randrw --bsrange=512-70000 --bs_unaligned=1 --verify_backlog=64
	_fake_end
}

writes_through_the_page_cache_of_a_mapping_verify() {
	_fake -z 32M
	_fio --ioengine=mmap --rw=randwrite --bs=4k --fsync=64
	_fake_end
}

a_mapping_and_write_see_each_other() {
	_fake
	_py "$LUN" <<-'END'
		import mmap, os, sys
		fd = os.open(sys.argv[1], os.O_RDWR)
		m = mmap.mmap(fd, 1 << 20, mmap.MAP_SHARED)
		m[100:110] = b"0123456789"
		m.flush()
		assert os.pread(fd, 10, 100) == b"0123456789"
		os.pwrite(fd, b"abc", 5000)
		assert m[5000:5003] == b"abc"
	END
	_fake_end
}

a_buffered_reader_sees_what_a_direct_writer_wrote() {
	_fake
	_py "$LUN" <<-'END'
		import mmap, os, sys
		page = mmap.mmap(-1, 4096)
		reader = os.open(sys.argv[1], os.O_RDONLY)
		assert os.pread(reader, 4, 0) == b"\0\0\0\0"
		writer = os.open(sys.argv[1], os.O_RDWR | os.O_DIRECT)
		for i in range(50):
		    page[:4] = b"%04d" % i
		    assert os.pwritev(writer, [page], 0) == 4096
		    assert os.pread(reader, 4, 0) == b"%04d" % i
		os.close(writer)
		late = os.open(sys.argv[1], os.O_RDONLY)
		assert os.pread(late, 4, 0) == b"0049"
	END
	_fake_end
}

a_buffered_reader_reads_ahead() {
	_fake
	_dd if="$LUN" of=/dev/null bs=4k count=4096
	[ "$(_count reads)" -lt 1000 ] || fail "$(_count reads) requests for 4096 reads in a row"
	_fake_end
}

an_image_can_be_copied_onto_it() {
	_fake -z 4M
	head -c 4M /dev/urandom >image
	cp image "$LUN"
	cmp image "$LUN"
	head -c 1M /dev/urandom >image
	cat image >"$LUN"
	_dd if=image of="$LUN" bs=64k
	cmp -n 1048576 image "$LUN"
	: >"$LUN"
	expect_equal "size" "$(stat -c %s "$LUN")" 4194304
	cmp -n 1048576 image "$LUN"
	cp -p image "$LUN"
	touch "$LUN"
	expect_equal "size" "$(stat -c %s "$LUN")" 4194304
	_fake_end
}

old_bytes_do_not_show_through_the_holes_of_an_image() {
	expect_log 'refused to write behind a hole'
	_fake -z 4M
	head -c 4M /dev/urandom >"$LUN"
	truncate -s 4M image
	head -c 64k /dev/urandom | _dd of=image bs=64k conv=notrunc iflag=fullblock
	head -c 64k /dev/urandom | _dd of=image bs=64k seek=63 conv=notrunc iflag=fullblock
	expect_exit 1 'Operation not supported' cp image "$LUN"
	cp --sparse=never image "$LUN"
	cmp image "$LUN"
	_fake_end
}

truncating_does_not_hamper_a_program_that_writes() {
	_fake -z 4M
	exec {writer}<>"$LUN"
	: >"$LUN"
	_dd if=/dev/zero of=/proc/self/fd/1 bs=4k count=1 seek=100 conv=notrunc >&"$writer"
	exec {writer}>&-
	_fake_end
}

# ---- what a disk says -----------------------------------------------------------------------

ends_and_sizes_are_those_of_a_disk() {
	_fake -z 1M
	_py "$LUN" <<-'END'
		import errno, os, sys
		def refused(what, f, *args):
		    try:
		        f(*args)
		    except OSError as e:
		        assert e.errno == what, (f, args, e)
		        return
		    raise AssertionError((f, args))
		path, size = sys.argv[1], 1 << 20
		fd = os.open(path, os.O_RDWR)
		refused(errno.EINVAL, os.ftruncate, fd, 0)
		refused(errno.EINVAL, os.ftruncate, fd, size - 1)
		refused(errno.EPERM, os.ftruncate, fd, size + 1)
		os.ftruncate(fd, size)
		assert os.pwrite(fd, b"0123456789", size - 4) == 4
		assert os.pread(fd, 10, size - 4) == b"0123"
		assert os.pread(fd, 10, size) == b""
		refused(errno.ENOSPC, os.pwrite, fd, b"x", size)
		refused(errno.ENOSPC, os.write, os.open(path, os.O_WRONLY | os.O_APPEND), b"x")
		os.posix_fallocate(fd, 0, size)
		refused(errno.ENOSPC, os.posix_fallocate, fd, size - 1, 2)
		assert os.lseek(fd, 5, os.SEEK_DATA) == 5
		assert os.lseek(fd, 5, os.SEEK_HOLE) == size
		refused(errno.ENXIO, os.lseek, fd, size, os.SEEK_DATA)
		top = os.path.dirname(path)
		refused(errno.EPERM, os.unlink, path)
		refused(errno.EPERM, os.mkdir, top + "/d")
		refused(errno.EPERM, os.mknod, top + "/n")
		refused(errno.EPERM, os.rename, path, top + "/n")
		os.chmod(path, 0o4640)
		assert os.stat(path).st_mode & 0o7777 == 0o640
		os.truncate(path, 0)
		assert os.stat(path).st_size == size
	END
	_fake_end
}

fsync_reaches_the_disk_and_o_dsync_asks_for_it() {
	_fake
	_dd if=/dev/zero of="$LUN" bs=4k count=10 oflag=dsync conv=notrunc
	expect_equal "writes with FUA" "$(_count fua)" 10
	_dd if=/dev/zero of="$LUN" bs=4k count=10 oflag=direct,sync conv=notrunc
	expect_equal "writes with FUA" "$(_count fua)" 20
	before=$(_count flushes)
	_py "$LUN" <<-'END'
		import os, sys
		fd = os.open(sys.argv[1], os.O_RDWR)
		os.fsync(fd)
		os.fdatasync(fd)
	END
	wait_for 5 "the flush of the last close" _counts flushes $((before + 3))
	_fake_end
}

it_tells_what_it_is() {
	_fake -b 4096 -z 3M
	_py "$LUN" <<-'END'
		import fcntl, os, struct, sys
		path = sys.argv[1]
		got = {k: os.getxattr(path, k).decode() for k in os.listxattr(path)}
		assert got["user.iscsi.target"] == "iqn.2026-11.example:fake", got
		assert got["user.iscsi.lun"] == "0" and got["user.iscsi.state"] == "ready", got
		assert got["user.iscsi.block_size"] == "4096" and len(got) == 10, got
		fd = os.open(path, os.O_RDWR)
		def ask(word):
		    data = bytearray(8)
		    fcntl.ioctl(fd, word, data)
		    return struct.unpack("Q", data)[0]
		assert ask(0x80081272) == 3 << 20		# BLKGETSIZE64
		assert ask(0x80081270) == 4096			# BLKBSZGET
		fcntl.ioctl(fd, 0x1261)				# BLKFLSBUF
		fcntl.ioctl(fd, 0x125f)				# BLKRRPART
		try:
		    fcntl.ioctl(fd, 0x1268, data := bytearray(4))	# BLKSSZGET
		    raise AssertionError
		except OSError as e:
		    assert e.errno == 25, e
	END
	expect_equal "link" "$(readlink "$MNT/by-id/naa.6000000000000000")" ../lun0
	grep -q '^reads=' "$MNT/.iscsifs/stats"
	_fake_end
}

a_new_size_is_seen_without_a_remount() {
	_fake -z 4M
	expect_equal "size" "$(stat -c %s "$LUN")" 4194304
	exec {reader}<"$LUN"
	_tell resize 6M
	expect_equal "size" "$(stat -c %s "$LUN")" 6291456
	expect_equal "read to the end" "$(wc -c <&"$reader")" 6291456
	_tell resize 2M
	expect_equal "size" "$(stat -c %s "$LUN")" 2097152
	exec {reader}<&-
	_fake_end
}

a_write_protected_lun_opens_for_reading_only() {
	_fake
	_tell protect
	expect_exit 1 'Read-only file system' dd if=/dev/zero "of=$LUN" count=1 conv=notrunc status=none
	expect_equal "mode" "$(stat -c %a "$LUN")" 400
	head -c 512 "$LUN" >/dev/null
	_fake_end
}

a_lun_that_goes_takes_its_names_with_it() {
	_fake
	exec {reader}<"$LUN"
	_tell remove
	wait_for 5 "the name to go" test ! -e "$LUN"
	expect_not "the link" test -e "$MNT/by-id/naa.6000000000000000"
	expect_not "a read of what is gone" head -c 1 <&"$reader"
	_tell add
	wait_for 5 "the name to come back" test -e "$LUN"
	head -c 512 "$LUN" >/dev/null
	exec {reader}<&-
	_fake_end
}

# ---- outages --------------------------------------------------------------------------------

# _held N: so many requests are held
_held() {
	wait_for 10 "$1 requests to wait" _counts waiting "$1"
}

everything_else_goes_on_while_a_lun_is_down() {
	_fake -z 4M -z 4M
	_tell hold
	_dd if=/dev/zero of="$LUN" bs=4k count=1 oflag=direct conv=notrunc &
	_held 1
	expect_equal "names" "$(ls "$MNT")" "$(printf '%s\n' by-id iqn.2026-11.example:fake lun0)"
	_dd if=/dev/zero of="$MNT/iqn.2026-11.example:fake/lun1" bs=64k count=8 conv=notrunc,fsync
	grep -q '^waiting=1$' "$MNT/.iscsifs/stats"
	_tell go
	finish $!
	_fake_end
}

# shellcheck disable=SC2016	# awk's
_killed_within_a_second() {	# PID SIGNAL
	local began
	began=$(_now_ms)
	kill "-$2" "$1"
	wait_for 10 "process $1 to die" _gone "$1"
	[ $(($(_now_ms) - began)) -le $((1500 * SLOW)) ] ||
		fail "process $1 took $(($(_now_ms) - began)) ms to die"
}

a_reader_that_waits_can_be_killed() {
	need python3
	_fake
	for signal in KILL TERM INT HUP QUIT; do
		_tell hold
		trap '' INT QUIT
		python3 - "$LUN" <<-'END' &
			import os, signal, sys
			signal.signal(signal.SIGINT, signal.SIG_DFL)
			signal.signal(signal.SIGQUIT, signal.SIG_DFL)
			os.pread(os.open(sys.argv[1], os.O_RDWR), 4096, 0)
		END
		_held 1
		_killed_within_a_second $! $signal
		wait_for 5 "its request to go" _counts waiting 0
		_tell go
	done
	_fake_end
}

who_opens_what_a_buffered_reader_waits_for_can_be_killed() {
	_fake
	_tell hold
	dd if="$LUN" of=/dev/null bs=4k count=1 2>reader.err &
	reader=$!
	_held 1
	for options in iflag=direct status=none; do
		dd if="$LUN" of=/dev/null bs=4k count=1 $options &
		wait_for 10 "the second reader to wait" _waits_for_more_than 1
		_killed_within_a_second $! KILL
	done
	_tell go
	finish $reader
	_fake_end
}

_waits_for_more_than() {
	[ "$(_count waiting)" -gt "$1" ]
}

a_killed_request_keeps_its_memory_until_the_target_is_done() {
	_fake
	_tell wire
	dd if=/dev/zero of="$LUN" bs=1M count=1 oflag=direct conv=notrunc &
	_held 1
	_killed_within_a_second $! KILL
	wait_for 5 "its request to go" _counts waiting 0
	_tell go
	_dd if=/dev/zero of="$LUN" bs=1M count=8 oflag=direct conv=notrunc
	_fake_end
}

a_program_with_asynchronous_requests_under_way_can_be_killed() {
	_fake
	need fio
	for how in --thread=0 --thread=1; do
		_tell hold
		fio --name=job --filename="$LUN" --size=32M --ioengine=libaio --direct=1 \
			--rw=randread --bs=4k --iodepth=8 $how >fio.txt 2>&1 &
		_held 8
		# shellcheck disable=SC2046	# a list
		kill -KILL $! $(_children $!)
		wait_for 10 "requests of the dead to go" _counts waiting 0
		_tell go
	done
	_fake_end
}

signals_that_end_nothing_break_no_read() {
	_fake
	_tell hold
	_py "$LUN" >caught <<-'END' &
		import os, signal, sys
		caught = []
		for s in (signal.SIGALRM, signal.SIGCHLD, signal.SIGUSR1):
		    signal.signal(s, lambda number, frame: caught.append(number))
		signal.setitimer(signal.ITIMER_REAL, 0.05, 0.02)
		if not os.fork():
		    os._exit(0)
		import ctypes
		libc = ctypes.CDLL(None, use_errno=True)
		fd = os.open(sys.argv[1], os.O_RDWR)
		buf = ctypes.create_string_buffer(4096)
		got = libc.pread(fd, buf, ctypes.c_size_t(4096), ctypes.c_long(0))
		signal.setitimer(signal.ITIMER_REAL, 0)
		print(got, ctypes.get_errno(), flush=True)
	END
	_held 1
	poll 2 false || :
	expect_equal "interrupted" "$(_count interrupted)" 0
	_tell go
	finish $!
	expect_equal "pread" "$(cat caught)" "4096 0"
	_fake_end
}

held_writes_have_a_limit() {
	expect_log 'writes fail until the target is back'
	_fake -z 32M -h 2M
	_tell hold
	for i in 0 1; do
		_dd if=/dev/zero of="$LUN" bs=1M count=1 seek=$i oflag=direct conv=notrunc &
	done
	_held 2
	expect_equal "held bytes" "$(_count held_bytes)" 2097152
	for i in 1 2 3; do
		expect_exit 1 'Cannot allocate memory' dd if=/dev/zero "of=$LUN" bs=4k count=1 \
			oflag=direct conv=notrunc status=none
	done
	expect_equal "log lines" "$(grep -c 'writes fail until' fake.log)" 1
	_tell go
	wait_for 10 "the held writes" _counts waiting 0
	_dd if=/dev/zero of="$LUN" bs=1M count=4 oflag=direct conv=notrunc
	expect_equal "held bytes" "$(_count held_bytes)" 0
	_fake_end
}

the_daemon_can_end_while_requests_are_held() {
	_fake
	_tell wire
	_dd if="$LUN" of=/dev/null bs=4k count=1 iflag=direct 2>dd.err &
	reader=$!
	_held 1
	echo quit >&"$CTL"
	finish "${PID[fake]}"
	wait "$reader" && fail "the read succeeded"
	expect_not "the mount" _is_mounted "$MNT"
}

# ---- mounting -------------------------------------------------------------------------------

unmounting_ends_the_daemon() {
	_fake
	umount "$MNT" || fusermount3 -u "$MNT"
	finish "${PID[fake]}"
	grep -q '^gone$' fake.out
}

an_aborted_connection_leaves_no_dead_mount() {
	need_root
	_fake
	minor=$(awk -v at="$MNT" '$5 == at { sub(".*:", "", $3); print $3 }' /proc/self/mountinfo)
	mkdir connections
	mount -t fusectl fusectl connections || skip "fusectl cannot be mounted here"
	undo umount "$PWD/connections"
	echo 1 >"connections/$minor/abort"
	finish "${PID[fake]}"
	grep -q '^gone$' fake.out
	expect_not "the mount" _is_mounted "$MNT"
}

one_lun_can_be_mounted_over_a_file() {
	: >mnt
	_fake -1 -z 2M
	expect_equal "what it is" "$(stat -c '%F %s' "$MNT")" "regular file 2097152"
	head -c 2M /dev/urandom >image
	cp image "$MNT"
	cmp image "$MNT"
	_fake_end
	expect_equal "what is below" "$(stat -c %s mnt)" 0
}

bad_mountpoints_are_refused_in_one_sentence() {
	_fake
	mkdir full empty
	touch full/x file
	expect_exit 7 'it does not exist' "$FAKE" missing
	expect_exit 7 'is not a directory' "$FAKE" file
	expect_exit 7 'is not a regular file' "$FAKE" -1 empty
	expect_exit 7 'is not empty' "$FAKE" full
	expect_exit 15 'is mounted on .* already' "$FAKE" "$MNT"
	expect_exit 7 'unknown option' "$FAKE" -o nonsense empty
	_fake_end
}

_as_somebody() {
	need_ours iscsifs
	[ -x "$FAKE" ] || skip "fake_mount is not built"
	fuse_mode 666
	user_start
	cp "$FAKE" bin/
	FAKE=$PWD/bin/fake_mount
	mkdir mnt
	chown "$USER_UID" mnt
}

an_ordinary_user_can_mount() {
	_as_somebody
	RUN_BY=("${AS_USER[@]}")
	_fake
	as_user dd if=/dev/zero of="$LUN" bs=64k count=1 conv=notrunc status=none
	expect_not "root looks in" ls "$MNT"
	as_user fusermount3 -u "$MNT"
	finish "${PID[fake]}"
}

a_mount_that_is_not_allowed_says_why() {
	grep -qs '^user_allow_other' /etc/fuse.conf && skip "everybody may allow_other here"
	_as_somebody
	expect_exit 13 'allow_other' "${AS_USER[@]}" "$FAKE" -a mnt
	expect_not "a mount" _is_mounted "$PWD/mnt"
}

# ---- on top ---------------------------------------------------------------------------------

CASE_LIMIT[a_file_system_on_a_loop_device_is_clean]=120
a_file_system_on_a_loop_device_is_clean() {
	need_root
	need losetup mkfs.ext4 e2fsck
	_fake -z 64M
	for dio in off on; do
		dev=$(losetup --find --show --direct-io=$dio "$LUN") || skip "no loop devices here"
		undo losetup -d "$dev"
		mkfs.ext4 -q -F "$dev"
		mkdir -p fs
		mount "$dev" fs
		undo _undo_mount "$PWD/fs"
		cp -r "$SRCDIR/src" fs/
		diff -r "$SRCDIR/src" fs/src
		umount fs
		e2fsck -fn "$dev" >e2fsck.txt 2>&1 || fail "e2fsck: $(cat e2fsck.txt)"
		losetup -d "$dev"
	done
	wait_for 10 "the loop device to let go" _counts waiting 0
	_fake_end
}

run_cases "$@"
