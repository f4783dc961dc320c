# SPDX-License-Identifier: Apache-2.0
"""tools - find and stats over a large accounting file, rows a second on one
core.

The rows are of PowerMTA's 23 columns, about 360 bytes each, with a recipient
of its own in each and a quoted list of extensions; they are read once before,
so that the disk does not count.  The target is ten million in a minute.
"""

import os
import subprocess
import tempfile
import time

import mailrace
from bench_common import BenchError, say

COLUMNS = ("type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,"
           "dsnDiag,dsnMta,bounceCat,srcType,srcMta,dlvType,dlvSourceIp,"
           "dlvDestinationIp,dlvEsmtpAvailable,dlvSize,vmta,jobId,envId,"
           "queue,vmtaPool\r\n")
DOMAINS = ("gmail.com", "yahoo.com", "example.net", "hotmail.com",
           "mail.example")
DELIVERED = ('d,%(logged)s,%(queued)s,bounce+%(n)d@news.example,'
             'user%(n)d@%(domain)s,,relayed,2.0.0 (success),'
             'smtp;250 2.0.0 OK: queued as 4XyZ%(n)08d,'
             'mx1.%(domain)s (192.0.2.%(host)d),,smtp,'
             'mail.sender.example (10.0.0.5),smtp,198.51.100.7,'
             '192.0.2.%(host)d,"PIPELINING,8BITMIME,SIZE,STARTTLS",%(size)d,'
             'vmta%(vmta)d,news-%(job)d,,%(domain)s/vmta%(vmta)d,pool1\r\n')
BOUNCED = ('b,%(logged)s,%(queued)s,bounce+%(n)d@news.example,'
           'user%(n)d@%(domain)s,,failed,'
           '5.1.1 (bad destination mailbox address),'
           '"smtp;550 5.1.1 <user%(n)d@%(domain)s>: ""unknown"", rejected",'
           'mx1.%(domain)s (192.0.2.%(host)d),bad-mailbox,smtp,'
           'mail.sender.example (10.0.0.5),smtp,198.51.100.7,'
           '192.0.2.%(host)d,"PIPELINING,8BITMIME,SIZE",,'
           'vmta%(vmta)d,news-%(job)d,,%(domain)s/vmta%(vmta)d,pool1\r\n')
START = 1795000000
# (name, arguments, exit status): the second column is found in no row.
CASES = (("find --match=[rcpt]...", ["find", "--match=[rcpt]nobody@no"], 1),
         ("find --match=... of any column", ["find", "--match=nobody@no"], 1),
         ("find --bounced --since=...",
          ["find", "--bounced", "--since=%d" % (START + 10 ** 6)], 1),
         ("stats", ["stats"], 0))


def iso(seconds):
    return time.strftime("%Y-%m-%d %H:%M:%S+0000", time.gmtime(seconds))


def write_rows(path, count):
    with open(path, "w", newline="") as f:
        f.write(COLUMNS)
        for n in range(count):
            if n % 100 == 0:
                logged, queued = iso(START + n // 100), iso(START - 7)
            form = BOUNCED if n % 7 == 0 else DELIVERED
            f.write(form % {"n": n, "logged": logged, "queued": queued,
                            "domain": DOMAINS[n % len(DOMAINS)],
                            "host": n % 250, "size": 2000 + n % 90000,
                            "vmta": n % 8, "job": n // 100000})


def measure(args, status, path):
    """(seconds, CPU seconds, MB resident)"""
    begin = time.monotonic()
    p = subprocess.Popen([mailrace.program("mailrace")] + args + [path],
                         stdout=subprocess.DEVNULL)
    _, got, usage = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(got)
    seconds = time.monotonic() - begin
    if p.returncode != status:
        raise BenchError("%s: exit status %d" % (args, p.returncode))
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def run(settings):
    count = settings.pick(2000000, 200000)
    with tempfile.TemporaryDirectory(dir=settings.dir,
                                     prefix="mailrace-bench-") as d:
        path = os.path.join(d, "acct.csv")
        write_rows(path, count)
        size = os.path.getsize(path)
        say("%d rows, %d MB" % (count, size / 1e6))
        runs = []
        for name, args, status in CASES:
            measure(args, status, path)
            seconds, cpu, memory = min(measure(args, status, path)
                                       for _ in range(3))
            runs.append({"name": name, "seconds": seconds, "cpu_s": cpu,
                         "rows_s": count / seconds,
                         "mb_s": size / seconds / 1e6, "memory_mb": memory})
            say("%s: %.0f rows/s" % (name, count / seconds))
    return {"rows": count, "bytes": size, "runs": runs,
            "least_s": min(r["rows_s"] for r in runs)}
