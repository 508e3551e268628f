# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The harness of the tests that run real programs.
#
# A test file is a row of functions named as sentences, one per case, and ends with `run_cases`;
# functions that begin with _ are helpers. Every case runs in a process, a directory and on ports
# of its own. What a case sets up it writes down with `undo`, so that it is taken back however the
# case ends: that is the hard thing here, a case may be killed while a file system is mounted.
#
#	bash tests/it/smoke.sh			every case
#	bash tests/it/smoke.sh NAME…		these
#	bash tests/it/smoke.sh --list		their names
#
# From the environment: ISCSIFS_BUILD (where the programs were built; default: the directory it is
# started in), ISCSIFS_ONLY (run the cases whose "path: name" matches this regular expression),
# ISCSIFS_SLOW (factor for every time limit), ISCSIFS_KEEP (keep the directory of every case).

set -u
SUITE=$(realpath "$0")
# shellcheck disable=SC2034	# the test files'
SRCDIR=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
BUILD=$(realpath "${ISCSIFS_BUILD:-$PWD}")
export ISCSIFS_BUILD=$BUILD
SLOW=${ISCSIFS_SLOW:-1}
PATTERN=$BUILD/tests/it/pattern
HISTORY=$BUILD/tests/it/history
IQN=iqn.2026-11.example:disk
PATH=$BUILD:$PATH:/usr/sbin:/sbin
export PATH ASAN_OPTIONS="${ASAN_OPTIONS:-abort_on_error=0:exitcode=99}" \
	UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}" LC_ALL=C
declare -A CASE_LIMIT	# seconds a case may take, where 60 are not enough
exec {IDLE}<> <(:)	# never readable: waiting for it is how we let time pass

# ---- saying how it went ---------------------------------------------------------------------

note() {
	echo "# $*"
}

fail() {
	echo "FAILED: $*"
	exit 1
}

skip() {
	echo "$*" >"$CASE_DIR/skip"
	exit 77
}

need() {
	local p
	for p; do
		command -v "$p" >/dev/null || skip "$p is not installed"
	done
}

need_root() {
	[ "$(id -u)" = 0 ] || skip "needs root"
}

need_fuse() {
	{ : <>/dev/fuse; } 2>/dev/null || skip "/dev/fuse cannot be opened here"
}

# Ours must be there: a case is not skipped because nothing was built.
need_ours() {
	local p
	for p; do
		[ -x "$BUILD/$p" ] || fail "$p is not built in $BUILD"
	done
}

# ---- waiting, bounded -----------------------------------------------------------------------

_nap() {
	read -r -t 0.02 -u "$IDLE" || :
}

_now_ms() {
	echo $((${EPOCHREALTIME/./} / 1000))
}

# poll SECONDS COMMAND…: until it succeeds; 1 when it did not in time.
poll() {
	local until=$(($(_now_ms) + $1 * 1000 * SLOW))
	shift
	until "$@"; do
		[ "$(_now_ms)" -lt "$until" ] || return 1
		_nap
	done
}

# wait_for SECONDS WHAT COMMAND…
wait_for() {
	local limit=$1 what=$2
	shift 2
	poll "$limit" "$@" || fail "waited $((limit * SLOW)) s for: $what"
}

# wait_line SECONDS FILE REGEX: a line that matches stands in the file.
wait_line() {
	wait_for "$1" "a line /$3/ in $2" grep -qE -- "$3" "$2"
}

# Field N of /proc/PID/stat, counted as proc(5) does, in $FIELD; N > 2.
_stat_field() {	# PID N
	local stat
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
	read -r -a stat <<<"${stat##*) }"
	FIELD=${stat[$(($2 - 3))]}
}

_alive() {	# PID [START]: it runs (a zombie does not), and is still the one that started then
	_stat_field "$1" 3 || return 1
	[ "$FIELD" != Z ] && [ "$FIELD" != X ] || return 1
	[ -z "${2-}" ] || { _stat_field "$1" 22 && [ "$FIELD" = "$2" ]; }
}

_gone() {
	! _alive "$@"
}

