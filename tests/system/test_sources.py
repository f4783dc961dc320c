#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Source addresses that the host does not have: at a start, at a reload, after
a crash, and while mail flows; and which family of them a domain is called
from."""

import netns
netns.enter()

import subprocess

import mailrace
import tap
from lab import Lab, mx_zone

ONE, TWO, THREE, FOUR = ("10.77.0.%d" % i for i in range(1, 5))
GONE = "10.99.0.9"  # the host never has it
CONFIG = """
<virtual-mta pair>
    smtp-source-host 10.77.0.1 one.mta.example
    smtp-source-host 10.77.0.2 two.mta.example
</virtual-mta>
<virtual-mta half>
    smtp-source-host 10.77.0.0/29 half.mta.example
</virtual-mta>
<virtual-mta both>
    smtp-source-host 10.77.0.3 four.mta.example
    smtp-source-host fd00::2 six.mta.example
</virtual-mta>
<source 127.0.0.1>
    process-x-virtual-mta yes
</source>
<domain *>
    retry-after 10m
    max-msg-per-connection 1
    connect-timeout 5s
</domain>
<domain four.example>
    address-family ipv4
</domain>
<domain six.example>
    address-family ipv6
</domain>
<domain prefer4.example>
    address-family prefer-ipv4
</domain>
<domain prefer6.example>
    address-family prefer-ipv6
</domain>
<domain only4.example>
    address-family prefer-ipv6
</domain>
<domain deaf6.example>
    address-family prefer-ipv6
</domain>
<domain wrong.example>
    address-family ipv6
