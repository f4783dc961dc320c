#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 loses nothing, whichever process it hits.

The transport, the milter and Postfix's master are killed at random moments
while mail flows by LMTP, by SMTP and through Postfix.  After each restart of
the transport the audit balances and names whom it is in doubt of: as many
transactions as receivers had connections, and the newest answers, which the
batch had not flushed.

    SEED=n TIMES=n tests/crash/test_kill.py [kill_transport ...]
"""

import time

import fault
import tap

NEWEST_S = 1  # between the answers of two sessions, in the order of commits
FLUSH_S = 5  # no batch takes longer


def answered(run, doubt, restart):
    """When a receiver answered the dot in doubt, None if it did not."""
    for m in run.arrivals.messages.get(doubt.rcpt, ()):
        if m["t"] >= doubt.since and m["mono"] <= restart.begin:
            return m["mono"]
    return None


def newest_committed(run, restart):
    """When the last message was answered that the restart is sure of."""
    doubted = {d.rcpt for d in restart.doubts}
    return max((m["mono"] for r, messages in run.arrivals.messages.items()
                for m in messages
                if m["mono"] <= restart.begin and r not in doubted),
               default=0)


def check_bound(run, restart):
    """No more doubts than sessions past the dot and outcomes unflushed."""
    times = {d: answered(run, d, restart) for d in restart.doubts}
    past_dot = {d.transaction for d, t in times.items() if t is None}
    connections = run.arrivals.open_at(restart.begin, restart.end)
    tap.check(len(past_dot) <= connections,
              "%d transactions past the dot with %d connections" % (
                  len(past_dot), connections))
    committed = newest_committed(run, restart)
    for d, t in times.items():
        tap.check(t is None or (t >= committed - NEWEST_S and
                                t >= restart.begin - FLUSH_S),
                  "%s: answered %.2f s before the end, when later answers "
                  "were committed" % (d, restart.begin - (t or 0)))


@fault.fault("mailraced killed",
             "`kill -9` of the transport at a random moment, 0.2 to 1.8 s "
             "after its last start.")
def kill_transport(run):
    with run.load():
        for _ in range(run.count(20)):
            run.pause(0.2, 1.8)
            run.kill(run.lab.daemon)
    run.arrivals.update()
    for restart in run.restarts:
        check_bound(run, restart)


@fault.fault("mailrace-milter killed",
             "`kill -9` of the milter at a random moment; Postfix answers 4xx "
             "until it is back.")
def kill_milter(run):
    with run.load():
        for _ in range(run.count(8)):
            run.pause(0.3, 1.0)
            run.kill(run.lab.milter)
    tap.equal(run.new_doubts(), [], "in doubt")


@fault.fault("Postfix's master killed",
             "`kill -9` of the host's master and all its processes at a "
             "random moment, so that hand-overs end half-way; Postfix repeats "
             "them, and the transport recognises those that it has.")
def kill_master(run):
    postfix = run.lab.postfix
    with run.load():
        for _ in range(run.count(5)):
            run.pause(0.5, 1.5)
            run.happened()
            postfix.kill()
            since = time.monotonic()
            postfix.start()
            run.recovered(since, by_postfix=True)
    tap.equal(run.new_doubts(), [], "in doubt")


fault.main()
