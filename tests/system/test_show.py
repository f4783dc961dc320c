#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What mailrace shows of queues, domains and virtual MTAs: the sums are right,
each option selects what it says, and the command line means what is typed."""

import netns
netns.enter()

import tap
from lab import Lab, mx_zone

CONFIG = """
<virtual-mta one>
    smtp-source-host 127.0.0.11 one.mta.example
</virtual-mta>
<virtual-mta two>
    smtp-source-host 127.0.0.12 two.mta.example
</virtual-mta>
<source 127.0.0.1>
    process-x-virtual-mta yes
</source>
<domain *>
    retry-after 1h
    retry-recipients-after 1h
    connection-idle-timeout 0s
</domain>
"""
# "down" refuses connections (an error of the queue); "later" defers each
# recipient, keeping no connection.
ZONE = (mx_zone("down.example", ("mx.down.example", "127.0.1.1")) +
        mx_zone("later.example", ("mx.later.example", "127.0.1.2")) +
        mx_zone("big.example", ("mx.big.example", "127.0.1.2")) +
        mx_zone("open.example", ("mx.open.example", "127.0.1.3")))
RECEIVERS = [
    {"listen": ["127.0.1.2:25"], "rules": [
        {"at": "rcpt", "reply": "451 4.2.1 later"}]},
    {"listen": ["127.0.1.3:25"], "rules": [
        {"at": "dot", "delay": 120, "reply": "250 2.0.0 ok"}]},
]


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, with_postfix=False,
                         with_milter=False, receivers=RECEIVERS)

    def __enter__(self):
        self.start()
        for i in range(3):
            self.send("d%d@down.example" % i, "one")
        self.send("l1@later.example", "one")
        self.send("l2@later.example", "two")
        self.send("b@big.example", "two", body="x" * 60000)
        self.send("o@open.example", "two")
        tap.wait_for(lambda: self.rows("show", "queues",
                                       "down.example")[0]["last_error"],
                     20, "a refused connection")
        tap.wait_for(lambda: self.status()["deferred"] == 3, 20,
                     "three recipients are deferred")
        tap.wait_for(lambda: self.status()["granted"] == 1, 20,
                     "one is being sent")
        return self

    def __exit__(self, *why):
        self.receiver.stop()  # or one transaction would end in two minutes
        return super().__exit__(*why)

    def send(self, rcpt, vmta, **what):
        self.inject(rcpt, headers=[("X-Virtual-MTA", vmta)], **what)

    def status(self):
        return self.command.json("show", "status")["queue"]

    def rows(self, *args):
        """The rows of the answer, under whatever name."""
        answer = self.command.json(*args)
        return next(v for v in answer.values() if isinstance(v, list))

    def names(self, *args):
        return [r.get("name") or r["domain"] for r in self.rows(*args)]


@tap.test("show topqueues: the columns, the largest first, the footer")
def topqueues(lab):
    lines = lab.command.text("show", "topqueues").splitlines()
    tap.equal(lines[0].split(), ["queue", "#rcpt", "kbytes", "conn", "st",
                                 "retry", "last", "error"], "heading")
    tap.equal(lines[1].split()[:2], ["down.example/one", "3"], lines[1])
    tap.equal(lines[1].split()[4], "NR", "it waits to try again")
    tap.equal(lines[-1], "5 of 5 matching queues.", "footer")


@tap.test("queues as JSON: numbers are numbers, yes and no are booleans")
def queue_json(lab):
    rows = {r["name"]: r for r in lab.rows("show", "topqueues")}
    q = rows["down.example/one"]
    tap.equal((q["domain"], q["vmta"], q["recipients"], q["paused"],
               q["mode"]), ("down.example", "one", 3, False, "normal"), str(q))
    tap.equal(rows["later.example/two"]["deferred"], 1, "deferred")
    tap.check(rows["big.example/two"]["kbytes"] >= 58, str(rows))
    tap.equal(rows["open.example/two"]["connections"], 1, "connections")


@tap.test("--connected, --errors, --paused, --mode, --maxitems, --sort")
def queue_options(lab):
    def names(*options):
        return lab.names("show", "topqueues", *options)
    tap.equal(names("--connected=yes"), ["open.example/two"], "connected")
    tap.equal(len(names("--connected=no")), 4, "not connected")
    tap.equal(names("--errors"), ["down.example/one"], "with an error")
    tap.equal(names("--paused=yes"), [], "paused")
    tap.equal(len(names("--paused=no")), 5, "not paused")
    tap.equal(names("--mode=backoff"), [], "backoff")
    tap.equal(len(names("--mode=normal")), 5, "normal")
    tap.equal(names("--sort=name"), sorted(names()), "by name")
    tap.equal(names("--sort=size")[0], "big.example/two", "by size")
    two = lab.command.json("show", "topqueues", "--maxitems=2")
    tap.equal((len(two["queues"]), two["shown"], two["matched"]), (2, 2, 5),
              "some")
    text = lab.command.text("show", "topqueues", "--maxitems=2")
    tap.check(text.endswith("\n2 of 5 matching queues.\n"), text)


@tap.test("show domains adds up the queues of a domain")
def domains(lab):
    rows = {r["domain"]: r for r in lab.rows("show", "domains")}
    tap.equal(rows["later.example"]["recipients"], 2, str(rows))
    tap.equal(len(rows), 4, "domains")
    tap.equal(sorted(lab.names("show", "domains", "--vmta=one")),
              ["down.example", "later.example"], "of one virtual MTA")
    tap.equal(lab.names("show", "domains", "--errors"), ["down.example"],
              "with an error")
    tap.equal(lab.names("show", "domains", "--connected=yes"),
              ["open.example"], "connected")
    tap.equal(lab.names("show", "domains", "--sort=name", "--maxitems=1"),
              ["big.example"], "the first by name")
    text = lab.command.text("show", "domains").splitlines()
    tap.equal(text[0].split()[:4], ["domain", "#rcpt", "kbytes", "conn"],
              "heading")
    tap.equal(text[-1], "4 of 4 matching domains.", "footer")


@tap.test("show vmtas: domains, recipients and their share")
def vmtas(lab):
    rows = {r["name"]: r for r in lab.rows("show", "vmtas")}
    tap.equal((rows["one"]["domains"], rows["one"]["recipients"]), (2, 4),
              str(rows))
    tap.equal(rows["two"]["recipients"], 3, str(rows))
    tap.equal(rows["one"]["percent"], 57.1, "percent")
    lines = lab.command.text("show", "vmtas").splitlines()
    tap.equal(lines[0].split(), ["name", "domains", "#rcpt", "%", "total",
                                 "kbytes", "conn"], "heading")
    tap.equal(lines[-1], "2 of 2 virtual MTAs.", "footer")


@tap.test("words may be cut short as long as they are clear")
def abbreviated(lab):
    full = lab.names("show", "vmtas")
    tap.equal(lab.names("sho", "vm"), full, "sho vm")
    tap.equal(lab.names("show", "top"), lab.names("show", "topqueues"), "top")
    tap.equal(lab.names("show", "queue"), lab.names("show", "queues"),
              "queue")
    tap.equal(lab.command.run("sh", "st").returncode, 0, "sh st")
    for words, named in (["re"], "resume"), (["sh"], "show vmtas"):
        r = lab.command.run(*words)
        tap.equal(r.returncode, 2, str(words))
        tap.check("not clear" in r.stderr and named in r.stderr, r.stderr)


@tap.test("a wrong command line is named, with exit status 2")
def usage(lab):
    for words, text in (
            (["nonsense"], "unknown command"),
            (["show", "nonsense"], "show vmtas"),
            (["audit", "gmail.com"], "too much"),
            (["pause", "queue"], "needs a queue"),
            (["pause", "queue", ""], "needs a queue"),
            (["pause"], "not clear what is meant by \"pause\": pause job, "
             "pause queue"),
            (["set"], "more is needed than \"set\": set queue"),
            (["list", "a.example", "--queue=b.example"], "not both"),
            (["audit", "--maxitems=3"], "takes no --maxitems"),
            (["show", "topqueues", "--sort=age"], "name|rcpt|size"),
            (["show", "topqueues", "--paused=maybe"], "yes|no"),
            (["show", "topqueues", "--maxitems=0"], "1 to 1000000"),
            (["show", "topqueues", "--wrong"], "wrong")):
        r = lab.command.run(*words)
        tap.equal(r.returncode, 2, " ".join(words))
        tap.check(text in r.stderr and r.stdout == "", r.stderr)


@tap.test("help: all commands, and one with its options and an example")
def help_text(lab):
    for words in (["help"], ["--help"]):
        text = lab.command.text(*words)
        for command in ("show topqueues", "pause queue", "schedule", "list"):
            tap.check(command in text, command)
    for words in (["schedule", "--help"], ["help", "schedule"]):
        text = lab.command.text(*words)
        tap.check("--retry-recipients" in text and "example: " in text, text)


@tap.test("help of words that begin several commands: a line for each of them")
def help_several(lab):
    for words, begin, wanted in (
            (["setup", "--help"], "setup ", ["exim", "postfix"]),
            (["help", "import"], "import ",
             ["exim", "opendkim", "pmta", "postfix"]),
            (["show", "s", "--help"], "show s",
             ["enders", "ettings", "tatus"])):
        told = [l[2:] for l in lab.command.text(*words).splitlines()
                if l.startswith("  ")]
        tap.equal([l.split("  ")[0] for l in told],
                  [begin + w for w in wanted], str(words))
    text = lab.command.text("rotate", "--help")
    tap.check("usage: mailrace rotate acct [ACCT-FILE]" in text, text)


@tap.test("help of one says what its options mean to it")
def help_own(lab):
    for words, option, text in (
            ("import postfix", "--output=FILE", "Write to this file"),
            ("find", "--output=FORM", "csv (by default), tsv"),
            ("stats", "--output=FORM", "text (by default)"),
            ("setup exim", "--senders=LIST", "Only mail of senders in this"),
            ("setup exim", "--config-dir=DIR", "Debian's folder"),
            ("drain", "--undo", "Mail is taken again."),
            ("setup postfix", "--undo", "Put back"),
            ("mailq", "--json", "As `postqueue -j' does"),
            ("list", "--json", "The answer as JSON.")):
        told = lab.command.text(*words.split(), "--help")
        tap.check("\n  %s\n        %s" % (option, text) in told,
                  "%s %s: %s" % (words, option, told))


tap.main(Fixture)
