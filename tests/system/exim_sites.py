# SPDX-License-Identifier: Apache-2.0
"""exim_sites - configurations of Exim as sites have them, whole, with the files
that they name; and what is to come of them.

{dir} is the folder of the site; a test that runs Exim puts spool and log there.
queues: what holds for DOMAIN/VMTA in the result, as `show settings` has it.
lines: that stand in it.  report: (fate, name, part of value or text).
keys: DKIM keys to be made, by name and kind.  asked: (sender, recipient, virtual
MTA) of mail that needs no DNS, which Exim routes as the result does.
"""

import os

import keys

MAIN = """\
primary_hostname = %s
spool_directory = {dir}/spool
log_file_path = {dir}/log/%%slog
keep_environment =
tls_advertise_hosts =
domainlist local_domains = @ : localhost
hostlist relay_from = 127.0.0.1 : ::1
acl_smtp_rcpt = check_rcpt
acl_smtp_data = check_data
"""

ACL = """
begin acl
check_rcpt:
  accept hosts = +relay_from
  deny   message = relay not permitted
check_data:
  accept
"""

# A small host that sends to MX hosts, and nothing else.
PLAIN = {
    "conf": MAIN % "mail.club.example" + """\
message_size_limit = 20M
delay_warning = 12h:24h
remote_max_parallel = 4
smtp_accept_max = 50
dsn_from = "\\"Club\\" <postmaster@$qualify_domain>"
bounce_message_file = /etc/exim4/bounce
""" + ACL + """
begin routers
dnslookup:
  driver = dnslookup
  domains = ! +local_domains
  transport = remote_smtp
  ignore_target_hosts = 0.0.0.0
  no_more
aliases:
  driver = redirect
  data = ${{lookup{{$local_part}}lsearch{{{dir}/aliases}}}}
begin transports
remote_smtp:
  driver = smtp
  interface = 127.0.0.11
  max_rcpt = 30
  dkim_domain = ${{lc:${{domain:$h_from:}}}}
  dkim_selector = mail
  dkim_private_key = ${{if exists{{{dir}/$dkim_domain.pem}}{{{dir}/$dkim_domain.pem}}{{0}}}}
  connection_max_messages = 0
  hosts_max_try = 3
  connect_timeout = 45s
begin retry
*  *  F,2h,15m; G,16h,1h,1.5; F,4d,6h
begin rewrite
*@old.club.example  $1@club.example  Ffr
""",
    "files": {"aliases": "root: joe\n"},
    "keys": {"club.example.pem": "rsa"},
    "exit": 0,
    "lines": ["host-name mail.club.example",
              "exim-listener /var/spool/postfix/mailrace/lmtp",
              "suppress-socket /var/spool/postfix/mailrace/suppress",
              "smtp-source-host 127.0.0.11 mail.club.example",
              "default-virtual-mta remote_smtp",
              "domain-key mail, club.example, {dir}/club.example.pem",
              "custom-dsn-from-header Club <postmaster@mail.club.example>",
              "max-message-size 20971520"],
    "queues": {
        "any.example/remote_smtp": {
            "max-rcpt-per-message": "30", "max-msg-per-connection": "0",
            "mx-connection-attempts": "3", "connect-timeout": "45s",
            "smtp-greeting-timeout": "5m",
            "smtp-data-termination-timeout": "10m",
            "retry-after": "15m," * 8 + "1h,1h30m,2h15m,3h22m30s,5h3m45s,"
                           "7h35m37s,6h",
            "bounce-after": "4d", "notify-of-delay-every": "12h",
            "use-starttls": "yes", "require-starttls": "no",
            "dkim-sign": "yes", "smtp-hosts": ""},
    },
    "report": [
        ("taken", "dkim_private_key", "domain-key mail, club.example"),
        ("taken", "dsn_from", "custom-dsn-from-header Club"),
        ("lost", "bounce_message_file", "dsn-failed-body-template-from"),
        ("taken", "max_rcpt", "max-rcpt-per-message 30"),
        ("taken", "interface", "127.0.0.11"),
        ("changed", "retry", "bounce-after 4d"),
        ("changed", "delay_warning", "notify-of-delay-every 12h"),
        ("lost", "remote_max_parallel", "4"),
        ("lost", "hosts_try_dane", "Exim's default"),
        ("lost", "ignore_target_hosts", "0.0.0.0"),
        ("kept", "rewrite", "*@old.club.example"),
        ("kept", "others", "smtp_accept_max"),
        ("kept", "others", "router aliases"),
    ],
}

