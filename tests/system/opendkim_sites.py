# SPDX-License-Identifier: Apache-2.0
"""opendkim_sites - configurations of OpenDKIM as sites have them, and twenty
messages that touch their rules.

keys: (file, selector, domain).  {dir} is the site's folder, {friend} the
recipient of one message.  unlike: {number of a message: the setting}, which is
signed all the same, since the report says that the setting has no effect.
"""

FRIEND = 15  # whom that message is to
INSIDE = "192.0.2.50"    # of the network that the bulk site has inside
EXCEPTION = "192.0.2.66"  # in it, but for one
OUTSIDE = "198.51.100.7"

# Debian's file, with tables.
BULK = {
    "conf": """\
# This is a basic configuration for signing and verifying.
Syslog               yes
SyslogSuccess        yes
LogWhy               yes
Mode                 sv
Canonicalization     relaxed/simple
KeyTable             file:{dir}/key.table
SigningTable         refile:{dir}/signing.table
ExternalIgnoreList   refile:{dir}/trusted.hosts
InternalHosts        refile:{dir}/trusted.hosts
OversignHeaders      From
PidFile              {dir}/opendkim.pid
""",
    "files": {"key.table":
              "# name  domain:selector:file\n"
              "brand   brand.example:2026:{dir}/brand.private\n"
              "shop    shop.example:mail:{dir}/shop.private\n",
              "signing.table":
              "vip@brand.example   shop\n"
              "*@brand.example     brand\n"
              "*@*.brand.example   brand\n"
              "*@shop.example      shop  # the shop\n",
              "trusted.hosts":
              "127.0.0.1\n::1\nlocalhost\n192.0.2.0/24\n!192.0.2.66\n"},
    "keys": [("brand.private", "2026", "brand.example"),
             ("shop.private", "mail", "shop.example")],
}

# One domain, as the package's comments have it; nothing said of fields.
SINGLE = {
    "conf": """\
Syslog			yes
#Canonicalization	simple
Domain			brand.example
Selector		default
KeyFile			{dir}/default.private
AutoRestart		Yes
AutoRestartRate		10/1h
""",
    "keys": [("default.private", "default", "brand.example")],
}

# Domains and those below them, fields by name, a time to live.
BELOW = {
    "conf": """\
Canonicalization relaxed
Domain           brand.example,shop.example
SubDomains       yes
Selector         s2
KeyFile          {dir}/s2.pem
SignHeaders      From,Reply-To,Subject,Date,To,Cc,Message-ID,List-Unsubscribe,X-Campaign,Comments
OversignHeaders  From,Subject,Reply-To,List-Unsubscribe
SignatureTTL     604800
InternalHosts    {dir}/inside
DNSTimeout       5
""",
    "files": {"inside": "127.0.0.0/8\n198.51.100.7\n"},
    "keys": [("s2.pem", "s2", "brand.example"), ("s2.pem", "s2", "shop.example")],
}

# An agency signs for its customers and for itself.
MULTIPLE = {
    "conf": """\
Canonicalization   relaxed/relaxed
KeyTable           {dir}/keys
SigningTable       refile:{dir}/who
MultipleSignatures yes
OversignHeaders    From,To,Date
OmitHeaders        *,+Cc,+List-Help
SignatureAlgorithm rsa-sha256
""",
    "files": {"keys": "own agency.example:a:{dir}/a.pem\n"
                      "each %:k1:{dir}/each.%.pem\n"
                      "shop shop.example:k2:{dir}/k2.pem\n",
              "who": "*@brand.example each:news@%\n"
                     "*@news.brand.example each\n"
                     "*@shop.example shop:@shop.example\n"
                     "* own\n"},
    "keys": [("a.pem", "a", "agency.example"),
             ("each.brand.example.pem", "k1", "brand.example"),
             ("each.news.brand.example.pem", "k1", "news.brand.example"),
             ("k2.pem", "k2", "shop.example")],
}

