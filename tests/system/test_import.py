#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`mailrace import postfix` makes of a site's configuration, as the real
postconf and postmap tell it, one that passes `test config` and sends alike,
and says what became of each setting; `import opendkim` the same for its
signatures.  No daemon is there, of neither kind."""

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
from import_sites import COMMON, SITES

MASTER = "/usr/share/postfix/master.cf.dist"
SECRETS = ("s3cret", "cares", "office:")


class Folder:
    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="mailrace-test-import.")
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


def need_postfix():
    for program in ("postconf", "postmap"):
        if not shutil.which(program, path="/usr/sbin:/sbin"):
            tap.skip("%s is not installed" % program)


def make_site(folder, name):
    """The folder of its main.cf."""
    need_postfix()
    site = SITES[name]
    where = os.path.join(folder.path, name)
    folder.write(name + "/main.cf", (COMMON + site["main"]).format(dir=where))
    with open(MASTER) as f:
        folder.write(name + "/master.cf", f.read() + site["master"])
    for table, text in site["tables"].items():
        path = folder.write("%s/%s" % (name, table), text)
        if "hash:" + path in (COMMON + site["main"]).format(dir=where):
            subprocess.run(["postmap", "-c", where, "hash:" + path],
                           check=True)
    return where


def settings(config, queue):
    answer = json.loads(run("-c", config, "show", "settings", queue,
                            "--json").stdout)
    return {s["name"]: s["value"] for s in answer["settings"]}


def check_site(folder, name):
    site, where = SITES[name], make_site(folder, name)
    config = os.path.join(where, "mailrace")
    answer = json.loads(run("import", "postfix", "--config-dir", where,
                            "--output", config, "--json",
                            to=site["exit"]).stdout)
    run("-c", config, "test", "config")
    tap.equal(answer["good"], True, "the result is good")
    with open(config) as f:
        lines = [l.split("  #")[0].strip() for l in f]
    for line in site["lines"]:
        tap.check(line in lines, "no line %r" % line)
    for queue, wanted in site["queues"].items():
        got = settings(config, queue)
        for key, value in wanted.items():
            tap.equal(got[key].strip('"'), value, "%s of %s" % (key, queue))
    for fate, key, part in site["report"]:
        tap.check(any(i["fate"] == fate and i["name"] == key and
                      part in "%s %s" % (i["value"], i["text"])
                      for i in answer["report"]),
                  "not in the report: %s %s %s" % (fate, key, part))


@tap.test("a pool of hand-made services, by sender")
def pools(folder):
    check_site(folder, "pools")


@tap.test("a smarthost with a password, and exceptions")
def smarthost(folder):
    check_site(folder, "smarthost")


@tap.test("policies about TLS: what is lost of them is said, and the exit "
          "status says it")
def tls(folder):
    check_site(folder, "tls")


@tap.test("relays by sender, and tables of other kinds")
def hosting(folder):
    subprocess.run(["ip", "addr", "add", "192.0.2.41/32", "dev", "lo"],
                   check=True)
    check_site(folder, "hosting")


@tap.test("slow transports, a gateway for the rest")
def slow(folder):
    check_site(folder, "slow")


@tap.test("where each setting stood is said")
def places(folder):
    where = make_site(folder, "pools")
    report = json.loads(run("import", "postfix", "--config-dir", where,
                            "--json").stdout)["report"]
    with open(os.path.join(where, "main.cf")) as f:
        main = f.read().split("\n")
    with open(os.path.join(where, "master.cf")) as f:
        master = f.read().split("\n")
    found = {i["name"]: i["where"] for i in report
             if i["value"] in ("2d", "127.0.0.12")}
    at = main.index("maximal_queue_lifetime = 2d") + 1
    tap.equal(found["maximal_queue_lifetime"], "main.cf:%d" % at, "main.cf")
    at = master.index("out2 unix - - n - - smtp") + 1
    tap.equal(found["smtp_bind_address"], "master.cf:%d, service out2" % at,
              "master.cf")


@tap.test("without --output the configuration is printed, the report behind")
def printed(folder):
    where = make_site(folder, "slow")
    done = run("import", "postfix", "--config-dir", where)
    config = folder.write("printed", done.stdout)
    run("-c", config, "test", "config")
    for title in ("Not taken over", "Taken over", "Differently expressed",
                  "Done by the host"):
        tap.check(title in done.stderr, "no %r" % title)


@tap.test("what the host has no setting for is added, and said")
def added(folder):
    where = make_site(folder, "slow")
    answer = json.loads(run("import", "postfix", "--config-dir", where,
                            "--json").stdout)
    tap.equal([i["name"] for i in answer["report"] if i["fate"] == "added"],
              ["acct-file", "mark-key-file"], "added")
    lines = [l.split("  #")[0].strip()
             for l in answer["configuration"].split("\n")]
    for line in ("<acct-file /var/log/mailrace/acct.csv>", "records d, b, t",
                 "#mark-key-file /etc/mailrace/mark.key"):
        tap.check(line in lines, "no %r" % line)


@tap.test("passwords are nowhere to be seen, the file is nobody else's")
def passwords(folder):
    where = make_site(folder, "smarthost")
    config = os.path.join(where, "out")
    for args in (("--json",), (), ("--output", config)):
        done = run("import", "postfix", "--config-dir", where, *args)
        for secret in SECRETS:
            tap.check(secret not in done.stdout + done.stderr,
                      "%s with %s" % (secret, args))
    tap.check(stat.S_IMODE(os.stat(config).st_mode) in (0o600, 0o640), "mode")


@tap.test("nor are those that stand in main.cf itself")
def passwords_inline(folder):
    where = make_site(folder, "smarthost")
    with open(where + "/main.cf") as f:
        main = f.read()
    for maps in ("inline:{ {[smtp.provider.example]:submission = "
                 "office:s3cret}, {unused.example = who:cares} }",
                 "static:office:s3cret",
                 "inline:{ {unused.example = office:s3cret}"):
        folder.write("smarthost/main.cf", main +
                     "smtp_sasl_password_maps = %s\n"
                     "unused_password = s3cret\n" % maps)
        for args in (("--json",), ()):
            done = run("import", "postfix", "--config-dir", where, *args)
            tap.check("smtp_sasl_password_maps" in done.stdout + done.stderr,
                      "nothing is said of %s" % maps)
            for secret in SECRETS:
                tap.check(secret not in done.stdout + done.stderr,
                          "%s with %s %s" % (secret, maps, args))


@tap.test("a value that means something else here is told")
def values(folder):
    where = make_site(folder, "slow")
    with open(where + "/main.cf", "a") as f:
        f.write("smtp_connect_timeout = 0\n"
                "smtp_destination_recipient_limit = 1\n"
                "smtp_sasl_auth_enable = yes\nrelayhost = [R.example]\n"
                "smtp_sasl_password_maps = inline:{r.example=nocolon}\n")
    report = json.loads(run("import", "postfix", "--config-dir", where,
                            "--json").stdout)["report"]
    found = {i["name"]: (i["fate"], i["text"]) for i in report}
    for name, fate, text in (
            ("smtp_connect_timeout", "lost", "means the same"),
            ("smtp_destination_recipient_limit", "changed",
             "for each recipient"),
            ("smtp_sasl_password_maps", "lost", "not USER:PASSWORD")):
        tap.check(name in found and found[name][0] == fate and
                  text in found[name][1], "%s: %s" % (name, found.get(name)))


@tap.test("a pattern of senders beside a table of customers: some pairs, not "
          "thousands")
def pairs(folder):
    where = make_site(folder, "slow")
    with open(where + "/main.cf", "a") as f:
        f.write("sender_dependent_default_transport_maps = regexp:%s\n"
                "sender_dependent_relayhost_maps = texthash:%s\n" % (
                    folder.write("by_sender", "/^news@/ slow:\n"
                                 "/^own@/ slow:[h.example]\n"),
                    folder.write("customers", "".join(
                        "@c%d.example [relay.example]\n" % i
                        for i in range(1001)))))
    answer = run("import", "postfix", "--config-dir", where, "--json",
                 "--output", folder.path + "/pairs")
    with open(folder.path + "/pairs") as f:
        rows = [l for l in f if "(?:^news@)" in l]
        tap.equal(len(rows), 1000, "pairs")
        f.seek(0)
        tap.check("(?:^own@)" not in f.read(), "one that has a nexthop")
    tap.check(any(i["fate"] == "lost" and "more than 1000 pairs" in i["text"]
                  for i in json.loads(answer.stdout)["report"]),
              "the report does not say so")


@tap.test("a file that is there stays, unless --force")
def force(folder):
    where = make_site(folder, "slow")
    config = folder.write("mine", "mine\n")
    done = run("import", "postfix", "--config-dir", where, "--output", config,
               to=2)
    tap.check("--force" in done.stderr, done.stderr)
    with open(config) as f:
        tap.equal(f.read(), "mine\n", "untouched")
    run("import", "postfix", "--config-dir", where, "--output", config,
        "--force")
    run("-c", config, "test", "config")
    tap.equal([n for n in os.listdir(folder.path) if n.endswith(".new")], [],
              "left behind")


@tap.test("what cannot be read is an error, with nothing made")
def unreadable(folder):
    need_postfix()
    done = run("import", "postfix", "--config-dir", folder.path + "/none",
               "--output", folder.path + "/made", to=2)
    tap.check("main.cf" in done.stderr, done.stderr)
    tap.check(not os.path.exists(folder.path + "/made"), "made")
    run("import", "opendkim", folder.path + "/none", to=2)


@tap.test("an address that the host lacks is an error, with --portable not")
def lacking(folder):
    where = make_site(folder, "slow")
    with open(where + "/main.cf", "a") as f:
        f.write("smtp_bind_address = 192.0.2.1\n")
    done = run("import", "postfix", "--config-dir", where, to=1)
    tap.check("192.0.2.1" in done.stderr.split("error in the result")[1],
              done.stderr)
    run("import", "postfix", "--config-dir", where, "--portable")


@tap.test("opendkim.conf signs as before, and each setting is named")
def opendkim(folder):
    keys.dkim_key(os.path.join(folder.path, "key"))
    conf = folder.write("opendkim.conf", """\
