# SPDX-License-Identifier: Apache-2.0
"""same_mail_sites - twenty messages for each site of import_sites, which touch
each of its rules; who receives them; and in what the two ways of test_same_mail
may differ, since the report says so."""

REMOTE = "198.51.100.7"  # a client of the host that is not on it
BIG = 1 << 20


class Mail:
    """One message; to: domains, or whole addresses."""

    def __init__(self, sender, *to, rcpts=1, size=0, client="127.0.0.1",
                 pool=None, hops=None, headers=()):
        self.sender, self.to, self.count = sender, to, rcpts
        self.size, self.client = size, client
        self.pool = pool  # {(address, HELO)}: any of these is right
        self.hops = hops  # {"NAME:PORT"}: so of the next hop
        self.headers = list(headers)
        self.rcpts = []

    def number(self, n):
        """Makes its recipients: no two messages have the same."""
        for i, where in enumerate(self.to):
            for k in range(self.count):
                self.rcpts.append(where if "@" in where else
                                  "m%02d-%d@%s" % (n, i + k, where))


class Unlike:
    """What the report says will differ, of the recipients at a domain, of one
    address, of a message ("m07"), or (None) of any: in which column, between
    what and what."""

    def __init__(self, where, column, theirs, ours, fate, name, part):
        self.where, self.column = where, column
        self.values = theirs, ours
        self.said = fate, name, part
        self.used = False

    def is_about(self, rcpt):
        return self.where in (None, rcpt, rcpt.rpartition("@")[2],
                              rcpt.partition("-")[0])


class Site:
    """mail: 20 of them; domains: of whose MX hosts more is to be said than
    that it is mx.DOMAIN; hosts: other names and addresses, with ports."""

    def __init__(self, mail, domains=None, hosts=None, unlike=(), zone="",
                 pinned=None):
        assert len(mail) == 20
        for n, m in enumerate(mail):
            m.number(n)
        self.mail, self.domains = mail, domains or {}
        self.hosts, self.unlike, self.zone = hosts or {}, list(unlike), zone
        self.pinned = pinned  # whose TLSA record vouches for the certificate

    def rcpts(self):
        return [r for m in self.mail for r in m.rcpts]


def lost_policy(where, part, theirs, ours):
    return Unlike(where, "tls", theirs, ours, "unsafe",
                  "smtp_tls_policy_maps", part)


OUT = {("127.0.0.11", "out1.agency.example"),
       ("127.0.0.12", "out2.agency.example"),
       ("127.0.0.13", "out3.agency.example")}
POOLS = Site([
    Mail("boss@agency.example", "big.example"),
    Mail("BOSS@Agency.Example", "big.example", size=BIG),
    Mail("staff@agency.example", "big.example"),
    Mail("staff@agency.example", "big.example", client=REMOTE),
    Mail("boss+tag@agency.example", "small.example"),
    Mail("a@shop.example", "shopper.example", client=REMOTE),
    Mail("A@SHOP.example", "other.example"),
    Mail("a@sub.shop.example", "small.example"),
    Mail("a@shop.example", "six.example"),
    Mail("staff@agency.example", "six.example", "big.example"),
    Mail("a@news.example", "readers.example", pool=OUT),
    Mail("b@news.example", "readers.example", pool=OUT, client=REMOTE),
    Mail("a@deals.example", "small.example", "big.example", pool=OUT),
    Mail("a@new.example", "small.example"),
    Mail("staff@agency.example", "many.example", rcpts=25),
    Mail("", "big.example"),
    Mail("staff@agency.example", "spare.example"),
    Mail("a@shop.example", "spare.example"),
    Mail("a@shop.example", "far.example"),
    Mail("staff@agency.example", "far.example"),
], domains={
    "six.example": ["2001:db8::6"],
    # Nobody listens at the first ones: how many are tried?
    "spare.example": ["127.0.3.1", "127.0.1.200"],
    "far.example": ["127.0.3.1", "127.0.3.2", "127.0.1.201"],
}, unlike=[
    Unlike("six.example", "tls", "opportunistic", "never", "changed",
           "smtp_bind_address", "out1 goes over IPv4 alone"),
])

SMARTHOST = Site([
    Mail("a@office.example", "big.example"),
    Mail("a@office.example", "big.example", "small.example", size=BIG),
    Mail("a@office.example", "big.example", client=REMOTE),
    Mail("", "big.example"),
    Mail("a@elsewhere.example", "many.example", rcpts=30),
    Mail("a@office.example", "direct.example"),
    Mail("a@office.example", "direct.example", client=REMOTE),
    Mail("a@office.example", "www.direct.example"),
    Mail("a@office.example", "Direct.Example"),
    Mail("a@office.example", "inside.example"),
    Mail("a@office.example", "www.inside.example"),
    Mail("a@office.example", "a.b.inside.example", client=REMOTE),
    Mail("a@office.example", "notinside.example"),
    Mail("a@office.example", "inside.example", "direct.example",
         "big.example"),
    Mail("a@office.example", "joe@one.example"),
    Mail("a@office.example", "one.example"),
    Mail("a@office.example", "[127.0.1.202]"),
    Mail("vip@office.example", "small.example", size=64000),
    Mail("a@office.example", "postmaster@small.example"),
    Mail("a@office.example", "small.example"),
], domains={"direct.example": ["127.0.1.203"]},
    hosts={"smtp.provider.example": "127.0.2.1:587",
           "gw.inside.example": "127.0.0.99:2525",
           "gw25.inside.example": "127.0.0.99:25",
           "joe.example": "127.0.0.98:25",
           "literal.example": "127.0.1.202:25"},
    unlike=[
        Unlike("joe@one.example", "hop", "joe.example:25",
               "smtp.provider.example:587",
               "lost", "transport_maps", "joe@one.example"),
        Unlike("joe@one.example", "user", "-", "office",
               "lost", "transport_maps", "joe@one.example"),
    ])

