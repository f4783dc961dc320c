#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""X-Schedule: through Postfix with the milter, by LMTP and by SMTP straight to
us, mail goes in its windows and at no other time, over a kill of the daemon
too; the field does not go out, and what goes is signed well.  What cannot be
read is refused."""

import netns
netns.enter()

import time

import signatures
import smtp_client
import tap
from lab import LISTEN, Lab, mx_zone

CONFIG = """
domain-key s1, brand.example, {keys}/s1.brand.example.pem
<source 127.0.0.0/8>
    always-allow-relaying yes
    process-x-schedule yes
</source>
<source 127.0.0.41>
    retain-x-schedule yes
</source>
<source 127.0.0.42>
    process-x-schedule no
</source>
<domain *>
    dkim-sign yes
    dkim-headers X-Schedule
    bounce-after 1s
    retry-after 1s
    retry-recipients-after 1h
</domain>
"""
ZONE = (mx_zone("in.example", ("mx1.in.example", "127.0.1.1")) +
        mx_zone("busy.example", ("mx1.busy.example", "127.0.1.2")))
WAYS = ("postfix", "lmtp", "smtp")
SOON_S = 5


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG,
                         dkim=[("s1", "brand.example")],
                         receivers=[{"listen": ["127.0.1.1:25"]},
                                    {"listen": ["127.0.1.2:25"], "rules": [
                                        {"at": "rcpt",
                                         "reply": "451 4.2.1 later"}]}])

    def __enter__(self):
        self.start()
        return self


def moment(at):
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def windows(*pairs):
    now = int(time.time()) + 1
    return ", ".join("%s / %s" % (moment(now + a), moment(now + b))
                     for a, b in pairs)


def send(lab, way, rcpt, value, client="127.0.0.1"):
    """The reply to the end of data."""
    octets = smtp_client.compose("a@brand.example", rcpt,
                                 headers=[("X-Schedule", value)])
    if way == "lmtp":
        with smtp_client.Client(lab.lmtp, lmtp=True) as c:
            c.hello()
            return c.send("a@brand.example", [rcpt], octets, xforward={
                "ADDR": client, "NAME": "[UNAVAILABLE]"})[1][0]
    where = ("127.0.0.1", 25) if way == "postfix" else (LISTEN, 25)
    with smtp_client.Client(where, source=client) as c:
        c.hello()
        return c.send("a@brand.example", [rcpt], octets)[1][0]


def judge(lab, m, retained):
    octets = lab.stored(m)
    tap.check(signatures.verify(octets, lab.txt), "dkimpy refuses it")
    tap.equal(b"\nX-Schedule:" in octets.split(b"\r\n\r\n")[0], retained,
              "is the field there?")


@tap.test("not before its time, by each way, also when we are killed meanwhile",
          proves=("source process-x-schedule", "source retain-x-schedule"))
def in_time(lab):
    begin = int(time.time()) + SOON_S
    value = "%s/%s,\r\n %s / %s" % (
        moment(begin + 600), moment(begin + 660), moment(begin),
        moment(begin + 60))
    for way in WAYS:
        tap.equal(send(lab, way, way + "@in.example", value)[0], 250, way)
    tap.equal(send(lab, "smtp", "kept@in.example", value, "127.0.0.41")[0],
              250, "who keeps the field")
    tap.wait_for(lambda: lab.audit().queued == 4, 10, "all are queued")
    lab.daemon.kill()
    lab.daemon.start()
    for way in WAYS + ("kept",):
        m = lab.wait_arrived(way + "@in.example")
        tap.check(m["t"] >= begin, "%s came at %s, before %d" % (
            way, m["t"], begin))
        judge(lab, m, way == "kept")


@tap.test("who may not set a time sends at once, and the field goes")
def not_honoured(lab):
    send(lab, "smtp", "now@in.example", windows((600, 660)), "127.0.0.42")
    judge(lab, lab.wait_arrived("now@in.example"), False)


@tap.test("what cannot be read is refused, and nothing is sent")
def refused(lab):
    queued = lab.audit().queued
    for value, why in (
            ("tomorrow", "window 1 is not"),
            (windows((5, 60)) + ", " + windows((70, 65)),
             "window 2 ends before it begins"),
            (",\r\n ".join([windows((5, 6))] * 65), "more than 64 windows"),
            (windows((5, 60)).replace(" /", "Z /"), "window 1 is not"),
            (windows((5, 60)) + "\r\nX-Schedule: " + windows((5, 60)),
             "there is more than one")):
        for way in WAYS:
            code, text = send(lab, way, "bad@in.example", value)
            tap.equal(code, 550, "%s: %s" % (way, text))
            tap.check("5.6.0 X-Schedule: " + why in text, "%s: %s" % (
                way, text))
    tap.equal(lab.audit().queued, queued, "queued")
    tap.equal(lab.arrived("bad@in.example"), [], "arrived")


@tap.test("when all is over it bounces: untried, or with the last reply")
def over(lab):
    for way in WAYS:
        send(lab, way, "over-%s@in.example" % way, windows((-60, -30)))
        r = lab.wait_record("b", "over-%s@in.example" % way)
        tap.equal((r["bounceCat"], r["dsnStatus"][:5]),
                  ("message-expired", "5.4.7"), "class and status")
        tap.check("not delivered within the times of its X-Schedule, in 0" in
                  r["dsnDiag"], r["dsnDiag"])
    send(lab, "smtp", "last@busy.example", windows((-10, 60)))
    r = lab.wait_record("b", "last@busy.example")
    tap.equal((r["bounceCat"], r["dsnStatus"][:5]),
              ("message-expired", "5.4.7"), "class and status")
    tap.check("451 4.2.1 later" in r["dsnDiag"], r["dsnDiag"])


@tap.test("`why' says until when it waits; neither age nor an order lets it go")
def why(lab):
    begin = int(time.time()) + 600
    answer = send(lab, "smtp", "wait@in.example", "%s / %s" % (
        moment(begin), moment(begin + 60)))[1]
    number = answer.split()[-1]
    rows = lab.command.json("why", number)["rows"]
    tap.equal(len(rows), 1, "rows")
    held = [r for r in rows[0]["reasons"] if r["kind"] == "scheduled"]
    tap.equal(len(held), 1, "reasons: %s" % rows[0]["reasons"])
    tap.check(abs(held[0]["in_s"] - (begin - time.time())) < 5, str(held))
    tap.check("X-Schedule" in lab.command.text("why", number), "in words")
    lab.command.text("schedule", "in.example", "--retry-recipients")
    send(lab, "smtp", "other@in.example", windows((-10, 60)))
    lab.wait_arrived("other@in.example")  # the queue was looked at
    tap.equal(lab.arrived("wait@in.example"), [], "arrived")
    lab.command.text("delete", "--queue=in.example", "--no-accounting")
    tap.wait_for(lambda: lab.audit().queued == 0, 10, "it is gone")


if __name__ == "__main__":
    tap.main(Fixture)
