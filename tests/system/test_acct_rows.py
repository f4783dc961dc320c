#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What an <acct-file> says of its rows: columns and their order, copies of
header fields, queues, privacy, times and formats; each row as another file
with plain settings has it."""

import netns
netns.enter()

import csv
import glob
import hashlib
import hmac
import json
import os
import re
import stat

import tap
from lab import Lab, mx_zone

CONFIG = """
<virtual-mta v1>
    smtp-source-host 127.0.0.11 v1.mta.example
</virtual-mta>
<virtual-mta v2>
    smtp-source-host 127.0.0.12 v2.mta.example
</virtual-mta>
<source 127.0.0.1>
    process-x-virtual-mta yes
</source>
<domain *>
    retry-recipients-after 1h
</domain>
<acct-file {root}/rows/plain.csv>
    records d,b,t
    record-fields d *, header_X-Note
</acct-file>
<acct-file {root}/rows/columns.csv>
    records t, d
    record-fields b jobId
    record-fields bounce bounceCat, rcpt
    record-fields d rcpt, header_X-NOTE, jobId, envId, userString
    records b
    map-header-to-field d header_X-Missing jobId
    map-header-to-field d header_X-Campaign jobId
    map-header-to-field d header_X-Missing envId
    map-header-to-field b header_X-Campaign rcpt
    record-fields t *, !dsnDiag, !orcpt, !orig
    user-string "cluster 2, \\"left\\""
</acct-file>
<acct-file {root}/rows/times.csv>
    records d
    record-fields d *, totalSecondsQueued
    iso-times no
    world-readable yes
