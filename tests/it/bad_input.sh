#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What people, peers and files get wrong: one sentence and a code, nothing hangs, nothing is left
# mounted. The codes are iscsiadm's.
# shellcheck source=tests/it/functions.sh
. "$(dirname "$0")/functions.sh"

# _refused CODE REGEX ARGUMENT…: iscsifs with these, on the directory mnt, says so and is gone
_refused() {
	local code=$1 want=$2
	need_ours iscsifs
	need_fuse
	shift 2
	[ -e mnt ] || mkdir mnt
	undo _undo_mount "$CASE_DIR/mnt"
	expect_exit "$code" "$want" iscsifs "$@" "$CASE_DIR/mnt"
	expect_not "left mounted" _is_mounted "$CASE_DIR/mnt"
}

# One attempt, so that a case does not wait for the eight that are the default.
_once=(-P initial_login_retry_max=0 -P login_timeout=1
	-P discovery.sendtargets.timeo.login_timeout=1)

# _listener NAME COMMAND: a server that runs COMMAND for every connection; its port in $PORT
_listener() {
	need socat
	spawn "$1" socat -d -d tcp-listen:0,bind=127.0.0.1,fork,reuseaddr "system:$2"
	wait_line 5 "$CASE_DIR/$1.log" 'listening on'
	PORT=$(sed -nE 's/.*listening on .*:([0-9]+)$/\1/p' "$CASE_DIR/$1.log" | head -n 1)
	mv "$CASE_DIR/$1.log" "$CASE_DIR/$1.txt"
}

# _send PORT <bytes: to the target's port; what comes back is thrown away
_send() {
	timeout 5 socat -t 0.5 - "tcp:127.0.0.1:$1" >/dev/null 2>&1 || :
}

_bytes() {	# HEX…
	printf '%b' "$(printf '%s' "$*" | tr -d ' ' | sed 's/../\\x&/g')"
}

# The target still serves a session that was there before, and new ones.
_target_still_serves() {
	_alive "${PID[target.t]}" || fail "the target is gone"
	pattern_check "$(lun_file)" seed=1 blocks=0..9 direct=yes block=4096
	expect "a new login" iscsi-ls -s "$(target_url t -)"
	session_expect link=UP logins=1
}

_target_with_a_user() {
	need socat iscsi-ls
	target_start
	mount_start
	pattern_write "$(lun_file)" seed=1 blocks=0..9 block=4096
	expect_log '.'
}

a_malformed_url_is_named() {
	local url
	for url in '' x http://host/iqn.2026-11.example:disk iscsi: iscsi:// \
		iscsi:///iqn.2026-11.example:disk \
		iscsi://host:/iqn.2026-11.example:disk iscsi://host:0/iqn.2026-11.example:disk \
		iscsi://host:65536/iqn.2026-11.example:disk iscsi://host:32x/iqn.2026-11.example:disk \
		'iscsi://[::1/iqn.2026-11.example:disk' iscsi://host/disk \
		iscsi://host/iqn.2026-11.example:disk/x \
		iscsi://host/iqn.2026-11.example:disk/-1 iscsi://host/iqn.2026-11.example:disk/16384 \
		iscsi://host/iqn.2026-11.example:disk/0/0 'iscsi://user%@host/iqn.2026-11.example:disk'; do
		_refused 7 . "$url"
	done
}

a_wrong_command_line_is_named() {
	_refused 7 . --no-such-option iscsi://127.0.0.1:1/$IQN
	_refused 7 'no_such_setting' -P no_such_setting=1 iscsi://127.0.0.1:1/$IQN
	_refused 7 'replacement_timeout' -P 'replacement_timeout=5 parsecs' iscsi://127.0.0.1:1/$IQN
	_refused 7 'replacement_timeout' -P replacement_timeout iscsi://127.0.0.1:1/$IQN
	_refused 7 . -o no_such_option iscsi://127.0.0.1:1/$IQN
	expect_exit 7 . iscsifs
	expect_exit 7 . iscsifs iscsi://127.0.0.1:1/$IQN
	expect_exit 7 . iscsifs iscsi://127.0.0.1:1/$IQN mnt too many
}

an_unknown_host_is_named() {
	_refused 23 'no-such-host\.invalid' "${_once[@]}" iscsi://no-such-host.invalid/$IQN
}

