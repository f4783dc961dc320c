#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What waits comes back from its segment as it came; a body damaged on the
disk fails with 5.3.0, and a message without envelope stays queued until it is
too old."""

import netns
netns.enter()

import glob

import tap
from lab import Lab, mx_zone

WAIT_S = 3
CONFIG = """
<domain *>
    retry-after %ds
    retry-recipients-after %ds
</domain>
<domain old.example>
    bounce-after %ds
</domain>
""" % (WAIT_S, WAIT_S, 2 * WAIT_S)
ZONE = "".join(mx_zone(d, ("mx." + d, "127.0.1.1"))
               for d in ("in.example", "old.example"))
BODY = "Where does it go\n.when it waits?\n"


class Fixture(Lab):
    acct_sync = True

    def __init__(self):
        super().__init__(
            zone=ZONE, config=CONFIG, with_postfix=False, with_milter=False,
            receivers=[{"listen": ["127.0.1.1:25"], "rules": [
                {"at": "rcpt", "match": "<", "count": 1, "per": "value",
                 "reply": "451 4.2.1 later"}]}])

    def __enter__(self):
        self.start()
        return self


def damage(lab, text, size):
    """Turns the bits of `size` bytes at a text that is in one segment."""
    for path in glob.glob(lab.path("spool", "seg", "*")):
        with open(path, "r+b") as f:
            at = f.read().find(text.encode())
            if at == -1:
                continue
            f.seek(at)
            old = f.read(size)
            f.seek(at)
            f.write(bytes(b ^ 0xff for b in old))
            return
    raise AssertionError("%s is in no segment" % text)


def queue_id(dots):
    return dots[0][1].split("queued as ")[1].strip()


def unreadable(lab, number):
    return [line for line in lab.daemon.log_text().splitlines()
            if "message-unreadable" in line and number in line]


@tap.test("deferred, it is sent again whole: sender, recipients, parameters")
def whole(lab):
    lab.inject(["a@in.example", "b@in.example"],
               sender="whole@sender.example", body=BODY,
               params=" ENVID=env+2B1+3D")
    lab.wait_record("t", "b@in.example")
    m = lab.wait_arrived("b@in.example")
    tap.equal(sorted(m["rcpts"]), ["a@in.example", "b@in.example"], "RCPT")
    tap.equal(m["sender"], "whole@sender.example", "MAIL FROM")
    tap.check(BODY.replace("\n", "\r\n").encode() in lab.stored(m), "body")
    r = lab.wait_record("d", "b@in.example")
    tap.equal((r["orig"], r["envId"]), ("whole@sender.example", "env+1="),
              "accounting")


@tap.test("after a restart as well, one by one")
def again(lab):
    names = ["r%d@in.example" % i for i in range(20)]
    for name in names:
        lab.inject(name, sender="of-" + name, body="This is for %s.\n" % name)
    lab.wait_record("t", names[-1])
    lab.daemon.stop()
    lab.daemon.start()
    for name in names:
        m = lab.wait_arrived(name)
        tap.equal((m["sender"], m["rcpts"]), ("of-" + name, [name]), "envelope")
        tap.check(("This is for %s." % name).encode() in lab.stored(m), name)


@tap.test("a damaged body fails with 5.3.0, a damaged envelope stays queued")
def damaged(lab):
    body = queue_id(lab.inject("body@in.example", body="This will break.\n"))
    env = queue_id(lab.inject("env@in.example", sender="gone@s.example"))
    lab.inject("good@in.example")
    for name in ("body", "env", "good"):
        lab.wait_record("t", name + "@in.example")
    lab.daemon.stop()
    damage(lab, "This will break", 4)
    damage(lab, "gone@s.example", 4)
    lab.daemon.start()
    lab.wait_arrived("good@in.example")
    r = lab.wait_record("b", "body@in.example")
    tap.check(r["dsnStatus"].startswith("5.3.0"), r["dsnStatus"])
    tap.check("damaged" in r["dsnDiag"], r["dsnDiag"])
    tap.check("in.example/{default}" in unreadable(lab, body)[0], body)
    line = tap.wait_for(lambda: unreadable(lab, env), 20, "its log line")[0]
    tap.check("stays queued" in line and "in.example/{default}" in line, line)
    tap.equal(lab.arrived("env@in.example"), [], "without envelope")
    tap.equal(lab.audit().queued, 1, "queued")


@tap.test("too old, a damaged envelope ends at once, with a record")
def too_old(lab):
    before = lab.audit()
    number = queue_id(lab.inject(["x@old.example", "y@old.example"],
                                 sender="lost@s.example"))
    lab.wait_record("t", "y@old.example")
    lab.daemon.kill()  # what is in memory is not read from the disk
    damage(lab, "lost@s.example", 4)
    lab.daemon.start()
    tap.wait_for(lambda: lab.audit().terminal["expired"] ==
                 before.terminal["expired"] + 2, 40, "two expire")
    tap.equal(lab.audit().queued, before.queued, "queued")
    rows = tap.wait_for(lambda: [r for r in lab.accounting("b") if
                                 number in r["dsnDiag"]], 20, "the records")
    tap.equal(sorted(r["dsnDiag"].split("; recipient ")[1][:1]
                     for r in rows), ["0", "1"], "recipients")
    for r in rows:
        tap.equal((r["orig"], r["rcpt"], r["queue"], r["timeQueued"],
                   r["bounceCat"]), ("", "", "old.example/{default}", "",
                                     "message-expired"), r)
    tap.check("expired" in unreadable(lab, number)[-1],
              unreadable(lab, number))


tap.main(Fixture)
