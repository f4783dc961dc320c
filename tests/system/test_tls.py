#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""TLS: used when it is offered; with require-starttls nothing ever goes out
in clear, whatever the server says."""

import netns
netns.enter()

import keys
import tap
from lab import Lab, mx_zone

CONFIG = """
<domain *>
    retry-after 2s
    retry-recipients-after 2s
</domain>
<domain strict-none.example>
    require-starttls yes
</domain>
<domain strict-good.example>
    require-starttls yes
</domain>
<domain strict-refuse.example>
    require-starttls yes
</domain>
<domain strict-junk.example>
    require-starttls yes
</domain>
<domain good.example>
    log-tls yes
</domain>
<domain junk.example>
    log-tls yes
</domain>
<domain off.example>
    use-starttls no
</domain>
"""
LIMIT = "mx-connection-limit mx.late.example %d\n"
HOSTS = {"none": "127.0.1.1", "good": "127.0.1.2", "refuse": "127.0.1.3",
         "junk": "127.0.1.4"}
LATE = ["late0.example", "late1.example"]
ZONE = "".join(mx_zone(p + d + ".example", ("mx.%s.example" % d, ip))
               for d, ip in HOSTS.items() for p in ("", "strict-"))
ZONE += mx_zone("off.example", ("mx.good.example", "127.0.1.2"))
ZONE += "".join(mx_zone(d, ("mx.late.example", "127.0.1.5"),
                        ("mx.good.example", "127.0.1.2")) for d in LATE)
OFFER = ["PIPELINING", "8BITMIME", "STARTTLS"]


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG + LIMIT % 2,
                         with_postfix=False, with_milter=False)
        tls = keys.certificate(self.path("keys"), "mx.good.example")
        self.receivers = [
            {"listen": ["127.0.1.1:25"]},
            {"listen": ["127.0.1.2:25"], "ehlo": OFFER, "tls": tls},
            {"listen": ["127.0.1.3:25"], "ehlo": OFFER, "rules": [
                {"at": "starttls", "reply": "454 4.7.0 not now"}]},
            # Says 220 and then speaks no TLS; injects a plain reply too.
            {"listen": ["127.0.1.4:25"], "ehlo": OFFER, "rules": [
                {"at": "starttls", "reply":
                 "raw:220 go ahead\r\n250 2.0.0 injected\r\nnot TLS\r\n"}]},
            {"listen": ["127.0.1.5:25"], "ehlo": OFFER, "rules": [
                {"at": "starttls", "delay": 2, "reply":
                 "raw:220 go ahead\r\nnot TLS\r\n"}]},
        ]

    def __enter__(self):
        self.start()
        return self


@tap.test("STARTTLS is used when it is offered")
def offered(lab):
    lab.inject("x@good.example")
    tap.check(lab.wait_arrived("x@good.example")["tls"] != "", "in clear")
    lab.inject("y@strict-good.example")
    tap.check(lab.wait_arrived("y@strict-good.example")["tls"] != "",
              "in clear")


@tap.test("log-tls: what came about, and what did not",
          proves="domain log-tls")
def log(lab):
    for rcpt in ("log@good.example", "log@junk.example"):
        lab.inject(rcpt)
        lab.wait_arrived(rcpt, 30)
    said = [line for line in lab.daemon.log_text().split("\n")
            if " tls mx=" in line]
    tap.check(any("mx=mx.good.example addr=127.0.1.2 protocol=TLSv1.3 "
                  "cipher=TLS_" in line and
                  "certificate=CN=mx.good.example" in line
                  for line in said), said)
    tap.check(any("mx=mx.junk.example" in line and "trouble=" in line
                  for line in said), said)


@tap.test("without require-starttls a server without TLS gets it in clear")
def clear(lab):
    lab.inject("x@none.example")
    tap.equal(lab.wait_arrived("x@none.example")["tls"], "", "TLS")
    lab.inject("x@refuse.example")
    tap.equal(lab.wait_arrived("x@refuse.example", 30)["tls"], "", "TLS")


@tap.test("use-starttls no: in clear although it is offered",
          proves="domain use-starttls")
def off(lab):
    lab.inject("x@off.example")
    tap.equal(lab.wait_arrived("x@off.example")["tls"], "", "TLS")


@tap.test("TLS that failed at a host that is full by then: the next one has TLS")
def late(lab):
    for d in LATE:
        lab.inject("x@" + d)
    tap.wait_for(lambda: sum(e["to"] == "127.0.1.5:25"
                             for e in lab.events("ehlo")) == 2, 20, "both wait")
    lab.write_config(CONFIG + LIMIT % 1)
    lab.command.text("reload")
    where = {m["to"]: m["tls"] for m in
             [lab.wait_arrived("x@" + d, 30) for d in LATE]}
    tap.equal(sorted(where), ["127.0.1.2:25", "127.0.1.5:25"], "hosts")
    tap.check(where["127.0.1.2:25"] != "", "in clear, though it offers TLS")


def closed(lab, host):
    return len([e for e in lab.events("close")
                if e["to"] == HOSTS[host] + ":25"])


def in_clear(lab):
    """What was said of the mail that must not go out in clear."""
    return [e for e in lab.events() if e["ev"] in ("mail", "rcpt", "message")
            and e.get("sender") == "secret@strict.example"]


@tap.test("require-starttls: no MAIL, no RCPT, no DATA in clear; it waits",
          proves="domain require-starttls")
def strict(lab):
    before = {d: closed(lab, d) for d in ("none", "refuse", "junk")}
    for d in before:
        lab.inject("x@strict-%s.example" % d, sender="secret@strict.example")
    tap.wait_for(lambda: in_clear(lab) or all(
        closed(lab, d) >= n + 2 for d, n in before.items()), 60,
        "each is tried twice")
    tap.equal(in_clear(lab), [], "in clear")
    tap.check(lab.audit().queued >= 3, "they wait")


@tap.test("a reply injected before the handshake is not believed")
def injected(lab):
    tap.equal([m for m in lab.messages() if m["to"] == "127.0.1.4:25" and
               m["sender"] == "secret@strict.example"], [], "messages")
    tap.check(lab.daemon.running(), "the daemon runs")


tap.main(Fixture)
