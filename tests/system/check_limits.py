#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check_limits - did anybody get more than the configuration allows?

    check_limits.py --config FILE --log RECEIVER.jsonl [--log ...]
                    [--slack-ms N] [--need LIMIT...] [--name ADDRESS=MX...]

Reads the text of the configuration by a parser of its own and the logs of
receiver.py; it shares no code with what it judges.  For every limit it prints
one line: PASS or FAIL, the limit, the most that was seen, and when.

    PASS max-msg-rate gmail.example/brand-a 20/1s: most 20 (100 %), 340 in all

Judged are connections at once, connections opened, recipients and bytes of
queues (<domain>, also inside <virtual-mta> and <virtual-mta-pool>), of their
source addresses, of virtual MTAs, pools and providers, recipients of jobs,
smtp-out-rampup-interval, max-msg-per-connection and total-max-smtp-out: the
table LIMITS; besides ip-connection-limit, and mx-connection-limit for addresses
whose MX name --name says.  A recipient counts at the kernel's time stamp of
its RCPT, a connection from that of its SYN to that of its end, bytes when the
message has come.
A virtual MTA is known by its source addresses, a queue by the domains of the
recipients seen on a connection, a job by the header X-Test-Job (receiver.py
logs those of log_headers).  One message larger than a whole allowance may go
alone.

