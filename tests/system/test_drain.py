#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`mailrace drain --to-host`: a real Postfix takes back what is left, each
message once and as it was treated, over kill -9 too; should it come again, it
is no younger.  What may not go stays, and the host's files are as before."""

import netns
netns.enter()

import collections
import glob
import os
import re
import signal
import subprocess
import threading
import time

import dkim

import mailrace
import smtp_client
import tap
from lab import DNS_ADDRESS, Lab, mx_zone

HOST = "127.0.0.1:10028"
CONFIG = """
dsn-host %s
domain-key s1, signed.example, {keys}/s1.signed.example.pem
<source 127.0.0.7>
    verp-default yes
</source>
<source 0/0>
    process-x-schedule yes
    process-x-job yes
</source>
<rewrite-list other>
    mail-from *@signed.example *@other.example
</rewrite-list>
<virtual-mta other>
    rewrite-list other
</virtual-mta>
<domain moved.example>
    reroute-to-virtual-mta other
</domain>
<domain *>
    retry-after 1h
    retry-recipients-after 1h
    dkim-sign yes
</domain>
""" % HOST
DOMAINS = ("a.example", "b.example", "c.example", "paused.example",
           "moved.example")
ZONE = "".join(mx_zone(d, ("mx." + d, "127.0.1.1")) for d in DOMAINS)
# Of us it wants nothing, whatever it takes from the host.
RECEIVERS = [{"listen": ["127.0.1.1:25"],
              "ehlo": ["PIPELINING", "8BITMIME", "DSN", "SMTPUTF8",
                       "ENHANCEDSTATUSCODES"],
              "rules": [{"at": "rcpt", "client": "127.0.0.10",
                         "match": "@in.b.example", "reply": "250 2.1.5 ok"},
                        {"at": "rcpt", "client": "127.0.0.10",
                         "match": "gone@", "reply": "550 5.1.1 no"},
                        {"at": "rcpt", "client": "127.0.0.10",
                         "match": "slow@", "delay": 10,
                         "reply": "451 4.2.1 not from you"},
                        {"at": "rcpt", "client": "127.0.0.10",
                         "reply": "451 4.2.1 not from you"}]}]
# Its limit of sizes it keeps for itself: so the 552 is its own.
MAIN_CF = """maximal_queue_lifetime = 1d
message_size_limit = 100000
smtpd_discard_ehlo_keywords = size, silent-discard
"""
MANY = 1500


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, hand_over=False,
                         pf_main=MAIN_CF, with_milter=False,
                         dkim=[("s1", "signed.example")],
                         receivers=RECEIVERS)

    def __enter__(self):
        with open(self.path("resolv.conf"), "w") as f:
            f.write("nameserver %s\n" % DNS_ADDRESS)
        subprocess.run(["mount", "--bind", self.path("resolv.conf"),
                        "/etc/resolv.conf"], check=True)
        self.mounts.append("/etc/resolv.conf")
        self.start()
        return self

    def drain(self, *options, env=None):
        return subprocess.run(
            [mailrace.program("mailrace"), "-c", self.config, "drain"] +
            list(options), capture_output=True, text=True, timeout=120,
            env={**os.environ, **(env or {})})

    def to_host(self, *options):
        return self.drain("--to-host", "--config-dir", self.postfix.conf,
                          *options)

    def rows(self, *selectors):
        return self.command.json("list", *selectors)["recipients"]

    def tried(self, *rcpts, timeout_s=30):
        """Until each was tried once, in vain."""
        def all_were():
            rows = {r["to"]: r for r in self.rows("--maxitems=100000")}
            return all(rows.get(r, {"attempts": 0})["attempts"] > 0
                       for r in rcpts)
        tap.wait_for(all_were, timeout_s, "all were tried")

    def files(self):
        out = {}
        for name in ("main.cf", "master.cf"):
            with open(os.path.join(self.postfix.conf, name), "rb") as f:
                out[name] = f.read()
        return out, sorted(os.path.basename(p) for p in glob.glob(
            os.path.join(self.postfix.conf, "mailrace*")))

    def is_taken(self):
        with smtp_client.Client(self.lmtp, lmtp=True) as c:
            c.hello()
            return c.command("MAIL FROM:<s@sender.example>")[0] == 250

    def from_host(self):
        return [m for m in self.messages() if m["peer"] != "127.0.0.10"]


