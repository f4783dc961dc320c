#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A web server gets every accounting record, in batches whose ids stay the
same however often they come; whatever it answers, or does not, is put up with
and said; and what is dropped when too much waits is counted exactly."""

import netns
netns.enter()

import os
import re
import socket
import ssl
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "crash"))
import acct_judge
import acct_reader
import collectors
import keys
import mailrace
import memory
import tap
from acct_lab import AcctLab

HERE = "127.0.3.1"
FIELDS = "".join("    record-fields %s *, recordId\n" % t for t in "dbtr")
WIDE = "w" * 9000
LIMIT = 1000000
CONFIG = """
<acct-file {root}/files/all.csv>
    records d,b,t,r
%s</acct-file>
<acct-file {root}/hooks/main.csv>
    records d,b,t,r
%s    http-webhook-url http://127.0.3.1:8080/acct
    http-webhook-extra-headers {root}/headers
    http-webhook-io-timeout 1s
    http-webhook-transfer-encoding gzip
    http-webhook-log-verbose yes
    http-webhook-max-interval 1m
    retry-interval 1s
    max-size 1M
</acct-file>
<acct-file {root}/hooks/secure.json>
    records d
    http-webhook-url https://localhost:8443/acct
    http-webhook-ca-file {keys}/localhost.crt
    http-webhook-certificate {keys}/client.pem secret
    retry-interval 1s
</acct-file>
<acct-file {root}/hooks/stuck.csv>
    records d
    http-webhook-url http://127.0.3.2:8080/acct
    http-webhook-connect-timeout 1s
</acct-file>
<acct-file {root}/hooks/wide.csv>
    records d,b
    record-fields d recordId, rcpt, userString
    record-fields b recordId, rcpt, userString
    user-string "%s"
    http-webhook-url http://127.0.3.1:8081/acct
    max-buffer-size 16M
    retry-interval 1s
</acct-file>
""" % (FIELDS, FIELDS, WIDE)


class Limited(collectors.Handler):
    """Refuses what is large without reading it."""

    def do_POST(self):
        if int(self.headers["Content-Length"]) > LIMIT:
            self.send_error(413)
            self.close_connection = True
        else:
            super().do_POST()


class Https(collectors.Http):
    """Wants the client's certificate, and shows its own for localhost."""

    def __init__(self, address, folder):
        super().__init__(address)
        own = keys.certificate(folder, "localhost")
        client = keys.certificate(folder, "client")
        encrypted = keys.openssl("ec", "-in", client["key"], "-aes256",
                                 "-passout", "pass:secret")
        with open(client["cert"], "rb") as cert, \
                open(os.path.join(folder, "client.pem"), "wb") as f:
            f.write(cert.read() + encrypted)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(own["cert"], own["key"])
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.context.load_verify_locations(client["cert"])

    def listen(self):
        super().listen()
        self.server.socket = self.context.wrap_socket(
            self.server.socket, server_side=True)


class Fixture(AcctLab):
    def __init__(self):
        super().__init__("550 5.1.1 gone, \"for good\"", config=CONFIG)
        self.hook = collectors.Http((HERE, 8080))
        self.wide = collectors.Http((HERE, 8081))
        self.secure = Https(("127.0.0.1", 8443), self.path("keys"))
        with open(self.path("headers"), "w") as f:
            f.write("# for the receiving end\nX-Token: a secret\n")

    def __enter__(self):
        self.hook.listen()
        self.secure.listen()
        self.start()
        return self

    def __exit__(self, *args):
        super().__exit__(*args)
        for server in (self.hook, self.wide, self.secure):
            server.close()

    def finish_batch(self, name="main.csv"):
        """Once all rows are in the buffer, it is sent as it is."""
        rows = self.settled_rows()
        self.command.text("rotate", "acct", self.path("hooks", name))
        return rows

    def facts(self, name):
        """What `show accounting` has of one acct-file."""
        path = self.path("hooks", name)
        answer = self.command.json("show", "accounting")
        return [f for f in answer["acct_files"] if f["path"] == path][0]

    def log_lines(self, text):
        return [line for line in self.daemon.log_text().splitlines()
                if text in line]


