#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""demo - a Postfix hands mail to Mailrace, which delivers it to three
providers: in a network of its own, in about a minute.

    demo.py [--dir DIR]

Nothing here leaves the machine.  The directory with configuration, logs,
accounting and the delivered mail is kept; its name is printed at the end.
"""

import argparse
import collections
import os
import subprocess
import sys
import time

import netns
netns.enter()

import check_limits
import keys
import mailrace
import postfix
import procs
import signatures
from lab import Lab, mx_zone

TIMEOUT_S = 150
RATE = 20
BUSY_S = 8  # how long yahoo.example answers 421

PROVIDERS = {  # domain: receiver
    "gmail.example": "127.0.1.1",
    "outlook.example": "127.0.1.2",
    "yahoo.example": "127.0.1.3",
}
VMTA_OF_IP = {"127.0.0.10": "{default}", "127.0.0.11": "brand-a",
              "127.0.0.12": "brand-a", "127.0.0.21": "brand-b"}
SENDERS = {"brand-a": "news@brand-a.example", "brand-b": "shop@brand-b.example",
           "{default}": "info@corp.example"}

CONFIG = """
# Who sends from where.
<virtual-mta brand-a>
    smtp-source-host 127.0.0.11 a1.mta.lab.example
    smtp-source-host 127.0.0.12 a2.mta.lab.example
</virtual-mta>
<virtual-mta brand-b>
    smtp-source-host 127.0.0.21 b1.mta.lab.example
</virtual-mta>

<pattern-list by-sender>
    mail-from /@brand-a\\.example$/ virtual-mta=brand-a
</pattern-list>
<source 127.0.0.1>
    process-x-virtual-mta yes
    process-x-job yes
    pattern-list by-sender
    always-allow-relaying yes
</source>

domain-key demo, brand-a.example, {keys}/demo.brand-a.example.pem
domain-key demo, brand-b.example, {keys}/demo.brand-b.example.pem
domain-key demo, corp.example, {keys}/demo.corp.example.pem

# What the providers want.
<domain *>
    dkim-sign yes
    max-smtp-out 10
    retry-after 4s
    retry-recipients-after 4s
</domain>
<domain outlook.example>
    max-msg-rate %d/s
</domain>
<domain gmail.example>
    require-starttls yes
