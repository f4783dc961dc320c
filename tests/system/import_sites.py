# SPDX-License-Identifier: Apache-2.0
"""import_sites - configurations of Postfix as sites have them: main.cf, more
lines of master.cf, tables; and what is to come of them.

queues: what holds for DOMAIN/VMTA in the result, as `show settings` has it.
lines: that stand in it.  report: (fate, name, part of value or text).
"""

COMMON = """\
compatibility_level = 3.6
queue_directory = {dir}/spool
mydestination = $myhostname, localhost
alias_maps =
"""

# An agency with three addresses of its own, by sender and at random.
POOLS = {
    "main": """\
myhostname = mta.agency.example
default_transport = out1
sender_dependent_default_transport_maps = hash:{dir}/senders,
    pipemap:{{hash:{dir}/campaigns, randmap:{{out1:,out2:,out2:,out3:}}}}
out2_destination_concurrency_limit = 4
out3_destination_rate_delay = 2s
out3_transport_rate_delay = 1s
default_destination_recipient_limit = 20
maximal_queue_lifetime = 2d
bounce_queue_lifetime = 1d
minimal_backoff_time = 10m
maximal_backoff_time = 2h
smtp_tls_security_level = may
smtp_connect_timeout = 15
smtp_mx_session_limit = 4
smtpd_client_restrictions = permit_mynetworks
the_site = agency.example
""",
    "master": """\
out1 unix - - n - 30 smtp
  -o smtp_bind_address=127.0.0.11
  -o smtp_helo_name=out1.$the_site
out2 unix - - n - - smtp
  -o smtp_bind_address=127.0.0.12
  -o smtp_helo_name=out2.$the_site
  -o syslog_name=postfix/$service_name
out3 unix - - n - 10 smtp
  -o smtp_bind_address=127.0.0.13
  -o smtp_bind_address6=::1
  -o smtp_helo_name=out3.$the_site
  -o smtp_mx_address_limit=2
  -o smtp_data_init_timeout=60s
""",
    "tables": {"senders": "boss@agency.example out1:\n"
                          "@shop.example out3:\n",
               "campaigns": "@news.example x\n@deals.example y\n"},
    "exit": 0,
}
POOLS["lines"] = [
    "host-domain mta.agency.example", "host-domain localhost",
    "smtp-source-host 127.0.0.11 out1.agency.example",
    "smtp-source-host 127.0.0.13 out3.agency.example",
    "smtp-source-host ::1 out3.agency.example",
    "virtual-mta out1 1", "virtual-mta out2 2", "virtual-mta out3 1",
    "mail-from /^boss@agency\\.example$/ virtual-mta=out1",
    "mail-from /@shop\\.example$/ virtual-mta=out3",
    "mail-from /@news\\.example$/ virtual-mta=pool1",
    "mail-from /@deals\\.example$/ virtual-mta=pool1",
    "default-virtual-mta out1", "pattern-list senders",
    "max-smtp-msg-rate 1/1s",
]
POOLS["queues"] = {
    "big.example/out1": {
        "max-smtp-out": "20", "max-rcpt-per-message": "20",
        "bounce-after": "2d", "connect-timeout": "15s",
        "retry-after": "10m,10m,20m,40m,1h20m,2h",
        "retry-recipients-after": "10m,10m,20m,40m,1h20m,2h",
        "use-starttls": "yes", "require-starttls": "no",
        "notify-of-delay-every": "never", "mx-connection-attempts": "5"},
    "big.example/out2": {"max-smtp-out": "4", "max-msg-rate": "unlimited"},
    "big.example/out3": {"max-smtp-out": "1", "max-msg-rate": "1/2s",
                         "mx-connection-attempts": "2"},
}
POOLS["report"] = [
    ("taken", "smtp_bind_address", "127.0.0.12"),
    ("taken", "maxproc of out1", "max-smtp-out 30"),
    ("changed", "out3_destination_rate_delay", "max-msg-rate 1/2s"),
    ("lost", "bounce_queue_lifetime", "1d"),
    ("lost", "smtp_mx_session_limit", "4"),
    ("lost", "smtp_data_init_timeout", "60s"),
    ("kept", "others", "smtpd_client_restrictions"),
    ("kept", "the_site", "agency.example"),
]

