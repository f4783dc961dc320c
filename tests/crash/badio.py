# SPDX-License-Identifier: Apache-2.0
"""badio - orders the disk of lab.daemon to be slow or to fail (badio.h).

    disk = badio.BadIO(lab)             before the daemon starts
    disk.fail("sync", errno.EIO, "/spool/seg/", count=1)
    disk.be_well()
"""

import os

import powercut

LINE = 200


class BadIO:
    def __init__(self, lab):
        self.log = lab.path("log", "syncs")
        self.number = 0
        control = lab.path("run", "badio")
        self.fd = os.open(control, os.O_RDWR | os.O_CREAT)
        self.be_well()
        lab.daemon.env.update({
            "LD_PRELOAD": powercut.shim(), "BADIO_CONTROL": control,
            "BADIO_LOG": self.log})

    def order(self, call, code, count, delay_ms, pattern):
        """In place, in one write: the daemon reads it at any time."""
        self.number += 1
        line = "%s %d %d %d %s #%d" % (call, code, count, delay_ms, pattern,
                                       self.number)
        os.pwrite(self.fd, line.ljust(LINE).encode(), 0)

    def fail(self, call, code, pattern, count=1):
        """Of calls "sync" or "write" on paths with the pattern in them; a
        count of -1 is for ever."""
        self.order(call, code, count, 0, pattern)

    def delay(self, milliseconds, pattern):
        """Before each sync."""
        self.order("none", 0, 0, milliseconds, pattern)

    def be_well(self):
        self.order("none", 0, 0, 0, "none")

    def syncs(self, pattern):
        """(begin, end) on time.monotonic() of those that went well."""
        out = []
        with open(self.log) as f:
            for line in f:
                begin, end, rc, path = line.split(maxsplit=3)
                if rc == "0" and pattern in path:
                    out.append((int(begin) / 1e6, int(end) / 1e6))
        return sorted(out)
