"""Servers behind one name: agents spread, move on when a server ends, and come back to it.

Which server an agent uses is a matter of dice, so where 60 are at one moment is, too: each of three
servers has half of its share to one and a half of it in 99 of 100 moments, and the fullest has at most half
more than the emptiest in 60 of 100. What has to hold without luck is where they are over several moments,
between which all have moved. 12 agents in CI, 60 in `scripts/test.sh long rolling`.
"""

import base64
import json
import os
import time
import unittest

from harness import paths, postgres
from harness.case import needs_signet
from harness.process import wait_until
from harness.several import ADDRESSES, ALL, SeveralServers

LONG = paths.long_run()
AGENTS = 60 if LONG else 12
LOOKS = 10 if LONG else 3
EVEN_LOOKS = 9 if LONG else 0  # at which each server has its share, give or take half; of 12 agents dice do not say so
MORE = 1.5 if LONG else 5 * 1.5  # the fullest server over the emptiest, all looks together
# An agent's connection for its calls lives as long as this, or twice; the call by which it hears of changes,
# 10 to 20 minutes otherwise, ends with the agent's SVID.
CONNECTION_SECONDS = 2
SVID_SECONDS = 20
QUICK = {"agent": {"experimental": {"connection_age": f"{CONNECTION_SECONDS}s"}}}


class Places:
    """Which server each agent hears of changes from: that connection is the oldest that it has."""

    def __init__(self, case, agents):
        self.case, self.agents = case, agents
        self.since = {}  # socket: when it was seen first
        self.oldest = []  # of each agent: its socket, and which server that is to

    def watch(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look()
            time.sleep(CONNECTION_SECONDS / 4)  # two of an agent's are not made in so short a time

    def look(self):
        now = time.monotonic()
        sockets = self.case.connections_of(self.agents)
        self.since = {s: self.since.get(s, now) for mine in sockets for s in mine}
        self.oldest = [min(mine.items(), key=lambda x: self.since[x[0]], default=(None, None)) for mine in sockets]

    def counts(self):
        """How many agents are at each server; nothing while one is on its way."""
        self.look()
        places = [server for _, server in self.oldest]
        return None not in places and [places.count(n) for n in range(len(ADDRESSES))]


@needs_signet
@unittest.skipUnless(postgres.installed(), "PostgreSQL is not installed")
class RollingRestart(SeveralServers):
    def looks(self, places):
        """How many agents are at each server, several times, between which all have moved."""
        for _ in range(LOOKS):
            before = set(places.oldest)
            places.watch(SVID_SECONDS + 1)
            yield wait_until("every agent to be somewhere", places.counts)
            self.assertFalse(before & set(places.oldest), "agents that have not moved")

    def test_no_issuance_fails_and_load_comes_back(self):
        self.begin({"server": {"agent_ttl": f"{SVID_SECONDS}s"}})
        self.servers[0].create_entry("/me", "/node", [f"unix:uid:{os.geteuid()}"])
        agents = self.agents_at([ALL] * AGENTS, QUICK)
        self.verify_across(agents, 50)
        places = Places(self, agents)
        for server in self.servers:
            places.watch(0.5)
            self.assertEqual(server.stop(), 0)
            places.watch(0.5)
            server.start()
        restarted = wait_until("every agent to be somewhere", places.counts)
        looks = list(self.looks(places))
        in_all = [sum(counts) for counts in zip(*looks)]
        share = AGENTS / len(ADDRESSES)
        even = sum(all(abs(n - share) <= share / 2 for n in counts) for counts in looks)
        self.figures(agents=AGENTS, after_the_restarts=restarted, looks=looks, in_all=in_all,
                     looks_within_half_of_the_share=even,
                     looks_at_most_half_more_than_another=sum(max(counts) <= 1.5 * min(counts) for counts in looks))
        self.assertGreaterEqual(even, EVEN_LOOKS)
        self.assertLessEqual(max(in_all), MORE * min(in_all))
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
        self.figures(failover_seconds_max=round(slowest, 2), **verified)

    def test_one_of_three_leaves_for_good(self):
        """Its agents go on at the others, what it signed is good until it ends, and it signs no more."""
        self.begin({"server": {"default_x509_svid_ttl": "20s", "default_jwt_svid_ttl": "20s"}})
        self.servers[0].create_entry("/me", "/node", [f"unix:uid:{os.geteuid()}"])
        agents = self.agents_at([ALL] * 6, QUICK)
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
