#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Where mail goes and what a remote server's answer leads to: MX order, A
fallback, null MX, NXDOMAIN, routes, retries, bounces, connection reuse."""

import netns
netns.enter()

import itertools
import subprocess

import mailrace
import smtp_client
import tap
from lab import Lab, mx_zone

CONFIG = """
<virtual-mta nowhere>
    smtp-source-host 192.0.2.1 nowhere.mta.example
</virtual-mta>
<virtual-mta six>
    smtp-source-host fd00::2 six.mta.example
</virtual-mta>
<virtual-mta both>
    smtp-source-host fd00::2 six.mta.example
    smtp-source-host 127.0.0.20 four.mta.example
</virtual-mta>
<virtual-mta lost>
    smtp-source-host 10.77.0.1 one.mta.example
    smtp-source-host 10.77.0.2 two.mta.example
    <domain *>
        retry-after 10m
        max-msg-per-connection 1
    </domain>
</virtual-mta>
<virtual-mta both-limited>
    smtp-source-host fd00::2 six.mta.example
    smtp-source-host 127.0.0.20 four.mta.example
    <domain *>
        source-ip-max-smtp-out 0.0.0.0/0 1
        source-ip-max-smtp-out ::/0 1
    </domain>
</virtual-mta>
<virtual-mta block>
    smtp-source-host 127.0.0.16/30 block.mta.example
</virtual-mta>
<source 127.0.0.1>
    process-x-virtual-mta yes
</source>
<domain *>
    retry-after 2s
    retry-recipients-after 2s
    connect-timeout 5s
    smtp-greeting-timeout 5s
    smtp-data-termination-timeout 5s
</domain>
<domain equal.example>
    connection-idle-timeout 0
</domain>
<domain hosts.example>
    smtp-hosts [127.0.1.9]:2525
</domain>
<domain lookup.example>
    smtp-hosts lookup-mx:order.example
</domain>
<domain servfail.example>
    retry-after-dns-error 16s
</domain>
<domain short.example>
    bounce-after 4s
</domain>
<domain gone.example>
    bounce-after 4s
</domain>
<domain reuse.example>
    max-smtp-out 1
    connection-idle-timeout 5s
</domain>
<domain three.example>
    max-smtp-out 1
    max-msg-per-connection 3
    max-rcpt-per-message 3
    connection-idle-timeout 5s
