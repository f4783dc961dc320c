#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Signing in at other servers: a real Exim says as whom we came and by which
mechanism, and what cannot sign in waits and sends nothing, until it can; nobody
is shown a password who should not see it."""

import netns
netns.enter()

import base64
import glob
import os
import re
import shutil
import signal

import exim
import keys
import procs
import tap
from lab import Lab

PASSWORD, OTHER, WRONG = "s3cret word", "an0ther-secret", "wr0ng-secret"
# Exim offers PLAIN in TLS, CRAM-MD5, LOGIN, PLAIN in clear.
TLS, CRAM, LOGIN, CLEAR = ("127.0.1.%d" % i for i in range(1, 5))
EXIM = """
exim_path = %(program)s
spool_directory = %(dir)s/spool
log_file_path = %(dir)s/log/%%slog
primary_hostname = smart.example
local_interfaces = %(all)s
daemon_smtp_ports = 2525
host_lookup =
rfc1413_hosts =
tls_advertise_hosts = ${if eq{$received_ip_address}{%(tls)s}{*}}
tls_certificate = %(cert)s
tls_privatekey = %(key)s
auth_advertise_hosts = *
acl_smtp_auth = auth
acl_smtp_rcpt = rcpt
log_selector = +received_recipients
begin acl
auth:
  accept logwrite = at $received_ip_address: $smtp_command
rcpt:
  accept authenticated = *
  deny message = sign in first
begin routers
nowhere:
  driver = redirect
  data = :blackhole:
begin authenticators
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_advertise_condition = ${if eq{$received_ip_address}{%(cram)s}}
  server_secret = ${if eq{$auth1}{office}{%(password)s}{\\
    ${if eq{$auth1}{joe}{%(other)s}fail}}}
  server_set_id = $auth1
