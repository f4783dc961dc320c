#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`mailrace stats`: each number that it prints of 20,000 random records of all
types, in files of all kinds, is the one that Python finds in them."""

import netns
netns.enter()

import csv
import io
import json
import os
import random
import shutil
import subprocess
import tempfile

import mailrace
import stats_oracle
import tap

NEW = ("type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,"
       "dsnDiag,dsnMta,bounceCat,srcType,srcMta,dlvType,dlvSourceIp,"
       "dlvDestinationIp,dlvEsmtpAvailable,dlvSize,vmta,jobId,envId,queue,"
       "vmtaPool").split(",")
# Of PowerMTA 3: 22 columns.
OLD = NEW[:3] + ["timeImprinted"] + NEW[3:21]
# As record-fields may have them: another order, and more.
OWN = ["type", "rcpt", "timeLogged", "header_X-Job", "bounceCat", "vmta",
       "dlvSize", "timeQueued", "dsnStatus", "dsnDiag", "jobId", "recordId",
       "orig", "envId"]
TYPES = ("d", "b", "t", "tq", "r", "rb", "rs", "f")
WEIGHTS = (70, 8, 8, 2, 6, 2, 2, 2)
CATEGORIES = ["bad-mailbox", "spam-related", "quota-issues", "other",
              "hardbnc", ""] + ["own-%d" % i for i in range(25)]
DIAGS = ["smtp;550 5.1.1 <%s>: Recipient address rejected",
         "smtp;550-5.7.26 unauthenticated, %s - gsmtp",
         "smtp;452 mailbox full, \"id\" %s", "x-pmta;bounce-queue",
         "smtp;421 try\r\n later, %s.example"]
START = 1763856000  # 2025-11-23 00:00:00
HERE = os.path.dirname(os.path.abspath(__file__))


def iso_times(row):
    for name in ("timeLogged", "timeQueued"):
        if row[name] != "":
            row[name] = stats_oracle.stamp(row[name])


class Rows:
    """Random records; the same for the same seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.domains = ["Gmail.example", "gmail.example", "yahoo.example"] + \
            ["notyahoo.example", *("d%d.example" % i for i in range(300))]

    def rcpt(self):
        r = self.random
        domain = r.choice(self.domains[:3]) if r.random() < .6 else \
            r.choice(self.domains)
        return r.choice(["%s@%s", '"a@b, %s"@%s']) % (r.randrange(999), domain)

    def row(self):
        r = self.random
        letter = r.choices(TYPES, WEIGHTS)[0]
        logged = START + int(r.random() ** 2 * 200000)
        row = {"type": letter, "timeLogged": "" if r.random() < .01 else logged,
               "timeQueued": "", "orig": "news-%d@a.example" % r.randrange(9),
               "rcpt": self.rcpt(), "vmta": "vmta%d" % r.randrange(4),
               "jobId": r.choice(["", "a", "B", "job-%d" % r.randrange(40)]),
               "header_X-Job": "h%d" % int(r.random() ** 3 * 50),
               "dlvEsmtpAvailable": "PIPELINING,SIZE"}
        if letter in ("d", "b", "t"):
            row["timeQueued"] = logged - int(r.random() ** 9 * 200000) + 1
        if letter == "d":
            row.update(dsnStatus="2.0.0 (success)", dlvSize=r.randrange(99999))
        if letter in ("b", "rb", "t", "rs"):
            status = r.choice(["5.1.1 (bad mailbox)", "5.0.0", "4.2.2"])
            row.update(bounceCat=r.choice(CATEGORIES), dsnStatus=status,
                       dsnDiag=self.diag())
        if letter == "tq":
            row["rcpt"] = ""
        if letter in ("rb", "rs", "f"):
            row["vmta"] = ""
        return row

    def diag(self):
        r = self.random
        word = r.choice(["u%d@b.example" % r.randrange(999), "5.1.1", "later",
                         "x%d" % r.randrange(99)])
        diag = r.choice(DIAGS)
        return diag % word if "%s" in diag else diag

    def write_json(self, f, names, count):
        """An object a line, without what is empty."""
        for _ in range(count):
            row = self.row()
            iso_times(row)
            f.write(json.dumps({k: row[k] for k in names
                                if row.get(k, "") != ""}) + "\n")

    def write(self, f, names, count, iso=True, end="\r\n"):
        out = csv.DictWriter(f, names, restval="", extrasaction="ignore",
                             lineterminator=end)
        out.writeheader()
        for _ in range(count):
            row = self.row()
            if iso:
                iso_times(row)
            out.writerow(row)


