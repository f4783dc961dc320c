# SPDX-License-Identifier: Apache-2.0
"""fault - one way to run a fault and to judge what it did.

    @fault.fault("mailraced killed", "kill -9 at random moments under load.")
    def kill_transport(run):
        with run.load():
            for _ in range(20):
                run.pause(0.2, 1.8)
                run.kill(run.lab.daemon)

    fault.main()

Importing this enters namespaces of their own.  Each fault is one line of TAP
and has a lab of its own (tests/system/lab.py; further arguments of the
decorator go to it).  After the function the run is judged: the mail drains,
nothing that was answered 250 may be lost or damaged, every duplicate must have
been named in doubt by the restart that it came from, the audit must balance.
A line of JSON with the figures is appended to $MAILRACE_FAULTS, by default
BUILD/faults/results.jsonl; report.py makes the table of it.

    SEED=n      the same choices again
    TIMES=n     instead of each fault's own number
"""

import contextlib
import json
import os
import random
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
import netns
netns.enter()

import facts
import load
import mailrace
import procs
import smtp_client
import tap
from lab import Lab, mx_zone

DRAIN_S = 120
RECOVER_S = 120
FILES_S = 20
PROBE_DOMAIN = "probe.example"

CONFIG = """
<acct-file {root}/acct/acct.csv>
    max-size 1M
</acct-file>
<source 127.0.0.0/8>
    always-allow-relaying yes
</source>
<domain *>
    retry-after 1s
    retry-recipients-after 1s
    max-smtp-out 10
    connection-idle-timeout 2s
</domain>
"""
ADDRESSES = {"steady.example": "127.0.1.1", "slow.example": "127.0.1.2",
             "moody.example": "127.0.1.3", PROBE_DOMAIN: "127.0.1.4"}
DOMAINS = ["steady.example", "slow.example", "moody.example"]
ZONE = "".join(mx_zone(d, ("mx." + d, ip)) for d, ip in ADDRESSES.items())
STEADY = {"listen": ["127.0.1.1:25", "127.0.1.4:25"], "store": False}
# Long enough between the dot and its reply to be killed there.
SLOW = {"listen": ["127.0.1.2:25"], "store": False, "rules": [
    {"at": "dot", "delay": 0.05, "action": "pass"}]}
MOODY = {"listen": ["127.0.1.3:25"], "store": False, "rules": [
    {"at": "rcpt", "probability": 0.05, "reply": "550 5.1.1 unknown"},
    {"at": "rcpt", "probability": 0.2, "reply": "451 4.3.0 later"},
    {"at": "dot", "probability": 0.1, "reply": "452 4.3.1 later"},
    {"at": "connect", "probability": 0.1, "action": "close",
     "reply": "421 4.7.0 busy"}]}
RECEIVERS = [STEADY, SLOW, MOODY]


class Restart:
    """One end of the transport: when, and whom the next start named."""

    def __init__(self, begin, end, doubts):
        self.begin, self.end, self.doubts = begin, end, doubts