# _children PID: the processes that it started
_children() {
	local p
	for p in /proc/[0-9]*; do
		_stat_field "${p#/proc/}" 4 && [ "$FIELD" = "$1" ] && echo "${p#/proc/}"
	done
	return 0
}

# ---- what a case started is ended -----------------------------------------------------------

# undo COMMAND…: run when the case ends, last one first.
undo() {
	printf '%q ' "$@" >>"$CASE_DIR/undo"
	echo >>"$CASE_DIR/undo"
}

_undo_all() {
	local line
	[ -f "$CASE_DIR/undo" ] || return 0
	while read -r line; do
		eval "$line" || note "could not: $line"
	done < <(tac "$CASE_DIR/undo")
	rm -f "$CASE_DIR/undo"
}

# The processes that the case started, however they went to the background: they have its directory
# in their environment.
_left_running() {
	grep -lzxF "CASE_DIR=$CASE_DIR" /proc/[0-9]*/environ 2>/dev/null | tr -dc '0-9\n'
}

_nothing_left() {
	[ -z "$(_left_running)" ]
}

# What does not end by itself within 5 s is named and killed, and fails the case.
_sweep() {
	local p
	poll 5 _nothing_left && return
	for p in $(_left_running); do
		echo "FAILED: left running: $(tr '\0' ' ' <"/proc/$p/cmdline")"
		kill -KILL "$p"
	done
	return 1
}

_undo_process() {	# PID START
	_alive "$@" || return 0
	kill -CONT "$1"
	kill "$1"
	poll 2 _gone "$@" && return
	kill -KILL "$1"
	poll 5 _gone "$@"
}

_undo_mount() {
	_is_mounted "$1" || return 0
	umount -l "$1" 2>/dev/null || fusermount3 -u -z "$1"
}

# spawn NAME COMMAND…: in the background; output in NAME.out, errors in NAME.log, id in PID[NAME].
declare -A PID
spawn() {
	local name=$1
	shift
	: >"$CASE_DIR/$name.out" 2>>"$CASE_DIR/$name.log"
	"$@" >"$CASE_DIR/$name.out" 2>>"$CASE_DIR/$name.log" </dev/null &
	PID[$name]=$!
	_stat_field "$!" 22 || FIELD=0	# it is gone already
	undo _undo_process "$!" "$FIELD"
}

# finish PID [CODE]: a background command ends, with 0 or CODE.
finish() {
	local rc=0
	wait_for "${FINISH_LIMIT:-60}" "process $1 to end" _gone "$1"
	wait "$1" || rc=$?
	[ "$rc" = "${2:-0}" ] || fail "process $1 ended with $rc, not ${2:-0}"
}

# ---- expectations ---------------------------------------------------------------------------

# expect WHAT COMMAND…: the command succeeds.
expect() {
	local what=$1
	shift
	"$@" || fail "$what: $* ended with $?"
}

expect_not() {
	local what=$1
	shift
	! "$@" || fail "$what: $* succeeded"
}

expect_equal() {	# WHAT GOT WANTED
	[ "$2" = "$3" ] || fail "$1 is '$2', not '$3'"
}

LOG_LINE='^[0-9:.]+ (error|warn|info|debug): '

# expect_exit CODE REGEX COMMAND…: ends with the code (or one of A|B) within 30 s and says one
# sentence that matches on stderr, beside lines of its log and where help is; - for the regex: says
# nothing.
expect_exit() {
	local code=$1 want=$2 rc=0
	shift 2
	timeout -k 5 $((30 * SLOW)) "$@" >"$CASE_DIR/expect.out" 2>"$CASE_DIR/expect.err" \
		</dev/null || rc=$?
	note "$*: exit $rc: $(head -c 400 "$CASE_DIR/expect.err")"
	[[ $rc =~ ^($code)$ ]] || fail "$1 ended with $rc, not $code"
	if [ "$want" = - ]; then
		[ ! -s "$CASE_DIR/expect.err" ] || fail "$1 said something on stderr"
		return 0
	fi
	grep -vE "$LOG_LINE|^[a-z-]*: (see|try) [a-z-]* --help$" "$CASE_DIR/expect.err" \
		>"$CASE_DIR/expect.said" || :
	grep -qE -- "$want" "$CASE_DIR/expect.said" || fail "no sentence on stderr matches /$want/"
	[ "$(wc -l <"$CASE_DIR/expect.said")" = 1 ] || fail "more than one sentence on stderr"
}

