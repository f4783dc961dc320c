#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Mail goes by another virtual MTA than its own: what is queued at a reload,
in backoff, and what a pool gave to a member without a source.  Judged by where
the receivers see it come from, and by the accounting file, which names the
virtual MTA that sent it; a kill -9 in the middle changes nothing."""

import netns
netns.enter()

import collections

import tap
from lab import Lab, mx_zone

CONFIG = """
<source 127.0.0.1>
    process-x-virtual-mta yes
</source>
<virtual-mta a>
    smtp-source-host 127.0.0.11 a.mta.example
    <domain many.example>
        max-msg-rate 1/d
%s
    </domain>
    <domain back.example>
        max-msg-rate 1/d
        backoff-reroute-to-virtual-mta b
    </domain>
    <domain pool.example>
        max-msg-rate 1/d
    </domain>
</virtual-mta>
<virtual-mta b>
    smtp-source-host 127.0.0.12 b.mta.example
    <domain many.example>
        max-msg-rate 500/s
    </domain>
</virtual-mta>
<virtual-mta-pool p>
    virtual-mta a
    virtual-mta b
</virtual-mta-pool>
"""
REROUTE = "        reroute-to-virtual-mta b"
DOMAINS = ("many.example", "back.example", "pool.example")
ZONE = "".join(mx_zone(d, ("mx." + d, "127.0.1.1")) for d in DOMAINS)
SOURCES = {"127.0.0.11": "a", "127.0.0.12": "b"}
MESSAGES, RCPTS = 50, 50  # to many.example
RATE = 1  # of a, in a day


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG % "", with_postfix=False,
                         with_milter=False,
                         receivers=[{"listen": ["127.0.1.1:25"]}])

    def __enter__(self):
        self.start()
        return self

    def send(self, rcpts, vmta):
        self.inject(rcpts, headers=[("X-Virtual-MTA", vmta)])

    def sources(self, domain):
        """Each recipient of the domain that arrived: by which virtual MTA."""
        return {r: SOURCES[m["peer"]] for m in self.messages()
                for r in m["rcpts"] if r.endswith("@" + domain)}

    def queue(self, name):
        rows = self.command.json("show", "queues", name)["queues"]
        return rows[0] if rows else None

    def wait_arrivals(self, domain, count, timeout_s=30):
        tap.wait_for(lambda: len(self.sources(domain)) >= count, timeout_s,
                     "%d of %s arrive" % (count, domain))

    def rows(self, domain):
        return {r["rcpt"]: r for r in self.accounting("d")
                if r["rcpt"].endswith("@" + domain)}

    def judge(self, domain):
        """Each arrived once, but for those that were in doubt at the kill, and
        its row names who sent it."""
        doubts = {d["to"] for d in self.audit().doubts}
        arrivals = collections.Counter(
            r for m in self.messages() for r in m["rcpts"]
            if r.endswith("@" + domain))
        tap.equal([r for r, n in arrivals.items() if n > 1 and
                   r not in doubts], [],
                  "arrived more than once")
        sources = self.sources(domain)
        tap.wait_for(lambda: set(self.rows(domain)) >= set(sources), 20,
                     "their rows are written")
        rows = self.rows(domain)
        tap.equal(set(rows), set(sources), "rows")
        for rcpt, vmta in sources.items():
            row = rows[rcpt]
            tap.equal((row["vmta"], row["queue"], SOURCES[row["dlvSourceIp"]]),
                      (vmta, "%s/%s" % (domain, vmta), vmta), rcpt)


@tap.test("what is queued moves at a reload, also where a kill -9 follows",
          proves="domain reroute-to-virtual-mta")
def always(lab):
    for i in range(MESSAGES):
        lab.send(["m%d.%d@many.example" % (i, k) for k in range(RCPTS)], "a")
    lab.wait_arrivals("many.example", RATE)
    lab.write_config(CONFIG % REROUTE)
    lab.command.text("reload")
    lab.daemon.kill()
    lab.daemon.start()
    queue = tap.wait_for(lambda: lab.queue("many.example/b"), 20,
                         "it is in the queue of b")
    tap.equal(queue["moved_from"], "a", "moved from")
    rows = lab.command.json("list", "many.example")["recipients"]
    tap.equal({(r["vmta"], r["moved_from"]) for r in rows}, {("b", "a")},
              "list")
    tap.check("with mail that was given to a" in
              lab.command.text("why", "many.example/b"), "why")
    lab.send("new@many.example", "a")
    lab.wait_arrivals("many.example", MESSAGES * RCPTS + 1)
    lab.settled()
    lab.judge("many.example")
    by = collections.Counter(lab.sources("many.example").values())
    tap.check(by["a"] <= 2 * RATE, by)
    tap.equal(lab.sources("many.example")["new@many.example"], "b", "new mail")


@tap.test("in backoff all goes the other way, then new mail alone stays",
          proves="domain backoff-reroute-to-virtual-mta")
def backoff(lab):
    for i in range(10):
        lab.send("m%d@back.example" % i, "a")
    lab.wait_arrivals("back.example", RATE)
    lab.command.text("set", "queue", "--mode=backoff", "back.example/a")
    lab.wait_arrivals("back.example", 10)
    lab.send("new@back.example", "a")
    lab.wait_arrivals("back.example", 11)
    by = lab.sources("back.example")
    tap.equal(collections.Counter(by.values()), {"a": RATE, "b": 11 - RATE},
              "sent by")
    tap.equal(by["new@back.example"], "b", "new mail")
    tap.check(any(" moved queue=back.example/a to=b rcpts=9 " in line
                  for line in lab.daemon.log_text().splitlines()), "the log")
    lab.settled()
    lab.judge("back.example")
    lab.command.text("set", "queue", "--mode=normal", "back.example/a")
    lab.send("last@back.example", "a")
    tap.wait_for(lambda: lab.queue("back.example/a")["recipients"] == 1, 20,
                 "new mail stays")


@tap.test("a pool's mail leaves a member whose source is off")
def overflow(lab):
    for i in range(20):
        lab.send("m%d@pool.example" % i, "p")
    lab.send("own@pool.example", "a")
    lab.wait_arrivals("pool.example", 10 + RATE)
    lab.command.text("disable", "source", "127.0.0.11", "pool.example/a")
    lab.wait_arrivals("pool.example", 20)
    lab.send("new0@pool.example", "p")
    lab.send("new1@pool.example", "p")
    lab.wait_arrivals("pool.example", 22)
    by = lab.sources("pool.example")
    tap.equal(collections.Counter(by.values()), {"a": RATE, "b": 22 - RATE},
              "sent by")
    tap.check("own@pool.example" not in by, "what was given to it by name")
    tap.equal(lab.queue("pool.example/a")["recipients"], 1, "it waits")
    lab.judge("pool.example")


tap.main(Fixture)
