"""The Bundle service: our own bundle, those of foreign trust domains, keys of servers below."""

import dataclasses
import unittest

from harness.api import ApiTest, do, entry, refused_with, service, table
from harness.case import OUR_UID
from harness.certificates import Certificate

bundle, entries = service("Bundle"), service("Entry")
P256 = ("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEH9pD7THDvlzcIqPQnuxAeLmEDiib/+Qwuij8nyTDkhc7CiMsLxMr"
        "+Hlyut4+eIp8lBILSXYuCm9ITuEax+hj3A==")
P384 = ("MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEWvgYrHIKulVZ0V4u4s9djS2EENYVnOKESAociXsM8leVKLPhN7iK+Ct/"
        "F3036xDG71BHaloAkgoykbzOR9Ys7YNIevK64B0fRWMyHhIJWGNPxdI96uLfd8Nw883r/TS3")
LATER = "1895428238"
ALL_FIELDS = ("refresh_hint", "sequence_number", "x509_authorities", "jwt_authorities")


def of(name, **fields):
    return {"trust_domain": name, **fields}


def own_roots(side):
    return side.ask("Bundle/GetBundle", {})["x509Authorities"]


class Bundles(ApiTest):
    @table()
    def test_our_own(self):
        def append(row, **request):
            return bundle(row, "AppendBundle", request)
        key = {"key_id": "k", "public_key": P256, "expires_at": LATER}
        return [
            bundle("good", "GetBundle", caller="nobody"), bundle("good", "GetBundle", caller="agent"),
            *(bundle("mask", "GetBundle", {"output_mask": mask}) for mask in (
                {}, *({field: True} for field in ALL_FIELDS), {"wit_authorities": True})),
            bundle("good", "CountBundles"),
            append("nothing"), append("nothing", output_mask={"refresh_hint": True}),
            append("x509-malformed", x509_authorities=[{"asn1": "AAAA"}]),
            append("jwt-malformed", jwt_authorities=[{"key_id": "k", "public_key": "AAAA"}]),
            append("jwt-without-id", jwt_authorities=[{"public_key": P256}]),
            # One bad authority, and nothing is appended.
            append("jwt-malformed", jwt_authorities=[key, {"key_id": "l", "public_key": "AAAA"}]),
            append("good-jwt", jwt_authorities=[key]), append("again", jwt_authorities=[key]),
            append("good-jwt", jwt_authorities=[{**key, "key_id": "t", "tainted": True}]),
            bundle("again", "AppendBundle", lambda side: {"x509_authorities": own_roots(side)}),
            bundle("good-x509", "AppendBundle", lambda side: {"x509_authorities": [
                {"asn1": self.foreign_root(), "tainted": True}]}),
            append("mask", jwt_authorities=[{**key, "key_id": "m"}], output_mask={"jwt_authorities": True}),
            append("mask", jwt_authorities=[{**key, "key_id": "n"}], output_mask={}),
            bundle("good", "GetBundle"),
            # Last: SPIRE's bundle holds it from then on.
            dataclasses.replace(append("-", x509_authorities=[{}]), differs=lambda ours, theirs: (
                {} in theirs[0]["answer"]["x509Authorities"]
                and {} not in ours[0]["answer"]["x509Authorities"])),
        ]

    def foreign_root(self):
        """base64 of DER, the same for both servers."""
        folder = self.folder / "foreign"
        if not folder.exists():
            Certificate(folder, "root", "URI:spiffe://example.org")
        return "".join((folder / "root.pem").read_text().splitlines()[1:-1])

    @table()
    def test_of_others(self):
        def create(row, *bundles, **more):
            return bundle(row, "BatchCreateFederatedBundle", {"bundle": bundles, **more})

        def update(row, *bundles, **more):
            return bundle(row, "BatchUpdateFederatedBundle", {"bundle": bundles, **more})

        def put(row, *bundles, **more):
            return bundle(row, "BatchSetFederatedBundle", {"bundle": bundles, **more})

        def get(row, name, **more):
            return bundle(row, "GetFederatedBundle", {"trust_domain": name, **more})

        def listed(row, **request):
            return bundle(row, "ListFederatedBundles", request)
        key = {"key_id": "k", "public_key": P256, "expires_at": LATER, "tainted": True}
        full = {"refresh_hint": "60", "sequence_number": "5", "jwt_authorities": [key]}
        changed = of("third.org", refresh_hint="90", sequence_number="9",
                     jwt_authorities=[{"key_id": "z", "public_key": P384}])
        wrong = (("own", of("example.org")), ("domain-malformed", of("b ad")), ("domain-malformed", of("")),
                 ("bundle-malformed", of("bad.org", x509_authorities=[{"asn1": "AAAA"}])),
                 ("bundle-malformed", of("bad.org", jwt_authorities=[{"key_id": "k", "public_key": "AAAA"}])))
        return [
            listed("good"), create("good", of("other.org")), create("exists", of("other.org")),
            create("good", of("spiffe://by-id.org")), create("-"), update("-"), put("-"),
            # One bad item never fails the others.
            create("good own domain-malformed", of("example.org"), of("b ad"), of("third.org", **full),
                   of("fourth.org", wit_authorities=[{"key_id": "w", "public_key": P256}])),
            bundle("good", "BatchCreateFederatedBundle", lambda side: {"bundle": [
                of("roots.org", x509_authorities=own_roots(side))]}),
            create("mask", of("masked.org", **full), output_mask={"refresh_hint": True}),
            create("mask", of("masked2.org", **full), output_mask={}),
            *(make(row, item) for make in (create, update, put) for row, item in wrong),
            get("good", "third.org"), get("by-id", "spiffe://third.org"), get("domain-malformed", ""),
            get("domain-malformed", "b ad"), get("own", "example.org"), get("own", "spiffe://example.org"),
            get("unknown", "none.org"), get("mask", "third.org", output_mask={}),
            *(get("mask", "third.org", output_mask={field: True}) for field in ALL_FIELDS),
            bundle("good", "GetFederatedBundle", {"trust_domain": "third.org"}, caller="agent"),
            bundle("unknown", "GetFederatedBundle", {"trust_domain": "none.org"}, caller="agent"),
            listed("good"), *(listed("mask", output_mask=mask) for mask in ({}, {"refresh_hint": True})),
            listed("page-first", page_size=3), listed("page-next", page_size=3, page_token="3"),
            listed("page-next", page_size=3, page_token="6"),
            listed("page-past-the-end", page_size=3, page_token="99"),
            listed("page-size-negative", page_size=-1),
            listed("page-token-bad", page_size=3, page_token="nonsense"),
            # Field by field.
            *(call for field in ALL_FIELDS for call in (
                update("mask-" + field.replace("_", "-"), changed, input_mask={field: True}),
                get("good", "third.org"))),
            update("good", of("third.org", **full), input_mask={}), get("good", "third.org"),
            update("all-fields", of("third.org", refresh_hint="7")), get("good", "third.org"),
            update("unknown good", of("none.org", **full), of("third.org", **full)),
            update("mask", of("third.org", **full), output_mask={"sequence_number": True}),
            update("own domain-malformed bundle-malformed good", *(item for _, item in wrong), of("third.org")),
            put("good", of("new.org", **full)), put("replaces", of("new.org", refresh_hint="1")),
            get("good", "new.org"), put("mask", of("new.org", **full), output_mask={"refresh_hint": True}),
            put("own domain-malformed bundle-malformed good", *(item for _, item in wrong), of("fifth.org")),
            bundle("good", "CountBundles"),
        ]

    @table()
    def test_deletion(self):
        def delete(row, *names, **more):
            return bundle(row, "BatchDeleteFederatedBundle", {"trust_domains": names, **more})
        names = ("used.org", "gone.org", "left.org", "free.org", "both.org")
        return [
            bundle("good", "BatchCreateFederatedBundle", {"bundle": [of(name) for name in names]}),
            entries("good", "BatchCreateEntry", {"entries": [
                entry(1, federates_with=["used.org", "left.org"]), entry(2, federates_with=["gone.org"]),
                entry(3, federates_with=["both.org", "used.org"])]}),
            delete("-"), delete("restrict-used", "used.org"), delete("restrict-used", "used.org", mode="RESTRICT"),
            delete("good unknown own domain-malformed", "free.org", "none.org", "", "b ad", "example.org"),
            delete("mode-unknown", "used.org", mode=7), delete("mode-unknown", mode=-1),
            delete("dissociate", "left.org", mode="DISSOCIATE"), delete("delete", "gone.org", mode="DELETE"),
            delete("unknown good", "gone.org", "spiffe://both.org", mode="DISSOCIATE"),
            entries("good", "ListEntries", {"output_mask": {"federates_with": True, "spiffe_id": True}}),
            bundle("good", "ListFederatedBundles"),
        ]

    @table()
    def test_keys_of_servers_below(self):
        def publish(row, **authority):
            return bundle(row, "PublishJWTAuthority", {"jwt_authority": authority}, caller="down")
        return [
            bundle("nothing", "PublishJWTAuthority", caller="down"), publish("malformed"),
            publish("malformed", key_id="k"), publish("malformed", public_key=P256),
            publish("malformed", key_id="k", public_key="AAAA"),
            publish("good", key_id="k", public_key=P256, expires_at=LATER),
            publish("good", key_id="k", public_key=P256, expires_at=LATER),
            publish("good", key_id="k", public_key=P384, expires_at=LATER),
            publish("good", key_id="t", public_key=P256, tainted=True),
            bundle("good", "GetBundle"),
            bundle("not-implemented", "PublishWITAuthority", caller="down"),
        ]

    def below(self):
        """Both sides below the same server, which stop_upper() ends."""
        self.upper = self.server("spire", name="upper")
        above = self.agent("spire", self.upper, {"agent": {"experimental": {"sync_interval": "1s"}}}, name="above")
        self.upper.create_entry("/downstream", "/node", [OUR_UID], "-downstream")
        self.wait_ids(above, ["spiffe://example.org/downstream"])
        return {"plugins": {"UpstreamAuthority spire": {"plugin_data": {
            "server_address": "127.0.0.1", "server_port": self.upper.port,
            "workload_api_socket": str(above.socket)}}}}

    def stop_upper(self, _):
        self.upper.stop()

    @table(below)
    def test_keys_of_servers_below_one_whose_own_upper_server_is_away(self):
        def publish(row, **more):
            return bundle(row, "PublishJWTAuthority", {"jwt_authority": {"key_id": "k", "public_key": P256}},
                          caller="down", **more)
        return [do(self.stop_upper), publish("upstream-away", differs=refused_with(
            "Internal", "failed to publish JWT key"))]


if __name__ == "__main__":
    unittest.main()
