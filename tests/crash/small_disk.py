# SPDX-License-Identifier: Apache-2.0
"""small_disk - a file system of its own for one folder of a lab, which can be
filled to the last block and emptied again.

An ext4 in an image, mounted through a loop device within the test's mount
namespace; the lab unmounts it at its end.
"""

import errno
import os
import subprocess

CHUNKS = (1 << 24, 1 << 20, 1 << 16, 1 << 12)


class SmallDisk:
    def __init__(self, lab, name, size):
        self.folder = lab.path(name)
        self.size = size
        self.filler = os.path.join(self.folder, "filler")
        image = lab.path("disk-%s.img" % name)
        with open(image, "wb") as f:
            f.truncate(size)
        run("mkfs.ext4", "-q", "-m", "0", image)
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        run("mount", "-o", "loop", image, self.folder)
        lab.mounts.append(self.folder)

    def fill(self):
        """Until not one block is left; takes no more than is free now, or
        a reserve would go as well when it is given up meanwhile."""
        room = os.statvfs(self.folder)
        self.grow(room.f_bavail * room.f_frsize)

    def grow(self, most=None):
        """By whatever is free, up to most."""
        most = self.size if most is None else most
        with open(self.filler, "ab") as f:
            for chunk in CHUNKS:
                while most >= chunk and take(f, chunk):
                    most -= chunk

    def free(self):
        os.unlink(self.filler)


def take(f, chunk):
    try:
        os.posix_fallocate(f.fileno(), f.seek(0, os.SEEK_END), chunk)
    except OSError as e:
        if e.errno != errno.ENOSPC:
            raise
        return False
    return True


def run(*argv):
    subprocess.run(argv, check=True, capture_output=True)
