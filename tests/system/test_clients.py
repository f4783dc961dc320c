#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Clients of mailraced and their limits: each directive at its boundary, seen
over the wire; load balancers (PROXY) and mail proxies (XCLIENT, XFORWARD), who
are believed where they are trusted and nowhere else."""

import netns
netns.enter()

import select
import shutil
import socket
import struct
import subprocess
import time

import smtp_client
import tap
from lab import HOST_NAME, LISTEN, Lab, mx_zone

TOTAL = 10  # total-max-smtp-in; 2 of them are kept for a group
CONFIG = """
total-max-smtp-in 10
smtp-await-slot yes
relay-domain host.in.example
relay-address wanted@elsewhere.example
relay-debug yes
domain-suffix in.example
smtp-listener [::1]:25
smtp-listener 0/0:2525
<smtp-listener 127.0.0.3:25>
    proxy-protocol yes
</smtp-listener>
<smtp-listener [::1]:2526>
    source v6
</smtp-listener>
<source-group two>
    max-smtp-in 2
</source-group>
<source-group kept>
    reserved-smtp-in 2
</source-group>
<source 127.0.3.1>
    source-group two
</source>
<source 127.0.3.2>
    source-group two
</source>
<source 127.0.3.3>
    source-group kept
</source>
<source 127.0.3.4>
    max-smtp-in-per-client 2
</source>
<source 127.0.3.5>
    max-bad-commands 3
</source>
<source 127.0.3.6>
    max-refused-rcpts 2
</source>
<source 127.0.3.7>
    max-failure-rate 3/h
</source>
<source 127.0.3.8>
    smtp-command-timeout 1s
</source>
<source 127.0.3.9>
    smtp-data-timeout 1s
</source>
<source 127.0.3.10>
    max-rcpt-per-message 1
    disconnect-on-transient-error yes
</source>
<source 127.0.3.11>
    max-rcpt-per-message 2
    too-many-rcpts-fails-message yes
</source>
<source 127.0.3.13>
    max-idle-commands 4
</source>
<source 127.0.3.14>
    smtp-idle-timeout 1s
</source>
<source 127.0.3.12>
    max-message-hops 3
</source>
<source 127.0.3.13>
    auto-qualify-domain no
</source>
<source 127.0.3.14>
    allow-smtputf8 no
</source>
<source 127.0.3.15>
    always-allow-relaying yes
    bcc archive@in.example
</source>
<source 127.0.3.16>
    allow-xforward no
</source>
<source 127.0.3.17>
    allow-xforward yes
</source>
<source 127.0.3.18>
    always-allow-relaying yes
    allow-xclient yes
</source>
<source 127.0.3.19>
    always-allow-relaying yes
    allow-xclient login
</source>
<source 127.0.3.21>
    allow-chunking no
</source>
<source 127.0.3.20>
    always-allow-relaying yes
    allow-proxy-protocol yes
</source>
<source 192.0.2.7>
    always-allow-relaying yes
</source>
<source 192.0.2.8>
    smtp-service no
</source>
<smtp-user carol>
    source carols
</smtp-user>
<source carols>
    always-allow-relaying yes
</source>
<source v6>
    smtp-service no
