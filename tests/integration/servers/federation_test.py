"""A trust domain with three servers that federates: what is made at one is polled and served by all."""

import json
import os
import unittest

from harness import postgres
from harness.case import needs_signet
from harness.deploy import TRUST_DOMAIN
from harness.federation import Domain
from harness.process import wait_until
from harness.several import ADDRESSES, SeveralServers


@needs_signet
@unittest.skipUnless(postgres.installed(), "PostgreSQL is not installed")
class FederatingServers(SeveralServers):
    def held(self, server):
        """The key IDs and roots that this server holds of the other trust domain."""
        listed = server.cli("bundle", "list", "-id", "other.org", "-format", "spiffe")
        return {json.dumps(key, sort_keys=True) for key in json.loads(listed.out)["keys"]} \
            if listed.code == 0 else set()

    def test_relationships_and_bundles_reach_all_and_go_from_all(self):
        self.begin({"server": {"federation": {"allow_private_endpoints": True}}})
        other = Domain(self, "signet", "other.org", hint="1s").start()
        document = self.folder / "other.json"
        document.write_text(other.document())
        self.servers[0].must(
            "federation", "create", "-trustDomain", "other.org", "-bundleEndpointURL", other.url(),
            "-bundleEndpointProfile", "https_spiffe", "-endpointSpiffeID", other.server_id,
            "-trustDomainBundlePath", document, "-trustDomainBundleFormat", "spiffe")
        first = self.held(self.servers[0])
        self.assertEqual(len(first), 2)
        for server in self.servers:
            wait_until(f"{server.name} to have the bundle", lambda s=server: self.held(s) == first, 10)
            self.assertIn("other.org", server.must("federation", "list").out)
        # An agent at the last of them hands it out.
        self.servers[1].create_entry("/me", "/node", [f"unix:uid:{os.geteuid()}"], "-federatesWith",
                                     "spiffe://other.org")
        agent, = self.agents_at(ADDRESSES[2:])
        self.wait_ids(agent, [f"spiffe://{TRUST_DOMAIN}/me"])
        # The other side rotates, while the server that made the relationship is away.
        self.assertEqual(self.servers[0].stop(), 0)
        other.prepare()
        for server in self.servers[1:]:
            wait_until(f"{server.name} to have the new keys", lambda s=server: len(self.held(s)) == 4, 10)

        def handed_out():
            _, lines = self.probe("fetch-bundles", "-socket", agent.socket)
            return {kind: len(lines[0].get(kind, {}).get("spiffe://other.org", [])) for kind in ("x509", "jwt")}
        wait_until("a workload to have them", lambda: handed_out() == {"x509": 2, "jwt": 2}, 10)
        self.servers[0].start()
        self.assertEqual(self.held(self.servers[0]), self.held(self.servers[1]))
        # Gone at one, gone everywhere.
        self.servers[2].must("federation", "delete", "-id", "other.org")
        self.servers[2].must("bundle", "delete", "-id", "other.org", "-mode", "dissociate")
        for server in self.servers:
            wait_until(f"{server.name} to have forgotten it", lambda s=server: not self.held(s), 10)
            self.assertNotIn("other.org", server.must("federation", "list").out)
        wait_until("the workload to have no bundle of it", lambda: handed_out() == {"x509": 0, "jwt": 0}, 10)


if __name__ == "__main__":
    unittest.main()
