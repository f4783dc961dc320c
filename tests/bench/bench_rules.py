# SPDX-License-Identifier: Apache-2.0
"""rules - what rows of <smtp-pattern-list> and <dsn-rule> blocks cost a reply
(bench_rules.c): microseconds of one processor for the median reply and for the
worst."""

import statistics

from bench_common import run_json, say

CASES = ((30, 0), (300, 0), (300, 300), (3000, 0))  # rows, rules
ROUNDS = 3


def run(settings):
    rounds = settings.pick(ROUNDS, 1)
    out = []
    for case in CASES:
        runs = [run_json("bench_rules", *case)[0] for _ in range(rounds)]
        out.append({"rows": case[0], "rules": case[1]})
        for key in ("median_us", "worst_us"):
            out[-1][key] = statistics.median(r[key] for r in runs)
        say("%4d rows, %3d rules: %.2f us, the worst reply %.2f us" % (
            *case, out[-1]["median_us"], out[-1]["worst_us"]))
    return {"runs": out,
            "median_us": next(r["median_us"] for r in out
                              if (r["rows"], r["rules"]) == (300, 0))}
