"""The TrustDomain service: relationships with foreign trust domains."""

import dataclasses
import unittest

from harness.api import ApiTest, refused_with, service, table

domains, bundle = service("TrustDomain"), service("Bundle")
WEB = {"trust_domain": "web.org", "bundle_endpoint_url": "https://web.invalid/b?c=d", "https_web": {}}
SPIFFE = {"trust_domain": "spiffe.org", "bundle_endpoint_url": "https://127.0.0.1:1",
          "https_spiffe": {"endpoint_spiffe_id": "spiffe://spiffe.org/server"}}
URLS = {"": False, "http://x": False, "x": False, "https://": False, "https:///p": False, "https:x": False,
        "https://u@x": False, "https://u:p@x/": False, "HTTPS://upper.invalid/": True,
        "https://x:1/p#f": True, "https://x:abc/": False, "https://a b/": False}
PROFILES = [({}, False), ({"https_spiffe": {}}, False), ({"https_spiffe": {"endpoint_spiffe_id": "x"}}, False),
            ({"https_spiffe": {"endpoint_spiffe_id": "spiffe://third.org/any"}}, True),
            ({"https_spiffe": {"endpoint_spiffe_id": "spiffe://third.org"}}, True)]
MASKS = ({"trust_domain_bundle": True}, {"bundle_endpoint_url": True}, {"bundle_endpoint_profile": True}, {})


def create(row, *items, **more):
    return domains(row, "BatchCreateFederationRelationship", {"federation_relationships": list(items), **more})


def update(row, *items, **more):
    return domains(row, "BatchUpdateFederationRelationship", {"federation_relationships": list(items), **more})


def listed(row, **request):
    return domains(row, "ListFederationRelationships", request)


def get(row, name, **more):
    return domains(row, "GetFederationRelationship", {"trust_domain": name, **more})


def delete(row, *names):
    return domains(row, "BatchDeleteFederationRelationship", {"trust_domains": list(names)})


def refresh(row, name):
    return domains(row, "RefreshBundle", {"trust_domain": name})


def with_bundle(row, what, relationship, domain=None, **more):
    """what: Create or Update; with our own roots as the bundle of `domain`."""
    def request(side):
        roots = side.ask("Bundle/GetBundle", {})["x509Authorities"]
        bundle_of = {"trustDomain": domain or relationship["trust_domain"], "x509Authorities": roots,
                     "refreshHint": "60", "sequenceNumber": "3"}
        return {"federation_relationships": [{**relationship, "trustDomainBundle": bundle_of}], **more}
    return domains(row, f"Batch{what}FederationRelationship", request)


