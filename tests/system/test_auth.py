#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""SMTP AUTH, judged by swaks and Python's smtplib: who knows the password gets
in and nobody else, what counts for the user's mail, many at once while mail
flows, and no password in anything that is written."""

import netns
netns.enter()

import base64
import hashlib
import hmac
import os
import shutil
import smtplib
import socket
import ssl
import subprocess
import threading
import time

import keys
import mailrace
import smtp_client
import tap
from lab import LISTEN, Lab, mx_zone, without_deleted

# tim's is in clear, ann's hashed; each only where the other is not offered.
TIM = "Xylophone 7/Tim"
ANN = "Bassoon-9-Ann"
SECRETS = (TIM, ANN, "Wr0ng-Guess-1", "Wr0ng-Guess-2")
CONFIG = """
smtp-server-tls-certificate {keys}/both.pem
<source 0/0>
    allow-starttls yes
    log-connections yes
    log-commands yes
</source>
<source 127.0.0.20>
    require-auth yes
</source>
<source 127.0.0.21>
    allow-unencrypted-plain-auth yes
</source>
<source 127.0.0.22>
    allow-auth no
</source>
<source 127.0.0.23>
    require-starttls-before-auth yes
</source>
<source 127.0.0.24>
    allow-unencrypted-plain-auth yes
    smtp-max-auth-failure-rate 2/h
</source>
<source {auth}>
    always-allow-relaying yes
    default-virtual-mta users
</source>
<source customers>
    always-allow-relaying yes
    process-x-virtual-mta yes
    max-rcpt-per-message 2
</source>
<virtual-mta users>
</virtual-mta>
<virtual-mta second>
</virtual-mta>
<smtp-user tim>
    password "%s"
</smtp-user>
""" % TIM
CUSTOMER = """
<smtp-user ann>
    password %s
    source customers
    authentication-method password
    max-msg-rate 1/h
