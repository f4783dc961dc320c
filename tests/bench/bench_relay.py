# SPDX-License-Identifier: Apache-2.0
"""relay - messages of 5 KB from smtp-source to smtp-sink, over what is
measured: side by side, the cases of a round one after the other.

    direct       straight to smtp-sink
    postfix      a private Postfix as relay, relayhost = the sink
    smtp, lmtp   Mailrace: listener, queue, SMTP client
    smtp-dkim, lmtp-dkim  the same, signed with RSA-2048

A case is over when all messages have arrived at the sink.  CPU is that of the
system under test, all its processes.
"""

import os
import statistics
import subprocess
import time

import postfix
import procs
from bench_common import (SINK, SIZE, BenchError, bench_lab, cpu_s, listens,
                          say, syncs, wait_until)
from lab import LISTEN, mx_zone

SESSIONS = 20
TIMEOUT_S = 300
RCPT = "load@bench.example"
PLAIN = "bulk@sender.example"
SIGNED = "bulk@signed.example"
CHECK = "127.0.1.2"

# What a careful administrator sets for much mail,
POSTFIX_BUSY = """\
default_process_limit = 100
in_flow_delay = 0
qmgr_message_active_limit = 40000
"""
# and for a relay of it.
POSTFIX_MAIN = POSTFIX_BUSY + """\
default_transport = smtp
relayhost = [%s]
smtp_host_lookup = native
smtp_destination_concurrency_limit = 50
initial_destination_concurrency = 20
smtp_destination_concurrency_failed_cohort_limit = 0
smtp_connection_cache_on_demand = yes
""" % SINK

CONFIG = """\
domain-key b1, signed.example, {keys}/b1.signed.example.pem
<source 127.0.0.0/8>
    always-allow-relaying yes
</source>
<domain *>
    max-smtp-out 50
    connection-idle-timeout 5s
    dkim-sign yes
</domain>
"""


class SmtpSink:
    """Postfix's smtp-sink; with -c it counts on its standard output."""

    def __init__(self, lab):
        self.log = lab.path("log", "sink.out")
        user = ["-u", "postfix"] if os.geteuid() == 0 else []
        lab.processes.append(procs.Process("smtp-sink", [
            "smtp-sink", "-c", *user, SINK + ":25", "1024"], self.log))
        self.base = 0
        wait_until(lambda: listens(SINK, 25), 10, "smtp-sink listens")

    def count(self):
        """It overwrites one line: "sess=N quit=N mesg=N"."""
        with open(self.log, "rb") as f:
            f.seek(0, os.SEEK_END)
            f.seek(max(0, f.tell() - 400))
            parts = f.read().split(b"mesg=")
        for part in parts[:0:-1]: # the last one may be half written
            digits = part.split(b"\r")[0].split(b" ")[0].strip()
            if digits.isdigit():
                return int(digits)
        return 0

    def mark(self):
        self.base = self.count()

    def wait(self, n):
        wait_until(lambda: self.count() - self.base >= n, TIMEOUT_S,
                   "%d messages arrive" % n, 0.005)


def source(where, sender, count, *options, rcpt=RCPT):
    r = subprocess.run(["smtp-source", "-d", *options, "-s", str(SESSIONS),
                        "-m", str(count), "-l", str(SIZE), "-f", sender,
                        "-t", rcpt, where], capture_output=True, text=True,
                       timeout=TIMEOUT_S, check=False)
    if r.returncode != 0:
        raise BenchError("smtp-source %s: %s" % (where, r.stderr))


class Case:
    """One way from source to sink; processes: what is measured."""

    def __init__(self, name, where, count, options=(), sender=PLAIN,
                 processes=(), sync_count=None):
        self.name, self.where, self.count = name, where, count
        self.options, self.sender = options, sender
        self.processes = processes
        self.sync_count = sync_count
        self.rounds = []

    def run(self, sink):
        os.sync()  # what the one before left to the disk is its own
        sink.mark()
        before = self.sync_count() if self.sync_count else 0
        cpu = cpu_s(*self.processes)
        begin = time.monotonic()
        source(self.where, self.sender, self.count, *self.options)
        sink.wait(self.count)
        seconds = time.monotonic() - begin
        time.sleep(0.3)  # what comes after the last message is work too
        one = {"messages_s": self.count / seconds}
        if self.processes:
            one["cpu_ms"] = (cpu_s(*self.processes) - cpu) * 1000 / self.count
        if self.sync_count:
            one["syncs"] = self.sync_count() - before
        self.rounds.append(one)
        say("%-10s %7.0f messages/s%s" % (
            self.name, one["messages_s"],
            "  %.3f CPU ms/message" % one["cpu_ms"] if self.processes else ""))

    def result(self):
        keys = self.rounds[0].keys()
        out = {k: statistics.median(r[k] for r in self.rounds) for k in keys}
        out["messages"] = self.count
        out["rounds"] = self.rounds
        return out


class Relay:
    """Postfix's master as a process with a pid."""

    def __init__(self, pf):
        self.pid = pf.master_pid()


def our_cases(lab, settings):
    count = settings.pick(20000, 5000)

    def case(name, port, *options, sender):
        # A signature costs as much as three messages: half will do.
        return Case(name, "%s:%d" % (LISTEN, port),
                    count if sender == PLAIN else count // 2, options, sender,
                    (lab.daemon,), lambda: syncs(lab))
    return [case("smtp", 25, sender=PLAIN), case("lmtp", 24, "-L",
                                                 sender=PLAIN),
            case("smtp-dkim", 25, sender=SIGNED),
            case("lmtp-dkim", 24, "-L", sender=SIGNED)]


def check_signed(lab):
    """Mail of the signed cases is signed, that of the others is not."""
    for sender, wanted in ((PLAIN, False), (SIGNED, True)):
        rcpt = "check-%s@check.example" % wanted
        source(LISTEN + ":25", sender, 1, rcpt=rcpt)
        octets = lab.stored(lab.wait_arrived(rcpt))
        if (b"\nDKIM-Signature:" in octets) != wanted:
            raise BenchError("%s: signed is not %s" % (sender, wanted))


def summary(results):
    """Adds the ratios that the targets speak of."""
    ours, out = results["smtp"], {"cases": results}
    out["ratio_direct"] = ours["messages_s"] / results["direct"]["messages_s"]
    out["ratio_postfix"] = ours["messages_s"] / \
        results["postfix"]["messages_s"]
    out["cpu_ratio"] = results["postfix"]["cpu_ms"] / \
        max(results[c]["cpu_ms"] for c in ("smtp", "lmtp"))
    return out


def run(settings):
    zone = mx_zone("bench.example", ("mx.bench.example", SINK)) + \
        mx_zone("check.example", ("mx.check.example", CHECK))
    with bench_lab(settings, zone, CONFIG, dkim=[("b1", "signed.example")],
                   receivers=[{"listen": [CHECK + ":25"]}]) as lab:
        pf = postfix.Postfix(lab.path("relay"), address="127.0.0.3",
                             hand_over=False, main=POSTFIX_MAIN)
        try:
            pf.start()
            lab.start()
            check_signed(lab)
            sink = SmtpSink(lab)
            cases = [
                Case("direct", SINK + ":25", settings.pick(40000, 20000)),
                Case("postfix", "127.0.0.3:25", settings.pick(4000, 1500),
                     processes=(Relay(pf),))] + our_cases(lab, settings)
            for i in range(settings.pick(3, 2)):
                say("round %d" % (i + 1))
                for c in cases:
                    c.run(sink)
        finally:
            pf.stop()
    return summary({c.name: c.result() for c in cases})
