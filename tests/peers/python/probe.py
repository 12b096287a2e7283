"""Fetches X.509- and JWT-SVIDs with the PyPI package `spiffe`, a client that is not ours.

    probe.py x509 SOCKET             prints {"svids": [{"spiffe_id", "serial", "not_after", ...}]}
    probe.py jwt SOCKET AUDIENCE     prints {"spiffe_id", "token", "validated"}
    probe.py pem SOCKET              prints the leaf certificate of the first SVID as PEM

One JSON object on standard output; an error is {"error": TEXT, "type": CLASS} and exit code 1.
"""

import json
import sys

from cryptography.hazmat.primitives.serialization import Encoding
from spiffe import WorkloadApiClient


def x509(client):
    context = client.fetch_x509_context()
    svids = []
    for svid in context.x509_svids:
        leaf = svid.leaf
        svids.append({
            "spiffe_id": str(svid.spiffe_id),
            "serial": str(leaf.serial_number),
            "not_after": leaf.not_valid_after_utc.isoformat(),
            "chain_len": len(svid.cert_chain),
        })
    bundles = {str(b.trust_domain): len(b.x509_authorities) for b in context.x509_bundle_set.bundles}
    print(json.dumps({"svids": svids, "bundles": bundles}))


def jwt(client, audience):
    svid = client.fetch_jwt_svid(audience={audience})
    again = client.validate_jwt_svid(svid.token, audience)
    print(json.dumps({"spiffe_id": str(svid.spiffe_id), "token": svid.token,
                      "validated": str(again.spiffe_id)}))


def pem(client):
    leaf = client.fetch_x509_svid().leaf
    sys.stdout.write(leaf.public_bytes(Encoding.PEM).decode())


def main():
    what, socket = sys.argv[1], sys.argv[2]
    try:
        with WorkloadApiClient(socket_path="unix://" + socket) as client:
            {"x509": x509, "jwt": jwt, "pem": pem}[what](client, *sys.argv[3:])
    except Exception as error:  # whatever the client raises is the result
        print(json.dumps({"error": str(error), "type": type(error).__name__}))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