A window is half open: N in [t, t + period).  --slack-ms shortens it, for
the wire's jitter: without it two RCPTs whose time stamps differ by a
microsecond less than the period count into one window.  Limits named by
--need must have been used to at least half, or the test that made the log
proved nothing.  Exit status 1 if anything failed.
"""

import argparse
import collections
import fnmatch
import ipaddress
import json
import re
import sys

SIZES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
UNITS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hr": 3600,
         "d": 86400, "day": 86400}
DEFAULT_MAX_SMTP_OUT = 20
DEFAULT_TOTAL_OUT = 1200
DEFAULT_VMTA = "{default}"
JOB_HEADER = "X-Test-Job"
REPEATED = ("ip-connection-limit", "mx-connection-limit")


# ---- configuration -----------------------------------------------------------

class ConfigError(Exception):
    pass


def parse_rate(text):
    """"20/s", "1/20m", "unlimited" to (count, seconds) or None."""
    if text in ("unlimited", "0"):
        return None
    m = re.fullmatch(r"(\d+)/(\d*)([a-z]+)", text)
    if m is None or m.group(3) not in UNITS:
        raise ConfigError("not a rate: " + text)
    return int(m.group(1)), int(m.group(2) or 1) * UNITS[m.group(3)]


def parse_data_rate(text):
    """"10k/s", "300K/m" to (bytes, seconds) or None."""
    size, slash, period = text.partition("/")
    if text in ("unlimited", "0"):
        return None
    m = re.fullmatch(r"(\d+)([kmg]?)b?", size.lower())
    if m is None or not slash:
        raise ConfigError("not a data rate: " + text)
    return (int(m.group(1)) * SIZES[m.group(2)],
            parse_rate("1/" + period)[1])


def parse_count(text):
    """"20" to (20, None), "0" and "unlimited" to None."""
    return None if text in ("unlimited", "0") else (int(text), None)


def parse_gap(text):
    """An interval between two: "3s" to (1, 3)."""
    return None if text == "0" else parse_rate("1/" + text)


class Config:
    def __init__(self, text):
        self.provider = collections.defaultdict(dict)
        self.provider_domains = {}  # domain to provider
        self.pool = collections.defaultdict(dict)
        self.jobs = []  # (pattern, settings), as in the file
        self.globals = {}
        self.sources = collections.defaultdict(list)  # VMTA to addresses
        self.vmta = collections.defaultdict(dict)
        self.domains = collections.defaultdict(list)  # owner to rules
        self.pools = collections.defaultdict(list)
        self.macros = {}
        self.repeated = collections.defaultdict(list)  # name to values
        stack = []
        for raw in text.splitlines():
            line = raw.partition("#")[0].strip()
            if line:
                self.line(line, stack)

    def line(self, line, stack):
        if line.startswith("</"):
            stack.pop()
        elif line.startswith("<"):
            name, _, argument = line.strip("<> \t").partition(" ")
            stack.append((name.lower(), argument.strip().strip('"')))
            if name.lower() == "job":
                self.jobs.append((stack[-1][1], {}))
        else:
            name, _, value = line.partition(" ")
            self.directive(name.lower(), value.strip().strip('"'), stack)

    def directive(self, name, value, stack):
        kinds = [kind for kind, _ in stack]
        owner = next((a for k, a in stack if k == "virtual-mta"), None)
        pool = next((a for k, a in stack if k == "virtual-mta-pool"), None)
        domain = next((a for k, a in stack if k == "domain"), None)
        if domain is not None:
            key = ("pool", pool) if pool else ("vmta", owner)
            for pattern in self.expand(domain):
                self.domains[key].append((pattern.lower(), name, value))
        elif kinds == ["virtual-mta"] and name == "smtp-source-host":
            self.sources[owner].append(value.split()[0])
        elif kinds == ["virtual-mta"]:
            self.vmta[owner][name] = value
        elif kinds == ["virtual-mta-pool"] and name == "virtual-mta":
            self.pools[pool] += re.split(r"[,\s]+", value)
        elif kinds == ["virtual-mta-pool"]:
            self.pool[pool][name] = value
        elif kinds == ["provider"] and name == "domain":
            for d in re.split(r"[,\s]+", value):
                self.provider_domains[d.lower()] = stack[0][1]
        elif kinds == ["provider"]:
            self.provider[stack[0][1]][name] = value
        elif kinds == ["job"]:
            self.jobs[-1][1][name] = value
        elif not stack and name == "smtp-source-host":
            self.sources[DEFAULT_VMTA].append(value.split()[0])
        elif not stack and name == "domain-macro":
            macro, _, members = value.partition(" ")
            self.macros[macro] = [x.strip() for x in members.split(",")]
        elif not stack and name in REPEATED:
            self.repeated[name].append(value)
        elif not stack:
            self.globals[name] = value

    def expand(self, domain):
        m = re.search(r"\$(\w+)", domain)
        if m is None:
            return [domain]
        out = []
        for member in self.macros.get(m.group(1), []):
            out += self.expand(domain[:m.start()] + member + domain[m.end():])
        return out

    def queue_value(self, domain, vmta, name, default):
        """The effective value: the last one where it is written best."""
        return (self.queue_values(domain, vmta, name) or [default])[-1]

    def queue_values(self, domain, vmta, name):
        """Those of the best pattern: global, the pool's, the VMTA's."""
        owners = [("vmta", None)]
        owners += [("pool", p) for p, members in self.pools.items()
                   if vmta in members]
        owners.append(("vmta", vmta))
        values = []
        for owner in owners:
            ranked = [(specificity(pattern, domain), v) for
                      pattern, directive, v in self.domains.get(owner, [])
                      if directive == name]
            best = max((rank for rank, _ in ranked), default=-1)
            if best >= 0:
                values = [v for rank, v in ranked if rank == best]
        return values

    def job_value(self, job, name):
        for pattern, settings in self.jobs:
            if fnmatch.fnmatchcase(job, pattern):
                return settings.get(name, "unlimited")
        return "unlimited"

    def pool_of(self, vmta):
        for pool, members in self.pools.items():
            if vmta in members:
                return pool
        return None

    def vmta_of(self, ip):
        for vmta, addresses in self.sources.items():
            if vmta != DEFAULT_VMTA and ip in addresses:
                return vmta
        return DEFAULT_VMTA


def of_address(values, address):
    """The limit in the first "CIDR LIMIT" that fits, or None."""
    for value in values:
        cidr, limit = value.split()
        if ipaddress.ip_address(address) in ipaddress.ip_network(cidr):
            return limit
    return None


def of_name(values, name):
    """The limit in the best "PATTERN LIMIT", or None."""
    ranked = [(specificity(v.split()[0].lower(), name), v.split()[1])
              for v in values]
    best = max((rank for rank, _ in ranked), default=-1)
    return next((v for rank, v in ranked if rank == best), None) \
        if best >= 0 else None


def specificity(pattern, domain):
    """-1 if the pattern does not match; the higher, the more it says."""
    if pattern == domain:
        return 100000
    if pattern.startswith("[*.]"):
        rest = pattern[4:]
        if domain == rest or domain.endswith("." + rest):
            return 2 * len(rest)
        return -1
    if pattern.startswith("*.") and domain.endswith(pattern[1:]):
        return 2 * len(pattern[2:]) + 1
    return 0 if pattern == "*" else -1


# ---- what happened -----------------------------------------------------------

class Connection:
    def __init__(self, event):
        self.opened = event["t"]
        self.began = True  # while we looked
        self.closed = float("inf")
        self.to = event["to"]
        self.peer = event["peer"]
        self.domains = set()
        self.messages = 0
        self.rcpts = []  # of the message that is coming


class Seen:
    """What one limit may count: times of RCPTs and (time, bytes)."""

    def __init__(self):
        self.rcpts = []
        self.bytes = []
        self.connections = []


class History:
    """Connections, RCPTs and bytes, from receivers' logs."""

    def __init__(self):
        self.connections = []
        self.rcpts = collections.defaultdict(list)  # (domain, peer): times
        self.bytes = collections.defaultdict(list)  # likewise: (time, bytes)
        self.jobs = collections.defaultdict(list)  # job: times

    def read(self, lines):
        by_id = {}
        for line in lines:
            e = json.loads(line)
            if e["ev"] == "connect":
                by_id[e["id"]] = Connection(e)
                self.connections.append(by_id[e["id"]])
                continue
            c = by_id.get(e.get("id"))
            if e["ev"] == "rcpt":
                self.rcpt(e, c)
            elif e["ev"] == "message" and c is not None:
                self.message(e, c)
            elif e["ev"] == "mail" and c is not None:
                c.rcpts = []
            elif e["ev"] == "close" and c is not None:
                c.closed = e["t"]

    def rcpt(self, e, c):
        domain = e["rcpt"].rpartition("@")[2].lower()
        self.rcpts[(domain, e["peer"])].append(e["t"])
        if c is not None:
            c.domains.add(domain)
            c.rcpts.append((e["t"], domain))

    def message(self, e, c):
        c.messages += 1
        job = e.get("headers", {}).get(JOB_HEADER)
        if job is not None:
            self.jobs[job] += [t for t, _ in c.rcpts]
        if c.rcpts and e.get("code", 250) < 300:
            self.bytes[(c.rcpts[0][1], c.peer)].append(
                (e["t"], e.get("size", 0)))
        c.rcpts = []

    def forget_before(self, since):
        self.connections = [c for c in self.connections if c.closed > since]
        for c in self.connections:
            c.began = c.opened >= since
            c.opened = max(c.opened, since)
        for times in (self.rcpts, self.jobs):
            for key, values in times.items():
                times[key] = [t for t in values if t >= since]
        for key, events in self.bytes.items():
            self.bytes[key] = [e for e in events if e[0] >= since]

    def attribute(self):
        """A connection without RCPT belongs to the domains that others at
        the same receiver were for."""
        seen = collections.defaultdict(set)
        for c in self.connections:
            seen[c.to] |= c.domains
        for c in self.connections:
            if not c.domains:
                c.domains = set(seen[c.to])


