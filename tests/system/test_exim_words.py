#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mailrace-exim is to our queue what exim is to its own: the same options have
the same words and exit statuses as a real Exim's with a queue of its own;
exiqgrep and exiqsumm read it; what Exim has and we have not is refused."""

import netns
netns.enter()

import os
import re
import subprocess

import exim
import mailrace
import tap
from lab import Lab, mx_zone

CONFIG = """
dsn-host 127.0.1.1:25
<domain *>
    retry-after 1h
    retry-recipients-after 1h
</domain>
"""
DOMAINS = ("a.example", "b.example", "slow.example", "sender.example")
ZONE = "".join(mx_zone(d, ("mx." + d, "127.0.1.1")) for d in DOMAINS)
RECEIVERS = [{"listen": ["127.0.1.1:25"], "rules": [
    {"at": "rcpt", "match": "slow.example", "delay": 120},
    {"at": "rcpt", "match": "later@", "count": 1,
     "reply": "451 4.2.1 later"}]}]
UNKNOWN = "1zzzzz-000000-00"
MESSAGE = """Received: from client.example
\tby host.example; Sun, 22 Nov 2026 18:45:22 +0000
Received: from [127.0.0.9]
Date: Sun, 22 Nov 2026 18:45:22 +0000
From: twin@sender.example
Sender: other@sender.example
To: p@a.example,
 q@a.example
Cc: c@sender.example
Reply-To: r@sender.example
Message-Id: <1@sender.example>
Subject: twins

first line

last line
"""


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, with_postfix=False,
                         with_milter=False, receivers=RECEIVERS)

    def __enter__(self):
        self.start()
        self.exim = exim.private(self)
        self.face = self.path("mailrace-exim")
        os.symlink(mailrace.program("mailrace"), self.face)
        self.command.text("pause", "queue", "*/*")
        return self

    def __exit__(self, *why):
        self.receiver.stop()  # or a transaction would end in two minutes
        return super().__exit__(*why)

    def twin(self):
        """The same message in both queues; their ids, Exim's first."""
        rcpts = ["p@a.example", "q@a.example"]
        before = self.ids()
        subprocess.run([self.exim, "-odq", "-f", "twin@sender.example"] +
                       rcpts, input=MESSAGE.encode(), timeout=60, check=True)
        theirs = re.findall(r"\w{6}-\w{6}-\w{2}",
                            self.run(self.exim, "-bp").stdout)[-1]
        self.inject(rcpts, sender="twin@sender.example",
                    message=MESSAGE.replace("\n", "\r\n").encode())
        return theirs, (self.ids() - before).pop()

    def ids(self):
        return set(re.findall(r"\w{6}-\w{6}-\w{2}", self.ours("-bp").stdout))

    def run(self, *argv):
        return subprocess.run(argv, capture_output=True, text=True,
                              timeout=60)

    def ours(self, *args):
        return self.run(self.face, "-C", self.config, *args)

    def same(self, args, ids=()):
        """Both say the same of their own; {} is the id.  What they say."""
        said = []
        for i, run in ((0, lambda *a: self.run(self.exim, *a)),
                       (1, self.ours)):
            r = run(*(ids[i] if a == "{}" else a for a in args))
            text = r.stdout or r.stderr
            for one in ids:
                text = text.replace(one, "ID")
            said.append((r.returncode, text))
        tap.equal(said[1], said[0], "exim " + " ".join(args))
        return said[1][1]

    def says(self, wanted, *args, status=0):
        r = self.ours(*args)
        tap.equal((r.returncode, r.stdout), (status, wanted), r.stderr)
        return r

    def rows(self, rcpt):
        return self.command.json("list", "--rcpt=" + rcpt)["recipients"]


