#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A write or sync that fails loses nothing that was answered 250.

The transport ends without answering, or answers 4xx and goes on; what a failed
sync was to make durable is taken to be lost: the files are cut back as by a
power cut (powercut.py) before the next start.

    SEED=n tests/crash/test_bad_disk.py
"""

import errno
import time

import badio
import fault
import powercut
import tap

FOREVER = -1
WAIT_S = 75  # a checkpoint comes each minute
LIVES_S = 1.5  # how long a disk is bad that the process lives with
STARTS = 3

SEGMENT, LOG, TABLES = "/spool/seg/", "/spool/db/log.", ".db"
SLOTS, ROWS, ALL = "/spool/inflight", "/acct/", "/spool/"

# call, error, files, count, whether the process ends by it
CASES = (
    ("sync", errno.EIO, SEGMENT, 1, True),
    ("sync", errno.EIO, LOG, 1, True),
    ("sync", errno.EIO, SLOTS, 1, True),
    ("sync", errno.EIO, TABLES, 1, True),
    ("sync", errno.EIO, ALL, FOREVER, True),
    ("sync", errno.EIO, ROWS, 1, False),
    ("write", errno.EIO, SEGMENT, 1, True),
    ("write", errno.EIO, LOG, 1, False),  # Berkeley DB tries it again
    ("write", errno.EIO, LOG, FOREVER, True),
    ("write", errno.EIO, ALL, FOREVER, True),
    ("write", errno.EIO, ROWS, FOREVER, False),
    ("write", errno.ENOSPC, SEGMENT, 1, False),
    ("write", errno.ENOSPC, SEGMENT, FOREVER, False),
    ("write", errno.ENOSPC, LOG, FOREVER, True),
)


class Disk:
    def __init__(self, lab):
        self.power = powercut.PowerCut(lab)
        self.bad = badio.BadIO(lab)


def ended(run):
    return not run.lab.daemon.running()


def fails_to_start(run, young):
    """While the disk is bad it says so and ends; it does not hang."""
    for _ in range(STARTS):
        run.lab.daemon.launch().close()
        tap.wait_for(lambda: ended(run), WAIT_S, "a start on a bad disk ends")
        young.cut()


def dies(run, young, begin, count):
    tap.wait_for(lambda: ended(run), WAIT_S, "the process ends")
    young.cut()
    if count == FOREVER:
        fails_to_start(run, young)
    run.prepared.bad.be_well()
    run.start_again(run.lab.daemon, begin)


def lives(run, flow):
    before = sum(flow.refused.values())
    run.pause(LIVES_S, LIVES_S)
    refused = sum(flow.refused.values()) - before
    run.prepared.bad.be_well()
    run.recovered(time.monotonic())
    return refused


@fault.fault("writes and syncs fail",
             "EIO and ENOSPC, once and for ever, from write, fdatasync, fsync "
             "and msync of segments, database, in-flight slots and accounting "
             "files. After the process has ended, what was not synced is cut "
             "away as by a power cut.", prepare=Disk)
def bad_disk(run):
    young = powercut.Young(run, run.prepared.power)
    with run.load() as flow:
        for call, code, files, count, ends in CASES:
            run.pause(0.3, 0.8)
            begin = run.happened()
            run.prepared.bad.fail(call, code, files, count)
            if ends:
                dies(run, young, begin, count)
            else:
                refused = lives(run, flow)
            tap.note("%s %s of %s, %s: %s" % (
                errno.errorcode[code], call, files,
                "for ever" if count == FOREVER else "once",
                "ended" if ends else "lived, %d answers of 4xx" % refused))
    tap.check(all(399 < code < 500 for code in flow.refused),
              "refused for good: %s" % flow.refused)


def ends_by_itself(run):
    tap.wait_for(lambda: ended(run), WAIT_S, "the process ends")


def is_stopped(run):
    """The last checkpoint of a graceful end fails: it says so."""
    run.lab.daemon.stop()
    tap.check("checkpoint text=" in run.lab.daemon.log_text(),
              "the checkpoint did not fail")


@fault.fault("sync fails, restart, power cut",
             "An fdatasync of the database fails once: as in Linux its pages "
             "stay in the cache, count as clean and are not on the disk. The "
             "transport ends and is started again, takes mail, and then comes "
             "a power cut that leaves only what was synced.", prepare=Disk)
def warm_cache(run):
    young = powercut.Young(run, run.prepared.power)
    with run.load():
        for files, end in ((LOG, ends_by_itself), (LOG, ends_by_itself),
                           (LOG, ends_by_itself), (TABLES, is_stopped)):
            run.pause(0.3, 0.8)
            begin = run.happened()
            run.prepared.bad.fail("sync", errno.EIO, files)
            end(run)
            run.prepared.bad.be_well()
            run.start_again(run.lab.daemon, begin)
            run.pause(0.5, 1)
            begin = run.happened()
            run.lab.daemon.kill()
            young.cut(keep=0)
            run.start_again(run.lab.daemon, begin)


fault.main()