def rows_of(batches):
    """The rows of batches, each once by its id."""
    rows = []
    for batch in {b.id: b for b in batches}.values():
        if batch.headers["Content-Type"] == "text/csv":
            rows += acct_reader.parse_csv(batch.id, batch.body)
        else:
            rows += acct_reader.parse_json(batch.id, batch.body)
    return rows


def all_arrives(lab, rows):
    """Each record, in batches whose ids are each of one content."""
    tap.wait_for(lambda: len(rows_of(lab.hook.batches)) >= len(rows), 10,
                 "%d records arrive" % len(rows))
    acct_judge.check_same(rows_of(lab.hook.batches), rows, "the batches")
    for batch in lab.hook.batches:
        other = [b for b in lab.hook.batches if b.id == batch.id][0]
        tap.equal(batch.body, other.body, "batch " + batch.id)


@tap.test("batches have an id, a type, a number of records, and every row once",
          proves=("acct-file http-webhook-url",
                  "acct-file http-webhook-extra-headers",
                  "acct-file http-webhook-transfer-encoding",
                  "acct-file http-webhook-log-verbose"))
def batches(lab):
    for _ in range(2):
        lab.send(30)
        all_arrives(lab, lab.finish_batch())
    first, second = lab.hook.batches
    tap.check(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{16}-\d{8}", first.id),
              first.id)
    tap.equal(first.id[:26], second.id[:26], "what the ids begin with")
    for batch in (first, second):
        tap.equal({k: batch.headers[k] for k in (
            "Content-Type", "Content-Encoding", "Idempotency-Key",
            "X-Mailrace-Records", "X-Token")}, {
                "Content-Type": "text/csv", "Content-Encoding": "gzip",
                "Idempotency-Key": batch.id, "X-Mailrace-Records": "60",
                "X-Token": "a secret"}, "header fields")
        tap.check(lab.log_lines("webhook acct-file=%s batch=%s status=200" % (
            lab.path("hooks", "main.csv"), batch.id)), "no line in the log")


@tap.test("a batch that is refused, or not answered, comes again: the same",
          proves="acct-file http-webhook-io-timeout")
def refused(lab):
    for mode, why in (("500", "the server answered 500"),
                      ("302", "the server answered 302"),
                      ("hang", "no byte has moved for 1s"),
                      ("mute", "Empty reply from server"),
                      ("dead", "Failed to connect to 127.0.3.1")):
        lab.hook.mode = mode
        lab.send(5)
        rows = lab.finish_batch()
        tap.wait_for(lambda: lab.log_lines(why), 10, "the log says " + why)
        if mode == "500":  # longer than twice the first pause
            tap.wait_for(lambda: [m for m, _ in lab.hook.heard].count("500")
                         >= 4, 10, "it is tried again")
        lab.hook.mode = "well"
        if mode != "500":
            lab.command.text("reload")  # it is tried at once
        all_arrives(lab, rows)
        told = [line for line in lab.log_lines(why) if " acct " in line]
        tap.equal(len(told), 1, "lines that say " + why)
        tap.wait_for(lambda: lab.facts("main.csv")["error"] is None, 10,
                     "it is well again")


@tap.test("after a crash between the answer and what it changes, the batch has "
          "the same id")
def crash(lab):
    lab.hook.mode = "hang"
    lab.send(5)
    rows = lab.finish_batch()
    tap.wait_for(lambda: lab.hook.heard[-1][0] == "hang", 10, "the batch")
    lab.daemon.kill()
    lab.daemon.start()
    lab.hook.mode = "well"
    all_arrives(lab, rows)
    tap.equal(lab.hook.batches[-1].id, [b for m, b in lab.hook.heard
                                        if m == "hang"][-1].id, "its id")


@tap.test("a batch that is not full goes when its first row is old enough",
          proves="acct-file http-webhook-max-interval")
