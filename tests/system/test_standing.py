#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Errors have consequences: a source with too many of them is not used any
more, then the queue is in backoff, with its limits; DNS that fails and new mail
have waits of their own.  Judged by the receivers' log."""

import netns
netns.enter()

import re

import tap
from lab import Lab, mx_zone

CONFIG = """
<virtual-mta two>
    smtp-source-host 127.0.0.11 one.mta.example
    smtp-source-host 127.0.0.12 two.mta.example
</virtual-mta>
<source 127.0.0.1>
    process-x-virtual-mta yes
</source>
<domain *>
    retry-after 1h
    retry-recipients-after 1h
    max-msg-per-connection 1
</domain>
<domain one.example>
    retry-after 1s
    max-errors-per-hour 4
    log-disabled-ips yes
</domain>
<domain errors.example>
    max-errors-per-hour 4
    backoff-max-msg-rate 1/h
</domain>
<domain dns.example>
    retry-after-dns-error 2s
</domain>
<domain fresh.example>
    retry-upon-new-mail yes
</domain>
"""
ZONE = (mx_zone("one.example", ("mx.one.example", "127.0.1.1"))
        + mx_zone("errors.example", ("mx.errors.example", "127.0.1.2"))
        + mx_zone("fresh.example", ("mx.fresh.example", "127.0.1.3"))
        + "dns.example SERVFAIL\n")
RECEIVERS = [
    {"listen": ["127.0.1.1:25"],
     "rules": [{"at": "ehlo", "match": "^one[.]mta[.]example",
                "reply": "421 4.7.0 not you", "action": "close"}]},
    {"listen": ["127.0.1.2:25"],
     "rules": [{"at": "rcpt", "reply": "451 4.7.1 blocked"}]},
    {"listen": ["127.0.1.3:25"],
     "rules": [{"at": "connect", "reply": "421 4.3.2 later", "count": 1}]}]


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, with_postfix=False,
                         with_milter=False, receivers=RECEIVERS)

    def __enter__(self):
        self.start()
        self.send("a@dns.example")  # its waits pass meanwhile
        return self

    def send(self, rcpt, vmta=None):
        self.inject(rcpt, headers=[("X-Virtual-MTA", vmta)] if vmta else [])

    def queue(self, domain, *options):
        rows = self.command.json("show", "queues", domain,
                                 *options)["queues"]
        return rows[0] if rows else None

    def connects(self):
        """From where, in the order of time."""
        return [e["peer"] for e in self.events("connect")
                if e["to"] == "127.0.1.1:25"]

    def logged(self, event):
        """The lines of an event."""
        return re.findall(r" %s (.*)" % event, self.daemon.log_text())


@tap.test("a source with too many errors is disabled: others go on",
          proves=("domain max-errors-per-hour", "domain log-disabled-ips"))
def source(lab):
    sent = 0
    while not lab.logged("source") and sent < 20:
        lab.send("r%d@one.example" % sent, "two")
        lab.wait_arrived("r%d@one.example" % sent)
        sent += 1
    said = lab.logged("source")
    tap.check(len(said) == 1 and "state=off" in said[0] and
              "address=127.0.0.11" in said[0] and
              "max-errors-per-hour" in said[0], str(said))
    tap.equal(lab.connects().count("127.0.0.11"), 5, str(lab.connects()))
    before = len(lab.connects())
    for i in range(4):
        lab.send("s%d@one.example" % i, "two")
        lab.wait_arrived("s%d@one.example" % i)
    tap.equal(lab.connects()[before:], ["127.0.0.12"] * 4, "afterwards")
    tap.equal(lab.queue("one.example", "--mode=backoff"), None, "backoff")


@tap.test("without another source the queue is in backoff, and why says so",
          proves=("domain max-errors-per-hour", "domain backoff-max-msg-rate"))
def errors(lab):
    for i in range(5):
        tap.check(lab.queue("errors.example", "--mode=backoff") is None,
                  "after %d errors" % i)
        lab.send("r%d@errors.example" % i)
        lab.wait_record("t", "r%d@errors.example" % i)
    row = tap.wait_for(lambda: lab.queue("errors.example", "--mode=backoff"),
                       20, "backoff")
    tap.check("max-errors-per-hour" in row["mode_why"], str(row))
    mode = lab.logged("mode")
    tap.check(len(mode) == 1 and "state=backoff" in mode[0], str(mode))
    for i in range(3):
        lab.send("more%d@errors.example" % i)
    tap.wait_for(lambda: lab.queue("errors.example")["waits_for"] != "", 20,
                 "a limit")
    said = lab.command.text("why", "errors.example")
    tap.check("backoff-max-msg-rate" in said and "in backoff mode" in said
              and "max-errors-per-hour" in said, said)


@tap.test("a failure of DNS is tried again after its own time",
          proves="domain retry-after-dns-error")
def dns(lab):
    tap.wait_for(lambda: len([l for l in lab.logged("session")
                              if "queue=dns.example/" in l]) >= 3, 20,
                 "three attempts")


@tap.test("new mail ends the wait of a queue that failed",
          proves="domain retry-upon-new-mail")
def new_mail(lab):
    lab.send("a@fresh.example")
    tap.wait_for(lambda: (lab.queue("fresh.example") or {}).get("retry"), 20,
                 "the queue waits")
    lab.send("b@fresh.example")
    lab.wait_arrived("b@fresh.example")
    lab.wait_arrived("a@fresh.example")


tap.main(Fixture)
