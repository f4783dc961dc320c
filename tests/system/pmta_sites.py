# SPDX-License-Identifier: Apache-2.0
"""pmta_sites - configurations of PowerMTA as sites have them, with the files
that they include; and what is to come of them.

files: "config" first.  keys: DKIM keys to make.  queues: what holds for
DOMAIN/VMTA in the result, as `show settings` has it.  lines: that stand in
it.  report: (fate, name, place, part of value or text).
"""

# A sender of newsletters: two pools, a file for each virtual MTA.
NEWSLETTERS = {
    "files": {
        "config": """\
# written by the operations team
postmaster ops@letters.example
host-name mta.letters.example
http-mgmt-port 8080
http-access 127.0.0.1 admin
http-api-key 0123456789abcdefS3CRET0123456789
run-as-root no
total-max-smtp-out 900

include vmtas/*.conf
<virtual-mta-pool bulk>
    virtual-mta out1
    virtual-mta out2 50
</virtual-mta-pool>
<virtual-mta-pool alerts>
    virtual-mta out3
</virtual-mta-pool>

include domains.conf
<source 127.0.0.1>
    always-allow-relaying yes
    process-x-virtual-mta yes
    process-x-job yes
    max-message-size 20M
    process-x-sp-subaccount-id no
    smtp-service yes
</source>
<source 0/0>
    smtp-service no
</source>
<acct-file {dir}/acct.csv>
    records d,b
    max-size 50M
</acct-file>
""",
        "vmtas/out1.conf": """\
<virtual-mta out1>
    smtp-source-host 127.0.0.11 out1.letters.example
    domain-key s1, letters.example, ../keys/letters.pem
    <domain *>
        dkim-sign yes
    </domain>
</virtual-mta>
""",
        "vmtas/out2.conf": """\
<virtual-mta out2>
    smtp-source-host 127.0.0.12 out2.letters.example
    <domain gmail.com>
        max-smtp-out 7
    </domain>
</virtual-mta>
""",
        "vmtas/out3.conf": """\
<virtual-mta out3>
    smtp-source-host 127.0.0.13 out3.letters.example
</virtual-mta>
""",
        "domains.conf": """\
<domain *>
    max-smtp-out 20
    max-msg-rate 10000/h
    retry-after 10m,30m,1h
    bounce-after 2d
    backoff-retry-after 45m
    log-transfer-failures yes
</domain>
<domain gmail.com> max-smtp-out 12 </domain>
""",
    },
    "keys": ["keys/letters.pem"],
    "exit": 0,
    "queues": {
        "gmail.com/out1": {"max-smtp-out": "12", "dkim-sign": "yes"},
        "gmail.com/out2": {"max-smtp-out": "7", "bounce-after": "2d",
                           "dkim-sign": "no"},
        "x.example/out3": {"max-msg-rate": "10000/h",
                           "retry-after": "10m,30m,1h",
                           "bounce-upon-no-mx": "no",
                           "bounce-upon-5xx-greeting": "yes"},
    },
    "lines": [
        "virtual-mta out2 50",
        "domain-key s1, letters.example, {dir}/vmtas/../keys/letters.pem",
        "#http-mgmt-port 8080",
    ],
    "report": [
        ("lost", "http-mgmt-port", "config:4", "no effect"),
        ("lost", "http-api-key", "config:6", "(hidden)"),
        ("lost", "run-as-root", "config:7", "the service decides"),
        ("taken", "smtp-source-host", "vmtas/out2.conf:2",
         "in <virtual-mta out2>: as it is"),
        ("taken", "max-smtp-out", "vmtas/out2.conf:4",
         "in <domain gmail.com> of <virtual-mta out2>: as it is"),
        ("changed", "domain-key", "vmtas/out1.conf:3", "keys/letters.pem"),
        ("lost", "process-x-sp-subaccount-id", "config:25", "in <source 127.0.0.1>"),
        ("lost", "log-transfer-failures", "domains.conf:7", "no effect yet"),
        ("taken", "max-smtp-out", "domains.conf:9", "in <domain gmail.com>"),
        ("changed", "<acct-file>", "config:31", "stop PowerMTA first"),
    ],
}

