#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""200 domains whose MX hosts are one provider's share its limits, whatever they
are called, and are asked for once each; a domain that moves to another one's
hosts goes there while its mail waits.  Judged from the receivers' log."""

import netns
netns.enter()

import json
import os
import re
import signal
import struct

import mailrace
import memory
import procs
import tap
from lab import Lab, mx_zone

DOMAINS = ["d%d.many.example" % i for i in range(200)]
BIG, OTHER, NEW, CALM = "127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.1.4"

CONFIG = """
<provider big>
    mx *.big.test
    rollup big.rollup
    max-smtp-out 20
</provider>
<domain big.rollup>
    max-smtp-out 5
    max-connect-rate 100/s
</domain>
<provider slow>
    mx *.slow.test
    rollup slow.rollup
</provider>
<domain slow.rollup>
    max-msg-rate 1/h
</domain>
<provider new>
    mx *.new.test
</provider>
<provider calm>
    mx *.calm.test
    rollup calm.rollup
</provider>
<domain calm.rollup>
    backoff-max-msg-rate 1/s
    retry-recipients-after 2s
    smtp-pattern-list calm
</domain>
<smtp-pattern-list calm>
    reply /slow down/ mode=backoff
</smtp-pattern-list>
<mx-rollup-list>
    mx mx1.rows.test rows.rollup
    mx mx2.rows.test rows.rollup
    mx mx.known.test known.rollup rollup-by-ip
</mx-rollup-list>
<domain rows.rollup>
    max-smtp-out 1
</domain>
<domain hand.example>
    queue-to rows.rollup
</domain>
<domain named.example>
    queue-to named.rollup
</domain>
<domain named.rollup>
    route mx.target.example
</domain>
<domain port.example>
    queue-to port.rollup
</domain>
<domain port.rollup>
    route [127.0.1.2]:2525
</domain>
<domain moved.example>
    queue-to target.example
</domain>
<domain free.many.example>
    disable-mx-rollup yes
</domain>
"""


def zone(moves_to):
    """A wildcard for the 200; moves.example has its hosts there or there."""
    host = "mx." + moves_to
    return "".join([
        "*.many.example 300 MX 10 mx1.big.test\n",
        "mx1.big.test 300 A %s\n" % BIG,
        "*.calm.example 300 MX 10 mx1.calm.test\n",
        "mx1.calm.test 300 A %s\n" % CALM,
        mx_zone("moves.example", (host, NEW)),
        "a.rows.example 300 MX 10 mx1.rows.test\n",
        "a.rows.example 300 MX 10 mx2.rows.test\n",
        "b.rows.example 300 MX 10 mx2.rows.test\n",
        "b.rows.example 300 MX 10 mx1.rows.test\n",
        "mx1.rows.test 300 A %s\n" % OTHER,
        "mx2.rows.test 300 A %s\n" % OTHER,
        mx_zone("known.example", ("mx.unknown.test", OTHER)),
        "mx.known.test 300 A %s\n" % OTHER,
        "mx.known.test 300 A 127.0.1.99\n",
        mx_zone("target.example", ("mx.target.example", OTHER)),
        mx_zone("single.example", ("mx.single.example", OTHER)),
    ])


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        slow = [{"at": "dot", "delay": 0.02, "action": "pass"}]
        calm = [{"at": "rcpt", "match": "first@", "count": 1,
                 "reply": "451 4.7.0 slow down"}]
        super().__init__(zone=zone("slow.test"), config=CONFIG,
                         with_postfix=False, with_milter=False,
                         receivers=[{"listen": [ip + ":25" for ip in (
                             BIG, OTHER, NEW)] + [OTHER + ":2525"],
                                     "rules": slow},
                                    {"listen": [CALM + ":25"],
                                     "rules": calm}])
        self.jump = self.path("jump")
        with open(self.jump, "wb") as f:
            f.write(struct.pack("q", 0))

    def __enter__(self):
        self.start()
        self.has_clock = not memory.has_sanitizer(self.daemon.pid)
        if self.has_clock:
            self.daemon.stop()
            self.daemon.start(env={"CLOCK_JUMP": self.jump, "LD_PRELOAD":
                                   os.path.join(mailrace.build_dir(), "tests",
                                                "system", "clock_ahead.so")})
        return self

    def pass_time(self, seconds):
        with open(self.jump, "r+b") as f:
            f.write(struct.pack("q", seconds))