class TrustDomains(ApiTest):
    @table()
    def test_creation(self):
        def masked(n, mask):
            return create("mask-out", {**(WEB, SPIFFE)[n % 2], "trust_domain": f"masked{n}.org"}, output_mask=mask)
        return [
            listed("good"), listed("page-first", page_size=2), get("unknown", "web.org"),
            get("domain-malformed", ""), get("domain-malformed", "b ad"), get("unknown", "spiffe://web.org"),
            get("unknown", "example.org"), create("-"), update("-"), delete("-"),
            create("good", WEB, SPIFFE), create("exists", WEB),
            create("good", {**WEB, "trust_domain": "spiffe://second.org"}),
            # One bad item never fails the others.
            create("good malformed own", {**WEB, "trust_domain": "third.org"}, {},
                   {**WEB, "trust_domain": "example.org"}, {**WEB, "trust_domain": "fourth.org"}),
            *(masked(n, mask) for n, mask in enumerate(MASKS)),
            *(create("good" if good else "malformed",
                     {**WEB, "trust_domain": f"url{n}.org", "bundle_endpoint_url": url})
              for n, (url, good) in enumerate(URLS.items())),
            *(create("good" if good else "malformed", {
                "trust_domain": f"profile{n}.org", "bundle_endpoint_url": "https://x.invalid", **profile})
              for n, (profile, good) in enumerate(PROFILES)),
            with_bundle("with-a-bundle", "Create", {**SPIFFE, "trust_domain": "bundled.org"}),
            with_bundle("bundle-foreign", "Create", {**WEB, "trust_domain": "mismatch.org"}, "other.org"),
            create("malformed", {**WEB, "trust_domain": "badbundle.org", "trust_domain_bundle": {
                "trust_domain": "badbundle.org", "x509_authorities": [{"asn1": "AAAA"}]}}),
            get("good", "bundled.org"), *(get("mask", "bundled.org", output_mask=mask) for mask in MASKS),
            bundle("good", "GetFederatedBundle", {"trust_domain": "bundled.org"}),
            listed("good"), listed("page-first", page_size=3), listed("page-next", page_size=3, page_token="3"),
            listed("page-past-the-end", page_size=3, page_token="99"),
            listed("page-token-bad", page_size=3, page_token="nonsense"), listed("page-size-negative", page_size=-1),
            *(listed("mask", output_mask=mask) for mask in MASKS),
        ]

    @table({"server": {"federation": {"federates_with configured.org": {
        "bundle_endpoint_url": "https://127.0.0.1:1/b", "bundle_endpoint_profile https_web": {}}}}})
    def test_of_the_configuration(self):
        def fetched():  # by ours from public addresses only
            return dataclasses.replace(refresh("configured", "configured.org"),
                                       differs=refused_with("Internal", "not a public one"))
        return [listed("configured"), get("configured", "configured.org"), fetched(),
                delete("unknown", "configured.org"), update("unknown", {**WEB, "trust_domain": "configured.org"}),
                create("good", {**WEB, "trust_domain": "configured.org"}), listed("good"),
                delete("good", "configured.org"), fetched()]

    @table()
    def test_change_and_deletion(self):
        url, profile, stored = ({field: True} for field in (
            "bundle_endpoint_url", "bundle_endpoint_profile", "trust_domain_bundle"))
        return [
            create("good", WEB, SPIFFE, {**WEB, "trust_domain": "third.org"}),
            with_bundle("with-a-bundle", "Create", {**SPIFFE, "trust_domain": "bundled.org"}),
            update("good", {**WEB, "bundle_endpoint_url": "https://changed.invalid"}), get("good", "web.org"),
            update("mask-profile", {**SPIFFE, "trust_domain": "web.org"}, input_mask=profile),
            *(update("mask-out", {**WEB, "bundle_endpoint_url": "https://again.invalid"}, input_mask=url,
                     output_mask=mask) for mask in MASKS),
            update("mask-url", {**WEB, "bundle_endpoint_url": "https://again2.invalid"}, input_mask=url),
            get("good", "web.org"), update("good", WEB, input_mask={}),
            # The whole message is looked at, whatever the mask says.
            update("unmasked-malformed", {"trust_domain": "web.org", "bundle_endpoint_url": "https://x.invalid"},
                   input_mask=url),
            update("unknown", {**WEB, "trust_domain": "none.org"}),
            update("malformed", {**WEB, "trust_domain": "b ad"}),
            update("unknown", {**WEB, "trust_domain": "example.org"}),
            update("good unknown malformed", {**WEB, "trust_domain": "none.org"}, {}, WEB),
            with_bundle("with-a-bundle", "Update", WEB), get("good", "web.org"),
            with_bundle("bundle-foreign", "Update", WEB, "other.org"),
            with_bundle("-", "Update", {**SPIFFE, "trust_domain": "third.org"}, input_mask=profile),
            get("good", "third.org"),
            with_bundle("mask-bundle", "Update", {**WEB, "trust_domain": "third.org"}, input_mask=stored),
            get("good", "third.org"),
            refresh("domain-malformed", ""), refresh("domain-malformed", "b ad"), refresh("unknown", "none.org"),
            refresh("unknown", "example.org"), refresh("fetch-fails", "spiffe.org"),
            delete("good unknown nothing domain-malformed", "web.org", "web.org", "none.org", "", "b ad",
                   "spiffe://third.org", "example.org"),
            get("unknown", "web.org"), bundle("good", "GetFederatedBundle", {"trust_domain": "web.org"}),
            refresh("unknown", "web.org"), listed("good"),
        ]


if __name__ == "__main__":
    unittest.main()
