#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A power cut loses no message answered 250.

mailraced is killed under load, sometimes while it is still starting, and its
files are cut back to what the disk was told to keep, with a random part of
what it was not told (powercut.py).

    SEED=n TIMES=n tests/crash/test_powercut.py
"""

import time

import fault
import powercut
import tap

CUTS = 24
STARTING = 0.25  # of the cuts come during the next start too


class Cuts:
    """What each cut left of the in-flight slots: duplicates whose dot was
    sent after their last sync are those that nobody can name."""

    def __init__(self, run):
        self.run = run
        self.power = run.prepared
        self.synced = {}  # index of the restart: time
        self.excused = 0
        self.worst = 0

    def cut(self, begin):
        self.run.lab.daemon.kill()
        at = self.power.cut(self.run.random) or self.started
        number = len(self.run.restarts)
        self.synced[number] = min(at, self.synced.get(number, at))
        self.worst = max(self.worst, begin - at)

    def restart(self, begin):
        """Perhaps with another cut on the way."""
        daemon, random = self.run.lab.daemon, self.run.random
        while random.random() < STARTING:
            self.started = time.monotonic()
            daemon.launch().close()
            time.sleep(random.uniform(0, 0.3))
            self.cut(self.run.happened())
        self.started = time.monotonic()
        self.run.start_again(daemon, begin)

    def excuse(self, _rcpt, before, again):
        for number, r in enumerate(self.run.restarts):
            if before["mono"] <= r.end and again["mono"] >= r.begin and \
                    before["mono"] >= self.synced[number]:
                self.excused += 1
                return True
        return False


@fault.fault("power cut",
             "`kill -9` at a random moment, a quarter of them followed by one "
             "during the restart; then all files are cut back to what an "
             "fsync has promised, with a random subset of the blocks and "
             "names that it had not.", prepare=powercut.PowerCut)
def power_cut(run):
    cuts = Cuts(run)
    cuts.started = time.monotonic()
    run.excuse = cuts.excuse
    with run.load():
        while run.times < run.count(CUTS):
            run.pause(0.2, 1.8)
            begin = run.happened()
            cuts.cut(begin)
            cuts.restart(begin)
    tap.note("taken back: %d blocks, %d names; the slots were synced at most "
             "%.0f ms before a cut" % (cuts.power.blocks, cuts.power.names,
                                       1000 * cuts.worst))
    tap.check(cuts.power.blocks > 0,
              "nothing was taken back: this proves nothing")
    run.after.append(lambda: tell(run, cuts))


def tell(run, cuts):
    run.figures["excused"] = (
        "After a power cut %d were not: their dot was sent after the last "
        "sync of the in-flight slots, which comes within 10 ms and a sync." %
        cuts.excused)


fault.main()
