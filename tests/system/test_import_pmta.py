#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`mailrace import pmta` makes of a PowerMTA configuration, with all that it
includes, one that passes `test config` and has the same settings, and says
what became of each line.  No daemon is there."""

import netns
netns.enter()

import json
import os
import shutil
import stat
import subprocess
import tempfile

import keys
import mailrace
import tap
from pmta_sites import SITES

SECRET = "S3CRET" # in all passwords and keys of the sites


class Folder:
    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="mailrace-test-pmta.")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path)

    def write(self, name, text):
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        return path


def run(*args, to=0):
    done = subprocess.run([mailrace.program("mailrace"), *args],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True)
    tap.equal(done.returncode, to, "%s: %s%s" % (args, done.stdout,
                                                 done.stderr))
    return done


def make_site(folder, name):
    where = os.path.join(folder.path, name)
    for file, text in SITES[name]["files"].items():
        if file == "config":
            text = text.format(dir=where)
        folder.write("%s/%s" % (name, file), text)
    for key in SITES[name].get("keys", ()):
        path = os.path.join(where, key)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        keys.dkim_key(path)
    return where


def settings(config, queue):
    answer = json.loads(run("-c", config, "show", "settings", queue,
                            "--json").stdout)
    return {s["name"]: s["value"] for s in answer["settings"]}


def check_site(folder, name):
    """Written elsewhere than it was read."""
    site, where = SITES[name], make_site(folder, name)
    out = folder.write("made-%s/old" % name, "") + ".conf"
    answer = json.loads(run("import", "pmta", where, "--output", out,
                            "--json", to=site["exit"]).stdout)
    run("-c", out, "test", "config")
    tap.equal((answer["good"], [e for e in answer["errors"]
                                if not e["warning"]]), (True, []), "good")
    with open(out) as f:
        lines = [l.strip().split("  #")[0] for l in f]
    for line in site["lines"]:
        tap.check(line.replace("{dir}", where) in lines,
                  "no line %r in\n%s" % (line, "\n".join(lines)))
    for queue, wanted in site["queues"].items():
        got = settings(out, queue)
        for key, value in wanted.items():
            tap.equal(got[key].strip('"'), value, "%s of %s" % (key, queue))
    for fate, key, at, part in site["report"]:
        tap.check(any((i["fate"], i["name"], i["where"]) == (fate, key, at)
                      and part in "%s %s" % (i["value"], i["text"])
                      for i in answer["report"]),
                  "not in the report: %s %s %s %s but %s" %
                  (fate, key, at, part, [i for i in answer["report"]
                                         if i["name"] == key]))
    return answer


@tap.test("newsletters: a file for each virtual MTA, pools, keys")
def newsletters(folder):
    check_site(folder, "newsletters")


@tap.test("rules for replies, macros defined behind their use")
def replies(folder):
    check_site(folder, "replies")


@tap.test("customers who sign in: what is lost of TLS is said, and the exit "
          "status says it")
def customers(folder):
    check_site(folder, "customers")


@tap.test("old names stay, and it is said what they mean")
def old(folder):
    check_site(folder, "old")


@tap.test("a broken one gives what can be loaded, and names the rest")
def broken(folder):
    check_site(folder, "broken")


@tap.test("each line of each file is in the report, once")
def complete(folder):
    where = make_site(folder, "newsletters")
    report = json.loads(run("import", "pmta", where + "/config",
                            "--json").stdout)["report"]
    at = sorted(i["where"] for i in report if ":" in i["where"])
    tap.equal(len(at), len(set(at)), "twice")
    for file, text in SITES["newsletters"]["files"].items():
        for n, line in enumerate(text.split("\n"), 1):
            if line.strip() and line.strip()[0] not in "#<" and \
               not line.startswith("include"):
                tap.check("%s:%d" % (file, n) in at, "%s:%d: %s" %
                          (file, n, line))


@tap.test("passwords are nowhere to be seen, the file is its owner's")
def passwords(folder):
    for name in SITES:
        where, to = make_site(folder, name), SITES[name]["exit"]
        config = os.path.join(where, "out")
        for args in (("--json",), (), ("--output", config)):
            done = run("import", "pmta", where, *args, to=to)
            tap.check(SECRET not in done.stdout + done.stderr,
                      "%s with %s" % (name, args))
        tap.equal(stat.S_IMODE(os.stat(config).st_mode), 0o600, "mode")
        with open(config) as f:
            tap.equal(SECRET in f.read(), name == "customers", name)


@tap.test("without --output the configuration is printed, the report behind")
def printed(folder):
    done = run("import", "pmta", make_site(folder, "old"))
    run("-c", folder.write("printed", done.stdout), "test", "config")
    for title in ("Not taken over", "Taken over", "Differently expressed"):
        tap.check(title in done.stderr, "no %r" % title)


@tap.test("a file that is there stays, unless --force")
def force(folder):
    where = make_site(folder, "old")
    config = folder.write("mine", "mine\n")
    done = run("import", "pmta", where, "--output", config, to=2)
    tap.check("--force" in done.stderr, done.stderr)
    with open(config) as f:
        tap.equal(f.read(), "mine\n", "untouched")
    run("import", "pmta", where, "--output", config, "--force")
    run("-c", config, "test", "config")


@tap.test("what cannot be read is an error, with nothing made")
def unreadable(folder):
    os.mkdir(folder.path + "/empty")
    for path in ("none", "empty"):
        done = run("import", "pmta", os.path.join(folder.path, path),
                   "--output", folder.path + "/new", to=2)
        tap.check(path in done.stderr, done.stderr)
        tap.check(not os.path.exists(folder.path + "/new"), "made")


@tap.test("an address that the host lacks is no reason to leave a line out")
def lacking(folder):
    config = folder.write("config", """\
<virtual-mta a>
    smtp-source-host 192.0.2.1 a.example
    domain-key k, a.example, none.pem
</virtual-mta>
""")
    done = run("import", "pmta", config, to=1)
    for line in ("    smtp-source-host 192.0.2.1 a.example  #",
                 "    domain-key k, a.example, %s/none.pem  #" % folder.path):
        tap.check(line in done.stdout, done.stdout)
    tap.check("none.pem" in done.stderr.split("error in the result")[1],
              done.stderr)
    run("import", "pmta", config, "--portable")


tap.main(Folder)