# As Debian writes it: macros, all mail by a provider that wants a password.
DEBIAN = {
    "conf": "CONFDIR = {dir}\nSMARTHOST = 127.0.0.61::2587\n" +
            MAIN % "box.home.example" + """\
qualify_domain = home.example
""" + ACL + """
begin routers
local:
  driver = accept
  domains = +local_domains
  check_local_user
  transport = mailbox
inside:
  driver = manualroute
  domains = *.lan.example
  transport = remote_smtp
  route_list = * 127.0.0.62 byname
smarthost:
  driver = manualroute
  domains = ! +local_domains
  transport = remote_smtp_smarthost
  route_list = * SMARTHOST byname
  host_find_failed = ignore
  same_domain_copy_routing = yes
  no_more
begin transports
mailbox:
  driver = appendfile
  file = /var/mail/$local_part_data
remote_smtp:
  driver = smtp
remote_smtp_smarthost:
  driver = smtp
  multi_domain
  interface = 127.0.0.12
  helo_data = dsl-7.provider.example
  hosts_require_tls = *
  tls_tempfail_tryclear = false
  hosts_try_auth = <; ${{if exists{{CONFDIR/passwd.client}}\\
    {{${{lookup{{$host}}nwildlsearch{{CONFDIR/passwd.client}}{{$host_address}}}}}}\\
    {{}}}}
  headers_rewrite = *@box.home.example $1@home.example
begin retry
*  *  F,2h,15m; G,16h,1h,1.5; F,4d,6h
begin authenticators
PASSWDLINE = ${{sg{{${{lookup{{$host}}nwildlsearch{{CONFDIR/passwd.client}}{{$value}}fail}}}}{{\\\\N[\\\\^]\\\\N}}{{^^}}}}
plain:
  driver = plaintext
  public_name = PLAIN
  client_send = "<; ${{if !eq{{$tls_out_cipher}}{{}}\\
    {{^${{extract{{1}}{{:}}{{PASSWDLINE}}}}^${{extract{{2}}{{:}}{{PASSWDLINE}}}}}}fail}}"
""",
    "files": {"passwd.client": "127.0.0.61:office:s3cret\n"},
    "secrets": ["s3cret"],
    "exit": 0,
    "lines": ["smtp-hosts [127.0.0.61]:2587",
              "smtp-source-host 127.0.0.12 dsl-7.provider.example",
              "smtp-hosts [127.0.0.62]"],
    "queues": {
        "any.example/remote_smtp_smarthost": {
            "smtp-hosts": "[127.0.0.61]:2587", "use-starttls": "yes",
            "require-starttls": "yes"},
        "a.lan.example/remote_smtp": {
            "smtp-hosts": "[127.0.0.62]", "require-starttls": "no"},
        "a.lan.example/remote_smtp_smarthost": {"vmta": "remote_smtp"},
    },
    "asked": [("joe@home.example", "x@any.example", "remote_smtp_smarthost"),
              ("joe@home.example", "x@a.lan.example", "remote_smtp")],
    "report": [
        ("taken", "hosts_require_tls", "require-starttls yes"),
        ("taken", "tls_tempfail_tryclear", "require-starttls"),
        ("taken", "helo_data", "remote_smtp_smarthost"),
        ("taken", "client_send", "auth-username office"),
        ("changed", "hosts_try_auth", "auth-username"),
        ("kept", "headers_rewrite", "hands over"),
        ("kept", "others", "router local"),
        ("lost", "multi_domain", "own queue"),
    ],
}

