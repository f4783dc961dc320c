#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mailrace why names all that keeps mail waiting: each kind of reason is made
to happen, with its numbers, its line of the configuration and its end; after
the time that it names the mail moves within a second, or there is a new
reason."""

import netns
netns.enter()

import time

import tap
from lab import Lab, mx_zone

CONFIG = """
ip-connection-limit 127.0.1.5/32 1
mx-connection-limit mx.host.example 1
<virtual-mta small>
    smtp-source-host 127.0.0.11 small.mta.example
    max-smtp-msg-rate 1/2s
</virtual-mta>
<virtual-mta both>
    smtp-source-host 127.0.0.12 both.mta.example
</virtual-mta>
<virtual-mta-pool group>
    virtual-mta both
</virtual-mta-pool>
<provider both>
    domain other.example
</provider>
<source 127.0.0.1>
    process-x-virtual-mta yes
    process-x-job yes
</source>
<domain *>
    retry-after 1h
    retry-recipients-after 1h
</domain>
<domain rate.example>
    max-msg-rate 1/2s
</domain>
<domain slow.example>
    max-smtp-out 1
</domain>
<virtual-mta pooled>
    smtp-source-host 127.0.0.13 pooled.mta.example
</virtual-mta>
<virtual-mta-pool scarce>
    virtual-mta pooled
    max-smtp-msg-rate 1/4s
</virtual-mta-pool>
<provider big>
    domain prov.example
    max-msg-rate 1/4s
</provider>
<domain data.example>
    max-data-volume-rate 1k/4s
</domain>
<domain fresh.example>
    max-connect-rate 1/5s
    max-msg-per-connection 1
</domain>
<job slow-*>
    max-msg-rate 1/3s
</job>
<domain source.example>
    source-ip-max-msg-rate 127.0.0.0/8 1/5s
