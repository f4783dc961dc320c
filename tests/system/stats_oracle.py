# SPDX-License-Identifier: Apache-2.0
"""stats_oracle - what `mailrace stats --json` must say of accounting files.

Read with Python's csv and json and counted with dictionaries: nothing here knows how
the command does it, only what its manual page promises.
"""

import collections
import csv
import datetime
import fnmatch
import json
import re

MEASURES = {"received": "r", "delivered": "d", "bounced": "b",
            "transient": "t", "queue_failures": "tq", "remote_bounced": "rb",
            "remote_status": "rs", "complaints": "f"}
DOMAIN_COLUMNS = ("received", "delivered", "bounced", "transient",
                  "remote_bounced", "complaints", "bytes", "bounce_rate")
VMTA_COLUMNS = ("received", "delivered", "bounced", "transient",
                "queue_failures", "bytes", "bounce_rate")
TIME_COLUMNS = ("received", "delivered", "bounced", "transient",
                "queue_failures", "remote_bounced", "complaints", "bytes")
DELAYS = (("10s", 10), ("1m", 60), ("5m", 300), ("15m", 900), ("1h", 3600),
          ("4h", 14400), ("8h", 28800), ("1d", 86400), ("more", None))
NO_RCPT = ("tq",)
HAS_VMTA = ("d", "b", "t", "tq", "r")
SEPARATORS = r"([\x00- ()<>\[\]{},;:\"'=|])"


def read_csv(f):
    """A line that begins with `type` is a header."""
    names = None
    for cells in csv.reader(f):
        if cells[0] == "type":
            names = cells
        else:
            yield dict(zip(names, cells))


def read_json(f):
    """An object a line; numbers as text."""
    for line in f:
        yield {k: str(v) for k, v in json.loads(line).items()}


def read(paths):
    """Rows as dictionaries."""
    found = []
    for path in paths:
        with open(path, newline="", encoding="utf-8-sig") as f:
            found += (read_json if path.endswith(".json") else read_csv)(f)
    return found


def seconds(text):
    """Unix time of either form; None of nothing."""
    if not text:
        return None
    if text.isdigit():
        return int(text)
    return int(datetime.datetime.strptime(text, "%Y-%m-%d %H:%M:%S%z")
               .timestamp())


def stamp(s, form="%Y-%m-%d %H:%M:%S+0000"):
    return datetime.datetime.fromtimestamp(
        s, datetime.timezone.utc).strftime(form)


