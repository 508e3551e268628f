#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
iscsifs-target, spoken to wrongly: in every phase of a connection, every kind of PDU that an
initiator can send, with each bit of its header (so, of each field) flipped once, and where the data
is text, each bit of that, too. Beside it another initiator writes, reads and compares all the time.
The target must live, answer in PDUs that make sense, disturb nobody, and not grow.

usage: bit_flip.py PATH-TO-ISCSIFS-TARGET [CASE...]
"""
import os
import random
import struct
import sys
import tempfile

import target_wire
from target_wire import IQN, NONE, Closed, Initiator, Target, case

target_wire.CASES.clear()
OTHER = IQN + "-of-another"
CHAP = IQN + "-with-chap"
ANSWERS = {0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x31, 0x32, 0x3f}
RSS_GROWTH_KIB = 1024
RSS_GROWTH_SANITIZED_KIB = 65536        # a sanitizer keeps what was freed, up to a limit


def header(op, flags=0x80, lun=0, itt=77, at20=0, cmdsn=1, at28=1, at32=bytes(16)):
    return struct.pack(">BBxxI8sIIII16s", op, flags, 0, struct.pack(">H6x", lun), itt, at20, cmdsn,
                       at28, at32)


def text(**keys):
    return b"".join(b"%s=%s\0" % (k.encode(), v.encode()) for k, v in keys.items())


def login_header(csg, nsg, cmdsn=1, transit=True):
    return struct.pack(">BBBB4x6sHIHHII16x", 0x43, (0x80 | nsg if transit else 0) | csg << 2, 0, 0,
                       b"\x80\0\0\0\0\1", 0, 77, 0, 0, cmdsn, 1)


def rw(op, lba, blocks):
    return struct.pack(">BBQIBB", op, 0, lba, blocks, 0, 0)


# --- what is sent: name, header, data, and whether the data's bits are flipped, too ---

def requests(i):
    """Every PDU of the full feature phase, fit for where @i stands; whatever fits a login, too."""
    n, tag = i.cmdsn, getattr(i, "waiting", 0x1234)
    return [
        ("nop", header(0x40, at20=NONE, cmdsn=n), b"ping", False),
        ("nop with a number", header(0x00, at20=NONE, cmdsn=n), b"ping", False),
        ("read", header(0x01, 0xc1, at20=4096, cmdsn=n, at32=rw(0x88, 0, 8)), b"", False),
        ("write", header(0x01, 0xa1, at20=1024, cmdsn=n, at32=rw(0x8a, 0, 2)), bytes(1024), False),
        ("write without its data", header(0x01, 0x21, at20=8192, cmdsn=n, at32=rw(0x8a, 0, 16)),
         bytes(512), False),
        ("inquiry", header(0x01, 0xc1, at20=255, cmdsn=n, at32=b"\x12\1\x83\0\xff".ljust(16, b"\0")),
         b"", False),
        ("abort", header(0x42, 0x81, at20=tag, cmdsn=n), b"", False),
        ("reset", header(0x42, 0x85, at20=NONE, cmdsn=n), b"", False),
        ("text", header(0x04, at20=NONE, cmdsn=n), text(SendTargets="All"), True),
        ("data-out", header(0x05, itt=getattr(i, "waiting", 77), at20=getattr(i, "ttt", NONE),
                            cmdsn=0), bytes(4096), False),
        ("snack", header(0x50, cmdsn=n), b"", False),
        ("logout", header(0x46, cmdsn=n), b"", False),
        ("login", login_header(1, 3), text(**i.names()), False),
    ]


def flips(head, data, flip_data, step):
    """The PDU as it is, then with each (@step-th) bit wrong."""
    whole = head[:5] + struct.pack(">I", len(data))[1:] + head[8:] + data + bytes(-len(data) % 4)
    yield whole
    for bit in range(0, (len(whole) if flip_data else 48) * 8, step):
        wrong = bytearray(whole)
        wrong[bit // 8] ^= 0x80 >> bit % 8
        yield bytes(wrong)


# --- where the connection stands then ---

def at_first(t):
    return Initiator(t)


def at_second_login(t):
    i = Initiator(t)
    i.login_pdu(1, 3, i.names(), transit=False)
    return i


def at_chap(t):
    i = Initiator(t)
    i.login_pdu(0, 1, {**i.names(CHAP), "AuthMethod": "CHAP"}, transit=False)
    i.login_pdu(0, 1, {"CHAP_A": "5"}, transit=False)
    return i


def at_idle(t):
    i = Initiator(t)
    assert i.login().login_status == 0
    return i


def at_data_out(t):
    """A write waits for data that it asked for."""
    i = at_idle(t)
    i.ready()
    i.waiting = i.command(rw(0x8a, 8, 8), 4096, write=True)
    i.ttt = i.recv().ttt
    return i


def at_discovery(t):
    i = Initiator(t)
    assert i.login(None).login_status == 0
    return i


def swallow(i):
    """Whatever is answered, until the target has seen that nothing more comes, and hangs up."""
    try:
        i.sock.shutdown(1)
        while True:
            p = i.recv()
            assert p.op in ANSWERS, "answered with PDU %02x" % p.op
    except (Closed, OSError):
        i.close()


def speak_wrongly(t, where, pdus, step=1):
    count = 0
    names = [p[0] for p in pdus(where(t))]
    for n, name in enumerate(names):
        i = where(t)
        _, head, data, flip_data = pdus(i)[n]
        for wrong in flips(head, data, flip_data, step):
            try:
                i.sock.sendall(wrong)
            except OSError:
                pass
            swallow(i)
            count += 1
            i = where(t)
        i.close()
        assert t.proc.poll() is None, "%s killed the target" % name
    return count


# --- who must not notice, and how much it may cost ---

class Witness:
    """A process of its own that writes, reads and compares until it is told to stop."""

    def __init__(self, t):
        self.out, told = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.close(self.out)
            os._exit(self.run(t, told))
        os.close(told)

    @staticmethod
    def run(t, told):
        try:
            i = Initiator(t, isid=b"\x80\0\0\0\0\x99", name="iqn.2026-11.example:witness")
            assert i.login(OTHER).login_status == 0
            i.ready()
            assert i.write(0, bytes(1 << 20)) == 0
            rng = random.Random(7)
            while True:
                lba, blocks = rng.randrange(1024), rng.randrange(1, 64)
                data = rng.randbytes(blocks * 512)
                assert i.write(lba, data) == 0 and i.read(lba, blocks) == data
                i.nop()
                os.write(told, b".")
        except BrokenPipeError:
            return 0
        except BaseException as e:      # of any kind: the parent wants to know
            print("# the other session: %r" % e, file=sys.stderr, flush=True)
            return 1

    def stop(self):
        rounds = len(os.read(self.out, 65536))
        os.close(self.out)
        _, status = os.waitpid(self.pid, 0)
        assert status == 0, "the other session was disturbed"
        assert rounds > 10, "the other session did not get on"
        return rounds


def memory_kib(t):
    with open("/proc/%d/status" % t.proc.pid) as f:
        return [int(x.split()[1]) for x in f if x.startswith("VmRSS")][0]


def is_sanitized():
    with open(target_wire.PROGRAM, "rb") as f:
        return b"__asan_init" in f.read()


def undisturbed(where, pdus):
    allowed = RSS_GROWTH_SANITIZED_KIB if is_sanitized() else RSS_GROWTH_KIB
    with tempfile.TemporaryDirectory() as d:
        secret = os.path.join(d, "secret")
        with open(secret, "w", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write("sesame-open-now\n")
        with Target("--target", IQN, "--lun", "ram:1M", "--target", OTHER, "--lun", "ram:1M",
                    "--target", CHAP, "--lun", "ram:1M", "--chap-user", "joe", "--chap-password-file",
                    secret) as t:
            witness = Witness(t)
            i = at_idle(t)
            i.ready()
            assert i.write(0, bytes(1 << 20)) == 0
            i.close()
            speak_wrongly(t, where, pdus, 7)        # what it needs, it has then
            before = memory_kib(t)
            count = speak_wrongly(t, where, pdus)
            grown = memory_kib(t) - before
            rounds = witness.stop()
            print("# %d connections, %d KiB more; the other session: %d rounds" %
                  (count, grown, rounds), flush=True)
            assert grown < allowed, "%d KiB more after %d connections" % (grown, count)
            i = at_idle(t)
            i.ready()
            i.logout()


@case
def the_first_pdu_of_a_connection():
    def pdus(i):
        keys = text(**i.names(), **i.keys)
        return [("login", login_header(1, 3), keys, True),
                ("login, security first", login_header(0, 1), text(**i.names(), AuthMethod="None"),
                 False)] + requests(i)[:-1]
    undisturbed(at_first, pdus)


@case
def the_second_pdu_of_a_login():
    undisturbed(at_second_login, lambda i: [
        ("login", login_header(1, 3, cmdsn=7), text(**i.keys), True),
        ("login, not the last", login_header(1, 3, cmdsn=7, transit=False), text(**i.keys), False)])


@case
def the_answer_to_a_challenge():
    undisturbed(at_chap, lambda i: [
        ("login", login_header(0, 1, cmdsn=7),
         text(CHAP_N="joe", CHAP_R="0x" + "5a" * 16, CHAP_I="7", CHAP_C="0x" + "31" * 16), True)])


@case
def every_request_of_a_session():
    undisturbed(at_idle, requests)


@case
def every_request_while_a_write_waits_for_data():
    undisturbed(at_data_out, requests)


@case
def every_request_of_a_discovery_session():
    undisturbed(at_discovery, requests)


if __name__ == "__main__":
    os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=16"
    target_wire.PROGRAM = sys.argv[1]
    sys.exit(target_wire.main())
