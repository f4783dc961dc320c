#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who may send as whom: what rules of <source> and <smtp-user> refuse, by every
way in, and what they let through."""

import netns
netns.enter()

import contextlib

import smtp_client
import tap
from lab import LISTEN, Lab, mx_zone

FAST, BARE = 10587, 10026
DIRECT = "127.0.0.31"
# A client for each rule, and one without.
ALLOW, DOMAINS, FROM, SIGNED, FREE = ("127.0.0.%d" % i for i in range(41, 46))
CONFIG = """
smtp-listener %(direct)s:25
domain-key s1, a.example, {keys}/s1.a.example.pem
<domain *>
    dkim-sign yes
</domain>
<source 127.0.0.0/8>
    always-allow-relaying yes
</source>
<source %(allow)s>
    deny-sender ceo@a.example, /^(?-i)BOSS@/
    allow-sender @a.example, news-*@b.example
</source>
<source %(domains)s>
    sender-domains a.example, *.b.example
</source>
<source %(from)s>
    require-from-alignment relaxed
</source>
<source %(signed)s>
    require-signature-alignment relaxed
</source>
<source 127.0.0.1>
    deny-sender ceo@a.example
    sender-domains a.example
    require-from-alignment strict
</source>
<source {auth}>
    always-allow-relaying yes
</source>
<smtp-user allow>
    allow-sender allow@*
</smtp-user>
<smtp-user deny>
    deny-sender ceo@a.example
</smtp-user>
<smtp-user domains>
    sender-domains a.example
</smtp-user>
<smtp-user from>
    require-from-alignment strict
</smtp-user>
<smtp-user signed>
    require-signature-alignment strict
</smtp-user>
""" % {"direct": DIRECT, "allow": ALLOW, "domains": DOMAINS, "from": FROM,
       "signed": SIGNED}
# XFORWARD says nothing of users, so they are known behind a milter alone.
PF_MASTER = """
127.0.0.1:%d inet n - n - - smtpd
  -o smtpd_proxy_filter=%s:25
  -o smtpd_milters=
127.0.0.1:%d inet n - n - - smtpd
  -o smtpd_milters=
