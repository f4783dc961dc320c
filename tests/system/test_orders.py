#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the operator orders for jobs is answered when it is durable: it holds
over a reload, a restart and a kill -9, until it is taken back."""

import netns
netns.enter()

import tap
from lab import Lab, mx_zone

CONFIG = """
<source 127.0.0.1>
    process-x-job yes
</source>
<domain *>
    retry-after 1h
    bounce-after 1d
</domain>
"""
DOMAINS = ("a.example", "b.example")
ZONE = "".join(mx_zone(d, ("mx." + d, "127.0.1.1")) for d in DOMAINS)


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, with_postfix=False,
                         with_milter=False,
                         receivers=[{"listen": ["127.0.1.1:25"]}])

    def __enter__(self):
        self.start()
        return self

    def send(self, rcpt, job=None):
        self.inject(rcpt, headers=[("X-Job", job)] if job else [])

    def restart(self):
        tap.equal(self.daemon.stop(), 0, "exit status")
        self.daemon.start()

    def kill(self):
        self.daemon.kill()
        self.daemon.start()

    def reload(self):
        self.command.text("reload")

    def queue(self, domain):
        rows = self.command.json("show", "queues", domain)["queues"]
        return rows[0] if rows else None

    def waits(self, rcpt, domain, reason):
        """It is still queued, and `why` says for what."""
        tap.wait_for(lambda: self.queue(domain), 20, "the queue is back")
        tap.check(not self.arrived(rcpt), "%s was sent" % rcpt)
        said = self.command.text("why", domain)
        tap.check(reason in said, said)


@tap.test("a paused job waits, and other mail of its queue goes")
def pause_job(lab):
    tap.equal(lab.command.text("pause", "job", "news-?"),
              "Job(s) paused.\n", "text")
    lab.send("one@a.example", "news-1")
    lab.send("two@a.example", "mail")
    lab.send("three@a.example")
    lab.wait_arrived("two@a.example")
    lab.wait_arrived("three@a.example")
    lab.waits("one@a.example", "a.example",
              "The job was paused by an operator (news-1)")
    tap.equal(lab.queue("a.example")["waits_for"], "paused job", "waits for")
    jobs = lab.command.json("show", "jobs")["jobs"]
    tap.equal([(j["job"], j["paused"]) for j in jobs], [("news-1", True)],
              "show jobs")
    tap.check("news-1" in lab.command.text("why", "job:news-1"), "why job:")


@tap.test("it waits over a reload, a restart and a kill -9")
def pause_survives(lab):
    for i, end in enumerate((lab.reload, lab.restart, lab.kill)):
        end()
        lab.waits("one@a.example", "a.example", "job was paused")
        new = "new%d@b.example" % i
        lab.send(new, "news-2")
        lab.send("go%d@b.example" % i, "news")
        lab.wait_arrived("go%d@b.example" % i)
        lab.waits(new, "b.example", "news-2")


@tap.test("kill -9 right after the answer keeps a resume")
def resume_job(lab):
    tap.equal(lab.command.json("resume", "job", "news-1"),
              {"job": "news-1", "paused": False}, "JSON")
    lab.daemon.kill()
    lab.daemon.start()
    lab.wait_arrived("one@a.example")
    lab.waits("new0@b.example", "b.example", "news-2")
    lab.command.text("resume", "job", "*")
    for i in range(3):
        lab.wait_arrived("new%d@b.example" % i)
    lab.settled()
    tap.equal([r["jobId"] for r in lab.accounting("d")
               if r["rcpt"] == "one@a.example"], ["news-1"], "one record")


HOSTILE = (b'{"command": "pause job"}',
           b'{"command": "pause job", "job": ""}',
           b'{"command": "pause job", "job": "a b"}',
           b'{"command": "pause job", "job": "a\\n*"}',
           b'{"command": "pause job", "job": {}}',
           b'{"command": "resume job", "job": "\\u001b"}',
           b'{"command": "pause job", "job": "' + b"x" * 5000 + b'"}')


@tap.test("hostile words are refused and change nothing")
def hostile(lab):
    for line in HOSTILE:
        answer = lab.ask(line)
        tap.check("error" in answer, "%r: %s" % (line[:60], answer))
    for words in (["pause", "job"], ["pause", "job", ""]):
        tap.equal(lab.command.run(*words).returncode, 2, str(words))
    lab.send("last@a.example", "a")
    lab.wait_arrived("last@a.example")


tap.main(Fixture)
