#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""report - the table of faults, from what the fault tests measured.

    report.py RESULTS >doc/RELIABILITY.md

RESULTS has one JSON object a line (fault.py); of a fault that was run twice
the last one counts.  Ends with 1 if one of them did not pass.
"""

import json
import subprocess
import sys
import time

HEAD = """\
# Reliability

What was done to Mailrace while mail flowed, and what came of it. Written by `./bootstrap faults` on {date} at
commit {commit}; do not edit.

Each fault has a network of its own with our two daemons, scripted receivers, among them one that is slow to answer the
final dot and one that refuses at random, and a real Postfix where the host has a part in it. Mail comes by LMTP, by
SMTP and through Postfix.

- **times**: how often the fault happened under that load.
- **accepted**: recipients that were answered 250, by Mailrace or by Postfix.
- **lost**: of these, how many neither arrived, nor were refused for good by their receiver, nor are queued at the
  end. A message whose body arrived changed fails the test.
- **duplicates**: arrivals of a message too many. Only a process that ends between the final dot and the commit of
  its outcome may cause one, or a receiver that takes a message and is never heard to say so (RFC 5321, 4.5.3.2.6).
- **in doubt**: recipients that `mailrace audit` named, with address and queue, as those who may get a message
  twice. Every duplicate was one of them{unnamed}.
- **seconds to recover**: from the end of the fault (the process is started again, the disk has room) until a message
  handed over after it has arrived; the longest of all times.

After each restart and at the end the audit balances: accepted = delivered + failed + expired + suppressed + deleted
+ queued. The accounting files have one row for each recipient that has ended, none twice, and agree with the ledger
(`mailrace audit`).
"""
UNNAMED = """, but for some
  after power cuts: their dot was sent after the last sync of the in-flight slots, which comes within 10 ms and the
  time of a sync ({})"""
COLUMNS = ("fault", "times", "accepted", "lost", "duplicates", "in doubt",
           "seconds to recover")


def read(path):
    """The last result of each fault, by test file and in its order."""
    out = {}
    with open(path) as f:
        for line in f:
            r = json.loads(line)
            out[r["fault"]] = r
    return sorted(out.values(), key=lambda r: r["test"])


def commit():
    def git(*args):
        return subprocess.run(["git"] + list(args), capture_output=True,
                              text=True, check=True).stdout.strip()
    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=12", "HEAD") + (
            " with changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def cells(r):
    seconds = r.get("seconds")
    numbers = [r.get(k, "-") for k in ("times", "accepted", "lost",
                                       "duplicates", "in_doubt")]
    name = r["fault"] if r["passed"] else "**FAILED:** " + r["fault"]
    return [name] + ["{:,}".format(n) if isinstance(n, int) else n
                     for n in numbers] + [
        "-" if seconds is None else "%.1f" % seconds]


def row(fields):
    return "| " + " | ".join(str(f) for f in fields) + " |"


def notes(results):
    out = ["", "## How it is done", ""]
    for r in results:
        out.append("- **%s.** %s" % (r["fault"], r["how"]))
    return out


def unnamed(results):
    few = ["%d in *%s*" % (r["unnamed"], r["fault"])
           for r in results if r.get("unnamed")]
    return UNNAMED.format("; ".join(few)) if few else ""


def report(results):
    lines = [HEAD.format(date=time.strftime("%Y-%m-%d", time.gmtime()),
                         commit=commit(),
                         unnamed=unnamed(results)),
             row(COLUMNS), row(["---"] + ["---:"] * (len(COLUMNS) - 1))]
    lines += [row(cells(r)) for r in results]
    return "\n".join(lines + notes(results))


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: report.py RESULTS")
    results = read(sys.argv[1])
    print(report(results))
    return 0 if results and all(r["passed"] for r in results) else 1


if __name__ == "__main__":
    sys.exit(main())
