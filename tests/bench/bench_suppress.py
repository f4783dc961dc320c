# SPDX-License-Identifier: Apache-2.0
"""suppress - a suppression list (bench_suppress.c): addresses are hashed with a
key and imported into a new base, digests looked up in it as readers do, and one
is added each millisecond for a second.  Then the whole way of a recipient from
the text of his address on (bench_suppress_look.c)."""

import os
import shutil
import tempfile

from bench_common import run_json, say

COUNT = 10000000
PUBLISHED, FIXED = 1000000, 100000


def run(settings):
    directory = tempfile.mkdtemp(prefix="mailrace-bench-", dir=settings.dir)
    try:
        out = run_json("bench_suppress", os.path.join(directory, "lists"),
                       settings.pick(COUNT, COUNT // 10))[0]
        out["look"] = run_json("bench_suppress_look", directory,
                               settings.pick(PUBLISHED, PUBLISHED // 10),
                               FIXED)[0]
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    say("{:,} addresses: hashed and sorted in {:.1f} s, a base in {:.1f} s; "
        "a look-up {} ns; seen after {} ms".format(
            out["count"], out["hash_s"], out["base_s"], out["lookup_ns"],
            out["seen_ms"]))
    say("from the text on: {published:,} published: {one_ns} ns in one list, "
        "{same_ns} in five that hash alike, {many_ns} in five that do not; "
        "{static_ns} in {static:,} of the configuration".format(**out["look"]))
    return out
