# SPDX-License-Identifier: Apache-2.0
"""signatures - DKIM signatures as dkimpy judges them."""

import email.parser
import email.policy

import dkim


def cached(lookup):
    """A DNS function that asks for each key once."""
    known = {}

    def ask(name, timeout=5):
        if name not in known:
            known[name] = lookup(name, timeout)
        return known[name]
    return ask


def tags_of(message):
    """The tags of every DKIM-Signature, in order of the header."""
    head = email.parser.BytesHeaderParser(
        policy=email.policy.compat32).parsebytes(message)
    out = []
    for value in head.get_all("DKIM-Signature", []):
        tags = {}
        for part in "".join(str(value).split()).split(";"):
            name, _, v = part.partition("=")
            if name:
                tags[name] = v
        out.append(tags)
    return out


def verify(message, lookup, domain=None):
    """True: there is a signature (of the domain, if given), and all hold."""
    signatures = tags_of(message)
    if not signatures:
        return False
    if domain is not None and domain not in [t.get("d") for t in signatures]:
        return False
    d = dkim.DKIM(message)
    for i in range(len(signatures)):
        try:
            if not d.verify(idx=i, dnsfunc=lookup):
                return False
        except dkim.DKIMException:
            return False
    return True