# A table without patterns, and who sent it before who wrote it.
SENDERS = {
    "conf": """\
Canonicalization simple/relaxed
KeyTable         csl:b=brand.example:x:{dir}/x.pem,s=shop.example:y:{dir}/y.pem
SigningTable     {dir}/who
SenderHeaders    Sender
SignHeaders      *,+X-Camp*,+Sender,-Date
OversignHeaders  From,Sender
DontSignMailTo   {friend}
Include          {dir}/more.conf
""",
    "files": {"who": "vip@brand.example s\n"
                     "brand.example b:robot@brand.example\n"
                     ".brand.example b:@%\n"
                     "shop.example s\n",
              "more.conf": "InternalHosts 127.0.0.1,192.0.2.50\n"},
    "keys": [("x.pem", "x", "brand.example"), ("y.pem", "y", "shop.example")],
    "unlike": {FRIEND: "DontSignMailTo"},
}

SITES = {"bulk": BULK, "single": SINGLE, "below": BELOW, "multiple": MULTIPLE,
         "senders": SENDERS}


class Mail:
    """client: where it comes from; None is a local program.  user: who signed
    in."""

    def __init__(self, author, *fields, body="Hello.\n", client="127.0.0.1",
                 user=None, sender="bounce@brand.example"):
        self.sender, self.client, self.user = sender, client, user
        head = list(fields) + [
            "From: " + author, "To: <you@in.example>",
            "Date: Fri, 20 Nov 2026 12:00:00 +0000",
            "Message-ID: <%d@brand.example>" % id(self)]
        if not any(f.startswith("Subject:") for f in fields):
            head.append("Subject: news")
        self.octets = ("\n".join(head) + "\n\n" + body).replace(
            "\n", "\r\n").encode()


# Fields that one or the other may sign, twice, or not.
EVERY = [n + ": <x@y.example>" for n in (
    "Reply-To", "Cc", "In-Reply-To", "References", "List-Id", "List-Help",
    "List-Unsubscribe", "List-Subscribe", "List-Post", "List-Owner",
    "List-Archive", "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc",
    "Resent-Message-ID", "Comments", "Keywords", "X-Mailer", "X-Campaign",
    "Feedback-ID", "Organization", "Errors-To")] + [
        "Resent-Date: Fri, 20 Nov 2026 12:00:00 +0000",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit", "Content-ID: <c@y.example>",
        "Content-Description: d", "Content-Disposition: inline",
        "Content-Language: en"]
FORGED = "DKIM-Signature: v=1; a=rsa-sha256; d=old.example; s=old; h=From;\n" \
    "\tbh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA"

MAIL = [
    Mail("a@brand.example"),
    Mail('"Vip, the" <VIP@Brand.Example>', sender=""),
    Mail("News <a@news.brand.example>"),
    Mail("a@deep.news.brand.example"),
    Mail("a@shop.example"),
    Mail("a@www.shop.example"),
    Mail("a@strange.example"),
    Mail("a@brand.example", "Sender: b@shop.example"),
    Mail("a@strange.example", "Sender: robot@brand.example"),
    Mail("a@brand.example", *EVERY, body="Gr\u00fc\u00dfe.\n"),
    Mail("a@shop.example", *EVERY[::-1]),
    Mail("a@shop.example, b@brand.example", "Subject: one", "Received: from x by y",
         "Subject: two", "X-Campaign: 1", "X-Campaign: 2", "Cc: <c@in.example>",
         "Received: from z by x"),
    Mail("(the (nested)) a@brand.example (\"boss\")", "Subject: folded\n\tand  wide \n  line ",
         "X-Campaign:no blank", "Reply-To:    <wide@brand.example>",
         body=" blanks \t at ends \n\n.dot\n..\n\t\n\n\n"),
    Mail("a@brand.example", FORGED, "Authentication-Results: y; none", body=""),
    Mail("a@brand.example"),  # to the friend
    Mail("a@brand.example", client=INSIDE),
    Mail("a@brand.example", client=EXCEPTION),
    Mail("a@shop.example", client=OUTSIDE),
    Mail("a@brand.example", client=OUTSIDE, user="ann"),
    Mail("a@brand.example", client=None),
]
