#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real Postfix hands mail over, Mailrace delivers it from the right IP:
assignment by header, pattern, source, user and default; job; the mark."""

import netns
netns.enter()

import re

import smtp_client
import tap
from lab import Lab, mx_zone

CONFIG = """
<virtual-mta news>
    smtp-source-host 127.0.0.11 news.mta.example
</virtual-mta>
<virtual-mta shop>
    smtp-source-host 127.0.0.12 shop.mta.example
</virtual-mta>
<virtual-mta office>
    smtp-source-host 127.0.0.13 office.mta.example
</virtual-mta>
<virtual-mta user>
    smtp-source-host 127.0.0.14 user.mta.example
</virtual-mta>
<virtual-mta two>
    smtp-source-host 127.0.0.15 two1.mta.example
    smtp-source-host 127.0.0.16 two2.mta.example
    <domain *>
        connection-idle-timeout 0
    </domain>
</virtual-mta>
<virtual-mta-pool both>
    virtual-mta news
    virtual-mta shop
</virtual-mta-pool>
<pattern-list rules>
    mail-from /@news\\.example$/ virtual-mta=news
    rcpt-to /^vip@/ virtual-mta=shop
    header Subject /for the office/ virtual-mta=office
</pattern-list>
<source 127.0.0.1>
    process-x-virtual-mta yes
    process-x-job yes
    pattern-list rules
</source>
<source 10.1.0.0/16>
    default-virtual-mta office
</source>
<smtp-user alice>
    source alices
</smtp-user>
<source alices>
    default-virtual-mta user
</source>
<domain *>
    retry-after 5s