</smtp-user>
"""
ZONE = mx_zone("in.example", ("mx1.in.example", "127.0.1.1"))


def crypted(password):
    done = subprocess.run(["openssl", "passwd", "-6", "-stdin"],
                          input=password, capture_output=True, text=True,
                          check=True)
    return "{CRYPT}" + done.stdout.strip()


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        super().__init__(zone=ZONE, with_postfix=False, with_milter=False,
                         log_level="debug",
                         receivers=[{"listen": ["127.0.1.1:25"]}])
        made = keys.certificate(self.path("keys"), "mta.lab.example")
        with open(self.path("keys", "both.pem"), "w") as f:
            for part in (made["cert"], made["key"]):
                with open(part) as p:
                    f.write(p.read())
        os.chmod(self.path("keys", "both.pem"), 0o600)
        self.crypted = crypted(ANN)
        self.write_config(CONFIG)

    def with_ann(self):
        self.write_config(CONFIG + CUSTOMER % self.crypted)
        self.command.text("reload")

    def without_ann(self):
        self.write_config(CONFIG)
        self.command.text("reload")

    def __enter__(self):
        self.start()
        return self


def b64(text):
    return base64.b64encode(text.encode()).decode()


def plain(user, password):
    return "AUTH PLAIN " + b64("\0%s\0%s" % (user, password))


def context():
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    return c


class Client(smtp_client.Client):
    """From an address whose <source> is meant, with TLS or without."""

    def __init__(self, source="127.0.0.1", tls=True):
        super().__init__((LISTEN, 25), source=source)
        self.hello()
        if tls:
            tap.equal(self.command("STARTTLS")[0], 220, "STARTTLS")
            self.sock = context().wrap_socket(self.sock)
            self.extensions = {}
            self.hello()


def swaks(mech, user, password, *args):
    r = subprocess.run(["swaks", "--to", "swaks@in.example", "--from",
                        "s@sender.example", "--server", LISTEN, "--helo",
                        "client.example", "--auth", mech, "--auth-user", user,
                        "--auth-password", password, *args],
                       capture_output=True, text=True, timeout=30)
    return r.returncode, r.stdout + r.stderr


@tap.test("swaks: PLAIN, LOGIN and CRAM-MD5 let in who knows the password",
          proves=("smtp-user password", "source allow-starttls"))
def by_swaks(lab):
    if shutil.which("swaks") is None:
        tap.skip("swaks is not installed")
    for mech in ("PLAIN", "LOGIN", "CRAM-MD5"):
        status, said = swaks(mech, "tim", TIM, "--tls")
        tap.equal(status, 0, said)
        tap.check("235 2.7.0" in said, said)
    status, said = swaks("CRAM-MD5", "tim", TIM)
    tap.equal(status, 0, "CRAM-MD5 without TLS: " + said)
    for mech in ("PLAIN", "LOGIN"):
        status, said = swaks(mech, "tim", TIM)
        tap.check(status != 0 and "235" not in said,
                  "%s without TLS: %s" % (mech, said))
    status, said = swaks("CRAM-MD5", "tim", SECRETS[2], "--tls")
    tap.check(status != 0 and "535 5.7.8" in said, said)


@tap.test("smtplib: its choice of mechanism, and mail goes as the user's",
          proves=("source always-allow-relaying", "source default-virtual-mta"))
def by_smtplib(lab):
    with smtplib.SMTP(LISTEN, 25, timeout=20) as c:
        c.starttls(context=context())
        c.ehlo()
        tap.check("SCRAM-SHA-256 CRAM-MD5 PLAIN LOGIN" in
                  c.esmtp_features["auth"], str(c.esmtp_features))
        tap.equal(c.login("tim", TIM)[0], 235, "login")
        c.sendmail("s@sender.example", ["lib@in.example"], "Subject: x\n\nx\n")
    text = lab.stored(lab.wait_arrived("lib@in.example")).decode()
    tap.check("with ESMTPSA;" in text, text)
    tap.check("tim" not in text.lower().replace("time", ""), text)
    tap.equal(lab.wait_record("d", "lib@in.example")["vmta"], "users", "vmta")
    tap.check('user=tim' in lab.daemon.log_text(), "the log")


class Scram:
    """RFC 7677, the client's side."""

    def __init__(self, user, password):
        self.user, self.password = user, password
        self.bare = "n=%s,r=%s" % (user, "rOprNGfwEbeRWgbNEkqO")

    def first(self):
        return b64("n,," + self.bare)

    def proof(self, server_first):
        f = dict(p.split("=", 1) for p in server_first.split(","))
        key = hashlib.pbkdf2_hmac("sha256", self.password.encode(),
                                  base64.b64decode(f["s"]), int(f["i"]))
        client = hmac.digest(key, b"Client Key", "sha256")
        server = hmac.digest(key, b"Server Key", "sha256")
        last = "c=biws,r=" + f["r"]
        said = ",".join((self.bare, server_first, last)).encode()
        sign = hmac.digest(hashlib.sha256(client).digest(), said, "sha256")
        proof = bytes(a ^ b for a, b in zip(client, sign))
        self.verifier = "v=" + base64.b64encode(
            hmac.digest(server, said, "sha256")).decode()
        return b64(last + ",p=" + base64.b64encode(proof).decode())


@tap.test("SCRAM-SHA-256: both know it; no proof, no entry; no signature for "
          "who does not")
def scram(lab):
    for password, good in ((TIM, True), (SECRETS[2], False)):
        with Client(tls=False) as c:
            s = Scram("tim", password)
            code, text = c.command("AUTH SCRAM-SHA-256 " + s.first())
            tap.equal(code, 334, text)
            code, text = c.command(s.proof(base64.b64decode(text).decode()))
            tap.equal(code, 334 if good else 535, text)
            if good:
                tap.equal(base64.b64decode(text).decode(), s.verifier,
                          "the server's signature")
                tap.equal(c.command("")[0], 235, "the end")


@tap.test("require-auth: no mail without; relaying as the user's source says",
          proves="source require-auth")