def ratio(part, whole):
    """To the hundredth, halves up; None of nothing."""
    return (part * 100 + whole // 2) // whole / 100 if whole else None


def percent(part, whole):
    return ratio(part * 100, whole)


def plain(diag):
    """Words with a digit or an address become *, but for reply codes."""
    code = re.compile(r"([245]\d\d(-[245]\.\d{1,3}\.\d{1,3})?"
                      r"|[245]\.\d{1,3}\.\d{1,3})\Z")
    words = [" " if len(w) == 1 and w < " " else
             "*" if re.search(r"[@0-9]", w) and not code.match(w) else w
             for w in re.split(SEPARATORS, diag)]
    return "".join(words)


def domain_of(row):
    local, at, domain = row["rcpt"].rpartition("@")
    return domain.lower() if at else ""


class Counter(collections.Counter):
    """Records by type, and bytes delivered."""

    def take(self, row):
        self[row["type"]] += 1
        if row["type"] == "d":
            self["bytes"] += int(row.get("dlvSize") or 0)

    def cell(self, name):
        if name == "bounce_rate":
            return percent(self["b"], self["d"] + self["b"])
        return self[MEASURES.get(name, name)]

    def cells(self, names):
        return {name: self.cell(name) for name in names}

    def attempts(self):
        return self["d"] + self["b"] + self["t"] + self["tq"]


class Report:
    """The sections of one report about some rows."""

    def __init__(self, rows, by_dsn=False, bounce_cat=None):
        self.by_dsn = by_dsn
        self.bounce_cat = bounce_cat
        self.rows = rows
        self.all = self.count(rows)
        self.logged = [(seconds(r["timeLogged"]), r) for r in rows
                       if r["timeLogged"]]
        self.times = [s for s, r in self.logged]

    @staticmethod
    def count(rows):
        counter = Counter()
        for row in rows:
            counter.take(row)
        return counter

    @staticmethod
    def group(pairs):
        """{key: Counter} of (key, row)."""
        groups = collections.defaultdict(Counter)
        for key, row in pairs:
            groups[key].take(row)
        return groups

    def time_frame(self, files=None):
        frame = {"first": stamp(min(self.times)) if self.times else None,
                 "last": stamp(max(self.times)) if self.times else None,
                 "records": len(self.rows)}
        return frame if files is None else {**frame, "files": files}

    def counts(self):
        return self.all.cells([*MEASURES, "bytes", "bounce_rate"])

    # ---- bounces

    def wanted(self, category):
        return self.bounce_cat is None or any(
            fnmatch.fnmatchcase(category.lower(), p.lower())
            for p in self.bounce_cat.split(","))

    def bounce_cells(self, b, rb):
        return {"bounced": b, "remote_bounced": rb,
                "percent": percent(b + rb, self.all["b"] + self.all["rb"])}

    def bounces(self, names, key, limit):
        groups = self.group((key(r), r) for r in self.rows
                            if r["type"] in ("b", "rb") and
                            self.wanted(r["bounceCat"]))
        order = sorted(groups.items(), key=lambda i:
                       (-i[1]["b"] - i[1]["rb"], i[0]))
        rows = [{**dict(zip(names, k)), **self.bounce_cells(c["b"], c["rb"])}
                for k, c in order[:limit]]
        rest = order[len(rows):]
        if rest:
            rows.append({names[0]: None, "others": len(rest),
                         **self.bounce_cells(sum(c["b"] for k, c in rest),
                                             sum(c["rb"] for k, c in rest))})
        return rows

    def bounce_categories(self, limit=20):
        return self.bounces(("category",), lambda r: (r["bounceCat"],), limit)

    def top_bounces(self, limit=20):
        if self.by_dsn:
            return self.bounces(
                ("domain", "category", "status", "diagnosis"),
                lambda r: (domain_of(r), r["bounceCat"], r["dsnStatus"],
                           plain(r["dsnDiag"])), limit)
        return self.bounces(("domain", "category"),
                            lambda r: (domain_of(r), r["bounceCat"]), limit)

    # ---- delivery times

    def delays(self):
        return sorted(max(0, s - seconds(r["timeQueued"]))
                      for s, r in self.logged
                      if r["type"] == "d" and r["timeQueued"])

    def delivery_times(self):
        delays, rows, at_least = self.delays(), [], -1
        for name, limit in DELAYS:
            n = sum(1 for d in delays if d > at_least and
                    (limit is None or d <= limit))
            rows.append({"within": name, "delivered": n,
                         "percent": percent(n, len(delays))})
            at_least = limit
        return rows

    def delivery_time(self):
        delays = self.delays()

        def within(share):
            """The least time within which so many percent came."""
            return delays[-(-len(delays) * share // 100) - 1] \
                if delays else None
        return {"measured": len(delays), "median_s": within(50),
                "p95_s": within(95), "longest_s": within(100)}

    # ---- tables

    @staticmethod
    def table(name, order, columns, limit=None):
        rows = [{name: k, **c.cells(columns)} for k, c in order[:limit]]
        rest = order[len(rows):]
        if rest:
            total = Counter()
            for _, counter in rest:
                total.update(counter)
            rows.append({name: None, "others": len(rest),
                         **total.cells(columns)})
        return rows

    def domain_groups(self):
        return self.group((domain_of(r), r) for r in self.rows
                          if r["type"] not in NO_RCPT)

    def top_domains(self, limit=10):
        order = sorted(self.domain_groups().items(),
                       key=lambda i: (-i[1].attempts(), i[0]))
        return self.table("domain", order, DOMAIN_COLUMNS, limit)

    def domains(self):
        return self.table("domain", sorted(self.domain_groups().items()),
                          DOMAIN_COLUMNS)

    def vmtas(self):
        groups = self.group((r["vmta"], r) for r in self.rows
                            if r["type"] in HAS_VMTA)
        return self.table("vmta", sorted(
            groups.items(), key=lambda i: (-i[1].attempts(), i[0])),
            VMTA_COLUMNS)

    # ---- times

    def busiest(self, letter, form):
        """How many in the period that had most, and which it is."""
        n = collections.Counter(stamp(s, form) for s, r in self.logged
                                if r["type"] == letter)
        if not n:
            return 0, None
        return min(((c, k) for k, c in n.items()), key=lambda i: (-i[0], i[1]))

    def rates(self):
        span = max(self.times) - min(self.times) + 1 if self.times else 1
        rows = []
        for what in ("delivered", "received"):
            letter = MEASURES[what]
            hour = self.busiest(letter, "%Y-%m-%d %H:00")
            minute = self.busiest(letter, "%Y-%m-%d %H:%M")
            rows.append({"what": what,
                         "per_hour":
                         ratio(self.all[letter] * 3600, max(span, 3600)),
                         "hour_count": hour[0], "hour": hour[1],
                         "minute_count": minute[0], "minute": minute[1]})
        return rows

    def periods(self, name, form):
        groups = self.group((stamp(s, form), r) for s, r in self.logged)
        return self.table(name, sorted(groups.items()), TIME_COLUMNS)

    def hourly(self):
        return self.periods("hour", "%Y-%m-%d %H:00")

    def dates(self):
        return self.periods("date", "%Y-%m-%d")

    # ---- all

    def usual(self, files=None):
        """Without further options."""
        return {"time_frame": self.time_frame(files), "counts": self.counts(),
                "bounce_categories": self.bounce_categories(),
                "delivery_times": self.delivery_times(),
                "delivery_time": self.delivery_time(),
                "top_bounces": self.top_bounces(),
                "top_domains": self.top_domains(), "rates": self.rates(),
                "vmtas": self.vmtas(), "hourly": self.hourly()}


def by_value(rows, column, limit, **how):
    """The reports of each value of a column."""
    values = collections.defaultdict(list)
    for row in rows:
        values[row.get(column) or ""].append(row)
    order = sorted(values.items(), key=lambda i: (-len(i[1]), i[0]))
    reports = [{"value": v, **Report(r, **how).usual()}
               for v, r in order[:limit]]
    rest = [row for v, r in order[limit:] for row in r]
    if rest:
        reports.append({"value": None, "others": len(order[limit:]),
                        **Report(rest, **how).usual()})
    return reports
