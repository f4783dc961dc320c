#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mailrace suppress: entries of suppression lists come and go while the daemon
runs, are seen within a second, and survive its end; an import is all or nothing
however it ends; what is wrong is said with its place; and no file of the lists
holds an address."""

import netns
netns.enter()

import csv
import hashlib
import io
import os
import stat
import subprocess
import time

import mailrace
import procs
import tap
from lab import Lab, mx_zone

CONFIG = """
suppression-dir {root}/suppress
suppression-lists unsubscribed
<suppression-list unsubscribed>
    address fixed@example.com
    address-file {root}/static
</suppression-list>
<suppression-list sha>
    hashed sha256
</suppression-list>
<suppression-list loose>
    ignore-tag yes
    ignore-dots yes
</suppression-list>
<address-list static>
    address only@example.com
</address-list>
"""
IMPORTED = 200_000
# Whatever else runs on the machine: alone it takes about a second.
IMPORT_TIMEOUT_S = 60


def address(i):
    return "user%d@imported.example" % i


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=mx_zone("in.example",
                                      ("mx.in.example", "127.0.1.1")),
                         with_postfix=False, with_milter=False)
        with open(self.path("static"), "w") as f:
            f.write("# addresses\nfile@example.com\n")
        self.write_config(CONFIG)
        self.given = set()  # addresses that no file may have

    def __enter__(self):
        self.start()
        return self

    def suppress(self, *args, status=0, data=None, timeout_s=30):
        argv = [mailrace.program("mailrace"), "-c", self.config, "suppress"]
        r = subprocess.run(argv + list(args), input=data, text=True,
                           capture_output=True, timeout=timeout_s)
        tap.check(r.returncode == status, "suppress %s: exit %d: %s%s" % (
            " ".join(args), r.returncode, r.stdout, r.stderr))
        self.given.update(a for a in args if "@" in a and "=" not in a)
        return r

    def fails(self, text, *args, status=1, data=None):
        r = self.suppress(*args, status=status, data=data)
        tap.check(text in r.stderr, "%r is not in %r" % (text, r.stderr))

    def check(self, address, *args):
        """Is it listed?  As the exit status and JSON say."""
        r = self.command.run("suppress", "check", address, *args, "--json")
        tap.check(r.returncode in (0, 1), "exit %d: %s%s" % (
            r.returncode, r.stdout, r.stderr))
        answer = mailrace.json.loads(r.stdout)
        tap.equal(answer["listed"], r.returncode == 0, "exit status")
        return answer

    def listed(self, address, *args):
        return self.check(address, *args)["listed"]

    def entry(self, address, name="unsubscribed"):
        found = [e for e in self.check(address, name)["entries"]
                 if e["entry"] == "published"]
        return found[0] if found else None

    def stats(self, name="unsubscribed"):
        rows = self.command.json("suppress", "stats", name)
        return rows["lists"][0]

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)
        return self.path(name)

    def start_import(self, *args):
        """One whose end is not there: its process, with the pipe."""
        p = subprocess.Popen(
            [mailrace.program("mailrace"), "-c", self.config, "suppress",
             "import"] + list(args) + ["-"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        p.stdin.write(b"begun@example.com\n")
        p.stdin.flush()
        tap.wait_for(lambda: self.stats(args[0])["importing"], 10,
                     "the import has begun")
        return p

    def end_import(self, p, close=True):
        out, err = p.communicate(timeout=20)
        return p.returncode, out.decode(), err.decode()


@tap.test("add, check and remove")
def change(lab):
    r = lab.suppress("add", "unsubscribed", "Bob@Example.NET",
                     "eve@example.net", "--reason=asked <bob@example.net> us",
                     "--source=link")
    tap.equal(r.stdout, "2 added to unsubscribed, 0 were there already.\n",
              "text")
    e = lab.entry("bob@example.net")
    tap.equal((e["reason"], e["source"], e["until"]),
              ("asked *** us", "link", None), "the entry")
    tap.check(e["since"] is not None, "since")
    tap.check(lab.listed("BOB@EXAMPLE.NET", "unsubscribed"), "in capitals")
    tap.check(not lab.listed("bob@example.net", "sha"), "another list")
    tap.check(not lab.listed("b.ob@example.net"), "another address")
    text = lab.suppress("check", "bob@example.net").stdout
    tap.check(text.startswith("unsubscribed: listed, since ") and
              "reason asked *** us" in text, text)
    r = lab.suppress("add", "UNSUBSCRIBED", "bob@example.net",
                     "--reason=again")
    tap.equal(r.stdout, "0 added to UNSUBSCRIBED, 1 were there already.\n",
              "once more")
    tap.equal(lab.entry("bob@example.net")["reason"], "again", "is new")
    r = lab.suppress("remove", "unsubscribed", "bob@example.net",
                     "nobody@example.net")
    tap.equal(r.stdout,
              "1 removed from unsubscribed, 1 were not there.\n", "removed")
    r = lab.suppress("check", "bob@example.net", status=1)
    tap.check(" is on none of 4 list(s)." in r.stdout, r.stdout)
    tap.check(lab.listed("eve@example.net"), "the other one stays")


@tap.test("a change is durable and seen when the command has ended")
def at_once(lab):
    for i in range(3):
        lab.suppress("add", "unsubscribed", "now%d@example.net" % i)
        before = time.monotonic()
        tap.check(lab.listed("now%d@example.net" % i), "seen")
        tap.check(time.monotonic() - before < 1, "within a second")
    lab.daemon.kill()
    lab.daemon.start()
    for i in range(3):
        tap.check(lab.listed("now%d@example.net" % i), "after kill -9")


@tap.test("rows of the configuration are named with their place",
          proves=("suppression-list address",
                  "suppression-list address-file"))
def static(lab):
    with open(lab.config) as f:
        line = f.read().split("\n").index("    address fixed@example.com") + 1
    tap.equal(lab.suppress("check", "fixed@example.com").stdout,
              "unsubscribed: listed in %s:%d\n" % (lab.config, line), "a row")
    e = lab.check("file@example.com")["entries"][0]
    tap.equal((e["file"], e["line"]), (lab.path("static"), 2), "of a file")
    tap.check(lab.listed("only@example.com"), "an address-list")
    r = lab.suppress("remove", "unsubscribed", "fixed@example.com")
    tap.check("fixed@example.com: still listed in %s:%d" %
              (lab.config, line) in r.stderr, r.stderr)


@tap.test("only the lists that hold for a scope are asked",
          proves="suppression-lists")
def scope(lab):
    lab.suppress("add", "sha", "scope@example.net")
    tap.check(lab.listed("scope@example.net"), "all lists")
    tap.check(not lab.listed("scope@example.net", "--vmta={default}"),
              "a list that nothing names")
    lab.suppress("add", "unsubscribed", "scope@example.net")
    tap.equal([e["list"] for e in lab.check(
        "scope@example.net", "--jobId=j", "--source=127.0.0.1")["entries"]],
        ["unsubscribed"], "that of the top level")
    lab.fails('no virtual MTA or pool "none"', "check", "scope@example.net",
              "--vmta=none", status=2)


@tap.test("a hashed list takes digests, and normalizes as it says",
          proves=("suppression-list hashed", "suppression-list ignore-dots",
                  "suppression-list ignore-tag"))
def hashed(lab):
    digest = sha256("hash@example.net")
    lab.suppress("add", "sha", digest, sha256("other@example.net").upper())
    tap.check(lab.listed("hash@example.net", "sha"), "by its address")
    tap.check(lab.listed(digest, "sha"), "by its digest")
    exported = lab.suppress("export", "sha").stdout.split()
    tap.equal(exported, sorted(exported), "in order")
    tap.check(digest in exported and
              sha256("other@example.net") in exported, "export")
    lab.suppress("remove", "sha", digest)
    tap.check(not lab.listed("hash@example.net", "sha"), "by digest")
    r = lab.suppress("import", "loose", "-", "--dry-run", data="a@b.cc")
    tap.check(r.stdout.startswith("1 rows: 1 would be added"),
              "a dry run on a list that has nothing: " + r.stdout)
    lab.suppress("add", "loose", "a.l.i.c.e+news@example.net")
    tap.check(lab.listed("alice+other@example.net", "loose"), "dots and tags")


@tap.test("addresses from files and standard input")
def files(lab):
    name = lab.write("some", "\ufeff# of today\r\n\r\none@f.example\r\n"
                     " two@f.example \n#three@f.example\nfour@f.example")
    lab.suppress("add", "unsubscribed", "--file=" + name)
    tap.equal([lab.listed(a + "@f.example") for a in
               ("one", "two", "three", "four")],
              [True, True, False, True], "from a file")
    lab.suppress("add", "unsubscribed", "five@f.example", "-",
                 data="six@f.example\n")
    tap.check(lab.listed("five@f.example") and lab.listed("six@f.example"),
              "a word and standard input")
    many = "".join("m%d@f.example\n" % i for i in range(12000))
    r = lab.suppress("add", "unsubscribed", "-", data=many)
    tap.check(r.stdout.startswith("12000 added"), r.stdout)
    r = lab.suppress("add", "unsubscribed", "-", "--dry-run", data=many +
                     "new@f.example\n")
    tap.equal(r.stdout, "1 would be added to unsubscribed, 12000 were there "
              "already.\n", "a dry run")
    tap.check(not lab.listed("new@f.example"), "changes nothing")
    lab.fails("-:12001: nobody: ", "remove", "unsubscribed", "-", data=many +
              "nobody\n")
    tap.check(lab.listed("m0@f.example"), "nothing was removed")
    r = lab.suppress("remove", "unsubscribed", "-", "--skip-errors",
                     data=many + "nobody\n")
    tap.equal(r.stdout, "12000 removed from unsubscribed, 0 were not there.\n"
              "1 refused.\n", "all that are addresses")


@tap.test("what is wrong is refused in words, and nothing is done")
def refused(lab):
    before = lab.stats()["entries"]
    lab.fails('there is no suppression list "none"', "add", "none", "a@b.cc")
    lab.fails('"static" is an <address-list>', "add", "static", "a@b.cc")
    lab.fails("no-address: not an address", "add", "unsubscribed", "a@b.cc",
              "no-address")
    tap.check(not lab.listed("a@b.cc"), "nothing was added")
    lab.suppress("add", "unsubscribed", "a@b.cc", "no-address",
                 "--skip-errors")
    tap.check(lab.listed("a@b.cc"), "but when that is wanted")
    lab.fails("takes no digests", "add", "unsubscribed", sha256("x"))
    lab.fails("64 hex digits", "add", "sha", "abcdef")
    lab.fails("--expires takes", "add", "unsubscribed", "a@b.cc",
              "--expires=yesterday", status=2)
    lab.fails("has passed", "add", "unsubscribed", "a@b.cc",
              "--expires=2020-01-01", status=2)
    lab.fails("no address is given", "add", "unsubscribed", status=2)
    lab.fails("neither an address nor a digest", "check", "no-address",
              status=2)
    lab.fails("No such file", "import", "unsubscribed", "/no/such", status=2)
    lab.fails("is too much", "export", "unsubscribed", "sha", status=2)
    tap.equal(lab.stats()["entries"], before + 1, "entries")
    for request in ({}, {"list": 5}, {"list": "sha"},
                    {"list": "sha", "addresses": "x"},
                    {"list": "sha", "addresses": [1]},
                    {"list": "sha", "addresses": []},
                    {"list": "sha", "addresses": ["a@b.cc"], "expires": 1}):
        for command in ("suppress add", "suppress remove"):
            if "expires" in request and command == "suppress remove":
                continue
            tap.check("error" in lab.ask(dict(request, command=command)),
                      "%s %s" % (command, request))


@tap.test("entries end at their time")
def expiry(lab):
    lab.suppress("add", "unsubscribed", "brief@example.net", "--expires=2s",
                 "--reason=for a moment")
    lab.suppress("add", "unsubscribed", "long@example.net",
                 "--expires=2099-12-31")
    tap.wait_for(lambda: not lab.listed("brief@example.net"), 10, "it ends")
    tap.equal(lab.entry("long@example.net")["until"],
              "2099-12-31 00:00:00+0000", "another one does not")
    lab.suppress("add", "unsubscribed", "long@example.net",
                 "--expires=never")
    tap.equal(lab.entry("long@example.net")["until"], None, "nor ever")


@tap.test("%d addresses are imported" % IMPORTED)
def large(lab):
    name = lab.write("large", "".join(address(i) + "\n"
                                      for i in range(IMPORTED)))
    before = lab.stats()["entries"]
    r = lab.suppress("import", "unsubscribed", name, "--dry-run",
                     timeout_s=IMPORT_TIMEOUT_S)
    tap.check("%d would be added to unsubscribed, 0 are" % IMPORTED in
              r.stdout, r.stdout)
    tap.check(not lab.listed(address(0)), "a dry run")
    started = time.monotonic()
    r = lab.suppress("import", "unsubscribed", name, "--reason=moved here",
                     timeout_s=IMPORT_TIMEOUT_S)
    tap.note("imported in %.1f s" % (time.monotonic() - started))
    tap.equal(r.stdout, "%d rows: %d added to unsubscribed, 0 were there "
              "already or twice in the file, 0 refused.\nunsubscribed has "
              "%d entries.\n" % (IMPORTED, IMPORTED, before + IMPORTED),
              "text")
    for i in (0, 77777, IMPORTED - 1):
        tap.equal(lab.entry(address(i))["reason"], "moved here", "an entry")
    tap.check(not lab.listed(address(IMPORTED)), "no more than those")
    tap.check(lab.listed("eve@example.net"), "what was there stays")
    r = lab.suppress("import", "unsubscribed", name,
                     timeout_s=IMPORT_TIMEOUT_S)
    tap.check("rows: 0 added to" in r.stdout, r.stdout)
    tap.equal(lab.stats()["entries"], before + IMPORTED, "entries")
    reasons = lab.command.json("suppress", "stats", "unsubscribed")["reasons"]
    tap.check({"reason": "", "source": "", "entries": IMPORTED} in
              [dict(r, entries=r["entries"] // IMPORTED * IMPORTED)
               for r in reasons], str(reasons))


@tap.test("CSV, out and in again")
def columns(lab):
    # Commas, quotes and a line of its own times.
    text = ("Expires,address,reason,source\r\n"
            "2099-01-01,c1@csv.example,\"said \"\"no\"\", twice\",fbl\r\n"
            ",c2@csv.example,,\r\n"
            "never,c3@csv.example,,shop\r\n")
    lab.suppress("import", "sha", "-", "--csv", "--replace", "--reason=list",
                 "--expires=300d", data=text)
    e = lab.entry("c1@csv.example", "sha")
    tap.equal((e["reason"], e["source"], e["until"]),
              ('said "no", twice', "fbl", "2099-01-01 00:00:00+0000"), "c1")
    e = lab.entry("c2@csv.example", "sha")
    tap.equal((e["reason"], e["source"]), ("list", ""), "c2")
    tap.check(e["until"] is not None, "that of the option")
    tap.equal(lab.entry("c3@csv.example", "sha")["until"], None, "c3")
    tap.check(not lab.listed("scope@example.net", "sha"), "--replace")
    out = lab.suppress("export", "sha", "--csv").stdout
    rows = list(csv.DictReader(io.StringIO(out)))
    tap.equal(sorted(r["digest"] for r in rows),
              sorted(sha256("c%d@csv.example" % i) for i in (1, 2, 3)),
              "digests")
    lab.suppress("import", "sha", "-", "--csv", "--replace", data=out)
    tap.equal(lab.suppress("export", "sha", "--csv").stdout, out,
              "the same again")
    as_json = lab.command.json("suppress", "export", "sha")["entries"]
    tap.equal([r["digest"] for r in as_json], [r["digest"] for r in rows],
              "as JSON")


@tap.test("lines of an import that are wrong are told, and none is taken")
def wrong_lines(lab):
    before = lab.stats()["entries"]
    text = "".join("good%d@w.example\n" % i for i in range(5)) + \
        "bad\n" * 30 + "last@w.example"
    r = lab.suppress("import", "unsubscribed", "-", data=text, status=1)
    tap.check("-:6: bad: not an address" in r.stderr and
              "-:25: bad" in r.stderr and "-:26:" not in r.stderr, r.stderr)
    tap.check("30 of 36 rows are refused; the list is as it was" in r.stderr,
              r.stderr)
    tap.equal(lab.stats()["entries"], before, "nothing was taken")
    r = lab.suppress("import", "unsubscribed", "-", "--skip-errors",
                     data=text)
    tap.check(r.stdout.startswith("6 rows: 6 added") and
              "30 refused" in r.stdout, r.stdout)
    tap.check(lab.listed("last@w.example"), "the others")
    lab.fails('no column is "expiry"', "import", "unsubscribed", "-",
              "--csv", data="address,expiry\na@b.cc,2099-01-01\n")
    lab.fails("there is no head line", "import", "unsubscribed", "-",
              "--csv", data="")


@tap.test("one import of a list at a time; others go on; a killed one is none")
def two_imports(lab):
    before = lab.stats()["entries"]
    p = lab.start_import("unsubscribed")
    lab.fails("another import of unsubscribed is under way", "import",
              "Unsubscribed", "-", data="x@y.cc\n")
    lab.suppress("import", "loose", "-", data="x@y.cc\n")
    lab.suppress("add", "unsubscribed", "meanwhile@example.net")
    tap.check(lab.listed("meanwhile@example.net"), "add beside an import")
    p.kill()
    lab.end_import(p)
    tap.wait_for(lambda: not lab.stats()["importing"], 10, "it is over")
    tap.equal(lab.stats()["entries"], before + 1, "entries")
    tap.check(not lab.listed("begun@example.com"), "nothing of it")
    p = lab.start_import("unsubscribed")
    lab.suppress("remove", "unsubscribed", "begun@example.com")
    lab.suppress("add", "unsubscribed", "meanwhile@example.net",
                 "--reason=later")
    p.stdin.write(b"meanwhile@example.net\nwhole@example.com\n")
    tap.equal(lab.end_import(p)[0], 0, "one that ends")
    tap.check(lab.listed("whole@example.com"), "is taken")
    tap.check(not lab.listed("begun@example.com"), "what came later holds")
    tap.equal(lab.entry("meanwhile@example.net")["reason"], "later",
              "of that, too")


@tap.test("kill -9 of the daemon in the middle leaves the list as it was")
def killed(lab):
    before = lab.stats()["entries"]
    name = lab.path("large")
    for delay in (0, 0.05, 0.2, 0.5):
        p = lab.start_import("unsubscribed", "--replace")
        with open(name, "rb") as f:
            rest = f.read()
        half = len(rest) // 2 if delay == 0 else len(rest)
        p.stdin.write(rest[:half])
        p.stdin.flush()
        if delay:
            p.stdin.close()
            time.sleep(delay)
        lab.daemon.kill()
        if not delay:
            p.stdin.close()
        p.wait(20)
        status, err = p.returncode, p.stderr.read().decode()
        p.stdout.close()
        p.stderr.close()
        lab.daemon.start()
        entries = lab.stats()["entries"]
        if status == 0:
            tap.equal(entries, IMPORTED + 1, "it was told to be done")
            before = entries
        else:
            tap.check(status == 2 and "the daemon closed" in err or
                      "Connection reset" in err, "%d %s" % (status, err))
            tap.check(entries in (before, IMPORTED + 1),
                      "%d entries of %d" % (entries, before))
            before = entries
        tap.check(lab.listed(address(5)), "in both of them")
        tap.check(not lab.stats()["importing"], "nothing goes on")


@tap.test("a stop does not wait for an import")
def stopped(lab):
    before = lab.stats()["entries"]
    p = lab.start_import("unsubscribed")
    began = time.monotonic()
    lab.daemon.stop()
    tap.check(time.monotonic() - began < 10, "it took long")
    status, _, err = lab.end_import(p)
    tap.check(status == 1 and "mailraced is being stopped; the list is as it "
              "was" in err, "%d %s" % (status, err))
    lab.fails("the daemon is not running", "check", "a@b.cc", status=2)
    lab.fails("the daemon is not running", "import", "sha", "-", status=2,
              data="a@b.cc\n")
    lab.daemon.start()
    tap.equal(lab.stats()["entries"], before, "entries")


@tap.test("a list that is to be hashed otherwise is imported anew")
def choices(lab):
    with open(lab.config) as f:
        was = f.read()
    with open(lab.config, "w") as f:
        f.write(was.replace("hashed sha256", "hashed md5"))
    lab.command.text("reload")
    for args in (("add", "sha", "a@b.cc"), ("import", "sha", "-")):
        r = lab.suppress(*args, status=1, data="a@b.cc\n")
        tap.check("import" in r.stderr and "other" in r.stderr, r.stderr)
    lab.suppress("check", "c1@csv.example", "sha", status=2)
    lab.suppress("import", "sha", "-", "--replace", data="a@b.cc\n")
    tap.check(lab.listed("a@b.cc", "sha"), "it works again")
    tap.equal(lab.suppress("export", "sha").stdout.strip(),
              hashlib.md5(b"a@b.cc").hexdigest(), "as an MD5 list")
    with open(lab.config, "w") as f:
        f.write(was)
    lab.command.text("reload")
    lab.suppress("import", "sha", "-", "--replace", data="a@b.cc\n")


@tap.test("no file of the lists has an address, and only we can read them",
          proves="suppression-dir")
def no_address(lab):
    words = {w.lower().encode() for w in lab.given}
    words |= {b"imported.example", b"@", b"meanwhile", b"f.example"}
    count = 0
    for folder, _, names in os.walk(lab.path("suppress")):
        tap.equal(stat.S_IMODE(os.stat(folder).st_mode) & 0o027, 0, folder)
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                data = f.read().lower()
            if name == "secret":
                tap.equal((len(data), stat.S_IMODE(os.stat(path).st_mode)),
                          (32, 0o600), "secret")
            count += 1
            for w in words:
                # One byte of a digest may be an @.
                tap.check(len(w) < 2 or w not in data,
                          "%s is in %s" % (w, path))
    tap.check(count > 3, "files")
    tap.check("imported.example" not in lab.daemon.log_text(), "the log")


@tap.test("without its secret nothing of a plain list is found: it is not made "
          "anew then")
def secret_gone(lab):
    secret = lab.path("suppress", "secret")
    lab.daemon.stop()
    os.rename(secret, secret + ".away")
    try:
        lab.daemon.start()
        tap.check(False, "it starts")
    except procs.ProcessError as e:
        tap.check("secret is gone, and " in str(e) and
                  "unsubscribed.list was made with it" in str(e), str(e))
    os.rename(secret + ".away", secret)
    lab.daemon.start()
    tap.check(lab.listed(address(5)), "with it")


tap.main(Fixture)
