#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A client of the ingress, or a host MTA at the milter, can smuggle nothing,
desynchronise nothing and take no more memory than a message may have."""

import netns
netns.enter()

import re
import socket
import struct

import memory
import postfix
import smtp_client
import tap
from lab import LISTEN, Lab, mx_zone
from milter_client import BODY_MAX, Client as MilterClient

# Postfix as a receiver: what it takes it hands on to a scripted one.
RECEIVER, BEHIND = "127.0.1.25", "127.0.1.2"
DOMAIN = "pf.example"
RELAYING, STRANGER = "127.0.0.77", "127.0.0.78"
LIMIT = 8 << 20  # max-message-size
CONFIG = """
<source 0/0>
    max-message-size 8M
</source>
<source %s>
    always-allow-relaying yes
</source>
""" % RELAYING
POSTFIX_MAIN = """\
default_transport = smtp:[%s]
smtp_host_lookup = native
""" % BEHIND

# What some take for the end of data (SMTP smuggling), and does it go on as
# text of one message?  What holds a bare CR or LF is refused.
SEQUENCES = [
    ("LF . LF", b"\n.\n", False),
    ("LF . CRLF", b"\n.\r\n", False),
    ("CR . CRLF", b"\r.\r\n", False),
    ("CRLF . LF", b"\r\n.\n", False),
    ("CRLF . CR", b"\r\n.\r", False),
    ("LF . CR", b"\n.\r", False),
    ("CR . CR", b"\r.\r", False),
    ("CR . LF", b"\r.\n", False),
    ("CRLF NUL . CRLF", b"\r\n\0.\r\n", True),
]
SMUGGLED = (b"MAIL FROM:<evil@x.example>\r\nRCPT TO:<evil@" +
            DOMAIN.encode() + b">\r\nDATA\r\nSubject: evil\r\n\r\n"
            b"evil\r\n.\r\n")


class Fixture(Lab):
    def __init__(self):
        super().__init__(
            zone=mx_zone(DOMAIN, ("mx." + DOMAIN, RECEIVER)), config=CONFIG,
            with_postfix=False, receivers=[{"listen": [BEHIND + ":25"]}])
        self.behind = postfix.Postfix(self.path("pf"), hand_over=False,
                                      address=RECEIVER, main=POSTFIX_MAIN)
        self.flown = 0

    def __enter__(self):
        if postfix.missing():
            tap.skip(postfix.missing() + " is not installed")
        self.start()
        self.behind.start()
        return self

    def __exit__(self, *exc):
        self.behind.stop()
        super().__exit__(*exc)

    def check_flow(self):
        """The daemons are there, and other mail flows."""
        for d in (self.daemon, self.milter):
            tap.check(d.running(), d.name + " is gone:\n" +
                      d.log_text()[-3000:])
        self.flown += 1
        rcpt = "after%d@%s" % (self.flown, DOMAIN)
        self.inject(rcpt)
        self.wait_arrived(rcpt)


def open_lmtp(lab):
    return smtp_client.Client(lab.lmtp, lmtp=True)


def open_smtp(_lab):
    return smtp_client.Client((LISTEN, 25), source=RELAYING)


def smuggle(c, rcpt, sequence):
    """What is answered to a message that holds the sequence and a second
    message behind it."""
    c.command("MAIL FROM:<s@sender.example>")
    tap.equal(c.command("RCPT TO:<%s>" % rcpt)[0], 250, rcpt)
    tap.equal(c.command("DATA")[0], 354, "DATA")
    c.raw(b"Subject: x\r\n\r\nbody" + sequence + SMUGGLED)
    code = c.reply()[0]
    tap.equal(c.command("NOOP")[0], 250, "in step afterwards")
    return code


def check_smuggling(lab, opener, name):
    for i, (label, sequence, goes_on) in enumerate(SEQUENCES):
        rcpt = "%s%d@%s" % (name, i, DOMAIN)
        with opener(lab) as c:
            c.hello()
            tap.equal(smuggle(c, rcpt, sequence), 250 if goes_on else 550,
                      label)
        if goes_on:
            text = lab.stored(lab.wait_arrived(rcpt))
            tap.check(b"evil@x.example" in text, label + ": is all text")
    lab.check_flow()
    got = [r for m in lab.messages() for r in m["rcpts"]]
    wanted = sum(goes_on for _, _, goes_on in SEQUENCES)
    tap.equal(len([r for r in got if r.startswith(name)]), wanted,
              "messages behind a real Postfix")
    tap.equal([r for r in got if "evil" in r], [], "smuggled")


@tap.test("LMTP: of the nine smuggling sequences at most one message comes")
def smuggling_lmtp(lab):
    check_smuggling(lab, open_lmtp, "lmtp")


@tap.test("SMTP: the same")
def smuggling_smtp(lab):
    check_smuggling(lab, open_smtp, "smtp")


@tap.test("BDAT: the same sequences, and a true end of data, are no end")
def smuggling_bdat(lab):
    ends = list(SEQUENCES) + [("a true end of data", b"\r\n.\r\n", True)]
    for i, (label, sequence, goes_on) in enumerate(ends):
        rcpt = "bdat%d@%s" % (i, DOMAIN)
        chunk = b"Subject: x\r\n\r\nbody" + sequence + SMUGGLED
        with open_smtp(lab) as c:
            c.hello()
            c.command("MAIL FROM:<s@sender.example>")
            c.command("RCPT TO:<%s>" % rcpt)
            c.raw(b"BDAT %d LAST\r\n" % len(chunk) + chunk + b"NOOP\r\n")
            codes = [c.reply()[0] for _ in range(2)]
            tap.equal(codes, [250 if goes_on else 550, 250], label)
        if goes_on:
            text = lab.stored(lab.wait_arrived(rcpt))
            tap.check(b"evil@x.example" in text, label + ": is all text")
    lab.check_flow()
    got = [r for m in lab.messages() for r in m["rcpts"]]
    tap.equal([r for r in got if "evil" in r], [], "smuggled")


@tap.test("what is not believed: PROXY, XCLIENT and XFORWARD from strangers")
def strangers(lab):
    attempts = (b"PROXY TCP4 127.0.0.1 127.0.0.2 1 25\r\n",
                b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + b"\x7f\0\0\1" * 2 +
                b"\0\1\0\x19",
                b"XCLIENT ADDR=127.0.0.1 LOGIN=root\r\n",
                b"EHLO x\r\nXCLIENT NAME=localhost ADDR=127.0.0.1\r\n")
    for octets in attempts:
        with smtp_client.Client((LISTEN, 25), source=STRANGER) as c:
            c.raw(octets + b"EHLO x\r\nMAIL FROM:<s@sender.example>\r\n"
                  b"RCPT TO:<evil@%s>\r\nDATA\r\n" % DOMAIN.encode())
            codes = []
            try:
                while len(codes) < 40:
                    codes.append(c.reply()[0])
                    if codes[-1] == 554:
                        break
            except (smtp_client.Closed, ConnectionError):
                pass
            tap.check(354 not in codes, "%r: %s" % (octets, codes))
            tap.check({421, 221, 554} & set(codes), "%r: %s" % (octets, codes))
    lab.check_flow()


@tap.test("lines of dots reach a real Postfix as one message, unchanged")
def dots(lab):
    rcpt = "dots@" + DOMAIN
    body = ".\n..\n...\n.x\n\n.\n"
    lab.inject(rcpt, body=body)
    text = lab.stored(lab.wait_arrived(rcpt))
    tap.check(text.endswith(b"\r\n\r\n" + body.replace("\n", "\r\n")
                            .encode()), repr(text[-60:]))


@tap.test("bare CR, bare LF, NUL and 8 bits in commands: refused, in step")
def commands(lab):
    bad = (b"NOOP a\rb\r\n", b"MAIL FROM:<a\0@b.example>\r\n",
           b"MAIL FROM:<a\x1b[31m@b.example>\r\n", b"\x80\xff\xfe\r\n",
           b"MAIL FROM:<a@b.example>\rRCPT TO:<c@d.example>\r\n",
           b"RCPT TO:<%n%s%x@b.example>\r\n")
    for octets in bad:
        with open_lmtp(lab) as c:
            c.hello()
            c.raw(octets)
            code, text = c.reply()
            tap.check(500 <= code < 600, "%r: %d %s" % (octets, code, text))
            tap.check(text.isprintable(), "%r echoed: %r" % (octets, text))
            tap.equal(c.command("NOOP")[0], 250, "in step after %r" % octets)
    with open_lmtp(lab) as c:
        c.hello()
        c.raw(b"MAIL FROM:<a@b.example>\nRCPT TO:<c@%s>\n" % DOMAIN.encode())
        codes = {c.reply()[0]}
        c.raw(b"\r\nNOOP\r\n")
        while 250 not in codes:
            codes.add(c.reply()[0])
    lab.check_flow()


@tap.test("a pipeline of everything is answered in order; nothing after QUIT")
def pipeline(lab):
    rcpt = "pipeline@" + DOMAIN
    with open_lmtp(lab) as c:
        c.raw(b"LHLO x\r\nDATA\r\nMAIL FROM:<s@sender.example>\r\n"
              b"RCPT TO:<" + rcpt.encode() + b">\r\nDATA\r\nSubject: x\r\n"
              b"\r\nMAIL FROM:<evil@x.example>\r\n.\r\nDATA\r\nRSET\r\n"
              b"QUIT\r\n" + SMUGGLED)
        codes = [c.reply()[0] for _ in range(9)]
        tap.equal(codes, [250, 503, 250, 250, 354, 250, 503, 250, 221],
                  "replies")
        try:
            tap.check(not c.line(), "said something after QUIT")
        except (smtp_client.Closed, ConnectionError):
            pass
    lab.wait_arrived(rcpt)


@tap.test("STARTTLS is neither offered nor taken; what follows is in clear")
def starttls(lab):
    for opener in (open_lmtp, open_smtp):
        with opener(lab) as c:
            c.hello()
            tap.check("STARTTLS" not in c.extensions, "offered")
            c.raw(b"STARTTLS\r\nNOOP\r\n" + b"\x16\x03\x01\0\x05hello\r\n")
            codes = [c.reply()[0] for _ in range(3)]
            tap.check(codes[0] in (500, 502, 503), "%d" % codes[0])
            tap.equal(codes[1], 250, "the command behind it")
            tap.check(500 <= codes[2] < 600, "the handshake")
    lab.check_flow()


# ---- memory ------------------------------------------------------------------

def big(process):
    """1 GB; under a sanitizer, which takes minutes for that, 64 MB."""
    return 64 << 20 if memory.has_sanitizer(process.pid) else 1 << 30


class Bounded:
    """Not more than room bytes of memory more than before are used."""

    def __init__(self, process, room):
        self.process, self.room = process, room
        if memory.has_sanitizer(process.pid):
            self.room += 512 << 20  # what was freed is kept for a while

    def __enter__(self):
        memory.forget_peak(self.process.pid)
        self.before = memory.now(self.process.pid)

    def __exit__(self, kind, _value, _trace):
        used = memory.peak(self.process.pid) - self.before
        tap.note("%s: %.1f MB more at the most" % (self.process.name,
                                                   used / 1e6))
        if kind is None:
            tap.check(used <= self.room, "%d bytes more" % used)


def pour(c, count):
    """So many bytes without a line end."""
    piece = b"x" * (1 << 20)
    for _ in range(count // len(piece)):
        c.raw(piece)


@tap.test("a command of 1 GB: 500, and the next one is heard")
def long_command(lab):
    with open_lmtp(lab) as c, Bounded(lab.daemon, 2 << 20):
        c.sock.settimeout(60)
        c.hello()
        c.raw(b"NOOP ")
        pour(c, big(lab.daemon))
        c.raw(b"\r\n")
        tap.equal(c.reply()[0], 500, "reply")
        tap.equal(c.command("NOOP")[0], 250, "in step afterwards")
    lab.check_flow()


@tap.test("a line of 1 GB in a message: 552, no more memory than allowed")
def long_line(lab):
    with open_lmtp(lab) as c, Bounded(lab.daemon, 3 * LIMIT):
        c.sock.settimeout(60)
        c.hello()
        c.command("MAIL FROM:<s@sender.example>")
        c.command("RCPT TO:<big@%s>" % DOMAIN)
        tap.equal(c.command("DATA")[0], 354, "DATA")
        pour(c, big(lab.daemon))
        c.raw(b"\r\n.\r\n")
        tap.equal(c.reply()[0], 552, "reply")
        tap.equal(c.command("NOOP")[0], 250, "in step afterwards")
    lab.check_flow()


@tap.test("20 clients that never end their message do not add up without end")
def unfinished(lab):
    with Bounded(lab.daemon, 40 * LIMIT):
        clients = [open_lmtp(lab) for _ in range(20)]
        for c in clients:
            c.hello()
            c.command("MAIL FROM:<s@sender.example>")
            c.command("RCPT TO:<big@%s>" % DOMAIN)
            c.command("DATA")
            pour(c, 2 * LIMIT)
        lab.check_flow()
        for c in clients:
            c.close()


@tap.test("milter: a body of one line of 1 GB is taken without being kept")
def milter_line(lab):
    size = big(lab.milter)
    c = MilterClient(lab.path("run", "milter"))
    with Bounded(lab.milter, 4 << 20):
        c.begin()
        for name in (b"From", b"Subject"):
            c.step("L", name + b"\0 a@example.net\0")
        piece = b"x" * BODY_MAX
        for _ in range(size // BODY_MAX):
            c.step("B", piece)
        c.abort()
    c.close()
    lab.check_flow()


@tap.test("milter: a packet that says it has 1 GB ends its connection only")
def milter_packet(lab):
    for size in (1 << 30, 0xffffffff, 0):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(20)
        sock.connect(lab.path("run", "milter"))
        with Bounded(lab.milter, 4 << 20):
            sock.sendall(struct.pack("!I", size) + b"O" + b"\0" * 12)
            sock.shutdown(socket.SHUT_WR)
            try:
                while sock.recv(65536):
                    pass
            except ConnectionError:
                pass
        sock.close()
    lab.check_flow()


# ---- afterwards --------------------------------------------------------------

@tap.test("no control byte reached a log or a record")
def clean(lab):
    for text in (lab.daemon.log_text(), lab.milter.log_text()):
        bad = re.findall("[\0-\x08\x0b-\x1f\x7f].*", text)
        tap.equal(bad, [], "in a log")
    for row in lab.accounting():
        for key, value in row.items():
            tap.check(value.isprintable(), "%s: %r" % (key, value))


@tap.test("the books balance")
def books(lab):
    audit = tap.wait_for(lambda: lab.audit().queued == 0 and lab.audit(), 20,
                         "all is delivered")
    tap.check(audit.balances(), "audit: %s" % audit)
    tap.equal(audit.accepted, audit.terminal["delivered"], "delivered")


tap.main(Fixture)
