#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a remote server says, or fails to say, is what becomes of the mail: by
the directives for it, judged at the servers and in the accounting file."""

import netns
netns.enter()

import mailrace
import smtp_client
import tap
from lab import Lab, mx_zone

CONFIG = """
<acct-file {root}/acct/queues.csv>
    records tq
</acct-file>
<domain *>
    retry-after 1h
    retry-recipients-after 1h
    use-starttls no
</domain>
<domain greeting.example>
    bounce-upon-5xx-greeting yes
</domain>
<domain ours.example>
    bounce-upon-5xx-greeting yes
</domain>
<domain mixed.example>
    bounce-upon-5xx-greeting yes
</domain>
<domain transfer.example>
    bounce-upon-transfer-failure yes
</domain>
<domain pix.example>
    bounce-upon-pix-transfer-failure yes
</domain>
<domain plain.example>
    bounce-upon-pix-transfer-failure yes
</domain>
<domain assume.example>
    assume-delivery-upon-data-termination-timeout yes
    smtp-data-termination-timeout 1s
</domain>
<domain never.nosuch.example>
    bounce-upon-no-mx no
</domain>
<domain old.nosuch.example>
    bounce-upon-no-mx 3s
    retry-after 1s
</domain>
<domain skip.example>
    smtp-421-means-mx-unavailable yes
</domain>
<domain paced.example>
    smtp-421-means-mx-unavailable yes
    max-connect-rate 20/s
</domain>
<domain held.example>
    smtp-421-means-mx-unavailable yes
</domain>
mx-connection-limit mx0.held.example 1
mx-connection-limit mx1.held.example 1
<domain busy.example>
    smtp-421-means-mx-unavailable yes
    retry-after 2s
    retry-recipients-after 2s
</domain>
<domain sender.example>
    smtp-553-means-invalid-mailbox no
</domain>
<domain short.example>
    replace-smtp-421-service-response yes
</domain>
<domain named.example>
    helo-host mx.named.example
</domain>
<domain small.example>
    max-message-size 10K
</domain>
<domain list.example>
    retry-recipients-after 1s, 3s
</domain>
<domain rows.example>
    smtp-pattern-list rows
</domain>
<domain gone.example>
    smtp-pattern-list rows
    max-smtp-out 1
</domain>
<smtp-pattern-list rows>
    reply /^550 .*ask another host/ skip-mx
    reply /^451 4.7.1 .*all gone/ bounce-queue
</smtp-pattern-list>
<dsn-rule 450_4.2.2>
    pattern "4.2.2.*Mailbox full"
    category soft-bounce
    action requeue
    retry-interval 2
</dsn-rule>
<dsn-rule for-good>
    pattern /over and out/
    category hard-bounce
    action bounce
