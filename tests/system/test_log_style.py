#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""log-style: the real pflogsumm, logwatch, prometheus-postfix-exporter,
eximstats and exigrep read our lines, and count what the accounting file has;
together with the host MTA's own lines nothing is counted twice; also to a
system log, over a rotation, and whatever a server or a sender says."""

import netns
netns.enter()

import collections
import os
import re
import shutil
import socket
import subprocess

import log_tools
import mailrace
import postfix
import smtp_client
import tap
from lab import HOST_NAME, LISTEN, Lab, mx_zone

CONFIG = """
log-style postfix
mail-log-file {root}/log/mail.log
mail-log-socket {run}/syslog
dsn-host %s
suppression-lists out
suppression-dir {root}/suppress
<suppression-list out>
    address gone@in.example
</suppression-list>
<source 127.0.0.0/8>
    always-allow-relaying yes
</source>
<domain *>
    retry-after 1s
    retry-recipients-after 1s
    use-starttls no
</domain>
<domain sender.example>
    use-starttls yes
</domain>
<domain old.example>
    bounce-after 1s
</domain>
""" % postfix.DSN_HOST
EXIM_STYLE = CONFIG.replace("log-style postfix", "log-style exim") \
    .replace("mail.log", "mainlog")
ZONE = "".join(mx_zone(name + ".example", ("mx.%s.example" % name,
                                           "127.0.1.%d" % n))
               for n, name in enumerate(("in", "sender", "old"), 1))
EVIL = "550 5.1.1 no\nNov 22 07:00:00 x postfix/smtp[1]: A: removed \x07"
RULES = [{"at": "rcpt", "match": "<later", "count": 1, "per": "value",
          "reply": "451 4.7.1 come again"},
         {"at": "rcpt", "match": "<no", "reply": EVIL}]
SPOOF = '"x>, relay=a, delay=1, delays=0/0/0/0, dsn=2.0.0, status=sent (x"' \
    "@in.example"
# Message ids as Exim 4.96 makes them.
EXIM_ID = "1xV2B6-00%04dX-2C"

# As logwatch takes a line of a recipient apart.
LOGWATCH = re.compile(r"^to=<([^>]*)>,(?: orig_to=<(?:[^>]*)>,)? "
                      r"relay=([^,]*).*, (delay=[^,]+(?:, delays=[^,]+)?, "
                      r"dsn=[^,]+), status=(\S+) (.*)$")


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, with_milter=False,
                         pf_main="smtpd_milters =\nnon_smtpd_milters =\n",
                         receivers=[{"listen": ["127.0.1.1:25"],
                                     "rules": RULES},
                                    {"listen": ["127.0.1.2:25"],
                                     "ehlo": ["STARTTLS"], "tls": True}])
        self.syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.syslog.bind(self.path("run", "syslog"))
        self.syslog.setblocking(False)
        self.came = None  # the mail that several tests look at

    def __enter__(self):
        self.start()
        return self

    def lines(self, name="mail.log"):
        with open(self.path("log", name), errors="surrogateescape") as f:
            return f.read().splitlines()

    def wait_lines(self, pattern, count, name="mail.log"):
        def found():
            return len([x for x in self.lines(name)
                        if re.search(pattern, x)]) >= count
        tap.wait_for(found, 20, "%d lines with %s" % (count, pattern))

    def logged(self):
        """All that the system log was sent."""
        got = []
        while True:
            try:
                got.append(self.syslog.recv(65536).decode(
                    errors="surrogateescape"))
            except BlockingIOError:
                return got

    def run_mail(self, send, later):
        """Some of each kind: delivered, deferred first, bounced, too old; two
        in one transaction."""
        for i in range(3):
            send("ok%d@in.example" % i, size=1000 * (i + 1))
        send(later)
        send("no@in.example")
        send("Old@old.example")
        send(["two@in.example", "three@in.example"])

    def rows(self, kind, since=0):
        """Rows, but those of notifications, which the host MTA has again."""
        return [r for r in self.accounting(kind)[since:]
                if r["srcType"] != "dsn"]


def submit(rcpts, where, sender="s@sender.example", **compose):
    rcpts = [rcpts] if isinstance(rcpts, str) else rcpts
    message = smtp_client.compose(sender, rcpts[0], **compose)
    with smtp_client.Client(where) as c:
        c.hello()
        return c.send(sender, rcpts, message)


def numbers(text):
    """pflogsumm's grand totals, and its table of domains."""
    total = {m[2].strip(): int(m[1]) for m in re.finditer(
        r"^ +(\d+) +([a-z ]+?)(?: +\(.*)?$", text, re.M)}
    deferrals = re.search(r"\((\d+) +deferrals\)", text)
    total["deferrals"] = int(deferrals[1]) if deferrals else 0
    table = text.split("Host/Domain Summary: Message Delivery")[1]
    table = table.split("Host/Domain Summary: Messages Received")[0]
    domains = {m[4]: (int(m[1]), int(m[2]), int(m[3])) for m in re.finditer(
        r"^ +(\d+) +(\d+) +(\d+) +[\d.]+ \S +[\d.]+ \S +(\S+)$", table, re.M)}
    return total, domains


