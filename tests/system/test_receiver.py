#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The tools that the other tests rest on: a private Postfix starts, delivers
to scripted receivers, and these do what their script says."""

import netns
netns.enter()

import os
import signal
import socket
import ssl
import time

import smtp_client
import tap
from lab import Lab, mx_zone
import keys

LATE_S = 0.1
ZONE = mx_zone("one.example", ("mx1.one.example", "127.0.1.1"))


class Fixture:
    """A Postfix that delivers by itself, without Mailrace."""

    def __enter__(self):
        lab = Lab(zone=ZONE, with_milter=False, with_postfix=False)
        self.lab = lab
        tls = keys.certificate(lab.path("keys"), "mx1.one.example")
        lab.receivers = [
            {"listen": ["127.0.1.1:25", "[::1]:25"],
             "name": "mx1.one.example",
             "ehlo": ["PIPELINING", "STARTTLS", "8BITMIME"], "tls": tls,
             "max_messages": 3,
             "rules": [
                 {"at": "rcpt", "match": "<first@", "count": 1,
                  "reply": "450 4.2.1 try later"},
                 {"at": "rcpt", "match": "<never@",
                  "reply": "550 5.1.1 no such user"},
                 {"at": "dot", "match": "X-Drop: yes", "action": "drop"},
             ]},
            {"listen": ["127.0.1.2:25"], "rules": [
                {"at": "connect", "count": 2, "action": "close",
                 "reply": "421 4.7.0 not now"}]},
        ]
        lab.start_receivers()
        return self.lab

    def __exit__(self, *exc):
        self.lab.__exit__(*exc)


def send(where, rcpt="a@one.example", headers=()):
    with smtp_client.Client((where, 25)) as c:
        c.hello()
        return c.send("s@sender.example", [rcpt], smtp_client.compose(
            "s@sender.example", rcpt, headers=headers))


@tap.test("a message is taken, logged and stored byte for byte")
def stored(lab):
    rcpts, dot = send("127.0.1.1", headers=[("X-Test-Id", "42")])
    tap.equal([rcpts[0][0], dot[0][0]], [250, 250], "replies")
    m = tap.wait_for(lambda: lab.messages(), 20, "it is logged")[0]
    tap.equal(m["headers"], {"X-Test-Id": "42"}, "headers")
    tap.equal(m["peer"], "127.0.0.1", "peer")
    with open(m["file"], "rb") as f:
        tap.check(f.read().endswith(b"\r\n\r\nHello.\r\n"), "body")


@tap.test("rules: first time 450, for good 550, dropped at the dot")
def rules(lab):
    tap.equal(send("127.0.1.1", "first@one.example")[0][0][0], 450, "1st")
    tap.equal(send("127.0.1.1", "first@one.example")[0][0][0], 250, "2nd")
    tap.equal(send("127.0.1.1", "never@one.example")[0][0][0], 550, "never")
    try:
        send("127.0.1.1", headers=[("X-Drop", "yes")])
        tap.check(False, "the connection should have been reset")
    except (ConnectionError, smtp_client.Closed):
        pass


@tap.test("421 in the greeting twice, then 220")
def greeting(lab):
    codes = []
    for _ in range(3):
        with smtp_client.Client(("127.0.1.2", 25)) as c:
            codes.append(c.greeting[0])
    tap.equal(codes, [421, 421, 220], "greetings")


@tap.test("STARTTLS, and no more than max_messages on a connection")
def tls(lab):
    with smtp_client.Client(("::1", 25)) as c:
        c.hello()
        tap.check("STARTTLS" in c.extensions, "STARTTLS offered")
        tap.equal(c.command("STARTTLS")[0], 220, "STARTTLS")
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        c.sock = context.wrap_socket(c.sock)
        c.hello()
        message = smtp_client.compose("s@sender.example", "a@one.example")
        for _ in range(3):
            _, dot = c.send("s@sender.example", ["a@one.example"], message)
            tap.equal(dot[0][0], 250, "taken")
        tap.equal(c.command("MAIL FROM:<>")[0], 421, "the fourth")
    tap.wait_for(lambda: lab.messages(tls="TLSv1.3"), 20, "TLS is logged")


def stopped(lab, where):
    """A connection while the receiver gets no CPU: its port, and the four
    moments between which it was opened, and closed."""
    lab.receiver.signal(signal.SIGSTOP)
    times = [time.time()]
    with socket.create_connection((where, 25)) as s:
        times.append(time.time())
        port = s.getsockname()[1]
        time.sleep(LATE_S)
        times.append(time.time())
    times.append(time.time())
    time.sleep(LATE_S)
    lab.receiver.signal(signal.SIGCONT)
    return port, times


def of_port(lab, port):
    """(connect, close) of the connection from there, when it is over."""
    connect = next((e for e in lab.events("connect") if e["port"] == port),
                   None)
    return next(((connect, e) for e in lab.events("close")
                 if connect is not None and e["id"] == connect["id"]), None)


@tap.test("when a connection began and ended is the kernel's time of it, however "
          "late the receiver is")
def late(lab):
    for where in ("127.0.1.1", "::1"):
        port, times = stopped(lab, where)
        connect, close = tap.wait_for(lambda: of_port(lab, port), 20,
                                      "it is over")
        got = times[:1] + [connect["t"]] + times[1:3] + [close["t"]] + \
            times[3:]
        tap.equal(got, sorted(got), "opened and closed")


@tap.test("a private Postfix delivers to a receiver")
def private_postfix(lab):
    import postfix
    if postfix.missing():
        tap.skip(postfix.missing() + " is not installed")
    p = postfix.Postfix(lab.path("pf"), hand_over=False, main="""\
default_transport = smtp:[127.0.1.2]
smtp_host_lookup = native
""")
    try:
        p.start()
        p.source("load@sender.example", "x@one.example", 20, "-s", "5")
        p.sendmail("me@sender.example", ["y@one.example"],
                   "Subject: hi\n\nfrom the command line\n")
        # pickup(8) looks by itself only once a minute.
        tap.wait_for(lambda: len(lab.messages(to="127.0.1.2:25")) == 21, 90,
                     "21 messages")
        # Postfix takes a message out after it has heard that it was taken.
        tap.wait_for(lambda: p.queue_size() == 0, 30, "the queue is empty")
    finally:
        p.stop()
    # Empty at first, see netns.py: the machine's own queue is not seen here.
    tap.equal(os.listdir("/var/spool"), [], "made beside the private queue")


tap.main(Fixture)