a_refused_port_is_named() {
	_refused 4 '127\.0\.0\.1:1' "${_once[@]}" iscsi://127.0.0.1:1/$IQN
	_refused 4 '127\.0\.0\.1:1' "${_once[@]}" iscsi://127.0.0.1:1
}

a_port_that_never_answers_is_given_up() {
	_listener silent 'cat >/dev/null'
	_refused '8|11' "127.0.0.1:$PORT|$IQN" "${_once[@]}" iscsi://127.0.0.1:$PORT/$IQN
	_refused '8|11' "127.0.0.1:$PORT" "${_once[@]}" iscsi://127.0.0.1:$PORT
}

a_target_that_is_not_there_is_named() {
	target_start
	expect_log 'no-such-disk'
	_refused '19|21' 'no-such-disk' "${_once[@]}" "$(target_url t -)/iqn.2026-11.example:no-such-disk"
}

a_lun_that_is_not_there_is_named() {
	target_start
	_refused 21 '7' "${_once[@]}" "$(target_url t 7)"
}

a_mountpoint_that_cannot_be_used_is_named() {
	need_ours iscsifs
	target_start
	expect_exit 7 'missing' iscsifs "$(target_url)" "$CASE_DIR/missing"
	mkdir full
	touch full/of full/things
	expect_exit 7 'full' iscsifs "$(target_url)" "$CASE_DIR/full"
	touch file
	expect_exit 7 'file' iscsifs "$(target_url)" "$CASE_DIR/file"
}

a_mountpoint_that_is_ours_already_is_named() {
	target_start
	mount_start
	expect_exit 15 'mnt' iscsifs "$(target_url)" "$CASE_DIR/mnt"
	expect "the first still serves" head -c 512 "$(lun_file)"
}

a_missing_fuse_device_is_named() {
	need unshare
	need_root
	unshare -m true 2>unshare.txt || skip "no mount namespace: $(cat unshare.txt)"
	need_ours iscsifs
	target_start
	mkdir mnt dev
	cat >without.sh <<-'END'
	mount -t tmpfs none dev
	for d in null zero urandom; do
		touch dev/$d
		mount --bind /dev/$d dev/$d
	done
	mount --move dev /dev
	exec iscsifs "$1" mnt
	END
	expect_exit '13|27' '/dev/fuse' unshare -m sh without.sh "$(target_url)"
}

a_fuse_device_that_is_not_permitted_is_named() {
	need_ours iscsifs
	fuse_mode 600
	user_start
	target_start
	as_user mkdir user/mnt
	expect_exit 13 '/dev/fuse' "${AS_USER[@]}" iscsifs "$(target_url)" "$CASE_DIR/user/mnt"
}

garbage_on_the_targets_port_ends_only_that_connection() {
	local i
	_target_with_a_user
	for i in 1 2 3 4 5 6 7 8; do
		head -c $((i * i * 100)) /dev/urandom | _send "${TARGET_PORT[t]}"
	done
	head -c 100000 /dev/zero | _send "${TARGET_PORT[t]}"
	printf 'GET / HTTP/1.0\r\n\r\n' | _send "${TARGET_PORT[t]}"
	_target_still_serves
}

an_oversized_pdu_ends_only_that_connection() {
	_target_with_a_user
	# a login request that promises 16 MiB of text, and one with 255 words of AHS
	{
		_bytes 43870000 00ffffff 400001370000 0000 00000000 00000000 00000001 00000000
		head -c 2000000 /dev/zero
	} | _send "${TARGET_PORT[t]}"
	{
		_bytes 43870000 ff000000 400001370000 0000 00000000 00000000 00000001 00000000
		head -c 5000 /dev/zero
	} | _send "${TARGET_PORT[t]}"
	_target_still_serves
}

a_truncated_pdu_ends_only_that_connection() {
	local n
	_target_with_a_user
	for n in 1 20 47 48 60; do
		{
			_bytes 43870000 00000100 400001370000 0000 00000000 00000000 00000001 00000000
			head -c 272 /dev/zero
		} | head -c $n | _send "${TARGET_PORT[t]}"
	done
	_target_still_serves
}

