#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The accounting file: PowerMTA's 23 columns in order, d, b and t records,
one for each recipient and event, also over a restart and kill -9; records of
receipts and of queues that wait, copies of header fields, types left out."""

import netns
netns.enter()

import os
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
<domain quiet.example>
    disable-acct-records d, r, transient-queue
</domain>
<acct-file {root}/more/all.csv>
    records d,b,t,tq,r
    record-fields d *, header_X-Note, spoolId, dlvTlsProtocol, dlvTlsCipher
    record-fields t *, timeFirstAttempt
    record-fields r *, header_x-note, vmtaPool, spoolId
</acct-file>
"""
ZONE = mx_zone("in.example", ("mx.in.example", "127.0.1.1")) + \
    mx_zone("quiet.example", ("mx.in.example", "127.0.1.1")) + \
    mx_zone("tls.example", ("mx.tls.example", "127.0.1.2")) + \
    mx_zone("down.example", ("mx.down.example", "127.0.1.9"))
RECEIPT = ("type,timeLogged,orig,rcpt,orcpt,srcType,srcMta,rcvSourceIp,"
           "rcvDestinationIp,vmta,jobId,envId")
WAITING = ("type,timeLogged,dsnStatus,dsnDiag,dsnMta,dlvType,dlvSourceIp,"
           "dlvDestinationIp,vmta,queue")
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4}")


class Fixture(Lab):
    def __init__(self):
        super().__init__(
            zone=ZONE, config=CONFIG, with_postfix=False, with_milter=False,
            receivers=[{"listen": ["127.0.1.1:25"], "rules": [
                {"at": "rcpt", "match": "<later", "count": 1, "per": "value",
                 "reply": "452 4.2.2 mailbox full, \"try\", later"},
                {"at": "rcpt", "match": "<no", "reply":
                 "550 5.1.1 no such user"}]},
                {"listen": ["127.0.1.2:25"], "tls": True,
                 "ehlo": ["PIPELINING", "STARTTLS"]}])
        os.mkdir(self.path("more"))

    def __enter__(self):
        self.start()
        self.inject(["yes@in.example", "later@in.example", "no@in.example"],
                    sender="from@sender.example",
                    params=" ENVID=env+2B1+3D",
                    headers=[("X-Job", "job-1"), ("X-Virtual-MTA", "p1")],
                    ident="0123456789")
        self.wait_record("d", "later@in.example")
        return self

    def more(self, kind=None, rcpt=None):
        """Rows of the file that takes all types."""
        return [r for r in mailrace.accounting(self.path("more"))
                if kind in (None, r["type"]) and rcpt in (None, r["rcpt"])]

    def wait_more(self, kind, rcpt=None, count=1):
        return tap.wait_for(lambda: len(self.more(kind, rcpt)) >= count and
                            self.more(kind, rcpt), 20,
                            "%d row(s) %s for %s" % (count, kind, rcpt))


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


@tap.test("r records: one for each recipient, before all others of it")
def receipts(lab):
    lab.wait_more("d", "later@in.example")
    for rcpt in ("yes", "later", "no"):
        kinds = [r["type"] for r in lab.more(rcpt=rcpt + "@in.example")]
        tap.equal((kinds[0], kinds.count("r")), ("r", 1), rcpt)
    r = lab.more("r", "yes@in.example")[0]
    for name, value in (("orig", "from@sender.example"), ("jobId", "job-1"),
                        ("envId", "env+1="), ("vmta", "p1"),
                        ("vmtaPool", "p1"), ("srcType", "smtp"),
                        ("rcvSourceIp", "127.0.0.1"),
                        ("rcvDestinationIp", "")):
        tap.equal(r[name], value, name)
    tap.check(TIME.fullmatch(r["timeLogged"]), r["timeLogged"])
    empty = set(r) - set(RECEIPT.split(",")) - {"vmtaPool", "header_X-Note", "spoolId"}
    tap.equal({r[name] for name in empty}, {""}, "the other columns")


@tap.test("a repeated hand-over has no second receipt; a new recipient has one")
def repeated(lab):
    for more in ([], ["new@in.example"]):
        lab.inject(["again@in.example"] + more, ident="9876543210")
        lab.wait_more("d", (["again@in.example"] + more)[-1])
    tap.equal([r["rcpt"] for r in lab.more("r")
               if r["rcpt"] in ("again@in.example", "new@in.example")],
              ["again@in.example", "new@in.example"], "receipts")


