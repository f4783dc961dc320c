#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the operator orders for queues: a pause starts nothing and outlives a
restart and a kill -9; schedule tries at once, and a wait that nobody cut short
goes on over both; hostile words change nothing."""

import netns
netns.enter()

import datetime

import tap
from lab import Lab, mx_zone

CONFIG = """
<domain *>
    retry-after 1h
    retry-recipients-after 1h
</domain>
"""
# 127.0.1.9 has no server.
ZONE = "".join(mx_zone(d, ("mx." + d, "127.0.1.1"))
               for d in ("a.example", "b.example", "c.example")) + \
    mx_zone("down.example", ("mx.down.example", "127.0.1.9"))
RECEIVERS = [{"listen": ["127.0.1.1:25"], "rules": [
    {"at": "rcpt", "match": "once@", "count": 1,
     "reply": "451 4.2.1 later"}]}]


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, with_postfix=False,
                         with_milter=False, receivers=RECEIVERS)

    def __enter__(self):
        self.start()
        return self

    def queues(self, pattern="*"):
        rows = self.command.json("show", "queues", pattern)["queues"]
        return {q["domain"]: q for q in rows}

    def is_paused(self, domain):
        return self.queues(domain)[domain]["paused"]


@tap.test("a paused queue takes mail and sends none until it is resumed")
def pause(lab):
    tap.equal(lab.command.text("pause", "queue", "a.example"),
              "Queue(s) paused.\n", "text")
    lab.inject("one@a.example")
    lab.inject("one@b.example")
    lab.wait_arrived("one@b.example")
    q = lab.queues()["a.example"]
    tap.equal((q["recipients"], q["paused"], q["waits_for"]),
              (1, True, "paused"), str(q))
    tap.check(not lab.arrived("one@a.example"), "it was sent")
    line = lab.command.text("show", "topqueues", "a.example").splitlines()[1]
    tap.equal(line.split()[4], "NP", line)
    tap.equal(lab.command.json("resume", "queue", "a.example/*"),
              {"queue": "a.example/*", "paused": False}, "JSON")
    lab.wait_arrived("one@a.example")


@tap.test("a pause by pattern survives a graceful restart")
def restart(lab):
    lab.command.text("pause", "queue", "*/*")
    lab.command.text("resume", "queue", "b.*")
    lab.inject("two@a.example")
    tap.equal(lab.daemon.stop(), 0, "exit status")
    lab.daemon.start()
    tap.wait_for(lambda: "a.example" in lab.queues(), 20, "the queue is back")
    tap.check(lab.is_paused("a.example"), "it is not paused any more")
    lab.inject("two@c.example")
    lab.inject("two@b.example")
    lab.wait_arrived("two@b.example")
    tap.check(lab.is_paused("c.example"), "a queue that is new is not paused")
    tap.check(not lab.arrived("two@a.example") and
              not lab.arrived("two@c.example"), "paused mail was sent")


@tap.test("kill -9 right after the answer keeps a pause, and a resume")
def killed(lab):
    for _ in range(3):
        lab.command.text("resume", "queue", "*/*")
        lab.command.text("pause", "queue", "c.example")
        lab.daemon.kill()
        lab.daemon.start()
        lab.inject("x@c.example")
        tap.check(lab.is_paused("c.example"), "the pause was forgotten")
        lab.command.text("resume", "queue", "c.example")
        lab.daemon.kill()
        lab.daemon.start()
        tap.wait_for(lambda: lab.audit().queued == 0, 20,
                     "what was paused is sent")


@tap.test("schedule tries a queue at once that waits after a failure")
def schedule(lab):
    lab.inject("x@down.example")
    tap.wait_for(lambda: lab.queues("down.example")["down.example"]["retry"],
                 20, "the queue waits")
    before = lab.queues("down.example")["down.example"]["retry"]
    tap.equal(lab.command.text("schedule", "--dry-run", "down.example"),
              "1 of 1 matching queues would be scheduled.\n", "dry run")
    tap.equal(lab.queues("down.example")["down.example"]["retry"], before,
              "a dry run did something")
    tries = lab.daemon.log_text().count("down.example")
    tap.equal(lab.command.text("schedule", "down.example"),
              "1 of 1 matching queues scheduled.\n", "text")
    tap.wait_for(lambda: lab.daemon.log_text().count("down.example") > tries,
                 20, "it was tried again")
    tap.equal(lab.command.json("schedule", "a.example")["scheduled"], 0,
              "one that waits for nothing")


@tap.test("a wait after a failure goes on over a restart and a kill -9")
def waits_on(lab):
    def row():
        return lab.queues().get("down.example")

    def when():
        return datetime.datetime.fromisoformat(row()["retry"])

    tap.wait_for(lambda: row()["retry"], 20, "it failed again")
    before, tries = when(), lab.daemon.log_text().count("down.example")
    for i, end in enumerate((lab.daemon.stop, lab.daemon.kill)):
        end()
        lab.daemon.start()
        lab.inject("wait%d@b.example" % i)
        lab.wait_arrived("wait%d@b.example" % i)
        tap.wait_for(row, 20, "the queue is back")
        tap.check(abs((when() - before).total_seconds()) < 3,
                  "%s was %s" % (when(), before))
        tap.check(row()["last_error"], "why it failed is forgotten")
    tap.equal(lab.daemon.log_text().count("down.example"), tries,
              "it was tried")


@tap.test("schedule --retry-recipients frees recipients that wait")
def recipients(lab):
    lab.inject("once@a.example")
    tap.wait_for(lambda: lab.queues("a.example")["a.example"]["deferred"] == 1,
                 20, "it is deferred")
    lab.command.text("schedule", "a.example")
    tap.equal(lab.queues("a.example")["a.example"]["deferred"], 1,
              "freed without being asked for")
    answer = lab.command.json("schedule", "--retry-recipients", "a.*/*")
    tap.equal((answer["scheduled"], answer["matching"]), (1, 1), str(answer))
    lab.wait_arrived("once@a.example")


HOSTILE = [
    b'{"command": "pause queue", "queue": "a.example\\n/*"}',
    b'{"command": "pause queue", "queue": "a b/*"}',
    b'{"command": "pause queue", "queue": "a/b/c"}',
    b'{"command": "pause queue", "queue": "/"}',
    b'{"command": "pause queue", "queue": ""}',
    b'{"command": "pause queue", "queue": {}}',
    b'{"command": "pause queue"}',
    b'{"command": "schedule", "queue": ""}',
    b'{"command": "pause queue", "queue": "\\u001b[31m"}',
    b'{"command": "pause queue", "queue": "' + b"*a" * 50000 + b'"}',
    b'{"command": "schedule", "queue": "a.example/"}',
    b'{"command": "show topqueues", "sort": "\\u0007"}',
    b'{"command": "show domains", "vmta": "a/b"}',
    b'{"command": ["pause queue"]}',
    b'{"command": "pause queue", "queue": "a", "queue": "b"}',
    b'["pause queue"]',
    b'{"command": "pause queue", "queue": "\\u0000"}',
    b'{"command": "pause queue"',
    b"\xff\xfe",
    b"",
]


@tap.test("hostile words are refused and change nothing")
def hostile(lab):
    for line in HOSTILE:
        answer = lab.ask(line)
        tap.check("error" in answer, "%r: %s" % (line[:60], answer))
    for word in ("a.example\n", "a\tb", "\x1b[2J", "a/b/c", "/" * 300,
                 "x" * 300):
        r = lab.command.run("pause", "queue", word)
        tap.equal(r.returncode, 1, repr(word))
        tap.check("\x1b" not in r.stderr, repr(r.stderr))
    tap.check(lab.daemon.running(), "mailraced ended")
    tap.equal([q for q, v in lab.queues().items() if v["paused"]], [],
              "something is paused")


@tap.test("wrong types are as if nothing was said")
def types(lab):
    for args in (b'"maxitems": "many"', b'"maxitems": -3', b'"maxitems": 1e99',
                 b'"sort": 3', b'"queue": {}', b'"errors": "yes"',
                 b'"connected": null'):
        answer = lab.ask(b'{"command": "show topqueues", ' + args + b"}")
        tap.check("error" not in answer, "%s: %s" % (args, answer))


tap.main(Fixture)
