# SPDX-License-Identifier: Apache-2.0
"""keys - DKIM keys and TLS certificates, made when a test runs."""

import base64
import os
import subprocess


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


def mark_key(path):
    with open(path, "wb") as f:
        f.write(base64.b64encode(os.urandom(48)) + b"\n")
    os.chmod(path, 0o600)
