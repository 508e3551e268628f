#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Faults by chance, under random I/O that is checked; tests/soak runs this case with many of them.
# From the environment: ISCSIFS_SOAK (how many faults), ISCSIFS_SEED.
# shellcheck source=tests/it/fault_functions.sh
. "$(dirname "$0")/fault_functions.sh"

FAULTS=${ISCSIFS_SOAK:-30}
CASE_LIMIT[random_faults_lose_nothing]=$((60 + FAULTS * 20))

# To who started tests/soak, at once.
_tell() {
	note "$*"
	[ -z "${SOAK_TELL-}" ] || echo "$*" >&3
}

# ---- faults ---------------------------------------------------------------------------------
# Each is a function; what the rules say stands in a list. LOSES: the ones that lose a cache.

RULES=(
	'write nth 2 do close'
	'write nth 5 do reset'
	'write nth 3 do execute, reset'
	'write nth 3 do blackhole'
	'write nth 2 do blackhole for 400ms'
	'write nth 2 do withhold'
	'write nth 2 do drop'
	'write nth 4 do execute, truncate 20'
	'write nth 2 do duplicate'
	'write nth 3 do garbage 500'
	'write nth 2 do corrupt header-digest'
	'write nth 2 do async logout within 1s'
	'write nth 2 do async drop-connection'
	'write nth 2 do async drop-session'
	'write nth 2 do reject protocol-error'
	'write nth 2 do refuse for 500ms, reset'
	'write for 300ms do status TASK-SET-FULL'
	'write count 10 do status BUSY'
	'write count 8 do sense 6/2a/01'
	'write nth 3 do delay 500ms'
	'data-out nth 2 do reset'
	'data-out nth 2 do drop'
	'read nth 3 do close'
	'read nth 3 do withhold'
	'data-in nth 3 do truncate 40'
	'data-in nth 3 do corrupt opcode'
	'flush nth 1 do reset'
	'flush nth 1 do execute, close'
	'flush nth 1 do withhold'
	'command every 20 count 3 do reset'
)
LOGIN_RULES=(
	'connect count 2 do reset'
	'connect nth 1 do blackhole'
	'login nth 1 do close'
	'login where stage=operational nth 1 do drop'
	'login nth 1 do truncate 30'
	'login nth 1 do garbage 60'
	'login count 2 do refuse with unavailable'
	'login nth 1 do delay 400ms'
)

_rule() {
	WHAT=$1
	_at_target fault add "rule bad on $1" >rules.out
	[ -z "${2-}" ] || _at_target fault add "rule cut on time 0 do reset" >rules.out
	_at_target fault wait bad 'hits>=1' >wait.out || fail "the rule did not strike: $1"
}

_fault_on_the_wire() {
	_rule "${RULES[RANDOM % ${#RULES[@]}]}"
}

_fault_in_the_login() {
	_rule "${LOGIN_RULES[RANDOM % ${#LOGIN_RULES[@]}]}" cut
}



_fault_kill_9() {
	local down=$((RANDOM % 2))
	WHAT="kill -9, restart$([ $down = 0 ] || echo ' after a while')"
	history_losing volatile
	target_kill9
	[ $down = 0 ] || _let_pass $((RANDOM % 1500))
	target_restart
	history_lost volatile
}

_fault_stop() {
	local pid=${PID[target.t]} dials
	WHAT="SIGSTOP until it is noticed"
	dials=$(session_get dials)
	kill -STOP "$pid"
	session_expect "dials>=$((dials + 1))"	# of a link that was up, or of one that was not yet
	kill -CONT "$pid"
}

_fault_stutter() {
	WHAT="SIGSTOP for a moment"
	kill -STOP "${PID[target.t]}"
	_let_pass $((100 + RANDOM % 400))
	kill -CONT "${PID[target.t]}"
}

_crash() {	# CACHE
	local words=("cache=$1")
	[ $((RANDOM % 2)) = 0 ] || words+=("restart_after=$((RANDOM % 900 + 1))ms")
	[ "$1" != part ] || words+=("seed=$RANDOM")
	WHAT="crash ${words[*]}"
	[ "$1" = keep ] || history_losing volatile
	_at_target crash "${words[@]}" >crash.out
	[ "$1" = keep ] || history_lost volatile
}

_fault_crash_keeping() {
	_crash keep
}

_fault_crash_losing() {
	_crash lose
}

_fault_crash_losing_a_part() {
	_crash part
}

# How often each is drawn.
KINDS=(on_the_wire on_the_wire on_the_wire on_the_wire on_the_wire on_the_wire in_the_login
	in_the_login kill_9 kill_9 stop stutter crash_keeping crash_losing crash_losing
	crash_losing_a_part)

