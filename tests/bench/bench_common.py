# SPDX-License-Identifier: Apache-2.0
"""bench_common - what all benches use: the disk that they lie on, a sink that
knows when every RCPT came, and what processes cost."""

import collections
import json
import os
import statistics
import struct
import subprocess
import sys
import time

import mailrace
import procs
from lab import Lab

SINK = "127.0.1.1"
SIZE = 5120
SYNC_SAMPLES = 300
STARTED = time.monotonic()


class BenchError(Exception):
    """A bench could not be run to its end."""


class Settings:
    """What the command line asked for."""

    def __init__(self, directory, quick):
        self.dir = directory
        self.quick = quick

    def pick(self, whole, quick):
        return quick if self.quick else whole


def say(text):
    """A line of progress, with the time since the start."""
    print("  [%4d s] %s" % (time.monotonic() - STARTED, text), flush=True)


def spread(values):
    """(median, 99th percentile) of numbers."""
    values = sorted(values)
    return statistics.median(values), values[int((len(values) - 1) * 0.99)]


# ---- the disk ----------------------------------------------------------------

def mount_of(directory, mounts):
    """(mount point, type, device) of the file system that holds it."""
    best = ("", "?", "?")
    path = os.path.realpath(directory)
    for line in mounts:
        device, where, kind = line.split()[:3]
        where = where.encode().decode("unicode_escape")
        inside = where == "/" or path == where or \
            path.startswith(where.rstrip("/") + "/")
        if inside and len(where) >= len(best[0]):
            best = (where, kind, device)
    return best


def why_not(directory, mounts, preload):
    """Why a queue there would prove nothing, or None."""
    if "eatmydata" in preload:
        return "libeatmydata makes fsync a lie; unset LD_PRELOAD"
    kind = mount_of(directory, mounts)[1]
    if kind in ("tmpfs", "ramfs"):
        return ("%s is on %s, where fsync costs nothing; give a directory on "
                "a disk with --dir" % (directory, kind))
    return None


def sync_latency(directory):
    """Microseconds of an fdatasync after an append of 5 KB."""
    path = os.path.join(directory, "mailrace-bench-sync")
    out = []
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        for _ in range(SYNC_SAMPLES):
            os.write(fd, b"x" * SIZE)
            t = time.perf_counter()
            os.fdatasync(fd)
            out.append((time.perf_counter() - t) * 1e6)
    finally:
        os.close(fd)
        os.unlink(path)
    return spread(out)


# ---- programs ----------------------------------------------------------------

def program(name):
    return os.path.join(mailrace.build_dir(), "tests", "bench", name)


def run_json(name, *args):
    """Runs one of our C benches; what it printed, an object a line."""
    r = subprocess.run([program(name)] + [str(a) for a in args],
                       capture_output=True, text=True, timeout=600,
                       check=False)
    if r.returncode != 0:
        raise BenchError("%s: exit %d: %s" % (name, r.returncode, r.stderr))
    return [json.loads(line) for line in r.stdout.splitlines()]


def fill_spool(lab, messages, **options):
    """Messages that mailraced finds when it starts; see bench_spool.c."""
    return run_json("bench_spool", lab.path("spool"), messages, *[
        "%s=%d" % o for o in options.items()])[0]


def status(lab):
    return lab.command.json("show", "status")


def syncs(lab):
    return mailrace.find(status(lab), "syncs")


def cpu_s(*processes):
    """Of all of them and of what they have started."""
    return sum(procs.cpu_seconds(procs.children_of(p.pid)) for p in processes)


def memory_mb(process):
    """Resident, and the most that it ever was, in MB (10^6)."""
    found = {}
    with open("/proc/%d/status" % process.pid) as f:
        for line in f:
            name, _, value = line.partition(":")
            if name in ("VmRSS", "VmHWM", "RssAnon"):
                found[name] = int(value.split()[0]) * 1024 / 1e6
    return found


# ---- the lab -----------------------------------------------------------------

def bench_lab(settings, zone, config, log_level="warn", **more):
    """A Lab without host MTA and milter on the disk that is measured."""
    return Lab(zone=zone, config=config, with_postfix=False,
               with_milter=False, directory=settings.dir, log_level=log_level,
               prefix="mailrace-bench-", **more)


def zone_of(domains, address=lambda i: SINK):
    """d0.bench.example and so on, at the sink's addresses."""
    lines = []
    for i in range(domains):
        lines.append("d%d.bench.example 300 MX 10 mx%d.bench.example" % (i, i))
        lines.append("mx%d.bench.example 300 A %s" % (i, address(i)))
    return "\n".join(lines) + "\n"


class Sink:
    """bench_sink: counts as it goes; with a log, knows every RCPT."""

    COUNTS = struct.Struct("QQ")

    def __init__(self, lab, with_log, addresses=(SINK,)):
        self.counts = lab.path("log", "sink.counts")
        self.log = lab.path("log", "sink.jsonl") if with_log else None
        out = lab.path("log", "sink.out")
        self.process = procs.Process("bench_sink", [
            program("bench_sink"), self.counts, self.log or "-"] +
            [a + ":25" for a in addresses], out)
        lab.processes.append(self.process)
        wait_until(lambda: listens(addresses[-1], 25), 10,
                   "the sink listens")

    def messages(self):
        with open(self.counts, "rb") as f:
            return self.COUNTS.unpack(f.read(self.COUNTS.size))[0]

    def wait(self, count, timeout_s, lab, what="messages"):
        """Until so many have come, with a line of progress now and then."""
        end = time.monotonic() + timeout_s
        told = time.monotonic()
        while self.messages() < count:
            now = time.monotonic()
            if now > end or not lab.daemon.running():
                raise BenchError("%d of %d %s came in %d s:\n%s" % (
                    self.messages(), count, what, timeout_s,
                    procs.tail(lab.daemon.log)))
            if now - told > 5:
                told = now
                say("%d of %d %s" % (self.messages(), count, what))
            time.sleep(0.01)

    def stop(self):
        self.process.stop()

    def rcpts(self):
        """(time, source address) of each RCPT; after stop()."""
        with open(self.log) as f:
            return [(e["t"], e["peer"]) for e in map(json.loads, f)
                    if e["ev"] == "rcpt"]


def listens(host, port):
    import socket
    with socket.socket() as s:
        return s.connect_ex((host, port)) == 0


def wait_until(test, timeout_s, what, step_s=0.02):
    end = time.monotonic() + timeout_s
    while not test():
        if time.monotonic() > end:
            raise BenchError("not within %g s: %s" % (timeout_s, what))
        time.sleep(step_s)


def shares(keys):
    """How evenly: {"of", "least", "most"} in per cent of an even share."""
    counts = collections.Counter(keys)
    even = sum(counts.values()) / max(1, len(counts))
    return {"of": len(counts),
            "least": 100 * min(counts.values(), default=0) / max(1, even),
            "most": 100 * max(counts.values(), default=0) / max(1, even)}


if __name__ == "__main__":
    sys.exit("a library, not a program")
