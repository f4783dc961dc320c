#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What of notifications an operator words himself, as the host MTA gets it and
as Python's parser reads it."""

import netns
netns.enter()

import email
import email.policy

import smtp_client
import tap
from lab import LISTEN, Lab, mx_zone

BODY = """Sorry, {recipient}: gr\u00fc\u00dfe von {hostname}
{subject} / {response}
{{x}
"""
CONFIG = """
dsn-host [127.0.1.9]
custom-dsn-from-header News desk <news@lab.example>
dsn-failed-from-template Failed f\u00fcr {subject} <failed@{hostname}>
dsn-failed-subject-template Not sent: {subject}
dsn-failed-body-template-from {root}/body.txt
<source 0/0>
    always-allow-relaying yes
</source>
<domain plain.example>
    dsn-format plain-text
</domain>
"""
ZONE = (mx_zone("in.example", ("mx.in.example", "127.0.1.1")) +
        mx_zone("plain.example", ("mx.plain.example", "127.0.1.1")))


class Fixture(Lab):
    def __init__(self):
        super().__init__(
            zone=ZONE, config=CONFIG, with_postfix=False, with_milter=False,
            receivers=[{"listen": ["127.0.1.1:25"],
                        "rules": [{"at": "rcpt", "match": "<no",
                                   "reply": "550 5.1.1 no \u20ac"}]},
                       {"listen": ["127.0.1.9:25"]}])
        with open(self.path("body.txt"), "w", encoding="utf-8") as f:
            f.write(BODY)

    def __enter__(self):
        self.start()
        return self

    def told(self, sender, rcpt, subject=b"hello", params=""):
        """The notification that a sender gets."""
        with smtp_client.Client((LISTEN, 25)) as c:
            c.command("EHLO client.example")
            tap.equal(c.command("MAIL FROM:<%s>" % sender)[0], 250, "MAIL")
            tap.equal(c.command("RCPT TO:<%s>%s" % (rcpt, params))[0], 250,
                      "RCPT")
            said = c.data(b"Subject: " + subject + b"\r\n\r\nx\r\n", 1)
            tap.equal(said[0][0], 250, "taken")
        with open(self.stored_file(sender), "rb") as f:
            return email.message_from_bytes(f.read(),
                                            policy=email.policy.default)

    def stored_file(self, sender):
        m = self.wait_arrived(sender)
        tap.equal((m["sender"], m["to"].split(":")[0]), ("", "127.0.1.9"),
                  "from nobody, to dsn-host")
        return m["file"]


@tap.test("templates: From, Subject and text, with what others wrote in them",
          proves=("dsn-failed-from-template", "dsn-failed-subject-template",
                  "dsn-failed-body-template-from"))
def templates(lab):
    m = lab.told("fail@sender.example", "no@in.example",
                 b"=?utf-8?q?h=C3=A9?= \"<x@y.example>, {date}")
    tap.equal(m["Subject"], 'Not sent: h\u00e9 "<x@y.example>, {date}',
              "Subject")
    who = m["From"].addresses
    tap.equal([(a.display_name, a.addr_spec) for a in who],
              [('Failed f\u00fcr h\u00e9 "<x@y.example>, {date}',
                "failed@mta.lab.example")], "From")
    words = next(m.iter_parts()).get_content().replace("\r\n", "\n")
    tap.check(words.startswith(
        "Sorry, no@in.example: gr\u00fc\u00dfe von mta.lab.example\n"
        'h\u00e9 "<x@y.example>, {date} / 550 5.1.1 no '), words)
    tap.check(words.rstrip().endswith("\n{x}"), words)
    tap.equal([p.get_content_type() for p in m.iter_parts()],
              ["text/plain", "message/delivery-status", "text/rfc822-headers"],
              "parts")
    for part in m.walk():
        tap.equal(part.defects, [], "defects")


@tap.test("custom-dsn-from-header: the From of others than failures",
          proves="custom-dsn-from-header")
def custom(lab):
    m = lab.told("relayed@sender.example", "yes@in.example",
                 params=" NOTIFY=SUCCESS")
    tap.equal([(a.display_name, a.addr_spec) for a in m["From"].addresses],
              [("News desk", "news@lab.example")], "From")
    tap.equal(m["Subject"], "Delivery Status Notification (Relay)", "Subject")


@tap.test("dsn-format plain-text: the part for programs alone, as text",
          proves="domain dsn-format")
def plain(lab):
    m = lab.told("plain@sender.example", "no@plain.example")
    tap.equal(m.get_content_type(), "text/plain", "type")
    text = m.get_content().replace("\r\n", "\n")
    tap.check(text.startswith("Reporting-MTA: dns; mta.lab.example\n") and
              "\nFinal-Recipient: rfc822; no@plain.example\n" in text and
              "\nStatus: 5.1.1\n" in text and "Sorry" not in text, text)


tap.main(Fixture)
