# SPDX-License-Identifier: Apache-2.0
"""same_mail - what receivers see of the same messages, sent by a host MTA as
its site has it, and by Mailrace as `mailrace import` has made it.

A site is compared in three rounds: with receivers whose certificate is good,
with such that have no TLS, and with such whose certificate is anybody's.  What
comes in which of them shows how much TLS a destination gets:

    none           in clear
    opportunistic  with TLS where there is some
    required       with any TLS, or not at all
    verified       with a good certificate, or not at all
    never          nothing came

Both senders run at the same time, on receivers and DNS of this namespace.
"""

import collections
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading

import exim
import exim_sites
import keys
import postfix
import procs
import same_mail_exim
import same_mail_sites
import smtp_client
import tap
from import_sites import SITES
from lab import DNS_ADDRESS, Lab, start_receiver

ROUNDS = ("good", "clear", "other")
WAYS = ("theirs", "ours")
EHLO = ["PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "SIZE 20000000"]
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
# Of those an interface has Exim thinks that they are its own.
ADDRESSES = ("192.0.2.41/32", "2001:db8::6/128", "2001:db8::7/128",
             "2001:db8::8/128", "2001:db8::9/128", "10.0.0.5/32")

SITES_OF_ALL = list(same_mail_sites.MAIL.values()) + \
    list(same_mail_exim.MAIL.values())

Row = collections.namedtuple("Row", "source helo tls hop user")
NOTHING = Row("-", "-", "never", "-", "-")

# What a test's host has beside what was imported.
CONFIG = """
spool {root}/spool
spool-min-free-space 16M
control-socket {root}/run/control
mark-key-file {root}/keys/mark
name-server {dns}:53
log-level info
"""


# ---- names and addresses -----------------------------------------------------

class Net:
    """Zone, receivers and their names, of all sites."""

    def __init__(self, sites):
        self.lines, self.listen, self.names = [], [], {}
        self.lines += ["%s\n" % s.zone for s in sites if s.zone]
        known = set()
        for site in sites:
            for name, where in site.hosts.items():
                self.add_host(name, where)
            for domain in list(site.domains) + [
                    r.rpartition("@")[2].lower() for r in site.rcpts()]:
                if domain not in known and domain[0] != "[":
                    known.add(domain)
                    self.add_domain(domain, site.domains.get(
                        domain, ["127.0.1.%d" % len(known)]))

    def add_host(self, name, where):
        ip, _, port = where.rpartition(":")
        self.names[where] = "%s:%s" % (name, port)
        self.listen.append(where)
        self.lines.append("%s 300 A %s" % (name, ip))

    def add_domain(self, domain, addresses):
        for i, ip in enumerate(addresses):
            name = "mx%s.%s" % ("" if i == 0 else i + 1, domain)
            self.lines.append("%s 300 MX %d %s" % (domain, 10 * (i + 1), name))
            self.lines.append("%s 300 %s %s" % (
                name, "AAAA" if ":" in ip else "A", ip))
            where = ("[%s]:25" if ":" in ip else "%s:25") % ip
            self.names[where] = name + ":25"
            if not ip.startswith("127.0.3."):  # where nobody is
                self.listen.append(where)

    def zone(self):
        return "\n".join(self.lines) + "\n"

    def certified(self):
        """What stands in the good certificate."""
        hosts = {n.rpartition(":")[0] for n in self.names.values()}
        return sorted(hosts | {h.partition(".")[2] for h in hosts})


def make_certificate(directory, name, hosts):
    """By an authority of its own, which stands in the file `ca`."""
    def path(what):
        return os.path.join(directory, "%s.%s" % (name, what))
    with open(path("ext"), "w") as f:
        f.write("subjectAltName=" + ",".join("DNS:" + h for h in hosts))
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
             "-nodes")
    keys.openssl("req", "-x509", *curve, "-days", "2", "-subj",
                 "/CN=authority", "-keyout", path("cakey"), "-out", path("ca"))
    keys.openssl("req", *curve, "-subj", "/CN=" + name, "-keyout",
                 path("key"), "-out", path("csr"))
    keys.openssl("x509", "-req", "-in", path("csr"), "-CA", path("ca"),
                 "-CAkey", path("cakey"), "-CAcreateserial", "-days", "2",
                 "-extfile", path("ext"), "-out", path("crt"))
    return {"cert": path("crt"), "key": path("key"), "ca": path("ca")}


