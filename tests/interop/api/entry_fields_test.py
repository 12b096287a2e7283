"""The Entry service: what an entry may have in it, when it is made and when it is changed."""

import unittest

from harness.api import ApiTest, entry, pause, service, table, td

entries, bundle = service("Entry"), service("Bundle")
TWO_TYPES = [{"type": "a", "value": "b"}, {"type": "c", "value": "d"}]
# What a created and an updated entry are refused for: row, fields.
REFUSED = [
    ("no-parent-id", {"parent_id": None}), ("no-spiffe-id", {"spiffe_id": None}),
    ("bad-parent-id", {"parent_id": {"trust_domain": "other.org", "path": "/x"}}),
    ("no-selectors", {"selectors": []}), ("selector-no-type", {"selectors": [{"type": "", "value": "c"}]}),
    ("selector-colon", {"selectors": [{"type": "a:b", "value": "c"}]}),
    ("selector-no-value", {"selectors": [{"type": "a", "value": ""}]}),
    *(("bad-spiffe-id", {"spiffe_id": td(path)}) for path in (
        "", "/", "/a//b", "/a/../b", "/a/./b", "/a/", "a", "/ä", "/a%20b")),
    *(("bad-spiffe-id", {"spiffe_id": {"trust_domain": name, "path": "/x"}}) for name in (
        "EXAMPLE.org", "", "example.org:80")),
    ("spiffe-id-foreign", {"spiffe_id": {"trust_domain": "other.org", "path": "/x"}}),
    *(("spiffe-id-reserved", {"spiffe_id": td(path)}) for path in (
        "/spire/agent/x", "/spire/server", "/spire")),
    *(("dns-name-bad", {"dns_names": names}) for names in (
        [""], ["-bad"], ["x" * 64 + ".org"], ["ok.example.org", "b..ad"], ["a.*.org"], ["*.*.org"], ["a."])),
    ("x509-ttl-negative", {"x509_svid_ttl": -1}), ("jwt-ttl-negative", {"jwt_svid_ttl": -1}),
    ("federated-malformed", {"federates_with": ["a b"]}), ("hint-too-long", {"hint": "y" * 1025}),
    ("store-svid-types", {"store_svid": True, "selectors": TWO_TYPES}),
]


