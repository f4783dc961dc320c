#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The milter without a host MTA: what it decides, asks for and survives."""

import base64
import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time

import mailrace
import milter_client
import procs
import signatures
import tap
from lab import without_deleted

HERE = os.path.dirname(os.path.abspath(__file__))

CONFIG = """\
domain-key s1, example.net, DIR/key.pem
mark-key-file DIR/mark.key
milter-listener LISTEN
milter-control-socket DIR/control
<virtual-mta ip1>
    smtp-source-host 127.0.0.11 one.example
</virtual-mta>
<virtual-mta ip2>
    smtp-source-host 127.0.0.12 two.example
</virtual-mta>
<domain sign.example>
    dkim-sign yes
</domain>
<pattern-list by-sender>
    mail-from /@pattern\\.example$/ virtual-mta=ip2
</pattern-list>
<source 10.0.0.0/8>
    process-x-virtual-mta yes
    process-x-job yes
    default-virtual-mta ip1
</source>
<source 127.0.0.1>
    pattern-list by-sender
</source>
<source bobs>
    default-virtual-mta ip2
</source>
<smtp-user bob>
    source bobs
</smtp-user>
"""

PLAIN = [(b"From", b" A <a@example.net>"), (b"Date", b" today")]


class Milter:
    """mailrace-milter in a directory of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.sock = os.path.join(folder, "milter")
        self.keep = False
        subprocess.run(["openssl", "genrsa", "-out", self.path("key.pem"),
                        "2048"], check=True, stderr=subprocess.DEVNULL)
        public = subprocess.run(
            ["openssl", "rsa", "-in", self.path("key.pem"), "-pubout",
             "-outform", "DER"], check=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL).stdout
        self.record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
        with open(self.path("mark.key"), "wb") as f:
            f.write(os.urandom(32))
        self.configure()
        self.daemon = mailrace.Daemon("mailrace-milter", self.path("config"),
                                      folder, folder)

    def key(self, name, timeout=5):
        tap.equal(name, b"s1._domainkey.example.net.", "the key's name")
        return self.record

    def path(self, name):
        return os.path.join(self.folder, name)

    def configure(self, more="", listen=None):
        text = CONFIG.replace("DIR", self.folder).replace(
            "LISTEN", listen or self.sock)
        with open(self.path("config"), "w") as f:
            f.write(without_deleted(text + more))

    def log(self):
        with open(self.daemon.log, errors="replace") as f:
            return f.read()

    def lua(self, script, sock=None):
        return subprocess.run(
            ["miltertest", "-s", os.path.join(HERE, script), "-D",
             "sock=" + (sock or self.sock)], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=60)

    def control(self, command):
        """(items, final object) of one request."""
        *items, answer = mailrace.ask(self.path("control"),
                                      {"command": command})
        return [i["item"] for i in items], answer


@contextlib.contextmanager
def fixture():
    if shutil.which("miltertest") is None:
        tap.skip("miltertest is not installed")
    folder = tempfile.mkdtemp(prefix="mailrace-milter-")
    m = Milter(folder)
    try:
        m.daemon.start()
        yield m
        if m.keep:
            tap.note(procs.tail(m.daemon.log, 40))
    finally:
        try:
            if m.daemon.process is not None:
                m.daemon.stop()
        finally:
            shutil.rmtree(folder)


@tap.test("a played host MTA gets the right answers")
def answers(m):
    done = m.lua("milter.lua")
    out = done.stdout.decode(errors="replace")
    good = [line for line in out.splitlines() if line.startswith("ok ")]
    tap.check(done.returncode == 0 and "not ok" not in out and
              len(good) > 20, out)
    tap.note("%d checks in milter.lua" % len(good))


def send(m, headers, body=b"hello\r\n", **more):
    with contextlib.closing(milter_client.Client(m.sock)) as c:
        return c.send(headers, body, **more)


def on_the_wire(message):
    """As Postfix's client, and mailraced, break lines: 998 octets, then what
    has room behind a blank."""
    out = []
    for line in message.split(b"\r\n"):
        while len(line) > 998:
            out.append(line[:998])
            line = b" " + line[998:]
        out.append(line)
    return b"\r\n".join(out)


@tap.test("what leaves the host MTA verifies, with and without leading blanks")
def verifies(m):
    headers = [(b"Received", b" from x\n\tby y"), *PLAIN,
               (b"To", b"\n x@sign.example"), (b"X-Job", b" 7"),
               (b"Subject", b"  two  blanks\n\t and a fold "),
               (b"To", b" y@sign.example")]
    body = b" a \r\n\tb\r\n\r\n" + b"x" * 100000 + b"\r\n \r\n\r\n"
    for steps in (milter_client.ALL_STEPS, 0,
                  milter_client.ALL_STEPS & ~milter_client.LEADSPC):
        with contextlib.closing(milter_client.Client(
                m.sock, steps=steps)) as c:
            for _ in range(3):
                code, message, changes = c.send(headers, body)
                tap.equal(code, "c", "the answer")
                tap.check(signatures.verify(on_the_wire(message), m.key,
                                            "example.net"), message[:2000])
                tap.check(b"X-Job" not in message, "X-Job is gone")
                tap.equal([x[2] for x in changes if x[0] == "i"],
                          [b"DKIM-Signature", b"X-Mailrace-Mark"],
                          "fields inserted")


@tap.test("run again, a message has one signature and one mark")
def again(m):
    _, message, _ = send(m, PLAIN)
    for i in range(3):
        head, body = message.split(b"\r\n\r\n", 1)
        fields = []
        for line in head.split(b"\r\n"):
            if line[:1] in (b" ", b"\t"):
                name, value = fields.pop()
                fields.append((name, value + b"\n" + line))
            else:
                fields.append(tuple(line.split(b":", 1)))
        _, message, _ = send(m, fields, body, queue_id=b"4Z%d" % i)
        tap.equal(message.count(b"DKIM-Signature:"), 1, "signatures")
        tap.equal(message.count(b"X-Mailrace-Mark:"), 1, "marks")
        tap.check(signatures.verify(message, m.key), message)


# Verifiers disagree on the others: stray CR and LF, no From.
SIGNED_ODD = ("empty values", "1,500 fields", "300 jobs",
              "a field of 180 KB", "a sender of 100 KB", "forged marks")


@tap.test("it asks for the macros it needs, so that main.cf need not")
def macros(m):
    with contextlib.closing(milter_client.Client(m.sock)) as c:
        asked = c.symbols
    for step, name in (
            (milter_client.AT_CONNECT, "{client_addr}"),
            (milter_client.AT_MAIL, "{auth_authen}"),
            (milter_client.AT_RCPT, "i"),
            (milter_client.AT_RCPT, "{rcpt_mailer}"),
            (milter_client.AT_END, "i")):
        tap.check(name in asked.get(step, ()), "%s at step %d: %s" % (
            name, step, asked))
    no_macros = milter_client.ALL_ACTIONS & ~milter_client.SETSYMLIST
    with contextlib.closing(milter_client.Client(
            m.sock, actions=no_macros)) as c:
        tap.equal(c.symbols, {}, "asked of a host MTA that cannot")


def odd_messages():
    many = [(b"X-%d" % i, b" %d" % i) for i in range(1500)]
    jobs = [(b"X-Job", b" %d" % i) for i in range(300)]
    huge = b" " + b"word\n " * 30000 + b"end"
    every = bytes(range(1, 256))
    yield "no header", [], b"", {}
    yield "nothing but a body", [], b"hello", {}
    yield "empty values", [(b"X", b""), *PLAIN, (b"Subject", b"")], b"", {}
    yield "1,500 fields", [*many, *PLAIN], b"a\r\n", {}
    yield "300 jobs", [*jobs, *PLAIN, *jobs], b"a\r\n", {}
    yield "a field of 180 KB", [(b"Subject", huge), *PLAIN], b"a\r\n", {}
    yield "a name of 70 KB", [(b"x" * 70000, b" y"), *PLAIN], b"a\r\n", {}
    yield "a sender of 100 KB", PLAIN, b"a\r\n", {
        "sender": b"<" + b"x" * 100000 + b"@pattern.example>"}
    yield "2,000 recipients", PLAIN, b"a\r\n", {
        "rcpts": [b"<%d@d%d.example>" % (i, i) for i in range(2000)]}
    yield "addresses that are none", PLAIN, b"a\r\n", {
        "sender": b"<@>", "rcpts": [b"", b"<>", b"@", b"<@", b"%s%n", every]}
    yield "bytes of all kinds", [*PLAIN, (b"Subject", b" " + every)], \
        bytes(range(256)) * 500, {}
    yield "From that is none", [(b"From", b' "(((<@,:;' + b"(" * 5000)], \
        b"a\r\n", {}
    yield "forged marks", [(b"X-Mailrace-Mark", b" v=1;" + b";" * 9999),
                           *PLAIN], b"a\r\n", {}


@tap.test("odd messages are taken, and the milter goes on")
def odd(m):
    for label, headers, body, more in odd_messages():
        try:
            code, message, _ = send(m, headers, body, **more)
        except OSError as e:
            raise tap.Failed("%s: %s" % (label, e)) from None
        tap.equal(code, "c", label)
        if label in SIGNED_ODD:
            tap.check(signatures.verify(message, m.key), label)
    code, message, _ = send(m, PLAIN)
    tap.check(code == "c" and signatures.verify(message, m.key), "afterwards")


@tap.test("a header of more than 32 MB is refused: it could not be judged")
def large(m):
    field = (b"X", b" " + b"word\n " * 33000 + b"end")
    _, _, changes = send(m, [*PLAIN, *[field] * 170], b"a\r\n")
    tap.equal(changes, [("y", b"552 5.3.4 header fields too large\0")],
              "the answer")


@tap.test("connections that break off anywhere leave nothing behind")
def broken(m):
    for n in range(0, 200, 7):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(m.sock)
            s.sendall(b"\0\0\0\rO\0\0\0\6\0\0\1\xff\0\x1f\xff\xff"
                      b"\0\0\0\x18Cx\0004\0\1127.0.0.1\0MLBERQ"[:n] +
                      os.urandom(n % 5))
    for _ in range(20):
        c = milter_client.Client(m.sock)
        c.begin()
        c.sock.close()
    tap.wait_for(lambda: m.control("show status")[1]["sessions"] == 0, 20,
                 "no session is left")
    tap.equal(send(m, PLAIN)[0], "c", "and it goes on")


@tap.test("the socket is for owner and group", proves="milter-listener")
def mode(m):
    tap.equal(stat.S_IMODE(os.stat(m.sock).st_mode), 0o660, "mode")


@tap.test("one line a message says what was decided")
def log_line(m):
    lines = [line for line in m.log().splitlines() if ": 4ZqXyz milter " in line]
    wanted = [line for line in lines if "job=news-7" in line]
    tap.equal(len(wanted), 1, "lines for the message with a job")
    for text in ("vmta=ip2", "from=<a@example.net>", "signatures=1"):
        tap.check(text in wanted[0], wanted[0])


@tap.test("status counts messages", proves="milter-control-socket")
def status(m):
    _, before = m.control("show status")
    for headers in (PLAIN, PLAIN, []):
        send(m, headers)
    _, answer = m.control("show status")
    tap.equal([answer[k] - before[k] for k in ("messages", "signatures")],
              [3, 2], "messages, signatures")
    tap.wait_for(lambda: m.control("show status")[1]["sessions"] == 0, 20,
                 "no session is left")


@tap.test("reload takes a good configuration")
def reload_good(m):
    before = m.control("show status")[1]["generation"]
    m.configure("<virtual-mta ip3>\n</virtual-mta>\n")
    _, answer = m.control("reload")
    tap.check(answer.get("generation", 0) > before, answer)


@tap.test("a bad one changes nothing, and every mistake is told")
def reload_bad(m):
    before = m.control("show status")[1]["generation"]
    m.configure("no-such-directive yes\n<domain x>\n max-smtp-out many\n"
                "</domain>\n")
    items, answer = m.control("reload")
    tap.check("error" in answer and len(items) >= 2, (items, answer))
    tap.check(all(m.path("config") in i["text"] for i in items), items)
    tap.equal(m.control("show status")[1]["generation"], before,
              "generation")
    tap.equal(m.lua("milter.lua").returncode, 0, "and it goes on")
    m.configure()


@tap.test("SIGHUP reloads, again and again")
def hangup(m):
    before = m.control("show status")[1]["generation"]
    for i in range(20):
        m.daemon.process.signal(signal.SIGHUP)
        tap.wait_for(lambda: m.control("show status")[1]["generation"] >
                     before + i, 20, "reload %d" % (i + 1))
    tap.check(m.daemon.process.running(), "it goes on")


@tap.test("sessions go on while configurations change")
def busy(m):
    wrong = []

    def talk(number):
        try:
            with contextlib.closing(milter_client.Client(m.sock)) as c:
                for i in range(40):
                    code, message, _ = c.send(PLAIN, b"hello %d\r\n" % i)
                    if code != "c" or not signatures.verify(message, m.key):
                        wrong.append((number, i, code))
        except Exception as e:
            wrong.append((number, repr(e)))

    threads = [threading.Thread(target=talk, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    reloads = 0
    while any(t.is_alive() for t in threads):
        m.control("reload")
        reloads += 1
    tap.equal(wrong, [], "messages that went wrong")
    tap.note("320 messages on 8 sessions, %d reloads" % reloads)


def stops(process):
    start = time.monotonic()
    tap.equal(process.stop(), 0, "exit status")
    took = time.monotonic() - start
    tap.check(took < 3, "it took %.3f s" % took)


@tap.test("SIGTERM ends it well, at once")
def term(m):
    stops(m.daemon)


def is_refused(path):
    with socket.socket(socket.AF_UNIX) as s:
        return s.connect_ex(path) != 0


@tap.test("but not before messages that are under way, or five seconds")
def term_message(m):
    m.daemon.start()
    c, lazy, keeps = (milter_client.Client(m.sock) for _ in range(3))
    with c.sock, lazy.sock, keeps.sock:
        c.begin()
        lazy.begin()
        keeps.keep()  # as Postfix does until DATA
        keeps.begin()
        start = time.monotonic()
        m.daemon.process.signal(signal.SIGTERM)
        tap.wait_for(lambda: is_refused(m.sock), 5, "nobody is let in")
        for client in (c, keeps):
            code, message, _ = client.finish(PLAIN, b"hello\r\n")
            tap.check(code == "c" and signatures.verify(message, m.key),
                      "a message that began before: %s" % code)
        tap.equal(c.send(PLAIN, b"hello\r\n")[0], "c", "one more in the same session")
        for client in (c, keeps):
            tap.equal(client.sock.recv(1), b"", "silent, the session ends")
        took = time.monotonic() - start
        tap.check(took < 4, "it took %.3f s" % took)
        tap.check(m.daemon.process.running(), "it waits for the other one")
        tap.equal(lazy.sock.recv(1), b"", "which takes too long")
        tap.equal(m.daemon.stop(), 0, "exit status")
        took = time.monotonic() - start
        tap.check(4.5 < took < 8, "it took %.3f s" % took)


@tap.test("a host MTA that does not keep to the protocol is told of, once")
def protocol(m):
    m.daemon.start()
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(m.sock)
        s.sendall(b"\0\0\0\1Z" * 3)
        tap.equal(s.recv(1), b"", "it is hung up on")
    told = [line for line in m.log().splitlines() if "(0x5a, 'Z')" in line]
    tap.equal(len(told), 1, "lines about it")
    tap.check("unknown packet" in told[0], told[0])
    tap.equal(send(m, PLAIN)[0], "c", "and it goes on")
    stops(m.daemon)


@tap.test("a stale socket is replaced")
def stale(m):
    m.daemon.start()
    m.daemon.process.kill()
    tap.check(os.path.exists(m.sock), "a socket is left")
    m.daemon.start()
    tap.equal(m.lua("milter.lua").returncode, 0, "it serves")
    stops(m.daemon)


@tap.test("a socket handed over by systemd is used")
def activation(m):
    path = m.path("handed")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(m.sock)
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        s.listen(10)
        handed = os.dup(s.fileno())

    def exec_env(fd=handed):
        os.dup2(fd, 3)

    # LISTEN_PID must be the milter's own: sh knows its pid and keeps it.
    prefix = ["/bin/sh", "-c",
              'LISTEN_PID=$$; export LISTEN_PID; exec "$@"', "sh"]
    ready = procs.Readiness(m.path("notify"))
    process = procs.Process(
        "activated", prefix + [mailrace.program("mailrace-milter"), "-f",
                               "-c", m.path("config")],
        m.daemon.log, env=dict(ready.env(), LISTEN_FDS="1"),
        pass_fds=(3, handed), preexec=exec_env)
    try:
        ready.wait(process, 20)
        tap.equal(m.lua("milter.lua", path).returncode, 0, "it serves")
        tap.check(not os.path.exists(m.sock), "no other socket is made")
        stops(process)
    finally:
        if process.running():
            process.kill()
        ready.close()
        os.close(handed)


@tap.test("over TCP every step is answered")
def tcp(m):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    m.configure(listen="127.0.0.1:%d" % port)
    m.daemon.start()
    script = m.path("tcp.lua")
    with open(script, "w") as f:
        f.write('c = mt.connect("inet:%d@127.0.0.1", 50, 0.1)\n'
                'mt.conninfo(c, "x.example", "10.0.0.1")\n'
                'if mt.test_option(c, SMFIP_NR_HDR) then error "no reply" end\n'
                'mt.mailfrom(c, "<a@b>")\n'
                'if mt.getreply(c) ~= SMFIR_CONTINUE then error "reply" end\n'
                'mt.disconnect(c)\n' % port)
    done = m.lua(script)
    tap.equal(done.returncode, 0, done.stdout)
    stops(m.daemon)


@tap.test("a bad configuration at start names every mistake and ends")
def start_bad(m):
    m.configure("no-such-directive yes\ndomain-key s9, x.example, DIR/none\n")
    done = subprocess.run(
        [mailrace.program("mailrace-milter"), "-f", "-c", m.path("config")],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
    out = done.stdout.decode()
    tap.equal(done.returncode, 1, "exit status")
    tap.check("no-such-directive" in out and "none" in out, out)


tap.main(fixture)