def tlsa(certificate):
    """The record for its key: DANE-EE, SPKI, SHA-256 (RFC 6698)."""
    pem = keys.openssl("x509", "-in", certificate["cert"], "-noout", "-pubkey")
    path = certificate["cert"] + ".pub"
    with open(path, "wb") as f:
        f.write(pem)
    der = keys.openssl("pkey", "-pubin", "-in", path, "-outform", "DER")
    return "3 1 1 " + hashlib.sha256(der).hexdigest()


# ---- the original hosts ------------------------------------------------------

def replace_names(text, more):
    """Lines of main.cf, without those whose names others set later."""
    names = {m.group(1) for m in re.finditer(r"^(\w+)\s*=", more, re.M)}
    return "".join(line for line in text.splitlines(True)
                   if line.split("=")[0].strip() not in names) + more


def serve_policies(port):
    """A socketmap of TLS policies (socketmap_table(5)), as an MTA-STS resolver
    of Postfix has it: it knows one domain."""
    listener = socket.create_server(("127.0.0.1", port))

    def talk(conn):
        with conn, conn.makefile("rwb") as f:
            while True:
                size = b""
                while (byte := f.read(1)) not in (b":", b""):
                    size += byte
                if not byte:
                    return
                key = f.read(int(size) + 1)[:-1].split(b" ", 1)[1]
                answer = b"NOTFOUND " if key != b"guarded.example" else \
                    b"OK secure match=mx.guarded.example"
                f.write(b"%d:%s," % (len(answer), answer))
                f.flush()

    def accept():
        while True:
            threading.Thread(target=talk, args=(listener.accept()[0],),
                             daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()


class PostfixHost:
    """Postfix, as a site of import_sites has it."""

    MAIL = same_mail_sites.MAIL
    # How it names its client when it hands over: XFORWARD, or a field.
    NAMES_CLIENT = "XFORWARD"

    # Of postfix.MAIN_CF what would be seen outside; other sites' values are
    # Postfix's own.
    NOT_OURS = ("minimal_backoff_time", "maximal_backoff_time",
                "queue_run_delay", "inet_protocols", "local_transport",
                "local_recipient_maps")
    MORE = "mynetworks = 127.0.0.0/8, 198.51.100.0/24\n"

    def __init__(self, lab, name):
        site = SITES[name]
        self.pf = postfix.Postfix(lab.path(name), hand_over=False,
                                  master=site["master"])
        with open(os.path.join(self.pf.conf, "main.cf")) as f:
            base = "".join(l for l in f if not l.startswith(self.NOT_OURS))
        text = (self.MORE + site["main"]).format(dir=self.pf.conf)
        # What is slow is not compared here; and Debian's Postfix has the
        # tables of that type in a package of its own.
        text = re.sub(r"^\w+_rate_delay = .*\n", "", text, flags=re.M)
        text = text.replace("pcre:", "regexp:")
        self.pf.write("main.cf", replace_names(base, text))
        for table, rows in site["tables"].items():
            path = os.path.join(self.pf.conf, table)
            with open(path, "w") as f:
                f.write(rows)
            if "hash:" + path in text:
                self.pf.run("postmap", "-c", self.pf.conf, "hash:" + path,
                            check=True)
        self.no_milter()

    def no_milter(self):
        """Of smtpd: what signs is not there, and is not what is compared."""
        path = os.path.join(self.pf.conf, "master.cf")
        with open(path) as f:
            text = f.read()
        line = "127.0.0.1:25 inet n - y - - smtpd\n"
        self.pf.write("master.cf", text.replace(
            line, line + "  -o smtpd_milters=\n"))

    def importer(self):
        """Behind `mailrace import`."""
        return ["postfix", "--config-dir", self.pf.conf]

    def start(self):
        self.pf.ended_well = True  # nothing to check: the folders are new
        self.pf.start()

    def stop(self):
        """And forgets all mail."""
        self.pf.kill()
        for d in ("incoming", "active", "deferred", "bounce", "defer",
                  "maildrop", "corrupt"):
            path = os.path.join(self.pf.queue, d)
            if os.path.isdir(path):
                for entry in os.listdir(path):
                    whole = os.path.join(path, entry)
                    if os.path.isdir(whole):
                        shutil.rmtree(whole)
                    else:
                        os.unlink(whole)
        open(self.pf.log, "w").close()

    def client(self, mail):
        """A session for it."""
        c = smtp_client.Client(("127.0.0.1", 25))
        c.hello()
        if mail.client != "127.0.0.1":
            c.command("XCLIENT ADDR=%s NAME=[UNAVAILABLE]" % mail.client)
            c.hello()
        return c, None

    def fields(self, _mail):
        return []

    def left(self, rcpts):
        """Of these the ones that neither went out, nor did not and wait."""
        with open(self.pf.log, errors="replace") as f:
            return rcpts - {r.lower() for r in re.findall(
                r" to=<([^>]*)>.* status=(?:sent|deferred|bounced)", f.read())}


class EximHost:
    """Exim, as a site of exim_sites has it."""

    MAIL = same_mail_exim.MAIL
    NAMES_CLIENT = "X-Mailrace-Meta"
    USER = "Debian-exim"

    def __init__(self, lab, name):
        self.lab, self.program = lab, exim.find()
        if not os.path.exists(lab.path("bin")):
            exim.know_user(lab, self.USER)
            os.mkdir(lab.path("bin"))
            os.symlink(self.program, lab.path("bin", "exim4"))
            os.environ["PATH"] = lab.path("bin") + ":" + os.environ["PATH"]
        self.root = lab.path("exim-" + name)
        os.mkdir(self.root)
        self.conf = exim_sites.write(self.root, name)
        self.adapt()
        # Without a list of trusted files deliveries have not root's rights.
        for entry in os.listdir(self.root):
            if entry != "exim.conf":
                shutil.chown(os.path.join(self.root, entry), self.USER)
        self.make_folders()

    def adapt(self):
        """Exim may not lie where its package would have it, and what is slow
        is not compared here."""
        with open(self.conf) as f:
            text = f.read()
        with open(self.conf, "w") as f:
            f.write("exim_path = %s\n" % self.program +
                    re.sub(r"^ *(serialize_hosts|max_parallel) = .*\n", "",
                           text, flags=re.M))

    def make_folders(self):
        for sub in ("spool", "log"):
            path = os.path.join(self.root, sub)
            shutil.rmtree(path, ignore_errors=True)
            os.mkdir(path)
            shutil.chown(path, self.USER, self.USER)

    def importer(self):
        return ["exim", self.conf]

    def start(self):
        self.process = procs.Process("exim", [
            self.program, "-C", self.conf, "-bdf", "-oX", "127.0.0.1:25"],
            os.path.join(self.root, "exim.out"))

        def listens():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", 25)) == 0
        tap.wait_for(listens, 20, "Exim listens")

    def stop(self):
        for pid in reversed(procs.children_of(self.process.pid)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.popen.wait(20)
        shutil.copy(os.path.join(self.root, "log", "mainlog"),
                    self.root + "/last-mainlog")
        self.make_folders()

    def client(self, mail):
        c = smtp_client.Client(("127.0.0.1", 25))
        c.hello()
        return c, None

    def fields(self, _mail):
        return []

    def left(self, rcpts):
        path = os.path.join(self.root, "log", "mainlog")
        if not os.path.exists(path):
            return rcpts
        with open(path, errors="replace") as f:
            return rcpts - {r.lower() for r in re.findall(
                r" (?:=>|->|==|\*\*) (\S+@\S+)", f.read())}


# ---- ours --------------------------------------------------------------------

class MailraceHost:
    """mailraced, as the importer had it, fed as a host MTA hands over."""

    def __init__(self, lab, printed, names_client):
        self.lab, self.names_client = lab, names_client
        found = re.search(r"^lmtp-listener (/\S+)", printed, re.M)
        tap.check(found is not None, "no lmtp-listener:\n" + printed)
        self.lmtp = found.group(1)
        if not os.path.isdir(os.path.dirname(self.lmtp)):
            printed = printed.replace(os.path.dirname(self.lmtp),
                                      os.path.dirname(lab.lmtp))
            self.lmtp = lab.lmtp
        # Nobody reads the records, and their folder is not of this test.
        printed = re.sub(r"^<acct-file .*?^</acct-file>\n", "", printed,
                         flags=re.M | re.S)
        with open(lab.config, "w") as f:
            f.write(printed + lab.expand(CONFIG.replace("{dns}", DNS_ADDRESS)))

    def start(self):
        shutil.rmtree(self.lab.path("spool"), ignore_errors=True)
        # "system": OpenSSL's folder is none of a Debian's bundle.
        self.lab.daemon.start(env={"SSL_CERT_FILE": AUTHORITIES})

    def stop(self):
        self.lab.daemon.stop()

    def client(self, mail):
        c = smtp_client.Client(self.lmtp, lmtp=True)
        c.hello()
        return c, {"ADDR": mail.client, "NAME": "[UNAVAILABLE]",
                   "IDENT": "4A%06d" % id(mail)} \
            if self.names_client == "XFORWARD" else None

    def fields(self, mail):
        """What the host MTA adds to the header."""
        if self.names_client == "XFORWARD":
            return []
        return [(self.names_client, "v=1; client=%s; auth=" % mail.client)]

    def left(self, _rcpts):
        """Those whose queue is not waiting for another try."""
        def key(row):
            return row["domain"], row["vmta"]
        resting = {key(q) for q in self.listed("show", "queues")
                   if q["retry"] is not None and q["connections"] == 0}
        return {r["to"].lower() for r in self.listed("list")
                if key(r) not in resting}

    def listed(self, *words):
        return list(self.lab.command.json(*words, "--maxitems=1000").values())[0]


# ---- one site ----------------------------------------------------------------

class Fixture(Lab):
    """DNS and certificates for all sites; tests start the rest."""

    def __init__(self, sites=tuple(SITES_OF_ALL)):
        self.net = Net(sites)
        super().__init__(zone=self.net.zone(), with_postfix=False,
                         with_milter=False, log_headers=["X-Way"])
        self.good = make_certificate(self.path("keys"), "good",
                                     self.net.certified())
        self.other = make_certificate(self.path("keys"), "other",
                                      ["other.example"])
        self.zone += "".join(
            "%s 300 TLSA %s\n" % (s.pinned, tlsa(self.good))
            for s in sites if s.pinned)

    def __enter__(self):
        for address in ADDRESSES:
            subprocess.run(["ip", "addr", "add", address, "dev", "lo",
                            *(["nodad"] if ":" in address else [])],
                           check=True)
        with open(self.path("resolv.conf"), "w") as f:
            f.write("nameserver %s\noptions trust-ad\n" % DNS_ADDRESS)
        for ours, theirs in ((self.path("resolv.conf"), "/etc/resolv.conf"),
                             (self.good["ca"], AUTHORITIES)):
            subprocess.run(["mount", "--bind", ours, theirs], check=True)
            self.mounts.append(theirs)
        self.start_dns("--ad")
        serve_policies(8461)
        return self

    def write_config(self, extra):
        """What is imported has all of it."""

    def serve(self, kind):
        """Receivers of that round: their process."""
        one = {"listen": self.net.listen, "ehlo": EHLO + ["AUTH PLAIN"]}
        if kind != "clear":
            one["tls"] = self.good if kind == "good" else self.other
            one["ehlo"] = one["ehlo"] + ["STARTTLS"]
        script = self.path("receivers.json")
        with open(script, "w") as f:
            json.dump({"log_headers": self.log_headers, "receivers": [one]}, f)
        open(self.receiver_log, "w").close()
        return start_receiver(self, script, "receiver")


def submit(host, site, way):
    for m in site.mail:
        message = smtp_client.compose(m.sender, m.rcpts[0], size=m.size,
                                      headers=m.headers + [("X-Way", way)] +
                                      host.fields(m))
        client, forward = host.client(m)
        with client as c:
            taken, dots = c.send(m.sender, m.rcpts, message, xforward=forward)
            tap.check(dots and all(code == 250 for code, _ in taken + dots),
                      "%s refused %s: %s %s" % (way, m.rcpts, taken, dots))


def rows_of(lab, way):
    """{recipient: (row without the level, was there TLS)} of a round."""
    found = {}
    for m in lab.messages():
        if m["headers"].get("X-Way") != way:
            continue
        for rcpt in m["rcpts"]:
            tap.check(rcpt.lower() not in found,
                      "%s came twice (%s)" % (rcpt, way))
            found[rcpt.lower()] = Row(
                m["peer"], m["helo"], bool(m["tls"]), lab.net.names[m["to"]],
                m["user"] or "-")
    return found


def play_round(lab, hosts, site, kind):
    """{way: rows}"""
    receiver = lab.serve(kind)
    for host in hosts.values():
        host.start()
    for way, host in hosts.items():
        submit(host, site, way)
    wanted = {r.lower() for r in site.rcpts()}

    def settled():
        # In this order: what is delivered between the two is seen.
        left = {w: host.left(wanted) for w, host in hosts.items()}
        rows = {w: rows_of(lab, w) for w in hosts}
        return None if any(left[w] - set(rows[w]) for w in hosts) else rows
    rows = tap.wait_for(settled, 60, "round %s comes to rest" % kind)
    for host in hosts.values():
        host.stop()
    receiver.stop()
    lab.processes.remove(receiver)
    return rows


def level(tls, clear, other):
    """Of what came in the three rounds: None, or whether there was TLS."""
    if tls is None:
        return "never"
    if not tls:
        return "none" if clear is not None and other is False else "mixed"
    if clear is not None:
        return "opportunistic" if other is not None else "mixed"
    return "verified" if other is None else "required"


def table(site, rounds, way):
    """{recipient: Row}"""
    out = {}
    for mail in site.mail:
        for rcpt in mail.rcpts:
            rows = [r[way].get(rcpt.lower()) for r in rounds]
            first = next((r for r in rows if r is not None), NOTHING)
            if mail.pool and (first.source, first.helo) in mail.pool:
                first = first._replace(source="any of", helo="its pool")
            if mail.hops and first.hop in mail.hops:
                first = first._replace(hop="any of its hosts")
            out[rcpt] = first._replace(tls=level(*[
                None if r is None else r.tls for r in rows]))
    return out


def excuse(site, rcpt, a, b):
    """b, made as a is where the site says that they differ."""
    for u in site.unlike:
        if u.is_about(rcpt) and u.values == (getattr(a, u.column),
                                             getattr(b, u.column)):
            u.used = True
            b = a if "never" in u.values else \
                b._replace(**{u.column: getattr(a, u.column)})
    return b


def differences(site, theirs, ours):
    """Lines, side by side, of what differs and should not."""
    found = {}
    for rcpt in site.rcpts():
        a, b = theirs[rcpt], ours[rcpt]
        if a != excuse(site, rcpt, a, b):
            key = rcpt.partition("-")[0], rcpt.rpartition("@")[2], a, b
            found.setdefault(key, []).append(rcpt)
    return ["%s%s\n    theirs %s\n    ours   %s" % (
        rcpts[0], " and %d more" % (len(rcpts) - 1) if len(rcpts) > 1 else "",
        "  ".join(a), "  ".join(b)) for (_, _, a, b), rcpts in found.items()]


def judge(site, report, theirs, ours):
    """Fails with what differs and the report does not say."""
    wrong = differences(site, theirs, ours)
    for u in site.unlike:
        fate, key, part = u.said
        if not u.used:
            wrong.append("%s does not differ in %s as expected" % (u.where,
                                                                   u.column))
        elif not any(i["fate"] == fate and i["name"] == key and part in
                     "%s %s" % (i["value"], i["text"]) for i in report):
            wrong.append("the report does not say that %s differs" % u.where)
    tap.check(not wrong, "\n".join(wrong))


def compare(lab, name, original):
    """The whole of a site: original(lab, name) makes its host."""
    host = original(lab, name)
    site = host.MAIL[name]
    r = lab.command.run("import", *host.importer(), "--json", "--output",
                        lab.path(name + ".conf"))
    tap.check(r.returncode in (0, 1) and r.stdout, "import: " + r.stderr)
    report = json.loads(r.stdout)["report"]
    with open(lab.path(name + ".conf")) as f:
        hosts = {"theirs": host,
                 "ours": MailraceHost(lab, f.read(), host.NAMES_CLIENT)}
    rounds = [play_round(lab, hosts, site, kind) for kind in ROUNDS]
    judge(site, report, *(table(site, rounds, way) for way in WAYS))
