# SPDX-License-Identifier: Apache-2.0
"""acct_judge - what must hold of accounting rows, whatever was done meanwhile.

Rows are those of tests/system/acct_reader.py, in the order of the files, with
at least the columns type, timeLogged, rcpt, queue and recordId.  Each function
proves one sentence, and fails the test with the first rows that break it.
"""

import bisect
import calendar
import collections
import time

import tap

BATCH_S = 1  # a queue's rows may be out of order by what one batch holds
SHOWN = 5
ENDED = ("d", "b")


def none(found, text):
    """Nothing was found that must not be."""
    found = list(found)
    tap.equal(found[:SHOWN], [], "%s, %d" % (text, len(found)))


def seconds(cell):
    """timeLogged, in either form."""
    if cell.isdigit():
        return int(cell)
    return calendar.timegm(time.strptime(cell, "%Y-%m-%d %H:%M:%S+0000"))


def place(row):
    """A record's place in the outbox: sequence number, number in its blob."""
    _, sequence, index = row["recordId"].split("-")
    return int(sequence), int(index)


def check_once_in_order(rows, name):
    """A file has each record at most once, in the order of the outbox."""
    none((b.where for a, b in zip(rows, rows[1:]) if place(a) >= place(b)),
         "%s: out of the outbox's order or twice" % name)
    origins = {r["recordId"].split("-")[0] for r in rows}
    tap.check(len(origins) <= 1, "%s: record ids of %s" % (name, origins))


class Recipients:
    """The rows of each recipient, in order."""

    def __init__(self, rows):
        self.kinds = collections.defaultdict(list)
        for row in rows:
            if row["type"] != "tq":
                self.kinds[row["rcpt"]].append(row["type"])

    def ended(self):
        return {r for r, kinds in self.kinds.items()
                if any(k in ENDED for k in kinds)}

    def received(self):
        return {r for r, kinds in self.kinds.items() if "r" in kinds}

    def check_life(self):
        """r t* (d|b)?, nothing else: one receipt, first; at most one end,
        last."""
        none(((r, kinds) for r, kinds in self.kinds.items()
              if kinds[0] != "r" or kinds.count("r") != 1 or
              any(k in ENDED for k in kinds[:-1])),
             "lives that are none")


def check_queue_order(rows):
    """Within a queue time does not run back by more than a batch."""
    latest, bad = {}, []
    for row in rows:
        if row["type"] == "r":
            continue
        now = seconds(row["timeLogged"])
        before = latest.get(row["queue"], now)
        if now < before - BATCH_S:
            bad.append((row.where, row["queue"], before - now))
        latest[row["queue"]] = max(now, before)
    none(bad, "back in time within a queue")


OWN = ("userString",)  # each acct-file has another
def check_durable_first(came, arrived, syncs):
    """Nobody is told of a delivery before a sync of what tells him, which
    began after it, has ended.  came: (row, when), arrived: recipient to when
    its message was taken, syncs: (begin, end); all on one clock."""
    syncs = sorted(syncs)  # one thread does them: also by their ends
    early, compared = [], 0
    for row, when in came:
        if row["type"] == "d" and row["rcpt"] in arrived:
            at = bisect.bisect_left(syncs, (arrived[row["rcpt"]], 0))
            compared += 1
            if at == len(syncs) or syncs[at][1] > when:
                early.append((row.where, when))
    none(early, "told before it was durable")
    tap.check(compared > 0, "no delivery could be compared")


TIMES = ("timeLogged", "timeQueued", "timeFirstAttempt")


def same_cell(name, a, b):
    if name in TIMES and a and b:
        return seconds(a) == seconds(b)
    return a == b


def differs(row, other):
    """The first column that both have and that is not the same."""
    for name, cell in row.items():
        if name in other and name not in OWN and \
                not same_cell(name, cell, other[name]):
            return "%s: %s %r, and %r at %s" % (row.where, name, cell,
                                                other[name], other.where)
    return None


def by_id(rows):
    return {row["recordId"]: row for row in rows}


def check_same(rows, wanted, name):
    """A file has exactly these records, in this order, with equal cells."""
    known = by_id(wanted)
    none((r.where for r in rows if r["recordId"] not in known),
         "%s: rows of no record" % name)
    have = {r["recordId"] for r in rows}
    none((r.where for r in wanted if r["recordId"] not in have),
         "%s: records without a row" % name)
    check_once_in_order(rows, name)
    none(filter(None, (differs(r, known[r["recordId"]]) for r in rows)),
         "%s: cells that differ" % name)


def check_at_least_once(rows, wanted, dropped, name):
    """Of a program, a web server, Redis: each record at least once but for as
    many as were dropped, first times in order, all times with equal cells."""
    known, seen, first = by_id(wanted), set(), []
    none((r.where for r in rows if r["recordId"] not in known),
         "%s: rows of no record" % name)
    none(filter(None, (differs(r, known[r["recordId"]]) for r in rows)),
         "%s: cells that differ" % name)
    for row in rows:
        if row["recordId"] not in seen:
            seen.add(row["recordId"])
            first.append(row)
    none((b.where for a, b in zip(first, first[1:]) if place(a) > place(b)),
         "%s: out of the outbox's order" % name)
    missing = [r.where for r in wanted if r["recordId"] not in seen]
    tap.equal(len(missing), dropped, "%s: not there, beginning with %s; "
              "dropped as it says" % (name, missing[:1]))
