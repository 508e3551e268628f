#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
iscsifs-target, spoken to by an initiator that libiscsi cannot be: every InitialR2T, ImmediateData
and digest combination, PDUs that are wrong on purpose, CHAP attacks, silence.

usage: target_wire.py PATH-TO-ISCSIFS-TARGET [CASE...]
"""
import base64
import hashlib
import itertools
import os
import random
import resource
import select
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

IQN = "iqn.2026-11.example:disk"
NONE = 0xffffffff
CRC_TABLE = []
for _i in range(256):
    _c = _i
    for _ in range(8):
        _c = _c >> 1 ^ (0x82f63b78 if _c & 1 else 0)
    CRC_TABLE.append(_c)


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 0xff]
    return struct.pack("<I", crc ^ 0xffffffff)


class Closed(Exception):
    pass


class Target:
    """A target process of one case's own."""

    def __init__(self, *args, limits=()):
        self.dir = tempfile.TemporaryDirectory()
        self.log = os.path.join(self.dir.name, "log")
        self.proc = subprocess.Popen(
            [PROGRAM, "-f", "-d", "--log-file", self.log, "--listen", "127.0.0.1:0", *args],
            stdout=subprocess.PIPE, text=True,
            preexec_fn=lambda: [resource.setrlimit(*limit) for limit in limits])
        line = self.proc.stdout.readline()
        assert line.startswith("listening "), line
        host, port = line.split()[1].rsplit(":", 1)
        self.address = (host, int(port))

    def path(self, name, size=None, text=None):
        path = os.path.join(self.dir.name, name)
        with open(path, "w", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write(text or "")
            if size:
                f.truncate(size)
        return path

    def stop(self):
        self.proc.terminate()
        code = self.proc.wait(10)
        assert code == 0, "the target ended with %d:\n%s" % (code, open(self.log, errors="replace").read()[-2000:])

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.proc.kill()
            self.proc.wait()
            print(open(self.log, errors="replace").read()[-3000:], file=sys.stderr)
        else:
            assert self.proc.poll() is None, "the target died:\n" + open(self.log, errors="replace").read()[-3000:]
            self.stop()
        self.dir.cleanup()


class Pdu:
    def __init__(self, bhs, data):
        self.bhs, self.data = bhs, data
        self.op, self.flags = bhs[0] & 0x3f, bhs[1]
        (self.itt, self.ttt, self.statsn, self.expcmdsn, self.maxcmdsn, self.datasn, self.offset,
         self.length) = struct.unpack(">8I", bhs[16:48])
        self.status = bhs[3]
        self.login_status = struct.unpack(">H", bhs[36:38])[0]

    def text(self):
        pairs = [p.split("=", 1) for p in self.data.decode().split("\0") if p]
        return dict(pairs)


class Initiator:
    def __init__(self, target, isid=b"\x80\0\0\0\0\1", name="iqn.2026-11.example:me"):
        self.sock = socket.create_connection(target.address, timeout=8)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.isid, self.name = isid, name
        self.cmdsn, self.itt, self.statsn, self.tsih = 7, 100, 1, 0
        self.header_digest = self.data_digest = False
        self.keys = {"InitialR2T": "Yes", "ImmediateData": "Yes", "MaxBurstLength": "262144",
                     "FirstBurstLength": "65536", "MaxOutstandingR2T": "1"}

    def close(self):
        self.sock.close()

    # --- bytes ---

    def send(self, bhs, data=b"", spoil_header=False, spoil_data=False):
        bhs = bhs[:5] + struct.pack(">I", len(data))[1:] + bhs[8:]
        out = bhs
        if self.header_digest:
            out += crc32c(b"x" + bhs if spoil_header else bhs)
        padded = data + b"\0" * (-len(data) % 4)
        out += padded
        if self.data_digest and data:
            out += crc32c(b"x" + padded if spoil_data else padded)
        self.sock.sendall(out)

    def take(self, n):
        got = b""
        while len(got) < n:
            try:
                part = self.sock.recv(n - len(got))
            except ConnectionResetError:
                raise Closed from None
            if not part:
                raise Closed
            got += part
        return got

    def recv(self):
        bhs = self.take(48)
        if self.header_digest:
            assert self.take(4) == crc32c(bhs), "header digest"
        n = struct.unpack(">I", b"\0" + bhs[5:8])[0]
        data = self.take(n + -n % 4)
        if self.data_digest and n:
            assert self.take(4) == crc32c(data), "data digest"
        return Pdu(bhs, data[:n])

    def closes(self):
        try:
            while True:
                self.recv()
        except Closed:
            return True

    # --- login ---

    def login_pdu(self, csg, nsg, keys, transit=True, flags=None, version=0, tsih=None):
        data = b"".join(b"%s=%s\0" % (k.encode(), v.encode()) for k, v in keys.items())
        self.login_raw(csg, nsg, data, transit, flags, version, tsih)
        return self.recv()

    def login_raw(self, csg, nsg, data, transit=True, flags=None, version=0, tsih=None):
        if flags is None:
            flags = (0x80 | nsg if transit else 0) | csg << 2
        tsih = self.tsih if tsih is None else tsih
        bhs = struct.pack(">BBBB4x6sHIHHII16x", 0x43, flags, version, version, self.isid, tsih,
                          self.itt, 0, 0, self.cmdsn, self.statsn)
        self.send(bhs, data)

    def names(self, target=IQN):
        keys = {"InitiatorName": self.name}
        if target:
            keys.update(SessionType="Normal", TargetName=target)
        else:
            keys.update(SessionType="Discovery")
        return keys

    def login(self, target=IQN, **more):
        keys = self.names(target)
        if target:
            keys.update(self.keys)
        keys.update(more)
        r = self.login_pdu(1, 3, keys)
        if r.login_status == 0:
            assert r.flags == 0x87, "login answered with flags %02x" % r.flags
            self.answer = r.text()
            self.header_digest = self.answer.get("HeaderDigest") == "CRC32C"
            self.data_digest = self.answer.get("DataDigest") == "CRC32C"
            self.tsih = struct.unpack(">H", r.bhs[14:16])[0]
            assert self.tsih
            self.statsn = r.statsn + 1
        return r

    # --- commands ---

    def request(self, op, flags, fields, data=b"", immediate=False, cmdsn=None, **spoil):
        """@fields: bytes 8..24 without the ITT are lun (8), then 4 bytes at 20, then 16 at 32."""
        lun, at20, at32 = fields
        self.itt += 1
        n = self.cmdsn if cmdsn is None else cmdsn
        bhs = struct.pack(">BBxxI8sI4sII16s", op | (0x40 if immediate else 0), flags, 0, lun,
                          self.itt, at20, n, self.statsn, at32)
        self.send(bhs, data, **spoil)
        if not immediate and cmdsn is None:
            self.cmdsn += 1
        return self.itt

    def command(self, cdb, edtl=0, read=False, write=False, data=b"", final=True, lun=0, **more):
        flags = (0x80 if final else 0) | (0x40 if read else 0) | (0x20 if write else 0) | 1
        where = struct.pack(">H6x", lun if lun < 256 else 0x4000 | lun)
        return self.request(1, flags, (where, struct.pack(">I", edtl), cdb.ljust(16, b"\0")), data,
                            **more)

    def data_out(self, itt, ttt, sn, offset, data, final, lun=0, **spoil):
        bhs = struct.pack(">BBxxI8sII4xI4xIII", 5, 0x80 if final else 0, 0,
                          struct.pack(">H6x", lun), itt, ttt, self.statsn, sn, offset, 0)
        self.send(bhs, data, **spoil)

    def settle(self, itt, out=b"", piece=8192, unsolicited=0):
        """Serve R2Ts from @out until @itt is answered. Returns (status, data in, residual)."""
        got, expect_sn, r2ts = bytearray(), 0, 0
        while True:
            p = self.recv()
            assert p.itt == itt, "an answer for %x, not %x" % (p.itt, itt)
            if p.op == 0x31:
                assert p.datasn == r2ts, "R2TSN"
                r2ts += 1
                self.send_sequence(itt, p.ttt, p.offset, out[p.offset:p.offset + p.length], piece)
            elif p.op == 0x25:
                assert p.datasn == expect_sn and p.offset == len(got), "Data-In out of order"
                expect_sn += 1
                got += p.data
                if p.flags & 1:
                    self.statsn = p.statsn + 1
                    return p.status, bytes(got), self.residual(p)
            else:
                assert p.op == 0x21, "PDU %02x" % p.op
                self.statsn = p.statsn + 1
                self.sense = p.data[2:]
                return p.status, bytes(got), self.residual(p)

    def send_sequence(self, itt, ttt, offset, data, piece):
        for sn, at in enumerate(range(0, len(data), piece)):
            part = data[at:at + piece]
            self.data_out(itt, ttt, sn, offset + at, part, at + len(part) == len(data))

    @staticmethod
    def residual(p):
        return {0: 0, 2: -p.length, 4: p.length}[p.flags & 6]

    def ready(self):
        """Until unit attentions are gone. Returns the first."""
        first = None
        while True:
            status, _, _ = self.settle(self.command(bytes(6)))
            if status == 0:
                return first
            first = first or (self.sense[12], self.sense[13])

    def write(self, lba, data, piece=8192, lun=0):
        """The way that the negotiated keys tell."""
        blocks = len(data) // 512
        cdb = struct.pack(">BBQIBB", 0x8a, 0, lba, blocks, 0, 0)
        first = min(int(self.answer.get("FirstBurstLength", 65536)), len(data))
        sent = min(first, 4096) if self.answer["ImmediateData"] == "Yes" else 0
        more = self.answer["InitialR2T"] == "No" and first > sent
        itt = self.command(cdb, len(data), write=True, data=data[:sent], final=not more, lun=lun)
        if more:
            self.send_sequence(itt, NONE, sent, data[sent:first], piece)
        return self.settle(itt, data, piece)[0]

    def read(self, lba, blocks):
        cdb = struct.pack(">BBQIBB", 0x88, 0, lba, blocks, 0, 0)
        status, data, residual = self.settle(self.command(cdb, blocks * 512, read=True))
        assert status == 0 and residual == 0, (status, residual)
        return data

    def nop(self, data=b"ping"):
        itt = self.request(0, 0x80, (bytes(8), struct.pack(">I", NONE), bytes(16)), data,
                           immediate=True)
        p = self.recv()
        assert p.op == 0x20 and p.itt == itt and p.data == data

    def tmf(self, function, lun=0, tag=0):
        self.request(2, 0x80 | function, (struct.pack(">H6x", lun), struct.pack(">I", tag),
                                          bytes(16)), immediate=True)
        p = self.recv()
        assert p.op == 0x22, "PDU %02x" % p.op
        return p.bhs[2]

    def text(self, **keys):
        data = b"".join(b"%s=%s\0" % (k.encode(), v.encode()) for k, v in keys.items())
        self.request(4, 0x80, (bytes(8), struct.pack(">I", NONE), bytes(16)), data)
        return self.recv()

    def logout(self):
        self.request(6, 0x80, (bytes(8), bytes(4), bytes(16)), immediate=True)
        p = self.recv()
        assert p.op == 0x26 and p.bhs[2] == 0, "logout answered %d" % p.bhs[2]
        assert self.closes()


RAM = ("--target", IQN, "--lun", "ram:64M")
CASES = []
SANITIZED = os.environ.get("ISCSIFS_SLOW", "1") != "1"


def case(f):
    CASES.append(f)
    return f


def ready(target, **more):
    i = Initiator(target)
    i.keys.update(more)
    r = i.login()
    assert r.login_status == 0, "login status %04x" % r.login_status
    i.ready()
    return i


@case
def every_way_to_write_is_read_back():
    rng = random.Random(1)
    sizes = (512, 4096, 4608, 65536, 66048, 300032, 1 << 20)
    with Target(*RAM) as t:
        ways = itertools.product(("Yes", "No"), ("Yes", "No"), ("None", "CRC32C"),
                                 (("262144", "65536", "1"), ("4096", "512", "4"),
                                  ("65536", "65536", "8")))
        for r2t, imm, digest, (burst, first, outstanding) in ways:
            i = ready(t, InitialR2T=r2t, ImmediateData=imm, HeaderDigest=digest,
                      DataDigest=digest, MaxBurstLength=burst, FirstBurstLength=first,
                      MaxOutstandingR2T=outstanding)
            assert i.answer["InitialR2T"] == r2t and i.answer["ImmediateData"] == imm
            for n, size in enumerate(sizes if digest == "None" else sizes[:5]):
                data = rng.randbytes(size)
                assert i.write(n * 4096, data, piece=rng.choice((512, 4096, 8192))) == 0
                assert i.read(n * 4096, size // 512) == data, (r2t, imm, digest, burst, size)
            i.logout()


@case
def files_are_written_and_read_back():
    with tempfile.NamedTemporaryFile() as f:
        f.truncate(8 << 20)
        with Target("--target", IQN, "--lun", f.name + ",write-cache=off") as t:
            i = ready(t, InitialR2T="No")
            data = random.Random(2).randbytes(1 << 20)
            assert i.write(3, data) == 0
            assert i.read(3, 2048) == data
            f.seek(3 * 512)
            assert f.read(1 << 20) == data
            os.truncate(f.name, 4096)
            cdb = struct.pack(">BBQIBB", 0x88, 0, 100, 1, 0, 0)
            status, _, _ = i.settle(i.command(cdb, 512, read=True))
            assert status == 2 and i.sense[2] == 3 and i.sense[12] == 0x11, "no medium error"
            assert i.sense[0] == 0xf0 and i.sense[3:7] == struct.pack(">I", 100), "not its LBA"


@case
def a_backing_store_that_is_full_is_told():
    with tempfile.NamedTemporaryFile() as f:
        f.truncate(8 << 20)
        with Target("--target", IQN, "--lun", f.name,
                    limits=[(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))]) as t:
            i = ready(t)
            assert i.write(0, bytes(4096)) == 0
            assert i.write(8192, b"x" * 65536) == 2
            assert (i.sense[2], i.sense[12], i.sense[13]) == (7, 0x27, 0x07)
            assert i.write(0, bytes(4096)) == 0
            i.nop()


@case
def who_comes_when_descriptors_are_out_is_turned_away():
    with Target(*RAM, limits=[(resource.RLIMIT_NOFILE, (20, 20))]) as t:
        first = ready(t)
        more = [socket.create_connection(t.address, timeout=5) for _ in range(30)]
        assert more[-1].recv(1) == b"", "not turned away"
        first.nop()
        for s in more:
            s.close()
        Initiator(t, isid=b"\x80\0\0\0\0\2").login()


@case
def parameter_lists_are_held_up_to_a_limit():
    with Target(*RAM) as t:
        i = ready(t)
        cdb = struct.pack(">BBQ3xBBB", 0x89, 0, 0, 32, 0, 0)
        statuses = []
        for _ in range(128):
            itt = i.command(cdb, 32768, write=True)
            p = i.recv()
            statuses.append(0 if p.op == 0x31 else p.status)
        assert statuses == [0] * 128
        unmap = struct.pack(">BB5xHB", 0x42, 0, 65528, 0)
        i.tmf(5)
        i.ready()
        statuses = []
        for _ in range(100):
            i.command(unmap, 65528, write=True)
            p = i.recv()
            statuses.append(0 if p.op == 0x31 else p.status)
        assert statuses == [0] * 64 + [0x28] * 36, statuses
        i.tmf(5)
        i.ready()
        assert i.write(0, bytes(4096)) == 0


@case
def keys_are_answered_as_the_standard_says():
    with Target(*RAM) as t:
        i = Initiator(t)
        i.login(**{"HeaderDigest": "CRC32C,None", "DataDigest": "SHA,None", "MaxConnections": "8",
                   "DefaultTime2Wait": "5", "DefaultTime2Retain": "60", "ErrorRecoveryLevel": "2",
                   "DataPDUInOrder": "No", "DataSequenceInOrder": "No", "IFMarker": "Yes",
                   "X-com.example.key": "1", "MaxBurstLength": "16777216", "MaxOutstandingR2T": "0",
                   "TaskReporting": "ResponseFence,RFC3720", "ImmediateData": "Perhaps",
                   "iSCSIProtocolLevel": "2"})
        want = {"HeaderDigest": "CRC32C", "DataDigest": "None", "MaxConnections": "1",
                "DefaultTime2Wait": "5", "DefaultTime2Retain": "0", "ErrorRecoveryLevel": "0",
                "DataPDUInOrder": "Yes", "DataSequenceInOrder": "Yes", "IFMarker": "No",
                "X-com.example.key": "NotUnderstood", "MaxBurstLength": "Reject",
                "MaxOutstandingR2T": "Reject", "TaskReporting": "RFC3720",
                "ImmediateData": "Reject", "TargetPortalGroupTag": "1",
                "MaxRecvDataSegmentLength": "262144", "iSCSIProtocolLevel": "1"}
        for key, value in want.items():
            assert i.answer.get(key) == value, "%s=%s" % (key, i.answer.get(key))


@case
def wrong_logins_get_their_status():
    with Target(*RAM) as t:
        def status(want, **how):
            i = Initiator(t)
            keys = how.pop("keys", i.names())
            p = i.login_pdu(how.pop("csg", 1), how.pop("nsg", 3), keys, **how)
            assert p.login_status == want, "status %04x, not %04x" % (p.login_status, want)
            assert i.closes()

        me = {"InitiatorName": "iqn.2026-11.example:me"}
        status(0x0203, keys={**me, "TargetName": IQN + "x"})
        status(0x0207, keys={"TargetName": IQN})
        status(0x0207, keys=me)
        status(0x0209, keys={**me, "TargetName": IQN, "SessionType": "Odd"})
        status(0x0200, keys={"InitiatorName": "me", "TargetName": IQN})
        status(0x0200, keys={**me, "TargetName": IQN, "MaxRecvDataSegmentLength": "0"})
        status(0x0205, version=3)
        status(0x020a, tsih=0x1234)
        status(0x020b, csg=2)
        status(0x020b, csg=1, nsg=1)
        status(0x020b, flags=0xc7)
        for text in (b"InitiatorName=a", b"=x\0", b"A=1\0A=2\0", b"k" * 64 + b"=1\0",
                     b"K=" + b"v" * 256 + b"\0", b"noequals\0"):
            i = Initiator(t)
            i.login_raw(1, 3, text)
            assert i.recv().login_status == 0x0200, text
        i = Initiator(t)
        i.command(bytes(6))
        assert i.closes(), "a command before login"


@case
def long_text_comes_in_parts():
    with Target(*RAM) as t:
        i = Initiator(t)
        text = b"".join(b"%s=%s\0" % (k.encode(), v.encode()) for k, v in i.names().items())
        for at in range(0, len(text), 16):
            last = at + 16 >= len(text)
            i.login_raw(1, 3, text[at:at + 16], flags=0x87 if last else 0x44)
            p = i.recv()
            assert p.login_status == 0 and bool(p.flags & 0x80) == last
        i = Initiator(t)
        for n in range(64):
            try:
                i.login_raw(1, 3, b"x" * 8000, flags=0x44)
                if i.recv().login_status:
                    return
            except (Closed, BrokenPipeError):
                return
        raise AssertionError("text without end was taken")


@case
def discovery_lists_targets_and_nothing_else():
    with Target("--target", IQN, "--lun", "ram:1M", "--target", IQN + "2", "--lun", "ram:1M") as t:
        i = Initiator(t)
        assert i.login(target=None).login_status == 0
        p = i.text(SendTargets="All")
        where = "TargetAddress=%s:%d,1\0" % t.address
        want = "TargetName=%s\0%sTargetName=%s2\0%s" % (IQN, where, IQN, where)
        assert p.op == 0x24 and p.flags == 0x80 and p.data.decode() == want, p.data
        assert i.text(SendTargets=IQN + "2").data.decode() == "TargetName=%s2\0%s" % (IQN, where)
        assert i.text(SendTargets="nobody").data == b""
        i.command(bytes(6))
        assert i.recv().op == 0x3f, "a SCSI command in a discovery session"
        i.logout()
        i = ready(t)
        assert i.text(SendTargets="").data.decode() == "TargetName=%s\0%s" % (IQN, where)
        assert i.text(SendTargets="All").text() == {"SendTargets": "Reject"}
        assert i.text(What="x").text() == {"What": "NotUnderstood"}
        assert i.text(InitialR2T="No").text() == {"InitialR2T": "Reject"}
        assert i.text(MaxRecvDataSegmentLength="512").text() == {}
        status, data, _ = i.settle(i.command(struct.pack(">BBQIBB", 0x88, 0, 0, 4, 0, 0), 2048,
                                             read=True))
        assert status == 0 and len(data) == 2048
        i.nop()


@case
def many_targets_come_in_parts():
    names = [IQN + ":%03d" % n for n in range(200)]
    args = itertools.chain(*(("--target", n, "--lun", "null:1M") for n in names))
    with Target(*args) as t:
        i = Initiator(t)
        assert i.login(target=None).login_status == 0
        p, data = i.text(SendTargets="All"), b""
        while True:
            data += p.data
            if p.flags & 0x80:
                break
            i.request(4, 0x80, (bytes(8), struct.pack(">I", p.ttt), bytes(16)))
            p = i.recv()
        found = [x[11:] for x in data.decode().split("\0") if x.startswith("TargetName=")]
        assert found == names


@case
def a_new_login_of_the_same_port_ends_the_old_session():
    with Target(*RAM) as t:
        old = Initiator(t)
        assert old.login().login_status == 0
        assert old.ready() == (0x29, 0x00), "a port never seen"
        cdb = struct.pack(">BBQIBB", 0x8a, 0, 0, 8, 0, 0)
        old.command(cdb, 4096, write=True)
        assert old.recv().op == 0x31
        new = Initiator(t)
        assert new.login().login_status == 0
        assert old.closes()
        assert new.ready() == (0x29, 0x07), "the same port again"
        other = Initiator(t, isid=b"\x80\0\0\0\0\2")
        other.login()
        assert other.ready() == (0x29, 0x00), "another port"
        new.nop()


@case
def the_command_window_holds():
    with Target(*RAM, "--queue-depth", "4") as t:
        i = ready(t)
        for wrong in (i.cmdsn + 4, i.cmdsn - 1, i.cmdsn + 0x80000000):
            i.command(bytes(6), cmdsn=wrong & 0xffffffff)
        i.nop()     # nothing was answered before
        cdb = struct.pack(">BBQIBB", 0x8a, 0, 0, 8, 0, 0)
        tags = [i.command(cdb, 4096, write=True) for _ in range(4)]
        last = [i.recv() for _ in tags][-1]
        assert last.maxcmdsn == last.expcmdsn - 1, "the window is closed"
        for p_tag in tags:
            assert i.tmf(1, tag=p_tag) == 0
        assert i.settle(i.command(bytes(6)))[0] == 0
        i.command(bytes(6), cmdsn=i.cmdsn + 1)
        assert i.closes(), "a gap"


@case
def wrong_data_out_fails_the_command_only():
    with Target(*RAM) as t:
        i = ready(t)
        cdb = struct.pack(">BBQIBB", 0x8a, 0, 0, 16, 0, 0)
        block = bytes(4096)

        def fails(**how):
            itt = i.command(cdb, 8192, write=True)
            p = i.recv()
            assert p.op == 0x31 and p.length == 8192
            d = dict(ttt=p.ttt, sn=0, offset=0, data=block, final=False)
            d.update(how)
            i.data_out(itt, **d)
            status, _, _ = i.settle(itt)
            assert status == 2 and i.sense[2] == 0xb, how
            i.data_out(itt, p.ttt, 1, 4096, block, True)    # late, for nobody
            i.nop()

        fails(sn=1)
        fails(offset=512)
        fails(data=bytes(8196))
        fails(final=True)
        fails(data=bytes(8192))
        i.data_out(0x1234, 0x5678, 0, 0, block, True)       # for no task at all
        i.data_out(0x1234, NONE, 0, 0, block, True)
        i.nop()


@case
def unexpected_data_is_refused():
    with Target(*RAM) as t:
        cdb = struct.pack(">BBQIBB", 0x8a, 0, 0, 8, 0, 0)
        i = ready(t, ImmediateData="No")
        assert i.settle(i.command(cdb, 4096, write=True, data=bytes(4096)))[0] == 2
        assert (i.sense[2], i.sense[12], i.sense[13]) == (0xb, 0x0c, 0x0c)
        i.nop()
        i = ready(t, FirstBurstLength="512")
        assert i.settle(i.command(cdb, 4096, write=True, data=bytes(4096)))[0] == 2
        i = ready(t, InitialR2T="No")
        itt = i.command(cdb[:2] + b"\xff" * 8 + cdb[10:], 4096, write=True, data=bytes(512),
                        final=False)                        # out of range, and data follows
        i.data_out(itt, NONE, 0, 512, bytes(3584), True)
        assert i.settle(itt)[0] == 2 and i.sense[12] == 0x21
        i.nop()


@case
def residuals_say_how_lengths_differ():
    with Target(*RAM) as t:
        i = ready(t)
        read = struct.pack(">BBQIBB", 0x88, 0, 0, 2, 0, 0)
        write = struct.pack(">BBQIBB", 0x8a, 0, 0, 2, 0, 0)
        assert i.settle(i.command(read, 512, read=True))[1:] == (bytes(512), 512)
        assert i.settle(i.command(read, 4096, read=True))[1:] == (bytes(1024), -3072)
        assert i.settle(i.command(read, 0))[::2] == (0, 1024)
        assert i.settle(i.command(write, 512, write=True, data=bytes(512)))[::2] == (0, 512)
        assert i.settle(i.command(write, 4096, write=True, data=bytes(4096)))[::2] == (0, -3072)
        inquiry = struct.pack(">BBBHB", 0x12, 0, 0, 255, 0)
        status, data, residual = i.settle(i.command(inquiry, 255, read=True))
        assert status == 0 and residual == len(data) - 255


@case
def residuals_of_what_moves_nothing():
    with Target(*RAM) as t:
        i = ready(t)
        read = struct.pack(">BBQIBB", 0x88, 0, 0, 2, 0, 0)
        beyond = struct.pack(">BBQIBB", 0x88, 0, 1 << 40, 2, 0, 0)
        write = struct.pack(">BBQIBB", 0x8a, 0, 0, 2, 0, 0)
        assert i.settle(i.command(bytes(6), 512, read=True)) == (0, b"", -512)
        assert i.settle(i.command(bytes(6), 512, write=True, data=bytes(512))) == (0, b"", -512)
        assert i.settle(i.command(beyond, 1024, read=True)) == (2, b"", -1024)
        assert i.settle(i.command(write[:2] + beyond[2:], 1024, write=True)) == (2, b"", -1024)
        # the other direction than the CDB's: nothing is moved, all of it is too much
        assert i.settle(i.command(read, 1024, write=True, data=bytes(1024))) == (0, b"", 1024)
        assert i.settle(i.command(write, 1024, read=True)) == (0, b"", 1024)
        assert i.settle(i.command(write, 0)) == (0, b"", 1024)
        inquiry = struct.pack(">BBBHB", 0x12, 0, 0, 36, 0)
        assert i.settle(i.command(inquiry, 20, read=True))[::2] == (0, 16)
        assert i.settle(i.command(inquiry, 36, read=True))[::2] == (0, 0)
        assert i.read(0, 2) == bytes(1024)
        i = ready(t, InitialR2T="No", ImmediateData="No")
        for cdb, want in ((read, 1024), (inquiry, 36)):
            itt = i.command(cdb, 1024, write=True, final=False)
            i.nop()                     # the data that was announced comes first
            i.data_out(itt, NONE, 0, 0, b"x" * 1024, True)
            assert i.settle(itt) == (0, b"", want)
        itt = i.command(read, 1024, read=True, write=True, final=False)
        i.data_out(itt, NONE, 0, 0, b"x" * 1024, True)
        assert i.settle(itt)[0] == 2 and i.sense[2] == 0xb, "both directions"
        assert i.read(0, 2) == bytes(1024)


@case
def several_r2ts_are_out_at_once():
    with Target(*RAM) as t:
        for offered, want in ((1, 1), (3, 3), (100, 8)):
            i = ready(t, MaxOutstandingR2T=str(offered), MaxBurstLength="4096",
                      FirstBurstLength="4096", ImmediateData="No")
            assert i.answer["MaxOutstandingR2T"] == str(want), i.answer
            data = random.Random(offered).randbytes(16 * 4096)
            cdb = struct.pack(">BBQIBB", 0x8a, 0, 64, 128, 0, 0)
            itt = i.command(cdb, len(data), write=True)
            r2ts = [i.recv() for _ in range(want)]
            i.nop()                     # no more of them before data has come
            tags = set()
            for n in range(16):
                p = r2ts.pop(0)
                assert (p.op, p.itt, p.datasn) == (0x31, itt, n)
                assert (p.offset, p.length) == (n * 4096, 4096)
                assert p.ttt not in tags and p.ttt != NONE
                tags.add(p.ttt)
                i.send_sequence(itt, p.ttt, p.offset, data[p.offset:p.offset + 4096], 1024)
                if n + want < 16:       # each that is served makes room for one
                    r2ts.append(i.recv())
            assert not r2ts and i.settle(itt) == (0, b"", 0)
            assert i.read(64, 128) == data


@case
def a_solicited_write_waits_for_its_own_r2t():
    with Target(*RAM) as t:
        i = ready(t, MaxOutstandingR2T="4", MaxBurstLength="4096", ImmediateData="No")
        cdb = struct.pack(">BBQIBB", 0x8a, 0, 0, 16, 0, 0)
        itt = i.command(cdb, 8192, write=True)
        first, second = i.recv(), i.recv()
        i.data_out(itt, second.ttt, 0, 4096, bytes(4096), True)     # out of order: for nobody
        i.nop()
        i.data_out(itt, first.ttt, 0, 0, b"\x44" * 4096, True)
        i.data_out(itt, second.ttt, 0, 4096, b"\x55" * 4096, True)
        assert i.settle(itt) == (0, b"", 0)
        assert i.read(0, 16) == b"\x44" * 4096 + b"\x55" * 4096


@case
def sense_points_at_what_was_wrong():
    with Target(*RAM) as t:
        i = ready(t)

        def wrong(cdb, key, code, sks=None, info=None, **more):
            assert i.settle(i.command(cdb, **more))[0] == 2, cdb.hex()
            s = i.sense
            assert (s[2], s[12], s[13]) == (key, code >> 8, code & 0xff), s.hex()
            if sks is not None:
                assert s[15:18] == sks, s.hex()
            if info is not None:
                assert s[0] == 0xf0 and s[3:7] == struct.pack(">I", info), s.hex()

        wrong(struct.pack(">BBQIBB", 0x88, 0x20, 0, 1, 0, 0), 5, 0x2400, b"\xc0\0\1",
              edtl=512, read=True)                                  # RDPROTECT
        wrong(b"\x12\1\xee\0\xff\0", 5, 0x2400, b"\xc0\0\2", edtl=255, read=True)
        wrong(b"\xa3\x1f".ljust(12, b"\0"), 5, 0x2400, b"\xc0\0\1")
        wrong(b"\xff" * 16, 5, 0x2000)
        select = bytes(4) + b"\x08\x12\0\1" + bytes(16)            # IC, not changeable
        wrong(b"\x15\x10\0\0\x18\0", 5, 0x2600, b"\x80\0\7", edtl=24, write=True, data=select)
        wrong(struct.pack(">BBQIBB", 0x8f, 2, 0, 2, 0, 0), 0xe, 0x1d00, info=700,
              edtl=1024, write=True, data=bytes(700) + b"x" + bytes(323))
        caw = struct.pack(">BBQ3xBBB", 0x89, 0, 0, 1, 0, 0)
        wrong(caw, 0xe, 0x1d00, info=5, edtl=1024, write=True, data=bytes(5) + b"x" + bytes(1018))


@case
def wrong_digests_end_the_connection():
    with Target(*RAM) as t:
        i = ready(t, HeaderDigest="CRC32C", DataDigest="CRC32C")
        i.nop()
        i.command(bytes(6), spoil_header=True)
        assert i.closes()
        i = ready(t, HeaderDigest="CRC32C", DataDigest="CRC32C")
        cdb = struct.pack(">BBQIBB", 0x8a, 0, 0, 1, 0, 0)
        i.command(cdb, 512, write=True, data=b"\xee" * 512, spoil_data=True)
        assert i.closes()
        assert ready(t).read(0, 1) == bytes(512), "spoilt data was written"


@case
def bad_pdus_are_rejected_or_end_the_connection():
    with Target(*RAM) as t:
        i = ready(t)
        i.request(0x10, 0x80, (bytes(8), bytes(4), bytes(16)), immediate=True)
        p = i.recv()
        assert p.op == 0x3f and p.bhs[2] == 4 and len(p.data) == 48, "SNACK"
        i.request(0x1f, 0x80, (bytes(8), bytes(4), bytes(16)), immediate=True)
        p = i.recv()
        assert p.op == 0x3f and p.bhs[2] == 5, "an opcode that is none"
        i.nop()
        i.sock.sendall(b"\x01\x80\0\0\0\xff\xff\xff" + bytes(40))
        assert i.closes(), "a data segment of 16 MiB"
        for cut in (1, 47, 48, 50):
            i = ready(t)
            i.sock.sendall((b"\0\x80\0\0\0\0\0\x40" + bytes(40) + b"x" * 64)[:cut])
            i.close()
        rng = random.Random(3)
        for n in range(200):
            i = Initiator(t)
            try:
                i.sock.sendall(rng.randbytes(rng.choice((1, 48, 100, 5000))))
                if n % 2:
                    i.sock.sendall(b"\x43" + rng.randbytes(300))
            except (BrokenPipeError, ConnectionResetError):
                pass
            i.close()
        ready(t).nop()


@case
def every_field_may_be_wrong():
    rng = random.Random(4)
    with Target(*RAM, "--target", IQN + "2", "--lun", "ram:1M") as t:
        good = Initiator(t)     # on a target that nobody resets
        good.login(IQN + "2")
        good.ready()
        for n in range(1500):
            i = Initiator(t)
            i.sock.settimeout(0.002)
            try:
                if rng.random() < 0.9:
                    i.sock.settimeout(5)
                    if i.login().login_status:
                        continue
                    i.sock.settimeout(0.002)
                for _ in range(rng.randrange(1, 6)):
                    op = rng.choice((0, 1, 1, 1, 2, 3, 4, 5, 5, 6, 0x10))
                    cdb = bytes((rng.choice((0x08, 0x0a, 0x12, 0x15, 0x1a, 0x28, 0x2a, 0x2e, 0x2f,
                                             0x35, 0x41, 0x42, 0x55, 0x5a, 0x5e, 0x5f, 0x88, 0x89, 0x8a, 0x8b,
                                             0x8f, 0x93, 0x9e, 0xa0, 0xa3)),)) + bytes(15)
                    bhs = bytearray(struct.pack(
                        ">BBxxI8sIIII16s", op | 0x40 * rng.randrange(2),
                        rng.choice((0x80, 0xa0, 0xc0, 0x20, 0xe0, 0x85)), 0, bytes(8), i.itt,
                        rng.choice((0, 512, NONE, 4096)), i.cmdsn, 1, cdb))
                    for _ in range(rng.randrange(4)):
                        bhs[rng.randrange(48)] ^= 1 << rng.randrange(8)
                    data = rng.randbytes(rng.choice((0, 0, 4, 24, 512, 4096)))
                    if rng.random() < 0.9:
                        bhs[5:8] = struct.pack(">I", len(data))[1:]
                        bhs[4] = rng.choice((0, 0, 0, 1, 255))
                    i.sock.sendall(bytes(bhs) + data)
                    i.itt += 1
                    i.cmdsn += rng.randrange(2)
                try:
                    while i.sock.recv(65536):
                        pass
                except TimeoutError:
                    pass
            except (Closed, OSError):
                pass
            i.close()
            if n % 100 == 0:
                good.nop()
        good.nop()


CHAP_HASHES = {"5": hashlib.md5, "6": hashlib.sha1, "7": hashlib.sha256, "8": hashlib.sha3_256}


def chap_login(t, user="joe", secret="sesame-open-now", target=IQN, mutual=None, spoil=None,
               reflect=False, alg="5", base64_answer=False, want_alg="5"):
    i = Initiator(t)
    p = i.login_pdu(0, 1, {**i.names(target), "AuthMethod": "CHAP,None"}, transit=False)
    if p.login_status:
        return p, i
    assert p.text()["AuthMethod"] == "CHAP"
    p = i.login_pdu(0, 1, {"CHAP_A": alg}, transit=False)
    if p.login_status:
        return p, i
    k = p.text()
    challenge = bytes.fromhex(k["CHAP_C"][2:])
    assert k["CHAP_A"] == want_alg, k
    digest = CHAP_HASHES[want_alg]
    answer = digest(bytes([int(k["CHAP_I"])]) + secret.encode() + challenge).digest()
    text = "0b" + base64.b64encode(answer).decode() if base64_answer else "0x" + answer.hex()
    keys = {"CHAP_N": user, "CHAP_R": spoil or text}
    if mutual or reflect:
        mine = challenge if reflect else b"0123456789abcdef"
        keys.update(CHAP_I="77", CHAP_C="0x" + mine.hex())
    p = i.login_pdu(0, 1, keys)
    if p.login_status:
        return p, i
    if mutual:
        want = digest(bytes([77]) + mutual.encode() + b"0123456789abcdef").hexdigest()
        assert p.text() == {"CHAP_N": "disk", "CHAP_R": "0x" + want}, p.text()
    return i.login_pdu(1, 3, {}), i


@case
def chap_lets_in_who_knows_the_secret_only():
    with tempfile.TemporaryDirectory() as d:
        paths = []
        for name, secret in (("in", "sesame-open-now"), ("out", "another-secret-")):
            paths.append(os.path.join(d, name))
            with open(paths[-1], "w", opener=lambda p, f: os.open(p, f, 0o600)) as f:
                f.write(secret + "\n")
        with Target(*RAM, "--chap-user", "joe", "--chap-password-file", paths[0], "--mutual-user", "disk",
                    "--mutual-password-file", paths[1], "--target", IQN + "2", "--lun", "ram:1M",
                    "--chap-user", "joe", "--chap-password-file", paths[0]) as t:
            assert chap_login(t)[0].login_status == 0
            assert chap_login(t, base64_answer=True)[0].login_status == 0
            for offer, chosen in (("5,6,7,8", "8"), ("7,6,5", "7"), ("6", "6"), ("99,5", "5")):
                p, _ = chap_login(t, alg=offer, want_alg=chosen, mutual="another-secret-")
                assert p.login_status == 0, offer
            assert chap_login(t, mutual="another-secret-")[0].login_status == 0
            for wrong in (dict(secret="x"), dict(user="jo"), dict(reflect=True), dict(alg="9,4"),
                          dict(reflect=True, alg="8", want_alg="8"),
                          dict(spoil="0x"), dict(spoil="0x00"), dict(spoil="x"),
                          dict(spoil="0x" + "0" * 2048), dict(spoil="0b!"), dict(spoil="0xzz"),
                          dict(target=IQN + "2", mutual="x")):
                p, i = chap_login(t, **wrong)
                assert p.login_status == 0x0201, (wrong, hex(p.login_status))
                assert i.closes()
            i = Initiator(t)
            assert i.login().login_status == 0x0201, "straight to the operational stage"
            i = Initiator(t)
            p = i.login_pdu(0, 3, i.names())
            assert p.login_status == 0 and not p.flags & 0x80, "security skipped"
            i = Initiator(t)
            p = i.login_pdu(0, 1, {**i.names(), "AuthMethod": "None"})
            assert p.login_status == 0x0201, "None offered only"


def write_conf(text):
    f = tempfile.NamedTemporaryFile("w", suffix=".conf")    # mode 0600
    f.write(text)
    f.flush()
    return f


RULES = """
incomingdiscoveryuser = {'scout sesame-scouts-1', 'spare sesame-scouts-2'}
outgoingdiscoveryuser = 'disk sesame-scouts-3'
target '%(iqn)s' { lun 0 { backing-store = 'ram:1M' } }
target '%(iqn)s:name' { initiator-name = 'iqn.2026-11.example:me' lun 0 { backing-store = 'ram:1M' } }
target '%(iqn)s:other' { initiator-name = 'iqn.2026-11.example:you' lun 0 { backing-store = 'ram:1M' } }
target '%(iqn)s:near' { initiator-address = {'192.0.2.1', '127.0.0.0/8'} lun 0 { backing-store = 'ram:1M' } }
target '%(iqn)s:far' { initiator-address = '192.0.2.0/24' lun 0 { backing-store = 'ram:1M' } }
target '%(iqn)s:half' { initiator-name = 'iqn.2026-11.example:me' initiator-address = '::1'
    lun 0 { backing-store = 'ram:1M' } }
target '%(iqn)s:halved' { initiator-name = 'iqn.2026-11.example:you' initiator-address = ALL
    lun 0 { backing-store = 'ram:1M' } }
target '%(iqn)s:chap' { incominguser = {'anna sesame-annas-1', 'bert sesame-berts-1'}
    lun 0 { backing-store = 'ram:1M' } }
""" % {"iqn": IQN}


def send_targets(i):
    p = i.text(SendTargets="All")
    return sorted(pair[len("TargetName="):] for pair in p.data.decode().split("\0")
                  if pair.startswith("TargetName="))


@case
def rules_say_who_logs_in():
    with write_conf(RULES) as f, Target("-c", f.name) as t:
        for tail, status in (("", 0), (":name", 0), (":other", 0x0202), (":near", 0),
                             (":far", 0x0202), (":half", 0x0202), (":halved", 0x0202),
                             (":none", 0x0203)):
            i = Initiator(t)
            r = i.login(IQN + tail)
            assert r.login_status == status, (tail, hex(r.login_status))
            assert status == 0 or i.closes()
        for user, secret, status in (("anna", "sesame-annas-1", 0), ("bert", "sesame-berts-1", 0),
                                     ("anna", "sesame-berts-1", 0x0201), ("carl", "x", 0x0201),
                                     ("scout", "sesame-scouts-1", 0x0201)):
            p, i = chap_login(t, user=user, secret=secret, target=IQN + ":chap")
            assert p.login_status == status, (user, hex(p.login_status))


@case
def discovery_has_accounts_and_shows_what_may_be_logged_in_to():
    with write_conf(RULES) as f, Target("-c", f.name) as t:
        p = Initiator(t).login(target=None)
        assert p.login_status == 0x0201, "no proof"
        p, i = chap_login(t, user="anna", secret="sesame-annas-1", target=None)
        assert p.login_status == 0x0201, "an account of a target"
        p, i = chap_login(t, user="spare", secret="sesame-scouts-2", target=None,
                          mutual="sesame-scouts-3")
        assert p.login_status == 0, hex(p.login_status)
        assert send_targets(i) == [IQN, IQN + ":chap", IQN + ":name", IQN + ":near"]


KEYS = """
MaxBurstLength = 65536
target '%(iqn)s' {
    HeaderDigest = CRC32C  DataDigest = None  InitialR2T = Yes  ImmediateData = No
    MaxRecvDataSegmentLength = 4096  MaxXmitDataSegmentLength = 1024  FirstBurstLength = 8192
    MaxOutstandingR2T = 2  DefaultTime2Wait = 7  MaxCommands = 4
    vendor_id = 'ACME'  product_rev = '9'
    lun 0 { backing-store = 'ram:8M' product_id = 'A Disk' scsi_id = 'the-id' scsi_sn = 'the-sn'
        la_lba = 5  lbppbe = 2  optimal_xfer_gran = 16  optimal_xfer_len = 1000
        rotation_rate = 15000  thin_provisioning = 0 }
    lun 1 { backing-store = 'ram:8M' readonly = 1 }
    lun 2 { backing-store = 'ram:8M' online = 0 }
    lun 3 { backing-store = 'ram:8M' scsi_sn = 'the-sn-2' }
    lun 4 { backing-store = 'ram:8M' scsi_sn = 'the-sn-2' }
}
target '%(iqn)s2' { lun 0 { backing-store = 'ram:1M' } }
""" % {"iqn": IQN}


def inquire(i, page, lun=0):
    cdb = struct.pack(">BBBHB", 0x12, 0 if page is None else 1, page or 0, 255, 0)
    status, data, _ = i.settle(i.command(cdb, 255, read=True, lun=lun))
    assert status == 0, "INQUIRY %s" % page
    return data


@case
def keys_of_a_target_are_what_it_negotiates():
    with write_conf(KEYS) as f, Target("-c", f.name) as t:
        i = Initiator(t)
        assert i.login(HeaderDigest="None").login_status == 0x0200, "no digest"
        assert Initiator(t).login().login_status == 0x0200, "no digest said"
        i = Initiator(t)
        r = i.login(HeaderDigest="None,CRC32C", DataDigest="CRC32C,None", InitialR2T="No",
                    MaxRecvDataSegmentLength="65536", MaxBurstLength="1048576",
                    MaxOutstandingR2T="8", DefaultTime2Wait="0", DefaultTime2Retain="9")
        want = {"HeaderDigest": "CRC32C", "DataDigest": "None", "InitialR2T": "Yes",
                "ImmediateData": "No", "MaxRecvDataSegmentLength": "4096",
                "FirstBurstLength": "8192", "MaxBurstLength": "65536", "MaxOutstandingR2T": "2",
                "DefaultTime2Wait": "7", "DefaultTime2Retain": "0"}
        got = {k: i.answer.get(k) for k in want}
        assert got == want, got
        assert r.maxcmdsn - r.expcmdsn + 1 == 4, "the window"
        i.ready()
        itt = i.command(struct.pack(">BBQIBB", 0x88, 0, 0, 8, 0, 0), 4096, read=True)
        assert len(i.recv().data) == 1024, "MaxXmitDataSegmentLength"
        for _ in range(3):
            p = i.recv()
        assert p.itt == itt and p.flags & 1
        i = Initiator(t)
        i.login(IQN + "2")
        assert i.answer["MaxBurstLength"] == "65536" and i.answer["InitialR2T"] == "Yes"
        i = Initiator(t)
        i.keys["FirstBurstLength"] = "262144"
        i.login(IQN + "2")
        assert i.answer["FirstBurstLength"] == "65536", "above MaxBurstLength"


@case
def units_are_what_their_keys_say():
    with write_conf(KEYS) as f, Target("-c", f.name) as t:
        i = Initiator(t)
        i.login(HeaderDigest="CRC32C")
        i.ready()
        std = inquire(i, None)
        assert std[8:36] == b"ACME    A Disk          9   ", std[8:36]
        assert inquire(i, 0x80)[4:] == b"the-sn"
        ids = inquire(i, 0x83)
        assert b"ACME    the-id" in ids
        b0 = inquire(i, 0xb0)
        assert struct.unpack(">H", b0[6:8])[0] == 16 and struct.unpack(">I", b0[12:16])[0] == 1000
        assert struct.unpack(">H", inquire(i, 0xb1)[4:6])[0] == 15000
        cdb = struct.pack(">BBQIBB", 0x9e, 0x10, 0, 32, 0, 0)
        _, cap, _ = i.settle(i.command(cdb, 32, read=True))
        assert cap[13] == 2 and struct.unpack(">H", cap[14:16])[0] == 5, cap.hex()
        i.settle(i.command(bytes(6), lun=1))
        cdb = struct.pack(">BBIBHB", 0x2a, 0, 0, 0, 1, 0)
        status, _, _ = i.settle(i.command(cdb, 512, write=True, lun=1), bytes(512))
        assert status == 2 and i.sense[2] == 7, "readonly"
        for _ in range(2):
            status, _, _ = i.settle(i.command(bytes(6), lun=2))
        assert status == 2 and i.sense[2] == 2, "offline: %s" % i.sense.hex()
        assert inquire(i, 0x83, lun=3)[8:16] != inquire(i, 0x83, lun=4)[8:16], "one NAA for two"
        assert inquire(i, 0x80, lun=3) == inquire(i, 0x80, lun=4)


@case
def one_address_has_its_share_of_connections():
    text = "max_connections_per_address = 3\ntarget '%s' { lun 0 { backing-store = 'ram:1M' } }\n"
    with write_conf(text % IQN) as f, Target("-c", f.name) as t:
        three = [Initiator(t, isid=b"\x80\0\0\0\0" + bytes([n])) for n in range(3)]
        for i in three:
            assert i.login().login_status == 0
        assert Initiator(t).closes(), "a fourth"
        three.pop().logout()
        i = Initiator(t, isid=b"\x80\0\0\0\0\x09")
        assert i.login().login_status == 0


@case
def who_drips_a_login_is_dropped():
    with Target(*RAM, "--login-timeout", "500ms") as t:
        i = Initiator(t)
        began, sent = time.monotonic(), 0
        try:
            while time.monotonic() - began < 8:
                i.sock.sendall(b"\x43")
                sent += 1
                select.select([i.sock], [], [], 0.05)
                if select.select([i.sock], [], [], 0)[0]:
                    break
        except OSError:
            pass
        assert sent > 1 and time.monotonic() - began < 6, "dripping for ever"


@case
def connections_have_a_limit():
    with Target(*RAM, "-P", "max_connections=2") as t:
        first, second = ready(t), Initiator(t)
        assert Initiator(t).closes(), "a third"
        first.nop()
        second.close()
        deadline = time.monotonic() + 8
        while time.monotonic() < deadline:
            i = Initiator(t, isid=b"\x80\0\0\0\0\2")
            try:
                assert i.login().login_status == 0
                break
            except (Closed, OSError):
                continue
        else:
            assert False, "its place stays taken"


@case
def strangers_hold_no_memory():
    def resident(t):
        with open("/proc/%d/statm" % t.proc.pid) as f:
            return int(f.read().split()[1]) * resource.getpagesize()

    with Target(*RAM, "--login-timeout", "2s") as t:
        good = ready(t)
        before = resident(t)
        slow = [Initiator(t, isid=b"\x80\0\0\0\0" + bytes([n])) for n in range(100)]
        for i in slow:
            i.login_raw(0, 1, b"InitiatorName=" + b"x" * 6000 + b"\0", flags=0x40)
        good.nop()
        grown = (resident(t) - before) // len(slow)
        assert grown < (65536 if not SANITIZED else 1 << 20), "%d bytes for each" % grown
        for i in slow:
            assert i.closes()
        good.nop()


@case
def silent_peers_are_dropped():
    with Target(*RAM, "--ping-interval", "200ms", "--ping-timeout", "300ms", "--login-timeout",
                "400ms") as t:
        began = time.monotonic()
        quiet = Initiator(t)
        assert quiet.closes() and time.monotonic() - began < 3, "no login"
        i = ready(t)
        p = i.recv()
        assert p.op == 0x20 and p.itt == NONE and p.ttt != NONE
        for _ in range(3):
            bhs = struct.pack(">BBxxI8sIIII16x", 0x40, 0x80, 0, bytes(8), NONE, p.ttt, i.cmdsn, 1)
            i.send(bhs)
            p = i.recv()
            assert p.op == 0x20 and p.itt == NONE, "pinged again"
        assert i.closes(), "unanswered"


@case
def who_does_not_read_is_not_read_from():
    with Target(*RAM, "--ping-interval", "300ms", "--ping-timeout", "500ms") as t:
        i = ready(t)
        cdb = struct.pack(">BBQIBB", 0x88, 0, 0, 2048, 0, 0)
        i.sock.settimeout(0.5)
        try:
            for _ in range(120):
                i.command(cdb, 1 << 20, read=True)
            while True:
                i.command(bytes(6))
        except OSError:
            pass
        with open("/proc/%d/status" % t.proc.pid) as f:
            kib = [int(x.split()[1]) for x in f if x.startswith("VmRSS")][0]
        assert kib < 40000, "%d KiB resident" % kib
        Initiator(t, isid=b"\x80\0\0\0\0\3").login()


@case
def task_management_answers():
    with Target(*RAM, "--lun", "ram:1M") as t:
        i = ready(t)
        other = Initiator(t, isid=b"\x80\0\0\0\0\2")
        other.login()
        other.ready()
        cdb = struct.pack(">BBQIBB", 0x8a, 0, 0, 8, 0, 0)

        def waiting(who):
            itt = who.command(cdb, 4096, write=True)
            assert who.recv().op == 0x31
            return itt

        itt = waiting(i)
        assert i.tmf(1, tag=itt) == 0 and i.tmf(1, tag=itt) == 1
        waiting(i)
        assert i.tmf(2) == 0
        assert i.tmf(2, lun=9) == 2
        assert i.tmf(3) == 5 and i.tmf(8) == 4 and i.tmf(99) == 5
        waiting(other)
        assert i.tmf(4) == 0
        assert other.ready() == (0x2f, 0x00)
        waiting(other)
        assert i.tmf(5) == 0
        assert other.ready() == (0x29, 0x03)
        i.ready()
        assert i.tmf(6) == 0
        assert other.ready() == (0x29, 0x03)
        i.ready()
        assert i.tmf(7) == 0
        assert other.closes() and i.closes()
        ready(t).nop()


@case
def reservations_keep_others_out():
    with Target(*RAM) as t:
        a = ready(t)
        b = Initiator(t, isid=b"\x80\0\0\0\0\2")
        b.login()
        b.ready()
        reserve, release = b"\x16" + bytes(5), b"\x17" + bytes(5)
        assert a.settle(a.command(reserve))[0] == 0
        assert b.settle(b.command(bytes(6)))[0] == 0x18
        assert b.settle(b.command(release))[0] == 0
        assert b.settle(b.command(reserve))[0] == 0x18
        a.close()
        deadline = time.monotonic() + 5
        while b.settle(b.command(bytes(6)))[0] == 0x18:
            assert time.monotonic() < deadline, "kept after the session ended"
        assert b.settle(b.command(reserve))[0] == 0


PR = {"register": 0, "reserve": 1, "release": 2, "clear": 3, "preempt": 4, "preempt-abort": 5,
      "register-ignore": 6, "move": 7}


def pr_out(i, action, kind=0, key=0, other=0, flags=0):
    """PERSISTENT RESERVE OUT of @i. Returns the status."""
    cdb = struct.pack(">BBB2xIB", 0x5f, PR[action], kind, 24, 0)
    return i.settle(i.command(cdb, 24, write=True, data=struct.pack(">QQ4xB3x", key, other, flags)))[0]


def pr_in(i, action, length=4096):
    cdb = struct.pack(">BB5xHB", 0x5e, action, length, 0)
    status, data, _ = i.settle(i.command(cdb, length, read=True))
    assert status == 0
    return data


def control(path, command):
    """The records that @command is answered with."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.sendall(b"version=1\ncmd=%s\n\n" % command.encode())
        s.shutdown(socket.SHUT_WR)
        text = b"".join(iter(lambda: s.recv(65536), b"")).decode()
    return [dict(line.split("=", 1) for line in part.split("\n") if "=" in line)
            for part in text.split("\n\n")]


class Recorder:
    """In a socket's place, to send later."""

    def __init__(self):
        self.sent = b""

    def sendall(self, data):
        self.sent += data


WRITE_8 = struct.pack(">BBQIBB", 0x8a, 0, 0, 8, 0, 0)
READ_1 = struct.pack(">BBQIBB", 0x88, 0, 0, 1, 0, 0)


@case
def persistent_reservations_outlive_the_session():
    with Target(*RAM) as t:
        a = ready(t)
        b = Initiator(t, isid=b"\x80\0\0\0\0\2", name="iqn.2026-11.example:other")
        b.login()
        b.ready()
        assert pr_out(a, "register", other=0xa) == 0
        assert pr_out(a, "reserve", 1, key=0xa) == 0
        assert b.write(0, bytes(4096)) == 0x18
        assert b.settle(b.command(READ_1, 512, read=True))[0] == 0
        a.close()
        again = Initiator(t)            # the same port: reinstated or not, it is registered
        again.login()
        again.ready()
        assert again.write(0, bytes(4096)) == 0
        assert b.write(0, bytes(4096)) == 0x18
        for function in (5, 6):
            assert again.tmf(function) == 0
            again.ready()
            b.ready()
            assert b.write(0, bytes(4096)) == 0x18, "reset by function %d released it" % function
        stranger = Initiator(t, isid=b"\x80\0\0\0\0\3")
        stranger.login()
        stranger.ready()
        assert stranger.write(0, bytes(4096)) == 0x18, "the same name, another port"
        full = pr_in(b, 3)
        assert full[8 + 28:].rstrip(b"\0") == b"iqn.2026-11.example:me,i,0x800000000001"
        assert full[8 + 12:8 + 14] == b"\x01\x01"
        assert pr_out(again, "register", key=0xa) == 0
        assert b.write(0, bytes(4096)) == 0


@case
def preempt_and_abort_ends_what_the_other_had_begun():
    with Target(*RAM) as t:
        a = ready(t)
        b = Initiator(t, isid=b"\x80\0\0\0\0\2")
        b.login()
        b.ready()
        for i, key in ((a, 1), (b, 2)):
            assert pr_out(i, "register", other=key) == 0
        assert pr_out(a, "reserve", 5, key=1) == 0
        itt = a.command(WRITE_8, 4096, write=True)
        r2t = a.recv()
        assert r2t.op == 0x31
        mine = b.command(WRITE_8, 4096, write=True)
        mine_r2t = b.recv()
        assert pr_out(b, "preempt", 5, key=2, other=1) == 0
        a.data_out(itt, r2t.ttt, 0, 0, b"\x11" * 4096, True)
        assert a.settle(itt)[0] == 0, "a mere preempt lets commands end"
        assert a.settle(a.command(bytes(6)))[0] == 2 and a.sense[12:14] == b"\x2a\x05"
        assert pr_out(a, "register", other=1) == 0
        itt = a.command(WRITE_8, 4096, write=True)
        r2t = a.recv()
        whole = a.sock
        a.sock = Recorder()
        a.data_out(itt, r2t.ttt, 0, 0, b"\x22" * 4096, True)
        late, a.sock = a.sock.sent, whole
        a.sock.sendall(late[:3000])     # it is in the middle of its data
        assert pr_out(b, "preempt-abort", 5, key=2, other=1) == 0
        a.sock.sendall(late[3000:])
        seen = []
        while True:                     # nothing answers the write
            status = a.settle(a.command(bytes(6)))[0]
            if status == 0:
                break
            seen.append(tuple(a.sense[12:14]))
        assert sorted(seen) == [(0x2a, 0x05), (0x2f, 0x00)], seen
        assert a.write(0, bytes(4096)) == 0x18
        assert b.read(7, 1) == b"\x11" * 512     # its end had not come
        b.data_out(mine, mine_r2t.ttt, 0, 0, b"\x33" * 4096, True)
        assert b.settle(mine)[0] == 0, "the one who preempts keeps its own"


@case
def a_login_under_way_meets_the_rules_of_its_end():
    with tempfile.TemporaryDirectory() as d:
        where = os.path.join(d, "control")
        with Target(*RAM, "--control", where) as t:
            begun = [Initiator(t, isid=b"\x80\0\0\0\0%c" % n) for n in (1, 2, 3)]
            for i in begun:
                assert i.login_pdu(0, 1, {**i.names(), "AuthMethod": "None"}).login_status == 0
            assert begun[0].login_pdu(1, 3, {}).login_status == 0
            control(where, "account\nop=add\nuser=joe\npassword=the secret of joe")
            assert begun[1].login_pdu(1, 3, {}).login_status == 0x0201
            control(where, "acl\nop=add\nvalue=192.0.2.1")
            assert begun[2].login_pdu(1, 3, {}).login_status == 0x0202


@case
def reservations_are_shown_and_forgotten():
    with tempfile.TemporaryDirectory() as d:
        where = os.path.join(d, "control")
        with Target(*RAM, "--control", where, "--enable-faults",
                    "--fault", "rule gone on mark now do forget reservations",
                    "--fault", "rule busy on command where op=persistent-reserve-out nth 1 "
                    "do status BUSY") as t:
            a = ready(t)
            b = Initiator(t, isid=b"\x80\0\0\0\0\2")
            b.login()
            b.ready()
            assert pr_out(a, "register", other=1) == 8
            assert pr_out(a, "register", other=1) == 0
            assert pr_out(b, "register", other=2) == 0
            assert pr_out(a, "reserve", 6, key=1) == 0
            lun = control(where, "lun")[0]
            assert lun["pr_type"] == "exclusive-access-registrants-only", lun
            assert lun["pr_holder"] == "iqn.2026-11.example:me,i,0x800000000001"
            assert lun["pr_keys"] == "2" and lun["pr_generation"] == "2"
            control(where, "mark\nname=now")
            lun = control(where, "lun")[0]
            assert (lun["pr_type"], lun["pr_holder"], lun["pr_keys"]) == ("", "", "0")
            assert pr_out(b, "reserve", 6, key=2) == 0x18
def copy_list(i, source, destination, segments, list_id=1):
    """EXTENDED COPY of @segments, each (source LBA, destination LBA, blocks): CDB, data."""
    cscds = b""
    for lun in (source, destination):
        _, page, _ = i.settle(i.command(b"\x12\x01\x83\0\xff\0", 255, read=True, lun=lun))
        assert page[4:8] == b"\x01\x03\0\x08", "no NAA designator first"
        cscds += b"\xe4\0\0\0" + page[4:16] + bytes(16)
    parts = b"".join(struct.pack(">BBHHHxxHQQ", 2, 0, 24, 0, 1, n, src, dst)
                     for src, dst, n in segments)
    data = struct.pack(">BBHxxxxII", list_id, 0, len(cscds), len(parts), 0) + cscds + parts
    return struct.pack(">BB8xIxx", 0x83, 0, len(data)), data


@case
def a_copy_holds_up_nobody_and_can_be_ended():
    rng = random.Random(5)
    data = rng.randbytes(1 << 20)
    with Target(*RAM, "--lun", "ram:64M", "--lun", "ram:1M") as t:
        i = ready(t)
        for lun in (1, 2):
            i.settle(i.command(bytes(6), lun=lun))
        assert i.write(0, data) == 0
        cdb, out = copy_list(i, 0, 1, [(0, 4096, 2048)])
        assert i.settle(i.command(cdb, len(out), write=True, data=out))[0] == 0
        read = struct.pack(">BBQIBB", 0x88, 0, 4096, 2048, 0, 0)
        assert i.settle(i.command(read, 1 << 20, read=True, lun=1))[1] == data

        # 2 GiB in 64 MiB of memory takes long enough to be overtaken, and to be ended.
        for lba in range(2048, 65536, 2048):
            assert i.write(lba, data) == 0
        cdb, out = copy_list(i, 0, 1, [(0, 0, 65535)] * 32)
        for end in ("abort", "reset", "close", "wait"):
            copy = i.command(cdb, len(out), write=True, data=out)
            i.nop()
            read = struct.pack(">BBQIBB", 0x88, 0, 0, 8, 0, 0)
            assert i.settle(i.command(read, 4096, read=True, lun=0))[1] == data[:4096]
            if end == "abort":
                assert i.tmf(1, tag=copy) == 0
                assert i.tmf(1, tag=copy) == 1
                status = bytes((0x84, 0, 1)) + bytes(10) + b"\xff\0\0"
                assert i.settle(i.command(status, 255, read=True))[0] == 2, "of an aborted copy"
            elif end == "reset":
                assert i.tmf(5, lun=0) == 0
                assert i.ready() == (0x29, 0x03)
            elif end == "close":
                i.close()
                i = ready(t)
                i.settle(i.command(bytes(6), lun=1))
            else:
                assert i.settle(copy)[0] == 0
            i.nop()
        read = struct.pack(">BBQIBB", 0x88, 0, 63488, 2047, 0, 0)
        assert i.settle(i.command(read, 2047 * 512, read=True, lun=1))[1] == data[:-512]


def attention(i, lun=0):
    """The one that is due, ASC and ASCQ; None: the unit is ready."""
    if i.settle(i.command(bytes(6), lun=lun))[0] == 0:
        return None
    assert i.sense[2] == 6
    return i.sense[12], i.sense[13]


@case
def a_removed_unit_answers_what_was_begun():
    data = random.Random(6).randbytes(1 << 20)
    with tempfile.TemporaryDirectory() as d, Target(
            *RAM, "--lun", "ram:64M", "--lun", "ram:1M", "--control", d + "/s") as t:
        where = d + "/s"
        i, other = ready(t), Initiator(t, isid=b"\x80\0\0\0\0\2")
        other.login()
        for who in (i, other):
            for lun in (0, 1, 2):
                attention(who, lun)
        for lba in range(0, 65536, 2048):
            assert i.write(lba, data, lun=1) == 0
        cdb, out = copy_list(i, 1, 0, [(0, 0, 65535)] * 32)
        waits = i.command(WRITE_8, 4096, write=True, lun=1)
        r2t = i.recv()
        assert r2t.op == 0x31
        copy = i.command(cdb, len(out), write=True, data=out)
        late = other.command(WRITE_8, 4096, write=True, lun=0)
        control(where, "lun\nop=remove\nlun=1")
        assert i.settle(waits)[0] == 2 and i.sense[2] == 5 and i.sense[12:14] == b"\x25\0"
        assert i.settle(copy)[0] == 2 and i.sense[2] == 0xa and i.sense[12:14] == b"\x0d\2"
        i.data_out(waits, r2t.ttt, 0, 0, bytes(4096), True)     # nobody waits for it any more
        assert other.settle(late, bytes(4096))[0] == 0, "a write to another unit"
        for who in (i, other):
            for lun in (0, 2):
                assert attention(who, lun) == (0x3f, 0x0e)
                assert attention(who, lun) is None
            assert who.settle(who.command(bytes(6), lun=1))[0] == 2
            assert who.sense[2] == 5 and who.sense[12:14] == b"\x25\0"
        control(where, "lun\nop=add\ndisk=ram:8M\nlun=1")
        for who in (i, other):
            assert attention(who, 1) == (0x29, 0)
            assert attention(who, 1) == (0x3f, 0x0e)
            assert attention(who, 1) is None


@case
def a_unit_that_shrinks_answers_what_reaches_over_its_end():
    with tempfile.TemporaryDirectory() as d, Target(*RAM, "--control", d + "/s") as t:
        where = d + "/s"
        i = ready(t)
        inside = i.command(WRITE_8, 4096, write=True)
        first = i.recv()
        over = i.command(struct.pack(">BBQIBB", 0x8a, 0, 131064, 8, 0, 0), 4096, write=True)
        second = i.recv()
        assert first.op == second.op == 0x31
        assert control(where, "lun\nop=resize\nlun=0\nsize=32M")[0]["errno"] == "7"
        control(where, "lun\nop=resize\nlun=0\nsize=32M\nforce=on")
        assert i.settle(over)[0] == 2 and i.sense[2] == 5 and i.sense[12:14] == b"\x21\0"
        i.data_out(over, second.ttt, 0, 0, bytes(4096), True)
        i.data_out(inside, first.ttt, 0, 0, bytes(4096), True)
        assert i.settle(inside)[0] == 0
        assert attention(i) == (0x2a, 0x09)
        capacity = i.settle(i.command(b"\x25" + bytes(9), 8, read=True))[1]
        assert capacity == struct.pack(">II", 65535, 512)


def reads_that_wait(i, lun, count):
    """Ask for @count MiB from the beginning, and do not read the answers yet."""
    return [i.command(struct.pack(">BBQIBB", 0x88, 0, n * 2048, 2048, 0, 0), 1 << 20, read=True,
                      lun=lun) for n in range(count)]


@case
def memory_that_moves_or_goes_is_sent_to_the_end():
    data = [random.Random(n).randbytes(1 << 20) for n in range(24)]
    with tempfile.TemporaryDirectory() as d, Target(*RAM, "--lun", "ram:64M", "--control",
                                                    d + "/s") as t:
        where = d + "/s"
        i = ready(t)
        attention(i, 1)
        for n, part in enumerate(data):
            assert i.write(n * 2048, part) == 0
            assert i.write(n * 2048, part, lun=1) == 0
        waiting = reads_that_wait(i, 0, 24)
        for size in ("1G", "8G", "64G"):    # at one of these there is no room where it is
            assert control(where, "lun\nop=resize\nlun=0\nsize=" + size)[-2]["errno"] == "0"
        told = 0
        for itt, part in zip(waiting, data):    # one that begins after it is told of it
            status, got = i.settle(itt)[:2]
            assert got == part if status == 0 else i.sense[2] == 6
            told += status != 0
        assert told <= 1, "told %d times" % told
        waiting = reads_that_wait(i, 1, 24)
        control(where, "lun\nop=remove\nlun=1")
        answers = [i.settle(itt)[:2] for itt in waiting]
        good = [n for n, a in enumerate(answers) if a[0] == 0]
        assert good == list(range(len(good))) and good, "those that were on their way"
        for n in good:
            assert answers[n][1] == data[n]
        attention(i, 0)


@case
def the_control_socket_takes_any_words():
    with tempfile.TemporaryDirectory() as d, Target(*RAM, "--control", d + "/s") as t:
        where = d + "/s"
        verbs = {"lun": "list add remove resize online offline readonly none",
                 "target": "list add remove offline ready none", "account": "list add remove none",
                 "acl": "list add remove none", "session": "list kill none", "show": "none",
                 "dump": "none", "update": "none", "param": "none"}
        keys = "target lun size force value tsih cid user password outgoing discovery file " \
               "disk options name secrets tgt".split()
        values = ["", "0", "-1", "99999999999999999999", "on", "maybe", "x" * 5000, "\x01\xff",
                  "null:1", "ram:99999999999T", "/dev/full", "/", "\\n=\\n", "iqn.2026-11.example:x"]
        rng = random.Random(7)
        for cmd, ops in verbs.items():
            for op in ops.split():
                for _ in range(60):
                    some = rng.sample(keys, rng.randrange(6))
                    words = ["op=" + op] + ["%s=%s" % (k, rng.choice(values)) for k in some]
                    answer = control(where, "\n".join([cmd] + words))
                    assert any("errno" in r for r in answer), (cmd, words, answer)
        assert control(where, "stats")[0]["logins"] == "0"


@case
def a_target_that_goes_takes_its_logins_along_and_nobody_else():
    two = IQN + "2"
    with tempfile.TemporaryDirectory() as d, Target(*RAM, "--target", two, "--lun", "ram:1M",
                                                    "--control", d + "/s") as t:
        where = d + "/s"
        stays, goes, begins, asked = (Initiator(t, isid=b"\x80\0\0\0\0%c" % n)
                                      for n in range(4))
        stays.login()
        assert goes.login(two).login_status == 0
        keys = begins.names(two)
        r = begins.login_pdu(0, 1, dict(keys, AuthMethod="None"))
        assert r.login_status == 0, "in the middle of a login"
        assert control(where, "target\nop=remove\ntarget=" + two)[0]["errno"] == "28"
        control(where, "target\nop=remove\nforce=on\ntarget=" + two)
        goes.closes()
        begins.closes()
        assert Initiator(t, isid=b"\x80\0\0\0\0\x09").login(two).login_status == 0x203

        # Who is asked to log out and does not is put out.
        assert asked.login().login_status == 0
        control(where, "target\nop=offline\ntarget=" + IQN)
        for who in (stays, asked):
            p = who.recv()
            assert p.op == 0x32 and p.bhs[36] == 1, "asked to log out"
        stays.settle(stays.command(bytes(6)))
        assert Initiator(t, isid=b"\x80\0\0\0\0\x09").login().login_status == 0x301
        asked.closes()
        control(where, "target\nop=ready\ntarget=" + IQN)
        assert Initiator(t, isid=b"\x80\0\0\0\0\x09").login().login_status == 0


def main():
    wanted = sys.argv[2:]
    failed, n = 0, 0
    for f in CASES:
        if wanted and f.__name__ not in wanted:
            continue
        n += 1
        try:
            f()
            print("ok %d - %s" % (n, f.__name__), flush=True)
        except Exception:
            failed += 1
            print("not ok %d - %s" % (n, f.__name__), flush=True)
            print("#" + traceback.format_exc().rstrip().replace("\n", "\n#"), flush=True)
    print("1..%d" % n)
    return 1 if failed else 0


if __name__ == "__main__":
    PROGRAM = sys.argv[1]
    sys.exit(main())
