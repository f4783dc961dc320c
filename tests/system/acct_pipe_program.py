#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""acct_pipe_program - what `<acct-file |COMMAND>` starts in tests: a program
that may be killed at any moment and has kept whatever it has read whole.

    acct_pipe_program.py FOLDER

Each start writes a file of its own there, NUMBER.csv, row by row as they come;
a row that its end cuts short is not written.  NUMBER.csv.times has a line of
seconds on the monotonic clock and the length of NUMBER.csv when more came.
FOLDER/pid names the newest.
"""

import os
import sys
import time

CHUNK = 65536


def create(path):
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)


def own_files(folder):
    """The next number; two of us may live at the same time."""
    number = len(os.listdir(folder))
    while True:
        path = os.path.join(folder, "%06d.csv" % number)
        try:
            return create(path), create(path + ".times")
        except FileExistsError:
            number += 1


def tell_pid(folder):
    new = os.path.join(folder, "pid.%d" % os.getpid())
    with open(new, "w") as f:
        f.write("%d\n" % os.getpid())
    os.rename(new, os.path.join(folder, "pid"))


def whole_rows(data):
    """The rows in data, and what is left: a CRLF within quotes ends none."""
    rows, begin, at = [], 0, 0
    while True:
        end = data.find(b"\r\n", at) + 2
        if end == 1:
            return rows, data[begin:]
        at = end
        if data.count(b'"', begin, end) % 2 == 0:
            rows.append(data[begin:end])
            begin = end


def main():
    folder = sys.argv[1]
    out, times = own_files(folder)
    tell_pid(folder)
    rest, length = b"", 0
    while True:
        data = os.read(0, CHUNK)
        if not data:
            return 1 if rest else 0
        os.write(times, b"%.6f %d\n" % (time.monotonic(), length))
        rows, rest = whole_rows(rest + data)
        for row in rows:  # one by one: a kill comes between two
            length += os.write(out, row)


if __name__ == "__main__":
    sys.exit(main())
