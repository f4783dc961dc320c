#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Twenty messages go through a site's own host, and through Mailrace with what
`mailrace import` has made of it: receivers see the same source address, HELO
name, TLS, next hop and user, but for what the report names."""

import netns
netns.enter()

import postfix
import tap
from same_mail import EximHost, Fixture, PostfixHost, compare


def need_postfix():
    if postfix.missing():
        tap.skip("%s of Postfix is not installed" % postfix.missing())


def compare_postfix(lab, name):
    need_postfix()
    compare(lab, name, PostfixHost)


@tap.test("Postfix: a pool of hand-made services, by sender")
def pools(lab):
    compare_postfix(lab, "pools")


@tap.test("Postfix: a smarthost with a password, and exceptions")
def smarthost(lab):
    compare_postfix(lab, "smarthost")


@tap.test("Postfix: policies about TLS")
def tls(lab):
    compare_postfix(lab, "tls")


@tap.test("Postfix: relays by sender, and tables of other kinds")
def hosting(lab):
    compare_postfix(lab, "hosting")


@tap.test("Postfix: slow transports, a gateway for the rest")
def slow(lab):
    compare_postfix(lab, "slow")


@tap.test("Exim: straight to MX hosts")
def exim_plain(lab):
    compare(lab, "plain", EximHost)


@tap.test("Exim: a smarthost with TLS and a password, as Debian writes it")
def exim_debian(lab):
    compare(lab, "debian", EximHost)


@tap.test("Exim: an address and a name for each sender, and senders with routes")
def exim_senders(lab):
    compare(lab, "senders", EximHost)


@tap.test("Exim: routes with ports and tables, TLS by domain")
def exim_routes(lab):
    compare(lab, "routes", EximHost)


@tap.test("Exim: signatures, slow providers")
def exim_signed(lab):
    compare(lab, "signed", EximHost)


tap.main(Fixture)