def required(lab):
    with Client("127.0.0.20") as c:
        tap.equal(c.command("MAIL FROM:<s@sender.example>"),
                  (530, "5.7.0 sign in first (AUTH)"), "MAIL")
        tap.equal(c.command(plain("tim", TIM))[0], 235, "AUTH")
        taken, dots = c.send("s@sender.example", ["auth@in.example"],
                             smtp_client.compose("s@sender.example", "x@x.x"))
        tap.equal((taken[0][0], dots[0][0]), (250, 250), "mail")
    with Client() as c:
        c.command("MAIL FROM:<s@sender.example>")
        tap.equal(c.command("RCPT TO:<x@in.example>")[0], 550, "relaying")
    lab.wait_arrived("auth@in.example")


@tap.test("what is offered, and what is answered to the rest",
          proves=("source allow-unencrypted-plain-auth", "source allow-auth",
                  "source require-starttls-before-auth"))
def offers(lab):
    for source, tls, want, codes in (
            ("127.0.0.1", False, "SCRAM-SHA-256 CRAM-MD5", (538, 538, 504)),
            ("127.0.0.1", True, "SCRAM-SHA-256 CRAM-MD5 PLAIN LOGIN",
             (235, 503, 503)),
            ("127.0.0.21", False, "SCRAM-SHA-256 CRAM-MD5 PLAIN LOGIN",
             (235, 503, 503)),
            ("127.0.0.22", True, None, (502, 502, 502)),
            ("127.0.0.23", False, None, (530, 530, 530)),
            ("127.0.0.23", True, "SCRAM-SHA-256 CRAM-MD5 PLAIN LOGIN",
             (235, 503, 503))):
        with Client(source, tls) as c:
            label = "%s, TLS %s" % (source, tls)
            tap.equal(c.extensions.get("AUTH"), want, label)
            got = tuple(c.command(x)[0] for x in
                        (plain("tim", TIM), "AUTH LOGIN", "AUTH GSSAPI"))
            tap.equal(got, codes, label)
    with smtp_client.Client(lab.lmtp, lmtp=True) as c:
        c.hello()
        tap.check("AUTH" not in c.extensions, "LMTP")
        tap.equal(c.command(plain("tim", TIM))[0], 502, "LMTP")


@tap.test("who does not exist waits as long, and hears the same; the third "
          "time is the last")
def wrong(lab):
    tries = [(Client(), user, password) for user, password in (
        ("tim", SECRETS[2]), ("nobody", SECRETS[2]), ("nobody", TIM))]
    began = time.monotonic()
    for c, user, password in tries:
        c.raw((plain(user, password) + "\r\n").encode())
    for c, user, _ in tries:
        tap.equal(c.reply(), (535, "5.7.8 authentication failed"), user)
        tap.check(0.9 < time.monotonic() - began < 5, "it took its time")
        c.close()
    with Client() as c:
        c.raw((plain("tim", SECRETS[2]) + "\r\n").encode() * 3 +
              (plain("tim", TIM) + "\r\n").encode())
        tap.equal([c.reply()[0] for _ in range(3)], [535, 535, 421], "three")
        try:
            tap.check(c.line() is None, "it goes on")
        except smtp_client.Closed:
            pass


@tap.test("a client that failed too often is put off, also with the password",
          proves="source smtp-max-auth-failure-rate")
def too_often(lab):
    with Client("127.0.0.24", tls=False) as c:
        c.raw((plain("tim", SECRETS[2]) + "\r\n").encode() * 2)
        tap.equal([c.reply()[0] for _ in range(2)], [535, 535], "failures")
        tap.equal(c.command(plain("tim", TIM))[0], 454, "AUTH")
    with Client("127.0.0.24", tls=False) as c:
        tap.equal(c.command(plain("tim", TIM))[0], 454, "another connection")
    with Client("127.0.0.21", tls=False) as c:
        tap.equal(c.command(plain("tim", TIM))[0], 235, "another client")


