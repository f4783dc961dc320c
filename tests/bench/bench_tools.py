# SPDX-License-Identifier: Apache-2.0
"""tools - find and stats over a large accounting file, rows a second on one
core.

The rows are of PowerMTA's 23 columns, about 430 bytes each, of a million
recipients in 5,000 domains (bench_rows.c); they are read once before, so that
the disk does not count.  The target is ten million in a minute.
"""

import os
import subprocess
import tempfile
import time

import mailrace
from bench_common import BenchError, program, say

START = 1795000000
# (name, arguments, exit status): the second column is found in no row.
CASES = (("find --match=[rcpt]...", ["find", "--match=[rcpt]nobody@no"], 1),
         ("find --match=... of any column", ["find", "--match=nobody@no"], 1),
         ("find --bounced --since=...",
          ["find", "--bounced", "--since=%d" % (START + 10 ** 6)], 1),
         ("stats", ["stats"], 0))


def write_rows(path, count):
    with open(path, "wb") as f:
        subprocess.run([program("bench_rows"), str(count)], stdout=f,
                       check=True)


def measure(args, status, path):
    """(seconds, CPU seconds, MB resident)"""
    begin = time.monotonic()
    p = subprocess.Popen([mailrace.program("mailrace")] + args + [path],
                         stdout=subprocess.DEVNULL)
    _, got, usage = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(got)
    seconds = time.monotonic() - begin
    if p.returncode != status:
        raise BenchError("%s: exit status %d" % (args, p.returncode))
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def run(settings):
    count = settings.pick(10000000, 500000)
    with tempfile.TemporaryDirectory(dir=settings.dir,
                                     prefix="mailrace-bench-") as d:
        path = os.path.join(d, "acct.csv")
        write_rows(path, count)
        size = os.path.getsize(path)
        say("%d rows, %d MB" % (count, size / 1e6))
        runs = []
        for name, args, status in CASES:
            measure(args, status, path)
            seconds, cpu, memory = min(measure(args, status, path)
                                       for _ in range(2))
            runs.append({"name": name, "seconds": seconds, "cpu_s": cpu,
                         "rows_s": count / seconds,
                         "mb_s": size / seconds / 1e6, "memory_mb": memory})
            say("%s: %.0f rows/s" % (name, count / seconds))
    return {"rows": count, "bytes": size, "runs": runs,
            "least_s": min(r["rows_s"] for r in runs)}
