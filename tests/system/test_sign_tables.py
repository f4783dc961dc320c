#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""OpenDKIM's files sign mail as they are; `mailrace sign` shows what would be
sent.  dkimpy judges."""

import netns
netns.enter()

import subprocess

import mailrace
import signatures
import smtp_client
import tap
from lab import Lab, mx_zone

CONFIG = """
opendkim-tables {root}/opendkim.conf
<virtual-mta own>
    smtp-source-host 127.0.0.11 own.mta.example
    domain-key own, brand.example, {keys}/own.brand.example.pem
</virtual-mta>
<source 127.0.0.1>
    process-x-virtual-mta yes
    process-x-job yes
</source>
<job list>
    list-unsubscribe <https://brand.example/u>
</job>
<domain plain.example>
    dkim-sign no
</domain>
"""
OPENDKIM = """
Syslog yes
Canonicalization relaxed/simple
KeyTable file:{root}/keytable
SigningTable refile:{root}/signingtable
SignHeaders From,To,Subject,X-Test
OversignHeaders From,Subject
MultipleSignatures yes
"""
KEYTABLE = """
rsa brand.example:s1:{keys}/s1.brand.example.pem
any %:each:{keys}/each.%.pem
"""
SIGNINGTABLE = """
*@brand.example rsa
*@*brand.example any:news@%
"""
ZONE = (mx_zone("in.example", ("mx1.in.example", "127.0.1.1")) +
        mx_zone("plain.example", ("mx1.in.example", "127.0.1.1")))


class Fixture(Lab):
    def __init__(self):
        super().__init__(
            zone=ZONE, config=CONFIG, with_postfix=False, with_milter=False,
            dkim=[("s1", "brand.example"), ("own", "brand.example"),
                  ("each", "brand.example", "ed25519"),
                  ("each", "sub.brand.example", "ed25519")],
            receivers=[{"listen": ["127.0.1.1:25"]}])
        for name, text in (("opendkim.conf", OPENDKIM),
                           ("keytable", KEYTABLE),
                           ("signingtable", SIGNINGTABLE)):
            with open(self.path(name), "w") as f:
                f.write(self.expand(text))
        self.count = 0

    def __enter__(self):
        self.start()
        return self

    def sent(self, domain, **how):
        self.count += 1
        rcpt = "r%d@%s" % (self.count, domain)
        self.inject(rcpt, **how)
        return judged(self, self.stored(self.wait_arrived(rcpt)))


def judged(lab, octets):
    tags = signatures.tags_of(octets)
    tap.check(tags == [] or signatures.verify(octets, lab.txt),
              "dkimpy refuses it: %s" % octets)
    return tags


def keys_of(tags):
    return [(t["d"], t["s"], t.get("i", "")) for t in tags]


@tap.test("KeyTable and SigningTable", proves="opendkim-tables")
def tables(lab):
    tags = lab.sent("in.example", sender="a@brand.example",
                    headers=[("X-Test", "x"), ("X-Other", "x")])
    tap.equal(keys_of(tags), [("brand.example", "s1", ""),
                              ("brand.example", "each", "news@brand.example")],
              "signatures")
    tap.equal(tags[0]["c"], "relaxed/simple", "forms")
    tap.equal(sorted(n.lower() for n in tags[0]["h"].split(":")),
              ["from", "from", "subject", "subject", "to", "x-test"],
              "fields")
    tap.equal(keys_of(lab.sent("in.example", sender="a@sub.brand.example")),
              [("sub.brand.example", "each", "news@sub.brand.example")],
              "a file for each domain")


@tap.test("not for those outside, nor where <domain> says no")
def not_signed(lab):
    tap.equal(lab.sent("in.example", sender="a@brand.example",
                       client="192.0.2.1"), [], "a stranger's")
    tap.equal(lab.sent("plain.example", sender="a@brand.example"), [],
              "dkim-sign no")
    tap.equal(lab.sent("in.example", sender="a@other.example"), [],
              "another's domain")


@tap.test("a domain-key comes first")
def domain_key(lab):
    tags = lab.sent("in.example", sender="a@brand.example",
                    headers=[("X-Virtual-MTA", "own")])
    tap.equal([t["s"] for t in tags], ["own"], "signatures")


@tap.test("one click is not offered where SignHeaders leaves it out")
def one_click(lab):
    lab.inject("list@in.example", sender="a@brand.example",
               headers=[("X-Job", "list")])
    octets = lab.stored(lab.wait_arrived("list@in.example"))
    judged(lab, octets)
    tap.check(b"\r\nList-Unsubscribe: <https://brand.example/u>" in octets,
              "no List-Unsubscribe")
    tap.check(b"List-Unsubscribe-Post" not in octets, "-Post is not signed")


def sign(lab, message, *options):
    r = subprocess.run([mailrace.program("mailrace"), "sign", "-c", lab.config] +
                       list(options), input=message, capture_output=True)
    return r.returncode, r.stdout, r.stderr.decode()


@tap.test("mailrace sign")
def command(lab):
    message = smtp_client.compose("a@brand.example", "b@in.example", headers=[
        ("X-Virtual-MTA", "own")], body="long " * 400 + "\n")
    for text in (message, message.replace(b"\r\n", b"\n")):
        code, out, _ = sign(lab, text)
        tap.equal(code, 0, "exit status")
        tap.equal([t["s"] for t in judged(lab, out)], ["own"], "signatures")
        tap.check(b"X-Virtual-MTA" not in out, "the control field was left")
    code, out, _ = sign(lab, message, "--vmta={default}",
                        "--rcpt=x@in.example", "--rcpt=y@in.example")
    tap.equal([t["s"] for t in judged(lab, out)], ["s1", "each"],
              "of the virtual MTA named")


@tap.test("mailrace sign says why there is no signature")
def command_fails(lab):
    message = smtp_client.compose("a@brand.example", "b@plain.example")
    code, out, err = sign(lab, message)
    tap.equal((code, signatures.tags_of(out)), (1, []), "dkim-sign no")
    tap.check("not signed" in err, err)
    code, out, err = sign(lab, message, "--rcpt=b@plain.example",
                          "--rcpt=b@in.example")
    tap.equal((code, len(judged(lab, out))), (0, 2), "recipients differ")
    tap.check("not all" in err, err)
    code, out, err = sign(lab, message, "--vmta=nobody", "--rcpt=b@in.example")
    tap.equal(code, 1, "a virtual MTA that there is not")
    tap.check('no virtual MTA or pool "nobody"' in err, err)
    code, out, err = sign(lab, message, "-c", lab.path("none"))
    tap.equal((code, out), (2, b""), "no configuration")


tap.main(Fixture)
