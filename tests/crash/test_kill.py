#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 loses nothing: the transport is killed twenty times at random
moments while mail flows into it from Postfix, by LMTP and by SMTP.

After each restart the audit balances.  At the end every message that was
answered 250 has arrived or is queued, and every duplicate at a receiver was
named in doubt by the audit after a kill; and the accounting file has one row
for each recipient that ended.

    KILLS=20 SEED=n tests/crash/test_kill.py
"""

import os
import random
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "system"))
import netns
netns.enter()

import smtp_client
import tap
from lab import LISTEN, Lab, mx_zone

KILLS = int(os.environ.get("KILLS", "20"))
SEED = int(os.environ.get("SEED", str(int(time.time()))))
UPTIME_S = (0.2, 1.8)  # how long it runs between two kills
DRAIN_S = 120
POSTFIX_BATCH = 25

CONFIG = """
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
DOMAINS = {"steady.example": "127.0.1.1", "slow.example": "127.0.1.2",
           "moody.example": "127.0.1.3"}
ZONE = "".join(mx_zone(d, ("mx." + d, ip)) for d, ip in DOMAINS.items())
RECEIVERS = [
    {"listen": ["127.0.1.1:25"]},
    # Long enough between the dot and its reply to be killed there.
    {"listen": ["127.0.1.2:25"], "rules": [
        {"at": "dot", "delay": 0.05, "action": "pass"}]},
    {"listen": ["127.0.1.3:25"], "rules": [
        {"at": "rcpt", "probability": 0.2, "reply": "451 4.3.0 later"},
        {"at": "dot", "probability": 0.1, "reply": "452 4.3.1 later"},
        {"at": "connect", "probability": 0.1, "action": "close",
         "reply": "421 4.7.0 busy"}]},
]


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, receivers=RECEIVERS,
                         log_level="info")

    def __enter__(self):
        tap.note("seed %d" % SEED)
        random.seed(SEED)
        self.start()
        return self


class Feeder(threading.Thread):
    """Hands over messages and remembers each recipient answered 250."""

    def __init__(self, name, lab, stop, where, lmtp):
        super().__init__(name=name, daemon=True)
        self.lab, self.stop, self.where, self.lmtp = lab, stop, where, lmtp
        self.accepted = []
        self.number = 0
        self.random = random.Random(SEED + hash(name) % 1000)

    def run(self):
        while not self.stop.is_set():
            try:
                self.session()
            except (OSError, smtp_client.Closed, ValueError):
                time.sleep(0.02)

    def session(self):
        with smtp_client.Client(self.where, lmtp=self.lmtp,
                                timeout_s=10) as c:
            c.hello()
            for _ in range(20):
                if self.stop.is_set():
                    return
                self.one(c)

    def one(self, c):
        domain = self.random.choice(list(DOMAINS))
        count = self.random.choice((1, 1, 1, 3))
        rcpts = []
        for _ in range(count):
            self.number += 1
            rcpts.append("%s-%d@%s" % (self.name, self.number, domain))
        message = smtp_client.compose("s@sender.example", rcpts[0],
                                      size=self.random.choice((300, 5000,
                                                               40000)))
        taken, dots = c.send("s@sender.example", rcpts, message)
        if not dots:
            return
        good = [r for r, (code, _) in zip(rcpts, taken) if code == 250]
        if not self.lmtp:
            dots = dots * len(good)
        self.accepted += [r for r, (code, _) in zip(good, dots)
                          if code == 250]


class PostfixFeeder(threading.Thread):
    """smtp-source into Postfix; what it took is Postfix's promise."""

    def __init__(self, lab, stop):
        super().__init__(daemon=True)
        self.lab, self.stop = lab, stop
        self.batches = 0
        self.accepted = []

    def run(self):
        while not self.stop.is_set():
            user = "pf%d" % self.batches
            domain = list(DOMAINS)[self.batches % len(DOMAINS)]
            self.batches += 1
            r = subprocess.run(
                ["smtp-source", "-N", "-s", "5", "-l", "3000", "-m",
                 str(POSTFIX_BATCH), "-f", "s@sender.example", "-t",
                 "%s@%s" % (user, domain), "127.0.0.1:25"],
                capture_output=True, check=False)
            if r.returncode == 0:
                self.accepted.append((user, domain))
            time.sleep(0.05)


def arrivals(lab):
    """Recipient to the messages answered 250 that carried it."""
    out = {}
    for m in lab.messages():
        for r in m["rcpts"]:
            out.setdefault(r, []).append(m)
    return out


def queued_recipients(lab):
    answer = lab.command.json("list", "--maxitems=1000000")
    rows = next(v for v in answer.values() if isinstance(v, list))
    return {i["to"] for i in rows}


def ids_by_recipient(lab):
    """Recipient to the ids of our messages that were delivered to it."""
    out = {}
    line = re.compile(r": ([0-9A-F]{16}) attempt (?:host-id=\S+ )?result=delivered "
                      r".*? to=<([^>]*)>")
    for m in line.finditer(lab.daemon.log_text()):
        out.setdefault(m.group(2), set()).add(m.group(1))
    return out


