# SPDX-License-Identifier: Apache-2.0
"""random_limits - a real mailraced under random limits of all kinds, reloaded,
stopped and killed; judged from the receivers' logs and the text alone.

    with Lab(**random_limits.LAB) as lab:
        random_limits.run(lab, seed, seconds)

A run is phases of some seconds.  Each has a configuration of its own, loaded
while mail flows; what was begun under the one before may end within SETTLE_S.
"""

import contextlib
import io
import random
import threading
import time

import check_limits
import smtp_client
import tap
from lab import mx_zone

SLACK_MS = 1  # one clock may be set by half a thousandth, and the other not
SETTLE_S = 2
PHASE_S = 10
DRAIN_S = 120
SESSION = 20  # messages
PAUSE_S = 0.004
JOIN_S = 30

DOMAINS = {"d%d.example" % i: ("127.0.2.%d" % i, "127.0.3.%d" % i)
           for i in range(1, 6)}
VMTAS = {"v1": ["127.0.0.11"], "v2": ["127.0.0.12", "127.0.0.13"],
         "v3": ["127.0.0.14"]}
JOBS = ("j1", "j2", "other")
SIZES = (300, 2000, 8000)

MESSAGES = ("5/s", "20/s", "100/s", "40/10s", "60/m", "600/m", "3000/h")
CONNECTS = ("2/s", "10/s", "15/10s", "60/m")
DATA = ("20k/s", "100k/s", "500k/10s", "1M/m")
CONNS = ("1", "2", "4", "8")
GAPS = ("1s", "2s")
LIMITS = {  # block: directive, values
    "domain": (("max-msg-rate", MESSAGES), ("max-smtp-out", CONNS),
               ("max-connect-rate", CONNECTS),
               ("max-data-volume-rate", DATA),
               ("smtp-out-rampup-interval", GAPS),
               ("max-msg-per-connection", ("1", "5", "20")),
               ("source-ip-max-smtp-out 127.0.0.0/8", CONNS),
               ("source-ip-max-msg-rate 127.0.0.0/8", MESSAGES)),
    "virtual-mta": (("max-smtp-out", CONNS), ("max-smtp-msg-rate", MESSAGES),
                    ("max-smtp-data-volume-rate", DATA)),
    "virtual-mta-pool": (("max-smtp-out", CONNS),
                         ("max-smtp-msg-rate", MESSAGES),
                         ("max-smtp-data-volume-rate", DATA)),
    "provider": (("max-smtp-out", CONNS), ("max-connect-rate", CONNECTS),
                 ("max-msg-rate", MESSAGES),
                 ("max-data-volume-rate", DATA)),
    "job": (("max-msg-rate", MESSAGES),),
}
SHARE = 4  # one limit in so many is written
FIXED = """
<source 127.0.0.0/8>
    always-allow-relaying yes
    process-x-virtual-mta yes
    process-x-job yes
</source>
<domain *>
    retry-after 1s
    retry-recipients-after 1s
    connection-idle-timeout 1s
</domain>
"""


def block(kind, name, says, rng):
    """A block with some of the limits that it may have."""
    lines = list(says)
    if rng is not None:
        lines += ["%s %s" % (directive, rng.choice(values))
                  for directive, values in LIMITS[kind]
                  if rng.randrange(SHARE) == 0]
    return "<%s %s>\n%s</%s>\n" % (
        kind, name, "".join("    %s\n" % l for l in lines), kind)


def config(rng):
    """Random limits; none at all with rng None."""
    out = FIXED
    if rng is not None and rng.randrange(3) == 0:
        out += "total-max-smtp-out %d\n" % rng.randrange(3, 12)
    for name, addresses in VMTAS.items():
        out += block("virtual-mta", name, [
            "smtp-source-host %s %s.mta.example" % (a, name)
            for a in addresses], rng)
    out += block("virtual-mta-pool", "p", ["virtual-mta v1",
                                           "virtual-mta v2"], rng)
    out += block("provider", "big", ["domain d1.example, d2.example"], rng)
    for job in JOBS[:2]:
        out += block("job", job, [], rng)
    for domain in DOMAINS:
        out += block("domain", domain, [], rng)
    return out


# Receivers that are slow at times, or busy: then the other one is called.
SLOW = [{"at": "connect", "probability": 0.1, "reply": "421 4.3.2 busy",
         "action": "close"},
        {"at": "connect", "delay": 0.2, "probability": 0.3, "action": "pass"},
        {"at": "dot", "delay": 0.1, "probability": 0.3, "action": "pass"},
        {"at": "rcpt", "probability": 0.02, "reply": "451 4.3.0 later"}]
