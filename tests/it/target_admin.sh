#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A target that is changed while it is in use, seen by our own mount and by libiscsi's tools.
# shellcheck source=tests/it/functions.sh
. "$(dirname "$0")/functions.sh"

ADM=(iscsifsadm "--socket=${CASE_DIR-}/target.sock")

_target() {
	"${ADM[@]}" target "$@"
}

_start() {	# target_start's words
	truncate -s 64M disk.img disk2.img disk3.img
	target_start "$@" -- --control "$CASE_DIR/target.sock" "${TARGET_WITH[@]}"
}
TARGET_WITH=()

_mount() {
	mount_start replacement_timeout=30 noop_out_interval=1s noop_out_timeout=2s login_timeout=5s \
		time2wait=eager
}

_lun_get() {	# KEY LUN: what the target says of it
	_target lun list | awk -F= -v key="$1" -v lun="$2" '
		$1 == "lun" { mine = $2 == lun }
		mine && $1 == key { print substr($0, length(key) + 2) }'
}

_read_one() {	# LUN
	dd if="$(lun_file "$1")" of=read.out bs=4096 count=1 iflag=direct status=none
}

_has_size() {	# LUN BYTES: the first command after a change is told of it
	_read_one "$1" 2>read.err
	[ "$(stat -c %s "$(lun_file "$1")")" = "$2" ]
}

a_grown_lun_is_seen_without_a_new_mount() {
	_start "lun=$CASE_DIR/disk.img"
	_mount
	pattern_write "$(lun_file)" seed=1 blocks=0..255
	_target lun resize 0 96M >resize.out
	expect_equal "the answer" "$(sed -n 's/^size_bytes=//p' resize.out)" $((96 << 20))
	wait_for 20 "the new size" _has_size 0 $((96 << 20))
	pattern_write "$(lun_file)" seed=2 blocks=24000..24500 sync=end
	pattern_check "$(lun_file)" seed=1 blocks=0..255
	pattern_check "$(lun_file)" seed=2 blocks=24000..24500
	expect_equal "the file" "$(stat -c %s disk.img)" $((96 << 20))
	# And one that somebody else made longer.
	truncate -s 128M disk.img
	_target lun resize 0 auto >resize.out
	wait_for 20 "the new size" _has_size 0 $((128 << 20))
}

a_ram_disk_grows_under_reads() {
	_start lun=ram:64M
	_mount
	pattern_write "$(lun_file)" seed=3 blocks=0..16383 sync=end
	spawn reader bash -c 'while [ ! -e stop ]; do
		"$0" check "$1" seed=3 blocks=0..16383 || exit 1; done' "$PATTERN" "$(lun_file)"
	for size in 65M 80M 128M 400M 1G; do
		_target lun resize 0 $size >resize.out
		_read_one 0
	done
	: >stop
	finish "${PID[reader]}"
	wait_for 20 "the new size" _has_size 0 $((1 << 30))
	pattern_check "$(lun_file)" seed=3 blocks=0..16383
}

a_lun_is_cut_only_by_force() {
	expect_log 'LUN shrank in size'
	_start "lun=$CASE_DIR/disk.img"
	_mount
	expect_exit 7 'loses what is behind' "${ADM[@]}" target lun resize 0 32M
	expect_equal "the file" "$(stat -c %s disk.img)" $((64 << 20))
	_target lun resize 0 32M --force >resize.out
	wait_for 20 "the new size" _has_size 0 $((32 << 20))
	expect_equal "the file" "$(stat -c %s disk.img)" $((32 << 20))
	expect_exit 7 'want a size such as' "${ADM[@]}" target lun resize 0 much
	expect_exit 21 'has no LUN 9' "${ADM[@]}" target lun resize 9 1G
}