# All mail by a provider, with a password; a few domains by other ways.
SMARTHOST = {
    "main": """\
myhostname = mail.office.example
relayhost = [smtp.provider.example]:submission
inet_protocols = ipv4
smtp_bind_address = 127.0.0.21
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = hash:{dir}/passwords
smtp_sasl_security_options = noanonymous
smtp_tls_security_level = encrypt
smtp_destination_concurrency_limit = 3
message_size_limit = 52428800
transport_maps = hash:{dir}/transport
smtp_fallback_relay = [backup.provider.example]
delay_warning_time = 4h
""",
    "master": "",
    "tables": {"passwords": "[smtp.provider.example]:submission "
                            "office:s3cret:word\n"
                            "unused.example who:cares\n",
               "transport": "direct.example smtp:\n"
                            "inside.example smtp:[127.0.0.99]:2525\n"
                            ".inside.example :[127.0.0.99]\n"
                            "list.example lists:\n"
                            "bin.example discard:\n"
                            "joe@one.example smtp:[127.0.0.98]\n"},
    "exit": 0,
    "lines": ["mx-connection-limit smtp.provider.example 3",
              "ip-connection-limit 127.0.0.99 3",
              "smtp-source-host 127.0.0.21 mail.office.example",
              "max-message-size 52428800"],
    "queues": {
        "any.example/smtp": {"smtp-hosts": "smtp.provider.example:587",
                             "require-starttls": "yes",
                             "address-family": "ipv4",
                             "notify-of-delay-every": "4h",
                             "max-smtp-out": "3"},
        "direct.example/smtp": {"smtp-hosts": ""},
        "inside.example/smtp": {"smtp-hosts": "[127.0.0.99]:2525"},
        "www.inside.example/smtp": {"smtp-hosts": "[127.0.0.99]"},
    },
    "report": [
        ("taken", "relayhost", "smtp.provider.example"),
        ("taken", "smtp_sasl_password_maps", "auth-username"),
        ("taken", "smtp_sasl_security_options", "no mail without"),
        ("lost", "smtp_sasl_password_maps", "no route"),
        ("lost", "smtp_fallback_relay", "backup"),
        ("lost", "transport_maps", "joe@one.example"),
        ("kept", "transport_maps", "list.example"),
        ("kept", "transport_maps", "bin.example"),
        ("changed", "delay_warning_time", "notify-of-delay-every 4h"),
    ],
}