def field(text, name):
    found = re.findall(rb"^%s: *(.*?)\r$" % name.encode(), text, re.M | re.I)
    return found[0].decode() if found else None


def say(lab, sender, rcpts, message):
    """A transaction with parameters; rcpts: (address, parameters)."""
    with smtp_client.Client(lab.lmtp, lmtp=True) as c:
        c.hello()
        c.command("XFORWARD ADDR=127.0.0.1 IDENT=4abcDEF123")
        said = [c.command("MAIL FROM:" + sender)]
        said += [c.command("RCPT TO:<%s> %s" % r) for r in rcpts]
        said += c.data(message, len(rcpts))
        tap.check(all(code in (250, 354) for code, _ in said), str(said))


@tap.test("refused while nobody can say whether the host leads here")
def refused(lab):
    bin_dir = lab.path("bin")
    os.makedirs(bin_dir)
    with open(os.path.join(bin_dir, "postconf"), "w") as f:
        f.write("#!/bin/sh\necho postconf: fatal: no >&2\nexit 1\n")
    os.chmod(os.path.join(bin_dir, "postconf"), 0o755)
    env = {"PATH": bin_dir + ":" + os.environ["PATH"],
           "MAIL_CONFIG": lab.postfix.conf}
    r = lab.drain("--timeout=1s", env=env)
    tap.check(r.returncode == 1 and "fatal: no" in r.stderr, str(r))
    tap.check(lab.is_taken(), "it locked mail out")
    env["MAIL_CONFIG"] = lab.path("none")
    tap.equal(lab.drain("--timeout=1s", env=env).returncode, 0,
              "a Postfix without main.cf is none")
    lab.command.text("drain", "--undo")
    for wrong in (("--dry-run",), ("--queue=x",)):
        r = lab.drain(*wrong)
        tap.check(r.returncode == 2 and "with --to-host" in r.stderr, str(r))


@tap.test("all that may goes back, as it was treated; the rest stays")
def back(lab):
    before = lab.files()
    message = smtp_client.compose("x@signed.example", "one@a.example",
                                  body="Gr\u00fc\u00dfe\n.\n.dot\n")
    say(lab, "<x@signed.example> RET=HDRS ENVID=QQ+2B1 BODY=8BITMIME", [
        ("one@a.example", "NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;o@a.example"),
        ("two@b.example", "NOTIFY=NEVER")], message)
    lab.inject(["v1@c.example", "v2@c.example"], sender="list@v.example",
               client="127.0.0.7")
    lab.inject("held@a.example")
    lab.tried("one@a.example", "two@b.example", "v1@c.example",
              "v2@c.example", "held@a.example")
    lab.command.text("hold", lab.rows("--rcpt=held@*")[0]["id"])
    lab.command.text("pause", "queue", "paused.example")
    lab.command.text("pause", "job", "later")
    lab.inject("p@paused.example")
    lab.inject("j@a.example", headers=[("X-Job", "later")])
    lab.inject("never-tried@a.example")  # its queue may wait, or not
    lab.arrived_at = {r["to"]: r["queued"] for r in lab.rows()}

    r = lab.to_host("--dry-run")
    tap.check(r.returncode == 0 and "would be in master.cf" in r.stdout and
              re.search("^[45] recipients would go back", r.stdout, re.M),
              str(r))
    tap.equal((lab.files(), lab.from_host()), (before, []), "a dry run")
    tap.check(lab.is_taken(), "a dry run locked mail out")
    for rcpt, n in (("p@paused.example", 0), ("j@a.example", 0),
                    ("held@a.example", 0), ("v1@c.example", 1)):
        r = lab.to_host("--dry-run", "--rcpt=" + rcpt)
        tap.check("\n%d recipients would go back" % n in "\n" + r.stdout,
                  rcpt + ": " + r.stdout)

    r = lab.to_host("--queue=c.example")
    tap.check(r.returncode == 1 and "2 recipients went back" in r.stdout and
              "begin anew" in r.stdout, str(r))
    tap.equal(lab.files(), before, "the host's files")
    tap.equal({q["to"] for q in lab.rows()},
              {"one@a.example", "two@b.example", "held@a.example",
               "p@paused.example", "j@a.example", "never-tried@a.example"},
              "only that queue")
    r = lab.to_host()
    tap.check(r.returncode == 1 and "3 recipients went back" in r.stdout and
              "3 recipients are left" in r.stdout, str(r))
    tap.equal(lab.files(), before, "the host's files")
    tap.equal({q["to"] for q in lab.rows()},
              {"held@a.example", "p@paused.example", "j@a.example"}, "left")
    wanted = {"one@a.example": "x@signed.example",
              "two@b.example": "x@signed.example",
              "v1@c.example": "list-v1=c.example@v.example",
              "v2@c.example": "list-v2=c.example@v.example",
              "never-tried@a.example": "s@sender.example"}
    tap.wait_for(lambda: len([r for m in lab.from_host()
                              for r in m["rcpts"]]) >= 5, 30, "all arrive")
    tap.equal(sorted((r, m["sender"]) for m in lab.from_host()
                     for r in m["rcpts"]), sorted(wanted.items()), "once each")