def queue_of(lab, domain):
    for q in lab.command.json("show", "queues", "--maxitems=1000")["queues"]:
        if q["domain"] == domain:
            return q
    return None


def most_open(lab, to):
    """Connections at once there, of the whole log."""
    now = most = 0
    for e in sorted(lab.events(), key=lambda e: e["t"]):
        if e["to"] == to + ":25" and e["ev"] in ("connect", "close"):
            now += 1 if e["ev"] == "connect" else -1
            most = max(most, now)
    return most


def arrived(lab, ending):
    return sum(r.endswith(ending) for m in lab.messages()
               for r in m["rcpts"])


@tap.test("200 domains at one provider share its limits",
          proves=("provider mx", "provider rollup"))
def many(lab):
    for d in DOMAINS:
        lab.inject(["a@" + d, "b@" + d])
    tap.wait_for(lambda: arrived(lab, ".many.example") == 400, 60,
                 "all arrive")
    lab.settled()
    most = most_open(lab, BIG)
    tap.check(2 <= most <= 5, "%d connections at once" % most)
    q = queue_of(lab, DOMAINS[7])
    tap.equal((q["rollup"], q["provider"]), ("big.rollup/{default}", "big"),
              "what show queues says")
    with open(lab.path("log", "dns.jsonl")) as f:
        asked = [q["name"] for q in map(json.loads, f) if q["type"] == "MX"]
    tap.equal(sorted(set(asked) & set(DOMAINS)), sorted(DOMAINS),
              "who was asked for")
    tap.equal(len(asked), 200, "questions")


def modes(lab):
    return re.findall(r" mode queue=(\S+) state=(\w+)",
                      lab.daemon.log_text())


@tap.test("one reply to one of 30 domains slows all of them down")
def calm(lab):
    rollup = "calm.rollup/{default}"
    lab.inject("first@d0.calm.example")
    tap.wait_for(lambda: modes(lab), 20, "the reply is heard")
    lab.inject(["m@d%d.calm.example" % i for i in range(1, 31)])
    tap.wait_for(lambda: arrived(lab, ".calm.example") >= 3, 20, "some arrive")
    times = sorted(m["t"] for m in lab.messages()
                   if m["rcpts"][0].endswith(".calm.example"))
    gaps = [after - before for before, after in zip(times, times[1:])]
    tap.check(len(times) < 6 and min(gaps) > 0.8, "gaps of %s" % gaps)
    q = queue_of(lab, "d30.calm.example")
    tap.equal((q["mode"], q["rollup"]), ("backoff", rollup), "one of them")
    q = queue_of(lab, "calm.rollup")
    tap.check("slow down" in q["mode_why"], str(q))
    said = lab.command.text("why", "d30.calm.example")
    tap.check("backoff-max-msg-rate of the rollup " + rollup in said, said)
    done = lab.command.json("set", "queue", "--mode=normal", "calm.rollup")
    tap.equal((done["changed"], done["matching"]), (1, 1), "what that is")
    tap.wait_for(lambda: arrived(lab, ".calm.example") == 31, 20,
                 "all arrive")
    tap.equal(modes(lab), [(rollup, "backoff"), (rollup, "normal")],
              "what is told")


@tap.test("orders for the name of a rollup, or for one of its domains, are for all")
def orders(lab):
    def order(*words):
        done = lab.command.json(*words)
        return done["changed"], done["matching"]

    for dry in (["--dry-run"], []):
        tap.equal(order("set", "queue", "--mode=backoff", *dry,
                        "calm.rollup/*"), (1, 1), "backoff")
    tap.equal(queue_of(lab, "d7.calm.example")["mode"], "backoff", "the mode")
    tap.equal(order("disable", "source", "127.0.0.10", "d5.calm.example"),
              (1, 1), "disabled")
    rows = lab.command.json("show", "disabled", "sources",
                            "d9.calm.example")["sources"]
    tap.equal([(r["queue"], r["source"]) for r in rows],
              [("calm.rollup/{default}", "127.0.0.10")], "the list")
    tap.equal(order("enable", "source", "127.0.0.10", "calm.rollup"), (1, 1),
              "enabled")
    tap.equal(order("set", "queue", "--mode=normal", "d*.calm.example"),
              (1, 1), "normal")
    tap.equal(lab.command.json("show", "queues", "--mode=backoff")["queues"],
              [], "in backoff")


