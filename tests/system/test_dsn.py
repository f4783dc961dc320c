#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Senders are told what became of their mail: a real Postfix hands over,
Mailrace gives up, and the sender's mailbox in that Postfix holds a report
that Python's parser takes apart.  Who wants none, or a null sender, gets none;
and however often mailraced is killed, each failure is told once."""

import netns
netns.enter()

import email
import email.policy
import glob
import os
import pwd
import smtplib

import postfix
import smtp_client
import tap
from lab import HOST_NAME, Lab, mx_zone

CONFIG = """
dsn-host %s
host-domain sender.example
smtp-listener 127.0.0.31:25
<source 127.0.0.32>
    always-allow-relaying yes
    accept-invalid-recipients yes
</source>
<domain *>
    retry-after 1s
    retry-recipients-after 1s
</domain>
<domain {dsn}>
    retry-after 1s
</domain>
<domain short.example>
    bounce-after 2s
</domain>
<domain late.example>
    notify-of-delay-every 3s
</domain>
<domain dead.example>
    notify-of-delay-every 3s
</domain>
<domain later.example>
    retry-recipients-after 1h
</domain>
<domain quiet.example>
    deliver-local-dsn no
</domain>
<source 10.8.0.0/16>
    dsn-return-default full
</source>
<source 10.9.0.0/16>
    suppress-local-dsn yes
