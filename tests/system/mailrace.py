# SPDX-License-Identifier: Apache-2.0
"""mailrace - our programs as a test runs them, and the mailrace command."""

import contextlib
import csv
import glob
import io
import json
import os
import socket
import socketserver
import subprocess
import sys
import threading

import procs

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
START_TIMEOUT_S = 30

# How the sanitizers begin what they write into a log.
SANITIZERS = ("WARNING: ThreadSanitizer", "ERROR: AddressSanitizer",
              "ERROR: LeakSanitizer", ": runtime error: ")
os.environ.setdefault("TSAN_OPTIONS", "suppressions='%s'" %
                      os.path.join(SOURCE, "tests", "tsan.supp"))


def build_dir():
    return os.environ.get("MAILRACE_BUILD",
                          os.environ.get("top_builddir",
                                         os.path.join(SOURCE, "build")))


def program(name):
    return os.path.join(build_dir(), name)


def missing():
    """The first of our programs that is not built, or None."""
    for name in ("mailraced", "mailrace", "mailrace-milter",
                 "mailrace-queue"):
        if not os.access(program(name), os.X_OK):
            return program(name)
    return None


class Daemon:
    """mailraced or mailrace-milter with one configuration file."""

    def __init__(self, name, config, log_dir, run_dir):
        self.name = name
        self.config = config
        self.log = os.path.join(log_dir, name + ".log")
        self.notify = os.path.join(run_dir, name + ".notify")
        self.process = None
        self.starts = 0
        self.env = {}  # of each start

    def launch(self, env=None, pass_fds=(), argv_prefix=()):
        """Starts it; what to wait on, and to close."""
        ready = procs.Readiness(self.notify)
        self.process = procs.Process(
            self.name, list(argv_prefix) +
            [program(self.name), "-c", self.config, "-f"], self.log,
            env={**ready.env(), **self.env, **(env or {})},
            pass_fds=pass_fds)
        return ready

    def start(self, env=None, pass_fds=(), argv_prefix=(), timeout_s=None):
        ready = self.launch(env, pass_fds, argv_prefix)
        try:
            ready.wait(self.process, timeout_s or START_TIMEOUT_S)
        finally:
            ready.close()
        self.starts += 1

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process is not None and self.process.running()

    def stop(self):
        status = self.process.stop()
        self.check_sanitizers()
        return status

    def check_sanitizers(self):
        """ProcessError with the first report in the log: a leak is found
        when the process ends, a race at any time."""
        text = self.log_text() if os.path.exists(self.log) else ""
        for begin in SANITIZERS:
            at = text.find(begin)
            if at != -1:
                raise procs.ProcessError("%s: %s" % (self.name,
                                                     text[at:at + 8000]))

    def kill(self):
        self.process.kill()

    def log_text(self):
        with open(self.log, errors="replace") as f:
            return f.read()


class CommandFailed(Exception):
    def __init__(self, argv, result):
        super().__init__("%s: exit %d: %s%s" % (
            " ".join(argv), result.returncode, result.stdout, result.stderr))
        self.result = result


class Command:
    """The mailrace command."""

    def __init__(self, config):
        self.config = config

    def run(self, *args, timeout_s=60):
        argv = [program("mailrace"), "-c", self.config] + list(args)
        return subprocess.run(argv, capture_output=True, text=True,
                              timeout=timeout_s)

    def text(self, *args):
        r = self.run(*args)
        if r.returncode != 0:
            raise CommandFailed(args, r)
        return r.stdout

    def json(self, *args):
        """What --json printed: one document, or one object a line."""
        text = self.text(*args, "--json")
        try:
            return json.loads(text)
        except ValueError:
            return [json.loads(line) for line in text.splitlines() if line]


def ask(path, request):
    """What a daemon answers on its control socket: the items, then the last
    line.  request: a dictionary, or bytes that are sent as they stand."""
    if isinstance(request, dict):
        request = json.dumps(request).encode()
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(path)
        s.sendall(request + b"\n")
        answers = []
        for line in s.makefile("rb"):
            answers.append(json.loads(line))
            if "item" not in answers[-1]:
                return answers
    raise procs.ProcessError("no end of the answer to %r" % request[:60])


@contextlib.contextmanager
def stand_in(path, answer):
    """At this control socket each request gets these bytes, and the end."""
    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            if self.rfile.readline():
                self.wfile.write(answer)

    with socketserver.UnixStreamServer(path, Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            os.unlink(path)


def find(value, key):
    """The first value of a key, however deep the answer holds it."""
    if isinstance(value, dict):
        if key in value:
            return value[key]
        value = list(value.values())
    if isinstance(value, list):
        for v in value:
            got = find(v, key)
            if got is not None:
                return got
    return None


LEDGER = ("delivered", "failed", "expired", "suppressed", "deleted")


class Audit:
    """The answer of `mailrace audit --json`."""

    def __init__(self, answer):
        self.answer = answer
        self.accepted = find(answer, "accepted")
        self.queued = find(answer, "queued")
        self.terminal = {k: find(answer, k) for k in LEDGER}
        # Of those that ended, how many no record tells of.
        self.unrecorded = sum(find(answer, "unrecorded").values())
        # [{"id": message, "recipient": number, ...}]
        self.doubts = find(answer, "doubts") or []
        # [{"path": acct-file, "rows": {"d": 1}, "agrees": True, ...}]
        self.accounting = answer["accounting"]

    def balances(self):
        numbers = [self.queued] + list(self.terminal.values())
        if self.accepted is None or None in numbers:
            return False
        return self.accepted == sum(numbers)

    def agrees(self):
        """Do all accounting files agree with the ledger that can?"""
        return all(a["agrees"] is not False for a in self.accounting)

    def files_are_whole(self):
        """Of `audit --files`: is each row in a file, and none else?"""
        return all(a["in_files"]["missing"] == a["in_files"]["surplus"] == 0
                   for a in self.accounting if "in_files" in a)

    def __str__(self):
        return "accepted %s = %s + queued %s; in doubt %d" % (
            self.accepted, " + ".join("%s %s" % (k, v) for k, v in
                                      self.terminal.items()),
            self.queued, len(self.doubts)) + \
            "".join("\n%s" % a for a in self.accounting)


def accounting(directory):
    """All rows of all accounting files there, as dictionaries."""
    rows = []
    for path in sorted(glob.glob(os.path.join(directory, "*.csv"))):
        try:
            with open(path, newline="") as f:
                text = f.read()
        except FileNotFoundError:  # moved away between the two looks
            continue
        # The last line may be one that is being written.
        whole = text[:text.rfind("\r\n") + 2] if "\r\n" in text else ""
        rows += list(csv.DictReader(io.StringIO(whole, newline="")))
    return rows


def accounting_header(directory):
    path = sorted(glob.glob(os.path.join(directory, "*.csv")))[0]
    with open(path, newline="\n") as f:
        return f.readline()


if __name__ == "__main__":
    sys.exit("a library, not a program")
