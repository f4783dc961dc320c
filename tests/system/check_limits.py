#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check_limits - did anybody get more than the configuration allows?

    check_limits.py --config FILE --log RECEIVER.jsonl [--log ...]
                    [--slack-ms N] [--need LIMIT...] [--name ADDRESS=MX...]

Reads the text of the configuration by a parser of its own and the logs of
receiver.py; it shares no code with what it judges.  For every limit it prints
one line: PASS or FAIL, the limit, the most that was seen, and when.

    PASS max-msg-rate gmail.example/brand-a 20/1s: most 20 (100 %), 340 in all

Judged are max-msg-rate and max-smtp-out of queues (<domain>, also inside
<virtual-mta> and <virtual-mta-pool>), source-ip-max-smtp-out and
source-ip-max-msg-rate in them, max-smtp-msg-rate and max-smtp-out of virtual
MTAs, max-msg-per-connection, total-max-smtp-out, ip-connection-limit, and
mx-connection-limit for addresses whose MX name --name says.  A recipient
counts at the kernel's time stamp of its RCPT, a connection from accept to
close.  A virtual MTA is known by its source addresses, a queue by the domains
of the recipients seen on a connection.

A window is half open: N in [t, t + period).  --slack-ms shortens it, for
the wire's jitter: without it two RCPTs whose time stamps differ by a
microsecond less than the period count into one window.  Limits named by
--need must have been used to at least half, or the test that made the log
proved nothing.  Exit status 1 if anything failed.
"""

import argparse
import collections
import ipaddress
import json
import re
import sys

UNITS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hr": 3600,
         "d": 86400, "day": 86400}
DEFAULT_MAX_SMTP_OUT = 20
DEFAULT_TOTAL_OUT = 1200
DEFAULT_VMTA = "{default}"
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


class Config:
    def __init__(self, text):
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
        self.closed = float("inf")
        self.to = event["to"]
        self.peer = event["peer"]
        self.domains = set()
        self.messages = 0


class History:
    """Connections and RCPT times, from receivers' logs."""

    def __init__(self):
        self.connections = []
        self.rcpts = collections.defaultdict(list)  # (domain, peer): times

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
                domain = e["rcpt"].rpartition("@")[2].lower()
                self.rcpts[(domain, e["peer"])].append(e["t"])
                if c is not None:
                    c.domains.add(domain)
            elif e["ev"] == "message" and c is not None:
                c.messages += 1
            elif e["ev"] == "close" and c is not None:
                c.closed = e["t"]

    def forget_before(self, since):
        self.connections = [c for c in self.connections if c.closed > since]
        for c in self.connections:
            c.opened = max(c.opened, since)
        for key, times in self.rcpts.items():
            self.rcpts[key] = [t for t in times if t >= since]

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

    def open_at_once(self, limit, what, allowed, connections):
        if not allowed or not connections:
            return
        seen, at = most_open(connections)
        self.say(limit, what, allowed, seen,
                 " %d: most %d (%d %%) at %.6f, %d in all" % (
                     allowed, seen, 100 * seen / allowed, at or 0,
                     len(connections)))

    def queues(self):
        """(domain, vmta) to (RCPT times, connections)."""
        out = collections.defaultdict(lambda: ([], []))
        for (domain, peer), times in self.history.rcpts.items():
            out[(domain, self.config.vmta_of(peer))][0].extend(times)
        for c in self.history.connections:
            for domain in c.domains:
                out[(domain, self.config.vmta_of(c.peer))][1].append(c)
        return out

    def sources(self, what, domain, vmta):
        """Limits of a queue for each local address."""
        conns = [c for c in self.history.connections if domain in c.domains]
        for peer in sorted({c.peer for c in conns}):
            if self.config.vmta_of(peer) != vmta:
                continue
            name = "%s from %s" % (what, peer)
            values = self.config.queue_values
            self.open_at_once("source-ip-max-smtp-out", name, int(
                of_address(values(domain, vmta, "source-ip-max-smtp-out"),
                           peer) or 0), [c for c in conns if c.peer == peer])
            self.rate("source-ip-max-msg-rate", name, parse_rate(of_address(
                values(domain, vmta, "source-ip-max-msg-rate"), peer) or "0"),
                self.history.rcpts[(domain, peer)])

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
            self.open_at_once("ip-connection-limit", address, int(of_address(
                self.config.repeated["ip-connection-limit"], address) or 0),
                conns)
        for (name, peer), conns in sorted(by_name.items()):
            self.open_at_once(
                "mx-connection-limit", "%s from %s" % (name, peer), int(
                    of_name(self.config.repeated["mx-connection-limit"],
                            name) or 0), conns)

    def run(self):
        vmtas = collections.defaultdict(lambda: ([], []))
        for (domain, vmta), (times, conns) in sorted(self.queues().items()):
            what = "%s/%s" % (domain, vmta)
            value = self.config.queue_value
            self.rate("max-msg-rate", what, parse_rate(
                value(domain, vmta, "max-msg-rate", "unlimited")), times)
            self.open_at_once("max-smtp-out", what, int(value(
                domain, vmta, "max-smtp-out", DEFAULT_MAX_SMTP_OUT)), conns)
            most = int(value(domain, vmta, "max-msg-per-connection", 0))
            if most and conns:
                seen = max(c.messages for c in conns)
                self.say("max-msg-per-connection", what, most, seen,
                         " %d: most %d" % (most, seen))
            self.sources(what, domain, vmta)
            vmtas[vmta][0].extend(times)
        for c in self.history.connections:
            vmtas[self.config.vmta_of(c.peer)][1].append(c)
        for vmta, (times, conns) in sorted(vmtas.items()):
            conf = self.config.vmta[vmta]
            self.rate("max-smtp-msg-rate", vmta, parse_rate(
                conf.get("max-smtp-msg-rate", "unlimited")), times)
            self.open_at_once("max-smtp-out", vmta, int(
                conf.get("max-smtp-out", 0)), conns)
        self.open_at_once("total-max-smtp-out", "process", int(
            self.config.globals.get("total-max-smtp-out",
                                    DEFAULT_TOTAL_OUT)),
                          self.history.connections)
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
