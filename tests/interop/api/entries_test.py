"""The Entry service: listing, filters, pages, deletion, and what agents fetch."""

import unittest

from harness.api import ApiTest, entry, pause, service, table, td

entries, bundle = service("Entry"), service("Bundle")


def selectors(kind, *pairs):
    return {"by_selectors": {"match": f"MATCH_{kind}",
                             "selectors": [{"type": t, "value": v} for t, v in pairs]}}


def federates(kind, *names):
    return {"by_federates_with": {"match": f"MATCH_{kind}", "trust_domains": names}}


ONE, TWO, ODD = ("unix", "uid:1"), ("unix", "uid:2"), ("k8s", "ns:x")
FILTERS = [
    ("filter-spiffe-id", {"by_spiffe_id": td("/w/1")}), ("filter-spiffe-id", {"by_spiffe_id": td("/none")}),
    ("filter-parent-id", {"by_parent_id": td("/host")}), ("filter-parent-id", {"by_parent_id": td("/spire/server")}),
    *((f"filter-selectors-{kind.lower()}", selectors(kind, *pairs))
      for kind in ("EXACT", "SUBSET", "SUPERSET", "ANY")
      for pairs in ((ONE,), (ONE, TWO), (ONE, ODD), (TWO, ONE, ODD), (("unix", "uid:99"),))),
    *((f"filter-federates-{kind.lower()}", federates(kind, *names))
      for kind in ("EXACT", "SUBSET", "SUPERSET", "ANY")
      for names in (("a.org",), ("a.org", "b.org"), ("spiffe://b.org",), ("none.org",))),
    ("filter-hint", {"by_hint": "h"}), ("filter-hint-empty", {"by_hint": ""}),
    ("filter-downstream", {"by_downstream": True}), ("filter-downstream-false", {"by_downstream": False}),
    ("filter-parent-id filter-selectors-any filter-federates-any filter-hint",
     {"by_parent_id": td("/host"), **selectors("ANY", ONE, TWO), **federates("ANY", "a.org"), "by_hint": "h"}),
    ("bad-spiffe-id", {"by_spiffe_id": td("bad path")}), ("bad-spiffe-id", {"by_spiffe_id": td("/spire/server")}),
    ("bad-spiffe-id", {"by_spiffe_id": {"trust_domain": "other.org", "path": "/x"}}),
    ("bad-parent-id", {"by_parent_id": td("bad path")}), ("bad-parent-id", {"by_parent_id": td("")}),
    ("no-selectors", selectors("EXACT")), ("no-selectors", {"by_selectors": {}}),
    ("bad-selector", selectors("ANY", ("", "x"))), ("bad-selector", selectors("ANY", ("a:b", "x"))),
    ("bad-selector", selectors("ANY", ("a", ""))),
    ("no-domains", federates("ANY")), ("bad-domain", federates("ANY", "BAD")),
]


def in_larger_pages(ours, theirs):
    """The same revisions and entries; SPIRE's pages hold 500."""
    def without_pages(answers):
        return [{k: v for k, v in a.items() if k not in ("pages", "messages")} for a in answers]
    return without_pages(ours) == without_pages(theirs)


