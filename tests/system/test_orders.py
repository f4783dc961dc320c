#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the operator orders for jobs, for the mode of queues and for their
sources is answered when it is durable: it holds over a reload, a restart and a
kill -9, until it is taken back."""

import netns
netns.enter()

import tap
from lab import Lab, mx_zone

CONFIG = """
<virtual-mta two>
    smtp-source-host 127.0.0.11 one.mta.example
    smtp-source-host 127.0.0.12 two.mta.example
</virtual-mta>
<source 127.0.0.1>
    process-x-job yes
    process-x-virtual-mta yes
</source>
<domain *>
    retry-after 1h
    bounce-after 1d
    max-msg-per-connection 1
    backoff-max-msg-rate 1/h
</domain>
"""
DOMAINS = ("a.example", "b.example", "c.example", "d.example")
ZONE = "".join(mx_zone(d, ("mx." + d, "127.0.1.1")) for d in DOMAINS)


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, with_postfix=False,
                         with_milter=False,
                         receivers=[{"listen": ["127.0.1.1:25"]}])

    def __enter__(self):
        self.start()
        return self

    def send(self, rcpt, job=None, vmta=None):
        headers = [("X-Job", job)] if job else []
        if vmta:
            headers.append(("X-Virtual-MTA", vmta))
        self.inject(rcpt, headers=headers)

    def sources(self, name):
        """Where four messages came from that are sent now, one by one."""
        seen = []
        for i in range(4):
            rcpt = "%s%d@d.example" % (name, i)
            self.send(rcpt, vmta="two")
            seen.append(self.wait_arrived(rcpt)["peer"])
        return sorted(seen)

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


@tap.test("set queue sets the mode of queues that are there")
def set_mode(lab):
    def mode():
        return lab.queue("c.example")["mode"]

    lab.send("first@c.example")
    lab.wait_arrived("first@c.example")
    tap.equal(lab.command.text("set", "queue", "--mode=backoff", "--dry-run",
                               "c.example"),
              "1 of 1 matching queues would be set to backoff.\n", "dry run")
    tap.equal(mode(), "normal", "a dry run did something")
    tap.equal(lab.command.text("set", "queue", "--mode=backoff", "c.*/*"),
              "1 of 1 matching queues set to backoff.\n", "text")
    row = lab.queue("c.example")
    tap.equal((row["mode"], row["mode_why"], row["mode_until"]),
              ("backoff", "an operator's order", "never"), str(row))
    tap.equal(lab.command.json("set", "queue", "--mode=backoff", "c.example"),
              {"changed": 0, "matching": 1, "dry_run": False}, "JSON")
    names = [q["name"] for q in lab.command.json(
        "show", "queues", "--mode=backoff")["queues"]]
    tap.equal(names, ["c.example/{default}"], "show queues --mode")


@tap.test("the mode and its limits hold over a reload, a restart, a kill -9")
def mode_survives(lab):
    lab.send("b0@c.example")
    lab.wait_arrived("b0@c.example")
    for i, end in enumerate((lab.reload, lab.restart, lab.kill)):
        lab.send("b%d@c.example" % (i + 1))
        end()
        lab.send("way%d@a.example" % i)
        lab.wait_arrived("way%d@a.example" % i)
        lab.waits("b1@c.example", "c.example", "max-msg-rate")
        tap.equal(lab.queue("c.example")["mode"], "backoff", "after %s" % end)
        tap.equal(lab.queue("a.example")["mode"], "normal", "after %s" % end)
    tap.equal(lab.command.text("set", "queue", "--mode=normal", "c.example"),
              "1 of 1 matching queues set to normal.\n", "text")
    lab.kill()
    for i in range(1, 4):
        lab.wait_arrived("b%d@c.example" % i)
    tap.equal(lab.command.json("show", "queues", "--mode=backoff")["matched"],
              0, "queues in backoff after the kill")


@tap.test("a disabled source sends nothing until it is enabled")
def disable(lab):
    one, two = "127.0.0.11", "127.0.0.12"
    tap.equal(lab.sources("all"), [one, one, two, two], "both in turn")
    lab.send("other@d.example")  # from 127.0.0.10
    lab.wait_arrived("other@d.example")
    tap.equal(lab.command.text("disable", "source", "--dry-run", one,
                               "d.example"),
              "1 of 2 matching queues would be kept from that address.\n",
              "dry run")
    tap.equal(lab.command.json("show", "disabled", "sources")["sources"], [],
              "a dry run did something")
    tap.equal(lab.command.text("disable", "source", one, "d.*"),
              "1 of 2 matching queues kept from that address.\n", "text")
    for i, end in enumerate((lab.reload, lab.restart, lab.kill)):
        end()
        tap.equal(lab.sources("off%d" % i), [two] * 4, "after %s" % end)
    rows = lab.command.json("show", "disabled", "sources", "d.*")["sources"]
    tap.equal(rows, [{"source": one, "queue": "d.example/two",
                      "until": "never", "why": "an operator's order"}], "rows")
    tap.equal(lab.command.text("enable", "source", one,
                               "d.example/two"),
              "1 of 1 matching queues given that address back.\n", "text")
    lab.kill()
    tap.equal(lab.sources("on"), [one, one, two, two], "both again")
    tap.equal(lab.command.json("show", "disabled", "sources")["matched"], 0,
              "none is disabled")


@tap.test("--reenable-after gives it back by itself, also after a kill -9")
def comes_back(lab):
    def off():
        return lab.command.text("show", "disabled", "sources")

    lab.command.text("disable", "source", "--reenable-after=4s", "127.0.0.12",
                     "d.example/two")
    lab.kill()
    tap.wait_for(lambda: "127.0.0.12" in off() and
                 "1 of 1 disabled sources." in off(), 3, "it is disabled")
    tap.wait_for(lambda: "127.0.0.12" not in off(), 20, "it is back")
    tap.equal(lab.sources("back").count("127.0.0.12"), 2, "it is used again")
    r = lab.command.run("disable", "source", "127.0.0.99", "*")
    tap.equal((r.returncode, "no matching queue sends from 127.0.0.99"
               in r.stderr), (1, True), r.stderr)


HOSTILE = (b'{"command": "pause job"}',
           b'{"command": "pause job", "job": ""}',
           b'{"command": "pause job", "job": "a b"}',
           b'{"command": "pause job", "job": "a\\n*"}',
           b'{"command": "pause job", "job": {}}',
           b'{"command": "resume job", "job": "\\u001b"}',
           b'{"command": "pause job", "job": "' + b"x" * 5000 + b'"}',
           b'{"command": "set queue", "queue": "*"}',
           b'{"command": "set queue", "mode": "backoff"}',
           b'{"command": "set queue", "queue": "", "mode": "backoff"}',
           b'{"command": "set queue", "queue": "*", "mode": "Backoff"}',
           b'{"command": "disable source", "queue": "*"}',
           b'{"command": "disable source", "queue": "*", "source": "x"}',
           b'{"command": "disable source", "queue": "*", "source": 7}',
           b'{"command": "disable source", "queue": "*", '
           b'"source": "127.0.0.11", "reenable-after": -1}',
           b'{"command": "disable source", "queue": "*", '
           b'"source": "127.0.0.11", "reenable-after": 9000000000000000000}',
           b'{"command": "enable source", "source": "127.0.0.11"}',
           b'{"command": "show disabled sources", "queue": "a b"}')


@tap.test("hostile words are refused and change nothing")
def hostile(lab):
    for line in HOSTILE:
        answer = lab.ask(line)
        tap.check("error" in answer, "%r: %s" % (line[:60], answer))
    for words in (["pause", "job"], ["pause", "job", ""],
                  ["set", "queue", "*"], ["disable", "source", "*"],
                  ["disable", "source", "127.0.0.300", "*"],
                  ["enable", "source", "127.0.0.11", ""]):
        tap.equal(lab.command.run(*words).returncode, 2, str(words))
    tap.equal([q["name"] for q in lab.command.json(
        "show", "queues", "--mode=backoff")["queues"]], [], "modes")
    tap.equal(lab.command.json("show", "disabled", "sources")["matched"], 0,
              "sources")
    lab.send("last@a.example", "a")
    lab.wait_arrived("last@a.example")


tap.main(Fixture)
