# SPDX-License-Identifier: Apache-2.0
"""exim - a real Exim for tests.

One that is not there fails the test: nobody else says whether we are right.
Debian is Debian's packages as if they were installed, with their tree of
configuration: /etc, /usr/sbin and /var of this namespace are copies.
"""

import os
import pwd
import shutil
import signal
import subprocess
import time

import mailrace
import procs
import tap

# Where ./bootstrap puts it: its package cannot be installed beside Postfix.
TREE = os.path.join(mailrace.SOURCE, "build/exim")
UNPACKED = os.path.join(TREE, "usr/sbin/exim4")


def find():
    """The program."""
    for path in (os.environ.get("MAILRACE_EXIM"), shutil.which("exim4"),
                 UNPACKED):
        if path and os.access(path, os.X_OK):
            return path
    raise tap.Failed("Exim is not there: neither installed nor in %s, where "
                     "./bootstrap test puts it" % UNPACKED)


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


PRIVATE = """
primary_hostname = ex.lab.example
spool_directory = {dir}/spool
log_file_path = {dir}/%slog
keep_environment =
"""


def private(lab):
    """A program exim4 that has a queue of its own."""
    path = find()
    know_user(lab, "Debian-exim")
    where = lab.path("exim")
    os.makedirs(os.path.join(where, "bin"))
    with open(os.path.join(where, "conf"), "w") as f:
        f.write(PRIVATE.format(dir=where))
    program = os.path.join(where, "bin", "exim4")
    with open(program, "w") as f:
        f.write('#!/bin/sh\nexec %s -C %s/conf "$@"\n' % (path, where))
    os.chmod(program, 0o755)
    os.chmod(os.path.join(where, "conf"), 0o644)
    shutil.chown(where, "Debian-exim")
    return program


USER, NUMBER = "Debian-exim", 64999
SETTINGS = "/etc/exim4/update-exim4.conf.conf"
PIDFILE = "/run/exim4/exim.pid"
MAINLOG = "/var/log/exim4/mainlog"

# A filter that changes nothing: it hands all back to another port of the same
# Exim, as one in between would.
FILTER_PORT = 10026
FILTER_ROUTER = """scan:
  driver = accept
  condition = ${if !eq{$interface_port}{%d}}
  transport = scan
  no_verify
  no_address_test
""" % FILTER_PORT
FILTER_TRANSPORT = """scan:
  driver = smtp
  hosts = 127.0.0.1
  port = %d
  allow_localhost
""" % FILTER_PORT


def _copy_over(path, more=None):
    """What is there becomes a copy that this namespace alone sees."""
    copy = "/mnt" + path
    subprocess.run(["mkdir", "-p", copy], check=True)
    subprocess.run(["cp", "-a", path + "/.", copy], check=True)
    if more is not None:
        subprocess.run(["cp", "-a", more + "/.", copy], check=True)
    subprocess.run(["mount", "--bind", copy, path], check=True)


class Debian:
    """Debian's Exim, installed for this namespace; settings: lines of
    update-exim4.conf.conf."""

    def __init__(self, settings):
        for part in ("usr/sbin/exim4", "usr/sbin/update-exim4.conf",
                     "etc/exim4/exim4.conf.template"):
            if not os.path.exists(os.path.join(TREE, part)):
                raise tap.Failed("%s is not in %s, where ./bootstrap test "
                                 "puts it" % (part, TREE))
        subprocess.run(["mount", "-t", "tmpfs", "none", "/mnt"], check=True)
        for path in ("/etc", "/usr/sbin"):
            _copy_over(path, TREE + path)
        for path in ("/run", "/var/lib", "/var/log", "/var/mail"):
            subprocess.run(["mount", "-t", "tmpfs", "none", path], check=True)
        for path, line in (("/etc/passwd", "%s:x:%d:%d::/:/bin/false\n"),
                           ("/etc/group", "%s:x:%d:\n")):
            with open(path, "a") as f:
                f.write(line % ((USER, NUMBER, NUMBER)[:line.count("%")]))
        for path in ("/var/spool/exim4", "/var/log/exim4", "/run/exim4",
                     "/var/lib/exim4"):
            os.mkdir(path)
            os.chown(path, NUMBER, NUMBER)
        os.makedirs("/var/mail", exist_ok=True)
        # As dpkg would, whatever umask the tree was unpacked with.
        for top, dirs, files in os.walk("/etc/exim4"):
            for name in dirs + files:
                os.chown(os.path.join(top, name), 0, 0)
        with open("/etc/mailname", "w") as f:
            f.write("ex.lab.example\n")
        with open(SETTINGS, "w") as f:
            f.write(settings)
        self.update()

    def run(self, *argv, **kw):
        kw.setdefault("check", True)
        return subprocess.run(argv, capture_output=True, text=True,
                              timeout=60, **kw)

    def update(self):
        self.run("update-exim4.conf")

    def pid(self):
        with open(PIDFILE) as f:
            return int(f.read())

    def start(self, *ports):
        self.run("exim4", "-bd", "-q1h")
        for port in ports:
            tap.wait_for(lambda: listens(port), 20, "port %d" % port)

    def reload(self):
        os.kill(self.pid(), signal.SIGHUP)

    def stop(self):
        try:
            pid = self.pid()
        except FileNotFoundError:
            return
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + 20
        while os.path.exists("/proc/%d" % pid):
            if time.monotonic() > end:
                raise procs.ProcessError("Exim does not end")
            time.sleep(0.02)

    def queue_size(self):
        return int(self.run("exim4", "-bpc").stdout)

    def flush(self):
        """Tries all that waits, whatever its time is."""
        self.run("exim4", "-qff")

    def log(self):
        with open(MAINLOG) as f:
            return f.read()

    def deferrals(self):
        return self.log().count(" == ")


def listens(port, address="127.0.0.1"):
    import socket
    with socket.socket() as s:
        return s.connect_ex((address, port)) == 0
