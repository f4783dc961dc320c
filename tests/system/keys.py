# SPDX-License-Identifier: Apache-2.0
"""keys - DKIM keys and TLS certificates, made when a test runs."""

import base64
import os
import ssl
import subprocess
import warnings


def openssl(*args):
    return subprocess.run(("openssl",) + args, check=True,
                          capture_output=True).stdout


def dkim_key(path, kind="rsa", bits=2048):
    """Writes a private key; returns the TXT record for it (RFC 8463: of an
    Ed25519 key the 32 bytes alone)."""
    if kind == "ed25519":
        openssl("genpkey", "-algorithm", kind, "-out", path)
        os.chmod(path, 0o600)
        der = openssl("pkey", "-in", path, "-pubout", "-outform", "DER")
        return "v=DKIM1; k=ed25519; p=" + \
            base64.b64encode(der[-32:]).decode()
    openssl("genrsa", "-out", path, str(bits))
    os.chmod(path, 0o600)
    der = openssl("rsa", "-in", path, "-pubout", "-outform", "DER")
    return "v=DKIM1; k=rsa; p=" + base64.b64encode(der).decode()


def certificate(directory, name):
    """A self-signed certificate: {"cert": FILE, "key": FILE}."""
    cert = os.path.join(directory, name + ".crt")
    key = os.path.join(directory, name + ".key")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=" + name, "-addext", "subjectAltName=DNS:" + name,
            "-keyout", key, "-out", cert)
    return {"cert": cert, "key": key}


def signed(directory, name, by, alt, days=2, authority=False, chain=()):
    """One that BY.crt has signed, with the names `alt` ("DNS:a,IP:b"), and
    behind it in its file those of `chain`; as certificate()."""
    def path(end):
        return os.path.join(directory, name + end)
    by = os.path.join(directory, by)
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-subj", "/CN=" + name, "-keyout", path(".key"),
            "-out", path(".csr"))
    with open(path(".ext"), "w") as f:
        f.write("basicConstraints=CA:%s\n" % ("TRUE" if authority else "FALSE") +
                ("subjectAltName=%s\n" % alt if alt else ""))
    openssl("x509", "-req", "-in", path(".csr"), "-CA", by + ".crt", "-CAkey",
            by + ".key", "-CAcreateserial", "-extfile", path(".ext"),
            "-days", str(days), "-out", path(".crt"))
    with open(path(".crt"), "a") as f:
        for other in chain:
            with open(os.path.join(directory, other + ".crt")) as more:
                f.write(more.read())
    return {"cert": path(".crt"), "key": path(".key")}


def tls_server(of):
    """The context of {"cert": FILE, "key": FILE}; with "only": "TLSv1_1" of that
    version alone.  Old ones have SHA-1 in them, which OpenSSL 3 wants level 0
    for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(of["cert"], of["key"])
    if "only" in of:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = getattr(ssl.TLSVersion, of["only"])
            context.maximum_version = context.minimum_version
        context.set_ciphers("DEFAULT@SECLEVEL=0")
    return context


def mark_key(path):
    with open(path, "wb") as f:
        f.write(base64.b64encode(os.urandom(48)) + b"\n")
    os.chmod(path, 0o600)
