#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Mail that passes a Postfix with our milter, or comes to mailraced itself,
gets an ARC set where it is to, with the results of the host's filters or of our
own verification; dkimpy accepts the chain at the receiver.  Trouble with DNS
leaves a chain as it is."""

import netns
netns.enter()

import re
import socket
import struct

import dkim

import signatures
import smtp_client
import tap
from lab import LISTEN, Lab, mx_zone

ARC_KEY = "arc-key s1, brand.example, {keys}/s1.brand.example.pem"
# Clients by their address: what is checked, what is sealed.
CONFIG = """
authserv-id mx.example
domain-key s1, brand.example, {keys}/s1.brand.example.pem
<domain signed.example>
    dkim-sign yes
    arc-seal yes
    %s
</domain>
<domain sealed.example>
    arc-seal yes
    %s
</domain>
<virtual-mta sealing>
    smtp-source-host 127.0.0.11 own.mta.example
    arc-seal yes
    %s
</virtual-mta>
<source 127.0.0.1>
    check-arc-inbound yes
    always-allow-relaying yes
</source>
<source 127.0.0.3>
    process-x-virtual-mta yes
</source>
<source 127.0.0.4>
    arc-seal yes
    %s
</source>
""" % (ARC_KEY, ARC_KEY, ARC_KEY.replace("s1", "s2"), ARC_KEY.replace("s1", "s3"))
DOMAINS = ("in.example", "sealed.example", "signed.example")
ZONE = ("".join(mx_zone(d, ("mx." + d, "127.0.1.1")) for d in DOMAINS) +
        "s1._domainkey.lost.example SERVFAIL\n"
        "s1._domainkey.mute.example TIMEOUT\n")
OURS = "Authentication-Results"


class Fixture(Lab):
    def __init__(self):
        super().__init__(
            zone=ZONE, config=CONFIG, dkim=[
                (s, "brand.example") for s in ("s1", "s2", "s3")],
            receivers=[{"listen": ["127.0.1.1:25"]}])
        self.count = 0

    def __enter__(self):
        self.start()
        with open(self.path("keys", "s1.brand.example.pem"), "rb") as f:
            self.pem = f.read()
        return self


def compose(headers=()):
    return smtp_client.compose("a@brand.example", "b@x", headers=headers,
                               body="Hello  there \n\n")


def pass_through(lab, message, domain, source="127.0.0.1"):
    """What a receiver in the domain gets."""
    lab.count += 1
    rcpt = "b%d@%s" % (lab.count, domain)
    with smtp_client.Client(("127.0.0.1", 25), source=source) as c:
        c.hello()
        taken, dots = c.send("a@brand.example", [rcpt], message)
        tap.check(dots and dots[0][0] == 250, "%s %s" % (taken, dots))
    return lab.stored(lab.wait_arrived(rcpt, 30))


def hand_over(lab, message, domain, lmtp=False):
    """The same past Postfix: to mailraced's own smtp-listener or by LMTP."""
    lab.count += 1
    rcpt = "b%d@%s" % (lab.count, domain)
    where, source = (lab.lmtp, None) if lmtp else ((LISTEN, 25), "127.0.0.1")
    with smtp_client.Client(where, lmtp=lmtp, source=source) as c:
        c.hello()
        taken, dots = c.send("a@brand.example", [rcpt], message)
        tap.check(dots and dots[0][0] == 250, "%s %s" % (taken, dots))
    return lab.stored(lab.wait_arrived(rcpt, 30))


def chain(lab, message, domain=b"brand.example", cv=b"none"):
    """With one more set of dkimpy's."""
    message = (b"Authentication-Results: list.example; arc=%s\r\n" % cv +
               message)
    return b"".join(dkim.arc_sign(message, b"s1", domain, lab.pem,
                                  b"list.example")) + message


def judge(lab, octets):
    cv, _, why = dkim.arc_verify(octets, dnsfunc=lab.txt)
    return "%s (%s)" % ("none" if cv is None else cv.decode(), why)


def field(octets, name, instance):
    """The value of that field of the set, unfolded; None: it has none."""
    head = octets.split(b"\r\n\r\n", 1)[0].decode("latin-1")
    found = re.search(r"(?mi)^%s: (i=%d;[^\r\n]*(?:\r\n[ \t][^\r\n]*)*)" %
                      (name, instance), head)
    return found and " ".join(found.group(1).split())


def results(octets, instance):
    return field(octets, "ARC-Authentication-Results", instance)


