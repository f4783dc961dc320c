#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The name servers are gone, in each way in which they can be, and so is the
network, a route or a source address of ours: mail waits, nothing bounces,
nothing spins, and all goes on by itself.

    SEED=n TIMES=n tests/crash/test_network.py
"""

import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fault

import lab as labs
import procs
import tap

# A failed answer is kept for 15 s; then retry-after, and a question.
DNS_BACK_S = 20
# Names that no answer is kept of; each is its own MX.
WILD = ["d%d.wild.example" % i for i in range(3000)]
WILD_ZONE = fault.ZONE + "*.wild.example 300 MX 10 %\n" \
    "*.wild.example 300 A 127.0.1.1\n"
QUIET_S = 3
QUIET_CPU_S = 0.3

CONFIG = fault.CONFIG + """
<domain *>
    retry-after 1s
    retry-after-dns-error 1s
    retry-recipients-after 1s
    connect-timeout 2s
    data-send-timeout 2s
    smtp-data-termination-timeout 2s
</domain>
"""


def check_quiet(run):
    """Nothing can be done, and nothing is."""
    time.sleep(1)  # what was under way fails
    before = procs.cpu_seconds([run.lab.daemon.pid])
    time.sleep(QUIET_S)
    used = procs.cpu_seconds([run.lab.daemon.pid]) - before
    tap.check(used < QUIET_CPU_S, "%.2f s of processor time in %d s" % (
        used, QUIET_S))


def check_none_ended(run, before):
    audit = run.audit()
    for k in ("failed", "expired"):
        tap.equal(audit.terminal[k], before.terminal[k], k)


def arrives(run, rcpt, since, most_s):
    tap.wait_for(lambda: rcpt in run.arrivals.update().messages, most_s,
                 "%s arrives by itself" % rcpt)
    run.seconds.append(run.arrivals.messages[rcpt][0]["mono"] - since)


# ---- DNS -------------------------------------------------------------------

def silent(lab):
    lab.dns.signal(signal.SIGSTOP)
    return lambda: lab.dns.signal(signal.SIGCONT)


def refusing(lab):
    lab.dns.stop()
    return lab.start_dns


def servfail(lab):
    def serve(zone):
        with open(lab.path("zone"), "w") as f:
            f.write(zone)
        lab.dns.signal(signal.SIGHUP)
    serve("*.wild.example SERVFAIL\n*.example SERVFAIL\n* SERVFAIL\n")
    return lambda: serve(lab.zone)


DNS_FAULTS = [("silent", silent), ("refusing", refusing),
              ("SERVFAIL", servfail)]


def without_dns(run, number, name, go):
    """One of them under load, and then without; mail to new names waits."""
    before = run.audit()
    with run.load(domains=WILD + ["steady.example"], pause_s=0.01):
        run.pause(0.5, 1)
        come_back = go(run.lab)
        run.happened()
        run.pause(2, 3)
    rcpt = "u@during%d.wild.example" % number
    run.hand_over(rcpt)
    check_quiet(run)
    tap.check(rcpt not in run.arrivals.update().messages, "it arrived")
    check_none_ended(run, before)
    since = time.monotonic()
    come_back()
    arrives(run, rcpt, since, DNS_BACK_S)
    tap.note("%s: back after %.1f s" % (name, run.seconds[-1]))


@fault.fault("DNS gone",
             "The name server is stopped, is ended, and answers SERVFAIL, "
             "while mail comes for 3,000 domains. No failure is counted, the "
             "waiting daemon uses less than a tenth of a processor; a failed "
             "answer is kept for 15 s.",
             zone=WILD_ZONE, config=CONFIG, with_postfix=False)
def dns_gone(run):
    for i, (name, go) in enumerate(DNS_FAULTS):
        without_dns(run, i, name, go)


def no_name_server(lab):
    """The system's name server, which is nowhere."""
    with open(lab.config) as f:
        text = f.read()
    with open(lab.config, "w") as f:
        f.write("\n".join(line for line in text.split("\n")
                          if not line.startswith("name-server")))
    path = lab.path("resolv.conf")
    with open(path, "w") as f:
        f.write("nameserver 127.0.0.54\n")
    subprocess.run(["mount", "--bind", path, "/etc/resolv.conf"], check=True)


def start_dns_at(lab, ip):
    log = lab.path("log", "second_dns.out")
    p = procs.Process("second_dns", [
        sys.executable, os.path.join(labs.HERE, "dns_server.py"), "--listen",
        ip + ":53", "--zone", lab.path("zone")], log,
        env={"PYTHONUNBUFFERED": "1"})
    lab.processes.append(p)
    procs.wait_for_text(p, log, "ready", 20)


