#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`mailrace import exim` makes of a site's configuration, as a real Exim tells
it, one that passes `test config` and sends alike, and says what became of each
setting.  No daemon is there, of neither kind."""

import netns
netns.enter()

import json
import os
import re
import shutil
import stat
import subprocess
import tempfile

import exim
import exim_sites
import mailrace
import tap

USER = "Debian-exim"


class Folder:
    """Exim's user is known, and its program in $PATH, here alone."""

    def __enter__(self):
        self.root = tempfile.mkdtemp(prefix="mailrace-test-import-exim.")
        self.mounts = []
        exim.know_user(self, USER)
        os.mkdir(self.path("bin"))
        os.symlink(exim.find(), self.path("bin", "exim4"))
        self.env = dict(os.environ,
                        PATH=self.path("bin") + ":" + os.environ["PATH"])
        os.chmod(self.root, 0o755)
        return self

    def __exit__(self, *_):
        for path in reversed(self.mounts):
            subprocess.run(["umount", path], check=True)
        shutil.rmtree(self.root)

    def path(self, *names):
        return os.path.join(self.root, *names)

    def site(self, name):
        where = self.path(name)
        if not os.path.isdir(where):
            os.mkdir(where)
            for sub in ("spool", "log"):
                os.mkdir(os.path.join(where, sub))
                shutil.chown(os.path.join(where, sub), USER, USER)
        return exim_sites.write(where, name, exim.find())

    def conf(self, text):
        """Another configuration, in a site's folder."""
        where = os.path.dirname(self.site("plain"))
        path = os.path.join(where, "other.conf")
        with open(path, "w") as f:
            f.write(text.replace("{dir}", where))
        return path

    def run(self, *args, to=0, env=None):
        done = subprocess.run([mailrace.program("mailrace"), *args],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, env=env or self.env)
        tap.equal(done.returncode, to, "%s: %s%s" % (args, done.stdout,
                                                     done.stderr))
        return done

    def report(self, path, to=0):
        return json.loads(self.run("import", "exim", path, "--json",
                                   to=to).stdout)["report"]


def settings(folder, config, queue):
    answer = json.loads(folder.run("-c", config, "show", "settings", queue,
                                   "--json").stdout)
    return {s["name"]: s["value"] for s in answer["settings"]}


def check_site(folder, name):
    site, conf = exim_sites.SITES[name], folder.site(name)
    where = os.path.dirname(conf)
    config = os.path.join(where, "mailrace")
    answer = json.loads(folder.run("import", "exim", conf, "--output", config,
                                   "--json", to=site["exit"]).stdout)
    folder.run("-c", config, "test", "config")
    tap.equal(answer["good"], True, "the result is good")
    with open(config) as f:
        lines = [l.split("  #")[0].strip() for l in f]
    for line in site["lines"]:
        line = line.replace("{dir}", where)
        tap.check(line in lines, "no line %r" % line)
    for queue, wanted in site["queues"].items():
        got = settings(folder, config, queue)
        for key, value in wanted.items():
            tap.equal(got[key].strip('"'), value, "%s of %s" % (key, queue))
    for fate, key, part in site["report"]:
        tap.check(any(i["fate"] == fate and i["name"] == key and
                      part in "%s %s" % (i["value"], i["text"])
                      for i in answer["report"]),
                  "not in the report: %s %s %s" % (fate, key, part))


@tap.test("a host that sends to MX hosts")
def plain(folder):
    check_site(folder, "plain")


@tap.test("a smarthost with TLS and a password, as Debian writes it")
def debian(folder):
    check_site(folder, "debian")


@tap.test("an address and a name for each sender, and senders with routes")
def senders(folder):
    check_site(folder, "senders")


@tap.test("routes with ports and tables, TLS by domain: what is lost of it is "
          "said, and the exit status says it")
def routes(folder):
    check_site(folder, "routes")


@tap.test("signatures, retry rules, slow providers, domains that are held")
def signed(folder):
    check_site(folder, "signed")