def pflogsumm(*files):
    if shutil.which("pflogsumm", path="/usr/sbin:/usr/bin") is None:
        raise tap.Failed("pflogsumm is not installed: ./bootstrap deps does")
    r = subprocess.run(["/usr/sbin/pflogsumm"] + list(files),
                       capture_output=True, text=True, check=True)
    return numbers(r.stdout)


def domains_of(lab):
    """The same table from the accounting file."""
    want = collections.defaultdict(lambda: [0, 0, 0])
    for r in lab.rows("d"):
        row = want[r["rcpt"].split("@")[1].lower()]
        row[0] += 1
        row[1] += int(r["dlvSize"])
    for r in lab.rows("t"):
        want[r["rcpt"].split("@")[1].lower()][2] += 1
    return {k: tuple(v) for k, v in want.items()}


def two_reports(lab, since=0):
    """Two failures are told: the reports go to the host, and come back."""
    tap.wait_for(lambda: len([r for r in lab.rows("d", since) if
                              r["rcpt"] == "s@sender.example"]) == 2, 20,
                 "two reports arrive")


def through_postfix(lab):
    """The mail whose lines the tools are to read."""
    def hand_over(rcpts, size=0):
        rcpts = [rcpts] if isinstance(rcpts, str) else rcpts
        tap.equal(submit(rcpts, ("127.0.0.1", 25), size=size)[1][0][0], 250,
                  "Postfix takes it")
    if lab.came == "through Postfix":
        return
    lab.came = "through Postfix"
    lab.run_mail(hand_over, "later@in.example")
    tap.equal(submit("ok9@in.example", (LISTEN, 25))[1][0][0], 250,
              "so do we")
    tap.equal(submit("gone@in.example", (LISTEN, 25))[0][0][0], 550,
              "but not whom a list has")
    lab.wait_record("b", "Old@old.example")
    two_reports(lab)
    tap.wait_for(lambda: lab.postfix.queue_size() == 0, 20, "it is empty")
    lab.settled()
    lab.wait_lines(": removed$", 12)


@tap.test("pflogsumm counts what the accounting file has, alone and with the "
          "host's own log", proves=("log-style", "mail-log-file"))
def postfix_tools(lab):
    through_postfix(lab)
    own = lab.path("log", "mail.log")
    total, domains = pflogsumm(own)
    tap.equal(domains, domains_of(lab), "domain: sent, bytes, deferred")
    tap.equal((total["delivered"], total["deferrals"], total["bounced"],
               total["rejected"], total["bytes delivered"]),
              (len(lab.rows("d")), len(lab.rows("t")), len(told_of(lab)), 1,
               sum(int(r["dlvSize"]) for r in lab.rows("d"))),
              "delivered, deferrals, bounced, rejected, bytes")
    tap.equal(total["received"], 1, "the host has the others")
    both, _ = pflogsumm(lab.postfix.log, own)
    for key in ("delivered", "deferrals", "bounced", "deferred"):
        tap.equal(both[key], total[key], "with the host's log: " + key)
    # Seven by SMTP, two reports come back by the service for them, one here.
    tap.equal(both["received"], 8, "with the host's log: received")


def told_of(lab):
    """Rows for failures that are told by lines: a list has no others."""
    return [r for r in lab.rows("b") if r["rcpt"] != "gone@in.example"]


@tap.test("logwatch counts what the accounting file has, alone and with the "
          "host's own log", proves=("log-style", "mail-log-file"))
