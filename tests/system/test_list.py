#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""list and delete: each selector means what it says, alone and together; what
is deleted is in the ledger and in the accounting, what is being sent stays."""

import netns
netns.enter()

import json
import socket
import subprocess
import time

import mailrace
import tap
from lab import Lab, mx_zone

CONFIG = """
<virtual-mta one>
    smtp-source-host 127.0.0.11 one.mta.example
</virtual-mta>
<source 127.0.0.1>
    process-x-virtual-mta yes
    process-x-job yes
</source>
<domain *>
    retry-after 1h
    retry-recipients-after 1h
</domain>
"""
DOMAINS = ("a.example", "b.example", "slow.example")
ZONE = "".join(mx_zone(d, ("mx." + d, "127.0.1.1")) for d in DOMAINS)
RECEIVERS = [{"listen": ["127.0.1.1:25"], "rules": [
    {"at": "rcpt", "match": "slow.example", "delay": 120},
    {"at": "rcpt", "reply": "451 4.2.1 later"}]}]


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, with_postfix=False,
                         with_milter=False, receivers=RECEIVERS)

    def __enter__(self):
        self.start()
        self.command.text("pause", "queue", "*/*")
        for i in range(3):
            self.send("n%d@a.example" % i, "news", "news@x.example", "E+2B1")
        self.send("m1@a.example", "mail", "me@y.example", "E2", vmta="one")
        self.send("m2@b.example", "mail", "me@y.example", "E3")
        self.send("d@b.example", "", "", "E4")
        return self

    def __exit__(self, *why):
        self.receiver.stop()  # or a transaction would end in two minutes
        return super().__exit__(*why)

    def send(self, rcpt, job, sender, envid, vmta=None):
        headers = [("X-Job", job)] if job else []
        if vmta:
            headers.append(("X-Virtual-MTA", vmta))
        self.inject(rcpt, sender=sender, headers=headers,
                    params=" ENVID=" + envid)

    def listed(self, *args):
        rows = self.command.json("list", *args)["recipients"]
        return sorted(r["to"].split("@")[0] for r in rows)

    def delete(self, *args):
        return self.command.json("delete", *args)


@tap.test("list: each selector, with wildcards where addresses are")
def selectors(lab):
    news = ["n0", "n1", "n2"]
    for args, wanted in (
            ((), ["d", "m1", "m2"] + news),
            (("--queue=a.example",), ["m1"] + news),
            (("--queue=*/one",), ["m1"]),
            (("A.*/{default}",), news),
            (("--jobId=news",), news),
            (("--jobId=News",), []),
            (("--orig=me@y.example",), ["m1", "m2"]),
            (("--orig=*@Y.example",), ["m1", "m2"]),
            (("--orig=<>",), ["d"]),
            (("--rcpt=n?@a.example",), news),
            (("--rcpt=n1@a.example",), ["n1"]),
            (("--envId=E2",), ["m1"]),
            (("--envId=E+1",), news),
            (("--envId=E+2B1",), news),
            (("--orig=me*", "--queue=b.example"), ["m2"]),
            (("--jobId=mail", "--rcpt=*@a.example"), ["m1"]),
            (("--older-than=1h",), [])):
        tap.equal(lab.listed(*args), wanted, str(args))


@tap.test("list --older-than knows how old mail is")
def older(lab):
    tap.wait_for(lambda: len(lab.listed("--older-than=1s")) == 6, 20,
                 "all are a second old")
    lab.send("young@b.example", "mail", "me@y.example", "E5")
    tap.equal(lab.listed("--older-than=1h"), [], "an hour")
    tap.check("young" in lab.listed(), "it is listed")
    tap.equal(lab.delete("--jobId=mail", "--rcpt=young@*")["deleted"], 1,
              "deleted again")


@tap.test("list: counts, columns and JSON")
def counts(lab):
    r = lab.command.json("list", "--maxitems=2")
    tap.equal((r["shown"], r["matched"], len(r["recipients"])), (2, 6, 2),
              "some of all")
    r = lab.command.json("list", "--maxitems=2", "--orig=*")
    tap.equal((r["shown"], r["matched"]), (2, 5), "all were looked at")
    r = lab.command.json("list", "--orig=me*")
    tap.equal((r["shown"], r["matched"]), (2, 2), "all of those")
    row = lab.command.json("list", "--rcpt=m1@*")["recipients"][0]
    tap.equal((row["vmta"], row["job"], row["from"], row["envid"],
               row["sending"], row["attempts"]),
              ("one", "mail", "me@y.example", "E2", False, 0), str(row))
    tap.check(lab.command.text("list").endswith(
        "6 of 6 matching recipients.\n"), "footer")


@tap.test("show jobs adds up what is queued of each")
def jobs(lab):
    rows = {r["job"]: r for r in lab.command.json("show", "jobs")["jobs"]}
    tap.equal({k: v["recipients"] for k, v in rows.items()},
              {"news": 3, "mail": 2}, str(rows))
    lines = lab.command.text("show", "jobs").splitlines()
    tap.equal(lines[0].split(), ["job-id", "#rcpt", "kbytes", "st"], "heading")
    tap.equal((lines[1].split()[0], lines[-1]), ("news", "Total of 2 job(s)."),
              "the largest first, and the footer")


@tap.test("delete refuses to run without ids, --queue or --jobId")
def refuses(lab):
    for args in ((), ("--rcpt=*",), ("--older-than=1s", "--orig=*")):
        r = lab.command.run("delete", *args)
        tap.equal(r.returncode, 2, str(args))
        tap.check("needs ids of messages, ALL, or --queue, --jobId or --id"
                  in r.stderr, r.stderr)
    tap.check("error" in lab.ask({"command": "delete"}), "the daemon, too")
    tap.equal(len(lab.listed()), 6, "something went")


@tap.test("delete --dry-run counts and changes nothing")
def dry_run(lab):
    tap.equal(lab.delete("--queue=*/*", "--dry-run"),
              {"deleted": 6, "sending": 0, "dry_run": True}, "all")
    tap.equal(lab.delete("--queue=*", "--dry-run", "--orig=me*")["deleted"], 2,
              "by envelope")
    tap.equal(lab.command.text("delete", "--jobId=news", "--dry-run"),
              "3 recipient(s) would be deleted.\n", "text")
    tap.equal((len(lab.listed()), lab.audit().terminal["deleted"]), (6, 1),
              "something went")


@tap.test("delete by envelope, by job, by queue: ledger and accounting")
def delete(lab):
    before = lab.audit().terminal["deleted"]
    tap.equal(lab.delete("--queue=a.example", "--rcpt=n1@*")["deleted"], 1,
              "by recipient")
    tap.equal(lab.listed("a.example"), ["m1", "n0", "n2"], "what stays")
    tap.equal(lab.command.text("delete", "--jobId=news", "--maxitems=1"),
              "1 recipient(s) deleted.\n", "by job, one")
    tap.equal(lab.delete("--jobId=news", "--no-accounting")["deleted"], 1,
              "by job, the other")
    tap.equal(lab.delete("--queue=b.example")["deleted"], 2, "by queue")
    tap.equal(lab.delete("--queue=b.example")["deleted"], 0, "again")
    tap.equal(lab.listed(), ["m1"], "what stays")
    audit = lab.audit()
    tap.equal((audit.terminal["deleted"] - before, audit.balances()),
              (5, True), str(audit))
    record = lab.wait_record("b", "m2@b.example")
    tap.equal((record["dsnAction"], record["dsnStatus"][:5],
               record["jobId"]), ("failed", "5.0.0", "mail"), str(record))
    tap.check("deleted by the operator" in record["dsnDiag"], str(record))
    rows = [r["rcpt"] for r in lab.accounting("b") if r["jobId"] == "news"]
    tap.equal(len(rows), 2, "--no-accounting wrote: %s" % rows)


@tap.test("delete --maxitems counts recipients, not messages")
def some(lab):
    lab.inject(["t%d@b.example" % i for i in range(3)],
               sender="three@y.example")
    for left, how in ((2, ()), (1, ("--orig=three@*",))):
        args = ("--queue=b.example", "--maxitems=1") + how
        tap.equal(lab.delete(*args, "--dry-run")["deleted"], 1, "a dry run")
        tap.equal(lab.delete(*args)["deleted"], 1, str(args))
        tap.equal(len(lab.listed("b.example")), left, "the others stay")
    tap.equal(lab.delete("--queue=b.example")["deleted"], 1, "the last")


@tap.test("delete takes ids, - and ALL, with postsuper's words")
def ids(lab):
    many = []
    for i in range(4):
        lab.inject(["i%d@b.example" % i, "j%d@b.example" % i])
        many.append(lab.command.json("list", "--rcpt=i%d@*" % i)
                    ["recipients"][0]["id"])
    tap.equal(lab.command.text("delete", "--dry-run", many[0]),
              "%s: would be removed\nWould be: Deleted: 1 message\n" % many[0],
              "a dry run")
    r = lab.command.run("delete", many[0], "00000000000000AB")
    tap.equal((r.returncode, r.stdout), (1, "%s: removed\nDeleted: 1 message\n"
                                         % many[0]), r.stderr)
    tap.check("00000000000000AB is not queued" in r.stderr, r.stderr)
    r = subprocess.run([mailrace.program("mailrace"), "-c", lab.config,
                        "delete", "-"], input="%s x\n\n%s\n" % tuple(many[1:3]),
                       capture_output=True, text=True, timeout=60)
    tap.equal(r.stdout, "%s: removed\n%s: removed\nDeleted: 2 messages\n" %
              tuple(many[1:3]), r.stderr)
    tap.equal(lab.delete(many[3], "--rcpt=j*"),
              {"deleted": 1, "sending": 0, "dry_run": False}, "of one some")
    tap.equal(lab.listed("b.example"), ["i3"], "what stays")
    tap.equal(lab.delete("ALL", "--rcpt=i3@*")["deleted"], 1, "of all one")


@tap.test("delete leaves what is being sent, and says so")
def sending(lab):
    lab.command.text("resume", "queue", "slow.example")
    lab.send("s@slow.example", "slow", "me@y.example", "E6")
    tap.wait_for(lambda: [r for r in lab.command.json("list", "slow.example")
                          ["recipients"] if r["sending"]], 20,
                 "it is being sent")
    tap.equal(lab.delete("--queue=slow.example"),
              {"deleted": 0, "sending": 1, "dry_run": False}, "by queue")
    tap.equal(lab.delete("--jobId=slow", "--orig=me@*"),
              {"deleted": 0, "sending": 1, "dry_run": False}, "by sender")
    tap.equal(lab.listed("slow.example"), ["s"], "it is gone")


@tap.test("delete reaches recipients that wait for their time")
def deferred(lab):
    lab.command.text("resume", "queue", "*/*")
    for i in range(20):
        lab.send("w%d@b.example" % i, "wait", "me@y.example", "E7")
    tap.wait_for(lambda: lab.command.json("show", "status")["queue"]
                 ["deferred"] == 21, 20, "all are deferred")
    tap.equal(lab.delete("--jobId=wait", "--rcpt=w1?@*")["deleted"], 10,
              "some by envelope")
    tap.equal(lab.delete("--queue=b.example", "--older-than=1h")["deleted"], 0,
              "none are that old")
    tap.equal(lab.delete("--queue=b.example")["deleted"], 10, "the others")
    tap.check(lab.audit().balances(), "audit")


@tap.test("hostile selectors are refused")
def hostile(lab):
    for key in ("orig", "rcpt", "jobId", "envId"):
        for value in ("a\nb", "\x1b[2J", "", "x" * 5000, 3, ["a"], None):
            answer = lab.ask({"command": "list", key: value})
            tap.check("error" in answer, "%s %r: %s" % (key, value, answer))
            answer = lab.ask({"command": "delete", "queue": "*",
                               key: value})
            tap.check("error" in answer, "delete %s %r" % (key, value))
    for value in (-1, "1h", 1e300, 2 ** 62, None):
        answer = lab.ask({"command": "list", "older-than": value})
        tap.check("error" in answer, "older-than %r: %s" % (value, answer))
    answer = lab.ask({"command": "list", "orig": "*a" * 450})
    tap.equal((answer.get("shown"), answer.get("done")), (0, True),
              str(answer))


@tap.test("who goes away in the middle of a long list holds up nobody")
def gone(lab):
    many = ["r%d@a.example" % i for i in range(800)]
    lab.command.text("pause", "queue", "a.example")
    lab.inject(many, sender="me@y.example")
    for _ in range(10):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(lab.path("run", "control"))
            s.sendall(b'{"command": "list", "maxitems": 1000000}\n')
            s.recv(100)
    begin = time.monotonic()
    tap.equal(lab.command.json("list", "--maxitems=1000")["shown"], 802, "all")
    tap.check(time.monotonic() - begin < 30, "it took too long")
    r = lab.command.json("list", "--maxitems=2", "--orig=*")
    tap.equal((r["shown"], r["matched"]), (2, None), "not all looked at")
    text = lab.command.text("list", "--maxitems=2", "--orig=*")
    tap.check(text.endswith("2 matching recipients; there may be more.\n"),
              text)
    tap.equal(lab.delete("--queue=a.example", "--rcpt=r*")["deleted"], 800,
              "deleted")


@tap.test("a stop in the middle of a list and of a delete is a clean one")
def stopped(lab):
    many = ["t%d@a.example" % i for i in range(900)]
    for _ in range(20):
        lab.inject(many, sender="me@y.example")
    before = lab.audit()
    with socket.socket(socket.AF_UNIX) as reads_nothing, \
            socket.socket(socket.AF_UNIX) as deletes:
        for s in reads_nothing, deletes:
            s.settimeout(20)
            s.connect(lab.path("run", "control"))
        reads_nothing.sendall(b'{"command": "list", "maxitems": 1000000}\n')
        reads_nothing.recv(10)
        deletes.sendall(b'{"command": "delete", "queue": "a.example"}\n')
        lab.receiver.stop()
        tap.equal(lab.daemon.stop(), 0, "exit status")
        lines = [json.loads(x) for x in deletes.makefile("rb")]
    lab.daemon.start()
    tap.wait_for(lambda: lab.audit().queued ==
                 lab.command.json("show", "status")["queue"]["recipients"],
                 20, "all are loaded")
    audit = lab.audit()
    gone = audit.terminal["deleted"] - before.terminal["deleted"]
    tap.check(audit.balances(), str(audit))
    tap.equal(before.queued - audit.queued, gone, "deleted")
    if lines and "done" in lines[-1]:
        tap.equal(lines[-1]["deleted"], gone, "what was answered")


tap.main(Fixture)
