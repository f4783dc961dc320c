#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who sends, over Exim as `mailrace setup exim` leaves it: its clients and its
users have their own rights, programs of the host those of the host; nobody
gets others by what he writes into his mail, and nobody sees what Exim says.
Its tools read its log and ours as one."""

import netns
netns.enter()

import base64
import csv
import glob
import os
import re
import subprocess

import exim
import log_tools
import smtp_client
import tap
from lab import DNS_ADDRESS, Lab, mx_zone

RECEIVER = "192.0.2.25"
COMMON, GOLD = "127.0.0.10", "127.0.0.11"
# Exim relays for both; Mailrace lets the second one choose.
GUEST, CHOOSER = "127.0.0.3", "127.0.0.4"
BANK = "boss@bank.example"
CONFIG = """
exim-listener {run}/lmtp
dsn-host 127.0.0.1:10028
log-style exim
mail-log-file {root}/log/mainlog
<virtual-mta gold>
    smtp-source-host %s gold.mta.example
</virtual-mta>
<source 127.0.0.1>
    always-allow-relaying yes
    process-x-virtual-mta yes
</source>
<source %s>
    deny-sender @bank.example
</source>
<source %s>
    process-x-virtual-mta yes
</source>
<source customers>
    process-x-virtual-mta yes
</source>
<smtp-user brand>
    source customers
    sender-domains brand.example
</smtp-user>
<smtp-user slow>
    max-msg-rate-in 1/h
</smtp-user>
<acct-file {root}/users/users.csv>
    record-fields d *, rcvSmtpUser
    sync yes
</acct-file>
<domain *>
    retry-after 1s
    retry-recipients-after 1s
    use-starttls no
</domain>
""" % (GOLD, GUEST, CHOOSER)
ZONE = "".join(mx_zone(name + ".example", ("mx1.in.example", RECEIVER))
               for name in ("in", "bank", "guest", "brand"))
SETTINGS = """dc_eximconfig_configtype='internet'
dc_other_hostnames='own.example'
dc_local_interfaces='127.0.0.1.25'
dc_readhost=''
dc_relay_domains=''
dc_minimaldns='false'
dc_relay_nets='127.0.0.3 ; 127.0.0.4'
dc_smarthost=''
CFILEMODE='644'
dc_use_split_config='true'
dc_hide_mailname=''
dc_mailname_in_oh='true'
dc_localdelivery='mail_spool'
"""
AUTH = """plain_server:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${if eq{$auth3}{secret}}
  server_set_id = $auth2
  server_prompts = :
  server_advertise_condition = yes
