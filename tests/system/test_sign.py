#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Signatures made in the milter, and at the ingress where no milter was, are
good in the eyes of dkimpy with the key from DNS."""

import netns
netns.enter()

import signatures
import smtp_client
import tap
from lab import Lab, mx_zone

CONFIG = """
domain-key s1, brand.example, {keys}/s1.brand.example.pem
<virtual-mta own>
    smtp-source-host 127.0.0.11 own.mta.example
    domain-key s2, brand.example, {keys}/s2.brand.example.pem
</virtual-mta>
<source 127.0.0.1>
    process-x-virtual-mta yes
</source>
<domain *>
    dkim-sign yes
</domain>
<domain plain.example>
    dkim-sign no
</domain>
"""
ZONE = (mx_zone("in.example", ("mx1.in.example", "127.0.1.1")) +
        mx_zone("plain.example", ("mx1.in.example", "127.0.1.1")))


class Fixture(Lab):
    def __init__(self):
        super().__init__(
            zone=ZONE, config=CONFIG, dkim=[("s1", "brand.example"),
                                            ("s2", "brand.example")],
            receivers=[{"listen": ["127.0.1.1:25"]}])

    def __enter__(self):
        self.start()
        return self


def submit(lab, rcpt, sender, **compose):
    with smtp_client.Client(("127.0.0.1", 25)) as c:
        c.hello()
        taken, dots = c.send(sender, [rcpt], smtp_client.compose(
            sender, rcpt, **compose), params=" BODY=8BITMIME")
        tap.check(dots and dots[0][0] == 250, "%s %s" % (taken, dots))
    return lab.stored(lab.wait_arrived(rcpt, 30))


def judge(lab, octets, selector):
    tags = signatures.tags_of(octets)
    tap.equal([(t["d"], t["s"], t["a"]) for t in tags],
              [("brand.example", selector, "rsa-sha256")], "signatures")
    tap.check(signatures.verify(octets, lab.txt, "brand.example"),
              "dkimpy refuses it")


BODIES = [
    ("empty", ""),
    ("plain", "Hello.\n"),
    ("empty lines at the end", "Hello.\n\n\n\n"),
    ("blanks at the ends of lines", "Hello. \t \n\tthere \n \n"),
    ("dots", ".\n..\n.x\n"),
    ("8 bit", "Gr\u00fc\u00dfe \u2603\n"),
    ("long lines", "y" * 995 + "\n" + "z" * 300 + "\n"),
    ("64 KB", "The quick brown fox.\n" * 3200),
]


@tap.test("every kind of body, by way of the milter", proves="domain dkim-sign")
def bodies(lab):
    for i, (label, body) in enumerate(BODIES):
        octets = submit(lab, "b%d@in.example" % i, "a@brand.example",
                        body=body)
        tap.note(label)
        judge(lab, octets, "s1")


@tap.test("folded and odd header fields")
def headers(lab):
    octets = submit(lab, "h@in.example", "a@brand.example", headers=[
        ("X-Folded", "one\r\n two\r\n\tthree"), ("Reply-To", "<r@x.example>"),
        ("Cc", "\"A. B.\" <ab@x.example>,\r\n <cd@x.example>"),
        ("Subject2", ""), ("List-Unsubscribe", "<https://x.example/u>")])
    judge(lab, octets, "s1")


@tap.test("the virtual MTA's key comes before the global one",
          proves="virtual-mta domain-key")
def vmta_key(lab):
    octets = submit(lab, "v@in.example", "a@brand.example",
                    headers=[("X-Virtual-MTA", "own")])
    judge(lab, octets, "s2")


@tap.test("a subdomain of the key's domain is signed too",
          proves="domain-key")
def subdomain(lab):
    octets = submit(lab, "s@in.example", "a@mail.brand.example")
    tap.equal(len(signatures.tags_of(octets)), 1, "signatures")
    tap.check(signatures.verify(octets, lab.txt), "dkimpy refuses it")


@tap.test("no key, or dkim-sign no: no signature")
def unsigned(lab):
    octets = submit(lab, "n@in.example", "a@nokey.example")
    tap.equal(signatures.tags_of(octets), [], "signatures")
    octets = submit(lab, "n@plain.example", "a@brand.example")
    tap.equal(signatures.tags_of(octets), [], "signatures")


@tap.test("by sendmail")
def sendmail(lab):
    lab.postfix.sendmail("a@brand.example", ["cmd@in.example"],
                         "From: a@brand.example\nSubject: x\n\nHello.\n")
    judge(lab, lab.stored(lab.wait_arrived("cmd@in.example", 30)), "s1")


@tap.test("without the milter the ingress signs; signed once with both")
def at_ingress(lab):
    lab.inject("direct@in.example", sender="a@brand.example",
               body="Straight to LMTP.\n")
    judge(lab, lab.stored(lab.wait_arrived("direct@in.example")), "s1")


tap.main(Fixture)
