#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Random limits of all kinds hold, in pieces of a minute: mail flows while
configurations are loaded and the process is stopped and killed.  The judge
reads the receivers' logs and the text of each configuration.

    SEED=n TIMES=n tests/crash/test_random_limits.py
"""

import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
import netns
netns.enter()

import random_limits
import tap
from lab import Lab

PIECES = 5
SECONDS = 60
SEED = int(os.environ.get("SEED", time.time()))


def make(seed):
    def piece():
        with Lab(**random_limits.LAB) as lab:
            lab.start()
            random_limits.run(lab, seed, SECONDS)
    return piece


for n in range(int(os.environ.get("TIMES", PIECES))):
    tap.test("a minute of random limits, seed %d" % (SEED + n))(
        make(SEED + n))
tap.main()
