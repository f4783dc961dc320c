# SPDX-License-Identifier: Apache-2.0
"""backoff_kill - a queue in backoff with mail that waits for its time, killed:
mode, wait and each due time are as before, nothing is tried before its time,
and the limits of backoff hold from the first second.

    with backoff_kill.lab() as lab:
        backoff_kill.run(lab, recipients, rate)

The clock of the daemon that comes after is moved (clock_ahead.c), so that ten
minutes are none.
"""

import bisect
import datetime
import os
import struct
import time

import mailrace
import memory
import tap
from lab import Lab, mx_zone

DOMAIN, OTHER = "big.example", "way.example"
IP, OTHER_IP = "127.0.1.1", "127.0.1.2"
PER_MESSAGE = 500
EARLY_S = 30
SECONDS = 5  # so long the limits are watched
DRAIN_S = 600
CONFIG = """
<domain *>
    bounce-after 1d
</domain>
<domain %s>
    retry-recipients-after 10m
    retry-after 1m
    backoff-retry-after 10m
    backoff-max-smtp-out 1
    backoff-max-msg-rate %%d/s
</domain>
""" % DOMAIN
LATER = [{"listen": [IP + ":25"], "store": False, "rules": [
    {"at": "rcpt", "reply": "451 4.2.1 later"}]}]
WELL = [{"listen": [IP + ":25", OTHER_IP + ":25"], "store": False}]


def lab(rate):
    return Lab(zone=mx_zone(DOMAIN, ("mx." + DOMAIN, IP)) +
               mx_zone(OTHER, ("mx." + OTHER, OTHER_IP)),
               config=CONFIG % rate, with_postfix=False, with_milter=False,
               receivers=LATER)


# ---- what is queued ---------------------------------------------------------

def queue(lab):
    rows = lab.command.json("show", "queues", DOMAIN)["queues"]
    return rows[0] if rows else None


def seconds(text):
    return datetime.datetime.fromisoformat(text).timestamp()


def due(lab):
    """When each recipient that was tried is due, by address."""
    rows = lab.command.json("list", "--queue=" + DOMAIN,
                            "--maxitems=1000000")["recipients"]
    return {r["to"]: seconds(r["next"]) for r in rows if r["attempts"] > 0}


def defer_all(lab, count):
    """So many recipients are tried, and put off by the server."""
    for first in range(0, count, PER_MESSAGE):
        lab.inject(["r%d@%s" % (i, DOMAIN) for i in
                    range(first, min(first + PER_MESSAGE, count))])
    tap.wait_for(lambda: queue(lab)["deferred"] == count, DRAIN_S,
                 "all are put off")


def fail_queue(lab):
    """In backoff, and nobody listens: the queue as a whole waits."""
    lab.command.text("set", "queue", "--mode=backoff", DOMAIN)
    lab.receiver.stop()
    lab.inject("one@" + DOMAIN)
    tap.wait_for(lambda: queue(lab)["retry"], 20, "the queue waits")


# ---- time -------------------------------------------------------------------

class Clock:
    """Of a daemon that is started with it; real time goes on as well."""

    def __init__(self, lab):
        self.lab, self.path, self.total_s = lab, lab.path("jump"), 0
        self.pass_time(0)
        self.env = {"CLOCK_JUMP": self.path, "LD_PRELOAD": os.path.join(
            mailrace.build_dir(), "tests/system/clock_ahead.so")}

    def pass_time(self, total_s):
        self.total_s = total_s
        with open(self.path,
                  "r+b" if os.path.exists(self.path) else "wb") as f:
            f.write(struct.pack("q", total_s))

    def jump(self, total_s):
        """The scheduler is told when it is asked for something."""
        self.pass_time(total_s)
        self.lab.command.text("show", "status")


# ---- judging ----------------------------------------------------------------

def same(before, after, what):
    tap.equal(len(after), len(before), "%s: how many" % what)
    other = [k for k in before if abs(after[k] - before[k]) > 2]
    tap.check(not other, "%s: %d differ, such as %s" % (
        what, len(other), other[:3]))


def told(lab, since):
    return sorted(e["t"] for e in lab.events("rcpt")
                  if e["to"].startswith(IP) and e["mono"] > since)


def watch_limits(lab, since, rate):
    """One connection, and no second with more than the rate."""
    tap.wait_for(lambda: len(told(lab, since)) >= rate * SECONDS, 60,
                 "mail flows")
    times = told(lab, since)
    most = max(bisect.bisect_left(times, t + 1) - i
               for i, t in enumerate(times))
    tap.check(most <= rate, "%d within a second, allowed are %d" % (most,
                                                                    rate))
    now_open, most_open = 0, 0
    for e in lab.events():
        if e["mono"] > since and e["to"].startswith(IP):
            now_open += {"connect": 1, "close": -1}.get(e["ev"], 0)
            most_open = max(most_open, now_open)
    tap.equal(most_open, 1, "connections at once")
    tap.note("%d recipients, at most %d within a second" % (len(times), most))


def run(lab, count, rate):
    lab.start()
    if memory.has_sanitizer(lab.daemon.pid):
        tap.skip("a sanitizer wants to be the first that is preloaded")
    defer_all(lab, count)
    fail_queue(lab)
    before, row = due(lab), queue(lab)
    clock = Clock(lab)
    lab.daemon.kill()
    lab.daemon.start(env=clock.env)
    tap.wait_for(lambda: queue(lab) and
                 queue(lab)["recipients"] == count + 1, 120, "all are back")
    again = queue(lab)
    tap.equal((again["mode"], again["mode_why"], again["mode_until"]),
              ("backoff", row["mode_why"], row["mode_until"]), str(again))
    tap.equal(again["last_error"], row["last_error"], "why it failed")
    same({"retry": seconds(row["retry"])}, {"retry": seconds(again["retry"])},
         "the wait")
    same(before, due(lab), "due times")
    not_before(lab, clock)
    then(lab, clock, rate)


def not_before(lab, clock):
    """Just before the first of them is due nobody was called."""
    since = time.monotonic()
    lab.receivers = WELL
    lab.start_receivers()
    first = min(due(lab).values())
    clock.jump(int(min(first, seconds(queue(lab)["retry"])) - time.time()) -
               EARLY_S)
    lab.inject("way@" + OTHER)
    lab.wait_arrived("way@" + OTHER)
    tap.equal([e for e in lab.events() if e["mono"] > since and
               e["to"].startswith(IP)], [], "tried before its time")


def then(lab, clock, rate):
    """When all are due the limits of backoff hold; in normal mode all goes."""
    since = time.monotonic()
    clock.jump(int(clock.total_s + max(due(lab).values()) - time.time()) + 2)
    watch_limits(lab, since, rate)
    lab.command.text("set", "queue", "--mode=normal", DOMAIN)
    lab.settled(DRAIN_S)
