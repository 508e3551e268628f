#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Every fault in every phase: a cell for each. Random I/O is under way (in the phases that have any),
# the fault strikes, and then: I/O works again, the data is what the history allows, there was one
# outage or none as the table says, and the session is the only one and has its old ISID.
#
# The cells of a phase share a target and a mount; the ones behind a cell that fails get new ones.
# Phases run side by side.
# shellcheck source=tests/it/fault_functions.sh
. "$(dirname "$0")/fault_functions.sh"

# ---- the table ------------------------------------------------------------------------------

# A phase, how it is brought about (io: by the history; login: by a lost connection under the
# history; rest: by nothing, the mount is idle; end: by unmounting), its event, and settings of its
# mount.
PHASES='
at_connect     | login | connect nth 1
in_security    | login | login where stage=security nth 1    | authmethod=CHAP
in_operational | login | login where stage=operational nth 1
in_idle        | rest  | time 0
at_read        | io    | read nth 3
before_r2t     | io    | write nth 3                         | ImmediateData=No InitialR2T=Yes
in_data_out    | io    | data-out nth 5                      | ImmediateData=No InitialR2T=Yes
before_status  | io    | write nth 3 do execute,
at_flush       | io    | flush nth 2
after_flush    | io    | flush nth 2 do execute,
at_unmap       | io    | unmap nth 1
at_logout      | end   | logout nth 1
'

# A fault, the outages that it causes (in a phase of login there is one already; at the end there is
# none any more), what its rule does, and a rule for the login after that.
FAULTS='
close         | 1 | close
reset         | 1 | reset
blackhole     | 1 | blackhole
delay         | 0 | delay 300ms
refused_port  | 1 | refuse for 300ms, reset
refused_login | 1 | reset                               | login count 2 do refuse with unavailable
reject        | 0 | reject protocol-error
withheld      | 1 | withhold
bad_digest    | 1 | corrupt header-digest
crash_keeping | 1 | crash keep-cache restart after 200ms
crash_losing  | 1 | crash lose-cache restart after 200ms
async_logout  | 1 | async logout within 1s
redirect      | 1 | reset                               | login count 1 do redirect OTHER_PORTAL
'

# Where a cell is not what its row and its column say: a field of the phase or of the fault instead;
# or - and why there is no such cell. * is any phase, or any fault.
CELLS='
at_unmap       | *             | - | the initiator sends no UNMAP yet
at_connect     | delay         | - | a connection is no request that could be late: blackhole
at_connect     | reject        | - | there is no request to reject
at_connect     | withheld      | - | there is no request to leave without an answer: blackhole
at_connect     | bad_digest    | - | digests begin in the full feature phase
at_connect     | async_logout  | - | asynchronous messages begin in the full feature phase
in_security    | refused_login | action=refuse with unavailable | later=
in_security    | reject        | - | a login is refused by its status, not by a reject: refused_login
in_security    | withheld      | action=drop
in_security    | bad_digest    | - | digests begin in the full feature phase
in_security    | async_logout  | - | asynchronous messages begin in the full feature phase
in_security    | redirect      | action=redirect OTHER_PORTAL | later=
in_operational | refused_login | action=refuse with unavailable | later=
in_operational | reject        | - | a login is refused by its status, not by a reject: refused_login
in_operational | withheld      | action=drop
in_operational | bad_digest    | - | digests begin in the full feature phase
in_operational | async_logout  | - | asynchronous messages begin in the full feature phase
in_operational | redirect      | action=redirect OTHER_PORTAL | later=
in_idle        | delay         | event=nop nth 1
in_idle        | reject        | event=nop nth 1
in_idle        | withheld      | event=nop nth 1 | action=drop
in_idle        | bad_digest    | event=nop nth 1
in_data_out    | reject        | - | the rules have no reject of a Data-Out: its command is answered
in_data_out    | withheld      | action=drop
before_status  | reject        | - | a reject says that the command was not carried out: before_r2t
after_flush    | reject        | - | a reject says that the command was not carried out: at_flush
at_logout      | blackhole     | action=blackhole for 1500ms
at_logout      | refused_login | - | nobody logs in after a logout
at_logout      | withheld      | action=drop
at_logout      | redirect      | - | nobody logs in after a logout
'

