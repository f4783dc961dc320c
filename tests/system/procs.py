# SPDX-License-Identifier: Apache-2.0
"""procs - child processes of a test: started, watched, ended by their pid."""

import os
import select
import signal
import socket
import subprocess
import time

STOP_TIMEOUT_S = 20


class ProcessError(Exception):
    """A program did not start, or ended when it should not have."""


def tail(path, lines=20):
    try:
        with open(path, errors="replace") as f:
            return "".join(f.readlines()[-lines:])
    except OSError as e:
        return str(e)


class Process:
    """One program in the foreground; its output goes to a log file."""

    def __init__(self, name, argv, log, env=None, pass_fds=(), preexec=None):
        self.name = name
        self.log = log
        with open(log, "ab") as out:
            self.popen = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env=dict(os.environ, **(env or {})), pass_fds=pass_fds,
                preexec_fn=preexec)

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def kill(self):
        """kill -9, and wait for the end."""
        self.popen.kill()
        self.popen.wait(STOP_TIMEOUT_S)

    def signal(self, signo):
        self.popen.send_signal(signo)

    def stop(self, timeout_s=STOP_TIMEOUT_S):
        """SIGTERM; the exit status, or ProcessError if it does not end."""
        if self.running():
            self.popen.send_signal(signal.SIGTERM)
        try:
            return self.popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ProcessError("%s did not end within %d s of SIGTERM" %
                               (self.name, timeout_s)) from None


class Readiness:
    """A socket for sd_notify(3)."""

    def __init__(self, path):
        self.path = path
        if os.path.exists(path):
            os.unlink(path)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(path)
        os.chmod(path, 0o666)

    def env(self):
        return {"NOTIFY_SOCKET": self.path}

    def wait(self, process, timeout_s):
        """Until READY=1."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            ready, _, _ = select.select([self.sock], [], [], 0.1)
            if ready and b"READY=1" in self.sock.recv(4096).split(b"\n"):
                return
            if not process.running():
                raise ProcessError("%s ended with %d at start:\n%s" % (
                    process.name, process.popen.returncode,
                    tail(process.log)))
        raise ProcessError("%s not ready within %g s:\n%s" % (
            process.name, timeout_s, tail(process.log)))

    def close(self):
        self.sock.close()
        os.unlink(self.path)


def wait_for_text(process, path, text, timeout_s):
    """Until the program has printed text into its log."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        with open(path, errors="replace") as f:
            if text in f.read():
                return
        if not process.running():
            break
        time.sleep(0.02)
    raise ProcessError("%s did not say %r:\n%s" % (process.name, text,
                                                   tail(path)))


def cpu_seconds(pids):
    """User and system time of processes and of their ended children."""
    tick = os.sysconf("SC_CLK_TCK")
    total = 0
    for pid in pids:
        try:
            with open("/proc/%d/stat" % pid) as f:
                fields = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(x) for x in fields[11:15])
    return total / tick


def children_of(pid):
    """The process and all below it, from /proc."""
    parents = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % name) as f:
                fields = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(name))
    out, todo = [], [pid]
    while todo:
        p = todo.pop()
        out.append(p)
        todo += parents.get(p, [])
    return out


def state_of(pid):
    """The letter in /proc; X when there is no such process."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def signal_and_wait(pids, signo, states):
    """Until all of them are in one of the states."""
    for p in pids:
        try:
            os.kill(p, signo)
        except ProcessLookupError:
            pass
    end = time.monotonic() + STOP_TIMEOUT_S
    while not all(state_of(p) in states for p in pids):
        if time.monotonic() > end:
            raise ProcessError("signal %d does not reach %s" % (signo, pids))
        time.sleep(0.005)


def kill_all(pid):
    """kill -9 of the process and of all below it, and wait for their end.

    First it is stopped: a child that it makes while we look would go on, and
    hold what it has from its parent."""
    signal_and_wait([pid], signal.SIGSTOP, "TZX")
    signal_and_wait(children_of(pid), signal.SIGKILL, "ZX")