# A host of many customers, each with an address and a name of its own.
SENDERS = {
    "conf": MAIN % "web.hosting.example" + ACL + """
begin routers
vip:
  driver = manualroute
  senders = *@bank.example : boss@shop.example
  domains = ! +local_domains
  transport = ${{if eq{{$sender_address_domain}}{{bank.example}}{{secure}}{{remote_smtp}}}}
  route_list = * 127.0.0.71 byname
by_hour:
  driver = dnslookup
  condition = ${{if >{{${{substr_8_2:$tod_zulu}}}}{{12}}}}
  transport = remote_smtp
dnslookup:
  driver = dnslookup
  domains = ! +local_domains
  transport = remote_smtp
begin transports
remote_smtp:
  driver = smtp
  interface = ${{lookup{{${{lc:$sender_address_domain}}}}lsearch{{{dir}/addresses}}{{$value}}{{127.0.0.20}}}}
  helo_data = ${{lookup{{$sending_ip_address}}iplsearch{{{dir}/names}}{{$value}}{{$primary_hostname}}}}
  max_parallel = 40
secure:
  driver = smtp
  interface = 127.0.0.29
  hosts_require_tls = *
  tls_require_ciphers = SECURE256
  connect_timeout = 10s
begin retry
*  *  F,1d,30m
""",
    "files": {
        "addresses": "# one for each\nshop.example: 127.0.0.21\n"
                     "news.example: 127.0.0.22\nplain.example: 127.0.0.20\n",
        "names": "127.0.0.21: out.shop.example\n"
                 "127.0.0.22: out.news.example\n"},
    "exit": 1,
    "lines": [
        "smtp-source-host 127.0.0.20 web.hosting.example",
        "smtp-source-host 127.0.0.21 out.shop.example",
        "smtp-source-host 127.0.0.22 out.news.example",
        "smtp-source-host 127.0.0.29 web.hosting.example",
        "mail-from /@shop\\.example$/ virtual-mta=remote_smtp-shop.example",
        "mail-from /@news\\.example$/ virtual-mta=remote_smtp-news.example",
        "mail-from /@bank\\.example$/ virtual-mta=secure",
        "mail-from /^boss@shop\\.example$/ "
        "virtual-mta=remote_smtp-boss-shop.example",
        "max-smtp-out 40",
    ],
    "queues": {
        "any.example/remote_smtp": {"smtp-hosts": "",
                                    "require-starttls": "no",
                                    "connect-timeout": "5m",
                                    "retry-after": "30m",
                                    "bounce-after": "1d"},
        "any.example/remote_smtp-shop.example": {"smtp-hosts": ""},
        "any.example/remote_smtp-boss-shop.example": {
            "smtp-hosts": "[127.0.0.71]", "require-starttls": "no"},
        "any.example/secure": {"smtp-hosts": "[127.0.0.71]",
                               "require-starttls": "yes",
                               "connect-timeout": "10s"},
    },
    "asked": [("boss@shop.example", "x@a.example",
               "remote_smtp-boss-shop.example"),
              ("any@bank.example", "x@a.example", "secure")],
    "report": [
        ("taken", "interface", "lsearch"),
        ("taken", "senders", "<pattern-list senders>"),
        ("lost", "condition", "manual"),
        ("unsafe", "tls_require_ciphers", "SECURE256"),
        ("taken", "route_list", "127.0.0.71"),
    ],
}