# A bank: who gets TLS, and how much of it.
TLS = {
    "main": """\
myhostname = mx.bank.example
smtp_tls_security_level = dane
smtp_dns_support_level = dnssec
smtp_tls_policy_maps = hash:{dir}/policy
smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt
smtp_tls_mandatory_protocols = >=TLSv1.2
transport_maps = inline:{{ {{partner.example = smtp:[gw.partner.example]:26}},
    {{broker.example = smtp:[gw.broker.example]}} }}
""",
    "master": """\
plain unix - - n - - smtp
  -o smtp_tls_security_level=none
  -o smtp_tls_policy_maps=
""",
    "tables": {"policy": "court.example encrypt\n"
                         ".court.example encrypt ciphers=high\n"
                         "old.example none\n"
                         "notary.example secure match=notary.example\n"
                         "prints.example fingerprint match=aa:bb\n"
                         "registry.example verify\n"
                         "[gw.partner.example]:26 encrypt\n"
                         "partner.example none\n"
                         "[nobody.example] encrypt\n"},
    "exit": 1,
    "lines": ["smtp-hosts gw.partner.example:26"],
    "queues": {
        "any.example/smtp": {"use-starttls": "yes",
                             "require-starttls": "no",
                             "smtp-tls-allow-tlsv1.1": "no",
                             "smtp-tls-ca-file": ""},
        "court.example/smtp": {"require-starttls": "yes",
                               "smtp-tls-ca-file": ""},
        "a.court.example/smtp": {"require-starttls": "yes",
                                 "smtp-tls-ciphers": "HIGH:!aNULL"},
        "old.example/smtp": {"use-starttls": "no", "require-starttls": "no"},
        "notary.example/smtp": {
            "require-starttls": "yes",
            "smtp-tls-ca-file": "/etc/ssl/certs/ca-certificates.crt",
            "smtp-tls-cert-match": "notary.example"},
        "prints.example/smtp": {"require-starttls": "yes",
                                "smtp-tls-ca-file": ""},
        "registry.example/smtp": {
            "smtp-tls-ca-file": "/etc/ssl/certs/ca-certificates.crt",
            "smtp-tls-cert-match": ""},
        "partner.example/smtp": {"require-starttls": "yes"},
        "broker.example/smtp": {"require-starttls": "no"},
        "any.example/plain": {"use-starttls": "no"},
        "court.example/plain": {"use-starttls": "no",
                                "require-starttls": "no"},
    },
    "report": [
        ("unsafe", "smtp_tls_security_level", "use-dane has no effect"),
        ("taken", "smtp_tls_policy_maps", "smtp-tls-ciphers HIGH:!aNULL"),
        ("taken", "smtp_tls_policy_maps",
         "smtp-tls-cert-match notary.example"),
        ("unsafe", "smtp_tls_policy_maps", "prints.example fingerprint"),
        ("kept", "smtp_tls_mandatory_protocols", "smtp-tls-allow-*"),
        ("taken", "smtp_tls_policy_maps", "[gw.partner.example]:26"),
        ("lost", "smtp_tls_policy_maps", "partner.example none"),
        ("lost", "smtp_tls_policy_maps", "[nobody.example]"),
        ("lost", "smtp_dns_support_level", "dnssec"),
    ],
}

# A host of many customers, some of whom send by relays of their own.
HOSTING = {
    "main": """\
myhostname = web.hosting.example
inet_interfaces = 192.0.2.41
virtual_alias_maps = hash:{dir}/aliases
smtpd_milters = inet:127.0.0.1:8891
non_smtpd_milters = $smtpd_milters
smtp_header_checks = pcre:{dir}/headers
sender_dependent_relayhost_maps = hash:{dir}/relays
sender_dependent_default_transport_maps = pcre:{dir}/by_sender
smtp_tls_policy_maps = socketmap:inet:127.0.0.1:8461:postfix, hash:{dir}/tls
transport_maps = hash:{dir}/transport
smtp_address_preference = ipv4
""",
    "master": """\
bulk unix - - n - - smtp
  -o smtp_helo_name=bulk.hosting.example
  -o inet_protocols=ipv4
""",
    "tables": {"aliases": "a@b.example c@d.example\n",
               "headers": "/^X-Secret:/ IGNORE\n",
               "relays": "@client.example [relay.client.example]:2525\n"
                         "vip@client.example [vip.client.example]\n",
               "by_sender": "# bulk mail\n/^bounce-.*@/ bulk:\n",
               "tls": "[relay.client.example]:2525 encrypt\n",
               "transport": "near.example :[127.0.0.77]\n"
                            "far.example bulk:\n"},
    "exit": 1,
    "lines": ["mail-from /^bounce-.*@/ virtual-mta=bulk",
              "mail-from /^vip@client\\.example$/ "
              "virtual-mta=smtp-vip.client.example",
              "mail-from /@client\\.example$/ "
              "virtual-mta=smtp-relay.client.example-2525",
              "smtp-source-host 192.0.2.41 bulk.hosting.example",
              "smtp-source-host 192.0.2.41 web.hosting.example",
              "reroute-to-virtual-mta bulk"],
    "queues": {
        "any.example/smtp": {"smtp-hosts": "",
                             "address-family": "prefer-ipv4"},
        "any.example/bulk": {"address-family": "ipv4"},
        "any.example/smtp-relay.client.example-2525":
            {"smtp-hosts": "relay.client.example:2525",
             "require-starttls": "yes"},
        "any.example/smtp-vip.client.example":
            {"smtp-hosts": "vip.client.example", "require-starttls": "no"},
        "near.example/smtp-vip.client.example":
            {"smtp-hosts": "[127.0.0.77]"},
        "near.example/smtp": {"smtp-hosts": "[127.0.0.77]"},
        "far.example/smtp": {"reroute-to-virtual-mta": "bulk"},
    },
    "report": [
        ("unsafe", "smtp_tls_policy_maps", "socketmap:"),
        ("kept", "smtpd_milters", "import opendkim"),
        ("kept", "smtp_header_checks", "keep it on the service"),
        ("kept", "others", "virtual_alias_maps"),
        ("changed", "transport_maps", "<domain> blocks: 2"),
    ],
}

