#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""When Mailrace is down, mail waits in Postfix; when the listener is held by
another process, as systemd does, a restart defers nothing.  What a kill leaves
in doubt is named."""

import netns
netns.enter()

import os
import socket
import time

import tap
from lab import Lab, mx_zone

ZONE = mx_zone("in.example", ("mx.in.example", "127.0.1.1")) + \
    mx_zone("slow.example", ("mx.slow.example", "127.0.1.2")) + \
    mx_zone("mute.example", ("mx.mute.example", "127.0.1.3"))
CUT_OFF = "cutting off transactions"  # what a stop says after ten seconds
CONFIG = """
<domain *>
    retry-after 2s
    retry-recipients-after 1s
</domain>
"""
# LISTEN_PID must be the daemon's own.
WRAPPER = ["/bin/bash", "-c", "exec 3<&%d; export LISTEN_FDS=1 LISTEN_PID=$$;"
           " exec \"$@\"", "bash"]


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG,
                         receivers=[
                             {"listen": ["127.0.1.1:25"]},
                             {"listen": ["127.0.1.2:25"], "rules": [
                                 {"at": "dot", "delay": 2,
                                  "action": "pass"}]},
                             {"listen": ["127.0.1.3:25"], "rules": [
                                 {"at": "answer", "action": "drop",
                                  "count": 1}]}])

    def __enter__(self):
        self.start()
        return self


def count(lab, prefix):
    return len({r for m in lab.messages() for r in m["rcpts"]
                if prefix in r})


def wait_thinking(lab, rcpt):
    """Until the slow server has this recipient's message and answers later."""
    def thinks():
        events = lab.events()
        ids = [e["id"] for e in events
               if e["ev"] == "rcpt" and e["rcpt"] == rcpt]
        return [e for e in events if e["ev"] == "delay" and e["at"] == "dot"
                and e["id"] in ids]
    tap.wait_for(thinks, 30, "the server thinks about " + rcpt)


def postfix_log(lab):
    with open(lab.postfix.log, errors="replace") as f:
        return f.read()


@tap.test("down for a while: mail waits in Postfix and comes later")
def down(lab):
    tap.equal(lab.daemon.stop(), 0, "exit status")
    lab.postfix.source("s@sender.example", "down@in.example", 20, "-N", "-s",
                       "5")
    tap.wait_for(lambda: lab.postfix.queue_size() == 20, 20, "20 wait")
    lab.daemon.start()
    lab.postfix.flush()
    tap.wait_for(lambda: count(lab, "down@") == 20, 40, "20 arrive")


@tap.test("killed behind the dot: the audit names who may get it twice")
def doubt(lab):
    text = lab.inject(["a@slow.example", "b@slow.example"])[0][1]
    number = text.split("queued as ")[1].strip()
    wait_thinking(lab, "a@slow.example")
    lab.daemon.kill()
    lab.daemon.start()
    doubts = sorted(lab.audit().doubts, key=lambda d: d["recipient"])
    tap.equal([(d["id"], d["recipient"], d["to"], d["queue"])
               for d in doubts],
              [(number, 0, "a@slow.example", "slow.example/{default}"),
               (number, 1, "b@slow.example", "slow.example/{default}")],
              "doubts")
    tap.check(all(d["session"] and d["time"] for d in doubts), doubts)
    text = lab.command.text("audit")
    tap.check("b@slow.example" in text and "slow.example/{default}" in text,
              text)
    lab.settled()


@tap.test("an answer that is lost: sent again, and named as well")
def lost_answer(lab):
    before = len(lab.settled().doubts)
    lab.inject("once@mute.example")
    tap.wait_for(lambda: len(lab.arrived("once@mute.example")) == 2, 20,
                 "it arrives twice")
    doubts = lab.audit().doubts[before:]
    tap.equal([(d["to"], d["queue"]) for d in doubts],
              [("once@mute.example", "mute.example/{default}")], "doubts")


