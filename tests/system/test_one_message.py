#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One message of the queue: cat prints it as postcat does one of Postfix,
flush tries it and no other, delete takes it out and no other."""

import netns
netns.enter()

import base64
import os
import re
import subprocess

import mailrace
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
ZONE = mx_zone("later.example", ("mx.later.example", "127.0.1.1")) + \
    mx_zone("down.example", ("mx.down.example", "127.0.1.9"))
RECEIVERS = [{"listen": ["127.0.1.1:25"], "rules": [
    {"at": "rcpt", "match": "done@", "reply": "250 2.1.5 Ok"},
    {"at": "rcpt", "reply": "451 4.2.1 come back later"}]}]
MAIN_CF = """
defer_transports = mailrace
smtpd_milters =
non_smtpd_milters =
"""
BODY = "\r\nfirst line\r\n.a dot\r\n\r\n caf\u00e9\rx\r\nlast\r\n".replace(
    "\rx", " x").encode("latin-1")
MESSAGE = b"Subject: two\r\n lines\r\nX-Job: sale\r\nX-Empty:\r\n" + BODY


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, with_milter=False,
                         receivers=RECEIVERS, pf_main=MAIN_CF)

    def __enter__(self):
        self.start()
        self.inject(["a@later.example", "done@later.example",
                     "c@down.example"], message=MESSAGE, ident="8885BA7210E",
                    params=" ENVID=QQ314 RET=HDRS")
        self.inject("other@later.example")
        tap.wait_for(lambda: all(r["attempts"] == 1 or r["to"].startswith("c@")
                                 for r in self.rows()) and len(self.rows()) == 3,
                     20, "all were tried")
        self.id = self.rows("--rcpt=a@*")[0]["id"]
        return self

    def rows(self, *args):
        return self.command.json("list", *args)["recipients"]

    def attempts(self, rcpt):
        return self.rows("--rcpt=" + rcpt)[0]["attempts"]

    def cat(self, *args, ident=None):
        r = subprocess.run([mailrace.program("mailrace"), "-c", self.config, "cat",
                            ident or self.id] + list(args),
                           capture_output=True, timeout=60)
        tap.equal(r.returncode, 0, str(r.stderr))
        return r.stdout

    def postcat(self, *args):
        """Of the same text in the queue of a real Postfix."""
        queue = self.postfix.run("/usr/sbin/postqueue", "-c",
                                 self.postfix.conf, "-j").stdout
        ident = re.search('"queue_id": "([^"]*)"', queue).group(1)
        r = subprocess.run(["/usr/sbin/postcat", "-c", self.postfix.conf] +
                           list(args) + ["-q", ident], capture_output=True,
                           env={**os.environ,
                                "MAIL_CONFIG": self.postfix.conf})
        tap.equal(r.returncode, 0, str(r.stderr))
        return r.stdout


@tap.test("cat: the records of the envelope, and the message as it stands")
def cat(lab):
    text = lab.cat().decode("latin-1")
    state = "deferred/" + lab.id
    head, rest = text.split("*** MESSAGE CONTENTS %s ***\n" % state)
    tap.check(head.startswith("*** ENVELOPE RECORDS %s ***\n" % state), head)
    for line in ("sender: s@sender.example", "recipient: a@later.example",
                 "done_recipient: done@later.example",
                 "recipient: c@down.example",
                 "named_attribute: log_ident=8885BA7210E",
                 "named_attribute: envelope_id=QQ314",
                 "named_attribute: ret_flags=2",
                 "named_attribute: mailrace_job=sale"):
        tap.check("\n" + line + "\n" in head, "%s: %s" % (line, head))
    message, marks = rest.split("*** HEADER EXTRACTED ")
    tap.check(message.endswith(BODY.decode("latin-1").replace("\r\n", "\n")),
              repr(message))
    tap.check("Subject: two\n lines\n" in message, message)
    tap.equal(marks, "%s ***\n*** MESSAGE FILE END %s ***\n" % (state, state),
              "the end")
    size = int(head.split("message_size:")[1].split()[0])
    tap.equal(size, len(message.replace("\n", "\r\n")), "its size")


@tap.test("cat --part: as postcat -e, -h and -b of the same message")
def parts(lab):
    sent = MESSAGE.replace(b"\r\n", b"\n")
    r = subprocess.run(
        ["sendmail", "-C", lab.postfix.conf, "-f", "s@sender.example",
         "a@later.example"], input=sent, capture_output=True,
        env={**os.environ, "MAIL_CONFIG": lab.postfix.conf})
    tap.equal(r.returncode, 0, str(r.stderr))
    tap.wait_for(lambda: '"queue_name": "deferred"' in lab.postfix.run(
        "/usr/sbin/postqueue", "-c", lab.postfix.conf, "-j").stdout, 20,
        "Postfix has it, and is done with it")
    tap.equal(lab.cat("--part=body"), lab.postcat("-b"), "body")
    header = b"Subject: two\n lines\n"
    for got in (lab.cat("--part=header"), lab.postcat("-h")):
        tap.check(header in got and b"\n\n" not in got and
                  b"first line" not in got, "header: %s" % got)
    ours, theirs = (set(re.findall(r"^(\*\*\* [A-Z ]+|\w+): ?",
                                   t.decode("latin-1"), re.M))
                    for t in (lab.cat("--part=envelope"),
                              lab.postcat("-e")))
    tap.equal(ours - theirs - {"done_recipient"}, set(), "records")
    tap.check({"message_size", "message_arrival_time", "sender", "recipient",
               "original_recipient"} <= ours, str(ours))


@tap.test("cat: by Exim's form of the id; as JSON; what is not queued")
def ids(lab):
    text = lab.command.text("mailq", "--exim", "--id=" + lab.id)
    exim = re.search(r"\w{6}-\w{6}-\w{2}", text).group(0)
    tap.equal(lab.cat(ident=exim), lab.cat(), "the same message")
    whole = lab.command.json("cat", exim)
    tap.check(base64.b64decode(whole["base64"]).endswith(BODY), str(whole))
    tap.equal(([r["to"] for r in whole["recipients"] if r["queued"]],
               whole["envid"], whole["id"]),
              (["a@later.example", "c@down.example"], "QQ314", lab.id),
              "as JSON")
    r = lab.command.run("cat", "0000000000000001")
    tap.check(r.returncode == 1 and "not queued" in r.stderr, str(r))
    for wrong in ("nothing", "1xV2N4-0046u1-01", lab.id + "0", "0" * 16,
                  "000000-000000-00"):
        for words in (["cat", wrong], ["mailq", "--id=" + wrong],
                      ["flush", "--dry-run", "--id=" + wrong],
                      ["delete", "--dry-run", "--queue=*", "--id=" + wrong]):
            r = lab.command.run(*words)
            tap.check(r.returncode == 1 and "--id" in r.stderr,
                      "%s: %s" % (words, r))
    for wrong in (["--part=all"], ["--part=header", "--json"]):
        r = lab.command.run("cat", lab.id, *wrong)
        tap.equal((r.returncode, r.stdout), (2, ""), r.stderr)


@tap.test("an answer that cannot be written is a failure")
def full(lab):
    for words in (["cat", lab.id], ["cat", lab.id, "--json"], ["list"],
                  ["mailq"], ["qshape", "deferred"]):
        with open("/dev/full", "w") as f:
            r = subprocess.run([mailrace.program("mailrace"), "-c", lab.config]
                               + words, stdout=f, stderr=subprocess.PIPE,
                               text=True, timeout=60)
        tap.equal((r.returncode, r.stderr),
                  (2, "mailrace: cannot write all of it\n"), str(words))


@tap.test("a message of megabytes arrives whole")
def large(lab):
    body = b"".join(b"%07d %s\r\n" % (i, b"x" * 60) for i in range(40000))
    lab.inject("big@down.example", message=b"Subject: x\r\n\r\n" + body)
    ident = lab.rows("--rcpt=big@*")[0]["id"]
    tap.check(lab.cat("--part=body", ident=ident) ==
              b"\n" + body.replace(b"\r\n", b"\n"), "all of it")


@tap.test("flush --id: its recipients and their queues, nobody else")
def flush(lab):
    before = lab.attempts("other@*")
    r = lab.command.json("flush", "--id=" + lab.id, "--dry-run")
    tap.equal((r["scheduled"], r["dry_run"]), (2, True), "would be")
    tap.equal(lab.attempts("a@*"), 1, "nothing happens")
    tap.equal(lab.command.json("flush", "--id=" + lab.id)["scheduled"], 2,
              "two queues")
    tap.wait_for(lambda: lab.attempts("a@*") == 2, 20, "it was tried again")
    tap.equal(lab.attempts("other@*"), before, "the other was not")
    lab.command.text("flush", "later.example")
    tap.wait_for(lambda: (lab.attempts("a@*"), lab.attempts("other@*")) ==
                 (3, before + 1), 20, "all of a queue")
    r = lab.command.run("flush", "--id=x")
    tap.equal(r.returncode, 1, "no id: " + r.stderr)


@tap.test("list, mailq and delete take one message")
def one(lab):
    tap.equal(sorted(r["to"] for r in lab.rows("--id=" + lab.id)),
              ["a@later.example", "c@down.example"], "list")
    r = lab.command.json("delete", "--id=" + lab.id, "--dry-run")
    tap.equal((r["deleted"], len(lab.rows("--id=" + lab.id))), (2, 2), "dry")
    tap.equal(lab.command.json("delete", "--id=" + lab.id)["deleted"], 2,
              "both of it")
    tap.equal(sorted(r["to"] for r in lab.rows()),
              ["big@down.example", "other@later.example"], "the others stay")
    r = lab.command.run("cat", lab.id)
    tap.equal(r.returncode, 1, "it has gone: " + r.stderr)


tap.main(Fixture)
