"""`agent purge` with agents to purge: those that can attest again and whose SVID is over, and no others."""

import json
import time
import unittest

from harness.case import TestCase, needs_signet
from harness.certificates import Certificate, x509pop_agent, x509pop_server
from harness.process import wait_until

PURGES = (["-dryRun"], ["-dryRun", "-expiredFor", "1h"], ["-dryRun", "-expiredFor", "1ms"],
          ["-dryRun", "-expiredFor", "1ms", "-output", "json"], ["-expiredFor", "1h", "-output", "json"])


@needs_signet
class AgentPurge(TestCase):
    def machines(self):
        """Three with certificates of one root, the same for both servers: so the agents' IDs are the same."""
        folder = self.folder / "machines"
        root = Certificate(folder, "root", "DNS:root")
        for name in ("early", "late", "alive"):
            Certificate(folder, name, f"DNS:{name}", root)
        return folder

    def agents(self, server):
        answers, _ = self.call(server, "spire.api.server.agent.v1.Agent/ListAgents", {})
        return answers[0]["agents"]

    def over(self, server, seconds, count):
        """Until that many agents' SVIDs have been over for so long."""
        wait_until(f"{count} SVIDs to be over", lambda: count == sum(
            int(agent["x509svidExpiresAt"]) < time.time() - seconds for agent in self.agents(server)))

    def expired(self, impl, folder):
        """A server with an agent by token and one by certificate that were heard of 5 s before another that
        is gone as well, and one whose SVID is good for an hour."""
        server = self.server(impl, {"server": {"agent_ttl": "1h"}, **x509pop_server(folder)})
        self.agent("spire", server, x509pop_agent(folder, "alive"), start=False).start(token=None).stop()
        server.stop()
        server.over["server"]["agent_ttl"] = "3s"
        server.start()
        joined = server.folder / "joined"
        joined.mkdir()
        self.probe("join", "-addr", f"127.0.0.1:{server.port}", "-token", server.token(), "-dir", joined)
        self.agent("spire", server, x509pop_agent(folder, "early"), start=False).start(token=None).stop()
        self.over(server, 2, 2)
        self.agent("spire", server, x509pop_agent(folder, "late"), start=False).start(token=None).stop()
        self.over(server, 1, 3)
        return server

    def test_what_is_over_is_shown_and_deleted_alike(self):
        folder = self.machines()
        said = {}
        for impl in ("spire", "signet"):
            server = self.expired(impl, folder)
            # Of two that are over, the one that has been for longer than that.
            between = server.cli("agent", "purge", "-dryRun", "-expiredFor", "4s", "-output", "json")
            self.assertEqual(len(json.loads(between.out)["expired_agents"]), 1, between)
            kept = [agent["id"]["path"] for agent in self.agents(server) if not agent.get("canReattest")
                    or int(agent["x509svidExpiresAt"]) > time.time()]
            self.assertEqual(len(kept), 2, "who joined by token, and who is alive")
            said[impl] = [between, *(server.cli("agent", "purge", *flags) for flags in PURGES)]
            self.assertEqual(len(self.agents(server)), 4, "nothing that ended within the hour is deleted")
            purged = server.cli("agent", "purge", "-expiredFor", "1ms", "-output", "json")
            items = json.loads(purged.out)["expired_agents"]
            self.assertEqual([item["deleted"] for item in items], [True, True], purged)
            self.assertEqual([agent["id"]["path"] for agent in self.agents(server)], kept)
            said[impl] += [purged, server.cli("agent", "purge", "-expiredFor", "1ms")]
        for ours, theirs in zip(said["signet"], said["spire"]):
            self.assertEqual((ours.code, ours.out, ours.err), (theirs.code, theirs.out, theirs.err))
        self.assertIn("/spire/agent/x509pop/", said["signet"][3].out)


if __name__ == "__main__":
    unittest.main()
