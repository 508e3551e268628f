#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Configuration and access beside others: libiscsi's tools, tgt-admin, and the files that tgt ships.
# shellcheck source=tests/it/functions.sh
. "$(dirname "$0")/../it/functions.sh"

_accounts() {
	(umask 077 && cat >accounts.conf) <<-END
		incomingdiscoveryuser = 'scout sesame-scouts-1'
		target "$IQN:secret" {
			incominguser = {'scout sesame-scouts-1', 'anna sesame-annas-1'}
			lun 0 { backing-store = "ram:1M" }
		}
		target "$IQN:friends" {
			initiator-name = "iqn.2026-11.example:friend"
			lun 0 { backing-store = "ram:1M" }
		}
	END
	target_start lun=ram:1M -- -c accounts.conf
}

iscsi_ls_finds_what_it_may_with_a_password() {
	local at
	need iscsi-ls
	_accounts
	at=127.0.0.1:${TARGET_PORT[t]}
	iscsi-ls "iscsi://scout%sesame-scouts-1@$at" >ls.txt 2>&1 || fail "$(cat ls.txt)"
	expect_equal "targets" "$(grep -c '^Target:' ls.txt)" 2
	expect "the one with accounts" grep -q "Target:$IQN:secret " ls.txt
	expect_not "the one for others" grep -q "friends" ls.txt
	iscsi-ls -i iqn.2026-11.example:friend "iscsi://scout%sesame-scouts-1@$at" >ls.txt 2>&1 ||
		fail "$(cat ls.txt)"
	expect "that of a friend" grep -q "Target:$IQN:friends " ls.txt
}

iscsi_ls_finds_nothing_without_it() {
	local at url
	need iscsi-ls
	_accounts
	at=127.0.0.1:${TARGET_PORT[t]}
	for url in "iscsi://$at" "iscsi://scout%wrong@$at" "iscsi://anna%sesame-annas-1@$at"; do
		timeout 20 iscsi-ls "$url" >ls.txt 2>&1 || :
		expect_not "a target by $url" grep -q '^Target:' ls.txt
	done
}

iscsi_inq_logs_in_with_a_password_only() {
	local at
	need iscsi-inq
	_accounts
	at=127.0.0.1:${TARGET_PORT[t]}
	iscsi-inq "iscsi://anna%sesame-annas-1@$at/$IQN:secret/0" >inq.txt 2>&1 || fail "$(cat inq.txt)"
	expect "a disk" grep -q 'VIRTUAL-DISK' inq.txt
	for user in anna%sesame-scouts-1 nobody%sesame-annas-1; do
		if timeout 20 iscsi-inq "iscsi://$user@$at/$IQN:secret/0" >inq.txt 2>&1; then
			fail "$user came in"
		fi
	done
	if timeout 20 iscsi-inq "iscsi://$at/$IQN:friends/0" >inq.txt 2>&1; then
		fail "somebody came in who is no friend"
	fi
}

# What tgt-admin would tell tgtd, as "TARGET LUN PATH".
_tgt_says() {
	tgt-admin -p -e -c "$1" 2>/dev/null | awk '
		$1 == "#" && $2 == "Adding" { target = $4 }
		/--op new --mode logicalunit/ {
			for (i = 1; i < NF; i++) {
				if ($i == "--lun") lun = $(i + 1)
				if ($i == "-b") path = $(i + 1)
			}
			gsub(/"/, "", path)
			print target, lun, path
		}' | sort
}

_ours_say() {
	iscsifs-target --tgt-conf "$1" --print-conf 2>/dev/null | tr -d "'" | awk '
		$1 == "target" { target = $2 }
		$1 == "lun" { lun = $2 }
		$1 == "backing-store" { print target, lun, $3 }' | sort
}

_tgt_says_tids() {
	tgt-admin -p -e -c "$1" 2>/dev/null | awk '/--op new --mode target/ {
		for (i = 1; i < NF; i++) {
			if ($i == "--tid") tid = $(i + 1)
			if ($i == "-T") print $(i + 1), tid
		}
	}' | sort
}

