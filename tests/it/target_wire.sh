#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# iscsifs-target and an initiator that does what libiscsi cannot: the cases are in target_wire.py.
if ! command -v python3 >/dev/null; then
	echo "ok 1 - target_wire # SKIP python3 is not installed"
	exit 77
fi
exec python3 "$(dirname "$0")/target_wire.py" "${ISCSIFS_BUILD:-.}/iscsifs-target" "$@"
