#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What nobody may who is not allowed to: relay, choose a virtual MTA, forge
the mark, send as another, smuggle a second message.  Each is tried by every
way in, and a client that is allowed to does it, so that no attempt fails for
another reason."""

import netns
netns.enter()

import base64
import contextlib
import hashlib
import hmac
import re
import subprocess

import milter_client
import smtp_client
import tap
from lab import LISTEN, Lab, mx_zone

OUR_IP = "192.0.2.2"        # where clients from elsewhere find us
STRANGER = "203.0.113.9"    # has nothing to do with us
CUSTOMER = "198.51.100.7"   # may send, as one of customer.example
CHOOSER = "198.51.100.8"    # may name a virtual MTA, too
DOMAIN = "in.example"
FAST, BARE = 10587, 10026
COMMON, GOLD = "127.0.0.10", "127.0.0.11"
OURS, OTHERS = "news@customer.example", "boss@bank.example"
CONFIG = """
smtp-listener %(ip)s:25
<virtual-mta gold>
    smtp-source-host %(gold)s gold.mta.example
</virtual-mta>
<source 127.0.0.1>
    always-allow-relaying yes
</source>
<source %(customer)s>
    always-allow-relaying yes
    sender-domains customer.example
</source>
<source %(chooser)s>
    always-allow-relaying yes
    process-x-virtual-mta yes
</source>
""" % {"ip": OUR_IP, "gold": GOLD, "customer": CUSTOMER, "chooser": CHOOSER}
PF_MAIN = "mynetworks = 127.0.0.0/8, 198.51.100.0/24\n"
PF_MASTER = """
127.0.0.1:%d inet n - n - - smtpd
  -o smtpd_proxy_filter=%s:25
  -o smtpd_milters=
127.0.0.1:%d inet n - n - - smtpd
  -o smtpd_milters=
