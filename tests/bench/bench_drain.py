# SPDX-License-Identifier: Apache-2.0
"""drain - 100,000 messages of 5 KB wait in the spool; mailraced starts and
sends them to 20 domains.  Counted from its start to the last message."""

import time

from bench_common import (Sink, bench_lab, cpu_s, fill_spool, memory_mb, say,
                          syncs, zone_of)

DOMAINS = 20
TIMEOUT_S = 240
CONFIG = """\
<domain *>
    max-smtp-out 50
</domain>
"""


def run(settings):
    count = settings.pick(100000, 20000)
    with bench_lab(settings, zone_of(DOMAINS), CONFIG) as lab:
        fill_spool(lab, count, domains=DOMAINS)
        say("%d messages are in the spool" % count)
        lab.start_dns()
        sink = Sink(lab, with_log=False)
        begin = time.monotonic()
        lab.daemon.start()
        ready_s = time.monotonic() - begin
        sink.wait(count, TIMEOUT_S, lab)
        seconds = time.monotonic() - begin
        time.sleep(0.5)  # what comes after the last message is work too
        out = {"messages": count, "seconds": seconds, "ready_s": ready_s,
               "messages_s": count / seconds,
               "cpu_ms": cpu_s(lab.daemon) * 1000 / count,
               "syncs": syncs(lab),
               "memory_mb": memory_mb(lab.daemon)["VmHWM"]}
    say("%.0f messages/s, %.3f CPU ms/message" % (out["messages_s"],
                                                  out["cpu_ms"]))
    return out
