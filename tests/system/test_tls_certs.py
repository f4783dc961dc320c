#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Clients with certificates: one that an authority of ours has signed, for
clients and of now, signs in the user of its name and nobody else; any other is
told why, and logged.  Judged by openssl s_client, swaks and Python's ssl."""

import netns
netns.enter()

import os
import shutil
import ssl
import subprocess

import keys
import mailrace
import smtp_client
import tap
from lab import LISTEN, Lab, mx_zone

CERTS = "127.0.0.5"  # asks for one, and nobody gets further without
CONFIG = """
smtp-server-tls-certificate {keys}/mx.example.crt
smtp-server-tls-key {keys}/mx.example.key
<smtp-listener 127.0.0.5:25>
    source certs
    tls-ca-file {keys}/authority.crt
</smtp-listener>
<smtp-listener 127.0.0.6:465>
    immediate-tls yes
    source certs
    tls-ca-file {keys}/authority.crt
</smtp-listener>
<source certs>
    log-tls yes
    require-auth yes
</source>
<source {auth}>
    always-allow-relaying yes
</source>
<source 0/0>
    allow-starttls yes
</source>
<source 127.0.0.78>
    allow-auth no
</source>
<source 127.0.0.79>
    allow-xclient yes
</source>
<smtp-user shop.example>
    authentication-method certificate
</smtp-user>
<smtp-user word.example>
    password Xylophone-7
</smtp-user>
"""
ZONE = mx_zone("in.example", ("mx1.in.example", "127.0.1.1"))
SIGN_IN = "sign in first (AUTH)"
NOT_ACCEPTED = "sign in first; your certificate is not accepted: "


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, with_postfix=False, with_milter=False,
                         receivers=[{"listen": ["127.0.1.1:25"]}])
        where = self.path("keys")
        keys.certificate(where, "mx.example")
        for name in ("authority", "other-authority"):
            keys.certificate(where, name)
        for name, by, extra in (
                ("shop.example", "authority", ()),
                ("word.example", "authority", ()),
                ("nobody.example", "authority", ()),
                ("stranger", "other-authority", ()),
                ("expired", "authority", ("-days", "-1")),
                ("server", "authority", ())):
            self.sign(name, by, *extra)
        keys.certificate(where, "alone")
        self.write_config(CONFIG)

    def sign(self, name, by, *extra):
        """NAME.crt and NAME.key; of strangers too the user's name."""
        where = self.path("keys", "")
        subject = name if name.endswith(".example") else "shop.example"
        keys.openssl("req", "-newkey", "ec", "-pkeyopt",
                     "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                     "/CN=" + subject, "-keyout", where + name + ".key",
                     "-out", where + name + ".csr")
        with open(where + "purpose", "w") as f:
            f.write("extendedKeyUsage=%sAuth\n" %
                    ("server" if name == "server" else "client"))
        keys.openssl("x509", "-req", "-in", where + name + ".csr", "-CA",
                     where + by + ".crt", "-CAkey", where + by + ".key",
                     "-CAcreateserial", "-extfile", where + "purpose",
                     "-out", where + name + ".crt", *(extra or ("-days", "2")))

    def pair(self, name):
        return self.path("keys", name + ".crt"), self.path("keys", name + ".key")

    def __enter__(self):
        self.start()
        return self