def logwatch(lab):
    through_postfix(lab)
    own = lab.path("log", "mail.log")
    want = {"Sent via SMTP": len(lab.rows("d")),
            "Deferrals": len(lab.rows("t")),
            "Bounced": len(told_of(lab)), "Rejected": 1,
            "Notifications sent": len(told_of(lab)),
            "Bytes sent via SMTP": sum(int(r["dlvSize"])
                                       for r in lab.rows("d"))}
    for logs, accepted in (((own,), 1), ((lab.postfix.log, own), 8)):
        want["Accepted"] = accepted
        got = log_tools.logwatch(lab.path("logwatch"), *logs)
        got["Bounced"] = got["Bounced (local)"] + got["Bounced (remote)"]
        tap.equal({k: got.get(k) for k in want}, want, "of %s" % (logs,))
        tap.check("unmatched" not in got, "it knows all lines: %s" % got)


@tap.test("prometheus-postfix-exporter counts what the accounting file has, "
          "alone and with the host's own log", proves="log-style")
def exporter(lab):
    through_postfix(lab)
    attempts = len(lab.rows("d") + lab.rows("t") + told_of(lab))
    with log_tools.Exporter(lab.root) as e:
        for log, came in ((lab.path("log", "mail.log"), 1),
                          (lab.postfix.log, 8)):
            got = e.read(log)
            tap.check(got["smtp_tls_connections_total"] > 0, "over TLS")
            # Of each attempt four times.
            tap.equal((got["smtp_delivery_delay_seconds_count"] / 4,
                       got["smtp_status_deferred"],
                       got["smtpd_messages_rejected_total"],
                       got["smtpd_messages_processed_total"]),
                      (attempts, len(lab.rows("t")), 1, came),
                      "attempts, deferred, refused, came: with " + log)


@tap.test("lines are those of Postfix, under the host's queue id, from the "
          "first to removed")
def postfix_lines(lab):
    through_postfix(lab)
    head = re.compile(r"^\w{3} [ \d]\d \d\d:\d\d:\d\d %s ((?:postfix|mailrace"
                      r"-dsn)/\w+\[\d+\]: .*)$" % HOST_NAME.split(".")[0])
    seen = collections.defaultdict(list)
    for line in lab.lines():
        m = head.match(line)
        tap.check(m is not None, "not a line: %r" % line)
        m = re.match(r"(\S+)/(\w+)\[\d+\]: (\w+): (.*)", m[1])
        if m is not None and m[3] != "NOQUEUE":
            seen[m[3]].append((m[2], m[4]))
    with open(lab.postfix.log) as f:
        host = set(re.findall(r"smtpd\[\d+\]: (\w+): client=", f.read()))
    tap.equal(len(host - set(seen)), 0, "the host's ids are in our log")
    for queue_id, lines in seen.items():
        tap.equal([x[1] for x in lines].count("removed"), 1,
                  "removed once: %s" % lines)
        tap.check(re.match(r"from=<.*>, size=\d+, nrcpt=\d+ \(queue active\)",
                           [x[1] for x in lines if x[0] == "qmgr"][0]),
                  "active: %s" % lines)
    later = [lines for lines in seen.values()
             if any("to=<later@" in x[1] for x in lines)][0]
    tap.equal([re.sub(r"=.*", "", x[1]) for x in later],
              ["from", "to", "from", "to", "removed"], "tried twice")
    tap.check(any("sender non-delivery notification: " in x[1]
                  for lines in seen.values() for x in lines), "told")
    tap.check(any("connect to mx.old.example[127.0.1.3]:25: " in x
                  for x in lab.lines()), "nobody was there")


@tap.test("the system log gets the same lines, with facility mail",
          proves="mail-log-socket")
def system_log(lab):
    def shape(line):
        return re.sub(r"^(\w{3} .{11}) \S+ ", r"\1 ", line)
    lab.inject("ok10@in.example")
    lab.settled()
    lab.wait_lines("to=<ok10@in.example>", 1)
    got = lab.logged()
    tap.check(got and all(x.startswith("<22>") for x in got), "mail.info")
    tap.equal([x[4:] for x in got], [shape(x) for x in lab.lines()], "lines")


@tap.test("removed stands behind all lines of a message, whoever wrote those")
def removed_last(lab):
    before, count = len(lab.lines()), 20
    for i in range(count):
        submit(["a%d@in.example" % i, "b%d@sender.example" % i], (LISTEN, 25))
    lab.settled()
    lab.wait_lines(r"to=<[ab]\d+@.*status=sent", 2 * count)
    gone, late = set(), []
    for line in lab.lines()[before:]:
        m = re.search(r"\]: (\w+): (removed$|to=)", line)
        if m is not None and m[2] == "removed":
            gone.add(m[1])
        elif m is not None and m[1] in gone:
            late.append(line)
    tap.equal(len(gone), count, "messages that are gone")
    tap.equal(late, [], "lines behind that")


