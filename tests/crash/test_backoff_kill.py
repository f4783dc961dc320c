#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A hundred thousand recipients that wait in a queue in backoff wait on after a
kill -9: mode, wait and due times are as before, and limits hold at once.

    COUNT=n tests/crash/test_backoff_kill.py
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
import netns
netns.enter()

import backoff_kill
import tap

COUNT = int(os.environ.get("COUNT", 100000))
RATE = 300


@tap.test("%d retries of a queue in backoff, after a kill -9" % COUNT)
def kill():
    with backoff_kill.lab(RATE) as lab:
        backoff_kill.run(lab, COUNT, RATE)


tap.main()
