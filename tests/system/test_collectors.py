#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the tests of accounting rest on: the reader forgives nothing in a
file, the judge finds each kind of fault, and the collectors keep what they
took, also when they are killed."""

import netns
netns.enter()

import contextlib
import gzip
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "crash"))
import acct_judge
import acct_reader
import collectors
import tap

HEADER = "type,timeLogged,rcpt,dsnStatus,dsnDiag,dlvSize,queue"
ROW = "d,2026-11-21 09:00:00+0000,a@x.example,2.0.0 (success),smtp;250 ok," \
    "300,x.example/v1"
GOOD = (HEADER + "\r\n" + ROW + "\r\n").encode()


def changed(old, new):
    data = GOOD.replace(old.encode(), new.encode())
    tap.check(data != GOOD, "%r is not in the good file" % old)
    return data


DAMAGED = (
    ("nothing", b""),
    ("no header", (ROW + "\r\n").encode()),
    ("a byte order mark", b"\xef\xbb\xbf" + GOOD),
    ("LF alone", GOOD.replace(b"\r\n", b"\n")),
    ("the end is missing", GOOD[:-2]),
    ("half of the end is missing", GOOD[:-1]),
    ("an empty line", GOOD + b"\r\n"),
    ("the header twice", GOOD + GOOD),
    ("a cell too many", changed("/v1", "/v1,")),
    ("a cell too few", changed(",x.example/v1", "")),
    ("no UTF-8", changed("250 ok", "250 \0").replace(b"\0", b"\xff")),
    ("NUL", changed("250 ok", "250 \0")),
    ("a quote within", changed("250 ok", '250 "ok"')),
    ("a quote without end", changed("smtp;", '"smtp;')),
    ("text behind the quotes", changed("smtp;250 ok", '"smtp;250"ok')),
    ("an escape sequence", changed("250 ok", "250 \x1b[1m")),
    ("type is not first", changed("type,timeLogged", "timeLogged,type")),
    ("a column twice", changed("dlvSize", "rcpt")),
    ("a column nobody knows", changed("dlvSize", "size")),
    ("no such type", changed("\r\nd,", "\r\nx,")),
    ("an American date", changed("2026-11-21", "11/21/2026")),
    ("a time without zone", changed("+0000", "")),
    ("no recipient", changed("a@x.example", "")),
    ("a status without words", changed(" (success)", "")),
    ("delivered with 5", changed("2.0.0", "5.0.0")),
    ("a diagnosis without its kind", changed("smtp;", "")),
    ("a size with a fraction", changed(",300,", ",300.0,")),
    ("a queue without its virtual MTA", changed("/v1", "")),
    ("a size where nothing was delivered",
     changed("\r\nd,", "\r\nb,").replace(b"2.0.0", b"5.0.0")),
    ("a receipt with a status", changed("\r\nd,", "\r\nr,")),
)


@tap.test("the reader takes what is well-formed, quoted or not")
def good():
    row, = acct_reader.parse_csv("good", GOOD)
    tap.equal(row["dsnDiag"], "smtp;250 ok", "a cell")
    tap.equal(row.where, "good:2", "its place")
    quoted = changed("smtp;250 ok", '"smtp;250 a, ""b"""')
    row, = acct_reader.parse_csv("quoted", quoted)
    tap.equal(row["dsnDiag"], 'smtp;250 a, "b"', "a quoted cell")
    unix = changed("2026-11-21 09:00:00+0000", "1795251600")
    tap.equal(len(acct_reader.parse_csv("unix", unix)), 1, "a number as time")


@tap.test("the reader refuses any damage, and says where")
def damaged():
    for label, data in DAMAGED:
        try:
            acct_reader.parse_csv("damaged", data)
        except acct_reader.Malformed as e:
            tap.check(str(e).startswith("damaged"), "%s: %s" % (label, e))
        else:
            tap.check(False, "not refused: " + label)


JSON = {"type": "d", "timeLogged": "2026-11-21 09:00:00+0000",
        "rcpt": "a@x.example", "dlvSize": 300,
        "recordId": "0123abcd-17-0"}
JSON_BAD = (
    ("a size that is text", dict(JSON, dlvSize="300")),
    ("an address that is a number", dict(JSON, rcpt=1)),
    ("an empty text", dict(JSON, envId="")),
    ("null", dict(JSON, envId=None)),
    ("no record id", {k: v for k, v in JSON.items() if k != "recordId"}),
    ("a record id of another form", dict(JSON, recordId="17")),
    ("no object", [JSON]),
)


@tap.test("the reader of JSON lines has the same rows, and as little patience")
def json_lines():
    line = json.dumps(JSON).encode() + b"\n"
    rows = acct_reader.parse_json("j", line + line)
    tap.equal(len(rows), 2, "rows")
    tap.equal(rows[1]["dlvSize"], "300", "a number")
    tap.equal(rows[1].where, "j:2", "its place")
    texts = [(label, json.dumps(value).encode() + b"\n")
             for label, value in JSON_BAD]
    texts += [("the end is missing", line[:-1]), ("an empty line", b"\n"),
              ("a name twice", line.replace(b'"type"', b'"rcpt"'))]
    for label, text in texts:
        with contextlib.suppress(acct_reader.Malformed):
            acct_reader.parse_json("j", text)
            tap.check(False, "not refused: " + label)


# ---- the judge --------------------------------------------------------------

def rows_of(text):
    """"r a 1-0 7" is a receipt for a, record 1-0, logged in second 7."""
    out = []
    for i, line in enumerate(text.splitlines()):
        kind, rcpt, place, second = line.split()
        row = acct_reader.Row(
            type=kind, rcpt=rcpt + "@x.example", queue="x.example/v1",
            recordId="0000abcd-" + place, timeLogged="17952516%02d" %
            int(second))
        row.where = "rows:%d" % (i + 1)
        out.append(row)
    return out


