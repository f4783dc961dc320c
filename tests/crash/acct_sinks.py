# SPDX-License-Identifier: Apache-2.0
"""acct_sinks - one acct-file of each kind, for a lab, and what each of them
has in the end.

    all = acct_sinks.Sinks(lab)         folders, servers; before the lab starts
    lab.write_config(CONFIG + all.config(random))
    all.heal()                          all of them work again
    for sink in all.list: sink.rows()

The columns are chosen by chance each time, but for those by which rows are
judged.
"""

import bisect
import errno
import os
import re

import acct_reader
import badio
import collectors
import small_disk

TYPES = ("d", "b", "t", "tq", "r")
DISK = 96 << 20
WEB = ("127.0.3.1", 8025)
STREAM = "mailrace:test"
# Parts of paths whose syncs are slow or fail: dated files, or some of them.
PLACES = ("-20", "-20", "-20", "/small/", "/wide/")
FILTERED = "moody.example"  # what the filtered file leaves out
ID = re.compile(rb"[0-9a-f]{8}-\d+-\d+")

NEEDED = ("timeLogged", "rcpt", "queue", "recordId")
CHOICE = (
    "timeQueued", "orig", "orcpt", "dsnAction", "dsnStatus", "dsnDiag",
    "dsnMta", "bounceCat", "srcType", "srcMta", "dlvType", "dlvSourceIp",
    "dlvEsmtpAvailable", "dlvSize", "vmta", "jobId", "envId", "rcvSourceIp",
    "totalSecondsQueued", "userString", "header_X-Test-Id", "header_Subject")


def has(kind, column):
    if column.startswith("header_"):
        return kind in acct_reader.HEADER_TYPES
    return column in acct_reader.TYPES[kind]


def fields(random):
    """record-fields by type, each time others: the default ones, or some of
    all, in any order.  A column is asked for by all types that have it, so
    that an empty cell is never for want of asking."""
    chosen = random.sample(CHOICE, random.randrange(len(CHOICE) + 1))
    default = random.random() < 0.3
    out = {}
    for kind in TYPES:
        columns = [c for c in (*NEEDED, *chosen) if has(kind, c)]
        random.shuffle(columns)
        out[kind] = "*,recordId" if default else ",".join(columns)
    return out


class Sink:
    """An acct-file of the configuration."""

    types = TYPES
    at_least_once = True

    def __init__(self, name, directive, options=()):
        self.name, self.directive = name, directive
        self.options = list(options)

    def config(self, random):
        lines = ["<acct-file %s>" % self.directive,
                 "    records " + ",".join(self.types)]
        lines += ["    record-fields %s %s" % (kind, columns)
                  for kind, columns in fields(random).items()
                  if kind in self.types]
        if random.random() < 0.2:
            lines.append("    iso-times no")
        if random.random() < 0.03:
            lines.append("    sync yes")  # the state is kept often, then
        if random.random() < 0.5:
            lines.append("    user-string \"run, %d\"" % random.randrange(9))
        lines += ["    " + o for o in self.options] + ["</acct-file>"]
        return "\n".join(lines) + "\n"

    def wants(self, row):
        """Whether the row belongs here."""
        return row["type"] in self.types

    def raw(self):
        """Bytes in which each record that has come is named."""
        raise NotImplementedError

    def rows(self):
        raise NotImplementedError

    def ids(self):
        return set(ID.findall(self.raw()))


class File(Sink):
    at_least_once = False

    def __init__(self, name, folders, suffix, options=()):
        super().__init__(name, os.path.join(folders[0], name + suffix),
                         options)
        self.folders, self.suffix = folders, suffix

    def raw(self):
        return b"".join(acct_reader.contents(p) for p in acct_reader.dated(
            self.folders, self.name, self.suffix))

    def rows(self):
        return acct_reader.read_files(self.folders, self.name, self.suffix)


class Filtered(File):
    types = ("d", "b", "t", "tq")

    def wants(self, row):
        return super().wants(row) and not row["queue"].startswith(
            FILTERED + "/")


