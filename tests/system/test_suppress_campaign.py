#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A campaign of which one recipient in a hundred must not get it, half of them
put on the list while it runs: after the second in which `mailrace suppress add`
has answered, nobody on the list gets mail; each recipient has exactly one
terminal record, and the audit balances.

COUNT is the number of messages: 3,000, and 100,000 each night."""

import netns
netns.enter()

import collections
import os
import random
import threading
import time

import smtp_client
import tap
from lab import Lab, mx_zone

COUNT = int(os.environ.get("COUNT", 3000))
SEED = int(os.environ.get("SEED", time.time()))
EVERY = 100      # of so many one is on the list
AT_ONCE = 2 if COUNT < 10000 else 5  # addresses of one command
PAUSE_S = 0.3    # between two
CLIENTS = 4
VISIBLE_S = 1.0  # behind the answer of the command
DOMAINS = ["d%d.example" % i for i in range(4)]
# Of each domain: slower than the clients, so that there are some in the queue.
RATE = COUNT // (24 if COUNT < 10000 else 320)
CONFIG = """
suppression-lists unsubscribed
suppression-dir {root}/suppress
<suppression-list unsubscribed>
</suppression-list>
<domain *>
    max-msg-rate %d/s
    max-smtp-out 10
</domain>
""" % RATE
ZONE = "".join(mx_zone(d, ("mx%d.example" % i, "127.0.1.%d" % (i + 1)))
               for i, d in enumerate(DOMAINS))


def address(n):
    return "u%06d@%s" % (n, DOMAINS[n % len(DOMAINS)])


def queue_of(n):
    return DOMAINS[n % len(DOMAINS)] + "/*"


class Injector(threading.Thread):
    """Hands over its part of the campaign by LMTP, each with one write for
    the commands."""

    def __init__(self, campaign, numbers):
        super().__init__(daemon=True)
        self.campaign, self.numbers = campaign, numbers
        self.refused, self.error = [], None

    def run(self):
        try:
            with smtp_client.Client(self.campaign.lmtp, lmtp=True) as c:
                c.hello()
                for n in self.numbers:
                    if n >= self.campaign.hold:
                        self.campaign.commanded.wait(60)
                    self.hand_over(c, address(n))
                    self.campaign.handed.add(n)
                    self.campaign.injected = max(self.campaign.injected, n)
        except Exception as e:  # told by the main thread
            self.error = e

    def hand_over(self, c, rcpt):
        c.raw(b"MAIL FROM:<s@sender.example>\r\nRCPT TO:<%s>\r\nDATA\r\n" %
              rcpt.encode())
        tap.equal(c.reply()[0], 250, "MAIL")
        code, text = c.reply()
        data, _ = c.reply()
        if code == 550:
            tap.check("suppression list" in text, text)
            tap.equal(data, 503, "DATA without a recipient")
            self.refused.append(rcpt)
            tap.equal(c.command("RSET")[0], 250, "RSET")
            return
        tap.equal((code, data), (250, 354), "RCPT and DATA")
        c.raw(b"From: s@sender.example\r\nTo: %s\r\nSubject: news\r\n"
              b"\r\nnews\r\n.\r\n" % rcpt.encode())
        tap.equal(c.reply()[0], 250, "the message")


class Campaign(Lab):
    acct_sync = True

    def __init__(self):
        super().__init__(
            zone=ZONE, config=CONFIG, with_postfix=False, with_milter=False,
            log_level="info" if COUNT < 10000 else "warn",
            receivers=[{"listen": ["127.0.1.%d:25" % (i + 1)], "store": False}
                       for i in range(len(DOMAINS))])
        self.injected = 0
        self.handed = set()
        # From this number on mail waits for the first command of the campaign,
        # which is about it, and about one whose queue is paused until then: so
        # one at least is refused, and one ended, however fast we are.
        self.hold = 0
        self.commanded = threading.Event()
        self.off = {}  # address: when the command had answered

    def __enter__(self):
        self.start()
        return self

    def unsubscribe(self, numbers):
        addresses = [address(n) for n in numbers]
        self.command.text("suppress", "add", "unsubscribed", *addresses)
        at = time.time()
        for a in addresses:
            self.off[a] = at

    def unsubscribe_while(self, numbers):
        """Spread over the campaign: as long as there are such, the last that
        are still to be handed over; then any."""
        left = sorted(numbers)
        tap.wait_for(lambda: left[0] in self.handed, 60, "who waits")
        pick = [left[0], left[-1]]
        while left:
            self.unsubscribe(pick)
            if len(left) == len(numbers):  # the first: until it is seen
                threading.Timer(VISIBLE_S, self.go_on, (left[0],)).start()
            left = [n for n in left if n not in pick]
            ahead = [n for n in left if n > self.injected]
            pick = ahead[-1:] + left[len(left) // 2:][:AT_ONCE]
            pick = list(dict.fromkeys(pick))[:AT_ONCE]
            time.sleep(PAUSE_S)

    def go_on(self, waits):
        self.command.text("resume", "queue", queue_of(waits))
        self.commanded.set()


@tap.test("%d messages, one in %d suppressed, half of these while it runs" %
          (COUNT, EVERY))
def campaign(lab):
    tap.note("SEED=%d" % SEED)
    rng = random.Random(SEED)
    numbers = rng.sample(range(COUNT), COUNT // EVERY)
    before, during = numbers[::2], numbers[1::2]
    lab.hold = max(during)
    lab.command.text("pause", "queue", queue_of(min(during)))
    for at in range(0, len(before), 100):
        lab.unsubscribe(before[at:at + 100])
    time.sleep(VISIBLE_S)
    injectors = [Injector(lab, range(i, COUNT, CLIENTS))
                 for i in range(CLIENTS)]
    began = time.monotonic()
    for i in injectors:
        i.start()
    lab.unsubscribe_while(during)
    unsubscribed = time.monotonic() - began
    for i in injectors:
        i.join(600)
        tap.check(not i.is_alive() and i.error is None,
                  "a client: %r" % i.error)
    audit = lab.settled(600)
    tap.note("%.1f s, of them %.1f with commands" % (
        time.monotonic() - began, unsubscribed))
    judge(lab, audit, [r for i in injectors for r in i.refused],
          {address(n) for n in before})


def judge(lab, audit, refused, before):
    got = collections.Counter()
    late = []
    for m in lab.messages():
        for rcpt in m["rcpts"]:
            got[rcpt] += 1
            if m["t"] > lab.off.get(rcpt, m["t"]) + VISIBLE_S:
                late.append((rcpt, m["t"] - lab.off[rcpt]))
    tap.equal(late, [], "mail after the second")
    tap.equal(sorted(r for r in got if r in before), [],
              "mail for who was on the list before it began")
    records = {}
    for row in lab.accounting():
        if row["type"] in "db":
            records.setdefault(row["rcpt"], []).append(
                (row["type"], row["bounceCat"]))
    wrong = {}
    for n in range(COUNT):
        rcpt = address(n)
        wanted = [("d", "")] if got[rcpt] == 1 else [("b", "suppressed")]
        if records.get(rcpt) != wanted or got[rcpt] > 1 or \
                (got[rcpt] == 0 and rcpt not in lab.off):
            wrong[rcpt] = (records.get(rcpt), got[rcpt])
    tap.equal(wrong, {}, "records and mail of each")
    suppressed = COUNT - len(got)
    tap.equal((audit.accepted, audit.terminal["delivered"],
               audit.terminal["suppressed"]), (COUNT, len(got), suppressed),
              "the ledger")
    tap.check(audit.balances(), str(audit))
    status = lab.command.json("show", "status")["suppression"]
    tap.equal(status["refused"] + status["ended"], suppressed, "the counters")
    tap.equal(status["refused"], len(refused), "what clients were told")
    tap.check(status["ended"] > 0 and len(refused) > len(before),
              "both ways were gone: %s, %d before" % (status, len(before)))
    tap.note("%d suppressed: %d refused, %d ended before delivery; %d had "
             "their mail before" % (suppressed, status["refused"],
                                    status["ended"],
                                    len(lab.off) - suppressed))


tap.main(Campaign)