# Rules for replies, backoff, providers as macros in a file of their own.
REPLIES = {
    "files": {
        "config": """\
host-name mta.shop.example
<domain $google>
    smtp-pattern-list google
    max-smtp-out 30
    backoff-max-msg-rate 100/h
    backoff-to-normal-after 2h
</domain>
<domain [*.]$yahoo>
    smtp-pattern-list common
    queue-to yahoo.rollup
</domain>
<domain yahoo.rollup>
    smtp-hosts lookup-mx:yahoo.example
    max-smtp-out 3
</domain>
include "macros.conf"
include "rules/*"
<mx-rollup-list>
    mx *.mx.host.example host.rollup rollup-by-ip
</mx-rollup-list>
""",
        "macros.conf": """\
domain-macro google gmail.com, googlemail.com,
                    $hosted
domain-macro hosted one.example
domain-macro yahoo yahoo.com
""",
        "rules/10-common": """\
<smtp-pattern-list common>
    reply /^421 .*too many/ mode=backoff
    include ../more-replies
</smtp-pattern-list>
""",
        "rules/20-google": """\
<smtp-pattern-list google>
    reply /unsolicited mail|rate limited/ mode=backoff
</smtp-pattern-list>
<bounce-category-patterns>
    /spam|junk|
        unsolicited/ spam-related
    /quota|full/ quota-issues
</bounce-category-patterns>
""",
        "more-replies": "reply /^450 / skip-mx\n",
    },
    "exit": 0,
    "queues": {
        "one.example/{default}": {"max-smtp-out": "30",
                                  "smtp-pattern-list": "google",
                                  "backoff-max-msg-rate": "100/h"},
        "a.yahoo.com/{default}": {"smtp-pattern-list": "common",
                                  "queue-to": "yahoo.rollup"},
    },
    "lines": [
        "domain-macro google gmail.com, googlemail.com, $hosted",
        "reply /unsolicited mail|rate limited/ mode=backoff",
        "reply /^450 / skip-mx",
        "mx *.mx.host.example host.rollup rollup-by-ip",
        "#/spam|junk|unsolicited/ spam-related",
    ],
    "report": [
        ("taken", "domain-macro", "macros.conf:1", "google"),
        ("taken", "reply", "rules/../more-replies:1",
         "in <smtp-pattern-list common>"),
        ("lost", "<bounce-category-patterns>", "rules/20-google:4",
         "nor all that is in it"),
        ("changed", "line", "rules/20-google:5", "read as one"),
    ],
}

# A relay for customers who sign in; more is wanted of TLS than there is (DANE).
CUSTOMERS = {
    "files": {
        "config": """\
host-name relay.host.example
smtp-listener 127.0.0.1:2525
relay-domain host.example
relay-domain [*.]customers.example
<smtp-user ann>
    password "S3CRET word"
    source {{auth}}
</smtp-user>
<source {{auth}}>
    always-allow-relaying yes
    default-virtual-mta out
    pattern-list by-sender
</source>
<pattern-list by-sender>
    mail-from /@shop\\.example$/ virtual-mta=shop
</pattern-list>
<virtual-mta out>
    smtp-source-host 127.0.0.21 out.host.example
</virtual-mta>
<virtual-mta shop>
    smtp-source-host 127.0.0.22 shop.host.example
</virtual-mta>
<domain bank.example>
    require-starttls yes
    use-dane yes
    use-mta-sts no
    auth-username relay
    auth-password S3CRET-too
</domain>
<domain *>
    smtp-tls-ca-file /etc/ssl/certs/ca-certificates.crt
    use-starttls yes
</domain>
""",
    },
    "exit": 1, # DANE protects
    "queues": {
        "bank.example/out": {"require-starttls": "yes",
                             "smtp-tls-ca-file":
                             "/etc/ssl/certs/ca-certificates.crt"},
        "x.example/out": {"use-starttls": "yes"},
    },
    "lines": ["relay-domain [*.]customers.example", "use-mta-sts no",
              "auth-password S3CRET-too", "#use-dane yes",
              'password "S3CRET word"'],
    "report": [
        ("unsafe", "use-dane", "config:25", "in <domain bank.example>"),
        ("taken", "smtp-tls-ca-file", "config:31", "as it is"),
        ("taken", "use-mta-sts", "config:26", "as it is"),
        ("taken", "password", "config:6", "(hidden)"),
        ("taken", "auth-password", "config:28", "(hidden)"),
    ],
}

