#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
What fault rules do to the bytes on the wire: each PDU that a rule changes, loses or holds back is
looked at by the initiator of target_wire.py.

usage: fault_wire.py PATH-TO-ISCSIFS-TARGET [CASE...]
"""
import socket
import struct
import sys
import time

sys.dont_write_bytecode = True
import target_wire as wire
from target_wire import NONE, RAM, Closed, Initiator, Target, case, ready

wire.CASES.clear()
BLOCK = 512


def faulty(*rules, more=()):
    words = [w for r in rules for w in ("--fault", "rule " + r)]
    return Target(*RAM, "--enable-faults", *words, *more)


def write(i, blocks, data=b"", lba=0, **more):
    cdb = struct.pack(">BBQIBB", 0x8a, 0, lba, blocks, 0, 0)
    return i.command(cdb, blocks * BLOCK, write=True, data=data, **more)


def read(i, blocks, lba=0):
    return i.command(struct.pack(">BBQIBB", 0x88, 0, lba, blocks, 0, 0), blocks * BLOCK, read=True)


def nothing_comes(i, seconds):
    i.sock.settimeout(seconds)
    try:
        i.sock.recv(1, socket.MSG_PEEK)
    except (TimeoutError, socket.timeout):
        return True
    finally:
        i.sock.settimeout(8)
    return False


@case
def fields_of_answers_are_changed_and_digests_fit():
    with faulty("a on answer where op=write nth 1 do set statsn +5, set expcmdsn -1",
                "b on answer where op=write nth 1 do residual over 77, set response 1",
                "c on answer where op=write nth 1 do residual under 78, set status 0x18",
                "d on answer where op=write nth 1 do set itt 0x01020304") as t:
        i = ready(t, HeaderDigest="CRC32C")
        itt = write(i, 1, bytes(BLOCK))
        p = i.recv()
        assert p.itt == itt and p.statsn == i.statsn + 5 and p.expcmdsn == i.cmdsn - 1
        write(i, 1, bytes(BLOCK))
        p = i.recv()
        assert p.flags & 6 == 4 and p.length == 77 and p.bhs[2] == 1
        write(i, 1, bytes(BLOCK))
        p = i.recv()
        assert p.flags & 6 == 2 and p.length == 78 and p.status == 0x18
        write(i, 1, bytes(BLOCK))
        assert i.recv().itt == 0x01020304
        write(i, 1, bytes(BLOCK))
        p = i.recv()
        assert p.status == 0 and p.flags & 6 == 0 and p.itt == i.itt


@case
def the_status_of_a_read_is_changed_where_it_is():
    with faulty("a on answer where op=read nth 1 do residual under 512",
                "b on data-in where op=read nth 5 do set datasn +9, set offset -512") as t:
        i = ready(t, MaxRecvDataSegmentLength="4096")
        read(i, 32)
        first, last = i.recv(), None
        for _ in range(3):
            last = i.recv()
        assert first.flags & 7 == 0 and last.flags & 7 == 3 and last.length == 512
        read(i, 16)
        p = i.recv()
        assert p.datasn == 9 and p.offset == 0xfffffe00
        p = i.recv()
        assert p.datasn == 1 and p.offset == 4096


@case
def digests_are_left_wrong_when_the_rule_says_so():
    for rule in ("set statsn +5", "flip header seed 3", "flip bit 70"):
        for broken in ("", " digest broken"):
            with faulty("a on answer where op=write do " + rule + broken) as t:
                i = ready(t, HeaderDigest="CRC32C", DataDigest="CRC32C")
                write(i, 1, bytes(BLOCK))
                try:
                    i.recv()
                    noticed = False
                except AssertionError as e:
                    noticed = str(e) == "header digest"
                assert noticed == bool(broken), rule + broken


@case
def one_bit_of_data_is_flipped_and_the_same_one_by_seed():
    seen = []
    for broken in ("", "", " digest broken"):
        with faulty("a on data-in where op=read do flip data seed 5" + broken) as t:
            i = ready(t, DataDigest="CRC32C")
            read(i, 8)
            try:
                p = i.recv()
                bits = [n for n in range(len(p.data) * 8) if p.data[n // 8] << n % 8 & 0x80]
                assert len(bits) == 1 and not broken
                seen.append(bits)
            except AssertionError as e:
                assert broken and str(e) == "data digest"
    assert len(seen) == 2 and seen[0] == seen[1]


@case
def r2ts_ask_for_what_the_rule_wants():
    with faulty("a on r2t nth 1 do set offset +4096, set length 0",
                "b on r2t nth 1 do set ttt 7, set itt 9, set r2tsn 3",
                "c on r2t nth 1 do duplicate", "d on r2t nth 1 do drop") as t:
        i = ready(t, ImmediateData="No")
        write(i, 16)
        p = i.recv()
        assert p.op == 0x31 and p.offset == 4096 and p.length == 0
        assert i.tmf(1, tag=i.itt) == 0
        write(i, 16)
        p = i.recv()
        assert (p.ttt, p.itt, p.datasn) == (7, 9, 3)
        write(i, 16)
        a, b = i.recv(), i.recv()
        assert a.op == b.op == 0x31 and a.bhs == b.bhs
        write(i, 16)
        i.nop()
        itt = write(i, 16)
        assert i.settle(itt, bytes(16 * BLOCK))[0] == 0


@case
def data_and_answers_are_lost_and_doubled():
    with faulty("a on data-in where op=read nth 2 do drop",
                "b on answer where op=read nth 2 do drop",
                "c on answer where op=write nth 1 do duplicate") as t:
        i = ready(t, MaxRecvDataSegmentLength="4096")
        read(i, 24)
        assert [(i.recv().datasn) for _ in range(2)] == [0, 2]
        read(i, 16)
        assert i.recv().datasn == 0
        i.nop()
        write(i, 1, bytes(BLOCK))
        a, b = i.recv(), i.recv()
        assert a.op == 0x21 and a.bhs == b.bhs


@case
def a_window_closes_as_it_is_used_and_opens_again():
    with faulty("a on mark shut do window 0 for 1500ms", "b on flush do mark shut",
                more=("--queue-depth", "4")) as t:
        i = ready(t)
        flush = b"\x35".ljust(10, b"\0")
        i.settle(i.command(flush))
        told = None
        for _ in range(3):
            i.command(bytes(6))
            p = i.recv()
            assert told is None or p.maxcmdsn == told, "the window moved"
            told = p.maxcmdsn
        assert told == i.cmdsn - 1, "the window is not closed"
        p = i.recv()
        assert p.op == 0x20 and p.itt == NONE and p.ttt == NONE and p.maxcmdsn == i.cmdsn + 3
        assert i.settle(i.command(bytes(6)))[0] == 0


@case
def a_window_never_goes_back():
    with faulty("a on flush do window 0", more=("--queue-depth", "8")) as t:
        i = ready(t)
        i.command(bytes(6))
        before = i.recv().maxcmdsn
        i.command(b"\x35".ljust(10, b"\0"))
        after = i.recv().maxcmdsn
        assert after >= before and after - before <= 1


@case
def a_rate_is_kept_both_ways():
    with faulty("a on flush do rate 1M", "b on text do rate 1M for 100ms") as t:
        i = ready(t)
        i.settle(i.command(b"\x35".ljust(10, b"\0")))
        begin = time.monotonic()
        status, data, _ = i.settle(read(i, 1024))
        middle = time.monotonic()
        assert status == 0 and len(data) == 1 << 19
        assert i.settle(write(i, 1024), bytes(1 << 19))[0] == 0
        end = time.monotonic()
        assert 0.4 < middle - begin and 0.4 < end - middle, (middle - begin, end - middle)


@case
def a_rate_ends_in_time():
    with faulty("a on flush do rate 1K for 300ms") as t:
        i = ready(t)
        i.settle(i.command(b"\x35".ljust(10, b"\0")))
        begin = time.monotonic()
        assert i.settle(read(i, 256))[0] == 0  # two minutes at that rate
        assert time.monotonic() - begin < 8


@case
def slices_come_apart():
    with faulty("a on connect do slice 10") as t:
        i = Initiator(t)
        assert i.login().login_status == 0
        i.ready()
        read(i, 1)
        longest = 0
        got = 0
        while got < 48 + BLOCK:
            part = i.sock.recv(4096)
            got, longest = got + len(part), max(longest, len(part))
        assert longest < 200, "one of %d bytes" % longest


@case
def a_stall_hears_and_says_nothing():
    with faulty("a on flush do stall for 600ms") as t:
        i = ready(t)
        i.command(b"\x35".ljust(10, b"\0"))
        itt = write(i, 1, b"x" * BLOCK)
        assert nothing_comes(i, 0.3)
        p = i.recv()
        assert p.op == 0x21 and p.itt == itt - 1
        p = i.recv()
        assert p.itt == itt and p.status == 0


@case
def task_management_is_refused():
    with faulty("a on tmf where function=abort-task do refuse with no-task",
                "b on tmf where function=lun-reset do refuse with not-authorized",
                "c on tmf where function=target-warm-reset do refuse with rejected") as t:
        i = ready(t, ImmediateData="No")
        itt = write(i, 1)
        p = i.recv()
        assert i.tmf(1, tag=itt) == 1 and i.tmf(5) == 6 and i.tmf(6) == 255
        i.data_out(itt, p.ttt, 0, 0, bytes(BLOCK), True)
        assert i.settle(itt)[0] == 0, "the task was ended"


@case
def task_management_comes_late_and_holds_nothing_up():
    with faulty("a on tmf do late 500ms") as t:
        i = ready(t, ImmediateData="No")
        itt = write(i, 1)
        assert i.recv().op == 0x31
        begin = time.monotonic()
        i.request(2, 0x81, (bytes(8), struct.pack(">I", itt), bytes(16)), immediate=True)
        i.nop()
        assert time.monotonic() - begin < 0.4
        p = i.recv()
        assert p.op == 0x22 and p.bhs[2] == 0 and time.monotonic() - begin >= 0.5


@case
def what_is_late_when_its_connection_ends_is_forgotten():
    with faulty("a on tmf do late 300ms") as t:
        i = ready(t)
        for _ in range(80):
            i.request(2, 0x85, (bytes(8), bytes(4), bytes(16)), immediate=True)
        i.nop()
        i.close()
        i = ready(t)
        assert nothing_comes(i, 0.5)


@case
def task_management_is_not_answered():
    with faulty("a on tmf nth 1 do withhold", "b on tmf nth 1 do drop") as t:
        i = ready(t, ImmediateData="No")
        for there in (False, True):
            itt = write(i, 1)
            ttt = i.recv().ttt
            i.request(2, 0x81, (bytes(8), struct.pack(">I", itt), bytes(16)), immediate=True)
            i.nop()
            i.data_out(itt, ttt, 0, 0, bytes(BLOCK), True)
            if there:
                assert i.settle(itt)[0] == 0
            i.nop()


@case
def a_pretended_write_is_not_there():
    with faulty("a on write nth 1 do pretend") as t:
        i = ready(t)
        assert i.settle(write(i, 16, b"x" * BLOCK * 8), b"x" * BLOCK * 16)[0] == 0
        assert i.settle(read(i, 16))[1] == bytes(16 * BLOCK)
        assert i.settle(write(i, 16, b"x" * BLOCK * 8), b"x" * BLOCK * 16)[0] == 0
        assert i.settle(read(i, 16))[1] == b"x" * BLOCK * 16


@case
def a_forgotten_session_holds_nothing_and_says_nothing():
    with faulty("a on flush do forget session") as t:
        i, other = ready(t), Initiator(t, isid=b"\x80\0\0\0\0\2")
        other.login()
        other.ready()
        assert i.settle(i.command(b"\x16" + bytes(5)))[0] == 0
        assert other.settle(other.command(bytes(6)))[0] == 0x18
        i.command(b"\x35".ljust(10, b"\0"))
        assert nothing_comes(i, 0.3)
        assert other.settle(other.command(bytes(6)))[0] == 0, "its reservation is there"
        i.request(0, 0x80, (bytes(8), struct.pack(">I", NONE), bytes(16)), immediate=True)
        assert nothing_comes(i, 0.3)
        ready(t).nop()


@case
def async_messages_and_pings_come():
    with faulty("a on flush do async scsi 6/3f/0e, async renegotiate, async vendor, ping") as t:
        i = ready(t)
        i.command(b"\x35".ljust(10, b"\0"))
        p = i.recv()
        assert p.op == 0x32 and p.bhs[36] == 0
        assert p.data[2] & 0x7f == 0x70 and p.data[4] == 6 and p.data[14:16] == b"\x3f\x0e"
        p = i.recv()
        assert p.op == 0x32 and p.bhs[36] == 4 and p.bhs[42:44] == b"\0\1"
        p = i.recv()
        assert p.op == 0x32 and p.bhs[36] == 255
        p = i.recv()
        assert p.op == 0x20 and p.itt == NONE and p.ttt != NONE
        assert i.recv().itt == i.itt
        i.nop()


if __name__ == "__main__":
    wire.PROGRAM = sys.argv[1]
    sys.exit(wire.main())
