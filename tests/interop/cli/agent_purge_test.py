"""`agent purge` with agents to purge: those that can attest again and whose SVID is over, and no others."""

import json
import time
import unittest

from harness.case import TestCase, needs_signet
from harness.certificates import Certificate
from harness.process import wait_until

PURGES = (["-dryRun"], ["-dryRun", "-expiredFor", "1h"], ["-dryRun", "-expiredFor", "1ms"],
          ["-dryRun", "-expiredFor", "1ms", "-output", "json"], ["-expiredFor", "1h", "-output", "json"])


@needs_signet
class AgentPurge(TestCase):
    def machines(self):
        """Two with certificates of one root, the same for both servers: so the agents' IDs are the same."""
        folder = self.folder / "machines"
        root = Certificate(folder, "root", "DNS:root")
        for name in ("one", "two"):
            Certificate(folder, name, f"DNS:{name}", root)
        return folder

    def agents(self, server):
        answers, _ = self.call(server, "spire.api.server.agent.v1.Agent/ListAgents", {})
        return answers[0]["agents"]

    def expired(self, impl, folder):
        """A server of which two agents by certificate and one by token were heard of, a while ago."""
        server = self.server(impl, {"server": {"agent_ttl": "3s"}, "plugins": {"NodeAttestor x509pop": {
            "plugin_data": {"ca_bundle_path": str(folder / "root.pem")}}}})
        for name in ("one", "two"):
            agent = self.agent("spire", server, {"plugins": {
                "NodeAttestor join_token": None, "NodeAttestor x509pop": {"plugin_data": {
                    "certificate_path": str(folder / f"{name}.pem"),
                    "private_key_path": str(folder / f"{name}.key")}}}}, start=False)
            agent.start(token=None).stop()
        joined = server.folder / "joined"
        joined.mkdir()
        self.probe("join", "-addr", f"127.0.0.1:{server.port}", "-token", server.token(), "-dir", joined)
        wait_until("all SVIDs to be over", lambda: len(self.agents(server)) == 3 and all(
            int(agent["x509svidExpiresAt"]) < time.time() - 1 for agent in self.agents(server)))
        return server

    def test_what_is_over_is_shown_and_deleted_alike(self):
        folder = self.machines()
        said = {}
        for impl in ("spire", "signet"):
            server = self.expired(impl, folder)
            kept = [agent["id"]["path"] for agent in self.agents(server) if not agent.get("canReattest")]
            said[impl] = [server.cli("agent", "purge", *flags) for flags in PURGES]
            self.assertEqual(len(self.agents(server)), 3, "nothing that ended within the hour is deleted")
            purged = server.cli("agent", "purge", "-expiredFor", "1ms", "-output", "json")
            items = json.loads(purged.out)["expired_agents"]
            self.assertEqual([item["deleted"] for item in items], [True, True], purged)
            self.assertEqual([agent["id"]["path"] for agent in self.agents(server)], kept)
            said[impl] += [purged, server.cli("agent", "purge", "-expiredFor", "1ms")]
        for ours, theirs in zip(said["signet"], said["spire"]):
            self.assertEqual((ours.code, ours.out, ours.err), (theirs.code, theirs.out, theirs.err))
        self.assertIn("/spire/agent/x509pop/", said["signet"][2].out)


if __name__ == "__main__":
    unittest.main()