# What has grown since the third version.
OLD = {
    "files": {
        "config": """\
smtp-port 25
http-mgmt-source 127.0.0.1
sync-msg-create false
include old/*.inc
<source 10.0.0.0/8>
    always-allow-relaying yes
    add-received-header false
    hide-message-source true
</source>
<domain *>
    max-msg-per-hour 9000
    max-smtp-out-per-source-ip 2
    max-rcpt-per-transaction 50
    dk-sign yes
    smtp-tls-allow-sslv3 no
</domain>
<domain partner.example>
    route [127.0.0.9]:2526
</domain>
""",
        "old/a.inc": """\
<VIRTUAL-MTA web>
    Smtp-Source-IP 127.0.0.31 web.old.example
    include dkim.list
</VIRTUAL-MTA>
""",
        "old/dkim.list": "domain-key k,old.example,old.pem\n",
    },
    "keys": ["old/old.pem"],
    "exit": 0,
    "queues": {
        "x.example/web": {"max-msg-rate": "9000/h",
                          "max-rcpt-per-message": "50",
                          "source-ip-max-smtp-out": "0.0.0.0/0 2"},
        "partner.example/web": {"smtp-hosts": "[127.0.0.9]:2526"},
    },
    "lines": ["Smtp-Source-IP 127.0.0.31 web.old.example",
              "route [127.0.0.9]:2526", "max-msg-per-hour 9000"],
    "report": [
        ("changed", "max-msg-per-hour", "config:11", "means max-msg-rate"),
        ("changed", "Smtp-Source-IP", "old/a.inc:2", "smtp-source-host"),
        ("changed", "route", "config:18", "means smtp-hosts"),
        ("changed", "domain-key", "old/dkim.list:1", "/old/old.pem"),
        ("lost", "smtp-port", "config:1", "use smtp-listener"),
        ("lost", "dk-sign", "config:14", "DomainKeys are gone"),
    ],
}

# Half of it was made by a program, and nobody has looked.
BROKEN = {
    "files": {
        "config": """\
host-name mta.broken.example
include none.conf
include sites/*.conf
max-smtp-outt 5
<virtual-mta v{{id}}>
    smtp-source-host {{{{ip}}}} {{{{name}}}}
</virtual-mta>
<virtual-mta-pool all>
    virtual-mta a
    virtual-mta b
</virtual-mta-pool>
<virtual-mta a>
    smtp-source-host 127.0.0.41 a.broken.example
</virtual-mta>
<domain $nobody>
    max-smtp-out 5
</domain>
<domain x.example>
    max-smtp-out many
    max-msg-rate 10/s
</domain>
<smtp-user joe>
    pasword S3CRET
</smtp-user>
<source 127.0.0.1>
    pattern-list gone
    require-auth yes
<source 0/0>
    always-allow-relaying no
</source>
""",
    },
    "exit": 1,
    "queues": {"x.example/a": {"max-msg-rate": "10/s",
                               "max-smtp-out": "20"}},
    "lines": ["virtual-mta a", "#virtual-mta b", "#max-smtp-out many"],
    "report": [
        ("unsafe", "line", "config:2", "none.conf"),
        ("changed", "line", "config:3", "there is no such file"),
        ("unsafe", "max-smtp-outt", "config:4", "did you mean"),
        ("unsafe", "line", "config:6", "placeholder"),
        ("unsafe", "virtual-mta", "config:10", "in <virtual-mta-pool all>"),
        ("unsafe", "<domain>", "config:15", "unknown macro"),
        ("unsafe", "max-smtp-out", "config:19", "in <domain x.example>"),
        ("unsafe", "pasword", "config:23", "(hidden)"),
        ("unsafe", "pattern-list", "config:26", "in <source 127.0.0.1>"),
        ("unsafe", "line", "config:25", "not closed"),
    ],
}

SITES = {"newsletters": NEWSLETTERS, "replies": REPLIES,
         "customers": CUSTOMERS, "old": OLD, "broken": BROKEN}
