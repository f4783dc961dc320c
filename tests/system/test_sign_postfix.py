#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a real Postfix, and another milter, do to a message on its way to us
and through us: the signature verifies at the receiver, by dkimpy and by
Mail::DKIM, and no line is too long for SMTP."""

import netns
netns.enter()

import os
import subprocess
import sys

import procs
import signatures
import smtp_client
import tap
from lab import HERE, LISTEN, Lab, mx_zone

CONFIG = """
domain-key s1, example.net, {keys}/s1.example.net.pem
<domain *>
    dkim-sign yes
</domain>
<source 127.0.0.1>
    always-allow-relaying yes
</source>
"""
# Three ways in: with ours as the only milter, with another one before it, and
# without any, where the ingress signs.  One way out of it has the limit of
# lines on that etc/postfix-master.cf switches off.
MAIN = """
transport_maps = inline:{ folds.example=mailrace-folds:unix:mailrace/lmtp }
"""
MASTER = """
mailrace-folds unix - - n - 5 lmtp
  -o syslog_name=mailrace-folds
  -o lmtp_send_xforward_command=yes
  -o lmtp_tls_security_level=none
127.0.0.1:2525 inet n - n - - smtpd
  -o { smtpd_milters = unix:other, unix:mailrace/milter }
127.0.0.1:2526 inet n - n - - smtpd
  -o smtpd_milters=
