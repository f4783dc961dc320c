#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""No limit is exceeded in any window, whatever ends the process in between:
check_limits.py judges from what the receivers saw.

    SEED=n TIMES=n tests/crash/test_limits.py
"""

import contextlib
import io

import fault
import powercut

import check_limits
import tap
from lab import mx_zone

SLACK_MS = 2  # two clocks' jitter
ENDS = 40
CUTS = 24
PAUSE_S = 0.3  # of a feeder, after each message: all of it drains at the end

# 500/d goes out at one in three minutes; 15/d is there to be used up.
RATES = {"second.example": "5/s", "minute.example": "20/m",
         "day.example": "500/d", "few.example": "15/d",
         "hundreds.example": "300/m"}
NEEDED = ("second.example",)
# Those of which each end may cost some; it must not cost all.
USED = ("minute.example", "few.example")
USED_MIN = 3
UNLIMITED = fault.CONFIG + """
<virtual-mta v1>
    smtp-source-host 127.0.0.11 v1.mta.example
</virtual-mta>
<source 127.0.0.0/8>
    default-virtual-mta v1
</source>
"""
LIMITED = UNLIMITED + "".join(
    "<domain %s>\n    max-msg-rate %s\n</domain>\n" % r for r in RATES.items())
ADDRESSES = dict({d: "127.0.2.%d" % (i + 1) for i, d in enumerate(RATES)},
                 **{fault.PROBE_DOMAIN: "127.0.2.100"})
OPTIONS = {
    "config": LIMITED, "with_postfix": False, "with_milter": False,
    "zone": "".join(mx_zone(d, ("mx." + d, ip))
                    for d, ip in ADDRESSES.items()),
    "receivers": [{"listen": [ip + ":25" for ip in ADDRESSES.values()],
                   "store": False}]}


def judge(run):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        good = check_limits.check(
            LIMITED, [run.lab.receiver_log], SLACK_MS,
            ["max-msg-rate %s/v1" % d for d in NEEDED])
    tap.note("\n".join(line for line in out.getvalue().splitlines()
                       if "max-msg-rate" in line))
    tap.check(good, "a limit was broken or not used")
    for domain in USED:
        seen = sum(e["rcpt"].endswith("@" + domain)
                   for e in run.lab.events("rcpt"))
        tap.check(seen >= USED_MIN, "%s: only %d" % (domain, seen))


def lift(run):
    """What waits for its limit goes, so that the run can be judged."""
    run.lab.write_config(UNLIMITED)
    run.lab.command.text("reload")


@fault.fault("limits, killed and stopped",
             "`kill -9` at random moments, every third time a clean stop, with "
             "limits of %s on queues that are full." % ", ".join(
                 RATES.values()), **OPTIONS)
def ends(run):
    with run.load(domains=RATES, pause_s=PAUSE_S):
        while run.times < run.count(ENDS):
            run.pause(0.2, 1.8)
            begin = run.happened()
            if run.times % 3 == 0:
                run.lab.daemon.stop()
            else:
                run.lab.daemon.kill()
            run.start_again(run.lab.daemon, begin)
    judge(run)
    lift(run)


@fault.fault("limits, power cut",
             "As with the fault \"power cut\", with the limits above: a "
             "message is sent only when the disk knows that it may be.",
             prepare=powercut.PowerCut, **OPTIONS)
def cuts(run):
    power = run.prepared
    young = powercut.Young(run, power)
    with run.load(domains=RATES, pause_s=PAUSE_S):
        while run.times < run.count(CUTS):
            run.pause(0.2, 1.8)
            begin = run.happened()
            run.lab.daemon.kill()
            young.cut()
            run.start_again(run.lab.daemon, begin)
    judge(run)
    lift(run)
    tap.check(power.blocks > 0, "nothing was taken back: this proves nothing")


fault.main()
