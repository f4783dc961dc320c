#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a real Postfix hands over on its worst days: large, 8-bit and badly
folded messages, many recipients, bounces, VERP, mail that was deferred and
requeued.  It arrives byte for byte as it was signed, and is signed once."""

import netns
netns.enter()

import os
import subprocess

import mailrace
import signatures
import smtp_client
import tap
from lab import Lab, mx_zone

CONFIG = """
domain-key s1, brand.example, {keys}/s1.brand.example.pem
domain-key s1, pf.lab.example, {keys}/s1.brand.example.pem
<virtual-mta news>
    smtp-source-host 127.0.0.11 news.mta.example
</virtual-mta>
<virtual-mta user>
    smtp-source-host 127.0.0.14 user.mta.example
</virtual-mta>
<source 127.0.0.1>
    process-x-virtual-mta yes
    process-x-job yes
</source>
<smtp-user alice>
    source alices
</smtp-user>
<source alices>
    default-virtual-mta user
</source>
<source {auth}>
    default-virtual-mta news
</source>
<acct-file {root}/more/all.csv>
    record-fields d *, rcvSmtpUser
</acct-file>
<domain *>
    dkim-sign yes
    retry-after 5s
</domain>
"""
DOMAINS = ["in%d.example" % i for i in range(5)]
ZONE = "".join(mx_zone(d, ("mx1.in.example", "127.0.1.1")) for d in DOMAINS)
PF_MAIN = """
message_size_limit = 50000000
mailbox_size_limit = 0
smtpd_authorized_verp_clients = 127.0.0.0/8
transport_maps = inline:{ { gone.example = error:nobody lives there } }
"""


class Fixture(Lab):
    def __init__(self):
        super().__init__(
            zone=ZONE, config=CONFIG, dkim=[("s1", "brand.example")],
            pf_main=PF_MAIN, receivers=[{"listen": ["127.0.1.1:25"]}],
            log_headers=("X-Job", "X-Mailrace-Mark", "X-Virtual-MTA"))
        os.mkdir(self.path("more"))

    def __enter__(self):
        self.start()
        return self


def by_smtp(lab, rcpts, message, sender="a@brand.example", xclient=None,
            params=" BODY=8BITMIME"):
    with smtp_client.Client(("127.0.0.1", 25), timeout_s=60) as c:
        if xclient:
            c.hello()
            tap.equal(c.command("XCLIENT " + xclient)[0], 220, "XCLIENT")
        c.hello()
        taken, dots = c.send(sender, rcpts, message, params=params)
        tap.check(dots and dots[0][0] == 250, "%s %s" % (taken, dots))
    return dots[0][1].split()[-1]  # "queued as ID"


def judge(lab, octets):
    tags = signatures.tags_of(octets)
    tap.equal([(t["d"], t["s"]) for t in tags], [("brand.example", "s1")],
              "signatures")
    tap.check(signatures.verify(octets, lab.txt, "brand.example"),
              "dkimpy refuses it")
    tap.check(b"X-Mailrace-Mark" not in octets, "a mark went out")


def accepted(lab, host_id):
    """The log line of the hand-over."""
    def find():
        with open(lab.daemon.log) as f:
            return [x for x in f if " accepted " in x and
                    "host-id=" + host_id in x]
    return tap.wait_for(find, 20, "the hand-over of " + host_id)[0]


HEAD = (b"From: <a@brand.example>\r\nTo: <r@in0.example>\r\n"
        b"Date: Fri, 20 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@x>\r\n")
NASTY = [
    ("raw 8-bit header", HEAD + b"Subject: Gr\xc3\xbc\xdfe \xff\r\n\r\nx\r\n"),
    ("a line of 5,000 bytes", HEAD + b"Subject: l\r\n\r\n" + b"y" * 5000 +
     b"\r\nend\r\n"),
    ("a header line of 1,800 bytes", HEAD + b"Subject: " + b"s" * 1800 +
     b"\r\n\r\nx\r\n"),
    ("8-bit body, no MIME", HEAD + b"Subject: b\r\n\r\n\xff\xfe\x80 \xa0\r\n"),
    ("stray CR and LF", HEAD + b"Subject: s\r\n\r\na\rb\nc\r\r\n\nd\r\n"),
    ("header only", HEAD + b"Subject: h\r\n"),
    ("folds of blanks", HEAD + b"Subject: a\r\n \r\n\tb  \t\r\n  c\r\n"
     b"To:\r\n <x@y.example>\r\n\r\nx\r\n"),
    ("blank before the colon", HEAD + b"Subject : old\r\n\r\nx\r\n"),
    ("no line end at the end", HEAD + b"Subject: e\r\n\r\nlast line"),
    ("two From, three To", HEAD + b"From: <b@brand.example>\r\nTo: <b@x>\r\n"
     b"To: <c@x>\r\n\r\nx\r\n"),
    ("dots", HEAD + b"Subject: d\r\n\r\n.\r\n..\r\n...x\r\n"),
    ("body is a header's look-alike", HEAD + b"not a field\r\n\r\nx\r\n"),
    ("NUL bytes", HEAD + b"Subject: n\r\n\r\na\0b\r\n"),
]


@tap.test("nasty messages by SMTP are good in the eyes of dkimpy")
def nasty(lab):
    for i, (label, message) in enumerate(NASTY):
        tap.note(label)
        rcpt = "n%d@in0.example" % i
        by_smtp(lab, [rcpt], message)
        judge(lab, lab.stored(lab.wait_arrived(rcpt)))


@tap.test("the same by sendmail, with LF for CRLF")
def nasty_sendmail(lab):
    for i, (label, message) in enumerate(NASTY):
        tap.note(label)
        rcpt = "c%d@in0.example" % i
        subprocess.run(["sendmail", "-C", lab.postfix.conf, "-f",
                        "a@brand.example", "-i", "--", rcpt], check=True,
                       input=message.replace(b"\r\n", b"\n"))
        judge(lab, lab.stored(lab.wait_arrived(rcpt)))


@tap.test("the signed text goes out byte for byte as Postfix handed it over")
def transparent(lab):
    """Postfix's cleanup changes nothing of this one."""
    text = HEAD + b"Subject: \xc3\xa4\r\n\r\n" + b"x" * 990 + b"\r\n.\r\n\xff\r\n"
    by_smtp(lab, ["byte@in0.example"], text)
    octets = lab.stored(lab.wait_arrived("byte@in0.example"))
    tap.check(octets.endswith(text), "changed: %r" % octets)