"""
OURS, OTHER, NONE = 25, 2525, 2526
ZONE = "".join(mx_zone(d, ("mx1.in.example", "127.0.1.1"))
               for d in ("in.example", "folds.example"))
LINE_MAX = 998


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG,
                         dkim=[("s1", "example.net")], pf_main=MAIN,
                         pf_master=MASTER,
                         receivers=[{"listen": ["127.0.1.1:25"]}])

    def __enter__(self):
        self.judged = self.path("judged")
        os.mkdir(self.judged)
        self.signed = {"milter": 0, "ingress": 0}
        path = os.path.join(self.postfix.queue, "other")
        log = self.path("log", "other_milter.out")
        p = procs.Process("other_milter", [
            sys.executable, os.path.join(HERE, "other_milter.py"), path], log)
        self.processes.append(p)
        procs.wait_for_text(p, log, "ready", 20)
        self.start()
        return self


LONG = "3000 characters: " + 2982 * "l" + "\n"
BODIES = [
    ("plain", "Hello.\n"),
    ("8 bit", "Gr\u00fc\u00dfe \u2603\n" * 30),
    ("3,000 characters in a line", "before\n" + LONG + "after\n"),
    ("8 bit in 3,000 characters", 1500 * "\u00fc" + "\n"),
    ("998, 999 and 1,000 in a line", "".join(n * "x" + "\n" for n in
                                             (998, 999, 1000, 1995, 1996))),
    ("blanks where it is broken", 990 * "x" + 2000 * " " + "y\n"),
    ("dots behind breaks", 2500 * "." + "\n"),
    ("70,000 in a line, more than a milter gets at once", 70000 * "z" + "\n"),
]
FIELDS = [("MIME-Version", "1.0"),
          ("Content-Type", "text/plain; charset=utf-8"),
          ("Content-Transfer-Encoding", "8bit")]


def submit(port, rcpt, body, headers=()):
    message = smtp_client.compose("a@example.net", rcpt, body=body,
                                  headers=FIELDS + list(headers))
    send_raw(port, rcpt, message)


def send_raw(port, rcpt, message):
    with smtp_client.Client(("127.0.0.1", port)) as c:
        c.hello()
        taken, dots = c.send("a@example.net", [rcpt], message,
                             params=" BODY=8BITMIME")
        tap.check(dots and dots[0][0] == 250, "%s %s" % (taken, dots))


def judge(lab, rcpt, by="milter"):
    """The octets that arrived, if the oracles are content; who signed them is
    counted."""
    lab.signed[by] += 1
    octets = lab.stored(lab.wait_arrived(rcpt, 30))
    tap.equal([(t["d"], t["s"]) for t in signatures.tags_of(octets)],
              [("example.net", "s1")], "signatures for " + rcpt)
    tap.check(signatures.verify(octets, lab.txt), "dkimpy refuses " + rcpt)
    lines = octets.split(b"\r\n")
    tap.equal([len(line) for line in lines if len(line) > LINE_MAX], [],
              "lines that are too long")
    tap.equal([line for line in lines if b"\r" in line or b"\n" in line], [],
              "stray CR or LF")
    with open(os.path.join(lab.judged, rcpt + ".eml"), "wb") as f:
        f.write(octets)
    return octets


def all_bodies(lab, port, name, domain="in.example", by="milter"):
    rcpts = ["%s%d@%s" % (name, i, domain) for i in range(len(BODIES))]
    for rcpt, (_, body) in zip(rcpts, BODIES):
        submit(port, rcpt, body)
    for rcpt, (label, body) in zip(rcpts, BODIES):
        tap.note(label)
        octets = judge(lab, rcpt, by)
        got = octets.partition(b"\r\n\r\n")[2]
        tap.equal(unfolded(got), unfolded(body.replace("\n", "\r\n").encode()),
                  "the body but for line breaks")


def unfolded(body):
    """Without blanks: what a break adds is one, and a CRLF."""
    return b"".join(body.split())


@tap.test("by SMTP, smtpd_milters: every kind of body")
def by_smtp(lab):
    all_bodies(lab, OURS, "smtp")


@tap.test("the hand-over folds lines before us: at the same places")
def folds(lab):
    all_bodies(lab, OURS, "folds", "folds.example")


@tap.test("without our milter the ingress signs")
def at_ingress(lab):
    all_bodies(lab, NONE, "ingress", by="ingress")


@tap.test("without Postfix: our own listener, which takes no stray CR or LF")
def fast_path(lab):
    for i, (label, body) in enumerate(BODIES):
        tap.note(label)
        lab.inject("fast%d@in.example" % i, sender="a@example.net", body=body,
                   headers=FIELDS, where=(LISTEN, 25), lmtp=False,
                   params=" BODY=8BITMIME")
        judge(lab, "fast%d@in.example" % i, "ingress")
    for stray in ("a\rb", "a\nb"):
        with smtp_client.Client((LISTEN, 25)) as c:
            c.hello()
            _, dots = c.send("a@example.net", ["stray@in.example"],
                             "From: a@example.net\r\n\r\n" + stray + "\r\n")
            tap.equal(dots[0][0], 550, "reply to %r" % stray)


@tap.test("by sendmail, non_smtpd_milters")
def by_sendmail(lab):
    for i, (_, body) in enumerate(BODIES):
        lab.postfix.sendmail(
            "a@example.net", ["cmd%d@in.example" % i],
            "From: a@example.net\nSubject: x\n%s\n\n%s" % (
                "\n".join("%s: %s" % f for f in FIELDS), body))
    for i, (label, _) in enumerate(BODIES):
        tap.note(label)
        judge(lab, "cmd%d@in.example" % i)


@tap.test("long header fields: folded, and signed as they go out")
def long_fields(lab):
    fields = [("Subject2", 3000 * "s"), ("List-Unsubscribe", "<https://" +
                                         1500 * "u" + ">"),
              ("References", "\r\n ".join("<%s@x>" % (n * "r") for n in
                                          (990, 994, 998, 2000)))]
    for port, by in ((OURS, "milter"), (NONE, "ingress")):
        rcpt = "fields%d@in.example" % port
        submit(port, rcpt, "Hello.\n", fields)
        octets = judge(lab, rcpt, by)
        tap.check(b"List-Unsubscribe" in octets, "a field is lost")
        tap.equal(sum(line.count(b"s" * 100) > 0 for line in
                      octets.split(b"\r\n")), 3, "long lines of Subject2")


@tap.test("behind a milter that edits header and body")
def behind_another(lab):
    submit(OTHER, "other@in.example", "please sign\nthis\n",
           [("X-Remove", "1"), ("X-Remove", "2")])
    octets = judge(lab, "other@in.example")
    for text in (b"[checked]", b"X-Scanned: behind", b"again_and_again",
                 b"Disclaimer: "):
        tap.check(text in octets, "%r is not there" % text)
    tap.check(b"X-Remove" not in octets, "X-Remove is still there")


@tap.test("stray CR and LF: Postfix has changed them before they are signed")
def stray(lab):
    head = ("From: a@example.net\r\nSubject: x\r\n\r\n")
    for port, by in ((OURS, "milter"), (NONE, "ingress")):
        rcpt = "stray%d@in.example" % port
        send_raw(port, rcpt, head + "a\rb\r\rc\r\nd\ne\r\n" + 1200 * "y" +
                 "\r" + 1200 * "z" + "\r\n")
        octets = judge(lab, rcpt, by)
        tap.check(b"a b  c\r\nd" in octets, "the body: %r" % octets[-2500:])


@tap.test("what the milter has signed the ingress believes")
def by_whom(lab):
    text = lab.daemon.log_text()
    tap.equal({by: text.count(" policy=%s\n" % by) for by in lab.signed},
              lab.signed, "messages by who treated them")


@tap.test("Mail::DKIM agrees on all of them")
def other_oracle(lab):
    with open(os.path.join(lab.judged, "keys"), "wb") as f:
        f.write(b"s1._domainkey.example.net %s\n" %
                lab.txt(b"s1._domainkey.example.net."))
    r = subprocess.run(["perl", os.path.join(HERE, "dkim_oracle.pl"),
                        lab.judged], capture_output=True, text=True,
                       check=False)
    tap.equal(r.returncode, 0, r.stderr)
    verdicts = [line.split() for line in r.stdout.splitlines()]
    tap.check(len(verdicts) >= 4 * len(BODIES), "messages: %d" % len(verdicts))
    tap.equal([v for v in verdicts if v[2] != "pass"], [], r.stderr)


tap.main(Fixture)
