#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""When there is no room for more mail, a real Postfix waits for it and defers
nothing: for places in the queue, disk and memory.  Nothing is lost, no limit is
exceeded; only after 200 s is there a 4xx, and none waits at a stop.  Clients by
SMTP are sent away at once."""

import netns
netns.enter()

import os
import struct
import time

import mailrace
import memory
import smtp_client
import tap
from lab import LISTEN, Lab, mx_zone

MAX = 6
SQUEEZE_S = 8
CONFIG = """
spool-max-recipients %d
<domain *>
    retry-after 5s
</domain>
""" % MAX
MEMORY = CONFIG + "max-memory-usage-percent 1\n"
ZONE = mx_zone("in.example", ("mx1.in.example", "127.0.1.1"))


class Fixture(Lab):
    def __init__(self):
        super().__init__(zone=ZONE, config=CONFIG, with_milter=False,
                         receivers=[{"listen": ["127.0.1.1:25"]}],
                         pf_main="smtpd_milters =\nnon_smtpd_milters =\n")

    def __enter__(self):
        self.start()
        return self


def status(lab):
    return lab.command.json("show", "status")["intake"]


def deferrals(lab):
    with open(lab.postfix.log) as f:
        return [x for x in f if "status=deferred" in x]


def log_lines(lab, *words):
    return [x for x in lab.daemon.log_text().splitlines()
            if " back-pressure " in x and all(w in x for w in words)]


def pause(lab):
    lab.command.text("pause", "queue", "*")


def resume(lab):
    lab.command.text("resume", "queue", "*")


def submit(lab, rcpts):
    for rcpt in rcpts:
        lab.postfix.sendmail("s@sender.example", [rcpt], "Subject: x\n\nx\n")


def names(word, count):
    return ["%s%d@in.example" % (word, i) for i in range(count)]


def fill(lab, word):
    """The queue is paused and holds what it may; as much again waits."""
    pause(lab)
    rcpts = names(word, 2 * MAX)
    submit(lab, rcpts)
    tap.wait_for(lambda: status(lab)["places"] == MAX and
                 status(lab)["waiting"] == MAX, 20, "Postfix waits: %s" %
                 status(lab))
    return rcpts


def mail_by_smtp(source=None):
    with smtp_client.Client((LISTEN, 25), source=source) as c:
        c.hello()
        return c.command("MAIL FROM:<s@sender.example>")


def wait_all(lab, rcpts, timeout_s=40):
    for rcpt in rcpts:
        lab.wait_arrived(rcpt, timeout_s)
        tap.equal(len(lab.arrived(rcpt)), 1, "copies for " + rcpt)


@tap.test("a squeeze: the queue never holds more, Postfix waits, none deferred",
          proves="spool-max-recipients")
def places(lab):
    rcpts = fill(lab, "p")
    code, text = mail_by_smtp()
    tap.check(code == 452 and "no room" in text, "SMTP: %s %s" % (code, text))
    end = time.monotonic() + SQUEEZE_S
    while time.monotonic() < end:
        tap.check(lab.audit().queued <= MAX, "more than there may be")
        time.sleep(0.2)
    s = status(lab)
    tap.equal((s["open"], [c["limit"] for c in s["held_by"]]),
              (False, ["spool-max-recipients"]), "status")
    tap.equal((s["held_by"][0]["used"], s["held_by"][0]["max"]), (MAX, MAX),
              "numbers")
    tap.check("is held back" in lab.command.text("show", "status"), "in words")
    resume(lab)
    wait_all(lab, rcpts)
    tap.equal(deferrals(lab), [], "deferred by Postfix")
    tap.wait_for(lambda: status(lab)["open"], 10, "it recovers by itself")
    tap.equal([len(log_lines(lab, "spool-max-recipients", x)) for x in
               ("state=on", "state=off")], [1, 1], "each change once in the log")
    tap.equal(mail_by_smtp()[0], 250, "SMTP again")


def reload_with(lab, old, new):
    with open(lab.config) as f:
        text = f.read()
    with open(lab.config, "w") as f:
        f.write(text.replace(old, new))
    lab.command.text("reload")


@tap.test("no space on the disk for a while: the same")
def disk(lab):
    before = len(deferrals(lab))
    reload_with(lab, "free-space 16M", "free-space 900000G")
    tap.wait_for(lambda: not status(lab)["open"], 20, "it is short")
    rcpts = names("d", 4)
    submit(lab, rcpts)
    tap.wait_for(lambda: status(lab)["waiting"] == 4, 20, "Postfix waits")
    tap.equal(mail_by_smtp()[0], 452, "a client by SMTP")
    tap.check(log_lines(lab, "state=on", "spool-min-free-space"), "log")
    reload_with(lab, "free-space 900000G", "free-space 16M")
    wait_all(lab, rcpts)
    tap.equal(len(deferrals(lab)) - before, 0, "deferred by Postfix")


def send_half(octets):
    """A session in the middle of a large message."""
    c = smtp_client.Client((LISTEN, 24), lmtp=True)
    c.hello()
    for text in ("MAIL FROM:<s@sender.example>", "RCPT TO:<r@in.example>"):
        tap.equal(c.command(text)[0], 250, text)
    tap.equal(c.command("DATA")[0], 354, "DATA")
    line = b"x" * 998 + b"\r\n"
    for _ in range(octets // (1000 * len(line)) + 1):
        c.raw(line * 1000)
    return c


@tap.test("too much memory in use: the same, and it is given back",
          proves="max-memory-usage-percent")
def too_much_memory(lab):
    if memory.has_sanitizer(lab.daemon.pid):
        tap.skip("a sanitizer keeps what was freed")
    before = len(deferrals(lab))
    ninety = status(lab)["memory_max"]  # hundredths, of whatever there is
    lab.write_config(MEMORY)
    lab.command.text("reload")
    allowed = status(lab)["memory_max"]
    tap.equal(90 * allowed, ninety, "a hundredth of the memory is allowed")
    if allowed > 600 << 20:
        tap.skip("a hundredth of the memory is too much to fill")
    held = []
    while status(lab)["open"] and len(held) < 5:
        held.append(send_half(200 << 20))
        time.sleep(1.1)  # it looks each second
    tap.equal([c["limit"] for c in status(lab)["held_by"]],
              ["max-memory-usage-percent"], "status")
    tap.equal(mail_by_smtp()[0], 452, "a client by SMTP")
    submit(lab, ["m@in.example"])
    tap.wait_for(lambda: status(lab)["waiting"] == 1, 20, "Postfix waits")
    for c in held:
        c.close()
    wait_all(lab, ["m@in.example"])
    tap.check(status(lab)["open"], "it recovers by itself")
    tap.equal(len(deferrals(lab)) - before, 0, "deferred by Postfix")
    lab.write_config(CONFIG)
    lab.command.text("reload")


def pass_time(path, seconds):
    """So many have passed since the daemon's start, beside the real ones."""
    with open(path, "r+b" if os.path.exists(path) else "wb") as f:
        f.write(struct.pack("q", seconds))


