# SPDX-License-Identifier: Apache-2.0
"""signature - what a DKIM signature costs us, and libopendkim
(bench_signature.c): microseconds of one processor for a message of so many
kilobytes, and whether memory grows over many signatures."""

from bench_common import run_json, say

CASES = tuple((key, kilobytes) for key in ("rsa", "ed25519")
              for kilobytes in (1, 10, 100))
FLAT = 1000000


def run(settings):
    runs = [run_json("bench_signature", *case)[0] for case in CASES]
    for r in runs:
        say("%7s, %3d KB: %.1f us, libopendkim %.1f us: %.1f times" % (
            r["key"], r["kilobytes"], r["ours_us"], r["libopendkim_us"],
            r["times"]))
    flat = run_json("bench_signature", "flat",
                    settings.pick(FLAT, FLAT // 50))[0]
    say("%d signatures: %d KB more" % (flat["signatures"], flat["grown_kb"]))
    return {"runs": runs, "flat": flat,
            "least_times": min(r["times"] for r in runs)}
