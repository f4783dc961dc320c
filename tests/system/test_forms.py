#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Forms that are in use outside PowerMTA's manual: a configuration full of
them loads as it stands, and what it says happens."""

import netns
netns.enter()

import datetime
import subprocess
import time

import smtp_client
import tap
from lab import HOST_NAME, Lab, mx_zone

# As it stands.
CONFIG = """
smtp-source-ip 192.0.2.10
<domain yahoo.com>
    max-msg-rate 500/s
</domain>
<domain hotmail.com>
    vmta hotmail-vmta
    max-smtp-out 5
    use-starttls yes
    require-tls no
    helo-host mx.hotmail.com
</domain>
<domain *>
    max-smtp-out 50
    bounce-after 4d
    max-message-size 25M
</domain>
<dsn-rule 450_4.2.2>
    pattern "450 4.2.2.*Mailbox full"
    category soft-bounce
    action requeue
    retry-interval 3600
</dsn-rule>
"""
# What it needs beside it to be seen.
MORE = """
<domain tls.example>
    require-tls yes
</domain>
<domain small.example>
    max-message-size 2K
</domain>
<dsn-rule gone>
    pattern "550 5.1.1"
    category hard-bounce
    action bounce
</dsn-rule>
"""
DOMAINS = ("yahoo.com", "hotmail.com", "in.example", "tls.example",
           "small.example")
ZONE = "".join(mx_zone(d, ("mx." + d, "127.0.1.1")) for d in DOMAINS)
RULES = [{"at": "rcpt", "match": "<full@", "reply":
          "450 4.2.2 over quota: Mailbox full"},
         {"at": "rcpt", "match": "<gone@", "reply": "550 5.1.1 no such user"}]


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG + MORE, with_postfix=False,
                         with_milter=False, receivers=[
                             {"listen": ["127.0.1.1:25"], "rules": RULES}])

    def write_config(self, extra):
        """Without the source address that tests have."""
        super().write_config(extra)
        with open(self.config) as f:
            lines = [line for line in f
                     if not line.startswith("smtp-source-host ")]
        with open(self.config, "w") as f:
            f.writelines(lines)

    def __enter__(self):
        subprocess.run(["ip", "addr", "add", "192.0.2.10/32", "dev", "lo"],
                       check=True)
        self.start()
        return self

    def setting(self, queue, name):
        """The value that holds for a queue."""
        rows = self.command.json("show", "settings", queue)["settings"]
        return [r["value"] for r in rows if r["name"] == name and
                r["section"] == "Queue Settings"][0]


@tap.test("it loads: no error, and two warnings")
def loads(lab):
    r = lab.command.run("test", "config")
    tap.equal(r.returncode, 0, "status")
    tap.check("no virtual MTA or pool hotmail-vmta" in r.stderr, r.stderr)


@tap.test("smtp-source-ip without a name: from there, with the host's name",
          proves="smtp-source-ip")
def source(lab):
    lab.inject("a@yahoo.com")
    m = lab.wait_arrived("a@yahoo.com")
    tap.equal((m["peer"], m["helo"]), ("192.0.2.10", HOST_NAME), "from, EHLO")


@tap.test("vmta and helo-host of a domain; require-tls no sends in clear",
          proves="domain helo-host")
def hotmail(lab):
    lab.inject("a@hotmail.com")
    m = lab.wait_arrived("a@hotmail.com")
    tap.equal((m["peer"], m["helo"]), ("192.0.2.10", "mx.hotmail.com"),
              "from, EHLO")
    tap.equal(lab.wait_record("d", "a@hotmail.com")["vmta"], "hotmail-vmta",
              "vmta")


@tap.test("require-tls yes is require-starttls: mail waits where there is none")
def require_tls(lab):
    lab.inject("a@tls.example")
    tap.wait_for(lambda: " end=no-tls " in lab.daemon.log_text() or
                 "no-tls" in lab.command.text("show", "queues", "tls.example",
                                              "--json"), 20, "it waits")
    tap.equal(lab.arrived("a@tls.example"), [], "arrived")


@tap.test("limits and times hold for their queues")
def settings(lab):
    for queue, name, value in (
            ("yahoo.com", "max-msg-rate", "500/s"),
            ("yahoo.com", "max-smtp-out", "50"),
            ("hotmail.com/hotmail-vmta", "max-smtp-out", "5"),
            ("in.example", "bounce-after", "4d"),
            ("in.example", "max-message-size", "25m")):
        tap.equal(lab.setting(queue, name), value, "%s of %s" % (name, queue))


@tap.test("max-message-size of a domain: what is larger fails before it is "
          "sent", proves="domain max-message-size")
def size(lab):
    rcpts = ["big@small.example", "big@in.example"]
    lab.inject(rcpts, message=smtp_client.compose("s@sender.example",
                                                  rcpts[0], size=3000))
    lab.wait_arrived("big@in.example")
    row = lab.wait_record("b", "big@small.example")
    tap.equal(row["dsnStatus"][:5], "5.3.4", "status")
    tap.equal([e for e in lab.events("mail") if "small" in str(e)], [],
              "seen of it")


@tap.test("a dsn-rule: its category is in the accounting file, and its time "
          "holds")
def dsn_rule(lab):
    lab.inject(["full@in.example", "gone@in.example"])
    tap.equal(lab.wait_record("t", "full@in.example")["bounceCat"],
              "soft-bounce", "category of the one that waits")
    tap.equal(lab.wait_record("b", "gone@in.example")["bounceCat"],
              "hard-bounce", "category of the one that failed")
    rows = [r for r in lab.command.json("list", "in.example")["recipients"]
            if r["to"] == "full@in.example"]
    due = datetime.datetime.fromisoformat(rows[0]["next"]).timestamp()
    tap.check(3500 < due - time.time() <= 3600, "due: %s" % rows)


tap.main(Fixture)
