#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What brings a queue into backoff and out of it beside rows about replies, and
the actions of <dsn-rule>: as receivers saw it (connections, where from, when)
and as it stands in the accounting file.  Everything is sent first, since each
waits for its own time; retries that nothing names are an hour away."""

import netns
netns.enter()

import tap
from lab import Lab, mx_zone

ONE, TWO = "127.0.0.11", "127.0.0.12"
CONFIG = """
<virtual-mta two>
    smtp-source-host 127.0.0.11 one.mta.example
    smtp-source-host 127.0.0.12 two.mta.example
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
    smtp-pattern-list rows
</domain>
<domain after.example>
    backoff-to-normal-after 2s
</domain>
<domain return.example>
    backoff-to-normal-after 1s
    backoff-return-interval 2s
</domain>
<domain delivery.example>
    backoff-to-normal-after-delivery yes
</domain>
<domain off.example>
    backoff-upon-all-sources-disabled yes
</domain>
<domain share.example>
    backoff-upon-error-rate 50% 4/1h
</domain>
<domain again.example>
    backoff-retry-after 2s
</domain>
<domain back.example>
    retry-recipients-after 1s
    reenable-source-ip-after 2s
</domain>
<smtp-pattern-list rows>
    reply /slow down/ mode=backoff
    reply /you are blocked/ disable-source-ip
</smtp-pattern-list>
<dsn-rule slow>
    pattern "451 .*rule: slow"
    action requeue,backoff
    category quota-issues
</dsn-rule>
<dsn-rule host>
    pattern "550 .*rule: not here"
    action skip-mx
</dsn-rule>
<dsn-rule listed>
    pattern "550 .*rule: listed"
    action requeue,disable-source-ip
    retry-interval 1s