offline_holds_requests_and_online_lets_them_go() {
	expect_log 'not ready|LUN is'
	_start "lun=$CASE_DIR/disk.img"
	_mount
	pattern_write "$(lun_file)" seed=4 blocks=0..63 sync=end
	_target lun offline 0
	expect_equal "its state" "$(_lun_get state 0)" offline
	spawn writer "$PATTERN" write "$(lun_file)" seed=5 blocks=64..127 sync=end
	session_expect gate=HOLD
	expect "it waits" _alive "${PID[writer]}"
	_target lun online 0
	finish "${PID[writer]}"
	session_expect gate=OPEN
	pattern_check "$(lun_file)" seed=4 blocks=0..63
	pattern_check "$(lun_file)" seed=5 blocks=64..127
}

write_protection_comes_and_goes() {
	_start "lun=$CASE_DIR/disk.img"
	_mount
	_target lun readonly 0
	expect_not "a write" dd if=/dev/zero of="$(lun_file)" bs=4096 count=1 conv=notrunc,fsync \
		status=none
	_read_one 0
	_target lun readonly 0 off
	wait_for 20 "a write to pass" _writes
}

_writes() {
	_read_one 0
	dd if=/dev/zero of="$(lun_file)" bs=4096 count=1 conv=notrunc,fsync status=none 2>write.err
}

a_killed_session_comes_back() {
	expect_outage
	_start "lun=$CASE_DIR/disk.img"
	_mount
	spawn writer "$PATTERN" write "$(lun_file)" seed=6 blocks=0..8191 sync=end
	for _ in 1 2 3; do
		tsih=$(_target session list | sed -n 's/^tsih=//p')
		[ -n "$tsih" ] && _target session kill "$tsih"
		session_expect link=UP
	done
	finish "${PID[writer]}"
	pattern_check "$(lun_file)" seed=6 blocks=0..8191
	expect_exit 2 'no such session' "${ADM[@]}" target session kill 65000
	expect_exit 7 'from 0 to 65535' "${ADM[@]}" target session kill much
}

a_removed_lun_takes_nobody_along() {
	expect_outage
	expect_log 'gone|not there|removed|not ready|no longer'
	_start "lun=$CASE_DIR/disk.img" lun=ram:16M lun=ram:16M
	_mount
	pattern_write "$(lun_file 0)" seed=7 blocks=0..2047
	spawn other "$PATTERN" write "$(lun_file 0)" seed=8 blocks=2048..10000 sync=end
	spawn victim bash -c 'while "$0" write "$1" seed=9 blocks=0..4095; do :; done 2>/dev/null' \
		"$PATTERN" "$(lun_file 1)"
	spawn reader bash -c 'while "$0" "if=$1" of=/dev/null bs=1M iflag=direct status=none; do :
		done 2>/dev/null' dd "$(lun_file 1)"
	_target lun remove 1
	finish "${PID[other]}"
	_read_one 0
	finish "${PID[victim]}"
	finish "${PID[reader]}"
	pattern_check "$(lun_file 0)" seed=7 blocks=0..2047
	pattern_check "$(lun_file 0)" seed=8 blocks=2048..10000
	pattern_write "$(lun_file 2)" seed=9 blocks=0..63 sync=end
	pattern_check "$(lun_file 2)" seed=9 blocks=0..63
	expect_equal "logins" "$(session_get logins)" 1
	expect_exit 21 'has no LUN 1' "${ADM[@]}" target lun remove 1
}

