# SPDX-License-Identifier: Apache-2.0
"""deferred - 1,000,000 recipients wait for their next attempt: what mailraced
needs in memory, how long a start takes, and what it costs to do nothing.

ready: it takes mail; first: a message that came as soon as it was ready has
been delivered, while the load goes on; loaded: all recipients are known, as
its log says.
"""

import os
import time

import mailrace
from bench_common import (BenchError, Sink, bench_lab, cpu_s, fill_spool, memory_mb, say,
                          status, wait_until, zone_of)
from lab import LISTEN

DOMAINS = 20000
IDLE_S = 20
TIMEOUT_S = 120
DAY_S = 86400
CONFIG = """\
<source 127.0.0.0/8>
    always-allow-relaying yes
</source>
"""


def loads(lab):
    """How often a spool was read to its end."""
    if not os.path.exists(lab.daemon.log):
        return 0
    return lab.daemon.log_text().count(" info: - loaded ")


def start(lab, sink, count):
    """One start: the seconds to ready, to the first delivery, to loaded."""
    taken, before = sink.messages(), loads(lab)
    begin = time.monotonic()
    lab.daemon.start(timeout_s=TIMEOUT_S)
    out = {"ready_s": time.monotonic() - begin}
    lab.inject("first@d0.bench.example", where=(LISTEN, 24))
    wait_until(lambda: sink.messages() > taken, TIMEOUT_S,
               "a message is delivered", 0.002)
    out["first_s"] = time.monotonic() - begin
    wait_until(lambda: loads(lab) > before, TIMEOUT_S,
               "all recipients are loaded")
    out["loaded_s"] = time.monotonic() - begin
    known = mailrace.find(status(lab), "recipients")
    if known < count:
        raise BenchError("%d recipients of %d" % (known, count))
    out["memory_mb"] = memory_mb(lab.daemon)
    say("ready %.2f s, first delivery %.2f s, loaded %.2f s, %.0f MB" % (
        out["ready_s"], out["first_s"], out["loaded_s"],
        out["memory_mb"]["VmRSS"]))
    return out


def idle(lab):
    """Per cent of one processor while nothing is due."""
    time.sleep(1)
    cpu = cpu_s(lab.daemon)
    time.sleep(IDLE_S)
    return 100 * (cpu_s(lab.daemon) - cpu) / IDLE_S


def run(settings):
    count = settings.pick(1000000, 100000)
    with bench_lab(settings, zone_of(DOMAINS), CONFIG,
                   log_level="info") as lab:
        fill_spool(lab, count, domains=DOMAINS, body=1024, due=DAY_S,
                   spread=DAY_S)
        say("%d deferred recipients are in the spool" % count)
        lab.start_dns()
        sink = Sink(lab, with_log=False)
        out = {"recipients": count, "starts": [start(lab, sink, count)]}
        out["idle_percent"] = idle(lab)
        begin = time.monotonic()
        lab.daemon.stop()
        out["stop_s"] = time.monotonic() - begin
        out["starts"].append(start(lab, sink, count))
        out["memory_mb"] = max(s["memory_mb"]["VmHWM"]
                               for s in out["starts"])
        out["ready_s"] = max(s["ready_s"] for s in out["starts"])
    say("%.1f %% of a processor when idle, %.2f s to stop" % (
        out["idle_percent"], out["stop_s"]))
    return out
