#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A more important queue takes the connection of another in the middle of a
message: nothing is lost, nothing is sent twice, and nobody was tried whose
message was not."""

import netns
netns.enter()

import tap
from lab import Lab, mx_zone

CONFIG = """
total-max-smtp-out 1
<domain [*.]low.example>
    queue-priority 10
    allow-priority-interruption-during-transfer yes
</domain>
<domain high.example>
    queue-priority 90
</domain>
"""
SERVERS = {"high.example": "127.0.1.1", "rcpt.low.example": "127.0.1.2",
           "dot.low.example": "127.0.1.3", "some.low.example": "127.0.1.4"}
ZONE = "".join(mx_zone(d, ("mx." + d, ip)) for d, ip in SERVERS.items())
SLOW_S = 6


def once(at, **rule):
    """Slow at that step, the first time."""
    return dict({"at": at, "delay": SLOW_S, "action": "pass", "count": 1},
                **rule)


class Fixture(Lab):
    def __init__(self):
        super().__init__(
            zone=ZONE, config=CONFIG, with_postfix=False, with_milter=False,
            receivers=[
                {"listen": ["127.0.1.1:25"]},
                {"listen": ["127.0.1.2:25"], "rules": [once("rcpt")]},
                {"listen": ["127.0.1.3:25"], "rules": [once("dot")]},
                {"listen": ["127.0.1.4:25"], "rules": [
                    {"at": "rcpt", "match": "gone@",
                     "reply": "550 5.1.1 no such user"},
                    once("rcpt", match="slow@")]}])

    def __enter__(self):
        self.start()
        return self

    def delayed(self, domain):
        to = SERVERS[domain] + ":25"
        tap.wait_for(lambda: [e for e in self.events("delay")
                              if e["to"] == to], 20, "%s is slow" % domain)


def interrupt(lab, domain, name):
    """More important mail arrives in the middle of a message; which of the
    two is there first?  The other one comes in the end, once, and no attempt
    has failed."""
    lab.delayed(domain)
    lab.inject(name + "@high.example")
    high = lab.wait_arrived(name + "@high.example", 20)
    low = lab.wait_arrived("a@" + domain, 30)
    lab.settled()
    tap.equal(len(lab.arrived("a@" + domain)), 1, "copies")
    tap.equal([r for r in lab.accounting("t")
               if r["rcpt"].endswith(domain)], [], "attempts that failed")
    return "high" if high["t"] < low["t"] else "low"


@tap.test("before its end was sent the message gives way",
          proves="domain allow-priority-interruption-during-transfer")
def before(lab):
    lab.inject("a@rcpt.low.example")
    tap.equal(interrupt(lab, "rcpt.low.example", "one"), "high", "first")


@tap.test("after its end the answer is waited for")
def after(lab):
    lab.inject("a@dot.low.example")
    tap.equal(interrupt(lab, "dot.low.example", "two"), "low", "first")


@tap.test("who was refused before has bounced; the others were not tried")
def refused(lab):
    lab.inject(["gone@some.low.example", "slow@some.low.example",
                "a@some.low.example"])
    tap.equal(interrupt(lab, "some.low.example", "three"), "high", "first")
    asked = [e for e in lab.events("rcpt") if e["rcpt"].startswith("gone@")]
    tap.equal(len(asked), 1, "the refused one is asked for once")
    tap.equal([r["rcpt"] for r in lab.accounting("b")],
              ["gone@some.low.example"], "bounces")


tap.main(Fixture)
