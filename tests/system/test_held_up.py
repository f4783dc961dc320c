#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Limits hold on the wire however late a worker does what it was granted: it
is held up before it connects, before it writes RCPT, or before it closes."""

import netns
netns.enter()

import contextlib
import io
import os

import check_limits
import mailrace
import memory
import tap
from lab import Lab, mx_zone

HELD_UP_MS = 100
SLACK_MS = 1  # one clock may be set by half a thousandth, and the other not

# An odd rate: who is held up and who is not are just a period apart.
CASES = {  # domain: its server, messages, what is held up, the limit
    "connects.example": ("127.0.1.1", 9, "CONNECT", "max-connect-rate 3/s"),
    "gaps.example": ("127.0.1.2", 4, "CONNECT", "smtp-out-rampup-interval 1s"),
    "rate.example": ("127.0.1.3", 16, "RCPT", "max-msg-rate 5/s"),
    "conns.example": ("127.0.1.4", 20, "CLOSE", "max-smtp-out 1")}
# Mail that makes the other worker call the scheduler all the time.
OTHER = "127.0.1.5"
CONFIG = """
<domain *>
    max-msg-per-connection 1
</domain>
<domain other.example>
    max-msg-rate 100/s
</domain>
""" + "".join(
    "<domain %s>\n    %s\n</domain>\n" % (domain, limit)
    for domain, (_, _, _, limit) in CASES.items())


def held_up():
    """What makes the daemon late."""
    env = {"HELD_UP_MS": str(HELD_UP_MS), "LD_PRELOAD": os.path.join(
        mailrace.build_dir(), "tests/system/held_up.so")}
    for ip, _, what, _ in CASES.values():
        name = "HELD_UP_" + what
        env[name] = env.get(name, " ") + ip + " "
    return env


class Fixture(Lab):
    def __init__(self):
        # Servers that leave it to the client to close.
        super().__init__(
            zone="".join(mx_zone(domain, ("mx." + domain, ip))
                         for domain, (ip, _, _, _) in CASES.items()) +
            mx_zone("other.example", ("mx.other.example", OTHER)),
            config=CONFIG, with_postfix=False, with_milter=False,
            receivers=[{"listen": [ip + ":25" for ip, _, _, _
                                   in CASES.values()] + [OTHER + ":25"],
                        "rules": [{"at": "quit", "reply": "221 2.0.0 bye"}]}])

    def __enter__(self):
        self.start()
        if not memory.has_sanitizer(self.daemon.pid):
            self.daemon.stop()
            self.daemon.start(env=held_up())
        return self


def judge(lab, need):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        good = check_limits.check(CONFIG, [lab.receiver_log], SLACK_MS, [need])
    tap.note("\n".join(line for line in out.getvalue().splitlines()
                       if need in line or line.startswith("FAIL")))
    tap.check(good, "a limit was broken or not used")


def make(domain, to, count, limit):
    def test(lab):
        if memory.has_sanitizer(lab.daemon.pid):
            tap.skip("a sanitizer wants to be the first that is preloaded")
        for i in range(count):
            lab.inject("x%d@%s" % (i, domain))
            lab.inject(["x%d-%d@other.example" % (i, n) for n in range(10)])
        lab.wait_closed(to + ":25", count)
        judge(lab, "%s %s/{default}" % (limit, domain))
    return test


for name, (ip, number, what_, directive) in CASES.items():
    tap.test("%s, held up before %s" % (directive, what_))(
        make(name, ip, number, directive.split()[0]))
tap.main(Fixture)
