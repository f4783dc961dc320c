#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""iprev, SPF and DKIM of mail that comes in: who is refused and with which code,
what is written of the others on top of their mail in place of what they have
written themselves, and that nobody waits for the DNS of another."""

import netns
netns.enter()

import base64
import re

import dkim

import smtp_client
import tap
from lab import LISTEN, Lab, mx_zone

HOST = "mx.example"
# Clients, and what is special about them.
GOOD, FAIL, NAMELESS, MUTE, LAX, SPARING, PROXY, ALWAYS, STRICT = (
    "127.0.2.%d" % i for i in range(1, 10))
CONFIG = """
authserv-id mx.example
domain-key s1, brand.example, {keys}/s1.brand.example.pem
<domain sealed.example>
    arc-seal yes
    arc-key s1, brand.example, {keys}/s1.brand.example.pem
</domain>
<domain late.example>
    remove-header Received, Authentication-Results
</domain>
<source 127.0.0.0/8>
    always-allow-relaying yes
    allow-unencrypted-plain-auth yes
    allow-mailmerge yes
    check-iprev-inbound yes
    check-spf-inbound yes
    check-dkim-inbound yes
</source>
<source %(fail)s>
    reject-iprev-check-fail yes
</source>
<source %(nameless)s>
    reject-iprev-check-permerror yes
    trace-spf-check yes
</source>
<source %(mute)s>
    reject-iprev-check-temperror yes
</source>
<source %(good)s>
    trace-iprev-check yes
    trace-spf-check yes
    trace-dkim-check yes
</source>
<source %(lax)s>
    reject-spf-check-fail no
    reject-spf-check-permerror no
    reject-spf-check-temperror no
</source>
<source %(sparing)s>
    check-spf-inbound-max-void-lookups 3
</source>
<source %(proxy)s>
    allow-xclient yes
    allow-xforward yes
    check-iprev-inbound no
    check-spf-inbound no
</source>
<source %(always)s>
    check-spf-inbound always
</source>
<source %(strict)s>
    check-dkim-inbound no
</source>
<source {auth}>
    always-allow-relaying yes
    check-spf-inbound yes
</source>
<smtp-user tim>
    password secret
</smtp-user>
""" % {"good": GOOD, "fail": FAIL, "nameless": NAMELESS, "mute": MUTE,
       "lax": LAX, "sparing": SPARING, "proxy": PROXY, "always": ALWAYS,
       "strict": STRICT}


def reverse(ip):
    return ".".join(reversed(ip.split("."))) + ".in-addr.arpa"


def named(ip, name):
    return "%s 300 PTR %s\n%s 300 A %s\n" % (reverse(ip), name, name, ip)


ZONE = "".join(mx_zone(d, ("mx." + d, "127.0.1.1"))
               for d in ("in.example", "late.example", "sealed.example")) + """\
