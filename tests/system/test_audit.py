#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mailrace audit: the ledger balances and the accounting files agree with it,
also after a kill -9 and with a spool of version 0.1; what ended without a record
is counted; rows that are not in files; doubts since a time."""

import netns
netns.enter()

import calendar
import csv
import glob
import json
import os
import shutil
import socket
import tarfile
import threading
import time

import mailrace
import tap
from lab import Lab, mx_zone

OLD_SPOOL = os.path.join(mailrace.SOURCE, "tests", "old", "spool-0.1.dump")
# The same as files, closed well, before there was a table of leases.
OLD_TABLES = os.path.join(mailrace.SOURCE, "tests", "old",
                          "spool-0.1-tables.tar.xz")
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
<acct-file {root}/more/m.csv>
    records d,b,r,tq,t
    record-fields d rcpt
</acct-file>
<acct-file {root}/more/few.json>
    records d
</acct-file>
"""
ZONE = mx_zone("in.example", ("mx.in.example", "127.0.1.1")) + \
    mx_zone("quiet.example", ("mx.in.example", "127.0.1.1")) + \
    mx_zone("slow.example", ("mx.slow.example", "127.0.1.2"))


# few.json has no b records: there is nothing to compare.
AGREEMENT = {"acct.csv": True, "m.csv": True, "few.json": None}


class Fixture(Lab):
    def __init__(self):
        super().__init__(
            zone=ZONE, config=CONFIG, with_postfix=False, with_milter=False,
            receivers=[{"listen": ["127.0.1.1:25"], "rules": [
                {"at": "rcpt", "match": "<no", "reply":
                 "550 5.1.1 no such user"}]},
                {"listen": ["127.0.1.2:25"], "rules": [
                    {"at": "dot", "delay": 2, "action": "pass"}]}])
        os.mkdir(self.path("more"))

    def __enter__(self):
        self.start()
        return self

    def agreement(self):
        """By the name of the acct-file."""
        return {os.path.basename(a["path"]): a["agrees"]
                for a in self.audit().accounting}

    def accounting_of(self, path):
        with open(path, newline="") as f:
            return list(csv.DictReader(f))

    def in_files(self):
        """Of m.csv: rows, missing, surplus."""
        audit = self.command.json("audit", "--files")
        return [(f["in_files"]["rows"], f["in_files"]["missing"],
                 f["in_files"]["surplus"]) for f in audit["accounting"]
                if f["path"].endswith("m.csv")][0]

    def unrecorded(self):
        answer = self.audit().answer["unrecorded"]
        return answer["d"], answer["b"]


@tap.test("nothing is left unrecorded where nobody asks for that")
def recorded(lab):
    lab.inject(["a@in.example", "no@in.example"])
    lab.settled()
    tap.equal(lab.unrecorded(), (0, 0), "unrecorded")
    tap.equal(lab.agreement(), AGREEMENT, "agreement")
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
    tap.equal(lab.agreement(), AGREEMENT, "agreement")
    lab.inject("last@in.example")
    lab.wait_record("b", "gone2@in.example")
    lab.wait_record("d", "last@in.example")
    tap.equal([r for r in lab.accounting() if "quiet" in r["rcpt"] or
               "gone1" in r["rcpt"]], [], "rows")


@tap.test("killed while mail flows: files and ledger agree each time")
def killed(lab):
    for i in range(8):
        lab.inject(["k%d-%d@in.example" % (i, n) for n in range(20)] +
                   ["no%d@in.example" % i])
        lab.daemon.kill()
        lab.daemon.start()
        audit = lab.audit()
        tap.check(audit.balances() and audit.agrees(), str(audit))
    lab.settled()
    tap.equal(lab.agreement(), AGREEMENT, "agreement")
    tap.equal(lab.in_files()[1:], (0, 0), "missing, surplus")


@tap.test("--files: rows of files that were taken away, or that were copied")
def files(lab):
    lab.write_config(CONFIG.replace("fields d rcpt", "fields d rcpt,orig"))
    lab.command.text("reload")
    lab.inject("after@in.example")
    lab.settled()
    old, new = sorted(glob.glob(lab.path("more", "m-*.csv")))
    all_rows, missing, surplus = lab.in_files()
    tap.equal((missing, surplus), (0, 0), "missing, surplus")
    rows = len(lab.accounting_of(old))
    os.rename(old, lab.path("away"))
    tap.equal(lab.in_files(), (all_rows - rows, rows, 0), "taken away")
    text = lab.command.text("audit", "--files")
    tap.check("%d of %d rows are in files that are there (1)" %
              (all_rows - rows, all_rows) in text, text)
    os.rename(lab.path("away"), old)
    shutil.copy(old, old.replace("-0000", "-0999"))
    tap.equal(lab.in_files(), (all_rows + rows, 0, rows), "copied")
    os.remove(old.replace("-0000", "-0999"))
    tap.check(new.endswith("-0001.csv"), new)