# What scripts look for in the output of tgt-admin --show.
show_has_the_shape_of_tgt_admin() {
	_start "lun=$CASE_DIR/disk.img" lun=ram:16M,lun=7,thin=off
	_mount
	_target acl add ALL
	echo a-long-password | _target account add joe
	_target lun readonly 7
	_target lun offline 7
	_target -s >show.out
	sed -E 's/(SCSI ID: |SCSI SN: |Connection: |I_T nexus: |alias: ).*/\1X/; s|'"$CASE_DIR"'|DIR|
		s/Initiator: [^ ]*/Initiator: X/; s/ $//' show.out >shape.out
	cat >shape.want <<'END'
Target 1: iqn.2026-11.example:disk
    System information:
        Driver: iscsi
        State: ready
    I_T nexus information:
        I_T nexus: X
            Initiator: X alias: X
            Connection: X
                IP Address: 127.0.0.1
    LUN information:
        LUN: 0
            Type: disk
            SCSI ID: X
            SCSI SN: X
            Size: 67 MB, Block size: 512
            Online: Yes
            Removable media: No
            Prevent removal: No
            Readonly: No
            SWP: No
            Thin-provisioning: Yes
            Backing store type: rdwr
            Backing store path: DIR/disk.img
            Backing store flags:
        LUN: 7
            Type: disk
            SCSI ID: X
            SCSI SN: X
            Size: 17 MB, Block size: 512
            Online: No
            Removable media: No
            Prevent removal: No
            Readonly: Yes
            SWP: No
            Thin-provisioning: No
            Backing store type: ram
            Backing store path: ram:16M
            Backing store flags:
    Account information:
        joe
    ACL information:
        ALL
END
	expect "the shape" diff shape.want shape.out
	_target show --json >show.json
	expect "JSON" python3 -c 'import json; r = json.load(open("show.json"))
assert [x["record"] for x in r] == ["target", "nexus", "lun", "lun", "account", "acl"], r'
}

accounts_and_rules_hold_from_now_on() {
	need iscsi-inq
	_start lun=ram:8M
	expect "anybody" iscsi-inq "$(target_url t 0)" >inq.out
	echo a-long-password >pw
	_target account add joe password_file=pw
	expect_not "without a proof" iscsi-inq "$(target_url t 0)" >inq.out 2>&1
	export LIBISCSI_CHAP_USERNAME=joe LIBISCSI_CHAP_PASSWORD=a-long-password
	expect "with one" iscsi-inq "$(target_url t 0)" >inq.out
	_target acl add iqn.2026-11.example:nobody
	expect_not "another name" iscsi-inq "$(target_url t 0)" >inq.out 2>&1
	expect_exit 28 'any name may log in' "${ADM[@]}" target acl remove iqn.2026-11.example:nobody
	_target acl remove iqn.2026-11.example:nobody --force
	expect "any name again" iscsi-inq "$(target_url t 0)" >inq.out
	_target acl add 192.0.2.0/24
	expect_exit 28 'any address may log in' "${ADM[@]}" target acl remove 192.0.2.7/24
	expect_not "another address" iscsi-inq "$(target_url t 0)" >inq.out 2>&1
	_target acl add 127.0.0.0/8
	expect "one of two" iscsi-inq "$(target_url t 0)" >inq.out
	expect_exit 28 'last account' "${ADM[@]}" target account remove joe
	expect_exit 21 . "${ADM[@]}" target account remove jim
	expect_exit 7 'want a password' "${ADM[@]}" target account add jim
	expect_exit 7 . "${ADM[@]}" target acl add 300.1.2.3
	_target account list >account.out
	expect_not "a password is told" grep -r a-long-password account.out
}

nobody_is_let_in_by_mistake() {
	cat >t.conf <<END
listen = {'127.0.0.1:0', '0.0.0.0:0'}
target '$IQN' { initiator-address = '127.0.0.0/8' lun 0 { backing-store = 'ram:8M' } }
END
	spawn target.x iscsifs-target -f -c t.conf --control "$CASE_DIR/target.sock"
	wait_line 10 target.x.out '^listening'
	expect_exit 13 'everybody who reaches' "${ADM[@]}" target acl remove 127.0.0.0/8 --force
	expect_exit 13 'everybody who reaches' "${ADM[@]}" target add "$IQN-2"
	_target add "$IQN-2" initiator-name=iqn.2026-11.example:me
	echo a-long-password | _target account add joe -T "$IQN"
	_target acl remove 127.0.0.0/8 --force -T "$IQN"
	expect_exit 13 'everybody who reaches' "${ADM[@]}" target account remove joe --force -T "$IQN"
	_target account list -T "$IQN" >account.out
	expect "he is still there" grep -qx user=joe account.out
	sed -i '/initiator-address/s/initiator-address = [^ ]*//' t.conf
	expect_exit 13 'everybody could use it' "${ADM[@]}" target update t.conf --force
	expect_equal "targets" "$(_target list | grep -c '^target=')" 2
	kill "${PID[target.x]}"
	finish "${PID[target.x]}"
	unset "PID[target.x]"
}

