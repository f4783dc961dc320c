#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The mailrace command: show status, list, reload, audit, with --json; test
config reports every mistake; a reload drops no connection.  What it shows of
queues is in test_show.py, what it orders in test_steer.py."""

import netns
netns.enter()

import contextlib
import os
import signal
import socket
import stat
import subprocess

import mailrace
import procs
import smtp_client
import tap
from lab import Lab, mx_zone

CONFIG = """
<domain *>
    retry-after 60s
</domain>
<domain wait.example>
    max-smtp-out 7
</domain>
"""
ZONE = (mx_zone("in.example", ("mx.in.example", "127.0.1.1")) +
        mx_zone("wait.example", ("mx.wait.example", "127.0.1.2")))
# Of daemons: it has reloaded, it refuses, it hangs up.
ANSWERS = {"done": b'{"done":true}\n', "no": b'{"error":"no"}\n', "dumb": b""}


class Fixture(Lab):
    def __init__(self):
        super().__init__(
            zone=ZONE, config=CONFIG, with_postfix=False, with_milter=True,
            receivers=[{"listen": ["127.0.1.1:25"]},
                       {"listen": ["127.0.1.2:25"], "rules": [
                           {"at": "connect", "action": "close",
                            "reply": "raw:421 4.7.0 come \xfc\xdf back "
                                     "\x1b[31m later\r\n"}]}])

    def __enter__(self):
        self.start()
        for i in range(3):
            self.inject("w%d@wait.example" % i)
        self.inject("done@in.example")
        self.wait_record("d", "done@in.example")
        return self


@tap.test("show status, as text and as JSON", proves="control-socket")
def status(lab):
    tap.check(len(lab.command.text("show", "status")) > 40, "text")
    tap.check(isinstance(lab.command.json("show", "status"), (dict, list)),
              "JSON")


@tap.test("show queues names each queue and how many wait")
def queues(lab):
    text = lab.command.text("show", "queues")
    rows = [line.split() for line in text.splitlines()]
    tap.check(["wait.example/{default}", "3"] in [r[:2] for r in rows], text)
    answer = str(lab.command.json("show", "queues"))
    tap.check("wait.example" in answer, answer)


@tap.test("queues are chosen by DOMAIN/VMTA with wildcards")
def chosen(lab):
    def shown(*args):
        return [q["domain"] for q in
                lab.command.json("show", "queues", *args)["queues"]]
    tap.equal(shown("wait.example"), ["wait.example"], "by name")
    tap.equal(shown("WAIT.*/{default}"), ["wait.example"], "by pattern")
    tap.equal(shown("*/other"), [], "another VMTA")
    tap.equal(len(lab.command.json("list", "Wait.example")["recipients"]), 3,
              "list, without regard to case")
    r = lab.command.json("list", "*", "--maxitems=2")
    tap.equal((r["shown"], r["matched"]), (2, 3), "some of them")
    text = lab.command.text("show", "queues", "none.example")
    tap.check("0 of 0 matching queues." in text, text)
    tap.equal(lab.command.run("show", "queues", "a", "b").returncode, 2,
              "two names")
    tap.equal(lab.command.run("audit", "a").returncode, 2, "audit of a name")


@tap.test("whatever a server says, JSON is JSON and the terminal is safe")
def garbage(lab):
    q = lab.command.json("show", "queues", "wait.example")["queues"][0]
    tap.check("4.7.0 come" in q["last_error"], q["last_error"])
    text = lab.command.text("show", "queues")
    tap.check("\x1b" not in text, repr(text))


@tap.test("list shows what waits, with recipient and sender")
def listing(lab):
    text = lab.command.text("list")
    for i in range(3):
        tap.check("w%d@wait.example" % i in text, text)
    tap.check("done@in.example" not in text, text)
    tap.check("s@sender.example" in str(lab.command.json("list")), "sender")


@tap.test("audit balances and is for programs too")
def audit(lab):
    a = lab.audit()
    tap.check(a.balances(), "audit: %s" % a)
    tap.equal((a.queued, a.terminal["delivered"]), (3, 1), str(a))
    tap.check("4" in lab.command.text("audit"), "text")


@tap.test("test config: no mistake is exit 0, all mistakes are named")
def config_test(lab):
    r = lab.command.run("test", "config")
    tap.equal(r.returncode, 0, r.stdout + r.stderr)
    bad = lab.path("bad.conf")
    with open(bad, "w") as f:
        f.write("host-name mta.example\n"
                "no-such-thing 3\n"
                "<domain a.example>\n"
                "    max-smtp-out many\n"
                "    max-msg-rate 5/fortnight\n"
                "</domain>\n"
                "<domain b.example>\n"
                "    use-dane yes\n"
                "</domain>\n")
    import mailrace
    r = mailrace.Command(bad).run("test", "config")
    text = r.stdout + r.stderr
    tap.equal(r.returncode, 1, "exit status: " + text)
    for line in (2, 4, 5, 8):
        tap.check("%s:%d: " % (bad, line) in text, "line %d in:\n%s" % (
            line, text))


@tap.test("reload takes the new configuration and keeps connections")
def reload(lab):
    pid = lab.daemon.pid
    with smtp_client.Client(lab.lmtp, lmtp=True) as c:
        c.hello()
        tap.equal(c.command("MAIL FROM:<s@sender.example>")[0], 250, "MAIL")
        lab.write_config(CONFIG + """
