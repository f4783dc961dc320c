#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The accounting file: PowerMTA's 23 columns in order, d, b and t records,
one for each recipient and event, also over a restart and kill -9."""

import netns
netns.enter()

import re

import tap
import mailrace
from lab import Lab, mx_zone

COLUMNS = ("type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,"
           "dsnDiag,dsnMta,bounceCat,srcType,srcMta,dlvType,dlvSourceIp,"
           "dlvDestinationIp,dlvEsmtpAvailable,dlvSize,vmta,jobId,envId,"
           "queue,vmtaPool")
CONFIG = """
<virtual-mta v1>
    smtp-source-host 127.0.0.11 v1.mta.example
</virtual-mta>
<virtual-mta-pool p1>
    virtual-mta v1
</virtual-mta-pool>
<source 127.0.0.1>
    process-x-virtual-mta yes
    process-x-job yes
</source>
<domain *>
    retry-after 2s
    retry-recipients-after 2s
</domain>
"""
ZONE = mx_zone("in.example", ("mx.in.example", "127.0.1.1"))
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4}")


class Fixture(Lab):
    def __init__(self):
        super().__init__(
            zone=ZONE, config=CONFIG, with_postfix=False, with_milter=False,
            receivers=[{"listen": ["127.0.1.1:25"], "rules": [
                {"at": "rcpt", "match": "<later", "count": 1, "per": "value",
                 "reply": "452 4.2.2 mailbox full, \"try\", later"},
                {"at": "rcpt", "match": "<no", "reply":
                 "550 5.1.1 no such user"}]}])

    def __enter__(self):
        self.start()
        self.inject(["yes@in.example", "later@in.example", "no@in.example"],
                    sender="from@sender.example",
                    params=" ENVID=env+2B1+3D",
                    headers=[("X-Job", "job-1"), ("X-Virtual-MTA", "p1")],
                    ident="0123456789")
        self.wait_record("d", "later@in.example")
        return self


@tap.test("the 23 columns, in PowerMTA's order, CRLF at the end")
def columns(lab):
    header = mailrace.accounting_header(lab.path("acct"))
    tap.equal(header, COLUMNS + "\r\n", "header line")


@tap.test("a d record")
def delivered(lab):
    r = lab.wait_record("d", "yes@in.example")
    tap.equal(list(r.keys()), COLUMNS.split(","), "columns")
    for name, value in (("orig", "from@sender.example"), ("jobId", "job-1"),
                        ("envId", "env+1="), ("vmta", "v1"),
                        ("vmtaPool", "p1"), ("queue", "in.example/v1"),
                        ("dlvSourceIp", "127.0.0.11"), ("dlvType", "smtp"),
                        ("dlvDestinationIp", "127.0.1.1"),
                        ("bounceCat", ""), ("dsnAction", "relayed"),
                        ("dsnMta", "mx.in.example (127.0.1.1)")):
        tap.equal(r[name], value, name)
    tap.check(r["dsnStatus"].startswith("2.0.0"), r["dsnStatus"])
    tap.check(r["dsnDiag"].startswith("smtp;250"), r["dsnDiag"])
    for name in ("timeLogged", "timeQueued"):
        tap.check(TIME.fullmatch(r[name]), "%s: %s" % (name, r[name]))
    tap.check(int(r["dlvSize"]) > 100, "dlvSize")
    tap.check("PIPELINING" in r["dlvEsmtpAvailable"].upper(), "ESMTP")


@tap.test("a t record, with quotes and commas, before the d record",
          proves="acct-file records")
def transient(lab):
    r = lab.wait_record("t", "later@in.example")
    tap.equal(r["dsnAction"], "delayed", "dsnAction")
    tap.check("full, \"try\", later" in r["dsnDiag"], r["dsnDiag"])
    tap.equal([x["type"] for x in lab.accounting()
               if x["rcpt"] == "later@in.example"], ["t", "d"], "order")


@tap.test("a b record with its category")
def bounced(lab):
    r = lab.wait_record("b", "no@in.example")
    tap.equal(r["dsnAction"], "failed", "dsnAction")
    tap.check(r["dsnStatus"].startswith("5.1.1"), r["dsnStatus"])
    tap.equal(r["bounceCat"], "bad-mailbox", "bounceCat")
    tap.equal(r["dlvSize"], "", "dlvSize")


@tap.test("each record once, over a restart and kill -9")
def once(lab):
    rcpts = []
    for i in range(60):
        rcpts.append("once%d@in.example" % i)
        lab.inject(rcpts[-1])
        if i == 20:
            lab.daemon.stop()
            lab.daemon.start()
        if i == 40:
            lab.daemon.kill()
            lab.daemon.start()
    for r in rcpts:
        lab.wait_record("d", r)
    seen = [r["rcpt"] for r in lab.accounting("d")
            if r["rcpt"].startswith("once")]
    doubtful = len(lab.audit().doubts)
    extra = len(seen) - len(set(seen))
    tap.check(extra == 0, "%d records twice (%d in doubt)" % (extra,
                                                              doubtful))
    heads = sum(mailrace.accounting_header(lab.path("acct")).startswith(
        "type,") for _ in (1,))
    tap.equal(heads, 1, "the first line is still the header")


tap.main(Fixture)