class Pipe(Sink):
    def __init__(self, folder):
        self.program = collectors.Program(folder)
        super().__init__("pipe", self.program.directive, [
            "retry-interval 1s", "write-timeout 5s"])

    def raw(self):
        return b"".join(map(acct_reader.contents, self.program.files()))

    def rows(self):
        return [row for path in self.program.files()
                for row in acct_reader.read_csv(path)]

    def came(self):
        """(row, second on the monotonic clock when it was read) of all."""
        out = []
        for path in self.program.files():
            data = acct_reader.contents(path)
            with open(path + ".times") as f:
                times = [(int(at), float(second)) for second, at in
                         (line.split() for line in f)]
            at = data.find(b"\r\n") + 2
            for row in acct_reader.parse_csv(path, data):
                when = bisect.bisect(times, (at, float("inf"))) - 1
                out.append((row, times[when][1]))
                at = acct_reader.cells_of(data, at, row.where)[1]
        return out


class Web(Sink):
    def __init__(self, staging):
        self.http = collectors.Http(WEB)
        super().__init__("web", staging, [
            "http-webhook-url " + self.http.url, "max-size 1M",
            "http-webhook-max-interval 1m", "retry-interval 2s",
            "http-webhook-io-timeout 1s",
            "http-webhook-transfer-encoding gzip"])

    def raw(self):
        return b"".join(b.body for b in self.http.batches)

    def rows(self):
        return [row for b in self.http.batches
                for row in acct_reader.parse_csv("batch " + b.id, b.body)]


class Stream(Sink):
    def __init__(self, folder, tag):
        self.redis = collectors.Redis(folder)
        super().__init__("redis", tag, [
            "redis-stream-url " + self.redis.url,
            "redis-stream-key " + STREAM, "retry-interval 1s"])

    def raw(self):
        return b"\n".join(e[b"record"] for e in self.redis.entries(STREAM))

    def rows(self):
        out = []
        for i, e in enumerate(self.redis.entries(STREAM)):
            row = acct_reader.json_row("entry %d" % i, e[b"record"].decode())
            said = {b"id": row["recordId"], b"type": row["type"]}
            for name, value in said.items():
                if e[name] != value.encode():
                    acct_reader.bad(row.where, "its %s is %s", name, e[name])
            out.append(row)
        return out


class Sinks:
    """All of them; the first is the one that the others are compared with."""

    def __init__(self, lab):
        self.disk = small_disk.SmallDisk(lab, "small", DISK)
        for name in ("wide", "done"):
            os.makedirs(lab.path(name))
        self.pipe = Pipe(lab.path("pipe"))
        self.web = Web(lab.path("wide", "web.csv"))
        self.stream = Stream(lab.path("redis"), lab.path("wide",
                                                         "stream.json"))
        wide, done = lab.path("wide"), lab.path("done")
        self.list = [
            File("all", [self.disk.folder], ".csv", ["max-size 4M"]),
            Filtered("some", [wide, done], ".csv", [
                "max-size 1M", "move-to " + done,
                "queue-filter !%s/*,*/*" % FILTERED]),
            File("lines", [wide], ".json"),
            self.pipe, self.web, self.stream]
        self.bad_io = badio.BadIO(lab)
        self.full = False
        self.start(lab)

    def start(self, lab):
        self.web.http.listen()
        self.stream.redis.start()
        lab.processes += [self.web.http, self.stream.redis]

    def config(self, random):
        return "".join(s.config(random) for s in self.list)

    # ---- what goes wrong ---------------------------------------------------

    def turn_disk(self):
        """Full if it was not, and the other way round."""
        if self.full:
            self.disk.free()
        else:
            self.disk.fill()
        self.full = not self.full

    def turn_redis(self):
        redis = self.stream.redis
        if redis.running():
            redis.kill()
        else:
            redis.start()

    def turn_web(self, random):
        modes = ["well", "500", "mute", "hang", "dead", "413"]
        modes.remove(self.web.http.mode)
        self.web.http.mode = random.choice(modes)

    def turn_slow(self, random):
        if random.random() < 0.1:
            self.bad_io.be_well()
        else:
            self.bad_io.delay(random.randrange(50, 150), random.choice(PLACES))

    def fail_once(self, random):
        self.bad_io.fail("sync", errno.EIO, random.choice(PLACES))

    def heal(self):
        self.bad_io.be_well()
        if self.full:
            self.turn_disk()
        if not self.stream.redis.running():
            self.turn_redis()
        self.web.http.mode = "well"
