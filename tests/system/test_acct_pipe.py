#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A program that reads accounting records loses none, however often it is
killed; what it gets twice is the same twice; and what is wrong with it is said
and put right without anybody's help."""

import netns
netns.enter()

import os
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "crash"))
import acct_judge
import acct_reader
import collectors
import mailrace
import procs
import tap
from acct_lab import AcctLab

KILLS = 100
ALL = ("d", "b", "t", "tq", "r")
FIELDS = "".join("    record-fields %s *, recordId\n" % t for t in ALL)
CONFIG = """
<acct-file {root}/files/all.csv>
    records d,b,t,tq,r
%s</acct-file>
<acct-file "{program}">
    records d,b,t,tq,r
%s</acct-file>
<acct-file "|{root}/ends.sh {root}/ends">
    records d
    retry-interval 1s
</acct-file>
<acct-file "|exec /usr/bin/sleep 1000">
    records d
    write-timeout 1s
    retry-interval 1s
</acct-file>
""" % (FIELDS, FIELDS)
# It takes one row at a time: nothing of it is in a buffer of its own.
ENDS = """#!/bin/sh
echo start >>$1
IFS= read -r line && echo "$line" >>$1
IFS= read -r line && echo "$line" >>$1
exit 7
"""


class Fixture(AcctLab):
    def __init__(self):
        super().__init__("550 5.1.1 gone, \"for good\"")
        self.program = collectors.Program(self.path("program"))
        with open(self.path("ends.sh"), "w") as f:
            f.write(ENDS)
        os.chmod(self.path("ends.sh"), 0o755)
        self.write_config(CONFIG.replace("{program}",
                                         self.program.directive))

    def __enter__(self):
        self.start()
        return self

    def collected(self):
        """The rows that the program has kept; one that a kill has cut in two
        is not among them."""
        rows = []
        for path in self.program.files():
            rows += acct_reader.read_csv(path)
        return rows

    def log_lines(self, text):
        return [line for line in self.daemon.log_text().splitlines()
                if text in line]


def load(lab, over):
    while not over.wait(0.1):
        lab.send(20)


@tap.test("killed %d times under load, the program has every record, and what "
          "it has twice is the same" % KILLS)
def killed(lab):
    over = threading.Event()
    sender = threading.Thread(target=load, args=(lab, over))
    sender.start()
    try:
        kill_often(lab)
    finally:
        over.set()
        sender.join()
    rows = lab.settled_rows()
    # Its input is closed and it ends with 0: nothing is left to be sent.
    lab.daemon.stop()
    collected = lab.collected()
    lab.daemon.start()
    acct_judge.check_at_least_once(collected, rows, 0, "the program")
    tap.note("%d records, %d rows collected by %d programs" % (
        len(rows), len(collected), len(lab.program.files())))
    tap.check(len(rows) >= 1000, "only %d records" % len(rows))


def kill_often(lab):
    """A reload starts another one at once; every tenth of them comes while the
    program lives, which then ends by itself."""
    last = None
    for i in range(KILLS + KILLS // 10):
        pid = tap.wait_for(lambda: lab.program.pid() != last and
                           lab.program.is_ours(lab.program.pid()) and
                           lab.program.pid(), 10, "program %d" % i)
        if i % 11 != 10:
            tap.check(lab.program.kill(), "there was none to kill")
            tap.wait_for(lambda: not lab.program.is_ours(pid), 10, "its end")
        last = pid
        lab.command.text("reload")


def starts(path):
    if not os.path.exists(path):
        return 0
    with open(path) as f:
        return f.read().count("start\n")


@tap.test("one that ends is started again, and the log says why it ended",
          proves="acct-file retry-interval")
def restarted(lab):
    path = lab.path("ends")
    lab.send(1)
    lab.send(2)
    begun = starts(path)
    tap.wait_for(lambda: starts(path) >= begun + 2, 10, "it is started again")
    tap.check(lab.log_lines('Error executing \\"%s %s\\": exit status 7' % (
        lab.path("ends.sh"), path)), "the log does not say why it ended")


@tap.test("one that does not read its input is found out and started again",
          proves="acct-file write-timeout")
def does_not_read(lab):
    lab.send(2)
    tap.wait_for(lambda: lab.log_lines(
        'Error writing to \\"exec /usr/bin/sleep 1000\\": 1s long it has read'),
        10, "the log says so")


@tap.test("the others get their rows meanwhile, and delivery does not wait")
def others(lab):
    before = len(lab.settled_rows())
    began = time.monotonic()
    lab.send(200)
    rows = lab.settled_rows()
    tap.check(len(rows) - before == 400, "rows of 200 recipients")
    tap.note("%.1f s" % (time.monotonic() - began))


@tap.test("in the background a program does not hold the caller's terminal, and "
          "a stop ends it")
def background(lab):
    lab.send(1)
    conf = lab.path("second.conf")
    with open(conf, "w") as f:
        f.write("log-file %s\nspool %s\ncontrol-socket %s\n"
                "<acct-file |exec /bin/cat>\n</acct-file>\n" % (
                    lab.path("second.log"), lab.path("spool2"),
                    lab.path("run", "second")))
    # Ends when nobody has its output open any more.
    subprocess.run([mailrace.program("mailraced"), "-c", conf], check=True,
                   capture_output=True, timeout=20)
    with open(lab.path("spool2", "LOCK")) as f:
        pid = int(f.read())
    try:
        child, = tap.wait_for(lambda: procs.children_of(pid)[1:], 10,
                              "a program")
        tap.wait_for(lambda: os.readlink("/proc/%d/exe" % child) in
                     ("/bin/cat", "/usr/bin/cat"), 10, "it is cat")
        tap.equal(os.readlink("/proc/%d/fd/2" % child), "/dev/null",
                  "where its errors go")
    finally:
        os.kill(pid, signal.SIGTERM)
    tap.wait_for(lambda: not os.path.exists("/proc/%d" % pid), 30, "the end")
    tap.check(not os.path.exists("/proc/%d" % child), "the program's end")
    with open(lab.path("second.log")) as f:
        tap.check("Error" not in f.read(), "its end was clean")


if __name__ == "__main__":
    tap.main(Fixture)