</acct-file>
<acct-file {root}/rows/queues.csv>
    records d,b,t
    queue-filter !b.in.example/*, [*.]in.example/V1, up.example
</acct-file>
<acct-file {root}/rows/hashed.csv>
    records d,b
    privacy-policy hmac-sha256 "a key"
</acct-file>
<acct-file {root}/rows/redacted.json>
    records d,b
    privacy-policy redact
</acct-file>
<acct-file {root}/rows/lines.csv>
    records d,b,t
    format json
</acct-file>
"""
ZONE = "".join(mx_zone(d, ("mx.in.example", "127.0.1.1")) for d in (
    "in.example", "a.in.example", "b.in.example", "up.example"))
# Recipient, virtual MTA.
SENT = (("One@in.example", "v1"), ("two@a.in.example", "v1"),
        ("three@b.in.example", "v1"), ("four@in.example", "v2"),
        ("five@up.example", ""), ("six@up.example", "v1"),
        ("no-seven@in.example", "v1"), ("later-8@in.example", "v1"))


class Fixture(Lab):
    def __init__(self):
        super().__init__(
            zone=ZONE, config=CONFIG, with_postfix=False, with_milter=False,
            receivers=[{"listen": ["127.0.1.1:25"], "rules": [
                {"at": "rcpt", "match": "<later", "reply":
                 "452 4.2.2 mailbox full"},
                {"at": "rcpt", "match": "<no", "reply":
                 "550 5.1.1 <no-seven@in.example>: no-seven is gone"}]}])
        os.mkdir(self.path("rows"))

    def __enter__(self):
        self.start()
        for rcpt, vmta in SENT:
            self.inject(rcpt, sender="from+%s@sender.example" %
                        rcpt.replace("@", "="), headers=[
                            ("X-Note", "n " + rcpt),
                            ("X-Campaign", "spring")] +
                        ([("X-Virtual-MTA", vmta)] if vmta else []))
        # Rows come in the same order in each file: this one is in all.
        self.wait(lambda: len(self.rows("plain.csv")) == len(SENT))
        self.inject("last@in.example", headers=[("X-Virtual-MTA", "v1")])
        for name in self.files():
            self.wait(lambda: self.find(name, "last@in.example") or
                      name == "hashed.csv" and len(self.rows(name)) == 8 or
                      name == "redacted.json" and len(self.rows(name)) == 8)
        return self

    def wait(self, condition):
        return tap.wait_for(condition, 20, "rows of all")

    @staticmethod
    def files():
        return re.findall(r"<acct-file \{root\}/rows/(.*)>", CONFIG)

    def paths(self, name):
        stem, suffix = os.path.splitext(name)
        return sorted(glob.glob(self.path("rows", stem + "*" + suffix)))

    def lines(self, name):
        """Whole lines of all files of that name."""
        text = ""
        for path in self.paths(name):
            with open(path, newline="") as f:
                text += f.read()
        return text[:text.rfind("\n") + 1].splitlines(True)

    def rows(self, name):
        lines = self.lines(name)
        if lines and lines[0].startswith("{"):
            return [json.loads(line) for line in lines]
        return list(csv.DictReader(lines))

    def find(self, name, rcpt):
        return [r for r in self.rows(name) if r.get("rcpt") == rcpt]

    def one(self, name, rcpt):
        found = self.find(name, rcpt)
        tap.equal(len(found), 1, "rows of %s in %s" % (rcpt, name))
        return found[0]


@tap.test("record-fields: columns in the order of their first mention",
          proves="acct-file record-fields")
def columns(lab):
    tap.equal(lab.lines("columns.csv")[0],
              "type,bounceCat,rcpt,header_X-NOTE,jobId,envId,userString,"
              "timeLogged,timeQueued,dsnAction,dsnStatus,dsnMta,srcType,srcMta,"
              "dlvType,dlvSourceIp,dlvDestinationIp,dlvEsmtpAvailable,dlvSize,"
              "vmta,queue,vmtaPool\r\n", "header line")
    r = lab.one("columns.csv", "One@in.example")
    tap.equal({k: v for k, v in r.items() if v != ""},
              {"type": "d", "rcpt": "One@in.example",
               "header_X-NOTE": "n One@in.example", "jobId": "spring",
               "userString": 'cluster 2, "left"'}, "a d record")
    r = lab.one("columns.csv", "later-8@in.example")
    plain = lab.one("plain.csv", "later-8@in.example")
    tap.equal({k: v for k, v in r.items() if v != ""},
              {k: v for k, v in plain.items() if v != "" and
               k not in ("dsnDiag", "orcpt", "orig")}, "a t record")


@tap.test("map-header-to-field: the first header that there is, else the field",
          proves="acct-file map-header-to-field")
def mapped(lab):
    r = lab.one("columns.csv", "One@in.example")
    tap.equal((r["jobId"], r["envId"]), ("spring", ""), "of a d record")
    tap.equal(lab.one("columns.csv", "last@in.example")["jobId"], "",
              "of a message without the headers")
    tap.equal([r["rcpt"] for r in lab.rows("columns.csv")
               if r["type"] == "b"], ["spring"], "of a b record")
    tap.equal(lab.one("plain.csv", "One@in.example")["jobId"], "",
              "in another file")


@tap.test("user-string: what the column userString shows",
          proves="acct-file user-string")
def user_string(lab):
    shown = {(r["type"], r["userString"]) for r in lab.rows("columns.csv")}
    tap.equal(shown, {("d", 'cluster 2, "left"'), ("b", ""), ("t", "")},
              "userString by type")


@tap.test("iso-times no: Unix seconds, the same instants",
          proves="acct-file iso-times")
def times(lab):
    for r in lab.rows("times.csv"):
        plain = lab.one("plain.csv", r["rcpt"])
        for name in ("timeLogged", "timeQueued"):
            tap.equal(iso(int(r[name])), plain[name], name)
        tap.equal(int(r["totalSecondsQueued"]) in
                  (0, int(r["timeLogged"]) - int(r["timeQueued"]),
                   int(r["timeLogged"]) - int(r["timeQueued"]) - 1), True,
                  str(r))


def iso(seconds):
    import datetime
    at = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return at.strftime("%Y-%m-%d %H:%M:%S+0000")


@tap.test("queue-filter: patterns in order, on both halves of the queue",
          proves="acct-file queue-filter")
def filtered(lab):
    wanted = [r["rcpt"] for r in lab.rows("plain.csv") if r["queue"] in (
        "in.example/v1", "a.in.example/v1", "up.example/{default}")]
    tap.equal(len(wanted), 6, "rows of these queues")
    tap.equal([r["rcpt"] for r in lab.rows("queues.csv")], wanted, "rows")


def replaced(address, with_what):
    local, domain = address.split("@")
    return "%s@%s" % (with_what(local.lower()), domain)


def hashed(local):
    return hmac.new(b"a key", local.encode(), hashlib.sha256) \
        .hexdigest().upper()


@tap.test("privacy-policy: no local part of a recipient anywhere in the file",
          proves="acct-file privacy-policy")
def private(lab):
    plain = [r for r in lab.rows("plain.csv") if r["type"] != "t"]
    for name, with_what in (("hashed.csv", hashed),
                            ("redacted.json", lambda local: "...")):
        tap.equal([r["rcpt"] for r in lab.rows(name)],
                  [replaced(r["rcpt"], with_what) for r in plain], name)
        text = "".join(lab.lines(name)).lower()
        for rcpt, _ in SENT:
            tap.check(rcpt.split("@")[0].lower() + "@" not in text and
                      rcpt.replace("@", "=").lower() not in text,
                      "%s in %s" % (rcpt, name))
        tap.check("no-seven" not in text, "the reply in " + name)
        tap.check("sender.example" in text, "senders in " + name)


@tap.test("format json: an object for each row, with the same cells",
          proves="acct-file format")
def as_json(lab):
    plain, found = lab.rows("plain.csv"), lab.rows("lines.csv")
    tap.equal(len(found), len(plain), "rows")
    for row, obj in zip(plain, found):
        tap.check(re.fullmatch(r"[0-9a-f]{8}-\d+-\d+", obj.pop("recordId")),
                  "recordId")
        row.pop("header_X-Note")
        tap.equal({k: str(v) for k, v in obj.items()},
                  {k: v for k, v in row.items() if v != ""}, row["rcpt"])
    sent = next(obj for obj in found if "dlvSize" in obj)
    tap.check(isinstance(sent["dlvSize"], int), "a size is a number")


@tap.test("world-readable: its files may be read by all, others not",
          proves="acct-file world-readable")
def readable(lab):
    for name, mode in (("times.csv", 0o644), ("plain.csv", 0o640)):
        tap.equal([oct(stat.S_IMODE(os.stat(p).st_mode))
                   for p in lab.paths(name)], [oct(mode)], name)


tap.main(Fixture)
