# SPDX-License-Identifier: Apache-2.0
"""hostile_server - SMTP servers that do what no server may, in threads.

    server = Server("127.0.3.1", play)

play(talk) is called for each connection, with a Talk to say bytes and to hear
lines; when it returns, the rest that the client says is heard until it hangs
up.  A client that hangs up in the middle ends play by an exception that is
taken here: it is what most of these servers are made for.  One that says
something else than play can use is hung up on.
"""

import socket
import threading
import time

WAIT_S = 30


class Unexpected(Exception):
    """Another command than the server is about."""


class Talk:
    """One connection as the server sees it."""

    def __init__(self, sock):
        self.sock = sock
        sock.settimeout(WAIT_S)
        self.heard = bytearray()  # all of it
        self.at = 0  # what hear() has given out
        self.sent = 0
        self.closed = False  # by the client
        self.over = False
        self.began = self.ended = time.monotonic()

    def say(self, octets):
        self.sock.sendall(octets)
        self.sent += len(octets)

    def read(self):
        """More bytes; False at their end."""
        piece = self.sock.recv(65536)
        self.heard += piece
        self.closed = self.closed or not piece
        return bool(piece)

    def hear(self, begin=b""):
        """The next line, which must begin so."""
        while b"\n" not in self.heard[self.at:]:
            if not self.read():
                raise ConnectionError("closed")
        end = self.heard.index(b"\n", self.at) + 1
        line = bytes(self.heard[self.at:end])
        self.at = end
        if not line.startswith(begin):
            raise Unexpected("heard %r, not %r" % (line, begin))
        return line

    def hear_message(self):
        while b"\r\n.\r\n" not in self.heard[self.at:]:
            if not self.read():
                raise ConnectionError("closed")
        self.at = self.heard.index(b"\r\n.\r\n", self.at) + 5

    def answer(self, begin, octets):
        self.hear(begin)
        self.say(octets)

    def flood(self, first, piece, limit):
        """first, then piece again and again until the client hangs up, or
        limit bytes are said."""
        self.say(first)
        piece *= max(1, 65536 // len(piece))
        while self.sent < limit:
            self.say(piece)

    def drip(self, octets, each_s):
        """A byte at a time."""
        for i in range(len(octets)):
            self.say(octets[i:i + 1])
            time.sleep(each_s)

    def finish(self):
        try:
            while self.read():
                pass
        except socket.timeout:
            pass


class Server:
    def __init__(self, ip, play, port=25):
        self.play = play
        self.talks = []  # in the order in which clients came
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind((ip, port))
        self.sock.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            sock, _ = self.sock.accept()
            talk = Talk(sock)
            self.talks.append(talk)
            threading.Thread(target=self.run, args=(talk,),
                             daemon=True).start()

    def run(self, talk):
        try:
            self.play(talk)
            talk.finish()
        except ConnectionError:
            talk.closed = True
        except (socket.timeout, Unexpected):
            pass
        talk.ended = time.monotonic()
        talk.sock.close()
        talk.over = True
