#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mailrace check: a message on standard input, keys from a file; needs neither
a daemon nor a configuration nor DNS."""

import json
import os
import shutil
import subprocess
import tempfile

import dkim

import keys
import tap

MAILRACE = os.path.join(os.environ["MAILRACE_BUILD"], "mailrace")
MESSAGE = (b"From: A  <a@a.example>\r\nSubject:  x\r\n\ty \r\n\r\n"
           b"One  line \r\n\r\n\r\n")


class Fixture:
    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="test_check.")
        self.key = os.path.join(self.folder, "key")
        self.keys = os.path.join(self.folder, "keys")
        with open(self.keys, "w") as f:
            f.write("s._domainkey.a.example %s\n" % keys.dkim_key(self.key))
        with open(self.key, "rb") as f:
            self.pem = f.read()
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)


def check(message, *args):
    done = subprocess.run([MAILRACE, "check", *args], input=message,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stdout, done.stderr.decode()


def sealed(f):
    message = b"Authentication-Results: a.example; spf=pass\r\n" + MESSAGE
    fields = dkim.arc_sign(message, b"s", b"a.example", f.pem, b"a.example")
    return b"".join(fields) + message


@tap.test("check canon shows both forms")
def canon(f):
    tap.equal(check(MESSAGE, "canon", "relaxed"),
              (0, b"from:A <a@a.example>\r\nsubject:x y\r\n\r\nOne line\r\n",
               ""), "relaxed")
    tap.equal(check(MESSAGE, "canon", "simple"),
              (0, MESSAGE[:-4], ""), "simple")
    tap.equal(check(MESSAGE.replace(b"\r\n", b"\n"), "canon", "simple")[1],
              MESSAGE[:-4], "a message with LF alone")
    tap.equal(check(b"", "canon", "simple")[1], b"\r\n\r\n", "nothing")


@tap.test("check arc says none, pass or fail")
def arc(f):
    tap.equal(check(MESSAGE, "arc", "--keys", f.keys), (0, b"none\n", ""),
              "no set")
    tap.equal(check(sealed(f), "arc", "--keys", f.keys), (0, b"pass\n", ""),
              "a set of dkimpy's")
    bad = sealed(f).replace(b"One", b"Two")
    tap.equal(check(bad, "arc", "--keys", f.keys), (0, b"fail\n", ""),
              "another body")
    answer = json.loads(check(bad, "arc", "--json", "--keys", f.keys)[1])
    tap.equal(answer, {"result": "fail", "sets": 1, "reason":
                       "ARC-Message-Signature 1: the body has changed"},
              "with the reason")


@tap.test("check dkim judges each signature")
def signatures(f):
    one = dkim.sign(MESSAGE, b"s", b"a.example", f.pem) + MESSAGE
    two = dkim.sign(one, b"t", b"a.example", f.pem) + one
    tap.equal(json.loads(check(MESSAGE, "dkim", "--keys", f.keys)[1]), [],
              "none")
    got = json.loads(check(two, "dkim", "--keys", f.keys)[1])
    tap.equal([(v["selector"], v["result"]) for v in got],
              [("t", "permerror"), ("s", "pass")], "two")
    tap.equal(got[1], {"domain": "a.example", "selector": "s",
                       "algorithm": "rsa-sha256", "result": "pass",
                       "reason": ""}, "one of them")


@tap.test("what is missing or wrong is told")
def wrong(f):
    for args, text in (
            (("arc",), "needs --keys"),
            (("arc", "--keys", "/nonexistent"), "No such file"),
            (("canon",), "needs simple or relaxed"),
            (("canon", "loose"), "needs simple or relaxed"),
            (("dkim", "x", "--keys", f.keys), "is too much")):
        code, _, err = check(MESSAGE, *args)
        tap.check(code == 2 and text in err, "%s: %d %s" % (args, code, err))


tap.main(Fixture)
