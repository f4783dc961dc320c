#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""LMTP and SMTP ingress: what is announced, per-recipient replies, limits,
strict end of data, relaying, repeated hand-overs."""

import netns
netns.enter()

import smtp_client
import tap
from lab import LISTEN, Lab, mx_zone

CONFIG = """
relay-domain friend.example
<source 127.0.0.1>
    max-rcpt-per-message 3
    max-message-size 100K
</source>
<source 127.0.0.77>
    always-allow-relaying yes
</source>
<source 127.0.0.66>
    smtp-service no
</source>
"""
ZONE = "".join(mx_zone(d, ("mx1.in.example", "127.0.1.1"))
               for d in ("in.example", "friend.example"))


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, with_postfix=False,
                         with_milter=False,
                         receivers=[{"listen": ["127.0.1.1:25"]}])

    def __enter__(self):
        self.start()
        return self


def message(rcpt, **compose):
    return smtp_client.compose("s@sender.example", rcpt, **compose)


@tap.test("LMTP announces what a host MTA needs, in less than 240 bytes",
          proves="lmtp-listener")
def announce(lab):
    for where in (lab.lmtp, (LISTEN, 24)):
        with smtp_client.Client(where, lmtp=True) as c:
            tap.equal(c.greeting[0], 220, "greeting")
            code, text = c.hello()
            tap.equal(code, 250, "LHLO")
            for name in ("PIPELINING", "8BITMIME", "SMTPUTF8", "DSN",
                         "ENHANCEDSTATUSCODES", "SIZE", "XFORWARD"):
                tap.check(name in c.extensions, name + " in " + text)
            tap.check("CHUNKING" not in c.extensions, "CHUNKING")
            size = sum(len(line) + 6 for line in text.split("\n"))
            tap.check(size < 240, "the answer has %d bytes" % size)


@tap.test("one reply a recipient, in order, after one flush")
def replies(lab):
    dots = lab.inject(["a@in.example", "b@in.example", "c@in.example"])
    tap.equal([code for code, _ in dots], [250] * 3, "replies")
    for r in "abc":
        lab.wait_arrived(r + "@in.example")


@tap.test("a recipient too many, or malformed, is refused alone",
          proves="source max-rcpt-per-message")
def too_many(lab):
    with smtp_client.Client(lab.lmtp, lmtp=True) as c:
        c.hello()
        taken, dots = c.send("s@sender.example", [
            "no at sign@", "1@in.example", "2@in.example", "3@in.example",
            "4@in.example"], message("1@in.example"),
            xforward={"ADDR": "127.0.0.1"})
        tap.check(taken[0][0] in (501, 553), "malformed: %s" % (taken[0],))
        tap.equal([code for code, _ in taken[1:4]], [250] * 3, "three")
        tap.equal(taken[4][0], 452, "the fourth: %s" % (taken[4],))
        tap.equal([code for code, _ in dots], [250] * 3, "after the dot")


@tap.test("a message over max-message-size: 552, by SIZE and by its bytes",
          proves="source max-message-size")
def too_large(lab):
    with smtp_client.Client(lab.lmtp, lmtp=True) as c:
        c.hello()
        c.command("XFORWARD ADDR=127.0.0.1")
        tap.equal(c.command("MAIL FROM:<s@x.example> SIZE=200000")[0], 552,
                  "by SIZE")
        c.command("RSET")
        _, dots = c.send("s@sender.example", ["big@in.example"],
                         message("big@in.example", size=150000))
        tap.equal([code for code, _ in dots], [552], "by its bytes")
        _, dots = c.send("s@sender.example", ["ok@in.example"],
                         message("ok@in.example"))
        tap.equal([code for code, _ in dots], [250], "the next message")


@tap.test("pipelined commands and two messages on a connection")
def pipelining(lab):
    with smtp_client.Client(lab.lmtp, lmtp=True) as c:
        c.hello()
        body = message("p@in.example")
        for i in range(2):
            rcpt = "pipe%d@in.example" % i
            c.raw(b"MAIL FROM:<s@sender.example>\r\nRCPT TO:<" +
                  rcpt.encode() + b">\r\nDATA\r\n")
            tap.equal([c.reply()[0] for _ in range(3)], [250, 250, 354], rcpt)
            c.raw(smtp_client.stuffed(body) + b".\r\n")
            tap.equal(c.reply()[0], 250, "dot")
            lab.wait_arrived(rcpt)


@tap.test("commands out of order, unknown, too long: refused, still alive")
def order(lab):
    with smtp_client.Client(lab.lmtp, lmtp=True) as c:
        tap.check(c.command("MAIL FROM:<a@b.example>")[0] in (250, 503),
                  "MAIL before LHLO")
        c.command("RSET")
        c.hello()
        tap.equal(c.command("RCPT TO:<a@in.example>")[0], 503, "RCPT first")
        tap.equal(c.command("DATA")[0], 503, "DATA first")
        tap.check(c.command("WHAT")[0] in (500, 502), "unknown")
        tap.check(500 <= c.command("MAIL FROM:<" + "a" * 9000 + ">")[0] < 600,
                  "too long")
        tap.equal(c.command("NOOP")[0], 250, "NOOP")
        tap.equal(c.command("MAIL FROM:<a@b.example> NONSENSE=1")[0], 555,
                  "unknown parameter")


@tap.test("only CR LF . CR LF ends the data (no smuggling)")
def end_of_data(lab):
    before, taken = lab.settled().accepted, 0
    for i, end in enumerate((b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r",
                             b"\r\n.\r")):
        smuggled = ("smuggled%d@in.example" % i).encode()
        with smtp_client.Client(lab.lmtp, lmtp=True) as c:
            c.hello()
            c.command("MAIL FROM:<s@sender.example>")
            c.command("RCPT TO:<smug%d@in.example>" % i)
            c.command("DATA")
            c.raw(b"Subject: x\r\n\r\nbody" + end +
                  b"MAIL FROM:<evil@x.example>\r\nRCPT TO:<" + smuggled +
                  b">\r\nDATA\r\nSubject: evil\r\n\r\nevil\r\n.\r\n")
            code, text = c.reply()
            tap.check(code == 250 or 500 <= code < 600, text)
            taken += code == 250
    tap.equal(lab.settled().accepted, before + taken, "accepted")
    tap.equal([r for m in lab.messages() for r in m["rcpts"]
               if "smuggled" in r], [], "smuggled recipients")


@tap.test("a client that goes away in the middle leaves nothing behind")
def gone(lab):
    before, idle = lab.audit().accepted, lab.lmtp_clients()
    with smtp_client.Client(lab.lmtp, lmtp=True) as c:
        c.hello()
        c.command("MAIL FROM:<s@sender.example>")
        c.command("RCPT TO:<gone@in.example>")
        c.command("DATA")
        c.raw(b"Subject: half\r\n\r\nhalf of it")
        tap.check(lab.lmtp_clients() > idle, "its connection is seen")
    tap.wait_for(lambda: lab.lmtp_clients() == idle, 20, "its connection is over")
    tap.equal(lab.audit().accepted, before, "accepted")


@tap.test("a repeated hand-over (same queue id) is answered 250, sent once")
def repeated(lab):
    before = lab.settled().accepted
    octets = message("twice@in.example", headers=[("X-Test-Id", "twice")])
    for _ in range(3):
        lab.inject("twice@in.example", message=octets, ident="3F0AB12C9D")
    lab.wait_arrived("twice@in.example")
    lab.inject("twice@in.example", message=octets, ident="4A4A4A4A4A")
    tap.equal(lab.settled().accepted, before + 2,
              "another queue id is another message")
    tap.equal(len(lab.arrived("twice@in.example")), 2, "deliveries")


@tap.test("SMTP: relaying is refused with 550 5.7.1, relay-domain is not",
          proves="relay-domain")
def relaying(lab):
    with smtp_client.Client((LISTEN, 25), source="127.0.0.5") as c:
        c.hello()
        taken, dots = c.send("s@sender.example", ["a@in.example",
                                                  "smtp@friend.example"],
                             message("smtp@friend.example"))
        tap.equal(taken[0][0], 550, "in.example")
        tap.check(taken[0][1].startswith("5.7.1"), taken[0][1])
        tap.equal([taken[1][0], dots[0][0]], [250, 250], "friend.example")
    lab.wait_arrived("smtp@friend.example")


@tap.test("SMTP: always-allow-relaying lets a source through",
          proves="source always-allow-relaying")
def allowed(lab):
    with smtp_client.Client((LISTEN, 25), source="127.0.0.77") as c:
        c.hello()
        _, dots = c.send("s@sender.example", ["relay@in.example"],
                         message("relay@in.example"))
        tap.equal([code for code, _ in dots], [250], "dot")
        tap.equal(c.quit()[0], 221, "QUIT")
    lab.wait_arrived("relay@in.example")


@tap.test("smtp-service no: 521 instead of a greeting", proves="source smtp-service")
def no_service(lab):
    with smtp_client.Client((LISTEN, 25), source="127.0.0.66") as c:
        tap.equal(c.greeting[0], 521, "greeting")


@tap.test("DSN and SMTPUTF8 parameters are taken")
def parameters(lab):
    with smtp_client.Client(lab.lmtp, lmtp=True) as c:
        c.hello()
        tap.equal(c.command("MAIL FROM:<s@sender.example> BODY=8BITMIME "
                            "RET=HDRS ENVID=QQ314159 SIZE=300")[0], 250,
                  "MAIL")
        tap.equal(c.command("RCPT TO:<dsn@in.example> NOTIFY=FAILURE,DELAY "
                            "ORCPT=rfc822;dsn+2Bx@in.example")[0], 250,
                  "RCPT")
        tap.equal(c.data(message("dsn@in.example"), 1)[0][0], 250, "dot")
    lab.wait_arrived("dsn@in.example")
    record = lab.wait_record("d", "dsn@in.example")
    tap.equal(record["envId"], "QQ314159", "envId")
    tap.check("dsn+x@in.example" in record["orcpt"] or
              "dsn+2Bx@in.example" in record["orcpt"], record["orcpt"])


tap.main(Fixture)