@tap.test("its parameters, its signature and its time came along")
def parameters(lab):
    one = lab.wait_arrived("one@a.example")
    said = {e["rcpt"]: e["params"] for e in lab.events("rcpt")
            if e["peer"] != "127.0.0.10"}
    tap.check("ENVID=QQ+2B1" in one["params"] and "RET=HDRS" in one["params"],
              str(one))
    tap.check("NOTIFY=SUCCESS,FAILURE" in said["one@a.example"] and
              "ORCPT=rfc822;o@a.example" in said["one@a.example"], str(said))
    tap.check("NOTIFY=NEVER" in said["two@b.example"], str(said))
    text = lab.stored(one)
    tap.check(dkim.verify(text, dnsfunc=lab.txt), "the signature is good")
    tap.check("t=" in field(text, "X-Mailrace-Arrival"), str(text))
    row = lab.wait_record("d", "one@a.example")
    tap.equal((row["dlvDestinationIp"], row["dsnAction"], row["orig"]),
              ("127.0.0.1", "relayed", "x@signed.example"), str(row))
    lab.command.text("drain", "--undo")


@tap.test("what the host gives us again is as old as it was; nobody else's "
          "word is taken")
def arrival(lab):
    text = lab.stored(lab.wait_arrived("one@a.example"))
    given = field(text, "X-Mailrace-Arrival")
    now = time.strftime("%Y-%m-%dT", time.gmtime())
    old = int(re.search(r"t=(\d+)", given).group(1))
    forged = given.replace("t=%d" % old, "t=%d" % (old - 86400))
    body = text[text.index(b"\r\n\r\n"):]
    for rcpt, value, ident, behind, kept in (
            ("again@in.b.example", given, "4kept", body, True),
            ("forged@in.b.example", forged, "4forged", body, False),
            ("other@in.b.example", given, "4other", body + b"x\r\n", False),
            ("alone@in.b.example", given, None, body, False)):
        lab.command.text("pause", "queue", "in.b.example")
        before = int(time.time())
        lab.inject(rcpt, ident=ident, message=(
            "X-Mailrace-Arrival: %s\r\nSubject: again" % value).encode() +
                   behind)
        row = lab.rows("--rcpt=" + rcpt)[0]
        tap.check(now[:4] in row["queued"], str(row))
        queue = [m for m in mail_queue(lab) if m["rcpt"] == rcpt][0]
        tap.check((queue["arrival"] == old) if kept else
                  queue["arrival"] >= before, "%s: %s, %d" % (rcpt, queue,
                                                              old))
        shown = lab.command.text("cat", "--part=header", row["id"])
        tap.check("X-Mailrace-Arrival" not in shown, shown)
    lab.command.text("delete", "--queue=in.b.example")


