#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Whatever happens, each accepted recipient has exactly one terminal record.

Accounting goes to files, one of them on a disk that fills up, one filtered
and moved away, one of JSON lines, and to a program, a web server and Redis.
While mail flows, steps are taken at random: kill -9, restart, reload with
other columns, delete with and without accounting, pause, rotation, and every
sink is made to fail.  Then all of it is healed and judged (acct_judge.py):
by the rows alone, as Python's csv and a reader that forgives nothing see them.

    SEED=n TIMES=n tests/crash/test_accounting.py       TIMES: steps
    RUNS=n tests/crash/test_accounting.py               so many seeds in turn
"""

import os
import shutil
import time

import fault
import acct_judge
import acct_sinks
import tap
from lab import mx_zone

STEPS = 36
SETTLE_S = 90
HOT_S = (0.4, 1.5)  # when rows of a new file are synced, slowly
HELD = "held.example"  # deleted with accounting, while it waits
GONE = "gone.example"  # and without
EXTRA = {HELD: "127.0.1.5", GONE: "127.0.1.6"}
ZONE = fault.ZONE + "".join(mx_zone(d, ("mx." + d, ip))
                            for d, ip in EXTRA.items())
RELUCTANT = [{"listen": [ip + ":25"], "store": False, "rules": [
    {"at": "rcpt", "probability": 0.6, "reply": "451 4.2.0 later"}]}
    for ip in EXTRA.values()]
DOMAINS = fault.DOMAINS + list(EXTRA)


class Chaos:
    """The steps, each a method; what they leave behind is healed at the
    end."""

    WEIGHTS = {
        "kill": 8, "restart": 1, "reload": 2, "delete": 1, "forget": 1,
        "pause": 1, "resume": 1, "rotate": 2, "kill_program": 2, "web": 2,
        "redis": 1, "disk": 1, "slow": 3, "failing": 1}

    def __init__(self, run):
        self.run, self.lab, self.sinks = run, run.lab, run.prepared
        self.random = run.random

    def names(self, count):
        """Each step once, and others by chance, in any order; mostly syncs
        are slow, so that much is under way when something happens."""
        names = list(self.WEIGHTS)
        more = max(0, count - len(names))
        names += self.random.choices(names, list(self.WEIGHTS.values()),
                                     k=more)
        self.random.shuffle(names)
        return ["slow"] + names[:count]

    def step(self, name):
        tap.note("%.1f %s" % (time.monotonic(), name))
        getattr(self, name)()

    def kill(self):
        """Often just when files are changed."""
        before = self.random.choice((None, self.reload, self.rotate))
        if before is not None:
            before()
            self.run.pause(*HOT_S)
        self.run.kill(self.lab.daemon)

    def slow(self):
        """Syncs of some files take long, so that more happens meanwhile;
        or all are well again."""
        self.run.happened()
        self.sinks.turn_slow(self.random)

    def failing(self):
        """A sync of some file fails once."""
        self.run.happened()
        self.sinks.fail_once(self.random)

    def restart(self):
        begin = self.run.happened()
        tap.equal(self.lab.daemon.stop(), 0, "exit status")
        self.run.start_again(self.lab.daemon, begin)

    def reload(self):
        """With other columns everywhere."""
        self.run.happened()
        self.lab.write_config(config_of(self.lab, self.sinks, self.random))
        self.lab.command.text("reload")

    def delete(self):
        self.run.happened()
        self.lab.command.run("delete", "--queue=" + HELD)

    def forget(self):
        self.run.happened()
        self.lab.command.run("delete", "--queue=" + GONE, "--no-accounting")

    def pause(self):
        self.run.happened()
        self.lab.command.text("pause", "queue", self.random.choice(DOMAINS))

    def resume(self):
        for domain in DOMAINS:
            self.lab.command.run("resume", "queue", domain)

    def rotate(self):
        """Which a file on a full disk cannot do."""
        self.run.happened()
        r = self.lab.command.run("rotate", "acct")
        tap.check(r.returncode == 0 or "cannot be" in r.stderr, r.stderr)

    def kill_program(self):
        self.run.times += self.sinks.pipe.program.kill()

    def web(self):
        self.run.happened()
        self.sinks.turn_web(self.random)

    def redis(self):
        self.run.happened()
        self.sinks.turn_redis()

    def disk(self):
        self.run.happened()
        self.sinks.turn_disk()


def config_of(lab, sinks, random):
    return lab.expand(fault.CONFIG) + sinks.config(random)


def prepare(lab):
    if shutil.which("redis-server") is None:
        tap.skip("redis-server is not installed")
    sinks = acct_sinks.Sinks(lab)
    lab.write_config(config_of(lab, sinks, fault.random.Random(0)))
    return sinks


# ---- the judgement ---------------------------------------------------------

def nothing_waits(audit):
    """Whatever could not be written for a while is, in every file."""
    return not any(f["behind_rows"] or f["agrees"] is False
                   for f in audit.accounting)


def wait_for_all(run, rows):
    """Until each sink has all that it must have, or for so long that it
    should; what is missing then is named by the judgement."""
    wanted = {s.name: {r["recordId"].encode() for r in rows if s.wants(r)}
              for s in run.prepared.list}
    end = time.monotonic() + SETTLE_S
    late = list(run.prepared.list)
    while late and time.monotonic() < end:
        late = [s for s in late if not s.ids() >= wanted[s.name]]
        time.sleep(0.2)


def judge(run):
    tap.wait_for(lambda: nothing_waits(run.audit()), SETTLE_S,
                 "nothing waits for a file")
    run.lab.command.text("rotate", "acct")  # or a batch waits for a minute
    rows = run.prepared.list[0].rows()
    wait_for_all(run, rows)
    check_lives(run, rows)
    acct_judge.check_once_in_order(rows, "all")
    acct_judge.check_queue_order(rows)
    check_sinks(run, rows)
    check_durable(run)
    check_ledger(run)
    run.figures["records"] = len(rows)


def check_ledger(run):
    """Mailrace comes to the same end, for each of its files."""
    audit = run.lab.audit("--files")
    tap.check(audit.balances() and audit.agrees() and
              audit.files_are_whole(), str(audit))
    compared = [f["path"] for f in audit.accounting if f["agrees"]]
    complete = [s.directive for s in run.prepared.list
                if isinstance(s, acct_sinks.File) and "r" in s.types]
    tap.check(set(complete) <= set(compared), "compared are %s" % compared)


def check_lives(run, rows):
    """One receipt for each that was accepted; an end for each that is not
    queued and was not deleted without accounting."""
    lives = acct_judge.Recipients(rows)
    lives.check_life()
    received, ended = lives.received(), lives.ended()
    acct_judge.none(sorted(set(run.accepted) - received),
                    "answered 250 without a receipt")
    waiting = fault.facts.queued(run.lab)
    acct_judge.none(sorted(ended & waiting), "ended and queued")
    unrecorded = received - ended - waiting
    acct_judge.none(sorted(r for r in unrecorded if not forgotten(r)),
                    "neither ended nor queued")
    audit = run.audit()
    tap.equal(len(received), audit.accepted, "receipts of those accepted")
    tap.equal(len(unrecorded), audit.unrecorded, "without a terminal record")


def check_sinks(run, rows):
    said = {f["path"]: f for f in run.audit().accounting}
    for sink in run.prepared.list[1:]:
        wanted = [r for r in rows if sink.wants(r)]
        if sink.at_least_once:
            acct_judge.check_at_least_once(
                sink.rows(), wanted, said[sink.directive]["dropped"],
                sink.name)
        else:
            acct_judge.check_same(sink.rows(), wanted, sink.name)


def check_durable(run):
    """The program was told nothing that a crash could take back."""
    arrived = {rcpt: min(m["mono"] for m in messages)
               for rcpt, messages in run.taken.items()}
    acct_judge.check_durable_first(
        run.prepared.pipe.came(), arrived,
        run.prepared.bad_io.syncs("/spool/acct/"))


def forgotten(rcpt):
    return rcpt.endswith("@" + GONE)


def everything(run):
    run.forgotten = forgotten
    chaos = Chaos(run)
    with run.load(domains=DOMAINS, pause_s=0.02):
        for name in chaos.names(run.count(STEPS)):
            run.pause(0, 1)
            chaos.step(name)
        run.prepared.heal()
        chaos.resume()
    run.after.append(lambda: judge(run))


HOW = """Steps at random while mail flows: `kill -9`, restart, reload with \
other columns, delete with and without accounting, pause, rotation, a program \
behind a pipe killed, a web server that fails, hangs or is away, Redis killed, \
the disk of an accounting file full. In the end each accepted recipient has \
one receipt and one terminal record, in order; ledger and files agree; \
program, web server and Redis have every record."""

for _ in range(int(os.environ.get("RUNS", "1"))):
    fault.fault("accounting, everything at once", HOW, prepare=prepare,
                zone=ZONE, receivers=fault.RECEIVERS + RELUCTANT)(everything)

fault.main()
