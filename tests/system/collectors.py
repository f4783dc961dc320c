# SPDX-License-Identifier: Apache-2.0
"""collectors - where accounting goes in tests, beside files: a program behind
a pipe, an HTTP server and a Redis server, each of which can fail at will.

    with collectors.Program(folder) as p:  p.directive, p.kill(), p.files()
    with collectors.Http(address) as h:    h.url, h.mode = "500", h.batches
    with collectors.Redis(folder) as r:    r.url, r.kill(), r.entries("key")

Each keeps what it has acknowledged, whatever is done to it.
"""

import contextlib
import gzip
import http.server
import os
import signal
import socket
import sys
import threading

import procs
import tap

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "acct_pipe_program.py")
START_S = 20


# ---- a program --------------------------------------------------------------

class Program:
    """acct_pipe_program.py as mailraced starts it."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder)
        self.directive = "|%s %s %s" % (sys.executable, PROGRAM, folder)

    def pid(self):
        """Of the newest, or None when none has started yet."""
        with contextlib.suppress(FileNotFoundError):
            with open(os.path.join(self.folder, "pid")) as f:
                return int(f.read())
        return None

    def is_ours(self, pid):
        with contextlib.suppress(OSError):
            with open("/proc/%d/cmdline" % pid, "rb") as f:
                return self.folder.encode() in f.read().split(b"\0")
        return False

    def kill(self):
        """kill -9; False when none was running."""
        pid = self.pid()
        if pid is None or not self.is_ours(pid):
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return True

    def files(self):
        """What each start has kept, oldest first; an empty one was killed
        before its header came."""
        paths = sorted(os.path.join(self.folder, name)
                       for name in os.listdir(self.folder)
                       if name.endswith(".csv"))
        return [path for path in paths if os.path.getsize(path)]


# ---- a web server -----------------------------------------------------------

class Batch:
    """One POST that was answered, or heard: its headers and its rows."""

    def __init__(self, headers, body):
        self.headers = headers
        self.id = headers.get("X-Mailrace-Batch")
        if headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.body = body


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        owner = self.server.owner
        body = self.rfile.read(int(self.headers["Content-Length"])) \
            if "Content-Length" in self.headers else self.chunks()
        batch = Batch(self.headers, body)
        mode = owner.mode
        owner.heard.append((mode, batch))
        if mode in ("well", "mute"):
            owner.batches.append(batch)
        if mode == "hang":
            owner.changed.wait(owner.hang_s)
        if mode in ("mute", "hang", "dead"):  # dead: a kept connection
            self.close_connection = True
            return
        self.send_response(200 if mode == "well" else int(mode))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def chunks(self):
        """The body of Transfer-Encoding: chunked."""
        body = b""
        while True:
            size = int(self.rfile.readline(), 16)
            body += self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return body

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that goes away is what these tests are about."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Http:
    """mode: "well"; a status such as "500"; "mute" takes the batch and closes
    without an answer; "hang" takes nothing and says nothing; "dead" does not
    even listen."""

    def __init__(self, address, hang_s=30):
        self.address, self.hang_s = address, hang_s
        self.url = "http://%s:%d/acct" % address
        self.changed = threading.Event()
        self.batches = []  # that were taken
        self.heard = []  # (mode, batch) of all
        self.server = None
        self._mode = "well"

    @property
    def mode(self):
        return self._mode

    @mode.setter
    def mode(self, mode):
        self._mode = mode
        self.changed.set()  # lets go of those that hang
        self.changed = threading.Event()
        if mode == "dead":
            self.close()
        elif self.server is None:
            self.listen()

    def listen(self):
        self.server = Server(self.address, Handler)
        self.server.owner = self
        threading.Thread(target=self.server.serve_forever,
                         kwargs={"poll_interval": 0.05}, daemon=True).start()

    def running(self):
        return self.server is not None

    def stop(self):
        self.close()

    def close(self):
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
        self.server = None

    def __enter__(self):
        self.listen()
        return self

    def __exit__(self, *_):
        self.close()


# ---- Redis ------------------------------------------------------------------

class RedisError(Exception):
    """What the server answered with a minus."""


def redis_answer(f):
    """One answer of the Redis protocol, version 2."""
    line = f.readline()
    if not line.endswith(b"\r\n"):
        raise OSError("the connection is closed")
    kind, rest = line[:1], line[1:-2]
    if kind == b"-":
        raise RedisError(rest.decode())
    if kind == b":":
        return int(rest)
    if kind == b"*":
        return [redis_answer(f) for _ in range(int(rest))]
    if kind == b"$" and int(rest) >= 0:
        return f.read(int(rest) + 2)[:-2]
    return None if kind == b"$" else rest


class Redis:
    """redis-server on a unix socket; an answer means that it is in the log
    file, so that kill() loses nothing."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder)
        self.socket = os.path.join(folder, "redis.sock")
        self.url = "unix:" + self.socket
        self.log = os.path.join(folder, "redis.log")
        self.process = None

    def start(self):
        self.process = procs.Process("redis-server", [
            "redis-server", "--port", "0", "--unixsocket", self.socket,
            "--unixsocketperm", "777", "--dir", self.folder, "--save", "",
            "--appendonly", "yes", "--appendfsync", "no"], self.log)
        tap.wait_for(self.answers, START_S, "redis-server answers")

    def answers(self):
        with contextlib.suppress(OSError, RedisError):
            return self.ask("PING") == b"PONG"
        return False

    def ask(self, *words):
        """The answer to one command."""
        words = [w if isinstance(w, bytes) else str(w).encode()
                 for w in words]
        request = b"*%d\r\n" % len(words) + b"".join(
            b"$%d\r\n%s\r\n" % (len(w), w) for w in words)
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(START_S)
            s.connect(self.socket)
            s.sendall(request)
            with s.makefile("rb") as f:
                return redis_answer(f)

    def entries(self, key):
        """Each entry of a stream: {field: value}, as bytes."""
        return [dict(zip(fields[::2], fields[1::2]))
                for _, fields in self.ask("XRANGE", key, "-", "+")]

    def running(self):
        return self.process is not None and self.process.running()

    def kill(self):
        self.process.kill()

    def __enter__(self):
        self.start()
        return self

    def stop(self):
        self.process.stop()

    def __exit__(self, *_):
        if self.running():
            self.stop()
