#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Whom mail is from when it leaves: a source's rewrite-list by Postfix with the
milter, by LMTP, by SMTP straight to us and by a Postfix that hands over what it
has not queued; a virtual MTA's and a pool's on what they send.  What the
receiver sees of envelope and From is the same by every way, and dkimpy finds a
signature of the new From's domain."""

import netns
netns.enter()

import email.utils

import signatures
import smtp_client
import tap
from lab import LISTEN, Lab, mx_zone

PROXY = 2525  # a smtpd that hands each message over before it is queued
CONFIG = """
dsn-host 127.0.1.9:25
domain-key s1, in.example, {keys}/s1.in.example.pem
domain-key s1, out.example, {keys}/s1.out.example.pem
domain-key s1, one.example, {keys}/s1.one.example.pem
domain-key s1, all.example, {keys}/s1.all.example.pem
<domain *>
    dkim-sign yes
</domain>
<rewrite-list clean>
    mail-from silent@in.example <>
    mail-from *@in.example bounce@out.example
    from-domain [*.]in.example out.example
</rewrite-list>
<rewrite-list one>
    mail-from *@out.example *@one.example
    from-domain out.example one.example
</rewrite-list>
<rewrite-list all>
    mail-from *@* *@all.example
    from-domain * all.example
</rewrite-list>
<virtual-mta one>
    smtp-source-host 127.0.0.11 one.lab.example
    rewrite-list one
</virtual-mta>
<virtual-mta two>
    smtp-source-host 127.0.0.12 two.lab.example
</virtual-mta>
<virtual-mta-pool both>
    virtual-mta one
    virtual-mta two
    rewrite-list all
</virtual-mta-pool>
<source 127.0.0.0/8>
    always-allow-relaying yes
</source>
<source 127.0.0.31>
    rewrite-list clean
    sender-domains [*.]in.example
    require-signature-alignment strict
</source>
<source 127.0.0.32>
    rewrite-list clean
    default-virtual-mta both
</source>
"""
PF_MASTER = """
127.0.0.1:%d inet n - n - - smtpd
  -o smtpd_proxy_filter=%s:25
  -o smtpd_milters=
""" % (PROXY, LISTEN)
REFUSE = {"at": "rcpt", "match": "<no", "reply": "550 5.1.1 no such user"}
WAYS = ("postfix", "lmtp", "smtp", "proxy")


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        super().__init__(
            zone=mx_zone("to.example", ("mx1.to.example", "127.0.1.1")),
            config=CONFIG, pf_master=PF_MASTER,
            dkim=[("s1", d + ".example") for d in ("in", "out", "one", "all")],
            receivers=[{"listen": ["127.0.1.1:25"], "rules": [REFUSE]},
                       {"listen": ["127.0.1.9:25"]}])
        self.count = 0

    def __enter__(self):
        self.start()
        return self

    def rcpt(self, front="r"):
        self.count += 1
        return "%s%d@to.example" % (front, self.count)


def send(lab, way, client, rcpt, sender="a@in.example",
         author="A <a@x.in.example>"):
    octets = ("From: %s\r\nReply-To: s@in.example\r\nSubject: s\r\n\r\nHello.\r\n"
              % author).encode()
    if way == "lmtp":
        lab.inject(rcpt, sender=sender, client=client, message=octets)
        return
    where = {"postfix": ("127.0.0.1", 25), "proxy": ("127.0.0.1", PROXY),
             "smtp": (LISTEN, 25)}[way]
    with smtp_client.Client(where, source=client) as c:
        c.hello()
        taken, dots = c.send(sender, [rcpt], octets)
        tap.check(dots and all(code == 250 for code, _ in taken + dots),
                  "refused: %s %s" % (taken, dots))


def got(lab, rcpt):
    """(envelope sender, address in From), of a message that is signed for it."""
    m = lab.wait_arrived(rcpt, 30)
    octets = lab.stored(m)
    head = octets.split(b"\r\n\r\n")[0].decode()
    author, = [line[6:] for line in head.split("\r\n")
               if line.lower().startswith("from: ")]
    name, address = email.utils.parseaddr(author)
    tap.equal(name, "A", "the name")
    tap.check("\r\nReply-To: s@in.example\r\n" in head, "Reply-To has changed")
    tap.equal([t["d"] for t in signatures.tags_of(octets)],
              [address.split("@")[1]], "who has signed")
    tap.check(signatures.verify(octets, lab.txt), "dkimpy refuses it")
    return m["sender"], address


@tap.test("a source's list, behind its rules", proves="source rewrite-list")
def source(lab):
    for way in WAYS:
        for sender, becomes in (("a@in.example", "bounce@out.example"),
                                ("silent@in.example", "")):
            rcpt = lab.rcpt()
            send(lab, way, "127.0.0.31", rcpt, sender=sender)
            tap.equal(got(lab, rcpt), (becomes, "a@out.example"), way)
            tap.equal(lab.wait_record("d", rcpt)["orig"], becomes, way)
    rcpt = lab.rcpt()
    send(lab, "postfix", "127.0.0.33", rcpt, author="A <a@in.example>")
    tap.equal(got(lab, rcpt), ("a@in.example", "a@in.example"), "another one's")
    rcpt = lab.rcpt()
    send(lab, "postfix", "127.0.0.32", rcpt, author="A <a@in.example> b")
    tap.check(b"\r\nFrom: A <a@in.example> b\r\n" in
              lab.stored(lab.wait_arrived(rcpt)), "it was rewritten")
    rcpt = lab.rcpt()
    send(lab, "smtp", "127.0.0.32", rcpt, author="A <a@in.example> b")
    lab.wait_arrived(rcpt)
    for log in (lab.milter.log_text(), lab.daemon.log_text()):
        tap.equal(log.count(' from-note="it was not rewritten'), 1, "notes")
    tap.equal(lab.daemon.log_text().count("policy=milter"), 4,
              "marks that were believed")


@tap.test("then the list of the virtual MTA that sends, or its pool's",
          proves=("virtual-mta rewrite-list", "virtual-mta-pool rewrite-list"))
def vmta(lab):
    for way in WAYS:
        seen = {}
        for _ in range(2):
            rcpt = lab.rcpt()
            send(lab, way, "127.0.0.32", rcpt)
            record = lab.wait_record("d", rcpt)
            seen[record["vmta"]] = got(lab, rcpt)
            tap.equal(record["orig"], seen[record["vmta"]][0], "the record")
        tap.equal(seen, {"one": ("bounce@one.example", "a@one.example"),
                         "two": ("bounce@all.example", "a@all.example")}, way)


@tap.test("who is told that it failed: the sender it was accepted with")
def told(lab):
    for way in ("postfix", "smtp"):
        rcpt = lab.rcpt("no")
        send(lab, way, "127.0.0.32", rcpt)
        orig = lab.wait_record("b", rcpt)["orig"]
        tap.check(orig in ("bounce@one.example", "bounce@all.example"), orig)
    notices = tap.wait_for(lambda: len(lab.messages(to="127.0.1.9:25")) == 2 and
                           lab.messages(to="127.0.1.9:25"), 20, "two reports")
    for m in notices:
        tap.equal((m["sender"], m["rcpts"]), ("", ["bounce@out.example"]),
                  "its envelope")


tap.main(Fixture)
