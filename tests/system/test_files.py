#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""File descriptors: the limit is raised to what the configuration needs, or
the start and the reload are refused with how to get it; and when they run out
all the same, clients and deliveries wait without a loop that spins, and
nothing is lost."""

import netns
netns.enter()

import os
import resource
import socket
import subprocess
import time

import mailrace
import procs
import smtp_client
import tap
from lab import LISTEN, Lab, mx_zone

DOMAINS = ["d%d.example" % i for i in range(5)]
ZONE = "".join(mx_zone(d, ("mx." + d, "127.0.1.1")) for d in DOMAINS)
CONFIG = """
total-max-smtp-out %d
total-max-smtp-in 300
<domain *>
    connection-idle-timeout 0
</domain>
"""
# Without the right to raise a hard limit, which root has.
UNPRIVILEGED = ["setpriv", "--bounding-set=-sys_resource",
                "--inh-caps=-sys_resource"]
SPARE = 64  # FILES_SPARE of lib/files.h


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG % 600,
                         receivers=[{"listen": ["127.0.1.1:25"]}],
                         with_postfix=False)

    def __enter__(self):
        self.start()
        return self


def limited(soft, hard=None, more=()):
    return list(more) + ["prlimit", "--nofile=%d:%d" % (soft, hard or soft)]


def limits(pid):
    return resource.prlimit(pid, resource.RLIMIT_NOFILE)


def descriptors(pid):
    return [int(n) for n in os.listdir("/proc/%d/fd" % pid)]


def refused_start(lab, daemon, prefix):
    """What the daemon says that does not start."""
    r = subprocess.run(prefix + [mailrace.program(daemon), "-c", lab.config,
                                 "-f"], capture_output=True, text=True,
                       timeout=20)
    tap.check(r.returncode == 1, "it started: %s" % r.stderr)
    return r.stderr


def may_raise():
    """Can root raise a hard limit here?  Not in every container."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return subprocess.run(["prlimit", "--nofile=%d:%d" % (soft, hard + 1),
                           "true"], stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


@tap.test("the soft limit is raised to what is configured, by root the hard "
          "one too")
def raised(lab):
    tap.equal(lab.daemon.stop(), 0, "exit status")
    hard = 100 if may_raise() else 2000
    lab.daemon.start(argv_prefix=limited(100, hard))
    soft, now = limits(lab.daemon.pid)
    tap.check(900 < soft < 1400, "soft limit %d" % soft)
    tap.equal(now, max(hard, soft), "hard limit")
    lab.milter.stop()
    lab.milter.start(argv_prefix=limited(100, 1000, UNPRIVILEGED))
    tap.equal(limits(lab.milter.pid), (1000, 1000), "the milter's")


@tap.test("nobody may raise it: refused, with the number and how")
def refused(lab):
    lab.daemon.stop()
    text = refused_start(lab, "mailraced", limited(100, 500, UNPRIVILEGED))
    for word in ("total-max-smtp-out 600", "total-max-smtp-in 300",
                 "may have 500", "set LimitNOFILE=", "or lower total-max"):
        tap.check(word in text, "%r is not in %s" % (word, text))
    needed = int(text.split("LimitNOFILE=")[1].split()[0])
    lab.daemon.start(argv_prefix=limited(needed, needed, UNPRIVILEGED))
    text = refused_start(lab, "mailrace-milter",
                         limited(100, 200, UNPRIVILEGED))
    tap.check("512 open files" in text and "LimitNOFILE=" in text, text)


@tap.test("a reload that needs more is refused with the same words")
def reload(lab):
    lab.write_config(CONFIG % 601)
    r = lab.command.run("reload")
    tap.check(r.returncode == 1, "reload: %d" % r.returncode)
    said = r.stdout + r.stderr
    for word in ("total-max-smtp-out 601", "set LimitNOFILE=",
                 "or lower total-max-smtp-out"):
        tap.check(word in said, "%r is not in %s" % (word, said))
    lab.write_config(CONFIG % 599)
    lab.command.text("reload")


def one(client, rcpt):
    _, dots = client.send("s@sender.example", [rcpt],
                          smtp_client.compose("s@sender.example", rcpt))
    tap.equal([code for code, _ in dots], [250], "handed over")


def fill(lab, limit):
    """Clients until only the spare descriptors are left."""
    clients = []
    while max(descriptors(lab.daemon.pid)) < limit - SPARE:
        c = smtp_client.Client(lab.lmtp, lmtp=True)
        c.hello()
        clients.append(c)
        tap.check(len(clients) < 200, "no end of descriptors")
    return clients


def look_busy(lab, seconds):
    """Processor time used while nothing can be done."""
    before = procs.cpu_seconds([lab.daemon.pid])
    time.sleep(seconds)
    return procs.cpu_seconds([lab.daemon.pid]) - before


def lines(lab, event):
    return [x for x in lab.daemon.log_text().split("\n")
            if ": - %s " % event in x]


def start_afresh(lab):
    lab.daemon.stop()
    os.truncate(lab.daemon.log, 0)
    lab.daemon.start()
    return limits(lab.daemon.pid)


def connect(path):
    """A client that has connected and may wait for its greeting."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20)
    sock.connect(path)
    return sock


@tap.test("run short: clients and mail wait, no loop spins, then all goes on")
def short(lab):
    before = start_afresh(lab)
    limit = max(descriptors(lab.daemon.pid)) + SPARE + 8
    resource.prlimit(lab.daemon.pid, resource.RLIMIT_NOFILE,
                     (limit, before[1]))
    clients = fill(lab, limit)
    rcpts = ["a%d@%s" % (i, d) for d in DOMAINS for i in range(4)]
    for r in rcpts:
        one(clients[0], r)
    waiting = [connect(lab.lmtp) for _ in range(3)]
    used = look_busy(lab, 3)
    tap.check(used < 0.3, "%.2f s of processor time in 3 s" % used)
    tap.equal(lab.audit().queued, len(rcpts), "queued, by a command")
    tap.equal(lab.messages(), [], "delivered")
    tap.equal((len(lines(lab, "listener")), len(lines(lab, "files"))),
              (1, 1), "lines in the log")
    resource.prlimit(lab.daemon.pid, resource.RLIMIT_NOFILE, before)
    for sock in waiting:
        tap.equal(sock.recv(4), b"220 ", "greeted at last")
    for r in rcpts:
        lab.wait_arrived(r)
    tap.check("again" in lines(lab, "listener")[-1], lines(lab, "listener"))
    for c in clients + waiting:
        c.close()
    tap.check(lab.settled().balances(), lab.audit())


@tap.test("only four left: none is for mail, commands and database go on")
def four_left(lab):
    before = start_afresh(lab)
    with smtp_client.Client((LISTEN, 24), lmtp=True) as c:
        c.hello()
        limit = max(descriptors(lab.daemon.pid)) + 1 + 4
        resource.prlimit(lab.daemon.pid, resource.RLIMIT_NOFILE,
                         (limit, before[1]))
        rcpts = ["b%d@%s" % (i, d) for d in DOMAINS for i in range(4)]
        for r in rcpts:
            one(c, r)
        used = look_busy(lab, 3)
        tap.check(used < 0.3, "%.2f s of processor time in 3 s" % used)
        tap.equal(lab.audit().queued, len(rcpts), "queued, by a command")
        tap.equal(len(lines(lab, "files")), 1, "lines in the log")
        resource.prlimit(lab.daemon.pid, resource.RLIMIT_NOFILE, before)
        for r in rcpts:
            lab.wait_arrived(r)
    tap.check(lab.settled().balances(), lab.audit())


tap.main(Fixture)
