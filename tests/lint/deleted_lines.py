#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""deleted_lines - each tested line of a configuration is deleted, and its test
must then fail: a directive whose absence nobody notices is not tested.  Before
that each system test's function must pass by itself.

    deleted_lines.py --list             what proves which directive
    deleted_lines.py --unproven         those that nothing proves
    deleted_lines.py [DIRECTIVE...]     delete them (default: all), as root

Scenarios: every directive of every `config` line, one at a time.  System tests:
every directive that a test names, @tap.test("...", proves="domain max-msg-rate")
(block and name; the name alone at the top level); the lab leaves its lines out
of the configuration (MAILRACE_DELETE).  A directive that
takes effect and is proven nowhere fails the run.  Prints TAP.
"""

import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

TOP = os.environ.get("MAILRACE_TOP", os.path.dirname(os.path.dirname(
    os.path.dirname(os.path.abspath(__file__)))))
BUILD = os.environ.get("MAILRACE_BUILD", os.path.join(TOP, "build"))
RUN_TIMEOUT_S = 300
# A test that misses its line waits for what does not come.
RUNS_AT_ONCE = 4


# The block whose directives a table holds; global.def has the top level.
BLOCKS = {"acct": "acct-file ", "domain": "domain ", "global": "",
          "group": "source-group ", "job": "job ", "listener": "smtp-listener ", "pool": "virtual-mta-pool ",
          "provider": "provider ", "source": "source ",
          "suppress_list": "suppression-list ", "user": "smtp-user ", "vmta": "virtual-mta "}


ROW = re.compile(r'^D\("([^"]+)"', re.M)


def directives():
    """What takes effect, from the tables: "block name", or "name"."""
    found = set()
    for path in glob.glob(os.path.join(TOP, "vmta", "*.def")):
        table = os.path.basename(path)[:-4]
        with open(path) as f:
            found.update(BLOCKS.get(table, table + " ") + name for name in
                         ROW.findall(f.read()))
    return found


class ScenarioProof:
    """One directive of one config line of a scenario."""

    def __init__(self, path, line, name, directive, without):
        self.path, self.line, self.without = path, line, without
        self.name = name
        self.label = "%s:%d: %s" % (os.path.basename(path), line + 1,
                                    directive)

    def passes_without(self):
        with open(self.path) as f:
            lines = f.read().split("\n")
        lines[self.line] = self.without
        with tempfile.NamedTemporaryFile("w", suffix=".scn") as f:
            f.write("\n".join(lines))
            f.flush()
            run = os.path.join(BUILD, "tests", "scenario", "run_scenario")
            return passes([run, f.name], dict(os.environ, top_srcdir=TOP))


class SystemProof:
    """A directive that a test function of a system test names."""

    def __init__(self, path, function, name):
        self.path, self.function, self.name = path, function, name
        self.label = "%s: %s: %s" % (os.path.basename(path), function, name)

    def passes_without(self):
        return self.run(MAILRACE_DELETE=self.name)

    def passes_alone(self):
        """With nothing deleted; what fails then proves nothing."""
        return self.run()

    def run(self, **env):
        return passes([sys.executable, self.path, self.function],
                      dict(os.environ, MAILRACE_BUILD=BUILD, **env))


def passes(command, env):
    try:
        run = subprocess.run(command, env=env, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, timeout=RUN_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return False
    return run.returncode == 0


CONFIG = re.compile(r"^(config\s+)(?!without)(.*)$")
BLOCK = re.compile(r"^([a-z-]+(?: \S+)? \{)(.*)\}\s*$")
ROWS_END = re.compile(r";(?=\s|$)")


def named_rows(block, rows):
    """Each row that can go alone, with its block's name: that of <domain X> for
    those behind it, until </domain>."""
    inside = block
    for i, row in enumerate(rows):
        if row.startswith("<"):
            inside = block if row.startswith("</") else row.strip("<>").split()[0]
        else:
            yield i, "%s %s" % (inside, row.split()[0])


def scenario_proofs(path):
    with open(path) as f:
        lines = f.read().split("\n")
    for number, line in enumerate(lines):
        config = CONFIG.match(line)
        if config is None:
            continue
        block = BLOCK.match(config[2])
        if block is None:
            yield ScenarioProof(path, number, config[2].split()[0],
                                config[2], "")
            continue
        rows = [r.strip() for r in ROWS_END.split(block[2]) if r.strip()]
        for i, name in named_rows(block[1].split()[0], rows):
            rest = " ; ".join(rows[:i] + rows[i + 1:])
            without = "%s%s %s }" % (config[1], block[1], rest) if rest else ""
            yield ScenarioProof(path, number, name, rows[i], without)


TEST = re.compile(r"^@tap\.test\((?:[^()]|\([^()]*\))*?proves=(\(?[^()]*\)?)"
                  r"\)\ndef (\w+)", re.M)


def system_proofs(path):
    with open(path) as f:
        for names, function in TEST.findall(f.read()):
            for name in re.findall(r'"([^"]+)"', names):
                yield SystemProof(path, function, name)


def proofs():
    found = []
    for path in sorted(glob.glob(os.path.join(TOP, "tests/scenario/*.scn"))):
        found += scenario_proofs(path)
    for path in sorted(glob.glob(os.path.join(TOP, "tests/system/test_*.py"))):
        found += system_proofs(path)
    return found


def unproven(found):
    return sorted(directives() - {p.name for p in found})


def list_them(found):
    for p in sorted(found, key=lambda p: (p.name, p.label)):
        print("%-32s %s" % (p.name, p.label))
    return 0


def list_unproven(found):
    for name in unproven(found):
        print("%s: no test proves it: say proves=\"%s\" at one" % (name, name))
    return 1 if unproven(found) else 0


class Tap:
    """Results as they come."""

    def __init__(self, count):
        self.number = self.failed = 0
        print("1..%d" % count)

    def say(self, well, text):
        self.number += 1
        self.failed += not well
        print("%s %d - %s" % ("ok" if well else "not ok", self.number, text),
              flush=True)


def alone(chosen):
    """One proof for each function of a system test: it must pass by itself,
    since it is run so to see it fail."""
    return list({(p.path, p.function): p for p in chosen
                 if isinstance(p, SystemProof)}.values())


def delete_them(found, wanted):
    chosen = [p for p in found if not wanted or p.name in wanted]
    missing = [n for n in unproven(found) if not wanted or n in wanted]
    by_itself = alone(chosen)
    out = Tap(len(by_itself) + len(chosen) + len(missing))
    with ThreadPoolExecutor(RUNS_AT_ONCE) as pool:
        passed = pool.map(lambda p: p.passes_alone(), by_itself)
        for p, well in zip(by_itself, passed):
            out.say(well, "passes alone: %s: %s" % (
                os.path.basename(p.path), p.function))
        passed = pool.map(lambda p: p.passes_without(), chosen)
        for p, still in zip(chosen, passed):
            out.say(not still, "deleted, its test fails: " + p.label)
    for name in missing:
        out.say(False, "no test proves " + name)
    return 1 if out.failed else 0


def main():
    parser = argparse.ArgumentParser(
        description="Delete tested lines of configurations; their tests must "
        "fail.", epilog="example: deleted_lines.py log-level "
        "'domain max-smtp-out'")
    parser.add_argument("--list", action="store_true",
                        help="say what proves which directive; run nothing")
    parser.add_argument("--unproven", action="store_true",
                        help="say what no test proves; run nothing")
    parser.add_argument("directive", nargs="*")
    args = parser.parse_args()
    if args.list:
        return list_them(proofs())
    if args.unproven:
        return list_unproven(proofs())
    return delete_them(proofs(), set(args.directive))


if __name__ == "__main__":
    sys.exit(main())
