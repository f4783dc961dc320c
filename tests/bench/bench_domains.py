# SPDX-License-Identifier: Apache-2.0
"""domains - 1,000 domains, 10 virtual MTAs with 5 source addresses each: every
address carries its share, and no limit is exceeded.

100,000 messages are 10,000 queues of 10.  Limits of a queue, of a virtual MTA
and of the process hold all at once; check_limits.py judges them by the
kernel's time stamps at the sink, and each virtual MTA's rate must have been
used.
"""

import contextlib
import io
import time

import check_limits
from bench_common import (Sink, bench_lab, cpu_s, fill_spool, memory_mb, say,
                          shares, zone_of)

DOMAINS, VMTAS, HOSTS = 1000, 10, 5
VMTA_RATE = 500
TIMEOUT_S = 240
SLACK_MS = 2  # ours decides when to write, the kernel's clock stamps arrival
CONFIG = """\
total-max-smtp-out 250
<domain *>
    max-smtp-out 2
    max-msg-rate 20/s
</domain>
"""


def config():
    out = [CONFIG]
    for v in range(VMTAS):
        out.append("<virtual-mta v%d>" % v)
        out += ["    smtp-source-host 127.0.2.%d h%d.v%d.example" % (
            1 + v * HOSTS + h, h, v) for h in range(HOSTS)]
        out.append("    max-smtp-out 40")
        out.append("    max-smtp-msg-rate %d/s" % VMTA_RATE)
        out.append("</virtual-mta>")
    return "\n".join(out) + "\n"


def address(domain):
    """Each domain has its own, so that a connection without RCPT is known."""
    return "127.1.%d.%d" % (domain // 250, 1 + domain % 250)


def judge(config_path, log, need):
    """(limits that held, those that did not, the lines worth a look)."""
    text = io.StringIO()
    with open(config_path) as f, contextlib.redirect_stdout(text):
        check_limits.check(f.read(), [log], SLACK_MS, need)
    lines = text.getvalue().splitlines()
    failed = [line for line in lines if line.startswith("FAIL")]
    shown = failed + [line for line in lines if "process" in line or
                      any(n in line for n in need)]
    return len(lines) - len(failed), len(failed), shown


def run(settings):
    count = settings.pick(100000, 20000)
    with bench_lab(settings, zone_of(DOMAINS, address), config()) as lab:
        fill_spool(lab, count, domains=DOMAINS, vmtas=VMTAS, body=2048)
        say("%d messages for %d domains are in the spool" % (count, DOMAINS))
        lab.start_dns()
        sink = Sink(lab, True, [address(i) for i in range(DOMAINS)])
        begin = time.monotonic()
        lab.daemon.start()
        sink.wait(count, TIMEOUT_S, lab)
        seconds = time.monotonic() - begin
        out = {"messages": count, "seconds": seconds,
               "messages_s": count / seconds,
               "allowed_s": VMTAS * VMTA_RATE,
               "cpu_ms": cpu_s(lab.daemon) * 1000 / count,
               "memory_mb": memory_mb(lab.daemon)["VmHWM"]}
        sink.stop()
        held, broken, lines = judge(
            lab.config, sink.log,
            ["max-smtp-msg-rate v%d" % v for v in range(VMTAS)])
        out.update(limits_held=held, limits_broken=broken, lines=lines,
                   addresses=shares(peer for _, peer in sink.rcpts()))
    say("%.0f messages/s; %d limits held, %d broken; %d addresses, least "
        "%.0f %%, most %.0f %% of an even share" % (
            out["messages_s"], held, broken, out["addresses"]["of"],
            out["addresses"]["least"], out["addresses"]["most"]))
    return out
