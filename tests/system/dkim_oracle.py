# SPDX-License-Identifier: Apache-2.0
"""dkim_oracle DIR - dkimpy and Mail::DKIM judge DIR/*.eml; removes DIR.

The key's record is DIR/record: no DNS.  A message with one byte changed must
fail in both, or the judges prove nothing.  Prints TAP.
"""

import os
import shutil
import subprocess
import sys


def ask_perl(folder):
    """{file name: verdict} of Mail::DKIM, or None: it says why on stderr."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                          "dkim_oracle.pl")
    done = subprocess.run(["perl", script, folder], stdout=subprocess.PIPE,
                          check=False)
    if done.returncode != 0:
        return None
    out = done.stdout.decode()
    return dict(line.split(" ", 1) for line in out.splitlines())


def ask_dkimpy(dkim, message, record):
    try:
        good = dkim.DKIM(message).verify(
            dnsfunc=lambda name, timeout=5: record)
        return "pass" if good else "fail"
    except dkim.DKIMException as e:
        return str(e)


def tampered(message, where):
    """The message with one byte more: in From, or in the body."""
    if where == "header":
        at = message.lower().index(b"\r\nfrom:") + 7
    else:
        at = message.index(b"\r\n\r\n") + 4
    return message[:at] + b"x" + message[at:]


def main(folder):
    try:
        import dkim
    except ImportError:
        print("Bail out!  python3-dkim is not installed: ./bootstrap deps")
        return 1
    with open(os.path.join(folder, "record"), "rb") as f:
        record = f.read()
    names = sorted(n for n in os.listdir(folder) if n.endswith(".eml"))
    for name in names[:10]:
        with open(os.path.join(folder, name), "rb") as f:
            message = f.read()
        for where in ("header", "body") if b"\r\n\r\n" in message else ():
            with open(os.path.join(folder, "bad-%s-%s" % (where, name)),
                      "wb") as f:
                f.write(tampered(message, where))
    names = sorted(n for n in os.listdir(folder) if n.endswith(".eml"))
    perl = ask_perl(folder)
    if perl is None:
        print("Bail out!  Mail::DKIM does not judge: ./bootstrap deps")
        return 1
    print("1..%d" % len(names))
    good = True
    for number, name in enumerate(names, 1):
        with open(os.path.join(folder, name), "rb") as f:
            verdicts = [ask_dkimpy(dkim, f.read(), record)]
        verdicts.append(perl.get(name, "no verdict"))
        ok = all((v == "pass") != name.startswith("bad-") for v in verdicts)
        good = good and ok
        print("%sok %d - %s" % ("" if ok else "not ", number, name[:-4]))
        if not ok:
            print("#   dkimpy and Mail::DKIM say: %s" % verdicts)
    return 0 if good and len(names) > 200 else 1


if __name__ == "__main__":
    try:
        code = main(sys.argv[1])
    finally:
        shutil.rmtree(sys.argv[1])
    sys.exit(code)