def expect(lab, octets, instance, cv, selector="s1"):
    """It has that set of ours and none above it."""
    seal = field(octets, "ARC-Seal", instance)
    tap.check(seal is not None, octets.decode("latin-1"))
    tap.check(" cv=%s;" % cv in seal and " s=%s;" % selector in seal, seal)
    tap.check(field(octets, "ARC-Seal", instance + 1) is None, "one more")
    if cv != "fail":
        verdict = judge(lab, octets)
        tap.check(verdict.startswith("pass"), verdict)


@tap.test("a message without sets is sealed, on top of our DKIM signature",
          proves=("domain arc-seal", "domain arc-key"))
def first(lab):
    octets = pass_through(lab, compose(), "signed.example")
    expect(lab, octets, 1, "none")
    tap.equal(results(octets, 1), "i=1; mx.example; dkim=none", "results")
    names = [n for n in re.findall(r"(?m)^([A-Za-z-]+):",
                                   octets.decode("latin-1"))
             if n != "Received"]
    tap.equal(names[:4], ["ARC-Seal", "ARC-Message-Signature",
                          "ARC-Authentication-Results", "DKIM-Signature"],
              "the fields on top")
    tap.check(signatures.verify(octets, lab.txt, "brand.example"), "DKIM")
    tap.check("DKIM-Signature" in field(octets, "ARC-Message-Signature", 1),
              "the signature is under the seal")


@tap.test("the DKIM signatures of others are verified where no filter did")
def own_results(lab):
    message = compose()
    good = dkim.sign(message, b"s1", b"brand.example", lab.pem) + message
    lost = dkim.sign(good, b"s1", b"lost.example", lab.pem) + good
    octets = pass_through(lab, lost, "sealed.example")
    expect(lab, octets, 1, "none")
    tap.equal(results(octets, 1),
              "i=1; mx.example; dkim=temperror reason=\"DNS does not say its "
              "key\" header.d=lost.example header.s=s1 header.a=rsa-sha256; "
              "dkim=pass header.d=brand.example header.s=s1 "
              "header.a=rsa-sha256", "results")


@tap.test("the results of the host's filters are merged", proves="authserv-id")
def merged(lab):
    octets = pass_through(lab, compose([
        (OURS, "mx.example 1; spf=pass (ok) smtp.mailfrom=x; dkim=none"),
        (OURS, "evil.example; dmarc=pass"),
        (OURS, "mx.example; dmarc=fail")]), "sealed.example")
    expect(lab, octets, 1, "none")
    tap.equal(results(octets, 1), "i=1; mx.example; spf=pass "
              "smtp.mailfrom=x; dkim=none; dmarc=fail", "results")


@tap.test("a chain that holds goes on", proves="source check-arc-inbound")
def second(lab):
    octets = pass_through(lab, chain(lab, compose()), "sealed.example")
    expect(lab, octets, 2, "pass")
    tap.equal(results(octets, 2), "i=2; mx.example; dkim=none; arc=pass",
              "results")
    third = pass_through(lab, octets, "sealed.example")
    expect(lab, third, 3, "pass")


@tap.test("one that does not is sealed as such, and then no more")
def failed(lab):
    bad = chain(lab, compose()).replace(b"Hello", b"Hallo")
    octets = pass_through(lab, bad, "sealed.example")
    expect(lab, octets, 2, "fail")
    tap.equal(judge(lab, octets).split()[0] == "pass", False, "dkimpy")
    again = pass_through(lab, octets, "sealed.example")
    tap.check(field(again, "ARC-Seal", 3) is None, "a set behind the end")


@tap.test("what a filter said when it came in counts, before it was changed")
def said(lab):
    message = (b"Authentication-Results: mx.example; arc=pass\r\n" +
               chain(lab, compose()).replace(b"Hello", b"[list] Hello"))
    octets = pass_through(lab, message, "sealed.example")
    expect(lab, octets, 2, "pass")


@tap.test("trouble with DNS: no seal, and never cv=fail")
def trouble(lab):
    octets = pass_through(lab, chain(lab, compose(), b"lost.example"),
                          "sealed.example")
    tap.check(field(octets, "ARC-Seal", 1) is not None, "the old set")
    tap.check(field(octets, "ARC-Seal", 2) is None, "a new one")


@tap.test("a chain that nobody has validated is not sealed")
def unchecked(lab):
    octets = pass_through(lab, chain(lab, compose()), "sealed.example",
                          "127.0.0.2")
    tap.check(field(octets, "ARC-Seal", 2) is None, "a seal")


@tap.test("sealed for the virtual MTA", proves=("virtual-mta arc-seal",
                                                "virtual-mta arc-key"))
