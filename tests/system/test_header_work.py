#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Header fields go and come as the configuration says, by Postfix with the
milter, by LMTP, by SMTP straight to us and by a Postfix that hands over what it
has not queued, each time once, and signatures that dkimpy finds good cover the
header as it arrives."""

import netns
netns.enter()

import email.utils
import time

import signatures
import smtp_client
import tap
from lab import HOST_NAME, LISTEN, Lab, mx_zone

CONFIG = """
host-id 4711
include-headers-from {keys}/top
domain-key s1, brand.example, {keys}/s1.brand.example.pem
<domain *>
    dkim-sign yes
    dkim-headers X-Envid,X-Top,X-Own,X-Virtual-MTA,X-Keep
</domain>
<domain strict.example>
    remove-header X-Keep, x-top
</domain>
<virtual-mta one>
    smtp-source-host 127.0.0.11 one.lab.example
    include-headers-from {keys}/own
</virtual-mta>
<virtual-mta two>
    smtp-source-host 127.0.0.12 two.lab.example
</virtual-mta>
<virtual-mta-pool both>
    virtual-mta one
    virtual-mta two
    include-headers-from {keys}/pool
</virtual-mta-pool>
<source 127.0.0.0/8>
    always-allow-relaying yes
</source>
<source 127.0.0.31>
    remove-header X-Mailer, X-Origin
    add-date-header override
    add-message-id-header yes
    process-x-job yes
    retain-x-job yes
    hide-message-source yes
</source>
<source 127.0.0.32>
    remove-received-headers yes
    add-received-header no
</source>
<source 127.0.0.33>
    default-virtual-mta both
    add-x-virtual-mta-header yes
</source>
<source 127.0.0.34>
    add-date-header override
    date-header-time delivery
    process-x-virtual-mta yes
    retain-x-virtual-mta yes
</source>
<source 127.0.0.37>
    process-x-job yes
    jobid-header X-Campaign
    jobid-prefix news-
    process-x-envid yes
</source>
<source 127.0.0.36>
    remove-header Received
</source>
"""
ZONE = "".join(mx_zone(d + ".example", ("mx1.in.example", "127.0.1.1"))
               for d in ("in", "strict"))
FILES = {"top": "X-Top: 1\n\n", "own": "X-Own: a\n b\nSubject: never\n",
         "pool": "X-Pool: 3\n"}
OLD_DATE = "Mon, 01 Jan 2001 00:00:00 +0000"
WAYS = ("postfix", "lmtp", "smtp", "proxy")
PROXY = 2525  # a smtpd that hands each message over before it is queued
PF_MASTER = """
127.0.0.1:%d inet n - n - - smtpd
  -o smtpd_proxy_filter=%s:25
  -o smtpd_milters=
