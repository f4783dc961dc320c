#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the benches compute and write is right: medians, shares, the disk that
is refused, which target is met, and the document made of all that."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.join(HERE, "..", "system")]
try:
    import bench_common
    import bench_host
    import bench_relay
    import bench_report
    import bench_sign
except ImportError as e:  # Debian's python3-dnspython is not everywhere
    print("1..0 # SKIP %s" % e)
    sys.exit(0)

META = {"date": "2026-01-02 03:04 UTC", "commit": "abc1234", "load": "0.10",
        "machine": "2 processors (X), Linux 6, queue on / (ext4, /dev/vda)",
        "quick": False, "sync_us": [98, 229]}
MOUNTS = ["/dev/vda / ext4 rw 0 0", "tmpfs /run tmpfs rw 0 0",
          "tmpfs /with\\040blank tmpfs rw 0 0", "/dev/vdb /runner xfs rw 0 0"]

CASE = {"messages_s": 4000.0, "cpu_ms": 0.13, "messages": 20000,
        "syncs": 4000, "rounds": [{}, {}, {}]}
RELAY = bench_relay.summary({
    "direct": {"messages_s": 8000.0, "messages": 40000, "rounds": [{}] * 3},
    "postfix": dict(CASE, messages_s=500.0, cpu_ms=2.08, syncs=0),
    "smtp": CASE, "lmtp": dict(CASE, cpu_ms=0.16)})
HOST = bench_host.summary({
    "postfix": dict(CASE, messages_s=500.0), "lmtp": dict(CASE, messages_s=450),
    "fast": dict(CASE, messages_s=1495.0)})
START = {"ready_s": 0.5, "first_s": 0.6, "loaded_s": 9.0,
         "memory_mb": {"VmRSS": 240.0, "VmHWM": 251.0}}
DEFERRED = {"recipients": 1000000, "starts": [START, START], "stop_s": 0.2,
            "memory_mb": 251.0, "ready_s": 0.5, "idle_percent": 0.1}
RATE = {"rates": [{"rate": 10000, "reached_s": 9900.0, "cpu_ms": 0.05,
                   "most_in_a_second": 10001}]}
DOMAINS = {"messages": 100000, "messages_s": 4800.0, "allowed_s": 5000,
           "cpu_ms": 0.1, "limits_held": 20022, "limits_broken": 0,
           "addresses": {"of": 50, "least": 98.0, "most": 102.0}}
SCHED = {"runs": [{"queues": 1000, "rate": "unlimited",
                   "decisions_s": 450000.0, "added_s": 500000.0}],
         "least_s": 450000.0}
STORE = {"runs": [{"under_way": 20, "messages_s": 9000.0, "cpu_us": 20.0,
                   "syncs_per_message": 0.3, "sync_median_us": 100,
                   "sync_99_us": 900}]}
DRAIN = {"messages": 100000, "seconds": 9.0, "messages_s": 11000.0,
         "cpu_ms": 0.06, "memory_mb": 90.0}
TOOLS = {"rows": 2000000, "bytes": 720000000, "least_s": 166667.0,
         "runs": [{"name": "stats", "rows_s": 166667.0, "mb_s": 60.0,
                   "seconds": 12.0, "cpu_s": 11.9, "memory_mb": 30.0}]}
CHAIN = {"kind": "one CSV file", "records": 1200000, "records_s": 21000.0,
         "least_s": 19999, "cpu_us": 10.0, "behind": 70}
ACCT = {"rows": {"csv": 600000.0, "csv_row_bytes": 391}, "chains": [CHAIN]}
RULES = {"runs": [{"rows": 300, "rules": 0, "median_us": 0.9,
                   "worst_us": 5.0}], "median_us": 0.9}
SIGNATURE = {"runs": [{"key": "rsa", "kilobytes": 10, "ours_us": 280.0,
                  "libopendkim_us": 980.0, "times": 3.5}],
        "flat": {"signatures": 1000000, "before_kb": 9000, "after_kb": 9004,
                 "grown_kb": 4}, "least_times": 3.5}
SIGN = bench_sign.summary({("opendkim", "rsa"): [800, 1000, 900],
                           ("mailrace", "rsa"): [1800, 1700, 1900],
                           ("opendkim", "ed25519"): [1000],
                           ("mailrace", "ed25519"): [4000]})
