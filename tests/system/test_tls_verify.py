#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Certificates of servers: with smtp-tls-ca-file mail goes to whom an authority
has named and to nobody else, as openssl s_client sees it, and what was not good
enough is said; which versions and ciphers are spoken is as it is written."""

import netns
netns.enter()

import re
import subprocess

import keys
import tap
from lab import Lab, mx_zone

# The domain, the certificate's names, how else it is special, whether it is
# good, and the names that must be in it: by default the server's.
CASES = (
    ("right", "DNS:mx.right.example", {}, True, None),
    ("other", "DNS:mx.elsewhere.example", {}, False, None),
    ("wild", "DNS:*.wild.example", {}, True, None),
    ("part", "DNS:m*.part.example", {}, False, None),
    ("late", "DNS:mx.late.example", {"days": -1}, False, None),
    ("self", None, {}, False, None),
    ("stranger", "DNS:mx.stranger.example", {"by": "nobody"}, False, None),
    ("broken", "DNS:mx.broken.example", {"by": "middle"}, False, None),
    ("whole", "DNS:mx.whole.example", {"by": "middle", "chain": ["middle"]},
     True, None),
    ("hop", "DNS:hop.example", {}, True, "hop.example"),
    ("mxonly", "DNS:mx.mxonly.example", {}, False, "mxonly.example"),
    ("below", "DNS:relay.below.example", {}, True, ".below.example"),
)
NAMES = [case[0] for case in CASES]
GOOD = [case[0] for case in CASES if case[3]]
BAD = [case[0] for case in CASES if not case[3]]
LITERAL, OLD10, OLD11 = "127.0.1.40", "127.0.1.41", "127.0.1.42"
BUSY = "127.0.1.46"
CONFIG = """
<domain *>
    retry-after 2s
    log-tls yes
    connection-idle-timeout 1m
    require-starttls yes
    smtp-tls-ca-file {keys}/%s.crt
</domain>
<domain hop.example>
    smtp-tls-cert-match nexthop
</domain>
<domain mxonly.example>
    smtp-tls-cert-match nexthop
</domain>
<domain below.example>
    smtp-tls-cert-match nexthop, dot-nexthop
</domain>
<domain route.example>
    smtp-hosts gate.example
    smtp-tls-cert-match nexthop
</domain>
<domain look.example>
    smtp-hosts lookup-mx:hop.example
    smtp-tls-cert-match nexthop
</domain>
<domain soft-right.example>
    require-starttls no
</domain>
<domain soft-other.example>
    require-starttls no
</domain>
<domain signs.example>
    require-starttls no
    auth-username office
    auth-password "s3cret word"
</domain>
<smtp-pattern-list full>
    reply /too many/ mode=backoff
</smtp-pattern-list>
<domain busy.example>
    require-starttls no
    auth-username office
    auth-password "s3cret word"
    smtp-pattern-list full
    backoff-retry-after 1m
</domain>
<domain needs.example>
    smtp-pattern-list full
    backoff-retry-after 1m
</domain>
<domain host.example>
    smtp-tls-ca-file system
</domain>
<domain twelve.example>
    smtp-tls-allow-tlsv1.3 no
    smtp-tls-ciphers ECDHE-ECDSA-CHACHA20-POLY1305
</domain>
<domain thirteen.example>
    smtp-tls-allow-tlsv1.2 no
    smtp-tls-tlsv1.3-ciphersuites TLS_CHACHA20_POLY1305_SHA256
</domain>
<domain only13.example>
    smtp-tls-allow-tlsv1.2 no
</domain>
<domain old10.example>
    smtp-tls-ca-file ""
    smtp-tls-allow-tlsv1 yes
</domain>
<domain old11.example>
    smtp-tls-ca-file ""
    smtp-tls-allow-tlsv1.1 yes
</domain>
<domain new10.example>
    smtp-tls-ca-file ""
</domain>
<domain soft10.example>
    smtp-tls-ca-file ""
    require-starttls no
</domain>
<domain clear10.example>
    smtp-tls-ca-file ""
    require-starttls no
    smtp-tls-allow-tlsv1 no
