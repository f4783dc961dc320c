#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`mailrace drain --to-host` with Debian's Exim: not while its router leads
here; behind `setup exim --undo` each message goes back once, by a daemon of
Exim's own that listens at dsn-host as long as the command runs, however that
ends; or by the one that listens there anyway."""

import netns
netns.enter()

import collections
import os
import signal
import subprocess

import exim
import mailrace
import tap
from lab import DNS_ADDRESS, Lab, mx_zone

RECEIVER = "192.0.2.25"
OURS = "127.0.0.10"
CONFIG = """
exim-listener {run}/lmtp
dsn-host %s
<domain *>
    retry-after 1h
    retry-recipients-after 1h
</domain>
"""
ZONE = mx_zone("in.example", ("mx1.in.example", RECEIVER))
SETTINGS = """dc_eximconfig_configtype='internet'
dc_other_hostnames='own.example'
dc_local_interfaces='127.0.0.1.25'
dc_readhost=''
dc_relay_domains=''
dc_minimaldns='false'
dc_relay_nets=''
dc_smarthost=''
CFILEMODE='644'
dc_use_split_config='true'
dc_hide_mailname=''
dc_mailname_in_oh='true'
dc_localdelivery='mail_spool'
"""
RECEIVERS = [{"listen": [RECEIVER + ":25"],
              "rules": [{"at": "rcpt", "client": OURS,
                         "reply": "451 4.2.1 not from you"}]}]


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        self.exim = exim.Debian(SETTINGS)
        super().__init__(zone=ZONE, config=CONFIG % "127.0.0.1:10028",
                         with_postfix=False, with_milter=False,
                         receivers=RECEIVERS)
        os.chown(self.path("run"), -1, exim.NUMBER)
        os.chmod(self.path("run"), 0o2755)
        with open("/etc/exim4/conf.d/main/000_localmacros", "w") as f:
            f.write("MAIN_HOST_LOOKUP = !*\n")
        self.exim.update()

    def __enter__(self):
        subprocess.run(["ip", "route", "add", "local", "192.0.2.0/24", "dev",
                        "lo"], check=True)
        with open("/etc/resolv.conf", "w") as f:
            f.write("nameserver %s\n" % DNS_ADDRESS)
        self.start()
        self.exim.start(25)
        return self

    def __exit__(self, *error):
        self.exim.stop()
        return super().__exit__(*error)

    def argv(self, *options):
        return [mailrace.program("mailrace"), "-c", self.config, "drain",
                "--to-host", "--timeout=30s", *options]

    def to_host(self, *options, before=()):
        """No Postfix of this machine has a say."""
        return subprocess.run([*before, *self.argv(*options)],
                              capture_output=True, text=True, timeout=120,
                              env=self.env())

    def env(self):
        return {**os.environ, "MAIL_CONFIG": self.path("none")}

    def bring(self, rcpt, **kw):
        """Not as Exim's."""
        self.inject(rcpt, where=("127.0.0.2", 24), **kw)

    def rows(self, *selectors):
        return self.command.json("list", *selectors)["recipients"]

    def tried(self, *rcpts):
        """Until each was tried once, in vain."""
        def all_were():
            rows = {r["to"]: r["attempts"] for r in self.rows()}
            return all(rows.get(r, 0) > 0 for r in rcpts)
        tap.wait_for(all_were, 30, "all were tried")

    def by_exim(self, *rcpts):
        """All of these arrive, once each; nothing stays in Exim."""
        def came():
            return collections.Counter(
                r for m in self.messages() for r in m["rcpts"]
                if m["peer"] != OURS and r in rcpts)
        tap.wait_for(lambda: len(came()) == len(rcpts), 30, "all arrive")
        tap.wait_for(lambda: self.exim.queue_size() == 0, 30, "Exim has done")
        tap.equal(came(), {r: 1 for r in rcpts}, "once each")


@tap.test("while Exim's router leads here it refuses, and says what to do")
def before_undo(lab):
    r = lab.command.run("setup", "exim")
    tap.equal((r.returncode, r.stderr), (0, ""), "setup exim")
    lab.exim.run("exim4", "-i", "-f", "s@own.example", "one@in.example",
                 "two@in.example", input="Subject: x\n\nHello.\n")
    lab.tried("one@in.example", "two@in.example")
    r = lab.to_host()
    tap.check(r.returncode == 1 and "router mailrace still leads to Mailrace: "
              "first mailrace setup exim --undo" in r.stderr, r)
    lab.bring("three@in.example", sender="",  # mail is taken as before
              message=b"Subject: x\r\n\r\nHello.\r\n")
    lab.bring("held@in.example")
    lab.tried("three@in.example", "held@in.example")
    r = lab.command.run("setup", "exim", "--undo")
    tap.equal((r.returncode, r.stderr), (0, ""), "setup exim --undo")
    tap.wait_for(lambda: not exim.listens(10028), 10, "nobody is at dsn-host")