class Folder:
    """A configuration without acct-files, and files of random records."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="mailrace-test-")
        self.config = self.file("config", "host-name mta.example\n")
        rows = Rows(20251123)
        self.files = [self.csv("new.csv", lambda f: rows.write(f, NEW, 9000)),
                      self.csv("old.csv", lambda f: rows.write(
                          f, OLD, 4000, end="\n"), mark="\ufeff"),
                      self.csv("unix.csv", lambda f: rows.write(
                          f, NEW, 3000, iso=False)),
                      self.csv("joined.csv", lambda f: (
                          rows.write(f, OWN, 4000), rows.write(f, NEW, 500))),
                      self.csv("lines.json",
                               lambda f: rows.write_json(f, NEW, 1000))]
        self.rows = stats_oracle.read(self.files)
        for row in self.rows:
            for name in NEW:
                row.setdefault(name, "")
        self.usual = stats_oracle.Report(self.rows).usual(len(self.files))
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path)

    def file(self, name, text):
        path = os.path.join(self.path, name)
        with open(path, "w", newline="", encoding="utf-8") as f:
            f.write(text)
        return path

    def csv(self, name, write, mark=""):
        text = io.StringIO(newline="")
        write(text)
        return self.file(name, mark + text.getvalue())

    def run(self, *words, files=None, **how):
        return subprocess.run(
            [mailrace.program("mailrace"), "-c", self.config, "stats", *words,
             "--", *(self.files if files is None else files)],
            capture_output=True, timeout=60, **how)

    def json(self, *words, **how):
        """The answer as JSON, of a run that must go well."""
        r = self.run("--output=json", *words, **how)
        tap.equal((r.returncode, r.stderr), (0, b""), "status, complaints")
        return json.loads(r.stdout)


def compare(got, wanted):
    """Section by section, and where that is not enough row by row."""
    for name, want in wanted.items():
        have = got.get(name)
        if isinstance(want, list) and isinstance(have, list):
            for i, row in enumerate(want[:len(have)]):
                if isinstance(row, dict) and "counts" in row:
                    compare(have[i], row)
                tap.equal(have[i], row, "%s, row %d" % (name, i))
        tap.equal(have, want, name)
    tap.equal(list(got), list(wanted), "the sections and their order")


@tap.test("each number of 20,000 records of all types, of five kinds of files")
def all_numbers(folder):
    tap.equal({r["type"] for r in folder.rows}, set(TYPES), "types")
    tap.equal(len(folder.rows), 21500, "records")
    compare(folder.json(), folder.usual)


@tap.test("--all --byDate --byDomain --byDsn: nothing is put together")
def without_limits(folder):
    report = stats_oracle.Report(folder.rows, by_dsn=True)
    wanted = report.usual(len(folder.files))
    wanted.update(bounce_categories=report.bounce_categories(None),
                  top_bounces=report.top_bounces(None),
                  top_domains=report.top_domains(None),
                  dates=report.dates(), domains=report.domains())
    got = folder.json("--all", "--byDate", "--byDomain", "--byDsn")
    tap.check(len(got["bounce_categories"]) > 20, "more than the usual limit")
    compare(got, wanted)


@tap.test("--topCategories, --topBounces, --topDomains: the rest is one row")
def limits(folder):
    report = stats_oracle.Report(folder.rows)
    wanted = {**folder.usual,
              "bounce_categories": report.bounce_categories(3),
              "top_bounces": report.top_bounces(1),
              "top_domains": report.top_domains(5)}
    compare(folder.json("--topCategories=3", "--topBounces=1",
                        "--topDomains=5"), wanted)


@tap.test("--bounceCat: of bounces only these, of the rest all")
def bounce_categories(folder):
    pattern = "BAD-*,own-1?"
    report = stats_oracle.Report(folder.rows, bounce_cat=pattern)
    compare(folder.json("--bounceCat=" + pattern), {
        **folder.usual, "bounce_categories": report.bounce_categories(),
        "top_bounces": report.top_bounces()})


@tap.test("--byJobId, --byFrom, --byVmta, --byHeader: a report for each value")
def by_value(folder):
    for option, column, limit in (("--byJobId", "jobId", 3),
                                  ("--byFrom", "orig", 20),
                                  ("--byVmta", "vmta", 2),
                                  ("--byEnvId", "envId", 20),
                                  ("--byHeader=x-job", "header_X-Job", 5)):
        got = folder.json(option, "--splitLimit=%d" % limit)
        wanted = {**folder.usual, "by": column if column != "header_X-Job" else "header_x-job",
                  "reports": stats_oracle.by_value(folder.rows, column, limit)}
        compare(got, wanted)


@tap.test("--no...: a section is left out")
def left_out(folder):
    for option, names in (("TimeFrame", ["time_frame"]),
                          ("Counts", ["counts"]),
                          ("BounceCategories", ["bounce_categories"]),
                          ("DeliveryTimes", ["delivery_times",
                                             "delivery_time"]),
                          ("TopBounces", ["top_bounces"]),
                          ("TopDomains", ["top_domains"]),
                          ("Rates", ["rates"]), ("Vmtas", ["vmtas"]),
                          ("Hourly", ["hourly"])):
        compare(folder.json("--no" + option),
                {k: v for k, v in folder.usual.items() if k not in names})


def others(row):
    return "(%d other%s)" % (row["others"], "s" * (row["others"] != 1))


def flat(report, before=""):
    """The CSV lines of a report in JSON."""
    keys = {"bounce_categories": ["category"], "delivery_times": ["within"],
            "top_bounces": ["domain", "category"], "top_domains": ["domain"],
            "rates": ["what"], "vmtas": ["vmta"], "hourly": ["hour"]}
    for section, rows in report.items():
        if section in ("by", "reports", "value", "others"):
            continue
        for row in rows if isinstance(rows, list) else [rows]:
            names = keys.get(section, [])
            key = " ".join(row.get(n) or "" for n in names)
            if names and row[names[0]] is None:
                key = others(row)
            for metric, value in row.items():
                if metric not in names + ["others"]:
                    yield [before + section, key, metric,
                           "" if value is None else str(value)]


@tap.test("--output=csv has the numbers of --output=json, a line each")
def as_csv(folder):
    options = ("--byJobId", "--splitLimit=2", "--byDate")[:2]
    answer = folder.json(*options)
    wanted = [["section", "key", "metric", "value"], *flat(answer)]
    for report in answer["reports"]:
        value = report["value"] if report["value"] is not None else \
            others(report)
        wanted += flat(report, "jobId=%s/" % value)
    r = folder.run("--output=csv", *options)
    tap.equal(r.returncode, 0, r.stderr)
    got = list(csv.reader(io.StringIO(r.stdout.decode(), newline="")))
    # 5.0 is 5 for one and 5.0 for the other.
    for line in got[1:] + wanted[1:]:
        line[3] = line[3][:-2] if line[3].endswith(".0") else line[3]
    tap.equal(len(got), len(wanted), "lines")
    for i, line in enumerate(wanted):
        tap.equal(got[i], line, "line %d" % i)


@tap.test("a selection: only these are counted")
def selection(folder):
    def of_yahoo(row):
        return stats_oracle.domain_of(row) == "yahoo.example"
    for words, takes in ((["--toDomain=Yahoo.*"], of_yahoo),
                         (["--type=d,rb", "--from=news-[1]@*"], lambda r: 0),
                         (["--bounced", "--vmta=vmta?"], lambda r: (
                             r["type"] in ("b", "rb") and r["vmta"]))):
        rows = [r for r in folder.rows if takes(r)]
        got = json.loads(folder.run("--json", *words).stdout)
        compare(got, stats_oracle.Report(rows).usual(len(folder.files)))


@tap.test("delivery times at the edges, and a rate over an hour and a second")
def edges(folder):
    text = "type,timeLogged,timeQueued,rcpt,vmta\n"
    for _, limit in stats_oracle.DELAYS[:-1]:
        for delay in (limit - 1, limit, limit + 1):
            for logged in (START, START + 3600):
                text += "d,%d,%d,a@b.example,v\n" % (logged, logged - delay)
    path = folder.file("edges.csv", text)
    report = stats_oracle.Report(stats_oracle.read([path]))
    compare(folder.json(files=[path]), report.usual(1))
    tap.equal(report.rates()[0]["per_hour"], 47.99, "the rate")


@tap.test("standard input is a file like others")
def standard_input(folder):
    with open(folder.files[0], "rb") as f:
        got = folder.json(files=["-"], stdin=f)
    rows = stats_oracle.read(folder.files[:1])
    compare(got, stats_oracle.Report(rows).usual(1))


@tap.test("text of a small file: stats.csv gives stats.txt")
def golden(folder):
    r = folder.run("--byDate", "--byDsn", "--byDomain", "--topDomains=1",
                   "--topCategories=1", "--byJobId", "--splitLimit=1",
                   files=[os.path.join(HERE, "stats.csv")])
    tap.equal((r.returncode, r.stderr), (0, b""), "status, complaints")
    with open(os.path.join(HERE, "stats.txt"), "rb") as f:
        wanted = f.read()
    for i, (have, want) in enumerate(zip(r.stdout.splitlines(),
                                         wanted.splitlines())):
        tap.equal(have, want, "line %d" % (i + 1))
    tap.equal(r.stdout, wanted, "the whole")


@tap.test("the exit status: 0 counted, 1 nothing to count, 2 not all was read")
def statuses(folder):
    empty = folder.file("empty.csv", "type,timeLogged\r\n")
    none = os.path.join(folder.path, "none.csv")
    for files, words, status, said in (
            ([empty], (), 1, ""), ([none], (), 2, "none.csv"),
            ([folder.files[0], none], (), 2, "none.csv"),
            (folder.files, ("--output=html",), 2, "text, json or csv"),
            (folder.files, ("--byVmta", "--byFrom"), 2, "one column"),
            (folder.files, ("--topDomains=0",), 2, "--topDomains")):
        r = folder.run(*words, files=files)
        tap.equal((r.returncode, said in r.stderr.decode()), (status, True),
                  "%s of %s: %s" % (words, files, r.stderr))
    with open("/dev/full", "w") as full:
        r = subprocess.run([mailrace.program("mailrace"), "stats", "--",
                            folder.files[0]], stdout=full, timeout=60,
                           stderr=subprocess.PIPE)
    tap.equal((r.returncode, b"No space" in r.stderr), (2, True),
              "a full disk: %s" % r.stderr)


@tap.test("what is not known is no number: types, times, sizes, UTF-8")
def nonsense(folder):
    path = os.path.join(folder.path, "bad.csv")
    with open(path, "wb") as f:
        f.write(b"type,timeLogged,timeQueued,rcpt,dlvSize,bounceCat\r\n"
                b"zz,2025-11-23 00:00:00+0000,,a@b.example,5,\r\n"
                b"d,yesterday,2025-11-23 00:00:00+0000,a@b.example,x,\r\n"
                b"d,99999999999999,,a@b.example,7,\r\n"
                b"d,,,a@b.example,9999999999999999999,\r\n"
                b"b,1763856000,,a@b\xff.example,,c\xff\x1bd\r\n")
    r = folder.run("--output=json", files=[path])
    tap.equal((r.returncode, r.stderr),
              (0, b"mailrace: 1 rows of unknown types are left out\n"), "said")
    got = json.loads(r.stdout)
    tap.equal((got["counts"]["delivered"], got["counts"]["bytes"]), (3, 7),
              "counts")
    tap.equal((got["time_frame"]["first"], got["time_frame"]["last"]),
              ("2025-11-23 00:00:00+0000",) * 2, "times")
    tap.equal(got["delivery_time"]["measured"], 0, "delivery times")
    tap.equal(got["top_bounces"][0]["domain"], "b\ufffd.example", "a domain")
    r = folder.run(files=[path])
    tap.check(b"\x1b" not in r.stdout, "no control characters in text")


tap.main(Folder)