@fault.fault("started without a name server",
             "resolv.conf names an address where nobody is; a server comes "
             "up there later.",
             zone=WILD_ZONE, config=CONFIG, with_postfix=False,
             prepare=no_name_server)
def no_dns_at_start(run):
    with run.load(domains=WILD, pause_s=0.01):
        run.pause(1, 2)
        run.happened()
    run.hand_over("u@during.wild.example")
    check_quiet(run)
    tap.equal(run.arrivals.update().messages, {}, "arrivals")
    since = time.monotonic()
    start_dns_at(run.lab, "127.0.0.54")
    arrives(run, "u@during.wild.example", since, DNS_BACK_S)
    subprocess.run(["umount", "/etc/resolv.conf"], check=True)


# ---- network ---------------------------------------------------------------

SERVER = "10.1.0.1"  # an address that comes and goes, of a receiver
SOURCE = "10.2.0.1"  # and one of a virtual MTA
FAR_ZONE = fault.ZONE + labs.mx_zone("far.example", ("mx.far.example",
                                                     SERVER))
FAR = {"listen": [SERVER + ":25"], "store": False}
VMTAS = """
<source 127.0.0.0/8>
    always-allow-relaying yes
    process-x-virtual-mta yes
</source>
<virtual-mta v1>
    smtp-source-host %s v1.example
</virtual-mta>
""" % SOURCE


def ip(*args):
    subprocess.run(("ip",) + args, check=True)


def address(verb, which):
    ip("addr", verb, which + "/32", "dev", "lo")


def with_addresses(_lab):
    address("add", SERVER)
    address("add", SOURCE)


def without_addresses(run):
    for which in (SERVER, SOURCE):
        run.after.append(lambda which=which: address("del", which))


@fault.fault("route to a receiver lost",
             "The way to one of the receivers goes away in the middle of its "
             "sessions and comes back after up to four seconds.",
             zone=FAR_ZONE, config=CONFIG, with_postfix=False,
             receivers=fault.RECEIVERS + [FAR], prepare=with_addresses)
def route_lost(run):
    without_addresses(run)
    with run.load(domains=["far.example", "steady.example"], pause_s=0.005):
        for i in range(run.count(4)):
            run.pause(0.5, 1)
            address("del", SERVER)
            run.happened()
            rcpt = "u%d@far.example" % i
            run.hand_over(rcpt)
            run.recovered(time.monotonic())  # others go on
            run.pause(1, 4)
            since = time.monotonic()
            address("add", SERVER)
            arrives(run, rcpt, since, 15)


@fault.fault("network down",
             "The only interface is down for up to three seconds, name "
             "server and clients included.",
             zone=WILD_ZONE, config=CONFIG, with_postfix=False)
def network_down(run):
    before = run.audit()
    with run.load(domains=WILD + fault.DOMAINS[:2], pause_s=0.005):
        for _ in range(run.count(4)):
            run.pause(0.5, 1.5)
            ip("link", "set", "lo", "down")
            run.happened()
            time.sleep(run.random.uniform(1, 3))
            since = time.monotonic()
            ip("link", "set", "lo", "up")
            run.recovered(since)
    check_none_ended(run, before)


def queue_text(run, name):
    return run.lab.command.text("show", "queues", name, "--json")


@fault.fault("source address missing",
             "The address of a virtual MTA is taken from the interface: its "
             "mail waits and says why, that of the others goes on.",
             zone=FAR_ZONE, config=CONFIG + VMTAS, with_postfix=False,
             receivers=fault.RECEIVERS + [FAR], prepare=with_addresses)
def source_missing(run):
    without_addresses(run)
    before = run.audit()
    with run.load(domains=["far.example", "steady.example"], pause_s=0.01):
        address("del", SOURCE)
        run.happened()
        for i in range(10):
            run.hand_over("v%d@far.example" % i,
                          headers=[("X-Virtual-MTA", "v1")])
        run.recovered(time.monotonic())
        tap.wait_for(lambda: "source address " + SOURCE in
                     queue_text(run, "far.example/v1"), 10,
                     "the queue says why")
        run.pause(1, 2)
        tap.equal([r for r in run.arrivals.update().messages
                   if r.startswith("v")], [], "arrivals of v1")
        since = time.monotonic()
        address("add", SOURCE)
        arrives(run, "v0@far.example", since, 15)
        tap.note("v1 goes on after %.1f s" % run.seconds[-1])
    check_none_ended(run, before)


fault.main()