@tap.test("cancelled, malformed, too long; gone while the password is checked")
def odd(lab):
    with Client() as c:
        tap.equal(c.command("AUTH LOGIN")[0], 334, "LOGIN")
        tap.equal(c.command("*")[0], 501, "cancelled")
        tap.equal(c.command("AUTH PLAIN %%%%")[0], 501, "no base64")
        tap.equal(c.command("AUTH PLAIN")[0], 334, "PLAIN")
        tap.equal(c.command("A" * 20000)[0], 500, "too long")
        tap.equal(c.command(plain("tim", TIM))[0], 235, "and then")
    for _ in range(20):
        c = Client()
        c.raw((plain("tim", TIM) + "\r\n").encode())
        c.close()
    for _ in range(20):
        c = Client("127.0.0.21", tls=False)
        c.raw((plain("tim", SECRETS[3]) + "\r\n").encode())
        c.sock.shutdown(socket.SHUT_RDWR)
        c.close()
    with Client() as c:
        tap.equal(c.command(plain("tim", TIM))[0], 235, "afterwards")


@tap.test("a hashed password: what cannot be used with it is not offered; the "
          "named source and the rate of the user count",
          proves=("smtp-user source", "smtp-user max-msg-rate"))
def customer(lab):
    lab.with_ann()
    with Client() as c:
        tap.equal(c.extensions["AUTH"], "PLAIN LOGIN", "mechanisms")
        tap.equal(c.command("AUTH CRAM-MD5")[0], 504, "CRAM-MD5")
        tap.equal(c.command(plain("ann", ANN))[0], 235, "ann")
        m = smtp_client.compose("s@sender.example", "a1@in.example",
                                headers=[("X-Virtual-MTA", "second")])
        taken, dots = c.send("s@sender.example", [
            "a%d@in.example" % i for i in (1, 2, 3)], m)
        tap.equal([t[0] for t in taken], [250, 250, 452], "max-rcpt")
    tap.equal(tap.wait_for(lambda: [r for r in lab.accounting("d")
                                    if r["vmta"] == "second"], 20,
                           "one arrives")[0]["rcpt"][0], "a", "by its vmta")
    tap.equal(lab.audit().queued, 1, "the other waits for the rate")
    text = lab.command.text("show", "settings", "a.example")
    tap.check(lab.crypted not in text and ANN not in text, text)
    lab.without_ann()
    lab.settled()
    with Client("127.0.0.21", tls=False) as c:
        tap.equal(c.command(plain("ann", ANN))[0], 535, "gone by a reload")


PARALLEL = 200


def sign_in(results):
    try:
        with smtp_client.Client((LISTEN, 25), source="127.0.0.21") as c:
            c.hello()
            results.append(c.command(plain("ann", ANN))[0])
    except OSError as e:
        results.append(e)


@tap.test("%d sign in at once while mail flows" % PARALLEL)
def many(lab):
    lab.with_ann()
    results, slowest, n = [], 0, 0
    threads = [threading.Thread(target=sign_in, args=(results,))
               for _ in range(PARALLEL)]
    message = smtp_client.compose("s@sender.example", "many@in.example")
    with smtp_client.Client(lab.lmtp, lmtp=True) as c:
        c.hello()
        for t in threads:
            t.start()
        while n < 20 or any(t.is_alive() for t in threads):
            began = time.monotonic()
            _, dots = c.send("s@sender.example", ["many@in.example"], message)
            tap.equal(dots[0][0], 250, "mail")
            slowest = max(slowest, time.monotonic() - began)
            n += 1
            time.sleep(0.005)
        for t in threads:
            t.join(30)
    tap.equal(sorted(map(str, results)), ["235"] * PARALLEL, "they get in")
    tap.note("the slowest of %d messages: %.1f ms" % (n, slowest * 1e3))
    tap.check(slowest < 1, "a message waited %.3f s" % slowest)
    lab.without_ann()


