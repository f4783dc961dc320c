# SPDX-License-Identifier: Apache-2.0
"""dkim_oracle DIR - three judges on the signatures in DIR/*.eml; removes DIR.

DIR/list names each message, its canonical forms and the selectors of its
signatures from the top.  dkimpy, Mail::DKIM and libopendkim find their keys in
DIR/keys: no DNS.  A message with one byte changed must fail with all, or the
judges prove nothing.  Then dkimpy signs, and we and libopendkim judge.

Prints TAP.
"""

import base64
import collections
import json
import os
import re
import shutil
import subprocess
import sys

# Where a judge is known to say other than "pass" of a good signature: the
# message or None for any, its canonical forms as an expression, the selector
# or None for both, and why.  An entry that is not true any more fails.
ALONE = "a CR or LF alone is text to us (RFC 6376 section 5.3); it is mended " \
    "before we sign"
NO_END = "wants the last line ended, as it always is on the wire"
KNOWN = (
    ("Mail::DKIM", None, "..", "ed", "1.20230212 knows no ed25519-sha256"),
    ("dkimpy", "blank-before-colon", "..", None,
     "takes no blank before a colon (RFC 5322 section 4.5)"),
    ("libopendkim", "no-from", "..", None, "refuses a message without From"),
    ("Mail::DKIM", "no-final-line-end", ".s", "rsa", NO_END),
    ("libopendkim", "no-final-line-end", ".r", None, NO_END),
    ("dkimpy", "lf-alone", "..", None, ALONE),
    ("libopendkim", "lf-alone", ".s", None, ALONE),
    ("libopendkim", "cr-alone", ".r", None, ALONE),
    ("dkimpy", "junk-line", "..", None, "refuses a line that is no field"),
    ("libopendkim", "junk-line", "..", None, "refuses a line that is no field"),
    ("Mail::DKIM", "junk-line", "..", "rsa",
     "reads fields behind a line that is none; the body begins there to us"),
)

JUDGES = ("dkimpy", "Mail::DKIM", "libopendkim")


def run(argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def verdicts_of(out):
    """{(file name, selector): verdict} of lines "NAME SELECTOR VERDICT"."""
    found = {}
    for line in out.splitlines():
        name, selector, verdict = line.split(" ", 2)
        found[name, selector] = verdict
    return found


def ask_perl(folder):
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                          "dkim_oracle.pl")
    code, out = run(["perl", script, folder])
    return verdicts_of(out) if code == 0 else {}


def ask_libopendkim(folder):
    program = os.path.join(os.environ["top_builddir"],
                           "tests/system/dkim_judge")
    code, out = run([program, folder])
    return verdicts_of(out) if code == 0 else {}


def read(folder, name):
    with open(os.path.join(folder, name), "rb") as f:
        return f.read()


def write(folder, name, content):
    with open(os.path.join(folder, name), "wb") as f:
        f.write(content)


class Oracle:
    def __init__(self, folder, dkim):
        self.folder = folder
        self.dkim = dkim
        self.keys = dict(line.split(b" ", 1)
                         for line in read(folder, "keys").splitlines())
        self.messages = []
        for line in read(folder, "list").decode().splitlines():
            name, forms, *selectors = line.split()
            self.messages.append((name, forms, selectors))
        self.count = 0
        self.failed = 0
        self.known = collections.Counter()

    def result(self, good, text):
        self.count += 1
        self.failed += not good
        print("%sok %d - %s" % ("" if good else "not ", self.count, text))

    def record(self, name, timeout=5):
        return self.keys.get(name.rstrip(b"."))

    def ask_dkimpy(self, messages):
        found = {}
        for name, _, selectors in messages:
            message = read(self.folder, name)
            for index, selector in enumerate(selectors):
                try:
                    good = self.dkim.DKIM(message).verify(
                        idx=index, dnsfunc=self.record)
                    found[name, selector] = "pass" if good else "fail"
                except self.dkim.DKIMException as e:
                    found[name, selector] = str(e)
        return found

    def judge(self, messages):
        """{judge: {(name, selector): verdict}}"""
        return {"dkimpy": self.ask_dkimpy(messages),
                "Mail::DKIM": ask_perl(self.folder),
                "libopendkim": ask_libopendkim(self.folder)}

    def known_entry(self, judge, label, forms, selector):
        for entry in KNOWN:
            if entry[0] == judge and entry[1] in (None, label) and \
                    re.fullmatch(entry[2], forms) and \
                    entry[3] in (None, selector):
                return entry
        return None

    def check(self, name, forms, selectors, said):
        """One line: all judges but those of known disagreement pass."""
        label = re.sub(r"^\d+-|\.eml$", "", name)
        wrong = []
        for selector in selectors:
            for judge, verdicts in said.items():
                verdict = verdicts.get(
                    (name, selector), verdicts.get((name, "*"), "no verdict"))
                entry = self.known_entry(judge, label, forms, selector)
                if entry is not None:
                    self.known[entry] += 1
                    if verdict == "pass":
                        wrong.append("%s passes %s in spite of: %s"
                                     % (judge, selector, entry[4]))
                elif verdict != "pass":
                    wrong.append("%s on %s: %s" % (judge, selector, verdict))
        self.result(not wrong, "%s %s" % (label, forms))
        for line in wrong:
            print("#   %s" % line)


