#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""List-Unsubscribe, List-Unsubscribe-Post and Feedback-ID are added where they
are to be, and are under a signature that dkimpy finds good."""

import netns
netns.enter()

import signatures
import tap
from lab import Lab, mx_zone

CONFIG = """
domain-key s1, brand.example, {keys}/s1.brand.example.pem
<virtual-mta own>
    list-unsubscribe <https://own.example/u?m={message-id}>
    feedback-id {job}:{vmta}:{from-domain}:ownsender
</virtual-mta>
<source 127.0.0.1>
    process-x-virtual-mta yes
    process-x-job yes
    list-unsubscribe <https://all.example/u?r={rcpt}>, <mailto:u@all.example>
</source>
<job spring-*>
    list-unsubscribe <https://spring.example/{job}>
    feedback-id {job}:brandsender
</job>
<domain in.example>
    dkim-sign yes
</domain>
<domain two.example>
    dkim-sign yes
    dkim-body-canon simple
</domain>
"""
ZONE = "".join(mx_zone(d + ".example", ("mx1.in.example", "127.0.1.1"))
               for d in ("in", "two", "plain"))
NAMES = ("List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID")
ONE_CLICK = "List-Unsubscribe=One-Click"


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG,
                         dkim=[("s1", "brand.example")],
                         receivers=[{"listen": ["127.0.1.1:25"]}])

    def __enter__(self):
        self.start()
        return self


def fields_of(lab, octets, is_signed=True):
    """The values of NAMES, None for one that is not there."""
    tags = signatures.tags_of(octets)
    tap.equal(len(tags), 1 if is_signed else 0, "signatures")
    if is_signed:
        tap.check(signatures.verify(octets, lab.txt), "dkimpy refuses it")
    head = octets.split(b"\r\n\r\n")[0].decode().replace("\r\n\t", " ")
    found = dict.fromkeys(NAMES)
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        if name in found:
            tap.equal(found[name], None, "a second " + name)
            found[name] = value.strip()
            if is_signed:
                tap.check(name.lower() in tags[0]["h"].lower().split(":"),
                          "%s is not signed" % name)
    return tuple(found[n] for n in NAMES)


def sent(lab, rcpts, is_signed=True, **how):
    lab.inject(rcpts, sender="a@brand.example", **how)
    rcpt = rcpts if isinstance(rcpts, str) else rcpts[0]
    return fields_of(lab, lab.stored(lab.wait_arrived(rcpt)), is_signed)


@tap.test("the source's", proves="source list-unsubscribe")
def source(lab):
    tap.equal(sent(lab, "b+1@in.example"),
              ("<https://all.example/u?r=b%2B1%40in.example>, "
               "<mailto:u@all.example>", ONE_CLICK, None), "fields")
    tap.equal(sent(lab, ["c1@in.example", "c2@in.example"]),
              (None, None, None), "to several")
    tap.equal(sent(lab, "d@in.example", client="127.0.0.9"),
              (None, None, None), "another source's")
    tap.equal(sent(lab, "e@plain.example", is_signed=False)[1], None,
              "-Post without a signature")


@tap.test("the virtual MTA's", proves=("virtual-mta list-unsubscribe",
                                       "virtual-mta feedback-id"))
def vmta(lab):
    tap.equal(sent(lab, "f@in.example", headers=[
        ("X-Virtual-MTA", "own"), ("Message-ID", "<1@brand.example>"),
        ("Feedback-ID", "a:b:c:stranger")]),
              ("<https://own.example/u?m=1%40brand.example>", ONE_CLICK,
               ":own:brand.example:ownsender"), "fields")


@tap.test("the job's", proves=("job list-unsubscribe", "job feedback-id"))
def job(lab):
    tap.equal(sent(lab, "g@in.example", headers=[
        ("X-Virtual-MTA", "own"), ("X-Job", "spring-7")]),
              ("<https://spring.example/spring-7>", ONE_CLICK,
               "spring-7:brandsender"), "fields")


@tap.test("what is there stays")
def there(lab):
    tap.equal(sent(lab, "h@in.example", headers=[
        ("List-Unsubscribe", "<mailto:x@brand.example>")]),
              ("<mailto:x@brand.example>", None, None), "fields")


@tap.test("signed at delivery")
def later(lab):
    lab.inject(["i@in.example", "j@two.example"], sender="a@brand.example",
               headers=[("X-Job", "spring-8")])
    for rcpt in ("i@in.example", "j@two.example"):
        tap.equal(fields_of(lab, lab.stored(lab.wait_arrived(rcpt))),
                  ("<https://spring.example/spring-8>", ONE_CLICK,
                   "spring-8:brandsender"), rcpt)


@tap.test("signed at delivery for some of them")
def some(lab):
    lab.inject(["l@in.example", "m@plain.example"], sender="a@brand.example",
               headers=[("X-Job", "spring-8")])
    for rcpt, is_signed in (("l@in.example", True), ("m@plain.example", False)):
        tap.equal(fields_of(lab, lab.stored(lab.wait_arrived(rcpt)), is_signed),
                  ("<https://spring.example/spring-8>", None,
                   "spring-8:brandsender"), rcpt)


@tap.test("by way of the milter")
def milter(lab):
    lab.postfix.sendmail("a@brand.example", ["k@in.example"],
                         "From: a@brand.example\nX-Job: spring-9\n"
                         "Feedback-ID: x:y:z:stranger\nSubject: x\n\nHello.\n")
    tap.equal(fields_of(lab, lab.stored(lab.wait_arrived("k@in.example", 30))),
              ("<https://spring.example/spring-9>", ONE_CLICK,
               "spring-9:brandsender"), "fields")


tap.main(Fixture)