client.example 300 A 127.0.2.99
pass.example 300 TXT "v=spf1 ip4:127.0.2.0/24 -all"
fail.example 300 TXT "v=spf1 -all exp=why.fail.example"
why.fail.example 300 TXT "%{i} is not ours"
twice.example 300 TXT "v=spf1 -all"
twice.example 300 TXT "v=spf1 +all"
lost.example SERVFAIL
slow.example TIMEOUT
void.example 300 TXT "v=spf1 a:1.void.example a:2.void.example a:3.void.example +all"
user.example 300 TXT "v=spf1 exists:%{l}.u.example -all"
a+b=c.u.example 300 A 127.0.0.2
helo.example 300 TXT "v=spf1 -all"
""" + named(GOOD, "good.example") + "".join(
    named(ip, "c%d.example" % i) for i, ip in enumerate(
        (LAX, SPARING, ALWAYS, STRICT, PROXY))) + (
    "%s 300 PTR client.example\n" % reverse(FAIL) +
    "%s SERVFAIL\n" % reverse(MUTE))


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, with_postfix=False,
                         with_milter=False, dkim=[("s1", "brand.example")],
                         receivers=[{"listen": ["127.0.1.1:25"]}])
        self.count = 0

    def __enter__(self):
        self.start()
        with open(self.path("keys", "s1.brand.example.pem"), "rb") as f:
            self.pem = f.read()
        return self


def open_client(source, helo="client.example"):
    c = smtp_client.Client((LISTEN, 25), source=source, helo=helo)
    c.hello()
    return c


def mail(source, sender, helo="client.example"):
    """What is said to MAIL."""
    with open_client(source, helo) as c:
        return "%d %s" % c.command("MAIL FROM:<%s>" % sender)


def deliver(lab, source, sender="u@pass.example", message=None,
            domain="in.example"):
    """What a receiver gets."""
    lab.count += 1
    rcpt = "b%d@%s" % (lab.count, domain)
    with open_client(source) as c:
        taken, dots = c.send(sender, [rcpt], message or compose())
        tap.check(dots and dots[0][0] == 250, "%s %s" % (taken, dots))
    return lab.stored(lab.wait_arrived(rcpt, 30)).decode("latin-1")


def compose(headers=()):
    return smtp_client.compose("a@brand.example", "b@x", headers=headers)


def ours(text):
    """The results on top, one by one; None: there are none."""
    found = re.match(r"Authentication-Results: %s;\r\n((?:\t.*\r\n)+)"
                     r"Received: " % re.escape(HOST), text)
    return found and [line.strip().rstrip(";")
                      for line in found.group(1).splitlines()]


@tap.test("who passes is taken, with what was found on top; it is logged",
          proves=("source check-iprev-inbound", "source check-spf-inbound",
                  "source check-dkim-inbound", "source trace-iprev-check",
                  "source trace-spf-check", "source trace-dkim-check"))
def passes(lab):
    message = compose()
    signed = dkim.sign(message, b"s1", b"brand.example", lab.pem) + message
    tap.equal(ours(deliver(lab, GOOD, message=signed)), [
        "iprev=pass policy.iprev=" + GOOD,
        'spf=pass smtp.mailfrom="u@pass.example"',
        "dkim=pass header.d=brand.example header.s=s1 header.a=rsa-sha256"],
        "results")
    log = lab.daemon.log_text()
    for text in ("check=iprev client=%s" % GOOD, "name=good.example",
                 "check=spf client=%s" % GOOD, "check=dkim client=%s" % GOOD,
                 "dkim=pass header.d=brand.example"):
        tap.check(text in log, "%s is not in the log" % text)


@tap.test("iprev: each trouble is told, and refused where it is to be",
          proves=("source reject-iprev-check-fail",
                  "source reject-iprev-check-permerror",
                  "source reject-iprev-check-temperror"))
def iprev(lab):
    for source, want in (
            (FAIL, "550 5.7.25 no name of %s in DNS has that address"),
            (NAMELESS, "550 5.7.25 %s has no name in DNS"),
            (MUTE, "451 4.7.25 DNS does not tell now what the name of %s is")):
        tap.equal(mail(source, "u@pass.example"), want % source, source)
    text = deliver(lab, "127.0.2.77")
    tap.equal(ours(text)[0], "iprev=permerror policy.iprev=127.0.2.77",
              "not refused")
    tap.check("check=iprev client=%s" % FAIL in lab.daemon.log_text(),
              "the refusal is not in the log")


@tap.test("SPF: fail, permerror and temperror are refused, unless said otherwise",
          proves=("source reject-spf-check-fail",
                  "source reject-spf-check-permerror",
                  "source reject-spf-check-temperror"))
def spf(lab):
    for domain, want, word in (
            ("fail", "550 5.7.23 fail.example does not let %s send its mail "
             "(SPF); it explains: %s is not ours" % (GOOD, GOOD), "fail"),
            ("twice", "550 5.7.24 SPF: twice.example has more than one SPF "
             "record", "permerror"),
            ("lost", "451 4.7.24 SPF: no answer for lost.example (TXT): "
             "SERVFAIL", "temperror")):
        sender = "u@%s.example" % domain
        tap.equal(mail(GOOD, sender), want, domain)
        results = ours(deliver(lab, LAX, sender))
        tap.check('spf=%s smtp.mailfrom="%s"' % (word, sender) in results,
                  results)
    tap.equal(mail(GOOD, "", "helo.example")[:10], "550 5.7.23", "HELO")
    tap.equal(mail(GOOD, "a+b=c@user.example")[:3], "250", "any local part")
    tap.equal(mail(GOOD, "a+b=d@user.example")[:3], "550", "not every one")


@tap.test("terms that find nothing",
          proves="source check-spf-inbound-max-void-lookups")
def voids(_lab):
    tap.equal(mail(GOOD, "u@void.example"), "550 5.7.24 SPF: too many terms "
              "find nothing in DNS", "three")
    tap.equal(mail(SPARING, "u@void.example")[:3], "250", "three that may")


@tap.test("who stands behind a proxy counts, and not the proxy")
def proxies(lab):
    with open_client(PROXY) as c:
        tap.equal(c.command("XCLIENT ADDR=%s" % FAIL)[0], 220, "XCLIENT")
        c.hello()
        tap.equal(c.command("MAIL FROM:<u@pass.example>")[0], 550, "behind it")
    with open_client(PROXY) as c:
        tap.equal(c.command("XFORWARD ADDR=%s HELO=helo.example" % LAX)[0],
                  250, "XFORWARD")
        taken, dots = c.send("", ["xf@in.example"], compose())
        tap.equal(dots[0][0], 250, str(taken))
        c.command("XFORWARD ADDR=%s" % LAX)
        c.send("", ["nohelo@in.example"], compose())
    for rcpt, want in (("xf", "spf=fail smtp.helo=helo.example"),
                       ("nohelo", "spf=none")):
        text = lab.stored(lab.wait_arrived(rcpt + "@in.example"))
        tap.equal(ours(text.decode("latin-1"))[:2], [
            "iprev=pass policy.iprev=" + LAX, want], rcpt)
    tap.equal(mail(PROXY, "u@fail.example")[:3], "250", "the proxy's own mail")


@tap.test("what a host MTA hands over is checked only where it says always")
def handed_over(lab):
    with smtp_client.Client(lab.lmtp, lmtp=True) as c:
        c.hello()
        for ip, want in ((GOOD, 250), (ALWAYS, 550)):
            c.command("XFORWARD ADDR=%s" % ip)
            tap.equal(c.command("MAIL FROM:<u@fail.example>")[0], want, ip)
            c.command("RSET")


@tap.test("who has signed in is not checked")
def signed_in(_lab):
    with open_client("127.0.2.88") as c:
        word = base64.b64encode(b"\0tim\0secret").decode()
        tap.equal(c.command("AUTH PLAIN " + word)[0], 235, "AUTH")
        tap.equal(c.command("MAIL FROM:<u@fail.example>")[0], 250, "MAIL")
    tap.equal(mail("127.0.2.88", "u@fail.example")[:3], "550", "who has not")


@tap.test("DKIM: what is broken or not there is told, and results of others stay")
def verdicts(lab):
    message = compose()
    signed = dkim.sign(message, b"s1", b"brand.example", lab.pem) + message
    results = ours(deliver(lab, GOOD, message=signed.replace(b"Hello",
                                                             b"Hallo")))
    tap.check(results[2].startswith("dkim=fail "), results)
    forged = compose([
        ("Authentication-Results", "other.example; dkim=pass"),
        ("authentication-results", " %s 1; dkim=pass" % HOST.upper()),
        ("Authentication-Results", "(x) \"%s\"; spf=pass" % HOST),
        ("Authentication-Results", "(%s; spf=pass" % HOST)])
    text = deliver(lab, GOOD, message=forged)
    tap.equal(ours(text)[2], "dkim=none", "no signature")
    tap.equal(re.findall(r"(?mi)^authentication-results:(.*)\r$", text),
              [" %s;" % HOST, " other.example; dkim=pass"], "fields")
    text = deliver(lab, STRICT, message=forged)
    tap.equal(len(ours(text)), 2, "without check-dkim-inbound")


@tap.test("a mail merge is checked once, and each of its messages says so")
def merged(lab):
    with open_client(GOOD) as c:
        tap.equal(c.command("XMRG FROM:<u@fail.example>")[0], 550, "XMRG")
        tap.equal(c.command("XMRG FROM:<u@pass.example>")[0], 250, "XMRG")
        for name in "one", "two":
            tap.equal(c.command('XDFN name="%s"' % name)[0], 250, "XDFN")
            tap.equal(c.command("RCPT TO:<%s@in.example>" % name)[0], 250,
                      "RCPT")
        tap.equal(c.command("XPRT 1 LAST")[0], 354, "XPRT")
        c.raw(b"Authentication-Results: %s; dkim=pass\r\n\r\n[name]\r\n.\r\n"
              % HOST.encode())
        tap.equal(c.reply()[0], 250, "the text")
    for name in "one", "two":
        text = lab.stored(lab.wait_arrived(name + "@in.example"))
        tap.equal(ours(text.decode("latin-1"))[1:], [
            'spf=pass smtp.mailfrom="u@pass.example"', "dkim=none"], name)
        tap.equal(text.count(b"Authentication-Results:"), 1, "fields")


@tap.test("fields that go at delivery are those of others")
def late(lab):
    message = compose([("Received", "from a by b; c"),
                       ("Authentication-Results", "other.example; none")])
    rcpts = ["late@in.example", "late@late.example"]
    with open_client(GOOD) as c:
        tap.equal(c.send("u@pass.example", rcpts, message)[1][0][0], 250,
                  "two recipients")
    for rcpt, count in zip(rcpts, (2, 1)):
        text = lab.stored(lab.wait_arrived(rcpt)).decode("latin-1")
        tap.equal(len(ours(text)), 3, "results on top")
        for name in ("Received", "Authentication-Results"):
            tap.equal(len(re.findall("(?m)^%s:" % name, text)), count,
                      name + " for " + rcpt)


@tap.test("an ARC set tells what we have found, and not what was forged")
def sealed(lab):
    forged = compose([("Authentication-Results", "%s; dmarc=pass" % HOST)])
    text = deliver(lab, GOOD, message=forged, domain="sealed.example")
    found = re.search(r"(?m)^ARC-Authentication-Results: (.*(?:\r\n[ \t].*)*)"
                      r"\r$", text)
    tap.equal(" ".join(found.group(1).split()),
              'i=1; %s; iprev=pass policy.iprev=%s; spf=pass '
              'smtp.mailfrom="u@pass.example"; dkim=none' % (HOST, GOOD),
              "results")
    tap.equal(dkim.arc_verify(text.encode("latin-1"), dnsfunc=lab.txt)[0],
              b"pass", "dkimpy")


@tap.test("nobody waits for the DNS of another")
def apart(lab):
    with open_client(GOOD) as slow:
        slow.raw(b"MAIL FROM:<u@slow.example>\r\nQUIT\r\n")
        for _ in range(3):
            tap.equal(mail(GOOD, "u@pass.example")[:3], "250", "meanwhile")
        slow.sock.settimeout(0.01)
        try:
            tap.check(False, "an answer without DNS: %s" % slow.line())
        except TimeoutError:
            pass
    tap.equal(mail(GOOD, "u@pass.example")[:3], "250", "when it has gone")


tap.main(Fixture)
