#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A stream of Redis gets every accounting record, in order, also when the
server is killed, refuses records, or is not there at all for a while."""

import netns
netns.enter()

import os
import re
import shutil
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "crash"))
import acct_judge
import acct_reader
import collectors
import tap
from acct_lab import AcctLab

FIELDS = "".join("    record-fields %s *, recordId\n" % t for t in "dbr")
CONFIG = """
<acct-file {root}/files/all.csv>
    records d,b,r
%s</acct-file>
<acct-file {root}/streams/main>
    records d,b,r
%s    redis-stream-url unix:{root}/redis/redis.sock
    redis-stream-key "acct of: lab"
    retry-interval 1s
</acct-file>
<acct-file {root}/streams/short>
    records d,b
    redis-stream-url unix:{root}/redis/redis.sock
    redis-stream-max-length 100
</acct-file>
<acct-file {root}/streams/login>
    records d,b
    redis-stream-url redis://lab:p%%40ss@localhost:6390/3
    retry-interval 1s
</acct-file>
""" % (FIELDS, FIELDS)
KEY = "acct of: lab"


class Fixture(AcctLab):
    def __init__(self):
        if shutil.which("redis-server") is None:
            tap.skip("redis-server is not installed")
        super().__init__("550 5.1.1 gone,\\r\\n \"for good\"", config=CONFIG)
        self.redis = collectors.Redis(self.path("redis"))

    def __enter__(self):
        self.redis.start()
        self.start()
        return self

    def __exit__(self, *args):
        super().__exit__(*args)
        if self.redis.running():
            self.redis.stop()

    def log_lines(self, text):
        return [line for line in self.daemon.log_text().splitlines()
                if text in line and " acct " in line]


def entries(lab):
    """Each entry as a row; its other fields say what the record says."""
    rows = []
    for i, entry in enumerate(lab.redis.entries(KEY)):
        row, = acct_reader.parse_json("entry %d" % i, entry[b"record"] + b"\n")
        tap.equal({k.decode(): v.decode() for k, v in entry.items()
                   if k != b"record"},
                  {"id": row["recordId"], "type": row["type"]}, "fields")
        rows.append(row)
    return rows


def arrives(lab, wanted):
    """Each of these records, and no other."""
    tap.wait_for(lambda: len({r["recordId"] for r in entries(lab)}) >=
                 len(wanted), 60, "%d records arrive" % len(wanted))
    rows = entries(lab)
    acct_judge.check_at_least_once(rows, wanted, 0, "the stream")
    return rows


def all_arrives(lab):
    wanted = lab.settled_rows()
    return arrives(lab, wanted), wanted


@tap.test("each record is an entry, once and in order",
          proves=("acct-file redis-stream-url", "acct-file redis-stream-key"))
def once(lab):
    lab.send(700)  # more than one pipeline of records
    rows, wanted = all_arrives(lab)
    acct_judge.check_same(rows, wanted, "the stream")


@tap.test("a stream of limited length has the last records",
          proves="acct-file redis-stream-max-length")
def limited(lab):
    lab.send(500)
    last = [r["recordId"] for r in lab.settled_rows() if r["type"] in "db"][-1]
    key = "mailrace:acct"  # the default
    found = tap.wait_for(lambda: [e for e in lab.redis.entries(key) if
                                  e[b"id"].decode() == last] and
                         lab.redis.entries(key), 60, "the last record")
    tap.check(100 <= len(found) < 400, "%d entries" % len(found))


@tap.test("by name and port, with user, password and database")
def login(lab):
    for words in (("ACL", "SETUSER", "lab", "on", ">wrong", "~*", "+@all"),
                  ("CONFIG", "SET", "bind", "127.0.0.1"),
                  ("CONFIG", "SET", "port", "6390")):
        lab.redis.ask(*words)
    lab.send(10)
    wanted = [r for r in lab.settled_rows() if r["type"] in "db"]
    tap.wait_for(lambda: lab.log_lines("login: WRONGPASS"), 60, "refused")
    lab.redis.ask("ACL", "SETUSER", "lab", ">p@ss")
    tap.wait_for(lambda: lab.redis.ask(
        "EVAL", "redis.call('select', 3) return redis.call('xlen', KEYS[1])",
        1, "mailrace:acct") == len(wanted), 60, "all records")


@tap.test("a server that is killed under load loses nothing: what was not "
          "answered comes again")
def killed(lab):
    over = threading.Event()
    sender = threading.Thread(target=load, args=(lab, over))
    sender.start()
    for _ in range(4):
        tap.wait_for(lambda: lab.redis.answers(), 60, "the server")
        before = lab.redis.ask("XLEN", KEY)
        tap.wait_for(lambda: lab.redis.ask("XLEN", KEY) > before, 60, "more")
        lab.redis.kill()
        lab.redis.start()
    over.set()
    sender.join()
    rows, wanted = all_arrives(lab)
    tap.note("%d records, %d entries" % (len(wanted), len(rows)))


def load(lab, over):
    while not over.wait(0.05):
        lab.send(20)


@tap.test("what it refuses is tried again, and the log says why, and that it is "
          "well again")
def refused(lab):
    lab.redis.ask("CONFIG", "SET", "maxmemory", "1")
    lab.send(5)
    tap.wait_for(lambda: lab.log_lines("main: the server refused a record: "
                                       "OOM"), 60, "the log says so")
    lab.redis.ask("CONFIG", "SET", "maxmemory", "0")
    all_arrives(lab)
    tap.wait_for(lambda: lab.log_lines("main: well again"), 60, "well again")


@tap.test("a server that is away holds up neither mail nor a stop, and gets all "
          "when it is there again")
def away(lab):
    lab.redis.kill()
    lab.send(10)
    lab.settled_rows()
    tap.wait_for(lambda: lab.log_lines("redis.sock: "), 60, "the log says so")
    lab.daemon.stop()
    lab.daemon.start()
    lab.send(10)
    lab.redis.start()
    all_arrives(lab)


@tap.test("an acct-file that is taken out and put back goes on where it was")
def taken_out(lab):
    lab.redis.kill()
    lab.send(5)
    kept = lab.settled_rows()  # the last five wait
    whole = open(lab.config).read()
    block = re.search(r"<acct-file \S+/streams/main>.*?</acct-file>\n", whole,
                      re.S).group()
    for text in (whole.replace(block, ""), whole):
        with open(lab.config, "w") as f:
            f.write(text)
        lab.command.text("reload")
        lab.send(5)
        last = lab.settled_rows()
    lab.redis.start()
    missed = {r["recordId"] for r in last[len(kept):len(kept) + 10]}
    arrives(lab, [r for r in last if r["recordId"] not in missed])


if __name__ == "__main__":
    tap.main(Fixture)
