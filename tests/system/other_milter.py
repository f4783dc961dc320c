#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""other_milter - a milter as other people have them: it stands before ours and
edits what passes.

    other_milter.py SOCKET

Each message gets a long X-Scanned field on top and one at the end of the
header, its Subject says [checked], its X-Remove fields go, and where the body
says "please sign" it is replaced: that line gets a disclaimer of 1,500
characters.
"""

import os
import signal
import socket
import struct
import sys
import threading

ADDHDRS, CHGBODY, CHGHDRS = 0x01, 0x02, 0x10
NOCONNECT, NOHELO, NOMAIL, NORCPT, NODATA, NOEOH, LEADSPC = \
    0x1, 0x2, 0x4, 0x8, 0x200, 0x40, 0x100000
LONG = "clean " + 40 * "and_checked_" + 30 * "\n\tagain_and_again"
DISCLAIMER = b"Disclaimer: " + 1488 * b"d"


class Session:
    def __init__(self, sock):
        self.sock = sock
        self.file = sock.makefile("rb")
        self.reset()

    def reset(self):
        self.fields, self.body = [], b""

    def say(self, code, data=b""):
        self.sock.sendall(struct.pack("!I", len(data) + 1) + code + data)

    def end(self):
        names = [n.lower() for n, _ in self.fields]
        self.say(b"i", struct.pack("!I", 0) + b"X-Scanned\0 " +
                 LONG.encode() + b"\0")
        self.say(b"h", b"X-Scanned\0 behind\0")
        if b"subject" in names:
            value = self.fields[names.index(b"subject")][1]
            self.say(b"m", struct.pack("!I", 1) + b"Subject\0" + value +
                     b" [checked]\0")
        for n in range(names.count(b"x-remove"), 0, -1):
            self.say(b"m", struct.pack("!I", n) + b"X-Remove\0\0")
        if b"please sign" in self.body:
            text = self.body.replace(b"please sign", DISCLAIMER)
            for at in range(0, len(text), 65535):
                self.say(b"b", text[at:at + 65535])
        self.reset()

    def run(self):
        while True:
            head = self.file.read(4)
            if len(head) < 4:
                return
            packet = self.file.read(struct.unpack("!I", head)[0])
            code, data = packet[:1], packet[1:]
            if code == b"O":
                steps = NOCONNECT | NOHELO | NOMAIL | NORCPT | NODATA | \
                    NOEOH | LEADSPC
                self.say(b"O", struct.pack("!III", 6, ADDHDRS | CHGBODY |
                                           CHGHDRS, steps))
            elif code == b"L":
                name, value, _ = data.split(b"\0")
                self.fields.append((name, value))
                self.say(b"c")
            elif code == b"B":
                self.body += data
                self.say(b"c")
            elif code == b"E":
                self.body += data
                self.end()
                self.say(b"c")
            elif code == b"A":
                self.reset()
            elif code in (b"Q", b"K"):
                return


def serve(sock):
    try:
        Session(sock).run()
    except OSError:
        pass
    sock.close()


def main():
    path = sys.argv[1]
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    os.chmod(path, 0o666)
    listener.listen(20)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("ready", flush=True)
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],),
                         daemon=True).start()


if __name__ == "__main__":
    main()
