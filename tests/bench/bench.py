#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""bench - how fast, beside what is known, in one run on one machine.

    bench.py [--messages N] [--runs N] [--dir DIR] [--only NAME...]

Each case takes N messages of 5 KB over 20 sessions from smtp-source and is
over when all have arrived at smtp-sink; the median of the runs counts.

    direct         smtp-source -d -s 20 straight to smtp-sink
    postfix        a private Postfix as relay, relayhost = the sink
    mailrace-smtp  our smtp-listener, queue, our SMTP client
    mailrace-lmtp  the same by LMTP, as a Postfix hands over

CPU is that of the system under test (not of source and sink).  Runs are
interleaved, so that a busy machine is busy for all.  The queue must lie on a
real disk: tmpfs and libeatmydata are refused.  ratio_postfix is
mailrace-smtp : postfix, ratio_direct is mailrace-smtp : direct.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "system"))
import netns
netns.enter()

import mailrace
import postfix
import procs
from lab import Lab, LISTEN, mx_zone

SINK = "127.0.1.1"
SIZE = 5120
SESSIONS = 20
RCPT = "load@bench.example"
SENDER = "bulk@sender.example"
RUN_TIMEOUT_S = 300
SYNC_SAMPLES = 200
DIRECT_FACTOR = 4  # so that the fastest case is long enough to be measured

# What a careful administrator sets for a relay of much mail.
POSTFIX_MAIN = """\
default_transport = smtp
relayhost = [%s]
smtp_host_lookup = native
smtp_destination_concurrency_limit = 50
initial_destination_concurrency = 20
smtp_destination_concurrency_failed_cohort_limit = 0
default_process_limit = 100
smtp_connection_cache_on_demand = yes
in_flow_delay = 0
qmgr_message_active_limit = 40000
""" % SINK

MAILRACE_CONFIG = """\
log-level warn
<source 127.0.0.0/8>
    always-allow-relaying yes
</source>
<domain *>
    max-smtp-out 50
    connection-idle-timeout 5s
</domain>
"""


# ---- what is measured on ----------------------------------------------------

def check_disk(directory):
    """The file system of the queue, or the reason why not."""
    if "eatmydata" in os.environ.get("LD_PRELOAD", ""):
        sys.exit("bench: libeatmydata makes fsync a lie; unset LD_PRELOAD")
    best = ("", "?", "?")
    with open("/proc/self/mounts") as f:
        for line in f:
            device, where, kind = line.split()[:3]
            where = where.encode().decode("unicode_escape")
            inside = os.path.realpath(directory).startswith(
                where.rstrip("/") + "/") or where == "/"
            if inside and len(where) >= len(best[0]):
                best = (where, kind, device)
    if best[1] in ("tmpfs", "ramfs"):
        sys.exit("bench: %s is on %s, where fsync costs nothing; give a "
                 "directory on a disk with --dir" % (directory, best[1]))
    return "%s on %s (%s)" % (best[0], best[2], best[1])


def sync_latency(directory):
    """Microseconds of an fdatasync after an append of 5 KB: sorted."""
    path = os.path.join(directory, "sync-probe")
    block = b"x" * SIZE
    out = []
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        for _ in range(SYNC_SAMPLES):
            os.write(fd, block)
            t = time.perf_counter()
            os.fdatasync(fd)
            out.append((time.perf_counter() - t) * 1e6)
    finally:
        os.close(fd)
        os.unlink(path)
    return sorted(out)


# ---- source and sink ---------------------------------------------------------

class Sink:
    """smtp-sink -c counts on standard output; we ask it by its counter."""

    def __init__(self, lab):
        self.log = lab.path("log", "sink.out")
        user = ["-u", "postfix"] if os.geteuid() == 0 else []
        self.process = procs.Process("smtp-sink", [
            "smtp-sink", "-c", *user, SINK + ":25", "1024"], self.log)
        lab.processes.append(self.process)
        self.base = 0
        deadline = time.monotonic() + 10
        while not listening(SINK, 25):
            if time.monotonic() > deadline:
                raise procs.ProcessError("smtp-sink does not listen")
            time.sleep(0.05)

    def count(self):
        """smtp-sink -c overwrites one line: "sess=N quit=N mesg=N"."""
        with open(self.log, "rb") as f:
            f.seek(0, os.SEEK_END)
            f.seek(max(0, f.tell() - 400))
            parts = f.read().split(b"mesg=")
        if len(parts) < 2:
            return 0
        digits = parts[-1].split(b"\r")[0].split(b" ")[0].strip()
        if not digits.isdigit():
            digits = parts[-2].split(b"\r")[0].split(b" ")[0].strip()
        return int(digits)

    def mark(self):
        self.base = self.count()

    def wait(self, n, timeout_s):
        end = time.monotonic() + timeout_s
        while self.count() - self.base < n:
            if time.monotonic() > end:
                raise procs.ProcessError(
                    "%d of %d messages arrived in %d s" %
                    (self.count() - self.base, n, timeout_s))
            time.sleep(0.005)


def listening(host, port):
    import socket
    with socket.socket() as s:
        return s.connect_ex((host, port)) == 0