# expect_log REGEX: our programs may say this on warn or error level; any other such line fails
# the case.
expect_log() {
	echo "$1" >>"$CASE_DIR/announced"
}

# expect_outage: what may be said when a target goes away and comes back
expect_outage() {
	expect_log 'session lost, dialling again'
	expect_log 'cannot log in yet'
	expect_log 'replacement_timeout is over'
	expect_log 'perhaps another initiator uses our name'
	expect_log 'its cache may have been lost'
	expect_log 'a command is not answered within scsi_cmd_timeout'
	expect_log 'ABORT TASK is asked for|LOGICAL UNIT RESET is asked|TARGET WARM RESET is asked'
}

_check_logs() {
	local log bad
	for log in "$CASE_DIR"/*.log; do
		[ -f "$log" ] || continue
		bad=$(grep -aE -A12 'AddressSanitizer|LeakSanitizer|runtime error:' "$log") &&
			fail "a sanitizer spoke in ${log##*/}: $bad"
		bad=$(grep -aE '^[0-9:.]+ (error|warn): ' "$log" |
			grep -avEf "$CASE_DIR/announced") &&
			fail "unannounced in ${log##*/}: $bad"
	done
	return 0
}

# ---- targets --------------------------------------------------------------------------------
# Each has a name (default: t), so that a case can have several; ours and tgtd answer to the same
# target_url, target_kill9 and target_restart.

declare -A TARGET_KIND TARGET_PORT TARGET_ARGS TARGET_IQN
TARGET_HOST=127.0.0.1	# where tgtd listens, and with which words before its name it is started
TARGET_VIA=()

# target_url [NAME] [LUN]; LUN - gives the portal alone
target_url() {
	local name=${1:-t} url
	url=iscsi://$TARGET_HOST:${TARGET_PORT[$name]}
	[ "${2-}" = - ] || url=$url/${TARGET_IQN[$name]}${2:+/$2}
	echo "$url"
}

# target_start [name=NAME] [iqn=IQN | lun=SPEC]… [-- OPTION…]
# iscsifs-target on a free port; without a lun a sparse file disk.img of 64 MiB.
target_start() {
	local name=t iqn=$IQN luns=() args=() arg
	need_ours iscsifs-target
	while [ $# -gt 0 ]; do
		arg=$1
		shift
		case $arg in
		name=*) name=${arg#*=} ;;
		iqn=*) luns+=(--target "${arg#*=}") ;;
		lun=*) luns+=(--lun "${arg#*=}") ;;
		--) args=("$@") && break ;;
		*) fail "target_start: what is $arg?" ;;
		esac
	done
	case " ${luns[*]-} " in
	*" --target "*) iqn=$(_after --target "${luns[@]}") ;;
	*) luns=(--target "$iqn" "${luns[@]}") ;;
	esac
	case " ${luns[*]} " in
	*" --lun "*) ;;
	*)
		truncate -s 64M "$CASE_DIR/disk.img"
		luns+=(--lun "$CASE_DIR/disk.img")
		;;
	esac
	TARGET_KIND[$name]=ours
	TARGET_IQN[$name]=$iqn
	TARGET_PORT[$name]=0
	TARGET_ARGS[$name]=$(printf '%q ' "${luns[@]}" "${args[@]}")
	_target_run "$name"
}

_after() {	# WORD LIST…: the first element after WORD
	local word=$1
	shift
	while [ "$1" != "$word" ]; do
		shift
	done
	echo "$2"
}

