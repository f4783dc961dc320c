#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""File descriptors run out under load, nearly and altogether: nothing is lost,
the log says it once, and all goes on by itself.

    SEED=n TIMES=n tests/crash/test_descriptors.py
"""

import os
import resource
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fault

import tap

SPARE = 64  # of lib/files.h
LINES_MAX = 10  # about it in the log, in all


def shrink(run, to):
    """The new limit is in force at once, for what is opened from now on."""
    pid = run.lab.daemon.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (to, before[1]))
    return lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def base(run):
    """What is open without connections, about."""
    return len(os.listdir("/proc/%d/fd" % run.lab.daemon.pid))


def lines(run):
    return [x for x in run.lab.daemon.log_text().split("\n")
            if ": - files " in x or ": - listener " in x]


def go_on(run, give_back):
    """Without the spare ones the database may fail to open its next log file:
    the process ends then as it does when a disk fails, and is started with
    its own limit."""
    since = time.monotonic()
    if run.lab.daemon.running():
        give_back()
        run.recovered(since)
    else:
        run.ended += 1
        run.start_again(run.lab.daemon, since)


@fault.fault("file descriptors run out",
             "The limit of the running transport is lowered so that a handful "
             "of connections fit, for up to three seconds. It goes on with "
             "what it has.", with_postfix=False)
def run_out(run):
    idle = base(run)
    with run.load(pause_s=0.002):
        for _ in range(run.count(4)):
            run.pause(0.5, 1.5)
            give_back = shrink(run, idle + SPARE + 6)
            run.happened()
            run.pause(1, 3)
            since = time.monotonic()
            give_back()
            run.recovered(since)
    tap.check(0 < len(lines(run)) <= LINES_MAX,
              "%d lines in the log" % len(lines(run)))


@fault.fault("not one file descriptor left",
             "The limit is lowered to less than is open. When the database "
             "needs its next log file in that time, the transport ends as it "
             "does when a disk fails, and is started again.",
             with_postfix=False)
def none_left(run):
    run.ended = 0
    with run.load(pause_s=0.002):
        for _ in range(run.count(4)):
            run.pause(0.5, 1.5)
            give_back = shrink(run, 10)
            run.happened()
            time.sleep(run.random.uniform(1, 3))
            go_on(run, give_back)
    tap.note("ended by itself: %d times" % run.ended)
    tap.check(len(lines(run)) <= LINES_MAX, "%d lines in the log" %
              len(lines(run)))


fault.main()
