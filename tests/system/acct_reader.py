# SPDX-License-Identifier: Apache-2.0
"""acct_reader - reads accounting files and believes nothing.

    rows = acct_reader.read_csv(path)       Malformed names file and line
    rows = acct_reader.read_json(path)      the same rows, of JSON lines
    rows = acct_reader.read_files(folder, "acct", ".csv")

Not a byte is forgiven: UTF-8 without control characters, CRLF behind each
line, the quoting of RFC 4180, a header that begins with `type`, as many cells
in each row as in the header, and in each cell what a column of that name may
hold in a record of that type: PowerMTA's types, columns and forms.  A row is a
dictionary of its cells; those of JSON have what CSV would have.
"""

import csv
import glob
import io
import ipaddress
import json
import os
import re

_NAME = re.compile(r"-(\d{4}-\d\d-\d\d)-(\d{4,})$")
_CELL = re.compile(rb'(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)')
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Malformed(Exception):
    """Something in a file that must not be there."""


def bad(where, text, *args):
    raise Malformed("%s: %s" % (where, text % args))


class Row(dict):
    """Column to cell; where: "file:line"."""

    where = None


# ---- what a cell may hold ---------------------------------------------------

def pattern(text):
    compiled = re.compile(text, re.S)
    return lambda cell: compiled.fullmatch(cell) is not None


def is_address(cell):
    try:
        ipaddress.ip_address(cell)
    except ValueError:
        return False
    return True


def optional(test):
    return lambda cell: cell == "" or test(cell)


def nothing(cell):
    return cell == ""


ANYTHING = pattern(r".*")
WORD = pattern(r"[^\s,]+")
TIME = pattern(r"20\d\d-[01]\d-[0-3]\d [0-2]\d:[0-5]\d:[0-6]\d[+-]\d{4}"
               r"|[1-9]\d{9}")
MAILBOX = pattern(r"[^\r\n]+@[^@\s]+")
HOST_AND_IP = pattern(r"[^\s()]+ \([0-9a-fA-F:.]+\)")
NUMBER = pattern(r"\d+")
DIAGNOSIS = pattern(r"(smtp|x-[a-z]+);[^\r\n]*")
CATEGORY = pattern(r"[a-z][a-z0-9-]*")
QUEUE = pattern(r"[^\s/@]+/[^\s/@]+")
KEYWORDS = pattern(r"[^\s,]+( [^\s,]+)*(,[^\s,]+( [^\s,]+)*)*")
RECORD_ID = pattern(r"[0-9a-f]{8}-\d+-\d+")
ADDRESS = optional(is_address)


def status(digits):
    return pattern(r"[%s]\.\d{1,3}\.\d{1,3} \([^()\r\n]+\)" % digits)


# Of the types that have the column; in a row of another it is empty.
OUTCOME = {
    "timeLogged": TIME, "timeQueued": TIME, "timeFirstAttempt": optional(TIME),
    "orig": optional(MAILBOX), "rcpt": MAILBOX, "orcpt": ANYTHING,
    "dsnDiag": DIAGNOSIS, "dsnMta": optional(HOST_AND_IP),
    "srcType": pattern("smtp|api|dsn"), "srcMta": optional(HOST_AND_IP),
    "dlvType": pattern("smtp|pipe|discard|file"), "dlvSourceIp": ADDRESS,
    "dlvDestinationIp": ADDRESS, "dlvEsmtpAvailable": optional(KEYWORDS),
    "vmta": optional(WORD), "jobId": ANYTHING, "envId": ANYTHING,
    "queue": QUEUE,
    "vmtaPool": optional(WORD), "rcvSmtpUser": ANYTHING,
    "dlvTlsProtocol": optional(pattern(r"TLSv1(\.\d)?")),
    "dlvTlsCipher": optional(WORD), "totalSecondsQueued": NUMBER,
}
TYPES = {
    "d": dict(OUTCOME, dsnAction=pattern("relayed|delivered"),
              dsnStatus=status("2"), dlvSize=NUMBER, bounceCat=nothing,
              dlvSourceIp=is_address, dlvDestinationIp=is_address,
              dsnMta=HOST_AND_IP),
    "b": dict(OUTCOME, dsnAction=pattern("failed"), dsnStatus=status("45"),
              dlvSize=nothing, bounceCat=CATEGORY),
    "t": dict(OUTCOME, dsnAction=pattern("delayed"), dsnStatus=status("45"),
              dlvSize=nothing, bounceCat=CATEGORY),
    "tq": {k: OUTCOME[k] for k in (
        "timeLogged", "dsnDiag", "dsnMta", "dlvType", "dlvSourceIp",
        "dlvDestinationIp", "vmta", "queue")},
    "r": {k: OUTCOME[k] for k in (
        "timeLogged", "orig", "rcpt", "orcpt", "srcType", "srcMta", "jobId",
        "envId", "vmtaPool", "rcvSmtpUser")},
}
TYPES["tq"]["dsnStatus"] = status("45")
TYPES["r"].update(vmta=optional(WORD), rcvSourceIp=ADDRESS,
                  rcvDestinationIp=ADDRESS)
for _columns in TYPES.values():
    _columns.update(userString=ANYTHING, recordId=RECORD_ID)
for _type in "dbtr":
    TYPES[_type].update(spoolId=optional(r"[0-9A-F]{16}"))
KNOWN = {name for columns in TYPES.values() for name in columns} | {"type"}
HEADER_TYPES = ("d", "b", "t", "r")


def test_of(kind, column):
    """What tells whether a cell may stand there."""
    if column.startswith("header_"):
        return ANYTHING if kind in HEADER_TYPES else nothing
    return TYPES[kind].get(column, nothing)


