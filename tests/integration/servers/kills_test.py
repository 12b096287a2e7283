"""Three servers and one PostgreSQL, any of which may end at any moment, under load.

Each server has an agent of its own and keys of its own. 200 JWT-SVIDs a second and more are issued through
the agents, and every SVID is verified with the bundle of an agent on another server: none fails.
What was acknowledged is there at the end, on every server. One authority is replaced by hand, all
by schedule: they live two minutes.

12 restarts and kills of servers and 2 of PostgreSQL in every CI run, 100 and 10 in
`scripts/test.sh long servers-kills postgres-kills`; SIGNET_TEST_SEED repeats a run.
"""

import json
import os
import time
import unittest

from harness import paths, postgres
from harness.case import TestCase, needs_signet
from harness.process import wait_until
from harness.several import ADDRESSES, ME, SeveralServers

KILLS = 100 if paths.long_run() else 12
DATABASE_KILLS = 10 if paths.long_run() else 2
SAME_BUNDLE = 1.0 if paths.long_run() else 5 * 1.0  # seconds after a change, or after a server is ready
RATE = 320  # those whose agent's only server is away are refused; this many are issued all the same:
ISSUED = 200 if paths.long_run() else 40
SHORT = {"server": {"ca_ttl": "120s", "default_x509_svid_ttl": "15s", "default_jwt_svid_ttl": "15s",
                    "agent_ttl": "60s",
                    "expired_authority_grace": "5s"}}


@needs_signet
@unittest.skipUnless(postgres.installed(), "PostgreSQL is not installed")
class Kills(SeveralServers):
    def setUp(self):
        self.begin(SHORT, durable=True)
        for n in range(5):
            self.servers[0].create_entry("/me" if n == 0 else f"/me{n}", "/node",
                                         [f"unix:uid:{os.geteuid()}"])
        self.agents = self.agents_at(ADDRESSES)
        self.load()
        self.verify_across(self.agents, RATE)

    def check_agents(self, when):
        for agent in self.agents:
            self.assertTrue(agent.process.running(), f"{when}: {agent.name}")

    def turn(self):
        """A forced rotation of the first server's X.509 authority. Before anything ends: a server
        that was restarted counts its agents as lacking a new authority for two minutes."""
        base = ("localauthority", "x509")
        prepared = json.loads(self.servers[0].must(*base, "prepare", "-output", "json").out)
        self.servers[0].must(*base, "activate", "-wait", "-authorityID",
                             prepared["prepared_authority"]["authority_id"])

    def change_bundle(self, when):
        """A key is published at a server; gives how long until each that lives shows it."""
        server = self.random.choice([s for s in self.servers if s.process.running()])
        key = {"key_id": when, "public_key": self.any_key, "expires_at": int(time.time()) + 5}
        began = time.monotonic()
        _, end = self.call(server, "spire.api.server.bundle.v1.Bundle/AppendBundle", {"jwt_authorities": [key]})
        self.assertEqual(end["code"], "OK", end)
        took = time.monotonic() - began + self.wait_same_bundle(when, SAME_BUNDLE)
        self.assertIn(when, {known.get("kid") for known in self.bundle(server)["keys"]})
        return took

    def end(self, server):
        """An orderly end or a power cut."""
        if self.random.random() < 0.5:
            self.assertEqual(server.stop(), 0, server.name)
            return "stopped"
        server.kill()
        return "killed"

    def test_servers_that_end_at_random(self):
        ready, level, changed, most, two = [], [], [], 0, 0
        self.turn()
        shown = json.loads(self.servers[0].must("bundle", "show", "-output", "json").out)
        self.any_key = shown["jwt_authorities"][0]["public_key"]
        for n in range(KILLS):
            time.sleep(self.random.uniform(0.0, 0.6))
            server = self.random.choice(self.servers)
            when = f"{n}: {server.name} {self.end(server)}"
            if self.random.random() < 0.2:  # once more, while it starts
                server.start(wait=False)
                time.sleep(self.random.uniform(0.0, 0.5))
                server.kill()
            changed.append(self.change_bundle(f"{when}, then another key"))
            if self.random.random() < 0.2:  # and a second one, so that a single one is left
                other = self.random.choice([s for s in self.servers if s is not server])
                when += f", {other.name} {self.end(other)}"
                two += 1
                time.sleep(self.random.uniform(0.0, 0.5))
                other.start()
            began = time.monotonic()
            server.start()
            ready.append(time.monotonic() - began)
            level.append(self.wait_same_bundle(when, SAME_BUNDLE))
            most = max(most, self.x509_authorities())
            self.check_verifier(when)
            self.check_agents(when)
        acknowledged = self.check_nothing_lost()
        verified = self.finish_verifier()  # refused: by agents whose only server was away
        self.assertGreaterEqual(verified["jwt_svids_per_second"], ISSUED)
        self.assertLessEqual(most, 9)
        self.figures(restarts=KILLS, of_them_with_a_second_one_down=two, **verified,
                     acknowledged=acknowledged, lost=0, x509_authorities_max=most,
                     ready_seconds_max=round(max(ready), 2), same_bundle_seconds_max=round(max(level), 2),
                     changed_bundle_everywhere_seconds_max=round(max(changed), 2))

    def writes(self, server):
        return server.cli("entry", "create", "-spiffeID", "spiffe://example.org/late", "-parentID",
                          "spiffe://example.org/elsewhere", "-selector",
                          f"load:{time.monotonic_ns()}").code == 0

    def test_postgresql_that_ends_at_random(self):
        back = []
        for n in range(DATABASE_KILLS):
            time.sleep(self.random.uniform(0.5, 2.0))
            self.database.kill()
            time.sleep(self.random.uniform(0.5, 2.0))
            self.database.start()
            began = time.monotonic()
            for server in self.servers:
                wait_until(f"{server.name} to have its database again", lambda: self.writes(server), 15, 0.1)
            back.append(time.monotonic() - began)
            for server in self.servers:
                self.assertTrue(server.process.running(), server.name)
            self.wait_same_bundle(f"database kill {n}", SAME_BUNDLE)
            self.check_verifier(f"database kill {n}")
            self.check_agents(f"database kill {n}")
        acknowledged = self.check_nothing_lost()
        verified = self.finish_verifier()
        self.assertEqual(verified["refused"], 0, "what is known is issued from memory")
        self.assertGreaterEqual(verified["jwt_svids_per_second"], ISSUED)
        self.figures(database_kills=DATABASE_KILLS, **verified, acknowledged=acknowledged, lost=0,
                     writes_again_seconds_max=round(max(back), 2))


@needs_signet
class TheVerifier(TestCase):
    def test_it_notices_a_server_that_is_not_one_of_them(self):
        sockets = []
        for n in range(2):  # of one trust domain by name only: two databases
            server = self.server("signet")
            server.create_entry("/me", "/node", [f"unix:uid:{os.geteuid()}"])
            sockets.append(str(self.agent("signet", server).socket))
        verifier = self.watch("verifier", "cross", "-sockets", ",".join(sockets), "-spiffe-id", ME, "-rate", "20")

        def failed(what):
            return any(line.get("failed") == what for line in self.json_lines(verifier))
        wait_until("both kinds of SVIDs to fail", lambda: failed("jwt") and failed("x509"))
        verifier.terminate()
        self.assertEqual([self.json_lines(verifier)[-1][kind] for kind in ("jwt", "x509")], [0, 0])


if __name__ == "__main__":
    unittest.main()
