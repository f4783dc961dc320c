# SPDX-License-Identifier: Apache-2.0
"""log_tools - the tools that administrators have for the logs of Postfix and
Exim, as Debian has them, over files of ours.

One that is not there fails the test: nobody else says whether they read us.
./bootstrap test unpacks those that cannot be installed beside Postfix.
"""

import glob
import os
import re
import shutil
import subprocess
import urllib.request

import exim
import mailrace
import procs
import tap

TREE = os.path.join(mailrace.SOURCE, "build/log-tools")
# Of the loopback device of our own network.
METRICS = "127.0.0.1:9154"


def _find(name, unpacked):
    path = shutil.which(name, path="/usr/sbin:/usr/bin")
    if path is None:
        path = os.path.join(*unpacked)
        if not os.path.exists(path):
            raise tap.Failed("%s is not there: neither installed nor in %s, "
                             "where ./bootstrap test puts it" % (name, path))
    return path


def _run(*argv, **kw):
    return subprocess.run(argv, capture_output=True, text=True, check=True,
                          timeout=60, **kw).stdout


def exim_tool(name, *args):
    """eximstats, exigrep."""
    return _run(_find(name, (exim.TREE, "usr/sbin", name)), *args)


def eximstats_totals(report):
    """The columns of its grand totals, by the first word of the row."""
    out = {}
    for name in ("Received", "Delivered"):
        m = re.search(r"^ *%s +(.*)" % name, report, re.M)
        tap.check(m is not None, "%s in %s" % (name, report))
        out[name] = m[1].split()
    return out


def logwatch(where, *logs):
    """The numbers of its summary of the service postfix, by their words.

    where: a directory that may be made, for its configuration.  What is
    unpacked and not installed is told where its parts are."""
    parts = os.path.join(TREE, "usr/share/logwatch")
    with open(_find("logwatch.pl", (parts, "scripts/logwatch.pl"))) as f:
        program = f.read()
    for name, value in (("BaseDir", parts), ("ConfigDir", where)):
        program, count = re.subn(r'(?m)^(my \$%s = )".*";' % name,
                                 r'\1"%s";' % value, program)
        tap.equal(count, 1, "logwatch.pl: " + name)
    os.makedirs(os.path.join(where, "conf/logfiles"), exist_ok=True)
    os.makedirs(os.path.join(where, "tmp"), exist_ok=True)
    for name, text in (
            ("logwatch.pl", program),
            ("conf/logwatch.conf", "TmpDir = %s/tmp\n" % where),
            ("conf/logfiles/maillog.conf", "LogFile =\nArchive =\n" +
             "".join("LogFile = %s\n" % log for log in logs))):
        with open(os.path.join(where, name), "w") as f:
            f.write(text)
    text = _run("/usr/bin/perl", os.path.join(where, "logwatch.pl"),
                "--service", "postfix", "--range", "all", "--detail", "10",
                "--output", "stdout")
    numbers = {}
    for short, name, last in re.findall(
            r"^ +(\d[\d.]*[A-Z]?)  +(\S.*?) +([\d,.]+)%?$",
            text.split(" Detail (10) ")[0], re.M):
        numbers[name] = int(short if short.isdigit()
                            else last.replace(",", ""))
    if "**Unmatched Entries**" in text:
        numbers["unmatched"] = text.split("**Unmatched Entries**")[1]
    return numbers


def logrotate(where, text):
    """Rotates by this configuration, whatever the time is."""
    conf = os.path.join(where, "logrotate.conf")
    with open(conf, "w") as f:
        f.write(text)
    os.chmod(conf, 0o644)
    libraries = glob.glob(os.path.join(TREE, "usr/lib/*-linux-*"))
    _run(_find("logrotate", (TREE, "usr/sbin/logrotate")), "--force",
         "--state", os.path.join(where, "logrotate.state"), conf,
         env={**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)})


class Exporter:
    """A prometheus-postfix-exporter; it counts what is written to the end of
    its log from its start on, and what it is told at the socket showq."""

    def __init__(self, where, showq="/nonexistent"):
        self.reads = 0
        self.log = os.path.join(where, "exporter.log")
        with open(self.log, "w"):
            pass
        out = os.path.join(where, "exporter.out")
        name = "prometheus-postfix-exporter"
        self.process = procs.Process(name, [
            _find(name, (TREE, "usr/bin", name)), "--web.listen-address",
            METRICS, "--postfix.logfile_path", self.log,
            "--postfix.showq_path", showq], out)
        procs.wait_for_text(self.process, out, "Listening on", 20)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.process.stop()

    def text(self):
        with urllib.request.urlopen("http://%s/metrics" % METRICS) as r:
            return r.read().decode()

    def read(self, *logs):
        """What it counts in all it has read, by name; of one with labels
        the sum."""
        lines = []
        for log in logs:
            with open(log, errors="surrogateescape") as f:
                lines += f.readlines()
        # It says which services it does not know.
        self.reads += 1
        lines.append("Nov 22 00:00:00 x postfix/end%d[1]: line\n" %
                     self.reads)
        with open(self.log, "a", errors="surrogateescape") as f:
            f.writelines(lines)
        tap.wait_for(lambda: 'service="end%d"' % self.reads in self.text(),
                     20, "the exporter reads it all")
        sums = {}
        for name, value in re.findall(r"^postfix_(\w+)(?:\{.*\})? (\S+)$",
                                      self.text(), re.M):
            sums[name] = sums.get(name, 0) + float(value)
        return sums