@tap.test("freeze, thaw, remove and count: word for word")
def orders(lab):
    ids = lab.twin()
    tap.equal(lab.same(("-Mf", "{}"), ids), "Message ID is now frozen\n",
              "it is paused, and can be frozen")
    tap.equal(lab.same(("-bpc",)), "1\n", "how many")
    tap.equal(lab.same(("-Mf", "{}"), ids), "Message ID is already frozen\n",
              "again")
    for args in (("-Mt", "{}"), ("-Mf", "{}"), ("-Mt", UNKNOWN),
                 ("-Mf", UNKNOWN), ("-Mf", "{}", UNKNOWN),
                 ("-Mt", "{}", UNKNOWN), ("-Mt", "{}")):
        lab.same(args, ids)
    r = lab.ours("-Mt", ids[1])
    tap.check("queue or its job is paused" in r.stderr, r)
    tap.equal(lab.same(("-Mrm", "{}"), ids), "Message ID has been removed\n",
              "removed")
    for r in (lab.ours("-Mrm", ids[1]), lab.run(lab.exim, "-Mrm", ids[0])):
        lines = r.stdout.splitlines()
        tap.check(r.returncode == 1 and
                  lines[0].startswith("Spool data file for ") and
                  lines[-1].endswith(" has been removed or did not exist"),
                  r)
    tap.equal(lab.same(("-bpc",)), "0\n", "how many")


@tap.test("what is wrong on the command line: word for word")
def wrong(lab):
    for args in (("-Mf",), ("-Mvh",), ("-M",), ("-Mrm", "bogus"),
                 ("-Mvh", "bogus"), ("-Mvh", UNKNOWN, UNKNOWN), ("-R",),
                 ("-Mvh", UNKNOWN), ("-Mvb", UNKNOWN), ("-bp", UNKNOWN)):
        lab.same(args)
    for args in (("-Mxx", UNKNOWN), ("-bpx",), ("-Mar", UNKNOWN, "a@b"), (),
                 ("-bi",)):
        r = lab.ours(*args)
        tap.check(r.returncode == 1 and r.stdout == "" and
                  "there are -bp -bpa" in r.stderr and
                  (not args or args[0] in r.stderr), r)
    r = lab.ours("-Mvl", UNKNOWN)
    tap.check(r.returncode == 1 and "no log of its own" not in r.stdout and
              "mailrace why " + UNKNOWN in r.stderr, r)
    r = lab.run(lab.face, "-C", lab.path("none"), "-bp")
    tap.check(r.returncode == 2 and r.stdout == "", r)


@tap.test("a message, its header and its body, as Exim shows them")
def message(lab):
    ids = lab.twin()
    # Above that each has its own Received.
    begin = "080P Received: from client.example\n"
    theirs, ours = (text[text.index(begin):]
                    for text in (lab.run(lab.exim, "-Mvh", ids[0]).stdout,
                                 lab.ours("-Mvh", ids[1]).stdout))
    tap.equal(ours, theirs, "the header")
    tap.equal(len(re.findall("^[0-9]{3}[FSTCRI] ", ours, re.M)), 6, ours)
    text = lab.ours("-Mvh", ids[1]).stdout
    tap.check(re.match(r"%s-H\nmailrace 0 0\n<twin@sender.example>\n\d+ 0\n"
                       r"XX\n2\np@a.example\nq@a.example\n\n" % ids[1], text),
              text)
    tap.equal(lab.same(("-Mvb", "{}"), ids),
              "ID-D\n" + MESSAGE.split("\n\n", 1)[1], "the body")
    copy = lab.ours("-Mvc", ids[1]).stdout
    tap.check(copy.endswith(MESSAGE[MESSAGE.index("From: "):]), copy)
    listed = lab.ours("-bp", ids[1]).stdout
    tap.equal(listed, lab.command.text("mailq", "--exim"), "-bp")
    for option in ("-bpa", "-bpr", "-bpra", "-bpru", "-bpu"):
        tap.equal(lab.ours(option).stdout, listed, option)
    lab.run(lab.exim, "-Mrm", ids[0])
    lab.says("", "-Mg", ids[1])
    tap.wait_for(lambda: lab.wait_record("b", "p@a.example"), 20, "given up")
    tap.wait_for(lambda: lab.rows("twin@*"), 20, "its sender is told")
    lab.command.text("delete", "--queue=*")


