#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Four source addresses, of which one provider blocks one: it gets its mail
from the other three at once, and everybody else from all four.  Likewise when
the host loses one."""

import netns
netns.enter()

import subprocess

import tap
from lab import Lab, mx_zone

FOUR = ["10.88.0.%d" % i for i in range(1, 5)]
BLOCKED = FOUR[1]
NAMES = {ip: "out%d.mta.example" % (i + 1) for i, ip in enumerate(FOUR)}
RECEIVERS = {"a.example": "127.0.1.1", "b.example": "127.0.1.2"}
CONFIG = """
<smtp-pattern-list blocks>
    reply /550 5\\.7\\.1 .*\\(S3150\\)/ disable-source-ip
</smtp-pattern-list>
<dsn-rule blocked>
    pattern S3150
    category policy-related
    action requeue
    retry-interval 1s
</dsn-rule>
<virtual-mta four>
""" + "".join("    smtp-source-host %s %s\n" % i for i in NAMES.items()) + """
</virtual-mta>
<source 127.0.0.1>
    process-x-virtual-mta yes
</source>
<domain *>
    smtp-pattern-list blocks
    retry-after 10m
    retry-recipients-after 10m
    max-msg-per-connection 1
</domain>
"""
REFUSAL = "550 5.7.1 Unfortunately, messages from %s weren't sent (S3150)." \
    % BLOCKED


class Fixture(Lab):
    def __init__(self):
        super().__init__(
            zone="".join(mx_zone(d, ("mx." + d, ip))
                         for d, ip in RECEIVERS.items()),
            config=CONFIG, with_postfix=False, with_milter=False,
            receivers=[{"listen": [RECEIVERS["a.example"] + ":25"], "rules": [
                {"at": "mail", "client": BLOCKED, "reply": REFUSAL}]},
                {"listen": [RECEIVERS["b.example"] + ":25"]}])

    def __enter__(self):
        for ip in FOUR:
            address("add", ip)
        self.start()
        return self


def address(what, ip):
    subprocess.run(["ip", "addr", what, ip + "/32", "dev", "lo"], check=True)


def send(lab, name, domain, count):
    """So many messages at once; those that arrive, when all have."""
    rcpts = ["%s%d@%s" % (name, i, domain) for i in range(count)]
    for rcpt in rcpts:
        lab.inject(rcpt, headers=[("X-Virtual-MTA", "four")])
    for rcpt in rcpts:
        lab.wait_arrived(rcpt, 20)
    return [lab.arrived(rcpt)[0] for rcpt in rcpts]


def peers(messages):
    return {m["peer"] for m in messages}


def refusals(lab):
    return [e for e in lab.events("rule") if "S3150" in str(e)]


@tap.test("each address in turn, each with its own name at EHLO")
def names(lab):
    messages = send(lab, "turn", "b.example", 8)
    tap.equal({m["peer"]: m["helo"] for m in messages}, NAMES, "names")


@tap.test("a provider that blocks one gets its mail from the others within a "
          "second, and all that it was to get")
def blocked(lab):
    messages = send(lab, "block", "a.example", 12)
    first = min(e["t"] for e in refusals(lab))
    after = [m["t"] for m in messages if m["t"] > first]
    tap.check(min(after) - first < 1, "%.3f s after the refusal" %
              (min(after) - first))
    tap.equal(peers(messages), set(FOUR) - {BLOCKED}, "from")
    tap.equal([r["rcpt"] for r in lab.accounting("b")], [], "bounced")


@tap.test("from the blocked one no connection is made there any more")
def stays_out(lab):
    before = len([e for e in lab.events("connect") if e["peer"] == BLOCKED and
                  e["to"] == RECEIVERS["a.example"] + ":25"])
    tap.equal(peers(send(lab, "later", "a.example", 9)),
              set(FOUR) - {BLOCKED}, "from")
    tap.equal(len([e for e in lab.events("connect") if e["peer"] == BLOCKED and
                   e["to"] == RECEIVERS["a.example"] + ":25"]), before,
              "connections from it")


@tap.test("others get their mail from all four")
def others(lab):
    tap.equal(peers(send(lab, "other", "b.example", 12)), set(FOUR), "from")


@tap.test("an address that goes away: within seconds nobody misses it")
def gone(lab):
    address("del", FOUR[3])
    tap.equal(peers(send(lab, "gone", "b.example", 9)), set(FOUR[:3]), "from")
    tap.equal(peers(send(lab, "gone", "a.example", 6)),
              {FOUR[0], FOUR[2]}, "from, where one is blocked as well")
    address("add", FOUR[3])
    tap.wait_for(lambda: " source state=back address=" + FOUR[3] in
                 lab.daemon.log_text(), 10, "it is back")
    tap.equal(peers(send(lab, "back", "b.example", 12)), set(FOUR), "from")


@tap.test("enabled again, it is used there again")
def enabled(lab):
    lab.command.text("enable", "source", BLOCKED, "a.example/four")
    before = len(refusals(lab))
    send(lab, "again", "a.example", 8)
    tap.check(len(refusals(lab)) > before, "it was not tried")


tap.main(Fixture)
