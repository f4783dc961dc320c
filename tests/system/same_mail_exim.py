# SPDX-License-Identifier: Apache-2.0
"""same_mail_exim - as same_mail_sites, for the sites of exim_sites.  Exim names
no client when it hands over, so all messages come from the host itself."""

from same_mail_sites import BIG, Mail, Site, Unlike

PLAIN = Site([
    Mail("a@club.example", "any.example"),
    Mail("a@club.example", "any.example", size=BIG),
    Mail("a@club.example", "any.example", "small.example"),
    Mail("", "any.example"),
    Mail("a@old.club.example", "any.example"),
    Mail("a@elsewhere.example", "small.example"),
    Mail("a@club.example", "many.example", rcpts=35),
    Mail("a@club.example", "spare.example"),
    Mail("a@club.example", "far3.example"),
    Mail("a@club.example", "Any.Example"),
    Mail("A@CLUB.example", "www.any.example"),
    Mail("a@club.example", "a.b.c.example"),
    Mail("a@club.example", "small.example", size=64000),
    Mail("a@club.example", "postmaster@small.example"),
    Mail("a@club.example", "abuse@any.example"),
    Mail("a+tag@club.example", "any.example"),
    Mail("a@club.example", "one.example", "three.example", "any.example"),
    Mail("a@club.example", "one.example", rcpts=3),
    Mail("root@mail.club.example", "any.example"),
    Mail("a@club.example", "club.example"),
], domains={"far3.example": ["127.0.3.3", "127.0.3.4", "127.0.1.210"]})

DEBIAN = Site([
    Mail("a@home.example", "any.example"),
    Mail("a@home.example", "any.example", size=BIG),
    Mail("a@home.example", "any.example", "small.example"),
    Mail("", "any.example"),
    Mail("a@box.home.example", "any.example"),
    Mail("a@elsewhere.example", "small.example"),
    Mail("a@home.example", "many.example", rcpts=20),
    Mail("a@home.example", "pc.lan.example"),
    Mail("a@home.example", "a.b.lan.example"),
    Mail("a@home.example", "PC.Lan.Example"),
    Mail("", "pc.lan.example"),
    Mail("a@home.example", "lan.example"),
    Mail("a@home.example", "xlan.example"),
    Mail("a@home.example", "home.example"),
    Mail("a@home.example", "pc.lan.example", "any.example"),
    Mail("a@home.example", "pc.lan.example", rcpts=4),
    Mail("a@home.example", "pc.lan.example", size=BIG),
    Mail("a+b@home.example", "postmaster@any.example"),
    Mail("A@HOME.example", "Any.Example"),
    Mail("a@home.example", "one.example"),
], hosts={"smart.example": "127.0.0.61:2587", "lan-gw.example":
          "127.0.0.62:25"}, unlike=[
    Unlike(None, "user", "office", "-", "lost", "client_send",
           "auth-username office")])

SENDERS = Site([
    Mail("a@hosting.example", "any.example"),
    Mail("a@hosting.example", "any.example", size=BIG),
    Mail("", "any.example"),
    Mail("a@shop.example", "any.example"),
    Mail("A@SHOP.Example", "any.example"),
    Mail("a@shop.example", "small.example", "any.example"),
    Mail("a@www.shop.example", "any.example"),
    Mail("boss@shop.example", "any.example"),
    Mail("boss@shop.example", "small.example", size=BIG),
    Mail("bigboss@shop.example", "any.example"),
    Mail("a@news.example", "any.example"),
    Mail("a@news.example", "many.example", rcpts=40),
    Mail("a@oldnews.example", "any.example"),
    Mail("a@plain.example", "any.example"),
    Mail("a@bank.example", "any.example"),
    Mail("b@bank.example", "small.example", "any.example"),
    Mail("a@www.bank.example", "any.example"),
    Mail("c@bank.example", "two.example"),
    Mail("a@hosting.example", "spare.example"),
    Mail("a@elsewhere.example", "any.example"),
], hosts={"bank-gw.example": "127.0.0.71:25"}, unlike=[
    # No curve of 256 bits is enough for SECURE256 of GnuTLS.
    Unlike(m, "tls", "never", "required", "unsafe", "tls_require_ciphers",
           "SECURE256") for m in ("m14", "m15", "m17")])

