#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# iscsifs-target by its configuration files: native, and tgt's; accounts, rules, --open, --user.
# shellcheck source=tests/it/functions.sh
. "$(dirname "$0")/functions.sh"

# _conf_start OPTION…: a target with nothing but these
_conf_start() {
	need_ours iscsifs-target
	TARGET_KIND[t]=ours
	TARGET_IQN[t]=$IQN
	TARGET_PORT[t]=0
	TARGET_ARGS[t]=$(printf '%q ' "$@")
	_target_run t
}

# _private FILE: standard input becomes FILE, which nobody else may read
_private() {
	(umask 077 && cat >"$1")
}

a_native_file_is_served() {
	truncate -s 8M one.img
	_private t.conf <<-END
		incomingdiscoveryuser = 'scout sesame-scouts-1'
		target "$IQN" {
			incominguser = {'anna sesame-annas-1', 'bert sesame-berts-1'}
			outgoinguser = 'disk sesame-disks-11'
			initiator-address = 127.0.0.0/8
			MaxBurstLength = 65536
			lun 0 { backing-store = "$CASE_DIR/one.img" vendor_id = ACME }
			lun 7 { backing-store = "ram:4M" readonly = 1 }
		}
	END
	_conf_start -c t.conf
	echo sesame-berts-1 | _private password
	expect_log 'password on the command line'
	mount_start "url=iscsi://bert@127.0.0.1:${TARGET_PORT[t]}/$IQN" authmethod=CHAP \
		username_in=disk password_in=sesame-disks-11 -- -o "password-file=$CASE_DIR/password"
	session_expect link=UP 'AuthMethod=CHAP mutual' MaxBurstLength=65536
	expect_equal "disks" "$(cd "$MNT" && ls -d lun* | tr '\n' ' ')" "lun0 lun7 "
	expect_equal "size" "$(stat -c %s "$MNT/lun0")" $((8 << 20))
	expect_equal "mode" "$(stat -c %a "$MNT/lun7")" 400
	pattern_write "$MNT/lun0" seed=3 blocks=0..99
	pattern_check one.img seed=3 blocks=0..99
}

