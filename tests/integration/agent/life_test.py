"""What becomes of a running agent: banned, evicted, its SVID expired or renewed, its server away.

Ban and eviction also with SPIRE's server, which says both in its own words.
"""

import json
import os
import time
import unittest

from harness.case import TestCase, needs_signet
from harness.clock import Clock
from harness.deploy import argv
from harness.process import run, wait_until

TD = "spiffe://example.org"
QUICK = {"agent": {"experimental": {"sync_interval": "1s"}}}


@needs_signet
class AgentLife(TestCase):
    def agent_id(self, server):
        agents = json.loads(server.must("agent", "list", "-output", "json").out)["agents"]
        self.assertEqual(len(agents), 1)
        return TD + agents[0]["id"]["path"]

    def stored_svid(self, agent):
        return json.loads((agent.data / "agent-data.json").read_text())["svid"]

    def deploy(self, impl, over=None):
        server = self.server(impl, over)
        server.create_entry("/me", "/node", ["unix:uid:%d" % os.geteuid()])
        agent = self.agent("signet", server, QUICK)
        self.wait_ids(agent, [f"{TD}/me"])
        return server, agent

    def ends(self, agent, *words, seconds=20):
        self.assertEqual(agent.process.wait_exit(seconds), 1)
        text = agent.process.text()
        self.assertIn("Agent crashed", text)
        for word in words:
            self.assertIn(word, text)

    def test_a_banned_agent_ends_and_does_not_come_back(self):
        for impl in ("signet", "spire"):
            with self.subTest(server=impl):
                server, agent = self.deploy(impl)
                stream = self.watch(f"stream-{impl}", "raw", "-socket", agent.socket, "-stay",
                                    "-timeout", "60s")
                wait_until("the first message", lambda: self.json_lines(stream))
                server.must("agent", "ban", "-spiffeID", self.agent_id(server))
                self.ends(agent, "banned")
                self.assertFalse(agent.socket.exists())
                self.assertIsNone(self.stored_svid(agent), "a new start must not use it")
                stream.wait_exit(10)
                self.assertEqual(self.json_lines(stream)[-1]["message"], "no identity issued")

    def test_an_evicted_agent_with_a_join_token_ends_and_needs_a_new_one(self):
        for impl in ("signet", "spire"):
            with self.subTest(server=impl):
                server, agent = self.deploy(impl)
                server.must("agent", "evict", "-spiffeID", self.agent_id(server))
                self.ends(agent, "needs to attest anew and cannot by itself")
                self.assertIsNone(self.stored_svid(agent))
                # Nothing that waiting could make better, so it says what is missing at once.
                began = time.monotonic()
                agent.start(token=None, wait=False)
                self.ends(agent, "join token was not provided")
                self.assertLess(time.monotonic() - began, 10)
                agent.start(token=server.token("/node"))
                self.wait_ids(agent, [f"{TD}/me"])

    def test_a_token_that_was_used_is_refused_by_the_server_and_said(self):
        server, agent = self.deploy("signet")
        token = server.token("/node")
        agent.stop()
        (agent.data / "agent-data.json").unlink()
        agent.start(token=token)
        agent.stop()
        (agent.data / "agent-data.json").unlink()
        agent.start(token=token, wait=False)
        # The server may not have heard of a token yet, so this is tried again for a minute.
        agent.process.wait_log("join token does not exist or has already been used")
        self.assertTrue(agent.process.running())
        self.assertEqual(agent.stop(), 0)

    def test_an_svid_that_expired_while_it_was_down_is_not_used(self):
        server = self.server("signet", {"server": {"agent_ttl": "1h"}})
        agent = self.agent("signet", server, QUICK)
        agent.kill()
        clock = Clock(self.folder)
        clock.move(3_605)
        agent.start(token=None, wait=False, env=clock.env)
        self.ends(agent, "The stored SVID has expired", "join token was not provided")
        agent.start(token=server.token("/node"))
        self.assertTrue(self.stored_svid(agent))

    def test_renewals_pass_unnoticed_by_streams_and_syncs(self):
        server = self.server("signet", {"server": {"agent_ttl": "10s"}})
        server.create_entry("/me", "/node", ["unix:uid:%d" % os.geteuid()])
        agent = self.agent("signet", server, QUICK)
        stream = self.watch("stream", "raw", "-socket", agent.socket, "-stay", "-timeout", "60s")
        wait_until("the first message", lambda: self.json_lines(stream))
        renewed = "Successfully rotated agent SVID"
        wait_until("three renewals", lambda: agent.process.text().count(renewed) >= 3, 30)
        server.create_entry("/me2", "/node", ["unix:uid:%d" % os.geteuid()])
        wait_until("both identities", lambda: self.json_lines(stream)[-1].get("items") == 2)
        self.assertTrue(stream.running())
        self.assertNotIn("Failed to sync", agent.process.text())
        self.assertNotIn("Failed to rotate", agent.process.text())
        self.assertEqual(agent.stop(), 0)

    def test_a_server_that_is_away_is_waited_for(self):
        server, agent = self.deploy("signet")
        server.kill()
        agent.process.wait_log("Failed to sync with SPIRE Server")
        self.assertEqual(self.ids(agent), [f"{TD}/me"], "old and new callers are served")
        text = agent.process.text()
        wait_until("further tries", lambda: agent.process.text().count("Failed to sync") >= 3, 30)
        self.assertTrue(agent.process.running(), text)
        server.start()
        server.create_entry("/me2", "/node", ["unix:uid:%d" % os.geteuid()])
        self.wait_ids(agent, [f"{TD}/me", f"{TD}/me2"], seconds=30)
        self.assertEqual(agent.stop(), 0)

    def test_until_it_is_ready_callers_are_told_to_come_again(self):
        """Rule 46 of the SPIFFE checklist: not ready is UNAVAILABLE, never a refusal."""
        server, agent = self.deploy("signet")
        agent.kill()
        server.kill()
        agent.start(token=None, wait=False)
        agent.process.wait_log("Failed")
        self.assertEqual(self.ids(agent), "Unavailable")
        self.assertNotEqual(agent.cli("healthcheck").code, 0)
        server.start()
        self.wait_ids(agent, [f"{TD}/me"], seconds=30)

    def test_a_living_agents_sockets_are_not_taken_over(self):
        server = self.server("signet")
        server.create_entry("/me", "/node", ["unix:uid:%d" % os.geteuid()])
        admin = self.folder / "private" / "admin.sock"
        agent = self.agent("signet", server, {"agent": {"admin_socket_path": str(admin)}})
        self.wait_ids(agent, [f"{TD}/me"])
        for taken in ({"socket_path": str(agent.socket)}, {"admin_socket_path": str(admin)}):
            for hold in ("0s", "5s"):  # the socket opens after the first sync, or from the start
                with self.subTest(taken=taken, hold=hold):
                    second = self.agent("signet", server, {"agent": {**taken, "experimental": {"hold": hold}}}, start=False)
                    second.start(wait=False)
                    self.assertEqual(second.process.wait_exit(30), 1)
                    self.assertIn("another process is listening there", second.process.text())
                    self.assertEqual(self.ids(agent), [f"{TD}/me"])
                    self.assertEqual(run(argv("signet", "agent", "logger", "get", "-socketPath", admin)).code, 0)

    def test_without_apis_there_is_no_socket(self):
        server = self.server("signet")
        agent = self.agent("signet", server, {"agent": {"disable_workload_api": True,
                                                        "disable_sds_api": True}}, start=False)
        agent.start(wait=False)
        agent.process.wait_log("Agent is running")
        self.assertIn("Workload and SDS APIs are disabled", agent.process.text())
        self.assertFalse(agent.socket.exists())
        self.assertEqual(agent.stop(), 0)


if __name__ == "__main__":
    unittest.main()
