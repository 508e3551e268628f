#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Directories are layers: what each may include, and the one door of every foreign header.
# shellcheck source=tests/rules/rules.sh
. "$(dirname "$0")/rules.sh"

# A header in include/iscsifs/ belongs to the directory of the sources that stand with it in a
# library of Makefile.am.
rule_a_layer_includes_only_what_it_may() {
	{
		in_makefile '^lib[a-z_]+_a_SOURCES$' |
			sed -nE -e 's|^(\S+) include/(iscsifs/.*)|header \1 \2|p' \
				-e 's|^(\S+) src/([a-z]+)/.*|library \1 \2|p' | sort -r
		ours c h | grep -E '^(src|include)/' |
			xargs -r grep -nE '^#[[:space:]]*include[[:space:]]*"' /dev/null |
			sed -nE 's/^([^:]*):([0-9]*):[^"]*"([^"]*)".*/include \1 \2 \3/p'
	} | awk '
	BEGIN {
		may["base"] = " base "
		may["scsi"] = " base scsi "
		may["control"] = " base control "
		may["config"] = " base config "
		may["initiator"] = " base scsi config initiator "
		may["fs"] = " base scsi initiator fs "
		may["target"] = " base scsi control config target "
	}
	function layer_of(file,    part) {
		if (file ~ /^include\//)
			return header[substr(file, 9)]
		split(file, part, "/")
		return part[2]
	}
	$1 == "library" { library[$2] = $3; next }
	$1 == "header" { header[$3] = library[$2]; next }
	$4 == "config.h" { next }
	{
		from = layer_of($2)
		if (from == "prog")
			next
		if ($4 ~ /^iscsifs\//)
			to = header[$4]
		else if ($4 ~ /\//) {
			split($4, part, "/")
			to = part[1]
		} else
			to = from
		if (from == "")
			print $2 ":" $3 ": in no library of Makefile.am"
		else if (to == "")
			print $2 ":" $3 ": " $4 " is in no library of Makefile.am"
		else if (!(from in may))
			print $2 ": there is no layer " from
		else if (index(may[from], " " to " ") == 0)
			print $2 ":" $3 ": " from " may not include " $4 " of " to
	}'
}

breaks_a_layer_includes_only_what_it_may() {
	put Makefile.am <<-'END'
	libinitiator_a_SOURCES = \
		include/iscsifs/session.h src/initiator/session.c
	END
	put src/target/login.c <<-'END'
	#include "iscsifs/session.h"
	END
}

# _door REGEX-OF-WHAT WHERE-IT-MAY-BE WHY: lines of src/ and include/ that match, elsewhere
_door() {
	ours c h | grep -E '^(src|include)/' | grep -vE "$2" | xargs -r grep -nE -- "$1" /dev/null |
		sed "s|\$|	($3)|"
}

rule_a_foreign_header_has_one_door() {
	_door 'include.*<iscsi/' '^src/initiator/transport_libiscsi\.h$' 'transport_libiscsi.h'
	_door 'include.*<(fuse|fuse3/|linux/fuse)' '^src/fs/mount(_ops|_impl)?\.[ch]$' 'fs/mount'
	_door 'include.*<confuse\.h>' '^src/config/conf_file\.c$' 'config/conf_file.c'
	_door 'include.*<sys/epoll\.h>' '^src/base/loop\.c$' 'base/loop.c'
}

breaks_a_foreign_header_has_one_door() {
	put src/initiator/session.c <<-'END'
	#include <iscsi/iscsi.h>
	END
}

rule_only_the_clock_reads_the_clock() {
	_door '\b(clock_gettime|gettimeofday|time\(NULL\))' '^src/base/clock\.c$' 'base/clock.c'
}

breaks_only_the_clock_reads_the_clock() {
	put src/fs/tree.c <<-'END'
		clock_gettime(CLOCK_MONOTONIC, &now);
	END
}

rule_only_a_program_exits() {
	_door '(^|[^_a-z.>])_?exit\(' '^src/prog/' 'src/prog'
}

breaks_only_a_program_exits() {
	put src/target/login.c <<-'END'
			exit(1);
	END
}

run_rules "$@"
