#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Receivers that stop, close or reset in each phase of a session, and one that
is stopped and killed at random: the deadlines of the configuration hold, mail
for others goes on, and who may have got a message twice is named.

    SEED=n TIMES=n tests/crash/test_receivers.py
"""

import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fault

import lab as labs
import tap

DEADLINE_S = 2
CONFIG = fault.CONFIG + """
<domain *>
    retry-after 1s
    retry-recipients-after 1s
    smtp-greeting-timeout %(s)ds
    data-send-timeout %(s)ds
    smtp-data-termination-timeout %(s)ds
</domain>
""" % {"s": DEADLINE_S}

# What breaks behind the dot may have been taken; only `answer` has been.
PHASES = ["connect", "ehlo", "starttls", "handshake", "mail", "rcpt", "data",
          "body", "dot", "answer"]
DOUBTFUL = ("dot", "answer")
HOWS = ("close", "drop", "hang")
# Phases whose deadline is in the configuration; the others have 1 to 5 min.
TIMED = ("connect", "body", "dot", "answer")
CASES = {"%s-%s.example" % (how, phase): (how, phase)
         for how in HOWS for phase in PHASES}
ADDRESSES = {d: "127.0.2.%d" % (i + 1) for i, d in enumerate(CASES)}
# More than the kernel takes for a server that does not read, and few enough to
# be read within the deadline by one that has little time.
BIG = 1 << 20
SEND_BUFFER = "4096 16384 262144"


def broken_once(domain):
    """A server whose first connection breaks in its phase."""
    how, phase = CASES[domain]
    spec = {"listen": [ADDRESSES[domain] + ":25"], "store": False,
            "rules": [{"at": phase, "action": how, "count": 1}]}
    if phase in ("starttls", "handshake"):
        spec["tls"] = True
        spec["ehlo"] = ["PIPELINING", "STARTTLS"]
    if phase == "body":
        spec["rcvbuf"] = 4096
    return spec


ZONE = fault.ZONE + "".join(labs.mx_zone(d, ("mx." + d, ip))
                            for d, ip in ADDRESSES.items())


def rcpt_of(domain):
    return "u@" + domain


def hand_over_all(run):
    for domain, (_, phase) in CASES.items():
        run.hand_over(rcpt_of(domain), size=BIG if phase == "body" else 0)
        run.happened()


def check_deadlines(run):
    """A server that hangs is called again when the time is over, and not
    before: then comes retry-after, a second."""
    events = run.lab.events()
    for phase in TIMED:
        where = ADDRESSES["hang-%s.example" % phase] + ":25"
        begin = next(e["mono"] for e in events
                     if e["to"] == where and e["ev"] == "rule")
        again = next(e["mono"] for e in events if e["to"] == where and
                     e["ev"] == "connect" and e["mono"] > begin)
        # A body counts from its last 4 KB, which may come after the rule.
        most = DEADLINE_S * (2 if phase == "body" else 1) + 2
        tap.check(DEADLINE_S + 0.9 < again - begin < most,
                  "%s: called again after %.1f s" % (phase, again - begin))


def arrived(run, domains):
    taken = run.arrivals.update().taken()
    return all(rcpt_of(d) in taken for d in domains)


@fault.fault("receivers stop in each phase",
             "Ten phases, from the greeting to a message that was taken and "
             "not yet answered: in each a first connection is closed, is "
             "reset, and hangs. The configured deadlines are two seconds; "
             "those that hang in another phase are reset after five.",
             zone=ZONE, config=CONFIG, with_postfix=False,
             receivers=fault.RECEIVERS + [broken_once(d) for d in CASES])
def phases(run):
    with open("/proc/sys/net/ipv4/tcp_wmem", "w", encoding="ascii") as f:
        f.write(SEND_BUFFER)  # of this namespace alone
    quick = [d for d, (how, phase) in CASES.items()
             if how != "hang" or phase in TIMED]
    with run.load(domains=["steady.example"], pause_s=0.01):
        hand_over_all(run)
        began = time.monotonic()
        tap.wait_for(lambda: arrived(run, quick), 30, "what ends by itself")
        check_deadlines(run)
        time.sleep(max(0, began + 5 - time.monotonic()))
        run.lab.receiver.signal(signal.SIGUSR1)
        run.recovered(time.monotonic())
        tap.wait_for(lambda: arrived(run, CASES), 30, "the others")
    tap.wait_for(lambda: run.audit().queued == 0, 30, "an empty queue")
    run.note_doubts()
    tap.equal(sorted(d.rcpt for d in run.lost_answers),
              sorted(rcpt_of(d) for d, (_, phase) in CASES.items()
                     if phase in DOUBTFUL), "named in doubt")


# ---- at random -------------------------------------------------------------

# Something is under way in every phase.
SLOW_RULES = [{"at": at, "delay": 0.03, "action": "pass"}
              for at in ("connect", "mail", "data", "dot")]


class Receivers:
    """The process of the receivers, to be stopped and killed."""

    def __init__(self, lab):
        self.lab = lab
        self.script = lab.path("receivers.json")

    def stop_for(self, seconds):
        self.lab.receiver.signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.lab.receiver.signal(signal.SIGCONT)

    def restart(self, signo):
        """The kernel closes what was open, or resets it where something is
        unread."""
        self.lab.receiver.signal(signo)
        self.lab.receiver.popen.wait(20)
        self.lab.receiver = labs.start_receiver(self.lab, self.script,
                                                "receiver")


@fault.fault("receivers stopped and killed at random",
             "SIGSTOP for up to twice the deadlines, SIGTERM and SIGKILL of "
             "the process of all receivers.",
             config=CONFIG, with_postfix=False,
             receivers=[dict(r, rules=r.get("rules", []) + SLOW_RULES)
                        for r in fault.RECEIVERS])
def at_random(run):
    receivers = Receivers(run.lab)
    with run.load(pause_s=0.01):
        for i in range(run.count(9)):
            run.pause(0.3, 1.5)
            run.happened()
            if i % 3 == 0:
                receivers.stop_for(run.random.uniform(1, 2 * DEADLINE_S))
            else:
                receivers.restart((signal.SIGTERM, signal.SIGKILL)[i % 3 - 1])
            run.recovered(time.monotonic())


fault.main()