</source>
"""
ZONE = mx_zone("in.example", ("mx1.in.example", "127.0.1.1"))
PLAIN = "127.0.4.1"  # a client without settings of its own
DENIED = 450         # by relay-debug


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, with_postfix=False,
                         with_milter=False,
                         receivers=[{"listen": ["127.0.1.1:25"]}])

    def __enter__(self):
        self.start()
        return self


def connect(source, where=(LISTEN, 25), **more):
    return smtp_client.Client(where, source=source, timeout_s=20, **more)


class Crowd:
    """Connections that are all closed at the end, and gone."""

    def __init__(self):
        self.open = []

    def __enter__(self):
        return self

    def add(self, source, **more):
        self.open.append(connect(source, **more))
        return self.open[-1]

    def codes(self, *sources):
        return [self.add(s).greeting[0] for s in sources]

    def close(self, i):
        self.open.pop(i).close()

    def __exit__(self, *_):
        for c in self.open:
            c.close()


def wait_greeted(source):
    """Until a client gets in: those that were closed have been seen to be."""
    def greeted():
        with connect(source) as c:
            return c.greeting[0] == 220
    tap.wait_for(greeted, 10, "a place for " + source)


def is_silent(c, for_s=0.4):
    """Nothing comes, the connection stays."""
    return not select.select([c.sock], [], [], for_s)[0]


def is_closed(c):
    try:
        return not c.sock.recv(1)
    except ConnectionError:
        return True


def begun(source, where=(LISTEN, 25), **more):
    c = connect(source, where, **more)
    c.hello()
    tap.equal(c.command("MAIL FROM:<s@sender.example>")[0], 250, "MAIL")
    return c


# ---- how many ----------------------------------------------------------------

@tap.test("max-smtp-in of a source-group: over all its sources",
          proves=("source-group max-smtp-in", "source source-group"))
def group(_lab):
    with Crowd() as crowd:
        tap.equal(crowd.codes("127.0.3.1", "127.0.3.2", "127.0.3.2", PLAIN),
                  [220, 220, 421, 220], "greetings")
        crowd.close(0)
        wait_greeted("127.0.3.2")


@tap.test("reserved-smtp-in: the last places are kept for the group",
          proves="source-group reserved-smtp-in")
def reserved(_lab):
    wait_greeted(PLAIN)
    with Crowd() as crowd:
        tap.equal(crowd.codes(*[PLAIN] * (TOTAL - 2)), [220] * (TOTAL - 2),
                  "those for all")
        late = crowd.add(PLAIN, greeted=False)
        tap.check(is_silent(late), "one more came in")
        tap.equal(crowd.codes("127.0.3.3", "127.0.3.3"), [220, 220],
                  "of the group")


@tap.test("smtp-await-slot: who is one too many waits and comes in",
          proves="smtp-await-slot")
def await_slot(_lab):
    wait_greeted(PLAIN)
    with Crowd() as crowd:
        crowd.codes(*[PLAIN] * (TOTAL - 2))
        late = crowd.add(PLAIN, greeted=False)
        tap.check(is_silent(late), "no answer yet")
        crowd.close(0)
        tap.equal(late.reply()[0], 220, "when there is a place")


@tap.test("max-smtp-in-per-client: of one address",
          proves="source max-smtp-in-per-client")
def per_client(_lab):
    with Crowd() as crowd:
        tap.equal(crowd.codes(*["127.0.3.4"] * 3), [220, 220, 421], "three")


# ---- failures ----------------------------------------------------------------

@tap.test("max-bad-commands: the third ends the connection",
          proves="source max-bad-commands")
def bad_commands(_lab):
    with connect("127.0.3.5") as c:
        tap.equal([c.command("NONSENSE")[0] for _ in range(3)],
                  [500, 500, 421], "replies")
        tap.check(is_closed(c), "open")
    with connect(PLAIN) as c:
        tap.equal([c.command("NONSENSE")[0] for _ in range(10)],
                  [500] * 9 + [421], "the default is 10")


@tap.test("a client that only says NOOP does not stay for ever",
          proves=("source max-idle-commands", "source smtp-idle-timeout"))
def idle(lab):
    for address, good, why in (
            ("127.0.3.13", 4, "too many commands without a message"),
            (PLAIN, 100, "too many commands without a message")):
        with connect(address) as c:
            c.raw(b"NOOP\r\n" * (good + 1))
            tap.equal({c.reply()[0] for _ in range(good)}, {250}, "replies")
            tap.equal(c.reply(), (421, "4.7.0 %s %s" % (HOST_NAME, why)), "last")
            tap.check(is_closed(c), "open")
    with connect("127.0.3.14") as c:
        end = time.monotonic() + 20
        answer = c.command("MAIL FROM:<a@b.example>")
        while answer[0] != 421 and time.monotonic() < end:
            time.sleep(0.2)
            answer = c.command("RCPT TO:<nobody@elsewhere.example>")
        tap.equal(answer, (421, "4.7.0 %s no message for too long" % HOST_NAME),
                  "with no junk at all")
        tap.check(is_closed(c), "open")
    tap.check("ingress-idle client=127.0.3.14" in lab.daemon.log_text(), "log")


@tap.test("max-refused-rcpts: the second ends the connection",
          proves="source max-refused-rcpts")
def refused_rcpts(_lab):
    with begun("127.0.3.6") as c:
        tap.equal([c.command("RCPT TO:<%s@no.example>" % x)[0] for x in "ab"],
                  [DENIED, 421], "replies")
        tap.check(is_closed(c), "open")
    with begun(PLAIN) as c:
        tap.equal({c.command("RCPT TO:<%d@no.example>" % x)[0]
                   for x in range(30)}, {DENIED}, "no limit")


@tap.test("max-failure-rate: over all connections of an address",
          proves="source max-failure-rate")
def failure_rate(_lab):
    with connect("127.0.3.7") as c:
        tap.equal(c.command("NONSENSE")[0], 500, "first")
    with begun("127.0.3.7") as c:
        tap.equal(c.command("RCPT TO:<x@no.example>")[0], DENIED, "second")
        tap.equal(c.command("NONSENSE")[0], 421, "third")
    with connect("127.0.3.7") as c:
        tap.equal(c.greeting[0], 421, "not let in")
    with connect(PLAIN) as c:
        tap.equal(c.greeting[0], 220, "another")


# ---- time --------------------------------------------------------------------

def wait_idle(c, began):
    tap.equal(c.reply()[0], 421, "at the time-out")
    tap.check(is_closed(c), "open")
    return time.monotonic() - began


@tap.test("smtp-command-timeout, smtp-data-timeout: each in its place",
          proves=("source smtp-command-timeout", "source smtp-data-timeout"))
def timeouts(_lab):
    began = time.monotonic()
    with connect("127.0.3.8") as silent, begun("127.0.3.9") as slow, \
            begun("127.0.3.8") as other:
        slow.sock.settimeout(8)
        silent.sock.settimeout(8)
        for c in (slow, other):
            tap.equal(c.command("RCPT TO:<x@host.in.example>")[0], 250, "RCPT")
            tap.equal(c.command("DATA")[0], 354, "DATA")
        for c in (silent, slow):
            spent = wait_idle(c, began)
            tap.check(0.9 < spent < 8, "after %.1f s" % spent)
        other.raw(b"Subject: x\r\n\r\nx\r\n.\r\n")  # that is no command
        tap.equal(other.reply()[0], 250, "the other one")


# ---- messages ----------------------------------------------------------------

@tap.test("disconnect-on-transient-error: after a 4xx",
          proves="source disconnect-on-transient-error")
def transient(_lab):
    with begun("127.0.3.10") as c:
        tap.equal(c.command("NONSENSE")[0], 500, "not after a 5xx")
        tap.equal([c.command("RCPT TO:<%s@host.in.example>" % x)[0]
                   for x in "ab"], [250, 452], "RCPT")
        tap.check(is_closed(c), "open")


@tap.test("too-many-rcpts-fails-message: at DATA, all of it",
          proves="source too-many-rcpts-fails-message")
def too_many(lab):
    before = lab.audit().accepted
    with begun("127.0.3.11") as c:
        tap.equal([c.command("RCPT TO:<%s@host.in.example>" % x)[0]
                   for x in "abc"], [250, 250, 250], "RCPT")
        tap.equal(c.command("DATA")[0], 554, "DATA")
        _, dots = c.send("s@sender.example", ["a@host.in.example"], b"A: b\r\n\r\n")
        tap.equal(dots[0][0], 250, "the next message")
    tap.equal(lab.audit().accepted, before + 1, "accepted")


def with_hops(n):
    return b"Received: x\r\n" * n + b"Subject: hops\r\n\r\nx\r\n"


@tap.test("max-message-hops: 554 5.4.6 beyond", proves="source max-message-hops")
def hops(_lab):
    for source, n, code in (("127.0.3.12", 3, 250), ("127.0.3.12", 4, 554),
                            (PLAIN, 4, 250), (PLAIN, 101, 554)):
        with connect(source) as c:
            c.hello()
            _, dots = c.send("s@sender.example", ["h@host.in.example"],
                             with_hops(n))
            tap.equal(dots[0][0], code, "%d from %s" % (n, source))
            if code == 554:
                tap.check(dots[0][1].startswith("5.4.6 "), dots[0][1])


@tap.test("domain-suffix goes behind a domain without a dot",
          proves="domain-suffix")
def suffix(_lab):
    with begun(PLAIN) as c:
        tap.equal(c.command("RCPT TO:<x@host>")[0], 250, "x@host")
        tap.equal(c.command("RCPT TO:<x@host.no.example>")[0], DENIED,
                  "one with a dot")


@tap.test("auto-qualify-domain no: it does not",
          proves="source auto-qualify-domain")
def no_suffix(_lab):
    with begun("127.0.3.13") as c:
        tap.equal(c.command("RCPT TO:<x@host>")[0], DENIED, "x@host")


@tap.test("relay-address: that address, and no other there",
          proves="relay-address")
def relay_address(_lab):
    with begun(PLAIN) as c:
        tap.equal(c.command("RCPT TO:<Wanted@Elsewhere.example>")[0], 250,
                  "relay-address")
        tap.equal(c.command("RCPT TO:<other@elsewhere.example>")[0], DENIED,
                  "another one")


@tap.test("relay-debug: 4xx to who may not relay", proves="relay-debug")
def relay_debug(_lab):
    with begun(PLAIN) as c:
        tap.equal(c.command("RCPT TO:<x@no.example>")[0], 450, "RCPT")


@tap.test("allow-smtputf8 no: not offered, not taken",
          proves="source allow-smtputf8")
def smtputf8(_lab):
    for source, offered, code in (("127.0.3.14", False, 555),
                                  (PLAIN, True, 250)):
        with connect(source) as c:
            c.hello()
            tap.equal("SMTPUTF8" in c.extensions, offered, "offered")
            tap.equal(c.command("MAIL FROM:<s@sender.example> SMTPUTF8")[0],
                      code, "MAIL")


@tap.test("bcc: one copy of a message, also of one in two hand-overs",
          proves="source bcc")
def bcc(lab):
    with connect("127.0.3.15") as c:
        c.hello()
        _, dots = c.send("s@sender.example", ["direct@in.example"],
                         b"Subject: x\r\n\r\nx\r\n")
        tap.equal([d[0] for d in dots], [250], "one reply")
    lab.wait_arrived("direct@in.example")
    lab.wait_arrived("archive@in.example")
    text = smtp_client.compose("s@sender.example", "split@in.example")
    for i in range(2):
        lab.inject("split%d@in.example" % i, message=text, ident="4SPLIT",
                   client="127.0.3.15")
    for i in range(2):
        lab.wait_arrived("split%d@in.example" % i)
    lab.settled()
    copies = sum("archive@in.example" in m["rcpts"] for m in lab.messages())
    tap.equal(copies, 2, "copies of two messages")


@tap.test("allow-chunking: BDAT by default, and where it is not offered",
          proves="source allow-chunking")
def chunking(lab):
    with begun(PLAIN) as c:
        tap.check("CHUNKING" in c.extensions, "not offered")
        c.command("RCPT TO:<Wanted@Elsewhere.example>")
        c.raw(b"BDAT 14\r\nSubject: x\r\n\r\nBDAT 9 LAST\r\n.\r\nRSET\r\n")
        tap.equal([c.reply()[0] for _ in range(2)], [250, 250], "two chunks")
    with begun("127.0.3.21") as c:
        tap.check("CHUNKING" not in c.extensions, "offered")
        c.raw(b"BDAT 6\r\nRSET\r\n")
        tap.equal(c.reply()[0], 421, "BDAT")
        tap.check(is_closed(c), "open")


# ---- listeners ---------------------------------------------------------------

@tap.test("smtp-listener: IPv6, 0/0:PORT, several, with a source in the block")
def listeners(_lab):
    for where, source, code in ((("::1", 25), "::1", 220),
                                (("::1", 2526), "::1", 521),
                                ((LISTEN, 2525), PLAIN, 220),
                                (("127.0.0.77", 2525), PLAIN, 220)):
        with connect(source, where) as c:
            tap.equal(c.greeting[0], code, "%s" % (where,))


# ---- who speaks for others ---------------------------------------------------

PROXIED = ("127.0.0.3", 25)


def v1(client):
    return b"PROXY TCP4 %s 192.0.2.1 4000 25\r\n" % client.encode()


def v2(client):
    return (b"\r\n\r\n\0\r\nQUIT\n" + struct.pack("!BBH", 0x21, 0x11, 12) +
            socket.inet_aton(client) + socket.inet_aton("192.0.2.1") +
            struct.pack("!HH", 4000, 25))


@tap.test("PROXY: the client that is named has its own rights and no others",
          proves=("smtp-listener proxy-protocol",
                  "source allow-proxy-protocol"))
def proxy(lab):
    for version, header in enumerate((v1, v2), 1):
        rcpt = "proxy%d@in.example" % version
        with connect("127.0.3.20", PROXIED, first=header("192.0.2.7")) as c:
            c.hello()
            _, dots = c.send("s@sender.example", [rcpt],
                             b"Subject: x\r\n\r\nx\r\n")
            tap.equal(dots[0][0], 250, "one that may relay")
        text = lab.stored(lab.wait_arrived(rcpt))
        tap.check(b"[192.0.2.7]" in text, "Received: %r" % text)
        row = lab.wait_record("d", rcpt)
        tap.check("192.0.2.7" in row["srcMta"], "srcMta: %s" % row["srcMta"])
        with begun("127.0.3.20", PROXIED, first=header("192.0.2.99")) as c:
            tap.equal(c.command("RCPT TO:<x@in.example>")[0], DENIED,
                      "one that may not")
        with connect("127.0.3.20", PROXIED, first=header("192.0.2.8")) as c:
            tap.equal(c.greeting[0], 521, "one that is not served")


@tap.test("PROXY: who is not trusted, or says nothing, or says it elsewhere")
def no_proxy(_lab):
    for label, source, where, first, code in (
            ("not trusted", PLAIN, PROXIED, v1("192.0.2.7"), 521),
            ("no header", "127.0.3.20", PROXIED, b"EHLO x\r\n", 521),
            ("for nobody known", "127.0.3.20", PROXIED,
             b"PROXY UNKNOWN\r\n", 521)):
        with connect(source, where, first=first) as c:
            tap.equal(c.greeting[0], code, label)
            tap.check(is_closed(c), label + ": open")
    for header in (v1("192.0.2.7"), v2("192.0.2.7")):
        with connect("127.0.3.20", first=header) as c:
            codes = [c.greeting[0]]
            while codes[-1] not in (221, 421):
                codes.append(c.reply()[0])
            tap.check(is_closed(c), "open where none is expected")


def xclient(source, attributes):
    c = connect(source)
    c.hello()
    return c, c.command("XCLIENT " + attributes)[0]


@tap.test("XCLIENT: the client that is named, and what it may no more",
          proves="source allow-xclient")
def named(lab):
    c, code = xclient("127.0.3.18", "NAME=c.example ADDR=192.0.2.7 "
                      "HELO=me.example")
    with c:
        tap.equal(code, 220, "XCLIENT")
        c.extensions = {}
        c.hello()
        tap.check("XCLIENT" not in c.extensions, "offered to the client")
        tap.equal(c.command("XCLIENT ADDR=127.0.3.18")[0], 550, "again")
        _, dots = c.send("s@sender.example", ["xclient@in.example"],
                         b"Subject: x\r\n\r\nx\r\n")
        tap.equal(dots[0][0], 250, "it may relay")
    text = lab.stored(lab.wait_arrived("xclient@in.example"))
    tap.check(b"from me.example (c.example [192.0.2.7])" in text, repr(text))
    c, code = xclient("127.0.3.18", "ADDR=192.0.2.99")
    with c:
        c.hello()
        c.command("MAIL FROM:<s@sender.example>")
        tap.equal(c.command("RCPT TO:<x@in.example>")[0], DENIED,
                  "one that may not relay")
    c, code = xclient("127.0.3.18", "ADDR=192.0.2.8")
    with c:
        tap.equal(code, 521, "one that is not served")


@tap.test("XCLIENT: refused to others, without an address, and its LOGIN")
def not_named(_lab):
    for source in (PLAIN, "127.0.0.1"):
        c, code = xclient(source, "ADDR=192.0.2.7")
        with c:
            tap.equal(code, 550, "from " + source)
            tap.check("XCLIENT" not in c.extensions, "offered")
    for attributes in ("NAME=c.example", "ADDR=[UNAVAILABLE]",
                       "ADDR=192.0.2.99 LOGIN=carol"):
        c, code = xclient("127.0.3.18", attributes)
        with c:
            tap.equal(code, 550, attributes)


@tap.test("XCLIENT LOGIN, with allow-xclient login: that user's source")
def login(lab):
    c, code = xclient("127.0.3.19", "ADDR=192.0.2.99 LOGIN=carol")
    with c:
        tap.equal(code, 220, "XCLIENT")
        c.hello()
        _, dots = c.send("s@sender.example", ["carol@in.example"],
                         b"Subject: x\r\n\r\nx\r\n")
        tap.equal(dots[0][0], 250, "carol may relay")
    lab.wait_arrived("carol@in.example")
    tap.check("user=carol" in lab.daemon.log_text(), "the log")


def swaks(lab, rcpt, where, source, *args):
    """A client that is not ours; what arrives of its message."""
    if shutil.which("swaks") is None:
        tap.skip("swaks is not installed")
    r = subprocess.run(["swaks", "--to", rcpt, "--from", "s@sender.example",
                        "--server", where, "--local-interface", source,
                        "--helo", "client.example", *args],
                       capture_output=True, text=True, timeout=30)
    tap.check(r.returncode == 0, r.stdout[-1500:] + r.stderr)
    return lab.stored(lab.wait_arrived(rcpt)).decode()


@tap.test("swaks: XCLIENT in one command and in two, PROXY 1 and 2")
def by_swaks(lab):
    for i, (where, source, args, wanted) in enumerate((
            (LISTEN, "127.0.3.19",
             ("--xclient-addr", "192.0.2.7", "--xclient-name", "c.example",
              "--xclient-helo", "me.example"),
             "from me.example (c.example [192.0.2.7])"),
            (LISTEN, "127.0.3.19",
             ("--xclient-addr", "192.0.2.99", "--xclient-delim",
              "--xclient-login", "carol"), "([192.0.2.99])"),
            (PROXIED[0], "127.0.3.20",
             ("--proxy-version", "1", "--proxy-family", "TCP4", "--proxy-source", "192.0.2.7",
              "--proxy-source-port", "4000", "--proxy-dest", "192.0.2.1",
              "--proxy-dest-port", "25"), "([192.0.2.7])"),
            (PROXIED[0], "127.0.3.20",
             ("--proxy-version", "2", "--proxy-family", "AF_INET",
              "--proxy-protocol", "STREAM", "--proxy-command", "PROXY",
              "--proxy-source", "192.0.2.7",
              "--proxy-source-port", "4000", "--proxy-dest", "192.0.2.1",
              "--proxy-dest-port", "25"), "([192.0.2.7])"))):
        text = swaks(lab, "swaks%d@in.example" % i, where, source, *args)
        tap.check(wanted in text, text)


@tap.test("XFORWARD: this host's by default; of others by allow-xforward",
          proves="source allow-xforward")
def xforward(_lab):
    for source, code in ((PLAIN, 250), ("127.0.3.16", 550),
                         ("127.0.3.17", 250)):
        with connect(source) as c:
            c.hello()
            tap.equal("XFORWARD" in c.extensions, code == 250, source)
            tap.equal(c.command("XFORWARD ADDR=192.0.2.7")[0], code, source)
    with connect("127.0.3.20", PROXIED, first=v1("192.0.2.7")) as c:
        c.hello()
        tap.equal(c.command("XFORWARD ADDR=192.0.2.1")[0], 550,
                  "one behind a proxy on this host")


tap.main(Fixture)