LAB = {"config": config(None), "with_postfix": False, "with_milter": False,
       "log_headers": ("Message-ID", check_limits.JOB_HEADER),
       "zone": "".join(mx_zone(d, ("mx." + d, a), ("other." + d, b))
                       for d, (a, b) in DOMAINS.items()),
       "receivers": [{"listen": [ip + ":25" for two in DOMAINS.values()
                                 for ip in two],
                      "store": False, "rules": SLOW}]}


class Feeder(threading.Thread):
    """Mail for all domains, from all virtual MTAs, of all jobs."""

    def __init__(self, lab_, rng):
        super().__init__(daemon=True)
        self.lab, self.random = lab_, rng
        self.stopping = threading.Event()
        self.number = 0

    def run(self):
        while not self.stopping.is_set():
            with contextlib.suppress(OSError, smtp_client.Closed, ValueError):
                self.session()
            self.stopping.wait(PAUSE_S)

    def session(self):
        with smtp_client.Client(self.lab.lmtp, lmtp=True) as c:
            c.hello()
            for _ in range(SESSION):
                if self.stopping.wait(PAUSE_S):
                    return
                self.one(c)

    def one(self, c):
        domain = self.random.choice(list(DOMAINS))
        job = self.random.choice(JOBS)
        rcpts = ["r%d-%d@%s" % (self.number, i, domain)
                 for i in range(self.random.choice((1, 1, 1, 4)))]
        self.number += 1
        headers = [("X-Virtual-MTA", self.random.choice(list(VMTAS))),
                   ("X-Job", job), (check_limits.JOB_HEADER, job)]
        c.send("s@sender.example", rcpts, smtp_client.compose(
            "s@sender.example", rcpts[0], headers=headers,
            size=self.random.choice(SIZES)))


def disturb(lab_, rng):
    """Something that must reset no window."""
    what = rng.choice(("reload", "reload", "kill", "stop", "nothing"))
    if what == "reload":
        lab_.command.text("reload")
    elif what == "kill":
        lab_.daemon.kill()
        lab_.daemon.start()
    elif what == "stop":
        lab_.daemon.stop()
        lab_.daemon.start()
    return what


def judge(lab_, text, since, what):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        good = check_limits.check(text, [lab_.receiver_log], SLACK_MS,
                                  since=since)
    lines = out.getvalue().splitlines()
    if not good:
        tap.note(text)
        tap.note("\n".join(l for l in lines if l.startswith("FAIL")))
    tap.check(good, "a limit was broken in " + what)
    return len(lines), sum("(100 %)" in l for l in lines)


def phase(lab_, rng, seconds, what):
    """One configuration; how many limits were judged and used up."""
    text = config(rng)
    lab_.write_config(text)
    lab_.command.text("reload")
    since, done = time.time() + SETTLE_S, []
    end = since + seconds
    while time.time() < end:
        time.sleep(min(rng.uniform(0.5, 3), max(end - time.time(), 0)))
        if time.time() < end - 1:
            done.append(disturb(lab_, rng))
    return judge(lab_, text, since, "%s (%s)" % (what, ", ".join(done)))


def drain(lab_):
    """Without limits all goes, and the audit balances."""
    lab_.write_config(config(None))
    lab_.command.text("reload")
    tap.wait_for(lambda: lab_.audit().queued == 0, DRAIN_S, "all mail to go")
    lab_.check_balance()


def run(lab_, seed, seconds):
    """Phases, for so long; the seed is told when one fails."""
    rng = random.Random(seed)
    feeder = Feeder(lab_, random.Random(seed + 1))
    judged = used = phases = 0
    end = time.monotonic() + seconds
    feeder.start()
    try:
        while phases == 0 or time.monotonic() < end:
            phases += 1
            a, b = phase(lab_, rng, min(PHASE_S, seconds),
                         "seed %d, phase %d" % (seed, phases))
            judged, used = judged + a, used + b
    finally:
        feeder.stopping.set()
        feeder.join(JOIN_S)
    drain(lab_)
    tap.note("seed %d: %d phases, %d messages, %d limits judged, %d of them "
             "used up" % (seed, phases, feeder.number, judged, used))
    tap.check(used > 0, "no limit was used up: this proves nothing")