# A school that is slow with some providers; the rest by a gateway.
SLOW = {
    "main": """\
myhostname = mail.school.example
transport_maps = texthash:{dir}/transport, regexp:{dir}/more
smtp_bind_address6 = [::1]
smtp_helo_name = out.school.example
default_destination_rate_delay = 1s
smtp_destination_rate_delay = 0s
smtp_destination_concurrency_limit = 0
slow_destination_concurrency_limit = 2
slow_destination_rate_delay = 0s
slow_destination_recipient_limit = 5
default_process_limit = 900
smtp_connection_reuse_count_limit = 40
smtp_skip_5xx_greeting = no
soft_bounce = yes
smtp_tls_loglevel = 1
smtp_use_tls = yes
""",
    "master": """\
slow unix - - n - 2 smtp
  -o smtp_connection_reuse_count_limit=5
gate unix - - n - - smtp
""",
    "tables": {"transport": "gmail.example slow:\n"
                            "yahoo.example slow:\n"
                            "ymail.example slow:mx.yahoo.example\n"
                            ".gov.example smtp:\n"
                            "free.example :\n"
                            "* gate:[gate.school.example]\n",
               "more": "/^postmaster@/ smtp:\n"},
    "exit": 0,
    "lines": ["total-max-smtp-out 1802",
              "max-smtp-out 2", "vmta slow",
              "host-name out.school.example"],
    "queues": {
        "gmail.example/slow": {"max-smtp-out": "2", "smtp-hosts": "",
                               "max-rcpt-per-message": "5",
                               "max-msg-per-connection": "5",
                               "max-msg-rate": "unlimited"},
        "ymail.example/slow": {"smtp-hosts": "lookup-mx:mx.yahoo.example"},
        "gmail.example/smtp": {"vmta": "slow"},
        "any.example/smtp": {"vmta": "gate", "max-smtp-out": "100000",
                             "smtp-hosts": "gate.school.example",
                             "bounce-upon-5xx-greeting": "yes",
                             "use-starttls": "yes",
                             "require-starttls": "no"},
        "any.example/gate": {"max-smtp-out": "1", "max-msg-rate": "1/s"},
        "www.gov.example/smtp": {"vmta": "smtp", "smtp-hosts": ""},
        "free.example/smtp": {"vmta": "", "smtp-hosts": ""},
    },
    "report": [
        ("lost", "transport_maps", "a pattern of recipients"),
        ("lost", "soft_bounce", "yes"),
        ("lost", "smtp_tls_loglevel", "1"),
        ("lost", "smtp_bind_address6", "over IPv6 alone"),
        ("taken", "smtp_connection_reuse_count_limit",
         "max-msg-per-connection 5"),
    ],
}

SITES = {"pools": POOLS, "smarthost": SMARTHOST, "tls": TLS,
         "hosting": HOSTING, "slow": SLOW}
