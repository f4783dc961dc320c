#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Twenty messages go through Mailrace with what `mailrace import pmta` has made of
a site: receivers see the source address, HELO name, TLS, next hop and user that
PowerMTA's configuration means (same_mail_pmta), but for what the report names."""

import netns
netns.enter()

import base64
import hmac
import json
import os
import re

import keys
import pmta_sites
import same_mail
import same_mail_pmta
import smtp_client
import tap
from lab import DNS_ADDRESS, LISTEN

PORT = 2524
# What this host has beside what was imported.
MORE = same_mail.CONFIG.replace("{dns}", DNS_ADDRESS) + """
smtp-listener %s:%d
<source %s>
    always-allow-relaying yes
    process-x-virtual-mta yes
</source>
""" % (LISTEN, PORT, same_mail_pmta.RELAY)


class ImportedHost(same_mail.MailraceHost):
    """What is made of the site's files."""

    def __init__(self, lab, name):
        self.lab, self.site = lab, lab.path("pmta-" + name)
        site = pmta_sites.SITES[name]
        for file, text in site["files"].items():
            path = os.path.join(self.site, file)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            # What is slow is not compared here.
            text = re.sub(r"^ *max-msg-(rate|per-hour) .*\n", "", text,
                          flags=re.M)
            with open(path, "w") as f:
                f.write(text.format(dir=self.site) if file == "config"
                        else text)
        for key in site.get("keys", ()):
            path = os.path.join(self.site, key)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            keys.dkim_key(path)

    def load(self):
        """Gives the report."""
        made = os.path.join(self.site, "made")
        r = self.lab.command.run("import", "pmta", self.site, "--json",
                                 "--output", made)
        tap.check(r.returncode in (0, 1) and r.stdout, "import: " + r.stderr)
        with open(made) as f, open(self.lab.config, "w") as out:
            out.write(f.read() + self.lab.expand(MORE))
        return json.loads(r.stdout)["report"]

    def client(self, mail):
        c = smtp_client.Client((LISTEN, PORT), source=mail.client)
        c.hello()
        if mail.password is not None:
            sign_in(c, mail.password)
        return c, None

    def fields(self, _mail):
        return []


def sign_in(c, password):
    """By CRAM-MD5 (RFC 2195): in clear PowerMTA takes no passwords unless told."""
    challenge = base64.b64decode(c.command("AUTH CRAM-MD5")[1])
    digest = hmac.new(password.encode(), challenge, "md5").hexdigest()
    said = base64.b64encode(("ann " + digest).encode()).decode()
    tap.equal(c.command(said)[0], 235, "AUTH")


class Fixture(same_mail.Fixture):
    def __init__(self):
        super().__init__(list(same_mail_pmta.MAIL.values()))


def compare(lab, name):
    host, site = ImportedHost(lab, name), same_mail_pmta.MAIL[name]
    report = host.load()
    rounds = [same_mail.play_round(lab, {"ours": host}, site, kind)
              for kind in same_mail.ROUNDS]
    wanted = {r: same_mail.Row(*m.row(r)) for m in site.mail for r in m.rcpts}
    same_mail.judge(site, report, wanted,
                    same_mail.table(site, rounds, "ours"))


@tap.test("newsletters: virtual MTAs and pools")
def newsletters(lab):
    compare(lab, "newsletters")


@tap.test("queues of several domains, and a rollup by address")
def replies(lab):
    compare(lab, "replies")


@tap.test("customers who sign in, and mail for those who do not")
def customers(lab):
    compare(lab, "customers")


@tap.test("old names, a route, and no name of the host's own")
def old(lab):
    compare(lab, "old")


@tap.test("what is left of a broken one")
def broken(lab):
    compare(lab, "broken")


tap.main(Fixture)