"""
RULES = [{"at": "rcpt", "match": "<later", "count": 1,
          "reply": "451 4.7.1 come again"},
         {"at": "rcpt", "match": "<no@", "reply": "550 5.1.1 no such user"}]
FIELD = "X-Mailrace-Meta: v=1; client=%s; auth=%s\r\n"
CHOICE = "X-Virtual-MTA: gold\r\n"


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        self.exim = exim.Debian(SETTINGS)
        super().__init__(zone=ZONE, config=CONFIG, with_postfix=False,
                         with_milter=False,
                         receivers=[{"listen": [RECEIVER + ":25"],
                                     "rules": RULES}])
        os.makedirs(self.path("users"))
        os.chown(self.path("run"), -1, exim.NUMBER)
        os.chmod(self.path("run"), 0o2755)
        with open("/etc/exim4/conf.d/auth/40_plain", "w") as f:
            f.write(AUTH)
        with open("/etc/exim4/conf.d/main/000_localmacros", "w") as f:
            f.write("MAIN_HOST_LOOKUP = !*\n")
        self.exim.update()
        self.made = 0

    def __enter__(self):
        subprocess.run(["ip", "route", "add", "local", "192.0.2.0/24", "dev",
                        "lo"], check=True)
        with open("/etc/resolv.conf", "w") as f:
            f.write("nameserver %s\n" % DNS_ADDRESS)
        self.start()
        self.exim.start(25)
        r = self.command.run("setup", "exim")
        tap.equal((r.returncode, r.stderr), (0, ""), "setup exim")
        return self

    def __exit__(self, *error):
        self.exim.stop()
        super().__exit__(*error)

    def rcpt(self):
        self.made += 1
        return "r%d@in.example" % self.made

    def send(self, sender, ip=GUEST, user=None, top="", rcpt=None):
        """Exim takes it; the recipient."""
        rcpt = rcpt or self.rcpt()
        with smtp_client.Client(("127.0.0.1", 25), source=ip) as c:
            c.hello()
            if user is not None:
                plain = base64.b64encode(("\0%s\0secret" % user).encode())
                tap.equal(c.command("AUTH PLAIN " + plain.decode())[0], 235,
                          "AUTH")
            text = "%sFrom: <%s>\r\nSubject: x\r\n\r\nHello.\r\n" % (top,
                                                                  sender)
            taken, dots = c.send(sender, [rcpt], text)
            tap.check(dots and all(code == 250 for code, _ in taken + dots),
                      "%s %s" % (taken, dots))
        return rcpt

    def came(self, rcpt, peer, user, label):
        """By that virtual MTA, as that user's, and nobody sees whose."""
        got = self.wait_arrived(rcpt)
        tap.equal(got["peer"], peer, label + ": sent from")
        tap.check(b"x-mailrace" not in self.stored(got).lower(),
                  label + ": it is seen")
        tap.wait_for(lambda: rcpt in self.users(), 10, label)
        tap.equal(self.users()[rcpt], user, label + ": the user")

    def users(self):
        """By recipient, as whom its sender had signed in."""
        out = {}
        for path in glob.glob(self.path("users", "*.csv")):
            with open(path, newline="") as f:
                out.update((r["rcpt"], r["rcvSmtpUser"])
                           for r in csv.DictReader(f))
        return out

    def mail_log(self):
        with open(self.path("log", "mainlog")) as f:
            return f.read()

    def host_ids(self, rcpt):
        """Exim's id of the message to one, and R= in our lines about it."""
        self.wait_arrived(rcpt)
        tap.wait_for(lambda: all(re.search("=> .*" + rcpt, log) for log in
                                 (self.exim.log(), self.mail_log())), 20,
                     "lines about " + rcpt)
        out, ours = [], self.mail_log()
        for log in (self.exim.log(), ours):
            m = re.search(r"^\S+ \S+ (\S+) => .*?%s\b" % re.escape(rcpt),
                          log, re.M)
            tap.check(m is not None, "%s in %s" % (rcpt, log))
            out.append(m[1])
        m = re.search(r" %s <= .*? R=(\S+) " % out[1], ours)
        return out[0], m and m[1]

    def denied(self, client, user):
        """Lines of the log: a sender that this one may not use."""
        return sum(" sender-denied " in line and BANK in line and
                   "client=" + client in line and
                   ("user=" in line) == (user is not None) and
                   (user is None or user in line)
                   for line in self.daemon.log_text().splitlines())

    def wait_denied(self, client, user=None, **how):
        before = self.denied(client, user)
        rcpt = self.send(BANK, ip=client, user=user, **how)
        tap.wait_for(lambda: self.denied(client, user) > before, 20,
                     "%s, %s is denied" % (client, user))
        tap.check(not self.arrived(rcpt), "it went out")


@tap.test("a client has the rights of his address, a user those of his own")
def rights(lab):
    lab.came(lab.send("a@guest.example", top=CHOICE), COMMON, "",
             "one who may not choose")
    lab.came(lab.send("a@guest.example", ip=CHOOSER, top=CHOICE), GOLD, "",
             "one who may")
    lab.came(lab.send("a@brand.example", user="brand", top=CHOICE), GOLD,
             "brand", "a user who may")
    lab.came(lab.send("a@guest.example", user="other", top=CHOICE), COMMON,
             "other", "a user without a block")


