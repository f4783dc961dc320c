# SPDX-License-Identifier: Apache-2.0
"""same_mail_pmta - twenty messages for each site of pmta_sites, and what receivers
are to see of each if the configuration is PowerMTA's: as its manuals say, written
by hand, since nobody has one to ask.  What Mailrace does not take over stands in
`unlike`, and in the report."""

import socket

from same_mail_sites import BIG, Mail, Site, Unlike

RELAY = "127.0.0.7"  # may relay, where a site has no line about that

SPARE = {"spare.example": ["127.0.3.1", "127.0.1.200"],
         "far.example": ["127.0.3.1", "127.0.3.2", "127.0.1.201"]}


class Told(Mail):
    """identity: (address, HELO).  hop: where it is not the first MX.  vmta: in
    X-Virtual-MTA.  password: of the user ann."""

    def __init__(self, identity, sender, *to, hop=None, tls="opportunistic",
                 user="-", vmta=None, password=None, **how):
        headers = [] if vmta is None else [("X-Virtual-MTA", vmta)]
        super().__init__(sender, *to, headers=headers, **how)
        self.identity, self.hop = identity, hop
        self.tls, self.user, self.password = tls, user, password

    def row(self, rcpt):
        """As same_mail.Row."""
        domain = rcpt.rpartition("@")[2].lower()
        return self.identity + (self.tls, self.hop or "mx.%s:25" % domain,
                                self.user)


def usual(identity, sender, **how):
    """Ten messages as all sites have them."""
    return [Told(identity, sender, "any.example", **how),
            Told(identity, sender, "any.example", size=BIG, **how),
            Told(identity, sender, "small.example", "any.example", **how),
            Told(identity, "", "any.example", **how),
            Told(identity, sender, "many.example", rcpts=25, **how),
            Told(identity, sender, "spare.example",
                 hop="mx2.spare.example:25", **how),
            Told(identity, sender, "far.example", hop="mx3.far.example:25",
                 **how),
            Told(identity, sender, "Any.Example", **how),
            Told(identity, sender, "www.any.example", **how),
            Told(identity, sender, "postmaster@small.example", **how)]


HOST = ("127.0.0.1", "mta.letters.example")
OUT1 = ("127.0.0.11", "out1.letters.example")
OUT2 = ("127.0.0.12", "out2.letters.example")
OUT3 = ("127.0.0.13", "out3.letters.example")
BULK = {"pool": {OUT1, OUT2}, "vmta": "bulk"}
ANY = ("any of", "its pool")
NEWSLETTERS = Site(usual(OUT1, "a@letters.example", vmta="out1") + [
    Told(OUT2, "a@letters.example", "any.example", vmta="out2"),
    Told(OUT2, "a@letters.example", "gmail.com", vmta="out2"),
    Told(OUT3, "a@letters.example", "any.example", vmta="alerts"),
    Told(OUT3, "", "gmail.com", vmta="alerts"),
    Told(OUT3, "a@letters.example", "www.gmail.com", vmta="out3"),
    Told(ANY, "a@letters.example", "any.example", **BULK),
    Told(ANY, "a@letters.example", "gmail.com", rcpts=8, **BULK),
    Told(ANY, "a@letters.example", "small.example", "gmail.com", **BULK),
    Told(HOST, "a@letters.example", "any.example"),
    Told(HOST, "a@elsewhere.example", "gmail.com"),
], domains=SPARE)

SHOP = ("127.0.0.1", "mta.shop.example")
YAHOO = {"hop": "mx.yahoo.example:25", "client": RELAY}
REPLIES = Site(usual(SHOP, "a@shop.example", client=RELAY) + [
    Told(SHOP, "a@shop.example", "gmail.com", client=RELAY),
    Told(SHOP, "a@shop.example", "googlemail.com", rcpts=5, client=RELAY),
    Told(SHOP, "a@shop.example", "one.example", client=RELAY),
    Told(SHOP, "a@shop.example", "yahoo.com", **YAHOO),
    Told(SHOP, "", "Yahoo.com", **YAHOO),
    Told(SHOP, "a@shop.example", "a.b.yahoo.com", size=BIG, **YAHOO),
    Told(SHOP, "a@shop.example", "notyahoo.com", client=RELAY),
    Told(SHOP, "a@shop.example", "a.mx.host.example", client=RELAY),
    Told(SHOP, "a@shop.example", "b.mx.host.example", "gmail.com",
         client=RELAY),
    Told(SHOP, "a@shop.example", "yahoo.example", client=RELAY),
], domains=SPARE)

