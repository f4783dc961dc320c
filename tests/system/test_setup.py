#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`mailrace setup postfix` on a host that does more than relay: virtual
domains, aliases, a content filter, users who sign in.  Mail goes out through
Mailrace, treated once, behind the filter; local mail does not notice; whatever
goes wrong leaves the host as it was; and undo puts back each byte."""

import netns
netns.enter()

import base64
import contextlib
import ctypes
import json
import os
import re
import smtplib
import struct
import subprocess
import time

import import_chain
import mailrace
import postfix
import smtp_client
import tap
from lab import mx_zone
from setup_lab import FILES, SetupLab

CONFIG = """
dsn-host %s
<domain *>
    retry-after 1s
</domain>
<source 127.0.0.1>
    always-allow-relaying yes
</source>
""" % postfix.DSN_HOST
ZONE = (mx_zone("in.example", ("mx1.in.example", "127.0.1.1")) +
        mx_zone("own.example", ("mx1.in.example", "127.0.1.1")))
# A filter that changes nothing: it hands all back to another port of the same
# Postfix, as one in between would.  Mail passes twice.
MAIN = """
# how the operator of this host wrote it
virtual_mailbox_domains = own.example,
    second.example
virtual_minimum_uid = 1
virtual_alias_maps = inline:{ sales@own.example=out@in.example }
mailbox_command_maps = texthash:$config_directory/commands
content_filter = scan:[127.0.0.1]:10025
receive_override_options = no_address_mappings
smtpd_sasl_type = dovecot
smtpd_sasl_path = unix:auth
address_verify_poll_delay = 1s
"""
MASTER = """
scan      unix  -       -       n       -       10      smtp
  -o smtp_send_xforward_command=yes
  -o disable_dns_lookups=yes
127.0.0.1:10025 inet n  -       n       -       10      smtpd
  -o content_filter=
  -o myhostname=filter.lab.example
  -o smtpd_authorized_xforward_hosts=127.0.0.0/8
  -o { smtpd_relay_restrictions = permit_mynetworks, reject }
  -o receive_override_options=no_unknown_recipient_checks,no_milters
127.0.0.1:587 inet n    -       n       -       -       smtpd
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
127.0.0.1:2526 inet n   -       n       -       -       smtpd
  -o smtpd_recipient_restrictions=reject_unverified_recipient
