#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The dummy server: says what it is, offers what it is told to, and what it
takes is nowhere: in no queue, in no ledger, in no accounting file."""

import netns
netns.enter()

import select
import time

import smtp_client
import tap
from lab import Lab, mx_zone

WHERE = ("127.0.0.77", 2526)
CONFIG = """
dummy-smtp-port 2526
dummy-smtp-ip 127.0.0.77
dummy-smtp-has-chunking no
dummy-smtp-has-pipelining no
dummy-smtp-has-verp no
dummy-smtp-latency 150
dummy-smtp-await-slot yes
dummy-smtp-update-stats no
total-max-smtp-in 3
<source 0/0>
    always-allow-relaying yes
</source>
<domain dummy.example>
    smtp-hosts [127.0.0.77]:2526
</domain>
"""


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        super().__init__(zone=mx_zone("in.example",
                                      ("mx.in.example", "127.0.1.1")),
                         config=CONFIG, with_postfix=False, with_milter=False,
                         receivers=[{"listen": ["127.0.1.1:25"]}])

    def __enter__(self):
        self.start()
        return self


@tap.test("what it says and offers, and when",
          proves=("dummy-smtp-port", "dummy-smtp-ip", "dummy-smtp-has-verp",
                  "dummy-smtp-has-chunking", "dummy-smtp-has-pipelining"))
def offers(lab):
    with smtp_client.Client(WHERE) as c:
        tap.equal(c.greeting[0], 220, "greeting")
        tap.check("all mail is thrown away" in c.greeting[1], c.greeting)
        said = c.command("EHLO client.example")[1]
        for word in ("CHUNKING", "PIPELINING", "VERP"):
            tap.check(word not in said, said)
        tap.check("SMTPUTF8" in said, said)


@tap.test("each answer comes later", proves="dummy-smtp-latency")
def latency(lab):
    with smtp_client.Client(WHERE) as c:
        begun = time.monotonic()
        c.command("NOOP")
        tap.check(time.monotonic() - begun >= 0.15, "at once")


@tap.test("who comes when it is full waits", proves="dummy-smtp-await-slot")
def await_slot(lab):
    clients = [smtp_client.Client(WHERE) for _ in range(3)]
    late = smtp_client.Client(WHERE, greeted=False)
    tap.check(not select.select([late.sock], [], [], 0.4)[0], "answered")
    clients.pop().close()
    tap.equal(late.reply()[0], 220, "when one has gone")
    for c in clients + [late]:
        c.close()


@tap.test("what it takes is mail nowhere, and not counted",
          proves="dummy-smtp-update-stats")
def nowhere(lab):
    with smtp_client.Client(WHERE) as c:
        c.hello()
        taken, said = c.send("s@a.example", ["gone@in.example"],
                             b"A: b\r\n\r\nx\r\n")
        tap.equal((taken[0][0], said[0][0]), (250, 250), "taken")
        tap.check("thrown away" in said[0][1], said)
    status = lab.command.json("show", "status")
    tap.check("dummy_smtp" not in status, status)
    tap.equal((lab.audit().accepted, lab.messages()), (0, []), "accepted")


@tap.test("mail of ours may be sent to it, and is delivered")
def sent(lab):
    lab.inject("r@dummy.example")
    lab.wait_record("d", "r@dummy.example")
    lab.settled()


@tap.test("lint tells of it, and where it begins the log does")
def told(lab):
    r = lab.command.run("lint")
    tap.check("dummy-smtp-port" in r.stdout and
              "throws all mail away" in r.stdout, r.stdout + r.stderr)
    tap.check(" warn: - dummy-smtp text=" in lab.daemon.log_text(), "the log")


tap.main(Fixture)
