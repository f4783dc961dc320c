#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""TLS of clients: STARTTLS and TLS from the first byte, judged by swaks,
openssl s_client and Python's smtplib; what must not be spoken is not, what came
in clear is not taken for TLS, and a reload brings another certificate."""

import netns
netns.enter()

import os
import shutil
import smtplib
import socket
import ssl
import struct
import subprocess

import keys
import mailrace
import smtp_client
import tap
from lab import LISTEN, Lab, mx_zone

OTHER = "127.0.0.3"  # a listener with settings of its own
CONFIG = """
smtp-server-tls-certificate {keys}/both.pem
<smtp-listener 127.0.0.2:465>
    immediate-tls yes
</smtp-listener>
<smtp-listener 127.0.0.3:25>
    tls-certificate {keys}/other.example.crt
    tls-key {keys}/locked.key Xylophone-7
    tls-allow-tlsv1 yes
    tls-allow-tlsv1.1 yes
    tls-allow-tlsv1.3 no
    tls-ciphers ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0
</smtp-listener>
<smtp-listener 127.0.0.4:25>
    tls-allow-tlsv1.2 no
    tls-tlsv1.3-ciphersuites TLS_CHACHA20_POLY1305_SHA256
</smtp-listener>
<source 0/0>
    always-allow-relaying yes
    allow-starttls yes
    max-idle-commands 0
</source>
<source 127.0.0.77>
    allow-starttls no