</domain>
"""
ZONE = """
equal.example 300 MX 10 e1.equal.example
equal.example 300 MX 10 e2.equal.example
equal.example 300 MX 20 e3.equal.example
e1.equal.example 300 A 127.0.2.1
e2.equal.example 300 A 127.0.2.2
e3.equal.example 300 A 127.0.2.3
onlya.example 300 A 127.0.1.5
gone.example 300 A 127.0.9.9
v6.example 300 MX 10 mx.v6.example
mx.v6.example 300 AAAA fd00::1
nullmx.example 300 MX 0 .
servfail.example SERVFAIL-FIRST 1
servfail.example 300 MX 10 mx.order.example
""" + "".join([
    mx_zone("order.example", ("mx.order.example", "127.0.1.1"),
            ("mx2.order.example", "127.0.1.2")),
    mx_zone("next.example", ("dead.next.example", "127.0.1.99"),
            ("live.next.example", "127.0.1.2")),
    mx_zone("busy.example", ("mx.busy.example", "127.0.1.3")),
    mx_zone("short.example", ("mx.short.example", "127.0.1.4")),
    mx_zone("reuse.example", ("mx.reuse.example", "127.0.1.6")),
    mx_zone("three.example", ("mx.three.example", "127.0.1.7")),
    mx_zone("drop.example", ("mx.drop.example", "127.0.1.8")),
])

RECEIVERS = [
    {"listen": ["127.0.1.1:25", "127.0.1.2:25", "127.0.1.5:25",
                "127.0.1.6:25", "127.0.1.7:25", "127.0.1.9:2525",
                "[fd00::1]:25", "127.0.2.1:25", "127.0.2.2:25", "127.0.2.3:25"],
     "rules": [
         {"at": "rcpt", "match": "<grey", "count": 1, "per": "value",
          "reply": "450 4.2.1 greylisted"},
         {"at": "rcpt", "match": "<unknown", "reply":
          "550 5.1.1 no such\nuser, says the\nserver"},
         {"at": "mail", "match": "<badsender@", "reply":
          "550 5.7.1 not you"},
         {"at": "dot", "match": "X-Spam: yes", "reply":
          "554 5.7.1 this is spam"},
         {"at": "dot", "match": "X-Later: yes", "count": 1,
          "reply": "451 4.3.0 later"}]},
    {"listen": ["127.0.1.3:25"], "rules": [
        {"at": "connect", "count": 2, "action": "close",
         "reply": "421 4.7.0 busy"}]},
    {"listen": ["127.0.1.4:25"], "rules": [
        {"at": "rcpt", "reply": "451 4.3.0 never"}]},
    {"listen": ["127.0.1.8:25"], "rules": [
        {"at": "dot", "count": 1, "action": "drop"}]},
]

# What waits for some time of its own is sent first.
WAITING = ["x@%s.example" % d for d in ("servfail", "busy", "short", "gone")]


def address(what, ip):
    """One that can be taken away, as those of 127/8 cannot."""
    subprocess.run(["ip", "addr", what, ip + "/32", "dev", "lo"], check=True)


def from_lost(lab, rcpt):
    """From which source a message of the virtual MTA `lost` comes."""
    lab.inject(rcpt, headers=[("X-Virtual-MTA", "lost")])
    peer = lab.wait_arrived(rcpt, 5)["peer"]
    lab.wait_record("d", rcpt)
    return peer


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, with_postfix=False,
                         with_milter=False, receivers=RECEIVERS)

    def __enter__(self):
        # Not ::1 for both: a server at an address of ours is a loop.
        for ip in ("fd00::1", "fd00::2"):
            subprocess.run(["ip", "-6", "addr", "add", ip + "/128", "dev",
                            "lo", "nodad"], check=True)
        for ip in ("10.77.0.1", "10.77.0.2", "192.0.2.1"):
            address("add", ip)
        self.start()
        for rcpt in WAITING:
            self.inject(rcpt)
        self.inject(["grey1@order.example", "white1@order.example"])
        self.inject("later@order.example", headers=[("X-Later", "yes")])
        self.inject("x@drop.example", headers=[("X-Test-Id", "lost")])
        return self


@tap.test("SERVFAIL: the mail waits")
def servfail(lab):
    tap.wait_for(lambda: mailrace.find(lab.command.json(
        "list", "servfail.example"), "to"), 20, "it is queued")
    tap.equal(lab.arrived("x@servfail.example"), [], "arrived")


@tap.test("the MX with the lowest preference is used", proves="name-server")
def order(lab):
    for i in range(4):
        lab.inject("order%d@order.example" % i)
        m = lab.wait_arrived("order%d@order.example" % i)
        tap.equal(m["to"], "127.0.1.1:25", "server")


@tap.test("MXs of equal preference share, the third is not used")
def equal(lab):
    seen = set()
    # By chance, so not within a dozen each time.
    for i in range(60):
        rcpt = "e%d@equal.example" % i
        lab.inject(rcpt)
        seen.add(lab.wait_arrived(rcpt)["to"])
        lab.wait_record("d", rcpt)
        if i >= 12 and len(seen) == 2:
            break
    tap.equal(seen, {"127.0.2.1:25", "127.0.2.2:25"}, "servers")


@tap.test("a block of source addresses: each in turn")
def block(lab):
    peers = []
    for i in range(4):
        rcpt = "block%d@equal.example" % i
        lab.inject(rcpt, headers=[("X-Virtual-MTA", "block")])
        peers.append(lab.wait_arrived(rcpt)["peer"])
        lab.wait_record("d", rcpt)
    tap.equal(sorted(peers), ["127.0.0.17"] * 2 + ["127.0.0.18"] * 2, "from")


@tap.test("an MX that does not answer: the next one, at once")
def next_mx(lab):
    lab.inject("n@next.example")
    m = lab.wait_arrived("n@next.example")
    tap.equal(m["to"], "127.0.1.2:25", "server")


@tap.test("no MX: the address of the domain itself")
def fallback(lab):
    lab.inject("a@onlya.example")
    tap.equal(lab.wait_arrived("a@onlya.example")["to"], "127.0.1.5:25", "A")


@tap.test("null MX bounces, and so does a domain that does not exist")
def no_mail(lab):
    lab.inject("x@nullmx.example")
    lab.inject("x@nosuch.example")
    r = lab.wait_record("b", "x@nullmx.example")
    tap.check(r["dsnStatus"].startswith("5.1.10"), "null MX: " +
              r["dsnStatus"])
    r = lab.wait_record("b", "x@nosuch.example")
    tap.check(r["dsnStatus"].startswith("5.1.2") or
              r["dsnStatus"].startswith("5.4.4"), "NXDOMAIN: " +
              r["dsnStatus"])


@tap.test("1,400 recipients that end together: each in the ledger, once")
def many_end(lab):
    before = lab.audit().terminal["failed"]
    rcpts = ["m%d@nullmx.example" % i for i in range(1400)]
    lab.inject(rcpts[:700])
    lab.inject(rcpts[700:])
    lab.wait_record("b", rcpts[-1])
    tap.wait_for(lambda: lab.audit().terminal["failed"] == before + 1400, 20,
                 "1,400 in the ledger")
    tap.wait_for(lambda: len([r for r in lab.accounting("b") if
                              r["rcpt"] in rcpts]) == 1400, 20, "records")
    tap.equal(len({r["rcpt"] for r in lab.accounting("b") if
                   r["rcpt"] in rcpts}), 1400, "recipients recorded")


@tap.test("smtp-hosts and lookup-mx: replace the MX", proves="domain smtp-hosts")
def routes(lab):
    lab.inject("x@hosts.example")
    tap.equal(lab.wait_arrived("x@hosts.example")["to"], "127.0.1.9:2525",
              "smtp-hosts")
    lab.inject("x@lookup.example")
    tap.equal(lab.wait_arrived("x@lookup.example")["to"], "127.0.1.1:25",
              "lookup-mx")


@tap.test("421 in the greeting: retried after retry-after, then delivered")
def busy(lab):
    lab.wait_arrived("x@busy.example", 30)
    times = [e["t"] for e in lab.events("connect")
             if e["to"] == "127.0.1.3:25"]
    tap.check(len(times) >= 3, "connections: %d" % len(times))
    gaps = [b - a for a, b in zip(times, times[1:])]
    tap.check(min(gaps) >= 1.9, "waited %s" % gaps)


@tap.test("450 for a recipient: only this one waits")
def grey(lab):
    white = lab.wait_arrived("white1@order.example")
    grey = lab.wait_arrived("grey1@order.example")
    tap.check(grey["mono"] - white["mono"] > 1.9, "too early")
    r = lab.wait_record("t", "grey1@order.example")
    tap.check("450" in r["dsnDiag"], r["dsnDiag"])
    tap.equal(len(lab.arrived("white1@order.example")), 1, "white once")


@tap.test("550 for a recipient bounces it, the others are delivered")
def refused(lab):
    lab.inject(["unknown@order.example", "known@order.example"])
    lab.wait_arrived("known@order.example")
    r = lab.wait_record("b", "unknown@order.example")
    tap.equal(r["dsnAction"], "failed", "dsnAction")
    tap.check(r["dsnStatus"].startswith("5.1.1"), r["dsnStatus"])
    tap.check(r["dsnDiag"].startswith("smtp;550"), r["dsnDiag"])


@tap.test("refused at MAIL, and after the dot")
def refused_elsewhere(lab):
    lab.inject("a@order.example", sender="badsender@x.example")
    lab.wait_record("b", "a@order.example")
    lab.inject("spam@order.example", headers=[("X-Spam", "yes")])
    r = lab.wait_record("b", "spam@order.example")
    tap.check("554" in r["dsnDiag"], r["dsnDiag"])
    tap.equal(lab.wait_arrived("later@order.example")["code"], 250,
              "451, then 250")


@tap.test("after bounce-after it bounces")
def expire(lab):
    r = lab.wait_record("b", "x@short.example", 30)
    tap.equal(r["dsnAction"], "failed", "dsnAction")


@tap.test("a server that never answers: the bounce says why")
def expire_queue(lab):
    r = lab.wait_record("b", "x@gone.example", 30)
    tap.equal(r["bounceCat"], "message-expired", "bounceCat")
    tap.check("last error: " in r["dsnDiag"] and "refused" in r["dsnDiag"],
              "dsnDiag: " + r["dsnDiag"])
    lab.wait_record("b", "x@short.example", 30)
    tap.equal(lab.audit().terminal["expired"], 2, "expired in the ledger")


@tap.test("a connection lost after the dot: tried again, told in doubt")
def lost(lab):
    lab.wait_arrived("x@drop.example", 20)


@tap.test("one connection carries many messages")
def reuse(lab):
    for i in range(6):
        lab.inject("r%d@reuse.example" % i)
    for i in range(6):
        lab.wait_arrived("r%d@reuse.example" % i)
    ids = {m["id"] for m in lab.messages(to="127.0.1.6:25")}
    tap.equal(len(ids), 1, "connections")


@tap.test("max-msg-per-connection 3")
def three(lab):
    for i in range(7):
        lab.inject("t%d@three.example" % i)
    for i in range(7):
        lab.wait_arrived("t%d@three.example" % i)
    counts = {}
    for m in lab.messages(to="127.0.1.7:25"):
        counts[m["id"]] = counts.get(m["id"], 0) + 1
    tap.check(max(counts.values()) <= 3, "messages by connection: %s" % counts)


@tap.test("recipients of one message and domain go in one transaction")
def together(lab):
    rcpts = ["m%d@order.example" % i for i in range(10)]
    lab.inject(rcpts)
    for r in rcpts:
        m = lab.wait_arrived(r)
    tap.equal(sorted(m["rcpts"]), sorted(rcpts), "recipients together")


@tap.test("max-rcpt-per-message 3: ten recipients in four transactions",
          proves="domain max-rcpt-per-message")
def apart(lab):
    rcpts = ["p%d@three.example" % i for i in range(10)]
    lab.inject(rcpts)
    counts = {r: len(lab.wait_arrived(r)["rcpts"]) for r in rcpts}
    tap.equal(sorted(counts.values()), [1] + [3] * 9, "recipients together")


@tap.test("dots and long bodies survive")
def stuffing(lab):
    body = ".\n..\n.leading\nmiddle.\n" * 3000 + ".\n"
    lab.inject("dots@order.example", message=smtp_client.compose(
        "s@sender.example", "dots@order.example", body=body))
    got = lab.stored(lab.wait_arrived("dots@order.example"))
    tap.equal(got.partition(b"\r\n\r\n")[2],
              body.replace("\n", "\r\n").encode(), "body")


@tap.test("an address that cannot be bound never falls back to another: the "
          "mail waits until it is back")
def bind(lab):
    address("del", "192.0.2.1")
    lab.inject("bind@order.example", headers=[("X-Virtual-MTA", "nowhere")])
    why = tap.wait_for(
        lambda: mailrace.find(lab.command.json(
            "show", "queues", "order.example/nowhere"), "last_error"),
        20, "the queue says why it waits")
    tap.check("192.0.2.1" in why, why)
    tap.equal(lab.arrived("bind@order.example"), [], "arrived")
    tap.equal(mailrace.find(lab.command.json(
        "list", "order.example/nowhere"), "to"), "bind@order.example",
              "still queued")
    address("add", "192.0.2.1")
    tap.equal(lab.wait_arrived("bind@order.example", 10)["peer"], "192.0.2.1",
              "from")


@tap.test("IPv6: an MX with an AAAA record only gets mail from an IPv6 "
          "source, and none from an IPv4 source")
def ipv6(lab):
    lab.inject("six@v6.example", headers=[("X-Virtual-MTA", "six")])
    m = lab.wait_arrived("six@v6.example")
    tap.equal((m["to"], m["peer"], m["helo"]),
              ("[fd00::1]:25", "fd00::2", "six.mta.example"),
              "to, from, EHLO")
    lab.inject("x@v6.example")
    lab.wait_record("b", "x@v6.example")
    # The default virtual MTA has an IPv4 address only.
    tap.equal(lab.arrived("x@v6.example"), [], "arrived")


@tap.test("sources of both families: a domain with addresses of one alone "
          "gets all its mail, from sources of that one")
def families(lab):
    for vmta in ("both", "both-limited"):
        for domain, source in (("onlya.example", "127.0.0.20"),
                               ("v6.example", "fd00::2")):
            for i in range(3):
                rcpt = "%s%d@%s" % (vmta, i, domain)
                lab.inject(rcpt, headers=[("X-Virtual-MTA", vmta)])
                tap.equal(lab.wait_arrived(rcpt)["peer"], source, "from")
                lab.wait_record("d", rcpt)
    tap.equal([r["rcpt"] for r in lab.accounting("b")
               if r["rcpt"].startswith("both")], [], "bounced")
    wrong = lab.daemon.log_text().count(" end=no-family ")
    tap.check(2 <= wrong <= 4, "each of four queues finds out by one "
              "connection at most: %d" % wrong)


@tap.test("a source address that is lost: the other one is used at once, and "
          "both once it is back")
def lost_source(lab):
    def said(state):
        return lab.daemon.log_text().count(
            " source state=%s address=10.77.0.1" % state)

    address("del", "10.77.0.1")
    for i in range(4):
        tap.equal(from_lost(lab, "lost%d@onlya.example" % i), "10.77.0.2",
                  "from")
    tap.equal((said("lost"), said("back")), (1, 0), "logged")
    address("add", "10.77.0.1")
    rcpts = ("back%d@onlya.example" % i for i in itertools.count())
    tap.wait_for(lambda: from_lost(lab, next(rcpts)) == "10.77.0.1", 20,
                 "mail from the one that is back")
    tap.equal((said("lost"), said("back")), (1, 1), "logged")


@tap.test("SERVFAIL: it is asked again")
def servfail_again(lab):
    # A failure is remembered for a while, so that it is not asked for often:
    # it has waited since the beginning.
    lab.wait_arrived("x@servfail.example", 30)


tap.main(Fixture)