COURT = [("court.example", "tls_verify_hosts"),
         ("north.court.example", "tls_verify_hosts"),
         ("notary.example", "tls_verify_hosts"),
         ("dane.example", "hosts_require_dane")]
PARTNERS = {"partner-26.example:26", "partner-84.example:25"}
ROUTES = Site([
    Mail("a@company.example", "any.example"),
    Mail("a@company.example", "any.example", size=BIG),
    Mail("", "any.example"),
    Mail("a@company.example", "supplier.example"),
    Mail("a@company.example", "www.supplier.example"),
    Mail("a@company.example", "it.partner.example", hops=PARTNERS),
    Mail("a@company.example", "a.b.partner.example", hops=PARTNERS),
    Mail("a@company.example", "partner.example"),
    Mail("a@company.example", "Partner.Example", "supplier.example"),
    Mail("a@company.example", "branch.example"),
    Mail("a@company.example", "depot.example"),
    Mail("a@company.example", "www.depot.example"),
    Mail("a@company.example", "court.example"),
    Mail("a@company.example", "north.court.example"),
    Mail("a@company.example", "notary.example"),
    Mail("a@company.example", "www.notary.example"),
    Mail("a@company.example", "dane.example"),
    Mail("a@company.example", "board-1@any.example"),
    Mail("a@company.example", "court.example", "any.example",
         "branch.example"),
    Mail("a@company.example", "many.example", rcpts=30),
], domains={"relay.partner.example": ["127.0.1.211"]},
    hosts={"supplier-gw.example": "127.0.0.83:2525",
           "partner-26.example": "127.0.0.82:26",
           "partner-84.example": "127.0.0.84:25",
           "branch-gw.example": "127.0.0.85:2600",
           "depot-gw.example": "127.0.0.86:25",
           "board-gw.example": "127.0.0.88:25",
           "mx.dane.example": "127.0.1.212:26"},
    zone="dane.example 300 MX 10 mx.dane.example",
    pinned="_26._tcp.mx.dane.example",
    unlike=[Unlike(domain, "tls", "verified", "required", "unsafe", name, "")
            for domain, name in COURT])

SIGNED = Site([
    Mail("a@letters.example", "any.example"),
    Mail("a@letters.example", "any.example", size=BIG),
    Mail("", "any.example"),
    Mail("a@offers.example", "any.example"),
    Mail("a@elsewhere.example", "any.example"),
    Mail("a@letters.example", "gmail.example"),
    Mail("a@letters.example", "gmail.example", size=BIG),
    Mail("", "gmail.example"),
    Mail("a@offers.example", "gmail.example"),
    Mail("a@letters.example", "gmail.example", rcpts=8),
    Mail("a@letters.example", "yahoo.example"),
    Mail("a@letters.example", "Yahoo.Example"),
    Mail("a@letters.example", "www.yahoo.example"),
    Mail("a@letters.example", "gmail.example", "any.example"),
    Mail("a@letters.example", "yahoo.example", "gmail.example"),
    Mail("a@letters.example", "xgmail.example"),
    Mail("a@letters.example", "both.example"),
    Mail("a@letters.example", "spare.example"),
    Mail("a@letters.example", "many.example", rcpts=25),
    Mail("a@letters.example", "postmaster@any.example"),
], domains={"both.example": ["2001:db8::9", "127.0.1.213"]})

MAIL = {"plain": PLAIN, "debian": DEBIAN, "senders": SENDERS,
        "routes": ROUTES, "signed": SIGNED}