class Run:
    """A fault that is being run: its lab, its load and what was measured."""

    def __init__(self, name, lab, seed, prepared=None):
        self.name, self.lab, self.seed = name, lab, seed
        self.prepared = prepared  # what prepare(lab) returned
        self.after = []  # called when all has been judged
        self.random = random.Random(seed)
        self.loads = []
        self.times = 0
        self.probes = {}  # recipient: Promise
        self.seconds = []  # of each recovery
        self.restarts = []
        self.known_doubts = set()
        self.lost_answers = []  # doubts that no restart left
        self.arrivals = facts.Arrivals(lab)
        self.figures = {}
        # A duplicate that no restart named: False is a failure.
        self.excuse = lambda rcpt, before, again: False
        # Whom the operator may have deleted without a record: not lost.
        self.forgotten = lambda rcpt: False

    # ---- for the fault's function ------------------------------------------

    def load(self, **options):
        """Mail that flows while the with-statement runs."""
        options.setdefault("domains", DOMAINS)
        if self.loads:
            options.setdefault("tag", "%dx" % len(self.loads))
        self.loads.append(load.Load(self.lab, self.random, **options))
        return self.loads[-1]

    def count(self, default):
        """How often to do it."""
        return int(os.environ.get("TIMES", default))

    def pause(self, least_s, most_s):
        """Lets the load run for a random time; the transport must live."""
        time.sleep(self.random.uniform(least_s, most_s))
        self.check_running()

    def check_running(self):
        tap.check(self.lab.daemon.running(), "mailraced ended by itself:\n" +
                  procs.tail(self.lab.daemon.log))

    def happened(self):
        """It happened once more; the time of now, for recovered()."""
        self.times += 1
        return time.monotonic()

    def kill(self, daemon):
        """kill -9, start again, audit, and time until mail flows."""
        begin = self.happened()
        daemon.kill()
        self.start_again(daemon, begin)

    def start_again(self, daemon, begin):
        """Starts what ended at begin, and notes whom it is in doubt of."""
        since = time.monotonic()
        daemon.start()
        if daemon is self.lab.daemon:
            self.note_restart(begin)
        self.recovered(since, by_postfix=daemon is self.lab.milter)

    def note_restart(self, begin):
        """It ended at begin or after, and is running again."""
        self.restarts.append(Restart(begin, time.monotonic(),
                                     self.new_doubts()))

    def new_doubts(self):
        """Those that the audit names and did not before."""
        audit = self.audit()
        out = []
        for d in [facts.Doubt(a) for a in audit.doubts]:
            tap.check(d.is_named(), "a doubt without a name: %s" % d)
            if d.key not in self.known_doubts:
                out.append(d)
                self.known_doubts.add(d.key)
        return out

    def note_doubts(self):
        """Those of connections that broke behind the final dot."""
        self.lost_answers += self.new_doubts()

    def hand_over(self, rcpt, **compose):
        """One message by LMTP, which is judged like those of the load."""
        message = smtp_client.compose("s@sender.example", rcpt, **compose)
        text = self.lab.inject(rcpt, message=message)[0][1]
        self.probes[rcpt] = load.Promise(message, text)

    def audit(self):
        audit = self.lab.audit()
        tap.check(audit.balances() and audit.agrees(),
                  "after %d times: %s" % (self.times, audit))
        return audit

    def recovered(self, since, by_postfix=False):
        """Measures from since, the end of the cause, until a message that
        was handed over after it, to us or to Postfix, has arrived."""
        rcpt = "p%d@%s" % (len(self.probes), PROBE_DOMAIN)
        where = self.lab.lmtp
        if by_postfix:
            where = (self.lab.postfix.address, self.lab.postfix.port)
        tap.wait_for(lambda: self.probe(rcpt, where), RECOVER_S,
                     "a probe is taken")
        tap.wait_for(lambda: rcpt in self.arrivals.update().messages,
                     RECOVER_S, "a probe arrives")
        self.seconds.append(self.arrivals.messages[rcpt][0]["mono"] - since)

    def probe(self, rcpt, where):
        message = smtp_client.compose("s@sender.example", rcpt)
        ours = where == self.lab.lmtp
        with contextlib.suppress(OSError, smtp_client.Closed, ValueError):
            with smtp_client.Client(where, lmtp=ours) as c:
                c.hello()
                _, dots = c.send("s@sender.example", [rcpt], message)
                if dots and dots[0][0] == 250:
                    self.probes[rcpt] = load.Promise(message, dots[0][1]
                                                     if ours else None)
        return rcpt in self.probes

    # ---- the judgement -----------------------------------------------------

    @property
    def accepted(self):
        out = dict(self.probes)
        for l in self.loads:
            out.update(l.accepted)
        return out

    def judge(self):
        for l in self.loads:
            l.stop()
        self.drain()
        self.note_doubts()
        self.settle_files()
        waiting = facts.queued(self.lab)
        self.check_lost(waiting)
        self.check_whole()
        self.check_duplicates()
        self.check_rows(waiting)
        self.audit()
        for fn in self.after:
            fn()

    def drain(self):
        """Until all queues are empty, or for so long that they should be."""
        end = time.monotonic() + DRAIN_S
        while time.monotonic() < end:
            if self.lab.postfix is not None:
                self.lab.postfix.flush()
            postfix = self.lab.postfix
            if self.audit().queued == 0 and not (postfix and
                                                 postfix.queue_size()):
                return
            time.sleep(0.5)

    def settle_files(self):
        """Rows and the receivers' log are written a moment later."""
        audit = self.audit()
        self.ended = sum(audit.terminal.values()) - audit.unrecorded

        def all_rows():
            self.rows = facts.ended(self.lab)
            return sum(len(t) for t in self.rows.values()) >= self.ended

        def all_arrivals():
            self.taken = self.arrivals.update().taken()
            return all(r in self.taken for r, types in self.rows.items()
                       if "d" in types)
        tap.wait_for(all_rows, FILES_S, "all rows to be written")
        with contextlib.suppress(tap.Failed):  # then they are lost
            tap.wait_for(all_arrivals, FILES_S, "all arrivals to be logged")

    def check_lost(self, waiting):
        refused = {r for r, types in self.rows.items() if "b" in types}
        there = set(self.taken) | waiting | refused
        lost = sorted(set(self.probes) - there)
        for l in self.loads:
            lost += facts.lost(l, there)
        lost = [r for r in lost if not self.forgotten(r)]
        self.figures["accepted"] = len(self.probes) + sum(
            l.promised for l in self.loads)
        self.figures["lost"] = len(lost)
        tap.equal(lost[:10], [], "lost, %d in all" % len(lost))

    def check_whole(self):
        """What arrived is what was handed over, to the last octet."""
        damaged = [r for r, p in self.accepted.items()
                   for m in self.taken.get(r, ())
                   if m["body_sha256"] != p.body_sha256]
        tap.equal(damaged[:10], [], "damaged, %d" % len(damaged))

    def check_duplicates(self):
        """Each time too many comes from a restart that named it, under the
        one id that the recipient was queued as."""
        known = facts.ids(self.lab, self.accepted)
        twice = [(r, i) for r, i in known.items() if len(i) > 1]
        count, unnamed = 0, []
        for rcpt, messages in self.taken.items():
            for before, again in zip(messages, messages[1:]):
                count += 1
                if not self.named(rcpt, before, again) and \
                        not self.excuse(rcpt, before, again):
                    unnamed.append((rcpt, before["mono"], again["mono"]))
        self.figures["duplicates"] = count
        self.figures["in_doubt"] = len(self.known_doubts)
        tap.equal(twice[:10], [], "queued twice, %d" % len(twice))
        tap.equal(unnamed[:10], [], "duplicates not named, %d" % len(unnamed))

    def named(self, rcpt, before, again):
        lost = sum(d.rcpt == rcpt for d in self.lost_answers)
        if lost >= len(self.taken[rcpt]) - 1:
            return True
        return any(before["mono"] <= r.end and again["mono"] >= r.begin and
                   any(d.rcpt == rcpt for d in r.doubts)
                   for r in self.restarts)

    def check_rows(self, waiting):
        """The accounting file has one row for each that has ended, unless
        the operator wanted none."""
        twice = {r: t for r, t in self.rows.items() if len(t) > 1}
        tap.equal(list(twice.items())[:10], [], "rows twice, %d" % len(twice))
        tap.equal(len(self.rows), self.ended, "rows of those that have ended")
        none = [r for r in sorted(set(self.taken) - set(self.rows) - waiting)
                if not self.forgotten(r)]
        tap.equal(none[:10], [], "arrived without a row, %d" % len(none))

    def result(self, passed):
        return dict({"fault": self.name,
                     "test": os.path.basename(sys.argv[0]),
                     "times": self.times,
                     "seconds": max(self.seconds, default=None),
                     "seed": self.seed, "passed": passed}, **self.figures)