a_targets_conf_is_served() {
	mkdir conf.d
	truncate -s 8M b.img a.img
	_private targets.conf <<-END
		# as tgt-admin reads it
		include $CASE_DIR/conf.d/*.conf
		default-driver iscsi
		MaxOutstandingR2T=1
	END
	_private conf.d/one.conf <<-END
		<target $IQN>
		    backing-store $CASE_DIR/b.img	# LUN 2
		    direct-store $CASE_DIR/a.img
		    <backing-store $CASE_DIR/./a.img>
		        readonly 1
		    </backing-store>
		    write-cache off
		    initiator-address ALL
		</target>
	END
	expect_log 'warning:'
	_conf_start --tgt-conf targets.conf
	expect "a note" grep -q "targets.conf:3: default-driver is ignored" target.t.log
	expect "a note" grep -q "conf.d/one.conf:3: direct-store" target.t.log
	mount_start
	expect_equal "disks" "$(cd "$MNT" && ls -d lun* | tr '\n' ' ')" "lun1 lun2 lun3 "
	expect_equal "mode" "$(stat -c %a "$MNT/lun1")" 400
	pattern_write "$MNT/lun2" seed=5 blocks=0..99
	pattern_check b.img seed=5 blocks=0..99
	pattern_write "$MNT/lun3" seed=6 blocks=0..99
	pattern_check a.img seed=6 blocks=0..99
}

# The example of the Arch wiki, over a file instead of /dev/sdb.
a_file_from_a_wiki_is_served() {
	truncate -s 8M sdb
	_private targets.conf <<-END
		<target iqn.2004-01.nl.xtg:iscsi-server1>
		 direct-store $CASE_DIR/sdb
		 write-cache on
		 initiator-address ALL
		 incominguser gebruiker wachtwoord
		 scsi_id 00010001
		 vendor_id XTG
		 lun 12
		</target>

		MaxRecvDataSegmentLength 131072
		MaxXmitDataSegmentLength 131072
		MaxBurstLength 262144
		FirstBurstLength 262144
		TargetRecvDataSegmentLength=262144
		InitiatorRecvDataSegmentLength=262144
		MaxOutstandingUnexpectedPDUs=0
		MaxOutstandingR2T=1
		MaxCommands=128
	END
	expect_log 'warning:'
	_conf_start --tgt-conf targets.conf
	TARGET_IQN[t]=iqn.2004-01.nl.xtg:iscsi-server1
	echo wachtwoord | _private password
	mount_start "url=iscsi://gebruiker@127.0.0.1:${TARGET_PORT[t]}/${TARGET_IQN[t]}" -- \
		-o "password-file=$CASE_DIR/password"
	session_expect link=UP AuthMethod=CHAP MaxBurstLength=262144 MaxOutstandingR2T=1 \
		MaxXmitDataSegmentLength=131072
	expect_equal "disks" "$(cd "$MNT" && ls -d lun*)" lun12
	pattern_write "$MNT/lun12" seed=12 blocks=0..99
	pattern_check sdb seed=12 blocks=0..99
}

a_wrong_file_serves_nothing() {
	need_ours iscsifs-target
	expect_exit 7 'missing.conf: No such file' iscsifs-target -c missing.conf
	expect_exit 7 'missing.conf: No such file' iscsifs-target --tgt-conf missing.conf
	echo "target '$IQN' { lun 0 { backing-store = 'ram:1M' blocksize = 512 } }" >t.conf
	expect_exit 7 't.conf:1: unknown key "blocksize", did you mean block-size' \
		iscsifs-target -c t.conf
	printf 'target iqn.a1 { lun 0 { backing-store = "ram:1M" } }\ntarget iqn.b1 {\n%s }\n' \
		' lun 0 { backing-store = "missing.img" }' >t.conf
	expect_exit 7 't.conf:3: LUN missing.img' iscsifs-target --listen 127.0.0.1:0 -c t.conf
	printf '<target %s>\n initiator-adress 10.0.0.1\n</target>\n' "$IQN" >tgt.conf
	expect_exit 7 'tgt.conf:2: unknown key "initiator-adress"' iscsifs-target --tgt-conf tgt.conf
	expect_exit 7 'one configuration file' iscsifs-target -c t.conf --tgt-conf tgt.conf
	printf 'target iqn.a1 { incominguser = "anna secret-of-anna"\n}\n' >t.conf
	chmod 644 t.conf
	expect_exit 13 't.conf:1: user anna: others may read' iscsifs-target -c t.conf
	mkfifo pipe
	expect_exit 7 'pipe is a pipe: want a file' iscsifs-target -c pipe
	expect_exit 7 'neither a regular file' iscsifs-target --target "$IQN" --lun pipe,ro
	echo 'include pipe' >tgt.conf
	expect_exit 7 'include pipe: it is no regular file' iscsifs-target --tgt-conf tgt.conf
	expect_exit 7 'pipe is a pipe: want a file' iscsifs-target --tgt-conf pipe
	# What the shell has opened is another matter.
	printf 'MaxCommands = 9' | iscsifs-target -c /dev/stdin --print-conf >said
	expect "what it says" grep -q "^MaxCommands = '9'" said
}

the_command_line_adds_to_the_file_and_wins() {
	need_ours iscsifs-target
	_private t.conf <<-END
		listen = "0.0.0.0:0"
		MaxCommands = 9
		login_timeout = 3
		target "$IQN" { lun 0 { backing-store = "ram:1M" } }
	END
	iscsifs-target --target iqn.2026-11.example:more --lun ram:2M --queue-depth 5 \
		-c t.conf --listen 127.0.0.1:0 --print-conf >said || fail "no printing"
	expect "its own address" grep -qxF "listen = {'127.0.0.1:0'}" said
	expect_not "that of the file" grep -q '0.0.0.0' said
	expect "its own depth" grep -qxF "MaxCommands = '5'" said
	expect "what it does not say" grep -qxF "login_timeout = '3'" said
	expect_equal "targets" "$(grep -c '^target' said)" 2
	_conf_start -c t.conf --target iqn.2026-11.example:more --lun ram:2M
}

a_file_of_tgt_becomes_a_native_one() {
	need_ours iscsifs-target
	truncate -s 1M a.img b.img
	_private tgt.conf <<-END
		<target $IQN>
		    backing-store $CASE_DIR/b.img
		    backing-store $CASE_DIR/a.img
		    incominguser joe sesame-joes-11
		    scsi_sn "it's \\\\ me"
		    lbppbe 0
		</target>
	END
	iscsifs-target --tgt-conf tgt.conf --print-conf 2>/dev/null | _private native.conf
	iscsifs-target -c native.conf --print-conf 2>/dev/null | _private again.conf
	expect "a file" test -s native.conf
	diff native.conf again.conf || fail "it is not the same"
	expect "the number" grep -A1 "lun '1'" native.conf
	expect "the password" grep -qF "joe sesame-joes-11" native.conf
}

# Whoever fails to start leaves what belongs to the one that runs, and nothing of his own.
a_second_start_leaves_the_first_alone() {
	local pid
	_conf_start --target "$IQN" --lun ram:1M --control "$CASE_DIR/control" \
		--pid-file "$CASE_DIR/pid"
	pid=${PID[target.t]}
	expect_exit 15 'another daemon listens' iscsifs-target --listen 127.0.0.1:0 \
		--target "$IQN" --lun ram:1M --control control --pid-file other
	expect_not "a pid file of its own" test -e other
	expect_exit 15 'a running process has it' iscsifs-target --listen 127.0.0.1:0 \
		--target "$IQN" --lun ram:1M --control other --pid-file pid
	expect_equal "pid file" "$(cat pid)" "$pid"
	expect_not "a socket of its own" test -e other
	expect "the socket of the first" iscsifsadm --socket=control target list
	target_stop
	expect_not "a pid file" test -e pid
	# One that was left behind is taken over, one that leads elsewhere is not followed.
	echo 1 >pid
	echo precious >kept
	ln -s kept link
	expect_exit 13 '--pid-file .*link' iscsifs-target --listen 127.0.0.1:0 \
		--target "$IQN" --lun ram:1M --pid-file link
	expect_equal "what it leads to" "$(cat kept)" precious
	_conf_start --target "$IQN" --lun ram:1M --pid-file "$CASE_DIR/pid"
	expect_equal "pid file" "$(cat pid)" "${PID[target.t]}"
}

a_rotated_log_begins_anew() {
	need_ours iscsifs-target
	iscsifs-target --listen 127.0.0.1:0 --target "$IQN" --lun ram:1M --control control \
		--pid-file pid --log-file log >started || fail "it does not start"
	mv log log.1
	kill -HUP "$(cat pid)"
	wait_for 10 "a new log" grep -q 'the log begins' log
	iscsifsadm --socket=control target stop
	wait_for 10 "its end" test ! -e pid
	expect_not "the end in the old log" grep -q ending log.1
}

# A login that must fail as CODE with a log that says WHY.
_refused() {
	need_fuse
	mkdir -p mnt
	expect_log 'login|refused|forbidden|not allowed'
	expect_exit "$1" . iscsifs -o initial_login_retry_max=0 "${@:3}" "$(target_url)" "$CASE_DIR/mnt"
	expect "the reason" grep -qE "$2" target.t.log
}

a_name_that_is_not_on_the_list_is_refused() {
	_conf_start --target "$IQN" --lun ram:1M --initiator-name iqn.2026-11.example:friend
	_refused '5|13|19|24' 'login refused: this initiator or address is not allowed.*status=0202'
	mount_start -- -o initiator=iqn.2026-11.example:friend
}

an_address_that_is_not_on_the_list_is_refused() {
	_conf_start --target "$IQN" --lun ram:1M --initiator-address 192.0.2.0/24
	_refused '5|13|19|24' 'login refused: this initiator or address is not allowed.*status=0202'
}

who_would_be_everybodys_wants_open() {
	need_ours iscsifs-target
	expect_exit 13 "target $IQN: everybody who reaches 0.0.0.0:.* say --open" \
		iscsifs-target --listen 0.0.0.0:0 --target "$IQN" --lun ram:1M
	expect_exit 13 'say --open' iscsifs-target --listen 0.0.0.0:0 --target "$IQN" --lun ram:1M \
		--initiator-address ALL
	_conf_start --listen 0.0.0.0:0 --target "$IQN" --lun ram:1M --initiator-address 127.0.0.1
	expect_not "a warning" grep -q 'everybody' target.t.log
	target_stop
	expect_log 'everybody who reaches'
	_conf_start --listen 0.0.0.0:0 --target "$IQN" --lun ram:1M --open
	expect "a warning" grep -q "warning: target $IQN: everybody who reaches 0.0.0.0" target.t.log
}

root_is_dropped_for_good() {
	local pid
	need_root
	getent passwd nobody >/dev/null || skip "there is no user nobody"
	truncate -s 1M secret.img
	chmod 600 secret.img
	chmod 755 "$CASE_DIR"
	_conf_start --target "$IQN" --lun "$CASE_DIR/secret.img" --user nobody \
		--control "$CASE_DIR/control" --pid-file "$CASE_DIR/pid"
	pid=${PID[target.t]}
	expect_equal "users" "$(grep '^Uid:' "/proc/$pid/status" | tr -s '\t' ' ')" \
		"Uid: $(printf "$(id -u nobody)%.0s " 1 2 3 4 | sed 's/ $//')"
	expect_equal "groups" "$(grep '^Gid:' "/proc/$pid/status" | tr -s '\t' ' ')" \
		"Gid: $(printf "$(id -g nobody)%.0s " 1 2 3 4 | sed 's/ $//')"
	expect_equal "capabilities" "$(sed -n 's/^CapEff:\t//p' "/proc/$pid/status")" \
		0000000000000000
	expect_equal "further groups" "$(sed -n 's/^Groups:\t//p' "/proc/$pid/status" | xargs)" \
		"$(id -G nobody)"
	expect "no way up" grep -q '^NoNewPrivs:.1' "/proc/$pid/status"
	expect_equal "threads of root" "$(cat /proc/"$pid"/task/*/status | grep -c '^Uid:.0')" 0
	expect_equal "owner of the socket" "$(stat -c %U control)" nobody
	mount_start
	pattern_write "$(lun_file)" seed=1 blocks=0..9
	pattern_check secret.img seed=1 blocks=0..9
}

