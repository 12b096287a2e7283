"""What each call answers when the datastore does not: its tables are taken away beneath both servers."""

import contextlib
import sqlite3
import unittest

from harness.api import ApiTest, do, entry, pause, service, table, td

agent, bundle, entries = service("Agent"), service("Bundle"), service("Entry")
domains, authorities = service("TrustDomain"), service("LocalAuthority")
WEB = {"trust_domain": "web.org", "bundle_endpoint_url": "https://web.invalid", "https_web": {}}
OTHER = {"trust_domain": "other.org"}


def take_tables_away(side):
    with contextlib.closing(sqlite3.connect(side.server.data / "datastore.sqlite3", timeout=30)) as db:
        for name, in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if not name.startswith("sqlite_"):
                db.execute(f'ALTER TABLE "{name}" RENAME TO "gone_{name}"')
        db.commit()


def status(lines):
    """The (code, text) of an answer or of its only item."""
    end = lines[-1]
    for result in (lines[0].get("answer") or {}).get("results", []):
        code = {0: "OK", 2: "Unknown", 13: "Internal"}[result["status"].get("code", 0)]
        return code, result["status"]["message"]
    return end["code"], end["message"]


def same_sentence(ours, theirs):
    """What follows the colon is the database's. Where SPIRE says UNKNOWN ours is INTERNAL."""
    (code, text), (_, wanted) = status(ours), status(theirs)
    return code == "Internal" and text.partition(":")[0] == wanted.partition(":")[0]


def from_memory(ours, theirs):
    """Ours answers what it has in memory, which the change log keeps current."""
    return status(ours)[0] == "OK" and status(theirs)[0] == "Internal"


def serving(ours, theirs):
    """Ours serves what it has in memory for as long as `offline_issuance` says."""
    return (ours[0]["answer"]["status"], theirs[0]["answer"]["status"]) == ("SERVING", "NOT_SERVING")


class StoreFails(ApiTest):
    @table()
    def test_without_tables(self):
        def fails(make, method, request=None, differs=same_sentence, **kw):
            return make("store-fails", method, request or {}, differs=differs, **kw)

        def own(method, **kw):
            return fails(agent, method, lambda side: {"id": side.own()}, **kw)
        return [
            entries("good", "BatchCreateEntry", {"entries": [entry(1)]}),
            domains("good", "BatchCreateFederationRelationship", {"federation_relationships": [WEB]}),
            bundle("good", "BatchCreateFederatedBundle", {"bundle": [OTHER]}),
            do(take_tables_away), pause(1.5),
            fails(agent, "CountAgents"), fails(agent, "ListAgents"), own("GetAgent", differs=from_memory),
            own("BanAgent"), own("DeleteAgent"), fails(agent, "CreateJoinToken", {"ttl": 60}, None),
            fails(bundle, "CountBundles", differs=from_memory), fails(bundle, "GetBundle", differs=from_memory),
            fails(bundle, "ListFederatedBundles"),
            fails(bundle, "AppendBundle", {"jwt_authorities": [{"key_id": "k", "public_key": (
                "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEH9pD7THDvlzcIqPQnuxAeLmEDiib/+Qwuij8nyTDkhc7CiMsLxMr"
                "+Hlyut4+eIp8lBILSXYuCm9ITuEax+hj3A==")}]}),
            fails(bundle, "GetFederatedBundle", {"trust_domain": "other.org"}, from_memory),
            fails(bundle, "BatchCreateFederatedBundle", {"bundle": [{"trust_domain": "new.org"}]}),
            fails(bundle, "BatchUpdateFederatedBundle", {"bundle": [OTHER]}),
            fails(bundle, "BatchSetFederatedBundle", {"bundle": [OTHER]}),
            fails(bundle, "BatchDeleteFederatedBundle", {"trust_domains": ["other.org"]}),
            fails(entries, "CountEntries"), fails(entries, "ListEntries", None, None),
            fails(entries, "GetEntry", {"id": "e1"}),
            fails(entries, "BatchCreateEntry", {"entries": [entry(2)]}),
            fails(entries, "BatchUpdateEntry", {"entries": [entry(1, hint="h")]}),
            fails(entries, "BatchDeleteEntry", {"ids": ["e1"]}),
            fails(domains, "ListFederationRelationships"),
            fails(domains, "GetFederationRelationship", {"trust_domain": "web.org"}, from_memory),
            fails(domains, "BatchCreateFederationRelationship", {
                "federation_relationships": [{**WEB, "trust_domain": "new.org"}]}),
            fails(domains, "BatchUpdateFederationRelationship", {"federation_relationships": [WEB]}),
            fails(domains, "BatchDeleteFederationRelationship", {"trust_domains": ["web.org"]}),
            fails(authorities, "PrepareX509Authority"), fails(authorities, "PrepareJWTAuthority"),
            fails(service("Health"), "Check", differs=serving),
        ]

    @table()
    def test_authorities_without_tables(self):
        def of(kind, word, what, row="store-fails", differs=same_sentence):
            def request(side):
                answer = side.ask(f"LocalAuthority/Get{kind}AuthorityState", {})
                return {"authority_id": answer[word]["authorityId"]}
            return authorities(row, f"{what}{kind}Authority", request, differs=differs)

        def both(*calls):
            return [make(kind) for kind in ("X509", "JWT") for make in calls]
        return [
            # The one that is active now is the old one then.
            *both(lambda kind: authorities("good", f"Prepare{kind}Authority"),
                  lambda kind: of(kind, "prepared", "Activate", "good", None)),
            do(take_tables_away),
            *both(lambda kind: of(kind, "old", "Taint"), lambda kind: of(kind, "old", "Revoke")),
        ]


if __name__ == "__main__":
    unittest.main()
