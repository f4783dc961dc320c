# SPDX-License-Identifier: Apache-2.0
"""host - beside the mail server of the host: messages of 5 KB from smtp-source
over Postfix to smtp-sink, the cases of a round one after the other.

    postfix  Postfix alone, which sends them on by itself
    lmtp     Postfix with our milter, which hands over by LMTP
    fast     Postfix passes them straight through (smtpd_proxy_filter)

One configuration of Postfix for much mail, and what `mailrace setup` adds to it.
A case is over when all messages have arrived at the sink.  CPU is that of
Postfix and of our daemons, all their processes.

What a message costs Postfix changes by a fifth from one moment to the next (it
makes a file for each, and what the file system was asked lately counts): many
short rounds, since the median of a few says more of the moment than of us.
"""

import postfix
from bench_common import SINK, BenchError, say, syncs
from bench_relay import (CONFIG, PLAIN, POSTFIX_BUSY, POSTFIX_MAIN, Case,
                         Relay, SmtpSink, source)
from lab import Lab, mx_zone

ROUNDS = 15
CHECK = "127.0.1.2"
FAST = 10587
ALONE = "127.0.0.3"
OURS = CONFIG + """
dsn-host %s
<smtp-listener {root}/pf/spool/mailrace/inject>
    host-mta yes
</smtp-listener>
""" % postfix.DSN_HOST


def check_ways(lab, ways):
    """Each message goes the way that its case says: who has received it?"""
    for i, (where, wanted) in enumerate(ways.items()):
        rcpt = "check%d@check.example" % i
        source(where, PLAIN, 1, rcpt=rcpt)
        head = lab.stored(lab.wait_arrived(rcpt)).partition(b"\r\n\r\n")[0]
        fields = [f for f in head.replace(b"\r\n\t", b" ").split(b"\r\n")
                  if f.startswith(b"Received:")]
        found = ["ours" if b"mta.lab.example" in f else
                 "queued" if b" id " in f else "passed" for f in fields]
        if found != wanted:
            raise BenchError("%s: it has come by %s: %s" % (where, found,
                                                            fields))


def summary(results):
    """Adds the ratios that the targets speak of."""
    alone = results["postfix"]["messages_s"]
    return {"cases": results,
            "ratio_lmtp": results["lmtp"]["messages_s"] / alone,
            "ratio_fast": results["fast"]["messages_s"] / alone}


def run(settings):
    zone = mx_zone("bench.example", ("mx.bench.example", SINK)) + \
        mx_zone("check.example", ("mx.check.example", CHECK))
    with Lab(zone=zone, config=OURS, dkim=[("b1", "signed.example")],
             receivers=[{"listen": [CHECK + ":25"]}], pf_main=POSTFIX_BUSY,
             hand_over=False, directory=settings.dir, log_level="warn",
             prefix="mailrace-bench-") as lab:
        alone = postfix.Postfix(
            lab.path("alone"), address=ALONE, hand_over=False,
            main=POSTFIX_MAIN +
            "transport_maps = inline:{ check.example=smtp:[%s] }\n" % CHECK)
        try:
            alone.start()
            lab.start()
            lab.command.text("setup", "postfix", "--config-dir",
                             lab.postfix.conf, "--fast-path=%d" % FAST)
            ports = {"postfix": ALONE + ":25", "lmtp": "127.0.0.1:25",
                     "fast": "127.0.0.1:%d" % FAST}
            check_ways(lab, {ports["postfix"]: ["queued"],
                             ports["lmtp"]: ["ours", "queued"],
                             ports["fast"]: ["ours", "passed"]})
            sink = SmtpSink(lab)
            ours = (Relay(lab.postfix), lab.daemon, lab.milter)
            cases = [Case("postfix", ports["postfix"],
                          settings.pick(3000, 1500),
                          processes=(Relay(alone),))] + [
                Case(name, ports[name], settings.pick(n, n // 2),
                     processes=ours, sync_count=lambda: syncs(lab))
                for name, n in (("lmtp", 3000), ("fast", 8000))]
            for i in range(settings.pick(ROUNDS, 3)):
                say("round %d" % (i + 1))
                for c in cases:
                    c.run(sink)
        finally:
            alone.stop()
    return summary({c.name: c.result() for c in cases})
