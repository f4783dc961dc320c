#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Servers that flood, desynchronise, inject and lie: each session ends or is
handled as RFC 5321 says, nothing is believed that should not be, memory stays
bounded, and what they say reaches logs and records escaped."""

import netns
netns.enter()

import re

import memory
import tap
from hostile_server import Server
from lab import Lab, mx_zone

GB = 1 << 30
READ_AT_MOST = 8 << 20  # kernel's buffers included
RETRY_S = 60            # one attempt each in this test
GREETING_S = 3
CONFIG = """
<domain *>
    retry-after %ds
    retry-recipients-after %ds
    smtp-greeting-timeout %ds
    smtp-data-termination-timeout 3s
    connect-timeout 3s
</domain>
<domain [*.]tls.example>
    retry-after 2s
</domain>
<domain [*.]required.example>
    retry-after 2s
    require-starttls yes
</domain>
""" % (RETRY_S, RETRY_S, GREETING_S)

HELLO = b"220 mx.example ESMTP\r\n"
PLAIN = b"250 mx.example\r\n"
PIPE = b"250-mx.example\r\n250 PIPELINING\r\n"
TLS = b"250-mx.example\r\n250 STARTTLS\r\n"
OK = b"250 2.0.0 ok\r\n"
GO = b"354 go ahead\r\n"
EVERYTHING = b"".join(b"250-%s\r\n" % word for word in (
    b"mx.example", b"PIPELINING", b"SIZE 52428800", b"8BITMIME", b"CHUNKING",
    b"BINARYMIME", b"SMTPUTF8", b"DSN", b"ENHANCEDSTATUSCODES", b"VRFY",
    b"EXPN", b"ETRN", b"TURN", b"ATRN", b"HELP", b"AUTH LOGIN PLAIN",
    b"AUTH=LOGIN", b"DELIVERBY 1", b"NO-SOLICITING", b"MTRK", b"SUBMITTER",
    b"BURL imap", b"REQUIRETLS", b"LIMITS RCPTMAX=1", b"XCLIENT NAME",
    b"XFORWARD", b"X-" + b"Y" * 400, b"\xff\xfe\0\x1b[2J", b"")) + \
    b"250 FUTURERELEASE\r\n"
ESCAPES = b"550 5.1.1 caf\xe9 \x1b[31mred\x07 \x7f\"q\",c\\ %s%n \xc3\xa4\r\n"


ANSWERS = {"greeting": HELLO, "ehlo": PLAIN, "mail": OK, "rcpt": OK,
           "data": GO, "dot": OK, "rset": OK, "quit": b"221 bye\r\n"}


def deliver(talk, **said):
    """Answers whatever comes, one command at a time; said has what is
    answered otherwise than by a good server."""
    answers = dict(ANSWERS, **said)
    talk.say(answers["greeting"])
    verb = ""
    while verb != "quit":
        verb = talk.hear()[:4].decode("latin-1").lower()
        talk.say(answers.get(verb, b"500 what?\r\n"))
        if verb == "data" and answers["data"].startswith(b"354"):
            talk.hear_message()
            talk.say(answers["dot"])


def says(**replies):
    return lambda talk: deliver(talk, **replies)


def flood_at(first, piece, before=()):
    """After the (command, answer) pairs before: a reply without end."""
    def play(talk):
        for command, answer in before:
            if command:
                talk.hear(command)
            talk.say(answer)
        if before:
            talk.hear()
        talk.flood(first, piece, GB)
    return play


def starttls(behind=b"", instead=b""):
    """Answers STARTTLS, with more behind the answer, or with something else
    in place of a handshake."""
    def play(talk):
        talk.say(HELLO)
        talk.answer(b"EHLO", TLS)
        talk.answer(b"STARTTLS", b"220 go ahead\r\n" + behind)
        if instead and talk.read():
            talk.say(instead)
    return play


HI = ((b"", HELLO), (b"EHLO", PLAIN))
# label, play, what becomes of the recipient: d delivered, b bounced, "" it
# waits for another attempt
SERVERS = [
    ("line-of-1g", flood_at(b"220 ", b"x"), ""),
    ("lines-of-1g", flood_at(b"", b"220-and so on\r\n"), ""),
    ("ehlo-line", flood_at(b"250-", b"x", [(b"", HELLO)]), ""),
    ("ehlo-lines", flood_at(b"", b"250-X-FEATURE\r\n", [(b"", HELLO)]), ""),
    ("mail-line", flood_at(b"250 ", b"\0", HI), ""),
    ("rcpt-lines", flood_at(b"", b"550-no\r\n", HI + ((b"MAIL", OK),)), ""),
    ("dot-lines", lambda t: (deliver(t, dot=b""),
                             t.flood(b"", b"250-\r\n", GB)), ""),
    ("empty-lines", flood_at(b"", b"\r\n"), ""),
    ("all-at-once", lambda t: t.say(HELLO + PLAIN + OK + OK + GO + OK), ""),
    ("ehlo-twice", says(ehlo=PLAIN + PLAIN), ""),
    ("mail-twice", says(mail=OK + OK), ""),
    ("one-too-many", says(rcpt=OK + OK + GO + OK), ""),
    ("glued", says(ehlo=PIPE, mail=OK + OK, rcpt=b""), "d"),
    ("glued-too-many", says(ehlo=PIPE, mail=OK + OK + OK, rcpt=b""), ""),
    ("glued-too-few", says(ehlo=PIPE, mail=OK + GO, rcpt=b""), ""),
    ("354-unasked", says(rcpt=OK + GO), ""),
    ("354-for-mail", says(mail=GO), ""),
    ("250-for-data", says(data=OK), ""),
    ("354-and-250", says(data=GO + OK), ""),
    ("dot-twice", says(dot=OK + b"554 5.0.0 not really\r\n"), "d"),
    ("dot-354", says(dot=GO), ""),
    ("code-000", says(mail=b"000 what\r\n"), ""),
    ("code-999", says(mail=b"999 what\r\n"), ""),
    ("code-2x0", says(mail=b"2x0 what\r\n"), ""),
    ("code-100", says(mail=b"100 what\r\n"), ""),
    ("code-25", says(mail=b"25\r\n"), ""),
    ("code-2500", says(mail=b"2500 ok\r\n"), ""),
    ("codes-mixed", says(dot=b"250-yes\r\n550 no\r\n"), "b"),
    ("says-everything", says(ehlo=EVERYTHING), "d"),
    ("says-nothing", says(ehlo=b"250\r\n"), "d"),
    ("size-1", says(ehlo=b"250-x\r\n250 SIZE 1\r\n"), "b"),
    ("size-0", says(ehlo=b"250-x\r\n250 SIZE 0\r\n"), "d"),
    ("size-huge", says(ehlo=b"250-x\r\n250 SIZE 99999999999999999999999\r\n"),
     "d"),
    ("size-minus", says(ehlo=b"250-x\r\n250 SIZE -1\r\n"), "d"),
    ("size-lies", says(ehlo=b"250-x\r\n250 SIZE 99999999\r\n",
                       dot=b"552 5.3.4 larger than I said\r\n"), "b"),
    ("escapes", says(rcpt=ESCAPES), "b"),
    ("escapes-dot", says(dot=ESCAPES.replace(b"550 5.1.1", b"554 5.6.0")),
     "b"),
    ("slow-greeting", lambda t: t.drip(HELLO, 0.5), ""),
]
# Also these; what is looked at is in their own tests.
TLS_SERVERS = [
    ("injected.tls", starttls(behind=b"250 mx.example\r\n")),
    ("injected.required", starttls(behind=b"250-mx\r\n250 AUTH PLAIN\r\n")),
    ("junk.required", starttls(instead=b"250 this is no TLS\r\n")),
    ("stripped.required", says(ehlo=PLAIN)),
]
IPS = {label: "127.0.4.%d" % (i + 1) for i, label in enumerate(
    [s[0] for s in SERVERS] + [s[0] for s in TLS_SERVERS])}
ZONE = mx_zone("good.example", ("mx.good.example", "127.0.1.1")) + \
    "".join(mx_zone(label + ".example", ("mx.%s.example" % label, ip))
            for label, ip in IPS.items())


def rcpt_of(label):
    return "x@%s.example" % label


class Fixture(Lab):
    acct_sync = True

    """All servers get their message at once; each test looks at one."""

    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, with_postfix=False,
                         with_milter=False,
                         receivers=[{"listen": ["127.0.1.1:25"]}])

    def __enter__(self):
        self.servers = {s[0]: Server(IPS[s[0]], s[1])
                        for s in SERVERS + TLS_SERVERS}
        self.start()
        memory.forget_peak(self.daemon.pid)
        self.before = memory.now(self.daemon.pid)
        for label in self.servers:
            self.inject(rcpt_of(label))
        return self

    def talk(self, label, timeout_s=60):
        """The first connection, when it is over."""
        return self.talks(label, 1, timeout_s)[0]

    def talks(self, label, count, timeout_s=60):
        """The first so many connections, when they are over."""
        def first():
            talks = self.servers[label].talks[:count]
            return len(talks) == count and all(t.over for t in talks) and \
                talks
        return tap.wait_for(first, timeout_s, "%d connection(s) of %s end" %
                            (count, label))

    def fate(self, label):
        rows = [r["type"] for r in self.accounting()
                if r["rcpt"] == rcpt_of(label) and r["type"] in "db"]
        return "".join(rows)


def make(label, wanted):
    def run(lab):
        talk = lab.talk(label)
        tap.check(talk.closed, "it is not us who hung up")
        tap.check(talk.sent < READ_AT_MOST, "%d bytes were read" % talk.sent)
        if wanted:
            tap.wait_for(lambda: lab.fate(label), 20, "a record")
        tap.equal(lab.fate(label), wanted, "what became of it")
    return run


for name, _play, fate in SERVERS:
    tap.test(name + {"d": ": delivered", "b": ": bounced",
                     "": ": not believed, it waits"}[fate])(make(name, fate))


@tap.test("a greeting that never ends is waited for no longer than allowed")
def slow(lab):
    talk = lab.talk("slow-greeting")
    took = talk.ended - talk.began
    tap.check(GREETING_S - 0.5 < took < GREETING_S + 15, "%.1f s" % took)


@tap.test("of what is announced only what we know is used")
def everything(lab):
    heard = bytes(lab.talk("says-everything").heard).split(b"\r\n")
    tap.check(re.fullmatch(rb"MAIL FROM:<s@sender.example> SIZE=\d+",
                           heard[1]), repr(heard[1]))
    tap.equal(heard[2].split(b">")[0],
              b"RCPT TO:<" + rcpt_of("says-everything").encode(), "RCPT")


@tap.test("no message, and no command, goes to a server that is out of step")
def out_of_step(lab):
    for label in ("all-at-once", "ehlo-twice"):
        heard = bytes(lab.talk(label).heard)
        tap.check(b"MAIL" not in heard, "%s: %r" % (label, heard))
    for label in ("mail-twice", "354-unasked", "354-for-mail",
                  "250-for-data", "one-too-many"):
        heard = bytes(lab.talk(label).heard)
        tap.check(b"Subject:" not in heard, "%s: %r" % (label, heard))


@tap.test("words behind the answer to STARTTLS are not taken for TLS's")
def injected(lab):
    for label in ("injected.tls", "injected.required"):
        heard = bytes(lab.talk(label).heard)
        tap.check(heard.endswith(b"STARTTLS\r\n"), "%s: %r" % (label, heard))


@tap.test("between STARTTLS and the handshake not a byte goes in clear")
def handshake(lab):
    heard = bytes(lab.talk("junk.required").heard)
    hello = heard.split(b"STARTTLS\r\n", 1)[1]
    tap.equal(hello[:2], b"\x16\x03", "a TLS handshake")


@tap.test("where TLS is required nothing of a message goes in clear, ever")
def required(lab):
    for label in ("injected.required", "junk.required",
                  "stripped.required"):
        for talk in lab.talks(label, 2):
            tap.check(b"MAIL" not in talk.heard, label)
        tap.equal(lab.fate(label), "", label)


@tap.test("control bytes of a reply are in no log, record or listing")
def escaped(lab):
    bad = re.findall("[\0-\x08\x0b-\x1f\x7f].*", lab.daemon.log_text())
    tap.equal(bad, [], "in the log")
    rows = [r for r in lab.accounting() if "escapes" in r["rcpt"]]
    tap.equal(len(rows), 2, "records")
    for row in rows:
        tap.check("red" in row["dsnDiag"], row["dsnDiag"])
    for row in lab.accounting():
        for key, value in row.items():
            tap.check(not re.search("[\0-\x1f\x7f]", value),
                      "%s: %r" % (key, value))
    for command in (["list"], ["show", "queues"], ["audit"]):
        text = lab.command.text(*command)
        tap.check(not re.search("[\0-\x08\x0b-\x1f\x7f]", text), str(command))


@tap.test("all of it took little memory, and other mail flows")
def afterwards(lab):
    tap.check(lab.daemon.running(), "the daemon is gone:\n" +
              lab.daemon.log_text()[-3000:])
    used = memory.peak(lab.daemon.pid) - lab.before
    tap.note("%.1f MB more at the most" % (used / 1e6))
    room = 16 << 20
    if memory.has_sanitizer(lab.daemon.pid):
        room += 512 << 20
    tap.check(used <= room, "%d bytes more" % used)
    lab.inject("after@good.example")
    lab.wait_arrived("after@good.example")


@tap.test("the books balance: nothing was believed that was not said")
def books(lab):
    delivered = sum(fate == "d" for _, _, fate in SERVERS) + 1
    failed = sum(fate == "b" for _, _, fate in SERVERS)
    audit = tap.wait_for(
        lambda: lab.audit().terminal["delivered"] == delivered and
        lab.audit(), 20, "%d delivered" % delivered)
    tap.equal(audit.terminal["failed"], failed, "failed")
    tap.check(audit.balances(), "audit: %s" % audit)


tap.main(Fixture)