class Liar:
    """Stands in for mailraced: one answer to whoever asks."""

    def __init__(self, path, answer):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen()
        self.answer = json.dumps(answer).encode() + b"\n"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            client = self.socket.accept()[0]
            with client:
                client.makefile("rb").readline()
                client.sendall(self.answer)


@tap.test("a file that does not agree: said, and exit status 1")
def disagreement(lab):
    done = {"done": True, "accepted": 0, "delivered": 0, "failed": 0,
            "expired": 0, "suppressed": 0, "deleted": 0, "queued": 0,
            "balances": True, "accounting": [
                {"path": "/a.csv", "kind": "file", "file": "/a-1.csv",
                 "rows": {"d": 2, "b": 1}, "waiting_bytes": 0,
                 "behind_rows": 0, "dropped": 0, "error": None, "agrees": False}]}
    config = lab.path("liar.conf")
    with open(config, "w") as f:
        f.write("host-name a.example\ncontrol-socket %s\n" %
                lab.path("run", "liar"))
    Liar(lab.path("run", "liar"), done)
    command = mailrace.Command(config)
    r = command.run("audit")
    tap.equal(r.returncode, 1, "exit status")
    tap.check("ACCOUNTING FILES DO NOT AGREE" in r.stdout and
              "/a.csv" in r.stdout, r.stdout)
    tap.equal(command.run("audit", "--json").returncode, 1, "with --json")


def fall_in_doubt(lab, rcpt):
    """Killed behind the dot; the Unix time of the doubt."""
    before = len(lab.events("delay"))
    lab.inject(rcpt)
    tap.wait_for(lambda: len(lab.events("delay")) > before, 20,
                 "the server thinks")
    lab.daemon.kill()
    lab.daemon.start()
    doubt = [d for d in lab.audit().doubts if d["to"] == rcpt][0]
    lab.settled()
    return calendar.timegm(time.strptime(doubt["time"][:19],
                                         "%Y-%m-%d %H:%M:%S"))


@tap.test("--since: only doubts from then on")
def since(lab):
    first = fall_in_doubt(lab, "doubt1@slow.example")
    last = fall_in_doubt(lab, "doubt2@slow.example")
    tap.check(first < last, "%d, %d" % (first, last))

    def named(value):
        answer = lab.command.json("audit", "--since=" + value)
        tap.equal(answer["in_doubt"], len(answer["doubts"]), "in_doubt")
        return {d["to"] for d in answer["doubts"]} & {
            "doubt1@slow.example", "doubt2@slow.example"}

    for value, count in (("1h", 2), ("2026-01-01", 2), (str(first), 2),
                         (str(last), 1), (str(int(time.time()) + 60), 0)):
        tap.equal(len(named(value)), count, value)
    r = lab.command.run("audit", "--since=yesterday")
    tap.equal(r.returncode, 2, "exit status")
    tap.check("neither" in r.stderr, r.stderr)


def clear_out(lab):
    """Neither spool nor accounting files."""
    lab.daemon.stop()
    shutil.rmtree(lab.path("spool"))
    for folder in ("acct", "more"):
        for name in os.listdir(lab.path(folder)):
            os.remove(lab.path(folder, name))


def load_old(lab):
    clear_out(lab)
    lab.command.text("queue", "load", OLD_SPOOL)


def unpack_old(lab):
    clear_out(lab)
    with tarfile.open(OLD_TABLES) as f:
        f.extractall(lab.path("spool"))
    tap.check("lease.db" not in os.listdir(lab.path("spool", "db")), "tables")


def deliver_old(lab):
    """What was queued there ends, and each record comes once."""
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
    tap.equal(lab.agreement(), AGREEMENT, "agreement")
    tap.equal(len(lab.accounting()), len(want), "rows after a restart")


@tap.test("a dump of version 0.1: its mail is delivered, and its records come"
          " once")
def old_spool(lab):
    load_old(lab)
    deliver_old(lab)


@tap.test("a spool that has fewer tables than this version is taken over")
def old_tables(lab):
    unpack_old(lab)
    lab.command.text("queue", "verify")
    deliver_old(lab)
    lab.daemon.stop()
    tap.check("0 damages" in lab.command.text("queue", "verify"), "verify")
    lab.daemon.start()


tap.main(Fixture)