<virtual-mta added>
    smtp-source-host 127.0.0.19 added.mta.example
</virtual-mta>
<source 127.0.0.1>
    process-x-virtual-mta yes
</source>
""")
        lab.command.text("reload")
        tap.equal(c.command("RCPT TO:<held@in.example>")[0], 250, "RCPT")
        dots = c.data(smtp_client.compose("s@sender.example",
                                          "held@in.example"), 1)
        tap.equal(dots[0][0], 250, "dot")
    lab.wait_arrived("held@in.example")
    lab.inject("new@in.example", headers=[("X-Virtual-MTA", "added")])
    tap.equal(lab.wait_arrived("new@in.example")["peer"], "127.0.0.19",
              "source IP")
    tap.equal(lab.daemon.pid, pid, "process")


@tap.test("a reload that fails says why and changes nothing")
def reload_fails(lab):
    with open(lab.config) as f:
        good = f.read()
    with open(lab.config, "a") as f:
        f.write("\nnonsense here\n")
    r = lab.command.run("reload")
    tap.check(r.returncode != 0, "exit status 0")
    tap.check("nonsense" in r.stdout + r.stderr, r.stdout + r.stderr)
    with open(lab.config, "w") as f:
        f.write(good)
    lab.inject("still@in.example", headers=[("X-Virtual-MTA", "added")])
    tap.equal(lab.wait_arrived("still@in.example")["peer"], "127.0.0.19",
              "source IP")


@tap.test("while the file has mistakes the daemon can be asked and steered")
def broken_file(lab):
    with open(lab.config) as f:
        good = f.read()
    with open(lab.config, "a") as f:
        f.write("\nnonsense here\n<domain")
    tap.check(lab.command.json("show", "queues")["queues"], "no queues")
    tap.equal(lab.command.text("pause", "queue", "none.example"),
              "Queue(s) paused.\n", "an order")
    lab.command.text("resume", "queue", "*")
    r = lab.command.run("reload")
    tap.equal(r.returncode, 1, r.stderr)
    line = len(good.splitlines()) + 2
    tap.check("mailraced: %s:%d: unknown directive nonsense" %
              (lab.config, line) in r.stderr, r.stderr)
    tap.check("mailrace-milter" not in r.stdout + r.stderr, "the milter has it")
    os.rename(lab.config, lab.config + ".away")
    r = lab.command.run("show", "queues")
    tap.equal(r.returncode, 2, "no file")
    tap.check("No such file" in r.stderr, r.stderr)
    with open(lab.config, "w") as f:
        f.write(good)


@tap.test("a reload of a file that is no UTF-8 is answered as well")
def reload_latin(lab):
    with open(lab.config, "rb") as f:
        good = f.read()
    for line in (b"gr\xfc\xdfe 3\n",
                 b"<acct-file /no/such/folder/a.csv>\n</acct-file>\n"):
        with open(lab.config, "wb") as f:
            f.write(good + line)
        answer = lab.ask({"command": "reload"})
        tap.check("error" in answer, str(answer))
        tap.check(lab.daemon.running(), "mailraced ended")
    with open(lab.config, "wb") as f:
        f.write(good)
    tap.equal(lab.command.run("reload").returncode, 0, "reload")


@tap.test("reload: 2 is for daemons that are stopped, and for nothing else")
def reload_status(lab):
    path = lab.path("other.conf")

    def status():
        r = mailrace.Command(path).run("reload")
        return r.returncode, r.stdout + r.stderr
    for transport, milter, want in (
            ("done", "done", 0), ("none", "done", 2), ("done", "none", 2),
            ("none", "none", 2), ("done", "stale", 2), ("done", "dumb", 1),
            ("dumb", "done", 1), ("none", "dumb", 1), ("dumb", "none", 1),
            ("done", "no", 1), ("none", "no", 1), ("no", "none", 1)):
        with contextlib.ExitStack() as stack:
            for who, how in (("t", transport), ("m", milter)):
                at = lab.path(who)
                if how in ANSWERS:
                    stack.enter_context(mailrace.stand_in(at, ANSWERS[how]))
                elif how == "stale":
                    with socket.socket(socket.AF_UNIX) as s:
                        s.bind(at)
                    stack.callback(os.unlink, at)
            with open(path, "w") as f:
                f.write("control-socket %s\nmilter-control-socket %s\n" %
                        (lab.path("t"), lab.path("m")))
            got, said = status()
            tap.equal(got, want, "%s, %s: %s" % (transport, milter, said))
            tap.equal("milter: configuration reloaded" in said,
                      milter == "done", said)
    os.unlink(path)
    tap.equal(status()[0], 1, "no file")


@tap.test("reload: a daemon that starts behind the call was stopped")
def reload_start(lab):
    path, transport, milter = (lab.path(n) for n in ("other.conf", "t", "m"))
    with open(path, "w") as f:
        f.write("control-socket %s\nmilter-control-socket %s\n" %
                (transport, milter))
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(4096))
    os.set_blocking(writing, True)
    argv = [mailrace.program("mailrace"), "-c", path, "reload"]
    with socket.socket(socket.AF_UNIX) as s, \
            mailrace.stand_in(milter, ANSWERS["done"]):
        s.bind(transport)
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL,
                              stderr=writing) as p, open(reading, "rb") as full:
            os.close(writing)
            tap.wait_for(lambda: procs.state_of(p.pid) == "S", 20,
                         "it would say that nobody is there")
            s.listen()
            said = full.read().replace(b"\0", b"")
        tap.check(p.returncode == 2 and b"is not running" in said,
                  (p.returncode, said))
    os.unlink(transport)
    os.unlink(path)


@tap.test("a daemon that ends while reload asks it is stopped")
def reload_end(lab):
    path, transport = lab.path("other.conf"), lab.path("t")
    with open(path, "w") as f:
        f.write("control-socket %s\n" % transport)
    argv = [mailrace.program("mailrace"), "-c", path, "reload"]
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(transport)
        s.listen()
        s.settimeout(20)
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE) as p:
            asks, _ = s.accept()
            tap.check(asks.recv(65536) != b"", "a request")
            s.close()
            asks.close()
            said = p.stderr.read()
        tap.check(p.returncode == 2, (p.returncode, said))
    os.unlink(transport)
    os.unlink(path)


@tap.test("the control socket is for its group only")
def socket_mode(lab):
    mode = stat.S_IMODE(os.stat(lab.path("run", "control")).st_mode)
    tap.equal(mode & 0o007, 0, "others may use it: %o" % mode)


@tap.test("without a daemon the command says so and fails")
def no_daemon(lab):
    tap.equal(lab.daemon.stop(), 0, "exit status of mailraced")
    r = lab.command.run("show", "status")
    tap.equal(r.returncode, 2, "exit status")
    tap.check("not running" in r.stderr and "control" in r.stderr, r.stderr)
    lab.daemon.start()


@tap.test("a second mailraced on the same spool refuses to start",
          proves="spool")
def lock(lab):
    with open(lab.path("spool", "LOCK")) as f:
        tap.equal(int(f.read()), lab.daemon.pid, "whose spool it is")
    r = subprocess.run([mailrace.program("mailraced"), "-c", lab.config,
                        "-f"], capture_output=True, text=True, timeout=30,
                       check=False)
    tap.check(r.returncode not in (0, -signal.SIGABRT, -signal.SIGSEGV),
              "exit status %d" % r.returncode)
    tap.check(r.stderr.strip() != "", "it says nothing")
    tap.check(lab.audit().balances(), "the first one works on")


tap.main(Fixture)
