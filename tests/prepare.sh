# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What run-tests, run-demo and bench/run do before their own job: packages and a build. Sourced
# from the top of the source tree; quiet, with a line for each step that takes time.

# shellcheck disable=SC2034	# the lists are for those who source this
build_packages="gcc make libc6-dev linux-libc-dev autoconf automake pkg-config
	libfuse3-dev libiscsi-dev libconfuse-dev nettle-dev libcmocka-dev"
# shellcheck disable=SC2034
demo_packages="fuse3 e2fsprogs fuse2fs"
# shellcheck disable=SC2034
test_packages="tgt libiscsi-bin qemu-utils qemu-block-extra qemu-system-common fio
	socat util-linux xz-utils iproute2 nftables mount python3 shellcheck"

say() {
	printf '%s\n' "$*"
}

# step WORDS…: what is being done; done tells the time it took
step() {
	step_from=$(date +%s)
	if [ -t 1 ]; then printf '%-50s' "$*"; else step_words=$*; fi
}

done_step() {
	step_took=$(($(date +%s) - step_from))
	[ -t 1 ] || printf '%-50s' "$step_words"
	say "$step_took s"
}

# quietly LOG COMMAND…: its words go to the log, the end of it to the screen when it fails
quietly() {
	quiet_log=$1
	shift
	"$@" >"$quiet_log" 2>&1 && return
	say
	say "$* failed; the end of $quiet_log:"
	tail -n 30 "$quiet_log"
	return 1
}

missing_packages() {
	for p in "$@"; do
		case $(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) in
		installed) ;;
		*) printf '%s ' "$p" ;;
		esac
	done
}

# A daemon that comes with a package (tgt) is not started by its installation.
apt_install() {
	export DEBIAN_FRONTEND=noninteractive
	policy=/usr/sbin/policy-rc.d
	if [ -e $policy ]; then policy=; else
		printf '#!/bin/sh\nexit 101\n' >$policy
		chmod 755 $policy
	fi
	rc=0
	{ apt-get -q update && apt-get -q install -y --no-install-recommends "$@"; } || rc=$?
	[ -z "$policy" ] || rm -f $policy
	return $rc
}

# want_packages NAME…: there, or installed, or a message and an exit
want_packages() {
	command -v dpkg-query >/dev/null || return 0	# not Debian: configure will say
	missing=$(missing_packages "$@")
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" != 0 ]; then
		say "These packages are missing; as root:"
		say
		say "    apt-get install --no-install-recommends $missing"
		say
		exit 1
	fi
	mkdir -p build
	step "installing $(echo "$missing" | wc -w) packages"
	# shellcheck disable=SC2086
	quietly build/apt.log apt_install $missing || exit 1
	done_step
}

jobs() {
	nproc 2>/dev/null || echo 2
}

# build_in DIR TARGETS… -- OPTION…: configured with the options and built; nothing is done twice
build_in() {
	dir=$1
	targets=
	shift
	while [ "$1" != -- ]; do
		targets="$targets $1"
		shift
	done
	shift
	mkdir -p "$dir"
	step "building in $dir"
	if [ ! -x configure ] || [ -n "$(find configure.ac -newer configure)" ]; then
		quietly build/bootstrap.log ./bootstrap || return 1
	fi
	if [ ! -e "$dir/Makefile" ] || [ "$(cat "$dir/options" 2>/dev/null)" != "$*" ]; then
		# shellcheck disable=SC2016	# for the inner shell
		quietly "$dir/configure.log" sh -c 'cd "$1" && shift && ../../configure --quiet "$@"' \
			sh "$dir" "$@" || return 1
		echo "$*" >"$dir/options"
	fi
	# One after the other: `all` is a make of its own, two of them would write the same library.
	for target in $targets; do
		quietly "$dir/make-$target.log" make -C "$dir" -j"$(jobs)" --no-print-directory \
			"$target" || return 1
	done
	done_step
}
