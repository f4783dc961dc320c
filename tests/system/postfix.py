# SPDX-License-Identifier: Apache-2.0
"""postfix - a real Postfix of our own in a directory.

Configuration, queue and data are private; /etc/postfix and
/var/spool/postfix are neither read nor written (postfix-files and the like
are copied from the package's own places).  Must run inside netns.enter():
it listens on 127.0.0.1:25 unless told otherwise.
"""

import os
import pwd
import grp
import shutil
import signal
import subprocess
import time

import mailrace
import procs

PROGRAMS = ("postfix", "postconf", "smtp-source", "smtp-sink", "sendmail",
            "postqueue")
MASTER = "/usr/lib/postfix/sbin/master"
# What chrooted services read, as Debian copies it each time Postfix starts.
CHROOT_FILES = ("localtime", "services", "resolv.conf", "hosts", "host.conf",
                "nsswitch.conf")
META = ("postfix-files", "postfix-script", "post-install")

# The lines of an operator's main.cf; what is ours stands in etc/.
MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {queue}
data_directory = {data}
meta_directory = {conf}
daemon_directory = /usr/lib/postfix/sbin
shlib_directory = /usr/lib/postfix
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {log}
maillog_file_prefixes = {logdir}
myhostname = {hostname}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
local_recipient_maps =
local_transport = error:no local mail here
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_client_connection_count_limit = 0
minimal_backoff_time = 5s
maximal_backoff_time = 10s
queue_run_delay = 5s
"""

DSN_HOST = "127.0.0.1:10028"


def sample(name):
    """The lines that we tell operators to add."""
    with open(os.path.join(mailrace.SOURCE, "etc", name)) as f:
        return f.read()


def missing():
    """What is not installed, or None."""
    for p in PROGRAMS:
        if shutil.which(p, path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
            return p
    return None


def master_cf(port_lines):
    """Debian's services, most of them in a chroot, without its smtp
    listener."""
    out = []
    with open("/usr/share/postfix/master.cf.dist") as f:
        for line in f:
            if line[:1].isalpha():
                fields = line.split()
                if fields[:2] == ["smtp", "inet"] or fields[0] == "postlog":
                    continue
            out.append(line)
    out.append("postlog unix-dgram n - n - 1 postlogd\n")
    return "".join(out) + port_lines


class Postfix:
    def __init__(self, root, hostname="pf.lab.example", address="127.0.0.1",
                 port=25, hand_over=True, main="", master=""):
        self.root = root
        self.conf = os.path.join(root, "conf")
        self.queue = os.path.join(root, "spool")
        self.data = os.path.join(root, "data")
        self.log = os.path.join(root, "log", "postfix.log")
        self.sockets = os.path.join(self.queue, "mailrace")
        self.address, self.port = address, port
        self.started, self.ended_well = False, True
        self.make_dirs()
        # inet_interfaces knows only addresses that an interface has; master.cf
        # may listen on any of 127/8.
        text = MAIN_CF.format(queue=self.queue, data=self.data,
                              conf=self.conf, log=self.log,
                              logdir=os.path.dirname(self.log),
                              hostname=hostname)
        services = "%s:%d inet n - y - - smtpd\n" % (address, port)
        if hand_over:
            text += sample("postfix-main.cf")
            services += sample("postfix-master.cf")
        self.write("main.cf", text + main)
        self.write("master.cf", master_cf(services + master))

    def write(self, name, text):
        """As if a while ago: what was written just now Postfix reads again and
        again, until it is some seconds old."""
        path = os.path.join(self.conf, name)
        with open(path, "w") as f:
            f.write(text)
        past = time.time() - 60
        os.utime(path, (past, past))

    def configure(self, more):
        """Lines that main.cf has as well, from the next start on."""
        with open(os.path.join(self.conf, "main.cf")) as f:
            text = f.read()
        self.write("main.cf", text + more)

    def make_dirs(self):
        user = pwd.getpwnam("postfix")
        for d in (self.conf, self.queue, self.data,
                  os.path.dirname(self.log)):
            os.makedirs(d, exist_ok=True)
        for d in ("dynamicmaps.cf.d", "postfix-files.d"):
            os.makedirs(os.path.join(self.conf, d), exist_ok=True)
        self.write("dynamicmaps.cf", "")
        for name in META:
            for d in ("/usr/share/postfix", "/usr/lib/postfix/sbin",
                      "/usr/lib/postfix", "/etc/postfix"):
                source = os.path.join(d, name)
                if os.path.exists(source):
                    shutil.copy(source, self.conf)
                    break
        os.chown(self.data, user.pw_uid, -1)
        # What warns while no postlogd runs (postsuper, of what a kill left)
        # writes the log itself, as Postfix's user.
        os.chown(os.path.dirname(self.log), user.pw_uid, -1)
        with open(self.log, "a"):
            os.chown(self.log, user.pw_uid, -1)
        # setgid: sockets made here belong to the group postfix, which is
        # how smtpd and lmtp may connect to them.
        os.makedirs(self.sockets, exist_ok=True)
        os.chown(self.sockets, -1, user.pw_gid)
        os.chmod(self.sockets, 0o2750)
        self.make_queue()

    def make_queue(self):
        """The directories that post-install would make at the first start, by
        the same table; it takes seconds."""
        known = {"$queue_directory": self.queue, "$data_directory": self.data,
                 "$mail_owner": "postfix", "$setgid_group": "postdrop"}
        with open(os.path.join(self.conf, "postfix-files")) as f:
            rows = [line.strip().split(":") for line in f
                    if line.startswith(("$queue_directory", "$data_directory"))]
        for path, kind, owner, group, mode, flags in rows:
            if kind != "d" or "c" not in flags:
                continue
            top, _, rest = path.partition("/")
            path = os.path.join(known[top], rest)
            os.makedirs(path, exist_ok=True)
            os.chmod(path, int(mode, 8))
            os.chown(path, pwd.getpwnam(known.get(owner, owner)).pw_uid,
                     -1 if group == "-" else
                     grp.getgrnam(known.get(group, group)).gr_gid)

    def run(self, *argv, **kw):
        return subprocess.run(argv, capture_output=True, text=True, **kw)

    def fill_chroot(self):
        folder = os.path.join(self.queue, "etc")
        os.makedirs(folder, exist_ok=True)
        for name in CHROOT_FILES:
            if os.path.isfile("/etc/" + name):
                shutil.copy("/etc/" + name, folder)

    def start(self):
        """`postfix start` checks all of its files first; after a kill it
        must."""
        self.fill_chroot()
        if self.ended_well:
            r = self.run(MASTER, "-c", self.conf, "-w")
        else:
            r = self.run("postfix", "-c", self.conf, "start")
        if r.returncode != 0:
            raise RuntimeError("postfix start: " + r.stderr)
        self.started, self.ended_well = True, False
        end = time.monotonic() + 20
        while not self.listens():
            if time.monotonic() > end:
                raise RuntimeError("Postfix does not listen")
            time.sleep(0.02)

    def listens(self):
        import socket
        with socket.socket() as s:
            return s.connect_ex((self.address, self.port)) == 0

    def master_pid(self):
        with open(os.path.join(self.queue, "pid", "master.pid")) as f:
            return int(f.read())

    def check(self):
        """How Postfix finds its files, on standard error."""
        return self.run("postfix", "-c", self.conf, "check")

    def is_over(self):
        return self.run(MASTER, "-c", self.conf, "-t").returncode == 0

    def stop(self):
        """As `postfix stop`, which looks only once a second."""
        if not self.started:
            return
        try:
            os.kill(self.master_pid(), signal.SIGTERM)
        except ProcessLookupError:
            pass
        end = time.monotonic() + 5
        while not self.is_over() and time.monotonic() < end:
            time.sleep(0.02)
        if not self.is_over():
            self.run("postfix", "-c", self.conf, "stop")
        self.started, self.ended_well = False, True

    def kill(self):
        """kill -9 of the master and of all its processes."""
        procs.kill_all(self.master_pid())
        self.started = False

    def flush(self):
        self.run("postqueue", "-c", self.conf, "-f", check=True)

    def queue_size(self):
        """Messages in this Postfix; those in the maildrop too."""
        r = self.run("postqueue", "-c", self.conf, "-j", check=True)
        return sum(1 for line in r.stdout.splitlines() if line)

    def deferrals(self):
        with open(self.log, errors="replace") as f:
            return f.read().count("status=deferred")

    def sendmail(self, sender, rcpts, message):
        self.run("sendmail", "-C", self.conf, "-f", sender, "-i", "--",
                 *rcpts, input=message, check=True)

    def source(self, sender, rcpt, count, *options):
        """smtp-source; returns when it is done."""
        r = self.run("smtp-source", "-m", str(count), "-f", sender, "-t",
                     rcpt, *options, "%s:%d" % (self.address, self.port))
        if r.returncode != 0:
            raise RuntimeError("smtp-source: " + r.stderr)


def group_of_postfix():
    return grp.getgrgid(pwd.getpwnam("postfix").pw_gid).gr_name
