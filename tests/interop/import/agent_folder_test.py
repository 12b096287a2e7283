"""An agent's folder changes hands: SPIRE's agent, then ours, then SPIRE's again, without a new token."""

import json
import unittest

from harness.case import OUR_UID, TestCase, needs_signet

TD = "spiffe://example.org"


@needs_signet
class AgentFolder(TestCase):
    def known(self, server):
        agents = json.loads(server.must("agent", "list", "-output", "json").out)["agents"]
        return {a["id"]["path"] for a in agents}

    def test_each_goes_on_where_the_other_stopped(self):
        for impl in ("signet", "spire"):
            with self.subTest(server=impl):
                server = self.server(impl)
                server.create_entry("/me", "/node", [OUR_UID])
                agent = self.agent("spire", server, name=f"agent-of-{impl}")
                self.wait_ids(agent, [f"{TD}/me"])
                known = self.known(server)
                files = {p.name for p in agent.data.iterdir()}
                for turn in ("signet", "spire", "signet"):
                    agent.stop()
                    agent.impl = turn
                    agent.start(token=None)
                    self.wait_ids(agent, [f"{TD}/me"])
                    self.assertEqual(self.known(server), known, f"{turn} did not attest anew")
                    self.assertEqual({p.name for p in agent.data.iterdir()}, files)
                    self.assertNotIn("Starting node attestation", agent.process.text())


if __name__ == "__main__":
    unittest.main()
