#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Configuration files, settings and credentials, as real programs take them.
# shellcheck source=tests/it/functions.sh
. "$(dirname "$0")/functions.sh"

# mount_start wants a URL; a configuration file stands in its place.
_mount_config() {	# FILE [OPTION…]
	need_fuse
	need_ours iscsifs
	mkdir -p mnt
	MNT=$CASE_DIR/mnt
	undo _undo_mount "$MNT"
	spawn mount.m iscsifs -f -c "$@" "$MNT"
	MOUNT_AT[m]=$MNT
	wait_for 30 "a mount by $1" _mount_settled m
	_is_mounted "$MNT" || fail "iscsifs ended: $(tail -n 3 mount.m.log)"
}

_config() {	# <<text: iscsifs.conf, for us alone
	(umask 077 && cat >iscsifs.conf)
}

a_configuration_file_mounts_its_targets() {
	target_start iqn=iqn.2026-11.example:a lun=ram:4M lun=ram:1M iqn=iqn.2026-11.example:b lun=ram:8M
	_config <<-END
	node.session.timeo.replacement_timeout = 77
	target "iqn.2026-11.example:a" {
		portal = "127.0.0.1:${TARGET_PORT[t]}"
		lun = 0
		alias = database
	}
	target "iqn.2026-11.example:b" {
		portal = "127.0.0.1:${TARGET_PORT[t]}"
		node.session.timeo.replacement_timeout = 5s
	}
	END
	_mount_config iscsifs.conf
	find mnt -name .iscsifs -prune -o -print
	expect_equal "database" "$(stat -L -c %s mnt/*/database)" $((4 << 20))
	expect_equal "lun0 of b" "$(stat -c %s "mnt/iqn.2026-11.example:b/lun0")" $((8 << 20))
	expect_equal "files" "$(find mnt -type f -size +1000k | wc -l)" 2
	iscsifsadm -T iqn.2026-11.example:a settings >a.txt
	iscsifsadm -T iqn.2026-11.example:b settings >b.txt
	expect "the default" grep -q 'node.session.timeo.replacement_timeout = 77$' a.txt
	expect "its own" grep -q 'node.session.timeo.replacement_timeout = 5$' b.txt
}

a_configured_portal_is_asked_for_its_targets() {
	target_start iqn=iqn.2026-11.example:a lun=ram:4M iqn=iqn.2026-11.example:b lun=ram:8M
	_config <<<"portal = \"127.0.0.1:${TARGET_PORT[t]}\""
	_mount_config iscsifs.conf
	expect_equal "files" "$(find mnt -type f -name lun0 | wc -l)" 2
}

# _bad_config LINE REGEX <<text
_bad_config() {
	_config
	mkdir -p mnt
	expect_exit 7 "iscsifs.conf:$1: .*$2" iscsifs -c iscsifs.conf "$CASE_DIR/mnt"
	expect_not "mounted" _is_mounted "$CASE_DIR/mnt"
}