_target_run() {
	case ${TARGET_KIND[$1]} in
	ours)
		eval "spawn target.$1 iscsifs-target -f --listen 127.0.0.1:${TARGET_PORT[$1]} \
			${TARGET_ARGS[$1]}"
		poll 10 _target_said "$1" || fail "iscsifs-target is not ready: $(
			tail -n 3 "$CASE_DIR/target.$1.log")"
		_alive "${PID[target.$1]}" || fail "iscsifs-target ended at once: $(
			tail -n 3 "$CASE_DIR/target.$1.log")"
		TARGET_PORT[$1]=$(sed -n 's/^listening .*:\([0-9]*\)$/\1/p' \
			"$CASE_DIR/target.$1.out" | head -n 1)
		;;
	tgtd) _tgtd_run "$1" ;;
	esac
}

_target_said() {
	grep -q '^listening ' "$CASE_DIR/target.$1.out" || _gone "${PID[target.$1]}"
}

# target_stop [NAME]: in good order; ours must end with 0
target_stop() {
	local name=${1:-t} pid
	pid=${PID[target.$name]-}
	[ -n "$pid" ] || return 0
	unset "PID[target.$name]"
	if [ "${TARGET_KIND[$name]}" = tgtd ]; then
		kill -KILL "$pid"	# with targets it takes no notice of SIGTERM
		finish "$pid" 137
	else
		kill "$pid"
		finish "$pid"
	fi
}

target_kill9() {
	local name=${1:-t} pid
	pid=${PID[target.$name]}
	unset "PID[target.$name]"
	kill -KILL "$pid"
	finish "$pid" 137
}

# target_restart [NAME]: as it was started, on the same port; it must not be running
target_restart() {
	_target_run "${1:-t}"
}