def mail_queue(lab):
    import json
    out = []
    for line in lab.command.text("mailq", "--json").splitlines():
        m = json.loads(line)
        out += [{"rcpt": r["address"], "arrival": m["arrival_time"]}
                for r in m["recipients"]]
    return out


@tap.test("a listener that would treat it again, or nobody there: refused")
def no_listener(lab):
    master = os.path.join(lab.postfix.conf, "master.cf")
    with open(master) as f:
        text = f.read()
    with open(master, "a") as f:
        f.write("%s inet n - n - - smtpd -o smtpd_milters=inet:127.0.0.1:9\n" %
                HOST)
    r = lab.to_host()
    tap.check(r.returncode == 1 and "has smtpd_milters" in r.stderr, str(r))
    # Those of the client's address come before smtpd_milters.
    with open(master, "w") as f:
        f.write(text + "%s inet n - n - - smtpd -o smtpd_milters=\n" % HOST)
    main = os.path.join(lab.postfix.conf, "main.cf")
    with open(main) as f:
        before = f.read()
    with open(main, "a") as f:
        f.write("smtpd_milter_maps = inline:{127.0.0.1=inet:127.0.0.1:9}\n")
    r = lab.to_host()
    tap.check(r.returncode == 1 and "has smtpd_milter_maps" in r.stderr,
              str(r))
    for path, old in ((main, before), (master, text)):
        with open(path, "w") as f:
            f.write(old)
    lab.postfix.stop()
    r = lab.to_host()
    tap.check(r.returncode == 1 and "does not run" in r.stderr, str(r))
    tap.check(lab.is_taken(), "it locked mail out")
    lab.postfix.start()


@tap.test("what was rerouted goes by the settings of where it was then")
def rerouted(lab):
    lab.command.text("delete", "--queue=*")
    lab.inject("m@moved.example", sender="x@signed.example")
    lab.inject("n@c.example", sender="x@signed.example")
    lab.tried("m@moved.example", "n@c.example")
    tap.equal(lab.rows("--rcpt=m@*")[0]["vmta"], "other", "its queue")
    r = lab.to_host()
    tap.equal(r.returncode, 0, str(r))
    tap.equal({rcpt: lab.wait_arrived(rcpt)["sender"]
               for rcpt in ("m@moved.example", "n@c.example")},
              {"m@moved.example": "x@other.example",
               "n@c.example": "x@signed.example"}, "its sender")
    lab.command.text("drain", "--undo")


@tap.test("it waits for its own mail: for no notification, and for what is "
          "being sent only if that is meant")
def its_own(lab):
    lab.command.text("delete", "--queue=*")
    lab.command.text("pause", "queue", "{dsn}")
    lab.inject("gone@a.example")
    tap.wait_for(lambda: lab.rows("--queue={dsn}"), 30, "a notification")
    lab.command.text("hold", "--queue={dsn}")
    lab.command.text("resume", "queue", "{dsn}")
    lab.inject("own@c.example")
    lab.tried("own@c.example")
    lab.inject("slow@b.example")
    tap.wait_for(lambda: [e for e in lab.events("delay")], 30, "it is slow")
    r = lab.to_host("--id=" + lab.rows("--queue=c.example")[0]["id"])
    tap.check("1 recipients went back" in r.stdout and r.stderr == "", str(r))
    tap.check([q for q in lab.rows("--rcpt=slow@*") if not q["attempts"]],
              "it waited for what is being sent elsewhere")
    r = lab.to_host("--queue=b.example")
    tap.check(r.returncode == 1 and "1 recipients went back" in r.stdout,
              str(r))
    tap.equal([q["domain"] for q in lab.rows()], ["{dsn}"], "is left")
    lab.command.text("delete", "--queue=*")
    lab.command.text("drain", "--undo")


