#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mailrace audit: the ledger balances, also after a kill -9 and with a spool of
version 0.1; what ended without a record is counted; doubts since a time."""

import netns
netns.enter()

import os
import shutil
import time

import mailrace
import tap
from lab import Lab, mx_zone

OLD_SPOOL = os.path.join(mailrace.SOURCE, "tests", "old", "spool-0.1.dump")
CONFIG = """
<virtual-mta v1>
    smtp-source-host 127.0.0.11 v1.mta.example
</virtual-mta>
<domain *>
    retry-after 2s
    retry-recipients-after 2s
    bounce-after 3650d
</domain>
<domain quiet.example>
    disable-acct-records delivery,b
</domain>
"""
ZONE = mx_zone("in.example", ("mx.in.example", "127.0.1.1")) + \
    mx_zone("quiet.example", ("mx.in.example", "127.0.1.1")) + \
    mx_zone("slow.example", ("mx.slow.example", "127.0.1.2"))


class Fixture(Lab):
    def __init__(self):
        super().__init__(
            zone=ZONE, config=CONFIG, with_postfix=False, with_milter=False,
            receivers=[{"listen": ["127.0.1.1:25"], "rules": [
                {"at": "rcpt", "match": "<no", "reply":
                 "550 5.1.1 no such user"}]},
                {"listen": ["127.0.1.2:25"], "rules": [
                    {"at": "dot", "delay": 2, "action": "pass"}]}])

    def __enter__(self):
        self.start()
        return self

    def unrecorded(self):
        answer = self.audit().answer["unrecorded"]
        return answer["d"], answer["b"]


@tap.test("nothing is left unrecorded where nobody asks for that")
def recorded(lab):
    lab.inject(["a@in.example", "no@in.example"])
    lab.settled()
    tap.equal(lab.unrecorded(), (0, 0), "unrecorded")
    tap.check("without record" not in lab.command.text("audit"), "text")


@tap.test("disabled records and deletions without accounting are counted")
def unrecorded(lab):
    lab.inject(["a@quiet.example", "b@quiet.example", "no@quiet.example"])
    lab.settled()
    tap.equal(lab.unrecorded(), (2, 1), "disabled")
    lab.command.text("pause", "queue", "in.example")
    lab.inject(["gone1@in.example", "gone2@in.example"])
    lab.command.text("delete", "--queue=in.example", "--rcpt=gone1*",
                     "--no-accounting")
    lab.command.text("delete", "--queue=in.example")
    lab.command.text("resume", "queue", "in.example")
    tap.equal(lab.unrecorded(), (2, 2), "deleted")
    tap.check("ended without record   4 (2 delivered)" in
              lab.command.text("audit"), lab.command.text("audit"))
    lab.daemon.kill()
    lab.daemon.start()
    tap.equal(lab.unrecorded(), (2, 2), "after a kill -9")
    lab.inject("last@in.example")
    lab.wait_record("b", "gone2@in.example")
    lab.wait_record("d", "last@in.example")
    tap.equal([r for r in lab.accounting() if "quiet" in r["rcpt"] or
               "gone1" in r["rcpt"]], [], "rows")


@tap.test("--since: only doubts from then on")
def since(lab):
    lab.inject("doubt@slow.example")
    tap.wait_for(lambda: [e for e in lab.events("delay")
                          if e["at"] == "dot"], 20, "the server thinks")
    lab.daemon.kill()
    lab.daemon.start()
    for value, count in (("1h", 1), ("2026-01-01", 1),
                         (str(int(time.time()) + 60), 0)):
        answer = lab.command.json("audit", "--since=" + value)
        tap.equal((len(answer["doubts"]), answer["in_doubt"]),
                  (count, count), value)
    r = lab.command.run("audit", "--since=yesterday")
    tap.equal(r.returncode, 2, "exit status")
    tap.check("neither" in r.stderr, r.stderr)
    lab.settled()


def load_old(lab):
    """Makes the spool that of version 0.1, and the accounting file empty."""
    lab.daemon.stop()
    shutil.rmtree(lab.path("spool"))
    for name in os.listdir(lab.path("acct")):
        os.remove(lab.path("acct", name))
    lab.command.text("queue", "load", OLD_SPOOL)


@tap.test("a spool of version 0.1: its mail is delivered, and its records come"
          " once")
def old_spool(lab):
    load_old(lab)
    lab.daemon.start()
    lab.command.text("schedule", "--retry-recipients", "*/*")
    audit = lab.settled()
    tap.equal((audit.accepted, audit.terminal["delivered"],
               audit.terminal["failed"]), (7, 5, 2), "ledger")
    want = ["b no1@in.example", "d doubt@slow.example", "d later0@in.example",
            "d later1@in.example", "d yes1@in.example", "t later1@in.example"]
    rows = tap.wait_for(lambda: len(lab.accounting()) >= len(want) and
                        lab.accounting(), 20, "rows")
    tap.equal(sorted("%s %s" % (r["type"], r["rcpt"]) for r in rows), want,
              "rows")
    for r in rows:
        if "1@" in r["rcpt"]:
            tap.equal((r["queue"], r["jobId"], r["orig"]),
                      ("in.example/v1", "job-1", "from@sender.example"),
                      r["rcpt"])
    lab.daemon.stop()
    lab.daemon.start()
    tap.check(lab.command.run("audit").returncode == 0, "exit status")
    tap.equal(len(lab.accounting()), len(want), "rows after a restart")


tap.main(Fixture)
