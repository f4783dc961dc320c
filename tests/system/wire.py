# SPDX-License-Identifier: Apache-2.0
"""wire - when connections over loopback began and ended, by the kernel.

    w = wire.Wire([25])                              # ports of servers
    w.began("127.0.0.11", 40123, "127.0.2.1", 25)    # one just accepted
    w.ended("127.0.0.11", 40123, "127.0.2.1", 25)    # one that is at its end

A packet socket keeps the first SYN, and the first FIN or RST, of each client
with the time at which the kernel sent it.  It is there before accept() or a
read can tell of it, so it does not matter when the reader gets the CPU.  A
time is told once.
"""

import ctypes
import errno
import ipaddress
import socket
import struct

ETH_P_ALL = 3
ETH_P_IPV6 = 0x86DD
PACKET_OUTGOING = 4
SO_ATTACH_FILTER = 26
SO_RCVBUFFORCE = 33
SO_TIMESTAMPNS = 35
TIMESTAMP = struct.Struct("qq")
BUFFER = 8 << 20
HEADERS = 128  # those of IP and TCP are not longer
TCP = struct.Struct("!HHI5xB")  # ports, sequence number, flags
FIN, SYN, RST, ACK = 1, 2, 4, 16

# Instructions of classic BPF: A is loaded, or compared with the operand.
TYPE_OF_PACKET, PROTOCOL = (0x20, 0xFFFFF004), (0x20, 0xFFFFF000)
BYTE, BYTE_BEHIND_X = 0x30, 0x50
X_IS, X_IS_IP4_HEADER = 0x01, (0xB1, 0)
EQUAL, ANY_BIT = 0x15, 0x45
TAKE, DROP = (0x06, HEADERS), (0x06, 0)
PROGRAM = (  # comparisons go on at ... if it is so, and if not
    TYPE_OF_PACKET,
    (EQUAL, PACKET_OUTGOING, 2, 16),
    PROTOCOL,
    (EQUAL, ETH_P_IPV6, 4, 8),
    (BYTE, 6),
    (EQUAL, socket.IPPROTO_TCP, 6, 16),
    (X_IS, 40),
    (EQUAL, 0, 11, 11),
    (BYTE, 9),
    (EQUAL, socket.IPPROTO_TCP, 10, 16),
    X_IS_IP4_HEADER,
    (BYTE_BEHIND_X, 13),
    (ANY_BIT, FIN | RST, 15, 13),
    (ANY_BIT, ACK, 16, 14),
    (ANY_BIT, SYN, 15, 16),
    TAKE,
    DROP,
)


def attach(sock):
    """The kernel runs PROGRAM on each packet."""
    code = b""
    for i, (op, operand, *to) in enumerate(PROGRAM):
        yes, no = (t - i - 1 for t in to or (i + 1, i + 1))
        code += struct.pack("HBBI", op, yes, no, operand)
    lines = ctypes.create_string_buffer(code, len(code))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack(
        "HL", len(PROGRAM), ctypes.addressof(lines)))


def stamp_of(ancillary, otherwise):
    """The kernel's time in what recvmsg() gave besides the bytes."""
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            s, ns = TIMESTAMP.unpack(value)
            return s + ns / 1e9
    return otherwise


def parse(packet):
    """((from, port, to, port), sequence number, flags)."""
    if packet[0] >> 4 == 4:
        a, b, tcp = packet[12:16], packet[16:20], 4 * (packet[0] & 15)
    else:
        a, b, tcp = packet[8:24], packet[24:40], 40
    p, q, seq, flags = TCP.unpack_from(packet, tcp)
    return key(ipaddress.ip_address(a), p, ipaddress.ip_address(b), q), \
        seq, flags


def key(client, port, server, server_port):
    return str(client), port, str(server), server_port


class Wire:
    def __init__(self, ports):
        self.ports = set(ports)
        self.syns = {}  # connection: (sequence number, time)
        self.ends = {}  # connection: time
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        attach(self.sock)
        self.sock.bind(("lo", ETH_P_ALL))

    def read(self):
        while True:
            try:
                packet, ancillary, _, _ = self.sock.recvmsg(HEADERS, 64)
            except BlockingIOError:
                return
            except OSError as e:
                if e.errno != errno.ENETDOWN:
                    raise
                continue  # told once; it goes on when lo is up again
            self.note(packet, stamp_of(ancillary, None))

    def note(self, packet, when):
        of, seq, flags = parse(packet)
        if of[3] not in self.ports:
            return
        if flags & SYN:
            # Sent again it has the same number: the first one counts.
            if self.syns.get(of, (None,))[0] != seq:
                self.syns[of] = seq, when
                self.ends.pop(of, None)
        else:
            self.ends.setdefault(of, when)

    def began(self, *of):
        self.read()
        return self.syns.pop(key(*of))[1]

    def ended(self, *of):
        """None: it has not ended yet, or we were told of it."""
        self.read()
        return self.ends.pop(key(*of), None)