only_root_becomes_another() {
	need_ours iscsifs-target
	expect_exit 7 '--user: want a USER' iscsifs-target --listen 127.0.0.1:0 --target "$IQN" \
		--lun ram:1M --user ''
	expect_exit 21 'no such user' iscsifs-target --listen 127.0.0.1:0 --target "$IQN" \
		--lun ram:1M --user nobody-of-that-name
	expect_exit 21 'no group' iscsifs-target --listen 127.0.0.1:0 --target "$IQN" \
		--lun ram:1M --user root:nobody-of-that-name
	user_start
	cp "$BUILD/iscsifs-target" bin/
	expect_exit 13 'only root can become another user' "${AS_USER[@]}" iscsifs-target \
		--listen 127.0.0.1:0 --target "$IQN" --lun ram:1M --user root
}

a_target_that_moved_says_where_to() {
	target_start name=there "lun=ram:8M"
	_private moved.conf <<-END
		target "$IQN" {
		    RedirectAddress = 127.0.0.1
		    RedirectPort = ${TARGET_PORT[there]}
		    RedirectReason = Permanent
		}
	END
	expect_log 'shows no disk'
	_conf_start -c moved.conf --control "$CASE_DIR/target.sock"
	iscsifsadm "--socket=$CASE_DIR/target.sock" target dump >dump.conf
	expect "it is dumped" grep -q "RedirectReason = 'Permanent'" dump.conf
	mount_start
	session_expect "portal=127.0.0.1:${TARGET_PORT[there]}"
	expect_equal "size" "$(stat -c %s "$MNT/lun0")" $((8 << 20))
	expect_exit 7 'RedirectAddress "a b": want' iscsifsadm "--socket=$CASE_DIR/target.sock" \
		target param set RedirectAddress 'a b'
	expect_exit 7 'RedirectAddress "::1": want' iscsifs-target -P RedirectAddress=::1 -t "$IQN" -L ram:1M
}

run_cases "$@"