@tap.test("spoolId names the message as the log does, from r to d")
def spool_id(lab):
    lab.inject("logged@in.example")
    d = lab.wait_more("d", "logged@in.example")[0]
    r = lab.more("r", "logged@in.example")[0]
    tap.equal(r["spoolId"], d["spoolId"], "one message")
    with open(lab.daemon.log) as f:
        lines = [l for l in f if "<logged@in.example>" in l]
    tap.check(any(d["spoolId"] in l.split() for l in lines), "%s" % lines)


@tap.test("rcvSourceIp is the client that the host names, else ours")
def addresses(lab):
    lab.inject("forwarded@in.example", client="192.0.2.77")
    lab.inject("tcp@in.example", where=("127.0.0.2", 24), client="127.0.0.1")
    for rcpt, source, destination in (
            ("forwarded", "192.0.2.77", ""), ("tcp", "127.0.0.1",
                                              "127.0.0.2")):
        r = lab.wait_more("r", rcpt + "@in.example")[0]
        tap.equal((r["rcvSourceIp"], r["rcvDestinationIp"]),
                  (source, destination), rcpt)


@tap.test("copies of header fields, also of those that policy takes away")
def headers(lab):
    lab.inject(["memo@in.example", "later-memo@in.example"], headers=[
        ("X-Note", "one, \"two\"\n three"), ("X-NOTE", "second")])
    for kind in ("r", "d"):
        r = lab.wait_more(kind, "memo@in.example")[0]
        tap.equal(r["header_X-Note"], "one, \"two\" three", kind)
    lab.daemon.stop()  # what waits is read from the spool again
    lab.daemon.start()
    r = lab.wait_more("d", "later-memo@in.example")[0]
    tap.equal(r["header_X-Note"], "one, \"two\" three", "after a restart")
    tap.equal(lab.more("r", "yes@in.example")[0]["header_X-Note"], "",
              "a message without it")


@tap.test("what the delivery was protected by, and when it was tried first")
def optional(lab):
    lab.inject("a@tls.example")
    r = lab.wait_more("d", "a@tls.example")[0]
    tap.check(r["dlvTlsProtocol"].startswith("TLSv1."), r["dlvTlsProtocol"])
    tap.check(len(r["dlvTlsCipher"]) > 8 and " " not in r["dlvTlsCipher"],
              r["dlvTlsCipher"])
    plain = lab.more("d", "yes@in.example")[0]
    tap.equal((plain["dlvTlsProtocol"], plain["dlvTlsCipher"]), ("", ""),
              "without TLS")
    r = lab.more("t", "later@in.example")[0]
    tap.check(TIME.fullmatch(r["timeFirstAttempt"]) and
              r["timeFirstAttempt"] <= r["timeLogged"], str(r))


@tap.test("a tq record each time a queue begins to wait, and none else")
def waiting(lab):
    lab.inject(["x@down.example", "y@down.example"])
    r = lab.wait_more("tq", count=2)[0]
    tap.equal((r["queue"], r["vmta"], r["dlvType"], r["dlvSourceIp"],
               r["dlvDestinationIp"], r["dsnMta"]),
              ("down.example/{default}", "{default}", "smtp", "127.0.0.10",
               "127.0.1.9", "mx.down.example (127.0.1.9)"), "row")
    tap.equal(r["dsnStatus"], "4.4.1 (no answer from host)", "dsnStatus")
    tap.check("refused" in r["dsnDiag"], r["dsnDiag"])
    empty = set(r) - set(WAITING.split(","))
    tap.equal({r[name] for name in empty}, {""}, "the other columns")
    tap.equal({r["queue"] for r in lab.more("tq")},
              {"down.example/{default}"}, "queues that waited")
    tap.equal(lab.more("t", "x@down.example"), [], "no t of its recipients")
    lab.command.text("delete", "--queue=down.example")
    lab.settled()


@tap.test("types that a queue is not to have are left out, others are not",
          proves="domain disable-acct-records")
def disabled(lab):
    lab.inject(["later-q@quiet.example", "no-q@quiet.example",
                "q@quiet.example"])
    lab.wait_more("b", "no-q@quiet.example")
    lab.settled()
    lab.inject("last@in.example")
    lab.wait_more("d", "last@in.example")  # all before it are in the file
    tap.equal(sorted((r["type"], r["rcpt"]) for r in lab.more()
                     if r["rcpt"].endswith("@quiet.example")),
              [("b", "no-q@quiet.example"), ("t", "later-q@quiet.example")],
              "rows")


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
