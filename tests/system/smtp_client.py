# SPDX-License-Identifier: Apache-2.0
"""smtp_client - a plain SMTP and LMTP client that hides nothing.

It sends what it is told to, in any order and form, and gives back replies as
(code, text).  Nothing is added to messages; dots are stuffed.
"""

import socket
import time


class Closed(Exception):
    """The server closed the connection."""


class Client:
    def __init__(self, where, lmtp=False, helo="client.example", source=None,
                 timeout_s=30, first=b"", greeted=True):
        """where is a unix path or (ip, port).  first goes before the greeting,
        which is not waited for unless greeted."""
        self.lmtp = lmtp
        self.helo = helo
        self.buffer = b""
        if isinstance(where, str):
            self.sock = socket.socket(socket.AF_UNIX)
        else:
            family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
            self.sock = socket.socket(family)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if source is not None:
                self.sock.bind((source, 0))
        self.sock.settimeout(timeout_s)
        self.sock.connect(where)
        if first:
            self.raw(first)
        self.greeting = self.reply() if greeted else None
        self.extensions = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def raw(self, octets):
        self.sock.sendall(octets)

    def line(self):
        while b"\n" not in self.buffer:
            chunk = self.sock.recv(65536)
            if not chunk:
                raise Closed("connection closed, had %r" % self.buffer)
            self.buffer += chunk
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.rstrip(b"\r").decode("utf-8", "replace")

    def reply(self):
        lines = []
        while True:
            line = self.line()
            lines.append(line[4:])
            if line[3:4] != "-":
                return int(line[:3]), "\n".join(lines)

    def command(self, text):
        self.raw(text.encode() + b"\r\n")
        return self.reply()

    def hello(self):
        verb = "LHLO" if self.lmtp else "EHLO"
        code, text = self.command("%s %s" % (verb, self.helo))
        for line in text.split("\n")[1:]:
            name, _, value = line.partition(" ")
            self.extensions[name.upper()] = value
        return code, text

    def data(self, message, rcpt_count):
        """DATA and the message; one reply, or with LMTP one a recipient."""
        answer = self.command("DATA")
        if answer[0] != 354:
            return [answer]
        self.raw(stuffed(message))
        self.dot_mono = time.monotonic()  # from here on it may be taken
        self.raw(b".\r\n")
        return [self.reply() for _ in range(rcpt_count if self.lmtp else 1)]

    def send(self, sender, rcpts, message, xforward=None, params=""):
        """One transaction: (replies to RCPT, replies after the dot)."""
        if xforward:
            self.command("XFORWARD " + " ".join(
                "%s=%s" % i for i in xforward.items()))
        answer = self.command("MAIL FROM:<%s>%s" % (sender, params))
        if answer[0] != 250:
            return [answer], []
        taken = [self.command("RCPT TO:<%s>" % r) for r in rcpts]
        good = sum(1 for code, _ in taken if code == 250)
        if good == 0:
            self.command("RSET")
            return taken, []
        return taken, self.data(message, good)

    def quit(self):
        try:
            return self.command("QUIT")
        finally:
            self.close()


def stuffed(message):
    if isinstance(message, str):
        message = message.encode()
    message = message.replace(b"\r\n.", b"\r\n..")
    if message.startswith(b"."):
        message = b"." + message
    if not message.endswith(b"\r\n"):
        message += b"\r\n"
    return message


def compose(sender, rcpt, subject="test", headers=(), body="Hello.\n",
            size=0):
    """A message of at least `size` bytes, lines ended by CRLF."""
    head = ["From: <%s>" % sender, "To: <%s>" % rcpt,
            "Date: Fri, 20 Nov 2026 12:00:00 +0000",
            "Subject: " + subject] + ["%s: %s" % h for h in headers]
    text = "\n".join(head) + "\n\n" + body
    filler = "All work and no play makes a dull message, says the test.\n"
    while len(text) < size:
        text += filler
    return text.replace("\r\n", "\n").replace("\n", "\r\n").encode()
