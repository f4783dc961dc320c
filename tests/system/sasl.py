# SPDX-License-Identifier: Apache-2.0
"""sasl - the server side of Dovecot's protocol by which Postfix asks for
passwords, with PLAIN; it takes any password."""

import base64
import os
import socket
import threading


def serve(path):
    """In threads of this process, until it ends."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    os.chmod(path, 0o666)
    listener.listen()

    def talk(conn):
        with conn, conn.makefile("rw", newline="\n") as f:
            f.write("VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\n"
                    "COOKIE\t00000000000000000000000000000000\nDONE\n")
            f.flush()
            for line in f:
                words = line.rstrip("\n").split("\t")
                if words[0] != "AUTH":
                    continue
                response = [w[5:] for w in words if w.startswith("resp=")]
                user = base64.b64decode(response[0]).split(b"\0")[1].decode()
                f.write("OK\t%s\tuser=%s\n" % (words[1], user))
                f.flush()

    def accept():
        while True:
            threading.Thread(target=talk, args=(listener.accept()[0],),
                             daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
