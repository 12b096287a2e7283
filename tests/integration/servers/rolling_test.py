"""Servers behind one name: agents spread, move on when a server ends, and come back to it."""

import base64
import json
import os
import time
import unittest

from harness import postgres
from harness.case import needs_signet
from harness.process import wait_until
from harness.several import ALL, SeveralServers

AGENTS = 12


@needs_signet
@unittest.skipUnless(postgres.installed(), "PostgreSQL is not installed")
class RollingRestart(SeveralServers):
    def balanced(self):
        """Each server within half of its share; an agent that moves has two connections for a moment."""
        found = self.connections()
        share = sum(found) / len(found)
        return sum(found) >= AGENTS and all(abs(n - share) <= share / 2 for n in found)

    def test_no_issuance_fails_and_load_comes_back(self):
        self.begin()
        self.servers[0].create_entry("/me", "/node", [f"unix:uid:{os.geteuid()}"])
        agents = self.agents_at([ALL] * AGENTS, {"agent": {"experimental": {"connection_age": "2s"}}})
        self.verify_across(agents, 50)
        for server in self.servers:
            self.assertEqual(server.stop(), 0)
            time.sleep(0.5)
            server.start()
        wait_until("the agents to be spread evenly", self.balanced, 30, 0.1)
        spread = self.connections()
        # One that ends without a word: the next call goes elsewhere, at once.
        self.servers[1].kill()
        slowest = 0.0
        for agent in agents:
            began = time.monotonic()
            code, lines = self.probe("fetch-jwt", "-socket", agent.socket, "-audience", "after")
            slowest = max(slowest, time.monotonic() - began)
            self.assertEqual(code, 0, lines)
        self.assertLess(slowest, 5 * 2.0)
        self.servers[1].start()
        verified = self.finish_verifier()
        self.assertEqual(verified["refused"], 0)
        self.figures(agents=AGENTS, connections=spread, failover_seconds_max=round(slowest, 2), **verified)

    def test_one_of_three_leaves_for_good(self):
        """Its agents go on at the others, what it signed is good until it ends, and it signs no more."""
        self.begin({"server": {"default_x509_svid_ttl": "20s", "default_jwt_svid_ttl": "20s"}})
        self.servers[0].create_entry("/me", "/node", [f"unix:uid:{os.geteuid()}"])
        agents = self.agents_at([ALL] * 6, {"agent": {"experimental": {"connection_age": "2s"}}})
        self.verify_across(agents, 50)
        leaving = self.servers[1]
        mine = self.active_authority(leaving)
        bundle = self.bundle(self.servers[0])
        # However long the database takes over it, nobody is sent to one that signs no more.
        slow = self.spawn("slow", self.database.held("meta", 3))
        wait_until("the database to be slow", lambda: "held" in slow.text())
        self.assertIn("signs no more", leaving.must("leave").out)
        self.assertEqual(slow.wait_exit(10), 0)
        self.assertEqual(self.bundle(self.servers[0])["keys"], bundle["keys"], "what it signed still verifies")
        wait_until("the agents to be elsewhere", lambda: self.connections()[1] == 0, 30, 0.1)
        self.assertEqual(leaving.stop(), 0)
        # One life of everything that it signed.
        seen = self.tally()["x509"]
        time.sleep(22)
        self.check_verifier("after it left")
        self.assertGreater(self.tally()["x509"], seen + 100)
        for agent in agents:
            _, lines = self.probe("fetch-x509", "-socket", agent.socket)
            for svid in lines[0]["svids"]:  # its authority key ID is in it as it is
                self.assertNotIn(bytes.fromhex(mine), base64.b64decode(svid["leaf"]))
        verified = self.finish_verifier()
        self.assertEqual(verified["refused"], 0)

    def active_authority(self, server):
        shown = json.loads(server.must("localauthority", "x509", "show", "-output", "json").out)
        return shown["active"]["authority_id"]


if __name__ == "__main__":
    unittest.main()