@tap.test("what servers and senders say makes no line and no field of its own")
def injection(lab):
    before = len(lab.lines())
    lab.inject(SPOOF.replace("@in", "@old"), ident="AB\x7f: x")
    lab.inject("no2@in.example", ident="4XyZ1k2jw9z3Qq",
               sender='"a> b"@sender.example')
    lab.wait_lines("to=<no2@in.example>.*status=bounced", 1)
    lab.wait_lines("to=<.x.*status=bounced", 1)
    new = lab.lines()[before:]
    tap.check(all(re.match(r"\w{3} .{11} \S+ (postfix|mailrace-dsn)/\w+\[\d+"
                           r"\]: ", x) for x in new), "lines: %s" % new)
    spoofed = [x for x in new if "status=sent (x" in x]
    tap.check(spoofed and all(LOGWATCH.match(x.split(": ", 2)[2])[4] != "sent"
                              for x in spoofed), "nothing is sent: %s" % new)
    evil = [x for x in new if "to=<no2@" in x][0]
    tap.check("4XyZ1k2jw9z3Qq: to=" in evil and "removed ? (in reply" in evil,
              "one line: " + evil)


def rotate(lab):
    """As etc/mailrace.logrotate has it, with the files of the lab."""
    with open(os.path.join(mailrace.SOURCE, "etc/mailrace.logrotate")) as f:
        text = f.read()
    for ours, here in (
            ("/var/log/mailrace/mailraced.log", lab.path("none.log")),
            ("/var/log/mailrace", lab.path("log")),
            ("mailrace reload", "%s -c %s reload" % (
                mailrace.program("mailrace"), lab.config))):
        tap.check(ours in text, ours)
        text = text.replace(ours, here)
    log_tools.logrotate(lab.root, text)


@tap.test("after logrotate, as we have it for that, lines go to the new file, "
          "under the name that is wanted now", proves="mail-log-name")
def rotation(lab):
    lab.inject("ok19@in.example")
    lab.wait_lines(r"to=<ok19@in.example>.*status=sent", 1)
    lab.settled()
    before = lab.lines()
    lab.write_config(CONFIG + "mail-log-name postfix-out\n")
    rotate(lab)
    lab.inject("ok20@in.example")
    lab.wait_lines(r" postfix-out/qmgr\[\d+\]: \w+: removed", 1)
    tap.equal(lab.lines("mail.log.1"), before, "the old one is kept")
    tap.check(not any(" postfix/" in x for x in lab.lines()), "the new one")


def rotation_fails(lab, why):
    with open(lab.path("log", "mail.log"), "a") as f:
        f.write("An empty one is not rotated.\n")
    try:
        rotate(lab)
    except subprocess.CalledProcessError as e:
        tap.check(why in e.stderr, e.stderr)
    else:
        raise tap.Failed("it hides this: " + why)


@tap.test("logrotate does not fail for a daemon or a milter that is stopped, "
          "but for one that does not answer and for a wrong configuration")
def rotation_of_stopped(lab):
    lab.write_config(CONFIG + "milter-control-socket %s\n" %
                     lab.path("no-milter"))
    rotate(lab)
    lab.inject("ok21@in.example")
    lab.wait_lines(r"to=<ok21@in.example>.*status=sent", 1)
    lab.write_config(CONFIG + "no-such-directive yes\n")
    rotation_fails(lab, "no-such-directive")
    lab.write_config(CONFIG + "milter-control-socket %s\n" %
                     lab.path("dumb-milter"))
    with mailrace.stand_in(lab.path("dumb-milter"), b""):
        rotation_fails(lab, "without an answer")
    os.unlink(lab.config)
    rotation_fails(lab, "No such file")
    lab.write_config(CONFIG)
    lab.command.text("reload")
    lab.inject("ok22@in.example")
    lab.wait_lines(r"to=<ok22@in.example>.*status=sent", 1)
    lab.settled()
    lab.daemon.stop()
    before = lab.lines()
    rotate(lab)
    tap.equal(lab.lines("mail.log.1"), before, "rotated all the same")
    lab.daemon.start()