# ---- the stage -------------------------------------------------------------------------------

_let_pass() {	# MS: how long a fault lasts
	read -r -t "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))" -u "$IDLE" || :
}

_rss_kb() {
	awk '$1 == "VmRSS:" { print $2 }' "/proc/${PID[mount.m]}/status"
}

# I/O goes on: the mount answers, and what the histories ask is answered.
_recovered() {
	session_expect link=UP gate=OPEN 'link_for_ms>=1000'
	_alive "${PID[volatile]}" || fail "$(cat volatile.log)"
	_alive "${PID[cached]}" || fail "$(cat cached.log)"
}

_summary() {	# SECONDS
	local ms kind
	ms=$(sed -n 's/.*info: LUN works again .*outage_ms=\([0-9]*\).*/\1/p' mount.m*.log | sort -n |
		tail -n 1)
	_tell "$FAULTS faults in $1 s, seed $SEED"
	for kind in "${!STRUCK[@]}"; do
		printf '  %4d  %s\n' "${STRUCK[$kind]}" "$kind"
	done | sort -k 2 >kinds.txt
	_tell "$(cat kinds.txt)"
	session_show >session.txt
	_tell "$(awk -F= '
		$1 ~ /^(losses|outages|power_losses|logins|dials|reads|writes|flushes|errors)$/ {
			if (!seen[$1]++) printf "%s%s %s", n++ ? ", " : "session: ", $1, $2
		}' session.txt)"
	_tell "longest outage ${ms:-0} ms; memory of the mount ${RSS} kB at first, $(_rss_kb) kB at last"
}

# ---- the case -------------------------------------------------------------------------------

# What the disks and the link are like, by the seed
_choose() {
	local blocks=(512 4096) units=(64 128 256 512) digests=(CRC32C None) r2t=(Yes No)
	VOLATILE_BLOCK=${blocks[SEED & 1]}
	CACHED_BLOCK=${blocks[SEED >> 1 & 1]}
	VOLATILE_UNIT=${units[SEED >> 2 & 3]}
	CACHED_UNIT=${units[SEED >> 4 & 3]}
	LINK=("HeaderDigest=${digests[SEED >> 6 & 1]}" "InitialR2T=${r2t[SEED >> 7 & 1]}"
		ImmediateData=No)	# there is always Data-Out
}

_history() {	# NAME LUN UNIT
	history_start "$1" "$(lun_file "$2")" "stable=$1.img" "seed=$SEED" threads=6 pause=10 \
		"unit=$3" max=256
}

declare -A STRUCK
random_faults_lose_nothing() {
	local n kind began=$SECONDS
	SEED=${ISCSIFS_SEED:-$((RANDOM * 32768 + RANDOM))}
	RANDOM=$SEED
	_choose
	note "ISCSIFS_SOAK=$FAULTS ISCSIFS_SEED=$SEED"
	expect_outage
	expect_log 'aborted|took longer|no answer|late'
	expect_log 'perhaps another initiator uses our name'	# it is a link that comes and goes
	truncate -s 64M volatile.img cached.img
	target_start "lun=$CASE_DIR/volatile.img,write-cache=volatile,block=$VOLATILE_BLOCK" \
		"lun=$CASE_DIR/cached.img,block=$CACHED_BLOCK" \
		-- --control "$CASE_DIR/target.sock" --enable-faults
	mount_start replacement_timeout=600 noop_out_interval=$((300 * SLOW))ms \
		noop_out_timeout=$((700 * SLOW))ms login_timeout=$((1000 * SLOW))ms \
		scsi_cmd_timeout=$((1500 * SLOW))ms abort_timeout=500ms lu_reset_timeout=500ms \
		tgt_reset_timeout=500ms time2wait=eager "${LINK[@]}"
	_history volatile 0 "$VOLATILE_UNIT"
	_history cached 1 "$CACHED_UNIT"
	_recovered
	RSS=$(_rss_kb)
	for ((n = 1; n <= FAULTS; n++)); do
		kind=${KINDS[RANDOM % ${#KINDS[@]}]}
		"_fault_$kind"
		STRUCK[$kind]=$((${STRUCK[$kind]-0} + 1))
		_tell "$n/$FAULTS $WHAT"
		[ $((RANDOM % 4)) = 0 ] || _recovered
		_at_target fault clear >rules.out
	done
	_recovered
	history_end volatile >volatile.txt
	history_end cached >cached.txt
	_tell "$(cat volatile.txt cached.txt)"
	_summary $((SECONDS - began))
	expect_equal "errors" "$(session_get errors)" 0
}

run_cases "$@"