@tap.test("a message of 20 MB")
def large(lab):
    # dkimpy takes its time at each blank: a megabyte of them, the rest none.
    text = b"The quick brown fox jumps over the lazy dog, and over again.\r\n"
    rest = b"x" * 900 + b"\r\n"
    by_smtp(lab, ["big@in0.example"], HEAD + b"Subject: big\r\n\r\n" +
            text * (1024 * 1024 // len(text)) +
            rest * (19 * 1024 * 1024 // len(rest)))
    m = lab.wait_arrived("big@in0.example", 90)
    judge(lab, lab.stored(m))


@tap.test("1,000 recipients of five domains in one hand-over")
def many(lab):
    rcpts = ["m%d@%s" % (i, DOMAINS[i % 5]) for i in range(1000)]
    queue_id = by_smtp(lab, rcpts, HEAD + b"Subject: many\r\n\r\nx\r\n")
    line = accepted(lab, queue_id)
    tap.check("rcpts=1000" in line, line)
    tap.check("policy=milter" in line, line)

    def got():
        return sorted(r for m in lab.messages() for r in m["rcpts"]
                      if r.startswith("m"))
    tap.wait_for(lambda: len(got()) >= 1000, 60, "all of them")
    tap.equal(got(), sorted(rcpts), "each once")


@tap.test("a bounce made by Postfix: null sender, delivered, signed")
def bounce(lab):
    lab.postfix.sendmail("back@in0.example", ["nobody@gone.example"],
                         "Subject: x\n\nx\n")
    m = lab.wait_arrived("back@in0.example", 30)
    tap.equal(m["sender"], "", "null sender")
    octets = lab.stored(m)
    tap.equal([t["d"] for t in signatures.tags_of(octets)],
              ["pf.lab.example"], "signed")
    tap.check(b"X-Mailrace-Mark" not in octets.split(b"\r\n\r\n")[0],
              "a mark went out")  # what Postfix returns in it is its own


def by_sendmail(lab, rcpt, text):
    lab.postfix.sendmail("a@brand.example", [rcpt],
                         text.decode().replace("\r\n", "\n"))


def requeue(lab, rcpt, submit):
    """Submits while we are down, has it requeued twice, and starts us."""
    lab.daemon.stop()
    submit(lab, rcpt, HEAD + b"X-Virtual-MTA: news\r\n"
           b"X-Job: j1\r\nSubject: again\r\n\r\nx\r\n")
    for i in range(2):
        def tried():
            with open(lab.postfix.log) as f:
                return sum("<%s>" % rcpt in x and "status=deferred" in x
                           for x in f) > i
        tap.wait_for(tried, 20, "a try of Postfix")
        r = lab.postfix.run("postsuper", "-c", lab.postfix.conf, "-r", "ALL")
        tap.check("Requeued: 1 message" in r.stderr, r.stderr)
        lab.postfix.flush()
    lab.daemon.start()
    lab.postfix.flush()
    m = lab.wait_arrived(rcpt, 60)
    judge(lab, lab.stored(m))
    with open(lab.daemon.log) as f:
        line = [x for x in f if " accepted " in x][-1]
    tap.check("policy=milter" in line and "job=j1" in line, line)
    tap.equal(m["peer"], "127.0.0.11", "its virtual MTA")


@tap.test("deferred by Postfix, requeued, delivered: one signature, one mark",
          proves="mark-key-file")
def requeued(lab):
    requeue(lab, "again@in0.example", lambda lab, rcpt, text:
            by_smtp(lab, [rcpt], text))


@tap.test("the same for mail by sendmail")
def requeued_sendmail(lab):
    requeue(lab, "twice@in0.example", by_sendmail)


@tap.test("VERP by Postfix: a sender for each recipient, marks are good")
def verp(lab):
    by_smtp(lab, ["v1@in0.example", "v2@in1.example"],
            HEAD + b"Subject: v\r\n\r\nx\r\n", sender="list@brand.example",
            params=" XVERP=+=")
    for rcpt in ("v1@in0.example", "v2@in1.example"):
        m = lab.wait_arrived(rcpt)
        tap.equal(m["sender"], "list+%s@brand.example" %
                  rcpt.replace("@", "="), "VERP sender")
        judge(lab, lab.stored(m))
    with open(lab.daemon.log) as f:
        lines = [x for x in f if " accepted " in x and "list+v" in x]
    tap.equal(["policy=milter" in x for x in lines], [True, True],
              "the mark was made for list@")


@tap.test("users who signed in at Postfix: their source, and who they are")
def users(lab):
    for login, peer in (("alice", "127.0.0.14"), ("bob", "127.0.0.11")):
        rcpt = login + "-user@in0.example"
        queue_id = by_smtp(lab, [rcpt], HEAD + b"\r\nx\r\n",
                           xclient="LOGIN=" + login)
        tap.equal(lab.wait_arrived(rcpt)["peer"], peer, login)
        line = accepted(lab, queue_id)
        tap.check("user=" + login in line, line)
        rows = tap.wait_for(
            lambda: [r for r in mailrace.accounting(lab.path("more"))
                     if r["rcpt"] == rcpt and r["type"] == "d"], 20, "a row")
        tap.equal(rows[0]["rcvSmtpUser"], login, "rcvSmtpUser")


@tap.test("an address probe is no message")
def probe(lab):
    before = lab.audit().accepted
    with smtp_client.Client(lab.lmtp, lmtp=True) as c:
        c.hello()
        for text in ("MAIL FROM:<>", "RCPT TO:<p@in0.example>", "RSET",
                     "MAIL FROM:<>", "RCPT TO:<p@in0.example>", "QUIT"):
            tap.check(c.command(text)[0] in (250, 221), text)
    tap.equal(lab.audit().accepted, before, "accepted")


tap.main(Fixture)
