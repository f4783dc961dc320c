#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""receiver - many scripted SMTP servers in one process.

    receiver.py --script FILE --log FILE [--store DIR] [--ready-fd N]

The script is JSON: {"log_headers": [...], "receivers": [RECEIVER...]}.

RECEIVER:
    listen        ["127.0.1.1:25", "[::1]:25"]
    name          host name in greeting and EHLO reply
    ehlo          keywords offered; STARTTLS needs tls
    tls           {"cert": FILE, "key": FILE}; "only": "TLSv1_1" speaks no
                  other version
    max_messages  421 and close instead of the next MAIL after so many
    store         false: not kept even with --store
    rcvbuf        bytes that the kernel takes for us
    rules         [RULE...], the first that fits is used

RULE:
    at        connect ehlo helo starttls handshake auth mail rcpt data body
              dot answer rset quit; handshake is behind the 220 to STARTTLS, body
              where some of the message has come, answer where it is taken
              and logged and its 250 is due
    client    the address that is called from; without it any
    match     regular expression on the command's argument (dot: on the
              message's first 64 KB); without it any
    reply     "450 4.2.1 try later", several lines by \\n, exact bytes by
              "raw:"
    action    reply (default), close (after the reply), drop (reset, without
              one), hang (say nothing more; body: read nothing more,
              either), pass (go on as if no rule
              was there; with delay)
    delay     seconds before the reply
    count     fits so many times
    per       "value": count applies to each different argument
    probability  fits by chance
    after, until seconds since start in which it fits
    over      fits while more connections than this are open