</source>
"""
ZONE = mx_zone("in.example", ("mx1.in.example", "127.0.1.1"))


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, with_postfix=False, with_milter=False,
                         receivers=[{"listen": ["127.0.1.1:25"]}])
        where = self.path("keys")
        keys.certificate(where, "first.example")
        keys.certificate(where, "other.example")
        keys.certificate(where, "second.example")
        self.use("first.example")
        keys.openssl("ec", "-aes128", "-in", where + "/other.example.key",
                     "-out", where + "/locked.key", "-passout",
                     "pass:Xylophone-7")
        self.write_config(CONFIG)

    def use(self, name):
        """Certificate and key in one file, as PowerMTA has them."""
        both = self.path("keys", "both.pem")
        with open(both + ".new", "w") as f:
            for end in (".crt", ".key"):
                with open(self.path("keys", name + end)) as part:
                    f.write(part.read())
        os.chmod(both + ".new", 0o600)
        os.rename(both + ".new", both)

    def __enter__(self):
        self.start()
        return self


def context():
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    return c


def wrap(client):
    client.sock = context().wrap_socket(client.sock)


def begin(client):
    client.hello()
    tap.equal(client.command("STARTTLS")[0], 220, "STARTTLS")
    wrap(client)


def s_client(where, *args, starttls=True):
    """All that openssl s_client says; the session ends at once."""
    args = list(args) + (["-starttls", "smtp"] if starttls else [])
    r = subprocess.run(["openssl", "s_client", "-connect", "%s:%d" % where,
                        *args], input="QUIT\n", capture_output=True,
                       text=True, timeout=30)
    return r.stdout + r.stderr


def swaks(lab, rcpt, *args):
    r = subprocess.run(["swaks", "--to", rcpt, "--from", "s@sender.example",
                        "--server", LISTEN, "--helo", "client.example",
                        "--header", "X-Test-Id: swaks", *args],
                       capture_output=True, text=True, timeout=30)
    tap.check(r.returncode == 0, r.stdout[-1500:] + r.stderr)
    return lab.stored(lab.wait_arrived(rcpt)).decode()


def needs_swaks():
    if shutil.which("swaks") is None:
        tap.skip("swaks is not installed")


@tap.test("swaks: STARTTLS, and Received says so (RFC 3848)",
          proves=("source allow-starttls", "smtp-server-tls-certificate"))
def by_swaks(lab):
    needs_swaks()
    tap.check("with ESMTPS;" in swaks(lab, "a@in.example", "--tls"), "Received")
    tap.check("with ESMTP;" in swaks(lab, "b@in.example"), "in clear")


@tap.test("swaks, smtplib: TLS from the first byte",
          proves="smtp-listener immediate-tls")
def immediate(lab):
    with smtplib.SMTP_SSL(LISTEN, 465, context=context(), timeout=20) as c:
        tap.equal(c.ehlo()[0], 250, "EHLO")
        tap.check(not c.has_extn("starttls"), "STARTTLS is offered in TLS")
        tap.equal(c.docmd("STARTTLS")[0], 503, "STARTTLS in TLS")
    needs_swaks()
    tap.check("with ESMTPS;" in swaks(lab, "c@in.example", "--port", "465",
                                      "--tls-on-connect"), "Received")


@tap.test("openssl s_client: each listener its certificate and versions",
          proves=("smtp-listener tls-certificate", "smtp-listener tls-key"))
def certificates(lab):
    said = s_client((LISTEN, 25))
    tap.check("CN = first.example" in said, said)
    tap.check("New, TLSv1.3" in said, said)
    tap.check("CN = first.example" in
              s_client((LISTEN, 465), starttls=False), "port 465")
    said = s_client((OTHER, 25))
    tap.check("CN = other.example" in said, said)


OLD = ("-cipher", "DEFAULT@SECLEVEL=0")


def check_versions(where, good, bad):
    none = "New, (NONE)"
    for v in good + bad:
        said = s_client(where, "-tls" + v, *OLD)
        tap.check("New, " in said and (none in said) == (v in bad),
                  "%s TLS %s: %s" % (where, v, said))


@tap.test("TLS 1.0 and 1.1 are refused, unless the listener allows them",
          proves=("smtp-listener tls-allow-tlsv1",
                  "smtp-listener tls-allow-tlsv1.1",
                  "smtp-listener tls-allow-tlsv1.2",
                  "smtp-listener tls-allow-tlsv1.3"))
def versions(lab):
    check_versions((LISTEN, 25), ("1_2", "1_3"), ("1", "1_1"))
    check_versions((OTHER, 25), ("1", "1_1", "1_2"), ("1_3",))
    check_versions(("127.0.0.4", 25), ("1_3",), ("1", "1_1", "1_2"))
    tap.wait_for(lambda: "trouble=\"unsupported protocol\"" in
                 lab.daemon.log_text(), 10, "the log says why")


@tap.test("ciphers and suites are the listener's",
          proves=("smtp-listener tls-ciphers",
                  "smtp-listener tls-tlsv1.3-ciphersuites"))
def ciphers(lab):
    tap.check("Cipher is ECDHE-ECDSA-AES256-SHA\n" in s_client((OTHER, 25)),
              "the first of two")
    tap.check("Cipher is ECDHE-ECDSA-AES128-SHA\n" in
              s_client((OTHER, 25), "-cipher",
                       "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"), "the other")
    tap.check("New, (NONE)" in
              s_client((OTHER, 25), "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256",
                       "-tls1_2"), "a third")
    tap.check("Cipher is TLS_CHACHA20_POLY1305_SHA256\n" in
              s_client(("127.0.0.4", 25)), "the only suite")


@tap.test("what came in clear behind STARTTLS is thrown away")
def injection(lab):
    with smtp_client.Client((LISTEN, 25)) as c:
        c.hello()
        c.raw(b"STARTTLS\r\nEHLO evil.example\r\n"
              b"MAIL FROM:<evil@evil.example>\r\nRCPT TO:<x@in.example>\r\n")
        tap.equal(c.reply()[0], 220, "STARTTLS")
        tap.equal(c.buffer, b"", "replies in clear behind 220")
        wrap(c)
        tap.equal(c.command("NOOP")[0], 250, "NOOP is the first")
        tap.equal(c.command("RCPT TO:<x@in.example>")[0], 503, "no MAIL")
        tap.equal(c.command("MAIL FROM:<a@b.example>")[0], 503, "no EHLO")


@tap.test("clear text instead of a handshake: the end, and no reply to it")
def no_handshake(lab):
    for where in ((LISTEN, 25), (LISTEN, 465)):
        with socket.create_connection(where, timeout=20) as s:
            if where[1] == 25:
                s.recv(1000)
                s.sendall(b"EHLO a.example\r\n")
                s.recv(1000)
                s.sendall(b"STARTTLS\r\n")
                s.recv(1000)
            s.sendall(b"EHLO a.example\r\nNOOP\r\n")
            got = b""
            while True:
                more = s.recv(1000)
                if not more:
                    break
                got += more
            tap.check(b"250" not in got and b"220" not in got, repr(got))


@tap.test("STARTTLS: everything said before is forgotten; nobody says it twice")
def forgotten(lab):
    with smtp_client.Client((LISTEN, 25)) as c:
        c.hello()
        tap.check("STARTTLS" in c.extensions, "offered")
        tap.equal(c.command("STARTTLS now")[0], 501, "a parameter")
        tap.equal(c.command("MAIL FROM:<a@b.example>")[0], 250, "MAIL")
        tap.equal(c.command("STARTTLS")[0], 220, "STARTTLS")
        wrap(c)
        tap.equal(c.command("RCPT TO:<x@in.example>")[0], 503, "RCPT")
        tap.equal(c.command("MAIL FROM:<a@b.example>")[0], 503, "MAIL")
        c.extensions = {}
        c.hello()
        tap.check("STARTTLS" not in c.extensions, "offered twice")
        tap.equal(c.command("STARTTLS")[0], 503, "twice")


@tap.test("who may not: no LMTP client, no source without allow-starttls")
def not_offered(lab):
    for c in (smtp_client.Client(lab.lmtp, lmtp=True),
              smtp_client.Client((LISTEN, 24), lmtp=True),
              smtp_client.Client((LISTEN, 25), source="127.0.0.77")):
        with c:
            c.hello()
            tap.check("STARTTLS" not in c.extensions, "offered")
            tap.equal(c.command("STARTTLS")[0], 502, "STARTTLS")


@tap.test("mail in pieces of any length, pipelined, arrives as it was")
def pieces(lab):
    for n, size in enumerate((1, 700, 16383, 16384, 16385, 300000)):
        rcpt = "p%d@in.example" % n
        m = smtp_client.compose("s@sender.example", rcpt, size=size)
        with smtp_client.Client((LISTEN, 25)) as c:
            begin(c)
            c.raw(b"EHLO client.example\r\nMAIL FROM:<s@sender.example>\r\n"
                  b"RCPT TO:<%s>\r\nDATA\r\n" % rcpt.encode())
            tap.equal([c.reply()[0] for _ in range(4)],
                      [250, 250, 250, 354], "replies")
            step = max(1, size // 7)
            for i in range(0, len(m), step):
                c.raw(m[i:i + step])
            c.raw(b".\r\nQUIT\r\n")
            tap.equal([c.reply()[0], c.reply()[0]], [250, 221], "the end")
        body = m.split(b"\r\n\r\n", 1)[1]
        got = lab.stored(lab.wait_arrived(rcpt)).split(b"\r\n\r\n", 1)[1]
        tap.check(got == body, "%d bytes are %d" % (len(body), len(got)))


@tap.test("a client that never reads, and one that is gone in the handshake")
def rude(lab):
    with smtp_client.Client((LISTEN, 25)) as c:
        begin(c)
        c.sock.settimeout(1)
        try:
            for _ in range(2000):
                c.raw(b"HELP\r\n" * 500)
        except OSError:
            pass  # it is not read from either
        reset = struct.pack("ii", 1, 0)
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    for sent in (b"", b"\x16\x03\x01\x02\x00\x01"):
        with smtp_client.Client((LISTEN, 25)) as c:
            c.hello()
            c.command("STARTTLS")
            c.raw(sent)
    lab.inject("after@in.example")
    lab.wait_arrived("after@in.example")


@tap.test("a reload brings another certificate; sessions go on; a wrong one "
          "is not taken")
def reload(lab):
    with smtp_client.Client((LISTEN, 25)) as c:
        begin(c)
        c.hello()
        lab.use("second.example")
        lab.command.text("reload")
        tap.check("CN = second.example" in s_client((LISTEN, 25)), "the new")
        taken, dots = c.send("s@sender.example", ["old@in.example"],
                             smtp_client.compose("s@sender.example",
                                                 "old@in.example"))
        tap.equal((taken[0][0], dots[0][0]), (250, 250), "the old session")
        shutil.copy(lab.path("keys", "first.example.crt"),
                    lab.path("keys", "both.pem"))
        r = lab.command.run("reload")
        tap.check(r.returncode != 0, "it was taken")
        tap.check("smtp-server-tls-certificate: %s: there is no private key"
                  % lab.path("keys", "both.pem") in r.stdout + r.stderr,
                  r.stdout + r.stderr)
        tap.equal(c.command("NOOP")[0], 250, "the session")
    tap.check("CN = second.example" in s_client((LISTEN, 25)), "it stays")
    lab.wait_arrived("old@in.example")
    lab.use("second.example")


OLD_ONLY = """
smtp-server-tls-allow-tlsv1 yes
smtp-server-tls-allow-tlsv1.1 yes
smtp-server-tls-allow-tlsv1.2 no
smtp-server-tls-allow-tlsv1.3 no
"""
ONE_EACH = """
smtp-server-tls-ciphers ECDHE-ECDSA-AES128-GCM-SHA256
smtp-server-tls-tlsv1.3-ciphersuites TLS_CHACHA20_POLY1305_SHA256
"""
SPLIT = """
smtp-server-tls-certificate {keys}/second.example.crt
smtp-server-tls-key {keys}/second.example.key
"""


@tap.test("versions, ciphers and the file of the key at the top level",
          proves=("smtp-server-tls-allow-tlsv1", "smtp-server-tls-allow-tlsv1.1",
                  "smtp-server-tls-allow-tlsv1.2",
                  "smtp-server-tls-allow-tlsv1.3", "smtp-server-tls-ciphers",
                  "smtp-server-tls-key",
                  "smtp-server-tls-tlsv1.3-ciphersuites"))
def at_top(lab):
    lab.write_config(CONFIG + OLD_ONLY)
    lab.command.text("reload")
    check_versions((LISTEN, 25), ("1", "1_1"), ("1_2", "1_3"))
    lab.write_config(CONFIG + ONE_EACH + SPLIT)
    lab.command.text("reload")
    tap.check("Cipher is TLS_CHACHA20_POLY1305_SHA256\n" in
              s_client((LISTEN, 25)), "the suite")
    tap.check("Cipher is ECDHE-ECDSA-AES128-GCM-SHA256\n" in
              s_client((LISTEN, 25), "-tls1_2"), "the cipher")


BAD = (
    ("smtp-server-tls-certificate {keys}/none.pem\n", 1,
     "No such file or directory"),
    ("smtp-server-tls-certificate {keys}\n", 1, "not a regular file"),
    ("smtp-server-tls-certificate {keys}/mark\n", 1,
     "there is no certificate (PEM) in it"),
    ("smtp-server-tls-certificate {keys}/first.example.crt\n"
     "smtp-server-tls-key {keys}/second.example.key\n", 2,
     "the private key is not the certificate's"),
    ("smtp-server-tls-certificate {keys}/other.example.crt\n"
     "smtp-server-tls-key {keys}/locked.key Wrong-9\n", 2,
     "the password is not that of the key"),
    ("smtp-server-tls-certificate {keys}/other.example.crt\n"
     "smtp-server-tls-key {keys}/locked.key\n", 2,
     "the private key needs a password"),
    ("smtp-server-tls-certificate {keys}/both.pem Wrong-9 more\n", 1,
     "more than FILE PASSWORD"),
    ("smtp-server-tls-certificate {keys}/both.pem\n"
     "smtp-server-tls-ciphers NO-SUCH\n", 2, "\"NO-SUCH\" names no cipher"),
    ("smtp-server-tls-certificate {keys}/both.pem\n"
     "smtp-server-tls-tlsv1.3-ciphersuites NO-SUCH\n", 2,
     "are no cipher suites of TLS 1.3"),
    ("smtp-server-tls-certificate {keys}/both.pem\n"
     "smtp-server-tls-allow-tlsv1.3 no\nsmtp-server-tls-allow-tlsv1.2 no\n",
     3, "no version of TLS is allowed"),
    ("<smtp-listener 127.0.0.9:465>\nimmediate-tls yes\n</smtp-listener>\n",
     2, "immediate-tls: there is no tls-certificate"),
    ("<smtp-listener 127.0.0.9:25>\n</smtp-listener>\n"
     "<source 0/0>\nallow-starttls yes\n</source>\n", 4,
     "allow-starttls: no listener has a certificate"),
    ("smtp-server-tls-certificate {keys}/old.pem\n", 1,
     "the certificate has expired"),
    ("smtp-server-tls-certificate {keys}/open.pem\n", 1,
     "every user of this host may read the private key"),
)


@tap.test("what is wrong with a certificate has file and line, and no password")
def mistakes(lab):
    where = lab.path("keys")
    keys.openssl("x509", "-in", where + "/first.example.crt", "-signkey",
                 where + "/first.example.key", "-days", "-1",
                 "-out", where + "/old.crt")
    with open(where + "/first.example.key") as f:
        key = f.read()
    for name, cert, mode in (("old", "old.crt", 0o600),
                             ("open", "first.example.crt", 0o644)):
        with open(where + "/" + cert) as f:
            text = f.read()
        with open(where + "/" + name + ".pem", "w") as f:
            f.write(text + key)
        os.chmod(where + "/" + name + ".pem", mode)
    path = lab.path("bad.conf")
    for text, line, why in BAD:
        with open(path, "w") as f:
            f.write(text.replace("{keys}", where))
        r = mailrace.Command(path).run("test", "config")
        said = [x for x in (r.stdout + r.stderr).split("\n")
                if x.startswith("%s:%d: " % (path, line)) or
                "%s:%d: " % (path, line) in x]
        tap.check(any(why in x for x in said),
                  "%r: %s" % (text, r.stdout + r.stderr))
        tap.check("Wrong-9" not in r.stdout + r.stderr, "a password is shown")


@tap.test("no password is shown by show settings, nor in a log")
def shown(lab):
    r = lab.command.run("show", "settings")
    tap.check("locked.key" not in r.stdout or "***" in r.stdout, r.stdout)
    tap.check("Xylophone" not in r.stdout + r.stderr, "show settings")
    for name in os.listdir(lab.path("log")):
        with open(lab.path("log", name), errors="replace") as f:
            tap.check("Xylophone" not in f.read(), name)


tap.main(Fixture)
