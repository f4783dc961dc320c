#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reloads, listings, clients that vanish and a stop, all while mail flows: no
recipient is lost, delivered twice or accounted for twice."""

import netns
netns.enter()

import json
import os
import socket
import threading
import time

import smtp_client
import tap
from lab import Lab, mx_zone

DOMAINS = {"fast.example": "127.0.1.1", "slow.example": "127.0.1.2",
           "silent.example": "127.0.1.3", "few.example": "127.0.1.4"}
ZONE = "".join(mx_zone(d, ("mx." + d, ip)) for d, ip in DOMAINS.items())
RECEIVERS = [
    {"listen": ["127.0.1.1:25"]},
    {"listen": ["127.0.1.2:25"],
     "rules": [{"at": "dot", "delay": 0.5, "action": "pass"}]},
    {"listen": ["127.0.1.3:25"],
     "rules": [{"at": "connect", "action": "hang", "until": 7}]},
    {"listen": ["127.0.1.4:25"],
     "rules": [{"at": "connect", "action": "close", "over": 2,
                "reply": "421 4.7.0 too many connections"},
               {"at": "dot", "delay": 0.05, "action": "pass"}]},
]
SOURCES = """
<source 127.0.0.1>
    process-x-virtual-mta yes
</source>
<domain silent.example>
    retry-after 2s
</domain>
<virtual-mta v1>
    smtp-source-host 127.0.0.11 v1.mta.example
</virtual-mta>
"""
# One of the two is in force; v2 comes and goes.
CONFIGS = (SOURCES + """
<domain *>
    retry-after 600s
    max-smtp-out 5
</domain>
<virtual-mta v2>
    smtp-source-host 127.0.0.12 v2.mta.example
    <domain *>
        max-smtp-out 2
    </domain>
</virtual-mta>
""", SOURCES + """
<domain *>
    retry-after 600s
    max-smtp-out 20
    max-msg-per-connection 3
</domain>
""")


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIGS[0], receivers=RECEIVERS,
                         with_postfix=False, with_milter=False)

    def __enter__(self):
        self.start()
        self.accepted = []
        return self


def feed(lab, name, stop):
    """Hands messages over until told to stop, or refused by a stop."""
    n = 0
    while not stop.is_set():
        try:
            with smtp_client.Client(lab.lmtp, lmtp=True, timeout_s=20) as c:
                c.hello()
                for _ in range(20):
                    domain = list(DOMAINS)[n % len(DOMAINS)]
                    # Of the slow ones no more than they can take.
                    if domain[0] == "s" and n % 40 > 2 or \
                            domain == "few.example" and n % 16 > 3:
                        domain = "fast.example"
                    rcpt = "%s-%d@%s" % (name, n, domain)
                    # Its limit is shared by all: one queue only.
                    vmta = 1 if domain == "few.example" else 1 + n // 4 % 2
                    n += 1
                    text = smtp_client.compose(
                        "s@sender.example", rcpt,
                        headers=[("X-Virtual-MTA", "v%d" % vmta)])
                    _, dots = c.send("s@sender.example", [rcpt], text,
                                     xforward={"ADDR": "127.0.0.1"})
                    if dots and dots[0][0] == 250:
                        lab.accepted.append(rcpt)
                    time.sleep(0.002)
        except (OSError, smtp_client.Closed, ValueError):
            time.sleep(0.02)


def vanish(lab):
    """Asks for everything and goes away at once."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(lab.path("run", "control"))
        s.sendall(json.dumps({"command": "list",
                              "maxitems": 1000000}).encode() + b"\n")
        s.recv(10)


def feeders(lab, names, stop):
    threads = [threading.Thread(target=feed, args=(lab, n, stop), daemon=True)
               for n in names]
    for t in threads:
        t.start()
    return threads


@tap.test("a server that takes two connections gets its mail over them")
def crowd(lab):
    rcpts = ["c%d@few.example" % i for i in range(60)]
    for r in rcpts:
        lab.inject(r)
    lab.accepted += rcpts
    for r in rcpts:
        lab.wait_arrived(r, 20)
    refused = sum(1 for e in lab.events("rule") if "too many" in str(e))
    tap.check(refused > 0, "it never refused")


@tap.test("forty reloads while mail flows, and clients that vanish")
def reloads(lab):
    stop = threading.Event()
    threads = feeders(lab, ("a", "b"), stop)
    try:
        for i in range(40):
            lab.write_config(CONFIGS[(i + 1) % 2])
            lab.command.text("reload")
            vanish(lab)
            lab.command.json("show", "queues")
    finally:
        stop.set()
        for t in threads:
            t.join(30)
    tap.check(lab.audit().balances(), "audit: %s" % lab.audit())
    tap.check(len(lab.accepted) > 100, "only %d accepted" % len(lab.accepted))


@tap.test("a stop under load: exit status 0 within seconds")
def stop_busy(lab):
    stop = threading.Event()
    threads = feeders(lab, ("c", "d"), stop)
    try:
        for _ in range(3):
            time.sleep(2.5)  # the last start finds the silent one talking
            vanish(lab)
            began = time.monotonic()
            tap.equal(lab.daemon.stop(), 0, "exit status")
            took = time.monotonic() - began
            tap.note("stopped after %.1f s" % took)
            tap.check(took < 30, "it took %.1f s" % took)
            text = lab.daemon.log_text()
            tap.check("cutting off transactions" not in text and
                      "transactions were still" not in text,
                      "it had to wait for transactions")
            lab.daemon.start()
    finally:
        stop.set()
        for t in threads:
            t.join(30)


@tap.test("each accepted recipient arrived once and has one row")
def once(lab):
    # A stop may leave the one that takes two full: its queue waits, also over
    # the next start.
    lab.command.text("schedule", "*")
    lab.settled(90)
    got = [r for m in lab.messages() for r in m["rcpts"]]
    tap.equal(sorted(set(lab.accepted) - set(got))[:10], [], "lost")
    tap.equal(len(got), len(set(got)), "deliveries: none twice")
    tap.wait_for(lambda: len(lab.accounting("d")) >= len(got), 20, "rows")
    rows = [r["rcpt"] for r in lab.accounting("d")]
    tap.equal(sorted(rows), sorted(got), "rows of accounting")
    audit = lab.audit()
    tap.check(audit.balances() and not audit.doubts, "audit: %s" % audit)
    tap.check(os.path.getsize(lab.daemon.log) > 0 and
              " check " not in lab.daemon.log_text(), "a CHECK failed")


tap.main(Fixture)