</domain>
"""
ZONE = mx_zone("in.example", ("mx1.in.example", "127.0.1.1"))


class Fixture(Lab):
    def __init__(self):
        super().__init__(
            zone=ZONE, config=CONFIG,
            # XCLIENT plays clients from elsewhere; they may relay too.
            pf_main="mynetworks = 0.0.0.0/0\n",
            receivers=[{"listen": ["127.0.1.1:25"], "name": "mx1.in.example"}],
            log_headers=("X-Test-Id", "X-Job", "X-Virtual-MTA",
                         "X-Mailrace-Mark"))

    def __enter__(self):
        self.start()
        return self


def through_postfix(lab, rcpt, sender="s@sender.example", xclient=None,
                    **compose):
    with smtp_client.Client(("127.0.0.1", 25)) as c:
        if xclient:
            c.hello()
            code, text = c.command("XCLIENT " + xclient)
            tap.equal(code, 220, "XCLIENT")
        c.hello()
        taken, dots = c.send(sender, [rcpt], smtp_client.compose(
            sender, rcpt, **compose))
        tap.check(dots and dots[0][0] == 250, "%s %s" % (taken, dots))
    return lab.wait_arrived(rcpt, 30)


@tap.test("by SMTP through Postfix, from the default IP with its EHLO name",
          proves="smtp-source-host")
def default(lab):
    m = through_postfix(lab, "default@in.example")
    tap.equal(m["peer"], "127.0.0.10", "source IP")
    tap.equal(m["helo"], "mta.lab.example", "EHLO name")
    tap.equal(m["sender"], "s@sender.example", "envelope sender")


@tap.test("by sendmail, without a connection to Postfix")
def sendmail(lab):
    lab.postfix.sendmail("me@news.example", ["cmd@in.example"],
                         "Subject: by hand\n\nHello.\n")
    m = lab.wait_arrived("cmd@in.example", 30)
    tap.equal(m["peer"], "127.0.0.11", "source IP")


@tap.test("X-Virtual-MTA from a source that may choose, and it is removed",
          proves="source process-x-virtual-mta")
def header(lab):
    m = through_postfix(lab, "header@in.example",
                        headers=[("X-Virtual-MTA", "shop")])
    tap.equal(m["peer"], "127.0.0.12", "source IP")
    tap.equal(m["headers"].get("X-Virtual-MTA"), None, "header")


@tap.test("X-Virtual-MTA from another source has no effect and is removed")
def header_foreign(lab):
    m = through_postfix(lab, "foreign@in.example", xclient="ADDR=10.1.2.3",
                        headers=[("X-Virtual-MTA", "shop"),
                                 ("X-Job", "theirs")])
    tap.equal(m["peer"], "127.0.0.13", "source IP of <source 10.1.0.0/16>")
    tap.equal(m["headers"], {}, "headers that are ours")


@tap.test("a pattern list: mail-from, rcpt-to and header",
          proves="source pattern-list")
def patterns(lab):
    m = through_postfix(lab, "p1@in.example", sender="x@news.example")
    tap.equal(m["peer"], "127.0.0.11", "mail-from")
    m = through_postfix(lab, "vip@in.example")
    tap.equal(m["peer"], "127.0.0.12", "rcpt-to")
    m = through_postfix(lab, "p3@in.example", subject="Mail for the office")
    tap.equal(m["peer"], "127.0.0.13", "header")


@tap.test("the authenticated user's source", proves="smtp-user source")
def user(lab):
    m = through_postfix(lab, "auth@in.example",
                        xclient="ADDR=192.0.2.9 LOGIN=alice")
    tap.equal(m["peer"], "127.0.0.14", "source IP")


@tap.test("a virtual MTA with two IPs uses both, a pool all its members",
          proves="virtual-mta-pool virtual-mta")
def several(lab):
    for vmta, ips in (("two", {"127.0.0.15", "127.0.0.16"}),
                      ("both", {"127.0.0.11", "127.0.0.12"})):
        seen = set()
        for i in range(8):
            m = through_postfix(lab, "%s%d@in.example" % (vmta, i),
                                headers=[("X-Virtual-MTA", vmta)])
            seen.add(m["peer"])
        tap.equal(seen, ips, "source IPs of " + vmta)


@tap.test("the job is taken from X-Job and stands in the accounting",
          proves="source process-x-job")
def job(lab):
    m = through_postfix(lab, "job@in.example", headers=[("X-Job", "autumn")])
    tap.equal(m["headers"].get("X-Job"), None, "header")
    record = lab.wait_record("d", "job@in.example")
    tap.equal(record["jobId"], "autumn", "jobId")


@tap.test("the mark never leaves the house, and a forged one is of no use")
def mark(lab):
    m = through_postfix(lab, "mark@in.example", headers=[
        ("X-Mailrace-Mark", "v=1; vmta=shop; job=; from=00; id=ABC; "
         "bh=AAAA; h=AAAA")])
    tap.equal(m["headers"], {}, "headers that are ours")
    tap.equal(m["peer"], "127.0.0.10", "source IP")


@tap.test("the body arrives byte for byte: 8-bit, long lines, leading dots")
def transparent(lab):
    body = ("Gr\u00fc\u00dfe\n.dot\n..two\n" + "x" * 990 +
            "\n\n trailing blanks  \n\n")
    m = through_postfix(lab, "bytes@in.example", body=body, headers=[
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Transfer-Encoding", "8bit")])
    got = lab.stored(m).partition(b"\r\n\r\n")[2]
    tap.equal(got, body.replace("\n", "\r\n").encode(), "body")


@tap.test("one Received field is ours, on top of Postfix's",
          proves="host-name")
def received(lab):
    m = through_postfix(lab, "received@in.example")
    head = lab.stored(m).partition(b"\r\n\r\n")[0].decode()
    fields = re.findall(r"^Received:(?:[^\r]|\r\n[ \t])*", head, re.M)
    tap.check(len(fields) >= 2, "Received fields: %d" % len(fields))
    tap.check("mta.lab.example" in fields[0], "the first is ours: " +
              fields[0])


@tap.test("many at once: 500 messages, each once, nothing left behind")
def many(lab):
    lab.postfix.source("bulk@news.example", "many@in.example", 500, "-N",
                       "-s", "20", "-l", "2000")
    tap.wait_for(lambda: sum("many@" in m["rcpts"][0]
                             for m in lab.messages()) >= 500, 60, "500")
    rcpts = [r for m in lab.messages() for r in m["rcpts"] if "many@" in r]
    tap.equal((len(rcpts), len(set(rcpts))), (500, 500), "recipients")
    tap.wait_for(lambda: lab.postfix.queue_size() == 0, 20, "Postfix empty")
    tap.wait_for(lambda: lab.audit().queued == 0, 20, "our queue empty")
    audit = lab.audit()
    tap.check(audit.balances(), "audit: %s" % audit)



@tap.test("Postfix finds nothing amiss with our lines")
def postfix_check(lab):
    done = lab.postfix.check()
    tap.equal(done.returncode, 0, "status")
    tap.equal([line for line in done.stderr.splitlines()  # the test's own
               if "overriding earlier entry: mynetworks" not in line], [],
              "said")


tap.main(Fixture)
