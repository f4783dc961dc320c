#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The operator is told by mail what happens to queues and source addresses:
it comes through the Postfix in front into a mailbox, once, and not again and
again."""

import netns
netns.enter()

import email
import email.policy
import glob
import os
import pwd
import subprocess

import postfix
import tap
from lab import HOST_NAME, Lab, mx_zone

CONFIG = """
dsn-host %s
<virtual-mta two>
    smtp-source-host 10.77.0.1 one.mta.example
    smtp-source-host 10.77.0.2 two.mta.example
</virtual-mta>
<source 127.0.0.1>
    process-x-virtual-mta yes
</source>
<domain *>
    backoff-notify ops@ops.example
    disabled-source-ip-notify ops@ops.example, noc@ops.example
    log-disabled-ips yes
    connection-idle-timeout 0
</domain>
""" % postfix.DSN_HOST
ZONE = "".join(mx_zone(d + ".example", ("mx.%s.example" % d, "127.0.1.1"))
               for d in ("a", "b", "c"))


def address(what, ip):
    """One that can be taken away, as those of 127/8 cannot."""
    subprocess.run(["ip", "addr", what, ip + "/32", "dev", "lo"], check=True)


class Fixture(Lab):
    """Mailboxes ops and noc in the Postfix that hands over."""

    def __init__(self):
        user = pwd.getpwnam("postfix")
        super().__init__(
            zone=ZONE, config=CONFIG, with_milter=False,
            pf_main="virtual_mailbox_domains = ops.example\n"
            "virtual_minimum_uid = 1\n"
            "virtual_uid_maps = static:%d\nvirtual_gid_maps = static:%d\n" %
            (user.pw_uid, user.pw_gid),
            receivers=[{"listen": ["127.0.1.1:25"]}])
        maps = self.path("mailboxes")
        with open(maps, "w") as f:
            for name in ("ops", "noc"):
                f.write("%s@ops.example %s/\n" % (name, name))
        self.postfix.configure(
            "virtual_mailbox_base = %s\nvirtual_mailbox_maps = texthash:%s\n" %
            (self.path("mail"), maps))
        os.chown(self.path("mail"), user.pw_uid, user.pw_gid)

    def __enter__(self):
        for ip in ("10.77.0.1", "10.77.0.2"):
            address("add", ip)
        self.start()
        return self

    def mailbox(self, name):
        """What came in for somebody, parsed; the oldest first."""
        out = []
        for path in sorted(glob.glob(self.path("mail", name, "new", "*")),
                           key=os.path.getmtime):
            with open(path, "rb") as f:
                out.append(email.message_from_binary_file(
                    f, policy=email.policy.default))
        return out

    def subjects(self, name):
        return [m["Subject"] for m in self.mailbox(name)]

    def told(self, name, subject):
        """The one message with that subject, when it has come."""
        found = tap.wait_for(lambda: [m for m in self.mailbox(name)
                                      if m["Subject"] == subject], 20,
                             "%s is told: %s" % (name, subject))
        tap.equal(len(found), 1, "messages with that subject")
        return found[0]

    def queue_with_mail(self, domain, **more):
        """A queue that is there: its mail waits in a pause."""
        self.command.text("pause", "queue", domain)
        self.inject("x@" + domain, **more)
        tap.wait_for(lambda: self.command.json("show", "queues", domain)
                     ["queues"], 20, "the queue " + domain)


@tap.test("a source address that the host has lost, and that it is back",
          proves="domain disabled-source-ip-notify")
def lost(lab):
    address("del", "10.77.0.1")
    lab.inject(["1@a.example", "2@b.example"],
               headers=[("X-Virtual-MTA", "two")])
    lab.wait_arrived("1@a.example")
    lab.wait_arrived("2@b.example")
    for name in ("ops", "noc"):
        m = lab.told(name, "Source address 10.77.0.1 is lost")
        tap.equal((m["Return-Path"], m["Auto-Submitted"], m["From"]),
                  ("<>", "auto-generated",
                   "Mailrace <MAILER-DAEMON@%s>" % HOST_NAME), "header")
    row = lab.wait_record("d", "noc@ops.example")
    tap.equal((row["orig"], row["queue"]), ("", "{dsn}/{default}"),
              "in the accounting file")
    address("add", "10.77.0.1")


@tap.test("a queue enters backoff mode: told at once; what follows within ten "
          "minutes is not", proves="domain backoff-notify")
def backoff(lab):
    for domain in ("a.example", "b.example"):
        lab.queue_with_mail(domain)
        lab.command.text("set", "queue", "--mode=backoff", domain)
    for domain in ("a.example", "b.example"):
        lab.told("ops", "Queue %s/{default} is in backoff mode" % domain)
    for _ in range(3):
        lab.command.text("set", "queue", "--mode=normal", "a.example")
        lab.command.text("set", "queue", "--mode=backoff", "a.example")
    # Mail about another thing, behind it: had there been some, it is there.
    lab.queue_with_mail("c.example")
    lab.command.text("set", "queue", "--mode=backoff", "c.example")
    lab.told("ops", "Queue c.example/{default} is in backoff mode")
    tap.equal(sorted(s for s in lab.subjects("ops")
                     if "/{default} " in s),
              ["Queue %s.example/{default} is in backoff mode" % d
               for d in "abc"], "all that was told")
    tap.equal([s for s in lab.subjects("noc") if "Queue" in s], [], "noc")
    tap.equal(lab.daemon.log_text().count(
        " mode queue=a.example/{default} state=backoff "), 4, "in the log")


@tap.test("a source that is disabled for a queue, and the last of them",
          proves=("domain disabled-source-ip-notify",
                  "domain log-disabled-ips"))
def disabled(lab):
    lab.queue_with_mail("a.example", headers=[("X-Virtual-MTA", "two")])
    for ip in ("10.77.0.1", "10.77.0.2"):
        lab.command.text("disable", "source", ip, "a.example/two")
    for ip in ("10.77.0.1", "10.77.0.2"):
        lab.told("noc", "SMTP source %s is disabled for queue a.example/two" %
                 ip)
    lab.told("noc", "All SMTP sources for queue a.example/two are now "
             "disabled.")
    tap.equal(lab.daemon.log_text().count(
        " source queue=a.example/two state=off "), 2, "in the log")


tap.main(Fixture)