a_target_that_talks_nonsense_is_refused() {
	_listener nonsense 'head -c 3000 /dev/urandom'
	_refused '4|5|8|9|11|19' "127.0.0.1:$PORT|$IQN" "${_once[@]}" iscsi://127.0.0.1:$PORT/$IQN
	_listener http 'echo HTTP/1.0 200 OK'
	_refused '4|5|8|9|11|19' "127.0.0.1:$PORT|$IQN" "${_once[@]}" iscsi://127.0.0.1:$PORT/$IQN
	# a login response header that promises more than it brings
	_bytes 23870000 00000100 400001370000 0001 00000000 00000000 00000001 00000040 >short.bin
	_listener short "cat $CASE_DIR/short.bin"
	_refused '4|5|8|9|11|19' "127.0.0.1:$PORT|$IQN" "${_once[@]}" iscsi://127.0.0.1:$PORT/$IQN
}

# _garbage SOCKET: what no client would say, each answered with a code or cut off
_garbage() {
	head -c 5000 /dev/urandom | timeout 5 socat -t 0.5 - "unix:$1" >/dev/null || :
	head -c 500000 /dev/zero | timeout 5 socat -t 0.5 - "unix:$1" >/dev/null || :
	printf 'version=1\ncmd=session' | timeout 5 socat -t 0.5 - "unix:$1" >/dev/null || :
	printf 'version=99\ncmd=session\n\n' | timeout 5 socat -t 0.5 - "unix:$1" >said || :
	expect "a code" grep -qE '^errno=[1-9]' said
	printf 'version=1\ncmd=no-such-word\n\n' | timeout 5 socat -t 0.5 - "unix:$1" >said || :
	expect "a code" grep -qE '^errno=[1-9]' said
	expect "a sentence" grep -qE '^error=.*no-such-word' said
}

garbage_on_a_control_socket_is_answered_or_closed() {
	need socat
	target_start -- --control "$CASE_DIR/target.sock"
	mount_start
	expect_log '.'
	_garbage "$ISCSIFS_RUNTIME_DIR/${PID[mount.m]}.sock"
	_garbage "$CASE_DIR/target.sock"
	session_expect link=UP
	printf 'version=1\ncmd=session\n\n' | timeout 5 socat -t 0.5 - "unix:$CASE_DIR/target.sock" >said
	expect "our session" grep -q '^errno=0' said
}

# ps and the list of mounts are for everybody's eyes.
a_password_on_the_command_line_is_wiped() {
	local url='iscsi://me%wacht@woord12@127.0.0.1:1/iqn.2026-11.example:disk'

	expect_log 'cannot log in yet'
	mount_start "url=$url" username_in=you password_in=noch-ein-geheimnis -- -o background
	expect_not "the secrets in argv" grep -qaE 'wacht|woord|geheimnis' "/proc/${PID[mount.m]}/cmdline"
	expect_not "the secrets in the list of mounts" grep -qE 'wacht|woord' /proc/self/mountinfo
	expect "a warning" grep -q 'password on the command line' "$CASE_DIR/mount.m.log"
	mount_stop
}

a_path_in_an_option_is_taken_from_where_one_stands() {
	need_ours iscsifs
	need_fuse
	mkdir mnt
	undo _undo_mount "$CASE_DIR/mnt"
	expect "a mount in the background" iscsifs -o background,control=c.sock,log_file=c.log \
		iscsi://127.0.0.1:1/iqn.2026-11.example:disk mnt
	expect "the socket is here" test -S "$CASE_DIR/c.sock"
	expect "the log is here" test -f "$CASE_DIR/c.log"
	expect "told to stop" iscsifsadm --socket="$CASE_DIR/c.sock" call stop
	wait_for 10 "the mount to go" eval '! _is_mounted "$CASE_DIR/mnt"'
	mv c.log c.txt
}

a_log_that_cannot_be_is_told() {
	need_ours iscsifs
	mkdir mnt
	expect_exit 13 'log_file=.*/no/log: No such file' iscsifs -o background,log_file=no/log \
		iscsi://127.0.0.1:1/iqn.2026-11.example:disk mnt
	expect_exit 13 'log_file=.*/no/log: No such file' iscsifs -f -o log_file=no/log \
		iscsi://127.0.0.1:1/iqn.2026-11.example:disk mnt
}

run_cases "$@"