@tap.test("after 200 s there is a 4xx, and Postfix keeps the mail")
def too_long(lab):
    if memory.has_sanitizer(lab.daemon.pid):
        tap.skip("a sanitizer wants to be the first that is preloaded")
    jump = lab.path("jump")
    pass_time(jump, 0)
    lab.daemon.stop()
    lab.daemon.start(env={"CLOCK_JUMP": jump, "LD_PRELOAD": os.path.join(
        mailrace.build_dir(), "tests/system/clock_ahead.so")})
    before = len(deferrals(lab))
    rcpts = fill(lab, "l")
    pass_time(jump, 190)
    time.sleep(1)
    tap.equal(len(deferrals(lab)) - before, 0, "deferred after 190 s")
    pass_time(jump, 200)
    got = tap.wait_for(lambda: deferrals(lab)[before:], 10, "452")
    tap.check("452 4.3.1 no room" in got[0], got[0])
    tap.check(status(lab)["refused"] >= MAX, "it is counted")
    resume(lab)
    lab.postfix.flush()
    wait_all(lab, rcpts)


@tap.test("a stop does not wait for room; nothing is lost")
def stop(lab):
    rcpts = fill(lab, "s")
    begin = time.monotonic()
    lab.daemon.stop()
    tap.check(time.monotonic() - begin < 10, "it took too long")
    lab.daemon.start()
    resume(lab)
    lab.postfix.flush()
    wait_all(lab, rcpts)


tap.main(Fixture)
