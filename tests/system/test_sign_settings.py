#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every setting of a signature is in it, and dkimpy finds it good with the key
from DNS; the key is the one that the configuration, or the message, asks for."""

import netns
netns.enter()

import signatures
import tap
from lab import Lab, mx_zone

DKIM = [("g1", "brand.example", "rsa"), ("g2", "brand.example", "ed25519"),
        ("second", "second.example", "ed25519"), ("g3", "short.example", "ed25519"),
        ("list", "brand.example", "ed25519"), ("v1", "brand.example", "ed25519"),
        ("v2", "vshort.example", "ed25519"), ("p1", "brand.example", "ed25519"),
        ("p2", "pshort.example", "ed25519"), ("mine", "brand.example", "ed25519"),
        ("star", "any.example", "ed25519")]

EVERYTHING = """
    {0}dkim-sign yes
    {0}dkim-identity {1}
    {0}dkim-add-body-limit yes
    {0}dkim-add-timestamp yes
    {0}dkim-body-canon simple
    {0}dkim-headers-canon simple
    {0}dkim-expire-after 14d
    {0}dkim-headers X-Campaign, /^X-Kept-/
    {0}dkim-disallow-adding-headers Subject, Reply-To
    {0}dkim-query-method dns/txt
"""

CONFIG = """
domain-key g1, brand.example, {keys}/g1.brand.example.pem
domain-key g2, brand.example, {keys}/g2.brand.example.pem
domain-key second, second.example, {keys}/second.second.example.pem
dkim-key {keys}/g3.short.example.pem
dkim-selector g3, short.example
<domain-key-list spare>
    domain-key list, brand.example, {keys}/list.brand.example.pem
</domain-key-list>
<virtual-mta own>
    domain-key v1, brand.example, {keys}/v1.brand.example.pem
    domain-key star, *, {keys}/star.any.example.pem
</virtual-mta>
<virtual-mta short>
    dkim-sign yes
    dkim-key {keys}/v2.vshort.example.pem
    dkim-selector v2, vshort.example
</virtual-mta>
<virtual-mta member>
    smtp-source-host 127.0.0.11 member.mta.example
</virtual-mta>
<virtual-mta other>
    smtp-source-host 127.0.0.12 other.mta.example
</virtual-mta>
<virtual-mta-pool both>
    virtual-mta member
    domain-key p1, brand.example, {keys}/p1.brand.example.pem
</virtual-mta-pool>
<virtual-mta-pool shorts>
    virtual-mta other
    dkim-key {keys}/p2.pshort.example.pem
    dkim-selector p2, pshort.example
</virtual-mta-pool>
<source 127.0.0.1>
    process-x-virtual-mta yes
    process-x-dkim-options yes
    process-x-dkim-key yes
</source>
<source 127.0.0.9>
    retain-x-dkim-options yes
    retain-x-dkim-key yes
</source>
<domain in.example>
    dkim-sign yes
</domain>
<domain all.example>
""" + EVERYTHING.format("", "news@brand.example") + \
    EVERYTHING.format("second-", "@second.example") + """
</domain>
<domain fallback.example>
    dkim-sign yes
    dkim-identity-fallback @brand.example
    second-dkim-sign yes
    second-dkim-identity @nokey.example
    second-dkim-identity-fallback bulk@second.example
</domain>
<domain kinds.example>
    dkim-sign yes
    dkim-algorithm ed25519-sha256
    second-dkim-sign yes
    second-dkim-algorithm rsa-sha256
</domain>
<domain kind.example>
    second-dkim-sign yes
    second-dkim-algorithm ed25519-sha256
</domain>
<domain asked.example>
    dkim-sign if-x-dkim-options-present