def connect(lab, name, source=None, version=None, spoken_for=None):
    """A client that has done STARTTLS with that certificate, or none; it may be
    a proxy who has said for whom it speaks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version is not None:
        context.maximum_version = version
    if name is not None:
        context.load_cert_chain(*lab.pair(name))
    c = smtp_client.Client((CERTS, 25), source=source)
    c.hello()
    if spoken_for is not None:
        tap.equal(c.command("XCLIENT ADDR=" + spoken_for)[0], 220, "XCLIENT")
        c.hello()
    tap.equal(c.command("STARTTLS")[0], 220, "STARTTLS")
    c.sock = context.wrap_socket(c.sock)
    c.extensions = {}
    c.hello()
    return c


def mail(lab, name, **how):
    with connect(lab, name, **how) as c:
        return c.command("MAIL FROM:<s@sender.example>")


def s_client(where, *args):
    r = subprocess.run(["openssl", "s_client", "-connect", "%s:%d" % where,
                        *args], input="QUIT\n", capture_output=True,
                       text=True, timeout=30)
    return r.stdout + r.stderr


def logged(lab, *words):
    tap.wait_for(lambda: any(all(w in line for w in words) for line in
                             lab.daemon.log_text().split("\n")), 10,
                 "a line with " + " ".join(words))


@tap.test("a good certificate of a user's name: signed in, as far as TLS 1.2 too",
          proves=("smtp-listener tls-ca-file",
                  "smtp-user authentication-method", "source log-tls"))
def good(lab):
    for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
        with connect(lab, "shop.example", version=version) as c:
            tap.check("AUTH" not in c.extensions, "AUTH is offered")
            rcpt = version.name.lower() + "@in.example"
            taken, done = c.send("s@sender.example", [rcpt],
                                 smtp_client.compose("s@x.example", rcpt))
            tap.equal((taken[0][0], done[0][0]), (250, 250), "replies")
        logged(lab, "ingress-tls", "protocol=" + version.name.replace("_", "."),
               "cipher=", "certificate=CN=shop.example", "verified=yes")
        stored = lab.stored(lab.wait_arrived(rcpt)).decode()
        tap.check("with ESMTPSA;" in stored, "Received")
    logged(lab, "signed-in", "user=shop.example", "mechanism=certificate")


@tap.test("swaks and s_client, with TLS from the first byte")
def others(lab):
    said = s_client(("127.0.0.6", 465), "-cert", lab.pair("shop.example")[0],
                    "-key", lab.pair("shop.example")[1])
    tap.check("Acceptable client certificate CA names\nCN = authority" in said,
              said)
    if shutil.which("swaks") is None:
        tap.skip("swaks is not installed")
    cert, key = lab.pair("shop.example")
    r = subprocess.run(
        ["swaks", "--to", "swaks@in.example", "--from", "s@sender.example",
         "--server", "127.0.0.6", "--port", "465", "--tls-on-connect",
         "--tls-cert", cert, "--tls-key", key, "--helo", "client.example"],
        capture_output=True, text=True, timeout=30)
    tap.check(r.returncode == 0, r.stdout[-1500:] + r.stderr)
    lab.wait_arrived("swaks@in.example")


@tap.test("no certificate, or one of nobody: TLS and no more")
def none(lab):
    for name in (None, "nobody.example", "word.example"):
        code, text = mail(lab, name)
        tap.equal((code, SIGN_IN in text), (530, True), "%s: %s" % (name, text))
    with connect(lab, None) as c:
        tap.check("AUTH" in c.extensions, "AUTH is not offered")
    code, text = mail(lab, "shop.example", source="127.0.0.78")
    tap.equal((code, SIGN_IN in text), (530, True), "allow-auth no: " + text)


@tap.test("a proxy's certificate signs in nobody whom it speaks for")
def spoken_for(lab):
    code, text = mail(lab, "shop.example", source="127.0.0.79")
    tap.equal(code, 250, "the proxy itself: " + text)
    code, text = mail(lab, "shop.example", source="127.0.0.79",
                      spoken_for="192.0.2.7")
    tap.equal((code, SIGN_IN in text), (530, True), text)


@tap.test("a bad certificate: the reply and the log say why")
def bad(lab):
    for name, why in (("expired", "certificate has expired"),
                      ("stranger", "unable to get local issuer certificate"),
                      ("alone", "self-signed certificate"),
                      ("server", "unsuitable certificate purpose")):
        for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
            code, text = mail(lab, name, version=version)
            tap.equal((code, text), (530, "5.7.0 " + NOT_ACCEPTED + why), name)
        logged(lab, "ingress-tls", "certificate=", "trouble=\"%s\"" % why)
    users = [line for line in lab.daemon.log_text().split("\n")
             if "signed-in" in line and "user=shop.example" not in line]
    tap.equal(users, [], "who else has signed in")


@tap.test("what went before is in no ticket: each handshake is a whole one")
def tickets(lab):
    saved = lab.path("session")
    cert, key = lab.pair("shop.example")
    for version in ("-tls1_2", "-tls1_3"):
        said = s_client((CERTS, 25), "-starttls", "smtp", version, "-sess_out",
                        saved, "-cert", cert, "-key", key)
        tap.check("New, TLSv1." in said, said)
        if os.path.exists(saved):
            said = s_client((CERTS, 25), "-starttls", "smtp", version,
                            "-sess_in", saved)
            tap.check("New, TLSv1." in said, said)
            os.unlink(saved)


@tap.test("a client that does not trust us: the log has its alert")
def alert(lab):
    s_client((CERTS, 25), "-starttls", "smtp", "-verify_return_error",
             "-CAfile", lab.pair("other-authority")[0])
    logged(lab, "ingress-tls", "alert=\"received: ", "trouble=")


@tap.test("an authority for all listeners, and a listener that asks for none",
          proves="smtp-server-tls-ca-file")
def at_top(lab):
    names = "Acceptable client certificate CA names"
    tap.check(names not in s_client((LISTEN, 25), "-starttls", "smtp"), "before")
    lab.write_config("smtp-server-tls-ca-file {keys}/other-authority.crt\n" +
                     CONFIG + "<smtp-listener 127.0.0.7:25>\n"
                     "    tls-ca-file \"\"\n</smtp-listener>\n")
    lab.command.text("reload")
    tap.check(names + "\nCN = other-authority" in
              s_client((LISTEN, 25), "-starttls", "smtp"), "at the top")
    tap.check(names + "\nCN = authority" in
              s_client((CERTS, 25), "-starttls", "smtp"), "its own")


BAD = (
    ("smtp-server-tls-ca-file {keys}/none.crt\n"
     "smtp-server-tls-certificate {keys}/mx.example.crt\n"
     "smtp-server-tls-key {keys}/mx.example.key\n", 1,
     "No such file or directory"),
    ("smtp-server-tls-certificate {keys}/mx.example.crt\n"
     "smtp-server-tls-key {keys}/mx.example.key\n"
     "<smtp-listener 127.0.0.9:25>\ntls-ca-file {keys}/mx.example.key\n"
     "</smtp-listener>\n", 4, "there is no certificate (PEM) in it"),
    ("<smtp-user a>\nauthentication-method certificate\n</smtp-user>\n", 2,
     "no listener asks for certificates"),
    ("<smtp-user a>\nauthentication-method certificate\npassword Wrong-9\n"
     "</smtp-user>\n", 3, "it is not used"),
    ("<smtp-user a>\nauthentication-method system login\n</smtp-user>\n", 2,
     "system login is not possible"),
)


@tap.test("what is wrong has file and line")
def mistakes(lab):
    path = lab.path("bad.conf")
    for text, line, why in BAD:
        with open(path, "w") as f:
            f.write(text.replace("{keys}", lab.path("keys")))
        r = mailrace.Command(path).run("test", "config")
        said = [x for x in (r.stdout + r.stderr).split("\n")
                if "%s:%d: " % (path, line) in x]
        tap.check(any(why in x for x in said),
                  "%r: %s" % (text, r.stdout + r.stderr))


tap.main(Fixture)
