# SPDX-License-Identifier: Apache-2.0
"""acct - accounting on one core: records from the store into files
(bench_chain.c), and rows alone (bench_acct.c)."""

import json
import os
import shutil
import subprocess
import tempfile

from bench_common import BenchError, program, say

CORE = 1
TIMEOUT_S = 600
FILE = """<acct-file {dir}/{name}>
    records d,b,r
{more}</acct-file>
"""
KINDS = {
    "one CSV file": (("acct.csv", ""),),
    "four, with JSON, hashes, a filter": (
        ("acct.csv", ""), ("lines.json", ""),
        ("hashed.csv", "    privacy-policy hmac-sha256 openmta\n"),
        ("some.csv", "    queue-filter !d1.example.net/*,*/*\n")),
}


def on_one_core(argv):
    """What a program printed that had one processor."""
    r = subprocess.run(
        ["taskset", "-c", str(CORE % os.cpu_count())] + argv,
        capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if r.returncode != 0:
        raise BenchError("%s: exit %d: %s" % (argv[0], r.returncode,
                                              r.stderr[-2000:]))
    return json.loads(r.stdout)


def rows_in(folder):
    """Lines of the CSV file that takes all, without the headers."""
    total = 0
    for name in os.listdir(folder):
        if name.startswith("acct"):
            with open(os.path.join(folder, name), "rb") as f:
                total += sum(block.count(b"\n") for block in
                             iter(lambda f=f: f.read(1 << 20), b"")) - 1
    return total


def chain(settings, directory, kind):
    """As many records as go through, into the files of one kind."""
    folder = os.path.join(directory, kind.split()[0])
    os.makedirs(folder)
    config = os.path.join(folder, "config")
    with open(config, "w") as f:
        f.write("spool %s/spool\n" % folder)
        for name, more in KINDS[kind]:
            f.write(FILE.format(dir=folder, name=name, more=more))
    out = on_one_core([program("bench_chain"), config,
                       str(settings.pick(60, 6))])
    out["kind"] = kind
    if rows_in(folder) != out["records"]:
        raise BenchError("%d rows of %d records" % (rows_in(folder),
                                                    out["records"]))
    shutil.rmtree(folder)
    say("%s: %.0f records/s, at least %d over 5 s" % (
        kind, out["records_s"], out["least_s"]))
    return out


def run(settings):
    directory = tempfile.mkdtemp(prefix="mailrace-bench-", dir=settings.dir)
    try:
        return {"rows": on_one_core([program("bench_acct")]),
                "chains": [chain(settings, directory, k) for k in KINDS]}
    finally:
        shutil.rmtree(directory, ignore_errors=True)