</domain>
"""
BOTH = ("four", "six", "prefer4", "prefer6", "any")
ZONE = "".join(mx_zone(d + ".example", ("mx.%s.example" % d, "127.0.1.1"))
               for d in BOTH + ("only4", "deaf6", "wrong"))
ZONE += "".join("mx.%s.example 300 AAAA fd00::1\n" % d for d in BOTH)
ZONE += "mx.deaf6.example 300 AAAA fd00::9\n"  # where nobody listens


def address(what, ip):
    subprocess.run(["ip", "addr", what, ip + "/32", "dev", "lo"], check=True)


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, with_postfix=False,
                         with_milter=False, receivers=[
                             {"listen": ["127.0.1.1:25", "[fd00::1]:25"]}])

    def __enter__(self):
        # Not ::1 for both: a server at an address of ours is a loop.
        for ip in ("fd00::1", "fd00::2", "fd00::9"):
            subprocess.run(["ip", "-6", "addr", "add", ip + "/128", "dev",
                            "lo", "nodad"], check=True)
        for ip in (ONE, TWO, THREE, FOUR):
            address("add", ip)
        self.start()
        return self


def peers(lab, name, domain, vmta, count=3):
    """From where so many messages to the domain come, one after the other."""
    seen = []
    for i in range(count):
        rcpt = "%s%d@%s" % (name, i, domain)
        lab.inject(rcpt, headers=[("X-Virtual-MTA", vmta)])
        seen.append(lab.wait_arrived(rcpt)["peer"])
        lab.wait_record("d", rcpt)
    return seen


def with_gone(lab):
    """The configuration with one address too many; the line of that."""
    with open(lab.config) as f:
        before = f.read()
    at = before.index("<virtual-mta half>")
    line = "<virtual-mta gone>\n    smtp-source-host %s x.example\n" \
        "</virtual-mta>\n" % GONE
    with open(lab.config, "w") as f:
        f.write(before[:at] + line + before[at:])
    return before, "%s:%d: smtp-source-host: the address %s is not on this " \
        "host" % (lab.config, before[:at].count("\n") + 2, GONE)


def restore(lab, config):
    with open(lab.config, "w") as f:
        f.write(config)


@tap.test("a reload with an address that is not on the host is refused, with "
          "its line; so says test config")
def reload(lab):
    before, said = with_gone(lab)
    for command in (("reload",), ("test", "config")):
        r = lab.command.run(*command)
        tap.equal(r.returncode, 1, "status")
        tap.check(said in r.stderr, r.stderr)
    restore(lab, before)
    r = lab.command.run("reload")
    tap.equal(r.returncode, 0, r.stderr)
    tap.check("the addresses 10.77.0.5 to 10.77.0.6 are not on this host; "
              "mail goes out from the other 4 (warning)" in r.stderr, r.stderr)


@tap.test("of a block what is there is used")
def block(lab):
    tap.equal(sorted(peers(lab, "half", "any.example", "half", 4)),
              [ONE, TWO, THREE, FOUR], "from")


@tap.test("a start with an address that is not on the host is refused")
def start(lab):
    before, said = with_gone(lab)
    lab.daemon.stop()
    ready = lab.daemon.launch()
    tap.wait_for(lambda: not lab.daemon.running(), 20, "it ends")
    ready.close()
    tap.check("mailraced: " + said in lab.daemon.log_text(),
              lab.daemon.log_text()[-2000:])
    restore(lab, before)
    lab.daemon.start()


@tap.test("after a crash it starts without the address, and takes it when it "
          "is there")
def crash(lab):
    before, said = with_gone(lab)
    lab.daemon.kill()
    lab.daemon.start()
    tap.check(" error: - config text=\"%s\"" % said in lab.daemon.log_text(),
              "the error is logged")
    tap.wait_for(lambda: " source state=lost address=" + GONE in
                 lab.daemon.log_text(), 10, "it is lost")
    lab.inject("gone@any.example", headers=[("X-Virtual-MTA", "gone")])
    tap.equal(peers(lab, "crash", "any.example", "pair", 1)[0] in (ONE, TWO),
              True, "others deliver")
    tap.equal(lab.arrived("gone@any.example"), [], "arrived")
    address("add", GONE)
    tap.equal(lab.wait_arrived("gone@any.example", 10)["peer"], GONE, "from")
    address("del", GONE)
    restore(lab, before)
    tap.equal(lab.command.run("reload").returncode, 0, "reload")


@tap.test("all addresses lost: the queue waits, says so, and goes on within "
          "seconds when one is back")
def all_lost(lab):
    for ip in (ONE, TWO):
        address("del", ip)
    lab.inject("lost@any.example", headers=[("X-Virtual-MTA", "pair")])

    def reasons():
        found = mailrace.find(lab.command.json("why", "any.example/pair"),
                              "reasons") or []
        return [r for r in found if r["kind"] == "sources-lost"]
    why = tap.wait_for(reasons, 20, "why")[0]
    tap.check(why["holds"] and ONE in why["text"] and TWO in why["text"],
              str(why))
    address("add", TWO)
    tap.equal(lab.wait_arrived("lost@any.example", 10)["peer"], TWO, "from")
    tap.equal(peers(lab, "lost", "any.example", "pair"), 3 * [TWO], "from")
    address("add", ONE)
    tap.wait_for(lambda: " source state=back address=" + ONE in
                 lab.daemon.log_text(), 10, "it is back")
    tap.equal(sorted(peers(lab, "back", "any.example", "pair", 2)),
              [ONE, TWO], "from")


@tap.test("address-family: of the domain's addresses those of one family, or "
          "of that one first", proves="domain address-family")
def family(lab):
    six = "fd00::2"
    for domain, wanted in (("four", [THREE]), ("six", [six]),
                           ("prefer4", [THREE]), ("prefer6", [six]),
                           ("any", [THREE, six]), ("only4", [THREE])):
        tap.equal(sorted(set(peers(lab, "family", domain + ".example",
                                   "both"))), sorted(wanted), domain)
    lab.inject("wrong@wrong.example", headers=[("X-Virtual-MTA", "both")])
    tap.check("IPv6" in lab.wait_record("b", "wrong@wrong.example")[
        "dsnDiag"], "a domain that has no address of the one family")


@tap.test("a preferred family that does not answer is left at once")
def deaf(lab):
    tap.equal(peers(lab, "deaf", "deaf6.example", "both"), 3 * [THREE],
              "from")


tap.main(Fixture)
