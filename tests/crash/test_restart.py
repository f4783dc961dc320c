#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Restarts under load, with the listening sockets held by systemd's own
systemd-socket-activate: Postfix defers nothing.  And without: a stop ends soon
whatever the remote servers do.

    SEED=n TIMES=n tests/crash/test_restart.py
"""

import os
import re
import shutil
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fault

import lab as labs
import mailrace
import procs
import tap

# What systemd does: it holds the sockets, starts the daemon, and starts it
# again when it has ended.
MANAGER = """\
trap 'ending=1; kill -TERM "$child"' TERM
while [ -z "$ending" ]; do
    (export LISTEN_PID=$BASHPID; exec "$@") &
    child=$!
    wait "$child"; status=$?
done
wait "$child"; exit $?
"""
START_S = 30


class Managed:
    """mailraced as a service whose sockets are held by somebody else."""

    def __init__(self, lab):
        self.lab = lab
        self.ready = procs.Readiness(lab.daemon.notify)

    def argv(self):
        sockets = [self.lab.lmtp, labs.LISTEN + ":24", labs.LISTEN + ":25"]
        out = ["systemd-socket-activate", "-E", "NOTIFY_SOCKET"]
        for s in sockets:
            out += ["-l", s]
        return out + ["/bin/bash", "-c", MANAGER, "manager",
                      mailrace.program("mailraced"), "-c", self.lab.config,
                      "-f"]

    def start(self):
        """The first who connects has it started."""
        daemon = self.lab.daemon
        os.unlink(self.lab.lmtp)  # of the daemon that has ended
        daemon.process = procs.Process("mailraced", self.argv(), daemon.log,
                                       env=self.ready.env())
        tap.wait_for(lambda: os.path.exists(self.lab.lmtp), START_S,
                     "the socket is there")
        os.chmod(self.lab.lmtp, 0o660)
        with socket.socket(socket.AF_UNIX) as s:
            tap.wait_for(lambda: s.connect_ex(self.lab.lmtp) == 0, START_S,
                         "somebody listens")
            self.ready.wait(daemon.process, START_S)

    def pid(self):
        return self.lab.command.json("show", "status")["pid"]

    def restart(self):
        """How long it was away."""
        began = time.monotonic()
        os.kill(self.pid(), signal.SIGTERM)
        self.ready.wait(self.lab.daemon.process, START_S)
        return time.monotonic() - began


def deferred(lab):
    with open(lab.postfix.log, errors="replace") as f:
        return re.findall(r".*status=deferred.*", f.read())


@fault.fault("restart with sockets held",
             "SIGTERM and a new start, the listening sockets being held by "
             "systemd-socket-activate. In the log of Postfix not one message "
             "is deferred.")
def restarts(run):
    if shutil.which("systemd-socket-activate") is None:
        tap.skip("systemd-socket-activate is not installed")
    tap.equal(run.lab.daemon.stop(), 0, "exit status")
    tap.equal(deferred(run.lab), [], "deferred without a load")
    service = Managed(run.lab)
    service.start()
    with run.load():
        for _ in range(run.count(8)):
            run.pause(0.5, 2)
            begin = run.happened()
            away = service.restart()
            run.recovered(begin)
            tap.check(away < 5, "away for %.1f s" % away)
    tap.wait_for(lambda: run.lab.postfix.queue_size() == 0, 60,
                 "Postfix has handed over all")
    tap.equal(deferred(run.lab), [], "deferred")
    run.note_doubts()
    tap.equal(run.lost_answers, [], "in doubt")


# ---- servers that hang -----------------------------------------------------

HANGING = {"hang-%s.example" % at: (at, "127.0.2.%d" % (i + 1))
           for i, at in enumerate(("connect", "ehlo", "mail", "rcpt", "data"))}
HANG_ZONE = fault.ZONE + "".join(labs.mx_zone(d, ("mx." + d, ip))
                                 for d, (_, ip) in HANGING.items())


@fault.fault("stop while servers hang",
             "Servers that never answer the greeting, EHLO, MAIL, RCPT or "
             "DATA hold up a stop for ten seconds at most.",
             zone=HANG_ZONE, with_postfix=False,
             receivers=fault.RECEIVERS + [
                 {"listen": [ip + ":25"], "store": False, "rules": [
                     {"at": at, "action": "hang", "count": 1}]}
                 for at, ip in HANGING.values()])
def stop_hanging(run):
    with run.load(pause_s=0.01):
        for domain in HANGING:
            run.hand_over("u@" + domain)
        tap.wait_for(lambda: len([e for e in run.lab.events("rule")
                                  if e["action"] == "hang"]) == len(HANGING),
                     20, "all of them hang")
        begin = run.happened()
        tap.equal(run.lab.daemon.stop(), 0, "exit status")
        took = time.monotonic() - begin
        tap.check(took < 30, "it took %.1f s" % took)
        tap.check("cutting off transactions" in run.lab.daemon.log_text(),
                  "no transaction was cut off")
        tap.note("stopped after %.1f s" % took)
        run.start_again(run.lab.daemon, begin)
    run.note_doubts()
    tap.equal([str(d) for r in run.restarts for d in r.doubts], [],
              "in doubt")


fault.main()