@tap.test("what is said of senders holds: by address, by user, not for the host")
def senders(lab):
    lab.wait_denied(GUEST)
    lab.wait_denied(GUEST, user="brand")
    rcpt = lab.rcpt()
    lab.exim.run("exim4", "-i", "-f", BANK, rcpt,
                 input="From: <%s>\n%sSubject: x\n\nHello.\n" % (
                     BANK, CHOICE.replace("\r", "")))
    lab.came(rcpt, GOLD, "", "a program of the host")


@tap.test("how much a user may bring holds, too")
def rates(lab):
    lab.came(lab.send("a@guest.example", user="slow"), COMMON, "slow",
             "the first")
    rcpt = lab.send("a@guest.example", user="slow")
    tap.wait_for(lambda: " rate-in " in lab.daemon.log_text(), 20, "too many")
    tap.wait_for(lambda: lab.exim.queue_size() == 1, 20, "it waits")
    tap.check(not lab.arrived(rcpt), "it went out")
    for line in lab.exim.run("exim4", "-bpr").stdout.splitlines():
        if " <" in line:
            lab.exim.run("exim4", "-Mrm", line.split()[2])


@tap.test("what a client writes himself is not believed, and never seen")
def forged(lab):
    brand = base64.b64encode(b"brand").decode()
    for label, top in (
            ("the host", FIELD % ("", "")),
            ("one who may", FIELD % (CHOOSER, "")),
            ("a user", FIELD % (GUEST, brand)),
            ("folded", "x-mailrace-META:\r\n v=1; client=;\r\n auth=\r\n"),
            ("with a blank", (FIELD % ("", "")).replace(":", " :", 1)),
            ("twice", 2 * (FIELD % ("", ""))),
            ("Postfix's", "X-Mailrace-Auth: brand\r\n")):
        lab.came(lab.send("a@guest.example", top=top + CHOICE), COMMON, "",
                 label)
    lab.wait_denied(GUEST, top=FIELD % ("", ""))


@tap.test("our lines name a message by Exim's id, whatever its sender calls "
          "himself")
def ids(lab):
    for sender in ("a@guest.example",
                   '"x id 1xAAAA-000000-00 y"@guest.example',
                   '"x) id 1xAAAA-000000-00 ("@guest.example',
                   '"x id FAKE"@guest.example'):
        there, here = lab.host_ids(lab.send(sender))
        tap.equal(here, there, "of " + sender)


@tap.test("an Exim of an earlier set-up, which says no id, hands over as "
          "before; set-up shows the line")
def earlier(lab):
    path = "/etc/exim4/conf.d/transport/31_mailrace"
    with open(path) as f:
        now = f.read()
    with open(path, "w") as f:
        f.write(now.replace("id=$message_exim_id; ", ""))
    lab.exim.update()
    rcpt = lab.send("a@brand.example", user="brand", top=CHOICE)
    lab.came(rcpt, GOLD, "brand", "without it")
    there, here = lab.host_ids(rcpt)
    tap.equal(here, there, "of Received")
    _, here = lab.host_ids(lab.send(
        '"x) id 1xAAAA-000000-00 ("@guest.example'))
    tap.equal(here, None, "of one that may be forged")
    r = lab.command.run("setup", "exim")
    tap.equal(r.returncode, 1, "set-up again")
    tap.check("\n+  headers_add = X-Mailrace-Meta: v=1; id=$message_exim_id; "
              "client=" in r.stdout, r.stdout)
    tap.check("first mailrace setup exim --undo" in r.stderr, r.stderr)
    with open(path, "w") as f:
        f.write(now)
    lab.exim.update()


@tap.test("our lines have as many failures as the accounting file: none of "
          "set-up's probe, nor of what was deleted without a record")
def failures(lab):
    for how in (["--no-accounting"], []):
        lab.command.text("pause", "queue", "in.example")
        rcpt = lab.send("a@guest.example")
        tap.wait_for(lambda: rcpt in lab.command.text("list"), 20, "it waits")
        lab.command.text("delete", "--queue=in.example", *how)
        lab.command.text("resume", "queue", "in.example")
    lab.settled()
    tap.wait_for(lambda: lab.mail_log().count(" Completed") ==
                 lab.mail_log().count(" <= "), 20, "all are gone")
    failed = re.findall(r" \*\* (\S+) ", lab.mail_log())
    tap.equal((failed, len(lab.accounting("b"))), ([rcpt], 1), "failures")


