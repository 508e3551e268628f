# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# fio on the file of a LUN: what it writes it reads back and compares, once or again and again.

# shellcheck source=tests/it/functions.sh
. "$(dirname "${BASH_SOURCE[0]}")/../it/functions.sh"

# _start KIND [SETTING…]: a target on a file, mounted; its LUN in $LUN
_start() {
	local kind=$1
	shift
	need fio
	truncate -s 64M disk.img
	case $kind in
	tgtd)
		tgtd_start "lun=$CASE_DIR/disk.img"
		mount_start "$@"
		LUN=$(lun_file 1)
		;;
	ours)
		target_start "lun=$CASE_DIR/disk.img"
		mount_start "$@"
		LUN=$(lun_file 0)
		;;
	esac
}

# _verify OPTION…: one pass that writes and then reads what it wrote
_verify() {
	fio --name=verify --filename="$LUN" --size=24M --verify=crc32c --verify_fatal=1 \
		--do_verify=1 --randseed=$RANDOM --output-format=normal "$@" >fio.txt 2>&1 || {
		tail -n 30 fio.txt
		fail "fio $*"
	}
	expect_not "an error" grep -qE 'err=[^ 0]|verify: bad|Input/output' fio.txt
}

_depth() {	# N: libaio, O_DIRECT, sizes that do and do not meet 4 KiB
	_verify --ioengine=libaio --direct=1 --rw=randwrite --iodepth="$1" --serialize_overlap=1 \
		--bssplit=512/10:4k/40:6k/20:64k/20:200k/10
}

# In the background: passes, one after the other, $PASSES and until the file `enough` is there.
PASSES=3
_pass_after_pass() {
	local passes=0 depths=(1 13 64)
	while [ ! -e enough ] || [ $passes -lt $PASSES ]; do
		_depth ${depths[passes % 3]}
		_verify --ioengine=psync --rw=randwrite --bssplit=512/20:4k/50:60k/30 --size=8M
		passes=$((passes + 1))
		note "$passes passes"
	done
}

_written_since() {	# WRITES WRITER
	_gone "$2" || _session_is m "writes>=$(($1 + 50))"
}
