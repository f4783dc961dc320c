#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What replies ask for: each action of <smtp-pattern-list>, both modes and
<dsn-rule>, as receivers saw it (times, connections, where from) and as it
stands in the accounting file.  Nothing waits for a time that no rule names:
retries are an hour away."""

import netns
netns.enter()

import socket
import threading

import tap
from lab import Lab, mx_zone

CONFIG = """
<virtual-mta two>
    smtp-source-host 127.0.0.11 one.mta.example
    smtp-source-host 127.0.0.12 two.mta.example
</virtual-mta>
smtp-source-host ""
<virtual-mta bare>
</virtual-mta>
<virtual-mta plain>
</virtual-mta>
<source 127.0.0.1>
    process-x-virtual-mta yes
</source>
<domain *>
    retry-after 1h
    retry-recipients-after 1h
    max-msg-per-connection 1
    max-smtp-out 4
    backoff-max-smtp-out 1
</domain>
<domain slow.example>
    smtp-pattern-list slow
</domain>
<domain idle.example>
    smtp-pattern-list slow
    max-msg-per-connection 100
    connection-idle-timeout 1m
</domain>
<domain timed.example>
    smtp-pattern-list timed
</domain>
<domain better.example>
    smtp-pattern-list better
</domain>
<domain skip.example>
    smtp-pattern-list skip
</domain>
<domain rare.example>
    smtp-pattern-list skip
    max-msg-rate 1/6s
</domain>
<domain none.example>
    smtp-pattern-list skip
    max-smtp-out 1
</domain>
<domain blocked.example>
    max-smtp-out 1
    smtp-pattern-list blocked
</domain>
<domain full.example>
    smtp-pattern-list full
</domain>
<domain off.example>
    smtp-pattern-list off
    retry-recipients-after 1s
</domain>
<domain bare.example>
    smtp-pattern-list off
</domain>
<domain defer.example>
    max-smtp-out 1
    retry-after 3s
    smtp-pattern-list defer
</domain>
<domain both.example>
    smtp-pattern-list both
</domain>
<smtp-pattern-list both>
    reply /nothing like it/ mode=normal
    reply /^451 / mode=backoff
    reply /is blocked/ mode=normal, disable-source-ip
    reply /./ disable-source-ip, reenable-after=1s
</smtp-pattern-list>
<smtp-pattern-list slow>
    reply /slow down/ mode=backoff
</smtp-pattern-list>
<smtp-pattern-list timed>
    reply /slow down/ mode=backoff, backoff-to-normal-after=2s
</smtp-pattern-list>
<smtp-pattern-list better>
    reply /slow down/ mode=backoff
    reply /all is well/ mode=normal
</smtp-pattern-list>
<smtp-pattern-list skip>
    reply /no room here/ skip-mx
</smtp-pattern-list>
<smtp-pattern-list blocked>
    reply /domain blocked/ bounce-queue
</smtp-pattern-list>
<smtp-pattern-list full>
    reply /^452 4\\.2\\.2 / bounce-rcpt
</smtp-pattern-list>
<smtp-pattern-list off>
    reply /address is blocked/ disable-source-ip, reenable-after=3s
</smtp-pattern-list>
<smtp-pattern-list defer>
    reply /all wait/ defer-queue
</smtp-pattern-list>
<dsn-rule over-quota>
    pattern "552 5.2.2.*over quota"
    category soft-bounce
    action requeue
    retry-interval 2
