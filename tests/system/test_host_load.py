#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Clients bring mail to a Postfix that `mailrace setup` has set up, without a
pause, while both daemons are restarted with their sockets held, stopped for a
while, and killed.  Whatever a client was answered 250 for arrives, once but for
what the audit names; a graceful restart defers nothing in Postfix."""

import netns
netns.enter()

import collections
import contextlib
import os
import socket
import threading
import time

import smtp_client
import tap
from lab import Lab, mx_zone

CONFIG = """
<domain *>
    retry-after 1s
    retry-recipients-after 1s
</domain>
"""
CLIENTS = 6
PAUSE_S = 0.02
# LISTEN_PID must be the daemon's own.
WRAPPER = ["/bin/bash", "-c", "exec 3<&%d; export LISTEN_FDS=1 LISTEN_PID=$$;"
           " exec \"$@\"", "bash"]


class Client(threading.Thread):
    """Tries each message until it is taken, as an application does."""

    def __init__(self, load, number):
        super().__init__(daemon=True)
        self.load, self.number = load, number
        self.taken, self.put_off = [], 0
        self.error = None

    def run(self):
        while not self.load.over.is_set():
            rcpt = "%s-%d-%d@in.example" % (self.load.name, self.number,
                                            len(self.taken))
            try:
                self.session(rcpt)
            except (OSError, smtp_client.Closed):
                self.put_off += 1
            except Exception as e:  # the test has to hear of it
                self.error = e
                return

    def session(self, rcpt):
        with smtp_client.Client(("127.0.0.1", 25)) as c:
            c.hello()
            message = smtp_client.compose("s@sender.example", rcpt, size=2000)
            taken, dots = c.send("s@sender.example", [rcpt], message)
            code = (dots or taken)[-1][0]
            if code == 250:
                self.taken.append(rcpt)
            elif code // 100 != 4:
                raise tap.Failed("%s: %s %s" % (rcpt, taken, dots))
            else:
                self.put_off += 1
        self.load.over.wait(PAUSE_S)


class Load:
    """Clients, from the beginning of a with to its end."""

    def __init__(self, name):
        self.name, self.over = name, threading.Event()

    def __enter__(self):
        self.clients = [Client(self, n) for n in range(CLIENTS)]
        for c in self.clients:
            c.start()
        self.more(20)
        return self

    def __exit__(self, *_):
        self.over.set()
        for c in self.clients:
            c.join(60)
            tap.check(c.error is None and not c.is_alive(),
                      "a client: %s" % (c.error or "is stuck"))

    def taken(self):
        return [r for c in self.clients for r in list(c.taken)]

    def put_off(self):
        return sum(c.put_off for c in self.clients)

    def more(self, n):
        """Until so many messages more are taken."""
        wanted = len(self.taken()) + n
        tap.wait_for(lambda: len(self.taken()) >= wanted, 60,
                     "%d messages more" % n)


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=mx_zone("in.example",
                                      ("mx.in.example", "127.0.1.1")),
                         config=CONFIG, hand_over=False,
                         receivers=[{"listen": ["127.0.1.1:25"],
                                     "store": False}])

    def __enter__(self):
        self.start()
        self.command.text("setup", "postfix", "--config-dir",
                          self.postfix.conf)
        return self

    def deferrals(self):
        with open(self.postfix.log, errors="replace") as f:
            return f.read().count("status=deferred")

    def counts(self, load):
        return collections.Counter(
            r for m in self.messages() for r in m["rcpts"]
            if r.startswith(load.name + "-"))

    def arrive(self, load):
        """All that was taken: how often each."""
        wanted = set(load.taken())
        tap.wait_for(lambda: wanted <= set(self.counts(load)), 60,
                     "all %d arrive" % len(wanted))
        self.settled()
        tap.equal(self.postfix.queue_size(), 0, "left in Postfix")
        return self.counts(load)

    @contextlib.contextmanager
    def held(self):
        """The sockets of both are another's, as systemd holds them; gives the
        arguments of their starts."""
        with contextlib.ExitStack() as stack:
            starts = {}
            for d, name in ((self.daemon, "lmtp"), (self.milter, "milter")):
                path = os.path.join(self.sockets, name)
                s = stack.enter_context(socket.socket(socket.AF_UNIX))
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
                s.bind(path)
                os.chmod(path, 0o660)
                s.listen(1024)
                starts[d] = {"pass_fds": (s.fileno(),), "argv_prefix": [
                    w % s.fileno() if "%d" in w else w for w in WRAPPER]}
            yield starts


def once(found):
    tap.equal([r for r, n in found.items() if n != 1], [], "not once")


@tap.test("restarted with their sockets held: nothing is deferred, lost or sent "
          "twice; a restart of mailraced no client notices, and one of the "
          "milter only a client in the middle of a message")
def graceful(lab):
    for d in (lab.daemon, lab.milter):
        d.stop()
    with lab.held() as starts:
        for d, how in starts.items():
            d.start(**how)
        before = lab.deferrals()
        with Load("grace") as load:
            for _ in range(2):
                tap.equal(lab.daemon.stop(), 0, "exit status of mailraced")
                lab.daemon.start(**starts[lab.daemon])
                load.more(20)
            tap.equal(load.put_off(), 0, "4xx by restarts of mailraced")
            for _ in range(2):
                tap.equal(lab.milter.stop(), 0, "exit status of the milter")
                lab.milter.start(**starts[lab.milter])
                load.more(20)
        once(lab.arrive(load))
        tap.equal(lab.deferrals(), before, "deferred by Postfix")
        tap.check(load.put_off() <= 2 * CLIENTS,
                  "%d put off by two restarts" % load.put_off())
        for d in starts:
            d.stop()
    for name in ("lmtp", "milter"):
        os.unlink(os.path.join(lab.sockets, name))
    for d in (lab.daemon, lab.milter):
        d.start()


@tap.test("stopped for a while: mail waits in Postfix, or with its client, and "
          "arrives once")
def stopped(lab):
    with Load("stop") as load:
        tap.equal(lab.daemon.stop(), 0, "exit status of mailraced")
        load.more(20)
        waits = lab.postfix.queue_size()
        tap.check(waits > 0, "nothing waits in Postfix")
        tap.equal(lab.milter.stop(), 0, "exit status of the milter")
        put_off = load.put_off()
        tap.wait_for(lambda: load.put_off() > put_off, 20, "a 4xx")
        for d in (lab.milter, lab.daemon):
            d.start()
        lab.postfix.flush()
        load.more(20)
    lab.postfix.flush()
    once(lab.arrive(load))


@tap.test("killed: nothing is lost, and the audit balances and names whatever came "
          "twice")
def killed(lab):
    doubts = set()
    with Load("kill") as load:
        for both in ((lab.daemon,), (lab.milter,), (lab.daemon, lab.milter)):
            load.more(20)
            for d in both:
                d.kill()
            time.sleep(0.1)
            for d in both:
                d.start()
            doubts |= {d["to"] for d in lab.audit().doubts}
            lab.postfix.flush()
        load.more(20)
    lab.postfix.flush()
    found = lab.arrive(load)
    doubts |= {d["to"] for d in lab.audit().doubts}
    tap.equal({r for r, n in found.items() if n > 1} - doubts, set(),
              "came twice, and the audit does not say so")
    tap.check(lab.audit().balances(), lab.audit())


tap.main(Fixture)
