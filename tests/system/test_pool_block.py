#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Four source addresses, of which one provider blocks one: it gets its mail
from the other three at once, and everybody else from all four.  So it is with
the addresses of one virtual MTA, also when the host loses one, and with a pool
of four virtual MTAs that have one each, however the provider says it."""

import netns
netns.enter()

import collections
import subprocess

import tap
from lab import Lab, mx_zone

FOUR = ["10.88.0.%d" % i for i in range(1, 5)]
BLOCKED = FOUR[1]
NAMES = {ip: "out%d.mta.example" % (i + 1) for i, ip in enumerate(FOUR)}
MEMBERS = {"10.88.1.%d" % i: "m%d" % i for i in range(1, 5)}
BAD = "10.88.1.2"
# Who blocks that one: with a reply, at the greeting, by slowing it down.
BLOCKERS = ("c.example", "greets.example", "slows.example")
RECEIVERS = {d: "127.0.1.%d" % (i + 1) for i, d in enumerate(
    ("a.example", "b.example") + BLOCKERS + ("d.example",))}
CONFIG = """
<smtp-pattern-list blocks>
    reply /550 5\\.7\\.1 .*\\(S3150\\)/ disable-source-ip
    reply /^554 .* is listed/ disable-source-ip
    reply /^421 .*TSS04/ mode=backoff
</smtp-pattern-list>
<dsn-rule blocked>
    pattern S3150|TSS04
    category policy-related
    action requeue
    retry-interval 1s
</dsn-rule>
<virtual-mta four>
""" + "".join("    smtp-source-host %s %s\n" % i for i in NAMES.items()) + """
</virtual-mta>
""" + "".join("""<virtual-mta %s>
    smtp-source-host %s %s.mta.example
</virtual-mta>
""" % (name, ip, name) for ip, name in MEMBERS.items()) + """
<virtual-mta-pool members>
""" + "".join("    virtual-mta %s\n" % name for name in MEMBERS.values()) + """
</virtual-mta-pool>
<source 127.0.0.1>
    process-x-virtual-mta yes
</source>
<domain *>
    smtp-pattern-list blocks
    retry-after 10m
    retry-recipients-after 10m
    max-msg-per-connection 1
</domain>
<domain slows.example>
    backoff-max-msg-rate 1/d
    backoff-reroute-to-virtual-mta members
</domain>
"""
REFUSAL = "550 5.7.1 Unfortunately, messages from %s weren't sent (S3150)."
RULES = {
    "a.example": [{"at": "mail", "client": BLOCKED,
                   "reply": REFUSAL % BLOCKED}],
    "c.example": [{"at": "mail", "client": BAD, "reply": REFUSAL % BAD}],
    "greets.example": [{"at": "connect", "client": BAD, "action": "close",
                        "reply": "554 5.7.1 %s is listed" % BAD}],
    "slows.example": [{"at": "mail", "client": BAD, "reply":
                       "421 4.7.0 [TSS04] Messages from %s deferred" % BAD}],
}


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        super().__init__(
            zone="".join(mx_zone(d, ("mx." + d, ip))
                         for d, ip in RECEIVERS.items()),
            config=CONFIG, with_postfix=False, with_milter=False,
            receivers=[{"listen": [ip + ":25"], "rules": RULES.get(d, [])}
                       for d, ip in RECEIVERS.items()])

    def __enter__(self):
        for ip in FOUR + list(MEMBERS):
            address("add", ip)
        self.start()
        return self


def address(what, ip):
    subprocess.run(["ip", "addr", what, ip + "/32", "dev", "lo"], check=True)


def send(lab, name, domain, count, vmta="four"):
    """So many messages at once; those that arrive, when all have."""
    rcpts = ["%s%d@%s" % (name, i, domain) for i in range(count)]
    for rcpt in rcpts:
        lab.inject(rcpt, headers=[("X-Virtual-MTA", vmta)])
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


def check_members(lab, domain):
    """The pool's mail for who blocks one: all of it from the three others,
    within a second of the refusal, and what was refused a second later than
    its rule says; so stands it in the accounting file."""
    messages = send(lab, "pool", domain, 16, "members")
    first = min(e["t"] for e in lab.events("rule")
                if e["to"] == RECEIVERS[domain] + ":25")
    refused = {r["rcpt"] for r in lab.accounting("t")}
    after = {m["rcpts"][0]: m["t"] - first for m in messages
             if m["t"] > first}
    late = {rcpt: t for rcpt, t in after.items()
            if t >= 1 + (rcpt in refused)}
    tap.check(len(after) > 8, "after the refusal came %s" % after)
    tap.equal(late, {}, "later than a second after the refusal")
    messages += send(lab, "more", domain, 12, "members")
    tap.equal(peers(messages), set(MEMBERS) - {BAD}, "from")
    check_rows(lab, domain, messages)


def check_rows(lab, domain, messages):
    """A delivery stands in the accounting file under the virtual MTA whose
    address it came from, and the pool that chose."""
    rows = {}
    for m in messages:
        row = lab.wait_record("d", m["rcpts"][0])
        rows[row["rcpt"]] = (row["vmta"], row["vmtaPool"], row["dlvSourceIp"],
                             row["queue"])
    tap.equal(rows, {m["rcpts"][0]: (
        MEMBERS[m["peer"]], "members", m["peer"],
        "%s/%s" % (domain, MEMBERS[m["peer"]])) for m in messages}, "rows")
    tap.equal([r["rcpt"] for r in lab.accounting("b")], [], "bounced")


@tap.test("a pool of four virtual MTAs: one that is refused is left to the "
          "three others within a second")
def pool_refused(lab):
    check_members(lab, "c.example")


@tap.test("the same of one that is refused at the greeting")
def pool_greeted(lab):
    check_members(lab, "greets.example")


@tap.test("the same of one that goes in backoff and has its mail rerouted")
def pool_slowed(lab):
    check_members(lab, "slows.example")


@tap.test("others get the pool's mail from all four, before and after")
def pool_others(lab):
    messages = send(lab, "other", "d.example", 12, "members")
    tap.equal(collections.Counter(m["peer"] for m in messages),
              {ip: 3 for ip in MEMBERS}, "from")
    check_rows(lab, "d.example", messages)


@tap.test("all that was accepted has been delivered: the audit balances")
def balance(lab):
    audit = lab.settled()
    tap.check(audit.balances(), str(audit))
    tap.equal((audit.accepted, audit.terminal["failed"]),
              (audit.terminal["delivered"], 0), str(audit))


tap.main(Fixture)
