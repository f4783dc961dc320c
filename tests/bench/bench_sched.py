# SPDX-License-Identifier: Apache-2.0
"""sched - the scheduler alone (bench_sched.c): decisions in a second of one
processor, on a virtual clock, with few and with many queues."""

import statistics

from bench_common import run_json, say

CASES = ((1, "unlimited"), (1000, "unlimited"), (100000, "unlimited"),
         (1, "1000000/s"), (1000, "10000/s"))
ROUNDS = 3


def run(settings):
    count = settings.pick(400000, 200000)
    rounds = {case: [] for case in CASES}
    for _ in range(ROUNDS):
        for queues, rate in CASES:
            rounds[queues, rate].append(
                run_json("bench_sched", queues, rate, count)[0])
    out = []
    for (queues, rate), results in rounds.items():
        out.append({
            "queues": queues, "rate": rate,
            "decisions_s": statistics.median(
                r["decisions_s"] for r in results),
            "added_s": statistics.median(r["added_s"] for r in results)})
        say("%6d queues, max-msg-rate %-9s: %8.0f decisions/s" % (
            queues, rate, out[-1]["decisions_s"]))
    return {"runs": out,
            "least_s": min(r["decisions_s"] for r in out)}
