"""An agent whose server was rebuilt with new keys: it waits, takes the bundle from its source, attests and goes on.

And the first bundle from another agent's Workload API, since both are about where a bundle comes from.
"""

import json
import shutil
import unittest

from harness.case import OUR_UID, TestCase, needs_signet
from harness.certificates import Certificate, x509pop_agent, x509pop_server
from harness.deploy import merge
from harness.process import wait_until

MOSTLY_WAITS = True

TD = "spiffe://example.org"


@needs_signet
class Rebootstrap(TestCase):
    def deploy(self, **settings):
        machines = self.folder / "machines"
        root = Certificate(machines, "root", "DNS:root.example")
        Certificate(machines, "machine", "DNS:machine.example", root)
        server = self.server("signet", x509pop_server(machines))
        agent = self.agent("signet", server, merge(
            {"agent": {"experimental": {"sync_interval": "1s"}, **settings}}, x509pop_agent(machines, "machine")), start=False)
        agent.start(token=None)
        self.create_entry(server, "/before")
        self.wait_ids(agent, [f"{TD}/before"])
        return server, agent

    @staticmethod
    def create_entry(server, path):
        agents = json.loads(server.must("agent", "list", "-output", "json").out)["agents"]
        server.create_entry(path, agents[0]["id"]["path"], [OUR_UID])

    def rebuild(self, server):
        """The same address, and nothing else of what it was."""
        self.assertEqual(server.stop(), 0)
        shutil.rmtree(server.data)
        server.data.mkdir()
        server.start()

    @staticmethod
    def stored(agent):
        return json.loads((agent.data / "agent-data.json").read_text())

    def test_it_takes_the_new_bundle_from_its_source_and_goes_on(self):
        server, agent = self.deploy(rebootstrap_mode="always", rebootstrap_delay="3s")
        self.assertEqual((self.stored(agent)["bootstrap_use"], self.stored(agent)["connection_attempts"]), (2, 0))
        stream = self.watch("stream", "watch-x509", "-socket", agent.socket, "-timeout", "120s")
        wait_until("the stream", lambda: self.json_lines(stream))
        self.rebuild(server)
        agent.process.wait_log("Trust Bundle and Server don't agree, ignoring for now")
        self.assertEqual(self.ids(agent), [f"{TD}/before"], "served as long as it is valid")
        self.assertNotEqual(self.stored(agent)["bootstrap_start_time"], "0001-01-01T00:00:00Z")
        agent.process.wait_log("Trust Bundle and Server don't agree, rebootstrapping")
        # What the source still says is of the old server: it is asked again.
        (agent.folder / "bundle.pem").write_text(server.must("bundle", "show").out)
        wait_until("the agent at the new server",
                   lambda: json.loads(server.must("agent", "list", "-output", "json").out)["agents"], 60)
        self.create_entry(server, "/after")
        self.wait_ids(agent, [f"{TD}/after"], seconds=40)
        self.assertTrue(agent.process.running(), "by the same process")
        wait_until("the stream to have the new identity", lambda: any(
            [s["spiffe_id"] for s in line.get("svids", [])] == [f"{TD}/after"] for line in self.json_lines(stream)), 40)
        self.assertEqual(self.stored(agent)["bootstrap_start_time"], "0001-01-01T00:00:00Z")

    def test_one_that_was_down_meanwhile_does_so_when_it_starts(self):
        server, agent = self.deploy(rebootstrap_mode="auto", rebootstrap_delay="2s")
        agent.stop()
        self.rebuild(server)
        (agent.folder / "bundle.pem").write_text(server.must("bundle", "show").out)
        agent.start(token=None)
        self.create_entry(server, "/after")
        self.wait_ids(agent, [f"{TD}/after"])
        self.assertIn("Trust Bundle and Server don't agree, rebootstrapping", agent.process.text())

    def test_without_the_mode_it_ends(self):
        server, agent = self.deploy()
        self.rebuild(server)
        self.assertEqual(agent.process.wait_exit(30), 1)

    def test_an_agent_with_a_join_token_is_not_allowed_to(self):
        server = self.server("signet")
        agent = self.agent("signet", server, {"agent": {"rebootstrap_mode": "always"}}, start=False)
        agent.start(wait=False)
        self.assertEqual(agent.process.wait_exit(30), 1)
        self.assertIn("you have requested rebootstrap support", agent.process.text())

    def test_the_first_bundle_from_another_agents_workload_api(self):
        server = self.server("signet")
        server.create_entry("/me", "/outer", [OUR_UID])
        server.create_entry("/me", "/inner", [OUR_UID], "-entryID", "inner")
        outer = self.agent("signet", server, path="/outer")
        self.wait_ids(outer, [f"{TD}/me"])
        inner = self.agent("signet", server, {"agent": {
            "trust_bundle_path": None, "trust_bundle_spiffe_workload_api": f"unix://{outer.socket}"}}, path="/inner")
        self.wait_ids(inner, [f"{TD}/me"])
        # One that is not there yet is waited for.
        outer.stop()
        late = self.agent("signet", server, {"agent": {
            "trust_bundle_path": None, "trust_bundle_spiffe_workload_api": f"unix://{outer.socket}"}}, start=False, path="/inner")
        late.start(wait=False)
        late.process.wait_log("unable to fetch trust bundle from SPIFFE Workload API", 90)
        outer.start(token=None)
        self.wait_ids(late, [f"{TD}/me"], seconds=60)


if __name__ == "__main__":
    unittest.main()
