#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real Exim asks suppress-socket in its RCPT ACL, with the lines of
etc/exim-suppression.acl as they stand: refused, taken, put off."""

import netns
netns.enter()

import os
import subprocess

import exim
import mailrace
import tap
from lab import Lab

CONFIG = """
suppression-lists out
suppression-dir {root}/suppress
suppress-socket {run}/suppress
<suppression-list out>
    address gone@in.example
</suppression-list>
<suppression-list partners>
    address partner@in.example
</suppression-list>
<source 127.0.0.77>
    suppression-lists partners
</source>
"""
EXIM = """
primary_hostname = ex.lab.example
spool_directory = {root}/exim
log_file_path = {root}/exim/%slog
tls_advertise_hosts =
acl_smtp_rcpt = acl_check_rcpt
hostlist relay_from_hosts = 192.0.2.9 : 127.0.0.77
begin acl
acl_check_rcpt:
{acl}
  accept
begin routers
none:
  driver = accept
  transport = none
begin transports
none:
  driver = appendfile
  file = /dev/null
"""


class Fixture(Lab):
    def __init__(self):
        self.exim = exim.find()
        super().__init__(config=CONFIG, with_postfix=False, with_milter=False)

    def __enter__(self):
        self.start_dns()
        self.serve()
        exim.know_user(self, "Debian-exim")
        os.mkdir(self.path("exim"))
        with open(os.path.join(mailrace.SOURCE, "etc",
                               "exim-suppression.acl")) as f:
            acl = f.read().replace("/var/spool/postfix/mailrace/suppress",
                                   self.path("run", "suppress"))
        with open(self.path("exim.conf"), "w") as f:
            f.write(EXIM.replace("{root}", self.root).replace("{acl}", acl))
        os.chmod(self.path("exim.conf"), 0o644)
        return self

    def serve(self):
        """As if Exim's user were in the socket's group."""
        self.daemon.start()
        os.chmod(self.path("run", "suppress"), 0o666)

    def session(self, client, *rcpts, sender="s@a.example"):
        """What Exim would answer these recipients of a client."""
        script = ["EHLO client.example", "MAIL FROM:<%s>" % sender] + \
            ["RCPT TO:<%s>" % r for r in rcpts] + ["QUIT"]
        r = subprocess.run(
            [self.exim, "-C", self.path("exim.conf"), "-bh", client],
            input="\r\n".join(script) + "\r\n", capture_output=True,
            text=True, timeout=60)
        replies = [line for line in r.stdout.splitlines()
                   if line[:3].isdigit() and line[3:4] == " "]
        tap.check(len(replies) == len(rcpts) + 4, "%s\n%s" % (r.stdout,
                                                              r.stderr))
        return replies[3:-1]


@tap.test("Exim refuses who is listed, and takes the others",
          proves="suppress-socket")
def answers(lab):
    said = '550 5.7.1 recipient is in suppression list "%s"'
    tap.equal(lab.session("192.0.2.9", "gone@in.example", "a@in.example",
                          "GONE@IN.example", "partner@in.example"),
              [said % "out", "250 Accepted", said % "out", "250 Accepted"],
              "a client")
    tap.equal(lab.session("127.0.0.77", "partner@in.example", "a@in.example",
                          sender=""),
              [said % "partners", "250 Accepted"], "by source, no sender")


@tap.test("no stranger learns who is listed")
def stranger(lab):
    tap.equal(lab.session("192.0.2.10", "gone@in.example"), ["250 Accepted"],
              "not asked")


@tap.test("it puts recipients off while nobody answers")
def nobody(lab):
    lab.daemon.stop()
    tap.equal(lab.session("192.0.2.9", "a@in.example"),
              ["451 4.3.0 suppression lists cannot be asked now"], "then")
    lab.serve()
    tap.equal(lab.session("192.0.2.9", "a@in.example"), ["250 Accepted"],
              "and now")


tap.main(Fixture)
