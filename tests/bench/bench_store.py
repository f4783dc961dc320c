# SPDX-License-Identifier: Apache-2.0
"""store - the store alone (bench_store.c): messages of 5 KB are accepted and
settled as fast as it answers, with so many of them under way."""

import os
import shutil
import tempfile

from bench_common import SIZE, run_json, say


def one(settings, under_way, count):
    directory = tempfile.mkdtemp(prefix="mailrace-bench-", dir=settings.dir)
    try:
        out = run_json("bench_store", os.path.join(directory, "spool"), count,
                       under_way, SIZE)[0]
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    out["under_way"] = under_way
    out["syncs_per_message"] = out["syncs"] / out["messages"]
    say("%4d under way: %.0f messages/s, %.3f syncs a message of %d us "
        "(99th %d us)" % (under_way, out["messages_s"],
                          out["syncs_per_message"], out["sync_median_us"],
                          out["sync_99_us"]))
    return out


def run(settings):
    return {"runs": [
        one(settings, 1, settings.pick(2000, 500)),
        one(settings, 20, settings.pick(50000, 10000)),
        one(settings, 1000, settings.pick(200000, 50000))]}