# tgtd_start [name=NAME] [iqn=IQN] [lun=FILE]… [block=BYTES]
# tgtd with a control socket of its own; LUNs count from 1, as tgtd's do.
tgtd_start() {
	local name=t iqn=$IQN luns=() block=512 arg
	need tgtd tgtadm
	need_root
	for arg; do
		case $arg in
		name=*) name=${arg#*=} ;;
		iqn=*) iqn=${arg#*=} ;;
		lun=*) luns+=("${arg#*=}") ;;
		block=*) block=${arg#*=} ;;
		*) fail "tgtd_start: what is $arg?" ;;
		esac
	done
	if [ ${#luns[@]} = 0 ]; then
		truncate -s 64M "$CASE_DIR/disk.img"
		luns=("$CASE_DIR/disk.img")
	fi
	TARGET_KIND[$name]=tgtd
	TARGET_IQN[$name]=$iqn
	TARGET_PORT[$name]=0
	TARGET_ARGS[$name]="$block $(printf '%q ' "${luns[@]}")"
	_target_run "$name"
}

tgtadm_on() {	# NAME OPTION…
	TGT_IPC_SOCKET=$CASE_DIR/tgt.$1 tgtadm -C 1 --lld iscsi "${@:2}"
}

_tgtd_run() {
	local name=$1 fixed=${TARGET_PORT[$1]} port=${TARGET_PORT[$1]} try
	for try in 1 2 3 4 5 6 7 8; do
		# tgtd cannot let the kernel choose: try ports until one is free.
		[ "$fixed" != 0 ] || port=$((20000 + (RANDOM * 7 + $$) % 12000))
		TGT_IPC_SOCKET=$CASE_DIR/tgt.$name \
			spawn "target.$name" "${TARGET_VIA[@]}" tgtd -f -C 1 \
			--iscsi "portal=$TARGET_HOST:$port"
		poll 10 _tgtd_settled "$name" "$port" || :
		_tgtd_listens "$port" "${PID[target.$name]}" && break
		note "tgtd did not get port $port (try $try)"
		kill -KILL "${PID[target.$name]}" 2>/dev/null
		port=
	done
	[ -n "$port" ] || fail "tgtd does not start"
	TARGET_PORT[$name]=$port
	poll 10 tgtadm_on "$name" --mode sys --op show >/dev/null 2>&1 ||
		fail "tgtd does not answer"
	eval "_tgtd_configure $name ${TARGET_ARGS[$name]}"
}

_tgtd_settled() {
	_gone "${PID[target.$1]}" || _tgtd_listens "$2" "${PID[target.$1]}"
}

_tgtd_listens() {	# PORT PID: this process, not another one, has the port
	local inode
	inode=$(awk -v port="$(printf ':%04X' "$1")" \
		'$4 == "0A" && index($2, port) { print $10; exit }' "/proc/$2/net/tcp" 2>/dev/null)
	[ -n "$inode" ] && find "/proc/$2/fd" -lname "socket:\\[$inode\\]" 2>/dev/null | grep -q .
}

# The initiators are let in last: nobody sees the target without its LUNs.
_tgtd_configure() {	# NAME BLOCK FILE…
	local name=$1 block=$2 lun=0 file
	shift 2
	tgtadm_on "$name" --mode target --op new --tid 1 -T "${TARGET_IQN[$name]}" ||
		fail "tgtd takes no target"
	for file; do
		lun=$((lun + 1))
		tgtadm_on "$name" --mode logicalunit --op new --tid 1 --lun $lun -b "$file" \
			--blocksize "$block" || fail "tgtd takes no LUN $file"
	done
	tgtadm_on "$name" --mode target --op bind --tid 1 -I ALL
}

# ---- mounts ---------------------------------------------------------------------------------

declare -A MOUNT_AT

_is_mounted() {
	awk -v at="$1" '$5 == at { found = 1 } END { exit !found }' /proc/self/mountinfo
}

# mount_start [name=NAME] [target=NAME | url=URL] [lun=N] [at=PATH] [by=user]
#	[SETTING=VALUE]… [-- OPTION…]
# iscsifs in the foreground, mounted at MNT (default: mnt in the directory of the case), up.
mount_start() {
	local name=m url='' target=t lun='' at=$CASE_DIR/mnt args=() arg run=()
	need_fuse
	need_ours iscsifs
	while [ $# -gt 0 ]; do
		arg=$1
		shift
		case $arg in
		name=*) name=${arg#*=} ;;
		url=*) url=${arg#*=} ;;
		target=*) target=${arg#*=} ;;
		lun=*) lun=${arg#*=} ;;
		at=*) at=${arg#*=} ;;
		by=user) run=("${AS_USER[@]}") ;;
		--) args+=("$@") && break ;;
		*=*) args+=(-P "$arg") ;;
		*) fail "mount_start: what is $arg?" ;;
		esac
	done
	[ -n "$url" ] || url=$(target_url "$target" "$lun")
	[ -e "$at" ] || "${run[@]}" mkdir "$at"
	if [ -e "$CASE_DIR/mount.$name.log" ]; then	# of one before it, of the same name
		mv "$CASE_DIR/mount.$name.log" "$(mktemp "$CASE_DIR/mount.$name.XXXX.log")"
	fi
	undo _undo_mount "$at"
	spawn "mount.$name" "${run[@]}" iscsifs -f "${args[@]}" "$url" "$at"
	MOUNT_AT[$name]=$at
	# shellcheck disable=SC2034	# the test files'
	MNT=$at
	wait_for 30 "$url mounted at $at" _mount_settled "$name"
	_is_mounted "$at" || fail "iscsifs ended: $(tail -n 3 "$CASE_DIR/mount.$name.log")"
}

_mount_settled() {
	grep -q 'info: serving ' "$CASE_DIR/mount.$1.log" || _gone "${PID[mount.$1]}"
}

# mount_stop [NAME]: unmounted, and the daemon ends with 0
mount_stop() {
	local name=${1:-m} pid
	pid=${PID[mount.$name]-}
	[ -n "$pid" ] || return 0
	if [ "$(id -u)" = 0 ]; then
		expect "unmount" umount "${MOUNT_AT[$name]}"
	else
		expect "unmount" fusermount3 -u "${MOUNT_AT[$name]}"
	fi
	unset "PID[mount.$name]"
	finish "$pid"
}

# lun_file [N] [NAME]: the file of LUN N (default 0) of the mount
lun_file() {
	echo "${MOUNT_AT[${2:-m}]}/lun${1:-0}"
}

# session_show [MOUNT]: what the daemon says of its session, key=value lines
session_show() {
	iscsifsadm --socket="$ISCSIFS_RUNTIME_DIR/${PID[mount.${1:-m}]}.sock" -o key=value session
}