</dsn-rule>
"""
DOMAINS = ("after", "delivery", "off", "share", "again", "back", "slow",
           "listed", "return")
PLACES = {d + ".example": "127.0.1.%d" % (i + 1)
          for i, d in enumerate(DOMAINS)}
HOSTS = ("127.0.1.20", "127.0.1.21")
ZONE = "".join(mx_zone(d, ("mx." + d, ip)) for d, ip in PLACES.items()) + \
    mx_zone("host.example", *zip(("mx1.host.example", "mx2.host.example"),
                                 HOSTS))
PACE = {"at": "dot", "delay": 0.1, "action": "pass"}


def refuses(code, text, **more):
    """The first message, and no other."""
    return {"at": "rcpt", "match": "<first@", "count": 1,
            "reply": "%d 4.7.1 %s" % (code, text), **more}


RULES = {
    "after": [refuses(451, "slow down"), PACE],
    "delivery": [refuses(451, "slow down"), {
        "at": "dot", "delay": 0.3, "count": 1, "action": "pass"}, PACE],
    "off": [{"at": "mail", "reply": "451 4.7.1 you are blocked"}],
    "share": [{"at": "rcpt", "match": "<(first|bad)", "reply":
               "451 4.7.1 go away"}, PACE],
    "again": [{"at": "connect", "count": 2, "reply": "421 4.7.0 slow down",
               "action": "close"}],
    "back": [refuses(451, "you are blocked")],
    "slow": [refuses(451, "rule: slow"), PACE],
    "listed": [refuses(550, "rule: listed")],
    "return": [refuses(451, "slow down"), PACE],
}
RECEIVERS = [{"listen": [PLACES[d + ".example"] + ":25"], "rules": rules}
             for d, rules in RULES.items()] + [
    {"listen": [HOSTS[0] + ":25"], "rules": [
        {"at": "rcpt", "reply": "550 5.1.0 rule: not here"}]},
    {"listen": [HOSTS[1] + ":25"]}]
LATER = "return.example"  # its test looks at all of its times
BY_TWO = ("off.example", "back.example", "listed.example")


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, with_postfix=False,
                         with_milter=False, receivers=RECEIVERS)

    def __enter__(self):
        self.start()
        for domain in list(PLACES) + ["host.example"]:
            if domain != LATER:
                self.send("first", domain)
        return self

    def send(self, name, domain):
        self.inject("%s@%s" % (name, domain), headers=[
            ("X-Virtual-MTA", "two")] if domain in BY_TWO else [])

    def send_many(self, domain, count):
        for i in range(count):
            self.send("m%d" % i, domain)
        tap.wait_for(lambda: sum(bool(self.arrived("m%d@%s" % (i, domain)))
                                 for i in range(count)) == count, 20,
                     "%d messages at %s" % (count, domain))

    def at(self, domain, kind):
        to = PLACES[domain] + ":25"
        return [e for e in self.events(kind) if e["to"] == to]

    def refusal(self, domain):
        """When the first message was refused, and that is in effect."""
        rule = tap.wait_for(lambda: self.at(domain, "rule"), 10, "a refusal")
        self.wait_record("t", "first@" + domain, 10)
        return rule[0]["t"]

    def together(self, domain, since, count=2):
        """When so many connections were open at once first, or None."""
        changes = sorted(
            [(e["t"], 1) for e in self.at(domain, "connect")] +
            [(e["t"], -1) for e in self.at(domain, "close")])
        now = 0
        for t, change in changes:
            now += change
            if now >= count and t > since:
                return t
        return None

    def is_slow(self, domain):
        return self.command.json("show", "queues", "--mode=backoff",
                                 domain + "/*")["queues"]


@tap.test("backoff-to-normal-after: for so long, then the normal limits",
          proves=("domain backoff-to-normal-after",
                  "domain backoff-max-smtp-out"))
def after(lab):
    began = lab.refusal("after.example")
    lab.send_many("after.example", 45)
    again = lab.together("after.example", began)
    tap.check(again is not None, "it is in backoff still")
    tap.check(2 <= again - began < 3, "after %.3f s" % (again - began))


@tap.test("backoff-return-interval: connections rise one by one",
          proves=("domain backoff-return-interval",
                  "domain backoff-max-smtp-out"))
def returns(lab):
    lab.send("first", LATER)
    began = lab.refusal(LATER)
    lab.send_many(LATER, 50)
    # From 1 to 4: the second at 6/16 of two seconds, the third at 11/16.
    two, three = (lab.together(LATER, began, n) for n in (2, 3))
    tap.check(two is not None and three is not None, "it is in backoff still")
    tap.check(1.7 <= two - began < 3, "two after %.3f s" % (two - began))
    tap.check(2.3 <= three - began, "three after %.3f s" % (three - began))


@tap.test("backoff-to-normal-after-delivery: the first delivery ends it",
          proves=("domain backoff-to-normal-after-delivery",
                  "domain smtp-pattern-list"))
def delivery(lab):
    began = lab.refusal("delivery.example")
    lab.send_many("delivery.example", 12)
    again = lab.together("delivery.example", began)
    tap.check(again is not None, "it is in backoff still")
    first = lab.at("delivery.example", "message")[0]
    # The reply comes so long after what it answers.
    tap.check(again - first["t"] >= 0.3, "%.3f s after the first dot" %
              (again - first["t"]))


@tap.test("backoff-upon-all-sources-disabled: with the second one the queue is "
          "in backoff, and nothing calls any more",
          proves=("domain backoff-upon-all-sources-disabled",
                  "domain smtp-pattern-list"))
def all_off(lab):
    row = tap.wait_for(lambda: lab.is_slow("off.example"), 10, "backoff")[0]
    tap.equal(row["mode_why"], "all sources are disabled", "why")
    lab.send("second", "off.example")
    tap.wait_for(lambda: lab.is_slow("off.example")[0]["recipients"] == 2, 10,
                 "both wait")
    tap.equal(sorted(e["peer"] for e in lab.at("off.example", "mail")),
              [ONE, TWO], "MAIL from")


@tap.test("backoff-upon-error-rate: so many per cent of so many attempts",
          proves="domain backoff-upon-error-rate")
def share(lab):
    lab.wait_record("t", "first@share.example")
    lab.send_many("share.example", 2)
    tap.equal(lab.is_slow("share.example"), [], "one of three")
    lab.send("bad", "share.example")
    lab.wait_record("t", "bad@share.example")
    tap.wait_for(lambda: lab.is_slow("share.example"), 10, "two of four")


@tap.test("backoff-retry-after: the wait of a queue in backoff",
          proves="domain backoff-retry-after")
def again(lab):
    lab.wait_arrived("first@again.example", 15)
    times = [e["t"] for e in lab.at("again.example", "connect")]
    gaps = [b - a for a, b in zip(times, times[1:])]
    tap.check(len(gaps) == 2 and all(2 <= g < 3 for g in gaps), str(gaps))


@tap.test("reenable-source-ip-after: a disabled source is used again",
          proves=("domain reenable-source-ip-after",
                  "domain smtp-pattern-list"))
def reenable(lab):
    rule = tap.wait_for(lambda: lab.at("back.example", "rule"), 10,
                        "a refusal")[0]

    def peers():
        name = "n%d" % len(lab.at("back.example", "rcpt"))
        lab.send(name, "back.example")
        lab.wait_arrived(name + "@back.example", 5)
        return [e for e in lab.at("back.example", "rcpt")
                if e["peer"] == rule["peer"] and e["t"] > rule["t"]]

    used = tap.wait_for(peers, 10, "it is used again")[0]["t"] - rule["t"]
    tap.check(2 <= used, "after %.3f s" % used)


@tap.test("dsn-rule, backoff: the limits of backoff hold, the record has its "
          "category", proves=("dsn-rule action", "dsn-rule pattern",
                              "domain backoff-max-smtp-out"))
def rule_backoff(lab):
    began = lab.refusal("slow.example")
    lab.send_many("slow.example", 8)
    tap.equal(lab.together("slow.example", began), None, "two at once")
    tap.equal(lab.wait_record("t", "first@slow.example")["bounceCat"],
              "quota-issues", "bounceCat")


@tap.test("dsn-rule, skip-mx: the next host has it at once",
          proves=("dsn-rule action", "dsn-rule pattern"))
def rule_skip(lab):
    tap.equal(lab.wait_arrived("first@host.example", 10)["to"],
              HOSTS[1] + ":25", "where")
    row = lab.wait_record("d", "first@host.example")
    tap.equal(row["dlvDestinationIp"], HOSTS[1], "accounted")


@tap.test("dsn-rule, disable-source-ip: it is tried again from the other one",
          proves=("dsn-rule action", "dsn-rule pattern",
                  "dsn-rule retry-interval"))
def rule_source(lab):
    m = lab.wait_arrived("first@listed.example", 10)
    rule = lab.at("listed.example", "rule")[0]
    tap.equal({rule["peer"], m["peer"]}, {ONE, TWO}, "from")
    tap.check(1 <= m["t"] - rule["t"] < 2.5, "after %.3f s" %
              (m["t"] - rule["t"]))
    row = lab.wait_record("d", "first@listed.example")
    tap.equal(row["dlvSourceIp"], m["peer"], "accounted")


tap.main(Fixture)
