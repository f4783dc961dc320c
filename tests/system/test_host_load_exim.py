#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""As test_host_load, with Debian's Exim, which delivers each message at once by a
process of its own and has no milter."""

import netns
netns.enter()

import os
import subprocess

import exim
import host_load
import tap
from lab import DNS_ADDRESS, mx_zone

# No address of this host's, so that Exim sends there; it arrives all the same.
RECEIVER = "192.0.2.25"
SETTINGS = """dc_eximconfig_configtype='internet'
dc_other_hostnames='own.example'
dc_local_interfaces='127.0.0.1.25'
dc_readhost=''
dc_relay_domains=''
dc_minimaldns='false'
dc_relay_nets=''
dc_smarthost=''
CFILEMODE='644'
dc_use_split_config='true'
dc_hide_mailname=''
dc_mailname_in_oh='true'
dc_localdelivery='mail_spool'
"""


class Fixture(host_load.HostLab):
    def __init__(self):
        self.host = exim.Debian(SETTINGS)
        super().__init__(zone=mx_zone("in.example",
                                      ("mx.in.example", RECEIVER)),
                         config=host_load.CONFIG +
                         "exim-listener {run}/lmtp\n",
                         with_postfix=False, with_milter=False,
                         receivers=[{"listen": [RECEIVER + ":25"],
                                     "store": False}])
        # As a package would: who may connect is the group's.
        os.chown(self.path("run"), -1, exim.NUMBER)
        os.chmod(self.path("run"), 0o2755)

    def __enter__(self):
        subprocess.run(("ip", "route", "add", "local", "192.0.2.0/24", "dev",
                        "lo"), check=True)
        with open("/etc/resolv.conf", "w") as f:
            f.write("nameserver %s\n" % DNS_ADDRESS)
        self.start()
        self.host.start(25)
        self.command.text("setup", "exim")
        return self

    def __exit__(self, *error):
        self.host.stop()
        super().__exit__(*error)


@tap.test("restarted with its socket held: nothing is deferred, lost or sent "
          "twice, and no client notices")
def graceful(lab):
    host_load.graceful(lab)


@tap.test("stopped for a while: mail waits in Exim, and arrives once")
def stopped(lab):
    host_load.stopped(lab)


@tap.test("killed: nothing is lost, and the audit balances and names whatever came "
          "twice")
def killed(lab):
    host_load.killed(lab, (lab.daemon,), (lab.daemon,), (lab.daemon,))


tap.main(Fixture)