def source(where, count, *options):
    r = subprocess.run(["smtp-source", *options, "-s", str(SESSIONS), "-m",
                        str(count), "-l", str(SIZE), "-f", SENDER, "-t",
                        RCPT, where], capture_output=True, text=True,
                       timeout=RUN_TIMEOUT_S, check=False)
    if r.returncode != 0:
        raise procs.ProcessError("smtp-source %s: %s" % (where, r.stderr))


# ---- the cases ---------------------------------------------------------------

class Case:
    """where: what smtp-source is pointed at; pids(): what is measured."""

    def __init__(self, name, where, options, pids, syncs=None):
        self.name, self.where, self.options = name, where, options
        self.pids = pids
        self.syncs = syncs or (lambda: None)
        self.rates, self.cpu, self.sync_counts = [], [], []

    def run(self, sink, count):
        if self.name == "direct":
            count *= DIRECT_FACTOR
        sink.mark()
        syncs = self.syncs()
        cpu = procs.cpu_seconds(self.pids())
        t = time.monotonic()
        source(self.where, count, *self.options)
        sink.wait(count, RUN_TIMEOUT_S)
        seconds = time.monotonic() - t
        time.sleep(0.3)  # what comes after the last message is work too
        used = procs.cpu_seconds(self.pids()) - cpu
        self.rates.append(count / seconds)
        self.cpu.append(used * 1000 / count)
        if syncs is not None:
            self.sync_counts.append(self.syncs() - syncs)
        print("  %-14s %7.0f messages/s  %6.3f CPU ms/message%s" % (
            self.name, self.rates[-1], self.cpu[-1],
            "" if syncs is None else "  %d syncs" % self.sync_counts[-1]),
            flush=True)

    def rate(self):
        return statistics.median(self.rates)


def make_cases(lab, args):
    pf = postfix.Postfix(lab.path("relay"), address="127.0.0.3",
                         hand_over=False, main=POSTFIX_MAIN)
    cases = [Case("direct", SINK + ":25", ["-d"], lambda: [])]
    if "postfix" in args.only:
        pf.start()
        lab.relay = pf
        cases.append(Case("postfix", "127.0.0.3:25", ["-d"],
                          lambda: procs.children_of(pf.master_pid())))
    if not any(n.startswith("mailrace") for n in args.only):
        return cases
    lacking = mailrace.missing()
    if lacking is not None:
        print("mailrace: skipped, %s is not built" % lacking)
        return cases
    lab.start_dns()
    lab.daemon.start()

    def pids():
        return procs.children_of(lab.daemon.pid)

    def syncs():
        return mailrace.find(lab.command.json("show", "status"), "syncs")

    cases.append(Case("mailrace-smtp", LISTEN + ":25", ["-d"], pids, syncs))
    cases.append(Case("mailrace-lmtp", LISTEN + ":24", ["-d", "-L"], pids,
                      syncs))
    return [c for c in cases if c.name == "direct" or c.name in args.only]


def report(cases, samples):
    print("\n%-14s %12s %16s" % ("median", "messages/s", "CPU ms/message"))
    for c in cases:
        cpu = "-" if c.name == "direct" else "%.3f" % statistics.median(c.cpu)
        line = "%-14s %12.0f %16s" % (c.name, c.rate(), cpu)
        if c.sync_counts:
            line += "   %.1f messages/sync" % (
                samples / max(1, statistics.median(c.sync_counts)))
        print(line)
    by_name = {c.name: c for c in cases}
    print()
    ours = by_name.get("mailrace-smtp")
    if ours is None:
        return
    if "postfix" in by_name:
        print("ratio_postfix %.2f" % (ours.rate() /
                                      by_name["postfix"].rate()))
    print("ratio_direct %.2f" % (ours.rate() / by_name["direct"].rate()))


def main():
    names = ["direct", "postfix", "mailrace-smtp", "mailrace-lmtp"]
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--messages", type=int, default=10000)
    p.add_argument("--runs", type=int, default=3)
    p.add_argument("--dir", default="/var/tmp", help="where the queues lie")
    p.add_argument("--only", nargs="+", default=names, choices=names)
    args = p.parse_args()

    if postfix.missing():
        sys.exit("bench: %s is not installed" % postfix.missing())
    disk = check_disk(args.dir)
    samples = sync_latency(args.dir)
    print("queue on %s; fdatasync of 5 KB: median %.0f us, 99th %.0f us" % (
        disk, statistics.median(samples), samples[int(len(samples) * 0.99)]))
    print("%d processors; %d messages of %d bytes, %d sessions, medians of "
          "%d\n" % (os.cpu_count(), args.messages, SIZE, SESSIONS,
                    args.runs))
    zone = mx_zone("bench.example", ("mx.bench.example", SINK))
    with Lab(zone=zone, config=MAILRACE_CONFIG, with_postfix=False,
             with_milter=False, directory=args.dir, log_level="warn") as lab:
        lab.relay = None
        try:
            sink = Sink(lab)
            cases = make_cases(lab, args)
            for i in range(args.runs):
                print("run %d" % (i + 1))
                for c in cases:
                    c.run(sink, args.messages)
            report(cases, args.messages)
        finally:
            if lab.relay is not None:
                lab.relay.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
