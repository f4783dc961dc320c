#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Which suppression list has an address, by every directive about them: as the
code that both daemons ask says, with lists published in files, without daemons."""

import netns
netns.enter()

import hashlib
import hmac
import os
import shutil
import subprocess
import tempfile

import lab
import mailrace
import tap

CONFIG = """\
suppression-dir {dir}/lists
suppression-lists top
<suppression-list top>
</suppression-list>
<suppression-list loose>
    ignore-dots yes
    ignore-tag yes
</suppression-list>
<suppression-list strict>
    keep-case yes
</suppression-list>
<suppression-list vendor>
    hashed hmac-sha256
    key-file {dir}/key
</suppression-list>
<address-list fixed>
    address-file {dir}/fixed.txt
</address-list>
<source strict>
    suppression-lists strict
</source>
<virtual-mta news>
    suppression-lists loose
</virtual-mta>
<virtual-mta-pool all>
    virtual-mta news
    suppression-lists vendor
</virtual-mta-pool>
<job ad-*>
    suppression-lists fixed
</job>
"""


class Judge:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="mailrace-test-")

    def __enter__(self):
        os.mkdir(self.dir + "/lists")
        with open(os.open(self.dir + "/key", os.O_CREAT | os.O_WRONLY, 0o600),
                  "w") as f:
            f.write("shared\n")
        with open(self.dir + "/fixed.txt", "w") as f:
            f.write("fixed@example.com\n")
        with open(self.dir + "/conf", "w") as f:
            f.write(lab.without_deleted(CONFIG.replace("{dir}", self.dir)))
        return self

    def __exit__(self, *exc):
        shutil.rmtree(self.dir)

    def run(self, *args):
        r = subprocess.run([mailrace.program("tests/system/suppress_judge"),
                            self.dir + "/conf"] + list(args),
                           capture_output=True, text=True, timeout=60)
        tap.equal(r.returncode, 0, "suppress_judge: " + r.stderr)
        return r.stdout.strip()

    def publish(self, name, *addresses):
        self.run("publish", name, *addresses)

    def ask(self, address, *known):
        return self.run("ask", address, *known)


@tap.test("the lists of the top level hold for all mail",
          proves=("suppression-lists", "suppression-dir"))
def top(j):
    j.publish("top", "a@example.com")
    tap.equal(j.ask("A@Example.com"), "listed top", "listed")
    tap.equal(j.ask("b@example.com"), "clear", "another")
    tap.equal(sorted(os.listdir(j.dir + "/lists")), ["secret", "top.list"],
              "files")
    with open(j.dir + "/lists/top.list", "rb") as f:
        tap.check(b"example.com" not in f.read(), "no address is in the file")


@tap.test("ignore-dots and ignore-tag, in a list of a virtual MTA",
          proves=("virtual-mta suppression-lists",
                  "suppression-list ignore-dots",
                  "suppression-list ignore-tag"))
def loose(j):
    j.publish("loose", "j.doe@example.com")
    tap.equal(j.ask("jdoe@example.com", "vmta=news"), "listed loose", "dots")
    tap.equal(j.ask("j.doe+x@example.com", "vmta=news"), "listed loose", "tag")
    tap.equal(j.ask("jdoe@example.com"), "clear", "by another virtual MTA")


@tap.test("keep-case, in a list of a source",
          proves=("source suppression-lists", "suppression-list keep-case"))
def strict(j):
    j.publish("strict", "Joe@example.com")
    tap.equal(j.ask("Joe@example.com", "source=strict"), "listed strict",
              "as written")
    tap.equal(j.ask("joe@example.com", "source=strict"), "clear",
              "lower case")


@tap.test("hashed and key-file, in a list of a pool",
          proves=("virtual-mta-pool suppression-lists",
                  "suppression-list hashed", "suppression-list key-file"))
def vendor(j):
    j.publish("vendor", "v@example.com")
    digest = hmac.new(b"shared", b"v@example.com", hashlib.sha256).digest()
    with open(j.dir + "/lists/vendor.list", "rb") as f:
        tap.check(digest in f.read(), "the digest is that of the vendor")
    tap.equal(j.ask("V@example.com", "pool=all"), "listed vendor", "listed")
    tap.equal(j.ask("V@example.com", "vmta=news"), "clear",
              "mail that the pool did not give")


@tap.test("what stands in files of the configuration, in a list of a job",
          proves="job suppression-lists")
def fixed(j):
    tap.equal(j.ask("fixed@example.com", "job=ad-7"),
              "listed fixed %s/fixed.txt:1" % j.dir, "listed, with its line")
    tap.equal(j.ask("fixed@example.com", "job=other"), "clear", "another job")


@tap.test("a list that is damaged is not clear")
def damaged(j):
    with open(j.dir + "/lists/top.list", "w") as f:
        f.write("x")
    tap.equal(j.ask("b@example.com").split(":")[0], "unsure top", "unsure")
    tap.equal(j.ask("fixed@example.com", "job=ad-7").split()[0], "listed",
              "listed by another all the same")


tap.main(Judge)
