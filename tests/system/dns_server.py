#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A scripted DNS server for tests and the demo: UDP and TCP, standard library only.

usage: dns_server.py --listen IP:PORT [--listen ...] --zone FILE [--log FILE]
                     [--negative-ttl SECONDS] [--ad]

It answers like a recursive resolver that knows nothing but the zone file.
Prints "ready" on standard output when it listens (for port 0 first a line
"listening IP:PORT" for each), "reloaded" when SIGHUP made it read the zone
again; a zone with mistakes keeps the old one and is told on standard error.
SIGTERM and SIGINT end it.

The zone is a text file, one fact a line, `#` or `;` starts a comment line:

    NAME TTL TYPE VALUE      a record; types: A AAAA MX CNAME NS PTR TXT TLSA
                               mail.example     300 MX    10 mx1.mail.example
                               nomail.example   300 MX    0 .
                               mx1.mail.example 300 A     127.0.0.2
                               k._domainkey.a.example 300 TXT "v=DKIM1; p=..."
    NAME SERVFAIL [TYPE]     answers so; also REFUSED, FORMERR, NXDOMAIN,
                             NODATA (with TYPE: for questions of that type)
    NAME TIMEOUT [TYPE]      does not answer
    NAME TC [TYPE]           truncated and empty on UDP, whole on TCP
    NAME DELAY MS [TYPE]     answers so much later
    NAME GARBAGE [TYPE]      the reply is cut in the middle
    NAME TURNED [TYPE]       the records are turned by one with each question
    NAME SERVFAIL-FIRST N    the first N questions for NAME get SERVFAIL
    NAME TIMEOUT-FIRST N     the first N questions for NAME get no answer

`*.example` stands for every name below example that has no line of its own.
In VALUE of MX and CNAME, `%` is replaced by the name asked for (wildcards).
CNAMEs within the zone are followed.  Names that are not there: NXDOMAIN, with
a SOA whose minimum is --negative-ttl (60).  --ad sets the AD bit.

The log has one JSON object a line for each question:
    {"time": 1700000000.123456, "proto": "udp", "name": "mail.example",
     "type": "MX", "id": 4711, "rcode": "NOERROR", "answers": 1}
