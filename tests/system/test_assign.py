#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Which virtual MTA mail goes by: members of a pool by their weights, what the
<domain> of a recipient says, the job, the list, the address the client came to."""

import netns
netns.enter()

import smtp_client
import tap
from lab import Lab, mx_zone

CONFIG = """
<virtual-mta heavy>
    smtp-source-host 127.0.0.11 heavy.mta.example
</virtual-mta>
<virtual-mta light>
    smtp-source-host 127.0.0.12 light.mta.example
</virtual-mta>
<virtual-mta office>
    smtp-source-host 127.0.0.13 office.mta.example
</virtual-mta>
<virtual-mta shop>
    smtp-source-host 127.0.0.14 shop.mta.example
</virtual-mta>
<virtual-mta door>
    smtp-source-host 127.0.0.31 door.mta.example
</virtual-mta>
<virtual-mta-pool weighted>
    virtual-mta heavy 300
    virtual-mta light
</virtual-mta-pool>
<pattern-list campaigns>
    header X-Job /^ *spring-/ virtual-mta=light
    header List-Id /<news\\.shop\\.example>/ virtual-mta=heavy
</pattern-list>
<source 127.0.0.1>
    process-x-virtual-mta yes
    process-x-job yes
    pattern-list campaigns
    default-virtual-mta office
</source>
<source 10.1.0.0/16>
    default-virtual-mta by-smtp-source-ip
</source>
<source apps>
    default-virtual-mta by-smtp-source-ip
    always-allow-relaying yes
</source>
<source 10.2.0.0/16>
    process-x-virtual-mta yes
    reject-invalid-virtual-mta no
    allow-empty-x-virtual-mta yes
    default-virtual-mta office
</source>
<source strict>
    process-x-virtual-mta yes
    always-allow-relaying yes
</source>
invalid-virtual-mta-fallback shop
smtp-listener 127.0.0.33:2525 source=strict
smtp-listener 127.0.0.31:2525 source=apps
smtp-listener 127.0.0.32:2525 source=apps
<domain shop.example>
    vmta shop
</domain>
<domain both.example>
    vmta WEIGHTED
</domain>
<domain odd.example>
    vmta somewhere
</domain>
<domain *>
    connection-idle-timeout 0
