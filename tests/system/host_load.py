# SPDX-License-Identifier: Apache-2.0
"""host_load - clients that bring mail to a host MTA without a pause, while the
daemons behind it come and go, and what became of each message.

A host MTA is what test_host_load has in HostLab.host: it can tell its
queue_size(), flush() what waits, and count deferrals() in its log.
"""

import collections
import contextlib
import os
import socket
import threading
import time

import smtp_client
import tap
from lab import Lab

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


class HostLab(Lab):
    """host is the subclass's to make, and to set up."""

    def sockets_of(self):
        """[(daemon, its socket's path)]: where the host comes to us."""
        return [(d, os.path.join(self.sockets, name)) for d, name in
                ((self.daemon, "lmtp"), (self.milter, "milter"))
                if d is not None]

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
        tap.wait_for(lambda: self.host.queue_size() == 0, 20,
                     "nothing is left in the host's queue")
        return self.counts(load)

    @contextlib.contextmanager
    def held(self):
        """The sockets are another's, as systemd holds them; the daemons are
        started with them.  Gives the arguments of their starts."""
        with contextlib.ExitStack() as stack:
            starts = {}
            for d, path in self.sockets_of():
                d.stop()
                s = stack.enter_context(socket.socket(socket.AF_UNIX))
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
                s.bind(path)
                os.chmod(path, 0o660)
                s.listen(1024)
                starts[d] = {"pass_fds": (s.fileno(),), "argv_prefix": [
                    w % s.fileno() if "%d" in w else w for w in WRAPPER]}
                d.start(**starts[d])
            yield starts
            for d in starts:
                d.stop()
        for d, path in self.sockets_of():
            os.unlink(path)
            d.start()


def once(found):
    tap.equal([r for r, n in found.items() if n != 1], [], "not once")


def restart(load, daemon, how):
    """Twice, with its socket held."""
    for _ in range(2):
        tap.equal(daemon.stop(), 0, "exit status of " + daemon.name)
        daemon.start(**how)
        load.more(20)


def graceful(lab):
    """No restart of a daemon with its socket held is noticed by a client or
    defers a message in the host."""
    with lab.held() as starts:
        before = lab.host.deferrals()
        with Load("grace") as load:
            restart(load, lab.daemon, starts[lab.daemon])
            tap.equal(load.put_off(), 0, "4xx by restarts of mailraced")
            if lab.milter is not None:
                restart(load, lab.milter, starts[lab.milter])
        once(lab.arrive(load))
        tap.equal(lab.host.deferrals(), before, "deferred by the host")
        tap.equal(load.put_off(), 0, "4xx by restarts")


def stopped(lab):
    """Mail waits in the host, or with its client, and arrives once."""
    with Load("stop") as load:
        tap.equal(lab.daemon.stop(), 0, "exit status of mailraced")
        load.more(20)
        tap.check(lab.host.queue_size() > 0, "nothing waits in the host")
        if lab.milter is not None:
            tap.equal(lab.milter.stop(), 0, "exit status of the milter")
            put_off = load.put_off()
            tap.wait_for(lambda: load.put_off() > put_off, 20, "a 4xx")
            lab.milter.start()
        lab.daemon.start()
        lab.host.flush()
        load.more(20)
    lab.host.flush()
    once(lab.arrive(load))


def killed(lab, *rounds):
    """rounds: of daemons that are killed together.  Nothing is lost; what came
    twice the audit names."""
    doubts = set()
    with Load("kill") as load:
        for daemons in rounds:
            load.more(20)
            for d in daemons:
                d.kill()
            time.sleep(0.1)
            for d in daemons:
                d.start()
            doubts |= {d["to"] for d in lab.audit().doubts}
            lab.host.flush()
        load.more(20)
    lab.host.flush()
    found = lab.arrive(load)
    doubts |= {d["to"] for d in lab.audit().doubts}
    tap.equal({r for r, n in found.items() if n > 1} - doubts, set(),
              "came twice, and the audit does not say so")
    tap.check(lab.audit().balances(), lab.audit())