LIFE = rows_of("r a 1-0 1\nt a 2-0 2\nr b 2-1 2\nd b 3-0 5\nb a 3-1 4\n")


def lives(rows):
    acct_judge.Recipients(rows).check_life()


def file(rows):
    acct_judge.check_same(rows, LIFE, "file")


def pipe(rows, dropped=0):
    acct_judge.check_at_least_once(rows, LIFE, dropped, "pipe")


def one_dropped(rows):
    pipe(rows, 1)


def durable(came):
    """Taken in second 1, synced from 2 to 3."""
    acct_judge.check_durable_first([(LIFE[3], when) for when in came],
                                   {LIFE[3]["rcpt"]: 1}, [(0, 0.5), (2, 3)])


queue_order = acct_judge.check_queue_order
TWICE = LIFE[:3] + LIFE[1:]
SWAPPED = LIFE[:3] + [LIFE[4], LIFE[3]]
OTHER = [acct_reader.Row(r, queue="y.example/v1") for r in LIFE]
WELL = ((lives, LIFE), (file, LIFE), (pipe, LIFE), (pipe, TWICE),
        (one_dropped, LIFE[:4]), (queue_order, LIFE), (durable, (3.1, 4)))
FAULTS = (
    ("no receipt", lives, LIFE[1:]),
    ("two receipts", lives, LIFE + LIFE[:1]),
    ("two ends", lives, LIFE + LIFE[3:4]),
    ("tried after its end", lives, SWAPPED + LIFE[1:2]),
    ("a row is missing", file, LIFE[:2] + LIFE[3:]),
    ("a row twice", file, TWICE),
    ("another order", file, SWAPPED),
    ("a row of no record", file, LIFE + rows_of("d c 9-0 9")),
    ("another queue", file, OTHER),
    ("another queue", pipe, OTHER),
    ("a row is missing", pipe, LIFE[:2] + LIFE[3:]),
    ("the first came last", pipe, LIFE[1:] + LIFE[:1]),
    ("fewer are missing than were dropped", one_dropped, LIFE),
    ("told while it is synced", durable, (4, 2.9)),
    ("nothing to compare", durable, ()),
    ("two seconds back", queue_order, LIFE + rows_of("t c 9-0 3")),
)


def sees_fault(fn, rows):
    try:
        fn(rows)
    except tap.Failed:
        return True
    return False


@tap.test("the judge passes what is well, and finds each kind of fault")
def judge():
    for fn, rows in WELL:
        fn(rows)
    for label, fn, rows in FAULTS:
        tap.check(sees_fault(fn, rows), "%s: not seen: %s" % (
            fn.__name__, label))


# ---- the collectors ---------------------------------------------------------

@contextlib.contextmanager
def folder():
    path = tempfile.mkdtemp(prefix="mailrace-test-")
    try:
        yield path
    finally:
        shutil.rmtree(path)


@tap.test("files are read in the order of their names")
def order():
    with folder() as d:
        for i, name in enumerate(("-2026-11-20-10000", "-2026-11-21-0000",
                                  "-2026-11-20-9999", "b-2026-11-19-0000")):
            with open("%s/acct%s.csv" % (d, name), "wb") as f:
                f.write(GOOD.replace(b"300", b"%d" % i))
        rows = acct_reader.read_files([d], "acct", ".csv")
        tap.equal([r["dlvSize"] for r in rows], ["2", "0", "1"], "files")


@tap.test("the program behind the pipe keeps whole rows when it is killed")
def program():
    with folder() as d:
        p = collectors.Program(d + "/pipe")
        child = subprocess.Popen(["/bin/sh", "-c", "exec " + p.directive[1:]],
                                 stdin=subprocess.PIPE)
        child.stdin.write(GOOD + b'd,"\r\n",cut')
        child.stdin.flush()
        tap.wait_for(lambda: p.files() and len(open(p.files()[0], "rb").read())
                     == len(GOOD), 20, "the rows are kept")
        tap.check(p.kill(), "nothing to kill")
        tap.equal(child.wait(20), -9, "its end")
        tap.check(not p.kill(), "killed twice")
        child.stdin.close()
        tap.equal(acct_reader.contents(p.files()[0]), GOOD, "what was kept")


def post(address, body, **headers):
    c = http.client.HTTPConnection(*address, timeout=5)
    try:
        c.request("POST", "/acct", body, headers)
        return c.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        c.close()


@tap.test("the web server takes, refuses, says nothing, and is not there")
def web():
    address = ("127.0.3.1", 8080)
    with collectors.Http(address, hang_s=0.2) as h:
        for mode, status in (("well", 200), ("500", 500), ("mute", None),
                             ("hang", None), ("dead", None), ("well", 200)):
            h.mode = mode
            tap.equal(post(address, mode.encode()), status, mode)
        post(address, gzip.compress(b"packed"), **{
            "Content-Encoding": "gzip", "X-Mailrace-Batch": "b1"})
        tap.equal([b.body for b in h.batches],
                  [b"well", b"mute", b"well", b"packed"], "taken")
        tap.equal(h.batches[-1].id, "b1", "id of a batch")


@tap.test("the Redis server keeps what it has answered when it is killed")
def redis():
    if shutil.which("redis-server") is None:
        tap.skip("redis-server is not installed")
    with folder() as d, collectors.Redis(d + "/redis") as r:
        r.ask("XADD", "stream", "*", "id", "1", "record", "{}")
        r.kill()
        tap.check(not r.answers(), "killed, and it answers")
        r.start()
        tap.equal(r.entries("stream"), [{b"id": b"1", b"record": b"{}"}],
                  "entries")


tap.main()