session_get() {	# KEY [MOUNT]
	session_show "${2-}" | sed -n "s/^$1=//p" | head -n 1
}

# session_expect [name=MOUNT] KEY=VALUE… | KEY>=N…: becomes true within 20 s
session_expect() {
	local name=m
	case ${1-} in name=*) name=${1#*=} && shift ;; esac
	poll 20 _session_is "$name" "$@" || {
		session_show "$name"
		fail "session $name does not become: $*"
	}
}

_session_is() {
	local show want key
	show=$(session_show "$1") || return 1
	shift
	for want; do
		key=${want%%[>=]*}
		case $want in
		*'>='*) [ "$(sed -n "s/^$key=//p" <<<"$show" | head -n 1)" -ge "${want#*>=}" ] ;;
		*) grep -qxF -- "$want" <<<"$show" ;;
		esac || return 1
	done
}

# ---- an ordinary user -----------------------------------------------------------------------

# user_start: `as_user` runs its words as somebody without rights, who has a directory user/ and
# can reach the programs in bin/. An array, so that what is spawned with it has the process id.
user_start() {
	USER_UID=65534
	need setpriv
	need_root
	mkdir -m 755 bin
	cp "$BUILD/iscsifs" "$PATTERN" bin/
	mkdir -m 700 user user/run
	chown -R $USER_UID:$USER_UID user
	AS_USER=(setpriv "--reuid=$USER_UID" "--regid=$USER_UID" --clear-groups env
		"PATH=$CASE_DIR/bin:$PATH" "ISCSIFS_RUNTIME_DIR=$CASE_DIR/user/run"
		"HOME=$CASE_DIR/user")
}

# fuse_mode MODE: from here on the case has a /dev/fuse of its own with this mode. It begins again in
# a mount namespace for that, so this comes first.
fuse_mode() {
	need_root
	if [ -z "${OWN_FUSE-}" ]; then
		need unshare mknod
		unshare -m true 2>why.txt || skip "no mount namespace: $(cat why.txt)"
		OWN_FUSE=yes exec unshare -m bash "$SUITE"
	fi
	mkdir dev
	mount -t tmpfs -o mode=755 none dev
	mknod dev/fuse c 10 229 2>why.txt || skip "no device node: $(cat why.txt)"
	chmod "$1" dev/fuse
	mount --bind dev/fuse /dev/fuse
	umount dev
	need_fuse
}

as_user() {
	"${AS_USER[@]}" "$@"
}

# ---- patterns -------------------------------------------------------------------------------

pattern_write() {
	"$PATTERN" write "$@"
}

pattern_check() {
	"$PATTERN" check "$@"
}

# ---- histories ------------------------------------------------------------------------------
# tests/it/history, one at a time for each NAME: random I/O that is checked, while things go wrong.

# history_start NAME FILE KEY=VALUE…: in the background, until history_end or its ops are done
history_start() {
	local name=$1
	shift
	note "$name: $*"
	spawn "$name" "$HISTORY" "$@"
	wait_line 10 "$CASE_DIR/$name.out" '^running$'
}

# history_end NAME: it stops, reads everything again, and found nothing wrong
history_end() {
	local pid=${PID[$1]}
	kill "$pid" 2>/dev/null || :
	wait_for "${FINISH_LIMIT:-60}" "$1 to end" _gone "$pid"
	wait "$pid" || fail "$1: $(cat "$CASE_DIR/$1.log")"
	unset "PID[$1]"
	tail -n 1 "$CASE_DIR/$1.out"
}

# history_wait_rest NAME: its ops are done (it was started with ops=N hold=yes)
history_wait_rest() {
	wait_for 60 "$1 to be at rest" _history_said "$1" resting 1
	_alive "${PID[$1]}" || fail "$1: $(cat "$CASE_DIR/$1.log")"
}

# history_losing NAME, history_lost NAME: between the two a target may lose its cache
history_losing() {
	_history_told "$1" USR1 losing
}

history_lost() {
	_history_told "$1" USR2 lost
}

