#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Twenty messages go through a Postfix with the real OpenDKIM, as a site has it,
and through one with Mailrace and what `mailrace import opendkim` has made of it:
receivers see the same signatures of the same fields, but for what the report
names, and each verifies."""

import netns
netns.enter()

import base64
import collections
import contextlib
import json
import os
import shutil
import subprocess

import dkim
import keys
import postfix
import procs
import sasl
import signatures
import smtp_client
import tap
from lab import DNS_ADDRESS, Lab, mx_zone
from opendkim_sites import FRIEND, MAIL, SITES

PORTS = {"theirs": 2526, "ours": 25}
MAIN = """
mynetworks = 0.0.0.0/0
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = unix:auth
"""
MILTERS = """
smtpd_milters = unix:opendkim
non_smtpd_milters = unix:opendkim
"""
# What a test has beside its site's.
RUNS_HERE = """
UserID root
UMask 000
RequireSafeKeys no
Background no
Socket local:%s
"""

Signature = collections.namedtuple("Signature", "d s i a c ttl fields")


class Fixture(Lab):
    def __init__(self):
        if shutil.which("opendkim", path="/usr/sbin:/usr/bin") is None:
            raise tap.Failed("opendkim is not installed; ./bootstrap test "
                             "installs it")
        super().__init__(zone=mx_zone("in.example",
                                      ("mx1.in.example", "127.0.1.1")),
                         receivers=[{"listen": ["127.0.1.1:25"]}])
        self.postfix.configure(MAIN)
        self.other = postfix.Postfix(self.path("other"), port=PORTS["theirs"],
                                     hand_over=False, main=MAIN + MILTERS)
        self.socket = os.path.join(self.other.queue, "opendkim")
        for name in SITES:
            self.make_site(name)
        self.lookup = signatures.cached(self.txt)

    def make_site(self, name):
        """Its files and keys, and what DNS has of them."""
        site, where = SITES[name], self.path(name)
        os.mkdir(where)
        friend = ",".join(rcpt(name, FRIEND, way) for way in PORTS)
        for file, text in [("opendkim.conf", site["conf"])] + list(
                site.get("files", {}).items()):
            with open(os.path.join(where, file), "w") as f:
                f.write(text.replace("{dir}", where).replace("{friend}",
                                                             friend))
        made = {}
        for file, selector, domain in site["keys"]:
            if file not in made:
                made[file] = keys.dkim_key(os.path.join(where, file))
            self.zone += '%s._domainkey.%s 300 TXT "%s"\n' % (
                selector, domain, made[file])

    def __enter__(self):
        with open(self.path("resolv.conf"), "w") as f:
            f.write("nameserver %s\n" % DNS_ADDRESS)
        subprocess.run(["mount", "--bind", self.path("resolv.conf"),
                        "/etc/resolv.conf"], check=True)
        self.mounts.append("/etc/resolv.conf")
        for host in (self.postfix, self.other):
            sasl.serve(os.path.join(host.queue, "auth"))
        self.start()
        self.other.start()
        return self

    def __exit__(self, *error):
        self.other.stop()
        super().__exit__(*error)

    @contextlib.contextmanager
    def opendkim(self, name):
        conf = self.path(name, "here.conf")
        with open(conf, "w") as f:
            f.write(open(self.path(name, "opendkim.conf")).read() +
                    RUNS_HERE % self.socket)
        p = procs.Process("opendkim", ["opendkim", "-f", "-x", conf],
                          self.path("log", "opendkim-%s.out" % name))
        try:
            tap.wait_for(lambda: os.path.exists(self.socket) or
                         not p.running(), 10, "opendkim listens")
            tap.check(p.running(), "opendkim: " + procs.tail(p.log))
            yield
        finally:
            p.kill()  # asked to end it looks up every five seconds
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.socket)

    def start_ours(self, name):
        """With what is imported; gives the report."""
        r = self.command.run("import", "opendkim",
                             self.path(name, "opendkim.conf"), "--json",
                             "--output", self.path(name, "made"))
        tap.check(r.stdout, "import: " + r.stderr)
        with open(self.path(name, "made")) as f:
            self.write_config(f.read())
        for d in (self.daemon, self.milter):
            d.stop()
            d.start()
        return json.loads(r.stdout)["report"]


def rcpt(name, number, way):
    return "%s.%02d.%s@in.example" % (name, number, way)


def submit(lab, mail, to, way):
    if mail.client is None:
        host = lab.postfix if way == "ours" else lab.other
        host.sendmail(mail.sender, [to], mail.octets.decode().replace("\r\n",
                                                                      "\n"))
        return
    with smtp_client.Client(("127.0.0.1", PORTS[way])) as c:
        c.hello()
        tap.equal(c.command("XCLIENT ADDR=%s NAME=[UNAVAILABLE]" %
                            mail.client)[0], 220, "XCLIENT")
        c.hello()
        if mail.user is not None:
            plain = base64.b64encode(b"\0%s\0x" % mail.user.encode())
            tap.equal(c.command("AUTH PLAIN " + plain.decode())[0], 235,
                      "AUTH")
        taken, dots = c.send(mail.sender, [to], mail.octets)
        tap.check(dots and all(code == 250 for code, _ in taken + dots),
                  "%s refused %s: %s %s" % (way, to, taken, dots))


def canon(value):
    """As RFC 6376 section 3.5 has it."""
    head, _, body = (value or "simple").partition("/")
    return "%s/%s" % (head, body or "simple")


def read_signatures(lab, octets):
    """Those of the message that are not its own already; all verify."""
    out = []
    for i, t in enumerate(signatures.tags_of(octets)):
        if t["d"] == "old.example":
            continue
        try:
            good = dkim.DKIM(octets).verify(idx=i, dnsfunc=lab.lookup)
        except dkim.DKIMException as e:
            good, t["why"] = False, e
        tap.check(good, "does not verify: %s in\n%s" % (
            t, octets.decode(errors="replace")))
        out.append(Signature(
            t["d"], t["s"], t.get("i"), t["a"], canon(t.get("c")),
            int(t["x"]) - int(t["t"]) if "x" in t else None,
            tuple(sorted(t["h"].lower().split(":")))))
    return sorted(out, key=str)


def show(found):
    return "".join("\n      %s" % (s,) for s in found) or " unsigned"


def compare(lab, name):
    report = lab.start_ours(name)
    with lab.opendkim(name):
        for way in PORTS:
            for n, mail in enumerate(MAIL, 1):
                submit(lab, mail, rcpt(name, n, way), way)
    wrong, signed = [], 0
    for n in range(1, len(MAIL) + 1):
        a, b = (read_signatures(lab, lab.stored(lab.wait_arrived(
            rcpt(name, n, way)))) for way in PORTS)
        signed += a != []
        lost = SITES[name].get("unlike", {}).get(n)
        if lost is not None:
            tap.check(("lost", lost) in [(i["fate"], i["name"])
                                         for i in report], "not reported")
            tap.check(not a and b, "%s: message %d is as with it" % (lost, n))
        elif a != b:
            wrong.append("message %d\n    theirs%s\n    ours%s" % (
                n, show(a), show(b)))
    tap.check(not wrong, "\n".join(wrong))
    tap.check(signed >= 8, "only %d are signed" % signed)


@tap.test("tables with patterns, and networks inside")
def bulk(lab):
    compare(lab, "bulk")


@tap.test("one domain and one key, all else as it comes")
def single(lab):
    compare(lab, "single")


@tap.test("domains below, fields by name, more of them than occur")
def below(lab):
    compare(lab, "below")


@tap.test("several signatures, for customers and the agency")
def multiple(lab):
    compare(lab, "multiple")


@tap.test("a table without patterns, Sender before From")
def senders(lab):
    compare(lab, "senders")


tap.main(Fixture)
