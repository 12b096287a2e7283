"""The SVID service: X.509 and JWT-SVIDs, and the authorities of servers below. WIT: wit_test.py."""

import json
import unittest

from harness import certificates
from harness.api import ApiTest, do, entry, pause, service, table, td
from harness.process import wait_until

svid, entries, bundle = service("SVID"), service("Entry"), service("Bundle")
GOOD = ["-spiffe-id", "spiffe://example.org/m"]
OTHERS = {"trust_domain": "other.org", "path": "/m"}


def mint(row, *flags, **more):
    return svid(row, "MintX509SVID", lambda side: {"csr": side.csr(*flags), **more})


def odd(row, *names):
    """A request for several names, as the probe does not make them."""
    return svid(row, "MintX509SVID", lambda side: {"csr": certificates.request(side.server.folder, *names)})


def jwt(row, **request):
    return svid(row, "MintJWTSVID", request)


def new(row, *entry_ids, flags=()):
    return svid(row, "BatchNewX509SVID", lambda side: {
        "params": [{"entry_id": e, "csr": side.csr(*flags)} for e in entry_ids]}, caller="agent")


def new_jwt(row, entry_id, *audience):
    return svid(row, "NewJWTSVID", {"entry_id": entry_id, "audience": audience}, caller="agent")


class Svids(ApiTest):
    @table()
    def test_minted_for_operators(self):
        m = "URI:spiffe://example.org/m"
        return [
            # SPIRE signs for any key that Go can read; ours refuses the weak and the odd ones, which
            # tests/integration/hostile looks at.
            mint("good", *GOOD), mint("good", *GOOD, "-key", "p384"), mint("good", *GOOD, "-key", "rsa2048"),
            mint("ttl", *GOOD, ttl=60), mint("ttl", *GOOD, ttl=-5), mint("ttl", *GOOD, ttl=10**9),
            svid("no-csr", "MintX509SVID"), mint("no-uri"), odd("no-uri", "DNS:a.org"),
            mint("id-bad", "-spiffe-id", "spiffe://other.org/m"), mint("id-bad", "-spiffe-id", "https://example.org/m"),
            mint("id-bad", "-spiffe-id", "spiffe://example.org"),
            mint("id-bad", "-spiffe-id", "spiffe://example.org/spire/x"),
            mint("dns-names", *GOOD, "-dns", "b.example.org"), odd("dns-names", m, "DNS:a.org", "DNS:*.b.org"),
            mint("dns-name-bad", *GOOD, "-dns", "-bad"), odd("dns-name-bad", m, "DNS:ok.org", "DNS:a..b"),
            odd("dns-name-wildcard", m, "DNS:*.a.org", "DNS:b.a.org"), odd("two-uris", m, "URI:spiffe://example.org/n"),
            mint("csr-signature", *GOOD, "-fault", "signature"), mint("csr-malformed", *GOOD, "-fault", "truncated"),
            mint("csr-malformed", *GOOD, "-fault", "garbage"),
            jwt("good ttl", id=td("/m"), audience=["a"], ttl=30), jwt("good", id=td("/m"), audience=["a", "b", ""]),
            jwt("ttl", id=td("/m"), audience=["a"], ttl=-5), jwt("ttl", id=td("/m"), audience=["a"], ttl=10**9),
            jwt("no-audience", id=td("/m")), jwt("audiences-empty", id=td("/m"), audience=[""]),
            jwt("id-bad", id=td(""), audience=["a"]), jwt("id-bad", audience=["a"]),
            jwt("id-bad", id=td("/spire/server"), audience=["a"]), jwt("id-bad", id=OTHERS, audience=["a"]),
        ]

    @table()
    def test_for_agents(self):
        return [
            entries("good", "BatchCreateEntry", {"entries": [
                entry(1), entry(2, parent_id=td("/elsewhere")), entry(3, dns_names=["a.example.org"]),
                entry(4, x509_svid_ttl=60, jwt_svid_ttl=60, additional_attributes={"jwt_svid_include_jti": True})]}),
            pause(2.5),
            new("good", "e1"), new("good", "e3", "e1", "e4"), new("unknown", "e2"), new("unknown", "none"),
            new("no-entry-id", ""), new("good unknown no-entry-id", "e1", "none", "", "e3"),
            new("csr-signature", "e1", flags=["-fault", "signature"]),
            new("csr-malformed", "e1", flags=["-fault", "garbage"]),
            svid("nothing", "BatchNewX509SVID", caller="agent"),
            svid("no-csr", "BatchNewX509SVID", {"params": [{"entry_id": "e1"}]}, caller="agent"),
            new_jwt("good", "e1", "a", "b"), new_jwt("jti", "e4", "a"), new_jwt("no-audience", "e1"),
            new_jwt("unknown", "e2", "a"), new_jwt("unknown", "", "a"), new_jwt("unknown", "none", "a"),
            new_jwt("audiences-empty", "e1", ""),
        ]

    @table({"server": {"disable_jwt_svids": True}})
    def test_without_jwt_svids(self):
        return [jwt("disabled", id=td("/m"), audience=["a"]), jwt("disabled"),
                new_jwt("disabled", "none", "a")]

    @table({"server": {"ratelimit": {"attestation": True, "signing": True}}})
    def test_more_at_once_than_the_limit_lets_through(self):
        many = {"params": [{"entry_id": "none"}] * 501}
        second = {"params": many["params"][:500]}

        def queue(side):
            """Four calls of the agent's wait for their turn from now on, each for a second's worth."""
            waiting = [self.watch(
                f"{side.impl}-waits{n}", "call", "-addr", f"127.0.0.1:{side.server.port}", "-dir", side.agent, "-method",
                "spire.api.server.svid.v1.SVID/BatchNewX509SVID", "-request", json.dumps(second), "-repeat", "1000", "-quiet",
                "-timeout", "600s") for n in range(4)]
            wait_until("each to have had a turn", lambda: all(map(self.json_lines, waiting)))
        return [svid("-", "BatchNewX509SVID", many, caller="agent"),
                svid("-", "BatchNewWITSVID", many, caller="agent"),
                svid("-", "BatchNewX509SVID", second, caller="agent"),
                # What would wait longer than its caller does.
                do(queue), svid("-", "BatchNewX509SVID", second, caller="agent", flags=("-timeout", "2s"))]

    @table()
    def test_authorities_of_servers_below(self):
        def ca(row, *flags, **more):
            return svid(row, "NewDownstreamX509CA", lambda side: {"csr": side.csr(*flags), **more}, caller="down")
        own = ["-spiffe-id", "spiffe://example.org"]
        return [
            svid("csr-malformed", "NewDownstreamX509CA", caller="down"),
            svid("csr-malformed", "NewDownstreamX509CA", {"csr": "AAAA"}, caller="down"),
            ca("csr-signature", "-fault", "signature"), ca("csr-malformed", "-fault", "truncated"),
            ca("csr-malformed", "-fault", "garbage"), ca("good"), ca("good", *own),
            ca("ttl", *own, preferred_ttl=60), ca("ttl", *own, preferred_ttl=-60),
            ca("ttl", *own, preferred_ttl=2000000000), ca("good", *own, "-key", "p384"),
            svid("refused", "NewDownstreamX509CA", lambda side: {"csr": side.csr(*own)}, caller="agent"),
            # What a server below is not allowed.
            entries("refused", "GetAuthorizedEntries", caller="down"), entries("refused", "ListEntries", caller="down"),
            service("LocalAuthority")("refused", "GetX509AuthorityState", caller="down"),
        ]


if __name__ == "__main__":
    unittest.main()