an_offline_target_lets_nobody_in_and_sessions_wait() {
	expect_outage
	expect_log 'asks us to log out|asked us to log out|logout'
	_start "lun=$CASE_DIR/disk.img"
	_mount
	pattern_write "$(lun_file)" seed=1 blocks=0..63 sync=end
	_target offline "$IQN"
	session_expect gate=HOLD
	spawn writer "$PATTERN" write "$(lun_file)" seed=2 blocks=64..127 sync=end
	session_expect "attempts>=1"
	expect_equal "sessions" "$(_target session list | grep -c '^tsih=')" 0
	expect "it waits" _alive "${PID[writer]}"
	_target ready "$IQN"
	finish "${PID[writer]}"
	pattern_check "$(lun_file)" seed=1 blocks=0..63
	pattern_check "$(lun_file)" seed=2 blocks=64..127
}

a_target_in_use_goes_only_by_force() {
	expect_outage
	_start "iqn=$IQN" "lun=$CASE_DIR/disk.img" "iqn=$IQN-2" lun=ram:64M
	_mount
	mount_start name=two "url=iscsi://127.0.0.1:${TARGET_PORT[t]}/$IQN-2" "at=$CASE_DIR/two" \
		replacement_timeout=1 time2wait=eager
	pattern_write "$(lun_file)" seed=1 blocks=0..63 sync=end
	pattern_write two/lun0 seed=1 blocks=0..8191 sync=end
	spawn reader bash -c 'while dd "if=$1" of=/dev/null bs=1M iflag=direct status=none; do :; done \
		2>/dev/null' dd two/lun0
	expect_exit 15 'it is there already' "${ADM[@]}" target add "$IQN-2"
	expect_exit 28 'has 1 session; to end it' "${ADM[@]}" target remove "$IQN-2"
	_target remove "$IQN-2" --force
	finish "${PID[reader]}"
	_target list >list.out
	expect_equal "targets" "$(grep -c '^target=' list.out)" 1
	pattern_check "$(lun_file)" seed=1 blocks=0..63
	expect_equal "logins of the other" "$(session_get logins)" 1
	expect_exit 21 'there is no target' "${ADM[@]}" target remove "$IQN-2"
	expect_exit 7 'want IQN' "${ADM[@]}" target remove
}

