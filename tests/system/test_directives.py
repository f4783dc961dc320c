#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Directives that no other test sees at work take effect; and what `test
config` says to files that nobody should have written."""

import netns
netns.enter()

import grp
import os
import select
import shutil
import signal
import subprocess

import mailrace
import smtp_client
import tap
from lab import HOST_NAME, LISTEN, Lab, mx_zone, without_deleted

CONFIG = """
control-group daemon
total-max-smtp-in 3
postmaster ops@in.example
<smtp-listener 127.0.0.2:2525>
    source apps
    await-slot yes
</smtp-listener>
<virtual-mta named>
    smtp-source-host 127.0.0.12
    host-name named.mta.example
</virtual-mta>
<virtual-mta news>
    smtp-source-host 127.0.0.11 news.mta.example
</virtual-mta>
<source apps>
    always-allow-relaying yes
    default-virtual-mta news
    process-x-virtual-mta yes
    log-data yes
</source>
<domain in.example>
    log-data yes
</domain>
<domain *>
    retry-after 1h
</domain>
<domain copied.example>
    bcc-upon-delivery copies@copied.example
    bcc-upon-delivery more@in.example
</domain>
<domain many.example>
    mx-connection-attempts 2
</domain>
"""
ZONE = (mx_zone("in.example", ("mx1.in.example", "127.0.1.1")) +
        mx_zone("copied.example", ("mx.copied.example", "127.0.1.1")) +
        mx_zone("many.example", *[("mx%d.many.example" % i, "127.0.2.%d" % i)
                                  for i in range(1, 5)]))


class Fixture(Lab):
    def __init__(self):
        super().__init__(
            zone=ZONE, config=CONFIG, with_postfix=False, with_milter=False,
            receivers=[{"listen": ["127.0.1.1:25"],
                        "rules": [{"at": "rcpt", "match": "<no@",
                                   "reply": "550 5.1.1 no"}]},
                       {"listen": ["127.0.2.%d:25" % i for i in range(1, 5)],
                        "name": "mx.many.example",
                        "rules": [{"at": "connect",
                                   "reply": "421 4.3.2 not now",
                                   "action": "close"}]}])

    def __enter__(self):
        self.start()
        return self


@tap.test("control-group has the control socket", proves="control-group")
def control_group(lab):
    st = os.stat(lab.path("run", "control"))
    tap.equal(st.st_gid, grp.getgrnam("daemon").gr_gid, "group")
    tap.equal(st.st_mode & 0o777, 0o660, "mode")


def run_as(lab, group, *words):
    """The command by a user who may read no key, as a member of a group."""
    copy = shutil.copy(mailrace.program("mailrace"), lab.path("mailrace"))
    return subprocess.run([copy, "-c", lab.config, *words], user="nobody",
                          group=group, extra_groups=[], capture_output=True,
                          text=True, timeout=30)


@tap.test("a member of control-group needs no key to use the command")
def member(lab):
    os.chmod(lab.path("keys", "mark"), 0o600)
    r = run_as(lab, "daemon", "show", "status")
    tap.equal((r.returncode, r.stderr), (0, ""), "a member")
    r = run_as(lab, "nogroup", "show", "status")
    tap.equal(r.returncode, 2, "somebody else")
    tap.check("Permission denied" in r.stderr, r.stderr)


@tap.test("a member of control-group reads no mail")
def reads_no_mail(lab):
    r = run_as(lab, "daemon", "cat", "0000000000000001")
    tap.equal((r.returncode, r.stdout), (1, ""), "a member")
    tap.check("only root" in r.stderr, r.stderr)
    r = lab.command.run("cat", "0000000000000001")
    tap.check("not queued" in r.stderr, "root: " + r.stderr)


@tap.test("what an include cannot look into is an error, not nothing")
def hidden(lab):
    os.mkdir(lab.path("hidden"), 0o700)
    path = lab.path("hidden.conf")
    with open(path, "w") as f:
        f.write("include hidden/*.conf\n")
    r = run_as(lab, "nogroup", "-c", path, "test", "config")
    tap.equal(r.returncode, 1, r.stderr)
    tap.check(r.stderr.startswith(path + ":1: include "), r.stderr)


def greeted(lab):
    """The code of the greeting of one more client."""
    with smtp_client.Client(lab.lmtp, lmtp=True) as c:
        return c.greeting[0]


@tap.test("total-max-smtp-in: one client more gets 421",
          proves="total-max-smtp-in")
def max_in(lab):
    clients = [smtp_client.Client(lab.lmtp, lmtp=True) for _ in range(4)]
    tap.equal([c.greeting[0] for c in clients], [220, 220, 220, 421],
              "greetings")
    for c in clients:
        c.close()
    tap.wait_for(lambda: greeted(lab) == 220, 10, "their places are free")


@tap.test("await-slot of an smtp-listener: who comes there waits for a place",
          proves="smtp-listener await-slot")
def await_slot(lab):
    clients = [smtp_client.Client(lab.lmtp, lmtp=True) for _ in range(3)]
    tap.equal([c.greeting[0] for c in clients], [220] * 3, "those in all")
    late = smtp_client.Client(("127.0.0.2", 2525), greeted=False)
    tap.check(not select.select([late.sock], [], [], 0.4)[0], "answered")
    clients.pop().close()
    tap.equal(late.reply()[0], 220, "when one has gone")
    for c in clients + [late]:
        c.close()
    tap.wait_for(lambda: greeted(lab) == 220, 10, "their places are free")


@tap.test("source=NAME of an smtp-listener: its rights, its virtual MTA",
          proves=("smtp-listener source", "source default-virtual-mta"))
def listener_source(lab):
    with smtp_client.Client(("127.0.0.2", 25)) as c:
        c.hello()
        taken, _ = c.send("s@a.example", ["no@in.example"], b"A: b\r\n\r\n")
        tap.equal(taken[0][0], 550, "without it: relaying denied")
    lab.inject("yes@in.example", where=("127.0.0.2", 2525), lmtp=False)
    tap.equal(lab.wait_arrived("yes@in.example")["peer"], "127.0.0.11",
              "source IP")


@tap.test("smtp-listener: where it says; host-name of a virtual MTA: its EHLO",
          proves=("smtp-listener", "virtual-mta host-name"))
def vmta_name(lab):
    with smtp_client.Client(("127.0.0.2", 25)) as c:
        tap.equal(c.greeting[0], 220, "greeting")
    lab.inject("name@in.example", where=("127.0.0.2", 2525), lmtp=False,
               headers=[("X-Virtual-MTA", "named")])
    arrived = lab.wait_arrived("name@in.example")
    tap.equal((arrived["peer"], arrived["helo"]),
              ("127.0.0.12", "named.mta.example"), "source and EHLO")


def dumped(lab, event, marker):
    """Messages in the log, put together from their rows."""
    found, current = [], {}
    for line in lab.daemon.log_text().splitlines():
        words = line.split()
        if event not in words:
            continue
        at = words.index(event)
        who, row = words[at - 1], dict(
            w.split("=", 1) for w in words[at + 1:at + 3])
        if row["at"] == "0":
            current[who] = bytearray()
            found.append(current[who])
        tap.equal(int(row["at"]), len(current[who]), "where a row begins")
        current[who] += bytes.fromhex(row["hex"])
    return [bytes(m) for m in found if marker in m]


@tap.test("log-data: a message as it came and as it was sent, byte by byte",
          proves=("source log-data", "domain log-data"))
def log_data(lab):
    with smtp_client.Client(("127.0.0.2", 2525)) as c:
        c.hello()
        taken, said = c.send("s@a.example", ["dump@in.example"],
                             b"Subject: dumped\r\n\r\n.dot\r\n\xff\r\n")
        tap.equal(said[0][0], 250, "taken")
    lab.wait_arrived("dump@in.example")
    text = b"Subject: dumped\r\n\r\n..dot\r\n\xff\r\n.\r\n"
    came = tap.wait_for(lambda: dumped(lab, "ingress-data", b"dumped"), 10,
                        "as it came")
    tap.equal(came, [text], "as it came")
    sent = tap.wait_for(lambda: dumped(lab, "smtp-data", b"dumped"), 10,
                        "as it was sent")
    tap.check(len(sent) == 1 and sent[0].startswith(b"Received: ") and
              sent[0].endswith(text), sent)


@tap.test("bcc-upon-delivery: a copy of what was delivered, none of what was "
          "not, and none of a copy", proves="domain bcc-upon-delivery")
def delivery_bcc(lab):
    with smtp_client.Client((LISTEN, 24), lmtp=True) as c:
        c.hello()
        _, said = c.send("s@a.example", ["one@copied.example",
                                         "two@copied.example",
                                         "no@copied.example"],
                         b"X-Test-Id: bcc\r\n\r\nbody\r\n")
        tap.equal([r[0] for r in said], [250] * 3, "taken")
    for rcpt in ("more@in.example", "copies@copied.example"):
        copy = lab.wait_arrived(rcpt)
        tap.equal((copy["sender"], copy["headers"]["X-Test-Id"]),
                  ("s@a.example", "bcc"), "the copy for " + rcpt)
    tap.wait_for(lambda: lab.audit().queued == 0, 20, "all is delivered")
    to = sorted(r for m in lab.messages() for r in m["rcpts"])
    tap.equal([r for r in to if r in ("copies@copied.example",
                                      "more@in.example")],
              ["copies@copied.example", "more@in.example"], "copies")
    tap.equal(lab.daemon.log_text().count(" copied of="), 1, "in the log")


@tap.test("postmaster: mail to it goes there, from whoever may not relay",
          proves="postmaster")
def to_postmaster(lab):
    with smtp_client.Client((LISTEN, 25)) as c:
        c.hello()
        taken, said = c.send(
            "s@a.example", ["PostMaster", "postmaster@" + HOST_NAME,
                            "root@" + HOST_NAME], b"A: b\r\n\r\n")
        tap.equal([r[0] for r in taken], [250, 250, 550], "RCPT")
        tap.equal(said[0][0], 250, "taken")
    tap.equal(lab.wait_arrived("ops@in.example")["rcpts"],
              ["ops@in.example"] * 2, "who gets it")


@tap.test("mx-connection-attempts: two of four hosts are tried",
          proves="domain mx-connection-attempts")
def mx_attempts(lab):
    lab.inject("a@many.example")

    # Then the queue waits for an hour.
    tap.wait_for(lambda: lab.command.json("show", "queues", "many.example")
                 ["queues"][0]["retry"], 20, "the queue waits")
    tap.equal(len([e for e in lab.events("connect")
                   if "127.0.2." in e["to"]]), 2, "connections")


@tap.test("spool-min-free-space: no mail below it, mail again above it",
          proves="spool-min-free-space")
def min_free(lab):
    with open(lab.config) as f:
        text = f.read()
    with open(lab.config, "w") as f:
        f.write(text.replace("spool-min-free-space 16M",
                             "spool-min-free-space 900000G"))
    lab.command.text("reload")

    def answer():
        # By SMTP: a host MTA would wait for room.
        with smtp_client.Client((LISTEN, 25)) as c:
            c.hello()
            return c.command("MAIL FROM:<s@a.example>")[0]
    tap.wait_for(lambda: answer() == 452, 20, "452")
    with open(lab.config, "w") as f:
        f.write(text)
    lab.command.text("reload")
    tap.wait_for(lambda: answer() == 250, 20, "250 again")


@tap.test("log-level counts from a reload; what needs a start is warned about",
          proves="log-level")
def log_level(lab):
    with open(lab.config) as f:
        text = f.read()
    with open(lab.config, "w") as f:
        f.write(text.replace("log-level info", "log-level debug") +
                "log-file /tmp/x\n")
    r = lab.command.run("reload")
    tap.equal(r.returncode, 0, r.stderr)
    tap.check("log-file has changed" in r.stdout + r.stderr,
              r.stdout + r.stderr)
    lab.inject("debug@in.example")
    tap.wait_for(lambda: "mailraced debug:" in lab.daemon.log_text(), 20,
                 "debug lines")
    with open(lab.config, "w") as f:
        f.write(text)
    lab.command.text("reload")


@tap.test("log-file without -f; SIGHUP opens it anew", proves="log-file")
def log_file(lab):
    conf, log = lab.path("second.conf"), lab.path("second.log")
    with open(conf, "w") as f:
        f.write(without_deleted(
            "log-file %s\nspool %s\ncontrol-socket %s\n" % (
                log, lab.path("spool2"), lab.path("run", "second"))))
    # It goes into the background when it is ready.
    subprocess.run([mailrace.program("mailraced"), "-c", conf], check=True,
                   timeout=30)
    with open(lab.path("spool2", "LOCK")) as f:
        pid = int(f.read())
    try:
        tap.check(os.path.getsize(log) > 0, "nothing in it")
        os.rename(log, log + ".1")
        os.kill(pid, signal.SIGHUP)
        tap.wait_for(lambda: os.path.exists(log) and os.path.getsize(log),
                     20, "lines in the new one")
    finally:
        os.kill(pid, signal.SIGTERM)
    tap.wait_for(lambda: not os.path.exists("/proc/%d" % pid), 30, "the end")


@tap.test("the milter without -f: in the background, in the same log-file")
def milter_log_file(lab):
    conf, log = lab.path("third.conf"), lab.path("third.log")
    sock = lab.path("run", "third")
    with open(conf, "w") as f:
        f.write("log-file %s\nmilter-listener %s\n"
                "milter-control-socket %s\n" % (
                    log, lab.path("run", "third-milter"), sock))
    subprocess.run([mailrace.program("mailrace-milter"), "-c", conf],
                   check=True, timeout=30, stderr=subprocess.DEVNULL)
    pid = mailrace.ask(sock, {"command": "show status"})[-1]["pid"]
    try:
        with open(log) as f:
            tap.check("mailrace-milter info: - start" in f.read(), "start")
        os.rename(log, log + ".1")
        mailrace.ask(sock, {"command": "reload"})
        tap.wait_for(lambda: os.path.exists(log) and os.path.getsize(log),
                     20, "lines in the new one")
    finally:
        os.kill(pid, signal.SIGTERM)
    tap.wait_for(lambda: not os.path.exists("/proc/%d" % pid), 30, "the end")


NASTY = [
    ("fifty mistakes", b"".join(b"odd-%d x\n" % i for i in range(50)), 50,
     b"1: unknown directive odd-0"),
    ("a NUL byte", b"host-name a\0b\n", 1, b"1: a NUL byte"),
    ("a line of 1 MB", b"host-name " + b"a" * 1000000 + b"\n", 1,
     b"1: host-name: "),
    ("no end of a block", b"<domain *>\nmax-smtp-out 1\n", 1,
     b"1: <domain> is not closed"),
    ("includes itself", b"include ROOT/nasty.conf\n", 1,
     b"1: include ROOT/nasty.conf: includes itself"),
    ("includes nothing", b"include ROOT/none\n", 1,
     b"1: include ROOT/none: cannot open: No such file"),
    ("includes a directory", b"include ROOT\n", 1, b"not a regular file"),
    ("an unreadable key", b"domain-key s, a.example, ROOT/none.pem\n", 1,
     b"1: domain-key: ROOT/none.pem: No such file"),
    ("no mark key", b"mark-key-file ROOT/none\n", 1,
     b"1: mark-key-file: ROOT/none: No such file"),
    ("an escape sequence", b"a\x1b]0;x\x07b yes\n", 1, b"a?]0;x?b"),
    ("CRLF and a byte order mark",
     b"\xef\xbb\xbfhost-name a.example\r\n<domain *>\r\n</domain>\r\n", 0,
     b""),
    ("nothing", b"", 0, b""),
]


@tap.test("test config on nasty files: all on standard error, exit 1")
def nasty(lab):
    path = lab.path("nasty.conf")
    for label, text, count, said in NASTY:
        tap.note(label)
        with open(path, "wb") as f:
            f.write(text.replace(b"ROOT", lab.root.encode()))
        r = subprocess.run([mailrace.program("mailrace"), "-c", path, "test",
                            "config"], capture_output=True)
        tap.equal(r.returncode, 1 if count else 0, "exit status")
        tap.equal(len(r.stderr.splitlines()), count, "mistakes")
        tap.equal(r.stdout == b"", count > 0, "standard output")
        tap.check(said.replace(b"ROOT", lab.root.encode()) in r.stderr,
                  r.stderr)
        tap.check(len(r.stderr) < 1200 * (count + 1), "too much is said")
    for path in (lab.root, lab.path("none")):
        r = mailrace.Command(path).run("test", "config")
        tap.equal(r.returncode, 1, path)
        tap.check(r.stderr.startswith(path + ": "), r.stderr)


tap.main(Fixture)
