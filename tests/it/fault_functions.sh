# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# For the tests of faults: a target with rules, a mount that notices soon, and what the journal must
# say of a rule named `bad` for the mount to have got over it.

# shellcheck source=tests/it/functions.sh
. "$(dirname "${BASH_SOURCE[0]}")/functions.sh"

ADM=(iscsifsadm "--socket=${CASE_DIR-}/target.sock")	# an array, so that timeout can run it

_target() {
	"${ADM[@]}" "$@"
}

# fault …, crash …, session, and whatever else a target is asked; a wait ends
_at_target() {
	_target --timeout=$((20 * SLOW))s target "$@"
}

TARGET_WITH=()
# _faulty_target RULE… [-- target_start's words]: a target with these rules
_faulty_target() {
	local rules=()
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		rules+=(--fault "$1")
		shift
	done
	[ $# = 0 ] || shift
	target_start "$@" -- --control "$CASE_DIR/target.sock" --enable-faults "${rules[@]}" \
		"${TARGET_WITH[@]}"
}

_hits() {	# RULE: how often it struck
	_target target fault list | sed -n "/^name=$1\$/,/^\$/s/^hits=//p"
}

_wait_hits() {	# RULE N
	_target --timeout=20s target fault wait "$1" "hits>=$2" >wait.out ||
		fail "rule $1 did not strike $2 times"
}

MOUNT_WITH=()
_quick_mount() {
	mount_start replacement_timeout=20 noop_out_interval=500ms noop_out_timeout=500ms \
		login_timeout=2s scsi_cmd_timeout=1s abort_timeout=500ms lu_reset_timeout=500ms \
		tgt_reset_timeout=500ms time2wait=eager "${MOUNT_WITH[@]}"
}

# The last close of a file flushes the LUN: keep it open, and what is not synced stays unsynced.
_keep_open() {
	exec {KEPT}<>"$(lun_file)"
}

_let_go() {
	exec {KEPT}>&-
}

# The journal, a line for each record: seq ms kind conn pdu itt op lba status rule
_journal() {
	_target target journal limit=8000 | awk -F= '
	function field(k) { return k in v && v[k] != "" ? v[k] : "-" }
	$0 == "" {
		gsub(/ /, "_", v["pdu"])
		gsub(/ /, "_", v["op"])
		print field("seq"), field("ms"), field("kind"), field("conn"), field("pdu"), field("itt"),
			field("op"), field("lba"), field("status"), field("rule")
		delete v
		next
	}
	{ v[$1] = $2 }'
}

# What the rule bad must have led to, by the journal: each is an awk program that ends with 0 if so.
_RESENT='
	$3 == "received" && $7 != "-" && ($7, $8) in struck { again = 1 }
	$10 == "bad" { struck[$7, $8] = 1 }
	END { exit !again }'
_LOGIN_AGAIN='
	$10 == "bad" { struck = 1 }
	struck && $3 == "received" && $5 ~ /Login/ { again = 1 }
	END { exit !again }'
_UNANSWERED='
	$3 == "sent" && ($4, $6) in struck { answered = 1 }
	$10 == "bad" { struck[$4, $6] = 1 }
	END { exit answered }'
_LATE='
	$3 == "sent" && ($4, $6) in struck && $2 - struck[$4, $6] >= 300 { late = 1 }
	$10 == "bad" { struck[$4, $6] = $2 }
	END { exit !late }'
_SAME_SESSION='
	$10 == "bad" { struck = 1 }
	struck && $3 == "received" && $5 ~ /Login/ { again = 1 }
	END { exit again || !struck }'
_SILENT='
	struck == $4 && ($3 == "received" || $3 == "sent") { spoke = 1 }
	$10 == "bad" { struck = $4 }
	END { exit spoke || !struck }'
_DEAF='
	struck && !back && $3 == "accepted" { back = $2 }
	$10 == "bad" { struck = $2 }
	END { exit !(back - struck >= 500) }'
_TWICE='
	$3 == "sent" && ($4, $6) in struck && ++n == 2 { twice = 1 }
	$10 == "bad" { struck[$4, $6] = 1 }
	END { exit !twice }'

# _survives PROGRAM RULE…: data written under these rules is there, in the file and on the disk, and
# the journal says what PROGRAM wants
_survives() {
	local program=$1
	shift
	expect_outage
	_faulty_target "$@"
	_quick_mount
	pattern_write "$(lun_file)" seed=5 blocks=0..2047 io=64 sync=end
	pattern_check "$(lun_file)" seed=5 blocks=0..2047
	_wait_hits bad 1
	_journal >journal.txt
	expect "what the rule does" awk "$program" journal.txt
	mount_stop
	pattern_check disk.img seed=5 blocks=0..2047
}

_write_one() {	# a block of "n", in the background, and not waited for
	tr '\0' n </dev/zero | dd of="$(lun_file)" bs=4096 count=1 iflag=fullblock oflag=direct \
		conv=notrunc status=none &
}