an_added_lun_shows_up() {
	expect_log 'another disk answers'
	_start "lun=$CASE_DIR/disk.img"
	_mount
	pattern_write "$(lun_file 0)" seed=1 blocks=0..63 sync=end
	truncate -s 16M new.img
	expect_equal "its number" "$(_target lun add new.img scsi_sn=ABC)" "lun=1"
	wait_for 20 "LUN 1" _lun_is_there 1
	pattern_write "$(lun_file 1)" seed=2 blocks=0..63 sync=end
	pattern_check new.img seed=2 blocks=0..63
	pattern_check "$(lun_file 0)" seed=1 blocks=0..63
	expect_equal "logins" "$(session_get logins)" 1
	# Another file under a number that was in use would be taken for the same disk.
	_target lun add "$CASE_DIR/disk2.img" lun=2 >add.out
	_target lun remove 2
	expect_exit 15 'would take .*/disk3.img for that disk' "${ADM[@]}" target lun add disk3.img lun=2
	mv disk2.img moved.img
	_target lun add moved.img lun=2 >add.out
	_target lun remove 2
	_target lun add disk3.img lun=2 scsi_sn=XYZ >add.out
	_target lun remove 2
	_target lun add disk3.img lun=2 >add.out
	_target lun remove 2
	_target lun add moved.img lun=2 --force >add.out
	# The same number again, with another disk, which is noticed.
	_target lun remove 1
	_target lun add ram:8M lun=1 readonly=1 >add.out
	wait_for 20 "LUN 1 to be barred" _lun_is_barred
	expect_exit 15 'has a LUN 1 already' "${ADM[@]}" target lun add new.img lun=1
	expect_exit 7 'did you mean readonly' "${ADM[@]}" target lun add new.img redonly=1
	expect_exit 7 'No such file' "${ADM[@]}" target lun add nowhere.img
	expect_exit 7 'want a size' "${ADM[@]}" target lun add ram:much
}

_lun_is_barred() {	# LUN 1, which nobody misses until a command to LUN 0 is told of it
	_read_one 0
	iscsifsadm --socket="$ISCSIFS_RUNTIME_DIR/${PID[mount.m]}.sock" -o key=value lun |
		grep -q '^state=BARRED'
}

_lun_is_there() {
	_read_one 0 && [ -e "$(lun_file "$1")" ]
}

# What runs, as a file: a target that is started with it is the same, and says the same.
a_dump_starts_the_same_again() {
	_start "iqn=$IQN" "lun=$CASE_DIR/disk.img,lun=3" "lun=$CASE_DIR/disk2.img,ro"
	echo a-long-password | _target account add joe
	echo 'another  "long'\''one' | _target account add me outgoing=on
	_target acl add 127.0.0.0/8
	_target acl add fd00::/8
	_target acl add iqn.2026-11.example:me
	_target lun offline 3
	_target lun add ram:64M write-cache=off block-size=4096 vendor_id='A B' >add.out
	_target lun resize 1 1G >resize.out
	_target lun readonly 1
	_target add "$IQN-2" MaxCommands=16 initiator-name=iqn.2026-11.example:x
	_target param set InitialR2T Yes -T "$IQN-2"
	_target lun add null:1T lun=300 -T "$IQN-2" >add.out
	_target offline "$IQN-2"
	_target ready "$IQN-2"
	_target dump --secrets >once.conf
	chmod 600 once.conf
	_target dump >without.conf
	expect_not "passwords without --secrets" grep -E 'a-long-password|long' without.conf
	expect "why" grep -q '^# Without passwords' without.conf
	target_stop
	spawn target.two iscsifs-target -f -c once.conf --control "$CASE_DIR/target.sock"
	wait_line 10 target.two.out '^listening'
	_target dump --secrets >twice.conf
	expect "the same" diff once.conf twice.conf
	_target show | sed -E 's/SCSI (ID|SN): .*//' >show.two
	expect "its LUNs" grep -q 'Backing store path: ram:1G' show.two
	kill "${PID[target.two]}"
	finish "${PID[target.two]}"
	unset "PID[target.two]"
}