"""
# What somebody else may have said of a file, such as a label.
ATTRIBUTE = "trusted.mailrace-test"
REFUSE = {"at": "rcpt", "match": "<no", "reply": "550 5.1.1 no such user"}


class Fixture(SetupLab):
    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, pf_main=MAIN,
                         pf_master=MASTER,
                         receivers=[{"listen": ["127.0.1.1:25"],
                                     "rules": [REFUSE]}])
        os.chmod(os.path.join(self.postfix.conf, "main.cf"), 0o640)
        self.label()
        self.original = self.files()
        self.said = self.value("-n").splitlines()
        self.services = self.value("-M")
        self.sent = 0

    def label(self):
        for name in FILES:
            os.setxattr(self.file(name), ATTRIBUTE, name.encode())

    def files(self):
        """Bytes, owner, mode and attributes of what set-up may change, and
        what else is there."""
        out = {}
        for name in FILES:
            st = os.stat(self.file(name))
            with open(self.file(name), "rb") as f:
                out[name] = (f.read(), st.st_uid, st.st_gid, st.st_mode,
                             [(n, os.getxattr(f.fileno(), n))
                              for n in os.listxattr(f.fileno())])
        out["folder"] = sorted(os.listdir(self.postfix.conf))
        return out

    def restore(self):
        """As an operator would from a backup."""
        for name in FILES:
            with open(self.file(name), "wb") as f:
                f.write(self.original[name][0])
            os.chmod(self.file(name), self.original[name][3] & 0o7777)
        self.label()
        self.age()

    def setup(self, *options):
        return self.command.run("setup", "postfix", "--config-dir",
                                self.postfix.conf, *options)

    def setup_without_us(self, *options):
        """As with a mailraced that does not run."""
        with open(self.config) as f:
            text = f.read()
        with open(self.path("stopped.conf"), "w") as f:
            f.write(text.replace("/control\n", "/nobody\n"))
        return mailrace.Command(self.path("stopped.conf")).run(
            "setup", "postfix", "--config-dir", self.postfix.conf, *options)

    @contextlib.contextmanager
    def instead(self, program, script):
        """Of a program that set-up runs, a shell script is found first."""
        path, before = self.path("instead"), os.environ["PATH"]
        os.makedirs(path, exist_ok=True)
        with open(os.path.join(path, program), "w") as f:
            f.write("#!/bin/sh\n" + script)
        os.chmod(os.path.join(path, program), 0o755)
        os.environ["PATH"] = path + ":" + before
        try:
            yield
        finally:
            os.environ["PATH"] = before
            os.unlink(os.path.join(path, program))

    @contextlib.contextmanager
    def watch(self):
        """Which of the files are replaced, in that order."""
        libc, found = ctypes.CDLL(None), []
        fd = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        moved_to = 0x80
        libc.inotify_add_watch(fd, self.postfix.conf.encode(), moved_to)
        yield found
        events = os.read(fd, 65536)
        os.close(fd)
        while events:
            size, = struct.unpack_from("I", events, 12)
            name = events[16:16 + size].rstrip(b"\0").decode()
            events = events[16 + size:]
            if name in FILES and name not in found:
                found.append(name)

    def drain(self, *options):
        return self.command.run("drain", "--config-dir", self.postfix.conf,
                                *options)

    def value(self, *words):
        r = self.postfix.run("postconf", "-c", self.postfix.conf, *words,
                             check=True)
        return r.stdout.strip()

    def age(self):
        """What was written just now Postfix waits for, until it is old."""
        for name in FILES:
            os.utime(self.file(name), (time.time() - 60,) * 2)

    def edit(self, text):
        self.postfix.run("postconf", "-c", self.postfix.conf, "-e", text,
                         check=True)
        self.age()

    def send(self, rcpts, port=25, sender="alice@own.example", user=None):
        """By SMTP; who is refused."""
        self.sent += 1
        text = "Subject: %d\r\nX-Test-Id: %d\r\n\r\nHello.\r\n" % (self.sent,
                                                               self.sent)
        with smtplib.SMTP("127.0.0.1", port) as s:
            if user is not None:
                s.ehlo()
                s.docmd("AUTH PLAIN", base64.b64encode(
                    ("\0%s\0secret" % user).encode()).decode())
            return s.sendmail(sender, rcpts, text)

    def queued(self):
        return self.command.json("list")["recipients"]

    def wait_mailbox(self, name, count):
        tap.equal(len(super().wait_mailbox(name, count)), count, "in " + name)

    def treated(self):
        """Messages that mailraced took, by who treated them."""
        found = re.findall(r" policy=(\w+)", self.daemon.log_text())
        return {by: found.count(by) for by in set(found)}

    def maillog(self):
        with open(self.postfix.log) as f:
            return f.read()


def same(lab, wanted, what):
    """What is there, without printing all of it."""
    now = lab.files()
    for name in wanted:
        tap.check(now[name] == wanted[name], "%s after %s: %r" % (
            name, what, now[name][1:] if name in FILES else now[name]))


def unchanged(lab, what):
    same(lab, lab.original, what)


@tap.test("a dry run shows what it would change, and changes nothing")
def dry_run(lab):
    r = lab.setup("--dry-run")
    tap.equal(r.returncode, 0, r.stderr)
    for line in ("--- " + lab.file("main.cf"), "--- " + lab.file("master.cf"),
                 "+default_transport = mailrace:unix:mailrace/lmtp",
                 "+    -o syslog_name=mailrace-in"):
        tap.check(line + "\n" in r.stdout, "no %r in %s" % (line, r.stdout))
    tap.check("Nothing was changed." in r.stdout, r.stdout)
    unchanged(lab, "a dry run")


@tap.test("the lines of etc/, put there by hand, are what it would do")
def by_hand(lab):
    hand = postfix.Postfix(lab.path("hand"))
    hand.configure("queue_directory = %s\n" % lab.postfix.queue)
    r = lab.command.run("setup", "postfix", "--dry-run", "--config-dir",
                        hand.conf)
    tap.equal((r.returncode, r.stderr), (0, ""), "status")
    tap.check("There is nothing to do." in r.stdout, r.stdout)


@tap.test("what it does not understand it refuses, with the reason")
def refused(lab):
    for line, reason in (
            ("relayhost = [192.0.2.1]", "relayhost = [192.0.2.1]: it would be"),
            ("smtp_tls_policy_maps = inline:{ x.example=encrypt }",
             "require-starttls yes into <domain x.example>"),
            ("relay_transport = $default_transport",
             'relay_transport would be "mailrace:unix:mailrace/lmtp"'),
            ("transport_maps = inline:{ {gw.example = :[192.0.2.1]}, "
             "{second.example = :[192.0.2.2]}, {x.example = smtp:[y]} }",
             "transport_maps: gw.example :[192.0.2.1]: with our transport"),
            ("transport_maps = inline:{ {.second.example = :[192.0.2.2]} }",
             "transport_maps: .second.example :[192.0.2.2]: with our"),
            ("multi_instance_enable = yes", "several instances")):
        with open(lab.file("main.cf"), "ab") as f:
            f.write((line + "\n").encode())
        lab.age()
        edited = lab.files()
        r = lab.setup()
        tap.equal(r.returncode, 1, line)
        tap.check(reason in r.stderr and r.stderr.count("\n") == 1,
                  "%s: %s" % (line, r.stderr))
        same(lab, edited, line)
        lab.restore()
    unchanged(lab, "refusals")


@tap.test("a domain of the host's own, by name or in a table, stays here")
def own_domains(lab):
    with open(lab.path("relayed"), "w") as f:
        f.write("# ours: none.example\nlisted.example\n")
    lab.edit("relay_domains = inline:{ relayed.example=yes }, " +
             lab.path("relayed"))
    edited = lab.files()
    for domain, where in (("Own.example", "virtual_mailbox_domains"),
                          ("sub.Listed.example", "relay_domains"),
                          ("relayed.example", "relay_domains"),
                          ("a.relayed.example", "relay_domains"),
                          (".Example", "virtual_mailbox_domains"),
                          (".example", "relay_domains")):
        r = lab.setup("--domains=gmail.example," + domain)
        tap.equal(r.returncode, 1, domain)
        tap.check("%s is in %s" % (domain, where) in r.stderr, r.stderr)
    same(lab, edited, "that")
    lab.restore()


@tap.test("a table that Postfix could not open is refused")
def broken_table(lab):
    r = lab.setup("--senders=texthash:/none")
    tap.equal(r.returncode, 1, r.stdout)
    tap.check("--senders: " in r.stderr and "/none" in r.stderr, r.stderr)
    unchanged(lab, "that")


@tap.test("in a folder where others may write nothing is done")
def others_write(lab):
    os.chmod(lab.postfix.conf, 0o777)
    r = lab.setup("--dry-run")
    os.chmod(lab.postfix.conf, 0o755)
    tap.equal(r.returncode, 1, r.stdout)
    tap.check("others than root may write there" in r.stderr, r.stderr)
    unchanged(lab, "that")


@tap.test("what somebody else writes meanwhile is not lost")
def meanwhile(lab):
    edit = "echo '# theirs' >>%s\n" % lab.file("main.cf")
    with lab.instead("diff", edit + "exec /usr/bin/diff \"$@\"\n"):
        r = lab.setup()
    tap.equal(r.returncode, 1, r.stdout)
    tap.check("somebody has changed it meanwhile" in r.stderr, r.stderr)
    now = lab.files()
    tap.check(now["main.cf"][0].endswith(b"# theirs\n# theirs\n") and
              now["main.cf"][0].startswith(lab.original["main.cf"][0]),
              "main.cf before the swap")
    same(lab, {n: lab.original[n] for n in ("master.cf", "folder")}, "that")
    lab.restore()
    with lab.instead("postfix", "case $* in *reload)\n%s exit 1;; esac\n"
                     "exec /usr/sbin/postfix \"$@\"\n" % edit):
        r = lab.setup()
    tap.equal(r.returncode, 1, r.stdout)
    tap.check("it is not as it was" in r.stderr, r.stderr)
    r = lab.setup("--undo")
    tap.equal(r.returncode, 0, r.stderr)
    now = lab.files()
    tap.check(now["main.cf"][0].endswith(b"# theirs\n"), "main.cf behind it")
    tap.equal(now["folder"], lab.original["folder"], "what is left there")
    lab.restore()
    lab.reload()


@tap.test("one of the files cannot be replaced: neither is")
def held(lab):
    path = lab.file("main.cf")
    subprocess.run(["mount", "--bind", path, path], check=True)
    r = lab.setup()
    subprocess.run(["umount", path], check=True)
    tap.equal(r.returncode, 1, r.stdout)
    tap.check(path in r.stderr, r.stderr)
    unchanged(lab, "that")


@tap.test("without our daemons nothing is changed")
def not_there(lab):
    lab.milter.stop()
    r = lab.setup()
    tap.equal(r.returncode, 1, "status")
    tap.check("mailrace-milter does not answer" in r.stderr, r.stderr)
    lab.milter.start()
    unchanged(lab, "a set-up without the milter")


@tap.test("a probe that does not come: all is rolled back, mail flows")
def rolled_back(lab):
    lab.edit("transport_maps = inline:{ {mailrace-setup.invalid = "
             "retry:4.0.0 not today} }")
    lab.reload()
    edited = lab.files()
    r = lab.setup()
    tap.equal(r.returncode, 1, r.stdout)
    tap.check("not today" in r.stderr and "is as it was" in r.stderr,
              r.stderr)
    same(lab, edited, "that")
    tap.equal(lab.postfix.queue_size(), 0, "left in Postfix")
    tap.equal(lab.queued(), [], "left in Mailrace")
    lab.restore()
    lab.reload()
    unchanged(lab, "a roll-back")
    lab.send(["before@in.example"])
    lab.wait_arrived("before@in.example")
    tap.equal(lab.treated(), {}, "through Mailrace")


@tap.test("set-up: the lines are there, and a probe came through")
def set_up(lab):
    with lab.watch() as replaced:
        r = lab.setup()
    tap.equal(r.returncode, 0, r.stderr)
    tap.check("a probe came from Postfix to Mailrace" in r.stdout, r.stdout)
    for name, value in (
            ("default_transport", "mailrace:unix:mailrace/lmtp"),
            ("address_verify_default_transport", "smtp"),
            ("mailrace_destination_recipient_limit", "1000"),
            ("virtual_mailbox_domains", "own.example, second.example")):
        tap.equal(lab.value("-h", name), value, name)
    main = lab.files()["main.cf"]
    tap.check(b"# how the operator" in main[0], "a comment is gone")
    tap.equal(main[1:], lab.original["main.cf"][1:], "owner and mode")
    tap.equal(lab.accounting(), [], "records of the probe")
    tap.equal(lab.queued(), [], "queued")
    tap.equal(replaced, ["master.cf", "main.cf"],
              "the service first, then the way to it")


@tap.test("once more: there is nothing to do")
def again(lab):
    before = lab.files()
    r = lab.setup()
    tap.equal((r.returncode, r.stderr), (0, ""), "status")
    tap.check("There is nothing to do." in r.stdout, r.stdout)
    same(lab, before, "that")
    r = lab.setup("--domains=gmail.example")
    tap.equal(r.returncode, 1, "otherwise: status")
    tap.check("--undo" in r.stderr, r.stderr)
    same(lab, before, "that")


@tap.test("mail goes out through Mailrace, treated by the milter behind the "
          "filter, once")
def outbound(lab):
    before = lab.treated().get("milter", 0)
    lab.send(["smtp@in.example"])
    lab.send(["user@in.example"], port=587, sender="a@brand.example",
             user="brand")
    lab.postfix.sendmail("alice@own.example", ["cmd@in.example"],
                         "Subject: x\n\nHello.\n")
    for name in ("smtp", "user", "cmd"):
        lab.wait_arrived(name + "@in.example")
    tap.equal(lab.treated(), {"milter": before + 3}, "who treated it")


@tap.test("local mail stays: mailboxes, and an alias that leads out")
def local(lab):
    lab.send(["alice@own.example", "sales@own.example"])
    lab.postfix.sendmail("a@brand.example", ["bob@second.example"],
                         "Subject: x\n\nHello.\n")
    lab.wait_mailbox("alice@own.example", 1)
    lab.wait_mailbox("bob@second.example", 1)
    lab.wait_arrived("out@in.example")
    own = [m for m in lab.messages() if any(
        r.endswith(("@own.example", "@second.example")) for r in m["rcpts"])]
    tap.equal(own, [], "sent out to the host's own domains")


@tap.test("a bounce comes back to the sender's mailbox")
def bounces(lab):
    lab.send(["nobody@in.example"])
    lab.wait_mailbox("alice@own.example", 2)
    tap.check("mailrace-dsn/smtpd" in lab.maillog(), "by its own service")


@tap.test("addresses are verified by Postfix's own client, not by us")
def verified(lab):
    sent = lab.treated()
    try:
        lab.send(["nobody-there@in.example"], port=2526)
    except smtplib.SMTPRecipientsRefused as e:
        code, text = e.recipients["nobody-there@in.example"]
        tap.check(code == 450 and b"no such user" in text, text)
    else:
        tap.check(False, "it was taken")
    line = [n for n in lab.maillog().splitlines()
            if "to=<nobody-there@in.example>" in n][0]
    tap.check(" postfix/smtp[" in line and "status=undeliverable" in line,
              line)
    tap.equal(lab.treated(), sent, "through Mailrace")


@tap.test("files edited since: only our lines go, or none")
def edited_since(lab):
    lab.edit("message_size_limit = 20000000")
    made = lab.files()
    lab.edit("default_transport = smtp:[192.0.2.1]")
    theirs = lab.files()
    r = lab.setup("--undo")
    tap.equal(r.returncode, 1, "status")
    for text in ("default_transport was changed after set-up",
                 "+default_transport = smtp:[192.0.2.1]"):
        tap.check(text in r.stderr + r.stdout, "%r: %s" % (text, r))
    same(lab, theirs, "that")
    with open(lab.file("main.cf"), "wb") as f:
        f.write(made["main.cf"][0])
    lab.age()
    r = lab.setup("--undo")
    tap.equal(r.returncode, 0, r.stderr)
    tap.check("only our own lines" in r.stdout, r.stdout)
    tap.equal(lab.value("-h", "message_size_limit"), "20000000", "theirs")
    tap.equal(lab.value("-n").splitlines(), sorted(
        lab.said + ["message_size_limit = 20000000"]), "main.cf says")
    tap.equal(lab.value("-M"), lab.services, "master.cf says")
    lab.restore()
    lab.reload()


@tap.test("--domains: these, the others go out as before")
def domains(lab):
    r = lab.setup("--domains=in.example")
    tap.equal(r.returncode, 0, r.stderr)
    tap.equal(lab.value("-h", "default_transport"), "smtp", "the others")
    before = lab.treated()
    lab.send(["some@in.example"])
    lab.wait_arrived("some@in.example")
    before["milter"] += 1
    tap.equal(lab.treated(), before, "who treated it")


@tap.test("undo: each byte as it was, and mail flows")
def undone(lab):
    r = lab.setup("--undo", "--dry-run")
    tap.equal(r.returncode, 0, r.stderr)
    tap.check("-transport_maps = inline:" in r.stdout, r.stdout)
    tap.check("wait in the queue" not in r.stdout, r.stdout)
    r = lab.setup_without_us("--undo", "--dry-run")
    tap.equal((r.returncode, r.stderr), (0, ""), "mailraced does not run")
    tap.check("how many recipients wait in the queue of Mailrace is not known" in
              r.stdout, r.stdout)
    made = lab.files()
    with lab.instead("postfix", "case $* in *check) echo no >&2; exit 1;; esac\n"
                     "exec /usr/sbin/postfix \"$@\"\n"):
        r = lab.setup("--undo")
    tap.equal((r.returncode, "exit status 1: no" in r.stderr), (1, True), r.stderr)
    same(lab, made, "an undo that Postfix finds wrong")
    lab.command.text("pause", "queue", "in.example")
    lab.send(["waits@in.example"])
    tap.wait_for(lambda: len(lab.queued()) == 1, 10, "one that waits")
    with lab.watch() as replaced:
        r = lab.setup("--undo")
    lab.command.text("resume", "queue", "in.example")
    tap.equal((r.returncode, r.stderr), (0, ""), "status")
    for text in ("Note: 1 recipients wait in the queue of Mailrace.  Before it",
                 "Undone; postfix check says that all is right."):
        tap.check(text in r.stdout, r.stdout)
    lab.wait_arrived("waits@in.example")
    tap.equal(replaced, ["main.cf", "master.cf"],
              "the way to it first, then the service")
    unchanged(lab, "undo")
    before = lab.treated()
    lab.send(["after@in.example", "alice@own.example"])
    lab.wait_arrived("after@in.example")
    lab.wait_mailbox("alice@own.example", 3)
    tap.equal(lab.treated(), before, "through Mailrace")
    r = lab.setup("--undo")
    tap.equal(r.returncode, 0, "once more: status")
    tap.check("There is nothing to undo." in r.stdout, r.stdout)


def lmtp_reply(lab, rcpt):
    """To MAIL, of who wants to hand over."""
    with smtp_client.Client(lab.lmtp, lmtp=True) as c:
        c.hello()
        return c.command("MAIL FROM:<alice@own.example>")[0]


@tap.test("--senders: those of a table, with a probe in the name of one")
def senders(lab):
    table = "inline:{ {@brand.example = mailrace:unix:mailrace/lmtp} }"
    r = lab.setup("--senders=" + table)
    tap.equal(r.returncode, 0, r.stderr)
    tap.check("a probe came" in r.stdout, r.stdout)
    before = lab.treated()
    lab.send(["from-brand@in.example"], sender="news@brand.example")
    lab.send(["from-alice@in.example"])
    lab.wait_arrived("from-brand@in.example")
    lab.wait_arrived("from-alice@in.example")
    before["milter"] += 1
    tap.equal(lab.treated(), before, "who treated it")
    r = lab.setup("--undo")
    tap.equal(r.returncode, 0, r.stderr)
    lab.restore()
    lab.reload()


@tap.test("--senders: a table that leads nobody here is refused, one that cannot "
          "be listed is asked about the host's own domains, or the status says "
          "that nothing is known")
def senders_unknown(lab):
    r = lab.setup("--senders=inline:{ {@brand.example = smtp:[192.0.2.1]} }")
    tap.equal(r.returncode, 1, r.stdout)
    tap.check("leads no sender here" in r.stderr, r.stderr)
    unchanged(lab, "that")
    for domain, status, said in (
            ("second", 0, "a probe came from Postfix to Mailrace"),
            ("elsewhere", 3, "which cannot be listed, no sender is known")):
        with open(lab.path("who"), "w") as f:
            f.write("/@%s\\.example$/ mailrace:unix:mailrace/lmtp\n" % domain)
        r = lab.setup("--senders=regexp:" + lab.path("who"))
        tap.equal(r.returncode, status, r.stderr)
        tap.check(said in (r.stderr if status else r.stdout), r)
        tap.equal(lab.setup("--undo").returncode, 0, "undo")
    unchanged(lab, "undo")


@tap.test("killed at any moment: it is as it was, or undo makes it so")
def killed(lab):
    ended = False
    for ms in (40, 120, 250, 30000):
        lab.age()
        p = subprocess.Popen([mailrace.program("mailrace"), "-c", lab.config,
                              "setup", "postfix", "--config-dir",
                              lab.postfix.conf], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        try:
            ended = p.wait(ms / 1000) == 0
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
        lab.age()
        now = lab.files()
        touched = any(now[n][0] != lab.original[n][0] for n in FILES)
        tap.check(not touched or "mailrace-undo" in now["folder"],
                  "changed after %d ms, and nothing to undo it with" % ms)
        r = lab.setup("--undo")
        tap.equal(r.returncode, 0, "%d ms: %s" % (ms, r.stderr))
        for name in FILES:
            tap.check(lab.files()[name] == lab.original[name],
                      "%s after a kill after %d ms" % (name, ms))
    tap.check(ended, "it never came to its end")
    unchanged(lab, "all kills: nor are there copies left")
    lab.command.text("resume", "queue", "mailrace-setup.invalid")


@tap.test("killed when both files are changed: a repeated run does the rest")
def killed_late(lab):
    with lab.instead("postfix", "case $* in *reload) kill -9 $PPID;; esac\n"
                     "exec /usr/sbin/postfix \"$@\"\n"):
        tap.equal(lab.setup().returncode, -9, "killed")
    r = lab.setup()
    tap.check("a probe came from Postfix" in r.stdout, r)
    r = lab.setup()
    tap.check("There is nothing to do." in r.stdout, r)
    r = lab.setup("--undo")
    tap.equal(r.returncode, 0, r.stderr)
    unchanged(lab, "that, and undo")


@tap.test("drain: refused while the host leads here")
def drain_refused(lab):
    lab.edit("transport_maps = inline:{ x.example=mailrace:unix:mailrace/lmtp }")
    r = lab.drain()
    tap.equal(r.returncode, 1, "status")
    tap.check("transport_maps in " in r.stderr, r.stderr)
    tap.equal(lmtp_reply(lab, "x"), 250, "mail is taken")
    lab.restore()


@tap.test("drain: what is there is delivered, nothing more is taken")
def drained(lab):
    lab.command.text("pause", "queue", "in.example")
    lab.inject("last@in.example")
    r = lab.drain("--timeout=1s")
    tap.equal(r.returncode, 1, "status with one left")
    tap.check("1 recipients are left" in r.stdout and
              "in.example/{default}" in r.stdout, r.stdout)
    tap.equal(lmtp_reply(lab, "x") // 100, 4, "what is answered to MAIL")
    tap.equal(lab.command.json("show", "status")["intake"]["open"], False,
              "open")
    lab.command.text("resume", "queue", "in.example")
    r = lab.drain("--json")
    tap.equal((r.returncode, r.stderr), (0, ""), "status with none left")
    answer = json.loads(r.stdout)
    tap.equal((answer["drained"], answer["recipients"], answer["queues"]),
              (True, 0, []), "what is left")
    lab.wait_arrived("last@in.example")
    lab.command.text("drain", "--undo")
    tap.equal(lmtp_reply(lab, "x"), 250, "mail is taken again")


@tap.test("what import makes of this host is what set-up needs, as it is")
def chain(lab):
    import_chain.hide("/run", "/var/log")
    with import_chain.imported(lab, "postfix", "--config-dir",
                               lab.postfix.conf, milter=True) as command:
        r = command.run("setup", "postfix", "--config-dir", lab.postfix.conf)
        tap.equal((r.returncode, r.stderr), (0, ""), "status")
        lab.send(["chain@in.example"])
        lab.wait_arrived("chain@in.example")
        import_chain.wait_recorded("chain@in.example")
        command.text("setup", "postfix", "--config-dir", lab.postfix.conf,
                     "--undo")
    unchanged(lab, "that")


tap.main(Fixture)