def busiest(times, period):
    """(most events in any half-open window of `period`, when it began)."""
    times = sorted(times)
    best, at, start = 0, None, 0
    for end, t in enumerate(times):
        while t - times[start] >= period:
            start += 1
        if end - start + 1 > best:
            best, at = end - start + 1, times[start]
    return best, at


def busiest_bytes(events, period, count):
    """(most bytes in a window, when); one that is alone counts as allowed."""
    events = sorted(events)
    best, at, start, total = 0, None, 0, 0
    for end, (t, n) in enumerate(events):
        total += n
        while t - events[start][0] >= period:
            total -= events[start][1]
            start += 1
        weight = min(total, count) if start == end else total
        if weight > best:
            best, at = weight, events[start][0]
    return best, at


def most_in_window(times, period):
    return busiest(times, period)[0]


def most_open(connections):
    """(most open at once, when)."""
    edges = []
    for c in connections:
        edges.append((c.opened, 1))
        edges.append((c.closed, -1))
    edges.sort()  # at the same time, closing comes first
    n = best = 0
    at = None
    for t, step in edges:
        n += step
        if n > best:
            best, at = n, t
    return best, at


# ---- judgement ---------------------------------------------------------------

class Judge:
    def __init__(self, config, history, slack_s, need, names):
        self.config = config
        self.names = names  # of MX hosts, by address
        self.history = history
        self.slack_s = slack_s
        self.need = set(need)
        self.failed = 0

    def say(self, limit, what, allowed, seen, text):
        name = "%s %s" % (limit, what)
        good = seen <= allowed
        why = ""
        if good and name in self.need and seen * 2 < allowed:
            good, why = False, " (hardly used: this proves nothing)"
        self.need.discard(name)
        self.failed += not good
        print("%s %s%s%s" % ("PASS" if good else "FAIL", name, text, why))

    def rate(self, limit, what, rate, times):
        if rate is None or not times:
            return
        count, period = rate
        seen, at = busiest(times, period - self.slack_s)
        self.say(limit, what, count, seen,
                 " %d/%ds: most %d (%d %%) from %.6f, %d in all" % (
                     count, period, seen, 100 * seen / count, at,
                     len(times)))

    def data_rate(self, limit, what, rate, events):
        if rate is None or not events:
            return
        count, period = rate
        seen, at = busiest_bytes(events, period - self.slack_s, count)
        self.say(limit, what, count, seen,
                 " %d/%ds: most %d (%d %%) from %.6f, %d in all" % (
                     count, period, seen, 100 * seen / count, at or 0,
                     sum(n for _, n in events)))

    def open_at_once(self, limit, what, count, connections):
        if count is None or not connections:
            return
        allowed = count[0]
        seen, at = most_open(connections)
        self.say(limit, what, allowed, seen,
                 " %d: most %d (%d %%) at %.6f, %d in all" % (
                     allowed, seen, 100 * seen / allowed, at or 0,
                     len(connections)))

    def per_connection(self, limit, what, count, connections):
        if count is None or not connections:
            return
        seen = max(c.messages for c in connections)
        self.say(limit, what, count[0], seen,
                 " %d: most %d" % (count[0], seen))

    @staticmethod
    def opened(seen):
        return [c.opened for c in seen.connections if c.began]

    # What kind a limit is of: how its value is read, and what it counts.
    KINDS = {
        "conns": (parse_count, open_at_once, lambda s: s.connections),
        "connects": (parse_rate, rate, opened),
        "gap": (parse_gap, rate, opened),
        "msgs": (parse_rate, rate, lambda s: s.rcpts),
        "bytes": (parse_data_rate, data_rate, lambda s: s.bytes),
        "messages": (parse_count, per_connection, lambda s: s.connections),
    }
    LIMITS = (  # scope, directive, kind
        ("queue", "max-msg-rate", "msgs"),
        ("queue", "max-smtp-out", "conns"),
        ("queue", "max-connect-rate", "connects"),
        ("queue", "smtp-out-rampup-interval", "gap"),
        ("queue", "max-data-volume-rate", "bytes"),
        ("queue", "max-msg-per-connection", "messages"),
        ("source", "source-ip-max-msg-rate", "msgs"),
        ("source", "source-ip-max-smtp-out", "conns"),
        ("source", "source-ip-max-connect-rate", "connects"),
        ("source", "source-ip-max-data-volume-rate", "bytes"),
        ("vmta", "max-smtp-msg-rate", "msgs"),
        ("vmta", "max-smtp-out", "conns"),
        ("vmta", "max-smtp-data-volume-rate", "bytes"),
        ("pool", "max-smtp-msg-rate", "msgs"),
        ("pool", "max-smtp-out", "conns"),
        ("pool", "max-smtp-data-volume-rate", "bytes"),
        ("provider", "max-msg-rate", "msgs"),
        ("provider", "max-smtp-out", "conns"),
        ("provider", "max-connect-rate", "connects"),
        ("provider", "max-data-volume-rate", "bytes"),
        ("job", "max-msg-rate", "msgs"),
        ("process", "total-max-smtp-out", "conns"),
    )
    QUEUE_DEFAULTS = {"max-smtp-out": str(DEFAULT_MAX_SMTP_OUT),
                      "max-msg-per-connection": "0",
                      "smtp-out-rampup-interval": "0"}

    def scopes_of(self, domain, peer):
        """(scope, its name) of all that count mail of a queue from there."""
        vmta = self.config.vmta_of(peer)
        pool = self.config.pool_of(vmta)
        provider = self.config.provider_domains.get(domain)
        found = [("queue", (domain, vmta)), ("source", (domain, vmta, peer)),
                 ("vmta", vmta), ("process", "process")]
        return found + [(s, n) for s, n in (("pool", pool),
                                            ("provider", provider)) if n]

    def gather(self):
        """(scope, its name) to what it has seen."""
        out = collections.defaultdict(Seen)
        for key, times in self.history.rcpts.items():
            for scope in self.scopes_of(*key):
                out[scope].rcpts += times
        for key, events in self.history.bytes.items():
            for scope in self.scopes_of(*key):
                out[scope].bytes += events
        for c in self.history.connections:
            scopes = {("vmta", self.config.vmta_of(c.peer)),
                      ("process", "process")}
            for domain in c.domains:
                scopes |= set(self.scopes_of(domain, c.peer))
            for scope in scopes:
                out[scope].connections.append(c)
        for job, times in self.history.jobs.items():
            out[("job", job)].rcpts += times
        return out

    def value(self, scope, name, directive):
        """The text of a limit, and how its scope is called in what we say."""
        conf = self.config
        if scope == "queue":
            default = self.QUEUE_DEFAULTS.get(directive, "unlimited")
            return conf.queue_value(*name, directive, default), "%s/%s" % name
        if scope == "source":
            values = conf.queue_values(name[0], name[1], directive)
            return of_address(values, name[2]) or "0", "%s/%s from %s" % name
        if scope == "vmta":
            return conf.vmta[name].get(directive, "unlimited"), name
        if scope == "job":
            return conf.job_value(name, directive), "job " + name
        if scope == "process":
            return conf.globals.get(directive, str(DEFAULT_TOTAL_OUT)), name
        settings = conf.pool if scope == "pool" else conf.provider
        return settings[name].get(directive, "unlimited"), \
            "%s %s" % (scope, name)

    def remotes(self):
        """Limits of the hosts that connections went to."""
        by_address = collections.defaultdict(list)
        by_name = collections.defaultdict(list)
        for c in self.history.connections:
            address = c.to.rpartition(":")[0].strip("[]")
            by_address[address].append(c)
            if address in self.names:
                by_name[(self.names[address], c.peer)].append(c)
        for address, conns in sorted(by_address.items()):
            self.open_at_once("ip-connection-limit", address, parse_count(of_address(
                self.config.repeated["ip-connection-limit"], address) or "0"),
                conns)
        for (name, peer), conns in sorted(by_name.items()):
            self.open_at_once(
                "mx-connection-limit", "%s from %s" % (name, peer),
                parse_count(of_name(
                    self.config.repeated["mx-connection-limit"], name) or "0"),
                conns)

    def run(self):
        for (scope, name), seen in sorted(self.gather().items(), key=str):
            for of, directive, kind in self.LIMITS:
                if of == scope:
                    text, what = self.value(scope, name, directive)
                    parse, judge, counted = self.KINDS[kind]
                    judge(self, directive, what, parse(text), counted(seen))
        self.remotes()
        for name in sorted(self.need):
            print("FAIL %s: nothing was seen of it" % name)
            self.failed += 1
        return self.failed == 0


def check(config_text, log_paths, slack_ms=0, need=(), names=None, since=0):
    """names: of MX hosts, by address; since: what was open before does not
    count before it."""
    history = History()
    for path in log_paths:
        with open(path) as f:
            history.read(line for line in f if line.endswith("\n"))
    history.attribute()
    history.forget_before(since)
    return Judge(Config(config_text), history, slack_ms / 1000, need,
                 names or {}).run()


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--config", required=True)
    p.add_argument("--log", action="append", required=True)
    p.add_argument("--slack-ms", type=float, default=0)
    p.add_argument("--need", action="append", default=[])
    p.add_argument("--name", action="append", default=[])
    args = p.parse_args()
    with open(args.config) as f:
        text = f.read()
    return 0 if check(text, args.log, args.slack_ms, args.need,
                      dict(n.split("=", 1) for n in args.name)) else 1


if __name__ == "__main__":
    sys.exit(main())