</domain>
"""
ZONE = "".join(mx_zone(d + ".example", ("mx1.in.example", "127.0.1.1"))
               for d in ("in", "shop", "both", "odd"))


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        super().__init__(
            zone=ZONE, config=CONFIG,
            # XCLIENT plays clients from elsewhere; they may relay too.
            pf_main="mynetworks = 0.0.0.0/0\n",
            pf_master="127.0.0.31:25 inet n - n - - smtpd\n",
            receivers=[{"listen": ["127.0.1.1:25"], "name": "mx1.in.example"}])

    def __enter__(self):
        self.start()
        return self


def offer(lab, rcpts, where=("127.0.0.1", 25), xclient=None, **compose):
    """One message; the reply to it."""
    with smtp_client.Client(where) as c:
        c.hello()
        if xclient:
            tap.equal(c.command("XCLIENT " + xclient)[0], 220, "XCLIENT")
            c.hello()
        taken, dots = c.send("s@sender.example", rcpts, smtp_client.compose(
            "s@sender.example", rcpts[0], **compose))
        tap.check(dots, "%s" % (taken,))
    return dots[0]


def submit(lab, rcpts, *args, **compose):
    """The same; from which address it came to each recipient."""
    code, text = offer(lab, rcpts, *args, **compose)
    tap.equal(code, 250, "reply " + text)
    return [lab.wait_arrived(r, 30)["peer"] for r in rcpts]


@tap.test("a pool: each member as often as its weight says, evenly, over all "
          "workers and a reload", proves="virtual-mta-pool virtual-mta")
def weights(lab):
    rcpts = ["w%d@in.example" % i for i in range(24)]
    for i, rcpt in enumerate(rcpts):
        lab.inject(rcpt, headers=[("X-Virtual-MTA", "weighted")])
        if i == 10:
            lab.command.text("reload")
    peers = [lab.wait_arrived(r)["peer"] for r in rcpts]
    for i in range(len(peers) - 3):
        tap.equal(peers[i:i + 4].count("127.0.0.11"), 3,
                  "of four in a row from message %d: %s" % (i, peers))
    for r in rcpts:
        row = lab.wait_record("d", r)
        tap.check(row["vmta"] in ("heavy", "light"), "vmta " + row["vmta"])


@tap.test("vmta in <domain>: for its recipients alone, where nobody asked for "
          "another", proves="domain vmta")
def by_domain(lab):
    peers = submit(lab, ["a@in.example", "a@shop.example", "b@in.example",
                         "b@shop.example"])
    tap.equal(peers, ["127.0.0.13", "127.0.0.14"] * 2, "sources")
    tap.equal(submit(lab, ["c@shop.example"],
                     headers=[("X-Virtual-MTA", "light")]), ["127.0.0.12"],
              "one was asked for")
    tap.equal(submit(lab, ["d@shop.example"], headers=[("X-Job", "spring-1")]),
              ["127.0.0.12"], "a list assigned one")
    lab.inject(["e@shop.example", "e@in.example"])
    tap.equal([lab.wait_arrived("e@%s.example" % d)["peer"]
               for d in ("shop", "in")], ["127.0.0.14", "127.0.0.13"],
              "without a milter")
    tap.equal([lab.wait_record("d", r)["vmta"]
               for r in ("a@shop.example", "a@in.example")],
              ["shop", "office"], "vmta in the accounting file")


@tap.test("a pool in <domain>: its members take turns there, and accounting "
          "names it")
def pool_by_domain(lab):
    rcpts = ["p%d@both.example" % i for i in range(8)]
    peers = [submit(lab, [r, "q" + r.replace("both", "in")])
             for r in rcpts]
    tap.equal({p[1] for p in peers}, {"127.0.0.13"}, "to the other domain")
    tap.equal([p[0] for p in peers].count("127.0.0.12"), 2, "from the light")
    tap.equal([lab.wait_record("d", r)["vmtaPool"] for r in
               ("p0@both.example", "qp0@in.example")], ["weighted", ""],
              "vmtaPool")


@tap.test("a name that nobody defined: a virtual MTA with the top level's "
          "addresses, and a warning")
def undefined(lab):
    tap.equal(submit(lab, ["x@odd.example"]), ["127.0.0.10"], "source")
    tap.equal(lab.wait_record("d", "x@odd.example")["vmta"], "somewhere",
              "vmta")
    said = lab.command.run("test", "config").stderr
    tap.check("there is no virtual MTA or pool somewhere" in said, said)


@tap.test("by job and by list: rows on X-Job and List-Id")
def campaigns(lab):
    tap.equal(submit(lab, ["j@in.example"], headers=[("X-Job", "spring-9")]),
              ["127.0.0.12"], "the job")
    tap.equal(submit(lab, ["l@in.example"], headers=[
        ("List-Id", "Our news <news.shop.example>")]), ["127.0.0.11"],
        "the list")
    tap.equal(submit(lab, ["n@in.example"], headers=[
        ("X-Job", "autumn-9"), ("List-Id", "<jobs.shop.example>")]),
        ["127.0.0.13"], "another of both")


@tap.test("by-smtp-source-ip: the address to which the client came, in Postfix "
          "or here", proves="source default-virtual-mta")
def by_address(lab):
    client = "ADDR=10.1.2.3"
    tap.equal(submit(lab, ["i1@in.example"], ("127.0.0.31", 25), client),
              ["127.0.0.31"], "through Postfix")
    tap.equal(submit(lab, ["i2@in.example"], xclient=client),
              ["127.0.0.10"], "an address of no virtual MTA")
    tap.equal(submit(lab, ["i3@in.example"], ("127.0.0.31", 2525)),
              ["127.0.0.31"], "our own listener")
    tap.equal(submit(lab, ["i4@in.example"], ("127.0.0.32", 2525)),
              ["127.0.0.10"], "another one")


HERE = ("127.0.0.33", 2525)  # without Postfix and milter


def asked(vmta):
    return {"headers": [("X-Virtual-MTA", vmta)]}


@tap.test("a virtual MTA that there is not, or an empty name: that of the "
          "fallback, in Postfix or here",
          proves="invalid-virtual-mta-fallback")
def fallback(lab):
    for i, vmta in enumerate(("nobody", "")):
        tap.equal(submit(lab, ["f%d@in.example" % i], **asked(vmta)),
                  ["127.0.0.14"], "through Postfix")
        tap.equal(submit(lab, ["g%d@in.example" % i], HERE, **asked(vmta)),
                  ["127.0.0.14"], "our own listener")
    tap.equal(submit(lab, ["f2@in.example"], xclient="ADDR=10.2.1.1",
                     **asked("nobody")), ["127.0.0.14"],
              "also for who would not be refused")


@tap.test("without a fallback the message is refused, or it is as if nobody "
          "had asked; an empty name may be the built-in one's",
          proves=("source reject-invalid-virtual-mta",
                  "source allow-empty-x-virtual-mta"))
def no_fallback(lab):
    with open(lab.config) as f:
        text = f.read()
    with open(lab.config, "w") as f:
        f.write(text.replace("invalid-virtual-mta-fallback shop\n", ""))
    lab.command.text("reload")
    for where in ("127.0.0.1", 25), HERE:
        for vmta, why in (("nobody", "no virtual MTA or pool 'nobody'"),
                          ("", "X-Virtual-MTA is empty")):
            code, said = offer(lab, ["no@in.example"], where, **asked(vmta))
            tap.equal(code, 550, said)
            tap.check("5.5.0" in said and why in said, said)
    client = "ADDR=10.2.1.1"
    tap.equal(submit(lab, ["r1@in.example"], xclient=client,
                     **asked("nobody")), ["127.0.0.13"], "passed over")
    tap.equal(submit(lab, ["r2@in.example"], xclient=client, **asked("")),
              ["127.0.0.10"], "{default}")
    tap.equal(lab.arrived("no@in.example"), [], "what was refused")


tap.main(Fixture)
