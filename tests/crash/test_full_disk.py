#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A full disk refuses mail for now, loses nothing, and recovers by itself.

The spool has an ext4 of its own, in an image mounted through a loop device
within the test's mount namespace.  Another file takes all of its room while
mail flows.  The host is answered 4xx; what receivers have answered is
committed through the reserve; when the room is back, mail flows without any
hand.

    SEED=n TIMES=n tests/crash/test_full_disk.py
"""

import os
import time

import fault
import small_disk
import tap

IMAGE = 384 << 20
RESERVE = 48 << 20
WAIT_S = 30
FULL_S = 2
EATEN_S = 4


def small_spool(lab):
    return small_disk.SmallDisk(lab, "spool", IMAGE)


def has_reserve(lab):
    reserve = os.stat(lab.path("spool", "reserve"))
    return reserve.st_blocks * 512 >= RESERVE


def refused(flow):
    return sum(n for code, n in flow.refused.items() if code == 452)


def all_committed(test):
    """Whatever receivers have answered 250 is in the ledger."""
    answered = len(test.arrivals.update().taken())
    return test.audit().terminal["delivered"] == answered


def fill_under_load(test, flow):
    """Full: 452, and the outcomes go to the ledger all the same."""
    before = refused(flow)
    test.happened()
    test.prepared.fill()
    tap.wait_for(lambda: refused(flow) > before, WAIT_S, "452 to the clients")
    test.pause(FULL_S, FULL_S)
    tap.wait_for(lambda: all_committed(test), WAIT_S,
                 "what was answered is committed")


def free(test):
    since = time.monotonic()
    test.prepared.free()
    test.recovered(since)
    tap.wait_for(lambda: has_reserve(test.lab), WAIT_S, "the reserve is back")


@fault.fault("full disk",
             "Another file takes the last block of the spool's file system "
             "(an ext4 of 384 MB on a loop device) while mail flows, and goes "
             "some seconds later. Clients by SMTP get 452, a host by LMTP "
             "waits, outcomes are committed through the reserve.", prepare=small_spool)
def full(test):
    with test.load() as flow:
        for _ in range(test.count(4)):
            test.pause(1, 2)
            fill_under_load(test, flow)
            free(test)
    tap.check("reserve-used" in test.lab.daemon.log_text(),
              "the reserve was never needed")
    tap.check(all(399 < code < 500 for code in flow.refused),
              "refused for good: %s" % flow.refused)


def start_in_vain(test):
    """A start that has no room says so and ends, or works."""
    daemon = test.lab.daemon
    ready = daemon.launch()
    try:
        ready.wait(daemon.process, WAIT_S)
    except fault.procs.ProcessError:
        tap.check(not daemon.running(), "it hangs at start")
    finally:
        ready.close()


@fault.fault("full disk, the reserve taken as well",
             "As before, but the other file takes at once whatever becomes "
             "free, so that outcomes have no room either. The transport may "
             "end, and is started again every second, as systemd does.",
             prepare=small_spool)
def eaten(test):
    with test.load():
        for _ in range(test.count(2)):
            test.pause(1, 2)
            begin = test.happened()
            end = begin + EATEN_S
            while time.monotonic() < end:
                test.prepared.grow()
                if not test.lab.daemon.running():
                    start_in_vain(test)
                time.sleep(0.05)
            test.prepared.free()
            if test.lab.daemon.running():
                test.note_restart(begin)
                test.recovered(end)
            else:
                test.start_again(test.lab.daemon, begin)


fault.main()
