#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who is in a suppression list gets no mail, whichever way it comes: refused at
RCPT by the milter and at the hand-over, at the end of data for lists of virtual
MTA and job, and ended before delivery; one record each, and the ledger knows."""

import netns
netns.enter()

import os
import socket

import mailrace
import smtp_client
import tap
from lab import LISTEN, Lab, mx_zone

CONFIG = """
suppression-lists Out
suppression-dir {root}/suppress
suppress-socket {run}/suppress
<suppression-list Out>
    address gone@in.example
    address-file {root}/out
    hashed sha256
</suppression-list>
<suppression-list by-source>
    address partner@in.example
    address-file {root}/partners
</suppression-list>
<address-list by-vmta>
    domain vmta.example
</address-list>
<suppression-list by-job>
    address bulk@in.example
</suppression-list>
<virtual-mta v1>
    smtp-source-host 127.0.0.11 v1.mta.example
    suppression-lists by-vmta
</virtual-mta>
<virtual-mta v2>
    smtp-source-host 127.0.0.12 v2.mta.example
</virtual-mta>
<suppression-list by-pool>
    address pooled@in.example
</suppression-list>
<virtual-mta-pool both>
    virtual-mta v2
    suppression-lists by-pool
</virtual-mta-pool>
<suppression-list torn>
    hashed sha256
</suppression-list>
<virtual-mta v3>
    smtp-source-host 127.0.0.13 v3.mta.example
    suppression-lists torn
</virtual-mta>
<domain torn.example>
    retry-recipients-after 1s
</domain>
<source 127.0.0.78>
    always-allow-relaying yes
    suppression-lists torn
</source>
<job news>
    suppression-lists by-job
</job>
<source 127.0.0.1>
    always-allow-relaying yes
    process-x-virtual-mta yes
    process-x-job yes
</source>
<source 127.0.0.77>
    always-allow-relaying yes
    suppression-lists by-source
</source>
<acct-file {root}/acct/r.csv>
    records r
