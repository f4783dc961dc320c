#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A restart with a large queue: mail flows while it is being read, and each of
its recipients is there in the end."""

import netns
netns.enter()

import os
import socket
import subprocess
import threading

import mailrace
import smtp_client
import tap
from lab import Lab, mx_zone

MESSAGES = 100000
ZONE = mx_zone("in.example", ("mx.in.example", "127.0.1.1"))
# LISTEN_PID must be the daemon's own.
WRAPPER = ["/bin/bash", "-c", "exec 3<&%d; export LISTEN_FDS=1 LISTEN_PID=$$;"
           " exec \"$@\"", "bash"]


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, with_postfix=False, with_milter=False,
                         receivers=[{"listen": ["127.0.1.1:25"]}])

    def __enter__(self):
        filler = mailrace.program("tests/bench/bench_spool")
        if not os.access(filler, os.X_OK):
            tap.skip("bench_spool is not built: make bench-programs")
        subprocess.run([filler, self.path("spool"), str(MESSAGES),
                        "domains=1000", "body=100", "due=86400"], check=True,
                       stdout=subprocess.DEVNULL, timeout=300)
        self.start_dns()
        self.start_receivers()
        return self


def first_line(lab, *words):
    """Number of the first line of the log with these words, or None."""
    for i, line in enumerate(lab.daemon.log_text().splitlines()):
        if all(w in line for w in words):
            return i
    return None


class Client(threading.Thread):
    """Hands over a message as soon as it is greeted."""

    def __init__(self, lab, rcpt):
        super().__init__(daemon=True)
        self.lab, self.rcpt = lab, rcpt
        self.codes = []
        self.start()

    def run(self):
        with smtp_client.Client(self.lab.lmtp, lmtp=True, timeout_s=60) as c:
            c.hello()
            _, dots = c.send("s@sender.example", [self.rcpt],
                             smtp_client.compose("s@sender.example",
                                                 self.rcpt))
            self.codes = [code for code, _ in dots]


@tap.test("a message that waits at the listener is delivered before the queue "
          "has been read")
def flows(lab):
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(lab.lmtp)
        s.listen(8)
        client = Client(lab, "fresh@in.example")
        tap.wait_for(lambda: lab.lmtp_clients() == 1, 20, "a client waits")
        prefix = [w % s.fileno() if "%d" in w else w for w in WRAPPER]
        lab.daemon.start(argv_prefix=prefix, pass_fds=(s.fileno(),))
    client.join(60)
    tap.equal(client.codes, [250], "handed over")
    lab.wait_arrived("fresh@in.example", 60)
    loaded = tap.wait_for(lambda: first_line(lab, " - loaded "), 60,
                          "the queue has been read")
    delivered = first_line(lab, " attempt result=delivered ",
                           "fresh@in.example")
    tap.check(delivered is not None and delivered < loaded,
              "lines of the log: delivered %s, loaded %s" % (delivered,
                                                             loaded))


@tap.test("each recipient of the queue is known, and the ledger balances")
def complete(lab):
    status = lab.command.json("show", "status")
    tap.equal((status["queue"]["recipients"], status["queue"]["deferred"]),
              (MESSAGES, MESSAGES), "show status")
    tap.equal(status["store"]["audited"], 0, "records that it looked at")
    audit = lab.audit()
    tap.equal((audit.queued, audit.terminal["delivered"]), (MESSAGES, 1),
              "audit")
    tap.check(audit.balances(), audit)
    status = lab.command.json("show", "status")
    tap.equal(status["store"]["audited"], MESSAGES,
              "records that the audit looked at")


tap.main(Fixture)
