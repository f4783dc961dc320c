#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The pickup directory: each file is handed in once, whatever happens to
mailraced; what is refused is in BADDIR, with its reason; and what is not whole
yet is left alone."""

import netns
netns.enter()

import os
import subprocess
import time

import mailrace
import tap
from lab import Lab, mx_zone

CONFIG = """
pickup {root}/drop {root}/bad
pickup-remove-dot yes
<virtual-mta news>
    smtp-source-host 127.0.0.11 news.mta.example
</virtual-mta>
<source {pickup}>
    deny-sender denied@a.example
    max-rcpt-per-message 30
    disconnect-on-transient-error yes
    {more}
</source>
<domain *>
    retry-after 1s
    max-smtp-out 50
</domain>
<address-list unwanted>
    address out@in.example
</address-list>
suppression-lists unwanted
"""
ZONE = mx_zone("in.example", ("mx1.in.example", "127.0.1.1"))


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG.replace("{more}", ""),
                         with_postfix=False,
                         with_milter=False,
                         receivers=[{"listen": ["127.0.1.1:25"]}])
        for name in ("drop", "bad", "else"):
            os.mkdir(self.path(name))

    def __enter__(self):
        self.start()
        return self

    def configure(self, more):
        """Another <source {pickup}>."""
        self.write_config(CONFIG.replace("{more}", more))
        self.command.text("reload")

    def write(self, text, *where):
        with open(self.path(*where), "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())

    def drop(self, name, rcpts, sender="s@a.example", head="", body="x\n",
             into="drop"):
        """A file as a program makes it: elsewhere, then renamed."""
        text = "x-sender: %s\n%s%sSubject: %s\n\n%s" % (
            sender, "".join("x-receiver: %s\n" % r for r in rcpts), head,
            name, body)
        self.write(text, "else", name)
        os.rename(self.path("else", name), self.path(into, name))

    def left(self):
        """What is in the folder, taken or not."""
        return [n for d in (self.path("drop"), self.path("drop", ".mailrace"))
                for n in os.listdir(d) if n != ".mailrace"]

    def wait_gone(self):
        tap.wait_for(lambda: not self.left(), 30, "all files are gone")

    def bad(self, name):
        """(text, reason) of a file in BADDIR."""
        names = tap.wait_for(
            lambda: [n for n in os.listdir(self.path("bad"))
                     if n.startswith(name + ".") and
                     not n.endswith(".reason")], 20, name + " in BADDIR")
        tap.equal(len(names), 1, "in BADDIR")
        with open(self.path("bad", names[0])) as f, \
                open(self.path("bad", names[0] + ".reason")) as why:
            return f.read(), why.read()


@tap.test("a file: sender, recipients, virtual MTA and job of its head",
          proves="pickup")
def one(lab):
    lab.drop("one", ["a@in.example", "b@in.example"],
             head="x-job: j1\nx-virtual-mta: news\nx-envid: e1\n")
    m = lab.wait_arrived("a@in.example")
    tap.equal((m["sender"], m["rcpts"], m["peer"]),
              ("s@a.example", ["a@in.example", "b@in.example"], "127.0.0.11"),
              "what arrives")
    text = lab.stored(m)
    tap.check(b"\r\nSubject: one\r\n\r\nx\r\n" in text and
              b"x-" not in text.lower().split(b"subject")[0], text)
    tap.check(b"\nDate: " in text and b"\nMessage-ID: " in text, text)
    lab.wait_gone()
    record = lab.wait_record("d", "b@in.example")
    tap.equal((record["jobId"], record["vmta"]), ("j1", "news"), "record")
    tap.check(" picked-up file=" in lab.daemon.log_text(), "the log")


@tap.test("doubled dots", proves="pickup-remove-dot")
def dots(lab):
    lab.drop("dots", ["dots@in.example"], body="..a\n..\nb\n.\nc\n")
    text = lab.stored(lab.wait_arrived("dots@in.example"))
    tap.check(text.endswith(b"\r\n\r\n.a\r\n.\r\nb\r\n"), text)


@tap.test("what is refused is in BADDIR, with its reason")
def refused(lab):
    lab.write("Subject: nobody\n\nx\n", "drop", "nobody")
    lab.drop("denied", ["x@in.example"], sender="denied@a.example")
    lab.drop("listed", ["out@in.example"])
    text, why = lab.bad("nobody")
    tap.equal((text, why), ("Subject: nobody\n\nx\n",
                            "there is no x-sender\n"), "no head")
    text, why = lab.bad("denied")
    tap.check(text.startswith("x-sender: denied@a.example\n") and
              "<x@in.example>: 5" in why, why)
    text, why = lab.bad("listed")
    tap.check("suppression list" in why, why)
    lab.wait_gone()
    tap.equal([m for m in lab.messages() if "x@in.example" in m["rcpts"]], [],
              "sent")


@tap.test("some are refused: the others get it, a file with those is in BADDIR")
def partly(lab):
    lab.drop("partly", ["p1@in.example", "out@in.example", "p2@in.example"],
             head="x-job: j2\n")
    m = lab.wait_arrived("p1@in.example")
    tap.equal(m["rcpts"], ["p1@in.example", "p2@in.example"], "who gets it")
    text, why = lab.bad("partly")
    tap.equal(text, "x-sender: s@a.example\nx-receiver: out@in.example\n"
              "x-job: j2\nSubject: partly\n\nx\n", "the file")
    tap.check(why.startswith("<out@in.example>: 550 5.7.1 "), why)


@tap.test("more recipients than one message may have")
def many(lab):
    rcpts = ["m%d@in.example" % i for i in range(100)]
    lab.drop("many", rcpts)
    lab.wait_gone()
    lab.settled()
    got = [r for m in lab.messages() for r in m["rcpts"] if r in rcpts]
    tap.equal(sorted(got), sorted(rcpts), "each once")


@tap.test("some have to wait: what became of the others stays, and is not "
          "asked again")
def waits(lab):
    before = len(lab.accounting("b"))
    lab.configure("max-rcpt-rate-in 2/h")
    rcpts = ["w%d@in.example" % i for i in range(3)]
    lab.drop("waits", rcpts[:1] + ["out@in.example"] + rcpts[1:])
    tap.wait_for(lambda: "pickup-waits" in lab.daemon.log_text(), 20,
                 "one has to wait")
    line = [x for x in lab.daemon.log_text().splitlines()
            if " pickup-waits " in x][-1]
    tap.check(" rcpts=1 " in line and "450 4.7.1" in line, line)
    tap.check([n for n in lab.left() if n.startswith("ended-")], lab.left())
    # The store forgets within a day whom it was handed; it does not know
    # another id either.
    taken = lab.path("drop", ".mailrace")
    lab.daemon.stop()
    for name in os.listdir(taken):
        at = name.index(".") - 16
        os.rename(os.path.join(taken, name), os.path.join(
            taken, name[:at] + "0123456789ABCDEF" + name[at + 16:]))
    lab.daemon.start()
    lab.wait_gone()
    text, why = lab.bad("waits")
    tap.check(text.startswith("x-sender: s@a.example\n"
                              "x-receiver: out@in.example\nSubject") and
              why.startswith("<out@in.example>: 550 5.7.1 "), (text, why))
    lab.settled()
    got = [r for m in lab.messages() for r in m["rcpts"] if r in rcpts]
    tap.equal(sorted(got), rcpts, "each once")
    tap.equal(len(lab.accounting("b")), before + 1, "records of who is listed")
    tap.check(not [n for n in os.listdir(taken)], os.listdir(taken))
    lab.configure("")


@tap.test("changed while it waits: nobody is taken for somebody else")
def changed(lab):
    lab.daemon.stop()  # with what was counted before
    lab.daemon.start()
    lab.configure("max-rcpt-rate-in 1/h")
    for name in ("other", "broken"):
        lab.drop(name, [name + "1@in.example", name + "2@in.example"])
    taken = lab.path("drop", ".mailrace")
    tap.wait_for(lambda: any(n.startswith("ended-") for n in
                             os.listdir(taken)), 20, "one has to wait")
    lab.daemon.stop()
    kept = [n[6:] for n in os.listdir(taken) if n.startswith("ended-")]
    name = kept[0].split(".")[1]
    with open(os.path.join(taken, kept[0]), "r+b") as f:
        text = f.read().replace(b"1@in", b"3@in")
        f.seek(0)
        f.write(text)
    lab.daemon.start()
    lab.configure("")
    tap.wait_for(
        lambda: sorted(n.split(".")[2:] for n in os.listdir(lab.path("bad"))
                       if n.startswith(name + ".")) ==
        [[], ["reason"], ["state"]], 20,
        "in BADDIR, with what was decided of it")
    names = sorted(n for n in os.listdir(lab.path("bad"))
                   if n.startswith(name + "."))
    with open(lab.path("bad", names[1])) as why:
        tap.check("somebody has changed it" in why.read(), "the reason")
    lab.settled()
    got = [r for m in lab.messages() for r in m["rcpts"] if name in r]
    tap.check(name + "3@in.example" not in got, got)
    for n in names:
        os.unlink(lab.path("bad", n))
    lab.wait_gone()


@tap.test("a reload holds for a file that is being handed in")
def reloaded(lab):
    rcpts = ["l%d@in.example" % i for i in range(6000)]
    lab.drop("reloaded", rcpts, sender="late@a.example")
    lab.wait_arrived(rcpts[0])
    lab.configure("deny-sender late@a.example")
    text, why = lab.bad("reloaded")
    refused = [x[12:] for x in text.splitlines()
               if x.startswith("x-receiver: ")]
    lab.settled()
    got = [r for m in lab.messages() if m["sender"] == "late@a.example"
           for r in m["rcpts"]]
    tap.check(got and refused, (len(got), len(refused)))
    tap.equal(sorted(got + refused), sorted(rcpts), "each once")
    lab.configure("")


@tap.test("what is not whole, no file, or a link, is left alone")
def young(lab):
    names = (".hidden", "half.tmp", "link", "folder", "linked")
    for name in names[:2]:
        lab.write("x-sender: s@a.example\nx-receiver: no@in.example\n\n",
                  "drop", name)
    lab.write("x-sender: s@a.example\nx-receiver: no@in.example\n\n",
              "else", "target")
    os.symlink(lab.path("else", "target"), lab.path("drop", "link"))
    os.link(lab.path("else", "target"), lab.path("drop", "linked"))
    os.mkdir(lab.path("drop", "folder"))
    with open(lab.path("drop", "open"), "w") as f:
        f.write("x-sender: s@a.example\nx-receiver: late@in.example\n")
        f.flush()
        # One that comes behind it is taken.
        lab.drop("behind", ["behind@in.example"])
        lab.wait_arrived("behind@in.example")
        tap.check("open" in lab.left(), lab.left())
        f.write("Subject: open\n\nx\n")
    lab.wait_arrived("late@in.example")
    tap.equal(sorted(lab.left()), sorted(names), "what is left")
    tap.equal(lab.arrived("no@in.example"), [], "sent")
    for name in names:
        (os.rmdir if name == "folder" else os.unlink)(lab.path("drop", name))


@tap.test("files that were there before, and a thousand at once")
def thousand(lab):
    lab.daemon.stop()
    rcpts = ["t%d@in.example" % i for i in range(1000)]
    for i, rcpt in enumerate(rcpts):
        lab.drop("t%d" % i, [rcpt])
    begun = time.monotonic()
    lab.daemon.start()
    lab.wait_gone()
    tap.note("%.1f s" % (time.monotonic() - begun))
    lab.settled()
    got = [r for m in lab.messages() for r in m["rcpts"] if r[0] == "t" and
           r in set(rcpts)]
    tap.equal(sorted(got), sorted(rcpts), "each once")


def queued_ever(lab):
    """Recipients, without those that a suppression list kept out."""
    audit = lab.audit()
    tap.check(audit.balances(), audit.answer)
    return audit.accepted - audit.terminal["suppressed"]


@tap.test("kill -9, again and again: nothing is lost, nothing accepted twice")
def killed(lab):
    before = queued_ever(lab)
    rcpts = ["k%d%s@in.example" % (i, x) for i in range(600) for x in "ab"]
    for i in range(600):
        lab.drop("k%d" % i, rcpts[2 * i:2 * i + 2] +
                 (["out@in.example"] if i % 100 == 0 else []))
        if i % 150 == 100:
            lab.daemon.kill()
            lab.daemon.start()
    lab.wait_gone()
    lab.settled()
    tap.equal(queued_ever(lab) - before, len(rcpts), "accepted")
    got = {r for m in lab.messages() for r in m["rcpts"]} & set(rcpts)
    tap.equal(sorted(got), sorted(rcpts), "who gets it")
    tap.equal(len([n for n in os.listdir(lab.path("bad"))
                   if n.startswith("k") and not n.endswith(".reason")]), 6,
              "in BADDIR")


@tap.test("a second daemon does not get at the same directory")
def locked(lab):
    conf = lab.path("second.conf")
    with open(conf, "w") as f:
        f.write("spool %s\ncontrol-socket %s\npickup %s %s\n" % (
            lab.path("spool2"), lab.path("run", "second"), lab.path("drop"),
            lab.path("bad")))
    r = subprocess.run([mailrace.program("mailraced"), "-f", "-c", conf],
                       capture_output=True, text=True, timeout=30)
    tap.check(r.returncode != 0 and "another process" in r.stderr, r.stderr)


tap.main(Fixture)
