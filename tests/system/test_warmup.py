#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A new source address tries its number of recipients of the day at a provider
and no more, over a reload, a restart and a kill -9; what is too much goes by
the warm member of its pool at once, and the operator sees all of it."""

import datetime

import netns
netns.enter()

import tap
from lab import Lab, mx_zone

NEW, OLD = "127.0.0.11", "127.0.0.12"
COLD, WARM = "127.0.0.13", "127.0.0.14"
TODAY = datetime.date.today()
CONFIG = """
<provider big>
    domain big.example
    domain also.example
</provider>
<virtual-mta new>
    smtp-source-host %s new.mta.example
</virtual-mta>
<virtual-mta old>
    smtp-source-host %s old.mta.example
</virtual-mta>
<virtual-mta-pool both>
    virtual-mta new
    virtual-mta old
</virtual-mta-pool>
<warmup first>
    source %s
    provider big
    start %s
    day-limits 6/d,12/d
</warmup>
<virtual-mta cold>
    smtp-source-host %s cold.mta.example
</virtual-mta>
<virtual-mta warm>
    smtp-source-host %s warm.mta.example
    cold-virtual-mta cold
</virtual-mta>
<domain cold.example>
    max-cold-virtual-mta-msg 6/d,12/d
</domain>
<source 127.0.0.1>
    process-x-virtual-mta yes
</source>
""" % (NEW, OLD, NEW, TODAY, COLD, WARM)
DOMAINS = ("big.example", "also.example", "other.example", "cold.example")
ZONE = "".join(mx_zone(d, ("mx." + d, "127.0.1.1")) for d in DOMAINS)


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, with_postfix=False,
                         with_milter=False,
                         receivers=[{"listen": ["127.0.1.1:25"]}])
        self.sent = 0

    def __enter__(self):
        self.start()
        return self

    def peers(self, n, domain, vmta):
        """Where the next so many messages came from."""
        rcpts = ["r%d@%s" % (self.sent + i, domain) for i in range(n)]
        self.sent += n
        for rcpt in rcpts:
            self.inject(rcpt, headers=[("X-Virtual-MTA", vmta)])
        return [self.wait_arrived(rcpt)["peer"] for rcpt in rcpts]

    def row(self):
        rows = self.command.json("show", "warmup")["warmup"]
        tap.equal(len(rows), 1, "pairs")
        return rows[0]

    def restart(self):
        tap.equal(self.daemon.stop(), 0, "exit status")
        self.daemon.start()

    def kill(self):
        self.daemon.kill()
        self.daemon.start()


@tap.test("the pool sends the day's number from the new address, over all "
          "domains of the provider, the rest from the other")
def day(lab):
    if datetime.date.today() != TODAY:
        raise RuntimeError("midnight has passed: run it again")
    peers = lab.peers(10, "big.example", "both")
    peers += lab.peers(10, "also.example", "both")
    tap.equal(peers.count(NEW), 6, "from the new address")
    tap.equal(peers.count(OLD), 14, "from the warm one")
    tap.check(NEW in lab.peers(4, "other.example", "both"),
              "elsewhere it is not being warmed up")


@tap.test("show warmup says so")
def show(lab):
    row = lab.row()
    tap.equal((row["source"], row["provider"], row["warmup"]),
              (NEW, "big", "first"), "who")
    tap.equal((row["quota"], row["used"], row["step"], row["steps"]),
              (6, 6, 1, 2), "of its number")
    tap.equal((row["attempted"], row["delivered"], row["deferred"],
               row["complaints"]), (6, 6, 0, 0), "what was seen")
    tap.check(NEW in lab.command.text("show", "warmup"), "as a table")


@tap.test("what was given to it by name waits for midnight, and why says so")
def waits(lab):
    lab.inject("named@big.example", headers=[("X-Virtual-MTA", "new")])
    tap.wait_for(lambda: "number of the day" in lab.command.text(
        "why", "big.example/new"), 20, "the reason")
    tap.check(not lab.arrived("named@big.example"), "it was sent")


@tap.test("no more go out after a reload, a restart and a kill -9")
def survives(lab):
    for end in (lambda: lab.command.text("reload"), lab.restart, lab.kill):
        end()
        tap.equal(lab.peers(4, "big.example", "both"), [OLD] * 4, "peers")
        tap.check(not lab.arrived("named@big.example"), "it was sent")


def cold_row(lab):
    rows = lab.command.json("show", "cold")["cold"]
    tap.equal(len(rows), 1, "queues")
    return rows[0]


@tap.test("the first messages of the day go by the cold virtual MTA, and the "
          "accounting file names it",
          proves=("virtual-mta cold-virtual-mta",
                  "domain max-cold-virtual-mta-msg"))
def cold(lab):
    peers = lab.peers(4, "cold.example", "warm")
    tap.equal(peers, [COLD] * 4, "the first ones")
    tap.equal(lab.peers(2, "other.example", "warm"), [WARM] * 2, "elsewhere")
    row = cold_row(lab)
    tap.equal((row["from"], row["cold"], row["queue"], row["day"], row["used"],
               row["max"]), ("warm", "cold", "cold.example", 1, 4, 6), "told")
    tap.check("cold.example" in lab.command.text("show", "cold"), "as a table")
    peers = lab.peers(12, "cold.example", "warm")
    tap.equal(peers, [COLD] * 2 + [WARM] * 10, "no more than the number")
    def records():
        return [r for r in lab.accounting("d") if
                r["queue"].startswith("cold.")]
    tap.wait_for(lambda: len(records()) == 16, 20, "records of all")
    rows = sorted(records(), key=lambda r: r["vmta"])
    tap.equal([(r["vmta"], r["dlvSourceIp"]) for r in rows],
              [("cold", COLD)] * 6 + [("warm", WARM)] * 10, "records")


@tap.test("and no more after a reload, a restart and a kill -9")
def cold_survives(lab):
    for end in (lambda: lab.command.text("reload"), lab.restart, lab.kill):
        end()
        tap.equal(lab.peers(2, "cold.example", "warm"), [WARM] * 2, "peers")
    tap.equal(cold_row(lab)["used"], 6, "used")


@tap.test("complaints are counted, and an unknown pair is refused")
def complaints(lab):
    tap.equal(lab.command.text("report", "complaints", "--source=" + NEW,
                               "--provider=big", "--count=2"),
              "2 complaint(s) counted.\n", "text")
    tap.equal(lab.row()["complaints"], 2, "counted")
    done = lab.command.run("report", "complaints", "--source=" + OLD,
                           "--provider=big")
    tap.equal(done.returncode, 1, "exit status")
    tap.check("is not being warmed up at big" in done.stderr, done.stderr)


tap.main(Fixture)
