#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`mailrace setup postfix --fast-path`: applications sign in to a service of
the host, whose mail goes straight through to Mailrace.  There they are the
users that they signed in as, whatever they write themselves; the host's own
domains stay with the host; undo puts back each byte."""

import netns
netns.enter()

import base64
import contextlib
import csv
import glob
import json
import os
import re
import socket
import time

import mailrace
import postfix
import smtp_client
import tap
from lab import LISTEN, mx_zone
from setup_lab import FILES, SetupLab

PORT = 10587
COMMON, GOLD = "127.0.0.10", "127.0.0.11"
HERE, HOST_CLIENT = "127.0.0.1", "203.0.113.9"
OWN = "host-domain own.example, second.example, [*.]relayed.example\n"
LISTENER = """<smtp-listener {root}/pf/spool/mailrace/inject>
    host-mta yes
</smtp-listener>
"""
CONFIG = OWN + LISTENER + """
dsn-host %(dsn)s
<virtual-mta gold>
    smtp-source-host %(gold)s gold.mta.example
</virtual-mta>
<source 0/0>
    require-auth yes
</source>
<source 127.0.0.1>
    require-auth no
    always-allow-relaying yes
</source>
<source customers>
    process-x-virtual-mta yes
</source>
<smtp-user brand>
    source customers
    sender-domains brand.example
</smtp-user>
<smtp-user slow>
    max-msg-rate-in 1/h
</smtp-user>
<source {auth}>
    allow-sender @guest.example
</source>
<acct-file {root}/users/users.csv>
    record-fields d *, rcvSmtpUser
    sync yes
</acct-file>
<domain *>
    retry-after 1s
    use-starttls no
</domain>
""" % {"dsn": postfix.DSN_HOST, "gold": GOLD}
ZONE = (mx_zone("in.example", ("mx1.in.example", "127.0.1.1")) +
        mx_zone("own.example", ("mx1.in.example", "127.0.1.1")) +
        mx_zone("sub.relayed.example", ("mx1.relayed.example", "127.0.1.2")))
MAIN = """
virtual_mailbox_domains = own.example,
    second.example
virtual_minimum_uid = 1
virtual_alias_maps = inline:{ sales@own.example=out@in.example }
relay_domains = inline:{ relayed.example=yes }
smtpd_sasl_type = dovecot
smtpd_sasl_path = unix:auth
syslog_name = mta
smtpd_authorized_xforward_hosts = 127.0.0.0/8
smtpd_milters = $non_smtpd_milters
"""
MASTER = """
127.0.0.1:587 inet n    -       n       -       -       smtpd
  -o smtpd_sasl_auth_enable=yes
  -o { smtpd_relay_restrictions = %spermit_sasl_authenticated, reject }
  -o syslog_name=mta/submission
