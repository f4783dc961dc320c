#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""PowerMTA's mail merge, spoken as its client libraries do: every recipient
gets the text, the sender and the way that are his, signed; a merge is taken as
a whole or not at all, whatever happens to us meanwhile; and nobody gets to say
in it what he may not."""

import netns
netns.enter()

import os
import random
import ssl
import time

import keys
import signatures
import smtp_client
import tap
from lab import LISTEN, Lab, mx_zone

SENDER = "news@brand.example"
CONFIG = """
domain-key s1, brand.example, {keys}/s1.brand.example.pem
mailmerge-expands-undefined-variables no
<domain *>
    dkim-sign yes
</domain>
<virtual-mta two>
    smtp-source-host 127.0.0.12 two.lab.example
</virtual-mta>
<address-list gone>
    address gone@in.example
</address-list>
<source 127.0.0.1>
    always-allow-relaying yes
    allow-mailmerge yes
    deny-sender boss@brand.example
    suppression-lists gone
</source>
<source 127.0.0.3>
    always-allow-relaying yes
    always-allow-api-submission yes
</source>
<source 127.0.0.4>
    always-allow-relaying yes
</source>
<source 127.0.0.5>
    always-allow-relaying yes
    allow-mailmerge yes
    allow-starttls yes
</source>
smtp-server-tls-certificate {keys}/both.pem
<acct-file {root}/acct/received.csv>
    records r