def by_vmta(lab):
    message = compose([("X-Virtual-MTA", "sealing")])
    octets = pass_through(lab, message, "in.example", "127.0.0.3")
    expect(lab, octets, 1, "none", "s2")


@tap.test("sealed for the source", proves=("source arc-seal",
                                           "source arc-key"))
def by_source(lab):
    octets = pass_through(lab, compose(), "in.example", "127.0.0.4")
    expect(lab, octets, 1, "none", "s3")


@tap.test("and for nobody else; the log says what came of it")
def others(lab):
    octets = pass_through(lab, chain(lab, compose()), "in.example")
    tap.check(field(octets, "ARC-Seal", 2) is None, "a seal")
    log = lab.milter.log_text()
    for text in ("arc=pass", "arc=fail", "arc=temperror", "sealed=yes",
                 "nobody has validated"):
        tap.check(text in log, "%s is not in the log" % text)


@tap.test("mail that comes by SMTP or LMTP, and not through the milter, too")
def at_ingress(lab):
    for lmtp in (False, True):
        octets = hand_over(lab, compose(), "signed.example", lmtp)
        expect(lab, octets, 1, "none")
        tap.check(signatures.verify(octets, lab.txt, "brand.example"), "DKIM")
        tap.check("DKIM-Signature" in field(
            octets, "ARC-Message-Signature", 1), "it is under the seal")
        message = compose()
        message = dkim.sign(message, b"s1", b"brand.example", lab.pem) + message
        octets = hand_over(lab, chain(lab, message), "sealed.example", lmtp)
        expect(lab, octets, 2, "pass")
        tap.equal(results(octets, 2), "i=2; mx.example; dkim=pass "
                  "header.d=brand.example header.s=s1 header.a=rsa-sha256; "
                  "arc=pass", "results")
        bad = chain(lab, compose()).replace(b"Hello", b"Hallo")
        expect(lab, hand_over(lab, bad, "sealed.example", lmtp), 2, "fail")
    octets = hand_over(lab, chain(lab, compose()), "in.example")
    tap.check(field(octets, "ARC-Seal", 2) is None, "a seal for nobody")


@tap.test("a header line that we fold is judged as it came")
def folded_at_ingress(lab):
    message = compose([("References", "<%s@brand.example>" % ("x" * 1200))])
    octets = hand_over(lab, chain(lab, message), "sealed.example")
    tap.check(b"x\r\n x" in octets, "it goes out folded")
    seal = field(octets, "ARC-Seal", 2)
    tap.check(seal is not None and " cv=pass;" in seal, seal)


@tap.test("there, too, trouble with DNS is no seal and never cv=fail")
def trouble_at_ingress(lab):
    octets = hand_over(lab, chain(lab, compose(), b"lost.example"),
                       "sealed.example")
    tap.check(field(octets, "ARC-Seal", 1) is not None, "the old set")
    tap.check(field(octets, "ARC-Seal", 2) is None, "a new one")
    log = lab.daemon.log_text()
    for text in ("arc=pass", "arc=fail", "arc=temperror", "sealed=yes"):
        tap.check(text in log, "%s is not in the log" % text)


def open_questions(lab):
    with open(lab.path("log", "dns.jsonl")) as f:
        return "mute.example" in f.read()


@tap.test("a client that hangs up while keys are asked for holds nobody up")
def hung_up(lab):
    c = smtp_client.Client((LISTEN, 25), source="127.0.0.1")
    c.hello()
    c.command("MAIL FROM:<a@brand.example>")
    c.command("RCPT TO:<gone@sealed.example>")
    c.command("DATA")
    c.raw(smtp_client.stuffed(chain(lab, compose(), b"mute.example")) +
          b".\r\n")
    tap.wait_for(lambda: open_questions(lab), 10, "the question")
    c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                      struct.pack("ii", 1, 0))  # a reset
    c.close()
    expect(lab, hand_over(lab, compose(), "signed.example"), 1, "none")
    tap.equal(lab.arrived("gone@sealed.example"), [], "a message of nobody")


@tap.test("without marks mailraced does it all, and the milter adds no set")
def unmarked(lab):
    with open(lab.config) as f:
        text = f.read()
    with open(lab.config, "w") as f:
        f.write(text.replace("mark-key-file", "#mark-key-file"))
    lab.command.text("reload")
    octets = pass_through(lab, compose(), "signed.example")
    expect(lab, octets, 1, "none")
    tap.check(signatures.verify(octets, lab.txt, "brand.example"), "DKIM")


tap.main(Fixture)
