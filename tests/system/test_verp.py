#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""VERP: each recipient is sent mail from a sender that names it, one to a
transaction and several to a connection; who asks for it in MAIL, and all mail
of a source whose verp-default says so.  It holds over a restart, accounting
has it in orig, and what we say of the mail ourselves goes to the plain
sender."""

import netns
netns.enter()

import smtp_client
import tap
from lab import LISTEN, Lab, mx_zone

SENDER = "bounce@sender.example"
DSN_HOST = "127.0.1.9:25"
CONFIG = """
dsn-host %s
<domain *>
    retry-after 1s
    retry-recipients-after 1s
    max-smtp-out 2
</domain>
<rewrite-list brand>
    mail-from *@sender.example *@brand.example
</rewrite-list>
<virtual-mta brand>
    smtp-source-host 127.0.0.11 brand.lab.example
    rewrite-list brand
</virtual-mta>
<address-list gone>
    address gone@in.example
</address-list>
<source 127.0.0.1>
    suppression-lists gone
    always-allow-relaying yes
    process-x-virtual-mta yes
</source>
<source 127.0.0.7>
    verp-default yes
</source>
<acct-file {root}/acct/received.csv>
    records r
</acct-file>
""" % DSN_HOST
ZONE = mx_zone("in.example", ("mx.in.example", "127.0.1.1"))


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, receivers=[
            {"listen": ["127.0.1.1:25"], "rules": [
                {"at": "rcpt", "match": "<no", "reply": "550 5.1.1 nobody"},
                {"at": "rcpt", "match": "<later", "count": 1, "per": "value",
                 "reply": "450 4.2.1 later"}]},
            {"listen": [DSN_HOST]}])

    def __enter__(self):
        self.start()
        return self

    def submit(self, rcpts, **how):
        """By SMTP, as an application does."""
        self.inject(rcpts, where=(LISTEN, 25), lmtp=False, **how)


def verp(rcpt):
    return "bounce-%s@sender.example" % rcpt.replace("@", "=")


def senders(lab, rcpts):
    """Of each recipient alone: the sender that it saw."""
    seen = {}
    for r in rcpts:
        m = lab.wait_arrived(r)
        tap.equal(m["rcpts"], [r], "recipients together")
        seen[r] = m["sender"]
    return seen


@tap.test("VERP in MAIL: a sender for each recipient, a transaction for each, "
          "over the same connections")
def asked(lab):
    rcpts = ["a%d@in.example" % i for i in range(10)]
    lab.submit(rcpts, sender=SENDER, params=" VERP")
    tap.equal(senders(lab, rcpts), {r: verp(r) for r in rcpts}, "senders")
    used = {m["id"] for m in lab.messages() if m["rcpts"][0] in rcpts}
    tap.check(len(used) <= 2, "%d connections for ten" % len(used))
    for kind in "dr":
        tap.equal({r: lab.wait_record(kind, r)["orig"] for r in rcpts},
                  {r: verp(r) for r in rcpts}, "orig of %s" % kind)


@tap.test("without it they are together, and have one sender")
def not_asked(lab):
    rcpts = ["b%d@in.example" % i for i in range(3)]
    lab.submit(rcpts, sender=SENDER)
    m = lab.wait_arrived(rcpts[0])
    tap.equal((m["sender"], sorted(m["rcpts"])), (SENDER, rcpts), "arrived")


@tap.test("odd addresses; too long a sender stays the plain one")
def odd(lab):
    long_name = "n" * 50 + "@in.example"
    wanted = {
        "a=b+c-d%x@in.example": verp("a=b+c-d%x@in.example"),
        '"joe doe"@in.example': '"bounce-joe doe=in.example"@sender.example',
        long_name: SENDER,
    }
    lab.submit(list(wanted), sender=SENDER, params=" VERP")
    tap.equal(senders(lab, wanted), wanted, "senders")
    lab.submit("gr\u00fc\u00df@in.example", sender=SENDER,
               params=" SMTPUTF8 VERP")
    m = lab.wait_arrived("gr\u00fc\u00df@in.example")
    tap.equal(m["sender"], verp("gr\u00fc\u00df@in.example"), "sender")
    tap.check("SMTPUTF8" in m["params"].split(), m["params"])
    tap.equal(lab.wait_record("d", long_name)["orig"], SENDER, "orig")


@tap.test("the recipient is put into what the rewrite-list of the virtual MTA "
          "has made of the sender")
def rewritten(lab):
    lab.submit("w@in.example", sender=SENDER, params=" VERP",
               headers=[("X-Virtual-MTA", "brand")])
    tap.equal(senders(lab, ["w@in.example"]), {
        "w@in.example": "bounce-w=in.example@brand.example"}, "sender")
    tap.equal(lab.wait_record("d", "w@in.example")["orig"],
              "bounce-w=in.example@brand.example", "orig")


@tap.test("the null sender stays null")
def null(lab):
    lab.submit("null@in.example", sender="", params=" VERP")
    tap.equal(lab.wait_arrived("null@in.example")["sender"], "", "sender")


@tap.test("through Postfix and the milter, by verp-default of the source; "
          "of another source as it came", proves="source verp-default")
def by_postfix(lab):
    rcpts = ["p%d@in.example" % i for i in range(5)]
    plain = ["q%d@in.example" % i for i in range(2)]
    for to, source in ((rcpts, "127.0.0.7"), (plain, "127.0.0.8")):
        with smtp_client.Client(("127.0.0.1", 25), source=source) as c:
            c.hello()
            c.send(SENDER, to, smtp_client.compose(SENDER, to[0]))
    m = lab.wait_arrived(plain[0])
    tap.equal((m["sender"], sorted(m["rcpts"])), (SENDER, plain), "arrived")
    tap.equal(senders(lab, rcpts), {r: verp(r) for r in rcpts}, "senders")
    tap.check("policy=milter" in [line for line in
                                  lab.daemon.log_text().splitlines()
                                  if " accepted " in line][-1],
              "the milter has treated it")


@tap.test("a second attempt is from the same sender, and refusals are told to "
          "the plain one")
def refused(lab):
    lab.submit(["later@in.example", "no@in.example"], sender=SENDER,
               params=" VERP")
    tap.equal(senders(lab, ["later@in.example"]),
              {"later@in.example": verp("later@in.example")}, "sender")
    for kind, rcpt in (("t", "later@in.example"), ("d", "later@in.example"),
                       ("b", "no@in.example")):
        tap.equal(lab.wait_record(kind, rcpt)["orig"], verp(rcpt),
                  "orig of " + kind)
    report = tap.wait_for(lambda: lab.messages(to=DSN_HOST), 20,
                          "a report arrives")[0]
    tap.equal((report["sender"], report["rcpts"]), ("", [SENDER]), "report")


@tap.test("the record of one who is refused has that sender, too")
def suppressed(lab):
    with smtp_client.Client((LISTEN, 25)) as c:
        c.hello()
        taken, dots = c.send(SENDER, ["gone@in.example", "here@in.example"],
                             smtp_client.compose(SENDER, "here@in.example"),
                             params=" VERP")
    tap.equal([code for code, _ in taken + dots], [550, 250, 250], "replies")
    tap.equal(lab.wait_record("b", "gone@in.example")["orig"],
              verp("gone@in.example"), "orig")


@tap.test("what waits is sent one by one after a restart, too")
def restart(lab):
    rcpts = ["r%d@in.example" % i for i in range(6)]
    lab.command.text("pause", "queue", "*/*")
    lab.submit(rcpts, sender=SENDER, params=" VERP")
    lab.daemon.kill()
    lab.daemon.start()
    lab.command.text("resume", "queue", "*/*")
    tap.equal(senders(lab, rcpts), {r: verp(r) for r in rcpts}, "senders")


tap.main(Fixture)
