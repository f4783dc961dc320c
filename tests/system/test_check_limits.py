#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The limit checker passes logs that keep the limits and fails those that do
not: a checker that never fails proves nothing."""

import contextlib
import io
import json
import os
import tempfile

import check_limits
import tap

CONFIG = """\
smtp-source-host 127.0.0.10 mta.example
ip-connection-limit 127.0.1.7/32 1
ip-connection-limit 127.0.1.0/24 2
mx-connection-limit *.hosts.example 9
mx-connection-limit mx.hosts.example 1
domain-macro big a.example, b.example  # a comment
<virtual-mta v1>
    smtp-source-host 127.0.0.11 v1.example
    max-smtp-msg-rate 5/s
    max-smtp-out 3
    <domain slow.example>
        max-msg-rate 1/20m
    </domain>
</virtual-mta>
<domain *>
    max-smtp-out 4
</domain>
<virtual-mta-pool p>
    virtual-mta v1
    max-smtp-msg-rate 100/s
    max-smtp-out 3
    max-smtp-data-volume-rate 1k/s
</virtual-mta-pool>
<provider huge>
    domain one.huge.example, two.huge.example
    max-msg-rate 3/s
    max-smtp-out 2
    max-connect-rate 2/m
    max-data-volume-rate 1000/10s
</provider>
<job news-*>
    max-msg-rate 1/s
</job>
<domain ramp.example>
    smtp-out-rampup-interval 3s
</domain>
<domain ips.example>
    source-ip-max-msg-rate 127.0.0.10/32 1/s
    source-ip-max-msg-rate 127.0.0.0/8 5/s
    source-ip-max-smtp-out 127.0.0.0/8 1
</domain>
<domain $big>
    max-msg-rate 2/s
</domain>
<domain [*.]b.example>
    max-msg-rate 100/s
    max-smtp-out 1
    max-msg-per-connection 2
</domain>
<domain local.example>
    source-ip-max-smtp-out 127.0.0.10/32 1
    source-ip-max-msg-rate 127.0.0.0/8 2/s