class EntryFields(ApiTest):
    @table()
    def test_creation(self):
        base = {"spiffe_id": td("/x"), "parent_id": td("/host"), "selectors": [{"type": "a", "value": "b"}]}

        def create(row, **change):
            return entries(row, "BatchCreateEntry", {"entries": [{**base, **change}]})

        def other(row, n, **change):
            return create(row, spiffe_id=td(f"/n/{n}"), **change)
        twice = [{"type": "a", "value": "b"}] * 2
        return [
            bundle("good", "BatchCreateFederatedBundle", {"bundle": [{"trust_domain": "fed.org"}]}),
            entries("good", "BatchCreateEntry", {"entries": [entry(n) for n in range(1, 4)]}),
            # One bad item never fails the others.
            entries("good similar x509-ttl-negative hint-too-long federated-unknown bad-spiffe-id",
                    "BatchCreateEntry", {"entries": [
                        entry(20), {**base, "spiffe_id": td("bad path")}, entry(1), entry(21, x509_svid_ttl=-1),
                        entry(22, hint="x" * 1025), entry(23, federates_with=["nosuch.org"]), entry(24)]}),
            entries("mask", "BatchCreateEntry", {"entries": [entry(30)], "output_mask": {"spiffe_id": True}}),
            entries("mask similar", "BatchCreateEntry", {
                "entries": [entry(30), entry(31)], "output_mask": {"hint": True}}),
            entries("-", "BatchCreateEntry"),
            *(create(row, **change) for row, change in REFUSED),
            create("id-of-the-server"), create("similar", hint="other"), create("similar", id="mine"),
            other("id-of-the-caller", 1, id="ok_id-1.2"), other("id-taken", 2, id="ok_id-1.2"),
            other("id-of-the-caller", 3, id="i" * 255), other("id-too-long", 4, id="i" * 256),
            *(other("id-characters", 5, id=name) for name in ("with space", "a/b", "ä", "a:b")),
            other("selector-twice", 6, selectors=twice), other("dns-name-twice", 7, dns_names=["a", "a"]),
            other("selector-value-colons", 8, selectors=[{"type": "unix", "value": "a:b:c"}]),
            other("federated-unknown", 9, federates_with=["nosuch.org"]),
            other("-", 10, federates_with=["example.org"]),
            other("-", 11, federates_with=["fed.org", "spiffe://fed.org"]),
            other("expired", 12, expires_at=1), other("-", 13, hint="y" * 1024),
            other("-", 14, store_svid=True), other("-", 15, store_svid=True, selectors=[
                {"type": "a", "value": "b"}, {"type": "a", "value": "c"}]),
            other("store-svid-prefetch", 16, store_svid=True,
                  additional_attributes={"disable_x509_svid_prefetch": True}),
            other("-", 17, revision_number=7), other("-", 18, created_at=5),
            other("-", 19, parent_id=td("/spire/agent/x")), other("-", 20, parent_id=td("/spire/server")),
            other("-", 21, x509_svid_ttl=2**31 - 1, jwt_svid_ttl=2**31 - 1),
            other("-", 22, dns_names=["UPPER", "under_score", "single", "1.2.3.4", "*.wild.org", "a.wild.org"]),
            create("-", spiffe_id={"trust_domain": "spiffe://example.org", "path": "/x"}),
            other("every-field", 24, x509_svid_ttl=11, jwt_svid_ttl=12, federates_with=["fed.org"], admin=True,
                  downstream=True, expires_at=4102444800, dns_names=["b.org", "a.org"], hint="h",
                  additional_attributes={"disable_x509_svid_prefetch": True, "jwt_svid_include_jti": True}),
            entries("good", "ListEntries"),
        ]

    @table()
    def test_change(self):
        def update(row, change, *mask, **more):
            masks = {"input_mask": {field: True for field in mask}} if mask else {}
            return entries(row, "BatchUpdateEntry", {"entries": [change], **masks, **more})

        def get():
            return entries("good", "GetEntry", {"id": "e1"})
        full = entry(1, x509_svid_ttl=11, jwt_svid_ttl=12, federates_with=["fed.org"], admin=True,
                     downstream=True, expires_at=4102444800, dns_names=["b.org", "a.org"], hint="h",
                     additional_attributes={"disable_x509_svid_prefetch": True})
        new = {"spiffe_id": td("/new"), "parent_id": td("/newhost"), "x509_svid_ttl": 21, "jwt_svid_ttl": 22,
               "selectors": [{"type": "new", "value": "x"}], "federates_with": ["fed2.org"], "admin": False,
               "downstream": False, "expires_at": "4102444801", "dns_names": ["new.org"], "hint": "new",
               "store_svid": True, "additional_attributes": {"jwt_svid_include_jti": True}}
        short = {"x509_svid_ttl": "x509-ttl", "jwt_svid_ttl": "jwt-ttl", "additional_attributes": "additional"}
        return [
            bundle("good", "BatchCreateFederatedBundle", {"bundle": [
                {"trust_domain": "fed.org"}, {"trust_domain": "fed2.org"}]}),
            entries("good", "BatchCreateEntry", {"entries": [full, entry(2), entry(3)]}),
            # Each field by itself, with all others changed in the request as well.
            *(call for field in new for call in (
                update("mask-" + short.get(field, field.replace("_", "-")), {"id": "e1", **new}, field), get())),
            # And emptied again.
            *(call for field in new if field not in ("spiffe_id", "parent_id", "selectors") for call in (
                update("mask-" + short.get(field, field.replace("_", "-")), {"id": "e1"}, field), get())),
            update("good", full), get(), update("nothing-changed", full), get(),
            update("mask-empty", {"id": "e1", **new}, input_mask={}), get(),
            update("mask-out", {"id": "e1", "hint": "n"}, "hint", output_mask={"hint": True}),
            update("mask-out", {"id": "e1", "hint": "n"}, "hint", output_mask={}),
            update("-", {"id": "e1", "revision_number": 99, "created_at": 9}),
            update("duplicate", {**entry(2), "id": "e3"}),
            update("unknown", {"id": "none", "hint": "h"}, "hint"), update("-", {"hint": "h"}, "hint"),
            update("unknown", entry(99)), update("federated-unknown", entry(1, federates_with=["nosuch.org"])),
            update("federated-unknown", {"id": "e1", "federates_with": ["nosuch.org"]}, "federates_with"),
            *(update(row, {**entry(1), **change}) for row, change in REFUSED),
            *(update(row, {"id": "e1", **change}, *change) for row, change in REFUSED),
            update("-", entry(1, store_svid=True, additional_attributes={"disable_x509_svid_prefetch": True})),
            update("-", {"id": "e2", "selectors": TWO_TYPES}, "selectors"),
            update("mask-store-svid", {"id": "e2", "store_svid": True}, "store_svid"),
            update("-", {"id": "e2", "selectors": [TWO_TYPES[0]] * 2}, "selectors"),
            update("-", {"id": "e2", "dns_names": ["a", "a"]}, "dns_names"),
            entries("good no-selectors unknown", "BatchUpdateEntry", {"entries": [
                entry(2, hint="b"), {"id": "e1", "spiffe_id": td("/q"), "parent_id": td("/q")}, entry(98)]}),
            entries("good", "ListEntries"), pause(2.5),
            entries("good", "GetAuthorizedEntries", caller="agent"),
        ]


if __name__ == "__main__":
    unittest.main()
