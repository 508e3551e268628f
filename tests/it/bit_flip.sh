#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# iscsifs-target and an initiator that gets every bit wrong once: the cases are in bit_flip.py.
if ! command -v python3 >/dev/null; then
	echo "ok 1 - bit_flip # SKIP python3 is not installed"
	exit 77
fi
exec python3 "$(dirname "$0")/bit_flip.py" "${ISCSIFS_BUILD:-.}/iscsifs-target" "$@"