</domain>
"""


def address(name):
    return "127.0.1.%d" % (NAMES.index(name) + 1)


def host(name):
    return "mx.%s.example" % name, address(name)


# Domains that go to a server of another one.
ELSEWHERE = {"soft-right": [host("right")], "soft-other": [host("other")],
             "signs": [host("other")], "busy": [("mx.busy.example", BUSY)],
             "needs": [("mx.busy.example", BUSY)],
             "two": [host("other"), host("right")],
             "twelve": [host("right")], "thirteen": [host("right")],
             "only13": [("mx.old12.example", "127.0.1.43")],
             "host": [("mx.host.example", "127.0.1.44")],
             "old10": [("mx.old10.example", OLD10)],
             "new10": [("mx.old10.example", OLD10)],
             "soft10": [("mx.old10.example", OLD10)],
             "clear10": [("mx.old10.example", OLD10)],
             "old11": [("mx.old11.example", OLD11)]}
ZONE = "".join(mx_zone(name + ".example", host(name)) for name in NAMES) + \
    "".join(mx_zone(name + ".example", *hosts)
            for name, hosts in ELSEWHERE.items()) + \
    "gate.example. 300 A 127.0.1.45\n"


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, with_postfix=False, with_milter=False)
        where = self.path("keys")
        for name in ("authority", "nobody", "hosts"):
            keys.certificate(where, name)
        keys.signed(where, "middle", "authority", None, authority=True)
        self.receivers = [self.server(address(name), self.make(name, alt, how))
                          for name, alt, how, _good, _match in CASES]
        for name, at, alt, how in (
                ("literal", LITERAL, "IP:" + LITERAL, {}),
                ("host", "127.0.1.44", "DNS:mx.host.example", {"by": "hosts"}),
                ("gate", "127.0.1.45", "DNS:gate.example", {})):
            self.receivers.append(self.server(at, self.make(name, alt, how)))
        for at, name, version in ((OLD10, "old10", "TLSv1"),
                                  (OLD11, "old11", "TLSv1_1"),
                                  ("127.0.1.43", "old12", "TLSv1_2")):
            tls = self.make(name, "DNS:mx.%s.example" % name, {})
            self.receivers.append(self.server(at, dict(tls, only=version)))
        self.receivers.append({
            "listen": [BUSY + ":25"], "ehlo": ["STARTTLS"], "rules": [
                {"at": "starttls", "reply": "421 4.3.2 too many connections",
                 "action": "close"}]})
        self.daemon.env["SSL_CERT_FILE"] = self.path("keys", "hosts.crt")
        self.write_config(CONFIG % "authority")

    @staticmethod
    def server(at, tls):
        return {"listen": [at + ":25"], "ehlo": ["STARTTLS"], "tls": tls}

    def make(self, name, alt, how):
        if alt is None:
            return keys.certificate(self.path("keys"), "mx.%s.example" % name)
        return keys.signed(self.path("keys"), name, **{"by": "authority", **how},
                           alt=alt)

    def __enter__(self):
        self.start()
        return self

    def log_lines(self, *words):
        return [line for line in self.daemon.log_text().split("\n")
                if all(word in line for word in words)]

    def wait_said(self, *words):
        tap.wait_for(lambda: self.log_lines(" tls mx=", *words), 20,
                     "the log has " + " ".join(words))

    def heard(self, at):
        """What the server was told of mail."""
        return [e for e in self.events() if e["to"] == at + ":25" and
                e["ev"] in ("mail", "rcpt", "message")]


def judge(lab, at, *how):
    """Does openssl believe the server?"""
    return subprocess.run(
        ["openssl", "s_client", "-starttls", "smtp", "-connect", at + ":25",
         "-CAfile", lab.path("keys", "authority.crt"), "-no-CApath",
         "-no-CAstore", "-verify_return_error", *how], input="QUIT\n",
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
        timeout=30).returncode == 0


@tap.test("good certificates: mail goes; others: it waits, and nothing of it is "
          "said",
          proves=("domain smtp-tls-ca-file", "domain smtp-tls-cert-match"))
def table(lab):
    for name in NAMES:
        lab.inject("x@%s.example" % name)
    lab.inject("x@[%s]" % LITERAL)
    for name in GOOD:
        tap.check(lab.wait_arrived("x@%s.example" % name)["tls"] != "", name)
        lab.wait_said("addr=%s " % address(name), "verified=yes")
    tap.check(lab.wait_arrived("x@[%s]" % LITERAL)["tls"] != "", "literal")
    for name in BAD:
        lab.wait_said("addr=%s " % address(name), "verified=no", "trouble=")
        tap.equal(lab.heard(address(name)), [], name)


# openssl takes m*.part.example by default; RFC 6125 leaves that to us (6.4.3).
LENIENT = ["part"]


@tap.test("openssl s_client says the same of each server")
def oracle(lab):
    for name, _alt, _how, good, match in CASES:
        tap.equal(judge(lab, address(name), "-verify_hostname",
                        match or "mx.%s.example" % name),
                  good or name in LENIENT, name)
    tap.check(judge(lab, LITERAL, "-verify_ip", LITERAL), "literal")


@tap.test("why it was not good is said where mail waits")
def reasons(lab):
    for name, words in (
            ("other", "the certificate is for mx.elsewhere.example, not for "
             "mx.other.example"),
            ("late", "certificate has expired"),
            ("self", "self-signed certificate"),
            ("stranger", "unable to get local issuer certificate"),
            ("mxonly", "is for mx.mxonly.example, not for mxonly.example")):
        lab.wait_said("addr=%s " % address(name), words)
        tap.check(words in lab.command.text("why", name + ".example"),
                  lab.command.text("why", name + ".example"))
    lab.inject("x@signs.example")
    tap.wait_for(lambda: "the certificate is for mx.elsewhere.example" in
                 lab.command.text("why", "signs.example"), 10,
                 "also where a password would be shown without it")


@tap.test("421 to STARTTLS is told as it was, rules are asked about it, and "
          "nobody who needs TLS, or to sign in by it, calls again in clear")
def busy(lab):
    for domain in ("busy.example", "needs.example"):
        lab.inject("x@" + domain)
        tap.wait_for(lambda: lab.command.json(
            "show", "queues", "--mode=backoff", domain + "/*")["queues"], 10,
            domain + " is in backoff")
        tap.wait_for(lambda: "421 4.3.2 too many connections" in
                     lab.command.text("why", domain), 10, "the reason")
    tap.equal(len([e for e in lab.events("connect")
                   if e["to"] == BUSY + ":25"]), 2, "connections")


@tap.test("the next host is tried; a host of smtp-hosts is a next hop; those of "
          "this host are believed")
def ways(lab):
    for name, at in (("two", address("right")), ("route", "127.0.1.45"),
                     ("look", address("hop")), ("host", "127.0.1.44")):
        lab.inject("x@%s.example" % name)
        got = lab.wait_arrived("x@%s.example" % name)
        tap.equal((got["to"], got["tls"] != ""), (at + ":25", True), name)


@tap.test("without require-starttls: TLS if it is good, else in clear")
def soft(lab):
    for name, tls in (("soft-right", True), ("soft-other", False)):
        lab.inject("x@%s.example" % name)
        got = lab.wait_arrived("x@%s.example" % name)
        tap.equal(got["tls"] != "", tls, name)


@tap.test("versions and ciphers as they are written",
          proves=("domain smtp-tls-allow-tlsv1",
                  "domain smtp-tls-allow-tlsv1.1",
                  "domain smtp-tls-allow-tlsv1.2",
                  "domain smtp-tls-allow-tlsv1.3", "domain smtp-tls-ciphers",
                  "domain smtp-tls-tlsv1.3-ciphersuites"))
def spoken(lab):
    for name in ("only13", "new10"):
        lab.inject("x@%s.example" % name)
    for name, version in (("twelve", "TLSv1.2"), ("thirteen", "TLSv1.3"),
                          ("old10", "TLSv1"), ("old11", "TLSv1.1"),
                          ("soft10", "TLSv1"), ("clear10", "")):
        lab.inject("x@%s.example" % name)
        tap.equal(lab.wait_arrived("x@%s.example" % name)["tls"], version, name)
    ciphers = {e["cipher"] for e in lab.events("starttls")
               if e["to"] == address("right") + ":25"}
    tap.check({"ECDHE-ECDSA-CHACHA20-POLY1305",
               "TLS_CHACHA20_POLY1305_SHA256"} <= ciphers, ciphers)
    for at in (OLD10, "127.0.1.43"):
        lab.wait_said("addr=%s " % at, "trouble=")
    tap.equal(lab.arrived("x@only13.example") + lab.arrived("x@new10.example"),
              [], "mail")


@tap.test("a reload with other authorities: what is open carries nothing more")
def reload(lab):
    lab.inject("before@right.example")
    lab.wait_arrived("before@right.example")
    lab.write_config(CONFIG % "nobody")
    lab.command.text("reload")
    lab.inject("after@right.example")
    lab.inject("after@stranger.example")
    lab.wait_said("addr=%s " % address("right"), "verified=no")
    lab.wait_arrived("after@stranger.example")
    tap.equal(lab.arrived("after@right.example"), [], "mail")


@tap.test("lines of log-style say of each connection whether it was good")
def lines(lab):
    path = lab.path("log", "mainlog")
    lab.write_config(CONFIG % "authority" + """
log-style exim
mail-log-file %s
<domain other.example>
    smtp-tls-ca-file ""
</domain>
""" % path)
    lab.command.text("reload")
    for name, word in (("right", "yes"), ("other", "no")):
        rcpt = "line@%s.example" % name
        lab.inject(rcpt)
        lab.wait_arrived(rcpt)
        want = re.compile("=> %s .* X=TLS1.3:.*:256 CV=%s " % (rcpt, word))

        def told():
            with open(path) as f:
                return want.search(f.read())
        tap.wait_for(told, 20, want.pattern)


tap.main(Fixture)