</domain>
"""
DOMAINS = ("in", "all", "fallback", "kind", "kinds", "asked", "none")
ZONE = "".join(mx_zone("%s.example" % d, ("mx1.in.example", "127.0.1.1"))
               for d in DOMAINS)


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, dkim=DKIM,
                         with_postfix=False, with_milter=False,
                         receivers=[{"listen": ["127.0.1.1:25"]}])
        self.count = 0

    def __enter__(self):
        self.start()
        return self

    def sent(self, domain, headers=(), sender="a@brand.example", **how):
        """The message as it arrived there, and its signatures."""
        self.count += 1
        rcpt = "r%d@%s.example" % (self.count, domain)
        self.inject(rcpt, sender=sender, headers=headers, **how)
        octets = self.stored(self.wait_arrived(rcpt))
        tags = signatures.tags_of(octets)
        tap.check(tags == [] or signatures.verify(octets, self.txt),
                  "dkimpy refuses it: %s" % octets)
        return octets, tags

    def signed(self, domain, headers=(), **how):
        """d= and s= of each signature."""
        _, tags = self.sent(domain, headers, **how)
        return [(t["d"], t["s"]) for t in tags]


def names(tags):
    return [n.lower() for n in tags["h"].split(":")]


def judge_everything(tags, domain, identity):
    tap.equal(tags["d"], domain, "domain")
    tap.equal(tags["i"], identity, "identity")
    tap.equal(tags["c"], "simple/simple", "forms")
    tap.equal(tags["q"], "dns/txt", "query method")
    tap.equal(tags["l"], str(len("Hello.\r\n")), "length")
    tap.equal(int(tags["x"]) - int(tags["t"]), 14 * 86400, "ends")
    h = names(tags)
    for name in ("x-campaign", "x-kept-1", "x-kept-2"):
        tap.check(name in h, "%s is not signed: %s" % (name, h))
    tap.check("x-other" not in h, "X-Other is signed")
    tap.equal((h.count("subject"), h.count("reply-to")), (2, 1),
              "what nobody may add")


EXTRA = [("X-Campaign", "c"), ("X-Kept-1", "1"), ("X-Kept-2", "2"),
         ("X-Other", "o")]


@tap.test("all settings of the first signature",
          proves=("domain dkim-sign", "domain dkim-identity",
                  "domain dkim-add-body-limit", "domain dkim-add-timestamp",
                  "domain dkim-body-canon", "domain dkim-headers-canon",
                  "domain dkim-expire-after", "domain dkim-headers",
                  "domain dkim-disallow-adding-headers",
                  "domain dkim-query-method"))
def first(lab):
    _, tags = lab.sent("all", EXTRA)
    judge_everything(tags[0], "brand.example", "news@brand.example")


@tap.test("and of the second",
          proves=("domain second-dkim-sign", "domain second-dkim-identity",
                  "domain second-dkim-add-body-limit",
                  "domain second-dkim-add-timestamp",
                  "domain second-dkim-body-canon",
                  "domain second-dkim-headers-canon",
                  "domain second-dkim-expire-after",
                  "domain second-dkim-headers",
                  "domain second-dkim-disallow-adding-headers",
                  "domain second-dkim-query-method"))
def second(lab):
    _, tags = lab.sent("all", EXTRA)
    judge_everything(tags[1], "second.example", "@second.example")


@tap.test("who signs where no key fits", proves=(
    "domain dkim-identity-fallback", "domain second-dkim-identity-fallback"))
def fallback(lab):
    _, tags = lab.sent("fallback", sender="a@nokey.example")
    tap.equal([t["i"] for t in tags],
              ["@brand.example", "bulk@second.example"], "identities")
    _, tags = lab.sent("fallback", sender="a@sub.brand.example")
    tap.equal(tags[0]["i"], "a@sub.brand.example", "one that has a key")
    tap.equal(lab.signed("in", sender="a@nokey.example"), [], "signatures")


@tap.test("a signature with each kind of key",
          proves=("domain dkim-algorithm", "domain second-dkim-algorithm"))
def kinds(lab):
    _, tags = lab.sent("kinds")
    tap.equal([(t["a"], t["s"]) for t in tags],
              [("ed25519-sha256", "g2"), ("rsa-sha256", "g1")], "kinds")
    tap.equal(lab.signed("kind"), [("brand.example", "g2")],
              "the second one's alone")


@tap.test("keys of the top level", proves=("domain-key", "dkim-key",
                                           "dkim-selector"))
def top(lab):
    tap.equal(lab.signed("in"), [("brand.example", "g1")], "domain-key")
    tap.equal(lab.signed("in", sender="a@short.example"),
              [("short.example", "g3")], "dkim-key")


@tap.test("keys of a virtual MTA", proves=(
    "virtual-mta domain-key", "virtual-mta dkim-key",
    "virtual-mta dkim-selector"))
def of_vmta(lab):
    own, short = [("X-Virtual-MTA", "own")], [("X-Virtual-MTA", "short")]
    tap.equal(lab.signed("in", own), [("brand.example", "v1")], "own")
    tap.equal(lab.signed("in", own, sender="a@any.example"),
              [("any.example", "star")], "any domain")
    tap.equal(lab.signed("none", own), [], "where nothing is signed")
    tap.equal(lab.signed("none", short, sender="a@vshort.example"),
              [("vshort.example", "v2")], "short form")


@tap.test("keys of a pool", proves=(
    "virtual-mta-pool domain-key", "virtual-mta-pool dkim-key",
    "virtual-mta-pool dkim-selector"))
def of_pool(lab):
    tap.equal(lab.signed("in", [("X-Virtual-MTA", "both")]),
              [("brand.example", "p1")], "pool")
    tap.equal(lab.signed("in", [("X-Virtual-MTA", "member")]),
              [("brand.example", "p1")], "member")
    tap.equal(lab.signed("in", [("X-Virtual-MTA", "shorts")],
                         sender="a@pshort.example"),
              [("pshort.example", "p2")], "short form")


@tap.test("X-DKIM-Options", proves="source process-x-dkim-options")
def options(lab):
    for text, want in [
            ("s=g2", [("brand.example", "g2")]),
            ("d=second.example", [("second.example", "second")]),
            ("i=x@second.example; s=second", [("second.example", "second")]),
            ("key-list=SPARE", [("brand.example", "list")]),
            ("s=nokey", []),
            ("key-list=nolist", []),
            ("nonsense", [("brand.example", "g1")])]:
        octets, tags = lab.sent("in", [("X-DKIM-Options", text)])
        tap.equal([(t["d"], t["s"]) for t in tags], want, text)
        tap.check(b"X-DKIM-Options" not in octets, "the field was left")
    _, tags = lab.sent("in", [("X-DKIM-Options", "q=dns/txt; i=b@brand.example")])
    tap.equal((tags[0]["q"], tags[0]["i"]), ("dns/txt", "b@brand.example"),
              "query method and identity")
    tap.equal(lab.signed("asked"), [], "without the field")
    tap.equal(lab.signed("asked", [("X-DKIM-Options", "s=g2")]),
              [("brand.example", "g2")], "with the field")
    tap.equal(lab.signed("asked", [("X-DKIM-Options", "s=g2")],
                         client="127.0.0.7"), [], "of anybody")


def key_field(lab):
    with open(lab.path("keys", "mine.brand.example.pem")) as f:
        return ("X-DKIM-Key", "\n ".join(f.read().split("\n")).strip())


@tap.test("X-DKIM-Key", proves="source process-x-dkim-key")
def own_key(lab):
    octets, tags = lab.sent("in", [key_field(lab),
                                   ("X-DKIM-Options", "s=mine")])
    tap.equal([(t["d"], t["s"]) for t in tags], [("brand.example", "mine")],
              "signatures")
    tap.check(b"X-DKIM-Key" not in octets, "the key was left")
    _, tags = lab.sent("in", [("X-DKIM-Key", "nonsense"),
                              ("X-DKIM-Options", "s=g2")])
    tap.equal([(t["d"], t["s"]) for t in tags], [("brand.example", "g2")],
              "one that is no key")
    tap.check('dkim-note="X-DKIM-Key: ' in lab.daemon.log_text(),
              "the log does not say so")
    octets, tags = lab.sent("in", [key_field(lab)], client="127.0.0.7")
    tap.equal([(t["d"], t["s"]) for t in tags], [("brand.example", "g1")],
              "of a client that may not")
    tap.check(b"X-DKIM-Key" not in octets, "the key was left")


@tap.test("fields that are retained", proves=(
    "source retain-x-dkim-options", "source retain-x-dkim-key"))
def retained(lab):
    octets, tags = lab.sent("in", [key_field(lab),
                                   ("X-DKIM-Options", "s=mine")],
                            client="127.0.0.9")
    tap.equal([(t["d"], t["s"]) for t in tags], [("brand.example", "g1")],
              "signatures")
    for name in (b"\r\nX-DKIM-Key:", b"\r\nX-DKIM-Options:"):
        tap.check(name in octets, "%s is gone" % name)


tap.main(Fixture)
