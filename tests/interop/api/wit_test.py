"""WIT-SVIDs, with the feature flag and without."""

import unittest

from harness.api import ApiTest, entry, pause, service, table, td

svid, bundle = service("SVID"), service("Bundle")
P256 = ("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEH9pD7THDvlzcIqPQnuxAeLmEDiib/+Qwuij8nyTDkhc7CiMsLxMr"
        "+Hlyut4+eIp8lBILSXYuCm9ITuEax+hj3A==")
P384 = ("MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEWvgYrHIKulVZ0V4u4s9djS2EENYVnOKESAociXsM8leVKLPhN7iK+Ct/"
        "F3036xDG71BHaloAkgoykbzOR9Ys7YNIevK64B0fRWMyHhIJWGNPxdI96uLfd8Nw883r/TS3")


def mint(row, **request):
    return svid(row, "MintWITSVID", request)


def new(row, *params):
    return svid(row, "BatchNewWITSVID", {"params": list(params)}, caller="agent")


def made():
    return [service("Entry")("good", "BatchCreateEntry", {"entries": [
        entry(1, x509_svid_ttl=100), entry(2, parent_id=td("/elsewhere"))]}), pause(2.5)]


class WitSvids(ApiTest):
    @table({"server": {"experimental": {"feature_flags": ["wit-svid"], "cache_reload_interval": "1s"}}})
    def test_with_the_feature(self):
        good = {"id": td("/a"), "public_key": P256, "signing_algorithm": "ES256"}
        of = {"entry_id": "e1", "public_key": P256, "signing_algorithm": "ES256"}
        return [
            *made(), mint("good", **good),
            mint("good ttl", id=td("/a"), public_key=P384, signing_algorithm="ES384", ttl=60),
            mint("ttl", **good, ttl=-5), mint("id-bad"),
            *(mint("id-bad", **{**good, "id": bad}) for bad in (
                None, td(""), td("/spire/x"), {"trust_domain": "other.org", "path": "/a"})),
            mint("key-malformed", id=td("/a")), mint("key-malformed", **{**good, "public_key": "AAAA"}),
            mint("algorithm-bad", id=td("/a"), public_key=P256),
            *(mint("algorithm-bad", **{**good, "signing_algorithm": bad}) for bad in ("none", "ES384", "es256")),
            new("nothing"), new("no-entry-id", {}), new("no-key", {"entry_id": "e1"}),
            new("no-key", {"entry_id": "none"}),
            new("key-malformed", {"entry_id": "e1", "public_key": "AAAA"}),
            new("unknown", {**of, "entry_id": "none"}), new("unknown", {**of, "entry_id": "e2"}),
            new("algorithm-bad", {"entry_id": "e1", "public_key": P256}),
            new("algorithm-bad", {**of, "signing_algorithm": "ES512"}),
            # One bad item never fails the others.
            new("good no-entry-id", of, {}, {"entry_id": "e1", "public_key": P384, "signing_algorithm": "ES384"}),
            bundle("good", "GetBundle"), bundle("mask", "GetBundle", {"output_mask": {"wit_authorities": True}}),
        ]

    @table()
    def test_without_the_feature(self):
        of = {"entry_id": "e1", "public_key": P256, "signing_algorithm": "ES256"}
        return [*made(), mint("disabled", id=td("/a"), public_key=P256, signing_algorithm="ES256"),
                mint("disabled"), new("disabled", of), new("disabled no-entry-id", of, {}), new("nothing"),
                bundle("good", "GetBundle"),
                *(service("LocalAuthority")("disabled", f"{what}WITAuthority" + ("State" if what == "Get" else ""))
                  for what in ("Get", "Prepare", "Activate", "Taint", "Revoke"))]


if __name__ == "__main__":
    unittest.main()
