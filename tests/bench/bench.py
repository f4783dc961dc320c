#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""bench - how fast, beside what is known, in one run on one machine.

    bench.py [NAME...] [--quick] [--write] [--dir DIR]

Without a name all benches run, in less than 20 minutes (--quick: 4).  The
queue must lie on a real disk: tmpfs and libeatmydata are refused.  The figures
of each go to build/bench/NAME.json; --write makes doc/PERFORMANCE.md of them,
with what earlier runs left there for benches that were not named.
"""

import argparse
import datetime
import glob
import importlib
import json
import os
import platform
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
import netns
netns.enter()

import bench_common
import bench_report
import mailrace
import postfix
import procs

NAMES = ("sched", "store", "acct", "relay", "host", "drain", "domains", "rate",
         "deferred", "tools", "rules", "signature", "sign", "suppress")
REPORT = os.path.join(mailrace.SOURCE, "doc", "PERFORMANCE.md")
SYSCTLS = {  # of this namespace alone
    "net/ipv4/ip_local_port_range": "1024 65535",
}


def title_of(module):
    """"sched - the scheduler alone ..." up to the first colon or stop."""
    text = " ".join(module.__doc__.partition(" - ")[2].split())
    return text.partition(": ")[0].partition(". ")[0].rstrip(".")


# ---- what is measured on -----------------------------------------------------

def git(*args):
    r = subprocess.run(["git", "-c", "safe.directory=*", "-C",
                        mailrace.SOURCE] + list(args), capture_output=True,
                       text=True, check=False)
    return r.stdout.strip() if r.returncode == 0 else ""


def commit():
    """The commit, with "+" when the tree differs from it."""
    changes = git("status", "--porcelain", "--untracked-files=no", "--", ".",
                  ":!doc/PERFORMANCE.md")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + \
        ("+" if changes else "")


def processor():
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.machine()


def machine(directory):
    with open("/proc/self/mounts") as f:
        where, kind, device = bench_common.mount_of(directory, f)
    return "%d processors (%s), Linux %s, queue on %s (%s, %s)" % (
        os.cpu_count(), processor(), platform.release(), where, kind, device)


def meta_of(settings):
    with open("/proc/loadavg") as f:
        load = f.read().split()[0]
    now = datetime.datetime.now(datetime.timezone.utc)
    return {"date": now.strftime("%Y-%m-%d %H:%M UTC"), "commit": commit(),
            "machine": machine(settings.dir), "load": load,
            "quick": settings.quick,
            "sync_us": bench_common.sync_latency(settings.dir)}


# ---- the results -------------------------------------------------------------

def results_dir():
    d = os.path.join(mailrace.build_dir(), "bench")
    os.makedirs(d, exist_ok=True)
    return d


def save(name, result):
    with open(os.path.join(results_dir(), name + ".json"), "w") as f:
        json.dump(result, f, indent=1)


def load_all():
    """What this run and earlier ones left; {name: {"meta", "figures"}}."""
    out = {}
    for path in glob.glob(os.path.join(results_dir(), "*.json")):
        name = os.path.basename(path)[:-5]
        if name in NAMES:
            with open(path) as f:
                out[name] = json.load(f)
    return out


def run_one(module, name, settings):
    """True when it came to its end."""
    meta = meta_of(settings)
    print("\n%s: %s" % (name, title_of(module)))
    bench_common.say("fdatasync of 5 KB: median %.0f us, 99th %.0f us; load %s"
                     % (*meta["sync_us"], meta["load"]))
    try:
        figures = module.run(settings)
    except (bench_common.BenchError, procs.ProcessError, RuntimeError,
            subprocess.SubprocessError) as e:
        print("%s: FAILED: %s" % (name, e), flush=True)
        return False
    save(name, {"meta": meta, "figures": figures})
    print("\n" + bench_report.TABLES[name](figures), flush=True)
    return True


# ---- the command -------------------------------------------------------------

def refuse_what_proves_nothing(settings):
    with open("/proc/self/mounts") as f:
        why = bench_common.why_not(settings.dir, f,
                                   os.environ.get("LD_PRELOAD", ""))
    if why is not None:
        sys.exit("bench: " + why)
    lacking = mailrace.missing() or postfix.missing()
    if lacking:
        sys.exit("bench: %s is missing" % lacking)


def prepare_network():
    for name, value in SYSCTLS.items():
        with open("/proc/sys/" + name, "w") as f:
            f.write(value)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("names", nargs="*", metavar="NAME",
                   help=", ".join(NAMES))
    p.add_argument("--quick", action="store_true")
    p.add_argument("--write", action="store_true")
    p.add_argument("--dir", default="/var/tmp", help="where the queues lie")
    args = p.parse_args()
    for name in args.names:
        if name not in NAMES:
            p.error("no such bench: " + name)
    settings = bench_common.Settings(args.dir, args.quick)
    refuse_what_proves_nothing(settings)
    prepare_network()
    modules = {n: importlib.import_module("bench_" + n) for n in NAMES}
    print(machine(args.dir))
    done = [run_one(modules[n], n, settings) for n in NAMES
            if not args.names or n in args.names]
    results = load_all()
    print("\n" + bench_report.targets_table(results, measured=True))
    if args.write and results:
        with open(REPORT, "w") as f:
            f.write(bench_report.document(results, {
                n: title_of(m) for n, m in modules.items()}))
        print("wrote " + os.path.relpath(REPORT))
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