a_bad_configuration_names_file_line_and_key() {
	need_ours iscsifs
	_bad_config 2 'no.such.setting' <<-'END'
	portal = 127.0.0.1
	no.such.setting = 1
	END
	_bad_config 1 'replacement_timeout' <<-'END'
	node.session.timeo.replacement_timeout = "5 parsecs"
	END
	_bad_config 1 'replacement_timeout' <<-'END'
	node.session.timeo.replacement_timeout = -2
	END
	_bad_config 1 'has no end' <<-'END'
	target "iqn.2026-11.example:a" {
		portal = 127.0.0.1
	END
	_bad_config 1 'iqn' <<-'END'
	target "no-iscsi-name" { portal = 127.0.0.1 }
	END
	_bad_config '[0-9]' 'twice|again|already|dup' <<-'END'
	target "iqn.2026-11.example:a" { portal = 127.0.0.1 }
	target "iqn.2026-11.example:a" { portal = 127.0.0.2 }
	END
	_bad_config 1 'portal' <<-'END'
	target "iqn.2026-11.example:a" { lun = 0 }
	END
	_bad_config 1 'lun' <<-'END'
	target "iqn.2026-11.example:a" { portal = 127.0.0.1 lun = 16384 }
	END
}

a_configuration_file_that_cannot_be_read_is_named() {
	need_ours iscsifs
	mkdir mnt
	expect_exit '7|13|21' 'missing.conf' iscsifs -c missing.conf "$CASE_DIR/mnt"
	: >empty.conf
	expect_exit '7|21' 'empty.conf' iscsifs -c empty.conf "$CASE_DIR/mnt"
	head -c 1000 /dev/urandom >garbage.conf
	expect_exit 7 'garbage.conf' iscsifs -c garbage.conf "$CASE_DIR/mnt"
	printf 'portal = 127.0.0.1\nnode.session.auth.password = x\n' >open.conf
	chmod 644 open.conf
	expect_exit 13 'open.conf.*chmod 600' iscsifs -c open.conf "$CASE_DIR/mnt"
}

# A target that wants to know a password.
_guarded_target() {
	echo "a-long-secret" >secret
	chmod 600 secret
	target_start -- --chap-user alice --chap-password-file "$CASE_DIR/secret"
}

chap_lets_in_who_knows_the_password() {
	_guarded_target
	mount_start "url=iscsi://alice@127.0.0.1:${TARGET_PORT[t]}/$IQN" -- \
		-o "password-file=$CASE_DIR/secret"
	session_expect link=UP AuthMethod=CHAP
	pattern_write "$(lun_file)" seed=1 blocks=0..9
}

a_wrong_password_ends_with_24() {
	need_fuse
	_guarded_target
	expect_log 'authentication|CHAP|refused|login'
	mkdir mnt
	echo "another-secret" >wrong
	chmod 600 wrong
	expect_exit 24 . iscsifs -o "password-file=$CASE_DIR/wrong" \
		"iscsi://alice@127.0.0.1:${TARGET_PORT[t]}/$IQN" "$CASE_DIR/mnt"
	expect_exit 24 . iscsifs "$(target_url)" "$CASE_DIR/mnt"
	chmod 644 secret
	expect_exit 13 'secret' iscsifs -o "password-file=$CASE_DIR/secret" \
		"iscsi://alice@127.0.0.1:${TARGET_PORT[t]}/$IQN" "$CASE_DIR/mnt"
}

a_password_is_not_seen_in_the_process_list() {
	_guarded_target
	expect_log 'password on the command line'
	mount_start "url=iscsi://alice%a-long-secret@127.0.0.1:${TARGET_PORT[t]}/$IQN"
	session_expect link=UP
	expect_not "in argv" grep -qa 'a-long-secret' "/proc/${PID[mount.m]}/cmdline"
	expect_not "in the mount table" grep -q 'a-long-secret' /proc/self/mountinfo
	expect_not "in the log" grep -q 'a-long-secret' mount.m.log
	expect_not "in the status" grep -rq 'a-long-secret' "$MNT/.iscsifs"
	iscsifsadm session -P 3 >said
	expect_not "in what iscsifsadm says" grep -q 'a-long-secret' said
	expect "a warning" grep -q 'warning: .*password' mount.m.log
}

a_password_may_come_from_the_environment() {
	_guarded_target
	ISCSIFS_PASSWORD=a-long-secret mount_start \
		"url=iscsi://alice@127.0.0.1:${TARGET_PORT[t]}/$IQN"
	session_expect link=UP AuthMethod=CHAP
}

who_wants_chap_does_not_do_without() {
	need_fuse
	target_start
	echo "a-long-secret" >secret
	chmod 600 secret
	mkdir mnt
	expect_exit 24 . iscsifs -o "password-file=$CASE_DIR/secret" \
		"iscsi://alice@127.0.0.1:${TARGET_PORT[t]}/$IQN" "$CASE_DIR/mnt"
}

a_background_mount_serves_before_its_target_is_there() {
	target_start
	target_stop
	expect_outage
	expect_log 'cannot log in'
	mount_start -- -o background
	expect "ls" ls "$MNT"
	expect_not "a LUN" test -e "$(lun_file)"
	target_restart
	wait_for 20 "the LUN" test -e "$(lun_file)"
	pattern_write "$(lun_file)" seed=1 blocks=0..9
}

a_setting_is_changed_while_it_runs() {
	target_start
	expect_outage
	mount_start replacement_timeout=-1
	target_kill9
	dd if="$(lun_file)" of=/dev/null count=1 iflag=direct 2>dd.txt &
	session_expect gate=HOLD "waiting>=1"
	expect_exit 0 - iscsifsadm set replacement_timeout 1
	finish $! 1
	expect "the reason" grep -q 'Input/output error' dd.txt
	expect_exit 7 'replacement_timeout' iscsifsadm set replacement_timeout often
	expect_exit 7 'no_such' iscsifsadm set no_such 1
	target_restart
}

iscsifsadm_says_what_is_wrong() {
	need_ours iscsifsadm
	expect_exit '20|21' . iscsifsadm session
	expect_exit 7 . iscsifsadm
	expect_exit 7 'no-such-word' iscsifsadm no-such-word
	expect_exit 7 . iscsifsadm --no-such-option
	expect_exit 20 . iscsifsadm --socket="$CASE_DIR/none.sock" session
}

every_program_tells_its_version_and_usage() {
	local p
	for p in iscsifs iscsifsadm iscsifs-target; do
		need_ours $p
		expect_exit 0 - $p --version
		expect "a version" grep -qE "$p.* [0-9]+\.[0-9]+" expect.out
		expect_exit 0 - $p --help
		expect "usage" grep -qi 'usage:' expect.out
	done
}

a_wrong_target_command_line_is_named() {
	need_ours iscsifs-target
	expect_exit 7 . iscsifs-target
	expect_exit 7 'no-such-option' iscsifs-target --no-such-option
	expect_exit 7 . iscsifs-target --listen 127.0.0.1:0 --lun ram:1M
	expect_exit 7 'not-an-iqn' iscsifs-target --listen 127.0.0.1:0 --target not-an-iqn --lun ram:1M
	expect_exit '7|21' 'missing.img' iscsifs-target --listen 127.0.0.1:0 --target "$IQN" --lun missing.img
	expect_exit 7 'ram:much' iscsifs-target --listen 127.0.0.1:0 --target "$IQN" --lun ram:much
	expect_exit 7 '99999' iscsifs-target --listen 127.0.0.1:99999 --target "$IQN" --lun ram:1M
	target_start
	expect_exit '4|13|15|28|1' "127.0.0.1:${TARGET_PORT[t]}" iscsifs-target \
		--listen "127.0.0.1:${TARGET_PORT[t]}" --target "$IQN" --lun ram:1M
}

run_cases "$@"
