#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who may send as whom, and how much: what <source> and <smtp-user> refuse, by
every way in, and what they let through."""

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
<source 127.0.0.51>
    max-msg-rate-in 3/h
</source>
<source 127.0.0.52/31>
    max-msg-rate-in 2/h
</source>
<source 127.0.0.52>
    max-msg-rate-in unlimited
    max-rcpt-rate-in 3/h
</source>
<source 127.0.0.64/27>
    max-msg-rate-in-per-client 1/h
</source>
<source 127.0.0.96/27>
    max-rcpt-rate-in-per-client 2/h
</source>
<smtp-user messages>
    max-msg-rate-in 1/h
</smtp-user>
<smtp-user recipients>
    max-rcpt-rate-in 2/h
</smtp-user>
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


# ---- how much -----------------------------------------------------------------

def bring(lab, connect, ip, messages, rcpts=1, **user):
    """Each message by a connection of its own: (how many are taken, how many
    recipients of them)."""
    taken = [0, 0]
    for _ in range(messages):
        with contextlib.closing(connect(ip, **user)) as c:
            answers, dots = c.send("a@a.example",
                                   [lab.rcpt() for _ in range(rcpts)],
                                   message("r@in.example", "a@a.example"))
            for code, text in answers + dots:
                tap.check(code == 250 or
                          (code == 450 and "4.7.1 too many" in text and
                           text.endswith(" s")), "%d %s" % (code, text))
            taken[0] += bool(dots)
            taken[1] += sum(code == 250 for code, _ in answers) if dots else 0
    return tuple(taken)


def counts(lab, name):
    return {(r["by"], r["of"], r["what"], r["client"]): (r["used"], r["rate"])
            for r in lab.command.json("show", "senders",
                                      "--maxitems=1000")["senders"]
            if r["name"] == name}


@tap.test("max-msg-rate-in and max-rcpt-rate-in of a <source>: over all workers "
          "and connections; each daemon counts what it is the first to see",
          proves=("source max-msg-rate-in", "source max-rcpt-rate-in"))
def rates_of_source(lab):
    for name, connect in (("the milter", MILTER), ("mailraced", DIRECTLY)):
        tap.equal(bring(lab, connect, "127.0.0.51", 6), (3, 3), name)
        tap.equal(bring(lab, connect, "127.0.0.52", 2, 2), (2, 3), name)
    tap.equal(bring(lab, AT_ONCE[1][1], "127.0.0.51", 1), (0, 0),
              "the fast path is the same daemon")
    both = ("mailrace-milter", "mailraced")
    tap.equal(counts(lab, "127.0.0.51/32"),
              {(by, "source", "messages", ""): (3, "3/h") for by in both},
              "show senders")
    tap.equal(counts(lab, "127.0.0.52/32"),
              {(by, "source", "recipients", ""): (3, "3/h") for by in both},
              "show senders")
    tap.check("127.0.0.51/32" in lab.command.text("show", "senders"), "text")
    tap.check('rate-in limit="source 127.0.0.51/32, 3/h messages" '
              'client=127.0.0.51 refused=1\n' in lab.milter.log_text(),
              "told in the log, once")


@tap.test("the same of each client", proves=(
    "source max-msg-rate-in-per-client", "source max-rcpt-rate-in-per-client"))
def rates_of_client(lab):
    for connect in (MILTER, DIRECTLY):
        for i in (65, 66):
            tap.equal(bring(lab, connect, "127.0.0.%d" % i, 2), (1, 1), i)
            tap.equal(bring(lab, connect, "127.0.0.%d" % (i + 32), 1, 3),
                      (1, 2), i + 32)
    tap.equal(counts(lab, "127.0.0.64/27")[
        ("mailraced", "client", "messages", "127.0.0.65")], (1, "1/h"),
        "show senders")


@tap.test("the same of each user, wherever he comes from", proves=(
    "smtp-user max-msg-rate-in", "smtp-user max-rcpt-rate-in"))
def rates_of_user(lab):
    tap.equal(bring(lab, MILTER, FREE, 1, user="messages"), (1, 1), "one")
    tap.equal(bring(lab, MILTER, ALLOW, 1, user="messages"), (0, 0), "more")
    tap.equal(bring(lab, MILTER, FREE, 1, 3, user="recipients"), (1, 2),
              "recipients")
    tap.equal(bring(lab, MILTER, FREE, 1), (1, 1), "others go on")


@tap.test("a hand-over is counted once: by the milter if that has seen it, else "
          "here, and waits in the host when it is too much")
def rates_of_hand_over(lab):
    tap.equal(bring(lab, MILTER, "127.0.0.53", 1), (1, 1), "by the milter")
    tap.equal(counts(lab, "127.0.0.52/31")[
        ("mailrace-milter", "source", "messages", "")], (1, "2/h"), "there")
    tap.check(("mailraced", "source", "messages", "") not in
              counts(lab, "127.0.0.52/31"), "and there alone")
    with contextlib.closing(by_postfix(BARE)("127.0.0.53")) as c:
        rcpts = [lab.rcpt() for _ in range(3)]
        for r in rcpts:
            tap.equal(send(c, "a@a.example", r, "a@a.example")[0], 250, r)
    tap.wait_for(lambda: sum(bool(lab.arrived(r)) for r in rcpts) == 2, 20,
                 "two arrive")

    def deferred():
        with open(lab.postfix.log) as f:
            return [line for line in f if "said: 450 4.7.1 too many" in line]
    tap.wait_for(lambda: deferred(), 20, "the third waits")


@tap.test("a reload with another limit: what was counted goes on counting")
def rates_reload(lab):
    tap.equal(bring(lab, DIRECTLY, "127.0.0.54", 1), (1, 1), "no limit")
    lab.write_config(CONFIG + "<source 127.0.0.51>\n"
                     "    max-msg-rate-in 5/h\n</source>\n")
    lab.command.text("reload")
    for connect in (MILTER, DIRECTLY):
        tap.equal(bring(lab, connect, "127.0.0.51", 4), (2, 2), "five, not 3")
    lab.write_config(CONFIG)
    lab.command.text("reload")
    tap.equal(bring(lab, DIRECTLY, "127.0.0.51", 1), (0, 0), "three again")


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