</domain>
"""
# Domain, virtual MTA, and what holds the second or third message.
LIMITS = (
    ("prov", None, dict(scope="provider", name="big", limit="messages",
                        directive="max-msg-rate", value="1/4s")),
    ("pool", "pooled", dict(scope="pool", name="scarce", limit="messages",
                            directive="max-smtp-msg-rate", value="1/4s")),
    ("data", None, dict(scope="queue", limit="data", value="1k/4s",
                        directive="max-data-volume-rate")),
    ("fresh", None, dict(scope="queue", limit="connects", value="1/5s",
                         directive="max-connect-rate")),
    ("source", None, dict(scope="source address", limit="messages",
                          directive="source-ip-max-msg-rate",
                          value="127.0.0.0/8 1/5s")),
)
ZONE = ("".join(mx_zone(d + ".example", ("mx.in.example", "127.0.1.1"))
                for d in ("rate", "free", "stop", "job", "prov", "pool",
                          "data", "fresh", "source")) +
        mx_zone("slow.example", ("mx.slow.example", "127.0.1.2")) +
        "".join(mx_zone("%s%d.example" % (d, i), ("mx.%s.example" % d, ip))
                for i in range(2)
                for d, ip in (("far", "127.0.1.5"), ("host", "127.0.1.6"))) +
        mx_zone("later.example", ("mx.later.example", "127.0.1.3")) +
        mx_zone("no.example", ("mx.no.example", "127.0.1.4")) +
        mx_zone("down.example", ("mx.down.example", "127.0.1.9")))
RECEIVERS = [
    {"listen": ["127.0.1.1:25"]},
    {"listen": ["127.0.1.2:25"], "rules": [
        {"at": "dot", "delay": 2, "action": "pass"}]},
    {"listen": ["127.0.1.5:25", "127.0.1.6:25"], "rules": [
        {"at": "dot", "delay": 3, "action": "pass"}]},
    {"listen": ["127.0.1.3:25"], "rules": [
        {"at": "rcpt", "reply": "451 4.2.1 come back later"}]},
    {"listen": ["127.0.1.4:25"], "rules": [
        {"at": "connect", "reply": "421 4.7.0 not now"}]},
]
PATIENCE_S = 10


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, with_postfix=False,
                         with_milter=False, receivers=RECEIVERS)

    def __enter__(self):
        self.start()
        return self

    def send(self, rcpt, vmta=None, job=None):
        """The number of the message."""
        headers = [("X-Virtual-MTA", vmta)] if vmta else []
        headers += [("X-Job", job)] if job else []
        return self.inject(rcpt, headers=headers)[0][1].split()[-1]

    def why(self, what, *options):
        return self.command.json("why", what, *options)

    def line_of(self, text):
        with open(self.config) as f:
            return [i for i, x in enumerate(f, 1) if x.strip() == text][0]


def reasons(lab, what, **wanted):
    """Those that have these values."""
    return [r for row in lab.why(what)["rows"] for r in row["reasons"]
            if all(r.get(k) == v for k, v in wanted.items())]


def wait_reason(lab, what, **wanted):
    """Rows appear when a queue has something that waits."""
    def find():
        r = lab.command.run("why", what, "--json")
        return r.returncode == 0 and reasons(lab, what, **wanted)
    r = tap.wait_for(find, PATIENCE_S, "%s waits for %s" % (what, wanted))[0]
    r["seen"] = time.monotonic()
    return r


def refused(lab, *args):
    r = lab.command.run("why", *args)
    tap.equal(r.returncode, 1, "exit status of why %s: %s" % (args, r.stdout))
    return r.stderr


def keeps_promise(lab, what, reason, moved):
    """Within a second after its end something has moved, or why says more."""
    ends = reason["seen"] + reason["in_s"]
    # Of a period of 5 s; rounded up, so that it is never said too early.
    tap.check(reason["in_s"] <= 6, "it is for later: %s" % reason)
    time.sleep(max(0, ends - time.monotonic()))
    end = max(ends, time.monotonic()) + 1
    while time.monotonic() < end:
        if moved():
            return
        if lab.command.run("why", what).returncode != 0:
            return  # nothing is queued any more
        now = reasons(lab, what, holds=True)
        if not any(r.get("until") == reason["until"] for r in now):
            return
        time.sleep(0.05)
    raise tap.Failed("nothing has moved: %s" % reasons(lab, what))


@tap.test("a rate of a queue: its numbers, its line, and it ends when it says")
def rate(lab):
    for i in range(3):
        lab.send("r%d@rate.example" % i)
    lab.wait_arrived("r0@rate.example")
    r = wait_reason(lab, "rate.example", kind="limit")
    tap.equal((r["directive"], r["scope"], r["limit"], r["used"], r["max"],
               r["left"], r["value"]),
              ("max-msg-rate", "queue", "messages", 1, 1, 0, "1/2s"), str(r))
    tap.equal((r["file"], r["line"]), (lab.config, lab.line_of(
        "max-msg-rate 1/2s")), "its line")
    tap.check("<domain rate.example>" in r["block"], str(r))
    for n in (1, 2):
        r = wait_reason(lab, "rate.example/*", kind="limit")
        keeps_promise(lab, "rate.example", r,
                      lambda: lab.arrived("r%d@rate.example" % n))
        lab.wait_arrived("r%d@rate.example" % n)


@tap.test("the same in words")
def in_words(lab):
    lab.send("w1@rate.example")
    lab.send("w2@rate.example")
    wait_reason(lab, "rate.example", kind="limit")
    text = lab.command.text("why", "rate.example")
    for part in ("max-msg-rate of the queue", "1 of 1 recipients in 2s",
                 "; ends 20", " (in ", "set in %s:" % lab.config,
                 "in <domain rate.example>"):
        tap.check(part in text, "%r is not in %s" % (part, text))
    column = lab.command.json("show", "queues", "rate.example")["queues"][0]
    tap.equal(column["waits_for"], "max-msg-rate", "show queues")


@tap.test("connections of a queue, and what is being sent; a message of it")
def connections(lab):
    first = lab.send("s0@slow.example")
    tap.wait_for(lambda: reasons(lab, "message:" + first, kind="sending"), 10,
                 "it is being sent")
    second = lab.send("s1@slow.example")
    r = wait_reason(lab, "slow.example", kind="limit", limit="connections")
    tap.equal((r["directive"], r["used"], r["max"], r["line"]),
              ("max-smtp-out", 1, 1, lab.line_of("max-smtp-out 1")), str(r))
    rows = lab.why(second)["rows"]
    tap.equal([(x["to"], x["queue"], x["sending"], x["go"]) for x in rows],
              [("s1@slow.example", "slow.example/{default}", False, False)],
              str(rows))
    lab.wait_arrived("s1@slow.example")
    tap.check("has ended" in refused(lab, second), "a message that has gone")


@tap.test("a virtual MTA: its limit, and the queues that wait for it")
def vmta(lab):
    for i in range(3):
        lab.send("v%d@free.example" % i, vmta="small")
    lab.wait_arrived("v0@free.example")
    answer = tap.wait_for(
        lambda: (lambda a: a["held"] == 1 and a)(lab.why("small")), 10, "held")
    r = [x for x in answer["limits"] if x["kind"] == "limit"][0]
    r["seen"] = time.monotonic()
    tap.equal((answer["of"], answer["go"], r["directive"], r["name"],
               r["line"]), ("vmta", False, "max-smtp-msg-rate", "small",
                            lab.line_of("max-smtp-msg-rate 1/2s")), str(r))
    tap.equal([x["queue"] for x in answer["rows"]], ["free.example/small"],
              "queues")
    keeps_promise(lab, "free.example/small", r,
                  lambda: lab.arrived("v1@free.example"))
    lab.wait_arrived("v2@free.example")


@tap.test("who is not next at a shared limit: its place, and the earliest time")
def later(lab):
    for domain in ("free", "job", "stop"):
        lab.send("n@%s.example" % domain, vmta="small")
    r = tap.wait_for(
        lambda: [r for row in lab.why("vmta:small")["rows"]
                 for r in row["reasons"] if r.get("not_before_in_s", 0) > 1],
        PATIENCE_S, "one that is not next")[0]
    text = lab.command.text("why", "vmta:small")
    tap.check("until" not in r and 2 <= r["place"] <= r["waiting"], str(r))
    tap.equal((r["ends_when"], r["name"]), ("it has its turn there", "small"),
              str(r))
    for part in ("; ends when it has its turn there, not before 20",
                 ", number %d of " % r["place"], " in the line, or later"):
        tap.check(part in text, "%r is not in %s" % (part, text))
    for domain in ("free", "job", "stop"):
        lab.wait_arrived("n@%s.example" % domain)


@tap.test("limits of providers, pools, sources; of bytes, of new connections")
def limits(lab):
    for n in range(2):
        for domain, vmta, _ in LIMITS:
            lab.send("l%d@%s.example" % (n, domain), vmta=vmta)
    found = [(domain + ".example", wanted, wait_reason(
        lab, domain + ".example", kind="limit", **wanted))
        for domain, _, wanted in LIMITS]
    answer = lab.why("provider:big")
    tap.equal((answer["held"], [x["queue"] for x in answer["rows"]]),
              (1, ["prov.example/{default}"]), str(answer))
    for queue, wanted, r in found:
        tap.equal(r["line"], lab.line_of("%s %s" % (
            wanted["directive"], wanted["value"])), queue)
        tap.check(0 < r["used"] <= r["max"] and 3 < r["period_s"] < 6, str(r))
        keeps_promise(lab, queue, r, lambda: lab.arrived("l1@" + queue))


@tap.test("limits of remote hosts and addresses")
def remote(lab):
    for domain in ("far", "host"):
        for i in range(2):
            lab.send("x@%s%d.example" % (domain, i))
    for domain, scope, name, directive, value in (
            ("far", "remote address", "127.0.1.5", "ip-connection-limit",
             "127.0.1.5/32 1"),
            ("host", "MX host", "mx.host.example", "mx-connection-limit",
             "mx.host.example 1")):
        r = wait_reason(lab, "%s?.example" % domain, kind="limit", scope=scope)
        tap.equal((r["name"], r["directive"], r["line"], r["used"], r["max"]),
                  (name, directive, lab.line_of(directive + " " + value), 1,
                   1), str(r))
    answer = lab.why("127.0.1.5")
    tap.equal((answer["of"], answer["held"], answer["go"]), ("ip", 1, False),
              str(answer))


@tap.test("an operator's pause, a queue that failed, one that was deferred")
def states(lab):
    lab.command.text("pause", "queue", "stop.example")
    stopped, _, later, refused_all = [
        lab.send("x@%s.example" % domain)
        for domain in ("stop", "down", "later", "no")]
    r = wait_reason(lab, "stop.example", kind="paused")
    tap.check("until" not in r and
              r["ends_when"] == "an operator resumes it", "its end: %s" % r)
    r = wait_reason(lab, "down.example", kind="retry-after")
    tap.check(3500 < r["in_s"] <= 3600 and r["directive"] == "retry-after" and
              r["line"] == lab.line_of("retry-after 1h"), str(r))
    tap.check(r["text"] != "", "what happened: %s" % r)
    r = wait_reason(lab, "no.example", kind="retry-after")
    tap.check("421 4.7.0 not now" in r["text"], "the last reply: %s" % r)
    r = wait_reason(lab, "later.example", kind="deferred")
    tap.check(3500 < r["in_s"] <= 3600, str(r))
    row = lab.why(later)["rows"][0]
    last = row["last_reply"]
    tap.equal([last[k] for k in ("of", "code", "text", "host", "address")],
              ["recipient", 451, "451 4.2.1 come back later",
               "mx.later.example", "127.0.1.3"], str(row))
    tap.check(last["when"].startswith("20") and last["when"] < row["next"],
              "when: %s" % row)
    tap.equal([r["text"] for r in row["reasons"] if r["kind"] == "deferred"],
              ["451 4.2.1 come back later"], "what deferred it")
    text = lab.command.text("why", later)
    tap.check("last reply of mx.later.example [127.0.1.3], 20" in text and
              "said: 451 4.2.1 come back later" in text, text)
    row = lab.why("queue:later.example")["rows"][0]
    tap.equal((row["last_reply"], [r["text"] for r in row["reasons"]]),
              (last, ["451 4.2.1 come back later"]), "the same of its queue")
    last = lab.why(refused_all)["rows"][0]["last_reply"]
    tap.check(last["of"] == "queue" and "421 4.7.0 not now" in last["text"],
              "of one that was not tried: %s" % last)
    text = lab.command.text("why", refused_all)
    tap.check("last reply known is its queue's: " in text, text)
    tap.check(lab.why(stopped)["rows"][0]["last_reply"] is None, "of none")
    text = lab.command.text("why", "no.example")
    tap.check("said: " in text and "not now" in text, text)
    lab.command.text("resume", "queue", "stop.example")
    lab.wait_arrived("x@stop.example")


@tap.test("names that could be several things, and those that are not there")
def names(lab):
    error = refused(lab, "both")
    tap.check("vmta:both or provider:both" in error, error)
    tap.equal(lab.why("vmta:both")["of"], "vmta", "vmta:both")
    tap.equal(lab.why("provider:both")["of"], "provider", "provider:both")
    tap.equal(lab.why("group")["of"], "pool", "group")
    answer = lab.why("127.0.0.11")
    tap.equal((answer["of"], answer["vmtas"]), ("ip", ["small"]), str(answer))
    for what, part in (("smal", "the nearest name is small"),
                       ("vmta:smll", "the nearest name is small"),
                       ("latr.example", "the nearest name is later.example"),
                       ("job:none", "nothing is queued for job none"),
                       ("192.0.2.99", "no virtual MTA sends from"),
                       ("0123456789ABCDEF", "is not queued")):
        error = refused(lab, what)
        tap.check(part in error, "%s: %s" % (what, error))


@tap.test("a job: where its mail is")
def job(lab):
    lab.command.text("pause", "queue", "job.example")
    lab.send("j1@job.example", job="news")
    lab.send("j2@job.example")
    answer = tap.wait_for(lambda: lab.command.run(
        "why", "news", "--json").returncode == 0 and lab.why("news"), 10,
        "the job")
    tap.equal((answer["of"], answer["recipients"],
               [x["queue"] for x in answer["rows"]]),
              ("job", 1, ["job.example/{default}"]), str(answer))
    tap.equal([r["kind"] for r in answer["rows"][0]["reasons"]], ["paused"],
              "reasons of its queue")
    lab.command.text("resume", "queue", "job.example")
    lab.wait_arrived("j2@job.example")


@tap.test("a job's own limit, for its mail and no other's")
def job_limit(lab):
    lab.send("a@free.example", job="slow-1")
    lab.wait_arrived("a@free.example")
    second = lab.send("b@free.example", job="slow-1")
    r = wait_reason(lab, second, kind="limit", scope="job")
    tap.equal((r["name"], r["directive"], r["value"], r["line"]),
              ("slow-1", "max-msg-rate", "1/3s",
               lab.line_of("max-msg-rate 1/3s")), str(r))
    answer = lab.why("job:slow-1")
    tap.equal((answer["go"], answer["recipients"]), (False, 1), str(answer))
    of_queue = wait_reason(lab, "queue:free.example", scope="job")
    tap.equal((of_queue["until"], of_queue["recipients"], r["until"]),
              (answer["limits"][0]["until"], 1, of_queue["until"]),
              "its end is told of its queue, and of the message")
    lab.send("d@job.example", job="slow-1")
    r = wait_reason(lab, "queue:job.example", scope="job")
    tap.check((r["place"], r["waiting"]) == (2, 2) and "until" not in r and
              r["not_before"] > of_queue["until"], "the second: %s" % r)
    lab.send("c@free.example")
    lab.wait_arrived("c@free.example")
    r = [x for x in answer["limits"] if x["kind"] == "limit"][0]
    r["seen"] = time.monotonic()
    keeps_promise(lab, second, r, lambda: lab.arrived("b@free.example"))
    lab.wait_arrived("d@job.example")


@tap.test("a name that is no UTF-8 does not end the daemon")
def no_utf8(lab):
    with open(lab.config, "ab") as f:
        f.write(b"<virtual-mta odd\xe9>\n"
                b"    smtp-source-host 127.0.0.14 odd.mta.example\n"
                b"</virtual-mta>\n"
                b"<source 127.0.0.99>\n    default-virtual-mta odd\xe9\n"
                b"</source>\n")
    lab.command.text("reload")
    lab.inject("a@down.example", client="127.0.0.99")
    queues = [r["queue"] for r in lab.why("queue:down.example")["rows"]]
    tap.check("down.example/odd\ufffd" in queues, str(queues))


tap.main(Fixture)