def tampered(message, where):
    """The message with one byte more: in From, or in the body."""
    if where == "header":
        at = message.lower().index(b"\r\nfrom:") + 7
    else:
        at = message.index(b"\r\n\r\n") + 4
    return message[:at] + b"x" + message[at:]


def tamper(oracle):
    bad = []
    for name, forms, selectors in oracle.messages[:40]:
        message = read(oracle.folder, name)
        for where in ("header", "body") if b"\r\n\r\n" in message else ():
            bad.append(("bad-%s-%s" % (where, name), forms, selectors))
            write(oracle.folder, bad[-1][0], tampered(message, where))
    return bad


def check_bad(oracle, name, forms, selectors, said):
    passed = ["%s on %s" % (judge, selector) for selector in selectors
              for judge, verdicts in said.items()
              if verdicts.get((name, selector)) == "pass"]
    oracle.result(not passed, name[:-4] + " " + forms)
    for line in passed:
        print("#   passes with %s" % line)


# ---- the other way round ---------------------------------------------------

def judge_by_us(folder, names):
    """What `mailrace check dkim` says of each."""
    program = os.path.join(os.environ["top_builddir"], "mailrace")
    keys = os.path.join(folder, "keys")
    found = {}
    for name in names:
        with open(os.path.join(folder, name), "rb") as f:
            done = subprocess.run([program, "check", "dkim", "--keys", keys],
                                  stdin=f, stdout=subprocess.PIPE)
        for verdict in json.loads(done.stdout.decode()):
            found[name, verdict["selector"]] = verdict["result"]
    return found


def sign_by_dkimpy(oracle, source, number):
    """One message of ours signed by dkimpy instead; its (name, selector)."""
    name, _, _ = source
    message = read(oracle.folder, name)
    message = re.sub(br"\A(DKIM-Signature:.*\r\n(?:[ \t].*\r\n)*)+", b"",
                     message)
    selector = ("rsa", "ed")[number % 2]
    forms = [(b"simple", b"relaxed")[number >> bit & 1] for bit in (1, 2)]
    # With l=0 any body passes (RFC 6376 section 8.2).
    body = message.partition(b"\r\n\r\n")[2]
    value = oracle.dkim.DKIM(message).sign(
        selector.encode(), b"example.net", oracle.private[selector],
        signature_algorithm={"rsa": b"rsa-sha256",
                             "ed": b"ed25519-sha256"}[selector],
        canonicalize=tuple(forms), length=number % 7 == 0 and body != b"")
    theirs = "theirs-" + name
    write(oracle.folder, theirs, value + message)
    return theirs, selector


def check_theirs(oracle):
    """What dkimpy signs passes with us; with a byte more it does not."""
    pem = read(oracle.folder, "ed.pem").decode()
    der = base64.b64decode("".join(pem.splitlines()[1:-1]))
    oracle.private = {"rsa": read(oracle.folder, "rsa.pem"),
                      "ed": base64.b64encode(der[-32:])}
    for name in os.listdir(oracle.folder):
        if name.startswith("bad-"):
            os.unlink(os.path.join(oracle.folder, name))
    sources = [m for m in oracle.messages if "-random-" in m[0]]
    signed = [sign_by_dkimpy(oracle, m, i) for i, m in enumerate(sources)]
    for name, selector in signed[:16]:
        for where in ("header", "body"):
            bad = "bad-%s-%s" % (where, name)
            write(oracle.folder, bad,
                  tampered(read(oracle.folder, name), where))
            signed.append((bad, selector))
    judges = {"libopendkim": ask_libopendkim(oracle.folder),
              "mailrace": judge_by_us(oracle.folder, [n for n, _ in signed])}
    for name, selector in signed:
        said = {judge: verdicts.get((name, selector), "no verdict")
                for judge, verdicts in judges.items()}
        good = all((v == "pass") != name.startswith("bad-")
                   for v in said.values())
        oracle.result(good, "%s by dkimpy, %s" % (name[:-4], selector))
        if not good:
            print("#   %s" % said)


def main(folder):
    try:
        import dkim
    except ImportError:
        print("Bail out!  python3-dkim is not installed: ./bootstrap deps")
        return 1
    oracle = Oracle(folder, dkim)
    bad = tamper(oracle)
    said = oracle.judge(oracle.messages + bad)
    for judge in JUDGES:
        if not said[judge]:
            print("Bail out!  %s does not judge: ./bootstrap deps" % judge)
            return 1
    for message in oracle.messages:
        oracle.check(*message, said)
    for message in bad:
        check_bad(oracle, *message, said)
    check_theirs(oracle)
    print("# known disagreements:")
    for entry in KNOWN:
        judge, label, forms, selector, reason = entry
        print("#   %s, %s %s %s, %d signatures: %s"
              % (judge, label or "any message", forms, selector or "ed, rsa",
                 oracle.known[entry], reason))
    print("1..%d" % oracle.count)
    return 0 if oracle.failed == 0 and len(oracle.messages) > 300 else 1


if __name__ == "__main__":
    try:
        code = main(sys.argv[1])
    finally:
        shutil.rmtree(sys.argv[1])
    sys.exit(code)