@tap.test("without a place for lines log-style is an error, with its line")
def nowhere(lab):
    for config, *texts in (
            ("mail-log-name a/b\n",
             "log-style: neither mail-log-file nor mail-log-socket",
             "mail-log-name: letters, digits"),
            ("mail-log-socket /%s\n" % ("s" * 107),
             "mail-log-socket: the path of a socket has")):
        lab.write_config("log-style exim\n" + config)
        r = lab.command.run("test", "config")
        out = r.stdout + r.stderr
        for text in texts:
            tap.check(r.returncode != 0 and re.search(
                r"mailrace.conf:\d+: " + text, out), "%s in %s" % (text, out))
    lab.write_config("mail-log-file /var/log/mail.log\n")
    out = lab.command.run("test", "config")
    tap.check("mail-log-file has no effect while log-style is native" in
              out.stdout + out.stderr, "a warning: %s" % out)


def in_exims_lines(lab):
    """The same mail with Exim's lines; how many rows were there before."""
    if isinstance(lab.came, dict):
        return lab.came
    lab.logged()
    lab.write_config(EXIM_STYLE)
    lab.command.text("reload")
    lab.came = {k: len(lab.accounting(k)) for k in "dbt"}
    count = iter(range(100))
    lab.run_mail(lambda rcpts, **kw: lab.inject(
        rcpts, ident=EXIM_ID % next(count), **kw), "later2@in.example")
    tap.equal(submit("ok9@in.example", (LISTEN, 25))[1][0][0], 250, "taken")
    two_reports(lab, lab.came["d"])
    lab.settled()
    lab.wait_lines(" Completed$", 12, "mainlog")
    return lab.came


@tap.test("eximstats counts what the accounting file has, exigrep finds a "
          "message by the host's id and by ours", proves="log-style")
def exim_tools(lab):
    before = in_exims_lines(lab)
    d, b, t = [lab.rows(k, before[k]) for k in "dbt"]
    out = log_tools.exim_tool("eximstats", "-nr", "-nt/mailrace/",
                    lab.path("log", "mainlog"))
    grand = log_tools.eximstats_totals(out)
    # Of two recipients in one transaction Exim counts one message.
    tap.equal(grand["Delivered"][1:3], [str(len(d) - 1), str(len(d))],
              "delivered: messages, addresses")
    size = sum(int(r["dlvSize"]) for r in d if r["rcpt"] != "two@in.example")
    tap.equal(grand["Delivered"][0], volume(size), "their volume")
    # Volume, messages, hosts, delayed, of all, failed, of all.
    tap.equal((grand["Received"][3], grand["Received"][5]),
              (str(len(t)), str(len(b))), "delayed and failed: " + out)
    errors = re.findall(r"^ +(\d+) .*R=dnslookup T=remote_smtp", out, re.M)
    tap.equal(sum(map(int, errors)), len(b), "errors: " + out)
    grep = log_tools.exim_tool("exigrep", "-l", EXIM_ID % 3, lab.path("log", "mainlog"))
    flags = [x.split()[3] for x in grep.splitlines() if x]
    tap.equal(flags, ["<=", "==", "=>", "Completed"], "by the host's id")
    ours = grep.split()[2]
    again = log_tools.exim_tool("exigrep", "-l", ours, lab.path("log", "mainlog"))
    tap.equal(again, grep, "by ours")
    grep = log_tools.exim_tool("exigrep", "two@in.example", lab.path("log", "mainlog"))
    tap.equal(sorted(x.split()[3] for x in grep.splitlines() if x),
              ["->", "<=", "=>", "Completed"], "two recipients")


@tap.test("the system log gets Exim's lines, and its tools read it as the file",
          proves="mail-log-socket")
def exim_system_log(lab):
    in_exims_lines(lab)
    got, own, syslog = lab.logged(), lab.lines("mainlog"), lab.path("syslog")
    head = re.compile(r"^<22>(\w{3} .{11}) (exim\[\d+\]: )")
    tap.equal([head.sub("", x) for x in got], own, "lines")
    with open(syslog, "w") as f:  # as a daemon of it writes them
        f.writelines(head.sub(r"\1 host \2", x) + "\n" for x in got)
    for tool, *args in (("eximstats", "-nr", "-nt/mailrace/"),
                        ("exigrep", "-l", "two@in.example")):
        there, here = [log_tools.exim_tool(tool, *args, log)
                       for log in (lab.path("log", "mainlog"), syslog)]
        tap.check(there.strip() != "", tool)
        tap.equal(here, there, tool)


def volume(octets):
    return "%dKB" % round(octets / 1024) if octets >= 10240 else str(octets)


tap.main(Fixture)
