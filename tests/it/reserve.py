#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Another host, that reserves: log in, send PERSISTENT RESERVE OUT commands, log out.

usage: reserve.py HOST:PORT IQN ACTION[:TYPE[:KEY[:OTHER-KEY]]]...
"""
import sys

import target_wire


class There:
    def __init__(self, where):
        host, port = where.rsplit(":", 1)
        self.address = (host, int(port))


def main():
    host = target_wire.Initiator(There(sys.argv[1]), isid=b"\x80\0\0\0\0\x99",
                                 name="iqn.2026-11.example:other-host")
    assert host.login(sys.argv[2]).login_status == 0
    host.ready()
    for word in sys.argv[3:]:
        action, *numbers = word.split(":")
        status = target_wire.pr_out(host, action, *map(int, numbers))
        if status:
            sys.exit("%s: status %02x" % (word, status))
    host.logout()


main()
