# SPDX-License-Identifier: Apache-2.0
"""exim - a real Exim for tests, where there is one."""

import os
import pwd
import shutil
import subprocess

import mailrace
import tap

# Where ./bootstrap puts it: its package cannot be installed beside Postfix.
UNPACKED = os.path.join(mailrace.SOURCE, "build/exim/usr/sbin/exim4")


def find():
    """The program; skips the test if there is none."""
    for path in (os.environ.get("MAILRACE_EXIM"), shutil.which("exim4"),
                 UNPACKED):
        if path and os.access(path, os.X_OK):
            return path
    tap.skip("Exim is not there: neither installed nor in " + UNPACKED)


def know_user(lab, name):
    """Exim does not start without its user; only this namespace sees ours."""
    try:
        pwd.getpwnam(name)
        return
    except KeyError:
        pass
    for path, line in (("/etc/passwd", "%s:x:%d:%d::/:/bin/false\n"),
                       ("/etc/group", "%s:x:%d:\n")):
        copy = lab.path(os.path.basename(path))
        with open(path) as f:
            text = f.read()
        with open(copy, "w") as f:
            f.write(text + line % ((name, 64999, 64999)[:line.count("%")]))
        subprocess.run(["mount", "--bind", copy, path], check=True)
        lab.mounts.append(path)
