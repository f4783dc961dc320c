#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A million published addresses and a hundred thousand in a file hold in both
daemons, which have one copy of the published list in memory between them."""

import netns
netns.enter()

import contextlib
import os
import re
import subprocess
import time

import lab
import mailrace
import memory
import milter_client
import smtp_client
import tap

PUBLISHED, FIXED = 1000000, 100000
CONFIG = """
suppression-dir {root}/lists
suppression-lists big, fixed
<suppression-list big>
</suppression-list>
<address-list fixed>
    address-file {root}/fixed.txt
</address-list>
<source 0/0>
    always-allow-relaying yes
</source>
"""
LISTED = ("0@filled.example", "%d@Filled.example" % (PUBLISHED - 1),
          "F0@fixed.example", "f%d@fixed.example" % (FIXED - 1))
OTHERS = ("%d@filled.example" % PUBLISHED, "0@fixed.example",
          "f%d@fixed.example" % FIXED)


class Fixture(lab.Lab):
    def __init__(self):
        super().__init__(config=CONFIG, with_postfix=False)

    def __enter__(self):
        os.mkdir(self.path("lists"))
        with open(self.path("fixed.txt"), "w") as f:
            f.writelines("f%d@fixed.example\n" % i for i in range(FIXED))
        start = time.monotonic()
        subprocess.run([mailrace.program("tests/system/suppress_judge"),
                        self.config, "fill", "big", str(PUBLISHED)],
                       check=True, timeout=300)
        tap.note("published in %.1f s" % (time.monotonic() - start))
        start = time.monotonic()
        self.start()
        tap.note("both daemons serve after %.1f s" %
                 (time.monotonic() - start))
        return self


def mapped(pid, path):
    """Kilobytes by name of what the process has of the file (smaps)."""
    sums, ours = {}, False
    with open("/proc/%d/smaps" % pid) as f:
        for line in f:
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                ours = line.rstrip("\n").endswith(path)
            elif ours and line.endswith(" kB\n"):
                name, value, _ = line.split()
                name = name.rstrip(":")
                sums[name] = sums.get(name, 0) + int(value)
    return sums


@tap.test("mailraced refuses who is on either list, and nobody else")
def by_daemon(l):
    with smtp_client.Client(l.lmtp, lmtp=True) as c:
        c.hello()
        c.command("MAIL FROM:<s@sender.example>")
        for rcpt in LISTED:
            code, text = c.command("RCPT TO:<%s>" % rcpt)
            tap.check(code == 550 and "suppression list" in text,
                      "%s: %s %s" % (rcpt, code, text))
        for rcpt in OTHERS:
            tap.equal(c.command("RCPT TO:<%s>" % rcpt)[0], 250, rcpt)


@tap.test("so does the milter")
def by_milter(l):
    with contextlib.closing(milter_client.Client(
            l.path("run", "milter"),
            steps=milter_client.ALL_STEPS & ~milter_client.NO_REPLY["R"])) as c:
        c.begin(rcpts=())
        for rcpt in LISTED:
            code, text = c.rcpt(b"<%s>" % rcpt.encode())
            tap.check(code == "y" and text.startswith(b"550 5.7.1 "),
                      "%s: %r %r" % (rcpt, code, text))
        for rcpt in OTHERS:
            tap.equal(c.rcpt(b"<%s>" % rcpt.encode())[0], "c", rcpt)
        c.abort()


@tap.test("both have it mapped, and share all of its pages")
def one_copy(l):
    path = l.path("lists", "big.list")
    size = os.path.getsize(path) // 1024
    for d in (l.daemon, l.milter):
        m = mapped(d.pid, path)
        tap.note("%s: %d kB in all; of %d kB of the list %d resident, %d its "
                 "share" % (d.name, memory.now(d.pid) // 1024, size,
                            m.get("Rss", 0), m.get("Pss", 0)))
        tap.check(m.get("Size", 0) >= size, "it is mapped whole")
        tap.check(m["Private_Clean"] + m["Private_Dirty"] < size // 20,
                  "nothing of it is the process's own")
        tap.check(m["Pss"] < size * 0.55, "half of it counts for each")


tap.main(Fixture)