# A company with ways of its own into partners' networks.
ROUTES = {
    "conf": MAIN % "mx.company.example" + """\
domainlist tls_domains = court.example : *.court.example : lsearch;{dir}/tls
""" + ACL + """
begin routers
partners:
  driver = manualroute
  domains = partner.example : *.partner.example : supplier.example
  route_list = supplier.example 127.0.0.83::2525 byname ; \\
               *.partner.example "127.0.0.82::26:127.0.0.84" randomize byname ; \\
               * "relay.partner.example/mx:127.0.0.81" bydns
  transport = partner_smtp
table:
  driver = manualroute
  route_data = ${{lookup{{$domain}}lsearch{{{dir}/routes}}}}
  transport = remote_smtp
  fallback_hosts = 127.0.0.89
strict:
  driver = dnslookup
  domains = +tls_domains
  transport = tls_smtp
dane:
  driver = dnslookup
  domains = dane.example
  transport = dane_smtp
staff:
  driver = manualroute
  local_parts = board-.*
  route_list = * 127.0.0.88
  transport = tls_smtp
dnslookup:
  driver = dnslookup
  domains = ! +local_domains
  transport = remote_smtp
begin transports
remote_smtp:
  driver = smtp
  hosts_try_dane =
  hosts_avoid_tls = 192.0.2.0/24
partner_smtp:
  driver = smtp
  hosts_try_dane =
  hosts_avoid_tls = 127.0.0.83
  hosts_require_tls = 127.0.0.82 : 127.0.0.84
  serialize_hosts = 127.0.0.83
tls_smtp:
  driver = smtp
  hosts_try_dane =
  hosts_require_tls = *
  tls_verify_hosts = *
dane_smtp:
  driver = smtp
  hosts_require_dane = *
  port = 26
begin retry
slow.example  *       F,7d,12h
*  quota      F,1d,1h
*  *          F,30m,5m; H,4d,1h,2
late.example  *       F,1d,1h
""",
    "files": {"tls": "notary.example\n",
              "routes": "branch.example: 127.0.0.85::2600 byname\n"
                        "Depot.example:   127.0.0.86\n"},
    "exit": 1,
    "lines": ["smtp-hosts [127.0.0.83]:2525",
              "smtp-hosts [127.0.0.82]:26, [127.0.0.84]",
              "smtp-hosts lookup-mx:relay.partner.example; [127.0.0.81]",
              "ip-connection-limit 127.0.0.83 1"],
    "queues": {
        "any.example/remote_smtp": {"smtp-hosts": "", "use-starttls": "yes",
                                    "vmta": "", "default-smtp-port": "25"},
        "supplier.example/remote_smtp": {
            "vmta": "partner_smtp",
            "smtp-hosts": "[127.0.0.83]:2525"},
        "supplier.example/partner_smtp": {"use-starttls": "no"},
        "a.partner.example/partner_smtp": {
            "smtp-hosts": "[127.0.0.82]:26,[127.0.0.84]",
            "require-starttls": "yes"},
        "partner.example/partner_smtp": {
            "smtp-hosts": "lookup-mx:relay.partner.example;[127.0.0.81]",
            "require-starttls": "no", "use-starttls": "yes"},
        "branch.example/remote_smtp": {
            "smtp-hosts": "[127.0.0.85]:2600;[127.0.0.89]", "vmta": ""},
        "depot.example/remote_smtp": {
            "smtp-hosts": "[127.0.0.86];[127.0.0.89]"},
        "court.example/remote_smtp": {"vmta": "tls_smtp"},
        "notary.example/tls_smtp": {"require-starttls": "yes",
                                    "smtp-tls-ca-file": "system",
                                    "smtp-hosts": ""},
        "a.court.example/tls_smtp": {"require-starttls": "yes"},
        "dane.example/dane_smtp": {"require-starttls": "yes",
                                   "default-smtp-port": "26"},
        "slow.example/remote_smtp": {"retry-after": "12h",
                                     "bounce-after": "1w"},
    },
    "asked": [("s@a.example", "x@supplier.example", "partner_smtp"),
              ("s@a.example", "x@a.partner.example", "partner_smtp"),
              ("s@a.example", "x@branch.example", "remote_smtp"),
              ("s@a.example", "x@DEPOT.example", "remote_smtp")],
    "report": [
        ("unsafe", "hosts_require_dane", "use-dane has no effect"),
        ("taken", "tls_verify_hosts", "smtp-tls-ca-file system"),
        ("unsafe", "local_parts", "manual"),
        ("lost", "hosts_avoid_tls", "192.0.2.0/24"),
        ("changed", "fallback_hosts", "behind the others"),
        ("lost", "retry", "quota"),
        ("lost", "retry", "late.example"),
        ("changed", "serialize_hosts", "ip-connection-limit"),
        ("taken", "route_data", "branch.example"),
    ],
}

