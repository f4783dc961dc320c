# SPDX-License-Identifier: Apache-2.0
"""setup_lab - a Postfix before `mailrace setup postfix`: with mailboxes of its
own, users who sign in, and files that set-up may change."""

import glob
import os
import pwd
import subprocess

import sasl
import tap
from lab import DNS_ADDRESS, Lab

FILES = ("main.cf", "master.cf")
MAILBOXES = ("alice@own.example", "bob@second.example")


class SetupLab(Lab):
    acct_sync = True

    def __init__(self, **kw):
        super().__init__(hand_over=False, **kw)
        user = pwd.getpwnam("postfix")
        os.chown(self.path("mail"), user.pw_uid, user.pw_gid)
        with open(self.path("mailboxes"), "w") as f:
            for name in MAILBOXES:
                f.write("%s %s/\n" % (name, name))
        self.postfix.configure(
            "virtual_uid_maps = static:%d\nvirtual_gid_maps = static:%d\n"
            "virtual_mailbox_base = %s\nvirtual_mailbox_maps = texthash:%s\n" %
            (user.pw_uid, user.pw_gid, self.path("mail"),
             self.path("mailboxes")))

    def __enter__(self):
        # Postfix's own smtp client asks the system's resolver.
        with open(self.path("resolv.conf"), "w") as f:
            f.write("nameserver %s\n" % DNS_ADDRESS)
        subprocess.run(["mount", "--bind", self.path("resolv.conf"),
                        "/etc/resolv.conf"], check=True)
        self.mounts.append("/etc/resolv.conf")
        sasl.serve(os.path.join(self.postfix.queue, "auth"))
        self.start()
        return self

    def file(self, name):
        return os.path.join(self.postfix.conf, name)

    def reload(self):
        self.postfix.run("postfix", "-c", self.postfix.conf, "reload",
                         check=True)

    def mailbox(self, name):
        """Paths of its messages."""
        return glob.glob(self.path("mail", name, "new", "*"))

    def wait_mailbox(self, name, count):
        return tap.wait_for(lambda: len(self.mailbox(name)) >= count and
                            self.mailbox(name), 30,
                            "%d in %s" % (count, name))