an_update_changes_what_it_may_and_refuses_the_rest() {
	local conf=$CASE_DIR/t.conf
	expect_outage
	_start "lun=$CASE_DIR/disk.img"
	_mount
	pattern_write "$(lun_file 0)" seed=1 blocks=0..63 sync=end
	# A second target, a second LUN, a longer file, a rule.
	truncate -s 96M disk.img
	{
		echo "target '$IQN' {"
		echo " initiator-address = '127.0.0.1'"
		echo " lun 0 { backing-store = '$CASE_DIR/disk.img' }"
		echo " lun 1 { backing-store = '$CASE_DIR/disk2.img' readonly = 1 } }"
		echo "target '$IQN-2' { initiator-address = '127.0.0.1'"
		echo " lun 0 { backing-store = 'null:1T' } }"
	} >"$conf"
	sed -i "1i user = 'nobody'" "$conf"
	_target update t.conf >update.out
	expect "what waits for a start" grep -q '^note=as whom it runs changes at the next start' update.out
	sed -i 1d "$conf"
	wait_for 20 "the new size" _has_size 0 $((96 << 20))
	wait_for 20 "LUN 1" _lun_is_there 1
	expect_equal "targets" "$(_target list | grep -c '^target=')" 2
	expect_equal "rules" "$(_target acl | grep -c '^value=127.0.0.1')" 2
	# Another disk under a number that is in use, or none: only by force.
	sed -i "s|disk2.img' readonly = 1|disk4.img'|" "$conf"
	expect_exit 7 'No such file' "${ADM[@]}" target update t.conf --force
	sed -i "s|disk4.img|disk3.img|" "$conf"
	expect_exit 28 'has 1 session and its LUN 1 would go or be replaced' \
		"${ADM[@]}" target update t.conf
	expect_equal "LUN 1" "$(_lun_get backing 1 | head -n 1)" "$CASE_DIR/disk2.img"
	_target update t.conf --force >update.out
	expect_equal "LUN 1" "$(_lun_get backing 1)" "$CASE_DIR/disk3.img"
	pattern_check "$(lun_file 0)" seed=1 blocks=0..63
	expect_equal "logins" "$(session_get logins)" 1
	# The unused target goes without force, the used one does not.
	sed -i "/$IQN-2/,\$d" "$conf"
	_target update t.conf >update.out
	expect_equal "targets" "$(_target list | grep -c '^target=')" 1
	sed -i "s|$IQN|$IQN-3|" "$conf"
	expect_exit 28 'has 1 session and would go' "${ADM[@]}" target update t.conf
	echo nonsense >bad.conf
	expect_exit 7 'bad.conf:' "${ADM[@]}" target update bad.conf
	pattern_check "$(lun_file 0)" seed=1 blocks=0..63
}

an_empty_file_takes_nothing_away() {
	_start "lun=$CASE_DIR/disk.img"
	: >empty.conf
	expect_exit 28 'there is no target in it' "${ADM[@]}" target update empty.conf
	_target list >list.out
	expect "the target" grep -q "^target=$IQN" list.out
	_target update empty.conf --force
	_target list >list.out
	expect_not "a target" grep -q '^target=' list.out
	_target update empty.conf
}

nothing_waits_for_a_pipe() {
	_start "lun=$CASE_DIR/disk.img"
	mkfifo pipe
	expect_exit 7 'pipe: want a regular file' "${ADM[@]}" target update pipe
	expect_exit 7 'want a regular file' "${ADM[@]}" target update /dev/stdin
	expect_exit 7 'neither a regular file' "${ADM[@]}" target lun add "$CASE_DIR/pipe" readonly=1
	(umask 077 && echo "password_file = '$CASE_DIR/pipe'" >t.conf)
	echo "target '$IQN' { incominguser = joe" >>t.conf
	echo " lun 0 { backing-store = '$CASE_DIR/disk.img' } }" >>t.conf
	expect_exit 7 'pipe is a pipe: want a file' "${ADM[@]}" target update t.conf
	expect_equal "LUNs" "$(_target lun list | grep -c '^lun=')" 1
}

