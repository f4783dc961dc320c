#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What an operator puts on hold is not sent, does not expire and is not
forgotten by a kill -9, until he releases it; then it is sent at once."""

import netns
netns.enter()

import json
import re
import subprocess

import mailrace
import tap
from lab import Lab, mx_zone

CONFIG = """
<domain *>
    retry-after 1h
    retry-recipients-after 1h
</domain>
<domain old.example>
    retry-recipients-after 1s
    bounce-after 2s
</domain>
<domain aged.example>
    bounce-after 2s
</domain>
"""
# 127.0.1.9 has no server; gone.example has no address.
ZONE = "".join(mx_zone(d, ("mx." + d, "127.0.1.1"))
               for d in ("a.example", "b.example", "old.example",
                         "aged.example")) + \
    mx_zone("down.example", ("mx.down.example", "127.0.1.9")) + \
    "gone.example 300 MX 0 .\n"
RECEIVERS = [{"listen": ["127.0.1.1:25"], "rules": [
    {"at": "rcpt", "match": "later@", "count": 1,
     "reply": "451 4.2.1 later"},
    {"at": "rcpt", "match": "once@", "count": 1,
     "reply": "451 4.2.1 later"},
    {"at": "rcpt", "match": "once@", "count": 1, "delay": 120},
    {"at": "rcpt", "match": "slow@", "delay": 120},
    {"at": "rcpt", "match": "@old.example",
     "reply": "451 4.2.1 never"}]}]
UNKNOWN = "00000000000000AB"


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, with_postfix=False,
                         with_milter=False, receivers=RECEIVERS)

    def __enter__(self):
        self.start()
        return self

    def paused(self, *rcpts, **kw):
        """Messages that are queued and were not tried; their ids."""
        self.command.text("pause", "queue", "*/*")
        for r in rcpts:
            self.inject(r, **kw)
        ids = [self.row(r)["id"] for r in rcpts]
        return ids if len(ids) > 1 else ids[0]

    def resume(self):
        self.command.text("resume", "queue", "*/*")

    def row(self, rcpt):
        rows = self.command.json("list", "--rcpt=" + rcpt)["recipients"]
        return rows[0] if rows else None

    def restart(self):
        self.daemon.kill()
        self.daemon.start()


@tap.test("what is on hold stays, over flush and kill -9; released it goes")
def hold(lab):
    one, two = lab.paused("one@a.example", "two@a.example")
    tap.equal(lab.command.text("hold", one),
              "%s: placed on hold\nPlaced on hold: 1 message\n" % one,
              "as postsuper -h")
    lab.resume()
    lab.wait_arrived("two@a.example")
    lab.command.text("flush")
    lab.command.text("flush", "--id=" + one)
    tap.equal(lab.row("one@a.example")["next"], "hold", "list")
    for _ in range(2):
        lab.restart()
        lab.inject("next@a.example")
        lab.wait_arrived("next@a.example")
        tap.equal(lab.row("one@a.example")["next"], "hold", "after a kill")
    tap.equal(lab.command.text("hold", one), "Placed on hold: 0 messages\n",
              "it was already")
    tap.check(not lab.arrived("one@a.example"), "it was sent")
    tap.equal(lab.command.text("release", one),
              "%s: released from hold\nReleased from hold: 1 message\n" % one,
              "as postsuper -H")
    lab.wait_arrived("one@a.example")


@tap.test("release, too, is kept by a kill -9")
def release(lab):
    one = lab.paused("kept@a.example")
    lab.command.text("hold", "ALL")
    tap.equal(lab.command.json("release", one),
              {"released": 1, "sending": 0, "dry_run": False}, "JSON")
    lab.restart()
    tap.equal(lab.row("kept@a.example")["next"] != "hold", True, "released")
    lab.resume()
    lab.wait_arrived("kept@a.example")


@tap.test("mailq, show queues and why say what is on hold")
def listings(lab):
    one = lab.paused("seen@b.example")
    lab.command.text("hold", one)
    lab.resume()
    line = lab.command.text("mailq", "b.example").splitlines()[1]
    tap.check(line.startswith(one + "!"), line)
    row = json.loads(lab.command.text("mailq", "--json", "b.example"))
    tap.equal(row["queue_name"], "hold", str(row))
    tap.check("*** frozen ***" in lab.command.text("mailq", "--exim"), "Exim")
    tap.check("\0queue_name\0hold\0" in
              "\0" + lab.command.text("mailq", "--showq"), "showq")
    shape = lab.command.text("qshape", "hold").splitlines()
    tap.equal(shape[1].split()[:2], ["TOTAL", "1"], str(shape))
    q = lab.command.json("show", "queues", "b.example")["queues"][0]
    tap.equal((q["waits_for"], q["deferred"]), ("hold", 0), str(q))
    for of in (one, "b.example"):
        why = lab.command.json("why", of)
        rows = why.get("rows") or why.get("queues") or why
        tap.check('"hold"' in json.dumps(why), "why %s: %s" % (of, rows))
    tap.check("hold" in lab.command.text("why", one), "why, as text")
    lab.command.text("release", "--queue=b.example")
    lab.wait_arrived("seen@b.example")


@tap.test("it does not expire, nor end with its queue; others do")
def ends(lab):
    ids = lab.paused("kept@old.example", "kept@gone.example")
    lab.command.text("hold", *ids)
    lab.resume()
    lab.inject("late@old.example")
    lab.inject("none@gone.example")
    lab.wait_record("b", "late@old.example")
    lab.wait_record("b", "none@gone.example")
    lab.command.text("flush")
    tap.equal([lab.row(r)["next"] for r in ("kept@old.example",
                                            "kept@gone.example")],
              ["hold", "hold"], "they stay")
    lab.command.text("release", *ids)
    lab.wait_record("b", "kept@old.example")
    lab.wait_record("b", "kept@gone.example")


@tap.test("released, it is tried once though too old, also after a kill -9")
def aged(lab):
    lab.inject("once@aged.example")
    tap.wait_for(lambda: lab.row("once@aged.example")["attempts"] == 1, 20,
                 "it was tried")
    one = lab.row("once@aged.example")["id"]
    lab.command.text("hold", one)
    tap.wait_for(lambda: lab.command.json(
        "list", "--rcpt=once@*", "--older-than=3s")["recipients"], 20,
                 "it is too old")
    lab.command.text("release", one)
    tap.wait_for(lambda: lab.row("once@aged.example")["sending"], 20,
                 "is sent")
    lab.restart()
    lab.wait_arrived("once@aged.example")


@tap.test("attempts are kept; selectors, ALL and lines of ids choose")
def chosen(lab):
    lab.inject("later@a.example", sender="x@sender.example")
    tap.wait_for(lambda: lab.row("later@a.example")["attempts"] == 1, 20,
                 "it was tried")
    tap.equal(lab.command.text("hold", "--queue=*", "--orig=x@*",
                               "--dry-run"),
              "Would be: Placed on hold: 1 recipient\n", "a dry run")
    tap.check(lab.row("later@a.example")["next"] != "hold", "it did it")
    tap.equal(lab.command.text("hold", "--queue=*", "--orig=x@*"),
              "Placed on hold: 1 recipient\n", "by sender")
    lab.restart()
    row = lab.row("later@a.example")
    tap.equal((row["attempts"], row["next"]), (1, "hold"), str(row))
    many = lab.paused("p@a.example", "q@a.example", "r@b.example")
    r = subprocess.run([mailrace.program("mailrace"), "-c", lab.config,
                        "hold", "-"], input="%s\n\n%s x\n" % tuple(many[:2]),
                       capture_output=True, text=True, timeout=60)
    tap.equal(r.stdout.splitlines()[-1], "Placed on hold: 2 messages", str(r))
    tap.equal(lab.command.json("release", "ALL", "--maxitems=1")["released"],
              1, "one of them")
    tap.equal(lab.command.json("release", "ALL")["released"], 2, "the others")
    tap.equal(lab.command.json("release", "ALL")["released"], 0, "nobody")
    lab.resume()
    for rcpt in ("later@a.example", "p@a.example", "q@a.example",
                 "r@b.example"):
        lab.wait_arrived(rcpt)
    lab.settled()


@tap.test("requeue releases, and ends the wait of recipient and queue")
def requeue(lab):
    lab.inject("x@down.example")
    tap.wait_for(lambda: lab.command.json("show", "queues", "down.example")
                 ["queues"][0]["retry"], 20, "the queue waits")
    one = lab.row("x@down.example")["id"]
    lab.command.text("hold", one)
    tries = lab.daemon.log_text().count("127.0.1.9")
    lab.command.text("release", one)
    tap.check(lab.command.json("show", "queues", "down.example")
              ["queues"][0]["retry"], "release leaves its queue alone")
    lab.command.text("hold", one)
    tap.equal(lab.command.text("requeue", one),
              "%s: requeued\nRequeued: 1 message\n" % one, "postsuper -r")
    tap.wait_for(lambda: lab.daemon.log_text().count("127.0.1.9") > tries,
                 20, "it was tried again")
    lab.command.text("delete", "--id=" + one)


@tap.test("what is being sent is left alone, and it is said")
def sending(lab):
    lab.inject("slow@a.example")
    tap.wait_for(lambda: lab.row("slow@a.example")["sending"], 20, "is sent")
    one = lab.row("slow@a.example")["id"]
    tap.equal(lab.command.text("hold", one),
              "Placed on hold: 0 messages\n1 being sent, left alone.\n",
              "text")
    tap.equal(lab.command.text("release", one),
              "Released from hold: 0 messages\n", "release")
    tap.equal(lab.command.json("hold", "--queue=*", "--rcpt=slow@*"),
              {"held": 0, "sending": 1, "dry_run": False}, "JSON")
    for more in (("--queue=next.example",),
                 ("--queue=next.example", "--rcpt=x@*")):
        tap.check(lab.command.run("hold", "--id=" + one, *more).returncode == 0,
                  "it is queued, elsewhere")
    lab.receiver.stop()
    tap.wait_for(lambda: not lab.row("slow@a.example")["sending"], 20, "over")
    lab.command.text("delete", "--id=" + one)


@tap.test("an unknown message, or none, is no success")
def unknown(lab):
    for argv in (("hold", UNKNOWN), ("release", UNKNOWN),
                 ("requeue", UNKNOWN), ("flush", "--id=" + UNKNOWN),
                 ("schedule", "--id=" + UNKNOWN),
                 ("delete", "--id=" + UNKNOWN),
                 ("delete", "--id=" + UNKNOWN, "--rcpt=x@*"),
                 ("hold", "--id=" + UNKNOWN, "--rcpt=x@*")):
        r = lab.command.run(*argv)
        tap.check(r.returncode == 1 and r.stdout == "" and
                  re.search("message %s is not queued" % UNKNOWN, r.stderr),
                  str(r))
    for argv in (("hold",), ("hold", "ALL", UNKNOWN),
                 ("hold", "ALL", "--queue=x"), ("hold", UNKNOWN, "--id=1"),
                 ("release", "--rcpt=x")):
        tap.equal(lab.command.run(*argv).returncode, 2, str(argv))
    tap.equal(lab.command.run("hold", "no-id").returncode, 1, "no id")


tap.main(Fixture)
