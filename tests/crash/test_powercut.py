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


def cut(run, young):
    run.lab.daemon.kill()
    young.cut()


def restart(run, young, begin):
    """Perhaps with another cut on the way."""
    while run.random.random() < STARTING:
        run.happened()
        run.lab.daemon.launch().close()
        time.sleep(run.random.uniform(0, 0.3))
        cut(run, young)
    run.start_again(run.lab.daemon, begin)


@fault.fault("power cut",
             "`kill -9` at a random moment, a quarter of them followed by one "
             "during the restart; then all files are cut back to what an "
             "fsync has promised, with a random subset of the blocks and "
             "names that it had not. A block of 4,096 bytes of a table is "
             "written whole or not at all, all else may be torn in sectors.",
             prepare=powercut.PowerCut)
def power_cut(run):
    power = run.prepared
    young = powercut.Young(run, power)
    with run.load():
        while run.times < run.count(CUTS):
            run.pause(0.2, 1.8)
            begin = run.happened()
            cut(run, young)
            restart(run, young, begin)
    tap.note("taken back: %d blocks, %d names" % (power.blocks, power.names))
    tap.check(power.blocks > 0, "nothing was taken back: this proves nothing")


fault.main()
