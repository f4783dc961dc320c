# SPDX-License-Identifier: Apache-2.0
"""facts - what the receivers, the log and the accounting files say.

Nothing here asks the daemon to judge itself, but for the lists of what is
queued and of what is in doubt.
"""

import calendar
import json
import re
import time

import load

_ID = re.compile(r": ([0-9A-F]{16}) (?:attempt|in-doubt) .*? to=<([^>]*)>")


class Arrivals:
    """The receivers' log, read on from where it was read last."""

    def __init__(self, lab):
        self.path = lab.receiver_log
        self.at = 0
        self.messages = {}  # recipient: records of whole messages, by time
        self.connections = {}  # id: [connected, closed]

    def update(self):
        with open(self.path, "rb") as f:
            f.seek(self.at)
            new = f.read()
        new = new[:new.rfind(b"\n") + 1]  # the last one is being written
        self.at += len(new)
        for line in new.splitlines():
            self.add(json.loads(line))
        return self

    def add(self, record):
        if record["ev"] == "message":
            for r in record["rcpts"]:
                self.messages.setdefault(r, []).append(record)
        elif record["ev"] == "connect":
            self.connections[record["id"]] = [record["mono"], float("inf")]
        elif record["ev"] == "close":
            self.connections[record["id"]][1] = record["mono"]

    def taken(self):
        """Recipient to the messages answered 250 that carried it."""
        out = {}
        for r, messages in self.messages.items():
            good = [m for m in messages if m["code"] == 250]
            if good:
                out[r] = good
        return out

    def open_at(self, begin, end):
        """Connections that were open at some time between the two."""
        return sum(1 for a, b in self.connections.values()
                   if a <= end and b >= begin)


def queued(lab):
    """The addresses that wait in the spool."""
    answer = lab.command.json("list", "--maxitems=1000000")
    rows = next(v for v in answer.values() if isinstance(v, list))
    return {i["to"] for i in rows}


def ended(lab):
    """Recipient to the types of its rows that say it has ended."""
    out = {}
    for row in lab.accounting():
        if row["type"] in "db":
            out.setdefault(row["rcpt"], []).append(row["type"])
    return out


def ids(lab, accepted):
    """Recipient to the ids of all messages that were tried for it."""
    out = {r: {p.id} for r, p in accepted.items() if p.id is not None}
    for m in _ID.finditer(lab.daemon.log_text()):
        out.setdefault(m.group(2), set()).add(m.group(1))
    return out


def lost(l, there):
    """What was promised and is nowhere: addresses, and short batches."""
    out = sorted(set(l.accepted) - there)
    for batch in l.batches:
        gap = load.BATCH - len(load.of_batch(batch, there))
        out += ["%s@%s" % batch] * gap
    return out


class Doubt:
    """A line of `mailrace audit`: who may get a message twice."""

    def __init__(self, answer):
        self.id = answer["id"]
        self.rcpt = answer["to"]
        self.queue = answer["queue"]
        self.session = answer["session"]
        self.time = answer["time"]

    @property
    def key(self):
        return (self.id, self.rcpt, self.time, self.session)

    @property
    def transaction(self):
        return (self.id, self.session)

    @property
    def since(self):
        """The second in which the dot was sent."""
        return calendar.timegm(time.strptime(self.time,
                                             "%Y-%m-%d %H:%M:%S+0000"))

    def is_named(self):
        return len(self.id) == 16 and "@" in self.rcpt and \
            self.rcpt.endswith("@" + self.queue.split("/")[0])

    def __repr__(self):
        return "%s %s %s at %s" % (self.id, self.rcpt, self.queue, self.time)
