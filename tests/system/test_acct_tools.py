#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mailrace find: what it prints is what Python's csv reads in the same files
and Python's re, fnmatch and sorting choose of it; in every form, of old files,
of put together and damaged ones, of JSON lines and of all the configuration
names."""

import netns
netns.enter()

import csv
import fnmatch
import gzip
import html.parser
import io
import json
import os
import pty
import random
import re
import subprocess
import time
import xml.etree.ElementTree

import mailrace
import tap
from lab import Lab, mx_zone

COLUMNS = ("type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,"
           "dsnDiag,dsnMta,bounceCat,srcType,srcMta,dlvType,dlvSourceIp,"
           "dlvDestinationIp,dlvEsmtpAvailable,dlvSize,vmta,jobId,envId,"
           "queue,vmtaPool").split(",")
# PowerMTA before 4.5.
OLD_COLUMNS = COLUMNS[:3] + ["timeImprinted"] + COLUMNS[3:21]
START = 1795000000  # 2026-11-18 11:06:40 UTC
ZONE = mx_zone("in.example", ("mx.in.example", "127.0.1.1"))
ROWS = 3000
SEED = int(os.environ.get("SEED", "1"))
csv.field_size_limit(1 << 20)
HARD = ["", "", "plain", "a,b", 'say "x"', '"', '""', "two\r\nlines", "\n",
        "tab\there", "back\\slash", "<&>'", "Grüße", "日本", " blanks ",
        "]]>", "'quoted'", "a\rb"]


# ---- files ------------------------------------------------------------------

def iso(seconds):
    return time.strftime("%Y-%m-%d %H:%M:%S+0000", time.gmtime(seconds))


def random_row(rng, number):
    kind = rng.choice("dddbt")
    domain = rng.choice(["gmail.com", "Yahoo.com", "example.net"])
    vmta = "vmta%d" % rng.randrange(4)
    row = dict.fromkeys(COLUMNS, "")
    row.update(
        type=kind, timeLogged=iso(START + number // 10),
        timeQueued=iso(START + number // 10 - rng.randrange(1000)),
        orig=rng.choice(["", "bounce+%d@news.example" % number]),
        rcpt="User%d@%s" % (number, domain),
        dsnStatus=rng.choice(["2.0.0 (success)"] if kind == "d" else
                             ["5.1.1 (bad destination mailbox address)",
                              "4.4.1 (no answer from host)"]),
        dsnDiag=rng.choice(HARD) + "smtp;" + rng.choice(HARD),
        bounceCat="" if kind == "d" else
        rng.choice(["bad-mailbox", "bad-domain", "quota-issues"]),
        dlvEsmtpAvailable="SIZE,STARTTLS",
        dlvSize=str(rng.randrange(100000)) if kind == "d" else "",
        vmta=vmta, queue=domain.lower() + "/" + vmta,
        jobId="job-%d" % rng.randrange(5), envId=rng.choice(HARD))
    return row


def csv_text(columns, rows, end="\r\n"):
    out = io.StringIO(newline="")
    w = csv.writer(out, lineterminator=end)
    w.writerow(columns)
    for row in rows:
        w.writerow([row.get(c, "") for c in columns])
    return out.getvalue()


def read_csv(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


class Fixture(Lab):
    """A daemon that has delivered two messages, and files of ours."""

    def __init__(self):
        super().__init__(zone=ZONE, with_postfix=False, with_milter=False,
                         receivers=[{"listen": ["127.0.1.1:25"], "rules": [
                             {"at": "rcpt", "match": "<no", "reply":
                              "550 5.1.1 no such user"}]}])

    def __enter__(self):
        self.start()
        self.inject(["yes@in.example", "no@in.example"])
        self.wait_record("d", "yes@in.example")
        self.wait_record("b", "no@in.example")
        rng = random.Random(SEED)
        self.rows = [random_row(rng, i) for i in range(ROWS)]
        self.file = self.write("rows.csv", csv_text(COLUMNS, self.rows))
        return self

    def write(self, name, text):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        return path

    def find(self, *args, status=0, **more):
        """Standard output and error, line ends as they are."""
        r = subprocess.run(
            [mailrace.program("mailrace"), "-c", self.config, "find"] +
            list(args), capture_output=True, timeout=60, **more)
        err = r.stderr.decode()
        tap.equal(r.returncode, status, "exit status (%s)" % err)
        return r.stdout.decode(), err

    def found(self, *args, **more):
        return read_csv(self.find(*args, **more)[0])


def same(got, wanted, label):
    """Two lists of rows; of a long one only what differs is shown."""
    tap.equal(len(got), len(wanted), label + ": rows")
    for number, (g, w) in enumerate(zip(got, wanted)):
        tap.equal(dict(g), dict(w), "%s: row %d" % (label, number))


# ---- forms ------------------------------------------------------------------

@tap.test("csv: byte for byte what Python's csv writes")
def form_csv(lab):
    tap.equal(lab.find(lab.file)[0], csv_text(COLUMNS, lab.rows), "csv")


@tap.test("tsv: tab, line end and backslash are written as such")
def form_tsv(lab):
    lines = lab.find("--output=tsv", lab.file)[0].split("\n")
    tap.equal(lines.pop(), "", "the last line has its end")
    unescape = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\\\": "\\"}

    def cell(text):
        return re.sub(r"\\.", lambda m: unescape[m[0]], text)
    names = lines[0].split("\t")
    same([dict(zip(names, map(cell, line.split("\t"))))
          for line in lines[1:]], lab.rows, "tsv")


def without_empty(row):
    return {k: v for k, v in row.items() if v != ""}


def as_json(row):
    row = without_empty(row)
    if "dlvSize" in row:
        row["dlvSize"] = int(row["dlvSize"])
    return row


@tap.test("json: an object a line, sizes are numbers, empty ones left out")
def form_json(lab):
    for args in (["--output=json"], ["--json"]):
        lines = lab.find(*args, lab.file)[0].split("\n")[:-1]
        same([json.loads(line) for line in lines], map_rows(as_json, lab.rows),
             args[0])


def map_rows(fn, rows):
    return [fn(row) for row in rows]


@tap.test("xml and prettyxml: an element for each column with something in it")
def form_xml(lab):
    for form in ("xml", "prettyxml"):
        text = lab.find("--output=" + form, lab.file)[0]
        root = xml.etree.ElementTree.fromstring(text)
        same([{c.tag: c.text for c in record} for record in root],
             map_rows(without_empty, lab.rows), form)


class Table(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.lines, self.cell = [], None

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.lines.append([])
        elif tag in ("td", "th"):
            self.cell = ""

    def handle_data(self, data):
        if self.cell is not None:
            self.cell += data

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.lines[-1].append(self.cell)
            self.cell = None


@tap.test("html: a table")
def form_html(lab):
    table = Table()
    table.feed(lab.find("--output=html", lab.file)[0])
    same([dict(zip(table.lines[0], line)) for line in table.lines[1:]],
         lab.rows, "html")


@tap.test("what XML cannot hold and what is no UTF-8 becomes U+FFFD")
def form_bytes(lab):
    path = lab.write("bytes.csv", b"type,dsnDiag,x y,1\n"
                     b"d,a\x01b\x7f\xc2\x9b,A,\nd,\xff<\xe4,\xef\xbf\xbe,B\n")
    wanted = [["d", "a\ufffdb\ufffd\ufffd", "A", None],
              ["d", "\ufffd<\ufffd", "\ufffd", "B"]]
    root = xml.etree.ElementTree.fromstring(
        lab.find("--output=xml", path)[0])
    tap.equal([[r.findtext(n) for n in ("type", "dsnDiag", "x_y", "_1")]
               for r in root], wanted, "xml")
    table = Table()
    table.feed(lab.find("--output=html", path)[0])
    tap.equal([[c or None for c in line] for line in table.lines[1:]], wanted,
              "html")
    got = [json.loads(line)["dsnDiag"]
           for line in lab.find("--output=json", path)[0].splitlines()]
    tap.equal(got, ["a\x01b\x7f\x9b", "\ufffd<\ufffd"], "json")


@tap.test("columns that are named, in their order; type is always there")
def form_columns(lab):
    for columns, wanted in (
            ("rcpt,dlvSize", ["type", "rcpt", "dlvSize"]),
            ("dlvSize,TYPE", ["dlvSize", "TYPE"]),
            (" rcpt , nosuch ", ["type", "rcpt", "nosuch"])):
        lower = {c.lower(): c for c in COLUMNS}
        got = lab.found("--output=csv[%s]" % columns, lab.file)
        same(got, [{c: row.get(lower.get(c.lower()), "") for c in wanted}
                   for row in lab.rows], columns)
        tap.equal(list(got[0]), wanted, "order")


# ---- selection --------------------------------------------------------------

def like(pattern, text):
    """Our globs: only * and ?, no case."""
    return re.fullmatch(fnmatch.translate(
        pattern.replace("[", "[[]").lower()), text.lower()) is not None


def any_column(pattern):
    return lambda r: any(re.search(pattern, v, re.I) for v in r.values())


SELECTIONS = [
    (["--delivered"], lambda r: r["type"] == "d"),
    (["--bounced"], lambda r: r["type"] == "b"),
    (["--status"], lambda r: r["type"] == "t"),
    (["--bounced", "--status"], lambda r: r["type"] in "bt"),
    (["--type=delivery, t"], lambda r: r["type"] in "dt"),
    (["--type=rb", "--bounced"], lambda r: r["type"] == "b"),
    (["--since=" + iso(START + 100)],
     lambda r: r["timeLogged"] >= iso(START + 100)),
    (["--since=2026-11-18T12:08:20+0100", "--until=%d" % (START + 200)],
     lambda r: iso(START + 100) <= r["timeLogged"] < iso(START + 200)),
    (["--match=[rcpt]user1.*@gmail"],
     lambda r: re.search("user1.*@gmail", r["rcpt"], re.I)),
    (["--match=[rcpt, orig]^bounce|^user7"],
     lambda r: re.search("^bounce|^user7", r["rcpt"], re.I) or
     re.search("^bounce", r["orig"])),
    (["--match=bad-"], any_column("bad-")),
    (["--match=^$"], any_column("^$")),
    (["--match=(?-i)yahoo"], lambda r: "yahoo" in r["queue"]),
    (["--match=gmail", "--match=[bounceCat]quota"],
     lambda r: "gmail" in r["queue"] and "quota" in r["bounceCat"]),
    (["--match=[nosuch]x*"], lambda r: False),
    (["--to=user1?@*"], lambda r: like("user1?@*", r["rcpt"])),
    (["--from=*@NEWS.example"], lambda r: r["orig"] != ""),
    (["--from=<>"], lambda r: r["orig"] == ""),
    (["--envId=say*"], lambda r: r["envId"].startswith("say")),
    (["--jobId=job-3"], lambda r: r["jobId"] == "job-3"),
    (["--vmta=*1"], lambda r: r["vmta"] == "vmta1"),
    (["--queue=gmail.com"], lambda r: r["queue"].startswith("gmail.com/")),
    (["--queue=*/vmta2"], lambda r: r["vmta"] == "vmta2"),
    (["--dsnStatus=5.1.1"], lambda r: r["dsnStatus"].startswith("5.1.1 ")),
    (["--dsnStatus=*no answer*"], lambda r: "no answer" in r["dsnStatus"]),
    (["--bounceCat=quota*,bad-domain"],
     lambda r: r["bounceCat"] in ("quota-issues", "bad-domain")),
    (["--bounceCat=none,, quota* ,bad-domain"],
     lambda r: r["bounceCat"] in ("quota-issues", "bad-domain")),
    (["--rcvSmtpUser=*"], lambda r: False),
    (["--bounced", "--vmta=vmta0", "--to=*gmail.com"],
     lambda r: r["type"] == "b" and r["vmta"] == "vmta0" and
     "gmail" in r["rcpt"]),
]


@tap.test("each way to choose records, against Python")
def selection(lab):
    for args, predicate in SELECTIONS:
        wanted = [r for r in lab.rows if predicate(r)]
        same(lab.found(*args, lab.file, status=0 if wanted else 1), wanted,
             " ".join(args))


@tap.test("--last and --since=2h count from now; --header, --rcvSmtpUser")
def recent(lab):
    now = int(time.time())
    path = lab.write("recent.csv", "type,timeLogged,header_X-Job,rcvSmtpUser\n"
                     "d,%s,A1,ann\nd,%d,b2,bob\nd,,c3,\n" %
                     (iso(now - 3 * 3600), now - 3600))
    for args, wanted in ((["--last=2h"], ["b2"]), (["--since=2h"], ["b2"]),
                         (["--last=4h"], ["A1", "b2"]),
                         (["--until=2h"], ["A1"]),
                         (["--header=x-job:a?"], ["A1"]),
                         (["--header=X-Job: *", "--header=x-job:*2"], ["b2"]),
                         (["--rcvSmtpUser=*"], ["A1", "b2", "c3"]),
                         (["--rcvSmtpUser=B*"], ["b2"])):
        tap.equal([r["header_X-Job"] for r in lab.found(*args, path)], wanted,
                  " ".join(args))


@tap.test("--sortBy: numbers, times, text; empty ones last; --maxitems")
def order(lab):
    def check(column, key, descending, most):
        args = ["--sortBy=%s%s" % (column, ",desc" if descending else "")]
        full = sorted((r for r in lab.rows if r[column] != ""),
                      key=lambda r: key(r[column]), reverse=descending)
        full += [r for r in lab.rows if r[column] == ""]
        if most:
            args.append("--maxitems=%d" % most)
        same(lab.found(*args, lab.file), full[:most or None], " ".join(args))
    for descending in (False, True):
        check("dlvSize", int, descending, 0)
        check("dlvSize", int, descending, 7)
        check("timeQueued", str, descending, 0)
        check("queue", str.lower, descending, 11)
    same(lab.found("--maxitems=5", "--bounced", lab.file),
         [r for r in lab.rows if r["type"] == "b"][:5], "--maxitems alone")


# ---- files of other kinds ---------------------------------------------------

@tap.test("old columns, a header in the middle, BOM, LF: columns by name")
def headers(lab):
    old = [dict(r, timeImprinted=r["timeLogged"]) for r in lab.rows[:50]]
    text = (b"\xef\xbb\xbf" +
            csv_text(OLD_COLUMNS, old, end="\n").encode() + b"\xef\xbb\xbf" +
            csv_text(COLUMNS, lab.rows[50:100]).encode())
    path = lab.write("old.csv", text)
    columns = "rcpt,queue,timeImprinted,dsnDiag"
    names = ["type"] + columns.split(",")
    got = lab.found("--output=csv[%s]" % columns, path)
    same(got, [{n: r.get(n, "") if n != "queue" or i >= 50 else ""
                for n in names}
               for i, r in enumerate(old + lab.rows[50:100])], "named columns")
    # All columns: new ones in the middle of a table bring a further header,
    # and with the whole in memory there is one.
    lines = list(csv.reader(io.StringIO(lab.find(path)[0], newline="")))
    union = OLD_COLUMNS + ["queue", "vmtaPool"]
    tap.equal([line for line in lines if line[0] == "type"],
              [OLD_COLUMNS, union], "header lines")
    tap.equal(len(lines), 102, "lines")
    got = lab.found("--sortBy=timeLogged", path)
    tap.equal(list(got[0]), union, "one header")
    # Of several files the columns are known before.
    got = lab.found(lab.write("o.csv", csv_text(OLD_COLUMNS, old)), lab.file)
    tap.equal(list(got[0]), union, "the columns of both")
    tap.equal(len(got), 50 + ROWS, "rows of both")


@tap.test("Unix times and JSON lines are read as the others are")
def unix_json(lab):
    rows = [dict(r, timeLogged=str(START + i // 10))
            for i, r in enumerate(lab.rows)]
    unix = lab.write("unix.csv", csv_text(COLUMNS, rows))
    lines = [dict(as_json(r), timeLogged=START + i // 10)
             for i, r in enumerate(lab.rows)]
    as_lines = lab.write("rows.json", "\ufeff" + "".join(
        json.dumps(line, ensure_ascii=i % 2 == 0) + "\n"
        for i, line in enumerate(lines)))
    args = ["--since=" + iso(START + 50), "--until=" + iso(START + 60)]
    for path in (unix, as_lines):
        same([{c: r.get(c, "") for c in COLUMNS}
              for r in lab.found(*args, path)], rows[500:600], path)
        got = lab.found("--iso-times", *args, path)
        tap.equal([r["timeLogged"] for r in got],
                  [r["timeLogged"] for r in lab.rows[500:600]], "--iso-times")
    got = [json.loads(line)
           for line in lab.find("--json", as_lines)[0].splitlines()]
    same(got, lines, "json to json")


DAMAGED = [
    ("a last line cut short", b"type,a,b\r\nd,1,2\r\nd,3,4",
     [["d", "1", "2"]], "the last line is cut short and left out"),
    ("cut inside quotes", b'type,a,b\nd,1,2\nd,3,"4\n', [["d", "1", "2"]],
     "1 damaged places are left out"),
    ("short rows", b"type,a,b\nd\nd,1\n", [["d", "", ""], ["d", "1", ""]],
     "2 rows have fewer cells"),
    ("long rows", b"type,a,b\nd,1,2,3\n", [["d", "1", "2"]],
     "1 rows have more cells"),
    ("zeros", b"type,a,b\n\0\0\0d,1,2\n", [["d", "1", "2"]],
     "1 damaged places"),
    ("JSON that is none", b'{"type":"d","a":"1","b":2}\n{"type":\n[1]\n'
     b'{"type":"b","a":null,"b":true}', [["d", "1", "2"], ["b", "", "true"]],
     "2 damaged places"),
    ("a cut last line of JSON", b'{"type":"d","a":"1","b":2}\n{"type":"d"',
     [["d", "1", "2"]], "the last line is cut short"),
]


@tap.test("damaged files: what is whole is found, and it is said once")
def damaged(lab):
    for label, text, rows, complaint in DAMAGED:
        path = lab.write("damaged", text)
        out, err = lab.find(path)
        tap.equal([list(r.values()) for r in read_csv(out)], rows, label)
        tap.check(err.count("\n") == 1 and path in err and complaint in err,
                  "%s: %r" % (label, err))


@tap.test("standard input, and a file that is larger than what is read at once")
def streams(lab):
    with open(lab.file, "rb") as f:
        out, _ = lab.find("-", stdin=f)
    tap.equal(out, csv_text(COLUMNS, lab.rows), "-")
    big = [dict(lab.rows[0], dsnDiag="x" * 300000), lab.rows[1]] * 3
    path = lab.write("big.csv", csv_text(COLUMNS, big))
    same(lab.found(path), big, "cells of 300,000 bytes")


# ---- which files ------------------------------------------------------------

def small(number, name):
    return "type,timeLogged,rcpt\r\nd,%s,%s\r\n" % (iso(START + number), name)


@tap.test("without FILE: all files of the configuration, the oldest rows first")
def configured(lab):
    config = lab.write("find.conf",
                       "# of two acct-files, one of which is moved\n"
                       "<acct-file %s/acct.csv>\n move-to %s\n</acct-file>\n"
                       "<acct-file \"%s/other.log\">\n records d\n"
                       "</acct-file>\n<acct-file |cat>\n</acct-file>\n"
                       "no-such-directive x\n" %
                       (lab.path("a"), lab.path("moved"), lab.path("b")))
    for number, name in enumerate((
            "moved/acct-2026-11-17-0001.csv", "b/other-2026-11-18-0000.log",
            "moved/acct-2026-11-18-9999.csv",
            "moved/acct-2026-11-18-10000.csv", "a/acct-2026-11-19-0000.csv",
            "b/other.log", "a/acct.csv")):
        # Of one second, the number decides.
        lab.write(name, small(number - (number == 3), name))
    for foreign in ("a/acct-2026-11-19-0000.csv.gz", "a/acct-2026-11-19.csv",
                    "a/acct-2026-11-19-00000", "a/other.csv", "b/acct.csv",
                    "moved/other-2026-11-19-0000.log", "a/acct2.csv",
                    "a/acct-2026-11-19-000.csv"):
        lab.write(foreign, small(99, "foreign " + foreign))
    os.symlink("acct.csv", lab.path("a", "acct-2026-11-20-0000.csv"))
    run = mailrace.Command(config)
    got = [r["rcpt"] for r in read_csv(run.text("find"))]
    tap.equal(got, ["moved/acct-2026-11-17-0001.csv",
                    "b/other-2026-11-18-0000.log",
                    "moved/acct-2026-11-18-9999.csv",
                    "moved/acct-2026-11-18-10000.csv",
                    "a/acct-2026-11-19-0000.csv", "b/other.log",
                    "a/acct.csv"], "files")
    # What was last written long before is not even opened.
    os.utime(lab.path("b", "other.log"), (START - 86400, START - 86400))
    lab.write("b/other.log.note", "")
    got = [r["rcpt"] for r in read_csv(
        run.text("find", "--since=%d" % (START + 4)))]
    tap.equal(got, ["a/acct-2026-11-19-0000.csv", "a/acct.csv"], "--since")


@tap.test("an acct-file's path stands for its files; what two have is said")
def of_one(lab):
    block = "<acct-file %s>\n%s</acct-file>\n"
    one, two = lab.path("c/./one.csv"), lab.path("c/two.csv")
    hook = block % (lab.path("c/hook.csv"), "http-webhook-url http://h/\n")
    for name in ("one", "two", "hook"):
        lab.write("c/%s-2026-11-18-0000.csv" % name, small(1, name))

    def found(more, *files):
        run = mailrace.Command(lab.write("of_one.conf",
                                         block % (one, "") + hook + more))
        r = run.run("find", *files)
        return [x["rcpt"] for x in read_csv(r.stdout)], r.stderr
    for more, twice in ((block % (two, ""), True),
                        (block % (two, "records t, r\n"), False),
                        (block % (two, "queue-filter a/b\n"), True)):
        rows, err = found(more)
        tap.equal(sorted(rows), ["one", "two"], more)
        tap.equal(err, "mailrace: %s and %s take the same records, which come "
                  "twice; name one of them\n" % (lab.path("c/one.csv"), two)
                  if twice else "", more)
    tap.equal(found(block % (two, ""), two), (["two"], ""), "one of them")
    tap.equal(found("", lab.path("c/one.csv"), lab.file)[0][:2],
              ["one", lab.rows[0]["rcpt"]], "an acct-file, then a file")
    tap.check("No such file" in found("", lab.path("c/hook.csv"))[1],
              "a webhook has no files")


@tap.test("without FILE: what mailraced has just written")
def of_the_daemon(lab):
    got = lab.found()
    same(got, lab.accounting(), "rows")
    tap.equal(sorted(r["rcpt"] for r in got),
              ["no@in.example", "yes@in.example"], "recipients")


@tap.test("exit status and messages")
def statuses(lab):
    out, err = lab.find(lab.path("none.csv"), lab.file, status=2)
    same(read_csv(out), lab.rows, "the other file all the same")
    tap.check("none.csv: No such file" in err, err)
    lab.find(lab.path("rows.csv"), "--to=nobody@*", status=1)
    _, err = lab.find(lab.write("no-header.csv", "d,1\n"), status=2)
    tap.check("no-header.csv: the first line is no header" in err, err)
    _, err = lab.find(lab.write("x.csv.gz", gzip.compress(b"type\nd\n")),
                      status=2)
    tap.check("x.csv.gz: compressed: zcat it into" in err, err)
    for args, text in ((["--type=x"], '"x" is no type'),
                       (["--match=("], "missing closing parenthesis"),
                       (["--match=[rcpt"], "has no ]"),
                       (["--match=[a,]b"], "column without a name"),
                       (["--match=[a]"], "no pattern"),
                       (["--since=yesterday"], "neither 2026-11-20"),
                       (["--last=never"], "such as 2h"),
                       (["--header=X-Job"], "a colon and a pattern"),
                       (["--output=yaml"], "none of csv, tsv"),
                       (["--output=csv[]"], "in brackets"),
                       (["--output=csv[rcpt"], "in brackets"),
                       (["--output=csv[rcpt,]"], "column without a name"),
                       (["--sortBy=rcpt,up"], "is no column"),
                       (["--maxitems=0"], "from 1 to"),
                       (["--rcpt=x"], "takes no --rcpt")):
        out, err = lab.find(*args, lab.file, status=2)
        tap.check(text in err and out == "", "%s: %r" % (args, err))
    empty = lab.write("empty.conf", "")
    r = mailrace.Command(empty).run("find")
    tap.check(r.returncode == 2 and "has no <acct-file>" in r.stderr,
              r.stderr)


@tap.test("a column that was asked for and that no file has is said")
def missing(lab):
    short = lab.write("short.csv", "type,rcpt\nd,a@b\n")
    for arg, status, column in (("--rcvSmtpUser=*", 1, "rcvSmtpUser"),
                                ("--header=X-Job:*", 1, "header_X-Job"),
                                ("--match=[nosuch]a", 1, "nosuch"),
                                ("--match=[nosuch,rcpt]a", 0, "nosuch"),
                                ("--sortBy=orig", 0, "orig")):
        tap.equal(lab.find(arg, short, status=status)[1],
                  'mailrace: no file has a column "%s"\n' % column, arg)
    for args in (["--to=a*", "--sortBy=TYPE"], ["--match=a"]):
        tap.equal(lab.find(*args, short)[1], "", args[0])
    _, err = lab.find("--rcvSmtpUser=*", short, lab.write(
        "user.csv", "type,RcvSmtpUser\nd,ann\n"))
    tap.equal(err, "", "one of two files has it")
    _, err = lab.find("--sortBy=a", lab.write("nothing.csv", ""), status=1)
    tap.equal(err, "", "a file without a header")


@tap.test("what cannot be written is an error")
def full(lab):
    with open("/dev/full", "wb") as f:
        r = subprocess.run([mailrace.program("mailrace"), "find", lab.file],
                           stdout=f, stderr=subprocess.PIPE, timeout=60)
    tap.equal(r.returncode, 2, "exit status")
    tap.check(b"standard output: No space left" in r.stderr, r.stderr)


# ---- a terminal -------------------------------------------------------------

def on_terminal(args, feed):
    """What a terminal gets when feed(write) has given the standard input."""
    master, slave = pty.openpty()
    p = subprocess.Popen([mailrace.program("mailrace"), "find"] + args,
                         stdin=subprocess.PIPE, stdout=slave, stderr=slave)
    os.close(slave)
    feed(p.stdin)
    p.stdin.close()
    text = b""
    while True:
        try:
            got = os.read(master, 65536)
        except OSError:  # the other side is closed
            break
        if not got:
            break
        text += got
    os.close(master)
    p.wait(60)
    return text.decode()


@tap.test("a terminal gets no control characters")
def terminal(lab):
    evil = ("type,dsnDiag\nd,\x1b[31mred\x1b]0;t\x07\x7f\u009b2J\n"
            "d,\"two\rlines\nhere\"\n")
    for form in ("csv", "tsv", "json", "html", "xml", "prettyxml"):
        text = on_terminal(["--output=" + form, "-"],
                           lambda stdin: stdin.write(evil.encode()))
        left = re.sub("[\r\n]", "", text)
        tap.check("[31mred" in left and
                  not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f]", left),
                  repr(text))


@tap.test("how far it is stands on the terminal, and goes away")
def progress(lab):
    rows = csv_text(COLUMNS, lab.rows).encode()
    body = rows[rows.index(b"\n") + 1:]

    def slowly(stdin):
        stdin.write(rows)
        end = time.monotonic() + 2
        while time.monotonic() < end:
            stdin.write(body)
            stdin.flush()
    text = on_terminal(["--to=nobody@nowhere", "-"], slowly)
    tap.check(re.search(r"\d+\.\d MB, \d+ rows, \d+ rows/s", text),
              repr(text[-300:]))
    tap.check(text[text.rindex("rows/s"):].count("\x1b[K") == 2,
              "the line is not taken away: %r" % text[-300:])


tap.main(Fixture)