def exim_hosts(folder, conf, sender, rcpt):
    """(transport, {"[IP]:PORT"}) as Exim itself routes."""
    told = subprocess.run([folder.path("bin", "exim4"), "-C", conf, "-f",
                           sender, "-bt", rcpt], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    return (re.search("transport = (.*)", told)[1],
            {"[%s]:%s" % (ip, port or "25") for ip, port in
             re.findall(r"host \S+ +\[(\S+)\](?: +port=(\d+))?", told)})


@tap.test("Exim itself sends mail where the result does")
def asked(folder):
    for name, site in exim_sites.SITES.items():
        if "asked" not in site:
            continue
        conf, config = folder.site(name), folder.path("result")
        folder.run("import", "exim", conf, "--output", config, "--force",
                   to=site["exit"])
        for sender, rcpt, vmta in site["asked"]:
            transport, wanted = exim_hosts(folder, conf, sender, rcpt)
            queue = rcpt.split("@")[1].lower() + "/" + vmta
            ours = settings(folder, config, queue)["smtp-hosts"]
            hosts = {h if "]:" in h else h + ":25"
                     for h in re.split("[;,]", ours.strip('"'))}
            # Exim names what it falls back to nowhere here.
            tap.equal(hosts - {"[127.0.0.89]:25"}, wanted, queue)
            tap.equal(vmta.startswith(transport), True, queue)


@tap.test("DANE that was in effect is lost loudly, a default of no effect is "
          "only told")
def dane(folder):
    text = exim_sites.MAIN % "a.example" + """
MORE
begin routers
all:
  driver = dnslookup
  transport = out
begin transports
out:
  driver = smtp
"""
    for main, fate, to in (("", "lost", 0),
                           ("dns_dnssec_ok = 1", "unsafe", 1)):
        report = folder.report(folder.conf(text.replace("MORE", main)),
                               to=to)
        tap.equal([i["fate"] for i in report
                   if i["name"] == "hosts_try_dane"], [fate], main)


@tap.test("passwords are nowhere to be seen, the file is nobody else's")
def passwords(folder):
    conf = folder.site("debian")
    config = folder.path("out")
    for args in (("--json",), (), ("--output", config)):
        done = folder.run("import", "exim", conf, *args)
        for secret in exim_sites.DEBIAN["secrets"]:
            tap.check(secret not in done.stdout + done.stderr,
                      "%s with %s" % (secret, args))
    tap.check(stat.S_IMODE(os.stat(config).st_mode) in (0o600, 0o640), "mode")
    conf = folder.conf(exim_sites.MAIN % "a.example" + """
begin transports
out:
  driver = smtp
  hosts_require_auth = *
  hosts = 127.0.0.1
  hide dkim_private_key = inline-s3cret
  dkim_domain = a.example
  dkim_selector = s
begin routers
all:
  driver = accept
  transport = out
begin authenticators
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  client_name = joe
  client_secret = s3cret
""")
    for args in (("--json",), ()):
        done = folder.run("import", "exim", conf, *args)
        tap.check("joe" in done.stdout + done.stderr, "nothing is said")
        tap.check("s3cret" not in done.stdout + done.stderr, args)


@tap.test("where each setting stands is said")
def places(folder):
    found = {(i["name"], i["where"])
             for i in folder.report(folder.site("routes"), to=1)}
    for place in (("hosts_require_dane", "transport dane_smtp"),
                  ("local_parts", "router staff"),
                  ("primary_hostname", "main section"),
                  ("retry", "section retry, rule 4")):
        tap.check(place in found, "no %s in %s" % place)


@tap.test("what depends on more than sender and domain is manual, with the "
          "router left out; nothing of it is run")
def manual(folder):
    mark = folder.path("run-by-exim")
    conf = folder.conf(exim_sites.MAIN % "a.example" + """
begin routers
one:
  driver = dnslookup
  condition = ${if eq{${run{/usr/bin/touch %s}{1}{0}}}{1}}
  transport = out
two:
  driver = manualroute
  route_data = ${readsocket{/run/none}{$domain}}
  transport = out
three:
  driver = dnslookup
  transport = ${if match{$sender_address_domain}{x}{out}{other}}
four:
  driver = dnslookup
  senders = : nobody@a.example
  transport = other
last:
  driver = dnslookup
  transport = out
begin transports
out:
  driver = smtp
  interface = ${perl{f}}
  helo_data = ${lookup mysql{select x}}
  hosts_require_tls = ${lookup{$domain}lsearch{/etc/none}{*}}
other:
  driver = smtp
""" % mark)
    report = folder.report(conf, to=1)
    for name, where, fate in (("condition", "router one", "unsafe"),
                              ("route_data", "router two", "unsafe"),
                              ("transport", "router three", "lost"),
                              ("senders", "router four", "lost"),
                              ("helo_data", "transport out", "lost"),
                              ("hosts_require_tls", "transport out",
                               "unsafe")):
        found = [i for i in report
                 if i["name"] == name and i["where"] == where]
        tap.check(found and found[0]["fate"] == fate and
                  found[0]["text"].startswith("manual"),
                  "%s: %s" % (name, found))
    tap.check(not os.path.exists(mark), "a program was run")


@tap.test("what begins with a capital or is longer than a line of exim -be is "
          "asked as it is")
def forms(folder):
    many = " : ".join("d%d.example" % n for n in range(300))
    conf = folder.conf(exim_sites.MAIN % "a.example" + """
begin routers
all:
  driver = dnslookup
  transport = out
begin transports
out:
  driver = smtp
  interface = ${if inlist{$sender_address_domain}{%s}{127.0.0.2}{127.0.0.3}}
  helo_data = Out-${if eq{$sender_address_domain}{d7.example}{a}{b}}.a.example
""" % many)
    made = folder.run("import", "exim", conf).stdout
    for line in ("127.0.0.2 Out-a.a.example", "127.0.0.2 Out-b.a.example",
                 "127.0.0.3 Out-b.a.example", r"/@d299\.example$/"):
        tap.check(line in made, "no %s" % line)


@tap.test("a file that is there stays, unless --force")
def force(folder):
    conf, config = folder.site("plain"), folder.path("mine")
    with open(config, "w") as f:
        f.write("mine\n")
    done = folder.run("import", "exim", conf, "--output", config, to=2)
    tap.check("--force" in done.stderr, done.stderr)
    folder.run("import", "exim", conf, "--output", config, "--force")
    folder.run("-c", config, "test", "config")


@tap.test("what Exim does not understand is an error, with nothing made")
def unreadable(folder):
    made = folder.path("made")
    huge = "domainlist x = " + "a.example : " * 20000 + "b.example\n"
    for text, said in (("nosuch = 3\n", "nosuch"),
                       ("begin routers\nr:\n  driver = smtp\n", "driver"),
                       ("smtp_banner = a\001b\n", "control"),
                       (huge, "longer"), ("\0\1\2\3" * 100, "no router")):
        conf = folder.conf(exim_sites.MAIN % "a.example" + text)
        done = folder.run("import", "exim", conf, "--output", made, to=2)
        tap.check(said in done.stderr, "%r: %s" % (text[:20], done.stderr))
    done = folder.run("import", "exim", folder.path("none"), to=2)
    tap.check("none" in done.stderr, done.stderr)
    tap.check(not os.path.exists(made), "made")


@tap.test("without Exim, that is said")
def without(folder):
    done = folder.run("import", "exim", "/none", to=2,
                      env=dict(os.environ, PATH="/nowhere"))
    tap.check("exim" in done.stderr, done.stderr)


@tap.test("an address that the host lacks is an error, with --portable not")
def lacking(folder):
    conf = folder.conf((exim_sites.PLAIN["conf"]
                        .replace("127.0.0.11", "192.0.2.1")
                        .replace("{{", "{").replace("}}", "}")))
    done = folder.run("import", "exim", conf, to=1)
    tap.check("192.0.2.1" in done.stderr.split("error in the result")[1],
              done.stderr)
    folder.run("import", "exim", conf, "--portable")


tap.main(Folder)
