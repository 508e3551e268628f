#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A slow link: slow_link.py PORT BYTES_PER_SECOND: what is sent here goes to PORT at that pace,
in each direction, and waits in small buffers meanwhile."""

import select
import socket
import sys
import time

BUFFER = 16384


def listen():
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    s.bind(("127.0.0.1", 0))
    s.listen()
    print(f"listening 127.0.0.1:{s.getsockname()[1]}", flush=True)
    return s


class Direction:
    """Bytes from one socket to the other; a bucket of them fills with time."""

    def __init__(self, source, sink, pace):
        self.source, self.sink, self.pace = source, sink, pace
        self.room, self.since, self.held = 0.0, time.monotonic(), b""

    def fill(self):
        now = time.monotonic()
        self.room = min(self.room + (now - self.since) * self.pace, self.pace / 20)
        self.since = now

    def move(self, readable):
        self.fill()
        if readable and not self.held:
            self.held = self.source.recv(4096)
            if not self.held:
                return False
        count = int(min(self.room, len(self.held)))
        if count:
            self.sink.sendall(self.held[:count])
            self.held = self.held[count:]
            self.room -= count
        return True


def serve(client, port, pace):
    target = socket.create_connection(("127.0.0.1", port))
    ways = [Direction(client, target, pace), Direction(target, client, pace)]
    while True:
        wanted = [w.source for w in ways if not w.held]
        ready = select.select(wanted, [], [], 0.01)[0]
        for w in ways:
            if not w.move(w.source in ready):
                return


def main():
    port, pace = int(sys.argv[1]), float(sys.argv[2])
    listener = listen()
    while True:
        client = listener.accept()[0]
        try:
            serve(client, port, pace)
        except OSError as e:
            print(f"lost: {e}", flush=True)
        client.close()


main()