</dsn-rule>
"""
PLACES = {"slow.example": "127.0.1.1", "timed.example": "127.0.1.2",
          "better.example": "127.0.1.3", "blocked.example": "127.0.1.6",
          "full.example": "127.0.1.7", "off.example": "127.0.1.8",
          "defer.example": "127.0.1.9", "quota.example": "127.0.1.10",
          "other.example": "127.0.1.11", "bare.example": "127.0.1.12",
          "both.example": "127.0.1.17"}
ZONE = "".join(mx_zone(d, ("mx." + d, ip)) for d, ip in PLACES.items()) + \
    mx_zone("idle.example", ("mx.idle.example", "127.0.1.18")) + \
    mx_zone("skip.example", ("mx1.skip.example", "127.0.1.4"),
            ("mx2.skip.example", "127.0.1.5")) + \
    mx_zone("rare.example", ("mx1.rare.example", "127.0.1.13"),
            ("mx2.rare.example", "127.0.1.14")) + \
    mx_zone("none.example", ("mx1.none.example", "127.0.1.15"),
            ("mx2.none.example", "127.0.1.16"))
SLOW = {"at": "rcpt", "match": "<first@", "count": 1,
        "reply": "451 4.7.1 slow down, please"}
# So long a message takes; who has more connections has more at once.
PACE = {"at": "dot", "delay": 0.1, "action": "pass"}


FULL = {"at": "rcpt", "match": "<full@", "reply": "552 5.2.2 no room here"}


def receiver(ip, *rules):
    return {"listen": [ip + ":25"], "rules": list(rules)}


RECEIVERS = [
    receiver("127.0.1.1", SLOW, PACE),
    receiver("127.0.1.2", SLOW, PACE),
    receiver("127.0.1.3", SLOW,
             {"at": "dot", "match": "X-Better: yes", "count": 1, "delay": 0.5,
              "reply": "250 2.0.0 all is well again"}, PACE),
    receiver("127.0.1.4", {"at": "rcpt", "reply": "452 4.3.1 no room here"}),
    receiver("127.0.1.5"),
    receiver("127.0.1.6", {"at": "connect", "delay": 0.7, "action": "pass"},
             {"at": "rcpt", "reply": "550 5.7.1 domain blocked"}),
    receiver("127.0.1.7", {"at": "rcpt", "match": "<full@",
                           "reply": "452 4.2.2 mailbox full"}),
    receiver("127.0.1.8", {"at": "rcpt", "match": "<first@", "count": 1,
                           "reply": "451 4.7.1 your address is blocked"}),
    receiver("127.0.1.9", {"at": "connect", "delay": 0.5, "action": "pass"},
             {"at": "rcpt", "count": 1, "reply": "451 4.4.5 all wait"}),
    receiver("127.0.1.10", {"at": "rcpt", "match": "<full@", "count": 1,
                            "reply": "552 5.2.2 over quota today"}),
    receiver("127.0.1.11"),
    receiver("127.0.1.12", {"at": "mail",
                            "reply": "451 4.7.1 your address is blocked"}),
    receiver("127.0.1.13", {"at": "rcpt", "reply": "452 4.3.1 no room here"}),
    receiver("127.0.1.14"),
    receiver("127.0.1.15", FULL),
    receiver("127.0.1.16", FULL),
    receiver("127.0.1.17", {"at": "rcpt", "match": "<first@", "count": 1,
                            "reply": "451 4.7.1 your address is blocked"},
             PACE),
]


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, with_postfix=False,
                         with_milter=False, receivers=RECEIVERS)

    def __enter__(self):
        self.start()
        # Their waits pass meanwhile.
        self.inject("x@rare.example")  # six seconds on its way
        self.send_many("defer.example", 4)
        self.inject("full@quota.example")
        return self

    def at(self, domain, kind):
        to = PLACES[domain] + ":25"
        return [e for e in self.events(kind) if e["to"] == to]

    def refusal(self, domain):
        """The first answer there that a rule gave, when it is in effect: the
        record of what it led to is made after that."""
        rule = tap.wait_for(lambda: self.at(domain, "rule"), 10,
                            "a reply by a rule of " + domain)[0]
        self.wait_record("t", "first@" + domain, 10)
        return rule

    def send_many(self, domain, count, **compose):
        for i in range(count):
            self.inject("m%d@%s" % (i, domain), **compose)

    def wait_many(self, domain, count):
        tap.wait_for(lambda: len([m for m in self.messages() if
                                  m["to"] == PLACES[domain] + ":25"]) >= count,
                     20, "%d messages at %s" % (count, domain))

    def first_together(self, domain, since):
        """When two connections were open at once first, of those that began
        later than `since`; None: never."""
        changes = sorted(
            [(e["t"], 1) for e in self.at(domain, "connect")] +
            [(e["t"], -1) for e in self.at(domain, "close")])
        now = 0
        for t, change in changes:
            now += change
            if now >= 2 and t > since:
                return t
        return None


@tap.test("mode=backoff: from then on the limits of backoff hold, and mail "
          "goes on", proves=("domain smtp-pattern-list",
                             "domain backoff-max-smtp-out",
                             "smtp-pattern-list reply"))
def backoff(lab):
    lab.inject("first@slow.example")
    rule = lab.refusal("slow.example")
    lab.send_many("slow.example", 8)
    lab.wait_many("slow.example", 8)
    tap.equal(lab.first_together("slow.example", rule["t"]), None,
              "two at once at")


def serve_one(listener):
    """Takes a message, and then has no patience."""
    conn, _ = listener.accept()
    with conn, conn.makefile("rwb") as f:
        f.write(b"220 mx.idle.example\r\n")
        f.flush()
        for line in f:
            code = b"354" if line.startswith(b"DATA") else b"250"
            f.write(code + b" ok\r\n")
            f.flush()
            if code == b"354":
                while f.readline() not in (b".\r\n", b""):
                    pass
                f.write(b"250 ok\r\n")
                f.flush()
                break
        f.write(b"421 4.4.2 timeout, slow down\r\n")
        f.flush()
        conn.settimeout(10)
        f.read(1)


@tap.test("a server that is tired of an idle connection asks for nothing")
def idle(lab):
    with socket.create_server(("127.0.1.18", 25)) as listener:
        listener.settimeout(20)
        server = threading.Thread(target=serve_one, args=(listener,))
        server.start()
        lab.inject("one@idle.example")
        server.join(30)
    tap.wait_for(lambda: "4.4.2 timeout" in lab.daemon.log_text(), 10,
                 "the end of the session")
    tap.equal([q["mode"] for q in
               lab.command.json("show", "queues", "idle.example")["queues"]],
              ["normal"], "mode")


@tap.test("backoff-to-normal-after: for so long, then the normal limits",
          proves=("domain smtp-pattern-list", "domain backoff-max-smtp-out"))
def timed(lab):
    lab.inject("first@timed.example")
    rule = lab.refusal("timed.example")
    lab.send_many("timed.example", 45)
    lab.wait_many("timed.example", 45)
    again = lab.first_together("timed.example", rule["t"])
    tap.check(again is not None, "it is in backoff still")
    tap.check(2 <= again - rule["t"] < 3, "normal again after %.3f s" %
              (again - rule["t"]))


@tap.test("mode=normal, of the 250 to a message, ends backoff",
          proves=("domain smtp-pattern-list", "domain backoff-max-smtp-out"))
def better(lab):
    lab.inject("first@better.example")
    rule = lab.refusal("better.example")
    lab.inject("good@better.example", headers=[("X-Better", "yes")])
    lab.send_many("better.example", 10)
    lab.wait_many("better.example", 11)
    good = lab.arrived("good@better.example")[0]
    again = lab.first_together("better.example", rule["t"])
    tap.check(again is not None, "it is in backoff still")
    # The reply comes so long after what it answers.
    tap.check(again - good["t"] >= 0.5, "it was never in backoff")


@tap.test("skip-mx: the next host has the message at once",
          proves=("domain smtp-pattern-list", "smtp-pattern-list reply"))
def skip_mx(lab):
    lab.inject("x@skip.example")
    m = lab.wait_arrived("x@skip.example", 10)
    tap.equal(m["to"], "127.0.1.5:25", "where")
    # Another connection may have it there before the first is at the next.
    first = len([e for e in lab.events("rcpt") if e["to"] == "127.0.1.4:25"])
    tap.check(1 <= first <= 2, "RCPTs at the first: %d" % first)
    row = lab.wait_record("d", "x@skip.example")
    tap.equal(row["dlvDestinationIp"], "127.0.1.5", "accounted")
    tap.equal([r for r in lab.accounting("t")
               if r["rcpt"] == "x@skip.example"], [], "deferred")


@tap.test("skip-mx: what each host refuses has had its attempt, also with a "
          "5xx, and other mail goes on",
          proves=("domain smtp-pattern-list", "smtp-pattern-list reply"))
def skip_all(lab):
    lab.inject("full@none.example")
    row = lab.wait_record("t", "full@none.example", 10)
    tap.check(row["dsnDiag"].startswith("smtp;552 5.2.2"), row["dsnDiag"])
    lab.inject("fine@none.example")
    lab.wait_record("d", "fine@none.example", 10)
    tap.equal([len([e for e in lab.events("rcpt") if e["to"] == to and
                    "full@" in e["rcpt"]])
               for to in ("127.0.1.15:25", "127.0.1.16:25")], [1, 1],
              "RCPTs of it at each")


@tap.test("bounce-queue: all of the queue fails, one alone has called",
          proves=("domain smtp-pattern-list", "smtp-pattern-list reply"))
def bounce_queue(lab):
    lab.send_many("blocked.example", 5)
    rows = [lab.wait_record("b", "m%d@blocked.example" % i, 10)
            for i in range(5)]
    tap.equal(len(lab.at("blocked.example", "rcpt")), 1, "RCPTs")
    kinds = sorted(r["dsnDiag"].split(" ")[0] for r in rows)
    tap.equal(kinds, ["smtp;550"] + ["x-pmta;bounce-queue"] * 4, "dsnDiag")


@tap.test("bounce-rcpt: a 452 is the end of this recipient, and no other's",
          proves=("domain smtp-pattern-list", "smtp-pattern-list reply"))
def bounce_rcpt(lab):
    lab.inject(["full@full.example", "fine@full.example"])
    row = lab.wait_record("b", "full@full.example", 10)
    tap.check(row["dsnDiag"].startswith("smtp;452 4.2.2"), row["dsnDiag"])
    lab.wait_record("d", "fine@full.example")
    tap.equal(len(lab.at("full.example", "rcpt")), 2, "RCPTs")


@tap.test("disable-source-ip, reenable-after: the queue goes out from the "
          "other one at once, other queues from both, for so long",
          proves=("domain smtp-pattern-list", "smtp-pattern-list reply"))
def disable_source(lab):
    two = [("X-Virtual-MTA", "two")]
    lab.inject("first@off.example", headers=two)
    rule = lab.refusal("off.example")
    for i in range(6):
        lab.inject("o%d@other.example" % i, headers=two)

    def is_back():
        count = len(lab.at("off.example", "rcpt"))
        lab.inject("n%d@off.example" % count, headers=two)
        lab.wait_arrived("n%d@off.example" % count, 5)
        return [e for e in lab.at("off.example", "rcpt")
                if e["peer"] == rule["peer"] and e["t"] > rule["t"]]

    back = tap.wait_for(is_back, 10, "it is used again")[0]
    tap.check(back["t"] - rule["t"] >= 3, "after %.3f s" %
              (back["t"] - rule["t"]))
    others = [e for e in lab.at("off.example", "rcpt")
              if e["peer"] != rule["peer"]]
    tap.check(min(e["t"] for e in others if e["t"] > rule["t"]) <
              rule["t"] + 2, "the other one took over late")
    tap.equal({e["peer"] for e in lab.at("other.example", "rcpt")},
              {"127.0.0.11", "127.0.0.12"}, "sources of another queue")


@tap.test("disable-source-ip where the kernel chooses the source: the queue "
          "waits, which is said once of each virtual MTA")
def no_source(lab):
    for i, vmta in enumerate(("bare", "bare", "plain")):
        lab.inject("m%d@bare.example" % i, headers=[("X-Virtual-MTA", vmta)])
        lab.wait_record("t", "m%d@bare.example" % i, 10)
        lab.command.text("schedule", "bare.example/" + vmta)
    said = [line.partition(", and ")[2].split()[0]
            for line in lab.daemon.log_text().splitlines()
            if "has no smtp-source-host" in line]
    tap.equal(sorted(said), ["bare", "plain"], "said of")


@tap.test("several rows fit one reply: the first that says something of the "
          "mode has the mode, the first of the source has the source",
          proves=("domain smtp-pattern-list", "domain backoff-max-smtp-out",
                  "smtp-pattern-list reply"))
def conflicts(lab):
    two = [("X-Virtual-MTA", "two")]
    lab.inject("first@both.example", headers=two)
    rule = lab.refusal("both.example")
    lab.send_many("both.example", 16, headers=two)
    lab.wait_many("both.example", 16)
    tap.equal(lab.first_together("both.example", rule["t"]), None,
              "two at once at")
    later = [e for e in lab.at("both.example", "rcpt") if e["t"] > rule["t"]]
    took = later[-1]["t"] - rule["t"]
    tap.check(took > 1.3, "%.3f s show nothing of the last row" % took)
    tap.equal({e["peer"] for e in later},
              {"127.0.0.11", "127.0.0.12"} - {rule["peer"]}, "sources")


@tap.test("defer-queue: the whole queue waits for retry-after",
          proves=("domain smtp-pattern-list", "domain retry-after",
                  "smtp-pattern-list reply"))
def defer_queue(lab):
    rule = tap.wait_for(lambda: lab.at("defer.example", "rule"), 10,
                        "the reply")[0]
    lab.wait_many("defer.example", 3)
    later = [e["t"] - rule["t"] for e in lab.at("defer.example", "connect")
             if e["t"] > rule["t"]]
    tap.check(3 <= min(later) < 4, "called again after %s s" % later)


@tap.test("<dsn-rule>: a 552 is tried again at its time, under its category",
          proves=("dsn-rule pattern", "dsn-rule action", "dsn-rule category",
                  "dsn-rule retry-interval"))
def dsn_rule(lab):
    m = lab.wait_arrived("full@quota.example", 10)
    row = lab.wait_record("t", "full@quota.example")
    tap.equal(row["bounceCat"], "soft-bounce", "bounceCat")
    first = lab.at("quota.example", "rcpt")[0]
    tap.check(2 <= m["t"] - first["t"] < 3.5, "after %.3f s" %
              (m["t"] - first["t"]))


@tap.test("skip-mx where the rate is slow: the next connection begins at the "
          "next host", proves="domain smtp-pattern-list")
def skip_slowly(lab):
    lab.wait_arrived("x@rare.example", 15)
    tap.equal([len([e for e in lab.events("rcpt") if e["to"] == to])
               for to in ("127.0.1.13:25", "127.0.1.14:25")], [1, 1],
              "RCPTs at each")


tap.main(Fixture)