""" % (FAST, LISTEN, BARE)


class Fixture(Lab):
    def __init__(self):
        super().__init__(
            zone=mx_zone(DOMAIN, ("mx1.in.example", "127.0.1.1")),
            config=CONFIG, pf_main=PF_MAIN, pf_master=PF_MASTER,
            receivers=[{"listen": ["127.0.1.1:25"]}],
            log_headers=("X-Mailrace-Mark", "X-Virtual-MTA", "X-Test-Id"))
        self.made = 0

    def __enter__(self):
        for ip in (OUR_IP, STRANGER, CUSTOMER, CHOOSER):
            subprocess.run(["ip", "addr", "add", ip + "/32", "dev", "lo"],
                           check=True)
        self.start()
        return self

    def rcpt(self):
        self.made += 1
        return "r%d@%s" % (self.made, DOMAIN)


# ---- ways in ----------------------------------------------------------------

def by_postfix(port):
    """A client of Postfix, which believes us about its address."""
    def connect(ip):
        c = smtp_client.Client(("127.0.0.1", port))
        c.hello()
        tap.equal(c.command("XCLIENT ADDR=%s NAME=[UNAVAILABLE]" % ip)[0],
                  220, "XCLIENT")
        c.hello()
        return c
    return connect


def directly(ip):
    c = smtp_client.Client((OUR_IP, 25), source=ip)
    c.hello()
    return c


by_bare = by_postfix(BARE)
DOORS = (("Postfix with the milter", by_postfix(25)),
         ("the fast path", by_postfix(FAST)),
         ("a Postfix service without the milter", by_bare),
         ("directly", directly))


def try_send(door, ip, rcpt, sender=OURS, **compose):
    """The replies, as codes, up to the first refusal."""
    with contextlib.closing(door(ip)) as c:
        message = smtp_client.compose(compose.pop("author", sender), rcpt,
                                      **compose)
        taken, dots = c.send(sender, [rcpt], message)
        return [code for code, _ in taken + dots]


def each_door(fn):
    def test(lab):
        for name, door in DOORS:
            try:
                fn(lab, door)
            except tap.Failed as e:
                raise tap.Failed("%s: %s" % (name, e))
    test.__name__ = fn.__name__
    return test


def arrives(lab, door, ip, **more):
    """It is taken, and comes; the message as the receiver saw it."""
    rcpt = lab.rcpt()
    tap.equal(try_send(door, ip, rcpt, **more), [250, 250], "replies")
    return lab.wait_arrived(rcpt)


def came(lab, rcpts):
    """Of these, once no queue has any mail and one sent behind is there."""
    tap.wait_for(lambda: lab.postfix.queue_size() == 0, 60,
                 "Postfix has nothing left")
    lab.settled()
    after = lab.rcpt()
    lab.inject(after)
    lab.wait_arrived(after)
    return [r for r in rcpts if lab.arrived(r)]


# ---- the attempts -----------------------------------------------------------

@tap.test("relay: who is not one of us is refused by every way in",
          proves="source always-allow-relaying")
@each_door
def relay(lab, door):
    rcpt = lab.rcpt()
    codes = try_send(door, STRANGER, rcpt)
    tap.check(codes and 500 <= codes[-1] < 600, "a stranger: %s" % codes)
    arrives(lab, door, CUSTOMER)
    tap.equal(came(lab, [rcpt]), [], "relayed")


@tap.test("the LMTP door is for the host alone: others cannot relay by it")
def lmtp(lab):
    for source in (STRANGER, CUSTOMER):
        with contextlib.closing(smtp_client.Client(
                (LISTEN, 24), lmtp=True, source=source)) as c:
            c.hello()
            tap.check("XFORWARD" not in c.extensions, "XFORWARD is offered")
            tap.equal(c.command("XFORWARD ADDR=127.0.0.1 IDENT=1")[0], 550,
                      "XFORWARD")
    rcpt = lab.rcpt()
    with contextlib.closing(smtp_client.Client(
            (LISTEN, 24), lmtp=True, source=STRANGER)) as c:
        c.hello()
        taken, _ = c.send(OURS, [rcpt], smtp_client.compose(OURS, rcpt))
        tap.equal(taken[0][0], 550, "relaying: %s" % taken)


@tap.test("a virtual MTA: named by who may not, it is not taken, and the field goes",
          proves="source process-x-virtual-mta")
@each_door
def virtual_mta(lab, door):
    field = [("X-Virtual-MTA", "gold"), ("x-virtual-mta", "gold")]
    got = arrives(lab, door, CUSTOMER, headers=field)
    tap.equal(got["peer"], COMMON, "sent from")
    tap.check(b"virtual-mta" not in lab.stored(got).lower(), "the field left")
    got = arrives(lab, door, CHOOSER, headers=field[:1])
    tap.equal(got["peer"], GOLD, "who may choose sends from")


def forged(key, version=b"2", queue_id=b"FORGED", sender=OURS):
    """A mark that asks for gold, made with a key that is not ours."""
    head = b"v=%s; vmta=gold; dflt=0; job=; prio=50; user=; from=%s; id=%s; " \
        b"bh=%s" % (version, sender.encode().hex().encode(), queue_id,
                    base64.b64encode(hashlib.sha256(b"Hello.\r\n").digest()))
    mac = hmac.new(key, head, hashlib.sha256).digest()
    return (head + b"; h=" + base64.b64encode(mac)).decode()


def real_mark(lab, rcpt):
    """What the milter makes of a message of one who may choose: whoever saw
    that message in a queue could copy it."""
    headers = [(b"From", b" <%s>" % OURS.encode()),
               (b"To", b" <%s>" % rcpt.encode()), (b"X-Virtual-MTA", b" gold")]
    with contextlib.closing(milter_client.Client(
            lab.path("pf", "spool", "mailrace", "milter"))) as c:
        _, message, _ = c.send(headers, b"Hello.\r\n", queue_id=b"4REALMARK",
                               sender=b"<%s>" % OURS.encode(),
                               rcpts=(b"<%s>" % rcpt.encode(),), ip=CHOOSER)
    found = re.search(rb"X-Mailrace-Mark:((?:.|\r\n[ \t])*)\r\n", message)
    tap.check(found and b"vmta=gold" in found.group(1), message.decode())
    return re.sub(r"\s+", " ", found.group(1).decode()).strip()


@tap.test("the mark: made up, made with another key, copied from a real message")
@each_door
def mark(lab, door):
    copied = real_mark(lab, "copied@" + DOMAIN)
    for label, value in (("made up", "v=2; vmta=gold"),
                         ("another key", forged(b"k" * 32)),
                         ("an empty key", forged(b"")),
                         ("copied", copied),
                         ("copied, twice", copied)):
        headers = [("X-Mailrace-Mark", value)]
        if label == "copied, twice":
            headers = 2 * headers
        got = arrives(lab, door, CUSTOMER, headers=headers)
        tap.equal(got["peer"], COMMON, label + ": sent from")
        tap.check(b"x-mailrace-mark" not in lab.stored(got).lower(),
                  label + ": the mark left")


@tap.test("a mark copied with its queue id is no use to who is not the host")
def mark_with_id(lab):
    rcpt = lab.rcpt()
    value = real_mark(lab, rcpt)
    head = "Received: from x by y with ESMTP id 4REALMARK\r\n" \
        "X-Mailrace-Mark: %s\r\nFrom: <%s>\r\nTo: <%s>\r\n\r\nHello.\r\n" % (
            value, OURS, rcpt)
    for name, door in DOORS:
        with contextlib.closing(door(CUSTOMER)) as c:
            _, dots = c.send(OURS, [rcpt], head)
            tap.equal([code for code, _ in dots], [250], name)
    got = tap.wait_for(lambda: len(lab.arrived(rcpt)) == len(DOORS) and
                       lab.arrived(rcpt), 30, "all of them arrive")
    tap.equal({m["peer"] for m in got}, {COMMON}, "sent from")


@tap.test("another's name: in MAIL FROM or in From it is refused",
          proves="source sender-domains")
@each_door
def another(lab, door):
    tried = []
    for label, sender, author, more in (
            ("MAIL FROM", OTHERS, OURS, ()),
            ("From", OURS, OTHERS, ()),
            ("both", OTHERS, OTHERS, ()),
            ("a second From", OURS, OURS, [("From", "<%s>" % OTHERS)]),
            ("a name that looks like ours", OURS,
             "%s> (x) <%s" % (OTHERS, OURS), ()),
            ("the null sender", "", OTHERS, ()),
            ("a second author", OURS, "%s>, <%s" % (OURS, OTHERS), ())):
        rcpt = lab.rcpt()
        codes = try_send(door, CUSTOMER, rcpt, sender=sender, author=author,
                         headers=more)
        # A Postfix that asks no milter hears it at the hand-over.
        tap.check(codes and 500 <= codes[-1] < 600 or
                  door is by_bare and codes == [250, 250],
                  "%s: %s" % (label, codes))
        tried.append(rcpt)
    arrives(lab, door, CUSTOMER)
    arrives(lab, door, CHOOSER, sender=OTHERS)  # nothing is said of him
    tap.equal(came(lab, tried), [], "sent as another")


# What some take for the end of data.
ENDS = (b"\n.\n", b"\n.\r\n", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\n.\r",
        b"\r.\r", b"\r.\n", b"\r\n\0.\r\n")


@tap.test("smuggling: behind what is no end of data nothing is a message")
@each_door
def smuggle(lab, door):
    evil = []
    for end in ENDS:
        rcpt, second = lab.rcpt(), "evil" + lab.rcpt()
        evil.append(second)
        with contextlib.closing(door(CUSTOMER)) as c:
            c.command("MAIL FROM:<%s>" % OURS)
            tap.equal(c.command("RCPT TO:<%s>" % rcpt)[0], 250, "RCPT")
            tap.equal(c.command("DATA")[0], 354, "DATA")
            c.raw(b"From: <%s>\r\nSubject: x\r\n\r\nbody" % OURS.encode() +
                  end + b"MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n"
                  b"Subject: evil\r\n\r\nevil\r\n.\r\n" %
                  (OURS.encode(), second.encode()))
            code = c.reply()[0]
            tap.check(code in (250, 550, 554), "%r: %d" % (end, code))
            tap.equal(c.command("NOOP")[0], 250, "in step after %r" % end)
    tap.equal(came(lab, evil), [], "smuggled")
    starts = b"Subject: evil\r\n"
    tap.check(not [m for m in lab.messages()
                   if lab.stored(m).startswith(starts)], "a message begins so")


tap.main(Fixture)
