#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""No limit is exceeded, and each is used; judged from the receivers' logs by
check_limits.py, which shares no code with the product."""

import netns
netns.enter()

import contextlib
import io
import time

import check_limits
import tap
from lab import Lab, mx_zone

# Two clocks' jitter: ours decides when to write, the kernel's stamps arrival.
SLACK_MS = 2

CONFIG = """
<virtual-mta one>
    smtp-source-host 127.0.0.11 one.mta.example
    max-smtp-msg-rate 30/s
    max-smtp-out 4
</virtual-mta>
<virtual-mta two>
    smtp-source-host 127.0.0.12 two.mta.example
    <domain rate.example>
        max-msg-rate 5/s
    </domain>
</virtual-mta>
<source 127.0.0.1>
    process-x-virtual-mta yes
</source>
<domain rate.example>
    max-msg-rate 20/s
    max-smtp-out 10
</domain>
<domain slow.example>
    max-msg-rate 15/5s
</domain>
<domain conns.example>
    max-smtp-out 3
    max-msg-per-connection 5
</domain>
<domain *.called.example>
    max-connect-rate 5/s
    max-smtp-out 1
    max-msg-per-connection 1
</domain>
<domain *.turned.example>
    max-connect-rate 1/6s
</domain>
"""
DOMAINS = {"rate.example": "127.0.1.1", "slow.example": "127.0.1.2",
           "conns.example": "127.0.1.3", "other.example": "127.0.1.4"}
BUSY, WELL, NO_TLS = "127.0.1.5", "127.0.1.6", "127.0.1.7"
OFF, ON = "127.0.1.8", "127.0.1.9"
ZONE = "".join(mx_zone(d, ("mx." + d, ip)) for d, ip in DOMAINS.items()) + \
    "two.called.example 300 MX 10 busy.example\nbusy.example 300 A %s\n" \
    "two.called.example 300 MX 10 well.example\nwell.example 300 A %s\n" % (
        BUSY, WELL) + mx_zone("clear.called.example",
                              ("mx.clear.example", NO_TLS))
# Eight, since the first address is left to chance.  The resolver keeps what has
# no TTL for five seconds, so each connection has another answer.
TURNED = ["d%d.turned.example" % i for i in range(8)]
ZONE += "".join(
    "%s 300 MX 10 mx.%s\nmx.%s 0 A %s\nmx.%s 0 A %s\nmx.%s TURNED A\n" % (
        d, d, d, OFF, d, ON, d) for d in TURNED)


class Fixture(Lab):
    def __init__(self):
        super().__init__(
            zone=ZONE, config=CONFIG, with_postfix=False, with_milter=False,
            receivers=[
                {"listen": ["127.0.1.1:25", "127.0.1.2:25", "127.0.1.4:25"]},
                {"listen": ["127.0.1.3:25"], "rules": [
                    {"at": "dot", "delay": 0.05, "action": "pass"}]},
                {"listen": [BUSY + ":25", OFF + ":25"], "rules": [
                    {"at": "connect", "reply": "421 4.7.0 busy",
                     "action": "close"}]},
                {"listen": [WELL + ":25", ON + ":25"]},
                {"listen": [NO_TLS + ":25"], "ehlo": ["STARTTLS"], "rules": [
                    {"at": "starttls", "reply": "raw:220 go\r\nno\r\n"}]}])

    def __enter__(self):
        self.start()
        # It takes ten seconds, so it begins before all else; others that have
        # nothing to do with each other go beside it.
        self.inject(["w%d@slow.example" % i for i in range(40)])
        for domain in TURNED:
            load(self, domain, 1)
        load(self, "two.called.example", 12)
        load(self, "clear.called.example", 6)
        for domain in ("other.example", "slow.example", "conns.example"):
            load(self, domain, 30, "one")
        return self


def load(lab, domain, count, vmta=""):
    headers = [("X-Virtual-MTA", vmta)] if vmta else []
    for i in range(count):
        lab.inject("%s%d@%s" % (vmta, i, domain), headers=headers)


def judge(lab, *need):
    with open(lab.config) as f:
        text = f.read()
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        good = check_limits.check(text, [lab.receiver_log], SLACK_MS, need)
    tap.note(out.getvalue())
    tap.check(good, "a limit was broken or not used")


def count(lab, domain, begin=""):
    return sum(r.startswith(begin) and r.endswith("@" + domain)
               for m in lab.messages() for r in m["rcpts"])


@tap.test("max-msg-rate of a queue, and of a virtual MTA's own <domain>")
def queue_rate(lab):
    load(lab, "rate.example", 100)
    load(lab, "rate.example", 20, "two")
    tap.wait_for(lambda: count(lab, "rate.example") == 120, 40, "120")
    judge(lab, "max-msg-rate rate.example/{default}",
          "max-msg-rate rate.example/two")


@tap.test("a window of several seconds, with many recipients in a message")
def window(lab):
    tap.wait_for(lambda: count(lab, "slow.example", "w") == 40, 40, "40")
    judge(lab, "max-msg-rate slow.example/{default}")


@tap.test("max-smtp-out and max-msg-per-connection")
def connections(lab):
    load(lab, "conns.example", 60)
    tap.wait_for(lambda: count(lab, "conns.example") == 60 +
                 count(lab, "conns.example", "one"), 60, "60")
    judge(lab, "max-smtp-out conns.example/{default}",
          "max-msg-per-connection conns.example/{default}")


@tap.test("rate and connections of a virtual MTA over all its queues")
def vmta(lab):
    tap.wait_for(lambda: sum(r.startswith("one") for m in lab.messages()
                             for r in m["rcpts"]) == 90, 60, "90")
    judge(lab, "max-smtp-msg-rate one")


def called(lab, *addresses):
    """The addresses of connections, as they came; not above 5/s."""
    found = [e for e in lab.events("connect") if e["to"][:-3] in addresses]
    most = check_limits.most_in_window([e["t"] for e in found],
                                       1 - SLACK_MS / 1000)
    tap.check(3 <= most <= 5, "connections in a second: %d" % most)
    return [e["to"][:-3] for e in found]


@tap.test("each address that is called is a connection, and the next one is "
          "called then")
def addresses(lab):
    tap.wait_for(lambda: count(lab, "two.called.example") == 12, 40, "12")
    order = called(lab, BUSY, WELL)
    tap.equal(order.count(WELL), 12, "connections to one that works")
    tap.check(BUSY in order, "it is first at times: " + str(order))
    tap.check((BUSY, BUSY) not in zip(order, order[1:]), str(order))


@tap.test("the next one is called also where DNS turns the addresses round")
def turned(lab):
    tap.wait_for(lambda: sum(count(lab, d) for d in TURNED) == 8, 20, "8")
    off = [e for e in lab.events("connect") if e["to"] == OFF + ":25"]
    tap.check(len(off) <= 8, "none called it twice: %d" % len(off))


@tap.test("without TLS, once more, is a connection")
def in_clear(lab):
    tap.wait_for(lambda: count(lab, "clear.called.example") == 6, 40, "6")
    tap.equal(len(called(lab, NO_TLS)), 12, "connections")


@tap.test("a reload in the middle resets no window")
def reload(lab):
    before = count(lab, "rate.example")
    load(lab, "rate.example", 80)
    for _ in range(8):
        lab.command.text("reload")
        time.sleep(0.4)
    tap.wait_for(lambda: count(lab, "rate.example") == before + 80, 40, "80")
    judge(lab, "max-msg-rate rate.example/{default}")


@tap.test("kill -9, and back at once: the rate holds")
def crash(lab):
    before = count(lab, "rate.example")
    load(lab, "rate.example", 80)
    time.sleep(1)
    for _ in range(2):
        lab.daemon.kill()
        lab.daemon.start()
        time.sleep(1.3)  # the first second counts as used up
    tap.wait_for(lambda: count(lab, "rate.example") >= before + 80, 60, "80")
    judge(lab, "max-msg-rate rate.example/{default}")


tap.main(Fixture)