_ours_say_tids() {
	iscsifs-target --tgt-conf "$1" --print-conf 2>/dev/null | tr -d "'" | awk '
		$1 == "target" { target = $2 }
		$1 == "controller_tid" { print target, $3 }' | sort
}

units_and_targets_have_the_numbers_of_tgt_admin() {
	local f
	need tgt-admin
	need_ours iscsifs-target
	for f in a b c d e f g h; do truncate -s 1M "$f.img"; done
	cat >targets.conf <<-END
		include $CASE_DIR/more/*.conf
		<target iqn.2026-11.example:z>
		    backing-store $CASE_DIR/d.img
		    backing-store $CASE_DIR/b.img
		    backing-store $CASE_DIR/c.img
		    allow-in-use yes
		</target>
		<target iqn.2026-11.example:m>
		    controller_tid 7
		    <backing-store $CASE_DIR/h.img>
		        lun 2
		    </backing-store>
		    <backing-store $CASE_DIR/e.img>
		        vendor_id X
		    </backing-store>
		    <backing-store $CASE_DIR/g.img>
		        lun 9
		    </backing-store>
		    <backing-store $CASE_DIR/f.img>
		    </backing-store>
		    allow-in-use yes
		</target>
	END
	mkdir more
	printf '<target iqn.2026-11.example:b>\n backing-store %s\n allow-in-use yes\n lun 12\n</target>\n' \
		"$CASE_DIR/a.img" >more/one.conf
	_tgt_says targets.conf >theirs
	_ours_say targets.conf >ours
	[ "$(wc -l <theirs)" = 8 ] || skip "tgt-admin says something else here: $(cat theirs)"
	diff theirs ours || fail "other numbers"
	_tgt_says_tids targets.conf >theirs
	_ours_say_tids targets.conf >ours
	diff theirs ours || fail "other numbers of targets"
}

# _read CODE FILE [REGEX]: how that ends, and the last thing that it says
_read() {
	local code=0
	iscsifs-target --tgt-conf "$2" --print-conf >said 2>notes || code=$?
	expect_equal "the end of $2" "$code" "$1"
	[ -z "${3-}" ] || tail -n 1 notes | grep -qE "$3" || fail "$2: $(tail -n 1 notes)"
}

# What tgt ships is read, or refused where it asks for something that is no disk.
the_examples_of_tgt_are_read_or_refused_for_a_reason() {
	local f examples=/usr/share/doc/tgt/examples
	[ -e $examples/targets.conf.example ] || skip "tgt's examples are not installed"
	need_ours iscsifs-target
	_read 27 $examples/targets.conf.example 'targets.conf.example:[0-9]+: removable 1: the disks'
	# Two targets of it have controller_tid 10, which tgt refuses, too.
	grep -vE 'removable 1|device-type cd|controller_tid' $examples/targets.conf.example >disks.conf
	chmod 600 disks.conf
	_read 0 disks.conf
	expect_equal "targets" "$(grep -c '^target ' said)" \
		"$(grep -o '^<target [^>]*>' disks.conf | sort -u | wc -l)"
	expect "what is cut" grep -q 'vendor_id "MyCompany Inc." is cut to "MyCompan"' notes
	for f in "$examples"/targets.conf.vtl.*; do
		[ -e "$f" ] || continue
		_read 27 "$f" 'there are only disks here|the disks stay in'
	done
}

the_file_that_tgt_is_installed_with_is_read() {
	[ -r /etc/tgt/targets.conf ] || skip "tgt is not installed"
	grep -qE '^[^#]*<target' /etc/tgt/targets.conf /etc/tgt/conf.d/*.conf 2>/dev/null &&
		skip "somebody has targets there"
	need_ours iscsifs-target
	_read 0 /etc/tgt/targets.conf 'there is no target'
}

run_cases "$@"
