#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The target's faults, byte by byte, seen by an initiator of our own: the cases are in fault_wire.py.
if ! command -v python3 >/dev/null; then
	echo "ok 1 - fault_wire # SKIP python3 is not installed"
	exit 77
fi
exec python3 "$(dirname "$0")/fault_wire.py" "${ISCSIFS_BUILD:-.}/iscsifs-target" "$@"