PHASE_NAMES=() FAULT_NAMES=()
declare -A PHASE FAULT CELL	# by name, or "PHASE FAULT": the rest of the row, "|"-separated

_read_tables() {
	local name rest fault tidy='s/[[:space:]]*\|[[:space:]]*/|/g; s/[[:space:]]+$//; /./p'
	while IFS='|' read -r name rest; do
		PHASE_NAMES+=("$name")
		PHASE[$name]=$rest
	done < <(sed -nE "$tidy" <<<"$PHASES")
	while IFS='|' read -r name rest; do
		FAULT_NAMES+=("$name")
		FAULT[$name]=$rest
	done < <(sed -nE "$tidy" <<<"$FAULTS")
	while IFS='|' read -r name fault rest; do
		CELL[$name $fault]=$rest
	done < <(sed -nE "$tidy" <<<"$CELLS")
}
_read_tables

# _cell_read PHASE FAULT: how event action later outages settings; why, when there is no such cell
_cell_read() {
	local field fields
	why=
	IFS='|' read -r how event settings <<<"${PHASE[$1]}"
	IFS='|' read -r outages action later <<<"${FAULT[$2]}"
	case $how in login) outages=1 ;; end) outages=0 ;; esac
	IFS='|' read -r -a fields <<<"${CELL[$1 *]-${CELL[$1 $2]-}}"
	for field in "${fields[@]}"; do
		case $field in
		event=*) event=${field#*=} ;;
		action=*) action=${field#*=} ;;
		later=*) later=${field#*=} ;;
		-) why=${fields[-1]} ;;
		esac
	done
	case $event in
	*,) action="$event $action" ;;
	*) action="$event do $action" ;;
	esac
}

# The names of all cells; and what there is no cell for, and why
_cells() {
	local phase fault how event action later outages settings why
	for phase in "${PHASE_NAMES[@]}"; do
		for fault in "${FAULT_NAMES[@]}"; do
			_cell_read "$phase" "$fault"
			[ -n "$why" ] || echo "${fault}_$phase"
		done
		[ -n "${CELL[$phase *]-}" ] || echo "nothing_is_left_$phase"
	done
}

_gaps() {
	local phase fault how event action later outages settings why
	for phase in "${PHASE_NAMES[@]}"; do
		for fault in "${FAULT_NAMES[@]}"; do
			_cell_read "$phase" "$fault"
			[ -z "$why" ] || echo "# no cell ${fault}_$phase: $why"
		done
	done
}

# ---- a cell ---------------------------------------------------------------------------------

CELL_BYTES=$((2 << 20))		# of the disk, for each cell

# The group's target listens at two ports, so that there is one to redirect to.
_group_target() {
	truncate -s $((32 * CELL_BYTES)) disk.img
	(umask 077 && echo twelve-letters >password)
	target_start "lun=$CASE_DIR/disk.img,write-cache=volatile" -- --listen 127.0.0.1:0 \
		--control "$CASE_DIR/target.sock" --enable-faults \
		"${TARGET_WITH[@]}"
	OTHER=$(sed -n 's/^listening //p' target.t.out | sed -n 2p)
	expect "a second port" [ -n "$OTHER" ]
}

_group_mount() {
	mount_start replacement_timeout=$((20 * SLOW)) noop_out_interval=$((1000 * SLOW))ms \
		noop_out_timeout=$((1500 * SLOW))ms login_timeout=$((1000 * SLOW))ms \
		logout_timeout=$((1000 * SLOW))ms scsi_cmd_timeout=$((5000 * SLOW))ms \
		abort_timeout=500ms lu_reset_timeout=500ms tgt_reset_timeout=500ms \
		time2wait=eager HeaderDigest=CRC32C "${MOUNT_WITH[@]}"
}

