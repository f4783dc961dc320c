#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Clients bring mail to a Postfix that `mailrace setup` has set up, without a
pause, while both daemons are restarted with their sockets held, stopped for a
while, and killed.  Whatever a client was answered 250 for arrives, once but for
what the audit names; a graceful restart defers nothing in Postfix."""

import netns
netns.enter()

import host_load
import tap
from lab import mx_zone


class Fixture(host_load.HostLab):
    def __init__(self):
        super().__init__(zone=mx_zone("in.example",
                                      ("mx.in.example", "127.0.1.1")),
                         config=host_load.CONFIG, hand_over=False,
                         receivers=[{"listen": ["127.0.1.1:25"],
                                     "store": False}])
        self.host = self.postfix

    def __enter__(self):
        self.start()
        self.command.text("setup", "postfix", "--config-dir",
                          self.postfix.conf)
        return self


@tap.test("restarted with their sockets held: nothing is deferred, lost or sent "
          "twice, and no client notices")
def graceful(lab):
    host_load.graceful(lab)


@tap.test("stopped for a while: mail waits in Postfix, or with its client, and "
          "arrives once")
def stopped(lab):
    host_load.stopped(lab)


@tap.test("killed: nothing is lost, and the audit balances and names whatever came "
          "twice")
def killed(lab):
    host_load.killed(lab, (lab.daemon,), (lab.milter,),
                     (lab.daemon, lab.milter))


tap.main(Fixture)
