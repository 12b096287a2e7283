#!/usr/bin/env python3
"""Makes the corpora of the targets that read our messages and files, with keys and certificates by openssl:
server_requests (one sound call or more of each method), server_rows, server_answers, workload_answers, agent_data,
operator_files, and the chain of csr. What they name (agents, entries) is what the targets' servers have.

    tests/fuzz/make_messages.py tests/fuzz/corpus
"""

import base64
import json
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
TEXT = (HERE / "server_requests_fuzz.cc").read_text()
METHODS = re.findall(r'"[\w./]*?(\w+)/(\w+)"', re.search(r"kFuzzed\[\] = \{(.*?)\};", TEXT, re.S)[1])
NUMBER = {name: n for n, (_, name) in enumerate(METHODS)}


def varint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out + bytes([n]))


def m(*fields):
    """A message: pairs of a field's number and a text, bytes or number."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            value = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def call(method, *messages):
    """A message with True in front changes whether the caller reads; of the first, who calls."""
    out = bytes([NUMBER[method]])
    for message in messages:
        turns, message = message if isinstance(message, tuple) else (False, message)
        out += struct.pack("<H", len(message) | (0x8000 if turns else 0)) + message
    return out


def openssl(*args, stdin=None):
    return subprocess.run(("openssl", *args), input=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=True).stdout


def material():
    """A CSR, a root, a leaf below it, and the one key of all: public, private, the root as PEM."""
    with tempfile.TemporaryDirectory() as folder:
        key, ca, leaf, names = (f"{folder}/{name}" for name in ("key", "ca", "csr", "names"))
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        request = ("req", "-new", "-key", key, "-subj", "/O=SPIRE")
        uri = "subjectAltName=URI:spiffe://example.org/web"
        root = ("-x509", "-days", "7300", "-out", ca, "-addext", "subjectAltName=URI:spiffe://example.org",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        openssl(*request, *root)
        openssl(*request, "-addext", uri, "-out", leaf)
        pathlib.Path(names).write_text(uri + "\nkeyUsage=critical,digitalSignature\nbasicConstraints=critical,CA:FALSE\n"
                                       "extendedKeyUsage=serverAuth,clientAuth\n")
        signed = openssl("x509", "-req", "-in", leaf, "-CA", ca, "-CAkey", key, "-days", "7300", "-outform", "DER",
                         "-extfile", names)
        return (openssl("req", "-in", leaf, "-outform", "DER"), openssl("x509", "-in", ca, "-outform", "DER"), signed,
                openssl("ec", "-in", key, "-pubout", "-outform", "DER"),
                openssl("pkcs8", "-topk8", "-nocrypt", "-in", key, "-outform", "DER"), pathlib.Path(ca).read_bytes())


CSR, CA, LEAF, KEY, PRIVATE, PEM = material()


def spiffe(path):
    return m((1, "example.org"), (2, path))


def selector(kind, value):
    return m((1, kind), (2, value))


def entry(path, *more):
    return m((2, spiffe(path)), (3, spiffe("/spire/agent/fake/agent")), (4, selector("unix", "uid:1")), *more)


BUNDLE = m((1, "other.org"), (2, m((1, CA))), (3, m((1, KEY), (2, "kid"), (3, 1900000000))), (4, 300), (5, 7))
MASK = m((2, 1), (4, 1), (11, 1))
MATCH = m((1, selector("unix", "uid:1")), (2, 2))
RELATION = m((1, "other.org"), (2, "https://other.org/bundle"), (4, m((1, "spiffe://other.org/spire/server"))),
             (5, BUNDLE))


def attestation(payload):
    return m((1, m((1, m((1, "fake"), (2, payload))), (2, m((1, CSR))))))


CALLS = {
    "attest": call("AttestAgent", attestation("node")),
    "attest_challenge": call("AttestAgent", attestation("?one"), m((2, "?two")), m((2, "node"))),
    "renew": call("RenewAgent", m((1, m((1, CSR))))),
    "status": call("PostStatus", m((1, 7), (2, "1.12.0"))),
    "follow": call("Follow", m((1, MASK), (3, 1)), m((2, 1)), b"", m((2, 1))),
    "follow_slow": call("Follow", m((3, 1)), (True, b""), m((2, 1)), (True, m((2, 1)))),
    "ask": call("AskAboutCaller", m((1, selector("unix", "uid:1")), (1, selector("unix", "gid:1")), (2, 3))),
    "ask_elsewhere": call("AskAboutCaller", m((1, selector("unix", "uid:2")))),
    "explain_id": call("ExplainEntry", m((1, "web"), (4, "spiffe://example.org/spire/agent/fake/agent"))),
    "explain_spiffe": call("ExplainEntry", m((2, "spiffe://example.org/web"), (3, selector("unix", "uid:2")))),
    "explain_selectors": call("ExplainEntry", m((3, selector("unix", "uid:1")))),
    "sync": call("SyncAuthorizedEntries", m((1, MASK))),
    "sync_pages": call("SyncAuthorizedEntries", (True, m((1, MASK))), m((2, "e1"), (2, "e200"), (2, "web")),
                       (True, m((2, "e7"))), (True, m((2, "e8")))),
    "entries": call("GetAuthorizedEntries", m((1, MASK))),
    "x509": call("BatchNewX509SVID", m((1, m((1, "web"), (2, CSR))), (1, m((1, "elsewhere"), (2, CSR))))),
    "jwt": call("NewJWTSVID", m((1, "web"), (2, "db"))),
    "wit": call("BatchNewWITSVID", m((1, m((1, "web"), (2, KEY), (3, "ES256"))))),
    "downstream": call("NewDownstreamX509CA", m((1, CSR), (2, 600))),
    "bundle": call("GetBundle", m((1, m((2, 1), (3, 1))))),
    "federated": call("GetFederatedBundle", m((1, "other.org"))),
    "publish_jwt": call("PublishJWTAuthority", m((1, m((1, KEY), (2, "kid"), (3, 1900000000))))),
    "publish_wit": call("PublishWITAuthority", m((1, m((1, KEY), (2, "kid"), (3, 1900000000))))),
    "append": call("AppendBundle", m((1, m((1, CA))), (2, m((1, KEY), (2, "kid"))))),
    "bundles": call("ListFederatedBundles", m((2, 1), (3, "1"))),
    "bundle_create": call("BatchCreateFederatedBundle", m((1, BUNDLE))),
    "bundle_update": call("BatchUpdateFederatedBundle", m((1, BUNDLE), (2, m((2, 1))))),
    "bundle_set": call("BatchSetFederatedBundle", m((1, BUNDLE))),
    "bundle_delete": call("BatchDeleteFederatedBundle", m((1, "other.org"), (2, 2))),
    "mint_x509": call("MintX509SVID", m((1, CSR), (2, 60))),
    "mint_jwt": call("MintJWTSVID", m((1, spiffe("/web")), (2, "db"), (3, 60))),
    "mint_wit": call("MintWITSVID", m((1, spiffe("/web")), (2, KEY), (4, "ES256"))),
    "count": call("CountEntries", m((1, m((2, spiffe("/spire/agent/fake/agent")), (3, MATCH))))),
    "list": call("ListEntries", m((1, m((1, spiffe("/web")), (3, MATCH), (5, m((1, "h"))))), (2, MASK), (3, 2))),
    "list_next": call("ListEntries", m((3, 2), (4, "1"))),
    "get": call("GetEntry", m((1, "web"), (2, MASK))),
    "create": call("BatchCreateEntry", m((1, entry("/new", (5, 60), (9, 1900000000), (10, "a.example.org"),
                                                   (14, "h"), (16, m((1, 1))))))),
    "update": call("BatchUpdateEntry", m((1, entry("/web", (1, "web"), (7, 1))), (2, m((7, 1))))),
    "delete": call("BatchDeleteEntry", m((1, "web"), (1, "none"))),
    "agents_count": call("CountAgents", m((1, m((1, "fake"), (5, "2030-01-02 15:04:05 -0700 -07"))))),
    "agents": call("ListAgents", m((1, m((2, MATCH), (3, m((1, 0))))), (3, 1))),
    "agent": call("GetAgent", m((1, spiffe("/spire/agent/fake/agent")))),
    "agent_delete": call("DeleteAgent", m((1, spiffe("/spire/agent/fake/agent")))),
    "agent_ban": call("BanAgent", m((1, spiffe("/spire/agent/fake/agent")))),
    "token": call("CreateJoinToken", m((1, 60), (2, "tok"), (3, spiffe("/node")))),
    "relation_create": call("BatchCreateFederationRelationship", m((1, RELATION))),
    "relation_update": call("BatchUpdateFederationRelationship", m((1, RELATION), (2, m((1, 1))))),
    "relation_delete": call("BatchDeleteFederationRelationship", m((1, "other.org"))),
    "relation": call("GetFederationRelationship", m((1, "other.org"))),
    "relations": call("ListFederationRelationships", m((2, 1))),
    "refresh": call("RefreshBundle", m((1, "other.org"))),
    "taint": call("TaintX509Authority", m((1, "00" * 20))),
    "upstream_taint": call("TaintX509UpstreamAuthority", m((1, "00" * 20))),
    "level": call("SetLogLevel", m((1, 1))),
    "health": call("Check", b""),
}




def row(kind, name, body, later=False):
    """As server_rows_fuzz.cc says; kind by its place there."""
    return bytes([kind | (8 if later else 0), len(name)]) + name.encode() + struct.pack("<H", len(body)) + body


AGENT = "spiffe://example.org/spire/agent/fake/old"
ROWS = {
    "entry": row(0, "new", m((1, entry("/new", (1, "new"), (11, 3))))),
    "entry_later": row(0, "web", m((1, entry("/web", (1, "web"), (9, 1700000060)))), True),
    "alias": row(0, "alias", m((1, m((1, "alias"), (2, spiffe("/alias")), (3, spiffe("/spire/server")),
                                     (4, selector("fake", "name:agent")))))) +
    row(0, "below", m((1, m((1, "below"), (2, spiffe("/b")), (3, spiffe("/alias")), (4, selector("unix", "uid:1")))))),
    "agent": row(1, AGENT, m((1, spiffe("/spire/agent/fake/old")), (2, "fake"), (3, "17"), (4, 1800000000), (5, "18"),
                             (9, selector("fake", "name:old")))),
    "bundle": row(2, "other.org", m((1, BUNDLE), (2, m((1, "kid"), (2, 1800000000))))),
    "own_bundle": row(2, "example.org", m((1, m((1, "example.org"), (2, m((1, CA), (2, 1))), (5, 9)))), True),
    "federation": row(3, "other.org", m((1, RELATION))),
    "token": row(4, "tok", m((1, "tok"), (2, 1700000060))),
    "server": row(5, "server/11111111-2222-3333-4444-555555555555", m((1, "j"), (2, 1700000000), (4, 7), (6, 3))),
    "import": row(5, "spire_import", m((1, "db"), (3, 1700000000), (4, 1700000001))),
    "journal": row(6, "j", m((1, m((1, "A"), (2, 1700000000), (3, 1800000000), (4, 3), (5, "aa"), (6, CA),
                                   (9, "x509-CA-A"), (10, KEY))),
                             (3, m((1, "B"), (3, 1800000000), (4, 2), (5, "k"), (9, "JWT-Signer-B"), (10, KEY))))),
}


def answers(what, *messages):
    return bytes([what]) + b"".join(struct.pack("<H", len(message)) + message for message in messages)


def agents_entry(name, path="/me", *more):
    return m((1, name), (2, spiffe(path)), (4, selector("unix", "uid:0")), *more)


OWN = m((1, "example.org"), (2, m((1, CA), (2, 1))), (3, m((1, KEY), (2, "kid-1"), (4, 1))), (5, 2))
SVID = m((2, m((1, LEAF), (1, CA), (2, m((1, "example.org"), (2, "/me"))), (3, 1800000000))))
TOKEN = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImtpZC0xIn0.eyJhdWQiOlsiZGIiXSwiZXhwIjo0MTAyNDQ0ODAwLCJzdWIiOiJzcGlmZmU6Ly9" \
        "leGFtcGxlLm9yZy93ZWIifQ.AAAA"
ANSWERS = {
    "entries": answers(0, m((2, agents_entry("1", "/me", (6, "other.org"), (9, 1700001000), (14, "h")))), OWN, BUNDLE),
    "no_entries": answers(0, b"", OWN),
    "minted": answers(0, m((2, agents_entry("9", "/new"))), OWN, m((1, SVID), (1, m((1, m((1, 5))))))),
    "revisions": answers(1, m((1, m((1, "1"), (2, 7))), (1, m((1, "9"), (2, 1), (3, 5))), (3, 1)), m((1, m((1, "3")))),
                         m((2, agents_entry("9")), (3, 1)), m((2, agents_entry("1")))),
    "told": answers(2, m((1, 9), (3, agents_entry("9", "/new")), (4, "1"), (5, "example.org"), (5, "other.org")), OWN,
                    BUNDLE),
    "told_all": answers(2, m((1, 9), (2, 1), (6, 1700000000))),
    "jwt": answers(3, m((1, TOKEN), (2, spiffe("/me")), (3, 1800000000), (4, 1700000000))),
    "wit": answers(4, m((1, m((2, m((1, TOKEN), (2, spiffe("/me")), (3, 1800000000))))))),
    "about": answers(5, m((1, 7), (2, 1700000000), (3, m((1, "9"), (2, "spiffe://example.org/x"), (3, "spiffe://a/b"),
                                                         (4, selector("k8s", "ns:shop")), (5, 1700000000), (8, 1))),
                          (4, 1))),
}

ID = "spiffe://example.org/web"
WORKLOAD = {
    "x509": m((1, m((1, ID), (2, LEAF), (3, PRIVATE), (4, CA), (5, "h"))), (3, m((1, "spiffe://other.org"), (2, CA)))),
    "x509_chain": m((1, m((1, ID), (2, LEAF + CA), (3, PRIVATE), (4, CA + CA)))),
    "x509_bundles": m((2, m((1, "spiffe://example.org"), (2, CA)))),
    "jwt": m((1, m((1, ID), (2, TOKEN), (3, "h")))),
    "jwt_bundles": m((1, m((1, "spiffe://example.org"), (2, '{"keys":[]}')))),
    "validated": m((1, ID), (2, m((1, m((1, "aud"), (2, m((6, m((1, m((3, "db"))))))))),
                                  (1, m((1, "exp"), (2, m((4, 1)))))))),
    "unix": b"unix:///run/agent.sock",
    "tcp": b"tcp://[::1]:8080",
}

DATA = [base64.b64encode(PEM).decode()]
AGENT_DATA = {
    "ours": {"svid": DATA, "bundle": DATA + DATA, "reattestable": True, "bootstrap_use": 1,
             "bootstrap_start_time": "2026-01-02T03:04:05Z", "connection_attempts": 3},
    "zone": {"svid": None, "bundle": DATA, "bootstrap_start_time": "2026-01-02T03:04:05.678901+02:00"},
    "none": {"bootstrap_start_time": "0001-01-01T00:00:00Z"},
}

ENTRY = {"entry_id": "e", "spiffe_id": ID, "parent_id": "spiffe://example.org/n", "hint": "h", "x509_svid_ttl": 60,
         "jwt_svid_ttl": 60, "entryExpiry": 1900000000, "admin": True, "downstream": False, "store_svid": False,
         "federates_with": ["spiffe://other.org"], "dns_names": ["a.b"], "selectors": [{"type": "unix", "value": "uid:1"}],
         "additional_attributes": {"disable_x509_svid_prefetch": True}}
WEB = {"trustDomain": "other.org", "bundleEndpointURL": "https://other.org/", "bundleEndpointProfile": "https_web",
       "trustDomainBundle": PEM.decode(), "trustDomainBundleFormat": "pem"}
SPIFFE = {**WEB, "bundleEndpointProfile": "https_spiffe", "endpointSPIFFEID": "spiffe://other.org/s",
          "trustDomainBundle": {"keys": [], "spiffe_sequence": 1}, "trustDomainBundleFormat": "spiffe"}
FILES = {
    "entries": {"entries": [ENTRY]},
    "ids": {"ids": ["a", "b"]},
    "relationships": {"federationRelationships": [WEB, SPIFFE]},
    "bundle.pem": PEM,
    "date": b"2030-01-02 15:04:05 -0700 -07",
    "number": b"-0x1_0",
    "duration": b"1h30m0.5s",
}


def main():
    corpora = {"server_requests": CALLS, "server_rows": ROWS, "server_answers": ANSWERS, "workload_answers": WORKLOAD,
               "agent_data": AGENT_DATA, "operator_files": FILES, "csr": {"chain_ec-p256": LEAF + CA}}
    for target, files in corpora.items():
        folder = pathlib.Path(sys.argv[1]) / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


if __name__ == "__main__":
    main()
