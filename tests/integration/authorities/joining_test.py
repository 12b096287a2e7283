"""Several servers on one PostgreSQL: one that joins is not met by agents before they know it."""

import json
import os
import time
import unittest

from harness import postgres
from harness.case import TestCase, needs_signet
from harness.process import wait_until

TD = "spiffe://example.org"


@needs_signet
@unittest.skipUnless(postgres.installed(), "PostgreSQL is not installed")
class Joining(TestCase):
    def setUp(self):
        self.database = postgres.Postgres(self.folder / "postgres").start()
        self.nodes.append(self.database)
        self.over = {"plugins": {"DataStore sql": self.database.data_store()}}

    def joined(self, name):
        """A server with keys of its own, from its start until it serves agents."""
        server = self.server("signet", self.over, name=name, start=False)
        server.start(wait=False)
        return server

    def authorities(self, server):
        keys = json.loads(server.must("bundle", "show", "-format", "spiffe").out)["keys"]
        return sum(key["use"] == "x509-svid" for key in keys)

    def test_a_joining_server_waits_until_every_agent_knows_it(self):
        first = self.server("signet", self.over, name="first")
        first.create_entry("/me", "/node", [f"unix:uid:{os.geteuid()}"])
        agents = [self.agent(impl, first, {"agent": {"experimental": {"sync_interval": "1s"}}},
                             name=f"{impl}{n}", path="/node")
                  for impl, count in (("spire", 5), ("signet", 1)) for n in range(count)]
        for agent in agents:
            self.wait_ids(agent, [f"{TD}/me"], seconds=30)
        second = self.joined("second")
        second.process.wait_log("Joining the other servers")
        second.process.wait_log("Joined: everybody has our authorities", 60)
        second.wait_healthy()
        self.assertEqual(self.authorities(first), 2)
        # One by one the first server's place is taken: the agents find another server behind the
        # same address, and believe it.
        port = first.port
        first.stop()
        second.stop()
        second.port = port
        second.over = self.over
        second.start()
        second.create_entry("/me2", "/node", [f"unix:uid:{os.geteuid()}"])
        for agent in agents:
            self.wait_ids(agent, [f"{TD}/me", f"{TD}/me2"], seconds=60)
            self.assertTrue(agent.process.running(), agent.name)

    def test_the_first_server_of_an_empty_domain_does_not_wait(self):
        self.server("signet", self.over, name="first")
        second = self.server("signet", self.over, name="second")
        self.assertNotIn("Joining", second.process.text(), "there are no agents yet")

    def test_a_joining_server_is_not_ready_while_an_agent_lacks_it(self):
        first = self.server("signet", self.over, name="first")
        agent = self.agent("signet", first, {"agent": {"experimental": {"sync_interval": "1s"}}})
        wait_until("a sync", lambda: "Bundle updated" in agent.process.text())
        time.sleep(2.5)
        os.kill(agent.process.pid, 19)  # SIGSTOP
        try:
            second = self.joined("second")
            second.process.wait_log("Joining the other servers")
            time.sleep(3)
            self.assertFalse(second.healthy())
            self.assertNotIn("network=tcp", second.process.text())
        finally:
            os.kill(agent.process.pid, 18)
        second.process.wait_log("Joined: everybody has our authorities", 60)
        second.wait_healthy()


if __name__ == "__main__":
    unittest.main()
