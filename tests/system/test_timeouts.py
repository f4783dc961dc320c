#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A server that stops answering holds a connection no longer than the
directive for that phase says; the mail waits and nothing is lost."""

import netns
netns.enter()

import socket
import threading
import time

import smtp_client
import tap
from lab import Lab, mx_zone

LIMIT_S = 2
LATE_S = 15  # a busy machine; every default is longer
PHASES = ("connect", "greeting", "body", "dot")
PORT = 2526
CONFIG = """
<domain *>
    retry-after 1h
    retry-recipients-after 1h
    default-smtp-port 2526
</domain>
<domain connect.example>
    connect-timeout 2s
    mx-connection-attempts 1
</domain>
<domain greeting.example>
    smtp-greeting-timeout 2s
</domain>
<domain body.example>
    data-send-timeout 2s
</domain>
<domain dot.example>
    smtp-data-termination-timeout 2s
</domain>
"""


def address(phase):
    return "127.0.3.%d" % (PHASES.index(phase) + 1)


class Mute(threading.Thread):
    """An SMTP server that falls silent in one phase."""

    def __init__(self, phase):
        super().__init__(daemon=True)
        self.phase = phase
        self.kept = []
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address(phase), PORT))
        # A queue that is full drops what comes: nobody accepts.
        self.listener.listen(0 if phase == "connect" else 5)
        if phase == "connect":
            self.fill()

    def fill(self):
        for _ in range(4):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex((address(self.phase), PORT))
            self.kept.append(s)

    def run(self):
        while self.phase != "connect":
            peer, _ = self.listener.accept()
            self.kept.append(peer)
            if self.phase != "greeting":
                self.talk(peer)

    def talk(self, peer):
        peer.sendall(b"220 mute\r\n")
        in_data = False
        for line in peer.makefile("rb"):
            if in_data:
                continue
            in_data = line.upper().startswith(b"DATA")
            peer.sendall(b"354 go on\r\n" if in_data else b"250 mute\r\n")
            if in_data and self.phase == "body":
                return


class Fixture(Lab):
    def __init__(self):
        super().__init__(
            zone="".join(mx_zone(p + ".example",
                                 ("mx.%s.example" % p, address(p)))
                         for p in PHASES),
            config=CONFIG, with_postfix=False, with_milter=False)

    def __enter__(self):
        self.servers = [Mute(p) for p in PHASES]
        for s in self.servers:
            s.start()
        self.start()
        return self


def ended(lab, phase):
    """The log's lines on what took too long in that queue."""
    return [line for line in lab.daemon.log_text().splitlines()
            if " queue=%s.example/" % phase in line and
            'text="timed out while ' in line]


def gives_up(lab, phase, message=None):
    """The server is given up in time, for this reason; the mail waits."""
    to = "a@%s.example" % phase
    start = time.monotonic()
    lab.inject(to, message=message)
    tap.wait_for(lambda: ended(lab, phase), LATE_S + 5, "a time-out in the log")
    took = time.monotonic() - start
    tap.check(LIMIT_S * 0.75 < took < LATE_S, "after %.1f s" % took)


@tap.test("connect-timeout: no answer to the SYN", proves="domain connect-timeout")
def connect(lab):
    gives_up(lab, "connect")


@tap.test("smtp-greeting-timeout: a connection, and no word",
          proves=("domain smtp-greeting-timeout", "domain default-smtp-port"))
def greeting(lab):
    gives_up(lab, "greeting")


@tap.test("data-send-timeout: a server that stops reading",
          proves="domain data-send-timeout")
def body(lab):
    gives_up(lab, "body", smtp_client.compose(
        "s@a.example", "a@body.example", body="x" * 70 + "\n") +
        (b"y" * 78 + b"\r\n") * 100000)


@tap.test("smtp-data-termination-timeout: no reply to the dot",
          proves="domain smtp-data-termination-timeout")
def dot(lab):
    gives_up(lab, "dot")


tap.main(Fixture)