""" % (PROXY, LISTEN)


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG,
                         dkim=[("s1", "brand.example")], pf_master=PF_MASTER,
                         receivers=[{"listen": ["127.0.1.1:25"]}])
        for name, text in FILES.items():
            with open(self.path("keys", name), "w") as f:
                f.write(text)
        self.count = 0

    def __enter__(self):
        self.start()
        return self

    def rcpt(self, domain="in.example"):
        self.count += 1
        return "r%d@%s" % (self.count, domain)


def message(*fields, body="Hello.\r\n"):
    lines = ["From: a@brand.example", "Subject: s"] + list(fields)
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def send(lab, way, client, rcpts, octets):
    if way == "lmtp":
        lab.inject(rcpts, sender="a@brand.example", client=client,
                   message=octets)
        return
    where = {"postfix": ("127.0.0.1", 25), "proxy": ("127.0.0.1", PROXY),
             "smtp": (LISTEN, 25)}[way]
    with smtp_client.Client(where, source=client, helo="secret.example") as c:
        c.hello()
        taken, dots = c.send("a@brand.example", rcpts, octets)
        tap.check(dots and all(code == 250 for code, _ in taken + dots),
                  "refused: %s %s" % (taken, dots))


def got(lab, rcpt):
    """(name in lower case, value) of all fields, of a good message."""
    octets = lab.stored(lab.wait_arrived(rcpt, 30))
    tap.equal(len(signatures.tags_of(octets)), 1, "signatures")
    tap.check(signatures.verify(octets, lab.txt), "dkimpy refuses it")
    head = octets.split(b"\r\n\r\n")[0].decode("utf-8", "surrogateescape")
    for fold in ("\r\n ", "\r\n\t"):
        head = head.replace(fold, " ")
    return [(n.lower(), v.strip()) for n, _, v in
            (line.partition(":") for line in head.split("\r\n"))]


def values(fields, name):
    return [v for n, v in fields if n == name]


def through(lab, way, client, *fields, domain="in.example", **how):
    rcpt = lab.rcpt(domain)
    send(lab, way, client, [rcpt], message(*fields, **how))
    return got(lab, rcpt)


@tap.test("fields of the source", proves=(
    "source remove-header", "source add-date-header",
    "source add-message-id-header", "source retain-x-job",
    "include-headers-from", "host-id"))
def source(lab):
    for way in WAYS:
        fields = through(lab, way, "127.0.0.31", "X-MAILER: a",
                         "Date: " + OLD_DATE, "x-mailer: caf\u00e9",
                         "X-Origin: one", "\ttwo", "DATE: " + OLD_DATE,
                         "X-Mailers: b", "X-Job: j")
        names = [n for n, _ in fields]
        for name in ("x-mailer", "x-origin", "x-mailrace-mark"):
            tap.check(name not in names, "%s: %s is there" % (way, name))
        for name in ("from", "subject", "date", "message-id", "x-mailers",
                     "x-job", "x-top"):
            tap.equal(names.count(name), 1, "%s: %s" % (way, name))
        date = email.utils.parsedate_to_datetime(values(fields, "date")[0])
        tap.check(abs(date.timestamp() - time.time()) < 60, "the Date is old")
        if way != "postfix":  # whose cleanup has added one
            tap.check(values(fields, "message-id")[0].endswith(
                "@%s>" % HOST_NAME) and ".4711." in
                values(fields, "message-id")[0], "whose Message-ID is it")


@tap.test("nothing tells of the client", proves="source hide-message-source")
def hidden(lab):
    for way in WAYS:
        rcpt = lab.rcpt()
        send(lab, way, "127.0.0.31", [rcpt], message())
        traces = values(got(lab, rcpt), "received")
        tap.equal(len(traces), 2 if way in ("postfix", "proxy") else 1,
                  "Received")
        for t in traces:
            tap.check(t.startswith("by ") and "127.0.0" not in t and
                      "secret" not in t, "told by %s: %s" % (way, t))


@tap.test("the host MTA's Received stays otherwise")
def shown(lab):
    traces = values(through(lab, "postfix", "127.0.0.35"), "received")
    tap.equal(len(traces), 2, "Received")
    tap.check("by %s (Mailrace)" % HOST_NAME in traces[0], traces[0])
    tap.check(traces[1].startswith("from secret.example"), traces[1])


@tap.test("no Received at all", proves=(
    "source remove-received-headers", "source add-received-header"))
def no_received(lab):
    for way in WAYS:
        fields = through(lab, way, "127.0.0.32", "Received: from a by b; x",
                         "RECEIVED: from c by d; x")
        tap.equal(values(fields, "received"), [], way)


@tap.test("none but ours")
def our_received(lab):
    for way in WAYS:
        traces = values(through(lab, way, "127.0.0.36",
                                "Received: from a by b; x"), "received")
        tap.check(len(traces) == 1 and "(Mailrace)" in traces[0],
                  "%s: %s" % (way, traces))


@tap.test("a domain's fields, in one message with another's",
          proves="domain remove-header")
def domain(lab):
    for way in WAYS:
        rcpts = [lab.rcpt("strict.example"), lab.rcpt()]
        send(lab, way, "127.0.0.35", rcpts,
             message("X-Keep: one", "X-KEEP: two", "\tthree", "X-Other: 4"))
        strict, other = (got(lab, r) for r in rcpts)
        for fields, keep, top in ((strict, [], 0),
                                  (other, ["one", "two three"], 1)):
            tap.equal(values(fields, "x-keep"), keep, way)
            tap.equal(len(values(fields, "x-other")), 1, way)
            # What is included comes behind that, and is wanted.
            tap.equal(values(fields, "x-top"), ["1"], way)
            tap.equal(len(values(fields, "from")), 1, way)
        tap.equal(values(through(lab, way, "127.0.0.35", "X-Keep: 1",
                                 domain="strict.example"), "x-keep"), [],
                  way + ", alone")


@tap.test("by the virtual MTA that sends", proves=(
    "virtual-mta include-headers-from", "virtual-mta-pool include-headers-from",
    "source add-x-virtual-mta-header"))
def by_vmta(lab):
    for way in WAYS:
        seen = set()
        for _ in range(2):
            fields = through(lab, way, "127.0.0.33", "X-Virtual-MTA: forged")
            name, = values(fields, "x-virtual-mta")
            seen.add(name)
            tap.equal(values(fields, "x-top") + values(fields, "x-pool"),
                      ["1", "3"], way)
            tap.equal(values(fields, "x-own"),
                      ["a b"] if name == "one" else [], way)
            tap.equal(values(fields, "subject"), ["s"], way)
        tap.equal(seen, {"one", "two"}, way)


@tap.test("the Date of delivery", proves=(
    "source date-header-time", "source retain-x-virtual-mta"))
def delivery(lab):
    lab.command.run("pause", "queue", "in.example/*")
    rcpts = {way: lab.rcpt() for way in WAYS}
    for way in WAYS:
        send(lab, way, "127.0.0.34", [rcpts[way]],
             message("Date: " + OLD_DATE, "X-Virtual-MTA: two"))
    tap.wait_for(lambda: lab.audit().queued == len(WAYS), 20, "all are there")
    then = int(time.time()) + 1
    time.sleep(then + 0.01 - time.time())
    lab.command.run("resume", "queue", "in.example/*")
    for way in WAYS:
        fields = got(lab, rcpts[way])
        date, = values(fields, "date")
        tap.check(email.utils.parsedate_to_datetime(date).timestamp() >= then,
                  "%s: %s" % (way, date))
        tap.equal(values(fields, "x-virtual-mta"), ["two"], way)


@tap.test("the job is told by another field", proves=(
    "source jobid-header", "source jobid-prefix"))
def job(lab):
    for way in WAYS:
        for fields, name in ((["X-Campaign: spring 2"], "news-spring"),
                             (["X-Campaign: a", "X-Job: b"], "news-b"),
                             (["X-Other: c"], "")):
            rcpt = lab.rcpt()
            send(lab, way, "127.0.0.37", [rcpt], message(*fields))
            left = [n for n, _ in got(lab, rcpt)]
            tap.check("x-job" not in left, "X-Job is there")
            tap.equal("x-campaign" in left, "X-Campaign" in fields[0], way)
            tap.equal(lab.wait_record("d", rcpt)["jobId"], name, way)


@tap.test("the envelope id is told by X-Envid, which goes",
          proves="source process-x-envid")
def envid(lab):
    for way in WAYS:
        rcpt = lab.rcpt()
        send(lab, way, "127.0.0.37", [rcpt],
             message("X-ENVID: a+b=", "\tc", "X-Campaign: j"))
        names = [n for n, _ in got(lab, rcpt)]
        tap.check("x-envid" not in names, way + ": it is there")
        tap.equal(lab.wait_record("d", rcpt)["envId"], "a+b= c", way)
    rcpt = lab.rcpt()
    lab.inject(rcpt, sender="a@brand.example", client="127.0.0.37",
               params=" ENVID=own", message=message("X-Envid: other"))
    tap.equal(lab.wait_record("d", rcpt)["envId"], "own", "MAIL has said it")
    tap.equal(values(through(lab, "postfix", "127.0.0.35", "X-Envid: e"),
                     "x-envid"), ["e"], "from another source")


@tap.test("what nobody has queued: what a submission server does")
def submission(lab):
    for way, hops in (("smtp", 1), ("proxy", 2)):
        fields = through(lab, way, "127.0.0.35", "Bcc: x@y.example",
                         "bcc: z@y.example", "Return-Path: <evil@y.example>",
                         "X-Job: j", "X-Virtual-MTA: two",
                         "X-Mailrace-Mark: v=2;")
        names = [n for n, _ in fields]
        for name in ("bcc", "return-path", "x-job", "x-virtual-mta",
                     "x-mailrace-mark"):
            tap.check(name not in names, "%s: %s is there" % (way, name))
        for name, count in (("date", 1), ("message-id", 1), ("from", 1),
                            ("received", hops)):
            tap.equal(names.count(name), count, "%s: %s" % (way, name))
        fields = through(lab, way, "127.0.0.35", "Date: " + OLD_DATE,
                         "Message-ID: <1@brand.example>")
        tap.equal(values(fields, "date"), [OLD_DATE], "its Date")
        tap.equal(values(fields, "message-id"), ["<1@brand.example>"],
                  "its id")


@tap.test("handed over: that is the host MTA's")
def handed_over(lab):
    names = [n for n, _ in through(lab, "lmtp", "127.0.0.35", "Bcc: b@c.example")]
    tap.check("bcc" in names and "date" not in names and
              "message-id" not in names, str(names))
    rcpt = lab.rcpt()
    with smtp_client.Client((LISTEN, 25), source="127.0.0.35") as c:
        c.hello()
        c.send("a@brand.example", [rcpt], message(),
               xforward={"ADDR": "192.0.2.1", "IDENT": "4FX"})
    tap.check("date" not in [n for n, _ in got(lab, rcpt)],
              "by SMTP, with a queue id: a Date")


tap.main(Fixture)
