#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The harness itself: what it says of cases that fail, hang or leave things behind.
# shellcheck source=tests/it/functions.sh
. "$(dirname "$0")/functions.sh"

# _inner_suite NAME <<body: a test file of its own, run; its answer in inner.out, code in $INNER
_inner_suite() {
	{
		echo ". $SRCDIR/tests/it/functions.sh"
		cat
		echo 'run_cases "$@"'
	} >inner.sh
	INNER=0
	env -u CASE -u CASE_DIR -u ISCSIFS_ONLY ISCSIFS_BUILD="$BUILD" ISCSIFS_SLOW=1 TMPDIR="$PWD" \
		bash inner.sh >inner.out 2>&1 || INNER=$?
	cat inner.out
}

a_failing_case_is_counted_and_tells_how_to_run_it_again() {
	_inner_suite <<-'END'
		it_is_well_known() {
			:
		}
		one_is_not_two() {
			expect_equal "one" 1 2
			note "not reached"
		}
	END
	expect_equal "exit code" "$INNER" 1
	expect "passes" grep -q '^ok 1 - it_is_well_known$' inner.out
	expect "fails" grep -q '^not ok 2 - one_is_not_two$' inner.out
	expect "why" grep -q "one is '1', not '2'" inner.out
	expect "how again" grep -q 'again: .* one_is_not_two$' inner.out
	expect_not "the rest" grep -q 'not reached' inner.out
}

a_skipped_case_says_why() {
	_inner_suite <<-'END'
		it_needs_the_moon() {
			need the-moon-program
		}
	END
	expect_equal "exit code" "$INNER" 77
	expect "why" grep -q '# SKIP the-moon-program is not installed$' inner.out
}

a_hanging_case_is_ended() {
	_inner_suite <<-'END'
		CASE_LIMIT[it_never_ends]=1
		it_never_ends() {
			tail -f /dev/null
		}
	END
	expect_equal "exit code" "$INNER" 1
	expect "why" grep -q 'not over after 1 s' inner.out
}

what_a_case_leaves_behind_is_taken_away() {
	_inner_suite <<-'END'
		it_leaves_a_process() {
			spawn left tail -f /dev/null
			echo "${PID[left]}" >"$TMPDIR/left.pid"
			undo touch "$TMPDIR/undone"
			fail "on purpose"
		}
	END
	expect "the undo ran" test -e undone
	expect "the process is gone" _gone "$(cat left.pid)"
}

what_goes_to_the_background_is_found_and_fails_the_case() {
	_inner_suite <<-'END'
		it_leaves_a_daemon() {
			setsid tail -f /dev/null &
			tail -f /dev/null &
		}
	END
	expect_equal "exit code" "$INNER" 1
	expect_equal "found" "$(grep -c 'left running: tail -f /dev/null' inner.out)" 2
}

each_case_that_wants_it_has_a_fuse_device_of_its_own() {
	local mode
	mode=$(stat -c %a /dev/fuse)
	fuse_mode 642
	expect_equal "mode" "$(stat -c %a /dev/fuse)" 642
	expect_equal "mode outside" "$(nsenter -t $PPID -m stat -c %a /dev/fuse)" "$mode"
}

a_warning_nobody_announced_fails_the_case() {
	_inner_suite <<-'END'
		one_is_announced() {
			expect_log "link lost"
			echo "12:00:00.000 warn: link lost, reconnecting" >a.log
		}
		one_is_not() {
			echo "12:00:00.000 warn: link lost, reconnecting" >a.log
		}
	END
	expect "announced" grep -q '^ok 1 - one_is_announced' inner.out
	expect "not announced" grep -q '^not ok 2 - one_is_not' inner.out
}

a_pattern_tells_old_blocks_from_damaged_ones() {
	truncate -s 1M f
	pattern_write f seed=7 blocks=0..99 io=4 order=mixed
	pattern_check f seed=7 blocks=0..99
	pattern_write f seed=7 gen=2 blocks=0..49 shift=0 io=3 order=down sync=end
	expect_not "an old block" pattern_check f seed=7 gen=2 blocks=0..50 >said
	expect "old" grep -q 'byte 25600: .* it is of generation 1, not 2' said
	printf x | dd of=f bs=1 seek=300 conv=notrunc status=none
	expect_not "a damaged block" pattern_check f seed=7 gen=2 blocks=0..49 >said
	expect "damaged" grep -q 'byte 0: block is wrong from its byte 300, 1 bytes differ' said
}

tgtd_keeps_its_port_over_a_restart() {
	local port
	need iscsi-ls
	tgtd_start
	port=${TARGET_PORT[t]}
	expect "login" iscsi-ls -s "$(target_url t -)"
	target_kill9
	target_restart
	expect_equal "port" "${TARGET_PORT[t]}" "$port"
	iscsi-ls -s "$(target_url t -)" >ls.out
	expect "its LUN" grep -q 'Lun:1 .*DIRECT_ACCESS' ls.out
}

run_cases "$@"
