# SPDX-License-Identifier: Apache-2.0
"""lab - everything a system test needs, in one directory that goes away.

    with Lab(zone=..., receivers=[...], config="...") as lab:
        lab.start()             DNS, receivers, mailraced, milter, Postfix
        lab.postfix.source(...)
        tap.wait_for(lambda: len(lab.messages()) == 10, 30, "ten arrive")

Addresses: 127.0.0.1 Postfix, 127.0.0.2 our listeners, 127.0.0.53 DNS,
127.0.0.10 and up our source addresses, 127.0.1.0/24 and up receivers.
The directory is kept, and named, when MAILRACE_KEEP is set or a test failed,
unless it was made to fail (MAILRACE_DELETE).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

import dns.message
import dns.query
import dns.rdatatype
import keys
import mailrace
import postfix
import procs
import smtp_client
import tap

HERE = os.path.dirname(os.path.abspath(__file__))
DNS_ADDRESS = "127.0.0.53"
LISTEN = "127.0.0.2"
HOST_NAME = "mta.lab.example"

BASE_CONFIG = """\
host-name {host_name}
spool {spool}
spool-min-free-space 16M
control-socket {run}/control
lmtp-listener {sockets}/lmtp
lmtp-listener {listen}:24
smtp-listener {listen}:25
milter-listener {sockets}/milter
mark-key-file {keys}/mark
name-server {dns}:53
log-level {log_level}
smtp-source-host 127.0.0.10 {host_name}
<acct-file {acct}/acct.csv>
    records d,b,t
{acct_sync}</acct-file>
"""


def without_deleted(config):
    """The configuration without the lines that tests/lint/deleted_lines.py
    takes away to see a test fail: MAILRACE_DELETE is "block directive", or
    the directive alone for one at the top level."""
    gone = os.environ.get("MAILRACE_DELETE", "").split()
    block, kept = [], []
    for line in config.splitlines(True):
        word = line.split()[0] if line.split() else ""
        if block[-1:] + [word] != gone:
            kept.append(line)
        if word.startswith("</"):
            block.pop()
        elif word.startswith("<"):
            block.append(word[1:].rstrip(">"))
    return "".join(kept)


class Lab:
    # Rows are in the file at once, for who waits for many of them, instead of
    # within half a second.
    acct_sync = False

    def __init__(self, zone="", receivers=(), config="", dkim=(),
                 with_postfix=True, with_milter=True, pf_main="",
                 pf_master="", log_headers=("Message-ID", "X-Test-Id"), prefix="mailrace-test-",
                 directory=None, log_level="info", hand_over=True):
        """dkim: (selector, domain[, "ed25519"]); their domain-key lines may be
        written with {keys}/SELECTOR.DOMAIN.pem in config."""
        self.root = tempfile.mkdtemp(prefix=prefix, dir=directory)
        os.chmod(self.root, 0o755)
        self.keep = "MAILRACE_KEEP" in os.environ
        for d in ("run", "log", "keys", "acct", "mail"):
            os.makedirs(self.path(d))
        self.zone = zone
        self.receivers = list(receivers)
        self.log_headers = list(log_headers)
        self.log_level = log_level
        self.processes = []
        self.mounts = []  # to be taken off at the end
        self.whole_files = True  # no test takes accounting files away
        self.with_milter = with_milter
        keys.mark_key(self.path("keys", "mark"))
        for selector, domain, *kind in dkim:
            txt = keys.dkim_key(self.path("keys", "%s.%s.pem" %
                                          (selector, domain)), *kind)
            self.zone += '%s._domainkey.%s 300 TXT "%s"\n' % (selector,
                                                              domain, txt)
        self.postfix = None
        if with_postfix:
            self.postfix = postfix.Postfix(self.path("pf"), main=pf_main,
                                           master=pf_master,
                                           hand_over=hand_over)
        self.sockets = self.postfix.sockets if with_postfix else \
            self.path("run")
        self.config = self.path("mailrace.conf")
        self.write_config(config)
        self.daemon = self.make_daemon("mailraced")
        self.milter = self.make_daemon("mailrace-milter") \
            if with_milter else None
        self.command = mailrace.Command(self.config)
        self.lmtp = os.path.join(self.sockets, "lmtp")

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def make_daemon(self, name):
        return mailrace.Daemon(name, self.config, self.path("log"),
                               self.path("run"))

    def expand(self, text):
        for k, v in (("root", self.root), ("keys", self.path("keys")),
                     ("run", self.path("run"))):
            text = text.replace("{%s}" % k, v)
        return text

    def write_config(self, extra):
        base = BASE_CONFIG.format(
            host_name=HOST_NAME, spool=self.path("spool"),
            run=self.path("run"), sockets=self.sockets, listen=LISTEN,
            keys=self.path("keys"), dns=DNS_ADDRESS, acct=self.path("acct"),
            log_level=self.log_level,
            acct_sync="    sync yes\n" if self.acct_sync else "")
        text = without_deleted(base + self.expand(extra))
        with open(self.config, "w") as f:
            f.write(text)
            if self.with_milter:
                f.write("\nmilter-control-socket %s/milter-control\n" %
                        self.path("run"))

    # ---- start and end -----------------------------------------------------

    def __enter__(self):
        return self

    def start(self):
        """Everything.  Skips the file if something is not installed."""
        lacking = mailrace.missing()
        if lacking is not None:
            tap.skip("%s is not built" % lacking)
        if self.postfix is not None and postfix.missing():
            tap.skip("%s of Postfix is not installed" % postfix.missing())
        self.start_dns()
        self.start_receivers()
        self.daemon.start()
        if self.milter is not None:
            self.milter.start()
        if self.postfix is not None:
            self.postfix.start()

    def start_dns(self, *options):
        zone = self.path("zone")
        with open(zone, "w") as f:
            f.write(self.zone)
        log = self.path("log", "dns_server.out")
        p = procs.Process("dns_server", [
            sys.executable, os.path.join(HERE, "dns_server.py"), "--listen",
            DNS_ADDRESS + ":53", "--zone", zone, "--log",
            self.path("log", "dns.jsonl"), *options], log,
            env={"PYTHONUNBUFFERED": "1"})
        self.processes.append(p)
        procs.wait_for_text(p, log, "ready", 20)
        self.dns = p

    def start_receivers(self):
        for r in self.receivers:
            if r.get("tls") is True:
                r["tls"] = keys.certificate(self.path("keys"), "receiver")
        script = self.path("receivers.json")
        with open(script, "w") as f:
            json.dump({"log_headers": self.log_headers,
                       "receivers": self.receivers}, f, indent=1)
        self.receiver = start_receiver(self, script, "receiver")

    def check_balance(self):
        """After whatever a test did, the ledger balances, the accounting
        files agree with it, and have all rows that were written."""
        if not self.daemon.running():
            return
        audit = self.audit("--files")
        if not audit.balances() or not audit.agrees():
            raise procs.ProcessError("the audit does not balance: %s" % audit)
        ended = sum(audit.terminal.values())  # of nothing there are no rows
        for a in audit.accounting:
            if a["path"] == self.path("acct", "acct.csv") and \
                    ended and a["error"] is None and not a["agrees"]:
                raise procs.ProcessError("it was not compared: %s" % audit)
        if self.whole_files and not audit.files_are_whole():
            raise procs.ProcessError("rows are not in files: %s" % audit)

    def __exit__(self, kind, _value, _trace):
        bad = None
        if self.postfix is not None:
            self.postfix.stop()
        try:
            self.check_balance()
        except (procs.ProcessError, mailrace.CommandFailed) as e:
            bad = e
        for d in (self.daemon, self.milter):
            try:
                if d is not None and d.running():
                    d.stop()
                elif d is not None:
                    d.check_sanitizers()
            except procs.ProcessError as e:
                bad = e
        if bad is not None or kind not in (None, tap.Skipped):
            self.keep = True
        for p in self.processes:
            if p.running():
                p.stop()
        for m in self.mounts:
            subprocess.run(["umount", m], check=True)
        if self.keep and ("MAILRACE_DELETE" not in os.environ or
                          "MAILRACE_KEEP" in os.environ):
            tap.note("kept for a look: " + self.root)
        else:
            shutil.rmtree(self.root, ignore_errors=True)
        if bad is not None:
            raise bad

    # ---- what the receivers saw --------------------------------------------

    def events(self, kind=None):
        out = []
        with open(self.receiver_log) as f:
            for line in f:
                if not line.endswith("\n"):
                    break  # being written
                record = json.loads(line)
                if kind is None or record["ev"] == kind:
                    out.append(record)
        return out

    def messages(self, code=250, **wanted):
        """Messages answered so, with the given values of fields."""
        return [m for m in self.events("message") if m["code"] == code and
                all(m[k] == v for k, v in wanted.items())]

    @property
    def receiver_log(self):
        return self.path("log", "receiver.jsonl")

    def accounting(self, kind=None):
        rows = mailrace.accounting(self.path("acct"))
        return [r for r in rows if kind is None or r["type"] == kind]

    def ask(self, request):
        """The last line that mailraced answers to a request, or to bytes."""
        return mailrace.ask(self.path("run", "control"), request)[-1]

    def audit(self, *options):
        """Also of one that ends with status 1."""
        r = self.command.run("audit", "--json", *options)
        if not r.stdout.startswith("{"):
            raise mailrace.CommandFailed(("audit",) + options, r)
        return mailrace.Audit(json.loads(r.stdout))

    def lmtp_clients(self):
        """How many are connected to the LMTP listener, accepted or not."""
        with open("/proc/net/unix") as f:
            return sum(line.rstrip().endswith(" " + self.lmtp)
                       for line in f) - 1  # the listener itself

    # ---- mail without a host MTA --------------------------------------------

    def inject(self, rcpts, sender="s@sender.example", message=None,
               client="127.0.0.1", ident=None, params="",
               where=None, lmtp=True, **compose):
        """One message by LMTP; the replies after the dot, one a recipient.
        Fails the test unless all of them are 250."""
        if isinstance(rcpts, str):
            rcpts = [rcpts]
        if message is None:
            message = smtp_client.compose(sender, rcpts[0], **compose)
        forward = {"ADDR": client, "NAME": "[UNAVAILABLE]"}
        if ident is not None:
            forward["IDENT"] = ident
        with smtp_client.Client(where or self.lmtp, lmtp=lmtp) as c:
            c.hello()
            taken, dots = c.send(sender, rcpts, message, params=params,
                                 xforward=forward if lmtp else None)
            tap.check(dots and all(code == 250 for code, _ in taken + dots),
                      "refused: %s %s" % (taken, dots))
        return dots

    def arrived(self, rcpt):
        return [m for m in self.messages() if rcpt in m["rcpts"]]

    def wait_arrived(self, rcpt, timeout_s=20):
        return tap.wait_for(lambda: self.arrived(rcpt), timeout_s,
                            "a message for %s arrives" % rcpt)[0]

    def settled(self, timeout_s=60):
        """The audit when nothing is queued any more: a receiver tells of a
        message before we have heard its answer."""
        tap.wait_for(lambda: self.audit().queued == 0, timeout_s,
                     "the queue is empty")
        return self.audit()

    def wait_closed(self, to, count=1, timeout_s=60):
        """Until so many connections to an address are over: all that was said
        over them is in the log."""
        tap.wait_for(lambda: len([e for e in self.events("close")
                                  if e["to"] == to]) >= count, timeout_s,
                     "%d closed connection(s) to %s" % (count, to))

    def stored(self, message):
        """The octets of a message as a receiver got it."""
        with open(message["file"], "rb") as f:
            return f.read()

    def wait_record(self, kind, rcpt, timeout_s=20):
        """The accounting record of this type for a recipient."""
        return tap.wait_for(lambda: [r for r in self.accounting(kind)
                                     if r["rcpt"] == rcpt], timeout_s,
                            "a %s record for %s" % (kind, rcpt))[0]

    # ---- DNS as a verifier sees it -----------------------------------------

    def txt(self, name, timeout=5):
        """A TXT record from the test's DNS server, for dkimpy."""
        if isinstance(name, bytes):
            name = name.decode()
        q = dns.message.make_query(name, dns.rdatatype.TXT)
        answer = dns.query.udp(q, DNS_ADDRESS, timeout=timeout)
        for rrset in answer.answer:
            for rr in rrset:
                if rr.rdtype == dns.rdatatype.TXT:
                    return b"".join(rr.strings)
        return None


def start_receiver(lab, script, name):
    log = lab.path("log", name + ".out")
    read_fd, write_fd = os.pipe()
    try:
        p = procs.Process(name, [
            sys.executable, os.path.join(HERE, "receiver.py"), "--script",
            script, "--log", lab.path("log", name + ".jsonl"), "--store",
            lab.path("mail"), "--ready-fd", str(write_fd)], log,
            pass_fds=(write_fd,))
    finally:
        os.close(write_fd)
    with os.fdopen(read_fd) as f:
        if f.readline() != "ready\n":
            raise procs.ProcessError("receiver did not start:\n" +
                                     procs.tail(log))
    lab.processes.append(p)
    return p


def mx_zone(domain, *hosts):
    """Zone lines: hosts are (name, ip) in order of preference."""
    out = []
    for i, (name, ip) in enumerate(hosts):
        out.append("%s 300 MX %d %s" % (domain, 10 * (i + 1), name))
        kind = "AAAA" if ":" in ip else "A"
        out.append("%s 300 %s %s" % (name, kind, ip))
    return "\n".join(out) + "\n"
