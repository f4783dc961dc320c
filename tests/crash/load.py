# SPDX-License-Identifier: Apache-2.0
"""load - mail that flows while a fault happens, and what was promised for it.

    with load.Load(lab, random.Random(seed), domains) as l:
        ...                             the fault
    l.accepted                          recipient: Promise
    l.batches                           (user, domain) of smtp-source runs

No recipient is used twice, so that each message can be told from any other.
A feeder that finds nobody listening, or is answered 4xx, goes on trying: it
ends only with the load.
"""

import hashlib
import os
import re
import subprocess
import threading
import time
import zlib

import smtp_client
from lab import LISTEN

BATCH = 25  # messages of one smtp-source
SIZES = (300, 5000, 40000)
RCPTS = (1, 1, 1, 3)
SESSION_MESSAGES = 20
PAUSE_S = 0.02
TIMEOUT_S = 30
JOIN_S = 60


class Promise:
    """A recipient answered 250: when, how long after the last byte, for
    what, and queued as which id of ours, if it was us who answered."""

    def __init__(self, message, text=None, sent=None):
        self.sent = sent
        self.id = text.split("queued as ")[1].strip() if text else None
        self.body_sha256 = hashlib.sha256(
            message.partition(b"\r\n\r\n")[2]).hexdigest()
        self.mono = time.monotonic()
        self.wall = time.time()


class Feeder(threading.Thread):
    """Hands over messages and remembers each recipient answered 250."""

    def __init__(self, name, load, where, lmtp):
        super().__init__(name=name, daemon=True)
        self.load, self.where, self.lmtp = load, where, lmtp
        self.random = load.random_for(name)
        self.accepted = {}
        self.refused = {}  # code: how often, after the dot or before
        self.number = 0

    def run(self):
        while not self.load.stopping.is_set():
            try:
                self.session()
            except (OSError, smtp_client.Closed, ValueError):
                self.load.stopping.wait(PAUSE_S)

    def session(self):
        with smtp_client.Client(self.where, lmtp=self.lmtp,
                                timeout_s=TIMEOUT_S) as c:
            c.hello()
            for _ in range(SESSION_MESSAGES):
                if self.load.stopping.is_set():
                    return
                self.one(c)
                self.load.stopping.wait(self.load.pause_s)

    def recipients(self):
        domain = self.random.choice(self.load.domains)
        out = []
        for _ in range(self.random.choice(RCPTS)):
            self.number += 1
            out.append("%s-%s%d@%s" % (self.name, self.load.tag, self.number,
                                       domain))
        return out

    def one(self, c):
        rcpts = self.recipients()
        message = smtp_client.compose("s@sender.example", rcpts[0],
                                      size=self.random.choice(SIZES))
        taken, dots = c.send("s@sender.example", rcpts, message)
        good = [r for r, (code, _) in zip(rcpts, taken) if code == 250]
        if dots and not self.lmtp:
            dots = dots * len(good)
        for r, (code, text) in zip(good, dots):
            if code == 250:
                self.accepted[r] = Promise(message, text,
                                           c.dot_mono)
        self.count(taken + dots)

    def count(self, answers):
        worst = max(code for code, _ in answers)
        if worst > 399:
            self.refused[worst] = self.refused.get(worst, 0) + 1
            self.load.stopping.wait(PAUSE_S)  # nobody hammers at a 4xx


class PostfixFeeder(threading.Thread):
    """smtp-source into Postfix; what it took is Postfix's promise."""

    def __init__(self, load):
        super().__init__(daemon=True)
        self.load = load
        self.number = 0
        self.batches = []

    def run(self):
        while not self.load.stopping.is_set():
            user = "pf%s%d" % (self.load.tag, self.number)
            domain = self.load.domains[self.number % len(self.load.domains)]
            self.number += 1
            if self.source("%s@%s" % (user, domain)):
                self.batches.append((user, domain))
            self.load.stopping.wait(0.05)

    def source(self, rcpt):
        postfix = self.load.lab.postfix
        return subprocess.run(
            ["smtp-source", "-N", "-s", "5", "-l", "3000", "-m", str(BATCH),
             "-f", "s@sender.example", "-t", rcpt,
             "%s:%d" % (postfix.address, postfix.port)],
            capture_output=True, check=False).returncode == 0


class Load:
    """Two LMTP feeders, one SMTP feeder, `each` times, and Postfix if the lab
    has one.  pause_s slows all but Postfix down, message by message; tag tells
    the recipients of one load from those of another."""

    def __init__(self, lab, random, domains, pause_s=0, with_postfix=True,
                 each=1, tag=""):
        self.lab, self.random, self.tag = lab, random, tag
        self.domains, self.pause_s = list(domains), pause_s
        self.stopping = threading.Event()
        self.feeders = []
        for i in range(each):
            self.feeders += [
                Feeder("unix%d" % i, self, lab.lmtp, True),
                Feeder("lmtp%d" % i, self, (LISTEN, 24), True),
                Feeder("smtp%d" % i, self, (LISTEN, 25), False)]
        self.postfix = None
        if with_postfix and lab.postfix is not None:
            self.postfix = PostfixFeeder(self)

    def random_for(self, name):
        """A generator of its own, the same for the same seed."""
        return type(self.random)(self.random.random() + zlib.crc32(
            name.encode()))

    @property
    def threads(self):
        return self.feeders + ([self.postfix] if self.postfix else [])

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.stopping.set()
        for t in self.threads:
            if t.is_alive():
                t.join(JOIN_S)

    @property
    def accepted(self):
        """Recipient to Promise, of all that Mailrace itself answered 250."""
        return {r: p for f in self.feeders for r, p in list(
            f.accepted.items())}

    @property
    def refused(self):
        """Code to how often one of our feeders was answered so."""
        out = {}
        for f in self.feeders:
            for code, n in list(f.refused.items()):
                out[code] = out.get(code, 0) + n
        return out

    @property
    def batches(self):
        return list(self.postfix.batches) if self.postfix else []

    @property
    def promised(self):
        """Recipients in all that somebody was told are taken care of."""
        return len(self.accepted) + BATCH * len(self.batches)


def of_batch(batch, rcpts):
    """Those of a batch of smtp-source, which puts numbers in front."""
    pattern = re.compile(r"\d+" + re.escape("%s@%s" % batch))
    return [r for r in rcpts if pattern.fullmatch(r)]


def seed():
    """$SEED, or one of now; two runs with the same make the same choices."""
    return int(os.environ.get("SEED", str(int(time.time()))))