@tap.test("what cannot be is an error with its line, and shows no password")
def mistakes(lab):
    path = lab.path("bad.conf")
    bad = "{CRYPT}$1$" + SECRETS[3]
    for line, why in (("authentication-method system login",
                       "system login is not possible here"),
                      ("password " + bad, "password: {CRYPT}"),
                      ("password {SCRAM-SHA-256}" + SECRETS[3], "password: ")):
        with open(path, "w") as f:
            f.write(without_deleted("<smtp-user joe>\n%s\n</smtp-user>\n" %
                                    line))
        r = mailrace.Command(path).run("test", "config")
        said = r.stdout + r.stderr
        tap.check("%s:2: " % path in said and why in said, said)
        tap.check(SECRETS[3] not in said and r.returncode != 0, said)
    with open(path, "w") as f:
        f.write("<source 0/0>\nrequire-auth yes\n</source>\n")
    r = mailrace.Command(path).run("test", "config")
    tap.check("%s:2: require-auth: no <smtp-user>" % path in
              r.stdout + r.stderr, r.stdout + r.stderr)


@tap.test("log-connections, log-commands: what a client did, with TLS and without, "
          "also one that goes on as if AUTH had not been refused",
          proves=("source log-connections", "source log-commands"))
def logged(lab):
    before = len(lab.daemon.log_text())
    with Client("127.0.0.26", tls=False) as c:
        c.raw(("AUTH LOGIN\r\n%s\r\n%s\r\nAUTH LOGIN tim %s\r\n" % (
            b64("tim"), b64(TIM), TIM)).encode())
        tap.equal([c.reply()[0] for _ in range(4)], [538, 500, 500, 501],
                  "refused")
    with Client("127.0.0.27") as c:
        tap.equal(c.command(plain("tim", TIM))[0], 235, "AUTH")
        tap.equal(c.command("VRFY \x1b[1m")[0], 500, "VRFY")
    log = tap.wait_for(
        lambda: lab.daemon.log_text()[before:]
        if "user=tim helo=" in lab.daemon.log_text()[before:] else None,
        10, "the end is logged")
    for ip, wanted in (
            ("127.0.0.26", ('command text="AUTH LOGIN"', 'reply text="538 5.7.11',
                            'command text="(no command)"', "messages=0")),
            ("127.0.0.27", ("command text=STARTTLS", 'command text="AUTH PLAIN"',
                            'text="VRFY \\x1b[1m"', "user=tim",
                            "messages=0"))):
        opened = [line for line in log.splitlines()
                  if "ingress-opened client=%s " % ip in line]
        tap.equal(len(opened), 1, "beginnings")
        name = opened[0].split(" ingress-opened")[0].split()[-1]
        said = "\n".join(line for line in log.splitlines()
                         if " %s ingress-" % name in line)
        for part in wanted + ("ingress-closed client=" + ip,):
            tap.check(part in said, "%s is not in\n%s" % (part, said))


def spellings():
    """Each password as it may stand in a line of AUTH."""
    for user in ("tim", "ann", "nobody"):
        for secret in SECRETS:
            yield b64("\0%s\0%s" % (user, secret))
    for secret in SECRETS:
        yield secret
        yield b64(secret)


@tap.test("no password in a log, an accounting file, the spool or show settings")
def nowhere(lab):
    looked = 0
    wanted = [s.rstrip("=").encode() for s in spellings()]
    for where in ("log", "acct", "spool", "run"):
        for folder, _, names in os.walk(lab.path(where)):
            for name in names:
                path = os.path.join(folder, name)
                if not os.path.isfile(path):
                    continue
                with open(path, "rb") as f:
                    text = f.read()
                looked += 1
                for secret in wanted:
                    tap.check(secret not in text, "%r is in %s" % (secret,
                                                                   path))
    tap.check(looked > 3, "%d files" % looked)
    log = lab.daemon.log_text()
    tap.check("ingress-state" in log, "there is no debug in the log")
    tap.check("sign-in-failed user=nobody" in log, "failures are logged")
    shown = lab.command.text("show", "settings")
    tap.check(TIM not in shown, shown)


tap.main(Fixture)
