#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""SPF by us and by pyspf, in random small worlds: both say the same of each client,
and where a domain explains itself, in the same words.  MAILRACE_ORACLE=N: so
many worlds; MAILRACE_SEED=N: others."""

import os
import random
import subprocess

import spf

import mailrace
import tap

WORLDS = int(os.environ.get("MAILRACE_ORACLE", "400"))
SEED = int(os.environ.get("MAILRACE_SEED", "4711"))
DOMAINS = ["d%d.example" % i for i in range(6)]
HOSTS = ["h%d.example" % i for i in range(4)]
CLIENTS = ["192.0.2.1", "192.0.2.130", "198.51.100.7", "2001:db8::1",
           "2001:db8:0:1::77"]
SENDERS = ["u@d0.example", "strong-bad@d1.example", "a.b+c=d@d2.example", "",
           "u@nowhere.example", "u@example"]
# What pyspf does otherwise, on purpose or not, is kept out of the worlds: terms
# that are counted before they are looked at, circles, and trouble with one of
# several hosts, which ends everything there.
LIMITS = ("Too many DNS lookups", "More than 40 DNS lookups",
          "too many terms that need DNS")
# A mistake in a record may still make a circle, which it sees before the terms
# in front are looked at; RFC 7208 4.6.2 has them looked at from left to right.
CIRCLE = "include has trivial recursion"
# It reads over what the grammar forbids within "%{" and "}".
MACRO = "a macro without its end"
DEFAULTS = set(spf.EXPLANATIONS.values())


def reverse(ip):
    if ":" not in ip:
        return ".".join(reversed(ip.split("."))) + ".in-addr.arpa"
    digits = spf.ipaddress.ip_address(ip).exploded.replace(":", "")
    return ".".join(reversed(digits)) + ".ip6.arpa"


class World:
    """Some records, with names in lower case."""

    def __init__(self, rng):
        self.rng = rng
        self.records = {}  # (name, type) -> values; None is trouble
        for name in HOSTS + DOMAINS:
            for kind in ("A", "AAAA"):
                if rng.random() < 0.6:
                    self.records[name, kind] = [
                        c for c in rng.sample(CLIENTS, 2)
                        if (":" in c) == (kind == "AAAA")]
        self.records["lost.example", "A"] = None
        self.records["lost.example", "TXT"] = None
        for ip in CLIENTS:
            if rng.random() < 0.7:
                self.records[reverse(ip), "PTR"] = rng.sample(
                    HOSTS + DOMAINS, rng.randint(1, 3))
        for i, name in enumerate(DOMAINS):
            if rng.random() < 0.5:
                self.records[name, "MX"] = rng.sample(HOSTS, 2)
            if i < 4 or rng.random() < 0.6:
                self.records[name, "TXT"] = self.texts(i)
        for name in ("u.x.example", "why.example"):
            self.records[name, "A"] = ["127.0.0.2"]
        self.records["why.example", "TXT"] = [
            "%{i} %{l} %{d2} %{O} %{S} %%%_%- %{h} %{v} %{c} %{r}"]

    def texts(self, i):
        rng = self.rng
        if rng.random() < 0.05:
            return ["v=spf1 -all", "v=spf1 +all"]
        out = ["other text"] if rng.random() < 0.2 else []
        return out + [self.record(i)]

    def domain(self, i):
        """Of a term in the record of domain i."""
        return self.rng.choice(
            HOSTS + DOMAINS + ["nowhere.example"] * 2 + [
                "lost.example", "%{d}", "h%{d1r-}.example", "%{o}.",
                "%{l}.x.example", "%{l1r-+}.%{d2}", "%{ir}.%{v}.arpa",
                "%{p}", "%{H}", "%{p2r.}.example"])

    def term(self, i):
        rng = self.rng
        later = DOMAINS[i + 1:]
        bits = rng.choice(["", "", "", "/24", "//64", "/25//48", "/0", "//0"])
        kind = rng.choice(["all", "a", "mx", "ptr", "ip4", "ip6", "exists",
                           "include", "include", "a", "mx"])
        if kind == "include" and not later:
            kind = "exists"
        text = {
            "all": lambda: "all",
            "a": lambda: rng.choice(["a", "a:" + self.domain(i)]) + bits,
            "mx": lambda: rng.choice(
                ["mx", "mx:" + rng.choice(DOMAINS)]) + bits,
            "ptr": lambda: rng.choice(["ptr", "ptr:" + rng.choice(
                DOMAINS + ["example.", "%{d2}"])]),
            "ip4": lambda: "ip4:192.0.2.%d/%d" % (rng.choice((1, 128)),
                                                  rng.choice((32, 25, 24))),
            "ip6": lambda: "ip6:2001:db8::" + rng.choice(("", "1", "/32",
                                                          "/64", "1/127")),
            "exists": lambda: "exists:" + self.domain(i),
            "include": lambda: "include:" + rng.choice(later),
        }[kind]()
        if rng.random() < 0.1 and "%" not in text:  # "R" is "r" to us
            text = text.upper()
        return rng.choice(["", "", "+", "-", "~", "?"]) + text

    def record(self, i):
        rng = self.rng
        terms = [self.term(i) for _ in range(rng.randint(0, 4))]
        if rng.random() < 0.3:
            terms.append("exp=" + rng.choice(["why.example", "%{d}",
                                              "nowhere.example"]))
        if rng.random() < 0.2:
            terms.append("moo=" + rng.choice(["", "%{d}", "a/b"]))
        if i + 1 < len(DOMAINS) and rng.random() < 0.3:
            terms.append("redirect=" + rng.choice(DOMAINS[i + 1:]))
        elif rng.random() < 0.7:
            terms.append(rng.choice("-~?") + "all")
        text = rng.choice([" ", "  "]).join(["v=spf1"] + terms)
        if rng.random() < 0.15:  # a mistake, or something else that is fine
            at = rng.randrange(7, len(text) + 1) if len(text) > 7 else 7
            text = (text[:at] + rng.choice("./:%{}-_+1a ") +
                    text[at + rng.randint(0, 1):])
        return text

    def lines(self):
        for (name, kind), values in self.records.items():
            if values is None:
                yield "%s %s TEMP" % (name, kind)
            for value in values or ():
                yield "%s %s %s" % (name, kind, value)

    def lookup(self, name, kind, *_args):
        """In place of pyspf's DNS."""
        values = self.records.get((name.lower().rstrip("."), kind), [])
        if values is None:
            raise spf.TempError("trouble")
        if kind == "TXT":
            values = [[v.encode()] for v in values]
        elif kind == "MX":
            values = [(10, v) for v in values]
        return [((name, kind), v) for v in values]