The log has one JSON object a line: ev is connect, ehlo, starttls, mail, rcpt,
message, close, rule for each answer that a rule gave, and delay where a rule
begins to wait.  `t` is the kernel's time, of the bytes that held the command;
of connect that of the client's SYN, of close that of its FIN or RST, or just
before ours when we close first.  `mono` is time.monotonic() when we came to
it.  What a client was answered is in the log already: who has seen the answer,
or what came of it, finds it there.  The process is one thread around epoll.
SIGUSR1 makes it reset every connection that hangs.
"""

import argparse
import base64
import errno
import hashlib
import heapq
import json
import os
import random
import re
import select
import signal
import socket
import ssl
import struct
import sys
import time

import keys
import wire

READ_SIZE = 65536
LINE_MAX = 8192
DEFAULT_EHLO = ["PIPELINING", "SIZE 52428800", "8BITMIME",
                "ENHANCEDSTATUSCODES", "SMTPUTF8"]


class Rule:
    def __init__(self, spec, start):
        self.at = spec["at"]
        self.client = spec.get("client")
        self.match = None
        if "match" in spec:
            self.match = re.compile(spec["match"].encode(), re.I)
        self.reply = spec.get("reply")
        self.action = spec.get("action", "reply")
        self.delay = spec.get("delay", 0)
        self.count = spec.get("count")
        self.per_value = spec.get("per") == "value"
        self.probability = spec.get("probability", 1)
        self.start = start
        self.after = spec.get("after", 0)
        self.until = spec.get("until", float("inf"))
        self.over = spec.get("over", -1)
        self.used = {}

    def fits(self, argument, connections, client):
        now = time.monotonic() - self.start
        if connections <= self.over or self.client not in (None, client):
            return False
        if now < self.after or now >= self.until:
            return False
        if self.match is not None and not self.match.search(argument):
            return False
        if self.probability < 1 and random.random() >= self.probability:
            return False
        if self.count is None:
            return True
        key = argument if self.per_value else b""
        used = self.used.get(key, 0)
        if used >= self.count:
            return False
        self.used[key] = used + 1
        return True


class Receiver:
    """What one scripted server is like; shared by its connections."""

    def __init__(self, spec, start):
        self.name = spec.get("name", "receiver.example")
        self.listen = spec["listen"]
        self.ehlo = spec.get("ehlo", DEFAULT_EHLO)
        self.max_messages = spec.get("max_messages")
        self.store = spec.get("store", True)
        self.rcvbuf = spec.get("rcvbuf")
        self.connections = 0
        self.rules = {}
        for r in spec.get("rules", []):
            self.rules.setdefault(r["at"], []).append(Rule(r, start))
        self.tls = None
        if "tls" in spec:
            self.tls = keys.tls_server(spec["tls"])

    def rule(self, at, argument, client):
        for r in self.rules.get(at, ()):
            if r.fits(argument, self.connections, client):
                return r
        return None


class Log:
    def __init__(self, path):
        self.file = open(path, "a", buffering=1 << 16)
        self.dumps = json.JSONEncoder(ensure_ascii=True,
                                      separators=(",", ":")).encode

    def write(self, record):
        self.file.write(self.dumps(record) + "\n")

    def flush(self):
        self.file.flush()


class Server:
    def __init__(self, args):
        start = time.monotonic()
        with open(args.script) as f:
            script = json.load(f)
        self.log = Log(args.log)
        self.store_dir = args.store
        self.headers = [(h, re.compile(
            rb"^" + re.escape(h.encode()) + rb":[ \t]*(.*?)\r?$", re.I | re.M))
            for h in script.get("log_headers", ["Message-ID"])]
        self.epoll = select.epoll()
        self.fds = {}
        self.timers = []
        self.timer_number = 0
        self.next_id = 1
        self.hanging = set()
        self.running = True
        self.receivers = [Receiver(r, start) for r in script["receivers"]]
        self.wire = wire.Wire(int(where.rpartition(":")[2])
                              for r in self.receivers for where in r.listen)
        for r in self.receivers:
            for where in r.listen:
                self.listen(r, where)

    def listen(self, receiver, where):
        host, _, port = where.rpartition(":")
        host = host.strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        s = socket.socket(family, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((host, int(port)))
        if receiver.rcvbuf is not None:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receiver.rcvbuf)
        s.listen(1024)
        s.setblocking(False)
        self.fds[s.fileno()] = (self.on_accept, s, receiver, where)
        self.epoll.register(s.fileno(), select.EPOLLIN)

    def on_accept(self, entry, _events):
        _, listener, receiver, where = entry
        for _ in range(64):
            try:
                sock, peer = listener.accept()
            except OSError:
                return
            Connection(self, receiver, where, sock, peer)

    def later(self, delay, fn):
        self.timer_number += 1
        heapq.heappush(self.timers,
                       (time.monotonic() + delay, self.timer_number, fn))

    def run_timers(self):
        now = time.monotonic()
        while self.timers and self.timers[0][0] <= now:
            heapq.heappop(self.timers)[2]()

    def watch_signals(self):
        """A handler alone does not end a wait: it goes on afterwards."""
        ours, theirs = socket.socketpair()
        for s in (ours, theirs):
            s.setblocking(False)
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        self.fds[ours.fileno()] = (lambda entry, _: entry[1].recv(64), ours,
                                   theirs)
        self.epoll.register(ours.fileno(), select.EPOLLIN)
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        signal.signal(signal.SIGUSR1, self.drop_hanging)

    def stop(self, _signo, _frame):
        self.running = False

    def drop_hanging(self, _signo, _frame):
        self.later(0, lambda: [c.drop() for c in list(self.hanging)])

    def run(self):
        while self.running:
            wait = self.timers[0][0] - time.monotonic() if self.timers else 1
            try:
                ready = self.epoll.poll(min(max(wait, 0), 1), 256)
            except InterruptedError:
                continue
            for fd, events in ready:
                entry = self.fds.get(fd)
                if entry is not None:
                    entry[0](entry, events)
            self.run_timers()
            self.log.flush()


class Connection:
    """One client.  `state` is command, data or dead."""

    def __init__(self, server, receiver, where, sock, peer):
        self.server = server
        self.conf = receiver
        receiver.connections += 1
        self.where = where
        self.sock = sock
        self.fd = sock.fileno()
        self.path = peer[:2] + sock.getsockname()[:2]
        self.peer = peer[0]
        self.id = server.next_id
        server.next_id += 1
        self.inbuf = bytearray()
        self.outbuf = bytearray()
        self.state = "command"
        self.paused = False  # a delayed reply is due; input waits
        self.deaf = False  # nothing is read from the socket
        self.closing = False
        self.tls = self.tls_in = self.tls_out = None
        self.handshaken = False
        self.helo = self.user = ""
        self.messages = 0
        self.stamp = server.wire.began(*self.path)
        self.reset()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, wire.SO_TIMESTAMPNS, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.fds[self.fd] = (self.on_event,)
        self.events = select.EPOLLIN
        server.epoll.register(self.fd, self.events)
        self.record("connect", port=peer[1])
        self.step("connect", b"", self.greet)

    # ---- log ---------------------------------------------------------------

    def record(self, ev, **fields):
        r = {"ev": ev, "t": self.stamp, "mono": time.monotonic(),
             "id": self.id, "to": self.where, "peer": self.peer}
        r.update(fields)
        self.server.log.write(r)

    # ---- bytes in and out --------------------------------------------------

    def on_event(self, _entry, events):
        if events & select.EPOLLOUT:
            self.flush()
        if self.state != "dead" and events & ~select.EPOLLOUT:
            self.read()

    def read(self):
        try:
            chunk, ancillary, _, _ = self.sock.recvmsg(READ_SIZE, 64)
        except BlockingIOError:
            return
        except OSError as e:
            self.gone(errno.errorcode.get(e.errno, "error"))
            return
        if not chunk:
            self.gone("eof")
            return
        self.stamp = wire.stamp_of(ancillary, time.time())
        if self.tls is not None:
            chunk = self.decrypt(chunk)
        self.inbuf += chunk
        self.process()

    def decrypt(self, chunk):
        self.tls_in.write(chunk)
        plain = bytearray()
        try:
            if not self.handshaken:
                self.tls.do_handshake()
                self.handshaken = True
                self.record("starttls", version=self.tls.version(),
                            cipher=self.tls.cipher()[0])
            while True:
                got = self.tls.read(READ_SIZE)
                if not got:
                    break
                plain += got
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as e:
            self.gone("tls: %s" % e.reason)
            return b""
        self.send_tls()
        return bytes(plain)

    def send_tls(self):
        if self.tls_out.pending:
            self.outbuf += self.tls_out.read()
            self.flush()

    def send(self, octets):
        if self.state == "dead":
            return
        if self.tls is not None:
            self.tls.write(octets)
            self.send_tls()
            return
        self.outbuf += octets
        self.flush()

    def flush(self):
        self.server.log.flush()
        try:
            while self.outbuf:
                n = self.sock.send(self.outbuf)
                del self.outbuf[:n]
        except BlockingIOError:
            pass
        except OSError as e:
            self.gone(errno.errorcode.get(e.errno, "error"))
            return
        want = (0 if self.deaf else select.EPOLLIN) | \
            (select.EPOLLOUT if self.outbuf else 0)
        if want != self.events:
            self.events = want
            self.server.epoll.modify(self.fd, want)
        if self.closing and not self.outbuf:
            self.gone("closed by us")

    def gone(self, why):
        if self.state == "dead":
            return
        self.state = "dead"
        self.conf.connections -= 1
        self.server.hanging.discard(self)
        now = time.time()  # a client that closes unseen does it later
        self.stamp = self.server.wire.ended(*self.path) or now
        self.record("close", why=why, messages=self.messages)
        del self.server.fds[self.fd]
        self.server.epoll.unregister(self.fd)
        self.server.log.flush()
        self.sock.close()

    def drop(self):
        """Ends with a reset, as a server that crashed."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
        self.gone("dropped by us")

    # ---- replies -----------------------------------------------------------

    def reply(self, text):
        if text.startswith("raw:"):
            self.send(text[4:].encode("latin-1"))
            return
        code, lines = text[:3], text.split("\n")
        out = [lines[0][4:]] + lines[1:]
        last = len(out) - 1
        self.send("".join(
            "%s%s%s\r\n" % (code, " " if i == last else "-", line)
            for i, line in enumerate(out)).encode())

    def step(self, at, argument, go_on):
        """Does what the script says here, or what a plain server would.
        go_on(None) answers well; go_on("550 ...") was answered so."""
        rule = self.conf.rule(at, argument, self.peer)
        if rule is None:
            go_on(None)
            return
        if rule.delay:
            self.record("delay", at=at)
            self.paused = True
            self.server.later(rule.delay,
                              lambda: self.resume(rule, go_on))
            return
        self.obey(rule, go_on)

    def resume(self, rule, go_on):
        if self.state == "dead":
            return
        self.paused = False
        self.obey(rule, go_on)
        if self.state != "dead":
            self.process()

    def obey(self, rule, go_on):
        if rule.action != "pass":
            self.record("rule", at=rule.at, action=rule.action,
                        reply=rule.reply or "")
        if rule.action == "drop":
            self.drop()
        elif rule.action == "hang":
            self.paused = True
            self.deaf = rule.at == "body"
            self.server.hanging.add(self)
            self.flush()
        elif rule.action == "pass":
            go_on(None)
        else:
            if rule.reply is not None:
                self.reply(rule.reply)
                go_on(rule.reply)
            if rule.action == "close":
                self.close()

    def close(self):
        if self.state == "dead":
            return
        self.closing = True
        self.flush()

    # ---- the dialogue ------------------------------------------------------

    def reset(self):
        self.sender = None
        self.rcpts = []

    def greet(self, said):
        if said is None:
            self.reply("220 %s ESMTP scripted" % self.conf.name)

    def process(self):
        while self.state != "dead" and not self.paused and not self.closing:
            if self.state == "data":
                if not self.take_message():
                    return
                continue
            end = self.inbuf.find(b"\n")
            if end == -1:
                if len(self.inbuf) > LINE_MAX:
                    self.reply("500 5.5.2 line too long")
                    self.close()
                return
            line = bytes(self.inbuf[:end]).rstrip(b"\r")
            del self.inbuf[:end + 1]
            self.command(line)

    def command(self, line):
        verb, _, argument = line.partition(b" ")
        fn = self.COMMANDS.get(verb.upper())
        if fn is None:
            self.record("unknown", line=line.decode("latin-1")[:200])
            self.reply("500 5.5.2 what?")
            return
        fn(self, argument)

    def cmd_ehlo(self, argument):
        self.helo = argument.decode("latin-1")
        self.reset()
        self.record("ehlo", helo=self.helo)

        def go_on(said):
            if said is None:
                offer = [k for k in self.conf.ehlo
                         if not (k == "STARTTLS" and self.tls is not None)]
                self.reply("250 " + "\n".join([self.conf.name] + offer))
        self.step("ehlo", argument, go_on)

    def cmd_helo(self, argument):
        self.helo = argument.decode("latin-1")
        self.reset()
        self.record("helo", helo=self.helo)

        def go_on(said):
            if said is None:
                self.reply("250 " + self.conf.name)
        self.step("helo", argument, go_on)

    def cmd_starttls(self, argument):
        def go_on(said):
            if said is not None:
                return
            if self.conf.tls is None or self.tls is not None:
                self.reply("454 4.7.0 TLS not available")
                return
            self.reply("220 2.0.0 go ahead")
            self.inbuf.clear()
            self.step("handshake", b"", self.begin_tls)
        self.step("starttls", argument, go_on)

    def begin_tls(self, _said):
        self.tls_in, self.tls_out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = self.conf.tls.wrap_bio(self.tls_in, self.tls_out,
                                          server_side=True)
        self.helo = ""
        self.reset()

    def cmd_mail(self, argument):
        if self.conf.max_messages is not None and \
                self.messages >= self.conf.max_messages:
            self.reply("421 4.7.0 too many messages on this connection")
            self.close()
            return

        def go_on(said):
            sender, params = path_of(argument)
            self.record("mail", sender=sender, params=params,
                        tls=self.tls is not None)
            if said is None:
                self.reply("250 2.1.0 ok")
            if said is None or said.startswith("2"):
                self.sender = sender
                self.params = params
        self.step("mail", argument, go_on)

    def cmd_auth(self, argument):
        """PLAIN with an initial response; any password will do."""
        def go_on(said):
            mechanism, _, response = argument.partition(b" ")
            if said is not None:
                return
            if mechanism.upper() != b"PLAIN" or not response:
                self.reply("504 5.5.4 PLAIN with all in one line")
                return
            self.user = base64.b64decode(response).split(b"\0")[1].decode()
            self.reply("235 2.7.0 welcome")
        self.step("auth", argument, go_on)

    def cmd_rcpt(self, argument):
        # Logged when it arrives, whatever is answered: this is what a
        # limit counts.
        rcpt, params = path_of(argument)
        self.record("rcpt", rcpt=rcpt, params=params, sender=self.sender)
        if self.sender is None:
            self.reply("503 5.5.1 MAIL first")
            return

        def go_on(said):
            if said is None:
                self.reply("250 2.1.5 ok")
            if said is None or said.startswith("2"):
                self.rcpts.append(rcpt)
        self.step("rcpt", argument, go_on)

    def cmd_data(self, argument):
        if not self.rcpts:
            self.reply("503 5.5.1 no valid recipients" if self.sender is None
                       else "554 5.5.1 no valid recipients")
            return

        def go_on(said):
            if said is None:
                self.reply("354 go ahead")
            if said is None or said.startswith("354"):
                self.state = "data"
                self.body_seen = False
        self.step("data", argument, go_on)

    def take_message(self):
        """True when the whole message was there."""
        if self.inbuf and not self.body_seen:
            self.body_seen = True
            self.step("body", bytes(self.inbuf[:READ_SIZE]), self.go_on)
            return True  # process() looks whether it does
        if self.inbuf.startswith(b".\r\n"):
            raw, used = b"", 3
        else:
            end = self.inbuf.find(b"\r\n.\r\n")
            if end == -1:
                return False
            raw, used = bytes(self.inbuf[:end + 2]), end + 5
        del self.inbuf[:used]
        self.state = "command"
        message = raw.replace(b"\r\n..", b"\r\n.")
        if message.startswith(b".."):
            message = message[1:]
        rcpts, sender = self.rcpts, self.sender
        self.step("dot", message[:READ_SIZE],
                  lambda said: self.finish(said, message, sender, rcpts))
        return True

    def go_on(self, _said):
        """A step that has nothing to do for a plain server."""

    def finish(self, said, message, sender, rcpts):
        code = 250 if said is None else int(said[:3])
        head, _, body = message.partition(b"\r\n\r\n")
        found = {}
        for name, regex in self.server.headers:
            m = regex.search(head)
            if m is not None:
                found[name] = m.group(1).decode("utf-8", "replace")
        self.messages += 1
        self.record("message", helo=self.helo, sender=sender, rcpts=rcpts,
                    params=self.params,
                    tls=self.tls.version() if self.tls else "",
                    size=len(message), code=code, headers=found,
                    sha256=hashlib.sha256(message).hexdigest(),
                    body_sha256=hashlib.sha256(body).hexdigest(),
                    n=self.messages, file=self.keep(message), user=self.user)
        self.reset()
        if said is None:
            self.step("answer", b"", self.taken)

    def taken(self, said):
        if said is None:
            self.reply("250 2.0.0 taken")

    def keep(self, message):
        if self.server.store_dir is None or not self.conf.store:
            return ""
        path = os.path.join(self.server.store_dir,
                            "%d-%d.eml" % (self.id, self.messages))
        with open(path, "wb") as f:
            f.write(message)
        return path

    def cmd_rset(self, argument):
        self.reset()

        def go_on(said):
            if said is None:
                self.reply("250 2.0.0 ok")
        self.step("rset", argument, go_on)

    def cmd_noop(self, _argument):
        self.reply("250 2.0.0 ok")

    def cmd_quit(self, argument):
        def go_on(said):
            if said is None:
                self.reply("221 2.0.0 bye")
                self.close()
        self.step("quit", argument, go_on)

    COMMANDS = {b"EHLO": cmd_ehlo, b"HELO": cmd_helo, b"MAIL": cmd_mail,
                b"RCPT": cmd_rcpt, b"DATA": cmd_data, b"RSET": cmd_rset,
                b"NOOP": cmd_noop, b"QUIT": cmd_quit,
                b"STARTTLS": cmd_starttls, b"AUTH": cmd_auth}


def path_of(argument):
    """"FROM:<a@b> SIZE=1" gives ("a@b", "SIZE=1")."""
    m = re.match(rb"(?:FROM|TO):\s*<([^>]*)>\s*(.*)$", argument, re.I)
    if m is None:
        return argument.decode("latin-1"), ""
    return (m.group(1).decode("utf-8", "replace"),
            m.group(2).decode("utf-8", "replace"))


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--script", required=True)
    p.add_argument("--log", required=True)
    p.add_argument("--store")
    p.add_argument("--ready-fd", type=int)
    args = p.parse_args()
    server = Server(args)
    server.watch_signals()
    if args.ready_fd is not None:
        os.write(args.ready_fd, b"ready\n")
        os.close(args.ready_fd)
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
