#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Random limits of all kinds hold over a reload, a stop and a kill: a short
piece of what tests/crash/test_random_limits.py does for long."""

import netns
netns.enter()

import random_limits
import tap
from lab import Lab

SEED = 1
SECONDS = 8


class Fixture(Lab):
    def __init__(self):
        super().__init__(**random_limits.LAB)

    def __enter__(self):
        self.start()
        return self


@tap.test("no random limit is exceeded, and mail arrives")
def short(lab):
    random_limits.run(lab, SEED, SECONDS)


tap.main(Fixture)