@tap.test("by another listener it is nothing; by Exim's it must be there, once")
def directly(lab):
    rcpt = lab.rcpt()
    lab.inject(rcpt, sender="a@guest.example", where=("127.0.0.2", 24),
               headers=[("X-Mailrace-Meta",
                         "v=1; client=%s; auth=" % GUEST),
                        ("X-Virtual-MTA", "gold")])
    lab.came(rcpt, GOLD, "", "by TCP")
    with smtp_client.Client(lab.lmtp, lmtp=True) as c:
        c.hello()
        for top, why in (("", "is missing"),
                         (2 * (FIELD % ("", "")), "is there twice"),
                         (FIELD % ("x", ""), "cannot be read")):
            rcpt = lab.rcpt()
            _, dots = c.send("a@guest.example", [rcpt],
                             top + "Subject: x\r\n\r\nHello.\r\n")
            tap.check(dots[0][0] == 451 and why in dots[0][1], dots)
            tap.check(not lab.arrived(rcpt), "it went out")
    tap.check("Exim's transport does not say whose" in lab.daemon.log_text(),
              "the log")


class Since:
    """What logs and the accounting file get from now on."""

    def __init__(self, lab, *logs):
        self.lab = lab
        self.sizes = {log: os.path.getsize(log) for log in logs}
        self.rows = {kind: len(lab.accounting(kind)) for kind in "dbt"}

    def files(self):
        """Copies, without what was there before."""
        out = []
        for log, size in self.sizes.items():
            with open(log, "rb") as f:
                f.seek(size)
                text = f.read()
            out.append(self.lab.path("since%d" % len(out)))
            with open(out[-1], "wb") as f:
                f.write(text)
        return out

    def ended(self, kind):
        """Rows, but of notifications, which Exim brings once more."""
        return [r for r in self.lab.accounting(kind)[self.rows[kind]:]
                if r["srcType"] != "dsn"]


@tap.test("over Exim's log and ours eximstats counts what the accounting file "
          "has, and exigrep follows a message",
          proves=("log-style", "mail-log-file"))
def logs(lab):
    own = lab.path("log", "mainlog")
    lab.settled()
    since = Since(lab, exim.MAINLOG, own)
    for name in ("ok", "later", "no"):
        lab.send("a@guest.example", rcpt=name + "@in.example")
    lab.wait_arrived("a@guest.example")  # the notification of the third
    lab.wait_arrived("later@in.example")
    lab.settled()

    def grown():
        """Logs: Exim's, ours."""
        with open(since.files()[1]) as f:
            return f.read().count(" Completed\n") == 5
    tap.wait_for(grown, 20, "the log has all")
    d, b, t = [since.ended(kind) for kind in "dbt"]
    tap.equal((len(d), len(b), len(t)), (3, 1, 1), "accounting")
    out = log_tools.exim_tool("eximstats", "-nr", "-nt/mailrace/",
                              *since.files())
    grand = log_tools.eximstats_totals(out)
    tap.equal(grand["Delivered"][:3],
              [str(sum(int(r["dlvSize"]) for r in d)), "3", "3"],
              "delivered: volume, messages, addresses")
    tap.equal((grand["Received"][3], grand["Received"][5]), ("1", "1"),
              "delayed and failed: " + out)
    with open(exim.MAINLOG) as f:
        ident = [x.split()[2] for x in f if "<later@in.example>" in x][0]
    grep = log_tools.exim_tool("exigrep", "-M", "-l", ident, *since.files())
    tap.equal([x.split()[3] for x in grep.splitlines() if x],
              ["<=", "=>", "Completed", "<=", "==", "=>", "Completed"],
              "there and here: " + grep)


tap.main(Fixture)
