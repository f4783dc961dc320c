#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mailq prints what Postfix's own postqueue makes of the same queue, to the
byte, whoever calls that; with the host's queue it is one list; a long one costs
no memory; the words of hold and the columns of qshape are those of Postfix."""

import netns
netns.enter()

import collections
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time

import exim
import log_tools
import mailrace
import memory
import smtp_client
import tap
from lab import Lab, mx_zone

CONFIG = """
<source 127.0.0.1>
    process-x-job yes
</source>
<domain *>
    retry-after 1h
    retry-recipients-after 1h
</domain>
"""
DOMAINS = ("later.example", "lost.example", "down.example", "held.example",
           "slow.example")
ZONE = "".join(mx_zone(d, ("mx." + d, "127.0.1.9" if d == "down.example"
                           else "127.0.1.1")) for d in DOMAINS)
RECEIVERS = [{"listen": ["127.0.1.1:25"], "rules": [
    {"at": "rcpt", "match": "slow.example", "delay": 120},
    {"at": "rcpt", "match": "lost.example", "action": "drop"},
    {"at": "rcpt", "reply": "451 4.2.1 come back later"}]}]
# What is deferred stays so: two listings are compared.
MAIN_CF = """
defer_transports = mailrace
queue_run_delay = 1h
minimal_backoff_time = 1h
maximal_backoff_time = 1h
smtpd_milters =
non_smtpd_milters =
"""
# As it is installed; where it is, and what listens in its queue_directory.
VIEW = os.path.join(mailrace.SOURCE, "etc/postfix-view")
SHOWQ = "/run/mailrace-view/public/showq"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class Showq(threading.Thread):
    """What systemd does for etc/mailrace-showq.socket: whoever connects to
    the socket is standard output of a `mailrace mailq --showq`."""

    def __init__(self, path, config):
        super().__init__(daemon=True)
        self.config = config
        self.socket = socket.socket(socket.AF_UNIX)
        os.makedirs(os.path.dirname(path))
        self.socket.bind(path)
        shutil.chown(path, "root", "postdrop")
        os.chmod(path, 0o660)
        self.socket.listen(8)
        self.start()

    def run(self):
        while True:
            try:
                conn, _ = self.socket.accept()
            except OSError:
                return
            with conn:
                subprocess.run([mailrace.program("mailrace"), "-c",
                                self.config, "mailq", "--showq"], stdout=conn,
                               timeout=60)

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.join()


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, with_milter=False,
                         receivers=RECEIVERS, pf_main=MAIN_CF)

    def __enter__(self):
        self.start()
        self.env = {**os.environ, "MAIL_CONFIG": self.postfix.conf,
                    "PATH": PATH}
        shutil.copytree(VIEW, self.path("view"))
        self.host_postfix()
        self.showq = Showq(SHOWQ, self.config)
        os.symlink(mailrace.program("mailrace"), self.path("mailq"))
        self.command.text("pause", "queue", "held.example")
        self.command.text("pause", "job", "sale")
        self.inject(["a@later.example", "b@down.example", "c@later.example"],
                    sender="many@sender.example")
        self.inject("a@lost.example", sender="")
        self.inject("h@held.example", sender='"x y"@sender.example')
        self.inject("j@later.example", headers=[("X-Job", "sale")])
        self.inject("s@slow.example")
        tap.wait_for(self.settled_down, 30, "all were tried")
        return self

    def host_postfix(self):
        """As a host has it: /run is empty, and main.cf of its Postfix, which
        only this namespace sees, names the view for those who are not root."""
        subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
        os.makedirs(self.path("etc"))
        with open(self.path("etc", "main.cf"), "w") as f:
            f.write("alternate_config_directories = %s\n" %
                    self.path("view"))
        subprocess.run(["mount", "--bind", self.path("etc"), "/etc/postfix"],
                       check=True)
        self.mounts += ["/run", "/etc/postfix"]

    def settled_down(self):
        rows = {r["sender"] + r["recipients"][0]["address"]: r
                for r in self.listed()}
        many = rows["many@sender.examplea@later.example"]
        return all("delay_reason" in r for r in many["recipients"]) and \
            "delay_reason" in \
            rows["MAILER-DAEMONa@lost.example"]["recipients"][0] and \
            self.command.json("list", "--rcpt=s@*")["recipients"][0]["sending"]

    def listed(self, *args):
        text = self.command.text("mailq", "--json", *args)
        return [json.loads(line) for line in text.splitlines()]

    def view(self, option, user="root", group="root"):
        r = subprocess.run(["/usr/sbin/postqueue", "-c", self.path("view"),
                            option], capture_output=True, text=True,
                           timeout=60, user=user, group=group,
                           extra_groups=[], env={"PATH": PATH})
        tap.equal((r.returncode, r.stderr), (0, ""), "as " + user)
        return r.stdout

    def tool(self, *argv, status=0):
        r = subprocess.run(argv, capture_output=True, text=True, timeout=60,
                           env=self.env)
        tap.equal(r.returncode, status, "%s: %s" % (argv, r.stderr))
        return r.stdout

    def mailq(self, *args, status=0):
        return self.tool(self.path("mailq"), "-c", self.config, *args,
                         status=status)

    def __exit__(self, *why):
        self.showq.close()
        self.receiver.stop()  # or a transaction would end in two minutes
        return super().__exit__(*why)


@tap.test("each message has its state, its reasons and its size")
def states(lab):
    rows = {r["recipients"][0]["address"]: r for r in lab.listed()}
    tap.equal({k: v["queue_name"] for k, v in rows.items()},
              {"a@later.example": "deferred", "a@lost.example": "deferred",
               "h@held.example": "hold", "j@later.example": "hold",
               "s@slow.example": "active"}, str(rows))
    many = rows["a@later.example"]
    tap.equal([r["address"] for r in many["recipients"]],
              ["a@later.example", "b@down.example", "c@later.example"],
              "one message, in the order of its envelope")
    reasons = [r["delay_reason"] for r in many["recipients"]]
    tap.equal(reasons[0::2],
              ["host mx.later.example[127.0.1.1] said: 451 4.2.1 come back "
               "later (in reply to RCPT TO command)"] * 2, "a reply")
    tap.check("refused" in reasons[1], "no connection: %s" % reasons[1])
    tap.check(rows["a@lost.example"]["recipients"][0]["delay_reason"]
              .startswith("lost connection with mx.lost.example[127.0.1.1] "
                          "while "), "lost: %s" % rows["a@lost.example"])
    tap.check(list(many) == ["queue_name", "queue_id", "arrival_time",
                             "message_size", "forced_expire", "sender",
                             "recipients"], "keys: %s" % list(many))
    row = lab.command.json("list", "--rcpt=a@later.example")["recipients"][0]
    tap.equal((row["id"], row["size"]),
              (many["queue_id"], many["message_size"]), "as list says")
    tap.check(abs(time.time() - many["arrival_time"]) < 120, "its time")


@tap.test("stock postqueue prints our queue through showq, by the view that we "
          "install, for root and for nobody; and mailq the same")
def same_as_postqueue(lab):
    for who in (("root", "root"), ("nobody", "nogroup")):
        tap.equal(lab.view("-p", *who), lab.command.text("mailq"),
                  "postqueue -p as %s:%s" % who)
        tap.equal(lab.view("-j", *who), lab.command.text("mailq", "--json"),
                  "postqueue -j as %s:%s" % who)


@tap.test("prometheus-postfix-exporter counts our queue there")
def exporter(lab):
    with log_tools.Exporter(lab.root, SHOWQ) as e:
        text = e.text()
    want = collections.Counter(r["queue_name"] for r in lab.listed())
    got = {m[1]: int(m[2]) for m in re.finditer(
        r'^postfix_showq_message_size_bytes_count\{queue="(\w+)"\} (\d+)$',
        text, re.M)}
    tap.equal({k: n for k, n in got.items() if n}, dict(want), "messages")


@tap.test("mailq takes a queue and selectors")
def selectors(lab):
    def to(*args):
        return sorted(r["address"] for m in lab.listed(*args)
                      for r in m["recipients"])
    tap.equal(to("held.example"), ["h@held.example"], "a queue")
    tap.equal(to("--jobId=sale"), ["j@later.example"], "a job")
    tap.equal(to("--orig=many@*", "--rcpt=*@later.example"),
              ["a@later.example", "c@later.example"], "of one message some")
    tap.equal(lab.command.text("mailq", "none.example"),
              "Mail queue is empty\n", "nothing")
    tap.equal(lab.command.text("mailq", "none.example", "--json"), "",
              "no object")
    r = lab.command.run("mailq", "--json", "--exim")
    tap.equal((r.returncode, r.stdout), (2, ""), "one form: " + r.stderr)


@tap.test("--exim is what exiqgrep and exiqsumm look for")
def patterns(lab):
    text = lab.command.text("mailq", "--exim")
    heads = re.findall(r"^\s*(\w+)\s+((?:\d+(?:\.\d+)?[A-Z]?)?)\s*"
                       r"(\w{6}-\w{6}-\w{2})\s+(<.*?>)( \*\*\* frozen \*\*\*)?"
                       r"$", text, re.M)
    tap.equal(sorted((h[3], h[4] != "") for h in heads),
              [('<"x y"@sender.example>', True), ("<>", False),
               ("<many@sender.example>", False),
               ("<s@sender.example>", False), ("<s@sender.example>", True)],
              text)
    tap.equal(len(re.findall(r"^          \S+@\S+$", text, re.M)), 7, text)
    sums = [line for line in text.splitlines()
            if re.match(r"^([\d\s]{2,3}\w)\s+(\S+)\s(\S+)\s\<(\S*)\>", line)]
    tap.equal(len(sums), 4, "exiqsumm, which takes no blank in an address")


@tap.test("a real Exim lists the same message in the same form")
def same_as_exim(lab):
    program = exim.private(lab)
    to = ["p@held.example", "q@held.example"]
    subprocess.run([program, "-odq", "-f", "twin@sender.example"] + to,
                   input=b"Subject: x\n\ntext\n", check=True, timeout=60)
    listed = lab.tool(program, "-bp")
    ident = re.search(r"\w{6}-\w{6}-\w{2}", listed).group(0)
    lab.tool(program, "-Mf", ident)
    lab.inject(to, sender="twin@sender.example")

    def form(text):
        """Without what two messages cannot have in common."""
        return re.sub(r"^ ?\d+m +\S+ (?=\S{16} )|(?<= )\S{16}(?= <)",
                      lambda m: "#" * len(m.group(0)), text, flags=re.M)
    listed = lab.tool(program, "-bp")
    ours = lab.command.text("mailq", "--exim", "--orig=twin@*")
    tap.equal(form(ours), form(listed), ours)
    tap.check("*** frozen ***" in listed and "#### " in form(listed), listed)
    lab.env["PATH"] = os.path.dirname(program)
    tap.equal(lab.mailq("--exim", "--orig=twin@*"), listed + ours, "both")
    lab.env["PATH"] = PATH
    tap.equal(lab.command.json("delete", "--orig=twin@*",
                               "--queue=*")["deleted"], 2, "as before")


@tap.test("qshape: which queues, whose domains, which columns")
def qshape(lab):
    def rows(*args):
        text = lab.command.text("qshape", *args)
        return dict((line.split()[0], line.split()[1:])
                    for line in text.splitlines()[1:])
    tap.equal(rows(), {"TOTAL": ["1", "1"] + ["0"] * 9,
                       "slow.example": ["1", "1"] + ["0"] * 9}, "active")
    tap.equal({k: v[0] for k, v in rows("deferred").items()},
              {"TOTAL": "4", "later.example": "2", "lost.example": "1",
               "down.example": "1"}, "deferred")
    tap.equal(rows("-s", "-b", "1", "deferred", "hold", "incoming"),
              {"TOTAL": ["4", "4"], "sender.example": ["3", "3"],
               "MAILER-DAEMON": ["1", "1"]}, "senders, once a message")
    text = lab.command.text("qshape", "-l", "-t", "30", "-b", "3", "-p", "-m",
                            "1", "-w", "90")
    tap.equal(text.split("\n")[0].split(), ["T", "30", "60", "60+"], text)
    tap.equal(len(text.split("\n")[0]), 90, "as wide")
    whole = lab.command.json("qshape", "-b", "2", "hold")
    tap.equal((whole["minutes"], whole["rows"][0]),
              ([5], {"domain": "TOTAL", "total": 2, "counts": [2, 0]}),
              str(whole))
    for wrong in (("corrupt",), ("-b", "31"), ("-b", "x"), ("-c",)):
        tap.equal(lab.command.run("qshape", *wrong).returncode, 2, str(wrong))
    r = lab.command.run("list", "-s")
    tap.check(r.returncode == 2 and "--sender-domains" in r.stderr, str(r))


@tap.test("called mailq it lists the host's queue first, with one total")
def both(lab):
    empty = lab.mailq()
    tap.equal(empty, lab.command.text("mailq"), "the host has none")
    lab.postfix.source("s@host.example", "x@later.example", 2)
    host = tap.wait_for(lambda: (lambda t: t if t.count("x@later") == 2 and
                                 "*" not in t.split("\n", 1)[1] else None)(
        lab.tool("/usr/sbin/postqueue", "-p")), 20, "Postfix has two")
    text = lab.mailq()
    before, sum_host = host.rstrip("\n").rsplit("\n", 1)
    ours, sum_ours = empty.rstrip("\n").rsplit("\n", 1)
    tap.equal(text.rsplit("\n", 2)[0], before + "\n" + ours.split("\n", 1)[1],
              "both, under one head")
    number = re.compile(r"-- (\d+) Kbytes in (\d+) Requests\.")
    a, b, c = (list(map(int, number.search(s).groups()))
               for s in (sum_host, sum_ours, text.rsplit("\n", 2)[1]))
    tap.equal(c, [a[0] + b[0], a[1] + b[1]], "the total")
    rows = [json.loads(line) for line in lab.mailq("--json").splitlines()]
    tap.equal(len(rows), 7, "as JSON")


@tap.test("without its host, or without us, mailq says so and prints the rest")
def parts(lab):
    lab.env["MAIL_CONFIG"] = lab.path("nowhere")
    text = lab.mailq(status=2)
    tap.check("s@slow.example" in text, "ours: " + text)
    lab.env["MAIL_CONFIG"] = lab.postfix.conf
    r = subprocess.run([lab.path("mailq"), "-c", lab.path("view", "none")],
                       capture_output=True, text=True, env=lab.env)
    tap.check(r.returncode == 2 and "x@later.example" in r.stdout and
              "-- " in r.stdout, "the host's: %s" % r)
    tap.check("none" in r.stderr, "why: " + r.stderr)


LONG = "a-domain-with-a-name-that-no-column-has-enough-room-for"
# Of rows with the same number and length qshape leaves the order open.
DEEP = ("a.deep.example", "bb.deep.example", "ccc.deep.example",
        LONG + ".deep.example", LONG + "." + LONG + ".example")


class Twins:
    """The same messages in both queues, in ours on hold, and no others
    there."""

    def __init__(self, lab):
        self.lab = lab
        for which in ("--queue=held.example", "--jobId=sale"):
            lab.command.text("delete", which)
        lab.command.text("pause", "queue", "*.deep.example")
        lab.command.text("pause", "queue", "*." + LONG + ".example")
        self.send("one@a.sender.example", "r@" + DEEP[0], "q@" + DEEP[1])
        self.send("two@b.sender.example", "r@" + DEEP[0])
        self.send("", "r@" + DEEP[2])
        self.send("two@b.sender.example", "r@" + DEEP[3])
        self.send("two@b.sender.example", "r@" + DEEP[4].upper())
        self.ours = [r["queue_id"] for r in lab.listed()
                     if "deep" in str(r).lower() or LONG in str(r).lower()]
        tap.wait_for(lambda: len(self.deferred()) == 5, 20,
                     "Postfix has them, too")
        self.theirs = self.deferred()

    def send(self, sender, *rcpts):
        self.lab.inject(list(rcpts), sender=sender)
        with smtp_client.Client(("127.0.0.1", 25)) as c:
            c.hello()
            text = smtp_client.compose(sender, rcpts[0])
            taken, dots = c.send(sender, list(rcpts), text)
            tap.equal(dots[0][0], 250, "Postfix takes it: %s" % taken)

    def deferred(self):
        text = self.lab.tool("/usr/sbin/postqueue", "-j")
        rows = [json.loads(line) for line in text.splitlines()]
        return [r["queue_id"] for r in rows if r["queue_name"] == "deferred"
                and "x@later.example" not in str(r)]

    def tool(self, name, *args):
        """What one of Postfix says, on whichever output, of its queue."""
        r = subprocess.run(["/usr/sbin/" + name, "-c", self.lab.postfix.conf,
                            *args], capture_output=True, text=True,
                           timeout=60, check=True)
        lines = [x.removeprefix(name + ": ")
                 for x in (r.stdout + r.stderr).splitlines()
                 if " warning: " not in x]
        return without_ids(lines, self.theirs)

    def mailrace(self, *args):
        return without_ids(self.lab.command.text(*args).splitlines(),
                           self.ours)

    def order(self, option, command, *of):
        theirs = [x for i in of for x in (option, self.theirs[i])]
        tap.equal(self.mailrace(command, *[self.ours[i] for i in of]),
                  self.tool("postsuper", *theirs), option)


def without_ids(lines, ids):
    for i, one in enumerate(ids):
        lines = [x.replace(one, "ID%d" % i) for x in lines]
    return lines


@tap.test("hold, release, requeue and qshape say what Postfix's own tools say "
          "of the same mail")
def same_words(lab):
    twins = Twins(lab)
    tap.equal((len(twins.ours), len(twins.theirs)), (5, 5), "in both queues")
    twins.order("-h", "hold", 0, 1)
    twins.order("-h", "hold", 0)
    twins.order("-H", "release", 1)
    twins.order("-H", "release", 1)
    twins.order("-h", "hold", 1, 2, 3, 4)
    for args in ((), ("-s",), ("-b", "3", "-t", "30", "-l"), ("-w", "120"),
                 ("-p", "-m", "1"), ("-p", "-m", "3"), ("-b", "1")):
        tap.equal(twins.mailrace("qshape", *args, "hold"),
                  twins.tool("qshape", *args, "hold"), "qshape %s" % (args,))
    twins.order("-r", "requeue", 0)  # under another id, theirs
    lab.command.text("delete", "--queue=*" + LONG + "*")
    lab.command.text("delete", "--queue=*.deep.example")


@tap.test("a listing that is longer takes no more memory of the daemon")
def memory_bound(lab):
    def fill(begin, end):
        for i in range(begin, end):
            lab.inject(["r%d-%d@held.example" % (i, n) for n in range(4000)],
                       sender="bulk%d@sender.example" % i)
    fill(0, 1)
    lab.listed()
    fill(1, 5)
    memory.forget_peak(lab.daemon.pid)
    before = memory.now(lab.daemon.pid)
    rows = {r["sender"]: [to["address"] for to in r["recipients"]]
            for r in lab.listed("--orig=bulk*")}
    tap.check(rows == {"bulk%d@sender.example" % i:
                       ["r%d-%d@held.example" % (i, n) for n in range(4000)]
                       for i in range(5)}, "all, in the order of envelopes")
    grown = memory.peak(lab.daemon.pid) - before
    tap.check(grown < 6 << 20 or memory.has_sanitizer(lab.daemon.pid),
              "%d bytes" % grown)


@tap.test("whoever asks as soon as the daemon answers is told of all its spool")
def after_start(lab):
    def count():
        return lab.command.json("delete", "--queue=*.held.example",
                                "--dry-run")["deleted"]
    lab.command.text("pause", "queue", "*.held.example")
    for i in range(8):
        lab.inject(["r@%d.held.example" % n for n in range(3000)])
    tap.equal(count(), 24000, "all are there")
    lab.receiver.stop()  # slow.example would hold up the stop
    lab.daemon.stop()
    lab.daemon.start()
    tap.equal(count(), 24000, "still, in queues that have to be made anew")


tap.main(Fixture)