# A sender of newsletters: signatures, slow providers, what is held back.
SIGNED = {
    "conf": MAIN % "mta.letters.example" + """\
queue_domains = slow.example : *.slow.example
hold_domains = held.example
retry_interval_max = 4h
dkim_verify_signers =
disable_ipv6 = true
""" + ACL + """
begin routers
throttled:
  driver = dnslookup
  domains = gmail.example : yahoo.example
  transport = careful
dnslookup:
  driver = dnslookup
  domains = ! +local_domains
  transport = remote_smtp
begin transports
remote_smtp:
  driver = smtp
  interface = 127.0.0.31
  dkim_domain = $sender_address_domain
  dkim_selector = ${{lookup{{$dkim_domain}}lsearch{{{dir}/selectors}}{{$value}}{{s0}}}}
  dkim_private_key = ${{lookup{{$dkim_domain}}lsearch{{{dir}/selectors}}{{{dir}/$dkim_domain.$dkim_selector.pem}}{{0}}}}
  dkim_canon = relaxed
  dkim_sign_headers = From:+Subject:Date:=To
  dkim_timestamps = 1209600
careful:
  driver = smtp
  interface = 127.0.0.32
  dkim_domain = letters.example
  dkim_selector = main
  dkim_private_key = {dir}/letters.example.main.pem
  dkim_canon = simple
  dkim_strict = 1
  max_rcpt = 5
  max_parallel = 2
  serialize_hosts = *
  message_size_limit = 2M
  event_action = ${{run{{/usr/local/bin/note $event_name}}}}
begin retry
gmail.example  *  F,1h,10m; F,2d,2h
*              *  G,3d,10m,2
""",
    "files": {"selectors": "letters.example: r1 : e1\n"
                           "offers.example: r2 : r3\n"
                           "tricks.example: ${run{/bin/false}}\n"},
    "keys": {"letters.example.r1.pem": "rsa",
             "letters.example.e1.pem": "ed25519",
             "offers.example.r2.pem": "rsa", "offers.example.r3.pem": "rsa",
             "letters.example.main.pem": "rsa"},
    "exit": 0,
    "lines": [
        "domain-key r1, letters.example, {dir}/letters.example.r1.pem",
        "domain-key e1, letters.example, {dir}/letters.example.e1.pem",
        "domain-key r2, offers.example, {dir}/offers.example.r2.pem",
        "domain-key main, letters.example, {dir}/letters.example.main.pem",
        "second-dkim-sign yes", "max-smtp-out 2"],
    "queues": {
        "any.example/remote_smtp": {
            "dkim-sign": "yes", "second-dkim-algorithm": "ed25519-sha256",
            "dkim-add-timestamp": "yes", "dkim-expire-after": "2w",
            "dkim-headers-canon": "relaxed", "address-family": "ipv4",
            "retry-after": "10m,20m,40m,1h20m,2h40m,4h",
            "bounce-after": "3d"},
        "gmail.example/remote_smtp": {"vmta": "careful",
                                      "bounce-after": "2d"},
        "gmail.example/careful": {
            "max-smtp-out": "1", "max-rcpt-per-message": "5",
            "max-message-size": "2m", "dkim-headers-canon": "simple",
            "dkim-body-canon": "simple", "retry-after": "10m," * 6 + "2h"},
    },
    "report": [
        ("changed", "queue_domains", "pause queue"),
        ("changed", "hold_domains", "pause queue"),
        ("changed", "dkim_private_key", "domain-key r1, letters.example"),
        ("lost", "dkim_private_key", "offers.example with selector r3"),
        ("lost", "dkim_selector", "\"${run{/bin/false}}\" is no selector"),
        ("lost", "dkim_strict", "cannot be signed"),
        ("lost", "event_action", "manual"),
        ("changed", "serialize_hosts", "max-smtp-out 1"),
        ("taken", "max_parallel", "max-smtp-out 2"),
        ("changed", "dkim_sign_headers", "dkim-headers"),
    ],
}

SITES = {"plain": PLAIN, "debian": DEBIAN, "senders": SENDERS,
         "routes": ROUTES, "signed": SIGNED}


def write(folder, name, program=None):
    """The site in a folder that is there, with its files and keys; the path of
    its configuration.  Spool and log are for who runs it: such an Exim, that
    is not where it is installed, starts itself again for each delivery."""
    site = SITES[name]
    for file, text in site["files"].items():
        with open(os.path.join(folder, file), "w") as f:
            f.write(text)
    for file, kind in site.get("keys", {}).items():
        keys.dkim_key(os.path.join(folder, file), kind)
    path = os.path.join(folder, "exim.conf")
    with open(path, "w") as f:
        if program:
            f.write("exim_path = %s\n" % program)
        f.write(site["conf"].format(dir=folder))
    os.chmod(path, 0o644)
    return path
