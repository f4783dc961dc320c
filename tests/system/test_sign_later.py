#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""dkim-sign is a setting of the destination: a message to several that differ
is signed when it is sent, and right for each of them; from memory and from the
spool, by the settings of then."""

import netns
netns.enter()

import signatures
import smtp_client
import tap
from lab import Lab, mx_zone

KEYS = "domain-key s1, brand.example, {keys}/s1.brand.example.pem\n"
REST = """
<virtual-mta own>
    smtp-source-host 127.0.0.11 own.mta.example
    domain-key s2, brand.example, {keys}/s2.brand.example.pem
</virtual-mta>
<virtual-mta other>
    smtp-source-host 127.0.0.12 other.mta.example
    domain-key s3, brand.example, {keys}/s3.brand.example.pem
</virtual-mta>
<virtual-mta-pool both>
    virtual-mta own
    virtual-mta other
</virtual-mta-pool>
<domain *>
    retry-recipients-after 2s
</domain>
<domain yes.example>
    dkim-sign yes
</domain>
<domain no.example>
    dkim-sign no
</domain>
<domain simple.example>
    dkim-sign yes
    dkim-headers-canon simple
    dkim-body-canon simple
    dkim-add-body-limit yes
    dkim-add-timestamp yes
</domain>
<domain own.example>
    dkim-sign yes
    vmta own
</domain>
<domain two.example>
    dkim-sign yes
    second-dkim-sign yes
    second-dkim-body-canon simple
</domain>
<source 127.0.0.1>
    process-x-virtual-mta yes
    process-x-dkim-options yes