@tap.test("behind undo all goes back, each once; Exim is as before")
def after_undo(lab):
    daemon = lab.exim.pid()
    held = [r["id"] for r in lab.rows() if r["to"] == "held@in.example"]
    lab.command.text("hold", *held)
    r = lab.to_host("--dry-run")
    tap.check(r.returncode == 0 and "\n3 recipients would go back" in r.stdout
              and "exim4 would listen at 127.0.0.1:10028, too" in r.stdout, r)
    tap.check(not exim.listens(10028) and len(lab.rows()) == 4, "a dry run")
    r = lab.to_host()
    tap.check(r.returncode == 1 and r.stderr == "" and
              "3 recipients went back" in r.stdout and
              "1 recipients are left" in r.stdout, r)
    tap.check(not exim.listens(10028), "its daemon is still there")
    tap.equal(lab.exim.pid(), daemon, "Exim's own")
    lab.by_exim("one@in.example", "two@in.example", "three@in.example")
    tap.equal({m["sender"] for m in lab.messages() if m["peer"] != OURS},
              {"", "s@own.example"}, "their senders")
    tap.equal([r["to"] for r in lab.rows()], ["held@in.example"], "is left")
    tap.check(lab.audit().balances(), "the audit")
    lab.command.text("drain", "--undo")


STRANGER = """
import socket
s = socket.create_server(("127.0.0.1", 10028))
print("", flush=True)
while True:
    c = s.accept()[0]
    c.sendall(b"220 give it to me\\r\\n")
    c.close()
"""


PORT = "\n<domain {dsn}>\n    default-smtp-port 10028\n</domain>"
HIS = "who listens at 127.0.0.1:10028 is user 65534"
BY_NAME = "dsn-host localhost, port 10028: any user may listen there"
STRANGERS = (("127.0.0.1:10028", HIS), ("127.0.0.1" + PORT, HIS),
             ("127.0.0.1:25; 127.0.0.1:10028", HIS),
             ("localhost:10028", BY_NAME), ("localhost" + PORT, BY_NAME))


NOBODY = "nobody listens at 127.0.0.1:10028, and any user may"
UNKNOWN = "who listens at 127.0.0.1:10028 cannot be told: /proc/net/tcp: "


def is_refused(lab, hosts, said, *before):
    lab.write_config(CONFIG % hosts)
    for options in ("--dry-run",), ():
        r = lab.to_host(*options, before=before)
        tap.check(r.returncode == 1 and "mailrace.conf: dsn-host" in r.stderr
                  and said in r.stderr and "would" not in r.stdout, (hosts, r))


@tap.test("who else has got the port gets nothing, whatever he greets with")
def stranger(lab):
    rows = lab.rows()
    with subprocess.Popen(["/usr/bin/python3", "-c", STRANGER], user=65534,
                          group=65534, stdout=subprocess.PIPE) as p:
        try:
            p.stdout.readline()
            for hosts, said in STRANGERS:
                is_refused(lab, hosts, said)
        finally:
            p.kill()
    tap.equal(lab.rows(), rows, "all is still here")


@tap.test("nor does who takes it later, where nobody listens or it cannot be "
          "told who does")
def nobody(lab):
    rows = lab.rows()
    for hosts in "127.0.0.1" + PORT, "127.0.0.1:25; 127.0.0.1:10028":
        is_refused(lab, hosts, NOBODY)
    for hosts in "127.0.0.1" + PORT, "127.0.0.1:10028":
        is_refused(lab, hosts, UNKNOWN, "unshare", "--mount", "sh", "-c",
                   'mount -t tmpfs none /proc && exec "$@"', "sh")
    tap.equal(lab.rows(), rows, "all is still here")
    lab.write_config(CONFIG % "127.0.0.1:10028")


@tap.test("killed in the middle nothing of it stays, and another one ends it")
def killed(lab):
    lab.command.text("pause", "queue", "{dsn}")
    lab.bring("killed@in.example")
    lab.tried("killed@in.example")
    with subprocess.Popen(lab.argv(), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=lab.env()) as p:
        tap.wait_for(lambda: lab.rows("--queue={dsn}"), 30,
                     "it waits for the host")
        tap.check(exim.listens(10028), "nobody would take it")
        p.send_signal(signal.SIGKILL)
    tap.wait_for(lambda: not exim.listens(10028), 10, "its daemon ends")
    lab.command.text("resume", "queue", "{dsn}")
    r = lab.to_host()
    tap.check(r.returncode == 1 and "1 recipients are left" in r.stdout, r)
    lab.by_exim("killed@in.example")
    lab.command.text("drain", "--undo")


@tap.test("where Exim itself is to listen it says so; there all goes, too")
def usual(lab):
    lab.command.text("delete", "--queue=*")
    lab.bring("usual@in.example")
    lab.tried("usual@in.example")
    lab.write_config(CONFIG % "127.0.0.9:25")
    r = lab.to_host()
    tap.check(r.returncode == 1 and "dsn-host, which is to take the mail back"
              in r.stderr and "write dsn-host 127.0.0.1:25" in r.stderr, r)
    lab.write_config(CONFIG % "127.0.0.1:25")
    lab.command.text("reload")
    r = lab.to_host()
    tap.equal((r.returncode, r.stderr), (0, ""), r.stdout)
    lab.by_exim("usual@in.example")


tap.main(Fixture)