OUT = ("127.0.0.21", "out.host.example")
THEIRS = ("127.0.0.22", "shop.host.example")
NOBODY = ("127.0.0.1", "relay.host.example")
ANN = {"password": "S3CRET word"}
BANK = {"tls": "verified", "user": "relay"}
CUSTOMERS = Site(usual(OUT, "a@club.example", **ANN) + [
    Told(THEIRS, "a@shop.example", "any.example", **ANN),
    Told(THEIRS, "b@shop.example", "small.example", rcpts=4, **ANN),
    Told(OUT, "a@www.shop.example", "any.example", **ANN),
    Told(OUT, "a@club.example", "bank.example", **BANK, **ANN),
    Told(OUT, "", "bank.example", size=BIG, **BANK, **ANN),
    Told(OUT, "a@club.example", "www.bank.example", **ANN),
    Told(NOBODY, "a@any.example", "host.example"),
    Told(NOBODY, "a@any.example", "customers.example"),
    Told(NOBODY, "", "a.b.customers.example"),
    Told(OUT, "a@club.example", "host.example", **ANN),
], domains=SPARE, unlike=[
    Unlike(None, column, theirs, ours, "unsafe", "pattern-list",
           "must stand before") for column, theirs, ours in
    zip(("source", "helo"), THEIRS, OUT)])

SYSTEM = ("127.0.0.1", socket.gethostname())
LAN = {"client": "10.0.0.5"}
GATEWAY = {"hop": "gw.partner.example:2526", "client": "10.0.0.5"}
OLD = Site(usual(SYSTEM, "a@old.example", **LAN) + [
    Told(SYSTEM, "a@old.example", "partner.example", **GATEWAY),
    Told(SYSTEM, "a@old.example", "Partner.example", size=BIG, **GATEWAY),
    Told(SYSTEM, "", "partner.example", **GATEWAY),
    Told(SYSTEM, "a@old.example", "partner.example", rcpts=60, **GATEWAY),
    Told(SYSTEM, "a@old.example", "www.partner.example", **LAN),
    Told(SYSTEM, "a@old.example", "one.example", **LAN),
    # Nobody is asked which virtual MTA it is to be.
    Told(SYSTEM, "a@old.example", "any.example", vmta="web", **LAN),
    Told(SYSTEM, "a@elsewhere.example", "small.example", **LAN),
    Told(SYSTEM, "a@elsewhere.example", "gmail.com", **LAN),
    Told(SYSTEM, "a@old.example", "a.b.c.example", **LAN),
], domains=SPARE, hosts={"gw.partner.example": "127.0.0.9:2526"})

A = ("127.0.0.41", "a.broken.example")
REST = ("127.0.0.1", "mta.broken.example")
BROKEN = Site(usual(A, "a@broken.example", client=RELAY, vmta="all") + [
    Told(A, "a@broken.example", "x.example", client=RELAY, vmta="a"),
    Told(A, "", "x.example", client=RELAY, vmta="a"),
    Told(A, "a@broken.example", "x.example", "any.example", client=RELAY,
         vmta="all"),
    Told(A, "a@broken.example", "gmail.com", rcpts=6, client=RELAY, vmta="a"),
    Told(REST, "a@broken.example", "any.example", client=RELAY, vmta="v{id}"),
    Told(REST, "a@broken.example", "any.example", client=RELAY),
    Told(REST, "a@broken.example", "x.example", client=RELAY),
    Told(REST, "", "small.example", client=RELAY),
    Told(REST, "a@broken.example", "spare.example", client=RELAY,
         hop="mx2.spare.example:25"),
    Told(REST, "a@elsewhere.example", "one.example", client=RELAY),
], domains=SPARE)

MAIL = {"newsletters": NEWSLETTERS, "replies": REPLIES, "customers": CUSTOMERS,
        "old": OLD, "broken": BROKEN}