@tap.test("a domain that is kept out shares nothing",
          proves="domain disable-mx-rollup")
def free(lab):
    lab.inject("x@free.many.example")
    tap.wait_for(lambda: arrived(lab, "free.many.example") == 1, 20,
                 "it arrives")
    q = queue_of(lab, "free.many.example")
    tap.equal((q["rollup"], q["provider"]), ("", ""), "what it shares")


@tap.test("rows of <mx-rollup-list>: all hosts, in any order",
          proves="mx-rollup-list mx")
def rows(lab):
    for i in range(10):
        lab.inject("r%d@a.rows.example" % i)
        lab.inject("r%d@b.rows.example" % i)
    tap.wait_for(lambda: arrived(lab, ".rows.example") == 20, 30,
                 "all arrive")
    lab.settled()
    tap.equal(most_open(lab, OTHER), 1, "connections at once")
    tap.equal(queue_of(lab, "b.rows.example")["rollup"],
              "rows.rollup/{default}", "its rollup")


@tap.test("queue-to: the queue, the route and the record are another domain's",
          proves="domain queue-to")
def moved(lab):
    lab.inject("m@moved.example")
    tap.wait_for(lambda: arrived(lab, "@moved.example") == 1, 20,
                 "it arrives")
    record = lab.wait_record("d", "m@moved.example")
    tap.equal(record["queue"], "target.example/{default}", "the record")
    tap.check(queue_of(lab, "moved.example") is None, "no queue of its own")


@tap.test("rollup-by-ip: a host of a row is the domain's by its address",
          proves="mx-rollup-list mx")
def by_ip(lab):
    lab.inject("m@known.example")
    lab.wait_arrived("m@known.example", 20)
    tap.equal(queue_of(lab, "known.example")["rollup"],
              "known.rollup/{default}", "its rollup")


def goes(lab, rcpt):
    """Where it arrived, and the queue of its record."""
    lab.inject(rcpt)
    m = lab.wait_arrived(rcpt, 20)
    return m["to"], lab.wait_record("d", rcpt)["queue"]


@tap.test("queue-to a rollup: the hosts of its rows, which it has without a "
          "domain of its name", proves=("domain queue-to",
                                        "mx-rollup-list mx"))
def by_hand(lab):
    tap.equal(goes(lab, "m@hand.example"),
              (OTHER + ":25", "rows.rollup/{default}"), "where")


@tap.test("queue-to a rollup with `route`: a host, or an address with its port",
          proves=("domain queue-to", "domain route"))
def by_route(lab):
    tap.equal(goes(lab, "m@named.example"),
              (OTHER + ":25", "named.rollup/{default}"), "a host")
    tap.equal(goes(lab, "m@port.example"),
              (OTHER + ":2525", "port.rollup/{default}"), "an address")


@tap.test("another MX while mail waits: it goes on there")
def changes(lab):
    if not lab.has_clock:
        tap.skip("a sanitizer wants to be the first that is preloaded")
    for i in range(4):
        lab.inject("c%d@moves.example" % i)
    tap.wait_for(lambda: arrived(lab, "@moves.example") == 1, 20,
                 "the first arrives")
    q = queue_of(lab, "moves.example")
    tap.equal((q["rollup"], q["recipients"]), ("slow.rollup/{default}", 3),
              "the others wait")
    with open(lab.path("zone"), "w") as f:
        f.write(zone("new.test"))
    lab.dns.signal(signal.SIGHUP)
    procs.wait_for_text(lab.dns, lab.dns.log, "reloaded", 20)
    lab.pass_time(400)
    tap.wait_for(lambda: arrived(lab, "@moves.example") == 4, 30,
                 "all arrive")
    tap.equal(queue_of(lab, "moves.example")["provider"], "new",
              "whose it is")


if __name__ == "__main__":
    tap.main(Fixture)
