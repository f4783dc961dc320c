#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A thousand recipients that wait in a queue in backoff wait on after a
kill -9; with a hundred thousand: tests/crash/test_backoff_kill.py."""

import netns
netns.enter()

import backoff_kill
import tap

RATE = 100


@tap.test("1,000 retries of a queue in backoff, after a kill -9")
def kill():
    with backoff_kill.lab(RATE) as lab:
        backoff_kill.run(lab, 1000, RATE)


tap.main()