def queries():
    return [(ip, "d3.example", sender) for ip in CLIENTS for sender in SENDERS]


def by_pyspf(world):
    spf.DNSLookup = world.lookup
    out = []
    for ip, helo, sender in queries():
        q = spf.query(i=ip, s=sender, h=helo, receiver="mx.test")
        result, _, text = q.check()
        out.append((result, "" if text in DEFAULTS else text))
    return out


def by_us(worlds):
    text = "".join("%s\n.\n%s\n.\n" % (
        "\n".join(w.lines()), "\n".join(" ".join(q) for q in queries()))
        for w in worlds)
    r = subprocess.run([mailrace.program("tests/system/spf_judge")],
                       input=text, capture_output=True, text=True, check=True)
    out = []
    for line in r.stdout.splitlines():
        head, _, reason = line.partition("\t")
        result, _, explanation = head.partition(" ")
        out.append((result, explanation, reason))
    return out


def same(ours, theirs):
    if ours[0] != theirs[0]:
        return False
    return ours[0] != "fail" or ours[1].lower() == theirs[1].lower()


def main():
    spf.MAX_VOID_LOOKUPS = 1000
    rng = random.Random(SEED)
    worlds = [World(rng) for _ in range(WORLDS)]
    ours = by_us(worlds)
    n = len(queries())
    tap.equal(len(ours), WORLDS * n, "answers")
    seen, limited, differ = {}, 0, []
    for i, world in enumerate(worlds):
        for k, theirs in enumerate(by_pyspf(world)):
            got = ours[i * n + k]
            seen[got[0]] = seen.get(got[0], 0) + 1
            if any(t in theirs[1] + got[2] for t in LIMITS):
                limited += 1
            elif (MACRO not in got[2] and CIRCLE not in theirs[1] and
                  not same(got, theirs)):
                differ.append((i, queries()[k], got, theirs))
    for i, query, got, theirs in differ[:10]:
        print("# world %d, %s\n#   we    %s\n#   pyspf %s" %
              (i, query, got, theirs))
        for line in worlds[i].lines():
            print("#     " + line)
    print("# seed %d: %d clients, %s" % (SEED, len(ours), sorted(
        seen.items())))
    print("1..3")
    for number, (good, what) in enumerate((
            (not differ, "pyspf says the same (%d differ)" % len(differ)),
            (limited < len(ours) // 10, "limits end few (%d)" % limited),
            (len(seen) == 7 and min(seen.values()) > len(ours) // 200,
             "each result is seen often")), 1):
        print("%sok %d - %s" % ("" if good else "not ", number, what))
    return 0 if not differ else 1


if __name__ == "__main__":
    raise SystemExit(main())
