# SPDX-License-Identifier: Apache-2.0
"""sign - signing in a milter, beside OpenDKIM's: one Postfix, whose ports differ
in the milter they ask, and messages of 5 KB that are signed and then thrown
away.

CPU is that of the milter's process: user and system, of all its threads.  Each
milter has signed a message first whose signature verifies.
"""

import os
import shutil
import statistics

import mailrace
import procs
import signatures
from bench_common import SIZE, BenchError, say, wait_until
from bench_relay import source
from lab import Lab, mx_zone

KINDS = ("rsa", "ed25519")
ROUNDS = 3
CHECK = "127.0.1.2"
SENDER = "bulk@signed.example"

CONFIG = """\
domain-key rsa, signed.example, {keys}/rsa.signed.example.pem
domain-key ed25519, signed.example, {keys}/ed25519.signed.example.pem
<domain *>
    dkim-sign yes
</domain>
<domain ed25519.bench.example>
    dkim-algorithm ed25519-sha256
</domain>
<domain ed25519.check.example>
    dkim-algorithm ed25519-sha256
</domain>
"""

OPENDKIM = """\
Syslog no
UserID root
UMask 000
Mode s
Socket local:{socket}
Canonicalization relaxed/relaxed
SignatureAlgorithm {kind}-sha256
OversignHeaders From
Domain signed.example
Selector {kind}
KeyFile {key}
RequireSafeKeys no
InternalHosts 127.0.0.0/8
Background no
"""

MAIN = """\
default_transport = away
transport_maps = inline:{ %s }
smtpd_milters =
default_process_limit = 100
in_flow_delay = 0
""" % ", ".join("%s.check.example=smtp:[%s]" % (k, CHECK) for k in KINDS)


def ports():
    """{(whose, kind): port}"""
    return {(whose, kind): 2500 + 10 * i + k
            for i, whose in enumerate(("opendkim", "mailrace"))
            for k, kind in enumerate(KINDS)}


def master():
    # Under a name of its own: mail for "discard" is none of our milter's.
    out = ["away unix - - n - - discard\n"]
    for (whose, kind), port in ports().items():
        milter = "mailrace/milter" if whose == "mailrace" else \
            "opendkim-" + kind
        out.append("127.0.0.1:%d inet n - n - - smtpd\n"
                   "  -o smtpd_milters=unix:%s\n" % (port, milter))
    return "".join(out)


def start_opendkim(lab, kind):
    socket = os.path.join(lab.postfix.queue, "opendkim-" + kind)
    conf = lab.path("opendkim-%s.conf" % kind)
    with open(conf, "w") as f:
        f.write(OPENDKIM.format(
            socket=socket, kind=kind,
            key=lab.path("keys", kind + ".signed.example.pem")))
    p = procs.Process("opendkim", ["opendkim", "-f", "-x", conf],
                      lab.path("log", "opendkim-%s.out" % kind))
    lab.processes.append(p)
    wait_until(lambda: os.path.exists(socket), 10, "opendkim listens")
    return p


def check_signed(lab, port, kind):
    rcpt = "check%d@%s.check.example" % (port, kind)
    source("127.0.0.1:%d" % port, SENDER, 1, rcpt=rcpt)
    octets = lab.stored(lab.wait_arrived(rcpt, 30))
    tags = signatures.tags_of(octets)
    if [t["a"] for t in tags] != [kind + "-sha256"] or \
            not signatures.verify(octets, lab.txt, "signed.example"):
        raise BenchError("port %d: %s does not verify" % (port, tags))


def measure(process, port, kind, count):
    pids = procs.children_of(process.pid)
    before = procs.cpu_seconds(pids)
    source("127.0.0.1:%d" % port, SENDER, count,
           rcpt="x@%s.bench.example" % kind)
    return count / (procs.cpu_seconds(pids) - before)


def our_signatures(lab):
    answer = mailrace.ask(lab.path("run", "milter-control"),
                          {"command": "show status"})
    return mailrace.find(answer, "signatures")


def summary(rounds):
    """rounds: {(whose, kind): [messages a CPU second, ...]}"""
    rate = {k: statistics.median(v) for k, v in rounds.items()}
    return {"size": SIZE, "rounds": len(next(iter(rounds.values()))), "runs": [
        {"kind": kind, "opendkim": rate["opendkim", kind],
         "mailrace": rate["mailrace", kind],
         "ratio": rate["mailrace", kind] / rate["opendkim", kind]}
        for kind in KINDS]}


def run(settings):
    if shutil.which("opendkim", path="/usr/sbin:/usr/bin") is None:
        raise BenchError("opendkim is not installed")
    count = settings.pick(4000, 1000)
    zone = "".join(mx_zone(k + ".check.example", ("mx.check.example", CHECK))
                   for k in KINDS)
    with Lab(zone=zone, config=CONFIG,
             dkim=[(k, "signed.example", k) for k in KINDS],
             receivers=[{"listen": [CHECK + ":25"]}], pf_main=MAIN,
             pf_master=master(), directory=settings.dir, log_level="warn",
             prefix="mailrace-bench-") as lab:
        processes = {k: start_opendkim(lab, k) for k in KINDS}
        lab.start()
        rounds = {}
        for (whose, kind), port in ports().items():
            check_signed(lab, port, kind)
            rounds[whose, kind] = []
        before = our_signatures(lab)
        for i in range(settings.pick(ROUNDS, 1)):
            say("round %d" % (i + 1))
            for (whose, kind), port in ports().items():
                p = lab.milter if whose == "mailrace" else processes[kind]
                rounds[whose, kind].append(measure(p, port, kind, count))
                say("%-8s %-8s %7.0f messages/CPU s" % (
                    whose, kind, rounds[whose, kind][-1]))
        if our_signatures(lab) - before != count * len(KINDS) * (i + 1):
            raise BenchError("our milter did not sign all of them")
    return summary(rounds)