@tap.test("what the host does not take stays, whatever it says")
def refused_by_host(lab):
    lab.inject("big@c.example", body="x" * 70 + "\n" + ("y" * 70 + "\n") * 2000)
    lab.tried("big@c.example")
    p = subprocess.Popen([mailrace.program("mailrace"), "-c", lab.config,
                          "drain", "--to-host", "--config-dir",
                          lab.postfix.conf], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    tap.wait_for(lambda: [q for q in lab.rows("--queue={dsn}")
                          if q["attempts"] > 1], 30, "the host refuses it")
    for _ in range(2):
        p.send_signal(signal.SIGINT)
        time.sleep(0.5)  # two at once would be one
    out, err = p.communicate(timeout=60)
    tap.check("1 recipients wait for the host" in err, out + err)
    said = lab.command.text("mailq", "--json")
    tap.check("552 5.3.4" in said, said)
    # Another one waits for its own mail alone, though that is still there.
    lab.command.text("drain", "--undo")
    lab.inject("own@c.example")
    lab.tried("own@c.example")
    r = lab.to_host("--timeout=5s",
                    "--id=" + lab.rows("--rcpt=own@*")[0]["id"])
    tap.check("1 recipients went back" in r.stdout and r.stderr == "", str(r))
    lab.command.text("delete", "--queue=*")
    lab.command.text("drain", "--undo")


@tap.test("two signals end it: the host is as before, and what waits for it is "
          "ours again after a restart")
def signalled(lab):
    lab.command.text("delete", "--queue=*")
    lab.command.text("pause", "queue", "{dsn}")
    lab.inject("w@c.example")
    lab.tried("w@c.example")
    before = lab.files()
    p = subprocess.Popen([mailrace.program("mailrace"), "-c", lab.config,
                          "drain", "--to-host", "--config-dir",
                          lab.postfix.conf], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    tap.wait_for(lambda: lab.rows("--queue={dsn}"), 30, "it waits there")
    tap.check(HOST.encode() in lab.files()[0]["master.cf"], "its service")
    for _ in range(2):
        p.send_signal(signal.SIGINT)
        time.sleep(0.5)  # two at once would be one
    out, err = p.communicate(timeout=60)
    tap.check(p.returncode == 1 and "1 recipients wait for the host" in err,
              out + err)
    tap.equal(lab.files(), before, "the host's files")
    lab.daemon.stop()
    lab.daemon.start()
    tap.equal([(r["to"], r["domain"]) for r in lab.rows()],
              [("w@c.example", "c.example")], "its own queue")
    tap.equal(lab.rows("--queue={dsn}"), [], "the host's")
    lab.command.text("resume", "queue", "{dsn}")


@tap.test("kill -9 while it goes back: nothing is lost, nothing comes twice "
          "but what the audit names")
def killed(lab):
    lab.command.text("delete", "--queue=*")
    per = 10
    rcpts = ["k%d@c.example" % i for i in range(MANY)]
    for i in range(0, MANY, per):
        lab.inject(rcpts[i:i + per])
    lab.tried(*rcpts, timeout_s=60)
    doubts, cut_off = set(), 0
    for turn in range(3):
        done = []
        t = threading.Thread(target=lambda: done.append(lab.to_host()))
        seen = len(lab.accounting("d"))
        t.start()
        tap.wait_for(lambda: len(lab.accounting("d")) > seen + 150, 60,
                     "some have gone back")
        time.sleep(0.05 * turn)
        lab.daemon.kill()
        t.join()
        cut_off += done[0].returncode != 0 # else it was over before
        lab.daemon.start()
        doubts |= {d["to"] for d in lab.audit().doubts}
        if len(lab.rows("--maxitems=100000")) < 400:
            break
    tap.check(cut_off > 0, "none was killed in the middle")
    tap.equal(lab.files()[1], [], "copies")
    r = lab.to_host()
    tap.equal(r.returncode, 0, str(r))
    tap.equal(lab.audit().queued, 0, "nothing is left")

    def came():
        return collections.Counter(r for m in lab.from_host()
                                   for r in m["rcpts"] if r[0] == "k")
    # Postfix itself puts off by a minute what it sends during a reload, if
    # that does not end well.
    tap.wait_for(lambda: len(came()) == MANY, 100, "all arrive")
    twice = {r for r, n in came().items() if n > 1}
    tap.check(twice <= doubts, "%d came twice, in doubt: %d" % (
        len(twice), len(doubts)))
    tap.note("%d came twice, %d were in doubt" % (len(twice), len(doubts)))


tap.main(Fixture)
