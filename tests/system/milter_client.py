# SPDX-License-Identifier: Apache-2.0
"""milter_client - the host MTA's side of the milter protocol, version 6.

For what miltertest cannot do: fields and addresses larger than its buffers,
and the message as it stands after the milter's changes.
"""

import socket
import struct

ADDHDRS, CHGHDRS, SETSYMLIST = 0x01, 0x10, 0x100
ALL_ACTIONS, ALL_STEPS = 0x1ff, 0x1fffff
NOHELO, NODATA, NOEOH, LEADSPC = 0x2, 0x200, 0x40, 0x100000
NO_REPLY = {"C": 0x1000, "M": 0x4000, "R": 0x8000, "L": 0x80, "B": 0x80000}
AT_CONNECT, AT_MAIL, AT_RCPT, AT_END = 0, 2, 3, 5  # SMFIM_*
BODY_MAX = 65535


class Client:
    """One connection; send() carries one message over it."""

    def __init__(self, path, actions=ALL_ACTIONS, steps=ALL_STEPS):
        self.kept = None  # bytes that wait
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(path)
        self._write("O", struct.pack("!III", 6, actions, steps))
        code, data = self._read()
        assert code == "O", code
        _, self.actions, self.steps = struct.unpack("!III", data[:12])
        self.symbols = self._symbols(data[12:])
        self.connected = False

    @staticmethod
    def _symbols(data):
        """Step to the names of macros that it asks for (SMFIC_OPTNEG)."""
        wanted = {}
        while data:
            step, = struct.unpack("!I", data[:4])
            names, _, data = data[4:].partition(b"\0")
            wanted[step] = names.decode().split()
        return wanted

    def close(self):
        try:
            self._write("Q", b"")
        finally:
            self.sock.close()

    def keep(self):
        """What takes no reply waits for what does."""
        self.kept = b""

    def _write(self, code, data):
        packet = struct.pack("!I", len(data) + 1) + code.encode() + data
        if self.kept is None:
            self.sock.sendall(packet)
        else:
            self.kept += packet

    def _send_kept(self):
        if self.kept is not None:
            self.sock.sendall(self.kept)
            self.kept = b""

    def _exactly(self, n):
        out = b""
        while len(out) < n:
            piece = self.sock.recv(n - len(out))
            if not piece:
                raise EOFError("the milter has closed the connection")
            out += piece
        return out

    def _read(self):
        self._send_kept()
        n, = struct.unpack("!I", self._exactly(4))
        packet = self._exactly(n)
        return packet[:1].decode(), packet[1:]

    def step(self, code, data):
        self._write(code, data)
        if not self.steps & NO_REPLY.get(code, 0):
            answer, _ = self._read()
            assert answer == "c", (code, answer)

    def _macros(self, code, **values):
        data = code.encode()
        for name, value in values.items():
            name = name if len(name) == 1 else "{%s}" % name
            data += name.encode() + b"\0" + value + b"\0"
        self._write("D", data)

    def begin(self, sender=b"<a@example.net>", rcpts=(b"<x@sign.example>",),
              ip="10.0.0.9", queue_id=b"4Zclient"):
        if not self.connected:
            self._macros("C", client_port=b"4321")
            self.step("C", b"client.example\0" + b"4" +
                       struct.pack("!H", 4321) + ip.encode() + b"\0")
            self.connected = True
        self._macros("M", mail_addr=sender)
        self.step("M", sender + b"\0")
        for rcpt in rcpts:
            self._macros("R", i=queue_id, rcpt_mailer=b"mailrace")
            self.step("R", rcpt + b"\0")

    def rcpt(self, rcpt, queue_id=b"4Zclient"):
        """The milter's answer, of one that was asked to give any."""
        self._macros("R", i=queue_id, rcpt_mailer=b"mailrace")
        self._write("R", rcpt + b"\0")
        return self._read()

    def abort(self):
        self._write("A", b"")

    def send(self, headers, body, queue_id=b"4Zclient", **envelope):
        """Headers: (name, value) with LF folds and leading blank.

        Returns (code, message as changed, [(what, ...)] of the changes).
        """
        self.begin(queue_id=queue_id, **envelope)
        return self.finish(headers, body, queue_id)

    def finish(self, headers, body, queue_id=b"4Zclient"):
        """What follows on begin(); as send()."""
        for name, value in headers:
            if not self.steps & LEADSPC and value[:1] == b" ":
                value = value[1:]
            self.step("L", name + b"\0" + value + b"\0")
        for at in range(0, len(body), BODY_MAX):
            self.step("B", body[at:at + BODY_MAX])
        self._macros("E", i=queue_id)
        self._write("E", b"")
        fields, changes = list(headers), []
        while True:
            code, data = self._read()
            if code == "p":
                continue
            if code not in "imh":
                changes.append((code, data))
                return code, self._message(fields, body), changes
            number = 0
            if code != "h":
                number, = struct.unpack("!I", data[:4])
                data = data[4:]
            name, value, _ = data.split(b"\0", 2)
            changes.append((code, number, name, value))
            self._change(fields, *changes[-1])

    def _change(self, fields, code, number, name, value):
        if code == "i":
            if not self.steps & LEADSPC:
                value = b" " + value
            fields.insert(number, (name, value))
            return
        assert code == "m" and value == b"", (code, value)
        same = [i for i, f in enumerate(fields)
                if f[0].lower() == name.lower()]
        del fields[same[number - 1]]

    @staticmethod
    def _message(fields, body):
        out = b"".join(n + b":" + v.replace(b"\n", b"\r\n") + b"\r\n"
                       for n, v in fields)
        return out + b"\r\n" + body
