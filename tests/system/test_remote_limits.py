#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Limits of the other side's hosts and of single connections hold, are used,
and nobody is starved by them: judged from the receivers' log, by
check_limits.py where it can."""

import netns
netns.enter()

import collections
import contextlib
import io

import check_limits
import tap
from lab import Lab, mx_zone

MX = {"mx.shared.example": "127.0.1.1", "mx.one.example": "127.0.1.2",
      "mx.first.example": "127.0.1.3", "mx.second.example": "127.0.1.4",
      "mx.errors.example": "127.0.1.5", "mx.rcpts.example": "127.0.1.6",
      "mx.alive.example": "127.0.1.7", "mx.kept.example": "127.0.1.8",
      "mx.later.example": "127.0.1.9", "mx.mute.example": "127.0.1.10",
      "mx.back.example": "127.0.1.11"}
SHARED = ["s%d.example" % i for i in range(6)]
ONE = ["o%d.example" % i for i in range(4)]

VMTAS = """
<virtual-mta one>
    smtp-source-host 127.0.0.11 one.mta.example
</virtual-mta>
<virtual-mta two>
    smtp-source-host 127.0.0.12 two.mta.example
</virtual-mta>
<source 127.0.0.1>
    process-x-virtual-mta yes
</source>
"""
REMOTE = """
mx-connection-limit mx.shared.example 3
mx-connection-limit mx.first.example 1
mx-connection-limit mx.back.example 1
ip-connection-limit 127.0.1.2/32 2
"""
DOMAINS = """
<domain errors.example>
    max-errors-per-connection 3
</domain>
<domain rcpts.example>
    max-rcpt-per-message 3
    connection-idle-timeout 10m
</domain>
<domain few.example>
    mx-connection-attempts 2
    retry-after 1h
</domain>
<domain enough.example>
    mx-connection-attempts 3
    retry-after 1h
</domain>
<domain [*.]mute.example>
    smtp-greeting-timeout 2s
    max-smtp-out 1
