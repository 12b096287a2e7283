"""The upstream authority plugin `spire` against a real SPIRE server and agent, by the conformance suite."""

import json
import os
import unittest

from harness import paths
from harness.case import TestCase, needs_signet
from harness.deploy import TRUST_DOMAIN
from harness.process import run


@needs_signet
class UpstreamPlugin(TestCase):
    def conformance(self, impl, over=None, skipped=()):
        server = self.server(impl, over)
        agent = self.agent(impl, server)
        server.create_entry("/downstream", "/node", [f"unix:uid:{os.getuid()}"], "-downstream")
        self.wait_ids(agent, [f"spiffe://{TRUST_DOMAIN}/downstream"])
        config = {"server_address": "127.0.0.1", "server_port": server.port,
                  "workload_api_socket": str(agent.socket)}
        result = run([paths.BUILD / "test" / "upstreamauthority-conformance",
                      "--plugin", paths.PLUGINS / "upstreamauthority-spire.so",
                      "--config", json.dumps(config)], seconds=60)
        self.assertEqual(result.code, 0, result)
        self.assertEqual({line.split()[-1] for line in result.out.splitlines()
                          if line.startswith("[  SKIPPED ] Upstream") and not line.endswith(")")},
                         {f"UpstreamAuthoritySuite.{test}" for test in skipped}, result)

    def test_keeps_its_contract_below_spire(self):
        self.conformance("spire", skipped=["PublishesAWitKeyOnceOrSaysThatItCannot"])

    def test_keeps_its_contract_below_signet(self):
        self.conformance("signet", {"server": {"experimental": {"feature_flags": ["wit-svid"]}}})


if __name__ == "__main__":
    unittest.main()