SUPPRESS = {"count": 1000000, "hash_s": 4.0, "base_s": 2.0, "slice_ms": 60,
            "memory_mb": 90, "open_s": 0.01, "lookup_ns": 300,
            "change_us": 120, "seen_ms": 205}
FIGURES = {"acct": ACCT, "relay": RELAY, "host": HOST, "deferred": DEFERRED, "rate": RATE,
           "domains": DOMAINS, "sched": SCHED, "store": STORE, "drain": DRAIN,
           "tools": TOOLS, "rules": RULES, "signature": SIGNATURE,
           "sign": SIGN, "suppress": SUPPRESS}

count = 0


def same(got, wanted, label):
    global count
    count += 1
    print("%sok %d - %s" % ("" if got == wanted else "not ", count, label))
    if got != wanted:
        print("# %r, wanted %r" % (got, wanted))


def close(got, wanted, label):
    same(round(got, 6), round(wanted, 6), label)


def numbers():
    same(bench_common.spread([5, 1, 3]), (3, 3), "median of three")
    same(bench_common.spread(range(1, 101)), (50.5, 99),
         "median and 99th percentile of a hundred")
    s = bench_common.shares(["a", "a", "a", "b"])
    same(s["of"], 2, "how many carry something")
    same((s["least"], s["most"]), (50.0, 150.0), "shares of an even share")
    close(RELAY["ratio_direct"], 0.5, "ratio to the bare rate")
    close(RELAY["ratio_postfix"], 8.0, "ratio to Postfix")
    close(RELAY["cpu_ratio"], 13.0, "CPU against the dearer of our two ways")


def rounds():
    case = bench_relay.Case("x", "", 10)
    case.rounds = [{"messages_s": v} for v in (9, 1, 5)]
    same(case.result()["messages_s"], 5, "the median round counts")


def disks():
    why = bench_common.why_not
    same(why("/var/tmp", MOUNTS, ""), None, "a disk is taken")
    same("tmpfs" in why("/run/queue", MOUNTS, ""), True, "tmpfs is refused")
    same("tmpfs" in why("/with blank/x", MOUNTS, ""), True,
         "so is one whose name has a blank")
    same(why("/runner", MOUNTS, ""), None, "/runner is not below /run")
    same("libeatmydata" in why("/", MOUNTS, "libeatmydata.so"), True,
         "libeatmydata is refused")


def reports():
    results = {n: {"meta": META, "figures": f} for n, f in FIGURES.items()}
    met = {what: m for what, _, _, m in bench_report.judge(results)}
    same([w for w, m in met.items() if m is False],
         ["Postfix with the fast path, messages a second: times Postfix",
          "MB for a million deferred recipients",
          "one domain at 10000/s: most in any second",
          "accounting on one core, records a second: least in 5 s"],
         "what is missed by one is not met")
    same(met["relay, messages a second: times Postfix"], True,
         "what is just reached is met")
    same(met["Postfix with milter and LMTP, messages a second: times Postfix"],
         True, "nine tenths, just so")
    same(met["find and stats: seconds for ten million rows"], True,
         "ten million rows in a minute, just so")
    same(met["suppression list: seconds for ten million addresses"], True,
         "a million in six seconds are ten million in a minute, just so")
    same(met["milter, messages a CPU second: times OpenDKIM's, RSA-2048"],
         True, "twice OpenDKIM's, just so: the median counts")
    text = bench_report.document(results, {n: n for n in FIGURES})
    for part in ("| at least 8 | 8.0 | met |", "| at most 250 | 251 | **not "
                 "met** |", "commit abc1234, 2026-01-02 03:04 UTC",
                 "| lmtp | 4000 | 0.160 | 5.0 |",
                 "| ed25519 | 1000 | 4000 | 4.0 |", "second: csv 600,000.", "2 processors (X)"):
        same(part in text, True, "the document has \"%s\"" % part)
    same([n for n in FIGURES if "\n## %s\n" % n.capitalize() not in text], [],
         "every bench has its section")
    few = dict(DEFERRED, recipients=100000)
    same(bench_report.judge({"deferred": {"meta": META, "figures": few}})[5][3],
         None, "a tenth of the recipients says nothing of a million")


def main():
    numbers()
    rounds()
    disks()
    reports()
    print("1..%d" % count)


main()