def check_values(row):
    kind = row["type"]
    if kind not in TYPES:
        bad(row.where, "type %r", kind)
    for column, cell in row.items():
        if column == "type":
            continue
        if not test_of(kind, column)(cell):
            bad(row.where, "%s is %r: %s", column, cell, dict(row))
        if _CONTROL.search(cell):
            bad(row.where, "a control character in %s: %r", column, cell)


def check_header(where, names):
    if names[0] != "type":
        bad(where, "the first column is %r", names[0])
    if len(set(names)) != len(names):
        bad(where, "a column twice: %s", names)
    for name in names:
        if name not in KNOWN and not re.fullmatch(r"header_[!-9;-~]+", name):
            bad(where, "column %r", name)


# ---- CSV --------------------------------------------------------------------

def text_of(where, raw):
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as e:
        return bad(where, "no UTF-8: %s", e)


def cells_of(data, at, where):
    """The cells of the line that begins at `at`, and where it ends."""
    end = data.find(b"\r\n", at) + 2
    if end > 1 and not any(c in data[at:end - 2] for c in b'"\r\n'):
        return data[at:end - 2].split(b","), end
    cells = []
    while True:
        m = _CELL.match(data, at)
        if m is None:
            bad(where, "after %d cells: %r", len(cells), data[at:at + 40])
        quoted, plain, stop = m.groups()
        cells.append(plain if quoted is None else quoted.replace(b'""', b'"'))
        at = m.end()
        if stop == b"\r\n":
            return cells, at


def csv_rows(path, data):
    header, at, line = None, 0, 0
    while at < len(data):
        line += 1
        where = "%s:%d" % (path, line)
        raw, at = cells_of(data, at, where)
        cells = [text_of(where, c) for c in raw]
        if header is None:
            check_header(where, cells)
            header = cells
            continue
        if len(cells) != len(header):
            bad(where, "%d cells under %d columns", len(cells), len(header))
        row = Row(zip(header, cells))
        row.where = where
        check_values(row)
        yield row
    if header is None:
        bad(path, "no header")


def contents(path):
    with open(path, "rb") as f:
        return f.read()


def check_python(path, data, rows):
    """Python's csv reads the very same."""
    text = io.StringIO(data.decode("utf-8"), newline="")
    theirs = list(csv.DictReader(text, strict=True))
    if len(theirs) != len(rows):
        bad(path, "%d rows, %d for Python's csv", len(rows), len(theirs))
    for ours, other in zip(rows, theirs):
        if dict(ours) != other:
            bad(ours.where, "%s for Python's csv", other)


def parse_csv(path, data):
    """Rows of bytes; path is for Malformed."""
    rows = list(csv_rows(path, data))
    check_python(path, data, rows)
    return rows


def read_csv(path):
    return parse_csv(path, contents(path))


# ---- JSON lines -------------------------------------------------------------

NUMBERS = ("dlvSize", "totalSecondsQueued")
TIMES = ("timeLogged", "timeQueued", "timeFirstAttempt")


def once(where):
    """For json.loads: no name twice."""
    def pairs(items):
        names = [name for name, _ in items]
        if len(set(names)) != len(names):
            bad(where, "a name twice: %s", names)
        return dict(items)
    return pairs


def json_cell(where, name, value):
    """What CSV would have in the cell."""
    if isinstance(value, int) and not isinstance(value, bool):
        if name not in NUMBERS + TIMES:
            bad(where, "%s is a number", name)
        return str(value)
    if not isinstance(value, str) or value == "":
        bad(where, "%s: %r", name, value)
    if name in NUMBERS or (name in TIMES and value.isdigit()):
        bad(where, "%s is no number", name)
    return value


def json_row(where, line):
    try:
        found = json.loads(line, object_pairs_hook=once(where))
    except ValueError as e:
        bad(where, "%s", e)
    if not isinstance(found, dict) or not found:
        bad(where, "no object")
    names = list(found)
    check_header(where, names)
    if "recordId" not in found:
        bad(where, "no recordId")
    row = Row((n, json_cell(where, n, v)) for n, v in found.items())
    row.where = where
    check_values(row)
    return row


def json_rows(path, data):
    lines = data.split(b"\n")
    if lines.pop() != b"":
        bad(path, "the last line has no end")
    for i, line in enumerate(lines):
        where = "%s:%d" % (path, i + 1)
        yield json_row(where, text_of(where, line))


def parse_json(path, data):
    return list(json_rows(path, data))


def read_json(path):
    return parse_json(path, contents(path))


# ---- the files of one acct-file ---------------------------------------------

def place(path, stem, suffix):
    """The day and the number in the name of a file."""
    m = _NAME.match(os.path.basename(path)[len(stem):-len(suffix)])
    if m is None:
        bad(path, "not the name of an accounting file")
    return m.group(1), int(m.group(2))


def dated(folders, stem, suffix):
    """The files in the order in which they were written; folders: where they
    are written and, if they are moved, where to."""
    paths = [path for folder in folders for path in glob.glob(
        os.path.join(glob.escape(folder), "%s-*%s" % (stem, suffix)))]
    return sorted(paths, key=lambda path: place(path, stem, suffix))


def read_files(folders, stem, suffix):
    """All rows of an acct-file, in order.  A file that has none yet is
    empty: its header comes with the first one."""
    rows = []
    for path in dated(folders, stem, suffix):
        if os.path.getsize(path) == 0:
            continue
        if suffix == ".json":
            rows += read_json(path)
        else:
            rows += read_csv(path)
    return rows
