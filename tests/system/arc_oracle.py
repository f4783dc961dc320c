# SPDX-License-Identifier: Apache-2.0
"""arc_oracle PROGRAM - ARC chains by us, dkimpy and Mail::DKIM, in turn.

PROGRAM is test_arc_oracle.  Each hop changes the subject, writes what it found
and seals; all three judge every message on the way, and a copy of each with
one letter changed, which must fail.  Prints TAP.
"""

import os
import shutil
import subprocess
import sys
import tempfile

import keys

# Who adds the sets of a chain: u us, d dkimpy, p Mail::DKIM.
CHAINS = ["uuuuu", "ddddd", "ppppp", "udpud", "dpudu", "pudup"]
PERL = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                    "arc_oracle.pl")
MESSAGE = (b"Received: from x by y;\r\n\tMon, 1 Jan 2026 00:00:00 +0000\r\n"
           b"DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=x;\r\n"
           b"\th=from; bh=abc; b=def\r\n"
           b"From: A  <a@a.example>\r\nTo: list@b.example\r\n"
           b"Date: Mon, 1 Jan 2026 00:00:00 +0000\r\n"
           b"Message-ID: <1@a.example>\r\n"
           b"Subject: a  long\r\n subject \xc3\xa4\r\n\r\n"
           b"One  line \r\n\t\r\nand another.\r\n\r\n")


class Oracle:
    def __init__(self, folder, program):
        import dkim
        self.dkim = dkim
        self.folder = folder
        self.program = program
        self.key = os.path.join(folder, "key")
        self.record = keys.dkim_key(self.key)
        self.record_file = os.path.join(folder, "record")
        with open(self.record_file, "w") as f:
            f.write(self.record)

    def run(self, *args, **more):
        return subprocess.run(args, check=True, stdout=subprocess.PIPE,
                              **more).stdout

    def seal(self, who, message, domain, cv):
        if who == "u":
            return self.run(self.program, "seal", self.key, "s", domain,
                            self.record_file, input=message)
        if who == "p":
            return self.run("perl", PERL, "seal", self.key, "s", domain, cv,
                            input=message)
        with open(self.key, "rb") as f:
            pem = f.read()
        fields = self.dkim.arc_sign(message, b"s", domain.encode(), pem,
                                    domain.encode())
        if len(fields) != 3:
            raise RuntimeError("dkimpy added %d fields" % len(fields))
        return b"".join(fields) + message

    def ask_dkimpy(self, path):
        with open(path, "rb") as f:
            cv, _, why = self.dkim.arc_verify(
                f.read(),
                dnsfunc=lambda name, timeout=5: self.record.encode())
        return "%s %s" % ("none" if cv is None else cv.decode(), why)

    def verdicts(self, paths):
        """{path: [ours, dkimpy's, Mail::DKIM's]}, each "result reason"."""
        out = {p: [] for p in paths}
        for command in ([self.program], ["perl", PERL]):
            lines = self.run(*command, "check", self.record_file, *paths)
            for line in lines.decode().splitlines():
                path, verdict = line.split(" ", 1)
                out[path].append(verdict)
        for path in paths:
            out[path].append(self.ask_dkimpy(path))
        return out


def hop(message, domain, number):
    """What a list does: another subject, and its own results on top."""
    message = message.replace(b"Subject: ", b"Subject: [%d] " % number, 1)
    cv = "none" if number == 1 else "pass"
    return cv, (b"Authentication-Results: %s; arc=%s;\r\n"
                b" dkim=pass header.d=a.example\r\n"
                % (domain.encode(), cv.encode())) + message


def write(path, message):
    with open(path, "wb") as f:
        f.write(message)
    return path


def changed(message):
    """Another letter in the body, and another in the newest results."""
    body = message.replace(b"and another", b"and amother", 1)
    at = message.index(b"dkim=pass", message.index(b"ARC-Authentication"))
    return {"body": body,
            "results": message[:at] + b"dkim=fail" + message[at + 9:]}


def make(oracle):
    """{path: wanted result} of all messages."""
    wanted = {}
    for chain in CHAINS:
        message = MESSAGE
        for i, who in enumerate(chain, 1):
            domain = "hop%d.example" % i
            cv, message = hop(message, domain, i)
            message = oracle.seal(who, message, domain, cv)
            path = os.path.join(oracle.folder, chain[:i])
            wanted[write(path, message)] = "pass"
        for what, bad in changed(message).items():
            wanted[write(path + "-" + what, bad)] = "fail"
    return wanted


def main(program):
    for module in ("dkim", "authres"):
        try:
            __import__(module)
        except ImportError:
            print("Bail out!  python3-%s is not installed" % module)
            return 1
    if subprocess.run(["perl", "-MMail::DKIM", "-e1"],
                      stderr=subprocess.DEVNULL).returncode != 0:
        print("Bail out!  libmail-dkim-perl is not installed")
        return 1
    folder = tempfile.mkdtemp(prefix="arc_oracle.")
    try:
        oracle = Oracle(folder, program)
        wanted = make(oracle)
        got = oracle.verdicts(list(wanted))
    finally:
        shutil.rmtree(folder)
    good = True
    print("1..%d" % len(wanted))
    for number, (path, result) in enumerate(wanted.items(), 1):
        ok = all(v.split(" ")[0] == result for v in got[path]) and \
            len(got[path]) == 3
        good = good and ok
        print("%sok %d - %s: %s" % ("" if ok else "not ", number,
                                    os.path.basename(path), result))
        if not ok:
            print("#   we, Mail::DKIM, dkimpy: %s" % got[path])
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
