#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An unknown remote server can never crash, block or desynchronise the
daemon: each of these gets a message, and mail to a good one still flows."""

import netns
netns.enter()

import tap
from lab import Lab, mx_zone

LONG = "x" * 60000
SERVERS = [  # label, rules
    ("closes-at-once", [{"at": "connect", "action": "drop"}]),
    ("says-nothing", [{"at": "connect", "action": "hang"}]),
    ("binary-banner", [{"at": "connect", "reply":
                        "raw:\0\1\2\377\376 220\r\n\r\n\n\n"}]),
    ("endless-line", [{"at": "connect", "reply": "raw:220 " + LONG * 20}]),
    ("endless-lines", [{"at": "connect",
                        "reply": "raw:" + ("220-" + "y" * 70 + "\r\n") *
                        5000}]),
    ("no-such-code", [{"at": "ehlo", "reply": "raw:999 what\r\n"}]),
    ("mail-says-251", [{"at": "mail", "reply": "raw:251-\r\n250\r\n"}]),
    ("codes-differ", [{"at": "mail", "reply": "raw:250-a\r\n450 b\r\n"}]),
    ("more-replies", [{"at": "mail", "reply":
                       "raw:250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n"}]),
    ("rcpt-says-354", [{"at": "rcpt", "reply": "354 go"}]),
    ("data-says-250", [{"at": "data", "reply": "250 not what you think"}]),
    ("dot-hangs", [{"at": "dot", "action": "hang"}]),
    ("dot-drops", [{"at": "dot", "action": "drop"}]),
    ("drops-in-line", [{"at": "rcpt", "action": "close",
                        "reply": "raw:250 o"}]),
    ("nul-in-reply", [{"at": "rcpt", "reply": "raw:550 5.1.1 a\0b\r\n"}]),
    ("format-string", [{"at": "rcpt", "reply":
                        "550 5.1.1 %s%n%x%s,\"quoted\"\\n"}]),
    ("421-at-mail", [{"at": "mail", "action": "close",
                      "reply": "421 4.3.2 shutting down"}]),
]
CONFIG = """
<domain *>
    retry-after 2s
    retry-recipients-after 2s
    smtp-greeting-timeout 3s
    smtp-data-termination-timeout 3s
    connect-timeout 3s
</domain>
"""
ADDRESS = {label: "127.0.3.%d" % (i + 1)
           for i, (label, _) in enumerate(SERVERS)}
ZONE = mx_zone("good.example", ("mx.good.example", "127.0.1.1"))
ZONE += "".join(mx_zone(label + ".example", ("mx.%s.example" % label, ip))
                for label, ip in ADDRESS.items())


class Fixture(Lab):
    def __init__(self):
        super().__init__(
            zone=ZONE, config=CONFIG, with_postfix=False, with_milter=False,
            receivers=[{"listen": ["127.0.1.1:25"]}] + [
                {"listen": [ADDRESS[label] + ":25"], "rules": rules}
                for label, rules in SERVERS])

    def __enter__(self):
        self.start()
        return self


def make(label):
    def run(lab):
        lab.inject("x@%s.example" % label)
        tap.wait_for(lambda: [e for e in lab.events("connect")
                              if e["to"] == ADDRESS[label] + ":25"], 30,
                     "a connection")
        lab.wait_closed(ADDRESS[label] + ":25")
        tap.check(lab.daemon.running(), "the daemon is gone:\n" +
                  lab.daemon.log_text()[-3000:])
        lab.inject("after-%s@good.example" % label)
        lab.wait_arrived("after-%s@good.example" % label)
    return run


for name, _rules in SERVERS:
    tap.test(name)(make(name))


@tap.test("after all this the books balance and no server was believed")
def books(lab):
    def over(label):
        rcpt = "x@%s.example" % label
        return len([e for e in lab.events("close")
                    if e["to"] == ADDRESS[label] + ":25"]) >= 2 or \
            [r for r in lab.accounting("b") if r["rcpt"] == rcpt]
    for label, _ in SERVERS:
        tap.wait_for(lambda: over(label), 60, label + ": bounced, or tried "
                     "twice")
    audit = lab.audit()
    tap.check(audit.balances(), "audit: %s" % audit)
    got = {r for m in lab.messages() for r in m["rcpts"]}
    tap.equal({r for r in got if "good.example" not in r}, set(),
              "accepted by a hostile server")
    delivered = {r["rcpt"] for r in lab.accounting("d")}
    tap.equal({r for r in delivered if "good.example" not in r}, set(),
              "counted as delivered")


tap.main(Fixture)
