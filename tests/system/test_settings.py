#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Without a daemon: `show settings` names the line of each value, `test config
--portable` makes warnings of what only this host lacks, `lint` names both lines
of a limit that is never reached, and `digest` computes the hashes of
privacy-policy."""

import netns
netns.enter()

import hashlib
import hmac
import json
import os
import re
import shutil
import subprocess
import tempfile

import mailrace
import tap

CONFIG = """\
host-name mta.example
smtp-source-host 127.0.0.10 mta.example
<domain *>
    retry-after 10m, 20m
</domain>
include more.conf
smtp-listener 127.0.0.2:25 source=apps
<source apps>
</source>
"""
MORE = """\
<virtual-mta news>
    <domain gmail.example>
        max-msg-rate 100/hr
    </domain>
</virtual-mta>
"""
LIMITS = """\
<virtual-mta a>
    max-smtp-out 10
    <domain big.example>
        max-smtp-out 12
    </domain>
</virtual-mta>
<virtual-mta-pool p>
    virtual-mta a
    max-smtp-msg-rate 100/s
</virtual-mta-pool>
<provider big>
    domain big.example
    max-connect-rate 5/s
</provider>
<job bulk-*>
    max-msg-rate 10/m
</job>
"""
# What stands in a file made for another host, and what is said of it here.
ELSEWHERE = [
    ("include none.conf", "No such file"),
    ("include /none/*.conf", "there is no such file"),
    ("domain-key s1, a.example, none.pem", "No such file"),
    ("mark-key-file /none/mark", "No such file"),
    ("control-group none-of-ours", "no group"),
    ("smtp-listener 192.0.2.1:25", "192.0.2.1 is not on this host"),
    ("smtp-source-host 192.0.2.2 a.example", "192.0.2.2 is not on this host"),
    ("<virtual-mta v>\nsmtp-source-host 2001:db8::1\n</virtual-mta>",
     "2001:db8::1 is not on this host"),
    ("log-file /none/log", "no folder /none"),
    ("<acct-file /none/a.csv>\n</acct-file>", "no folder /none"),
    ("<acct-file /tmp/a.csv>\nmove-to /none/done\n</acct-file>",
     "no folder /none/done"),
    ("<acct-file /tmp/a.csv>\nmove-to /proc/self\n</acct-file>",
     "move-to: /proc/self "),
    ("<acct-file |/none/feed --all>\n</acct-file>",
     "/none/feed is no program"),
    ("<acct-file |none-of-ours | cat>\n</acct-file>",
     "none-of-ours is no program"),
    ("<acct-file /tmp/a.json>\nhttp-webhook-url http://a.example\n"
     "http-webhook-extra-headers /none/headers\n</acct-file>",
     "/none/headers: No such file"),
]
ACCOUNTING = """\
<acct-file /var/log/acct.csv>
    records d, b
    record-fields d *, header_X-Job
    move-interval 1h
</acct-file>
"""


class Folder:
    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="mailrace-test-")
        self.config = self.write("main.conf", CONFIG)
        self.write("more.conf", MORE)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path)

    def write(self, name, text):
        path = os.path.join(self.path, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def run(self, *words, config=None):
        return subprocess.run(
            [mailrace.program("mailrace"), "-c", config or self.config,
             *words], capture_output=True, text=True, timeout=30)


def lines(text):
    """{(section, name): "value # place"} of what was printed."""
    found, section = {}, None
    for line in text.splitlines():
        if line.startswith("# "):
            section = line[2:]
        elif line:
            found[section, line.split()[0]] = " ".join(line.split()[1:])
    return found


@tap.test("show settings QUEUE: each value and where it is written")
def queue(folder):
    r = folder.run("show", "settings", "gmail.example/news")
    tap.equal((r.returncode, r.stderr), (0, ""), "status")
    found = lines(r.stdout)
    more = os.path.join(folder.path, "more.conf")
    tap.equal(found["Queue Settings", "max-msg-rate"], "100/h # %s:3 <domain "
              "gmail.example> of <virtual-mta news>" % more, "in a virtual MTA")
    tap.equal(found["Queue Settings", "retry-after"],
              "10m,20m # %s:4 <domain *>" % folder.config, "of all domains")
    tap.equal(found["Queue Settings", "bounce-after"], "4d12h # default",
              "nowhere")
    tap.equal(found["Virtual MTA Settings", "smtp-source-host"],
              "127.0.0.10 mta.example # %s:2" % folder.config, "inherited")


@tap.test("show settings QUEUE: limits of its pool and provider, and of jobs")
def limits(folder):
    path = folder.write("limits.conf", LIMITS)
    r = folder.run("show", "settings", "big.example/a", config=path)
    tap.equal((r.returncode, r.stderr), (0, ""), "status")
    found = lines(r.stdout)
    for key, value in (
            (("Virtual MTA Settings", "max-smtp-out"),
             "10 # %s:2 <virtual-mta a>"),
            (("Pool Settings", "max-smtp-msg-rate"),
             "100/s # %s:9 <virtual-mta-pool p>"),
            (("Provider Settings", "max-connect-rate"),
             "5/s # %s:13 <provider big>"),
            (("Queue Settings", "max-smtp-out"),
             "12 # %s:4 <domain big.example> of <virtual-mta a>"),
            (("Job Settings", "max-msg-rate"), "10/m # %s:16 <job bulk-*>")):
        tap.equal(found[key], value % path, " ".join(key))


@tap.test("lint: a limit that is never reached, with both lines, status 1")
def lint(folder):
    path = folder.write("limits.conf", LIMITS)
    r = folder.run("lint", path)
    tap.equal((r.returncode, r.stderr), (1, ""), "status")
    tap.equal(r.stdout.splitlines()[:3], [
        "%s:4: max-smtp-out 12 in <domain big.example> of <virtual-mta a>"
        % path,
        "    can never be reached: 10, against 12",
        "    because of %s:2: max-smtp-out 10 in <virtual-mta a>" % path],
        "the finding")
    tap.equal(len(r.stdout.splitlines()), 4, "with what to do, and no other")


@tap.test("lint --json: the same for programs")
def lint_json(folder):
    path = folder.write("limits.conf", LIMITS)
    r = folder.run("--json", "lint", config=path)
    answer = json.loads(r.stdout)
    tap.equal((r.returncode, answer["clean"], answer["complete"]),
              (1, False, True), "the verdict")
    found, = answer["findings"]
    tap.equal((found["kind"], found["limit"], found["by"]), (
        "unreachable",
        {"directive": "max-smtp-out", "value": "12", "file": path, "line": 4,
         "block": "<domain big.example> of <virtual-mta a>"},
        {"directive": "max-smtp-out", "value": "10", "file": path, "line": 2,
         "block": "<virtual-mta a>"}), "both lines")


@tap.test("lint: nothing is in vain: status 0; a file with a mistake: 2")
def lint_verdicts(folder):
    path = folder.write("clean.conf", LIMITS.replace("12", "9"))
    r = folder.run("lint", path)
    tap.equal((r.returncode, r.stdout),
              (0, "%s: nothing is in vain.\n" % path), "a clean one")
    path = folder.write("wrong.conf", LIMITS.replace("12", "x"))
    r = folder.run("lint", path)
    tap.equal((r.returncode, r.stdout), (2, ""), "one with a mistake")
    tap.check("wrong.conf:4: max-smtp-out" in r.stderr, r.stderr)
    r = folder.run("lint", path + ".none")
    tap.equal(r.returncode, 2, "none")


@tap.test("show settings ACCT-FILE: each value and where it is written")
def acct(folder):
    path = folder.write("acct.conf", ACCOUNTING)
    r = folder.run("show", "settings", "/var/log/acct.csv", config=path)
    tap.equal((r.returncode, r.stderr), (0, ""), "status")
    found = lines(r.stdout)
    of = " <acct-file /var/log/acct.csv>"
    for name, value in (("record-fields", "d *, header_X-Job # %s:3" % path + of),
                        ("move-interval", "1h # %s:4" % path + of),
                        ("max-size", "250m # default")):
        tap.equal(found["Accounting Settings", name], value, name)
    pasted = folder.write("pasted.conf", "<acct-file /x.csv>\n%s</acct-file>\n"
                          % r.stdout)
    tap.equal(folder.run("show", "settings", "/x.csv", config=pasted)
              .stdout.count("\n"), r.stdout.count("\n"), "pasted")
    r = folder.run("show", "settings", "|/bin/feed", config=path)
    tap.equal(r.returncode, 1, "one that there is not")
    tap.equal(r.stderr, "mailrace: there is no <acct-file |/bin/feed>\n", "why")
    r = folder.run("--json", "show", "settings", "/var/log/./acct.csv",
                   config=path)
    tap.equal(json.loads(r.stdout)["acct_file"], "/var/log/./acct.csv",
              "another spelling of the path, as JSON")


@tap.test("what is printed can be pasted: the same settings again")
def paste(folder):
    once = folder.run("show", "settings", "gmail.example/news").stdout
    settings = once[once.index("# Queue Settings"):]
    pasted = folder.write("pasted.conf", "<domain *>\n%s</domain>\n" % settings)
    twice = folder.run("show", "settings", "other.example", config=pasted)
    tap.equal(twice.returncode, 0, twice.stderr)

    def values(text):
        return {k: v.split(" # ")[0] for k, v in lines(text).items()
                if k[0] == "Queue Settings"}
    tap.equal(values(twice.stdout), values(once), "settings")


@tap.test("--json: an object for programs; no argument: the top level")
def as_json(folder):
    r = folder.run("--json", "show", "settings")
    tap.equal(r.returncode, 0, r.stderr)
    found = {s["name"]: s for s in json.loads(r.stdout)["settings"]}
    tap.equal(found["host-name"],
              {"section": "Global Settings", "name": "host-name",
               "value": "mta.example", "file": folder.config, "line": 1,
               "block": ""}, "host-name")
    tap.equal(found["spool"]["file"], None, "spool is the default")
    tap.equal(found["smtp-listener"]["value"], "127.0.0.2:25 source=apps",
              "a listener with all that belongs to it")


@tap.test("an unknown virtual MTA, and what is no domain: exit status 1")
def unknown(folder):
    for argument, said in (("a.example/nwes", '"nwes"; did you mean news?'),
                           ("a.example/newss", "did you mean news?"),
                           ("a.example/other", 'or pool "other"\n'),
                           ("a example", '"a example" is not a domain'),
                           ("x" * 300, "255")):
        r = folder.run("show", "settings", argument)
        tap.equal((r.returncode, r.stdout), (1, ""), argument)
        tap.check(said in r.stderr, r.stderr)


@tap.test("test config --portable: what this host lacks is a warning")
def portable(folder):
    for text, said in ELSEWHERE:
        tap.note(text)
        path = folder.write("elsewhere.conf", text + "\n")
        r = folder.run("test", "config", "--portable", config=path)
        tap.equal(r.returncode, 0, r.stderr)
        tap.check(said in r.stderr, r.stderr)
        tap.check("(warning)" in r.stderr, r.stderr)


@tap.test("--portable hides no mistake")
def mistakes(folder):
    with open(folder.path + "/bad.pem", "w") as f:
        f.write("no key\n")
    os.chmod(folder.path + "/bad.pem", 0o600)
    path = folder.write("wrong.conf", "max-smtp-uot 3\n"
                        "domain-key s1, a.example, bad.pem\n")
    r = folder.run("test", "config", "--portable", config=path)
    tap.equal(r.returncode, 1, "status")
    tap.equal(len(r.stderr.splitlines()), 2, r.stderr)
    tap.check("(warning)" not in r.stderr, r.stderr)


@tap.test("without it, they are errors")
def strict(folder):
    for text, good in (("control-group none-of-ours", False),
                       ("smtp-listener 192.0.2.1:25", False),
                       ("mark-key-file /none/mark", False),
                       ("smtp-source-host 192.0.2.2 a.example", False),
                       ("smtp-source-host 127.0.0.0/29 a.example", True),
                       ("smtp-source-host 198.51.100.0/24 a.example", False)):
        path = folder.write("strict.conf", text + "\n")
        r = folder.run("test", "config", config=path)
        tap.equal(r.returncode == 0, good, text + ": " + r.stderr)
        tap.equal(r.stderr == "", good, "nothing is said of " + text)
    said = "addresses 198.51.100.1 to 198.51.100.254 are not on this host"
    tap.equal(r.stderr.count("198.51.100."), 2, r.stderr)
    tap.check(said in r.stderr, r.stderr)


@tap.test("commands of accounting that the shell knows by itself")
def builtins(folder):
    for command in ("cd / && cat", "while read -r row; do :; done", "cat",
                    "FOO=1 none-of-ours", "umask 077; cat"):
        path = folder.write("command.conf", "<acct-file |%s>\n</acct-file>\n"
                            % command)
        r = folder.run("test", "config", config=path)
        tap.equal((r.returncode, r.stderr), (0, ""), command)


@tap.test("move-to a folder of another volume: an error, not of another host")
def volume(folder):
    text = "<acct-file %s/a.csv>\nmove-to %s\n</acct-file>\n"
    done = os.path.join(folder.path, "done")
    os.mkdir(done)
    for target, rc in ((done, 0), ("/proc/self", 1)):
        path = folder.write("volume.conf", text % (folder.path, target))
        r = folder.run("test", "config", config=path)
        tap.equal((r.returncode, "is on another volume" in r.stderr),
                  (rc, rc == 1), r.stderr)
    r = folder.run("test", "config", "--portable", config=path)
    tap.equal(r.returncode, 0, r.stderr)


@tap.test("what the host lacks stands among the mistakes, in order of lines")
def order(folder):
    path = folder.write("order.conf", "<acct-file /none/a.csv>\n</acct-file>\n"
                        "domain-key s1, a.example, none.pem\n"
                        "smtp-source-host 192.0.2.2 a.example\n")
    r = folder.run("test", "config", "--portable", config=path)
    tap.equal([line.split(":")[1] for line in r.stderr.splitlines()],
              ["1", "3", "4"], r.stderr)


@tap.test("test config --json: the verdict, and each mistake by its line")
def verdict(folder):
    path = folder.write("wrong.conf", "max-smtp-uot 3\n"
                        "<domain *>\n    deliver-email no\n</domain>\n")
    r = folder.run("--json", "test", "config", config=path)
    tap.equal((r.returncode, r.stderr), (1, ""), "status")
    answer = json.loads(r.stdout)
    tap.equal(answer["good"], False, "verdict")
    tap.equal([(e["file"], e["line"], e["warning"]) for e in answer["errors"]],
              [(path, 1, False), (path, 3, True)], str(answer))
    tap.check(answer["errors"][0]["text"].startswith("unknown directive"),
              str(answer))
    r = folder.run("--json", "test", "config")
    tap.equal((r.returncode, json.loads(r.stdout)["good"]), (0, True), "good")


@tap.test("keys, though the host lacks them: the virtual MTA's before the others")
def keys(folder):
    path = folder.write("keys.conf", "domain-key s1, a.example, none.pem\n"
                        "<virtual-mta v>\n    domain-key s2, *, none.pem\n"
                        "</virtual-mta>\n")
    for queue, selectors in ("a.example/v", ["s2", "s1"]), ("a.example", ["s1"]):
        r = folder.run("show", "settings", queue, config=path)
        tap.equal((r.returncode, r.stderr), (0, ""), "status")
        tap.equal([line.split()[1].split(",")[0] for line in
                   r.stdout.splitlines() if line.startswith("domain-key")],
                  selectors, queue)


@tap.test("digest: the hashes that Python computes, and PowerMTA prints")
def digest(folder):
    for key, text in (("openmta", "alice"), ("k e\\y\"", ""),
                      ("long" * 40, "j\u00f6rg+x")):
        want = hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
        for given in ("--key=" + key, "--hexkey=" + key.encode().hex()):
            r = folder.run("digest", "--hmac-sha256", given, text)
            tap.equal((r.returncode, r.stdout),
                      (0, "Result: %s\n" % want.upper()), given + r.stderr)
    r = folder.run("digest", "--siphash", "--key=openmta", "alice", "--json")
    tap.equal(json.loads(r.stdout), {"result": "B8C20B1AC3BB95C1"}, r.stderr)


@tap.test("digest: what is missing, twice or no key is told, status 2")
def digest_mistakes(folder):
    for words, said in (
            (["--siphash", "--key=k"], "needs a string"),
            (["--key=k", "x"], "--hmac-sha256 and --siphash"),
            (["--siphash", "--hmac-sha256", "--key=k", "x"], "one of"),
            (["--siphash", "x"], "--key and --hexkey"),
            (["--siphash", "--key=k", "--hexkey=00", "x"], "one of"),
            (["--siphash", "--hexkey=0", "x"], "a key in hex"),
            (["--siphash", "--key=" + "k" * 17, "x"], "16 bytes"),
            (["--siphash", "--key=k", "x", "y"], '"y" is too much')):
        r = folder.run("digest", *words)
        tap.equal((r.returncode, r.stdout), (2, ""), str(words))
        tap.check(said in r.stderr, r.stderr)


@tap.test("the manual's examples of accounting and limits: nothing is wrong")
def examples(folder):
    manual = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                          "..", "..", "doc", "mailrace.conf.5.in")
    with open(manual) as f:
        found = [m[0] for m in re.finditer(
            r"^<(acct-file|address-list|job|provider|suppression-list) "
            r".*?^</\1>\n", f.read(), re.M | re.S)]
    tap.check(len(found) >= 4, "examples in " + manual)
    path = folder.write("examples.conf", "domain-macro gmail gmail.com\n"
                        + "".join(found))
    r = folder.run("test", "config", "--portable", config=path)
    tap.equal(r.returncode, 0, r.stderr)
    tap.equal([line for line in r.stderr.splitlines() if not re.search(
        "on this host|No such file|no effect yet", line)], [], "mistakes")


tap.main(Folder)