a_full_backing_store_is_no_space_and_works_again() {
	need_root
	expect_log 'the backing store of a LUN fails'
	mkdir small
	mount -t tmpfs -o size=8M none small 2>why.txt || skip "no tmpfs: $(cat why.txt)"
	undo umount -l "$CASE_DIR/small"
	truncate -s 64M small/disk.img
	head -c 4M /dev/zero >small/filler
	_start "lun=$CASE_DIR/small/disk.img"
	_mount
	pattern_write "$(lun_file)" seed=1 blocks=0..255 sync=end
	expect_not "8 MiB more" dd if=/dev/zero of="$(lun_file)" bs=1M seek=8 count=8 conv=notrunc,fsync \
		status=none 2>dd.err
	expect "the reason" grep -q 'No space left on device' dd.err
	pattern_check "$(lun_file)" seed=1 blocks=0..255
	rm small/filler
	pattern_write "$(lun_file)" seed=2 blocks=256..511 sync=end
	pattern_check "$(lun_file)" seed=1 blocks=0..255
	pattern_check "$(lun_file)" seed=2 blocks=256..511
}

a_file_cut_under_io_is_an_error_and_nothing_worse() {
	expect_log 'the backing store of a LUN fails|flush failed|LUN shrank in size'
	_start "lun=$CASE_DIR/disk.img" lun=ram:8M
	_mount
	pattern_write "$(lun_file)" seed=1 blocks=0..1023 sync=end
	spawn reader bash -c 'while dd "if=$1" of=/dev/null bs=1M iflag=direct status=none; do :; done \
		2>/dev/null' dd "$(lun_file)"
	truncate -s 8M disk.img
	finish "${PID[reader]}"
	pattern_check "$(lun_file)" seed=1 blocks=0..1023
	dd if="$(lun_file)" of=dd.out bs=4096 skip=4096 count=1 iflag=direct 2>dd.err &&
		fail "read behind the cut"
	expect "the reason" grep -q 'Input/output error' dd.err
	expect_not "a flush" dd if=/dev/zero of="$(lun_file)" bs=4096 seek=1024 count=1 \
		conv=notrunc,fsync status=none
	expect_equal "the last error" "$(_lun_get last_error 0)" "No data available"
	pattern_write "$(lun_file 1)" seed=2 blocks=0..63 sync=end
	# The operator has looked: it is a smaller disk from now on.
	_target lun resize 0 auto >resize.out
	_target lun online 0
	wait_for 20 "the new size" _has_size 0 $((8 << 20))
	pattern_write "$(lun_file)" seed=3 blocks=1024..1100 sync=end
	pattern_check "$(lun_file)" seed=1 blocks=0..1023
}

what_was_flushed_survives_a_kill() {
	local i
	expect_outage
	_start "lun=$CASE_DIR/disk.img" "lun=$CASE_DIR/disk2.img,write-cache=off"
	_mount
	pattern_write "$(lun_file 0)" seed=1 blocks=0..999 sync=end
	for i in 0 1 2 3; do	# each is a FUA write
		dd if=/dev/zero bs=4096 count=1 status=none | tr '\0' "$i" |
			dd of="$(lun_file 0)" bs=4096 seek=$((1000 + i)) oflag=dsync,direct conv=notrunc \
			status=none
	done
	pattern_write "$(lun_file 1)" seed=2 blocks=0..99 sync=end
	target_kill9
	pattern_check disk.img seed=1 blocks=0..999
	for i in 0 1 2 3; do
		expect_equal "block $i" "$(dd if=disk.img bs=4096 skip=$((1000 + i)) count=1 status=none |
			tr -d "$i" | wc -c)" 0
	done
	pattern_check disk2.img seed=2 blocks=0..99
	target_restart
	session_expect link=UP
}

libiscsi_sees_what_changes() {
	need iscsi-ls iscsi-readcapacity16
	_start "lun=$CASE_DIR/disk.img" lun=ram:16M
	_target lun resize 0 96M >resize.out
	iscsi-readcapacity16 "$(target_url t 0)" >capacity.out
	expect "the new size" grep -q "Total size:$((96 << 20))" capacity.out
	_target lun remove 1
	iscsi-ls -s "$(target_url t -)" >ls.out
	expect_equal "LUNs" "$(grep -c '^Lun:' ls.out)" 1
}

run_cases "$@"
