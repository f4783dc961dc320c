# SPDX-License-Identifier: Apache-2.0
"""rate - one domain at max-msg-rate 100/s, 500/s and 10000/s: never more in
any second, and how much less than allowed.

Judged by the kernel's time stamps of each RCPT at the sink.  The achieved
rate is that between the first and the last message.
"""

import time

from bench_common import Sink, bench_lab, cpu_s, fill_spool, say, zone_of
from check_limits import busiest

SECONDS = 10
TIMEOUT_S = 120
SLACK_S = 0.002  # ours decides when to write, the kernel's clock stamps arrival


def config(rate):
    return ("<domain *>\n    max-smtp-out 100\n    max-msg-rate %d/s\n"
            "</domain>\n" % rate)


def one(settings, rate):
    count = rate * settings.pick(SECONDS, 4)
    with bench_lab(settings, zone_of(1), config(rate)) as lab:
        fill_spool(lab, count, body=1024)
        lab.start_dns()
        sink = Sink(lab, with_log=True)
        lab.daemon.start()
        begin = time.monotonic()
        sink.wait(count, TIMEOUT_S, lab)
        took = time.monotonic() - begin
        cpu = cpu_s(lab.daemon)
        sink.stop()
        times = sorted(t for t, _ in sink.rcpts())
    out = {"rate": rate, "messages": count, "seconds": took,
           "reached_s": (count - 1) / (times[-1] - times[0]),
           "most_in_a_second": busiest(times, 1 - SLACK_S)[0],
           "cpu_ms": cpu * 1000 / count}
    say("%5d/s: %.1f/s reached (%.1f %%), at most %d in any second" % (
        rate, out["reached_s"], 100 * out["reached_s"] / rate,
        out["most_in_a_second"]))
    return out


def run(settings):
    return {"rates": [one(settings, rate) for rate in (100, 500, 10000)]}