# as Debian has it
Syslog yes
Canonicalization relaxed/simple
KeyTable file:%s
SigningTable refile:%s
OversignHeaders From
DontSignMailTo friend@x.example
Socket local:/run/opendkim/opendkim.sock
ReportAddress mysql://u:s3cret@h/db
Colour blue
""" % (folder.write("keys", "k a.example:s:%s/key\n" % folder.path),
       folder.write("signing", "*@a.example k\n")))
    out = os.path.join(folder.path, "out")
    report = json.loads(run("import", "opendkim", conf, "--json", "--output",
                            out).stdout)["report"]
    tap.equal([(i["name"], i["fate"], i["where"]) for i in report],
              [("Syslog", "kept", "opendkim.conf:2"),
               ("Canonicalization", "taken", "opendkim.conf:3"),
               ("KeyTable", "taken", "opendkim.conf:4"),
               ("SigningTable", "taken", "opendkim.conf:5"),
               ("OversignHeaders", "taken", "opendkim.conf:6"),
               ("DontSignMailTo", "lost", "opendkim.conf:7"),
               ("Socket", "changed", "opendkim.conf:8"),
               ("ReportAddress", "kept", "opendkim.conf:9"),
               ("Colour", "lost", "opendkim.conf:10")], "report")
    tap.check("s3cret" not in json.dumps(report), "a password of a database")
    done = subprocess.run([mailrace.program("mailrace"), "-c", out, "sign"],
                          input="From: x@a.example\n\nhi\n", text=True,
                          stdout=subprocess.PIPE)
    tap.check("d=a.example" in done.stdout, "signed: %s" % done.stdout)


tap.main(Folder)