</source>
""" % postfix.DSN_HOST
ZONE = "".join(mx_zone(name + ".example",
                       ("mx.%s.example" % name, "127.0.1.%d" % n))
               for n, name in ((1, "in"), (2, "short"), (3, "dsn"),
                               (4, "quiet"), (5, "crash"),
                               (6, "later"), (6, "late"), (99, "dead")))
REFUSE = {"at": "rcpt", "match": "<no", "reply":
          "550 5.1.1 no such user\nAction: delivered\n \u20ac"}
SENDERS = ("refused", "full", "hdrs", "never", "success", "some", "dsn", "expired",
           "nodomain", "quiet", "suppress", "default", "waits",
           "crash", "own", "unread", "deleted", "late", "dead", "unasked", "jos\u00e9")


class Fixture(Lab):
    acct_sync = True

    """Mailboxes SENDER@sender.example in the Postfix that hands over."""

    def __init__(self):
        user = pwd.getpwnam("postfix")
        super().__init__(
            zone=ZONE, config=CONFIG,
            pf_main="mynetworks = 0.0.0.0/0\n"
            "virtual_mailbox_domains = sender.example\n"
            "virtual_minimum_uid = 1\n"
            "virtual_uid_maps = static:%d\nvirtual_gid_maps = static:%d\n" %
            (user.pw_uid, user.pw_gid),
            receivers=[
                {"listen": ["127.0.1.1:25", "127.0.1.4:25", "127.0.1.5:25"],
                 "rules": [REFUSE]},
                {"listen": ["127.0.1.2:25", "127.0.1.6:25"], "rules": [
                    {"at": "rcpt", "reply": "451 4.3.0 never \"today\""}]},
                {"listen": ["127.0.1.3:25"],
                 "ehlo": ["PIPELINING", "8BITMIME", "DSN"]}])
        maps = self.path("mailboxes")
        with open(maps, "w") as f:
            for name in SENDERS:
                f.write("%s@sender.example %s/\n" % (name, name))
        self.postfix.configure(
            "virtual_mailbox_base = %s\nvirtual_mailbox_maps = texthash:%s\n" %
            (self.path("mail"), maps))
        os.chown(self.path("mail"), user.pw_uid, user.pw_gid)

    def __enter__(self):
        self.start()
        return self

    def send(self, name, rcpts, mail=(), rcpt=(), client=None,
             sender=None):
        """Hands a message to Postfix, as a client with DSN would."""
        if sender is None:
            sender = name + "@sender.example"
        text = ("Subject: test of %s\r\n\r\nThe body of %s.\r\n" %
                (name, name)).encode()
        with smtplib.SMTP("127.0.0.1", 25) as s:
            if client is not None:
                s.ehlo()
                s.docmd("XCLIENT", "ADDR=%s NAME=there.example" % client)
            s.ehlo()
            refused = s.sendmail(sender, rcpts, text, mail, rcpt)
        tap.equal(refused, {}, "refused by Postfix")

    def mailbox(self, name):
        """What came in for a sender, parsed."""
        out = []
        for path in glob.glob(self.path("mail", name, "new", "*")):
            with open(path, "rb") as f:
                out.append(email.message_from_bytes(
                    f.read(), policy=email.policy.default))
        return out

    def one(self, name, timeout_s=60):
        """The only report a sender got."""
        tap.wait_for(lambda: self.mailbox(name), timeout_s,
                     "a report for " + name)
        self.settled()
        tap.equal(len(self.mailbox(name)), 1, "reports for " + name)
        return Report(self.mailbox(name)[0])

    def settled(self):
        """Nothing is on its way any more."""
        tap.wait_for(lambda: self.audit().queued == 0, 60, "queue is empty")
        tap.wait_for(lambda: self.postfix.queue_size() == 0, 60,
                     "Postfix has nothing")


class Report:
    """A multipart/report, found to be sound."""

    def __init__(self, msg):
        self.msg = msg
        parts = list(msg.iter_parts())
        tap.equal(msg.get_content_type(), "multipart/report", "type")
        tap.equal(msg["Auto-Submitted"], "auto-replied", "Auto-Submitted")
        tap.equal(msg["Return-Path"], "<>", "null sender")
        for part in msg.walk():
            tap.equal(part.defects, [], "defects of " +
                      part.get_content_type())
        self.words = parts[0].get_content()
        self.kind = parts[1].get_content_type()
        blocks = parts[1].get_payload()
        if isinstance(blocks, str):  # of RFC 6533, no type of Python's
            blocks = [email.message_from_string(b, policy=email.policy.default)
                      for b in parts[1].get_content().split("\n\n")]
        self.message, self.rcpts = blocks[0], blocks[1:]
        self.original = parts[2]

    def addresses(self):
        return [r["Final-Recipient"].split("; ")[1] for r in self.rcpts]


@tap.test("refused recipients: one report names them, and why",
          proves="dsn-host")
def refused(lab):
    lab.send("refused", ["no1@in.example", "yes@in.example",
                         "no2@in.example"], ["ENVID=QQ+2B314"],
             ["NOTIFY=FAILURE", "ORCPT=rfc822;list+2Bx@alias.example"])
    r = lab.one("refused")
    tap.equal(r.addresses(), ["no1@in.example", "no2@in.example"], "who")
    tap.equal(r.message["Reporting-MTA"], "dns; " + HOST_NAME, "Reporting")
    tap.equal(r.message["Original-Envelope-Id"], "QQ+314", "ENVID")
    tap.check(r.message["Arrival-Date"], "Arrival-Date")
    for b in r.rcpts:
        tap.equal(b["Action"], "failed", "Action")
        tap.equal(b["Status"], "5.1.1", "Status")
        tap.equal(b["Original-Recipient"], "rfc822; list+x@alias.example",
                  "ORCPT")
        tap.equal(b["Remote-MTA"], "dns; mx.in.example", "Remote-MTA")
        tap.check(b["Diagnostic-Code"].startswith("smtp; 550 5.1.1 no such"),
                  b["Diagnostic-Code"])
    tap.check("<no1@in.example>" in r.words and "refused the recipient" in
              r.words and "no such user" in r.words, r.words)
    tap.equal(r.msg["To"], "refused@sender.example", "To")
    tap.equal(r.original.get_content_type(), "text/rfc822-headers", "part 3")
    text = r.original.get_content()
    tap.check("Subject: test of refused" in text and "The body" not in text,
              text)


@tap.test("RET=FULL gives the message back, RET=HDRS its header")
def ret(lab):
    lab.send("full", ["no@in.example"], ["RET=FULL"])
    lab.send("hdrs", ["no@in.example"], ["RET=HDRS"])
    full, hdrs = lab.one("full"), lab.one("hdrs")
    tap.equal(full.original.get_content_type(), "message/rfc822", "FULL")
    inner = full.original.get_payload(0)
    tap.equal((inner["Subject"], inner.get_content().strip()),
              ("test of full", "The body of full."), "the message")
    tap.equal(hdrs.original.get_content_type(), "text/rfc822-headers", "HDRS")


@tap.test("NOTIFY=NEVER, SUCCESS alone, and a null sender: no report")
def never(lab):
    before = lab.audit()
    lab.send("never", ["no-a@in.example"], rcpt=["NOTIFY=NEVER"])
    lab.send("never", ["no-b@in.example"], rcpt=["NOTIFY=SUCCESS"])
    lab.send("never", ["no-c@in.example"], sender="")
    for c in "abc":
        lab.wait_record("b", "no-%s@in.example" % c)
    lab.settled()
    tap.equal(lab.mailbox("never"), [], "reports")
    tap.equal(lab.audit().accepted, before.accepted + 3, "messages made")


@tap.test("NOTIFY=SUCCESS: a server without DSN is told of, one with is asked")
def success(lab):
    want = ["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;o@alias.example"]
    lab.send("success", ["yes-1@in.example"], ["RET=FULL"], want)
    lab.send("dsn", ["yes-2@dsn.example"], ["RET=HDRS", "ENVID=e1"], want)
    r = lab.one("success")
    tap.equal(r.rcpts[0]["Action"], "relayed", "Action")
    tap.equal(r.rcpts[0]["Status"][:2], "2.", "Status")
    tap.equal(r.original.get_content_type(), "text/rfc822-headers",
              "RET is for failures")
    lab.wait_arrived("yes-2@dsn.example")
    lab.settled()
    tap.equal(lab.mailbox("dsn"), [], "reports of our own")
    said = [e["params"] for e in lab.events("rcpt") + lab.events("mail")
            if e["to"] == "127.0.1.3:25"]
    tap.check(any("NOTIFY=SUCCESS,FAILURE" in s and
                  "ORCPT=rfc822;o@alias.example" in s for s in said), said)
    tap.check(any("RET=HDRS" in s and "ENVID=e1" in s for s in said), said)


@tap.test("some refused, some delivered and told: two reports")
def some(lab):
    lab.send("some", ["no@in.example", "yes@in.example"], rcpt=[
        "NOTIFY=SUCCESS,FAILURE"])
    tap.wait_for(lambda: len(lab.mailbox("some")) == 2, 15, "two reports")
    reports = [Report(m) for m in lab.mailbox("some")]
    tap.equal(sorted((r.rcpts[0]["Action"], r.addresses()) for r in reports),
              [("failed", ["no@in.example"]), ("relayed", ["yes@in.example"])],
              "each its own")


@tap.test("too old: the report has the last reply, or the last trouble")
def expired(lab):
    lab.send("expired", ["x@short.example"])
    r = lab.one("expired", 20)
    tap.equal(r.rcpts[0]["Status"], "5.4.7", "Status")
    tap.check("451 4.3.0 never \"today\"" in r.rcpts[0]["Diagnostic-Code"] or
              "not delivered within" in r.rcpts[0]["Diagnostic-Code"],
              r.rcpts[0]["Diagnostic-Code"])
    tap.check("delivered in time" in r.words, r.words)


@tap.test("recipients that end without a session: one report")
def nodomain(lab):
    lab.send("nodomain", ["%d@nosuch.example" % i for i in range(3)])
    r = lab.one("nodomain")
    tap.equal(len(r.rcpts), 3, "recipients")
    tap.equal({b["Action"] for b in r.rcpts}, {"failed"}, "Action")
    tap.check(r.rcpts[0]["Diagnostic-Code"].startswith("x-mailrace; "),
              r.rcpts[0]["Diagnostic-Code"])
    tap.check("no mail server for the domain" in r.words, r.words)


def reports(lab, name, count):
    return [Report(m) for m in tap.wait_for(
        lambda: len(lab.mailbox(name)) >= count and lab.mailbox(name), 30,
        "%d reports for %s" % (count, name))]


@tap.test("late, and asked for it: told with the first failure behind each "
          "multiple, of recipients and of queues",
          proves="domain notify-of-delay-every")
def late(lab):
    lab.send("unasked", ["u@late.example", "u@dead.example"], (),
             ["NOTIFY=FAILURE"])
    lab.send("late", ["x@late.example"], (), ["NOTIFY=FAILURE,DELAY"])
    lab.send("dead", ["x@dead.example", "y@dead.example"], (),
             ["NOTIFY=DELAY"])
    first, second = reports(lab, "late", 2)[:2]
    for r in (first, second):
        b = r.rcpts[0]
        tap.equal((b["Action"], b["Status"]), ("delayed", "4.4.7"), "Action")
        tap.check(b["Diagnostic-Code"].startswith("smtp; 451 4.3.0 never"),
                  b["Diagnostic-Code"])
        tap.check(b["Will-Retry-Until"], "Will-Retry-Until")
    tap.check("tried again" in first.words, first.words)
    tap.equal(sum(len(r.rcpts) for r in reports(lab, "dead", 1)[:1]), 2,
              "recipients of the queue that cannot be reached")
    # What is told is not told again by a start.
    told = len(lab.mailbox("dead"))
    lab.daemon.stop()
    lab.daemon.start()
    reports(lab, "dead", told + 1)
    for domain in ("late.example", "dead.example"):
        lab.command.text("delete", "--queue=" + domain)
    lab.settled()
    # The rows may be written a moment after what they tell of.
    tap.wait_for(lambda: len([r for r in lab.accounting("d")
                              if r["rcpt"] == "late@sender.example"]) ==
                 len(lab.mailbox("late")), 20, "a row for each report")
    tap.equal(lab.mailbox("unasked"), [], "who did not ask")


@tap.test("deleted with --dsn: the sender is told, without it not")
def deleted(lab):
    lab.inject("x-1@later.example", sender="never@sender.example")
    lab.wait_record("t", "x-1@later.example")
    lab.command.text("delete", "--queue=later.example")
    lab.inject("x-2@later.example", sender="deleted@sender.example")
    lab.wait_record("t", "x-2@later.example")
    lab.command.text("delete", "--dsn", "--queue=later.example")
    r = lab.one("deleted")
    tap.equal(r.addresses(), ["x-2@later.example"], "who")
    tap.check("took it out of the queue" in " ".join(r.words.split()), r.words)
    tap.equal(lab.mailbox("never"), [], "reports without --dsn")


@tap.test("no reports for a domain", proves="domain deliver-local-dsn")
def quiet(lab):
    lab.send("quiet", ["no-q@quiet.example"])
    lab.wait_record("b", "no-q@quiet.example")
    lab.settled()
    tap.equal(lab.mailbox("quiet"), [], "reports")


@tap.test("no reports for a source, whoever handed over",
          proves="source suppress-local-dsn")
def suppress(lab):
    lab.send("suppress", ["no-s@in.example"], client="10.9.1.1")
    lab.wait_record("b", "no-s@in.example")
    lab.settled()
    tap.equal(lab.mailbox("suppress"), [], "reports")


@tap.test("all of the message for a source that wants it so",
          proves="source dsn-return-default")
def default(lab):
    lab.send("default", ["no@in.example"], client="10.8.1.1")
    tap.equal(lab.one("default").original.get_content_type(),
              "message/rfc822", "part 3")


@tap.test("an address beyond ASCII: a report of RFC 6533")
def utf8(lab):
    who, to = "jos\u00e9@sender.example", "no-\u00fc@in.example"
    with smtplib.SMTP("127.0.0.1", 25) as s:
        s.ehlo()
        s.command_encoding = "utf-8"
        refused = s.sendmail(who, [to], "Subject: \u20ac\r\n\r\nx\r\n".encode(),
                             ["SMTPUTF8", "BODY=8BITMIME"])
    tap.equal(refused, {}, "refused by Postfix")
    tap.wait_for(lambda: lab.mailbox("jos\u00e9"), 15, "a report")
    r = Report(lab.mailbox("jos\u00e9")[0])
    tap.equal(r.kind, "message/global-delivery-status", "part 2")
    tap.check("Final-Recipient: utf-8; " + to in
              r.msg.as_bytes().decode("utf-8", "replace"), "the address")
    lab.settled()


@tap.test("a report that the host refuses is not answered by another")
def no_loop(lab):
    before = lab.audit()
    lab.send("nobody", ["no-loop@in.example"])
    r = lab.wait_record("b", "nobody@sender.example")
    tap.equal((r["orig"], r["queue"], r["srcType"]),
              ("", "{dsn}/{default}", "dsn"), "its record")
    lab.settled()
    after = lab.audit()
    tap.equal(after.accepted, before.accepted + 2, "the mail, one report")
    tap.equal(after.terminal["failed"], before.terminal["failed"] + 2, "both")


@tap.test("the host is down: the report waits")
def waits(lab):
    lab.postfix.stop()
    lab.inject("no-w@in.example", sender="waits@sender.example")
    lab.wait_record("b", "no-w@in.example")
    tap.wait_for(lambda: lab.audit().queued == 1, 20, "it waits")
    queues = lab.command.json("show", "queues")
    tap.check("{dsn}" in str(queues), queues)
    lab.postfix.start()
    tap.equal(lab.one("waits").addresses(), ["no-w@in.example"], "who")


@tap.test("who cannot be read bounces with the message, over kill -9 too",
          proves="source accept-invalid-recipients")
def unread(lab):
    before = lab.audit()
    text = smtp_client.compose("unread@sender.example", "all@in.example")
    with smtp_client.Client(("127.0.0.31", 25), source="127.0.0.32") as c:
        c.hello()
        for rcpts in (["ok@in.example", "not to@be read"], ["nor>this"]):
            taken, done = c.send("unread@sender.example", rcpts, text)
            tap.equal([code for code, _ in taken + done],
                      [250] * (len(rcpts) + 1), "replies")
        lab.daemon.kill()
    lab.daemon.start()
    lab.wait_arrived("ok@in.example")
    tap.wait_for(lambda: len(lab.mailbox("unread")) >= 2, 30, "two reports")
    lab.settled()
    # One that was being handed over when the daemon died comes again.
    reports = {m["Message-ID"]: Report(m) for m in lab.mailbox("unread")}
    reports = list(reports.values())
    tap.equal(sorted(r.addresses() for r in reports),
              [["nor>this"], ["not to@be read"]], "who")
    tap.equal({r.rcpts[0]["Status"] for r in reports}, {"5.1.3"}, "Status")
    tap.check("Subject: test" in reports[0].original.get_content(), "header")
    for who in ("not to@be read", "nor>this"):
        r = lab.wait_record("b", who)
        tap.equal((r["queue"], r["dsnStatus"][:5], r["bounceCat"]),
                  ("", "5.1.3", "bad-mailbox"), "record")
    after = lab.audit()
    tap.equal(after.accepted, before.accepted + 5, "three, two reports")
    tap.equal(after.terminal["failed"], before.terminal["failed"] + 2, "failed")
    with smtp_client.Client(("127.0.0.31", 25), source="127.0.0.33") as c:
        c.hello()
        taken, _ = c.send("unread@sender.example", ["not to@be read"], text)
        tap.equal(taken[0][0], 501, "from any other client")


@tap.test("what comes by SMTP for the host's own domain goes back to it, and so does "
          "the report of one who is not there", proves="host-domain")
def own_domain(lab):
    sender, text = "own@sender.example", "Subject: to me\r\n\r\nHello.\r\n"
    rcpts = [sender, "with-own@in.example", "nobody@SENDER.example"]
    with smtp_client.Client(("127.0.0.31", 25), source="127.0.0.32") as c:
        c.hello()
        taken, done = c.send(sender, rcpts, text)
        tap.equal([code for code, _ in taken + done], [250] * 4, "replies")
    lab.wait_arrived("with-own@in.example")
    tap.wait_for(lambda: len(lab.mailbox("own")) >= 2, 30, "both")
    lab.settled()
    mails = {m["Subject"] == "to me": m for m in lab.mailbox("own")}
    tap.equal(sorted(mails), [False, True], "what came")
    tap.equal([a.lower() for a in Report(mails[False]).addresses()],
              ["nobody@sender.example"], "who is not there")
    tap.check("by pf.lab.example (Postfix)" in mails[True]["Received"],
              "by the host: " + mails[True]["Received"])


@tap.test("kill -9, again and again: each failure is told once")
def crash(lab):
    count = 60
    ids = set()
    for i in range(count):
        lab.inject("no%d@crash.example" % i, sender="crash@sender.example")
        if i % 20 == 10:
            lab.daemon.kill()
            lab.daemon.start()
    lab.settled()
    told = {}
    for m in lab.mailbox("crash"):
        r = Report(m)
        ids.add(m["Message-ID"])
        told.setdefault(r.addresses()[0], set()).add(m["Message-ID"])
    tap.equal(len(told), count, "recipients told of")
    tap.equal({len(v) for v in told.values()}, {1}, "reports for each")
    tap.equal(len(ids), count, "reports")


tap.main(Fixture)
