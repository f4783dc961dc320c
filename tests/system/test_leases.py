#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A limit holds over the end of the process, however it ends: judged from the
receivers' logs by check_limits.py, which knows nothing of restarts."""

import netns
netns.enter()

import contextlib
import io
import subprocess

import check_limits
import tap
from lab import Lab, mx_zone

SLACK_MS = 2  # two clocks' jitter
UNLIMITED = """
<virtual-mta v1>
    smtp-source-host 127.0.0.11 v1.mta.example
</virtual-mta>
<source 127.0.0.1>
    default-virtual-mta v1
</source>
"""
LIMITED = UNLIMITED + """
<domain day.example>
    max-msg-rate 6/d
</domain>
<domain minutes.example>
    max-msg-rate 4/m
</domain>
<domain second.example>
    max-msg-rate 5/s
</domain>
"""
DOMAINS = {"day.example": "127.0.1.1", "minutes.example": "127.0.1.2",
           "second.example": "127.0.1.3"}
ZONE = "".join(mx_zone(d, ("mx." + d, ip)) for d, ip in DOMAINS.items())
MESSAGES = 20  # of each limit that is not refilled soon
OTHER_BOOT = "01020304-0506-4708-890a-0b0c0d0e0f10\n"


class Fixture(Lab):
    def __init__(self):
        super().__init__(
            zone=ZONE, config=LIMITED, with_postfix=False, with_milter=False,
            receivers=[{"listen": [ip + ":25" for ip in DOMAINS.values()]}])

    def __enter__(self):
        self.start()
        for i in range(MESSAGES):
            self.inject("d%d@day.example" % i)
            self.inject("m%d@minutes.example" % i)
        for i in range(10 * MESSAGES):
            self.inject("s%d@second.example" % i)
        return self


def attempts(lab, domain):
    return sum(e["rcpt"].endswith("@" + domain) for e in lab.events("rcpt"))


def flows(lab, count=1):
    """The scheduler is at work: so much has gone since now."""
    before = attempts(lab, "second.example")
    tap.wait_for(lambda: attempts(lab, "second.example") >= before + count,
                 20, "mail flows")


def judge(lab, *need):
    with open(lab.config) as f:
        text = f.read()
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        good = check_limits.check(text, [lab.receiver_log], SLACK_MS, need)
    tap.note(out.getvalue())
    tap.check(good, "a limit was broken or not used")


@tap.test("stopped and killed in turn: what was spent stays spent")
def ends(lab):
    flows(lab)
    for i in range(8):
        lab.daemon.kill() if i % 2 else lab.daemon.stop()
        lab.daemon.start()
        flows(lab)
    flows(lab, 6)
    judge(lab, "max-msg-rate day.example/v1",
          "max-msg-rate minutes.example/v1", "max-msg-rate second.example/v1")


@tap.test("a spool that is dumped and loaded takes them along")
def dumped(lab):
    lab.daemon.stop()
    lab.command.text("queue", "dump", lab.path("dump"))
    lab.command.text("queue", "verify")
    before = lab.path("before")
    subprocess.run(["mv", lab.path("spool"), before], check=True)
    lab.command.text("queue", "load", lab.path("dump"))
    lab.daemon.start()
    flows(lab)
    judge(lab)


@tap.test("after a reboot the wall clock tells how long ago it was")
def rebooted(lab):
    lab.daemon.stop()
    with open(lab.path("boot_id"), "w") as f:
        f.write(OTHER_BOOT)
    where = "/proc/sys/kernel/random/boot_id"
    subprocess.run(["mount", "--bind", lab.path("boot_id"), where], check=True)
    lab.mounts.append(where)
    lab.daemon.start()
    flows(lab)
    lab.daemon.kill()
    lab.daemon.start()
    flows(lab)
    judge(lab)


@tap.test("without limits all of it goes, once")
def lifted(lab):
    lab.write_config(UNLIMITED)
    lab.command.text("reload")
    audit = lab.settled()
    tap.equal(audit.terminal["delivered"], 12 * MESSAGES, "delivered")


tap.main(Fixture)
