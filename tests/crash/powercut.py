# SPDX-License-Identifier: Apache-2.0
"""powercut - leaves of a killed daemon's files what a power cut may leave.

    cut = powercut.PowerCut(lab)        before the daemon starts
    ...
    lab.daemon.kill()
    cut.cut(random)

disk.so has kept what was promised to be durable (powercut.c).  A disk may
have more than that: of each file, by chance, nothing more, everything, or any
of the blocks that were changed since; of each folder the operations since its
last fsync up to any of them.  Blocks are 512 bytes, but 4096 in tables of
Berkeley DB: it cannot repair a page of which a half was written.
"""

import os
import shutil
import stat
import time

import fault

SHIM = "tests/crash/disk.so"
CHUNK = 1 << 20
SECTOR, PAGE = 512, 4096
NO_CONTENT = ("reserve", "LOCK")


def shim():
    """What `make crash-shims` builds."""
    path = os.path.join(fault.mailrace.build_dir(), SHIM)
    if not os.path.exists(path):
        raise RuntimeError("%s is not there: make crash-shims" % path)
    return path


class PowerCut:
    def __init__(self, lab):
        self.folders = [lab.path(*p) for p in (
            ("spool",), ("spool", "db"), ("spool", "seg"), ("acct",))]
        self.shadow = lab.path("shadow")
        self.blocks = self.names = 0  # taken back in all cuts
        self.slots_synced = time.monotonic()
        lab.daemon.env.update({
            "LD_PRELOAD": shim(), "POWERCUT_SHADOW": self.shadow,
            "POWERCUT_DIRS": "%s:%s" % (lab.path("spool"), lab.path("acct"))})
        self.arm()

    def arm(self):
        """From now on; what is there counts as durable."""
        shutil.rmtree(self.shadow, ignore_errors=True)
        os.makedirs(self.shadow)
        self.durable = {f: files_of(f) for f in self.folders}

    def cut(self, random, keep=None):
        """The process has ended.  keep=0: the disk has nothing more than
        was promised."""
        operations = self.operations()
        at = self.stage()
        for folder in self.folders:
            state = self.state_of(folder, operations, random)
            for name, inode in state.items():
                path = os.path.join(folder, name)
                os.rename(at.pop(inode), path)
                if name not in NO_CONTENT:
                    self.blocks += self.mix(path, inode, random, keep)
        self.arm()
        self.slots_synced = max(
            [int(op[2]) / 1e6 for op in operations if op[1] == "M"],
            default=self.slots_synced)

    # ---- names -------------------------------------------------------------

    def operations(self):
        """[number, letter, argument...] in order."""
        path = os.path.join(self.shadow, "names")
        if not os.path.exists(path):
            return []
        with open(path) as f:
            return [line.split() for line in f]

    def stage(self):
        """Takes all files out of the folders; inode to where each is."""
        at = {}
        for name, inode in files_of(self.shadow).items():
            if name.startswith("live-"):
                at[inode] = os.path.join(self.shadow, name)
        for folder in self.folders:
            for name, inode in files_of(folder).items():
                to = os.path.join(self.shadow, "staged-%d" % inode)
                os.rename(os.path.join(folder, name), to)
                at[inode] = to
        return at

    def state_of(self, folder, operations, random):
        """Name to inode: the durable operations, and some of the others."""
        mine = [op for op in operations if op[1] in "CUR" and
                os.path.dirname(os.path.normpath(op[2])) == folder]
        synced = max([int(op[3]) for op in operations if op[1] == "S" and
                      os.path.normpath(op[2]) == folder], default=0)
        sure = [op for op in mine if int(op[0]) < synced]
        rest = mine[len(sure):]
        some = random.choice((0, len(rest), random.randint(0, len(rest))))
        self.names += len(rest) - some
        state = dict(self.durable[folder])
        for op in sure + rest[:some]:
            apply(state, op)
        return state

    # ---- content -----------------------------------------------------------

    def mix(self, path, inode, random, keep):
        """Returns how many blocks were taken back."""
        shadow = os.path.join(self.shadow, str(inode))
        if not os.path.exists(shadow):
            return 0  # not changed
        block = PAGE if path.endswith(".db") else SECTOR
        if keep is None:
            keep = random.choice((0, 0, 1, random.random(), random.random()))
        old, new = os.path.getsize(shadow), os.path.getsize(path)
        between = random.randint(*sorted((old, new))) // block * block
        size = {0: old, 1: new}.get(keep)
        if size is None:
            size = random.choice((old, new, max(between, min(old, new))))
        taken = 0
        with open(shadow, "rb") as was, open(path, "r+b") as now:
            for at in range(0, max(old, new), CHUNK):
                taken += mix_chunk(was, now, at, block, lambda:
                                   random.random() < keep)
            now.truncate(size)
        return taken


class Young:
    """Excuses the duplicates that nobody can name: those whose dot was sent
    after the last sync of the in-flight slots before the cut."""

    def __init__(self, run, power):
        self.run, self.power = run, power
        self.synced = {}  # index of the restart after it: time
        self.count = 0
        run.excuse = self.excuse
        run.after.append(self.tell)

    def cut(self, keep=None):
        """Cuts; what was in flight before a start that was cut as well
        counts with the next one that works."""
        self.power.cut(self.run.random, keep)
        self.synced.setdefault(len(self.run.restarts),
                               self.power.slots_synced)

    def excuse(self, _rcpt, before, again):
        for number, r in enumerate(self.run.restarts):
            if before["mono"] <= r.end and again["mono"] >= r.begin and \
                    before["mono"] >= self.synced.get(number, r.end):
                self.count += 1
                return True
        return False

    def tell(self):
        self.run.figures["unnamed"] = self.count


def apply(state, op):
    name = os.path.basename(op[2])
    if op[1] == "C":
        state[name] = int(op[3])
    elif op[1] == "R":
        state[os.path.basename(op[3])] = state.pop(name)
    else:
        state.pop(name, None)


def files_of(folder):
    """Name to inode."""
    if not os.path.isdir(folder):
        return {}
    out = {}
    for entry in os.scandir(folder):
        if stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
            out[entry.name] = entry.inode()
    return out


def read_at(f, at):
    f.seek(at)
    return f.read(CHUNK)


def mix_chunk(was, now, at, block, survives):
    """Puts old blocks in place of new ones that do not survive."""
    old, new = read_at(was, at), read_at(now, at)
    if old == new:
        return 0
    length = max(len(old), len(new))
    old, new = bytearray(old.ljust(length, b"\0")), new.ljust(length, b"\0")
    taken = 0
    for i in range(0, length, block):
        if old[i:i + block] == new[i:i + block]:
            continue
        if survives():
            old[i:i + block] = new[i:i + block]
        else:
            taken += 1
    now.seek(at)
    now.write(old)
    return taken
