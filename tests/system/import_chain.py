# SPDX-License-Identifier: Apache-2.0
"""import_chain - the way of a new site: what `mailrace import` wrote is, as it
stands, what the daemons run with, where the units would start them."""

import contextlib
import json
import os
import subprocess

import mailrace
import tap

ACCOUNTING = "/var/log/mailrace"
# As the package makes them; /var/spool is this namespace's own.
FOLDERS = ("/run/mailrace", ACCOUNTING, "/var/spool/mailrace")


def hide(*folders):
    """What the machine has there; until the end of this namespace."""
    for folder in folders:
        subprocess.run(["mount", "-t", "tmpfs", "none", folder], check=True)


@contextlib.contextmanager
def imported(lab, *words, milter):
    """The command, with the file that import made of the host; the lab's own
    daemons rest meanwhile."""
    config = lab.path("imported")
    for folder in FOLDERS:
        os.makedirs(folder)
    os.mkdir(lab.path("log", "imported"))
    r = lab.command.run("import", *words, "--output", config, "--json")
    tap.equal((json.loads(r.stdout)["errors"], r.stderr), ([], ""), "errors")
    command = mailrace.Command(config)
    tap.equal(command.text("test", "config"), "%s: no errors.\n" % config,
              "what test config says")
    ours = [d for d in (lab.daemon, lab.milter) if d is not None]
    for d in ours:
        d.stop()
    chain = [mailrace.Daemon(name, config, lab.path("log", "imported"),
                             lab.path("run"))
             for name in ["mailraced"] + ["mailrace-milter"] * milter]
    for d in chain:
        d.start()
    try:
        yield command
    finally:
        for d in chain:
            d.stop()
        for d in ours:
            d.start()


def wait_recorded(rcpt):
    """A delivery, where import wants it recorded."""
    tap.wait_for(lambda: any(
        r["type"] == "d" and r["rcpt"] == rcpt
        for r in mailrace.accounting(ACCOUNTING)), 20, "the record of " + rcpt)