TLS = Site([
    Mail("a@bank.example", "any.example"),
    Mail("a@bank.example", "any.example", client=REMOTE, size=BIG),
    Mail("a@bank.example", "court.example"),
    Mail("a@bank.example", "court.example", client=REMOTE),
    Mail("a@bank.example", "north.court.example"),
    Mail("a@bank.example", "a.north.court.example"),
    Mail("a@bank.example", "old.example"),
    Mail("a@bank.example", "www.old.example"),
    Mail("a@bank.example", "notary.example"),
    Mail("a@bank.example", "www.notary.example"),
    Mail("a@bank.example", "prints.example"),
    Mail("a@bank.example", "partner.example"),
    Mail("a@bank.example", "www.partner.example"),
    Mail("a@bank.example", "broker.example"),
    Mail("a@bank.example", "pinned.example"),
    Mail("a@bank.example", "nobody.example"),
    Mail("a@bank.example", "court.example", "old.example", "registry.example"),
    Mail("", "court.example"),
    Mail("a@bank.example", "Old.Example"),
    Mail("a@bank.example", "court.example", rcpts=60),
], hosts={"gw.partner.example": "127.0.2.2:26",
          "gw.broker.example": "127.0.2.3:25"}, pinned="_25._tcp.mx.pinned.example",
    unlike=[
        lost_policy("prints.example", "prints.example fingerprint", "never",
                    "required"),
        Unlike("pinned.example", "tls", "verified", "opportunistic",
               "unsafe", "smtp_tls_security_level", "use-dane"),
    ])

HOSTING = Site([
    Mail("a@hosting.example", "any.example"),
    Mail("a@hosting.example", "any.example", client=REMOTE, size=BIG),
    Mail("bounce-1@hosting.example", "any.example"),
    Mail("bounce-2@hosting.example", "any.example", client=REMOTE),
    Mail("Bounce-3@hosting.example", "small.example"),
    Mail("xbounce-1@hosting.example", "any.example"),
    Mail("a@client.example", "any.example"),
    Mail("a@client.example", "any.example", "small.example", client=REMOTE),
    Mail("vip@client.example", "any.example"),
    Mail("VIP@client.example", "small.example"),
    Mail("a@www.client.example", "any.example"),
    Mail("bounce-1@client.example", "any.example"),
    Mail("a@hosting.example", "near.example"),
    Mail("a@client.example", "near.example"),
    Mail("vip@client.example", "near.example"),
    Mail("a@hosting.example", "far.example"),
    Mail("bounce-4@hosting.example", "far.example"),
    Mail("a@client.example", "far.example"),
    Mail("a@hosting.example", "two.example", "guarded.example"),
    Mail("", "any.example", rcpts=55),
], domains={"two.example": ["2001:db8::7", "127.0.1.204"]},
    hosts={"relay.client.example": "127.0.2.4:2525",
           "vip.client.example": "127.0.2.5:25",
           "gw.near.example": "127.0.0.77:25"},
    unlike=[
        lost_policy("guarded.example", "socketmap:", "never", "none"),
        Unlike("two.example", "source", "2001:db8::7", "192.0.2.41",
               "changed", "inet_interfaces", "smtp goes over IPv4 alone"),
        Unlike("two.example", "hop", "mx.two.example:25", "mx2.two.example:25",
               "changed", "inet_interfaces", "smtp goes over IPv4 alone"),
    ])

SLOW = Site([
    Mail("a@school.example", "gmail.example"),
    Mail("a@school.example", "gmail.example", client=REMOTE, size=BIG),
    Mail("a@school.example", "yahoo.example"),
    Mail("a@school.example", "ymail.example"),
    Mail("a@school.example", "ymail.example", "yahoo.example"),
    Mail("a@school.example", "www.gmail.example"),
    Mail("a@school.example", "tax.gov.example"),
    Mail("a@school.example", "a.tax.gov.example"),
    Mail("a@school.example", "gov.example"),
    Mail("a@school.example", "free.example"),
    Mail("a@school.example", "free.example", client=REMOTE),
    Mail("a@school.example", "www.free.example"),
    Mail("a@school.example", "any.example"),
    Mail("a@school.example", "postmaster@any.example"),
    Mail("a@school.example", "tax.gov.example", "free.example"),
    Mail("", "gmail.example"),
    Mail("a@school.example", "gmail.example", rcpts=12),
    Mail("A@School.Example", "GMail.Example"),
    Mail("a@school.example", "six.gov.example"),
    Mail("a@school.example", "six.gov.example", client=REMOTE),
], domains={"six.gov.example": ["2001:db8::8"],
            "mx.yahoo.example": ["127.0.1.205"]},
    hosts={"gate.school.example": "127.0.2.6:25"},
    unlike=[
        Unlike("postmaster@any.example", "hop", "mx.any.example:25",
               "gate.school.example:25",
               "lost", "transport_maps", "a pattern of recipients"),
        Unlike("six.gov.example", "source", "::1", "2001:db8::8",
               "lost", "smtp_bind_address6", "over IPv6 alone"),
    ])

MAIL = {"pools": POOLS, "smarthost": SMARTHOST, "tls": TLS,
        "hosting": HOSTING, "slow": SLOW}