</source>
"""
DOMAINS = {  # the selectors of what each gets
    "yes.example": ["s1"],
    "no.example": [],
    "simple.example": ["s1"],
    "own.example": ["s2"],
    "two.example": ["s1", "s1"],
}
ZONE = "".join(mx_zone(d, ("mx1.in.example", "127.0.1.1")) for d in DOMAINS)


class Fixture(Lab):
    def __init__(self):
        super().__init__(
            zone=ZONE, config=KEYS + REST,
            dkim=[("s1", "brand.example"), ("s2", "brand.example"),
                  ("s3", "brand.example")],
            receivers=[{"listen": ["127.0.1.1:25"]}])

    def __enter__(self):
        self.start()
        return self

    def order(self, verb):
        self.command.text(verb, "queue", "*/*")

    def reconfigure(self, config):
        self.write_config(config)
        self.command.text("reload")


BODY = "Gr\u00fc\u00dfe. \t \n\n" + 3000 * "l" + "\n.\nend\n\n\n"
FIELDS = [("MIME-Version", "1.0"), ("X-Odd", "a\r\n\t b"),
          ("List-Unsubscribe", "<https://brand.example/u>"),
          ("Content-Type", "text/plain; charset=utf-8"),
          ("Content-Transfer-Encoding", "8bit")]


def rcpts_of(user):
    return ["%s@%s" % (user, d) for d in DOMAINS]


def by_postfix(user, **compose):
    rcpts = rcpts_of(user)
    with smtp_client.Client(("127.0.0.1", 25)) as c:
        c.hello()
        _, dots = c.send("a@brand.example", rcpts, smtp_client.compose(
            "a@brand.example", rcpts[0], body=BODY, headers=FIELDS,
            **compose), params=" BODY=8BITMIME")
        tap.check(dots and dots[0][0] == 250, str(dots))


def judge(lab, rcpt, selectors):
    """What arrived there, if its signatures are those, and good."""
    message = lab.wait_arrived(rcpt, 30)
    octets = lab.stored(message)
    tags = signatures.tags_of(octets)
    tap.equal([t["s"] for t in tags], selectors, "signatures for " + rcpt)
    if selectors:
        tap.check(signatures.verify(octets, lab.txt, "brand.example"),
                  "dkimpy refuses it for " + rcpt)
    tap.check("SIZE=%d" % len(octets) in message["params"].split(),
              "%s, and %d octets came" % (message["params"], len(octets)))
    row = lab.wait_record("d", rcpt)
    tap.equal(int(row["dlvSize"]), len(octets), "dlvSize")
    return tags


def judge_all(lab, user):
    return {d: judge(lab, "%s@%s" % (user, d), s) for d, s in DOMAINS.items()}


def last_accepted(lab):
    return [line for line in lab.daemon.log_text().splitlines()
            if " accepted " in line][-1]


@tap.test("by way of the milter: each destination as it wants it",
          proves=("domain dkim-sign", "domain second-dkim-sign",
                  "domain dkim-add-body-limit"))
def by_milter(lab):
    by_postfix("m")
    tags = judge_all(lab, "m")
    tap.equal([t["c"] for t in tags["yes.example"]], ["relaxed/relaxed"], "c=")
    simple = tags["simple.example"][0]
    tap.equal(simple["c"], "simple/simple", "c=")
    tap.check(simple["l"].isdigit() and simple["t"].isdigit(), str(simple))
    tap.equal([t["c"] for t in tags["two.example"]],
              ["relaxed/relaxed", "relaxed/simple"], "c= of two")
    tap.check("policy=milter" in last_accepted(lab), last_accepted(lab))
    tap.check("dkim=later" in lab.milter.log_text(), "the milter's log")


@tap.test("without the milter")
def at_ingress(lab):
    lab.inject(rcpts_of("i"), sender="a@brand.example", body=BODY,
               headers=FIELDS)
    judge_all(lab, "i")
    tap.check("policy=ingress" in last_accepted(lab), last_accepted(lab))


@tap.test("where they agree it is signed at once")
def at_once(lab):
    before = lab.milter.log_text().count("dkim=later")
    with smtp_client.Client(("127.0.0.1", 25)) as c:
        c.hello()
        c.send("a@brand.example", ["1@yes.example", "2@yes.example"],
               smtp_client.compose("a@brand.example", "1@yes.example"))
    judge(lab, "1@yes.example", ["s1"])
    tap.equal(lab.milter.log_text().count("dkim=later"), before, "later")


@tap.test("what the message asks for is known at delivery, too",
          proves="source process-x-dkim-options")
def options(lab):
    by_postfix("o", subject="options")
    judge_all(lab, "o")
    with smtp_client.Client(("127.0.0.1", 25)) as c:
        c.hello()
        c.send("a@brand.example", rcpts_of("x"), smtp_client.compose(
            "a@brand.example", "x@yes.example",
            headers=[("X-DKIM-Options", "s=s1; i=news@brand.example")]))
    tags = judge(lab, "x@yes.example", ["s1"])
    tap.equal(tags[0]["i"], "news@brand.example", "i=")
    octets = lab.stored(lab.arrived("x@yes.example")[0])
    tap.check(b"X-DKIM-Options" not in octets, "the field is still there")


@tap.test("by the key of that member of a pool which sends it")
def pool(lab):
    for i in range(4):
        rcpt = "pool%d@yes.example" % i
        lab.inject(rcpt, sender="a@brand.example",
                   headers=[("X-Virtual-MTA", "both")])
        peer = lab.wait_arrived(rcpt)["peer"]
        judge(lab, rcpt, [{"127.0.0.11": "s2", "127.0.0.12": "s3"}[peer]])
    tap.equal({m["peer"] for m in lab.messages()
               if m["rcpts"][0].startswith("pool")},
              {"127.0.0.11", "127.0.0.12"}, "both have sent")


@tap.test("options larger than an envelope's string do no harm")
def huge_options(lab):
    rcpts = rcpts_of("h")
    lab.inject(rcpts, sender="a@brand.example",
               headers=[("X-DKIM-Options", "s=s1;" + 70000 * "x")])
    judge(lab, "h@simple.example", ["s1"])
    judge(lab, "h@no.example", [])


@tap.test("from the spool after a crash; by the settings after a reload")
def spool(lab):
    lab.order("pause")
    by_postfix("c")
    tap.wait_for(lambda: lab.audit().queued == len(DOMAINS), 20, "queued")
    lab.daemon.kill()
    text = lab.command.text("queue", "verify", "--recover")
    tap.check(" 0 damages." in text, text)
    lab.daemon.start()
    lab.reconfigure(KEYS.replace("s1", "s3") +
                    REST.replace("dkim-add-timestamp yes", "") +
                    "<domain yes.example>\ndkim-body-canon simple\n</domain>\n")
    lab.order("resume")
    for domain, selectors in DOMAINS.items():
        want = [s.replace("s1", "s3") for s in selectors]
        tags = judge(lab, "c@" + domain, want)
        if domain == "yes.example":
            tap.equal(tags[0]["c"], "relaxed/simple", "c=")
        if domain == "simple.example":
            tap.check("t" not in tags[0], str(tags))


@tap.test("a key that has gone: it waits, says why, and is never sent without")
def key_gone(lab):
    lab.order("pause")
    by_postfix("k")
    tap.wait_for(lambda: lab.audit().queued == len(DOMAINS), 20, "queued")
    lab.reconfigure("domain-key s1, other.example, "
                    "{keys}/s1.brand.example.pem\n" + REST)
    lab.order("resume")
    judge(lab, "k@no.example", [])
    judge(lab, "k@own.example", ["s2"])
    for domain in ("yes.example", "simple.example", "two.example"):
        row = lab.wait_record("t", "k@" + domain)
        tap.check("no key for the DKIM signature" in row["dsnDiag"], str(row))
        tap.check(row["dsnStatus"].startswith("4.3.0"), row["dsnStatus"])
    text = lab.command.text("why", "yes.example")
    tap.check("no key for the DKIM signature of a@brand.example" in text, text)
    lab.reconfigure(KEYS + REST)
    judge_all(lab, "k")


@tap.test("dkim-sign no after a reload: sent without, since that is wanted")
def not_any_more(lab):
    lab.order("pause")
    by_postfix("n")
    tap.wait_for(lambda: lab.audit().queued == len(DOMAINS), 20, "queued")
    lab.reconfigure(KEYS + REST.replace("<domain yes.example>\n"
                                        "    dkim-sign yes",
                                        "<domain yes.example>\n"
                                        "    dkim-sign no"))
    lab.order("resume")
    judge(lab, "n@yes.example", [])
    judge(lab, "n@simple.example", ["s1"])


tap.main(Fixture)