</acct-file>
"""
ZONE = mx_zone("in.example", ("mx.in.example", "127.0.1.1")) + \
    mx_zone("held.example", ("mx.in.example", "127.0.1.1"))


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, with_postfix=False,
                         with_milter=False, dkim=[("s1", "brand.example")],
                         receivers=[{"listen": ["127.0.1.1:25"]}])
        files = keys.certificate(self.path("keys"), "in.example")
        with open(self.path("keys", "both.pem"), "w") as f:
            for name in files.values():
                with open(name) as part:
                    f.write(part.read())
        os.chmod(self.path("keys", "both.pem"), 0o600)
        self.keys = signatures.cached(self.txt)

    def __enter__(self):
        self.start()
        return self


class Merger(smtp_client.Client):
    """What the libraries do: XACK OFF, definitions and recipients without
    waiting, then the parts."""

    def __init__(self, source="127.0.0.1"):
        super().__init__((LISTEN, 25), source=source)
        self.hello()

    def open(self, sender=SENDER, params=""):
        tap.equal(self.command("XACK OFF")[0], 250, "XACK")
        return self.command("XMRG FROM:<%s>%s" % (sender, params))

    def name(self, rcpts):
        """rcpts: address -> variables."""
        self.raw("".join(
            "XDFN %s\r\nRCPT TO:<%s>\r\n" % (
                " ".join('%s="%s"' % v for v in variables.items()), rcpt)
            for rcpt, variables in rcpts.items()).encode())

    def part(self, number, text, last=False):
        code, said = self.command("XPRT %d%s" % (number,
                                                 " LAST" if last else ""))
        if code != 354:
            return code, said
        self.raw(smtp_client.stuffed(text.replace("\n", "\r\n")) + b".\r\n")
        return self.reply()

    def merge(self, rcpts, *parts, **how):
        """The last reply."""
        code, said = self.open(**how)
        tap.equal(code, 250, "XMRG: " + said)
        self.name(rcpts)
        for i, text in enumerate(parts):
            answer = self.part(i + 1, text, i + 1 == len(parts))
            if answer[0] != 250:
                break
        return answer


HEAD = "From: [*from]\nTo: <[*to]>\nDate: [*date]\nSubject: For [name]\n\n"


@tap.test("a text for each, from his own sender and by his own way, signed",
          proves="source allow-mailmerge")
def personal(lab):
    rcpts = {"a%d@in.example" % i: {"name": "Ann %d" % i, "*parts": "1-2"}
             for i in range(50)}
    rcpts["a7@in.example"].update({
        "*parts": "1,3,2", "*vmta": "two", "*jobid": "j7", "*envid": "e 7",
        "*from": "seven@brand.example"})
    with Merger() as c:
        tap.check({"XACK", "XMRG"} <= set(c.extensions), str(c.extensions))
        tap.equal(c.merge(rcpts, HEAD, "Dear [NAME], [[]x] [nobody]\n",
                          ".extra\n"),
                  (250, "2.6.0 message received"), "the answer")
    for rcpt, variables in rcpts.items():
        m = lab.wait_arrived(rcpt)
        tap.equal(m["rcpts"], [rcpt], "recipients together")
        text = lab.stored(m)
        tap.check(signatures.verify(text, lab.keys, "brand.example"),
                  "the signature for " + rcpt)
        head, _, body = text.decode().replace("\r\n", "\n").partition("\n\n")
        tap.check("\nTo: <%s>\n" % rcpt in head and
                  "\nSubject: For %s" % variables["name"] in head, head)
        extra = ".extra\n" if rcpt == "a7@in.example" else ""
        tap.equal(body, extra + "Dear %s, [x] [nobody]\n" % variables["name"],
                  "body")
    seven = lab.wait_record("d", "a7@in.example")
    tap.equal([seven[k] for k in ("orig", "vmta", "jobId", "envId")],
              ["seven@brand.example", "two", "j7", "e 7"], "of one")
    tap.equal(lab.wait_arrived("a7@in.example")["sender"],
              "seven@brand.example", "its sender")
    tap.equal(lab.wait_record("d", "a8@in.example")["orig"], SENDER, "others")
    for rcpt in rcpts:
        lab.wait_record("r", rcpt)


@tap.test("undefined variables stay where the directive says so",
          proves="mailmerge-expands-undefined-variables")
def undefined(lab):
    with Merger() as c:
        tap.equal(c.merge({"u@in.example": {"name": "x"}},
                          HEAD + "a[nobody]b\n")[0], 250, "taken")
    text = lab.stored(lab.wait_arrived("u@in.example")).decode()
    tap.check("a[nobody]b" in text, text)


@tap.test("always-allow-api-submission is the same; without either there is "
          "no merge", proves="source always-allow-api-submission")
def offered(lab):
    with Merger(source="127.0.0.3") as c:
        tap.equal(c.merge({"api@in.example": {"name": "x"}},
                          HEAD + "b\n")[0], 250, "taken")
    lab.wait_arrived("api@in.example")
    with smtp_client.Client((LISTEN, 25), source="127.0.0.4") as c:
        c.hello()
        tap.check(not {"XACK", "XMRG"} & set(c.extensions), str(c.extensions))
        for line in ("XMRG FROM:<%s>" % SENDER, "XDFN a=b", "XPRT 1 LAST",
                     "XACK OFF"):
            tap.equal(c.command(line)[0], 502, line)


@tap.test("a long definition in pieces, through TLS")
def encrypted(lab):
    with Merger(source="127.0.0.5") as c:
        tap.equal(c.command("XACK OFF")[0], 250, "XACK, in clear")
        tap.equal(c.command("STARTTLS")[0], 220, "STARTTLS")
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        c.sock = context.wrap_socket(c.sock)
        c.hello()
        tap.equal(c.command("XMRG FROM:<%s>" % SENDER)[0], 250, "XMRG")
        line = 'XDFN name=x long="%s"\r\n' % (9000 * "l")
        for at in range(0, len(line), 3000):
            c.raw(line[at:at + 3000].encode())
            time.sleep(0.05)
        tap.equal(c.reply()[0], 250, "XDFN is answered: what was said in "
                  "clear is forgotten")
        tap.equal(c.command("RCPT TO:<tls@in.example>")[0], 250, "RCPT")
        tap.equal(c.part(1, HEAD + "[long]\n", last=True)[0], 250, "taken")
    text = lab.stored(lab.wait_arrived("tls@in.example"))
    tap.equal(text.count(b"l" * 900), 9, "of the value")


@tap.test("one text for many is one message, with VERP still a sender each")
def same(lab):
    rcpts = {"s%d@in.example" % i: {"*parts": "1"} for i in range(5)}
    before = lab.daemon.log_text().count(" merged=1 ")
    with Merger() as c:
        tap.equal(c.merge(rcpts, "Subject: all\n\nHello.\n",
                          params=" VERP")[0], 250, "taken")
    for r in rcpts:
        tap.equal(lab.wait_arrived(r)["sender"],
                  "news-%s@brand.example" % r.replace("@", "="), "sender")
    tap.equal(lab.daemon.log_text().count(" merged=1 "), before + 1,
              "messages")


@tap.test("whoever may not be written to gets nothing, said or not")
def suppressed(lab):
    text = HEAD + "b\n"
    with Merger() as c:
        tap.equal(c.merge({"gone@in.example": {"name": "x"},
                           "there@in.example": {"name": "y"}}, text)[0], 250,
                  "without replies to RCPT")
        tap.equal(c.command("XACK ON")[0], 250, "XACK")
        tap.equal(c.command("XMRG FROM:<%s>" % SENDER)[0], 250, "XMRG")
        tap.equal(c.command("RCPT TO:<gone@in.example>"),
                  (550, '5.7.1 recipient is in suppression list "gone"'),
                  "with them")
        tap.equal(c.command("RCPT TO:<there2@in.example>")[0], 250, "RCPT")
        tap.equal(c.part(1, text, last=True)[0], 250, "taken")
    lab.wait_arrived("there@in.example")
    lab.wait_arrived("there2@in.example")
    tap.wait_for(lambda: len([r for r in lab.accounting("b")
                              if r["rcpt"] == "gone@in.example"]) == 2, 20,
                 "both have a terminal record")
    tap.equal(lab.arrived("gone@in.example"), [], "arrived")


HOSTILE = {
    "a line end in a value": (
        'XDFN name="x\rBcc: victim@in.example"', 500),
    "a sender that may not be used": (
        "XDFN *from=boss@brand.example", 550),
    "a sender that is none": ("XDFN *from=a@b@c", 501),
    "another recipient's address": ("XDFN *to=victim@in.example", 501),
    "a quote, however it was meant": ('XDFN name="a\\"b"', 501),
    "a priority beyond all": ("XDFN *priority=1000000", 501),
    "times that are none": ("XDFN *schedule=now", 501),
    "more parts than there are": ("XDFN *parts=1-1000", 554),
}


@tap.test("what is wrong with one refuses all, and nothing of it goes out")
def hostile(lab):
    accepted = lab.audit().accepted
    for label, (line, code) in HOSTILE.items():
        with Merger() as c:
            c.open()
            c.raw(b"XDFN name=good\r\nRCPT TO:<ok@in.example>\r\n" +
                  line.encode() + b"\r\nRCPT TO:<bad@in.example>\r\n")
            tap.equal(c.part(1, HEAD + "b\n", last=True)[0], code, label)
    tap.equal(lab.audit().accepted, accepted, "accepted")
    tap.equal(lab.messages(rcpts=["victim@in.example"]), [], "to others")


ROUND = 400  # recipients of a merge


@tap.test("killed at any moment: a merge is there as a whole or not at all, "
          "and all that was answered is")
def killed(lab):
    lab.settled()
    lab.command.text("pause", "queue", "held.example/*")
    rng = random.Random(8)
    answered = queued = 0
    for turn in range(4):
        rcpts = {"k%d-%d@held.example" % (turn, i): {"name": "n%d" % i}
                 for i in range(ROUND)}
        with Merger() as c:
            tap.equal(c.open()[0], 250, "XMRG")
            c.name(rcpts)
            tap.equal(c.command("XPRT 1 LAST")[0], 354, "XPRT")
            c.raw((HEAD + "x" * 900 + "\n").replace("\n", "\r\n").encode() +
                  b".\r\n")
            if turn == 3:  # the last one is answered first
                tap.equal(c.reply()[0], 250, "the answer")
                answered += 1
            else:
                time.sleep(rng.random() * 0.2)
            lab.daemon.kill()
        lab.daemon.start()
        now = lab.audit().queued
        tap.check(now - queued in (0, ROUND), "%d more are queued" %
                  (now - queued))
        queued = now
    tap.check(queued >= answered * ROUND, "what was answered is there")
    rcpt = "k3-%d@held.example" % (ROUND - 1)
    lab.command.text("resume", "queue", "held.example/*")
    tap.check(b"For n%d" % (ROUND - 1) in
              lab.stored(lab.wait_arrived(rcpt, 60)), "its own text")
    lab.settled()
    counts = {}
    for m in lab.messages():
        for r in m["rcpts"]:
            counts[r] = counts.get(r, 0) + 1
    tap.equal([r for r, n in counts.items() if n > 1], [], "twice")


tap.main(Fixture)