@tap.test("exiqgrep and exiqsumm read it, and what they choose can be removed")
def tools(lab):
    lab.command.text("resume", "queue", "*/*")
    lab.command.text("pause", "queue", "b.example")
    lab.inject(["later@a.example"], sender="one@sender.example")
    lab.inject(["x@b.example", "y@b.example"], sender="two@sender.example")
    tap.wait_for(lambda: lab.rows("later@*")[0]["attempts"] == 1, 20, "tried")

    def exiqgrep(*args):
        r = lab.run("perl", os.path.join(exim.TREE, "usr/sbin/exiqgrep"),
                    "-E", lab.face, "-C", lab.config, *args)
        tap.equal((r.returncode, r.stderr), (0, ""), str(args))
        return r.stdout
    tap.equal(exiqgrep("-c"), "2 matches out of 2 messages\n", "all")
    frozen = exiqgrep("-zi").split()
    tap.equal(frozen, exiqgrep("-i", "-r", "@b[.]example$").split(), "frozen")
    tap.equal(len(exiqgrep("-xi", "-f", "one@").split()), 1, "by sender")
    r = subprocess.run(["perl", os.path.join(exim.TREE, "usr/sbin/exiqsumm")],
                       input=lab.ours("-bp").stdout, text=True,
                       capture_output=True, timeout=60)
    sums = {line.split()[-1]: line.split()[0]
            for line in r.stdout.splitlines() if ".example" in line}
    tap.equal(sums, {"a.example": "1", "b.example": "2"}, r.stdout)
    lab.says("Message %s has been removed\n" % frozen[0], "-Mrm", *frozen)
    tap.equal(lab.ours("-bpc").stdout, "1\n", "is left")


@tap.test("-M, -q, -qf, -qff and -R try what they mean")
def runs(lab):
    lab.says("", "-q")
    tap.equal(lab.rows("later@*")[0]["attempts"], 1, "-q forces nothing")
    lab.says("", "-v", "-M", lab.rows("later@*")[0]["id"])
    lab.wait_arrived("later@a.example")
    lab.command.text("resume", "queue", "*/*")
    for name, args in (("qf", ("-qf",)), ("r", ("-R", "later@b.ex")),
                       ("rf", ("-Rf", "LATER@B"))):
        rcpt = "later@b.example"
        lab.command.text("pause", "queue", "*/*")
        lab.inject([rcpt, "held-%s@b.example" % name],
                   sender=name + "@sender.example")
        held = lab.rows("held-%s@*" % name)[0]["id"]
        lab.inject("free-%s@b.example" % name, sender="f@sender.example")
        lab.says("Message %s is now frozen\n" % held, "-Mf", held)
        lab.command.text("resume", "queue", "*/*")
        lab.wait_arrived("free-%s@b.example" % name)
        lab.says("", *args)
        tap.equal(lab.rows("held-%s@*" % name)[0]["next"], "hold", name)
    lab.says("", "-Rff", "held-rf@")
    lab.wait_arrived("held-rf@b.example")
    tap.check(lab.rows("held-qf@*"), "the others stay")
    lab.says("", "-qff")
    for name in ("qf", "r"):
        lab.wait_arrived("held-%s@b.example" % name)
    r = lab.ours("-R", "*")
    tap.check(r.returncode == 1 and "no * and no ?" in r.stderr, r)


@tap.test("what is being sent is locked")
def locked(lab):
    lab.inject("s@slow.example")
    row = tap.wait_for(lambda: [r for r in lab.rows("s@slow.example")
                                if r["sending"]], 20, "it is sent")[0]
    for option in ("-Mf", "-Mrm"):
        lab.says("Message %s is locked\n" % row["id"], option, row["id"],
                 status=1)


tap.main(Fixture)
