# SPDX-License-Identifier: Apache-2.0
"""acct_lab - a lab without a host MTA whose senders' records are compared with
those of {root}/files/all.csv, which has every type.  A twentieth of the mail
that it sends is refused."""

import os

import acct_reader
import tap
from lab import Lab, mx_zone

ZONE = mx_zone("in.example", ("mx.in.example", "127.0.1.1"))


class AcctLab(Lab):
    def __init__(self, refusal, **options):
        super().__init__(zone=ZONE, with_postfix=False, with_milter=False,
                         receivers=[{"listen": ["127.0.1.1:25"], "rules": [
                             {"at": "rcpt", "match": "<no",
                              "reply": refusal}]}], **options)
        self.number = 0  # of recipients so far
        os.mkdir(self.path("files"))

    def send(self, count):
        """One message to so many recipients."""
        rcpts = ["%s%d@in.example" % ("no" if i % 20 == 0 else "a",
                                      self.number + i) for i in range(count)]
        self.number += count
        self.inject(rcpts)

    def rows_if(self, count):
        """None while the last one is being written, or if they are not so
        many."""
        try:
            rows = acct_reader.read_files([self.path("files")], "all", ".csv")
        except acct_reader.Malformed:
            return None
        return rows if len(rows) == count else None

    def settled_rows(self):
        """All rows, when none is to come any more."""
        ended = self.settled().terminal
        wanted = sum(ended.values()) + self.number  # d or b, and r
        if wanted == 0:
            return []
        return tap.wait_for(lambda: self.rows_if(wanted), 20,
                            "%d rows in the file" % wanted)