class Run:
    """What the twenty kills left to be judged."""
    accepted = set()
    doubted = set()  # ids of messages ever named in doubt
    kills = 0


def kill_and_audit(lab, run):
    time.sleep(random.uniform(*UPTIME_S))
    tap.check(lab.daemon.running(), "it ended by itself:\n" +
              lab.daemon.log_text()[-3000:])
    lab.daemon.kill()
    run.kills += 1
    lab.daemon.start()
    audit = lab.audit()
    tap.check(audit.balances(), "after kill %d: %s" % (run.kills, audit))
    run.doubted |= {d["id"] for d in audit.doubts}
    return audit


@tap.test("killed %d times under load, the audit balances after each" % KILLS)
def kills(lab):
    stop = threading.Event()
    feeders = [Feeder("lmtp1", lab, stop, lab.lmtp, True),
               Feeder("lmtp2", lab, stop, (LISTEN, 24), True),
               Feeder("smtp", lab, stop, (LISTEN, 25), False)]
    postfix = PostfixFeeder(lab, stop)
    for f in feeders + [postfix]:
        f.start()
    try:
        for _ in range(KILLS):
            kill_and_audit(lab, Run)
    finally:
        stop.set()
        for f in feeders + [postfix]:
            f.join(30)
    Run.accepted = {r for f in feeders for r in f.accepted}
    Run.postfix = postfix.accepted
    tap.note("kills %d, accepted %d recipients directly, %d messages by "
             "Postfix" % (Run.kills, len(Run.accepted),
                          POSTFIX_BATCH * len(postfix.accepted)))
    tap.check(len(Run.accepted) > 10 * KILLS, "hardly any mail flowed")


@tap.test("every recipient answered 250 has arrived or is queued")
def nothing_lost(lab):
    end = time.monotonic() + DRAIN_S
    while time.monotonic() < end:
        if lab.audit().queued == 0 and lab.postfix.queue_size() == 0:
            break
        lab.postfix.flush()
        time.sleep(1)
    got = arrivals(lab)
    waiting = queued_recipients(lab)
    lost = Run.accepted - set(got) - waiting
    tap.equal(sorted(lost)[:10], [], "lost, %d in all" % len(lost))
    wanted = POSTFIX_BATCH
    for user, domain in Run.postfix:
        tail = "%s@%s" % (user, domain)
        n = sum(1 for r in set(got) | waiting
                if re.fullmatch(r"\d+" + re.escape(tail), r))
        tap.equal(n, wanted, "of Postfix's batch " + tail)
    audit = lab.audit()
    tap.check(audit.balances(), "audit: %s" % audit)
    tap.note("audit: %s" % audit)


@tap.test("the accounting file has each recipient that ended, once")
def accounted(lab):
    # Delivery never waits for it: the last rows may still be on their way.
    audit = lab.audit()
    ended = sum(audit.terminal.values())
    tap.wait_for(lambda: len(lab.accounting("d") + lab.accounting("b")) >=
                 ended, 20, "%d rows of accounting" % ended)
    for kind, word in (("d", ("delivered",)), ("b", ("failed", "expired"))):
        rows = lab.accounting(kind)
        tap.equal(len(rows), sum(audit.terminal[w] for w in word),
                  "%s rows, by the ledger" % kind)
    final = [r["rcpt"] for r in lab.accounting("d") + lab.accounting("b")]
    twice = {r for r in final if final.count(r) > 1} if len(final) != len(
        set(final)) else set()
    # Postfix repeats a hand-over that the store had not yet taken as known.
    tap.equal(sorted(twice & Run.accepted)[:10], [], "rows twice")
    lost = Run.accepted - set(final) - queued_recipients(lab)
    tap.equal(sorted(lost)[:10], [], "without a row")
    tap.note("%d rows of accounting for %d recipients ended" % (len(final),
                                                                ended))


@tap.test("each duplicate was named in doubt after the kill")
def duplicates(lab):
    Run.doubted |= {d["id"] for d in lab.audit().doubts}
    unnamed = []
    count = 0
    known = ids_by_recipient(lab)
    for rcpt, messages in arrivals(lab).items():
        if len(messages) < 2:
            continue
        count += len(messages) - 1
        ids = known.get(rcpt, set())
        # Under one id: it must have been in doubt.  Under two: a hand-over
        # that Postfix repeated was not recognised.
        if len(ids) != 1 or not ids <= Run.doubted:
            unnamed.append((rcpt, ids))
    tap.note("kills %d, accepted %d, duplicates %d, in doubt %d" % (
        Run.kills, lab.audit().accepted, count, len(Run.doubted)))
    tap.equal(unnamed[:10], [], "duplicates nobody named, %d" % len(unnamed))


tap.main(Fixture)