class Entries(ApiTest):
    @table()
    def test_listing(self):
        def listed(row, **request):
            return entries(row, "ListEntries", request)
        pairs = [{"type": "unix", "value": "uid:1"}, {"type": "k8s", "value": "ns:x"}]
        return [
            bundle("good", "BatchCreateFederatedBundle", {"bundle": [
                {"trust_domain": "a.org"}, {"trust_domain": "b.org"}]}),
            entries("good", "BatchCreateEntry", {"entries": [
                *(entry(n) for n in range(1, 8)), entry(8, selectors=pairs, federates_with=["a.org"], hint="h"),
                entry(9, selectors=pairs, spiffe_id=td("/w/1"), federates_with=["a.org", "b.org"]),
                entry(10, downstream=True), entry(11, federates_with=["b.org"]),
                entry(12, parent_id=td("/spire/server"))]}),
            listed("good"), entries("good", "CountEntries"), listed("-", page_token="nonsense"),
            *(entries(row, method, {"filter": f}) for row, f in FILTERS
              for method in ("ListEntries", "CountEntries")),
            *(listed("mask", output_mask=mask) for mask in (
                {}, {"spiffe_id": True, "selectors": True}, {"revision_number": True, "created_at": True},
                {"parent_id": True, "x509_svid_ttl": True, "jwt_svid_ttl": True, "federates_with": True},
                {"admin": True, "downstream": True, "expires_at": True, "dns_names": True},
                {"store_svid": True, "hint": True, "additional_attributes": True})),
            listed("page-first", page_size=5), listed("page-next", page_size=5, page_token="5"),
            listed("page-last-short", page_size=5, page_token="10"),
            listed("page-past-the-end", page_size=5, page_token="13"),
            listed("page-past-the-end", page_size=5, page_token="99"),
            listed("page-first", page_size=100), listed("page-size-negative", page_size=-1),
            listed("page-token-bad", page_size=3, page_token="nonsense"),
            listed("page-token-bad", page_size=3, page_token="-1"),
            listed("page-token-bad", page_size=3, page_token="99999999999"),
            *(listed("page-filtered", filter=f, page_size=1) for _, f in FILTERS[:24]),
            listed("page-filtered", filter=selectors("EXACT", ONE, ODD), page_size=2, page_token="8"),
        ]

    @table()
    def test_one_by_one(self):
        def get(row, name, **more):
            return entries(row, "GetEntry", {"id": name, **more})
        return [
            entries("good", "BatchCreateEntry", {"entries": [entry(n) for n in range(1, 6)]}),
            get("good", "e1"), get("no-id", ""), get("unknown", "none"),
            *(get("mask", "e1", output_mask=mask) for mask in ({}, {"hint": True}, {"spiffe_id": True})),
            entries("-", "BatchDeleteEntry"),
            entries("good unknown no-id", "BatchDeleteEntry", {"ids": ["e3", "none", "", "e4", "e3"]}),
            entries("good", "ListEntries"),
        ]

    @table()
    def test_what_agents_fetch(self):
        def fetch(row, request=None, method="SyncAuthorizedEntries", **kw):
            return entries(row, method, request or {}, caller="agent", **kw)
        revision = {"revision_number": True}
        return [
            entries("good", "BatchCreateEntry", {"entries": [
                entry(1), entry(2, hint="h"), entry(3, parent_id=td("/w/2")), entry(4, parent_id=td("/w/3")),
                entry(5, parent_id=td("/elsewhere")), entry(6, spiffe_id=td("/w/2"), parent_id=td("/w/3"))]}),
            pause(2.5),
            fetch("good", method="GetAuthorizedEntries"),
            *(fetch("mask", {"output_mask": mask}, "GetAuthorizedEntries") for mask in (
                {"spiffe_id": True}, {}, {"selectors": True, "hint": True})),
            fetch("small"), fetch("small", {"output_mask": {**revision, "hint": True}}),
            fetch("mask", {"output_mask": {**revision, "spiffe_id": True, "selectors": True}}),
            fetch("mask-without-revision", {"output_mask": {"spiffe_id": True}}),
            fetch("mask-without-revision", {"output_mask": {}}), fetch("ids-first", {"ids": ["e1"]}),
            fetch("small", '{}\n{"ids": ["e1", "none"]}'),
        ]

    @table()
    def test_more_entries_than_a_page_of_an_agent(self):
        def fetch(row, text):
            return entries(row, "SyncAuthorizedEntries", text, caller="agent", differs=in_larger_pages)
        first = '{"output_mask": {"revision_number": true, "spiffe_id": true}}'
        all_of_them = ", ".join(f'"e{n}"' for n in range(1, 502))
        return [
            entries("good", "BatchCreateEntry", {
                "entries": [entry(n) for n in range(1, 502)], "output_mask": {}}),
            entries("-", "BatchUpdateEntry", {"entries": [{"id": "e7", "hint": "x"}], "input_mask": {"hint": True}}),
            pause(3),
            fetch("large", "{}"), fetch("large mask", first),
            fetch("large asked-for", '{}\n{"ids": ["e1", "none", "e501"]}'),
            fetch("large asked-for", '{}\n{"ids": ["none"]}'),
            fetch("large asked-for", '{}\n{"ids": ["e1"]}\n{"ids": ["e1", "e2"]}\n{}'),
            fetch("large asked-for mask", first + '\n{"ids": [' + all_of_them + "]}"),
            entries("good", "GetAuthorizedEntries", {"output_mask": {}}, caller="agent"),
        ]


if __name__ == "__main__":
    unittest.main()