# ---- running ---------------------------------------------------------------


def results_file():
    default = os.path.join(mailrace.build_dir(), "faults", "results.jsonl")
    return os.environ.get("MAILRACE_FAULTS", default)


def append(result):
    path = results_file()
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "a") as f:
        f.write(json.dumps(result) + "\n")


def describe(result):
    return ", ".join("%s %s" % (k, "%.2f" % v if isinstance(v, float) else v)
                     for k, v in result.items() if k != "how")


def run_one(name, how, fn, prepare, options):
    """The lab, the fault, the judgement, the line in the file."""
    seed = load.seed()
    tap.note("%s: seed %d" % (name, seed))
    run, passed = None, False
    try:
        with Lab(**options) as lab:
            prepared = prepare(lab)
            lab.start()
            run = Run(name, lab, seed, prepared)
            fn(run)
            run.judge()
            tap.check(run.times > 0, "it never happened")
            tap.check(run.figures["accepted"] > 10 * run.times,
                      "hardly any mail flowed: %s" % run.figures)
        passed = True
    finally:
        if run is not None:
            result = dict(run.result(passed), how=how)
            append(result)
            tap.note(describe(result))


def fault(name, how, prepare=lambda lab: None, **options):
    """Registers a test; how is a sentence or two for the table's notes,
    prepare(lab) is called before the lab starts."""
    lab_options = dict({"zone": ZONE, "config": CONFIG,
                        "receivers": RECEIVERS}, **options)

    def add(fn):
        def one():
            run_one(name, how, fn, prepare, lab_options)
        one.__name__ = fn.__name__
        tap.test(name)(one)
        return fn
    return add


def main():
    tap.main()
