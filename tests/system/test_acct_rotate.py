#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Accounting files are finished by size, age and order, moved or deleted, and
readable for whom the configuration says; each record is in one of them, once.
One that cannot be written holds up neither the others nor mail."""

import netns
netns.enter()

import glob
import os
import re
import stat
import subprocess
import time

import tap
from lab import Lab, mx_zone

ZONE = mx_zone("in.example", ("mx.in.example", "127.0.1.1"))
NAME = re.compile(r"-(\d{4}-\d\d-\d\d)-(\d{4,})\.csv$")
ROW_BYTES = 300  # at least
CONFIG = """
<source 127.0.0.0/8>
    always-allow-relaying yes
</source>
<acct-file {root}/acct/size.csv>
    max-size 1M
</acct-file>
<acct-file {root}/acct/age.csv>
    move-interval 2s
    move-to {root}/moved
    count-moved-records yes
    world-readable yes
</acct-file>
<acct-file {root}/acct/old.csv>
    delete-after 1h
    sync yes
</acct-file>
<acct-file {root}/small/full.csv>
    max-buffer-size 16M
    record-fields d *,%s
</acct-file>
""" % ",".join("header_X-H%d" % i for i in range(10))


class Fixture(Lab):
    def __init__(self):
        super().__init__(
            zone=ZONE, config=CONFIG, with_postfix=False, with_milter=False,
            receivers=[{"listen": ["127.0.1.1:25"], "store": False}])
        self.whole_files = False  # delete-after takes some away
        os.makedirs(self.path("moved"))
        self.small = self.path("small")
        os.makedirs(self.small)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none",
                        self.small], check=True)
        self.mounts.append(self.small)
        self.sent = 0

    def __enter__(self):
        self.start()
        return self

    def send(self, count, note=""):
        """So many recipients, delivered; note makes their rows longer."""
        rcpts = ["r%d%s@in.example" % (self.sent + i, note)
                 for i in range(count)]
        self.sent += count
        for i in range(0, count, 500):
            self.inject(rcpts[i:i + 500])
        self.settled()
        return rcpts

    def files(self, name, folder="acct"):
        stem = self.path(folder, name)
        return sorted(glob.glob(stem + "-*.csv"))

    def rows(self, paths):
        """The recipients in these files, each of which is whole."""
        out = []
        for path in paths:
            with open(path, newline="") as f:
                text = f.read()
            tap.check(text == "" or text.endswith("\r\n"), path)
            tap.equal(text[:5], "type," if text else "", "header of " + path)
            tap.equal(text.count("type,timeLogged"), 1 if text else 0, path)
            out += [line.split(",")[4] for line in text.split("\r\n")[1:-1]]
        return out

    def fill_disk(self):
        """No block is left for full.csv; the file that fills the disk."""
        filler = os.path.join(self.small, "filler")
        with open(filler, "ab", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 65536)
            except OSError:
                return filler

    def facts(self, name):
        answer = self.command.json("show", "accounting")
        return [f for f in answer["acct_files"]
                if f["path"].endswith("/%s.csv" % name)][0]

    def all_rows(self, name, folder="acct"):
        """When all that was sent is written."""
        tap.wait_for(lambda: self.facts(name)["rows"].get("d", 0) == self.sent,
                     20, "all rows of " + name)
        return self.rows(self.files(name, folder))


@tap.test("max-size: files end at a row, names count on, each row is once",
          proves="acct-file max-size")
def size(lab):
    sent = lab.send(5000)
    rows = lab.all_rows("size")
    files = lab.files("size")
    tap.check(len(files) >= 5000 * ROW_BYTES >> 20, "%s" % files)
    tap.equal(sorted(rows), sorted(sent), "rows")
    sizes = [os.stat(path).st_size for path in files]
    tap.check(max(sizes) <= 1 << 20, "longer: %s" % sizes)
    # The records of a commit come in one piece; what begins the next file had
    # no room in this one.
    tap.check(all(a + b > 1 << 20 for a, b in zip(sizes, sizes[1:])),
              "too short: %s" % sizes)
    tap.equal([int(NAME.search(f)[2]) for f in files],
              list(range(len(files))), "numbers")


@tap.test("kill -9 between rotations: each row is there once")
def killed(lab):
    for _ in range(3):
        rcpts = ["k%d@in.example" % (lab.sent + i) for i in range(2000)]
        lab.sent += len(rcpts)
        for i in range(0, len(rcpts), 500):
            lab.inject(rcpts[i:i + 500])
        lab.daemon.kill()
        lab.daemon.start()
    lab.settled()
    rows = lab.all_rows("size")
    doubts = len(lab.audit().doubts)
    tap.equal(len(rows), len(set(rows)), "rows twice (%d in doubt)" % doubts)
    tap.equal(len(rows), lab.sent, "rows")


@tap.test("move-interval: finished by age, and moved away",
          proves=("acct-file move-interval", "acct-file move-to"))
def age(lab):
    lab.send(3)
    tap.wait_for(lambda: len(lab.rows(lab.files("age", "moved"))) == lab.sent,
                 10, "all rows are in moved files")
    left = lab.files("age")
    tap.equal([os.stat(f).st_size for f in left], [0], "an empty one is left")
    time.sleep(2.5)  # longer than the interval: nothing is to be seen
    tap.equal(lab.files("age"), left, "without rows nothing is finished")


@tap.test("count-moved-records: the log says how many",
          proves="acct-file count-moved-records")
def counted(lab):
    lab.send(2)
    finished = re.compile(r" acct-finished file=\S*/age-\S* .*records=(\d+)")
    tap.wait_for(lambda: sum(int(n) for n in finished.findall(
        lab.daemon.log_text())) == lab.sent, 10, "records in the log")


@tap.test("world-readable: others may read, also what is open at a reload",
          proves="acct-file world-readable")
def readable(lab):
    mode = stat.S_IMODE(os.stat(lab.files("age")[-1]).st_mode)
    tap.equal(oct(mode), "0o644", "with it")
    mode = stat.S_IMODE(os.stat(lab.files("size")[-1]).st_mode)
    tap.equal(oct(mode), "0o640", "without")
    lab.write_config(CONFIG.replace("max-size 1M",
                                    "max-size 1M\n    world-readable yes"))
    lab.command.text("reload")
    tap.wait_for(lambda: os.stat(lab.files("size")[-1]).st_mode & 0o777 ==
                 0o644, 10, "the open file is readable")


@tap.test("rotate acct: finishes files that have rows",
          proves="acct-file delete-after")
def rotate(lab):
    lab.fill_disk()
    before = lab.files("old")
    os.utime(before[0], (0, 0))
    foreign = lab.path("acct", "old-2001-01-01-000.csv")
    with open(foreign, "w"):
        pass
    os.utime(foreign, (0, 0))
    lab.send(1)
    r = lab.command.run("rotate", "acct", lab.path("acct/.", "old.csv"))
    tap.equal((r.returncode, r.stdout), (0, "1 file(s) finished.\n"), "answer")
    after = lab.files("old")
    tap.equal(len([f for f in after if f != foreign]), 2, "%s" % after)
    r = lab.command.run("rotate", "acct", lab.path("acct", "old.csv"))
    tap.equal(r.stdout, "0 file(s) finished.\n", "one without rows stays")
    two_hours_ago = time.time() - 7200  # too old here, not by default
    os.utime(before[0], (two_hours_ago, two_hours_ago))
    lab.send(1)
    r = lab.command.run("rotate", "acct")
    tap.equal(r.returncode, 1, "one of all is on a full disk")
    tap.check("4 files finished; 1 cannot be" in r.stderr, r.stderr)
    tap.check(not os.path.exists(before[0]), "old and finished: deleted")
    tap.check(os.path.exists(foreign), "one that is not ours stays")
    r = lab.command.run("rotate", "acct", "/none.csv")
    tap.equal(r.returncode, 1, r.stderr)


def grown(sizes, seconds):
    """Seconds until each of these files has grown."""
    begin, out = time.monotonic(), {}
    while len(out) < len(sizes) and time.monotonic() < begin + seconds:
        for p, before in sizes.items():
            if p not in out and os.stat(p).st_size > before:
                out[p] = time.monotonic() - begin
        time.sleep(0.002)
    return out


@tap.test("sync: a row is written at once, not within half a second",
          proves="acct-file sync")
def sync(lab):
    early = 0
    for _ in range(5):
        quick, slow = lab.files("old")[-1], lab.files("size")[-1]
        sizes = {p: os.stat(p).st_size for p in (quick, slow)}
        lab.inject("sync%d@in.example" % lab.sent)
        lab.sent += 1
        times = grown(sizes, 10)
        tap.equal(len(times), 2, "both are written")
        early += times[quick] + 0.2 < times[slow]
    tap.check(early >= 4, "written at once %d times of 5" % early)


@tap.test("a full disk: other files and mail go on, and in the end all is "
          "there")
def full(lab):
    tap.wait_for(lambda: lab.facts("full")["error"], 20, "it cannot be written")
    facts = lab.facts("full")
    waiting = facts["behind_rows"]
    tap.check(waiting > 0 and "No space left" in facts["error"],
              "%s" % facts)
    tap.equal(facts["rows"].get("d", 0) + waiting, lab.sent, "rows that wait")
    subprocess.run(["mount", "-o", "remount,size=16m", lab.small], check=True)
    lab.command.text("reload")
    rows = lab.all_rows("full", "small")
    tap.equal(len(rows), len(set(rows)), "rows twice")
    tap.equal(len(rows), lab.sent, "rows")
    tap.check(lab.facts("full")["error"] is None, "well again")
    tap.equal(lab.facts("full")["dropped"], 0, "dropped")


@tap.test("max-buffer-size: what is more is dropped, and counted",
          proves="acct-file max-buffer-size")
def dropped(lab):
    """Each record has 10,000 bytes of header fields."""
    filler = lab.fill_disk()
    headers = [("X-H%d" % i, "v" * 990) for i in range(10)]
    rcpts = ["drop%d@in.example" % i for i in range(2000)]
    for i in range(0, len(rcpts), 500):
        lab.inject(rcpts[i:i + 500], headers=headers)
    lab.sent += len(rcpts)
    lab.settled()
    facts = tap.wait_for(lambda: [f for f in [lab.facts("full")]
                                  if f["dropped"]], 20, "records dropped")[0]
    tap.check(facts["waiting_bytes"] <= 16 << 20, "%s" % facts)
    tap.equal(facts["rows"].get("d", 0) + facts["behind_rows"] + facts["dropped"],
              lab.sent, "written, waiting and dropped")
    os.unlink(filler)
    subprocess.run(["mount", "-o", "remount,size=64m", lab.small], check=True)
    lab.command.text("reload")
    tap.wait_for(lambda: lab.facts("full")["behind_rows"] == 0, 20,
                 "what waits is written")
    facts = lab.facts("full")
    rows = lab.rows(lab.files("full", "small"))
    tap.equal(len(rows), len(set(rows)), "rows twice")
    tap.equal(len(rows) + facts["dropped"], lab.sent, "rows and dropped")
    tap.check("acct-dropped" in lab.daemon.log_text(), "the log says it")


tap.main(Fixture)