</acct-file>
"""
ZONE = "".join(mx_zone(d, ("mx.in.example", "127.0.1.1"))
               for d in ("in.example", "vmta.example", "torn.example",
                         "sender.example"))


def said(name):
    return 'recipient is in suppression list "%s"' % name


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, with_milter=True,
                         receivers=[{"listen": ["127.0.1.1:25"]}])
        with open(self.path("out"), "w") as f:
            f.write("file@in.example\n")
        with open(self.path("partners"), "w") as f:
            f.write("# none yet\n")
        os.mkdir(self.path("suppress"))
        with open(self.torn, "w") as f:
            f.write("not a list")

    def __enter__(self):
        self.start()
        return self

    @property
    def torn(self):
        return self.path("suppress", "torn.list")

    def suppressed(self, rcpt, count=1):
        """His records, when there are so many; none of mail to him."""
        rows = tap.wait_for(lambda: [r for r in self.accounting("b")
                                     if r["rcpt"] == rcpt], 20,
                            "a record of " + rcpt)
        tap.equal(len(rows), count, "records of " + rcpt)
        for r in rows:
            tap.equal((r["bounceCat"], r["dsnStatus"].split()[0],
                       r["dsnAction"]), ("suppressed", "5.7.1", "failed"),
                      rcpt)
        tap.check(not self.arrived(rcpt), "no mail for " + rcpt)
        return rows


def message(rcpt, **compose):
    return smtp_client.compose("s@sender.example", rcpt, **compose)


@tap.test("LMTP: refused at RCPT, with the message of the others",
          proves="suppression-lists")
def at_rcpt(lab):
    before = lab.audit()
    with smtp_client.Client(lab.lmtp, lmtp=True) as c:
        c.hello()
        taken, dots = c.send("s@sender.example", [
            "gone@in.example", "a1@in.example", "FILE@in.example"],
            message("a1@in.example", headers=[("X-Job", "j1")]),
            xforward={"IDENT": "4ABC", "ADDR": "127.0.0.1"})
    tap.equal(taken, [(550, "5.7.1 " + said("Out")), (250, "2.1.5 OK"),
                      (550, "5.7.1 " + said("Out"))], "the replies")
    tap.equal([code for code, _ in dots], [250], "the other is queued")
    lab.wait_arrived("a1@in.example")
    row = lab.suppressed("gone@in.example")[0]
    lab.suppressed("FILE@in.example")
    tap.equal((row["jobId"], row["dsnDiag"]),
              ("j1", "x-mailrace;" + said("Out")), "the record")
    after = lab.settled()
    tap.equal(after.accepted - before.accepted, 3, "accepted")
    tap.equal(after.terminal["suppressed"] - before.terminal["suppressed"],
              2, "suppressed")
    tap.check("suppressed host-id=4ABC client=127.0.0.1 "
              "from=<s@sender.example> to=<gone@in.example> list=Out"
              in lab.daemon.log_text(), "the log line")


@tap.test("nobody is left, or the client changes its mind",
          proves="source suppression-lists")
def alone(lab):
    before = lab.audit()
    with smtp_client.Client((LISTEN, 25), source="127.0.0.77") as c:
        c.hello()
        c.command("MAIL FROM:<s@sender.example>")
        tap.equal(c.command("RCPT TO:<partner@in.example>"),
                  (550, "5.7.1 " + said("by-source")), "the source's list")
        tap.equal(c.command("DATA")[0], 554, "DATA")
        tap.equal(c.command("RSET")[0], 250, "RSET")
        c.command("MAIL FROM:<s@sender.example>")
        tap.equal(c.command("RCPT TO:<partner@in.example>")[0], 550, "again")
    tap.wait_for(lambda: lab.audit().terminal["suppressed"] ==
                 before.terminal["suppressed"] + 2, 20, "both are counted")
    lab.suppressed("partner@in.example", 2)
    lab.inject("partner@in.example")
    lab.wait_arrived("partner@in.example")  # of another source


@tap.test("lists of virtual MTA, pool and job at the end of data",
          proves=("virtual-mta suppression-lists", "job suppression-lists",
                  "virtual-mta-pool suppression-lists"))
def at_end(lab):
    with smtp_client.Client(lab.lmtp, lmtp=True) as c:
        c.hello()
        taken, dots = c.send("s@sender.example", [
            "b1@in.example", "x@vmta.example"],
            message("b1@in.example", headers=[("X-Virtual-MTA", "v1")]),
            xforward={"ADDR": "127.0.0.1"})
        tap.equal([code for code, _ in taken], [250, 250], "RCPT")
        tap.equal((dots[0][0], dots[1]),
                  (250, (550, "5.7.1 " + said("by-vmta"))), "LMTP")
        taken, dots = c.send("s@sender.example", ["pooled@in.example"],
                             message("pooled@in.example",
                                     headers=[("X-Virtual-MTA", "both")]),
                             xforward={"ADDR": "127.0.0.1"})
        tap.equal(dots, [(550, "5.7.1 " + said("by-pool"))], "its pool")
        taken, dots = c.send("s@sender.example", ["y@vmta.example"],
                             message("y@vmta.example"),
                             xforward={"ADDR": "127.0.0.1"})
        tap.equal(dots[0][0], 250, "by another virtual MTA it may go")
    tap.equal(lab.suppressed("x@vmta.example")[0]["vmta"], "v1", "the record")
    lab.wait_arrived("b1@in.example")
    lab.wait_arrived("y@vmta.example")
    with smtp_client.Client((LISTEN, 25), source="127.0.0.1") as c:
        c.hello()
        text = message("b2@in.example", headers=[("X-Job", "news")])
        taken, dots = c.send("s@sender.example", ["bulk@in.example"], text)
        tap.equal(dots, [(550, "5.7.1 " + said("by-job"))], "SMTP: all")
        taken, dots = c.send("s@sender.example", [
            "bulk@in.example", "b2@in.example"], text)
        tap.equal(dots[0][0], 250, "SMTP: some")
    lab.wait_arrived("b2@in.example")
    tap.wait_for(lambda: lab.audit().queued == 0, 20, "all have ended")
    rows = lab.suppressed("bulk@in.example", 2)
    tap.equal([r["jobId"] for r in rows], ["news"] * 2, "the job")


@tap.test("an unsubscribe counts for what is queued")
def before_delivery(lab):
    lab.command.text("pause", "queue", "in.example/{default}")
    lab.inject(["late1@in.example", "late2@in.example", "stays@in.example"])
    lab.inject("late3@in.example", client="127.0.0.77")
    with open(lab.path("out"), "a") as f:
        f.write("late1@in.example\nlate2@in.example\n")
    with open(lab.path("partners"), "a") as f:
        f.write("late3@in.example\n")
    lab.command.text("reload")
    lab.command.text("resume", "queue", "in.example/{default}")
    lab.wait_arrived("stays@in.example")
    row = lab.suppressed("late1@in.example")[0]
    lab.suppressed("late2@in.example")
    lab.suppressed("late3@in.example")
    tap.equal((row["vmta"], row["dlvSourceIp"]), ("{default}", ""), "record")
    tap.check("result=suppressed" in lab.daemon.log_text(), "the log line")
    status = lab.command.json("show", "status")["suppression"]
    tap.check(status["ended"] == 4 and status["refused"] == 7,
              "show status: %s" % status)


@tap.test("a list that cannot be read protects, and nobody is lost")
def torn(lab):
    said_so = 'suppression list "torn" cannot be read now'
    with smtp_client.Client((LISTEN, 25), source="127.0.0.78") as c:
        c.hello()
        c.command("MAIL FROM:<s@sender.example>")
        tap.equal(c.command("RCPT TO:<a@in.example>"),
                  (451, "4.3.0 " + said_so), "RCPT")
        tap.equal(c.command("RCPT TO:<gone@in.example>")[0], 550, "listed")
    text = message("t@torn.example", headers=[("X-Virtual-MTA", "v3")])
    with smtp_client.Client(lab.lmtp, lmtp=True) as c:
        c.hello()
        _, dots = c.send("s@sender.example", ["t@torn.example"], text,
                         xforward={"ADDR": "127.0.0.1"})
        tap.equal(dots, [(451, "4.3.0 " + said_so)], "LMTP: the end of data")
    with smtp_client.Client((LISTEN, 25), source="127.0.0.1") as c:
        c.hello()
        _, dots = c.send("s@sender.example", ["t@torn.example"], text)
        tap.equal(dots[0][0], 250, "SMTP: it is taken")
    row = lab.wait_record("t", "t@torn.example")
    tap.equal((row["dsnDiag"], row["dsnStatus"][:5]),
              ("x-mailrace;" + said_so, "4.3.0"), "it waits")
    tap.equal(lab.arrived("t@torn.example"), [], "no mail")
    lab.daemon.stop()
    os.unlink(lab.torn)
    lab.daemon.start()
    lab.wait_arrived("t@torn.example")


@tap.test("the milter refuses one recipient of a message, and Postfix bounces "
          "what was submitted on the host")
def by_milter(lab):
    with smtp_client.Client(("127.0.0.1", 25)) as c:
        c.hello()
        taken, dots = c.send("s@sender.example", [
            "gone@in.example", "m1@in.example"], message("m1@in.example"))
    tap.equal(taken[0], (550, "5.7.1 " + said("Out")), "the milter's reply")
    tap.equal((taken[1][0], dots[0][0]), (250, 250), "the other")
    lab.wait_arrived("m1@in.example")
    tap.equal(mailrace.find(mailrace.ask(lab.path("run", "milter-control"), {
        "command": "show status"}), "suppressed"), 1, "the milter counts it")
    before = len(lab.accounting("b"))
    lab.postfix.sendmail("host@sender.example", [
        "gone@in.example", "m2@in.example"],
        message("m2@in.example").decode().replace("\r\n", "\n"))
    lab.wait_arrived("m2@in.example")
    bounce = lab.wait_arrived("host@sender.example")
    tap.check(said("Out").encode() in lab.stored(bounce), "Postfix's bounce")
    tap.equal(len(lab.accounting("b")) - before, 1, "one record")
    tap.equal(lab.postfix.queue_size(), 0, "nothing stays in Postfix")


def ask(lab, line):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(lab.path("run", "suppress"))
        s.sendall(line)
        s.shutdown(socket.SHUT_WR)
        out = b""
        while True:
            try:
                piece = s.recv(4096)
            except ConnectionResetError:  # with something unread
                piece = b""
            if not piece:
                return out.decode()
            out += piece


@tap.test("suppress-socket tells", proves="suppress-socket")
def by_socket(lab):
    deny = "DENY %s\n" % said("Out")
    tap.equal(ask(lab, b"gone@in.example\n"), deny, "a recipient")
    tap.equal(ask(lab, b"<Gone@IN.example> <> 127.0.0.1\n"), deny, "brackets")
    tap.equal(ask(lab, b"a@in.example <s@a.example> 127.0.0.77\n"), "OK\n",
              "nobody's")
    tap.equal(ask(lab, b"partner@in.example <> 127.0.0.77\n"),
              "DENY %s\n" % said("by-source"), "by source")
    tap.equal(ask(lab, b"a@in.example\r\ngone@in.example\r\n"), "OK\n" + deny,
              "two lines")
    tap.equal(ask(lab, b"\n")[:6], "DEFER ", "no request")
    tap.equal(ask(lab, b"a b c d\n")[:6], "DEFER ", "no address")
    tap.equal(ask(lab, b"a@in.example"), "", "no line")
    tap.equal(ask(lab, b"x" * 5000), "", "too long")


tap.main(Fixture)