</domain>
""" % RATE


def say(text):
    print(text, flush=True)


def receivers(lab):
    tls = keys.certificate(lab.path("keys"), "mx1.gmail.example")
    return [
        {"listen": ["127.0.1.1:25"], "name": "mx1.gmail.example", "tls": tls,
         "ehlo": ["PIPELINING", "SIZE 52428800", "8BITMIME", "STARTTLS",
                  "ENHANCEDSTATUSCODES"],
         # Greylisting: some recipients are refused the first time.
         "rules": [{"at": "rcpt", "match": "grey", "count": 1, "per": "value",
                    "reply": "450 4.2.1 greylisted, try later"}]},
        {"listen": ["127.0.1.2:25"], "name": "mx1.outlook.example"},
        {"listen": ["127.0.1.3:25"], "name": "mx1.yahoo.example",
         "rules": [{"at": "connect", "until": BUSY_S, "action": "close",
                    "reply": "421 4.7.0 [TSS04] temporarily deferred"}]},
    ]


def make_lab(directory):
    zone = "".join(mx_zone(d, ("mx1." + d, ip))
                   for d, ip in PROVIDERS.items())
    lab = Lab(zone=zone, config=CONFIG, directory=directory,
              prefix="mailrace-demo-",
              dkim=[("demo", d) for d in ("brand-a.example",
                                          "brand-b.example", "corp.example")])
    lab.keep = True
    lab.receivers = receivers(lab)
    return lab


# ---- submission --------------------------------------------------------------

def message_file(lab, name, vmta, domain):
    """A message for smtp-source -F."""
    path = lab.path(name)
    head = ["From: <%s>" % SENDERS[vmta], "To: <you@%s>" % domain,
            "Subject: Offers of the week", "X-Job: demo-" + vmta.strip("{}"),
            "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: 8bit"]
    if vmta == "brand-b":
        head.append("X-Virtual-MTA: brand-b")
    body = ["Gr\u00fc\u00dfe von Mailrace.", ".a line that starts with a dot"]
    body += ["This line is here so that the message has some weight."] * 30
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(head + [""] + body) + "\n")
    return path


def by_smtp(lab, vmta, domain, count, user):
    path = message_file(lab, "message-%s-%s" % (user, domain), vmta, domain)
    lab.postfix.source(SENDERS[vmta], "%s@%s" % (user, domain), count, "-s",
                       "10", "-N", "-F", path)
    return count


def by_sendmail(lab, vmta, domain, count):
    for i in range(count):
        rcpt = "reader%d@%s" % (i, domain)
        head = "From: <%s>\nTo: <%s>\nSubject: Letter %d\n" % (
            SENDERS[vmta], rcpt, i)
        if vmta == "brand-b":
            head += "X-Virtual-MTA: brand-b\n"
        lab.postfix.sendmail(SENDERS[vmta], [rcpt], head + "\nDear reader.\n")
    return count


def submit(lab):
    n = by_smtp(lab, "brand-a", "gmail.example", 350, "you")
    n += by_smtp(lab, "brand-a", "gmail.example", 20, "grey")
    n += by_smtp(lab, "brand-b", "outlook.example", 320, "you")
    n += by_smtp(lab, "{default}", "yahoo.example", 210, "you")
    say("  %d messages by smtp-source over SMTP" % n)
    m = by_sendmail(lab, "brand-a", "gmail.example", 30)
    m += by_sendmail(lab, "brand-b", "outlook.example", 30)
    m += by_sendmail(lab, "{default}", "yahoo.example", 40)
    say("  %d messages by sendmail" % m)
    return n + m


def wait_for(lab, wanted):
    end = time.monotonic() + TIMEOUT_S
    shown = time.monotonic()
    while True:
        got = sum(len(m["rcpts"]) for m in lab.messages())
        if got >= wanted:
            return got
        if time.monotonic() > end:
            say("  only %d of %d arrived within %d s" % (got, wanted,
                                                         TIMEOUT_S))
            return got
        if time.monotonic() - shown > 5:
            say("  %4d of %d have arrived" % (got, wanted))
            shown = time.monotonic()
        time.sleep(0.25)


# ---- judgement ---------------------------------------------------------------

class Row:
    def __init__(self):
        self.messages = self.signed = self.tls = 0
        self.times = []
        self.other_vmta = 0


def judge(lab):
    """(provider, source IP) to Row; refusals by provider."""
    rows = collections.defaultdict(Row)
    lookup = signatures.cached(lab.txt)
    for m in lab.messages():
        domain = m["rcpts"][0].rpartition("@")[2]
        row = rows[(domain, m["peer"])]
        row.messages += 1
        row.tls += m["tls"] != ""
        with open(m["file"], "rb") as f:
            row.signed += signatures.verify(
                f.read(), lookup, m["sender"].rpartition("@")[2])
        wanted = next(v for v, s in SENDERS.items() if s == m["sender"])
        row.other_vmta += VMTA_OF_IP.get(m["peer"]) != wanted
    by_address = {ip + ":25": d for d, ip in PROVIDERS.items()}
    rates, retried = collections.defaultdict(list), collections.Counter()
    for e in lab.events():
        if e["ev"] == "rcpt":
            rates[by_address[e["to"]]].append(e["t"])
        if e["ev"] == "rule" and e["reply"][:1] == "4":
            retried[by_address[e["to"]]] += 1
    return rows, rates, retried


def print_table(rows, rates, retried):
    head = "%-16s %-10s %-11s %8s %9s %5s %9s %8s"
    say("")
    say(head % ("provider", "VMTA", "source IP", "messages", "signed ok",
                "TLS", "max/second", "refusals"))
    last = None
    for (domain, ip), row in sorted(rows.items()):
        first = domain != last
        last = domain
        say("%-16s %-10s %-11s %8d %9d %5d %10s %8s" % (
            domain if first else "", VMTA_OF_IP.get(ip, "?"), ip,
            row.messages, row.signed, row.tls,
            check_limits.most_in_window(rates[domain], 1.0) if first else "",
            retried[domain] if first else ""))


def verdict(rows, rates, retried, submitted):
    total = sum(r.messages for r in rows.values())
    checks = [
        ("%d of %d messages arrived" % (total, submitted),
         total == submitted),
        ("every one from an IP of its VMTA",
         not any(r.other_vmta for r in rows.values())),
        ("dkimpy accepts every signature",
         all(r.signed == r.messages for r in rows.values())),
        ("outlook.example: never more than %d in a second" % RATE,
         0 < check_limits.most_in_window(rates["outlook.example"], 1.0)
         <= RATE),
        ("yahoo.example: refused by 421 at first, delivered later",
         retried["yahoo.example"] > 0),
        ("gmail.example: everything under TLS, greylisted mail came again",
         retried["gmail.example"] > 0 and all(
             r.tls == r.messages for (d, _), r in rows.items()
             if d == "gmail.example")),
    ]
    say("")
    for text, good in checks:
        say("  %-4s %s" % ("yes" if good else "NO", text))
    return all(good for _, good in checks)


def where_to_look(lab):
    say("""
Where to look next
  %(r)s/
    mailrace.conf              the configuration, PowerMTA's grammar
    pf/conf/main.cf, master.cf the Postfix side
    acct/                      accounting: one row for each delivery and retry
    log/mailraced.log          one line for each attempt
    pf/log/postfix.log         the host's log; the queue id is in both
    log/receiver.jsonl, mail/  what the providers saw; the mail as delivered
  man -l doc/mailrace.conf.5   (in build/ after ./bootstrap build) settings
  README.md                    the same in your Postfix
  sudo ./bootstrap test        everything else that is proven
Remove it by: rm -r %(r)s
""" % {"r": lab.root})


def show(lab, *args):
    r = lab.command.run(*args)
    say("\n$ mailrace %s" % " ".join(args))
    say((r.stdout + r.stderr).rstrip())


def run(lab):
    say("Starting DNS, three providers, Mailrace, its milter, Postfix ...")
    lab.start()
    say("Submitting 1,000 messages to Postfix ...")
    started = time.monotonic()
    submitted = submit(lab)
    show(lab, "show", "queues")
    say("\nDelivering ...")
    wait_for(lab, submitted)
    say("  done after %.0f s" % (time.monotonic() - started))
    show(lab, "show", "status")
    show(lab, "audit")
    say("\nChecking signatures with dkimpy ...")
    rows, rates, retried = judge(lab)
    print_table(rows, rates, retried)
    return verdict(rows, rates, retried, submitted)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--dir", help="where the directory is made (/tmp)")
    args = p.parse_args()
    lacking = mailrace.missing() or postfix.missing()
    if lacking:
        sys.exit("demo: %s is missing; run ./bootstrap demo" % lacking)
    lab = make_lab(args.dir)
    good = False
    try:
        with lab:
            good = run(lab)
            where_to_look(lab)
    except (procs.ProcessError, RuntimeError,
            subprocess.SubprocessError) as e:
        say("\ndemo: %s\nlogs are in %s/log" % (e, lab.root))
    say("The demo %s." % ("shows what it should" if good else "FAILED"))
    return 0 if good else 1


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