_history_told() {	# NAME SIGNAL WORD
	local n
	n=$(grep -c "^$3" "$CASE_DIR/$1.out") || :
	kill "-$2" "${PID[$1]}" || fail "$1 is gone: $(cat "$CASE_DIR/$1.log")"
	wait_for 20 "$1 to hear $2" _history_said "$1" "$3" $((n + 1))
}

_history_said() {	# NAME WORD N
	[ "$(grep -c "^$2" "$CASE_DIR/$1.out")" -ge "$3" ] || _gone "${PID[$1]}"
}

# ---- the runner -----------------------------------------------------------------------------

_case_names() {
	sed -nE 's/^([a-z][a-z0-9_]*)\(\) [{(].*/\1/p' "$SUITE"
}

# In a process of its own: the case, then an orderly end of what it left running.
_case_main() {
	local name
	set -eE
	trap '[ $BASH_SUBSHELL != 0 ] ||
		echo "FAILED: $BASH_COMMAND, line $LINENO of ${BASH_SOURCE[0]##*/}"' ERR
	: >"$CASE_DIR/announced"
	export ISCSIFS_RUNTIME_DIR=$CASE_DIR/run
	[ -d "$ISCSIFS_RUNTIME_DIR" ] || mkdir -m 700 "$ISCSIFS_RUNTIME_DIR"
	cd "$CASE_DIR"
	"$CASE"
	for name in "${!PID[@]}"; do
		case $name in mount.*) mount_stop "${name#mount.}" ;; esac
	done
	for name in "${!PID[@]}"; do
		case $name in target.*) target_stop "${name#target.}" ;; esac
	done
	_check_logs
	exit 0
}

# _case_live FUNCTION SECONDS: in a process and a directory of its own; returns its code
_case_live() {
	local rc=0 limit=$(($2 * SLOW))
	CASE_DIR=$(mktemp -d "${TMPDIR:-/tmp}/iscsifs.XXXXXX") || exit 99
	chmod 755 "$CASE_DIR"
	CASE=$1 CASE_DIR=$CASE_DIR timeout -k 10 $limit bash "$SUITE" \
		>"$CASE_DIR/case.txt" 2>&1 </dev/null || rc=$?
	[ $rc != 124 ] && [ $rc != 137 ] || echo "FAILED: not over after $limit s" \
		>>"$CASE_DIR/case.txt"
	_undo_all >>"$CASE_DIR/case.txt" 2>&1
	_sweep >>"$CASE_DIR/case.txt" || [ $rc != 0 ] || rc=1
	return $rc
}

_case_run() {	# N NAME; returns the code of the case
	local rc=0
	_case_live "$2" "${CASE_LIMIT[$2]:-60}" || rc=$?
	case $rc in
	0) echo "ok $1 - $2" ;;
	77) echo "ok $1 - $2 # SKIP $(cat "$CASE_DIR/skip" 2>/dev/null)" ;;
	*)
		echo "not ok $1 - $2"
		tail -n 25 "$CASE_DIR/case.txt" | sed 's/^/#   /'
		echo "#   kept: $CASE_DIR"
		echo "#   again: ISCSIFS_BUILD=$BUILD bash $SUITE $2"
		return 1
		;;
	esac
	[ -n "${ISCSIFS_KEEP-}" ] || rm -rf --one-file-system "$CASE_DIR"
	return $rc
}

run_cases() {
	local names name n=0 ran=0 failed=0
	[ -z "${CASE-}" ] || _case_main
	if [ "${1-}" = --list ]; then
		_case_names
		exit
	elif [ $# -gt 0 ]; then
		names=$*
	else
		names=$(for name in $(_case_names); do
			echo "${SUITE#"$SRCDIR/"}: $name"
		done | grep -E -- "${ISCSIFS_ONLY:-.}" | sed 's/.*: //')
	fi
	# shellcheck disable=SC2086
	echo "1..$(set -- $names && echo $#)"
	for name in $names; do
		n=$((n + 1))
		_case_run $n "$name"
		case $? in
		0) ran=1 ;;
		77) ;;
		*) ran=1 failed=1 ;;
		esac
	done
	[ $failed = 0 ] || exit 1
	[ $ran = 1 ] || exit 77
	exit 0
}
