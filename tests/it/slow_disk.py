#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
A target with a disk that waits (LUN 0) and one that does not (LUN 1). Nothing here is timed: what
has to wait must be answered after what was asked later and need not.

usage: slow_disk.py PATH-TO-ISCSIFS-TARGET SLOW-FILE CASE
"""
import random
import struct
import sys

import target_wire
from target_wire import IQN, Initiator, Target, copy_list

BLOCK = 512


def rw(op, lba, blocks, flags=0):
    return struct.pack(">BBQIBB", op, flags, lba, blocks, 0, 0)


def start(t, isid=b"\x80\0\0\0\0\1"):
    i = Initiator(t, isid=isid)
    i.sock.settimeout(60)
    assert i.login(InitialR2T="No").login_status == 0
    for lun in (0, 1):
        while i.settle(i.command(bytes(6), lun=lun))[0]:
            pass
    return i


def slow_target(path):
    return Target("--target", IQN, "--lun", path, "--lun", "ram:64M", "--ping-interval", "0")


def warm_up(i):
    """The target has seen that its disk waits, and will know for a while."""
    assert i.settle(i.command(rw(0x88, 0, 1), BLOCK, read=True))[0] == 0
    assert i.settle(i.command(rw(0x8a, 0, 1), BLOCK, write=True, data=bytes(BLOCK)))[0] == 0


def passes(i, other, name, itt, out=b""):
    """@itt waits: both initiators are served before it is answered."""
    other.nop()
    assert other.settle(other.command(rw(0x88, 0, 64), 64 * BLOCK, read=True, lun=1))[0] == 0
    try:
        i.nop()
    except AssertionError:
        raise AssertionError(name + " was answered before what came after it") from None
    status, data, _ = i.settle(itt, out)
    assert status == 0, "%s: status %02x, sense %s" % (name, status, i.sense.hex())
    return data


def every_command_lets_others_pass(path):
    data = random.Random(1).randbytes(64 * BLOCK)
    with slow_target(path) as t:
        i, other = start(t), start(t, b"\x80\0\0\0\0\2")

        def out(name, cdb, what):
            warm_up(i)
            passes(i, other, name, i.command(cdb, len(what), write=True, data=what))

        def read(lba, blocks):
            return passes(i, other, "read",
                          i.command(rw(0x88, lba, blocks), blocks * BLOCK, read=True))

        warm_up(i)
        out("write", rw(0x8a, 8, 64), data)
        assert read(8, 64) == data
        out("verify", rw(0x8f, 8, 64, 2), data)
        out("write and verify", rw(0x8e, 100, 8), data[:8 * BLOCK])
        out("or", rw(0x8b, 100, 8), data[:8 * BLOCK])
        assert read(100, 8) == data[:8 * BLOCK]
        out("write same", rw(0x93, 200, 64), data[:BLOCK])
        assert read(200, 64) == data[:BLOCK] * 64
        out("verify same", rw(0x8f, 200, 64, 6), data[:BLOCK])
        out("write same of zeros", rw(0x93, 200, 64), bytes(BLOCK))
        assert read(200, 64) == bytes(64 * BLOCK)
        caw = struct.pack(">BBQ3xBBB", 0x89, 0, 8, 1, 0, 0)
        out("compare and write", caw, data[:BLOCK] + data[BLOCK:2 * BLOCK])
        assert read(8, 2) == data[BLOCK:2 * BLOCK] * 2
        unmap = struct.pack(">HH4xQI4x", 22, 16, 8, 8)
        out("unmap", struct.pack(">BB5xHB", 0x42, 0, len(unmap), 0), unmap)
        assert read(8, 9) == bytes(8 * BLOCK) + data[8 * BLOCK:9 * BLOCK]
        cdb, what = copy_list(i, 0, 1, [(16, 1000, 32)])
        out("copy", cdb, what)
        assert i.settle(i.command(rw(0x88, 1000, 8), 8 * BLOCK, read=True,
                                  lun=1))[1] == data[8 * BLOCK:16 * BLOCK]
        # What fails there fails as it does here.
        itt = i.command(caw, 2 * BLOCK, write=True, data=b"x" * 2 * BLOCK)
        other.nop()
        i.nop()
        assert i.settle(itt)[0] == 2 and i.sense[2] & 15 == 14, "no miscompare"


def what_was_aborted_is_not_written_later(path):
    with slow_target(path) as t:
        i = start(t)
        for how in (1, 5):
            warm_up(i)
            itt = i.command(rw(0x8a, 8, 8), 8 * BLOCK, write=True, data=b"a" * 8 * BLOCK)
            i.nop()
            assert i.tmf(how, tag=itt) == 0
            if how == 5:
                assert i.ready() == (0x29, 3)
            new = i.command(rw(0x8a, 12, 8), 8 * BLOCK, write=True, data=b"b" * 8 * BLOCK)
            read = i.command(rw(0x88, 12, 8), 8 * BLOCK, read=True)
            answers = {}
            while len(answers) < 2:         # in any order, unless the read was sent too early
                p = i.recv()
                answers[p.itt] = p.data if p.op == 0x25 else p.status
            assert answers[new] == 0 and read in answers
            assert i.settle(i.command(rw(0x88, 12, 8), 8 * BLOCK, read=True))[1] == b"b" * 8 * BLOCK
            i.ready()


def what_a_dead_session_wrote_comes_before_the_next_one(path):
    with slow_target(path) as t:
        i = start(t)
        for n in range(6):
            warm_up(i)
            for at in range(4):
                i.command(rw(0x8a, 8 + at, 8), 8 * BLOCK, write=True, data=b"old." * 1024)
            i.nop()                         # all of them are under way
            i.sock.close()
            i = start(t)
            new = bytes((n,)) * 16 * BLOCK
            assert i.settle(i.command(rw(0x8a, 4, 16), 16 * BLOCK, write=True, data=new))[0] == 0
            assert i.settle(i.command(rw(0x88, 4, 16), 16 * BLOCK, read=True))[1] == new


def large_writes_go_through_small_buffers(path):
    data = random.Random(2).randbytes(5 << 20)
    with slow_target(path) as t:
        i = start(t)
        for op, size in ((0x8a, 5 << 20), (0x8a, (3 << 20) + BLOCK), (0x8f, (3 << 20) + BLOCK)):
            warm_up(i)
            cdb = rw(op, 64, size // BLOCK, 2 if op == 0x8f else 0)
            itt = i.command(cdb, size, write=True, final=False)
            i.send_sequence(itt, 0xffffffff, 0, data[:65536], 8192)
            status, _, residual = i.settle(itt, data)
            assert status == 0 and residual == 0
        itt = i.command(rw(0x88, 64, 10240), 5 << 20, read=True)
        assert i.settle(itt)[1] == data


if __name__ == "__main__":
    target_wire.PROGRAM = sys.argv[1]
    globals()[sys.argv[3]](sys.argv[2])
