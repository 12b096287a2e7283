"""Answers of two servers made comparable: what a caller chose is compared as it is, what a server
draws (keys, serials, times of its own) by what it says.
"""

import base64
import functools
import json
import re
import subprocess
import time

TIMES = {"expiresAt", "issuedAt", "createdAt", "x509svidExpiresAt"}
DRAWN = {"x509svidSerialNumber", "publicKey", "keyId", "sequenceNumber", "authorityId", "asn1",
         "upstreamAuthoritySubjectKeyId", "subjectKeyId", "seconds", "uptime"}
CERTIFICATES = {"asn1", "certChain", "caCertChain", "x509Authorities", "x509CaAuthorities"}
TOLERANCE = 8  # seconds: the two servers were started and asked one after the other


class Near(int):
    """Seconds from now, equal when they are nearly so."""

    def __eq__(self, other):
        return isinstance(other, Near) and abs(int(self) - int(other)) <= TOLERANCE

    def __ne__(self, other):
        return not self == other

    __hash__ = None

    def __repr__(self):
        return f"now{int(self):+d}s"


def scalars(value):
    """All numbers and texts of a JSON value, as texts."""
    if isinstance(value, dict):
        return set().union(*map(scalars, value.values()))
    if isinstance(value, list):
        return set().union(*map(scalars, value))
    return {str(value)}


@functools.cache
def _certificate(der):
    done = subprocess.run(["openssl", "x509", "-inform", "der", "-noout", "-subject", "-enddate", "-text",
                           "-nameopt", "RFC2253", "-certopt",
                           "no_header,no_version,no_serial,no_validity,no_issuer,no_subject,no_pubkey,"
                           "no_sigdump,no_aux", "-dateopt", "iso_8601"], input=der, capture_output=True)
    if done.returncode:
        return None
    text = done.stdout.decode()
    end = re.search(r"notAfter=(.*)\n", text).group(1)
    text = re.sub(r"notAfter=.*\n", "", text)
    # Key identifiers are drawn with the keys; whether they are there is compared.
    text = re.sub(r"(?:keyid:)?(?:[0-9A-F]{2}:){19}[0-9A-F]{2}", "<key id>", text)
    text = re.sub(r"serialNumber=\d+", "serialNumber=<n>", text)
    text = re.sub(r"2\.5\.4\.5=#[0-9a-f]+", "serialNumber=<n>", text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines, time.mktime(time.strptime(end, "%Y-%m-%d %H:%M:%SZ")) - time.timezone


def certificate(value, now, text):
    known = _certificate(base64.b64decode(value))
    if known is None:
        return value
    return {"certificate": [text(line) for line in known[0]], "notAfter": Near(known[1] - now)}


def token(text, now):
    try:
        head, body, _ = (json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) or "{}")
                         if n < 2 else {} for n, part in enumerate(text.split(".")))
    except ValueError:
        return text
    for name in ("exp", "iat", "nbf"):
        if name in body:
            body[name] = Near(body[name] - now)
    for part, name in ((head, "kid"), (body, "jti")):
        if name in part:
            part[name] = f"<{name}>"
    if "cnf" in body:
        body["cnf"] = sorted(body["cnf"])
    return {"head": head, "claims": body}


def comparable(value, given, now, text, key=""):
    """given: what both callers sent; now: when; text: masks a message."""
    if isinstance(value, dict):
        return {k: comparable(v, given, now, text, k) for k, v in value.items()}
    if isinstance(value, list):
        return [comparable(v, given, now, text, key) for v in value]
    if value in ("", "0", 0, None) or str(value) in given:
        return value
    if key in CERTIFICATES:
        return certificate(value, now, text)
    if key == "token" and "." in value:
        return token(value, now)
    if key in TIMES:
        return Near(int(value) - now)
    if key in DRAWN:
        return f"<{key}>"
    return text(value, whole=True) if isinstance(value, str) else value