""" % (FAST, LISTEN, BARE)

NOT_ALLOWED = "this sender address is none of those that you may use"
DENIED = "this sender address must not be used here"
NOT_DOMAIN = "the domain of this sender address is none of those that you may use"
FROM_DOMAIN = "From has an address in a domain that you may not use"
SENDER_DOMAIN = "Sender has an address in a domain that you may not use"
UNALIGNED = "From has an address in another domain than the sender address"
UNSIGNED = "From has an address in a domain for which there is no signature"
TWICE = "the message has more than one From field"
MISSING = "the message has no address in From"
UNREADABLE = "the From field is not as RFC 5322 has it"


class Fixture(Lab):
    def __init__(self):
        super().__init__(
            zone=mx_zone("in.example", ("mx1.in.example", "127.0.1.1")),
            config=CONFIG, dkim=(("s1", "a.example"),), pf_master=PF_MASTER,
            receivers=[{"listen": ["127.0.1.1:25"]}])
        self.made = 0

    def __enter__(self):
        self.start()
        return self

    def rcpt(self):
        self.made += 1
        return "r%d@in.example" % self.made


# ---- ways in -----------------------------------------------------------------

def by_postfix(port):
    """A client of Postfix, which believes us about its address and its user."""
    def connect(ip, user=None):
        c = smtp_client.Client(("127.0.0.1", port))
        c.hello()
        more = " LOGIN=" + user if user else ""
        tap.equal(c.command("XCLIENT ADDR=%s NAME=[UNAVAILABLE]%s" %
                            (ip, more))[0], 220, "XCLIENT")
        c.hello()
        return c
    return connect


def directly(ip):
    c = smtp_client.Client((DIRECT, 25), source=ip)
    c.hello()
    return c


MILTER, DIRECTLY = by_postfix(25), directly
AT_ONCE = (("Postfix with the milter", MILTER),
           ("the fast path", by_postfix(FAST)),
           ("directly", DIRECTLY))


def message(rcpt, author, headers=()):
    head = ["To: <%s>" % rcpt, "Subject: x"]
    head += ["From: " + a for a in ([author] if isinstance(author, str)
                                    else author)]
    return ("\r\n".join(head + ["%s: %s" % h for h in headers]) +
            "\r\n\r\nHello.\r\n")


def send(client, sender, rcpt, author, headers=()):
    """The last reply to one transaction."""
    taken, dots = client.send(sender, [rcpt], message(rcpt, author, headers))
    return (taken + dots)[-1]


def try_all(lab, connect, ip, attempts, **user):
    """(sender, From, why not or None, more fields) each; those that may
    arrive, and none else."""
    sent = []
    with contextlib.closing(connect(ip, **user)) as c:
        for sender, author, why, *headers in attempts:
            rcpt = lab.rcpt()
            code, text = send(c, sender, rcpt, author, headers)
            label = "<%s>, From %s: %d %s" % (sender, author, code, text)
            if why is None:
                tap.equal(code, 250, label)
                sent.append(rcpt)
            else:
                tap.equal((code, text.split(" ", 1)),
                          (550, ["5.7.1", why]), label)
                tap.check("rejected" not in text, "fail2ban's word: " + text)
    return sent


BY_SOURCE = (
    (ALLOW, (("a@a.example", "x@anything.example", None),
             ("NEWS-7@b.example", "x@b.example", None),
             ("ceo@a.example", "ceo@a.example", DENIED),
             ("BOSS@a.example", "boss@a.example", DENIED),
             ("boss@a.example", "boss@a.example", None),
             ("a@b.example", "a@b.example", NOT_ALLOWED),
             ("a@x.a.example", "a@a.example", NOT_ALLOWED),
             ("", "a@a.example", NOT_ALLOWED),
             ("a@a.example", ("a@a.example", "b@b.example"), TWICE))),
    (DOMAINS, (("a@a.example", "A <a@a.example>, b@x.b.example", None),
               ("", "a@a.example", None),
               ("a@b.example", "a@a.example", NOT_DOMAIN),
               ("a@a.example", "ceo@bank.example", FROM_DOMAIN),
               ("", "ceo@bank.example", FROM_DOMAIN),
               ("a@a.example", "ceo@bank.example <a@a.example>", FROM_DOMAIN),
               ("a@a.example", "team: a@a.example, b@bank.example;",
                FROM_DOMAIN),
               ("a@a.example", "ceo@[192.0.2.1]", UNREADABLE),
               ("a@a.example", "undisclosed:;", MISSING),
               ("a@a.example", ("a@a.example", "ceo@bank.example"), TWICE),
               ("a@a.example", "a@a.example", SENDER_DOMAIN,
                ("Sender", "ceo@bank.example")))),
    (FROM, (("bounce@b.a.example", "a@a.example", None),
            ("a@c.example", "a@a.example", UNALIGNED),
            ("a@a.example", "a@a.example, c@c.example", UNALIGNED),
            ("", "a@a.example", UNALIGNED))),
    (SIGNED, (("x@c.example", "a@a.example", None),
              ("x@c.example", "a@news.a.example", None),
              ("x@a.example", "a@c.example", UNSIGNED),
              ("x@a.example", "a@a.example, c@c.example", UNSIGNED))),
    (FREE, (("ceo@a.example", "ceo@bank.example", None),
            ("", ("x@y.example", "a@b.example"), None))),
)


@tap.test("by address: refused at once, by Postfix with the milter, by the fast "
          "path and directly",
          proves=("source allow-sender", "source deny-sender",
                  "source sender-domains", "source require-from-alignment",
                  "source require-signature-alignment"))
def by_source(lab):
    sent = []
    for name, connect in AT_ONCE:
        for ip, attempts in BY_SOURCE:
            tap.note("%s: %s" % (name, ip))
            sent += try_all(lab, connect, ip, attempts)
    for rcpt in sent:
        lab.wait_arrived(rcpt)
    tap.equal(len(lab.messages()), len(sent), "nothing else arrives")


BY_USER = (
    ("allow", (("allow@a.example", "x@a.example", None),
               ("a@a.example", "a@a.example", NOT_ALLOWED))),
    ("deny", (("a@a.example", "x@a.example", None),
              ("ceo@a.example", "ceo@a.example", DENIED))),
    ("domains", (("a@a.example", "x@a.example", None),
                 ("a@a.example", "x@b.example", FROM_DOMAIN))),
    ("from", (("a@a.example", "x@a.example", None),
              ("a@b.a.example", "x@a.example", UNALIGNED))),
    ("signed", (("x@c.example", "a@a.example", None),
                ("x@c.example", "a@news.a.example", UNSIGNED))),
)


@tap.test("by user, whom Postfix names: beside those of the address",
          proves=("smtp-user allow-sender", "smtp-user deny-sender",
                  "smtp-user sender-domains",
                  "smtp-user require-from-alignment",
                  "smtp-user require-signature-alignment"))
def by_user(lab):
    sent = []
    for user, attempts in BY_USER:
        sent += try_all(lab, MILTER, FREE, attempts, user=user)
    try_all(lab, MILTER, ALLOW, [
        ("allow@c.example", "x@a.example", NOT_ALLOWED),
        ("a@a.example", "x@a.example", NOT_ALLOWED)], user="allow")
    for rcpt in sent:
        lab.wait_arrived(rcpt)
    log = lab.milter.log_text()
    tap.check('sender-denied from=<allow@c.example> client=%s user=allow '
              'why=not-allowed' % ALLOW in log, "told in the log")


@tap.test("what stands behind a NUL, where no milter sees it, arrives nowhere: "
          "Postfix cuts it off, we refuse it")
def behind_nul(lab):
    spoofed = "a@a.example\0 <ceo@bank.example>"
    for name, connect in AT_ONCE:
        rcpt, good = lab.rcpt(), lab.rcpt()
        with contextlib.closing(connect(DOMAINS)) as c:
            reply = send(c, "a@a.example", rcpt, spoofed)
            if reply[0] == 250:
                text = lab.stored(lab.wait_arrived(rcpt))
                tap.check(b"bank.example" not in text, "%s: %r" % (name, text))
            else:
                tap.equal(reply, (550, "5.7.1 " + UNREADABLE), name)
            tap.equal(send(c, "a@a.example", good, "a@a.example")[0], 250,
                      "the next one")
        lab.wait_arrived(good)


@tap.test("a Postfix service without the milter: the hand-over is refused, each "
          "recipient, and Postfix tells the sender")
def without_milter(lab):
    with contextlib.closing(by_postfix(BARE)(DOMAINS)) as c:
        for sender, author in (("a@c.example", "a@a.example"),
                               ("a@a.example", "ceo@bank.example")):
            tap.equal(send(c, sender, lab.rcpt(), author)[0], 250, "taken")
        rcpt = lab.rcpt()
        tap.equal(send(c, "a@a.example", rcpt, "a@a.example")[0], 250, "taken")
    lab.wait_arrived(rcpt)

    def bounced():
        with open(lab.postfix.log) as f:
            return [line for line in f if "said: 550 5.7.1" in line]
    lines = tap.wait_for(lambda: len(bounced()) == 2 and bounced(), 20,
                         "both are refused")
    for why in (NOT_DOMAIN, FROM_DOMAIN):
        tap.check(any(why in line and "status=bounced" in line
                      for line in lines), "%s: %s" % (why, lines))


@tap.test("mail of this host's programs is refused at its end, its own "
          "notifications never")
def local(lab):
    rcpt = lab.rcpt()
    text = "To: %s\nFrom: %s\nSubject: x\n\nHello.\n"
    lab.postfix.sendmail("ceo@a.example", [rcpt], text % (rcpt, "a@a.example"))
    lab.postfix.sendmail("a@a.example", [rcpt], text % (rcpt, "a@c.example"))

    def refused():
        with open(lab.postfix.log) as f:
            return sum("END-OF-MESSAGE from localhost[" in line for line in f)
    # Whose notifications go to a domain without a host: they pass the milter.
    tap.wait_for(lambda: refused() == 2, 20, "both are refused")
    # A program that takes the null sender is no notification of the host.
    lab.postfix.sendmail("", [rcpt], text % (rcpt, "ceo@bank.example"))
    tap.wait_for(lambda: refused() == 3, 20, "so is the null sender's")
    good = lab.rcpt()
    lab.postfix.sendmail("a@a.example", [good], text % (good, "a@a.example"))
    lab.wait_arrived(good)
    tap.wait_for(lambda: lab.milter.log_text().count("from=<> nrcpt=1") >= 2,
                 20, "notifications")
    tap.equal(lab.arrived(rcpt), [], "none of them arrives")


@tap.test("a reload: rules hold for the next message of a session that is there, "
          "and counters tell of all")
def reload(lab):
    with contextlib.closing(MILTER(FREE)) as old, \
            contextlib.closing(DIRECTLY(FREE)) as direct:
        tap.equal(send(old, "a@c.example", lab.rcpt(), "a@c.example")[0], 250,
                  "no rule")
        lab.write_config(CONFIG + "<source %s>\n    allow-sender <>\n"
                         "</source>\n" % FREE)
        lab.command.text("reload")
        tap.equal(send(old, "a@c.example", lab.rcpt(), "a@c.example"),
                  (550, "5.7.1 " + NOT_ALLOWED), "by the milter")
        tap.equal(send(direct, "a@c.example", lab.rcpt(), "a@c.example")[0],
                  250, "a session of ours keeps its configuration")
    tap.equal(send(DIRECTLY(FREE), "a@c.example", lab.rcpt(), "a@c.example"),
              (550, "5.7.1 " + NOT_ALLOWED), "the next one does not")
    status = lab.command.json("show", "status")
    denied = lab.daemon.log_text().count(" sender-denied ")
    tap.check(denied > 0, "told in the log")
    tap.equal(status["intake"]["denied"], denied, "counted")


tap.main(Fixture)
