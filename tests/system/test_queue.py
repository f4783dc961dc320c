#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mailrace queue: what is damaged on the disk is named with the mail that it
hits; 10,000 messages go through a file into a new spool and are delivered from
there; what is no whole file is refused and leaves nothing."""

import netns
netns.enter()

import glob
import json
import os
import pwd
import shutil
import subprocess
import threading

import mailrace
import smtp_client
import tap
from lab import Lab, mx_zone

COUNT = 10000
CLIENTS = 8
ZONE = mx_zone("in.example", ("mx.in.example", "127.0.1.1"))
FEW = 20


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, with_postfix=False, with_milter=False,
                         receivers=[{"listen": ["127.0.1.1:25"]}])
        self.whole_files = False  # they have rows of spools before this one

    def __enter__(self):
        self.start()
        self.command.text("pause", "queue", "*/*")
        return self

    def queue(self, verb, *args):
        """mailrace queue, on the spool of the configuration."""
        return self.command.run("queue", verb, *args)

    def run_daemon(self):
        """A start that ends by itself."""
        return subprocess.run([mailrace.program("mailraced"), "-c",
                               self.config, "-f"], capture_output=True,
                              text=True, timeout=30)

    def send_some(self, names):
        with smtp_client.Client(self.lmtp, lmtp=True) as c:
            c.hello()
            for name in names:
                sender = "of-%s@sender.example" % name
                rcpt = name + "@in.example"
                c.send(sender, [rcpt], smtp_client.compose(
                    sender, rcpt, body="This is for %s.\n" % name))

    def fill(self, count):
        names = ["r%d" % i for i in range(count)]
        threads = [threading.Thread(target=self.send_some,
                                    args=(names[i::CLIENTS],))
                   for i in range(CLIENTS)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    def segment_of(self, text):
        """Path and offset of a text that is in one segment."""
        for path in glob.glob(self.path("spool", "seg", "*")):
            with open(path, "rb") as f:
                at = f.read().find(text.encode())
            if at != -1:
                return path, at
        raise AssertionError("%s is in no segment" % text)


def flip(path, at, size=4):
    """Turns the bits of some bytes; done twice, all is as before."""
    with open(path, "r+b") as f:
        f.seek(at)
        old = f.read(size)
        f.seek(at)
        f.write(bytes(b ^ 0xff for b in old))


def refused(result, *texts):
    tap.equal(result.returncode, 2, "exit status of " + str(result.args))
    for text in texts:
        tap.check(text in result.stderr, "%r says %r" % (text, result.stderr))


@tap.test("a spool that a daemon has open is left alone")
def in_use(lab):
    lab.fill(FEW)
    refused(lab.queue("verify"), "is in use by process %d" % lab.daemon.pid)
    refused(lab.queue("dump", lab.path("no")), "in use")
    refused(lab.queue("load", lab.path("no")), "No such file")
    tap.check(not os.path.exists(lab.path("no.part")), "nothing left")


@tap.test("a spool that was not closed well is opened only by --recover")
def recover(lab):
    lab.daemon.kill()
    refused(lab.queue("verify"), "was not closed well", "--recover")
    answer = lab.command.json("queue", "verify", "--recover")
    tap.equal((answer["messages"], answer["recipients"], answer["damages"]),
              (FEW, FEW, []), "what is in it")
    tap.check(" 0 damages." in lab.command.text("queue", "verify"), "text")


@tap.test("a damaged body: verify names the message, only that one fails")
def damaged_body(lab):
    path, at = lab.segment_of("This is for r3.")
    flip(path, at)
    r = lab.queue("verify", "--json")
    tap.equal(r.returncode, 1, "exit status")
    damages = json.loads(r.stdout)["damages"]
    tap.equal([(d["from"], d["to"], d["queues"]) for d in damages],
              [("of-r3@sender.example", ["r3@in.example"],
                ["in.example/{default}"])], "whom it concerns")
    text = lab.queue("verify").stdout
    for part in ("message %s: " % damages[0]["id"],
                 "segment %s" % os.path.basename(path), "the body is damaged",
                 "fail with 5.3.0", "to=<r3@in.example>"):
        tap.check(part in text, "%r is in %r" % (part, text))
    refused(lab.queue("dump", lab.path("no")), damages[0]["id"], "verify")


@tap.test("a damaged envelope: the queue is named, and it stays queued")
def damaged_envelope(lab):
    flip(*lab.segment_of("of-r5@sender.example"))
    damages = json.loads(lab.queue("verify", "--json").stdout)["damages"]
    tap.equal(len(damages), 2, "damages")
    env = [d for d in damages if d["from"] is None][0]
    tap.equal((env["queues"], env["after"]),
              (["in.example/{default}"],
               "it stays queued, and the log names it"), "what is known")


@tap.test("a damaged database: verify says so, the daemon does not start on it")
def damaged_database(lab):
    table = lab.path("spool", "db", "message.db")
    at = os.path.getsize(table) - 100
    flip(table, at)
    r = lab.queue("verify")
    tap.check(r.returncode != 0, "exit status")
    tap.check("message" in r.stdout + r.stderr, r.stdout + r.stderr)
    daemon = lab.run_daemon()
    tap.check(daemon.returncode != 0, "exit status of mailraced")
    for text in ("checksum error", "message.db", "the process ends"):
        tap.check(text in daemon.stderr, daemon.stderr)
    flip(table, at)
    lab.queue("verify", "--recover")
    tap.equal(len(json.loads(lab.queue("verify", "--json").stdout)["damages"]),
              2, "flipped back")


@tap.test("a damaged record of the accounting: the daemon says what it means")
def damaged_state(lab):
    path = lab.path("spool", "acct-state")
    places = [40, 65536 + 40]
    for at in places:
        flip(path, at)
    r = lab.run_daemon()
    tap.check(r.returncode != 0, "exit status")
    tap.check("neither of its two states can be read" in r.stderr, r.stderr)
    for at in places:
        flip(path, at)


@tap.test("damaged in-flight slots keep nothing from starting")
def damaged_slots(lab):
    flip(lab.path("spool", "inflight"), 0, 4096)
    lab.daemon.start()
    lab.command.text("resume", "queue", "*/*")
    for i in range(FEW):
        if i not in (3, 5):
            lab.wait_arrived("r%d@in.example" % i)
    r = lab.wait_record("b", "r3@in.example")
    tap.check(r["dsnStatus"].startswith("5.3.0"), r["dsnStatus"])
    audit = lab.audit()
    tap.equal((audit.queued, audit.balances()), (1, True), str(audit))
    lab.daemon.stop()
    shutil.rmtree(lab.path("spool"))
    lab.daemon.start()


@tap.test("10,000 messages go through a file into a new spool")
def round_trip(lab):
    lab.command.text("pause", "queue", "*/*")
    lab.fill(COUNT)
    before = lab.audit()
    tap.equal(before.queued, COUNT, "queued")
    lab.command.text("set", "queue", "--mode=backoff", "in.example")
    lab.daemon.stop()
    answer = lab.command.json("queue", "dump", lab.path("dump"))
    tap.equal((answer["messages"], answer["recipients"]), (COUNT, COUNT),
              "dumped")
    refused(lab.queue("load", lab.path("dump")), "is not empty")
    os.rename(lab.path("spool"), lab.path("spool.old"))
    tap.check("could be loaded" in lab.command.text(
        "queue", "load", "--dry-run", lab.path("dump")), "dry run")
    tap.check(not os.path.exists(lab.path("spool")), "and only that")
    tap.check("%d messages" % COUNT in
              lab.command.text("queue", "load", lab.path("dump")), "loaded")
    tap.check(" 0 damages." in lab.command.text("queue", "verify"), "verified")
    lab.daemon.start()
    after = lab.audit()
    tap.equal((after.accepted, after.queued, after.terminal),
              (before.accepted, before.queued, before.terminal), "the books")


@tap.test("and are delivered from there, each once; pause and mode came along")
def delivered(lab):
    tap.equal(len(lab.messages()), len(few()), "arrived before")
    rows = lab.command.json("show", "queues", "--mode=backoff")["queues"]
    tap.equal([q["domain"] for q in rows], ["in.example"], "in backoff")
    lab.command.text("resume", "queue", "*/*")
    tap.wait_for(lambda: lab.audit().queued == 0, 60, "all are delivered")
    got = sorted(m["rcpts"][0] for m in lab.messages())
    want = sorted(few() + ["r%d@in.example" % i for i in range(COUNT)])
    tap.equal(len(got), len(want), "arrived")
    tap.check(got == want, "each of them once")
    m = lab.arrived("r4711@in.example")[0]
    tap.equal(m["sender"], "of-r4711@sender.example", "its sender")
    tap.check(b"This is for r4711." in lab.stored(m), "its body")


def few():
    """Those of the first spool that were delivered."""
    return ["r%d@in.example" % i for i in range(FEW) if i not in (3, 5)]


@tap.test("a file that was cut or changed is refused and leaves nothing")
def damaged_file(lab):
    size = os.path.getsize(lab.path("dump"))
    spool = "--spool=" + lab.path("other")
    for name, change in (
            ("cut", lambda p: os.truncate(p, size // 2)),
            ("without its end", lambda p: os.truncate(p, size - 1)),
            ("flipped", lambda p: flip(p, size // 3, 1))):
        path = lab.path("bad")
        shutil.copyfile(lab.path("dump"), path)
        change(path)
        refused(lab.queue("load", spool, path),
                "the dump is damaged at byte ")
        tap.equal(glob.glob(lab.path("other*")), [], name)
    refused(lab.queue("load", spool, lab.config), "this is no dump")


@tap.test("by standard output and input; files belong to the spool's owner")
def pipes(lab):
    nobody = pwd.getpwnam("nobody")
    other = lab.path("other")
    os.mkdir(other)
    os.chown(other, nobody.pw_uid, nobody.pw_gid)
    queue = mailrace.program("mailrace") + " queue "
    subprocess.run("%s dump --spool=%s - | %s load --spool=%s -" %
                   (queue, lab.path("spool.old"), queue, other),
                   shell=True, check=True, capture_output=True)
    subprocess.run((queue + "verify --spool=" + other).split(), check=True,
                   capture_output=True)
    for folder, _, names in os.walk(other):
        for path in [folder] + [os.path.join(folder, n) for n in names]:
            tap.equal(os.stat(path).st_uid, nobody.pw_uid, path)


tap.main(Fixture)