</domain>
"""
NAMES = {"127.0.2.1": "mx.hosts.example", "127.0.2.2": "mx2.hosts.example"}


def connect(n, t, peer="127.0.0.10", to="127.0.1.1:25"):
    return {"ev": "connect", "id": n, "t": t, "peer": peer, "to": to}


def rcpt(n, t, domain, peer="127.0.0.10"):
    return {"ev": "rcpt", "id": n, "t": t, "peer": peer,
            "rcpt": "x@" + domain}


def close(n, t):
    return {"ev": "close", "id": n, "t": t}


def message(n, t, size=0, job=None):
    return {"ev": "message", "id": n, "t": t, "size": size,
            "headers": {"X-Test-Job": job} if job else {}}


def whole(n, t, domain, peer="127.0.0.10", size=0, job=None):
    """A connection with one message, 10 ms long."""
    return [connect(n, t, peer), rcpt(n, t + .001, domain, peer),
            message(n, t + .002, size, job), close(n, t + .01)]


def wholes(times, *args, **named):
    return [e for n, t in enumerate(times, 1)
            for e in whole(n, t, *args, **named)]


CASES = [  # label, events, slack_ms, needed, wanted lines
    ("two a second is kept", [rcpt(1, t / 2, "a.example")
                              for t in range(10)], 0, [],
     ["PASS max-msg-rate a.example/{default} 2/1s: most 2"]),
    ("three in less than a second is not",
     [rcpt(1, t, "a.example") for t in (0, 0.3, 0.999)], 0, [],
     ["FAIL max-msg-rate a.example/{default} 2/1s: most 3"]),
    ("slack forgives 5 ms", [rcpt(1, t, "a.example")
                             for t in (0, 0.3, 0.996)], 5, [],
     ["PASS max-msg-rate a.example/{default} 2/1s: most 2"]),
    ("the exact name beats [*.]", [rcpt(1, t / 10, "b.example")
                                   for t in range(3)], 0, [],
     ["FAIL max-msg-rate b.example/{default} 2/1s: most 3"]),
    ("a subdomain has the general rate", [rcpt(1, t / 10, "x.b.example")
                                          for t in range(3)], 0, [],
     ["PASS max-msg-rate x.b.example/{default} 100/1s: most 3"]),
    ("a virtual MTA's rate is over all its queues",
     [rcpt(1, t / 10, "d%d.example" % t, "127.0.0.11") for t in range(6)], 0,
     [], ["FAIL max-smtp-msg-rate v1 5/1s: most 6"]),
    ("a domain inside a virtual MTA",
     [rcpt(1, t, "slow.example", "127.0.0.11") for t in (0, 1199)], 0, [],
     ["FAIL max-msg-rate slow.example/v1 1/1200s: most 2"]),
    ("connections one after the other",
     [connect(1, 0), rcpt(1, 0, "b.example"), close(1, 1),
      connect(2, 1), rcpt(2, 1, "b.example"), close(2, 2)], 0, [],
     ["PASS max-smtp-out b.example/{default} 1: most 1"]),
    ("connections at once, one of them without RCPT",
     [connect(1, 0), rcpt(1, 0, "b.example"), close(1, 1),
      connect(2, 0.5), close(2, 2)], 0, [],
     ["FAIL max-smtp-out b.example/{default} 1: most 2"]),
    ("messages of one connection",
     [connect(1, 0), rcpt(1, 0, "b.example")] +
     [message(1, t) for t in range(3)], 0, [],
     ["FAIL max-msg-per-connection b.example/{default} 2: most 3"]),
    ("connections to an address of a range",
     [connect(n, 0, "127.0.0.%d" % (20 + n)) for n in range(3)], 0, [],
     ["FAIL ip-connection-limit 127.0.1.1 2: most 3"]),
    ("the first range that fits",
     [connect(n, 0, to="127.0.1.7:25") for n in range(2)], 0, [],
     ["FAIL ip-connection-limit 127.0.1.7 1: most 2"]),
    ("an MX host by the best pattern, for each local address",
     [connect(1, 0, to="127.0.2.1:25"),
      connect(2, 0, "127.0.0.11", to="127.0.2.1:25"),
      connect(3, 0, to="127.0.2.2:25"), connect(4, 0, to="127.0.2.2:25")], 0,
     [], ["PASS mx-connection-limit mx.hosts.example from 127.0.0.10 1: "
          "most 1",
          "PASS mx-connection-limit mx2.hosts.example from 127.0.0.10 9: "
          "most 2"]),
    ("too many to an MX host from one local address",
     [connect(n, 0, to="127.0.2.1:25") for n in range(2)], 0, [],
     ["FAIL mx-connection-limit mx.hosts.example from 127.0.0.10 1: most 2"]),
    ("connections of a queue from a local address",
     [connect(1, 0), rcpt(1, 0, "local.example"), connect(2, 0),
      rcpt(2, 0, "local.example")], 0, [],
     ["FAIL source-ip-max-smtp-out local.example/{default} from 127.0.0.10 "
      "1: most 2",
      "PASS source-ip-max-msg-rate local.example/{default} from 127.0.0.10 "
      "2/1s: most 2"]),
    ("a provider's rate is over all its domains",
     wholes((0, 60), "one.huge.example") +
     [rcpt(9, 60 + t / 10, "two.huge.example") for t in range(1, 4)], 0, [],
     ["FAIL max-msg-rate provider huge 3/1s: most 4",
      "PASS max-connect-rate provider huge 2/60s: most 1"]),
    ("connections to a provider, too fast",
     wholes((0, 10, 20), "one.huge.example"), 0, [],
     ["FAIL max-connect-rate provider huge 2/60s: most 3",
      "PASS max-smtp-out provider huge 2: most 1"]),
    ("connections to a provider at once",
     [connect(1, 0), rcpt(1, 0, "one.huge.example"),
      connect(2, 30), rcpt(2, 30, "two.huge.example"),
      connect(3, 61), rcpt(3, 61, "two.huge.example")], 0, [],
     ["FAIL max-smtp-out provider huge 2: most 3"]),
    ("bytes to a provider", wholes((0, 31, 40.9), "one.huge.example",
                                   size=501), 0, [],
     ["FAIL max-data-volume-rate provider huge 1000/10s: most 1002"]),
    ("one message larger than the allowance, alone",
     wholes((0, 31), "one.huge.example", size=5000), 0, [],
     ["PASS max-data-volume-rate provider huge 1000/10s: most 1000"]),
    ("one message larger than the allowance, not alone",
     wholes((0,), "one.huge.example", size=1) + [
         connect(8, 5), rcpt(8, 5, "one.huge.example"), message(8, 5, 5000)],
     0, [], ["FAIL max-data-volume-rate provider huge 1000/10s: most 5001"]),
    ("a pool's bytes", wholes((0, 0.5), "x.example", "127.0.0.11",
                              size=700), 0, [],
     ["FAIL max-smtp-data-volume-rate pool p 1024/1s: most 1400",
      "PASS max-smtp-msg-rate pool p 100/1s: most 2"]),
    ("a job's recipients, whatever their queues",
     whole(1, 0, "x.example", job="news-1") +
     whole(2, 0.5, "y.example", job="news-1"), 0, [],
     ["FAIL max-msg-rate job news-1 1/1s: most 2"]),
    ("jobs do not share", whole(1, 0, "x.example", job="news-1") +
     whole(2, 0.5, "x.example", job="news-2"), 0, [],
     ["PASS max-msg-rate job news-1 1/1s: most 1"]),
    ("a connection too soon after the last", wholes((0, 3, 5.9),
                                                    "ramp.example"), 0, [],
     ["FAIL smtp-out-rampup-interval ramp.example/{default} 1/3s: most 2"]),
    ("the first CIDR that fits", [rcpt(1, t / 10, "ips.example")
                                  for t in range(2)] +
     [rcpt(1, t / 10, "ips.example", "127.0.0.11") for t in range(3)], 0, [],
     ["FAIL source-ip-max-msg-rate ips.example/{default} from 127.0.0.10 "
      "1/1s: most 2",
      "PASS source-ip-max-msg-rate ips.example/v1 from 127.0.0.11 "
      "5/1s: most 3"]),
    ("connections from an address",
     [connect(1, 0), rcpt(1, 0, "ips.example"), connect(2, 1),
      rcpt(2, 1, "ips.example")], 0, [],
     ["FAIL source-ip-max-smtp-out ips.example/{default} from 127.0.0.10 "
      "1: most 2"]),
    ("a limit that had to be reached and was not",
     [rcpt(1, 0, "x.b.example")], 0,
     ["max-msg-rate x.b.example/{default}"],
     ["FAIL max-msg-rate x.b.example/{default} 100/1s: most 1"]),
    ("a limit that was never met", [], 0, ["max-msg-rate gone.example/v1"],
     ["FAIL max-msg-rate gone.example/v1: nothing was seen"]),
]


def judge(events, slack_ms, needed):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as f:
        for e in events:
            f.write(json.dumps(e) + "\n")
        f.flush()
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            good = check_limits.check(CONFIG, [f.name], slack_ms, needed,
                                      NAMES)
    return good, out.getvalue()


def make(events, slack_ms, needed, wanted):
    def run():
        good, text = judge(events, slack_ms, needed)
        for w in wanted:
            tap.check(w in text, "%r is not in:\n%s" % (w, text))
        tap.equal(good, "FAIL" not in text, "verdict")
        tap.equal(good, not any(w.startswith("FAIL") for w in wanted),
                  "verdict as wanted")
    return run


for label, *case in CASES:
    tap.test(label)(make(*case))
os.environ.pop("MAILRACE_TEST_NAMESPACE", None)
tap.main()