</dsn-rule>
"""

PIX = "220 ***************************0*2******0***********2002***0*00"
SLOW_HINT = "450 4.7.1 Greylisted, please try again in 10 seconds"

# Each domain: what each of its hosts does, by preference.
HOSTS = {
    "greeting.example": [{"at": "connect", "reply": "521 no mail here"}] * 2,
    "ours.example": [{"at": "connect", "reply": "554 5.7.1 not you"}] * 2,
    "mixed.example": [{"at": "connect", "reply": "521 no mail here"},
                      {"at": "connect", "reply": "554 5.7.1 not you"}],
    "transfer.example": [{"at": "dot", "action": "drop"}],
    "pix.example": [[{"at": "connect", "reply": PIX},
                     {"at": "dot", "action": "drop"}]],
    "plain.example": [{"at": "dot", "action": "drop"}],
    "assume.example": [{"at": "dot", "action": "hang"}],
    "skip.example": [{"at": "mail", "reply": "421 4.3.2 going down"}, []],
    "paced.example": [{"at": "rcpt", "reply": "421 4.3.2 going down"}, []],
    "held.example": [{"at": "dot", "reply": "421 4.3.2 going down"}, []],
    "busy.example": [{"at": "rcpt", "reply": "421 4.3.2 too busy"}] * 2,
    "sender.example": [{"at": "rcpt", "reply": "553 sorry, not you"}],
    "mailbox.example": [{"at": "rcpt", "reply": "553 sorry, not you"}],
    "short.example": [{"at": "mail", "reply": "421 4.7.0 secret words"}],
    "named.example": [[]],
    "small.example": [[]],
    "list.example": [{"at": "rcpt", "count": 2, "reply": "450 4.3.0 later"}],
    "rows.example": [{"at": "rcpt", "reply": "550 5.7.1 ask another host"},
                     []],
    "gone.example": [[{"at": "connect", "delay": 1, "action": "pass"},
                      {"at": "rcpt", "reply": "451 4.7.1 all gone"}]],
    "full.example": [{"at": "rcpt", "count": 1,
                      "reply": "450 4.2.2 Mailbox full, sorry"}],
    "over.example": [{"at": "dot", "reply": "451 4.3.0 over and out"}],
    "grey.example": [{"at": "rcpt", "count": 1, "reply": SLOW_HINT}],
}
ADDRESS = {(domain, i): "127.0.%d.%d" % (3 + i, n + 1)
           for n, domain in enumerate(HOSTS) for i in range(2)}


def servers():
    for domain, hosts in HOSTS.items():
        for i, rules in enumerate(hosts):
            yield {"listen": [ADDRESS[domain, i] + ":25"],
                   "rules": [rules] if isinstance(rules, dict) else rules}


ZONE = "".join(mx_zone(domain, *[("mx%d.%s" % (i, domain), ADDRESS[domain, i])
                                 for i in range(len(hosts))])
               for domain, hosts in HOSTS.items())


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, with_postfix=False,
                         with_milter=False, receivers=list(servers()))

    def __enter__(self):
        self.start()
        for domain in ("grey", "list", "busy"):  # their times pass meanwhile
            self.inject("x@%s.example" % domain)
        return self

    def send(self, domain, **more):
        """One message there; its recipient."""
        rcpt = "x@" + domain
        self.inject(rcpt, **more)
        return rcpt

    def bounced(self, domain, **more):
        return self.wait_record("b", self.send(domain, **more), 10)

    def at(self, kind, domain, host=0):
        """What a host of the domain has seen of this."""
        return [e for e in self.events(kind)
                if e["to"] == ADDRESS[domain, host] + ":25"]

    def waits(self, domain):
        """The queue has failed and waits; for this."""
        def rows():
            return [r for r in self.accounting("tq")
                    if r["queue"].split("/")[0] == domain]
        return tap.wait_for(rows, 10, domain + " waits")[0]["dsnDiag"]

    def queued(self, domain):
        return mailrace.find(self.command.json("list", domain), "to")


@tap.test("all hosts greet with 5xx: mail fails where that is asked for",
          proves="domain bounce-upon-5xx-greeting")
def greeting(lab):
    row = lab.bounced("greeting.example")
    tap.equal(row["dsnDiag"], "smtp;521 no mail here", "dsnDiag")
    for host in range(2):
        tap.equal(len(lab.at("connect", "greeting.example", host)), 1,
                  "calls of host %d" % host)


@tap.test("554 is about our address: mail waits, though only one host says so")
def greeting_554(lab):
    for domain in ("ours.example", "mixed.example"):
        lab.send(domain)
        tap.check("554" in lab.waits(domain), "the last word")
        tap.check(lab.queued(domain), domain + " is queued")
        for host in range(2):
            tap.equal(len(lab.at("connect", domain, host)), 1, "calls")


@tap.test("a connection lost in the transfer: mail fails",
          proves="domain bounce-upon-transfer-failure")
def transfer(lab):
    row = lab.bounced("transfer.example")
    tap.check(row["dsnDiag"].startswith("x-mailrace;connection"),
              row["dsnDiag"])
    tap.check(row["dsnDiag"].endswith("(message may have been delivered)"),
              row["dsnDiag"])


@tap.test("behind a masked greeting alone",
          proves="domain bounce-upon-pix-transfer-failure")
def pix(lab):
    lab.bounced("pix.example")
    lab.wait_record("t", lab.send("plain.example"))


@tap.test("no answer to the final dot: counted as delivered, and not sent again",
          proves="domain assume-delivery-upon-data-termination-timeout")
def assume(lab):
    row = lab.wait_record("d", lab.send("assume.example"))
    tap.check(row["dsnDiag"].endswith("(counted as delivered)"),
              row["dsnDiag"])
    tap.equal(row["dsnStatus"], "2.0.0 (success)", "dsnStatus")
    tap.equal(len(lab.at("mail", "assume.example")), 1, "attempts")


@tap.test("no mail host: mail waits, or fails when it is old",
          proves="domain bounce-upon-no-mx")
def no_mx(lab):
    lab.send("never.nosuch.example")
    old = lab.send("old.nosuch.example")
    for domain in ("never.nosuch.example", "old.nosuch.example"):
        lab.waits(domain)
        tap.check(lab.queued(domain), domain + " is queued")
    row = lab.wait_record("b", old, 10)
    tap.check(row["dsnStatus"].startswith("5.1.2"), row["dsnStatus"])
    tap.check(lab.queued("never.nosuch.example"), "the other one is not")


@tap.test("421 to MAIL: the next host, over the same courier, at once",
          proves="domain smtp-421-means-mx-unavailable")
def skip(lab):
    lab.inject(["x@skip.example", "y@skip.example"])
    m = lab.wait_arrived("x@skip.example", 10)
    tap.equal(m["to"], ADDRESS["skip.example", 1] + ":25", "server")
    tap.equal(sorted(m["rcpts"]), ["x@skip.example", "y@skip.example"], "all")
    lab.wait_record("d", "x@skip.example")
    tap.equal([r for r in lab.accounting("t") if "skip" in r["rcpt"]], [],
              "the attempt at the first")


@tap.test("where connections are limited by rate or by host it is the same")
def skip_limited(lab):
    for domain in ("paced.example", "held.example"):
        for n in "123":
            lab.inject(n + "@" + domain)
        for n in "123":
            m = lab.wait_arrived(n + "@" + domain, 10)
            tap.equal(m["to"], ADDRESS[domain, 1] + ":25", "server")
            lab.wait_record("d", n + "@" + domain)
        tap.check(lab.at("mail", domain), domain + " was asked first")


@tap.test("421 from all hosts: each once, and again after retry-after only")
def skip_all(lab):
    tap.check("421" in lab.waits("busy.example"), "the last word")
    tap.wait_for(lambda: len(lab.at("connect", "busy.example")) >= 2, 10,
                 "another try")
    calls = [lab.at("connect", "busy.example", host) for host in range(2)]
    tap.check(calls[0][1]["t"] - calls[1][0]["t"] >= 1.9, "a loop")
    tap.check(lab.queued("busy.example"), "it is queued")


@tap.test("a bare 553: about the mailbox, or not",
          proves="domain smtp-553-means-invalid-mailbox")
def mailbox(lab):
    tap.equal(lab.bounced("sender.example")["dsnStatus"],
              "5.0.0 (undefined status)", "it is not")
    tap.equal(lab.bounced("mailbox.example")["dsnStatus"],
              "5.1.1 (bad destination mailbox address)", "it is")


@tap.test("what a server says behind 421 is not recorded",
          proves="domain replace-smtp-421-service-response")
def short(lab):
    row = lab.wait_record("t", lab.send("short.example"))
    tap.equal(row["dsnDiag"], "smtp;421 service unavailable", "t")
    tap.equal(lab.waits("short.example"), row["dsnDiag"], "tq")


@tap.test("the EHLO name for a domain", proves="domain helo-host")
def helo(lab):
    lab.wait_arrived(lab.send("named.example"))
    tap.equal([e["helo"] for e in lab.at("ehlo", "named.example")],
              ["mx.named.example"], "EHLO")


@tap.test("larger than the domain may have: it fails before MAIL",
          proves="domain max-message-size")
def size(lab):
    row = lab.bounced("small.example", message=smtp_client.compose(
        "s@sender.example", "x@small.example", size=20000))
    tap.equal(row["dsnStatus"], "5.3.4 (message too big for system)",
              "dsnStatus")
    tap.check("max-message-size 10240" in row["dsnDiag"], row["dsnDiag"])
    tap.equal(lab.at("mail", "small.example"), [], "MAIL")
    lab.inject("y@small.example")
    lab.wait_arrived("y@small.example")


@tap.test("a recipient's waits come from a list",
          proves="domain retry-recipients-after")
def waits(lab):
    lab.wait_arrived("x@list.example", 10)
    times = [e["t"] for e in lab.at("rcpt", "list.example")]
    gaps = [b - a for a, b in zip(times, times[1:])]
    tap.check(len(gaps) == 2 and 0.9 <= gaps[0] < 2.5 and
              2.9 <= gaps[1] < 4.5, "waited %s" % gaps)


@tap.test("a row with skip-mx: a 5xx leads to the next host",
          proves="domain smtp-pattern-list")
def skip_row(lab):
    m = lab.wait_arrived(lab.send("rows.example"), 10)
    tap.equal(m["to"], ADDRESS["rows.example", 1] + ":25", "server")
    tap.equal([r for r in lab.accounting("b") if "rows" in r["rcpt"]], [],
              "bounces")


@tap.test("a row with bounce-queue: all of the queue fails, at one reply",
          proves="domain smtp-pattern-list")
def bounce_queue(lab):
    for n in "123":
        lab.inject(n + "@gone.example")
    rows = [lab.wait_record("b", n + "@gone.example", 10) for n in "123"]
    tap.equal(sorted(r["dsnDiag"] for r in rows),
              ["smtp;451 4.7.1 all gone"] +
              ["x-pmta;bounce-queue 451 4.7.1 all gone"] * 2, "dsnDiag")
    tap.equal(len(lab.at("rcpt", "gone.example")), 1, "recipients tried")
    with open(lab.config) as f:
        lines = f.read().splitlines()
    row = next(i for i, line in enumerate(lines) if "all gone" in line) + 1
    said = [line for line in lab.daemon.log_text().splitlines()
            if " reply-rule " in line]
    tap.check(any("action=bounce-queue rule=%s:%d" % (lab.config, row) in line
                  for line in said), "the log: %s" % said)


@tap.test("a dsn-rule: its category, and its time of the next attempt",
          proves=("dsn-rule pattern", "dsn-rule category",
                  "dsn-rule retry-interval"))
def dsn_rule(lab):
    row = lab.wait_record("t", lab.send("full.example"), 10)
    tap.equal(row["bounceCat"], "soft-bounce", "bounceCat")
    lab.wait_arrived("x@full.example", 10)
    first, second = [e["t"] for e in lab.at("rcpt", "full.example")]
    tap.check(1.9 <= second - first < 4, "waited %g" % (second - first))


@tap.test("a dsn-rule ends a recipient that was put off",
          proves=("dsn-rule action", "dsn-rule category"))
def dsn_rule_bounce(lab):
    row = lab.bounced("over.example")
    tap.equal(row["bounceCat"], "hard-bounce", "bounceCat")
    tap.equal(row["dsnDiag"], "smtp;451 4.3.0 over and out", "dsnDiag")


@tap.test("a time that a greylisting reply names is the next attempt's")
def grey(lab):
    lab.wait_arrived("x@grey.example", 25)
    first, second = [e["t"] for e in lab.at("rcpt", "grey.example")]
    tap.check(14.9 <= second - first < 18, "waited %g" % (second - first))


if __name__ == "__main__":
    tap.main(Fixture)