</domain>
"""
MUTE = ["a.mute.example", "b.mute.example"]


def zone():
    """MX hosts by name; few and enough have two dead addresses before."""
    lines = [mx_zone(d, ("mx.shared.example", MX["mx.shared.example"]))
             for d in SHARED]
    # The same server under a name for each domain.
    lines += [mx_zone(d, ("mx." + d, MX["mx.one.example"])) for d in ONE]
    lines.append(mx_zone("pair.example", *[
        (h, MX[h]) for h in ("mx.first.example", "mx.second.example")]))
    lines += [mx_zone(d, *[(h, MX[h]) for h in (
        "mx.mute.example", "mx.back.example")]) for d in MUTE]
    for d in ("errors", "rcpts", "kept", "later"):
        host = "mx.%s.example" % d
        lines.append(mx_zone(d + ".example", (host, MX[host])))
    for d in ("few.example", "enough.example"):
        lines.append(mx_zone(d, ("dead." + d, "127.0.1.250"),
                             ("mx.alive.example", MX["mx.alive.example"])))
        lines.append("dead.%s 300 A 127.0.1.251\ndead.%s 300 AAAA ::1\n" %
                     (d, d))
    return "".join(lines)


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        quick, slow = [[{"at": "dot", "delay": s, "action": "pass"}]
                       for s in (0.03, 0.2)]
        refuse = [{"at": "rcpt", "match": "bad",
                   "reply": "550 5.1.1 no such user"}]
        where = [ip + ":25" for ip in MX.values()]
        errors, kept, later, mute = [MX["mx.%s.example" % d] + ":25" for d in
                                     ("errors", "kept", "later", "mute")]
        for special in (errors, kept, later, mute):
            where.remove(special)
        super().__init__(zone=zone(), config=VMTAS + REMOTE + DOMAINS,
                         with_postfix=False, with_milter=False,
                         receivers=[{"listen": where, "rules": quick},
                                    {"listen": [kept, later], "rules": slow},
                                    {"listen": [mute], "rules": [
                                        {"at": "connect", "action": "hang"}]},
                                    {"listen": [errors], "rules": refuse}])

    def __enter__(self):
        self.start()
        return self

    def reconfigure(self, remote):
        self.write_config(VMTAS + remote + DOMAINS)
        self.command.text("reload")


def load(lab, domains, count, vmtas=("one", "two")):
    for i in range(count):
        for vmta in vmtas:
            for d in domains:
                lab.inject("%s%d@%s" % (vmta, i, d),
                           headers=[("X-Virtual-MTA", vmta)])


def count(lab, domains):
    return sum(r.rpartition("@")[2] in domains for m in lab.messages()
               for r in m["rcpts"])


def judge(lab, *need, since=0):
    """The limits of the configuration as it is, of connections since then."""
    with open(lab.config) as f:
        text = f.read()
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        good = check_limits.check(
            text, [lab.receiver_log], need=need, since=since,
            names={ip: name for name, ip in MX.items()})
    tap.note(out.getvalue())
    tap.check(good, "a limit was broken or not used")


def refused_nobody(lab):
    """A full host is no failure: nobody waits, nothing is recorded."""
    tap.equal(lab.accounting("t"), [], "records of attempts that failed")
    waiting = [q for q in lab.command.json("show", "queues")["queues"]
               if q["retry"]]
    tap.equal(waiting, [], "queues that wait for their retry")


@tap.test("an MX host has its limit for each local address, over all queues",
          proves="mx-connection-limit")
def mx(lab):
    load(lab, SHARED, 15)
    tap.wait_for(lambda: count(lab, SHARED) == 180, 40, "all arrive")
    lab.settled()
    judge(lab, "mx-connection-limit mx.shared.example from 127.0.0.11",
          "mx-connection-limit mx.shared.example from 127.0.0.12")
    refused_nobody(lab)


@tap.test("a remote address has its limit over all local ones and names",
          proves="ip-connection-limit")
def address(lab):
    load(lab, ONE, 15)
    tap.wait_for(lambda: count(lab, ONE) == 120, 40, "all arrive")
    lab.settled()
    judge(lab, "ip-connection-limit 127.0.1.2")
    refused_nobody(lab)


@tap.test("where the best host is full the next one is used")
def next_host(lab):
    load(lab, ["pair.example"], 40, ["one"])
    tap.wait_for(lambda: count(lab, ["pair.example"]) == 40, 40, "all arrive")
    lab.settled()
    judge(lab, "mx-connection-limit mx.first.example from 127.0.0.11")
    to = collections.Counter(
        m["to"] for m in lab.messages()
        if m["rcpts"][0].endswith("@pair.example"))
    tap.check(all(to[MX[h] + ":25"] > 0 for h in
                  ("mx.first.example", "mx.second.example")), str(to))
    refused_nobody(lab)


@tap.test("a slot that was waited for is not held up by a host that is mute")
def mute(lab):
    load(lab, MUTE, 130, ["one"])
    tap.wait_for(lambda: count(lab, MUTE) == 260, 60, "all arrive")
    lab.settled()
    judge(lab, "mx-connection-limit mx.back.example from 127.0.0.11")
    turns, mutes = [sum(e["to"] == MX[h] + ":25"
                        for e in lab.events("connect"))
                    for h in ("mx.back.example", "mx.mute.example")]
    tap.check(turns > 4, "%d turns: they need not share" % turns)
    # Each queue's first, and once more before it has to wait.
    tap.check(mutes <= 4, "%d calls of the mute host" % mutes)


@tap.test("a limit that a reload brings holds for connections that are there")
def brought(lab):
    load(lab, ["later.example"], 40)
    tap.wait_for(lambda: open_now(lab, "127.0.1.9:25") > 2, 20, "it begins")
    lab.reconfigure(REMOTE + "ip-connection-limit 127.0.1.9/32 2\n")
    begin = max(e["t"] for e in lab.events())
    tap.wait_for(lambda: count(lab, ["later.example"]) == 80, 60,
                 "all arrive")
    lab.settled()
    # What was too many ends with its message; those behind are judged.
    judge(lab, "ip-connection-limit 127.0.1.9", since=begin + 0.5)


@tap.test("raised, and taken away, it frees who waits for it")
def raised(lab):
    lab.reconfigure("ip-connection-limit 127.0.1.8/32 1\n")
    load(lab, ["kept.example"], 30)
    lab.reconfigure("ip-connection-limit 127.0.1.8/32 4\n")
    tap.wait_for(lambda: open_now(lab, "127.0.1.8:25") >= 3, 20,
                 "more connections")
    lab.reconfigure("")
    tap.wait_for(lambda: count(lab, ["kept.example"]) == 60, 60,
                 "all arrive")
    lab.settled()


def open_now(lab, to):
    return sum((e["ev"] == "connect") - (e["ev"] == "close")
               for e in lab.events() if e["to"] == to)


@tap.test("a connection has no more refused recipients than it may",
          proves="domain max-errors-per-connection")
def errors(lab):
    bad = ["bad%d@errors.example" % i for i in range(10)]
    good = ["good%d@errors.example" % i for i in range(10)]
    both = [r for pair in zip(good, bad) for r in pair]
    lab.inject(both)
    tap.wait_for(lambda: count(lab, ["errors.example"]) == 10, 30,
                 "all good ones arrive")
    lab.settled()
    refused = collections.Counter(
        e["id"] for e in lab.events("rcpt") if e["rcpt"] in bad)
    tap.equal(sum(refused.values()), 10, "each is asked for once")
    tap.check(max(refused.values()) <= 3, "too many: %s" % refused)
    done = {c for c, n in refused.items() if n == 3}
    tap.equal(len(done), 3, "connections that had all they may")
    tap.wait_for(lambda: done <= {e["id"] for e in lab.events("close")}, 20,
                 "these have ended")
    tap.equal(sorted(r["rcpt"] for r in lab.accounting("b")
                     if r["rcpt"].endswith("@errors.example")), sorted(bad),
              "bounces")


@tap.test("more recipients go in further transactions of the connection")
def recipients(lab):
    lab.inject(["r%d@rcpts.example" % i for i in range(8)])
    tap.wait_for(lambda: count(lab, ["rcpts.example"]) == 8, 30, "all arrive")
    lab.inject("later@rcpts.example")
    tap.wait_for(lambda: count(lab, ["rcpts.example"]) == 9, 30,
                 "the later one arrives")
    sizes = collections.defaultdict(list)
    for m in lab.messages():
        if m["rcpts"][0].endswith("@rcpts.example"):
            sizes[m["id"]].append(len(m["rcpts"]))
    tap.check(max(n for c in sizes.values() for n in c) <= 3, str(sizes))
    tap.check(any(len(c) > 1 for c in sizes.values()), str(sizes))
    tap.check(open_now(lab, "127.0.1.6:25") > 0, "none is kept")


@tap.test("each address of each host that our own can reach is an attempt")
def attempts(lab):
    lab.inject("a@enough.example")
    lab.inject("a@few.example")
    lab.wait_arrived("a@enough.example")
    tap.wait_for(lambda: [q for q in lab.command.json(
        "show", "queues", "few.example")["queues"] if q["retry"]], 20,
        "the queue waits")
    tap.check(not lab.arrived("a@few.example"), "a third one was tried")


tap.main(Fixture)