# What the session says, by key, in SAID
declare -A SAID
_ask_session() {
	local line
	while read -r line; do
		SAID[${line%%=*}]=${line#*=}
	done < <(session_show | grep "=")
}

# What is flushed is not lost; at the end all is.
_may_lose() {
	[ "$how" != end ] && [[ $action == *lose-cache* ]]
}

_history() {	# KEY=VALUE…: over the part of the disk that is this cell's
	local losing=()
	! _may_lose || losing=(losing=yes)
	history_start history "$(lun_file)" stable=disk.img "seed=$SEED" threads=6 pause=10 \
		at=$((PLACE * CELL_BYTES)) "${losing[@]}" "$@"
}

_add_rules() {
	[ -z "$later" ] || _at_target fault add "rule then on $later" >rules.out
	_at_target fault add "rule bad on $action" >rules.out
}

_wait_struck() {
	_at_target fault wait bad 'hits>=1' >wait.out || fail "the rule did not strike"
	! _may_lose || history_lost history
}

_wait_recovered() {
	[ -z "$later" ] || _at_target fault wait "then" 'hits>=1' >wait.out ||
		fail "no login was met by the second rule"
	session_expect "outages=$((${SAID[outages]} + outages))" link=UP gate=OPEN
}

# A link that is lost within a second of its login has not been up; the next login waits then.
_settle() {
	session_expect link=UP gate=OPEN 'link_for_ms>=1000'
}

# By how: bring it about, and wait until it is over and found right.
_cell_io() {
	_history
	_settle
	_add_rules
	_wait_struck
	_wait_recovered
	history_end history
}

_cell_login() {
	_history
	_settle
	_add_rules
	_at_target fault add 'rule cut on time 0 do reset' >rules.out
	_wait_struck
	_wait_recovered
	history_end history
}

_cell_rest() {
	_history ops=20 hold=yes
	history_wait_rest history
	_settle
	_add_rules
	_wait_struck
	_wait_recovered
	history_end history
}

_cell_end() {
	_history ops=20 hold=yes
	history_wait_rest history
	history_end history
	_part "$(lun_file)" >before.img
	_add_rules
	FINISH_LIMIT=5 mount_stop
	_wait_struck
	_at_target fault clear >rules.out
	_group_mount
	expect "what was flushed" cmp before.img <(_part "$(lun_file)")
}

_part() {	# FILE: its bytes that are this cell's
	dd if="$1" bs=$CELL_BYTES skip="$PLACE" count=1 iflag=fullblock status=none
}

_has_one_session() {
	[ "$(_at_target session | grep -c '^tsih=')" = 1 ]
}

_check_session() {
	local isid=${SAID[isid]} before=${SAID[outages]}
	_ask_session
	if [ "$how" != end ]; then
		expect_equal "isid" "${SAID[isid]}" "$isid"
		expect_equal "outages" "${SAID[outages]}" $((before + outages))
	fi
	expect_equal "errors" "${SAID[errors]}" 0
	wait_for 20 "one session at the target" _has_one_session
}

_cell() {	# FAULT PHASE
	local how event action later outages settings why
	_cell_read "$2" "$1"
	action=${action//OTHER_PORTAL/$OTHER}
	later=${later//OTHER_PORTAL/$OTHER}
	_ask_session
	"_cell_$how"
	_at_target fault clear >rules.out
	_check_session
}

# ---- the cells of a phase, one after the other ----------------------------------------------

# In a process and a directory of its own; MATRIX_PHASE and MATRIX_FAULTS say what to do.
_group() {
	local fault how event action later outages settings why
	SEED=${ISCSIFS_SEED:-$((RANDOM * 32768 + RANDOM))}
	note "ISCSIFS_SEED=$SEED"
	expect_outage
	expect_log 'password on the command line|took longer|aborted|no answer'
	expect_log 'perhaps another initiator uses our name'	# it is a link that comes and goes
	_cell_read "$MATRIX_PHASE" close
	read -r -a MOUNT_WITH <<<"$settings"
	TARGET_WITH=()
	if [ "$settings" = authmethod=CHAP ]; then
		MOUNT_WITH+=(username=joe password=twelve-letters)
		TARGET_WITH=(--chap-user joe --chap-password-file "$CASE_DIR/password")
	fi
	_group_target
	_group_mount
	PLACE=0
	for fault in $MATRIX_FAULTS; do
		note "$fault $MATRIX_PHASE"
		_cell "$fault" "$MATRIX_PHASE"
		echo "$fault" >>cells.done
		PLACE=$((PLACE + 1))
	done
}

_tell_failure() {	# NAME
	echo "not ok - $1"
	tail -n 25 "$CASE_DIR/case.txt" | sed 's/^/#   /'
	echo "#   kept: $CASE_DIR"
	echo "#   again: ISCSIFS_BUILD=$BUILD bash $SUITE $1"
}

# _run_group PHASE FAULT…: a line for each cell, and one for what comes after them
_run_group() {
	local phase=$1 rc
	shift
	export MATRIX_PHASE=$phase MATRIX_FAULTS
	while :; do
		MATRIX_FAULTS=$*
		rc=0
		_case_live _group 120 || rc=$?
		if [ $rc = 77 ]; then
			printf "ok - %s_$phase # SKIP $(cat "$CASE_DIR/skip")\n" "$@"
			return
		fi
		while [ $# -gt 0 ] && grep -qx "$1" "$CASE_DIR/cells.done" 2>/dev/null; do
			echo "ok - $1_$phase"
			shift
		done
		if [ $# = 0 ]; then
			[ $rc = 0 ] && echo "ok - nothing_is_left_$phase" ||
				_tell_failure "nothing_is_left_$phase"
			break
		fi
		_tell_failure "$1_$phase"
		shift
	done
	[ -n "${ISCSIFS_KEEP-}" ] || [ $rc != 0 ] || rm -rf --one-file-system "$CASE_DIR"
}

# The faults of those cells that are of this phase; what is left is left by all of them.
_faults_of() {	# PHASE NAME…
	local phase=$1 name
	shift
	for name; do
		case $name in
		"nothing_is_left_$phase") _cells | sed -n "/^nothing_is_left/d; s/_$phase\$//p" ;;
		*_"$phase") echo "${name%_"$phase"}" ;;
		esac
	done | awk '!seen[$0]++'
}

# _run_matrix [NAME…]
_run_matrix() {
	local names out phase faults
	[ -z "${CASE-}" ] || _case_main
	if [ "${1-}" = --list ]; then
		_cells
		exit
	fi
	names=$*
	[ $# -gt 0 ] || names=$(_cells | sed "s|^|${SUITE#"$SRCDIR/"}: |" |
		grep -E -- "${ISCSIFS_ONLY:-.}" | sed 's/.*: //')
	_gaps
	out=$(mktemp -d "${TMPDIR:-/tmp}/iscsifs.XXXXXX")
	for phase in "${PHASE_NAMES[@]}"; do
		# shellcheck disable=SC2086
		faults=$(_faults_of "$phase" $names)
		[ -n "$faults" ] || continue
		[ "$(jobs -pr | wc -l)" -lt "${ISCSIFS_JOBS:-6}" ] || wait -n
		# shellcheck disable=SC2086
		_run_group "$phase" $faults >"$out/$phase" 2>&1 &
	done
	wait
	for phase in "${PHASE_NAMES[@]}"; do
		cat "$out/$phase" 2>/dev/null
	done | awk '
	/^(not )?ok - / { sub(/ok - /, "ok " ++n " - ") }
	/^not ok/ { bad = 1 }
	/^ok/ && !/# SKIP/ { ran = 1 }
	{ print }
	END { print "1.." n + 0; exit bad ? 1 : ran ? 0 : 77 }'
	rc=$?
	rm -rf --one-file-system "$out"
	exit $rc
}

_run_matrix "$@"