"""


class Fixture(SetupLab):
    def __init__(self):
        super().__init__(
            zone=ZONE, config=CONFIG, pf_main=MAIN, pf_master=MASTER % "",
            log_headers=("Message-ID", "X-Test-Id"),
            receivers=[{"listen": ["127.0.1.1:25"]},
                       {"listen": ["127.0.1.2:25"]}])
        os.makedirs(self.path("users"))
        self.original = self.files()
        self.made = 0

    def files(self):
        out = {}
        for name in FILES:
            with open(self.file(name), "rb") as f:
                out[name] = f.read()
        out["folder"] = sorted(os.listdir(self.postfix.conf))
        return out

    def write(self, files):
        """At once: programs of Postfix read them whenever they like.  What was
        written just now they wait for, until it is old."""
        for name in FILES:
            with open(self.path(name), "wb") as f:
                f.write(files[name])
            os.utime(self.path(name), (time.time() - 60,) * 2)
            os.replace(self.path(name), self.file(name))

    def setup(self, *options, port=str(PORT), config=None):
        command = mailrace.Command(config or self.config)
        if "--undo" not in options:
            options += ("--fast-path=" + port,)
        return command.run("setup", "postfix", "--config-dir",
                           self.postfix.conf, *options)

    def other_config(self, was, is_):
        """A configuration that says something else."""
        with open(self.config) as f:
            text = f.read()
        was, is_ = self.expand(was), self.expand(is_)
        tap.check(was in text, was)
        with open(self.path("other.conf"), "w") as f:
            f.write(text.replace(was, is_))
        return self.path("other.conf")

    def rcpt(self):
        self.made += 1
        return "r%d@in.example" % self.made

    def users(self):
        """By recipient, as whom its sender had signed in."""
        out = {}
        for path in glob.glob(self.path("users", "*.csv")):
            with open(path, newline="") as f:
                out.update((r["rcpt"], r["rcvSmtpUser"])
                           for r in csv.DictReader(f))
        return out

    def wait_log(self, wanted):
        """The log of the fast path's service has it; all of Postfix's log."""
        line = re.compile(r" postfix/bulk/smtpd\[\d+\].*" + wanted)

        def found():
            with open(self.postfix.log) as f:
                text = f.read()
            return line.search(text) and text
        return tap.wait_for(found, 10, "a line of the log: " + wanted)


def unchanged(lab, files, what):
    now = lab.files()
    for name in files:
        tap.check(now[name] == files[name], "%s after %s" % (name, what))


@contextlib.contextmanager
def client(user=None, ip=HERE, port=PORT):
    """Of the fast path; as somebody else's, since Postfix believes us about
    its address, or signed in."""
    with smtp_client.Client((HERE, port)) as c:
        if ip != HERE:
            tap.equal(c.command("XCLIENT ADDR=%s NAME=[UNAVAILABLE]" % ip)[0],
                      220, "XCLIENT")
        c.hello()
        if user is not None:
            plain = base64.b64encode(("\0%s\0secret" % user).encode())
            tap.equal(c.command("AUTH PLAIN " + plain.decode())[0], 235,
                      "AUTH")
        yield c


def send(rcpt, user=None, sender="news@brand.example", author=None, top="",
         **where):
    """The replies as codes, up to the first refusal; a message that says as
    little as possible of itself, with fields on top."""
    with client(user, **where) as c:
        text = "%sFrom: <%s>\r\nSubject: x\r\n\r\nHello.\r\n" % (
            top, author or sender)
        rcpts = [rcpt] if isinstance(rcpt, str) else rcpt
        taken, dots = c.send(sender, rcpts, text)
        return [code for code, _ in taken + dots]


# ---- before ------------------------------------------------------------------

@tap.test("what it does not understand it refuses, with the reason")
def refused(lab):
    unlisted = lab.path("table")
    with open(unlisted, "w") as f:
        f.write("/x/ yes\n")
    for port, line, reason in (
            ("x", "", "x is neither PORT nor ADDRESS:PORT"),
            ("0", "", "0 is neither PORT nor ADDRESS:PORT"),
            ("127.0.0.1:587", "", "587/inet in master.cf is another service"),
            (str(PORT), "smtpd_proxy_filter = 127.0.0.1:9", "would not go "
             "through it"),
            (str(PORT), "relay_domains = regexp:" + unlisted,
             "cannot be listed"),
            (str(PORT), "mydestination = !a.example", "has !a.example"),
            (str(PORT), "mydestination = b.example, second.example",
             "put host-domain b.example into " + lab.config)):
        lab.write(dict(lab.original, **{
            "main.cf": lab.original["main.cf"] + line.encode() + b"\n"}))
        edited = lab.files()
        r = lab.setup(port=port)
        tap.equal(r.returncode, 1, "%s %s" % (port, line))
        tap.check(reason in r.stderr, "%s: %s" % (reason, r.stderr))
        unchanged(lab, edited, line)
    lab.write(lab.original)


@tap.test("nothing is pointed to a socket where nobody listens, and the lines "
          "to add are said", proves="smtp-listener host-mta")
def no_listener(lab):
    r = lab.setup(config=lab.other_config(LISTENER, ""))
    tap.equal(r.returncode, 1, r.stdout)
    for line in ("  <smtp-listener %s/mailrace/inject>\n" % lab.postfix.queue,
                 "      host-mta yes\n"):
        tap.check(line in r.stderr, r.stderr)
    r = lab.setup(config=lab.other_config(
        LISTENER, "exim-listener %s\n" % lab.lmtp))
    tap.equal(r.returncode, 1, r.stdout)
    tap.check("has no lmtp-listener with a path" in r.stderr, r.stderr)
    r = lab.setup(config=lab.other_config("/inject>", "/nobody>"))
    tap.equal(r.returncode, 1, r.stdout)
    tap.check("mailraced does not answer" in r.stderr and
              "/nobody" in r.stderr, r.stderr)
    with socket.create_server((HERE, 10588)):
        r = lab.setup(port="127.0.0.1:10588")
    tap.equal(r.returncode, 1, r.stdout)
    tap.check("Postfix cannot listen there" in r.stderr, r.stderr)
    unchanged(lab, lab.original, "these")


@tap.test("each of the host's own domains has to be known here")
def own_domains(lab):
    r = lab.setup(config=lab.other_config(OWN, "host-domain own.example\n"))
    tap.equal(r.returncode, 1, r.stdout)
    for name in ("second.example", "[*.]relayed.example"):
        tap.check("put host-domain %s into" % name in r.stderr, r.stderr)
    tap.check("host-domain own.example" not in r.stderr, r.stderr)
    unchanged(lab, lab.original, "that")


@tap.test("a dry run shows it, and says what is lost and what is to be added")
def dry_run(lab):
    r = lab.setup("--dry-run", "--json")
    tap.equal((r.returncode, r.stderr), (0, ""), "status")
    answer = json.loads(r.stdout)
    for line in ("+%d      inet  n" % PORT,
                 "+    -o syslog_name=postfix/bulk",
                 "+    -o smtpd_proxy_filter=unix:mailrace/inject",
                 "+    -o {smtpd_relay_restrictions=permit_sasl_authenticated, "
                 "reject}"):
        tap.check(line in answer["diff"], "%s in %s" % (line, answer["diff"]))
    tap.check("+    -o syslog_name=mta" not in answer["diff"], answer["diff"])
    notes = " ".join(answer["notes"])
    for text in ("sign in as at 127.0.0.1:587/inet",
                 "fast path: virtual_alias_maps",
                 "  log-style postfix\n"
                 "  mail-log-file /var/log/mailrace/mail.log\n"
                 "  mail-log-name mta"):
        tap.check(text in notes, notes)
    unchanged(lab, lab.original, "a dry run")


@tap.test("where one has to sign in, the port is asked; undo: each byte")
def asked_only(lab):
    r = lab.setup()
    tap.equal(r.returncode, 0, r.stderr)
    tap.check("no probe went through it (554 5.7.1" in r.stdout, r.stdout)
    tap.equal(send(lab.rcpt()), [554], "who has not signed in")
    r = lab.setup("--undo")
    tap.equal(r.returncode, 0, r.stderr)
    unchanged(lab, lab.original, "undo")


@tap.test("a service that does not work is taken back")
def rolled_back(lab):
    broken = MASTER % "" + "  -o smtpd_sasl_path=unix:nobody\n"
    lab.write(dict(lab.original, **{"master.cf": lab.original[
        "master.cf"].replace((MASTER % "").encode(), broken.encode())}))
    edited = lab.files()
    r = lab.setup()
    tap.equal(r.returncode, 1, r.stdout)
    tap.check("the fast path: " in r.stderr and "is as it was" in r.stderr,
              r.stderr)
    unchanged(lab, edited, "that")
    lab.write(lab.original)
    lab.reload()


# ---- set up ------------------------------------------------------------------

@tap.test("set-up: probes came, one of them by the fast path")
def set_up(lab):
    open_master = lab.original["master.cf"].replace(
        (MASTER % "").encode(), (MASTER % "permit_mynetworks, ").encode())
    lab.write(dict(lab.original, **{"master.cf": open_master}))
    lab.original = lab.files()
    r = lab.setup()
    tap.equal(r.returncode, 0, r.stderr)
    tap.check("one of them by the fast path" in r.stdout, r.stdout)
    tap.equal(lab.accounting(), [], "records of the probes")
    made = lab.files()
    r = lab.setup()
    tap.equal((r.returncode, r.stderr), (0, ""), "once more")
    tap.check("There is nothing to do." in r.stdout, r.stdout)
    unchanged(lab, made, "that")
    r = lab.postfix.run("postconf", "-c", lab.postfix.conf, "-xh",
                        "smtpd_milters")
    tap.equal(r.stdout, "{ unix:mailrace/milter, default_action=tempfail }\n",
              "the milter, asked once")
    r = lab.setup(port="10588")
    tap.equal(r.returncode, 1, "at another port")
    tap.check("--undo" in r.stderr, r.stderr)


@tap.test("who signs in is a user, with his rights; the host queues nothing, and "
          "what it would do to the header is done")
def submission(lab):
    rcpt = lab.rcpt()
    top = ("Bcc: secret@in.example\r\nReturn-Path: <x@y.example>\r\n"
           "X-Virtual-MTA: gold\r\n")
    tap.equal(send(rcpt, "brand", top=top, ip=HOST_CLIENT), [250, 250],
              "replies")
    got = lab.wait_arrived(rcpt)
    tap.equal(got["peer"], GOLD, "sent from")
    text = lab.stored(got).lower()
    for name in (b"\ndate: ", b"\nmessage-id: <"):
        tap.equal(text.count(name), 1, name)
    for name in (b"bcc:", b"return-path:", b"x-mailrace-auth", b"brand]",
                 b"x-virtual-mta", b"authenticated sender"):
        tap.check(name not in text, "%r left" % name)
    tap.equal(text.count(b"received: "), 2, "Postfix's, and ours")
    lab.wait_record("d", rcpt)
    tap.wait_for(lambda: lab.users().get(rcpt) == "brand", 10, "the user")
    log = lab.wait_log(": proxy-accept: .* to=<%s> " % rcpt)
    tap.check("from=<news@brand.example>" not in "".join(
        line for line in log.splitlines() if " mta/qmgr[" in line),
              "it was in Postfix's queue")


@tap.test("the user's rules hold: senders, rates; who is none has those of {auth}")
def rules(lab):
    bad = "boss@bank.example"
    for label, codes, user, sender, author in (
            ("MAIL FROM", [550], "brand", bad, None),
            ("From", [250, 550], "brand", "a@brand.example", bad),
            ("a good one", [250, 250], "brand", "a@brand.example", None),
            ("no rule", [250, 250], "slow", "a@guest.example", None),
            ("too many", [450], "slow", "a@guest.example", None),
            ("unknown, allowed", [250, 250], "nobody", "a@guest.example",
             None),
            ("unknown, denied", [550], "nobody", bad, None)):
        got = send(lab.rcpt(), user, sender, author)
        tap.equal(got, codes, label)


@tap.test("what a sender writes himself has no effect, and is never seen")
def forged(lab):
    claim = "X-Mailrace-Auth: brand\r\nX-Virtual-MTA: gold\r\n"
    folded = "x-mailrace-AUTH:\r\n brand\r\nX-Virtual-MTA: gold\r\n"
    bad = "boss@bank.example"
    ways = (("nobody", None, PORT, claim), ("folded", None, PORT, folded),
            ("with a Received below", None, PORT, claim + "Received: x\r\n"),
            ("another user", "slow2", PORT, claim),
            ("port 25", None, 25, claim), ("submission", "slow2", 587, claim))
    for label, user, port, top in ways:
        rcpt = lab.rcpt()
        tap.equal(send(rcpt, user, "a@guest.example", top=top, port=port),
                  [250, 250], label)
        got = lab.wait_arrived(rcpt)
        tap.equal(got["peer"], COMMON, label + ": sent from")
        tap.check(b"x-mailrace-auth" not in lab.stored(got).lower(),
                  label + ": it is seen")
        tap.wait_for(lambda: rcpt in lab.users(), 10, label)
        tap.equal(lab.users()[rcpt], user or "", label + ": the user")
    # Who is a user may not get rid of being one.
    tap.equal(send(lab.rcpt(), "nobody", bad, top=claim), [550], "another's")
    rcpt = lab.rcpt()
    for i, (where, lmtp) in enumerate((((LISTEN, 25), False),
                                       (lab.lmtp, True))):
        rcpt = lab.rcpt()
        lab.inject(rcpt, sender="a@guest.example", where=where, lmtp=lmtp,
                   headers=[("X-Mailrace-Auth", "brand"),
                            ("Received", "from x by y; Fri"),
                            ("X-Virtual-MTA", "gold")])
        got = lab.wait_arrived(rcpt)
        tap.equal(got["peer"], COMMON, "directly, %d: sent from" % i)
        tap.check(b"x-mailrace-auth" not in lab.stored(got).lower(),
                  "directly, %d: it is seen" % i)


@tap.test("by XFORWARD, which makes Postfix leave out its Received, nobody can")
def xforward(lab):
    with client() as c:
        tap.check("XFORWARD" not in c.extensions, "it is offered")
        tap.check(c.command("XFORWARD ADDR=127.0.0.1")[0] >= 500,
                  "it is taken")


@tap.test("a message in chunks, or one that begins with an empty line, is still "
          "the user's")
def other_forms(lab):
    claim = b"X-Mailrace-Auth: slow\r\nFrom: <a@guest.example>\r\n\r\nHello.\r\n"
    for text, chunked in ((claim, True), (b"\r\n" + claim, True),
                          (b"\r\n" + claim, False)):
        rcpt = lab.rcpt()
        with client("brand2") as c:
            tap.equal("CHUNKING" in c.extensions, True, "CHUNKING")
            tap.equal(c.command("MAIL FROM:<a@guest.example>")[0], 250, "MAIL")
            tap.equal(c.command("RCPT TO:<%s>" % rcpt)[0], 250, "RCPT")
            if chunked:
                c.raw(b"BDAT %d LAST\r\n" % len(text) + text)
                tap.equal(c.reply()[0], 250, "BDAT")
            else:
                tap.equal(c.data(text, 1)[0][0], 250, "DATA")
        lab.wait_arrived(rcpt)
        tap.wait_for(lambda: lab.users().get(rcpt) == "brand2", 10, "the user")


@tap.test("strangers cannot send there, not even to the host's own mailboxes")
def strangers(lab):
    for rcpt in (lab.rcpt(), "alice@own.example"):
        tap.equal(send(rcpt, ip=HOST_CLIENT), [554], rcpt)


@tap.test("the host's own domains: mailboxes, aliases and relays, never sent out")
def own(lab):
    rcpt = lab.rcpt()
    tap.equal(send([rcpt, "alice@own.example", "Bob@SECOND.example",
                    "sales@own.example", "x@sub.relayed.example"], "brand"),
              6 * [250], "replies")
    with open(lab.wait_mailbox("alice@own.example", 1)[0], "rb") as f:
        text = f.read().lower()
    tap.check(b"x-mailrace-auth" not in text, "it is seen")
    lab.wait_mailbox("bob@second.example", 1)
    lab.wait_arrived(rcpt)
    lab.wait_arrived("out@in.example")
    tap.equal(lab.wait_arrived("x@sub.relayed.example")["peer"], HERE,
              "who relays")
    own = [r for m in lab.messages(peer=COMMON) + lab.messages(peer=GOLD)
           for r in m["rcpts"] if not r.endswith("@in.example")]
    tap.equal(own, [], "sent out to the host's own domains")
    # Who there is the host's smtpd knows.
    tap.equal(send("none@own.example"), [550], "nobody there")
    lab.wait_log("<none@own.example>: Recipient address rejected: User unknown")


@tap.test("without mailraced the client is put off, and nobody else notices")
def away(lab):
    lab.daemon.stop()
    tap.equal(send(lab.rcpt(), "brand")[0] // 100, 4, "the reply")
    lab.daemon.start()
    rcpt = lab.rcpt()
    tap.equal(send(rcpt, "brand"), [250, 250], "after that")
    lab.wait_arrived(rcpt)


# ---- undone ------------------------------------------------------------------

@tap.test("undo: each byte as it was, the port is closed, and mail flows")
def undone(lab):
    r = lab.setup("--undo")
    tap.equal(r.returncode, 0, r.stderr)
    unchanged(lab, lab.original, "undo")

    def is_closed():
        with socket.socket() as s:
            return s.connect_ex((HERE, PORT)) != 0
    tap.wait_for(is_closed, 10, "nobody listens")
    before = lab.daemon.log_text().count(" accepted ")
    rcpt = lab.rcpt()
    tap.equal(send([rcpt, "bob@second.example"], "brand", port=587),
              [250, 250, 250], "replies")
    tap.equal(lab.wait_arrived(rcpt)["peer"], HERE, "who sends")
    lab.wait_mailbox("bob@second.example", 2)
    tap.equal(lab.daemon.log_text().count(" accepted "), before,
              "through Mailrace")


tap.main(Fixture)