@tap.test("stopped while a server thinks about a message: delivered once")
def stop_behind_dot(lab):
    before = lab.settled()
    lab.inject("think@slow.example")
    wait_thinking(lab, "think@slow.example")
    tap.equal(lab.daemon.stop(), 0, "exit status")
    ended = time.monotonic()
    tap.check(CUT_OFF not in lab.daemon.log_text(), "it waited for ten seconds")
    answered = lab.wait_arrived("think@slow.example")["mono"]
    tap.check(0 < ended - answered < 30, "%.1f s" % (ended - answered))
    lab.daemon.start()
    after = lab.audit()
    tap.equal(after.terminal["delivered"] - before.terminal["delivered"], 1,
              "the outcome is committed")
    tap.equal(len(after.doubts), len(before.doubts), "doubts")
    tap.equal(len(lab.arrived("think@slow.example")), 1, "arrivals")


@tap.test("the milter down: Postfix answers 4xx, nothing goes out unsigned")
def milter_down(lab):
    lab.milter.stop()
    try:
        lab.postfix.source("s@sender.example", "nomilter@in.example", 1)
        refused = False
    except RuntimeError:
        refused = True
    tap.check(refused, "Postfix took it")
    lab.milter.start()
    lab.postfix.source("s@sender.example", "nomilter@in.example", 1)
    tap.wait_for(lambda: count(lab, "nomilter@") == 1, 30, "it arrives")


@tap.test("a listener that outlives the restart: not one deferral")
def inherited(lab):
    lab.daemon.stop()
    if os.path.exists(lab.lmtp):
        os.unlink(lab.lmtp)
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(lab.lmtp)
        os.chmod(lab.lmtp, 0o660)
        s.listen(256)
        fd = s.fileno()
        prefix = [w % fd if "%d" in w else w for w in WRAPPER]

        def start():
            lab.daemon.start(argv_prefix=prefix, pass_fds=(fd,))
        start()
        before = postfix_log(lab).count("status=deferred")
        lab.postfix.source("s@sender.example", "before@in.example", 10, "-N")
        tap.wait_for(lambda: count(lab, "before@") == 10, 30, "before")
        for i in range(3):
            lab.daemon.stop()
            lab.postfix.source("s@sender.example", "r%d@in.example" % i, 20,
                               "-N", "-s", "5")
            tap.wait_for(lambda: lab.lmtp_clients() > 0, 30,
                         "a client waits at the listener")
            start()
        tap.wait_for(lambda: sum(count(lab, "r%d@" % i)
                                 for i in range(3)) == 60, 60, "60 arrive")
        tap.equal(postfix_log(lab).count("status=deferred"), before,
                  "deferrals")
        lab.daemon.stop()
    os.unlink(lab.lmtp)
    lab.daemon.start()


@tap.test("a socket held for nobody: the log says so")
def held_for_nobody(lab):
    lab.daemon.stop()
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(lab.path("run", "other"))
        s.listen(1)
        prefix = [w % s.fileno() if "%d" in w else w for w in WRAPPER]
        lab.daemon.start(argv_prefix=prefix, pass_fds=(s.fileno(),))
    tap.check("holds a socket for %s, which is no listener" %
              lab.path("run", "other") in lab.daemon.log_text(),
              lab.daemon.log_text()[-500:])


@tap.test("a graceful stop finishes what is under way and loses nothing")
def graceful(lab):
    lab.postfix.source("s@sender.example", "grace@in.example", 200, "-N",
                       "-s", "10")
    tap.equal(lab.daemon.stop(), 0, "exit status")
    lab.daemon.start()
    lab.postfix.flush()
    tap.wait_for(lambda: count(lab, "grace@") == 200, 60, "200 arrive")
    rcpts = [r for m in lab.messages() for r in m["rcpts"] if "grace@" in r]
    tap.equal(len(rcpts), 200, "deliveries: none twice")
    tap.check(lab.audit().balances(), "audit")


tap.main(Fixture)