plain:
  driver = plaintext
  public_name = PLAIN
  server_advertise_condition = ${if or{{eq{$received_ip_address}{%(clear)s}}\\
    {and{{def:tls_in_cipher}{eq{$received_ip_address}{%(tls)s}}}}}}
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{office}}{eq{$auth3}{%(password)s}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_advertise_condition = ${if eq{$received_ip_address}{%(login)s}}
  server_prompts = Username:: : Password::
  server_condition = ${if and{{eq{$auth1}{office}}{eq{$auth2}{%(password)s}}}}
  server_set_id = $auth1
"""

REFUSES, NONE, GOOD = "127.0.2.1", "127.0.2.2", "127.0.2.9"
LEFT, NEXT = "127.0.2.21", "127.0.2.22"
ANSWERS = {"wrong": "535 5.7.8 who are you?", "later": "454 4.7.0 ask later",
           "busy": "421 4.3.2 no time", "gone": None}
ADDRESSES = {name: "127.0.2.%d" % (11 + i) for i, name in enumerate(ANSWERS)}
PLAIN = ["AUTH PLAIN", "PIPELINING"]


def rules(reply):
    return [{"at": "auth", "reply": reply} if reply is not None else
            {"at": "auth", "action": "drop"}]


RECEIVERS = [
    {"listen": [ip + ":25"], "ehlo": PLAIN, "rules": rules(ANSWERS[name])}
    for name, ip in ADDRESSES.items()] + [
        {"listen": [NONE + ":25"]}, {"listen": [GOOD + ":25"], "ehlo": PLAIN},
        {"listen": [LEFT + ":25"], "ehlo": PLAIN,
         "rules": [{"at": "rcpt", "reply": "452 4.2.2 no room", "count": 1}]},
        {"listen": [NEXT + ":25"], "ehlo": PLAIN,
         "rules": [{"at": "connect", "delay": 8, "action": "pass"},
                   {"at": "auth", "reply": "535 5.7.8 who are you?"}]}]
ZONE = "good.example 300 A %s\nbad.none.example 300 A %s\n" % (GOOD, NONE) + \
    "none.example 300 MX 10 bad.none.example\n" \
    "none.example 300 MX 20 good.example\n" \
    "left.example 300 MX 10 one.left.example\n" \
    "left.example 300 MX 20 two.left.example\n" \
    "one.left.example 300 A %s\ntwo.left.example 300 A %s\n" % (LEFT, NEXT)
for _name, _ip in ADDRESSES.items():
    ZONE += "%s.example 300 MX 10 bad.%s.example\n" % (_name, _name) + \
        "%s.example 300 MX 20 good.example\n" % _name + \
        "bad.%s.example 300 A %s\n" % (_name, _ip) + \
        "alone-%s.example 300 MX 10 bad.%s.example\n" % (_name, _name)

OFFICE = 'auth-username office\n    auth-password "%s"\n' % PASSWORD
JOE = "auth-username joe\n    auth-password %s\n" % OTHER
MISTAKEN = "auth-username office\n    auth-password %s\n" % WRONG


def block(name, ip, who, more=""):
    return """<domain %s.example>
    smtp-hosts [%s]:2525
    %s    %s
</domain>
""" % (name, ip, who, more)


def config(cram=OFFICE, login=OFFICE, clear=OFFICE, allowed="", left=OFFICE):
    """The configuration, with what tests change of it."""
    return """
<domain *>
    retry-after 1s
    use-starttls yes
    %s</domain>
""" % (OFFICE + "    use-unencrypted-plain-auth yes\n") + \
        block("tls", TLS, OFFICE, "use-unencrypted-plain-auth no") + \
        block("cram", CRAM, cram, "connection-idle-timeout 60s") + \
        block("login", LOGIN, login) + \
        block("clear", CLEAR, clear, allowed) + """
<smtp-pattern-list full>
    reply /no room/ skip-mx
</smtp-pattern-list>
<domain left.example>
    max-smtp-out 1
    smtp-pattern-list full
    %s</domain>
""" % left


class Exim:
    def __init__(self, lab):
        self.dir = lab.path("exim")
        os.mkdir(self.dir)
        exim.know_user(lab, exim.USER)
        for sub in ("spool", "log"):
            os.mkdir(os.path.join(self.dir, sub))
            shutil.chown(os.path.join(self.dir, sub), exim.USER, exim.USER)
        made = keys.certificate(self.dir, "smart.example")
        for path in made.values():
            shutil.chown(path, exim.USER)
        self.conf = os.path.join(self.dir, "exim.conf")
        with open(self.conf, "w") as f:
            f.write(EXIM % {
                "program": exim.find(), "dir": self.dir, "tls": TLS,
                "cram": CRAM, "login": LOGIN, "clear": CLEAR,
                "password": PASSWORD, "other": OTHER, **made,
                "all": " : ".join((TLS, CRAM, LOGIN, CLEAR))})

    def start(self):
        self.process = procs.Process(
            "exim", [exim.find(), "-C", self.conf, "-bdf"],
            os.path.join(self.dir, "out"))
        tap.wait_for(lambda: exim.listens(2525, CLEAR), 20, "Exim listens")

    def stop(self):
        for pid in reversed(procs.children_of(self.process.pid)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.kill()

    def came(self, rcpt):
        """How the message came: protocol, mechanism and user."""
        with open(os.path.join(self.dir, "log", "mainlog")) as f:
            return re.findall(r" <= .* P=(\S+) .*A=(\S+) .* for .*%s" %
                              re.escape(rcpt), f.read())

    def shown(self, ip):
        """The AUTH commands that came there, as they were."""
        with open(os.path.join(self.dir, "log", "mainlog")) as f:
            return re.findall(r" at %s: (AUTH .*)" % re.escape(ip), f.read())

    def rejected(self):
        with open(os.path.join(self.dir, "log", "mainlog")) as f:
            return [line for line in f if "authentic" in line]


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        super().__init__(zone=ZONE, config=config(), with_postfix=False,
                         with_milter=False, receivers=RECEIVERS)
        self.exim = Exim(self)

    def __enter__(self):
        self.exim.start()
        self.start()
        return self

    def __exit__(self, *error):
        self.exim.stop()
        super().__exit__(*error)

    def reload(self, **changes):
        self.write_config(config(**changes))
        self.command.text("reload")

    def sent(self, rcpt):
        self.inject(rcpt)
        return self.wait_exim(rcpt)

    def wait_exim(self, rcpt):
        return tap.wait_for(lambda: self.exim.came(rcpt), 20,
                            "Exim has mail for " + rcpt)[0]

    def waits(self, domain, *words):
        """Its queue does, and says why."""
        return tap.wait_for(lambda: all(
            w in self.command.text("show", "queues", domain, "--json")
            for w in words), 20, "%s waits: %s" % (domain, words))


@tap.test("PLAIN in TLS, where it is not to be shown in clear",
          proves=("domain auth-username", "domain auth-password"))
def plain(lab):
    tap.equal(lab.sent("a@tls.example"), ("esmtpsa", "plain:office"), "came")


@tap.test("CRAM-MD5 in clear, and LOGIN where that is allowed")
def others(lab):
    tap.equal(lab.sent("a@cram.example"), ("esmtpa", "cram:office"), "came")
    tap.equal(lab.sent("a@login.example"), ("esmtpa", "login:office"), "came")


@tap.test("a connection of another user's carries nothing after a reload")
def idle(lab):
    lab.sent("b@cram.example")
    lab.reload(cram=JOE)
    tap.equal(lab.sent("c@cram.example"), ("esmtpa", "cram:joe"), "came")


@tap.test("a reload between two hosts: the next is not shown the old password")
def between(lab):
    def heard(kind):
        return [e for e in lab.events(kind) if e["to"] == NEXT + ":25"]
    lab.inject("a@left.example")
    tap.wait_for(lambda: heard("delay"), 20, "it has called the next host")
    lab.reload(left=JOE)
    m = lab.wait_arrived("a@left.example")
    tap.equal((m["to"], m["user"]), (LEFT + ":25", "joe"), "came")
    tap.wait_for(lambda: heard("close"), 20, "the old connection has ended")
    tap.equal(heard("ehlo") + heard("rule"), [], "what it has said")


@tap.test("a wrong password: the mail waits, and goes when it is mended")
def mended(lab):
    lab.reload(cram=MISTAKEN)
    lab.inject("d@cram.example")
    lab.waits("cram.example", "AUTH CRAM-MD5 refused by ",
              "(%s): 535 " % CRAM)
    tap.check(" end=no-auth " in lab.daemon.log_text(), "and the log tells it")
    tap.check(lab.exim.rejected() and not lab.exim.came("d@cram.example"),
              "nothing came")
    lab.reload()
    tap.equal(lab.wait_exim("d@cram.example"), ("esmtpa", "cram:office"),
              "came")


@tap.test("a password is not shown in clear, unless that is allowed",
          proves="domain use-unencrypted-plain-auth")
def clear(lab):
    lab.reload(allowed="use-unencrypted-plain-auth no")
    lab.inject("a@clear.example")
    lab.waits("clear.example", "(%s) offers no AUTH but PLAIN, which would "
              "show the password" % CLEAR)
    tap.equal(lab.exim.shown(CLEAR), [], "what Exim was shown")
    tap.equal(lab.exim.came("a@clear.example"), [], "what Exim has taken")
    lab.reload(allowed="use-unencrypted-plain-auth yes")
    tap.equal(lab.wait_exim("a@clear.example"), ("esmtpa", "plain:office"),
              "came")
    tap.equal(lab.exim.shown(CLEAR), ["AUTH PLAIN " + base64.b64encode(
        ("\0office\0" + PASSWORD).encode()).decode()], "then once")


@tap.test("refused, put off, hung up on, or not asked: the next host is called")
def next_host(lab):
    names = list(ANSWERS) + ["none"]
    for name in names:
        lab.inject("a@%s.example" % name)
    for name in names:
        m = lab.wait_arrived("a@%s.example" % name)
        tap.equal((m["to"].split(":")[0], m["user"]), (GOOD, "office"), name)
    bad = set(ADDRESSES.values()) | {NONE}
    tap.equal([e for e in lab.events("mail")
               if e["to"].split(":")[0] in bad], [], "MAIL to others")


@tap.test("without another host it waits, with what was said, and never fails")
def waits(lab):
    for name in ANSWERS:
        lab.inject("a@alone-%s.example" % name)
    for name, said in ANSWERS.items():
        lab.waits("alone-%s.example" % name, said or "while signing in")
    tap.equal([r["rcpt"] for r in lab.accounting("b")], [], "bounced")


@tap.test("what is wrong in the configuration is told with its line")
def mistakes(lab):
    lab.write_config(config(cram="auth-username office\n"))
    r = lab.command.run("reload")
    tap.check(r.returncode != 0 and re.search(
        r":\d+: auth-username without auth-password", r.stderr), r.stderr)
    lab.reload()


@tap.test("no password is in a log or in an answer")
def secrets(lab):
    said = [lab.daemon.log_text()]
    for path in glob.glob(lab.path("acct", "*")) + glob.glob(
            lab.path("log", "mailraced*")):
        with open(path, errors="replace") as f:
            said.append(f.read())
    for args in (("show", "settings", "cram.example"), ("show", "queues"),
                 ("why", "alone-wrong.example"), ("list",), ("lint",),
                 ("test", "config"), ("show", "settings", "tls.example",
                                      "--json")):
        r = lab.command.run(*args)
        said += [r.stdout, r.stderr]
    tap.check(any("auth-password" in text for text in said), "it is named")
    for word in (PASSWORD, OTHER, WRONG):
        for form in (word, base64.b64encode(word.encode()).decode(),
                     base64.b64encode(("\0office\0" + word).encode()).decode()):
            tap.equal([t[:200] for t in said if form in t], [], form)


tap.main(Fixture)
