#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""No 250 and no attempt comes earlier than the fdatasync that it promises.

Every fsync and fdatasync of the spool takes 500 ms longer.  The shim's log
says when each began and ended; the client when it had sent the last byte of a
message and when it was answered 250; the receiver when RCPT came.  Between the
last byte and either of these a sync of the segment must have begun and ended,
and after it one of the database's log.

    SEED=n tests/crash/test_slow_disk.py
"""

import bisect

import badio
import fault
import tap

DELAY_MS = 500
RUN_S = 15


class Log:
    """When what was handed over at a time became durable."""

    def __init__(self, disk):
        self.segment = disk.syncs("/spool/seg/")
        self.log = disk.syncs("/spool/db/log.")

    def durable(self, sent):
        """The earliest end of a sync of the log that began after one of the
        segment that began after sent; None: never."""
        end = earliest(self.segment, sent)
        return None if end is None else earliest(self.log, end)


def earliest(syncs, begin):
    """Of those that began at or after begin, when the first one ended."""
    at = bisect.bisect_left(syncs, (begin, 0))
    return min((end for _, end in syncs[at:]), default=None)


def check_order(log, rcpt, promise, asked):
    durable = log.durable(promise.sent)
    tap.check(durable is not None, "%s: never synced" % rcpt)
    tap.check(promise.mono >= durable, "%s: 250 was given %.3f s before the "
              "sync ended" % (rcpt, durable - promise.mono))
    tap.check(asked is None or asked >= durable, "%s: tried %.3f s before the "
              "sync ended" % (rcpt, durable - (asked or 0)))


@fault.fault("fdatasync takes 500 ms longer",
             "Each sync of the spool is held up; time stamps of the syncs, of "
             "the clients' 250 and of the receivers' RCPT are compared for "
             "each message.", prepare=badio.BadIO)
def slow(run):
    run.happened()
    run.prepared.delay(DELAY_MS, "/spool/")
    with run.load(each=8) as flow:
        run.pause(RUN_S, RUN_S)
    run.prepared.be_well()
    log = Log(run.prepared)
    asked = {}
    for e in run.lab.events("rcpt"):
        asked.setdefault(e["rcpt"], e["mono"])
    for rcpt, promise in flow.accepted.items():
        check_order(log, rcpt, promise, asked.get(rcpt))
    least = min(p.mono - p.sent for p in flow.accepted.values())
    tap.note("%d messages compared; the fastest 250 took %.3f s" % (
        len(flow.accepted), least))
    tap.check(least >= 2 * DELAY_MS / 1000, "the shim delayed nothing")


fault.main()