def interval(lab):
    shim = os.path.join(mailrace.build_dir(), "tests/system/clock_ahead.so")
    if memory.has_sanitizer(lab.daemon.pid):
        tap.skip("a sanitizer wants to be the first that is preloaded")
    lab.send(5)
    rows = lab.settled_rows()
    lab.daemon.stop()
    lab.daemon.start(env={"LD_PRELOAD": shim, "CLOCK_AHEAD_S": "61"})
    all_arrives(lab, rows)
    lab.daemon.stop()
    lab.daemon.start()


@tap.test("https: with our certificate, and only to a server that has the right "
          "one", proves=("acct-file http-webhook-ca-file",
                         "acct-file http-webhook-certificate"))
def secure(lab):
    lab.send(10)
    rows = [r for r in lab.finish_batch("secure.json") if r["type"] == "d"]
    tap.wait_for(lambda: len(rows_of(lab.secure.batches)) == len(rows), 10,
                 "all records arrive")
    tap.equal(lab.secure.batches[0].headers["Content-Type"],
              "application/x-ndjson", "the type of JSON lines")


@tap.test("a server that does not even take connections is left in time",
          proves="acct-file http-webhook-connect-timeout")
def stuck(lab):
    full = socket.socket()
    full.bind(("127.0.3.2", 8080))
    full.listen(0)
    others = [socket.socket() for _ in range(3)]
    for s in others:  # the queue of the listener is full
        s.setblocking(False)
        s.connect_ex(full.getsockname())
    lab.command.text("reload")
    lab.send(2)
    lab.finish_batch("stuck.csv")
    tap.wait_for(lambda: [line for line in lab.log_lines("no connection "
                                                         "within 1s")
                          if "hooks/stuck.csv" in line],
                 10, "the log says so")
    for s in others + [full]:
        s.close()


@tap.test("a full batch goes without being asked for")
def full(lab):
    sent = len(lab.hook.batches)
    for _ in range(27):
        lab.send(100)
    tap.wait_for(lambda: len(lab.hook.batches) > sent, 20, "a batch")
    body = lab.hook.batches[sent].body
    tap.check(900000 < len(body) <= 1 << 20, "%d bytes" % len(body))
    all_arrives(lab, lab.finish_batch())


@tap.test("what is dropped above max-buffer-size is counted, no more and no "
          "less; memory stays; a server that wants less gets parts", proves="acct-file max-buffer-size")
def dropped(lab):
    lab.settled_rows()
    before = memory.now(lab.daemon.pid)
    for _ in range(25):
        lab.send(100)
    wanted = {r["recordId"] for r in lab.settled_rows()
              if r["type"] in "db"}
    lab.wide.listen()
    lab.wide.server.RequestHandlerClass = Limited
    lab.finish_batch("wide.csv")
    lab.command.text("reload")  # it is tried at once
    tap.wait_for(lambda: lab.facts("wide.csv")["waiting_bytes"] == 0, 20,
                 "nothing waits")
    got = rows_of(lab.wide.batches)
    tap.check({r["recordId"] for r in got} <= wanted, "records of nobody")
    tap.check(all(r["userString"] == WIDE for r in got), "columns")
    parts = [b for b in lab.wide.batches if b.id.count("-") == 4]
    tap.check(len(parts) >= 16 and
              max(len(b.body) for b in parts) > LIMIT // 2, "no parts")
    lost = lab.facts("wide.csv")["dropped"]
    tap.equal(len(got) + lost, len(wanted), "records that came, or were "
              "dropped")
    tap.check(lost > 500, "%d dropped" % lost)
    tap.check(lab.log_lines("dropped"), "the log says nothing")
    grown = memory.now(lab.daemon.pid) - before
    tap.note("%d came, %d dropped; %d KB more memory" % (len(got), lost,
                                                        grown // 1024))
    if not memory.has_sanitizer(lab.daemon.pid):
        tap.check(grown < 30 << 20, "%d bytes more memory" % grown)


if __name__ == "__main__":
    tap.main(Fixture)