"rcode" is "-" when no answer is given.
"""

import argparse
import heapq
import ipaddress
import itertools
import json
import os
import selectors
import signal
import socket
import struct
import sys
import time

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16,
         "AAAA": 28, "SRV": 33, "DS": 43, "DNSKEY": 48, "TLSA": 52,
         "HTTPS": 65, "ANY": 255, "CAA": 257}
TYPE_NAMES = {v: k for k, v in TYPES.items()}
RCODES = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3,
          "REFUSED": 5}
RCODE_NAMES = {v: k for k, v in RCODES.items()}
BEHAVIOURS = {"SERVFAIL", "REFUSED", "FORMERR", "NXDOMAIN", "NODATA",
              "TIMEOUT", "TC", "DELAY", "GARBAGE", "SERVFAIL-FIRST",
              "TIMEOUT-FIRST", "TURNED"}
COUNTED = {"DELAY", "SERVFAIL-FIRST", "TIMEOUT-FIRST"}
MAX_TCP = 200
MAX_CHAIN = 16


def wire_name(name):
    """"a.example" as length-prefixed labels."""
    out = b""
    for label in name.rstrip(".").split("."):
        if not label:
            continue
        raw = label.encode("ascii", "surrogateescape")
        if len(raw) > 63:
            raise ValueError("label longer than 63 bytes: %s" % label)
        out += bytes([len(raw)]) + raw
    return out + b"\0"


def txt_strings(value):
    """Quoted strings, or the rest of the line as one."""
    if not value.startswith('"'):
        return [value.encode()]
    parts = value.split('"')
    return [p.encode() for p in parts[1::2]]


def encode_value(rtype, value):
    """The record data; `%` stays for MX and CNAME and is filled in later."""
    if rtype in ("A", "AAAA"):
        addr = ipaddress.ip_address(value)
        if addr.version != (4 if rtype == "A" else 6):
            raise ValueError("%s is no address for %s" % (value, rtype))
        return addr.packed
    if rtype == "MX":
        pref, host = value.split()
        return struct.pack("!H", int(pref)) + wire_name(host.lower())
    if rtype in ("CNAME", "NS", "PTR"):
        return wire_name(value.lower())
    if rtype == "TXT":
        out = b""
        for text in txt_strings(value):
            for i in range(0, max(len(text), 1), 255):
                piece = text[i:i + 255]
                out += bytes([len(piece)]) + piece
        return out
    if rtype == "TLSA":
        usage, selector, match, digest = value.split(None, 3)
        return bytes([int(usage), int(selector), int(match)]) + \
            bytes.fromhex(digest.replace(" ", ""))
    raise ValueError("type %s cannot be served" % rtype)


class Zone:
    """Records and behaviours by lower-case name."""

    def __init__(self, path):
        self.records = {}     # (name, type) -> [(ttl, value)]
        self.names = set()    # every name that exists, also in between
        self.behaviours = {}  # name -> {(word, type or None): number}
        with open(path, encoding="utf-8", errors="surrogateescape") as f:
            for number, line in enumerate(f, 1):
                try:
                    self.add_line(line.strip())
                except (ValueError, IndexError) as exc:
                    raise ValueError("%s:%d: %s" % (path, number, exc)) \
                        from None

    def add_name(self, name):
        while name and name not in self.names:
            self.names.add(name)
            name = name.partition(".")[2]

    def add_line(self, line):
        if not line or line[0] in "#;":
            return
        words = line.split(None, 3)
        if len(words) < 2:
            raise ValueError("too short: %s" % line)
        name = words[0].lower().rstrip(".")
        wire_name(name)
        if words[1].upper() in BEHAVIOURS:
            self.add_behaviour(name, line.split("#")[0].split()[1:])
            return
        if len(words) < 4 or not words[1].isdigit():
            raise ValueError("neither NAME TTL TYPE VALUE nor a known "
                             "behaviour: %s" % line)
        rtype, value = words[2].upper(), words[3]
        if rtype != "TXT":
            value = value.split(" #")[0].strip()
        if rtype not in TYPES:
            raise ValueError("unknown type %s" % rtype)
        encode_value(rtype, value)
        if "%" not in value or rtype not in ("MX", "CNAME"):
            value = encode_value(rtype, value)
        self.records.setdefault((name, rtype), []).append(
            (int(words[1]), value))
        self.add_name(name)

    def add_behaviour(self, name, words):
        word, rest, number = words[0].upper(), words[1:], 0
        if word in COUNTED:
            number = int(rest[0])
            rest = rest[1:]
        rtype = rest[0].upper() if rest else None
        if rtype is not None and rtype not in TYPES:
            raise ValueError("unknown type %s" % rtype)
        self.behaviours.setdefault(name, {})[(word, rtype)] = number
        if word != "NXDOMAIN":
            self.add_name(name)

    def closest(self, name):
        """The name whose lines apply: itself, or a wildcard above."""
        if name in self.names or name in self.behaviours:
            return name
        rest = name
        while rest:
            rest = rest.partition(".")[2]
            star = "*." + rest if rest else "*"
            if star in self.names or star in self.behaviours:
                return star
            if rest in self.names:
                return None
        return None

    def behaviour(self, name, rtype):
        found = self.behaviours.get(self.closest(name), {})
        return {word: number for (word, only), number in found.items()
                if only is None or only == rtype}

    def lookup(self, name, rtype):
        """-> (rcode, [(owner, type, ttl, data)])"""
        answers = []
        for _ in range(MAX_CHAIN):
            owner = self.closest(name)
            if owner is None:
                return (0 if answers else 3), answers
            records = self.records.get((owner, rtype), [])
            if records:
                return 0, answers + [
                    (name, rtype, ttl, self.fill(rtype, value, name))
                    for ttl, value in records]
            alias = self.records.get((owner, "CNAME"))
            if not alias:
                return 0, answers
            ttl, value = alias[0]
            data = self.fill("CNAME", value, name)
            answers.append((name, "CNAME", ttl, data))
            name = read_name(data, 0)[0]
        return 2, []

    @staticmethod
    def fill(rtype, value, name):
        if isinstance(value, bytes):
            return value
        return encode_value(rtype, value.replace("%", name))


def read_name(packet, pos):
    """A name without compression (questions have none)."""
    labels = []
    while True:
        length = packet[pos]
        pos += 1
        if length == 0:
            break
        if length > 63:
            raise ValueError("compressed question")
        labels.append(packet[pos:pos + length])
        if len(labels[-1]) < length:
            raise ValueError("short name")
        pos += length
    text = b".".join(labels).decode("ascii", "surrogateescape").lower()
    return text, pos


class Question:
    def __init__(self, packet):
        self.id, self.flags, count, _, _, extra = \
            struct.unpack("!6H", packet[:12])
        if self.flags & 0x8000 or count != 1:
            raise ValueError("no question")
        self.name, pos = read_name(packet, 12)
        qtype, _ = struct.unpack("!2H", packet[pos:pos + 4])
        pos += 4
        self.section = packet[12:pos]
        self.type = TYPE_NAMES.get(qtype, str(qtype))
        self.edns, self.payload = False, 512
        # OPT is the only extra record that a client sends here.
        if extra == 1 and packet[pos:pos + 3] == b"\0\0\x29":
            self.edns = True
            self.payload = max(512, struct.unpack(
                "!H", packet[pos + 3:pos + 5])[0])


class Server:
    def __init__(self, opt):
        self.opt = opt
        self.zone = Zone(opt.zone)
        self.log = None
        if opt.log:
            self.log = os.open(opt.log, os.O_WRONLY | os.O_CREAT |
                               os.O_APPEND | os.O_CLOEXEC, 0o644)
        self.sel = selectors.DefaultSelector()
        self.later = []        # heap of (time, number, send, packet)
        self.number = itertools.count()
        self.asked = {}        # name -> questions so far, for *-FIRST
        self.turns = {}        # (name, type) -> questions so far, for TURNED
        self.tcp = 0
        self.running = True

    # ---- answers ----

    def record(self, q, proto, rcode, answers):
        if self.log is None:
            return
        line = json.dumps({
            "time": round(time.time(), 6), "proto": proto, "name": q.name,
            "type": q.type, "id": q.id, "rcode": rcode, "answers": answers})
        os.write(self.log, line.encode() + b"\n")

    def pack(self, q, rcode, answers, truncated=False):
        flags = 0x8080 | (q.flags & 0x0100) | rcode
        if self.opt.ad:
            flags |= 0x0020
        if truncated:
            flags |= 0x0200
        body, authority = q.section, 0
        for owner, rtype, ttl, data in answers:
            where = b"\xc0\x0c" if owner == q.name else wire_name(owner)
            body += where + struct.pack("!2HIH", TYPES[rtype], 1, ttl,
                                        len(data)) + data
        if rcode == 3 or (rcode == 0 and not truncated and not any(
                a[1] == q.type for a in answers)):
            body += self.soa()
            authority = 1
        edns = q.edns and rcode != RCODES["FORMERR"]  # as old servers do
        if edns:
            body += b"\0" + struct.pack("!2HIH", 41, 1232, 0, 0)
        return struct.pack("!6H", q.id, flags, 1, len(answers), authority,
                           1 if edns else 0) + body

    def soa(self):
        ttl = self.opt.negative_ttl
        data = wire_name("ns.invalid") + wire_name("root.invalid") + \
            struct.pack("!5I", 1, 3600, 600, 86400, ttl)
        return b"\0" + struct.pack("!2HIH", 6, 1, ttl, len(data)) + data

    def judge(self, q, beh, proto):
        """-> (rcode, answers), or None for silence."""
        asked = self.asked.get(q.name, 0)
        if "SERVFAIL-FIRST" in beh or "TIMEOUT-FIRST" in beh:
            self.asked[q.name] = asked + 1
        if "TIMEOUT" in beh or asked < beh.get("TIMEOUT-FIRST", 0):
            return None
        if asked < beh.get("SERVFAIL-FIRST", 0):
            return 2, []
        for word in ("SERVFAIL", "REFUSED", "FORMERR", "NXDOMAIN"):
            if word in beh:
                return RCODES[word], []
        if "NODATA" in beh or ("TC" in beh and proto == "udp"):
            return 0, []
        rcode, answers = self.zone.lookup(q.name, q.type)
        if "TURNED" in beh and answers:
            turns = self.turns.get((q.name, q.type), 0)
            self.turns[(q.name, q.type)] = turns + 1
            by = turns % len(answers)
            answers = answers[by:] + answers[:by]
        return rcode, answers

    def handle(self, packet, proto, send):
        try:
            q = Question(packet)
        except (ValueError, IndexError, struct.error):
            return
        beh = self.zone.behaviour(q.name, q.type)
        verdict = self.judge(q, beh, proto)
        if verdict is None:
            self.record(q, proto, "-", 0)
            return
        rcode, answers = verdict
        cut = proto == "udp" and "TC" in beh and rcode == 0
        reply = self.pack(q, rcode, answers, cut)
        if proto == "udp" and len(reply) > q.payload:
            reply = self.pack(q, rcode, [], True)
        if "GARBAGE" in beh:
            reply = reply[:12 + (len(reply) - 12) // 2]
        self.record(q, proto, RCODE_NAMES[rcode], len(answers))
        if "DELAY" in beh:
            due = time.monotonic() + beh["DELAY"] / 1000
            heapq.heappush(self.later, (due, next(self.number), send, reply))
        else:
            send(reply)

    # ---- sockets ----

    def listen(self, where):
        host, _, port = where.rpartition(":")
        host = host.strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        for attempt in range(20):
            tcp = socket.socket(family, socket.SOCK_STREAM)
            udp = socket.socket(family, socket.SOCK_DGRAM)
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tcp.bind((host, int(port)))
                udp.bind((host, tcp.getsockname()[1]))
                break
            except OSError:
                tcp.close()
                udp.close()
                # Port 0: TCP's free port may be taken on UDP.
                if int(port) != 0 or attempt == 19:
                    raise
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        tcp.listen(128)
        tcp.setblocking(False)
        udp.setblocking(False)
        self.sel.register(udp, selectors.EVENT_READ, self.on_udp)
        self.sel.register(tcp, selectors.EVENT_READ, self.on_accept)
        if int(port) == 0:
            print("listening %s:%d" % (host, udp.getsockname()[1]))

    def on_udp(self, sock, _):
        for _ in range(256):
            try:
                packet, peer = sock.recvfrom(65535)
            except (BlockingIOError, ConnectionError):
                return

            def send(reply, peer=peer):
                try:
                    sock.sendto(reply, peer)
                except OSError:
                    pass  # the asker went away
            self.handle(packet, "udp", send)

    def on_accept(self, sock, _):
        try:
            conn, _ = sock.accept()
        except OSError:
            return
        if self.tcp >= MAX_TCP:
            conn.close()
            return
        conn.setblocking(False)
        self.tcp += 1
        Connection(self, conn)

    # ---- loop ----

    def on_signal(self, sock, _):
        for number in sock.recv(64):
            if number in (signal.SIGTERM, signal.SIGINT):
                self.running = False
            elif number == signal.SIGHUP:
                self.reload()

    def reload(self):
        try:
            self.zone = Zone(self.opt.zone)
        except (OSError, ValueError) as exc:
            print("dns_server: %s" % exc, file=sys.stderr, flush=True)
            return
        self.asked.clear()
        say("reloaded")

    def run(self):
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        ours.setblocking(False)
        signal.set_wakeup_fd(theirs.fileno())
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        self.sel.register(ours, selectors.EVENT_READ, self.on_signal)
        for where in self.opt.listen:
            self.listen(where)
        say("ready")
        while self.running:
            wait = None
            if self.later:
                wait = max(0, self.later[0][0] - time.monotonic())
            for key, mask in self.sel.select(wait):
                key.data(key.fileobj, mask)
            now = time.monotonic()
            while self.later and self.later[0][0] <= now:
                _, _, send, reply = heapq.heappop(self.later)
                send(reply)


class Connection:
    """One TCP client: length-prefixed questions, any number."""

    def __init__(self, server, sock):
        self.server, self.sock = server, sock
        self.inbuf, self.outbuf = b"", b""
        self.open = True
        server.sel.register(sock, selectors.EVENT_READ, self.on_event)

    def close(self):
        if self.open:
            self.open = False
            self.server.tcp -= 1
            self.server.sel.unregister(self.sock)
            self.sock.close()

    def on_event(self, _, mask):
        if mask & selectors.EVENT_WRITE:
            self.flush()
        if not self.open or not mask & selectors.EVENT_READ:
            return
        try:
            piece = self.sock.recv(65535)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self.close()
            return
        self.inbuf += piece
        while len(self.inbuf) >= 2:
            length = struct.unpack("!H", self.inbuf[:2])[0]
            if len(self.inbuf) < 2 + length:
                break
            packet = self.inbuf[2:2 + length]
            self.inbuf = self.inbuf[2 + length:]
            self.server.handle(packet, "tcp", self.send)

    def send(self, reply):
        if self.open:
            self.outbuf += struct.pack("!H", len(reply)) + reply
            self.flush()

    def flush(self):
        try:
            sent = self.sock.send(self.outbuf) if self.outbuf else 0
            self.outbuf = self.outbuf[sent:]
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        want = selectors.EVENT_READ
        if self.outbuf:
            want |= selectors.EVENT_WRITE
        self.server.sel.modify(self.sock, want, self.on_event)


def say(word):
    try:
        print(word, flush=True)
    except OSError:
        pass  # nobody listens to us


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--listen", action="append", required=True,
                        metavar="IP:PORT")
    parser.add_argument("--zone", required=True, metavar="FILE")
    parser.add_argument("--log", metavar="FILE")
    parser.add_argument("--negative-ttl", type=int, default=60)
    parser.add_argument("--ad", action="store_true")
    opt = parser.parse_args()
    try:
        Server(opt).run()
    except (OSError, ValueError) as exc:
        print("dns_server: %s" % exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
